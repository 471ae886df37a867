/* SPDX-License-Identifier: Apache-2.0
 *
 * What others may ask: of a snapshot, from any thread, or of the journal. Everything that is returned is a copy. */
#include "models_internal.h"

/* ---- one ----------------------------------------------------------------------------------------------------- */

assay_err assay_models_version(assay_rule_view view, assay_version_record *out, bool *found, assay_bytes name,
                               assay_bytes version) {
    models_version loaded;
    if (name.len > ASSAY_NAME_LEN_MAX || version.len > ASSAY_VERSION_LEN_MAX) {
        *found = false;
        *out = (assay_version_record){0};
        return ASSAY_OK;
    }
    ASSAY_TRY(assay_models_version_load(view, &loaded, found, name, version));
    *out = loaded.record;
    return ASSAY_OK;
}

static assay_err parents_of(assay_rule_view view, assay_version_ref **out, uint32_t count, assay_arena *keep,
                            assay_bytes name, assay_bytes version) {
    assay_version_ref *list = ASSAY_NEW(keep, assay_version_ref, count);
    if (!list) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        models_link link;
        bool found;
        assay_rule_key key = assay_models_key_parent(name, version, i);
        ASSAY_TRY(assay_rule_get(view, &link, &found, NULL, &assay_models_link_table, &key));
        if (!found) return ASSAY_F_CORRUPT;
        ASSAY_TRY(assay_base_arena_copy(&list[i].name, keep, link.name));
        ASSAY_TRY(assay_base_arena_copy(&list[i].version, keep, link.version));
    }
    *out = list;
    return ASSAY_OK;
}

assay_err assay_models_detail_get(assay_rule_view view, assay_models_detail *out, bool *found,
                                  assay_version_ref **parents, uint32_t *parents_count, assay_arena *keep,
                                  assay_bytes name, assay_bytes version) {
    *found = false;
    *parents = NULL;
    *parents_count = 0;
    *out = (assay_models_detail){0};
    if (name.len > ASSAY_NAME_LEN_MAX || version.len > ASSAY_VERSION_LEN_MAX) return ASSAY_OK;
    assay_rule_key key = assay_models_key_detail(name, version);
    ASSAY_TRY(assay_rule_get(view, out, found, NULL, &assay_models_detail_table, &key));
    if (!*found) return ASSAY_OK;
    if (out->parents > ASSAY_PARENTS_MAX) return ASSAY_F_CORRUPT;
    ASSAY_TRY(assay_base_arena_copy(&out->source, keep, out->source));
    ASSAY_TRY(assay_base_arena_copy(&out->reason, keep, out->reason));
    *parents_count = (uint32_t)out->parents;
    return parents_of(view, parents, *parents_count, keep, name, version);
}

assay_err assay_models_model_get(assay_rule_view view, assay_models_model *out, bool *found, assay_arena *keep,
                                 assay_bytes name) {
    *found = false;
    *out = (assay_models_model){0};
    if (name.len > ASSAY_NAME_LEN_MAX) return ASSAY_OK;
    assay_rule_key key = assay_models_key_model(name);
    return assay_rule_get(view, out, found, keep, &assay_models_model_table, &key);
}

assay_err assay_models_owner_get(assay_rule_view view, assay_bytes *model, bool *found, assay_arena *keep,
                                 assay_bytes prefix) {
    models_link link;
    *found = false;
    *model = (assay_bytes){NULL, 0};
    if (prefix.len > ASSAY_NAME_PART_LEN_MAX) return ASSAY_OK;
    assay_rule_key key = assay_models_key_owner(prefix);
    ASSAY_TRY(assay_rule_get(view, &link, found, NULL, &assay_models_link_table, &key));
    return *found ? assay_base_arena_copy(model, keep, link.name) : ASSAY_OK;
}

/* ---- many ---------------------------------------------------------------------------------------------------- */

assay_err assay_models_list(assay_models_row **out, uint32_t *count, assay_arena *keep, assay_rule_view view,
                            assay_bytes after, uint32_t max) {
    assay_rule_key prefix = assay_models_key_model((assay_bytes){NULL, 0});
    assay_models_row *rows = ASSAY_NEW(keep, assay_models_row, max);
    if (!rows) return ASSAY_F_MEMORY;
    /* A name that is too long has no model; what sorts after it sorts after its beginning, but for that itself. */
    if (after.len > ASSAY_NAME_LEN_MAX) after.len = ASSAY_NAME_LEN_MAX;
    assay_rule_key last = assay_models_key_model(after);
    for (*count = 0; *count < max; ++*count) {
        assay_models_row *row = &rows[*count];
        assay_bytes key;
        bool found;
        ASSAY_TRY(assay_rule_next(view, &key, &row->model, &found, keep, &assay_models_model_table, &prefix, &last));
        if (!found) break;
        ASSAY_TRY(assay_rule_key_copy(&last, key));
        ASSAY_TRY(assay_base_arena_copy(&row->name, keep, assay_rule_key_tail(key, &prefix)));
    }
    *out = rows;
    return ASSAY_OK;
}

