/* SPDX-License-Identifier: Apache-2.0
 *
 * The paper's algorithm, rule by rule: each test's name carries the lines of algorithm 1 in arXiv 1807.04938 that it is
 * about. Four validators of equal power: f = 1, 2f + 1 = 3. */
#include "puppet_internal.h"

static puppet p;

/* ---- L11 to L21: a round begins ------------------------------------------------------------------------------ */

static void test_L11_L18_L19_proposer_makes_a_new_value(void **state) {
    (void)state;
    puppet_open(&p, 4, 0, 0);
    assert_int_equal(p.makes, 1);
    assert_int_equal(p.proposals, 1);
    assert_int_equal(p.proposal.round, 0);
    assert_int_equal(p.proposal.pol_round, -1);
    assert_true(assay_block_id_eq(&p.proposal.block_id, &p.own.id));
    assert_int_equal(p.checks, 1); /* its own too */
    assert_int_equal(p.sends, 2);  /* proposal and prevote */
    expect_vote(&p, ASSAY_PREVOTE, 0, &p.own.id);
}

static void test_L11_others_do_not_propose(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    assert_int_equal(p.makes + p.proposals + p.sends, 0);
    assert_int_equal(step_of(&p), ASSAY_STEP_PROPOSE);
}

static void test_L15_L16_proposer_proposes_its_valid_value(void **state) {
    (void)state;
    puppet_open(&p, 4, 1, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id); /* with its own: a polka */
    puppet_look(&p);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil); /* the round fails, and the next is ours */
    assert_int_equal(round_of(&p), 1);
    assert_int_equal(p.makes, 0);
    assert_int_equal(p.proposals, 1);
    assert_int_equal(p.proposal.pol_round, 0);
    assert_true(assay_block_id_eq(&p.proposal.block_id, &a.id));
    /* It prevotes for it by L28: locked in round 0, and the polka of round 0 is there. */
    expect_vote(&p, ASSAY_PREVOTE, 1, &a.id);
}

static void test_L20_L21_timeouts_grow_with_rounds(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    assert_int_equal(expect_scheduled(&p, 0, ASSAY_STEP_PROPOSE), 1000);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    assert_int_equal(expect_scheduled(&p, 1, ASSAY_STEP_PROPOSE), 1500);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 1, &puppet_nil);
    assert_int_equal(expect_scheduled(&p, 2, ASSAY_STEP_PROPOSE), 2000);
    puppet_time(&p, 2, ASSAY_STEP_PROPOSE);
    puppet_all_say(&p, 1, ASSAY_PREVOTE, 2, &puppet_nil);
    puppet_says(&p, (p.self + 3) % 4, ASSAY_PREVOTE, 2, &(assay_block_id){{{1}}, 1, {{1}}});
    assert_int_equal(expect_scheduled(&p, 2, ASSAY_STEP_PREVOTE_WAIT), 700);
}

/* ---- L22 to L27 ---------------------------------------------------------------------------------------------- */

static void test_L22_L23_prevotes_for_a_valid_new_value(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    expect_vote(&p, ASSAY_PREVOTE, 0, &a.id);
    puppet_proposes(&p, 0, -1, &a); /* again: nothing */
    expect_silence(&p);
}

static void test_L22_L25_prevotes_nil_for_an_invalid_value(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    p.invalid = true;
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    expect_vote(&p, ASSAY_PREVOTE, 0, &puppet_nil);
}

static void test_L22_waits_for_the_check(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    p.holds = true;
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    expect_silence(&p);
    assert_int_equal(p.checks, 1);
    must(assay_bft_block_checked(p.bft, (assay_block_id){{{3}}, 1, {{4}}}, true)); /* of something else: ignored */
    puppet_drain(&p);
    expect_silence(&p);
    must(assay_bft_block_checked(p.bft, a.id, true));
    puppet_drain(&p);
    expect_vote(&p, ASSAY_PREVOTE, 0, &a.id);
    must(assay_bft_block_checked(p.bft, a.id, false)); /* a second answer changes nothing */
    puppet_drain(&p);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id);
    expect_vote(&p, ASSAY_PRECOMMIT, 0, &a.id);
}

