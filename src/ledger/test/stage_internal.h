/* SPDX-License-Identifier: Apache-2.0
 *
 * Where hostile transactions are tried: a chain in the middle of its life, and one input's way through the mempool's
 * question, the proposer's, and a block.
 *
 * The first byte of an input says how the rest is meant: 0, an encoded transaction; else a body, signed in name by one
 * of a few keys (the signature is said to be known), so that mutations reach the handlers. Whatever comes: a question
 * leaves nothing in the journal, a block leaves a supply that adds up, and asking and doing say the same where both
 * look at the same. */
#ifndef ASSAY_LEDGER_TEST_STAGE_INTERNAL_H
#define ASSAY_LEDGER_TEST_STAGE_INTERNAL_H

#include "works_internal.h"

enum { STAGE_SIGNERS = 8 };

typedef struct stage {
    chain *c;
    work open;     /* recorded; checks of 0 and 1 are drawn and wait for their openings, 2's is pending, 3 has none */
    work attested; /* by 0 to 2; 3 has not checked */
    signer signers[STAGE_SIGNERS];
} stage;

static inline stage *stage_new(void) {
    stage *s = memory_take(sizeof *s);
    assay_params params = chain_params();
    chain *c = s->c = chain_new_with(4, &params, true);
    const signer signers[STAGE_SIGNERS] = {c->accounts[0],    c->accounts[1],          c->owners[0],
                                           c->owners[3],      c->attestation[0],       c->attestation[1],
                                           c->attestation[3], signer_of("stranger", 0)};
    memcpy(s->signers, signers, sizeof signers);
    work_make(&s->attested, "acme/ocr", "1", 1);
    work_make(&s->open, "acme/ocr", "2", 2);
    assay_msg_register m = work_register(&s->attested);
    REQUIRE(chain_do(c, &c->accounts[0], (assay_tx_body){.register_version = &m}) == ASSAY_OK);
    for (uint32_t v = 0; v < 3; v++) work_add_check(c, &s->attested, v, false);
    for (int i = 0; i < 8; i++) chain_block(c);
    for (uint32_t v = 0; v < 3; v++) work_add_opening(c, &s->attested, v);
    chain_block(c);
    REQUIRE(work_record(c, &s->attested).status == ASSAY_VERSION_ATTESTED);
    m = work_register(&s->open);
    assay_msg_delegate delegate = {c->owners[2].address, 5000000};
    assay_msg_undelegate undelegate = {c->owners[3].address, 1000000};
    chain_add(c, &c->accounts[0], (assay_tx_body){.register_version = &m});
    chain_add(c, &c->accounts[1], (assay_tx_body){.delegate = &delegate});
    chain_add(c, &c->owners[3], (assay_tx_body){.undelegate = &undelegate});
    chain_block(c);
    for (uint32_t v = 0; v < 2; v++) work_add_check(c, &s->open, v, v == 1); /* one of them lies */
    for (int i = 0; i < 7; i++) chain_block(c);
    work_add_check(c, &s->open, 2, false);
    chain_block(c);
    return s;
}

static inline void stage_free(stage *s) {
    chain_free(s->c);
    free(s);
}

static inline void stage_check_supply(stage *s) {
    assay_rule_view view = assay_rule_view_state(s->c->one.state);
    assay_rule_totals totals;
    uint64_t staked, deposits, balances = 0;
    assay_address address = {{0}};
    bool found = true;
    REQUIRE(assay_rule_totals_read(&totals, view) == ASSAY_OK);
    REQUIRE(assay_staking_audit(view, &staked) == ASSAY_OK);
    REQUIRE(assay_models_audit(view, &deposits) == ASSAY_OK);
    for (bool first = true; found; first = false) {
        assay_accounts_account account;
        assay_address after = address;
        REQUIRE(assay_accounts_next(view, &address, &account, &found, first ? NULL : &after) == ASSAY_OK);
        if (found) balances += account.balance;
    }
    REQUIRE(balances + staked + deposits + totals.burned == totals.issued);
}

/* The transaction that an input means, in memory that the next call reuses. */
static inline assay_bytes stage_tx(const stage *s, const uint8_t *data, size_t size) {
    static _Thread_local uint8_t memory[ASSAY_TX_LEN_MAX + 256];
    assay_bytes rest = {data + 1, size - 1};
    if (data[0] == 0 || rest.len > ASSAY_TX_LEN_MAX) return rest;
    assay_tx tx = {.body = rest, .public_key = s->signers[data[0] % STAGE_SIGNERS].key};
    assay_buf out = {memory, 0, sizeof memory};
    REQUIRE(assay_codec_encode(&out, &assay_tx_message, &tx, ASSAY_CODEC_STRICT) == ASSAY_OK);
    return (assay_bytes){out.ptr, out.len};
}

/* One input's way. The code that the block gives it. */
static inline uint32_t stage_run(stage *s, const uint8_t *data, size_t size) {
    chain *c = s->c;
    if (size == 0) return ASSAY_E_ENCODING;
    assay_bytes tx = stage_tx(s, data, size);
    bool known = data[0] != 0, chosen, ok;
    assay_ledger_admission admission;
    assay_err asked = assay_ledger_check_tx(c->one.ledger, &admission, tx,
                                            known ? ASSAY_LEDGER_SIGNATURE_TRUE : ASSAY_LEDGER_SIGNATURE_UNSEEN);
    REQUIRE(!assay_base_err_is_fault(asked) && assay_state_mark(c->one.state).entries == 0);
    REQUIRE(assay_ledger_choose(c->one.ledger, &chosen, &tx, 1, chain_height(c) + 1, ASSAY_BLOCK_LEN_MAX) == ASSAY_OK);
    REQUIRE(assay_state_mark(c->one.state).entries == 0);

    assay_ledger_result result;
    assay_arena keep = c->one.keep;
    assay_ledger_block block = {.height = chain_height(c) + 1,
                                .time = {c->time, 0},
                                .hash = c->block_hash,
                                .proposer = c->consensus[0].address,
                                .txs = &tx,
                                .txs_count = 1,
                                .signature_known = &known};
    REQUIRE(assay_ledger_proposal_ok(c->one.ledger, &ok, &block) == ASSAY_OK);
    REQUIRE(ok || asked != ASSAY_OK);
    REQUIRE(assay_ledger_finalize(c->one.ledger, &result, &keep, &block) == ASSAY_OK);
    stage_check_supply(s);
    assay_state_discard(c->one.state);
    uint32_t done = result.results[0].code;
    /* In its turn, a transaction that the mempool refuses fails for that; a free one that it takes succeeds. */
    bool in_turn = ok && admission.nonce == chain_account(c, admission.sender).nonce;
    if (in_turn && asked != ASSAY_OK) REQUIRE(done == asked);
    if (in_turn && asked == ASSAY_OK && admission.lane != ASSAY_LANE_PAID) REQUIRE(done == ASSAY_OK && chosen);
    if (chosen && known && admission.lane != ASSAY_LANE_PAID) REQUIRE(done == ASSAY_OK);
    return done;
}

#endif
