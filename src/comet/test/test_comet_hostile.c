/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers that no CometBFT gives and requests that no light client sends: what they would cost, and what they must not
 * be taken for. */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "comet/comet.h"
#include "http/http.h"
#include "os/os.h"

#include <jansson.h>

#define OK(call) assert_int_equal((call), ASSAY_OK)
#define MIB ((size_t)1 << 20)

static uint8_t memory[48 << 20];

static assay_arena arena(void) { return assay_base_arena(memory, sizeof memory); }

static json_t *vector(const char *name) {
    char path[512];
    snprintf(path, sizeof path, ASSAY_SOURCE_DIR "/spec/vectors/rpc/%s.json", name);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    return root;
}

/* The member that a path of names and indexes leads to: "result/signed_header/commit/signatures/1". */
static json_t *at(json_t *root, const char *path) {
    for (size_t len; root && *path; path += len + (path[len] == '/')) {
        char name[64];
        len = strcspn(path, "/");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        root = json_is_array(root) ? json_array_get(root, (size_t)atoi(name)) : json_object_get(root, name);
    }
    assert_non_null(root);
    return root;
}

static assay_err read_commit(const json_t *root) {
    assay_arena keep = arena();
    assay_header header;
    assay_commit commit;
    char *text = json_dumps(root, JSON_COMPACT);
    assay_err err = assay_comet_read_commit(&header, &commit, &keep, assay_base_bytes_str(text));
    free(text);
    return err;
}

static assay_err read_validators(const json_t *root, uint32_t cap, uint32_t *count) {
    static assay_validator list[ASSAY_VALIDATORS_MAX];
    uint32_t total;
    char *text = json_dumps(root, JSON_COMPACT);
    assay_err err = assay_comet_read_validators(list, count, cap, &total, assay_base_bytes_str(text));
    free(text);
    return err;
}

/* One member set to a value: the verdict, and that it is as it was afterwards. */
static void commit_with(const char *where, const char *key, json_t *value, assay_err verdict) {
    json_t *root = vector("commit");
    json_object_set_new(at(root, where), key, value);
    assay_err err = read_commit(root);
    if (err != verdict)
        fail_msg("%s/%s: %s, not %s", where, key, assay_base_err_code(err), assay_base_err_code(verdict));
    json_decref(root);
}

/* ---- numbers, lengths, identities -------------------------------------------------------------------------------- */

#define SIGNED "result/signed_header/"

static void numbers(void **state) {
    (void)state;
    commit_with(SIGNED "header", "height", json_string("9223372036854775808"), ASSAY_E_RANGE);
    commit_with(SIGNED "header", "height", json_string("9223372036854775807"), ASSAY_E_COMMIT);
    commit_with(SIGNED "header", "height", json_integer(5), ASSAY_E_ENCODING);
    commit_with(SIGNED "commit", "height", json_string("6"), ASSAY_E_COMMIT);
    commit_with(SIGNED "commit", "round", json_integer(INT32_MAX), ASSAY_OK); /* not in the header's hash */
    commit_with(SIGNED "commit", "round", json_integer((json_int_t)INT32_MAX + 1), ASSAY_E_RANGE);
    commit_with(SIGNED "commit", "round", json_integer(-1), ASSAY_E_RANGE);
    commit_with(SIGNED "commit", "round", json_real(0.0), ASSAY_E_ENCODING);
    commit_with(SIGNED "commit/block_id/parts", "total", json_integer((json_int_t)UINT32_MAX), ASSAY_OK);
    commit_with(SIGNED "commit/block_id/parts", "total", json_integer((json_int_t)UINT32_MAX + 1), ASSAY_E_RANGE);
    commit_with(SIGNED "commit/signatures/1", "block_id_flag", json_integer(0), ASSAY_E_RANGE);
    commit_with(SIGNED "commit/signatures/1", "block_id_flag", json_integer(4), ASSAY_E_RANGE);
}

