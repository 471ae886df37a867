/* SPDX-License-Identifier: Apache-2.0
 *
 * types - the nouns that ledger, agreement, certificates and nodes share: votes, headers, commits and validator sets
 * as CometBFT encodes them; transactions, checks, openings, manifests, attestations and state proofs as we do.
 *
 * Each noun is a struct, its codec table (…_message), and the few computations that everyone must do alike (what is
 * signed, what is hashed, what follows from a commit). No rule of the ledger and no step of consensus is decided
 * here. Where a function takes keep and scratch, they are different memory; after an error *out is unspecified.
 * Reading order: types.h, vote.c, header.c, commit.c, validators.c, block.c (CometBFT's); tx.c, manifest.c, opening.c,
 * records.c, genesis.c, proof.c (ours).
 * Spec: spec/types.md; spec/proto; CometBFT v0.38 spec/core/data_structures; ICS 23; RFC 6962. */
#ifndef ASSAY_TYPES_H
#define ASSAY_TYPES_H

#include "base/base.h"
#include "codec/codec.h"
#include "crypto/crypto.h"

/* ==== limits ====================================================================================================== */

#define ASSAY_CHAIN_ID_LEN_MAX 50 /* CometBFT's limit */
#define ASSAY_NAME_PART_LEN_MAX 64
#define ASSAY_NAME_LEN_MAX 129 /* owner, '/', model */
#define ASSAY_VERSION_LEN_MAX 64
#define ASSAY_PATH_LEN_MAX 1024
#define ASSAY_TENSOR_NAME_LEN_MAX 1024
#define ASSAY_SHAPE_MAX 16
#define ASSAY_FILES_MAX 100000
#define ASSAY_TENSORS_MAX 1000000
#define ASSAY_VALIDATORS_MAX 1000
#define ASSAY_POWER_TOTAL_MAX ((uint64_t)INT64_MAX / 8) /* CometBFT's bound of a set's power: 2^60 - 1 */
#define ASSAY_TX_LEN_MAX (256u * 1024)
#define ASSAY_BLOCK_LEN_MAX (4u * 1024 * 1024)
#define ASSAY_BLOCK_TXS_MAX 100000
#define ASSAY_PART_LEN 65536
#define ASSAY_PARENTS_MAX 16
#define ASSAY_MAINTAINERS_MAX 16
#define ASSAY_OPENING_ENTRIES_MAX 64
#define ASSAY_SOURCE_LEN_MAX 256
#define ASSAY_MONIKER_LEN_MAX 64
#define ASSAY_DTYPE_LEN_MAX 64
#define ASSAY_VOTE_LEN_MAX 512 /* of an encoded vote inside evidence */
#define ASSAY_GENESIS_ACCOUNTS_MAX 100000
#define ASSAY_GENESIS_NAME_LEN_MAX 32
#define ASSAY_MEMO_LEN_MAX 256
#define ASSAY_STATE_KEY_LEN_MAX 1024
#define ASSAY_STATE_VALUE_LEN_MAX 1024

/* ==== CometBFT's nouns (comet profile; byte-compatible with v0.38) ================================================ */

/* All zero: nil (a vote for no block). */
typedef struct assay_block_id {
    assay_hash hash;
    uint32_t parts_total;
    assay_hash parts_hash;
} assay_block_id;
/* assay_block_id_eq, _is_nil - field by field. */
bool assay_block_id_eq(const assay_block_id *a, const assay_block_id *b);
bool assay_block_id_is_nil(const assay_block_id *id);

typedef enum assay_vote_type { ASSAY_PREVOTE = 1, ASSAY_PRECOMMIT = 2 } assay_vote_type;

typedef struct assay_vote {
    uint32_t type; /* assay_vote_type */
    int64_t height;
    int32_t round;
    assay_block_id block_id;
    assay_time timestamp;
    assay_address validator;
    int32_t validator_index;
    assay_signature signature;
} assay_vote;

/* assay_vote_sign_bytes - what is signed: CanonicalVote, length-delimited. Appends to out (at most 200 bytes).
 * ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_vote_sign_bytes(assay_buf *out, const assay_vote *vote, assay_bytes chain_id);
/* assay_vote_encode, _decode - tendermint.types.Vote. decode checks form as CometBFT's ValidateBasic does: type,
 * height >= 1, round >= 0, index >= 0, a moment that Go can hold, address and signature there and of their lengths,
 * nil or complete block id; it verifies no signature. Unknown fields (vote extensions among them) are skipped.
 * ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_vote_encode(assay_buf *out, const assay_vote *vote);
ASSAY_MUST_USE assay_err assay_vote_decode(assay_vote *out, assay_bytes input);
/* assay_vote_decode_unsigned - a vote that is yet to be signed: the same form, but that no signature need be there; one
 * that is there is dropped. */
ASSAY_MUST_USE assay_err assay_vote_decode_unsigned(assay_vote *out, assay_bytes input);
/* assay_vote_verify - true if the signature is the key's. */
bool assay_vote_verify(const assay_vote *vote, assay_bytes chain_id, assay_public_key key);

