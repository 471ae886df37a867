/* SPDX-License-Identifier: Apache-2.0
 *
 * certificate - puts together the file that travels, from one validator's store and holdings:
 *
 *   snapshot after block h: record, status proof, log path, roots -> AppHash -> the block whose header names it (h
 * itself on an idle chain, else h+1) holdings: manifest, groups                                      -> statement,
 * embedded manifest
 */
#include "routes_internal.h"

#include "cert/cert.h"
#include "ledger/models/models.h"

#include <string.h>

#define HEADER_WAIT_NS 5000000000ull
#define ROW_LEN 100u /* about what a file or tensor takes in a manifest */

/* What a snapshot proves of a version, copied out of it. */
typedef struct proven {
    assay_version_record record;
    uint64_t height;
    assay_hash state_root;
    assay_merkle_log log;
    assay_bytes proof;
    assay_bytes attestation;
    assay_merkle_path path;
} proven;

static assay_err prove(proven *out, assay_arena *keep, const visit *at, assay_bytes name, assay_bytes version) {
    assay_state_reader reader = assay_store_snapshot_reader(at->snapshot);
    assay_state_head head;
    bool found;
    ASSAY_TRY(assay_models_version(at->view, &out->record, &found, name, version));
    if (!found) return ASSAY_E_NOT_FOUND;
    if (!out->record.log_index) return ASSAY_E_STATE;
    ASSAY_TRY(assay_state_head_read(&head, reader));
    out->height = head.height;
    out->state_root = head.root;
    out->log = head.log;
    uint8_t key_bytes[ASSAY_STATE_KEY_LEN_MAX];
    assay_buf key = {key_bytes, 0, sizeof key_bytes};
    ASSAY_TRY(assay_version_key(&key, name, version));
    assay_bytes value, leaf;
    ASSAY_TRY(assay_state_prove(&out->proof, &value, &found, keep, reader, (assay_bytes){key.ptr, key.len}));
    ASSAY_TRY(assay_state_log_prove(&out->path, &leaf, reader, out->record.log_index - 1, head.log.size));
    return assay_base_arena_copy(&out->attestation, keep, leaf);
}

/* The header that names these roots, its commit and its set. */
static assay_err header_for(assay_cert_parts *parts, assay_header *header, assay_commit *commit,
                            assay_validator_set *set, assay_arena *keep, validator *v, uint64_t height,
                            assay_hash app_hash, const assay_http_request *request) {
    uint64_t deadline = assay_os_monotonic_ns() + HEADER_WAIT_NS;
    for (uint64_t at = height; assay_os_monotonic_ns() < deadline && !assay_http_stopping(request);) {
        if (!atomic_load(&v->alive)) return ASSAY_F_BUSY; /* it is being stopped, which waits for us */
        if (atomic_load(&v->height) < at) {
            assay_os_mutex_lock(&v->node->final_lock);
            (void)assay_os_condition_wait(&v->node->final, &v->node->final_lock, assay_os_monotonic_ns() + 20000000);
            assay_os_mutex_unlock(&v->node->final_lock);
            continue;
        }
        assay_arena turn = *keep;
        ASSAY_TRY(store_header_at(v, header, &turn, at));
        if (assay_base_hash_eq(header->app_hash, app_hash)) {
            *keep = turn;
            ASSAY_TRY(store_commit_at(v, commit, keep, at));
            ASSAY_TRY(store_validators_at(v, set, keep, at));
            parts->header = header;
            parts->commit = commit;
            parts->validators = set;
            return ASSAY_OK;
        }
        if (at > height) return ASSAY_F_CORRUPT;
        at = height + 1;
    }
    return ASSAY_F_TIMEOUT;
}

