/* SPDX-License-Identifier: Apache-2.0
 *
 * routes_models - what is registered and vouched for: models, versions, attestations, proofs, penalties.
 */
#include "routes_internal.h"

#include "ledger/models/models.h"
#include "ledger/slashing/slashing.h"

#include <string.h>

static const char *status_text(uint32_t status) {
    switch ((assay_version_status)status) {
    case ASSAY_VERSION_RECORDED: return "recorded";
    case ASSAY_VERSION_ATTESTED: return "attested";
    case ASSAY_VERSION_LAPSED: return "lapsed";
    case ASSAY_VERSION_DEPRECATED: return "deprecated";
    case ASSAY_VERSION_REVOKED: return "revoked";
    }
    return "unknown";
}

/* owner/model, as the path has it in two segments. */
static assay_err name_of(assay_bytes *out, const assay_http_request *request) {
    assay_buf buf = {ASSAY_NEW(request->arena, uint8_t, ASSAY_NAME_LEN_MAX + 2), 0, ASSAY_NAME_LEN_MAX + 2};
    if (!buf.ptr) return ASSAY_F_MEMORY;
    if (assay_base_buf_put(&buf, request->params[0]) != ASSAY_OK) return ASSAY_E_NAME;
    if (assay_base_buf_put(&buf, ASSAY_STR("/")) != ASSAY_OK) return ASSAY_E_NAME;
    if (assay_base_buf_put(&buf, request->params[1]) != ASSAY_OK) return ASSAY_E_NAME;
    *out = (assay_bytes){buf.ptr, buf.len};
    return assay_types_name_check(*out);
}

static void finish(visit *at, assay_err err, const assay_http_request *request, assay_http_response *response,
                   assay_json *json) {
    visit_end(at);
    if (err != ASSAY_OK)
        assay_http_problem(request, response, err, NULL);
    else
        assay_http_json_done(request, response, json);
}

static void maintainers_json(assay_json *json, const assay_models_model *model) {
    assay_json_array(json, "maintainers");
    for (uint32_t i = 0; i < model->maintainers_count; i++) {
        assay_address address;
        memcpy(address.b, model->maintainers[i], sizeof address.b);
        assay_json_address(json, NULL, address);
    }
    assay_json_close(json, ']');
}

void get_models(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    assay_bytes after = {NULL, 0};
    uint32_t limit = 0, count = 0;
    assay_models_row *rows = NULL;
    bool later = assay_http_query(request, "after", &after);
    assay_err err = page_limit(request, &limit, 50, 1000);
    if (err == ASSAY_OK && later) err = assay_types_name_check(after);
    if (err == ASSAY_OK) err = assay_models_list(&rows, &count, request->arena, at.view, after, limit);
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, JSON_MAX);
    assay_json_object(&json, NULL);
    assay_json_array(&json, "models");
    for (uint32_t i = 0; i < count; i++) {
        assay_json_object(&json, NULL);
        assay_json_text(&json, "name", rows[i].name);
        assay_json_u64(&json, "versions", rows[i].model.versions);
        assay_json_u64(&json, "created_height", rows[i].model.created_height);
        maintainers_json(&json, &rows[i].model);
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    finish(&at, err, request, response, &json);
}

void get_model(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    assay_bytes name = {NULL, 0};
    assay_models_model model = {0};
    assay_models_version_row *rows = NULL;
    uint32_t count = 0, limit = 0;
    uint64_t first = 0;
    bool found = false;
    assay_err err = name_of(&name, request);
    if (err == ASSAY_OK) err = query_number(request, "first", &first);
    if (err == ASSAY_OK) err = page_limit(request, &limit, 1000, 1000);
    if (err == ASSAY_OK) err = assay_models_model_get(at.view, &model, &found, request->arena, name);
    if (err == ASSAY_OK && !found) err = ASSAY_E_NOT_FOUND;
    if (err == ASSAY_OK) err = assay_models_versions(&rows, &count, request->arena, at.view, name, first, limit);
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, JSON_MAX);
    assay_json_object(&json, NULL);
    assay_json_text(&json, "name", name);
    assay_json_bool(&json, "claimed", true);
    assay_json_u64(&json, "created_height", model.created_height);
    assay_json_u64(&json, "versions_count", model.versions);
    maintainers_json(&json, &model);
    assay_json_array(&json, "versions");
    for (uint32_t i = 0; i < count; i++) {
        const assay_version_record *r = &rows[i].record;
        assay_models_detail detail;
        assay_version_ref *parents = NULL;
        uint32_t parents_count = 0;
        if (err == ASSAY_OK)
            err = assay_models_detail_get(at.view, &detail, &found, &parents, &parents_count, request->arena, name,
                                          rows[i].version);
        assay_json_object(&json, NULL);
        assay_json_text(&json, "version", rows[i].version);
        assay_json_str(&json, "status", status_text(r->status));
        assay_json_hex(&json, "root", assay_base_hash_bytes(&r->root));
        assay_json_u64(&json, "size", r->size);
        assay_json_u64(&json, "recorded_height", r->recorded_height);
        assay_json_u64(&json, "attested_height", r->attested_height);
        assay_json_array(&json, "parents");
        for (uint32_t k = 0; k < parents_count; k++) {
            assay_json_object(&json, NULL);
            assay_json_text(&json, "name", parents[k].name);
            assay_json_text(&json, "version", parents[k].version);
            assay_json_close(&json, '}');
        }
        assay_json_close(&json, ']');
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    finish(&at, err, request, response, &json);
}

