/* SPDX-License-Identifier: Apache-2.0
 *
 * settings - node.json: what a validator under CometBFT has to know that is not the chain's: addresses and peers.
 */
#include "node/node.h"

#include "codec/codec.h"
#include "http/http.h"
#include "os/os.h"

#include <jansson.h>
#include <string.h>

#define SCHEMA "assay/node/1"
#define FILE_LEN_MAX ((size_t)1 << 20)

static assay_err file_path(const char **out, assay_arena *keep, const char *directory) {
    return assay_os_path_join(out, keep, directory, ASSAY_STR("node.json"));
}

bool assay_node_settings_exist(const char *directory, assay_arena scratch) {
    const char *path;
    return file_path(&path, &scratch, directory) == ASSAY_OK && assay_os_exists(path);
}

assay_err assay_node_settings_write(const char *directory, const assay_node_settings *settings, assay_arena scratch) {
    const char *path;
    size_t cap = 4096;
    ASSAY_ASSERT(settings->peers_count <= ASSAY_NODE_VALIDATORS_MAX); /* or it could not be read again */
    ASSAY_TRY(file_path(&path, &scratch, directory));
    for (uint32_t i = 0; i < settings->peers_count; i++) cap += 2 * strlen(settings->peers[i]) + 16;
    assay_buf text = {ASSAY_NEW(&scratch, uint8_t, cap), 0, cap};
    if (!text.ptr) return ASSAY_F_MEMORY;
    assay_json json = assay_json_begin(&text);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "schema", SCHEMA);
    assay_json_str(&json, "moniker", settings->moniker);
    assay_json_str(&json, "address", settings->address);
    assay_json_u64(&json, "port", settings->port);
    assay_json_str(&json, "rpc", settings->rpc);
    assay_json_str(&json, "abci", settings->abci);
    if (settings->signer) assay_json_str(&json, "signer", settings->signer);
    assay_json_hex(&json, "consensus_key", (assay_bytes){settings->consensus_key.b, sizeof settings->consensus_key.b});
    if (settings->snapshot_blocks) assay_json_u64(&json, "snapshot_blocks", settings->snapshot_blocks);
    assay_json_array(&json, "peers");
    for (uint32_t i = 0; i < settings->peers_count; i++) assay_json_str(&json, NULL, settings->peers[i]);
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    ASSAY_TRY(assay_json_end(&json));
    ASSAY_TRY(assay_base_buf_put(&text, ASSAY_STR("\n")));
    return assay_os_replace(path, (assay_bytes){text.ptr, text.len}, 0644);
}

/* Says what is wrong with it; operators write this file, too. */
static assay_err wrong(assay_node_settings *out, const char *what) { return out->wrong = what, ASSAY_F_CORRUPT; }

static assay_err text_of(const char **out, assay_arena *keep, const json_t *value) {
    assay_bytes copy;
    const char *text = json_string_value(value);
    if (!text) return ASSAY_F_CORRUPT;
    ASSAY_TRY(assay_base_arena_copy(&copy, keep, (assay_bytes){(const uint8_t *)text, strlen(text) + 1}));
    *out = (const char *)copy.ptr;
    return ASSAY_OK;
}

/* A text that begins with one of two schemes, and has more than that. */
static bool has_scheme(const char *text, const char *one, const char *other) {
    size_t len = strncmp(text, one, strlen(one)) == 0 ? strlen(one) : strlen(other);
    return (strncmp(text, one, len) == 0 || strncmp(text, other, len) == 0) && text[len];
}

static bool is_url(const char *text) { return has_scheme(text, "http://", "https://"); }

static bool is_socket(const char *text) { return has_scheme(text, "unix://", "tcp://"); }

static assay_err number_of(uint64_t *out, const json_t *value, uint64_t most) {
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number > most) return ASSAY_F_CORRUPT;
    *out = (uint64_t)number;
    return ASSAY_OK;
}

