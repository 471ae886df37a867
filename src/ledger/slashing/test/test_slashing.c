/* SPDX-License-Identifier: Apache-2.0
 *
 * Safety faults: what counts as evidence, what it costs, how penalties explain themselves. */
#include "faults_internal.h"

#include "../slashing_internal.h"

static void test_tables(void **unused) {
    (void)unused;
    const assay_rule_table *all[] = {&assay_slashing_fault_table, &assay_slashing_offender_table,
                                     &assay_slashing_penalty_table, &assay_slashing_liveness_table,
                                     &assay_slashing_missed_table};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) assert_true(assay_codec_table_ok(all[i]->message));
    assert_string_equal(assay_slashing_kind_text(ASSAY_SLASHING_DOUBLE_SIGN), "double-sign");
    assert_string_equal(assay_slashing_kind_text(ASSAY_SLASHING_FALSE_OPENING), "false-opening");
    assert_string_equal(assay_slashing_kind_text(ASSAY_SLASHING_DOWNTIME), "downtime");
    assert_string_equal(assay_slashing_kind_text(ASSAY_SLASHING_MISSED_DUTIES), "missed-duties");
}

static const uint64_t four[] = {40 * M, 40 * M, 40 * M, 40 * M};

/* ---- evidence
 * --------------------------------------------------------------------------------------------------------- */

static assay_err bring(stakers *s, const assay_vote *a, const assay_vote *b) {
    faults_pair pair;
    faults_encode(&pair, a, b);
    return TX(s->w, 63, assay_slashing_evidence(&s->w->c, &pair.message));
}

static void test_not_evidence(void **unused) {
    (void)unused;
    const assay_bytes chain = ASSAY_STR(WORLD_CHAIN);
    stakers *s = faults_new(four, 4);
    stakers_begin(s);
    OK(stakers_create(s, 4, 10 * M));
    stakers_go(s, 15);
    assay_vote a = faults_vote(0, 12, 0, 1), b = faults_vote(0, 12, 0, 2), c;
    faults_sign(&a, CONSENSUS, chain);
    faults_sign(&b, CONSENSUS, chain);

    REFUSED(ASSAY_E_EVIDENCE, bring(s, &a, &a)); /* no conflict */
    c = a;
    c.timestamp.nanos++; /* the same block again, at another moment */
    faults_sign(&c, CONSENSUS, chain);
    REFUSED(ASSAY_E_EVIDENCE, bring(s, &a, &c));
    c = b;
    c.height = 13;
    faults_sign(&c, CONSENSUS, chain);
    REFUSED(ASSAY_E_EVIDENCE, bring(s, &a, &c));
    c = b;
    c.round = 1;
    faults_sign(&c, CONSENSUS, chain);
    REFUSED(ASSAY_E_EVIDENCE, bring(s, &a, &c));
    c = b;
    c.type = ASSAY_PREVOTE;
    faults_sign(&c, CONSENSUS, chain);
    REFUSED(ASSAY_E_EVIDENCE, bring(s, &a, &c));
    c = faults_vote(1, 12, 0, 2); /* another's vote */
    faults_sign(&c, CONSENSUS + 1, chain);
    REFUSED(ASSAY_E_EVIDENCE, bring(s, &a, &c));
    c = b; /* in one's name, signed by another */
    faults_sign(&c, CONSENSUS + 1, chain);
    REFUSED(ASSAY_E_EVIDENCE, bring(s, &a, &c));
    REFUSED(ASSAY_E_EVIDENCE, bring(s, &c, &a));
    c = b;
    c.signature.b[5] ^= 1;
    REFUSED(ASSAY_E_EVIDENCE, bring(s, &a, &c));
    c = b;
    faults_sign(&c, CONSENSUS, ASSAY_STR("another-chain"));
    REFUSED(ASSAY_E_EVIDENCE, bring(s, &a, &c));
    a = faults_vote(50, 12, 0, 1); /* nobody's */
    b = faults_vote(50, 12, 0, 2);
    faults_sign(&a, CONSENSUS + 50, chain);
    faults_sign(&b, CONSENSUS + 50, chain);
    REFUSED(ASSAY_E_EVIDENCE, bring(s, &a, &b));
    /* Malformed votes. */
    faults_pair pair;
    faults_encode(&pair, &a, &b);
    pair.message.vote_a.len--;
    REFUSED(ASSAY_E_ENCODING, TX(s->w, 63, assay_slashing_evidence(&s->w->c, &pair.message)));
    a.height = 0;
    faults_encode(&pair, &b, &a);
    REFUSED(ASSAY_E_RANGE, TX(s->w, 63, assay_slashing_evidence(&s->w->c, &pair.message)));
    /* It could not vote before it joined, and cannot have voted yet at a height to come. */
    REFUSED(ASSAY_E_EVIDENCE, faults_evidence(s, 4, 11, 0));
    REFUSED(ASSAY_E_WINDOW, faults_evidence(s, 4, 16, 0));
    OK(faults_evidence(s, 4, 12, 0));
    OK(faults_evidence(s, 0, 15, 0)); /* of this very block */
    stakers_audit(s);
    stakers_free(s);
}

