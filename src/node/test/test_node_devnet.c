/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole devnet in this process, spoken to over its real HTTP port: blocks, transactions, a kill and a return, a
 * double signature, a restart. */
#include "../node_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

static uint8_t memory[8 << 20];

typedef struct net {
    assay_node *node;
    assay_http_client *client;
} net;

static void log_line(void *context, const char *line) {
    (void)context;
    printf("    %s\n", line);
}

static net start(uint32_t validators, const char *data) {
    net n;
    char why[256], url[64];
    assay_node_config config = {.validators = validators, .data = data, .faults = true, .log = log_line};
    assay_err err = assay_node_start(&n.node, &config, why, sizeof why);
    if (err != ASSAY_OK) printf("%s: %s\n", assay_base_err_text(err), why);
    assert_int_equal(err, ASSAY_OK);
    assay_os_format(url, sizeof url, "http://127.0.0.1:%u", assay_node_look(n.node).port);
    assert_int_equal(assay_http_client_open(&n.client, url, 30), ASSAY_OK);
    return n;
}

static void stop(net *n) {
    assay_http_client_close(n->client);
    assay_node_stop(n->node);
}

static json_t *call(net *n, assay_http_method method, const char *path, assay_bytes body, uint32_t status) {
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    assay_http_reply reply;
    const char *type = strcmp(path, "/faults") == 0 ? NULL : "application/octet-stream";
    assert_int_equal(assay_http_call(n->client, &reply, &arena, method, path, body, type, sizeof memory / 2), ASSAY_OK);
    if (reply.status != status)
        printf("%s: %u %.*s\n", path, reply.status, (int)reply.body.len, (const char *)reply.body.ptr);
    assert_int_equal(reply.status, status);
    json_t *json = json_loadb((const char *)reply.body.ptr, reply.body.len, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *get(net *n, const char *path) { return call(n, ASSAY_HTTP_GET, path, (assay_bytes){NULL, 0}, 200); }

static uint64_t height_of(net *n, const char *path) {
    json_t *json = get(n, path);
    uint64_t height = (uint64_t)json_integer_value(json_object_get(json, "height"));
    json_decref(json);
    return height;
}

static void await_height(net *n, const char *path, uint64_t height) {
    for (int tries = 0; tries < 600; tries++) {
        if (height_of(n, path) >= height) return;
        assay_os_sleep_ns(50000000);
    }
    fail_msg("height %llu was not reached", (unsigned long long)height);
}

static assay_bytes transfer(net *n, uint32_t account, uint64_t nonce, uint64_t amount, assay_arena *keep) {
    assay_key_secret secret;
    char path[600];
    assay_os_format(path, sizeof path, "%s/keys/account%u.key", assay_node_look(n->node).data, account);
    assert_int_equal(assay_node_key_load(&secret, path, false), ASSAY_OK);
    assay_msg_send send = {.to = {{1, 2, 3}}, .amount = amount};
    assay_tx_body body = {
        .format = 1, .chain_id = assay_base_bytes_str(n->node->chain_id), .nonce = nonce, .fee = 100000, .send = &send};
    assay_buf out = {ASSAY_NEW(keep, uint8_t, 2048), 0, 2048};
    assert_int_equal(assay_tx_sign(&out, &body, &secret, *keep), ASSAY_OK);
    return (assay_bytes){out.ptr, out.len};
}

static void submit(net *n, uint32_t account, uint64_t nonce, uint64_t amount, uint32_t status, const char *code) {
    static uint8_t room[65536];
    assay_arena keep = assay_base_arena(room, sizeof room);
    json_t *json = call(n, ASSAY_HTTP_POST, "/transactions", transfer(n, account, nonce, amount, &keep), status);
    assert_string_equal(json_string_value(json_object_get(json, "code")), code);
    if (status == 200) assert_true(json_integer_value(json_object_get(json, "height")) > 0);
    json_decref(json);
}

static uint64_t amount_of(const json_t *json, const char *key) {
    return strtoull(json_string_value(json_object_get(json, key)), NULL, 10);
}

static void one_validator_decides_alone(void **state) {
    (void)state;
    net n = start(1, NULL);
    submit(&n, 0, 0, 5, 200, "E0");
    submit(&n, 0, 0, 5, 409, "E40");
    submit(&n, 0, 1, 7, 200, "E0");
    char address[ASSAY_ADDRESS_TEXT_LEN + 1], path[80];
    assay_codec_address_put(address, (assay_address){{1, 2, 3}});
    assay_os_format(path, sizeof path, "/accounts/%s", address);
    json_t *account = get(&n, path);
    assert_string_equal(json_string_value(json_object_get(account, "balance")), "12");
    json_decref(account);
    stop(&n);
}

static void four_survive_a_kill_and_slash_a_double_signature(void **state) {
    (void)state;
    net n = start(4, NULL);
    json_t *before = get(&n, "/status");
    uint64_t total = amount_of(before, "supply") + amount_of(before, "burned");
    json_decref(before);
    for (uint64_t i = 0; i < 5; i++) submit(&n, 1, i, 1, 200, "E0");
    json_decref(call(&n, ASSAY_HTTP_POST, "/faults", ASSAY_STR("{\"kind\":\"kill\",\"validator\":3}"), 200));
    uint64_t height = height_of(&n, "/status");
    for (uint64_t i = 5; i < 10; i++) submit(&n, 1, i, 1, 200, "E0");
    assert_true(height_of(&n, "/status") > height);
    json_decref(call(&n, ASSAY_HTTP_GET, "/status?validator=3", (assay_bytes){NULL, 0}, 503));
    json_decref(call(&n, ASSAY_HTTP_POST, "/faults", ASSAY_STR("{\"kind\":\"revive\",\"validator\":3}"), 200));
    await_height(&n, "/status?validator=3", height_of(&n, "/status"));
    json_decref(call(&n, ASSAY_HTTP_POST, "/faults", ASSAY_STR("{\"kind\":\"double-sign\",\"validator\":2}"), 200));
    json_t *penalties = NULL;
    for (int tries = 0; tries < 200; tries++) {
        penalties = get(&n, "/penalties");
        if (json_array_size(json_object_get(penalties, "penalties"))) break;
        json_decref(penalties);
        penalties = NULL;
        assay_os_sleep_ns(50000000);
    }
    assert_non_null(penalties);
    json_t *penalty = json_array_get(json_object_get(penalties, "penalties"), 0);
    assert_string_equal(json_string_value(json_object_get(penalty, "kind")), "double-sign");
    /* One of four equals pays three quarters. */
    assert_true(amount_of(penalty, "taken") * 4 == amount_of(penalty, "base_stake") * 3);
    assert_true(json_integer_value(json_object_get(penalty, "height")) -
                    json_integer_value(json_object_get(penalty, "fault_height")) <=
                2);
    json_decref(penalties);
    json_t *after = get(&n, "/status");
    assert_true(amount_of(after, "supply") + amount_of(after, "burned") == total);
    json_decref(after);
    submit(&n, 1, 10, 1, 200, "E0");
    stop(&n);
}

static void a_restart_goes_on(void **state) {
    (void)state;
    static uint8_t room[4096];
    assay_arena keep = assay_base_arena(room, sizeof room);
    const char *dir;
    assert_int_equal(assay_os_temp_dir(&dir, &keep, "assay-test-node-", false), ASSAY_OK);
    net n = start(4, dir);
    char chain_id[64], why[256];
    assay_os_format(chain_id, sizeof chain_id, "%s", assay_node_look(n.node).chain_id);
    for (uint64_t i = 0; i < 3; i++) submit(&n, 0, i, 1, 200, "E0");
    uint64_t height = height_of(&n, "/status");
    /* The directory is one process's, and one network's, at a time. */
    assay_node *second;
    assay_node_config config = {.validators = 4, .data = dir};
    assert_int_equal(assay_node_start(&second, &config, why, sizeof why), ASSAY_F_BUSY);
    stop(&n);
    n = start(1, dir); /* the number is the network's, not the call's */
    assert_string_equal(assay_node_look(n.node).chain_id, chain_id);
    assert_int_equal(assay_node_look(n.node).validators, 4);
    assert_true(assay_node_look(n.node).resumed);
    assert_true(height_of(&n, "/status") >= height);
    submit(&n, 0, 2, 1, 409, "E40");
    submit(&n, 0, 3, 1, 200, "E0");
    stop(&n);
    assert_int_equal(assay_os_remove_tree(dir), ASSAY_OK);
}

static void bad_words_get_clear_answers(void **state) {
    (void)state;
    net n = start(1, NULL);
    static const struct {
        assay_http_method method;
        const char *path, *body;
        uint32_t status;
        const char *code;
    } cases[] = {
        {ASSAY_HTTP_GET, "/blocks/0", "", 404, "E9"},
        {ASSAY_HTTP_GET, "/blocks/999999999", "", 404, "E9"},
        {ASSAY_HTTP_GET, "/blocks/x", "", 400, "E1"},
        {ASSAY_HTTP_GET, "/blocks/1?format=xml", "", 400, "E1"},
        {ASSAY_HTTP_GET, "/status?validator=7", "", 404, "E9"},
        {ASSAY_HTTP_GET, "/status?validator=x", "", 400, "E1"},
        {ASSAY_HTTP_GET, "/transactions/00", "", 400, "E1"},
        {ASSAY_HTTP_GET, "/accounts/assay1xyz", "", 400, "E1"},
        {ASSAY_HTTP_GET, "/models/UPPER/case", "", 400, "E5"},
        {ASSAY_HTTP_GET, "/models/a/b", "", 404, "E9"},
        {ASSAY_HTTP_GET, "/models/a/b/1", "", 404, "E9"},
        {ASSAY_HTTP_GET, "/certificates/a/b/1", "", 404, "E9"},
        {ASSAY_HTTP_GET, "/proofs/zz", "", 400, "E1"},
        {ASSAY_HTTP_GET, "/penalties/1", "", 404, "E9"},
        {ASSAY_HTTP_GET, "/attestations/0", "", 404, "E9"},
        {ASSAY_HTTP_GET, "/validators/9", "", 404, "E9"},
        {ASSAY_HTTP_POST, "/transactions", "nonsense", 400, "E1"},
        {ASSAY_HTTP_POST, "/transactions?wait=never", "", 400, "E1"},
        {ASSAY_HTTP_POST, "/transactions/batch", "\xff", 400, "E1"},
        {ASSAY_HTTP_POST, "/faults", "{", 400, "E1"},
        {ASSAY_HTTP_POST, "/faults", "{\"kind\":\"dance\",\"validator\":0}", 400, "E1"},
        {ASSAY_HTTP_POST, "/faults", "{\"kind\":\"kill\",\"validator\":3}", 400, "E2"},
        {ASSAY_HTTP_PUT, "/bytes/00/manifest", "x", 400, "E1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = call(&n, cases[i].method, cases[i].path, assay_base_bytes_str(cases[i].body), cases[i].status);
        assert_string_equal(json_string_value(json_object_get(json, "code")), cases[i].code);
        json_decref(json);
    }
    stop(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_validator_decides_alone),
        cmocka_unit_test(four_survive_a_kill_and_slash_a_double_signature),
        cmocka_unit_test(a_restart_goes_on),
        cmocka_unit_test(bad_words_get_clear_answers),
    };
    return cmocka_run_group_tests_name("devnet", tests, NULL, NULL);
}
