/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

#define CHUNK ((uint64_t)ASSAY_BLAKE3_CHUNK_LEN)
#define GROUP ((uint64_t)ASSAY_BLAKE3_GROUP_LEN)

/* Lengths on both sides of every edge: chunks, powers of two of them, groups, and powers of two of those. */
static const uint64_t lengths[] = {0,         1,
                                   63,        64,
                                   65,        1023,
                                   1024,      1025,
                                   2047,      2048,
                                   2049,      3072,
                                   3073,      4096,
                                   5121,      8192,
                                   8193,      31744,
                                   65536,     65537,
                                   102400,    GROUP - 1,
                                   GROUP,     GROUP + 1,
                                   GROUP * 2, GROUP * 2 + 1025,
                                   GROUP * 3, GROUP * 7 / 2,
                                   GROUP * 4, GROUP * 5 + 1};
#define LENGTHS (sizeof lengths / sizeof lengths[0])
#define TEXT_MAX (GROUP * 5 + 1)

static const assay_hash some_key = {"whats the Elvish word for friend"};
static const assay_hash *const keys[] = {NULL, &some_key};

/* The official vectors' text: 0, 1, .. 250, 0, 1, .. */
static uint8_t pattern[TEXT_MAX];

static int make_pattern(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (uint8_t)(i % 251);
    return 0;
}

static uint64_t units(uint64_t len, uint64_t unit) { return len == 0 ? 1 : (len + unit - 1) / unit; }

static assay_bytes unit_of(uint64_t idx, uint64_t len, uint64_t unit) {
    uint64_t rest = len - idx * unit;
    return (assay_bytes){pattern + idx * unit, rest < unit ? rest : unit};
}

static void official_vectors(void **state) {
    (void)state;
    json_t *root = vectors("blake3.json"), *c;
    size_t i;
    assert_string_equal(json_string_value(json_object_get(root, "key")), "whats the Elvish word for friend");
    json_array_foreach(json_object_get(root, "cases"), i, c) {
        size_t len = (size_t)json_integer_value(json_object_get(c, "input_len"));
        const char *names[] = {"hash", "keyed_hash"};
        for (size_t k = 0; k < 2; k++) {
            /* The vectors' outputs are extended; the digest is their first 32 bytes. */
            assay_bytes want = hex_member(c, names[k]);
            assert_true(want.len > 32);
            assay_hash one = assay_crypto_blake3(keys[k], (assay_bytes){pattern, len});
            assert_memory_equal(one.b, want.ptr, 32);
            assay_blake3 hash;
            assay_crypto_blake3_init(&hash, keys[k]);
            for (size_t at = 0, step = 1; at < len; at += step, step = step * 2 + 1) {
                size_t take = len - at < step ? len - at : step;
                assay_crypto_blake3_update(&hash, (assay_bytes){pattern + at, take});
            }
            assert_memory_equal(assay_crypto_blake3_final(&hash).b, want.ptr, 32);
            free_bytes(want);
        }
    }
    assert_int_equal(i, 35);
    json_decref(root);
}

static void a_context_moves_and_is_not_spent(void **state) {
    (void)state;
    assay_blake3 a, b;
    assay_crypto_blake3_init(&a, &some_key);
    assay_crypto_blake3_update(&a, (assay_bytes){pattern, 5000});
    assert_hash_equal(assay_crypto_blake3_final(&a), assay_crypto_blake3(&some_key, (assay_bytes){pattern, 5000}));
    b = a;
    memset(&a, 0xff, sizeof a);
    assay_crypto_blake3_update(&b, (assay_bytes){pattern + 5000, 3000});
    assay_crypto_blake3_update(&b, (assay_bytes){NULL, 0});
    assert_hash_equal(assay_crypto_blake3_final(&b), assay_crypto_blake3(&some_key, (assay_bytes){pattern, 8000}));
}

static void left_len_is_the_largest_power(void **state) {
    (void)state;
    for (uint64_t len = 1025; len < 300000; len += 1 + len % 3) {
        uint64_t want = CHUNK;
        while (want * 2 < len) want *= 2;
        assert_int_equal(assay_crypto_blake3_left_len(len), want);
    }
    assert_true(assay_crypto_blake3_left_len(UINT64_MAX) == (uint64_t)1 << 63);
    assert_true(assay_crypto_blake3_left_len((uint64_t)1 << 63) == (uint64_t)1 << 62);
}

