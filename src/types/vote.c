/* SPDX-License-Identifier: Apache-2.0
 *
 * Block ids, votes and proposals. CometBFT's nested messages lie flat in our structs: a submessage's table gives
 * offsets from where its first member lies, so that nothing is copied between a wire struct and ours. */
#include "types_internal.h"

/* ---- what every file here uses ------------------------------------------------------------------------------- */

bool assay_types_is_zero(const void *memory, size_t len) {
    const uint8_t *bytes = memory;
    uint8_t any = 0;
    for (size_t i = 0; i < len; i++) any |= bytes[i];
    return any == 0;
}

bool assay_types_time_ok(assay_time time) {
    return time.seconds >= ASSAY_TYPES_GO_ZERO_SECONDS && time.seconds < ASSAY_TYPES_GO_END_SECONDS &&
           time.nanos >= 0 && time.nanos < 1000000000;
}

assay_err assay_types_put_head(assay_buf *out, uint32_t number, size_t len) {
    ASSAY_ASSERT(number > 0 && number < 16);
    ASSAY_TRY(assay_codec_put_varint(out, number << 3 | 2));
    return assay_codec_put_varint(out, len);
}

assay_err assay_types_put_message(assay_buf *out, uint32_t number, const assay_codec_message *message,
                                  const void *value, assay_codec_profile profile) {
    ASSAY_TRY(assay_types_put_head(out, number, assay_codec_size(message, value, profile)));
    return assay_codec_encode(out, message, value, profile);
}

/* The right edge of the tree is enough for its root, so the leaves are never all in memory. */
assay_err assay_types_root(assay_hash *out, const assay_codec_message *message, const void *array, size_t count,
                           assay_codec_profile profile, assay_arena scratch) {
    assay_merkle_log log = {0};
    const uint8_t *element = array;
    for (size_t i = 0; i < count; i++, element += message->struct_size) {
        assay_arena leaf_memory = scratch;
        assay_bytes leaf;
        ASSAY_TRY(assay_codec_encode_new(&leaf, &leaf_memory, message, element, profile));
        assay_merkle_log_append(&log, assay_merkle_leaf(leaf), NULL, NULL);
    }
    *out = assay_merkle_log_root(&log);
    return ASSAY_OK;
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

static const assay_codec_field timestamp_fields[] = {
    ASSAY_FIELD(1, I64, assay_time, seconds),
    ASSAY_FIELD(2, I32, assay_time, nanos),
};
const assay_codec_message assay_types_timestamp_message =
    ASSAY_MESSAGE("google.protobuf.Timestamp", assay_time, timestamp_fields);

/* The tail of assay_block_id, as the message that it is on the wire. */
typedef struct part_set_header {
    uint32_t total;
    assay_hash hash;
} part_set_header;
_Static_assert(offsetof(assay_block_id, parts_hash) - offsetof(assay_block_id, parts_total) ==
                   offsetof(part_set_header, hash),
               "part_set_header lies in assay_block_id");

static const assay_codec_field part_set_header_fields[] = {
    ASSAY_FIELD(1, U32, part_set_header, total),
    ASSAY_FIELD_FIXED(2, FIXED, part_set_header, hash),
};
static const assay_codec_message part_set_header_message =
    ASSAY_MESSAGE("tendermint.types.PartSetHeader", part_set_header, part_set_header_fields);

/* CanonicalBlockID has the same fields. */
static const assay_codec_field block_id_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, assay_block_id, hash),
    ASSAY_FIELD_MESSAGE(2, MESSAGE, assay_block_id, parts_total, &part_set_header_message),
};
const assay_codec_message assay_types_block_id_message =
    ASSAY_MESSAGE("tendermint.types.BlockID", assay_block_id, block_id_fields);

static const assay_codec_field vote_fields[] = {
    ASSAY_FIELD(1, U32, assay_vote, type),
    ASSAY_FIELD(2, I64, assay_vote, height),
    ASSAY_FIELD(3, I32, assay_vote, round),
    ASSAY_FIELD_MESSAGE(4, MESSAGE, assay_vote, block_id, &assay_types_block_id_message),
    ASSAY_FIELD_MESSAGE(5, MESSAGE, assay_vote, timestamp, &assay_types_timestamp_message),
    ASSAY_FIELD_FIXED(6, FIXED, assay_vote, validator),
    ASSAY_FIELD(7, I32, assay_vote, validator_index),
    ASSAY_FIELD_FIXED(8, FIXED, assay_vote, signature),
};
const assay_codec_message assay_types_vote_message = ASSAY_MESSAGE("tendermint.types.Vote", assay_vote, vote_fields);

/* tendermint.types.SignedMsgType */
enum { SIGNED_PROPOSAL = 32 };

typedef struct wire_proposal {
    uint32_t type;
    assay_proposal proposal;
} wire_proposal;

