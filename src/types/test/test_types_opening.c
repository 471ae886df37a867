/* SPDX-License-Identifier: Apache-2.0
 *
 * Openings of real files, built here as a checker builds them, and every way to tamper with one, each refused for
 * what it is: void (ASSAY_E_OPENING) or false (ASSAY_E_EVIDENCE), the difference that decides whether stake is lost.
 * */
#include "vectors_internal.h"

static const size_t sizes[] = {0, 1, 1023, 1024, 1025, (1 << 20) + 7, 3000};
enum { FILES_MAX = sizeof sizes / sizeof *sizes };

/* A version in memory, with what a checker keeps of it. */
typedef struct version {
    uint32_t count;
    assay_bytes contents[FILES_MAX];
    assay_file_leaf files[FILES_MAX];
    assay_hash keyed[FILES_MAX]; /* keyed digests */
    assay_opening_claim claim;
} version;

static uint64_t random_state;

static uint64_t random_u64(void) {
    random_state += 0x9e3779b97f4a7c15u;
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static version make_version(const size_t *file_sizes, uint32_t count, assay_arena *keep) {
    version v = {.count = count};
    assay_public_key key = {{7}};
    assay_hash block = {{9}};
    v.claim.custody_key = assay_custody_key(key, block);
    assay_manifest manifest = {.format = 1, .files = v.files, .files_count = count};
    uint64_t before = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *bytes = ASSAY_NEW(keep, uint8_t, file_sizes[i] + 1), *name = ASSAY_NEW(keep, uint8_t, 2);
        for (size_t k = 0; k < file_sizes[i]; k++) bytes[k] = (uint8_t)random_u64();
        name[0] = (uint8_t)('a' + i);
        v.contents[i] = (assay_bytes){bytes, file_sizes[i]};
        v.files[i] = (assay_file_leaf){.path = {name, 1},
                                       .size = file_sizes[i],
                                       .sha256 = assay_crypto_sha256_one(v.contents[i]),
                                       .blake3 = assay_crypto_blake3(NULL, v.contents[i]),
                                       .chunks_before = before};
        v.keyed[i] = assay_crypto_blake3(&v.claim.custody_key, v.contents[i]);
        before += assay_file_chunks(file_sizes[i]);
    }
    assert_int_equal(assay_manifest_check(&manifest), ASSAY_OK);
    assert_int_equal(assay_manifest_root(&v.claim.root, &manifest, *keep), ASSAY_OK);
    v.claim.files = count;
    v.claim.chunks = before;
    assay_hash leaves[FILES_MAX];
    memcpy(leaves, v.keyed, sizeof leaves);
    v.claim.custody_root = assay_custody_root(leaves, count);
    return v;
}

static uint8_t (*copy_path(const void *hashes, uint32_t count, assay_arena *keep))[32] {
    uint8_t *out = ASSAY_NEW(keep, uint8_t, count * 32 + 1);
    assert_non_null(out);
    memcpy(out, hashes, count * 32u);
    return (uint8_t(*)[32])out;
}

/* The siblings of one chunk, plain or keyed. */
static uint8_t (*chunk_path(uint32_t *count, const assay_hash *key, assay_bytes content, uint64_t chunk,
                            assay_arena *keep))[32] {
    uint64_t chunks = assay_file_chunks(content.len);
    assay_hash *cvs = ASSAY_NEW(keep, assay_hash, chunks);
    for (uint64_t i = 0; i < chunks && chunks > 1; i++) {
        size_t from = i * 1024, left = content.len - from;
        cvs[i] = assay_crypto_blake3_subtree(key, (assay_bytes){content.ptr + from, left < 1024 ? left : 1024}, i);
    }
    assay_blake3_path path;
    assert_int_equal(assay_crypto_blake3_path_from_cvs(&path, key, cvs, content.len, chunk), ASSAY_OK);
    *count = path.count;
    return copy_path(path.siblings, path.count, keep);
}

/* RFC 6962 path of leaf i among leaf hashes, which it uses up. */
static uint8_t (*tree_path(uint32_t *count, assay_hash *leaves, uint32_t leaves_count, uint32_t i,
                           assay_arena *keep))[32] {
    assay_merkle_path path;
    assay_merkle_path_of(&path, leaves, leaves_count, i);
    *count = path.count;
    return copy_path(path.hashes, path.count, keep);
}

