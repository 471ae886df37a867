/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "os_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

const char *assay_os_env(const char *name) { return getenv(name); }

assay_err assay_os_program_dir(const char **out, assay_arena *keep) {
    char path[4096];
    assay_bytes copy;
    ssize_t len = readlink("/proc/self/exe", path, sizeof path);
    if (len <= 0 || (size_t)len == sizeof path) return ASSAY_F_STORAGE;
    while (len > 1 && path[len - 1] != '/') len--;
    path[len - 1] = 0;
    ASSAY_TRY(assay_base_arena_copy(&copy, keep, (assay_bytes){(const uint8_t *)path, (size_t)len}));
    *out = (const char *)copy.ptr;
    return ASSAY_OK;
}

assay_err assay_os_work_dir(const char **out, assay_arena *keep) {
    char path[4096];
    assay_bytes copy;
    if (!getcwd(path, sizeof path) || path[0] != '/') return ASSAY_F_STORAGE;
    ASSAY_TRY(assay_base_arena_copy(&copy, keep, (assay_bytes){(const uint8_t *)path, strlen(path) + 1}));
    *out = (const char *)copy.ptr;
    return ASSAY_OK;
}

uint32_t assay_os_process_id(void) { return (uint32_t)getpid(); }

uint64_t assay_os_open_files_raise(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

assay_err assay_os_home_dir(const char **out, assay_arena *keep, assay_os_home which) {
    static const struct {
        const char *variable, *below_home;
    } rows[] = {
        [ASSAY_OS_HOME] = {NULL, ""},
        [ASSAY_OS_CONFIG] = {"XDG_CONFIG_HOME", ".config"},
        [ASSAY_OS_STATE] = {"XDG_STATE_HOME", ".local/state"},
        [ASSAY_OS_CACHE] = {"XDG_CACHE_HOME", ".cache"},
        [ASSAY_OS_DATA] = {"XDG_DATA_HOME", ".local/share"},
    };
    const char *value = rows[which].variable ? getenv(rows[which].variable) : NULL;
    if (value && value[0] == '/') return assay_os_path_join(out, keep, "", assay_base_bytes_str(value));
    const char *home = getenv("HOME");
    if (!home || home[0] != '/') return ASSAY_E_NOT_FOUND;
    if (which == ASSAY_OS_HOME) return assay_os_path_join(out, keep, "", assay_base_bytes_str(home));
    return assay_os_path_join(out, keep, home, assay_base_bytes_str(rows[which].below_home));
}

/* ---- console ------------------------------------------------------------------------------------------------- */

assay_err assay_os_print(assay_os_stream stream, assay_bytes bytes) {
    for (size_t done = 0; done < bytes.len;) {
        ssize_t n = write((int)stream, bytes.ptr + done, bytes.len - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) { /* a non-blocking terminal or pipe that is full */
            struct pollfd p = {(int)stream, POLLOUT, 0};
            (void)poll(&p, 1, -1);
            continue;
        }
        if (n < 0) return ASSAY_F_STORAGE;
        done += (size_t)n;
    }
    return ASSAY_OK;
}

assay_err assay_os_printf(assay_os_stream stream, const char *format, ...) {
    char text[2048];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len < 0) return ASSAY_F_STORAGE;
    if ((size_t)len < sizeof text) return assay_os_print(stream, (assay_bytes){(const uint8_t *)text, (size_t)len});
    char *longer = malloc((size_t)len + 1);
    if (!longer) return ASSAY_F_MEMORY;
    va_start(args, format);
    (void)vsnprintf(longer, (size_t)len + 1, format, args);
    va_end(args);
    assay_err err = assay_os_print(stream, (assay_bytes){(const uint8_t *)longer, (size_t)len});
    free(longer);
    return err;
}

