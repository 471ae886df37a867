/* SPDX-License-Identifier: Apache-2.0
 *
 * A network of machines in one thread: virtual time, one seed, real keys. What node does with effects is done here in
 * the smallest way: a signer that remembers, a store of blocks, a hello now and then, blocks for who is behind. Faults:
 * loss, delay, duplicates, partitions, crashes with restart from what was stored, validators that vote and propose
 * twice. */
#ifndef ASSAY_BFT_NETWORK_INTERNAL_H
#define ASSAY_BFT_NETWORK_INTERNAL_H

#include "bft/bft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NODES_MAX 7
#define HEIGHTS_MAX 64
#define MILLISECOND INT64_C(1000000)
#define SECOND (1000 * MILLISECOND)

/* ---- numbers from a seed (splitmix64) ------------------------------------------------------------------------ */

static inline uint64_t random_next(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
static inline uint64_t random_below(uint64_t *state, uint64_t bound) { return bound ? random_next(state) % bound : 0; }
static inline bool random_percent(uint64_t *state, uint32_t percent) { return random_below(state, 100) < percent; }

/* ---- what travels -------------------------------------------------------------------------------------------- */

typedef enum parcel_kind {
    PARCEL_BFT = 1, /* a message of the machines */
    PARCEL_HELLO,   /* where a node stands: answered with a block, with what is known of this height, or with a hello */
    PARCEL_BLOCK,   /* a decided block with its commit */
    PARCEL_TIMER,
    PARCEL_TICK,   /* a node looks whether it stands still */
    PARCEL_WEATHER /* of the network itself: partitions and restarts go on when nothing else happens */
} parcel_kind;

typedef struct parcel {
    int64_t at;
    uint64_t number; /* of emission: the order of what comes at the same moment */
    parcel_kind kind;
    uint32_t to, from;
    uint32_t life; /* of a timer: that of the node which set it */
    int64_t height;
    int32_t round;
    assay_bft_step step;
    uint8_t *bytes; /* the block, then the commit */
    size_t len, block_len;
} parcel;

/* ---- one node ------------------------------------------------------------------------------------------------ */

typedef struct stored_block {
    uint8_t *block, *commit;
    size_t block_len, commit_len;
    assay_block_id id;
} stored_block;

/* What a signer remembers of its last signature, as node's signer does: never back, never twice differently. */
typedef struct signer_memory {
    int64_t height;
    int32_t round;
    uint32_t step; /* 0 proposal, 1 prevote, 2 precommit */
    assay_block_id id;
    int32_t pol_round;
    assay_time timestamp;
    assay_signature signature;
} signer_memory;

typedef enum node_fault { FAULT_NONE, FAULT_EQUIVOCATES, FAULT_SILENT } node_fault;

/* An equivocator's votes that a node was given while it cared: two different ones must become evidence. */
typedef struct sighting {
    bool used, twice, told;
    uint32_t voter, type;
    int64_t height;
    int32_t round;
    assay_block_id first;
} sighting;
#define SIGHTINGS_MAX 512
#define EVIDENCE_MAX 16

typedef struct node {
    struct network *net;
    uint32_t idx;
    assay_key_secret secret;
    assay_public_key key;
    node_fault fault;
    bool alive;
    uint32_t life;
    uint8_t *keep_memory, *height_memory, *chain_memory[2], *scratch_memory;
    assay_bft *bft;
    assay_bft_chain chains[2];
    assay_bft_chain *chain;
    uint32_t chain_slot;
    int64_t stuck_height; /* at the last tick */
    /* Disk: survives a crash. */
    signer_memory signed_last;
    stored_block blocks[HEIGHTS_MAX + 1];
    uint8_t *chain_bytes;
    size_t chain_bytes_len;
    uint8_t *lock_bytes;
    size_t lock_len;
    /* What the oracle looks at. */
    sighting sightings[SIGHTINGS_MAX];
    assay_duplicate_vote evidence[EVIDENCE_MAX]; /* that waits for a block */
    uint32_t evidence_count;
    uint64_t effects[16];
} node;

/* ---- the network --------------------------------------------------------------------------------------------- */

typedef struct network_plan {
    uint64_t seed;
    uint32_t nodes;
    uint32_t founders; /* of these in the first set; 0: all */
    int64_t heights; /* to be decided by every honest node */
    uint64_t powers[NODES_MAX];
    uint32_t loss_percent, duplicate_percent, crash_percent, partition_percent;
    uint32_t blackout_percent; /* all nodes at once; a thousandth of that at each step */
    uint32_t equivocators;
    uint32_t silent;
    int64_t delay_max;
    int64_t heal_at; /* from then on nothing is lost and nobody crashes */
    int64_t end_at;  /* by then all must have decided all heights */
    int64_t idle_ns; /* wait before round 0 */
    /* Changes of the set, by height: called with the height that is finalized. */
    uint32_t (*updates)(int64_t height, assay_engine_power out[NODES_MAX]);
} network_plan;

typedef struct network {
    network_plan plan;
    uint64_t random;
    int64_t now;
    parcel *heap;
    size_t heap_count, heap_cap;
    uint64_t numbers, delivered, dropped;
    node nodes[NODES_MAX];
    uint32_t split; /* bit mask: nodes on different sides do not hear each other */
    stored_block truth[HEIGHTS_MAX + 1];
    int32_t highest_round;
    uint64_t crashes, restarts_locked, evidence_total, evidence_included;
} network;

static const char network_chain[] = "assay-test-0123456789ab";

static inline void expect(network *net, bool claim, const char *what) {
    if (!claim) fail_msg("seed %llu: %s", (unsigned long long)net->plan.seed, what);
}
static inline void expect_ok(network *net, assay_err err, const char *what) {
    if (err == ASSAY_OK) return;
    fail_msg("seed %llu: %s: %s", (unsigned long long)net->plan.seed, what, assay_base_err_code(err));
}

static inline uint8_t *bytes_dup(assay_bytes bytes) {
    uint8_t *copy = malloc(bytes.len + 1);
    assert_non_null(copy);
    if (bytes.len) memcpy(copy, bytes.ptr, bytes.len);
    return copy;
}

static inline bool is_before(const parcel *a, const parcel *b) {
    return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static inline void heap_push(network *net, parcel p) {
    p.number = net->numbers++;
    if (net->heap_count == net->heap_cap) {
        net->heap_cap = net->heap_cap ? net->heap_cap * 2 : 256;
        net->heap = realloc(net->heap, net->heap_cap * sizeof *net->heap);
        assert_non_null(net->heap);
    }
    size_t i = net->heap_count++;
    for (; i > 0 && is_before(&p, &net->heap[(i - 1) / 2]); i = (i - 1) / 2) net->heap[i] = net->heap[(i - 1) / 2];
    net->heap[i] = p;
}

static inline parcel heap_pop(network *net) {
    parcel top = net->heap[0], last = net->heap[--net->heap_count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < net->heap_count; i = child) {
        if (child + 1 < net->heap_count && is_before(&net->heap[child + 1], &net->heap[child])) child++;
        if (!is_before(&net->heap[child], &last)) break;
        net->heap[i] = net->heap[child];
    }
    net->heap[i] = last;
    return top;
}

static inline bool healed(const network *net) { return net->now >= net->plan.heal_at; }
static inline bool separated(const network *net, uint32_t a, uint32_t b) {
    return ((net->split >> a) ^ (net->split >> b)) & 1;
}

static inline void post(network *net, parcel p, assay_bytes bytes) {
    uint32_t copies = 1;
    if (!healed(net)) {
        if (random_percent(&net->random, net->plan.loss_percent)) copies = 0;
        if (random_percent(&net->random, net->plan.duplicate_percent)) copies++;
    }
    for (uint32_t i = 0; i < copies; i++) {
        p.at = net->now + 1000 + (int64_t)random_below(&net->random, (uint64_t)net->plan.delay_max);
        p.bytes = bytes_dup(bytes);
        p.len = bytes.len;
        heap_push(net, p);
    }
    if (!copies) net->dropped++;
}

static inline void broadcast(node *n, parcel_kind kind, int64_t height, assay_bytes bytes) {
    for (uint32_t i = 0; i < n->net->plan.nodes; i++)
        if (i != n->idx) post(n->net, (parcel){.kind = kind, .to = i, .from = n->idx, .height = height}, bytes);
}

/* ---- the application: a hash over all transactions ----------------------------------------------------------- */

static inline void app_finalize(node *n, assay_engine_finalized *out, assay_arena *keep, const assay_block *block) {
    assay_bytes *pieces = ASSAY_NEW(keep, assay_bytes, block->txs_count + 1);
    out->results = ASSAY_NEW(keep, assay_tx_result, block->txs_count);
    out->updates = ASSAY_NEW(keep, assay_engine_power, NODES_MAX);
    assert_true(pieces && out->results && out->updates);
    pieces[0] = assay_base_hash_bytes(&n->chain->app_hash);
    for (uint32_t i = 0; i < block->txs_count; i++) {
        pieces[i + 1] = block->txs[i];
        size_t len = block->txs[i].len;
        out->results[i] = (assay_tx_result){.code = (uint32_t)(len % 3), .gas_used = (int64_t)len};
    }
    out->results_count = block->txs_count;
    out->updates_count = n->net->plan.updates ? n->net->plan.updates(block->header.height, out->updates) : 0;
    out->app_hash = assay_crypto_sha256(pieces, block->txs_count + 1);
}

/* ---- the signer ---------------------------------------------------------------------------------------------- */

static inline assay_time clock_of(const network *net, const node *n) {
    /* Clocks differ by tens of milliseconds. */
    return assay_base_time_add_ns((assay_time){1795348800, 0}, net->now + (int64_t)n->idx * 13 * MILLISECOND);
}

/* ASSAY_E_DUPLICATE if it must not be signed. */
static inline assay_err signer_allows(const signer_memory *m, int64_t height, int32_t round, uint32_t step,
                                      const assay_block_id *id, int32_t pol_round, bool *again) {
    *again = false;
    if (height != m->height) return height > m->height ? ASSAY_OK : ASSAY_E_DUPLICATE;
    if (round != m->round) return round > m->round ? ASSAY_OK : ASSAY_E_DUPLICATE;
    if (step != m->step) return step > m->step ? ASSAY_OK : ASSAY_E_DUPLICATE;
    *again = assay_block_id_eq(id, &m->id) && pol_round == m->pol_round;
    return *again ? ASSAY_OK : ASSAY_E_DUPLICATE;
}

static inline void vote_sign(const node *n, assay_vote *vote) {
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    assert_int_equal(assay_vote_sign_bytes(&out, vote, assay_base_bytes_str(network_chain)), ASSAY_OK);
    vote->signature = assay_crypto_ed25519_sign(&n->secret, (assay_bytes){memory, out.len});
}

static inline void proposal_sign(const node *n, assay_proposal *p) {
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    assert_int_equal(assay_proposal_sign_bytes(&out, p, assay_base_bytes_str(network_chain)), ASSAY_OK);
    p->signature = assay_crypto_ed25519_sign(&n->secret, (assay_bytes){memory, out.len});
}

/* ---- starting and stopping ----------------------------------------------------------------------------------- */

#define KEEP_SIZE ((size_t)1 << 20)
#define CHAIN_SIZE ((size_t)64 << 10)
#define SCRATCH_SIZE ((size_t)16 << 20)
#define BLOCK_SLOTS 6

static inline void node_drain(node *n);

static inline int64_t idle_of(const node *n) { return n->net->plan.idle_ns; }

static inline void node_begin(node *n) {
    assay_arena scratch = assay_base_arena(n->scratch_memory, SCRATCH_SIZE);
    assay_commit commit = {0};
    int64_t height = n->chain->height;
    if (height > 0) {
        assay_bytes encoded = {n->blocks[height].commit, n->blocks[height].commit_len};
        expect_ok(n->net, assay_commit_decode(&commit, &scratch, encoded), "stored commit");
    }
    expect_ok(n->net, assay_bft_height(n->bft, n->chain, &commit, idle_of(n)), "height");
}

static inline void node_tick_later(node *n) {
    int64_t at = n->net->now + 300 * MILLISECOND;
    heap_push(n->net, (parcel){.at = at, .kind = PARCEL_TICK, .to = n->idx, .life = n->life});
}

static inline void node_open(node *n) {
    network *net = n->net;
    assay_arena keep = assay_base_arena(n->keep_memory, KEEP_SIZE);
    size_t height_size = assay_bft_height_footprint(NODES_MAX, BLOCK_SLOTS);
    assay_bft_config config = {.chain_id = assay_base_bytes_str(network_chain),
                               .public_key = n->key,
                               .propose_ns = 200 * MILLISECOND,
                               .propose_delta_ns = 100 * MILLISECOND,
                               .vote_ns = 100 * MILLISECOND,
                               .vote_delta_ns = 50 * MILLISECOND,
                               .rounds_kept = 2};
    assert_true(assay_bft_footprint(NODES_MAX) <= KEEP_SIZE);
    expect_ok(net, assay_bft_open(&n->bft, &keep, assay_base_arena(n->height_memory, height_size), NODES_MAX, &config),
              "open");
    n->alive = true;
    n->life++;
    memset(n->sightings, 0, sizeof n->sightings);
    n->stuck_height = -1;
    node_tick_later(n);
}

static inline void chain_store(node *n) {
    assay_arena scratch = assay_base_arena(n->scratch_memory, SCRATCH_SIZE);
    assay_buf out = {ASSAY_NEW(&scratch, uint8_t, 16384), 0, 16384};
    expect_ok(n->net, assay_bft_chain_encode(&out, n->chain, scratch), "chain");
    free(n->chain_bytes);
    n->chain_bytes = bytes_dup((assay_bytes){out.ptr, out.len});
    n->chain_bytes_len = out.len;
}

static inline void node_restart(node *n) {
    node_open(n);
    assay_arena memory = assay_base_arena(n->chain_memory[0], CHAIN_SIZE);
    n->chain_slot = 0;
    n->chain = &n->chains[0];
    expect_ok(n->net, assay_bft_chain_decode(n->chain, &memory, (assay_bytes){n->chain_bytes, n->chain_bytes_len}),
              "stored chain");
    node_begin(n);
    if (n->lock_bytes) {
        expect_ok(n->net, assay_bft_recall(n->bft, (assay_bytes){n->lock_bytes, n->lock_len}), "recall");
        if (assay_bft_look(n->bft).locked) n->net->restarts_locked++;
    }
    broadcast(n, PARCEL_HELLO, n->chain->height, (assay_bytes){0});
    node_drain(n);
}

static inline void node_crash(node *n) {
    n->alive = false;
    n->life++;
    n->evidence_count = 0;
    n->net->crashes++;
    memset(n->keep_memory, 0xdd, 4096); /* whoever still looks at it shall trip */
}

/* ---- evidence ------------------------------------------------------------------------------------------------ */

static inline bool same_fault(const assay_duplicate_vote *a, const assay_duplicate_vote *b) {
    const assay_vote *x = &a->vote_a, *y = &b->vote_a;
    return x->height == y->height && x->round == y->round && x->type == y->type &&
           assay_base_address_eq(x->validator, y->validator);
}

static inline void evidence_wait(node *n, const assay_duplicate_vote *e) {
    if (n->evidence_count == EVIDENCE_MAX || n->fault != FAULT_NONE) return;
    for (uint32_t i = 0; i < n->evidence_count; i++)
        if (same_fault(&n->evidence[i], e)) return;
    n->evidence[n->evidence_count++] = *e;
}

/* What a block shows needs no further block; and everybody can check it against what was decided. */
static inline void evidence_settle(node *n, const assay_block *block) {
    network *net = n->net;
    for (uint32_t k = 0; k < block->evidence_count; k++) {
        const assay_duplicate_vote *e = &block->evidence[k];
        int64_t height = e->vote_a.height;
        expect(net, height >= 1 && height < block->header.height, "evidence is of a decided height");
        const stored_block *truth = &net->truth[height];
        assay_block decided;
        static uint8_t memory[2][1 << 20];
        assay_arena keep = assay_base_arena(memory[0], sizeof memory[0]);
        expect_ok(net, assay_block_decode(&decided, &keep, (assay_bytes){truth->block, truth->block_len},
                                          assay_base_arena(memory[1], sizeof memory[1])), "decided block");
        expect(net, assay_base_time_cmp(e->timestamp, decided.header.time) == 0, "evidence has its block's time");
        net->evidence_included++;
        uint32_t kept = 0;
        for (uint32_t i = 0; i < n->evidence_count; i++)
            if (!same_fault(&n->evidence[i], e)) n->evidence[kept++] = n->evidence[i];
        n->evidence_count = kept;
    }
}

/* ---- a block becomes final ----------------------------------------------------------------------------------- */

static inline void truth_compare(node *n, int64_t height, assay_bytes block, const assay_block_id *id) {
    network *net = n->net;
    stored_block *truth = &net->truth[height];
    if (!truth->block) {
        truth->block = bytes_dup(block);
        truth->block_len = block.len;
        truth->id = *id;
        return;
    }
    bool same = assay_base_bytes_eq(block, (assay_bytes){truth->block, truth->block_len}) &&
                assay_block_id_eq(id, &truth->id);
    if (!same) fail_msg("seed %llu: two blocks at height %lld", (unsigned long long)net->plan.seed, (long long)height);
}

static inline void node_apply(node *n, const assay_block *block, assay_bytes encoded, const assay_block_id *id,
                              const assay_commit *commit) {
    network *net = n->net;
    assay_arena scratch = assay_base_arena(n->scratch_memory, SCRATCH_SIZE);
    int64_t height = block->header.height;
    if (height > HEIGHTS_MAX) fail_msg("too many heights");
    uint64_t power;
    expect_ok(net, assay_commit_check(&power, commit, &n->chain->validators, n->chain->chain_id, id, height, scratch),
              "a decided block's commit");
    expect_ok(net, assay_bft_block_check(n->chain, block, scratch), "a decided block");
    if (n->chain->height > 0)
        expect(net, assay_base_time_cmp(block->header.time, n->chain->last_time) > 0, "header times grow");
    truth_compare(n, height, encoded, id);
    evidence_settle(n, block);

    stored_block *stored = &n->blocks[height];
    assay_buf out = {ASSAY_NEW(&scratch, uint8_t, 4096), 0, 4096};
    expect_ok(net, assay_commit_encode(&out, commit), "commit");
    *stored = (stored_block){bytes_dup(encoded), bytes_dup((assay_bytes){out.ptr, out.len}), encoded.len, out.len, *id};
    assay_engine_finalized result = {0};
    app_finalize(n, &result, &scratch, block);
    uint32_t slot = 1 - n->chain_slot;
    assay_arena memory = assay_base_arena(n->chain_memory[slot], CHAIN_SIZE);
    expect_ok(net, assay_bft_chain_next(&n->chains[slot], &memory, n->chain, block, id, &result, scratch), "next");
    n->chain_slot = slot;
    n->chain = &n->chains[slot];
    chain_store(n);
}

/* ---- effects ------------------------------------------------------------------------------------------------- */

static inline assay_bytes block_new(node *n, const assay_commit *commit, uint32_t salt, assay_arena *scratch) {
    network *net = n->net;
    uint32_t count = (uint32_t)random_below(&net->random, 4);
    assay_bytes *txs = ASSAY_NEW(scratch, assay_bytes, count + 1);
    for (uint32_t i = 0; i < count + (salt ? 1 : 0); i++) {
        size_t len = 8 + random_below(&net->random, 40);
        uint8_t *tx = ASSAY_NEW(scratch, uint8_t, len);
        for (size_t k = 0; k < len; k++) tx[k] = (uint8_t)random_next(&net->random);
        txs[i] = (assay_bytes){tx, len};
    }
    assay_block block;
    expect_ok(net, assay_bft_block_make(&block, n->chain, txs, count + (salt ? 1 : 0), n->evidence, n->evidence_count,
                                        commit, assay_crypto_address(n->key), *scratch), "make");
    assay_buf out = {ASSAY_NEW(scratch, uint8_t, 32768), 0, 32768};
    expect_ok(net, assay_block_encode(&out, &block), "encode");
    return (assay_bytes){out.ptr, out.len};
}

/* An equivocating proposer: one half hears of another block. */
static inline void propose_twice(node *n, const assay_bft_effect *e, assay_bytes other, assay_arena scratch) {
    network *net = n->net;
    assay_proposal p = e->proposal;
    assay_block block;
    expect_ok(net, assay_block_parts(&p.block_id.parts_total, &p.block_id.parts_hash, other, scratch), "parts");
    void *middle = ASSAY_NEW(&scratch, uint8_t, 1 << 20);
    assert_non_null(middle);
    expect_ok(net, assay_block_decode(&block, &scratch, other, assay_base_arena(middle, 1 << 20)), "decode");
    p.block_id.hash = assay_header_hash(&block.header);
    p.timestamp = clock_of(net, n);
    proposal_sign(n, &p);
    assay_buf out = {ASSAY_NEW(&scratch, uint8_t, other.len + 512), 0, other.len + 512};
    expect_ok(net, assay_bft_encode_proposal_message(&out, &p, other), "message");
    for (uint32_t i = 0; i < net->plan.nodes; i++)
        if (i != n->idx && random_percent(&net->random, 50))
            post(net, (parcel){.kind = PARCEL_BFT, .to = i, .from = n->idx}, (assay_bytes){out.ptr, out.len});
}

static inline void vote_twice(node *n, const assay_vote *first) {
    network *net = n->net;
    assay_vote second = *first;
    if (!assay_block_id_is_nil(&first->block_id) && random_percent(&net->random, 50)) {
        second.block_id = (assay_block_id){0};
    } else {
        for (size_t i = 0; i < 32; i++) second.block_id.hash.b[i] = (uint8_t)random_next(&net->random);
        second.block_id.parts_hash.b[0] = 1;
        second.block_id.parts_total = 1;
    }
    second.timestamp = assay_base_time_add_ns(first->timestamp, 1);
    vote_sign(n, &second);
    uint8_t memory[512];
    assay_buf out = {memory, 0, sizeof memory};
    expect_ok(net, assay_bft_encode_vote_message(&out, &second), "second vote");
    for (uint32_t i = 0; i < net->plan.nodes; i++)
        if (i != n->idx && random_percent(&net->random, 60))
            post(net, (parcel){.kind = PARCEL_BFT, .to = i, .from = n->idx}, (assay_bytes){out.ptr, out.len});
}

static inline void lock_store(node *n, assay_bytes bytes) {
    free(n->lock_bytes);
    n->lock_bytes = bytes_dup(bytes);
    n->lock_len = bytes.len;
}

/* false: the node crashed while it was at it. */
static inline bool sign_vote(node *n, const assay_bft_effect *e) {
    network *net = n->net;
    bool can_crash = net->plan.crash_percent && !healed(net);
    if (can_crash && random_below(&net->random, 1000) < net->plan.crash_percent) return node_crash(n), false;
    if (e->bytes.len) lock_store(n, e->bytes);
    if (can_crash && random_below(&net->random, 1000) < net->plan.crash_percent) return node_crash(n), false;
    assay_vote vote = e->vote;
    bool again;
    signer_memory *m = &n->signed_last;
    assay_err err = signer_allows(m, vote.height, vote.round, vote.type, &vote.block_id, 0, &again);
    if (n->fault == FAULT_SILENT) err = ASSAY_E_DUPLICATE;
    if (err == ASSAY_OK && again) {
        vote.timestamp = m->timestamp;
        vote.signature = m->signature;
    } else if (err == ASSAY_OK) {
        assay_time now = clock_of(net, n), least = assay_bft_vote_time(n->bft);
        vote.timestamp = assay_base_time_cmp(now, least) > 0 ? now : least;
        vote_sign(n, &vote);
        *m = (signer_memory){vote.height,   vote.round,     vote.type, vote.block_id, 0,
                             vote.timestamp, vote.signature};
    }
    if (can_crash && random_below(&net->random, 1000) < net->plan.crash_percent) return node_crash(n), false;
    if (err == ASSAY_OK && n->fault == FAULT_EQUIVOCATES && random_percent(&net->random, 70)) vote_twice(n, &vote);
    expect_ok(net, assay_bft_vote_signed(n->bft, &vote, err == ASSAY_OK), "vote signed");
    return true;
}

static inline void sign_proposal(node *n, const assay_bft_effect *e) {
    network *net = n->net;
    assay_proposal p = e->proposal;
    bool again;
    signer_memory *m = &n->signed_last;
    assay_err err = signer_allows(m, p.height, p.round, 0, &p.block_id, p.pol_round, &again);
    if (n->fault == FAULT_SILENT) err = ASSAY_E_DUPLICATE;
    if (err == ASSAY_OK && again) {
        p.timestamp = m->timestamp;
        p.signature = m->signature;
    } else if (err == ASSAY_OK) {
        p.timestamp = clock_of(net, n);
        proposal_sign(n, &p);
        *m = (signer_memory){p.height, p.round, 0, p.block_id, p.pol_round, p.timestamp, p.signature};
    }
    expect_ok(net, assay_bft_proposal_signed(n->bft, &p, err == ASSAY_OK), "proposal signed");
}

static inline void evidence_seen(node *n, const assay_duplicate_vote *e) {
    network *net = n->net;
    net->evidence_total++;
    uint32_t liar = NODES_MAX;
    for (uint32_t i = 0; i < net->plan.nodes; i++)
        if (assay_base_address_eq(assay_crypto_address(net->nodes[i].key), e->vote_a.validator)) liar = i;
    expect(net, liar < net->plan.nodes, "evidence names a validator");
    expect(net, net->nodes[liar].fault == FAULT_EQUIVOCATES, "only who voted twice is accused");
    expect_ok(net, assay_duplicate_vote_check(e, n->chain->chain_id, net->nodes[liar].key), "evidence");
    expect(net, e->validator_power > 0 && e->total_power > e->validator_power, "evidence has powers");
    if (e->timestamp.seconds) evidence_wait(n, e);
    for (uint32_t i = 0; i < SIGHTINGS_MAX; i++) {
        sighting *s = &n->sightings[i];
        bool same = s->used && s->voter == liar && s->height == e->vote_a.height && s->round == e->vote_a.round &&
                    s->type == e->vote_a.type;
        if (!same) continue;
        expect(net, !s->told, "the same double vote is told once");
        s->told = true;
    }
}

static inline bool node_carry_out(node *n, const assay_bft_effect *e) {
    network *net = n->net;
    assay_arena scratch = assay_base_arena(n->scratch_memory, SCRATCH_SIZE);
    n->effects[e->kind]++;
    switch (e->kind) {
    case ASSAY_BFT_SEND:
        if (n->fault != FAULT_SILENT) broadcast(n, PARCEL_BFT, 0, e->bytes);
        return true;
    case ASSAY_BFT_SCHEDULE:
        heap_push(net, (parcel){.at = net->now + e->delay_ns, .kind = PARCEL_TIMER, .to = n->idx, .life = n->life,
                                .height = e->height, .round = e->round, .step = e->step});
        return true;
    case ASSAY_BFT_MAKE_BLOCK:
        expect_ok(net, assay_bft_block_made(n->bft, e->height, e->round, block_new(n, e->commit, 0, &scratch)), "made");
        return true;
    case ASSAY_BFT_CHECK_BLOCK: {
        assay_err quick = assay_bft_proposal_check(n->bft, e->block, scratch);
        if (random_percent(&net->random, 20))
            expect(net, quick == assay_bft_block_check(n->chain, e->block, scratch), "both checks agree");
        expect_ok(net, assay_bft_block_checked(n->bft, e->block_id, quick == ASSAY_OK), "checked");
        return true;
    }
    case ASSAY_BFT_SIGN_VOTE: return sign_vote(n, e);
    case ASSAY_BFT_SIGN_PROPOSAL: {
        assay_bft_effect copy = *e;
        if (n->fault == FAULT_EQUIVOCATES && random_percent(&net->random, 40)) {
            assay_commit commit = {0};
            const stored_block *last = &n->blocks[n->chain->height];
            if (last->commit)
                expect_ok(net, assay_commit_decode(&commit, &scratch, (assay_bytes){last->commit, last->commit_len}),
                          "commit");
            propose_twice(n, &copy, block_new(n, &commit, 1, &scratch), scratch);
        }
        sign_proposal(n, &copy);
        return true;
    }
    case ASSAY_BFT_DECIDE:
        if (e->round > net->highest_round) net->highest_round = e->round;
        node_apply(n, e->block, e->bytes, &e->block_id, e->commit);
        if (net->plan.crash_percent && !healed(net) && random_below(&net->random, 500) < net->plan.crash_percent)
            return node_crash(n), false;
        node_begin(n);
        return true;
    case ASSAY_BFT_EVIDENCE: evidence_seen(n, &e->evidence); return true;
    case ASSAY_BFT_BEHIND: broadcast(n, PARCEL_HELLO, n->chain->height, (assay_bytes){0}); return true;
    }
    return true;
}

static inline void node_drain(node *n) {
    assay_bft_effect e;
    while (n->alive && n->chain->height < n->net->plan.heights && assay_bft_effect_next(n->bft, &e))
        if (!node_carry_out(n, &e)) return;
    /* At the last height nothing more is decided, but who is behind still gets answers. */
    while (n->alive && n->chain->height >= n->net->plan.heights && assay_bft_effect_next(n->bft, &e))
        if (e.kind == ASSAY_BFT_EVIDENCE || e.kind == ASSAY_BFT_SEND) node_carry_out(n, &e);
}

/* ---- deliveries ---------------------------------------------------------------------------------------------- */

/* Looks at a vote that is about to be given to an honest node, and remembers what must become evidence. */
static inline void sight(node *n, assay_bytes message) {
    network *net = n->net;
    assay_vote vote;
    assay_bft_view view = assay_bft_look(n->bft);
    if (message.len < 6 || message.ptr[2] != 0x22) return;
    size_t skip = message.ptr[3] < 0x80 ? 4 : 5;
    if (assay_vote_decode(&vote, (assay_bytes){message.ptr + skip, message.len - skip}) != ASSAY_OK) return;
    if (vote.height != view.height || view.step == ASSAY_STEP_COMMIT) return;
    if (vote.round < view.round || vote.round > view.round + 2) return;
    for (uint32_t i = 0; i < net->plan.nodes; i++) {
        if (net->nodes[i].fault != FAULT_EQUIVOCATES) continue;
        if (!assay_base_address_eq(assay_crypto_address(net->nodes[i].key), vote.validator)) continue;
        sighting *place = NULL;
        for (uint32_t k = 0; k < SIGHTINGS_MAX; k++) {
            sighting *s = &n->sightings[k];
            bool same = s->used && s->voter == i && s->height == vote.height && s->round == vote.round &&
                        s->type == vote.type;
            if (same || (!s->used && !place)) place = s;
            if (same) break;
        }
        if (!place) return;
        if (!place->used)
            *place = (sighting){.used = true, .voter = i, .type = vote.type, .height = vote.height,
                                .round = vote.round, .first = vote.block_id};
        else if (!assay_block_id_eq(&place->first, &vote.block_id)) place->twice = true;
    }
}

static inline void node_take_block(node *n, const parcel *p) {
    network *net = n->net;
    uint8_t *memory = n->scratch_memory;
    /* node_apply uses the first half's beginning; the decoded block lies behind it. */
    assay_arena keep = assay_base_arena(memory + SCRATCH_SIZE / 2, SCRATCH_SIZE / 4);
    assay_arena scratch = assay_base_arena(memory + SCRATCH_SIZE / 4 * 3, SCRATCH_SIZE / 4);
    assay_bytes encoded = {p->bytes, p->block_len};
    assay_block block;
    assay_commit commit;
    expect_ok(net, assay_block_decode(&block, &keep, encoded, scratch), "synced block");
    expect_ok(net, assay_commit_decode(&commit, &keep, (assay_bytes){p->bytes + p->block_len, p->len - p->block_len}),
              "synced commit");
    if (block.header.height != n->chain->height + 1) return;
    assay_block_id id = {.hash = assay_header_hash(&block.header)};
    expect_ok(net, assay_block_parts(&id.parts_total, &id.parts_hash, encoded, scratch), "parts");
    node_apply(n, &block, encoded, &id, &commit);
    node_begin(n);
    post(net, (parcel){.kind = PARCEL_HELLO, .to = p->from, .from = n->idx, .height = n->chain->height},
         (assay_bytes){0});
}

static inline void node_hello(node *n, const parcel *p) {
    network *net = n->net;
    int64_t own = n->chain->height;
    if (p->height < own) {
        const stored_block *b = &n->blocks[p->height + 1];
        uint8_t *both = malloc(b->block_len + b->commit_len);
        assert_non_null(both);
        memcpy(both, b->block, b->block_len);
        memcpy(both + b->block_len, b->commit, b->commit_len);
        post(net, (parcel){.kind = PARCEL_BLOCK, .to = p->from, .from = n->idx, .block_len = b->block_len},
             (assay_bytes){both, b->block_len + b->commit_len});
        free(both);
    } else if (p->height > own) {
        post(net, (parcel){.kind = PARCEL_HELLO, .to = p->from, .from = n->idx, .height = own}, (assay_bytes){0});
    } else {
        expect_ok(net, assay_bft_resend(n->bft), "resend");
    }
}

/* A message, and sometimes what arrives right after it, as a busy node finds several in its inbox. */
static inline void node_messages(node *n, const parcel *p) {
    network *net = n->net;
    parcel more[8] = {*p};
    assay_bytes messages[8];
    assay_err verdicts[8];
    uint32_t count = 1;
    while (count < 8 && net->heap_count > 0 && random_percent(&net->random, 50)) {
        const parcel *next = &net->heap[0];
        bool joins = next->kind == PARCEL_BFT && next->to == n->idx && !separated(net, next->to, next->from);
        if (!joins) break;
        more[count++] = heap_pop(net);
    }
    for (uint32_t i = 0; i < count; i++) {
        messages[i] = (assay_bytes){more[i].bytes, more[i].len};
        if (n->fault == FAULT_NONE) sight(n, messages[i]);
    }
    /* Liars of this network sign what they say, so nobody's bytes are ever faulty. */
    if (count == 1) verdicts[0] = assay_bft_message(n->bft, messages[0]);
    else expect_ok(net, assay_bft_messages(n->bft, verdicts, messages, count), "messages");
    for (uint32_t i = 0; i < count; i++) expect_ok(net, verdicts[i], "message");
    for (uint32_t i = 1; i < count; i++) free(more[i].bytes);
    net->delivered += count;
}

static inline void node_deliver(node *n, const parcel *p) {
    network *net = n->net;
    if (p->kind == PARCEL_BFT) {
        node_messages(n, p);
    } else if (p->kind == PARCEL_HELLO) {
        node_hello(n, p);
    } else if (p->kind == PARCEL_BLOCK) {
        node_take_block(n, p);
    } else if (p->kind == PARCEL_TIMER) {
        expect_ok(net, assay_bft_timeout(n->bft, p->height, p->round, p->step), "timeout");
    } else {
        if (n->stuck_height == n->chain->height) broadcast(n, PARCEL_HELLO, n->chain->height, (assay_bytes){0});
        n->stuck_height = n->chain->height;
        node_tick_later(n);
    }
    node_drain(n);
}

/* ---- a whole run --------------------------------------------------------------------------------------------- */

/* Memory of all networks of a process, one at a time. */
static inline void network_memory(network *net) {
    static uint8_t *memory[NODES_MAX][5];
    size_t sizes[5] = {KEEP_SIZE, assay_bft_height_footprint(NODES_MAX, BLOCK_SLOTS), CHAIN_SIZE, CHAIN_SIZE,
                       SCRATCH_SIZE};
    for (uint32_t i = 0; i < NODES_MAX; i++) {
        for (size_t k = 0; k < 5; k++) {
            if (!memory[i][k]) memory[i][k] = malloc(sizes[k]);
            assert_non_null(memory[i][k]);
        }
        net->nodes[i].keep_memory = memory[i][0];
        net->nodes[i].height_memory = memory[i][1];
        net->nodes[i].chain_memory[0] = memory[i][2];
        net->nodes[i].chain_memory[1] = memory[i][3];
        net->nodes[i].scratch_memory = memory[i][4];
    }
}

static inline assay_key_secret secret_of(uint32_t i) {
    char text[64];
    snprintf(text, sizeof text, "assay test validator %u", i);
    assay_hash seed = assay_crypto_sha256_one(assay_base_bytes_str(text));
    assay_key_secret secret;
    memcpy(secret.b, seed.b, sizeof secret.b);
    return secret;
}

static inline void network_open(network *net, const network_plan *plan) {
    memset(net, 0, sizeof *net);
    net->plan = *plan;
    net->random = plan->seed;
    network_memory(net);
    assay_engine_power powers[NODES_MAX];
    for (uint32_t i = 0; i < plan->nodes; i++) {
        node *n = &net->nodes[i];
        n->net = net;
        n->idx = i;
        n->secret = secret_of(i);
        n->key = assay_crypto_ed25519_public(&n->secret);
        powers[i] = (assay_engine_power){n->key, plan->powers[i] ? plan->powers[i] : 10};
        if (i < plan->equivocators) n->fault = FAULT_EQUIVOCATES;
        else if (i < plan->equivocators + plan->silent) n->fault = FAULT_SILENT;
    }
    for (uint32_t i = 0; i < plan->nodes; i++) {
        node *n = &net->nodes[i];
        node_open(n);
        assay_arena memory = assay_base_arena(n->chain_memory[0], CHAIN_SIZE);
        n->chain = &n->chains[0];
        uint32_t founders = plan->founders ? plan->founders : plan->nodes;
        expect_ok(net, assay_bft_chain_genesis(n->chain, &memory, assay_base_bytes_str(network_chain),
                                               (assay_time){1795348800, 0}, 1, powers, founders, (assay_hash){{1}}),
                  "genesis");
        chain_store(n);
        node_begin(n);
    }
    for (uint32_t i = 0; i < plan->nodes; i++) node_drain(&net->nodes[i]);
    heap_push(net, (parcel){.at = 50 * MILLISECOND, .kind = PARCEL_WEATHER});
}

static inline void network_close(network *net) {
    for (size_t i = 0; i < net->heap_count; i++) free(net->heap[i].bytes);
    free(net->heap);
    for (uint32_t i = 0; i < net->plan.nodes; i++) {
        node *n = &net->nodes[i];
        for (size_t h = 0; h <= HEIGHTS_MAX; h++) {
            free(n->blocks[h].block);
            free(n->blocks[h].commit);
        }
        free(n->chain_bytes);
        free(n->lock_bytes);
    }
    for (size_t h = 0; h <= HEIGHTS_MAX; h++) free(net->truth[h].block);
}

static inline bool network_done(const network *net) {
    for (uint32_t i = 0; i < net->plan.nodes; i++) {
        const node *n = &net->nodes[i];
        if (n->fault == FAULT_NONE && (!n->alive || n->chain->height < net->plan.heights)) return false;
    }
    return true;
}

/* Faults that come with time: partitions, restarts. */
static inline void network_weather(network *net) {
    if (healed(net)) net->split = 0;
    else if (random_below(&net->random, 2000) < net->plan.partition_percent)
        net->split = random_percent(&net->random, 50) ? 0 : (uint32_t)random_next(&net->random);
    bool blackout = !healed(net) && random_below(&net->random, 1000) < net->plan.blackout_percent;
    for (uint32_t i = 0; i < net->plan.nodes; i++) {
        node *n = &net->nodes[i];
        if (blackout && n->alive) node_crash(n);
    }
    for (uint32_t i = 0; i < net->plan.nodes; i++) {
        node *n = &net->nodes[i];
        if (!n->alive && (healed(net) || random_below(&net->random, 200) < 3)) node_restart(n);
    }
}

/* One step; false when all is decided. */
static inline bool network_step(network *net) {
    if (network_done(net)) return false;
    if (net->heap_count == 0) fail_msg("seed %llu: nothing happens any more", (unsigned long long)net->plan.seed);
    parcel p = heap_pop(net);
    net->now = p.at;
    node *n = &net->nodes[p.to];
    bool mine = p.kind == PARCEL_TIMER || p.kind == PARCEL_TICK;
    if (p.kind == PARCEL_WEATHER)
        heap_push(net, (parcel){.at = net->now + 50 * MILLISECOND, .kind = PARCEL_WEATHER});
    bool reaches = n->alive && p.kind != PARCEL_WEATHER && (mine ? p.life == n->life : !separated(net, p.to, p.from));
    if (reaches) node_deliver(n, &p);
    free(p.bytes);
    network_weather(net);
    if (net->now > net->plan.end_at) {
        for (uint32_t i = 0; i < net->plan.nodes; i++) {
            node *at = &net->nodes[i];
            assay_bft_view view = assay_bft_look(at->bft);
            print_message("node %u: height %lld round %d step %d alive %d locked %d\n", i, (long long)view.height,
                          view.round, view.step, at->alive, view.locked);
        }
        fail_msg("seed %llu: not decided in time", (unsigned long long)net->plan.seed);
    }
    return true;
}

/* Every double vote that an honest node saw, and did not lose in a crash, was told. */
static inline void network_evidence_check(network *net) {
    for (uint32_t i = 0; i < net->plan.nodes; i++) {
        node *n = &net->nodes[i];
        if (n->fault != FAULT_NONE) continue;
        for (uint32_t k = 0; k < SIGHTINGS_MAX; k++) {
            const sighting *s = &n->sightings[k];
            if (!s->used || !s->twice || s->told || s->height > n->chain->height) continue;
            fail_msg("seed %llu: node %u saw a double vote of %u at %lld/%d type %u and did not tell",
                     (unsigned long long)net->plan.seed, i, s->voter, (long long)s->height, s->round, s->type);
        }
    }
}

static inline void network_run(network *net) {
    while (network_step(net)) continue;
    network_evidence_check(net);
}

#endif
