/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain from genesis on: what genesis must be, that a ledger opened again goes on as if nothing had been, that
 * nothing happens in a block in which nothing happens, and that a fault of the machine is never a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "works_internal.h"

/* ---- genesis ------------------------------------------------------------------------------------------------- */

/* A ledger over an empty storage, and a genesis that the test may spoil. */
typedef struct begin {
    machine m;
    chain *proper; /* whose genesis it starts from */
    assay_genesis genesis;
    uint8_t decoded[65536];
} begin;

static begin *begin_new(void) {
    begin *b = memory_take(sizeof *b);
    memset(b, 0, sizeof *b);
    b->proper = chain_new(4);
    machine_open(&b->m, 0x77);
    assay_arena keep = assay_base_arena(b->decoded, sizeof b->decoded);
    assert_int_equal(
        assay_codec_decode(&b->genesis, &keep, &assay_genesis_message, b->proper->genesis, ASSAY_CODEC_STRICT),
        ASSAY_OK);
    return b;
}

static void begin_free(begin *b) {
    chain_free(b->proper);
    memory_free(&b->m.storage);
    free(b->m.memory);
    free(b);
}

static assay_err init_bytes(begin *b, assay_bytes bytes, const char *chain_id) {
    assay_arena keep = b->m.keep;
    assay_ledger_power *powers;
    uint32_t count;
    return assay_ledger_init(b->m.ledger, &powers, &count, &keep, bytes, assay_base_bytes_str(chain_id));
}

/* Encodes the genesis as it stands, under the chain id that is then its. */
static assay_err init(begin *b) {
    static uint8_t memory[65536];
    char chain_id[ASSAY_CHAIN_ID_LEN_MAX + 1];
    assay_buf out = {memory, 0, sizeof memory};
    assert_int_equal(assay_codec_encode(&out, &assay_genesis_message, &b->genesis, ASSAY_CODEC_STRICT), ASSAY_OK);
    assay_bytes bytes = {out.ptr, out.len};
    assay_genesis_chain_id(chain_id, b->genesis.name, assay_genesis_hash(bytes));
    return init_bytes(b, bytes, chain_id);
}

static void test_genesis(void **state) {
    (void)state;
    begin *b = begin_new();
    assay_genesis proper = b->genesis;
    assay_genesis_validator v0 = b->genesis.validators[0];
    assay_genesis_account a0 = b->genesis.accounts[0];
    assert_int_equal(init_bytes(b, b->proper->genesis, "testnet-000000000000"), ASSAY_E_CHAIN);
    assert_int_equal(init_bytes(b, b->proper->genesis, ""), ASSAY_E_CHAIN);
    assert_int_equal(init_bytes(b, (assay_bytes){b->proper->genesis.ptr, 40}, b->proper->chain_id), ASSAY_E_ENCODING);
    assert_int_equal(init_bytes(b, (assay_bytes){NULL, 0}, b->proper->chain_id), ASSAY_E_ENCODING);
#define SPOILED(err, ...)                                                                                              \
    do {                                                                                                               \
        __VA_ARGS__;                                                                                                   \
        assert_int_equal(init(b), (err));                                                                              \
        assert_int_equal(assay_state_mark(b->m.state).entries, 0);                                                     \
        b->genesis = proper;                                                                                           \
        b->genesis.validators[0] = v0;                                                                                 \
        b->genesis.accounts[0] = a0;                                                                                   \
    } while (0)
    SPOILED(ASSAY_E_FORMAT, b->genesis.format = 2);
    SPOILED(ASSAY_E_FORMAT, b->genesis.app_version = 2);
    SPOILED(ASSAY_E_FORMAT, b->genesis.app_version = 0);
    SPOILED(ASSAY_E_NAME, b->genesis.name = ASSAY_STR(""));
    SPOILED(ASSAY_E_NAME, b->genesis.name = ASSAY_STR("Testnet"));
    SPOILED(ASSAY_E_NAME, b->genesis.name = ASSAY_STR("test_net"));
    SPOILED(ASSAY_E_RANGE, b->genesis.params.epoch_blocks = 0);
    SPOILED(ASSAY_E_RANGE, b->genesis.params.draws_per_check = 0);
    SPOILED(ASSAY_E_RANGE, b->genesis.params.draws_per_check = ASSAY_MODELS_DRAWS_MAX + 1);
    SPOILED(ASSAY_E_RANGE, b->genesis.params.chunks_per_draw = 17); /* 4 * 17 > 64 */
    SPOILED(ASSAY_E_RANGE, b->genesis.params.evidence_blocks = b->genesis.params.unbonding_blocks + 1);
    SPOILED(ASSAY_E_RANGE, b->genesis.validators_count = 0);
    SPOILED(ASSAY_E_RANGE, b->genesis.validators[0].self_bond = 1);
    SPOILED(ASSAY_E_SIGNATURE, b->genesis.validators[0].consensus_proof.b[3] ^= 1);
    SPOILED(ASSAY_E_SIGNATURE, b->genesis.validators[0].attestation_proof.b[3] ^= 1);
    SPOILED(ASSAY_E_SIGNATURE, b->genesis.name = ASSAY_STR("elsewhere")); /* proofs are of the chain's name */
    SPOILED(ASSAY_E_KEY, memset(b->genesis.validators[0].consensus_key.b, 0, 32);
            b->genesis.validators[0].consensus_key.b[0] = 1);
    SPOILED(ASSAY_E_DUPLICATE, b->genesis.accounts[0] = b->genesis.accounts[1]);
    SPOILED(ASSAY_E_EXISTS, b->genesis.validators[0] = b->genesis.validators[1]);
    SPOILED(ASSAY_E_OVERFLOW, b->genesis.accounts[0].balance = UINT64_MAX);
#undef SPOILED

    /* Right, twice, and the same root as the chain that began with it; after it is stored, no more. */
    assay_hash root, log_root;
    uint64_t log_size;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(init(b), ASSAY_OK);
        assert_int_equal(assay_state_prepare(b->m.state, &root, &log_size, &log_root), ASSAY_OK);
    }
    assert_true(assay_base_hash_eq(assay_app_hash(root, log_size, log_root), b->proper->app_hash));
    machine_commit(&b->m, 0);
    assert_int_equal(init(b), ASSAY_E_STATE);
    begin_free(b);
}