typedef struct assay_proposal {
    int64_t height;
    int32_t round;
    int32_t pol_round; /* -1: none */
    assay_block_id block_id;
    assay_time timestamp;
    assay_signature signature;
} assay_proposal;
/* assay_proposal_sign_bytes, _encode, _decode - CanonicalProposal and tendermint.types.Proposal; errors as votes. */
ASSAY_MUST_USE assay_err assay_proposal_sign_bytes(assay_buf *out, const assay_proposal *proposal,
                                                   assay_bytes chain_id);
ASSAY_MUST_USE assay_err assay_proposal_encode(assay_buf *out, const assay_proposal *proposal);
ASSAY_MUST_USE assay_err assay_proposal_decode(assay_proposal *out, assay_bytes input);
/* assay_proposal_decode_unsigned - as assay_vote_decode_unsigned. */
ASSAY_MUST_USE assay_err assay_proposal_decode_unsigned(assay_proposal *out, assay_bytes input);

typedef struct assay_header {
    uint64_t version_block; /* 11 */
    uint64_t version_app;
    assay_bytes chain_id; /* into the decoded bytes */
    int64_t height;
    assay_time time;
    assay_block_id last_block_id;
    assay_hash last_commit_hash;
    assay_hash data_hash;
    assay_hash validators_hash;
    assay_hash next_validators_hash;
    assay_hash consensus_hash;
    assay_hash app_hash; /* always 32 bytes on the wire, also when all zero; decode refuses any other length */
    assay_hash last_results_hash;
    assay_hash evidence_hash;
    assay_address proposer;
} assay_header;
#define ASSAY_BLOCK_PROTOCOL 11
/* assay_header_hash - the block hash: CometBFT's Merkle root over the 14 encoded fields. A zero hash field counts as
 * empty bytes, but for app_hash, which is what the application returned and may be 32 zero bytes. As in CometBFT a
 * header without validators_hash has no hash: the result is zero then. chain_id is at most ASSAY_CHAIN_ID_LEN_MAX,
 * asserted. */
assay_hash assay_header_hash(const assay_header *header);
/* assay_header_encode, _decode - tendermint.types.Header. decode checks form: height >= 1, a moment that Go can hold,
 * last block id nil or complete, app hash and proposer there. ASSAY_E_FORMAT if version_block is not
 * ASSAY_BLOCK_PROTOCOL; ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_header_encode(assay_buf *out, const assay_header *header);
ASSAY_MUST_USE assay_err assay_header_decode(assay_header *out, assay_bytes input);

typedef enum assay_commit_flag { ASSAY_FLAG_ABSENT = 1, ASSAY_FLAG_COMMIT = 2, ASSAY_FLAG_NIL = 3 } assay_commit_flag;
typedef struct assay_commit_sig {
    uint32_t flag; /* assay_commit_flag; ABSENT has all else zero (on the wire its time is Go's zero time, year 1) */
    assay_address validator;
    assay_time timestamp;
    assay_signature signature;
} assay_commit_sig;
typedef struct assay_commit {
    int64_t height;
    int32_t round;
    assay_block_id block_id;
    assay_commit_sig *sigs; /* one per validator of the set of this height, in its order */
    uint32_t sigs_count;
} assay_commit;
/* assay_commit_hash - Merkle root over the encoded CommitSigs (Header.LastCommitHash of the next block). scratch:
 * 128 bytes. */
ASSAY_MUST_USE assay_err assay_commit_hash(assay_hash *out, const assay_commit *commit, assay_arena scratch);
/* assay_commit_encode, _decode - tendermint.types.Commit. decode checks form as CometBFT's ValidateBasic does: from
 * height 1 on a complete block id and at least one signature, each with a known flag and what goes with it.
 * ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_commit_encode(assay_buf *out, const assay_commit *commit);
ASSAY_MUST_USE assay_err assay_commit_decode(assay_commit *out, assay_arena *keep, assay_bytes input);

typedef struct assay_validator {
    assay_public_key public_key;
    assay_address address; /* always assay_crypto_address(public_key) */
    uint64_t power;        /* 1 .. ASSAY_POWER_TOTAL_MAX */
    int64_t priority;      /* proposer priority; not hashed */
} assay_validator;

/* Ordered as CometBFT orders: power descending, then address ascending. */
typedef struct assay_validator_set {
    assay_validator *validators;
    uint32_t count;
    uint32_t proposer;    /* index of whom the last rotation chose. Not a function of the priorities, hence kept */
    uint64_t total_power; /* at most ASSAY_POWER_TOTAL_MAX */
} assay_validator_set;

