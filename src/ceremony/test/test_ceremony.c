/* SPDX-License-Identifier: Apache-2.0
 *
 * Four operators in four directories: what they make, send, check and accept, and what becomes of a file that somebody
 * changed on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ceremony/ceremony.h"
#include "codec/codec.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "os/os.h"

#include <jansson.h>

#define OK(call) assert_int_equal((call), ASSAY_OK)
#define MIB ((size_t)1 << 20)
#define COUNT 4u

typedef struct place {
    const char *root;
    assay_os_region region;
    assay_arena keep;
    char dirs[COUNT][256];
    assay_ceremony_member members[COUNT];
    assay_ceremony_network agreed;
} place;

static assay_ceremony_place where(const place *p, unsigned i) {
    static const char *const monikers[] = {"anna", "bert", "cara", "dora"};
    return (assay_ceremony_place){.directory = p->dirs[i],
                                  .moniker = monikers[i],
                                  .host = "127.0.0.1",
                                  .listen = "127.0.0.1",
                                  .port = (uint16_t)(30000 + 10 * i),
                                  .signer = i % 2 == 0};
}

static int begin(void **state) {
    place *p = calloc(1, sizeof *p);
    *state = p;
    OK(assay_os_reserve(&p->region, 256 * MIB));
    p->keep = assay_os_region_arena(&p->region);
    OK(assay_os_temp_dir(&p->root, &p->keep, "assay-ceremony", true));
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(p->dirs[i], sizeof p->dirs[i], "%s/%u", p->root, i);
        assay_ceremony_place at = where(p, i);
        OK(assay_ceremony_join(&p->members[i], &p->keep, &at, "acme", 1000000 * (i + 1)));
    }
    assay_params params = assay_node_params();
    OK(assay_ceremony_collect(&p->agreed, &p->keep, "acme", 1700000000, &params, p->members, COUNT, NULL, 0, 5000));
    return 0;
}

static int end(void **state) {
    place *p = *state;
    OK(assay_os_remove_tree(p->root));
    assay_os_unreserve(&p->region);
    free(p);
    return 0;
}

static assay_buf text(place *p) { return (assay_buf){ASSAY_NEW(&p->keep, uint8_t, MIB), 0, MIB}; }

static void joining_again(void **state) {
    place *p = *state;
    assay_ceremony_member again;
    assay_ceremony_place at = where(p, 1);
    OK(assay_ceremony_join(&again, &p->keep, &at, "acme", 7));
    assert_memory_equal(&again.validator.owner, &p->members[1].validator.owner, sizeof again.validator.owner);
    assert_int_equal(again.validator.self_bond, 2000000);
    assert_int_equal(assay_ceremony_join(&again, &p->keep, &at, "other", 7), ASSAY_E_EXISTS);
    /* Interrupted before the end, of a key in CometBFT's home and of one in a signer: the same keys again. */
    for (unsigned i = 0; i < 2; i++) {
        char path[300];
        assay_ceremony_place there = where(p, i);
        snprintf(path, sizeof path, "%s/join.json", p->dirs[i]);
        OK(assay_os_remove(path));
        OK(assay_ceremony_join(&again, &p->keep, &there, "acme", 1000000 * (i + 1)));
        assert_memory_equal(&again.validator.consensus_key, &p->members[i].validator.consensus_key, 32);
        assert_memory_equal(&again.signature, &p->members[i].signature, sizeof again.signature);
    }
    /* A key that signed something belongs to somebody. */
    char path[300];
    assay_ceremony_place there = where(p, 3);
    snprintf(path, sizeof path, "%s/join.json", p->dirs[3]);
    OK(assay_os_remove(path));
    snprintf(path, sizeof path, "%s/cometbft/data/priv_validator_state.json", p->dirs[3]);
    OK(assay_os_replace(path, ASSAY_STR("{\"height\":\"5\",\"round\":0,\"step\":3}\n"), 0600));
    assert_int_equal(assay_ceremony_join(&again, &p->keep, &there, "acme", 7), ASSAY_E_EXISTS);
    at.port = 65534;
    assert_int_equal(assay_ceremony_join(&again, &p->keep, &at, "acme", 7), ASSAY_E_RANGE);
    /* What would break a line of a configuration is no name. */
    char fresh[300];
    snprintf(fresh, sizeof fresh, "%s/fresh", p->root);
    at = where(p, 1);
    at.directory = fresh;
    at.moniker = "a\"b";
    assert_int_not_equal(assay_ceremony_join(&again, &p->keep, &at, "acme", 7), ASSAY_OK);
}

