/* SPDX-License-Identifier: Apache-2.0
 *
 * The grammar monitor: an automaton of four states between an orderer and the application. What the grammar forbids is
 * not passed on, so that an orderer's bug cannot become a wrong state on disk. */
#include "engine/engine.h"

#include <string.h>

/* Where the calls so far have led. Zero is the beginning, so that a zeroed monitor is a fresh one. */
enum phase {
    PHASE_START = 0, /* nothing: init_chain (clean start) or info (either start) */
    PHASE_INFORMED,  /* after info: init_chain, or straight on (recovery) */
    PHASE_HEIGHT,    /* in a height: proposals, or its finalize_block */
    PHASE_FINALIZED  /* commit, and nothing else of consensus */
};

static assay_err refuse(assay_engine_monitor *m) {
    m->refused++;
    return ASSAY_E_GRAMMAR;
}

/* Proposals and decisions belong to the height that follows the committed one. */
static bool in_height(const assay_engine_monitor *m, const assay_engine_block *block) {
    bool open = m->phase == PHASE_INFORMED || m->phase == PHASE_HEIGHT;
    return open && m->height < INT64_MAX && block->height == m->height + 1;
}

static assay_err on_info(void *context, assay_engine_info *out) {
    assay_engine_monitor *m = context;
    m->calls++;
    ASSAY_TRY(m->inner.info(m->inner.context, out));
    if (m->phase != PHASE_START) return ASSAY_OK;
    if (out->last_height > INT64_MAX) return ASSAY_F_CORRUPT;
    m->height = (int64_t)out->last_height;
    m->phase = PHASE_INFORMED;
    return ASSAY_OK;
}

static assay_err on_init_chain(void *context, assay_engine_init_result *out, assay_arena *keep,
                               const assay_engine_init *request) {
    assay_engine_monitor *m = context;
    bool early = m->phase == PHASE_START || m->phase == PHASE_INFORMED;
    if (!early || m->height != 0) return refuse(m); /* an application that has blocks is never begun again */
    m->calls++;
    ASSAY_TRY(m->inner.init_chain(m->inner.context, out, keep, request));
    m->phase = PHASE_HEIGHT;
    return ASSAY_OK;
}

static assay_err on_check_tx(void *context, assay_bytes tx) {
    assay_engine_monitor *m = context;
    m->calls++;
    return m->inner.check_tx(m->inner.context, tx);
}

static assay_err on_prepare_proposal(void *context, assay_bytes **txs, uint32_t *txs_count, assay_arena *keep,
                                     const assay_engine_block *block, uint64_t max_bytes) {
    assay_engine_monitor *m = context;
    if (!in_height(m, block)) return refuse(m);
    m->calls++;
    ASSAY_TRY(m->inner.prepare_proposal(m->inner.context, txs, txs_count, keep, block, max_bytes));
    m->phase = PHASE_HEIGHT;
    return ASSAY_OK;
}

static assay_err on_process_proposal(void *context, bool *accept, const assay_engine_block *block) {
    assay_engine_monitor *m = context;
    if (!in_height(m, block)) return refuse(m);
    m->calls++;
    ASSAY_TRY(m->inner.process_proposal(m->inner.context, accept, block));
    m->phase = PHASE_HEIGHT;
    return ASSAY_OK;
}

static assay_err on_finalize_block(void *context, assay_engine_finalized *out, assay_arena *keep,
                                   const assay_engine_block *block) {
    assay_engine_monitor *m = context;
    if (!in_height(m, block)) return refuse(m);
    m->calls++;
    ASSAY_TRY(m->inner.finalize_block(m->inner.context, out, keep, block));
    m->phase = PHASE_FINALIZED;
    return ASSAY_OK;
}

static assay_err on_commit(void *context, uint64_t *retain_height) {
    assay_engine_monitor *m = context;
    if (m->phase != PHASE_FINALIZED) return refuse(m);
    m->calls++;
    ASSAY_TRY(m->inner.commit(m->inner.context, retain_height));
    m->height++;
    m->phase = PHASE_HEIGHT;
    return ASSAY_OK;
}

assay_engine_app assay_engine_monitor_wrap(assay_engine_monitor *monitor, assay_engine_app inner) {
    memset(monitor, 0, sizeof *monitor);
    monitor->inner = inner;
    return (assay_engine_app){
        .context = monitor,
        .info = on_info,
        .init_chain = on_init_chain,
        .check_tx = on_check_tx,
        .prepare_proposal = on_prepare_proposal,
        .process_proposal = on_process_proposal,
        .extend_vote = NULL,
        .verify_vote_extension = NULL,
        .finalize_block = on_finalize_block,
        .commit = on_commit,
    };
}
