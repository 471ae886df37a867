/* SPDX-License-Identifier: Apache-2.0
 *
 * BLAKE3 as a tree of 1 KiB chunks: subtrees, groups of 1 MiB, and paths from either to the digest. The shape is
 * that of RFC 6962 (pairs from the left, an odd last node carried up); only the node that is the whole text is
 * marked as root. */
#include "crypto_internal.h"

_Static_assert(sizeof(assay_blake3) == ASSAY_BLAKE3_STATE_LEN, "rust/src/hash.rs checks the same length");

static const uint8_t *key_bytes(const assay_hash *key) { return key ? key->b : NULL; }

assay_hash assay_crypto_blake3(const assay_hash *key, assay_bytes bytes) {
    assay_hash out;
    assay_rs_blake3(out.b, key_bytes(key), bytes.ptr, bytes.len);
    return out;
}

void assay_crypto_blake3_init(assay_blake3 *hash, const assay_hash *key) { assay_rs_blake3_init(hash, key_bytes(key)); }

void assay_crypto_blake3_update(assay_blake3 *hash, assay_bytes bytes) {
    assay_rs_blake3_update(hash, bytes.ptr, bytes.len);
}

assay_hash assay_crypto_blake3_final(const assay_blake3 *hash) {
    assay_hash out;
    assay_rs_blake3_final(out.b, hash);
    return out;
}

/* How many units of len bytes a text of text_len bytes has: an empty text has one. */
static uint64_t unit_count(uint64_t text_len, uint64_t unit_len) {
    return text_len == 0 ? 1 : (text_len - 1) / unit_len + 1;
}

assay_hash assay_crypto_blake3_subtree(const assay_hash *key, assay_bytes bytes, uint64_t first_chunk) {
    /* Chunk numbers beyond 54 bits are of texts beyond 2^64 bytes; a subtree starts at a multiple of its full width. */
    ASSAY_ASSERT(bytes.len >= 1 && first_chunk <= UINT64_MAX / ASSAY_BLAKE3_CHUNK_LEN);
    uint64_t chunks = unit_count(bytes.len, ASSAY_BLAKE3_CHUNK_LEN), width = 1;
    while (width < chunks) width *= 2;
    ASSAY_ASSERT(first_chunk % width == 0);
    assay_hash out;
    assay_rs_blake3_subtree(out.b, key_bytes(key), bytes.ptr, bytes.len, first_chunk * ASSAY_BLAKE3_CHUNK_LEN);
    return out;
}

assay_hash assay_crypto_blake3_parent(const assay_hash *key, assay_hash left, assay_hash right, bool root) {
    assay_hash out;
    assay_rs_blake3_parent(out.b, key_bytes(key), left.b, right.b, root);
    return out;
}

uint64_t assay_crypto_blake3_left_len(uint64_t len) {
    ASSAY_ASSERT(len > ASSAY_BLAKE3_CHUNK_LEN);
    uint64_t last_chunk = (len - 1) / ASSAY_BLAKE3_CHUNK_LEN;
    return (uint64_t)ASSAY_BLAKE3_CHUNK_LEN << (63 - __builtin_clzll(last_chunk));
}

assay_hash assay_crypto_blake3_root_from_groups(const assay_hash *key, const assay_hash *groups, size_t count,
                                                uint64_t len) {
    ASSAY_ASSERT(count == unit_count(len, ASSAY_BLAKE3_GROUP_LEN));
    /* stack holds the full subtrees so far, one for each bit of their number: before node i come as many merges as i
     * has zero bits at its end. A merge waits until another node follows, for only then is it known not to be the
     * root. */
    assay_hash stack[ASSAY_BLAKE3_PATH_MAX];
    size_t depth = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t bits = i; bits && bits % 2 == 0; bits /= 2, depth--)
            stack[depth - 2] = assay_crypto_blake3_parent(key, stack[depth - 2], stack[depth - 1], false);
        stack[depth++] = groups[i];
    }
    for (; depth > 1; depth--)
        stack[depth - 2] = assay_crypto_blake3_parent(key, stack[depth - 2], stack[depth - 1], depth == 2);
    return stack[0];
}

