/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads for handlers that take their time. Their number follows one rule: at least limits.workers of them are never
 * inside a handler that waits. They are started when first needed and stay; there are never more than slots plus
 * limits.workers. The queue holds at most one request of every connection. */
#include "http_internal.h"

#include <stdlib.h>

#define STACK_LEN (512u * 1024) /* lazily backed; handlers of other rooms run on it */

static void run(void *context);

/* The caller holds the lock. A thread that cannot be had is no failure: those that are there go on. */
static void start_one(assay_http_server *server) {
    if (server->workers_count == server->workers_max) return;
    assay_os_thread *thread = &server->workers[server->workers_count];
    if (assay_os_thread_start(thread, "http-worker", STACK_LEN, run, server) == ASSAY_OK) server->workers_count++;
}

static void keep_enough(assay_http_server *server) {
    if (server->workers_count - server->workers_waiting < server->limits.workers) start_one(server);
}

static void run(void *context) {
    assay_http_server *server = context;
    assay_os_mutex_lock(&server->lock);
    for (;;) {
        while (!server->jobs && !(server->workers_end && server->jobs_count == 0)) {
            server->workers_idle++;
            assay_os_condition_wait(&server->job_there, &server->lock, ASSAY_OS_NO_DEADLINE);
            server->workers_idle--;
        }
        http_connection *connection = server->jobs;
        if (!connection) break;
        server->jobs = connection->next_job;
        server->jobs_count--;
        bool waits = connection->route->pace == ASSAY_HTTP_WAITS;
        server->workers_waiting += waits;
        if (waits) keep_enough(server);
        assay_os_mutex_unlock(&server->lock);

        struct MHD_Connection *mhd = connection->mhd;
        http_request_handle(connection);
        MHD_resume_connection(mhd); /* from here on the connection is its own thread's, and may be gone */

        assay_os_mutex_lock(&server->lock);
        server->workers_waiting -= waits;
    }
    assay_os_mutex_unlock(&server->lock);
}

assay_err http_workers_init(assay_http_server *server) {
    server->workers_max = server->limits.workers + server->limits.requests_in_memory;
    server->workers = calloc(server->workers_max, sizeof *server->workers);
    if (!server->workers) return ASSAY_F_MEMORY;
    /* One must be there: a server that cannot start any thread says so at once. */
    assay_os_mutex_lock(&server->lock);
    start_one(server);
    bool ok = server->workers_count == 1;
    assay_os_mutex_unlock(&server->lock);
    return ok ? ASSAY_OK : ASSAY_F_MEMORY;
}

void http_workers_fini(assay_http_server *server) {
    if (!server->workers) return;
    assay_os_mutex_lock(&server->lock);
    server->workers_end = true;
    assay_os_condition_broadcast(&server->job_there);
    assay_os_mutex_unlock(&server->lock);
    /* The number can still grow while jobs are left; it cannot once the last of them was joined. */
    for (uint32_t i = 0;; i++) {
        assay_os_mutex_lock(&server->lock);
        bool done = i == server->workers_count;
        assay_os_mutex_unlock(&server->lock);
        if (done) break;
        assay_os_thread_join(&server->workers[i]);
    }
    free(server->workers);
    server->workers = NULL;
}

bool http_workers_expect(assay_http_server *server) {
    assay_os_mutex_lock(&server->lock);
    bool ok = !server->workers_end;
    server->jobs_count += ok;
    assay_os_mutex_unlock(&server->lock);
    return ok;
}

void http_workers_put(assay_http_server *server, http_connection *connection) {
    assay_os_mutex_lock(&server->lock);
    connection->next_job = NULL;
    if (server->jobs)
        server->jobs_last->next_job = connection;
    else
        server->jobs = connection;
    server->jobs_last = connection;
    if (server->workers_idle) assay_os_condition_signal(&server->job_there);
    /* An idle worker may have been called for an earlier job already. */
    if (server->jobs_count > server->workers_idle) {
        keep_enough(server);
        http_watch_by(server, connection->since_ns + HTTP_STUCK_NS);
    }
    assay_os_mutex_unlock(&server->lock);
}

void http_workers_grow(assay_http_server *server, uint64_t now_ns) {
    for (const http_connection *job = server->jobs; job; job = job->next_job) {
        if (job->since_ns + HTTP_STUCK_NS > now_ns) {
            http_watch_by(server, job->since_ns + HTTP_STUCK_NS);
            break;
        }
        start_one(server);
    }
}
