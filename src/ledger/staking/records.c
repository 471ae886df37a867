/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of staking: their tables and keys, how a validator is found, read and changed. */
#include "staking_internal.h"

/* ---- tables -------------------------------------------------------------------------------------------------- */

static const assay_codec_field validator_fields[] = {
    ASSAY_FIELD(1, U32, assay_staking_validator, format),
    ASSAY_FIELD(2, U64, assay_staking_validator, index),
    ASSAY_FIELD_FIXED(3, FIXED, assay_staking_validator, owner),
    ASSAY_FIELD_FIXED(4, FIXED, assay_staking_validator, consensus_key),
    ASSAY_FIELD_FIXED(5, FIXED, assay_staking_validator, attestation_key),
    ASSAY_FIELD_BYTES(6, assay_staking_validator, moniker, ASSAY_MONIKER_LEN_MAX),
    ASSAY_FIELD(7, U64, assay_staking_validator, created_height),
    ASSAY_FIELD(8, U64, assay_staking_validator, self_bond),
    ASSAY_FIELD(9, U64, assay_staking_validator, pool_tokens),
    ASSAY_FIELD(10, U64, assay_staking_validator, pool_shares),
    ASSAY_FIELD(11, U64, assay_staking_validator, pool_generation),
    ASSAY_FIELD(12, U64, assay_staking_validator, power),
    ASSAY_FIELD(13, U64, assay_staking_validator, counted_stake),
    ASSAY_FIELD(14, BOOL, assay_staking_validator, jailed),
    ASSAY_FIELD(15, U64, assay_staking_validator, jailed_height),
    ASSAY_FIELD(16, I64, assay_staking_validator, jailed_seconds),
    ASSAY_FIELD(17, BOOL, assay_staking_validator, tombstoned),
    ASSAY_FIELD(18, U64, assay_staking_validator, locks),
};
static const assay_codec_message validator_message =
    ASSAY_MESSAGE("Validator", assay_staking_validator, validator_fields);
const assay_rule_table assay_staking_validator_table = {&validator_message, false};

static const assay_codec_field totals_fields[] = {
    ASSAY_FIELD(1, U32, assay_staking_totals, format),  ASSAY_FIELD(2, U64, assay_staking_totals, power),
    ASSAY_FIELD(3, U64, assay_staking_totals, members), ASSAY_FIELD(4, U64, assay_staking_totals, validators),
    ASSAY_FIELD(5, BOOL, assay_staking_totals, stale),  ASSAY_FIELD(6, BOOL, assay_staking_totals, urgent),
};
static const assay_codec_message totals_message = ASSAY_MESSAGE("StakingTotals", assay_staking_totals, totals_fields);
const assay_rule_table assay_staking_totals_table = {&totals_message, false};

static const assay_codec_field member_fields[] = {
    ASSAY_FIELD(1, U32, assay_staking_member, format),
    ASSAY_FIELD(2, U64, assay_staking_member, power),
    ASSAY_FIELD(3, U64, assay_staking_member, stake),
};
static const assay_codec_message member_message = ASSAY_MESSAGE("Member", assay_staking_member, member_fields);
const assay_rule_table assay_staking_member_table = {&member_message, false};

static const assay_codec_field delegation_fields[] = {
    ASSAY_FIELD(1, U32, staking_delegation, format),
    ASSAY_FIELD(2, U64, staking_delegation, shares),
    ASSAY_FIELD(3, U64, staking_delegation, generation),
};
static const assay_codec_message delegation_message =
    ASSAY_MESSAGE("Delegation", staking_delegation, delegation_fields);
const assay_rule_table assay_staking_delegation_table = {&delegation_message, false};

static const assay_codec_field unbonding_fields[] = {
    ASSAY_FIELD(1, U32, staking_unbonding, format),
    ASSAY_FIELD(2, U64, staking_unbonding, tokens),
    ASSAY_FIELD(3, U64, staking_unbonding, shares),
};
static const assay_codec_message unbonding_message = ASSAY_MESSAGE("Unbonding", staking_unbonding, unbonding_fields);
const assay_rule_table assay_staking_unbonding_table = {&unbonding_message, false};

