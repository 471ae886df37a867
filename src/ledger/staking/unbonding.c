/* SPDX-License-Identifier: Apache-2.0
 *
 * Stake on its way out. What left a validator in one epoch is one pool, and a delegator's part of it a claim of
 * shares: so a slash changes one number per epoch, and a payout is a division. A pool counts until its epoch's change
 * has reached the votes; the unbonding window runs from there, for it must cover every fault that the stake could
 * still commit. */
#include "staking_internal.h"

static assay_rule_key claims_of(assay_address owner, uint64_t counted_until) {
    assay_rule_key key = assay_staking_key_address(assay_staking_claim_prefix, owner);
    assay_rule_key_u64(&key, counted_until);
    return key;
}

static assay_rule_key leaving_key(assay_address delegator, assay_address owner, uint64_t counted_until) {
    assay_rule_key key = assay_staking_key_address(assay_staking_leaving_prefix, delegator);
    assay_rule_key_address(&key, owner);
    assay_rule_key_u64(&key, counted_until);
    return key;
}

static assay_rule_key queue_key(uint64_t counted_until, assay_address owner) {
    assay_rule_key key = assay_staking_key_u64(assay_staking_queue_prefix, counted_until);
    assay_rule_key_address(&key, owner);
    return key;
}

assay_rule_key assay_staking_unbonding_key(assay_address owner, uint64_t counted_until) {
    assay_rule_key key = assay_staking_key_address(assay_staking_unbonding_prefix, owner);
    assay_rule_key_u64(&key, counted_until);
    return key;
}

static assay_err queue_put(assay_rule_context *context, assay_address owner, uint64_t counted_until) {
    assay_rule_key key = queue_key(counted_until, owner);
    const assay_rule_owner mark = {1, owner};
    return assay_rule_put(context->state, &assay_rule_owner_table, &key, &mark);
}

/* ---- in ------------------------------------------------------------------------------------------------------ */

/* Adds an amount to a record of shares, {format, shares} in both cases here. */
static assay_err shares_add(assay_rule_context *context, const assay_rule_key *key, uint64_t shares) {
    assay_rule_number number;
    bool found;
    ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), &number, &found, NULL, &assay_rule_number_table, key));
    number.format = 1;
    ASSAY_TRY(assay_base_add_u64(&number.value, number.value, shares));
    return assay_rule_put(context->state, &assay_rule_number_table, key, &number);
}

assay_err assay_staking_unbond(assay_rule_context *context, assay_address owner, assay_address delegator,
                               uint64_t amount) {
    uint64_t until = assay_rule_epoch_end_of(context->params, context->height) + ASSAY_STAKING_DELAY - 1;
    staking_unbonding pool;
    bool found;
    assay_rule_key key = assay_staking_unbonding_key(owner, until);
    ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), &pool, &found, NULL, &assay_staking_unbonding_table, &key));
    uint64_t shares = amount;
    if (pool.shares > 0 && pool.tokens == 0) return ASSAY_E_STATE; /* slashed away; the next epoch has a new one */
    if (pool.shares > 0) ASSAY_TRY(assay_base_muldiv_down_u64(&shares, amount, pool.shares, pool.tokens));
    if (shares == 0) return ASSAY_E_RANGE;
    pool.format = 1;
    ASSAY_TRY(assay_base_add_u64(&pool.tokens, pool.tokens, amount));
    ASSAY_TRY(assay_base_add_u64(&pool.shares, pool.shares, shares));
    ASSAY_TRY(assay_rule_put(context->state, &assay_staking_unbonding_table, &key, &pool));
    key = claims_of(owner, until);
    assay_rule_key_address(&key, delegator);
    ASSAY_TRY(shares_add(context, &key, shares));
    key = leaving_key(delegator, owner, until);
    ASSAY_TRY(shares_add(context, &key, shares));
    return found ? ASSAY_OK : queue_put(context, owner, until);
}

/* ---- the pools of one validator ------------------------------------------------------------------------------ */

assay_err assay_staking_unbonding_next(assay_rule_view view, staking_unbonding *out, uint64_t *counted_until,
                                       bool *found, assay_address owner, uint64_t from) {
    assay_rule_key prefix = assay_staking_key_address(assay_staking_unbonding_prefix, owner), before;
    if (from > 0) before = assay_staking_unbonding_key(owner, from - 1);
    assay_bytes key;
    ASSAY_TRY(assay_rule_next(view, &key, out, found, NULL, &assay_staking_unbonding_table, &prefix,
                              from > 0 ? &before : NULL));
    return *found ? assay_rule_read_u64(counted_until, assay_rule_key_tail(key, &prefix), 0) : ASSAY_OK;
}

assay_err assay_staking_queue_again(assay_rule_context *context, assay_address owner) {
    uint64_t from = 0;
    for (;;) {
        staking_unbonding pool;
        uint64_t until;
        bool found;
        ASSAY_TRY(assay_staking_unbonding_next(assay_rule_view_of(context), &pool, &until, &found, owner, from));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(queue_put(context, owner, until));
        from = until + 1;
    }
}