/* A row of a version that an index or an order led to. */
static assay_err version_row(assay_rule_view view, assay_models_version_row *row, assay_arena *keep, assay_bytes name,
                             assay_bytes version) {
    models_version loaded;
    bool found;
    ASSAY_TRY(assay_base_arena_copy(&row->name, keep, name));
    ASSAY_TRY(assay_base_arena_copy(&row->version, keep, version));
    ASSAY_TRY(assay_models_version_load(view, &loaded, &found, name, version));
    row->record = loaded.record;
    return found ? ASSAY_OK : ASSAY_F_CORRUPT;
}

assay_err assay_models_versions(assay_models_version_row **out, uint32_t *count, assay_arena *keep,
                                assay_rule_view view, assay_bytes name, uint64_t first, uint32_t max) {
    assay_models_version_row *rows = ASSAY_NEW(keep, assay_models_version_row, max);
    if (!rows) return ASSAY_F_MEMORY;
    *out = rows;
    *count = 0;
    if (name.len > ASSAY_NAME_LEN_MAX) return ASSAY_OK;
    for (; *count < max && first <= UINT64_MAX - *count; ++*count) {
        models_link link;
        bool found;
        rows[*count].number = first + *count;
        assay_rule_key key = assay_models_key_order(name, first + *count);
        ASSAY_TRY(assay_rule_get(view, &link, &found, NULL, &assay_models_link_table, &key));
        if (!found) break;
        ASSAY_TRY(version_row(view, &rows[*count], keep, name, link.version));
    }
    return ASSAY_OK;
}

assay_err assay_models_of_root(assay_models_version_row **out, uint32_t *count, assay_arena *keep, assay_rule_view view,
                               assay_hash root, uint32_t max) {
    assay_rule_key prefix = assay_models_key_roots(root), last = prefix;
    assay_models_version_row *rows = ASSAY_NEW(keep, assay_models_version_row, max);
    if (!rows) return ASSAY_F_MEMORY;
    for (*count = 0; *count < max; ++*count) {
        models_entry entry;
        assay_bytes key;
        bool found;
        ASSAY_TRY(assay_rule_next(view, &key, &entry, &found, NULL, &assay_models_entry_table, &prefix, &last));
        if (!found) break;
        ASSAY_TRY(assay_rule_key_copy(&last, key));
        ASSAY_TRY(version_row(view, &rows[*count], keep, entry.name, entry.version));
    }
    *out = rows;
    return ASSAY_OK;
}

assay_err assay_models_checks(assay_models_check_row **out, uint32_t *count, assay_arena *keep, assay_rule_view view,
                              assay_bytes name, assay_bytes version, uint32_t max) {
    assay_models_check_row *rows = ASSAY_NEW(keep, assay_models_check_row, max);
    if (!rows) return ASSAY_F_MEMORY;
    *out = rows;
    *count = 0;
    if (name.len > ASSAY_NAME_LEN_MAX || version.len > ASSAY_VERSION_LEN_MAX) return ASSAY_OK;
    assay_rule_key prefix = assay_models_key_checks(name, version), last = prefix;
    for (; *count < max; ++*count) {
        assay_models_check_row *row = &rows[*count];
        assay_staking_validator validator;
        assay_bytes key;
        bool found;
        ASSAY_TRY(assay_rule_next(view, &key, &row->check, &found, keep, &assay_models_check_table, &prefix, &last));
        if (!found) break;
        ASSAY_TRY(assay_rule_key_copy(&last, key));
        ASSAY_TRY(assay_rule_read_address(&row->validator, assay_rule_key_tail(key, &prefix), 0));
        ASSAY_TRY(assay_staking_by_owner(view, &validator, &found, row->validator));
        row->power = validator.power;
    }
    return ASSAY_OK;
}

assay_err assay_models_reports(assay_models_report_row **out, uint32_t *count, assay_arena *keep, assay_rule_view view,
                               assay_bytes name, assay_bytes version, uint32_t max) {
    assay_models_report_row *rows = ASSAY_NEW(keep, assay_models_report_row, max);
    if (!rows) return ASSAY_F_MEMORY;
    *out = rows;
    *count = 0;
    if (name.len > ASSAY_NAME_LEN_MAX || version.len > ASSAY_VERSION_LEN_MAX) return ASSAY_OK;
    assay_rule_key prefix = assay_models_key_reports(name, version), last = prefix;
    for (; *count < max; ++*count) {
        assay_models_report_row *row = &rows[*count];
        assay_bytes key;
        bool found;
        ASSAY_TRY(assay_rule_next(view, &key, &row->report, &found, NULL, &assay_models_report_table, &prefix, &last));
        if (!found) break;
        ASSAY_TRY(assay_rule_key_copy(&last, key));
        ASSAY_TRY(assay_rule_read_address(&row->validator, assay_rule_key_tail(key, &prefix), 0));
        ASSAY_TRY(assay_base_arena_copy(&row->report.path, keep, row->report.path));
    }
    return ASSAY_OK;
}

assay_err assay_models_audit(assay_rule_view view, uint64_t *held) {
    assay_rule_key prefix = assay_rule_key_begin("model/version/"), last = prefix;
    *held = 0;
    for (;;) {
        assay_version_record record;
        assay_bytes key;
        bool found;
        ASSAY_TRY(assay_rule_next(view, &key, &record, &found, NULL, &assay_models_version_table, &prefix, &last));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(assay_rule_key_copy(&last, key));
        ASSAY_TRY(assay_base_add_u64(held, *held, record.deposit));
    }
}
