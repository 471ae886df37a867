/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine's inputs and effects: what the caller sees of it. Every input changes the state, lets the rules of
 * round.c run, and leaves effects in a queue; pointers in an effect are made when it is taken, so that nothing moves
 * under them. */
#include "bft_internal.h"

#include <string.h>

/* ---- opening ------------------------------------------------------------------------------------------------- */

size_t assay_bft_footprint(uint32_t validators_max) {
    size_t n = validators_max;
    return sizeof(assay_bft) + n * (sizeof(int32_t) + sizeof(uint8_t) + sizeof(assay_commit_sig)) + 4 * 64;
}

/* A message of all votes of a round, both types, each with as many seconds as there are validators. */
static size_t out_size(uint32_t validators_max) { return 1024 + 4 * (size_t)validators_max * VOTE_LEN_MAX; }

size_t assay_bft_height_footprint(uint32_t validators_max, uint32_t blocks) {
    return assay_bft_votes_footprint(validators_max) + out_size(validators_max) + assay_bft_scratch_size() +
           blocks * assay_bft_slot_size() + 4 * 64; /* each part is aligned */
}

static bool config_ok(const assay_bft_config *c, uint32_t validators_max) {
    return validators_max > 0 && validators_max <= ASSAY_VALIDATORS_MAX && c->chain_id.len > 0 &&
           c->chain_id.len <= ASSAY_CHAIN_ID_LEN_MAX && c->propose_ns >= 0 && c->propose_delta_ns >= 0 &&
           c->vote_ns >= 0 && c->vote_delta_ns >= 0 && c->rounds_kept <= ASSAY_BFT_ROUNDS_KEPT_MAX;
}

/* The rest of height memory, without touching it. */
static uint8_t *carve(assay_arena *memory, size_t size) {
    size_t pad = (size_t)(-(uintptr_t)memory->at & 63);
    ASSAY_ASSERT((size_t)(memory->end - memory->at) >= pad + size);
    uint8_t *taken = memory->at + pad;
    memory->at = taken + size;
    return taken;
}

assay_err assay_bft_open(assay_bft **out, assay_arena *keep, assay_arena height_memory, uint32_t validators_max,
                         const assay_bft_config *config) {
    if (!config_ok(config, validators_max)) return ASSAY_E_RANGE;
    size_t have = (size_t)(height_memory.end - height_memory.at);
    if (have < assay_bft_height_footprint(validators_max, BLOCKS_MIN)) return ASSAY_F_MEMORY;
    assay_bft *bft = ASSAY_NEW(keep, assay_bft, 1);
    if (!bft) return ASSAY_F_MEMORY;
    bft->config = *config;
    bft->validators_max = validators_max;
    bft->highest = ASSAY_NEW(keep, int32_t, validators_max);
    bft->faults_told = ASSAY_NEW(keep, uint8_t, validators_max);
    bft->commit_sigs = ASSAY_NEW(keep, assay_commit_sig, validators_max);
    if (!bft->highest || !bft->faults_told || !bft->commit_sigs) return ASSAY_F_MEMORY;
    static const assay_public_key none = {0};
    bft->has_key = memcmp(config->public_key.b, none.b, sizeof none.b) != 0;
    bft->address = assay_crypto_address(config->public_key);
    bft->self = -1;
    bft->locked_round = bft->valid_round = bft->round = -1;

    assay_bft_votes_open(bft, &height_memory);
    bft->out = (assay_buf){carve(&height_memory, out_size(validators_max)), 0, out_size(validators_max)};
    bft->scratch = assay_base_arena(carve(&height_memory, assay_bft_scratch_size()), assay_bft_scratch_size());
    size_t slot_size = assay_bft_slot_size();
    while (bft->blocks_count < BLOCKS_MAX && (size_t)(height_memory.end - height_memory.at) >= slot_size + 63)
        bft->blocks[bft->blocks_count++].memory = carve(&height_memory, slot_size);
    ASSAY_ASSERT(bft->blocks_count >= BLOCKS_MIN);
    *out = bft;
    return ASSAY_OK;
}

