/* SPDX-License-Identifier: Apache-2.0
 *
 * kill -9 at any instant: a child commits blocks and says so through a pipe until it is killed; then everything that it
 * said is there, nothing is half there, and the next child goes on. Each block is a function of its height, so what
 * must be there is known to the byte. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "os/os.h"
#include "store/store.h"

#define OK(call) assert_int_equal((call), ASSAY_OK)
#define JOURNAL_LEN (1u << 20)
#define KEYS 400

static uint64_t mix(uint64_t z) {
    z = (z + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- what a height means ------------------------------------------------------------------------------------- */

typedef struct change {
    uint8_t key[3];
    uint8_t value[100];
    size_t value_len; /* 0: deleted */
} change;

static unsigned changes_of(uint64_t height) { return (unsigned)(mix(height) % 30); }

static change change_of(uint64_t height, unsigned i) {
    uint64_t n = mix(height * 64 + i);
    change c = {.key = {'k', (uint8_t)(n % KEYS / 256), (uint8_t)(n % KEYS)},
                .value_len = n >> 16 & 7 ? 1 + (n >> 24) % 100 : 0};
    for (size_t b = 0; b < c.value_len; b++) c.value[b] = (uint8_t)(n + b);
    return c;
}

static size_t block_len_of(uint64_t height) { return mix(height ^ 77) % 9000; }

/* ---- the child ----------------------------------------------------------------------------------------------- */

typedef struct writer {
    assay_store *store;
    assay_state *state;
    uint8_t block[9000];
    uint64_t height;
} writer;

static assay_err fill(void *context, assay_store_batch *batch) {
    writer *w = context;
    assay_hash ids[2] = {{{0}}};
    memcpy(ids[0].b, &w->height, 8);
    memcpy(ids[1].b + 8, &w->height, 8);
    memset(w->block, (int)w->height, sizeof w->block);
    ASSAY_TRY(assay_state_commit(w->state, w->height, assay_store_state_writer(batch)));
    ASSAY_TRY(assay_store_put(batch, ASSAY_STORE_NAMED, ASSAY_STR("height"), (assay_bytes){(uint8_t *)&w->height, 8}));
    return assay_store_put_block(
        batch, &(assay_store_block){
                   .height = w->height, .block = {w->block, block_len_of(w->height)}, .ids = ids, .ids_count = 2});
}

static assay_err apply(writer *w) {
    assay_hash root, log_root;
    uint64_t log_size, index;
    w->height = assay_state_height(w->state) + 1;
    for (unsigned i = 0; i < changes_of(w->height); i++) {
        change c = change_of(w->height, i);
        assay_bytes key = {c.key, sizeof c.key}, value = {c.value, c.value_len};
        ASSAY_TRY(c.value_len ? assay_state_put(w->state, key, value) : assay_state_del(w->state, key));
    }
    assay_bytes text = {(uint8_t *)&w->height, 8};
    ASSAY_TRY(assay_state_side_put(w->state, ASSAY_STR("height"), text));
    if (w->height % 3 == 0) ASSAY_TRY(assay_state_log_append(w->state, text, &index));
    ASSAY_TRY(assay_state_prepare(w->state, &root, &log_size, &log_root));
    ASSAY_TRY(assay_store_write(w->store, fill, w));
    assay_state_committed(w->state);
    return ASSAY_OK;
}

/* Commits and reports until it is killed; returns only on failure. */
static void child(const assay_store_config *config, int report) {
    static writer w;
    static uint8_t keep_memory[16384];
    assay_arena keep = assay_base_arena(keep_memory, sizeof keep_memory);
    uint8_t *journal = malloc(JOURNAL_LEN);
    if (!journal || assay_store_open(&w.store, config)) return;
    if (assay_state_open(&w.state, &keep, assay_base_arena(journal, JOURNAL_LEN), assay_store_state_reader(w.store)))
        return;
    while (apply(&w) == ASSAY_OK) {
        if (write(report, &w.height, sizeof w.height) != sizeof w.height) return;
    }
}

