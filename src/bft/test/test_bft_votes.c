/* SPDX-License-Identifier: Apache-2.0
 *
 * Votes: double ones and the evidence that comes of them, late and early ones, forged ones, floods; and what the
 * machine holds, sends again and refuses. */
#include "puppet_internal.h"

static puppet p;

/* A block id that nobody made. */
static assay_block_id invented(uint8_t salt) { return (assay_block_id){{{salt, 1}}, 1, {{salt, 2}}}; }

/* The first validator but the machine's own, from place `from` on. */
static uint32_t other(uint32_t from) { return from == p.self ? (from + 1) % p.count : from; }

/* ---- double votes -------------------------------------------------------------------------------------------- */

static void decide(const made_block *b) {
    puppet_proposes(&p, round_of(&p), -1, b);
    puppet_all_say(&p, p.count, ASSAY_PREVOTE, round_of(&p), &b->id);
    puppet_all_say(&p, p.count, ASSAY_PRECOMMIT, round_of(&p), &b->id);
    assert_true(p.decided);
}

static void test_evidence_comes_with_the_decision_and_its_time(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    uint32_t liar = puppet_proposer(&p, 1);
    made_block a = puppet_block(&p, 1, NULL);
    assay_block_id x = invented(1), y = invented(2);
    puppet_says(&p, liar, ASSAY_PREVOTE, 0, &x);
    puppet_says(&p, liar, ASSAY_PREVOTE, 0, &y);
    puppet_says(&p, liar, ASSAY_PREVOTE, 0, &x);
    puppet_says(&p, liar, ASSAY_PREVOTE, 0, &puppet_nil); /* a third: the fault is the same */
    puppet_says(&p, liar, ASSAY_PRECOMMIT, 0, &x);
    puppet_says(&p, liar, ASSAY_PRECOMMIT, 0, &puppet_nil);
    assert_int_equal(p.evidence_count, 0);
    decide(&a);
    assert_int_equal(p.evidence_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const assay_duplicate_vote *e = &p.evidence[i];
        must(assay_duplicate_vote_check(e, puppet_chain_id(), p.keys[liar]));
        assert_int_equal(e->vote_a.type, i == 0 ? ASSAY_PREVOTE : ASSAY_PRECOMMIT);
        assert_int_equal(assay_base_time_cmp(e->timestamp, a.block.header.time), 0);
        assert_int_equal(e->total_power, 40);
        assert_int_equal(e->validator_power, 10);
    }
}

