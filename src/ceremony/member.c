/* SPDX-License-Identifier: Apache-2.0
 *
 * member - what one operator says of its validator: written, signed, read and checked. */
#include "ceremony_internal.h"

#include "comet/comet.h"
#include "crypto/crypto.h"
#include "os/os.h"

#include <jansson.h>
#include <string.h>

#define SCHEMA "assay/join/1"
#define MEMBER_LEN_MAX 4096
#define NODE_ID_DIGITS 40

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

assay_err ceremony_text(const char **out, assay_arena *keep, const json_t *object, const char *key, size_t len_max) {
    const json_t *value = json_object_get(object, key);
    assay_bytes copy;
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len > len_max) return ASSAY_E_ENCODING;
    ASSAY_TRY(assay_base_arena_copy(&copy, keep, (assay_bytes){(const uint8_t *)json_string_value(value), len + 1}));
    *out = (const char *)copy.ptr;
    return ASSAY_OK;
}

assay_err ceremony_hex(uint8_t *out, size_t len, const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) return ASSAY_E_ENCODING;
    return assay_base_unhex(out, len, assay_base_bytes_str(json_string_value(value)));
}

assay_err ceremony_load(json_t **out, assay_bytes text, const char *schema) {
    json_error_t error;
    *out = NULL;
    ASSAY_TRY(assay_comet_json_bound(text));
    *out = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!*out) return json_error_code(&error) == json_error_out_of_memory ? ASSAY_F_MEMORY : ASSAY_E_ENCODING;
    const char *said = json_string_value(json_object_get(*out, "schema"));
    if (said && strcmp(said, schema) == 0) return ASSAY_OK;
    /* "assay/join/": another number than ours, or another kind of file. */
    bool newer = said && strncmp(said, schema, strlen(schema) - 1) == 0;
    json_decref(*out);
    *out = NULL;
    return newer ? ASSAY_E_FORMAT : ASSAY_E_ENCODING;
}

/* All but the signature, which is over exactly this text. */
static void put_unsigned(assay_json *json, const assay_ceremony_member *m) {
    const assay_genesis_validator *v = &m->validator;
    assay_json_str(json, "schema", SCHEMA);
    assay_json_str(json, "network", m->network);
    assay_json_str(json, "moniker", m->moniker);
    assay_json_str(json, "node_id", m->node_id);
    assay_json_str(json, "p2p", m->p2p);
    assay_json_str(json, "http", m->http);
    assay_json_hex(json, "owner", (assay_bytes){v->owner.b, sizeof v->owner.b});
    assay_json_hex(json, "consensus_key", (assay_bytes){v->consensus_key.b, sizeof v->consensus_key.b});
    assay_json_hex(json, "consensus_proof", (assay_bytes){v->consensus_proof.b, sizeof v->consensus_proof.b});
    assay_json_hex(json, "attestation_key", (assay_bytes){v->attestation_key.b, sizeof v->attestation_key.b});
    assay_json_hex(json, "attestation_proof", (assay_bytes){v->attestation_proof.b, sizeof v->attestation_proof.b});
    assay_json_amount(json, "self_bond", v->self_bond);
}

void ceremony_member_put(assay_json *json, const char *key, const assay_ceremony_member *m) {
    assay_json_object(json, key);
    put_unsigned(json, m);
    assay_json_hex(json, "signature", (assay_bytes){m->signature.b, sizeof m->signature.b});
    assay_json_close(json, '}');
}

assay_err ceremony_member_sign_bytes(assay_buf *out, const assay_ceremony_member *m, assay_arena scratch) {
    assay_buf text = {ASSAY_NEW(&scratch, uint8_t, MEMBER_LEN_MAX), 0, MEMBER_LEN_MAX};
    if (!text.ptr) return ASSAY_F_MEMORY;
    assay_json json = assay_json_begin(&text);
    assay_json_object(&json, NULL);
    put_unsigned(&json, m);
    assay_json_close(&json, '}');
    ASSAY_TRY(assay_json_end(&json));
    return assay_types_sign_bytes(out, "join", assay_base_bytes_str(m->network), (assay_bytes){text.ptr, text.len});
}

assay_err assay_ceremony_member_write(assay_buf *out, const assay_ceremony_member *member) {
    assay_json json = assay_json_begin(out);
    ceremony_member_put(&json, NULL, member);
    ASSAY_TRY(assay_json_end(&json));
    return assay_base_buf_put(out, ASSAY_STR("\n"));
}

/* ---- reading and checking ---------------------------------------------------------------------------------------- */

/* What ends up in a configuration file, a log line and a URL. */
static bool is_plain(const char *text, size_t len_max, const char *further) {
    size_t len = text ? strlen(text) : 0;
    if (len == 0 || len > len_max) return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !strchr(further, c)) return false;
    }
    return true;
}

bool ceremony_host_plain(const char *host) {
    size_t len = strlen(host);
    if (host[0] != '[') return is_plain(host, ASSAY_CEREMONY_HOST_LEN_MAX, "-_.");
    return len > 2 && len <= ASSAY_CEREMONY_HOST_LEN_MAX && host[len - 1] == ']' &&
           strspn(host + 1, "0123456789abcdefABCDEF:.") == len - 2;
}

/* "host:port". One that is none would end up in every other validator's configuration, and keep them from starting. */
static bool is_address(const char *text) {
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    char host[ASSAY_CEREMONY_HOST_LEN_MAX + 1];
    uint64_t port;
    if (len == 0 || len >= sizeof host) return false;
    memcpy(host, text, len);
    host[len] = 0;
    return ceremony_host_plain(host) && assay_base_undecimal(&port, assay_base_bytes_str(colon + 1)) == ASSAY_OK &&
           port >= 1 && port <= UINT16_MAX;
}

