/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ledger leaves for others to read: the record of a version, the leaf of the log, and the application's
 * hash. */
#include "types_internal.h"

static const assay_codec_field version_record_fields[] = {
    ASSAY_FIELD(1, U32, assay_version_record, format),
    ASSAY_FIELD(2, U32, assay_version_record, status),
    ASSAY_FIELD_FIXED(3, FIXED, assay_version_record, root),
    ASSAY_FIELD(4, U64, assay_version_record, size),
    ASSAY_FIELD(5, U64, assay_version_record, files),
    ASSAY_FIELD(6, U64, assay_version_record, chunks),
    ASSAY_FIELD_FIXED(7, FIXED, assay_version_record, tensor_root),
    ASSAY_FIELD(8, U32, assay_version_record, tensor_rules),
    ASSAY_FIELD(9, U64, assay_version_record, tensors),
    ASSAY_FIELD_FIXED(10, FIXED, assay_version_record, model_signing),
    ASSAY_FIELD_FIXED(11, FIXED, assay_version_record, publisher),
    ASSAY_FIELD_FIXED(12, FIXED, assay_version_record, statement_signature),
    ASSAY_FIELD(13, U64, assay_version_record, recorded_height),
    ASSAY_FIELD_FIXED(14, FIXED, assay_version_record, recorded_block),
    ASSAY_FIELD(15, I64, assay_version_record, recorded_seconds),
    ASSAY_FIELD(16, U64, assay_version_record, attested_height),
    ASSAY_FIELD(17, U64, assay_version_record, power_checked),
    ASSAY_FIELD(18, U64, assay_version_record, power_total),
    ASSAY_FIELD(19, U64, assay_version_record, log_index),
    ASSAY_FIELD(20, U64, assay_version_record, deposit),
    ASSAY_FIELD(21, U64, assay_version_record, ended_height),
};
const assay_codec_message assay_version_record_message =
    ASSAY_MESSAGE("VersionRecord", assay_version_record, version_record_fields);

static const assay_codec_field attestation_fields[] = {
    ASSAY_FIELD(1, U32, assay_attestation, format),
    ASSAY_FIELD_BYTES(2, assay_attestation, name, ASSAY_NAME_LEN_MAX),
    ASSAY_FIELD_BYTES(3, assay_attestation, version, ASSAY_VERSION_LEN_MAX),
    ASSAY_FIELD_FIXED(4, FIXED, assay_attestation, root),
    ASSAY_FIELD(5, U64, assay_attestation, size),
    ASSAY_FIELD_FIXED(6, FIXED, assay_attestation, publisher),
    ASSAY_FIELD(7, U64, assay_attestation, recorded_height),
    ASSAY_FIELD(8, U64, assay_attestation, attested_height),
    ASSAY_FIELD(9, U64, assay_attestation, power_checked),
    ASSAY_FIELD(10, U64, assay_attestation, power_total),
};
const assay_codec_message assay_attestation_message =
    ASSAY_MESSAGE("Attestation", assay_attestation, attestation_fields);

assay_err assay_version_key(assay_buf *out, assay_bytes name, assay_bytes version) {
    const assay_bytes pieces[] = {ASSAY_STR("model/version/"), name, ASSAY_STR("@"), version};
    size_t start = out->len;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        assay_err err = assay_base_buf_put(out, pieces[i]);
        if (err != ASSAY_OK) {
            out->len = start;
            return err;
        }
    }
    return ASSAY_OK;
}

assay_hash assay_app_hash(assay_hash state_root, uint64_t log_size, assay_hash log_root) {
    uint8_t size[8];
    for (size_t i = 0; i < 8; i++) size[i] = (uint8_t)(log_size >> (56 - 8 * i));
    const assay_bytes pieces[] = {ASSAY_STR("assay/1/app\0"),
                                  assay_base_hash_bytes(&state_root),
                                  {size, sizeof size},
                                  assay_base_hash_bytes(&log_root)};
    return assay_crypto_sha256(pieces, sizeof pieces / sizeof *pieces);
}