/* The siblings of node idx of n, which are consumed. The node that would be the root is never made. */
static void path_of(assay_blake3_path *out, const assay_hash *key, assay_hash *nodes, uint64_t n, uint64_t idx) {
    out->count = 0;
    for (; n > 1; n = n / 2 + n % 2, idx /= 2) {
        if ((idx ^ 1) < n) out->siblings[out->count++] = nodes[idx ^ 1];
        if (n == 2) return;
        for (uint64_t i = 0; i < n / 2; i++)
            nodes[i] = assay_crypto_blake3_parent(key, nodes[2 * i], nodes[2 * i + 1], false);
        if (n % 2) nodes[n / 2] = nodes[n - 1];
    }
}

assay_err assay_crypto_blake3_path_from_cvs(assay_blake3_path *out, const assay_hash *key, assay_hash *cvs,
                                            uint64_t len, uint64_t chunk) {
    uint64_t n = unit_count(len, ASSAY_BLAKE3_CHUNK_LEN);
    if (chunk >= n) return ASSAY_E_RANGE;
    path_of(out, key, cvs, n, chunk);
    return ASSAY_OK;
}

assay_err assay_crypto_blake3_group_path(assay_blake3_path *out, const assay_hash *key, assay_hash *groups,
                                         size_t count, uint64_t len, uint64_t group) {
    if (count != unit_count(len, ASSAY_BLAKE3_GROUP_LEN) || group >= count) return ASSAY_E_RANGE;
    path_of(out, key, groups, count, group);
    return ASSAY_OK;
}

/* The path of unit idx (bytes) in a text of len bytes made of units of unit_len. All numbers are checked before any
 * hashing. */
static assay_err unit_path_root(assay_hash *out, const assay_hash *key, assay_bytes bytes, uint64_t idx, uint64_t len,
                                uint64_t unit_len, const assay_hash *siblings, size_t count) {
    uint64_t n = unit_count(len, unit_len);
    if (idx >= n) return ASSAY_E_PROOF;
    uint64_t rest = len - idx * unit_len;
    if (bytes.len != (rest < unit_len ? rest : unit_len)) return ASSAY_E_PROOF;
    size_t need = 0;
    for (uint64_t last = n - 1, i = idx; last > 0; last /= 2, i /= 2) need += (i ^ 1) <= last;
    if (count != need) return ASSAY_E_PROOF;
    if (n == 1) {
        *out = assay_crypto_blake3(key, bytes);
        return ASSAY_OK;
    }
    assay_hash node = assay_crypto_blake3_subtree(key, bytes, idx * (unit_len / ASSAY_BLAKE3_CHUNK_LEN));
    for (uint64_t last = n - 1; last > 0; last /= 2, idx /= 2) {
        if ((idx ^ 1) > last) continue;
        node = idx & 1 ? assay_crypto_blake3_parent(key, *siblings, node, last == 1)
                       : assay_crypto_blake3_parent(key, node, *siblings, last == 1);
        siblings++;
    }
    *out = node;
    return ASSAY_OK;
}

assay_err assay_crypto_blake3_path_root(assay_hash *out, const assay_hash *key, assay_bytes chunk_bytes, uint64_t chunk,
                                        uint64_t len, const assay_hash *siblings, size_t count) {
    return unit_path_root(out, key, chunk_bytes, chunk, len, ASSAY_BLAKE3_CHUNK_LEN, siblings, count);
}

assay_err assay_crypto_blake3_group_path_root(assay_hash *out, const assay_hash *key, assay_bytes group_bytes,
                                              uint64_t group, uint64_t len, const assay_hash *siblings, size_t count) {
    return unit_path_root(out, key, group_bytes, group, len, ASSAY_BLAKE3_GROUP_LEN, siblings, count);
}
