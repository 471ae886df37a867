/* SPDX-License-Identifier: Apache-2.0
 *
 * The set: who is in it, when it changes, that it is never emptied; jail and tombstone; what is remembered of it. */
#include "stakers_internal.h"

static assay_staking_totals totals_of(stakers *s) {
    assay_staking_totals totals;
    OK(assay_staking_totals_read(world_view(s->w), &totals));
    return totals;
}

static assay_staking_status status_of(stakers *s, uint64_t n) {
    assay_staking_validator v = stakers_validator(s, n);
    return assay_staking_status_of(&v, &s->w->params);
}

static assay_staking_counted counted_at(stakers *s, uint64_t n, uint64_t height) {
    assay_staking_counted counted;
    OK(assay_staking_counted_at(world_view(s->w), &counted, world_address(n), height));
    return counted;
}

/* Five seats for seven; of equals the first created sits. */
static void test_ranking(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {3 * M, 3 * M, 5 * M, 4 * M, 3 * M, 3 * M, 6 * M};
    stakers *s = stakers_new(bonds, 7);
    const uint64_t first[] = {3, 3, 5, 4, 0, 0, 6};
    for (int n = 0; n < 7; n++) assert_int_equal(s->engine[n], first[n]);
    assert_int_equal(totals_of(s).power, 21);
    assert_int_equal(status_of(s, 4), ASSAY_STAKING_WAITING);
    stakers_begin(s);
    OK(stakers_delegate(s, DELEGATOR, 5, 1)); /* a unit more than three others is enough */
    stakers_go(s, 11);
    const uint64_t second[] = {3, 0, 5, 4, 0, 3, 6};
    for (int n = 0; n < 7; n++) assert_int_equal(s->engine[n], second[n]);
    OK(stakers_delegate(s, DELEGATOR, 4, 100 * M));
    OK(stakers_undelegate(s, 3, 3, 2 * M));
    OK(stakers_undelegate(s, 2, 2, 4 * M + 1)); /* below bond_min */
    assert_int_equal(status_of(s, 2), ASSAY_STAKING_ACTIVE);
    stakers_go(s, 21);
    const uint64_t third[] = {3, 3, 0, 0, 103, 3, 6};
    for (int n = 0; n < 7; n++) assert_int_equal(s->engine[n], third[n]);
    assert_int_equal(status_of(s, 2), ASSAY_STAKING_UNDERBONDED);
    assert_int_equal(status_of(s, 3), ASSAY_STAKING_WAITING);
    stakers_audit(s);
    stakers_free(s);
}

/* A change of less than a unit of power is no change for the engine, but what counts follows. */
static void test_small_change(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {3 * M, 3 * M};
    stakers *s = stakers_new(bonds, 2);
    stakers_begin(s);
    OK(stakers_delegate(s, DELEGATOR, 0, 10));
    stakers_go(s, 10);
    stakers_end(s);
    assert_int_equal(s->powers_count, 0);
    assert_int_equal(stakers_validator(s, 0).counted_stake, 3 * M + 10);
    assert_int_equal(counted_at(s, 0, 11).stake, 3 * M);
    assert_int_equal(counted_at(s, 0, 12).stake, 3 * M + 10);
    assert_false(totals_of(s).stale);
    stakers_free(s);
}

