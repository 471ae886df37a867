/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw sockets for tests: what is sent is exactly what a test says, and reading has deadlines. */
#ifndef ASSAY_HTTP_TEST_RAW_INTERNAL_H
#define ASSAY_HTTP_TEST_RAW_INTERNAL_H

#include "http/http.h"
#include "os/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
#define TEXT_MAX 65536

static inline double seconds_since(uint64_t begin_ns) { return (double)(assay_os_monotonic_ns() - begin_ns) / 1e9; }

/* raw_dial - a connection from 127.0.0.<last>; -1 if it was refused. */
static inline int raw_dial(uint16_t port, uint8_t last) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u + last)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
    close(fd);
    return -1;
}

/* raw_send - true if all was taken; false if the other side is gone. */
static inline bool raw_send(int fd, const void *bytes, size_t len) {
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, (const char *)bytes + at, len - at, MSG_NOSIGNAL);
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

static inline bool raw_say(int fd, const char *text) { return raw_send(fd, text, strlen(text)); }

/* raw_recv - like recv, but 0 also after a reset, and -1 if nothing came for so long. */
static inline ssize_t raw_recv(int fd, void *out, size_t cap, int milliseconds) {
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, milliseconds) <= 0) return -1;
    ssize_t n = recv(fd, out, cap, 0);
    return n < 0 ? 0 : n;
}

/* raw_read_all - reads until the other side closes (true) or nothing came for so long (false); out is cut at TEXT_MAX
 * - 1. */
static inline bool raw_read_all(int fd, char *out, int milliseconds) {
    size_t len = 0;
    char rest[4096];
    for (;;) {
        bool full = len + sizeof rest >= TEXT_MAX;
        ssize_t n = raw_recv(fd, full ? rest : out + len, sizeof rest, milliseconds);
        if (n > 0 && !full) len += (size_t)n;
        out[len] = 0;
        if (n <= 0) return n == 0;
    }
}

/* raw_answer - one answer with Content-Length (or 204, 304): its status, the whole text in out (cut at TEXT_MAX - 1). 0
 * if the connection closed or nothing came in 5 s. */
static inline int raw_answer_to(int fd, char *out, bool head) {
    size_t len = 0, want = SIZE_MAX;
    while (len < want) {
        char c;
        if (raw_recv(fd, &c, 1, 5000) <= 0) return out[len < TEXT_MAX ? len : TEXT_MAX - 1] = 0, 0;
        if (len < TEXT_MAX - 1) out[len] = c, out[len + 1] = 0;
        len++;
        if (want != SIZE_MAX || len < 4 || memcmp(out + len - 4, "\r\n\r\n", 4) != 0) continue;
        const char *length = strstr(out, "Content-Length: ");
        want = len + (length && !head ? strtoul(length + 16, NULL, 10) : 0);
        /* The rest at once: byte by byte is for heads. */
        while (len < want) {
            char rest[65536];
            size_t step = want - len < sizeof rest ? want - len : sizeof rest;
            ssize_t n = raw_recv(fd, rest, step, 5000);
            if (n <= 0) return 0;
            for (ssize_t i = 0; i < n; i++, len++)
                if (len < TEXT_MAX - 1) out[len] = rest[i], out[len + 1] = 0;
        }
    }
    return atoi(out + 9);
}

static inline int raw_answer(int fd, char *out) { return raw_answer_to(fd, out, false); }

/* raw_ask - a fresh connection from 127.0.0.<last>, one request, one answer; its status. */
static inline int raw_ask_from(uint16_t port, uint8_t last, const char *request, char *out) {
    int fd = raw_dial(port, last);
    out[0] = 0;
    if (fd < 0) return 0;
    int status = raw_say(fd, request) ? raw_answer_to(fd, out, strncmp(request, "HEAD", 4) == 0) : 0;
    close(fd);
    return status;
}

static inline int raw_ask(uint16_t port, const char *request, char *out) { return raw_ask_from(port, 1, request, out); }

/* raw_body - where the body of an answer begins. */
static inline const char *raw_body(const char *answer) {
    const char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

/* serve - a server on a free port. */
static inline assay_http_server *serve(uint16_t *port, const assay_http_route *routes, size_t count, void *context,
                                       assay_http_limits limits) {
    assay_http_server *server;
    const char *why;
    assay_err err = assay_http_start(&server, port, &why, "127.0.0.1", 0, routes, count, context, limits);
    if (err) fail_msg("%s: %s", assay_base_err_text(err), why);
    assert_true(*port > 0);
    return server;
}

#endif