static void test_evidence_of_a_height_that_was_fetched(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    uint32_t liar = puppet_proposer(&p, 1);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_says(&p, liar, ASSAY_PRECOMMIT, 0, &a.id);
    puppet_says(&p, liar, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_all_say(&p, 4, ASSAY_PRECOMMIT, 0, &a.id); /* no block here: others decide, and the caller fetches it */
    assert_false(p.decided);
    assert_int_equal(p.evidence_count, 0);
    /* A commit as a peer would send it. */
    assay_commit_sig sigs[4] = {{0}};
    for (uint32_t i = 0; i < 4; i++) {
        assay_vote v = puppet_vote(&p, i, ASSAY_PRECOMMIT, 1, 0, &a.id);
        sigs[i] = (assay_commit_sig){ASSAY_FLAG_COMMIT, v.validator, v.timestamp, v.signature};
    }
    p.commit = (assay_commit){1, 0, a.id, sigs, 4};
    puppet_next_height(&p, &a, 0);
    assert_int_equal(p.evidence_count, 1);
    assert_int_equal(assay_base_time_cmp(p.evidence[0].timestamp, a.block.header.time), 0);
}

static void test_evidence_from_votes_that_come_after_the_decision(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    uint32_t liar = puppet_proposer(&p, 3);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    for (uint32_t i = 0; i < 4; i++)
        if (i != p.self && i != liar) puppet_says(&p, i, ASSAY_PREVOTE, 0, &a.id);
    puppet_says(&p, liar, ASSAY_PREVOTE, 0, &a.id); /* after the polka: kept without being verified */
    puppet_all_say(&p, 4, ASSAY_PRECOMMIT, 0, &a.id);
    assert_true(p.decided);
    puppet_says(&p, liar, ASSAY_PREVOTE, 0, &puppet_nil); /* between decision and next height */
    assert_int_equal(p.evidence_count, 1);
    assert_int_equal(assay_base_time_cmp(p.evidence[0].timestamp, a.block.header.time), 0);
    puppet_next_height(&p, &a, 50);
    assay_vote late = puppet_vote(&p, liar, ASSAY_PRECOMMIT, 1, 0, &puppet_nil);
    must(puppet_say(&p, &late)); /* at the next height */
    assert_int_equal(p.evidence_count, 2);
    assert_int_equal(p.evidence[1].vote_a.type, ASSAY_PRECOMMIT);
    assert_int_equal(assay_base_time_cmp(p.evidence[1].timestamp, a.block.header.time), 0);
    must(puppet_say(&p, &late));
    assert_int_equal(p.evidence_count, 2);
}

static void test_first_lie_does_not_hide_a_polka(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    uint32_t liar = puppet_proposer(&p, 3), honest = puppet_proposer(&p, 1);
    assay_block_id x = invented(1), y = invented(2), z = invented(3);
    puppet_proposes(&p, 0, -1, &a);
    puppet_look(&p);
    puppet_says(&p, liar, ASSAY_PREVOTE, 0, &x);
    puppet_says(&p, liar, ASSAY_PREVOTE, 0, &y);
    puppet_says(&p, liar, ASSAY_PREVOTE, 0, &z); /* three inventions first */
    puppet_says(&p, honest, ASSAY_PREVOTE, 0, &a.id);
    expect_silence(&p);
    puppet_says(&p, liar, ASSAY_PREVOTE, 0, &a.id); /* others may have this one: 2f+1 with the honest two */
    expect_vote(&p, ASSAY_PRECOMMIT, 0, &a.id);
}

/* A liar is counted once for each block, and once in all. */
static void test_a_liar_counts_once(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    uint32_t liar = puppet_proposer(&p, 3);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_look(&p);
    for (uint8_t i = 0; i < 20; i++) {
        assay_block_id x = invented(i);
        puppet_says(&p, liar, ASSAY_PREVOTE, 0, &x);
        puppet_says(&p, liar, ASSAY_PREVOTE, 0, &a.id);
    }
    expect_silence(&p); /* own + liar: two of four */
    expect_not_scheduled(&p, 0, ASSAY_STEP_PREVOTE_WAIT);
}

static void test_evidence_is_bounded(void **state) {
    (void)state;
    puppet_open(&p, 16, 3, 0);
    /* All but the machine itself vote twice in every round that it keeps; nothing breaks and each is told at most 16
     * times. */
    for (int32_t round = 0; round < 30; round++) {
        for (uint32_t i = 0; i < 16; i++) {
            if (i == p.self) continue;
            for (uint8_t k = 0; k < 4; k++) {
                assay_block_id x = invented((uint8_t)(k + i * 4));
                puppet_says(&p, i, ASSAY_PREVOTE, round, &x);
                puppet_look(&p);
            }
        }
        assert_true(round_of(&p) >= round - 2);
    }
    uint32_t told = 0;
    made_block a = puppet_block(&p, 1, NULL);
    p.evidence_count = 0;
    assay_engine_finalized result = {.app_hash = {{9}}};
    assay_bft_chain next;
    must(assay_bft_chain_next(&next, &p.keep, &p.chain, &a.block, &a.id, &result, p.scratch));
    p.chain = next;
    assay_commit_sig sigs[16];
    for (uint32_t i = 0; i < 16; i++) {
        assay_vote v = puppet_vote(&p, i, ASSAY_PRECOMMIT, 1, 0, &a.id);
        sigs[i] = (assay_commit_sig){ASSAY_FLAG_COMMIT, v.validator, v.timestamp, v.signature};
    }
    assay_commit commit = {1, 0, a.id, sigs, 16};
    must(assay_bft_height(p.bft, &p.chain, &commit, 50));
    assay_bft_effect e;
    while (assay_bft_effect_next(p.bft, &e))
        if (e.kind == ASSAY_BFT_EVIDENCE) told++;
    assert_true(told >= 100 && told <= 15 * 16);
}

/* ---- late, early, far ---------------------------------------------------------------------------------------- */

/* Decides with three of four, so that one precommit is missing, and begins the next height. */
static made_block decide_without(uint32_t missing, int32_t self_round, int64_t start_ns) {
    puppet_open(&p, 4, self_round, 0);
    missing = missing == p.self ? (missing + 1) % 4 : missing;
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 4, ASSAY_PREVOTE, 0, &a.id);
    for (uint32_t i = 0; i < 4; i++)
        if (i != p.self && i != missing) puppet_says(&p, i, ASSAY_PRECOMMIT, 0, &a.id);
    assert_true(p.decided);
    assert_int_equal(p.commit.sigs[missing].flag, ASSAY_FLAG_ABSENT);
    puppet_next_height(&p, &a, start_ns);
    return a;
}

/* The round of height 1 whose proposer proposes first at height 2. */
static int32_t proposer_of_next(void) {
    for (int32_t round = 1; round < 4; round++) {
        puppet_open(&p, 4, round, 0);
        assay_validator_set *next = &p.chain.next_validators;
        if (assay_validators_proposer(next) == p.self) return round;
    }
    fail_msg("nobody proposes");
    return 0;
}

static void test_late_precommits_join_the_next_commit(void **state) {
    (void)state;
    int32_t self_round = proposer_of_next();
    for (uint32_t missing = 0; missing < 4; missing++) {
        puppet_open(&p, 4, self_round, 0);
        if (missing == p.self) continue;
        made_block a = decide_without(missing, self_round, 50);
        assay_vote late = puppet_vote(&p, missing, ASSAY_PRECOMMIT, 1, 0, &a.id);
        must(puppet_say(&p, &late));
        must(assay_bft_start_now(p.bft));
        puppet_drain(&p);
        assert_int_equal(p.makes, 1);
        assert_int_equal(p.commit.sigs[missing].flag, ASSAY_FLAG_COMMIT);
        uint64_t power;
        must(assay_commit_check(&power, &p.commit, &p.chain.last_validators, puppet_chain_id(), &a.id, 1, p.scratch));
        assert_int_equal(power, 40);
    }
}

static void test_late_precommit_for_nil_joins_too(void **state) {
    (void)state;
    int32_t self_round = proposer_of_next();
    uint32_t missing = other(0);
    made_block a = decide_without(missing, self_round, 50);
    assay_vote late = puppet_vote(&p, missing, ASSAY_PRECOMMIT, 1, 0, &puppet_nil);
    must(puppet_say(&p, &late));
    must(assay_bft_start_now(p.bft));
    puppet_drain(&p);
    assert_int_equal(p.commit.sigs[missing].flag, ASSAY_FLAG_NIL);
    uint64_t power;
    must(assay_commit_check(&power, &p.commit, &p.chain.last_validators, puppet_chain_id(), &a.id, 1, p.scratch));
}