static void test_jail(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {3 * M, 4 * M, 5 * M};
    stakers *s = stakers_new(bonds, 3);
    stakers_begin(s);
    REFUSED(ASSAY_E_STATE, stakers_unjail(s, 0, 0));
    stakers_go(s, 4);
    OK(assay_staking_jail(&s->w->c, world_address(0)));
    assert_int_equal(world_told(s->w, "jailed"), 1);
    assert_int_equal(s->engine[0], 3);
    REFUSED(ASSAY_E_STATE, stakers_undelegate(s, 0, 0, M)); /* it votes until this block's end is told */
    stakers_end(s);                                         /* not an epoch's end */
    assert_int_equal(s->engine[0], 0);
    assert_int_equal(world_told(s->w, "left"), 1);
    assert_int_equal(totals_of(s).power, 9);
    assert_int_equal(counted_at(s, 0, 5).power, 3);
    assert_int_equal(counted_at(s, 0, 6).power, 0);
    assert_int_equal(counted_at(s, 1, 6).total_power, 9);
    stakers_begin(s);
    OK(stakers_undelegate(s, 0, 0, M));
    OK(stakers_delegate(s, 0, 0, M));
    REFUSED(ASSAY_E_UNAUTHORIZED, stakers_unjail(s, 1, 0));
    REFUSED(ASSAY_E_NOT_FOUND, stakers_unjail(s, 9, 9));
    REFUSED(ASSAY_E_WINDOW, stakers_unjail(s, 0, 0));
    stakers_go(s, 7); /* 30 s of 35 */
    REFUSED(ASSAY_E_WINDOW, stakers_unjail(s, 0, 0));
    OK(assay_staking_jail(&s->w->c, world_address(0))); /* the clock starts anew */
    stakers_go(s, 10);
    REFUSED(ASSAY_E_WINDOW, stakers_unjail(s, 0, 0));
    s->w->step = 5;
    stakers_end(s);
    stakers_begin(s); /* 35 s: not yet more than the term */
    REFUSED(ASSAY_E_WINDOW, stakers_unjail(s, 0, 0));
    s->w->step = 1;
    stakers_end(s);
    stakers_begin(s);
    OK(stakers_undelegate(s, 0, 0, 2 * M + 1));
    REFUSED(ASSAY_E_STATE, stakers_unjail(s, 0, 0)); /* below bond_min */
    OK(stakers_delegate(s, 0, 0, 1));
    OK(stakers_unjail(s, 0, 0));
    assert_int_equal(world_told(s->w, "unjailed"), 1);
    REFUSED(ASSAY_E_STATE, stakers_unjail(s, 0, 0));
    assert_int_equal(status_of(s, 0), ASSAY_STAKING_WAITING);
    stakers_go(s, 21);
    assert_int_equal(s->engine[0], 1);
    stakers_audit(s);
    stakers_free(s);
}