static assay_err build(assay_bytes *out, struct assay_node *node, visit *at, const assay_http_request *request,
                       assay_bytes name, assay_bytes version) {
    assay_arena *keep = request->arena;
    proven p;
    assay_err err = prove(&p, keep, at, name, version);
    visit_end_snapshot(at); /* a wait follows */
    ASSAY_TRY(err);
    assay_manifest manifest;
    assay_model_groups groups;
    assay_bytes groups_bytes = {NULL, 0};
    /* Whoever answers may have dropped the bytes, or never had them: any validator of this process that holds them
     * serves. */
    ASSAY_TRY(visit_large(at, p.record.size / ASSAY_BLAKE3_GROUP_LEN * ASSAY_HASH_LEN +
                                  (p.record.files + p.record.tensors) * ROW_LEN));
    err = holding_manifest_of(at->v, &manifest, NULL, keep, p.record.root, p.record.tensor_root);
    if (err == ASSAY_OK) err = holding_groups(at->v, &groups, &groups_bytes, keep, p.record.root, &manifest);
    for (uint32_t i = 0; err == ASSAY_E_NOT_FOUND && i < node->count; i++) {
        err = holding_manifest_of(&node->validators[i], &manifest, NULL, keep, p.record.root, p.record.tensor_root);
        if (err == ASSAY_OK)
            err = holding_groups(&node->validators[i], &groups, &groups_bytes, keep, p.record.root, &manifest);
    }
    ASSAY_TRY(err);
    assay_header header;
    assay_commit commit;
    assay_validator_set set;
    assay_cert_parts parts = {
        .name = name,
        .version = version,
        .manifest = &manifest,
        .groups = groups_bytes,
        .state_root = p.state_root,
        .log_size = p.log.size,
        .log_root = assay_merkle_log_root(&p.log),
        .proof = p.proof,
        .attestation = p.attestation,
        .log_index = p.record.log_index - 1,
        .log_path = &p.path,
    };
    assay_hash app_hash = assay_app_hash(parts.state_root, parts.log_size, parts.log_root);
    ASSAY_TRY(header_for(&parts, &header, &commit, &set, keep, at->v, p.height, app_hash, request));
    size_t cap = assay_cert_build_size(&parts);
    assay_buf text = {ASSAY_NEW(keep, uint8_t, cap), 0, cap};
    if (!text.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_cert_build(&text, &parts, *keep));
    *out = (assay_bytes){text.ptr, text.len};
    return ASSAY_OK;
}

/* ---- by the SHA-256 of any file: what a deployer holds in hand ----------------------------------------------- */

typedef struct index_batch {
    const assay_manifest *manifest;
    uint32_t from, to;
    assay_bytes ref; /* name@version */
} index_batch;

static assay_err fill_index(void *context, assay_store_batch *batch) {
    const index_batch *b = context;
    for (uint32_t i = b->from; i < b->to; i++) {
        uint8_t key[ASSAY_HASH_LEN + ASSAY_NAME_LEN_MAX + ASSAY_VERSION_LEN_MAX + 1];
        memcpy(key, b->manifest->files[i].sha256.b, ASSAY_HASH_LEN);
        memcpy(key + ASSAY_HASH_LEN, b->ref.ptr, b->ref.len);
        ASSAY_TRY(assay_store_put(batch, ASSAY_STORE_FILES, (assay_bytes){key, ASSAY_HASH_LEN + b->ref.len}, b->ref));
    }
    return ASSAY_OK;
}

/* Blocks wait for the store's one writer: a large model goes in by pieces. */
#define INDEX_BATCH_FILES 1000u

assay_err certificate_index(validator *v, assay_bytes name, assay_bytes version, const assay_manifest *manifest) {
    uint8_t ref[ASSAY_NAME_LEN_MAX + ASSAY_VERSION_LEN_MAX + 1];
    assay_buf buf = {ref, 0, sizeof ref};
    ASSAY_TRY(assay_base_buf_put(&buf, name));
    ASSAY_TRY(assay_base_buf_put(&buf, ASSAY_STR("@")));
    ASSAY_TRY(assay_base_buf_put(&buf, version));
    for (uint32_t from = 0, to; from < manifest->files_count; from = to) {
        to = manifest->files_count - from < INDEX_BATCH_FILES ? manifest->files_count : from + INDEX_BATCH_FILES;
        index_batch batch = {manifest, from, to, {buf.ptr, buf.len}};
        ASSAY_TRY(assay_store_write(v->store, fill_index, &batch));
    }
    return ASSAY_OK;
}

