/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger's life: opened, begun by genesis, one block after the other. */
#include "ledger_internal.h"

/* ---- opening ------------------------------------------------------------------------------------------------- */

/* What decoding the largest transaction may take, however hostile it is, beside what its signature is over. */
static size_t scratch_least(void) {
    size_t handler = (size_t)1 << 17; /* a batch of signatures; a few records and their lists */
    return assay_tx_decode_footprint(ASSAY_TX_LEN_MAX) + 2 * ASSAY_TX_LEN_MAX + ASSAY_BLOCK_TXS_MAX + handler;
}

static void keep_chain(assay_ledger *ledger, const assay_rule_chain *chain, const assay_params *params) {
    ASSAY_ASSERT(chain->chain_id.len <= sizeof ledger->chain_id);
    ledger->chain = *chain;
    memcpy(ledger->chain_id, chain->chain_id.ptr, chain->chain_id.len);
    ledger->chain.chain_id.ptr = ledger->chain_id;
    ledger->params = *params;
    ledger->initialised = true;
}

assay_err assay_ledger_open(assay_ledger **out, assay_arena *keep, assay_arena scratch, assay_state *state) {
    if ((size_t)(scratch.end - scratch.at) < scratch_least()) return ASSAY_F_MEMORY;
    assay_ledger *ledger = ASSAY_NEW(keep, assay_ledger, 1);
    if (!ledger) return ASSAY_F_MEMORY;
    ledger->state = state;
    ledger->scratch = scratch;
    assay_rule_chain chain;
    assay_params params;
    bool found;
    ASSAY_TRY(assay_rule_chain_load(assay_rule_view_state(state), &chain, &params, &found, &scratch));
    if (found) keep_chain(ledger, &chain, &params);
    *out = ledger;
    return ASSAY_OK;
}

assay_rule_context assay_ledger_context(const assay_ledger *ledger, uint64_t height, assay_time time) {
    return (assay_rule_context){
        .state = ledger->state,
        .params = &ledger->params,
        .chain_id = ledger->chain.chain_id,
        .height = height,
        .time = time,
        .tx_index = ASSAY_RULE_NO_TX,
        .scratch = ledger->scratch,
    };
}

/* ---- genesis ------------------------------------------------------------------------------------------------- */

static assay_err name_ok(assay_bytes name) {
    if (name.len == 0 || name.len > ASSAY_GENESIS_NAME_LEN_MAX) return ASSAY_E_NAME;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') return ASSAY_E_NAME;
    }
    return ASSAY_OK;
}

/* Decodes and checks what can be checked before anything is written. */
static assay_err genesis_read(assay_genesis *genesis, assay_rule_chain *chain, assay_arena *keep, assay_bytes encoded,
                              assay_bytes chain_id) {
    char id[ASSAY_CHAIN_ID_LEN_MAX + 1];
    ASSAY_TRY(assay_types_format_check(encoded, 1));
    ASSAY_TRY(assay_codec_decode(genesis, keep, &assay_genesis_message, encoded, ASSAY_CODEC_STRICT));
    if (genesis->app_version != ASSAY_LEDGER_APP_VERSION) return ASSAY_E_FORMAT;
    ASSAY_TRY(name_ok(genesis->name));
    *chain = (assay_rule_chain){1, chain_id, assay_genesis_hash(encoded), genesis->app_version};
    assay_genesis_chain_id(id, genesis->name, chain->genesis_hash);
    if (!assay_base_bytes_eq(chain_id, assay_base_bytes_str(id))) return ASSAY_E_CHAIN;
    ASSAY_TRY(assay_rule_params_check(&genesis->params));
    return assay_models_params_check(&genesis->params);
}

