/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine's insides: rounds with their votes, proposed blocks, the queue of effects. Everything that peers can make
 * grow lies in height memory, in pools of fixed counts; a pool that is full gives up what is needed least. */
#ifndef ASSAY_BFT_INTERNAL_H
#define ASSAY_BFT_INTERNAL_H

#include "bft/bft.h"

#define NO_TALLY UINT32_MAX
#define ROUNDS_MAX 16        /* records of rounds, over three heights */
#define BLOCKS_MAX 8         /* proposed blocks held at once */
#define BLOCKS_MIN 3         /* the block of this round, a locked one, and one of the next height */
#define EFFECTS_MAX 128      /* that wait to be taken */
#define EFFECTS_SPARE 64     /* free places that every input finds: more than any input emits */
#define FAULTS_PER_HEIGHT 16 /* double votes of one validator that are told; half as many of all at once */
#define SECONDS_PER_VOTER 2  /* further votes of an equivocator that count without support by others */
#define PROPOSAL_LEN_MAX 256 /* of an encoded proposal */
#define VOTE_LEN_MAX 256     /* of an encoded vote, with a field's key and length */

/* ---- votes --------------------------------------------------------------------------------------------------- */

/* All votes of a set for one block (or nil). */
typedef struct tally {
    assay_block_id id;
    uint64_t power;
} tally;

/* A validator's first vote in a set. One that is not verified counts nowhere: it waits for a reason to verify it. */
typedef struct ballot {
    uint32_t tally; /* index; NO_TALLY: none yet */
    bool verified;
    bool fault_told;
    uint8_t seconds_count;
    assay_time timestamp;
    assay_signature signature;
} ballot;

/* A further vote of an equivocator, for another block: kept, so that its first vote does not hide the others' polka. */
typedef struct second_vote {
    uint32_t voter;
    uint32_t tally;
    assay_time timestamp;
    assay_signature signature;
    struct second_vote *next;
} second_vote;

/* The votes of one height, round and type. */
typedef struct vote_set {
    ballot *ballots; /* [validators] */
    tally *tallies;  /* [validators * (1 + SECONDS_PER_VOTER)] */
    uint32_t tallies_count;
    uint32_t polka; /* the tally with more than 2/3 of power, or NO_TALLY */
    second_vote *seconds;
    uint64_t power; /* of all who voted, each counted once */
    uint32_t voted; /* how many of them */
} vote_set;

/* What was asked of the signer and not answered yet. */
typedef struct asked {
    bool waits;
    assay_block_id id;
} asked;

/* One round of a height: of the present one, of the next (from peers that are ahead), or of the last (late votes). */
typedef struct round_record {
    bool used;
    int64_t height; /* 0: never used */
    int32_t round;
    int32_t proposer; /* index; -1: not computed yet */
    bool proposed;    /* proposal is there, and its signature verified */
    assay_proposal proposal;
    vote_set sets[2]; /* prevotes, precommits */
    asked asked[2];
    bool polka_seen;      /* L36 has fired */
    bool prevote_waits;   /* L34 has fired */
    bool precommit_waits; /* L47 has fired */
    bool missing_told;
} round_record;

/* ---- proposed blocks ----------------------------------------------------------------------------------------- */

typedef enum block_state {
    BLOCK_FREE = 0,
    BLOCK_UNCHECKED,
    BLOCK_CHECKING, /* the caller was asked */
    BLOCK_VALID,
    BLOCK_INVALID
} block_state;

/* A block lies in its slot as the message that carries it: head, block, proposal, and room for the prevotes of a lock,
 * so that it is copied once and sent, resent and kept from there. */
typedef struct block_slot {
    block_state state;
    int64_t height;
    assay_block_id id;
    assay_bytes encoded; /* the block, inside memory */
    assay_block block;   /* decoded; points into encoded and into the slot's own arena */
    uint8_t *memory;     /* slot_size() bytes, for ever */
    size_t block_end;    /* where the proposal begins */
    size_t message_len;  /* up to the proposal's end; block_end: it has none yet */
    int32_t round;       /* of that proposal; -1: none */
} block_slot;

/* ---- effects ------------------------------------------------------------------------------------------------- */

typedef enum effect_source {
    SOURCE_PLAIN = 0,
    SOURCE_VOTE,     /* SEND: the vote */
    SOURCE_PROPOSAL, /* SEND: the slot's message */
    SOURCE_VOTES     /* SEND: all verified votes of a round */
} effect_source;

/* An effect without pointers; they are made when it is taken. */
typedef struct pending_effect {
    assay_bft_effect_kind kind;
    effect_source source;
    int64_t height;
    int32_t round;
    assay_bft_step step;
    int64_t delay_ns;
    assay_block_id id;
    union {
        assay_vote vote;
        assay_proposal proposal;
    };
} pending_effect;

