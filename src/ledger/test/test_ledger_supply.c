/* SPDX-License-Identifier: Apache-2.0
 *
 * Supply is conserved to the unit: over a million random transactions of every kind, mixed with blocks, epochs,
 * absences, double signatures, false and missing openings. After every block all that anybody holds and all that was
 * burned is what genesis issued; issued never changes, burned never falls, and no transaction burns less than its fee.
 * Signatures of transactions are taken as known (another test verifies them), all else is as on a chain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "works_internal.h"

#define OK(call) assert_int_equal((call), ASSAY_OK)

enum {
#if defined(__SANITIZE_ADDRESS__)
    OPERATIONS = 150000, /* the sanitizers take ten times as long */
#else
    OPERATIONS = 1000000,
#endif
    BLOCK = 250, /* transactions in a block, about */
    OWNERS = 64, /* the chain's own, and late ones */
    ACTORS = CHAIN_ACCOUNTS + OWNERS,
    WORKS = 3, /* versions that are really checked and opened, at a time */
    FEE = 700
};

/* splitmix64 */
static uint64_t choose(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

typedef struct owner {
    signer self, consensus, attestation;
    assay_signature consensus_proof, attestation_proof;
} owner;

typedef struct world {
    chain *c;
    uint64_t seed;
    owner owners[OWNERS];
    signer actors[ACTORS];
    uint64_t nonces[ACTORS];   /* with what this block has already */
    uint64_t balances[ACTORS]; /* before this block */
    work works[WORKS];
    bool registered[WORKS];
    char versions[WORKS][24];
    uint64_t names; /* how many names were given */
    uint64_t operations, blocks;
    assay_ledger_misbehavior misbehavior[2];
    const char *kinds[CHAIN_TXS_MAX]; /* of this block's transactions */
} world;

/* How often each kind of transaction succeeded and failed, and each event was told: a test in which something never
 * happens would say little about it. */
typedef struct tally {
    const char *name;
    uint64_t good, bad;
} tally;
static tally tallies[64];

static tally *tally_of(const char *name) {
    size_t i = 0;
    while (tallies[i].name && strcmp(tallies[i].name, name) != 0) i++;
    assert_true(i + 1 < sizeof tallies / sizeof *tallies);
    tallies[i].name = name;
    return &tallies[i];
}

static uint64_t below(world *w, uint64_t bound) { return choose(&w->seed) % bound; }

/* ---- the world ----------------------------------------------------------------------------------------------- */

static world *world_new(uint64_t seed) {
    world *w = memory_take(sizeof *w);
    memset(w, 0, sizeof *w);
    assay_params params = chain_params();
    params.validators_max = 12; /* some who come later sit, others wait */
    params.downtime_window_blocks = 40;
    params.duty_blocks = 12;
    params.duty_seconds = 120;
    w->seed = seed;
    w->c = chain_new_with(8, &params, true);
    assay_bytes id = assay_base_bytes_str(w->c->chain_id);
    for (uint32_t i = 0; i < OWNERS; i++) {
        owner *o = &w->owners[i];
        *o = (owner){signer_of("owner", i), signer_of("consensus", i), signer_of("attestation", i), {{0}}, {{0}}};
        o->consensus_proof = chain_proof(&o->consensus, "consensus-key", id, o->self.address);
        o->attestation_proof = chain_proof(&o->attestation, "attestation-key", id, o->self.address);
        w->actors[CHAIN_ACCOUNTS + i] = o->self;
    }
    for (uint32_t i = 0; i < CHAIN_ACCOUNTS; i++) w->actors[i] = w->c->accounts[i];
    return w;
}

/* A transaction with a signature that nobody looks at. */
static void add(world *w, uint64_t actor, assay_tx_body body) {
    uint8_t memory[4096], outer[4096];
    assay_buf inner = {memory, 0, sizeof memory}, out = {outer, 0, sizeof outer};
    body.format = 1;
    body.chain_id = assay_base_bytes_str(w->c->chain_id);
    bool wrong = below(w, 500) == 0;
    body.nonce = w->nonces[actor] + wrong;
    body.fee = wrong || below(w, 300) ? FEE : below(w, 100); /* the base alone is 100 */
    OK(assay_codec_encode(&inner, &assay_tx_body_message, &body, ASSAY_CODEC_STRICT));
    const assay_tx tx = {.body = {inner.ptr, inner.len}, .public_key = w->actors[actor].key};
    OK(assay_codec_encode(&out, &assay_tx_message, &tx, ASSAY_CODEC_STRICT));
    w->kinds[w->c->txs_count] = assay_tx_kind(&body);
    chain_add_bytes(w->c, (assay_bytes){out.ptr, out.len});
    if (!wrong && body.fee == FEE) w->nonces[actor]++;
    w->operations++;
}

/* Mostly usual, sometimes next to nothing, sometimes more than there is. */
static uint64_t amount(world *w, uint64_t usual) {
    switch (below(w, 20)) {
    case 0: return below(w, 3);
    case 1: return below(w, CHAIN_BALANCE);
    case 2: return UINT64_MAX - below(w, 3);
    default: return below(w, usual);
    }
}

/* ---- transactions -------------------------------------------------------------------------------------------- */

static void add_send(world *w, uint64_t from) {
    assay_msg_send m = {.to = w->actors[below(w, ACTORS)].address, .amount = amount(w, 200000)};
    add(w, from, (assay_tx_body){.send = &m});
}

static void add_create(world *w) {
    uint32_t n = (uint32_t)below(w, OWNERS);
    const owner *o = &w->owners[n];
    assay_msg_validator_create m = {
        .consensus_key = o->consensus.key,
        .attestation_key = o->attestation.key,
        .consensus_proof = o->consensus_proof,
        .attestation_proof = o->attestation_proof,
        .self_bond = 1000000 + below(w, CHAIN_BOND / 4),
        .moniker = ASSAY_STR("late"),
    };
    add(w, CHAIN_ACCOUNTS + n, (assay_tx_body){.validator_create = &m});
}

static void add_stake(world *w, uint64_t from, uint64_t kind) {
    /* Half of the time an owner's own bond. */
    uint64_t n = below(w, below(w, 4) ? 12 : OWNERS);
    if (below(w, 2)) from = CHAIN_ACCOUNTS + n;
    assay_address to = w->owners[n].self.address;
    assay_msg_delegate in = {to, amount(w, CHAIN_BOND / 5)};
    assay_msg_undelegate out = {to, amount(w, CHAIN_BOND / 5)};
    assay_msg_unjail back = {to};
    if (kind == 0) add(w, from, (assay_tx_body){.delegate = &in});
    if (kind == 1) add(w, from, (assay_tx_body){.undelegate = &out});
    if (kind == 2) add(w, from, (assay_tx_body){.unjail = &back});
}

/* Mostly one that came late: if all of genesis were tombstoned soon, little would be attested. */
static uint64_t some_offender(world *w) { return below(w, 40) ? 8 + below(w, OWNERS - 8) : below(w, 8); }

/* Two votes of a validator for different blocks, signed as they must be: the one thing that is verified in here. */
static void add_evidence(world *w, uint64_t from) {
    const owner *o = &w->owners[some_offender(w)];
    uint64_t height = chain_height(w->c), back = below(w, 70);
    uint8_t memory[2][ASSAY_VOTE_LEN_MAX];
    assay_bytes votes[2];
    int32_t round = (int32_t)below(w, 3);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t sign_memory[256];
        assay_buf text = {sign_memory, 0, sizeof sign_memory}, out = {memory[i], 0, sizeof memory[i]};
        assay_vote vote = {
            .type = ASSAY_PRECOMMIT,
            .height = height > back ? (int64_t)(height - back) : 1,
            .round = round,
            .timestamp = {CHAIN_TIME, i},
            .validator = o->consensus.address,
            .block_id = {.hash = {{(uint8_t)(i + 1)}}, .parts_total = 1, .parts_hash = {{7}}},
        };
        OK(assay_vote_sign_bytes(&text, &vote, assay_base_bytes_str(w->c->chain_id)));
        vote.signature = assay_crypto_ed25519_sign(&o->consensus.secret, (assay_bytes){text.ptr, text.len});
        OK(assay_vote_encode(&out, &vote));
        votes[i] = (assay_bytes){out.ptr, out.len};
    }
    assay_msg_evidence m = {votes[0], votes[1]};
    add(w, from, (assay_tx_body){.evidence = &m});
}

