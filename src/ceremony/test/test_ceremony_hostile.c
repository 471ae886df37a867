/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators who mistype, and one who means harm: what a name, an address or a file that is signed and yet wrong must
 * not do to a directory, or to the others' start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../ceremony_internal.h"
#include "codec/codec.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "os/os.h"

#include <jansson.h>

#define OK(call) assert_int_equal((call), ASSAY_OK)
#define MIB ((size_t)1 << 20)
#define COUNT 3u
#define BOND 1000000u

typedef struct place {
    const char *root;
    assay_os_region region;
    assay_arena keep;
    char dirs[COUNT][256];
    assay_ceremony_member members[COUNT];
    assay_ceremony_network agreed;
    assay_params params;
} place;

static assay_ceremony_place where(const char *directory, unsigned i) {
    return (assay_ceremony_place){.directory = directory,
                                  .moniker = "m",
                                  .host = "127.0.0.1",
                                  .listen = "127.0.0.1",
                                  .port = (uint16_t)(30000 + 10 * i),
                                  .signer = true};
}

static int begin(void **state) {
    place *p = calloc(1, sizeof *p);
    *state = p;
    p->params = assay_node_params();
    OK(assay_os_reserve(&p->region, 512 * MIB));
    p->keep = assay_os_region_arena(&p->region);
    OK(assay_os_temp_dir(&p->root, &p->keep, "assay-ceremony", true));
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(p->dirs[i], sizeof p->dirs[i], "%s/%u", p->root, i);
        assay_ceremony_place at = where(p->dirs[i], i);
        OK(assay_ceremony_join(&p->members[i], &p->keep, &at, "acme", BOND * (i + 1)));
    }
    OK(assay_ceremony_collect(&p->agreed, &p->keep, "acme", 1700000000, &p->params, p->members, COUNT, NULL, 0, 5000));
    return 0;
}

static int end(void **state) {
    place *p = *state;
    OK(assay_os_remove_tree(p->root));
    assay_os_unreserve(&p->region);
    free(p);
    return 0;
}

static assay_err collect(place *p, const assay_ceremony_member *members, uint32_t count,
                         const assay_genesis_account *accounts, uint32_t accounts_count, uint64_t allowance) {
    assay_ceremony_network n;
    assay_arena keep = p->keep;
    return assay_ceremony_collect(&n, &keep, "acme", 1, &p->params, members, count, accounts, accounts_count,
                                  allowance);
}

/* ---- joining ----------------------------------------------------------------------------------------------------- */

static assay_err join_at(place *p, const assay_ceremony_place *at, const char *network, uint64_t bond) {
    assay_ceremony_member m;
    assay_arena keep = p->keep;
    return assay_ceremony_join(&m, &keep, at, network, bond);
}

/* A refusal leaves nothing behind, so that the next attempt is a first one. */
static void refused_join(void **state) {
    place *p = *state;
    static char directory[300], longest[400];
    snprintf(directory, sizeof directory, "%s/fresh", p->root);
    memset(longest, 'x', sizeof longest - 1);
    const char *over_moniker = longest + sizeof longest - 1 - (ASSAY_CEREMONY_MONIKER_LEN_MAX + 1);
    const char *over_host = longest + sizeof longest - 1 - (ASSAY_CEREMONY_HOST_LEN_MAX + 1);
    for (int home = 0; home < 2; home++) {
        const char *const monikers[] = {"", "a\"b", "a\nb", "a/b", "\xc3\xa9", over_moniker};
        const char *const hosts[] = {"", "a b", "a,b", "a@b", "a\"b", "::1", "[::1", "a]", over_host, longest};
        const char *const listens[] = {"", "0.0.0.0\"", "a b", "localhost", "1.2.3", "[::]", over_host};
        const char *const networks[] = {"", "Acme", "a b", "a\"", "012345678901234567890123456789012"};
        assay_ceremony_place at = where(directory, 7);
        at.signer = home == 0;
#define REFUSED(field, list)                                                                                           \
    for (size_t i = 0; i < sizeof(list) / sizeof *(list); i++) {                                                       \
        assay_ceremony_place wrong = at;                                                                               \
        wrong.field = (list)[i];                                                                                       \
        assay_err err = join_at(p, &wrong, "acme", BOND);                                                              \
        if (err != ASSAY_E_NAME) fail_msg(#field " \"%s\": %s", (list)[i], assay_base_err_code(err));                  \
        assert_false(assay_os_exists(directory));                                                                      \
    }
        REFUSED(moniker, monikers)
        REFUSED(host, hosts)
        REFUSED(listen, listens)
        for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
            assert_int_equal(join_at(p, &at, networks[i], BOND), ASSAY_E_NAME);
            assert_false(assay_os_exists(directory));
        }
        assert_int_equal(join_at(p, &at, "acme", 0), ASSAY_E_RANGE);
        at.port = 65534;
        assert_int_equal(join_at(p, &at, "acme", BOND), ASSAY_E_RANGE);
        assert_false(assay_os_exists(directory));
        /* Both sides of the limits; and a number of IPv6. */
        at.port = 65533;
        at.moniker = over_moniker + 1;
        at.host = home ? "[::1]" : over_host + 1;
        OK(join_at(p, &at, "acme", BOND));
        OK(join_at(p, &at, "acme", BOND));
        OK(assay_os_remove_tree(directory));
    }
}

