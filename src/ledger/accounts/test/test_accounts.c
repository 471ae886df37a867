/* SPDX-License-Identifier: Apache-2.0
 *
 * Balances, nonces, fees: each verdict, and both sides of each limit. */
#include "world_internal.h"

#include "../accounts_internal.h"

static assay_accounts_account account_of(world *w, uint64_t n) {
    assay_accounts_account account;
    OK(assay_accounts_get(world_view(w), &account, world_address(n)));
    return account;
}

static uint64_t balance_of(world *w, uint64_t n) { return account_of(w, n).balance; }

/* Actors 1 .. 3 with 1,000 units each, in the first block. */
static world *start(void) {
    world *w = world_new();
    assay_genesis_account accounts[3];
    for (uint64_t n = 1; n <= 3; n++) accounts[n - 1] = (assay_genesis_account){world_address(n), 1000};
    OK(assay_accounts_init(&w->c, accounts, 3));
    world_end(w);
    world_begin(w);
    return w;
}

static uint64_t sum_of(world *w) {
    uint64_t sum = w->c.totals.burned;
    assay_address address;
    assay_accounts_account account;
    bool found = true;
    for (bool first = true; found; first = false) {
        OK(assay_accounts_next(world_view(w), &address, &account, &found, first ? NULL : &address));
        sum += account.balance;
    }
    return sum;
}

static void test_table(void **unused) {
    (void)unused;
    assert_true(assay_codec_table_ok(assay_accounts_table.message));
}

static void test_init(void **unused) {
    (void)unused;
    world *w = start();
    assert_int_equal(w->c.totals.issued, 3000);
    assert_int_equal(balance_of(w, 1), 1000);
    assert_int_equal(balance_of(w, 4), 0);
    assert_int_equal(account_of(w, 4).format, 0);
    const assay_genesis_account twice[] = {{world_address(8), 1}, {world_address(8), 2}};
    REFUSED(ASSAY_E_DUPLICATE, assay_accounts_init(&w->c, twice, 2));
    const assay_genesis_account nothing[] = {{world_address(9), 0}};
    REFUSED(ASSAY_E_RANGE, assay_accounts_init(&w->c, nothing, 1));
    const assay_genesis_account much[] = {{world_address(10), UINT64_MAX - 3001}, {world_address(11), 1}};
    REFUSED(ASSAY_E_OVERFLOW, assay_accounts_init(&w->c, much, 2));
    world_free(w);
}

static void test_movements(void **unused) {
    (void)unused;
    world *w = start();
    assay_rule_context *c = &w->c;
    OK(assay_accounts_credit(c, world_address(4), 5));
    assert_int_equal(balance_of(w, 4), 5);
    OK(assay_accounts_debit(c, world_address(4), 2));
    REFUSED(ASSAY_E_FUNDS, assay_accounts_debit(c, world_address(4), 4));
    assert_int_equal(balance_of(w, 4), 3);
    OK(assay_accounts_debit(c, world_address(4), 3));
    assert_int_equal(account_of(w, 4).format, 0); /* empty and never signed: gone */
    REFUSED(ASSAY_E_FUNDS, assay_accounts_debit(c, world_address(5), 1));
    OK(assay_accounts_debit(c, world_address(5), 0));
    OK(assay_accounts_credit(c, world_address(5), 0));
    assert_int_equal(account_of(w, 5).format, 0);
    REFUSED(ASSAY_E_OVERFLOW, assay_accounts_credit(c, world_address(1), UINT64_MAX - 999));
    assert_int_equal(balance_of(w, 1), 1000);
    OK(assay_accounts_burn(c, world_address(1), 1000));
    REFUSED(ASSAY_E_FUNDS, assay_accounts_burn(c, world_address(1), 1));
    assert_int_equal(c->totals.burned, 1000);
    world_free(w);
}

