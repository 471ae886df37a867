/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against the real server, and against sockets that misbehave. */
#define _GNU_SOURCE /* setenv */
#include "raw_internal.h"

#include <signal.h>
#include <stdatomic.h>

static uint8_t memory[1 << 20];

static void echo(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    static const char *const names[] = {"", "GET", "POST", "PUT", "HEAD", "DELETE"};
    assay_buf buf;
    assay_bytes type = {NULL, 0};
    (void)assay_http_header(request, "content-type", &type);
    assay_json json = assay_http_json(request, &buf, 65536);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "method", names[request->method]);
    assay_json_text(&json, "path", request->path);
    assay_json_text(&json, "type", type);
    assay_json_text(&json, "body", request->body);
    assay_json_close(&json, '}');
    assay_http_json_done(request, response, &json);
}

static void bytes(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    uint64_t len = 0;
    if (assay_http_query_u64(request, "len", &len)) return;
    response->body = (assay_bytes){ASSAY_NEW(request->arena, uint8_t, len), len};
    response->content_type = "application/octet-stream";
}

static void missing(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    assay_http_problem(request, response, ASSAY_E_NOT_FOUND, "no");
}

static void elsewhere(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context, (void)request;
    response->status = 302;
    response->location = "/echo";
}

static void slow(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context, (void)response;
    for (int i = 0; i < 300 && !assay_http_stopping(request); i++) assay_os_sleep_ns(SECOND / 100);
}

static const assay_http_route routes[] = {
    {ASSAY_HTTP_GET, "/echo", echo, 0, 1 << 17, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_GET, "/base/echo/{a}", echo, 0, 1 << 17, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_POST, "/echo", echo, 1 << 16, 1 << 17, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_PUT, "/echo", echo, 1 << 16, 1 << 17, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_DELETE, "/echo", echo, 0, 1 << 17, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_POST, "/upload", bytes, 4 << 20, 4096, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_GET, "/bytes", bytes, 0, 1 << 20, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_GET, "/missing", missing, 0, 4096, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_GET, "/elsewhere", elsewhere, 0, 4096, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_GET, "/slow", slow, 0, 4096, ASSAY_HTTP_WAITS},
};

static assay_http_server *server;
static uint16_t port;

static int set_up(void **state) {
    (void)state;
    server = serve(&port, routes, sizeof routes / sizeof *routes, NULL, (assay_http_limits){0});
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    assay_http_stop(server);
    return 0;
}

static assay_http_client *client_of(uint16_t to, const char *base, uint32_t timeout) {
    char url[128];
    assay_http_client *client;
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", to, base);
    assert_int_equal(assay_http_client_open(&client, url, timeout), ASSAY_OK);
    return client;
}

static assay_err call(assay_http_client *client, assay_http_reply *reply, assay_http_method method, const char *path,
                      const char *body, size_t body_max) {
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    return assay_http_call(client, reply, &keep, method, path, assay_base_bytes_str(body), NULL, body_max);
}

static void check_body(const assay_http_reply *reply, const char *want) {
    if (!assay_base_bytes_eq(reply->body, assay_base_bytes_str(want)))
        fail_msg("%.*s", (int)reply->body.len, reply->body.ptr);
}

static void every_method_over_one_connection(void **state) {
    (void)state;
    assay_http_client *client = client_of(port, "", 5);
    assay_http_reply reply;
    uint64_t before = assay_http_count(server).requests;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/echo", NULL, 1000), ASSAY_OK);
        assert_int_equal(reply.status, 200);
        assert_true(reply.json);
        check_body(&reply, "{\"method\":\"GET\",\"path\":\"/echo\",\"type\":\"\",\"body\":\"\"}");
        assert_int_equal(call(client, &reply, ASSAY_HTTP_POST, "/echo", "some", 1000), ASSAY_OK);
        check_body(&reply, "{\"method\":\"POST\",\"path\":\"/echo\",\"type\":\"application/json\",\"body\":\"some\"}");
        assert_int_equal(call(client, &reply, ASSAY_HTTP_POST, "/echo", "", 1000), ASSAY_OK);
        check_body(&reply, "{\"method\":\"POST\",\"path\":\"/echo\",\"type\":\"application/json\",\"body\":\"\"}");
        assay_arena keep = assay_base_arena(memory, sizeof memory);
        assert_int_equal(
            assay_http_call(client, &reply, &keep, ASSAY_HTTP_PUT, "/echo", ASSAY_STR("x"), "text/plain", 1000),
            ASSAY_OK);
        check_body(&reply, "{\"method\":\"PUT\",\"path\":\"/echo\",\"type\":\"text/plain\",\"body\":\"x\"}");
        assert_int_equal(call(client, &reply, ASSAY_HTTP_DELETE, "/echo", NULL, 1000), ASSAY_OK);
        check_body(&reply, "{\"method\":\"DELETE\",\"path\":\"/echo\",\"type\":\"\",\"body\":\"\"}");
        assert_int_equal(call(client, &reply, ASSAY_HTTP_HEAD, "/echo", NULL, 1000), ASSAY_OK);
        assert_int_equal(reply.status, 200);
        assert_int_equal(reply.body.len, 0);
    }
    assert_int_equal(assay_http_count(server).connections, 1);
    assert_int_equal(assay_http_count(server).requests - before, 18);
    assay_http_client_close(client);
}

