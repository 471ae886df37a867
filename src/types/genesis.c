/* SPDX-License-Identifier: Apache-2.0
 *
 * Genesis: the rules' constants, who holds what and who validates at the start; and the chain id that follows from
 * it. */
#include "types_internal.h"

#include <string.h>

#define PARAM(number, member) ASSAY_FIELD(number, U64, assay_params, member)

static const assay_codec_field params_fields[] = {
    PARAM(1, epoch_blocks),
    PARAM(2, unbonding_blocks),
    PARAM(3, unbonding_seconds),
    PARAM(4, evidence_blocks),
    PARAM(5, evidence_seconds),
    PARAM(6, correlation_blocks),
    PARAM(7, correlation_seconds),
    PARAM(8, fee_base),
    PARAM(9, fee_per_byte),
    PARAM(10, deposit_per_mib),
    PARAM(11, opening_blocks),
    PARAM(12, opening_seconds),
    PARAM(13, attest_blocks),
    PARAM(14, attest_seconds),
    PARAM(15, attest_seconds_per_gib),
    PARAM(16, duty_blocks),
    PARAM(17, duty_seconds),
    PARAM(18, downtime_window_blocks),
    PARAM(19, downtime_min_signed_percent),
    PARAM(20, jail_seconds),
    PARAM(21, bond_min),
    PARAM(22, validators_max),
    PARAM(23, draws_per_check),
    PARAM(24, chunks_per_draw),
    PARAM(25, model_size_max),
    PARAM(26, downtime_window_seconds),
};
const assay_codec_message assay_params_message = ASSAY_MESSAGE("Params", assay_params, params_fields);

static const assay_codec_field genesis_account_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, assay_genesis_account, address),
    ASSAY_FIELD(2, U64, assay_genesis_account, balance),
};
const assay_codec_message assay_genesis_account_message =
    ASSAY_MESSAGE("GenesisAccount", assay_genesis_account, genesis_account_fields);

static const assay_codec_field genesis_validator_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, assay_genesis_validator, owner),
    ASSAY_FIELD_FIXED(2, FIXED, assay_genesis_validator, consensus_key),
    ASSAY_FIELD_FIXED(3, FIXED, assay_genesis_validator, attestation_key),
    ASSAY_FIELD_FIXED(4, FIXED, assay_genesis_validator, consensus_proof),
    ASSAY_FIELD_FIXED(5, FIXED, assay_genesis_validator, attestation_proof),
    ASSAY_FIELD(6, U64, assay_genesis_validator, self_bond),
    ASSAY_FIELD_BYTES(7, assay_genesis_validator, moniker, ASSAY_MONIKER_LEN_MAX),
};
const assay_codec_message assay_genesis_validator_message =
    ASSAY_MESSAGE("GenesisValidator", assay_genesis_validator, genesis_validator_fields);

static const assay_codec_field genesis_fields[] = {
    ASSAY_FIELD(1, U32, assay_genesis, format),
    ASSAY_FIELD_BYTES(2, assay_genesis, name, ASSAY_GENESIS_NAME_LEN_MAX),
    ASSAY_FIELD(3, I64, assay_genesis, time_seconds),
    ASSAY_FIELD(4, U64, assay_genesis, app_version),
    ASSAY_FIELD_MESSAGE(5, MESSAGE, assay_genesis, params, &assay_params_message),
    ASSAY_FIELD_REPEATED(6, REPEATED_MESSAGE, assay_genesis, accounts, ASSAY_GENESIS_ACCOUNTS_MAX,
                         &assay_genesis_account_message),
    ASSAY_FIELD_REPEATED(7, REPEATED_MESSAGE, assay_genesis, validators, ASSAY_VALIDATORS_MAX,
                         &assay_genesis_validator_message),
};
const assay_codec_message assay_genesis_message = ASSAY_MESSAGE("Genesis", assay_genesis, genesis_fields);

assay_hash assay_genesis_hash(assay_bytes encoded) { return assay_crypto_sha256_one(encoded); }

void assay_genesis_chain_id(char out[ASSAY_CHAIN_ID_LEN_MAX + 1], assay_bytes name, assay_hash genesis_hash) {
    ASSAY_ASSERT(name.len <= ASSAY_GENESIS_NAME_LEN_MAX);
    if (name.len) memcpy(out, name.ptr, name.len);
    out[name.len] = '-';
    assay_base_hex(out + name.len + 1, (assay_bytes){genesis_hash.b, 6});
}
