/* SPDX-License-Identifier: Apache-2.0
 *
 * What a block accumulates beside its records: totals, events, the height at which to look again. */
#include "rule_internal.h"

static const assay_codec_field totals_fields[] = {
    ASSAY_FIELD(1, U32, assay_rule_totals, format),
    ASSAY_FIELD(2, U64, assay_rule_totals, issued),
    ASSAY_FIELD(3, U64, assay_rule_totals, burned),
};
static const assay_codec_message totals_message = ASSAY_MESSAGE("Totals", assay_rule_totals, totals_fields);
const assay_rule_table assay_rule_totals_table = {&totals_message, false};

/* ---- totals -------------------------------------------------------------------------------------------------- */

assay_err assay_rule_totals_read(assay_rule_totals *out, assay_rule_view view) {
    bool found;
    assay_rule_key key = assay_rule_key_begin("rule/totals");
    return assay_rule_get(view, out, &found, NULL, &assay_rule_totals_table, &key);
}

assay_err assay_rule_begin(assay_rule_context *context) {
    ASSAY_TRY(assay_rule_totals_read(&context->totals, assay_rule_view_of(context)));
    context->totals.format = 1;
    context->totals_stored = context->totals;
    context->recheck_height = 0;
    return ASSAY_OK;
}

assay_err assay_rule_begin_block(assay_rule_context *context) {
    ASSAY_TRY(assay_rule_begin(context));
    return assay_rule_note_moment(context);
}

assay_err assay_rule_end_block(assay_rule_context *context) {
    const assay_rule_totals *now = &context->totals, *stored = &context->totals_stored;
    if (now->issued == stored->issued && now->burned == stored->burned) return ASSAY_OK;
    assay_rule_key key = assay_rule_key_begin("rule/totals");
    ASSAY_TRY(assay_rule_put(context->state, &assay_rule_totals_table, &key, now));
    context->totals_stored = context->totals;
    return ASSAY_OK;
}

assay_err assay_rule_burn(assay_rule_context *context, uint64_t amount) {
    assay_rule_totals *totals = &context->totals;
    if (amount > totals->issued - totals->burned) return ASSAY_F_BUG;
    totals->burned += amount;
    return ASSAY_OK;
}

assay_err assay_rule_issue(assay_rule_context *context, uint64_t amount) {
    return assay_base_add_u64(&context->totals.issued, context->totals.issued, amount);
}

/* ---- marks --------------------------------------------------------------------------------------------------- */

assay_rule_point assay_rule_mark(const assay_rule_context *context) {
    assay_rule_point point = {
        .state = assay_state_mark(context->state),
        .totals = context->totals,
        .recheck_height = context->recheck_height,
    };
    if (context->events) {
        point.events = context->events->count;
        point.events_keep = context->events->keep;
    }
    return point;
}

void assay_rule_rollback(assay_rule_context *context, const assay_rule_point *point) {
    assay_state_rollback(context->state, point->state);
    context->totals = point->totals;
    context->recheck_height = point->recheck_height;
    if (context->events) {
        context->events->count = point->events;
        context->events->keep = point->events_keep;
    }
}

/* ---- events -------------------------------------------------------------------------------------------------- */

void assay_rule_recheck(assay_rule_context *context, uint64_t height) {
    if (height <= context->height) return;
    if (context->recheck_height == 0 || height < context->recheck_height) context->recheck_height = height;
}

void assay_rule_emit(assay_rule_context *context, const char *kind, assay_bytes subject, uint64_t amount,
                     uint64_t extra) {
    assay_rule_events *events = context->events;
    if (!events) return;
    assay_bytes copy;
    if (events->count == events->cap || assay_base_arena_copy(&copy, &events->keep, subject) != ASSAY_OK) {
        events->dropped++;
        return;
    }
    events->items[events->count++] = (assay_rule_event){kind, context->tx_index, copy, amount, extra};
}

void assay_rule_emit_address(assay_rule_context *context, const char *kind, assay_address subject, uint64_t amount,
                             uint64_t extra) {
    if (!context->events) return;
    char text[ASSAY_ADDRESS_TEXT_LEN + 1];
    assay_codec_address_put(text, subject);
    assay_rule_emit(context, kind, (assay_bytes){(const uint8_t *)text, ASSAY_ADDRESS_TEXT_LEN}, amount, extra);
}