/* The k-th name that was given: versions of twenty models under five prefixes. */
static void made_up(char name[40], char version[24], uint64_t k) {
    snprintf(name, 40, "owner%u/model%u", (unsigned)(k % 5), (unsigned)(k % 20));
    snprintf(version, 24, "%llu", (unsigned long long)k);
}

/* A version that nobody will check: it lapses, or is revoked before. */
static void add_register(world *w, uint64_t from) {
    char name[40], version[24];
    made_up(name, version, w->names++);
    assay_msg_register m = {
        .name = assay_base_bytes_str(name),
        .version = assay_base_bytes_str(version),
        .root = {{1, 2, 3}},
        .size = 1 + below(w, (uint64_t)1 << 31),
        .files = 1,
        .source = ASSAY_STR("nowhere"),
    };
    m.chunks = assay_file_chunks(m.size);
    add(w, from, (assay_tx_body){.register_version = &m});
}

static void add_status(world *w, uint64_t from, bool revoke) {
    char name[40], version[24];
    uint64_t recent = w->names < 12 ? w->names : 12;
    made_up(name, version, w->names - (recent ? 1 + below(w, recent) : 0));
    assay_msg_status m = {assay_base_bytes_str(name), assay_base_bytes_str(version), ASSAY_STR("why not")};
    if (revoke)
        add(w, from, (assay_tx_body){.revoke = &m});
    else
        add(w, from, (assay_tx_body){.deprecate = &m});
}