bool ceremony_member_plain(const assay_ceremony_member *m) {
    static const char scheme[] = "http://";
    return is_plain(m->network, ASSAY_GENESIS_NAME_LEN_MAX, "-") &&
           strcspn(m->network, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(m->network) &&
           is_plain(m->moniker, ASSAY_CEREMONY_MONIKER_LEN_MAX, "-_. ") && strlen(m->node_id) == NODE_ID_DIGITS &&
           strspn(m->node_id, "0123456789abcdef") == NODE_ID_DIGITS && is_address(m->p2p) &&
           strncmp(m->http, scheme, sizeof scheme - 1) == 0 && is_address(m->http + sizeof scheme - 1);
}

static bool signed_by(assay_public_key key, const char *kind, assay_bytes chain, assay_bytes payload,
                      assay_signature signature) {
    uint8_t memory[256];
    assay_buf text = {memory, 0, sizeof memory};
    return assay_types_sign_bytes(&text, kind, chain, payload) == ASSAY_OK &&
           assay_crypto_ed25519_verify(key, (assay_bytes){text.ptr, text.len}, signature);
}

static assay_err check(const assay_ceremony_member *m, assay_arena scratch) {
    if (!ceremony_member_plain(m)) return ASSAY_E_NAME;
    const assay_genesis_validator *v = &m->validator;
    if (v->self_bond == 0) return ASSAY_E_RANGE;
    assay_buf text = {ASSAY_NEW(&scratch, uint8_t, MEMBER_LEN_MAX), 0, MEMBER_LEN_MAX};
    if (!text.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(ceremony_member_sign_bytes(&text, m, scratch));
    assay_address owner = assay_crypto_address(v->owner);
    assay_bytes chain = assay_base_bytes_str(m->network), payload = {owner.b, sizeof owner.b};
    bool ok = assay_crypto_ed25519_verify(v->owner, (assay_bytes){text.ptr, text.len}, m->signature) &&
              signed_by(v->consensus_key, "consensus-key", chain, payload, v->consensus_proof) &&
              signed_by(v->attestation_key, "attestation-key", chain, payload, v->attestation_proof);
    return ok ? ASSAY_OK : ASSAY_E_SIGNATURE;
}

assay_err ceremony_member_get(assay_ceremony_member *out, assay_arena *keep, const json_t *o) {
    *out = (assay_ceremony_member){.validator = {.self_bond = 0}};
    assay_genesis_validator *v = &out->validator;
    ASSAY_TRY(ceremony_text(&out->network, keep, o, "network", ASSAY_GENESIS_NAME_LEN_MAX));
    ASSAY_TRY(ceremony_text(&out->moniker, keep, o, "moniker", ASSAY_CEREMONY_MONIKER_LEN_MAX));
    ASSAY_TRY(ceremony_text(&out->node_id, keep, o, "node_id", NODE_ID_DIGITS));
    ASSAY_TRY(ceremony_text(&out->p2p, keep, o, "p2p", ASSAY_CEREMONY_HOST_LEN_MAX + 8));
    ASSAY_TRY(ceremony_text(&out->http, keep, o, "http", ASSAY_CEREMONY_HOST_LEN_MAX + 16));
    ASSAY_TRY(ceremony_hex(v->owner.b, sizeof v->owner.b, o, "owner"));
    ASSAY_TRY(ceremony_hex(v->consensus_key.b, sizeof v->consensus_key.b, o, "consensus_key"));
    ASSAY_TRY(ceremony_hex(v->consensus_proof.b, sizeof v->consensus_proof.b, o, "consensus_proof"));
    ASSAY_TRY(ceremony_hex(v->attestation_key.b, sizeof v->attestation_key.b, o, "attestation_key"));
    ASSAY_TRY(ceremony_hex(v->attestation_proof.b, sizeof v->attestation_proof.b, o, "attestation_proof"));
    ASSAY_TRY(ceremony_hex(out->signature.b, sizeof out->signature.b, o, "signature"));
    const char *bond;
    ASSAY_TRY(ceremony_text(&bond, keep, o, "self_bond", 20));
    ASSAY_TRY(assay_base_undecimal(&v->self_bond, assay_base_bytes_str(bond)));
    v->moniker = assay_base_bytes_str(out->moniker);
    return check(out, *keep);
}

assay_err assay_ceremony_member_read(assay_ceremony_member *out, assay_arena *keep, assay_bytes text) {
    json_t *json;
    ASSAY_TRY(ceremony_load(&json, text, SCHEMA));
    assay_err err = ceremony_member_get(out, keep, json);
    json_decref(json);
    return err;
}

bool ceremony_member_same(const assay_ceremony_member *a, const assay_ceremony_member *b) {
    const assay_genesis_validator *v = &a->validator, *w = &b->validator;
    return strcmp(a->network, b->network) == 0 && strcmp(a->moniker, b->moniker) == 0 &&
           strcmp(a->node_id, b->node_id) == 0 && strcmp(a->p2p, b->p2p) == 0 && strcmp(a->http, b->http) == 0 &&
           memcmp(&v->owner, &w->owner, sizeof v->owner) == 0 &&
           memcmp(&v->consensus_key, &w->consensus_key, sizeof v->consensus_key) == 0 &&
           memcmp(&v->attestation_key, &w->attestation_key, sizeof v->attestation_key) == 0 &&
           memcmp(&v->consensus_proof, &w->consensus_proof, sizeof v->consensus_proof) == 0 &&
           memcmp(&v->attestation_proof, &w->attestation_proof, sizeof v->attestation_proof) == 0 &&
           v->self_bond == w->self_bond;
}