static const assay_codec_field proposal_fields[] = {
    ASSAY_FIELD(1, U32, wire_proposal, type),
    ASSAY_FIELD(2, I64, wire_proposal, proposal.height),
    ASSAY_FIELD(3, I32, wire_proposal, proposal.round),
    ASSAY_FIELD(4, I32, wire_proposal, proposal.pol_round),
    ASSAY_FIELD_MESSAGE(5, MESSAGE, wire_proposal, proposal.block_id, &assay_types_block_id_message),
    ASSAY_FIELD_MESSAGE(6, MESSAGE, wire_proposal, proposal.timestamp, &assay_types_timestamp_message),
    ASSAY_FIELD_FIXED(7, FIXED, wire_proposal, proposal.signature),
};
static const assay_codec_message proposal_message =
    ASSAY_MESSAGE("tendermint.types.Proposal", wire_proposal, proposal_fields);

/* What is signed: heights and rounds of fixed width, so that a hardware signer finds them by position; nil is left
 * out. */
typedef struct canonical {
    uint32_t type;
    int64_t height;
    int64_t round;
    int64_t pol_round;
    const assay_block_id *block_id;
    assay_time timestamp;
    assay_bytes chain_id;
} canonical;

static const assay_codec_field canonical_vote_fields[] = {
    ASSAY_FIELD(1, U32, canonical, type),
    ASSAY_FIELD(2, SFIXED64, canonical, height),
    ASSAY_FIELD(3, SFIXED64, canonical, round),
    ASSAY_FIELD_MESSAGE(4, MESSAGE_OPTIONAL, canonical, block_id, &assay_types_block_id_message),
    ASSAY_FIELD_MESSAGE(5, MESSAGE, canonical, timestamp, &assay_types_timestamp_message),
    ASSAY_FIELD_BYTES(6, canonical, chain_id, 0),
};
static const assay_codec_message canonical_vote_message =
    ASSAY_MESSAGE("tendermint.types.CanonicalVote", canonical, canonical_vote_fields);

static const assay_codec_field canonical_proposal_fields[] = {
    ASSAY_FIELD(1, U32, canonical, type),
    ASSAY_FIELD(2, SFIXED64, canonical, height),
    ASSAY_FIELD(3, SFIXED64, canonical, round),
    ASSAY_FIELD(4, I64, canonical, pol_round),
    ASSAY_FIELD_MESSAGE(5, MESSAGE_OPTIONAL, canonical, block_id, &assay_types_block_id_message),
    ASSAY_FIELD_MESSAGE(6, MESSAGE, canonical, timestamp, &assay_types_timestamp_message),
    ASSAY_FIELD_BYTES(7, canonical, chain_id, 0),
};
static const assay_codec_message canonical_proposal_message =
    ASSAY_MESSAGE("tendermint.types.CanonicalProposal", canonical, canonical_proposal_fields);

/* ---- block ids ----------------------------------------------------------------------------------------------- */

bool assay_block_id_eq(const assay_block_id *a, const assay_block_id *b) {
    return a->parts_total == b->parts_total && assay_base_hash_eq(a->hash, b->hash) &&
           assay_base_hash_eq(a->parts_hash, b->parts_hash);
}

bool assay_block_id_is_nil(const assay_block_id *id) {
    return id->parts_total == 0 && assay_base_hash_is_zero(id->hash) && assay_base_hash_is_zero(id->parts_hash);
}

bool assay_types_block_id_complete(const assay_block_id *id) {
    return id->parts_total > 0 && !assay_base_hash_is_zero(id->hash) && !assay_base_hash_is_zero(id->parts_hash);
}

static void put_block_id_key(assay_buf *out, const assay_block_id *id) {
    if (!assay_base_hash_is_zero(id->hash))
        ASSAY_ASSERT(assay_base_buf_put(out, assay_base_hash_bytes(&id->hash)) == ASSAY_OK);
    ASSAY_ASSERT(assay_codec_encode(out, &part_set_header_message, &id->parts_total, ASSAY_CODEC_COMET) == ASSAY_OK);
}

int assay_types_block_id_cmp(const assay_block_id *a, const assay_block_id *b) {
    uint8_t key_a[80], key_b[80]; /* 32, and 6 + 34 of the part set header */
    assay_buf out_a = {key_a, 0, sizeof key_a}, out_b = {key_b, 0, sizeof key_b};
    put_block_id_key(&out_a, a);
    put_block_id_key(&out_b, b);
    return assay_base_bytes_cmp((assay_bytes){key_a, out_a.len}, (assay_bytes){key_b, out_b.len});
}

/* ---- votes --------------------------------------------------------------------------------------------------- */

assay_err assay_vote_sign_bytes(assay_buf *out, const assay_vote *vote, assay_bytes chain_id) {
    canonical c = {.type = vote->type,
                   .height = vote->height,
                   .round = vote->round,
                   .block_id = assay_block_id_is_nil(&vote->block_id) ? NULL : &vote->block_id,
                   .timestamp = vote->timestamp,
                   .chain_id = chain_id};
    return assay_codec_encode_delimited(out, &canonical_vote_message, &c, ASSAY_CODEC_COMET);
}

