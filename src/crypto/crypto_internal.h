/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share: the Rust library's C face (rust/src), and the SHA-NI kernels. */
#ifndef ASSAY_CRYPTO_INTERNAL_H
#define ASSAY_CRYPTO_INTERNAL_H

#include "crypto/crypto.h"

/* True if the CPU has SHA-NI, SSSE3 and SSE4.1. Cached inside the Rust library, so that no writable global is ours. */
bool assay_rs_has_sha_ni(void);
/* count blocks of 64 bytes into state, by crate sha2: our fallback, and what the kernels are compared with. */
void assay_rs_sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);
/* The crate's own whole SHA-256; tests only. */
void assay_rs_sha256(uint8_t out[32], const uint8_t *ptr, size_t len);

void assay_rs_blake3_init(void *state, const uint8_t *key);
void assay_rs_blake3_update(void *state, const uint8_t *ptr, size_t len);
void assay_rs_blake3_final(uint8_t out[32], const void *state);
void assay_rs_blake3(uint8_t out[32], const uint8_t *key, const uint8_t *ptr, size_t len);
void assay_rs_blake3_subtree(uint8_t out[32], const uint8_t *key, const uint8_t *ptr, size_t len, uint64_t off);
void assay_rs_blake3_parent(uint8_t out[32], const uint8_t *key, const uint8_t *left, const uint8_t *right, bool root);

void assay_rs_ed25519_public(uint8_t out[32], const uint8_t *seed);
void assay_rs_ed25519_sign(uint8_t out[64], const uint8_t *seed, const uint8_t *ptr, size_t len);
bool assay_rs_ed25519_verify(const uint8_t *key, const uint8_t *signature, const uint8_t *ptr, size_t len);
bool assay_rs_ed25519_verify_batch(const assay_crypto_batch_item *items, size_t count, const uint8_t *seed);
bool assay_rs_ed25519_key_ok(const uint8_t *key);

void assay_rs_x25519_public(uint8_t out[32], const uint8_t *secret);
bool assay_rs_x25519(uint8_t out[32], const uint8_t *secret, const uint8_t *point);
bool assay_rs_hkdf_sha256(uint8_t *out, size_t len, const uint8_t *secret, const uint8_t *info, size_t info_len);
void assay_rs_merlin(uint8_t *out, size_t len, const uint8_t *protocol, size_t protocol_len,
                     const assay_crypto_labelled *messages, size_t count, const uint8_t *challenge,
                     size_t challenge_len);
bool assay_rs_aead_seal(uint8_t *text, size_t len, const uint8_t *key, const uint8_t *nonce);
bool assay_rs_aead_open(uint8_t *text, size_t len, const uint8_t *key, const uint8_t *nonce);

/* Blocks of 64 bytes into a state, on whatever this CPU does best. */
void assay_crypto_sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);
/* The same for 1..ASSAY_SHA256_STREAMS states at once, each with its own blocks. */
#define ASSAY_SHA256_STREAMS 4
void assay_crypto_sha256_blocks_many(uint32_t *const *states, const uint8_t *const *blocks, size_t streams,
                                     size_t count);

/* Inner nodes of pairs of neighbours: out[i] = inner(in[2i], in[2i+1]) for i < pairs; out may be in. */
void assay_merkle_inner_many(assay_hash *out, const assay_hash *in, size_t pairs);

#ifdef __x86_64__
/* kernels/sha_ni.c; only where assay_rs_has_sha_ni says so. */
void assay_crypto_sha_ni_blocks(uint32_t state[8], const uint8_t *blocks, size_t count);
void assay_crypto_sha_ni_blocks_many(uint32_t *const *states, const uint8_t *const *blocks, size_t streams,
                                     size_t count);
#endif

#endif
