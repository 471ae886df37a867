/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables alone. The numbers are those of CometBFT v0.38.25, proto/tendermint/abci/types.proto; v0.39 and v0.40 add
 * methods (21, 22) that are used with an application's own mempool alone. */
#include "messages_internal.h"

/* What one request may hold. CometBFT has at most 10,000 validators, and 100 MiB of block, of which no transaction
 * takes less than two bytes; evidence has 1 MiB. */
#define VALIDATORS_MAX 10000
#define MISBEHAVIOR_MAX 10000
#define SNAPSHOTS_MAX 1000
#define PROOF_OPS_MAX 16
#define REFETCH_MAX 65536

static const assay_codec_message empty_message = {"Empty", sizeof(abci_empty), _Alignof(abci_empty), 0, NULL};
static const assay_codec_field text_fields[] = {ASSAY_FIELD_BYTES(1, abci_text, text, 0)};
static const assay_codec_message text_message = ASSAY_MESSAGE("Text", abci_text, text_fields);

/* ---- inside others ----------------------------------------------------------------------------------------------- */

static const assay_codec_field time_fields[] = {ASSAY_FIELD(1, I64, assay_time, seconds),
                                                ASSAY_FIELD(2, I32, assay_time, nanos)};
static const assay_codec_message time_message = ASSAY_MESSAGE("google.protobuf.Timestamp", assay_time, time_fields);

static const assay_codec_field validator_fields[] = {ASSAY_FIELD_FIXED(1, FIXED, abci_validator, address),
                                                     ASSAY_FIELD(3, I64, abci_validator, power)};
static const assay_codec_message validator_message = ASSAY_MESSAGE("Validator", abci_validator, validator_fields);

static const assay_codec_field vote_info_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, abci_vote_info, validator, &validator_message),
    ASSAY_FIELD(3, I32, abci_vote_info, block_id_flag)};
static const assay_codec_message vote_info_message = ASSAY_MESSAGE("VoteInfo", abci_vote_info, vote_info_fields);
static const assay_codec_field commit_info_fields[] = {
    ASSAY_FIELD(1, I32, abci_commit_info, round),
    ASSAY_FIELD_REPEATED(2, REPEATED_MESSAGE, abci_commit_info, votes, VALIDATORS_MAX, &vote_info_message)};
static const assay_codec_message commit_info_message =
    ASSAY_MESSAGE("CommitInfo", abci_commit_info, commit_info_fields);

/* The same with the flag behind the extension and its signature, which are skipped. */
static const assay_codec_field extended_vote_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, abci_vote_info, validator, &validator_message),
    ASSAY_FIELD(5, I32, abci_vote_info, block_id_flag)};
static const assay_codec_message extended_vote_message =
    ASSAY_MESSAGE("ExtendedVoteInfo", abci_vote_info, extended_vote_fields);
static const assay_codec_field extended_commit_fields[] = {
    ASSAY_FIELD(1, I32, abci_commit_info, round),
    ASSAY_FIELD_REPEATED(2, REPEATED_MESSAGE, abci_commit_info, votes, VALIDATORS_MAX, &extended_vote_message)};
static const assay_codec_message extended_commit_message =
    ASSAY_MESSAGE("ExtendedCommitInfo", abci_commit_info, extended_commit_fields);

static const assay_codec_field misbehavior_fields[] = {
    ASSAY_FIELD(1, I32, abci_misbehavior, type),
    ASSAY_FIELD_MESSAGE(2, MESSAGE, abci_misbehavior, validator, &validator_message),
    ASSAY_FIELD(3, I64, abci_misbehavior, height),
    ASSAY_FIELD_MESSAGE(4, MESSAGE, abci_misbehavior, time, &time_message),
    ASSAY_FIELD(5, I64, abci_misbehavior, total_voting_power)};
static const assay_codec_message misbehavior_message =
    ASSAY_MESSAGE("Misbehavior", abci_misbehavior, misbehavior_fields);

/* tendermint.crypto.PublicKey is one of several kinds: another leaves this one empty, and is refused for it. */
static const assay_codec_field public_key_fields[] = {ASSAY_FIELD_BYTES(1, abci_public_key, ed25519, 0)};
static const assay_codec_message public_key_message =
    ASSAY_MESSAGE("tendermint.crypto.PublicKey", abci_public_key, public_key_fields);
static const assay_codec_field update_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, abci_validator_update, pub_key, &public_key_message),
    ASSAY_FIELD(2, I64, abci_validator_update, power)};
static const assay_codec_message update_message =
    ASSAY_MESSAGE("ValidatorUpdate", abci_validator_update, update_fields);

