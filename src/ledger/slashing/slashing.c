/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults as they arrive: evidence is judged, known faults are told apart, penalties are kept. */
#include "slashing_internal.h"

/* ---- records ------------------------------------------------------------------------------------------------- */

static const assay_codec_field fault_fields[] = {
    ASSAY_FIELD(1, U32, slashing_fault, format),        ASSAY_FIELD(2, I64, slashing_fault, seconds),
    ASSAY_FIELD(3, U64, slashing_fault, share),         ASSAY_FIELD(4, U64, slashing_fault, stake),
    ASSAY_FIELD(5, U64, slashing_fault, closed_height), ASSAY_FIELD(6, I64, slashing_fault, closed_seconds),
};
static const assay_codec_message fault_message = ASSAY_MESSAGE("Fault", slashing_fault, fault_fields);
const assay_rule_table assay_slashing_fault_table = {&fault_message, false};

static const assay_codec_field offender_fields[] = {
    ASSAY_FIELD(1, U32, slashing_offender, format),
    ASSAY_FIELD(2, U64, slashing_offender, taken),
    ASSAY_FIELD(3, U64, slashing_offender, open),
};
static const assay_codec_message offender_message = ASSAY_MESSAGE("Offender", slashing_offender, offender_fields);
const assay_rule_table assay_slashing_offender_table = {&offender_message, false};

static const assay_codec_field penalty_fields[] = {
    ASSAY_FIELD(1, U32, assay_slashing_penalty, format),
    ASSAY_FIELD(2, U64, assay_slashing_penalty, id),
    ASSAY_FIELD(3, U32, assay_slashing_penalty, kind),
    ASSAY_FIELD_FIXED(4, FIXED, assay_slashing_penalty, validator),
    ASSAY_FIELD(5, U64, assay_slashing_penalty, fault_height),
    ASSAY_FIELD(6, I64, assay_slashing_penalty, fault_round),
    ASSAY_FIELD(7, U64, assay_slashing_penalty, height),
    ASSAY_FIELD(8, U64, assay_slashing_penalty, share_num),
    ASSAY_FIELD(9, U64, assay_slashing_penalty, share_den),
    ASSAY_FIELD(10, U64, assay_slashing_penalty, rate),
    ASSAY_FIELD(11, U64, assay_slashing_penalty, base_stake),
    ASSAY_FIELD(12, U64, assay_slashing_penalty, due),
    ASSAY_FIELD(13, U64, assay_slashing_penalty, taken_before),
    ASSAY_FIELD(14, U64, assay_slashing_penalty, taken),
    ASSAY_FIELD(15, U64, assay_slashing_penalty, burned),
    ASSAY_FIELD(16, U64, assay_slashing_penalty, cause),
    ASSAY_FIELD(17, U64, assay_slashing_penalty, offence),
    ASSAY_FIELD_FIXED(18, FIXED_OPTIONAL, assay_slashing_penalty, evidence),
};
static const assay_codec_message penalty_message = ASSAY_MESSAGE("Penalty", assay_slashing_penalty, penalty_fields);
const assay_rule_table assay_slashing_penalty_table = {&penalty_message, false};

const char assay_slashing_fault_prefix[] = "slashing/fault/";
static const char offender_prefix[] = "slashing/offender/";
static const char penalty_prefix[] = "slashing/penalty/";

assay_rule_key assay_slashing_fault_key(const slashing_place *place) {
    assay_rule_key key = assay_rule_key_begin(assay_slashing_fault_prefix);
    assay_rule_key_u64(&key, place->height);
    assay_rule_key_address(&key, place->owner);
    assay_rule_key_u32(&key, (uint32_t)(place->round + 1)); /* rounds are 31-bit */
    return key;
}

