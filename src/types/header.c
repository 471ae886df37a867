/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers and the two hashes that are made of parameters and results. The block hash is a Merkle root over the header's
 * fields, each encoded alone, as CometBFT's Header.Hash computes it. */
#include "types_internal.h"

/* ---- tables -------------------------------------------------------------------------------------------------- */

/* The two version numbers of assay_header, as the message that they are on the wire. */
typedef struct consensus_version {
    uint64_t block;
    uint64_t app;
} consensus_version;
_Static_assert(offsetof(assay_header, version_app) - offsetof(assay_header, version_block) ==
                   offsetof(consensus_version, app),
               "consensus_version lies in assay_header");

static const assay_codec_field consensus_version_fields[] = {
    ASSAY_FIELD(1, U64, consensus_version, block),
    ASSAY_FIELD(2, U64, consensus_version, app),
};
static const assay_codec_message consensus_version_message =
    ASSAY_MESSAGE("tendermint.version.Consensus", consensus_version, consensus_version_fields);

typedef assay_types_wire_header wire_header;

static const assay_codec_field header_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, wire_header, header.version_block, &consensus_version_message),
    ASSAY_FIELD_BYTES(2, wire_header, header.chain_id, ASSAY_CHAIN_ID_LEN_MAX),
    ASSAY_FIELD(3, I64, wire_header, header.height),
    ASSAY_FIELD_MESSAGE(4, MESSAGE, wire_header, header.time, &assay_types_timestamp_message),
    ASSAY_FIELD_MESSAGE(5, MESSAGE, wire_header, header.last_block_id, &assay_types_block_id_message),
    ASSAY_FIELD_FIXED(6, FIXED, wire_header, header.last_commit_hash),
    ASSAY_FIELD_FIXED(7, FIXED, wire_header, header.data_hash),
    ASSAY_FIELD_FIXED(8, FIXED, wire_header, header.validators_hash),
    ASSAY_FIELD_FIXED(9, FIXED, wire_header, header.next_validators_hash),
    ASSAY_FIELD_FIXED(10, FIXED, wire_header, header.consensus_hash),
    ASSAY_FIELD_BYTES(11, wire_header, app_hash, ASSAY_HASH_LEN),
    ASSAY_FIELD_FIXED(12, FIXED, wire_header, header.last_results_hash),
    ASSAY_FIELD_FIXED(13, FIXED, wire_header, header.evidence_hash),
    ASSAY_FIELD_FIXED(14, FIXED, wire_header, header.proposer),
};
const assay_codec_message assay_types_header_message =
    ASSAY_MESSAGE("tendermint.types.Header", wire_header, header_fields);

/* google.protobuf.BytesValue and Int64Value: what a field of the header is wrapped in before it is hashed. */
typedef struct wrapped {
    assay_bytes bytes;
    int64_t number;
} wrapped;
static const assay_codec_field wrapped_bytes_fields[] = {ASSAY_FIELD_BYTES(1, wrapped, bytes, 0)};
static const assay_codec_message wrapped_bytes_message =
    ASSAY_MESSAGE("google.protobuf.BytesValue", wrapped, wrapped_bytes_fields);
static const assay_codec_field wrapped_number_fields[] = {ASSAY_FIELD(1, I64, wrapped, number)};
static const assay_codec_message wrapped_number_message =
    ASSAY_MESSAGE("google.protobuf.Int64Value", wrapped, wrapped_number_fields);

typedef struct hashed_params {
    int64_t block_max_bytes;
    int64_t block_max_gas;
} hashed_params;
static const assay_codec_field hashed_params_fields[] = {
    ASSAY_FIELD(1, I64, hashed_params, block_max_bytes),
    ASSAY_FIELD(2, I64, hashed_params, block_max_gas),
};
static const assay_codec_message hashed_params_message =
    ASSAY_MESSAGE("tendermint.types.HashedParams", hashed_params, hashed_params_fields);

/* tendermint.abci.ExecTxResult without what machines may word differently: log, info, events, codespace. */
static const assay_codec_field tx_result_fields[] = {
    ASSAY_FIELD(1, U32, assay_tx_result, code),
    ASSAY_FIELD_BYTES(2, assay_tx_result, data, 0),
    ASSAY_FIELD(5, I64, assay_tx_result, gas_wanted),
    ASSAY_FIELD(6, I64, assay_tx_result, gas_used),
};
static const assay_codec_message tx_result_message =
    ASSAY_MESSAGE("tendermint.abci.ExecTxResult", assay_tx_result, tx_result_fields);

/* ---- the block hash ------------------------------------------------------------------------------------------ */