static void test_forged_late_precommit_does_not_join_nor_block(void **state) {
    (void)state;
    int32_t self_round = proposer_of_next();
    uint32_t missing = other(0);
    for (int with_true = 0; with_true < 2; with_true++) {
        made_block a = decide_without(missing, self_round, 50);
        assay_vote good = puppet_vote(&p, missing, ASSAY_PRECOMMIT, 1, 0, &a.id), forged = good;
        forged.signature.b[3] ^= 1;
        must(puppet_say(&p, &forged)); /* kept unverified: it changes nothing */
        if (with_true) must(puppet_say(&p, &good));
        forged.signature.b[9] ^= 1;
        assay_err err = puppet_say(&p, &forged);
        assert_int_equal(err, with_true ? ASSAY_OK : ASSAY_E_SIGNATURE);
        must(assay_bft_start_now(p.bft));
        puppet_drain(&p);
        assert_int_equal(p.makes, 1);
        assert_int_equal(p.commit.sigs[missing].flag, with_true ? ASSAY_FLAG_COMMIT : ASSAY_FLAG_ABSENT);
        assert_int_equal(p.evidence_count, 0);
    }
}

static void test_forged_vote_proves_nothing(void **state) {
    (void)state;
    made_block a = decide_without(1, 2, 50);
    uint32_t victim = other(1);
    assay_vote forged = puppet_vote(&p, victim, ASSAY_PRECOMMIT, 1, 0, &puppet_nil);
    forged.signature.b[0] ^= 1;
    assert_int_equal(puppet_say(&p, &forged), ASSAY_E_SIGNATURE); /* nil has no tally: verified at once */
    assay_vote kept = puppet_vote(&p, victim, ASSAY_PRECOMMIT, 1, 0, &a.id);
    kept.signature.b[0] ^= 1;
    must(puppet_say(&p, &kept)); /* waits unverified */
    assay_vote real = puppet_vote(&p, victim, ASSAY_PRECOMMIT, 1, 0, &puppet_nil);
    must(puppet_say(&p, &real)); /* contradicts the forged one: that one is dropped, nobody accused */
    assert_int_equal(p.evidence_count, 0);
    real = puppet_vote(&p, victim, ASSAY_PRECOMMIT, 1, 0, &a.id);
    must(puppet_say(&p, &real));
    assert_int_equal(p.evidence_count, 1);
}

static void test_early_messages_are_kept_for_the_next_height(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 4, ASSAY_PREVOTE, 0, &a.id);
    /* The others have decided already and are at height 2, all four signatures in their commit. */
    assay_bft_chain before = p.chain;
    assay_engine_finalized result = {.app_hash = {{9}}};
    assay_bft_chain next;
    must(assay_bft_chain_next(&next, &p.keep, &p.chain, &a.block, &a.id, &result, p.scratch));
    assay_commit_sig sigs[4];
    for (uint32_t i = 0; i < 4; i++) {
        assay_vote v = puppet_vote(&p, i, ASSAY_PRECOMMIT, 1, 0, &a.id);
        sigs[i] = (assay_commit_sig){ASSAY_FLAG_COMMIT, v.validator, v.timestamp, v.signature};
    }
    assay_commit commit = {1, 0, a.id, sigs, 4};
    p.chain = next;
    uint32_t proposer = puppet_proposer(&p, 0);
    made_block b = puppet_block(&p, 2, &commit);
    p.chain = before;
    assay_proposal proposal = puppet_proposal(&p, 2, 0, -1, &b.id, proposer);
    must(puppet_send_proposal(&p, &proposal, b.encoded));
    for (uint32_t i = 0, said = 0; i < 4 && said < 2; i++) {
        if (i == p.self) continue;
        assay_vote v = puppet_vote(&p, i, ASSAY_PREVOTE, 2, 0, &b.id);
        must(puppet_say(&p, &v));
        assert_int_equal(p.behind, said == 0 ? 0 : 2); /* more than a third is there: somebody honest has decided */
        said++;
    }
    puppet_all_say(&p, 4, ASSAY_PRECOMMIT, 0, &a.id);
    assert_true(p.decided);
    puppet_look(&p);
    puppet_next_height(&p, &a, 1000); /* no waiting: the proposal is here */
    if (proposer != p.self) {
        assert_int_equal(p.sent_count, 2); /* prevote; with the two that came early, the precommit */
        assert_int_equal(p.sent[0].height, 2);
        assert_true(assay_block_id_eq(&p.sent[0].block_id, &b.id));
    }
}

/* Peers were already in round 1 of the next height. */
static void test_early_votes_pull_up_as_well(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    for (uint32_t i = 0, said = 0; i < 4 && said < 2; i++) {
        if (i == p.self) continue;
        assay_vote v = puppet_vote(&p, i, ASSAY_PREVOTE, 2, 1, &puppet_nil);
        must(puppet_say(&p, &v));
        said++;
    }
    decide(&a);
    puppet_next_height(&p, &a, 1000);
    assert_int_equal(assay_bft_look(p.bft).height, 2);
    assert_int_equal(round_of(&p), 1);
    assert_false(assay_bft_look(p.bft).waiting);
}

/* The own precommit is signed when the decision is known: it still goes out, though the next height has begun. */
static void test_own_vote_outlives_its_height(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    p.holds = true;
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &a.id);
    puppet_look(&p);
    must(assay_bft_block_checked(p.bft, a.id, true));
    assay_bft_effect e;
    while (!p.decided && assay_bft_effect_next(p.bft, &e)) puppet_carry_out(&p, &e);
    assert_int_equal(p.asked_count, 1); /* a prevote would change nothing any more */
    assert_int_equal(p.sent_count, 0);
    puppet_next_height(&p, &a, 1000);
    assert_int_equal(p.sent_count, 1);
    assert_int_equal(p.sent[0].type, ASSAY_PRECOMMIT);
    assert_int_equal(p.sent[0].height, 1);
}