/* Locks the machine on a in round 0 and ends the round with nil precommits of others. */
static made_block lock_in_round_0(int32_t self_round) {
    puppet_open(&p, 4, self_round, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_look(&p);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id);
    expect_vote(&p, ASSAY_PRECOMMIT, 0, &a.id);
    assert_true(assay_bft_look(p.bft).locked);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    assert_int_equal(round_of(&p), 1);
    puppet_look(&p);
    return a;
}

static void test_L23_locked_on_another_value_prevotes_nil(void **state) {
    (void)state;
    lock_in_round_0(3);
    made_block b = puppet_block(&p, 2, NULL);
    puppet_proposes(&p, 1, -1, &b);
    expect_vote(&p, ASSAY_PREVOTE, 1, &puppet_nil);
}

static void test_L23_locked_on_the_same_value_prevotes_for_it(void **state) {
    (void)state;
    made_block a = lock_in_round_0(3);
    puppet_proposes(&p, 1, -1, &a);
    expect_vote(&p, ASSAY_PREVOTE, 1, &a.id);
}

/* ---- L28 to L33 ---------------------------------------------------------------------------------------------- */

static void test_L28_L29_newer_polka_frees_from_the_lock(void **state) {
    (void)state;
    lock_in_round_0(3);
    made_block b = puppet_block(&p, 2, NULL);
    puppet_proposes(&p, 1, -1, &b);
    expect_vote(&p, ASSAY_PREVOTE, 1, &puppet_nil);
    puppet_all_say(&p, 3, ASSAY_PREVOTE, 1, &b.id); /* the three others have a polka for b in round 1 */
    expect_vote(&p, ASSAY_PRECOMMIT, 1, &b.id);     /* L36: the machine follows, it had prevoted already */
}

static void test_L28_L29_polka_in_the_locked_round_or_later_suffices(void **state) {
    (void)state;
    made_block a = lock_in_round_0(3);
    made_block b = puppet_block(&p, 2, NULL);
    (void)a;
    puppet_time(&p, 1, ASSAY_STEP_PROPOSE); /* no proposal came: nil */
    expect_vote(&p, ASSAY_PREVOTE, 1, &puppet_nil);
    puppet_time(&p, 1, ASSAY_STEP_PREVOTE_WAIT);
    expect_vote(&p, ASSAY_PRECOMMIT, 1, &puppet_nil);
    puppet_all_say(&p, 3, ASSAY_PREVOTE, 1, &b.id); /* a polka, but the block is not here: no lock */
    assert_int_equal(p.behind, 1);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 1, &puppet_nil);
    assert_int_equal(round_of(&p), 2);
    puppet_look(&p);
    puppet_proposes(&p, 2, 1, &b); /* shown with the polka of round 1, newer than the lock of round 0 */
    expect_vote(&p, ASSAY_PREVOTE, 2, &b.id);
}

static void test_L28_waits_for_the_polka_that_is_claimed(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    made_block b = puppet_block(&p, 2, NULL);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_look(&p);
    puppet_proposes(&p, 1, 0, &b); /* claims a polka of round 0 that was never seen */
    expect_silence(&p);
    assert_int_equal(p.behind, 1); /* asks around */
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &b.id);
    expect_silence(&p);
    puppet_says(&p, puppet_proposer(&p, 2), ASSAY_PREVOTE, 0, &b.id);
    expect_vote(&p, ASSAY_PREVOTE, 1, &b.id);
}

static void test_L29_lock_newer_than_the_polka_prevotes_nil(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    made_block a = puppet_block(&p, 1, NULL), b = puppet_block(&p, 2, NULL);
    puppet_time(&p, 0, ASSAY_STEP_PROPOSE);
    puppet_all_say(&p, 3, ASSAY_PREVOTE, 0, &b.id); /* polka for b in round 0, unseen block */
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_look(&p);
    puppet_proposes(&p, 1, -1, &a); /* lock on a in round 1 */
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 1, &a.id);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 1, &puppet_nil);
    assert_int_equal(round_of(&p), 2);
    puppet_look(&p);
    puppet_proposes(&p, 2, 0, &b); /* b's polka is of round 0: older than the lock */
    expect_vote(&p, ASSAY_PREVOTE, 2, &puppet_nil);
}

