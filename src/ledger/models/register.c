/* SPDX-License-Identifier: Apache-2.0
 *
 * What publishers say: a version is registered, deprecated, revoked; who maintains a model. */
#include "models_internal.h"

/* ---- who may ------------------------------------------------------------------------------------------------- */

static bool maintains(const assay_models_model *model, assay_address who) {
    for (uint32_t i = 0; i < model->maintainers_count; i++)
        if (memcmp(model->maintainers[i], who.b, sizeof who.b) == 0) return true;
    return false;
}

/* A model that the signer maintains. ASSAY_E_NOT_FOUND, ASSAY_E_UNAUTHORIZED. */
static assay_err maintained(assay_rule_context *context, assay_models_model *model, assay_arena *keep,
                            assay_bytes name) {
    bool found;
    ASSAY_TRY(assay_models_model_get(assay_rule_view_of(context), model, &found, keep, name));
    if (!found) return ASSAY_E_NOT_FOUND;
    return maintains(model, context->signer) ? ASSAY_OK : ASSAY_E_UNAUTHORIZED;
}

/* The first to register under a prefix takes it; later models under it are for the maintainers of that first one, so
 * that whoever hands that model on hands the prefix on. */
static assay_err claim_prefix(assay_rule_context *context, assay_bytes name, assay_arena scratch) {
    assay_bytes first, prefix = assay_models_owner_of(name);
    bool found;
    ASSAY_TRY(assay_models_owner_get(assay_rule_view_of(context), &first, &found, &scratch, prefix));
    if (found) {
        assay_models_model model;
        assay_err err = maintained(context, &model, &scratch, first);
        return err == ASSAY_E_NOT_FOUND ? ASSAY_F_CORRUPT : err;
    }
    assay_rule_key key = assay_models_key_owner(prefix);
    return assay_rule_put(context->state, &assay_models_link_table, &key, &(models_link){.format = 1, .name = name});
}

/* ---- what is well formed ------------------------------------------------------------------------------------- */

/* UTF-8 as RFC 3629 has it: people will read it, and JSON must carry it. */
static bool text_ok(assay_bytes text) {
    for (size_t i = 0; i < text.len;) {
        uint8_t lead = text.ptr[i];
        size_t len = lead < 0x80                   ? 1
                     : lead >= 0xc2 && lead < 0xe0 ? 2
                     : lead >= 0xe0 && lead < 0xf0 ? 3
                     : lead >= 0xf0 && lead < 0xf5 ? 4
                                                   : 0;
        if (len == 0 || len > text.len - i) return false;
        uint32_t point = len == 1 ? lead : lead & (0x7fu >> len);
        for (size_t k = 1; k < len; k++) {
            if ((text.ptr[i + k] & 0xc0) != 0x80) return false;
            point = point << 6 | (text.ptr[i + k] & 0x3f);
        }
        if (len == 3 && (point < 0x800 || (point >= 0xd800 && point < 0xe000))) return false;
        if (len == 4 && (point < 0x10000 || point > 0x10ffff)) return false;
        i += len;
    }
    return true;
}

/* Numbers that one manifest could have: a file of n bytes has max(1, ceil(n / 1024)) chunks. */
static assay_err numbers_ok(const assay_msg_register *m, const assay_params *params) {
    if (m->files == 0) return ASSAY_E_EMPTY;
    if (m->size > params->model_size_max || m->files > ASSAY_FILES_MAX || m->tensors > ASSAY_TENSORS_MAX)
        return ASSAY_E_LIMIT;
    uint64_t full = m->size / ASSAY_BLAKE3_CHUNK_LEN, least = full + (m->size % ASSAY_BLAKE3_CHUNK_LEN != 0);
    if (least < m->files) least = m->files;
    if (m->chunks < least || m->chunks > full + m->files) return ASSAY_E_RANGE;
    return m->tensors > 0 && m->tensor_rules == 0 ? ASSAY_E_RANGE : ASSAY_OK;
}

/* Parents exist already, so the lineage has no cycle, whatever models it crosses. */
static assay_err parents_ok(assay_rule_context *context, const assay_msg_register *m) {
    for (uint32_t i = 0; i < m->parents_count; i++) {
        const assay_version_ref *parent = &m->parents[i];
        ASSAY_TRY(assay_types_name_check(parent->name));
        ASSAY_TRY(assay_types_version_check(parent->version));
        models_version version;
        bool found;
        ASSAY_TRY(
            assay_models_version_load(assay_rule_view_of(context), &version, &found, parent->name, parent->version));
        if (!found) return ASSAY_E_LINEAGE;
        for (uint32_t k = 0; k < i; k++)
            if (assay_base_bytes_eq(m->parents[k].name, parent->name) &&
                assay_base_bytes_eq(m->parents[k].version, parent->version))
                return ASSAY_E_LINEAGE;
    }
    return ASSAY_OK;
}