static assay_err read_peers(assay_node_settings *out, assay_arena *keep, const json_t *rows) {
    size_t count = json_array_size(rows);
    if (!json_is_array(rows) || count > ASSAY_NODE_VALIDATORS_MAX) return wrong(out, "\"peers\" is no list of URLs");
    const char **peers = ASSAY_NEW(keep, const char *, count + 1);
    if (!peers) return ASSAY_F_MEMORY;
    for (size_t i = 0; i < count; i++) {
        assay_err err = text_of(&peers[i], keep, json_array_get(rows, i));
        if (err == ASSAY_F_CORRUPT || (err == ASSAY_OK && !is_url(peers[i])))
            return wrong(out, "\"peers\": one of them is no http://HOST:PORT");
        ASSAY_TRY(err);
    }
    out->peers = peers;
    out->peers_count = (uint32_t)count;
    return ASSAY_OK;
}

static assay_err read_all(assay_node_settings *out, assay_arena *keep, const json_t *json) {
    const char *schema = json_string_value(json_object_get(json, "schema"));
    const char *key = json_string_value(json_object_get(json, "consensus_key"));
    const json_t *signer = json_object_get(json, "signer"), *blocks = json_object_get(json, "snapshot_blocks");
    uint64_t port;
    if (!schema || strcmp(schema, SCHEMA) != 0) return wrong(out, "\"schema\" is not " SCHEMA);
    if (!key ||
        assay_base_unhex(out->consensus_key.b, sizeof out->consensus_key.b, assay_base_bytes_str(key)) != ASSAY_OK)
        return wrong(out, "\"consensus_key\" is no key of 64 hex digits");
    const struct {
        const char *name;
        const char **out;
        bool (*ok)(const char *text);
        const char *wrong;
    } texts[] = {{"moniker", &out->moniker, NULL, "\"moniker\" is no text"},
                 {"address", &out->address, assay_http_is_address, "\"address\" is no number of IPv4 or IPv6"},
                 {"rpc", &out->rpc, is_url, "\"rpc\" is no http://HOST:PORT"},
                 {"abci", &out->abci, is_socket, "\"abci\" is neither unix://PATH nor tcp://ADDRESS:PORT"}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assay_err err = text_of(texts[i].out, keep, json_object_get(json, texts[i].name));
        if (err == ASSAY_F_CORRUPT || (err == ASSAY_OK && texts[i].ok && !texts[i].ok(*texts[i].out)))
            return wrong(out, texts[i].wrong);
        ASSAY_TRY(err);
    }
    if (signer) {
        assay_err err = text_of(&out->signer, keep, signer);
        if (err == ASSAY_F_CORRUPT || (err == ASSAY_OK && !is_socket(out->signer)))
            return wrong(out, "\"signer\" is no unix://PATH; without one it is not there at all");
        ASSAY_TRY(err);
    }
    if (blocks && number_of(&out->snapshot_blocks, blocks, INT64_MAX) != ASSAY_OK)
        return wrong(out, "\"snapshot_blocks\" is no number");
    if (number_of(&port, json_object_get(json, "port"), UINT16_MAX) != ASSAY_OK)
        return wrong(out, "\"port\" is no number from 0 to 65535");
    out->port = (uint16_t)port;
    return read_peers(out, keep, json_object_get(json, "peers"));
}

/* Where it is no JSON at all. */
static assay_err no_json(assay_node_settings *out, assay_arena *keep, const json_error_t *error) {
    assay_bytes copy;
    char line[sizeof error->text + 64];
    size_t len = assay_os_format(line, sizeof line, "line %d: %s", error->line, error->text);
    ASSAY_TRY(assay_base_arena_copy(&copy, keep, (assay_bytes){(const uint8_t *)line, len + 1}));
    return wrong(out, (const char *)copy.ptr);
}

assay_err assay_node_settings_read(assay_node_settings *out, assay_arena *keep, const char *directory) {
    const char *path;
    assay_bytes text;
    json_error_t error;
    *out = (assay_node_settings){.signer = NULL};
    ASSAY_TRY(file_path(&path, keep, directory));
    ASSAY_TRY(assay_os_read_whole(&text, keep, path, FILE_LEN_MAX));
    json_t *json = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    assay_err err = json ? read_all(out, keep, json) : no_json(out, keep, &error);
    json_decref(json);
    return err;
}