static const assay_codec_field history_fields[] = {
    ASSAY_FIELD(1, U32, staking_history, format),
    ASSAY_FIELD(2, U64, staking_history, power),
    ASSAY_FIELD(3, U64, staking_history, stake),
};
static const assay_codec_message history_message = ASSAY_MESSAGE("PowerHistory", staking_history, history_fields);
const assay_rule_table assay_staking_history_table = {&history_message, false};

/* ---- keys ---------------------------------------------------------------------------------------------------- */

static const char validator_prefix[] = "staking/validator/";
const char assay_staking_index_prefix[] = "staking/index/";
const char assay_staking_key_prefix[] = "staking/key/";
const char assay_staking_rank_prefix[] = "staking/rank/";
const char assay_staking_set_prefix[] = "staking/set/";
const char assay_staking_power_prefix[] = "staking/power/";
const char assay_staking_total_prefix[] = "staking/total/";
const char assay_staking_delegation_prefix[] = "staking/delegation/";
const char assay_staking_unbonding_prefix[] = "staking/unbonding/";
const char assay_staking_claim_prefix[] = "staking/claim/";
const char assay_staking_leaving_prefix[] = "staking/leaving/";
const char assay_staking_queue_prefix[] = "staking/queue/";

assay_rule_key assay_staking_key_address(const char *prefix, assay_address address) {
    assay_rule_key key = assay_rule_key_begin(prefix);
    assay_rule_key_address(&key, address);
    return key;
}

assay_rule_key assay_staking_key_u64(const char *prefix, uint64_t value) {
    assay_rule_key key = assay_rule_key_begin(prefix);
    assay_rule_key_u64(&key, value);
    return key;
}

/* Large stakes first; of equals, the one that was created first. */
static assay_rule_key rank_key(uint64_t stake, uint64_t index) {
    assay_rule_key key = assay_staking_key_u64(assay_staking_rank_prefix, ~stake);
    assay_rule_key_u64(&key, index);
    return key;
}

/* ---- what a validator is ------------------------------------------------------------------------------------- */

uint64_t assay_staking_stake(const assay_staking_validator *v) {
    /* Both are parts of the supply, which fits 64 bits. */
    return v->self_bond + v->pool_tokens;
}

bool assay_staking_eligible(const assay_staking_validator *v, const assay_params *params) {
    return !v->jailed && !v->tombstoned && v->self_bond >= params->bond_min;
}

assay_staking_status assay_staking_status_of(const assay_staking_validator *v, const assay_params *params) {
    if (v->tombstoned) return ASSAY_STAKING_TOMBSTONED;
    if (v->jailed) return ASSAY_STAKING_JAILED;
    if (v->power > 0) return ASSAY_STAKING_ACTIVE;
    return assay_staking_eligible(v, params) ? ASSAY_STAKING_WAITING : ASSAY_STAKING_UNDERBONDED;
}

const char *assay_staking_status_text(assay_staking_status status) {
    switch (status) {
    case ASSAY_STAKING_ACTIVE: return "active";
    case ASSAY_STAKING_WAITING: return "waiting";
    case ASSAY_STAKING_UNDERBONDED: return "underbonded";
    case ASSAY_STAKING_JAILED: return "jailed";
    case ASSAY_STAKING_TOMBSTONED: return "tombstoned";
    }
    return "unknown";
}

/* ---- lookups ------------------------------------------------------------------------------------------------- */

assay_err assay_staking_by_owner(assay_rule_view view, assay_staking_validator *out, bool *found, assay_address owner) {
    assay_rule_key key = assay_staking_key_address(validator_prefix, owner);
    return assay_rule_get(view, out, found, NULL, &assay_staking_validator_table, &key);
}

