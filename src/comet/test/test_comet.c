/* SPDX-License-Identifier: Apache-2.0
 *
 * What a real CometBFT answered (spec/vectors/rpc), read and judged by the hashes and signatures in it; the same
 * answers with every member missing or of another kind; and the files of a home. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codec/codec.h"
#include "comet/comet.h"
#include "crypto/crypto.h"
#include "http/http.h"
#include "os/os.h"

#include <jansson.h>

#define OK(call) assert_int_equal((call), ASSAY_OK)
#define MIB ((size_t)1 << 20)

static uint8_t memory[32 << 20];

static assay_arena arena(void) { return assay_base_arena(memory, sizeof memory); }

static assay_bytes vector(assay_arena *keep, const char *name) {
    char path[512];
    assay_bytes text;
    snprintf(path, sizeof path, ASSAY_SOURCE_DIR "/spec/vectors/rpc/%s.json", name);
    OK(assay_os_read_whole(&text, keep, path, MIB));
    return text;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static void a_real_commit(void **state) {
    (void)state;
    assay_arena keep = arena();
    assay_header header;
    assay_commit commit;
    assay_validator list[8];
    assay_validator_set set;
    assay_hash hash;
    uint32_t count = 0, total = 0;
    uint64_t power;
    OK(assay_comet_read_commit(&header, &commit, &keep, vector(&keep, "commit")));
    assert_int_equal(header.height, 5);
    assert_memory_equal(assay_header_hash(&header).b, commit.block_id.hash.b, ASSAY_HASH_LEN);
    OK(assay_comet_read_validators(list, &count, 8, &total, vector(&keep, "validators")));
    assert_int_equal(count, 4);
    assert_int_equal(total, 4);
    OK(assay_validators_new(&set, &keep, list, count));
    OK(assay_validators_hash(&hash, &set, keep));
    assert_memory_equal(hash.b, header.validators_hash.b, ASSAY_HASH_LEN);
    OK(assay_commit_check(&power, &commit, &set, header.chain_id, &commit.block_id, 5, keep));
    assert_true(power >= 3000000);
    /* The first block has no parent; a height that is not there is an answer too. */
    OK(assay_comet_read_commit(&header, &commit, &keep, vector(&keep, "commit_first")));
    assert_int_equal(header.height, 1);
    assert_int_equal(assay_comet_read_commit(&header, &commit, &keep, vector(&keep, "commit_missing")),
                     ASSAY_E_NOT_FOUND);
    count = 0;
    assert_int_equal(assay_comet_read_validators(list, &count, 3, &total, vector(&keep, "validators")), ASSAY_E_LIMIT);
}

/* Reads a changed answer; what is not needed may be anything. */
static assay_err read_any(json_t *root, bool commit_wanted) {
    static uint8_t again[4 << 20];
    assay_arena keep = assay_base_arena(again, sizeof again);
    assay_header header;
    assay_commit commit;
    assay_validator list[8];
    uint32_t count = 0, total;
    char *text = json_dumps(root, JSON_COMPACT);
    assay_bytes bytes = assay_base_bytes_str(text);
    assay_err err = commit_wanted ? assay_comet_read_commit(&header, &commit, &keep, bytes)
                                  : assay_comet_read_validators(list, &count, 8, &total, bytes);
    free(text);
    return err;
}

static unsigned refused, taken;

static void judge(json_t *root, bool commit_wanted) {
    assay_err err = read_any(root, commit_wanted);
    if (err == ASSAY_OK)
        taken++;
    else
        refused++;
    assert_false(assay_base_err_is_fault(err) && err != ASSAY_F_BUSY && err != ASSAY_F_MEMORY);
}

