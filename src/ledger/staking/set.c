/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is in the set: at an epoch's end the first of the ranking; within an epoch, without those who were jailed. */
#include "staking_internal.h"

#include <string.h>

typedef struct seat {
    assay_address owner;
    uint64_t stake;
    uint64_t power;
} seat;
typedef struct seats {
    seat *of;
    uint32_t count;
} seats;

/* ---- who sits, and who should -------------------------------------------------------------------------------- */

static assay_err sitting(assay_rule_context *context, seats *out, assay_arena *arena, uint64_t members) {
    assay_staking_member member;
    assay_address owner;
    bool found;
    out->count = 0;
    if (members > ASSAY_VALIDATORS_MAX) return ASSAY_F_CORRUPT;
    out->of = ASSAY_NEW(arena, seat, members);
    if (members && !out->of) return ASSAY_F_MEMORY;
    assay_rule_view view = assay_rule_view_of(context);
    for (uint64_t i = 0; i < members; i++) {
        ASSAY_TRY(assay_staking_member_next(view, &owner, &member, &found, i > 0 ? &owner : NULL));
        if (!found) return ASSAY_F_CORRUPT;
        out->of[out->count++] = (seat){owner, member.stake, member.power};
    }
    return ASSAY_OK;
}

/* The largest who may validate. The stake is that of the rank, bit for bit: assay_staking_edit_close keeps them
 * together. */
static assay_err ranking(assay_rule_context *context, seats *out, assay_arena *arena) {
    uint64_t max = context->params->validators_max;
    out->count = 0;
    out->of = ASSAY_NEW(arena, seat, max);
    if (!out->of) return ASSAY_F_MEMORY;
    assay_rule_view view = assay_rule_view_of(context);
    assay_rule_key prefix = assay_rule_key_begin(assay_staking_rank_prefix), at;
    while (out->count < max) {
        assay_rule_owner leads;
        assay_bytes key;
        bool found;
        uint64_t inverse;
        ASSAY_TRY(assay_rule_next(view, &key, &leads, &found, NULL, &assay_rule_owner_table, &prefix,
                                  out->count > 0 ? &at : NULL));
        if (!found) break;
        ASSAY_TRY(assay_rule_read_u64(&inverse, assay_rule_key_tail(key, &prefix), 0));
        ASSAY_TRY(assay_rule_key_copy(&at, key));
        out->of[out->count++] = (seat){leads.owner, ~inverse, ~inverse / ASSAY_STAKING_POWER_UNIT};
    }
    return ASSAY_OK;
}

/* Those who sit and are not jailed. */
static assay_err remaining(assay_rule_context *context, seats *out, const seats *now, assay_arena *arena) {
    out->count = 0;
    out->of = ASSAY_NEW(arena, seat, now->count);
    if (now->count && !out->of) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < now->count; i++) {
        assay_staking_validator v;
        bool found;
        ASSAY_TRY(assay_staking_by_owner(assay_rule_view_of(context), &v, &found, now->of[i].owner));
        if (!found) return ASSAY_F_CORRUPT;
        if (!v.jailed) out->of[out->count++] = now->of[i];
    }
    return ASSAY_OK;
}

static bool owner_before(const void *context, const void *a, const void *b) {
    (void)context;
    const seat *x = a, *y = b;
    return memcmp(x->owner.b, y->owner.b, sizeof x->owner.b) < 0;
}

/* ---- from one set to the next -------------------------------------------------------------------------------- */

/* Gives a validator its new power and stake, 0 to leave. *key is for the engine. */
static assay_err seat_put(assay_rule_context *context, const seat *s, assay_public_key *consensus_key) {
    staking_edit edit;
    bool found;
    ASSAY_TRY(assay_staking_edit_open(context, &edit, &found, s->owner));
    if (!found) return ASSAY_F_CORRUPT;
    if (edit.v.power == 0) assay_rule_emit_address(context, "joined", s->owner, s->stake, s->power);
    if (s->power == 0) assay_rule_emit_address(context, "left", s->owner, assay_staking_stake(&edit.v), 0);
    edit.v.power = s->power;
    edit.v.counted_stake = s->stake;
    *consensus_key = edit.v.consensus_key;
    ASSAY_TRY(assay_staking_edit_close(context, &edit));
    assay_rule_key key = assay_staking_key_address(assay_staking_set_prefix, s->owner);
    const assay_staking_member member = {1, s->power, s->stake};
    if (s->power > 0)
        ASSAY_TRY(assay_rule_put(context->state, &assay_staking_member_table, &key, &member));
    else
        ASSAY_TRY(assay_rule_del(context->state, &assay_staking_member_table, &key));
    /* Genesis is told to the engine before its first block: its set counts from the start. */
    uint64_t from = context->height == 0 ? 0 : context->height + ASSAY_STAKING_DELAY;
    return assay_staking_history_put(context, s->owner, from, s->power, s->stake);
}

