/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4) around two compression functions: crate sha2's, and our SHA-NI kernels where the CPU has it. */
#include "crypto_internal.h"

#include <string.h>

#define BLOCK 64
/* The longest text that is padded to two blocks on the stack: Merkle nodes, keys and ids are all shorter. */
#define SHORT_MAX (2 * BLOCK - 9)

static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

void assay_crypto_sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t count) {
#ifdef __x86_64__
    if (assay_rs_has_sha_ni()) {
        assay_crypto_sha_ni_blocks(state, blocks, count);
        return;
    }
#endif
    assay_rs_sha256_blocks(state, blocks, count);
}

void assay_crypto_sha256_blocks_many(uint32_t *const *states, const uint8_t *const *blocks, size_t streams,
                                     size_t count) {
    ASSAY_ASSERT(streams >= 1 && streams <= ASSAY_SHA256_STREAMS);
#ifdef __x86_64__
    if (assay_rs_has_sha_ni()) {
        assay_crypto_sha_ni_blocks_many(states, blocks, streams, count);
        return;
    }
#endif
    for (size_t i = 0; i < streams; i++) assay_rs_sha256_blocks(states[i], blocks[i], count);
}

static assay_hash digest_of(const uint32_t state[8]) {
    assay_hash out;
    for (size_t i = 0; i < 8; i++) {
        uint32_t big = __builtin_bswap32(state[i]);
        memcpy(out.b + 4 * i, &big, 4);
    }
    return out;
}

/* Writes the padding behind len bytes in tail, which is as long as end; the text was total bytes. */
static void pad(uint8_t *tail, size_t len, size_t end, uint64_t total) {
    tail[len] = 0x80;
    memset(tail + len + 1, 0, end - len - 9);
    uint64_t big = __builtin_bswap64(total * 8);
    memcpy(tail + end - 8, &big, 8);
}

void assay_crypto_sha256_init(assay_sha256 *hash) {
    memcpy(hash->h, initial, sizeof initial);
    hash->len = 0;
}

void assay_crypto_sha256_update(assay_sha256 *hash, assay_bytes bytes) {
    if (bytes.len == 0) return;
    const uint8_t *at = bytes.ptr;
    size_t left = bytes.len, used = hash->len % BLOCK;
    hash->len += left;
    if (used) {
        size_t take = left < BLOCK - used ? left : BLOCK - used;
        memcpy(hash->block + used, at, take);
        at += take;
        left -= take;
        if (used + take < BLOCK) return;
        assay_crypto_sha256_blocks(hash->h, hash->block, 1);
    }
    if (left >= BLOCK) assay_crypto_sha256_blocks(hash->h, at, left / BLOCK);
    if (left % BLOCK) memcpy(hash->block, at + left / BLOCK * BLOCK, left % BLOCK);
}

assay_hash assay_crypto_sha256_final(assay_sha256 *hash) {
    uint8_t tail[2 * BLOCK];
    size_t used = hash->len % BLOCK, end = used + 9 > BLOCK ? 2 * BLOCK : BLOCK;
    memcpy(tail, hash->block, used);
    pad(tail, used, end, hash->len);
    assay_crypto_sha256_blocks(hash->h, tail, end / BLOCK);
    return digest_of(hash->h);
}

void assay_crypto_sha256_update_many(assay_sha256 *const *hashes, const uint8_t *const *texts, size_t count,
                                     size_t len) {
    ASSAY_ASSERT(count >= 1 && count <= ASSAY_SHA256_STREAMS && len % BLOCK == 0);
    uint32_t *states[ASSAY_SHA256_STREAMS];
    for (size_t i = 0; i < count; i++) {
        ASSAY_ASSERT(hashes[i]->len % BLOCK == 0);
        hashes[i]->len += len;
        states[i] = hashes[i]->h;
    }
    if (len) assay_crypto_sha256_blocks_many(states, texts, count, len / BLOCK);
}

assay_hash assay_crypto_sha256(const assay_bytes *pieces, size_t count) {
    /* Short texts are most of all texts here: they are padded in place and compressed by one call. */
    uint8_t text[2 * BLOCK];
    size_t len = 0, i = 0;
    for (; i < count && pieces[i].len <= SHORT_MAX - len; i++) {
        if (pieces[i].len) memcpy(text + len, pieces[i].ptr, pieces[i].len);
        len += pieces[i].len;
    }
    if (i == count) {
        uint32_t state[8];
        memcpy(state, initial, sizeof initial);
        size_t end = len + 9 > BLOCK ? 2 * BLOCK : BLOCK;
        pad(text, len, end, len);
        assay_crypto_sha256_blocks(state, text, end / BLOCK);
        return digest_of(state);
    }
    assay_sha256 hash;
    assay_crypto_sha256_init(&hash);
    for (i = 0; i < count; i++) assay_crypto_sha256_update(&hash, pieces[i]);
    return assay_crypto_sha256_final(&hash);
}

assay_hash assay_crypto_sha256_one(assay_bytes bytes) { return assay_crypto_sha256(&bytes, 1); }

assay_hash assay_merkle_inner(assay_hash left, assay_hash right) {
    uint8_t text[2 * BLOCK];
    uint32_t state[8];
    memcpy(state, initial, sizeof initial);
    text[0] = 1;
    memcpy(text + 1, left.b, ASSAY_HASH_LEN);
    memcpy(text + 1 + ASSAY_HASH_LEN, right.b, ASSAY_HASH_LEN);
    pad(text, 1 + 2 * ASSAY_HASH_LEN, 2 * BLOCK, 1 + 2 * ASSAY_HASH_LEN);
    assay_crypto_sha256_blocks(state, text, 2);
    return digest_of(state);
}

void assay_merkle_inner_many(assay_hash *out, const assay_hash *in, size_t pairs) {
    uint8_t texts[ASSAY_SHA256_STREAMS][2 * BLOCK];
    uint32_t values[ASSAY_SHA256_STREAMS][8];
    uint32_t *states[ASSAY_SHA256_STREAMS];
    const uint8_t *blocks[ASSAY_SHA256_STREAMS];
    for (size_t i = 0; i < ASSAY_SHA256_STREAMS; i++) {
        texts[i][0] = 1;
        pad(texts[i], 1 + 2 * ASSAY_HASH_LEN, 2 * BLOCK, 1 + 2 * ASSAY_HASH_LEN);
        states[i] = values[i];
        blocks[i] = texts[i];
    }
    for (size_t at = 0; at < pairs; at += ASSAY_SHA256_STREAMS) {
        size_t streams = pairs - at < ASSAY_SHA256_STREAMS ? pairs - at : ASSAY_SHA256_STREAMS;
        for (size_t i = 0; i < streams; i++) {
            memcpy(texts[i] + 1, in[2 * (at + i)].b, 2 * ASSAY_HASH_LEN);
            memcpy(values[i], initial, sizeof initial);
        }
        assay_crypto_sha256_blocks_many(states, blocks, streams, 2);
        for (size_t i = 0; i < streams; i++) out[at + i] = digest_of(values[i]);
    }
}