const assay_validator_set *assay_bft_set_of(const assay_bft *bft, int64_t height) {
    if (height < 1) return NULL;
    if (height == bft->height - 1) return &bft->chain->last_validators;
    if (height == bft->height) return &bft->chain->validators;
    if (height == bft->height + 1) return &bft->chain->next_validators;
    return NULL;
}

/* ---- effects ------------------------------------------------------------------------------------------------- */

void assay_bft_emit(assay_bft *bft, const pending_effect *effect) {
    ASSAY_ASSERT(bft->effects_count < EFFECTS_MAX);
    bft->effects[(bft->effects_first + bft->effects_count++) % EFFECTS_MAX] = *effect;
}

void assay_bft_tell_behind(assay_bft *bft, int64_t height) {
    if (height > bft->height) {
        if (height <= bft->behind_told) return;
        bft->behind_told = height;
    }
    if (height > bft->behind) bft->behind = height;
}

static bool has_room(const assay_bft *bft) { return EFFECTS_MAX - bft->effects_count >= EFFECTS_SPARE; }

/* All votes of a round: of an equivocator each that was counted, since a polka may rest on any of them. */
static assay_bytes votes_message(assay_bft *bft, const round_record *record) {
    assay_buf *out = &bft->out;
    out->len = 0;
    ASSAY_ASSERT(assay_bft_put_format(out) == ASSAY_OK);
    size_t empty = out->len;
    uint32_t count = assay_bft_set_of(bft, record->height)->count;
    assay_vote vote;
    for (uint32_t type = ASSAY_PREVOTE; type <= ASSAY_PRECOMMIT; type++) {
        const vote_set *set = &record->sets[type - 1];
        for (uint32_t i = 0; i < count; i++) {
            const ballot *b = &set->ballots[i];
            if (b->tally == NO_TALLY || !assay_bft_vote_of(bft, record, type, i, b->tally, &vote)) continue;
            ASSAY_ASSERT(assay_bft_put_vote(out, &vote) == ASSAY_OK);
        }
        uint32_t more = count; /* a third of liars, each with SECONDS_PER_VOTER and one that others support */
        for (const second_vote *s = set->seconds; s && more > 0; s = s->next, more--) {
            if (!assay_bft_vote_of(bft, record, type, s->voter, s->tally, &vote)) continue;
            ASSAY_ASSERT(assay_bft_put_vote(out, &vote) == ASSAY_OK);
        }
    }
    return out->len > empty ? (assay_bytes){out->ptr, out->len} : (assay_bytes){0};
}

/* The bytes of a SEND; empty if what was to be sent is gone. */
static assay_bytes send_bytes(assay_bft *bft, const pending_effect *e) {
    if (e->source == SOURCE_VOTE) {
        bft->out.len = 0;
        ASSAY_ASSERT(assay_bft_encode_vote_message(&bft->out, &e->vote) == ASSAY_OK);
        return (assay_bytes){bft->out.ptr, bft->out.len};
    }
    if (e->source == SOURCE_PROPOSAL) {
        const block_slot *slot = assay_bft_block_find(bft, e->height, &e->id);
        if (!slot || slot->round < 0) return (assay_bytes){0};
        return (assay_bytes){slot->memory, slot->message_len};
    }
    const round_record *record = assay_bft_round_find(bft, e->height, e->round);
    return record ? votes_message(bft, record) : (assay_bytes){0};
}

/* The commit that a block of this height carries: of the last height, with what came late. */
static const assay_commit *last_commit(assay_bft *bft) {
    bft->commit = (assay_commit){0};
    if (bft->chain->height == 0) return &bft->commit;
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        round_record *r = &bft->rounds[i];
        bool is_it = r->used && r->height == bft->chain->height &&
                     assay_bft_polka_for(&r->sets[1], &bft->chain->last_block_id);
        if (!is_it) continue;
        assay_bft_late_verify(bft, r);
        assay_bft_commit_build(bft, r, &bft->chain->last_block_id);
        return &bft->commit;
    }
    ASSAY_ASSERT(false); /* assay_bft_height loaded it */
    return NULL;
}