/* assay_validators_new - sorts count validators (addresses computed here, priorities initialised and rotated once, as
 * CometBFT's NewValidatorSet does) into a set taken from keep. ASSAY_E_RANGE (nobody, power 0, sum too large, more
 * than ASSAY_VALIDATORS_MAX), ASSAY_E_DUPLICATE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_validators_new(assay_validator_set *out, assay_arena *keep,
                                              const assay_validator *validators, uint32_t count);
/* assay_validators_copy - deep copy into keep. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_validators_copy(assay_validator_set *out, assay_arena *keep,
                                               const assay_validator_set *set);
/* assay_validators_update - applies power changes (power 0 removes; unknown adds) with CometBFT's UpdateWithChangeSet
 * priorities, into a new set; set itself is not changed. Of a change public_key and power count. The proposer stays
 * whom it was (or, if removed, becomes the highest priority) until the next rotation, which CometBFT makes right
 * after every update. ASSAY_E_RANGE (would be empty or too large), ASSAY_E_DUPLICATE, ASSAY_E_NOT_FOUND (removal of
 * nobody), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_validators_update(assay_validator_set *out, assay_arena *keep,
                                                 const assay_validator_set *set, const assay_validator *changes,
                                                 uint32_t changes_count, assay_arena scratch);
/* assay_validators_rotate - CometBFT's IncrementProposerPriority(times), in place. times >= 1 and count >= 1,
 * asserted. O(times * count). */
void assay_validators_rotate(assay_validator_set *set, uint32_t times);
/* assay_validators_proposer - index of the proposer: whom the last rotation found with the highest priority (lowest
 * address among equals) and set back. count > 0, asserted. */
uint32_t assay_validators_proposer(const assay_validator_set *set);
/* assay_validators_find - index of an address, or -1. */
int32_t assay_validators_find(const assay_validator_set *set, assay_address address);
/* assay_validators_hash - Merkle root over SimpleValidator encodings. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_validators_hash(assay_hash *out, const assay_validator_set *set, assay_arena scratch);
/* assay_validators_encode, _decode - tendermint.types.ValidatorSet (with proposer and priorities). decode checks
 * order, addresses, powers, that nobody stands there twice and that the proposer is one of them; keep also serves as
 * scratch for 80 bytes a validator. ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_validators_encode(assay_buf *out, const assay_validator_set *set);
ASSAY_MUST_USE assay_err assay_validators_decode(assay_validator_set *out, assay_arena *keep, assay_bytes input);

/* assay_commit_check - checks a commit against the set of its height, as CometBFT's VerifyCommit does: height, block
 * id, one signature per validator in the set's order, every signature valid (all of them, not just until 2/3; those
 * for nil too, for they tell who was there), and sums the power of the COMMIT ones into *power.
 *   ASSAY_E_COMMIT      wrong height, count, order or block id, or not more than 2/3 of the set's power
 *   ASSAY_E_SIGNATURE   a signature does not verify            ASSAY_F_MEMORY   scratch: 400 bytes a signature
 * Cost: one batch verification. *power is written only with ASSAY_OK. */
ASSAY_MUST_USE assay_err assay_commit_check(uint64_t *power, const assay_commit *commit, const assay_validator_set *set,
                                            assay_bytes chain_id, const assay_block_id *block_id, int64_t height,
                                            assay_arena scratch);
/* assay_commit_overlap - power, in trusted terms, of those who signed COMMIT and stand in `trusted` (by address,
 * nobody twice; signatures must have been checked by assay_commit_check). The skipping rule of light clients compares
 * it with trusted->total_power. trusted->count is at most ASSAY_VALIDATORS_MAX, asserted. */
uint64_t assay_commit_overlap(const assay_commit *commit, const assay_validator_set *trusted);
/* assay_commit_median_time - CometBFT's weighted median of the timestamps of all who were there, those for nil too:
 * the next header's time. Go's zero time (year 1) if nobody was. ASSAY_E_COMMIT if a signer is not in set;
 * ASSAY_F_MEMORY. scratch: 64 bytes a sig. */
ASSAY_MUST_USE assay_err assay_commit_median_time(assay_time *out, const assay_commit *commit,
                                                  const assay_validator_set *set, assay_arena scratch);

/* Two votes of one validator for one height, round and type, for different blocks; vote_a's block id key is the
 * smaller, as in CometBFT. */
typedef struct assay_duplicate_vote {
    assay_vote vote_a;
    assay_vote vote_b;
    uint64_t total_power;
    uint64_t validator_power;
    assay_time timestamp; /* time of the block of that height */
} assay_duplicate_vote;
/* assay_duplicate_vote_new - orders the votes as CometBFT does. */
assay_duplicate_vote assay_duplicate_vote_new(const assay_vote *one, const assay_vote *other, uint64_t total_power,
                                              uint64_t validator_power, assay_time timestamp);
/* assay_duplicate_vote_encode, _decode - tendermint.types.DuplicateVoteEvidence; the leaf of evidence_hash. decode
 * checks the form of both votes and their order, no signature. ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_duplicate_vote_encode(assay_buf *out, const assay_duplicate_vote *evidence);
ASSAY_MUST_USE assay_err assay_duplicate_vote_decode(assay_duplicate_vote *out, assay_bytes input);
/* assay_duplicate_vote_check - ASSAY_E_EVIDENCE unless both are signed by key (address included) and conflict: the
 * same height, round, type, validator, and different block ids. Powers are not checked here. */
