/* SPDX-License-Identifier: Apache-2.0
 *
 * devnet_internal - what the tests of the API share: a devnet in this process, spoken to over its real port; signed
 * transactions of its accounts; a small model on disk, registered and handed in.
 */
#ifndef ASSAY_NODE_TEST_DEVNET_INTERNAL_H
#define ASSAY_NODE_TEST_DEVNET_INTERNAL_H

#include "../routes_internal.h"

#include "cert/cert.h"
#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

typedef struct net {
    assay_node *node;
    assay_http_client *client;
    assay_os_region region;
    const char *data; /* this test's own directory; NULL: the node's */
} net;

/* An answer, whatever its status; body and json live until the next one. */
typedef struct answer {
    uint32_t status;
    assay_bytes body;
} answer;

static void log_line(void *context, const char *line) {
    (void)context;
    printf("    %s\n", line);
}

static void net_open(net *n, uint32_t validators, bool faults) {
    char why[256], url[64];
    assay_node_config config = {.validators = validators, .data = n->data, .faults = faults, .log = log_line};
    assay_err err = assay_node_start(&n->node, &config, why, sizeof why);
    if (err != ASSAY_OK) printf("%s: %s\n", assay_base_err_text(err), why);
    assert_int_equal(err, ASSAY_OK);
    assay_os_format(url, sizeof url, "http://127.0.0.1:%u", assay_node_look(n->node).port);
    assert_int_equal(assay_http_client_open(&n->client, url, 60), ASSAY_OK);
    assert_int_equal(assay_os_reserve(&n->region, (size_t)1 << 30), ASSAY_OK);
}

static void net_close(net *n) {
    assay_http_client_close(n->client);
    assay_node_stop(n->node);
    assay_os_unreserve(&n->region);
}

static answer ask_as(net *n, assay_http_method method, const char *path, assay_bytes body, const char *type) {
    assay_arena arena = assay_os_region_arena(&n->region);
    arena.end = arena.at + n->region.size / 2; /* the upper half is the test's */
    assay_http_reply reply;
    assay_err err = assay_http_call(n->client, &reply, &arena, method, path, body, type, n->region.size / 4);
    if (err != ASSAY_OK) printf("%s: %s\n", path, assay_http_client_why(n->client));
    assert_int_equal(err, ASSAY_OK);
    return (answer){reply.status, reply.body};
}

static assay_arena test_memory(net *n) {
    assay_arena arena = assay_os_region_arena(&n->region);
    return assay_base_arena_split(&arena);
}

static answer ask(net *n, assay_http_method method, const char *path, assay_bytes body) {
    return ask_as(n, method, path, body,
                  strcmp(path, "/faults") == 0 ? "application/json" : "application/octet-stream");
}

/* The JSON of an answer that must have this status; the caller gives it back. */
static json_t *expect(net *n, assay_http_method method, const char *path, assay_bytes body, uint32_t status) {
    answer a = ask(n, method, path, body);
    if (a.status != status) printf("%s: %u %.*s\n", path, a.status, (int)a.body.len, (const char *)a.body.ptr);
    assert_int_equal(a.status, status);
    json_t *json = json_loadb((const char *)a.body.ptr, a.body.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static inline json_t *get(net *n, const char *path) {
    return expect(n, ASSAY_HTTP_GET, path, (assay_bytes){NULL, 0}, 200);
}

static inline void refused(net *n, assay_http_method method, const char *path, assay_bytes body, uint32_t status,
                           const char *code) {
    json_t *json = expect(n, method, path, body, status);
    assert_string_equal(json_string_value(json_object_get(json, "code")), code);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), status);
    json_decref(json);
}

static inline uint64_t integer(net *n, const char *path, const char *key) {
    json_t *json = get(n, path);
    assert_true(json_is_integer(json_object_get(json, key)));
    uint64_t value = (uint64_t)json_integer_value(json_object_get(json, key));
    json_decref(json);
    return value;
}

static inline void fault(net *n, const char *kind, unsigned index) {
    char order[80];
    assay_os_format(order, sizeof order, "{\"kind\":\"%s\",\"validator\":%u}", kind, index);
    json_decref(expect(n, ASSAY_HTTP_POST, "/faults", assay_base_bytes_str(order), 200));
}

/* Asks until the answer is 200 and holds(json); the caller gives it back. */
static inline json_t *await_json(net *n, const char *path, bool (*holds)(const json_t *json)) {
    for (int tries = 0; tries < 1200; tries++) {
        answer a = ask(n, ASSAY_HTTP_GET, path, (assay_bytes){NULL, 0});
        json_t *json = a.status == 200 ? json_loadb((const char *)a.body.ptr, a.body.len, 0, NULL) : NULL;
        if (json && holds(json)) return json;
        json_decref(json);
        assay_os_sleep_ns(50000000);
    }
    fail_msg("%s never came to what was awaited", path);
    return NULL;
}