static const assay_codec_field snapshot_fields[] = {
    ASSAY_FIELD(1, U64, assay_abci_snapshot, height), ASSAY_FIELD(2, U32, assay_abci_snapshot, format),
    ASSAY_FIELD(3, U32, assay_abci_snapshot, chunks), ASSAY_FIELD_BYTES(4, assay_abci_snapshot, hash, 0),
    ASSAY_FIELD_BYTES(5, assay_abci_snapshot, metadata, 0)};
static const assay_codec_message snapshot_message = ASSAY_MESSAGE("Snapshot", assay_abci_snapshot, snapshot_fields);

static const assay_codec_field proof_op_fields[] = {ASSAY_FIELD_BYTES(1, assay_abci_proof_op, type, 0),
                                                    ASSAY_FIELD_BYTES(2, assay_abci_proof_op, key, 0),
                                                    ASSAY_FIELD_BYTES(3, assay_abci_proof_op, data, 0)};
static const assay_codec_message proof_op_message =
    ASSAY_MESSAGE("tendermint.crypto.ProofOp", assay_abci_proof_op, proof_op_fields);
static const assay_codec_field proof_ops_fields[] = {
    ASSAY_FIELD_REPEATED(1, REPEATED_MESSAGE, abci_proof_ops, ops, PROOF_OPS_MAX, &proof_op_message)};
static const assay_codec_message proof_ops_message =
    ASSAY_MESSAGE("tendermint.crypto.ProofOps", abci_proof_ops, proof_ops_fields);

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static const assay_codec_field info_fields[] = {
    ASSAY_FIELD_BYTES(1, abci_request_info, version, 0), ASSAY_FIELD(2, U64, abci_request_info, block_version),
    ASSAY_FIELD(3, U64, abci_request_info, p2p_version), ASSAY_FIELD_BYTES(4, abci_request_info, abci_version, 0)};
static const assay_codec_message info_message = ASSAY_MESSAGE("RequestInfo", abci_request_info, info_fields);

static const assay_codec_field init_chain_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, abci_request_init_chain, time, &time_message),
    ASSAY_FIELD_BYTES(2, abci_request_init_chain, chain_id, 0),
    ASSAY_FIELD_REPEATED(4, REPEATED_MESSAGE, abci_request_init_chain, validators, VALIDATORS_MAX, &update_message),
    ASSAY_FIELD_BYTES(5, abci_request_init_chain, app_state_bytes, 0),
    ASSAY_FIELD(6, I64, abci_request_init_chain, initial_height)};
static const assay_codec_message init_chain_message =
    ASSAY_MESSAGE("RequestInitChain", abci_request_init_chain, init_chain_fields);

static const assay_codec_field query_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_abci_query, data, 0), ASSAY_FIELD_BYTES(2, assay_abci_query, path, 0),
    ASSAY_FIELD(3, I64, assay_abci_query, height), ASSAY_FIELD(4, BOOL, assay_abci_query, prove)};
static const assay_codec_message query_message = ASSAY_MESSAGE("RequestQuery", assay_abci_query, query_fields);

static const assay_codec_field check_tx_fields[] = {ASSAY_FIELD_BYTES(1, abci_request_check_tx, tx, 0),
                                                    ASSAY_FIELD(2, I32, abci_request_check_tx, type)};
static const assay_codec_message check_tx_message =
    ASSAY_MESSAGE("RequestCheckTx", abci_request_check_tx, check_tx_fields);

static const assay_codec_field offer_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE_OPTIONAL, abci_request_offer, snapshot, &snapshot_message),
    ASSAY_FIELD_FIXED(2, FIXED, abci_request_offer, app_hash)};
static const assay_codec_message offer_message =
    ASSAY_MESSAGE("RequestOfferSnapshot", abci_request_offer, offer_fields);
static const assay_codec_field load_fields[] = {ASSAY_FIELD(1, U64, abci_request_load, height),
                                                ASSAY_FIELD(2, U32, abci_request_load, format),
                                                ASSAY_FIELD(3, U32, abci_request_load, chunk)};
static const assay_codec_message load_message =
    ASSAY_MESSAGE("RequestLoadSnapshotChunk", abci_request_load, load_fields);
static const assay_codec_field apply_fields[] = {ASSAY_FIELD(1, U32, abci_request_apply, index),
                                                 ASSAY_FIELD_BYTES(2, abci_request_apply, chunk, 0),
                                                 ASSAY_FIELD_BYTES(3, abci_request_apply, sender, 0)};
static const assay_codec_message apply_message =
    ASSAY_MESSAGE("RequestApplySnapshotChunk", abci_request_apply, apply_fields);