/* Before genesis there is nothing to be asked. */
static void test_before_genesis(void **state) {
    (void)state;
    begin *b = begin_new();
    assay_ledger_admission admission;
    assay_ledger_result result;
    assay_ledger_block block = {.height = 1};
    bool ok;
    assert_int_equal(assay_ledger_check_tx(b->m.ledger, &admission, ASSAY_STR("x"), ASSAY_LEDGER_SIGNATURE_UNSEEN),
                     ASSAY_F_BUG);
    assert_int_equal(assay_ledger_finalize(b->m.ledger, &result, &b->m.keep, &block), ASSAY_F_BUG);
    assert_int_equal(assay_ledger_choose(b->m.ledger, NULL, NULL, 0, 1, 1), ASSAY_F_BUG);
    assert_int_equal(assay_ledger_proposal_ok(b->m.ledger, &ok, &block), ASSAY_F_BUG);
    begin_free(b);
}

/* ---- nothing happens ----------------------------------------------------------------------------------------- */

static void test_empty_blocks(void **state) {
    (void)state;
    chain *c = chain_new(4);
    assay_hash at_rest = c->app_hash;
    for (int i = 0; i < 35; i++) { /* over three ends of epochs */
        chain_block(c);
        assert_true(assay_base_hash_eq(c->app_hash, at_rest));
        assert_int_equal(c->one.result.recheck_height, 0);
        assert_int_equal(c->one.result.events_count, 0);
    }
    /* Nor while windows wait: a version that nobody checks changes the root when it lapses and not before. */
    work w;
    work_make(&w, "acme/ocr", "1", 1);
    assay_msg_register m = work_register(&w);
    assert_int_equal(chain_do(c, &c->accounts[0], (assay_tx_body){.register_version = &m}), ASSAY_OK);
    assay_hash waiting = c->app_hash;
    uint64_t due = chain_height(c) + 41;
    assert_int_equal(c->one.result.recheck_height, due);
    c->step = 5; /* the seconds take twice as long */
    while (c->time + c->step - work_record(c, &w).recorded_seconds <= 400) {
        chain_block(c);
        assert_true(assay_base_hash_eq(c->app_hash, waiting));
        /* When its blocks have passed the chain need not hurry any more. */
        assert_int_equal(c->one.result.recheck_height, chain_height(c) < due ? due : 0);
    }
    chain_block(c);
    assert_false(assay_base_hash_eq(c->app_hash, waiting));
    assert_int_equal(work_record(c, &w).status, ASSAY_VERSION_LAPSED);
    chain_free(c);
}

/* ---- what the engine reports --------------------------------------------------------------------------------- */

