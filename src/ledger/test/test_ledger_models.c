/* SPDX-License-Identifier: Apache-2.0
 *
 * A version's life, through the router: recorded, checked, drawn, opened, attested; and how each of these fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "works_internal.h"

static void publish(chain *c, const work *w) {
    assay_msg_register m = work_register(w);
    assert_int_equal(chain_do(c, &c->accounts[0], (assay_tx_body){.register_version = &m}), ASSAY_OK);
}

/* Every validator in [from, to) checks, in one block. */
static void check_by(chain *c, const work *w, uint32_t from, uint32_t to) {
    uint32_t numbers[CHAIN_VALIDATORS_MAX];
    for (uint32_t i = from; i < to; i++) numbers[i] = work_add_check(c, w, i, false);
    const assay_ledger_result *result = chain_block(c);
    for (uint32_t i = from; i < to; i++) {
        assert_int_equal(result->results[numbers[i]].code, ASSAY_OK);
        assert_int_equal(result->results[numbers[i]].gas_used, 0); /* free */
    }
}

static bool drawn(chain *c, const work *w, uint32_t validator) {
    bool found;
    assay_models_check_record check = work_check_of(c, w, validator, &found);
    return found && check.drawn_height != 0;
}

static void run_until_drawn(chain *c, const work *w, uint32_t validator) {
    for (int i = 0; i < 20 && !drawn(c, w, validator); i++) chain_block(c);
    assert_true(drawn(c, w, validator));
}

static assay_err open_by(chain *c, const work *w, uint32_t validator) {
    uint32_t number = work_add_opening(c, w, validator);
    return (assay_err)chain_block(c)->results[number].code;
}

/* Out of jail as soon as it may, and in the set from the next epoch's end on. */
static void return_to_set(chain *c, uint32_t validator) {
    while (c->time < chain_validator(c, validator).jailed_seconds + (int64_t)c->params.jail_seconds) chain_block(c);
    assay_msg_unjail unjail = {c->owners[validator].address};
    assert_int_equal(chain_do(c, &c->owners[validator], (assay_tx_body){.unjail = &unjail}), ASSAY_OK);
    for (int i = 0; i < 10 && chain_validator(c, validator).power == 0; i++) chain_block(c);
    assert_true(chain_validator(c, validator).power > 0);
}

static uint64_t burned(chain *c) {
    assay_rule_totals totals;
    assert_int_equal(assay_rule_totals_read(&totals, chain_view(c)), ASSAY_OK);
    return totals.burned;
}

/* ---- the good case ------------------------------------------------------------------------------------------- */

