/* SPDX-License-Identifier: Apache-2.0
 *
 * Start, stop, and what libmicrohttpd tells about connections. */
#include "http_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STOP_NS UINT64_C(3000000000) /* what a stop gives answers to leave */
#define THREAD_STACK_LEN ((size_t)512 * 1024)
/* libmicrohttpd 0.9.75 reads 128 events at a time and, if all 128 came, waits for more before it looks at any of them:
 * maybe for ever. (Found by bench_http: 256 connections stood still.) A thread that never has 128 things to wait for
 * never gets there. */
#define CONNECTIONS_PER_THREAD_MAX 120
#define THREADS_MAX 64
#define CONNECTIONS_MAX (CONNECTIONS_PER_THREAD_MAX * THREADS_MAX)
#define SLOTS_MAX 4096
#define SLOTS_MIN 8

/* ---- connections ----------------------------------------------------------------------------------------------------
 */

static void connection_start(assay_http_server *server, struct MHD_Connection *mhd, void **socket_context) {
    http_connection *c = malloc(sizeof *c);
    *socket_context = c;
    if (!c) return;
    /* The target's text stays untouched: an idle connection costs less than a page of real memory. */
    memset(c, 0, offsetof(http_connection, target));
    const union MHD_ConnectionInfo *address = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    c->peer = http_address_peer(address ? address->client_addr : NULL);
    const union MHD_ConnectionInfo *socket = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    c->server = server;
    c->mhd = mhd;
    c->socket = socket ? socket->connect_fd : -1;
    c->since_ns = assay_os_monotonic_ns();
    assay_os_mutex_lock(&server->lock);
    c->next = server->connections;
    if (c->next) c->next->prev = c;
    server->connections = c;
    server->connections_count++;
    bool scarce = server->connections_count >= server->limits.connections - server->limits.connections / 8;
    if (scarce)
        http_watch_by(server, c->since_ns);
    else
        http_watch_by(server, http_watch_deadline(c, false));
    assay_os_mutex_unlock(&server->lock);
}

static void connection_end(assay_http_server *server, http_connection *c) {
    if (!c) return;
    http_request_end(c);
    assay_os_mutex_lock(&server->lock);
    if (c->next) c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else
        server->connections = c->next;
    server->connections_count--;
    assay_os_mutex_unlock(&server->lock);
    free(c);
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_start(context, mhd, socket_context);
    else
        connection_end(context, *socket_context);
}

/* The request line is there. libmicrohttpd cuts the target in place right after this call, so the text is kept here. */
static void *on_target(void *context, const char *target, struct MHD_Connection *mhd) {
    (void)context;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    http_connection *c = info ? info->socket_context : NULL;
    if (!c) return NULL;
    c->target_len = strlen(target);
    if (c->target_len <= sizeof c->target_text) memcpy(c->target_text, target, c->target_len);
    return c;
}

/* Paths are decoded strictly in target.c; libmicrohttpd's own copy is not used. */
static size_t no_unescape(void *context, struct MHD_Connection *mhd, char *text) {
    (void)context, (void)mhd;
    return strlen(text);
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **connection,
                         enum MHD_RequestTerminationCode code) {
    (void)context, (void)mhd, (void)code;
    if (*connection) http_request_end(*connection);
}

/* ---- start ----------------------------------------------------------------------------------------------------------
 */

static uint32_t limit(uint32_t wanted, uint32_t normal, uint32_t least, uint32_t most) {
    if (wanted == 0) return normal;
    return wanted < least ? least : wanted > most ? most : wanted;
}

static assay_http_limits limits_of(assay_http_limits wanted) {
    assay_http_limits l;
    l.threads = limit(wanted.threads, 2, 1, THREADS_MAX);
    l.connections = limit(wanted.connections, 512, l.threads, CONNECTIONS_MAX);
    uint32_t least = (l.connections + CONNECTIONS_PER_THREAD_MAX - 1) / CONNECTIONS_PER_THREAD_MAX;
    if (l.threads < least) l.threads = least;
    l.connections_per_address = limit(wanted.connections_per_address, 256, 1, CONNECTIONS_MAX);
    l.timeout_seconds = limit(wanted.timeout_seconds, 30, 1, 3600);
    l.requests_in_memory = limit(wanted.requests_in_memory, 64, SLOTS_MIN, SLOTS_MAX);
    l.bytes_in_memory = wanted.bytes_in_memory ? wanted.bytes_in_memory : UINT64_C(1) << 30;
    l.bytes_per_second = limit(wanted.bytes_per_second, 16384, 1024, 1u << 30);
    l.workers = limit(wanted.workers, 4, 1, THREADS_MAX);
    return l;
}

static const char *patterns_wrong(const assay_http_route *routes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!http_pattern_ok(routes[i].pattern))
            return routes[i].pattern ? routes[i].pattern : "a route without a pattern";
        if (routes[i].method == ASSAY_HTTP_HEAD || routes[i].handler == NULL) return routes[i].pattern;
    }
    return NULL;
}

