/* SPDX-License-Identifier: Apache-2.0
 *
 * What the API does with those who ask too much, ask and go away, or ask when nobody is left to answer. */
#include "devnet_internal.h"

static void who_gave_up_is_forgotten(void **state) {
    (void)state;
    validator *v = calloc(1, sizeof *v);
    /* Ten thousand ask and go away: the list does not grow beyond its bound. */
    for (int i = 0; i < 10000; i++) {
        submission *s = submission_new(true);
        waiting_put(v, s);
        submission_drop(s);
        assert_true(v->waiting_count <= WAITING_MAX);
    }
    uint8_t bytes[] = "a transaction";
    assay_bytes tx = {bytes, sizeof bytes};
    submission *patient = submission_new(true);
    patient->id = assay_tx_id(tx);
    waiting_put(v, patient);
    assay_block block = {.header.height = 7, .txs = &tx, .txs_count = 1};
    assay_tx_result code = {.code = ASSAY_E_FUNDS};
    assay_ledger_result result = {.results = &code, .results_count = 1};
    waiting_tell(v, &block, &result);
    assert_int_equal(v->waiting_count, 0);
    assert_true(submission_wait(patient, 0));
    assert_int_equal(patient->err, ASSAY_E_FUNDS);
    assert_int_equal(patient->height, 7);
    submission_drop(patient);
    /* All are patient: who comes too late is told so, and the others keep their places. */
    submission **all = calloc(WAITING_MAX + 1, sizeof(submission *));
    for (uint32_t i = 0; i <= WAITING_MAX; i++) {
        all[i] = submission_new(true);
        waiting_put(v, all[i]);
        assert_int_equal(submission_wait(all[i], 0), i == WAITING_MAX);
    }
    assert_int_equal(all[WAITING_MAX]->err, ASSAY_F_BUSY);
    waiting_end(v);
    for (uint32_t i = 0; i <= WAITING_MAX; i++) {
        assert_true(submission_wait(all[i], 0));
        submission_drop(all[i]);
    }
    free(all);
    free(v);
}

typedef struct waiter {
    uint16_t port;
    assay_bytes tx;
    uint32_t status;
    assay_os_thread thread;
} waiter;

static void wait_for_a_block(void *context) {
    waiter *w = context;
    assay_http_client *client;
    uint8_t memory[16384];
    char url[64];
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    assay_http_reply reply;
    assay_os_format(url, sizeof url, "http://127.0.0.1:%u", w->port);
    if (assay_http_client_open(&client, url, 30) != ASSAY_OK) return;
    if (assay_http_call(client, &reply, &arena, ASSAY_HTTP_POST, "/transactions", w->tx, "application/octet-stream",
                        8192) == ASSAY_OK)
        w->status = reply.status;
    assay_http_client_close(client);
}

#define WAITERS 40

/* Forty wait for a block that cannot come while one of two validators is away; everybody else is served meanwhile. */
static void those_who_wait_hold_up_nobody(void **state) {
    (void)state;
    static waiter list[WAITERS];
    net n = {0};
    net_open(&n, 2, true);
    assay_arena keep = test_memory(&n);
    assay_key_secret secret = key_of(&n, "keys/account0.key");
    assay_msg_send send = {.to = {{1}}, .amount = 1};
    fault(&n, "kill", 1);
    for (uint32_t i = 0; i < WAITERS; i++) {
        list[i] = (waiter){.port = assay_node_look(n.node).port};
        list[i].tx = signed_tx(&n, (assay_tx_body){.send = &send}, &secret, i, &keep);
    }
    for (uint32_t i = 0; i < WAITERS; i++) {
        assert_int_equal(assay_os_thread_start(&list[i].thread, "waiter", 0, wait_for_a_block, &list[i]), ASSAY_OK);
        while (integer(&n, "/status", "mempool") <= i) assay_os_sleep_ns(1000000); /* nonces come in order */
    }
    uint64_t begun = assay_os_monotonic_ns();
    for (int i = 0; i < 20; i++) json_decref(get(&n, "/validators"));
    assert_true(assay_os_monotonic_ns() - begun < 5000000000ull);
    fault(&n, "revive", 1);
    for (uint32_t i = 0; i < WAITERS; i++) {
        assay_os_thread_join(&list[i].thread);
        assert_int_equal(list[i].status, 200);
    }
    assert_int_equal(nonce_of(&n, &secret), WAITERS);
    net_close(&n);
}

