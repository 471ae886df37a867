/* SPDX-License-Identifier: Apache-2.0
 *
 * Staking by example: each message's verdicts, the set over epochs, pools, unbonding, history. */
#include "stakers_internal.h"

#include "../staking_internal.h"

static void test_tables(void **unused) {
    (void)unused;
    const assay_rule_table *all[] = {&assay_staking_validator_table,  &assay_staking_member_table,
                                     &assay_staking_delegation_table, &assay_staking_unbonding_table,
                                     &assay_staking_history_table,    &assay_staking_totals_table};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) assert_true(assay_codec_table_ok(all[i]->message));
}

static assay_staking_totals totals_of(stakers *s) {
    assay_staking_totals totals;
    OK(assay_staking_totals_read(world_view(s->w), &totals));
    return totals;
}

static assay_staking_counted counted_at(stakers *s, uint64_t n, uint64_t height) {
    assay_staking_counted counted;
    OK(assay_staking_counted_at(world_view(s->w), &counted, world_address(n), height));
    return counted;
}

/* ---- genesis --------------------------------------------------------------------------------------------------------
 */

static void test_genesis(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {4 * M + 999999, 3 * M, M};
    stakers *s = stakers_new(bonds, 3);
    assert_int_equal(s->powers_count, 3);
    assert_int_equal(s->engine[0], 4); /* what is less than a unit counts nothing */
    assert_int_equal(s->engine[1], 3);
    assert_int_equal(s->engine[2], 1);
    assert_int_equal(totals_of(s).power, 8);
    assert_int_equal(totals_of(s).members, 3);
    assert_int_equal(totals_of(s).validators, 3);
    assert_false(totals_of(s).stale);
    assert_int_equal(s->w->c.totals.issued, 80 * 1000 * M + 8 * M + 999999);
    stakers_audit(s);
    assay_staking_counted counted = counted_at(s, 0, 1); /* from the first block on */
    assert_int_equal(counted.power, 4);
    assert_int_equal(counted.stake, 4 * M + 999999);
    assert_int_equal(counted.total_power, 8);

    bool found;
    assay_staking_validator v;
    OK(assay_staking_by_consensus(world_view(s->w), &v, &found, world_address(CONSENSUS + 1)));
    assert_true(found);
    assert_int_equal(v.index, 1);
    OK(assay_staking_by_attestation(world_view(s->w), &v, &found, world_address(ATTESTATION + 2)));
    assert_true(found);
    assert_int_equal(v.index, 2);
    /* A key answers in its own role only. */
    OK(assay_staking_by_consensus(world_view(s->w), &v, &found, world_address(ATTESTATION + 2)));
    assert_false(found);
    OK(assay_staking_by_attestation(world_view(s->w), &v, &found, world_address(CONSENSUS + 1)));
    assert_false(found);
    OK(assay_staking_by_consensus(world_view(s->w), &v, &found, world_address(1)));
    assert_false(found);
    OK(assay_staking_by_owner(world_view(s->w), &v, &found, world_address(CONSENSUS + 1)));
    assert_false(found);
    stakers_free(s);
}

static assay_err genesis(world *w, assay_genesis_validator *validators, uint32_t count, uint32_t *told) {
    static uint8_t memory[64 << 10];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_staking_power *powers;
    const assay_rule_point point = assay_rule_mark(&w->c);
    assay_err err = assay_staking_init(&w->c, &powers, told, &keep, ASSAY_STR("world"), validators, count);
    assay_rule_rollback(&w->c, &point);
    return err;
}