static void test_L29_same_value_with_an_older_polka(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_look(&p);
    puppet_time(&p, 0, ASSAY_STEP_PREVOTE_WAIT); /* precommits nil first */
    expect_vote(&p, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id); /* polka in round 0, L42: valid, not locked */
    assert_false(assay_bft_look(p.bft).locked);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_look(&p);
    puppet_proposes(&p, 1, 0, &a);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 1, &a.id); /* locks in round 1 */
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 1, &puppet_nil);
    assert_true(assay_bft_look(p.bft).locked);
    puppet_look(&p);
    puppet_proposes(&p, 2, 0, &a); /* its polka of round 0 is older than the lock, but it is the locked value */
    expect_vote(&p, ASSAY_PREVOTE, 2, &a.id);
}

/* ---- L34 to L46 ---------------------------------------------------------------------------------------------- */

static void test_L34_L35_mixed_prevotes_start_one_timeout(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_look(&p);
    puppet_all_say(&p, 1, ASSAY_PREVOTE, 0, &puppet_nil);
    expect_not_scheduled(&p, 0, ASSAY_STEP_PREVOTE_WAIT);
    puppet_says(&p, puppet_proposer(&p, 3), ASSAY_PREVOTE, 0, &puppet_nil);
    if (p.scheduled_count == 0) puppet_says(&p, puppet_proposer(&p, 0), ASSAY_PREVOTE, 0, &puppet_nil);
    assert_int_equal(expect_scheduled(&p, 0, ASSAY_STEP_PREVOTE_WAIT), 300);
    expect_silence(&p);
}

static void test_L34_needs_the_prevote_step(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &puppet_nil);
    puppet_says(&p, puppet_proposer(&p, 0), ASSAY_PREVOTE, 0, &(assay_block_id){{{1}}, 1, {{1}}});
    puppet_says(&p, puppet_proposer(&p, 1), ASSAY_PREVOTE, 0, &puppet_nil);
    puppet_says(&p, puppet_proposer(&p, 3), ASSAY_PREVOTE, 0, &puppet_nil);
    expect_not_scheduled(&p, 0, ASSAY_STEP_PREVOTE_WAIT); /* still waiting for a proposal */
}

static void test_L36_L41_polka_locks_and_precommits(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_look(&p);
    puppet_all_say(&p, 1, ASSAY_PREVOTE, 0, &a.id);
    expect_silence(&p);
    assert_false(assay_bft_look(p.bft).locked);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id); /* the first again, and a second: three with our own */
    expect_vote(&p, ASSAY_PRECOMMIT, 0, &a.id);
    assert_true(assay_bft_look(p.bft).locked);
    puppet_all_say(&p, 3, ASSAY_PREVOTE, 0, &a.id);
    expect_silence(&p);
}

static void test_L36_waits_for_validity(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    p.holds = true;
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_time(&p, 0, ASSAY_STEP_PROPOSE); /* the check takes too long: nil */
    expect_vote(&p, ASSAY_PREVOTE, 0, &puppet_nil);
    puppet_all_say(&p, 3, ASSAY_PREVOTE, 0, &a.id);
    expect_silence(&p);
    must(assay_bft_block_checked(p.bft, a.id, true));
    puppet_drain(&p);
    expect_vote(&p, ASSAY_PRECOMMIT, 0, &a.id);
}

static void test_L36_never_locks_an_invalid_value(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    p.invalid = true;
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    expect_vote(&p, ASSAY_PREVOTE, 0, &puppet_nil);
    puppet_all_say(&p, 3, ASSAY_PREVOTE, 0, &a.id);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &a.id);
    expect_silence(&p);
    assert_false(p.decided);
    assert_false(assay_bft_look(p.bft).locked);
}

static void test_L42_L43_late_polka_makes_valid_without_lock(void **state) {
    (void)state;
    puppet_open(&p, 4, 1, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_look(&p);
    puppet_time(&p, 0, ASSAY_STEP_PREVOTE_WAIT);
    expect_vote(&p, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id);
    expect_silence(&p);
    assert_false(assay_bft_look(p.bft).locked);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    assert_int_equal(p.proposals, 1); /* round 1 is ours: the valid value is proposed with its round */
    assert_int_equal(p.proposal.pol_round, 0);
    assert_true(assay_block_id_eq(&p.proposal.block_id, &a.id));
}

static void test_L44_L45_polka_for_nil_precommits_nil_and_keeps_the_lock(void **state) {
    (void)state;
    made_block a = lock_in_round_0(3);
    puppet_time(&p, 1, ASSAY_STEP_PROPOSE);
    expect_vote(&p, ASSAY_PREVOTE, 1, &puppet_nil);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 1, &puppet_nil);
    expect_vote(&p, ASSAY_PRECOMMIT, 1, &puppet_nil);
    assert_true(assay_bft_look(p.bft).locked);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 1, &puppet_nil);
    puppet_look(&p);
    puppet_proposes(&p, 2, -1, &a); /* still locked on a */
    expect_vote(&p, ASSAY_PREVOTE, 2, &a.id);
}

