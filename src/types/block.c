/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence of double votes, blocks and their parts, light blocks. */
#include "types_internal.h"

/* ---- tables -------------------------------------------------------------------------------------------------- */

static const assay_codec_field duplicate_vote_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, assay_duplicate_vote, vote_a, &assay_types_vote_message),
    ASSAY_FIELD_MESSAGE(2, MESSAGE, assay_duplicate_vote, vote_b, &assay_types_vote_message),
    ASSAY_FIELD(3, U64, assay_duplicate_vote, total_power),
    ASSAY_FIELD(4, U64, assay_duplicate_vote, validator_power),
    ASSAY_FIELD_MESSAGE(5, MESSAGE, assay_duplicate_vote, timestamp, &assay_types_timestamp_message),
};
const assay_codec_message assay_types_duplicate_vote_message =
    ASSAY_MESSAGE("tendermint.types.DuplicateVoteEvidence", assay_duplicate_vote, duplicate_vote_fields);

/* tendermint.types.Evidence, one of several kinds on the wire: ours is a double vote, the struct itself. Another kind
 * leaves two empty votes, whose form is then refused. */
static const assay_codec_field evidence_fields[] = {
    {1, ASSAY_CODEC_MESSAGE, 0, 0, 0, 0, &assay_types_duplicate_vote_message}};
static const assay_codec_message evidence_message =
    ASSAY_MESSAGE("tendermint.types.Evidence", assay_duplicate_vote, evidence_fields);

typedef struct wire_data {
    assay_bytes *txs;
    uint32_t txs_count;
} wire_data;
static const assay_codec_field data_fields[] = {
    ASSAY_FIELD_REPEATED_SIZED(1, REPEATED_BYTES, wire_data, txs, ASSAY_BLOCK_TXS_MAX, 0)};
static const assay_codec_message data_message = ASSAY_MESSAGE("tendermint.types.Data", wire_data, data_fields);

typedef struct wire_evidence {
    assay_duplicate_vote *list;
    uint32_t list_count;
} wire_evidence;
static const assay_codec_field evidence_list_fields[] = {
    ASSAY_FIELD_REPEATED(1, REPEATED_MESSAGE, wire_evidence, list, ASSAY_BLOCK_EVIDENCE_MAX, &evidence_message)};
static const assay_codec_message evidence_list_message =
    ASSAY_MESSAGE("tendermint.types.EvidenceList", wire_evidence, evidence_list_fields);

/* For reading. Writing goes up to field 3 and then lets commit.c write the commit. */
typedef struct wire_block {
    assay_types_wire_header header;
    wire_data data;
    wire_evidence evidence;
    assay_commit *last_commit;
} wire_block;
static const assay_codec_field block_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, wire_block, header, &assay_types_header_message),
    ASSAY_FIELD_MESSAGE(2, MESSAGE, wire_block, data, &data_message),
    ASSAY_FIELD_MESSAGE(3, MESSAGE, wire_block, evidence, &evidence_list_message),
    ASSAY_FIELD_MESSAGE(4, MESSAGE_OPTIONAL, wire_block, last_commit, &assay_types_commit_message),
};
static const assay_codec_message block_message = ASSAY_MESSAGE("tendermint.types.Block", wire_block, block_fields);

/* ---- double votes -------------------------------------------------------------------------------------------- */

assay_duplicate_vote assay_duplicate_vote_new(const assay_vote *one, const assay_vote *other, uint64_t total_power,
                                              uint64_t validator_power, assay_time timestamp) {
    bool in_order = assay_types_block_id_cmp(&one->block_id, &other->block_id) < 0;
    return (assay_duplicate_vote){.vote_a = in_order ? *one : *other,
                                  .vote_b = in_order ? *other : *one,
                                  .total_power = total_power,
                                  .validator_power = validator_power,
                                  .timestamp = timestamp};
}

assay_err assay_duplicate_vote_check(const assay_duplicate_vote *evidence, assay_bytes chain_id, assay_public_key key) {
    const assay_vote *a = &evidence->vote_a, *b = &evidence->vote_b;
    bool same_place = a->height == b->height && a->round == b->round && a->type == b->type;
    if (!same_place || assay_block_id_eq(&a->block_id, &b->block_id)) return ASSAY_E_EVIDENCE;
    assay_address address = assay_crypto_address(key);
    if (!assay_base_address_eq(a->validator, address) || !assay_base_address_eq(b->validator, address))
        return ASSAY_E_EVIDENCE;
    bool both_signed = assay_vote_verify(a, chain_id, key) && assay_vote_verify(b, chain_id, key);
    return both_signed ? ASSAY_OK : ASSAY_E_EVIDENCE;
}

