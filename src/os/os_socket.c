/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "os_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- addresses --------------------------------------------------------------------------------------------------- */

typedef struct place {
    union {
        struct sockaddr any;
        struct sockaddr_un path;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } name;
    socklen_t len;
} place;

static assay_err unix_place(place *out, const char *path) {
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof out->name.path.sun_path) return ASSAY_E_RANGE;
    out->name.path = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(out->name.path.sun_path, path, len);
    out->len = sizeof out->name.path;
    return ASSAY_OK;
}

static assay_err tcp_place(place *out, const char *text) {
    char host[64];
    uint64_t port;
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool six = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (six) text++, len -= 2;
    if (len == 0 || len >= sizeof host) return ASSAY_E_RANGE;
    memcpy(host, text, len);
    host[len] = 0;
    if (assay_base_undecimal(&port, assay_base_bytes_str(colon + 1)) != ASSAY_OK || port > UINT16_MAX)
        return ASSAY_E_RANGE;
    if (six) {
        out->name.six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        out->len = sizeof out->name.six;
        return inet_pton(AF_INET6, host, &out->name.six.sin6_addr) == 1 ? ASSAY_OK : ASSAY_E_RANGE;
    }
    out->name.four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    out->len = sizeof out->name.four;
    return inet_pton(AF_INET, host, &out->name.four.sin_addr) == 1 ? ASSAY_OK : ASSAY_E_RANGE;
}

static assay_err place_of(place *out, const char *address) {
    memset(out, 0, sizeof *out);
    if (strncmp(address, "unix://", 7) == 0) return unix_place(out, address + 7);
    if (strncmp(address, "tcp://", 6) == 0) return tcp_place(out, address + 6);
    return ASSAY_E_RANGE;
}

static assay_err closed(int fd, assay_err err) {
    int code = errno;
    close(fd);
    errno = code;
    return err;
}

static int socket_new(const place *where) {
    return socket(where->name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Small requests and answers take turns here: none waits for a fuller packet. */
static void hurry(int fd, const place *where) {
    int on = 1;
    if (where->name.any.sa_family != AF_UNIX) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Until the socket is ready for events, or has failed: then the call that follows says how. */
static assay_err await(const assay_os_socket *socket, short events, uint64_t deadline_ns) {
    for (;;) {
        bool endless = deadline_ns == ASSAY_OS_NO_DEADLINE;
        if (!endless && assay_os_stop_requested()) return ASSAY_F_INTERRUPTED;
        uint64_t now = assay_os_monotonic_ns();
        if (now >= deadline_ns) return ASSAY_F_TIMEOUT;
        uint64_t left_ms = (deadline_ns - now) / 1000000 + 1;
        struct pollfd p[2] = {{socket->fd_plus_one - 1, events, 0}, {os_stop_fd(), POLLIN, 0}};
        int ready = poll(p, endless ? 1 : 2, left_ms > 60000 ? 60000 : (int)left_ms);
        if (ready < 0 && errno != EINTR) return ASSAY_F_NETWORK;
        if (ready > 0 && p[0].revents) return ASSAY_OK;
    }
}

static bool is_transient(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/* ---- connecting -------------------------------------------------------------------------------------------------- */

assay_err assay_os_socket_dial(assay_os_socket *out, const char *address, uint64_t deadline_ns) {
    place where;
    *out = (assay_os_socket){0};
    ASSAY_TRY(place_of(&where, address));
    int fd = socket_new(&where);
    if (fd < 0) return ASSAY_F_BUSY;
    hurry(fd, &where);
    assay_os_socket made = {fd + 1};
    if (connect(fd, &where.name.any, where.len) != 0) {
        /* Of unix sockets this never waits: it is done, or refused (EAGAIN: the listener's queue is full). */
        if (errno == EAGAIN) return closed(fd, ASSAY_F_BUSY);
        if (errno != EINPROGRESS) return closed(fd, ASSAY_F_NETWORK);
        assay_err err = await(&made, POLLOUT, deadline_ns);
        if (err != ASSAY_OK) return closed(fd, err);
        int code = 0;
        socklen_t len = sizeof code;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0) return closed(fd, ASSAY_F_NETWORK);
        errno = code;
        if (code) return closed(fd, ASSAY_F_NETWORK);
    }
    *out = made;
    return ASSAY_OK;
}

/* What a listener that was killed left in its place goes; one that lives stays. */
static assay_err make_room(const place *where) {
    int fd = socket_new(where);
    if (fd < 0) return ASSAY_F_NETWORK;
    bool heard = connect(fd, &where->name.any, where->len) == 0 || errno == EAGAIN;
    close(fd);
    if (heard) return ASSAY_F_BUSY;
    struct stat st;
    if (lstat(where->name.path.sun_path, &st) == 0 && S_ISSOCK(st.st_mode)) (void)unlink(where->name.path.sun_path);
    return ASSAY_OK;
}

assay_err assay_os_socket_listen(assay_os_socket *out, const char *address, uint16_t *port) {
    place where;
    int on = 1;
    *out = (assay_os_socket){0};
    if (port) *port = 0;
    ASSAY_TRY(place_of(&where, address));
    bool path = where.name.any.sa_family == AF_UNIX;
    if (path) ASSAY_TRY(make_room(&where));
    int fd = socket_new(&where);
    if (fd < 0) return ASSAY_F_NETWORK;
    if (!path) (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    hurry(fd, &where);
    if (path) (void)fchmod(fd, 0600); /* what bind makes has these permissions */
    if (bind(fd, &where.name.any, where.len) != 0)
        return closed(fd, errno == EADDRINUSE ? ASSAY_F_BUSY : ASSAY_F_NETWORK);
    if (listen(fd, 64) != 0) return closed(fd, ASSAY_F_NETWORK);
    if (!path && port) {
        if (getsockname(fd, &where.name.any, &where.len) != 0) return closed(fd, ASSAY_F_NETWORK);
        bool six = where.name.any.sa_family == AF_INET6;
        *port = ntohs(six ? where.name.six.sin6_port : where.name.four.sin_port);
    }
    out->fd_plus_one = fd + 1;
    return ASSAY_OK;
}

static bool is_shut(const assay_os_socket *listener) {
    struct pollfd p = {listener->fd_plus_one - 1, POLLIN, 0};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

assay_err assay_os_socket_accept(assay_os_socket *out, assay_os_socket *listener, uint64_t deadline_ns) {
    *out = (assay_os_socket){0};
    for (;;) {
        int fd = accept4(listener->fd_plus_one - 1, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            int on = 1;
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* refused where it has no meaning */
            out->fd_plus_one = fd + 1;
            return ASSAY_OK;
        }
        if (!is_transient() && errno != ECONNABORTED) return ASSAY_F_NETWORK;
        ASSAY_TRY(await(listener, POLLIN, deadline_ns));
        if (is_shut(listener)) return ASSAY_F_NETWORK; /* of a unix socket accept(2) would not say so */
    }
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

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

void assay_os_socket_shut(const assay_os_socket *socket) {
    if (socket->fd_plus_one) (void)shutdown(socket->fd_plus_one - 1, SHUT_RDWR);
}

void assay_os_socket_close(assay_os_socket *socket) {
    if (socket->fd_plus_one) close(socket->fd_plus_one - 1);
    *socket = (assay_os_socket){0};
}
