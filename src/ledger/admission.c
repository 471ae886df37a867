/* SPDX-License-Identifier: Apache-2.0
 *
 * What the mempool and a proposer ask before there is a block. Nothing here changes anything: what is tried is taken
 * back. */
#include "ledger_internal.h"

/* A context for a block that does not exist yet: the next one, at the last one's time. Its hash and proposer are not
 * known, and no handler of a transaction asks for them but to write them down. */
static assay_err context_next(const assay_ledger *ledger, assay_rule_context *out, uint64_t height,
                              assay_arena scratch) {
    assay_rule_moment last;
    bool found;
    ASSAY_TRY(
        assay_rule_moment_at(assay_rule_view_state(ledger->state), &last, &found, assay_state_height(ledger->state)));
    *out = assay_ledger_context(ledger, height, (assay_time){found ? last.seconds : 0, 0});
    out->scratch = scratch;
    return assay_rule_begin(out);
}

/* ---- the mempool's question ---------------------------------------------------------------------------------- */

/* A free one must succeed, in its turn: the nonces before its own are the mempool's business. */
static assay_err would_succeed(const assay_ledger *ledger, const ledger_tx *tx, assay_arena scratch) {
    assay_rule_context context;
    ASSAY_TRY(context_next(ledger, &context, assay_state_height(ledger->state) + 1, scratch));
    assay_rule_point point = assay_rule_mark(&context);
    assay_err err = assay_ledger_tx_handle(&context, tx);
    assay_rule_rollback(&context, &point);
    return err;
}

static assay_err account_ok(const assay_ledger *ledger, const ledger_tx *tx) {
    assay_accounts_account account;
    ASSAY_TRY(assay_accounts_get(assay_rule_view_state(ledger->state), &account, tx->sender));
    if (tx->body.nonce < account.nonce || tx->body.nonce == UINT64_MAX) return ASSAY_E_NONCE;
    return tx->lane == ASSAY_LANE_PAID && account.balance < tx->body.fee ? ASSAY_E_FUNDS : ASSAY_OK;
}

assay_err assay_ledger_check_tx(assay_ledger *ledger, assay_ledger_admission *out, assay_bytes encoded,
                                assay_ledger_signature signature) {
    assay_arena scratch = ledger->scratch;
    ledger_tx tx;
    *out = (assay_ledger_admission){0};
    if (!ledger->initialised) return ASSAY_F_BUG;
    ASSAY_TRY(assay_ledger_tx_decode(ledger, &tx, &scratch, encoded));
    *out = (assay_ledger_admission){tx.lane, tx.sender, tx.body.nonce, tx.body.fee, tx.body.expiry_height};
    ASSAY_TRY(assay_ledger_tx_admissible(ledger, &tx, assay_state_height(ledger->state) + 1));
    bool valid = signature == ASSAY_LEDGER_SIGNATURE_TRUE;
    if (signature == ASSAY_LEDGER_SIGNATURE_UNSEEN) valid = assay_tx_verify(&tx.tx, ledger->chain.chain_id, scratch);
    if (!valid) return ASSAY_E_SIGNATURE;
    ASSAY_TRY(account_ok(ledger, &tx));
    return tx.lane == ASSAY_LANE_PAID ? ASSAY_OK : would_succeed(ledger, &tx, scratch);
}

/* ---- the proposer's questions -------------------------------------------------------------------------------- */

/* Bytes that a transaction adds to a block: its own, a tag, its length. */
static uint64_t size_in_block(size_t len) {
    uint64_t size = 2 + (uint64_t)len;
    for (size_t rest = len >> 7; rest > 0; rest >>= 7) size++;
    return size;
}

/* Would it do here, after those chosen before it? Of a paid one only nonce and fee are tried, and stay tried: what its
 * handler will say costs its sender, not the block. A free one must succeed, for it pays nothing. */
static assay_err try(const assay_ledger *ledger, assay_rule_context *context, bool *chosen, assay_bytes encoded,
                     assay_arena scratch) {
    ledger_tx tx;
    *chosen = false;
    assay_err err = assay_ledger_tx_decode(ledger, &tx, &scratch, encoded);
    if (err == ASSAY_OK) err = assay_ledger_tx_admissible(ledger, &tx, context->height);
    if (err != ASSAY_OK) return err;
    context->scratch = scratch;
    assay_rule_point point = assay_rule_mark(context);
    uint64_t fee = tx.lane == ASSAY_LANE_PAID ? tx.body.fee : 0;
    err = assay_accounts_charge(context, tx.sender, tx.body.nonce, fee);
    if (err == ASSAY_OK && tx.lane != ASSAY_LANE_PAID) err = assay_ledger_tx_handle(context, &tx);
    if (err != ASSAY_OK) assay_rule_rollback(context, &point);
    *chosen = err == ASSAY_OK;
    return err;
}

assay_err assay_ledger_choose(assay_ledger *ledger, bool *chosen, const assay_bytes *txs, uint32_t txs_count,
                              uint64_t height, uint64_t max_bytes) {
    assay_rule_context context;
    uint64_t left = max_bytes;
    uint32_t count = 0;
    if (!ledger->initialised) return ASSAY_F_BUG;
    ASSAY_TRY(context_next(ledger, &context, height, ledger->scratch));
    assay_rule_point point = assay_rule_mark(&context);
    assay_err err = ASSAY_OK;
    for (uint32_t i = 0; i < txs_count; i++) {
        chosen[i] = false;
        uint64_t size = size_in_block(txs[i].len);
        if (assay_base_err_is_fault(err) || size > left || count == ASSAY_BLOCK_TXS_MAX) continue;
        err = try(ledger, &context, &chosen[i], txs[i], ledger->scratch);
        if (!chosen[i]) continue;
        left -= size;
        count++;
    }
    assay_rule_rollback(&context, &point);
    return assay_base_err_is_fault(err) ? err : ASSAY_OK;
}

assay_err assay_ledger_stopped(assay_ledger *ledger, bool *stopped) {
    assay_staking_totals totals;
    ASSAY_TRY(assay_staking_totals_read(assay_rule_view_state(ledger->state), &totals));
    *stopped = totals.urgent;
    return ASSAY_OK;
}

assay_err assay_ledger_proposal_ok(assay_ledger *ledger, bool *ok, const assay_ledger_block *block) {
    uint64_t size = 0;
    *ok = false;
    if (!ledger->initialised) return ASSAY_F_BUG;
    bool stopped;
    ASSAY_TRY(assay_ledger_stopped(ledger, &stopped));
    if (stopped || block->txs_count > ASSAY_BLOCK_TXS_MAX) return ASSAY_OK;
    for (uint32_t i = 0; i < block->txs_count; i++) {
        assay_arena scratch = ledger->scratch;
        ledger_tx tx;
        size += size_in_block(block->txs[i].len);
        if (size > ASSAY_BLOCK_LEN_MAX) return ASSAY_OK;
        assay_err err = assay_ledger_tx_decode(ledger, &tx, &scratch, block->txs[i]);
        if (err == ASSAY_OK) err = assay_ledger_tx_admissible(ledger, &tx, block->height);
        if (assay_base_err_is_fault(err)) return err;
        if (err != ASSAY_OK) return ASSAY_OK;
    }
    *ok = true;
    return ASSAY_OK;
}
