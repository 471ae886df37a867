/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of http share. A connection has one request at a time; a request that has a body, or whose handler
 * runs, has a slot: a span of memory for body and answer, of which there is a fixed number.
 *
 *   OPEN  --headers complete-->  BODY  --complete-->  WORK  --answer-->  SEND  --gone-->  OPEN
 *
 * One mutex guards phases, slots and queue; it is held for a few instructions, three times a request. While a
 * connection is in WORK its request belongs to the handler's thread, else to the connection's own (libmicrohttpd's). */
#ifndef ASSAY_HTTP_INTERNAL_H
#define ASSAY_HTTP_INTERNAL_H

#include "http/http.h"
#include "os/os.h"

#include <microhttpd.h>
#include <stdatomic.h>

/* ---- targets, patterns, addresses: pure (target.c, address.c) -------------------------------------------------------
 */

typedef struct http_target {
    assay_bytes path;                              /* decoded */
    assay_bytes query;                             /* as sent, without '?'; well-formed */
    assay_bytes segments[ASSAY_HTTP_SEGMENTS_MAX]; /* of the path, decoded; none for "/" */
    uint32_t segments_count;
} http_target;

/* http_target_parse - reads a request target in origin or absolute form, decoding the path in place: out points into
 * text. ASSAY_E_ENCODING if a character or %-escape is not allowed there (control characters, '#', "." and ".." as
 * parts); ASSAY_E_RANGE if it has more than ASSAY_HTTP_SEGMENTS_MAX parts. */
ASSAY_MUST_USE assay_err http_target_parse(http_target *out, uint8_t *text, size_t len);
/* http_pattern_ok - a pattern that http_pattern_match can match. */
bool http_pattern_ok(const char *pattern);
/* http_pattern_match - true if the target's path fits; then params hold the values of its names. */
bool http_pattern_match(const char *pattern, const http_target *target, assay_bytes params[ASSAY_HTTP_PARAMS_MAX]);
/* http_query_find - the value of name as sent; false if it is not there. query must be well-formed. */
bool http_query_find(assay_bytes *raw, assay_bytes query, const char *name);
/* http_query_decode - decodes a value as sent into out, which has room for raw.len bytes; the length. */
size_t http_query_decode(uint8_t *out, assay_bytes raw);

/* The system's struct sockaddr_in and _in6 as Linux lays them out: libmicrohttpd's header does not bring them, and no
 * other header of the system is for this folder. A test compares them with the real ones. */
typedef struct http_address {
    uint16_t family; /* AF_INET or AF_INET6, first as in every sockaddr */
    uint8_t port[2]; /* big-endian */
    union {
        struct {
            uint8_t address[4];
            uint8_t zero[8];
        } v4;
        struct {
            uint32_t flow;
            uint8_t address[16];
            uint32_t scope;
        } v6;
    } of;
} http_address;
/* http_address_parse - an IPv4 address in four decimals or an IPv6 address in hex. False if text is neither. */
bool http_address_parse(http_address *out, const char *text, uint16_t port);
/* http_address_peer - what limits per address count by: the IPv4 address, or the IPv6 network (first 64 bits). */
uint64_t http_address_peer(const void *sockaddr);

/* ---- server ---------------------------------------------------------------------------------------------------------
 */

#define HTTP_SMALL_LEN                                                                                                 \
    65536 /* an answer up to this is copied, so that its slot does not wait for the client to read it */
#define HTTP_STUCK_NS 100000000u /* a request that waited this long for a worker gets a new one */
#define HTTP_PROBLEM_LEN_MAX 4096

typedef enum http_phase { HTTP_OPEN, HTTP_BODY, HTTP_WORK, HTTP_SEND } http_phase;
typedef enum http_verb { HTTP_UNKNOWN, HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_HEAD, HTTP_DELETE, HTTP_OPTIONS } http_verb;

typedef struct http_slot {
    assay_os_region region;
    assay_arena arena; /* of the request, behind its body */
    struct http_slot *next_free;
    uint64_t peer;
    bool taken;
    bool quick;           /* of a thread that runs quick handlers */
    bool held;            /* its time depends on others: see assay_http_limits */
    uint64_t bytes;       /* while held: of a body or an answer, if it is large */
    bool dirty;           /* may hold memory that can go back to the system */
    uint64_t released_ns; /* when it last did */
} http_slot;

typedef struct http_connection {
    assay_http_server *server;
    struct http_connection *prev, *next; /* all of a server */
    struct http_connection *next_job;
    struct MHD_Connection *mhd;
    int socket;
    uint64_t peer;
    /* guarded by the server's lock */
    http_phase phase;
    uint64_t since_ns; /* start of the phase */
    uint64_t moved;    /* BODY: bytes that came; SEND: bytes to go */
    bool served;       /* had an answer already */
    bool cut;
    /* this request */
    bool begun;
    bool settled; /* libmicrohttpd knows that this request is not read any more */
    http_verb verb;
    uint32_t refusal; /* HTTP status of the server's own answer; 0: the handler's turn */
    assay_err refusal_err;
    const char *refusal_detail;
    uint32_t allow; /* bits of http_verb */
    const assay_http_route *route;
    http_slot *slot;
    size_t body_len;
    assay_http_request request;
    assay_arena query_memory; /* for decoded values of the query */
    struct MHD_Response *answer;
    uint32_t status;
    uint64_t answer_len;
    http_target target;
    size_t target_len;
    uint8_t target_text[ASSAY_HTTP_TARGET_LEN_MAX]; /* last: not touched by an idle connection */
} http_connection;

struct assay_http_server {
    const assay_http_route *routes;
    size_t routes_count;
    void *context;
    assay_http_limits limits;
    struct MHD_Daemon *daemon;

    assay_os_mutex lock;
    http_connection *connections;
    uint32_t connections_count;
    uint32_t busy;           /* requests between their first call and their end */
    assay_os_condition calm; /* busy became 0 while stopping */
    atomic_bool stopping;

    http_slot *slots;
    uint32_t slots_count;
    http_slot *free_slots, *quick_slots;
    uint32_t slots_wanted; /* workers that wait for one */
    assay_os_condition slot_there;
    uint32_t held;
    uint64_t held_bytes;

    assay_os_thread *workers;
    uint32_t workers_count, workers_max, workers_idle, workers_waiting;
    bool workers_end;
    http_connection *jobs, *jobs_last;
    uint32_t jobs_count; /* in line, or expected */
    assay_os_condition job_there;

    assay_os_thread watch;
    bool watch_running, watch_end;
    uint64_t watch_at; /* when it will look next */
    assay_os_condition watch_wake;

    _Atomic uint64_t requests, by_class[6], bytes_in, bytes_out, refused;
};

/* slots.c: memory of requests. All take the lock but http_slots_trim, whose caller holds it. */
ASSAY_MUST_USE assay_err http_slots_init(assay_http_server *server);
void http_slots_fini(assay_http_server *server);
/* http_slot_take - a slot for a handler of that pace. QUICK: from the connections' own thread, one at a time, always
 * there. WORKS: waits until one is there; handlers of that pace give theirs back by themselves. WAITS, also for bodies
 * that arrive: held from the start, for a body of so many bytes; NULL if none is there, or too many or too much is
 * held, in all or by this peer. NULL for all when the server stops. */
http_slot *http_slot_take(assay_http_server *server, uint64_t peer, assay_http_pace pace, uint64_t bytes);
/* http_slot_hold - from now on the slot's time depends on others, for an answer of so many bytes; false if too many do
 * (it is not held then, whatever it was). http_slot_unhold: no longer. */
bool http_slot_hold(assay_http_server *server, http_slot *slot, uint64_t bytes);
void http_slot_unhold(assay_http_server *server, http_slot *slot);
void http_slot_give(assay_http_server *server, http_slot *slot);
/* http_slots_trim - gives memory of free slots back whose second is over, and sees to the others. Lets the lock go
 * meanwhile. */
void http_slots_trim(assay_http_server *server, uint64_t now_ns);

/* workers.c: threads for handlers. */
ASSAY_MUST_USE assay_err http_workers_init(assay_http_server *server);
void http_workers_fini(assay_http_server *server); /* after the last job; joins */
/* http_workers_expect - a job will be put: until then the workers stay. False once they end: there will be no more
 * answers. */
bool http_workers_expect(assay_http_server *server);
/* http_workers_put - the job that was expected; its connection is suspended. */
void http_workers_put(assay_http_server *server, http_connection *connection);
void http_workers_grow(assay_http_server *server,
                       uint64_t now_ns); /* the caller holds the lock: help if jobs are stuck */

/* watch.c: the thread that cuts connections which are too slow. */
ASSAY_MUST_USE assay_err http_watch_init(assay_http_server *server);
void http_watch_fini(assay_http_server *server);
void http_watch_by(assay_http_server *server,
                   uint64_t at_ns); /* the caller holds the lock: look at that time, or before */
/* http_watch_deadline - when a connection is cut if nothing changes; UINT64_MAX: never. scarce: places run out. */
uint64_t http_watch_deadline(const http_connection *connection, bool scarce);

/* request.c: one request from its headers to its answer. */
enum MHD_Result http_on_request(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *upload, size_t *upload_size, void **connection);
/* http_request_handle - runs the handler and makes its answer. Any thread; the connection is in WORK. */
void http_request_handle(http_connection *connection);
/* http_request_end - gives back what the request took; the connection is OPEN again. */
void http_request_end(http_connection *connection);
/* http_phase_set - a new phase begins now; moved is what it counts from. */
void http_phase_set(http_connection *connection, http_phase phase, uint64_t moved);

/* response.c */
/* http_answer - makes connection->answer and ->status of a handler's response; the slot is given back if the answer
 * does not need it. */
void http_answer(http_connection *connection, const assay_http_response *response);
/* http_answer_refusal - the same for a request that the server answers itself, by ->refusal. */
void http_answer_refusal(http_connection *connection);

#endif