/* The tree by its definition, from left_len, subtree and parent alone. */
static assay_hash by_definition(const assay_hash *key, uint64_t off, uint64_t len, bool root) {
    if (len <= CHUNK) return assay_crypto_blake3_subtree(key, (assay_bytes){pattern + off, len}, off / CHUNK);
    uint64_t left = assay_crypto_blake3_left_len(len);
    return assay_crypto_blake3_parent(key, by_definition(key, off, left, false),
                                      by_definition(key, off + left, len - left, false), root);
}

static void subtrees_and_parents_make_the_digest(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTHS; i++) {
        if (lengths[i] <= CHUNK) continue;
        for (size_t k = 0; k < 2; k++) {
            assay_hash want = assay_crypto_blake3(keys[k], (assay_bytes){pattern, lengths[i]});
            assert_hash_equal(by_definition(keys[k], 0, lengths[i], true), want);
            /* Not marked as root, it is another value. */
            assert_false(assay_base_hash_eq(by_definition(keys[k], 0, lengths[i], false), want));
        }
    }
    /* Whole subtrees at once are the same as chunk by chunk, wherever they start. */
    for (uint64_t chunks = 1; chunks <= 64; chunks *= 2)
        for (uint64_t first = 0; first < 512; first += 64)
            assert_hash_equal(
                assay_crypto_blake3_subtree(NULL, (assay_bytes){pattern + first * CHUNK, chunks * CHUNK}, first),
                by_definition(NULL, first * CHUNK, chunks * CHUNK, false));
}

static size_t group_cvs(assay_hash *out, const assay_hash *key, uint64_t len) {
    size_t count = units(len, GROUP);
    for (size_t g = 0; g < count; g++)
        out[g] = count == 1 ? assay_crypto_blake3(key, (assay_bytes){pattern, len})
                            : assay_crypto_blake3_subtree(key, unit_of(g, len, GROUP), g * (GROUP / CHUNK));
    return count;
}

static void groups_make_the_digest(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTHS; i++) {
        for (size_t k = 0; k < 2; k++) {
            assay_hash cvs[8];
            size_t count = group_cvs(cvs, keys[k], lengths[i]);
            assert_hash_equal(assay_crypto_blake3_root_from_groups(keys[k], cvs, count, lengths[i]),
                              assay_crypto_blake3(keys[k], (assay_bytes){pattern, lengths[i]}));
        }
    }
}

/* Every count of groups up to 130 against the definition: the groups' values need not come from real text for that. */
static assay_hash join(const assay_hash *cvs, size_t count, bool root) {
    if (count == 1) return cvs[0];
    size_t left = 1;
    while (left * 2 < count) left *= 2;
    return assay_crypto_blake3_parent(NULL, join(cvs, left, false), join(cvs + left, count - left, false), root);
}

static void any_number_of_groups(void **state) {
    (void)state;
    static assay_hash cvs[130], scratch[130];
    for (size_t i = 0; i < 130; i++) cvs[i] = hash_of_number(i);
    for (size_t count = 1; count <= 130; count++) {
        uint64_t len = count * GROUP - count % 3;
        assert_hash_equal(assay_crypto_blake3_root_from_groups(NULL, cvs, count, len), join(cvs, count, true));
    }
    assay_blake3_path path;
    assert_int_equal(assay_crypto_blake3_group_path(&path, NULL, scratch, 5, 5 * GROUP, 5), ASSAY_E_RANGE);
    assert_int_equal(assay_crypto_blake3_group_path(&path, NULL, scratch, 5, 6 * GROUP, 1), ASSAY_E_RANGE);
    assert_int_equal(assay_crypto_blake3_group_path(&path, NULL, scratch, 1, 0, 0), ASSAY_OK);
    assert_int_equal(path.count, 0);
}

typedef assay_err (*path_root)(assay_hash *, const assay_hash *, assay_bytes, uint64_t, uint64_t, const assay_hash *,
                               size_t);

