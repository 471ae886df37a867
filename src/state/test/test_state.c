/* SPDX-License-Identifier: Apache-2.0
 *
 * The state against a model: sorted rows and a root computed from nothing. Every random run prints its seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "table_internal.h"

#define OK(call) assert_int_equal((call), ASSAY_OK)
#define JOURNAL_LEN (8u << 20)

/* One run: the state, what it should hold, and marks to go back to. */
typedef struct run {
    uint64_t seed;
    storage storage;
    uint8_t keep[8192];
    uint8_t *journal;
    assay_state *state;
    table values, side, log; /* the model, as this block sees it */
    unsigned key_space;
} run;

static void run_open(run *r) {
    assay_arena keep = assay_base_arena(r->keep, sizeof r->keep);
    assert_true(assay_state_footprint() <= sizeof r->keep);
    /* A state must not lean on what its memory held before. */
    memset(r->journal, (int)choose(&r->seed), JOURNAL_LEN);
    OK(assay_state_open(&r->state, &keep, assay_base_arena(r->journal, JOURNAL_LEN), storage_reader(&r->storage)));
}

static run *run_new(uint64_t seed, unsigned key_space) {
    run *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->seed = seed;
    r->key_space = key_space;
    r->journal = malloc(JOURNAL_LEN);
    assert_non_null(r->journal);
    run_open(r);
    return r;
}

static void run_free(run *r) {
    table_free(&r->values);
    table_free(&r->side);
    table_free(&r->log);
    storage_free(&r->storage);
    free(r->journal);
    free(r);
}

/* Keys of all lengths, many of them prefixes of others, few enough to meet again. */
static assay_bytes run_key(run *r, uint8_t out[ASSAY_STATE_KEY_LEN_MAX]) {
    uint64_t n = choose(&r->seed) % r->key_space;
    size_t len = n % 7 == 0 ? 1 + n % 5 : n % 101 == 0 ? 900 + n % 125 : 3 + n % 40;
    uint64_t bytes = n % 3 == 0 ? 0 : n * 0x2545f4914f6cdd1du;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(n % 3 == 0 ? (i + 8 < len ? 0xff : n >> 8 * (len - 1 - i)) : bytes >> 8 * (i % 8));
    return (assay_bytes){out, len};
}

static assay_bytes run_value(run *r, uint8_t out[ASSAY_STATE_VALUE_LEN_MAX]) {
    uint64_t n = choose(&r->seed);
    size_t len = n % 50 == 0 ? ASSAY_STATE_VALUE_LEN_MAX : 1 + n % 60;
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(n >> 8 * (i % 8));
    return (assay_bytes){out, len};
}

/* The index as the model's key, so that the log is a sorted table too. */
static void model_log(run *r, uint64_t index, assay_bytes leaf) {
    uint8_t key[8];
    for (int i = 0; i < 8; i++) key[i] = (uint8_t)(index >> (56 - 8 * i));
    table_put(&r->log, (assay_bytes){key, 8}, leaf);
}

/* state_next from here to the end of prefix is what the model has there. */
static void check_listing(run *r, bool side, assay_bytes prefix, assay_bytes after) {
    const table *t = side ? &r->side : &r->values;
    size_t i = table_lower(t, prefix);
    size_t start = table_lower(t, after);
    if (after.len && table_at(t, start, after)) start++;
    if (after.len && start > i) i = start;
    uint8_t at[ASSAY_STATE_KEY_LEN_MAX];
    for (unsigned steps = 0; steps < 50; steps++, i++) {
        assay_bytes key, value;
        bool found;
        OK((side ? assay_state_side_next : assay_state_next)(r->state, prefix, after, &key, &value, &found));
        bool expected =
            i < t->count && t->rows[i].key.len >= prefix.len && memcmp(t->rows[i].key.ptr, prefix.ptr, prefix.len) == 0;
        assert_int_equal(found, expected);
        if (!found) return;
        assert_true(assay_base_bytes_eq(key, t->rows[i].key));
        assert_true(assay_base_bytes_eq(value, t->rows[i].value));
        memcpy(at, key.ptr, key.len);
        after = (assay_bytes){at, key.len};
    }
}

static void one_read(run *r, bool side) {
    uint8_t a[ASSAY_STATE_KEY_LEN_MAX], b[ASSAY_STATE_KEY_LEN_MAX];
    assay_bytes key = run_key(r, a), value;
    bool found;
    OK((side ? assay_state_side_get : assay_state_get)(r->state, key, &value, &found));
    const row *model = table_find(side ? &r->side : &r->values, key);
    assert_int_equal(found, model != NULL);
    if (model) assert_true(assay_base_bytes_eq(value, model->value));
    if (choose(&r->seed) % 16) return;
    assay_bytes prefix = run_key(r, b);
    prefix.len = choose(&r->seed) % (prefix.len + 1);
    check_listing(r, side, prefix, choose(&r->seed) % 2 ? key : (assay_bytes){0});
}

