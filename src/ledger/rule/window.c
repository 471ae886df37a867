/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows, and the moments of past blocks.
 *
 * Moments are kept beside the tree, since every block has one and an idle chain's root must not move: 64 blocks to a
 * record, 8 bytes each, for as long as any window over them is open (unbonding is the longest). */
#include "rule_internal.h"

#include <string.h>

enum { SPAN = 64 };

static const char moments_prefix[] = "rule/moment/";

/* ---- windows ------------------------------------------------------------------------------------------------- */

assay_rule_moment assay_rule_now(const assay_rule_context *context) {
    return (assay_rule_moment){context->height, context->time.seconds};
}

bool assay_rule_passed(assay_rule_window window, assay_rule_moment from, assay_rule_moment now) {
    if (now.height <= from.height || now.seconds <= from.seconds) return false;
    uint64_t blocks = now.height - from.height;
    uint64_t seconds = (uint64_t)now.seconds - (uint64_t)from.seconds; /* exact, since it is positive */
    return blocks > window.blocks && seconds > window.seconds;
}

uint64_t assay_rule_due_height(assay_rule_window window, assay_rule_moment from) {
    uint64_t height;
    if (assay_base_add_u64(&height, from.height, window.blocks) != ASSAY_OK || height == UINT64_MAX) return UINT64_MAX;
    return height + 1;
}

bool assay_rule_is_epoch_end(const assay_rule_context *context) {
    return context->height % context->params->epoch_blocks == 0;
}

uint64_t assay_rule_epoch_end_of(const assay_params *params, uint64_t height) {
    uint64_t past = height % params->epoch_blocks, end;
    if (past == 0) return height;
    return assay_base_add_u64(&end, height, params->epoch_blocks - past) == ASSAY_OK ? end : UINT64_MAX;
}

/* ---- moments ------------------------------------------------------------------------------------------------- */

/* One record is the raw seconds of up to SPAN heights, big-endian; record 0 begins with height 1. */
static assay_rule_key record_of(uint64_t height) {
    assay_rule_key key = assay_rule_key_begin(moments_prefix);
    assay_rule_key_u64(&key, (height - 1) / SPAN);
    return key;
}

static int64_t seconds_at(assay_bytes value, size_t place) {
    uint64_t seconds = 0;
    for (size_t i = 0; i < 8; i++) seconds = seconds << 8 | value.ptr[8 * place + i];
    return (int64_t)seconds;
}

/* Deletes the oldest record if no window over its last height is open. */
static assay_err forget_oldest(assay_rule_context *context, bool *more) {
    const assay_params *p = context->params;
    assay_bytes key, value;
    assay_rule_key prefix = assay_rule_key_begin(moments_prefix), oldest;
    ASSAY_TRY(assay_state_side_next(context->state, assay_rule_key_of(&prefix), (assay_bytes){0}, &key, &value, more));
    if (!*more) return ASSAY_OK;
    if (value.len < 8 || value.len > 8 * SPAN || value.len % 8 != 0) return ASSAY_F_CORRUPT;
    uint64_t record;
    ASSAY_TRY(assay_rule_read_u64(&record, assay_rule_key_tail(key, &prefix), 0));
    assay_rule_moment last = {record * SPAN + value.len / 8, seconds_at(value, value.len / 8 - 1)};
    *more = value.len == 8 * SPAN && assay_rule_passed((assay_rule_window){p->unbonding_blocks, p->unbonding_seconds},
                                                       last, assay_rule_now(context));
    if (!*more) return ASSAY_OK;
    ASSAY_TRY(assay_rule_key_copy(&oldest, key));
    return assay_state_side_del(context->state, assay_rule_key_of(&oldest));
}

assay_err assay_rule_note_moment(assay_rule_context *context) {
    ASSAY_ASSERT(context->height > 0);
    assay_rule_key key = record_of(context->height);
    size_t place = (context->height - 1) % SPAN;
    uint8_t record[8 * SPAN];
    assay_bytes value;
    bool found, more = true;
    ASSAY_TRY(assay_state_side_get(context->state, assay_rule_key_of(&key), &value, &found));
    if (!found) value = (assay_bytes){0};
    if (value.len != 8 * place) return ASSAY_F_CORRUPT; /* a block was left out, or comes again */
    if (value.len > 0) memcpy(record, value.ptr, value.len);
    for (size_t i = 0; i < 8; i++) record[8 * place + i] = (uint8_t)((uint64_t)context->time.seconds >> (56 - 8 * i));
    assay_bytes next = {record, 8 * (place + 1)};
    ASSAY_TRY(assay_state_side_put(context->state, assay_rule_key_of(&key), next));
    /* Two may go where one comes, so that what a long window kept shrinks again after it. */
    for (int i = 0; i < 2 && place == 0 && more; i++) ASSAY_TRY(forget_oldest(context, &more));
    return ASSAY_OK;
}

assay_err assay_rule_moment_at(assay_rule_view view, assay_rule_moment *out, bool *found, uint64_t height) {
    *out = (assay_rule_moment){.height = height};
    *found = false;
    if (height == 0) return ASSAY_OK;
    assay_rule_key key = record_of(height);
    size_t place = (height - 1) % SPAN;
    assay_bytes value;
    assay_state_reader reader = view.reader;
    if (view.state)
        ASSAY_TRY(assay_state_side_get(view.state, assay_rule_key_of(&key), &value, found));
    else
        ASSAY_TRY(reader.get(reader.context, ASSAY_SPACE_SIDE, assay_rule_key_of(&key), &value, found));
    if (!*found) return ASSAY_OK;
    *found = value.len / 8 > place;
    if (*found) out->seconds = seconds_at(value, place);
    return ASSAY_OK;
}
