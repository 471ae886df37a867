/* SPDX-License-Identifier: Apache-2.0
 *
 * What validators send each other: spec/proto/bft.proto. One message carries a proposal with its block, or votes, or
 * (when it is a lock that was kept) both. */
#include "bft_internal.h"

#include <string.h>

static const assay_codec_field message_fields[] = {
    ASSAY_FIELD(1, U32, message, format),
    ASSAY_FIELD_BYTES(2, message, block, ASSAY_BLOCK_LEN_MAX),
    ASSAY_FIELD_BYTES(3, message, proposal, PROPOSAL_LEN_MAX),
    ASSAY_FIELD_REPEATED_SIZED(4, REPEATED_BYTES, message, votes, 4 * ASSAY_VALIDATORS_MAX, VOTE_LEN_MAX),
};
const assay_codec_message assay_bft_message_table = ASSAY_MESSAGE("assay.bft.Message", message, message_fields);

assay_err assay_bft_message_decode(message *out, assay_arena *keep, assay_bytes input) {
    if (input.len > ASSAY_BFT_MESSAGE_LEN_MAX) return ASSAY_E_SIZE;
    ASSAY_TRY(assay_types_format_check(input, MESSAGE_FORMAT));
    ASSAY_TRY(assay_codec_decode(out, keep, &assay_bft_message_table, input, ASSAY_CODEC_STRICT));
    bool whole = (out->block.len > 0) == (out->proposal.len > 0);
    return whole && (out->proposal.len || out->votes_count) ? ASSAY_OK : ASSAY_E_ENCODING;
}

/* CometBFT's nouns are read leniently, for they come from CometBFT too; between our own validators one value has one
 * encoding, so that nobody can pad them. */
assay_err assay_bft_vote_read(assay_vote *out, assay_bytes input) {
    uint8_t memory[VOTE_LEN_MAX];
    assay_buf again = {memory, 0, sizeof memory};
    ASSAY_TRY(assay_vote_decode(out, input));
    ASSAY_ASSERT(assay_vote_encode(&again, out) == ASSAY_OK);
    return assay_base_bytes_eq(input, (assay_bytes){memory, again.len}) ? ASSAY_OK : ASSAY_E_ENCODING;
}

assay_err assay_bft_proposal_read(assay_proposal *out, assay_bytes input) {
    uint8_t memory[PROPOSAL_LEN_MAX];
    assay_buf again = {memory, 0, sizeof memory};
    ASSAY_TRY(assay_proposal_decode(out, input));
    ASSAY_ASSERT(assay_proposal_encode(&again, out) == ASSAY_OK);
    return assay_base_bytes_eq(input, (assay_bytes){memory, again.len}) ? ASSAY_OK : ASSAY_E_ENCODING;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static assay_err put_field(assay_buf *out, uint32_t number, assay_bytes bytes) {
    ASSAY_TRY(assay_codec_put_varint(out, (uint64_t)number << 3 | 2));
    ASSAY_TRY(assay_codec_put_varint(out, bytes.len));
    return assay_base_buf_put(out, bytes);
}

assay_err assay_bft_put_format(assay_buf *out) {
    ASSAY_TRY(assay_codec_put_varint(out, 1u << 3));
    return assay_codec_put_varint(out, MESSAGE_FORMAT);
}

size_t assay_bft_put_head(uint8_t out[16], size_t len) {
    assay_buf head = {out, 0, 16};
    bool fits = assay_bft_put_format(&head) == ASSAY_OK && assay_codec_put_varint(&head, 2u << 3 | 2) == ASSAY_OK &&
                assay_codec_put_varint(&head, len) == ASSAY_OK;
    ASSAY_ASSERT(fits);
    return head.len;
}

assay_err assay_bft_put_proposal(assay_buf *out, const assay_proposal *proposal) {
    uint8_t memory[PROPOSAL_LEN_MAX];
    assay_buf encoded = {memory, 0, sizeof memory};
    ASSAY_TRY(assay_proposal_encode(&encoded, proposal));
    return put_field(out, 3, (assay_bytes){memory, encoded.len});
}

assay_err assay_bft_put_vote(assay_buf *out, const assay_vote *vote) {
    uint8_t memory[VOTE_LEN_MAX];
    assay_buf encoded = {memory, 0, sizeof memory};
    ASSAY_TRY(assay_vote_encode(&encoded, vote));
    return put_field(out, 4, (assay_bytes){memory, encoded.len});
}

assay_err assay_bft_encode_vote_message(assay_buf *out, const assay_vote *vote) {
    size_t start = out->len;
    assay_err err = assay_bft_put_format(out);
    if (err == ASSAY_OK) err = assay_bft_put_vote(out, vote);
    if (err != ASSAY_OK) out->len = start;
    return err;
}

assay_err assay_bft_encode_proposal_message(assay_buf *out, const assay_proposal *proposal, assay_bytes block) {
    size_t start = out->len;
    assay_err err = assay_bft_put_format(out);
    if (err == ASSAY_OK) err = put_field(out, 2, block);
    if (err == ASSAY_OK) err = assay_bft_put_proposal(out, proposal);
    if (err != ASSAY_OK) out->len = start;
    return err;
}
