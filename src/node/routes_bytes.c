/* SPDX-License-Identifier: Apache-2.0
 *
 * routes_bytes - model bytes by root: what a node holds, verified ranges for other validators, and uploads that go on
 * where they stopped.
 */
#include "routes_internal.h"

#include "ledger/models/models.h"

#include <jansson.h>
#include <string.h>

#define FILE_RANGE_MAX (4u << 20)
/* A manifest may have this many bytes, and so many more for each byte of the model. */
#define MANIFEST_FREE_LEN ((uint64_t)1 << 20)
#define MANIFEST_PER_BYTE_MAX 16u

static bool root_of(assay_hash *root, const assay_http_request *request, assay_http_response *response) {
    if (assay_base_unhex(root->b, sizeof root->b, request->params[0]) == ASSAY_OK) return true;
    assay_http_problem(request, response, ASSAY_E_ENCODING, "a root is 64 hex digits");
    return false;
}

/* The file that a path names, from the shelf; the visit's end gives the entry back. */
static assay_err file_of(visit *at, const assay_file_leaf **file, uint64_t *index, assay_hash root,
                         const assay_http_request *request) {
    ASSAY_TRY(path_number(index, request->params[1]));
    ASSAY_TRY(shelf_take(at->v, &at->entry, root));
    if (*index >= at->entry->manifest.files_count) return ASSAY_E_NOT_FOUND;
    *file = &at->entry->manifest.files[*index];
    return ASSAY_OK;
}

void get_bytes(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_hash root;
    if (!root_of(&root, request, response) || !visit_begin(&at, context, request, response, false)) return;
    assay_manifest manifest;
    assay_err err = visit_manifest(&at, root, *request->arena);
    if (err == ASSAY_OK) err = holding_manifest(at.v, &manifest, NULL, request->arena, root);
    assay_buf buf;
    size_t cap = 1024;
    /* A character of a path takes six at most. */
    for (uint32_t i = 0; err == ASSAY_OK && i < manifest.files_count; i++) cap += 160 + 6 * manifest.files[i].path.len;
    assay_json json = assay_http_json(request, &buf, cap);
    if (err == ASSAY_OK) {
        assay_json_object(&json, NULL);
        assay_json_hex(&json, "root", assay_base_hash_bytes(&root));
        assay_json_bool(&json, "complete", holding_complete(at.v, root));
        assay_json_array(&json, "files");
        for (uint32_t i = 0; err == ASSAY_OK && i < manifest.files_count; i++) {
            uint64_t have;
            err = holding_file_size(at.v, &have, root, &manifest.files[i], *request->arena);
            assay_json_object(&json, NULL);
            assay_json_u64(&json, "index", i);
            assay_json_text(&json, "path", manifest.files[i].path);
            assay_json_u64(&json, "size", manifest.files[i].size);
            assay_json_u64(&json, "have", have);
            assay_json_close(&json, '}');
        }
        assay_json_close(&json, ']');
        assay_json_close(&json, '}');
    }
    visit_end(&at);
    if (err != ASSAY_OK)
        assay_http_problem(request, response, err, NULL);
    else
        assay_http_json_done(request, response, &json);
}

static void octets(const assay_http_request *request, assay_http_response *response, assay_err err, assay_bytes bytes) {
    if (err != ASSAY_OK) {
        assay_http_problem(request, response, err, NULL);
        return;
    }
    response->content_type = "application/octet-stream";
    response->body = bytes;
    response->immutable = true;
}

void get_manifest(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_hash root;
    if (!root_of(&root, request, response) || !visit_begin(&at, context, request, response, false)) return;
    assay_manifest manifest;
    assay_bytes encoded = {NULL, 0}, tensors;
    assay_hash tensor_root;
    assay_err err = visit_manifest(&at, root, *request->arena);
    if (err == ASSAY_OK && !assay_http_query(request, "tensor_root", &tensors)) {
        err = holding_manifest(at.v, &manifest, &encoded, request->arena, root);
    } else if (err == ASSAY_OK) {
        err = assay_base_unhex(tensor_root.b, sizeof tensor_root.b, tensors);
        if (err == ASSAY_OK) err = holding_manifest_of(at.v, &manifest, &encoded, request->arena, root, tensor_root);
    }
    visit_end(&at);
    octets(request, response, err, encoded);
}