/* Fills in what a block's effects point to; false if the block is gone, and with it the reason for the effect. */
static bool point_at_block(assay_bft *bft, const pending_effect *e, assay_bft_effect *out) {
    block_slot *slot = assay_bft_block_find(bft, e->height, &e->id);
    if (!slot) return false;
    out->block = &slot->block;
    out->bytes = slot->encoded;
    if (e->kind != ASSAY_BFT_DECIDE) return true;
    const round_record *record = assay_bft_round_find(bft, e->height, e->round);
    ASSAY_ASSERT(record != NULL);
    assay_bft_commit_build(bft, record, &e->id);
    out->commit = &bft->commit;
    return true;
}

static void point_at_lock(assay_bft *bft, const pending_effect *e, assay_bft_effect *out) {
    if (e->vote.type != ASSAY_PRECOMMIT || assay_block_id_is_nil(&e->vote.block_id)) return;
    block_slot *slot = assay_bft_block_find(bft, e->height, &e->vote.block_id);
    const round_record *record = assay_bft_round_find(bft, e->height, e->round);
    if (slot && record) out->bytes = assay_bft_block_lock_bytes(bft, slot, record);
}

static bool take_fault(assay_bft *bft, assay_bft_effect *out) {
    for (uint32_t i = 0; i < bft->faults_count; i++) {
        if (!bft->faults[i].due) continue;
        out->kind = ASSAY_BFT_EVIDENCE;
        out->evidence = bft->faults[i].evidence;
        out->height = out->evidence.vote_a.height;
        out->round = out->evidence.vote_a.round;
        bft->faults_count--;
        memmove(&bft->faults[i], &bft->faults[i + 1], (bft->faults_count - i) * sizeof *bft->faults);
        return true;
    }
    return false;
}

/* One queued effect; false if it has lost its object. */
static bool take_effect(assay_bft *bft, const pending_effect *e, assay_bft_effect *out) {
    out->kind = e->kind;
    out->height = e->height;
    out->round = e->round;
    out->step = e->step;
    out->delay_ns = e->delay_ns;
    out->block_id = e->id;
    switch (e->kind) {
    case ASSAY_BFT_SEND:
        out->bytes = send_bytes(bft, e);
        return out->bytes.len > 0;
    case ASSAY_BFT_MAKE_BLOCK:
        if (e->round != bft->round) return false;
        out->commit = last_commit(bft);
        return true;
    case ASSAY_BFT_CHECK_BLOCK:
    case ASSAY_BFT_DECIDE:
        return point_at_block(bft, e, out);
    case ASSAY_BFT_SIGN_VOTE:
        out->vote = e->vote;
        point_at_lock(bft, e, out);
        return true;
    case ASSAY_BFT_SIGN_PROPOSAL:
        out->proposal = e->proposal;
        return e->round == bft->round;
    case ASSAY_BFT_SCHEDULE:
    case ASSAY_BFT_EVIDENCE:
    case ASSAY_BFT_BEHIND:
        return true;
    }
    return false;
}

bool assay_bft_effect_next(assay_bft *bft, assay_bft_effect *out) {
    memset(out, 0, sizeof *out);
    if (take_fault(bft, out)) return true;
    while (bft->effects_count > 0) {
        pending_effect e = bft->effects[bft->effects_first];
        bft->effects_first = (bft->effects_first + 1) % EFFECTS_MAX;
        bft->effects_count--;
        if (take_effect(bft, &e, out)) return true;
    }
    if (bft->behind == 0) return false;
    out->kind = ASSAY_BFT_BEHIND;
    out->height = bft->behind;
    bft->behind = 0;
    return true;
}

/* ---- heights ------------------------------------------------------------------------------------------------- */