static void test_known(void **unused) {
    (void)unused;
    const assay_bytes chain = ASSAY_STR(WORLD_CHAIN);
    stakers *s = faults_new(four, 4);
    stakers_begin(s);
    stakers_go(s, 5);
    OK(faults_evidence(s, 0, 3, 1));
    assert_int_equal(world_told(s->w, "slashed"), 1);
    assert_int_equal(world_told(s->w, "tombstoned"), 1);
    REFUSED(ASSAY_E_DUPLICATE, faults_evidence(s, 0, 3, 1));
    /* Known by validator, height and round: other votes of the same place are the same fault. */
    assay_vote a = faults_vote(0, 3, 1, 7), b = faults_vote(0, 3, 1, 0);
    a.type = b.type = ASSAY_PREVOTE;
    faults_sign(&a, CONSENSUS, chain);
    faults_sign(&b, CONSENSUS, chain);
    REFUSED(ASSAY_E_DUPLICATE, bring(s, &a, &b));
    uint64_t penalties = 1, taken = faults_taken(s, 0);
    assay_slashing_penalty *all;
    OK(assay_slashing_misbehavior(&s->w->c, world_address(CONSENSUS), 3, 1));
    OK(assay_slashing_misbehavior(&s->w->c, world_address(CONSENSUS), 3, -1));
    OK(assay_slashing_misbehavior(&s->w->c, world_address(CONSENSUS + 50), 3, 0));
    OK(assay_slashing_misbehavior(&s->w->c, world_address(CONSENSUS + 1), 0, 0));
    OK(assay_slashing_misbehavior(&s->w->c, world_address(CONSENSUS + 1), -5, 0));
    OK(assay_slashing_misbehavior(&s->w->c, world_address(CONSENSUS + 1), 3, -2));
    OK(assay_slashing_misbehavior(&s->w->c, world_address(CONSENSUS + 1), 6, 0));
    assert_int_equal(faults_penalties(s, &all), penalties);
    /* Another round or height is another fault: counted, but the largest is what is due. */
    OK(faults_evidence(s, 0, 3, 0));
    OK(faults_evidence(s, 0, 4, 1));
    assert_int_equal(faults_penalties(s, &all), 3);
    assert_int_equal(faults_taken(s, 0), taken);
    assert_int_equal(all[2].taken_before, taken);
    assert_int_equal(all[2].taken, 0);
    /* The engine's word without a round counts as any of that height. */
    OK(assay_slashing_misbehavior(&s->w->c, world_address(CONSENSUS + 1), 4, -1));
    assert_int_equal(faults_penalties(s, &all), 5); /* its own, and a top-up of the first */
    assert_int_equal(all[3].fault_round, -1);
    REFUSED(ASSAY_E_DUPLICATE, faults_evidence(s, 1, 4, 0));
    REFUSED(ASSAY_E_DUPLICATE, faults_evidence(s, 1, 4, 9));
    OK(assay_slashing_misbehavior(&s->w->c, world_address(CONSENSUS + 1), 4, -1));
    assert_int_equal(faults_penalties(s, &all), 5);
    OK(faults_evidence(s, 1, 3, INT32_MAX));
    stakers_audit(s);
    stakers_free(s);
}

static void test_age(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    stakers_begin(s);
    stakers_go(s, 43); /* 40 blocks and 400 s after 3 */
    OK(faults_evidence(s, 0, 3, 0));
    stakers_go(s, 44);
    REFUSED(ASSAY_E_WINDOW, faults_evidence(s, 0, 3, 1));
    OK(faults_evidence(s, 1, 4, 0)); /* long out of force, its evidence is not */
    s->w->step = 1;
    stakers_go(s, 60); /* blocks have passed since 5, seconds have not: 56 - 5 = 51 of 40, 406 of 400 at most */
    s->w->step = 10;
    assay_rule_moment moment;
    bool found;
    OK(assay_rule_moment_at(world_view(s->w), &moment, &found, 20));
    assert_int_equal(s->w->c.time.seconds - moment.seconds, 256);
    OK(faults_evidence(s, 2, 19, 0)); /* 41 blocks, 266 s */
    stakers_free(s);
}