ASSAY_MUST_USE assay_err assay_duplicate_vote_check(const assay_duplicate_vote *evidence, assay_bytes chain_id,
                                                    assay_public_key key);

typedef struct assay_block {
    assay_header header;
    assay_bytes *txs;
    uint32_t txs_count;
    assay_duplicate_vote *evidence;
    uint32_t evidence_count;
    assay_commit last_commit; /* height 0 and no sigs in the first block */
} assay_block;
#define ASSAY_BLOCK_EVIDENCE_MAX 64
/* assay_block_encode, _decode - tendermint.types.Block. decode checks form and that data, commit and evidence hash to
 * what the header says (ASSAY_E_BLOCK if not). Txs point into input. ASSAY_E_SIZE beyond ASSAY_BLOCK_LEN_MAX (both);
 * ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_E_FORMAT, ASSAY_F_MEMORY. Evidence of light client attacks is
 * ASSAY_E_ENCODING: the embedded engine makes none, and CometBFT's blocks are not read here. */
ASSAY_MUST_USE assay_err assay_block_encode(assay_buf *out, const assay_block *block);
ASSAY_MUST_USE assay_err assay_block_decode(assay_block *out, assay_arena *keep, assay_bytes input,
                                            assay_arena scratch);
/* assay_block_decode_footprint - a keep of this many bytes suffices for any block of len bytes, however hostile; and a
 * scratch of as many for its hashes. 3.1 MiB with ASSAY_BLOCK_LEN_MAX. */
size_t assay_block_decode_footprint(size_t len);
/* assay_block_size_max - an upper bound of a block's encoding with these counts, to size buffers. */
size_t assay_block_size_max(size_t txs_bytes, uint32_t txs_count, uint32_t evidence_count, uint32_t sigs_count);
/* assay_block_fill_hashes - sets header.data_hash, last_commit_hash and evidence_hash from the content.
 * ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_block_fill_hashes(assay_block *block, assay_arena scratch);
/* assay_block_parts - BlockID.PartSetHeader of an encoded block: its 64 KiB parts and their Merkle root.
 * ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_block_parts(uint32_t *total, assay_hash *root, assay_bytes encoded, assay_arena scratch);
/* assay_light_block_encode - tendermint.types.LightBlock {signed_header {header, commit}, validator_set}, for
 * CometBFT's light client. */
ASSAY_MUST_USE assay_err assay_light_block_encode(assay_buf *out, const assay_header *header,
                                                  const assay_commit *commit, const assay_validator_set *set);

/* What of a transaction's result enters LastResultsHash. */
typedef struct assay_tx_result {
    uint32_t code; /* assay_err; 0: success */
    assay_bytes data;
    int64_t gas_wanted;
    int64_t gas_used;
} assay_tx_result;
/* assay_results_hash - Header.LastResultsHash of the next block. scratch: the longest data and 64 bytes.
 * ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_results_hash(assay_hash *out, const assay_tx_result *results, uint32_t count,
                                            assay_arena scratch);
/* assay_consensus_hash - Header.ConsensusHash: SHA-256 of HashedParams {block max bytes, max gas}. */
assay_hash assay_consensus_hash(int64_t block_max_bytes, int64_t block_max_gas);

/* ==== ours: transactions (strict profile) ========================================================================= */

/* assay_types_format_check - the first field of all that is ours is its format number: ASSAY_E_FORMAT if encoded
 * begins with a number other than known, so that what a newer program wrote is "cannot decide" and not "wrong".
 * ASSAY_E_ENCODING if it begins with something else. Ask before decoding. */
ASSAY_MUST_USE assay_err assay_types_format_check(assay_bytes encoded, uint32_t known);
/* assay_types_sign_bytes - appends what is signed for anything that is not a vote: "assay/1/" kind, 0, chain id, 0,
 * payload. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_types_sign_bytes(assay_buf *out, const char *kind, assay_bytes chain_id,
                                                assay_bytes payload);

typedef struct assay_version_ref {
    assay_bytes name;    /* owner/model */
    assay_bytes version; /* e.g. 1.0 */
} assay_version_ref;
/* assay_types_name_check, _version_check - PROTOCOL.md's alphabets and lengths. ASSAY_E_NAME. */
ASSAY_MUST_USE assay_err assay_types_name_check(assay_bytes name);
ASSAY_MUST_USE assay_err assay_types_version_check(assay_bytes version);

