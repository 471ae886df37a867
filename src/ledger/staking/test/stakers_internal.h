/* SPDX-License-Identifier: Apache-2.0
 *
 * Validators and delegators for the tests of staking and slashing. Actor n owns validator n, whose keys are those of
 * actors CONSENSUS + n and ATTESTATION + n; delegators are actors from DELEGATOR on. */
#ifndef ASSAY_LEDGER_STAKING_TEST_STAKERS_INTERNAL_H
#define ASSAY_LEDGER_STAKING_TEST_STAKERS_INTERNAL_H

#include "ledger/staking/staking.h"

#include "world_internal.h"

enum { CONSENSUS = 1000, ATTESTATION = 2000, DELEGATOR = 3000 };
#define M 1000000ull /* units of stake in a unit of power, and bond_min */

/* Changes of the set that the last block told; the engine's view of it, by actor. */
typedef struct stakers {
    world *w;
    assay_staking_power *powers;
    uint32_t powers_count;
    uint8_t keep[64 << 10];
    uint64_t engine[64]; /* power of validator n as the engine was told */
    /* called before staking's end of block; slashing's tests put theirs here */
    assay_err (*before_end)(assay_rule_context *context);
} stakers;

static inline assay_signature stakers_proof(const char *kind, assay_bytes chain, uint64_t key, assay_address owner) {
    uint8_t memory[256];
    assay_buf message = {memory, 0, sizeof memory};
    assay_key_secret secret = world_secret(key);
    must(assay_types_sign_bytes(&message, kind, chain, (assay_bytes){owner.b, sizeof owner.b}));
    return assay_crypto_ed25519_sign(&secret, (assay_bytes){message.ptr, message.len});
}

static inline assay_msg_validator_create stakers_message(uint64_t n, uint64_t bond) {
    const assay_bytes chain = ASSAY_STR(WORLD_CHAIN);
    return (assay_msg_validator_create){
        .consensus_key = world_public(CONSENSUS + n),
        .attestation_key = world_public(ATTESTATION + n),
        .consensus_proof = stakers_proof("consensus-key", chain, CONSENSUS + n, world_address(n)),
        .attestation_proof = stakers_proof("attestation-key", chain, ATTESTATION + n, world_address(n)),
        .self_bond = bond,
        .moniker = ASSAY_STR("somebody"),
    };
}

static inline assay_genesis_validator stakers_genesis(uint64_t n, uint64_t bond) {
    const assay_bytes chain = ASSAY_STR("world");
    return (assay_genesis_validator){
        .owner = world_public(n),
        .consensus_key = world_public(CONSENSUS + n),
        .attestation_key = world_public(ATTESTATION + n),
        .consensus_proof = stakers_proof("consensus-key", chain, CONSENSUS + n, world_address(n)),
        .attestation_proof = stakers_proof("attestation-key", chain, ATTESTATION + n, world_address(n)),
        .self_bond = bond,
        .moniker = ASSAY_STR("founder"),
    };
}

/* What the engine was told, by actor. */
static inline void stakers_told(stakers *s) {
    for (uint32_t i = 0; i < s->powers_count; i++) {
        uint64_t n = 0;
        while (n < 64) {
            assay_public_key key = world_public(CONSENSUS + n);
            if (memcmp(key.b, s->powers[i].consensus_key.b, sizeof key.b) == 0) break;
            n++;
        }
        assert_true(n < 64);
        assert_true(s->engine[n] != s->powers[i].power); /* no change is told that is none */
        s->engine[n] = s->powers[i].power;
    }
}

/* Validators 0 .. count-1 with these bonds; actors 0 .. 63 and delegators DELEGATOR .. +15 hold 1,000 M each. */
static inline stakers *stakers_new(const uint64_t *bonds, uint32_t count) {
    stakers *s = calloc(1, sizeof *s);
    if (!s) abort();
    s->w = world_new();
    assay_genesis_account accounts[80];
    for (uint64_t i = 0; i < 80; i++)
        accounts[i] = (assay_genesis_account){world_address(i < 64 ? i : DELEGATOR + i - 64), 1000 * M};
    OK(assay_accounts_init(&s->w->c, accounts, 80));
    assay_genesis_validator validators[64];
    for (uint32_t n = 0; n < count; n++) validators[n] = stakers_genesis(n, bonds[n]);
    assay_arena keep = assay_base_arena(s->keep, sizeof s->keep);
    OK(assay_staking_init(&s->w->c, &s->powers, &s->powers_count, &keep, ASSAY_STR("world"), validators, count));
    stakers_told(s);
    world_end(s->w);
    return s;
}

static inline void stakers_free(stakers *s) {
    world_free(s->w);
    free(s);
}

static inline void stakers_begin(stakers *s) { world_begin(s->w); }
static inline assay_hash stakers_end(stakers *s) {
    assay_arena keep = assay_base_arena(s->keep, sizeof s->keep);
    if (s->before_end) OK(s->before_end(&s->w->c));
    OK(assay_staking_end_block(&s->w->c, &s->powers, &s->powers_count, &keep));
    stakers_told(s);
    return world_end(s->w);
}

/* Ends the block that runs and empty ones, until the block of this height runs. */
static inline void stakers_go(stakers *s, uint64_t height) {
    while (s->w->c.height < height) {
        stakers_end(s);
        stakers_begin(s);
    }
}

static inline assay_staking_validator stakers_validator(stakers *s, uint64_t n) {
    assay_staking_validator v;
    bool found;
    OK(assay_staking_by_owner(world_view(s->w), &v, &found, world_address(n)));
    assert_true(found);
    return v;
}

static inline uint64_t stakers_balance(stakers *s, uint64_t n) {
    assay_accounts_account account;
    OK(assay_accounts_get(world_view(s->w), &account, world_address(n)));
    return account.balance;
}

/* All that anybody holds, and what was burned, is what was issued. */
static inline void stakers_audit(stakers *s) {
    uint64_t held;
    OK(assay_staking_audit(world_view(s->w), &held));
    assay_address address;
    assay_accounts_account account;
    bool found = true;
    for (bool first = true; found; first = false) {
        OK(assay_accounts_next(world_view(s->w), &address, &account, &found, first ? NULL : &address));
        held += account.balance;
    }
    assert_int_equal(held + s->w->c.totals.burned, s->w->c.totals.issued);
}

static inline assay_err stakers_create(stakers *s, uint64_t n, uint64_t bond) {
    const assay_msg_validator_create message = stakers_message(n, bond);
    return TX(s->w, n, assay_staking_create(&s->w->c, &message));
}
static inline assay_err stakers_delegate(stakers *s, uint64_t from, uint64_t to, uint64_t amount) {
    const assay_msg_delegate message = {world_address(to), amount};
    return TX(s->w, from, assay_staking_delegate(&s->w->c, &message));
}
static inline assay_err stakers_undelegate(stakers *s, uint64_t from, uint64_t to, uint64_t amount) {
    const assay_msg_undelegate message = {world_address(to), amount};
    return TX(s->w, from, assay_staking_undelegate(&s->w->c, &message));
}
static inline assay_err stakers_unjail(stakers *s, uint64_t from, uint64_t to) {
    const assay_msg_unjail message = {world_address(to)};
    return TX(s->w, from, assay_staking_unjail(&s->w->c, &message));
}

#endif
