/* SPDX-License-Identifier: Apache-2.0
 *
 * The router: which transactions a block executes, what each costs, what remains of those that fail; what the mempool
 * and a proposer are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "works_internal.h"

static const assay_msg_send *gift(chain *c, uint32_t to, uint64_t amount) {
    static assay_msg_send m;
    m = (assay_msg_send){c->accounts[to].address, amount, {NULL, 0}};
    return &m;
}

static assay_tx_body sends(chain *c, uint32_t to, uint64_t amount) {
    return (assay_tx_body){.send = (assay_msg_send *)(uintptr_t)gift(c, to, amount)};
}

/* check_tx of the first ledger: it must agree with the twin, whatever is known of the signature if it is right. */
static assay_err asks(chain *c, assay_bytes tx, assay_ledger_admission *out, assay_ledger_signature known) {
    assay_ledger_admission other;
    assay_err err = assay_ledger_check_tx(c->one.ledger, out, tx, known);
    assert_int_equal(assay_ledger_check_tx(c->twin.ledger, &other, tx, known), err);
    assert_int_equal(other.lane, out->lane);
    return err;
}

/* Asked first and executed after: what the mempool was told is what the block says. */
static assay_err asked_and_done(chain *c, const signer *who, assay_tx_body body) {
    assay_ledger_admission admission;
    assay_bytes tx = chain_sign(c, who, body);
    assay_err asked = asks(c, tx, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN);
    chain_add_bytes(c, tx);
    memory_drop(tx);
    assay_err done = (assay_err)chain_block_with(c, false)->results[0].code;
    assert_int_equal(asked, done);
    return done;
}

/* ---- what a transaction costs, and what remains of it -------------------------------------------------------- */

static void test_fee(void **state) {
    (void)state;
    chain *c = chain_new(1);
    assay_tx_body body = sends(c, 1, 5);
    body.fee = 10000;
    assay_bytes tx = chain_sign(c, &c->accounts[0], body);
    uint64_t least = c->params.fee_base + c->params.fee_per_byte * tx.len;
    memory_drop(tx);
    body.fee = least - 2; /* two varint bytes either way: the length stays */
    tx = chain_sign(c, &c->accounts[0], body);
    least = c->params.fee_base + c->params.fee_per_byte * tx.len;
    memory_drop(tx);
    body.fee = least - 1;
    assert_int_equal(asked_and_done(c, &c->accounts[0], body), ASSAY_E_FEE);
    assert_int_equal(c->one.result.results[0].gas_used, 0);
    assert_int_equal(chain_account(c, c->accounts[0].address).balance, CHAIN_BALANCE);
    assert_int_equal(chain_account(c, c->accounts[0].address).nonce, 0);
    body.fee = least;
    assert_int_equal(asked_and_done(c, &c->accounts[0], body), ASSAY_OK);
    assert_int_equal(c->one.result.results[0].gas_used, least);
    assert_int_equal(chain_account(c, c->accounts[0].address).balance, CHAIN_BALANCE - least - 5);
    assert_int_equal(chain_account(c, c->accounts[0].address).nonce, 1);
    assert_int_equal(chain_account(c, c->accounts[1].address).balance, CHAIN_BALANCE + 5);
    const assay_ledger_event *told = chain_event(c, "transfer");
    assert_non_null(told);
    assert_int_equal(told->amount, 5);
    assert_int_equal(told->tx_index, 0);
    chain_free(c);
}