static void record_json(assay_json *json, assay_bytes name, assay_bytes version, const assay_version_record *r) {
    assay_json_text(json, "name", name);
    assay_json_bool(json, "claimed", true);
    assay_json_text(json, "version", version);
    assay_json_str(json, "status", status_text(r->status));
    assay_json_hex(json, "root", assay_base_hash_bytes(&r->root));
    assay_json_u64(json, "size", r->size);
    assay_json_u64(json, "files", r->files);
    assay_json_u64(json, "chunks", r->chunks);
    assay_json_hex(json, "tensor_root", assay_base_hash_bytes(&r->tensor_root));
    assay_json_u64(json, "tensor_rules", r->tensor_rules);
    assay_json_u64(json, "tensors", r->tensors);
    assay_json_hex(json, "model_signing", assay_base_hash_bytes(&r->model_signing));
    assay_json_address(json, "publisher", assay_crypto_address(r->publisher));
    assay_json_hex(json, "publisher_key", (assay_bytes){r->publisher.b, sizeof r->publisher.b});
    assay_json_u64(json, "recorded_height", r->recorded_height);
    assay_json_hex(json, "recorded_block", assay_base_hash_bytes(&r->recorded_block));
    assay_json_u64(json, "attested_height", r->attested_height);
    assay_json_u64(json, "power_checked", r->power_checked);
    assay_json_u64(json, "power_total", r->power_total);
    if (r->log_index)
        assay_json_u64(json, "log_index", r->log_index - 1);
    else
        assay_json_null(json, "log_index");
    assay_json_amount(json, "deposit", r->deposit);
    assay_json_u64(json, "ended_height", r->ended_height);
}

static assay_err checks_json(assay_json *json, const assay_http_request *request, const visit *at, assay_bytes name,
                             assay_bytes version) {
    assay_models_check_row *rows;
    assay_models_report_row *reports;
    uint32_t count, reports_count;
    ASSAY_TRY(assay_models_checks(&rows, &count, request->arena, at->view, name, version, ASSAY_VALIDATORS_MAX));
    ASSAY_TRY(
        assay_models_reports(&reports, &reports_count, request->arena, at->view, name, version, ASSAY_VALIDATORS_MAX));
    assay_json_array(json, "checks");
    for (uint32_t i = 0; i < count; i++) {
        assay_json_object(json, NULL);
        assay_json_address(json, "validator", rows[i].validator);
        assay_json_str(json, "state", assay_models_check_state_text((assay_models_check_state)rows[i].check.state));
        assay_json_u64(json, "power", rows[i].power);
        assay_json_u64(json, "height", rows[i].check.height);
        assay_json_u64(json, "ended_height", rows[i].check.ended_height);
        assay_json_u64(json, "draws", rows[i].check.draws_count * rows[i].check.chunks_per_draw);
        assay_json_hex(json, "custody_root", assay_base_hash_bytes(&rows[i].check.custody_root));
        assay_json_close(json, '}');
    }
    assay_json_close(json, ']');
    assay_json_array(json, "reports");
    for (uint32_t i = 0; i < reports_count; i++) {
        assay_json_object(json, NULL);
        assay_json_address(json, "validator", reports[i].validator);
        assay_json_address(json, "sender", reports[i].report.sender);
        assay_json_text(json, "path", reports[i].report.path);
        assay_json_u64(json, "height", reports[i].report.height);
        assay_json_close(json, '}');
    }
    assay_json_close(json, ']');
    return ASSAY_OK;
}