assay_err assay_slashing_fault_next(assay_rule_view view, slashing_place *place, slashing_fault *out, bool *found,
                                    const slashing_place *after) {
    assay_rule_key prefix = assay_rule_key_begin(assay_slashing_fault_prefix), last;
    if (after) last = assay_slashing_fault_key(after);
    assay_bytes key;
    ASSAY_TRY(
        assay_rule_next(view, &key, out, found, NULL, &assay_slashing_fault_table, &prefix, after ? &last : NULL));
    if (!*found) return ASSAY_OK;
    assay_bytes tail = assay_rule_key_tail(key, &prefix);
    ASSAY_TRY(assay_rule_read_u64(&place->height, tail, 0));
    ASSAY_TRY(assay_rule_read_address(&place->owner, tail, 8));
    uint64_t round; /* the last 8 bytes end with it */
    ASSAY_TRY(assay_rule_read_u64(&round, tail, 8 + ASSAY_ADDRESS_LEN - 4));
    place->round = (int64_t)(round & UINT32_MAX) - 1;
    return ASSAY_OK;
}

assay_err assay_slashing_offender_get(assay_rule_context *context, slashing_offender *out, assay_address owner) {
    bool found;
    assay_rule_key key = assay_rule_key_begin(offender_prefix);
    assay_rule_key_address(&key, owner);
    return assay_rule_get(assay_rule_view_of(context), out, &found, NULL, &assay_slashing_offender_table, &key);
}

assay_err assay_slashing_offender_put(assay_rule_context *context, const slashing_offender *offender,
                                      assay_address owner) {
    assay_rule_key key = assay_rule_key_begin(offender_prefix);
    assay_rule_key_address(&key, owner);
    return assay_rule_put(context->state, &assay_slashing_offender_table, &key, offender);
}

uint64_t assay_slashing_due(uint64_t base, uint64_t rate) {
    uint64_t due;
    ASSAY_ASSERT(assay_base_muldiv_up_u64(&due, base, rate, ASSAY_SLASHING_WHOLE) == ASSAY_OK);
    return due;
}

/* ---- penalties ----------------------------------------------------------------------------------------------- */

static assay_rule_key penalty_key(uint64_t id) {
    assay_rule_key key = assay_rule_key_begin(penalty_prefix);
    assay_rule_key_u64(&key, id);
    return key;
}

assay_err assay_slashing_penalty_add(assay_rule_context *context, assay_slashing_penalty *penalty) {
    assay_rule_number last;
    bool found;
    assay_rule_key key = assay_rule_key_begin("slashing/penalties");
    ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), &last, &found, NULL, &assay_rule_number_table, &key));
    last.format = 1;
    last.value++;
    ASSAY_TRY(assay_rule_put(context->state, &assay_rule_number_table, &key, &last));
    penalty->format = 1;
    penalty->id = last.value;
    penalty->height = context->height;
    penalty->burned = penalty->taken; /* all of it */
    key = penalty_key(penalty->id);
    ASSAY_TRY(assay_rule_put(context->state, &assay_slashing_penalty_table, &key, penalty));
    assay_rule_emit_address(context, "slashed", penalty->validator, penalty->taken, penalty->id);
    return ASSAY_OK;
}

assay_err assay_slashing_penalty_get(assay_rule_view view, assay_slashing_penalty *out, bool *found, uint64_t id) {
    assay_rule_key key = penalty_key(id);
    return assay_rule_get(view, out, found, NULL, &assay_slashing_penalty_table, &key);
}

assay_err assay_slashing_penalties(assay_slashing_penalty **out, uint32_t *count, assay_arena *keep,
                                   assay_rule_view view, uint64_t first, uint32_t max) {
    assay_rule_number last;
    bool found;
    assay_rule_key key = assay_rule_key_begin("slashing/penalties");
    ASSAY_TRY(assay_rule_get(view, &last, &found, NULL, &assay_rule_number_table, &key));
    if (first == 0) first = 1;
    uint64_t there = first <= last.value ? last.value - first + 1 : 0;
    uint32_t wanted = there < max ? (uint32_t)there : max;
    *count = 0;
    *out = ASSAY_NEW(keep, assay_slashing_penalty, wanted);
    if (wanted && !*out) return ASSAY_F_MEMORY;
    for (; *count < wanted; ++*count) {
        ASSAY_TRY(assay_slashing_penalty_get(view, &(*out)[*count], &found, first + *count));
        if (!found) return ASSAY_F_CORRUPT;
    }
    return ASSAY_OK;
}

