/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes wrong: lengths beyond the limits, memory that ends, storage that fails at any call, rows that lie. The
 * state answers with the right error, and goes on from what is committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "table_internal.h"

#define OK(call) assert_int_equal((call), ASSAY_OK)
#define JOURNAL_LEN (4u << 20)

static void both_sides_of_each_limit(void **unused) {
    (void)unused;
    fixture *f = fixture_new(JOURNAL_LEN);
    uint8_t bytes[ASSAY_STATE_KEY_LEN_MAX + 1] = {1};
    uint64_t index;
    assay_bytes one = {bytes, 1}, most = {bytes, ASSAY_STATE_KEY_LEN_MAX}, over = {bytes, sizeof bytes},
                none = {bytes, 0};
    OK(assay_state_put(f->state, one, one));
    OK(assay_state_put(f->state, most, most));
    OK(assay_state_side_put(f->state, most, most));
    OK(assay_state_log_append(f->state, most, &index));
    OK(assay_state_del(f->state, most));
    assert_int_equal(assay_state_put(f->state, none, one), ASSAY_E_RANGE);
    assert_int_equal(assay_state_put(f->state, over, one), ASSAY_E_RANGE);
    assert_int_equal(assay_state_put(f->state, one, none), ASSAY_E_RANGE);
    assert_int_equal(assay_state_put(f->state, one, over), ASSAY_E_RANGE);
    assert_int_equal(assay_state_put(f->state, one, (assay_bytes){0}), ASSAY_E_RANGE);
    assert_int_equal(assay_state_side_put(f->state, one, (assay_bytes){0}), ASSAY_E_RANGE);
    assert_int_equal(assay_state_side_put(f->state, over, one), ASSAY_E_RANGE);
    assert_int_equal(assay_state_del(f->state, none), ASSAY_E_RANGE);
    assert_int_equal(assay_state_side_del(f->state, over), ASSAY_E_RANGE);
    assert_int_equal(assay_state_log_append(f->state, none, &index), ASSAY_E_RANGE);
    assert_int_equal(assay_state_log_append(f->state, over, &index), ASSAY_E_RANGE);
    assay_bytes value;
    bool found;
    OK(assay_state_get(f->state, over, &value, &found));
    assert_false(found);
    fixture_commit(f);
    assert_int_equal(f->storage.spaces[ASSAY_SPACE_VALUE].count, 1);
    assert_int_equal(assay_state_log(f->state)->size, 1);
    fixture_free(f);
}

/* The same block in journals of every size: it fits, or it is a fault and the state is as before. */
static void a_full_journal_is_a_fault(void **unused) {
    (void)unused;
    fixture *f = fixture_new(JOURNAL_LEN);
    fixture_fill(f, 50);
    assay_hash before = fixture_commit(f), root, log_root;
    assay_hash after = {{0}};
    uint8_t key[16], value[16];
    unsigned fits = 0, faults = 0;
    for (f->journal_len = 20000; f->journal_len > 0; f->journal_len -= 100) {
        OK(fixture_open(f));
        uint64_t log_size, index;
        assay_err err = ASSAY_OK;
        for (uint64_t n = 40; n < 70 && !err; n++) {
            assay_state_point point = assay_state_mark(f->state);
            err = assay_state_put(f->state, key_of(key, n), value_of_key(value, n + 1));
            if (err) assay_state_rollback(f->state, point); /* what failed left nothing */
            if (!err && n % 10 == 0) err = assay_state_log_append(f->state, ASSAY_STR("leaf"), &index);
        }
        if (!err) err = assay_state_prepare(f->state, &root, &log_size, &log_root);
        if (err) {
            assert_int_equal(err, ASSAY_F_MEMORY);
            faults++;
        } else {
            if (fits++) assert_memory_equal(root.b, after.b, 32);
            after = root;
            assert_int_equal(log_size, 3);
        }
        assay_state_discard(f->state);
        assert_memory_equal(assay_state_root(f->state).b, before.b, 32);
        if (f->journal_len == 100) break;
    }
    assert_true(fits > 10 && faults > 10);
    fixture_free(f);
}