static void test_cap(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    stakers_begin(s);
    stakers_go(s, 5);
    for (int32_t round = 0; round < (int32_t)ASSAY_SLASHING_FAULTS_MAX; round++) OK(faults_evidence(s, 0, 3, round));
    REFUSED(ASSAY_E_DUPLICATE, faults_evidence(s, 0, 3, 100));
    REFUSED(ASSAY_E_DUPLICATE, faults_evidence(s, 0, 4, 0));
    OK(faults_evidence(s, 1, 4, 0));
    assert_int_equal(stakers_validator(s, 0).locks, ASSAY_SLASHING_FAULTS_MAX);
    stakers_free(s);
}

/* ---- what it costs
 * ------------------------------------------------------------------------------------------------------ */

/* One of four equals pays 75 %, two pay all: the first is topped up. */
static void test_four_equals(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    stakers_begin(s);
    stakers_go(s, 5);
    OK(faults_evidence(s, 2, 4, 0));
    assay_slashing_penalty p = faults_penalty(s, 1);
    assert_int_equal(p.kind, ASSAY_SLASHING_DOUBLE_SIGN);
    assert_true(assay_base_address_eq(p.validator, world_address(2)));
    assert_int_equal(p.fault_height, 4);
    assert_int_equal(p.fault_round, 0);
    assert_int_equal(p.height, 5);
    assert_int_equal(p.share_num, WHOLE / 4);
    assert_int_equal(p.share_den, WHOLE);
    assert_int_equal(p.rate, WHOLE / 4 * 3);
    assert_int_equal(p.base_stake, 40 * M);
    assert_int_equal(p.due, 30 * M);
    assert_int_equal(p.taken, 30 * M);
    assert_int_equal(p.taken_before, 0);
    assert_int_equal(p.burned, 30 * M);
    assert_int_equal(p.cause, 0);
    assert_true(assay_base_hash_eq(p.evidence, s->w->c.tx_id));
    assert_int_equal(s->w->c.totals.burned, 30 * M);
    assert_int_equal(stakers_validator(s, 2).self_bond, 10 * M);
    stakers_end(s);
    assert_int_equal(s->engine[2], 0); /* in the block's own update */
    stakers_begin(s);
    OK(assay_slashing_misbehavior(&s->w->c, world_address(CONSENSUS + 0), 5, 1));
    p = faults_penalty(s, 2);
    assert_int_equal(p.rate, WHOLE);
    assert_int_equal(p.share_num, WHOLE / 2);
    assert_int_equal(p.taken, 40 * M);
    assert_true(assay_base_hash_eq(p.evidence, s->w->c.block_hash));
    p = faults_penalty(s, 3);
    assert_true(assay_base_address_eq(p.validator, world_address(2)));
    assert_int_equal(p.cause, 2);
    assert_int_equal(p.taken_before, 30 * M);
    assert_int_equal(p.taken, 10 * M);
    assert_int_equal(p.due, 40 * M);
    assay_slashing_penalty *all;
    assert_int_equal(faults_penalties(s, &all), 3);
    assert_int_equal(stakers_validator(s, 2).self_bond, 0);
    assert_int_equal(s->w->c.totals.burned, 80 * M);
    /* A third has no more to raise: one record, its own. */
    OK(faults_evidence(s, 1, 5, 0));
    assert_int_equal(faults_penalties(s, &all), 4);
    assert_true(assay_base_address_eq(all[3].validator, world_address(1)));
    assert_int_equal(s->w->c.totals.burned, 120 * M);
    stakers_audit(s);
    stakers_free(s);
}

