/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes. Between fork and exec nothing but what signal(7) allows there: other threads hold locks. */
#define _GNU_SOURCE
#include "os_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child. Returns only if the program could not be run. */
static void become(const char *path, char *const arguments[], const char *directory, int output, pid_t parent) {
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) return; /* it died before that was said */
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) return;
    if (directory && chdir(directory) != 0) return;
    /* Of a process group of its own: a terminal's Ctrl-C is its parent's to pass on. */
    (void)setpgid(0, 0);
    execv(path, arguments);
}

assay_err assay_os_child_start(assay_os_child *out, const char *path, const char *const arguments[],
                               const char *directory) {
    int output[2], told[2];
    *out = (assay_os_child){0};
    if (pipe2(output, O_CLOEXEC) != 0) return ASSAY_F_STORAGE;
    if (pipe2(told, O_CLOEXEC) != 0) {
        close(output[0]), close(output[1]);
        return ASSAY_F_STORAGE;
    }
    pid_t parent = getpid(), id = fork();
    if (id == 0) {
        /* execv takes no const for reasons of age; it changes nothing. */
        union {
            const char *const *given;
            char *const *taken;
        } words = {arguments};
        become(path, words.taken, directory, output[1], parent);
        uint8_t failed = 1;
        (void)!write(told[1], &failed, 1);
        _exit(127);
    }
    close(output[1]), close(told[1]);
    uint8_t failed = 0;
    ssize_t n;
    /* Closed by a successful exec, or the child says that there was none. */
    while (id > 0 && (n = read(told[0], &failed, 1)) < 0 && errno == EINTR) {}
    close(told[0]);
    if (id > 0 && !failed) {
        *out = (assay_os_child){id, output[0] + 1};
        return ASSAY_OK;
    }
    close(output[0]);
    if (id > 0)
        while (waitpid(id, NULL, 0) < 0 && errno == EINTR) {}
    return id > 0 ? ASSAY_F_NO_PATH : ASSAY_F_STORAGE;
}

assay_err assay_os_child_read(size_t *len, assay_os_child *child, uint8_t *out, size_t cap, uint64_t deadline_ns) {
    *len = 0;
    for (;;) {
        uint64_t now = assay_os_monotonic_ns(), left = now < deadline_ns ? (deadline_ns - now) / 1000000 + 1 : 0;
        struct pollfd p[2] = {{child->output_plus_one - 1, POLLIN, 0}, {os_stop_fd(), POLLIN, 0}};
        int ready = poll(p, left ? 2 : 1, left > 60000 ? 60000 : (int)left);
        if (ready < 0 && errno != EINTR) return ASSAY_F_STORAGE;
        if (ready > 0 && p[0].revents) {
            ssize_t n = read(child->output_plus_one - 1, out, cap);
            if (n < 0 && errno == EINTR) continue;
            *len = n > 0 ? (size_t)n : 0;
            return n >= 0 ? ASSAY_OK : ASSAY_F_STORAGE;
        }
        if (ready > 0 && left) return ASSAY_F_INTERRUPTED;
        if (!left) return ASSAY_F_TIMEOUT;
    }
}

void assay_os_child_signal(const assay_os_child *child, assay_os_signal number) {
    if (child->id > 0) (void)kill(child->id, (int)number);
}

bool assay_os_child_wait(assay_os_child *child, int *code, uint64_t deadline_ns) {
    int status;
    for (;;) {
        pid_t ended = waitpid(child->id, &status, WNOHANG);
        if (ended == child->id || (ended < 0 && errno != EINTR)) {
            *code = ended < 0 ? 127 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            if (child->output_plus_one) close(child->output_plus_one - 1);
            *child = (assay_os_child){0};
            return true;
        }
        uint64_t now = assay_os_monotonic_ns();
        if (now >= deadline_ns) return false;
        assay_os_sleep_ns(deadline_ns - now < 5000000 ? deadline_ns - now : 5000000);
    }
}