void get_groups(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_hash root;
    if (!root_of(&root, request, response) || !visit_begin(&at, context, request, response, false)) return;
    assay_manifest manifest;
    assay_model_groups groups;
    assay_bytes encoded = {NULL, 0};
    assay_err err = visit_manifest(&at, root, *request->arena);
    if (err == ASSAY_OK) err = holding_manifest(at.v, &manifest, NULL, request->arena, root);
    if (err == ASSAY_OK) err = holding_groups(at.v, &groups, &encoded, request->arena, root, &manifest);
    visit_end(&at);
    octets(request, response, err, encoded);
}

void get_range(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_hash root;
    if (!root_of(&root, request, response) || !visit_begin(&at, context, request, response, false)) return;
    const assay_file_leaf *file;
    const assay_model_groups *groups;
    assay_model_range range;
    uint64_t index, group;
    const char *dir;
    assay_bytes encoded = {NULL, 0};
    assay_err err = file_of(&at, &file, &index, root, request);
    if (err == ASSAY_OK) err = path_number(&group, request->params[2]);
    if (err == ASSAY_OK) err = shelf_groups(at.v, at.entry, &groups, true);
    if (err == ASSAY_OK) err = holding_files(at.v, &dir, request->arena, root);
    if (err == ASSAY_OK) {
        assay_arena scratch = assay_base_arena_split(request->arena);
        err = assay_model_range_read(&range, request->arena, dir, &at.entry->manifest, groups, index, group, scratch);
    }
    if (err == ASSAY_E_RANGE) err = ASSAY_E_NOT_FOUND;
    if (err == ASSAY_OK) err = range_encode(&encoded, request->arena, &range);
    visit_end(&at);
    octets(request, response, err, encoded);
}

/* Raw bytes of a complete holding. They are not read here: who asks holds them against their digests. */
static assay_err open_file(const validator *v, assay_http_response *response, assay_hash root,
                           const assay_file_leaf *file, uint64_t offset, uint64_t length, assay_arena scratch) {
    const char *dir;
    assay_os_file directory;
    assay_os_info info;
    if (!holding_complete(v, root)) return ASSAY_E_NOT_FOUND;
    if (length == 0 || (offset >= file->size && file->size > 0)) return ASSAY_E_RANGE;
    length = length > FILE_RANGE_MAX ? FILE_RANGE_MAX : length;
    length = length > file->size - offset ? file->size - offset : length;
    char *path = ASSAY_NEW(&scratch, char, file->path.len + 1);
    if (!path) return ASSAY_F_MEMORY;
    memcpy(path, file->path.ptr, file->path.len);
    ASSAY_TRY(holding_files(v, &dir, &scratch, root));
    ASSAY_TRY(assay_os_dir_open(&directory, dir));
    assay_err err = assay_os_file_open_beneath(&response->file, &directory, path);
    assay_os_file_close(&directory);
    ASSAY_TRY(err);
    err = assay_os_file_info(&info, &response->file);
    if (err == ASSAY_OK && info.size != file->size) err = ASSAY_F_CORRUPT;
    if (err != ASSAY_OK) assay_os_file_close(&response->file);
    response->file_offset = offset;
    response->file_len = length;
    return err;
}

/* Root, file and place are the bytes. */
static assay_hash name_of(assay_hash root, uint64_t index, uint64_t offset, uint64_t length) {
    assay_blake3 hash;
    assay_crypto_blake3_init(&hash, NULL);
    assay_crypto_blake3_update(&hash, assay_base_hash_bytes(&root));
    const uint64_t numbers[] = {index, offset, length};
    for (int i = 0; i < 3; i++) {
        uint8_t text[8];
        for (int k = 0; k < 8; k++) text[k] = (uint8_t)(numbers[i] >> (56 - 8 * k));
        assay_crypto_blake3_update(&hash, (assay_bytes){text, sizeof text});
    }
    return assay_crypto_blake3_final(&hash);
}

void get_file(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_hash root;
    if (!root_of(&root, request, response) || !visit_begin(&at, context, request, response, false)) return;
    const assay_file_leaf *file;
    uint64_t index, offset = 0, length = FILE_RANGE_MAX;
    assay_err err = query_number(request, "offset", &offset);
    if (err == ASSAY_OK) err = query_number(request, "length", &length);
    if (err == ASSAY_OK) err = file_of(&at, &file, &index, root, request);
    if (err == ASSAY_OK) err = open_file(at.v, response, root, file, offset, length, *request->arena);
    visit_end(&at);
    if (err == ASSAY_OK) response->file_name = name_of(root, index, response->file_offset, response->file_len);
    octets(request, response, err, (assay_bytes){NULL, 0});
}

