/* SPDX-License-Identifier: Apache-2.0
 *
 * The algorithm: "The latest gossip on BFT consensus", arXiv 1807.04938, algorithm 1. Each rule stands in its own
 * function, named after what it does, with the paper's line numbers (L11 to L67). Beyond the paper, all of it allowed
 * by its proofs:
 *   - where nobody is left to wait for, or nil has 2/3, the round goes on without its timeout;
 *   - a block counts as proposed in a round if it has a polka there, whichever message brought its bytes;
 *   - L55 takes more than a third of power at a round *or above it*;
 *   - when the signer refuses, the timeouts run as if votes had come, so that a round passes; and who is seen in a
 *     later step or round counts as arrived where L34 and L47 wait for 2f+1 messages. */
#include "bft_internal.h"

/* ---- who proposes -------------------------------------------------------------------------------------------- */

assay_err assay_bft_proposer(assay_bft *bft, uint32_t *out, int64_t height, int32_t round) {
    const assay_validator_set *set = assay_bft_set_of(bft, height);
    if (round == 0) {
        *out = assay_validators_proposer(set);
        return ASSAY_OK;
    }
    assay_arena scratch = bft->scratch;
    assay_validator_set rotated;
    ASSAY_TRY(assay_validators_copy(&rotated, &scratch, set));
    assay_validators_rotate(&rotated, (uint32_t)round);
    *out = assay_validators_proposer(&rotated);
    return ASSAY_OK;
}

static assay_err record_proposer(assay_bft *bft, round_record *record, uint32_t *out) {
    if (record->proposer < 0) {
        ASSAY_TRY(assay_bft_proposer(bft, out, record->height, record->round));
        record->proposer = (int32_t)*out;
    }
    *out = (uint32_t)record->proposer;
    return ASSAY_OK;
}

/* ---- asking -------------------------------------------------------------------------------------------------- */

static int64_t timeout_of(const assay_bft *bft, assay_bft_step step, int32_t round) {
    bool is_propose = step == ASSAY_STEP_PROPOSE;
    int64_t base = is_propose ? bft->config.propose_ns : bft->config.vote_ns;
    int64_t delta = is_propose ? bft->config.propose_delta_ns : bft->config.vote_delta_ns;
    int64_t total;
    bool overflows = __builtin_mul_overflow(delta, (int64_t)round, &total) ||
                     __builtin_add_overflow(total, base, &total);
    return overflows ? INT64_MAX : total;
}

static void schedule(assay_bft *bft, assay_bft_step step, int32_t round) {
    assay_bft_emit(bft, &(pending_effect){.kind = ASSAY_BFT_SCHEDULE,
                                          .height = bft->height,
                                          .round = round,
                                          .step = step,
                                          .delay_ns = timeout_of(bft, step, round)});
}

void assay_bft_wait_schedule(assay_bft *bft, round_record *record, assay_bft_step step) {
    bool *waits = step == ASSAY_STEP_PREVOTE_WAIT ? &record->prevote_waits : &record->precommit_waits;
    if (*waits) return;
    *waits = true;
    schedule(bft, step, record->round);
}

static void ask_vote(assay_bft *bft, assay_vote_type type, const assay_block_id *id) {
    if (bft->self < 0) return;
    bft->current->asked[type - 1] = (asked){true, *id};
    assay_bft_emit(bft, &(pending_effect){.kind = ASSAY_BFT_SIGN_VOTE,
                                          .height = bft->height,
                                          .round = bft->round,
                                          .id = *id,
                                          .vote = {.type = type,
                                                   .height = bft->height,
                                                   .round = bft->round,
                                                   .block_id = *id,
                                                   .validator = bft->address,
                                                   .validator_index = bft->self}});
}

static void prevote(assay_bft *bft, const assay_block_id *id) {
    bft->step = ASSAY_STEP_PREVOTE;
    ask_vote(bft, ASSAY_PREVOTE, id);
}

static void precommit(assay_bft *bft, const assay_block_id *id) {
    bft->step = ASSAY_STEP_PRECOMMIT;
    ask_vote(bft, ASSAY_PRECOMMIT, id);
}

static const assay_block_id nil = {0};

void assay_bft_prevote_nil(assay_bft *bft) { prevote(bft, &nil); }
void assay_bft_precommit_nil(assay_bft *bft) { precommit(bft, &nil); }

/* ---- L11 to L21: a round begins ------------------------------------------------------------------------------ */