static void lengths(void **state) {
    (void)state;
    static const char *const hashes[] = {"last_commit_hash", "data_hash", "validators_hash", "next_validators_hash",
                                         "consensus_hash",   "app_hash",  "evidence_hash",   "last_results_hash"};
    char hex[68];
    memset(hex, 'A', sizeof hex);
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        commit_with(SIGNED "header", hashes[i], json_stringn(hex, 62), ASSAY_E_ENCODING);
        commit_with(SIGNED "header", hashes[i], json_stringn(hex, 63), ASSAY_E_ENCODING);
        commit_with(SIGNED "header", hashes[i], json_stringn(hex, 66), ASSAY_E_ENCODING);
        commit_with(SIGNED "header", hashes[i], json_stringn(hex, 64), ASSAY_E_COMMIT); /* some hash, not its own */
    }
    commit_with(SIGNED "header", "proposer_address", json_stringn(hex, 42), ASSAY_E_ENCODING);
    commit_with(SIGNED "header", "proposer_address", json_stringn(hex, 40), ASSAY_E_COMMIT);
    commit_with(SIGNED "header", "chain_id", json_stringn(hex, ASSAY_CHAIN_ID_LEN_MAX), ASSAY_E_COMMIT);
    commit_with(SIGNED "header", "chain_id", json_stringn(hex, ASSAY_CHAIN_ID_LEN_MAX + 1), ASSAY_E_RANGE);
    commit_with(SIGNED "commit/block_id", "hash", json_stringn(hex, 64), ASSAY_E_COMMIT);
    commit_with(SIGNED "commit/block_id", "hash", json_string(""), ASSAY_E_COMMIT);
    commit_with(SIGNED "commit/signatures/1", "signature", json_string("AAAA"), ASSAY_E_ENCODING);
    commit_with(SIGNED "commit/signatures/1", "validator_address", json_stringn(hex, 38), ASSAY_E_ENCODING);
}

static json_t *rows(const json_t *row, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(list, json_deep_copy(row));
    return list;
}

static void counts(void **state) {
    (void)state;
    json_t *root = vector("commit"), *row = json_deep_copy(at(root, SIGNED "commit/signatures/1"));
    commit_with(SIGNED "commit", "signatures", rows(row, ASSAY_VALIDATORS_MAX), ASSAY_OK);
    commit_with(SIGNED "commit", "signatures", rows(row, ASSAY_VALIDATORS_MAX + 1), ASSAY_E_ENCODING);
    json_decref(row);
    json_decref(root);
    uint32_t count = 0;
    root = vector("validators");
    OK(read_validators(root, 4, &count));
    count = 0;
    assert_int_equal(read_validators(root, 3, &count), ASSAY_E_LIMIT);
    /* A page that is added to one before it, and has no room. */
    count = 1;
    assert_int_equal(read_validators(root, 4, &count), ASSAY_E_LIMIT);
    /* More rows than there are said to be. */
    count = 0;
    json_object_set_new(at(root, "result"), "total", json_string("3"));
    assert_int_equal(read_validators(root, 8, &count), ASSAY_E_ENCODING);
    json_object_set_new(at(root, "result"), "total", json_string("4294967300")); /* 4, in 32 bits */
    count = 0;
    assert_int_equal(read_validators(root, 8, &count), ASSAY_E_LIMIT);
    json_decref(root);
}

/* A machine that is short of memory says so, and not that the answer is wrong. */
static void no_memory(void **state) {
    (void)state;
    json_t *root = vector("commit");
    char *text = json_dumps(root, JSON_COMPACT);
    assay_header header;
    assay_commit commit;
    assay_arena keep = assay_base_arena(memory, 200);
    assert_int_equal(assay_comet_read_commit(&header, &commit, &keep, assay_base_bytes_str(text)), ASSAY_F_MEMORY);
    free(text);
    json_decref(root);
}

