/* SPDX-License-Identifier: Apache-2.0
 *
 * Constant time, tested rather than claimed: secrets are declared undefined to valgrind, which then reports every
 * branch and every address that depends on them (Langley's ctgrind). ctest ct_crypto runs this under valgrind; alone it
 * only checks that the same calls work. Valgrind shows the machine code for the CPU it imitates, which has no AVX-512
 * and no SHA-NI, and it does not see an instruction whose time depends on its operands. */
#include "vectors.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_UNDEFINED(ptr, len) ((void)(ptr), (void)(len))
#define VALGRIND_MAKE_MEM_DEFINED(ptr, len) ((void)(ptr), (void)(len))
#define VALGRIND_COUNT_ERRORS 0u
#define RUNNING_ON_VALGRIND 0u
#endif

static void no_branch_on_a_secret(void **state) {
    (void)state;
    for (uint8_t i = 0; i < 8; i++) {
        assay_key_secret secret = {{i, 3}};
        VALGRIND_MAKE_MEM_UNDEFINED(&secret, sizeof secret);
        assay_public_key key = assay_crypto_ed25519_public(&secret);
        assay_signature signature = assay_crypto_ed25519_sign(&secret, ASSAY_STR("message"));
        bool equal = assay_crypto_ct_eq(secret.b, key.b, 32);
        assay_crypto_wipe(&secret, sizeof secret);
        /* What is published is a secret no longer. */
        VALGRIND_MAKE_MEM_DEFINED(&key, sizeof key);
        VALGRIND_MAKE_MEM_DEFINED(&signature, sizeof signature);
        VALGRIND_MAKE_MEM_DEFINED(&equal, sizeof equal);
        assert_false(equal);
        assert_true(assay_crypto_ed25519_verify(key, ASSAY_STR("message"), signature));
    }
    assert_int_equal(VALGRIND_COUNT_ERRORS, 0);
}

/* The same of an encrypted connection's keys and texts. That a text was opened or not is no secret. */
static void no_branch_on_a_connections_secret(void **state) {
    (void)state;
    uint8_t text[128 + ASSAY_CRYPTO_AEAD_TAG_LEN] = {1}, nonce[ASSAY_CRYPTO_AEAD_NONCE_LEN] = {2};
    const assay_key_secret other = {{9, 9}};
    assay_key_secret secret = {{7, 3}}, shared, keys[3];
    assay_public_key point = assay_crypto_x25519_public(&other);
    VALGRIND_MAKE_MEM_UNDEFINED(&secret, sizeof secret);
    assay_public_key own = assay_crypto_x25519_public(&secret);
    assay_err err = assay_crypto_x25519(&shared, &secret, point);
    VALGRIND_MAKE_MEM_DEFINED(&err, sizeof err);
    assay_crypto_hkdf_sha256(keys[0].b, sizeof keys, &shared, ASSAY_STR("keys"));
    VALGRIND_MAKE_MEM_UNDEFINED(text, 128);
    assay_crypto_aead_seal(text, 128, &keys[0], nonce);
    VALGRIND_MAKE_MEM_DEFINED(text, sizeof text);
    VALGRIND_MAKE_MEM_DEFINED(&own, sizeof own);
    VALGRIND_MAKE_MEM_DEFINED(keys, sizeof keys);
    assert_int_equal(err, ASSAY_OK);
    assert_true(assay_crypto_aead_open(text, sizeof text, &keys[0], nonce));
    assert_int_equal(VALGRIND_COUNT_ERRORS, 0);
}

/* That the method sees anything at all. */
static void a_branch_would_be_seen(void **state) {
    (void)state;
    if (!RUNNING_ON_VALGRIND) skip();
    uint8_t secret[32] = {1};
    VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    uint8_t *volatile hidden = secret;
    if (hidden[0] == 2) print_message("this is never printed\n");
    assert_int_equal(VALGRIND_COUNT_ERRORS, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_branch_on_a_secret),
                                       cmocka_unit_test(no_branch_on_a_connections_secret),
                                       cmocka_unit_test(a_branch_would_be_seen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