/* True if the proof is refused, either as such or by leading elsewhere. */
static bool refused(path_root root, assay_hash want, const assay_hash *key, assay_bytes unit, uint64_t idx,
                    uint64_t len, const assay_blake3_path *path) {
    assay_hash got;
    assay_hash *siblings = exact(path->siblings, path->count);
    assay_err e = root(&got, key, unit, idx, len, siblings, path->count);
    free(siblings);
    if (e != ASSAY_OK) assert_int_equal(e, ASSAY_E_PROOF);
    return e != ASSAY_OK || !assay_base_hash_eq(got, want);
}

static void refuse_variants(path_root root, assay_hash want, const assay_hash *key, assay_bytes unit, uint64_t idx,
                            uint64_t len, const assay_blake3_path *path, uint64_t unit_len) {
    assert_false(refused(root, want, key, unit, idx, len, path));
    assay_blake3_path bad = *path;
    for (uint32_t s = 0; s < path->count; s++) {
        bad.siblings[s].b[s % 32] ^= 1;
        assert_true(refused(root, want, key, unit, idx, len, &bad));
        bad = *path;
    }
    if (path->count) {
        bad.count--;
        assert_true(refused(root, want, key, unit, idx, len, &bad));
        bad = *path;
    }
    bad.siblings[bad.count++] = want;
    assert_true(refused(root, want, key, unit, idx, len, &bad));
    uint64_t count = units(len, unit_len);
    assert_true(refused(root, want, key, unit, count, len, path));
    assert_true(refused(root, want, key, unit, UINT64_MAX, len, path));
    if (count > 1) assert_true(refused(root, want, key, unit, idx ? idx - 1 : idx + 1, len, path));
    /* Longer or shorter by a unit: another place for the last one, or another number of siblings. A path that is the
     * same in both trees and whose unit is full may stand, which is why the digest's length is always known by other
     * means. */
    assert_true(refused(root, want, key, (assay_bytes){unit.ptr, unit.len + 1}, idx, len, path));
    if (unit.len) {
        assert_true(refused(root, want, key, (assay_bytes){unit.ptr, unit.len - 1}, idx, len, path));
        uint8_t *copy = malloc(unit.len);
        assert_non_null(copy);
        memcpy(copy, unit.ptr, unit.len);
        copy[unit.len / 2] ^= 0x80;
        assert_true(refused(root, want, key, (assay_bytes){copy, unit.len}, idx, len, path));
        free(copy);
    }
    assert_true(refused(root, want, key ? NULL : &some_key, unit, idx, len, path));
}

static void chunk_paths(void **state) {
    (void)state;
    assay_hash *cvs = calloc(units(TEXT_MAX, CHUNK), sizeof *cvs),
               *scratch = calloc(units(TEXT_MAX, CHUNK), sizeof *cvs);
    assert_true(cvs && scratch);
    for (size_t i = 0; i < LENGTHS; i++) {
        for (size_t k = 0; k < 2; k++) {
            uint64_t len = lengths[i], count = units(len, CHUNK);
            assay_hash want = assay_crypto_blake3(keys[k], (assay_bytes){pattern, len});
            for (uint64_t c = 0; c < count && count > 1; c++)
                cvs[c] = assay_crypto_blake3_subtree(keys[k], unit_of(c, len, CHUNK), c);
            /* Every chunk of a small text; of a large one the edges and a few between. */
            for (uint64_t c = 0; c < count; c += count < 70 || c < 2 || c + 3 > count ? 1 : (count - c) / 2) {
                assay_blake3_path path;
                memcpy(scratch, cvs, count * sizeof *cvs);
                assert_int_equal(assay_crypto_blake3_path_from_cvs(&path, keys[k], scratch, len, c), ASSAY_OK);
                refuse_variants(assay_crypto_blake3_path_root, want, keys[k], unit_of(c, len, CHUNK), c, len, &path,
                                CHUNK);
            }
            assay_blake3_path none;
            assert_int_equal(assay_crypto_blake3_path_from_cvs(&none, keys[k], scratch, len, count), ASSAY_E_RANGE);
        }
    }
    free(cvs);
    free(scratch);
}

static void group_paths(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTHS; i++) {
        for (size_t k = 0; k < 2; k++) {
            uint64_t len = lengths[i];
            assay_hash want = assay_crypto_blake3(keys[k], (assay_bytes){pattern, len}), cvs[8], scratch[8];
            size_t count = group_cvs(cvs, keys[k], len);
            for (size_t g = 0; g < count; g++) {
                assay_blake3_path path;
                memcpy(scratch, cvs, sizeof cvs);
                assert_int_equal(assay_crypto_blake3_group_path(&path, keys[k], scratch, count, len, g), ASSAY_OK);
                refuse_variants(assay_crypto_blake3_group_path_root, want, keys[k], unit_of(g, len, GROUP), g, len,
                                &path, GROUP);
            }
        }
    }
}