/* Own votes still go out: others may need them for the height that is over here. */
static void forget_effects(assay_bft *bft) {
    uint32_t count = bft->effects_count;
    bft->effects_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        pending_effect e = bft->effects[(bft->effects_first + i) % EFFECTS_MAX];
        if (e.kind == ASSAY_BFT_SEND && e.source == SOURCE_VOTE) assay_bft_emit(bft, &e);
    }
}

/* What belongs to heights that are over goes; what peers sent for this one stays. */
static void forget_old(assay_bft *bft) {
    bft->current = NULL;
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        round_record *r = &bft->rounds[i];
        bool stays = r->height == bft->height || r->height == bft->height - 1;
        if (r->used && !stays) assay_bft_round_free(bft, r);
    }
    for (uint32_t i = 0; i < bft->blocks_count; i++) {
        block_slot *s = &bft->blocks[i];
        if (s->height != bft->height) s->state = BLOCK_FREE;
    }
}

/* The votes that came early count now. */
static void count_early(assay_bft *bft) {
    const assay_validator_set *set = &bft->chain->validators;
    for (uint32_t i = 0; i < set->count; i++) bft->highest[i] = -1;
    for (size_t k = 0; k < ROUNDS_MAX; k++) {
        const round_record *r = &bft->rounds[k];
        if (!r->used || r->height != bft->height) continue;
        for (uint32_t i = 0; i < set->count; i++) {
            bool voted = (r->sets[0].ballots[i].tally != NO_TALLY && r->sets[0].ballots[i].verified) ||
                         (r->sets[1].ballots[i].tally != NO_TALLY && r->sets[1].ballots[i].verified);
            if (voted && r->round > bft->highest[i]) bft->highest[i] = r->round;
        }
    }
    assay_bft_count_above(bft);
}

static bool fits(const assay_bft *bft, const assay_bft_chain *chain, const assay_commit *commit) {
    if (chain->validators.count > bft->validators_max || chain->next_validators.count > bft->validators_max ||
        chain->last_validators.count > bft->validators_max)
        return false;
    if (chain->validators.count == 0 || !assay_base_bytes_eq(chain->chain_id, bft->config.chain_id)) return false;
    if (chain->height == 0) return commit->sigs_count == 0;
    return commit->height == chain->height && commit->round >= 0 &&
           commit->sigs_count == chain->last_validators.count &&
           assay_block_id_eq(&commit->block_id, &chain->last_block_id);
}

assay_err assay_bft_height(assay_bft *bft, const assay_bft_chain *chain, const assay_commit *commit,
                           int64_t start_ns) {
    if (!fits(bft, chain, commit) || chain->height < 0 || chain->height == INT64_MAX) return ASSAY_E_RANGE;
    bool follows = chain->height + 1 > bft->height;
    bft->chain = chain;
    bft->height = chain->height + 1;
    bft->self = bft->has_key ? assay_validators_find(&chain->validators, bft->address) : -1;
    bft->round = -1;
    bft->step = ASSAY_STEP_NEW_HEIGHT;
    bft->waiting = true;
    bft->locked_round = bft->valid_round = -1;
    bft->decided = bft->proposing = bft->own_waits = bft->votes_lost = false;
    bft->behind = bft->behind_told = 0;
    forget_effects(bft);
    memset(bft->faults_told, 0, bft->validators_max);
    if (!follows) bft->height = -1; /* begun again, as after a fault of the caller: nothing that came before counts */
    forget_old(bft);
    bft->height = chain->height + 1;
    assay_bft_faults_release(bft, chain->height, chain->last_time);
    if (chain->height > 0) ASSAY_TRY(assay_bft_commit_load(bft, commit));
    count_early(bft);
    if (start_ns <= 0) {
        ASSAY_TRY(assay_bft_round_start(bft, 0));
    } else if (assay_bft_round_find(bft, bft->height, 0) && assay_bft_round_find(bft, bft->height, 0)->proposed) {
        ASSAY_TRY(assay_bft_round_start(bft, 0)); /* its proposer has begun already */
    } else {
        assay_bft_emit(bft, &(pending_effect){.kind = ASSAY_BFT_SCHEDULE,
                                              .height = bft->height,
                                              .step = ASSAY_STEP_NEW_HEIGHT,
                                              .delay_ns = start_ns});
    }
    return assay_bft_progress(bft);
}