void get_version(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    assay_bytes name = {NULL, 0}, version = request->params[2];
    assay_version_record record = {0};
    assay_models_detail detail = {0};
    assay_version_ref *parents = NULL;
    uint32_t parents_count = 0;
    bool found = false;
    assay_err err = name_of(&name, request);
    if (err == ASSAY_OK) err = assay_types_version_check(version);
    if (err == ASSAY_OK) err = assay_models_version(at.view, &record, &found, name, version);
    if (err == ASSAY_OK && !found) err = ASSAY_E_NOT_FOUND;
    if (err == ASSAY_OK)
        err =
            assay_models_detail_get(at.view, &detail, &found, &parents, &parents_count, request->arena, name, version);
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, JSON_MAX);
    assay_json_object(&json, NULL);
    record_json(&json, name, version, &record);
    assay_json_array(&json, "parents");
    for (uint32_t i = 0; i < parents_count; i++) {
        assay_json_object(&json, NULL);
        assay_json_text(&json, "name", parents[i].name);
        assay_json_text(&json, "version", parents[i].version);
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    assay_json_text(&json, "source", detail.source);
    assay_json_text(&json, "reason", detail.reason);
    if (err == ASSAY_OK) err = checks_json(&json, request, &at, name, version);
    assay_json_close(&json, '}');
    finish(&at, err, request, response, &json);
}

/* ---- the log ------------------------------------------------------------------------------------------------- */

static void path_json(assay_json *json, const char *key, const assay_merkle_path *path) {
    assay_json_array(json, key);
    for (uint32_t i = 0; i < path->count; i++) assay_json_hex(json, NULL, assay_base_hash_bytes(&path->hashes[i]));
    assay_json_close(json, ']');
}

static assay_err attestation_json(assay_json *json, const visit *at, uint64_t index, uint64_t size) {
    assay_merkle_path path;
    assay_bytes leaf;
    assay_attestation a;
    assay_arena none = assay_base_arena(NULL, 0);
    ASSAY_TRY(assay_state_log_prove(&path, &leaf, assay_store_snapshot_reader(at->snapshot), index, size));
    if (assay_codec_decode(&a, &none, &assay_attestation_message, leaf, ASSAY_CODEC_STRICT) != ASSAY_OK)
        return ASSAY_F_CORRUPT;
    assay_json_object(json, NULL);
    assay_json_u64(json, "index", index);
    assay_json_text(json, "name", a.name);
    assay_json_text(json, "version", a.version);
    assay_json_hex(json, "root", assay_base_hash_bytes(&a.root));
    assay_json_u64(json, "attested_height", a.attested_height);
    assay_json_u64(json, "power_checked", a.power_checked);
    assay_json_u64(json, "power_total", a.power_total);
    assay_json_hex(json, "leaf", leaf);
    assay_json_u64(json, "log_size", size);
    path_json(json, "path", &path);
    assay_json_close(json, '}');
    return ASSAY_OK;
}

void get_attestations(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    uint64_t from = 0;
    uint32_t limit = 0;
    assay_state_head head = {0};
    assay_err err = query_number(request, "from", &from);
    if (err == ASSAY_OK) err = page_limit(request, &limit, 50, 200);
    if (err == ASSAY_OK) err = assay_state_head_read(&head, assay_store_snapshot_reader(at.snapshot));
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, JSON_MAX);
    assay_json_object(&json, NULL);
    assay_json_u64(&json, "log_size", head.log.size);
    assay_json_array(&json, "attestations");
    for (uint64_t i = from; err == ASSAY_OK && i < head.log.size && limit; i++, limit--)
        err = attestation_json(&json, &at, i, head.log.size);
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    finish(&at, err, request, response, &json);
}

void get_attestation(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    uint64_t index;
    assay_state_head head;
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 65536);
    assay_err err = path_number(&index, request->params[0]);
    if (err == ASSAY_OK) err = assay_state_head_read(&head, assay_store_snapshot_reader(at.snapshot));
    if (err == ASSAY_OK && index >= head.log.size) err = ASSAY_E_NOT_FOUND;
    if (err == ASSAY_OK) err = attestation_json(&json, &at, index, head.log.size);
    finish(&at, err, request, response, &json);
}

/* The root of the log's first `size` leaves: what leaf 0 leads to in a tree of that size. */
static assay_err log_root_at(assay_hash *out, assay_state_reader reader, uint64_t size) {
    assay_merkle_path path;
    assay_bytes leaf;
    if (size == 0) {
        *out = assay_merkle_log_root(&(assay_merkle_log){0});
        return ASSAY_OK;
    }
    ASSAY_TRY(assay_state_log_prove(&path, &leaf, reader, 0, size));
    assay_err err = assay_merkle_path_root(out, assay_merkle_leaf(leaf), 0, size, path.hashes, path.count);
    return err == ASSAY_OK ? ASSAY_OK : ASSAY_F_CORRUPT;
}

