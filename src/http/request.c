/* SPDX-License-Identifier: Apache-2.0
 *
 * One request, from its headers to its answer. libmicrohttpd calls http_on_request when the headers are there, then for
 * each piece of the body, then when all is there, and again after a resume. An answer queued in the first of these
 * calls makes it close the connection (measured: 50,000 instead of 384,000 requests a second), which is right only
 * while a body is on its way that nobody wants. */
#include "http_internal.h"

#include <string.h>

/* ---- what handlers ask ----------------------------------------------------------------------------------------------
 */

static http_connection *connection_of(const assay_http_request *request) {
    /* The request lies in its connection, which the handler's thread owns. */
    return (http_connection *)(uintptr_t)request->inner;
}

bool assay_http_query(const assay_http_request *request, const char *name, assay_bytes *value) {
    http_connection *c = connection_of(request);
    assay_bytes raw;
    if (!http_query_find(&raw, c->target.query, name)) return false;
    if (raw.len == 0 || (!memchr(raw.ptr, '%', raw.len) && !memchr(raw.ptr, '+', raw.len))) {
        *value = raw;
        return true;
    }
    /* The whole query fits once into this memory of its own, so that a handler that gave its arena to a writer can
     * still ask. */
    uint8_t *out = ASSAY_NEW(&c->query_memory, uint8_t, raw.len);
    if (!out) out = ASSAY_NEW(request->arena, uint8_t, raw.len);
    if (!out) return false;
    *value = (assay_bytes){out, http_query_decode(out, raw)};
    return true;
}

assay_err assay_http_query_u64(const assay_http_request *request, const char *name, uint64_t *value) {
    assay_bytes raw;
    if (!http_query_find(&raw, connection_of(request)->target.query, name)) return ASSAY_OK;
    uint8_t text[3 * ASSAY_DECIMAL_LEN_MAX];
    uint64_t number;
    if (raw.len > sizeof text) return ASSAY_E_ENCODING;
    if (assay_base_undecimal(&number, (assay_bytes){text, http_query_decode(text, raw)})) return ASSAY_E_ENCODING;
    *value = number;
    return ASSAY_OK;
}

bool assay_http_header(const assay_http_request *request, const char *name, assay_bytes *value) {
    const char *text = NULL;
    size_t len = 0;
    if (!MHD_lookup_connection_value_n(connection_of(request)->mhd, MHD_HEADER_KIND, name, strlen(name), &text, &len))
        return false;
    /* libmicrohttpd leaves the white space that may follow a value (RFC 9112 5.1). */
    while (text && len && (text[len - 1] == ' ' || text[len - 1] == '\t')) len--;
    *value = (assay_bytes){(const uint8_t *)text, text ? len : 0};
    return true;
}

bool assay_http_stopping(const assay_http_request *request) {
    return atomic_load(&connection_of(request)->server->stopping);
}

/* ---- phases ---------------------------------------------------------------------------------------------------------
 */

void http_phase_set(http_connection *c, http_phase phase, uint64_t moved) {
    assay_http_server *server = c->server;
    uint64_t now = assay_os_monotonic_ns();
    assay_os_mutex_lock(&server->lock);
    c->phase = phase;
    c->since_ns = now;
    c->moved = moved;
    http_watch_by(server, http_watch_deadline(c, false));
    assay_os_mutex_unlock(&server->lock);
}

void http_request_end(http_connection *c) {
    assay_http_server *server = c->server;
    if (!c->begun) return;
    if (c->answer) MHD_destroy_response(c->answer);
    if (c->slot) http_slot_give(server, c->slot);
    c->answer = NULL;
    c->slot = NULL;
    c->begun = false;
    uint64_t now = assay_os_monotonic_ns();
    assay_os_mutex_lock(&server->lock);
    c->phase = HTTP_OPEN;
    c->since_ns = now;
    c->served = true;
    if (--server->busy == 0 && atomic_load(&server->stopping)) assay_os_condition_broadcast(&server->calm);
    assay_os_mutex_unlock(&server->lock);
}

/* ---- headers --------------------------------------------------------------------------------------------------------
 */

typedef struct framing {
    uint32_t lengths, encodings;
    bool chunked;
    uint64_t length;
    bool length_ok;
} framing;

/* Header names and codings are ASCII, and their letter case is free. */
static bool is_word(const char *text, const char *lower) {
    for (; *text && *lower; text++, lower++)
        if ((*text >= 'A' && *text <= 'Z' ? *text + ('a' - 'A') : *text) != *lower) return false;
    return *text == *lower;
}

static enum MHD_Result scan_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
    (void)kind;
    framing *f = context;
    if (is_word(name, "content-length")) {
        const char *digits = value ? value : "";
        while (digits[0] == '0' && digits[1]) digits++;
        f->lengths++;
        f->length_ok = assay_base_undecimal(&f->length, assay_base_bytes_str(digits)) == ASSAY_OK;
    } else if (is_word(name, "transfer-encoding")) {
        f->encodings++;
        f->chunked = value && is_word(value, "chunked");
    }
    return MHD_YES;
}