/* By a key of its own, in the role asked for. */
static assay_err by_key(assay_rule_view view, assay_staking_validator *out, bool *found, assay_address address,
                        bool consensus) {
    assay_rule_owner leads;
    assay_rule_key key = assay_staking_key_address(assay_staking_key_prefix, address);
    ASSAY_TRY(assay_rule_get(view, &leads, found, NULL, &assay_rule_owner_table, &key));
    if (!*found) return ASSAY_OK;
    ASSAY_TRY(assay_staking_by_owner(view, out, found, leads.owner));
    if (!*found) return ASSAY_F_CORRUPT;
    assay_public_key its = consensus ? out->consensus_key : out->attestation_key;
    *found = assay_base_address_eq(assay_crypto_address(its), address);
    return ASSAY_OK;
}

assay_err assay_staking_by_consensus(assay_rule_view view, assay_staking_validator *out, bool *found,
                                     assay_address consensus_address) {
    return by_key(view, out, found, consensus_address, true);
}

assay_err assay_staking_by_attestation(assay_rule_view view, assay_staking_validator *out, bool *found,
                                       assay_address attestation_address) {
    return by_key(view, out, found, attestation_address, false);
}

assay_err assay_staking_totals_read(assay_rule_view view, assay_staking_totals *out) {
    bool found;
    assay_rule_key key = assay_rule_key_begin("staking/totals");
    return assay_rule_get(view, out, &found, NULL, &assay_staking_totals_table, &key);
}

assay_err assay_staking_totals_put(assay_rule_context *context, const assay_staking_totals *totals) {
    assay_rule_key key = assay_rule_key_begin("staking/totals");
    return assay_rule_put(context->state, &assay_staking_totals_table, &key, totals);
}

assay_err assay_staking_member_next(assay_rule_view view, assay_address *owner, assay_staking_member *out, bool *found,
                                    const assay_address *after) {
    assay_rule_key prefix = assay_rule_key_begin(assay_staking_set_prefix), last;
    if (after) last = assay_staking_key_address(assay_staking_set_prefix, *after);
    assay_bytes key;
    ASSAY_TRY(
        assay_rule_next(view, &key, out, found, NULL, &assay_staking_member_table, &prefix, after ? &last : NULL));
    return *found ? assay_rule_read_address(owner, assay_rule_key_tail(key, &prefix), 0) : ASSAY_OK;
}

/* ---- changing a validator ------------------------------------------------------------------------------------ */

assay_err assay_staking_edit_open(assay_rule_context *context, staking_edit *edit, bool *found, assay_address owner) {
    ASSAY_TRY(assay_staking_by_owner(assay_rule_view_of(context), &edit->v, found, owner));
    edit->ranked = *found && assay_staking_eligible(&edit->v, context->params);
    edit->ranked_stake = assay_staking_stake(&edit->v);
    return ASSAY_OK;
}

assay_err assay_staking_edit_close(assay_rule_context *context, staking_edit *edit) {
    bool ranked = assay_staking_eligible(&edit->v, context->params);
    uint64_t stake = assay_staking_stake(&edit->v);
    if (ranked != edit->ranked || (ranked && stake != edit->ranked_stake)) {
        if (edit->ranked) {
            assay_rule_key old = rank_key(edit->ranked_stake, edit->v.index);
            ASSAY_TRY(assay_rule_del(context->state, &assay_rule_owner_table, &old));
        }
        if (ranked) {
            assay_rule_key fresh = rank_key(stake, edit->v.index);
            const assay_rule_owner leads = {1, edit->v.owner};
            ASSAY_TRY(assay_rule_put(context->state, &assay_rule_owner_table, &fresh, &leads));
        }
        assay_staking_totals totals;
        ASSAY_TRY(assay_staking_totals_read(assay_rule_view_of(context), &totals));
        if (!totals.stale) {
            totals.stale = true;
            ASSAY_TRY(assay_staking_totals_put(context, &totals));
        }
        edit->ranked = ranked;
        edit->ranked_stake = stake;
    }
    assay_rule_key key = assay_staking_key_address(validator_prefix, edit->v.owner);
    return assay_rule_put(context->state, &assay_staking_validator_table, &key, &edit->v);
}