void assay_bft_ask_proposal(assay_bft *bft, const assay_block_id *id, int32_t pol_round) {
    bft->own = (assay_proposal){
        .height = bft->height, .round = bft->round, .pol_round = pol_round, .block_id = *id};
    bft->own_waits = true;
    assay_bft_emit(bft, &(pending_effect){.kind = ASSAY_BFT_SIGN_PROPOSAL,
                                          .height = bft->height,
                                          .round = bft->round,
                                          .id = *id,
                                          .proposal = bft->own});
}

static void propose(assay_bft *bft) {
    if (bft->current->proposed) return; /* it was recalled, or a peer sent it back to us after a restart */
    bft->proposing = true;
    if (bft->valid_round >= 0) {
        assay_bft_ask_proposal(bft, &bft->valid_id, bft->valid_round);
        return;
    }
    assay_bft_emit(bft,
                   &(pending_effect){.kind = ASSAY_BFT_MAKE_BLOCK, .height = bft->height, .round = bft->round});
}

void assay_bft_count_above(assay_bft *bft) {
    const assay_validator_set *set = &bft->chain->validators;
    bft->above = 0;
    for (uint32_t i = 0; i < set->count; i++)
        if (bft->highest[i] > bft->round) bft->above += set->validators[i].power;
}

assay_err assay_bft_round_start(assay_bft *bft, int32_t round) {
    ASSAY_ASSERT(round > bft->round && !bft->decided);
    bool lost = bft->votes_lost && round > (int64_t)bft->round + bft->config.rounds_kept;
    bft->round = round;
    bft->step = ASSAY_STEP_PROPOSE;
    bft->waiting = false;
    bft->proposing = false;
    bft->own_waits = false;
    bft->current = NULL;
    round_record *record = assay_bft_round_get(bft, bft->height, round);
    ASSAY_ASSERT(record != NULL); /* ROUNDS_MAX is more than can be indispensable */
    bft->current = record;
    assay_bft_count_above(bft);
    if (lost) {
        bft->votes_lost = false;
        assay_bft_tell_behind(bft, bft->height);
    }
    uint32_t proposer;
    ASSAY_TRY(record_proposer(bft, record, &proposer));
    schedule(bft, ASSAY_STEP_PROPOSE, round);
    if (bft->self >= 0 && (uint32_t)bft->self == proposer) propose(bft);
    return ASSAY_OK;
}

/* ---- L22 to L33: which block deserves a prevote -------------------------------------------------------------- */

/* L29: the proposer shows a value that had a polka in an earlier round. Waits until the prevotes of that round are
 * here. */
static bool polka_shown(assay_bft *bft, const assay_proposal *proposal) {
    round_record *earlier = assay_bft_round_find(bft, bft->height, proposal->pol_round);
    if (earlier && assay_bft_polka_for(&earlier->sets[0], &proposal->block_id)) return true;
    if (!bft->current->missing_told) {
        bft->current->missing_told = true;
        assay_bft_tell_behind(bft, bft->height);
    }
    return false;
}

static bool try_prevote(assay_bft *bft) {
    if (bft->step != ASSAY_STEP_PROPOSE || !bft->current->proposed) return false;
    const assay_proposal *p = &bft->current->proposal;
    block_slot *slot = assay_bft_block_find(bft, bft->height, &p->block_id);
    if (!slot) return false;
    assay_bft_block_ask(bft, slot);
    if (slot->state != BLOCK_VALID && slot->state != BLOCK_INVALID) return false;
    bool fresh = p->pol_round < 0;
    if (!fresh && !polka_shown(bft, p)) return false;
    bool same = bft->locked_round >= 0 && assay_block_id_eq(&bft->locked_id, &p->block_id);
    bool free = fresh ? bft->locked_round < 0 : bft->locked_round <= p->pol_round;
    /* L23 and L30 */
    prevote(bft, slot->state == BLOCK_VALID && (free || same) ? &p->block_id : &nil);
    return true;
}

/* ---- L34 to L46: what the prevotes say ----------------------------------------------------------------------- */

static bool polka_is_block(const vote_set *set) {
    return set->polka != NO_TALLY && !assay_block_id_is_nil(&set->tallies[set->polka].id);
}

/* L36 */
static bool try_lock(assay_bft *bft) {
    round_record *now = bft->current;
    const vote_set *prevotes = &now->sets[0];
    if (bft->step < ASSAY_STEP_PREVOTE || now->polka_seen || !polka_is_block(prevotes)) return false;
    const assay_block_id id = prevotes->tallies[prevotes->polka].id;
    block_slot *slot = assay_bft_block_find(bft, bft->height, &id);
    /* An own block without a proposal (made again after a restart, and not signed) is no lock that could be kept. */
    if (!slot || slot->round < 0) {
        if (!now->missing_told) assay_bft_tell_behind(bft, bft->height);
        now->missing_told = true;
        return false;
    }
    assay_bft_block_ask(bft, slot);
    if (slot->state != BLOCK_VALID) return false;
    now->polka_seen = true;
    bft->valid_round = bft->round;
    bft->valid_id = id;
    if (bft->step == ASSAY_STEP_PREVOTE) {
        bft->locked_round = bft->round;
        bft->locked_id = id;
        precommit(bft, &id);
    }
    return true;
}

