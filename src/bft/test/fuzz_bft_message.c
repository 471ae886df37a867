/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_bft_message - hostile bytes as a peer's messages, timeouts and answers, to a validator in the middle of a
 * height.
 *
 * The input is a sequence of pieces: a byte that says what it is, two bytes of length, then that many bytes.
 *   0 a message · 1 a timeout (round, step) · 2 a lock to recall · 3 a stored chain · 4 an encoded block as the one
 *   that was asked for · 5 a message with its votes signed anew by the validator that they name, so that what lies
 *   behind signatures is reached · 6 the next height
 *   always   only verdicts and F_MEMORY come back; nothing is read beyond the input; no vote contradicts an earlier one
 *   of
 *            the machine's own; a decision is signed by more than 2/3 */
#include "bft/bft.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COUNT = 4, OWN = 1, VOTES_MAX = 64, PIECES_MAX = 64 };

static uint8_t keep_memory[2 << 20], height_memory[48 << 20], scratch_memory[16 << 20];

typedef struct world {
    assay_key_secret secrets[COUNT];
    assay_public_key keys[COUNT];
    assay_arena keep, scratch;
    assay_bft_chain chain;
    assay_bft *bft;
    assay_bytes made; /* what MAKE_BLOCK is answered with */
    assay_vote signed_votes[VOTES_MAX];
    uint32_t signed_count;
} world;

static const char chain_text[] = "assay-fuzz";
static assay_bytes chain_id(void) { return assay_base_bytes_str(chain_text); }

static void open_world(world *w) {
    assay_engine_power powers[COUNT];
    memset(w, 0, sizeof *w);
    w->keep = assay_base_arena(keep_memory, sizeof keep_memory);
    w->scratch = assay_base_arena(scratch_memory, sizeof scratch_memory);
    for (uint32_t i = 0; i < COUNT; i++) {
        w->secrets[i] = (assay_key_secret){{(uint8_t)(i + 1)}};
        powers[i] = (assay_engine_power){assay_crypto_ed25519_public(&w->secrets[i]), 10 + i};
    }
    assay_err err = assay_bft_chain_genesis(&w->chain, &w->keep, chain_id(), (assay_time){1000, 0}, 1, powers, COUNT,
                                            (assay_hash){{1}});
    ASSAY_ASSERT(err == ASSAY_OK);
    for (uint32_t i = 0; i < COUNT; i++) { /* set order: the most power first */
        w->keys[i] = w->chain.validators.validators[i].public_key;
        w->secrets[i] = (assay_key_secret){{(uint8_t)(COUNT - i)}};
    }
    assay_bft_config config = {
        .chain_id = chain_id(), .public_key = w->keys[OWN], .propose_ns = 1, .vote_ns = 1, .rounds_kept = 2};
    err = assay_bft_open(&w->bft, &w->keep, assay_base_arena(height_memory, sizeof height_memory), COUNT, &config);
    ASSAY_ASSERT(err == ASSAY_OK);
    err = assay_bft_height(w->bft, &w->chain, &(assay_commit){0}, 1);
    ASSAY_ASSERT(err == ASSAY_OK);
}

static void sign(const world *w, assay_vote *vote, uint32_t i) {
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    ASSAY_ASSERT(assay_vote_sign_bytes(&out, vote, chain_id()) == ASSAY_OK);
    vote->signature = assay_crypto_ed25519_sign(&w->secrets[i], (assay_bytes){memory, out.len});
}

/* The paper's core promise about one's own votes: one for each height, round and type. */
static void remember(world *w, const assay_vote *vote) {
    for (uint32_t i = 0; i < w->signed_count; i++) {
        const assay_vote *old = &w->signed_votes[i];
        bool same_place = old->height == vote->height && old->round == vote->round && old->type == vote->type;
        ASSAY_ASSERT(!same_place || assay_block_id_eq(&old->block_id, &vote->block_id));
    }
    if (w->signed_count < VOTES_MAX) w->signed_votes[w->signed_count++] = *vote;
}

static void check_verdict(assay_err err) {
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_F_MEMORY || !assay_base_err_is_fault(err));
}

static void next_height(world *w, const assay_block *block, const assay_block_id *id, const assay_commit *commit) {
    uint64_t power;
    ASSAY_ASSERT(assay_commit_check(&power, commit, &w->chain.validators, chain_id(), id, w->chain.height + 1,
                                    w->scratch) == ASSAY_OK);
    ASSAY_ASSERT(assay_bft_block_check(&w->chain, block, w->scratch) == ASSAY_OK);
    assay_bft_chain next;
    assay_engine_finalized result = {.app_hash = {{2}}};
    if (assay_bft_chain_next(&next, &w->keep, &w->chain, block, id, &result, w->scratch) != ASSAY_OK) return;
    w->chain = next;
    ASSAY_ASSERT(assay_bft_height(w->bft, &w->chain, commit, 1) == ASSAY_OK);
}