typedef struct assay_msg_send {
    assay_address to;
    uint64_t amount;
    assay_bytes memo; /* at most ASSAY_MEMO_LEN_MAX */
} assay_msg_send;
typedef struct assay_msg_validator_create {
    assay_public_key consensus_key;
    assay_public_key attestation_key;
    assay_signature consensus_proof;   /* over sign_bytes("consensus-key", chain, owner address): possession */
    assay_signature attestation_proof; /* over sign_bytes("attestation-key", chain, owner address) */
    uint64_t self_bond;
    assay_bytes moniker; /* at most 64 */
} assay_msg_validator_create;
typedef struct assay_msg_delegate {
    assay_address validator; /* the owner's address */
    uint64_t amount;
} assay_msg_delegate;
typedef struct assay_msg_undelegate {
    assay_address validator;
    uint64_t amount; /* units asked for; shares are rounded against the caller */
} assay_msg_undelegate;
typedef struct assay_msg_unjail {
    assay_address validator; /* must be the signer's own */
} assay_msg_unjail;
typedef struct assay_msg_register {
    assay_bytes name;
    assay_bytes version;
    assay_version_ref *parents;
    uint32_t parents_count;
    assay_hash root; /* manifest root */
    uint64_t size;   /* sum of the files' sizes */
    uint64_t files;
    uint64_t chunks;
    assay_hash tensor_root;
    uint32_t tensor_rules; /* version of the extraction rules */
    uint64_t tensors;
    assay_hash model_signing;            /* OpenSSF Model Signing digest */
    assay_signature statement_signature; /* DSSE signature of the publisher over the in-toto statement */
    assay_bytes source;                  /* a label; nothing is fetched from it by rule */
} assay_msg_register;
typedef struct assay_msg_status { /* deprecate, revoke */
    assay_bytes name;
    assay_bytes version;
    assay_bytes reason; /* at most ASSAY_MEMO_LEN_MAX */
} assay_msg_status;
typedef struct assay_msg_maintainers {
    assay_bytes name;
    uint8_t (*maintainers)[ASSAY_ADDRESS_LEN]; /* the new full list, 1 .. 16 */
    uint32_t maintainers_count;
} assay_msg_maintainers;
/* One validator's word that it fetched a version's bytes and they match; the transaction is signed with its
 * attestation key. */
typedef struct assay_msg_check {
    assay_bytes name;
    assay_bytes version;
    assay_hash root;
    assay_hash custody_root;
} assay_msg_check;
/* A file as a leaf of the manifest. */
typedef struct assay_file_leaf {
    assay_bytes path; /* relative, '/'-separated */
    uint64_t size;
    assay_hash sha256;
    assay_hash blake3;
    uint64_t chunks_before;
} assay_file_leaf;
/* One drawn chunk, shown with everything that binds it: to the manifest root, to the file's BLAKE3, to the custody
 * root. */
typedef struct assay_opening_entry {
    uint64_t chunk;      /* number in the whole version */
    assay_bytes content; /* 0 .. 1024 bytes */
    uint64_t file_idx;
    assay_file_leaf file;
    uint8_t (*file_path)[32]; /* RFC 6962 path of the leaf to the manifest root */
    uint32_t file_path_count;
    uint8_t (*plain_path)[32]; /* siblings of the chunk in the plain BLAKE3 */
    uint32_t plain_path_count;
    uint8_t (*keyed_path)[32]; /* siblings in the keyed BLAKE3 */
    uint32_t keyed_path_count;
    uint8_t (*custody_path)[32]; /* RFC 6962 path of the file's keyed digest to the custody root */
    uint32_t custody_path_count;
} assay_opening_entry;
typedef struct assay_msg_opening {
    assay_bytes name;
    assay_bytes version;
    assay_opening_entry *entries; /* one per draw, in the order of the draws */
    uint32_t entries_count;
} assay_msg_opening;
typedef struct assay_msg_report {
    assay_bytes name;
    assay_bytes version;
    assay_address sender; /* who sent bytes that did not fit */
    assay_bytes path;     /* first bad file */
} assay_msg_report;
typedef struct assay_msg_evidence {
    assay_bytes vote_a; /* tendermint.types.Vote, two that conflict */
    assay_bytes vote_b;
} assay_msg_evidence;

/* The body that is signed. Exactly one of the message pointers is not NULL. */
typedef struct assay_tx_body {
    uint32_t format; /* 1 */
    assay_bytes chain_id;
    uint64_t nonce;
    uint64_t fee;
    uint64_t expiry_height;                       /* last height that may include it; 0: no bound */
    assay_msg_send *send;                         /* 10 */
    assay_msg_validator_create *validator_create; /* 20 */
    assay_msg_delegate *delegate;                 /* 21 */
    assay_msg_undelegate *undelegate;             /* 22 */
    assay_msg_unjail *unjail;                     /* 23 */
    assay_msg_register *register_version;         /* 30 */
    assay_msg_status *deprecate;                  /* 31 */
    assay_msg_status *revoke;                     /* 32 */
    assay_msg_maintainers *maintainers;           /* 33 */
    assay_msg_check *check;                       /* 34 */
    assay_msg_opening *opening;                   /* 35 */
    assay_msg_report *report;                     /* 36 */
    assay_msg_evidence *evidence;                 /* 40 */
} assay_tx_body;
typedef struct assay_tx {
    assay_bytes body; /* encoded assay_tx_body */
    assay_public_key public_key;
    assay_signature signature; /* over sign_bytes("tx", chain id, body) */
} assay_tx;
extern const assay_codec_message assay_tx_message, assay_tx_body_message, assay_version_ref_message;
/* Each message's own table, by the name of its struct. */
extern const assay_codec_message assay_msg_send_message, assay_msg_validator_create_message, assay_msg_delegate_message,
    assay_msg_undelegate_message, assay_msg_unjail_message, assay_msg_register_message, assay_msg_status_message,
    assay_msg_maintainers_message, assay_msg_check_message, assay_opening_entry_message, assay_msg_opening_message,
    assay_msg_report_message, assay_msg_evidence_message;

