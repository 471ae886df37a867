/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs of presence, of absence and of the log, held against types' verifier; test_state_ics23_stock holds them
 * against the stock one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "table_internal.h"

#define OK(call) assert_int_equal((call), ASSAY_OK)
#define JOURNAL_LEN (16u << 20)
#define MEMORY_LEN (1u << 20)

static uint8_t memory[MEMORY_LEN], scratch_memory[MEMORY_LEN];

/* Asks for a proof of key under the committed root and checks it, and that it proves nothing else. */
static void check_key(fixture *f, assay_bytes key, const row *expected) {
    assay_arena keep = assay_base_arena(memory, sizeof memory),
                scratch = assay_base_arena(scratch_memory, sizeof scratch_memory);
    assay_hash root = assay_state_root(f->state);
    assay_bytes proof, value;
    bool found;
    OK(assay_state_prove(&proof, &value, &found, &keep, storage_reader(&f->storage), key));
    assert_int_equal(found, expected != NULL);
    if (found) assert_true(assay_base_bytes_eq(value, expected->value));
    assay_bytes claimed = found ? value : (assay_bytes){0};
    OK(assay_state_proof_check(root, key, claimed, proof, scratch));
    /* another root, another key, another value, the opposite claim, a cut or changed proof */
    assay_hash other = root;
    other.b[7] ^= 1;
    assert_int_equal(assay_state_proof_check(other, key, claimed, proof, scratch), ASSAY_E_PROOF);
    assert_int_equal(assay_state_proof_check(root, key, found ? (assay_bytes){0} : ASSAY_STR("x"), proof, scratch),
                     ASSAY_E_PROOF);
    if (found) assert_int_equal(assay_state_proof_check(root, key, ASSAY_STR("other"), proof, scratch), ASSAY_E_PROOF);
    assert_int_equal(assay_state_proof_check(root, key, claimed, (assay_bytes){proof.ptr, proof.len - 1}, scratch),
                     ASSAY_E_PROOF);
    assert_int_equal(assay_state_proof_check(root, ASSAY_STR("?"), claimed, proof, scratch), ASSAY_E_PROOF);
}

static void every_key_and_every_gap(void **unused) {
    (void)unused;
    static const uint64_t sizes[] = {1, 2, 3, 17, 256, 3000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        fixture *f = fixture_new(JOURNAL_LEN);
        fixture_fill(f, sizes[s]);
        fixture_commit(f);
        uint8_t key[16];
        uint64_t seed = sizes[s], absent = 0;
        for (uint64_t n = 0; n < sizes[s]; n++)
            check_key(f, key_of(key, n), table_find(&f->storage.spaces[ASSAY_SPACE_VALUE], key_of(key, n)));
        for (; absent < 500; absent++) check_key(f, key_of(key, sizes[s] + (choose(&seed) >> 8)), NULL);
        fixture_free(f);
    }
}

/* Positions left of all and right of all leaves have one neighbour. */
static void absence_at_both_edges(void **unused) {
    (void)unused;
    fixture *f = fixture_new(JOURNAL_LEN);
    fixture_fill(f, 8);
    fixture_commit(f);
    const table *hashed = &f->storage.spaces[ASSAY_SPACE_HASHED];
    uint8_t key[16];
    unsigned left = 0, right = 0;
    for (uint64_t n = 100; n < 400; n++) {
        assay_hash position = assay_crypto_sha256_one(key_of(key, n));
        left += memcmp(position.b, hashed->rows[0].key.ptr, 32) < 0;
        right += memcmp(position.b, hashed->rows[hashed->count - 1].key.ptr, 32) > 0;
        check_key(f, key_of(key, n), NULL);
    }
    assert_true(left > 0 && right > 0);
    fixture_free(f);
}

static void nothing_proves_nothing(void **unused) {
    (void)unused;
    fixture *f = fixture_new(JOURNAL_LEN);
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_bytes proof, value;
    bool found;
    assert_int_equal(assay_state_prove(&proof, &value, &found, &keep, storage_reader(&f->storage), ASSAY_STR("k")),
                     ASSAY_E_NOT_FOUND);
    assert_int_equal(assay_state_prove(&proof, &value, &found, &keep, storage_reader(&f->storage), (assay_bytes){0}),
                     ASSAY_E_RANGE);
    uint8_t long_key[ASSAY_STATE_KEY_LEN_MAX + 1] = {0};
    assert_int_equal(assay_state_prove(&proof, &value, &found, &keep, storage_reader(&f->storage),
                                       (assay_bytes){long_key, sizeof long_key}),
                     ASSAY_E_RANGE);
    fixture_free(f);
}

static void longest_keys_and_values(void **unused) {
    (void)unused;
    fixture *f = fixture_new(JOURNAL_LEN);
    uint8_t key[ASSAY_STATE_KEY_LEN_MAX] = {7}, value[ASSAY_STATE_VALUE_LEN_MAX] = {9};
    assay_bytes k = {key, sizeof key}, v = {value, sizeof value};
    OK(assay_state_put(f->state, k, v));
    fixture_fill(f, 100);
    fixture_commit(f);
    check_key(f, k, table_find(&f->storage.spaces[ASSAY_SPACE_VALUE], k));
    k.len--;
    check_key(f, k, NULL);
    fixture_free(f);
}

