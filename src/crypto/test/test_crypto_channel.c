/* SPDX-License-Identifier: Apache-2.0
 *
 * What an encrypted connection is made of, against RFC 7748, OpenSSL, Merlin's and CometBFT's own vectors. */
#include "vectors.h"

static void shared_secrets(void **state) {
    (void)state;
    json_t *root = vectors("channel.json"), *c;
    size_t i;
    json_array_foreach(json_object_get(root, "x25519"), i, c) {
        assay_key_secret secret, shared;
        assay_public_key point, public;
        assay_hash wanted = hash_member(c, "shared");
        hex_into(secret.b, 32, json_object_get(c, "secret"));
        hex_into(point.b, 32, json_object_get(c, "point"));
        assert_int_equal(assay_crypto_x25519(&shared, &secret, point), ASSAY_OK);
        assert_memory_equal(shared.b, wanted.b, 32);
        if (!json_object_get(c, "public")) continue;
        hex_into(public.b, 32, json_object_get(c, "public"));
        assay_public_key got = assay_crypto_x25519_public(&secret);
        assert_memory_equal(got.b, public.b, 32);
    }
    assert_int_equal(i, 6);
    json_array_foreach(json_object_get(root, "small_order"), i, c) {
        assay_key_secret secret = {{1, 2, 3}}, shared;
        assay_public_key point;
        hex_into(point.b, 32, c);
        assert_int_equal(assay_crypto_x25519(&shared, &secret, point), ASSAY_E_KEY);
    }
    assert_int_equal(i, 7);
    json_decref(root);
}

/* CometBFT's keys of both directions: HKDF as it uses it. */
static void keys_of_cometbft(void **state) {
    (void)state;
    json_t *root = vectors("channel.json"), *c;
    size_t i;
    json_array_foreach(json_object_get(root, "comet"), i, c) {
        assay_key_secret shared;
        uint8_t keys[96];
        hex_into(shared.b, 32, json_object_get(c, "shared"));
        assay_hash receive = hash_member(c, "receive"), send = hash_member(c, "send");
        assay_crypto_hkdf_sha256(keys, sizeof keys, &shared,
                                 ASSAY_STR("TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN"));
        bool least = json_is_true(json_object_get(c, "least"));
        assert_memory_equal(keys + (least ? 0 : 32), receive.b, 32);
        assert_memory_equal(keys + (least ? 32 : 0), send.b, 32);
    }
    assert_int_equal(i, 8);
    json_decref(root);
}

static void transcripts(void **state) {
    (void)state;
    json_t *root = vectors("channel.json"), *c, *m;
    size_t i, k;
    json_array_foreach(json_object_get(root, "merlin"), i, c) {
        assay_crypto_labelled messages[4];
        assay_hash wanted = hash_member(c, "bytes"), got;
        json_array_foreach(json_object_get(c, "messages"), k, m) {
            messages[k].label = assay_base_bytes_str(json_string_value(json_array_get(m, 0)));
            messages[k].message = assay_base_bytes_str(json_string_value(json_array_get(m, 1)));
        }
        const char *protocol = json_string_value(json_object_get(c, "protocol"));
        const char *challenge = json_string_value(json_object_get(c, "challenge"));
        assay_crypto_merlin(got.b, sizeof got.b, assay_base_bytes_str(protocol), messages, k,
                            assay_base_bytes_str(challenge));
        assert_hash_equal(got, wanted);
    }
    assert_int_equal(i, 1);
    json_decref(root);
}

/* As OpenSSL seals it; and whatever is changed, key and nonce too, opens nothing. */
static void sealed_texts(void **state) {
    (void)state;
    json_t *root = vectors("channel.json"), *c;
    size_t i;
    json_array_foreach(json_object_get(root, "aead"), i, c) {
        assay_key_secret key;
        uint8_t nonce[ASSAY_CRYPTO_AEAD_NONCE_LEN];
        hex_into(key.b, 32, json_object_get(c, "key"));
        hex_into(nonce, sizeof nonce, json_object_get(c, "nonce"));
        assay_bytes text = hex_member(c, "text"), sealed = hex_member(c, "sealed");
        assert_int_equal(sealed.len, text.len + ASSAY_CRYPTO_AEAD_TAG_LEN);
        uint8_t *room = malloc(sealed.len);
        assert_non_null(room);
        memcpy(room, text.ptr, text.len);
        assay_crypto_aead_seal(room, text.len, &key, nonce);
        assert_memory_equal(room, sealed.ptr, sealed.len);
        for (size_t at = 0; at < sealed.len; at += 1 + sealed.len / 64) {
            memcpy(room, sealed.ptr, sealed.len);
            room[at] ^= 0x10;
            assert_false(assay_crypto_aead_open(room, sealed.len, &key, nonce));
        }
        memcpy(room, sealed.ptr, sealed.len);
        assert_false(assay_crypto_aead_open(room, sealed.len - 1, &key, nonce));
        memcpy(room, sealed.ptr, sealed.len);
        nonce[4]++;
        assert_false(assay_crypto_aead_open(room, sealed.len, &key, nonce));
        nonce[4]--;
        key.b[0]++;
        memcpy(room, sealed.ptr, sealed.len);
        assert_false(assay_crypto_aead_open(room, sealed.len, &key, nonce));
        key.b[0]--;
        memcpy(room, sealed.ptr, sealed.len);
        assert_true(assay_crypto_aead_open(room, sealed.len, &key, nonce));
        if (text.len) assert_memory_equal(room, text.ptr, text.len);
        assert_false(assay_crypto_aead_open(room, ASSAY_CRYPTO_AEAD_TAG_LEN - 1, &key, nonce));
        free(room);
        free_bytes(text);
        free_bytes(sealed);
    }
    assert_int_equal(i, 9);
    json_decref(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_secrets),
        cmocka_unit_test(keys_of_cometbft),
        cmocka_unit_test(transcripts),
        cmocka_unit_test(sealed_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