static const assay_codec_field prepare_fields[] = {
    ASSAY_FIELD(1, I64, abci_request_block, max_tx_bytes),
    ASSAY_FIELD_REPEATED_SIZED(2, REPEATED_BYTES, abci_request_block, txs, 0, 0),
    ASSAY_FIELD_MESSAGE(3, MESSAGE, abci_request_block, last_commit, &extended_commit_message),
    ASSAY_FIELD_REPEATED(4, REPEATED_MESSAGE, abci_request_block, misbehavior, MISBEHAVIOR_MAX, &misbehavior_message),
    ASSAY_FIELD(5, I64, abci_request_block, height),
    ASSAY_FIELD_MESSAGE(6, MESSAGE, abci_request_block, time, &time_message),
    ASSAY_FIELD_FIXED(7, FIXED, abci_request_block, next_validators_hash),
    ASSAY_FIELD_FIXED(8, FIXED, abci_request_block, proposer_address)};
static const assay_codec_message prepare_message =
    ASSAY_MESSAGE("RequestPrepareProposal", abci_request_block, prepare_fields);

/* ProcessProposal and FinalizeBlock are the same on the wire. */
static const assay_codec_field block_fields[] = {
    ASSAY_FIELD_REPEATED_SIZED(1, REPEATED_BYTES, abci_request_block, txs, 0, 0),
    ASSAY_FIELD_MESSAGE(2, MESSAGE, abci_request_block, last_commit, &commit_info_message),
    ASSAY_FIELD_REPEATED(3, REPEATED_MESSAGE, abci_request_block, misbehavior, MISBEHAVIOR_MAX, &misbehavior_message),
    ASSAY_FIELD_FIXED(4, FIXED, abci_request_block, hash),
    ASSAY_FIELD(5, I64, abci_request_block, height),
    ASSAY_FIELD_MESSAGE(6, MESSAGE, abci_request_block, time, &time_message),
    ASSAY_FIELD_FIXED(7, FIXED, abci_request_block, next_validators_hash),
    ASSAY_FIELD_FIXED(8, FIXED, abci_request_block, proposer_address)};
static const assay_codec_message block_message =
    ASSAY_MESSAGE("RequestFinalizeBlock", abci_request_block, block_fields);

#define ONE(number, member, message) ASSAY_FIELD_MESSAGE(number, MESSAGE_OPTIONAL, abci_request, member, &(message))
static const assay_codec_field request_fields[] = {ONE(1, echo, text_message),
                                                   ONE(2, flush, empty_message),
                                                   ONE(3, info, info_message),
                                                   ONE(5, init_chain, init_chain_message),
                                                   ONE(6, query, query_message),
                                                   ONE(8, check_tx, check_tx_message),
                                                   ONE(11, commit, empty_message),
                                                   ONE(12, list_snapshots, empty_message),
                                                   ONE(13, offer_snapshot, offer_message),
                                                   ONE(14, load_snapshot_chunk, load_message),
                                                   ONE(15, apply_snapshot_chunk, apply_message),
                                                   ONE(16, prepare_proposal, prepare_message),
                                                   ONE(17, process_proposal, block_message),
                                                   ONE(18, extend_vote, empty_message),
                                                   ONE(19, verify_vote_extension, empty_message),
                                                   ONE(20, finalize_block, block_message)};
#undef ONE
const assay_codec_message assay_abci_request_message = ASSAY_MESSAGE("Request", abci_request, request_fields);

/* ---- responses --------------------------------------------------------------------------------------------------- */

static const assay_codec_field info_answer_fields[] = {
    ASSAY_FIELD_BYTES(1, abci_response_info, data, 0), ASSAY_FIELD_BYTES(2, abci_response_info, version, 0),
    ASSAY_FIELD(3, U64, abci_response_info, app_version), ASSAY_FIELD(4, I64, abci_response_info, last_block_height),
    ASSAY_FIELD_FIXED(5, FIXED, abci_response_info, last_block_app_hash)};
static const assay_codec_message info_answer_message =
    ASSAY_MESSAGE("ResponseInfo", abci_response_info, info_answer_fields);

static const assay_codec_field init_answer_fields[] = {
    ASSAY_FIELD_REPEATED(2, REPEATED_MESSAGE, abci_response_init_chain, validators, VALIDATORS_MAX, &update_message),
    ASSAY_FIELD_FIXED(3, FIXED, abci_response_init_chain, app_hash)};
static const assay_codec_message init_answer_message =
    ASSAY_MESSAGE("ResponseInitChain", abci_response_init_chain, init_answer_fields);

static const assay_codec_field query_answer_fields[] = {
    ASSAY_FIELD(1, U32, abci_response_query, code),
    ASSAY_FIELD_BYTES(3, abci_response_query, log, 0),
    ASSAY_FIELD_BYTES(6, abci_response_query, key, 0),
    ASSAY_FIELD_BYTES(7, abci_response_query, value, 0),
    ASSAY_FIELD_MESSAGE(8, MESSAGE_OPTIONAL, abci_response_query, proof_ops, &proof_ops_message),
    ASSAY_FIELD(9, I64, abci_response_query, height),
    ASSAY_FIELD_BYTES(10, abci_response_query, codespace, 0)};
