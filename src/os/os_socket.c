/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "os_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

assay_err assay_os_socket_dial(assay_os_socket *out, const char *path) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    *out = (assay_os_socket){0};
    if (len == 0 || len >= sizeof where.sun_path) return ASSAY_E_RANGE;
    memcpy(where.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return ASSAY_F_NETWORK;
    /* Of unix sockets this never waits: it is done, or refused (EAGAIN: the listener's queue is full). */
    if (connect(fd, (const struct sockaddr *)&where, sizeof where) != 0) {
        int code = errno;
        close(fd);
        errno = code;
        return ASSAY_F_NETWORK;
    }
    out->fd_plus_one = fd + 1;
    return ASSAY_OK;
}

/* Until the socket is ready for events, or has failed: then the call that follows says how. */
static assay_err await(const assay_os_socket *socket, short events, uint64_t deadline_ns) {
    for (;;) {
        if (assay_os_stop_requested()) return ASSAY_F_INTERRUPTED;
        uint64_t now = assay_os_monotonic_ns();
        if (now >= deadline_ns) return ASSAY_F_TIMEOUT;
        uint64_t left_ms = (deadline_ns - now) / 1000000 + 1;
        struct pollfd p[2] = {{socket->fd_plus_one - 1, events, 0}, {os_stop_fd(), POLLIN, 0}};
        int ready = poll(p, 2, left_ms > 60000 ? 60000 : (int)left_ms);
        if (ready < 0 && errno != EINTR) return ASSAY_F_NETWORK;
        if (ready > 0 && p[0].revents) return ASSAY_OK;
    }
}

static bool is_transient(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

assay_err assay_os_socket_receive(size_t *len, assay_os_socket *socket, uint8_t *out, size_t cap,
                                  uint64_t deadline_ns) {
    for (;;) {
        ssize_t n = recv(socket->fd_plus_one - 1, out, cap, 0);
        *len = n > 0 ? (size_t)n : 0;
        if (n >= 0) return ASSAY_OK;
        if (!is_transient()) return ASSAY_F_NETWORK;
        ASSAY_TRY(await(socket, POLLIN, deadline_ns));
    }
}

assay_err assay_os_socket_send(assay_os_socket *socket, assay_bytes bytes, uint64_t deadline_ns) {
    while (bytes.len) {
        ssize_t n = send(socket->fd_plus_one - 1, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n > 0) {
            bytes = (assay_bytes){bytes.ptr + n, bytes.len - (size_t)n};
            continue;
        }
        if (n < 0 && !is_transient()) return ASSAY_F_NETWORK;
        ASSAY_TRY(await(socket, POLLOUT, deadline_ns));
    }
    return ASSAY_OK;
}

void assay_os_socket_close(assay_os_socket *socket) {
    if (socket->fd_plus_one) close(socket->fd_plus_one - 1);
    *socket = (assay_os_socket){0};
}
