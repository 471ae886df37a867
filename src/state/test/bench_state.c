/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_state - updates a second of the tree alone, over a hash table in memory: blocks of 1,000 changed keys (9 of 10
 * known, 1 new) in trees of 10^4, 10^5 and 10^6 keys. usage: bench_state [LARGEST_TREE] */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state/state.h"

#define JOURNAL_LEN (64u << 20)
#define BLOCK_KEYS 1000

/* Open addressing; rows are never freed: a replaced one of the same length is written in place. Deletes leave a row
 * without value. */
typedef struct row {
    uint8_t *bytes; /* key, value */
    uint32_t key_len, value_len, cap;
    uint8_t space;
} row;
typedef struct hashed {
    row *rows;
    size_t cap, count;
    uint64_t gets, puts, put_bytes;
} hashed;

static size_t slot_of(const hashed *h, assay_space space, assay_bytes key) {
    uint64_t x = 0xcbf29ce484222325u + (uint64_t)space;
    for (size_t i = 0; i < key.len; i++) x = (x ^ key.ptr[i]) * 0x100000001b3u;
    size_t at = (size_t)(x ^ (x >> 29)) & (h->cap - 1);
    while (h->rows[at].bytes && (h->rows[at].space != space || h->rows[at].key_len != key.len ||
                                 memcmp(h->rows[at].bytes, key.ptr, key.len) != 0)) {
        at = (at + 1) & (h->cap - 1);
    }
    return at;
}

static assay_err hashed_get(void *context, assay_space space, assay_bytes key, assay_bytes *value, bool *found) {
    hashed *h = context;
    const row *r = &h->rows[slot_of(h, space, key)];
    h->gets++;
    *found = r->bytes && r->value_len;
    *value = (assay_bytes){r->bytes + r->key_len, r->value_len};
    return ASSAY_OK;
}

static assay_err hashed_put(void *context, assay_space space, assay_bytes key, assay_bytes value) {
    hashed *h = context;
    row *r = &h->rows[slot_of(h, space, key)];
    h->puts++;
    h->put_bytes += key.len + value.len;
    if (r->bytes == NULL && ++h->count > h->cap / 2) abort();
    if (r->cap < key.len + value.len) {
        r->cap = (uint32_t)(key.len + value.len);
        r->bytes = realloc(r->bytes, r->cap);
        if (!r->bytes) abort();
    }
    r->space = (uint8_t)space;
    r->key_len = (uint32_t)key.len;
    r->value_len = (uint32_t)value.len;
    memcpy(r->bytes, key.ptr, key.len);
    if (value.len) memcpy(r->bytes + key.len, value.ptr, value.len);
    return ASSAY_OK;
}

static assay_err none(void *context, assay_space space, assay_bytes from, bool after, assay_bytes *key,
                      assay_bytes *value, bool *found) {
    (void)context, (void)space, (void)from, (void)after, (void)key, (void)value;
    *found = false;
    return ASSAY_OK;
}
static assay_err none_before(void *context, assay_space space, assay_bytes from, assay_bytes *key, assay_bytes *value,
                             bool *found) {
    return none(context, space, from, false, key, value, found);
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(assay_err err) {
    if (err) {
        fprintf(stderr, "bench_state: %s\n", assay_base_err_text(err));
        exit(1);
    }
}

static uint64_t seed = 1;
static uint64_t choose(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 20;
}

static void put(assay_state *state, uint64_t n, uint64_t salt) {
    uint8_t key[28] = "account/", value[64] = {0};
    for (int i = 0; i < 20; i++) key[8 + i] = (uint8_t)((n * 0x9e3779b97f4a7c15u) >> (i % 8 * 8)) ^ (uint8_t)i;
    memcpy(value, &salt, 8);
    must(assay_state_put(state, (assay_bytes){key, 28}, (assay_bytes){value, 40}));
}

/* Seconds of: puts, prepare, commit. */
static void block(assay_state *state, hashed *h, double spent[3], size_t keys, uint64_t *known, bool fill) {
    double t0 = seconds();
    for (size_t i = 0; i < keys; i++) {
        uint64_t n = fill || i % 10 == 9 ? (*known)++ : choose() % *known;
        put(state, n, choose());
    }
    double t1 = seconds();
    assay_hash root, log_root;
    uint64_t log_size;
    must(assay_state_prepare(state, &root, &log_size, &log_root));
    double t2 = seconds();
    must(assay_state_commit(state, assay_state_height(state) + 1, (assay_state_writer){h, hashed_put}));
    assay_state_committed(state);
    double t3 = seconds();
    spent[0] += t1 - t0, spent[1] += t2 - t1, spent[2] += t3 - t2;
}

static void bench(uint64_t size, uint8_t *journal) {
    static uint8_t keep_memory[16384];
    hashed h = {.cap = 1u << 13};
    while (h.cap < size * 8) h.cap *= 2;
    h.rows = calloc(h.cap, sizeof(row));
    if (!h.rows) abort();
    assay_arena keep = assay_base_arena(keep_memory, sizeof keep_memory);
    assay_state *state;
    must(assay_state_open(&state, &keep, assay_base_arena(journal, JOURNAL_LEN),
                          (assay_state_reader){&h, hashed_get, none, none_before}));
    uint64_t known = 0;
    double filled[3] = {0}, spent[3] = {0};
    while (known < size) block(state, &h, filled, size < 10000 ? size : 10000, &known, true);
    h.gets = h.puts = h.put_bytes = 0;
    enum { BLOCKS = 100 };
    for (int i = 0; i < BLOCKS; i++) block(state, &h, spent, BLOCK_KEYS, &known, false);
    double changes = BLOCKS * BLOCK_KEYS;
    printf("%8llu keys: a block of %d changes: put %.2f ms, prepare %.2f ms, commit %.2f ms; %.0f changes/s; a change "
           "reads %.2f rows, "
           "writes %.2f rows of %.0f bytes in all\n",
           (unsigned long long)size, BLOCK_KEYS, spent[0] / BLOCKS * 1e3, spent[1] / BLOCKS * 1e3,
           spent[2] / BLOCKS * 1e3, changes / (spent[0] + spent[1] + spent[2]), (double)h.gets / changes,
           (double)h.puts / changes, (double)h.put_bytes / changes);
    for (size_t i = 0; i < h.cap; i++) free(h.rows[i].bytes);
    free(h.rows);
}

int main(int argc, char **argv) {
    uint64_t largest = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint8_t *journal = malloc(JOURNAL_LEN);
    if (!journal) abort();
    for (uint64_t size = 10000; size <= largest; size *= 10) bench(size, journal);
    free(journal);
    return 0;
}
