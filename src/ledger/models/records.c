/* SPDX-License-Identifier: Apache-2.0
 *
 * Every record that models keeps, its table and its key. Nobody else writes them. */
#include "models_internal.h"

/* ---- tables -------------------------------------------------------------------------------------------------- */

static const assay_codec_field model_fields[] = {
    ASSAY_FIELD(1, U32, assay_models_model, format),
    ASSAY_FIELD(2, U64, assay_models_model, created_height),
    ASSAY_FIELD(3, U64, assay_models_model, versions),
    ASSAY_FIELD_REPEATED_SIZED(4, REPEATED_FIXED, assay_models_model, maintainers, ASSAY_MAINTAINERS_MAX,
                               ASSAY_ADDRESS_LEN),
};
const assay_codec_message assay_models_model_message = ASSAY_MESSAGE("Model", assay_models_model, model_fields);

static const assay_codec_field detail_fields[] = {
    ASSAY_FIELD(1, U32, assay_models_detail, format),
    ASSAY_FIELD(2, U64, assay_models_detail, number),
    ASSAY_FIELD(3, U64, assay_models_detail, parents),
    ASSAY_FIELD_BYTES(4, assay_models_detail, source, ASSAY_SOURCE_LEN_MAX),
    ASSAY_FIELD_BYTES(5, assay_models_detail, reason, ASSAY_MEMO_LEN_MAX),
};
const assay_codec_message assay_models_detail_message =
    ASSAY_MESSAGE("ModelDetail", assay_models_detail, detail_fields);

static const assay_codec_field check_fields[] = {
    ASSAY_FIELD(1, U32, assay_models_check_record, format),
    ASSAY_FIELD(2, U32, assay_models_check_record, state),
    ASSAY_FIELD_FIXED(3, FIXED, assay_models_check_record, id),
    ASSAY_FIELD_FIXED(4, FIXED, assay_models_check_record, custody_root),
    ASSAY_FIELD(5, U64, assay_models_check_record, height),
    ASSAY_FIELD(6, U64, assay_models_check_record, voids),
    ASSAY_FIELD(7, U64, assay_models_check_record, chunks_per_draw),
    ASSAY_FIELD_REPEATED_SIZED(8, REPEATED_FIXED, assay_models_check_record, draws, ASSAY_MODELS_DRAWS_MAX,
                               ASSAY_HASH_LEN),
    ASSAY_FIELD(9, U64, assay_models_check_record, drawn_height),
    ASSAY_FIELD(10, I64, assay_models_check_record, drawn_seconds),
    ASSAY_FIELD(11, U64, assay_models_check_record, ended_height),
};
const assay_codec_message assay_models_check_message =
    ASSAY_MESSAGE("ModelCheck", assay_models_check_record, check_fields);

static const assay_codec_field report_fields[] = {
    ASSAY_FIELD(1, U32, assay_models_report_record, format),
    ASSAY_FIELD_FIXED(2, FIXED, assay_models_report_record, sender),
    ASSAY_FIELD_BYTES(3, assay_models_report_record, path, ASSAY_MODELS_REPORT_PATH_MAX),
    ASSAY_FIELD(4, U64, assay_models_report_record, height),
};
const assay_codec_message assay_models_report_message =
    ASSAY_MESSAGE("ModelReport", assay_models_report_record, report_fields);

static const assay_codec_field link_fields[] = {
    ASSAY_FIELD(1, U32, models_link, format),
    ASSAY_FIELD_BYTES(2, models_link, name, ASSAY_NAME_LEN_MAX),
    ASSAY_FIELD_BYTES(3, models_link, version, ASSAY_VERSION_LEN_MAX),
};
const assay_codec_message assay_models_link_message = ASSAY_MESSAGE("ModelLink", models_link, link_fields);

static const assay_codec_field entry_fields[] = {
    ASSAY_FIELD(1, U32, models_entry, format),
    ASSAY_FIELD(2, U32, models_entry, kind),
    ASSAY_FIELD_BYTES(3, models_entry, name, ASSAY_NAME_LEN_MAX),
    ASSAY_FIELD_BYTES(4, models_entry, version, ASSAY_VERSION_LEN_MAX),
    ASSAY_FIELD_FIXED(5, FIXED_OPTIONAL, models_entry, validator),
    ASSAY_FIELD_FIXED(6, FIXED_OPTIONAL, models_entry, check),
    ASSAY_FIELD(7, U64, models_entry, window_blocks),
    ASSAY_FIELD(8, U64, models_entry, window_seconds),
    ASSAY_FIELD(9, U64, models_entry, from_height),
    ASSAY_FIELD(10, I64, models_entry, from_seconds),
};
const assay_codec_message assay_models_entry_message = ASSAY_MESSAGE("ModelEntry", models_entry, entry_fields);

