/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of ledger/models share: its records under their keys, its indexes, its windows. */
#ifndef ASSAY_LEDGER_MODELS_INTERNAL_H
#define ASSAY_LEDGER_MODELS_INTERNAL_H

#include <string.h>

#include "ledger/models/models.h"

/* ---- records (records.c) --------------------------------------------------------------------------------------------
 * The tables behind the keys of models.h. */

/* model/owner/<owner>, model/order/<name>/<number>, model/parent/<name>@<version>/<i>: what they lead to. */
typedef struct models_link {
    uint32_t format; /* 1 */
    assay_bytes name;
    assay_bytes version; /* empty where only a name is meant */
} models_link;

/* An entry of an index: it names what it leads to, so that no key is ever taken apart. */
typedef struct models_entry {
    uint32_t format; /* 1 */
    uint32_t kind;   /* models_due; 0 outside the queues of windows */
    assay_bytes name;
    assay_bytes version;
    assay_address validator; /* owner; zero where a version is meant */
    assay_hash check;        /* id of the check whose window it is: a later one is not meant; else zero */
    uint64_t window_blocks;  /* of a window: its length, and where it began */
    uint64_t window_seconds;
    uint64_t from_height;
    int64_t from_seconds;
} models_entry;

/* Which window closes. */
typedef enum models_due { DUE_ATTEST = 1, DUE_DUTY = 2, DUE_OPENING = 3 } models_due;

extern const assay_rule_table assay_models_model_table, assay_models_version_table, assay_models_detail_table,
    assay_models_check_table, assay_models_report_table, assay_models_link_table, assay_models_entry_table;
extern const assay_codec_message assay_models_model_message, assay_models_detail_message, assay_models_check_message,
    assay_models_report_message, assay_models_link_message, assay_models_entry_message;

/* Every key, from what it names. Names are at most ASSAY_NAME_LEN_MAX and versions ASSAY_VERSION_LEN_MAX long, as the
 * tables of messages have it. */
assay_rule_key assay_models_key_model(assay_bytes name);
assay_rule_key assay_models_key_owner(assay_bytes prefix);
assay_rule_key assay_models_key_orders(assay_bytes name);
assay_rule_key assay_models_key_order(assay_bytes name, uint64_t number);
assay_rule_key assay_models_key_version(assay_bytes name, assay_bytes version);
assay_rule_key assay_models_key_detail(assay_bytes name, assay_bytes version);
assay_rule_key assay_models_key_parent(assay_bytes name, assay_bytes version, uint32_t i);
assay_rule_key assay_models_key_checks(assay_bytes name, assay_bytes version);
assay_rule_key assay_models_key_check(assay_bytes name, assay_bytes version, assay_address validator);
assay_rule_key assay_models_key_reports(assay_bytes name, assay_bytes version);
assay_rule_key assay_models_key_report(assay_bytes name, assay_bytes version, assay_address validator);
/* The indexes, beside the tree: versions that are open; checks that wait for draws; checks that may be opened, by
 * validator; versions of which something was opened in this block; versions that live, by root. */
assay_rule_key assay_models_key_open(assay_bytes name, assay_bytes version);
assay_rule_key assay_models_key_draw(assay_bytes name, assay_bytes version, assay_address validator);
assay_rule_key assay_models_key_readies(assay_address validator);
assay_rule_key assay_models_key_ready(assay_address validator, assay_bytes name, assay_bytes version);
assay_rule_key assay_models_key_test(assay_bytes name, assay_bytes version);
assay_rule_key assay_models_key_roots(assay_hash root);
assay_rule_key assay_models_key_root(assay_hash root, assay_bytes name, assay_bytes version);

/* assay_models_owner_of - "acme" of "acme/ocr". name has a slash (assay_types_name_check). */
assay_bytes assay_models_owner_of(assay_bytes name);

/* assay_models_check_load - a check; its draws in keep. ASSAY_F_*. */
assay_err assay_models_check_load(assay_rule_view view, assay_models_check_record *out, bool *found, assay_arena *keep,
                                  assay_bytes name, assay_bytes version, assay_address validator);

/* A version as the handlers pass it around. */
typedef struct models_version {
    assay_bytes name;
    assay_bytes version;
    assay_version_record record;
} models_version;
/* assay_models_version_load - *found tells. name and version are those given. ASSAY_F_*. */
assay_err assay_models_version_load(assay_rule_view view, models_version *out, bool *found, assay_bytes name,
                                    assay_bytes version);
/* assay_models_version_store - writes the record. ASSAY_F_*. */
assay_err assay_models_version_store(assay_state *state, const models_version *version);

/* assay_models_index_put, _del - an entry of an index, and away with it. ASSAY_F_*. */
assay_err assay_models_index_put(assay_state *state, const assay_rule_key *key, const models_entry *entry);
assay_err assay_models_index_del(assay_state *state, const assay_rule_key *key);

/* assay_models_emit - an event whose subject is name@version. */
void assay_models_emit(assay_rule_context *context, const char *kind, assay_bytes name, assay_bytes version,
                       uint64_t amount, uint64_t extra);

/* ---- windows (windows.c) ------------------------------------------------------------------------------------- */

/* assay_models_attest_window, _duty_window - both longer with size; _opening_window is not. */
assay_rule_window assay_models_attest_window(const assay_params *params, uint64_t size);
assay_rule_window assay_models_duty_window(const assay_params *params, uint64_t size);
assay_rule_window assay_models_opening_window(const assay_params *params);

/* assay_models_is_open - may the version be checked in the block at now? ASSAY_E_STATE (it ended), ASSAY_E_WINDOW,
 * ASSAY_F_*. */
assay_err assay_models_is_open(assay_rule_view view, const assay_params *params, const assay_version_record *record,
                               assay_rule_moment now);
/* assay_models_opening_is_due - has a pending check all its draws, and is its window open? ASSAY_E_WINDOW. */
assay_err assay_models_opening_is_due(const assay_params *params, const assay_models_check_record *check,
                                      assay_rule_moment now);
/* assay_models_draw_list - the chunks that a check has to show, in order: draws_count * chunks_per_draw of them, which
 * is returned. chunks holds ASSAY_OPENING_ENTRIES_MAX. */
uint32_t assay_models_draw_list(uint64_t *chunks, const assay_models_check_record *check, uint64_t version_chunks);

/* assay_models_schedule - the window that begins in this block will be closed by assay_models_close_windows; where it
 * began is filled into the entry here. ASSAY_F_*. */
assay_err assay_models_schedule(assay_rule_context *context, models_entry *entry, assay_rule_window window);
/* assay_models_close_windows - calls close for scheduled windows that have passed, at most ASSAY_MODELS_DUE_MAX.
 * ASSAY_F_*. */
assay_err assay_models_close_windows(assay_rule_context *context,
                                     assay_err (*close)(assay_rule_context *context, const models_entry *entry));

#endif
