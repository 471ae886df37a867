/* SPDX-License-Identifier: Apache-2.0
 *
 * crypto - hashes, signatures and Merkle trees; the only folder that sees crypto libraries.
 *
 * SHA-256 (crate sha2, and one multi-stream SHA-NI kernel of ours), BLAKE3 (crate blake3), Ed25519 with ZIP-215
 * rules (crate ed25519-zebra), and what an encrypted connection is made of (curve25519-dalek, hkdf, merlin,
 * chacha20poly1305) come through one small Rust static library (src/crypto/rust, lock file, panic = abort). Trees over
 * SHA-256 are ours: RFC 6962, which is also CometBFT's tree.
 *
 * No clock, file, thread or randomness in here: seeds come from the caller. Secrets: no branch or index on them;
 * wiped. Only a batch verification takes memory from the C heap, at most 2 MB; if there is none, the program ends
 * (abort).
 * Reading order: crypto.h, crypto.c, sha256.c, kernels/sha_ni.c, merkle.c, blake3_tree.c, rust/src/.
 * Spec: spec/crypto.md; FIPS 180-4; BLAKE3; RFC 8032 and ZIP 215; RFC 6962. */
#ifndef ASSAY_CRYPTO_H
#define ASSAY_CRYPTO_H

#include "base/base.h"

/* ---- SHA-256 ------------------------------------------------------------------------------------------------- */

/* assay_crypto_sha256 - the digest of count pieces taken as one text. */
assay_hash assay_crypto_sha256(const assay_bytes *pieces, size_t count);
/* assay_crypto_sha256_one - the digest of one piece. */
assay_hash assay_crypto_sha256_one(assay_bytes bytes);

/* A running SHA-256: plain memory, may be copied and moved. */
typedef struct assay_sha256 {
    uint32_t h[8];
    uint64_t len;
    uint8_t block[64];
} assay_sha256;
/* assay_crypto_sha256_init, _update, _final - as usual; final leaves the context spent. Uses SHA-NI where the CPU
 * has it. */
void assay_crypto_sha256_init(assay_sha256 *hash);
void assay_crypto_sha256_update(assay_sha256 *hash, assay_bytes bytes);
assay_hash assay_crypto_sha256_final(assay_sha256 *hash);

/* assay_crypto_sha256_update_many - feeds count contexts (1..4) the same length from different texts, interleaved
 * where SHA-NI is there: 1.35 times one stream's speed from 2 on, where the SHA unit is full (measured on Sapphire
 * Rapids). Each text is len bytes, len a multiple of 64, and every context has only whole blocks so far. The same
 * digests as count calls of update, bit for bit. */
void assay_crypto_sha256_update_many(assay_sha256 *const *hashes, const uint8_t *const *texts, size_t count,
                                     size_t len);

/* ---- BLAKE3 -------------------------------------------------------------------------------------------------- */

#define ASSAY_BLAKE3_CHUNK_LEN 1024
#define ASSAY_BLAKE3_GROUP_LEN (1u << 20) /* ranges travel as groups of 1 MiB = 1024 chunks */

/* A BLAKE3 key, or none: NULL where a `const assay_hash *key` is asked means the plain mode. */

/* assay_crypto_blake3 - digest of bytes; keyed if key is not NULL. */
assay_hash assay_crypto_blake3(const assay_hash *key, assay_bytes bytes);

/* Running BLAKE3 hasher of the Rust library, in the caller's memory (no pointer into itself: may be moved). */
#define ASSAY_BLAKE3_STATE_LEN 1920
typedef struct assay_blake3 {
    _Alignas(64) uint8_t opaque[ASSAY_BLAKE3_STATE_LEN];
} assay_blake3;
/* assay_crypto_blake3_init, _update, _final - as usual. final does not spend the context. */
void assay_crypto_blake3_init(assay_blake3 *hash, const assay_hash *key);
void assay_crypto_blake3_update(assay_blake3 *hash, assay_bytes bytes);
assay_hash assay_crypto_blake3_final(const assay_blake3 *hash);