/* ---- accounts ------------------------------------------------------------------------------------------------------
 */

/* "keys/account0.key", "validator1/owner.key" */
static inline assay_key_secret key_of(net *n, const char *file) {
    assay_key_secret secret;
    char path[700];
    assay_os_format(path, sizeof path, "%s/%s", assay_node_look(n->node).data, file);
    assert_int_equal(assay_node_key_load(&secret, path, false), ASSAY_OK);
    return secret;
}

static inline assay_address address_of(const assay_key_secret *secret) {
    return assay_crypto_address(assay_crypto_ed25519_public(secret));
}

static inline uint64_t nonce_of(net *n, const assay_key_secret *secret) {
    char address[ASSAY_ADDRESS_TEXT_LEN + 1], path[80];
    assay_codec_address_put(address, address_of(secret));
    assay_os_format(path, sizeof path, "/accounts/%s", address);
    return integer(n, path, "nonce");
}

/* Signed with the account's nonce plus ahead; in keep. */
static inline assay_bytes signed_tx(net *n, assay_tx_body body, const assay_key_secret *secret, uint64_t ahead,
                                    assay_arena *keep) {
    body.format = 1;
    body.chain_id = assay_base_bytes_str(n->node->chain_id);
    body.nonce = nonce_of(n, secret) + ahead;
    body.fee = 10000000;
    assay_buf out = {ASSAY_NEW(keep, uint8_t, ASSAY_TX_LEN_MAX), 0, ASSAY_TX_LEN_MAX};
    assert_int_equal(assay_tx_sign(&out, &body, secret, *keep), ASSAY_OK);
    return (assay_bytes){out.ptr, out.len};
}

/* Signs, hands in, and holds the answer against the status; id (65 chars, may be NULL) is the transaction's. */
static inline void submit(net *n, assay_tx_body body, const char *key_file, uint32_t status, char *id) {
    assay_arena keep = test_memory(n);
    assay_key_secret secret = key_of(n, key_file);
    json_t *json = expect(n, ASSAY_HTTP_POST, "/transactions", signed_tx(n, body, &secret, 0, &keep), status);
    if (id) assay_os_format(id, 65, "%s", json_string_value(json_object_get(json, "id")));
    json_decref(json);
}

/* ---- a model -------------------------------------------------------------------------------------------------------
 */

typedef struct small_model {
    const char *dir;
    assay_model model;
    char root[65];
} small_model;

static inline void put_text(const char *dir, const char *name, assay_bytes bytes) {
    char path[700];
    assay_os_format(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(assay_os_replace(path, bytes, 0644), ASSAY_OK);
}

static inline void model_digest(small_model *m, assay_arena *keep) {
    assay_arena upper = *keep, scratch = assay_base_arena_split(&upper);
    assay_model_options options = {.threads = 1};
    assay_arena lower = assay_base_arena(keep->at, (size_t)(upper.end - upper.at));
    assert_int_equal(assay_model_digest(&m->model, &lower, NULL, m->dir, &options, scratch), ASSAY_OK);
    keep->at = lower.at;
    assay_base_hex(m->root, assay_base_hash_bytes(&m->model.root));
}

/* Five files, one of them empty, one in a folder, one of more than 4 MiB, one with a tensor; each salt another model.
 */
static inline void model_make(small_model *m, uint8_t salt, assay_arena *keep) {
    char path[700];
    static const char header[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
    const size_t len = sizeof header - 1, large = ((size_t)4 << 20) + 4097;
    uint8_t tensors[8 + sizeof header + 16] = {(uint8_t)len};
    memcpy(tensors + 8, header, len);
    memset(tensors + 8 + len, salt, 16);
    assert_int_equal(assay_os_temp_dir(&m->dir, keep, "assay-test-model-", true), ASSAY_OK);
    assay_os_format(path, sizeof path, "%s/sub", m->dir);
    assert_int_equal(assay_os_dirs_create(path, 0755), ASSAY_OK);
    put_text(m->dir, "README.md", ASSAY_STR("a model of a test\n"));
    put_text(m->dir, "empty", (assay_bytes){NULL, 0});
    put_text(m->dir, "model.safetensors", (assay_bytes){tensors, 8 + len + 16});
    put_text(m->dir, "sub/config.json", ASSAY_STR("{}"));
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, large);
    assert_non_null(bytes);
    for (size_t i = 0; i < large; i++) bytes[i] = (uint8_t)(i * 31 + i / 1000 + salt);
    put_text(m->dir, "large.bin", (assay_bytes){bytes, large});
    model_digest(m, keep);
}

/* large.bin gets that long. */
static inline void model_grow(small_model *m, size_t len, assay_arena *keep) {
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, len);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)(i * 31 + i / 1000);
    put_text(m->dir, "large.bin", (assay_bytes){bytes, len});
    model_digest(m, keep);
}

