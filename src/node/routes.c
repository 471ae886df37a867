/* SPDX-License-Identifier: Apache-2.0
 *
 * routes - the HTTP API: one table, in the order of spec/openapi.json, which a test holds against it.
 */
#include "routes_internal.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static const char openapi[] = {
#include "openapi.inc"
};

static void get_openapi(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    (void)request;
    response->body = (assay_bytes){(const uint8_t *)openapi, sizeof openapi};
}

#define GET ASSAY_HTTP_GET
#define POST ASSAY_HTTP_POST
#define PUT ASSAY_HTTP_PUT
const assay_http_route routes_table[] = {
    {GET, "/status", get_status, 0, MIB, ASSAY_HTTP_WORKS},
    {GET, "/healthz", get_healthz, 0, 64 * KIB, ASSAY_HTTP_QUICK},
    {GET, "/readyz", get_healthz, 0, 64 * KIB, ASSAY_HTTP_QUICK},
    {GET, "/metrics", get_metrics, 0, 8 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/openapi.json", get_openapi, 0, 64 * KIB, ASSAY_HTTP_QUICK},
    {GET, "/genesis", get_genesis, 0, 64 * KIB, ASSAY_HTTP_QUICK},
    {GET, "/trust", get_trust, 0, 256 * MIB, ASSAY_HTTP_WORKS},
    {POST, "/cometbft", post_cometbft, 4 * KIB, 32 * MIB, ASSAY_HTTP_WAITS},
    {GET, "/validators", get_validators, 0, 16 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/validators/{address_or_index}", get_validator, 0, 16 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/blocks", get_blocks, 0, 64 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/blocks/{height}", get_block, 0, 64 * MIB, ASSAY_HTTP_WORKS},
    {POST, "/transactions", post_transaction, ASSAY_TX_LEN_MAX, MIB, ASSAY_HTTP_WAITS},
    {POST, "/transactions/batch", post_transactions, MIB, 16 * MIB, ASSAY_HTTP_WAITS},
    {GET, "/transactions/{id}", get_transaction, 0, 64 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/accounts/{address}", get_account, 0, 16 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/models", get_models, 0, 16 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/models/{owner}/{model}", get_model, 0, 16 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/models/{owner}/{model}/{version}", get_version, 0, 16 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/certificates/sha256/{digest}", get_certificate_of_file, 0, 1024 * MIB, ASSAY_HTTP_WAITS},
    {GET, "/certificates/{owner}/{model}/{version}", get_certificate, 0, 1024 * MIB, ASSAY_HTTP_WAITS},
    {GET, "/attestations", get_attestations, 0, 16 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/attestations/{index}", get_attestation, 0, MIB, ASSAY_HTTP_WORKS},
    {GET, "/log/consistency", get_consistency, 0, MIB, ASSAY_HTTP_WORKS},
    {GET, "/proofs/{key}", get_proof, 0, MIB, ASSAY_HTTP_WORKS},
    {GET, "/penalties", get_penalties, 0, 16 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/penalties/{number}", get_penalty, 0, MIB, ASSAY_HTTP_WORKS},
    {GET, "/bytes/{root}", get_bytes, 0, 768 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/bytes/{root}/manifest", get_manifest, 0, 768 * MIB, ASSAY_HTTP_WORKS},
    {PUT, "/bytes/{root}/manifest", put_manifest, HOLDING_MANIFEST_MAX, 768 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/bytes/{root}/groups", get_groups, 0, 768 * MIB, ASSAY_HTTP_WORKS},
    {PUT, "/bytes/{root}/groups", put_groups, 64 * MIB, 768 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/bytes/{root}/files/{index}/groups/{group}", get_range, 0, 768 * MIB, ASSAY_HTTP_WORKS},
    {GET, "/bytes/{root}/files/{index}", get_file, 0, 768 * MIB, ASSAY_HTTP_WORKS},
    {PUT, "/bytes/{root}/files/{index}", put_file, 4 * MIB, 768 * MIB, ASSAY_HTTP_WORKS},
    {POST, "/faults", post_fault, 4 * KIB, MIB, ASSAY_HTTP_WAITS},
};
const size_t routes_count = sizeof routes_table / sizeof *routes_table;

assay_err routes_start(struct assay_node *node, const char **why) {
    const char *address = node->config.address ? node->config.address : "127.0.0.1";
    return assay_http_start(&node->server, &node->port, why, address, node->config.port, routes_table, routes_count,
                            node, (assay_http_limits){.requests_in_memory = 256});
}

assay_json problem_begin(const assay_http_request *request, assay_buf *buf, uint32_t status, assay_err err,
                         const char *detail) {
    char type[32];
    assay_os_format(type, sizeof type, "urn:assay:error:%s", assay_base_err_code(err));
    assay_json json = assay_http_json(request, buf, 4096);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "type", type);
    assay_json_str(&json, "title", assay_base_err_text(err));
    assay_json_u64(&json, "status", status);
    assay_json_str(&json, "code", assay_base_err_code(err));
    if (detail) assay_json_str(&json, "detail", detail);
    assay_json_str(&json, "hint", assay_base_err_hint(err));
    return json;
}

void problem_end(const assay_http_request *request, assay_http_response *response, assay_json *json, uint32_t status) {
    assay_json_close(json, '}');
    assay_http_json_done(request, response, json);
    if (response->status) return; /* it could not be written: that problem stands instead */
    response->status = status;
    response->content_type = "application/problem+json";
}

static bool visit_fail(visit *out, const assay_http_request *request, assay_http_response *response, assay_err err,
                       const char *detail) {
    visit_end(out);
    assay_http_problem(request, response, err, detail);
    return false;
}

bool visit_begin(visit *out, struct assay_node *node, const assay_http_request *request, assay_http_response *response,
                 bool snapshot) {
    *out = (visit){0};
    uint64_t index = UINT64_MAX;
    assay_err err = query_number(request, "validator", &index);
    if (err == ASSAY_E_ENCODING) return visit_fail(out, request, response, err, "validator is not a number");
    if (err != ASSAY_OK || (index != UINT64_MAX && index >= node->count))
        return visit_fail(out, request, response, ASSAY_E_NOT_FOUND, "no such validator in this process");
    validator *v = index == UINT64_MAX ? node_front(node) : &node->validators[index];
    if (!validator_enter(v)) return visit_fail(out, request, response, ASSAY_F_BUSY, "that validator is not running");
    out->v = v;
    if (!snapshot) return true;
    err = assay_store_snapshot_begin(&out->snapshot, v->store);
    if (err != ASSAY_OK) return visit_fail(out, request, response, err, NULL);
    out->view = assay_rule_view_snapshot(assay_store_snapshot_reader(out->snapshot));
    assay_rule_chain chain;
    bool found = false;
    err = archive_whole(out->snapshot);
    if (err == ASSAY_OK) err = assay_rule_chain_load(out->view, &chain, &out->params, &found, request->arena);
    if (err == ASSAY_E_STATE)
        return visit_fail(out, request, response, ASSAY_F_BUSY, "the state comes as a snapshot, and is not whole yet");
    if (err == ASSAY_OK && !found) return visit_fail(out, request, response, ASSAY_F_BUSY, "there is no block yet");
    return err == ASSAY_OK ? true : visit_fail(out, request, response, err, NULL);
}

void visit_end_snapshot(visit *v) {
    assay_store_snapshot_end(v->snapshot);
    v->snapshot = NULL;
    v->view = (assay_rule_view){0};
}

#define LARGE_LEN ((uint64_t)16 << 20)

assay_err visit_large(visit *v, uint64_t len) {
    if (len <= LARGE_LEN || v->large) return ASSAY_OK;
    if (atomic_exchange(&v->v->node->large, true)) return ASSAY_F_BUSY;
    v->large = true;
    return ASSAY_OK;
}

assay_err visit_manifest(visit *v, assay_hash root, assay_arena scratch) {
    const char *path;
    assay_os_info info;
    ASSAY_TRY(holding_path(v->v, &path, &scratch, root, "manifest"));
    assay_err err = assay_os_info_get(&info, path, false);
    return err == ASSAY_OK ? visit_large(v, info.size) : err == ASSAY_E_NOT_FOUND ? ASSAY_OK : err;
}

void visit_end(visit *v) {
    visit_end_snapshot(v);
    if (v->large) atomic_store(&v->v->node->large, false);
    if (v->v) shelf_return(v->v, v->entry);
    if (v->v) validator_leave(v->v);
    *v = (visit){0};
}

assay_err query_number(const assay_http_request *request, const char *name, uint64_t *value) {
    uint64_t number = 0;
    ASSAY_TRY(assay_http_query_u64(request, name, &number));
    if (number > INT64_MAX) return ASSAY_E_RANGE;
    return assay_http_query_u64(request, name, value);
}

assay_err path_number(uint64_t *out, assay_bytes part) {
    assay_err err = assay_base_undecimal(out, part);
    if (err == ASSAY_E_OVERFLOW) return ASSAY_E_RANGE;
    ASSAY_TRY(err);
    return *out <= INT64_MAX ? ASSAY_OK : ASSAY_E_RANGE;
}

assay_err page_limit(const assay_http_request *request, uint32_t *limit, uint32_t otherwise, uint32_t most) {
    uint64_t asked = otherwise;
    ASSAY_TRY(assay_http_query_u64(request, "limit", &asked));
    if (asked < 1 || asked > most) return ASSAY_E_RANGE;
    *limit = (uint32_t)asked;
    return ASSAY_OK;
}