static assay_hash leaf_of(const assay_codec_message *message, const void *value) {
    uint8_t memory[128]; /* the largest is a block id of 76 bytes */
    assay_buf out = {memory, 0, sizeof memory};
    ASSAY_ASSERT(assay_codec_encode(&out, message, value, ASSAY_CODEC_COMET) == ASSAY_OK);
    return assay_merkle_leaf((assay_bytes){memory, out.len});
}

static assay_hash leaf_of_bytes(assay_bytes bytes) {
    wrapped value = {.bytes = bytes};
    return leaf_of(&wrapped_bytes_message, &value);
}

/* A zero hash is one that CometBFT holds as no bytes at all. */
static assay_hash leaf_of_hash(const assay_hash *hash) {
    return leaf_of_bytes(assay_base_hash_is_zero(*hash) ? (assay_bytes){0} : assay_base_hash_bytes(hash));
}

assay_hash assay_header_hash(const assay_header *header) {
    if (assay_base_hash_is_zero(header->validators_hash)) return (assay_hash){0};
    ASSAY_ASSERT(header->chain_id.len <= ASSAY_CHAIN_ID_LEN_MAX);
    static const assay_address nobody = {0};
    bool has_proposer = !assay_base_address_eq(header->proposer, nobody);
    wrapped height = {.number = header->height};
    assay_hash leaves[14] = {
        leaf_of(&consensus_version_message, &header->version_block),
        leaf_of_bytes(header->chain_id),
        leaf_of(&wrapped_number_message, &height),
        leaf_of(&assay_types_timestamp_message, &header->time),
        leaf_of(&assay_types_block_id_message, &header->last_block_id),
        leaf_of_hash(&header->last_commit_hash),
        leaf_of_hash(&header->data_hash),
        leaf_of_hash(&header->validators_hash),
        leaf_of_hash(&header->next_validators_hash),
        leaf_of_hash(&header->consensus_hash),
        leaf_of_bytes(assay_base_hash_bytes(&header->app_hash)),
        leaf_of_hash(&header->last_results_hash),
        leaf_of_hash(&header->evidence_hash),
        leaf_of_bytes(has_proposer ? (assay_bytes){header->proposer.b, sizeof header->proposer.b} : (assay_bytes){0}),
    };
    return assay_merkle_root(leaves, sizeof leaves / sizeof *leaves);
}

/* ---- the wire ------------------------------------------------------------------------------------------------ */

assay_types_wire_header assay_types_header_to_wire(const assay_header *header) {
    return (wire_header){*header, assay_base_hash_bytes(&header->app_hash)};
}

assay_err assay_types_header_from_wire(assay_header *out, const wire_header *wire) {
    static const assay_address nobody = {0};
    const assay_header *h = &wire->header;
    if (h->version_block != ASSAY_BLOCK_PROTOCOL) return ASSAY_E_FORMAT;
    if (h->height < 1 || !assay_types_time_ok(h->time)) return ASSAY_E_RANGE;
    if (!assay_block_id_is_nil(&h->last_block_id) && !assay_types_block_id_complete(&h->last_block_id))
        return ASSAY_E_ENCODING;
    if (wire->app_hash.len != ASSAY_HASH_LEN || assay_base_address_eq(h->proposer, nobody)) return ASSAY_E_ENCODING;
    *out = *h;
    for (size_t i = 0; i < ASSAY_HASH_LEN; i++) out->app_hash.b[i] = wire->app_hash.ptr[i];
    return ASSAY_OK;
}

assay_err assay_header_encode(assay_buf *out, const assay_header *header) {
    wire_header wire = assay_types_header_to_wire(header);
    return assay_codec_encode(out, &assay_types_header_message, &wire, ASSAY_CODEC_COMET);
}

assay_err assay_header_decode(assay_header *out, assay_bytes input) {
    wire_header wire;
    assay_arena nothing = {0};
    ASSAY_TRY(assay_codec_decode(&wire, &nothing, &assay_types_header_message, input, ASSAY_CODEC_COMET));
    return assay_types_header_from_wire(out, &wire);
}

/* ---- parameters and results ---------------------------------------------------------------------------------- */

assay_err assay_results_hash(assay_hash *out, const assay_tx_result *results, uint32_t count, assay_arena scratch) {
    return assay_types_root(out, &tx_result_message, results, count, ASSAY_CODEC_COMET, scratch);
}

assay_hash assay_consensus_hash(int64_t block_max_bytes, int64_t block_max_gas) {
    hashed_params params = {block_max_bytes, block_max_gas};
    uint8_t memory[32];
    assay_buf out = {memory, 0, sizeof memory};
    ASSAY_ASSERT(assay_codec_encode(&out, &hashed_params_message, &params, ASSAY_CODEC_COMET) == ASSAY_OK);
    return assay_crypto_sha256_one((assay_bytes){memory, out.len});
}