static void test_misbehavior(void **state) {
    (void)state;
    chain *c = chain_new(4);
    chain_run_to(c, 6);
    assay_ledger_misbehavior m = {c->consensus[1].address, 4, 0, {c->time, 0}};
    c->misbehavior = &m;
    c->misbehavior_count = 1;
    chain_block(c);
    assert_non_null(chain_event(c, "slashed"));
    assert_int_equal(chain_event(c, "slashed")->tx_index, ASSAY_RULE_NO_TX);
    assert_true(chain_validator(c, 1).tombstoned);
    assert_int_equal(chain_validator(c, 1).self_bond, CHAIN_BOND / 4); /* one of four equals: 75 % */
    assert_int_equal(c->one.result.powers_count, 1);
    assert_memory_equal(c->one.result.powers[0].consensus_key.b, c->consensus[1].key.b, ASSAY_PUBLIC_KEY_LEN);
    assert_int_equal(c->one.result.powers[0].power, 0);
    /* Known by now, and a stranger, and the future: nothing. */
    assay_hash before = c->app_hash;
    assay_ledger_misbehavior more[3] = {m, m, m};
    more[1].consensus_address.b[0] ^= 1;
    more[2].height = 4000;
    c->misbehavior = more;
    c->misbehavior_count = 3;
    chain_block(c);
    assert_null(chain_event(c, "slashed"));
    assert_true(assay_base_hash_eq(c->app_hash, before));
    chain_free(c);
}

/* A set is never emptied: the block that leaves nobody who may validate is the last one that passes. */
static void test_the_chain_stops(void **state) {
    (void)state;
    chain *c = chain_new(4);
    chain_run_to(c, 6);
    assay_ledger_misbehavior all[4];
    for (int i = 0; i < 4; i++) all[i] = (assay_ledger_misbehavior){c->consensus[i].address, 4, 0, {c->time, 0}};
    bool stopped, ok;
    c->misbehavior = all;
    c->misbehavior_count = 3;
    chain_block(c);
    c->misbehavior_count = 0;
    assert_int_equal(assay_ledger_stopped(c->one.ledger, &stopped), ASSAY_OK);
    assert_false(stopped);
    assay_ledger_block empty = {.height = 1000, .time = {c->time + 1, 0}};
    assert_int_equal(assay_ledger_proposal_ok(c->one.ledger, &ok, &empty), ASSAY_OK);
    assert_true(ok);
    c->misbehavior = &all[3];
    c->misbehavior_count = 1;
    chain_block(c);
    c->misbehavior_count = 0;
    assert_int_equal(c->one.result.powers_count, 0);
    assert_int_equal(assay_ledger_stopped(c->one.ledger, &stopped), ASSAY_OK);
    assert_true(stopped);
    assert_int_equal(assay_ledger_proposal_ok(c->one.ledger, &ok, &empty), ASSAY_OK);
    assert_false(ok);
    chain_free(c);
}

/* Nobody else signs: the absent one is jailed when it has missed more than half of a window, the set goes on without
 * it. */
static void test_downtime(void **state) {
    (void)state;
    assay_params params = chain_params();
    params.downtime_window_blocks = 20;
    chain *c = chain_new_with(4, &params, false);
    c->absent[3] = true;
    uint64_t jailed_at = 0;
    for (int i = 0; i < 45 && !jailed_at; i++) {
        chain_block(c);
        if (chain_validator(c, 3).jailed) jailed_at = chain_height(c);
    }
    assert_int_not_equal(jailed_at, 0);
    assert_int_equal(chain_validator(c, 3).self_bond, CHAIN_BOND); /* the first time costs no principal */
    assert_int_equal(chain_validator(c, 3).power, 0);
    assert_false(chain_validator(c, 0).jailed);
    chain_free(c);
}

/* ---- opened again -------------------------------------------------------------------------------------------- */

/* The twin is closed and opened between all blocks of a busy life; chain_block compares. */
static void test_reopened(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    work_make(&w, "acme/ocr", "1", 1);
    assay_msg_register m = work_register(&w);
    chain_add(c, &c->accounts[0], (assay_tx_body){.register_version = &m});
    for (uint32_t i = 0; i < 40; i++) {
        chain_block(c);
        machine_open(&c->twin, (uint8_t)(i * 3));
        assert_int_equal(assay_state_height(c->twin.state), chain_height(c));
        if (i == 0) {
            for (uint32_t v = 0; v < 4; v++) work_add_check(c, &w, v, v == 2);
        }
        if (i == 9) {
            for (uint32_t v = 0; v < 4; v++) work_add_opening(c, &w, v);
        }
        assay_msg_undelegate leave = {c->owners[1].address, 1000000};
        if (i == 15) chain_add(c, &c->owners[1], (assay_tx_body){.undelegate = &leave});
    }
    assert_int_equal(work_record(c, &w).status, ASSAY_VERSION_ATTESTED);
    assert_true(chain_validator(c, 2).jailed);
    chain_free(c);
}

/* ---- faults -------------------------------------------------------------------------------------------------- */

/* A block in which much happens, while every single read of storage fails once: a fault each time, nothing in the
 * journal after it, and the right result when storage works again. */
