/* SPDX-License-Identifier: Apache-2.0
 *
 * One machine under test among validators that the test plays by hand: it says their votes and proposals, and reads
 * what the machine does about them. Validators are named by their place in the set, which is by address: all have power
 * 10. */
#ifndef ASSAY_BFT_PUPPET_INTERNAL_H
#define ASSAY_BFT_PUPPET_INTERNAL_H

#include "bft/bft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PUPPETS_MAX 16
#define SENT_MAX 64

typedef struct made_block {
    assay_bytes encoded;
    assay_block block;
    assay_block_id id;
} made_block;

typedef struct puppet {
    assay_bft *bft;
    assay_bft_chain chain;
    uint32_t count, self;
    assay_key_secret secrets[PUPPETS_MAX];
    assay_public_key keys[PUPPETS_MAX];
    assay_arena keep, scratch;
    uint32_t blocks_made;
    /* How its world answers. */
    bool refuses;   /* the signer */
    bool holds;     /* checks are not answered */
    bool invalid;   /* checks fail */
    bool silent;    /* signatures are asked for and not answered */
    /* What it did since the last look. */
    assay_vote sent[SENT_MAX];
    uint32_t sent_count;
    assay_vote asked[SENT_MAX];
    uint32_t asked_count;
    assay_bft_effect scheduled[SENT_MAX];
    uint32_t scheduled_count;
    assay_duplicate_vote evidence[SENT_MAX];
    uint32_t evidence_count;
    assay_proposal proposal; /* the last that was asked for */
    uint32_t makes, checks, proposals, sends;
    int64_t behind;
    bool decided;
    assay_block_id decided_id;
    int32_t decided_round;
    assay_commit commit; /* of the decision, or of the last MAKE_BLOCK */
    assay_commit_sig commit_sigs[PUPPETS_MAX];
    uint8_t lock[8192];
    size_t lock_len;
    uint8_t sent_bytes[8192]; /* of the last SEND */
    size_t sent_bytes_len;
    made_block own; /* what it was last asked to make */
} puppet;

static const char puppet_chain[] = "assay-puppet-0123456789ab";
static const assay_block_id puppet_nil = {0};

static inline assay_bytes puppet_chain_id(void) { return assay_base_bytes_str(puppet_chain); }

static inline void must(assay_err err) {
    if (err != ASSAY_OK) fail_msg("%s: %s", assay_base_err_code(err), assay_base_err_text(err));
}

static inline assay_key_secret puppet_secret(uint32_t i) {
    char text[64];
    snprintf(text, sizeof text, "assay test validator %u", i);
    assay_hash seed = assay_crypto_sha256_one(assay_base_bytes_str(text));
    assay_key_secret secret;
    memcpy(secret.b, seed.b, sizeof secret.b);
    return secret;
}

/* Who proposes in a round of the height after the chain. */
static inline uint32_t puppet_proposer(puppet *p, int32_t round) {
    assay_arena scratch = p->scratch;
    assay_validator_set set;
    must(assay_validators_copy(&set, &scratch, &p->chain.validators));
    if (round > 0) assay_validators_rotate(&set, (uint32_t)round);
    return assay_validators_proposer(&set);
}

/* A block of the next height, different for each salt. */
static inline made_block puppet_block(puppet *p, uint8_t salt, const assay_commit *commit) {
    assay_arena scratch = p->scratch;
    uint8_t *tx = ASSAY_NEW(&p->keep, uint8_t, 8);
    assert_non_null(tx);
    memset(tx, salt, 8);
    assay_bytes txs[1] = {{tx, 8}};
    made_block out;
    assay_commit none = {0};
    must(assay_bft_block_make(&out.block, &p->chain, txs, 1, NULL, 0, commit ? commit : &none,
                              p->chain.validators.validators[0].address, scratch));
    assay_buf buf = {ASSAY_NEW(&p->keep, uint8_t, 8192), 0, 8192};
    assert_non_null(buf.ptr);
    must(assay_block_encode(&buf, &out.block));
    out.encoded = (assay_bytes){buf.ptr, buf.len};
    out.id.hash = assay_header_hash(&out.block.header);
    must(assay_block_parts(&out.id.parts_total, &out.id.parts_hash, out.encoded, scratch));
    return out;
}