/* assay_tx_decode - decodes a transaction and its body, checks the format number (ASSAY_E_FORMAT), the size, and that
 * exactly one message is there. No signature, no state. ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_E_SIZE,
 * ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_tx_decode(assay_tx *tx, assay_tx_body *body, assay_arena *keep, assay_bytes input);
/* assay_tx_decode_footprint - a keep of this many bytes suffices for any transaction of len bytes, however hostile:
 * len and 18 KiB. */
size_t assay_tx_decode_footprint(size_t len);
/* assay_tx_verify - true if signed by its public key for chain_id. scratch holds the body and 128 bytes, asserted (a
 * decoded body is at most ASSAY_TX_LEN_MAX). One signature, about 33 us. */
bool assay_tx_verify(const assay_tx *tx, assay_bytes chain_id, assay_arena scratch);
/* assay_tx_verify_batch - of many at once, at half the price: valid[i] becomes true if txs[i], encoded, is signed by
 * its public key for chain_id. What is true already is not looked at; what has not a transaction's outer form stays
 * false, and nothing is said of its body.
 *
 *   seed32   unpredictable to the signers (crypto.h): random, or a hash over all of txs
 *   scratch  256 KiB and the transactions of a batch twice; with less, batches are smaller
 *
 * ASSAY_F_MEMORY if one transaction and 128 bytes have no room in half of scratch.
 * 13 us each of 1,024, 17 of 16; a batch that holds a false signature is verified again one by one, 33 us each. */
ASSAY_MUST_USE assay_err assay_tx_verify_batch(bool *valid, const assay_bytes *txs, uint32_t count,
                                               assay_bytes chain_id, const uint8_t seed32[32], assay_arena scratch);
/* assay_tx_sign - encodes body, signs it and appends the encoded transaction to out. ASSAY_F_MEMORY, ASSAY_E_RANGE. */
ASSAY_MUST_USE assay_err assay_tx_sign(assay_buf *out, const assay_tx_body *body, const assay_key_secret *secret,
                                       assay_arena scratch);
/* assay_tx_id - SHA-256 of the encoded transaction. */
assay_hash assay_tx_id(assay_bytes encoded);
/* assay_tx_kind - the name of the message a body carries: "send", "validator-create", ... Static storage. */
const char *assay_tx_kind(const assay_tx_body *body);

/* ==== ours: manifests, custody, openings ========================================================================== */

typedef struct assay_tensor_leaf {
    uint64_t file_idx;
    assay_bytes name;
    assay_bytes dtype; /* as safetensors spells it, else the format's own word */
    uint64_t *shape;   /* outermost first */
    uint32_t shape_count;
    uint64_t offset; /* absolute in the file */
    uint64_t length;
    assay_hash blake3; /* of the tensor's stored bytes, from its own start */
} assay_tensor_leaf;
typedef struct assay_manifest {
    uint32_t format;        /* 1 */
    assay_file_leaf *files; /* ordered by path component */
    uint32_t files_count;
    uint32_t tensor_rules;
    assay_tensor_leaf *tensors; /* ordered by file, then offset, then name */
    uint32_t tensors_count;
} assay_manifest;
extern const assay_codec_message assay_file_leaf_message, assay_tensor_leaf_message, assay_manifest_message;

/* assay_path_cmp - OpenSSF Model Signing's order: component by component ("a/b" before "a.b/c"). */
int assay_path_cmp(assay_bytes a, assay_bytes b);
/* assay_path_check - ASSAY_E_NAME unless relative, non-empty, UTF-8, without empty, "." or ".." components, zero
 * bytes or backslashes. */
ASSAY_MUST_USE assay_err assay_path_check(assay_bytes path);
/* assay_file_chunks - 1 KiB chunks of a file: max(1, ceil(size/1024)). */
uint64_t assay_file_chunks(uint64_t size);
/* assay_manifest_root, _tensor_root - RFC 6962 roots over the encoded leaves. scratch: 4 KiB, whatever the number of
 * leaves. ASSAY_E_RANGE (a leaf exceeds its table's bounds), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_manifest_root(assay_hash *out, const assay_manifest *manifest, assay_arena scratch);
ASSAY_MUST_USE assay_err assay_manifest_tensor_root(assay_hash *out, const assay_manifest *manifest,
                                                    assay_arena scratch);
/* assay_manifest_check - form: format 1, at least one file, paths valid and strictly ordered, no file that is also a
 * folder, chunks_before right, tensors strictly ordered and inside their files. ASSAY_E_FORMAT, ASSAY_E_EMPTY,
 * ASSAY_E_NAME, ASSAY_E_RANGE, ASSAY_E_OVERFLOW, ASSAY_E_ENCODING (order). O(files + tensors). */