/* assay_crypto_blake3_subtree - chaining value of a subtree that is not the root: bytes are those of chunks
 * first_chunk.. of a longer text; bytes.len is a power-of-two multiple of 1024 starting at a multiple of its own
 * length, or the text's ragged end (1 .. that). Asserted, since no such number comes from outside unchecked. Lets
 * threads hash one file together, and receivers check 1 MiB groups on arrival. */
assay_hash assay_crypto_blake3_subtree(const assay_hash *key, assay_bytes bytes, uint64_t first_chunk);

/* assay_crypto_blake3_parent - joins two chaining values; root says whether this parent is the text's root. */
assay_hash assay_crypto_blake3_parent(const assay_hash *key, assay_hash left, assay_hash right, bool root);

/* assay_crypto_blake3_left_len - bytes in the left subtree of a text of len > 1024 bytes: the largest power of two
 * times 1024 that is less than len. */
uint64_t assay_crypto_blake3_left_len(uint64_t len);

/* assay_crypto_blake3_root_from_groups - digest of a text of len bytes from the chaining values of its 1 MiB groups,
 * in order (the last may be short). For a text of at most 1 MiB there is one group, whose "chaining value" must be
 * the digest itself. count = max(1, ceil(len / 1 MiB)), asserted. O(count), on the stack. */
assay_hash assay_crypto_blake3_root_from_groups(const assay_hash *key, const assay_hash *groups, size_t count,
                                                uint64_t len);

#define ASSAY_BLAKE3_PATH_MAX 54
/* A path from one chunk to the digest of its text: the siblings from the leaf up. */
typedef struct assay_blake3_path {
    uint32_t count;
    assay_hash siblings[ASSAY_BLAKE3_PATH_MAX];
} assay_blake3_path;

/* assay_crypto_blake3_path_from_cvs - the path of chunk `chunk` in a text of len bytes, given one chaining value per
 * chunk. cvs has chunk_count = max(1, ceil(len/1024)) entries (assay_crypto_blake3_subtree of each chunk; unused if
 * there is just one) and is consumed as scratch. ASSAY_E_RANGE if chunk >= chunk_count.
 *
 * A large file needs no value of every chunk: a chunk's path is its path inside its group followed by the group's
 * path. Call this with the group's own chunk values (made with their true numbers in the file), the group's length
 * and the chunk's number inside it; then append what assay_crypto_blake3_group_path gives. */
ASSAY_MUST_USE assay_err assay_crypto_blake3_path_from_cvs(assay_blake3_path *out, const assay_hash *key,
                                                           assay_hash *cvs, uint64_t len, uint64_t chunk);

/* assay_crypto_blake3_path_root - the digest that follows from chunk bytes, its number, the text's length and the
 * siblings (count of them). ASSAY_E_PROOF if the numbers cannot fit together (chunk beyond len, wrong count or chunk
 * length). The caller compares the result, and knows len by other means: the path of an early chunk may fit several
 * lengths. An empty text is one chunk of 0 bytes. */
ASSAY_MUST_USE assay_err assay_crypto_blake3_path_root(assay_hash *out, const assay_hash *key, assay_bytes chunk_bytes,
                                                       uint64_t chunk, uint64_t len, const assay_hash *siblings,
                                                       size_t count);

/* assay_crypto_blake3_group_path_root - the same for a whole 1 MiB group (the last may be short): group is its
 * number; siblings lead from its subtree to the digest. For a text of at most 1 MiB, count is 0. */
ASSAY_MUST_USE assay_err assay_crypto_blake3_group_path_root(assay_hash *out, const assay_hash *key,
                                                             assay_bytes group_bytes, uint64_t group, uint64_t len,
                                                             const assay_hash *siblings, size_t count);

/* assay_crypto_blake3_group_path - the siblings of one group from all groups' chaining values (count of them,
 * consumed as scratch). ASSAY_E_RANGE if count is not what len asks for, or group >= count. */
ASSAY_MUST_USE assay_err assay_crypto_blake3_group_path(assay_blake3_path *out, const assay_hash *key,
                                                        assay_hash *groups, size_t count, uint64_t len, uint64_t group);

/* ---- Ed25519, ZIP 215 ----------------------------------------------------------------------------------------------
 */

