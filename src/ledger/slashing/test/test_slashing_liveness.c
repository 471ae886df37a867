/* SPDX-License-Identifier: Apache-2.0
 *
 * Absence: blocks not signed, duties not done; the ladder of what it costs, and how it is forgotten. */
#include "faults_internal.h"

static const uint64_t four[] = {40 * M, 40 * M, 40 * M, 40 * M};

static assay_slashing_liveness liveness_of(stakers *s, uint64_t n) {
    assay_slashing_liveness liveness;
    OK(assay_slashing_liveness_get(world_view(s->w), &liveness, world_address(n)));
    return liveness;
}

static void miss(stakers *s, uint64_t n) { OK(assay_slashing_missed_block(&s->w->c, world_address(CONSENSUS + n))); }

static size_t side_rows(stakers *s) {
    size_t rows = 0;
    const table *side = &s->w->f->storage.spaces[ASSAY_SPACE_SIDE];
    for (size_t i = 0; i < side->count; i++)
        rows += side->rows[i].key.len > 16 && memcmp(side->rows[i].key.ptr, "slashing/missed/", 16) == 0;
    return rows;
}

/* Half of a window of 20 may be missed; one more is a fault, at once. */
static void test_downtime(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    stakers_begin(s);
    stakers_go(s, 20);
    for (int i = 0; i < 10; i++) {
        miss(s, 1);
        stakers_go(s, s->w->c.height + 1);
    }
    assert_false(stakers_validator(s, 1).jailed);
    stakers_go(s, 39);
    miss(s, 1); /* the eleventh of 20 .. 39 */
    assert_true(stakers_validator(s, 1).jailed);
    assert_int_equal(world_told(s->w, "jailed"), 1);
    assay_slashing_penalty p = faults_penalty(s, 1);
    assert_int_equal(p.kind, ASSAY_SLASHING_DOWNTIME);
    assert_int_equal(p.offence, 1);
    assert_int_equal(p.rate, 0);
    assert_int_equal(p.taken, 0); /* never principal the first time */
    assert_int_equal(p.base_stake, 40 * M);
    assert_true(assay_base_hash_is_zero(p.evidence));
    stakers_end(s);
    assert_int_equal(s->engine[1], 0);
    stakers_begin(s);
    for (int i = 0; i < 30; i++) miss(s, 1); /* two more blocks name it, and it is jailed already */
    OK(assay_slashing_missed_block(&s->w->c, world_address(CONSENSUS + 50)));
    OK(assay_slashing_missed_block(&s->w->c, world_address(1)));
    assay_slashing_penalty *all;
    assert_int_equal(faults_penalties(s, &all), 1);
    stakers_audit(s);
    stakers_free(s);
}

/* The window ends at the multiple of its length: 10 before and 10 behind are no fault. */
static void test_downtime_windows(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    stakers_begin(s);
    stakers_go(s, 10);
    for (int i = 0; i < 20; i++) {
        miss(s, 2);
        stakers_go(s, s->w->c.height + 1);
    }
    assert_int_equal(s->w->c.height, 30);
    assert_false(stakers_validator(s, 2).jailed);
    miss(s, 2);
    assert_true(stakers_validator(s, 2).jailed);
    stakers_free(s);
}

/* A window is over when its blocks and its seconds are: on a busy chain half of the blocks is not yet half of the time.
 */
static void test_downtime_seconds(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    s->w->params.downtime_window_seconds = 100;
    stakers_begin(s);
    int64_t start = s->w->c.time.seconds;
    uint64_t missed = 0;
    while (!stakers_validator(s, 1).jailed) {
        miss(s, 1);
        missed++;
        assert_true(missed < 1000);
        if (stakers_validator(s, 1).jailed) break;
        stakers_go(s, s->w->c.height + 1);
    }
    assert_true(missed > 10);
    assert_true(s->w->c.time.seconds - start >= 50);
    /* Who signs two of three of many blocks is not absent, however many the others are. */
    uint64_t height = s->w->c.height;
    while (s->w->c.height < height + 300) {
        if (s->w->c.height % 3 == 0) miss(s, 2);
        stakers_go(s, s->w->c.height + 1);
    }
    assert_false(stakers_validator(s, 2).jailed);
    stakers_free(s);
}

/* Who comes back from jail in the same window starts it anew. */
static void test_downtime_again(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    s->w->params.downtime_window_blocks = 40;
    stakers_begin(s);
    stakers_go(s, 2);
    for (int i = 0; i < 21; i++) miss(s, 1); /* as if in one block: what counts is how often it is said */
    assert_true(stakers_validator(s, 1).jailed);
    stakers_go(s, 8);
    OK(stakers_unjail(s, 1, 1));
    stakers_go(s, 12);
    assert_int_equal(s->engine[1], 40);
    for (int i = 0; i < 20; i++) miss(s, 1);
    assert_false(stakers_validator(s, 1).jailed);
    miss(s, 1);
    assert_true(stakers_validator(s, 1).jailed);
    assert_int_equal(faults_penalty(s, 2).offence, 2);
    stakers_free(s);
}

