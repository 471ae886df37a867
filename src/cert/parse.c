/* SPDX-License-Identifier: Apache-2.0
 *
 * From a text of anybody's to a struct: form only. What the parts say about each other is check.c's. */
#include "cert_internal.h"

#include <jansson.h>

#define VALUES_MAX 4096 /* in the whole text; version 1 has at most 90 of its own */
#define FORMAT 1u       /* of manifests, records and attestations */

/* ---- what a proof of presence shows: cosmos.ics23.v1, only as far as it is read here ------------------------- */

typedef struct shown {
    assay_bytes key;
    assay_bytes value;
} shown;
static const assay_codec_field shown_fields[] = {
    ASSAY_FIELD_BYTES(1, shown, key, ASSAY_STATE_KEY_LEN_MAX),
    ASSAY_FIELD_BYTES(2, shown, value, ASSAY_STATE_VALUE_LEN_MAX),
};
static const assay_codec_message shown_message = ASSAY_MESSAGE("ExistenceProof", shown, shown_fields);
typedef struct proof_head {
    shown *exist;
} proof_head;
static const assay_codec_field proof_head_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE_OPTIONAL, proof_head, exist, &shown_message),
};
static const assay_codec_message proof_head_message = ASSAY_MESSAGE("CommitmentProof", proof_head, proof_head_fields);

assay_err assay_cert_proof_value(assay_bytes *out, assay_bytes proof, assay_arena scratch) {
    proof_head head;
    ASSAY_TRY(assay_codec_decode(&head, &scratch, &proof_head_message, proof, ASSAY_CODEC_COMET));
    if (!head.exist) return ASSAY_E_ENCODING;
    *out = head.exist->value;
    return ASSAY_OK;
}

/* ---- parts --------------------------------------------------------------------------------------------------- */

static assay_err parse_statement(assay_cert *out, assay_arena *keep, const json_t *root, assay_arena scratch) {
    const json_t *statement = json_object_get(root, "statement");
    const json_t *signatures = json_object_get(statement, "signatures"), *signature = json_array_get(signatures, 0);
    assay_bytes type, sig;
    ASSAY_TRY(assay_cert_json_text(&type, &scratch, statement, "payloadType", 128));
    if (!assay_base_bytes_eq(type, ASSAY_STR(ASSAY_CERT_PAYLOAD_TYPE))) return ASSAY_E_ENCODING;
    ASSAY_TRY(assay_cert_json_base64(&out->payload, keep, statement, "payload"));
    if (json_array_size(signatures) != 1) return ASSAY_E_ENCODING;
    ASSAY_TRY(assay_cert_json_hex(out->publisher.b, sizeof out->publisher.b, signature, "keyid"));
    ASSAY_TRY(assay_cert_json_base64(&sig, &scratch, signature, "sig"));
    if (sig.len != sizeof out->signature.b) return ASSAY_E_ENCODING;
    for (size_t i = 0; i < sig.len; i++) out->signature.b[i] = sig.ptr[i];
    return ASSAY_OK;
}

static assay_err parse_path(assay_merkle_path *out, const json_t *path, assay_arena scratch) {
    if (!json_is_array(path)) return ASSAY_E_ENCODING;
    if (json_array_size(path) > ASSAY_MERKLE_PATH_MAX) return ASSAY_E_RANGE;
    for (out->count = 0; out->count < json_array_size(path); out->count++) {
        const json_t *row = json_array_get(path, out->count);
        assay_arena room = scratch;
        assay_bytes hash;
        if (!json_is_string(row)) return ASSAY_E_ENCODING;
        assay_bytes text = {(const uint8_t *)json_string_value(row), json_string_length(row)};
        ASSAY_TRY(assay_codec_base64_get(&hash, &room, text));
        if (hash.len != ASSAY_HASH_LEN) return ASSAY_E_ENCODING;
        for (size_t i = 0; i < ASSAY_HASH_LEN; i++) out->hashes[out->count].b[i] = hash.ptr[i];
    }
    return ASSAY_OK;
}

