/* SPDX-License-Identifier: Apache-2.0
 *
 * What people and audits ask. */
#include "staking_internal.h"

assay_err assay_staking_list(assay_staking_validator **out, uint32_t *count, assay_arena *keep, assay_rule_view view,
                             uint64_t first, uint32_t max) {
    assay_staking_totals totals;
    ASSAY_TRY(assay_staking_totals_read(view, &totals));
    uint64_t there = first < totals.validators ? totals.validators - first : 0;
    uint32_t wanted = there < max ? (uint32_t)there : max;
    *count = 0;
    *out = ASSAY_NEW(keep, assay_staking_validator, wanted);
    if (wanted && !*out) return ASSAY_F_MEMORY;
    for (; *count < wanted; ++*count) {
        assay_rule_owner leads;
        bool found;
        assay_staking_validator *v = &(*out)[*count];
        assay_rule_key key = assay_staking_key_u64(assay_staking_index_prefix, first + *count);
        ASSAY_TRY(assay_rule_get(view, &leads, &found, NULL, &assay_rule_owner_table, &key));
        if (!found) return ASSAY_F_CORRUPT;
        ASSAY_TRY(assay_staking_by_owner(view, v, &found, leads.owner));
        if (!found) return ASSAY_F_CORRUPT;
        ASSAY_TRY(assay_base_arena_copy(&v->moniker, keep, v->moniker));
    }
    return ASSAY_OK;
}

/* ---- holdings ------------------------------------------------------------------------------------------------ */

/* What shares of a pool are worth; 0 for those of a pool that is gone. */
static assay_err worth(uint64_t *out, uint64_t shares, uint64_t tokens, uint64_t all) {
    *out = 0;
    return all > 0 && shares <= all ? assay_base_muldiv_down_u64(out, tokens, shares, all) : ASSAY_OK;
}

typedef struct listing {
    assay_rule_view view;
    assay_staking_holding *of;
    uint32_t count, max;
} listing;

static assay_err list_delegations(listing *list, assay_address account) {
    assay_rule_key prefix = assay_staking_key_address(assay_staking_delegation_prefix, account), at;
    for (bool first = true; list->count < list->max; first = false) {
        staking_delegation d;
        assay_staking_validator v;
        assay_staking_holding h = {0};
        assay_bytes key;
        bool found;
        ASSAY_TRY(assay_rule_next(list->view, &key, &d, &found, NULL, &assay_staking_delegation_table, &prefix,
                                  first ? NULL : &at));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(assay_rule_key_copy(&at, key));
        ASSAY_TRY(assay_rule_read_address(&h.validator, assay_rule_key_tail(key, &prefix), 0));
        ASSAY_TRY(assay_staking_by_owner(list->view, &v, &found, h.validator));
        if (!found) return ASSAY_F_CORRUPT;
        h.shares = d.shares;
        if (d.generation == v.pool_generation) ASSAY_TRY(worth(&h.amount, d.shares, v.pool_tokens, v.pool_shares));
        list->of[list->count++] = h;
    }
    return ASSAY_OK;
}

static assay_err list_unbonding(listing *list, assay_address account) {
    assay_rule_key prefix = assay_staking_key_address(assay_staking_leaving_prefix, account), at;
    for (bool first = true; list->count < list->max; first = false) {
        assay_rule_number claim;
        staking_unbonding pool;
        assay_staking_holding h = {.unbonding = true};
        assay_bytes key;
        bool found;
        ASSAY_TRY(assay_rule_next(list->view, &key, &claim, &found, NULL, &assay_rule_number_table, &prefix,
                                  first ? NULL : &at));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(assay_rule_key_copy(&at, key));
        assay_bytes tail = assay_rule_key_tail(key, &prefix);
        ASSAY_TRY(assay_rule_read_address(&h.validator, tail, 0));
        ASSAY_TRY(assay_rule_read_u64(&h.counted_until, tail, sizeof h.validator.b));
        assay_rule_key pool_key = assay_staking_unbonding_key(h.validator, h.counted_until);
        ASSAY_TRY(assay_rule_get(list->view, &pool, &found, NULL, &assay_staking_unbonding_table, &pool_key));
        if (!found) return ASSAY_F_CORRUPT;
        h.shares = claim.value;
        ASSAY_TRY(worth(&h.amount, claim.value, pool.tokens, pool.shares));
        list->of[list->count++] = h;
    }
    return ASSAY_OK;
}

assay_err assay_staking_holdings(assay_staking_holding **out, uint32_t *count, assay_arena *keep, assay_rule_view view,
                                 assay_address account, uint32_t max) {
    listing list = {.view = view, .of = ASSAY_NEW(keep, assay_staking_holding, max), .max = max};
    if (max && !list.of) return ASSAY_F_MEMORY;
    assay_staking_validator own;
    bool found;
    ASSAY_TRY(assay_staking_by_owner(view, &own, &found, account));
    if (found && max > 0 && own.self_bond > 0)
        list.of[list.count++] = (assay_staking_holding){.validator = account, .amount = own.self_bond};
    ASSAY_TRY(list_delegations(&list, account));
    ASSAY_TRY(list_unbonding(&list, account));
    *out = list.of;
    *count = list.count;
    return ASSAY_OK;
}

/* ---- audit --------------------------------------------------------------------------------------------------- */

assay_err assay_staking_audit(assay_rule_view view, uint64_t *held) {
    assay_staking_totals totals;
    *held = 0;
    ASSAY_TRY(assay_staking_totals_read(view, &totals));
    for (uint64_t i = 0; i < totals.validators; i++) {
        assay_rule_owner leads;
        uint64_t its;
        bool found;
        assay_rule_key key = assay_staking_key_u64(assay_staking_index_prefix, i);
        ASSAY_TRY(assay_rule_get(view, &leads, &found, NULL, &assay_rule_owner_table, &key));
        if (!found) return ASSAY_F_CORRUPT;
        ASSAY_TRY(assay_staking_slashable(view, &its, leads.owner, 0)); /* for a fault at 0 that is all there is */
        if (assay_base_add_u64(held, *held, its) != ASSAY_OK) return ASSAY_F_CORRUPT;
    }
    return ASSAY_OK;
}
