/* SPDX-License-Identifier: Apache-2.0
 *
 * RFC 6962 trees. Everything goes by levels: the nodes of one level are paired from the left and an odd last one is
 * carried up unchanged, which gives the same tree as RFC 6962's split at the largest power of two, without recursion.
 * So node i of a level of n nodes has a sibling exactly if (i ^ 1) < n. */
#include "crypto_internal.h"

/* Subtree of 2^level leaves number idx, which sticks out over the tree's end (or ends with it): its hash from full
 * nodes. */
static assay_err ragged(assay_hash *out, uint32_t level, uint64_t idx, uint64_t size, assay_merkle_node_get get,
                        void *context) {
    uint64_t rest = size - (idx << level), end = size;
    bool first = true;
    /* The full subtrees of what is there, from the smallest, which is at the end. */
    for (uint32_t l = 0; l <= level; l++) {
        if (!(rest >> l & 1)) continue;
        uint64_t len = (uint64_t)1 << l;
        assay_hash node;
        end -= len;
        ASSAY_TRY(get(context, l, end >> l, &node));
        *out = first ? node : assay_merkle_inner(node, *out);
        first = false;
    }
    return ASSAY_OK;
}

/* Hash of node idx of a level, wherever it is in a tree of size leaves. idx << level is less than size. */
static assay_err node_at(assay_hash *out, uint32_t level, uint64_t idx, uint64_t size, assay_merkle_node_get get,
                         void *context) {
    if ((size - (idx << level)) >> level) return get(context, level, idx, out);
    return ragged(out, level, idx, size, get, context);
}

assay_hash assay_merkle_leaf(assay_bytes bytes) {
    static const uint8_t zero = 0;
    assay_bytes pieces[] = {{&zero, 1}, bytes};
    return assay_crypto_sha256(pieces, 2);
}

/* One level up: returns how many nodes that has. */
static size_t reduce(assay_hash *nodes, size_t n) {
    assay_merkle_inner_many(nodes, nodes, n / 2);
    if (n % 2) nodes[n / 2] = nodes[n - 1];
    return n / 2 + n % 2;
}

assay_hash assay_merkle_root(assay_hash *leaf_hashes, size_t count) {
    if (count == 0) return assay_crypto_sha256(NULL, 0);
    while (count > 1) count = reduce(leaf_hashes, count);
    return leaf_hashes[0];
}

void assay_merkle_path_of(assay_merkle_path *out, assay_hash *leaf_hashes, size_t count, size_t idx) {
    ASSAY_ASSERT(idx < count);
    out->count = 0;
    while (count > 1) {
        if ((idx ^ 1) < count) out->hashes[out->count++] = leaf_hashes[idx ^ 1];
        /* The last reduction would only make the root, which no path holds. */
        if (count == 2) break;
        count = reduce(leaf_hashes, count);
        idx /= 2;
    }
}

assay_err assay_merkle_path_root(assay_hash *out, assay_hash leaf_hash, uint64_t idx, uint64_t size,
                                 const assay_hash *path, size_t path_count) {
    if (idx >= size) return ASSAY_E_PROOF;
    size_t used = 0;
    /* last is the number of the level's last node: sizes up to 2^64 - 1 need no rounding up. */
    for (uint64_t last = size - 1; last > 0; last /= 2, idx /= 2) {
        if ((idx ^ 1) > last) continue;
        if (used == path_count) return ASSAY_E_PROOF;
        leaf_hash = idx & 1 ? assay_merkle_inner(path[used], leaf_hash) : assay_merkle_inner(leaf_hash, path[used]);
        used++;
    }
    if (used != path_count) return ASSAY_E_PROOF;
    *out = leaf_hash;
    return ASSAY_OK;
}

