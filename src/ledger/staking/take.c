/* SPDX-License-Identifier: Apache-2.0
 *
 * What slashing does to a validator: jail, tombstone, lock, take. */
#include "staking_internal.h"

/* ---- jail ---------------------------------------------------------------------------------------------------- */

static assay_err jail(assay_rule_context *context, staking_edit *edit, bool for_ever) {
    bool in_force = edit->v.power > 0 && !edit->v.jailed;
    edit->v.jailed = true;
    edit->v.tombstoned = edit->v.tombstoned || for_ever;
    edit->v.jailed_height = context->height;
    edit->v.jailed_seconds = context->time.seconds;
    ASSAY_TRY(assay_staking_edit_close(context, edit));
    if (!in_force) return ASSAY_OK;
    assay_staking_totals totals;
    ASSAY_TRY(assay_staking_totals_read(assay_rule_view_of(context), &totals));
    totals.urgent = true;
    return assay_staking_totals_put(context, &totals);
}

/* Slashing names only validators that it looked up. */
static assay_err open(assay_rule_context *context, staking_edit *edit, assay_address owner) {
    bool found;
    ASSAY_TRY(assay_staking_edit_open(context, edit, &found, owner));
    ASSAY_ASSERT(found);
    return ASSAY_OK;
}

assay_err assay_staking_jail(assay_rule_context *context, assay_address owner) {
    staking_edit edit;
    ASSAY_TRY(open(context, &edit, owner));
    ASSAY_TRY(jail(context, &edit, false));
    assay_rule_emit_address(context, "jailed", owner, 0, 0);
    return ASSAY_OK;
}

assay_err assay_staking_tombstone(assay_rule_context *context, assay_address owner) {
    staking_edit edit;
    ASSAY_TRY(open(context, &edit, owner));
    if (edit.v.tombstoned) return ASSAY_OK;
    ASSAY_TRY(jail(context, &edit, true));
    assay_rule_emit_address(context, "tombstoned", owner, 0, 0);
    return ASSAY_OK;
}

/* ---- locks --------------------------------------------------------------------------------------------------- */

assay_err assay_staking_lock(assay_rule_context *context, assay_address owner) {
    staking_edit edit;
    ASSAY_TRY(open(context, &edit, owner));
    edit.v.locks++;
    return assay_staking_edit_close(context, &edit);
}

assay_err assay_staking_unlock(assay_rule_context *context, assay_address owner) {
    staking_edit edit;
    ASSAY_TRY(open(context, &edit, owner));
    ASSAY_ASSERT(edit.v.locks > 0);
    edit.v.locks--;
    ASSAY_TRY(assay_staking_edit_close(context, &edit));
    return edit.v.locks == 0 ? assay_staking_queue_again(context, owner) : ASSAY_OK;
}

/* ---- take ---------------------------------------------------------------------------------------------------- */

/* A total that is handed out in parts: each part is the difference of two floors, so the parts add up exactly, and none
 * is larger than what it is taken from. */
typedef struct portion {
    uint64_t amount; /* to take in all, at most whole */
    uint64_t whole;
    uint64_t seen;  /* of whole */
    uint64_t taken; /* of amount */
} portion;

static assay_err portion_next(portion *p, uint64_t *source) {
    uint64_t until;
    if (p->whole == 0) return ASSAY_OK;
    p->seen += *source;
    ASSAY_TRY(assay_base_muldiv_down_u64(&until, p->amount, p->seen, p->whole));
    uint64_t part = until - p->taken;
    ASSAY_ASSERT(part <= *source);
    *source -= part;
    p->taken = until;
    return ASSAY_OK;
}

assay_err assay_staking_slashable(assay_rule_view view, uint64_t *out, assay_address owner, uint64_t fault_height) {
    assay_staking_validator v;
    staking_unbonding pool;
    bool found;
    ASSAY_TRY(assay_staking_by_owner(view, &v, &found, owner));
    *out = found ? assay_staking_stake(&v) : 0;
    for (uint64_t from = fault_height, until; found; from = until + 1) {
        ASSAY_TRY(assay_staking_unbonding_next(view, &pool, &until, &found, owner, from));
        if (found) *out += pool.tokens;
    }
    return ASSAY_OK;
}

static assay_err take_unbonding(assay_rule_context *context, portion *p, assay_address owner, uint64_t fault_height) {
    for (uint64_t from = fault_height;;) {
        staking_unbonding pool;
        uint64_t until;
        bool found;
        ASSAY_TRY(assay_staking_unbonding_next(assay_rule_view_of(context), &pool, &until, &found, owner, from));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(portion_next(p, &pool.tokens));
        assay_rule_key key = assay_staking_unbonding_key(owner, until);
        ASSAY_TRY(assay_rule_put(context->state, &assay_staking_unbonding_table, &key, &pool));
        from = until + 1;
    }
}

assay_err assay_staking_take(assay_rule_context *context, uint64_t *taken, assay_address owner, uint64_t fault_height,
                             uint64_t amount) {
    staking_edit edit;
    portion p = {.amount = amount};
    *taken = 0;
    ASSAY_TRY(assay_staking_slashable(assay_rule_view_of(context), &p.whole, owner, fault_height));
    if (p.amount > p.whole) p.amount = p.whole;
    if (p.amount == 0) return ASSAY_OK;
    ASSAY_TRY(open(context, &edit, owner));
    assay_staking_validator *v = &edit.v;
    ASSAY_TRY(portion_next(&p, &v->self_bond));
    ASSAY_TRY(portion_next(&p, &v->pool_tokens));
    if (v->pool_tokens == 0 && v->pool_shares > 0) {
        /* Shares of nothing have no price: whoever delegates later starts a new pool, which they are no part of. */
        v->pool_shares = 0;
        v->pool_generation++;
    }
    ASSAY_TRY(assay_staking_edit_close(context, &edit));
    ASSAY_TRY(take_unbonding(context, &p, owner, fault_height));
    ASSAY_ASSERT(p.taken == p.amount);
    *taken = p.amount;
    return assay_rule_burn(context, p.amount);
}
