/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server says to well-meant requests, over real sockets. */
#include "raw_internal.h"

static char text[TEXT_MAX];

static void echo(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 65536);
    assay_json_object(&json, NULL);
    assay_json_u64(&json, "method", request->method);
    assay_json_text(&json, "path", request->path);
    assay_json_array(&json, "params");
    for (int i = 0; i < ASSAY_HTTP_PARAMS_MAX && request->params[i].ptr; i++)
        assay_json_text(&json, NULL, request->params[i]);
    assay_json_close(&json, ']');
    assay_bytes value;
    if (assay_http_query(request, "q", &value)) assay_json_text(&json, "q", value);
    if (assay_http_header(request, "x-test", &value)) assay_json_text(&json, "header", value);
    assay_json_text(&json, "body", request->body);
    assay_json_close(&json, '}');
    assay_http_json_done(request, response, &json);
}

static void number(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    uint64_t n = 77;
    if (assay_http_query_u64(request, "n", &n)) {
        assay_http_problem(request, response, ASSAY_E_ENCODING, "n is not a number");
        return;
    }
    char *out = ASSAY_NEW(request->arena, char, 32);
    response->body = (assay_bytes){(uint8_t *)out, assay_base_decimal(out, n)};
    response->content_type = "text/plain";
}

static void problem(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    char code[16] = {0};
    memcpy(code, request->params[0].ptr, request->params[0].len < 15 ? request->params[0].len : 15);
    assay_err err;
    if (!assay_base_err_from_code(&err, code)) err = ASSAY_E_USAGE;
    assay_http_problem(request, response, err, err == ASSAY_E_NAME ? "bad \xff text" : "it is so");
}

static void fixed(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context, (void)request;
    response->body = ASSAY_STR("never changes");
    response->content_type = "text/plain";
    response->immutable = true;
}

static void odd(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    uint64_t status = 0;
    if (assay_http_query_u64(request, "status", &status)) return;
    response->status = (uint32_t)status;
    response->body = ASSAY_STR("body");
    response->location = "/elsewhere";
    response->retry_after = 7;
}

/* More than its arena has: the writer fails, and the client hears it. */
static void overflow(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 1 << 20);
    assay_json_array(&json, NULL);
    for (int i = 0; i < 10000; i++) assay_json_str(&json, NULL, "some text");
    assay_json_close(&json, ']');
    assay_http_json_done(request, response, &json);
}

static void large(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    uint64_t len = 0;
    if (assay_http_query_u64(request, "len", &len)) return;
    uint8_t *out = ASSAY_NEW(request->arena, uint8_t, len);
    if (!out) {
        assay_http_problem(request, response, ASSAY_F_MEMORY, NULL);
        return;
    }
    for (uint64_t i = 0; i < len; i++) out[i] = (uint8_t)(i * 7);
    response->body = (assay_bytes){out, len};
    response->content_type = "application/octet-stream";
}

static char file_path[64]; /* of bytes like those of large */
#define FILE_LEN (3u << 20)
static void file(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    uint64_t offset = 0, len = 0, status = 0;
    if (assay_http_query_u64(request, "offset", &offset) || assay_http_query_u64(request, "len", &len) ||
        assay_http_query_u64(request, "status", &status))
        return;
    if (assay_os_file_open(&response->file, file_path, ASSAY_OS_READ, 0)) return;
    response->status = (uint32_t)status;
    response->file_offset = offset;
    response->file_len = len;
    response->file_name.b[0] = (uint8_t)offset;
    response->immutable = true;
    response->content_type = "application/octet-stream";
}

static void slow(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context, (void)request;
    assay_os_sleep_ns(SECOND / 50);
    response->body = ASSAY_STR("slow");
}

static const assay_http_route routes[] = {
    {ASSAY_HTTP_GET, "/", echo, 0, 65536, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_GET, "/echo/{a}/{b}", echo, 0, 65536, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_GET, "/works/{a}", echo, 0, 65536, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_GET, "/rest/{p*}", echo, 0, 65536, ASSAY_HTTP_WAITS},
    {ASSAY_HTTP_POST, "/post", echo, 1000, 65536, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_PUT, "/post", echo, 1000, 65536, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_DELETE, "/post", echo, 0, 65536, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_GET, "/number", number, 0, 4096, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_GET, "/problem/{code}", problem, 0, 4096, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_GET, "/fixed", fixed, 0, 4096, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_GET, "/odd", odd, 0, 4096, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_GET, "/overflow", overflow, 0, 20000, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_GET, "/slow", slow, 0, 4096, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_GET, "/large", large, 0, 8 << 20, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_GET, "/file", file, 0, 4096, ASSAY_HTTP_WORKS},
};
enum { ROUTES = sizeof routes / sizeof *routes };

