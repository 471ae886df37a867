/* SPDX-License-Identifier: Apache-2.0
 *
 * Bonding, delegating and taking out again. A pool is {tokens, shares}: shares are minted rounded down and given up
 * rounded up, so that nobody gains by going in and out; a slash takes tokens and leaves the shares. */
#include "staking_internal.h"

static assay_rule_key delegation_key(assay_address delegator, assay_address validator) {
    assay_rule_key key = assay_staking_key_address(assay_staking_delegation_prefix, delegator);
    assay_rule_key_address(&key, validator);
    return key;
}

/* ---- in ------------------------------------------------------------------------------------------------------ */

/* Shares for tokens that enter the pool: as many as there are tokens in an empty one. */
static assay_err pool_enter(assay_staking_validator *v, uint64_t *shares, uint64_t amount) {
    if (v->pool_shares == 0)
        *shares = amount;
    else
        ASSAY_TRY(assay_base_muldiv_down_u64(shares, amount, v->pool_shares, v->pool_tokens));
    if (*shares == 0) return ASSAY_E_RANGE;
    ASSAY_TRY(assay_base_add_u64(&v->pool_shares, v->pool_shares, *shares));
    return assay_base_add_u64(&v->pool_tokens, v->pool_tokens, amount);
}

assay_err assay_staking_delegate(assay_rule_context *context, const assay_msg_delegate *message) {
    staking_edit edit;
    bool found;
    if (message->amount == 0) return ASSAY_E_RANGE;
    ASSAY_TRY(assay_staking_edit_open(context, &edit, &found, message->validator));
    if (!found) return ASSAY_E_NOT_FOUND;
    if (edit.v.tombstoned) return ASSAY_E_TOMBSTONED;
    ASSAY_TRY(assay_accounts_debit(context, context->signer, message->amount));
    if (assay_base_address_eq(context->signer, edit.v.owner)) {
        ASSAY_TRY(assay_base_add_u64(&edit.v.self_bond, edit.v.self_bond, message->amount));
    } else {
        staking_delegation d;
        assay_rule_key key = delegation_key(context->signer, edit.v.owner);
        ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), &d, &found, NULL, &assay_staking_delegation_table, &key));
        if (!found || d.generation != edit.v.pool_generation)
            d = (staking_delegation){.format = 1, .generation = edit.v.pool_generation};
        uint64_t shares;
        ASSAY_TRY(pool_enter(&edit.v, &shares, message->amount));
        d.shares += shares; /* no more than the pool's, which was checked */
        ASSAY_TRY(assay_rule_put(context->state, &assay_staking_delegation_table, &key, &d));
    }
    ASSAY_TRY(assay_staking_edit_close(context, &edit));
    assay_rule_emit_address(context, "delegated", message->validator, message->amount, 0);
    return ASSAY_OK;
}

/* ---- out ----------------------------------------------------------------------------------------------------- */

/* Takes amount, or all that the shares are worth if that is what was asked, out of the pool. *left is what unbonds. */
static assay_err pool_leave(assay_staking_validator *v, staking_delegation *d, uint64_t *left, uint64_t amount) {
    uint64_t worth, shares;
    ASSAY_TRY(assay_base_muldiv_down_u64(&worth, d->shares, v->pool_tokens, v->pool_shares));
    if (amount > worth) return ASSAY_E_FUNDS;
    if (amount == worth)
        shares = d->shares;
    else
        ASSAY_TRY(assay_base_muldiv_up_u64(&shares, amount, v->pool_shares, v->pool_tokens));
    ASSAY_ASSERT(shares <= d->shares);
    *left = shares == v->pool_shares ? v->pool_tokens : amount; /* the last one takes what rounding left */
    d->shares -= shares;
    v->pool_shares -= shares;
    v->pool_tokens -= *left;
    return ASSAY_OK;
}

static assay_err leave(assay_rule_context *context, staking_edit *edit, uint64_t *left, uint64_t amount) {
    if (assay_base_address_eq(context->signer, edit->v.owner)) {
        if (amount > edit->v.self_bond) return ASSAY_E_FUNDS;
        edit->v.self_bond -= amount;
        *left = amount;
        return ASSAY_OK;
    }
    staking_delegation d;
    bool found;
    assay_rule_key key = delegation_key(context->signer, edit->v.owner);
    ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), &d, &found, NULL, &assay_staking_delegation_table, &key));
    if (!found || d.generation != edit->v.pool_generation || edit->v.pool_shares == 0) return ASSAY_E_NOT_FOUND;
    ASSAY_TRY(pool_leave(&edit->v, &d, left, amount));
    return d.shares > 0 ? assay_rule_put(context->state, &assay_staking_delegation_table, &key, &d)
                        : assay_rule_del(context->state, &assay_staking_delegation_table, &key);
}

assay_err assay_staking_undelegate(assay_rule_context *context, const assay_msg_undelegate *message) {
    staking_edit edit;
    bool found, empty;
    uint64_t left;
    if (message->amount == 0) return ASSAY_E_RANGE;
    ASSAY_TRY(assay_staking_edit_open(context, &edit, &found, message->validator));
    if (!found) return ASSAY_E_NOT_FOUND;
    /* Jailed and still in force: there is nobody else (or this block's end is still to come). Its stake votes on. */
    if (edit.v.jailed && edit.v.power > 0) return ASSAY_E_STATE;
    bool was_eligible = edit.ranked;
    ASSAY_TRY(leave(context, &edit, &left, message->amount));
    ASSAY_TRY(assay_staking_unbond(context, edit.v.owner, context->signer, left));
    ASSAY_TRY(assay_staking_edit_close(context, &edit));
    if (was_eligible) {
        ASSAY_TRY(assay_staking_rank_empty(context, &empty));
        if (empty) return ASSAY_E_STATE;
    }
    assay_rule_emit_address(context, "undelegated", message->validator, left, 0);
    return ASSAY_OK;
}

/* ---- back ---------------------------------------------------------------------------------------------------- */

assay_err assay_staking_unjail(assay_rule_context *context, const assay_msg_unjail *message) {
    staking_edit edit;
    bool found;
    if (!assay_base_address_eq(message->validator, context->signer)) return ASSAY_E_UNAUTHORIZED;
    ASSAY_TRY(assay_staking_edit_open(context, &edit, &found, message->validator));
    if (!found) return ASSAY_E_NOT_FOUND;
    if (edit.v.tombstoned) return ASSAY_E_TOMBSTONED;
    if (!edit.v.jailed || edit.v.self_bond < context->params->bond_min) return ASSAY_E_STATE;
    const assay_rule_window term = {0, context->params->jail_seconds};
    const assay_rule_moment since = {edit.v.jailed_height, edit.v.jailed_seconds};
    if (!assay_rule_passed(term, since, assay_rule_now(context))) return ASSAY_E_WINDOW;
    edit.v.jailed = false;
    ASSAY_TRY(assay_staking_edit_close(context, &edit));
    assay_rule_emit_address(context, "unjailed", message->validator, 0, 0);
    return ASSAY_OK;
}
