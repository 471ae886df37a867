/* SPDX-License-Identifier: Apache-2.0 */
#include "curl_internal.h"
#include "http/http.h"
#include "os/os.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define URL_LEN_MAX 8192
#define CONNECT_SECONDS_MAX 10
#define RECEIVE_LEN (256l * 1024) /* at once: of large bodies 16 KiB, libcurl's own measure, would take more calls */

struct assay_http_client {
    http_curl curl;
    bool ready; /* curl was initialized; without libcurl it is false for good */
    CURL *easy;
    char *base; /* without a final slash */
    size_t base_len;
    atomic_bool stopped;
    char why[CURL_ERROR_SIZE];
};

/* The reply's body goes where the arena's memory begins, unzeroed; it is taken when all is there. */
typedef struct sink {
    assay_buf buf;
    size_t body_max;
    assay_err err;
} sink;

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
    sink *s = context;
    size_t len = size * count;
    if (len > s->body_max - s->buf.len)
        s->err = ASSAY_E_SIZE;
    else
        s->err = assay_base_buf_put(&s->buf, (assay_bytes){(const uint8_t *)bytes, len});
    return s->err ? 0 : len;
}

/* libcurl asks while bytes move, and once a second when they do not. */
static int on_progress(void *context, curl_off_t down, curl_off_t down_now, curl_off_t up, curl_off_t up_now) {
    (void)down, (void)down_now, (void)up, (void)up_now;
    const assay_http_client *client = context;
    return atomic_load(&client->stopped);
}

static bool is_loopback(const char *host) {
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 || strncmp(host, "127.", 4) == 0;
}

/* A base URL with what a node is reached by, and nothing that would be sent along unseen. */
static bool url_ok(const http_curl *curl, const char *url, bool *loopback) {
    CURLU *parts = curl->url();
    char *scheme = NULL, *host = NULL, *query = NULL, *fragment = NULL;
    bool ok = parts && curl->url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl->url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl->url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    ok = ok && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
         curl->url_get(parts, CURLUPART_QUERY, &query, 0) == CURLUE_NO_QUERY &&
         curl->url_get(parts, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_NO_FRAGMENT;
    *loopback = ok && is_loopback(host);
    curl->free(scheme);
    curl->free(host);
    curl->free(query);
    curl->free(fragment);
    curl->url_cleanup(parts);
    return ok;
}

/* POSIX, not C, says that a function's address fits into void *; so they are copied, not cast. */
static assay_err load(assay_http_client *client) {
    static const char *const names[] = {
#define HTTP_CURL_NAME(name) "curl_" #name,
        HTTP_CURL_FUNCTIONS(HTTP_CURL_NAME)
#undef HTTP_CURL_NAME
    };
    void *functions[sizeof names / sizeof *names];
    _Static_assert(sizeof functions == sizeof client->curl, "one address each, in one order");
    ASSAY_TRY(assay_os_library(functions, HTTP_CURL_LIBRARY, names, sizeof names / sizeof *names, client->why,
                               sizeof client->why));
    memcpy(&client->curl, functions, sizeof functions);
    /* Counted and, since 7.84, safe in threads. */
    client->ready = client->curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    return client->ready ? ASSAY_OK : ASSAY_F_MEMORY;
}

static void configure(assay_http_client *client, uint32_t timeout_seconds, bool loopback) {
    if (timeout_seconds == 0) timeout_seconds = 30;
    long connect = timeout_seconds < CONNECT_SECONDS_MAX ? (long)timeout_seconds : CONNECT_SECONDS_MAX;
    const http_curl *curl = &client->curl;
    CURL *easy = client->easy;
    curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, client->why);
    curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl->easy_setopt(easy, CURLOPT_USERAGENT, "assay");
    /* No signal for timeouts; sends carry MSG_NOSIGNAL. */
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(easy, CURLOPT_TIMEOUT, (long)timeout_seconds);
    curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, connect);
    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl->easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_LEN);
    curl->easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl->easy_setopt(easy, CURLOPT_XFERINFODATA, client);
    curl->easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    if (loopback) curl->easy_setopt(easy, CURLOPT_PROXY, "");
}

assay_err assay_http_client_open(assay_http_client **out, const char *base_url, uint32_t timeout_seconds) {
    *out = NULL;
    size_t len = base_url ? strlen(base_url) : 0;
    if (len == 0 || len > URL_LEN_MAX / 2) return ASSAY_E_USAGE;
    assay_http_client *client = calloc(1, sizeof *client);
    if (!client) return ASSAY_F_MEMORY;
    assay_err err = load(client);
    bool loopback = false;
    if (!err && !url_ok(&client->curl, base_url, &loopback)) err = ASSAY_E_USAGE;
    if (!err) {
        client->base = malloc(len + 1);
        client->easy = client->curl.easy_init();
        if (!client->base || !client->easy) err = ASSAY_F_MEMORY;
    }
    if (err && err != ASSAY_F_NO_PATH) {
        assay_http_client_close(client);
        return err;
    }
    *out = client;
    if (err) return ASSAY_OK; /* no libcurl: every call will say so */
    while (base_url[len - 1] == '/') len--;
    memcpy(client->base, base_url, len);
    client->base[len] = 0;
    client->base_len = len;
    configure(client, timeout_seconds, loopback);
    return ASSAY_OK;
}

void assay_http_client_close(assay_http_client *client) {
    if (!client) return;
    if (client->easy) client->curl.easy_cleanup(client->easy);
    if (client->ready) client->curl.global_cleanup();
    free(client->base);
    free(client);
}

void assay_http_client_stop(assay_http_client *client) { atomic_store(&client->stopped, true); }

