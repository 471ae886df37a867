/* SPDX-License-Identifier: Apache-2.0
 *
 * engine - the table of calls between whoever orders blocks and the application that executes them: the ABCI 2.0
 * methods, in C.
 *
 *   orderer (bft, or CometBFT through abci)  --assay_engine_app-->  application (node, over ledger, state and store)
 *
 * The orderer never looks into a transaction; the application never sees a vote's signature. A monitor
 * (assay_engine_monitor) checks every call against the ABNF grammar of the ABCI 2.0 specification, at run time, under
 * every orderer.
 * Reading order: engine.h, monitor.c.    Spec: spec/engine.md; CometBFT v0.38 spec/abci (methods, expected behaviour).
 */
#ifndef ASSAY_ENGINE_H
#define ASSAY_ENGINE_H

#include "base/base.h"
#include "types/types.h"

typedef struct assay_engine_power { /* one validator update: power 0 removes */
    assay_public_key public_key;
    uint64_t power;
} assay_engine_power;

typedef struct assay_engine_info {
    uint64_t last_height; /* last committed; 0: nothing yet */
    assay_hash last_app_hash;
    uint64_t app_version;
} assay_engine_info;

typedef struct assay_engine_init {
    assay_time time;
    assay_bytes chain_id;
    assay_bytes genesis;     /* encoded assay_genesis */
    uint64_t initial_height; /* 1 */
} assay_engine_init;
typedef struct assay_engine_init_result {
    assay_engine_power *validators;
    uint32_t validators_count;
    assay_hash app_hash;
} assay_engine_init_result;

/* Who signed the previous block, as the application is told (CommitInfo). */
typedef struct assay_engine_vote_info {
    assay_address validator;
    uint64_t power;
    uint32_t flag; /* assay_commit_flag */
} assay_engine_vote_info;
/* A proven double vote (Misbehavior). round is -1 where the orderer does not tell (CometBFT). */
typedef struct assay_engine_misbehavior {
    assay_address validator;
    uint64_t power;
    int64_t height;
    int32_t round;
    assay_time time;
    uint64_t total_power;
} assay_engine_misbehavior;

typedef struct assay_engine_block {
    int64_t height;
    assay_time time;
    assay_hash hash; /* zero in prepare_proposal: there is no block yet */
    assay_address proposer;
    assay_hash next_validators_hash;
    const assay_bytes *txs;
    uint32_t txs_count;
    const assay_engine_misbehavior *misbehavior;
    uint32_t misbehavior_count;
    const assay_engine_vote_info *last_commit; /* decided last commit (finalize, process) or local one (prepare) */
    uint32_t last_commit_count;
    int32_t last_commit_round;
} assay_engine_block;

typedef struct assay_engine_finalized {
    assay_tx_result *results; /* one per transaction, in order */
    uint32_t results_count;
    assay_engine_power *updates; /* effective at height + 2 */
    uint32_t updates_count;
    assay_hash app_hash; /* in the header of height + 1 */
} assay_engine_finalized;

typedef struct assay_engine_app {
    void *context;
    /* info - any time; what was committed last. */
    assay_err (*info)(void *context, assay_engine_info *out);
    /* init_chain - once, before the first block; may be called again after a crash at height 0. Results are taken from
     * keep. */
    assay_err (*init_chain)(void *context, assay_engine_init_result *out, assay_arena *keep,
                            const assay_engine_init *request);
    /* check_tx - may this transaction enter the mempool? ASSAY_OK, or a verdict. Never changes committed state. */
    assay_err (*check_tx)(void *context, assay_bytes tx);
    /* prepare_proposal - chooses from block->txs what to propose, at most max_bytes in all; the choice is taken from
     * keep. */
    assay_err (*prepare_proposal)(void *context, assay_bytes **txs, uint32_t *txs_count, assay_arena *keep,
                                  const assay_engine_block *block, uint64_t max_bytes);
    /* process_proposal - deterministic; an honest proposal always passes. */
    assay_err (*process_proposal)(void *context, bool *accept, const assay_engine_block *block);
    /* extend_vote, verify_vote_extension - NULL: extensions are not enabled. */
    assay_err (*extend_vote)(void *context, assay_bytes *extension, assay_arena *keep, const assay_engine_block *block);
    assay_err (*verify_vote_extension)(void *context, bool *accept, int64_t height, assay_hash hash,
                                       assay_address validator, assay_bytes extension);
    /* finalize_block - executes; persists nothing. Results are taken from keep. Faults only: a bad transaction is a
     * result. */
    assay_err (*finalize_block)(void *context, assay_engine_finalized *out, assay_arena *keep,
                                const assay_engine_block *block);
    /* commit - persists the finalized block atomically before it returns. *retain_height: blocks below may be dropped;
     * 0 keeps all. */
    assay_err (*commit)(void *context, uint64_t *retain_height);
} assay_engine_app;

/* ---- the grammar monitor ------------------------------------------------------------------------------------------
 * Wraps an application: assay_engine_monitor_wrap returns a table that checks each call against the grammar before it
 * passes it on. Grammar (ABCI 2.0, without state sync and extensions):
 *   start            = clean-start / recovery
 *   clean-start      = [info] init-chain *consensus-height
 *   recovery         = info [init-chain] *consensus-height
 *   consensus-height = *consensus-round finalize-block commit
 *   consensus-round  = *( prepare-proposal [process-proposal] / process-proposal )
 * check_tx and info may come at any time. Heights advance by one, from the committed height, which the first info tells
 * (without one it is 0); init_chain is legal at height 0 only.
 *   ASSAY_E_GRAMMAR   the call is out of order, or names another height: it was not passed on and changed nothing here
 *   any other error   the application's own. A call that failed counts as not having happened.
 * As fast as the application: a comparison or two a call. Not for several threads at once; init_chain's keep and all
 * results are the application's. */
typedef struct assay_engine_monitor {
    assay_engine_app inner;
    uint32_t phase;   /* where in the grammar; monitor.c knows */
    int64_t height;   /* last committed */
    uint64_t calls;   /* passed on */
    uint64_t refused; /* violations seen */
} assay_engine_monitor;
/* assay_engine_monitor_wrap - initialises *monitor around inner; the returned table points to *monitor, which must
 * outlive it. extend_vote and verify_vote_extension are NULL in it, whatever inner has: extensions are not enabled.
 * Cannot fail. */
assay_engine_app assay_engine_monitor_wrap(assay_engine_monitor *monitor, assay_engine_app inner);

#endif