ASSAY_MUST_USE assay_err assay_manifest_check(const assay_manifest *manifest);
/* assay_manifest_totals - bytes and chunks of all files. ASSAY_E_OVERFLOW. */
ASSAY_MUST_USE assay_err assay_manifest_totals(uint64_t *size, uint64_t *chunks, const assay_manifest *manifest);

/* assay_custody_key - BLAKE3(attestation key || hash of the block that recorded the version). */
assay_hash assay_custody_key(assay_public_key attestation_key, assay_hash block_hash);
/* assay_custody_root - RFC 6962 root over the files' keyed digests, in the manifest's order; consumes keyed. */
assay_hash assay_custody_root(assay_hash *keyed, size_t count);

/* What an opening is held against. */
typedef struct assay_opening_claim {
    assay_hash root;
    uint64_t files;
    uint64_t chunks;
    assay_hash custody_key;
    assay_hash custody_root;
} assay_opening_claim;
/* assay_opening_entry_check - recomputes one entry.
 *   ASSAY_OK           it fits the manifest and the custody root
 *   ASSAY_E_OPENING    it does not fit the manifest root or the drawn chunk number (says nothing about the checker)
 *   ASSAY_E_EVIDENCE   it fits the manifest and not the custody root: a false opening, slashable */
ASSAY_MUST_USE assay_err assay_opening_entry_check(const assay_opening_entry *entry, uint64_t drawn_chunk,
                                                   const assay_opening_claim *claim);
/* assay_draw_chunk - the number of the i-th chunk that a block draws for a check: SHA-256("assay/1/draw" || 0 ||
 * block hash || check id || i as 4 bytes big-endian), its first 8 bytes big-endian, scaled to chunks by a 128-bit
 * product. chunks > 0. */
uint64_t assay_draw_chunk(assay_hash block_hash, assay_hash check_id, uint32_t i, uint64_t chunks);

/* ==== ours: what the ledger leaves for others to read ============================================================= */

typedef enum assay_version_status {
    ASSAY_VERSION_RECORDED = 1,
    ASSAY_VERSION_ATTESTED = 2,
    ASSAY_VERSION_LAPSED = 3,
    ASSAY_VERSION_DEPRECATED = 4, /* was attested; still verifies, with a warning */
    ASSAY_VERSION_REVOKED = 5
} assay_version_status;
/* A version as it stands in the state tree; the certificate's status proof is of this record. At most 1,024 bytes
 * encoded. */
typedef struct assay_version_record {
    uint32_t format; /* 1 */
    uint32_t status; /* assay_version_status */
    assay_hash root;
    uint64_t size;
    uint64_t files;
    uint64_t chunks;
    assay_hash tensor_root;
    uint32_t tensor_rules;
    uint64_t tensors;
    assay_hash model_signing;
    assay_public_key publisher;
    assay_signature statement_signature;
    uint64_t recorded_height;
    assay_hash recorded_block; /* hash of the block that recorded it: the custody key's salt */
    int64_t recorded_seconds;  /* header time */
    uint64_t attested_height;  /* 0: not */
    uint64_t power_checked;    /* at attested_height */
    uint64_t power_total;
    uint64_t log_index;    /* of the attestation, plus one; 0: none */
    uint64_t deposit;      /* still held */
    uint64_t ended_height; /* lapsed, deprecated or revoked at; 0: not */
} assay_version_record;
extern const assay_codec_message assay_version_record_message;
/* assay_version_key - the state key of a version: "model/version/" name "@" version. Appends to out. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_version_key(assay_buf *out, assay_bytes name, assay_bytes version);

/* One leaf of the log: what the network vouches for. */
typedef struct assay_attestation {
    uint32_t format; /* 1 */
    assay_bytes name;
    assay_bytes version;
    assay_hash root;
    uint64_t size;
    assay_public_key publisher;
    uint64_t recorded_height;
    uint64_t attested_height;
    uint64_t power_checked;
    uint64_t power_total;
} assay_attestation;
extern const assay_codec_message assay_attestation_message;

/* assay_app_hash - SHA-256("assay/1/app" || 0 || state root || log size as 8 bytes big-endian || log root). */
assay_hash assay_app_hash(assay_hash state_root, uint64_t log_size, assay_hash log_root);

/* ==== ICS 23 proofs (SmtSpec), protobuf as stock libraries read them ============================================== */

#define ASSAY_SMT_DEPTH_MAX 256
/* A leaf and its siblings from the root down to it; a sibling of 32 zero bytes is an empty subtree. */
typedef struct assay_smt_path {
    uint32_t count;
    assay_hash siblings[ASSAY_SMT_DEPTH_MAX];
} assay_smt_path;
/* assay_smt_leaf - SHA-256(0 || SHA-256(key) || SHA-256(value)). */
assay_hash assay_smt_leaf(assay_bytes key, assay_bytes value);
/* assay_state_proof_encode_exist - CommitmentProof{exist} of (key, value) with this path. ASSAY_E_RANGE (key or value
 * beyond 1,024 bytes), ASSAY_F_MEMORY. 20 KiB of stack. */
