/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole ledger for its tests: genesis with n validators and some accounts, blocks with real header hashes, everything
 * executed twice. The twin stands over a storage of its own, in memory that held other bytes, and verifies every
 * signature where the first is told that they are known: both must say the same of every transaction and reach the same
 * AppHash. After every block supply must add up to the unit. */
#ifndef ASSAY_LEDGER_TEST_CHAIN_INTERNAL_H
#define ASSAY_LEDGER_TEST_CHAIN_INTERNAL_H

#include "ledger/accounts/accounts.h"
#include "ledger/ledger.h"
#include "ledger/models/models.h"
#include "ledger/slashing/slashing.h"

#include "memory_internal.h"

enum { CHAIN_VALIDATORS_MAX = 16, CHAIN_ACCOUNTS = 8, CHAIN_TXS_MAX = 4096 };
#define CHAIN_JOURNAL_LEN ((size_t)64 << 20)
#define CHAIN_SCRATCH_LEN ((size_t)8 << 20)
#define CHAIN_KEEP_LEN ((size_t)16 << 20)
#define CHAIN_BALANCE 1000000000u /* of an account at genesis */
#define CHAIN_BOND 10000000u      /* self-bond of a validator at genesis */
#define CHAIN_TIME 1800000000     /* seconds of genesis */