assay_err assay_types_duplicate_vote_form(const assay_duplicate_vote *evidence) {
    ASSAY_TRY(assay_types_vote_form(&evidence->vote_a));
    ASSAY_TRY(assay_types_vote_form(&evidence->vote_b));
    if (assay_types_block_id_cmp(&evidence->vote_a.block_id, &evidence->vote_b.block_id) >= 0) return ASSAY_E_ENCODING;
    /* CometBFT holds them in int64. */
    if (evidence->total_power > INT64_MAX || evidence->validator_power > INT64_MAX) return ASSAY_E_RANGE;
    return assay_types_time_ok(evidence->timestamp) ? ASSAY_OK : ASSAY_E_RANGE;
}

assay_err assay_duplicate_vote_encode(assay_buf *out, const assay_duplicate_vote *evidence) {
    return assay_codec_encode(out, &assay_types_duplicate_vote_message, evidence, ASSAY_CODEC_COMET);
}

assay_err assay_duplicate_vote_decode(assay_duplicate_vote *out, assay_bytes input) {
    assay_arena nothing = {0};
    ASSAY_TRY(assay_codec_decode(out, &nothing, &assay_types_duplicate_vote_message, input, ASSAY_CODEC_COMET));
    return assay_types_duplicate_vote_form(out);
}

/* ---- blocks -------------------------------------------------------------------------------------------------- */

/* The leaves are the hashes of transactions, hashed once more as leaves. */
static assay_err data_hash(assay_hash *out, const assay_block *block, assay_arena scratch) {
    assay_hash *leaves = ASSAY_NEW(&scratch, assay_hash, block->txs_count);
    if (!leaves) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < block->txs_count; i++) {
        assay_hash id = assay_tx_id(block->txs[i]);
        leaves[i] = assay_merkle_leaf(assay_base_hash_bytes(&id));
    }
    *out = assay_merkle_root(leaves, block->txs_count);
    return ASSAY_OK;
}

assay_err assay_block_fill_hashes(assay_block *block, assay_arena scratch) {
    ASSAY_TRY(data_hash(&block->header.data_hash, block, scratch));
    ASSAY_TRY(assay_commit_hash(&block->header.last_commit_hash, &block->last_commit, scratch));
    return assay_types_root(&block->header.evidence_hash, &assay_types_duplicate_vote_message, block->evidence,
                            block->evidence_count, ASSAY_CODEC_COMET, scratch);
}

size_t assay_block_size_max(size_t txs_bytes, uint32_t txs_count, uint32_t evidence_count, uint32_t sigs_count) {
    /* Header 490, commit's head 100, four keys and lengths 24; a key and a length of at most 5 bytes a transaction;
     * 2 votes of 216, powers and time 39, keys and lengths 10 a piece of evidence; 22 + 19 + 66 + 4 a signature. */
    return 640 + txs_bytes + 6 * (size_t)txs_count + 500 * (size_t)evidence_count + 112 * (size_t)sigs_count;
}

assay_err assay_block_encode(assay_buf *out, const assay_block *block) {
    wire_block wire = {.header = assay_types_header_to_wire(&block->header),
                       .data = {block->txs, block->txs_count},
                       .evidence = {block->evidence, block->evidence_count}};
    size_t start = out->len, commit_size = assay_types_commit_size(&block->last_commit);
    if (assay_codec_size(&block_message, &wire, ASSAY_CODEC_COMET) + commit_size + 6 > ASSAY_BLOCK_LEN_MAX)
        return ASSAY_E_SIZE;
    assay_err err = assay_codec_encode(out, &block_message, &wire, ASSAY_CODEC_COMET);
    if (err == ASSAY_OK) err = assay_types_put_head(out, 4, commit_size);
    if (err == ASSAY_OK) err = assay_commit_encode(out, &block->last_commit);
    if (err != ASSAY_OK) out->len = start;
    return err;
}