static inline void model_drop(small_model *m) { assert_int_equal(assay_os_remove_tree(m->dir), ASSAY_OK); }

static inline assay_msg_register registration(const small_model *m, const char *name, const char *version,
                                              const assay_key_secret *secret, assay_arena scratch) {
    assay_msg_register message = {
        .name = assay_base_bytes_str(name),
        .version = assay_base_bytes_str(version),
        .root = m->model.root,
        .size = m->model.size,
        .files = m->model.manifest.files_count,
        .chunks = m->model.chunks,
        .tensor_root = m->model.tensor_root,
        .tensor_rules = m->model.manifest.tensor_rules,
        .tensors = m->model.manifest.tensors_count,
        .model_signing = m->model.model_signing,
        .source = ASSAY_STR("a test"),
    };
    assay_cert_statement statement = {message.name, message.version, &m->model.manifest, message.model_signing};
    assert_int_equal(assay_cert_statement_sign(&message.statement_signature, &statement, secret, scratch), ASSAY_OK);
    return message;
}

static inline void model_register(net *n, const small_model *m, const char *name, const char *version, char *id) {
    assay_arena keep = test_memory(n);
    assay_key_secret secret = key_of(n, "keys/account0.key");
    assay_msg_register message = registration(m, name, version, &secret, keep);
    submit(n, (assay_tx_body){.register_version = &message}, "keys/account0.key", 200, id);
}

static inline assay_bytes manifest_bytes(const assay_manifest *manifest, assay_arena *keep) {
    assay_bytes encoded;
    assert_int_equal(assay_codec_encode_new(&encoded, keep, &assay_manifest_message, manifest, ASSAY_CODEC_STRICT),
                     ASSAY_OK);
    return encoded;
}

static inline assay_bytes groups_bytes(const assay_model *model) {
    return (assay_bytes){(const uint8_t *)model->groups.values, (size_t)model->groups.count * ASSAY_HASH_LEN};
}

static inline assay_bytes file_bytes(const small_model *m, uint32_t index, assay_arena *keep) {
    const char *path;
    assay_bytes bytes;
    assert_int_equal(assay_os_path_join(&path, keep, m->dir, m->model.manifest.files[index].path), ASSAY_OK);
    assert_int_equal(assay_os_read_whole(&bytes, keep, path, (size_t)64 << 20), ASSAY_OK);
    return bytes;
}

/* The bytes that are not there yet. */
static inline void model_upload_rest(net *n, const small_model *m) {
    assay_arena keep = test_memory(n);
    char path[200];
    assay_os_format(path, sizeof path, "/bytes/%s", m->root);
    json_t *state = get(n, path);
    for (uint32_t i = 0; i < m->model.manifest.files_count; i++) {
        assay_arena turn = keep;
        assay_bytes bytes = file_bytes(m, i, &turn);
        json_t *file = json_array_get(json_object_get(state, "files"), i);
        size_t have = (size_t)json_integer_value(json_object_get(file, "have"));
        do {
            size_t len = bytes.len - have < (size_t)4 << 20 ? bytes.len - have : (size_t)4 << 20;
            assay_os_format(path, sizeof path, "/bytes/%s/files/%u?offset=%zu", m->root, i, have);
            json_t *json = expect(n, ASSAY_HTTP_PUT, path, (assay_bytes){bytes.ptr + have, len}, 200);
            have = (size_t)json_integer_value(json_object_get(json, "have"));
            json_decref(json);
        } while (have < bytes.len);
    }
    json_decref(state);
}

static inline void model_upload(net *n, const small_model *m) {
    assay_arena keep = test_memory(n);
    char path[200];
    assay_os_format(path, sizeof path, "/bytes/%s/manifest", m->root);
    json_decref(expect(n, ASSAY_HTTP_PUT, path, manifest_bytes(&m->model.manifest, &keep), 200));
    model_upload_rest(n, m);
}

static inline bool is_attested(const json_t *version) {
    return json_integer_value(json_object_get(version, "attested_height")) > 0;
}

static inline void await_attested(net *n, const char *name, const char *version) {
    char path[200];
    assay_os_format(path, sizeof path, "/models/%s/%s", name, version);
    json_decref(await_json(n, path, is_attested));
}

#endif