/* ---- out ----------------------------------------------------------------------------------------------------- */

/* Has everything ended that this stake may still have to answer for? */
static assay_err matured(assay_rule_context *context, bool *ready, uint64_t counted_until) {
    const assay_rule_window window = {context->params->unbonding_blocks, context->params->unbonding_seconds};
    assay_rule_moment from;
    bool known;
    *ready = false;
    if (counted_until >= context->height) {
        assay_rule_recheck(context, assay_rule_due_height(window, (assay_rule_moment){counted_until, 0}));
        return ASSAY_OK;
    }
    ASSAY_TRY(assay_rule_moment_at(assay_rule_view_of(context), &from, &known, counted_until));
    *ready =
        !known || assay_rule_passed(window, from, assay_rule_now(context)); /* moments are forgotten when it passed */
    if (!*ready) assay_rule_recheck(context, assay_rule_due_height(window, from));
    return ASSAY_OK;
}

/* Pays up to *budget claims of one pool; *done when none is left, and the pool gone. */
static assay_err pay_pool(assay_rule_context *context, assay_address owner, uint64_t until, uint32_t *budget,
                          bool *done) {
    assay_rule_view view = assay_rule_view_of(context);
    assay_rule_key pool_key = assay_staking_unbonding_key(owner, until), prefix = claims_of(owner, until);
    assay_rule_key claim_key = {0};
    staking_unbonding pool;
    bool found;
    ASSAY_TRY(assay_rule_get(view, &pool, &found, NULL, &assay_staking_unbonding_table, &pool_key));
    if (!found) return ASSAY_F_CORRUPT;
    while (pool.shares > 0 && *budget > 0) {
        assay_bytes key;
        assay_rule_number claim;
        assay_address delegator;
        uint64_t amount = pool.tokens; /* the last one takes what rounding left */
        /* On from the one before, though it is gone: the journal would be walked from its start each time. */
        ASSAY_TRY(assay_rule_next(view, &key, &claim, &found, NULL, &assay_rule_number_table, &prefix,
                                  claim_key.len > 0 ? &claim_key : NULL));
        if (!found || claim.value > pool.shares) return ASSAY_F_CORRUPT;
        ASSAY_TRY(assay_rule_read_address(&delegator, assay_rule_key_tail(key, &prefix), 0));
        ASSAY_TRY(assay_rule_key_copy(&claim_key, key));
        if (claim.value < pool.shares)
            ASSAY_TRY(assay_base_muldiv_down_u64(&amount, pool.tokens, claim.value, pool.shares));
        pool.tokens -= amount;
        pool.shares -= claim.value;
        ASSAY_TRY(assay_accounts_credit(context, delegator, amount));
        ASSAY_TRY(assay_rule_del(context->state, &assay_rule_number_table, &claim_key));
        assay_rule_key leaving = leaving_key(delegator, owner, until);
        ASSAY_TRY(assay_rule_del(context->state, &assay_rule_number_table, &leaving));
        assay_rule_emit_address(context, "unbonded", delegator, amount, 0);
        --*budget;
    }
    *done = pool.shares == 0;
    return *done ? assay_rule_del(context->state, &assay_staking_unbonding_table, &pool_key)
                 : assay_rule_put(context->state, &assay_staking_unbonding_table, &pool_key, &pool);
}

assay_err assay_staking_pay_out(assay_rule_context *context) {
    assay_rule_view view = assay_rule_view_of(context);
    assay_rule_key prefix = assay_rule_key_begin(assay_staking_queue_prefix), at = {0};
    uint32_t budget = ASSAY_STAKING_PAYOUTS_MAX;
    while (budget > 0) {
        assay_bytes key;
        assay_rule_owner mark;
        assay_staking_validator v;
        uint64_t until;
        bool found, ready, done = true;
        ASSAY_TRY(assay_rule_next(view, &key, &mark, &found, NULL, &assay_rule_owner_table, &prefix,
                                  at.len > 0 ? &at : NULL));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(assay_rule_read_u64(&until, assay_rule_key_tail(key, &prefix), 0));
        ASSAY_TRY(assay_rule_key_copy(&at, key));
        ASSAY_TRY(matured(context, &ready, until));
        if (!ready) return ASSAY_OK;
        ASSAY_TRY(assay_staking_by_owner(view, &v, &found, mark.owner));
        if (!found) return ASSAY_F_CORRUPT;
        /* Locked: out of the queue until its last open fault is closed, which puts it back. */
        if (v.locks == 0)
            ASSAY_TRY(pay_pool(context, mark.owner, until, &budget, &done));
        else
            budget--;
        if (done) ASSAY_TRY(assay_rule_del(context->state, &assay_rule_owner_table, &at));
    }
    assay_rule_recheck(context, context->height + 1);
    return ASSAY_OK;
}
