/* SPDX-License-Identifier: Apache-2.0
 *
 * How a validator comes into being: by a message, or at genesis. */
#include "staking_internal.h"

/* ---- keys ---------------------------------------------------------------------------------------------------- */

/* Did the key's holder agree to sign for this owner? Without that, one could register another's key and have it
 * slashed. */
static bool proof_ok(const char *kind, assay_bytes chain, assay_public_key key, assay_signature proof,
                     assay_address owner) {
    uint8_t memory[128];
    assay_buf message = {memory, 0, sizeof memory};
    if (chain.len > ASSAY_CHAIN_ID_LEN_MAX) return false;
    ASSAY_ASSERT(assay_types_sign_bytes(&message, kind, chain, (assay_bytes){owner.b, sizeof owner.b}) == ASSAY_OK);
    return assay_crypto_ed25519_verify(key, (assay_bytes){message.ptr, message.len}, proof);
}

/* Claims a key for an owner, for ever and in whatever role: nobody can slash a validator with votes of its earlier
 * self. */
static assay_err claim_key(assay_rule_context *context, assay_public_key public_key, assay_address owner) {
    assay_rule_owner leads;
    bool found;
    assay_rule_key key = assay_staking_key_address(assay_staking_key_prefix, assay_crypto_address(public_key));
    ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), &leads, &found, NULL, &assay_rule_owner_table, &key));
    if (found) return ASSAY_E_DUPLICATE;
    leads = (assay_rule_owner){1, owner};
    return assay_rule_put(context->state, &assay_rule_owner_table, &key, &leads);
}

/* What a message and a line of the genesis have in common. */
typedef struct birth {
    assay_address owner;
    assay_bytes chain; /* what the proofs are over */
    const assay_msg_validator_create *message;
} birth;

static assay_err create(assay_rule_context *context, const birth *b) {
    const assay_msg_validator_create *m = b->message;
    staking_edit edit = {0};
    bool found;
    ASSAY_TRY(assay_staking_by_owner(assay_rule_view_of(context), &edit.v, &found, b->owner));
    if (found) return ASSAY_E_EXISTS;
    if (m->self_bond < context->params->bond_min) return ASSAY_E_RANGE;
    ASSAY_TRY(assay_rule_text_check(m->moniker));
    ASSAY_TRY(assay_crypto_ed25519_key_ok(m->consensus_key));
    ASSAY_TRY(assay_crypto_ed25519_key_ok(m->attestation_key));
    ASSAY_TRY(claim_key(context, m->consensus_key, b->owner));
    ASSAY_TRY(claim_key(context, m->attestation_key, b->owner)); /* the same key twice is found here */
    if (!proof_ok("consensus-key", b->chain, m->consensus_key, m->consensus_proof, b->owner) ||
        !proof_ok("attestation-key", b->chain, m->attestation_key, m->attestation_proof, b->owner))
        return ASSAY_E_SIGNATURE;

    assay_staking_totals totals;
    ASSAY_TRY(assay_staking_totals_read(assay_rule_view_of(context), &totals));
    edit.v = (assay_staking_validator){
        .format = 1,
        .index = totals.validators,
        .owner = b->owner,
        .consensus_key = m->consensus_key,
        .attestation_key = m->attestation_key,
        .moniker = m->moniker,
        .created_height = context->height,
        .self_bond = m->self_bond,
    };
    totals.format = 1;
    totals.validators++;
    ASSAY_TRY(assay_staking_totals_put(context, &totals));
    assay_rule_key key = assay_staking_key_u64(assay_staking_index_prefix, edit.v.index);
    const assay_rule_owner leads = {1, b->owner};
    ASSAY_TRY(assay_rule_put(context->state, &assay_rule_owner_table, &key, &leads));
    return assay_staking_edit_close(context, &edit);
}

assay_err assay_staking_create(assay_rule_context *context, const assay_msg_validator_create *message) {
    const birth b = {context->signer, context->chain_id, message};
    ASSAY_TRY(create(context, &b));
    ASSAY_TRY(assay_accounts_debit(context, context->signer, message->self_bond));
    assay_rule_emit_address(context, "validator", context->signer, message->self_bond, 0);
    return ASSAY_OK;
}

assay_err assay_staking_init(assay_rule_context *context, assay_staking_power **powers, uint32_t *count,
                             assay_arena *keep, assay_bytes chain_name, const assay_genesis_validator *validators,
                             uint32_t validators_count) {
    if (validators_count > ASSAY_VALIDATORS_MAX) return ASSAY_E_RANGE;
    for (uint32_t i = 0; i < validators_count; i++) {
        const assay_genesis_validator *v = &validators[i];
        const assay_msg_validator_create message = {
            .consensus_key = v->consensus_key,
            .attestation_key = v->attestation_key,
            .consensus_proof = v->consensus_proof,
            .attestation_proof = v->attestation_proof,
            .self_bond = v->self_bond,
            .moniker = v->moniker,
        };
        ASSAY_TRY(assay_crypto_ed25519_key_ok(v->owner));
        const birth b = {assay_crypto_address(v->owner), chain_name, &message};
        ASSAY_TRY(create(context, &b));
        ASSAY_TRY(assay_rule_issue(context, v->self_bond));
    }
    ASSAY_TRY(assay_staking_set_make(context, powers, count, keep));
    return *count > 0 ? ASSAY_OK : ASSAY_E_RANGE;
}