size_t assay_os_format_list(char *out, size_t cap, const char *format, va_list args) {
    if (cap == 0) return 0;
    int len = vsnprintf(out, cap, format, args);
    if (len < 0) out[0] = 0, len = 0;
    return (size_t)len < cap ? (size_t)len : cap - 1;
}

size_t assay_os_format(char *out, size_t cap, const char *format, ...) {
    va_list args;
    va_start(args, format);
    size_t len = assay_os_format_list(out, cap, format, args);
    va_end(args);
    return len;
}

assay_err assay_os_read_stdin(assay_bytes *out, assay_arena *keep, size_t size_max) {
    uint8_t *at = NULL;
    size_t len = 0;
    *out = (assay_bytes){0};
    for (;;) {
        uint8_t text[65536];
        ssize_t n = read(0, text, sizeof text);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return os_error();
        if (n == 0) break;
        if ((size_t)n > size_max - len) return ASSAY_E_SIZE;
        /* Pieces taken one after the other with alignment 1 lie side by side. */
        uint8_t *piece = assay_base_arena_take(keep, 1, (size_t)n, 1);
        if (!piece) return ASSAY_F_MEMORY;
        __builtin_memcpy(piece, text, (size_t)n);
        if (!at) at = piece;
        len += (size_t)n;
    }
    *out = (assay_bytes){at, len};
    return ASSAY_OK;
}

bool assay_os_is_tty(assay_os_stream stream) { return isatty((int)stream) == 1; }

uint32_t assay_os_tty_width(assay_os_stream stream) {
    struct winsize size;
    if (!assay_os_is_tty(stream) || ioctl((int)stream, TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_col;
}

void assay_os_keep_secret(void) {
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* ---- stopping ----
 * The one piece of writable state in Assay's libraries: signal handlers take no argument. */

static atomic_bool stop_flag;
static atomic_llong stop_seconds; /* monotonic second of the first SIGINT */
static int stop_event = -1;       /* written once, before handlers are installed */

static void stop_handler(int number) {
    int code = errno;
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    bool again = atomic_load(&stop_flag);
    if (!again) atomic_store(&stop_seconds, (long long)now.tv_sec);
    /* Launchers such as timeout(1) send a signal twice at once; only a later one is a person who wants it dead. */
    if (again && number == SIGINT && now.tv_sec - atomic_load(&stop_seconds) >= 2) _exit(130);
    assay_os_stop_request();
    errno = code;
}

assay_err assay_os_stop_init(void) {
    if (stop_event < 0) stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop_event < 0) return ASSAY_F_STORAGE;
    struct sigaction ask = {.sa_handler = stop_handler, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ask.sa_mask);
    sigemptyset(&ignore.sa_mask);
    if (sigaction(SIGINT, &ask, NULL) || sigaction(SIGTERM, &ask, NULL) || sigaction(SIGPIPE, &ignore, NULL))
        return ASSAY_F_STORAGE;
    return ASSAY_OK;
}

void assay_os_stop_request(void) {
    atomic_store(&stop_flag, true);
    uint64_t one = 1;
    if (stop_event >= 0 && write(stop_event, &one, sizeof one) < 0) return; /* full: waiters are awake already */
}

int os_stop_fd(void) { return stop_event; }

bool assay_os_stop_requested(void) { return atomic_load(&stop_flag); }

bool assay_os_stop_wait(uint64_t deadline_ns) {
    ASSAY_ASSERT(stop_event >= 0);
    while (!assay_os_stop_requested()) {
        int timeout_ms = -1;
        if (deadline_ns != ASSAY_OS_NO_DEADLINE) {
            uint64_t now = assay_os_monotonic_ns();
            if (now >= deadline_ns) return false;
            uint64_t ms = (deadline_ns - now + 999999) / 1000000;
            timeout_ms = ms < 60000 ? (int)ms : 60000;
        }
        struct pollfd p = {stop_event, POLLIN, 0};
        (void)poll(&p, 1, timeout_ms);
    }
    return true;
}