static void add_maintainers(world *w, uint64_t from) {
    char name[40], version[24];
    made_up(name, version, below(w, 20));
    uint8_t list[CHAIN_ACCOUNTS][ASSAY_ADDRESS_LEN]; /* all of them: so that later ones have a say */
    for (uint32_t i = 0; i < CHAIN_ACCOUNTS; i++) memcpy(list[i], w->actors[i].address.b, ASSAY_ADDRESS_LEN);
    assay_msg_maintainers m = {assay_base_bytes_str(name), list, CHAIN_ACCOUNTS};
    add(w, from, (assay_tx_body){.maintainers = &m});
}

static void add_any(world *w) {
    uint64_t from = below(w, 3) ? below(w, CHAIN_ACCOUNTS) : below(w, ACTORS);
    for (int i = 0; i < 4 && w->balances[from] < 50 * FEE; i++) from = below(w, ACTORS); /* the poor seldom try */
    uint64_t dice = below(w, 10000);
    if (dice < 6000)
        add_send(w, from);
    else if (dice < 7700)
        add_stake(w, from, 0);
    else if (dice < 9000)
        add_stake(w, from, 1);
    else if (dice < 9500)
        add_stake(w, from, 2);
    else if (dice < 9800)
        add_create(w);
    else if (dice < 9815)
        add_evidence(w, from);
    else if (dice < 9840)
        add_register(w, from);
    else if (dice < 9890)
        add_status(w, from, false);
    else if (dice < 9940)
        add_status(w, from, true);
    else
        add_maintainers(w, from);
}

/* ---- works: real checks and openings ------------------------------------------------------------------------- */

static uint32_t counted(world *w, const char *kind, uint32_t number) {
    w->kinds[number] = kind;
    w->operations++;
    return number;
}

/* One validator does something about one work: all of it may be refused. */
static void add_work(world *w) {
    uint32_t i = (uint32_t)below(w, WORKS), n = (uint32_t)below(w, 8);
    work *made = &w->works[i];
    if (!w->registered[i]) {
        snprintf(w->versions[i], sizeof w->versions[i], "v%llu", (unsigned long long)w->names++);
        work_make(made, "works/real", w->versions[i], i);
        assay_msg_register m = work_register(made);
        counted(w, "register", chain_add(w->c, &w->c->accounts[0], (assay_tx_body){.register_version = &m}));
        w->nonces[0]++;
        w->registered[i] = true;
        return;
    }
    bool found, version_found;
    assay_version_record record;
    OK(assay_models_version(chain_view(w->c), &record, &version_found, assay_base_bytes_str(made->name),
                            assay_base_bytes_str(made->version)));
    if (!version_found || (record.status != ASSAY_VERSION_RECORDED && below(w, 3) == 0)) {
        w->registered[i] = false; /* on to the next version, and an end of this one */
        assay_msg_status m = {assay_base_bytes_str(made->name), assay_base_bytes_str(made->version), ASSAY_STR("old")};
        if (below(w, 2)) add(w, 0, (assay_tx_body){.deprecate = &m});
        return;
    }
    if (below(w, 20) == 0) {
        assay_msg_report m = {assay_base_bytes_str(made->name), assay_base_bytes_str(made->version),
                              w->actors[below(w, ACTORS)].address, ASSAY_STR("model.bin")};
        counted(w, "report", chain_add(w->c, &w->c->owners[n], (assay_tx_body){.report = &m}));
        w->nonces[CHAIN_ACCOUNTS + n]++;
        return;
    }
    assay_models_check_record check = work_check_of(w->c, made, n, &found);
    if (!found || check.state != ASSAY_MODELS_PENDING)
        counted(w, "check", work_add_check(w->c, made, n, below(w, 60) == 0));
    else if (check.drawn_height && below(w, 4))
        counted(w, "opening", work_add_opening(w->c, made, n));
}