/* ---- uploads: only for what is recorded, only as much as was declared ---------------------------------------- */

/* Of versions with one root, so many are looked at. Each costs its publisher a deposit. */
#define SAME_ROOT_MAX 4096

static assay_err recorded(const visit *at, assay_hash root, assay_arena scratch) {
    assay_models_version_row *rows;
    uint32_t count;
    ASSAY_TRY(assay_models_of_root(&rows, &count, &scratch, at->view, root, 1));
    return count ? ASSAY_OK : ASSAY_E_NOT_FOUND;
}

/* The manifest is that of some recorded version, tensors included: whoever hands in another one would keep the right
 * one out. The deposit pays for the bytes, so what stands beside them is bounded by them. */
static assay_err declared(const assay_models_version_row *rows, uint32_t rows_count, const assay_manifest *manifest,
                          size_t encoded_len, assay_arena scratch) {
    uint64_t size, chunks, most;
    assay_hash tensor_root;
    ASSAY_TRY(assay_manifest_totals(&size, &chunks, manifest));
    ASSAY_TRY(assay_base_mul_u64(&most, size, MANIFEST_PER_BYTE_MAX));
    ASSAY_TRY(assay_base_add_u64(&most, most, MANIFEST_FREE_LEN));
    if (encoded_len > most) return ASSAY_E_SIZE;
    ASSAY_TRY(assay_manifest_tensor_root(&tensor_root, manifest, scratch));
    for (uint32_t i = 0; i < rows_count; i++) {
        const assay_version_record *r = &rows[i].record;
        if (r->size == size && r->chunks == chunks && r->files == manifest->files_count &&
            r->tensors == manifest->tensors_count && assay_base_hash_eq(r->tensor_root, tensor_root))
            return ASSAY_OK;
    }
    return ASSAY_E_CONTENT;
}

static void missing_answer(const assay_http_request *request, assay_http_response *response, uint64_t missing) {
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 256);
    assay_json_object(&json, NULL);
    assay_json_u64(&json, "missing", missing);
    assay_json_close(&json, '}');
    assay_http_json_done(request, response, &json);
}

void put_manifest(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_hash root;
    if (!root_of(&root, request, response) || !visit_begin(&at, context, request, response, true)) return;
    assay_manifest manifest;
    assay_models_version_row *rows;
    uint32_t rows_count;
    uint64_t missing = 0;
    assay_err err = assay_models_of_root(&rows, &rows_count, request->arena, at.view, root, SAME_ROOT_MAX);
    visit_end_snapshot(&at);
    if (err == ASSAY_OK && !rows_count) err = ASSAY_E_NOT_FOUND;
    bool known = err == ASSAY_OK;
    if (err == ASSAY_OK) err = visit_large(&at, request->body.len);
    if (err == ASSAY_OK)
        err = assay_codec_decode(&manifest, request->arena, &assay_manifest_message, request->body, ASSAY_CODEC_STRICT);
    if (err == ASSAY_OK) err = assay_manifest_check(&manifest);
    if (err == ASSAY_OK) err = declared(rows, rows_count, &manifest, request->body.len, *request->arena);
    if (err == ASSAY_OK) err = holding_begin(at.v, root, request->body, *request->arena);
    if (err == ASSAY_OK) err = holding_missing(at.v, &missing, root, &manifest, *request->arena);
    if (err == ASSAY_OK && !missing) checker_poke(at.v);
    visit_end(&at);
    if (err != ASSAY_OK) {
        assay_http_problem(request, response, err, known ? NULL : "no recorded version has this root");
        return;
    }
    missing_answer(request, response, missing);
}

/* Digests of an upload's groups. Without them anybody could begin a file with a wrong byte. */
void put_groups(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_hash root;
    if (!root_of(&root, request, response) || !visit_begin(&at, context, request, response, true)) return;
    assay_manifest manifest;
    uint64_t missing = 0;
    assay_err err = recorded(&at, root, *request->arena);
    visit_end_snapshot(&at);
    if (err == ASSAY_OK) err = visit_manifest(&at, root, *request->arena);
    if (err == ASSAY_OK) err = holding_manifest(at.v, &manifest, NULL, request->arena, root);
    if (err == ASSAY_OK) err = holding_claim(at.v, root, &manifest, request->body, *request->arena);
    if (err == ASSAY_OK) err = holding_missing(at.v, &missing, root, &manifest, *request->arena);
    visit_end(&at);
    if (err != ASSAY_OK)
        assay_http_problem(request, response, err, NULL);
    else
        missing_answer(request, response, missing);
}

