/* SPDX-License-Identifier: Apache-2.0
 *
 * How much a safety fault costs depends on how many committed one at about the same time: alone it may be a mistake,
 * a third together is an attack. What is due is a function of the *set* of known faults; what was taken is
 * remembered; so evidence may come in any order, and the last piece leads to the same sums.
 *
 *   X(f)   = sum over validators u of the largest share of u's faults correlated with f       (f itself included)
 *   due(v) = max over v's faults f of ceil(stake(f) * max(5 %, min(1, 3 X(f)))) */
#include "slashing_internal.h"

#include <string.h>

typedef struct item {
    slashing_place place;
    slashing_fault fault;
} item;
typedef struct docket {
    item *of; /* grouped by owner; within one, by height */
    uint32_t count;
} docket;

/* ---- all open faults ----------------------------------------------------------------------------------------- */

static bool owner_before(const void *context, const void *a, const void *b) {
    (void)context;
    const item *x = a, *y = b;
    return memcmp(x->place.owner.b, y->place.owner.b, sizeof x->place.owner.b) < 0;
}

static assay_err load(assay_rule_context *context, docket *out, assay_arena *arena) {
    assay_rule_view view = assay_rule_view_of(context);
    uint32_t count = 0;
    bool found = true;
    for (item at; found; count += found)
        ASSAY_TRY(assay_slashing_fault_next(view, &at.place, &at.fault, &found, count > 0 ? &at.place : NULL));
    out->of = ASSAY_NEW(arena, item, count);
    void *space = ASSAY_NEW(arena, item, count);
    if (count && (!out->of || !space)) return ASSAY_F_MEMORY;
    for (out->count = 0; out->count < count; out->count++) {
        item *to = &out->of[out->count];
        ASSAY_TRY(
            assay_slashing_fault_next(view, &to->place, &to->fault, &found, out->count > 0 ? &to[-1].place : NULL));
        ASSAY_ASSERT(found);
    }
    assay_base_sort(out->of, space, count, sizeof(item), owner_before, NULL); /* stable: heights stay in order */
    return ASSAY_OK;
}

/* ---- X ------------------------------------------------------------------------------------------------------- */

static assay_rule_moment moment_of(const item *i) { return (assay_rule_moment){i->place.height, i->fault.seconds}; }

static bool correlated(const assay_params *p, const item *a, const item *b) {
    const assay_rule_window window = {p->correlation_blocks, p->correlation_seconds};
    bool a_first = a->place.height <= b->place.height;
    return !assay_rule_passed(window, moment_of(a_first ? a : b), moment_of(a_first ? b : a));
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Everybody's largest share around f, at most the whole. */
static uint64_t share_at_fault(const assay_params *p, const docket *all, const item *f) {
    uint64_t sum = 0, largest = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        const item *g = &all->of[i];
        if (correlated(p, f, g) && g->fault.share > largest) largest = g->fault.share;
        bool last_of_owner = i + 1 == all->count || !assay_base_address_eq(g->place.owner, g[1].place.owner);
        if (!last_of_owner) continue;
        sum = least(sum + largest, ASSAY_SLASHING_WHOLE);
        largest = 0;
    }
    return sum;
}

static uint64_t rate_of(uint64_t share) {
    uint64_t rate = least(ASSAY_SLASHING_SLOPE * share, ASSAY_SLASHING_WHOLE);
    return rate > ASSAY_SLASHING_FLOOR ? rate : ASSAY_SLASHING_FLOOR;
}

/* ---- taking what is due -------------------------------------------------------------------------------------- */

/* The fault of one validator for which most is due, and how that comes about. */
static assay_slashing_penalty heaviest(const assay_params *p, const docket *all, uint32_t first, uint32_t end) {
    assay_slashing_penalty out = {0};
    for (uint32_t i = first; i < end; i++) {
        const item *f = &all->of[i];
        uint64_t share = share_at_fault(p, all, f), rate = rate_of(share),
                 due = assay_slashing_due(f->fault.stake, rate);
        if (i > first && due <= out.due) continue;
        out = (assay_slashing_penalty){
            .kind = ASSAY_SLASHING_DOUBLE_SIGN,
            .validator = f->place.owner,
            .fault_height = f->place.height,
            .fault_round = f->place.round,
            .share_num = share,
            .share_den = ASSAY_SLASHING_WHOLE,
            .rate = rate,
            .base_stake = f->fault.stake,
            .due = due,
        };
    }
    return out;
}

/* Takes what is due and not yet taken from the owner of faults first .. end-1. cause: id of the penalty that raised
 * it, or 0 for the owner of the fresh fault, who gets a record even if it adds nothing. *id is 0 if there is no
 * record. */
