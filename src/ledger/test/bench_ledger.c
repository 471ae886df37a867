/* SPDX-License-Identifier: Apache-2.0
 *
 * Transfers a second through the ledger at 10^5 accounts, from random senders to random receivers, 4,000 in a block:
 * what a block costs when its signatures are known and when they are not, of that the tree, and what mempool and
 * proposer ask. One thread, its own processor time; storage in memory. Each figure is the median of several blocks. */
#define _POSIX_C_SOURCE 199309L
#include <time.h>

#include "works_internal.h"

enum { ACCOUNTS = 100000, TXS = 4000, BLOCKS = 7, SENDERS = TXS };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* so that a busy machine does not tell of itself */
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const char *what, double *seconds) {
    qsort(seconds, BLOCKS, sizeof *seconds, by_value);
    double median = seconds[BLOCKS / 2];
    printf("%-44s %8.2f us a transfer %10.0f a second\n", what, median / TXS * 1e6, TXS / median);
}

static uint64_t choose(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* An account that nobody has the key of is as good as one to receive. */
static assay_address stranger(uint64_t number) {
    assay_hash h = assay_crypto_sha256_one((assay_bytes){(const uint8_t *)&number, sizeof number});
    assay_address address;
    memcpy(address.b, h.b, sizeof address.b);
    return address;
}

static void fill(chain *c, const signer *senders) {
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        assay_msg_send m = {i < SENDERS ? senders[i].address : stranger(i), 10000, {NULL, 0}};
        chain_add(c, &c->accounts[i % CHAIN_ACCOUNTS], (assay_tx_body){.send = &m, .fee = 1000});
        if (c->txs_count == 2000 || i + 1 == ACCOUNTS) chain_block(c);
    }
}

/* A block's worth of transfers, each from another sender; signed once for every block of the bench. */
static void sign_all(chain *c, const signer *senders, assay_bytes *txs, uint64_t nonce, uint64_t *seed) {
    static uint8_t scratch[4096], memory[1024];
    for (uint32_t i = 0; i < TXS; i++) {
        uint64_t to = choose(seed) % ACCOUNTS;
        assay_msg_send m = {to < SENDERS ? senders[to].address : stranger(to), 1, {NULL, 0}};
        assay_tx_body body = {
            .format = 1, .chain_id = assay_base_bytes_str(c->chain_id), .nonce = nonce, .fee = 500, .send = &m};
        assay_buf out = {memory, 0, sizeof memory};
        REQUIRE(assay_tx_sign(&out, &body, &senders[i].secret, assay_base_arena(scratch, sizeof scratch)) == ASSAY_OK);
        txs[i] = memory_copy((assay_bytes){out.ptr, out.len});
    }
}

static double finalize(chain *c, const assay_bytes *txs, const bool *known) {
    assay_ledger_block block = {.height = chain_height(c) + 1,
                                .time = {c->time, 0},
                                .proposer = c->consensus[0].address,
                                .txs = txs,
                                .txs_count = TXS,
                                .signature_known = known};
    assay_arena keep = c->one.keep;
    double start = now();
    REQUIRE(assay_ledger_finalize(c->one.ledger, &c->one.result, &keep, &block) == ASSAY_OK);
    double took = now() - start;
    for (uint32_t i = 0; i < TXS; i++) REQUIRE(c->one.result.results[i].code == ASSAY_OK);
    return took;
}

/* What the tree alone costs: the same keys, written again. */
static double tree(chain *c, const signer *senders) {
    assay_rule_context context = {.state = c->one.state};
    assay_hash root, log_root;
    uint64_t log_size;
    REQUIRE(assay_rule_begin(&context) == ASSAY_OK);
    for (uint32_t i = 0; i < TXS; i++) {
        REQUIRE(assay_accounts_credit(&context, senders[i].address, 1) == ASSAY_OK);
        REQUIRE(assay_accounts_credit(&context, stranger(SENDERS + i * 20u % (ACCOUNTS - SENDERS)), 1) == ASSAY_OK);
    }
    double start = now();
    REQUIRE(assay_state_prepare(c->one.state, &root, &log_size, &log_root) == ASSAY_OK);
    double took = now() - start;
    assay_state_discard(c->one.state);
    return took;
}

int main(void) {
    assay_params params = chain_params();
    chain *c = chain_new_with(4, &params, true);
    signer *senders = memory_take(SENDERS * sizeof *senders);
    for (uint32_t i = 0; i < SENDERS; i++) senders[i] = signer_of("sender", i);
    fill(c, senders);
    static assay_bytes txs[TXS];
    static bool known[TXS], chosen[TXS];
    static double fresh[BLOCKS], verified[BLOCKS], trees[BLOCKS], asked[BLOCKS], proposed[BLOCKS];
    uint64_t seed = 7;
    memset(known, 1, sizeof known);
    for (uint64_t block = 0; block < BLOCKS; block++) {
        sign_all(c, senders, txs, block, &seed);
        fresh[block] = finalize(c, txs, NULL);
        assay_state_discard(c->one.state);
        trees[block] = tree(c, senders);
        double start = now();
        for (uint32_t i = 0; i < TXS; i++) {
            assay_ledger_admission admission;
            REQUIRE(assay_ledger_check_tx(c->one.ledger, &admission, txs[i], ASSAY_LEDGER_SIGNATURE_TRUE) == ASSAY_OK);
        }
        asked[block] = now() - start;
        start = now();
        REQUIRE(assay_ledger_choose(c->one.ledger, chosen, txs, TXS, chain_height(c) + 1, ASSAY_BLOCK_LEN_MAX) ==
                ASSAY_OK);
        proposed[block] = now() - start;
        verified[block] = finalize(c, txs, known);
        machine_commit(&c->one, chain_height(c) + 1);
        for (uint32_t i = 0; i < TXS; i++) memory_drop(txs[i]);
    }
    printf("%u accounts, %u transfers a block\n", ACCOUNTS, TXS);
    tell("a block, signatures known", verified);
    tell("a block, signatures verified in batches", fresh);
    tell("of a block: the tree (two records each)", trees);
    tell("mempool's question, signature known", asked);
    tell("proposer's question", proposed);
    free(senders);
    chain_free(c);
    return 0;
}