static void test_four_validators(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    work_make(&w, "acme/ocr", "1.0", 1);
    uint64_t before = chain_account(c, c->accounts[0].address).balance, burned_before = burned(c);
    publish(c, &w);

    assay_version_record r = work_record(c, &w);
    assert_int_equal(r.status, ASSAY_VERSION_RECORDED);
    assert_int_equal(r.recorded_height, 1);
    assert_int_equal(r.recorded_seconds, c->time);
    assert_true(assay_base_hash_eq(r.recorded_block, c->block_hash));
    assert_int_equal(r.deposit, 500); /* 1,001 for the first MiB, the larger half burned */
    assert_int_equal(burned(c) - burned_before, 100000 + 501);
    assert_int_equal(before - chain_account(c, c->accounts[0].address).balance, 100000 + 1001);
    assert_int_equal(chain_event(c, "recorded")->amount, 1001);

    check_by(c, &w, 0, 4);
    uint64_t checked = chain_height(c);
    assert_true(c->one.result.recheck_height == checked + 1); /* draws are due: the chain must not idle */
    /* Each of the four is drawn by the next four blocks of the others: the fifth block from here at the latest. */
    uint32_t first = c->proposer;
    for (uint32_t i = 0; i < 4; i++) chain_block(c);
    for (uint32_t v = 0; v < 4; v++) assert_false(drawn(c, &w, v)); /* one of the four blocks was its own */
    chain_block(c);
    for (uint32_t v = 0; v < 4; v++) assert_int_equal(drawn(c, &w, v), v != first);
    chain_block(c);
    assert_true(drawn(c, &w, first));

    /* Two of four, 50 %: not enough. */
    assert_int_equal(open_by(c, &w, 2), ASSAY_OK);
    assert_int_equal(c->one.result.results[0].gas_used, 0);
    assert_int_equal(open_by(c, &w, 0), ASSAY_OK);
    assert_int_equal(work_record(c, &w).status, ASSAY_VERSION_RECORDED);
    assert_int_equal(assay_state_log(c->one.state)->size, 0);

    /* The third makes 75 %: attested in that very block, and half of the deposit is back. */
    before = chain_account(c, c->accounts[0].address).balance;
    assert_int_equal(open_by(c, &w, 3), ASSAY_OK);
    r = work_record(c, &w);
    assert_int_equal(r.status, ASSAY_VERSION_ATTESTED);
    assert_int_equal(r.attested_height, chain_height(c));
    assert_int_equal(r.power_checked, 30);
    assert_int_equal(r.power_total, 40);
    assert_int_equal(r.log_index, 1);
    assert_int_equal(r.deposit, 0);
    assert_int_equal(chain_account(c, c->accounts[0].address).balance - before, 500);
    assert_int_equal(chain_event(c, "attested")->extra, 0);

    /* The leaf of the log says the same. */
    assay_bytes leaf;
    assay_attestation a;
    assay_arena none = {0};
    assert_int_equal(assay_state_log_leaf(&leaf, memory_reader(&c->one.storage), 0), ASSAY_OK);
    assert_int_equal(assay_codec_decode(&a, &none, &assay_attestation_message, leaf, ASSAY_CODEC_STRICT), ASSAY_OK);
    assert_true(assay_base_bytes_eq(a.name, ASSAY_STR("acme/ocr")) && assay_base_bytes_eq(a.version, ASSAY_STR("1.0")));
    assert_true(assay_base_hash_eq(a.root, w.root));
    assert_int_equal(a.attested_height, r.attested_height);
    assert_int_equal(a.power_checked, 30);
    assert_memory_equal(a.publisher.b, c->accounts[0].key.b, sizeof a.publisher.b);

    /* The fourth opens after that; the record stays as it is. */
    assert_int_equal(open_by(c, &w, 1), ASSAY_OK);
    assert_int_equal(work_check_state(c, &w, 1), ASSAY_MODELS_OPENED);
    assert_int_equal(work_record(c, &w).power_checked, 30);

    /* Nobody misses anything: after the duty window the root stands still. */
    chain_run_to(c, r.attested_height + 60);
    assert_null(chain_event(c, "missed-duty"));
    chain_free(c);
}

/* More than 2/3, not 2/3: two of three are not enough. */
static void test_exactly_two_thirds(void **state) {
    (void)state;
    chain *c = chain_new(3);
    work w;
    work_make(&w, "acme/ocr", "1.0", 2);
    publish(c, &w);
    check_by(c, &w, 0, 3);
    run_until_drawn(c, &w, 0);
    run_until_drawn(c, &w, 1);
    run_until_drawn(c, &w, 2);
    assert_int_equal(open_by(c, &w, 0), ASSAY_OK);
    assert_int_equal(open_by(c, &w, 1), ASSAY_OK);
    assert_int_equal(work_record(c, &w).status, ASSAY_VERSION_RECORDED);
    assert_int_equal(open_by(c, &w, 2), ASSAY_OK);
    assert_int_equal(work_record(c, &w).status, ASSAY_VERSION_ATTESTED);
    chain_free(c);
}

/* Alone in the set, a validator is drawn by its own blocks. */
static void test_one_validator(void **state) {
    (void)state;
    chain *c = chain_new(1);
    work w;
    work_make(&w, "acme/ocr", "1.0", 3);
    publish(c, &w);
    check_by(c, &w, 0, 1);
    uint64_t checked = chain_height(c);
    for (uint32_t i = 0; i < 4; i++) {
        assert_false(drawn(c, &w, 0)); /* nor did the block draw that holds the check */
        chain_block(c);
    }
    bool found;
    assay_models_check_record check = work_check_of(c, &w, 0, &found);
    assert_int_equal(check.drawn_height, checked + 4);
    assert_int_equal(check.draws_count, 4);
    assert_memory_equal(check.draws[3], c->block_hash.b, sizeof c->block_hash.b);
    assert_int_equal(open_by(c, &w, 0), ASSAY_OK);
    assert_int_equal(work_record(c, &w).status, ASSAY_VERSION_ATTESTED);
    chain_free(c);
}