static void one_write(run *r, bool side) {
    uint8_t a[ASSAY_STATE_KEY_LEN_MAX], b[ASSAY_STATE_VALUE_LEN_MAX];
    assay_bytes key = run_key(r, a);
    table *t = side ? &r->side : &r->values;
    if (choose(&r->seed) % 5 < 2) {
        OK((side ? assay_state_side_del : assay_state_del)(r->state, key));
        table_del(t, key);
        return;
    }
    assay_bytes value = run_value(r, b);
    const row *model = table_find(t, key);
    if (model && choose(&r->seed) % 8 == 0) value = model->value; /* the same again */
    OK((side ? assay_state_side_put : assay_state_put)(r->state, key, value));
    if (!model || model->value.ptr != value.ptr) table_put(t, key, value);
}

static void one_log(run *r) {
    uint8_t b[ASSAY_STATE_VALUE_LEN_MAX];
    assay_bytes leaf = run_value(r, b);
    uint64_t index;
    OK(assay_state_log_append(r->state, leaf, &index));
    assert_int_equal(index, r->log.count);
    model_log(r, index, leaf);
}

/* Some operations, inner marks among them; perhaps all undone. */
static void some_ops(run *r, unsigned ops, unsigned depth) {
    assay_state_point point = assay_state_mark(r->state);
    bool undo = depth > 0 && choose(&r->seed) % 2;
    table values = {0}, side = {0}, log = {0};
    if (undo) values = table_copy(&r->values), side = table_copy(&r->side), log = table_copy(&r->log);
    for (unsigned i = 0; i < ops; i++) {
        uint64_t kind = choose(&r->seed) % 100;
        if (kind < 40)
            one_read(r, kind < 10);
        else if (kind < 97)
            one_write(r, kind < 50);
        else if (kind < 98)
            one_log(r);
        else if (depth < 4)
            some_ops(r, 1 + (unsigned)(choose(&r->seed) % 20), depth + 1);
    }
    if (!undo) return;
    assay_state_rollback(r->state, point);
    table_free(&r->values), table_free(&r->side), table_free(&r->log);
    r->values = values, r->side = side, r->log = log;
}

static assay_hash model_log_root(const run *r) {
    assay_hash *leaves = calloc(r->log.count + 1, sizeof *leaves);
    assert_non_null(leaves);
    for (size_t i = 0; i < r->log.count; i++) leaves[i] = assay_merkle_leaf(r->log.rows[i].value);
    assay_hash root = assay_merkle_root(leaves, r->log.count);
    free(leaves);
    return root;
}

/* Storage holds exactly what the model says and the rows that follow from it. */
static void check_storage(run *r, uint64_t height, assay_hash root, size_t pages) {
    assert_memory_equal(assay_state_root(r->state).b, root.b, 32);
    assert_int_equal(assay_state_height(r->state), height);
    assert_true(table_eq(&r->storage.spaces[ASSAY_SPACE_VALUE], &r->values));
    assert_true(table_eq(&r->storage.spaces[ASSAY_SPACE_SIDE], &r->side));
    assert_int_equal(r->storage.spaces[ASSAY_SPACE_NODE].count, pages);
    const table *hashed = &r->storage.spaces[ASSAY_SPACE_HASHED];
    assert_int_equal(hashed->count, r->values.count);
    for (size_t i = 0; i < hashed->count; i++) {
        assay_hash position = assay_crypto_sha256_one(hashed->rows[i].value);
        assert_true(assay_base_bytes_eq(hashed->rows[i].key, assay_base_hash_bytes(&position)));
    }
    for (size_t i = 0; i < r->log.count; i++) {
        assay_bytes leaf;
        OK(assay_state_log_leaf(&leaf, storage_reader(&r->storage), i));
        assert_true(assay_base_bytes_eq(leaf, r->log.rows[i].value));
    }
}