static void test_fees(void **unused) {
    (void)unused;
    world *w = start();
    uint64_t fee;
    OK(assay_accounts_fee(&fee, &w->params, 250));
    assert_int_equal(fee, 100 + 250);
    assay_params dear = w->params;
    dear.fee_per_byte = UINT64_MAX;
    OK(assay_accounts_fee(&fee, &(assay_params){.fee_base = 0, .fee_per_byte = UINT64_MAX}, 1));
    REFUSED(ASSAY_E_OVERFLOW, assay_accounts_fee(&fee, &dear, 1));
    REFUSED(ASSAY_E_OVERFLOW, assay_accounts_fee(&fee, &dear, 2));

    const assay_address one = world_address(1);
    REFUSED(ASSAY_E_NONCE, assay_accounts_charge(&w->c, one, 1, 10));
    OK(assay_accounts_charge(&w->c, one, 0, 10));
    REFUSED(ASSAY_E_NONCE, assay_accounts_charge(&w->c, one, 0, 10)); /* a repeat */
    REFUSED(ASSAY_E_NONCE, assay_accounts_charge(&w->c, one, 2, 10));
    REFUSED(ASSAY_E_FUNDS, assay_accounts_charge(&w->c, one, 1, 991));
    assert_int_equal(account_of(w, 1).nonce, 1);
    assert_int_equal(balance_of(w, 1), 990);
    OK(assay_accounts_charge(&w->c, one, 1, 990));
    assert_int_equal(account_of(w, 1).nonce, 2);
    assert_int_equal(account_of(w, 1).format, 1); /* without a balance, but its nonces are known for ever */
    OK(assay_accounts_charge(&w->c, one, 2, 0));
    assert_int_equal(w->c.totals.burned, 1000);
    assert_int_equal(sum_of(w), 3000);
    REFUSED(ASSAY_E_FUNDS, assay_accounts_charge(&w->c, world_address(9), 0, 1));
    REFUSED(ASSAY_E_NONCE, assay_accounts_charge(&w->c, world_address(9), UINT64_MAX, 0));
    world_free(w);
}

static void test_send(void **unused) {
    (void)unused;
    world *w = start();
    assay_msg_send send = {.to = world_address(2), .amount = 400};
    OK(TX(w, 1, assay_accounts_send(&w->c, &send)));
    assert_int_equal(balance_of(w, 1), 600);
    assert_int_equal(balance_of(w, 2), 1400);
    assert_int_equal(world_told(w, "transfer"), 1);
    send.amount = 0;
    REFUSED(ASSAY_E_RANGE, TX(w, 1, assay_accounts_send(&w->c, &send)));
    send.amount = 601;
    REFUSED(ASSAY_E_FUNDS, TX(w, 1, assay_accounts_send(&w->c, &send)));
    send.to = world_address(1);
    REFUSED(ASSAY_E_FUNDS, TX(w, 1, assay_accounts_send(&w->c, &send)));
    send.amount = 600; /* to oneself: nothing moves */
    OK(TX(w, 1, assay_accounts_send(&w->c, &send)));
    assert_int_equal(balance_of(w, 1), 600);
    send.to = world_address(3);
    OK(TX(w, 1, assay_accounts_send(&w->c, &send)));
    assert_int_equal(balance_of(w, 3), 1600);
    assert_int_equal(account_of(w, 1).format, 0);
    assert_int_equal(sum_of(w), 3000);
    world_end(w);
    /* A snapshot says the same. */
    assay_accounts_account account;
    OK(assay_accounts_get(world_snapshot(w), &account, world_address(3)));
    assert_int_equal(account.balance, 1600);
    world_free(w);
}

/* 100 actors send to and fro for 20,000 rounds; a model of plain numbers knows every balance. */
static void test_random(void **unused) {
    (void)unused;
    enum { ACTORS = 100, ROUNDS = 20000 };
    uint64_t seed = 20260101, model[ACTORS], sum = 0, burned = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    world *w = world_new();
    assay_genesis_account accounts[ACTORS];
    for (uint64_t n = 0; n < ACTORS; n++) {
        model[n] = 1 + choose(&seed) % 1000;
        sum += model[n];
        accounts[n] = (assay_genesis_account){world_address(n), model[n]};
    }
    OK(assay_accounts_init(&w->c, accounts, ACTORS));
    world_end(w);
    world_begin(w);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t from = choose(&seed) % ACTORS, to = choose(&seed) % ACTORS, amount = 1 + choose(&seed) % 500;
        const assay_msg_send send = {.to = accounts[to].address, .amount = amount};
        w->c.signer = accounts[from].address;
        if (choose(&seed) % 50 == 0) {
            assay_err err = assay_accounts_burn(&w->c, w->c.signer, amount % 7);
            assert_int_equal(err, model[from] >= amount % 7 ? ASSAY_OK : ASSAY_E_FUNDS);
            if (err == ASSAY_OK) model[from] -= amount % 7, burned += amount % 7;
            continue;
        }
        assay_err err = assay_accounts_send(&w->c, &send);
        assert_int_equal(err, model[from] >= amount ? ASSAY_OK : ASSAY_E_FUNDS);
        if (err == ASSAY_OK) model[from] -= amount, model[to] += amount;
        if (round % 1000 != 999) continue;
        assert_int_equal(w->c.totals.burned, burned);
        assert_int_equal(sum_of(w), sum);
        world_end(w);
        world_begin(w);
    }
    for (uint64_t n = 0; n < ACTORS; n++) assert_int_equal(balance_of(w, n), model[n]);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table), cmocka_unit_test(test_init), cmocka_unit_test(test_movements),
        cmocka_unit_test(test_fees),  cmocka_unit_test(test_send), cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