static http_verb verb_of(const char *method) {
    static const struct {
        const char *name;
        http_verb verb;
    } verbs[] = {{"GET", HTTP_GET}, {"POST", HTTP_POST},     {"HEAD", HTTP_HEAD},
                 {"PUT", HTTP_PUT}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(method, verbs[i].name) == 0) return verbs[i].verb;
    return HTTP_UNKNOWN;
}

static uint32_t allow_bits(assay_http_method method) {
    uint32_t bits = 1u << HTTP_OPTIONS;
    switch (method) {
    case ASSAY_HTTP_GET: return bits | 1u << HTTP_GET | 1u << HTTP_HEAD;
    case ASSAY_HTTP_POST: return bits | 1u << HTTP_POST;
    case ASSAY_HTTP_PUT: return bits | 1u << HTTP_PUT;
    case ASSAY_HTTP_DELETE: return bits | 1u << HTTP_DELETE;
    case ASSAY_HTTP_HEAD: break;
    }
    return bits;
}

static void refuse(http_connection *c, uint32_t status, assay_err err, const char *detail) {
    c->refusal = status;
    c->refusal_err = err;
    c->refusal_detail = detail;
}

/* The first row that fits path and method; else a refusal that knows what the path allows. */
static void find_route(http_connection *c) {
    const assay_http_server *server = c->server;
    for (size_t i = 0; i < server->routes_count; i++) {
        const assay_http_route *route = &server->routes[i];
        if (!http_pattern_match(route->pattern, &c->target, c->request.params)) continue;
        uint32_t bits = allow_bits(route->method);
        c->allow |= bits;
        if (c->verb == HTTP_OPTIONS || (bits & 1u << c->verb) == 0) continue;
        c->route = route;
        c->request.method = route->method;
        c->request.path = c->target.path;
        return;
    }
    if (c->allow == 0)
        refuse(c, MHD_HTTP_NOT_FOUND, ASSAY_E_NOT_FOUND, "no such path");
    else if (c->verb == HTTP_OPTIONS)
        refuse(c, MHD_HTTP_NO_CONTENT, ASSAY_OK, NULL);
    else
        refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, ASSAY_E_NOT_FOUND, "this path does not have that method");
}

static void judge(http_connection *c, const framing *f) {
    if (f->lengths > 1 || f->encodings > 1 || (f->lengths && f->encodings) || (f->lengths && !f->length_ok)) {
        refuse(c, MHD_HTTP_BAD_REQUEST, ASSAY_E_ENCODING, "the length of the body is ambiguous");
    } else if (f->encodings && !f->chunked) {
        refuse(c, MHD_HTTP_NOT_IMPLEMENTED, ASSAY_E_ENCODING, "this transfer encoding is not implemented");
    } else if (c->target_len > ASSAY_HTTP_TARGET_LEN_MAX) {
        refuse(c, MHD_HTTP_URI_TOO_LONG, ASSAY_E_SIZE, "path and query are longer than 4096 bytes");
    } else if (c->verb == HTTP_UNKNOWN) {
        refuse(c, MHD_HTTP_NOT_IMPLEMENTED, ASSAY_E_ENCODING, "this method is not implemented");
    } else {
        assay_err err = http_target_parse(&c->target, c->target_text, c->target_len);
        if (err == ASSAY_E_RANGE)
            refuse(c, MHD_HTTP_NOT_FOUND, ASSAY_E_NOT_FOUND, "no such path");
        else if (err)
            refuse(c, MHD_HTTP_BAD_REQUEST, ASSAY_E_ENCODING, "the path or query is malformed");
        else
            find_route(c);
    }
    if (!c->refusal && f->lengths && f->length > c->route->body_max)
        refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, ASSAY_E_SIZE, "the body is larger than this path takes");
}

/* ---- answers --------------------------------------------------------------------------------------------------------
 */

static enum MHD_Result send_answer(http_connection *c) {
    if (!c->answer) return MHD_NO; /* no memory for an answer: the connection closes */
    assay_http_server *server = c->server;
    http_phase_set(c, HTTP_SEND, c->answer_len);
    atomic_fetch_add(&server->by_class[c->status / 100], 1);
    atomic_fetch_add(&server->bytes_out, c->answer_len);
    enum MHD_Result result = MHD_queue_response(c->mhd, c->status, c->answer);
    MHD_destroy_response(c->answer);
    c->answer = NULL;
    return result;
}

static enum MHD_Result send_refusal(http_connection *c) {
    http_answer_refusal(c);
    return send_answer(c);
}

static void refuse_for_want_of_place(http_connection *c) {
    atomic_fetch_add(&c->server->refused, 1);
    refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, ASSAY_F_BUSY, "too many requests are under way");
}