static void one_block(run *r, uint64_t height, unsigned ops) {
    table values = table_copy(&r->values), side = table_copy(&r->side), log = table_copy(&r->log);
    some_ops(r, ops, 0);
    assay_hash root, log_root;
    uint64_t log_size;
    size_t pages;
    OK(assay_state_prepare(r->state, &root, &log_size, &log_root));
    assay_hash naive = naive_root(&r->values, &pages);
    assert_memory_equal(root.b, naive.b, 32);
    assert_memory_equal(log_root.b, model_log_root(r).b, 32);
    assert_int_equal(log_size, r->log.count);
    if (choose(&r->seed) % 4 == 0) { /* a block that did not become final */
        assay_state_discard(r->state);
        table_free(&r->values), table_free(&r->side), table_free(&r->log);
        r->values = values, r->side = side, r->log = log;
        one_block(r, height, ops / 2 + 1);
        return;
    }
    table_free(&values), table_free(&side), table_free(&log);
    OK(assay_state_commit(r->state, height, storage_writer(&r->storage)));
    assay_state_committed(r->state);
    check_storage(r, height, naive, pages);
    if (choose(&r->seed) % 8 == 0) run_open(r);
}

static void random_against_model(void **unused) {
    (void)unused;
    static const struct {
        uint64_t seed;
        unsigned key_space, blocks, ops;
    } runs[] = {
        {1, 12, 400, 20},     {2, 300, 200, 100}, {3, 3000, 60, 600},
        {4, 30000, 10, 4000}, {5, 4, 300, 6},     {6, 100000, 6, 8000},
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        print_message("seed %u: %u blocks of %u operations over %u keys\n", (unsigned)runs[i].seed, runs[i].blocks,
                      runs[i].ops, runs[i].key_space);
        run *r = run_new(runs[i].seed, runs[i].key_space);
        for (unsigned height = 1; height <= runs[i].blocks; height++) one_block(r, height, runs[i].ops);
        run_free(r);
    }
}

/* ---- what must hold, one by one ------------------------------------------------------------------------------ */

static void commit_block(run *r) {
    assay_hash root, log_root;
    uint64_t log_size;
    OK(assay_state_prepare(r->state, &root, &log_size, &log_root));
    OK(assay_state_commit(r->state, assay_state_height(r->state) + 1, storage_writer(&r->storage)));
    assay_state_committed(r->state);
    assert_memory_equal(assay_state_root(r->state).b, root.b, 32);
}

static assay_bytes numbered(uint8_t out[12], uint32_t n) {
    memcpy(out, "account/", 8);
    for (int i = 0; i < 4; i++) out[8 + i] = (uint8_t)(n >> (24 - 8 * i));
    return (assay_bytes){out, 12};
}

static void nothing_has_the_empty_root(void **unused) {
    (void)unused;
    run *r = run_new(7, 1);
    assert_true(assay_base_hash_is_zero(assay_state_root(r->state)));
    assert_int_equal(assay_state_height(r->state), 0);
    assert_int_equal(assay_state_log(r->state)->size, 0);
    commit_block(r);
    assert_true(assay_base_hash_is_zero(assay_state_root(r->state)));
    assert_int_equal(assay_state_height(r->state), 1);
    assert_int_equal(r->storage.writes, 1); /* an empty block writes its head and nothing else */
    run_free(r);
}

/* Roots that were computed with sha256sum and a pencil: the leaf alone, and two leaves that part at the first bit. */
static void known_roots(void **unused) {
    (void)unused;
    run *r = run_new(8, 1);
    OK(assay_state_put(r->state, ASSAY_STR("a"), ASSAY_STR("1")));
    commit_block(r);
    char hex[65];
    assay_hash root = assay_state_root(r->state);
    assay_base_hex(hex, assay_base_hash_bytes(&root));
    assert_string_equal(hex, "565388d4bc00257133f799d9366ac97f6e949c18acc53d17457f8859ba0f08d3");
    OK(assay_state_put(r->state, ASSAY_STR("b"), ASSAY_STR("2")));
    commit_block(r);
    root = assay_state_root(r->state);
    assay_base_hex(hex, assay_base_hash_bytes(&root));
    assert_string_equal(hex, "70a50295110313dd28320faccbee14d04dc2894e877a2e407115a2f337ed4efa");
    run_free(r);
}

static void order_and_history_do_not_matter(void **unused) {
    (void)unused;
    enum { KEYS = 3000 };
    assay_hash roots[3];
    for (unsigned order = 0; order < 3; order++) {
        run *r = run_new(9 + order, 1);
        uint8_t key[12];
        for (uint32_t i = 0; i < KEYS; i++) {
            uint32_t n = order == 0 ? i : order == 1 ? KEYS - 1 - i : i * 1009 % KEYS;
            OK(assay_state_put(r->state, numbered(key, n), (assay_bytes){key, 1 + n % 12}));
            /* The second order adds what it takes away again, in the same block or a later one. */
            if (order == 1) OK(assay_state_put(r->state, numbered(key, n + KEYS), ASSAY_STR("gone")));
            if (order == 1 && i % 2) OK(assay_state_del(r->state, numbered(key, n + KEYS)));
            if (order != 0 && i % 100 == 99) commit_block(r);
        }
        if (order == 1) {
            for (uint32_t n = KEYS; n < 2 * KEYS; n++) OK(assay_state_del(r->state, numbered(key, n)));
        }
        commit_block(r);
        roots[order] = assay_state_root(r->state);
        run_free(r);
    }
    assert_memory_equal(roots[0].b, roots[1].b, 32);
    assert_memory_equal(roots[0].b, roots[2].b, 32);
    assert_false(assay_base_hash_is_zero(roots[0]));
}