static assay_opening_entry open_chunk(const version *v, uint64_t chunk, assay_arena *keep) {
    uint32_t f = v->count - 1;
    while (v->files[f].chunks_before > chunk) f--;
    uint64_t local = chunk - v->files[f].chunks_before;
    size_t from = local * 1024, left = v->contents[f].len - from;
    assay_opening_entry e = {.chunk = chunk,
                             .content = {v->contents[f].ptr + from, left < 1024 ? left : 1024},
                             .file_idx = f,
                             .file = v->files[f]};
    assay_hash leaves[FILES_MAX];
    for (uint32_t i = 0; i < v->count; i++) {
        assay_bytes encoded;
        assert_int_equal(
            assay_codec_encode_new(&encoded, keep, &assay_file_leaf_message, &v->files[i], ASSAY_CODEC_STRICT),
            ASSAY_OK);
        leaves[i] = assay_merkle_leaf(encoded);
    }
    e.file_path = tree_path(&e.file_path_count, leaves, v->count, f, keep);
    e.plain_path = chunk_path(&e.plain_path_count, NULL, v->contents[f], local, keep);
    e.keyed_path = chunk_path(&e.keyed_path_count, &v->claim.custody_key, v->contents[f], local, keep);
    for (uint32_t i = 0; i < v->count; i++) leaves[i] = assay_merkle_leaf(assay_base_hash_bytes(&v->keyed[i]));
    e.custody_path = tree_path(&e.custody_path_count, leaves, v->count, f, keep);
    return e;
}

static void expect_opening(const char *what, const assay_opening_entry *entry, uint64_t drawn, const version *v,
                           assay_err wanted) {
    expect_err(what, assay_opening_entry_check(entry, drawn, &v->claim), wanted);
}

/* Every chunk of every size opens; and through the wire too. */
static void test_every_chunk(void **state) {
    (void)state;
    for (uint32_t count = 1; count <= FILES_MAX; count++) {
        assay_arena keep = vectors_arena();
        version v = make_version(sizes, count, &keep);
        /* Of the large file, the first, the last and some between. */
        for (uint64_t chunk = 0; chunk<v.claim.chunks; chunk += chunk> 20 && chunk + 120 < v.claim.chunks ? 97 : 1) {
            assay_arena here = keep;
            assay_opening_entry entry = open_chunk(&v, chunk, &here), again;
            expect_opening("entry", &entry, chunk, &v, ASSAY_OK);
            assay_bytes encoded;
            expect_ok(
                "entry", "encode",
                assay_codec_encode_new(&encoded, &here, &assay_opening_entry_message, &entry, ASSAY_CODEC_STRICT));
            expect_ok("entry", "decode",
                      assay_codec_decode(&again, &here, &assay_opening_entry_message, encoded, ASSAY_CODEC_STRICT));
            expect_opening("decoded entry", &again, chunk, &v, ASSAY_OK);
            expect_opening("another draw", &entry, chunk + 1, &v, ASSAY_E_OPENING);
        }
        print_message("%u files, %lu chunks\n", count, (unsigned long)v.claim.chunks);
    }
    for (uint32_t i = 0; i < FILES_MAX; i++) { /* each size alone: both trees are one leaf */
        assay_arena keep = vectors_arena();
        version v = make_version(&sizes[i], 1, &keep);
        assay_opening_entry entry = open_chunk(&v, v.claim.chunks - 1, &keep);
        expect_opening("alone", &entry, v.claim.chunks - 1, &v, ASSAY_OK);
    }
}

/* Whoever tampers with what binds to the manifest gets a void opening; with what binds to custody alone, a false one.
 * */
