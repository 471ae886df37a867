/* SPDX-License-Identifier: Apache-2.0 */
#include "../crypto_internal.h"
#include "vectors.h"

static assay_hash crate_sha256(assay_bytes bytes) {
    assay_hash out;
    assay_rs_sha256(out.b, bytes.ptr, bytes.len);
    return out;
}

/* The digest by streaming in pieces of step bytes. */
static assay_hash streamed(assay_bytes bytes, size_t step) {
    assay_sha256 hash;
    assay_crypto_sha256_init(&hash);
    for (size_t at = 0; at < bytes.len; at += step) {
        size_t take = bytes.len - at < step ? bytes.len - at : step;
        assay_crypto_sha256_update(&hash, (assay_bytes){bytes.ptr + at, take});
    }
    return assay_crypto_sha256_final(&hash);
}

static void check_digest(assay_bytes message, assay_hash want) {
    assert_hash_equal(assay_crypto_sha256_one(message), want);
    assert_hash_equal(crate_sha256(message), want);
    for (size_t step = 1; step <= 200; step += 1 + step / 3) assert_hash_equal(streamed(message, step), want);
}

static void nist_messages(void **state) {
    (void)state;
    json_t *root = vectors("nist_sha256.json"), *m;
    const char *sets[] = {"short", "long"};
    size_t i, count = 0;
    for (size_t s = 0; s < 2; s++) {
        json_array_foreach(json_object_get(root, sets[s]), i, m) {
            assay_bytes message = hex_member(m, "message");
            check_digest(message, hash_member(m, "digest"));
            free_bytes(message);
            count++;
        }
    }
    assert_int_equal(count, 90);
    json_decref(root);
}

static void nist_monte_carlo(void **state) {
    (void)state;
    json_t *root = vectors("nist_sha256.json"), *monte = json_object_get(root, "monte_carlo"), *want;
    assay_hash md = hash_member(monte, "seed");
    size_t i;
    json_array_foreach(json_object_get(monte, "checkpoints"), i, want) {
        assay_hash a = md, b = md, c = md;
        for (int n = 0; n < 1000; n++) {
            assay_bytes pieces[] = {{a.b, 32}, {b.b, 32}, {c.b, 32}};
            md = assay_crypto_sha256(pieces, 3);
            a = b, b = c, c = md;
        }
        assay_hash expected;
        hex_into(expected.b, 32, want);
        assert_hash_equal(md, expected);
    }
    assert_int_equal(i, 100);
    json_decref(root);
}

/* gen.py's stream of SHA-256 of "assay vectors sha256 N": these lengths are all those around a block's edges. */
static void every_length_around_a_block(void **state) {
    (void)state;
    static uint8_t stream[51200];
    for (size_t i = 0; i < sizeof stream / 32; i++) {
        char text[64];
        snprintf(text, sizeof text, "assay vectors sha256 %zu", i);
        assay_hash h = assay_crypto_sha256_one(assay_base_bytes_str(text));
        memcpy(stream + 32 * i, h.b, 32);
    }
    json_t *root = vectors("sha256.json"), *m;
    size_t i;
    json_array_foreach(json_object_get(root, "messages"), i, m) {
        size_t len = (size_t)json_integer_value(json_object_get(m, "len"));
        check_digest((assay_bytes){stream, len}, hash_member(m, "digest"));
    }
    assert_true(i > 130);
    json_decref(root);
}

static void pieces_are_one_text(void **state) {
    (void)state;
    for (size_t len = 0; len < 300; len += 7) {
        assay_bytes text = text_of(len, len);
        assay_hash want = crate_sha256(text);
        for (size_t cut = 0; cut <= len; cut += 5) {
            assay_bytes pieces[] = {{text.ptr, cut}, {NULL, 0}, {text.ptr + cut, len - cut}};
            assert_hash_equal(assay_crypto_sha256(pieces, 3), want);
        }
        free_bytes(text);
    }
    assert_hash_equal(assay_crypto_sha256(NULL, 0), crate_sha256((assay_bytes){NULL, 0}));
}

