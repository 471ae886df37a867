/* SPDX-License-Identifier: Apache-2.0
 *
 * ABCI 2.0's messages as C structs (CometBFT v0.38.25 proto/tendermint/abci/types.proto, whose names they keep), read
 * and written with codec's comet profile. What no CometBFT sends us and we never send is left out: events, consensus
 * parameters. */
#ifndef ASSAY_ABCI_MESSAGES_INTERNAL_H
#define ASSAY_ABCI_MESSAGES_INTERNAL_H

#include "abci/abci.h"
#include "codec/codec.h"

typedef struct abci_empty {
    uint8_t unused;
} abci_empty;
typedef struct abci_text { /* Echo both ways, and Exception: field 1 */
    assay_bytes text;
} abci_text;

/* ---- inside others ----------------------------------------------------------------------------------------------- */

typedef struct abci_validator {
    assay_address address;
    int64_t power;
} abci_validator;
typedef struct abci_vote_info { /* of an ExtendedVoteInfo what both have */
    abci_validator validator;
    int32_t block_id_flag;
} abci_vote_info;
typedef struct abci_commit_info {
    int32_t round;
    abci_vote_info *votes;
    uint32_t votes_count;
} abci_commit_info;
typedef struct abci_misbehavior {
    int32_t type; /* 1: duplicate vote; 2: light client attack */
    abci_validator validator;
    int64_t height;
    assay_time time;
    int64_t total_voting_power;
} abci_misbehavior;
typedef struct abci_public_key {
    assay_bytes ed25519;
} abci_public_key;
typedef struct abci_validator_update {
    abci_public_key pub_key;
    int64_t power;
} abci_validator_update;
typedef struct abci_proof_ops {
    const assay_abci_proof_op *ops;
    uint32_t ops_count;
} abci_proof_ops;

/* ---- requests ---------------------------------------------------------------------------------------------------- */

typedef struct abci_request_info {
    assay_bytes version, abci_version;
    uint64_t block_version, p2p_version;
} abci_request_info;
typedef struct abci_request_init_chain {
    assay_time time;
    assay_bytes chain_id;
    abci_validator_update *validators;
    uint32_t validators_count;
    assay_bytes app_state_bytes;
    int64_t initial_height;
} abci_request_init_chain;
typedef struct abci_request_check_tx {
    assay_bytes tx;
    int32_t type; /* 0: new; 1: recheck */
} abci_request_check_tx;
/* PrepareProposal, ProcessProposal and FinalizeBlock share a struct, and differ in their field numbers. */
typedef struct abci_request_block {
    int64_t max_tx_bytes; /* prepare alone */
    assay_bytes *txs;
    uint32_t txs_count;
    abci_commit_info last_commit;
    abci_misbehavior *misbehavior;
    uint32_t misbehavior_count;
    assay_hash hash; /* not prepare */
    int64_t height;
    assay_time time;
    assay_hash next_validators_hash;
    assay_address proposer_address;
} abci_request_block;
typedef struct abci_request_offer {
    assay_abci_snapshot *snapshot;
    assay_hash app_hash;
} abci_request_offer;
typedef struct abci_request_load {
    uint64_t height;
    uint32_t format, chunk;
} abci_request_load;
typedef struct abci_request_apply {
    uint32_t index;
    assay_bytes chunk, sender;
} abci_request_apply;

typedef struct abci_request { /* exactly one is there */
    abci_text *echo;
    abci_empty *flush;
    abci_request_info *info;
    abci_request_init_chain *init_chain;
    assay_abci_query *query;
    abci_request_check_tx *check_tx;
    abci_empty *commit;
    abci_empty *list_snapshots;
    abci_request_offer *offer_snapshot;
    abci_request_load *load_snapshot_chunk;
    abci_request_apply *apply_snapshot_chunk;
    abci_request_block *prepare_proposal, *process_proposal;
    abci_empty *extend_vote, *verify_vote_extension; /* of which nothing is read: extensions are not enabled */
    abci_request_block *finalize_block;
} abci_request;
extern const assay_codec_message assay_abci_request_message;

/* ---- responses --------------------------------------------------------------------------------------------------- */

typedef struct abci_response_info {
    assay_bytes data, version;
    uint64_t app_version;
    int64_t last_block_height;
    assay_hash last_block_app_hash;
} abci_response_info;
typedef struct abci_response_init_chain {
    abci_validator_update *validators;
    uint32_t validators_count;
    assay_hash app_hash;
} abci_response_init_chain;
typedef struct abci_response_query {
    uint32_t code;
    assay_bytes log, key, value, codespace;
    abci_proof_ops *proof_ops;
    int64_t height;
} abci_response_query;
typedef struct abci_tx_result { /* CheckTx, and ExecTxResult */
    uint32_t code;
    assay_bytes data, log, codespace;
    int64_t gas_wanted, gas_used;
} abci_tx_result;
typedef struct abci_response_commit {
    int64_t retain_height;
} abci_response_commit;
typedef struct abci_response_list {
    assay_abci_snapshot *snapshots;
    uint32_t snapshots_count;
} abci_response_list;
typedef struct abci_response_code { /* field 1: OfferSnapshot's result, ProcessProposal's status */
    uint32_t value;
} abci_response_code;
typedef struct abci_response_apply {
    uint32_t value;
    uint64_t *refetch; /* chunks that CometBFT shall ask the network for again */
    uint32_t refetch_count;
    assay_bytes *reject; /* peers that it shall ask for none any more */
    uint32_t reject_count;
} abci_response_apply;
typedef struct abci_response_prepare {
    assay_bytes *txs;
    uint32_t txs_count;
} abci_response_prepare;
typedef struct abci_response_finalize {
    abci_tx_result *tx_results;
    uint32_t tx_results_count;
    abci_validator_update *validator_updates;
    uint32_t validator_updates_count;
    assay_hash app_hash;
} abci_response_finalize;

typedef struct abci_response { /* exactly one is there */
    abci_text *exception, *echo;
    abci_empty *flush;
    abci_response_info *info;
    abci_response_init_chain *init_chain;
    abci_response_query *query;
    abci_tx_result *check_tx;
    abci_response_commit *commit;
    abci_response_list *list_snapshots;
    abci_response_code *offer_snapshot;
    abci_text *load_snapshot_chunk;
    abci_response_apply *apply_snapshot_chunk;
    abci_response_prepare *prepare_proposal;
    abci_response_code *process_proposal;
    abci_response_finalize *finalize_block;
} abci_response;
extern const assay_codec_message assay_abci_response_message;

#endif