/* Alone with 1 %: 5 %. The slope takes over above 5/3 %. */
static void test_floor_and_slope(void **unused) {
    (void)unused;
    const struct {
        uint64_t bond, rest, share, rate, due;
    } cases[] = {
        {M, 99 * M, 10000000, 50000000, 50000},
        {M, 59 * M, 16666667, 50000001, 50001}, /* 1/60 rounded up: the floor and a billionth */
        {M, 60 * M, 16393443, 50000000, 50000},
        {10 * M, 90 * M, 100000000, 300000000, 3 * M},
        {M + 1, 99 * M, 10000000, 50000000, 50001}, /* rounded up, against the offender */
        {30 * M, 60 * M, 333333334, WHOLE, 30 * M},
        {33 * M, 67 * M, 330000000, 990000000, 32670000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint64_t bonds[] = {cases[i].bond, cases[i].rest};
        stakers *s = faults_new(bonds, 2);
        stakers_begin(s);
        OK(faults_evidence(s, 0, 1, 0));
        assay_slashing_penalty p = faults_penalty(s, 1);
        assert_int_equal(p.share_num, cases[i].share);
        assert_int_equal(p.rate, cases[i].rate);
        assert_int_equal(p.due, cases[i].due);
        assert_int_equal(p.taken, cases[i].due);
        assert_int_equal(s->w->c.totals.burned, cases[i].due);
        stakers_audit(s);
        stakers_free(s);
    }
}

/* Faults are correlated while the window between them is open: 25 blocks or 250 s. */
static void test_window(void **unused) {
    (void)unused;
    for (uint64_t apart = 25; apart <= 26; apart++) {
        stakers *s = faults_new(four, 4);
        stakers_begin(s);
        stakers_go(s, 2);
        OK(faults_evidence(s, 0, 2, 0));
        stakers_go(s, 2 + apart);
        OK(faults_evidence(s, 1, 2 + apart, 0));
        if (apart == 25) {
            assert_int_equal(faults_taken(s, 0), 40 * M);
            assert_int_equal(faults_taken(s, 1), 40 * M); /* a third is left: 1/4 + 1/3 at fault */
        } else {
            assert_int_equal(faults_taken(s, 0), 30 * M);
            assert_int_equal(faults_taken(s, 1), 40 * M); /* alone at fault with a third */
        }
        stakers_audit(s);
        stakers_free(s);
    }
}

/* What was counted at the fault pays, wherever it is now; what had left before does not. */
static void test_follows_the_stake(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {40 * M, 40 * M, 40 * M, 30 * M};
    stakers *s = faults_new(bonds, 4);
    const uint64_t d = DELEGATOR;
    stakers_begin(s);
    OK(stakers_delegate(s, d, 3, 6 * M));
    OK(stakers_delegate(s, d + 1, 3, 4 * M));
    stakers_go(s, 5);
    OK(stakers_undelegate(s, d + 1, 3, 4 * M)); /* before it ever counted, but in the epoch's pool all the same */
    stakers_go(s, 11);
    assert_int_equal(s->engine[3], 36);
    stakers_go(s, 15);
    OK(stakers_undelegate(s, 3, 3, 20 * M));
    OK(stakers_undelegate(s, d, 3, 3 * M)); /* both vote until 21 */
    stakers_go(s, 20);
    OK(stakers_delegate(s, d + 2, 3, 5 * M));
    stakers_go(s, 25);
    assert_int_equal(s->engine[3], 18);
    /* A fault at 21, with power 36 of 156: 36 M at 69.23 %. There are 18 M in it and 23 M unbonding. */
    OK(faults_evidence(s, 3, 21, 0));
    assay_slashing_penalty p = faults_penalty(s, 1);
    assert_int_equal(p.base_stake, 36 * M);
    assert_int_equal(p.share_num, 230769231);
    assert_int_equal(p.due, 24923077);
    assert_int_equal(p.taken, 24923077);
    assay_staking_holding *h;
    uint32_t count;
    uint8_t memory[4096];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    OK(assay_staking_holdings(&h, &count, &keep, world_view(s->w), world_address(d + 1), 8));
    assert_int_equal(count, 1);
    assert_int_equal(h[0].amount, 4 * M); /* left at 11: not at stake in 21 */
    OK(assay_staking_holdings(&h, &count, &keep, world_view(s->w), world_address(d), 8));
    assert_int_equal(count, 2);
    assert_in_range(h[1].amount, 3 * M - 3 * M * 24923077 / (41 * M) - 1, 3 * M - 3 * M * 24923077 / (41 * M) + 1);
    stakers_audit(s);
    stakers_free(s);
}

/* ---- afterwards
 * ---------------------------------------------------------------------------------------------------------- */

/* Stake stays locked until the correlation window is over (at an epoch's end) and the evidence age after it. */
static void test_lock(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    stakers_begin(s);
    OK(stakers_undelegate(s, 0, 0, 10 * M)); /* votes until 11: ripe at 62 */
    stakers_go(s, 5);
    OK(faults_evidence(s, 0, 4, 0)); /* window over at 30, noted at 30; age over at 71, forgotten at 80 */
    stakers_go(s, 6);
    OK(stakers_undelegate(s, 0, 0, M));
    assert_int_equal(faults_taken(s, 0), 30 * M);
    stakers_go(s, 70);
    assert_int_equal(stakers_balance(s, 0), 1000 * M);
    assert_int_equal(stakers_validator(s, 0).locks, 1);
    /* A later fault in the same window tops it up out of what is locked. */
    stakers_go(s, 80);
    stakers_end(s);
    assert_int_equal(stakers_validator(s, 0).locks, 0);
    assert_int_equal(stakers_balance(s, 0), 1000 * M + 2500000 + M); /* a quarter of 10 M, and 1 M of what was left */
    stakers_begin(s);
    stakers_audit(s);
    slashing_fault fault;
    slashing_place place;
    bool found;
    OK(assay_slashing_fault_next(world_view(s->w), &place, &fault, &found, NULL));
    assert_false(found);
    stakers_free(s);
}

static void test_late_top_up(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    stakers_begin(s);
    OK(stakers_undelegate(s, 0, 0, 39 * M));
    stakers_go(s, 4);
    OK(faults_evidence(s, 0, 4, 0));
    /* The last correlated fault, 25 blocks later, whose evidence comes 40 blocks after that: it is all still there. */
    stakers_go(s, 69);
    assert_int_equal(faults_taken(s, 0), 30 * M);
    OK(faults_evidence(s, 1, 29, 0));
    assert_int_equal(faults_taken(s, 0), 40 * M);
    stakers_audit(s);
    stakers_free(s);
}

/* A validator alone is slashed and stays: the set is never emptied, and the chain goes on by itself or stops. */
static void test_alone(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {40 * M};
    stakers *s = faults_new(bonds, 1);
    stakers_begin(s);
    stakers_go(s, 3);
    OK(faults_evidence(s, 0, 2, 0));
    assert_int_equal(faults_taken(s, 0), 40 * M);
    stakers_end(s);
    assert_int_equal(s->powers_count, 0);
    assert_int_equal(s->engine[0], 40);
    stakers_begin(s);
    assay_staking_validator v = stakers_validator(s, 0);
    assert_int_equal(assay_staking_status_of(&v, &s->w->params), ASSAY_STAKING_TOMBSTONED);
    OK(faults_evidence(s, 0, 3, 0)); /* all is gone, and it is noted all the same */
    assert_int_equal(faults_penalty(s, 2).taken, 0);
    stakers_audit(s);
    stakers_free(s);
}

/* ---- false openings
 * ------------------------------------------------------------------------------------------------------- */

static void test_false_opening(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    uint64_t id;
    const assay_hash evidence = {{42}};
    stakers_begin(s);
    OK(stakers_create(s, 4, 10 * M));
    stakers_go(s, 11);
    /* In the set since the end of 10; its check in 11 counts although it votes from 12 on. */
    OK(assay_slashing_false_opening(&s->w->c, &id, world_address(4), 11, evidence));
    assert_int_equal(id, 1);
    assay_slashing_penalty p = faults_penalty(s, id);
    assert_int_equal(p.kind, ASSAY_SLASHING_FALSE_OPENING);
    assert_int_equal(p.rate, WHOLE / 20);
    assert_int_equal(p.base_stake, 10 * M);
    assert_int_equal(p.taken, M / 2);
    assert_int_equal(p.fault_height, 11);
    assert_int_equal(p.share_num, 0);
    assert_true(assay_base_hash_eq(p.evidence, evidence));
    assert_true(stakers_validator(s, 4).jailed);
    assert_false(stakers_validator(s, 4).tombstoned);
    stakers_end(s);
    assert_int_equal(s->engine[4], 0);
    stakers_begin(s);
    /* Each one costs, flat, of what counted at its height; none raises another's. */
    OK(assay_slashing_false_opening(&s->w->c, &id, world_address(0), 3, evidence));
    OK(assay_slashing_false_opening(&s->w->c, &id, world_address(0), 4, evidence));
    assert_int_equal(faults_taken(s, 0), 4 * M);
    OK(faults_evidence(s, 1, 12, 0));
    assert_int_equal(faults_penalty(s, 4).rate, 3 * 235294118ull); /* 40 of 170 */
    assert_int_equal(faults_taken(s, 0), 4 * M);
    stakers_go(s, 20);
    OK(stakers_unjail(s, 0, 0));
    stakers_audit(s);
    stakers_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_not_evidence),
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_cap),
        cmocka_unit_test(test_four_equals),
        cmocka_unit_test(test_floor_and_slope),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_follows_the_stake),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_late_top_up),

        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_false_opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