static void test_storage_faults(void **state) {
    (void)state;
    assay_params params = chain_params();
    chain *c = chain_new_with(4, &params, false);
    work w;
    work_make(&w, "acme/ocr", "1", 1);
    assay_msg_register m = work_register(&w);
    chain_add(c, &c->accounts[0], (assay_tx_body){.register_version = &m});
    chain_block(c);
    for (uint32_t v = 0; v < 3; v++) work_add_check(c, &w, v, false);
    for (uint32_t i = 0; i < 8; i++) chain_block(c);
    for (uint32_t v = 0; v < 3; v++) work_add_opening(c, &w, v);
    assay_ledger_misbehavior bad = {c->consensus[3].address, 4, 0, {c->time, 0}};
    uint64_t failed = 0;
    for (uint64_t n = 1;; n++) {
        assay_ledger_result result;
        assay_arena keep = c->twin.keep;
        assay_ledger_block block = {.height = chain_height(c) + 1,
                                    .time = {c->time + 10, 0},
                                    .txs = c->txs,
                                    .txs_count = c->txs_count,
                                    .misbehavior = &bad,
                                    .misbehavior_count = 1};
        c->twin.storage.reads = 0;
        c->twin.storage.fail_read = n;
        assay_err err = assay_ledger_finalize(c->twin.ledger, &result, &keep, &block);
        if (err == ASSAY_OK) {
            assert_true(c->twin.storage.reads < n); /* it came that far: no fault was swallowed */
            break;
        }
        assert_int_equal(err, ASSAY_F_STORAGE);
        assert_int_equal(assay_state_mark(c->twin.state).entries, 0);
        failed++;
    }
    assert_true(failed > 50);
    c->twin.storage.fail_read = 0;
    assay_state_discard(c->twin.state);
    c->misbehavior = &bad;
    c->misbehavior_count = 1;
    chain_block(c); /* compares with the first machine, which never failed */
    assert_int_equal(work_record(c, &w).status, ASSAY_VERSION_ATTESTED);
    assert_true(chain_validator(c, 3).tombstoned);
    chain_free(c);
}

/* The mempool's and the proposer's questions leave nothing behind either, and a fault is no verdict. */
static void test_faults_of_questions(void **state) {
    (void)state;
    chain *c = chain_new(1);
    assay_msg_send m = {c->accounts[1].address, 1, {NULL, 0}};
    assay_msg_check check = {ASSAY_STR("a/b"), ASSAY_STR("1"), {{0}}, {{0}}};
    assay_bytes txs[2] = {chain_sign(c, &c->accounts[0], (assay_tx_body){.send = &m}),
                          chain_sign(c, &c->attestation[0], (assay_tx_body){.check = &check})};
    for (uint32_t which = 0; which < 3; which++) {
        uint64_t failed = 0;
        assay_err err = ASSAY_F_STORAGE;
        for (uint64_t n = 1; err == ASSAY_F_STORAGE; n++) {
            assay_ledger_admission admission;
            bool chosen[2];
            c->one.storage.reads = 0;
            c->one.storage.fail_read = n;
            err = which < 2
                      ? assay_ledger_check_tx(c->one.ledger, &admission, txs[which], ASSAY_LEDGER_SIGNATURE_UNSEEN)
                      : assay_ledger_choose(c->one.ledger, chosen, txs, 2, 1, 100000);
            assert_int_equal(assay_state_mark(c->one.state).entries, 0);
            failed += err == ASSAY_F_STORAGE;
        }
        assert_true(failed > 0);
        assert_int_equal(err, which == 1 ? ASSAY_E_NOT_FOUND : ASSAY_OK);
    }
    memory_drop(txs[0]);
    memory_drop(txs[1]);
    chain_free(c);
}

static void test_memory(void **state) {
    (void)state;
    chain *c = chain_new(1);
    static uint8_t small[65536];
    assay_arena keep = assay_base_arena(small, sizeof small);
    assay_ledger *ledger;
    assert_int_equal(assay_ledger_open(&ledger, &keep, assay_base_arena(small, sizeof small), c->one.state),
                     ASSAY_F_MEMORY);
    assay_ledger_result result;
    assay_ledger_block block = {.height = 1, .time = {c->time + 10, 0}};
    keep = assay_base_arena(small, 64);
    assert_int_equal(assay_ledger_finalize(c->one.ledger, &result, &keep, &block), ASSAY_F_MEMORY);
    chain_block(c);
    chain_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genesis),
        cmocka_unit_test(test_before_genesis),
        cmocka_unit_test(test_empty_blocks),
        cmocka_unit_test(test_misbehavior),
        cmocka_unit_test(test_the_chain_stops),
        cmocka_unit_test(test_downtime),
        cmocka_unit_test(test_reopened),
        cmocka_unit_test(test_storage_faults),
        cmocka_unit_test(test_faults_of_questions),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