const assay_rule_table assay_models_model_table = {&assay_models_model_message, false};
const assay_rule_table assay_models_version_table = {&assay_version_record_message, false};
const assay_rule_table assay_models_detail_table = {&assay_models_detail_message, false};
const assay_rule_table assay_models_check_table = {&assay_models_check_message, false};
const assay_rule_table assay_models_report_table = {&assay_models_report_message, false};
const assay_rule_table assay_models_link_table = {&assay_models_link_message, false};
const assay_rule_table assay_models_entry_table = {&assay_models_entry_message, true};

/* ---- keys ---------------------------------------------------------------------------------------------------- */

/* prefix name@version: neither has an '@', so it reads one way. */
static assay_rule_key of_version(const char *prefix, assay_bytes name, assay_bytes version) {
    assay_rule_key key = assay_rule_key_begin(prefix);
    assay_rule_key_bytes(&key, name);
    assay_rule_key_bytes(&key, ASSAY_STR("@"));
    assay_rule_key_bytes(&key, version);
    return key;
}

/* prefix name@version/ and whose */
static assay_rule_key of_versions(const char *prefix, assay_bytes name, assay_bytes version) {
    assay_rule_key key = of_version(prefix, name, version);
    assay_rule_key_bytes(&key, ASSAY_STR("/"));
    return key;
}

static assay_rule_key of_validator(const char *prefix, assay_bytes name, assay_bytes version, assay_address validator) {
    assay_rule_key key = of_versions(prefix, name, version);
    assay_rule_key_address(&key, validator);
    return key;
}

assay_rule_key assay_models_key_model(assay_bytes name) {
    assay_rule_key key = assay_rule_key_begin("model/name/");
    assay_rule_key_bytes(&key, name);
    return key;
}

assay_rule_key assay_models_key_owner(assay_bytes prefix) {
    assay_rule_key key = assay_rule_key_begin("model/owner/");
    assay_rule_key_bytes(&key, prefix);
    return key;
}

assay_rule_key assay_models_key_orders(assay_bytes name) {
    assay_rule_key key = assay_rule_key_begin("model/order/");
    assay_rule_key_bytes(&key, name);
    assay_rule_key_bytes(&key, ASSAY_STR("/"));
    return key;
}

assay_rule_key assay_models_key_order(assay_bytes name, uint64_t number) {
    assay_rule_key key = assay_models_key_orders(name);
    assay_rule_key_u64(&key, number);
    return key;
}

/* The key that certificates prove is types' to say. */
assay_rule_key assay_models_key_version(assay_bytes name, assay_bytes version) {
    assay_rule_key key = {0};
    assay_buf text = {key.bytes, 0, sizeof key.bytes};
    ASSAY_ASSERT(assay_version_key(&text, name, version) == ASSAY_OK);
    key.len = text.len;
    return key;
}

assay_rule_key assay_models_key_detail(assay_bytes name, assay_bytes version) {
    return of_version("model/detail/", name, version);
}

assay_rule_key assay_models_key_parent(assay_bytes name, assay_bytes version, uint32_t i) {
    assay_rule_key key = of_versions("model/parent/", name, version);
    assay_rule_key_u32(&key, i);
    return key;
}

assay_rule_key assay_models_key_checks(assay_bytes name, assay_bytes version) {
    return of_versions("model/check/", name, version);
}

assay_rule_key assay_models_key_check(assay_bytes name, assay_bytes version, assay_address validator) {
    return of_validator("model/check/", name, version, validator);
}

assay_rule_key assay_models_key_reports(assay_bytes name, assay_bytes version) {
    return of_versions("model/report/", name, version);
}

assay_rule_key assay_models_key_report(assay_bytes name, assay_bytes version, assay_address validator) {
    return of_validator("model/report/", name, version, validator);
}