/* ---- the calls ------------------------------------------------------------------------------------------------------
 */

static enum MHD_Result begin(http_connection *c, const char *method) {
    assay_http_server *server = c->server;
    c->begun = true;
    c->settled = false;
    c->refusal = 0;
    c->allow = 0;
    c->route = NULL;
    c->body_len = 0;
    c->request = (assay_http_request){.inner = c};
    c->verb = verb_of(method);
    atomic_fetch_add(&server->requests, 1);
    assay_os_mutex_lock(&server->lock);
    server->busy++;
    assay_os_mutex_unlock(&server->lock);

    framing f = {0};
    MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, scan_header, &f);
    judge(c, &f);
    bool body = f.encodings > 0 || (f.lengths > 0 && (!f.length_ok || f.length > 0));
    if (!body) return MHD_YES;
    if (c->refusal) return send_refusal(c);
    uint64_t bytes = f.encodings ? c->route->body_max : f.length;
    c->slot = http_slot_take(server, c->peer, ASSAY_HTTP_WAITS, bytes);
    if (!c->slot) {
        refuse_for_want_of_place(c);
        return send_refusal(c);
    }
    http_phase_set(c, HTTP_BODY, 0);
    return MHD_YES;
}

/* Only a chunked body can outgrow its route here: its length was not known. libmicrohttpd takes no answer in the middle
 * of a body, so the refusal is written by hand before the connection closes. */
static enum MHD_Result too_large(http_connection *c) {
    static const char text[] = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    assay_os_mutex_lock(&c->server->lock);
    atomic_fetch_add(&c->server->by_class[4], 1);
    if (!c->cut) (void)!send(c->socket, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    assay_os_mutex_unlock(&c->server->lock);
    return MHD_NO;
}

static enum MHD_Result take_body(http_connection *c, const char *upload, size_t len) {
    assay_http_server *server = c->server;
    if (!c->slot) return MHD_NO;
    atomic_fetch_add(&server->bytes_in, len);
    if (len > c->route->body_max - c->body_len) return too_large(c);
    memcpy(c->slot->region.base + c->body_len, upload, len);
    c->body_len += len;
    assay_os_mutex_lock(&server->lock);
    c->moved += len;
    assay_os_mutex_unlock(&server->lock);
    return MHD_YES;
}

/* A request waits for its turn without a slot, or with the held one of its body: so the slots that nobody holds are
 * those of running handlers, and come back without anybody's help. */
void http_request_handle(http_connection *c) {
    assay_http_server *server = c->server;
    bool waits = c->route->pace == ASSAY_HTTP_WAITS;
    if (!c->slot)
        c->slot = http_slot_take(server, c->peer, c->route->pace, 0);
    else if (!waits)
        http_slot_unhold(server, c->slot);
    if (!c->slot) {
        refuse_for_want_of_place(c);
        http_answer_refusal(c);
        return;
    }
    uint8_t *after = c->slot->region.base + ((c->body_len + 63) & ~(size_t)63);
    c->request.body = (assay_bytes){c->slot->region.base, c->body_len};
    c->slot->arena = assay_base_arena(after, c->route->arena_max);
    /* Where nothing else lies: the region's end. */
    c->query_memory =
        assay_base_arena(c->slot->region.base + c->slot->region.size - c->target.query.len, c->target.query.len);
    c->request.arena = &c->slot->arena;
    assay_http_response response = {0};
    c->route->handler(server->context, &c->request, &response);
    http_answer(c, &response);
}

static enum MHD_Result run(http_connection *c) {
    http_phase_set(c, HTTP_WORK, 0);
    /* Without workers the server is stopping, and no slot will be had: the answer is made here, and says so. */
    if (c->route->pace == ASSAY_HTTP_QUICK || !http_workers_expect(c->server)) {
        http_request_handle(c);
        return send_answer(c);
    }
    MHD_suspend_connection(c->mhd); /* before a worker can resume it */
    http_workers_put(c->server, c);
    return MHD_YES;
}

enum MHD_Result http_on_request(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *upload, size_t *upload_size, void **connection) {
    (void)server, (void)mhd, (void)url, (void)version;
    http_connection *c = *connection;
    if (!c) return MHD_NO; /* there was no memory for it */
    if (!c->begun) return begin(c, method);
    if (*upload_size) {
        size_t len = *upload_size;
        *upload_size = 0;
        return take_body(c, upload, len);
    }
    if (c->phase == HTTP_WORK) return send_answer(c); /* resumed */
    if (c->refusal) return send_refusal(c);
    /* A resumed connection is read from before it is asked for its answer, if it was reading when it was suspended; and
     * if its client has closed its side meanwhile, it is dropped. libmicrohttpd notes that it is not reading any more
     * when a call at this point brings no answer, and calls again at once. */
    if (c->route->pace != ASSAY_HTTP_QUICK && !c->settled) {
        c->settled = true;
        return MHD_YES;
    }
    return run(c);
}