/* ---- the judge ----------------------------------------------------------------------------------------------- */

typedef struct model {
    uint64_t height;
    change values[KEYS]; /* value_len 0: not there */
} model;

static void model_advance(model *m, uint64_t height) {
    while (m->height < height) {
        m->height++;
        for (unsigned i = 0; i < changes_of(m->height); i++) {
            change c = change_of(m->height, i);
            m->values[c.key[1] * 256 + c.key[2]] = c;
        }
    }
}

typedef struct leaf {
    assay_hash position, hash;
} leaf;

static int leaf_cmp(const void *a, const void *b) { return memcmp(a, b, 32); }

/* The root by its definition (ICS 23 SmtSpec), from nothing but leaves. */
static assay_hash root_of(const leaf *leaves, size_t count, unsigned depth) {
    if (count == 0) return (assay_hash){{0}};
    if (count == 1) return leaves[0].hash;
    size_t left = 0;
    while (left < count && !(leaves[left].position.b[depth / 8] >> (7 - depth % 8) & 1)) left++;
    return assay_merkle_inner(root_of(leaves, left, depth + 1), root_of(leaves + left, count - left, depth + 1));
}

static void check_values(const model *m, const assay_state_head *head, assay_state_reader reader) {
    leaf leaves[KEYS];
    size_t count = 0, expected = 0;
    assay_bytes key, value;
    bool found;
    assay_bytes from = {0};
    for (;;) {
        OK(reader.next(reader.context, ASSAY_SPACE_VALUE, from, from.len > 0, &key, &value, &found));
        if (!found) break;
        assert_true(key.len == 3 && count < KEYS);
        const change *c = &m->values[key.ptr[1] * 256 + key.ptr[2]];
        assert_true(assay_base_bytes_eq(value, (assay_bytes){c->value, c->value_len}));
        leaves[count++] = (leaf){assay_crypto_sha256_one(key), assay_smt_leaf(key, value)};
        from = key;
    }
    for (size_t i = 0; i < KEYS; i++) expected += m->values[i].value_len > 0;
    assert_int_equal(count, expected);
    qsort(leaves, count, sizeof *leaves, leaf_cmp);
    assert_memory_equal(root_of(leaves, count, 0).b, head->root.b, 32);
    OK(reader.get(reader.context, ASSAY_SPACE_SIDE, ASSAY_STR("height"), &value, &found));
    assert_int_equal(found, m->height > 0);
    if (found) assert_memory_equal(value.ptr, &m->height, 8);
    assert_int_equal(head->log.size, m->height / 3);
}

static void check_blocks(assay_store_snapshot *s, uint64_t from, uint64_t height) {
    uint64_t first, last, at;
    uint32_t index;
    assay_store_block block;
    assay_bytes value;
    bool found;
    OK(assay_store_heights(&first, &last, s));
    assert_int_equal(first, height ? 1 : 0);
    assert_int_equal(last, height);
    OK(assay_store_get(s, ASSAY_STORE_NAMED, ASSAY_STR("height"), &value, &found));
    assert_int_equal(found, height > 0);
    if (found) assert_memory_equal(value.ptr, &height, 8);
    for (uint64_t h = from > 3 ? from - 3 : 1; h <= height; h++) {
        OK(assay_store_get_block(&block, s, h));
        assert_int_equal(block.block.len, block_len_of(h));
        for (size_t i = 0; i < block.block.len; i++) {
            if (block.block.ptr[i] != (uint8_t)h) fail_msg("a byte of a block is wrong");
        }
        for (uint32_t i = 0; i < 2; i++) {
            OK(assay_store_tx(&at, &index, s, block.ids[i]));
            assert_true(at == h && index == i);
        }
    }
}