assay_err assay_vote_encode(assay_buf *out, const assay_vote *vote) {
    return assay_codec_encode(out, &assay_types_vote_message, vote, ASSAY_CODEC_COMET);
}

assay_err assay_types_vote_form(const assay_vote *vote) {
    if (vote->type != ASSAY_PREVOTE && vote->type != ASSAY_PRECOMMIT) return ASSAY_E_ENCODING;
    if (vote->height < 1 || vote->round < 0 || vote->validator_index < 0) return ASSAY_E_RANGE;
    if (!assay_types_time_ok(vote->timestamp)) return ASSAY_E_RANGE;
    if (!assay_block_id_is_nil(&vote->block_id) && !assay_types_block_id_complete(&vote->block_id))
        return ASSAY_E_ENCODING;
    /* Nobody has the address of 20 zero bytes, and no signature is 64 zero bytes: both stand for "not there". */
    if (assay_types_is_zero(&vote->validator, sizeof vote->validator) ||
        assay_types_is_zero(&vote->signature, sizeof vote->signature))
        return ASSAY_E_ENCODING;
    return ASSAY_OK;
}

static assay_err vote_read(assay_vote *out, assay_bytes input) {
    assay_arena nothing = {0}; /* a vote has no arrays */
    return assay_codec_decode(out, &nothing, &assay_types_vote_message, input, ASSAY_CODEC_COMET);
}

assay_err assay_vote_decode(assay_vote *out, assay_bytes input) {
    ASSAY_TRY(vote_read(out, input));
    return assay_types_vote_form(out);
}

/* Stands where a signature will, so that all else is judged by the one rule. */
static const assay_signature some_signature = {{1}};

assay_err assay_vote_decode_unsigned(assay_vote *out, assay_bytes input) {
    ASSAY_TRY(vote_read(out, input));
    out->signature = some_signature;
    assay_err err = assay_types_vote_form(out);
    out->signature = (assay_signature){0};
    return err;
}

bool assay_vote_verify(const assay_vote *vote, assay_bytes chain_id, assay_public_key key) {
    uint8_t memory[256];
    assay_buf message = {memory, 0, sizeof memory};
    if (chain_id.len > ASSAY_CHAIN_ID_LEN_MAX) return false;
    ASSAY_ASSERT(assay_vote_sign_bytes(&message, vote, chain_id) == ASSAY_OK);
    return assay_crypto_ed25519_verify(key, (assay_bytes){message.ptr, message.len}, vote->signature);
}

/* ---- proposals ----------------------------------------------------------------------------------------------- */

assay_err assay_proposal_sign_bytes(assay_buf *out, const assay_proposal *proposal, assay_bytes chain_id) {
    canonical c = {.type = SIGNED_PROPOSAL,
                   .height = proposal->height,
                   .round = proposal->round,
                   .pol_round = proposal->pol_round,
                   .block_id = assay_block_id_is_nil(&proposal->block_id) ? NULL : &proposal->block_id,
                   .timestamp = proposal->timestamp,
                   .chain_id = chain_id};
    return assay_codec_encode_delimited(out, &canonical_proposal_message, &c, ASSAY_CODEC_COMET);
}

assay_err assay_proposal_encode(assay_buf *out, const assay_proposal *proposal) {
    wire_proposal wire = {SIGNED_PROPOSAL, *proposal};
    return assay_codec_encode(out, &proposal_message, &wire, ASSAY_CODEC_COMET);
}

static assay_err proposal_read(assay_proposal *out, assay_bytes input, bool is_signed) {
    wire_proposal wire;
    assay_arena nothing = {0};
    ASSAY_TRY(assay_codec_decode(&wire, &nothing, &proposal_message, input, ASSAY_CODEC_COMET));
    const assay_proposal *p = &wire.proposal;
    if (wire.type != SIGNED_PROPOSAL || !assay_types_block_id_complete(&p->block_id)) return ASSAY_E_ENCODING;
    if (p->height < 1 || p->round < 0 || p->pol_round < -1 || p->pol_round >= p->round) return ASSAY_E_RANGE;
    if (!assay_types_time_ok(p->timestamp)) return ASSAY_E_RANGE;
    if (is_signed && assay_types_is_zero(&p->signature, sizeof p->signature)) return ASSAY_E_ENCODING;
    *out = *p;
    if (!is_signed) out->signature = (assay_signature){0};
    return ASSAY_OK;
}

assay_err assay_proposal_decode(assay_proposal *out, assay_bytes input) { return proposal_read(out, input, true); }

assay_err assay_proposal_decode_unsigned(assay_proposal *out, assay_bytes input) {
    return proposal_read(out, input, false);
}