/* The set changes, and what was opened is suddenly enough: tested without an opening. */
static void test_set_change_attests(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    work_make(&w, "acme/ocr", "1.0", 4);
    publish(c, &w);
    check_by(c, &w, 0, 2);
    run_until_drawn(c, &w, 0);
    run_until_drawn(c, &w, 1);
    assert_int_equal(open_by(c, &w, 0), ASSAY_OK);
    assert_int_equal(open_by(c, &w, 1), ASSAY_OK);
    assert_int_equal(work_record(c, &w).status, ASSAY_VERSION_RECORDED);
    /* Power moves to the two: when the epoch ends they have 80 of 100. */
    assay_msg_delegate delegate = {c->owners[0].address, 60000000};
    chain_run_to(c, (chain_height(c) + 9) / 10 * 10);
    assert_int_equal(chain_do(c, &c->accounts[1], (assay_tx_body){.delegate = &delegate}), ASSAY_OK);
    uint64_t epoch_end = (chain_height(c) + 9) / 10 * 10;
    chain_run_to(c, epoch_end - 1);
    assert_int_equal(work_record(c, &w).status, ASSAY_VERSION_RECORDED);
    chain_block(c);
    assay_version_record r = work_record(c, &w);
    assert_int_equal(r.status, ASSAY_VERSION_ATTESTED);
    assert_int_equal(r.attested_height, epoch_end);
    assert_int_equal(r.power_checked, 80);
    assert_int_equal(r.power_total, 100);
    chain_free(c);
}

/* ---- false, silent, late ------------------------------------------------------------------------------------- */

static void test_false_opening(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    work_make(&w, "acme/ocr", "1.0", 5);
    publish(c, &w);
    uint32_t number = work_add_check(c, &w, 1, true);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_OK); /* a lie looks like any check */
    run_until_drawn(c, &w, 1);
    uint64_t burned_before = burned(c);
    assert_int_equal(open_by(c, &w, 1), ASSAY_OK); /* evidence against its signer, and free */
    assert_int_equal(work_check_state(c, &w, 1), ASSAY_MODELS_FALSE);
    assay_staking_validator v = chain_validator(c, 1);
    assert_true(v.jailed);
    assert_false(v.tombstoned);
    assert_int_equal(v.power, 0);
    assert_int_equal(v.self_bond, CHAIN_BOND / 100 * 95);
    assert_int_equal(burned(c) - burned_before, CHAIN_BOND / 20);
    const assay_ledger_event *told = chain_event(c, "false-opening");
    assert_non_null(told);
    assay_slashing_penalty penalty;
    bool found;
    assert_int_equal(assay_slashing_penalty_get(chain_view(c), &penalty, &found, told->extra), ASSAY_OK);
    assert_true(found);
    assert_int_equal(penalty.kind, ASSAY_SLASHING_FALSE_OPENING);
    assert_int_equal(penalty.taken, CHAIN_BOND / 20);

    /* Out of the set it may not check; back in it, it may, with twice the draws. */
    number = work_add_check(c, &w, 1, false);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_E_UNAUTHORIZED);
    return_to_set(c, 1);
    number = work_add_check(c, &w, 1, false);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_OK);
    run_until_drawn(c, &w, 1);
    assay_models_check_record check = work_check_of(c, &w, 1, &found);
    assert_int_equal(check.chunks_per_draw, 4);
    assert_int_equal(open_by(c, &w, 1), ASSAY_OK);
    assert_int_equal(work_check_state(c, &w, 1), ASSAY_MODELS_OPENED);
    chain_free(c);
}

/* An entry that fits nothing does not shield a false one beside it; alone it is just no opening. */
static void test_false_beside_unfit(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    static work_opening opening;
    work_make(&w, "acme/ocr", "1.0", 6);
    publish(c, &w);
    work_add_check(c, &w, 0, true);
    work_add_check(c, &w, 2, false);
    chain_block(c);
    run_until_drawn(c, &w, 0);
    run_until_drawn(c, &w, 2);
    work_open(c, &w, 2, &opening);
    opening.entries[0].content.len--;
    uint32_t number = chain_add(c, &c->attestation[2], (assay_tx_body){.opening = &opening.message});
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_E_OPENING);
    assert_int_equal(work_check_state(c, &w, 2), ASSAY_MODELS_PENDING);
    work_open(c, &w, 0, &opening);
    opening.entries[0].content.len--;
    number = chain_add(c, &c->attestation[0], (assay_tx_body){.opening = &opening.message});
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_OK);
    assert_int_equal(work_check_state(c, &w, 0), ASSAY_MODELS_FALSE);
    chain_free(c);
}

/* Silence: the check is void when its window has passed by blocks and by seconds, a missed duty, and the next draws
 * double. */