static inline void puppet_sign(puppet *p, assay_vote *vote, uint32_t i) {
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    must(assay_vote_sign_bytes(&out, vote, puppet_chain_id()));
    vote->signature = assay_crypto_ed25519_sign(&p->secrets[i], (assay_bytes){memory, out.len});
}

static inline assay_vote puppet_vote(puppet *p, uint32_t i, uint32_t type, int64_t height, int32_t round,
                                     const assay_block_id *id) {
    assay_vote vote = {.type = type,
                       .height = height,
                       .round = round,
                       .block_id = *id,
                       .timestamp = {1795348800 + height * 10, (int32_t)i},
                       .validator = assay_crypto_address(p->keys[i]),
                       .validator_index = (int32_t)i};
    puppet_sign(p, &vote, i);
    return vote;
}

/* ---- carrying out -------------------------------------------------------------------------------------------- */

static inline void puppet_keep_commit(puppet *p, const assay_commit *commit) {
    p->commit = *commit;
    p->commit.sigs = p->commit_sigs;
    for (uint32_t i = 0; i < commit->sigs_count; i++) p->commit_sigs[i] = commit->sigs[i];
}

static inline void puppet_sent(puppet *p, assay_bytes bytes) {
    p->sends++;
    assert_true(bytes.len <= sizeof p->sent_bytes);
    memcpy(p->sent_bytes, bytes.ptr, bytes.len);
    p->sent_bytes_len = bytes.len;
    if (bytes.len < 6 || bytes.ptr[2] != 0x22) return;
    size_t skip = bytes.ptr[3] < 0x80 ? 4 : 5;
    assay_vote vote;
    if (assay_vote_decode(&vote, (assay_bytes){bytes.ptr + skip, bytes.len - skip}) != ASSAY_OK) return; /* many */
    assert_true(p->sent_count < SENT_MAX);
    p->sent[p->sent_count++] = vote;
}

static inline void puppet_answer_vote(puppet *p, const assay_vote *asked) {
    assay_vote vote = *asked;
    vote.timestamp = assay_bft_vote_time(p->bft);
    puppet_sign(p, &vote, p->self);
    must(assay_bft_vote_signed(p->bft, &vote, !p->refuses));
}

static inline void puppet_answer_proposal(puppet *p) {
    assay_proposal proposal = p->proposal;
    proposal.timestamp = (assay_time){1795348800, 5};
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    must(assay_proposal_sign_bytes(&out, &proposal, puppet_chain_id()));
    proposal.signature = assay_crypto_ed25519_sign(&p->secrets[p->self], (assay_bytes){memory, out.len});
    must(assay_bft_proposal_signed(p->bft, &proposal, !p->refuses));
}

static inline void puppet_carry_out(puppet *p, const assay_bft_effect *e) {
    switch (e->kind) {
    case ASSAY_BFT_SEND: puppet_sent(p, e->bytes); break;
    case ASSAY_BFT_SCHEDULE:
        assert_true(p->scheduled_count < SENT_MAX);
        p->scheduled[p->scheduled_count++] = *e;
        break;
    case ASSAY_BFT_MAKE_BLOCK:
        p->makes++;
        puppet_keep_commit(p, e->commit);
        p->own = puppet_block(p, (uint8_t)(100 + p->blocks_made++), e->commit);
        must(assay_bft_block_made(p->bft, e->height, e->round, p->own.encoded));
        break;
    case ASSAY_BFT_CHECK_BLOCK:
        p->checks++;
        must(assay_bft_proposal_check(p->bft, e->block, p->scratch));
        if (!p->holds) must(assay_bft_block_checked(p->bft, e->block_id, !p->invalid));
        break;
    case ASSAY_BFT_SIGN_VOTE:
        assert_true(p->asked_count < SENT_MAX);
        p->asked[p->asked_count++] = e->vote;
        if (e->bytes.len) {
            assert_true(e->bytes.len <= sizeof p->lock);
            memcpy(p->lock, e->bytes.ptr, e->bytes.len);
            p->lock_len = e->bytes.len;
        }
        if (!p->silent) puppet_answer_vote(p, &e->vote);
        break;
    case ASSAY_BFT_SIGN_PROPOSAL:
        p->proposals++;
        p->proposal = e->proposal;
        if (!p->silent) puppet_answer_proposal(p);
        break;
    case ASSAY_BFT_DECIDE:
        assert_false(p->decided);
        p->decided = true;
        p->decided_id = e->block_id;
        p->decided_round = e->round;
        puppet_keep_commit(p, e->commit);
        break;
    case ASSAY_BFT_EVIDENCE:
        assert_true(p->evidence_count < SENT_MAX);
        p->evidence[p->evidence_count++] = e->evidence;
        break;
    case ASSAY_BFT_BEHIND: p->behind = e->height; break;
    }
}

