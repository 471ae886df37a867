/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows: how long each is, whether it is open, and the queue of those that will close.
 *
 * A window closes when its blocks and its seconds have passed. So it waits twice: by the height at which its blocks can
 * have passed, then by the second at which its seconds can; at either place only the front of the queue is looked at.
 * The queues follow from the records and stand beside the tree: moving in them is no change that a root must show. */
#include "models_internal.h"

static const char by_height[] = "models/height/", by_time[] = "models/time/";

/* ---- lengths ------------------------------------------------------------------------------------------------- */

/* In proportion to size. Parameters are bounded by ASSAY_RULE_SPAN_MAX (2^40) and sizes by model_size_max (2^50): the
 * sum stays below 2^61. */
static assay_rule_window longer(uint64_t blocks, uint64_t seconds, const assay_params *params, uint64_t size) {
    const uint64_t gib = (uint64_t)1 << 30;
    uint64_t more;
    ASSAY_ASSERT(assay_base_muldiv_down_u64(&more, size, params->attest_seconds_per_gib, gib) == ASSAY_OK);
    return (assay_rule_window){blocks, seconds + more};
}

assay_rule_window assay_models_attest_window(const assay_params *params, uint64_t size) {
    return longer(params->attest_blocks, params->attest_seconds, params, size);
}

assay_rule_window assay_models_duty_window(const assay_params *params, uint64_t size) {
    return longer(params->duty_blocks, params->duty_seconds, params, size);
}

assay_rule_window assay_models_opening_window(const assay_params *params) {
    return (assay_rule_window){params->opening_blocks, params->opening_seconds};
}

/* ---- is it open? --------------------------------------------------------------------------------------------- */

assay_err assay_models_is_open(assay_rule_view view, const assay_params *params, const assay_version_record *record,
                               assay_rule_moment now) {
    if (record->status == ASSAY_VERSION_RECORDED) {
        assay_rule_moment from = {record->recorded_height, record->recorded_seconds};
        bool passed = assay_rule_passed(assay_models_attest_window(params, record->size), from, now);
        return passed ? ASSAY_E_WINDOW : ASSAY_OK;
    }
    if (record->status != ASSAY_VERSION_ATTESTED) return ASSAY_E_STATE;
    assay_rule_moment from;
    bool found;
    ASSAY_TRY(assay_rule_moment_at(view, &from, &found, record->attested_height));
    bool passed = !found || assay_rule_passed(assay_models_duty_window(params, record->size), from, now);
    return passed ? ASSAY_E_WINDOW : ASSAY_OK;
}

assay_err assay_models_opening_is_due(const assay_params *params, const assay_models_check_record *check,
                                      assay_rule_moment now) {
    if (check->drawn_height == 0) return ASSAY_E_WINDOW;
    assay_rule_moment from = {check->drawn_height, check->drawn_seconds};
    return assay_rule_passed(assay_models_opening_window(params), from, now) ? ASSAY_E_WINDOW : ASSAY_OK;
}

uint32_t assay_models_draw_list(uint64_t *chunks, const assay_models_check_record *check, uint64_t version_chunks) {
    uint32_t count = 0;
    for (uint32_t draw = 0; draw < check->draws_count; draw++) {
        assay_hash block;
        memcpy(block.b, check->draws[draw], sizeof block.b);
        for (uint32_t i = 0; i < check->chunks_per_draw; i++) {
            ASSAY_ASSERT(count < ASSAY_OPENING_ENTRIES_MAX);
            chunks[count++] = assay_draw_chunk(block, check->id, i, version_chunks);
        }
    }
    return count;
}

/* ---- the queues ---------------------------------------------------------------------------------------------- */

/* Where the entry waits: prefix, the number that orders, and what makes the key its own. */
static assay_rule_key place(const char *prefix, uint64_t order, const models_entry *entry) {
    assay_rule_key key = assay_rule_key_begin(prefix);
    assay_rule_key_u64(&key, order);
    assay_rule_key_u32(&key, entry->kind);
    assay_rule_key_bytes(&key, entry->name);
    assay_rule_key_bytes(&key, ASSAY_STR("@"));
    assay_rule_key_bytes(&key, entry->version);
    assay_rule_key_bytes(&key, ASSAY_STR("/"));
    assay_rule_key_address(&key, entry->validator);
    return key;
}

