/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_bft - heights a second of a network in memory, one thread for all validators, signatures real; and what a vote
 * costs a machine among a hundred. The best of several runs, because a busy machine only ever makes a run slower. */
#define _POSIX_C_SOURCE 200809L
#include "bft/bft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NODES_MAX = 100, QUEUE_MAX = 1024, BATCH_MAX = 64, RUNS = 3 };

typedef struct parcel {
    size_t len;
    uint8_t *bytes;
} parcel;

typedef struct node {
    assay_bft *bft;
    assay_key_secret secret;
    assay_bft_chain chains[2];
    uint8_t *chain_memory[2];
    uint32_t slot;
    assay_commit commit;
    assay_commit_sig sigs[NODES_MAX];
    parcel inbox[QUEUE_MAX];
    size_t inbox_first, inbox_count;
} node;

static node nodes[NODES_MAX];
static uint32_t count;
static uint8_t scratch_memory[16 << 20];
static uint8_t tx[200];

static assay_arena scratch_arena(void) { return assay_base_arena(scratch_memory, sizeof scratch_memory); }

static void must(assay_err err) {
    if (err == ASSAY_OK) return;
    fprintf(stderr, "bench_bft: %s\n", assay_base_err_text(err));
    exit(1);
}

/* Time of this process alone: on a busy machine it says more than a clock on the wall. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *memory_of(size_t size) {
    void *memory = malloc(size);
    if (!memory) exit(1);
    return memory;
}

static void push(node *to, assay_bytes bytes) {
    if (to->inbox_count == QUEUE_MAX) must(ASSAY_F_MEMORY);
    parcel *p = &to->inbox[(to->inbox_first + to->inbox_count++) % QUEUE_MAX];
    *p = (parcel){bytes.len, memory_of(bytes.len)};
    memcpy(p->bytes, bytes.ptr, bytes.len);
}

static assay_bft_chain *chain_of(node *n) { return &n->chains[n->slot]; }

static void sign_vote(node *n, assay_vote vote) {
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    vote.timestamp = assay_bft_vote_time(n->bft);
    must(assay_vote_sign_bytes(&out, &vote, chain_of(n)->chain_id));
    vote.signature = assay_crypto_ed25519_sign(&n->secret, (assay_bytes){memory, out.len});
    must(assay_bft_vote_signed(n->bft, &vote, true));
}

static void sign_proposal(node *n, assay_proposal p) {
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    p.timestamp = assay_bft_vote_time(n->bft);
    must(assay_proposal_sign_bytes(&out, &p, chain_of(n)->chain_id));
    p.signature = assay_crypto_ed25519_sign(&n->secret, (assay_bytes){memory, out.len});
    must(assay_bft_proposal_signed(n->bft, &p, true));
}

static void make_block(node *n, const assay_bft_effect *e) {
    assay_arena scratch = scratch_arena();
    assay_bytes txs[1] = {{tx, sizeof tx}};
    assay_block block;
    must(assay_bft_block_make(&block, chain_of(n), txs, 1, NULL, 0, e->commit,
                              chain_of(n)->validators.validators[0].address, scratch));
    size_t size = assay_block_size_max(sizeof tx, 1, 0, count);
    assay_buf out = {ASSAY_NEW(&scratch, uint8_t, size), 0, size};
    must(assay_block_encode(&out, &block));
    must(assay_bft_block_made(n->bft, e->height, e->round, (assay_bytes){out.ptr, out.len}));
}

static void finalize(node *n, const assay_bft_effect *e) {
    n->commit = *e->commit;
    n->commit.sigs = n->sigs;
    for (uint32_t i = 0; i < e->commit->sigs_count; i++) n->sigs[i] = e->commit->sigs[i];
    assay_engine_finalized result = {.app_hash = e->block_id.hash};
    assay_arena memory = assay_base_arena(n->chain_memory[1 - n->slot], 1 << 18);
    must(assay_bft_chain_next(&n->chains[1 - n->slot], &memory, chain_of(n), e->block, &e->block_id, &result,
                              scratch_arena()));
    n->slot = 1 - n->slot;
    must(assay_bft_height(n->bft, chain_of(n), &n->commit, 0));
}

static void drain(node *n, int64_t until) {
    assay_bft_effect e;
    while (chain_of(n)->height < until && assay_bft_effect_next(n->bft, &e)) {
        if (e.kind == ASSAY_BFT_SEND) {
            for (uint32_t i = 0; i < count; i++)
                if (&nodes[i] != n) push(&nodes[i], e.bytes);
        } else if (e.kind == ASSAY_BFT_MAKE_BLOCK) {
            make_block(n, &e);
        } else if (e.kind == ASSAY_BFT_CHECK_BLOCK) {
            must(assay_bft_proposal_check(n->bft, e.block, scratch_arena()));
            must(assay_bft_block_checked(n->bft, e.block_id, true));
        } else if (e.kind == ASSAY_BFT_SIGN_VOTE) {
            sign_vote(n, e.vote);
        } else if (e.kind == ASSAY_BFT_SIGN_PROPOSAL) {
            sign_proposal(n, e.proposal);
        } else if (e.kind == ASSAY_BFT_DECIDE) {
            finalize(n, &e);
        }
    }
}

static void open_nodes(uint32_t n) {
    assay_engine_power powers[NODES_MAX];
    count = n;
    for (uint32_t i = 0; i < n; i++) {
        nodes[i].secret = (assay_key_secret){{(uint8_t)(i + 1), 9}};
        powers[i] = (assay_engine_power){assay_crypto_ed25519_public(&nodes[i].secret), 10};
    }
    size_t keep_size = assay_bft_footprint(n), height_size = assay_bft_height_footprint(n, 4);
    for (uint32_t i = 0; i < n; i++) {
        node *at = &nodes[i];
        assay_bft_config config = {.chain_id = ASSAY_STR("assay-bench"),
                                   .public_key = powers[i].public_key,
                                   .propose_ns = 1000000000,
                                   .vote_ns = 1000000000,
                                   .rounds_kept = 2};
        for (size_t k = 0; k < 2; k++) at->chain_memory[k] = memory_of(1 << 18);
        assay_arena keep = assay_base_arena(memory_of(keep_size), keep_size);
        assay_arena memory = assay_base_arena(at->chain_memory[0], 1 << 18);
        at->slot = 0;
        at->inbox_first = at->inbox_count = 0;
        must(assay_bft_open(&at->bft, &keep, assay_base_arena(memory_of(height_size), height_size), n, &config));
        must(assay_bft_chain_genesis(chain_of(at), &memory, config.chain_id, (assay_time){1000, 0}, 1, powers, n,
                                     (assay_hash){{1}}));
        must(assay_bft_height(at->bft, chain_of(at), &(assay_commit){0}, 0));
    }
}

/* A node's turn: up to `batch` messages of its inbox at once. */
static bool turn(node *n, uint32_t batch, int64_t heights) {
    assay_bytes messages[BATCH_MAX];
    assay_err verdicts[BATCH_MAX];
    uint32_t taken = 0;
    for (; taken < batch && n->inbox_count > 0; taken++) {
        parcel p = n->inbox[n->inbox_first];
        n->inbox_first = (n->inbox_first + 1) % QUEUE_MAX;
        n->inbox_count--;
        messages[taken] = (assay_bytes){p.bytes, p.len};
    }
    if (taken == 0) return false;
    must(assay_bft_messages(n->bft, verdicts, messages, taken));
    drain(n, heights);
    for (uint32_t i = 0; i < taken; i++) {
        union {
            const uint8_t *from;
            uint8_t *to;
        } view = {.from = messages[i].ptr};
        must(verdicts[i]);
        free(view.to);
    }
    return true;
}