static void a_small_arena_is_a_fault(void **unused) {
    (void)unused;
    fixture *f = fixture_new(JOURNAL_LEN);
    fixture_fill(f, 300);
    fixture_commit(f);
    uint8_t key[16];
    assay_bytes proof, value;
    bool found;
    for (unsigned absent = 0; absent < 2; absent++) {
        size_t size = 0;
        for (; size < 8192; size += 16) {
            assay_arena keep = assay_base_arena(memory, size);
            assay_err err = assay_state_prove(&proof, &value, &found, &keep, storage_reader(&f->storage),
                                              key_of(key, absent ? 999 : 9));
            if (err == ASSAY_OK) break;
            assert_int_equal(err, ASSAY_F_MEMORY);
        }
        assert_true(size > 64 && size < 8192);
        assert_true(proof.ptr >= memory && proof.ptr + proof.len <= memory + size);
    }
    fixture_free(f);
}

/* ---- the log ------------------------------------------------------------------------------------------------- */

enum { LEAVES = 150 };

static void log_proofs_of_every_leaf_and_size(void **unused) {
    (void)unused;
    fixture *f = fixture_new(JOURNAL_LEN);
    assay_hash roots[LEAVES + 1], leaves[LEAVES];
    roots[0] = assay_merkle_log_root(assay_state_log(f->state));
    uint8_t text[16];
    for (uint64_t n = 0; n < LEAVES;) {
        /* blocks of 0 to 6 leaves */
        for (uint64_t i = 0; i < n % 7 && n + i < LEAVES; i++) {
            uint64_t index;
            leaves[n + i] = assay_merkle_leaf(value_of_key(text, n + i));
            OK(assay_state_log_append(f->state, value_of_key(text, n + i), &index));
            assert_int_equal(index, n + i);
        }
        uint64_t before = n;
        fixture_commit(f);
        n = assay_state_log(f->state)->size;
        for (uint64_t size = before + 1; size <= n; size++) {
            assay_hash copy[LEAVES];
            memcpy(copy, leaves, sizeof copy);
            roots[size] = assay_merkle_root(copy, size);
        }
        assert_memory_equal(assay_merkle_log_root(assay_state_log(f->state)).b, roots[n].b, 32);
        if (n == before) { /* an empty block; one leaf, so that the loop goes on */
            uint64_t index;
            leaves[n] = assay_merkle_leaf(value_of_key(text, n));
            OK(assay_state_log_append(f->state, value_of_key(text, n), &index));
            fixture_commit(f);
            n++;
            assay_hash copy[LEAVES];
            memcpy(copy, leaves, sizeof copy);
            roots[n] = assay_merkle_root(copy, n);
        }
    }
    assay_state_reader reader = storage_reader(&f->storage);
    assay_merkle_path path;
    assay_bytes leaf;
    for (uint64_t size = 1; size <= LEAVES; size++) {
        for (uint64_t index = 0; index < size; index++) {
            assay_hash root;
            OK(assay_state_log_prove(&path, &leaf, reader, index, size));
            assert_true(assay_base_bytes_eq(leaf, value_of_key(text, index)));
            OK(assay_merkle_path_root(&root, assay_merkle_leaf(leaf), index, size, path.hashes, path.count));
            assert_memory_equal(root.b, roots[size].b, 32);
        }
        for (uint64_t old = 0; old <= size; old++) {
            OK(assay_state_log_consistency(&path, reader, old, size));
            OK(assay_merkle_consistency_check(old, roots[old], size, roots[size], path.hashes, path.count));
        }
    }
    assert_int_equal(assay_state_log_prove(&path, &leaf, reader, LEAVES, LEAVES), ASSAY_E_RANGE);
    assert_int_equal(assay_state_log_prove(&path, &leaf, reader, 0, LEAVES + 1), ASSAY_E_RANGE);
    assert_int_equal(assay_state_log_prove(&path, &leaf, reader, UINT64_MAX, UINT64_MAX), ASSAY_E_RANGE);
    assert_int_equal(assay_state_log_leaf(&leaf, reader, LEAVES), ASSAY_E_RANGE);
    assert_int_equal(assay_state_log_leaf(&leaf, reader, UINT64_MAX), ASSAY_E_RANGE);
    assert_int_equal(assay_state_log_consistency(&path, reader, 5, 4), ASSAY_E_RANGE);
    assert_int_equal(assay_state_log_consistency(&path, reader, 5, LEAVES + 1), ASSAY_E_RANGE);
    fixture_free(f);
}

/* A head that is read over a snapshot is the state's own. */
static void heads_agree(void **unused) {
    (void)unused;
    fixture *f = fixture_new(JOURNAL_LEN);
    assay_state_head head;
    OK(assay_state_head_read(&head, storage_reader(&f->storage)));
    assert_int_equal(head.height, 0);
    fixture_fill(f, 10);
    uint64_t index;
    for (unsigned i = 0; i < 11; i++) OK(assay_state_log_append(f->state, ASSAY_STR("leaf"), &index));
    assay_hash root = fixture_commit(f);
    OK(assay_state_head_read(&head, storage_reader(&f->storage)));
    assert_int_equal(head.height, 1);
    assert_memory_equal(head.root.b, root.b, 32);
    assert_memory_equal(assay_merkle_log_root(&head.log).b, assay_merkle_log_root(assay_state_log(f->state)).b, 32);
    OK(fixture_open(f));
    assert_int_equal(assay_state_log(f->state)->size, 11);
    assert_memory_equal(assay_merkle_log_root(&head.log).b, assay_merkle_log_root(assay_state_log(f->state)).b, 32);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_and_every_gap),
        cmocka_unit_test(absence_at_both_edges),
        cmocka_unit_test(nothing_proves_nothing),
        cmocka_unit_test(longest_keys_and_values),
        cmocka_unit_test(a_small_arena_is_a_fault),
        cmocka_unit_test(log_proofs_of_every_leaf_and_size),
        cmocka_unit_test(heads_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
