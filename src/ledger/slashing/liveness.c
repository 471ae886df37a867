/* SPDX-License-Identifier: Apache-2.0
 *
 * Being absent: blocks not signed, duties not done. Absence may be bad luck, so it costs no principal the first time.
 * */
#include "slashing_internal.h"

static const assay_codec_field liveness_fields[] = {
    ASSAY_FIELD(1, U32, assay_slashing_liveness, format),
    ASSAY_FIELD(2, U64, assay_slashing_liveness, missed_blocks),
    ASSAY_FIELD(3, U64, assay_slashing_liveness, missed_duties),
    ASSAY_FIELD(4, U64, assay_slashing_liveness, open_duties),
    ASSAY_FIELD(5, U64, assay_slashing_liveness, offences),
    ASSAY_FIELD(6, U64, assay_slashing_liveness, last_height),
    ASSAY_FIELD(7, I64, assay_slashing_liveness, last_seconds),
};
static const assay_codec_message liveness_message = ASSAY_MESSAGE("Liveness", assay_slashing_liveness, liveness_fields);
const assay_rule_table assay_slashing_liveness_table = {&liveness_message, false};

static const assay_codec_field missed_fields[] = {
    ASSAY_FIELD(1, U32, slashing_missed, format),
    ASSAY_FIELD(2, U64, slashing_missed, window),
    ASSAY_FIELD(3, U64, slashing_missed, missed),
    ASSAY_FIELD(4, U64, slashing_missed, unreported),
};
static const assay_codec_message missed_message = ASSAY_MESSAGE("Missed", slashing_missed, missed_fields);
const assay_rule_table assay_slashing_missed_table = {&missed_message, true};

static const char missed_prefix[] = "slashing/missed/";

static const assay_codec_field window_fields[] = {
    ASSAY_FIELD(1, U32, slashing_window, format),
    ASSAY_FIELD(2, U64, slashing_window, number),
    ASSAY_FIELD(3, U64, slashing_window, height),
    ASSAY_FIELD(4, I64, slashing_window, seconds),
};
static const assay_codec_message window_message = ASSAY_MESSAGE("Window", slashing_window, window_fields);
static const assay_rule_table window_table = {&window_message, true};

static assay_rule_key key_of(const char *prefix, assay_address owner) {
    assay_rule_key key = assay_rule_key_begin(prefix);
    assay_rule_key_address(&key, owner);
    return key;
}

/* ---- records ------------------------------------------------------------------------------------------------- */

assay_err assay_slashing_liveness_get(assay_rule_view view, assay_slashing_liveness *out, assay_address owner) {
    bool found;
    assay_rule_key key = key_of("slashing/liveness/", owner);
    return assay_rule_get(view, out, &found, NULL, &assay_slashing_liveness_table, &key);
}

static assay_err liveness_put(assay_rule_context *context, assay_slashing_liveness *liveness, assay_address owner) {
    assay_rule_key key = key_of("slashing/liveness/", owner);
    liveness->format = 1;
    return assay_rule_put(context->state, &assay_slashing_liveness_table, &key, liveness);
}

/* ---- what it costs ------------------------------------------------------------------------------------------- */

static uint64_t rate_of(uint64_t offence) {
    if (offence <= 1) return 0;
    uint64_t rate = ASSAY_SLASHING_LIVENESS_FIRST;
    for (uint64_t i = 2; i < offence && rate < ASSAY_SLASHING_LIVENESS_MAX; i++) rate *= 2;
    return rate < ASSAY_SLASHING_LIVENESS_MAX ? rate : ASSAY_SLASHING_LIVENESS_MAX;
}

static assay_err offend(assay_rule_context *context, const assay_staking_validator *v,
                        assay_slashing_liveness *liveness, assay_slashing_kind kind) {
    const assay_rule_window memory = {context->params->unbonding_blocks, context->params->unbonding_seconds};
    const assay_rule_moment last = {liveness->last_height, liveness->last_seconds};
    if (liveness->offences > 0 && assay_rule_passed(memory, last, assay_rule_now(context))) liveness->offences = 0;
    liveness->offences++;
    liveness->open_duties = 0;
    liveness->last_height = context->height;
    liveness->last_seconds = context->time.seconds;
    ASSAY_TRY(liveness_put(context, liveness, v->owner));
    assay_slashing_penalty p = {
        .kind = kind,
        .validator = v->owner,
        .fault_height = context->height,
        .fault_round = -1,
        .share_den = ASSAY_SLASHING_WHOLE,
        .rate = rate_of(liveness->offences),
        .base_stake = v->counted_stake,
        .due = assay_slashing_due(v->counted_stake, rate_of(liveness->offences)),
        .offence = liveness->offences,
    };
    ASSAY_TRY(assay_staking_take(context, &p.taken, v->owner, context->height, p.due));
    ASSAY_TRY(assay_staking_jail(context, v->owner));
    return assay_slashing_penalty_add(context, &p);
}

/* ---- duties -------------------------------------------------------------------------------------------------- */