/* ---- what a parser would cost ------------------------------------------------------------------------------------ */

static assay_bytes repeated(const char *before, const char *piece, const char *after, size_t count) {
    static char text[16 << 20];
    size_t len = strlen(piece), used = strlen(before);
    assert_true(used + count * len + strlen(after) < sizeof text);
    memcpy(text, before, used);
    for (size_t i = 0; i < count; i++, used += len) memcpy(text + used, piece, len);
    memcpy(text + used, after, strlen(after) + 1);
    return (assay_bytes){(const uint8_t *)text, used + strlen(after)};
}

static void costs_too_much(assay_bytes text) {
    assay_header header;
    assay_commit commit;
    assay_validator list[4];
    uint32_t count = 0, total;
    assay_arena keep = arena();
    assert_int_equal(assay_comet_json_bound(text), ASSAY_E_LIMIT);
    assert_int_equal(assay_comet_read_commit(&header, &commit, &keep, text), ASSAY_E_LIMIT);
    assert_int_equal(assay_comet_read_validators(list, &count, 4, &total, text), ASSAY_E_LIMIT);
}

static void bounds(void **state) {
    (void)state;
    costs_too_much(repeated("{\"result\":", "[", "", 2 * MIB));      /* the stack */
    costs_too_much(repeated("[", "{},", "{}]", 5 * MIB));            /* the heap: 1.2 GiB of it */
    costs_too_much(repeated("{\"result\":[", "0,", "0]}", 7 * MIB)); /* members of one list */
    /* Both sides of each limit. What stands in a string is no bracket, and what it quotes does not end it. */
    OK(assay_comet_json_bound(repeated("", "[", "]", ASSAY_COMET_DEPTH_MAX)));
    assert_int_equal(assay_comet_json_bound(repeated("", "[", "]", ASSAY_COMET_DEPTH_MAX + 1)), ASSAY_E_LIMIT);
    OK(assay_comet_json_bound(repeated("", "[],", "", ASSAY_COMET_VALUES_MAX / 2 - 1)));
    assert_int_equal(assay_comet_json_bound(repeated("", "[],", "", ASSAY_COMET_VALUES_MAX / 2)), ASSAY_E_LIMIT);
    OK(assay_comet_json_bound(repeated("[\"", "[{\\\",", "\"]", MIB)));
    assert_int_equal(assay_comet_json_bound(repeated("[\"\\\\\"", "[", "", ASSAY_COMET_DEPTH_MAX)), ASSAY_E_LIMIT);
    OK(assay_comet_json_bound(ASSAY_STR("")));
    OK(assay_comet_json_bound(ASSAY_STR("\"\\"))); /* ends where an escape begins: the parser's to refuse */
}

/* ---- an RPC ------------------------------------------------------------------------------------------------------ */

typedef struct canned {
    const char *post, *status, *net_info;
    uint32_t asked; /* requests so far */
} canned;

static void answer_post(void *context, const assay_http_request *request, assay_http_response *response) {
    canned *c = context;
    (void)request;
    c->asked++;
    response->body = assay_base_bytes_str(c->post);
}

static void answer_status(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)request;
    response->body = assay_base_bytes_str(((canned *)context)->status);
}

static void answer_net_info(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)request;
    response->body = assay_base_bytes_str(((canned *)context)->net_info);
}

typedef struct rpc {
    canned answers;
    assay_http_server *server;
    assay_comet *comet;
} rpc;

static int rpc_begin(void **state) {
    static const assay_http_route routes[] = {
        {ASSAY_HTTP_POST, "/", answer_post, MIB, MIB, ASSAY_HTTP_WORKS},
        {ASSAY_HTTP_GET, "/status", answer_status, 0, MIB, ASSAY_HTTP_WORKS},
        {ASSAY_HTTP_GET, "/net_info", answer_net_info, 0, MIB, ASSAY_HTTP_WORKS},
    };
    rpc *r = calloc(1, sizeof *r);
    const char *why;
    uint16_t port;
    char url[64];
    *state = r;
    OK(assay_http_start(&r->server, &port, &why, "127.0.0.1", 0, routes, 3, &r->answers,
                        (assay_http_limits){.workers = 1}));
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    OK(assay_comet_open(&r->comet, url, 5));
    return 0;
}