const char *assay_slashing_kind_text(assay_slashing_kind kind) {
    switch (kind) {
    case ASSAY_SLASHING_DOUBLE_SIGN: return "double-sign";
    case ASSAY_SLASHING_FALSE_OPENING: return "false-opening";
    case ASSAY_SLASHING_DOWNTIME: return "downtime";
    case ASSAY_SLASHING_MISSED_DUTIES: return "missed-duties";
    }
    return "unknown";
}

/* ---- double signatures --------------------------------------------------------------------------------------- */

/* Is there a fault of this validator at this height that may be the same? One that does not tell its round is the
 * same as any of its height. */
static assay_err known(assay_rule_context *context, bool *out, const slashing_place *place) {
    slashing_place at = {place->height, place->owner, -1}, next;
    slashing_fault fault;
    bool found;
    assay_rule_key key = assay_slashing_fault_key(&at);
    ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), &fault, out, NULL, &assay_slashing_fault_table, &key));
    if (*out) return ASSAY_OK;
    if (place->round >= 0) {
        key = assay_slashing_fault_key(place);
        return assay_rule_get(assay_rule_view_of(context), &fault, out, NULL, &assay_slashing_fault_table, &key);
    }
    ASSAY_TRY(assay_slashing_fault_next(assay_rule_view_of(context), &next, &fault, &found, &at));
    *out = found && next.height == place->height && assay_base_address_eq(next.owner, place->owner);
    return ASSAY_OK;
}

/* What can be asked with a few reads, before signatures are looked at: is it of the right age, and new? */
static assay_err admissible(assay_rule_context *context, assay_rule_moment *moment, const slashing_place *place) {
    const assay_rule_window age = {context->params->evidence_blocks, context->params->evidence_seconds};
    bool found;
    ASSAY_TRY(assay_rule_moment_at(assay_rule_view_of(context), moment, &found, place->height));
    if (!found) return ASSAY_E_WINDOW; /* still to come, or long ago */
    if (assay_rule_passed(age, *moment, assay_rule_now(context))) return ASSAY_E_WINDOW;
    ASSAY_TRY(known(context, &found, place));
    if (found) return ASSAY_E_DUPLICATE;
    slashing_offender offender;
    ASSAY_TRY(assay_slashing_offender_get(context, &offender, place->owner));
    return offender.open < ASSAY_SLASHING_FAULTS_MAX ? ASSAY_OK : ASSAY_E_DUPLICATE;
}

/* What counted there. Walks the history: only for what nobody can make up. */
static assay_err weigh(assay_rule_context *context, slashing_fault *fault, const slashing_place *place,
                       assay_rule_moment moment) {
    assay_staking_counted counted;
    ASSAY_TRY(assay_staking_counted_at(assay_rule_view_of(context), &counted, place->owner, place->height));
    if (counted.power == 0 || counted.total_power < counted.power) return ASSAY_E_EVIDENCE;
    *fault = (slashing_fault){.format = 1, .seconds = moment.seconds, .stake = counted.stake};
    return assay_base_muldiv_up_u64(&fault->share, counted.power, ASSAY_SLASHING_WHOLE, counted.total_power);
}

/* Keeps the fault, locks and tombstones its validator, and takes what follows from it. */
static assay_err convict(assay_rule_context *context, const slashing_place *place, assay_rule_moment moment,
                         assay_hash evidence) {
    slashing_fault fault;
    ASSAY_TRY(weigh(context, &fault, place, moment));
    assay_rule_key key = assay_slashing_fault_key(place);
    ASSAY_TRY(assay_rule_put(context->state, &assay_slashing_fault_table, &key, &fault));
    slashing_offender offender;
    ASSAY_TRY(assay_slashing_offender_get(context, &offender, place->owner));
    offender.format = 1;
    offender.open++;
    ASSAY_TRY(assay_slashing_offender_put(context, &offender, place->owner));
    ASSAY_TRY(assay_staking_lock(context, place->owner));
    ASSAY_TRY(assay_staking_tombstone(context, place->owner));
    return assay_slashing_correlate(context, place, evidence);
}

