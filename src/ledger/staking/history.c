/* SPDX-License-Identifier: Apache-2.0
 *
 * What counted when: a fault is paid with the power and the stake of its own height, not with today's.
 *
 * A record per change, from the height on at which it counts. A change of the set made at the end of block h votes in
 * block h + ASSAY_STAKING_DELAY first. Records are forgotten when the one after them is older than evidence may be. */
#include "staking_internal.h"

enum { FORGET_MAX = 4 }; /* old records that a new one may take along: more than come, so that they get fewer */

/* Deletes the records at the front that another one replaced before the oldest height that evidence may name. */
static assay_err forget(assay_rule_context *context, const assay_rule_key *prefix) {
    assay_rule_view view = assay_rule_view_of(context);
    const assay_rule_window age = {context->params->evidence_blocks, context->params->evidence_seconds};
    for (int i = 0; i < FORGET_MAX; i++) {
        staking_history record;
        assay_bytes found_key;
        assay_rule_key first, second;
        bool found;
        ASSAY_TRY(assay_rule_next(view, &found_key, &record, &found, NULL, &assay_staking_history_table, prefix, NULL));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(assay_rule_key_copy(&first, found_key));
        ASSAY_TRY(
            assay_rule_next(view, &found_key, &record, &found, NULL, &assay_staking_history_table, prefix, &first));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(assay_rule_key_copy(&second, found_key));
        uint64_t from;
        ASSAY_TRY(assay_rule_read_u64(&from, assay_rule_key_tail(assay_rule_key_of(&second), prefix), 0));
        if (from > context->height) return ASSAY_OK;
        assay_rule_moment moment;
        ASSAY_TRY(assay_rule_moment_at(view, &moment, &found, from));
        if (found && !assay_rule_passed(age, moment, assay_rule_now(context))) return ASSAY_OK;
        ASSAY_TRY(assay_rule_del(context->state, &assay_staking_history_table, &first));
    }
    return ASSAY_OK;
}

static assay_err put(assay_rule_context *context, const assay_rule_key *prefix, uint64_t from, uint64_t power,
                     uint64_t stake) {
    const staking_history record = {1, power, stake};
    assay_rule_key key = *prefix;
    assay_rule_key_u64(&key, from);
    ASSAY_TRY(assay_rule_put(context->state, &assay_staking_history_table, &key, &record));
    return forget(context, prefix);
}

assay_err assay_staking_history_put(assay_rule_context *context, assay_address owner, uint64_t from, uint64_t power,
                                    uint64_t stake) {
    assay_rule_key prefix = assay_staking_key_address(assay_staking_power_prefix, owner);
    return put(context, &prefix, from, power, stake);
}

assay_err assay_staking_history_put_total(assay_rule_context *context, uint64_t from, uint64_t power) {
    assay_rule_key prefix = assay_rule_key_begin(assay_staking_total_prefix);
    return put(context, &prefix, from, power, 0);
}

/* The last record at or before a height; all zero if there is none. Walks from the oldest: there are as many as changes
 * within the age of evidence, and only evidence asks. */
static assay_err last_until(assay_rule_view view, staking_history *out, const assay_rule_key *prefix, uint64_t height) {
    staking_history record;
    assay_rule_key at;
    bool first = true, found;
    *out = (staking_history){0};
    for (;;) {
        assay_bytes key;
        uint64_t from;
        ASSAY_TRY(assay_rule_next(view, &key, &record, &found, NULL, &assay_staking_history_table, prefix,
                                  first ? NULL : &at));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(assay_rule_read_u64(&from, assay_rule_key_tail(key, prefix), 0));
        if (from > height) return ASSAY_OK;
        *out = record;
        ASSAY_TRY(assay_rule_key_copy(&at, key));
        first = false;
    }
}

assay_err assay_staking_counted_at(assay_rule_view view, assay_staking_counted *out, assay_address owner,
                                   uint64_t height) {
    staking_history its, all;
    assay_rule_key prefix = assay_staking_key_address(assay_staking_power_prefix, owner);
    ASSAY_TRY(last_until(view, &its, &prefix, height));
    prefix = assay_rule_key_begin(assay_staking_total_prefix);
    ASSAY_TRY(last_until(view, &all, &prefix, height));
    *out = (assay_staking_counted){its.power, its.stake, all.power};
    return ASSAY_OK;
}