/* Every member and row, wherever it stands: gone, and of each other kind. */
static void spoil(json_t *root, json_t *at, bool commit_wanted) {
    const char *key;
    json_t *value;
    size_t i;
    json_t *others[] = {json_null(),       json_integer(-1), json_integer(INT64_MAX),
                        json_string("zz"), json_string(""),  json_string("99999999999999999999"),
                        json_array(),      json_object(),    json_true()};
    if (json_is_object(at)) {
        char names[32][64];
        size_t count = 0;
        json_object_foreach(at, key, value) snprintf(names[count++], sizeof *names, "%s", key);
        for (i = 0; i < count; i++) {
            json_t *old = json_incref(json_object_get(at, names[i]));
            spoil(root, old, commit_wanted);
            for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
                json_object_set(at, names[i], others[k]);
                judge(root, commit_wanted);
            }
            json_object_del(at, names[i]);
            judge(root, commit_wanted);
            json_object_set_new(at, names[i], old);
        }
    }
    if (json_is_array(at)) {
        json_array_foreach(at, i, value) {
            json_t *old = json_incref(value);
            spoil(root, value, commit_wanted);
            for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
                json_array_set(at, i, others[k]);
                judge(root, commit_wanted);
            }
            json_array_set_new(at, i, old);
        }
    }
    for (i = 0; i < sizeof others / sizeof *others; i++) json_decref(others[i]);
}