assay_err assay_slashing_evidence(assay_rule_context *context, const assay_msg_evidence *message) {
    assay_vote a, b;
    assay_staking_validator v;
    assay_rule_moment moment;
    bool found;
    ASSAY_TRY(assay_vote_decode(&a, message->vote_a));
    ASSAY_TRY(assay_vote_decode(&b, message->vote_b));
    ASSAY_TRY(assay_staking_by_consensus(assay_rule_view_of(context), &v, &found, a.validator));
    if (!found) return ASSAY_E_EVIDENCE;
    const slashing_place place = {(uint64_t)a.height, v.owner, a.round};
    ASSAY_TRY(admissible(context, &moment, &place));
    /* Whether the two conflict, and who signed them, is judged where everybody judges it. */
    const assay_duplicate_vote pair = assay_duplicate_vote_new(&a, &b, 0, 0, (assay_time){0});
    ASSAY_TRY(assay_duplicate_vote_check(&pair, context->chain_id, v.consensus_key));
    return convict(context, &place, moment, context->tx_id);
}

assay_err assay_slashing_misbehavior(assay_rule_context *context, assay_address consensus_address, int64_t height,
                                     int32_t round) {
    assay_staking_validator v;
    assay_rule_moment moment;
    bool found;
    ASSAY_TRY(assay_staking_by_consensus(assay_rule_view_of(context), &v, &found, consensus_address));
    if (!found || height < 1 || round < -1) return ASSAY_OK;
    const slashing_place place = {(uint64_t)height, v.owner, round};
    assay_err err = admissible(context, &moment, &place);
    if (err == ASSAY_OK) err = convict(context, &place, moment, context->block_hash);
    /* convict's own verdict, that it had no power there, comes before it changes anything. */
    return assay_base_err_is_fault(err) ? err : ASSAY_OK;
}

/* ---- false openings ------------------------------------------------------------------------------------------ */

assay_err assay_slashing_false_opening(assay_rule_context *context, uint64_t *penalty, assay_address owner,
                                       uint64_t fault_height, assay_hash evidence) {
    assay_staking_counted counted;
    /* The set that the ledger acted on at fault_height votes a height later first (ASSAY_STAKING_DELAY less the one
     * block in which it was decided): that is where its stake counts. */
    ASSAY_TRY(
        assay_staking_counted_at(assay_rule_view_of(context), &counted, owner, fault_height + ASSAY_STAKING_DELAY - 1));
    assay_slashing_penalty p = {
        .kind = ASSAY_SLASHING_FALSE_OPENING,
        .validator = owner,
        .fault_height = fault_height,
        .fault_round = -1,
        .share_den = ASSAY_SLASHING_WHOLE,
        .rate = ASSAY_SLASHING_FLOOR,
        .base_stake = counted.stake,
        .due = assay_slashing_due(counted.stake, ASSAY_SLASHING_FLOOR),
        .evidence = evidence,
    };
    ASSAY_TRY(assay_staking_take(context, &p.taken, owner, fault_height, p.due));
    ASSAY_TRY(assay_staking_jail(context, owner));
    ASSAY_TRY(assay_slashing_penalty_add(context, &p));
    *penalty = p.id;
    return ASSAY_OK;
}

assay_err assay_slashing_end_block(assay_rule_context *context) {
    if (assay_rule_is_epoch_end(context)) {
        ASSAY_TRY(assay_slashing_report_missed(context));
        ASSAY_TRY(assay_slashing_close_faults(context));
    }
    return assay_slashing_window_turn(context);
}
