/* SPDX-License-Identifier: Apache-2.0
 *
 * bft - the embedded engine: Tendermint consensus of one validator as a pure machine, (state, input) -> effects.
 *
 *   peers' bytes, timeouts, the application's answers, signatures
 *       -->  [ bft ]  -->  effects: send, sign, schedule, ask the application, decide
 *
 * No clock, socket, disk, thread or key in here: time and signatures are inputs, everything done to the world is an
 * effect that the caller (node, or the simulator) carries out. Votes, headers, commits and evidence are CometBFT's,
 * byte for byte; the algorithm is the paper's ("The latest gossip on BFT consensus", arXiv 1807.04938, whose line
 * numbers stand in the code as L22 etc.); spec/bft.md says where it goes beyond. Works for one validator (n = 1 decides
 * alone) up to ASSAY_VALIDATORS_MAX.
 * Reading order: bft.h, chain.c (what follows from a block), votes.c (who voted what), blocks.c (proposed blocks),
 * round.c (the algorithm), message.c (the wire), machine.c (inputs and effects).
 * Spec: spec/bft.md, spec/proto/bft.proto.
 */
#ifndef ASSAY_BFT_H
#define ASSAY_BFT_H

#include "base/base.h"
#include "codec/codec.h"
#include "engine/engine.h"
#include "types/types.h"

/* ---- the chain's state between two blocks (CometBFT's State): what the next header must say ------------------ */

typedef struct assay_bft_chain {
    assay_bytes chain_id;
    uint64_t app_version;
    int64_t height; /* last decided; 0: none */
    assay_block_id last_block_id;
    assay_time last_time; /* header time of that block; genesis time at 0 */
    assay_hash app_hash;  /* after that block */
    assay_hash results_hash;
    assay_hash consensus_hash;
    assay_validator_set last_validators; /* of height; empty at 0 */
    assay_validator_set validators;      /* of height + 1, priorities as at round 0 */
    assay_validator_set next_validators; /* of height + 2 */
} assay_bft_chain;

/* assay_bft_chain_genesis - the state before the first block, everything taken from keep, as CometBFT's
 * MakeGenesisState and the answer to InitChain make it. The consensus hash is that of blocks of ASSAY_BLOCK_LEN_MAX
 * bytes without a bound of gas. Allocates twice what assay_validators_new does.
 *   ASSAY_E_RANGE       chain_id is empty or longer than ASSAY_CHAIN_ID_LEN_MAX; nobody, a power of 0, too much power
 *   ASSAY_E_DUPLICATE   a validator stands there twice        ASSAY_F_MEMORY */
ASSAY_MUST_USE assay_err assay_bft_chain_genesis(assay_bft_chain *out, assay_arena *keep, assay_bytes chain_id,
                                                 assay_time time, uint64_t app_version,
                                                 const assay_engine_power *validators, uint32_t count,
                                                 assay_hash app_hash);
/* assay_bft_chain_next - the state after block (with id) was finalized with `result`; a deep copy in keep, nothing
 * points into *chain. Rotates proposers and applies updates (effective at height + 2) as CometBFT's updateState does.
 * ASSAY_E_BLOCK (not the next height), ASSAY_E_RANGE, ASSAY_E_DUPLICATE, ASSAY_E_NOT_FOUND (updates that cannot be;
 * see assay_validators_update), ASSAY_F_MEMORY. O(validators + results). */
ASSAY_MUST_USE assay_err assay_bft_chain_next(assay_bft_chain *out, assay_arena *keep, const assay_bft_chain *chain,
                                              const assay_block *block, const assay_block_id *id,
                                              const assay_engine_finalized *result, assay_arena scratch);
