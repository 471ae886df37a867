/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#define LEAVES_MAX 65

static assay_hash leaves[256];

static int make_leaves(void **state) {
    (void)state;
    for (size_t i = 0; i < 256; i++) leaves[i] = hash_of_number(i);
    return 0;
}

/* ---- the tree as RFC 6962 writes it -------------------------------------------------------------------------- */

static size_t split(size_t n) {
    size_t k = 1;
    while (k * 2 < n) k *= 2;
    return k;
}

static assay_hash mth(const assay_hash *d, size_t n) {
    if (n == 0) return assay_crypto_sha256(NULL, 0);
    if (n == 1) return d[0];
    size_t k = split(n);
    assay_hash l = mth(d, k), r = mth(d + k, n - k);
    const uint8_t one = 1;
    assay_bytes pieces[] = {{&one, 1}, {l.b, 32}, {r.b, 32}};
    return assay_crypto_sha256(pieces, 3);
}

static void rfc_path(assay_merkle_path *out, const assay_hash *d, size_t n, size_t m) {
    if (n == 1) {
        out->count = 0;
        return;
    }
    size_t k = split(n);
    if (m < k)
        rfc_path(out, d, k, m);
    else
        rfc_path(out, d + k, n - k, m - k);
    out->hashes[out->count++] = m < k ? mth(d + k, n - k) : mth(d, k);
}

static void rfc_subproof(assay_merkle_path *out, const assay_hash *d, size_t n, size_t m, bool whole) {
    if (m == n) {
        out->count = 0;
        if (!whole) out->hashes[out->count++] = mth(d, n);
        return;
    }
    size_t k = split(n);
    if (m <= k)
        rfc_subproof(out, d, k, m, whole);
    else
        rfc_subproof(out, d + k, n - k, m - k, false);
    out->hashes[out->count++] = m <= k ? mth(d + k, n - k) : mth(d, k);
}

static void same_path(const assay_merkle_path *a, const assay_merkle_path *b) {
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) assert_hash_equal(a->hashes[i], b->hashes[i]);
}

/* ---- a store of emitted nodes -------------------------------------------------------------------------------- */

typedef struct store {
    assay_hash nodes[9][256];
    bool has[9][256];
    bool broken;
} store;

static void keep(void *context, uint32_t level, uint64_t index, assay_hash hash) {
    store *s = context;
    assert_true(level < 9 && index < 256 && !s->has[level][index]);
    s->nodes[level][index] = hash;
    s->has[level][index] = true;
}

static assay_err get(void *context, uint32_t level, uint64_t index, assay_hash *out) {
    store *s = context;
    if (s->broken) return ASSAY_F_STORAGE;
    assert_true(level < 9 && index < 256 && s->has[level][index]);
    *out = s->nodes[level][index];
    return ASSAY_OK;
}

/* ---- tests --------------------------------------------------------------------------------------------------- */

static void vectors_of_gen_py(void **state) {
    (void)state;
    json_t *root = vectors("rfc6962.json"), *item, *hash;
    assay_hash d[8], scratch[8], roots[9];
    size_t i, h;
    json_array_foreach(json_object_get(root, "leaves"), i, item) {
        uint8_t text[16];
        size_t len = strlen(json_string_value(item)) / 2;
        hex_into(text, len, item);
        d[i] = assay_merkle_leaf((assay_bytes){text, len});
    }
    json_array_foreach(json_object_get(root, "roots"), i, item) {
        hex_into(roots[i].b, 32, item);
        memcpy(scratch, d, sizeof d);
        assert_hash_equal(assay_merkle_root(scratch, i), roots[i]);
    }
    assert_int_equal(i, 9);
    json_array_foreach(json_object_get(root, "paths"), i, item) {
        assay_merkle_path path = {0}, got;
        size_t size = (size_t)json_integer_value(json_object_get(item, "size"));
        size_t idx = (size_t)json_integer_value(json_object_get(item, "idx"));
        json_array_foreach(json_object_get(item, "path"), h, hash) hex_into(path.hashes[path.count++].b, 32, hash);
        memcpy(scratch, d, sizeof d);
        assay_merkle_path_of(&got, scratch, size, idx);
        same_path(&got, &path);
    }
    json_array_foreach(json_object_get(root, "proofs"), i, item) {
        assay_merkle_path proof = {0};
        size_t m = (size_t)json_integer_value(json_object_get(item, "old"));
        size_t n = (size_t)json_integer_value(json_object_get(item, "new"));
        json_array_foreach(json_object_get(item, "proof"), h, hash) hex_into(proof.hashes[proof.count++].b, 32, hash);
        assert_int_equal(assay_merkle_consistency_check(m, roots[m], n, roots[n], proof.hashes, proof.count), ASSAY_OK);
    }
    json_decref(root);
}