/* Each thread has its own listening epoll and its share of the connections. No timeout of libmicrohttpd's: see watch.c.
 */
static assay_err listen_on(assay_http_server *server, uint16_t *port_out, const http_address *address) {
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO;
    if (address->family == AF_INET6) flags |= MHD_USE_IPv6;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_SOCK_ADDR, 0, (void *)(uintptr_t)address},
        {MHD_OPTION_CONNECTION_LIMIT, server->limits.connections, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, server->limits.connections_per_address, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, ASSAY_HTTP_HEADERS_LEN_MAX, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_THREAD_STACK_SIZE, (intptr_t)THREAD_STACK_LEN, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_target, server},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)no_unescape, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, server},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, server},
        /* A pool of one is refused; without a pool there is one thread. */
        {server->limits.threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, server->limits.threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    errno = 0;
    server->daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, http_on_request, server, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!server->daemon) return errno == ENOMEM ? ASSAY_F_MEMORY : ASSAY_F_NETWORK;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    if (!info) return ASSAY_F_NETWORK;
    *port_out = info->port;
    return ASSAY_OK;
}

static void server_free(assay_http_server *server) {
    if (server->daemon) MHD_stop_daemon(server->daemon);
    http_workers_fini(server);
    http_watch_fini(server);
    ASSAY_ASSERT(server->connections_count == 0);
    http_slots_fini(server);
    assay_os_condition_fini(&server->watch_wake);
    assay_os_condition_fini(&server->job_there);
    assay_os_condition_fini(&server->slot_there);
    assay_os_condition_fini(&server->calm);
    assay_os_mutex_fini(&server->lock);
    free(server);
}

assay_err assay_http_start(assay_http_server **out, uint16_t *port_out, const char **why, const char *address,
                           uint16_t port, const assay_http_route *routes, size_t routes_count, void *context,
                           assay_http_limits limits) {
    static _Thread_local char reason[128];
    *out = NULL;
    *why = NULL;
    http_address where;
    if (!http_address_parse(&where, address, port)) return *why = "not an IP address", ASSAY_F_NETWORK;
    if ((*why = patterns_wrong(routes, routes_count)) != NULL) return ASSAY_E_USAGE;
    assay_http_server *server = calloc(1, sizeof *server);
    if (!server) return *why = "out of memory", ASSAY_F_MEMORY;
    server->routes = routes;
    server->routes_count = routes_count;
    server->context = context;
    server->limits = limits_of(limits);
    assay_os_mutex_init(&server->lock);
    assay_os_condition_init(&server->calm);
    assay_os_condition_init(&server->job_there);
    assay_os_condition_init(&server->slot_there);
    assay_os_condition_init(&server->watch_wake);
    assay_err err = http_slots_init(server);
    if (!err) err = http_watch_init(server);
    if (!err) err = http_workers_init(server);
    if (!err) err = listen_on(server, port_out, &where);
    if (err) {
        assay_os_reason(reason, sizeof reason);
        server_free(server);
        *why = err == ASSAY_F_MEMORY ? "out of memory" : reason;
        return err;
    }
    *out = server;
    return ASSAY_OK;
}

/* ---- stop -----------------------------------------------------------------------------------------------------------
 */

void assay_http_stop(assay_http_server *server) {
    if (!server) return;
    assay_os_mutex_lock(&server->lock);
    atomic_store(&server->stopping, true);
    assay_os_condition_broadcast(&server->slot_there);
    assay_os_mutex_unlock(&server->lock);
    /* Nobody new; closed only when libmicrohttpd's threads, which may still look at it, are gone. */
    MHD_socket listener = MHD_quiesce_daemon(server->daemon);
    if (listener != MHD_INVALID_SOCKET) shutdown(listener, SHUT_RDWR);
    /* From here on no request gets a slot, so the queue only shrinks; its last handler resumes its connection, as
     * libmicrohttpd demands before it may be stopped. */
    http_workers_fini(server);
    uint64_t deadline = assay_os_monotonic_ns() + STOP_NS;
    assay_os_mutex_lock(&server->lock);
    while (server->busy && assay_os_condition_wait(&server->calm, &server->lock, deadline)) {}
    assay_os_mutex_unlock(&server->lock);
    server_free(server);
    if (listener != MHD_INVALID_SOCKET) close(listener);
}

assay_http_counts assay_http_count(const assay_http_server *server) {
    /* Reading needs the lock, which is not a change that anybody could see. */
    assay_http_server *s = (assay_http_server *)(uintptr_t)server;
    assay_http_counts counts = {.requests = atomic_load(&s->requests),
                                .bytes_in = atomic_load(&s->bytes_in),
                                .bytes_out = atomic_load(&s->bytes_out),
                                .refused = atomic_load(&s->refused)};
    for (int i = 0; i < 6; i++) counts.by_class[i] = atomic_load(&s->by_class[i]);
    assay_os_mutex_lock(&s->lock);
    counts.connections = s->connections_count;
    assay_os_mutex_unlock(&s->lock);
    return counts;
}
