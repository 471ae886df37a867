/* SPDX-License-Identifier: Apache-2.0
 *
 * The publisher's statement: one text for one manifest, name and version, so that whoever has these can rebuild the
 * envelope byte for byte and needs only the signature. */
#include "cert_internal.h"

#include <string.h>

#define STATEMENT_FIXED_LEN 2048 /* all but the resources, at the longest name and version */
#define RESOURCE_FIXED_LEN 256   /* one resource without its name */

assay_err assay_cert_buf_new(assay_buf *out, assay_arena *keep, size_t cap) {
    *out = (assay_buf){.ptr = ASSAY_NEW(keep, uint8_t, cap), .cap = cap};
    return out->ptr ? ASSAY_OK : ASSAY_F_MEMORY;
}

assay_err assay_cert_file_name(char *out, assay_bytes name, assay_bytes version) {
    ASSAY_TRY(assay_types_name_check(name));
    ASSAY_TRY(assay_types_version_check(version));
    size_t at = 0;
    for (size_t i = 0; i < name.len; i++) out[at++] = name.ptr[i] == '/' ? '+' : (char)name.ptr[i];
    out[at++] = '+';
    memcpy(out + at, version.ptr, version.len);
    at += version.len;
    memcpy(out + at, ASSAY_CERT_SUFFIX, sizeof ASSAY_CERT_SUFFIX);
    return ASSAY_OK;
}

size_t assay_cert_statement_size(const assay_cert_statement *statement) {
    size_t size = STATEMENT_FIXED_LEN;
    /* A path's byte takes at most six characters, as \u00xx. */
    for (uint32_t i = 0; i < statement->manifest->files_count; i++)
        size += RESOURCE_FIXED_LEN + 6 * statement->manifest->files[i].path.len;
    return size;
}

/* Members stand in the order of their names, as RFC 8785 wants; all names are ASCII. */
static void put_resource(assay_json *json, const assay_file_leaf *file) {
    assay_json_object(json, NULL);
    assay_json_object(json, "digest");
    assay_json_hex(json, "blake3", assay_base_hash_bytes(&file->blake3));
    assay_json_hex(json, "sha256", assay_base_hash_bytes(&file->sha256));
    assay_json_close(json, '}');
    assay_json_text(json, "name", file->path);
    assay_json_u64(json, "size", file->size);
    assay_json_close(json, '}');
}

assay_err assay_cert_statement_write(assay_buf *out, const assay_cert_statement *statement, assay_arena scratch) {
    const assay_manifest *manifest = statement->manifest;
    ASSAY_TRY(assay_types_name_check(statement->name));
    ASSAY_TRY(assay_types_version_check(statement->version));
    assay_hash root, tensor_root;
    uint64_t size, chunks;
    ASSAY_TRY(assay_manifest_root(&root, manifest, scratch));
    ASSAY_TRY(assay_manifest_tensor_root(&tensor_root, manifest, scratch));
    ASSAY_TRY(assay_manifest_totals(&size, &chunks, manifest));
    if (size > ASSAY_CERT_NUMBER_MAX) return ASSAY_E_RANGE;
    uint8_t subject[ASSAY_NAME_LEN_MAX + 1 + ASSAY_VERSION_LEN_MAX];
    assay_buf name = {.ptr = subject, .cap = sizeof subject};
    ASSAY_TRY(assay_base_buf_put(&name, statement->name));
    ASSAY_TRY(assay_base_buf_put(&name, ASSAY_STR("@")));
    ASSAY_TRY(assay_base_buf_put(&name, statement->version));

    assay_json json = assay_json_begin(out);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "_type", ASSAY_CERT_STATEMENT_TYPE);
    assay_json_object(&json, "predicate");
    assay_json_array(&json, "resources");
    for (uint32_t i = 0; i < manifest->files_count; i++) put_resource(&json, &manifest->files[i]);
    assay_json_close(&json, ']');
    assay_json_hex(&json, "root", assay_base_hash_bytes(&root));
    assay_json_u64(&json, "size", size);
    assay_json_hex(&json, "tensor_root", assay_base_hash_bytes(&tensor_root));
    assay_json_u64(&json, "tensor_rules", manifest->tensor_rules);
    assay_json_close(&json, '}');
    assay_json_str(&json, "predicateType", ASSAY_CERT_PREDICATE_TYPE);
    assay_json_array(&json, "subject");
    assay_json_object(&json, NULL);
    assay_json_object(&json, "digest");
    assay_json_hex(&json, "sha256", assay_base_hash_bytes(&statement->model_signing));
    assay_json_close(&json, '}');
    assay_json_text(&json, "name", (assay_bytes){name.ptr, name.len});
    assay_json_close(&json, '}');
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    return assay_json_end(&json);
}