typedef struct pending_fault {
    assay_duplicate_vote evidence;
    bool due; /* the height is decided (or left), so that it may be taken */
} pending_fault;

/* ---- the machine --------------------------------------------------------------------------------------------- */

struct assay_bft {
    assay_bft_config config;
    uint32_t validators_max;
    assay_arena scratch; /* one decoding; free between calls */

    const assay_bft_chain *chain; /* NULL before the first height */
    int64_t height;
    assay_address address; /* own, if there is a key */
    bool has_key;
    int32_t self; /* own index in the set of this height, or -1 */
    int32_t round;
    assay_bft_step step;
    bool waiting;

    /* The paper's variables. A value is known by its id; its bytes are in a slot. -1: none. */
    int32_t locked_round, valid_round;
    assay_block_id locked_id, valid_id;
    bool decided;
    assay_block_id decided_id;
    int32_t decided_round;

    round_record *current; /* of this round; NULL while waiting */
    round_record rounds[ROUNDS_MAX];
    block_slot blocks[BLOCKS_MAX];
    uint32_t blocks_count;

    int32_t *highest; /* [validators] the highest round that each was seen voting in; -1: none */
    uint64_t above;   /* power of those that are above this round */
    bool votes_lost;  /* some above were too far up to keep */

    second_vote *seconds; /* pool */
    second_vote *seconds_free;
    size_t seconds_used;
    pending_fault *faults;
    uint32_t faults_count, faults_max;
    uint8_t *faults_told; /* [validators] in this height */

    bool proposing; /* MAKE_BLOCK or SIGN_PROPOSAL is out for this round */
    assay_proposal own;
    bool own_waits; /* SIGN_PROPOSAL is out */

    int64_t behind;      /* a BEHIND effect for this height waits to be taken; 0: none */
    int64_t behind_told; /* the highest above this one that was told since it began */

    pending_effect effects[EFFECTS_MAX];
    uint32_t effects_first, effects_count;

    /* What a taken effect points to, until the next call. */
    assay_commit commit;
    assay_commit_sig *commit_sigs; /* [validators_max] */
    assay_buf out;
};

/* machine.c */
/* assay_bft_emit - queues an effect. There is room: every input makes sure of that (EFFECTS_SPARE). */
void assay_bft_emit(assay_bft *bft, const pending_effect *effect);
/* assay_bft_tell_behind - queues BEHIND, once for a height of ours and theirs. */
void assay_bft_tell_behind(assay_bft *bft, int64_t height);
/* assay_bft_set_of - the validators of the last, this or the next height; NULL for any other. */
const assay_validator_set *assay_bft_set_of(const assay_bft *bft, int64_t height);

/* votes.c */
/* assay_bft_votes_footprint - bytes of height memory for all rounds' votes. */
size_t assay_bft_votes_footprint(uint32_t validators_max);
/* assay_bft_votes_open - carves them. The memory is not cleared: a round is, when it is begun. */
void assay_bft_votes_open(assay_bft *bft, assay_arena *memory);
/* assay_bft_round_find - the record of a round, or NULL. */
round_record *assay_bft_round_find(assay_bft *bft, int64_t height, int32_t round);
/* assay_bft_round_get - the record of a round, made if there is none: in a free place, or in that of a round which is
 * needed no longer. NULL if all are needed. */
round_record *assay_bft_round_get(assay_bft *bft, int64_t height, int32_t round);
void assay_bft_round_free(assay_bft *bft, round_record *record);
/* assay_bft_vote_take - one vote from outside, or an own one (trusted: its signature is known to be right). */
assay_err assay_bft_vote_take(assay_bft *bft, const assay_vote *vote, bool trusted);
/* assay_bft_votes_take - several, verified together; a verdict for each. */
void assay_bft_votes_take(assay_bft *bft, assay_err *verdicts, const assay_vote *votes, uint32_t count);
/* assay_bft_polka_for - true if a set has more than 2/3 for this id. */
bool assay_bft_polka_for(const vote_set *set, const assay_block_id *id);
/* assay_bft_vote_of - the vote of validator i for tally t as it was cast; false if there is none that is verified. */
bool assay_bft_vote_of(const assay_bft *bft, const round_record *record, uint32_t type, uint32_t i, uint32_t t,
                       assay_vote *out);