static void any_status_is_an_answer(void **state) {
    (void)state;
    assay_http_client *client = client_of(port, "", 5);
    assay_http_reply reply;
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/missing", NULL, 1000), ASSAY_OK);
    assert_int_equal(reply.status, 404);
    assert_true(reply.json);
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/elsewhere", NULL, 1000), ASSAY_OK);
    assert_int_equal(reply.status, 302); /* and nobody went there */
    assert_int_equal(call(client, &reply, ASSAY_HTTP_POST, "/missing", "x", 1000), ASSAY_OK);
    assert_int_equal(reply.status, 405);
    assay_http_client_close(client);
}

static void a_base_may_have_a_path(void **state) {
    (void)state;
    assay_http_reply reply;
    static const char *const bases[] = {"/base", "/base/", "/base///"};
    for (int i = 0; i < 3; i++) {
        assay_http_client *client = client_of(port, bases[i], 5);
        assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/echo/a%2Fb", NULL, 1000), ASSAY_OK);
        check_body(&reply, "{\"method\":\"GET\",\"path\":\"/base/echo/a/b\",\"type\":\"\",\"body\":\"\"}");
        assay_http_client_close(client);
    }
}

static void replies_are_bounded(void **state) {
    (void)state;
    assay_http_client *client = client_of(port, "", 5);
    assay_http_reply reply;
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/bytes?len=1000", NULL, 1000), ASSAY_OK);
    assert_int_equal(reply.body.len, 1000);
    assert_false(reply.json);
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/bytes?len=1001", NULL, 1000), ASSAY_E_SIZE);
    assert_int_equal(reply.body.len, 0);
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/bytes?len=0", NULL, 0), ASSAY_OK);
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/bytes?len=900000", NULL, 1 << 20), ASSAY_OK);
    assert_int_equal(reply.body.len, 900000);
    /* The arena, too, bounds; and what was taken from it is exactly the body. */
    assay_arena keep = assay_base_arena(memory, 500);
    assert_int_equal(
        assay_http_call(client, &reply, &keep, ASSAY_HTTP_GET, "/bytes?len=501", (assay_bytes){NULL, 0}, NULL, 1000),
        ASSAY_F_MEMORY);
    assert_ptr_equal(keep.at, memory);
    assert_int_equal(
        assay_http_call(client, &reply, &keep, ASSAY_HTTP_GET, "/bytes?len=500", (assay_bytes){NULL, 0}, NULL, 1000),
        ASSAY_OK);
    assert_ptr_equal(keep.at, memory + 500);
    assay_http_client_close(client);
}

static void large_bodies_go_through(void **state) {
    (void)state;
    assay_http_client *client = client_of(port, "", 10);
    assay_http_reply reply;
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    uint8_t *body = calloc(1, (4 << 20) + 1);
    assert_int_equal(
        assay_http_call(client, &reply, &keep, ASSAY_HTTP_POST, "/upload", (assay_bytes){body, 4 << 20}, NULL, 1000),
        ASSAY_OK);
    assert_int_equal(reply.status, 200);
    assert_int_equal(assay_http_call(client, &reply, &keep, ASSAY_HTTP_POST, "/upload",
                                     (assay_bytes){body, (4 << 20) + 1}, NULL, 1000),
                     ASSAY_OK);
    assert_int_equal(reply.status, 413);
    free(body);
    assay_http_client_close(client);
}

static void what_cannot_be_a_call_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",           "ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1:80",    "http://",
        "gopher://h", "http://h/?q",      "http://h/#f",        "http://h:99999/", "https//h"};
    assay_http_client *client = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (assay_http_client_open(&client, bad[i], 1) != ASSAY_E_USAGE) fail_msg("accepted: %s", bad[i]);
    assert_int_equal(assay_http_client_open(&client, NULL, 1), ASSAY_E_USAGE);
    assert_null(client);
    assay_http_client_close(NULL);
    client = client_of(port, "", 5);
    assay_http_reply reply;
    static const char *const paths[] = {"", "echo", "/a b", "/a\r\nX: y", "/\x7f"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, paths[i], NULL, 10), ASSAY_E_USAGE);
    assay_http_client_close(client);
}

static void failures_have_reasons(void **state) {
    (void)state;
    assay_http_reply reply;
    assay_http_client *client = client_of(port, "", 1);
    uint64_t begin = assay_os_monotonic_ns();
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/slow", NULL, 1000), ASSAY_F_TIMEOUT);
    assert_true(seconds_since(begin) < 3);
    assert_non_null(strstr(assay_http_client_why(client), "timed out"));
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/echo", NULL, 1000), ASSAY_OK);
    assert_string_equal(assay_http_client_why(client), "");
    assay_http_client_close(client);
    /* Nobody listens. */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof to;
    assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&to, &len), 0);
    client = client_of(ntohs(to.sin_port), "", 5);
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/echo", NULL, 1000), ASSAY_F_NETWORK);
    assert_non_null(strstr(assay_http_client_why(client), "127.0.0.1"));
    assay_http_client_close(client);
    close(fd);
}