/* PAE(type, body) = "DSSEv1" SP len(type) SP type SP len(body) SP body.   Source: DSSE protocol 1.0. */
assay_err assay_cert_pae(assay_bytes *out, assay_arena *keep, assay_bytes payload) {
    char length[ASSAY_DECIMAL_LEN_MAX + 1], type_length[ASSAY_DECIMAL_LEN_MAX + 1];
    assay_base_decimal(type_length, sizeof ASSAY_CERT_PAYLOAD_TYPE - 1);
    assay_base_decimal(length, payload.len);
    const assay_bytes pieces[] = {ASSAY_STR("DSSEv1 "),
                                  assay_base_bytes_str(type_length),
                                  ASSAY_STR(" " ASSAY_CERT_PAYLOAD_TYPE " "),
                                  assay_base_bytes_str(length),
                                  ASSAY_STR(" "),
                                  payload};
    assay_buf buf;
    ASSAY_TRY(assay_cert_buf_new(&buf, keep, payload.len + 128));
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) ASSAY_TRY(assay_base_buf_put(&buf, pieces[i]));
    *out = (assay_bytes){buf.ptr, buf.len};
    return ASSAY_OK;
}

/* The statement's text, in keep. */
static assay_err statement_text(assay_bytes *out, assay_arena *keep, const assay_cert_statement *statement) {
    assay_buf buf;
    ASSAY_TRY(assay_cert_buf_new(&buf, keep, assay_cert_statement_size(statement)));
    ASSAY_TRY(assay_cert_statement_write(&buf, statement, *keep));
    *out = (assay_bytes){buf.ptr, buf.len};
    return ASSAY_OK;
}

assay_err assay_cert_statement_sign(assay_signature *out, const assay_cert_statement *statement,
                                    const assay_key_secret *secret, assay_arena scratch) {
    assay_bytes text, pae;
    ASSAY_TRY(statement_text(&text, &scratch, statement));
    ASSAY_TRY(assay_cert_pae(&pae, &scratch, text));
    *out = assay_crypto_ed25519_sign(secret, pae);
    return ASSAY_OK;
}

bool assay_cert_model_signing_fits(assay_hash digest, const assay_manifest *manifest) {
    if (assay_base_hash_eq(digest, assay_model_signing_digest(manifest, false))) return true;
    return manifest->files_count == 1 && assay_base_hash_eq(digest, assay_model_signing_digest(manifest, true));
}

assay_err assay_cert_statement_check(const assay_cert_statement *statement, assay_public_key publisher,
                                     assay_signature signature, assay_arena scratch) {
    assay_bytes text, pae;
    if (!assay_cert_model_signing_fits(statement->model_signing, statement->manifest)) return ASSAY_E_CERT;
    ASSAY_TRY(statement_text(&text, &scratch, statement));
    ASSAY_TRY(assay_cert_pae(&pae, &scratch, text));
    return assay_crypto_ed25519_verify(publisher, pae, signature) ? ASSAY_OK : ASSAY_E_SIGNATURE;
}

assay_err assay_cert_statement_envelope(assay_buf *out, const assay_cert_statement *statement,
                                        assay_public_key publisher, assay_signature signature, assay_arena scratch) {
    assay_bytes text;
    ASSAY_TRY(statement_text(&text, &scratch, statement));
    assay_json json = assay_json_begin(out);
    assay_json_object(&json, NULL);
    assay_json_base64(&json, "payload", text);
    assay_json_str(&json, "payloadType", ASSAY_CERT_PAYLOAD_TYPE);
    assay_json_array(&json, "signatures");
    assay_json_object(&json, NULL);
    assay_json_hex(&json, "keyid", (assay_bytes){publisher.b, sizeof publisher.b});
    assay_json_base64(&json, "sig", (assay_bytes){signature.b, sizeof signature.b});
    assay_json_close(&json, '}');
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    return assay_json_end(&json);
}