static assay_err settle(assay_rule_context *context, uint64_t *id, const docket *all, uint32_t first, uint32_t end,
                        uint64_t cause, assay_hash evidence) {
    *id = 0;
    slashing_offender offender;
    assay_slashing_penalty p = heaviest(context->params, all, first, end);
    ASSAY_TRY(assay_slashing_offender_get(context, &offender, p.validator));
    p.taken_before = offender.taken;
    p.cause = cause;
    p.evidence = evidence;
    if (p.due > offender.taken)
        ASSAY_TRY(assay_staking_take(context, &p.taken, p.validator, p.fault_height, p.due - offender.taken));
    if (p.taken == 0 && cause != 0) return ASSAY_OK;
    if (p.taken > 0) {
        offender.taken += p.taken;
        ASSAY_TRY(assay_slashing_offender_put(context, &offender, p.validator));
    }
    ASSAY_TRY(assay_slashing_penalty_add(context, &p));
    *id = p.id;
    return ASSAY_OK;
}

/* One past the last fault of the owner of fault `first`; *near says whether any of them is correlated with the fresh
 * one. */
static uint32_t group_end(const assay_params *p, const docket *all, uint32_t first, const item *fresh, bool *near) {
    uint32_t end = first;
    *near = false;
    for (; end < all->count && assay_base_address_eq(all->of[end].place.owner, all->of[first].place.owner); end++)
        *near = *near || correlated(p, &all->of[end], fresh);
    return end;
}

assay_err assay_slashing_correlate(assay_rule_context *context, const slashing_place *fresh, assay_hash evidence) {
    docket all;
    assay_arena scratch = context->scratch;
    ASSAY_TRY(load(context, &all, &scratch));
    const item *f = NULL;
    for (uint32_t i = 0; i < all.count; i++) {
        const slashing_place *at = &all.of[i].place;
        if (at->height == fresh->height && at->round == fresh->round && assay_base_address_eq(at->owner, fresh->owner))
            f = &all.of[i];
    }
    ASSAY_ASSERT(f);
    /* Its own validator first, so that the records of those it raises can name the cause. */
    uint64_t cause = 0, id;
    bool near;
    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t first = 0, end; first < all.count; first = end) {
            end = group_end(context->params, &all, first, f, &near);
            bool own = assay_base_address_eq(all.of[first].place.owner, fresh->owner);
            if (own != (pass == 0) || !near) continue;
            ASSAY_TRY(settle(context, &id, &all, first, end, cause, evidence));
            if (own) cause = id;
        }
    return ASSAY_OK;
}

/* ---- forgetting ---------------------------------------------------------------------------------------------- */

/* A later fault is correlated with this one only if its block lies before the window's end, and its evidence must come
 * within the age of evidence from there. So two windows one after the other, each ended by blocks and seconds both. */
static assay_err close_one(assay_rule_context *context, const slashing_place *place, slashing_fault *fault) {
    const assay_params *p = context->params;
    assay_rule_moment now = assay_rule_now(context);
    assay_rule_key key = assay_slashing_fault_key(place);
    if (fault->closed_height == 0) {
        const assay_rule_window window = {p->correlation_blocks, p->correlation_seconds};
        if (!assay_rule_passed(window, (assay_rule_moment){place->height, fault->seconds}, now)) return ASSAY_OK;
        fault->closed_height = now.height;
        fault->closed_seconds = now.seconds;
        return assay_rule_put(context->state, &assay_slashing_fault_table, &key, fault);
    }
    const assay_rule_window age = {p->evidence_blocks, p->evidence_seconds};
    if (!assay_rule_passed(age, (assay_rule_moment){fault->closed_height, fault->closed_seconds}, now)) return ASSAY_OK;
    slashing_offender offender;
    ASSAY_TRY(assay_slashing_offender_get(context, &offender, place->owner));
    ASSAY_ASSERT(offender.open > 0);
    offender.open--;
    ASSAY_TRY(assay_slashing_offender_put(context, &offender, place->owner));
    ASSAY_TRY(assay_rule_del(context->state, &assay_slashing_fault_table, &key));
    return assay_staking_unlock(context, place->owner);
}

assay_err assay_slashing_close_faults(assay_rule_context *context) {
    slashing_place at;
    slashing_fault fault;
    bool found, first = true;
    for (;; first = false) {
        ASSAY_TRY(assay_slashing_fault_next(assay_rule_view_of(context), &at, &fault, &found, first ? NULL : &at));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(close_one(context, &at, &fault));
    }
}
