/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_abci - hostile bytes as what comes over a connection: frames, and each one's request, to an application that
 * reads all it is given and answers little.
 *
 *   always   a request is answered or refused with a verdict; memory is what the header says, so never wanting; what is
 *            appended is exactly one whole frame; the same request again gets the same bytes */
#include "abci/abci.h"
#include "codec/codec.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 14, OUT_MAX = 1 << 22 };

static uint8_t scratch_memory[ASSAY_ABCI_SCRATCH_LEN(INPUT_MAX)], out_memory[2][OUT_MAX];
static uint64_t sum; /* so that reading is not left out */

static void read_all(assay_bytes bytes) {
    for (size_t i = 0; i < bytes.len; i++) sum += bytes.ptr[i];
}

static void read_block(const assay_engine_block *block) {
    ASSAY_ASSERT(block->height > 0 && block->txs_count <= ASSAY_BLOCK_TXS_MAX);
    for (uint32_t i = 0; i < block->txs_count; i++) read_all(block->txs[i]);
    for (uint32_t i = 0; i < block->last_commit_count; i++) sum += block->last_commit[i].power;
    for (uint32_t i = 0; i < block->misbehavior_count; i++) sum += block->misbehavior[i].total_power;
}

static assay_err do_info(void *context, assay_engine_info *out) {
    (void)context;
    *out = (assay_engine_info){.last_height = 3, .app_version = 1};
    return ASSAY_OK;
}
static assay_err do_init(void *context, assay_engine_init_result *out, assay_arena *keep,
                         const assay_engine_init *request) {
    (void)context, (void)keep;
    read_all(request->genesis);
    read_all(request->chain_id);
    *out = (assay_engine_init_result){0};
    return ASSAY_OK;
}
static assay_err do_check(void *context, assay_bytes tx) {
    (void)context;
    read_all(tx);
    return tx.len % 2 ? ASSAY_E_NONCE : ASSAY_OK;
}
static assay_err do_prepare(void *context, assay_bytes **txs, uint32_t *count, assay_arena *keep,
                            const assay_engine_block *block, uint64_t max_bytes) {
    (void)context, (void)keep, (void)max_bytes;
    read_block(block);
    *txs = (assay_bytes *)(uintptr_t)block->txs;
    *count = block->txs_count;
    return ASSAY_OK;
}
static assay_err do_process(void *context, bool *accept, const assay_engine_block *block) {
    (void)context;
    read_block(block);
    *accept = block->txs_count % 2;
    return ASSAY_OK;
}
static assay_err do_finalize(void *context, assay_engine_finalized *out, assay_arena *keep,
                             const assay_engine_block *block) {
    static assay_tx_result results[ASSAY_BLOCK_TXS_MAX];
    (void)context, (void)keep;
    read_block(block);
    *out = (assay_engine_finalized){.results = results, .results_count = block->txs_count};
    return ASSAY_OK;
}
static assay_err do_commit(void *context, uint64_t *retain_height) {
    (void)context;
    *retain_height = 0;
    return ASSAY_OK;
}
static assay_err do_query(void *context, assay_abci_query_result *out, assay_arena *keep,
                          const assay_abci_query *query) {
    (void)context, (void)keep;
    read_all(query->path);
    *out = (assay_abci_query_result){.key = query->path, .value = query->data, .height = query->height};
    return query->prove ? ASSAY_E_NOT_FOUND : ASSAY_OK;
}
static assay_err do_offer(void *context, assay_abci_offer *out, const assay_abci_snapshot *snapshot,
                          assay_hash app_hash) {
    (void)context;
    read_all(snapshot->hash);
    read_all(snapshot->metadata);
    *out = app_hash.b[0] % 2 ? ASSAY_ABCI_OFFER_ACCEPT : ASSAY_ABCI_OFFER_REJECT_FORMAT;
    return ASSAY_OK;
}
static assay_err do_apply(void *context, assay_abci_apply *out, uint32_t index, assay_bytes chunk) {
    (void)context;
    read_all(chunk);
    *out = index ? ASSAY_ABCI_APPLY_RETRY : ASSAY_ABCI_APPLY_ACCEPT;
    return ASSAY_OK;
}

static const assay_abci_app app = {.engine = {.info = do_info,
                                              .init_chain = do_init,
                                              .check_tx = do_check,
                                              .prepare_proposal = do_prepare,
                                              .process_proposal = do_process,
                                              .finalize_block = do_finalize,
                                              .commit = do_commit},
                                   .query = do_query,
                                   .snapshot_offer = do_offer,
                                   .snapshot_apply = do_apply};

static assay_bytes answer(int slot, assay_bytes frame) {
    assay_buf out = {out_memory[slot], 0, OUT_MAX};
    bool flush;
    assay_err err = assay_abci_answer(&out, &flush, &app, frame,
                                      assay_base_arena(scratch_memory, ASSAY_ABCI_SCRATCH_LEN(frame.len)));
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_ENCODING || err == ASSAY_E_RANGE || err == ASSAY_E_GRAMMAR);
    ASSAY_ASSERT(!flush || out.len == 3);
    assay_bytes said = {out.ptr, out.len}, whole;
    uint64_t wanted;
    err = assay_codec_get_delimited(&whole, &wanted, &said, ASSAY_ABCI_FRAME_LEN_MAX);
    ASSAY_ASSERT(err == ASSAY_OK && whole.ptr && said.len == 0);
    return (assay_bytes){out.ptr, out.len};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > INPUT_MAX) return 0;
    assay_bytes input = {data, size}, frame;
    for (;;) {
        uint64_t wanted;
        size_t before = input.len;
        if (assay_codec_get_delimited(&frame, &wanted, &input, ASSAY_ABCI_FRAME_LEN_MAX) != ASSAY_OK || !frame.ptr)
            return 0;
        ASSAY_ASSERT(wanted == before - input.len);
        assay_bytes tx = assay_abci_check_tx_of(frame);
        ASSAY_ASSERT(tx.len == 0 || (assay_abci_lane_of(frame) == ASSAY_ABCI_MEMPOOL && tx.ptr >= frame.ptr &&
                                     tx.ptr + tx.len <= frame.ptr + frame.len));
        assay_bytes one = answer(0, frame), two = answer(1, frame);
        ASSAY_ASSERT(assay_base_bytes_eq(one, two));
    }
}