/* A seed of 32 secret bytes; wipe it with assay_crypto_wipe. */
typedef struct assay_key_secret {
    uint8_t b[32];
} assay_key_secret;

/* assay_crypto_ed25519_public - the public key of a secret seed. Constant time. */
assay_public_key assay_crypto_ed25519_public(const assay_key_secret *secret);
/* assay_crypto_ed25519_sign - RFC 8032 signature (deterministic). Constant time in the secret. */
assay_signature assay_crypto_ed25519_sign(const assay_key_secret *secret, assay_bytes message);
/* assay_crypto_ed25519_verify - true if the signature is valid under ZIP 215. About 35 us. */
bool assay_crypto_ed25519_verify(assay_public_key key, assay_bytes message, assay_signature signature);

typedef struct assay_crypto_batch_item {
    assay_public_key key;
    assay_signature signature;
    assay_bytes message;
} assay_crypto_batch_item;
/* assay_crypto_ed25519_verify_batch - true if all are valid; half the time of one by one at 16 or more, 0.4 at 256.
 * The random coefficients are derived from seed32 and all inputs, so the call is pure; seed32 must be unpredictable
 * to the signers. ZIP 215 makes batch and single verification agree (but for a chance of 2^-128). An empty batch is
 * valid. */
bool assay_crypto_ed25519_verify_batch(const assay_crypto_batch_item *items, size_t count, const uint8_t seed32[32]);

/* assay_crypto_ed25519_key_ok - ASSAY_E_KEY if key is not a canonical encoding of a point, or is of small order.
 * A canonical point of large order with a small-order part passes: ZIP 215 multiplies it away, and who holds the secret
 * signs for it as for any other. */
ASSAY_MUST_USE assay_err assay_crypto_ed25519_key_ok(assay_public_key key);

/* assay_crypto_address - first 20 bytes of SHA-256 of the key. */
assay_address assay_crypto_address(assay_public_key key);

/* ---- what an encrypted connection is made of ------------------------------------------------------------------- */

/* assay_crypto_x25519_public - RFC 7748: what the other side multiplies. Constant time. */
assay_public_key assay_crypto_x25519_public(const assay_key_secret *secret);
/* assay_crypto_x25519 - the secret that both sides share. ASSAY_E_KEY: the other's point is of small order, and what
 * follows from it is no secret. Constant time. */
ASSAY_MUST_USE assay_err assay_crypto_x25519(assay_key_secret *shared, const assay_key_secret *secret,
                                             assay_public_key point);
/* assay_crypto_hkdf_sha256 - RFC 5869 without salt: len bytes from a secret, 1 .. 8,160, asserted. */
void assay_crypto_hkdf_sha256(uint8_t *out, size_t len, const assay_key_secret *secret, assay_bytes info);

#define ASSAY_CRYPTO_AEAD_TAG_LEN 16
#define ASSAY_CRYPTO_AEAD_NONCE_LEN 12
/* assay_crypto_aead_seal - ChaCha20-Poly1305 (RFC 8439) in place: len bytes become as many and a tag behind them, for
 * which there is room. A nonce is used once with a key. */
void assay_crypto_aead_seal(uint8_t *text, size_t len, const assay_key_secret *key,
                            const uint8_t nonce[ASSAY_CRYPTO_AEAD_NONCE_LEN]);
/* assay_crypto_aead_open - the other way: of len bytes the last are the tag. False if they are not what was sealed. */
bool assay_crypto_aead_open(uint8_t *text, size_t len, const assay_key_secret *key,
                            const uint8_t nonce[ASSAY_CRYPTO_AEAD_NONCE_LEN]);

typedef struct assay_crypto_labelled {
    assay_bytes label, message;
} assay_crypto_labelled;
/* assay_crypto_merlin - len bytes that follow from all messages in their order (merlin.cool: a transcript over STROBE):
 * what two sides sign to prove that they saw the same. */
void assay_crypto_merlin(uint8_t *out, size_t len, assay_bytes protocol, const assay_crypto_labelled *messages,
                         size_t count, assay_bytes challenge);

/* ---- secrets -------------------------------------------------------------------------------------------------------
 */