assay_err assay_bft_start_now(assay_bft *bft) {
    if (!bft->chain || !bft->waiting) return ASSAY_OK;
    if (!has_room(bft)) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_bft_round_start(bft, 0));
    return assay_bft_progress(bft);
}

/* ---- messages ------------------------------------------------------------------------------------------------ */

static assay_err votes_read(assay_vote **out, assay_arena *keep, const message *m) {
    *out = ASSAY_NEW(keep, assay_vote, m->votes_count);
    if (!*out) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < m->votes_count; i++) ASSAY_TRY(assay_bft_vote_read(&(*out)[i], m->votes[i]));
    return ASSAY_OK;
}

/* All votes of one message: the first error, after all were looked at. */
static assay_err take_votes(assay_bft *bft, const assay_vote *votes, uint32_t count) {
    assay_err *verdicts = ASSAY_NEW(&bft->scratch, assay_err, count);
    if (!verdicts) return ASSAY_F_MEMORY;
    assay_bft_votes_take(bft, verdicts, votes, count);
    for (uint32_t i = 0; i < count; i++) ASSAY_TRY(verdicts[i]);
    return ASSAY_OK;
}

static assay_err take_message(assay_bft *bft, const message *m) {
    assay_vote *votes;
    ASSAY_TRY(votes_read(&votes, &bft->scratch, m));
    if (m->proposal.len) {
        assay_proposal proposal;
        ASSAY_TRY(assay_bft_proposal_read(&proposal, m->proposal));
        ASSAY_TRY(assay_bft_proposal_take(bft, &proposal, m->block));
    }
    return take_votes(bft, votes, m->votes_count);
}

/* Votes that came in messages of their own and wait to be verified together. */
typedef struct gathered {
    assay_vote *votes;
    assay_err *verdicts;
    uint32_t *messages; /* which */
    uint32_t count;
} gathered;
#define GATHERED_MAX 64

/* What was verified counts at once, whatever else is wrong with a message. */
static assay_err settle(assay_bft *bft, gathered *g, assay_err *verdicts) {
    if (g->count == 0) return ASSAY_OK;
    assay_bft_votes_take(bft, g->verdicts, g->votes, g->count);
    for (uint32_t i = 0; i < g->count; i++) verdicts[g->messages[i]] = g->verdicts[i];
    g->count = 0;
    return assay_bft_progress(bft);
}

/* One message: a lone vote joins those that wait, anything else is taken after them. */
static assay_err take_or_gather(assay_bft *bft, gathered *g, assay_err *verdicts, assay_bytes bytes, uint32_t which) {
    message m;
    verdicts[which] = assay_bft_message_decode(&m, &bft->scratch, bytes);
    if (verdicts[which] != ASSAY_OK) return ASSAY_OK;
    if (m.votes_count == 1 && !m.proposal.len) {
        verdicts[which] = assay_bft_vote_read(&g->votes[g->count], m.votes[0]);
        if (verdicts[which] == ASSAY_OK) g->messages[g->count++] = which;
        return g->count == GATHERED_MAX ? settle(bft, g, verdicts) : ASSAY_OK;
    }
    ASSAY_TRY(settle(bft, g, verdicts));
    verdicts[which] = has_room(bft) ? take_message(bft, &m) : ASSAY_F_MEMORY;
    return assay_bft_progress(bft);
}