static void test_genesis_errors(void **unused) {
    (void)unused;
    world *w = world_new();
    uint32_t told;
    assay_genesis_validator v[7];
    for (uint64_t n = 0; n < 7; n++) v[n] = stakers_genesis(n, M * (n + 1));
    OK(genesis(w, v, 1, &told));
    assert_int_equal(told, 1);
    OK(genesis(w, v, 7, &told));
    assert_int_equal(told, 5); /* validators_max: the two smallest wait */
    REFUSED(ASSAY_E_RANGE, genesis(w, v, 0, &told));
    REFUSED(ASSAY_E_RANGE, genesis(w, v, ASSAY_VALIDATORS_MAX + 1, &told));
    v[1] = stakers_genesis(1, M - 1);
    REFUSED(ASSAY_E_RANGE, genesis(w, v, 2, &told));
    v[1] = v[0];
    REFUSED(ASSAY_E_EXISTS, genesis(w, v, 2, &told));
    v[1] = stakers_genesis(1, M);
    v[1].attestation_key = v[0].consensus_key;
    REFUSED(ASSAY_E_DUPLICATE, genesis(w, v, 2, &told));
    v[1] = stakers_genesis(1, M);
    v[1].consensus_proof.b[3] ^= 1;
    REFUSED(ASSAY_E_SIGNATURE, genesis(w, v, 2, &told));
    v[1] = stakers_genesis(1, M);
    memset(v[1].owner.b, 0, sizeof v[1].owner.b); /* of small order */
    REFUSED(ASSAY_E_KEY, genesis(w, v, 2, &told));
    v[0] = stakers_genesis(0, UINT64_MAX - M + 1);
    v[1] = stakers_genesis(1, M);
    REFUSED(ASSAY_E_OVERFLOW, genesis(w, v, 2, &told));
    v[0].self_bond--;
    OK(genesis(w, v, 2, &told)); /* all that 64 bits hold is fewer than 2^60 units of power */
    world_free(w);
}

/* ---- create
 * ----------------------------------------------------------------------------------------------------------- */

static assay_err create_with(stakers *s, uint64_t n, const assay_msg_validator_create *message) {
    return TX(s->w, n, assay_staking_create(&s->w->c, message));
}

static void test_create(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {4 * M};
    stakers *s = stakers_new(bonds, 1);
    stakers_begin(s);
    assay_msg_validator_create m = stakers_message(1, 2 * M);

    REFUSED(ASSAY_E_EXISTS, stakers_create(s, 0, M));
    m.self_bond = M - 1;
    REFUSED(ASSAY_E_RANGE, create_with(s, 1, &m));
    m.self_bond = 1000 * M + 1;
    REFUSED(ASSAY_E_FUNDS, create_with(s, 1, &m));
    m = stakers_message(1, M);
    m.moniker = ASSAY_STR("bad\nname");
    REFUSED(ASSAY_E_ENCODING, create_with(s, 1, &m));
    m = stakers_message(1, M);
    memset(m.consensus_key.b, 0, sizeof m.consensus_key.b);
    REFUSED(ASSAY_E_KEY, create_with(s, 1, &m));
    m = stakers_message(1, M);
    memset(m.attestation_key.b, 0xff, sizeof m.attestation_key.b);
    REFUSED(ASSAY_E_KEY, create_with(s, 1, &m));
    m = stakers_message(1, M);
    m.attestation_proof.b[0] ^= 1;
    REFUSED(ASSAY_E_SIGNATURE, create_with(s, 1, &m));
    m = stakers_message(1, M); /* each proof for the other's role */
    m.consensus_proof = stakers_proof("attestation-key", ASSAY_STR(WORLD_CHAIN), CONSENSUS + 1, world_address(1));
    REFUSED(ASSAY_E_SIGNATURE, create_with(s, 1, &m));
    m = stakers_message(1, M); /* for another chain */
    m.consensus_proof = stakers_proof("consensus-key", ASSAY_STR("world"), CONSENSUS + 1, world_address(1));
    REFUSED(ASSAY_E_SIGNATURE, create_with(s, 1, &m));
    m = stakers_message(2, M); /* somebody else's keys and proofs */
    REFUSED(ASSAY_E_SIGNATURE, create_with(s, 1, &m));
    m = stakers_message(1, M);
    m.attestation_key = m.consensus_key;
    m.attestation_proof = stakers_proof("attestation-key", ASSAY_STR(WORLD_CHAIN), CONSENSUS + 1, world_address(1));
    REFUSED(ASSAY_E_DUPLICATE, create_with(s, 1, &m));
    m = stakers_message(1, M); /* a key that validates already, with a proof for this owner */
    m.consensus_key = world_public(CONSENSUS + 0);
    m.consensus_proof = stakers_proof("consensus-key", ASSAY_STR(WORLD_CHAIN), CONSENSUS + 0, world_address(1));
    REFUSED(ASSAY_E_DUPLICATE, create_with(s, 1, &m));
    m = stakers_message(1, M); /* in the other role too */
    m.consensus_key = world_public(ATTESTATION + 0);
    m.consensus_proof = stakers_proof("consensus-key", ASSAY_STR(WORLD_CHAIN), ATTESTATION + 0, world_address(1));
    REFUSED(ASSAY_E_DUPLICATE, create_with(s, 1, &m));
    assert_int_equal(totals_of(s).validators, 1); /* nothing of those remains */
    assert_int_equal(stakers_balance(s, 1), 1000 * M);

    OK(stakers_create(s, 1, M));
    REFUSED(ASSAY_E_EXISTS, stakers_create(s, 1, M));
    assert_int_equal(world_told(s->w, "validator"), 1);
    assert_int_equal(stakers_balance(s, 1), 999 * M);
    assay_staking_validator v = stakers_validator(s, 1);
    assert_int_equal(v.index, 1);
    assert_int_equal(v.power, 0);
    assert_int_equal(assay_staking_status_of(&v, &s->w->params), ASSAY_STAKING_WAITING);
    assert_int_equal(s->w->c.recheck_height, 0);
    stakers_end(s);
    assert_int_equal(s->w->c.recheck_height, 10);
    stakers_begin(s);
    stakers_go(s, 10);
    assert_int_equal(s->engine[1], 0); /* until the epoch's end */
    stakers_end(s);
    assert_int_equal(s->engine[1], 1);
    assert_int_equal(world_told(s->w, "joined"), 1);
    v = stakers_validator(s, 1);
    assert_int_equal(assay_staking_status_of(&v, &s->w->params), ASSAY_STAKING_ACTIVE);
    assert_int_equal(totals_of(s).power, 5);
    /* It votes two heights later. */
    stakers_begin(s);
    assert_int_equal(counted_at(s, 1, 11).power, 0);
    assert_int_equal(counted_at(s, 1, 11).total_power, 4);
    assert_int_equal(counted_at(s, 1, 12).power, 1);
    assert_int_equal(counted_at(s, 1, 12).total_power, 5);
    stakers_audit(s);
    stakers_free(s);
}

