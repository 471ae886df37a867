/* SPDX-License-Identifier: Apache-2.0
 *
 * CometBFT's privval protocol, the signer's side (v0.38 proto/tendermint/privval/types.proto): a request is one of four
 * kinds and nothing else, so no bytes are signed that were not read as a vote or a proposal first. */
#include "signer_internal.h"

#include "codec/codec.h"

#define CHAIN_LEN_MAX 256 /* of a name that is no chain's either, so that it is refused as such */

/* ---- messages ---------------------------------------------------------------------------------------------------- */

typedef struct ask { /* PubKeyRequest: chain_id is field 1. Sign…Request: what to sign is field 1, chain_id field 2 */
    assay_bytes what;
    assay_bytes chain_id;
} ask;
typedef struct remote_error {
    uint32_t code;
    assay_bytes description;
} remote_error;
typedef struct key_of {
    assay_bytes ed25519;
} key_of;
typedef struct told_key {
    key_of key;
    remote_error *error;
} told_key;
/* Signed…Response. What was signed is a message that types writes; it is there even when empty. */
typedef struct told_signed {
    assay_bytes what;
    remote_error *error;
} told_signed;
typedef struct nothing {
    uint8_t unused;
} nothing;

static const assay_codec_field ask_key_fields[] = {ASSAY_FIELD_BYTES(1, ask, chain_id, CHAIN_LEN_MAX)};
static const assay_codec_message ask_key_message = ASSAY_MESSAGE("PubKeyRequest", ask, ask_key_fields);
static const assay_codec_field ask_sign_fields[] = {ASSAY_FIELD_BYTES(1, ask, what, 0),
                                                    ASSAY_FIELD_BYTES(2, ask, chain_id, CHAIN_LEN_MAX)};
static const assay_codec_message ask_sign_message = ASSAY_MESSAGE("SignRequest", ask, ask_sign_fields);
static const assay_codec_field error_fields[] = {ASSAY_FIELD(1, U32, remote_error, code),
                                                 ASSAY_FIELD_BYTES(2, remote_error, description, 0)};
static const assay_codec_message error_message = ASSAY_MESSAGE("RemoteSignerError", remote_error, error_fields);
static const assay_codec_field key_fields[] = {ASSAY_FIELD_BYTES(1, key_of, ed25519, 0)};
static const assay_codec_message key_message = ASSAY_MESSAGE("tendermint.crypto.PublicKey", key_of, key_fields);
static const assay_codec_field told_key_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, told_key, key, &key_message),
    ASSAY_FIELD_MESSAGE(2, MESSAGE_OPTIONAL, told_key, error, &error_message)};
static const assay_codec_message told_key_message = ASSAY_MESSAGE("PubKeyResponse", told_key, told_key_fields);
static const assay_codec_field told_signed_fields[] = {
    ASSAY_FIELD_BYTES(1, told_signed, what, 0),
    ASSAY_FIELD_MESSAGE(2, MESSAGE_OPTIONAL, told_signed, error, &error_message)};
static const assay_codec_message told_signed_message = ASSAY_MESSAGE("SignedResponse", told_signed, told_signed_fields);
static const assay_codec_message nothing_message = {"Ping", sizeof(nothing), _Alignof(nothing), 0, NULL};

typedef struct request {
    ask *key, *vote, *proposal;
    nothing *ping;
} request;
static const assay_codec_field request_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE_OPTIONAL, request, key, &ask_key_message),
    ASSAY_FIELD_MESSAGE(3, MESSAGE_OPTIONAL, request, vote, &ask_sign_message),
    ASSAY_FIELD_MESSAGE(5, MESSAGE_OPTIONAL, request, proposal, &ask_sign_message),
    ASSAY_FIELD_MESSAGE(7, MESSAGE_OPTIONAL, request, ping, &nothing_message)};
static const assay_codec_message request_message = ASSAY_MESSAGE("Message", request, request_fields);