/* Decoded messages lie in the first part of scratch while the rest of the machine uses what is left of it. */
assay_err assay_bft_messages(assay_bft *bft, assay_err *verdicts, const assay_bytes *messages, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) verdicts[i] = ASSAY_OK;
    if (!bft->chain) return ASSAY_OK;
    assay_arena whole = bft->scratch;
    size_t most = count < GATHERED_MAX ? count : GATHERED_MAX;
    gathered g = {ASSAY_NEW(&bft->scratch, assay_vote, most), ASSAY_NEW(&bft->scratch, assay_err, most),
                  ASSAY_NEW(&bft->scratch, uint32_t, most), 0};
    assay_err err = g.votes && g.verdicts && g.messages ? ASSAY_OK : ASSAY_F_MEMORY;
    assay_arena rest = bft->scratch;
    for (uint32_t i = 0; i < count && err == ASSAY_OK; i++) {
        if (!has_room(bft)) {
            verdicts[i] = ASSAY_F_MEMORY;
            continue;
        }
        err = take_or_gather(bft, &g, verdicts, messages[i], i);
        bft->scratch = rest;
    }
    if (err == ASSAY_OK) err = settle(bft, &g, verdicts);
    bft->scratch = whole;
    return err;
}

assay_err assay_bft_message(assay_bft *bft, assay_bytes bytes) {
    assay_err verdict;
    ASSAY_TRY(assay_bft_messages(bft, &verdict, &bytes, 1));
    return verdict;
}

/* ---- a lock that was kept ------------------------------------------------------------------------------------ */

/* The block of a lock, and a proposal for it, which may be of another round than the lock. */
static assay_err recall_block(assay_bft *bft, const assay_proposal *p, assay_bytes block, int32_t round) {
    block_slot *slot;
    uint32_t proposer;
    ASSAY_TRY(assay_bft_proposer(bft, &proposer, p->height, p->round));
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    ASSAY_ASSERT(assay_proposal_sign_bytes(&out, p, bft->config.chain_id) == ASSAY_OK);
    assay_public_key key = bft->chain->validators.validators[proposer].public_key;
    if (!assay_crypto_ed25519_verify(key, (assay_bytes){memory, out.len}, p->signature)) return ASSAY_E_SIGNATURE;
    slot = assay_bft_block_find(bft, p->height, &p->block_id);
    if (!slot) ASSAY_TRY(assay_bft_block_put(bft, &slot, p->height, block, &p->block_id));
    if (p->round > slot->round) assay_bft_block_seal(slot, p);
    if (p->round != round) return ASSAY_OK;
    round_record *record = assay_bft_round_get(bft, p->height, round);
    if (!record) return ASSAY_F_MEMORY;
    record->proposer = (int32_t)proposer;
    record->proposed = true;
    record->proposal = *p;
    return ASSAY_OK;
}

static assay_err recall_message(assay_bft *bft, const message *m) {
    assay_vote *votes;
    assay_proposal p;
    if (!m->proposal.len || !m->votes_count) return ASSAY_E_ENCODING;
    ASSAY_TRY(votes_read(&votes, &bft->scratch, m));
    ASSAY_TRY(assay_bft_proposal_read(&p, m->proposal));
    int32_t round = votes[0].round;
    for (uint32_t i = 0; i < m->votes_count; i++) {
        bool is_of_lock = votes[i].type == ASSAY_PREVOTE && votes[i].height == p.height && votes[i].round == round &&
                          assay_block_id_eq(&votes[i].block_id, &p.block_id);
        if (!is_of_lock) return ASSAY_E_ENCODING;
    }
    if (p.height != bft->height || bft->locked_round >= round) return ASSAY_OK; /* over, or recalled already */
    bft->locked_round = round; /* from here on, whatever else is damaged: this is what was signed for */
    bft->locked_id = p.block_id;
    ASSAY_TRY(recall_block(bft, &p, m->block, round));
    if (!assay_bft_round_get(bft, bft->height, round)) return ASSAY_F_MEMORY; /* so that its votes are kept */
    ASSAY_TRY(take_votes(bft, votes, m->votes_count));
    const round_record *record = assay_bft_round_find(bft, bft->height, round);
    if (!assay_bft_polka_for(&record->sets[0], &p.block_id)) return ASSAY_E_SIGNATURE;
    bft->valid_round = round;
    bft->valid_id = p.block_id;
    return round > bft->round ? assay_bft_round_start(bft, round) : ASSAY_OK;
}