static void deleting_all_leaves_nothing(void **unused) {
    (void)unused;
    run *r = run_new(12, 1);
    uint8_t key[12];
    for (uint32_t i = 0; i < 2000; i++) OK(assay_state_put(r->state, numbered(key, i), ASSAY_STR("x")));
    commit_block(r);
    for (uint32_t i = 0; i < 2000; i++) {
        OK(assay_state_del(r->state, numbered(key, i * 7 % 2000)));
        if (i % 333 == 0) commit_block(r);
        if (i == 1998) commit_block(r); /* one is left */
    }
    commit_block(r);
    assert_true(assay_base_hash_is_zero(assay_state_root(r->state)));
    assert_int_equal(r->storage.spaces[ASSAY_SPACE_VALUE].count, 0);
    assert_int_equal(r->storage.spaces[ASSAY_SPACE_HASHED].count, 0);
    assert_int_equal(r->storage.spaces[ASSAY_SPACE_NODE].count, 0);
    run_free(r);
}

static void what_did_not_change_is_not_written(void **unused) {
    (void)unused;
    run *r = run_new(13, 1);
    uint8_t key[12];
    for (uint32_t i = 0; i < 500; i++) OK(assay_state_put(r->state, numbered(key, i), ASSAY_STR("x")));
    commit_block(r);
    uint64_t before = r->storage.writes;
    for (uint32_t i = 0; i < 500; i += 3) OK(assay_state_put(r->state, numbered(key, i), ASSAY_STR("x")));
    for (uint32_t i = 500; i < 600; i++) OK(assay_state_del(r->state, numbered(key, i)));
    OK(assay_state_put(r->state, numbered(key, 700), ASSAY_STR("x")));
    OK(assay_state_del(r->state, numbered(key, 700)));
    commit_block(r);
    assert_int_equal(r->storage.writes, before + 1);
    run_free(r);
}

static void side_records_are_in_no_root(void **unused) {
    (void)unused;
    run *r = run_new(14, 1);
    OK(assay_state_put(r->state, ASSAY_STR("k"), ASSAY_STR("v")));
    commit_block(r);
    assay_hash root = assay_state_root(r->state);
    OK(assay_state_side_put(r->state, ASSAY_STR("k"), ASSAY_STR("counter")));
    commit_block(r);
    assert_memory_equal(assay_state_root(r->state).b, root.b, 32);
    assay_bytes value;
    bool found;
    OK(assay_state_side_get(r->state, ASSAY_STR("k"), &value, &found));
    assert_true(found && assay_base_bytes_eq(value, ASSAY_STR("counter")));
    OK(assay_state_get(r->state, ASSAY_STR("k"), &value, &found));
    assert_true(found && assay_base_bytes_eq(value, ASSAY_STR("v")));
    run_free(r);
}

static void rollback_frees_the_journal(void **unused) {
    (void)unused;
    run *r = run_new(15, 1);
    uint8_t value[ASSAY_STATE_VALUE_LEN_MAX] = {1};
    /* Eight times what the journal holds, undone piece by piece. */
    for (unsigned i = 0; i < 64; i++) {
        assay_state_point point = assay_state_mark(r->state);
        for (unsigned n = 0; n < 1000; n++) {
            uint8_t key[12];
            uint64_t index;
            OK(assay_state_put(r->state, numbered(key, n), (assay_bytes){value, sizeof value}));
            if (n % 100 == 0) OK(assay_state_log_append(r->state, ASSAY_STR("leaf"), &index));
        }
        assay_state_rollback(r->state, point);
    }
    commit_block(r);
    assert_true(assay_base_hash_is_zero(assay_state_root(r->state)));
    run_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_the_empty_root),         cmocka_unit_test(known_roots),
        cmocka_unit_test(order_and_history_do_not_matter),    cmocka_unit_test(deleting_all_leaves_nothing),
        cmocka_unit_test(what_did_not_change_is_not_written), cmocka_unit_test(side_records_are_in_no_root),
        cmocka_unit_test(rollback_frees_the_journal),         cmocka_unit_test(random_against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