/* Each member's file, and what each change in it does. */
static void a_changed_file(void **state) {
    place *p = *state;
    assay_buf out = text(p);
    assay_ceremony_member back;
    OK(assay_ceremony_member_write(&out, &p->members[0]));
    OK(assay_ceremony_member_read(&back, &p->keep, (assay_bytes){out.ptr, out.len}));
    assert_string_equal(back.p2p, "127.0.0.1:30002");
    assert_string_equal(back.http, "http://127.0.0.1:30000");
    json_t *json = json_loadb((const char *)out.ptr, out.len, 0, NULL), *other;
    static const char *const members[] = {
        "network",         "moniker",         "node_id",           "p2p",       "http",     "owner", "consensus_key",
        "consensus_proof", "attestation_key", "attestation_proof", "self_bond", "signature"};
    assay_buf second = text(p);
    OK(assay_ceremony_member_write(&second, &p->members[1]));
    other = json_loadb((const char *)second.ptr, second.len, 0, NULL);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *old = json_incref(json_object_get(json, members[i])),
               *values[3] = {strcmp(members[i], "network") ? json_incref(json_object_get(other, members[i]))
                                                           : json_string("acme2"),
                             json_null(), json_string("")};
        for (size_t k = 0; k < 3; k++) {
            json_object_set_new(json, members[i], values[k]);
            char *dumped = json_dumps(json, JSON_COMPACT);
            assay_err err = assay_ceremony_member_read(&back, &p->keep, assay_base_bytes_str(dumped));
            assert_true(err != ASSAY_OK && !assay_base_err_is_fault(err));
            free(dumped);
        }
        json_object_set_new(json, members[i], old);
    }
    json_object_set_new(json, "schema", json_string("assay/join/2"));
    char *dumped = json_dumps(json, JSON_COMPACT);
    assert_int_equal(assay_ceremony_member_read(&back, &p->keep, assay_base_bytes_str(dumped)), ASSAY_E_FORMAT);
    free(dumped);
    json_decref(json);
    json_decref(other);
}

static void collecting(void **state) {
    place *p = *state;
    assay_ceremony_network n;
    assay_ceremony_member turned[COUNT];
    assay_params params = assay_node_params();
    for (unsigned i = 0; i < COUNT; i++) turned[i] = p->members[COUNT - 1 - i];
    OK(assay_ceremony_collect(&n, &p->keep, "acme", 1700000000, &params, turned, COUNT, NULL, 0, 5000));
    assert_true(assay_base_bytes_eq(n.genesis, p->agreed.genesis));
    assert_string_equal(n.chain_id, p->agreed.chain_id);
    assert_int_equal(assay_ceremony_collect(&n, &p->keep, "other", 1, &params, turned, COUNT, NULL, 0, 1),
                     ASSAY_E_CHAIN);
    assert_int_equal(assay_ceremony_collect(&n, &p->keep, "acme", 1, &params, turned, 0, NULL, 0, 1), ASSAY_E_RANGE);
    params.chunks_per_draw = 0; /* rules that no ledger takes */
    assert_int_equal(assay_ceremony_collect(&n, &p->keep, "acme", 1, &params, turned, COUNT, NULL, 0, 1),
                     ASSAY_E_RANGE);
    params = assay_node_params();
    turned[1] = turned[2];
    assert_int_equal(assay_ceremony_collect(&n, &p->keep, "acme", 1, &params, turned, COUNT, NULL, 0, 1),
                     ASSAY_E_DUPLICATE);
    turned[1] = p->members[COUNT - 2];
    turned[1].p2p = turned[0].p2p;
    assert_int_equal(assay_ceremony_collect(&n, &p->keep, "acme", 1, &params, turned, COUNT, NULL, 0, 1),
                     ASSAY_E_DUPLICATE);
    /* Accounts: an owner who has one gets no allowance on top. */
    assay_genesis_account accounts[2] = {{assay_crypto_address(p->members[0].validator.owner), 9}, {{{1}}, 10}};
    OK(assay_ceremony_collect(&n, &p->keep, "acme", 1, &params, p->members, COUNT, accounts, 2, 5000));
    assay_genesis genesis;
    OK(assay_codec_decode(&genesis, &p->keep, &assay_genesis_message, n.genesis, ASSAY_CODEC_STRICT));
    assert_int_equal(genesis.accounts_count, 5);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 5; i++) sum += genesis.accounts[i].balance;
    assert_int_equal(sum, 9 + 10 + 3 * 5000);
    accounts[1] = accounts[0];
    assert_int_equal(assay_ceremony_collect(&n, &p->keep, "acme", 1, &params, p->members, COUNT, accounts, 2, 0),
                     ASSAY_E_DUPLICATE);
}

