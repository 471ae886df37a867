/* SPDX-License-Identifier: Apache-2.0
 *
 * The attestation log: its rows, and proofs out of them. The tree itself is crypto's (RFC 6962). */
#include "state_internal.h"

assay_bytes assay_log_key(uint8_t out[LOG_KEY_LEN], uint32_t level, uint64_t index) {
    out[0] = (uint8_t)level;
    for (unsigned i = 0; i < 8; i++) out[1 + i] = (uint8_t)(index >> (56 - 8 * i));
    return (assay_bytes){out, LOG_KEY_LEN};
}

/* A full subtree's hash, for crypto's proof makers. */
static assay_err node_get(void *context, uint32_t level, uint64_t index, assay_hash *out) {
    const assay_state_reader *reader = context;
    uint8_t key[LOG_KEY_LEN];
    assay_bytes value;
    bool found;
    ASSAY_TRY(reader->get(reader->context, ASSAY_SPACE_LOG, assay_log_key(key, level, index), &value, &found));
    if (!found || value.len != ASSAY_HASH_LEN) return ASSAY_F_CORRUPT;
    memcpy(out->b, value.ptr, ASSAY_HASH_LEN);
    return ASSAY_OK;
}

/* ASSAY_E_RANGE unless the log has at least size leaves. */
static assay_err size_check(assay_state_reader reader, uint64_t size) {
    assay_state_head head;
    ASSAY_TRY(assay_state_head_read(&head, reader));
    return size <= head.log.size ? ASSAY_OK : ASSAY_E_RANGE;
}

assay_err assay_state_log_leaf(assay_bytes *leaf, assay_state_reader reader, uint64_t index) {
    uint8_t key[LOG_KEY_LEN];
    bool found;
    if (index == UINT64_MAX) return ASSAY_E_RANGE;
    ASSAY_TRY(size_check(reader, index + 1));
    ASSAY_TRY(reader.get(reader.context, ASSAY_SPACE_LOG, assay_log_key(key, LOG_LEAF, index), leaf, &found));
    return found ? ASSAY_OK : ASSAY_F_CORRUPT;
}

assay_err assay_state_log_prove(assay_merkle_path *path, assay_bytes *leaf, assay_state_reader reader, uint64_t index,
                                uint64_t size) {
    if (index >= size) return ASSAY_E_RANGE;
    ASSAY_TRY(size_check(reader, size));
    ASSAY_TRY(assay_state_log_leaf(leaf, reader, index));
    return assay_merkle_log_path(path, index, size, node_get, &reader);
}

assay_err assay_state_log_consistency(assay_merkle_path *path, assay_state_reader reader, uint64_t old_size,
                                      uint64_t new_size) {
    if (old_size > new_size) return ASSAY_E_RANGE;
    ASSAY_TRY(size_check(reader, new_size));
    return assay_merkle_log_consistency(path, old_size, new_size, node_get, &reader);
}
