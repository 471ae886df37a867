/* SPDX-License-Identifier: Apache-2.0
 *
 * What a review of the machine found, each as a test: heights of many rounds, and locks that a crash must not lose. */
#include "puppet_internal.h"

static puppet p;

/* A height may take more rounds than there are records. All of them fail with a nil polka, one of them decides; the
 * next height must find room all the same. */
static void test_a_height_of_many_rounds_leaves_room_for_the_next(void **state) {
    (void)state;
    enum { ROUNDS = 40 };
    puppet_open(&p, 4, -1, 0);
    for (int32_t round = 0; round < ROUNDS; round++) {
        puppet_look(&p);
        puppet_all_say(&p, 3, ASSAY_PREVOTE, round, &puppet_nil);
        puppet_all_say(&p, 3, ASSAY_PRECOMMIT, round, &puppet_nil);
        assert_int_equal(assay_bft_look(p.bft).round, round + 1);
    }
    made_block a = puppet_block(&p, 1, NULL);
    puppet_proposes(&p, ROUNDS, -1, &a);
    puppet_all_say(&p, 3, ASSAY_PREVOTE, ROUNDS, &a.id);
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, ROUNDS, &a.id);
    assert_true(p.decided);
    puppet_look(&p);
    puppet_next_height(&p, &a, 0);
    assert_int_equal(assay_bft_look(p.bft).height, 2);
    assert_int_equal(assay_bft_look(p.bft).round, 0);
    for (int32_t round = 0; round < ROUNDS; round++) {
        puppet_look(&p);
        puppet_all_say(&p, 3, ASSAY_PRECOMMIT, round, &puppet_nil);
        assert_int_equal(assay_bft_look(p.bft).round, round + 1);
    }
}

/* A block that was made here and never proposed here (after a restart the signer refuses to) gets a polka: what an
 * earlier life proposed was the same block. The lock can be kept only with its proposal, so there is no precommit
 * before that. */
static void test_no_precommit_without_a_lock_to_keep(void **state) {
    (void)state;
    puppet_open(&p, 4, 1, 0);
    p.silent = true; /* nothing that is asked for in round 1 gets a signature */
    puppet_all_say(&p, 3, ASSAY_PRECOMMIT, 0, &puppet_nil);
    assert_int_equal(p.makes, 1);
    puppet_time(&p, 1, ASSAY_STEP_PROPOSE);
    p.silent = false;
    puppet_look(&p);
    made_block own = p.own;
    puppet_all_say(&p, 3, ASSAY_PREVOTE, 1, &own.id);
    expect_silence(&p);
    assert_int_equal(p.behind, 1); /* it asks for what it lacks */
    assert_int_equal(p.lock_len, 0);
    puppet_proposes(&p, 1, -1, &own);
    expect_vote(&p, ASSAY_PRECOMMIT, 1, &own.id);
    assert_true(p.lock_len > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_height_of_many_rounds_leaves_room_for_the_next),
        cmocka_unit_test(test_no_precommit_without_a_lock_to_keep),
    };
    return cmocka_run_group_tests_name("bft hostile", tests, NULL, NULL);
}