static void put_delimited(assay_buf *out, assay_bytes tx) {
    assert_int_equal(assay_codec_put_varint(out, tx.len), ASSAY_OK);
    assert_int_equal(assay_base_buf_put(out, tx), ASSAY_OK);
}

static void a_batch_is_taken_whole_or_not_at_all(void **state) {
    (void)state;
    net n = {0};
    net_open(&n, 1, true);
    assay_arena keep = test_memory(&n);
    assay_key_secret secret = key_of(&n, "keys/account0.key");
    assay_msg_send send = {.to = {{1}}, .amount = 1};
    assay_buf out = {ASSAY_NEW(&keep, uint8_t, 65536), 0, 65536};
    for (uint64_t i = 0; i < 10; i++)
        put_delimited(&out, signed_tx(&n, (assay_tx_body){.send = &send}, &secret, i, &keep));
    /* Cut short: nothing of it was handed in. */
    refused(&n, ASSAY_HTTP_POST, "/transactions/batch", (assay_bytes){out.ptr, out.len - 1}, 400, "E1");
    refused(&n, ASSAY_HTTP_POST, "/transactions/batch", (assay_bytes){NULL, 0}, 400, "E1");
    refused(&n, ASSAY_HTTP_POST, "/transactions/batch", ASSAY_STR("\x80\x00"), 400, "E1");
    assert_int_equal(integer(&n, "/status", "mempool"), 0);
    assert_int_equal(nonce_of(&n, &secret), 0);
    put_delimited(&out, ASSAY_STR("none"));
    json_t *json = expect(&n, ASSAY_HTTP_POST, "/transactions/batch", (assay_bytes){out.ptr, out.len}, 202);
    assert_int_equal(json_integer_value(json_object_get(json, "admitted")), 10);
    json_t *one = json_array_get(json_object_get(json, "refused"), 0);
    assert_int_equal(json_integer_value(json_object_get(one, "index")), 10);
    assert_string_equal(json_string_value(json_object_get(one, "code")), "E1");
    json_decref(json);
    while (nonce_of(&n, &secret) < 10) assay_os_sleep_ns(20000000);
    /* More than a batch may hold, in less than a MiB. */
    uint8_t *small = ASSAY_NEW(&keep, uint8_t, 2 * 8193);
    for (size_t i = 0; i < 8193; i++) small[2 * i] = 1;
    refused(&n, ASSAY_HTTP_POST, "/transactions/batch", (assay_bytes){small, 2 * 8193}, 413, "E54");
    net_close(&n);
}

/* "name{...} value" or "name value": the value, or -1. */
static double sample(const char *text, const char *name) {
    size_t len = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, name, len) == 0 && line[len] == ' ') return strtod(line + len, NULL);
    return -1;
}

static char *metrics(net *n) {
    answer a = ask(n, ASSAY_HTTP_GET, "/metrics", (assay_bytes){NULL, 0});
    assert_int_equal(a.status, 200);
    char *text = calloc(1, a.body.len + 1);
    memcpy(text, a.body.ptr, a.body.len);
    assert_true(a.body.len > 0 && text[a.body.len - 1] == '\n');
    return text;
}

static void a_monitor_is_told_also_when_nobody_runs(void **state) {
    (void)state;
    static const char *const names[] = {
        "assay_consensus_height{validator=\"0\"}",
        "assay_consensus_round{validator=\"3\"}",
        "assay_consensus_validators",
        "assay_consensus_validators_power",
        "assay_consensus_missing_validators",
        "assay_validator_running{validator=\"1\"}",
        "assay_blocks_total{validator=\"0\"}",
        "assay_transactions_total{validator=\"0\"}",
        "assay_mempool_transactions{validator=\"0\"}",
        "assay_inbox_dropped_total{validator=\"0\"}",
        "assay_model_bytes{validator=\"0\"}",
        "assay_attestations_total",
        "assay_penalties_total",
        "assay_supply_units",
        "assay_burned_units_total",
        "assay_store_bytes",
        "assay_http_requests_total{class=\"2xx\"}",
        "assay_http_refused_total",
        "assay_http_connections",
        "assay_build_info{version=\"0.1.0\"}",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    };
    net n = {0};
    net_open(&n, 4, true);
    json_decref(get(&n, "/status"));
    char *text = metrics(&n);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sample(text, names[i]) < 0) fail_msg("%s is missing", names[i]);
    assert_true(sample(text, "assay_consensus_validators") == 4);
    free(text);
    for (unsigned i = 0; i < 4; i++) fault(&n, "kill", i);
    text = metrics(&n);
    assert_true(sample(text, "assay_validator_running{validator=\"2\"}") == 0);
    assert_true(sample(text, "process_resident_memory_bytes") > 0);
    assert_true(sample(text, "assay_consensus_validators") < 0);
    free(text);
    refused(&n, ASSAY_HTTP_GET, "/metrics?validator=9", (assay_bytes){NULL, 0}, 404, "E9");
    refused(&n, ASSAY_HTTP_GET, "/healthz", (assay_bytes){NULL, 0}, 503, "F134");
    refused(&n, ASSAY_HTTP_GET, "/status", (assay_bytes){NULL, 0}, 503, "F134");
    refused(&n, ASSAY_HTTP_GET, "/models", (assay_bytes){NULL, 0}, 503, "F134");
    for (unsigned i = 0; i < 4; i++) fault(&n, "revive", i);
    json_decref(get(&n, "/status"));
    net_close(&n);
}

