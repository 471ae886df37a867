/* SPDX-License-Identifier: Apache-2.0
 *
 * The chain's own records: its name, and the constants of its rules. */
#include "rule_internal.h"

static const assay_codec_field chain_fields[] = {
    ASSAY_FIELD(1, U32, assay_rule_chain, format),
    ASSAY_FIELD_BYTES(2, assay_rule_chain, chain_id, ASSAY_CHAIN_ID_LEN_MAX),
    ASSAY_FIELD_FIXED(3, FIXED, assay_rule_chain, genesis_hash),
    ASSAY_FIELD(4, U64, assay_rule_chain, app_version),
};
static const assay_codec_message chain_message = ASSAY_MESSAGE("Chain", assay_rule_chain, chain_fields);
const assay_rule_table assay_rule_chain_table = {&chain_message, false};
const assay_rule_table assay_rule_params_table = {&assay_params_message, false};

static bool within(uint64_t value, uint64_t least, uint64_t most) { return value >= least && value <= most; }

/* Everything that is counted in blocks or seconds stays so small that sums of three cannot overflow. */
static bool spans_ok(const assay_params *p) {
    const uint64_t spans[] = {
        p->epoch_blocks,       p->unbonding_blocks,       p->unbonding_seconds, p->evidence_blocks, p->evidence_seconds,
        p->correlation_blocks, p->correlation_seconds,    p->opening_blocks,    p->opening_seconds, p->attest_blocks,
        p->attest_seconds,     p->attest_seconds_per_gib, p->duty_blocks,       p->duty_seconds,    p->jail_seconds,
        p->downtime_window_seconds,
    };
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        if (spans[i] > ASSAY_RULE_SPAN_MAX) return false;
    return true;
}

assay_err assay_rule_params_check(const assay_params *p) {
    bool ok = spans_ok(p);
    ok = ok && p->epoch_blocks >= 1 && p->epoch_blocks <= p->unbonding_blocks;
    /* A slash walks over the epochs of an unbonding window. */
    ok = ok && p->unbonding_blocks / p->epoch_blocks <= ASSAY_RULE_UNBONDING_EPOCHS_MAX;
    /* Stake must not get away while evidence against it still counts. */
    ok = ok && p->evidence_blocks >= 1 && p->evidence_blocks <= p->unbonding_blocks;
    ok = ok && p->evidence_seconds <= p->unbonding_seconds;
    ok = ok && within(p->fee_base, 0, ASSAY_RULE_SPAN_MAX) && within(p->fee_per_byte, 0, ASSAY_RULE_SPAN_MAX);
    ok = ok && within(p->deposit_per_mib, 0, ASSAY_RULE_SPAN_MAX);
    ok = ok && within(p->model_size_max, 1, (uint64_t)1 << 50);
    ok = ok && within(p->downtime_window_blocks, 1, ASSAY_RULE_SPAN_MAX) && p->downtime_min_signed_percent <= 100;
    /* Whoever may be in the set has power: bond_min is at least a unit of power. */
    ok = ok && p->bond_min >= ASSAY_RULE_BOND_LEAST;
    ok = ok && within(p->validators_max, 1, ASSAY_VALIDATORS_MAX);
    ok = ok && within(p->draws_per_check, 1, ASSAY_OPENING_ENTRIES_MAX);
    ok = ok && within(p->chunks_per_draw, 1, ASSAY_OPENING_ENTRIES_MAX / (p->draws_per_check ? p->draws_per_check : 1));
    return ok ? ASSAY_OK : ASSAY_E_RANGE;
}

assay_err assay_rule_chain_store(assay_state *state, const assay_rule_chain *chain, const assay_params *params) {
    ASSAY_TRY(assay_rule_params_check(params));
    assay_rule_key key = assay_rule_key_begin("rule/chain");
    ASSAY_TRY(assay_rule_put(state, &assay_rule_chain_table, &key, chain));
    key = assay_rule_key_begin("rule/params");
    return assay_rule_put(state, &assay_rule_params_table, &key, params);
}

assay_err assay_rule_chain_load(assay_rule_view view, assay_rule_chain *chain, assay_params *params, bool *found,
                                assay_arena *keep) {
    assay_rule_key key = assay_rule_key_begin("rule/chain");
    ASSAY_TRY(assay_rule_get(view, chain, found, NULL, &assay_rule_chain_table, &key));
    if (!*found) return ASSAY_OK;
    ASSAY_TRY(assay_base_arena_copy(&chain->chain_id, keep, chain->chain_id));
    key = assay_rule_key_begin("rule/params");
    ASSAY_TRY(assay_rule_get(view, params, found, NULL, &assay_rule_params_table, &key));
    return *found ? ASSAY_OK : ASSAY_F_CORRUPT;
}
