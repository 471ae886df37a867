/* SPDX-License-Identifier: Apache-2.0
 *
 * comet_query - ABCI's Query: what the committed state and the log hold, and the way from a value to the AppHash in the
 * next block's header as ProofOps.
 *
 *   /state   data: a key    ics23:smt (CommitmentProof)       state root   assay:app (log size, log root)     AppHash
 *   /log     data: an index assay:log (size, path: RFC 6962)  log root     assay:app-log (state root, size)   AppHash
 *
 * Numbers are 8 bytes, big-endian. Only the newest committed height can be asked for. Spec: spec/cometbft.md.
 */
#include "comet_internal.h"

#include <string.h>

static void put_u64(uint8_t out[8], uint64_t value) {
    for (int i = 0; i < 8; i++) out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get_u64(const uint8_t bytes[8]) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | bytes[i];
    return value;
}

/* Number and hash, or hash and number, as one text in keep. */
static assay_err pair(assay_bytes *out, assay_arena *keep, uint64_t number, assay_hash hash, bool number_first) {
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, 8 + ASSAY_HASH_LEN);
    if (!bytes) return ASSAY_F_MEMORY;
    put_u64(bytes + (number_first ? 0 : ASSAY_HASH_LEN), number);
    memcpy(bytes + (number_first ? 8 : 0), hash.b, ASSAY_HASH_LEN);
    *out = (assay_bytes){bytes, 8 + ASSAY_HASH_LEN};
    return ASSAY_OK;
}

static assay_err ask_state(assay_abci_query_result *out, assay_abci_proof_op *ops, assay_arena *keep,
                           assay_state_reader reader, const assay_state_head *head, const assay_abci_query *q) {
    bool found;
    assay_bytes value = {NULL, 0}, proof = {NULL, 0};
    if (q->data.len < 1 || q->data.len > ASSAY_STATE_KEY_LEN_MAX) return ASSAY_E_RANGE;
    ASSAY_TRY(assay_state_prove(&proof, &value, &found, keep, reader, q->data));
    if (found) ASSAY_TRY(assay_base_arena_copy(&out->value, keep, value));
    if (!q->prove) return ASSAY_OK;
    ops[0] = (assay_abci_proof_op){ASSAY_STR("ics23:smt"), q->data, proof};
    ops[1] = (assay_abci_proof_op){ASSAY_STR("assay:app"), {NULL, 0}, {NULL, 0}};
    return pair(&ops[1].data, keep, head->log.size, assay_merkle_log_root(&head->log), true);
}

static assay_err ask_log(assay_abci_query_result *out, assay_abci_proof_op *ops, assay_arena *keep,
                         assay_state_reader reader, const assay_state_head *head, const assay_abci_query *q) {
    assay_merkle_path path;
    assay_bytes leaf;
    if (q->data.len != 8) return ASSAY_E_RANGE;
    uint64_t index = get_u64(q->data.ptr);
    if (index >= head->log.size) return ASSAY_E_NOT_FOUND;
    ASSAY_TRY(assay_state_log_prove(&path, &leaf, reader, index, head->log.size));
    ASSAY_TRY(assay_base_arena_copy(&out->value, keep, leaf));
    if (!q->prove) return ASSAY_OK;
    size_t len = 8 + (size_t)path.count * ASSAY_HASH_LEN;
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, len);
    if (!bytes) return ASSAY_F_MEMORY;
    put_u64(bytes, head->log.size);
    memcpy(bytes + 8, path.hashes, (size_t)path.count * ASSAY_HASH_LEN);
    ops[0] = (assay_abci_proof_op){ASSAY_STR("assay:log"), q->data, {bytes, len}};
    ops[1] = (assay_abci_proof_op){ASSAY_STR("assay:app-log"), {NULL, 0}, {NULL, 0}};
    return pair(&ops[1].data, keep, head->log.size, head->root, false);
}

static assay_err ask(assay_abci_query_result *out, assay_arena *keep, assay_store_snapshot *snapshot,
                     const assay_abci_query *q) {
    assay_state_reader reader = assay_store_snapshot_reader(snapshot);
    assay_state_head head;
    assay_abci_proof_op *ops = ASSAY_NEW(keep, assay_abci_proof_op, 2);
    if (!ops) return ASSAY_F_MEMORY;
    ASSAY_TRY(archive_whole(snapshot));
    ASSAY_TRY(assay_state_head_read(&head, reader));
    if (q->height != 0 && (uint64_t)q->height != head.height) return ASSAY_E_NOT_FOUND;
    out->height = (int64_t)head.height;
    out->key = q->data;
    if (assay_base_bytes_eq(q->path, ASSAY_STR("/state")))
        ASSAY_TRY(ask_state(out, ops, keep, reader, &head, q));
    else if (assay_base_bytes_eq(q->path, ASSAY_STR("/log")))
        ASSAY_TRY(ask_log(out, ops, keep, reader, &head, q));
    else
        return ASSAY_E_NOT_FOUND;
    out->proof = ops;
    out->proof_count = q->prove ? 2 : 0;
    return ASSAY_OK;
}

assay_err query_answer(void *context, assay_abci_query_result *out, assay_arena *keep, const assay_abci_query *query) {
    struct comet *c = context;
    assay_store_snapshot *snapshot = NULL;
    if (!validator_enter(c->owner)) return ASSAY_E_STATE; /* a snapshot is being taken in */
    assay_err err = assay_store_snapshot_begin(&snapshot, c->owner->store);
    if (err == ASSAY_F_BUSY) err = ASSAY_E_STATE; /* a verdict on the question: CometBFT stops at faults */
    if (err == ASSAY_OK) err = ask(out, keep, snapshot, query);
    assay_store_snapshot_end(snapshot);
    validator_leave(c->owner);
    return err;
}