static void nodes_are_prefixed(void **state) {
    (void)state;
    for (size_t len = 0; len < 300; len += 1 + len / 20) {
        assay_bytes text = text_of(len + 1, len);
        uint8_t zeroed[301];
        memcpy(zeroed, text.ptr, len + 1);
        zeroed[0] = 0;
        assert_hash_equal(assay_merkle_leaf((assay_bytes){zeroed + 1, len}),
                          assay_crypto_sha256_one((assay_bytes){zeroed, len + 1}));
        free_bytes(text);
    }
    assert_hash_equal(assay_merkle_inner(leaves[0], leaves[1]), mth(leaves, 2));
}

/* The root that follows, or no root. */
static bool leads_to(assay_hash root, assay_hash leaf, uint64_t idx, uint64_t size, const assay_merkle_path *path) {
    assay_hash got;
    assay_hash *hashes = exact(path->hashes, path->count);
    assay_err e = assay_merkle_path_root(&got, leaf, idx, size, hashes, path->count);
    free(hashes);
    if (e != ASSAY_OK) assert_int_equal(e, ASSAY_E_PROOF);
    return e == ASSAY_OK && assay_base_hash_eq(got, root);
}

static void inclusion_of_every_leaf(void **state) {
    (void)state;
    assay_hash scratch[LEAVES_MAX];
    for (size_t n = 0; n <= LEAVES_MAX; n++) {
        assay_hash root = mth(leaves, n);
        memcpy(scratch, leaves, n * sizeof leaves[0]);
        assert_hash_equal(assay_merkle_root(scratch, n), root);
        for (size_t i = 0; i < n; i++) {
            assay_merkle_path path, want;
            memcpy(scratch, leaves, n * sizeof leaves[0]);
            assay_merkle_path_of(&path, scratch, n, i);
            rfc_path(&want, leaves, n, i);
            same_path(&path, &want);
            assert_true(leads_to(root, leaves[i], i, n, &path));
            /* Any other place is refused, as is any other leaf. */
            for (size_t j = 0; j <= n; j++)
                if (j != i) assert_false(leads_to(root, leaves[i], j, n, &path));
            assert_false(leads_to(root, leaves[i], UINT64_MAX, n, &path));
            assert_false(leads_to(root, leaves[i ^ 1], i, n, &path));
            assay_merkle_path bad = path;
            for (uint32_t h = 0; h < path.count; h++) {
                bad.hashes[h].b[31] ^= 0x10;
                assert_false(leads_to(root, leaves[i], i, n, &bad));
                bad.hashes[h].b[31] ^= 0x10;
            }
            bad.hashes[bad.count++] = root;
            assert_false(leads_to(root, leaves[i], i, n, &bad));
            if (path.count) {
                bad.count = path.count - 1;
                assert_false(leads_to(root, leaves[i], i, n, &bad));
            }
            /* A wrong size is refused where it changes the path's length: it must be known otherwise. */
            assert_false(leads_to(root, leaves[i], i, i, &path));
            assert_false(leads_to(root, leaves[i], i, 0, &path));
        }
    }
}

static assay_err check(uint64_t m, assay_hash old_root, uint64_t n, assay_hash new_root, const assay_merkle_path *proof,
                       size_t count) {
    assay_hash *hashes = exact(proof->hashes, count);
    assay_err e = assay_merkle_consistency_check(m, old_root, n, new_root, hashes, count);
    free(hashes);
    return e;
}

static void consistency_of_every_pair(void **state) {
    (void)state;
    static store s;
    assay_merkle_log log = {0};
    memset(&s, 0, sizeof s);
    for (size_t i = 0; i < 40; i++) assay_merkle_log_append(&log, leaves[i], keep, &s);
    for (size_t n = 0; n <= 40; n++) {
        for (size_t m = 0; m <= n; m++) {
            assay_hash old_root = mth(leaves, m), new_root = mth(leaves, n);
            assay_merkle_path proof, want = {0};
            assert_int_equal(assay_merkle_log_consistency(&proof, m, n, get, &s), ASSAY_OK);
            if (m > 0) rfc_subproof(&want, leaves, n, m, true);
            same_path(&proof, &want);
            assert_int_equal(check(m, old_root, n, new_root, &proof, proof.count), ASSAY_OK);
            assay_merkle_path bad = proof;
            bad.hashes[bad.count] = new_root;
            assert_int_equal(check(m, old_root, n, new_root, &bad, bad.count + 1), ASSAY_E_PROOF);
            if (proof.count) assert_int_equal(check(m, old_root, n, new_root, &bad, bad.count - 1), ASSAY_E_PROOF);
            for (uint32_t h = 0; h < proof.count; h++) {
                bad.hashes[h].b[0] ^= 1;
                assert_int_equal(check(m, old_root, n, new_root, &bad, bad.count), ASSAY_E_PROOF);
                bad.hashes[h].b[0] ^= 1;
            }
            if (m == 0) continue;
            assert_int_equal(check(m, leaves[200], n, new_root, &proof, proof.count), ASSAY_E_PROOF);
            assert_int_equal(check(m, old_root, n, leaves[200], &proof, proof.count), ASSAY_E_PROOF);
            if (m < n) assert_int_equal(check(n, new_root, m, old_root, &proof, proof.count), ASSAY_E_PROOF);
            for (size_t other = 1; other <= n; other++)
                if (other != m && m < n)
                    assert_int_equal(check(other, old_root, n, new_root, &proof, proof.count), ASSAY_E_PROOF);
        }
    }
    /* An older log that is larger than the newer one, with one root for both and a proof that repeats it. */
    assay_merkle_path none, same = {.count = 1, .hashes = {leaves[9]}};
    for (uint64_t m = 1; m <= 40; m++)
        for (uint64_t n = 0; n <= 40; n++)
            for (size_t count = 0; count < 2; count++)
                if (m != n) assert_int_equal(check(m, leaves[9], n, leaves[9], &same, count), ASSAY_E_PROOF);
    assert_int_equal(assay_merkle_log_consistency(&none, 3, 2, get, &s), ASSAY_E_RANGE);
    assert_int_equal(assay_merkle_log_consistency(&none, 3, UINT64_MAX, get, &s), ASSAY_E_RANGE);
    s.broken = true;
    assert_int_equal(assay_merkle_log_consistency(&none, 3, 40, get, &s), ASSAY_F_STORAGE);
    assert_int_equal(assay_merkle_log_path(&none, 3, 40, get, &s), ASSAY_F_STORAGE);
}

