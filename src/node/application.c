/* SPDX-License-Identifier: Apache-2.0
 *
 * application - the engine's table of calls answered by ledger and state: where agreement and ledger meet. It
 * translates and stores; it decides nothing.
 */
#include "node_internal.h"

#include "ledger/accounts/accounts.h"

#include <stdlib.h>
#include <string.h>

static assay_err app_info(void *context, assay_engine_info *out) {
    validator *v = context;
    *out = (assay_engine_info){.last_height = assay_state_height(v->state), .app_version = 1};
    const assay_merkle_log *log = assay_state_log(v->state);
    out->last_app_hash = assay_app_hash(assay_state_root(v->state), log->size, assay_merkle_log_root(log));
    return ASSAY_OK;
}

static assay_err app_init_chain(void *context, assay_engine_init_result *out, assay_arena *keep,
                                const assay_engine_init *request) {
    validator *v = context;
    assay_ledger_power *powers;
    uint32_t count;
    ASSAY_TRY(assay_ledger_init(v->ledger, &powers, &count, keep, request->genesis, request->chain_id));
    out->validators = ASSAY_NEW(keep, assay_engine_power, count);
    if (!out->validators) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        out->validators[i] = (assay_engine_power){powers[i].consensus_key, powers[i].power};
    out->validators_count = count;
    assay_hash root, log_root;
    uint64_t log_size;
    ASSAY_TRY(assay_state_prepare(v->state, &root, &log_size, &log_root));
    out->app_hash = assay_app_hash(root, log_size, log_root);
    return ASSAY_OK;
}

static assay_err app_check_tx(void *context, assay_bytes tx) {
    validator *v = context;
    return assay_ledger_check_tx(v->ledger, &v->admission, tx, v->admission_signature);
}

static assay_err app_prepare(void *context, assay_bytes **txs, uint32_t *txs_count, assay_arena *keep,
                             const assay_engine_block *block, uint64_t max_bytes) {
    validator *v = context;
    bool *chosen = ASSAY_NEW(keep, bool, block->txs_count);
    assay_bytes *list = ASSAY_NEW(keep, assay_bytes, block->txs_count);
    if (!chosen || !list) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_ledger_choose(v->ledger, chosen, block->txs, block->txs_count, (uint64_t)block->height, max_bytes));
    uint32_t count = 0;
    for (uint32_t i = 0; i < block->txs_count; i++)
        if (chosen[i]) list[count++] = block->txs[i];
    *txs = list;
    *txs_count = count;
    return ASSAY_OK;
}

assay_err block_ids(const assay_hash **out, validator *v, assay_hash block, const assay_bytes *txs, uint32_t count) {
    if (count > v->ids_cap) {
        free(v->ids);
        v->ids = malloc(count * sizeof *v->ids);
        v->ids_cap = v->ids ? count : 0;
        v->ids_count = 0;
        if (!v->ids) return ASSAY_F_MEMORY;
    }
    if (v->ids_count != count || !assay_base_hash_eq(v->ids_block, block))
        for (uint32_t i = 0; i < count; i++) v->ids[i] = assay_tx_id(txs[i]);
    v->ids_block = block;
    v->ids_count = count;
    *out = v->ids;
    return ASSAY_OK;
}

static assay_err ledger_block(assay_ledger_block *out, assay_arena *keep, validator *v,
                              const assay_engine_block *block) {
    assay_ledger_misbehavior *misbehavior = ASSAY_NEW(keep, assay_ledger_misbehavior, block->misbehavior_count);
    assay_ledger_signer *signers = ASSAY_NEW(keep, assay_ledger_signer, block->last_commit_count);
    bool *known = ASSAY_NEW(keep, bool, block->txs_count);
    if (!misbehavior || !signers || !known) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < block->misbehavior_count; i++) {
        const assay_engine_misbehavior *m = &block->misbehavior[i];
        misbehavior[i] = (assay_ledger_misbehavior){m->validator, m->height, m->round, m->time};
    }
    for (uint32_t i = 0; i < block->last_commit_count; i++) {
        const assay_engine_vote_info *vote = &block->last_commit[i];
        signers[i] = (assay_ledger_signer){vote->validator, vote->power, vote->flag == ASSAY_FLAG_COMMIT};
    }
    /* What waits in the mempool under the same bytes was verified when it came in. */
    const assay_hash *ids;
    ASSAY_TRY(block_ids(&ids, v, block->hash, block->txs, block->txs_count));
    for (uint32_t i = 0; i < block->txs_count; i++)
        known[i] = v->comet ? admission_known(v, ids[i]) : mempool_find(&v->pool, ids[i]);
    *out = (assay_ledger_block){
        .height = (uint64_t)block->height,
        .time = block->time,
        .hash = block->hash,
        .proposer = block->proposer,
        .txs = block->txs,
        .txs_count = block->txs_count,
        .signature_known = known,
        .misbehavior = misbehavior,
        .misbehavior_count = block->misbehavior_count,
        .last_commit = signers,
        .last_commit_count = block->last_commit_count,
    };
    return ASSAY_OK;
}

static assay_err app_process(void *context, bool *accept, const assay_engine_block *block) {
    validator *v = context;
    assay_arena scratch = v->app_arena;
    assay_ledger_block request;
    ASSAY_TRY(ledger_block(&request, &scratch, v, block));
    return assay_ledger_proposal_ok(v->ledger, accept, &request);
}

static assay_err app_finalize(void *context, assay_engine_finalized *out, assay_arena *keep,
                              const assay_engine_block *block) {
    validator *v = context;
    assay_ledger_block request;
    ASSAY_TRY(ledger_block(&request, keep, v, block));
    ASSAY_TRY(assay_ledger_finalize(v->ledger, &v->result, keep, &request));
    assay_engine_power *updates = ASSAY_NEW(keep, assay_engine_power, v->result.powers_count);
    if (!updates) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < v->result.powers_count; i++)
        updates[i] = (assay_engine_power){v->result.powers[i].consensus_key, v->result.powers[i].power};
    *out = (assay_engine_finalized){
        .results = v->result.results,
        .results_count = v->result.results_count,
        .updates = updates,
        .updates_count = v->result.powers_count,
        .app_hash = v->result.app_hash,
    };
    return ASSAY_OK;
}

assay_err application_account(validator *v, uint64_t *nonce, uint64_t *balance, assay_address sender) {
    assay_accounts_account account;
    ASSAY_TRY(assay_accounts_get(assay_rule_view_state(v->state), &account, sender));
    *nonce = account.nonce;
    *balance = account.balance;
    return ASSAY_OK;
}

/* Everything of a block becomes durable in one transaction: state, log, block, commit, the chain's own state. */
static assay_err app_commit(void *context, uint64_t *retain_height) {
    validator *v = context;
    *retain_height = 0;
    assay_err err = store_decided(v);
    if (err != ASSAY_OK) {
        assay_state_discard(v->state);
        return err;
    }
    assay_state_committed(v->state);
    return ASSAY_OK;
}

assay_engine_app application_table(validator *v) {
    return (assay_engine_app){
        .context = v,
        .info = app_info,
        .init_chain = app_init_chain,
        .check_tx = app_check_tx,
        .prepare_proposal = app_prepare,
        .process_proposal = app_process,
        .finalize_block = app_finalize,
        .commit = app_commit,
    };
}