/* A handler that fails: the fee is burned, the nonce used, everything else as before. */
static void test_failure(void **state) {
    (void)state;
    chain *c = chain_new(1);
    assert_int_equal(chain_do(c, &c->accounts[0], sends(c, 1, CHAIN_BALANCE)), ASSAY_E_FUNDS);
    assert_int_equal(c->one.result.results[0].gas_used, 100000);
    assert_int_equal(chain_account(c, c->accounts[0].address).balance, CHAIN_BALANCE - 100000);
    assert_int_equal(chain_account(c, c->accounts[0].address).nonce, 1);
    assert_null(chain_event(c, "transfer"));

    /* It fails in its last step, after it wrote records: none is left, and no event. */
    work w;
    work_make(&w, "acme/ocr", "1", 1);
    assay_msg_register m = work_register(&w);
    m.size = (uint64_t)1 << 40;
    m.chunks = (m.size >> 10) + 3;
    assert_int_equal(chain_do(c, &c->accounts[0], (assay_tx_body){.register_version = &m}), ASSAY_E_FUNDS);
    assert_null(chain_event(c, "recorded"));
    uint8_t memory[512];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_bytes model;
    bool found;
    assert_int_equal(assay_models_owner_get(chain_view(c), &model, &found, &keep, ASSAY_STR("acme")), ASSAY_OK);
    assert_false(found); /* the prefix was claimed before the deposit was asked for */
    m = work_register(&w);
    assert_int_equal(chain_do(c, &c->accounts[1], (assay_tx_body){.register_version = &m}), ASSAY_OK);
    chain_free(c);
}

/* Who cannot pay the fee changes nothing, and its nonce stays. */
static void test_poor(void **state) {
    (void)state;
    chain *c = chain_new(1);
    signer pauper = signer_of("pauper", 0);
    assert_int_equal(asked_and_done(c, &pauper, sends(c, 1, 1)), ASSAY_E_FUNDS);
    assert_int_equal(c->one.result.results[0].gas_used, 0);
    assert_int_equal(chain_account(c, pauper.address).format, 0);
    /* The fee to the last unit, and nothing left to send. */
    assay_msg_send m = {pauper.address, 100000, {NULL, 0}};
    assert_int_equal(chain_do(c, &c->accounts[0], (assay_tx_body){.send = &m}), ASSAY_OK);
    assert_int_equal(chain_do(c, &pauper, sends(c, 1, 1)), ASSAY_E_FUNDS);
    assert_int_equal(c->one.result.results[0].gas_used, 100000);
    assert_int_equal(chain_account(c, pauper.address).balance, 0);
    assert_int_equal(chain_account(c, pauper.address).nonce, 1);
    chain_free(c);
}

