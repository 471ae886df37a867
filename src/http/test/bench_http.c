/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_http - small JSON answers over loopback, keep-alive, without pipelining. Clients and server share this process
 * and this machine's processors. usage: bench_http [connections [seconds]] */
#include "http/http.h"
#include "os/os.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 512, CLIENT_THREADS = 2 };

static void status(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context;
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 4096);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "chain_id", "bench-0123456789ab");
    assay_json_u64(&json, "height", 123456);
    assay_json_amount(&json, "supply", UINT64_C(1000000000000000));
    assay_json_close(&json, '}');
    assay_http_json_done(request, response, &json);
}

static uint8_t mebibyte[1 << 20];

static void range(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)context, (void)request;
    response->content_type = "application/octet-stream";
    response->body = (assay_bytes){mebibyte, sizeof mebibyte};
}

static const assay_http_route routes[] = {
    {ASSAY_HTTP_GET, "/quick", status, 0, 65536, ASSAY_HTTP_QUICK},
    {ASSAY_HTTP_GET, "/works", status, 0, 65536, ASSAY_HTTP_WORKS},
    {ASSAY_HTTP_GET, "/range", range, 0, 65536, ASSAY_HTTP_WORKS},
};

typedef struct load {
    uint16_t port;
    const char *path;
    uint32_t connections;
    uint64_t until_ns;
    uint64_t answers, bytes;
} load;

typedef struct peer {
    int fd;
    int64_t left; /* bytes of the answer still to come; 0: head not read */
} peer;

static int dial(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) abort();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* Reads what is there; true when the answer is complete. */
static bool read_answer(peer *p, load *l, char *memory, size_t cap) {
    ssize_t n = recv(p->fd, memory, cap - 1, 0);
    if (n <= 0) abort();
    l->bytes += (uint64_t)n;
    if (p->left == 0) {
        memory[n] = 0;
        const char *length = strstr(memory, "Content-Length: "), *end = strstr(memory, "\r\n\r\n");
        if (!length || !end || strncmp(memory, "HTTP/1.1 200", 12) != 0) abort();
        p->left = (end + 4 - memory) + strtoll(length + 16, NULL, 10);
    }
    p->left -= n;
    return p->left == 0;
}

static void run(void *context) {
    load *l = context;
    char memory[1 << 18];
    char request[128];
    int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", l->path);
    peer peers[CONNECTIONS_MAX];
    int set = epoll_create1(0);
    for (uint32_t i = 0; i < l->connections; i++) {
        peers[i] = (peer){dial(l->port), 0};
        struct epoll_event e = {EPOLLIN, {.u32 = i}};
        epoll_ctl(set, EPOLL_CTL_ADD, peers[i].fd, &e);
        if (send(peers[i].fd, request, (size_t)len, 0) != len) abort();
    }
    while (assay_os_monotonic_ns() < l->until_ns) {
        struct epoll_event events[64];
        int count = epoll_wait(set, events, 64, 1000);
        for (int i = 0; i < count; i++) {
            peer *p = &peers[events[i].data.u32];
            if (!read_answer(p, l, memory, sizeof memory)) continue;
            l->answers++;
            if (send(p->fd, request, (size_t)len, 0) != len) abort();
        }
    }
    for (uint32_t i = 0; i < l->connections; i++) close(peers[i].fd);
    close(set);
}

static void measure(uint16_t port, const char *path, uint32_t connections, uint32_t seconds) {
    load loads[CLIENT_THREADS];
    assay_os_thread threads[CLIENT_THREADS];
    uint64_t begin = assay_os_monotonic_ns(), cpu = assay_os_cpu_ns();
    for (int i = 0; i < CLIENT_THREADS; i++) {
        loads[i] = (load){port, path, connections / CLIENT_THREADS, begin + seconds * UINT64_C(1000000000), 0, 0};
        if (assay_os_thread_start(&threads[i], "client", 1 << 20, run, &loads[i])) abort();
    }
    for (int i = 0; i < CLIENT_THREADS; i++) assay_os_thread_join(&threads[i]);
    double elapsed = (double)(assay_os_monotonic_ns() - begin) / 1e9, used = (double)(assay_os_cpu_ns() - cpu) / 1e9;
    double answers = 0, bytes = 0;
    for (int i = 0; i < CLIENT_THREADS; i++) answers += (double)loads[i].answers, bytes += (double)loads[i].bytes;
    printf("%-8s %3u connections: %8.0f answers/s, %7.1f MiB/s, %4.1f us of processor each (client included)\n", path,
           connections, answers / elapsed, bytes / elapsed / 1048576, used / answers * 1e6);
}

int main(int argc, char **argv) {
    uint32_t connections = argc > 1 ? (uint32_t)atoi(argv[1]) : 32, seconds = argc > 2 ? (uint32_t)atoi(argv[2]) : 3;
    assay_http_server *server;
    uint16_t port;
    const char *why;
    if (connections > CONNECTIONS_MAX ||
        assay_http_start(&server, &port, &why, "127.0.0.1", 0, routes, 3, NULL,
                         (assay_http_limits){.connections = 1024, .connections_per_address = 1024}))
        return printf("%s\n", why), 1;
    measure(port, "/quick", connections, seconds);
    measure(port, "/works", connections, seconds);
    measure(port, "/range", connections < 16 ? connections : 16, seconds);
    printf("resident %.1f MiB\n", (double)assay_os_resident() / 1048576);
    assay_http_stop(server);
    return 0;
}