static void test_far_votes_tell_to_fetch(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    uint32_t one = other(0);
    assay_block_id x = invented(1);
    assay_vote forged = puppet_vote(&p, one, ASSAY_PREVOTE, 100, 0, &x);
    forged.signature.b[1] ^= 1;
    assert_int_equal(puppet_say(&p, &forged), ASSAY_E_SIGNATURE);
    assert_int_equal(p.behind, 0);
    assay_vote stranger = puppet_vote(&p, one, ASSAY_PREVOTE, 100, 0, &x);
    stranger.validator.b[0] ^= 1;
    must(puppet_say(&p, &stranger)); /* may be a validator by then: nobody knows here */
    assert_int_equal(p.behind, 0);
    assay_vote real = puppet_vote(&p, one, ASSAY_PREVOTE, 100, 0, &x);
    must(puppet_say(&p, &real));
    assert_int_equal(p.behind, 100);
    puppet_look(&p);
    real = puppet_vote(&p, one, ASSAY_PREVOTE, 101, 0, &x);
    must(puppet_say(&p, &real)); /* once a height */
    assert_int_equal(p.behind, 0);
}

/* ---- what is refused ----------------------------------------------------------------------------------------- */

static void test_faulty_senders(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    uint32_t one = other(0);
    assay_vote good = puppet_vote(&p, one, ASSAY_PREVOTE, 1, 0, &puppet_nil), bad = good;
    bad.signature.b[0] ^= 1;
    assert_int_equal(puppet_say(&p, &bad), ASSAY_E_SIGNATURE);
    bad = good;
    bad.validator_index = 4;
    assert_int_equal(puppet_say(&p, &bad), ASSAY_E_RANGE);
    bad.validator_index = (int32_t)other(one + 1);
    assert_int_equal(puppet_say(&p, &bad), ASSAY_E_SIGNATURE);
    bad = good;
    bad.timestamp.nanos++;
    assert_int_equal(puppet_say(&p, &bad), ASSAY_E_SIGNATURE);
    bad = puppet_vote(&p, one, ASSAY_PREVOTE, 1, 0, &puppet_nil);
    bad.type = ASSAY_PRECOMMIT;
    assert_int_equal(puppet_say(&p, &bad), ASSAY_E_SIGNATURE);
    assert_int_equal(assay_bft_look(p.bft).round, 0);

    made_block a = puppet_block(&p, 1, NULL), b = puppet_block(&p, 2, NULL);
    uint32_t proposer = puppet_proposer(&p, 0);
    assay_proposal proposal = puppet_proposal(&p, 1, 0, -1, &a.id, puppet_proposer(&p, 1));
    assert_int_equal(puppet_send_proposal(&p, &proposal, a.encoded), ASSAY_E_SIGNATURE); /* not its turn */
    proposal = puppet_proposal(&p, 1, 0, -1, &a.id, proposer);
    assert_int_equal(puppet_send_proposal(&p, &proposal, b.encoded), ASSAY_E_BLOCK); /* other bytes than its id says */
    assay_block_id wrong = a.id;
    wrong.hash.b[0] ^= 1;
    proposal = puppet_proposal(&p, 1, 0, -1, &wrong, proposer);
    assert_int_equal(puppet_send_proposal(&p, &proposal, a.encoded), ASSAY_E_BLOCK); /* the parts', not the header's */
    uint8_t garbage[100] = {0xff};
    assay_block_id of_garbage = {{{1}}, 0, {{0}}};
    must(assay_block_parts(&of_garbage.parts_total, &of_garbage.parts_hash, (assay_bytes){garbage, 100}, p.scratch));
    proposal = puppet_proposal(&p, 1, 0, -1, &of_garbage, proposer);
    assert_int_equal(puppet_send_proposal(&p, &proposal, (assay_bytes){garbage, 100}), ASSAY_E_ENCODING);
    expect_silence(&p);
    puppet_proposes(&p, 0, -1, &a); /* none of them stood in the way */
    expect_vote(&p, ASSAY_PREVOTE, 0, &a.id);
}

static void test_malformed_messages(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    uint32_t one = other(0);
    uint8_t memory[1024];
    assay_buf out = {memory, 0, sizeof memory};
    assay_vote vote = puppet_vote(&p, one, ASSAY_PREVOTE, 1, 0, &puppet_nil);
    must(assay_bft_encode_vote_message(&out, &vote));
    assert_int_equal(assay_bft_message(p.bft, (assay_bytes){0}), ASSAY_E_ENCODING);
    assert_int_equal(assay_bft_message(p.bft, (assay_bytes){memory, 2}), ASSAY_E_ENCODING); /* says nothing */
    for (size_t len = 0; len < out.len; len++)
        assert_int_not_equal(assay_bft_message(p.bft, (assay_bytes){memory, len}), ASSAY_OK);
    memory[1] = 2;
    assert_int_equal(assay_bft_message(p.bft, (assay_bytes){memory, out.len}), ASSAY_E_FORMAT);
    memory[1] = 1;
    memory[out.len] = 0x28; /* an unknown field */
    memory[out.len + 1] = 1;
    assert_int_equal(assay_bft_message(p.bft, (assay_bytes){memory, out.len + 2}), ASSAY_E_ENCODING);
    /* A vote with something behind its signature: CometBFT would skip it, here one vote has one encoding. */
    uint8_t padded[1024];
    memcpy(padded, memory, out.len);
    size_t head = padded[3] < 0x80 ? 4 : 5;
    size_t vote_len = out.len - head + 2;
    assay_buf again = {padded, 3, sizeof padded};
    must(assay_codec_put_varint(&again, vote_len));
    memcpy(padded + again.len, memory + head, out.len - head);
    again.len += out.len - head;
    padded[again.len++] = 0x78; /* field 15 */
    padded[again.len++] = 1;
    assert_int_equal(assay_bft_message(p.bft, (assay_bytes){padded, again.len}), ASSAY_E_ENCODING);
    must(assay_bft_message(p.bft, (assay_bytes){memory, out.len}));
    static uint8_t large[ASSAY_BFT_MESSAGE_LEN_MAX + 1];
    assert_int_equal(assay_bft_message(p.bft, (assay_bytes){large, sizeof large}), ASSAY_E_SIZE);
}

