/* SPDX-License-Identifier: Apache-2.0
 *
 * One transaction: from its bytes to its rule's handler, and what remains of it if it fails. */
#include "ledger_internal.h"

/* ---- form ---------------------------------------------------------------------------------------------------- */

static assay_lane lane_of(const assay_tx_body *body) {
    if (body->evidence) return ASSAY_LANE_EVIDENCE;
    return body->check || body->opening ? ASSAY_LANE_DUTY : ASSAY_LANE_PAID;
}

assay_err assay_ledger_tx_decode(const assay_ledger *ledger, ledger_tx *out, assay_arena *keep, assay_bytes encoded) {
    out->encoded = encoded;
    ASSAY_TRY(assay_tx_decode(&out->tx, &out->body, keep, encoded));
    out->lane = lane_of(&out->body);
    out->sender = assay_crypto_address(out->tx.public_key);
    return assay_accounts_fee(&out->fee_least, &ledger->params, encoded.len);
}

assay_err assay_ledger_tx_admissible(const assay_ledger *ledger, const ledger_tx *tx, uint64_t height) {
    const assay_tx_body *body = &tx->body;
    if (!assay_base_bytes_eq(body->chain_id, ledger->chain.chain_id)) return ASSAY_E_CHAIN;
    if (body->expiry_height != 0 && body->expiry_height < height) return ASSAY_E_EXPIRED;
    return tx->lane == ASSAY_LANE_PAID && body->fee < tx->fee_least ? ASSAY_E_FEE : ASSAY_OK;
}

/* ---- signatures ---------------------------------------------------------------------------------------------- */

/* What the mempool has not verified: in most blocks nothing. The coefficients come from the block's hash and from all
 * that is verified: nobody can choose a signature by them without choosing them by the signature. */
assay_err assay_ledger_signatures(const assay_ledger *ledger, bool *valid, const assay_ledger_block *block,
                                  assay_arena scratch) {
    for (uint32_t i = 0; i < block->txs_count; i++) valid[i] = block->signature_known && block->signature_known[i];
    return assay_tx_verify_batch(valid, block->txs, block->txs_count, ledger->chain.chain_id, block->hash.b, scratch);
}

/* ---- handlers ------------------------------------------------------------------------------------------------ */

assay_err assay_ledger_tx_handle(assay_rule_context *context, const ledger_tx *tx) {
    const assay_tx_body *body = &tx->body;
    context->tx_id = assay_tx_id(tx->encoded);
    context->signer = tx->sender;
    context->signer_key = tx->tx.public_key;
    if (body->send) return assay_accounts_send(context, body->send);
    if (body->validator_create) return assay_staking_create(context, body->validator_create);
    if (body->delegate) return assay_staking_delegate(context, body->delegate);
    if (body->undelegate) return assay_staking_undelegate(context, body->undelegate);
    if (body->unjail) return assay_staking_unjail(context, body->unjail);
    if (body->register_version) return assay_models_register(context, body->register_version);
    if (body->deprecate) return assay_models_deprecate(context, body->deprecate);
    if (body->revoke) return assay_models_revoke(context, body->revoke);
    if (body->maintainers) return assay_models_maintainers(context, body->maintainers);
    if (body->check) return assay_models_check(context, body->check);
    if (body->opening) return assay_models_opening(context, body->opening);
    if (body->report) return assay_models_report(context, body->report);
    if (body->evidence) return assay_slashing_evidence(context, body->evidence);
    return ASSAY_E_ENCODING; /* a message that types knows and no rule does */
}

/* A paid transaction: whatever becomes of it, its fee is gone and its nonce used. */
static assay_err execute_paid(assay_rule_context *context, uint64_t *burned, const ledger_tx *tx) {
    ASSAY_TRY(assay_accounts_charge(context, tx->sender, tx->body.nonce, tx->body.fee));
    *burned = tx->body.fee;
    assay_rule_point point = assay_rule_mark(context);
    assay_err err = assay_ledger_tx_handle(context, tx);
    if (err != ASSAY_OK && !assay_base_err_is_fault(err)) assay_rule_rollback(context, &point);
    return err;
}

/* A free one costs nothing if it succeeds. If it fails it costs the fee that it offers, if that is enough and there;
 * else nothing at all remains of it, not even its nonce. */
static assay_err execute_free(assay_rule_context *context, uint64_t *burned, const ledger_tx *tx) {
    assay_rule_point point = assay_rule_mark(context);
    assay_err err = assay_accounts_charge(context, tx->sender, tx->body.nonce, 0);
    if (err != ASSAY_OK) return err;
    err = assay_ledger_tx_handle(context, tx);
    if (err == ASSAY_OK || assay_base_err_is_fault(err)) return err;
    assay_rule_rollback(context, &point);
    if (tx->body.fee < tx->fee_least) return err;
    assay_err paid = assay_accounts_charge(context, tx->sender, tx->body.nonce, tx->body.fee);
    if (assay_base_err_is_fault(paid)) return paid;
    if (paid == ASSAY_OK) *burned = tx->body.fee;
    return err;
}

assay_err assay_ledger_tx_execute(assay_rule_context *context, uint64_t *burned, const ledger_tx *tx) {
    *burned = 0;
    return (tx->lane == ASSAY_LANE_PAID ? execute_paid : execute_free)(context, burned, tx);
}