void get_consistency(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    assay_state_head head = {0};
    assay_merkle_path path = {0};
    uint64_t old_size = 0, new_size = 0;
    assay_err err = assay_state_head_read(&head, assay_store_snapshot_reader(at.snapshot));
    new_size = head.log.size;
    if (err == ASSAY_OK) err = query_number(request, "old", &old_size);
    if (err == ASSAY_OK) err = query_number(request, "new", &new_size);
    if (err == ASSAY_OK && (new_size > head.log.size || old_size > new_size)) err = ASSAY_E_RANGE;
    assay_state_reader reader = assay_store_snapshot_reader(at.snapshot);
    assay_hash old_root = {{0}}, new_root = {{0}};
    if (err == ASSAY_OK) err = assay_state_log_consistency(&path, reader, old_size, new_size);
    if (err == ASSAY_OK) err = log_root_at(&old_root, reader, old_size);
    if (err == ASSAY_OK) err = log_root_at(&new_root, reader, new_size);
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 65536);
    assay_json_object(&json, NULL);
    assay_json_u64(&json, "old", old_size);
    assay_json_u64(&json, "new", new_size);
    assay_json_hex(&json, "old_root", assay_base_hash_bytes(&old_root));
    assay_json_hex(&json, "new_root", assay_base_hash_bytes(&new_root));
    path_json(&json, "path", &path);
    assay_json_close(&json, '}');
    finish(&at, err, request, response, &json);
}

void get_proof(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    uint8_t key_bytes[ASSAY_STATE_KEY_LEN_MAX];
    assay_bytes key = {key_bytes, request->params[0].len / 2};
    if (key.len < 1 || key.len > sizeof key_bytes ||
        assay_base_unhex(key_bytes, key.len, request->params[0]) != ASSAY_OK) {
        assay_http_problem(request, response, ASSAY_E_ENCODING, "a state key is 1 to 1024 bytes in hex");
        return;
    }
    if (!visit_begin(&at, context, request, response, true)) return;
    assay_state_head head = {0};
    assay_bytes proof = {NULL, 0}, value = {NULL, 0};
    bool found = false;
    assay_state_reader reader = assay_store_snapshot_reader(at.snapshot);
    assay_err err = assay_state_head_read(&head, reader);
    if (err == ASSAY_OK) err = assay_state_prove(&proof, &value, &found, request->arena, reader, key);
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 262144);
    assay_json_object(&json, NULL);
    assay_json_u64(&json, "height", head.height);
    assay_json_hex(&json, "state_root", assay_base_hash_bytes(&head.root));
    assay_json_hex(&json, "key", key);
    if (found)
        assay_json_hex(&json, "value", value);
    else
        assay_json_null(&json, "value");
    assay_json_hex(&json, "proof", proof);
    assay_json_close(&json, '}');
    finish(&at, err, request, response, &json);
}

/* ---- penalties ----------------------------------------------------------------------------------------------- */

static void penalty_json(assay_json *json, const assay_slashing_penalty *p) {
    assay_json_object(json, NULL);
    assay_json_u64(json, "id", p->id);
    assay_json_str(json, "kind", assay_slashing_kind_text((assay_slashing_kind)p->kind));
    assay_json_address(json, "validator", p->validator);
    assay_json_u64(json, "fault_height", p->fault_height);
    assay_json_i64(json, "fault_round", p->fault_round);
    assay_json_u64(json, "height", p->height);
    assay_json_amount(json, "share_num", p->share_num);
    assay_json_amount(json, "share_den", p->share_den);
    assay_json_amount(json, "rate", p->rate);
    assay_json_amount(json, "rate_whole", ASSAY_SLASHING_WHOLE);
    assay_json_amount(json, "base_stake", p->base_stake);
    assay_json_amount(json, "due", p->due);
    assay_json_amount(json, "taken_before", p->taken_before);
    assay_json_amount(json, "taken", p->taken);
    assay_json_amount(json, "burned", p->burned);
    assay_json_u64(json, "cause", p->cause);
    assay_json_u64(json, "offence", p->offence);
    assay_json_hex(json, "evidence", assay_base_hash_bytes(&p->evidence));
    assay_json_close(json, '}');
}

void get_penalties(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    uint64_t after = 0;
    uint32_t limit = 0, count = 0;
    assay_slashing_penalty *rows = NULL;
    assay_err err = query_number(request, "after", &after);
    if (err == ASSAY_OK) err = page_limit(request, &limit, 50, 1000);
    if (err == ASSAY_OK) err = assay_slashing_penalties(&rows, &count, request->arena, at.view, after + 1, limit);
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, JSON_MAX);
    assay_json_object(&json, NULL);
    assay_json_array(&json, "penalties");
    for (uint32_t i = 0; i < count; i++) penalty_json(&json, &rows[i]);
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    finish(&at, err, request, response, &json);
}

void get_penalty(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    uint64_t id;
    assay_slashing_penalty row;
    bool found;
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 65536);
    assay_err err = path_number(&id, request->params[0]);
    if (err == ASSAY_OK) err = assay_slashing_penalty_get(at.view, &row, &found, id);
    if (err == ASSAY_OK && !found) err = ASSAY_E_NOT_FOUND;
    if (err == ASSAY_OK) penalty_json(&json, &row);
    finish(&at, err, request, response, &json);
}