/* ---- L47 to L54 ---------------------------------------------------------------------------------------------- */

static void test_L47_L48_mixed_precommits_start_one_timeout(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id);
    puppet_look(&p); /* own precommit for a is out */
    puppet_all_say(&p, 1, ASSAY_PRECOMMIT, 0, &puppet_nil);
    expect_not_scheduled(&p, 0, ASSAY_STEP_PRECOMMIT_WAIT);
    puppet_all_say(&p, 2, ASSAY_PRECOMMIT, 0, &puppet_nil);
    assert_int_equal(expect_scheduled(&p, 0, ASSAY_STEP_PRECOMMIT_WAIT), 300);
    assert_int_equal(round_of(&p), 0);
}

static void test_L49_L51_decides(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id);
    puppet_all_say(&p, 1, ASSAY_PRECOMMIT, 0, &a.id);
    assert_false(p.decided);
    puppet_all_say(&p, 2, ASSAY_PRECOMMIT, 0, &a.id);
    assert_true(p.decided);
    assert_int_equal(p.decided_round, 0);
    assert_true(assay_block_id_eq(&p.decided_id, &a.id));
    uint64_t power = 0;
    must(assay_commit_check(&power, &p.commit, &p.chain.validators, puppet_chain_id(), &a.id, 1, p.scratch));
    assert_int_equal(power, 30);
    assert_int_equal(step_of(&p), ASSAY_STEP_COMMIT);
}

static void test_L49_decides_in_an_earlier_round(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    made_block a = puppet_block(&p, 1, NULL);
    uint32_t one = puppet_proposer(&p, 0), two = puppet_proposer(&p, 1), three = puppet_proposer(&p, 2);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id); /* our own precommit is for a */
    puppet_says(&p, one, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_says(&p, two, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_time(&p, 0, ASSAY_STEP_PRECOMMIT_WAIT);
    assert_int_equal(round_of(&p), 1);
    puppet_says(&p, three, ASSAY_PRECOMMIT, 0, &a.id); /* late */
    assert_false(p.decided);
    puppet_says(&p, one, ASSAY_PRECOMMIT, 0, &a.id); /* a lie, but others may have seen this word of it first */
    assert_true(p.decided);
    assert_int_equal(p.decided_round, 0);
    assert_int_equal(p.evidence_count, 1);
    assert_int_equal(p.commit.sigs[one].flag, ASSAY_FLAG_COMMIT);
    assert_int_equal(p.commit.sigs[two].flag, ASSAY_FLAG_NIL);
}

static void test_L49_waits_for_the_block(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_all_say(&p, 3, ASSAY_PREVOTE, 0, &a.id);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &a.id);
    assert_false(p.decided);
    assert_int_equal(p.behind, 1);
    puppet_proposes(&p, 0, -1, &a);
    assert_true(p.decided);
}

static void test_L49_block_of_a_past_round_is_still_taken(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    made_block a = puppet_block(&p, 1, NULL), b = puppet_block(&p, 2, NULL);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &a.id);
    puppet_time(&p, 0, ASSAY_STEP_PRECOMMIT_WAIT);
    assert_int_equal(round_of(&p), 1);
    puppet_proposes(&p, 0, -1, &b); /* nobody wants that one */
    assert_false(p.decided);
    puppet_proposes(&p, 0, -1, &a);
    assert_true(p.decided);
    assert_int_equal(p.decided_round, 0);
}

static void test_L49_waits_for_validity(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    p.holds = true;
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &a.id);
    assert_false(p.decided);
    must(assay_bft_block_checked(p.bft, a.id, true));
    puppet_drain(&p);
    assert_true(p.decided);
}