static void carry_out(world *w, const assay_bft_effect *e) {
    if (e->kind == ASSAY_BFT_SIGN_VOTE) {
        assay_vote vote = e->vote;
        vote.timestamp = assay_bft_vote_time(w->bft);
        sign(w, &vote, OWN);
        remember(w, &vote);
        check_verdict(assay_bft_vote_signed(w->bft, &vote, true));
    } else if (e->kind == ASSAY_BFT_SIGN_PROPOSAL) {
        assay_proposal p = e->proposal;
        p.timestamp = (assay_time){2000, 0};
        p.signature.b[0] = 1;
        check_verdict(assay_bft_proposal_signed(w->bft, &p, true));
    } else if (e->kind == ASSAY_BFT_CHECK_BLOCK) {
        assay_err slow = assay_bft_block_check(&w->chain, e->block, w->scratch);
        ASSAY_ASSERT(slow == assay_bft_proposal_check(w->bft, e->block, w->scratch));
        check_verdict(assay_bft_block_checked(w->bft, e->block_id, slow == ASSAY_OK));
    } else if (e->kind == ASSAY_BFT_MAKE_BLOCK && w->made.len) {
        check_verdict(assay_bft_block_made(w->bft, e->height, e->round, w->made));
    } else if (e->kind == ASSAY_BFT_EVIDENCE) {
        const assay_vote *a = &e->evidence.vote_a;
        ASSAY_ASSERT(assay_duplicate_vote_check(&e->evidence, chain_id(), w->keys[a->validator_index]) == ASSAY_OK);
    } else if (e->kind == ASSAY_BFT_DECIDE) {
        next_height(w, e->block, &e->block_id, e->commit);
    }
}

static void drain(world *w) {
    assay_bft_effect e;
    for (int i = 0; i < 1000 && assay_bft_effect_next(w->bft, &e); i++) carry_out(w, &e);
}

/* Reads a message leniently, signs its votes and proposal with the keys of whom they name, and gives it in. */
static void sign_and_give(world *w, assay_bytes input) {
    static uint8_t memory[1 << 16];
    if (input.len < 4) return;
    /* kind, validator, round, block salt */
    uint32_t i = input.ptr[1] % COUNT;
    assay_vote vote = {.type = input.ptr[0] & 1 ? ASSAY_PREVOTE : ASSAY_PRECOMMIT,
                       .height = w->chain.height + 1 + (input.ptr[0] >> 1) % 3 - 1,
                       .round = input.ptr[2],
                       .timestamp = {3000, input.ptr[3]},
                       .validator = assay_crypto_address(w->keys[i]),
                       .validator_index = (int32_t)i};
    if (i == OWN || vote.height < 1) return;
    assay_buf out = {memory, 0, sizeof memory};
    if (input.len > 4 && input.len < sizeof memory / 2) { /* with a block: proposed, then voted for */
        assay_bytes encoded = {input.ptr + 4, input.len - 4};
        assay_block block;
        assay_arena keep = w->keep;
        vote.block_id.hash = assay_crypto_sha256_one(encoded);
        if (assay_block_decode(&block, &keep, encoded, w->scratch) == ASSAY_OK)
            vote.block_id.hash = assay_header_hash(&block.header);
        ASSAY_ASSERT(assay_block_parts(&vote.block_id.parts_total, &vote.block_id.parts_hash, encoded, w->scratch) ==
                     ASSAY_OK);
        assay_proposal p = {.height = vote.height,
                            .round = vote.round,
                            .pol_round = (int32_t)(input.ptr[3] % 8) - 1,
                            .block_id = vote.block_id,
                            .timestamp = {2500, 0}};
        uint8_t text[256];
        assay_buf sign_bytes = {text, 0, sizeof text};
        ASSAY_ASSERT(assay_proposal_sign_bytes(&sign_bytes, &p, chain_id()) == ASSAY_OK);
        for (uint32_t k = 0; k < COUNT; k++) { /* one of them is its proposer */
            p.signature = assay_crypto_ed25519_sign(&w->secrets[k], (assay_bytes){text, sign_bytes.len});
            out.len = 0;
            if (assay_bft_encode_proposal_message(&out, &p, encoded) != ASSAY_OK) return;
            check_verdict(assay_bft_message(w->bft, (assay_bytes){memory, out.len}));
        }
    }
    sign(w, &vote, i);
    out.len = 0;
    ASSAY_ASSERT(assay_bft_encode_vote_message(&out, &vote) == ASSAY_OK);
    check_verdict(assay_bft_message(w->bft, (assay_bytes){memory, out.len}));
}

static void give_chain(world *w, assay_bytes input) {
    static uint8_t again_memory[1 << 16];
    assay_bft_chain chain;
    assay_arena keep = w->scratch;
    assay_err err = assay_bft_chain_decode(&chain, &keep, input);
    check_verdict(err);
    if (err != ASSAY_OK) return;
    assay_buf out = {again_memory, 0, sizeof again_memory};
    check_verdict(assay_bft_chain_encode(&out, &chain, keep));
}

static void give(world *w, uint8_t kind, assay_bytes piece) {
    int32_t round = piece.len > 0 ? piece.ptr[0] : 0;
    switch (kind % 7) {
    case 0: check_verdict(assay_bft_message(w->bft, piece)); break;
    case 1:
        check_verdict(assay_bft_timeout(w->bft, w->chain.height + 1, round,
                                        (assay_bft_step)(piece.len > 1 ? piece.ptr[1] % 10 : 1)));
        break;
    case 2: check_verdict(assay_bft_recall(w->bft, piece)); break;
    case 3: give_chain(w, piece); break;
    case 4: w->made = piece; break;
    case 5: sign_and_give(w, piece); break;
    case 6: check_verdict(assay_bft_start_now(w->bft)); check_verdict(assay_bft_resend(w->bft)); break;
    default: break;
    }
    drain(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static world w;
    open_world(&w);
    for (int i = 0; i < PIECES_MAX && size >= 3; i++) {
        uint8_t kind = data[0];
        size_t len = (size_t)data[1] << 8 | data[2];
        data += 3;
        size -= 3;
        if (len > size) len = size;
        give(&w, kind, (assay_bytes){data, len});
        data += len;
        size -= len;
    }
    return 0;
}