static assay_rule_window window_of(const models_entry *entry) {
    return (assay_rule_window){entry->window_blocks, entry->window_seconds};
}
static assay_rule_moment from_of(const models_entry *entry) {
    return (assay_rule_moment){entry->from_height, entry->from_seconds};
}

/* Seconds as a number that sorts like them: header times may lie before 1970. */
static uint64_t sorted(int64_t seconds) { return (uint64_t)seconds ^ (uint64_t)1 << 63; }

/* The first second at which the window's seconds have passed; the last one there is, if none. */
static uint64_t due_second(const models_entry *entry) {
    uint64_t from = sorted(entry->from_seconds), due;
    if (assay_base_add_u64(&due, from, entry->window_seconds) != ASSAY_OK || due == UINT64_MAX) return UINT64_MAX;
    return due + 1;
}

assay_err assay_models_schedule(assay_rule_context *context, models_entry *entry, assay_rule_window window) {
    assay_rule_moment now = assay_rule_now(context);
    entry->window_blocks = window.blocks;
    entry->window_seconds = window.seconds;
    entry->from_height = now.height;
    entry->from_seconds = now.seconds;
    assay_rule_key key = place(by_height, assay_rule_due_height(window, now), entry);
    return assay_models_index_put(context->state, &key, entry);
}

/* The front of a queue, if its number is at most `until`; it is taken out. */
static assay_err take(assay_rule_context *context, models_entry *entry, bool *found, const char *prefix_text,
                      uint64_t until) {
    assay_rule_key prefix = assay_rule_key_begin(prefix_text), front;
    assay_bytes key;
    uint64_t order;
    ASSAY_TRY(assay_rule_next(assay_rule_view_of(context), &key, entry, found, NULL, &assay_models_entry_table, &prefix,
                              NULL));
    if (!*found) return ASSAY_OK;
    ASSAY_TRY(assay_rule_read_u64(&order, assay_rule_key_tail(key, &prefix), 0));
    *found = order <= until;
    if (!*found) return ASSAY_OK;
    ASSAY_TRY(assay_rule_key_copy(&front, key));
    return assay_models_index_del(context->state, &front);
}

/* An idle chain must not sleep past the height at which blocks will do; what waits for seconds alone is met by the
 * chain's own slow pace. */
static assay_err recheck(assay_rule_context *context) {
    assay_rule_key prefix = assay_rule_key_begin(by_height);
    assay_bytes key;
    models_entry entry;
    bool found;
    uint64_t height;
    ASSAY_TRY(assay_rule_next(assay_rule_view_of(context), &key, &entry, &found, NULL, &assay_models_entry_table,
                              &prefix, NULL));
    if (!found) return ASSAY_OK;
    ASSAY_TRY(assay_rule_read_u64(&height, assay_rule_key_tail(key, &prefix), 0));
    if (height != UINT64_MAX) assay_rule_recheck(context, height > context->height ? height : context->height + 1);
    return ASSAY_OK;
}

assay_err assay_models_close_windows(assay_rule_context *context,
                                     assay_err (*close)(assay_rule_context *context, const models_entry *entry)) {
    models_entry entry;
    bool found = true;
    assay_rule_moment now = assay_rule_now(context);
    for (uint32_t i = 0; i < ASSAY_MODELS_DUE_MAX && found; i++) {
        ASSAY_TRY(take(context, &entry, &found, by_height, now.height));
        if (!found) break;
        assay_rule_key key = place(by_time, due_second(&entry), &entry);
        ASSAY_TRY(assay_models_index_put(context->state, &key, &entry));
    }
    found = true;
    for (uint32_t i = 0; i < ASSAY_MODELS_DUE_MAX && found; i++) {
        ASSAY_TRY(take(context, &entry, &found, by_time, sorted(now.seconds)));
        if (!found) break;
        if (!assay_rule_passed(window_of(&entry), from_of(&entry), now)) return ASSAY_F_BUG;
        ASSAY_TRY(close(context, &entry));
    }
    return recheck(context);
}