/* ---- blocks -------------------------------------------------------------------------------------------------- */

static void look(world *w) {
    for (uint32_t i = 0; i < ACTORS; i++) {
        assay_accounts_account account = chain_account(w->c, w->actors[i].address);
        w->nonces[i] = account.nonce;
        w->balances[i] = account.balance;
    }
}

static void block(world *w) {
    chain *c = w->c;
    for (uint32_t i = 0; i < 8; i++) c->absent[i] = i < 2 && (w->blocks / 64) % 3 == 1; /* long absences of two */
    if (below(w, 200) == 0) {
        uint64_t height = chain_height(c);
        for (int i = 0; i < 2; i++)
            w->misbehavior[i] = (assay_ledger_misbehavior){w->owners[some_offender(w)].consensus.address,
                                                           (int64_t)(height + 1 - below(w, 20)),
                                                           (int32_t)below(w, 3) - 1,
                                                           {0, 0}};
        c->misbehavior = w->misbehavior;
        c->misbehavior_count = 2;
    }
    c->step = 5 + (int64_t)below(w, 10);
    assay_rule_totals before, after;
    OK(assay_rule_totals_read(&before, chain_view(c)));
    uint32_t count = c->txs_count;
    const assay_ledger_result *result = chain_block_with(c, true);
    OK(assay_rule_totals_read(&after, chain_view(c)));
    assert_int_equal(after.issued, before.issued);
    uint64_t fees = 0;
    for (uint32_t i = 0; i < count; i++) {
        tally *t = tally_of(w->kinds[i]);
        *(result->results[i].code == ASSAY_OK ? &t->good : &t->bad) += 1;
        fees += (uint64_t)result->results[i].gas_used;
    }
    assert_true(after.burned >= before.burned + fees);
    for (uint32_t i = 0; i < result->events_count; i++) tally_of(result->events[i].kind)->good++;
    assert_int_equal(result->events_dropped, 0);
    chain_audit(c);
    w->blocks++;
    look(w);
}

static void test_supply(void **unused) {
    (void)unused;
    static const char *const must_happen[] = {
        "send",     "validator-create", "delegate", "undelegate", "unjail",   "register",      "deprecate",
        "revoke",   "maintainers",      "check",    "opening",    "evidence", /* and events: */
        "transfer", "attested",         "lapsed",   "void",       "opened",   "false-opening", "slashed",
        "jailed",   "tombstoned",       "unbonded", "joined",     "left",     "missed-duty",
    };
    world *w = world_new(20260725);
    print_message("seed %llu\n", (unsigned long long)w->seed);
    look(w);
    while (w->operations < OPERATIONS) {
        for (uint64_t i = 0, more = 8 + below(w, 16); i < more; i++) add_work(w);
        for (uint64_t i = 0, more = below(w, 2 * BLOCK - 8); i < more; i++) add_any(w);
        block(w);
    }
    print_message("%llu transactions in %llu blocks\n", (unsigned long long)w->operations,
                  (unsigned long long)w->blocks);
    for (size_t i = 0; tallies[i].name; i++)
        print_message("  %-18s %8llu good %8llu refused\n", tallies[i].name, (unsigned long long)tallies[i].good,
                      (unsigned long long)tallies[i].bad);
    for (size_t i = 0; i < sizeof must_happen / sizeof *must_happen; i++)
        if (tally_of(must_happen[i])->good < 3) fail_msg("%s hardly ever happened", must_happen[i]);
    chain_free(w->c);
    free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_supply)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
