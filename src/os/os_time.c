/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "os_internal.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/timex.h>
#include <time.h>

assay_time assay_os_now(void) {
    struct timespec ts;
    ASSAY_ASSERT(clock_gettime(CLOCK_REALTIME, &ts) == 0);
    return (assay_time){ts.tv_sec, (int32_t)ts.tv_nsec};
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec ts;
    ASSAY_ASSERT(clock_gettime(clock, &ts) == 0);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t assay_os_monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

uint64_t assay_os_thread_cpu_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }

uint64_t assay_os_cpu_ns(void) { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

assay_os_clock assay_os_clock_state(void) {
    struct timex asked = {.modes = 0};
    int state = adjtimex(&asked);
    if (state < 0) return ASSAY_OS_CLOCK_UNKNOWN;
    return state == TIME_ERROR || (asked.status & STA_UNSYNC) ? ASSAY_OS_CLOCK_FREE : ASSAY_OS_CLOCK_KEPT;
}

void assay_os_sleep_ns(uint64_t ns) {
    struct timespec ts = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    while (nanosleep(&ts, &ts) != 0 && errno == EINTR) {}
}

void assay_os_random(void *out, size_t len) {
    uint8_t *at = out;
    while (len) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR) continue;
        ASSAY_ASSERT(n > 0);
        at += n;
        len -= (size_t)n;
    }
}