#define REQUIRE(claim)                                                                                                 \
    do {                                                                                                               \
        if (!(claim)) {                                                                                                \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);                                        \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

typedef struct signer {
    assay_key_secret secret;
    assay_public_key key;
    assay_address address;
} signer;

/* One ledger and what it stands on. */
typedef struct machine {
    memory_store storage;
    void *memory; /* one piece for all arenas below */
    assay_arena keep;
    assay_state *state;
    assay_ledger *ledger;
    assay_ledger_result result;
} machine;

typedef struct chain {
    machine one;
    machine twin;
    bool alone; /* without a twin: for benches and fuzzers */
    assay_params params;
    uint32_t validators;
    signer owners[CHAIN_VALIDATORS_MAX], consensus[CHAIN_VALIDATORS_MAX], attestation[CHAIN_VALIDATORS_MAX];
    signer accounts[CHAIN_ACCOUNTS];
    uint8_t genesis_memory[65536];
    assay_bytes genesis;
    char chain_id[ASSAY_CHAIN_ID_LEN_MAX + 1];
    /* the next block */
    int64_t time;
    int64_t step;      /* seconds between blocks */
    uint32_t proposer; /* index of who proposes next: round robin unless the test sets it */
    bool absent[CHAIN_VALIDATORS_MAX];
    assay_bytes txs[CHAIN_TXS_MAX];
    uint32_t txs_count;
    const assay_ledger_misbehavior *misbehavior;
    uint32_t misbehavior_count;
    /* the last one */
    assay_hash block_hash, app_hash;
} chain;

static inline signer signer_of(const char *role, uint32_t number) {
    signer s;
    assay_bytes pieces[] = {
        ASSAY_STR("test key "), assay_base_bytes_str(role), {(const uint8_t *)&number, sizeof number}};
    assay_hash seed = assay_crypto_sha256(pieces, 3);
    memcpy(s.secret.b, seed.b, sizeof s.secret.b);
    s.key = assay_crypto_ed25519_public(&s.secret);
    s.address = assay_crypto_address(s.key);
    return s;
}

/* Short windows, no two alike. */
static inline assay_params chain_params(void) {
    return (assay_params){
        .epoch_blocks = 10,
        .unbonding_blocks = 60,
        .unbonding_seconds = 600,
        .evidence_blocks = 50,
        .evidence_seconds = 500,
        .correlation_blocks = 30,
        .correlation_seconds = 300,
        .fee_base = 100,
        .fee_per_byte = 1,
        .deposit_per_mib = 1001, /* odd: its halves differ */
        .opening_blocks = 7,
        .opening_seconds = 70,
        .attest_blocks = 40,
        .attest_seconds = 400,
        .attest_seconds_per_gib = 100,
        .duty_blocks = 25,
        .duty_seconds = 250,
        .downtime_window_blocks = 1000,
        .downtime_min_signed_percent = 50,
        .jail_seconds = 35,
        .bond_min = 1000000,
        .validators_max = 100,
        .draws_per_check = 4,
        .chunks_per_draw = 2,
        .model_size_max = (uint64_t)1 << 40,
    };
}

static inline assay_signature chain_proof(const signer *key, const char *kind, assay_bytes chain_name,
                                          assay_address owner) {
    uint8_t memory[256];
    assay_buf text = {memory, 0, sizeof memory};
    REQUIRE(assay_types_sign_bytes(&text, kind, chain_name, (assay_bytes){owner.b, sizeof owner.b}) == ASSAY_OK);
    return assay_crypto_ed25519_sign(&key->secret, (assay_bytes){text.ptr, text.len});
}

/* Genesis: each validator's owner has an account too, with nothing but its bond at stake. */
static inline void chain_genesis(chain *c, const char *name) {
    assay_genesis_account accounts[CHAIN_ACCOUNTS + CHAIN_VALIDATORS_MAX];
    assay_genesis_validator validators[CHAIN_VALIDATORS_MAX];
    assay_bytes chain_name = assay_base_bytes_str(name);
    for (uint32_t i = 0; i < CHAIN_ACCOUNTS; i++) {
        c->accounts[i] = signer_of("account", i);
        accounts[i] = (assay_genesis_account){c->accounts[i].address, CHAIN_BALANCE};
    }
    for (uint32_t i = 0; i < CHAIN_VALIDATORS_MAX; i++) {
        c->owners[i] = signer_of("owner", i);
        c->consensus[i] = signer_of("consensus", i);
        c->attestation[i] = signer_of("attestation", i);
        accounts[CHAIN_ACCOUNTS + i] = (assay_genesis_account){c->owners[i].address, CHAIN_BALANCE};
        validators[i] = (assay_genesis_validator){
            .owner = c->owners[i].key,
            .consensus_key = c->consensus[i].key,
            .attestation_key = c->attestation[i].key,
            .consensus_proof = chain_proof(&c->consensus[i], "consensus-key", chain_name, c->owners[i].address),
            .attestation_proof = chain_proof(&c->attestation[i], "attestation-key", chain_name, c->owners[i].address),
            .self_bond = CHAIN_BOND,
            .moniker = ASSAY_STR("one of them"),
        };
    }
    assay_genesis genesis = {
        .format = 1,
        .name = chain_name,
        .time_seconds = CHAIN_TIME,
        .app_version = ASSAY_LEDGER_APP_VERSION,
        .params = c->params,
        .accounts = accounts,
        .accounts_count = CHAIN_ACCOUNTS + CHAIN_VALIDATORS_MAX,
        .validators = validators,
        .validators_count = c->validators,
    };
    assay_buf text = {c->genesis_memory, 0, sizeof c->genesis_memory};
    REQUIRE(assay_codec_encode(&text, &assay_genesis_message, &genesis, ASSAY_CODEC_STRICT) == ASSAY_OK);
    c->genesis = (assay_bytes){text.ptr, text.len};
    assay_genesis_chain_id(c->chain_id, chain_name, assay_genesis_hash(c->genesis));
}

/* filler: what the memory holds before: nothing may depend on it. */
static inline void machine_open(machine *m, uint8_t filler) {
    size_t state_len = assay_state_footprint() + 65536,
           all = CHAIN_JOURNAL_LEN + CHAIN_SCRATCH_LEN + CHAIN_KEEP_LEN + state_len;
    if (!m->memory) m->memory = memory_take(all);
    uint8_t *at = m->memory;
    memset(at, filler, state_len + CHAIN_KEEP_LEN / 16);
    assay_arena keep = assay_base_arena(at, state_len);
    at += state_len;
    m->keep = assay_base_arena(at, CHAIN_KEEP_LEN);
    at += CHAIN_KEEP_LEN;
    assay_arena scratch = assay_base_arena(at, CHAIN_SCRATCH_LEN);
    at += CHAIN_SCRATCH_LEN;
    REQUIRE(assay_state_open(&m->state, &keep, assay_base_arena(at, CHAIN_JOURNAL_LEN), memory_reader(&m->storage)) ==
            ASSAY_OK);
    REQUIRE(assay_ledger_open(&m->ledger, &keep, scratch, m->state) == ASSAY_OK);
}

static inline void machine_commit(machine *m, uint64_t height) {
    REQUIRE(assay_state_commit(m->state, height, memory_writer(&m->storage)) == ASSAY_OK);
    assay_state_committed(m->state);
}

static inline void machine_begin(machine *m, chain *c, uint8_t filler) {
    assay_arena keep;
    assay_ledger_power *powers;
    uint32_t count;
    assay_hash root, log_root;
    uint64_t log_size;
    machine_open(m, filler);
    keep = m->keep;
    REQUIRE(assay_ledger_init(m->ledger, &powers, &count, &keep, c->genesis, assay_base_bytes_str(c->chain_id)) ==
            ASSAY_OK);
    REQUIRE(count == c->validators);
    REQUIRE(assay_state_prepare(m->state, &root, &log_size, &log_root) == ASSAY_OK);
    c->app_hash = assay_app_hash(root, log_size, log_root);
    machine_commit(m, 0);
}

static inline chain *chain_new_with(uint32_t validators, const assay_params *params, bool alone) {
    chain *c = memory_take(sizeof *c);
    memset(c, 0, sizeof *c);
    c->validators = validators;
    c->params = *params;
    c->alone = alone;
    c->time = CHAIN_TIME;
    c->step = 10;
    chain_genesis(c, "testnet");
    machine_begin(&c->one, c, 0xa5);
    if (!alone) machine_begin(&c->twin, c, 0x5a);
    return c;
}

static inline chain *chain_new(uint32_t validators) {
    assay_params params = chain_params();
    return chain_new_with(validators, &params, false);
}

static inline void chain_drop_txs(chain *c) {
    for (uint32_t i = 0; i < c->txs_count; i++) memory_drop(c->txs[i]);
    c->txs_count = 0;
}

static inline void chain_free(chain *c) {
    chain_drop_txs(c);
    memory_free(&c->one.storage);
    memory_free(&c->twin.storage);
    free(c->one.memory);
    free(c->twin.memory);
    free(c);
}

/* ---- what is asked of it ------------------------------------------------------------------------------------- */

static inline uint64_t chain_height(const chain *c) { return assay_state_height(c->one.state); }
static inline assay_rule_view chain_view(chain *c) { return assay_rule_view_snapshot(memory_reader(&c->one.storage)); }

static inline assay_accounts_account chain_account(chain *c, assay_address address) {
    assay_accounts_account account;
    REQUIRE(assay_accounts_get(chain_view(c), &account, address) == ASSAY_OK);
    return account;
}

static inline assay_staking_validator chain_validator(chain *c, uint32_t i) {
    assay_staking_validator validator;
    bool found;
    REQUIRE(assay_staking_by_owner(chain_view(c), &validator, &found, c->owners[i].address) == ASSAY_OK && found);
    return validator;
}

/* All holdings and what was burned are what genesis issued. */
static inline void chain_audit(chain *c) {
    assay_rule_view view = chain_view(c);
    assay_rule_totals totals;
    uint64_t staked, deposits, balances = 0;
    assay_address address;
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

/* ---- blocks -------------------------------------------------------------------------------------------------- */

/* Adds an encoded transaction to the next block; its number there. */
static inline uint32_t chain_add_bytes(chain *c, assay_bytes tx) {
    REQUIRE(c->txs_count < CHAIN_TXS_MAX);
    c->txs[c->txs_count] = memory_copy(tx);
    return c->txs_count++;
}

/* A transaction for the next block, with fields that the test left empty filled in: format, chain, fee, and the nonce
 * after those that this signer has in the block already. Owned by the caller (memory_drop). */
static inline assay_bytes chain_sign(chain *c, const signer *who, assay_tx_body body) {
    static _Thread_local uint8_t memory[2 * ASSAY_TX_LEN_MAX], scratch[4 * ASSAY_TX_LEN_MAX];
    assay_buf out = {memory, 0, sizeof memory};
    if (!body.format) body.format = 1;
    if (!body.chain_id.ptr) body.chain_id = assay_base_bytes_str(c->chain_id);
    if (!body.nonce) {
        body.nonce = chain_account(c, who->address).nonce;
        for (uint32_t i = 0; i < c->txs_count; i++) {
            assay_tx tx;
            assay_arena none = {0};
            if (assay_codec_decode(&tx, &none, &assay_tx_message, c->txs[i], ASSAY_CODEC_STRICT) != ASSAY_OK) continue;
            body.nonce += memcmp(tx.public_key.b, who->key.b, sizeof who->key.b) == 0;
        }
    }
    if (!body.fee && !body.check && !body.opening && !body.evidence) body.fee = 100000;
    REQUIRE(assay_tx_sign(&out, &body, &who->secret, assay_base_arena(scratch, sizeof scratch)) == ASSAY_OK);
    return memory_copy((assay_bytes){out.ptr, out.len});
}

static inline uint32_t chain_add(chain *c, const signer *who, assay_tx_body body) {
    assay_bytes tx = chain_sign(c, who, body);
    uint32_t number = chain_add_bytes(c, tx);
    memory_drop(tx);
    return number;
}

/* The hash of a header that has all that the ledger is told, and the transactions. */
static inline assay_hash chain_header_hash(chain *c, uint64_t height) {
    assay_header header = {
        .version_block = ASSAY_BLOCK_PROTOCOL,
        .version_app = ASSAY_LEDGER_APP_VERSION,
        .chain_id = assay_base_bytes_str(c->chain_id),
        .height = (int64_t)height,
        .time = {c->time, 0},
        .last_block_id = {.hash = c->block_hash, .parts_total = 1, .parts_hash = c->block_hash},
        .validators_hash = assay_genesis_hash(c->genesis),
        .app_hash = c->app_hash,
        .proposer = c->consensus[c->proposer].address,
    };
    header.data_hash = assay_crypto_sha256(c->txs, c->txs_count);
    return assay_header_hash(&header);
}

static inline void chain_run_on(machine *m, assay_ledger_block block, bool known) {
    bool all[CHAIN_TXS_MAX];
    for (uint32_t i = 0; i < block.txs_count; i++) all[i] = known;
    block.signature_known = known ? all : NULL;
    assay_arena keep = m->keep;
    REQUIRE(assay_ledger_finalize(m->ledger, &m->result, &keep, &block) == ASSAY_OK);
}

static inline void chain_compare(const machine *one, const machine *twin) {
    const assay_ledger_result *a = &one->result, *b = &twin->result;
    REQUIRE(a->results_count == b->results_count && a->powers_count == b->powers_count);
    for (uint32_t i = 0; i < a->results_count; i++) {
        REQUIRE(a->results[i].code == b->results[i].code);
        REQUIRE(a->results[i].gas_used == b->results[i].gas_used);
    }
    for (uint32_t i = 0; i < a->powers_count; i++) REQUIRE(a->powers[i].power == b->powers[i].power);
    REQUIRE(a->events_count == b->events_count && a->recheck_height == b->recheck_height);
    REQUIRE(assay_base_hash_eq(a->app_hash, b->app_hash));
}

/* Executes and commits the block that the test has put together. known: the first machine is told that signatures are
 * right (they must be). Results stay readable until the next block. */
static inline const assay_ledger_result *chain_block_with(chain *c, bool known) {
    uint64_t height = chain_height(c) + 1;
    assay_ledger_signer commit[CHAIN_VALIDATORS_MAX];
    uint32_t commit_count = 0;
    c->time += c->step;
    for (uint32_t i = 0; i < c->validators && height > 1; i++) {
        assay_staking_validator v = chain_validator(c, i);
        if (v.power > 0)
            commit[commit_count++] = (assay_ledger_signer){c->consensus[i].address, v.power, !c->absent[i]};
    }
    c->block_hash = chain_header_hash(c, height);
    assay_ledger_block block = {
        .height = height,
        .time = {c->time, 0},
        .hash = c->block_hash,
        .proposer = c->consensus[c->proposer].address,
        .txs = c->txs,
        .txs_count = c->txs_count,
        .misbehavior = c->misbehavior,
        .misbehavior_count = c->misbehavior_count,
        .last_commit = commit,
        .last_commit_count = commit_count,
    };
    chain_run_on(&c->one, block, known);
    if (!c->alone) {
        chain_run_on(&c->twin, block, false);
        chain_compare(&c->one, &c->twin);
        machine_commit(&c->twin, height);
    }
    c->app_hash = c->one.result.app_hash;
    machine_commit(&c->one, height);
    chain_drop_txs(c);
    c->misbehavior_count = 0;
    c->proposer = (c->proposer + 1) % c->validators;
    if (!c->alone) chain_audit(c);
    return &c->one.result;
}

static inline const assay_ledger_result *chain_block(chain *c) { return chain_block_with(c, true); }

/* Empty blocks until the height is reached. */
static inline void chain_run_to(chain *c, uint64_t height) {
    while (chain_height(c) < height) chain_block(c);
}

/* One transaction in a block of its own: its code. */
static inline assay_err chain_do(chain *c, const signer *who, assay_tx_body body) {
    uint32_t number = chain_add(c, who, body);
    return (assay_err)chain_block(c)->results[number].code;
}

/* The first event of a kind in the last block, or NULL. */
static inline const assay_ledger_event *chain_event(const chain *c, const char *kind) {
    for (uint32_t i = 0; i < c->one.result.events_count; i++)
        if (strcmp(c->one.result.events[i].kind, kind) == 0) return &c->one.result.events[i];
    return NULL;
}

#endif
