/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a certificate is what it says, whoever made it: every part is held against the others, from the statement
 * up to the signatures of the validators. After this, nothing in it can have been changed but by more than 2/3 of
 * the set that it names; whether that set means anything is anchor.c's. */
#include "cert_internal.h"

static bool key_eq(assay_public_key a, assay_public_key b) {
    return assay_base_bytes_eq((assay_bytes){a.b, sizeof a.b}, (assay_bytes){b.b, sizeof b.b});
}

static bool signature_eq(assay_signature a, assay_signature b) {
    return assay_base_bytes_eq((assay_bytes){a.b, sizeof a.b}, (assay_bytes){b.b, sizeof b.b});
}

/* The manifest is the one that was registered. */
static assay_err check_manifest(const assay_cert *cert, assay_arena scratch) {
    const assay_version_record *record = &cert->record;
    const assay_manifest *manifest = &cert->manifest;
    assay_hash root, tensor_root;
    uint64_t size, chunks;
    ASSAY_TRY(assay_manifest_root(&root, manifest, scratch));
    ASSAY_TRY(assay_manifest_tensor_root(&tensor_root, manifest, scratch));
    ASSAY_TRY(assay_manifest_totals(&size, &chunks, manifest));
    bool same = assay_base_hash_eq(root, record->root) && assay_base_hash_eq(tensor_root, record->tensor_root) &&
                size == record->size && chunks == record->chunks && manifest->files_count == record->files &&
                manifest->tensors_count == record->tensors && manifest->tensor_rules == record->tensor_rules;
    if (!same) return ASSAY_E_CERT;
    if (cert->groups.len == 0) return ASSAY_OK;
    assay_model_groups groups;
    return assay_model_groups_read(&groups, &scratch, cert->groups, manifest);
}

/* The statement is the text that manifest, name and version make, signed by whom the record names. */
static assay_err check_statement(const assay_cert *cert, assay_arena scratch) {
    const assay_version_record *record = &cert->record;
    const assay_cert_statement statement = {cert->name, cert->version, &cert->manifest, record->model_signing};
    if (!key_eq(cert->publisher, record->publisher) || !signature_eq(cert->signature, record->statement_signature))
        return ASSAY_E_CERT;
    assay_buf text;
    ASSAY_TRY(assay_cert_buf_new(&text, &scratch, assay_cert_statement_size(&statement)));
    ASSAY_TRY(assay_cert_statement_write(&text, &statement, scratch));
    if (!assay_base_bytes_eq(cert->payload, (assay_bytes){text.ptr, text.len})) return ASSAY_E_CERT;
    return assay_cert_statement_check(&statement, record->publisher, record->statement_signature, scratch);
}

/* The log's leaf says what the record says. */
static assay_err check_attestation(const assay_cert *cert) {
    const assay_version_record *record = &cert->record;
    const assay_attestation *leaf = &cert->attestation;
    if (cert->attested != (record->log_index != 0)) return ASSAY_E_CERT;
    bool needs_leaf = record->status == ASSAY_VERSION_ATTESTED || record->status == ASSAY_VERSION_DEPRECATED;
    if (!cert->attested) return needs_leaf || record->attested_height != 0 ? ASSAY_E_CERT : ASSAY_OK;
    bool same = assay_base_bytes_eq(leaf->name, cert->name) && assay_base_bytes_eq(leaf->version, cert->version) &&
                assay_base_hash_eq(leaf->root, record->root) && leaf->size == record->size &&
                key_eq(leaf->publisher, record->publisher) && leaf->recorded_height == record->recorded_height &&
                leaf->attested_height == record->attested_height && leaf->power_checked == record->power_checked &&
                leaf->power_total == record->power_total && cert->log_index == record->log_index - 1;
    if (!same) return ASSAY_E_CERT;
    /* Attested is defined by this; a leaf that says otherwise is nobody's honest word. */
    if (leaf->power_total == 0 || leaf->power_checked > leaf->power_total) return ASSAY_E_CERT;
    if (!assay_base_more_than(leaf->power_checked, leaf->power_total, 2, 3)) return ASSAY_E_CERT;
    assay_hash root;
    ASSAY_TRY(assay_merkle_path_root(&root, assay_merkle_leaf(cert->attestation_bytes), cert->log_index, cert->log_size,
                                     cert->log_path.hashes, cert->log_path.count));
    return assay_base_hash_eq(root, cert->log_root) ? ASSAY_OK : ASSAY_E_PROOF;
}

/* The record is in the state, and both roots are what the header's app_hash commits to. */
static assay_err check_state(const assay_cert *cert, assay_arena scratch) {
    uint8_t room[ASSAY_NAME_LEN_MAX + ASSAY_VERSION_LEN_MAX + 32];
    assay_buf key = {.ptr = room, .cap = sizeof room};
    ASSAY_TRY(assay_version_key(&key, cert->name, cert->version));
    ASSAY_TRY(assay_state_proof_check(cert->state_root, (assay_bytes){key.ptr, key.len}, cert->record_bytes,
                                      cert->proof, scratch));
    assay_hash app = assay_app_hash(cert->state_root, cert->log_size, cert->log_root);
    return assay_base_hash_eq(app, cert->header.app_hash) ? ASSAY_OK : ASSAY_E_PROOF;
}

/* The header names the set, and the set signed the header. */
static assay_err check_commit(const assay_cert *cert, assay_arena scratch) {
    if (!assay_base_bytes_eq(cert->chain_id, cert->header.chain_id)) return ASSAY_E_CERT;
    const assay_cert_light_block block = {&cert->header, &cert->commit, &cert->validators};
    assay_err err = assay_cert_light_check(&block, cert->chain_id, scratch);
    return err == ASSAY_E_BLOCK ? ASSAY_E_CERT : err;
}

assay_err assay_cert_check(const assay_cert *cert, assay_arena scratch) {
    ASSAY_TRY(check_manifest(cert, scratch));
    ASSAY_TRY(check_statement(cert, scratch));
    ASSAY_TRY(check_attestation(cert));
    /* What the chain can have recorded lies before the block that proves it. */
    if (cert->record.recorded_height > (uint64_t)cert->header.height ||
        cert->record.attested_height > (uint64_t)cert->header.height)
        return ASSAY_E_CERT;
    ASSAY_TRY(check_state(cert, scratch));
    ASSAY_TRY(check_commit(cert, scratch));
    /* Last, so that only a status that was proven can be one of later rules, whose meaning is not known here. */
    bool known = cert->record.status >= ASSAY_VERSION_RECORDED && cert->record.status <= ASSAY_VERSION_REVOKED;
    return known ? ASSAY_OK : ASSAY_E_FORMAT;
}
