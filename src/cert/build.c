/* SPDX-License-Identifier: Apache-2.0
 *
 * From a node's parts to the text. What was written is read back and checked like anybody's, so the rules of a
 * certificate stand in one place: check.c. */
#include "cert_internal.h"

#define REST_LEN 16384 /* all that does not grow: names, roots, the log path, and what a record takes */

static assay_cert_statement statement_of(const assay_cert_parts *parts, const assay_version_record *record) {
    return (assay_cert_statement){parts->name, parts->version, parts->manifest, record->model_signing};
}

size_t assay_cert_build_size(const assay_cert_parts *parts) {
    const assay_version_record nothing = {0};
    const assay_cert_statement statement = statement_of(parts, &nothing);
    size_t manifest = assay_codec_size(&assay_manifest_message, parts->manifest, ASSAY_CODEC_STRICT);
    return REST_LEN + assay_codec_base64_size(assay_cert_statement_size(&statement)) +
           assay_codec_base64_size(manifest) + assay_codec_base64_size(parts->groups.len) +
           assay_codec_base64_size(parts->proof.len) + assay_codec_base64_size(parts->attestation.len) +
           assay_codec_base64_size(assay_cert_checkpoint_size(parts->validators->count));
}

static assay_err put_statement(assay_json *json, const assay_cert_parts *parts, const assay_version_record *record,
                               assay_arena scratch) {
    const assay_cert_statement statement = statement_of(parts, record);
    assay_buf payload;
    ASSAY_TRY(assay_cert_buf_new(&payload, &scratch, assay_cert_statement_size(&statement)));
    ASSAY_TRY(assay_cert_statement_write(&payload, &statement, scratch));
    assay_json_object(json, "statement");
    assay_json_base64(json, "payload", (assay_bytes){payload.ptr, payload.len});
    assay_json_str(json, "payloadType", ASSAY_CERT_PAYLOAD_TYPE);
    assay_json_array(json, "signatures");
    assay_json_object(json, NULL);
    assay_json_hex(json, "keyid", (assay_bytes){record->publisher.b, sizeof record->publisher.b});
    assay_json_base64(json, "sig", (assay_bytes){record->statement_signature.b, sizeof record->statement_signature.b});
    assay_json_close(json, '}');
    assay_json_close(json, ']');
    assay_json_close(json, '}');
    return ASSAY_OK;
}

static void put_chain(assay_json *json, const assay_cert_parts *parts) {
    if (parts->log_path) {
        assay_json_base64(json, "attestation", parts->attestation);
        assay_json_object(json, "log");
        assay_json_u64(json, "index", parts->log_index);
        assay_json_array(json, "path");
        for (uint32_t i = 0; i < parts->log_path->count; i++)
            assay_json_base64(json, NULL, assay_base_hash_bytes(&parts->log_path->hashes[i]));
        assay_json_close(json, ']');
        assay_json_close(json, '}');
    }
    assay_json_object(json, "roots");
    assay_json_hex(json, "state", assay_base_hash_bytes(&parts->state_root));
    assay_json_hex(json, "log", assay_base_hash_bytes(&parts->log_root));
    assay_json_u64(json, "log_size", parts->log_size);
    assay_json_close(json, '}');
    assay_json_object(json, "status");
    assay_json_base64(json, "proof", parts->proof);
    assay_json_close(json, '}');
}

static assay_err write_text(assay_buf *out, const assay_cert_parts *parts, assay_arena scratch) {
    assay_bytes record_bytes, manifest;
    assay_version_record record;
    ASSAY_TRY(assay_cert_proof_value(&record_bytes, parts->proof, scratch));
    ASSAY_TRY(assay_codec_decode(&record, &scratch, &assay_version_record_message, record_bytes, ASSAY_CODEC_STRICT));
    ASSAY_TRY(assay_codec_encode_new(&manifest, &scratch, &assay_manifest_message, parts->manifest,
                                     ASSAY_CODEC_STRICT));
    assay_buf checkpoint;
    ASSAY_TRY(assay_cert_buf_new(&checkpoint, &scratch, assay_cert_checkpoint_size(parts->validators->count)));
    ASSAY_TRY(
        assay_cert_checkpoint_encode(&checkpoint, parts->header, parts->commit, parts->validators, scratch));

    assay_json json = assay_json_begin(out);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "schema", ASSAY_CERT_SCHEMA);
    assay_json_text(&json, "chain_id", parts->header->chain_id);
    assay_json_text(&json, "name", parts->name);
    assay_json_text(&json, "version", parts->version);
    ASSAY_TRY(put_statement(&json, parts, &record, scratch));
    put_chain(&json, parts);
    assay_json_base64(&json, "checkpoint", (assay_bytes){checkpoint.ptr, checkpoint.len});
    assay_json_base64(&json, "manifest", manifest);
    assay_json_base64(&json, "groups", parts->groups);
    assay_json_close(&json, '}');
    return assay_json_end(&json);
}

assay_err assay_cert_build(assay_buf *out, const assay_cert_parts *parts, assay_arena scratch) {
    size_t start = out->len;
    assay_err err = write_text(out, parts, scratch);
    assay_cert *cert = err == ASSAY_OK ? ASSAY_NEW(&scratch, assay_cert, 1) : NULL;
    if (err == ASSAY_OK && !cert) err = ASSAY_F_MEMORY;
    if (err == ASSAY_OK) {
        /* Half the arena keeps what is parsed, the other half is scratch of the parser and then of the check. */
        size_t half = (size_t)(scratch.end - scratch.at) / 2;
        assay_arena keep = assay_base_arena(scratch.at, half);
        assay_arena rest = {scratch.at + half, scratch.end};
        err = assay_cert_parse(cert, &keep, (assay_bytes){out->ptr + start, out->len - start}, rest);
        if (err == ASSAY_OK) err = assay_cert_check(cert, rest);
    }
    if (err != ASSAY_OK) out->len = start;
    return err;
}