/* Both are in the order of owners: one walk finds who stays, comes and goes. */
static assay_err change(assay_rule_context *context, const seats *now, const seats *then, assay_staking_power *powers,
                        uint32_t *count) {
    uint32_t i = 0, j = 0;
    while (i < now->count || j < then->count) {
        int order = i == now->count    ? 1
                    : j == then->count ? -1
                                       : memcmp(now->of[i].owner.b, then->of[j].owner.b, sizeof then->of[j].owner.b);
        const seat *old = order <= 0 ? &now->of[i++] : NULL;
        const seat *fresh = order >= 0 ? &then->of[j++] : NULL;
        if (old && fresh && old->stake == fresh->stake) continue;
        const seat goes = {.owner = old ? old->owner : fresh->owner};
        assay_public_key key;
        ASSAY_TRY(seat_put(context, fresh ? fresh : &goes, &key));
        uint64_t before = old ? old->power : 0, after = fresh ? fresh->power : 0;
        if (before != after) powers[(*count)++] = (assay_staking_power){key, after};
    }
    return ASSAY_OK;
}

assay_err assay_staking_set_make(assay_rule_context *context, assay_staking_power **powers, uint32_t *count,
                                 assay_arena *keep) {
    *powers = NULL;
    *count = 0;
    assay_staking_totals totals;
    assay_arena scratch = context->scratch;
    ASSAY_TRY(assay_staking_totals_read(assay_rule_view_of(context), &totals));
    bool epoch = assay_rule_is_epoch_end(context); /* genesis is one */
    if (!totals.urgent && !(totals.stale && epoch)) return ASSAY_OK;

    seats now, then;
    ASSAY_TRY(sitting(context, &now, &scratch, totals.members));
    if (epoch)
        ASSAY_TRY(ranking(context, &then, &scratch));
    else
        ASSAY_TRY(remaining(context, &then, &now, &scratch));
    bool whole = epoch;
    if (then.count == 0 && !epoch) { /* all who sat were jailed: who waits steps in before the epoch's end */
        ASSAY_TRY(ranking(context, &then, &scratch));
        whole = true;
    }
    /* Nobody would remain: the set is never emptied. Both marks stay, so that the next who may validate takes over. */
    if (then.count == 0) return ASSAY_OK;

    void *space = ASSAY_NEW(&scratch, seat, then.count);
    assay_staking_power *changes = ASSAY_NEW(keep, assay_staking_power, now.count + then.count);
    if (!space || !changes) return ASSAY_F_MEMORY;
    assay_base_sort(then.of, space, then.count, sizeof(seat), owner_before, NULL);
    ASSAY_TRY(change(context, &now, &then, changes, count));
    uint64_t power = 0;
    for (uint32_t i = 0; i < then.count; i++) power += then.of[i].power;
    if (power != totals.power)
        ASSAY_TRY(assay_staking_history_put_total(
            context, context->height == 0 ? 0 : context->height + ASSAY_STAKING_DELAY, power));
    totals.power = power;
    totals.members = then.count;
    totals.stale = totals.stale && !whole;
    totals.urgent = false;
    *powers = changes;
    return assay_staking_totals_put(context, &totals);
}

assay_err assay_staking_rank_empty(assay_rule_context *context, bool *empty) {
    assay_rule_owner leads;
    assay_bytes key;
    bool found;
    assay_rule_key prefix = assay_rule_key_begin(assay_staking_rank_prefix);
    ASSAY_TRY(assay_rule_next(assay_rule_view_of(context), &key, &leads, &found, NULL, &assay_rule_owner_table, &prefix,
                              NULL));
    *empty = !found;
    return ASSAY_OK;
}

assay_err assay_staking_end_block(assay_rule_context *context, assay_staking_power **powers, uint32_t *count,
                                  assay_arena *keep) {
    ASSAY_TRY(assay_staking_pay_out(context));
    ASSAY_TRY(assay_staking_set_make(context, powers, count, keep));
    assay_staking_totals totals;
    ASSAY_TRY(assay_staking_totals_read(assay_rule_view_of(context), &totals));
    if (totals.stale) assay_rule_recheck(context, assay_rule_epoch_end_of(context->params, context->height + 1));
    return ASSAY_OK;
}