/* Attestation and log belong together: both, or neither where the version is not attested. */
static assay_err parse_attestation(assay_cert *out, assay_arena *keep, const json_t *root, assay_arena scratch) {
    const json_t *log = json_object_get(root, "log");
    if (!log && !json_object_get(root, "attestation")) return ASSAY_OK;
    out->attested = true;
    ASSAY_TRY(assay_cert_json_base64(&out->attestation_bytes, keep, root, "attestation"));
    ASSAY_TRY(assay_types_format_check(out->attestation_bytes, FORMAT));
    ASSAY_TRY(assay_codec_decode(&out->attestation, keep, &assay_attestation_message, out->attestation_bytes,
                                 ASSAY_CODEC_STRICT));
    ASSAY_TRY(assay_cert_json_u64(&out->log_index, log, "index"));
    return parse_path(&out->log_path, json_object_get(log, "path"), scratch);
}

static assay_err parse_state(assay_cert *out, assay_arena *keep, const json_t *root, assay_arena scratch) {
    const json_t *roots = json_object_get(root, "roots");
    ASSAY_TRY(assay_cert_json_hex(out->state_root.b, sizeof out->state_root.b, roots, "state"));
    ASSAY_TRY(assay_cert_json_hex(out->log_root.b, sizeof out->log_root.b, roots, "log"));
    ASSAY_TRY(assay_cert_json_u64(&out->log_size, roots, "log_size"));
    ASSAY_TRY(assay_cert_json_base64(&out->proof, keep, json_object_get(root, "status"), "proof"));
    ASSAY_TRY(assay_cert_proof_value(&out->record_bytes, out->proof, scratch));
    ASSAY_TRY(assay_types_format_check(out->record_bytes, FORMAT));
    return assay_codec_decode(&out->record, keep, &assay_version_record_message, out->record_bytes,
                              ASSAY_CODEC_STRICT);
}

static assay_err parse_manifest(assay_cert *out, assay_arena *keep, const json_t *root) {
    assay_bytes encoded;
    ASSAY_TRY(assay_cert_json_base64(&encoded, keep, root, "manifest"));
    ASSAY_TRY(assay_types_format_check(encoded, FORMAT));
    ASSAY_TRY(assay_codec_decode(&out->manifest, keep, &assay_manifest_message, encoded, ASSAY_CODEC_STRICT));
    ASSAY_TRY(assay_manifest_check(&out->manifest));
    return assay_cert_json_base64(&out->groups, keep, root, "groups");
}

static assay_err parse_root(assay_cert *out, assay_arena *keep, const json_t *root, assay_arena scratch) {
    assay_bytes checkpoint;
    if (!json_is_object(root)) return ASSAY_E_ENCODING;
    ASSAY_TRY(assay_cert_json_schema(root, ASSAY_CERT_SCHEMA));
    ASSAY_TRY(assay_cert_json_text(&out->chain_id, keep, root, "chain_id", ASSAY_CHAIN_ID_LEN_MAX));
    ASSAY_TRY(assay_cert_json_text(&out->name, keep, root, "name", ASSAY_NAME_LEN_MAX));
    ASSAY_TRY(assay_cert_json_text(&out->version, keep, root, "version", ASSAY_VERSION_LEN_MAX));
    ASSAY_TRY(assay_types_name_check(out->name));
    ASSAY_TRY(assay_types_version_check(out->version));
    ASSAY_TRY(parse_statement(out, keep, root, scratch));
    ASSAY_TRY(parse_attestation(out, keep, root, scratch));
    ASSAY_TRY(parse_state(out, keep, root, scratch));
    ASSAY_TRY(assay_cert_json_base64(&checkpoint, keep, root, "checkpoint"));
    ASSAY_TRY(assay_cert_checkpoint_decode(&out->header, &out->commit, &out->validators, keep, checkpoint, scratch));
    return parse_manifest(out, keep, root);
}

assay_err assay_cert_parse(assay_cert *out, assay_arena *keep, assay_bytes text, assay_arena scratch) {
    *out = (assay_cert){0};
    if (text.len > ASSAY_CERT_LEN_MAX) return ASSAY_E_SIZE;
    json_t *root;
    ASSAY_TRY(assay_cert_json_load(&root, text, VALUES_MAX));
    assay_err err = parse_root(out, keep, root, scratch);
    json_decref(root);
    /* A name that is none is the certificate's fault here, not the command line's. */
    return err == ASSAY_E_NAME ? ASSAY_E_ENCODING : err;
}
