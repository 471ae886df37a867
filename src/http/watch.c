/* SPDX-License-Identifier: Apache-2.0
 *
 * One thread that cuts what is too slow. libmicrohttpd's own timeout starts anew with every byte, so a byte now and
 * then holds a connection for ever; here a phase as a whole has a deadline. The thread sleeps until the next thing is
 * due. */
#include "http_internal.h"

#include <string.h>

#define TICK_NS 100000000u /* looks at most ten times a second, however many things are due */
#define SCARCE_NS 2000000000u
#define SECOND_NS UINT64_C(1000000000)

uint64_t http_watch_deadline(const http_connection *connection, bool scarce) {
    uint64_t grace = connection->server->limits.timeout_seconds * SECOND_NS;
    switch (connection->phase) {
    case HTTP_OPEN:
        /* When connections run out, those on which nothing goes on make room first. */
        if (scarce && grace > SCARCE_NS) grace = SCARCE_NS;
        break;
    case HTTP_BODY:
    case HTTP_SEND:
        /* In milliseconds: moved is what lies in memory, so this stays far below 2^64. */
        grace += connection->moved * 1000 / connection->server->limits.bytes_per_second * (SECOND_NS / 1000);
        break;
    case HTTP_WORK: return UINT64_MAX;
    }
    return connection->since_ns + grace;
}

/* The lock is held, so libmicrohttpd can neither have closed the socket (its notice comes first, and takes the lock)
 * nor have begun an answer: what is written here stands alone. An idle connection that was served before is closed
 * without a word: its client could take that for the answer to what it is about to send. */
static void cut(assay_http_server *server, http_connection *connection) {
    static const char late[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    if (connection->phase == HTTP_BODY || (connection->phase == HTTP_OPEN && !connection->served)) {
        atomic_fetch_add(&server->by_class[4], 1);
        (void)!send(connection->socket, late, sizeof late - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    /* Counted before the client can know, so that who was cut finds it in the count. */
    if (connection->phase != HTTP_OPEN || !connection->served) atomic_fetch_add(&server->refused, 1);
    connection->cut = true;
    /* libmicrohttpd sees the end and closes. */
    shutdown(connection->socket, SHUT_RDWR);
}

static void look(assay_http_server *server, uint64_t now) {
    bool scarce = server->connections_count >= server->limits.connections - server->limits.connections / 8;
    server->watch_at = UINT64_MAX;
    for (http_connection *c = server->connections; c; c = c->next) {
        if (c->cut) continue;
        uint64_t deadline = http_watch_deadline(c, scarce);
        if (deadline <= now)
            cut(server, c);
        else
            http_watch_by(server, deadline);
    }
    http_workers_grow(server, now);
    http_slots_trim(server, now);
}

static void run(void *context) {
    assay_http_server *server = context;
    assay_os_mutex_lock(&server->lock);
    while (!server->watch_end) {
        uint64_t now = assay_os_monotonic_ns();
        if (now < server->watch_at) {
            assay_os_condition_wait(&server->watch_wake, &server->lock, server->watch_at);
            continue;
        }
        look(server, now);
        if (server->watch_at < now + TICK_NS) server->watch_at = now + TICK_NS;
    }
    assay_os_mutex_unlock(&server->lock);
}

assay_err http_watch_init(assay_http_server *server) {
    server->watch_at = UINT64_MAX;
    ASSAY_TRY(assay_os_thread_start(&server->watch, "http-watch", 0, run, server));
    server->watch_running = true;
    return ASSAY_OK;
}

void http_watch_fini(assay_http_server *server) {
    if (!server->watch_running) return;
    assay_os_mutex_lock(&server->lock);
    server->watch_end = true;
    assay_os_condition_signal(&server->watch_wake);
    assay_os_mutex_unlock(&server->lock);
    assay_os_thread_join(&server->watch);
}

void http_watch_by(assay_http_server *server, uint64_t at_ns) {
    if (at_ns >= server->watch_at) return;
    server->watch_at = at_ns;
    assay_os_condition_signal(&server->watch_wake);
}
