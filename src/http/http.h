/* SPDX-License-Identifier: Apache-2.0
 *
 * http - an HTTP/1.1 server over a table of routes, and a client; the only folder that sees libmicrohttpd and libcurl.
 *
 *   socket -> limits (connections, per address, time, header and body size) -> route -> handler -> response
 *
 * Knows nothing of models or chains: node brings the routes, apps use the client. Handlers run on the server's threads
 * and may be called at the same time; which thread is the route's pace. A slow or hostile client costs its own
 * connection: never a handler's thread, for its request is complete before a handler sees it, and never memory beyond
 * the limits.
 *
 * What the server does by itself: HEAD (the GET handler's headers), OPTIONS (204 with Allow), 304 for immutable
 * answers, and problem documents for 400 (malformed target, length or encoding), 404, 405 (with Allow), 408, 413, 414,
 * 501 and 503; libmicrohttpd answers 431 and malformed header lines. Every answer carries X-Content-Type-Options:
 * nosniff and a Server header without version; to GET and HEAD also Access-Control-Allow-Origin: *.
 *
 * Reading order: http.h, http_internal.h, target.c, slots.c, workers.c, request.c, server.c, watch.c, response.c,
 * client.c. Spec: spec/http.md; RFC 9110, 9112, 3986, 9457 (problem+json).
 */
#ifndef ASSAY_HTTP_H
#define ASSAY_HTTP_H

#include "base/base.h"
#include "codec/codec.h"
#include "crypto/crypto.h"
#include "os/os.h"

typedef enum assay_http_method {
    ASSAY_HTTP_GET = 1,
    ASSAY_HTTP_POST,
    ASSAY_HTTP_PUT,
    ASSAY_HTTP_HEAD,
    ASSAY_HTTP_DELETE
} assay_http_method;

#define ASSAY_HTTP_PARAMS_MAX 6
#define ASSAY_HTTP_TARGET_LEN_MAX 4096   /* path and query as sent; beyond: 414 */
#define ASSAY_HTTP_SEGMENTS_MAX 64       /* parts of a path; beyond: 404 */
#define ASSAY_HTTP_HEADERS_LEN_MAX 32768 /* request line and headers, with libmicrohttpd's bookkeeping; beyond: 431 */

/* ---- server -------------------------------------------------------------------------------------------------------
 */

typedef struct assay_http_request {
    assay_http_method method; /* GET for a HEAD request: the answer's body is left out on the way */
    assay_bytes path;         /* decoded, without query */
    assay_bytes
        params[ASSAY_HTTP_PARAMS_MAX]; /* values of the pattern's {names}, in order, percent-decoded, never empty */
    assay_bytes body;                  /* whole body, at most the route's body_max */
    const void *inner;                 /* for the functions below */
    assay_arena *arena;                /* memory of this request, for the response too */
} assay_http_request;

/* assay_http_query - a query argument's value, percent-decoded, '+' being a space; false if it is not there. Of several
 * with one name the first counts. Valid during the request. Ask for each name once: the values share room for the whole
 * query, then the request's arena serves, and if that is full the value counts as absent. */
bool assay_http_query(const assay_http_request *request, const char *name, assay_bytes *value);
/* assay_http_query_u64 - the same as a decimal number without sign, space or leading zero. *value is unchanged if it is
 * absent. ASSAY_E_ENCODING if it is there and not such a number of 64 bits. */
ASSAY_MUST_USE assay_err assay_http_query_u64(const assay_http_request *request, const char *name, uint64_t *value);
/* assay_http_header - a request header's value; false if it is not there. Letter case of name is free. Valid during the
 * request. */
bool assay_http_header(const assay_http_request *request, const char *name, assay_bytes *value);
/* assay_http_stopping - true once assay_http_stop was called: a handler that waits for something gives up now. */
bool assay_http_stopping(const assay_http_request *request);

typedef struct assay_http_response {
    uint32_t status;          /* 200 if the handler leaves 0; 200 .. 599, anything else becomes 500 */
    const char *content_type; /* "application/json" if NULL; static */
    assay_bytes body;         /* from request->arena, or static; sent after the handler returned */
    assay_os_file file;       /* open: instead of body, file_len bytes of it from file_offset, which are there and stay
                                 as they are. They pass through no memory of ours. The server closes it. */
    uint64_t file_offset, file_len;
    assay_hash file_name; /* with file and immutable: what names these bytes; the ETag comes from it */
    bool immutable; /* with 200: Cache-Control: public, max-age=31536000, immutable, and an ETag of the body's hash */
    uint32_t retry_after; /* seconds; 0: no header */
    const char *location; /* from request->arena, or static; NULL: no header */
} assay_http_response;