/* A page in somebody's browser may write to this machine; what needs no asking first is not taken. */
static void orders_are_json(void **state) {
    (void)state;
    net n = {0};
    net_open(&n, 1, true);
    const assay_bytes order = ASSAY_STR("{\"kind\":\"kill\",\"validator\":0}");
    static const char *const types[] = {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
                                        "application/jsonx", "x"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_int_equal(ask_as(&n, ASSAY_HTTP_POST, "/faults", order, types[i]).status, 415);
    json_decref(get(&n, "/status"));
    assert_int_equal(ask_as(&n, ASSAY_HTTP_POST, "/faults", order, "application/json; charset=utf-8").status, 200);
    net_close(&n);
    net_open(&n, 1, false); /* no devnet: nobody misbehaves on order */
    refused(&n, ASSAY_HTTP_POST, "/faults", order, 403, "E45");
    net_close(&n);
}

/* Pages: their bounds, and the numbers that JSON's readers cannot hold. */
static void pages_are_bounded(void **state) {
    (void)state;
    net n = {0};
    net_open(&n, 1, true);
    static const struct {
        const char *path;
        uint32_t status;
        const char *code;
    } cases[] = {
        {"/blocks?limit=0", 400, "E2"},
        {"/blocks?limit=201", 400, "E2"},
        {"/blocks?limit=-1", 400, "E1"},
        {"/blocks?before=9223372036854775808", 400, "E2"},
        {"/blocks?before=99999999999999999999", 400, "E1"},
        {"/models?after=", 400, "E5"},
        {"/models?after=NO/name", 400, "E5"},
        {"/models?limit=1001", 400, "E2"},
        {"/attestations?limit=201", 400, "E2"},
        {"/penalties?limit=1001", 400, "E2"},
        {"/log/consistency?old=2&new=1", 400, "E2"},
        {"/log/consistency?new=1", 400, "E2"},
        {"/status?validator=18446744073709551615", 404, "E9"},
        {"/blocks/9223372036854775808", 400, "E2"},
        {"/validators/00", 400, "E1"},
        {"/blocks/latest?format=", 400, "E1"},
        {"/blocks/latest?limit=&format=xml", 400, "E1"},
        {"/blocks?limit=", 400, "E1"},
        {"/status?validator=", 400, "E1"},
        {"/validators/9223372036854775808", 400, "E1"},
        {"/transactions/zz", 400, "E1"},
        {"/certificates/sha256/zz", 400, "E1"},
        {"/proofs/0", 400, "E1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(&n, ASSAY_HTTP_GET, cases[i].path, (assay_bytes){NULL, 0}, cases[i].status, cases[i].code);
    json_t *json = get(&n, "/blocks?before=0");
    assert_int_equal(json_array_size(json_object_get(json, "blocks")), 0);
    json_decref(json);
    json = get(&n, "/blocks?before=9223372036854775807&limit=1");
    assert_int_equal(json_array_size(json_object_get(json, "blocks")), 1);
    json_decref(json);
    net_close(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_gave_up_is_forgotten),
        cmocka_unit_test(those_who_wait_hold_up_nobody),
        cmocka_unit_test(a_batch_is_taken_whole_or_not_at_all),
        cmocka_unit_test(a_monitor_is_told_also_when_nobody_runs),
        cmocka_unit_test(orders_are_json),
        cmocka_unit_test(pages_are_bounded),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