static inline void puppet_drain(puppet *p) {
    assay_bft_effect e;
    while (assay_bft_effect_next(p->bft, &e)) puppet_carry_out(p, &e);
}

/* Forgets what was done so far. */
static inline void puppet_look(puppet *p) {
    p->sent_count = p->asked_count = p->scheduled_count = p->evidence_count = 0;
    p->makes = p->checks = p->proposals = p->sends = 0;
    p->behind = 0;
}

/* ---- beginning ----------------------------------------------------------------------------------------------- */

/* A set of count validators of power 10; the machine is the one that proposes in round self_round of height 1, or (with
 * -1) an observer without a key. start_ns as in assay_bft_height. */
static inline void puppet_open(puppet *p, uint32_t count, int32_t self_round, int64_t start_ns) {
    static uint8_t memory[4][48 << 20];
    memset(p, 0, sizeof *p);
    p->count = count;
    p->keep = assay_base_arena(memory[0], sizeof memory[0]);
    p->scratch = assay_base_arena(memory[1], sizeof memory[1]);
    assay_engine_power powers[PUPPETS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        assay_key_secret secret = puppet_secret(i);
        powers[i] = (assay_engine_power){assay_crypto_ed25519_public(&secret), 10};
    }
    must(assay_bft_chain_genesis(&p->chain, &p->keep, puppet_chain_id(), (assay_time){1795348800, 0}, 1, powers, count,
                                 (assay_hash){{7}}));
    for (uint32_t i = 0; i < count; i++) {
        p->keys[i] = p->chain.validators.validators[i].public_key;
        for (uint32_t k = 0; k < count; k++)
            if (memcmp(powers[k].public_key.b, p->keys[i].b, 32) == 0) p->secrets[i] = puppet_secret(k);
    }
    p->self = self_round < 0 ? PUPPETS_MAX : puppet_proposer(p, self_round);
    assay_bft_config config = {.chain_id = puppet_chain_id(),
                               .propose_ns = 1000,
                               .propose_delta_ns = 500,
                               .vote_ns = 300,
                               .vote_delta_ns = 200,
                               .rounds_kept = 2};
    if (self_round >= 0) config.public_key = p->keys[p->self];
    must(assay_bft_open(&p->bft, &p->keep, assay_base_arena(memory[2], sizeof memory[2]), PUPPETS_MAX, &config));
    assay_commit none = {0};
    must(assay_bft_height(p->bft, &p->chain, &none, start_ns));
    puppet_drain(p);
}

/* The machine is restarted on the same chain: memory gone, disk there. */
static inline void puppet_restart(puppet *p) {
    static uint8_t memory[48 << 20];
    assay_bft_config config = {.chain_id = puppet_chain_id(),
                               .public_key = p->keys[p->self],
                               .propose_ns = 1000,
                               .propose_delta_ns = 500,
                               .vote_ns = 300,
                               .vote_delta_ns = 200,
                               .rounds_kept = 2};
    must(assay_bft_open(&p->bft, &p->keep, assay_base_arena(memory, sizeof memory), PUPPETS_MAX, &config));
    must(assay_bft_height(p->bft, &p->chain, &(assay_commit){0}, 0));
}

/* The decided block becomes final, and the next height begins. */
static inline void puppet_next_height(puppet *p, const made_block *b, int64_t start_ns) {
    assay_engine_finalized result = {.app_hash = {{9}}};
    assay_bft_chain next;
    must(assay_bft_chain_next(&next, &p->keep, &p->chain, &b->block, &b->id, &result, p->scratch));
    p->chain = next;
    p->decided = false;
    must(assay_bft_height(p->bft, &p->chain, &p->commit, start_ns));
    puppet_drain(p);
}

/* ---- what others say ----------------------------------------------------------------------------------------- */

static inline assay_err puppet_say(puppet *p, const assay_vote *vote) {
    uint8_t memory[512];
    assay_buf out = {memory, 0, sizeof memory};
    must(assay_bft_encode_vote_message(&out, vote));
    assay_err err = assay_bft_message(p->bft, (assay_bytes){memory, out.len});
    puppet_drain(p);
    return err;
}