assay_err assay_slashing_missed_duty(assay_rule_context *context, assay_address owner) {
    assay_staking_validator v;
    assay_slashing_liveness liveness;
    bool found;
    ASSAY_TRY(assay_staking_by_owner(assay_rule_view_of(context), &v, &found, owner));
    ASSAY_ASSERT(found);
    if (v.jailed || v.power == 0) return ASSAY_OK;
    ASSAY_TRY(assay_slashing_liveness_get(assay_rule_view_of(context), &liveness, owner));
    liveness.missed_duties++;
    liveness.open_duties++;
    assay_rule_emit_address(context, "missed-duty", owner, 0, liveness.open_duties);
    if (liveness.open_duties < ASSAY_SLASHING_DUTIES_MAX) return liveness_put(context, &liveness, owner);
    return offend(context, &v, &liveness, ASSAY_SLASHING_MISSED_DUTIES);
}

/* ---- blocks -------------------------------------------------------------------------------------------------- */

static assay_err window_get(assay_rule_context *context, slashing_window *out) {
    bool found;
    assay_rule_key key = assay_rule_key_begin("slashing/window/");
    ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), out, &found, NULL, &window_table, &key));
    if (!found) *out = (slashing_window){.format = 1, .number = 1, .seconds = context->time.seconds};
    return ASSAY_OK;
}

assay_err assay_slashing_window_turn(assay_rule_context *context) {
    slashing_window window;
    ASSAY_TRY(window_get(context, &window));
    uint64_t blocks = context->height + 1 - window.height;
    int64_t seconds = context->time.seconds - window.seconds;
    bool begun = window.number == 1 && window.height == 0 && context->height <= 1; /* nothing is stored yet */
    bool over = blocks >= context->params->downtime_window_blocks &&
                (seconds >= 0 && (uint64_t)seconds >= context->params->downtime_window_seconds);
    if (!over && !begun) return ASSAY_OK;
    if (over) window = (slashing_window){1, window.number + 1, context->height + 1, context->time.seconds};
    assay_rule_key key = assay_rule_key_begin("slashing/window/");
    return assay_rule_put(context->state, &window_table, &key, &window);
}

/* Is so much missed that the window cannot be passed any more? A window is at least its blocks and at least its
 * seconds: on a chain that makes many blocks a second the share is of the blocks that came, and whoever was away for a
 * moment is not absent yet. */
static bool is_too_much(const assay_rule_context *context, const slashing_window *window, uint64_t missed) {
    const assay_params *p = context->params;
    uint64_t seen = context->height + 1 - window->height, blocks = seen, least, seconds;
    if (blocks < p->downtime_window_blocks) blocks = p->downtime_window_blocks;
    uint64_t absent = 100 - p->downtime_min_signed_percent;
    ASSAY_ASSERT(assay_base_muldiv_down_u64(&least, blocks, absent, 100) == ASSAY_OK);
    ASSAY_ASSERT(assay_base_muldiv_down_u64(&seconds, p->downtime_window_seconds, absent, 100) == ASSAY_OK);
    int64_t passed = context->time.seconds - window->seconds;
    return missed > least && passed >= 0 && (uint64_t)passed >= seconds;
}

assay_err assay_slashing_missed_block(assay_rule_context *context, assay_address consensus_address) {
    assay_staking_validator v;
    slashing_missed missed;
    bool found;
    ASSAY_TRY(assay_staking_by_consensus(assay_rule_view_of(context), &v, &found, consensus_address));
    if (!found || v.jailed || v.power == 0) return ASSAY_OK;
    assay_rule_key key = key_of(missed_prefix, v.owner);
    ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), &missed, &found, NULL, &assay_slashing_missed_table, &key));
    slashing_window window;
    ASSAY_TRY(window_get(context, &window));
    if (missed.window != window.number) missed.missed = 0;
    missed.format = 1;
    missed.window = window.number;
    missed.missed++;
    missed.unreported++;
    bool too_many = is_too_much(context, &window, missed.missed);
    if (too_many) missed.missed = 0; /* back from jail it starts anew */
    ASSAY_TRY(assay_rule_put(context->state, &assay_slashing_missed_table, &key, &missed));
    if (!too_many) return ASSAY_OK;
    assay_slashing_liveness liveness;
    ASSAY_TRY(assay_slashing_liveness_get(assay_rule_view_of(context), &liveness, v.owner));
    return offend(context, &v, &liveness, ASSAY_SLASHING_DOWNTIME);
}

assay_err assay_slashing_report_missed(assay_rule_context *context) {
    assay_rule_view view = assay_rule_view_of(context);
    assay_rule_key prefix = assay_rule_key_begin(missed_prefix), at;
    slashing_window window;
    ASSAY_TRY(window_get(context, &window));
    for (bool first = true;; first = false) {
        slashing_missed missed;
        assay_slashing_liveness liveness;
        assay_address owner;
        assay_bytes key;
        bool found;
        ASSAY_TRY(assay_rule_next(view, &key, &missed, &found, NULL, &assay_slashing_missed_table, &prefix,
                                  first ? NULL : &at));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(assay_rule_read_address(&owner, assay_rule_key_tail(key, &prefix), 0));
        ASSAY_TRY(assay_rule_key_copy(&at, key));
        bool over = missed.window != window.number;
        if (missed.unreported > 0) {
            ASSAY_TRY(assay_slashing_liveness_get(view, &liveness, owner));
            liveness.missed_blocks += missed.unreported;
            ASSAY_TRY(liveness_put(context, &liveness, owner));
            missed.unreported = 0;
            if (!over) ASSAY_TRY(assay_rule_put(context->state, &assay_slashing_missed_table, &at, &missed));
        }
        if (over) ASSAY_TRY(assay_rule_del(context->state, &assay_slashing_missed_table, &at));
    }
}