/* assay_bft_chain_encode, _decode - as one strict message, for storage (spec/proto/bft.proto). encode appends to out;
 * decode takes what it needs from keep, chain_id points into input. ASSAY_E_FORMAT (a newer program's),
 * ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_chain_encode(assay_buf *out, const assay_bft_chain *chain, assay_arena scratch);
ASSAY_MUST_USE assay_err assay_bft_chain_decode(assay_bft_chain *out, assay_arena *keep, assay_bytes input);

/* assay_bft_block_make - fills a block's header (time: genesis time for the first, else the median of last_commit)
 * around txs, evidence, last_commit, to which the block then points. ASSAY_E_COMMIT (a signer of last_commit was no
 * validator), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_block_make(assay_block *out, const assay_bft_chain *chain, const assay_bytes *txs,
                                              uint32_t txs_count, const assay_duplicate_vote *evidence,
                                              uint32_t evidence_count, const assay_commit *last_commit,
                                              assay_address proposer, assay_arena scratch);
/* assay_bft_block_check - does this decoded block follow from the chain? Every header field, its last commit (all
 * signatures), time, proposer in the set. Evidence is checked for form when decoded; against history by the caller.
 *   ASSAY_E_BLOCK                       a header field is not what follows; time does not grow or is not the median
 *   ASSAY_E_COMMIT, ASSAY_E_SIGNATURE   see assay_commit_check        ASSAY_F_MEMORY
 * Cost: one batch verification of the commit's signatures. */
ASSAY_MUST_USE assay_err assay_bft_block_check(const assay_bft_chain *chain, const assay_block *block,
                                               assay_arena scratch);

/* ---- the machine --------------------------------------------------------------------------------------------- */

typedef enum assay_bft_step { /* timeouts and progress, in the order of a round */
    ASSAY_STEP_NEW_HEIGHT = 1,
    ASSAY_STEP_PROPOSE = 3,
    ASSAY_STEP_PREVOTE = 4,
    ASSAY_STEP_PREVOTE_WAIT = 5,
    ASSAY_STEP_PRECOMMIT = 6,
    ASSAY_STEP_PRECOMMIT_WAIT = 7,
    ASSAY_STEP_COMMIT = 8
} assay_bft_step;

typedef struct assay_bft_config {
    assay_bytes chain_id;                 /* must outlive the machine; at most ASSAY_CHAIN_ID_LEN_MAX */
    assay_public_key public_key;          /* own consensus key; all zero: observe only */
    int64_t propose_ns, propose_delta_ns; /* timeout of round r: base + r * delta */
    int64_t vote_ns, vote_delta_ns;       /* prevote and precommit wait */
    uint32_t rounds_kept;                 /* votes are kept for this many rounds above the current one, at most
                                             ASSAY_BFT_ROUNDS_KEPT_MAX (flooding bound); 2 is ample */
} assay_bft_config;

#define ASSAY_BFT_ROUNDS_KEPT_MAX 4

typedef enum assay_bft_effect_kind {
    ASSAY_BFT_SEND = 1,      /* bytes: one message for every peer */
    ASSAY_BFT_SCHEDULE,      /* height, round, step, delay_ns: call assay_bft_timeout after that */
    ASSAY_BFT_MAKE_BLOCK,    /* height, round, commit (the last commit that the block must carry): I propose; answer
                                with assay_bft_block_made */
    ASSAY_BFT_CHECK_BLOCK,   /* height, block_id, block, bytes: answer with assay_bft_block_checked (follows from the
                                chain: assay_bft_proposal_check; evidence; process_proposal). Own blocks are asked about
                                too: a validator prevotes for nothing that it has not checked */
    ASSAY_BFT_SIGN_VOTE,     /* vote without signature and timestamp, which the caller sets: answer with
                                assay_bft_vote_signed. If bytes is not empty, keep them durably, in place of older ones,
                                BEFORE signing: it is the lock that assay_bft_recall reads */
    ASSAY_BFT_SIGN_PROPOSAL, /* proposal likewise: answer with assay_bft_proposal_signed */
    ASSAY_BFT_DECIDE,        /* height, round, block, block_id, bytes, commit: final. Finalize, commit, then
                                assay_bft_height for the next one */
    ASSAY_BFT_EVIDENCE,      /* evidence: somebody voted twice; once per validator, height, round and type. Comes when
                                the block of that height is decided, whose time it then has; its timestamp is zero if
                                this node skipped that height: the caller knows the header */
    ASSAY_BFT_BEHIND         /* height: peers are voting there, or hold what this node lacks here; fetch blocks, and ask
                                peers at the same height for assay_bft_resend */
} assay_bft_effect_kind;

