/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors.h"

static const uint8_t seed32[32] = {"nobody could have known this..."};

static bool batch_of(const assay_crypto_batch_item *items, size_t count) {
    return assay_crypto_ed25519_verify_batch(items, count, seed32);
}

static void check_signing(json_t *c) {
    assay_key_secret secret;
    assay_public_key public;
    assay_signature signature;
    hex_into(secret.b, 32, json_object_get(c, "secret"));
    hex_into(public.b, 32, json_object_get(c, "public"));
    hex_into(signature.b, 64, json_object_get(c, "signature"));
    assay_bytes message = hex_member(c, "message");
    assay_public_key got_public = assay_crypto_ed25519_public(&secret);
    assert_memory_equal(got_public.b, public.b, 32);
    assay_signature got = assay_crypto_ed25519_sign(&secret, message);
    assert_memory_equal(got.b, signature.b, 64);
    assert_true(assay_crypto_ed25519_verify(public, message, signature));
    assert_int_equal(assay_crypto_ed25519_key_ok(public), ASSAY_OK);
    free_bytes(message);
}

static void signatures_of_rfc_8032(void **state) {
    (void)state;
    json_t *root = vectors("rfc8032.json"), *c;
    size_t i;
    json_array_foreach(json_object_get(root, "cases"), i, c) check_signing(c);
    assert_int_equal(i, 5);
    json_decref(root);
}

static void signatures_of_gen_py(void **state) {
    (void)state;
    json_t *root = vectors("ed25519.json"), *c;
    size_t i;
    json_array_foreach(json_object_get(root, "sign"), i, c) check_signing(c);
    assert_int_equal(i, 30);
    json_decref(root);
}

static void item_of(assay_crypto_batch_item *out, json_t *c) {
    hex_into(out->key.b, 32, json_object_get(c, "public"));
    hex_into(out->signature.b, 64, json_object_get(c, "signature"));
    out->message = hex_member(c, "message");
}

/* 196 pairs of small-order points, malleability, bit flips, torsion: alone and in a batch of one it is the same
 * verdict. */
static void verdicts_of_zip_215(void **state) {
    (void)state;
    json_t *root = vectors("ed25519.json"), *c;
    size_t i, valid = 0;
    static assay_crypto_batch_item good[512];
    json_array_foreach(json_object_get(root, "verify"), i, c) {
        assay_crypto_batch_item item;
        item_of(&item, c);
        bool want = json_is_true(json_object_get(c, "valid"));
        if (assay_crypto_ed25519_verify(item.key, item.message, item.signature) != want || batch_of(&item, 1) != want)
            fail_msg("case %zu: %s", i, json_string_value(json_object_get(c, "comment")));
        if (want)
            good[valid++] = item;
        else
            free_bytes(item.message);
    }
    assert_true(i > 400 && valid > 196);
    /* All the valid ones make one valid batch; any invalid one spoils it. */
    assert_true(batch_of(good, valid));
    json_array_foreach(json_object_get(root, "verify"), i, c) {
        if (json_is_true(json_object_get(c, "valid"))) continue;
        item_of(&good[valid], c);
        assert_false(batch_of(good, valid + 1));
        assert_false(batch_of(good + valid - 3, 4));
        free_bytes(good[valid].message);
    }
    for (size_t g = 0; g < valid; g++) free_bytes(good[g].message);
    json_decref(root);
}

static void keys_that_are_not_keys(void **state) {
    (void)state;
    json_t *root = vectors("ed25519.json"), *c;
    size_t i;
    json_array_foreach(json_object_get(root, "keys"), i, c) {
        assay_public_key key;
        hex_into(key.b, 32, json_object_get(c, "key"));
        assay_err want = json_is_true(json_object_get(c, "ok")) ? ASSAY_OK : ASSAY_E_KEY;
        if (assay_crypto_ed25519_key_ok(key) != want)
            fail_msg("case %zu: %s", i, json_string_value(json_object_get(c, "comment")));
    }
    assert_true(i > 80);
    json_decref(root);
}

#define MANY 2500

/* Large batches are split inside; one bad signature is found wherever it is. Keys repeat, as those of validators do. */
static void batches_find_the_bad_one(void **state) {
    (void)state;
    static assay_crypto_batch_item items[MANY];
    static uint64_t numbers[MANY];
    for (size_t i = 0; i < MANY; i++) {
        assay_key_secret secret = {{(uint8_t)(i % 100), 9}};
        numbers[i] = i;
        items[i].message = (assay_bytes){(const uint8_t *)&numbers[i], i % 9};
        items[i].key = assay_crypto_ed25519_public(&secret);
        items[i].signature = assay_crypto_ed25519_sign(&secret, items[i].message);
    }
    assert_true(batch_of(NULL, 0));
    const size_t counts[] = {1, 2, 3, 16, 100, 1023, 1024, 1025, 2048, MANY};
    for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        size_t count = counts[n];
        assert_true(batch_of(items, count));
        for (size_t bad = 0; bad < count; bad += 1 + count / 4) {
            items[bad].signature.b[40] ^= 1;
            assert_false(batch_of(items, count));
            items[bad].signature.b[40] ^= 1;
            items[count - 1].key.b[3] ^= 4;
            assert_false(batch_of(items, count));
            items[count - 1].key.b[3] ^= 4;
        }
    }
    /* Two signatures whose errors cancel without coefficients: s1 + d and s2 - d. */
    uint32_t low1, low2;
    memcpy(&low1, items[1].signature.b + 32, 4);
    memcpy(&low2, items[2].signature.b + 32, 4);
    low1 += low1 < UINT32_MAX ? 1u : 0u;
    low2 -= low2 > 0 ? 1u : 0u;
    memcpy(items[1].signature.b + 32, &low1, 4);
    memcpy(items[2].signature.b + 32, &low2, 4);
    assert_false(batch_of(items, 4));
}

static void addresses(void **state) {
    (void)state;
    assay_public_key key = {{1, 2, 3}};
    assay_hash digest = assay_crypto_sha256_one((assay_bytes){key.b, 32});
    assert_memory_equal(assay_crypto_address(key).b, digest.b, 20);
}

static void secrets_are_wiped_and_compared(void **state) {
    (void)state;
    uint8_t a[100], b[100];
    memset(a, 7, sizeof a);
    memset(b, 7, sizeof b);
    assert_true(assay_crypto_ct_eq(a, b, sizeof a));
    assert_true(assay_crypto_ct_eq(NULL, NULL, 0));
    for (size_t i = 0; i < sizeof a; i++)
        for (int bit = 0; bit < 8; bit++) {
            b[i] ^= (uint8_t)(1 << bit);
            assert_false(assay_crypto_ct_eq(a, b, sizeof a));
            assert_true(assay_crypto_ct_eq(a, b, i));
            b[i] ^= (uint8_t)(1 << bit);
        }
    assay_crypto_wipe(a + 1, 98);
    assert_true(a[0] == 7 && a[99] == 7);
    for (size_t i = 1; i < 99; i++) assert_int_equal(a[i], 0);
    assay_crypto_wipe(NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_of_rfc_8032),
        cmocka_unit_test(signatures_of_gen_py),
        cmocka_unit_test(verdicts_of_zip_215),
        cmocka_unit_test(keys_that_are_not_keys),
        cmocka_unit_test(batches_find_the_bad_one),
        cmocka_unit_test(addresses),
        cmocka_unit_test(secrets_are_wiped_and_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