/* assay_bft_commit_build - bft->commit := the commit for id out of the verified precommits of a record. */
void assay_bft_commit_build(assay_bft *bft, const round_record *record, const assay_block_id *id);
/* assay_bft_late_verify - verifies what came late into a record's precommits, so that the commit has it too. */
void assay_bft_late_verify(assay_bft *bft, round_record *record);
/* assay_bft_commit_signed - true if all signatures of a commit of the last height are right; those that were verified
 * here when their votes came are not verified again. Flags and addresses are those of the set. */
bool assay_bft_commit_signed(const assay_bft *bft, const assay_commit *commit);
/* assay_bft_commit_load - a record out of a commit that was checked before (the chain's last). */
assay_err assay_bft_commit_load(assay_bft *bft, const assay_commit *commit);
/* assay_bft_faults_release - evidence of this height may be taken now, with this time. */
void assay_bft_faults_release(assay_bft *bft, int64_t height, assay_time time);

/* blocks.c */
/* assay_bft_slot_size - bytes of height memory for one block; assay_bft_scratch_size: for decoding. */
size_t assay_bft_slot_size(void);
size_t assay_bft_scratch_size(void);
block_slot *assay_bft_block_find(assay_bft *bft, int64_t height, const assay_block_id *id);
/* assay_bft_block_put - copies an encoded block into a slot, decodes it and computes its id, which must be *wanted if
 * that is not NULL. An error leaves no block behind. */
assay_err assay_bft_block_put(assay_bft *bft, block_slot **out, int64_t height, assay_bytes encoded,
                              const assay_block_id *wanted);
/* assay_bft_block_seal - writes the proposal behind the block, so that the slot is a message. */
void assay_bft_block_seal(block_slot *slot, const assay_proposal *proposal);
/* assay_bft_block_lock_bytes - the message with the prevotes of a round for it: what assay_bft_recall reads. */
assay_bytes assay_bft_block_lock_bytes(assay_bft *bft, block_slot *slot, const round_record *record);
/* assay_bft_block_ask - emits CHECK_BLOCK if nobody was asked yet. */
void assay_bft_block_ask(assay_bft *bft, block_slot *slot);

/* round.c */
/* assay_bft_progress - applies the paper's rules until none applies. */
assay_err assay_bft_progress(assay_bft *bft);
assay_err assay_bft_round_start(assay_bft *bft, int32_t round);
/* assay_bft_ask_proposal - L19: asks for the signature of this round's proposal; pol_round is -1 for a new block. */
void assay_bft_ask_proposal(assay_bft *bft, const assay_block_id *id, int32_t pol_round);
/* assay_bft_count_above - bft->above anew, after the round changed. */
void assay_bft_count_above(assay_bft *bft);
/* assay_bft_proposer - index of who proposes in a round. scratch: a copy of the set. */
assay_err assay_bft_proposer(assay_bft *bft, uint32_t *out, int64_t height, int32_t round);
/* assay_bft_proposal_take - a peer's proposal with its block. */
assay_err assay_bft_proposal_take(assay_bft *bft, const assay_proposal *proposal, assay_bytes block);
/* assay_bft_wait_schedule - L34 and L47, and what follows a refusal of the signer. */
void assay_bft_wait_schedule(assay_bft *bft, round_record *record, assay_bft_step step);
/* assay_bft_prevote_nil, _precommit_nil - what L57 and L61 do when their time has come. */
void assay_bft_prevote_nil(assay_bft *bft);
void assay_bft_precommit_nil(assay_bft *bft);

/* message.c */
typedef struct message {
    uint32_t format;
    assay_bytes block;
    assay_bytes proposal;
    assay_bytes *votes;
    uint32_t votes_count;
} message;
#define MESSAGE_FORMAT 1
/* The tables of spec/proto/bft.proto: Message here, Chain in chain.c. */
extern const assay_codec_message assay_bft_message_table, assay_bft_chain_table;
/* assay_bft_message_decode - form only. Arrays from keep. */
assay_err assay_bft_message_decode(message *out, assay_arena *keep, assay_bytes input);
/* assay_bft_vote_read, _proposal_read - what is inside, in its canonical encoding only. */
assay_err assay_bft_vote_read(assay_vote *out, assay_bytes input);
assay_err assay_bft_proposal_read(assay_proposal *out, assay_bytes input);
/* assay_bft_put_head - what stands before a block of len bytes in a message. */
size_t assay_bft_put_head(uint8_t out[16], size_t len);
/* assay_bft_put_proposal, _put_vote - one more field of a message. */
assay_err assay_bft_put_proposal(assay_buf *out, const assay_proposal *proposal);
assay_err assay_bft_put_vote(assay_buf *out, const assay_vote *vote);
/* assay_bft_put_format - the first field of a message without a block. */
assay_err assay_bft_put_format(assay_buf *out);

#endif