static assay_err genesis_write(assay_ledger *ledger, assay_ledger_power **powers, uint32_t *powers_count,
                               assay_arena *keep, const assay_genesis *genesis, const assay_rule_chain *chain,
                               assay_arena scratch) {
    assay_rule_context context = assay_ledger_context(ledger, 0, (assay_time){genesis->time_seconds, 0});
    context.params = &genesis->params;
    context.chain_id = chain->chain_id;
    context.scratch = scratch;
    ASSAY_TRY(assay_rule_begin(&context));
    ASSAY_TRY(assay_rule_chain_store(ledger->state, chain, &genesis->params));
    ASSAY_TRY(assay_accounts_init(&context, genesis->accounts, genesis->accounts_count));
    ASSAY_TRY(assay_staking_init(&context, powers, powers_count, keep, genesis->name, genesis->validators,
                                 genesis->validators_count));
    return assay_rule_end_block(&context);
}

assay_err assay_ledger_init(assay_ledger *ledger, assay_ledger_power **powers, uint32_t *powers_count,
                            assay_arena *keep, assay_bytes genesis_bytes, assay_bytes chain_id) {
    assay_arena scratch = ledger->scratch;
    assay_genesis genesis;
    assay_rule_chain chain;
    assay_params params;
    bool found;
    assay_state_discard(ledger->state); /* an earlier attempt that was not committed */
    ASSAY_TRY(assay_rule_chain_load(assay_rule_view_state(ledger->state), &chain, &params, &found, &scratch));
    if (found || assay_state_height(ledger->state) > 0) return ASSAY_E_STATE;
    ledger->initialised = false;
    ASSAY_TRY(genesis_read(&genesis, &chain, &scratch, genesis_bytes, chain_id));
    assay_err err = genesis_write(ledger, powers, powers_count, keep, &genesis, &chain, scratch);
    if (err == ASSAY_OK)
        keep_chain(ledger, &chain, &genesis.params);
    else
        assay_state_discard(ledger->state);
    return err;
}

/* ---- a block ------------------------------------------------------------------------------------------------- */

/* Memory that is not cleared, and so not touched before it is used. */
static assay_err cut(assay_arena *out, assay_arena *keep, size_t size) {
    size_t pad = (size_t)(-(uintptr_t)keep->at & (_Alignof(max_align_t) - 1)), have = (size_t)(keep->end - keep->at);
    if (pad > have || size > have - pad) return ASSAY_F_MEMORY;
    *out = assay_base_arena(keep->at + pad, size);
    keep->at += pad + size;
    return ASSAY_OK;
}

/* Room for events: what does not fit is counted and dropped, so that no block can ask for more. Most blocks need none
 * of it. */
static assay_err events_begin(assay_rule_events *events, assay_arena *keep, uint32_t txs_count) {
    enum { SUBJECT = 64 }; /* bytes of a subject, on average: an address is 44, a name with its version at most 194 */
    uint32_t cap = ASSAY_LEDGER_EVENTS_MAX + 2 * (txs_count < ASSAY_BLOCK_TXS_MAX ? txs_count : ASSAY_BLOCK_TXS_MAX);
    assay_arena items;
    ASSAY_TRY(cut(&items, keep, cap * sizeof(assay_rule_event)));
    *events = (assay_rule_events){.items = (assay_rule_event *)(void *)items.at, .cap = cap};
    return cut(&events->keep, keep, (size_t)cap * SUBJECT);
}

/* What the engine says about those who vote. */
static assay_err block_begin(assay_rule_context *context, const assay_ledger_block *block) {
    for (uint32_t i = 0; i < block->misbehavior_count; i++) {
        const assay_ledger_misbehavior *m = &block->misbehavior[i];
        ASSAY_TRY(assay_slashing_misbehavior(context, m->consensus_address, m->height, m->round));
    }
    for (uint32_t i = 0; i < block->last_commit_count; i++) {
        const assay_ledger_signer *signer = &block->last_commit[i];
        if (!signer->signed_block) ASSAY_TRY(assay_slashing_missed_block(context, signer->consensus_address));
    }
    return ASSAY_OK;
}