/* ---- L55 to L56 ---------------------------------------------------------------------------------------------- */

static void test_L55_more_than_a_third_above_pulls_up(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    uint32_t one = puppet_proposer(&p, 0), other = puppet_proposer(&p, 1);
    puppet_says(&p, one, ASSAY_PREVOTE, 2, &puppet_nil);
    assert_int_equal(round_of(&p), 0);
    puppet_says(&p, one, ASSAY_PRECOMMIT, 2, &puppet_nil); /* the same validator twice is still one */
    assert_int_equal(round_of(&p), 0);
    puppet_says(&p, other, ASSAY_PREVOTE, 1, &puppet_nil); /* two are in round 1 or above */
    assert_int_equal(round_of(&p), 1);
    puppet_says(&p, other, ASSAY_PRECOMMIT, 2, &puppet_nil);
    assert_int_equal(round_of(&p), 2);
}

static void test_L55_far_above_what_is_kept(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    puppet_says(&p, puppet_proposer(&p, 0), ASSAY_PREVOTE, 1000, &puppet_nil);
    assert_int_equal(round_of(&p), 0);
    puppet_look(&p);
    puppet_says(&p, puppet_proposer(&p, 1), ASSAY_PRECOMMIT, 900, &puppet_nil);
    assert_int_equal(round_of(&p), 900);
    assert_int_equal(p.behind, 1); /* votes were dropped on the way: peers shall send them again */
    assert_int_equal(expect_scheduled(&p, 900, ASSAY_STEP_PROPOSE), 1000 + 900 * 500);
}

static void test_L55_ends_the_wait_before_round_0(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 77);
    assert_true(assay_bft_look(p.bft).waiting);
    assert_int_equal(expect_scheduled(&p, 0, ASSAY_STEP_NEW_HEIGHT), 77);
    puppet_says(&p, puppet_proposer(&p, 0), ASSAY_PREVOTE, 0, &puppet_nil);
    assert_true(assay_bft_look(p.bft).waiting);
    puppet_says(&p, puppet_proposer(&p, 1), ASSAY_PREVOTE, 0, &puppet_nil);
    assert_false(assay_bft_look(p.bft).waiting);
    expect_scheduled(&p, 0, ASSAY_STEP_PROPOSE);
}

/* ---- L57 to L67 ---------------------------------------------------------------------------------------------- */

static void test_L57_L60_no_proposal_prevotes_nil(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    must(assay_bft_timeout(p.bft, 2, 0, ASSAY_STEP_PROPOSE)); /* of another height, of another round */
    must(assay_bft_timeout(p.bft, 1, 1, ASSAY_STEP_PROPOSE));
    puppet_drain(&p);
    expect_silence(&p);
    puppet_time(&p, 0, ASSAY_STEP_PROPOSE);
    expect_vote(&p, ASSAY_PREVOTE, 0, &puppet_nil);
    puppet_time(&p, 0, ASSAY_STEP_PROPOSE);
    expect_silence(&p);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a); /* too late for a prevote */
    expect_silence(&p);
}

