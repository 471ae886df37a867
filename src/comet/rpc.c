/* SPDX-License-Identifier: Apache-2.0
 *
 * CometBFT's RPC: JSON-RPC 2.0 over HTTP; hashes in hex, keys and signatures in base64, 64-bit numbers as text. */
#include "comet/comet.h"

#include "codec/codec.h"
#include "crypto/crypto.h"
#include "http/http.h"
#include "os/os.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define RELAY_PATH_LEN_MAX 256

/* ---- members ----------------------------------------------------------------------------------------------------- */

/* The first thing in a text that is not as it should be; what comes after it is not looked at. */
typedef struct reader {
    assay_arena *keep;
    assay_err err;
} reader;

static void refuse(reader *r, assay_err err) {
    if (r->err == ASSAY_OK) r->err = err;
}

static assay_bytes text_of(reader *r, const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) {
        refuse(r, ASSAY_E_ENCODING);
        return (assay_bytes){NULL, 0};
    }
    return (assay_bytes){(const uint8_t *)json_string_value(value), json_string_length(value)};
}

static void hex_of(reader *r, uint8_t *out, size_t len, const json_t *object, const char *key) {
    assay_bytes text = text_of(r, object, key);
    memset(out, 0, len);
    if (r->err == ASSAY_OK && text.len) refuse(r, assay_base_unhex(out, len, text)); /* "" is no hash at all */
}

static void base64_of(reader *r, uint8_t *out, size_t len, const json_t *object, const char *key) {
    assay_bytes text = text_of(r, object, key), bytes = {NULL, 0};
    assay_arena scratch = *r->keep;
    memset(out, 0, len);
    if (r->err == ASSAY_OK) refuse(r, assay_codec_base64_get(&bytes, &scratch, text));
    if (r->err == ASSAY_OK && bytes.len != len) refuse(r, ASSAY_E_ENCODING);
    if (r->err == ASSAY_OK) memcpy(out, bytes.ptr, len);
}

static uint64_t u64_of(reader *r, const json_t *object, const char *key) {
    uint64_t value = 0;
    assay_bytes text = text_of(r, object, key);
    if (r->err == ASSAY_OK) refuse(r, assay_base_undecimal(&value, text));
    if (value > INT64_MAX) refuse(r, ASSAY_E_RANGE);
    return value;
}

static int64_t int_of(reader *r, const json_t *object, const char *key, int64_t least, int64_t most) {
    const json_t *value = json_object_get(object, key);
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value)) refuse(r, ASSAY_E_ENCODING);
    if (number < least || number > most) refuse(r, ASSAY_E_RANGE);
    return number;
}

static assay_time time_of(reader *r, const json_t *object, const char *key) {
    assay_time time = {0};
    assay_bytes text = text_of(r, object, key);
    if (r->err == ASSAY_OK) refuse(r, assay_codec_time_get(&time, text));
    return time;
}