/* Whatever one liar sends, the others decide, and what it can make the machine hold is bounded by pools. */
static void test_flood_by_one_validator(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    uint32_t liar = puppet_proposer(&p, 3);
    uint64_t seed = 7;
    for (int i = 0; i < 3000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        assay_block_id x = invented((uint8_t)(seed >> 33));
        x.hash.b[2] = (uint8_t)(seed >> 41);
        assay_vote v = puppet_vote(&p, liar, (seed >> 20) % 2 ? ASSAY_PREVOTE : ASSAY_PRECOMMIT,
                                   1 + (int64_t)((seed >> 50) % 2), (int32_t)((seed >> 55) % 40), &x);
        must(puppet_say(&p, &v));
        puppet_look(&p);
    }
    assert_int_equal(round_of(&p), 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    expect_vote(&p, ASSAY_PREVOTE, 0, &a.id);
    for (uint32_t i = 0; i < 4; i++)
        if (i != p.self && i != liar) puppet_says(&p, i, ASSAY_PREVOTE, 0, &a.id);
    for (uint32_t i = 0; i < 4; i++)
        if (i != p.self && i != liar) puppet_says(&p, i, ASSAY_PRECOMMIT, 0, &a.id);
    assert_true(p.decided);
    assert_true(p.evidence_count >= 2);
}

/* Many failed rounds: old ones make room, with their blocks, and the lock stays. */
static void test_many_rounds(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id);
    for (int32_t round = 0; round < 200; round++) {
        puppet_all_say(&p, 3, ASSAY_PRECOMMIT, round, &puppet_nil);
        assert_int_equal(round_of(&p), round + 1);
        if (puppet_proposer(&p, round + 1) == p.self) continue; /* it proposes the locked value itself */
        made_block b = puppet_block(&p, (uint8_t)(2 + round % 90), NULL);
        puppet_look(&p);
        puppet_proposes(&p, round + 1, -1, &b);
        expect_vote(&p, ASSAY_PREVOTE, round + 1, &puppet_nil);
        p.keep.at -= 8192; /* this block's bytes were copied */
    }
    assert_true(assay_bft_look(p.bft).locked);
    int32_t now = round_of(&p);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, now, &puppet_nil);
    while (puppet_proposer(&p, round_of(&p)) == p.self)
        puppet_all_say(&p, 3, ASSAY_PRECOMMIT, round_of(&p), &puppet_nil);
    puppet_look(&p);
    puppet_proposes(&p, round_of(&p), 0, &a); /* with the polka of round 0, which was kept for the lock's sake */
    expect_vote(&p, ASSAY_PREVOTE, round_of(&p), &a.id);
}

static void test_effects_must_be_taken(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    uint32_t one = other(0);
    puppet_says(&p, one, ASSAY_PREVOTE, 0, &puppet_nil);
    assay_err err = ASSAY_OK;
    int calls = 0;
    for (; calls < 1000 && err == ASSAY_OK; calls++) err = assay_bft_resend(p.bft);
    assert_int_equal(err, ASSAY_F_MEMORY);
    assert_true(calls > 50);
    uint8_t memory[512];
    assay_vote v = puppet_vote(&p, one, ASSAY_PRECOMMIT, 1, 0, &puppet_nil);
    assay_buf out = {memory, 0, sizeof memory};
    must(assay_bft_encode_vote_message(&out, &v));
    assert_int_equal(assay_bft_message(p.bft, (assay_bytes){memory, out.len}), ASSAY_F_MEMORY);
    assert_int_equal(assay_bft_timeout(p.bft, 1, 0, ASSAY_STEP_PROPOSE), ASSAY_F_MEMORY);
    assay_bft_effect e;
    while (assay_bft_effect_next(p.bft, &e)) calls--;
    assert_int_equal(calls, 1); /* the call that was refused left nothing */
    must(assay_bft_message(p.bft, (assay_bytes){memory, out.len}));
}

/* ---- batches, resending -------------------------------------------------------------------------------------- */