static void test_L61_L64_no_polka_precommits_nil(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    puppet_time(&p, 0, ASSAY_STEP_PREVOTE_WAIT); /* not in that step yet */
    expect_silence(&p);
    puppet_time(&p, 0, ASSAY_STEP_PROPOSE);
    puppet_look(&p);
    puppet_time(&p, 0, ASSAY_STEP_PREVOTE_WAIT);
    expect_vote(&p, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_time(&p, 0, ASSAY_STEP_PREVOTE_WAIT);
    expect_silence(&p);
}

static void test_L65_L67_no_decision_starts_the_next_round(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    puppet_time(&p, 0, ASSAY_STEP_PRECOMMIT_WAIT);
    assert_int_equal(round_of(&p), 1);
    puppet_time(&p, 0, ASSAY_STEP_PRECOMMIT_WAIT); /* stale */
    assert_int_equal(round_of(&p), 1);
    assert_int_equal(step_of(&p), ASSAY_STEP_PROPOSE);
}

/* ---- beyond the paper ---------------------------------------------------------------------------------------- */

static void test_nobody_left_to_wait_for(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    made_block a = puppet_block(&p, 1, NULL), b = puppet_block(&p, 2, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_look(&p);
    uint32_t one = puppet_proposer(&p, 0), two = puppet_proposer(&p, 1), three = puppet_proposer(&p, 2);
    puppet_says(&p, one, ASSAY_PREVOTE, 0, &a.id);
    puppet_says(&p, two, ASSAY_PREVOTE, 0, &b.id);
    expect_silence(&p);
    puppet_says(&p, three, ASSAY_PREVOTE, 0, &puppet_nil); /* all four have voted, and there is no polka */
    expect_vote(&p, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_says(&p, one, ASSAY_PRECOMMIT, 0, &a.id);
    puppet_says(&p, two, ASSAY_PRECOMMIT, 0, &puppet_nil);
    assert_int_equal(round_of(&p), 0);
    puppet_says(&p, three, ASSAY_PRECOMMIT, 0, &b.id);
    assert_int_equal(round_of(&p), 1);
}

static void test_nothing_is_sent_before_it_is_signed(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    p.silent = true;
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    assert_int_equal(p.asked_count, 1);
    assert_int_equal(p.sends, 0);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id); /* with our own it would be a polka */
    assert_int_equal(p.asked_count, 1);
    assay_vote asked = p.asked[0];
    assay_vote other = asked;
    other.block_id = (assay_block_id){{{1}}, 1, {{1}}};
    assert_int_equal(assay_bft_vote_signed(p.bft, &other, true), ASSAY_E_BLOCK);
    p.silent = false;
    puppet_answer_vote(&p, &asked);
    puppet_drain(&p);
    assert_int_equal(p.sent_count, 2); /* the prevote, and at once the precommit */
    assert_int_equal(p.sent[1].type, ASSAY_PRECOMMIT);
    puppet_look(&p);
    puppet_answer_vote(&p, &asked); /* a second answer */
    puppet_drain(&p);
    assert_int_equal(p.sends, 0);
}

static void test_refusing_signer_does_not_stop_the_round(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    p.refuses = true;
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    assert_int_equal(p.asked_count, 1);
    assert_int_equal(p.sends, 0);
    expect_scheduled(&p, 0, ASSAY_STEP_PREVOTE_WAIT);
    puppet_time(&p, 0, ASSAY_STEP_PREVOTE_WAIT);
    assert_int_equal(p.asked_count, 2);
    expect_scheduled(&p, 0, ASSAY_STEP_PRECOMMIT_WAIT);
    puppet_time(&p, 0, ASSAY_STEP_PRECOMMIT_WAIT);
    assert_int_equal(round_of(&p), 1);
}

static void test_refused_proposal_is_waited_for_like_any_other(void **state) {
    (void)state;
    puppet_open(&p, 4, 1, 0);
    p.refuses = true;
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    assert_int_equal(p.proposals, 1);
    assert_int_equal(p.sends, 0);
    expect_scheduled(&p, 1, ASSAY_STEP_PROPOSE);
    p.refuses = false;
    puppet_look(&p);
    /* A peer sends back the proposal that we made before we crashed. */
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 1, -1, &a);
    expect_vote(&p, ASSAY_PREVOTE, 1, &a.id);
}

static void test_votes_of_later_steps_count_as_arrived(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    uint32_t one = puppet_proposer(&p, 0), two = puppet_proposer(&p, 1);
    puppet_time(&p, 0, ASSAY_STEP_PROPOSE);
    puppet_look(&p);
    puppet_says(&p, one, ASSAY_PRECOMMIT, 0, &puppet_nil); /* its prevote was signed and lost in a crash */
    expect_not_scheduled(&p, 0, ASSAY_STEP_PREVOTE_WAIT);
    puppet_says(&p, two, ASSAY_PREVOTE, 1, &puppet_nil); /* is already a round further */
    expect_scheduled(&p, 0, ASSAY_STEP_PREVOTE_WAIT);
    puppet_time(&p, 0, ASSAY_STEP_PREVOTE_WAIT);
    expect_scheduled(&p, 0, ASSAY_STEP_PRECOMMIT_WAIT);
}

static void test_precommits_for_what_others_decided(void **state) {
    (void)state;
    puppet_open(&p, 4, 2, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_look(&p);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &a.id); /* no polka was seen here */
    assert_true(p.decided);
    expect_vote(&p, ASSAY_PRECOMMIT, 0, &a.id);
    assert_int_equal(p.commit.sigs[p.self].flag, ASSAY_FLAG_COMMIT);
}

static void test_wait_before_round_0(void **state) {
    (void)state;
    puppet_open(&p, 4, 0, 50);
    assert_int_equal(p.makes, 0);
    must(assay_bft_start_now(p.bft));
    puppet_drain(&p);
    assert_int_equal(p.makes, 1);
    must(assay_bft_start_now(p.bft));
    puppet_time(&p, 0, ASSAY_STEP_NEW_HEIGHT);
    assert_int_equal(p.makes, 1);

    puppet_open(&p, 4, 2, 50);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a); /* its proposer did not wait */
    expect_vote(&p, ASSAY_PREVOTE, 0, &a.id);

    puppet_open(&p, 4, 0, 50);
    puppet_time(&p, 0, ASSAY_STEP_NEW_HEIGHT);
    assert_int_equal(p.makes, 1);
}