/* Counters move no root until the epoch's end, where they enter the tree, once. */
static void test_counters(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    assay_hash root = assay_state_root(s->w->f->state), now;
    stakers_begin(s);
    while (s->w->c.height < 10) {
        miss(s, 0);
        if (s->w->c.height % 2) miss(s, 3);
        now = stakers_end(s);
        assert_true(assay_base_hash_eq(now, root));
        assert_int_equal(liveness_of(s, 0).missed_blocks, 0);
        stakers_begin(s);
    }
    assert_int_equal(side_rows(s), 2);
    now = stakers_end(s);
    assert_false(assay_base_hash_eq(now, root));
    assert_int_equal(liveness_of(s, 0).missed_blocks, 9);
    assert_int_equal(liveness_of(s, 3).missed_blocks, 5);
    assert_int_equal(liveness_of(s, 1).missed_blocks, 0);
    root = now;
    stakers_begin(s);
    while (s->w->c.height < 30) {
        now = stakers_end(s);
        assert_true(assay_base_hash_eq(now, root));
        stakers_begin(s);
    }
    assert_int_equal(side_rows(s), 0); /* a window that is over is forgotten */
    stakers_free(s);
}

static void test_ladder(void **unused) {
    (void)unused;
    static const uint64_t rates[] = {0, 100000, 200000, 400000, 800000, 1600000, 3200000, 6400000, 10000000, 10000000};
    stakers *s = faults_new(four, 4);
    s->w->params.unbonding_blocks = 1000;
    s->w->params.evidence_blocks = 1000;
    s->w->params.jail_seconds = 5;
    stakers_begin(s);
    uint64_t taken = 0;
    for (uint64_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        stakers_go(s, 10 * i + 3);
        for (uint32_t k = 0; k < ASSAY_SLASHING_DUTIES_MAX; k++) {
            assert_false(stakers_validator(s, 1).jailed);
            OK(assay_slashing_missed_duty(&s->w->c, world_address(1)));
        }
        assert_true(stakers_validator(s, 1).jailed);
        OK(assay_slashing_missed_duty(&s->w->c, world_address(1))); /* jailed: nothing more is counted */
        assay_slashing_penalty p = faults_penalty(s, i + 1);
        assert_int_equal(p.kind, ASSAY_SLASHING_MISSED_DUTIES);
        assert_int_equal(p.offence, i + 1);
        assert_int_equal(p.rate, rates[i]);
        assert_int_equal(p.base_stake, 40 * M - taken);
        assert_int_equal(p.due, (p.base_stake * rates[i] + WHOLE - 1) / WHOLE);
        assert_int_equal(p.taken, p.due);
        taken += p.taken;
        assert_int_equal(liveness_of(s, 1).missed_duties, ASSAY_SLASHING_DUTIES_MAX * (i + 1));
        assert_int_equal(liveness_of(s, 1).open_duties, 0);
        stakers_go(s, 10 * i + 6);
        OK(stakers_unjail(s, 1, 1));
    }
    assert_int_equal(faults_taken(s, 1), taken);
    stakers_audit(s);
    stakers_free(s);
}

/* After an unbonding window without one, the next counts as the first again; not a block earlier. */
static void test_forgiven(void **unused) {
    (void)unused;
    for (uint64_t later = 50; later <= 51; later++) {
        stakers *s = faults_new(four, 4);
        stakers_begin(s);
        stakers_go(s, 2);
        for (int i = 0; i < 4; i++) OK(assay_slashing_missed_duty(&s->w->c, world_address(1)));
        stakers_go(s, 8);
        OK(stakers_unjail(s, 1, 1));
        stakers_go(s, 2 + later);
        for (int i = 0; i < 4; i++) OK(assay_slashing_missed_duty(&s->w->c, world_address(1)));
        assert_int_equal(faults_penalty(s, 2).offence, later == 50 ? 2 : 1);
        assert_int_equal(faults_penalty(s, 2).taken, later == 50 ? 4000 : 0);
        stakers_free(s);
    }
}

/* Who is not in the set has no duties. */
static void test_no_duties(void **unused) {
    (void)unused;
    stakers *s = faults_new(four, 4);
    stakers_begin(s);
    OK(stakers_create(s, 4, M));
    for (int i = 0; i < 9; i++) OK(assay_slashing_missed_duty(&s->w->c, world_address(4)));
    assert_int_equal(liveness_of(s, 4).missed_duties, 0);
    assert_int_equal(world_told(s->w, "missed-duty"), 0);
    for (int i = 0; i < 3; i++) OK(assay_slashing_missed_duty(&s->w->c, world_address(0)));
    assert_int_equal(world_told(s->w, "missed-duty"), 3);
    assert_int_equal(liveness_of(s, 0).open_duties, 3);
    assert_false(stakers_validator(s, 0).jailed);
    stakers_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_downtime_seconds), cmocka_unit_test(test_downtime),
        cmocka_unit_test(test_downtime_windows), cmocka_unit_test(test_counters),
        cmocka_unit_test(test_downtime_again),   cmocka_unit_test(test_ladder),
        cmocka_unit_test(test_forgiven),         cmocka_unit_test(test_no_duties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