ASSAY_MUST_USE assay_err assay_state_proof_encode_exist(assay_buf *out, assay_bytes key, assay_bytes value,
                                                        const assay_smt_path *path);
/* A neighbour in a proof of absence; present is false at the tree's edge. */
typedef struct assay_smt_neighbour {
    bool present;
    assay_bytes key;
    assay_bytes value;
    assay_smt_path path;
} assay_smt_neighbour;
/* assay_state_proof_encode_absent - CommitmentProof{nonexist} of key with its left and right neighbours (by hashed
 * key). ASSAY_E_RANGE, ASSAY_F_MEMORY. 40 KiB of stack. */
ASSAY_MUST_USE assay_err assay_state_proof_encode_absent(assay_buf *out, assay_bytes key,
                                                         const assay_smt_neighbour *left,
                                                         const assay_smt_neighbour *right);
/* assay_state_proof_check - verifies a CommitmentProof protobuf under root. value.ptr == NULL asks for absence.
 * Accepts exactly the encoding that the two above write (a subset of what stock ics23 accepts: no batches, no
 * compression, no unknown fields, and every step turns as the hashed key's bit says). An empty tree has no proofs:
 * ICS 23 knows none, so its root, 32 zero bytes, answers ASSAY_E_PROOF to everything, and who asks must know that
 * root by itself. ASSAY_E_PROOF if it does not hold or is malformed; ASSAY_F_MEMORY. scratch: 24 KiB. */
ASSAY_MUST_USE assay_err assay_state_proof_check(assay_hash root, assay_bytes key, assay_bytes value, assay_bytes proof,
                                                 assay_arena scratch);

/* ==== ours: genesis =============================================================================================== */

/* Every rule's constants. Windows end when both their blocks and their seconds of header time have passed. */
typedef struct assay_params {
    uint64_t epoch_blocks;
    uint64_t unbonding_blocks, unbonding_seconds;
    uint64_t evidence_blocks, evidence_seconds;       /* age limit of evidence; at most unbonding */
    uint64_t correlation_blocks, correlation_seconds; /* window of X */
    uint64_t fee_base, fee_per_byte;
    uint64_t deposit_per_mib;                 /* per started MiB of declared size */
    uint64_t opening_blocks, opening_seconds; /* from the last draw */
    uint64_t attest_blocks, attest_seconds;   /* recorded -> attested, else lapsed */
    uint64_t attest_seconds_per_gib;          /* longer with size */
    uint64_t duty_blocks, duty_seconds; /* attested -> not having checked is a missed duty; longer with size too */
    uint64_t downtime_window_blocks;    /* signing window: its blocks, and */
    uint64_t downtime_min_signed_percent;
    uint64_t jail_seconds;
    uint64_t bond_min;
    uint64_t validators_max;
    uint64_t draws_per_check;         /* blocks that draw: 4 */
    uint64_t chunks_per_draw;         /* 2 */
    uint64_t model_size_max;          /* declared bytes */
    uint64_t downtime_window_seconds; /* its seconds */
} assay_params;
typedef struct assay_genesis_account {
    assay_address address;
    uint64_t balance;
} assay_genesis_account;
typedef struct assay_genesis_validator {
    assay_public_key owner;
    assay_public_key consensus_key;
    assay_public_key attestation_key;
    /* Over sign_bytes(kind, chain NAME, owner address), "consensus-key" and "attestation-key": the id is not known yet.
     */
    assay_signature consensus_proof;
    assay_signature attestation_proof;
    uint64_t self_bond;
    assay_bytes moniker;
} assay_genesis_validator;
typedef struct assay_genesis {
    uint32_t format;  /* 1 */
    assay_bytes name; /* [a-z0-9-]{1,32} */
    int64_t time_seconds;
    uint64_t app_version; /* 1 */
    assay_params params;
    assay_genesis_account *accounts;
    uint32_t accounts_count;
    assay_genesis_validator *validators;
    uint32_t validators_count;
} assay_genesis;
extern const assay_codec_message assay_params_message, assay_genesis_account_message, assay_genesis_validator_message,
    assay_genesis_message;
/* assay_genesis_hash - SHA-256 of the encoded genesis (which never contains the chain id). */
assay_hash assay_genesis_hash(assay_bytes encoded);
/* assay_genesis_chain_id - name, '-', the first 12 hex digits of the hash; writes at most 45 chars and a zero. name
 * is at most ASSAY_GENESIS_NAME_LEN_MAX, asserted (the table bounds what was decoded). */
void assay_genesis_chain_id(char out[ASSAY_CHAIN_ID_LEN_MAX + 1], assay_bytes name, assay_hash genesis_hash);

#endif