static void test_observer_follows_and_says_nothing(void **state) {
    (void)state;
    puppet_open(&p, 4, -1, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 3, ASSAY_PREVOTE, 0, &a.id);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &a.id);
    assert_true(p.decided);
    assert_int_equal(p.asked_count + p.proposals + p.makes + p.sends, 0);
}

static void test_alone(void **state) {
    (void)state;
    puppet_open(&p, 1, 0, 0);
    assert_true(p.decided);
    assert_int_equal(p.sent_count, 2);
    for (int height = 2; height < 6; height++) {
        made_block b = p.own;
        puppet_next_height(&p, &b, 0);
        assert_true(p.decided);
        assert_int_equal(p.commit.height, height);
    }
}

/* ---- a restart in the middle of a height --------------------------------------------------------------------- */

static void test_recalled_lock_binds(void **state) {
    (void)state;
    made_block a = lock_in_round_0(3);
    assert_true(p.lock_len > a.encoded.len);
    puppet_restart(&p);
    must(assay_bft_recall(p.bft, (assay_bytes){p.lock, p.lock_len}));
    puppet_look(&p);
    puppet_drain(&p);
    assert_true(assay_bft_look(p.bft).locked);
    assert_int_equal(round_of(&p), 0);
    assert_int_equal(p.sent_count, 2); /* prevote and precommit of that round again */
    assert_true(assay_block_id_eq(&p.sent[1].block_id, &a.id));
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_look(&p);
    made_block b = puppet_block(&p, 2, NULL);
    puppet_proposes(&p, 1, -1, &b);
    expect_vote(&p, ASSAY_PREVOTE, 1, &puppet_nil);
}

static void test_without_recall_the_lock_is_forgotten(void **state) {
    (void)state;
    lock_in_round_0(3);
    puppet_restart(&p);
    puppet_look(&p);
    puppet_drain(&p);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_look(&p);
    made_block b = puppet_block(&p, 2, NULL);
    puppet_proposes(&p, 1, -1, &b);
    expect_vote(&p, ASSAY_PREVOTE, 1, &b.id); /* what recall is there to prevent */
}

static void test_recall_of_a_later_round(void **state) {
    (void)state;
    puppet_open(&p, 4, 3, 0);
    made_block a = puppet_block(&p, 1, NULL);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    puppet_proposes(&p, 1, -1, &a);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 1, &a.id);
    puppet_restart(&p);
    must(assay_bft_recall(p.bft, (assay_bytes){p.lock, p.lock_len}));
    puppet_look(&p);
    puppet_drain(&p);
    assert_int_equal(round_of(&p), 1);
    assert_true(assay_bft_look(p.bft).locked);
    puppet_all_say(&p, 2, ASSAY_PRECOMMIT, 1, &a.id);
    assert_true(p.decided);
}