static void test_silence(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    bool found;
    c->params.opening_blocks = 7;
    work_make(&w, "acme/ocr", "1.0", 7);
    publish(c, &w);
    uint64_t chunks = 2;
    for (uint32_t round = 0; round < 2; round++) {
        check_by(c, &w, 3, 4);
        run_until_drawn(c, &w, 3);
        assay_models_check_record check = work_check_of(c, &w, 3, &found);
        assert_int_equal(check.chunks_per_draw, chunks);
        assert_int_equal(check.voids, round);
        /* 7 blocks and 70 seconds: with blocks of 10 seconds both pass in the eighth block after the last draw. */
        chain_run_to(c, check.drawn_height + 7);
        assert_int_equal(work_check_state(c, &w, 3), ASSAY_MODELS_PENDING);
        chain_block(c);
        assert_int_equal(work_check_state(c, &w, 3), ASSAY_MODELS_VOID);
        assert_non_null(chain_event(c, "void"));
        assert_non_null(chain_event(c, "missed-duty"));
        assert_int_equal(open_by(c, &w, 3), ASSAY_E_STATE);
        chunks *= 2;
    }
    /* In time, with 16 chunks a check of 4 draws. */
    check_by(c, &w, 3, 4);
    run_until_drawn(c, &w, 3);
    assert_int_equal(work_check_of(c, &w, 3, &found).chunks_per_draw, 8);
    assert_int_equal(open_by(c, &w, 3), ASSAY_OK);
    chain_free(c);
}

/* The draws double up to what one opening can show, and no further. */
static void test_draws_are_bounded(void **state) {
    (void)state;
    assay_params params = chain_params();
    params.attest_blocks = 1000;
    params.attest_seconds = 10000;
    chain *c = chain_new_with(4, &params, false);
    work w;
    bool found;
    work_make(&w, "acme/ocr", "1.0", 8);
    publish(c, &w);
    const uint64_t expected[] = {2, 4, 8, 16, 16};
    for (uint32_t round = 0; round < 5; round++) {
        if (chain_validator(c, 0).jailed) return_to_set(c, 0); /* four missed duties are a liveness fault */
        check_by(c, &w, 0, 1);
        run_until_drawn(c, &w, 0);
        assay_models_check_record check = work_check_of(c, &w, 0, &found);
        assert_int_equal(check.chunks_per_draw, expected[round]);
        if (round < 4) chain_run_to(c, check.drawn_height + 8);
        /* Silent for the fourth time: out of the set in the very block in which the window closed. */
        assert_int_equal(chain_validator(c, 0).jailed, round == 3);
        assert_int_equal(c->one.result.powers_count, round == 3);
    }
    assert_int_equal(open_by(c, &w, 0), ASSAY_OK); /* 64 entries fit a transaction */
    chain_free(c);
}

/* Both sides of the opening's window: the last block in which it may come, and the first in which it may not. */
static void test_opening_window(void **state) {
    (void)state;
    for (uint32_t late = 0; late < 2; late++) {
        chain *c = chain_new(4);
        work w;
        bool found;
        work_make(&w, "acme/ocr", "1.0", 9);
        publish(c, &w);
        check_by(c, &w, 0, 1);
        run_until_drawn(c, &w, 0);
        uint64_t drawn_height = work_check_of(c, &w, 0, &found).drawn_height;
        chain_run_to(c, drawn_height + 6 + late);
        assert_int_equal(open_by(c, &w, 0), late ? ASSAY_E_WINDOW : ASSAY_OK);
        chain_free(c);
    }
    /* Blocks alone do not close it, nor do seconds. */
    for (uint32_t fast = 0; fast < 2; fast++) {
        chain *c = chain_new(4);
        work w;
        bool found;
        work_make(&w, "acme/ocr", "1.0", 10);
        publish(c, &w);
        check_by(c, &w, 0, 1);
        run_until_drawn(c, &w, 0);
        uint64_t drawn_height = work_check_of(c, &w, 0, &found).drawn_height;
        c->step = fast ? 1 : 100;
        chain_run_to(c, drawn_height + (fast ? 30 : 5));
        assert_int_equal(open_by(c, &w, 0), ASSAY_OK);
        chain_free(c);
    }
}