/* A version that still stands comes before one that was withdrawn; but who asks for a file of a revoked version alone
 * gets the certificate that says so. */
static uint32_t rank_of(const assay_version_record *record) {
    if (!record->attested_height) return 0;
    switch ((assay_version_status)record->status) {
    case ASSAY_VERSION_ATTESTED: return 3;
    case ASSAY_VERSION_DEPRECATED: return 2;
    case ASSAY_VERSION_REVOKED: return 1;
    case ASSAY_VERSION_RECORDED:
    case ASSAY_VERSION_LAPSED: return 0;
    }
    return 0;
}

/* Of the versions that have such a file, the newest of the best standing. */
static assay_err find_file(assay_bytes *name, assay_bytes *version, assay_arena *keep, const visit *at,
                           assay_hash digest) {
    assay_bytes prefix = assay_base_hash_bytes(&digest), after = {NULL, 0}, key, value;
    uint64_t height = 0;
    uint32_t best = 0;
    bool found;
    for (;;) {
        ASSAY_TRY(assay_store_next(at->snapshot, ASSAY_STORE_FILES, prefix, after, &key, &value, &found));
        if (!found) break;
        after = key;
        const uint8_t *sign = value.len ? memchr(value.ptr, '@', value.len) : NULL;
        if (!sign) return ASSAY_F_CORRUPT;
        assay_bytes n = {value.ptr, (size_t)(sign - value.ptr)}, w = {sign + 1, value.len - n.len - 1};
        assay_version_record record;
        ASSAY_TRY(assay_models_version(at->view, &record, &found, n, w));
        uint32_t rank = found ? rank_of(&record) : 0;
        if (!rank || rank < best || (rank == best && record.attested_height < height)) continue;
        best = rank;
        height = record.attested_height;
        ASSAY_TRY(assay_base_arena_copy(name, keep, n));
        ASSAY_TRY(assay_base_arena_copy(version, keep, w));
    }
    return best ? ASSAY_OK : ASSAY_E_NOT_FOUND;
}

static void answer(struct assay_node *node, visit *at, assay_err err, const assay_http_request *request,
                   assay_http_response *response, assay_bytes name, assay_bytes version) {
    assay_bytes text;
    if (err == ASSAY_OK) err = build(&text, node, at, request, name, version);
    visit_end(at);
    if (err == ASSAY_OK)
        response->body = text;
    else
        assay_http_problem(request, response, err, err == ASSAY_E_STATE ? "the version is not attested" : NULL);
}

void get_certificate(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    uint8_t name[ASSAY_NAME_LEN_MAX + 2];
    assay_buf buf = {name, 0, sizeof name};
    assay_err err = ASSAY_OK;
    if (assay_base_buf_put(&buf, request->params[0]) != ASSAY_OK ||
        assay_base_buf_put(&buf, ASSAY_STR("/")) != ASSAY_OK ||
        assay_base_buf_put(&buf, request->params[1]) != ASSAY_OK)
        err = ASSAY_E_NAME;
    if (err == ASSAY_OK) err = assay_types_name_check((assay_bytes){buf.ptr, buf.len});
    if (err == ASSAY_OK) err = assay_types_version_check(request->params[2]);
    answer(context, &at, err, request, response, (assay_bytes){buf.ptr, buf.len}, request->params[2]);
}

void get_certificate_of_file(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_hash digest;
    if (assay_base_unhex(digest.b, sizeof digest.b, request->params[0]) != ASSAY_OK) {
        assay_http_problem(request, response, ASSAY_E_ENCODING, "a SHA-256 is 64 hex digits");
        return;
    }
    if (!visit_begin(&at, context, request, response, true)) return;
    assay_bytes name = {NULL, 0}, version = {NULL, 0};
    assay_err err = find_file(&name, &version, request->arena, &at, digest);
    answer(context, &at, err, request, response, name, version);
}
