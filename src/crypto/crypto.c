/* SPDX-License-Identifier: Apache-2.0
 *
 * Ed25519 and secrets: the thin side of the module. What is subtle about signatures is in rust/src/sign.rs. */
#include "crypto_internal.h"

#include <string.h>

/* rust/src/sign.rs reads items by this layout. */
_Static_assert(offsetof(assay_crypto_batch_item, key) == 0 && offsetof(assay_crypto_batch_item, signature) == 32 &&
                   offsetof(assay_crypto_batch_item, message) == 96 &&
                   sizeof(assay_crypto_batch_item) == 96 + 2 * sizeof(size_t) &&
                   offsetof(assay_bytes, len) == sizeof(void *),
               "assay_crypto_batch_item is read by the Rust library");

assay_public_key assay_crypto_ed25519_public(const assay_key_secret *secret) {
    assay_public_key out;
    assay_rs_ed25519_public(out.b, secret->b);
    return out;
}

assay_signature assay_crypto_ed25519_sign(const assay_key_secret *secret, assay_bytes message) {
    assay_signature out;
    assay_rs_ed25519_sign(out.b, secret->b, message.ptr, message.len);
    return out;
}

bool assay_crypto_ed25519_verify(assay_public_key key, assay_bytes message, assay_signature signature) {
    return assay_rs_ed25519_verify(key.b, signature.b, message.ptr, message.len);
}

bool assay_crypto_ed25519_verify_batch(const assay_crypto_batch_item *items, size_t count, const uint8_t seed32[32]) {
    return assay_rs_ed25519_verify_batch(items, count, seed32);
}

assay_err assay_crypto_ed25519_key_ok(assay_public_key key) {
    return assay_rs_ed25519_key_ok(key.b) ? ASSAY_OK : ASSAY_E_KEY;
}

_Static_assert(offsetof(assay_crypto_labelled, message) == sizeof(assay_bytes) &&
                   sizeof(assay_crypto_labelled) == 4 * sizeof(size_t),
               "assay_crypto_labelled is read by the Rust library");

assay_public_key assay_crypto_x25519_public(const assay_key_secret *secret) {
    assay_public_key out;
    assay_rs_x25519_public(out.b, secret->b);
    return out;
}

assay_err assay_crypto_x25519(assay_key_secret *shared, const assay_key_secret *secret, assay_public_key point) {
    return assay_rs_x25519(shared->b, secret->b, point.b) ? ASSAY_OK : ASSAY_E_KEY;
}

void assay_crypto_hkdf_sha256(uint8_t *out, size_t len, const assay_key_secret *secret, assay_bytes info) {
    ASSAY_ASSERT(len > 0 && assay_rs_hkdf_sha256(out, len, secret->b, info.ptr, info.len));
}

void assay_crypto_aead_seal(uint8_t *text, size_t len, const assay_key_secret *key,
                            const uint8_t nonce[ASSAY_CRYPTO_AEAD_NONCE_LEN]) {
    ASSAY_ASSERT(assay_rs_aead_seal(text, len, key->b, nonce));
}

bool assay_crypto_aead_open(uint8_t *text, size_t len, const assay_key_secret *key,
                            const uint8_t nonce[ASSAY_CRYPTO_AEAD_NONCE_LEN]) {
    return assay_rs_aead_open(text, len, key->b, nonce);
}

void assay_crypto_merlin(uint8_t *out, size_t len, assay_bytes protocol, const assay_crypto_labelled *messages,
                         size_t count, assay_bytes challenge) {
    assay_rs_merlin(out, len, protocol.ptr, protocol.len, messages, count, challenge.ptr, challenge.len);
}

assay_address assay_crypto_address(assay_public_key key) {
    assay_hash digest = assay_crypto_sha256_one((assay_bytes){key.b, sizeof key.b});
    assay_address out;
    memcpy(out.b, digest.b, sizeof out.b);
    return out;
}

void assay_crypto_wipe(void *memory, size_t len) {
    if (len == 0) return;
    memset(memory, 0, len);
    /* The compiler must assume that this reads the zeroes, so it cannot leave them out. */
    __asm__ volatile("" : : "r"(memory) : "memory");
}

bool assay_crypto_ct_eq(const void *a, const void *b, size_t len) {
    const uint8_t *x = a, *y = b;
    uint32_t diff = 0;
    for (size_t i = 0; i < len; i++) {
        diff |= (uint32_t)(x[i] ^ y[i]);
        /* Hides diff from the optimiser, which could otherwise stop at the first difference. */
        __asm__("" : "+r"(diff));
    }
    return diff == 0;
}