/* RFC 9162 2.1.4.2, which is the check that RFC 6962 left to the reader. */
assay_err assay_merkle_consistency_check(uint64_t old_size, assay_hash old_root, uint64_t new_size, assay_hash new_root,
                                         const assay_hash *proof, size_t proof_count) {
    if (old_size > new_size) return ASSAY_E_PROOF;
    if (old_size == 0) return proof_count == 0 ? ASSAY_OK : ASSAY_E_PROOF;
    if (old_size == new_size)
        return proof_count == 0 && assay_base_hash_eq(old_root, new_root) ? ASSAY_OK : ASSAY_E_PROOF;
    uint64_t idx = old_size - 1, last = new_size - 1;
    size_t used = 0;
    while (idx & 1) idx /= 2, last /= 2;
    assay_hash old_node = old_root, new_node = old_root;
    if (idx != 0) {
        if (proof_count == 0) return ASSAY_E_PROOF;
        old_node = new_node = proof[used++];
    }
    for (; last > 0; idx /= 2, last /= 2) {
        if ((idx ^ 1) > last) continue;
        if (used == proof_count) return ASSAY_E_PROOF;
        if (idx & 1) {
            old_node = assay_merkle_inner(proof[used], old_node);
            new_node = assay_merkle_inner(proof[used], new_node);
        } else {
            new_node = assay_merkle_inner(new_node, proof[used]);
        }
        used++;
    }
    bool holds =
        used == proof_count && assay_base_hash_eq(old_node, old_root) && assay_base_hash_eq(new_node, new_root);
    return holds ? ASSAY_OK : ASSAY_E_PROOF;
}

void assay_merkle_log_append(assay_merkle_log *log, assay_hash leaf_hash,
                             void (*emit)(void *context, uint32_t level, uint64_t index, assay_hash hash),
                             void *context) {
    ASSAY_ASSERT(log->size < UINT64_MAX);
    uint64_t idx = log->size;
    uint32_t level = 0;
    for (;; level++, idx /= 2) {
        if (emit) emit(context, level, idx, leaf_hash);
        if (!(log->size >> level & 1)) break;
        leaf_hash = assay_merkle_inner(log->peaks[level], leaf_hash);
    }
    log->peaks[level] = leaf_hash;
    log->size++;
}

assay_hash assay_merkle_log_root(const assay_merkle_log *log) {
    if (log->size == 0) return assay_crypto_sha256(NULL, 0);
    uint32_t level = (uint32_t)__builtin_ctzll(log->size);
    assay_hash root = log->peaks[level];
    while (++level < 64)
        if (log->size >> level & 1) root = assay_merkle_inner(log->peaks[level], root);
    return root;
}

assay_err assay_merkle_log_path(assay_merkle_path *out, uint64_t idx, uint64_t size, assay_merkle_node_get get,
                                void *context) {
    if (idx >= size) return ASSAY_E_RANGE;
    out->count = 0;
    uint32_t level = 0;
    for (uint64_t last = size - 1; last > 0; last /= 2, idx /= 2, level++) {
        if ((idx ^ 1) > last) continue;
        ASSAY_TRY(node_at(&out->hashes[out->count], level, idx ^ 1, size, get, context));
        out->count++;
    }
    return ASSAY_OK;
}

assay_err assay_merkle_log_consistency(assay_merkle_path *out, uint64_t old_size, uint64_t new_size,
                                       assay_merkle_node_get get, void *context) {
    /* Beyond 2^63 leaves a proof may be longer than a path. */
    if (old_size > new_size || new_size > (uint64_t)1 << 63) return ASSAY_E_RANGE;
    out->count = 0;
    if (old_size == 0 || old_size == new_size) return ASSAY_OK;
    uint64_t idx = old_size - 1, last = new_size - 1;
    uint32_t level = 0;
    while (idx & 1) idx /= 2, last /= 2, level++;
    /* The old tree's last full subtree; where that is the whole old tree, the checker has it as the old root. */
    if (idx != 0) {
        ASSAY_TRY(get(context, level, idx, &out->hashes[0]));
        out->count = 1;
    }
    for (; last > 0; last /= 2, idx /= 2, level++) {
        if ((idx ^ 1) > last) continue;
        ASSAY_TRY(node_at(&out->hashes[out->count], level, idx ^ 1, new_size, get, context));
        out->count++;
    }
    return ASSAY_OK;
}