assay_rule_key assay_models_key_open(assay_bytes name, assay_bytes version) {
    return of_version("models/open/", name, version);
}

assay_rule_key assay_models_key_draw(assay_bytes name, assay_bytes version, assay_address validator) {
    return of_validator("models/draw/", name, version, validator);
}

assay_rule_key assay_models_key_readies(assay_address validator) {
    assay_rule_key key = assay_rule_key_begin("models/ready/");
    assay_rule_key_address(&key, validator);
    return key;
}

assay_rule_key assay_models_key_ready(assay_address validator, assay_bytes name, assay_bytes version) {
    assay_rule_key key = assay_models_key_readies(validator);
    assay_rule_key_bytes(&key, name);
    assay_rule_key_bytes(&key, ASSAY_STR("@"));
    assay_rule_key_bytes(&key, version);
    return key;
}

assay_rule_key assay_models_key_test(assay_bytes name, assay_bytes version) {
    return of_version("models/test/", name, version);
}

assay_rule_key assay_models_key_roots(assay_hash root) {
    assay_rule_key key = assay_rule_key_begin("models/root/");
    assay_rule_key_hash(&key, root);
    return key;
}

assay_rule_key assay_models_key_root(assay_hash root, assay_bytes name, assay_bytes version) {
    assay_rule_key key = assay_models_key_roots(root);
    assay_rule_key_bytes(&key, name);
    assay_rule_key_bytes(&key, ASSAY_STR("@"));
    assay_rule_key_bytes(&key, version);
    return key;
}

assay_bytes assay_models_owner_of(assay_bytes name) {
    const uint8_t *slash = memchr(name.ptr, '/', name.len);
    ASSAY_ASSERT(slash != NULL);
    return (assay_bytes){name.ptr, (size_t)(slash - name.ptr)};
}

/* ---- reading and writing ------------------------------------------------------------------------------------- */

assay_err assay_models_check_load(assay_rule_view view, assay_models_check_record *out, bool *found, assay_arena *keep,
                                  assay_bytes name, assay_bytes version, assay_address validator) {
    assay_rule_key key = assay_models_key_check(name, version, validator);
    return assay_rule_get(view, out, found, keep, &assay_models_check_table, &key);
}

assay_err assay_models_version_load(assay_rule_view view, models_version *out, bool *found, assay_bytes name,
                                    assay_bytes version) {
    assay_rule_key key = assay_models_key_version(name, version);
    out->name = name;
    out->version = version;
    return assay_rule_get(view, &out->record, found, NULL, &assay_models_version_table, &key);
}

assay_err assay_models_version_store(assay_state *state, const models_version *version) {
    assay_rule_key key = assay_models_key_version(version->name, version->version);
    return assay_rule_put(state, &assay_models_version_table, &key, &version->record);
}

assay_err assay_models_index_put(assay_state *state, const assay_rule_key *key, const models_entry *entry) {
    return assay_rule_put(state, &assay_models_entry_table, key, entry);
}

assay_err assay_models_index_del(assay_state *state, const assay_rule_key *key) {
    return assay_rule_del(state, &assay_models_entry_table, key);
}

void assay_models_emit(assay_rule_context *context, const char *kind, assay_bytes name, assay_bytes version,
                       uint64_t amount, uint64_t extra) {
    if (!context->events) return;
    uint8_t memory[ASSAY_NAME_LEN_MAX + 1 + ASSAY_VERSION_LEN_MAX];
    assay_buf text = {memory, 0, sizeof memory};
    ASSAY_ASSERT(assay_base_buf_put(&text, name) == ASSAY_OK);
    ASSAY_ASSERT(assay_base_buf_put(&text, ASSAY_STR("@")) == ASSAY_OK);
    ASSAY_ASSERT(assay_base_buf_put(&text, version) == ASSAY_OK);
    assay_rule_emit(context, kind, (assay_bytes){text.ptr, text.len}, amount, extra);
}

const char *assay_models_check_state_text(assay_models_check_state state) {
    switch (state) {
    case ASSAY_MODELS_PENDING: return "pending";
    case ASSAY_MODELS_OPENED: return "opened";
    case ASSAY_MODELS_VOID: return "void";
    case ASSAY_MODELS_FALSE: return "false";
    }
    return "unknown";
}