/* ---- pools
 * ------------------------------------------------------------------------------------------------------------ */

static void test_delegate(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {4 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    stakers_begin(s);
    const uint64_t d = DELEGATOR;
    REFUSED(ASSAY_E_RANGE, stakers_delegate(s, d, 0, 0));
    REFUSED(ASSAY_E_NOT_FOUND, stakers_delegate(s, d, 9, 1));
    REFUSED(ASSAY_E_FUNDS, stakers_delegate(s, d, 0, 1000 * M + 1));
    OK(stakers_delegate(s, d, 0, 3 * M));
    OK(stakers_delegate(s, d + 1, 0, M));
    OK(stakers_delegate(s, 0, 0, M)); /* the owner's go to the self-bond */
    assay_staking_validator v = stakers_validator(s, 0);
    assert_int_equal(v.self_bond, 5 * M);
    assert_int_equal(v.pool_tokens, 4 * M);
    assert_int_equal(v.pool_shares, 4 * M);
    assert_int_equal(v.power, 4); /* not before the epoch's end */
    stakers_go(s, 11);
    assert_int_equal(s->engine[0], 9);
    assert_int_equal(s->engine[1], 4);

    /* A slash halves what shares are worth, and leaves the shares. 4.5 M of 9 M: 2.5 M of the bond, 2 M of the pool. */
    uint64_t taken;
    OK(assay_staking_take(&s->w->c, &taken, world_address(0), 11, 4500000));
    assert_int_equal(taken, 4500000);
    v = stakers_validator(s, 0);
    assert_int_equal(v.self_bond, 2500000);
    assert_int_equal(v.pool_tokens, 2 * M);
    assert_int_equal(v.pool_shares, 4 * M);
    OK(stakers_delegate(s, d + 2, 0, M)); /* a token buys two shares now */
    v = stakers_validator(s, 0);
    assert_int_equal(v.pool_shares, 6 * M);
    assert_int_equal(v.pool_tokens, 3 * M);

    REFUSED(ASSAY_E_RANGE, stakers_undelegate(s, d, 0, 0));
    REFUSED(ASSAY_E_NOT_FOUND, stakers_undelegate(s, d, 9, 1));
    REFUSED(ASSAY_E_NOT_FOUND, stakers_undelegate(s, d, 1, 1));
    REFUSED(ASSAY_E_FUNDS, stakers_undelegate(s, d, 0, 1500001));
    OK(stakers_undelegate(s, d, 0, 1000000));
    OK(stakers_undelegate(s, d, 0, 500000)); /* all it is worth: the delegation is gone */
    REFUSED(ASSAY_E_NOT_FOUND, stakers_undelegate(s, d, 0, 1));
    OK(stakers_undelegate(s, d + 1, 0, 500000));
    REFUSED(ASSAY_E_FUNDS, stakers_undelegate(s, 0, 0, 2500001));
    OK(stakers_undelegate(s, 0, 0, 1500000));
    v = stakers_validator(s, 0);
    assert_int_equal(v.self_bond, M);
    assert_int_equal(v.pool_tokens, M);
    assert_int_equal(v.pool_shares, 2 * M);
    stakers_audit(s);

    /* The last one out takes what rounding left. */
    OK(assay_staking_take(&s->w->c, &taken, world_address(0), UINT64_MAX, 1)); /* none that is unbonding */
    v = stakers_validator(s, 0);
    OK(stakers_undelegate(s, d + 2, 0, v.pool_tokens));
    v = stakers_validator(s, 0);
    assert_int_equal(v.pool_tokens, 0);
    assert_int_equal(v.pool_shares, 0);
    assert_int_equal(v.pool_generation, 0);
    stakers_audit(s);
    stakers_free(s);
}

/* What an account's first delegation is worth; 0 without one. */
static uint64_t worth_of(stakers *s, uint64_t n) {
    assay_staking_holding *holdings;
    uint32_t count;
    uint8_t memory[4096];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    OK(assay_staking_holdings(&holdings, &count, &keep, world_view(s->w), world_address(n), 8));
    return count > 0 && !holdings[0].unbonding ? holdings[0].amount : 0;
}

/* Rounding is against whoever comes or goes: in and out again, in one piece or in several, never gains, whatever the
 * price of a share. */
static void test_rounding(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {4 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    stakers_begin(s);
    uint64_t seed = 7, taken, d = DELEGATOR, pieces = 0;
    OK(stakers_delegate(s, d, 0, 1009));
    OK(assay_staking_take(&s->w->c, &taken, world_address(0), UINT64_MAX, 2316000)); /* 2.37 shares a token */
    for (int round = 0; round < 300; round++) {
        uint64_t amount = 1 + choose(&seed) % 50, had = worth_of(s, d + 1);
        assay_staking_validator before = stakers_validator(s, 0);
        assay_err err = stakers_delegate(s, d + 1, 0, amount);
        if (err == ASSAY_E_RANGE) continue; /* less than a share */
        OK(err);
        uint64_t worth = worth_of(s, d + 1), part = worth > 0 ? choose(&seed) % worth : 0;
        assert_true(worth <= had + amount);
        if (part > 0) OK(stakers_undelegate(s, d + 1, 0, part));
        uint64_t rest = worth_of(s, d + 1);
        assert_true(rest <= worth - part);
        if (rest > 0 && round % 3) OK(stakers_undelegate(s, d + 1, 0, rest));
        pieces += part > 0 && rest > 0;
        assay_staking_validator after = stakers_validator(s, 0);
        /* Nobody else's share lost anything: tokens / shares did not fall. */
        assert_true((unsigned __int128)after.pool_tokens * before.pool_shares >=
                    (unsigned __int128)before.pool_tokens * after.pool_shares);
        if (round % 10 == 9) OK(assay_staking_take(&s->w->c, &taken, world_address(0), UINT64_MAX, 20000));
    }
    assert_true(pieces > 100);
    stakers_audit(s);
    stakers_free(s);
}

static void test_pool_to_nothing(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {4 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    stakers_begin(s);
    const uint64_t d = DELEGATOR;
    uint64_t taken;
    OK(stakers_delegate(s, d, 0, 5));
    OK(stakers_undelegate(s, d, 0, 2));
    OK(assay_staking_take(&s->w->c, &taken, world_address(0), 1, UINT64_MAX));
    assert_int_equal(taken, 4 * M + 5); /* all there is, and no more */
    OK(assay_staking_take(&s->w->c, &taken, world_address(0), 1, 1));
    assert_int_equal(taken, 0);
    assay_staking_validator v = stakers_validator(s, 0);
    assert_int_equal(v.pool_generation, 1);
    assert_int_equal(v.pool_shares, 0);
    /* Old shares are no part of what comes later. */
    REFUSED(ASSAY_E_NOT_FOUND, stakers_undelegate(s, d, 0, 1));
    OK(stakers_delegate(s, d + 1, 0, 100));
    REFUSED(ASSAY_E_NOT_FOUND, stakers_undelegate(s, d, 0, 1));
    /* Nor is what unbonds later in the same epoch mixed with what was slashed to nothing. */
    REFUSED(ASSAY_E_STATE, stakers_undelegate(s, d + 1, 0, 10));
    OK(stakers_delegate(s, d, 0, 50));
    stakers_go(s, 11);
    OK(stakers_undelegate(s, d, 0, 50));
    REFUSED(ASSAY_E_FUNDS, stakers_undelegate(s, d + 1, 0, 101));
    OK(stakers_undelegate(s, d + 1, 0, 100));
    stakers_audit(s);
    stakers_go(s, 90); /* the pool of nothing is paid out as nothing */
    assert_int_equal(stakers_balance(s, d), 1000 * M - 5);
    assert_int_equal(stakers_balance(s, d + 1), 1000 * M);
    stakers_audit(s);
    stakers_free(s);
}

/* ---- unbonding
 * --------------------------------------------------------------------------------------------------------- */

static void test_unbonding(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {4 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    const uint64_t d = DELEGATOR;
    uint64_t slashable;
    stakers_begin(s);
    OK(stakers_delegate(s, d, 0, 3 * M));
    stakers_go(s, 13);
    OK(stakers_undelegate(s, d, 0, 3 * M)); /* leaves at 20, votes until 21, then 50 blocks and 500 s */
    assert_int_equal(stakers_balance(s, d), 997 * M);
    assert_int_equal(counted_at(s, 0, 13).power, 7);
    OK(assay_staking_slashable(world_view(s->w), &slashable, world_address(0), 21));
    assert_int_equal(slashable, 7 * M);
    OK(assay_staking_slashable(world_view(s->w), &slashable, world_address(0), 22));
    assert_int_equal(slashable, 4 * M);
    assay_staking_holding *h;
    uint32_t count;
    uint8_t memory[4096];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    OK(assay_staking_holdings(&h, &count, &keep, world_view(s->w), world_address(d), 8));
    assert_int_equal(count, 1);
    assert_true(h[0].unbonding);
    assert_int_equal(h[0].amount, 3 * M);
    assert_int_equal(h[0].counted_until, 21);
    stakers_go(s, 22);
    assert_int_equal(s->engine[0], 4);
    assert_int_equal(counted_at(s, 0, 21).power, 7);
    assert_int_equal(counted_at(s, 0, 22).power, 4);
    stakers_end(s);
    assert_int_equal(s->w->c.recheck_height, 72);
    stakers_begin(s);
    stakers_go(s, 71);
    stakers_end(s); /* 50 blocks and 500 s after 21: the window is not over */
    assert_int_equal(stakers_balance(s, d), 997 * M);
    stakers_begin(s);
    stakers_end(s);
    assert_int_equal(stakers_balance(s, d), 1000 * M);
    assert_int_equal(world_told(s->w, "unbonded"), 1);
    OK(assay_staking_holdings(&h, &count, &keep, world_view(s->w), world_address(d), 8));
    assert_int_equal(count, 0);
    stakers_audit(s);
    stakers_free(s);
}

/* Blocks that pass fast do not end the window before its seconds have. */
static void test_unbonding_seconds(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {4 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    s->w->step = 1;
    stakers_begin(s);
    OK(stakers_undelegate(s, 0, 0, M)); /* votes until 11 */
    stakers_go(s, 511);
    stakers_end(s);
    assert_int_equal(stakers_balance(s, 0), 1000 * M);
    stakers_begin(s);
    stakers_end(s);
    assert_int_equal(stakers_balance(s, 0), 1001 * M);
    stakers_free(s);
}

/* More claims than a block pays: the rest follows, first come in the order of addresses, each its part to the unit. */
static void test_payout_budget(void **unused) {
    (void)unused;
    enum { CLAIMS = 600 };
    const uint64_t bonds[] = {4 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    static assay_address who[CLAIMS];
    stakers_begin(s);
    for (uint64_t n = 0; n < CLAIMS; n++) {
        who[n] = world_address(10000 + n);
        OK(assay_accounts_debit(&s->w->c, world_address(40), 1000 + n));
        OK(assay_accounts_credit(&s->w->c, who[n], 1000 + n));
        s->w->c.signer = who[n];
        const assay_msg_delegate in = {world_address(0), 1000 + n};
        const assay_msg_undelegate out = {world_address(0), 1000 + n};
        OK(assay_staking_delegate(&s->w->c, &in));
        OK(assay_staking_undelegate(&s->w->c, &out));
    }
    uint64_t taken;
    const uint64_t all = CLAIMS * 1000 + CLAIMS * (CLAIMS - 1) / 2;
    OK(assay_staking_take(&s->w->c, &taken, world_address(0), 1, (4 * M + all) / 2));
    const uint64_t left = all - (taken - (4 * M - stakers_validator(s, 0).self_bond));
    assert_in_range(left, all / 2 - 1, all / 2 + 1);
    stakers_audit(s);
    stakers_go(s, 62);
    unsigned paid = 0;
    for (int block = 0; block < 3; block++) {
        stakers_end(s);
        unsigned now = world_told(s->w, "unbonded");
        assert_int_equal(now, block < 2 ? ASSAY_STAKING_PAYOUTS_MAX : CLAIMS - 2 * ASSAY_STAKING_PAYOUTS_MAX);
        if (block < 2) assert_int_equal(s->w->c.recheck_height, s->w->c.height + 1);
        paid += now;
        stakers_audit(s);
        stakers_begin(s);
    }
    assert_int_equal(paid, CLAIMS);
    uint64_t sum = 0;
    for (uint64_t n = 0; n < CLAIMS; n++) {
        assay_accounts_account account;
        OK(assay_accounts_get(world_view(s->w), &account, who[n]));
        /* At least its part rounded down; what that leaves goes to those who come last, less than a unit for each. */
        assert_in_range(account.balance, (1000 + n) * left / all, (1000 + n) * left / all + 8);
        sum += account.balance;
    }
    assert_int_equal(sum, left);
    stakers_free(s);
}

static void test_lock(void **unused) {
    (void)unused;
    const uint64_t bonds[] = {4 * M, 4 * M};
    stakers *s = stakers_new(bonds, 2);
    stakers_begin(s);
    OK(stakers_undelegate(s, 0, 0, M));
    OK(stakers_undelegate(s, 1, 1, M));
    OK(assay_staking_lock(&s->w->c, world_address(0)));
    OK(assay_staking_lock(&s->w->c, world_address(0)));
    stakers_go(s, 15);
    OK(stakers_undelegate(s, 0, 0, M));
    stakers_go(s, 100);
    assert_int_equal(stakers_balance(s, 0), 1000 * M); /* both windows are long over */
    assert_int_equal(stakers_balance(s, 1), 1001 * M);
    OK(assay_staking_unlock(&s->w->c, world_address(0)));
    stakers_go(s, 101);
    assert_int_equal(stakers_balance(s, 0), 1000 * M);
    /* What is locked can be taken as long as it is there. */
    uint64_t taken;
    OK(assay_staking_take(&s->w->c, &taken, world_address(0), 1, 2 * M));
    assert_int_equal(taken, 2 * M);
    OK(assay_staking_unlock(&s->w->c, world_address(0)));
    stakers_go(s, 102);
    assert_int_equal(stakers_balance(s, 0), 1001 * M);
    stakers_audit(s);
    stakers_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_genesis),
        cmocka_unit_test(test_genesis_errors),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_delegate),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_pool_to_nothing),
        cmocka_unit_test(test_unbonding),
        cmocka_unit_test(test_unbonding_seconds),
        cmocka_unit_test(test_payout_budget),
        cmocka_unit_test(test_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
