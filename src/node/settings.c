/* SPDX-License-Identifier: Apache-2.0
 *
 * settings - node.json: what a validator under CometBFT has to know that is not the chain's: addresses and peers.
 */
#include "node/node.h"

#include "codec/codec.h"
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

/* NULL if it is not there or no text. */
static const char *text_of(assay_arena *keep, const json_t *value) {
    assay_bytes copy;
    const char *text = json_string_value(value);
    if (!text || assay_base_arena_copy(&copy, keep, (assay_bytes){(const uint8_t *)text, strlen(text) + 1}) != ASSAY_OK)
        return NULL;
    return (const char *)copy.ptr;
}

static assay_err read_peers(assay_node_settings *out, assay_arena *keep, const json_t *rows) {
    size_t count = json_array_size(rows);
    if (!json_is_array(rows) || count > ASSAY_NODE_VALIDATORS_MAX) return ASSAY_F_CORRUPT;
    const char **peers = ASSAY_NEW(keep, const char *, count + 1);
    if (!peers) return ASSAY_F_MEMORY;
    for (size_t i = 0; i < count; i++)
        if (!(peers[i] = text_of(keep, json_array_get(rows, i)))) return ASSAY_F_CORRUPT;
    out->peers = peers;
    out->peers_count = (uint32_t)count;
    return ASSAY_OK;
}

static assay_err read_all(assay_node_settings *out, assay_arena *keep, const json_t *json) {
    const char *schema = json_string_value(json_object_get(json, "schema"));
    const char *key = json_string_value(json_object_get(json, "consensus_key"));
    json_int_t port = json_integer_value(json_object_get(json, "port"));
    *out = (assay_node_settings){
        .moniker = text_of(keep, json_object_get(json, "moniker")),
        .address = text_of(keep, json_object_get(json, "address")),
        .port = (uint16_t)port,
        .rpc = text_of(keep, json_object_get(json, "rpc")),
        .abci = text_of(keep, json_object_get(json, "abci")),
        .signer = text_of(keep, json_object_get(json, "signer")),
        .snapshot_blocks = (uint64_t)json_integer_value(json_object_get(json, "snapshot_blocks")),
    };
    bool ok =
        schema && strcmp(schema, SCHEMA) == 0 && out->moniker && out->address && out->rpc && out->abci && key &&
        port >= 0 && port <= UINT16_MAX &&
        assay_base_unhex(out->consensus_key.b, sizeof out->consensus_key.b, assay_base_bytes_str(key)) == ASSAY_OK;
    return ok ? read_peers(out, keep, json_object_get(json, "peers")) : ASSAY_F_CORRUPT;
}

assay_err assay_node_settings_read(assay_node_settings *out, assay_arena *keep, const char *directory) {
    const char *path;
    assay_bytes text;
    ASSAY_TRY(file_path(&path, keep, directory));
    ASSAY_TRY(assay_os_read_whole(&text, keep, path, FILE_LEN_MAX));
    json_t *json = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    assay_err err = read_all(out, keep, json);
    json_decref(json);
    return err;
}