typedef struct place {
    assay_http_server *server;
    uint16_t port;
} place;
static place here;

static int set_up(void **state) {
    (void)state;
    here.server = serve(&here.port, routes, ROUTES, NULL, (assay_http_limits){.timeout_seconds = 2});
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    assay_http_stop(here.server);
    return 0;
}

static int get(const char *target) {
    char request[8192];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target);
    return raw_ask(here.port, request, text);
}

static void routes_get_decoded_values(void **state) {
    (void)state;
    assert_int_equal(get("/echo/a%2Fb/%C3%A4?q=x+y%26"), 200);
    assert_string_equal(raw_body(text), "{\"method\":1,\"path\":\"/echo/a/b/\xc3\xa4\",\"params\":[\"a/"
                                        "b\",\"\xc3\xa4\"],\"q\":\"x y&\",\"body\":\"\"}");
    assert_int_equal(get("/works/1"), 200);
    assert_int_equal(get("/rest/a/b/c"), 200);
    assert_non_null(strstr(text, "[\"a/b/c\"]"));
    assert_int_equal(get("/"), 200);
    assert_int_equal(get("http://any.host/works/2?q"), 200);
    assert_int_equal(raw_ask(here.port, "GET /works/1 HTTP/1.1\r\nHost: h\r\nX-TEST:  v \r\n\r\n", text), 200);
    assert_non_null(strstr(text, "\"header\":\"v\""));
}

static void numbers_are_strict(void **state) {
    (void)state;
    assert_int_equal(get("/number"), 200);
    assert_string_equal(raw_body(text), "77");
    assert_int_equal(get("/number?n=18446744073709551615"), 200);
    assert_string_equal(raw_body(text), "18446744073709551615");
    assert_int_equal(get("/number?n=%31"), 200);
    static const char *const bad[] = {
        "",
        "+1",
        "-1",
        "01",
        "1.0",
        "0x1",
        "18446744073709551616",
        "1%20",
        "1e3",
        "00000000000000000000000000000000000000000000000000000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char target[128];
        snprintf(target, sizeof target, "/number?n=%s", bad[i]);
        assert_int_equal(get(target), 400);
        assert_non_null(strstr(text, "\"code\":\"E1\""));
    }
}