static void test_nonces(void **state) {
    (void)state;
    chain *c = chain_new(1);
    assay_ledger_admission admission;
    assay_tx_body body = sends(c, 1, 1);
    for (uint32_t i = 0; i < 3; i++) chain_add(c, &c->accounts[0], body);
    body.nonce = 7;
    chain_add(c, &c->accounts[0], body); /* a gap */
    body.nonce = 3;
    uint32_t fourth = chain_add(c, &c->accounts[0], body);
    uint32_t again = chain_add_bytes(c, c->txs[1]); /* a replay in the same block */
    const assay_ledger_result *result = chain_block(c);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(result->results[i].code, ASSAY_OK);
    assert_int_equal(result->results[3].code, ASSAY_E_NONCE);
    assert_int_equal(result->results[fourth].code, ASSAY_OK);
    assert_int_equal(result->results[again].code, ASSAY_E_NONCE);
    assert_int_equal(chain_account(c, c->accounts[0].address).nonce, 4);

    /* The mempool takes what is ahead, not what is behind. */
    const struct {
        uint64_t nonce;
        assay_err err;
    } cases[] = {{3, ASSAY_E_NONCE}, {4, ASSAY_OK}, {5, ASSAY_OK}, {1000000, ASSAY_OK}, {UINT64_MAX, ASSAY_E_NONCE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        body.nonce = cases[i].nonce;
        assay_bytes tx = chain_sign(c, &c->accounts[0], body);
        assert_int_equal(asks(c, tx, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN), cases[i].err);
        assert_int_equal(admission.nonce, cases[i].nonce);
        assert_int_equal(admission.lane, ASSAY_LANE_PAID);
        assert_true(assay_base_address_eq(admission.sender, c->accounts[0].address));
        assert_int_equal(admission.fee, 100000);
        memory_drop(tx);
    }
    chain_free(c);
}

static void test_expiry_and_chain(void **state) {
    (void)state;
    chain *c = chain_new(1);
    chain_run_to(c, 5);
    assay_tx_body body = sends(c, 1, 1);
    body.expiry_height = 5;
    assert_int_equal(asked_and_done(c, &c->accounts[0], body), ASSAY_E_EXPIRED);
    body.expiry_height = 7;
    assert_int_equal(asked_and_done(c, &c->accounts[0], body), ASSAY_OK); /* the last height that may include it */
    assert_int_equal(asked_and_done(c, &c->accounts[0], body), ASSAY_E_EXPIRED);
    body.expiry_height = 0;
    body.chain_id = ASSAY_STR("testnet-000000000000");
    assert_int_equal(asked_and_done(c, &c->accounts[0], body), ASSAY_E_CHAIN);
    body.chain_id = ASSAY_STR("testnet");
    assert_int_equal(asked_and_done(c, &c->accounts[0], body), ASSAY_E_CHAIN);
    chain_free(c);
}

static void test_forms(void **state) {
    (void)state;
    chain *c = chain_new(1);
    assay_ledger_admission admission;
    assay_bytes tx = chain_sign(c, &c->accounts[0], sends(c, 1, 1));
    uint8_t *bytes = memory_take(ASSAY_TX_LEN_MAX + 1);
    memset(bytes, 0, ASSAY_TX_LEN_MAX + 1);
    /* Cut off, longer, empty, too long. */
    memcpy(bytes, tx.ptr, tx.len);
    assert_int_equal(asks(c, (assay_bytes){bytes, tx.len}, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN), ASSAY_OK);
    assert_int_equal(asks(c, (assay_bytes){bytes, tx.len - 1}, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN),
                     ASSAY_E_ENCODING);
    assert_int_equal(asks(c, (assay_bytes){bytes, tx.len + 1}, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN),
                     ASSAY_E_ENCODING);
    assert_int_equal(asks(c, (assay_bytes){NULL, 0}, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN), ASSAY_E_ENCODING);
    assert_int_equal(asks(c, (assay_bytes){bytes, ASSAY_TX_LEN_MAX + 1}, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN),
                     ASSAY_E_SIZE);
    /* Any other signature, body or key. */
    for (size_t i = 0; i < tx.len; i += 7) {
        bytes[i] ^= 1;
        assert_int_not_equal(asks(c, (assay_bytes){bytes, tx.len}, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN),
                             ASSAY_OK);
        bytes[i] ^= 1;
    }
    bytes[tx.len - 1] ^= 1;
    assert_int_equal(asks(c, (assay_bytes){bytes, tx.len}, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN),
                     ASSAY_E_SIGNATURE);
    assert_int_equal(asks(c, (assay_bytes){bytes, tx.len}, &admission, ASSAY_LEDGER_SIGNATURE_TRUE),
                     ASSAY_OK); /* it is not looked at again */
    /* What was found false is refused for that, after whatever else is wrong with it. */
    assert_int_equal(asks(c, tx, &admission, ASSAY_LEDGER_SIGNATURE_FALSE), ASSAY_E_SIGNATURE);
    assert_int_equal(asks(c, (assay_bytes){bytes, tx.len - 1}, &admission, ASSAY_LEDGER_SIGNATURE_FALSE),
                     ASSAY_E_ENCODING);
    /* In a block each of them fails by itself, and nothing else does. */
    chain_add_bytes(c, (assay_bytes){bytes, tx.len});
    chain_add_bytes(c, (assay_bytes){bytes, tx.len - 1});
    chain_add_bytes(c, (assay_bytes){bytes, ASSAY_TX_LEN_MAX + 1});
    chain_add_bytes(c, (assay_bytes){NULL, 0});
    chain_add_bytes(c, tx);
    const assay_ledger_result *result = chain_block_with(c, false);
    const assay_err expected[] = {ASSAY_E_SIGNATURE, ASSAY_E_ENCODING, ASSAY_E_SIZE, ASSAY_E_ENCODING, ASSAY_OK};
    for (uint32_t i = 0; i < 5; i++) assert_int_equal(result->results[i].code, expected[i]);
    free(bytes);
    memory_drop(tx);

    /* A body of a later format is not for this program to judge; one without a message, or with two, is none. */
    static const uint8_t later[] = {0x08, 2};
    assay_tx made = {.body = {later, sizeof later}};
    uint8_t memory[512];
    assay_buf out = {memory, 0, sizeof memory};
    assert_int_equal(assay_codec_encode(&out, &assay_tx_message, &made, ASSAY_CODEC_STRICT), ASSAY_OK);
    assert_int_equal(asks(c, (assay_bytes){out.ptr, out.len}, &admission, ASSAY_LEDGER_SIGNATURE_TRUE), ASSAY_E_FORMAT);
    chain_free(c);
}

/* Many signatures at once, some of them wrong: each is found, wherever it stands. */
static void test_batches(void **state) {
    (void)state;
    chain *c = chain_new(1);
    const uint32_t count = 600; /* more than two batches */
    for (uint32_t i = 0; i < count; i++) {
        const signer *who = &c->accounts[i % CHAIN_ACCOUNTS];
        assay_tx_body body = sends(c, 1, 1 + i);
        if (i == 0 || i == 300 || i == 599) {
            assay_bytes tx = chain_sign(c, who, body);
            ((uint8_t *)(uintptr_t)tx.ptr)[tx.len - 10] ^= 4;
            chain_add_bytes(c, tx);
            memory_drop(tx);
        } else {
            chain_add(c, who, body);
        }
    }
    const assay_ledger_result *result = chain_block_with(c, false);
    for (uint32_t i = 0; i < count; i++) {
        /* Who is robbed of one nonce loses all later ones: those of accounts 0, 4 and 7. */
        bool bad = i == 0 || i == 300 || i == 599;
        bool behind = i % CHAIN_ACCOUNTS == 0 || (i % CHAIN_ACCOUNTS == 4 && i > 300);
        assert_int_equal(result->results[i].code, bad ? ASSAY_E_SIGNATURE : behind ? ASSAY_E_NONCE : ASSAY_OK);
    }
    chain_free(c);
}

/* ---- free lanes ---------------------------------------------------------------------------------------------- */

static assay_bytes vote_bytes(chain *c, uint8_t memory[ASSAY_VOTE_LEN_MAX], uint32_t validator, uint64_t height,
                              uint8_t mark) {
    assay_vote vote = {
        .type = ASSAY_PRECOMMIT,
        .height = (int64_t)height,
        .block_id = {.parts_total = 1},
        .timestamp = {CHAIN_TIME, 0},
        .validator = c->consensus[validator].address,
        .validator_index = 0,
    };
    memset(vote.block_id.hash.b, mark, sizeof vote.block_id.hash.b);
    memset(vote.block_id.parts_hash.b, mark, sizeof vote.block_id.parts_hash.b);
    uint8_t text[512];
    assay_buf sign = {text, 0, sizeof text}, out = {memory, 0, ASSAY_VOTE_LEN_MAX};
    assert_int_equal(assay_vote_sign_bytes(&sign, &vote, assay_base_bytes_str(c->chain_id)), ASSAY_OK);
    vote.signature = assay_crypto_ed25519_sign(&c->consensus[validator].secret, (assay_bytes){sign.ptr, sign.len});
    assert_int_equal(assay_vote_encode(&out, &vote), ASSAY_OK);
    return (assay_bytes){out.ptr, out.len};
}

/* Anybody may bring evidence, even who holds nothing; it costs nothing; it works once. */
static void test_evidence_lane(void **state) {
    (void)state;
    chain *c = chain_new(4);
    uint8_t memory[2][ASSAY_VOTE_LEN_MAX];
    assay_ledger_admission admission;
    signer stranger = signer_of("stranger", 0), late = signer_of("late", 0);
    chain_run_to(c, 5);
    assay_msg_evidence m = {vote_bytes(c, memory[0], 2, 3, 1), vote_bytes(c, memory[1], 2, 3, 2)};
    assay_msg_evidence none = {m.vote_a, m.vote_a};
    assert_int_equal(asked_and_done(c, &stranger, (assay_tx_body){.evidence = &none}), ASSAY_E_EVIDENCE);
    assert_int_equal(chain_account(c, stranger.address).format, 0);

    assay_bytes tx = chain_sign(c, &stranger, (assay_tx_body){.evidence = &m});
    assay_bytes second = chain_sign(c, &late, (assay_tx_body){.evidence = &m});
    assert_int_equal(asks(c, tx, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN), ASSAY_OK);
    assert_int_equal(admission.lane, ASSAY_LANE_EVIDENCE);
    assert_int_equal(asks(c, second, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN), ASSAY_OK); /* as yet */
    assay_bytes both[] = {tx, second};
    bool chosen[2];
    assert_int_equal(assay_ledger_choose(c->one.ledger, chosen, both, 2, chain_height(c) + 1, 100000), ASSAY_OK);
    assert_true(chosen[0]);
    assert_false(chosen[1]); /* free, and would fail: no proposer includes it */
    chain_add_bytes(c, tx);
    chain_add_bytes(c, second);
    const assay_ledger_result *result = chain_block_with(c, false);
    assert_int_equal(result->results[0].code, ASSAY_OK);
    assert_int_equal(result->results[0].gas_used, 0);
    assert_int_equal(result->results[1].code, ASSAY_E_DUPLICATE);
    assert_non_null(chain_event(c, "slashed"));
    assert_true(chain_validator(c, 2).tombstoned);
    assert_int_equal(result->powers_count, 1); /* in this very block */
    assert_int_equal(result->powers[0].power, 0);
    assert_int_equal(chain_account(c, stranger.address).nonce, 1);
    assert_int_equal(chain_account(c, late.address).format, 0);
    assert_int_equal(asks(c, second, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN), ASSAY_E_DUPLICATE);
    memory_drop(tx);
    memory_drop(second);
    chain_free(c);
}

/* A free one that fails costs the fee that it offers, if that is enough and there. */
static void test_failed_duty_pays(void **state) {
    (void)state;
    chain *c = chain_new(4);
    assay_msg_check m = {ASSAY_STR("acme/none"), ASSAY_STR("1"), {{0}}, {{0}}};
    const struct {
        const signer *who;
        uint64_t fee, paid;
    } cases[] = {
        {&c->owners[0], 50000, 50000}, /* an account that holds enough */
        {&c->owners[0], 10, 0},        /* less than it costs: nothing is taken, nor is the nonce */
        {&c->attestation[0], 50000, 0},
    };
    for (size_t i = 0; i < 3; i++) {
        assay_accounts_account before = chain_account(c, cases[i].who->address);
        assay_err expected = cases[i].who == &c->owners[0] ? ASSAY_E_UNAUTHORIZED : ASSAY_E_NOT_FOUND;
        assert_int_equal(asked_and_done(c, cases[i].who, (assay_tx_body){.check = &m, .fee = cases[i].fee}), expected);
        assert_int_equal(c->one.result.results[0].gas_used, cases[i].paid);
        assay_accounts_account after = chain_account(c, cases[i].who->address);
        assert_int_equal(before.balance - after.balance, cases[i].paid);
        assert_int_equal(after.nonce - before.nonce, cases[i].paid != 0);
    }
    chain_free(c);
}

/* Duties are free when they succeed, also when they offer a fee; the mempool takes them only if they would. */
static void test_duty_lane(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    static work_opening opening;
    assay_ledger_admission admission;
    work_make(&w, "acme/ocr", "1", 1);
    assay_msg_register m = work_register(&w);
    assert_int_equal(chain_do(c, &c->accounts[0], (assay_tx_body){.register_version = &m}), ASSAY_OK);
    work_add_check(c, &w, 0, false);
    assert_int_equal(asks(c, c->txs[0], &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN), ASSAY_OK);
    assert_int_equal(admission.lane, ASSAY_LANE_DUTY);
    assert_int_equal(chain_block(c)->results[0].code, ASSAY_OK);
    work_open(c, &w, 0, &opening);
    assay_bytes tx = chain_sign(c, &c->attestation[0], (assay_tx_body){.opening = &opening.message});
    assert_int_equal(asks(c, tx, &admission, ASSAY_LEDGER_SIGNATURE_UNSEEN),
                     ASSAY_E_WINDOW); /* draws are still to come */
    memory_drop(tx);
    for (int i = 0; i < 6; i++) chain_block(c);
    work_open(c, &w, 0, &opening);
    assay_msg_send send = {c->attestation[0].address, 1000000, {NULL, 0}};
    assert_int_equal(chain_do(c, &c->accounts[0], (assay_tx_body){.send = &send}), ASSAY_OK);
    assert_int_equal(asked_and_done(c, &c->attestation[0], (assay_tx_body){.opening = &opening.message, .fee = 200000}),
                     ASSAY_OK);
    assert_int_equal(c->one.result.results[0].gas_used, 0);
    assert_int_equal(chain_account(c, c->attestation[0].address).balance, 1000000);
    chain_free(c);
}

/* ---- proposers ----------------------------------------------------------------------------------------------- */

static void test_choose(void **state) {
    (void)state;
    chain *c = chain_new(1);
    assay_bytes txs[12];
    bool chosen[12];
    assay_tx_body body = sends(c, 1, 1);
    uint32_t count = 0;
    const uint64_t nonces[] = {1, 0, 1, 1, 3, 2};
    const bool expected[] = {false, true, true, false, false, true};
    for (size_t i = 0; i < 6; i++) {
        body.nonce = nonces[i];
        txs[count] = chain_sign(c, &c->accounts[0], body);
        count++;
    }
    body = sends(c, 1, 1);
    body.expiry_height = 1;
    txs[count++] = chain_sign(c, &c->accounts[2], body); /* good at 1 */
    body.expiry_height = 0;
    body.fee = 1;
    txs[count++] = chain_sign(c, &c->accounts[3], body); /* too little */
    body.fee = CHAIN_BALANCE + 1;
    txs[count++] = chain_sign(c, &c->accounts[4], body); /* more than it has */
    txs[count++] = (assay_bytes){(const uint8_t *)"nonsense", 8};
    body.fee = CHAIN_BALANCE; /* all that it has: its transfer will fail, and pay */
    txs[count++] = chain_sign(c, &c->accounts[5], body);
    const bool rest[] = {true, false, false, false, true};
    assert_int_equal(assay_ledger_choose(c->one.ledger, chosen, txs, count, 1, 1 << 20), ASSAY_OK);
    for (uint32_t i = 0; i < 6; i++) assert_int_equal(chosen[i], expected[i]);
    for (uint32_t i = 6; i < count; i++) assert_int_equal(chosen[i], rest[i - 6]);
    assert_int_equal(assay_ledger_choose(c->one.ledger, chosen, txs, count, 2, 1 << 20), ASSAY_OK);
    assert_false(chosen[6]); /* expired at 2 */

    /* Bytes: just enough for two, one too few for the second; later small ones may still fit. */
    uint64_t two = txs[1].len + 3 + txs[2].len + 3;
    assert_int_equal(assay_ledger_choose(c->one.ledger, chosen, txs, 4, 1, two), ASSAY_OK);
    assert_true(chosen[1] && chosen[2]);
    assert_int_equal(assay_ledger_choose(c->one.ledger, chosen, txs, 4, 1, two - 1), ASSAY_OK);
    assert_true(chosen[1] && !chosen[2]);
    assert_int_equal(assay_ledger_choose(c->one.ledger, chosen, txs, 4, 1, 0), ASSAY_OK);
    assert_false(chosen[1]);

    /* It left nothing in the journal; and what it chose is what a block executes. */
    assert_int_equal(assay_state_mark(c->one.state).entries, 0);
    assert_int_equal(assay_ledger_choose(c->one.ledger, chosen, txs, count, 1, 1 << 20), ASSAY_OK);
    for (uint32_t i = 0; i < count; i++)
        if (chosen[i]) chain_add_bytes(c, txs[i]);
    const assay_ledger_result *result = chain_block_with(c, false);
    for (uint32_t i = 0; i + 1 < result->results_count; i++) assert_int_equal(result->results[i].code, ASSAY_OK);
    assert_int_equal(result->results[result->results_count - 1].code, ASSAY_E_FUNDS);
    assert_int_equal(result->results[result->results_count - 1].gas_used, CHAIN_BALANCE);
    for (uint32_t i = 0; i < count; i++)
        if (txs[i].len != 8) memory_drop(txs[i]);
    chain_free(c);
}

static bool proposal_ok(chain *c, const assay_bytes *txs, uint32_t count, uint64_t height) {
    bool ok;
    assay_ledger_block block = {.height = height, .txs = txs, .txs_count = count};
    assert_int_equal(assay_ledger_proposal_ok(c->one.ledger, &ok, &block), ASSAY_OK);
    return ok;
}

static void test_proposal(void **state) {
    (void)state;
    chain *c = chain_new(1);
    assay_tx_body body = sends(c, 1, 1);
    assay_bytes good = chain_sign(c, &c->accounts[0], body);
    assert_true(proposal_ok(c, NULL, 0, 1));
    assert_true(proposal_ok(c, &good, 1, 1));
    assay_bytes replay[] = {good, good};
    assert_true(proposal_ok(c, replay, 2, 1)); /* what state says of it is for the block */
    assay_bytes cut = {good.ptr, good.len - 1};
    assert_false(proposal_ok(c, &cut, 1, 1));
    body.expiry_height = 1;
    assay_bytes brief = chain_sign(c, &c->accounts[0], body);
    assert_true(proposal_ok(c, &brief, 1, 1));
    assert_false(proposal_ok(c, &brief, 1, 2));
    body.expiry_height = 0;
    body.chain_id = ASSAY_STR("other-000000000000");
    assay_bytes foreign = chain_sign(c, &c->accounts[0], body);
    assert_false(proposal_ok(c, &foreign, 1, 1));
    body.chain_id = (assay_bytes){NULL, 0};
    body.fee = 1;
    assay_bytes cheap = chain_sign(c, &c->accounts[0], body);
    assert_false(proposal_ok(c, &cheap, 1, 1));

    /* As many bytes as a block holds, and as many transactions. */
    uint32_t most = (uint32_t)(ASSAY_BLOCK_LEN_MAX / (good.len + 3));
    assay_bytes *many = memory_take((ASSAY_BLOCK_TXS_MAX + 1) * sizeof *many);
    for (uint32_t i = 0; i <= ASSAY_BLOCK_TXS_MAX; i++) many[i] = good;
    assert_true(proposal_ok(c, many, most, 1));
    assert_false(proposal_ok(c, many, most + 1, 1));
    assert_false(proposal_ok(c, many, ASSAY_BLOCK_TXS_MAX + 1, 1));
    free(many);
    memory_drop(good);
    memory_drop(brief);
    memory_drop(foreign);
    memory_drop(cheap);
    chain_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fee),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_poor),
        cmocka_unit_test(test_nonces),
        cmocka_unit_test(test_expiry_and_chain),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_evidence_lane),
        cmocka_unit_test(test_failed_duty_pays),
        cmocka_unit_test(test_duty_lane),
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_proposal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