/* One block's work on storage that fails at the n-th call, for every n; then without failing. */
static assay_err block_on_failing_storage(fixture *f, uint64_t fail_read, uint64_t fail_write, assay_hash *root) {
    uint8_t key[16], value[16];
    assay_bytes k, v;
    bool found;
    uint64_t log_size, index;
    assay_hash log_root;
    f->storage.fail_read = fail_read ? f->storage.reads + fail_read : 0;
    f->storage.fail_write = fail_write ? f->storage.writes + fail_write : 0;
    ASSAY_TRY(assay_state_get(f->state, key_of(key, 3), &v, &found));
    ASSAY_TRY(assay_state_next(f->state, ASSAY_STR("account/"), (assay_bytes){0}, &k, &v, &found));
    for (uint64_t n = 0; n < 20; n++)
        ASSAY_TRY(assay_state_put(f->state, key_of(key, n * 13), value_of_key(value, n + 5)));
    ASSAY_TRY(assay_state_del(f->state, key_of(key, 1)));
    ASSAY_TRY(assay_state_side_put(f->state, key_of(key, 1), ASSAY_STR("side")));
    ASSAY_TRY(assay_state_log_append(f->state, ASSAY_STR("leaf"), &index));
    ASSAY_TRY(assay_state_prepare(f->state, root, &log_size, &log_root));
    return assay_state_commit(f->state, assay_state_height(f->state) + 1, storage_writer(&f->storage));
}

static void storage_that_fails_at_any_call(void **unused) {
    (void)unused;
    fixture *f = fixture_new(JOURNAL_LEN);
    fixture_fill(f, 100);
    fixture_commit(f);
    table saved[ASSAY_SPACE_COUNT];
    for (int i = 0; i < ASSAY_SPACE_COUNT; i++) saved[i] = table_copy(&f->storage.spaces[i]);
    unsigned failed = 0;
    assay_hash root, expected = {{0}};
    for (int writes = 0; writes < 2; writes++) {
        for (uint64_t n = 1;; n++) {
            assay_hash before = assay_state_root(f->state);
            assay_err err = block_on_failing_storage(f, writes ? 0 : n, writes ? n : 0, &root);
            assay_state_discard(f->state); /* the caller's transaction was not committed either */
            for (int i = 0; i < ASSAY_SPACE_COUNT; i++) {
                table_free(&f->storage.spaces[i]);
                f->storage.spaces[i] = table_copy(&saved[i]);
            }
            assert_memory_equal(assay_state_root(f->state).b, before.b, 32);
            if (err == ASSAY_OK) {
                if (writes) assert_memory_equal(root.b, expected.b, 32);
                expected = root;
                break;
            }
            assert_int_equal(err, ASSAY_F_STORAGE);
            failed++;
        }
    }
    assert_true(failed > 60);
    f->storage.fail_read = f->storage.reads + 1;
    assert_int_equal(fixture_open(f), ASSAY_F_STORAGE);
    for (int i = 0; i < ASSAY_SPACE_COUNT; i++) table_free(&saved[i]);
    fixture_free(f);
}

/* ---- rows that lie ------------------------------------------------------------------------------------------- */

/* Everything that reads: opening, a block over many keys, proofs. Any answer but a crash, a wrong presence or a verdict
 * is fine. */
static bool read_all(fixture *f, uint64_t keys) {
    static uint8_t memory[1u << 20], scratch_memory[1u << 20];
    uint8_t key[16], value[16];
    bool all_ok = true, found;
    if (fixture_open(f) != ASSAY_OK) return false;
    assay_hash honest = assay_state_root(f->state), root, log_root;
    for (uint64_t n = 0; n < keys + 20; n += 3) {
        assay_arena keep = assay_base_arena(memory, sizeof memory);
        assay_bytes proof, got;
        assay_err err = assay_state_prove(&proof, &got, &found, &keep, storage_reader(&f->storage), key_of(key, n));
        if (err == ASSAY_OK) {
            err = assay_state_proof_check(honest, key_of(key, n), found ? got : (assay_bytes){0}, proof,
                                          assay_base_arena(scratch_memory, sizeof scratch_memory));
        } else {
            assert_true(assay_base_err_is_fault(err) || err == ASSAY_E_NOT_FOUND);
        }
        all_ok = all_ok && err == ASSAY_OK;
    }
    assay_merkle_path path;
    assay_bytes leaf;
    for (uint64_t i = 0; i < 5; i++) {
        assay_err err = assay_state_log_prove(&path, &leaf, storage_reader(&f->storage), i, 5);
        if (err == ASSAY_OK) {
            err = assay_merkle_path_root(&log_root, assay_merkle_leaf(leaf), i, 5, path.hashes, path.count);
            if (!err && !assay_base_hash_eq(log_root, assay_merkle_log_root(assay_state_log(f->state))))
                err = ASSAY_E_PROOF;
        } else {
            assert_true(assay_base_err_is_fault(err) || err == ASSAY_E_RANGE);
        }
        all_ok = all_ok && err == ASSAY_OK;
    }
    for (uint64_t n = 0; n < keys; n += 2) OK(assay_state_del(f->state, key_of(key, n)));
    for (uint64_t n = 1; n < keys; n += 2) OK(assay_state_put(f->state, key_of(key, n), value_of_key(value, n + 7)));
    uint64_t log_size;
    assay_err err = assay_state_prepare(f->state, &root, &log_size, &log_root);
    assert_true(err == ASSAY_OK || assay_base_err_is_fault(err));
    assay_state_discard(f->state);
    return all_ok && err == ASSAY_OK;
}