/* The messages of an observer that saw all but one of the needed precommits are enough for one that saw nothing. */
static void test_resend_brings_a_peer_up(void **state) {
    (void)state;
    static uint8_t messages[8][16384];
    size_t lens[8], count = 0;
    puppet_open(&p, 16, -1, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 12, ASSAY_PREVOTE, 0, &a.id);
    puppet_all_say(&p, 10, ASSAY_PRECOMMIT, 0, &a.id);
    must(assay_bft_resend(p.bft));
    assay_bft_effect e;
    while (assay_bft_effect_next(p.bft, &e)) {
        assert_int_equal(e.kind, ASSAY_BFT_SEND);
        assert_true(count < 8 && e.bytes.len <= sizeof messages[0]);
        memcpy(messages[count], e.bytes.ptr, e.bytes.len);
        lens[count++] = e.bytes.len;
    }
    assert_int_equal(count, 2);
    int32_t self_round = 1;
    while (puppet_proposer(&p, self_round) < 12) self_round++; /* one that has not voted */
    for (int damaged = 0; damaged < 2; damaged++) {
        puppet_open(&p, 16, self_round, 0);
        for (size_t i = 0; i < count; i++) {
            if (damaged && i == 1) {
                messages[i][lens[i] - 30] ^= 1; /* in the last vote's signature: the others of its batch count */
                assert_int_equal(assay_bft_message(p.bft, (assay_bytes){messages[i], lens[i]}), ASSAY_E_SIGNATURE);
            } else {
                must(assay_bft_message(p.bft, (assay_bytes){messages[i], lens[i]}));
            }
            puppet_drain(&p);
        }
        assert_true(assay_bft_look(p.bft).locked);
        assert_int_equal(p.decided, !damaged); /* 11 of 16 are needed: 10, and our own */
    }
}

static void test_resend_shows_the_polka_of_a_lock(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    for (int32_t round = 1; round < 5; round++) puppet_all_say(&p, 3, ASSAY_PRECOMMIT, round, &puppet_nil);
    puppet_look(&p);
    must(assay_bft_resend(p.bft));
    puppet_drain(&p);
    assert_true(p.sends >= 2); /* the round before, and the one of the lock */
}

/* A polka that rests on what an equivocator said second: who hears of it must see that vote too. */
static void test_resend_shows_the_second_vote_that_counts(void **state) {
    (void)state;
    static uint8_t messages[8][8192];
    size_t lens[8], count = 0;
    puppet_open(&p, 4, -1, 0);
    made_block a = puppet_block(&p, 1, NULL);
    assay_block_id x = invented(1);
    puppet_proposes(&p, 0, -1, &a);
    puppet_says(&p, 0, ASSAY_PREVOTE, 0, &x);
    puppet_says(&p, 0, ASSAY_PREVOTE, 0, &a.id);
    puppet_says(&p, 1, ASSAY_PREVOTE, 0, &a.id);
    puppet_says(&p, 2, ASSAY_PREVOTE, 0, &a.id);
    must(assay_bft_resend(p.bft));
    assay_bft_effect e;
    while (assay_bft_effect_next(p.bft, &e)) {
        assert_true(e.kind == ASSAY_BFT_SEND && count < 8 && e.bytes.len <= sizeof messages[0]);
        memcpy(messages[count], e.bytes.ptr, e.bytes.len);
        lens[count++] = e.bytes.len;
    }
    int32_t round = 0;
    while (puppet_proposer(&p, round) != 3) round++;
    puppet_open(&p, 4, round, 0);
    puppet_says(&p, 0, ASSAY_PREVOTE, 0, &x); /* all that this one has heard of the liar */
    puppet_time(&p, 0, ASSAY_STEP_PROPOSE);
    for (size_t i = 0; i < count; i++) must(assay_bft_message(p.bft, (assay_bytes){messages[i], lens[i]}));
    puppet_drain(&p);
    assert_true(assay_bft_look(p.bft).locked);
}

/* ---- the check of a proposed block --------------------------------------------------------------------------- */

/* The quick check trusts what this machine verified, and nothing else: it says what the full one says. */
static void check_commit(const assay_commit *commit, assay_err wanted) {
    made_block b = puppet_block(&p, 9, commit);
    assert_int_equal(assay_bft_block_check(&p.chain, &b.block, p.scratch), wanted);
    assert_int_equal(assay_bft_proposal_check(p.bft, &b.block, p.scratch), wanted);
}

static void test_proposal_check_trusts_only_what_was_verified(void **state) {
    (void)state;
    uint32_t missing = 1;
    made_block a = decide_without(missing, 2, 50);
    if (p.commit.sigs[missing].flag != ASSAY_FLAG_ABSENT) missing = (missing + 1) % 4;
    assay_commit_sig sigs[4];
    assay_commit commit = p.commit;
    commit.sigs = sigs;
    memcpy(sigs, p.commit.sigs, sizeof sigs);
    check_commit(&commit, ASSAY_OK);
    assay_vote unseen = puppet_vote(&p, missing, ASSAY_PRECOMMIT, 1, 0, &a.id);
    sigs[missing] = (assay_commit_sig){ASSAY_FLAG_COMMIT, unseen.validator, unseen.timestamp, unseen.signature};
    check_commit(&commit, ASSAY_OK);
    sigs[missing].signature.b[5] ^= 1; /* forged, and of somebody who was not heard */
    check_commit(&commit, ASSAY_E_SIGNATURE);
    sigs[missing] = (assay_commit_sig){.flag = ASSAY_FLAG_ABSENT};
    for (uint32_t i = 0; i < 4; i++) {
        if (i == missing) continue;
        const assay_commit_sig good = sigs[i];
        sigs[i].signature.b[5] ^= 1;
        check_commit(&commit, ASSAY_E_SIGNATURE);
        sigs[i] = good;
        sigs[i].timestamp.nanos++;
        check_commit(&commit, ASSAY_E_SIGNATURE);
        sigs[i] = good;
        sigs[i].flag = ASSAY_FLAG_NIL; /* the same signature, for another word */
        check_commit(&commit, ASSAY_E_COMMIT); /* two of four are left */
        sigs[i] = (assay_commit_sig){.flag = ASSAY_FLAG_ABSENT};
        check_commit(&commit, ASSAY_E_COMMIT);
        sigs[i] = good;
        sigs[i].validator = p.chain.last_validators.validators[missing].address;
        check_commit(&commit, ASSAY_E_COMMIT);
        sigs[i] = good;
    }
    sigs[missing] = (assay_commit_sig){ASSAY_FLAG_COMMIT, unseen.validator, unseen.timestamp, unseen.signature};
    uint32_t other_one = other(missing + 1 == 4 ? 0 : missing + 1);
    sigs[other_one].flag = ASSAY_FLAG_NIL; /* three of four for the block, one known signature for nil: it was not */
    check_commit(&commit, ASSAY_E_SIGNATURE);
    sigs[other_one].flag = ASSAY_FLAG_COMMIT;
    commit.round++;
    check_commit(&commit, ASSAY_E_SIGNATURE);
    commit.round--;
    commit.height++;
    check_commit(&commit, ASSAY_E_COMMIT);
}

