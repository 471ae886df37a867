/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_state_ops - any sequence of puts, deletes, marks, rollbacks, blocks that become final or not, against the naive
 * model. */
#include "table_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLAIM(x)                                                                                                       \
    if (!(x)) abort()
#define MARKS_MAX 4

typedef struct input {
    const uint8_t *at, *end;
} input;

static uint8_t byte_of(input *in) { return in->at < in->end ? *in->at++ : 0; }

/* 1 to 4 bytes out of 4 values: keys that are prefixes of others, and few enough to meet again. */
static assay_bytes key_from(input *in, uint8_t out[4]) {
    uint8_t b = byte_of(in);
    static const uint8_t letters[] = {0, 1, 0x80, 0xff};
    size_t len = 1 + (b & 3u);
    uint8_t more = len > 3 ? byte_of(in) : 0;
    for (size_t i = 0; i < len; i++) out[i] = letters[(i < 3 ? b >> (2 + 2 * i) : more) & 3u];
    return (assay_bytes){out, len};
}

static void listing(fixture *f, const table *model, bool side, assay_bytes prefix) {
    uint8_t at[8];
    assay_bytes after = {0}, key, value;
    bool found;
    for (size_t i = table_lower(model, prefix);; i++) {
        must((side ? assay_state_side_next : assay_state_next)(f->state, prefix, after, &key, &value, &found));
        bool expected = i < model->count && model->rows[i].key.len >= prefix.len &&
                        memcmp(model->rows[i].key.ptr, prefix.ptr, prefix.len) == 0;
        CLAIM(found == expected);
        if (!found) return;
        CLAIM(assay_base_bytes_eq(key, model->rows[i].key) && assay_base_bytes_eq(value, model->rows[i].value));
        memcpy(at, key.ptr, key.len);
        after = (assay_bytes){at, key.len};
    }
}

/* The block's end: prepare, and perhaps commit. */
static void end_block(fixture *f, table now[2], table committed[2], bool final) {
    assay_hash root, log_root;
    uint64_t log_size;
    size_t pages;
    must(assay_state_prepare(f->state, &root, &log_size, &log_root));
    CLAIM(assay_base_hash_eq(root, naive_root(&now[0], &pages)));
    if (final) {
        must(assay_state_commit(f->state, assay_state_height(f->state) + 1, storage_writer(&f->storage)));
        assay_state_committed(f->state);
        CLAIM(f->storage.spaces[ASSAY_SPACE_NODE].count == pages);
        CLAIM(table_eq(&f->storage.spaces[ASSAY_SPACE_VALUE], &now[0]) &&
              table_eq(&f->storage.spaces[ASSAY_SPACE_SIDE], &now[1]));
    } else {
        assay_state_discard(f->state);
    }
    table *from = final ? now : committed, *to = final ? committed : now;
    for (int i = 0; i < 2; i++) {
        table_free(&to[i]);
        to[i] = table_copy(&from[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 4096) return 0;
    input in = {data, data + size};
    fixture *f = fixture_new(1u << 20);
    table now[2] = {0}, committed[2] = {0}, saved[MARKS_MAX][2] = {0};
    assay_state_point points[MARKS_MAX];
    unsigned marks = 0;
    while (in.at < in.end) {
        uint8_t op = byte_of(&in), key_memory[4], value[2];
        bool side = op & 0x80u;
        assay_bytes key = key_from(&in, key_memory), got;
        table *model = &now[side];
        bool found;
        switch (op % 8) {
        case 0:
        case 1:
        case 2:
            value[0] = op >> 3 & 3u;
            must((side ? assay_state_side_put : assay_state_put)(f->state, key, (assay_bytes){value, 1}));
            table_put(model, key, (assay_bytes){value, 1});
            break;
        case 3:
            must((side ? assay_state_side_del : assay_state_del)(f->state, key));
            table_del(model, key);
            break;
        case 4:
            must((side ? assay_state_side_get : assay_state_get)(f->state, key, &got, &found));
            CLAIM(found == (table_find(model, key) != NULL));
            if (op & 0x40u) listing(f, model, side, (assay_bytes){key.ptr, key.len - 1});
            break;
        case 5:
            if (marks == MARKS_MAX) break;
            points[marks] = assay_state_mark(f->state);
            for (int i = 0; i < 2; i++) saved[marks][i] = table_copy(&now[i]);
            marks++;
            break;
        case 6:
            if (marks == 0) break;
            marks--;
            if (op & 0x40u) assay_state_rollback(f->state, points[marks]);
            for (int i = 0; i < 2; i++) {
                table *gone = op & 0x40u ? &now[i] : &saved[marks][i];
                table_free(gone);
                if (op & 0x40u) now[i] = saved[marks][i];
                saved[marks][i] = (table){0};
            }
            break;
        default:
            while (marks > 0) {
                marks--;
                for (int i = 0; i < 2; i++) table_free(&saved[marks][i]);
            }
            end_block(f, now, committed, op & 0x40u);
            if (op & 0x20u) must(fixture_open(f));
            break;
        }
    }
    while (marks > 0) {
        marks--;
        for (int i = 0; i < 2; i++) table_free(&saved[marks][i]);
    }
    end_block(f, now, committed, true);
    for (int i = 0; i < 2; i++) {
        table_free(&now[i]);
        table_free(&committed[i]);
    }
    fixture_free(f);
    return 0;
}