typedef void (*assay_http_handler)(void *context, const assay_http_request *request, assay_http_response *response);

/* How long a handler keeps its thread, which says where it runs. */
typedef enum assay_http_pace {
    ASSAY_HTTP_WORKS = 0, /* reads a disk, takes locks, computes: on a worker, of which there are a few */
    ASSAY_HTTP_QUICK, /* at most some microseconds, never waits: on the connection's own thread, which is several times
                         faster */
    ASSAY_HTTP_WAITS  /* waits, up to seconds, for something outside: a worker of its own, so that nobody stands behind
                         it */
} assay_http_pace;

typedef struct assay_http_route {
    assay_http_method method; /* a GET route answers HEAD too; HEAD has no routes */
    const char *pattern; /* "/blocks/{height}": a {name} takes one path segment; a final {name*} takes the rest, slashes
                            included. The first row that fits is taken. */
    assay_http_handler handler;
    size_t body_max;  /* bytes; larger bodies get 413 before they are read */
    size_t arena_max; /* memory a request of this route may use for its answer, lazily backed */
    assay_http_pace pace;
} assay_http_route;

/* What the server gives to everybody together, and to one client. Each 0 takes the default. */
typedef struct assay_http_limits {
    uint32_t connections; /* at once; default 512, at most 7,680. Further ones wait in the kernel's queue; when seven
                             eighths are taken, those that have been silent for 2 s are closed. */
    uint32_t connections_per_address; /* default 256 (loopback is one address); further ones are closed */
    uint32_t timeout_seconds;  /* for all headers of a request, from the connection's start or its last answer; also the
                                  grace of bytes_per_second; default 30 */
    uint32_t bytes_per_second; /* a body or an answer that moves more slowly on average is cut; default 16,384 */
    uint32_t threads;          /* that move bytes and run QUICK handlers; default 2; at least one for 120 connections */
    uint32_t workers;          /* threads for WORKS handlers; default 4 */
    uint32_t
        requests_in_memory; /* WORKS and WAITS requests whose body or answer is in memory at once; default 64, at least
                               8. Three quarters at most may depend on others' pace (bodies that arrive, answers of
                               more than 64 KiB that leave, WAITS handlers), and half of all for one address: beyond
                               that 503 with Retry-After. WORKS requests stand in line, QUICK ones never have to. */
    uint64_t bytes_in_memory; /* of bodies (as declared; chunked ones as their route allows) and answers beyond 64 KiB
                                 that depend on others' pace, at once; default 1 GiB. Half of it for one address.
                                 Beyond that 503, but one alone is always taken: routes say how large it may be. */
} assay_http_limits;

typedef struct assay_http_server assay_http_server;
/* assay_http_start - listens on address ("127.0.0.1", "::1", "0.0.0.0") and port (0: any free one) and serves until
 * assay_http_stop. The table and context must outlive the server.
 *
 *   port_out  out  the real port
 *   why       out  on failure a sentence (static or thread-local), else NULL
 *
 *   ASSAY_F_NETWORK   the address cannot be listened on (in use, not this machine's, no IP address)
 *   ASSAY_F_MEMORY    memory or threads
 *   ASSAY_E_USAGE     a route's pattern is malformed: why names it
 *   Cost: threads + 2 threads at first; address space of requests_in_memory times the largest body_max + arena_max. */
ASSAY_MUST_USE assay_err assay_http_start(assay_http_server **out, uint16_t *port_out, const char **why,
                                          const char *address, uint16_t port, const assay_http_route *routes,
                                          size_t routes_count, void *context, assay_http_limits limits);
/* assay_http_stop - takes no new requests, waits for handlers to return (as long as they take: see assay_http_stopping)
 * and up to 3 s for their answers to leave, closes everything, frees the server. NULL is allowed. Not from a handler.
 */
void assay_http_stop(assay_http_server *server);