/* crypto.h: a chunk's path is its path inside its group, then the group's path. This is how an opening of a large file
 * is made without holding the values of all its chunks. */
static void a_chunk_path_is_two_paths(void **state) {
    (void)state;
    static assay_hash chunks[GROUP / 1024];
    const uint64_t texts[] = {GROUP + 1, GROUP * 2, GROUP * 7 / 2, TEXT_MAX};
    for (size_t i = 0; i < 4; i++) {
        uint64_t len = texts[i];
        assay_hash want = assay_crypto_blake3(&some_key, (assay_bytes){pattern, len}), groups[8];
        for (uint64_t chunk = 0; chunk < units(len, CHUNK); chunk += 1 + units(len, CHUNK) / 9) {
            uint64_t g = chunk / 1024, first = g * 1024, group_len = unit_of(g, len, GROUP).len;
            for (uint64_t c = 0; c < units(group_len, CHUNK); c++)
                chunks[c] = assay_crypto_blake3_subtree(&some_key, unit_of(first + c, len, CHUNK), first + c);
            assay_blake3_path path, upper;
            size_t count = group_cvs(groups, &some_key, len);
            assert_int_equal(assay_crypto_blake3_path_from_cvs(&path, &some_key, chunks, group_len, chunk - first),
                             ASSAY_OK);
            assert_int_equal(assay_crypto_blake3_group_path(&upper, &some_key, groups, count, len, g), ASSAY_OK);
            memcpy(path.siblings + path.count, upper.siblings, upper.count * sizeof upper.siblings[0]);
            path.count += upper.count;
            assert_false(
                refused(assay_crypto_blake3_path_root, want, &some_key, unit_of(chunk, len, CHUNK), chunk, len, &path));
        }
    }
}

/* The longest text there can be: 2^64 - 1 bytes have 2^54 chunks, so a path has 54 siblings. */
static void huge_lengths(void **state) {
    (void)state;
    assay_hash siblings[ASSAY_BLAKE3_PATH_MAX + 1] = {{{0}}}, out;
    assay_bytes last = {pattern, 1023}, full = {pattern, 1024};
    uint64_t chunks = (uint64_t)1 << 54;
    assert_int_equal(assay_crypto_blake3_path_root(&out, NULL, last, chunks - 1, UINT64_MAX, siblings, 54), ASSAY_OK);
    assert_int_equal(assay_crypto_blake3_path_root(&out, NULL, full, 0, UINT64_MAX, siblings, 54), ASSAY_OK);
    assert_int_equal(assay_crypto_blake3_path_root(&out, NULL, full, chunks - 1, UINT64_MAX, siblings, 54),
                     ASSAY_E_PROOF);
    assert_int_equal(assay_crypto_blake3_path_root(&out, NULL, full, 0, UINT64_MAX, siblings, 53), ASSAY_E_PROOF);
    assert_int_equal(assay_crypto_blake3_path_root(&out, NULL, full, 0, UINT64_MAX, siblings, 55), ASSAY_E_PROOF);
    assert_int_equal(assay_crypto_blake3_path_root(&out, NULL, full, chunks, UINT64_MAX, siblings, 54), ASSAY_E_PROOF);
    assert_int_equal(
        assay_crypto_blake3_group_path_root(&out, NULL, (assay_bytes){pattern, GROUP}, 0, UINT64_MAX, siblings, 44),
        ASSAY_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(official_vectors),
        cmocka_unit_test(a_context_moves_and_is_not_spent),
        cmocka_unit_test(left_len_is_the_largest_power),
        cmocka_unit_test(subtrees_and_parents_make_the_digest),
        cmocka_unit_test(groups_make_the_digest),
        cmocka_unit_test(any_number_of_groups),
        cmocka_unit_test(chunk_paths),
        cmocka_unit_test(group_paths),
        cmocka_unit_test(a_chunk_path_is_two_paths),
        cmocka_unit_test(huge_lengths),
    };
    return cmocka_run_group_tests(tests, make_pattern, NULL);
}