static void test_tampering(void **state) {
    (void)state;
    assay_arena keep = vectors_arena();
    version v = make_version(sizes, FILES_MAX, &keep);
    const uint64_t chunks[] = {3,    4,    5,    6,   500,
                               1029, 1030, 1031, 1033}; /* of files d to g; 5, 1030 and 1033 are short */
    for (size_t k = 0; k < sizeof chunks / sizeof *chunks; k++) {
        assay_arena here = keep;
        const assay_opening_entry good = open_chunk(&v, chunks[k], &here);
        const uint64_t drawn = chunks[k];
        expect_opening("good", &good, drawn, &v, ASSAY_OK);
        uint8_t *content = ASSAY_NEW(&here, uint8_t, good.content.len);
        memcpy(content, good.content.ptr, good.content.len);
        assay_opening_entry bad;
#define TAMPER(change, wanted)                                                                                         \
    do {                                                                                                               \
        bad = good;                                                                                                    \
        change;                                                                                                        \
        expect_opening(#change, &bad, drawn, &v, wanted);                                                              \
    } while (0)
        TAMPER(bad.chunk++, ASSAY_E_OPENING);
        TAMPER((content[0] ^= 1, bad.content.ptr = content), ASSAY_E_OPENING);
        TAMPER(bad.content.len--, ASSAY_E_OPENING);
        TAMPER(bad.content = (assay_bytes){0}, ASSAY_E_OPENING);
        TAMPER(bad.file_idx ^= 1, ASSAY_E_OPENING);
        TAMPER(bad.file_idx = FILES_MAX, ASSAY_E_OPENING);
        TAMPER(bad.file_idx = UINT64_MAX, ASSAY_E_OPENING);
        TAMPER(bad.file.path = ASSAY_STR("z"), ASSAY_E_OPENING);
        TAMPER(bad.file.path.len = ASSAY_PATH_LEN_MAX + 1, ASSAY_E_OPENING);
        TAMPER(bad.file.size++, ASSAY_E_OPENING);
        TAMPER(bad.file.size = UINT64_MAX, ASSAY_E_OPENING);
        TAMPER(bad.file.sha256.b[0] ^= 1, ASSAY_E_OPENING);
        TAMPER(bad.file.blake3.b[31] ^= 1, ASSAY_E_OPENING);
        TAMPER(bad.file.chunks_before--, ASSAY_E_OPENING);
        TAMPER(bad.file.chunks_before = UINT64_MAX, ASSAY_E_OPENING);
        TAMPER(bad.file_path_count--, ASSAY_E_OPENING);
        TAMPER(bad.file_path_count = 0, ASSAY_E_OPENING);
        for (uint32_t i = 0; i < good.file_path_count; i++) {
            good.file_path[i][31] ^= 0x80;
            TAMPER((void)bad, ASSAY_E_OPENING);
            good.file_path[i][31] ^= 0x80;
        }
        for (uint32_t i = 0; i < good.plain_path_count; i++) {
            good.plain_path[i][0] ^= 1;
            TAMPER((void)bad, ASSAY_E_OPENING);
            good.plain_path[i][0] ^= 1;
        }
        if (good.plain_path_count) {
            TAMPER(bad.plain_path_count--, ASSAY_E_OPENING);
            TAMPER((bad.plain_path = good.keyed_path), ASSAY_E_OPENING);
            TAMPER((bad.keyed_path = good.plain_path), ASSAY_E_EVIDENCE);
            TAMPER(bad.keyed_path_count--, ASSAY_E_EVIDENCE);
        }
        for (uint32_t i = 0; i < good.keyed_path_count; i++) {
            good.keyed_path[i][0] ^= 1;
            TAMPER((void)bad, ASSAY_E_EVIDENCE);
            good.keyed_path[i][0] ^= 1;
        }
        if (good.keyed_path_count < good.file_path_count)
            TAMPER((bad.keyed_path = good.file_path, bad.keyed_path_count++), ASSAY_E_EVIDENCE);
        for (uint32_t i = 0; i < good.custody_path_count; i++) {
            good.custody_path[i][16] ^= 4;
            TAMPER((void)bad, ASSAY_E_EVIDENCE);
            good.custody_path[i][16] ^= 4;
        }
        TAMPER(bad.custody_path_count--, ASSAY_E_EVIDENCE);
        TAMPER(bad.custody_path_count = 0, ASSAY_E_EVIDENCE);
        expect_opening("restored", &good, drawn, &v, ASSAY_OK);
    }
}

/* The same opening held against other claims. */
static void test_claims(void **state) {
    (void)state;
    assay_arena keep = vectors_arena();
    version v = make_version(sizes, FILES_MAX, &keep), other;
    assay_opening_entry entry = open_chunk(&v, 700, &keep);
    const struct {
        const char *what;
        assay_err wanted;
    } cases[] = {{"as it is", ASSAY_OK},
                 {"another root", ASSAY_E_OPENING},
                 {"one file more", ASSAY_E_OPENING},
                 {"one file", ASSAY_E_OPENING},
                 {"no file", ASSAY_E_OPENING},
                 {"700 chunks", ASSAY_E_OPENING},
                 {"no chunk", ASSAY_E_OPENING},
                 {"another validator's key", ASSAY_E_EVIDENCE},
                 {"another custody root", ASSAY_E_EVIDENCE},
                 {"a custody root that was made up", ASSAY_E_EVIDENCE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        other = v;
        if (i == 1) other.claim.root.b[0] ^= 1;
        if (i == 2) other.claim.files = 2 * FILES_MAX;
        if (i == 3) other.claim.files = 1;
        if (i == 4) other.claim.files = 0;
        if (i == 5) other.claim.chunks = 700;
        if (i == 6) other.claim.chunks = 0;
        if (i == 7) other.claim.custody_key = assay_custody_key((assay_public_key){{8}}, (assay_hash){{9}});
        if (i == 8) other.claim.custody_root.b[31] ^= 1;
        if (i == 9) memset(&other.claim.custody_root, 0, sizeof other.claim.custody_root);
        expect_opening(cases[i].what, &entry, 700, &other, cases[i].wanted);
    }
    assay_hash a = assay_custody_key((assay_public_key){{1}}, (assay_hash){{2}});
    assay_hash b = assay_custody_key((assay_public_key){{1}}, (assay_hash){{3}});
    assert_false(assay_base_hash_eq(a, b));
}

/* Somebody with other bytes of the same shape can open nothing; with a lie in the custody root alone, is caught. */
static void test_liars(void **state) {
    (void)state;
    assay_arena keep = vectors_arena();
    version honest = make_version(sizes, FILES_MAX, &keep), stranger = make_version(sizes, FILES_MAX, &keep);
    uint32_t caught = 0;
    for (uint64_t chunk = 0; chunk < honest.claim.chunks; chunk += 13) {
        assay_arena here = keep;
        assay_opening_entry entry = open_chunk(&stranger, chunk, &here);
        assert_int_equal(assay_opening_entry_check(&entry, chunk, &honest.claim), ASSAY_E_OPENING);
        /* Vouched with the stranger's keyed digests, then shows the right bytes. */
        version lazy = honest;
        lazy.claim.custody_root = stranger.claim.custody_root;
        assay_opening_entry right = open_chunk(&honest, chunk, &here);
        assert_int_equal(assay_opening_entry_check(&right, chunk, &lazy.claim), ASSAY_E_EVIDENCE);
        caught++;
    }
    print_message("%u caught\n", caught);
}

/* Draws spread evenly: each of 16 chunks is drawn about as often as the others (chi-squared below 1 in 10^9). */
static void test_draws_spread(void **state) {
    (void)state;
    uint32_t counts[16] = {0};
    const uint32_t draws = 64000;
    for (uint32_t i = 0; i < draws; i++) {
        assay_hash block = {{(uint8_t)i, (uint8_t)(i >> 8)}}, check = {{(uint8_t)(i >> 16)}};
        counts[assay_draw_chunk(block, check, i % 3, 16)]++;
    }
    uint64_t chi = 0; /* times draws / 16 */
    for (uint32_t i = 0; i < 16; i++) {
        int64_t off = (int64_t)counts[i] - draws / 16;
        chi += (uint64_t)(off * off);
    }
    assert_true(chi < 76 * (draws / 16));
    assert_int_equal(assay_draw_chunk((assay_hash){{1}}, (assay_hash){{2}}, 0, 1), 0);
}

int main(void) {
    random_state = 20261125;
    print_message("seed %lu\n", (unsigned long)random_state);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_chunk), cmocka_unit_test(test_tampering),    cmocka_unit_test(test_claims),
        cmocka_unit_test(test_liars),       cmocka_unit_test(test_draws_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