/* Opens what the killed child left and compares; *height is where it stands. */
static void judge(model *m, const assay_store_config *config, uint64_t acknowledged) {
    assay_store *store;
    assay_store_snapshot *s;
    assay_state_head head;
    OK(assay_store_open(&store, config));
    OK(assay_store_snapshot_begin(&s, store));
    OK(assay_state_head_read(&head, assay_store_snapshot_reader(s)));
    /* What was said is there; at most the one that was not said yet is there too. */
    if (head.height != acknowledged && head.height != acknowledged + 1) {
        fail_msg("acknowledged %llu, found %llu", (unsigned long long)acknowledged, (unsigned long long)head.height);
    }
    uint64_t from = m->height;
    model_advance(m, head.height);
    check_values(m, &head, assay_store_snapshot_reader(s));
    check_blocks(s, from, head.height);
    assay_store_snapshot_end(s);
    assay_store_close(store);
}

/* One child's life: killed delay_ns after it started (or after its first word); the last height that it reported. */
static uint64_t run_and_kill(const assay_store_config *config, uint64_t acknowledged, uint64_t delay_ns,
                             bool after_first) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        child(config, ends[1]);
        _exit(1);
    }
    close(ends[1]);
    uint64_t height;
    if (after_first) {
        assert_int_equal(read(ends[0], &height, sizeof height), sizeof height);
        acknowledged = height;
    }
    assay_os_sleep_ns(delay_ns);
    assert_int_equal(kill(pid, SIGKILL), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* it did not end by itself */
    while (read(ends[0], &height, sizeof height) == sizeof height) {
        assert_int_equal(height, acknowledged + 1);
        acknowledged = height;
    }
    close(ends[0]);
    return acknowledged;
}

static void rounds(const assay_store_config *how, unsigned count, uint64_t seed) {
    uint8_t memory[4096];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    const char *directory;
    OK(assay_os_temp_dir(&directory, &keep, "assay-kill", !how->durable));
    assay_store_config config = *how;
    config.directory = directory;
    static model m;
    m = (model){0};
    uint64_t start = assay_os_monotonic_ns();
    for (unsigned i = 0; i < count; i++) {
        uint64_t acknowledged = run_and_kill(&config, m.height, mix(seed + i) % 10000000, true);
        judge(&m, &config, acknowledged);
    }
    assert_true(m.height >= count);
    print_message("seed %u, %s: %u kills, %llu blocks, %.1f s\n", (unsigned)seed,
                  how->durable    ? "durable"
                  : how->in_place ? "in place"
                                  : "not durable",
                  count, (unsigned long long)m.height, (double)(assay_os_monotonic_ns() - start) / 1e9);
    OK(assay_os_remove_tree(directory));
}

static void killed_while_committing_durably(void **unused) {
    (void)unused;
    rounds(&(assay_store_config){.durable = true}, 200, 1);
}
static void killed_while_committing_to_the_cache(void **unused) {
    (void)unused;
    rounds(&(assay_store_config){.durable = false}, 100, 2);
}
static void killed_while_committing_in_place(void **unused) {
    (void)unused;
    rounds(&(assay_store_config){.in_place = true}, 100, 3);
}

/* Killed while the store is being made: it can be made, or is there. */
static void killed_while_creating(void **unused) {
    (void)unused;
    static model m;
    for (unsigned i = 0; i < 60; i++) {
        uint8_t memory[4096];
        assay_arena keep = assay_base_arena(memory, sizeof memory);
        const char *directory;
        OK(assay_os_temp_dir(&directory, &keep, "assay-kill", true));
        assay_store_config config = {.directory = directory, .durable = i % 2, .in_place = i % 4 == 2};
        m = (model){0};
        uint64_t acknowledged = run_and_kill(&config, 0, i * 40000, false);
        judge(&m, &config, acknowledged);
        acknowledged = run_and_kill(&config, m.height, 1000, true);
        judge(&m, &config, acknowledged);
        OK(assay_os_remove_tree(directory));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_while_committing_durably),
        cmocka_unit_test(killed_while_committing_to_the_cache),
        cmocka_unit_test(killed_while_committing_in_place),
        cmocka_unit_test(killed_while_creating),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