/* L44; and with every prevote here and no polka, there is nothing that L34's timeout could wait for. */
static bool try_precommit_nil(assay_bft *bft) {
    const vote_set *prevotes = &bft->current->sets[0];
    if (bft->step != ASSAY_STEP_PREVOTE) return false;
    bool all = prevotes->voted == bft->chain->validators.count && prevotes->polka == NO_TALLY;
    if (!all && !assay_bft_polka_for(prevotes, &nil)) return false;
    precommit(bft, &nil);
    return true;
}

/* More than 2/3 of power have voted in this step of this round, or are beyond it. The paper asks for votes of the step
 * alone; but one that restarted never casts what its signer signed and lost, and others would wait for it for ever. */
static bool most_arrived(const assay_bft *bft, assay_vote_type type) {
    const assay_validator_set *set = &bft->chain->validators;
    const vote_set *prevotes = &bft->current->sets[0], *precommits = &bft->current->sets[1];
    bool is_prevote = type == ASSAY_PREVOTE;
    uint64_t power = is_prevote ? prevotes->power : precommits->power;
    if (assay_base_more_than(power, set->total_power, 2, 3)) return true;
    uint64_t at_most = power + (is_prevote ? precommits->power : 0) + bft->above;
    if (!assay_base_more_than(at_most, set->total_power, 2, 3)) return false;
    power = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const ballot *first = &prevotes->ballots[i], *second = &precommits->ballots[i];
        bool arrived = bft->highest[i] > bft->round || (second->tally != NO_TALLY && second->verified) ||
                       (is_prevote && first->tally != NO_TALLY && first->verified);
        if (arrived) power += set->validators[i].power;
    }
    return assay_base_more_than(power, set->total_power, 2, 3);
}

/* L34 */
static void wait_for_prevotes(assay_bft *bft) {
    if (bft->step == ASSAY_STEP_PREVOTE && !bft->current->prevote_waits && most_arrived(bft, ASSAY_PREVOTE))
        assay_bft_wait_schedule(bft, bft->current, ASSAY_STEP_PREVOTE_WAIT);
}

/* ---- L47 to L56: what the precommits say --------------------------------------------------------------------- */

/* L47; with 2/3 for nil, or every precommit here and no 2/3, this round can decide nothing: the next one begins. */
static bool try_next_round(assay_bft *bft, assay_err *err) {
    round_record *now = bft->current;
    const vote_set *precommits = &now->sets[1];
    bool all = precommits->voted == bft->chain->validators.count && precommits->polka == NO_TALLY;
    if ((all || assay_bft_polka_for(precommits, &nil)) && bft->round < INT32_MAX) {
        *err = assay_bft_round_start(bft, bft->round + 1);
        return true;
    }
    if (!now->precommit_waits && most_arrived(bft, ASSAY_PRECOMMIT))
        assay_bft_wait_schedule(bft, now, ASSAY_STEP_PRECOMMIT_WAIT);
    return false;
}

/* L49, in any round of this height. */
static bool try_decide(assay_bft *bft) {
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        round_record *r = &bft->rounds[i];
        if (!r->used || r->height != bft->height || !polka_is_block(&r->sets[1])) continue;
        const assay_block_id id = r->sets[1].tallies[r->sets[1].polka].id;
        block_slot *slot = assay_bft_block_find(bft, bft->height, &id);
        if (!slot) {
            /* Decided by others, and its bytes are not here: they are fetched as a decided block, or sent again. */
            if (!r->missing_told) assay_bft_tell_behind(bft, bft->height);
            r->missing_told = true;
            continue;
        }
        assay_bft_block_ask(bft, slot);
        if (slot->state != BLOCK_VALID) continue;
        /* Not needed for this decision any more, but a validator that was there shall be seen in the next block's
         * commit. */
        if (r == bft->current && bft->step < ASSAY_STEP_PRECOMMIT) precommit(bft, &id);
        bft->decided = true;
        bft->decided_id = id;
        bft->decided_round = r->round;
        bft->step = ASSAY_STEP_COMMIT;
        assay_bft_faults_release(bft, bft->height, slot->block.header.time);
        assay_bft_emit(bft, &(pending_effect){.kind = ASSAY_BFT_DECIDE,
                                              .height = bft->height,
                                              .round = r->round,
                                              .step = ASSAY_STEP_COMMIT,
                                              .id = id});
        return true;
    }
    return false;
}