static assay_block_id block_id_of(reader *r, const json_t *object) {
    assay_block_id id = {0};
    const json_t *parts = json_object_get(object, "parts");
    hex_of(r, id.hash.b, sizeof id.hash.b, object, "hash");
    id.parts_total = (uint32_t)int_of(r, parts, "total", 0, UINT32_MAX);
    hex_of(r, id.parts_hash.b, sizeof id.parts_hash.b, parts, "hash");
    return id;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static bool mentions(const json_t *error, const char *words) {
    const char *const keys[] = {"data", "message"};
    for (size_t i = 0; i < 2; i++) {
        const char *text = json_string_value(json_object_get(error, keys[i]));
        if (text && strstr(text, words)) return true;
    }
    return false;
}

/* The answer's result, or what its error means. */
static assay_err result_of(const json_t **out, const json_t *root) {
    const json_t *error = json_object_get(root, "error");
    *out = json_object_get(root, "result");
    if (json_is_object(*out)) return ASSAY_OK;
    if (!json_is_object(error)) return ASSAY_E_ENCODING;
    bool gone = mentions(error, "must be less than or equal to") || mentions(error, "is not available") ||
                mentions(error, "could not find");
    return gone ? ASSAY_E_NOT_FOUND : ASSAY_F_BUSY;
}

static void read_header(reader *r, assay_header *out, const json_t *json) {
    const json_t *version = json_object_get(json, "version");
    *out = (assay_header){.version_block = u64_of(r, version, "block")};
    /* An application of version 0 leaves it out. */
    if (json_object_get(version, "app")) out->version_app = u64_of(r, version, "app");
    assay_bytes chain_id = text_of(r, json, "chain_id");
    if (chain_id.len > ASSAY_CHAIN_ID_LEN_MAX) refuse(r, ASSAY_E_RANGE);
    if (r->err == ASSAY_OK) refuse(r, assay_base_arena_copy(&out->chain_id, r->keep, chain_id));
    out->height = (int64_t)u64_of(r, json, "height");
    out->time = time_of(r, json, "time");
    out->last_block_id = block_id_of(r, json_object_get(json, "last_block_id"));
    hex_of(r, out->last_commit_hash.b, ASSAY_HASH_LEN, json, "last_commit_hash");
    hex_of(r, out->data_hash.b, ASSAY_HASH_LEN, json, "data_hash");
    hex_of(r, out->validators_hash.b, ASSAY_HASH_LEN, json, "validators_hash");
    hex_of(r, out->next_validators_hash.b, ASSAY_HASH_LEN, json, "next_validators_hash");
    hex_of(r, out->consensus_hash.b, ASSAY_HASH_LEN, json, "consensus_hash");
    hex_of(r, out->app_hash.b, ASSAY_HASH_LEN, json, "app_hash");
    hex_of(r, out->last_results_hash.b, ASSAY_HASH_LEN, json, "last_results_hash");
    hex_of(r, out->evidence_hash.b, ASSAY_HASH_LEN, json, "evidence_hash");
    hex_of(r, out->proposer.b, ASSAY_ADDRESS_LEN, json, "proposer_address");
}

static void read_signature(reader *r, assay_commit_sig *out, const json_t *json) {
    *out = (assay_commit_sig){.flag = (uint32_t)int_of(r, json, "block_id_flag", ASSAY_FLAG_ABSENT, ASSAY_FLAG_NIL)};
    if (out->flag == ASSAY_FLAG_ABSENT) return; /* all else is empty, its time Go's zero */
    hex_of(r, out->validator.b, ASSAY_ADDRESS_LEN, json, "validator_address");
    out->timestamp = time_of(r, json, "timestamp");
    base64_of(r, out->signature.b, sizeof out->signature.b, json, "signature");
}

static void read_commit(reader *r, assay_commit *out, const json_t *json) {
    const json_t *rows = json_object_get(json, "signatures");
    size_t count = json_array_size(rows);
    *out = (assay_commit){.height = (int64_t)u64_of(r, json, "height"),
                          .round = (int32_t)int_of(r, json, "round", 0, INT32_MAX),
                          .block_id = block_id_of(r, json_object_get(json, "block_id"))};
    if (!json_is_array(rows) || count > ASSAY_VALIDATORS_MAX) refuse(r, ASSAY_E_ENCODING);
    if (r->err != ASSAY_OK) return;
    out->sigs = ASSAY_NEW(r->keep, assay_commit_sig, count);
    if (!out->sigs) refuse(r, ASSAY_F_MEMORY);
    for (size_t i = 0; r->err == ASSAY_OK && i < count; i++) read_signature(r, &out->sigs[i], json_array_get(rows, i));
    out->sigs_count = (uint32_t)count;
}

assay_err assay_comet_json_bound(assay_bytes text) {
    return assay_json_bound(text, ASSAY_COMET_DEPTH_MAX, ASSAY_COMET_VALUES_MAX);
}

static assay_err load(json_t **out, assay_bytes text) {
    json_error_t error;
    *out = NULL;
    ASSAY_TRY(assay_comet_json_bound(text));
    *out = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (*out) return ASSAY_OK;
    return json_error_code(&error) == json_error_out_of_memory ? ASSAY_F_MEMORY : ASSAY_E_ENCODING;
}

assay_err assay_comet_read_commit(assay_header *header, assay_commit *commit, assay_arena *keep, assay_bytes text) {
    json_t *root;
    const json_t *result;
    ASSAY_TRY(load(&root, text));
    reader r = {keep, result_of(&result, root)};
    const json_t *signed_header = json_object_get(result, "signed_header");
    if (r.err == ASSAY_OK) read_header(&r, header, json_object_get(signed_header, "header"));
    if (r.err == ASSAY_OK) read_commit(&r, commit, json_object_get(signed_header, "commit"));
    json_decref(root);
    ASSAY_TRY(r.err);
    bool same =
        header->height == commit->height && assay_base_hash_eq(assay_header_hash(header), commit->block_id.hash);
    return same ? ASSAY_OK : ASSAY_E_COMMIT;
}

static void read_validator(reader *r, assay_validator *out, const json_t *json) {
    const json_t *key = json_object_get(json, "pub_key");
    *out = (assay_validator){.power = u64_of(r, json, "voting_power")};
    assay_bytes type = text_of(r, key, "type");
    if (!assay_base_bytes_eq(type, ASSAY_STR("tendermint/PubKeyEd25519"))) refuse(r, ASSAY_E_ENCODING);
    base64_of(r, out->public_key.b, sizeof out->public_key.b, key, "value");
    out->address = assay_crypto_address(out->public_key);
}

assay_err assay_comet_read_validators(assay_validator *list, uint32_t *count, uint32_t cap, uint32_t *total,
                                      assay_bytes text) {
    uint8_t memory[256];
    assay_arena scratch = assay_base_arena(memory, sizeof memory);
    json_t *root;
    const json_t *result;
    ASSAY_TRY(load(&root, text));
    reader r = {&scratch, result_of(&result, root)};
    const json_t *rows = json_object_get(result, "validators");
    if (r.err == ASSAY_OK && !json_is_array(rows)) r.err = ASSAY_E_ENCODING;
    uint64_t all = r.err == ASSAY_OK ? u64_of(&r, result, "total") : 0;
    if (all > cap) refuse(&r, ASSAY_E_LIMIT);
    for (size_t i = 0; r.err == ASSAY_OK && i < json_array_size(rows); i++) {
        if (*count == cap) refuse(&r, ASSAY_E_LIMIT);
        if (r.err == ASSAY_OK) read_validator(&r, &list[*count], json_array_get(rows, i));
        if (r.err == ASSAY_OK) ++*count;
    }
    if (r.err == ASSAY_OK && *count > all) r.err = ASSAY_E_ENCODING;
    *total = (uint32_t)all;
    json_decref(root);
    return r.err;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

struct assay_comet {
    assay_http_client *client;
    bool relayed;                  /* behind a path, where somebody takes posted requests alone */
    char path[RELAY_PATH_LEN_MAX]; /* where requests are posted */
};

/* Where a URL's path begins: its length if it has none but a slash. */
static size_t path_at(const char *url) {
    const char *host = strstr(url, "://");
    const char *slash = host ? strchr(host + 3, '/') : NULL;
    return slash && slash[1] ? (size_t)(slash - url) : strlen(url);
}

assay_err assay_comet_open(assay_comet **out, const char *url, uint32_t timeout_seconds) {
    assay_comet *comet = calloc(1, sizeof *comet);
    char host[1024];
    *out = NULL;
    if (!comet) return ASSAY_F_MEMORY;
    if (!url) url = "";
    size_t at = path_at(url);
    comet->relayed = url[at] != 0;
    assay_os_format(comet->path, sizeof comet->path, "%s", comet->relayed ? url + at : "/");
    assay_os_format(host, sizeof host, "%.*s", at < sizeof host ? (int)at : 0, url);
    bool fits = at < sizeof host && strlen(url + at) < sizeof comet->path && !strpbrk(url + at, "?#");
    assay_err err = fits ? assay_http_client_open(&comet->client, host, timeout_seconds) : ASSAY_E_USAGE;
    if (err != ASSAY_OK) {
        free(comet);
        return err;
    }
    *out = comet;
    return ASSAY_OK;
}

void assay_comet_close(assay_comet *comet) {
    if (!comet) return;
    assay_http_client_close(comet->client);
    free(comet);
}

const char *assay_comet_why(const assay_comet *comet) { return assay_http_client_why(comet->client); }

/* "height=5&page=1" as JSON-RPC wants it: each value a text, numbers too. */
static void params_json(assay_json *json, const char *params) {
    assay_json_object(json, "params");
    for (const char *at = params; *at;) {
        char key[32];
        size_t name = strcspn(at, "="), whole = strcspn(at, "&");
        assay_os_format(key, sizeof key, "%.*s", (int)name, at);
        assay_json_text(json, key, (assay_bytes){(const uint8_t *)at + name + 1, whole - name - 1});
        at += whole + (at[whole] == '&');
    }
    assay_json_close(json, '}');
}

/* Errors of JSON-RPC come with status 500 and a body like any other. */
static assay_err ask(assay_comet *comet, assay_bytes *text, assay_arena *keep, const char *method, const char *params) {
    uint8_t room[512];
    char target[160];
    assay_buf body = {room, 0, sizeof room};
    assay_http_reply reply;
    if (comet->relayed) {
        assay_json json = assay_json_begin(&body);
        assay_json_object(&json, NULL);
        assay_json_str(&json, "jsonrpc", "2.0");
        assay_json_u64(&json, "id", 1);
        assay_json_str(&json, "method", method);
        params_json(&json, params);
        assay_json_close(&json, '}');
        ASSAY_TRY(assay_json_end(&json));
    }
    assay_os_format(target, sizeof target, "/%s%s%s", method, *params ? "?" : "", params);
    ASSAY_TRY(assay_http_call(comet->client, &reply, keep, comet->relayed ? ASSAY_HTTP_POST : ASSAY_HTTP_GET,
                              comet->relayed ? comet->path : target, (assay_bytes){body.ptr, body.len}, NULL,
                              ASSAY_COMET_ANSWER_LEN_MAX));
    *text = reply.body;
    return reply.json ? ASSAY_OK : ASSAY_E_ENCODING;
}

assay_err assay_comet_commit(assay_comet *comet, assay_header *header, assay_commit *commit, assay_arena *keep,
                             uint64_t height) {
    char params[64] = "";
    assay_bytes text;
    assay_arena scratch = assay_base_arena_split(keep);
    if (height) assay_os_format(params, sizeof params, "height=%llu", (unsigned long long)height);
    assay_err err = ask(comet, &text, &scratch, "commit", params);
    if (err == ASSAY_OK) err = assay_comet_read_commit(header, commit, keep, text);
    keep->end = scratch.end;
    ASSAY_TRY(err);
    return !height || header->height == (int64_t)height ? ASSAY_OK : ASSAY_E_COMMIT;
}

assay_err assay_comet_validators(assay_comet *comet, assay_validator_set *out, assay_arena *keep, uint64_t height) {
    assay_arena scratch = assay_base_arena_split(keep);
    assay_validator *list = ASSAY_NEW(&scratch, assay_validator, ASSAY_VALIDATORS_MAX);
    uint32_t count = 0, total = 1;
    assay_err err = list ? ASSAY_OK : ASSAY_F_MEMORY;
    for (uint32_t page = 1; err == ASSAY_OK && count < total; page++) {
        char params[96];
        assay_bytes text;
        assay_arena turn = scratch;
        uint32_t before = count;
        assay_os_format(params, sizeof params, "height=%llu&page=%u&per_page=100", (unsigned long long)height, page);
        err = ask(comet, &text, &turn, "validators", params);
        if (err == ASSAY_OK) err = assay_comet_read_validators(list, &count, ASSAY_VALIDATORS_MAX, &total, text);
        if (err == ASSAY_OK && count == before) err = ASSAY_E_ENCODING;
    }
    keep->end = scratch.end;
    ASSAY_TRY(err);
    return assay_validators_new(out, keep, list, count);
}

/* What a verdict on a transaction says of it; the application's codes are ours. */
static assay_err verdict_of(const json_t *answer) {
    const json_t *result, *error = json_object_get(answer, "error");
    if (json_is_object(error)) {
        if (mentions(error, "already exists in cache")) return ASSAY_OK; /* the same bytes were taken before */
        if (mentions(error, "mempool is full")) return ASSAY_E_FULL;
        if (mentions(error, "too large")) return ASSAY_E_SIZE;
        return ASSAY_F_BUSY;
    }
    if (result_of(&result, answer) != ASSAY_OK) return ASSAY_F_BUSY;
    const json_t *code = json_object_get(result, "code");
    json_int_t number = json_integer_value(code);
    /* Ours fit a byte. Cut down to an enum, 2^32 would be consent. */
    return json_is_integer(code) && number >= 0 && number <= UINT8_MAX ? (assay_err)number : ASSAY_F_BUSY;
}

assay_err assay_comet_submit(assay_comet *comet, assay_err *verdicts, const assay_bytes *txs, uint32_t count,
                             assay_arena scratch) {
    size_t cap = 256;
    ASSAY_ASSERT(count <= ASSAY_COMET_SUBMIT_MAX);
    if (count == 0) return ASSAY_OK;
    for (uint32_t i = 0; i < count; i++) {
        verdicts[i] = ASSAY_F_BUSY;
        cap += assay_codec_base64_size(txs[i].len) + 128;
    }
    assay_buf body = {ASSAY_NEW(&scratch, uint8_t, cap), 0, cap};
    if (!body.ptr) return ASSAY_F_MEMORY;
    assay_json json = assay_json_begin(&body);
    assay_json_array(&json, NULL);
    for (uint32_t i = 0; i < count; i++) {
        assay_json_object(&json, NULL);
        assay_json_str(&json, "jsonrpc", "2.0");
        assay_json_u64(&json, "id", i);
        assay_json_str(&json, "method", "broadcast_tx_sync");
        assay_json_object(&json, "params");
        assay_json_base64(&json, "tx", txs[i]);
        assay_json_close(&json, '}');
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    ASSAY_TRY(assay_json_end(&json));
    assay_http_reply reply;
    ASSAY_TRY(assay_http_call(comet->client, &reply, &scratch, ASSAY_HTTP_POST, comet->path,
                              (assay_bytes){body.ptr, body.len}, NULL, (size_t)4 << 20));
    json_t *root;
    if (load(&root, reply.body) != ASSAY_OK) return ASSAY_F_NETWORK;
    /* One answer comes without a list around it. */
    for (size_t i = 0; i < (json_is_array(root) ? json_array_size(root) : 1); i++) {
        const json_t *answer = json_is_array(root) ? json_array_get(root, i) : root;
        const json_t *name = json_object_get(answer, "id");
        json_int_t id = json_is_integer(name) ? json_integer_value(name) : -1;
        if (id >= 0 && id < (json_int_t)count) verdicts[id] = verdict_of(answer);
    }
    json_decref(root);
    return ASSAY_OK;
}

/* One that reads here as it does there: Go takes a member whose name differs in letter case for the same one, and the
 * last of them counts. *method is what it asks for. */
static bool is_request(const char **method, json_t *root) {
    static const char *const members[] = {"jsonrpc", "id", "method", "params"};
    size_t known = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) known += json_object_get(root, members[i]) != NULL;
    *method = json_string_value(json_object_get(root, "method"));
    return *method && known == json_object_size(root);
}

assay_err assay_comet_relay(assay_comet *comet, assay_bytes *answer, assay_arena *keep, assay_bytes request) {
    static const char *const methods[] = {"commit", "validators", "consensus_params", "status", "health"};
    json_t *root;
    const char *method;
    assay_err err = load(&root, request);
    if (err != ASSAY_OK) return assay_base_err_is_fault(err) ? err : ASSAY_E_ENCODING;
    bool reads = false, plain = is_request(&method, root);
    for (size_t i = 0; plain && i < sizeof methods / sizeof *methods; i++)
        reads = reads || strcmp(method, methods[i]) == 0;
    json_decref(root);
    if (!plain) return ASSAY_E_ENCODING;
    if (!reads) return ASSAY_E_UNAUTHORIZED;
    assay_http_reply reply;
    ASSAY_TRY(assay_http_call(comet->client, &reply, keep, ASSAY_HTTP_POST, comet->path, request, NULL,
                              ASSAY_COMET_ANSWER_LEN_MAX));
    *answer = reply.body;
    return reply.json ? ASSAY_OK : ASSAY_F_NETWORK; /* the asker is not at fault */
}

static void copy_text(char *out, size_t cap, const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    assay_os_format(out, cap, "%s", text ? text : "");
}

/* The answer to "status"; its peers it does not tell. */
static assay_err read_status(assay_comet_status *out, assay_comet *comet, assay_arena scratch) {
    assay_bytes text;
    json_t *root;
    const json_t *result;
    *out = (assay_comet_status){.height = 0};
    ASSAY_TRY(ask(comet, &text, &scratch, "status", ""));
    ASSAY_TRY(load(&root, text));
    reader r = {&scratch, result_of(&result, root)};
    const json_t *node = json_object_get(result, "node_info"), *sync = json_object_get(result, "sync_info");
    if (r.err == ASSAY_OK) {
        out->height = u64_of(&r, sync, "latest_block_height");
        const json_t *catching_up = json_object_get(sync, "catching_up");
        if (!json_is_boolean(catching_up)) refuse(&r, ASSAY_E_ENCODING);
        out->catching_up = json_is_true(catching_up);
        copy_text(out->node_id, sizeof out->node_id, node, "id");
        copy_text(out->version, sizeof out->version, node, "version");
    }
    json_decref(root);
    return r.err;
}

assay_err assay_comet_who(assay_comet *comet, char out[ASSAY_COMET_ID_LEN + 1], assay_arena scratch) {
    assay_comet_status status;
    ASSAY_TRY(read_status(&status, comet, scratch));
    assay_os_format(out, ASSAY_COMET_ID_LEN + 1, "%s", status.node_id);
    return ASSAY_OK;
}

assay_err assay_comet_level(assay_comet *comet, bool *catching_up, assay_arena scratch) {
    assay_comet_status status;
    ASSAY_TRY(read_status(&status, comet, scratch));
    *catching_up = status.catching_up;
    return ASSAY_OK;
}

assay_err assay_comet_status_get(assay_comet *comet, assay_comet_status *out, assay_arena scratch) {
    assay_bytes text;
    json_t *root;
    const json_t *result;
    ASSAY_TRY(read_status(out, comet, scratch));
    ASSAY_TRY(ask(comet, &text, &scratch, "net_info", ""));
    ASSAY_TRY(load(&root, text));
    reader r = {&scratch, result_of(&result, root)};
    uint64_t peers = r.err == ASSAY_OK ? u64_of(&r, result, "n_peers") : 0;
    if (peers > UINT32_MAX) refuse(&r, ASSAY_E_RANGE);
    out->peers = (uint32_t)peers;
    json_decref(root);
    return r.err;
}