static void a_log_is_the_same_tree(void **state) {
    (void)state;
    static store s;
    assay_merkle_log log = {0};
    memset(&s, 0, sizeof s);
    for (size_t n = 0; n <= 200; n++) {
        assert_int_equal(log.size, n);
        assert_hash_equal(assay_merkle_log_root(&log), mth(leaves, n));
        /* Old sizes stay provable: from the nodes of the present one. */
        for (size_t size = n > 3 ? n - 3 : 0; size <= n; size++) {
            for (size_t i = 0; i < size; i += 1 + size / 40) {
                assay_merkle_path path, want;
                assay_hash scratch[200];
                assert_int_equal(assay_merkle_log_path(&path, i, size, get, &s), ASSAY_OK);
                memcpy(scratch, leaves, size * sizeof leaves[0]);
                assay_merkle_path_of(&want, scratch, size, i);
                same_path(&path, &want);
            }
            assay_merkle_path none;
            assert_int_equal(assay_merkle_log_path(&none, size, size, get, &s), ASSAY_E_RANGE);
        }
        assay_merkle_log_append(&log, leaves[n], keep, &s);
    }
    /* Every full subtree was emitted, once, and nothing else. */
    for (uint32_t level = 0; level < 9; level++)
        for (size_t i = 0; i < 256; i++) assert_int_equal(s.has[level][i], (i + 1) << level <= 201);
}

static assay_err anything(void *context, uint32_t level, uint64_t index, assay_hash *out) {
    (void)context;
    *out = hash_of_number(index * 64 + level);
    return ASSAY_OK;
}

/* No length overflows: the largest sizes have paths of 64 at most, and check as well as any. */
static void huge_sizes(void **state) {
    (void)state;
    const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 1, (uint64_t)1 << 63, ((uint64_t)1 << 63) + 1};
    for (size_t i = 0; i < 4; i++) {
        const uint64_t idxs[] = {0, 1, sizes[i] / 2, sizes[i] - 1};
        assay_hash roots[4], leaf;
        for (size_t j = 0; j < 4; j++) {
            assay_merkle_path path;
            assert_int_equal(assay_merkle_log_path(&path, idxs[j], sizes[i], anything, NULL), ASSAY_OK);
            assert_true(path.count <= ASSAY_MERKLE_PATH_MAX);
            leaf = hash_of_number(idxs[j] * 64);
            assert_int_equal(assay_merkle_path_root(&roots[j], leaf, idxs[j], sizes[i], path.hashes, path.count),
                             ASSAY_OK);
            assert_int_equal(assay_merkle_path_root(&roots[j], leaf, idxs[j], sizes[i], path.hashes, path.count - 1),
                             ASSAY_E_PROOF);
        }
    }
    assay_merkle_path proof;
    assert_int_equal(assay_merkle_log_consistency(&proof, 1, (uint64_t)1 << 63, anything, NULL), ASSAY_OK);
    assert_true(proof.count <= ASSAY_MERKLE_PATH_MAX);
    assert_int_equal(assay_merkle_log_consistency(&proof, 3, (uint64_t)1 << 63, anything, NULL), ASSAY_OK);
    assert_int_equal(proof.count, ASSAY_MERKLE_PATH_MAX);
    assert_int_equal(assay_merkle_consistency_check(UINT64_MAX - 1, leaves[0], UINT64_MAX, leaves[1], NULL, 0),
                     ASSAY_E_PROOF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_gen_py),       cmocka_unit_test(nodes_are_prefixed),
        cmocka_unit_test(inclusion_of_every_leaf), cmocka_unit_test(consistency_of_every_pair),
        cmocka_unit_test(a_log_is_the_same_tree),  cmocka_unit_test(huge_sizes),
    };
    return cmocka_run_group_tests(tests, make_leaves, NULL);
}