assay_err assay_block_decode(assay_block *out, assay_arena *keep, assay_bytes input, assay_arena scratch) {
    if (input.len > ASSAY_BLOCK_LEN_MAX) return ASSAY_E_SIZE;
    wire_block wire;
    ASSAY_TRY(assay_codec_decode(&wire, keep, &block_message, input, ASSAY_CODEC_COMET));
    if (!wire.last_commit) return ASSAY_E_ENCODING;
    assay_block block = {.txs = wire.data.txs,
                         .txs_count = wire.data.txs_count,
                         .evidence = wire.evidence.list,
                         .evidence_count = wire.evidence.list_count,
                         .last_commit = *wire.last_commit};
    ASSAY_TRY(assay_types_header_from_wire(&block.header, &wire.header));
    for (uint32_t i = 0; i < block.evidence_count; i++) ASSAY_TRY(assay_types_duplicate_vote_form(&block.evidence[i]));
    ASSAY_TRY(assay_types_commit_form(&block.last_commit));

    const assay_header said = block.header;
    ASSAY_TRY(assay_block_fill_hashes(&block, scratch));
    if (!assay_base_hash_eq(said.data_hash, block.header.data_hash) ||
        !assay_base_hash_eq(said.last_commit_hash, block.header.last_commit_hash) ||
        !assay_base_hash_eq(said.evidence_hash, block.header.evidence_hash))
        return ASSAY_E_BLOCK;
    *out = block;
    return ASSAY_OK;
}

static size_t at_most(size_t count, size_t max) { return count < max ? count : max; }

/* An element of any list takes two bytes at least on the wire, and each list has its bound. Hashing takes 32 bytes a
 * transaction, or one encoded element of at most 512 bytes. */
size_t assay_block_decode_footprint(size_t len) {
    size_t txs = at_most(len / 2, ASSAY_BLOCK_TXS_MAX), sigs = at_most(len / 2, ASSAY_VALIDATORS_MAX);
    size_t kept = txs * sizeof(assay_bytes) + sigs * sizeof(assay_commit_sig) + sizeof(assay_commit) +
                  at_most(len / 2, ASSAY_BLOCK_EVIDENCE_MAX) * sizeof(assay_duplicate_vote);
    size_t hashed = txs * sizeof(assay_hash);
    return (kept > hashed ? kept : hashed) + 1024;
}

assay_err assay_block_parts(uint32_t *total, assay_hash *root, assay_bytes encoded, assay_arena scratch) {
    size_t count = (encoded.len + ASSAY_PART_LEN - 1) / ASSAY_PART_LEN;
    ASSAY_ASSERT(count <= UINT32_MAX);
    assay_hash *leaves = ASSAY_NEW(&scratch, assay_hash, count);
    if (!leaves) return ASSAY_F_MEMORY;
    for (size_t i = 0; i < count; i++) {
        size_t from = i * ASSAY_PART_LEN, left = encoded.len - from;
        leaves[i] = assay_merkle_leaf((assay_bytes){encoded.ptr + from, left < ASSAY_PART_LEN ? left : ASSAY_PART_LEN});
    }
    *total = (uint32_t)count;
    *root = assay_merkle_root(leaves, count);
    return ASSAY_OK;
}

/* ---- light blocks -------------------------------------------------------------------------------------------- */

static size_t varint_size(size_t value) {
    size_t size = 1;
    for (; value >= 0x80; value >>= 7) size++;
    return size;
}

/* Bytes of a length-delimited field with a number below 16. */
static size_t field_size(size_t len) { return 1 + varint_size(len) + len; }

assay_err assay_light_block_encode(assay_buf *out, const assay_header *header, const assay_commit *commit,
                                   const assay_validator_set *set) {
    assay_types_wire_header wire = assay_types_header_to_wire(header);
    size_t header_size = assay_codec_size(&assay_types_header_message, &wire, ASSAY_CODEC_COMET);
    size_t commit_size = assay_types_commit_size(commit), start = out->len;
    assay_err err = assay_types_put_head(out, 1, field_size(header_size) + field_size(commit_size));
    if (err == ASSAY_OK) err = assay_types_put_message(out, 1, &assay_types_header_message, &wire, ASSAY_CODEC_COMET);
    if (err == ASSAY_OK) err = assay_types_put_head(out, 2, commit_size);
    if (err == ASSAY_OK) err = assay_commit_encode(out, commit);
    if (err == ASSAY_OK) err = assay_types_put_head(out, 2, assay_types_set_size(set));
    if (err == ASSAY_OK) err = assay_validators_encode(out, set);
    if (err != ASSAY_OK) out->len = start;
    return err;
}