static void agreeing(void **state) {
    place *p = *state;
    assay_buf out = text(p);
    assay_ceremony_network n;
    assay_ceremony_word words[COUNT + 1];
    uint32_t missing;
    OK(assay_ceremony_network_write(&out, &p->agreed));
    OK(assay_ceremony_network_read(&n, &p->keep, (assay_bytes){out.ptr, out.len}));
    assert_string_equal(n.chain_id, p->agreed.chain_id);
    /* A genesis of other validators than the file lists. */
    assay_ceremony_network lie = p->agreed;
    assay_params params = assay_node_params();
    OK(assay_ceremony_collect(&n, &p->keep, "acme", 1700000000, &params, p->members, 3, NULL, 0, 5000));
    lie.genesis = n.genesis;
    out.len = 0;
    OK(assay_ceremony_network_write(&out, &lie));
    assert_int_equal(assay_ceremony_network_read(&n, &p->keep, (assay_bytes){out.ptr, out.len}), ASSAY_E_PROOF);

    for (uint32_t i = 0; i < COUNT; i++) OK(assay_ceremony_sign(&words[i], p->dirs[i], &p->agreed, p->keep));
    assert_false(assay_ceremony_missing(&missing, &p->agreed, words, COUNT));
    assert_true(assay_ceremony_missing(&missing, &p->agreed, words, COUNT - 1));
    assert_memory_equal(&p->agreed.members[missing].validator.owner, &words[COUNT - 1].owner, sizeof words->owner);
    words[2].signature.b[7] ^= 1;
    assert_true(assay_ceremony_missing(&missing, &p->agreed, words, COUNT));
    words[2].signature.b[7] ^= 1;
    words[COUNT] = words[1];
    words[1].genesis_hash.b[0] ^= 1; /* of another network */
    assert_true(assay_ceremony_missing(&missing, &p->agreed, words, COUNT));
    assert_false(assay_ceremony_missing(&missing, &p->agreed, words, COUNT + 1));
    out.len = 0;
    OK(assay_ceremony_word_write(&out, &words[0]));
    OK(assay_ceremony_word_read(&words[1], (assay_bytes){out.ptr, out.len}));
    assert_memory_equal(&words[0], &words[1], sizeof words[0]);
    out.ptr[out.len - 10] ^= 1;
    assert_int_not_equal(assay_ceremony_word_read(&words[1], (assay_bytes){out.ptr, out.len / 2}), ASSAY_OK);
}

/* Its trust file begins with the genesis: nothing else is needed to check this chain's certificates. */
static void trusts_the_genesis(place *p, const char *directory) {
    char path[300];
    snprintf(path, sizeof path, "%s/trust.json", directory);
    json_t *trust = json_load_file(path, 0, NULL);
    assert_non_null(trust);
    assert_string_equal(json_string_value(json_object_get(trust, "chain_id")), p->agreed.chain_id);
    json_t *points = json_object_get(trust, "checkpoints"), *point = json_array_get(points, 0);
    assert_int_equal(json_array_size(points), 1);
    assert_int_equal(json_integer_value(json_object_get(point, "height")), 0);
    assert_string_equal(json_string_value(json_object_get(point, "header_hash")),
                        json_string_value(json_object_get(trust, "genesis_hash")));
    json_t *rows = json_object_get(point, "validators");
    assert_int_equal(json_array_size(rows), COUNT);
    /* The set's order is by power: the last that joined has the most. */
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, i), "power")), COUNT - i);
    json_decref(trust);
}