/* ---- register ------------------------------------------------------------------------------------------------ */

/* Half of the deposit is burned now, the larger one of two halves; the other is held. */
static assay_err deposit(assay_rule_context *context, uint64_t *whole, uint64_t *held, uint64_t size) {
    uint64_t mib = (size >> 20) + ((size & ((1u << 20) - 1)) != 0);
    if (mib == 0) mib = 1;
    ASSAY_TRY(assay_base_mul_u64(whole, mib, context->params->deposit_per_mib));
    *held = *whole / 2;
    ASSAY_TRY(assay_accounts_debit(context, context->signer, *whole));
    return assay_rule_burn(context, *whole - *held);
}

static assay_err write_version(assay_rule_context *context, const assay_msg_register *m, uint64_t held) {
    models_version version = {
        .name = m->name,
        .version = m->version,
        .record =
            {
                .format = 1,
                .status = ASSAY_VERSION_RECORDED,
                .root = m->root,
                .size = m->size,
                .files = m->files,
                .chunks = m->chunks,
                .tensor_root = m->tensor_root,
                .tensor_rules = m->tensor_rules,
                .tensors = m->tensors,
                .model_signing = m->model_signing,
                .publisher = context->signer_key,
                .statement_signature = m->statement_signature,
                .recorded_height = context->height,
                .recorded_block = context->block_hash,
                .recorded_seconds = context->time.seconds,
                .deposit = held,
            },
    };
    return assay_models_version_store(context->state, &version);
}

static assay_err write_lineage(assay_rule_context *context, const assay_msg_register *m, uint64_t number) {
    assay_models_detail detail = {1, number, m->parents_count, m->source, {NULL, 0}};
    assay_rule_key key = assay_models_key_detail(m->name, m->version);
    ASSAY_TRY(assay_rule_put(context->state, &assay_models_detail_table, &key, &detail));
    key = assay_models_key_order(m->name, number);
    models_link link = {1, {NULL, 0}, m->version};
    ASSAY_TRY(assay_rule_put(context->state, &assay_models_link_table, &key, &link));
    for (uint32_t i = 0; i < m->parents_count; i++) {
        key = assay_models_key_parent(m->name, m->version, i);
        link = (models_link){1, m->parents[i].name, m->parents[i].version};
        ASSAY_TRY(assay_rule_put(context->state, &assay_models_link_table, &key, &link));
    }
    return ASSAY_OK;
}

static assay_err write_indexes(assay_rule_context *context, const assay_msg_register *m) {
    models_entry entry = {.format = 1, .name = m->name, .version = m->version};
    assay_rule_key key = assay_models_key_open(m->name, m->version);
    ASSAY_TRY(assay_models_index_put(context->state, &key, &entry));
    key = assay_models_key_root(m->root, m->name, m->version);
    ASSAY_TRY(assay_models_index_put(context->state, &key, &entry));
    entry.kind = DUE_ATTEST;
    return assay_models_schedule(context, &entry, assay_models_attest_window(context->params, m->size));
}

assay_err assay_models_register(assay_rule_context *context, const assay_msg_register *m) {
    assay_arena scratch = context->scratch;
    assay_rule_view view = assay_rule_view_of(context);
    ASSAY_TRY(assay_types_name_check(m->name));
    ASSAY_TRY(assay_types_version_check(m->version));
    if (!text_ok(m->source)) return ASSAY_E_ENCODING;
    ASSAY_TRY(numbers_ok(m, context->params));
    models_version version;
    bool found;
    ASSAY_TRY(assay_models_version_load(view, &version, &found, m->name, m->version));
    if (found) return ASSAY_E_EXISTS;

    assay_models_model model;
    ASSAY_TRY(assay_models_model_get(view, &model, &found, &scratch, m->name));
    if (found && !maintains(&model, context->signer)) return ASSAY_E_UNAUTHORIZED;
    if (!found) {
        ASSAY_TRY(claim_prefix(context, m->name, scratch));
        model = (assay_models_model){1, context->height, 0, &context->signer.b, 1};
    }
    ASSAY_TRY(parents_ok(context, m));

    uint64_t whole, held, number = model.versions++;
    ASSAY_TRY(deposit(context, &whole, &held, m->size));
    assay_rule_key key = assay_models_key_model(m->name);
    ASSAY_TRY(assay_rule_put(context->state, &assay_models_model_table, &key, &model));
    ASSAY_TRY(write_version(context, m, held));
    ASSAY_TRY(write_lineage(context, m, number));
    ASSAY_TRY(write_indexes(context, m));
    assay_models_emit(context, "recorded", m->name, m->version, whole, 0);
    return ASSAY_OK;
}