static int rpc_end(void **state) {
    rpc *r = *state;
    assay_comet_close(r->comet);
    assay_http_stop(r->server);
    free(r);
    return 0;
}

/* The verdict on the first of two when the RPC answers so. */
static assay_err first_verdict(rpc *r, const char *answer) {
    const assay_bytes txs[] = {ASSAY_STR("one"), ASSAY_STR("two")};
    assay_err verdicts[2];
    r->answers.post = answer;
    OK(assay_comet_submit(r->comet, verdicts, txs, 2, arena()));
    return verdicts[0];
}

static void verdicts(void **state) {
    rpc *r = *state;
    assert_int_equal(first_verdict(r, "[{\"id\":0,\"result\":{\"code\":0}}]"), ASSAY_OK);
    assert_int_equal(first_verdict(r, "[{\"id\":0,\"result\":{\"code\":41}}]"), ASSAY_E_FEE);
    /* A number that is none of ours is nobody's consent, whatever its low bits are. */
    static const char *const codes[] = {"4294967296", "-4294967296", "-1", "256", "9223372036854775807",
                                        "\"0\"",      "0.0",         "[]", "null"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        char text[128];
        snprintf(text, sizeof text, "[{\"id\":0,\"result\":{\"code\":%s}}]", codes[i]);
        if (first_verdict(r, text) != ASSAY_F_BUSY) fail_msg("code %s is taken for a verdict", codes[i]);
    }
    /* What names no transaction is of none: not of the first. */
    static const char *const strangers[] = {
        "[{\"result\":{\"code\":0}}]",
        "[{\"id\":null,\"result\":{\"code\":0}}]",
        "[{\"id\":\"0\",\"result\":{\"code\":0}}]",
        "[{\"id\":0.0,\"result\":{\"code\":0}}]",
        "[{\"id\":-1,\"result\":{\"code\":0}}]",
        "[{\"id\":2,\"result\":{\"code\":0}}]",
        "[{\"id\":4294967296,\"result\":{\"code\":0}}]",
        "{\"id\":-1,\"error\":{\"code\":-32700,\"message\":\"Parse error\"}}",
        "[[0,{\"code\":0}],0,\"0\",null]",
        "[]",
        "{}",
    };
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        if (first_verdict(r, strangers[i]) != ASSAY_F_BUSY) fail_msg("%s is a verdict", strangers[i]);
    assert_int_equal(first_verdict(r, "[{\"id\":0,\"result\":{\"code\":0}},{\"result\":{\"code\":5}}]"), ASSAY_OK);
    /* Nothing to hand in asks nobody. */
    uint32_t before = r->answers.asked;
    OK(assay_comet_submit(r->comet, NULL, NULL, 0, arena()));
    assert_int_equal(r->answers.asked, before);
}

/* Go's decoder takes a member whose name differs in letter case for the same member, the last one counting
 * (encoding/json). A request that reads one way here and another way there may ask for anything. */