/* Bit for bit: our kernel, one stream and many, against the crate's compression function, from random states. */
static void kernels_match_the_crate(void **state) {
    (void)state;
#ifdef __x86_64__
    if (!assay_rs_has_sha_ni()) {
        print_message("this CPU has no SHA-NI: nothing to compare\n");
        skip();
    }
    uint64_t seed = 1;
    for (size_t round = 0; round < 300; round++) {
        size_t count = round % 9;
        uint32_t ours[4][8], many[4][8], *states[4];
        const uint8_t *blocks[4];
        assay_bytes texts[4];
        for (size_t s = 0; s < 4; s++) {
            for (size_t i = 0; i < 8; i++) many[s][i] = ours[s][i] = (uint32_t)next_random(&seed);
            texts[s] = text_of(count * 64, next_random(&seed));
            blocks[s] = texts[s].ptr;
            states[s] = many[s];
        }
        size_t streams = 1 + round % 4;
        assay_crypto_sha_ni_blocks_many(states, blocks, streams, count);
        for (size_t s = 0; s < 4; s++) {
            uint32_t crate[8];
            memcpy(crate, ours[s], sizeof crate);
            if (s >= streams) assert_memory_equal(many[s], crate, sizeof crate);
            assay_rs_sha256_blocks(crate, blocks[s], count);
            assay_crypto_sha_ni_blocks(ours[s], blocks[s], count);
            assert_memory_equal(ours[s], crate, sizeof crate);
            if (s < streams) assert_memory_equal(many[s], crate, sizeof crate);
            free_bytes(texts[s]);
        }
    }
#else
    skip();
#endif
}

static void update_many_is_update(void **state) {
    (void)state;
    for (size_t count = 1; count <= 4; count++) {
        for (size_t len = 0; len <= 64 * 40; len += 64 * (1 + len / 256)) {
            assay_sha256 one[4], many[4], *hashes[4];
            assay_bytes texts[4];
            const uint8_t *ptrs[4];
            for (size_t i = 0; i < count; i++) {
                texts[i] = text_of(len, 100 * count + i);
                ptrs[i] = texts[i].ptr;
                hashes[i] = &many[i];
                assay_crypto_sha256_init(&one[i]);
                /* The contexts differ in what they already hold, as long as it is whole blocks. */
                assay_bytes before = text_of(64 * i, 7);
                assay_crypto_sha256_update(&one[i], before);
                free_bytes(before);
                many[i] = one[i];
                assay_crypto_sha256_update(&one[i], texts[i]);
            }
            assay_crypto_sha256_update_many(hashes, ptrs, count, len);
            for (size_t i = 0; i < count; i++) {
                /* And the contexts go on as usual afterwards. */
                assay_crypto_sha256_update(&one[i], ASSAY_STR("tail"));
                assay_crypto_sha256_update(&many[i], ASSAY_STR("tail"));
                assert_hash_equal(assay_crypto_sha256_final(&one[i]), assay_crypto_sha256_final(&many[i]));
                free_bytes(texts[i]);
            }
        }
    }
}

static void a_context_may_be_copied(void **state) {
    (void)state;
    assay_sha256 a;
    assay_crypto_sha256_init(&a);
    assay_crypto_sha256_update(&a, ASSAY_STR("ab"));
    assay_sha256 b = a;
    assay_crypto_sha256_update(&a, ASSAY_STR("c"));
    assay_crypto_sha256_update(&b, ASSAY_STR("c"));
    assert_hash_equal(assay_crypto_sha256_final(&a), assay_crypto_sha256_one(ASSAY_STR("abc")));
    assert_hash_equal(assay_crypto_sha256_final(&b), assay_crypto_sha256_one(ASSAY_STR("abc")));
}

/* 512 MiB and more: the length in bits needs more than 32 of them. Streams of zeroes keep the text small. */
static void lengths_beyond_32_bits(void **state) {
    (void)state;
    static const uint8_t zeroes[1 << 20];
    assay_sha256 a, b, *hashes[2] = {&a, &b};
    const uint8_t *texts[2] = {zeroes, zeroes};
    assay_crypto_sha256_init(&a);
    assay_crypto_sha256_init(&b);
    for (int i = 0; i < 513; i++) assay_crypto_sha256_update_many(hashes, texts, 2, sizeof zeroes);
    assay_hash want;
    /* head -c 537919488 /dev/zero | sha256sum */
    assert_int_equal(
        assay_base_unhex(want.b, 32, ASSAY_STR("a3e2acbb469e4e59dde406f912e754c933c1ac0fb0092a3634d61d5073309c0c")),
        ASSAY_OK);
    assert_hash_equal(assay_crypto_sha256_final(&a), want);
    assert_hash_equal(assay_crypto_sha256_final(&b), want);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_messages),
        cmocka_unit_test(nist_monte_carlo),
        cmocka_unit_test(every_length_around_a_block),
        cmocka_unit_test(pieces_are_one_text),
        cmocka_unit_test(kernels_match_the_crate),
        cmocka_unit_test(update_many_is_update),
        cmocka_unit_test(a_context_may_be_copied),
        cmocka_unit_test(lengths_beyond_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