/* Memory of former runs is left to the system: this program is short. */
static double heights_a_second(uint32_t n, uint32_t batch, int64_t heights) {
    open_nodes(n);
    double start = now();
    for (uint32_t i = 0; i < n; i++) drain(&nodes[i], heights);
    for (bool busy = true; busy;) {
        busy = false;
        for (uint32_t i = 0; i < n; i++) busy |= turn(&nodes[i], batch, heights);
    }
    double seconds = now() - start;
    for (uint32_t i = 0; i < n; i++)
        if (chain_of(&nodes[i])->height != heights) must(ASSAY_F_BUG);
    return (double)heights / seconds;
}

/* ---- one vote ------------------------------------------------------------------------------------------------ */

/* Nanoseconds a vote, over prevotes of one round by a hundred validators: what each message costs. */
static double vote_ns(const uint8_t (*messages)[256], const size_t *lens, uint32_t from, uint32_t to) {
    double start = now();
    for (uint32_t i = from; i < to; i++)
        must(assay_bft_message(nodes[0].bft, (assay_bytes){messages[i], lens[i]}));
    return (now() - start) * 1e9 / (to - from);
}

static void bench_votes(void) {
    static uint8_t messages[NODES_MAX][256];
    static size_t lens[NODES_MAX];
    double fresh = 1e18, settled = 1e18, known = 1e18, alone = 1e18;
    for (int run = 0; run < RUNS; run++) {
        open_nodes(NODES_MAX);
        const assay_validator_set *set = &chain_of(&nodes[0])->validators;
        uint8_t text[256];
        assay_buf sign_bytes = {text, 0, sizeof text};
        assay_signature signature = {{0}};
        assay_public_key key = {{0}};
        for (uint32_t i = 0; i < NODES_MAX; i++) {
            assay_vote vote = {.type = ASSAY_PREVOTE,
                               .height = 1,
                               .block_id = {{{1}}, 1, {{1}}},
                               .timestamp = {2000, (int32_t)i},
                               .validator = set->validators[i].address,
                               .validator_index = (int32_t)i};
            sign_bytes.len = 0;
            must(assay_vote_sign_bytes(&sign_bytes, &vote, ASSAY_STR("assay-bench")));
            for (uint32_t k = 0; k < NODES_MAX; k++) {
                key = assay_crypto_ed25519_public(&nodes[k].secret);
                if (memcmp(key.b, set->validators[i].public_key.b, 32) != 0) continue;
                signature = assay_crypto_ed25519_sign(&nodes[k].secret, (assay_bytes){text, sign_bytes.len});
                vote.signature = signature;
                break;
            }
            assay_buf out = {messages[i], 0, sizeof messages[i]};
            must(assay_bft_encode_vote_message(&out, &vote));
            lens[i] = out.len;
        }
        double t = vote_ns(messages, lens, 0, 66);
        if (t < fresh) fresh = t;
        must(assay_bft_message(nodes[0].bft, (assay_bytes){messages[66], lens[66]})); /* the polka */
        t = vote_ns(messages, lens, 67, 100);
        if (t < settled) settled = t;
        t = vote_ns(messages, lens, 0, 100);
        if (t < known) known = t;
        double start = now();
        for (int i = 0; i < 200; i++)
            if (!assay_crypto_ed25519_verify(key, (assay_bytes){text, sign_bytes.len}, signature)) must(ASSAY_F_BUG);
        t = (now() - start) * 1e9 / 200;
        if (t < alone) alone = t;
    }
    printf("vote among 100: %.0f ns before the polka (signature alone: %.0f), %.0f after it, %.0f if known\n", fresh,
           alone, settled, known);
}

int main(void) {
    memset(tx, 7, sizeof tx);
    static const struct {
        uint32_t n, batch;
        int64_t heights;
    } networks[] = {{1, 1, 3000}, {4, 1, 600}, {4, 4, 600}, {16, 1, 40}, {16, 16, 40}, {100, 1, 2}, {100, 64, 2}};
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
        double best = 0;
        uint32_t n = networks[i].n;
        for (int run = 0; run < RUNS; run++) {
            double rate = heights_a_second(n, networks[i].batch, networks[i].heights);
            if (rate > best) best = rate;
        }
        printf("%3u validators, %2u messages at once: %6.0f heights/s, %6.0f us of one core a height, %5.0f each\n", n,
               networks[i].batch, best, 1e6 / best, 1e6 / best / n);
    }
    bench_votes();
    return 0;
}