/* ---- deprecate, revoke --------------------------------------------------------------------------------------- */

/* The version that a status message means, if the signer may speak of it. */
static assay_err status_target(assay_rule_context *context, models_version *version, const assay_msg_status *m) {
    assay_arena scratch = context->scratch;
    assay_models_model model;
    bool found;
    if (!text_ok(m->reason)) return ASSAY_E_ENCODING;
    ASSAY_TRY(assay_models_version_load(assay_rule_view_of(context), version, &found, m->name, m->version));
    if (!found) return ASSAY_E_NOT_FOUND;
    return maintained(context, &model, &scratch, m->name);
}

/* The version takes its new status and is no longer open: nobody's duty, and what was in flight counts nothing. */
static assay_err end_version(assay_rule_context *context, models_version *version, assay_version_status status,
                             assay_bytes reason) {
    version->record.status = status;
    version->record.ended_height = context->height;
    ASSAY_TRY(assay_models_version_store(context->state, version));
    assay_models_detail detail;
    bool found;
    assay_rule_key key = assay_models_key_detail(version->name, version->version);
    ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), &detail, &found, NULL, &assay_models_detail_table, &key));
    if (!found) return ASSAY_F_CORRUPT;
    detail.reason = reason;
    ASSAY_TRY(assay_rule_put(context->state, &assay_models_detail_table, &key, &detail));
    key = assay_models_key_open(version->name, version->version);
    return assay_models_index_del(context->state, &key);
}

assay_err assay_models_deprecate(assay_rule_context *context, const assay_msg_status *m) {
    models_version version;
    ASSAY_TRY(status_target(context, &version, m));
    if (version.record.status != ASSAY_VERSION_ATTESTED) return ASSAY_E_STATE;
    ASSAY_TRY(end_version(context, &version, ASSAY_VERSION_DEPRECATED, m->reason));
    assay_models_emit(context, "deprecated", m->name, m->version, 0, 0);
    return ASSAY_OK;
}

assay_err assay_models_revoke(assay_rule_context *context, const assay_msg_status *m) {
    models_version version;
    ASSAY_TRY(status_target(context, &version, m));
    uint32_t status = version.record.status;
    if (status == ASSAY_VERSION_LAPSED || status == ASSAY_VERSION_REVOKED) return ASSAY_E_STATE;
    ASSAY_TRY(assay_rule_burn(context, version.record.deposit));
    version.record.deposit = 0;
    assay_rule_key key = assay_models_key_root(version.record.root, m->name, m->version);
    ASSAY_TRY(assay_models_index_del(context->state, &key));
    ASSAY_TRY(end_version(context, &version, ASSAY_VERSION_REVOKED, m->reason));
    assay_models_emit(context, "revoked", m->name, m->version, 0, 0);
    return ASSAY_OK;
}

/* ---- maintainers --------------------------------------------------------------------------------------------- */

assay_err assay_models_maintainers(assay_rule_context *context, const assay_msg_maintainers *m) {
    assay_arena scratch = context->scratch;
    assay_models_model model;
    ASSAY_TRY(maintained(context, &model, &scratch, m->name));
    if (m->maintainers_count == 0) return ASSAY_E_RANGE;
    for (uint32_t i = 0; i < m->maintainers_count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (memcmp(m->maintainers[i], m->maintainers[k], ASSAY_ADDRESS_LEN) == 0) return ASSAY_E_DUPLICATE;
    model.maintainers = m->maintainers;
    model.maintainers_count = m->maintainers_count;
    assay_rule_key key = assay_models_key_model(m->name);
    ASSAY_TRY(assay_rule_put(context->state, &assay_models_model_table, &key, &model));
    assay_rule_emit(context, "maintainers", m->name, m->maintainers_count, 0);
    return ASSAY_OK;
}