static void stop_soon(void *context) {
    assay_os_sleep_ns(SECOND / 10);
    assay_http_client_stop(context);
}

static void a_call_can_be_stopped(void **state) {
    (void)state;
    char url[64];
    assay_http_client *client;
    assay_http_reply reply;
    assay_os_thread thread;
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", port);
    assert_int_equal(assay_http_client_open(&client, url, 30), ASSAY_OK);
    uint64_t begun = assay_os_monotonic_ns();
    assert_int_equal(assay_os_thread_start(&thread, "stop", 0, stop_soon, client), ASSAY_OK);
    assert_int_equal(assay_http_call(client, &reply, &keep, ASSAY_HTTP_GET, "/slow", (assay_bytes){NULL, 0}, NULL, 100),
                     ASSAY_F_INTERRUPTED);
    assert_true(assay_os_monotonic_ns() - begun < 2 * SECOND);
    assay_os_thread_join(&thread);
    assert_int_equal(
        assay_http_call(client, &reply, &keep, ASSAY_HTTP_GET, "/missing", (assay_bytes){NULL, 0}, NULL, 4096),
        ASSAY_F_INTERRUPTED);
    assay_http_client_close(client);
}

static void loopback_needs_no_proxy(void **state) {
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    assay_http_reply reply;
    assay_http_client *client = client_of(port, "", 5);
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/echo", NULL, 1000), ASSAY_OK);
    assay_http_client_close(client);
    char url[64];
    snprintf(url, sizeof url, "http://localhost:%u", port);
    assert_int_equal(assay_http_client_open(&client, url, 5), ASSAY_OK);
    assert_int_equal(call(client, &reply, ASSAY_HTTP_GET, "/echo", NULL, 1000), ASSAY_OK);
    assay_http_client_close(client);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

/* A server that does what it is told, once per connection. */
typedef struct liar {
    int fd;
    const char *says;
    atomic_int served;
} liar;

static void lie(void *context) {
    liar *l = context;
    for (;;) {
        int fd = accept(l->fd, NULL, NULL);
        if (fd < 0) return;
        char request[4096];
        if (raw_recv(fd, request, sizeof request, 2000) > 0) {
            atomic_fetch_add(&l->served, 1);
            (void)raw_say(fd, l->says);
        }
        close(fd);
    }
}

static void servers_that_lie_harm_nobody(void **state) {
    (void)state;
    /* Whoever writes to a socket that is gone gets SIGPIPE, unless he says otherwise: here nobody catches it. */
    signal(SIGPIPE, SIG_DFL);
    static const struct {
        const char *says;
        assay_err err;
    } cases[] = {
        {"", ASSAY_F_NETWORK},
        {"garbage\r\n\r\n", ASSAY_F_NETWORK},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", ASSAY_F_NETWORK},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nx", ASSAY_E_SIZE},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\nx", ASSAY_F_NETWORK},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", ASSAY_OK},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", ASSAY_OK},
        {"HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 2\r\n\r\nhi", ASSAY_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        liar l = {.fd = socket(AF_INET, SOCK_STREAM, 0), .says = cases[i].says};
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof at;
        assert_int_equal(bind(l.fd, (struct sockaddr *)&at, sizeof at), 0);
        assert_int_equal(listen(l.fd, 5), 0);
        assert_int_equal(getsockname(l.fd, (struct sockaddr *)&at, &len), 0);
        assay_os_thread thread;
        assert_int_equal(assay_os_thread_start(&thread, "liar", 0, lie, &l), ASSAY_OK);
        assay_http_client *client = client_of(ntohs(at.sin_port), "", 3);
        assay_http_reply reply;
        for (int round = 0; round < 3; round++) {
            assay_err err = call(client, &reply, ASSAY_HTTP_POST, "/echo", "some body", 1000);
            if (err != cases[i].err)
                fail_msg("%zu: %s: %s", i, assay_base_err_text(err), assay_http_client_why(client));
            if (!err)
                assert_int_equal(reply.body.len, 2);
            else
                assert_true(err == ASSAY_E_SIZE || assay_http_client_why(client)[0] != 0);
        }
        assay_http_client_close(client);
        shutdown(l.fd, SHUT_RDWR);
        assay_os_thread_join(&thread);
        close(l.fd);
        assert_true(atomic_load(&l.served) >= 3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_over_one_connection),
        cmocka_unit_test(any_status_is_an_answer),
        cmocka_unit_test(a_base_may_have_a_path),
        cmocka_unit_test(replies_are_bounded),
        cmocka_unit_test(large_bodies_go_through),
        cmocka_unit_test(what_cannot_be_a_call_is_refused),
        cmocka_unit_test(failures_have_reasons),
        cmocka_unit_test(a_call_can_be_stopped),
        cmocka_unit_test(loopback_needs_no_proxy),
        cmocka_unit_test(servers_that_lie_harm_nobody),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