static void spoilt_answers(void **state) {
    (void)state;
    assay_arena keep = arena();
    for (int turn = 0; turn < 2; turn++) {
        assay_bytes text = vector(&keep, turn ? "validators" : "commit");
        json_t *root = json_loadb((const char *)text.ptr, text.len, 0, NULL);
        refused = taken = 0;
        spoil(root, root, turn == 0);
        json_decref(root);
        print_message("%s: %u changes refused, %u of no matter\n", turn ? "validators" : "commit", refused, taken);
        assert_true(refused > 100 && taken > 10);
    }
    /* A header and the commit of another. */
    assay_header header;
    assay_commit commit;
    assay_bytes text = vector(&keep, "commit");
    json_t *root = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    json_t *h = json_object_get(json_object_get(json_object_get(root, "result"), "signed_header"), "header");
    json_object_set_new(h, "height", json_string("6"));
    assert_int_equal(read_any(root, true), ASSAY_E_COMMIT);
    json_object_set_new(h, "height", json_string("5"));
    json_object_set_new(h, "app_hash", json_string("00"));
    assert_int_equal(read_any(root, true), ASSAY_E_ENCODING);
    json_decref(root);
    static const char *const nonsense[] = {"", "{", "[]", "null", "{\"result\":{}}", "{\"a\":1,\"a\":2}", "\xff"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        assert_int_equal(assay_comet_read_commit(&header, &commit, &keep, assay_base_bytes_str(nonsense[i])),
                         ASSAY_E_ENCODING);
}

/* ---- an RPC ------------------------------------------------------------------------------------------------------ */

typedef struct canned {
    const char *answer;
    char asked[4096];
} canned;

static void answer_canned(void *context, const assay_http_request *request, assay_http_response *response) {
    canned *c = context;
    size_t len = request->body.len < sizeof c->asked - 1 ? request->body.len : sizeof c->asked - 1;
    memcpy(c->asked, request->body.ptr, len);
    c->asked[len] = 0;
    response->body = assay_base_bytes_str(c->answer);
}

/* Behind a path requests are posted: assayd passes them on for whoever does not reach the RPC itself. */
static void an_rpc_behind_a_path(void **state) {
    (void)state;
    static const assay_http_route routes[] = {
        {ASSAY_HTTP_POST, "/cometbft", answer_canned, MIB, MIB, ASSAY_HTTP_WORKS}};
    static canned c;
    assay_http_server *server;
    assay_comet *comet;
    uint16_t port;
    const char *why;
    char url[300];
    assay_header header;
    assay_commit commit;
    assay_validator_set set;
    assay_arena keep = arena();
    OK(assay_http_start(&server, &port, &why, "127.0.0.1", 0, routes, 1, &c, (assay_http_limits){.workers = 1}));
    snprintf(url, sizeof url, "http://127.0.0.1:%u/cometbft", port);
    OK(assay_comet_open(&comet, url, 5));
    c.answer = (const char *)vector(&keep, "commit").ptr;
    OK(assay_comet_commit(comet, &header, &commit, &keep, 5));
    assert_string_equal(c.asked, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"commit\",\"params\":{\"height\":\"5\"}}");
    assert_int_equal(assay_comet_commit(comet, &header, &commit, &keep, 6), ASSAY_E_COMMIT);
    OK(assay_comet_commit(comet, &header, &commit, &keep, 0)); /* the newest, whichever that is */
    assert_string_equal(c.asked, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"commit\",\"params\":{}}");
    c.answer = (const char *)vector(&keep, "validators").ptr;
    OK(assay_comet_validators(comet, &set, &keep, 5));
    assert_non_null(strstr(c.asked, "\"params\":{\"height\":\"5\",\"page\":\"1\",\"per_page\":\"100\"}"));
    assay_comet_close(comet);
    assay_http_stop(server);
    /* What is no such URL. */
    static const char *const others[] = {"http://127.0.0.1/cometbft?a=b", "http://127.0.0.1/x#y", "", NULL, "cometbft"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(assay_comet_open(&comet, others[i], 5), ASSAY_E_USAGE);
    memset(url, 'a', sizeof url - 1);
    url[sizeof url - 1] = 0;
    memcpy(url, "http://h/", 9);
    assert_int_equal(assay_comet_open(&comet, url, 5), ASSAY_E_USAGE);
}

static void an_rpc(void **state) {
    (void)state;
    static const assay_http_route routes[] = {
        {ASSAY_HTTP_POST, "/", answer_canned, MIB, MIB, ASSAY_HTTP_WORKS},
        {ASSAY_HTTP_GET, "/{any*}", answer_canned, 0, MIB, ASSAY_HTTP_WORKS},
    };
    static canned c;
    assay_http_server *server;
    assay_comet *comet;
    uint16_t port;
    const char *why;
    char url[64];
    OK(assay_http_start(&server, &port, &why, "127.0.0.1", 0, routes, 2, &c, (assay_http_limits){.workers = 1}));
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    OK(assay_comet_open(&comet, url, 5));
    const assay_bytes txs[] = {ASSAY_STR("one"), ASSAY_STR("two"), ASSAY_STR("three"), ASSAY_STR("four")};
    assay_err verdicts[4];
    c.answer =
        "[{\"id\":3,\"error\":{\"code\":-32603,\"message\":\"Internal error\",\"data\":\"tx already exists in "
        "cache\"}},"
        "{\"id\":0,\"result\":{\"code\":0}},{\"id\":1,\"result\":{\"code\":23}},"
        "{\"id\":2,\"error\":{\"data\":\"mempool is full: number of txs 5000\"}},{\"id\":17,\"result\":{\"code\":0}}]";
    OK(assay_comet_submit(comet, verdicts, txs, 4, arena()));
    assert_int_equal(verdicts[0], ASSAY_OK);
    assert_int_equal(verdicts[1], 23);
    assert_int_equal(verdicts[2], ASSAY_E_FULL);
    assert_int_equal(verdicts[3], ASSAY_OK); /* it waits already; the application's own E48 is something else */
    assert_non_null(strstr(c.asked, "\"method\":\"broadcast_tx_sync\",\"params\":{\"tx\":\"b25l\"}"));
    /* One answer comes without a list; an id that nobody asked about, or no answer, is nobody's. */
    c.answer = "{\"id\":0,\"error\":{\"data\":\"Tx too large. Max size is 1, but got 2\"}}";
    OK(assay_comet_submit(comet, verdicts, txs, 1, arena()));
    assert_int_equal(verdicts[0], ASSAY_E_SIZE);
    c.answer = "[{\"id\":\"0\"},{\"id\":-1,\"result\":{\"code\":0}},{}]";
    OK(assay_comet_submit(comet, verdicts, txs, 2, arena()));
    assert_int_equal(verdicts[1], ASSAY_F_BUSY);
    c.answer = "nonsense";
    assert_int_equal(assay_comet_submit(comet, verdicts, txs, 1, arena()), ASSAY_F_NETWORK);
    /* What is passed on for light clients, and what is not. */
    assay_arena keep = arena();
    assay_bytes answer;
    c.answer = "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}";
    const char *asks = "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"commit\",\"params\":{\"height\":\"3\"}}";
    OK(assay_comet_relay(comet, &answer, &keep, assay_base_bytes_str(asks)));
    assert_string_equal(c.asked, asks);
    assert_true(assay_base_bytes_eq(answer, assay_base_bytes_str(c.answer)));
    static const char *const others[] = {"{\"method\":\"broadcast_tx_sync\"}", "{\"method\":\"dial_peers\"}",
                                         "{\"method\":\"unsafe_flush_mempool\"}"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(assay_comet_relay(comet, &answer, &keep, assay_base_bytes_str(others[i])),
                         ASSAY_E_UNAUTHORIZED);
    assert_int_equal(assay_comet_relay(comet, &answer, &keep, ASSAY_STR("[{\"method\":\"commit\"}]")),
                     ASSAY_E_ENCODING);
    assay_comet_status status;
    keep = arena();
    c.answer = (const char *)vector(&keep, "status").ptr; /* /net_info gets it too, and has no peers in it */
    assert_int_equal(assay_comet_status_get(comet, &status, keep), ASSAY_E_ENCODING);
    assay_http_stop(server);
    assert_int_equal(assay_comet_submit(comet, verdicts, txs, 1, arena()), ASSAY_F_NETWORK);
    assert_true(strlen(assay_comet_why(comet)) > 0);
    assay_comet_close(comet);
    assay_comet_close(NULL);
}

/* ---- a home ------------------------------------------------------------------------------------------------------ */

static assay_bytes file_of(assay_arena *keep, const char *directory, const char *name) {
    char path[512];
    assay_bytes text;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    OK(assay_os_read_whole(&text, keep, path, MIB));
    return text;
}

static bool holds(assay_bytes text, const char *words) { return strstr((const char *)text.ptr, words) != NULL; }

static bool sets(const char *config, const char *section, const char *key, const char *value) {
    assay_bytes set = assay_comet_home_setting(assay_base_bytes_str(config), section, key);
    return value ? set.ptr && assay_base_bytes_eq(set, assay_base_bytes_str(value)) : !set.ptr;
}

static void a_setting(void **state) {
    (void)state;
    static const char config[] = "# laddr = \"no\"\n"
                                 "priv_validator_laddr = \"unix://signer.sock\"\n"
                                 "proxy_app=\"a = b\" # c\r\n"
                                 "empty = \"\"\n"
                                 "[rpc]\n"
                                 "  laddr = \"tcp://127.0.0.1:1\"\n"
                                 "priv_validator_laddr = \"elsewhere\"\n"
                                 "\tnumber = 17 # and so on\n"
                                 "laddr_not = 1\n"
                                 "[rpc.more]\n"
                                 "laddr = \"tcp://127.0.0.1:2\"\n"
                                 "[p2p]\n"
                                 "laddr = \"first\"\n"
                                 "laddr = \"last\"\n"
                                 "half\n"
                                 "open = \"no end";
    assert_true(sets(config, "", "priv_validator_laddr", "unix://signer.sock"));
    assert_true(sets(config, "", "proxy_app", "a = b"));
    assert_true(sets(config, "", "empty", ""));
    assert_true(sets(config, "", "laddr", NULL));
    assert_true(sets(config, "rpc", "laddr", "tcp://127.0.0.1:1"));
    assert_true(sets(config, "rpc", "number", "17"));
    assert_true(sets(config, "p2p", "laddr", "last"));
    assert_true(sets(config, "p2p", "half", NULL));
    assert_true(sets(config, "p2p", "open", "no end"));
    assert_true(sets(config, "more", "laddr", NULL));
    assert_true(sets("", "", "laddr", NULL));
    assert_true(sets("laddr =", "", "laddr", ""));
    assert_true(sets("laddr", "", "laddr", NULL));
}

/* The key of a home is read again as long as it has signed nothing. */
static void an_unused_key(const char *directory, const assay_key_secret *secret, assay_arena keep) {
    assay_key_secret again;
    char path[512];
    OK(assay_comet_key_unused(&again, directory, keep));
    assert_memory_equal(again.b, secret->b, sizeof secret->b);
    snprintf(path, sizeof path, "%s/data/priv_validator_state.json", directory);
    OK(assay_os_replace(path, ASSAY_STR("{\"height\":\"1\",\"round\":0,\"step\":0}\n"), 0600));
    assert_int_equal(assay_comet_key_unused(&again, directory, keep), ASSAY_E_STATE);
    OK(assay_os_remove(path));
    assert_int_equal(assay_comet_key_unused(&again, directory, keep), ASSAY_E_STATE);
    snprintf(path, sizeof path, "%s/config/priv_validator_key.json", directory);
    OK(assay_os_remove(path));
    assert_int_equal(assay_comet_key_unused(&again, directory, keep), ASSAY_E_NOT_FOUND);
    OK(assay_comet_key_write(directory, secret, keep));
    assay_bytes text = file_of(&keep, directory, "config/priv_validator_key.json");
    ((uint8_t *)(uintptr_t)text.ptr)[text.len - 20] ^= 1; /* of the public half */
    OK(assay_os_replace(path, text, 0600));
    assert_int_equal(assay_comet_key_unused(&again, directory, keep), ASSAY_F_CORRUPT);
}

static void a_home(void **state) {
    (void)state;
    assay_arena keep = arena();
    const char *directory;
    OK(assay_os_temp_dir(&directory, &keep, "assay-comet", true));
    assay_comet_home home = {.directory = directory,
                             .moniker = "me",
                             .chain_id = "acme-0123456789ab",
                             .genesis = ASSAY_STR("genesis bytes"),
                             .time = {1700000000, 0},
                             .app_version = 1,
                             .evidence_blocks = 20,
                             .evidence_seconds = 3600,
                             .abci = "unix://abci.sock",
                             .rpc = "tcp://127.0.0.1:1",
                             .p2p = "tcp://127.0.0.1:2",
                             .peers = "aa@127.0.0.1:3"};
    OK(assay_comet_home_write(&home, keep));
    assay_bytes config = file_of(&keep, directory, "config/config.toml");
    assert_true(holds(config, "proxy_app = \"unix://abci.sock\"\n") && holds(config, "timeout_commit = \"0s\"\n"));
    assert_true(holds(config, "priv_validator_laddr = \"\"\n") && !holds(config, "[statesync]"));
    assay_bytes text = file_of(&keep, directory, "config/genesis.json");
    json_t *json = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "app_state")), "Z2VuZXNpcyBieXRlcw==");
    assert_string_equal(json_string_value(json_object_get(json, "genesis_time")), "2023-11-14T22:13:20Z");
    json_decref(json);
    home.signer = "unix://signer.sock";
    home.sync_servers = "http://a/cometbft,http://b/cometbft";
    home.sync_height = 7;
    OK(assay_comet_home_write(&home, keep));
    config = file_of(&keep, directory, "config/config.toml");
    assert_true(holds(config, "priv_validator_laddr = \"unix://signer.sock\"\n") &&
                holds(config, "trust_height = 7\n"));
    /* Nobody writes a line of his own into it. */
    static const char *const bad[] = {"a\"\nx = \"", "a\\", "a\nb", "a\x7f"};
    for (size_t i = 0; i < 4; i++) {
        home.moniker = bad[i];
        assert_int_equal(assay_comet_home_write(&home, keep), ASSAY_E_NAME);
    }
    char id[ASSAY_COMET_ID_LEN + 1], again[ASSAY_COMET_ID_LEN + 1], path[512];
    OK(assay_comet_node_id(id, directory, keep));
    OK(assay_comet_node_id(again, directory, keep));
    assert_string_equal(id, again);
    assert_int_equal(strlen(id), ASSAY_COMET_ID_LEN);
    snprintf(path, sizeof path, "%s/config/node_key.json", directory);
    OK(assay_os_replace(path, ASSAY_STR("{\"priv_key\":{\"value\":\"AAAA\"}}"), 0600));
    assert_int_equal(assay_comet_node_id(id, directory, keep), ASSAY_F_CORRUPT);
    assay_key_secret secret = {{1}};
    OK(assay_comet_key_write(directory, &secret, keep));
    assert_true(holds(file_of(&keep, directory, "config/priv_validator_key.json"), "tendermint/PrivKeyEd25519"));
    assert_true(holds(file_of(&keep, directory, "data/priv_validator_state.json"), "\"height\":\"0\""));
    assert_int_equal(assay_comet_key_write(directory, &secret, keep), ASSAY_E_EXISTS);
    an_unused_key(directory, &secret, keep);
    OK(assay_os_remove_tree(directory));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_commit),        cmocka_unit_test(spoilt_answers), cmocka_unit_test(an_rpc),
        cmocka_unit_test(an_rpc_behind_a_path), cmocka_unit_test(a_home),         cmocka_unit_test(a_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