/* Draws that are still to come, entries that are too few, too many, in another order, of other chunks. */
static void test_wrong_openings(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    static work_opening opening;
    work_make(&w, "acme/ocr", "1.0", 11);
    publish(c, &w);
    check_by(c, &w, 0, 1);
    work_open(c, &w, 0, &opening);
    uint32_t number = chain_add(c, &c->attestation[0], (assay_tx_body){.opening = &opening.message});
    uint32_t nobodys = chain_add(c, &c->attestation[1], (assay_tx_body){.opening = &opening.message});
    uint32_t strangers = chain_add(c, &c->owners[0], (assay_tx_body){.opening = &opening.message});
    const assay_ledger_result *result = chain_block(c);
    assert_int_equal(result->results[number].code, ASSAY_E_WINDOW);
    assert_int_equal(result->results[nobodys].code, ASSAY_E_NOT_FOUND);
    assert_int_equal(result->results[strangers].code,
                     ASSAY_E_UNAUTHORIZED); /* the owner's key is not the attestation key */
    run_until_drawn(c, &w, 0);
    for (uint32_t how = 0; how < 5; how++) {
        work_open(c, &w, 0, &opening);
        assay_opening_entry last = opening.entries[7];
        if (how == 0) opening.message.entries_count--;
        if (how == 1) opening.entries[opening.message.entries_count++] = last;
        if (how == 2) {
            opening.entries[7] = opening.entries[0];
            opening.entries[0] = last;
            if (opening.entries[0].chunk == opening.entries[7].chunk) continue;
        }
        if (how == 3) opening.entries[3].chunk = (opening.entries[3].chunk + 1) % w.chunks;
        if (how == 4) opening.message.entries_count = 0;
        number = chain_add(c, &c->attestation[0], (assay_tx_body){.opening = &opening.message});
        assert_int_equal(chain_block(c)->results[number].code, ASSAY_E_OPENING);
        assert_int_equal(work_check_state(c, &w, 0), ASSAY_MODELS_PENDING);
    }
    chain_free(c);
}

/* The window of a check that was false closes while the next one is pending: only its own closes a check. */
static void test_window_of_another_check(void **state) {
    (void)state;
    assay_params params = chain_params();
    params.opening_blocks = 50;
    params.opening_seconds = 500;
    params.attest_blocks = 1000;
    params.attest_seconds = 10000;
    chain *c = chain_new_with(4, &params, false);
    work w;
    bool found;
    work_make(&w, "acme/ocr", "1.0", 12);
    publish(c, &w);
    work_add_check(c, &w, 0, true);
    chain_block(c);
    run_until_drawn(c, &w, 0);
    uint64_t first_closes = work_check_of(c, &w, 0, &found).drawn_height + 51;
    assert_int_equal(open_by(c, &w, 0), ASSAY_OK);
    assert_int_equal(work_check_state(c, &w, 0), ASSAY_MODELS_FALSE);
    return_to_set(c, 0);
    check_by(c, &w, 0, 1);
    run_until_drawn(c, &w, 0);
    assert_true(chain_height(c) < first_closes);
    chain_run_to(c, first_closes + 1);
    assert_int_equal(work_check_state(c, &w, 0), ASSAY_MODELS_PENDING);
    assert_int_equal(open_by(c, &w, 0), ASSAY_OK);
    assert_int_equal(work_check_state(c, &w, 0), ASSAY_MODELS_OPENED);
    /* Opened is opened: it cannot be checked again. */
    uint32_t number = work_add_check(c, &w, 0, false);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_E_DUPLICATE);
    chain_free(c);
}

/* The version ends while an opening is awaited: nobody waits for it any more, and nobody missed anything. */
static void test_ended_while_awaited(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    work_make(&w, "acme/ocr", "1.0", 13);
    publish(c, &w);
    check_by(c, &w, 0, 1);
    run_until_drawn(c, &w, 0);
    assay_msg_status revoke = {ASSAY_STR("acme/ocr"), ASSAY_STR("1.0"), ASSAY_STR("a mistake")};
    assert_int_equal(chain_do(c, &c->accounts[0], (assay_tx_body){.revoke = &revoke}), ASSAY_OK);
    assert_int_equal(open_by(c, &w, 0), ASSAY_E_STATE);
    for (int i = 0; i < 20; i++) {
        chain_block(c);
        assert_null(chain_event(c, "void"));
        assert_null(chain_event(c, "missed-duty"));
    }
    assert_int_equal(work_check_state(c, &w, 0), ASSAY_MODELS_PENDING);
    chain_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_validators),
        cmocka_unit_test(test_exactly_two_thirds),
        cmocka_unit_test(test_one_validator),
        cmocka_unit_test(test_set_change_attests),
        cmocka_unit_test(test_false_opening),
        cmocka_unit_test(test_false_beside_unfit),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_draws_are_bounded),
        cmocka_unit_test(test_opening_window),
        cmocka_unit_test(test_wrong_openings),
        cmocka_unit_test(test_window_of_another_check),
        cmocka_unit_test(test_ended_while_awaited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