void put_file(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_hash root;
    if (!root_of(&root, request, response) || !visit_begin(&at, context, request, response, true)) return;
    const assay_file_leaf *file = NULL;
    uint64_t index, offset = 0, have = 0, missing = 1;
    assay_err err = query_number(request, "offset", &offset);
    if (err == ASSAY_OK) err = recorded(&at, root, *request->arena);
    visit_end_snapshot(&at);
    if (err == ASSAY_OK) err = file_of(&at, &file, &index, root, request);
    bool wrote = err == ASSAY_OK;
    if (wrote) {
        /* What was verified is never written again. */
        if (holding_complete(at.v, root))
            have = file->size;
        else
            err = holding_write_checked(at.v, at.entry, index, offset, request->body, &have, *request->arena);
    }
    /* Else it is more than the file has, or no number at all. */
    bool misplaced = wrote && err == ASSAY_E_RANGE && offset != have;
    /* A repeat adds nothing; an empty file counts as one byte until it is made. */
    if (err == ASSAY_OK) {
        uint64_t arrived = have > offset ? have - offset : file->size == 0;
        err = shelf_missing(at.v, at.entry, arrived <= request->body.len || !file->size ? arrived : 0, &missing,
                            *request->arena);
        if (err == ASSAY_OK && !missing) checker_poke(at.v);
    }
    visit_end(&at);
    assay_buf buf;
    if (misplaced) {
        assay_json json = problem_begin(request, &buf, 409, err, "bytes follow what is here: go on at `have`");
        assay_json_u64(&json, "have", have);
        problem_end(request, response, &json, 409);
    } else if (err != ASSAY_OK) {
        assay_http_problem(request, response, err,
                           err == ASSAY_E_SIZE ? "pieces of an upload with digests hold whole MiB" : NULL);
    } else {
        assay_json json = assay_http_json(request, &buf, 256);
        assay_json_object(&json, NULL);
        assay_json_u64(&json, "have", have);
        assay_json_close(&json, '}');
        assay_http_json_done(request, response, &json);
    }
}

/* ---- faults of a devnet -------------------------------------------------------------------------------------- */

static bool is_json(assay_bytes type) {
    const assay_bytes json = ASSAY_STR("application/json");
    if (type.len < json.len || (type.len > json.len && type.ptr[json.len] != ';' && type.ptr[json.len] != ' '))
        return false;
    return assay_base_bytes_eq((assay_bytes){type.ptr, json.len}, json);
}

void post_fault(void *context, const assay_http_request *request, assay_http_response *response) {
    struct assay_node *node = context;
    char kind[32] = "", why[200] = "";
    if (!node->config.faults) {
        assay_http_problem(request, response, ASSAY_E_UNAUTHORIZED, "only a devnet misbehaves on order");
        return;
    }
    /* A browser writes to this machine for any page, as long as it need not ask first; for JSON it asks, and hears no.
     */
    assay_bytes type = {NULL, 0};
    if (!assay_http_header(request, "Content-Type", &type) || !is_json(type)) {
        assay_buf buf;
        assay_json json = problem_begin(request, &buf, 415, ASSAY_E_ENCODING, "Content-Type is application/json");
        problem_end(request, response, &json, 415);
        return;
    }
    json_t *order = json_loadb((const char *)request->body.ptr, request->body.len, JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(json_object_get(order, "kind"));
    json_t *number = json_object_get(order, "validator");
    bool ok = text && json_is_integer(number) && json_integer_value(number) >= 0 &&
              json_integer_value(number) < ASSAY_NODE_VALIDATORS_MAX;
    if (ok) assay_os_format(kind, sizeof kind, "%s", text);
    uint32_t index = ok ? (uint32_t)json_integer_value(number) : 0;
    json_decref(order);
    assay_err err = ok ? fault_order(node, kind, index, why, sizeof why) : ASSAY_E_ENCODING;
    if (err != ASSAY_OK) {
        assay_http_problem(request, response, err == ASSAY_E_USAGE ? ASSAY_E_ENCODING : err,
                           ok ? why : "an order looks like {\"kind\":\"kill\",\"validator\":3}");
        return;
    }
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 256);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "kind", kind);
    assay_json_u64(&json, "validator", index);
    assay_json_close(&json, '}');
    assay_http_json_done(request, response, &json);
}