assay_err assay_bft_recall(assay_bft *bft, assay_bytes kept) {
    if (!bft->chain || bft->decided) return ASSAY_E_RANGE;
    if (!has_room(bft)) return ASSAY_F_MEMORY;
    assay_arena whole = bft->scratch;
    message m;
    assay_err err = assay_bft_message_decode(&m, &bft->scratch, kept);
    if (err == ASSAY_OK) err = recall_message(bft, &m);
    bft->scratch = whole;
    ASSAY_TRY(err);
    return assay_bft_progress(bft);
}

/* ---- timeouts and answers ------------------------------------------------------------------------------------ */

assay_err assay_bft_timeout(assay_bft *bft, int64_t height, int32_t round, assay_bft_step step) {
    if (!bft->chain || height != bft->height || bft->decided) return ASSAY_OK;
    if (!has_room(bft)) return ASSAY_F_MEMORY;
    if (step == ASSAY_STEP_NEW_HEIGHT) return assay_bft_start_now(bft);
    if (bft->waiting || round != bft->round) return ASSAY_OK;
    /* L57, L61, L65 */
    if (step == ASSAY_STEP_PROPOSE && bft->step == ASSAY_STEP_PROPOSE) assay_bft_prevote_nil(bft);
    if (step == ASSAY_STEP_PREVOTE_WAIT && bft->step == ASSAY_STEP_PREVOTE) assay_bft_precommit_nil(bft);
    if (step == ASSAY_STEP_PRECOMMIT_WAIT && round < INT32_MAX) ASSAY_TRY(assay_bft_round_start(bft, round + 1));
    return assay_bft_progress(bft);
}

assay_err assay_bft_block_made(assay_bft *bft, int64_t height, int32_t round, assay_bytes encoded) {
    bool waited_for = bft->chain && height == bft->height && round == bft->round && bft->proposing && !bft->own_waits;
    if (!waited_for || bft->decided || bft->current->proposed) return ASSAY_OK;
    if (!has_room(bft)) return ASSAY_F_MEMORY;
    block_slot *slot;
    ASSAY_TRY(assay_bft_block_put(bft, &slot, height, encoded, NULL));
    assay_bft_ask_proposal(bft, &slot->id, -1);
    return ASSAY_OK;
}

assay_err assay_bft_block_checked(assay_bft *bft, assay_block_id id, bool ok) {
    block_slot *slot = bft->chain ? assay_bft_block_find(bft, bft->height, &id) : NULL;
    if (!slot || slot->state != BLOCK_CHECKING) return ASSAY_OK;
    if (!has_room(bft)) return ASSAY_F_MEMORY;
    slot->state = ok ? BLOCK_VALID : BLOCK_INVALID;
    return assay_bft_progress(bft);
}

assay_err assay_bft_vote_signed(assay_bft *bft, const assay_vote *vote, bool is_signed) {
    if (vote->type != ASSAY_PREVOTE && vote->type != ASSAY_PRECOMMIT) return ASSAY_E_BLOCK;
    if (!bft->chain || vote->height != bft->height) return ASSAY_OK;
    if (!has_room(bft)) return ASSAY_F_MEMORY;
    round_record *record = assay_bft_round_find(bft, vote->height, vote->round);
    asked *question = record ? &record->asked[vote->type - 1] : NULL;
    if (!question || !question->waits) return ASSAY_OK;
    bool answers = assay_block_id_eq(&question->id, &vote->block_id) && vote->validator_index == bft->self &&
                   assay_base_address_eq(vote->validator, bft->address);
    if (!answers) return ASSAY_E_BLOCK;
    question->waits = false;
    if (!is_signed) {
        bool prevote = vote->type == ASSAY_PREVOTE;
        assay_bft_wait_schedule(bft, record, prevote ? ASSAY_STEP_PREVOTE_WAIT : ASSAY_STEP_PRECOMMIT_WAIT);
        return ASSAY_OK;
    }
    assay_bft_emit(bft, &(pending_effect){
                            .kind = ASSAY_BFT_SEND, .source = SOURCE_VOTE, .height = vote->height, .vote = *vote});
    ASSAY_TRY(assay_bft_vote_take(bft, vote, true));
    return assay_bft_progress(bft);
}