static inline void puppet_says(puppet *p, uint32_t i, uint32_t type, int32_t round, const assay_block_id *id) {
    assay_vote vote = puppet_vote(p, i, type, p->chain.height + 1, round, id);
    must(puppet_say(p, &vote));
}

/* The first `count` validators other than the machine's own say it. */
static inline void puppet_all_say(puppet *p, uint32_t count, uint32_t type, int32_t round, const assay_block_id *id) {
    for (uint32_t i = 0; i < p->count && count > 0; i++) {
        if (i == p->self) continue;
        puppet_says(p, i, type, round, id);
        count--;
    }
}

static inline assay_proposal puppet_proposal(puppet *p, int64_t height, int32_t round, int32_t pol_round,
                                             const assay_block_id *id, uint32_t by) {
    assay_proposal proposal = {
        .height = height, .round = round, .pol_round = pol_round, .block_id = *id, .timestamp = {1795348800, 3}};
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    must(assay_proposal_sign_bytes(&out, &proposal, puppet_chain_id()));
    proposal.signature = assay_crypto_ed25519_sign(&p->secrets[by], (assay_bytes){memory, out.len});
    return proposal;
}

static inline assay_err puppet_send_proposal(puppet *p, const assay_proposal *proposal, assay_bytes block) {
    static uint8_t memory[1 << 16];
    assay_buf out = {memory, 0, sizeof memory};
    must(assay_bft_encode_proposal_message(&out, proposal, block));
    assay_err err = assay_bft_message(p->bft, (assay_bytes){memory, out.len});
    puppet_drain(p);
    return err;
}

static inline void puppet_proposes(puppet *p, int32_t round, int32_t pol_round, const made_block *b) {
    assay_proposal proposal =
        puppet_proposal(p, p->chain.height + 1, round, pol_round, &b->id, puppet_proposer(p, round));
    must(puppet_send_proposal(p, &proposal, b->encoded));
}

static inline void puppet_time(puppet *p, int32_t round, assay_bft_step step) {
    must(assay_bft_timeout(p->bft, p->chain.height + 1, round, step));
    puppet_drain(p);
}

/* ---- what the machine did ------------------------------------------------------------------------------------ */

/* Exactly one vote went out since the last look, and this is it. */
static inline void expect_vote(puppet *p, uint32_t type, int32_t round, const assay_block_id *id) {
    if (p->sent_count != 1) fail_msg("%u votes went out instead of one", p->sent_count);
    const assay_vote *v = &p->sent[0];
    if (v->type != type || v->round != round || !assay_block_id_eq(&v->block_id, id))
        fail_msg("a vote of type %u in round %d for %02x.. instead of type %u in round %d for %02x..", v->type,
                 v->round, v->block_id.hash.b[0], type, round, id->hash.b[0]);
    assert_true(assay_vote_verify(v, puppet_chain_id(), p->keys[p->self]));
    puppet_look(p);
}

static inline void expect_silence(puppet *p) {
    if (p->sent_count) fail_msg("%u votes went out", p->sent_count);
    assert_int_equal(p->asked_count, 0);
}

/* A timeout of this kind was scheduled exactly once since the last look; gives its delay. */
static inline int64_t expect_scheduled(puppet *p, int32_t round, assay_bft_step step) {
    uint32_t found = 0;
    int64_t delay = 0;
    for (uint32_t i = 0; i < p->scheduled_count; i++) {
        const assay_bft_effect *e = &p->scheduled[i];
        if (e->round != round || e->step != step) continue;
        assert_int_equal(e->height, p->chain.height + 1);
        delay = e->delay_ns;
        found++;
    }
    if (found != 1) fail_msg("timeout of round %d, step %d scheduled %u times", round, step, found);
    return delay;
}

static inline void expect_not_scheduled(puppet *p, int32_t round, assay_bft_step step) {
    for (uint32_t i = 0; i < p->scheduled_count; i++)
        if (p->scheduled[i].round == round && p->scheduled[i].step == step)
            fail_msg("timeout of round %d, step %d was scheduled", round, step);
}

static inline int32_t round_of(const puppet *p) { return assay_bft_look(p->bft).round; }
static inline assay_bft_step step_of(const puppet *p) { return assay_bft_look(p->bft).step; }

#endif
