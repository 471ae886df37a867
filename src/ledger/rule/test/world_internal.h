/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of blocks for the tests of the rules: a real state over sorted rows, a context per block, a clock that the
 * test moves. What a router does around the rules, and nothing of what the rules do. */
#ifndef ASSAY_LEDGER_RULE_TEST_WORLD_INTERNAL_H
#define ASSAY_LEDGER_RULE_TEST_WORLD_INTERNAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ledger/rule/rule.h"

#include "table_internal.h"

#define OK(call) assert_int_equal((call), ASSAY_OK)
#define REFUSED(err, call) assert_int_equal((call), (err))

#define WORLD_JOURNAL_LEN (64u << 20)
#define WORLD_SCRATCH_LEN (4u << 20)
#define WORLD_CHAIN "world-0123456789ab"

typedef struct world {
    fixture *f;
    uint8_t *scratch;
    assay_params params;
    assay_rule_context c;
    int64_t step;            /* seconds from a block to the next */
    assay_rule_point before; /* the transaction that runs */
    assay_rule_events events;
    assay_rule_event items[2048];
    uint8_t text[2048 * 48];
} world;

/* Short windows, each of another length, so that one taken for another is seen. */
static inline assay_params world_params(void) {
    return (assay_params){
        .epoch_blocks = 10,
        .unbonding_blocks = 50,
        .unbonding_seconds = 500,
        .evidence_blocks = 40,
        .evidence_seconds = 400,
        .correlation_blocks = 25,
        .correlation_seconds = 250,
        .fee_base = 100,
        .fee_per_byte = 1,
        .deposit_per_mib = 1000,
        .opening_blocks = 7,
        .opening_seconds = 70,
        .attest_blocks = 60,
        .attest_seconds = 600,
        .attest_seconds_per_gib = 100,
        .duty_blocks = 12,
        .duty_seconds = 120,
        .downtime_window_blocks = 20,
        .downtime_min_signed_percent = 50,
        .jail_seconds = 35,
        .bond_min = 1000000,
        .validators_max = 5,
        .draws_per_check = 4,
        .chunks_per_draw = 2,
        .model_size_max = (uint64_t)1 << 40,
    };
}

static inline assay_rule_view world_view(world *w) { return assay_rule_view_state(w->f->state); }
static inline assay_rule_view world_snapshot(world *w) {
    return assay_rule_view_snapshot(storage_reader(&w->f->storage));
}

/* The context of height 0, for what genesis does; world_end commits it. */
static inline world *world_new(void) {
    world *w = calloc(1, sizeof *w);
    if (!w) abort();
    w->f = fixture_new(WORLD_JOURNAL_LEN);
    w->scratch = malloc(WORLD_SCRATCH_LEN);
    if (!w->scratch) abort();
    memset(w->scratch, 0xa5, WORLD_SCRATCH_LEN); /* nothing may depend on what memory held before */
    w->params = world_params();
    w->step = 10;
    w->events = (assay_rule_events){.items = w->items, .cap = sizeof w->items / sizeof *w->items};
    w->events.keep = assay_base_arena(w->text, sizeof w->text);
    w->c = (assay_rule_context){
        .state = w->f->state,
        .params = &w->params,
        .chain_id = ASSAY_STR(WORLD_CHAIN),
        .time = {1800000000, 0},
        .tx_index = ASSAY_RULE_NO_TX,
        .scratch = assay_base_arena(w->scratch, WORLD_SCRATCH_LEN),
        .events = &w->events,
    };
    must(assay_rule_begin(&w->c));
    return w;
}

static inline void world_free(world *w) {
    fixture_free(w->f);
    free(w->scratch);
    free(w);
}

/* The next block. */
static inline void world_begin(world *w) {
    w->c.height++;
    w->c.time = (assay_time){w->c.time.seconds + w->step, (int32_t)(w->c.height * 7919 % 1000000000)};
    w->c.block_hash = assay_crypto_sha256_one((assay_bytes){(const uint8_t *)&w->c.height, sizeof w->c.height});
    w->c.tx_index = ASSAY_RULE_NO_TX;
    w->events.count = 0;
    w->events.keep = assay_base_arena(w->text, sizeof w->text);
    must(assay_rule_begin_block(&w->c));
}

static inline assay_hash world_end(world *w) {
    must(assay_rule_end_block(&w->c));
    return fixture_commit(w->f);
}

/* Empty blocks until the next one to begin is `height`. */
static inline void world_run_to(world *w, uint64_t height) {
    while (w->c.height + 1 < height) {
        world_begin(w);
        world_end(w);
    }
}

/* How often an event of this kind was told in this block. */
static inline unsigned world_told(const world *w, const char *kind) {
    unsigned count = 0;
    for (uint32_t i = 0; i < w->events.count; i++) count += strcmp(w->events.items[i].kind, kind) == 0;
    return count;
}

/* Actors: the n-th secret, its public key and address. */
static inline assay_key_secret world_secret(uint64_t n) {
    uint64_t seed = n;
    assay_key_secret secret;
    for (size_t i = 0; i < sizeof secret.b; i++) secret.b[i] = (uint8_t)(choose(&seed) >> 8);
    return secret;
}
/* Both are remembered: a public key takes longer than most of what is tested. */
typedef struct world_actor {
    bool known;
    assay_public_key key;
    assay_address address;
} world_actor;
static inline world_actor world_actor_of(uint64_t n) {
    static world_actor known[4096];
    world_actor fresh = {0}, *actor = n < 4096 ? &known[n] : &fresh;
    if (!actor->known) {
        assay_key_secret secret = world_secret(n);
        actor->key = assay_crypto_ed25519_public(&secret);
        actor->address = assay_crypto_address(actor->key);
        actor->known = true;
    }
    return *actor;
}
static inline assay_public_key world_public(uint64_t n) { return world_actor_of(n).key; }
static inline assay_address world_address(uint64_t n) { return world_actor_of(n).address; }

/* A transaction of actor n: TX(w, n, handler(&w->c, ...)) is the handler's verdict, and what it did is undone if that
 * was no success, as the router does. */
#define TX(w, n, call) (world_sign((w), (n)), world_close((w), (call)))
static inline void world_sign(world *w, uint64_t n) {
    w->c.signer_key = world_public(n);
    w->c.signer = world_address(n);
    w->c.tx_index = 0;
    w->c.tx_id = assay_crypto_sha256_one((assay_bytes){w->c.signer.b, sizeof w->c.signer.b});
    w->before = assay_rule_mark(&w->c);
}
static inline assay_err world_close(world *w, assay_err err) {
    if (err != ASSAY_OK) assay_rule_rollback(&w->c, &w->before);
    w->c.tx_index = ASSAY_RULE_NO_TX;
    return err;
}

#endif