/* One transaction's verdict; a fault is a fault of the block. */
static assay_err run(const assay_ledger *ledger, assay_rule_context *context, uint64_t *burned, assay_bytes encoded,
                     bool valid, assay_arena scratch) {
    ledger_tx tx;
    *burned = 0;
    ASSAY_TRY(assay_ledger_tx_decode(ledger, &tx, &scratch, encoded));
    ASSAY_TRY(assay_ledger_tx_admissible(ledger, &tx, context->height));
    if (!valid) return ASSAY_E_SIGNATURE;
    context->scratch = scratch;
    return assay_ledger_tx_execute(context, burned, &tx);
}

static assay_err run_all(const assay_ledger *ledger, assay_rule_context *context, assay_tx_result *results,
                         const assay_ledger_block *block) {
    assay_arena scratch = ledger->scratch;
    bool *valid = ASSAY_NEW(&scratch, bool, block->txs_count);
    if (!valid) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_ledger_signatures(ledger, valid, block, scratch));
    for (uint32_t i = 0; i < block->txs_count; i++) {
        uint64_t burned;
        context->tx_index = i;
        assay_err err = run(ledger, context, &burned, block->txs[i], valid[i], scratch);
        if (assay_base_err_is_fault(err)) return err;
        results[i] = (assay_tx_result){.code = err, .gas_used = burned < INT64_MAX ? (int64_t)burned : INT64_MAX};
    }
    context->tx_index = ASSAY_RULE_NO_TX;
    context->tx_id = (assay_hash){{0}};
    context->signer = (assay_address){{0}};
    context->signer_key = (assay_public_key){{0}};
    context->scratch = ledger->scratch;
    return ASSAY_OK;
}

/* Whoever closing windows or slashing jails leaves the set that staking makes, which is the one that attests; the
 * totals last. */
static assay_err block_end(assay_rule_context *context, assay_ledger_result *out, assay_arena *keep) {
    ASSAY_TRY(assay_models_close_block(context));
    ASSAY_TRY(assay_slashing_end_block(context));
    ASSAY_TRY(assay_staking_end_block(context, &out->powers, &out->powers_count, keep));
    ASSAY_TRY(assay_models_end_block(context, out->powers_count > 0));
    return assay_rule_end_block(context);
}

static assay_err finalize(assay_ledger *ledger, assay_ledger_result *out, assay_arena *keep,
                          const assay_ledger_block *block) {
    assay_rule_context context = assay_ledger_context(ledger, block->height, block->time);
    assay_rule_events events;
    context.block_hash = block->hash;
    context.proposer = block->proposer;
    context.events = &events;
    out->results = ASSAY_NEW(keep, assay_tx_result, block->txs_count);
    if (!out->results) return ASSAY_F_MEMORY;
    out->results_count = block->txs_count;
    ASSAY_TRY(events_begin(&events, keep, block->txs_count));

    ASSAY_TRY(assay_rule_begin_block(&context));
    ASSAY_TRY(block_begin(&context, block));
    ASSAY_TRY(run_all(ledger, &context, out->results, block));
    ASSAY_TRY(block_end(&context, out, keep));
    out->events = events.items;
    out->events_count = events.count;
    out->events_dropped = events.dropped;
    out->recheck_height = context.recheck_height;

    assay_hash root, log_root;
    uint64_t log_size;
    ASSAY_TRY(assay_state_prepare(ledger->state, &root, &log_size, &log_root));
    out->app_hash = assay_app_hash(root, log_size, log_root);
    return ASSAY_OK;
}

assay_err assay_ledger_finalize(assay_ledger *ledger, assay_ledger_result *out, assay_arena *keep,
                                const assay_ledger_block *block) {
    *out = (assay_ledger_result){0};
    if (!ledger->initialised) return ASSAY_F_BUG;
    assay_err err = finalize(ledger, out, keep, block);
    if (err == ASSAY_OK) return ASSAY_OK;
    assay_state_discard(ledger->state);
    /* Whatever a rule calls a verdict on the block itself is none: the block is decided. */
    return assay_base_err_is_fault(err) ? err : ASSAY_F_BUG;
}