static void test_tombstone(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {3 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    stakers_begin(s);
    OK(stakers_delegate(s, DELEGATOR, 0, M));
    OK(assay_staking_tombstone(&s->w->c, world_address(0)));
    OK(assay_staking_tombstone(&s->w->c, world_address(0)));
    assert_int_equal(world_told(s->w, "tombstoned"), 1);
    REFUSED(ASSAY_E_TOMBSTONED, stakers_delegate(s, DELEGATOR, 0, M));
    REFUSED(ASSAY_E_TOMBSTONED, stakers_delegate(s, 0, 0, M));
    stakers_go(s, 40);
    assert_int_equal(s->engine[0], 0);
    REFUSED(ASSAY_E_TOMBSTONED, stakers_unjail(s, 0, 0));
    OK(assay_staking_jail(&s->w->c, world_address(0)));
    assert_int_equal(status_of(s, 0), ASSAY_STAKING_TOMBSTONED);
    OK(stakers_undelegate(s, DELEGATOR, 0, M)); /* who delegated may leave */
    OK(stakers_undelegate(s, 0, 0, 3 * M));
    REFUSED(ASSAY_E_EXISTS, stakers_create(s, 0, M));
    /* Its keys are spent, for everybody. */
    assay_msg_validator_create m = stakers_message(5, M);
    m.consensus_key = world_public(CONSENSUS + 0);
    m.consensus_proof = stakers_proof("consensus-key", ASSAY_STR(WORLD_CHAIN), CONSENSUS + 0, world_address(5));
    REFUSED(ASSAY_E_DUPLICATE, TX(s->w, 5, assay_staking_create(&s->w->c, &m)));
    stakers_audit(s);
    stakers_free(s);
}

/* ---- the set is never emptied
 * ---------------------------------------------------------------------------------------- */

static void test_last_leaves(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {3 * M, 3 * M};
    stakers *s = stakers_new(bonds, 2);
    stakers_begin(s);
    OK(stakers_undelegate(s, 0, 0, 3 * M));
    REFUSED(ASSAY_E_STATE, stakers_undelegate(s, 1, 1, 3 * M)); /* nobody would be left */
    REFUSED(ASSAY_E_STATE, stakers_undelegate(s, 1, 1, 2 * M + 1));
    OK(stakers_undelegate(s, 1, 1, 2 * M));
    OK(stakers_delegate(s, DELEGATOR, 1, M));
    OK(stakers_undelegate(s, DELEGATOR, 1, M)); /* delegators are not kept */
    stakers_go(s, 11);
    assert_int_equal(s->engine[0], 0);
    assert_int_equal(s->engine[1], 1);
    REFUSED(ASSAY_E_STATE, stakers_undelegate(s, 1, 1, 1));
    stakers_free(s);
}

static void test_all_jailed(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {3 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    stakers_begin(s);
    OK(stakers_delegate(s, DELEGATOR, 0, M));
    OK(assay_staking_tombstone(&s->w->c, world_address(0)));
    OK(assay_staking_jail(&s->w->c, world_address(1)));
    stakers_end(s);
    assert_int_equal(s->powers_count, 0); /* no change is told: the chain goes on, or stops, with whom it has */
    assert_int_equal(totals_of(s).power, 7);
    assert_true(totals_of(s).urgent);
    stakers_begin(s);
    /* Their stake votes on, so it stays. */
    REFUSED(ASSAY_E_STATE, stakers_undelegate(s, DELEGATOR, 0, M));
    REFUSED(ASSAY_E_STATE, stakers_undelegate(s, 1, 1, M));
    stakers_go(s, 11); /* nor at an epoch's end */
    assert_int_equal(s->engine[0] + s->engine[1], 7);
    /* A new one takes over in the block in which it may, not only at the epoch's end. */
    OK(stakers_create(s, 2, 2 * M));
    stakers_end(s);
    assert_int_equal(s->engine[0], 0);
    assert_int_equal(s->engine[1], 0);
    assert_int_equal(s->engine[2], 2);
    assert_int_equal(totals_of(s).power, 2);
    assert_false(totals_of(s).urgent);
    stakers_begin(s);
    OK(stakers_undelegate(s, DELEGATOR, 0, M));
    OK(stakers_unjail(s, 1, 1));
    stakers_go(s, 21);
    assert_int_equal(s->engine[1], 4);
    assert_int_equal(counted_at(s, 0, 12).power, 3);
    assert_int_equal(counted_at(s, 0, 13).power, 0);
    stakers_audit(s);
    stakers_free(s);
}

/* Who waits steps in at once if all who sit are jailed in one block. */
static void test_waiting_steps_in(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {9 * M, 9 * M, 9 * M, 9 * M, 9 * M, 2 * M};
    stakers *s = stakers_new(bonds, 6);
    stakers_begin(s);
    for (uint64_t n = 0; n < 5; n++) OK(assay_staking_jail(&s->w->c, world_address(n)));
    stakers_end(s);
    for (int n = 0; n < 6; n++) assert_int_equal(s->engine[n], n == 5 ? 2 : 0);
    stakers_free(s);
}

/* A validator alone goes on though it is jailed, and may be unjailed. */
static void test_alone(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {3 * M};
    stakers *s = stakers_new(bonds, 1);
    stakers_begin(s);
    OK(assay_staking_jail(&s->w->c, world_address(0)));
    stakers_go(s, 12);
    assert_int_equal(s->engine[0], 3);
    assert_int_equal(status_of(s, 0), ASSAY_STAKING_JAILED);
    OK(stakers_unjail(s, 0, 0));
    stakers_go(s, 21);
    assert_int_equal(s->engine[0], 3);
    assert_false(totals_of(s).urgent);
    assert_false(totals_of(s).stale);
    stakers_free(s);
}

/* ---- memory
 * ----------------------------------------------------------------------------------------------------------- */

/* Records of what counted are kept while evidence may ask for them, and not for ever. */
static void test_history(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {3 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    uint64_t stake[400];
    stakers_begin(s);
    for (;;) {
        uint64_t h = s->w->c.height;
        assay_staking_counted now = counted_at(s, 0, h);
        stake[h] = now.stake;
        assert_int_equal(now.power, now.stake / M);
        assert_int_equal(now.total_power, now.power + 4);
        for (uint64_t past = h > 40 ? h - 40 : 1; past < h; past++)
            assert_int_equal(counted_at(s, 0, past).stake, stake[past]);
        if (h == 399) break;
        if (h % 10 == 5) OK(stakers_delegate(s, DELEGATOR, 0, M + h));
        stakers_go(s, h + 1);
    }
    stakers_end(s);
    size_t rows = 0;
    for (size_t i = 0; i < s->w->f->storage.spaces[ASSAY_SPACE_VALUE].count; i++) {
        assay_bytes key = s->w->f->storage.spaces[ASSAY_SPACE_VALUE].rows[i].key;
        rows += key.len > 14 && memcmp(key.ptr, "staking/power/", 14) == 0;
        rows += key.len > 14 && memcmp(key.ptr, "staking/total/", 14) == 0;
    }
    /* 40 blocks are 4 epochs, and one record before and two after, twice; and one of the validator that never changed.
     */
    assert_in_range(rows, 11, 2 * 7 + 1);
    stakers_free(s);
}

/* ---- queries
 * ------------------------------------------------------------------------------------------------------------ */

static void test_queries(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {3 * M, 4 * M, 5 * M};
    stakers *s = stakers_new(bonds, 3);
    stakers_begin(s);
    const uint64_t d = DELEGATOR;
    OK(stakers_delegate(s, d, 0, M));
    OK(stakers_delegate(s, d, 2, 2 * M));
    OK(stakers_undelegate(s, d, 2, M));
    OK(stakers_delegate(s, 1, 0, 7));
    stakers_end(s);
    assay_rule_view view = world_snapshot(s->w);
    static uint8_t memory[16 << 10];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_staking_validator *v;
    assay_staking_holding *h;
    uint32_t count;
    OK(assay_staking_list(&v, &count, &keep, view, 0, 10));
    assert_int_equal(count, 3);
    for (uint64_t n = 0; n < 3; n++) {
        assert_int_equal(v[n].index, n);
        assert_true(assay_base_address_eq(v[n].owner, world_address(n)));
        assert_true(v[n].moniker.ptr >= memory && v[n].moniker.ptr < memory + sizeof memory);
        assert_true(assay_base_bytes_eq(v[n].moniker, ASSAY_STR("founder")));
    }
    OK(assay_staking_list(&v, &count, &keep, view, 1, 1));
    assert_int_equal(count, 1);
    assert_int_equal(v[0].index, 1);
    OK(assay_staking_list(&v, &count, &keep, view, 3, 10));
    assert_int_equal(count, 0);
    OK(assay_staking_list(&v, &count, &keep, view, UINT64_MAX, 10));
    assert_int_equal(count, 0);
    REFUSED(ASSAY_F_MEMORY, assay_staking_list(&v, &count, &(assay_arena){0}, view, 0, 10));

    OK(assay_staking_holdings(&h, &count, &keep, view, world_address(d), 10));
    assert_int_equal(count, 3);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 3; i++) sum += h[i].amount;
    assert_int_equal(sum, 3 * M);
    assert_false(h[0].unbonding || h[1].unbonding);
    assert_true(h[2].unbonding);
    assert_true(assay_base_address_eq(h[2].validator, world_address(2)));
    OK(assay_staking_holdings(&h, &count, &keep, view, world_address(d), 2));
    assert_int_equal(count, 2);
    OK(assay_staking_holdings(&h, &count, &keep, view, world_address(1), 10));
    assert_int_equal(count, 2);
    assert_int_equal(h[0].amount, 4 * M); /* its own bond first */
    assert_int_equal(h[0].shares, 0);
    assert_int_equal(h[1].amount, 7);
    OK(assay_staking_holdings(&h, &count, &keep, view, world_address(50), 10));
    assert_int_equal(count, 0);
    REFUSED(ASSAY_F_MEMORY, assay_staking_holdings(&h, &count, &(assay_arena){0}, view, world_address(d), 10));

    assay_address owner;
    assay_staking_member member;
    bool found = true;
    uint64_t power = 0, members = 0;
    for (bool first = true; found; first = false) {
        OK(assay_staking_member_next(view, &owner, &member, &found, first ? NULL : &owner));
        power += member.power;
        members += found;
    }
    assert_int_equal(power, 12);
    assert_int_equal(members, 3);
    assert_string_equal(assay_staking_status_text(ASSAY_STAKING_ACTIVE), "active");
    assert_string_equal(assay_staking_status_text(ASSAY_STAKING_WAITING), "waiting");
    assert_string_equal(assay_staking_status_text(ASSAY_STAKING_UNDERBONDED), "underbonded");
    assert_string_equal(assay_staking_status_text(ASSAY_STAKING_JAILED), "jailed");
    assert_string_equal(assay_staking_status_text(ASSAY_STAKING_TOMBSTONED), "tombstoned");
    stakers_free(s);
}

/* A hundred empty blocks, epochs among them, leave the root alone. */
static void test_quiet(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {3 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    assay_hash root = assay_state_root(s->w->f->state);
    for (int i = 0; i < 100; i++) {
        stakers_begin(s);
        assay_hash now = stakers_end(s);
        assert_true(assay_base_hash_eq(now, root));
        assert_int_equal(s->w->c.recheck_height, 0);
    }
    stakers_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranking),          cmocka_unit_test(test_small_change), cmocka_unit_test(test_jail),
        cmocka_unit_test(test_tombstone),        cmocka_unit_test(test_last_leaves),  cmocka_unit_test(test_all_jailed),
        cmocka_unit_test(test_waiting_steps_in), cmocka_unit_test(test_alone),        cmocka_unit_test(test_history),
        cmocka_unit_test(test_queries),          cmocka_unit_test(test_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