/* Pointers are valid until the next call into the machine. */
typedef struct assay_bft_effect {
    assay_bft_effect_kind kind;
    int64_t height;
    int32_t round;
    assay_bft_step step;
    int64_t delay_ns;
    assay_bytes bytes;
    const assay_block *block;
    assay_block_id block_id;
    const assay_commit *commit;
    assay_vote vote;
    assay_proposal proposal;
    assay_duplicate_vote evidence;
} assay_bft_effect;

typedef struct assay_bft assay_bft;

#define ASSAY_BFT_MESSAGE_LEN_MAX (ASSAY_BLOCK_LEN_MAX + (512u << 10)) /* a block with a proposal and votes */

/* assay_bft_footprint - bytes that assay_bft_open takes from keep, for at most validators_max validators. */
size_t assay_bft_footprint(uint32_t validators_max);
/* assay_bft_height_footprint - height memory with room for `blocks` proposed blocks (3 to 8; what is beyond stays
 * unused). A round costs one, and two or three more are needed when a height takes several rounds: 8 is ample. Memory
 * is touched only where it is used. */
size_t assay_bft_height_footprint(uint32_t validators_max, uint32_t blocks);
/* assay_bft_open - a machine that waits for assay_bft_height.
 *   height_memory   for everything that peers make this node hold (votes, proposals, blocks); reused with each height,
 *                   so it bounds them. When it is full, blocks and rounds that are no longer needed make room; if none
 *                   is, the message is refused (ASSAY_F_MEMORY)
 *   ASSAY_E_RANGE   validators_max is 0 or above ASSAY_VALIDATORS_MAX, or the config is outside its bounds
 *   ASSAY_F_MEMORY  keep is smaller than assay_bft_footprint, or height_memory than assay_bft_height_footprint(.., 3)
 *   */
ASSAY_MUST_USE assay_err assay_bft_open(assay_bft **out, assay_arena *keep, assay_arena height_memory,
                                        uint32_t validators_max, const assay_bft_config *config);

/* assay_bft_height - begins the height after *chain (which must stay unchanged until the next assay_bft_height).
 *   last_commit   the commit of chain->height (empty at 0), copied. Precommits of the last height that still arrive are
 *                 added to the commit that a proposal of this height carries, and are checked for double votes
 *   start_ns      wait this long before round 0 (0: at once); a proposal for round 0 by its proposer, or more than a
 *                 third of power voting, ends the wait too
 * Effects that were not taken yet are dropped, but for evidence and own votes.
 * ASSAY_E_RANGE (more validators than opened for, or last_commit does not fit the chain), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_height(assay_bft *bft, const assay_bft_chain *chain, const assay_commit *last_commit,
                                          int64_t start_ns);

/* assay_bft_recall - what this validator last kept durably (the bytes of a SIGN_VOTE effect), after a restart: call it
 * right after assay_bft_height. If the bytes are of this height, the machine stands where it locked: round, lock, block
 * and the prevotes for it; it asks to sign the same precommit again. Bytes of other heights are ignored. Without it a
 * validator that restarts in the middle of a height has forgotten its lock, and counts as faulty.
 * ASSAY_E_FORMAT, ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_E_SIGNATURE, ASSAY_E_BLOCK (damaged bytes), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_recall(assay_bft *bft, assay_bytes kept);

/* assay_bft_start_now - ends the wait before round 0 (a transaction arrived on an idle chain). Nothing if it is over.
 * ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_start_now(assay_bft *bft);

/* assay_bft_message - a peer's bytes. A signature is verified before what it signs has any effect; votes that change
 * nothing any more (prevotes after a polka, precommits after the decision) are verified when they are needed.
 *   ASSAY_OK            used, already known, or of a height or round that does not matter
 *   ASSAY_E_FORMAT      a newer program's message
 *   ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_E_SIGNATURE, ASSAY_E_BLOCK, ASSAY_E_SIZE   the sender is faulty
 *   ASSAY_F_MEMORY      this height's memory is full, or 64 effects wait to be taken
 * Cost: one signature a vote, one and the hashes of the block a proposal; O(1) beside. */