const char *assay_http_client_why(const assay_http_client *client) { return client->why; }

static bool path_ok(const char *path) {
    if (path[0] != '/') return false;
    for (; *path; path++)
        if ((uint8_t)*path <= 0x20 || *path == 0x7f) return false;
    return true;
}

static void set_method(const http_curl *curl, CURL *easy, assay_http_method method, assay_bytes body) {
    static const char *const names[] = {[ASSAY_HTTP_GET] = "GET",
                                        [ASSAY_HTTP_POST] = "POST",
                                        [ASSAY_HTTP_PUT] = "PUT",
                                        [ASSAY_HTTP_HEAD] = "HEAD",
                                        [ASSAY_HTTP_DELETE] = "DELETE"};
    bool has_body = method == ASSAY_HTTP_POST || method == ASSAY_HTTP_PUT;
    curl->easy_setopt(easy, CURLOPT_NOBODY, method == ASSAY_HTTP_HEAD ? 1L : 0L);
    if (has_body) {
        curl->easy_setopt(easy, CURLOPT_POST, 1L);
        curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        curl->easy_setopt(easy, CURLOPT_POSTFIELDS, body.len ? (const char *)body.ptr : "");
    } else if (method != ASSAY_HTTP_HEAD) {
        curl->easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, names[method]);
}

static assay_err error_of(CURLcode code, const sink *s) {
    if (s->err) return s->err;
    if (code == CURLE_ABORTED_BY_CALLBACK) return ASSAY_F_INTERRUPTED;
    if (code == CURLE_OPERATION_TIMEDOUT) return ASSAY_F_TIMEOUT;
    if (code == CURLE_OUT_OF_MEMORY) return ASSAY_F_MEMORY;
    if (code == CURLE_FILESIZE_EXCEEDED) return ASSAY_E_SIZE;
    return ASSAY_F_NETWORK;
}

/* The Content-Type header, or NULL if it could not be made. */
static struct curl_slist *headers_of(const http_curl *curl, const char *content_type) {
    char line[256];
    size_t len =
        assay_os_format(line, sizeof line, "Content-Type: %s", content_type ? content_type : "application/json");
    if (len + 1 >= sizeof line) return NULL;
    return curl->slist_append(NULL, line);
}

static bool is_json(const char *type) {
    if (!type) return false;
    size_t len = strcspn(type, "; ");
    return (len == 16 && strncmp(type, "application/json", 16) == 0) ||
           (len > 5 && strncmp(type + len - 5, "+json", 5) == 0);
}

assay_err assay_http_call(assay_http_client *client, assay_http_reply *reply, assay_arena *keep,
                          assay_http_method method, const char *path, assay_bytes body, const char *content_type,
                          size_t body_max) {
    *reply = (assay_http_reply){0};
    if (!client->ready) return ASSAY_F_NETWORK; /* why has been there since the client was opened */
    client->why[0] = 0;
    if (atomic_load(&client->stopped)) return ASSAY_F_INTERRUPTED;
    size_t path_len = strlen(path);
    char url[URL_LEN_MAX];
    if (method < ASSAY_HTTP_GET || method > ASSAY_HTTP_DELETE || !path_ok(path)) return ASSAY_E_USAGE;
    if (client->base_len + path_len >= sizeof url) return ASSAY_E_SIZE;
    memcpy(url, client->base, client->base_len);
    memcpy(url + client->base_len, path, path_len + 1);
    const http_curl *curl = &client->curl;
    CURL *easy = client->easy;
    sink s = {.buf = {keep->at, 0, (size_t)(keep->end - keep->at)}, .body_max = body_max};
    struct curl_slist *headers = headers_of(curl, content_type);
    if (!headers) return ASSAY_F_MEMORY;
    set_method(curl, easy, method, body);
    bool has_body = method == ASSAY_HTTP_POST || method == ASSAY_HTTP_PUT;
    curl->easy_setopt(easy, CURLOPT_URL, url);
    curl->easy_setopt(easy, CURLOPT_HTTPHEADER, has_body ? headers : NULL);
    curl->easy_setopt(easy, CURLOPT_WRITEDATA, &s);
    /* Refuses by the length that is announced (0: no bound); on_body counts what comes. A HEAD's length is of what does
     * not come. */
    bool announced = method != ASSAY_HTTP_HEAD && body_max <= INT64_MAX;
    curl->easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, announced ? (curl_off_t)body_max : 0);
    CURLcode code = curl->easy_perform(easy);
    /* Nothing of this call's memory is left in the handle. */
    curl->easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl->easy_setopt(easy, CURLOPT_WRITEDATA, NULL);
    curl->easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    curl->slist_free_all(headers);
    if (code != CURLE_OK) {
        if (client->why[0] == 0) assay_os_format(client->why, sizeof client->why, "%s", curl->easy_strerror(code));
        return error_of(code, &s);
    }
    long status = 0;
    const char *type = NULL;
    curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl->easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    keep->at += s.buf.len;
    *reply = (assay_http_reply){.status = (uint32_t)status, .body = {s.buf.ptr, s.buf.len}, .json = is_json(type)};
    return ASSAY_OK;
}

assay_err assay_http_escape(assay_buf *out, assay_bytes text) {
    size_t before = out->len;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~';
        static const char digits[] = "0123456789ABCDEF";
        uint8_t escaped[3] = {'%', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};
        if (assay_base_buf_put(out, plain ? (assay_bytes){&c, 1} : (assay_bytes){escaped, 3})) {
            out->len = before;
            return ASSAY_F_MEMORY;
        }
    }
    return ASSAY_OK;
}
