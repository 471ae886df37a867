/* SPDX-License-Identifier: Apache-2.0
 *
 * abci - the engine's table spoken to CometBFT: ABCI 2.0 (protobuf package tendermint.abci, CometBFT v0.38 to v0.40),
 * framing, messages and answers.
 *
 *   CometBFT  --frames over four connections-->  abci  --assay_engine_app-->  application
 *
 * Pure: bytes in, bytes out. Sockets and threads are node's, which reads a connection, cuts frames out of it, answers
 * each in order and writes when a Flush was answered. The four connections carry no label; assay_abci_lane_of tells by
 * its method which one a request belongs to. Judges no transaction and keeps nothing between two requests, so the same
 * request to the same application gets the same answer.
 * Frames are codec's delimited messages, at most ASSAY_ABCI_FRAME_LEN_MAX bytes each.
 * Reading order: abci.h, messages.c, answer.c.     Spec: spec/engine.md; CometBFT v0.38 spec/abci (methods, client and
 * server), proto/tendermint/abci/types.proto.
 */
#ifndef ASSAY_ABCI_H
#define ASSAY_ABCI_H

#include "base/base.h"
#include "engine/engine.h"
#include "types/types.h"

/* A block's bytes are at most 100 MiB in CometBFT (MaxBlockSizeBytes); the rest of a request that carries them is
 * small. A frame beyond is no request of CometBFT's. */
#define ASSAY_ABCI_FRAME_LEN_MAX ((uint64_t)128 << 20)

/* What one request and the tables of its answer take: 16 bytes for each transaction, and two bytes of the frame make
 * one; 80 for each of ASSAY_BLOCK_TXS_MAX results; the rest is bounded by 10,000 validators and as many faults. */
#define ASSAY_ABCI_SCRATCH_LEN(frame_len) (((size_t)16 << 20) + 8 * (size_t)(frame_len))

/* ---- what only ABCI has ------------------------------------------------------------------------------------------ */

typedef struct assay_abci_query {
    assay_bytes path, data;
    int64_t height; /* 0: the last committed one */
    bool prove;
} assay_abci_query;
typedef struct assay_abci_proof_op {
    assay_bytes type, key, data;
} assay_abci_proof_op;
typedef struct assay_abci_query_result {
    assay_bytes key, value;
    int64_t height;
    const assay_abci_proof_op *proof; /* from the value outwards; none unless prove */
    uint32_t proof_count;
} assay_abci_query_result;

typedef struct assay_abci_snapshot {
    uint64_t height;
    uint32_t format, chunks;
    assay_bytes hash, metadata; /* of an offer: what any peer may have made up, of any length */
} assay_abci_snapshot;
typedef enum assay_abci_offer {
    ASSAY_ABCI_OFFER_ACCEPT = 1,
    ASSAY_ABCI_OFFER_ABORT = 2,
    ASSAY_ABCI_OFFER_REJECT = 3,
    ASSAY_ABCI_OFFER_REJECT_FORMAT = 4
} assay_abci_offer;
typedef enum assay_abci_apply {
    ASSAY_ABCI_APPLY_ACCEPT = 1,
    ASSAY_ABCI_APPLY_ABORT = 2,
    ASSAY_ABCI_APPLY_RETRY = 3, /* this chunk again, from another peer */
    ASSAY_ABCI_APPLY_RETRY_SNAPSHOT = 4,
    ASSAY_ABCI_APPLY_REJECT_SNAPSHOT = 5
} assay_abci_apply;

/* The application: the engine's table, and the calls that only ABCI has. Verdicts (ASSAY_E_*) of query become the
 * answer's code; a fault (ASSAY_F_*) of any call becomes an exception, at which CometBFT stops. A NULL call answers as
 * an application without it: no such path, no snapshots. Results are taken from keep. */
typedef struct assay_abci_app {
    assay_engine_app engine;
    void *context; /* of the calls below */
    assay_err (*query)(void *context, assay_abci_query_result *out, assay_arena *keep, const assay_abci_query *query);
    assay_err (*snapshots_list)(void *context, assay_abci_snapshot **out, uint32_t *count, assay_arena *keep);
    assay_err (*snapshot_load)(void *context, assay_bytes *chunk, assay_arena *keep, uint64_t height, uint32_t format,
                               uint32_t index);
    assay_err (*snapshot_offer)(void *context, assay_abci_offer *out, const assay_abci_snapshot *snapshot,
                                assay_hash app_hash);
    assay_err (*snapshot_apply)(void *context, assay_abci_apply *out, uint32_t index, assay_bytes chunk);
} assay_abci_app;

/* ---- requests and answers ---------------------------------------------------------------------------------------- */

/* Whose connection a request belongs to. Echo, Flush and Info come on all. */
typedef enum assay_abci_lane {
    ASSAY_ABCI_ANY,
    ASSAY_ABCI_CONSENSUS,
    ASSAY_ABCI_MEMPOOL,
    ASSAY_ABCI_QUERY,
    ASSAY_ABCI_SNAPSHOT,
} assay_abci_lane;
/* assay_abci_lane_of - by the frame's first field; ANY also for what is no request. A few instructions. */
assay_abci_lane assay_abci_lane_of(assay_bytes frame);

/* assay_abci_check_tx_of - the transaction that a CheckTx asks about, a view of frame: for looking ahead over what a
 * connection brought. Empty for any other request, and where the transaction is not its first field; whether the
 * request is one at all, assay_abci_answer says. A few instructions. */
assay_bytes assay_abci_check_tx_of(assay_bytes frame);

/* assay_abci_answer - answers one request: decodes the frame, calls the application, appends the framed response.
 *
 *   out     takes the response
 *   flush   true if the request was a Flush: what out holds is due now
 *   frame   a request without its length: assay_codec_get_delimited cuts it out of what a connection brings
 *   scratch for the request and the response's tables, ASSAY_ABCI_SCRATCH_LEN(frame.len) at most whatever the frame
 *           holds; and beyond that for the application's results
 *
 *   ASSAY_OK          answered, whatever the application's verdict
 *   ASSAY_E_ENCODING  not exactly one request of ABCI 2.0
 *   ASSAY_E_RANGE     a height, power or number in it is none; FinalizeBlock has more than ASSAY_BLOCK_TXS_MAX
 *                     transactions (a proposal that has is rejected, and of more that wait the first are proposed from)
 *   ASSAY_E_GRAMMAR   out of order (engine.h's monitor)        ASSAY_F_*       the application's fault, or memory
 * In all but the first case out got an exception that says so (unless it has no room): write it, and close. */
ASSAY_MUST_USE assay_err assay_abci_answer(assay_buf *out, bool *flush, const assay_abci_app *app, assay_bytes frame,
                                           assay_arena scratch);

/* assay_abci_genesis - what CometBFT's genesis.json carries as app_state: our encoded genesis in base64, as a JSON
 * string. Appends the text. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_abci_genesis(assay_buf *out, assay_bytes genesis);

#endif