/* assay_crypto_wipe - zeroes memory in a way that the compiler may not remove. */
void assay_crypto_wipe(void *memory, size_t len);
/* assay_crypto_ct_eq - equality in time that depends on len alone. */
bool assay_crypto_ct_eq(const void *a, const void *b, size_t len);

/* ---- RFC 6962 trees over SHA-256
 * ------------------------------------------------------------------------------------- leaf = SHA-256(0 || bytes),
 * inner = SHA-256(1 || left || right), the left part being the largest power of two less than n; the root of nothing is
 * SHA-256 of nothing. CometBFT's merkle package is the same tree. */

/* assay_merkle_leaf, _inner - one node's hash. */
assay_hash assay_merkle_leaf(assay_bytes bytes);
assay_hash assay_merkle_inner(assay_hash left, assay_hash right);
/* assay_merkle_root - root over leaf hashes; consumes them as scratch. O(n). */
assay_hash assay_merkle_root(assay_hash *leaf_hashes, size_t count);

#define ASSAY_MERKLE_PATH_MAX 64
typedef struct assay_merkle_path {
    uint32_t count;
    assay_hash hashes[ASSAY_MERKLE_PATH_MAX];
} assay_merkle_path;

/* assay_merkle_path_of - inclusion path (RFC 6962 2.1.1, from the leaf up) of leaf idx; consumes leaf_hashes as
 * scratch. idx < count. */
void assay_merkle_path_of(assay_merkle_path *out, assay_hash *leaf_hashes, size_t count, size_t idx);
/* assay_merkle_path_root - root that follows from a leaf hash, its index, the tree's size and a path. ASSAY_E_PROOF
 * if idx >= size or the path has a wrong length. The caller knows size by other means: a path may fit several sizes. */
ASSAY_MUST_USE assay_err assay_merkle_path_root(assay_hash *out, assay_hash leaf_hash, uint64_t idx, uint64_t size,
                                                const assay_hash *path, size_t path_count);
/* assay_merkle_consistency_check - verifies a consistency proof (RFC 6962 2.1.2) between two sizes of one log.
 * ASSAY_E_PROOF if it does not hold. old_size 0 needs an empty proof and says nothing. */
ASSAY_MUST_USE assay_err assay_merkle_consistency_check(uint64_t old_size, assay_hash old_root, uint64_t new_size,
                                                        assay_hash new_root, const assay_hash *proof,
                                                        size_t proof_count);

/* An append-only log's right edge: enough to append and to know the root, 64 hashes at most. Plain memory. */
typedef struct assay_merkle_log {
    uint64_t size;
    assay_hash peaks[64]; /* peaks[i] is the full subtree of 2^i leaves if bit i of size is set */
} assay_merkle_log;
/* assay_merkle_log_append - adds a leaf hash. For each full subtree that this completes, emit(context, level, index,
 * hash) is called (level 0 is the leaf itself), which is what a store keeps to make proofs later; emit may be NULL. */
void assay_merkle_log_append(assay_merkle_log *log, assay_hash leaf_hash,
                             void (*emit)(void *context, uint32_t level, uint64_t index, assay_hash hash),
                             void *context);
/* assay_merkle_log_root - the root at the present size. */
assay_hash assay_merkle_log_root(const assay_merkle_log *log);
/* Reads back a full subtree's hash that was emitted. ASSAY_F_STORAGE or ASSAY_F_CORRUPT if it cannot. */
typedef assay_err (*assay_merkle_node_get)(void *context, uint32_t level, uint64_t index, assay_hash *out);
/* assay_merkle_log_path - inclusion path of leaf idx in the tree of size leaves, from stored nodes. ASSAY_E_RANGE if
 * idx >= size. */
ASSAY_MUST_USE assay_err assay_merkle_log_path(assay_merkle_path *out, uint64_t idx, uint64_t size,
                                               assay_merkle_node_get get, void *context);
/* assay_merkle_log_consistency - consistency proof between old_size and new_size. ASSAY_E_RANGE if old_size > new_size,
 * or if new_size > 2^63, where a proof could be longer than a path. */
ASSAY_MUST_USE assay_err assay_merkle_log_consistency(assay_merkle_path *out, uint64_t old_size, uint64_t new_size,
                                                      assay_merkle_node_get get, void *context);

#endif
