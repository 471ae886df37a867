/* SPDX-License-Identifier: Apache-2.0
 *
 * http - an HTTP/1.1 server over a table of routes, and a client; the only folder that sees libmicrohttpd and libcurl.
 *
 *   socket -> limits (connections, per address, time, header and body size) -> route -> handler -> response
 *
 * Knows nothing of models or chains: node brings the routes, apps use the client. Handlers run on the server's threads and may be called at the same
 * time. A slow or hostile client costs its own connection: never a handler's thread for longer than its request, never memory beyond the limits.
 * Reading order: http.h, server.c, route.c, client.c.      Spec: spec/http.md, spec/openapi.json; RFC 9110, 9112, 9457 (problem+json).
 */
#ifndef ASSAY_HTTP_H
#define ASSAY_HTTP_H

#include "base/base.h"
#include "codec/codec.h"

typedef enum assay_http_method { ASSAY_HTTP_GET = 1, ASSAY_HTTP_POST, ASSAY_HTTP_PUT, ASSAY_HTTP_HEAD, ASSAY_HTTP_DELETE } assay_http_method;

#define ASSAY_HTTP_PARAMS_MAX 6

typedef struct assay_http_request {
    assay_http_method method;
    assay_bytes path;                            /* decoded, without query */
    assay_bytes params[ASSAY_HTTP_PARAMS_MAX];   /* values of the pattern's {names}, in order, percent-decoded */
    assay_bytes body;                            /* whole body, at most the route's body_max */
    const void *inner;                           /* for assay_http_query and _header */
    assay_arena *arena;                          /* memory of this request, for the response too */
} assay_http_request;

/* assay_http_query - a query argument's value, percent-decoded; false if it is not there. Valid during the request. */
bool assay_http_query(const assay_http_request *request, const char *name, assay_bytes *value);
/* assay_http_query_u64 - the same as a decimal number; ASSAY_E_ENCODING if it is there and not a number, *value unchanged if absent. */
ASSAY_MUST_USE assay_err assay_http_query_u64(const assay_http_request *request, const char *name, uint64_t *value);
/* assay_http_header - a request header's value; false if it is not there. */
bool assay_http_header(const assay_http_request *request, const char *name, assay_bytes *value);

typedef struct assay_http_response {
    uint32_t status;          /* 200 if the handler leaves 0 */
    const char *content_type; /* "application/json" if NULL; static */
    assay_bytes body;         /* from request->arena, or static; sent after the handler returned */
    bool immutable;           /* Cache-Control: public, max-age=31536000, immutable, and an ETag of the body's hash */
    uint32_t retry_after;     /* seconds; 0: no header */
    const char *location;     /* from request->arena; NULL: no header */
} assay_http_response;

typedef void (*assay_http_handler)(void *context, const assay_http_request *request, assay_http_response *response);

typedef struct assay_http_route {
    assay_http_method method; /* a GET route answers HEAD too */
    const char *pattern;      /* "/blocks/{height}": a {name} takes one path segment; a final {name*} takes the rest, slashes included */
    assay_http_handler handler;
    size_t body_max;  /* bytes; larger bodies get 413 before they are read */
    size_t arena_max; /* memory a request of this route may use for its answer, lazily backed */
} assay_http_route;

typedef struct assay_http_limits {
    uint32_t connections;            /* at once; 0: default 512 */
    uint32_t connections_per_address; /* 0: default 256 (loopback is one address) */
    uint32_t timeout_seconds;        /* idle or slow connection; 0: default 30 */
    uint32_t threads;                /* 0: default 2 */
    uint32_t requests_in_memory;     /* requests whose body or answer is in memory at once; beyond that 503 with Retry-After; 0: default 64 */
} assay_http_limits;

typedef struct assay_http_server assay_http_server;
/* assay_http_start - listens on address ("127.0.0.1", "::1", "0.0.0.0") and port (0: any free one) and serves until assay_http_stop. The table and context must
 * outlive the server. *port_out is the real port. ASSAY_F_NETWORK (address in use, ...) with errno's text in *why (static or thread-local), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_http_start(assay_http_server **out, uint16_t *port_out, const char **why, const char *address, uint16_t port,
                                          const assay_http_route *routes, size_t routes_count, void *context, assay_http_limits limits);
/* assay_http_stop - answers what is under way (bounded by a few seconds), closes everything, frees the server. */
void assay_http_stop(assay_http_server *server);

/* Counters since the start, for /metrics. */
typedef struct assay_http_counts {
    uint64_t requests;
    uint64_t by_class[6]; /* by_class[2]: answers 2xx, ... */
    uint64_t bytes_in, bytes_out;
    uint64_t refused; /* over a limit */
    uint32_t connections;
} assay_http_counts;
assay_http_counts assay_http_count(const assay_http_server *server);

/* assay_http_problem - fills a response as RFC 9457 problem+json {"type","title","status","code","detail","hint"} from an error; the HTTP status follows from
 * it: NOT_FOUND 404, SIZE 413, FULL and BUSY 503 (with Retry-After), WINDOW and STATE and NONCE and EXISTS and DUPLICATE 409, UNAUTHORIZED 403, other verdicts 400,
 * TIMEOUT 504, other faults 500. detail may be NULL. */
void assay_http_problem(const assay_http_request *request, assay_http_response *response, assay_err err, const char *detail);
/* assay_http_json - a writer into memory of the request, at most size bytes; hand it to assay_http_json_done. */
assay_json assay_http_json(const assay_http_request *request, assay_buf *buf, size_t size);
/* assay_http_json_done - ends the writer and makes it the response's body; a problem response if it failed. */
void assay_http_json_done(const assay_http_request *request, assay_http_response *response, assay_json *json);

/* ---- client ---------------------------------------------------------------------------------------------------------------------- */

typedef struct assay_http_client assay_http_client; /* one keep-alive connection's worth; one thread at a time */
/* assay_http_client_open - a client of base_url ("http://127.0.0.1:7878"); only http and https. ASSAY_E_USAGE for another scheme, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_http_client_open(assay_http_client **out, const char *base_url, uint32_t timeout_seconds);
void assay_http_client_close(assay_http_client *client);
typedef struct assay_http_reply {
    uint32_t status;
    assay_bytes body; /* in keep */
    bool json;
} assay_http_reply;
/* assay_http_call - one request. path starts with '/', and is sent as given (percent-encode segments with assay_http_escape). The reply's body is at most
 * body_max bytes and taken from keep. ASSAY_F_NETWORK, ASSAY_F_TIMEOUT (with *why), ASSAY_E_SIZE, ASSAY_F_MEMORY. Any HTTP status is ASSAY_OK. */
ASSAY_MUST_USE assay_err assay_http_call(assay_http_client *client, assay_http_reply *reply, assay_arena *keep, assay_http_method method,
                                         const char *path, assay_bytes body, const char *content_type, size_t body_max);
/* assay_http_client_why - the text of the last failure. */
const char *assay_http_client_why(const assay_http_client *client);
/* assay_http_escape - percent-encodes everything but unreserved characters (slashes too) and appends it to out. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_http_escape(assay_buf *out, assay_bytes text);

#endif