/* L55. The highest round that more than a third has reached: somebody honest is there or was. */
static bool try_skip(assay_bft *bft, assay_err *err) {
    const assay_validator_set *set = &bft->chain->validators;
    if (!assay_base_more_than(bft->above, set->total_power, 1, 3)) return false;
    int32_t target = bft->round;
    for (uint32_t i = 0; i < set->count; i++) {
        int32_t candidate = bft->highest[i];
        if (candidate <= target) continue;
        uint64_t power = 0;
        for (uint32_t k = 0; k < set->count; k++)
            if (bft->highest[k] >= candidate) power += set->validators[k].power;
        if (assay_base_more_than(power, set->total_power, 1, 3)) target = candidate;
    }
    *err = assay_bft_round_start(bft, target);
    return true;
}

assay_err assay_bft_progress(assay_bft *bft) {
    assay_err err = ASSAY_OK;
    while (err == ASSAY_OK && !bft->decided) {
        if (try_decide(bft)) break;
        if (try_skip(bft, &err)) continue;
        if (bft->waiting) break;
        if (try_prevote(bft) || try_lock(bft) || try_precommit_nil(bft)) continue;
        wait_for_prevotes(bft);
        if (!try_next_round(bft, &err)) break;
    }
    return err;
}

/* ---- proposals of others ------------------------------------------------------------------------------------- */

/* More than 2/3 voted for this very block in that round, so it is wanted even if another was proposed there first. */
static bool is_wanted(const round_record *record, const assay_block_id *id) {
    return record && (assay_bft_polka_for(&record->sets[0], id) || assay_bft_polka_for(&record->sets[1], id));
}

/* Whether a proposal can matter, before anything is verified. */
static bool proposal_matters(assay_bft *bft, const assay_proposal *p, const round_record *record) {
    bool next = p->height == bft->height + 1;
    if (p->height != bft->height && !next) return false;
    if (!next && bft->decided) return false;
    if (record && record->proposed && assay_block_id_eq(&record->proposal.block_id, &p->block_id) &&
        assay_bft_block_find(bft, p->height, &p->block_id))
        return false;
    if (is_wanted(record, &p->block_id)) return true;
    if (record && record->proposed && !assay_block_id_eq(&record->proposal.block_id, &p->block_id)) return false;
    if (next) return p->round == 0 || p->round < (int32_t)bft->config.rounds_kept;
    int64_t now = bft->waiting ? 0 : bft->round;
    return p->round >= now && p->round <= now + bft->config.rounds_kept;
}

static bool proposal_signed_by(const assay_bft *bft, const assay_proposal *p, assay_public_key key) {
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    ASSAY_ASSERT(assay_proposal_sign_bytes(&out, p, bft->config.chain_id) == ASSAY_OK);
    return assay_crypto_ed25519_verify(key, (assay_bytes){memory, out.len}, p->signature);
}

assay_err assay_bft_proposal_take(assay_bft *bft, const assay_proposal *p, assay_bytes block) {
    round_record *record = assay_bft_round_find(bft, p->height, p->round);
    if (!proposal_matters(bft, p, record)) return ASSAY_OK;
    uint32_t proposer;
    if (record) ASSAY_TRY(record_proposer(bft, record, &proposer));
    else ASSAY_TRY(assay_bft_proposer(bft, &proposer, p->height, p->round));
    const assay_validator *validator = &assay_bft_set_of(bft, p->height)->validators[proposer];
    if (!proposal_signed_by(bft, p, validator->public_key)) return ASSAY_E_SIGNATURE;

    /* The block's bytes are copied and hashed only if they are new; a locked value comes again in later rounds. */
    block_slot *slot = assay_bft_block_find(bft, p->height, &p->block_id);
    if (!slot) ASSAY_TRY(assay_bft_block_put(bft, &slot, p->height, block, &p->block_id));
    if (p->round > slot->round) assay_bft_block_seal(slot, p);
    record = assay_bft_round_get(bft, p->height, p->round);
    if (!record) return ASSAY_F_MEMORY;
    record->proposer = (int32_t)proposer;
    record->proposed = true;
    record->proposal = *p;
    /* Its proposer has begun this height: no need to wait any longer. */
    if (bft->waiting && p->height == bft->height && p->round == 0) return assay_bft_round_start(bft, 0);
    return ASSAY_OK;
}
