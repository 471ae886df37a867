/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults for the tests of slashing: real votes, signed with the consensus keys of stakers_internal.h. */
#ifndef ASSAY_LEDGER_SLASHING_TEST_FAULTS_INTERNAL_H
#define ASSAY_LEDGER_SLASHING_TEST_FAULTS_INTERNAL_H

#include "ledger/slashing/slashing.h"

#include "stakers_internal.h"

#define WHOLE ASSAY_SLASHING_WHOLE

/* A vote of validator n for the block that `block` names (0: nil). */
static inline assay_vote faults_vote(uint64_t n, uint64_t height, int32_t round, uint8_t block) {
    assay_vote vote = {
        .type = ASSAY_PRECOMMIT,
        .height = (int64_t)height,
        .round = round,
        .timestamp = {1800000000, block},
        .validator = world_address(CONSENSUS + n),
        .validator_index = (int32_t)n,
    };
    if (block) {
        memset(vote.block_id.hash.b, block, sizeof vote.block_id.hash.b);
        memset(vote.block_id.parts_hash.b, block, sizeof vote.block_id.parts_hash.b);
        vote.block_id.parts_total = 1;
    }
    return vote;
}

static inline void faults_sign(assay_vote *vote, uint64_t key, assay_bytes chain) {
    uint8_t memory[256];
    assay_buf message = {memory, 0, sizeof memory};
    assay_key_secret secret = world_secret(key);
    must(assay_vote_sign_bytes(&message, vote, chain));
    vote->signature = assay_crypto_ed25519_sign(&secret, (assay_bytes){message.ptr, message.len});
}

/* Two votes as a message; the bytes are in memory of the caller's. */
typedef struct faults_pair {
    uint8_t memory[2 * ASSAY_VOTE_LEN_MAX];
    assay_msg_evidence message;
} faults_pair;
static inline void faults_encode(faults_pair *pair, const assay_vote *a, const assay_vote *b) {
    assay_buf first = {pair->memory, 0, ASSAY_VOTE_LEN_MAX},
              second = {pair->memory + ASSAY_VOTE_LEN_MAX, 0, ASSAY_VOTE_LEN_MAX};
    must(assay_vote_encode(&first, a));
    must(assay_vote_encode(&second, b));
    pair->message = (assay_msg_evidence){{first.ptr, first.len}, {second.ptr, second.len}};
}

/* Validator n voted twice. Actor 63 brings the evidence. */
static inline assay_err faults_evidence(stakers *s, uint64_t n, uint64_t height, int32_t round) {
    assay_vote a = faults_vote(n, height, round, 1), b = faults_vote(n, height, round, 2);
    faults_sign(&a, CONSENSUS + n, ASSAY_STR(WORLD_CHAIN));
    faults_sign(&b, CONSENSUS + n, ASSAY_STR(WORLD_CHAIN));
    faults_pair pair;
    faults_encode(&pair, &a, &b);
    return TX(s->w, 63, assay_slashing_evidence(&s->w->c, &pair.message));
}

static inline stakers *faults_new(const uint64_t *bonds, uint32_t count) {
    stakers *s = stakers_new(bonds, count);
    s->before_end = assay_slashing_end_block;
    return s;
}

static inline uint64_t faults_penalties(stakers *s, assay_slashing_penalty **out) {
    static uint8_t memory[64 << 10];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    uint32_t count;
    OK(assay_slashing_penalties(out, &count, &keep, world_view(s->w), 1, 256));
    return count;
}

static inline assay_slashing_penalty faults_penalty(stakers *s, uint64_t id) {
    assay_slashing_penalty penalty;
    bool found;
    OK(assay_slashing_penalty_get(world_view(s->w), &penalty, &found, id));
    assert_true(found);
    return penalty;
}

/* All that safety and other faults took from validator n. */
static inline uint64_t faults_taken(stakers *s, uint64_t n) {
    assay_slashing_penalty *all;
    uint64_t count = faults_penalties(s, &all), taken = 0;
    for (uint64_t i = 0; i < count; i++)
        if (assay_base_address_eq(all[i].validator, world_address(n))) taken += all[i].taken;
    return taken;
}

#endif