assay_err assay_bft_proposal_signed(assay_bft *bft, const assay_proposal *proposal, bool is_signed) {
    if (!bft->chain || proposal->height != bft->height || !bft->own_waits || bft->decided) return ASSAY_OK;
    if (!has_room(bft)) return ASSAY_F_MEMORY;
    const assay_proposal *own = &bft->own;
    if (proposal->round != own->round) return ASSAY_OK;
    if (proposal->pol_round != own->pol_round || !assay_block_id_eq(&proposal->block_id, &own->block_id))
        return ASSAY_E_BLOCK;
    bft->own_waits = false;
    block_slot *slot = assay_bft_block_find(bft, bft->height, &own->block_id);
    if (!is_signed || !slot || bft->current->proposed) return ASSAY_OK; /* the propose timeout goes on from here */
    assay_bft_block_seal(slot, proposal);
    bft->current->proposed = true;
    bft->current->proposal = *proposal;
    assay_bft_emit(bft, &(pending_effect){.kind = ASSAY_BFT_SEND,
                                          .source = SOURCE_PROPOSAL,
                                          .height = bft->height,
                                          .round = bft->round,
                                          .id = slot->id});
    return assay_bft_progress(bft);
}

/* ---- what others ask ----------------------------------------------------------------------------------------- */

static void resend_votes(assay_bft *bft, int32_t round) {
    if (round < 0 || !assay_bft_round_find(bft, bft->height, round)) return;
    assay_bft_emit(bft, &(pending_effect){
                            .kind = ASSAY_BFT_SEND, .source = SOURCE_VOTES, .height = bft->height, .round = round});
}

assay_err assay_bft_resend(assay_bft *bft) {
    if (!bft->chain) return ASSAY_OK;
    if (!has_room(bft)) return ASSAY_F_MEMORY;
    int32_t round = bft->waiting ? 0 : bft->round;
    const round_record *now = assay_bft_round_find(bft, bft->height, round);
    int32_t pol_round = -1;
    if (now && now->proposed) {
        pol_round = now->proposal.pol_round;
        assay_bft_emit(bft, &(pending_effect){.kind = ASSAY_BFT_SEND,
                                              .source = SOURCE_PROPOSAL,
                                              .height = bft->height,
                                              .round = round,
                                              .id = now->proposal.block_id});
    }
    /* The round, those whose polka others may have missed, and the one before, in which some may still be. */
    resend_votes(bft, round);
    resend_votes(bft, round - 1);
    if (pol_round < round - 1) resend_votes(bft, pol_round);
    if (bft->valid_round < round - 1 && bft->valid_round != pol_round) resend_votes(bft, bft->valid_round);
    return ASSAY_OK;
}

assay_time assay_bft_vote_time(const assay_bft *bft) {
    const int64_t millisecond = 1000000;
    if (!bft->chain) return (assay_time){0};
    assay_time latest = bft->chain->last_time;
    for (uint32_t i = 0; i < bft->blocks_count; i++) {
        const block_slot *s = &bft->blocks[i];
        if (s->state != BLOCK_VALID || s->height != bft->height) continue;
        if (assay_base_time_cmp(s->block.header.time, latest) > 0) latest = s->block.header.time;
    }
    return assay_base_time_add_ns(latest, millisecond);
}

assay_bft_view assay_bft_look(const assay_bft *bft) {
    return (assay_bft_view){.height = bft->chain ? bft->height : 0,
                            .round = bft->round < 0 ? 0 : bft->round,
                            .step = bft->step,
                            .locked = bft->locked_round >= 0,
                            .waiting = bft->chain && bft->waiting};
}
