/* SPDX-License-Identifier: Apache-2.0
 *
 * killpoint - ends a program in the middle of what it writes, at a point that a test chooses: loaded into it by
 * LD_PRELOAD, as a power cut that knows where to strike. The programs themselves hold no such thing.
 *
 *   KILLPOINT_FILE   a file that is not there orders nothing; what stands in it: CALL before|after [SIZE]
 *   KILLPOINT_IN     the one program that it is for, by name: its children have the same environment
 *
 * CALL is writev, pwrite or fdatasync; of SIZE bytes, if that is said. The order is removed as it is carried out, so
 * that the next process lives. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at);

static void strike_at(const char *call, const char *when, size_t size) {
    const char *path = getenv("KILLPOINT_FILE"), *program = getenv("KILLPOINT_IN");
    char order[64] = {0}, call_wanted[16] = {0}, when_wanted[16] = {0};
    size_t size_wanted = size;
    int saved = errno,
        fd = path && program && strcmp(program, program_invocation_short_name) == 0 ? open(path, O_RDONLY) : -1;
    if (fd >= 0) {
        ssize_t len = read(fd, order, sizeof order - 1);
        close(fd);
        int words = len > 0 ? sscanf(order, "%15s %15s %zu", call_wanted, when_wanted, &size_wanted) : 0;
        bool meant = words >= 2 && strcmp(call, call_wanted) == 0 && strcmp(when, when_wanted) == 0;
        if (meant && size == size_wanted && unlink(path) == 0) kill(getpid(), SIGKILL);
    }
    errno = saved;
}

/* The call that this one stands before. */
#define BEHIND(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

ssize_t writev(int fd, const struct iovec *parts, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].iov_len;
    strike_at("writev", "before", size);
    ssize_t done = BEHIND(writev)(fd, parts, count);
    strike_at("writev", "after", size);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
    strike_at("pwrite", "before", len);
    ssize_t done = BEHIND(pwrite)(fd, bytes, len, at);
    strike_at("pwrite", "after", len);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) {
    strike_at("pwrite", "before", len);
    ssize_t done = BEHIND(pwrite64)(fd, bytes, len, at);
    strike_at("pwrite", "after", len);
    return done;
}

int fdatasync(int fd) {
    strike_at("fdatasync", "before", 0);
    int failed = BEHIND(fdatasync)(fd);
    strike_at("fdatasync", "after", 0);
    return failed;
}