static void test_recall_refuses_damage_and_ignores_other_heights(void **state) {
    (void)state;
    made_block a = lock_in_round_0(3);
    uint64_t seed = 42;
    for (size_t i = 0; i < p.lock_len; i += 1 + seed % 7) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint8_t damaged[sizeof p.lock];
        memcpy(damaged, p.lock, p.lock_len);
        damaged[i] ^= (uint8_t)(1u << (seed >> 60) % 8);
        puppet_restart(&p);
        p.keep.at = p.keep.end - (24 << 20); /* room for the next one */
        if (assay_bft_recall(p.bft, (assay_bytes){damaged, p.lock_len}) == ASSAY_OK)
            fail_msg("a changed byte at %zu was taken for a lock", i);
    }
    puppet_open(&p, 4, 3, 0);
    puppet_proposes(&p, 0, -1, &a);
    puppet_all_say(&p, 2, ASSAY_PREVOTE, 0, &a.id);
    puppet_all_say(&p, 2, ASSAY_PRECOMMIT, 0, &a.id);
    assert_true(p.decided);
    puppet_next_height(&p, &a, 0);
    must(assay_bft_recall(p.bft, (assay_bytes){p.lock, p.lock_len}));
    assert_false(assay_bft_look(p.bft).locked);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_L11_L18_L19_proposer_makes_a_new_value),
        cmocka_unit_test(test_L11_others_do_not_propose),
        cmocka_unit_test(test_L15_L16_proposer_proposes_its_valid_value),
        cmocka_unit_test(test_L20_L21_timeouts_grow_with_rounds),
        cmocka_unit_test(test_L22_L23_prevotes_for_a_valid_new_value),
        cmocka_unit_test(test_L22_L25_prevotes_nil_for_an_invalid_value),
        cmocka_unit_test(test_L22_waits_for_the_check),
        cmocka_unit_test(test_L23_locked_on_another_value_prevotes_nil),
        cmocka_unit_test(test_L23_locked_on_the_same_value_prevotes_for_it),
        cmocka_unit_test(test_L28_L29_newer_polka_frees_from_the_lock),
        cmocka_unit_test(test_L28_L29_polka_in_the_locked_round_or_later_suffices),
        cmocka_unit_test(test_L28_waits_for_the_polka_that_is_claimed),
        cmocka_unit_test(test_L29_lock_newer_than_the_polka_prevotes_nil),
        cmocka_unit_test(test_L29_same_value_with_an_older_polka),
        cmocka_unit_test(test_L34_L35_mixed_prevotes_start_one_timeout),
        cmocka_unit_test(test_L34_needs_the_prevote_step),
        cmocka_unit_test(test_L36_L41_polka_locks_and_precommits),
        cmocka_unit_test(test_L36_waits_for_validity),
        cmocka_unit_test(test_L36_never_locks_an_invalid_value),
        cmocka_unit_test(test_L42_L43_late_polka_makes_valid_without_lock),
        cmocka_unit_test(test_L44_L45_polka_for_nil_precommits_nil_and_keeps_the_lock),
        cmocka_unit_test(test_L47_L48_mixed_precommits_start_one_timeout),
        cmocka_unit_test(test_L49_L51_decides),
        cmocka_unit_test(test_L49_decides_in_an_earlier_round),
        cmocka_unit_test(test_L49_waits_for_the_block),
        cmocka_unit_test(test_L49_block_of_a_past_round_is_still_taken),
        cmocka_unit_test(test_L49_waits_for_validity),
        cmocka_unit_test(test_L55_more_than_a_third_above_pulls_up),
        cmocka_unit_test(test_L55_far_above_what_is_kept),
        cmocka_unit_test(test_L55_ends_the_wait_before_round_0),
        cmocka_unit_test(test_L57_L60_no_proposal_prevotes_nil),
        cmocka_unit_test(test_L61_L64_no_polka_precommits_nil),
        cmocka_unit_test(test_L65_L67_no_decision_starts_the_next_round),
        cmocka_unit_test(test_nobody_left_to_wait_for),
        cmocka_unit_test(test_nothing_is_sent_before_it_is_signed),
        cmocka_unit_test(test_refusing_signer_does_not_stop_the_round),
        cmocka_unit_test(test_refused_proposal_is_waited_for_like_any_other),
        cmocka_unit_test(test_votes_of_later_steps_count_as_arrived),
        cmocka_unit_test(test_precommits_for_what_others_decided),
        cmocka_unit_test(test_wait_before_round_0),
        cmocka_unit_test(test_observer_follows_and_says_nothing),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_recalled_lock_binds),
        cmocka_unit_test(test_without_recall_the_lock_is_forgotten),
        cmocka_unit_test(test_recall_of_a_later_round),
        cmocka_unit_test(test_recall_refuses_damage_and_ignores_other_heights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