static void leaves_a_newer_trust_file(place *p, const char *directory) {
    char path[300];
    assay_bytes text;
    snprintf(path, sizeof path, "%s/trust.json", directory);
    OK(assay_os_replace(path, ASSAY_STR("newer"), 0644));
    OK(assay_ceremony_accept(directory, &p->agreed, p->keep));
    OK(assay_os_read_whole(&text, &p->keep, path, 100));
    assert_true(assay_base_bytes_eq(text, ASSAY_STR("newer")));
}

static void accepting(void **state) {
    place *p = *state;
    assay_node_settings settings;
    assay_ceremony_network other;
    assay_params params = assay_node_params();
    for (uint32_t i = 0; i < COUNT; i++) {
        OK(assay_ceremony_accept(p->dirs[i], &p->agreed, p->keep));
        OK(assay_ceremony_accept(p->dirs[i], &p->agreed, p->keep)); /* again is no harm */
        OK(assay_node_settings_read(&settings, &p->keep, p->dirs[i]));
        assert_int_equal(settings.peers_count, COUNT - 1);
        assert_int_equal(settings.port, 30000 + 10 * i);
        assert_true((settings.signer != NULL) == (i % 2 == 0));
        trusts_the_genesis(p, p->dirs[i]);
    }
    leaves_a_newer_trust_file(p, p->dirs[0]);
    OK(assay_ceremony_collect(&other, &p->keep, "acme", 1, &params, p->members, COUNT, NULL, 0, 5000));
    assert_int_equal(assay_ceremony_accept(p->dirs[0], &other, p->keep), ASSAY_E_EXISTS);
    /* Who is not in it. */
    OK(assay_ceremony_collect(&other, &p->keep, "acme", 1, &params, p->members, 3, NULL, 0, 5000));
    assert_int_equal(assay_ceremony_accept(p->dirs[3], &other, p->keep), ASSAY_E_NOT_FOUND);
    assay_ceremony_word word;
    assert_int_equal(assay_ceremony_sign(&word, p->dirs[3], &other, p->keep), ASSAY_E_NOT_FOUND);
    /* A later node, by a snapshot and by every block. */
    char directory[300];
    for (int turn = 0; turn < 2; turn++) {
        snprintf(directory, sizeof directory, "%s/later%d", p->root, turn);
        assay_ceremony_place at = where(p, 0);
        at.directory = directory;
        at.port = (uint16_t)(31000 + turn);
        assay_ceremony_sync sync = {.height = 10};
        assay_ceremony_member member;
        OK(assay_ceremony_follow(&member, &p->keep, &at, &p->agreed, turn ? &sync : NULL));
        char path[400];
        assay_bytes config;
        snprintf(path, sizeof path, "%s/cometbft/config/config.toml", directory);
        OK(assay_os_read_whole(&config, &p->keep, path, MIB));
        assert_true((strstr((const char *)config.ptr, "[statesync]") != NULL) == (turn == 1));
        OK(assay_node_settings_read(&settings, &p->keep, directory));
        assert_int_equal(settings.peers_count, COUNT);
    }
}

static void damaged_settings(void **state) {
    place *p = *state;
    assay_node_settings settings;
    char path[400];
    snprintf(path, sizeof path, "%s/node.json", p->dirs[0]);
    static const char *const bad[] = {"", "{", "[]", "{\"schema\":\"assay/node/1\"}", "{\"schema\":\"assay/node/9\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        OK(assay_os_replace(path, assay_base_bytes_str(bad[i]), 0600));
        assert_int_equal(assay_node_settings_read(&settings, &p->keep, p->dirs[0]), ASSAY_F_CORRUPT);
    }
    OK(assay_os_remove(path));
    assert_int_equal(assay_node_settings_read(&settings, &p->keep, p->dirs[0]), ASSAY_E_NOT_FOUND);
    assert_false(assay_node_settings_exist(p->dirs[0], p->keep));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(joining_again), TEST(a_changed_file), TEST(collecting),
        TEST(agreeing),      TEST(accepting),      TEST(damaged_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