static void another_network_there(void **state) {
    place *p = *state;
    char directory[300], path[400];
    snprintf(directory, sizeof directory, "%s/devnet", p->root);
    snprintf(path, sizeof path, "%s/genesis", directory);
    OK(assay_os_dirs_create(directory, 0700));
    OK(assay_os_replace(path, ASSAY_STR("of a chain that is there"), 0644));
    assay_ceremony_place at = where(directory, 7);
    assert_int_equal(join_at(p, &at, "acme", BOND), ASSAY_E_EXISTS);
    snprintf(path, sizeof path, "%s/owner.key", directory);
    assert_false(assay_os_exists(path));
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

/* A member as its owner, who means harm, signs it. */
static assay_err read_signed(place *p, assay_ceremony_member m) {
    uint8_t room[8192];
    char path[400];
    assay_buf text = {room, 0, sizeof room};
    assay_key_secret owner;
    assay_arena keep = p->keep;
    snprintf(path, sizeof path, "%s/owner.key", p->dirs[0]);
    OK(assay_node_key_load(&owner, path, false));
    OK(ceremony_member_sign_bytes(&text, &m, keep));
    m.signature = assay_crypto_ed25519_sign(&owner, (assay_bytes){text.ptr, text.len});
    text.len = 0;
    OK(assay_ceremony_member_write(&text, &m));
    return assay_ceremony_member_read(&m, &keep, (assay_bytes){text.ptr, text.len});
}

/* What one member says ends up in every other's configuration: an address that is none would keep them all from
 * starting. */
static void signed_and_wrong(void **state) {
    place *p = *state;
    OK(read_signed(p, p->members[0]));
    static const char *const p2p[] = {"",          "host",
                                      "host:",     ":26602",
                                      "host:0",    "host:65536",
                                      "host:1x",   "host:026602",
                                      "::1:26602", "[::1:26602",
                                      "[]:26602",  "a:1:2",
                                      "a]:26602",  "host:99999999999999999999"};
    for (size_t i = 0; i < sizeof p2p / sizeof *p2p; i++) {
        assay_ceremony_member m = p->members[0];
        m.p2p = p2p[i];
        if (read_signed(p, m) != ASSAY_E_NAME) fail_msg("p2p \"%s\" is taken", p2p[i]);
    }
    static const char *const http[] = {"",
                                       "host:26600",
                                       "httpx://host:26600",
                                       "http:/host:26600",
                                       "http://",
                                       "http://host",
                                       "http://host:0",
                                       "http://host:26600/path",
                                       "http://::1:1",
                                       "ftp://host:21",
                                       "https://host:443"};
    for (size_t i = 0; i < sizeof http / sizeof *http; i++) {
        assay_ceremony_member m = p->members[0];
        m.http = http[i];
        if (read_signed(p, m) != ASSAY_E_NAME) fail_msg("http \"%s\" is taken", http[i]);
    }
    assay_ceremony_member m = p->members[0];
    m.p2p = "[::1]:65535";
    m.http = "http://a-b.example.org:1";
    OK(read_signed(p, m));
    m.network = "Acme";
    assert_int_equal(read_signed(p, m), ASSAY_E_NAME);
    m = p->members[0];
    m.node_id = "0123456789abcdef0123456789abcdef0123456g";
    assert_int_equal(read_signed(p, m), ASSAY_E_NAME);
    m.node_id = "0123456789abcdef0123456789abcdef0123456";
    assert_int_equal(read_signed(p, m), ASSAY_E_NAME);
    m = p->members[0];
    m.validator.self_bond = 0;
    assert_int_equal(read_signed(p, m), ASSAY_E_RANGE);
}

/* Too little memory is this machine's trouble, at every point of reading, and says nothing of the file. */
static void no_memory(void **state) {
    place *p = *state;
    static uint8_t room[1 << 16];
    assay_buf text = {ASSAY_NEW(&p->keep, uint8_t, MIB), 0, MIB};
    assay_ceremony_member m;
    assay_ceremony_network n;
    size_t len = 0;
    assay_err err = ASSAY_F_MEMORY;
    OK(assay_ceremony_member_write(&text, &p->members[0]));
    for (; err == ASSAY_F_MEMORY && len < sizeof room; len += 16) {
        assay_arena keep = assay_base_arena(room, len);
        err = assay_ceremony_member_read(&m, &keep, (assay_bytes){text.ptr, text.len});
    }
    assert_int_equal(err, ASSAY_OK);
    text.len = 0;
    OK(assay_ceremony_network_write(&text, &p->agreed));
    err = ASSAY_F_MEMORY;
    for (len = 0; err == ASSAY_F_MEMORY && len < sizeof room; len += 64) {
        assay_arena keep = assay_base_arena(room, len);
        err = assay_ceremony_network_read(&n, &keep, (assay_bytes){text.ptr, text.len});
    }
    assert_int_equal(err, ASSAY_OK);
}

/* ---- collecting -------------------------------------------------------------------------------------------------- */

/* Each kind of thing that two members may not share. */
static void twice(void **state) {
    place *p = *state;
    const assay_genesis_validator *v = &p->members[0].validator;
    OK(collect(p, p->members, 2, NULL, 0, 0));
    for (int kind = 0; kind < 8; kind++) {
        assay_ceremony_member pair[2] = {p->members[0], p->members[1]};
        assay_genesis_validator *w = &pair[1].validator;
        switch (kind) {
        case 0: w->owner = v->owner; break;
        case 1: w->consensus_key = v->consensus_key; break;
        case 2: w->attestation_key = v->attestation_key; break;
        case 3: w->attestation_key = v->consensus_key; break;
        case 4: w->consensus_key = v->attestation_key; break;
        case 5: pair[1].node_id = pair[0].node_id; break;
        case 6: pair[1].p2p = pair[0].p2p; break;
        case 7: pair[1].http = pair[0].http; break;
        }
        if (collect(p, pair, 2, NULL, 0, 0) != ASSAY_E_DUPLICATE) fail_msg("kind %d is taken", kind);
    }
}

/* What the ledger would refuse at the first block is refused before anybody signs it. */
static void never_a_chain(void **state) {
    place *p = *state;
    assay_genesis_account accounts[2] = {{{{1}}, 10}, {{{2}}, 0}};
    OK(collect(p, p->members, COUNT, accounts, 1, 0));
    assert_int_equal(collect(p, p->members, COUNT, accounts, 2, 0), ASSAY_E_RANGE); /* a balance of 0 */
    uint64_t bonds = BOND * (1 + 2 + 3);
    accounts[1].balance = UINT64_MAX - 10 - bonds;
    OK(collect(p, p->members, COUNT, accounts, 2, 0));
    accounts[1].balance++;
    assert_int_equal(collect(p, p->members, COUNT, accounts, 2, 0), ASSAY_E_RANGE);
    assert_int_equal(collect(p, p->members, COUNT, NULL, 0, UINT64_MAX / 2), ASSAY_E_RANGE); /* thrice */
    p->params.bond_min = BOND + 1;
    assert_int_equal(collect(p, p->members, COUNT, NULL, 0, 0), ASSAY_E_RANGE);
    p->params.bond_min = BOND;
    p->params.validators_max = COUNT - 1;
    assert_int_equal(collect(p, p->members, COUNT, NULL, 0, 0), ASSAY_E_RANGE);
    p->params.validators_max = COUNT;
    OK(collect(p, p->members, COUNT, NULL, 0, 0));
    /* More than a node keeps peers of, though parameters may allow them. */
    p->params.validators_max = ASSAY_VALIDATORS_MAX;
    uint32_t many = ASSAY_NODE_VALIDATORS_MAX + 1;
    assay_ceremony_member *list = ASSAY_NEW(&p->keep, assay_ceremony_member, many);
    for (uint32_t i = 0; i < many; i++) list[i] = p->members[0];
    assert_int_equal(collect(p, list, many, NULL, 0, 0), ASSAY_E_RANGE);
}

/* ---- network.json ------------------------------------------------------------------------------------------------ */

static assay_err read_network(place *p, const json_t *json) {
    assay_ceremony_network n;
    assay_arena keep = p->keep;
    char *text = json_dumps(json, JSON_COMPACT);
    assay_err err = assay_ceremony_network_read(&n, &keep, assay_base_bytes_str(text));
    free(text);
    return err;
}

static json_t *network_json(place *p, const assay_ceremony_network *n) {
    assay_arena keep = p->keep;
    assay_buf text = {ASSAY_NEW(&keep, uint8_t, MIB), 0, MIB};
    OK(assay_ceremony_network_write(&text, n));
    return json_loadb((const char *)text.ptr, text.len, 0, NULL);
}

static void set_genesis(place *p, json_t *json, const assay_genesis *genesis) {
    assay_ceremony_network n = p->agreed;
    OK(assay_codec_encode_new(&n.genesis, &p->keep, &assay_genesis_message, genesis, ASSAY_CODEC_STRICT));
    n.hash = assay_genesis_hash(n.genesis);
    assay_genesis_chain_id(n.chain_id, genesis->name, n.hash);
    json_t *other = network_json(p, &n);
    static const char *const members[] = {"genesis", "genesis_hash", "chain_id"};
    for (size_t i = 0; i < 3; i++) json_object_set(json, members[i], json_object_get(other, members[i]));
    json_decref(other);
}

/* Operators compare hashes by eye, with what stands in the file. */
static void what_people_read(void **state) {
    place *p = *state;
    json_t *json = network_json(p, &p->agreed);
    OK(read_network(p, json));
    static const char *const members[] = {"chain_id", "genesis_hash"};
    for (size_t i = 0; i < 2; i++) {
        json_t *old = json_incref(json_object_get(json, members[i]));
        char changed[80];
        snprintf(changed, sizeof changed, "%s", json_string_value(old));
        char *last = &changed[strlen(changed) - 1];
        *last = *last == '0' ? '1' : '0';
        json_object_set_new(json, members[i], json_string(changed));
        assert_int_equal(read_network(p, json), ASSAY_E_PROOF);
        json_object_set_new(json, members[i], json_integer(1));
        assert_int_equal(read_network(p, json), ASSAY_E_ENCODING);
        json_object_del(json, members[i]);
        assert_int_equal(read_network(p, json), ASSAY_E_ENCODING);
        json_object_set_new(json, members[i], old);
    }
    OK(read_network(p, json));
    json_decref(json);
}

/* A genesis that differs from the list in one thing of one validator. */
static void another_genesis(void **state) {
    place *p = *state;
    assay_genesis genesis;
    json_t *json = network_json(p, &p->agreed);
    OK(assay_codec_decode(&genesis, &p->keep, &assay_genesis_message, p->agreed.genesis, ASSAY_CODEC_STRICT));
    set_genesis(p, json, &genesis);
    OK(read_network(p, json));
    for (int kind = 0; kind < 9; kind++) {
        assay_genesis changed = genesis;
        assay_genesis_validator list[COUNT], *v = &list[1];
        memcpy(list, genesis.validators, sizeof list);
        changed.validators = list;
        switch (kind) {
        case 0: v->owner.b[3] ^= 1; break;
        case 1: v->consensus_key.b[3] ^= 1; break;
        case 2: v->attestation_key.b[3] ^= 1; break;
        case 3: v->consensus_proof.b[3] ^= 1; break;
        case 4: v->attestation_proof.b[3] ^= 1; break;
        case 5: v->self_bond++; break;
        case 6: v->moniker = ASSAY_STR("n"); break;
        case 7: changed.name = ASSAY_STR("acmf"); break;
        case 8: changed.validators_count--; break;
        }
        set_genesis(p, json, &changed);
        if (read_network(p, json) != ASSAY_E_PROOF) fail_msg("kind %d is taken", kind);
    }
    json_decref(json);
    /* Somebody who stands there twice, signed each time. */
    json = network_json(p, &p->agreed);
    assay_genesis_validator pair[2] = {genesis.validators[0], genesis.validators[0]};
    genesis.validators = pair;
    genesis.validators_count = 2;
    json_t *rows = json_object_get(json, "members");
    json_array_set(rows, 1, json_array_get(rows, 0));
    json_array_remove(rows, 2);
    set_genesis(p, json, &genesis);
    assert_int_equal(read_network(p, json), ASSAY_E_DUPLICATE);
    json_decref(json);
}

static void costly(void **state) {
    place *p = *state;
    size_t count = 5 * MIB;
    char *text = malloc(3 * count + 64);
    static const char begins[] = "{\"schema\":\"assay/network/1\",\"members\":[";
    size_t len = sizeof begins - 1;
    memcpy(text, begins, len);
    for (size_t i = 0; i < count; i++, len += 3) memcpy(text + len, "{},", 3);
    memcpy(text + len - 1, "]}", 3);
    assay_bytes bytes = {(const uint8_t *)text, len + 1};
    assay_ceremony_member m;
    assay_ceremony_network n;
    assay_ceremony_word word;
    assert_int_equal(assay_ceremony_network_read(&n, &p->keep, bytes), ASSAY_E_LIMIT);
    assert_int_equal(assay_ceremony_member_read(&m, &p->keep, bytes), ASSAY_E_LIMIT);
    assert_int_equal(assay_ceremony_word_read(&word, bytes), ASSAY_E_LIMIT);
    free(text);
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static void words(void **state) {
    place *p = *state;
    assay_ceremony_word list[COUNT];
    uint32_t missing;
    for (uint32_t i = 0; i < COUNT; i++) OK(assay_ceremony_sign(&list[i], p->dirs[i], &p->agreed, p->keep));
    assert_false(assay_ceremony_missing(&missing, &p->agreed, list, COUNT));
    /* Each one's, and none of them: whoever is named is the one who did not speak. */
    for (uint32_t i = 0; i < COUNT; i++) {
        assay_ceremony_word others[COUNT - 1];
        for (uint32_t k = 0, at = 0; k < COUNT; k++)
            if (k != i) others[at++] = list[k];
        assert_true(assay_ceremony_missing(&missing, &p->agreed, others, COUNT - 1));
        assert_memory_equal(&p->agreed.members[missing].validator.owner, &list[i].owner, sizeof list[i].owner);
    }
    assert_true(assay_ceremony_missing(&missing, &p->agreed, NULL, 0));
    /* A word about another network of the same name, under this one's hash. */
    assay_ceremony_network other;
    OK(assay_ceremony_collect(&other, &p->keep, "acme", 2, &p->params, p->members, COUNT, NULL, 0, 5000));
    OK(assay_ceremony_sign(&list[1], p->dirs[1], &other, p->keep));
    assert_true(assay_ceremony_missing(&missing, &p->agreed, list, COUNT));
    list[1].genesis_hash = p->agreed.hash;
    assert_true(assay_ceremony_missing(&missing, &p->agreed, list, COUNT));
    /* Somebody else's word with one's own name on it. */
    OK(assay_ceremony_sign(&list[1], p->dirs[1], &p->agreed, p->keep));
    list[0].signature = list[1].signature;
    assert_true(assay_ceremony_missing(&missing, &p->agreed, list, COUNT));
    static const char *const bad[] = {
        "", "{}", "[]", "{\"schema\":\"assay/word/1\"}",
        "{\"schema\":\"assay/word/1\",\"genesis_hash\":\"00\",\"owner\":\"00\",\"signature\":\"00\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(assay_ceremony_word_read(&list[0], assay_base_bytes_str(bad[i])), ASSAY_E_ENCODING);
    assert_int_equal(assay_ceremony_word_read(&list[0], ASSAY_STR("{\"schema\":\"assay/word/2\"}")), ASSAY_E_FORMAT);
}

/* ---- node.json --------------------------------------------------------------------------------------------------- */

static void settings_there_and_back(void **state) {
    place *p = *state;
    static const char *const peers[] = {"http://a:1", "http://b:2"};
    assay_node_settings back, s = {.moniker = "me",
                                   .address = "0.0.0.0",
                                   .port = 65533,
                                   .rpc = "http://127.0.0.1:65534",
                                   .abci = "unix://abci.sock",
                                   .consensus_key = {{7}},
                                   .peers = peers,
                                   .peers_count = 2,
                                   .snapshot_blocks = 50};
    OK(assay_node_settings_write(p->dirs[0], &s, p->keep));
    OK(assay_node_settings_read(&back, &p->keep, p->dirs[0]));
    assert_string_equal(back.moniker, "me");
    assert_string_equal(back.address, "0.0.0.0");
    assert_string_equal(back.rpc, s.rpc);
    assert_string_equal(back.abci, s.abci);
    assert_null(back.signer);
    assert_int_equal(back.port, 65533);
    assert_int_equal(back.snapshot_blocks, 50);
    assert_memory_equal(&back.consensus_key, &s.consensus_key, sizeof s.consensus_key);
    assert_int_equal(back.peers_count, 2);
    assert_string_equal(back.peers[1], "http://b:2");
}

static void damaged_settings(void **state) {
    place *p = *state;
    char path[400];
    assay_node_settings s;
    snprintf(path, sizeof path, "%s/node.json", p->dirs[0]);
    json_t *json = json_load_file(path, 0, NULL);
    json_object_set_new(json, "snapshot_blocks", json_integer(7));
    static const char *const members[] = {"schema",        "moniker", "address",         "port",  "rpc", "abci",
                                          "consensus_key", "peers",   "snapshot_blocks", "signer"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        json_t *old = json_incref(json_object_get(json, members[i]));
        assert_non_null(old);
        json_t *others[] = {json_integer(-1), json_real(1.5),      json_null(),      json_true(),
                            json_object(),    json_integer(65536), json_string("1"), NULL};
        for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
            bool gone = !others[k];
            if (gone)
                json_object_del(json, members[i]);
            else
                json_object_set_new(json, members[i], others[k]);
            bool optional = strcmp(members[i], "snapshot_blocks") == 0 || strcmp(members[i], "signer") == 0;
            bool text = strcmp(members[i], "moniker") == 0; /* what is an address elsewhere is checked as one */
            bool fine =
                (gone && optional) || (k == 5 && strcmp(members[i], "snapshot_blocks") == 0) || (k == 6 && text);
            OK(json_dump_file(json, path, 0));
            assay_err err = assay_node_settings_read(&s, &p->keep, p->dirs[0]);
            if (err != (fine ? ASSAY_OK : ASSAY_F_CORRUPT))
                fail_msg("%s, change %zu: %s", members[i], k, assay_base_err_code(err));
            if (!fine && !strstr(s.wrong, members[i])) fail_msg("%s, change %zu: it says %s", members[i], k, s.wrong);
        }
        json_object_set_new(json, members[i], old);
    }
    /* One peer too many. */
    json_t *peers = json_array();
    for (uint32_t i = 0; i < ASSAY_NODE_VALIDATORS_MAX; i++) json_array_append_new(peers, json_string("http://a:1"));
    json_object_set_new(json, "peers", peers);
    OK(json_dump_file(json, path, 0));
    OK(assay_node_settings_read(&s, &p->keep, p->dirs[0]));
    /* Little memory is no damage. */
    static uint8_t room[32768];
    assay_err err = ASSAY_F_MEMORY;
    size_t len = 0;
    for (; err == ASSAY_F_MEMORY && len < sizeof room; len += 64) {
        assay_arena keep = assay_base_arena(room, len);
        err = assay_node_settings_read(&s, &keep, p->dirs[0]);
    }
    assert_int_equal(err, ASSAY_OK);
    json_array_append_new(peers, json_string("http://a:1"));
    OK(json_dump_file(json, path, 0));
    assert_int_equal(assay_node_settings_read(&s, &p->keep, p->dirs[0]), ASSAY_F_CORRUPT);
    json_decref(json);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(refused_join),
        TEST(another_network_there),
        TEST(signed_and_wrong),
        TEST(no_memory),
        TEST(twice),
        TEST(never_a_chain),
        TEST(what_people_read),
        TEST(another_genesis),
        TEST(costly),
        TEST(words),
        TEST(settings_there_and_back),
        TEST(damaged_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
