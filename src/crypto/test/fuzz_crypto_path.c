/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_crypto_path - every function that takes a proof from outside, on hostile numbers and siblings. What must
 * hold: no crash, only ASSAY_E_PROOF or a root, a stated number of siblings and no other, and, in a small true tree,
 * that nothing but the true proof leads to the digest.
 *
 * Input: kind (1 byte), key flag (1), two numbers (8 each, little endian), then siblings or text. gen.py writes
 * seeds. */
#include "crypto/crypto.h"

#include <string.h>

#define SIBLINGS_MAX 70
#define TEXT_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct hostile {
    const assay_hash *key;
    uint64_t idx, len;
    assay_hash siblings[SIBLINGS_MAX];
    size_t count;
    assay_bytes rest;
} hostile;

static const assay_hash some_key = {{1, 2, 3}};

static void only_proof(assay_err e) { ASSAY_ASSERT(e == ASSAY_OK || e == ASSAY_E_PROOF); }

/* If a path is taken, then no other number of siblings is. */
static void chunk_path(const hostile *h, bool group) {
    uint64_t unit = group ? ASSAY_BLAKE3_GROUP_LEN : ASSAY_BLAKE3_CHUNK_LEN, off;
    static const uint8_t zeroes[ASSAY_BLAKE3_GROUP_LEN];
    assay_bytes bytes = {zeroes, 0};
    /* The true length of the unit, so that the count is what decides; or what is left of the input. */
    if (!__builtin_mul_overflow(h->idx, unit, &off) && off <= h->len)
        bytes.len = h->len - off < unit ? (size_t)(h->len - off) : (size_t)unit;
    if (h->count % 8 == 7) bytes = h->rest;
    assay_hash out;
    size_t taken = 0;
    for (size_t count = 0; count <= h->count; count++) {
        assay_err e = group
                          ? assay_crypto_blake3_group_path_root(&out, h->key, bytes, h->idx, h->len, h->siblings, count)
                          : assay_crypto_blake3_path_root(&out, h->key, bytes, h->idx, h->len, h->siblings, count);
        only_proof(e);
        taken += e == ASSAY_OK;
    }
    ASSAY_ASSERT(taken <= 1);
}

static void merkle_path(const hostile *h) {
    assay_hash out;
    size_t taken = 0;
    for (size_t count = 0; count <= h->count; count++) {
        assay_err e = assay_merkle_path_root(&out, some_key, h->idx, h->len, h->siblings, count);
        only_proof(e);
        taken += e == ASSAY_OK;
    }
    ASSAY_ASSERT(taken <= 1 && (taken == 0 || h->idx < h->len));
}

static void consistency(const hostile *h) {
    for (size_t count = 0; count <= h->count; count++) {
        assay_err e =
            assay_merkle_consistency_check(h->idx, h->siblings[0], h->len, h->siblings[1], h->siblings, count);
        only_proof(e);
        /* With an unrelated pair of roots a proof that holds would be a collision, but for equal sizes and size 0. */
        if (e == ASSAY_OK && h->idx != 0 && h->idx != h->len) ASSAY_ASSERT(count >= 1);
    }
}

/* Reads back siblings of the input as if a store held them. */
static assay_err node_from_input(void *context, uint32_t level, uint64_t index, assay_hash *out) {
    const hostile *h = context;
    ASSAY_ASSERT(level < 64 && ((index + 1) << level >> level == index + 1 || index + 1 == 0));
    *out = h->siblings[(level + index) % SIBLINGS_MAX];
    return h->count == 5 ? ASSAY_F_CORRUPT : ASSAY_OK;
}

/* What a log proves from any store, the checker can at least read: lengths agree. */
static void log_proofs(hostile *h) {
    assay_merkle_path path;
    assay_hash root;
    assay_err e = assay_merkle_log_path(&path, h->idx, h->len, node_from_input, h);
    ASSAY_ASSERT((e == ASSAY_E_RANGE) == (h->idx >= h->len));
    if (e == ASSAY_OK)
        ASSAY_ASSERT(assay_merkle_path_root(&root, some_key, h->idx, h->len, path.hashes, path.count) == ASSAY_OK);
    e = assay_merkle_log_consistency(&path, h->idx, h->len, node_from_input, h);
    if (e == ASSAY_OK) ASSAY_ASSERT(path.count <= ASSAY_MERKLE_PATH_MAX);
}

static uint64_t chunks_of(uint64_t len) { return len == 0 ? 1 : (len - 1) / ASSAY_BLAKE3_CHUNK_LEN + 1; }

/* A true text: the true path leads to its digest, and the same with one bit changed, picked by the input, does not. */
static void true_text(const hostile *h) {
    assay_bytes text = {h->rest.ptr, h->rest.len < TEXT_MAX ? h->rest.len : TEXT_MAX};
    assay_hash cvs[TEXT_MAX / ASSAY_BLAKE3_CHUNK_LEN], out, want = assay_crypto_blake3(h->key, text);
    uint64_t count = chunks_of(text.len), chunk = h->idx % count;
    for (uint64_t c = 0; c < count && count > 1; c++) {
        uint64_t rest = text.len - c * ASSAY_BLAKE3_CHUNK_LEN;
        assay_bytes bytes = {text.ptr + c * ASSAY_BLAKE3_CHUNK_LEN,
                             rest < ASSAY_BLAKE3_CHUNK_LEN ? (size_t)rest : 1024};
        cvs[c] = assay_crypto_blake3_subtree(h->key, bytes, c);
    }
    uint64_t off = chunk * ASSAY_BLAKE3_CHUNK_LEN;
    assay_bytes mine = {text.ptr + off, text.len - off < 1024 ? (size_t)(text.len - off) : 1024};
    assay_blake3_path path;
    ASSAY_ASSERT(assay_crypto_blake3_path_from_cvs(&path, h->key, cvs, text.len, chunk) == ASSAY_OK);
    ASSAY_ASSERT(assay_crypto_blake3_path_root(&out, h->key, mine, chunk, text.len, path.siblings, path.count) ==
                 ASSAY_OK);
    ASSAY_ASSERT(assay_base_hash_eq(out, want));
    for (uint32_t s = 0; s < path.count; s++) {
        path.siblings[s].b[h->len % 32] ^= (uint8_t)(1u << (h->len >> 5) % 8);
        ASSAY_ASSERT(assay_crypto_blake3_path_root(&out, h->key, mine, chunk, text.len, path.siblings, path.count) ==
                     ASSAY_OK);
        ASSAY_ASSERT(!assay_base_hash_eq(out, want));
        path.siblings[s].b[h->len % 32] ^= (uint8_t)(1u << (h->len >> 5) % 8);
    }
}

static uint64_t number(const uint8_t *at) {
    uint64_t out = 0;
    for (int i = 7; i >= 0; i--) out = out << 8 | at[i];
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 18) return 0;
    hostile h = {.key = data[1] & 1 ? &some_key : NULL, .idx = number(data + 2), .len = number(data + 10)};
    h.rest = (assay_bytes){data + 18, size - 18};
    h.count = h.rest.len / 32 < SIBLINGS_MAX ? h.rest.len / 32 : SIBLINGS_MAX;
    if (h.count) memcpy(h.siblings, h.rest.ptr, 32 * h.count);
    switch (data[0] % 6) {
    case 0: chunk_path(&h, false); break;
    case 1: chunk_path(&h, true); break;
    case 2: merkle_path(&h); break;
    case 3: consistency(&h); break;
    case 4: log_proofs(&h); break;
    default: true_text(&h); break;
    }
    return 0;
}