/* Counters since the start, for /metrics. */
typedef struct assay_http_counts {
    uint64_t requests;
    uint64_t by_class[6];         /* by_class[2]: answers 2xx, ... */
    uint64_t bytes_in, bytes_out; /* of bodies */
    uint64_t refused;             /* 503 for want of a place, and connections cut for being slow */
    uint32_t connections;         /* open now */
} assay_http_counts;
/* assay_http_count - the counters now. Any thread. */
assay_http_counts assay_http_count(const assay_http_server *server);

/* assay_http_problem - fills a response as RFC 9457 problem+json {"type","title","status","code","detail","hint"} from
 * an error; the HTTP status follows from it: NOT_FOUND 404; SIZE 413; FULL and BUSY 503 (with Retry-After: 1); WINDOW,
 * STATE, NONCE, EXISTS and DUPLICATE 409; UNAUTHORIZED 403; other verdicts 400; TIMEOUT 504; other faults 500. detail
 * may be NULL; it is cut at 1,024 bytes, and left out if it is not UTF-8. */
void assay_http_problem(const assay_http_request *request, assay_http_response *response, assay_err err,
                        const char *detail);
/* assay_http_json - a writer into memory of the request, at most size bytes (or what is left of its arena); hand it to
 * assay_http_json_done. buf must live until then. Only what is written is backed by real memory. */
assay_json assay_http_json(const assay_http_request *request, assay_buf *buf, size_t size);
/* assay_http_json_done - ends the writer and makes it the response's body; a problem response if it failed. */
void assay_http_json_done(const assay_http_request *request, assay_http_response *response, assay_json *json);

/* assay_http_is_address - true for what a server can listen at: an IPv4 address in four decimals, or an IPv6 address in
 * hex, without brackets. */
bool assay_http_is_address(const char *text);

/* ---- client -------------------------------------------------------------------------------------------------------
 */

typedef struct assay_http_client assay_http_client; /* one keep-alive connection's worth; one thread at a time */
/* assay_http_client_open - a client of base_url ("http://127.0.0.1:7878"; a path in it is put before every path).
 * Connects at the first call. Follows no redirects; loopback is reached without proxies, other hosts as the environment
 * says. timeout_seconds bounds a whole call (0: 30). Loads libcurl; where that is missing, every call fails with
 * ASSAY_F_NETWORK and says so. ASSAY_E_USAGE for another scheme than http and https or what is no URL, ASSAY_F_MEMORY.
 */
ASSAY_MUST_USE assay_err assay_http_client_open(assay_http_client **out, const char *base_url,
                                                uint32_t timeout_seconds);
/* assay_http_client_stop - ends the call under way, within a second, and every later one at once: ASSAY_F_INTERRUPTED.
 * Any thread, until the client is closed. */
void assay_http_client_stop(assay_http_client *client);
/* assay_http_client_close - closes its connection and frees it. NULL is allowed. */
void assay_http_client_close(assay_http_client *client);
typedef struct assay_http_reply {
    uint32_t status;
    assay_bytes body; /* in keep */
    bool json;        /* the content type is JSON, problem+json included */
} assay_http_reply;
/* assay_http_call - one request. path starts with '/', and is sent as given (percent-encode segments with
 * assay_http_escape). Any HTTP status is ASSAY_OK.
 *
 *   body, content_type   sent with POST and PUT; content_type NULL: application/json
 *   body_max             the reply's body is at most that, taken from keep
 *
 *   ASSAY_F_NETWORK, ASSAY_F_TIMEOUT   with the reason in assay_http_client_why
 *   ASSAY_E_SIZE     the reply is larger than body_max        ASSAY_F_MEMORY   keep is too small for it
 *   ASSAY_E_USAGE    path does not begin with '/', or holds spaces or control characters */
ASSAY_MUST_USE assay_err assay_http_call(assay_http_client *client, assay_http_reply *reply, assay_arena *keep,
                                         assay_http_method method, const char *path, assay_bytes body,
                                         const char *content_type, size_t body_max);
/* assay_http_client_why - the text of the last failure; valid until the next call. */
const char *assay_http_client_why(const assay_http_client *client);
/* assay_http_escape - percent-encodes everything but unreserved characters (slashes too) and appends it to out.
 * ASSAY_F_MEMORY: out is as it was. */
ASSAY_MUST_USE assay_err assay_http_escape(assay_buf *out, assay_bytes text);

#endif