static void rows_that_lie(void **unused) {
    (void)unused;
    enum { KEYS = 60, CHANGES = 3000 };
    uint64_t seed = 77, index;
    print_message("seed %u\n", (unsigned)seed);
    fixture *f = fixture_new(JOURNAL_LEN);
    fixture_fill(f, KEYS);
    for (unsigned i = 0; i < 5; i++) OK(assay_state_log_append(f->state, ASSAY_STR("leaf"), &index));
    fixture_commit(f);
    assert_true(read_all(f, KEYS));
    unsigned noticed = 0;
    for (unsigned i = 0; i < CHANGES; i++) {
        assay_space space = (assay_space)(choose(&seed) % ASSAY_SPACE_COUNT);
        table *t = &f->storage.spaces[space];
        if (space == ASSAY_SPACE_SIDE) continue; /* in no root */
        table saved = table_copy(t);
        const row *r = &t->rows[choose(&seed) % t->count];
        uint8_t value[4096];
        assay_bytes changed = {value, r->value.len};
        memcpy(value, r->value.ptr, r->value.len);
        switch (choose(&seed) % 4) {
        case 0: value[choose(&seed) % r->value.len] ^= (uint8_t)(1u << choose(&seed) % 8); break;
        case 1: changed.len = choose(&seed) % r->value.len; break;
        case 2: value[changed.len++] = (uint8_t)choose(&seed); break;
        default: changed = (assay_bytes){0}; break;
        }
        if (changed.ptr)
            table_put(t, r->key, changed);
        else
            table_del(t, r->key);
        noticed += !read_all(f, KEYS);
        table_free(t);
        *t = saved;
    }
    assert_true(read_all(f, KEYS));
    /* The rest is in rows that these reads do not touch, such as an inner hash beside every path asked for. */
    print_message("%u of %u changes noticed\n", noticed, (unsigned)CHANGES * 5 / 6);
    assert_true(noticed > CHANGES / 2);
    fixture_free(f);
}

/* A head whose numbers contradict each other. */
static void heads_that_lie(void **unused) {
    (void)unused;
    fixture *f = fixture_new(JOURNAL_LEN);
    uint64_t index;
    fixture_fill(f, 3);
    for (unsigned i = 0; i < 3; i++) OK(assay_state_log_append(f->state, ASSAY_STR("leaf"), &index));
    fixture_commit(f);
    table *meta = &f->storage.spaces[ASSAY_SPACE_META];
    assay_bytes head = meta->rows[0].value;
    for (size_t i = 0; i < head.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t *byte = (uint8_t *)(uintptr_t)&meta->rows[0].value.ptr[i];
            *byte ^= (uint8_t)(1u << bit);
            assay_err err = fixture_open(f);
            /* A changed height, size or peak is another head that could be; format, root and form are caught here. */
            assert_true(err == ASSAY_OK || err == ASSAY_F_CORRUPT);
            if (i < 2) assert_int_equal(err, ASSAY_F_CORRUPT); /* the format number */
            *byte ^= (uint8_t)(1u << bit);
        }
    }
    OK(fixture_open(f));
    table_del(&f->storage.spaces[ASSAY_SPACE_NODE], f->storage.spaces[ASSAY_SPACE_NODE].rows[0].key);
    assert_int_equal(fixture_open(f), ASSAY_F_CORRUPT);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_of_each_limit),
        cmocka_unit_test(a_full_journal_is_a_fault),
        cmocka_unit_test(storage_that_fails_at_any_call),
        cmocka_unit_test(rows_that_lie),
        cmocka_unit_test(heads_that_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