ASSAY_MUST_USE assay_err assay_bft_message(assay_bft *bft, assay_bytes message);
/* assay_bft_messages - several that have arrived, as if one after the other, with a verdict for each (those of
 * assay_bft_message); but signatures of lone votes are verified together, which takes 20 instead of 35 us each from
 * eight votes on. ASSAY_F_MEMORY and other faults are those of the machine itself: verdicts are unspecified then. */
ASSAY_MUST_USE assay_err assay_bft_messages(assay_bft *bft, assay_err *verdicts, const assay_bytes *messages,
                                            uint32_t count);
/* assay_bft_timeout - a scheduled moment has come. Stale ones are ignored. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_timeout(assay_bft *bft, int64_t height, int32_t round, assay_bft_step step);
/* assay_bft_block_made - the answer to MAKE_BLOCK: an encoded block, copied. Ignored if the round is over.
 * ASSAY_E_BLOCK and others of assay_block_decode if it is none of this height (a bug of the caller); ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_block_made(assay_bft *bft, int64_t height, int32_t round, assay_bytes encoded);
/* assay_bft_block_checked - the answer to CHECK_BLOCK. Ignored if that block is not waited for. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_block_checked(assay_bft *bft, assay_block_id id, bool ok);
/* assay_bft_vote_signed, _proposal_signed - the answers to SIGN_*: with timestamp and signature; or is_signed == false
 * (the signer refused: nothing is cast, and the round passes by its timeouts). Answers to what is no longer waited for
 * are ignored. ASSAY_E_BLOCK if it is not what was asked for (a bug of the caller), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_vote_signed(assay_bft *bft, const assay_vote *vote, bool is_signed);
ASSAY_MUST_USE assay_err assay_bft_proposal_signed(assay_bft *bft, const assay_proposal *proposal, bool is_signed);

/* assay_bft_effect_next - takes the oldest effect; false if there is none. The caller drains them after every call. */
bool assay_bft_effect_next(assay_bft *bft, assay_bft_effect *out);

/* assay_bft_proposal_check - assay_bft_block_check against the chain of this height, without verifying a second time
 * the precommits of the last height that this machine has verified already (all but a few, as a rule). Errors alike. */
ASSAY_MUST_USE assay_err assay_bft_proposal_check(const assay_bft *bft, const assay_block *block, assay_arena scratch);

/* assay_bft_resend - emits SEND effects with what this node knows of its present height and round (proposal, own and
 * others' votes): for a peer that came back. The machine sends every message once: over a transport that loses some,
 * the caller asks for this when the height stands still. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_resend(assay_bft *bft);

/* assay_bft_vote_time - a lower bound for a vote's timestamp: 1 ms after the time of the block voted for, or of the
 * last block (CometBFT's voteTime), so that header times grow; the signer uses the later of this and its clock. */
assay_time assay_bft_vote_time(const assay_bft *bft);

/* Where the machine stands, for status and logs. */
typedef struct assay_bft_view {
    int64_t height; /* 0: assay_bft_height was not called yet */
    int32_t round;
    assay_bft_step step;
    bool locked;
    bool waiting; /* round 0 has not begun */
} assay_bft_view;
/* assay_bft_look - a copy of where the machine stands. */
assay_bft_view assay_bft_look(const assay_bft *bft);

/* ---- messages between validators (strict codec) -------------------------------------------------------------- */

/* assay_bft_encode_vote_message - wraps a vote as a peer's message (the fault injector sends real second votes with
 * it).
 * ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_encode_vote_message(assay_buf *out, const assay_vote *vote);
/* assay_bft_encode_proposal_message - wraps a proposal and its encoded block likewise. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_bft_encode_proposal_message(assay_buf *out, const assay_proposal *proposal,
                                                           assay_bytes block);

#endif