static void every_answer_has_its_headers(void **state) {
    (void)state;
    assert_int_equal(get("/works/1"), 200);
    assert_non_null(strstr(text, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(text, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(text, "Access-Control-Allow-Origin: *\r\n"));
    assert_non_null(strstr(text, "Server: assay\r\n"));
    assert_int_equal(raw_ask(here.port, "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", text), 200);
    assert_null(strstr(text, "Access-Control"));
    assert_non_null(strstr(text, "\"body\":\"hi\""));
    assert_non_null(strstr(text, "nosniff"));
}

static void the_server_refuses_by_itself(void **state) {
    (void)state;
    assert_int_equal(get("/nothing"), 404);
    assert_non_null(strstr(text, "Content-Type: application/problem+json\r\n"));
    assert_non_null(strstr(text, "\"code\":\"E9\""));
    assert_int_equal(get("/echo/a"), 404);
    assert_int_equal(get("/echo//b"), 404);
    assert_int_equal(get("/post"), 405);
    assert_non_null(strstr(text, "Allow: POST, PUT, DELETE, OPTIONS\r\n"));
    assert_int_equal(raw_ask(here.port, "DELETE /works/1 HTTP/1.1\r\nHost: h\r\n\r\n", text), 405);
    assert_non_null(strstr(text, "Allow: GET, HEAD, OPTIONS\r\n"));
    assert_int_equal(raw_ask(here.port, "BREW /works/1 HTTP/1.1\r\nHost: h\r\n\r\n", text), 501);
    assert_int_equal(raw_ask(here.port, "get /works/1 HTTP/1.1\r\nHost: h\r\n\r\n", text), 501);
    assert_int_equal(get("/works/%zz"), 400);
    assert_int_equal(get("/works/.."), 400);
    assert_int_equal(get("/works/%00"), 400);
    assert_int_equal(raw_ask(here.port, "GET /works/1 HTTP/1.1\r\n\r\n", text), 400); /* no Host */
    assert_int_equal(raw_ask(here.port, "OPTIONS /post HTTP/1.1\r\nHost: h\r\n\r\n", text), 204);
    assert_non_null(strstr(text, "Allow: POST, PUT, DELETE, OPTIONS\r\n"));
}

static void long_targets_are_refused(void **state) {
    (void)state;
    char target[ASSAY_HTTP_TARGET_LEN_MAX + 2] = "/works/";
    memset(target + 7, 'a', ASSAY_HTTP_TARGET_LEN_MAX - 7);
    assert_int_equal(strlen(target), ASSAY_HTTP_TARGET_LEN_MAX);
    assert_int_equal(get(target), 200);
    target[ASSAY_HTTP_TARGET_LEN_MAX] = 'a';
    assert_int_equal(get(target), 414);
}

static void lengths_must_be_clear(void **state) {
    (void)state;
    static const struct {
        const char *headers;
        int status;
    } cases[] = {
        {"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 400},
        {"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", 400},
        {"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi", 400},
        {"Transfer-Encoding: gzip, chunked\r\n\r\nhi", 501},
        {"Transfer-Encoding: identity\r\n\r\nhi", 501},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"Content-Length: -1\r\n\r\nhi", 400},
        {"Content-Length: 0x2\r\n\r\nhi", 400},
        {"Content-Length: 99999999999999999999999\r\n\r\nhi", 413},
        {"Content-Length: 1001\r\n\r\n", 413},
        {"Content-Length: 18446744073709551615\r\n\r\n", 413},
        {"Content-Length: 002\r\n\r\nhi", 200},
        {"Content-Length: 0\r\n\r\n", 200},
        {"Transfer-Encoding: Chunked\r\n\r\n2\r\nhi\r\n3;x=y\r\nyou\r\n0\r\n\r\n", 200},
        {"\r\n", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[512];
        snprintf(request, sizeof request, "POST /post HTTP/1.1\r\nHost: h\r\n%s", cases[i].headers);
        int status = raw_ask(here.port, request, text);
        if (status != cases[i].status) fail_msg("%s: %d", cases[i].headers, status);
    }
}

static void bodies_are_bounded(void **state) {
    (void)state;
    char request[4096];
    int head = snprintf(request, sizeof request, "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    memset(request + head, 'x', 1000);
    request[head + 1000] = 0;
    assert_int_equal(raw_ask(here.port, request, text), 200);
    /* A body that is too large is refused before it is read, so there is no "100 Continue". */
    assert_int_equal(raw_ask(here.port,
                             "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
                             text),
                     413);
    assert_non_null(strstr(text, "\"code\":\"E54\""));
    /* Chunks can only be counted as they come. */
    int fd = raw_dial(here.port, 1);
    assert_true(raw_say(fd, "POST /post HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 10; i++) {
        char chunk[256];
        int len = snprintf(chunk, sizeof chunk, "64\r\n%0100d\r\n", 0);
        assert_true(raw_send(fd, chunk, (size_t)len));
    }
    assert_true(raw_say(fd, "1\r\nx\r\n"));
    assert_true(raw_read_all(fd, text, 3000));
    close(fd);
    assert_memory_equal(text, "HTTP/1.1 413", 12);
    /* A body where none is expected. */
    assert_int_equal(raw_ask(here.port, "GET /works/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", text), 413);
    assert_int_equal(raw_ask(here.port, "GET /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", text), 404);
}

static void an_expected_100_is_sent(void **state) {
    (void)state;
    int fd = raw_dial(here.port, 1);
    assert_true(raw_say(fd, "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    assert_int_equal(raw_answer(fd, text), 100);
    assert_true(raw_say(fd, "ok"));
    assert_int_equal(raw_answer(fd, text), 200);
    assert_non_null(strstr(text, "\"body\":\"ok\""));
    close(fd);
}

static void head_is_get_without_body(void **state) {
    (void)state;
    assert_int_equal(get("/works/1"), 200);
    char length[64];
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(raw_body(text)));
    int fd = raw_dial(here.port, 1);
    assert_true(raw_say(fd, "HEAD /works/1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    assert_true(raw_read_all(fd, text, 3000));
    close(fd);
    assert_memory_equal(text, "HTTP/1.1 200", 12);
    assert_non_null(strstr(text, length));
    assert_string_equal(raw_body(text), "");
    /* Also of a large one, whose memory must come back. */
    for (int i = 0; i < 100; i++)
        assert_int_equal(raw_ask(here.port, "HEAD /large?len=1000000 HTTP/1.1\r\nHost: h\r\n\r\n", text), 200);
}

static void immutable_answers_have_a_tag(void **state) {
    (void)state;
    assert_int_equal(get("/fixed"), 200);
    assert_non_null(strstr(text, "Cache-Control: public, max-age=31536000, immutable\r\n"));
    const char *tag = strstr(text, "ETag: ");
    assert_non_null(tag);
    char request[256];
    snprintf(request, sizeof request, "GET /fixed HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"other\", %.34s\r\n\r\n",
             tag + 6);
    assert_int_equal(raw_ask(here.port, request, text), 304);
    assert_string_equal(raw_body(text), "");
    assert_int_equal(raw_ask(here.port, "GET /fixed HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"other\"\r\n\r\n", text),
                     200);
}

static void handlers_may_say_odd_things(void **state) {
    (void)state;
    assert_int_equal(get("/odd?status=201"), 201);
    assert_non_null(strstr(text, "Location: /elsewhere\r\n"));
    assert_non_null(strstr(text, "Retry-After: 7\r\n"));
    assert_int_equal(get("/odd?status=204"), 204);
    assert_int_equal(get("/odd?status=199"), 500);
    assert_non_null(strstr(text, "\"code\":\"F132\""));
    assert_int_equal(get("/odd?status=600"), 500);
    assert_int_equal(get("/odd?status=4294967295"), 500);
    assert_int_equal(get("/overflow"), 500);
    assert_non_null(strstr(text, "\"code\":\"F128\""));
}

static void problems_have_the_right_status(void **state) {
    (void)state;
    static const struct {
        assay_err err;
        int status;
    } cases[] = {
        {ASSAY_E_NOT_FOUND, 404}, {ASSAY_E_SIZE, 413},      {ASSAY_E_FULL, 503},         {ASSAY_F_BUSY, 503},
        {ASSAY_E_WINDOW, 409},    {ASSAY_E_STATE, 409},     {ASSAY_E_NONCE, 409},        {ASSAY_E_EXISTS, 409},
        {ASSAY_E_DUPLICATE, 409}, {ASSAY_E_SIGNATURE, 400}, {ASSAY_E_UNAUTHORIZED, 403}, {ASSAY_F_TIMEOUT, 504},
        {ASSAY_F_STORAGE, 500},   {ASSAY_F_MEMORY, 500},    {ASSAY_E_RANGE, 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char target[64], want[128];
        const char *code = assay_base_err_code(cases[i].err);
        snprintf(target, sizeof target, "/problem/%s", code);
        assert_int_equal(get(target), cases[i].status);
        snprintf(want, sizeof want, "\"status\":%d,\"code\":\"%s\",\"detail\":\"it is so\"", cases[i].status, code);
        assert_non_null(strstr(text, want));
        assert_int_equal(strstr(text, "Retry-After: 1\r\n") != NULL, cases[i].status == 503);
    }
    char target[64];
    snprintf(target, sizeof target, "/problem/%s", assay_base_err_code(ASSAY_E_NAME));
    assert_int_equal(get(target), 400);
    assert_null(strstr(text, "detail"));
    assert_non_null(strstr(text, "\"hint\":"));
}

static void large_answers_arrive_whole(void **state) {
    (void)state;
    static const uint32_t lens[] = {0, 1, 65536, 65537, 8 << 20};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        char request[128];
        snprintf(request, sizeof request, "GET /large?len=%u HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                 lens[i]);
        int fd = raw_dial(here.port, 1);
        assert_true(raw_say(fd, request));
        uint8_t *all = malloc(lens[i] + 4096);
        size_t got = 0;
        for (ssize_t n; (n = raw_recv(fd, all + got, lens[i] + 4096 - got, 5000)) > 0;) got += (size_t)n;
        close(fd);
        assert_true(got > lens[i]);
        const uint8_t *body = all + got - lens[i];
        assert_memory_equal(body - 4, "\r\n\r\n", 4);
        for (uint32_t k = 0; k < lens[i]; k++)
            if (body[k] != (uint8_t)(k * 7)) fail_msg("byte %u of %u", k, lens[i]);
        free(all);
    }
}

static uint32_t open_files(void) {
    uint32_t count = 0;
    assay_arena arena = assay_base_arena(text, sizeof text);
    assay_os_file dir;
    assay_os_entry *entries;
    assert_int_equal(assay_os_dir_open(&dir, "/proc/self/fd"), ASSAY_OK);
    assert_int_equal(assay_os_dir_list(&entries, &count, &arena, &dir, 1000), ASSAY_OK);
    assay_os_file_close(&dir);
    return count;
}

/* Sent from the file, whoever asks and however: nothing of it stays open. */
static void files_are_sent_whole(void **state) {
    (void)state;
    static const struct {
        uint32_t offset, len;
    } parts[] = {{0, FILE_LEN}, {1, 1}, {4097, 1 << 20}, {FILE_LEN - 3, 3}, {FILE_LEN, 0}, {0, 0}};
    uint8_t *all = malloc(FILE_LEN + 4096);
    for (uint32_t i = 0; i < FILE_LEN; i++) all[i] = (uint8_t)(i * 7);
    assay_os_format(file_path, sizeof file_path, "/tmp/assay-test-http-%u", assay_os_process_id());
    assert_int_equal(assay_os_replace(file_path, (assay_bytes){all, FILE_LEN}, 0600), ASSAY_OK);
    uint32_t before = open_files();
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char request[200];
        snprintf(request, sizeof request, "GET /file?offset=%u&len=%u HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                 parts[i].offset, parts[i].len);
        int fd = raw_dial(here.port, 1);
        assert_true(raw_say(fd, request));
        size_t got = 0;
        for (ssize_t n; (n = raw_recv(fd, all + got, FILE_LEN + 4096 - got, 5000)) > 0;) got += (size_t)n;
        close(fd);
        assert_true(got > parts[i].len);
        const uint8_t *body = all + got - parts[i].len;
        assert_memory_equal(body - 4, "\r\n\r\n", 4);
        for (uint32_t k = 0; k < parts[i].len; k++)
            if (body[k] != (uint8_t)((parts[i].offset + k) * 7)) fail_msg("byte %u of part %zu", k, i);
    }
    free(all);
    assert_int_equal(get("/file?offset=5&len=9"), 200);
    char request[256];
    const char *tag = strstr(text, "ETag: ");
    assert_non_null(tag);
    snprintf(request, sizeof request, "GET /file?offset=5&len=9 HTTP/1.1\r\nHost: h\r\nIf-None-Match: %.34s\r\n\r\n",
             tag + 6);
    assert_int_equal(raw_ask(here.port, request, text), 304);
    assert_int_equal(get("/file?offset=5&len=9&status=99"), 500);
    assert_int_equal(get("/file?offset=5&len=9&status=204"), 204);
    int fd = raw_dial(here.port, 1);
    assert_true(raw_say(fd, "HEAD /file?offset=5&len=77 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    assert_true(raw_read_all(fd, text, 3000));
    close(fd);
    assert_non_null(strstr(text, "Content-Length: 77\r\n"));
    assert_string_equal(raw_body(text), "");
    /* One that goes in the middle. */
    fd = raw_dial(here.port, 1);
    assert_true(raw_say(fd, "GET /file?offset=0&len=3000000 HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_true(raw_recv(fd, text, 1000, 5000) > 0);
    close(fd);
    for (int i = 0; i < 300 && open_files() != before; i++) assay_os_sleep_ns(SECOND / 100);
    assert_int_equal(open_files(), before);
    assert_int_equal(unlink(file_path), 0);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    int fd = raw_dial(here.port, 1);
    char request[64 * 64] = "";
    size_t len = 0;
    for (int i = 0; i < 40; i++)
        len += (size_t)snprintf(request + len, sizeof request - len, "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n",
                                i % 3 == 0   ? "works/x"
                                : i % 3 == 1 ? "echo/x/y"
                                             : "rest/x");
    assert_true(raw_send(fd, request, len));
    for (int i = 0; i < 40; i++) {
        assert_int_equal(raw_answer(fd, text), 200);
        assert_non_null(strstr(text, i % 3 == 0 ? "/works/x" : i % 3 == 1 ? "/echo/x/y" : "/rest/x"));
    }
    close(fd);
}

static void a_half_closed_client_gets_its_answer(void **state) {
    (void)state;
    static const char *const targets[] = {"/echo/a/b", "/works/a", "/rest/a", "/slow"};
    /* Others are connected, so that none is treated as the only one. */
    int others[20];
    for (int i = 0; i < 20; i++) {
        assert_true((others[i] = raw_dial(here.port, 1)) >= 0);
        assert_true(raw_say(others[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert_int_equal(raw_answer(others[i], text), 200);
    }
    for (int round = 0; round < 40; round++) {
        char request[128];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", targets[round % 4]);
        int fd = raw_dial(here.port, 1);
        if (round % 8 < 4) assay_os_sleep_ns(SECOND / 200);
        assert_true(raw_say(fd, request));
        shutdown(fd, SHUT_WR);
        uint64_t begin = assay_os_monotonic_ns();
        int status = raw_answer(fd, text);
        close(fd);
        if (status != 200) fail_msg("round %d, %s: '%s'", round, targets[round % 4], text);
        assert_true(seconds_since(begin) < 1.5);
    }
    for (int i = 0; i < 20; i++) close(others[i]);
}

static void http_1_0_is_understood(void **state) {
    (void)state;
    int fd = raw_dial(here.port, 1);
    assert_true(raw_say(fd, "GET /works/1 HTTP/1.0\r\n\r\n"));
    assert_true(raw_read_all(fd, text, 3000));
    close(fd);
    assert_memory_equal(text + 8, " 200", 4);
}

static void counters_count(void **state) {
    (void)state;
    assay_http_counts before = assay_http_count(here.server);
    assert_int_equal(get("/works/1"), 200);
    assert_int_equal(get("/nothing"), 404);
    assert_int_equal(get("/problem/F128"), 500);
    assert_int_equal(raw_ask(here.port, "POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", text), 200);
    assay_http_counts after = assay_http_count(here.server);
    assert_int_equal(after.requests - before.requests, 4);
    assert_int_equal(after.by_class[2] - before.by_class[2], 2);
    assert_int_equal(after.by_class[4] - before.by_class[4], 1);
    assert_int_equal(after.by_class[5] - before.by_class[5], 1);
    assert_int_equal(after.bytes_in - before.bytes_in, 5);
    assert_true(after.bytes_out > before.bytes_out);
    /* All connections are closed by now; of those that were half-closed the server hears by their deadline. */
    for (int i = 0; i < 600 && after.connections; i++) {
        assay_os_sleep_ns(SECOND / 100);
        after = assay_http_count(here.server);
    }
    assert_int_equal(after.connections, 0);
}

static void a_start_that_fails_says_why(void **state) {
    (void)state;
    assay_http_server *server;
    uint16_t port;
    const char *why;
    assert_int_equal(
        assay_http_start(&server, &port, &why, "127.0.0.1", here.port, routes, ROUTES, NULL, (assay_http_limits){0}),
        ASSAY_F_NETWORK);
    assert_string_equal(why, "Address already in use");
    assert_null(server);
    assert_int_equal(
        assay_http_start(&server, &port, &why, "localhost", 0, routes, ROUTES, NULL, (assay_http_limits){0}),
        ASSAY_F_NETWORK);
    assert_int_equal(
        assay_http_start(&server, &port, &why, "192.0.2.1", 0, routes, ROUTES, NULL, (assay_http_limits){0}),
        ASSAY_F_NETWORK);
    assert_string_equal(why, "Cannot assign requested address");
    assay_http_route bad[] = {{ASSAY_HTTP_GET, "/a//b", echo, 0, 0, ASSAY_HTTP_QUICK}};
    assert_int_equal(assay_http_start(&server, &port, &why, "127.0.0.1", 0, bad, 1, NULL, (assay_http_limits){0}),
                     ASSAY_E_USAGE);
    assert_string_equal(why, "/a//b");
    /* One thread, IPv6: other ways into libmicrohttpd. */
    assert_int_equal(
        assay_http_start(&server, &port, &why, "::1", 0, routes, ROUTES, NULL, (assay_http_limits){.threads = 1}),
        ASSAY_OK);
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_true(raw_say(fd, "GET /works/1 HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_int_equal(raw_answer(fd, text), 200);
    close(fd);
    assay_http_stop(server);
    assay_http_stop(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_get_decoded_values),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(every_answer_has_its_headers),
        cmocka_unit_test(the_server_refuses_by_itself),
        cmocka_unit_test(long_targets_are_refused),
        cmocka_unit_test(lengths_must_be_clear),
        cmocka_unit_test(bodies_are_bounded),
        cmocka_unit_test(an_expected_100_is_sent),
        cmocka_unit_test(head_is_get_without_body),
        cmocka_unit_test(immutable_answers_have_a_tag),
        cmocka_unit_test(handlers_may_say_odd_things),
        cmocka_unit_test(problems_have_the_right_status),
        cmocka_unit_test(large_answers_arrive_whole),
        cmocka_unit_test(files_are_sent_whole),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_half_closed_client_gets_its_answer),
        cmocka_unit_test(http_1_0_is_understood),
        cmocka_unit_test(counters_count),
        cmocka_unit_test(a_start_that_fails_says_why),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