typedef struct response {
    told_key *key;
    told_signed *vote, *proposal;
    nothing *pong;
} response;
static const assay_codec_field response_fields[] = {
    ASSAY_FIELD_MESSAGE(2, MESSAGE_OPTIONAL, response, key, &told_key_message),
    ASSAY_FIELD_MESSAGE(4, MESSAGE_OPTIONAL, response, vote, &told_signed_message),
    ASSAY_FIELD_MESSAGE(6, MESSAGE_OPTIONAL, response, proposal, &told_signed_message),
    ASSAY_FIELD_MESSAGE(8, MESSAGE_OPTIONAL, response, pong, &nothing_message)};
static const assay_codec_message response_message = ASSAY_MESSAGE("Message", response, response_fields);

const assay_codec_message *const signer_messages[] = {&ask_key_message, &ask_sign_message, &error_message,
                                                      &key_message,     &told_key_message, &told_signed_message,
                                                      &request_message, &response_message};
const size_t signer_messages_count = sizeof signer_messages / sizeof *signer_messages;

/* ---- signing ----------------------------------------------------------------------------------------------------- */

static assay_err check_chain(const ask *asked, assay_bytes chain_id) {
    return assay_base_bytes_eq(asked->chain_id, chain_id) ? ASSAY_OK : ASSAY_E_CHAIN;
}

static assay_err sign_vote(assay_signer *signer, assay_buf *out, const ask *asked, assay_bytes chain_id) {
    assay_vote vote;
    ASSAY_TRY(check_chain(asked, chain_id));
    ASSAY_TRY(assay_vote_decode_unsigned(&vote, asked->what));
    ASSAY_TRY(assay_signer_vote(signer, &vote, chain_id, vote.timestamp, vote.timestamp));
    return assay_vote_encode(out, &vote);
}

static assay_err sign_proposal(assay_signer *signer, assay_buf *out, const ask *asked, assay_bytes chain_id) {
    assay_proposal proposal;
    ASSAY_TRY(check_chain(asked, chain_id));
    ASSAY_TRY(assay_proposal_decode_unsigned(&proposal, asked->what));
    ASSAY_TRY(assay_signer_proposal(signer, &proposal, chain_id, proposal.timestamp));
    return assay_proposal_encode(out, &proposal);
}

/* ---- one request ------------------------------------------------------------------------------------------------- */

assay_err assay_signer_answer(assay_signer *signer, assay_buf *out, assay_bytes chain_id, assay_bytes bytes) {
    uint8_t memory[1024], signed_memory[512];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    request asked;
    if (bytes.len > ASSAY_SIGNER_MESSAGE_LEN_MAX) return ASSAY_E_ENCODING;
    if (assay_codec_decode(&asked, &keep, &request_message, bytes, ASSAY_CODEC_COMET)) return ASSAY_E_ENCODING;
    if ((asked.key != NULL) + (asked.vote != NULL) + (asked.proposal != NULL) + (asked.ping != NULL) != 1)
        return ASSAY_E_ENCODING;

    assay_err err = ASSAY_OK;
    assay_buf signed_buf = {signed_memory, 0, sizeof signed_memory};
    told_key key = {.key = {{signer->public_key.b, sizeof signer->public_key.b}}};
    told_signed what = {0};
    nothing pong = {0};
    response answer = {0};
    if (asked.key) {
        err = check_chain(asked.key, chain_id);
        answer.key = &key;
    } else if (asked.vote) {
        err = sign_vote(signer, &signed_buf, asked.vote, chain_id);
        answer.vote = &what;
    } else if (asked.proposal) {
        err = sign_proposal(signer, &signed_buf, asked.proposal, chain_id);
        answer.proposal = &what;
    } else {
        answer.pong = &pong;
    }
    remote_error error = {(uint32_t)err, assay_base_bytes_str(assay_base_err_text(err))};
    if (err) key = (told_key){.error = &error};
    if (err) what = (told_signed){.error = &error};
    if (!err) what.what = (assay_bytes){signed_buf.ptr, signed_buf.len};
    assay_err unsaid = assay_codec_encode_delimited(out, &response_message, &answer, ASSAY_CODEC_COMET);
    return unsaid ? unsaid : err;
}