static void relayed(void **state) {
    rpc *r = *state;
    assay_bytes answer;
    assay_arena keep = arena();
    r->answers.post = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
    static const char *const plain[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"health\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"commit\",\"params\":{\"height\":\"3\"}}",
        "{\"method\":\"status\",\"params\":[],\"id\":null}",
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        OK(assay_comet_relay(r->comet, &answer, &keep, assay_base_bytes_str(plain[i])));
    uint32_t before = r->answers.asked;
    static const char *const folded[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"health\",\"Method\":\"genesis\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"METHOD\":\"genesis\",\"method\":\"health\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"health\",\"metho\\u0044\":\"genesis\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"health\",\"method\":\"genesis\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"health\",\"further\":1}",
    };
    for (size_t i = 0; i < sizeof folded / sizeof *folded; i++)
        if (assay_comet_relay(r->comet, &answer, &keep, assay_base_bytes_str(folded[i])) != ASSAY_E_ENCODING)
            fail_msg("%s is passed on", folded[i]);
    static const char *const none[] = {"", "0", "\"health\"", "{}", "{\"method\":1}", "{\"method\":\"health\"}x"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(assay_comet_relay(r->comet, &answer, &keep, assay_base_bytes_str(none[i])), ASSAY_E_ENCODING);
    assert_int_equal(assay_comet_relay(r->comet, &answer, &keep, repeated("{\"method\":", "[", "", 4000)),
                     ASSAY_E_ENCODING);
    static const char *const others[] = {"healthy", "Health", "", "commit ", "genesis", "broadcast_tx_sync"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char text[96];
        snprintf(text, sizeof text, "{\"method\":\"%s\"}", others[i]);
        assert_int_equal(assay_comet_relay(r->comet, &answer, &keep, assay_base_bytes_str(text)), ASSAY_E_UNAUTHORIZED);
    }
    assert_int_equal(r->answers.asked, before); /* none of it got there */
}

#define STATUS(height, catching_up)                                                                                    \
    "{\"result\":{\"node_info\":{\"id\":\"0123456789abcdef0123456789abcdef01234567\",\"version\":\"0.38.25\"},"        \
    "\"sync_info\":{\"latest_block_height\":" height ",\"catching_up\":" catching_up "}}}"
#define PEERS(count) "{\"result\":{\"n_peers\":" count "}}"

static assay_err status_of(rpc *r, const char *status, const char *net_info, assay_comet_status *out) {
    r->answers.status = status;
    r->answers.net_info = net_info;
    return assay_comet_status_get(r->comet, out, arena());
}

static void status(void **state) {
    rpc *r = *state;
    assay_comet_status s;
    OK(status_of(r, STATUS("\"77\"", "true"), PEERS("\"3\""), &s));
    assert_string_equal(s.node_id, "0123456789abcdef0123456789abcdef01234567");
    assert_string_equal(s.version, "0.38.25");
    assert_int_equal(s.height, 77);
    assert_true(s.catching_up);
    /* One question alone. */
    char id[ASSAY_COMET_ID_LEN + 1];
    bool behind = false;
    OK(assay_comet_who(r->comet, id, arena()));
    assert_string_equal(id, s.node_id);
    OK(assay_comet_level(r->comet, &behind, arena()));
    assert_true(behind);
    assert_int_equal(s.peers, 3);
    OK(status_of(r, STATUS("\"9223372036854775807\"", "false"), PEERS("\"4294967295\""), &s));
    assert_false(s.catching_up);
    assert_int_equal(s.peers, UINT32_MAX);
    assert_int_equal(status_of(r, STATUS("\"1\"", "false"), PEERS("\"4294967296\""), &s), ASSAY_E_RANGE);
    assert_int_equal(status_of(r, STATUS("\"9223372036854775808\"", "false"), PEERS("\"3\""), &s), ASSAY_E_RANGE);
    assert_int_equal(status_of(r, STATUS("77", "false"), PEERS("\"3\""), &s), ASSAY_E_ENCODING);
    /* A node that does not say is not one that has caught up. */
    assert_int_equal(status_of(r, STATUS("\"1\"", "null"), PEERS("\"3\""), &s), ASSAY_E_ENCODING);
    assert_int_equal(status_of(r, STATUS("\"1\"", "\"true\""), PEERS("\"3\""), &s), ASSAY_E_ENCODING);
    assert_int_equal(status_of(r, STATUS("\"1\"", "false"), "nonsense", &s), ASSAY_E_ENCODING);
    assert_int_equal(status_of(r, "{\"error\":{\"message\":\"starting\"}}", PEERS("\"3\""), &s), ASSAY_F_BUSY);
}

/* ---- a home ------------------------------------------------------------------------------------------------------ */

static assay_comet_home home_in(const char *directory) {
    return (assay_comet_home){.directory = directory,
                              .moniker = "me",
                              .chain_id = "acme-0123456789ab",
                              .genesis = ASSAY_STR("genesis bytes"),
                              .app_version = 1,
                              .evidence_blocks = 20,
                              .evidence_seconds = 3600,
                              .abci = "unix://abci.sock",
                              .rpc = "tcp://127.0.0.1:1",
                              .p2p = "tcp://127.0.0.1:2",
                              .peers = ""};
}

static bool file_holds(const char *directory, const char *name, const char *words) {
    static uint8_t room[1 << 20];
    char path[512];
    assay_bytes text;
    assay_arena keep = assay_base_arena(room, sizeof room);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    OK(assay_os_read_whole(&text, &keep, path, sizeof room / 2));
    return memmem(text.ptr, text.len, words, strlen(words)) != NULL;
}

static void a_home(void **state) {
    (void)state;
    static char longest[100001];
    assay_arena keep = arena();
    const char *directory;
    OK(assay_os_temp_dir(&directory, &keep, "assay-comet", true));
    /* A quote in any text, not only in the moniker. */
    assay_comet_home home = home_in(directory);
    home.external = home.signer = home.sync_servers = "";
    const char **const texts[] = {&home.moniker,  &home.chain_id, &home.abci,  &home.rpc,         &home.p2p,
                                  &home.external, &home.signer,   &home.peers, &home.sync_servers};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *before = *texts[i];
        static const char *const bad[] = {"a\"b", "a\\b", "a\nb", "a\tb", "\x01", "\x7f"};
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
            *texts[i] = bad[k];
            assert_int_equal(assay_comet_home_write(&home, keep), ASSAY_E_NAME);
        }
        *texts[i] = before;
    }
    /* However long a text is: it is an input, and no reason to stop the process. */
    home = home_in(directory);
    memset(longest, 'x', sizeof longest - 1);
    home.moniker = home.external = longest;
    OK(assay_comet_home_write(&home, keep));
    /* Go counts a duration in nanoseconds, 63 bits of them; the ledger allows 2^40 seconds. */
    home = home_in(directory);
    home.sync_servers = "http://a,http://b";
    home.evidence_seconds = home.sync_seconds = (uint64_t)1 << 40;
    OK(assay_comet_home_write(&home, keep));
    assert_true(file_holds(directory, "config/genesis.json", "\"max_age_duration\":\"9223372036000000000\""));
    assert_true(file_holds(directory, "config/config.toml", "trust_period = \"9223372036s\"\n"));
    home.evidence_seconds = home.sync_seconds = 9223372036;
    OK(assay_comet_home_write(&home, keep));
    assert_true(file_holds(directory, "config/genesis.json", "\"max_age_duration\":\"9223372036000000000\""));
    home.evidence_seconds = home.sync_seconds = 9223372035;
    OK(assay_comet_home_write(&home, keep));
    assert_true(file_holds(directory, "config/genesis.json", "\"max_age_duration\":\"9223372035000000000\""));
    assert_true(file_holds(directory, "config/config.toml", "trust_period = \"9223372035s\"\n"));
    OK(assay_os_remove_tree(directory));
}

int main(void) {
#define RPC_TEST(name) cmocka_unit_test_setup_teardown(name, rpc_begin, rpc_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),   cmocka_unit_test(lengths), cmocka_unit_test(counts),
        cmocka_unit_test(no_memory), cmocka_unit_test(bounds),  RPC_TEST(verdicts),
        RPC_TEST(relayed),           RPC_TEST(status),          cmocka_unit_test(a_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