/* ---- several at once ----------------------------------------------------------------------------------------- */

/* Several messages at once: a verdict for each, and the same outcome as one by one. */
static void test_messages_together(void **state) {
    (void)state;
    static uint8_t memory[24][8192];
    assay_bytes messages[24];
    assay_err verdicts[24];
    for (int forged = 0; forged < 2; forged++) {
        uint32_t count = 0;
        puppet_open(&p, 16, 15, 0);
        made_block a = puppet_block(&p, 1, NULL);
        for (uint32_t i = 0; i < 16; i++) {
            if (i == p.self) continue;
            assay_buf out = {memory[count], 0, sizeof memory[0]};
            if (i == 5) { /* the proposal comes in the middle */
                assay_proposal proposal = puppet_proposal(&p, 1, 0, -1, &a.id, puppet_proposer(&p, 0));
                must(assay_bft_encode_proposal_message(&out, &proposal, a.encoded));
                messages[count] = (assay_bytes){out.ptr, out.len};
                out = (assay_buf){memory[++count], 0, sizeof memory[0]};
            }
            assay_vote v = puppet_vote(&p, i, ASSAY_PREVOTE, 1, 0, &a.id);
            if (forged && (i == 3 || i == 9)) v.signature.b[40] ^= 1;
            must(assay_bft_encode_vote_message(&out, &v));
            messages[count++] = (assay_bytes){out.ptr, out.len};
        }
        memory[count][0] = 0xff;
        messages[count++] = (assay_bytes){memory[count], 9};
        must(assay_bft_messages(p.bft, verdicts, messages, count));
        puppet_drain(&p);
        uint32_t bad = 0;
        for (uint32_t i = 0; i + 1 < count; i++) {
            bad += verdicts[i] == ASSAY_E_SIGNATURE;
            assert_true(verdicts[i] == ASSAY_OK || verdicts[i] == ASSAY_E_SIGNATURE);
        }
        assert_int_equal(verdicts[count - 1], ASSAY_E_ENCODING);
        assert_int_equal(bad, forged ? 2 : 0);
        assert_int_equal(p.sent_count, 2); /* prevote and precommit: 13 or more of 16 are for it */
        assert_true(assay_bft_look(p.bft).locked);
    }
}

/* ---- times, sizes, arguments --------------------------------------------------------------------------------- */

static void test_vote_time_is_after_the_block(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    assay_time genesis = {1795348800, 0};
    assert_int_equal(assay_base_time_cmp(assay_bft_vote_time(p.bft), assay_base_time_add_ns(genesis, 1000000)), 0);
    made_block a = puppet_block(&p, 1, NULL);
    decide(&a);
    puppet_next_height(&p, &a, 0);
    assay_time bound = assay_base_time_add_ns(p.chain.last_time, 1000000);
    assert_true(assay_base_time_cmp(assay_bft_vote_time(p.bft), bound) >= 0);
    uint32_t proposer = puppet_proposer(&p, 0);
    if (proposer == p.self) return;
    made_block b = puppet_block(&p, 2, &p.commit);
    puppet_proposes(&p, 0, -1, &b);
    bound = assay_base_time_add_ns(b.block.header.time, 1000000);
    assert_int_equal(assay_base_time_cmp(assay_bft_vote_time(p.bft), bound), 0);
}