static const assay_codec_message query_answer_message =
    ASSAY_MESSAGE("ResponseQuery", abci_response_query, query_answer_fields);

static const assay_codec_field tx_result_fields[] = {
    ASSAY_FIELD(1, U32, abci_tx_result, code),     ASSAY_FIELD_BYTES(2, abci_tx_result, data, 0),
    ASSAY_FIELD_BYTES(3, abci_tx_result, log, 0),  ASSAY_FIELD(5, I64, abci_tx_result, gas_wanted),
    ASSAY_FIELD(6, I64, abci_tx_result, gas_used), ASSAY_FIELD_BYTES(8, abci_tx_result, codespace, 0)};
static const assay_codec_message tx_result_message = ASSAY_MESSAGE("ExecTxResult", abci_tx_result, tx_result_fields);

static const assay_codec_field commit_answer_fields[] = {ASSAY_FIELD(3, I64, abci_response_commit, retain_height)};
static const assay_codec_message commit_answer_message =
    ASSAY_MESSAGE("ResponseCommit", abci_response_commit, commit_answer_fields);
static const assay_codec_field list_answer_fields[] = {
    ASSAY_FIELD_REPEATED(1, REPEATED_MESSAGE, abci_response_list, snapshots, SNAPSHOTS_MAX, &snapshot_message)};
static const assay_codec_message list_answer_message =
    ASSAY_MESSAGE("ResponseListSnapshots", abci_response_list, list_answer_fields);
static const assay_codec_field code_answer_fields[] = {ASSAY_FIELD(1, U32, abci_response_code, value)};
static const assay_codec_message code_answer_message =
    ASSAY_MESSAGE("ResponseCode", abci_response_code, code_answer_fields);
static const assay_codec_field apply_answer_fields[] = {
    ASSAY_FIELD(1, U32, abci_response_apply, value),
    ASSAY_FIELD_REPEATED(2, REPEATED_U64, abci_response_apply, refetch, REFETCH_MAX, NULL),
    ASSAY_FIELD_REPEATED_SIZED(3, REPEATED_BYTES, abci_response_apply, reject, REFETCH_MAX, 0)};
static const assay_codec_message apply_answer_message =
    ASSAY_MESSAGE("ResponseApplySnapshotChunk", abci_response_apply, apply_answer_fields);
static const assay_codec_field prepare_answer_fields[] = {
    ASSAY_FIELD_REPEATED_SIZED(1, REPEATED_BYTES, abci_response_prepare, txs, 0, 0)};
static const assay_codec_message prepare_answer_message =
    ASSAY_MESSAGE("ResponsePrepareProposal", abci_response_prepare, prepare_answer_fields);
static const assay_codec_field finalize_answer_fields[] = {
    ASSAY_FIELD_REPEATED(2, REPEATED_MESSAGE, abci_response_finalize, tx_results, 0, &tx_result_message),
    ASSAY_FIELD_REPEATED(3, REPEATED_MESSAGE, abci_response_finalize, validator_updates, VALIDATORS_MAX,
                         &update_message),
    ASSAY_FIELD_FIXED(5, FIXED, abci_response_finalize, app_hash)};
static const assay_codec_message finalize_answer_message =
    ASSAY_MESSAGE("ResponseFinalizeBlock", abci_response_finalize, finalize_answer_fields);

#define ONE(number, member, message) ASSAY_FIELD_MESSAGE(number, MESSAGE_OPTIONAL, abci_response, member, &(message))
static const assay_codec_field response_fields[] = {ONE(1, exception, text_message),
                                                    ONE(2, echo, text_message),
                                                    ONE(3, flush, empty_message),
                                                    ONE(4, info, info_answer_message),
                                                    ONE(6, init_chain, init_answer_message),
                                                    ONE(7, query, query_answer_message),
                                                    ONE(9, check_tx, tx_result_message),
                                                    ONE(12, commit, commit_answer_message),
                                                    ONE(13, list_snapshots, list_answer_message),
                                                    ONE(14, offer_snapshot, code_answer_message),
                                                    ONE(15, load_snapshot_chunk, text_message),
                                                    ONE(16, apply_snapshot_chunk, apply_answer_message),
                                                    ONE(17, prepare_proposal, prepare_answer_message),
                                                    ONE(18, process_proposal, code_answer_message),
                                                    ONE(21, finalize_block, finalize_answer_message)};
#undef ONE
const assay_codec_message assay_abci_response_message = ASSAY_MESSAGE("Response", abci_response, response_fields);
