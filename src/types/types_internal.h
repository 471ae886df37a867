/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of types share: CometBFT's inner messages, and roots over encoded messages. */
#ifndef ASSAY_TYPES_INTERNAL_H
#define ASSAY_TYPES_INTERNAL_H

#include "types/types.h"

/* Year 1 in UTC: what Go's time.Time is before anybody sets it, and what CometBFT writes for the time of an absent
 * vote. */
#define ASSAY_TYPES_GO_ZERO_SECONDS INT64_C(-62135596800)
/* The first second after year 9999: gogoproto writes no time from there on. */
#define ASSAY_TYPES_GO_END_SECONDS INT64_C(253402300800)

/* google.protobuf.Timestamp over assay_time; tendermint.types.BlockID over assay_block_id, and so on. */
extern const assay_codec_message assay_types_timestamp_message, assay_types_block_id_message, assay_types_vote_message,
    assay_types_header_message, assay_types_commit_message, assay_types_validator_message,
    assay_types_duplicate_vote_message;

/* tendermint.types.Header: app_hash is apart, because a zero one is written with us and other zero hashes are not. */
typedef struct assay_types_wire_header {
    assay_header header;
    assay_bytes app_hash;
} assay_types_wire_header;
/* assay_types_header_to_wire - the view that assay_types_header_message encodes; app_hash points into *header. */
assay_types_wire_header assay_types_header_to_wire(const assay_header *header);
/* assay_types_header_from_wire - checks form and gives the header back. */
ASSAY_MUST_USE assay_err assay_types_header_from_wire(assay_header *out, const assay_types_wire_header *wire);

/* assay_types_is_zero - len zero bytes, which stand for a field that is not there. Not constant time. */
bool assay_types_is_zero(const void *memory, size_t len);
/* assay_types_time_ok - a time that Go's protobuf can hold: years 1 to 9999, nanoseconds in their range. */
bool assay_types_time_ok(assay_time time);
/* assay_types_block_id_complete - hash, part count and parts' hash are all there. */
bool assay_types_block_id_complete(const assay_block_id *id);
/* assay_types_block_id_cmp - the order of CometBFT's BlockID.Key(): hash, then the encoded part set header. */
int assay_types_block_id_cmp(const assay_block_id *a, const assay_block_id *b);
/* assay_types_vote_form - what CometBFT's Vote.ValidateBasic checks. ASSAY_E_ENCODING, ASSAY_E_RANGE. */
ASSAY_MUST_USE assay_err assay_types_vote_form(const assay_vote *vote);
/* assay_types_duplicate_vote_form - the same for both votes, their order and the powers. */
ASSAY_MUST_USE assay_err assay_types_duplicate_vote_form(const assay_duplicate_vote *evidence);
/* assay_types_commit_form - what CometBFT's Commit.ValidateBasic checks; gives absent signatures the zero time of
 * ours. */
ASSAY_MUST_USE assay_err assay_types_commit_form(assay_commit *commit);
/* assay_types_commit_size - bytes that assay_commit_encode writes. */
size_t assay_types_commit_size(const assay_commit *commit);

/* assay_types_set_size - bytes that assay_validators_encode writes. */
size_t assay_types_set_size(const assay_validator_set *set);

/* assay_types_put_head - the key of a length-delimited field (number < 16) and its length, before bytes that follow. */
ASSAY_MUST_USE assay_err assay_types_put_head(assay_buf *out, uint32_t number, size_t len);
/* assay_types_put_message - a whole embedded message (number < 16), written even when empty. */
ASSAY_MUST_USE assay_err assay_types_put_message(assay_buf *out, uint32_t number, const assay_codec_message *message,
                                                 const void *value, assay_codec_profile profile);

/* assay_types_root - RFC 6962 root whose leaves are the encodings of count structs of message, an array. Takes from
 * scratch what one encoding needs. */
ASSAY_MUST_USE assay_err assay_types_root(assay_hash *out, const assay_codec_message *message, const void *array,
                                          size_t count, assay_codec_profile profile, assay_arena scratch);

#endif