static void test_open_and_height_arguments(void **state) {
    (void)state;
    static uint8_t keep[1 << 20], height[64 << 20];
    puppet_open(&p, 4, 2, 0);
    assay_bft_config good = {.chain_id = puppet_chain_id(), .rounds_kept = 2}, bad = good;
    assay_bft *bft;
    size_t least = assay_bft_height_footprint(4, 3);
#define OPEN(keep_size, height_size, n, config)                                                                        \
    assay_bft_open(&bft, &(assay_arena){keep, keep + (keep_size)}, assay_base_arena(height, (height_size)), (n),       \
                   (config))
    assert_true(least < sizeof height);
    assert_int_equal(OPEN(sizeof keep, least, 4, &good), ASSAY_OK);
    assert_int_equal(OPEN(assay_bft_footprint(4), least, 4, &good), ASSAY_OK);
    assert_int_equal(OPEN(assay_bft_footprint(4) / 2, least, 4, &good), ASSAY_F_MEMORY);
    assert_int_equal(OPEN(sizeof keep, least - 1, 4, &good), ASSAY_F_MEMORY);
    assert_int_equal(OPEN(sizeof keep, least, 0, &good), ASSAY_E_RANGE);
    assert_int_equal(OPEN(sizeof keep, least, ASSAY_VALIDATORS_MAX + 1, &good), ASSAY_E_RANGE);
    bad.rounds_kept = ASSAY_BFT_ROUNDS_KEPT_MAX + 1;
    assert_int_equal(OPEN(sizeof keep, least, 4, &bad), ASSAY_E_RANGE);
    bad = good;
    bad.vote_ns = -1;
    assert_int_equal(OPEN(sizeof keep, least, 4, &bad), ASSAY_E_RANGE);
    bad = good;
    bad.chain_id.len = 0;
    assert_int_equal(OPEN(sizeof keep, least, 4, &bad), ASSAY_E_RANGE);

    assert_int_equal(OPEN(sizeof keep, least, 3, &good), ASSAY_OK);
    assay_commit none = {0};
    /* Before the first height nothing matters. */
    must(assay_bft_message(bft, ASSAY_STR("x")));
    must(assay_bft_timeout(bft, 1, 0, ASSAY_STEP_PROPOSE));
    must(assay_bft_start_now(bft));
    must(assay_bft_resend(bft));
    must(assay_bft_block_checked(bft, puppet_nil, true));
    must(assay_bft_block_made(bft, 1, 0, ASSAY_STR("x")));
    assay_bft_effect e;
    assert_false(assay_bft_effect_next(bft, &e));
    assert_int_equal(assay_bft_look(bft).height, 0);
    assert_int_equal(assay_bft_height(bft, &p.chain, &none, 0), ASSAY_E_RANGE); /* four validators, opened for three */
    assert_int_equal(OPEN(sizeof keep, least, 4, &good), ASSAY_OK);
    assay_commit_sig sig = {.flag = ASSAY_FLAG_ABSENT};
    assay_commit odd = {.sigs = &sig, .sigs_count = 1};
    assert_int_equal(assay_bft_height(bft, &p.chain, &odd, 0), ASSAY_E_RANGE);
    must(assay_bft_height(bft, &p.chain, &none, 0));
    assay_bft_config other_chain = good;
    other_chain.chain_id = ASSAY_STR("assay-other");
    assert_int_equal(OPEN(sizeof keep, least, 4, &other_chain), ASSAY_OK);
    assert_int_equal(assay_bft_height(bft, &p.chain, &none, 0), ASSAY_E_RANGE);
}

static void test_made_block_must_be_one(void **state) {
    (void)state;
    static uint8_t keep[1 << 20], height[64 << 20];
    puppet_open(&p, 4, 0, 1000);
    assay_bft_config config = {.chain_id = puppet_chain_id(), .public_key = p.keys[p.self], .rounds_kept = 2};
    assay_bft *bft;
    assert_int_equal(OPEN(sizeof keep, sizeof height, 4, &config), ASSAY_OK);
    must(assay_bft_height(bft, &p.chain, &(assay_commit){0}, 0));
    made_block a = puppet_block(&p, 1, NULL);
    assert_int_equal(assay_bft_block_made(bft, 1, 0, ASSAY_STR("no block")), ASSAY_E_ENCODING);
    must(assay_bft_block_made(bft, 1, 1, a.encoded)); /* another round: ignored */
    must(assay_bft_block_made(bft, 1, 0, a.encoded));
    assay_bft_effect e;
    bool asked = false;
    while (assay_bft_effect_next(bft, &e)) {
        if (e.kind != ASSAY_BFT_SIGN_PROPOSAL) continue;
        asked = true;
        assay_proposal wrong = e.proposal;
        wrong.pol_round = 3;
        assert_int_equal(assay_bft_proposal_signed(bft, &wrong, true), ASSAY_E_BLOCK);
        must(assay_bft_proposal_signed(bft, &e.proposal, false));
        must(assay_bft_proposal_signed(bft, &e.proposal, true)); /* refused is refused */
    }
    assert_true(asked);
    assert_int_equal(assay_bft_look(bft).step, ASSAY_STEP_PROPOSE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evidence_comes_with_the_decision_and_its_time),
        cmocka_unit_test(test_evidence_of_a_height_that_was_fetched),
        cmocka_unit_test(test_evidence_from_votes_that_come_after_the_decision),
        cmocka_unit_test(test_first_lie_does_not_hide_a_polka),
        cmocka_unit_test(test_a_liar_counts_once),
        cmocka_unit_test(test_evidence_is_bounded),
        cmocka_unit_test(test_late_precommits_join_the_next_commit),
        cmocka_unit_test(test_late_precommit_for_nil_joins_too),
        cmocka_unit_test(test_forged_late_precommit_does_not_join_nor_block),
        cmocka_unit_test(test_forged_vote_proves_nothing),
        cmocka_unit_test(test_early_messages_are_kept_for_the_next_height),
        cmocka_unit_test(test_early_votes_pull_up_as_well),
        cmocka_unit_test(test_own_vote_outlives_its_height),
        cmocka_unit_test(test_far_votes_tell_to_fetch),
        cmocka_unit_test(test_faulty_senders),
        cmocka_unit_test(test_malformed_messages),
        cmocka_unit_test(test_flood_by_one_validator),
        cmocka_unit_test(test_many_rounds),
        cmocka_unit_test(test_effects_must_be_taken),
        cmocka_unit_test(test_resend_brings_a_peer_up),
        cmocka_unit_test(test_resend_shows_the_polka_of_a_lock),
        cmocka_unit_test(test_resend_shows_the_second_vote_that_counts),
        cmocka_unit_test(test_proposal_check_trusts_only_what_was_verified),
        cmocka_unit_test(test_messages_together),
        cmocka_unit_test(test_vote_time_is_after_the_block),
        cmocka_unit_test(test_open_and_height_arguments),
        cmocka_unit_test(test_made_block_must_be_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
