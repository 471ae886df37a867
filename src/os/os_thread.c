/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "os_internal.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define STACK_SIZE_DEFAULT (256u * 1024)
/* glibc takes thread-local storage from the stack, and a sanitizer's is large; its frames are, too. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define STACK_SIZE_SANITIZER ((size_t)4 << 20)
#else
#define STACK_SIZE_SANITIZER ((size_t)0)
#endif

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(assay_os_mutex), "the opaque mutex is too small");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(assay_os_condition), "the opaque condition is too small");
_Static_assert(_Alignof(pthread_mutex_t) <= 8 && _Alignof(pthread_cond_t) <= 8, "opaque alignment");
_Static_assert(sizeof(pthread_t) <= sizeof(uint64_t), "the thread handle is too small");

static void *thread_main(void *arg) {
    assay_os_thread *thread = arg;
    pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->context);
    return NULL;
}

assay_err assay_os_thread_start(assay_os_thread *thread, const char *name, size_t stack_size,
                                void (*run)(void *context), void *context) {
    if (stack_size == 0) stack_size = STACK_SIZE_DEFAULT;
    if (stack_size < ASSAY_OS_STACK_MIN) stack_size = ASSAY_OS_STACK_MIN;
    stack_size += STACK_SIZE_SANITIZER;
    *thread = (assay_os_thread){.run = run, .context = context};
    size_t name_len = strlen(name);
    if (name_len > ASSAY_OS_THREAD_NAME_MAX) name_len = ASSAY_OS_THREAD_NAME_MAX;
    memcpy(thread->name, name, name_len);
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) return ASSAY_F_MEMORY;
    /* Signals go to the main thread, whose handler sets the stop flag: a worker is never interrupted. */
    sigset_t all, old;
    sigfillset(&all);
    /* A fault is delivered to the thread that made it: blocked, it would kill (os_map.c handles SIGBUS). */
    static const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
    pthread_t handle;
    int failed = pthread_attr_setstacksize(&attr, (stack_size + 4095) & ~(size_t)4095);
    if (!failed) {
        pthread_sigmask(SIG_SETMASK, &all, &old);
        failed = pthread_create(&handle, &attr, thread_main, thread);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    pthread_attr_destroy(&attr);
    if (failed) return ASSAY_F_MEMORY;
    thread->handle = (uint64_t)handle;
    return ASSAY_OK;
}

void assay_os_thread_join(assay_os_thread *thread) { ASSAY_ASSERT(pthread_join((pthread_t)thread->handle, NULL) == 0); }

uint32_t assay_os_cpus(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? (uint32_t)count : 1;
}

static pthread_mutex_t *mutex_of(assay_os_mutex *mutex) { return (pthread_mutex_t *)(void *)mutex->opaque; }
static pthread_cond_t *cond_of(assay_os_condition *condition) { return (pthread_cond_t *)(void *)condition->opaque; }

void assay_os_mutex_init(assay_os_mutex *mutex) {
    pthread_mutexattr_t attr;
    ASSAY_ASSERT(pthread_mutexattr_init(&attr) == 0);
    ASSAY_ASSERT(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0);
    ASSAY_ASSERT(pthread_mutex_init(mutex_of(mutex), &attr) == 0);
    pthread_mutexattr_destroy(&attr);
}

void assay_os_mutex_fini(assay_os_mutex *mutex) { ASSAY_ASSERT(pthread_mutex_destroy(mutex_of(mutex)) == 0); }
void assay_os_mutex_lock(assay_os_mutex *mutex) { ASSAY_ASSERT(pthread_mutex_lock(mutex_of(mutex)) == 0); }
void assay_os_mutex_unlock(assay_os_mutex *mutex) { ASSAY_ASSERT(pthread_mutex_unlock(mutex_of(mutex)) == 0); }

void assay_os_condition_init(assay_os_condition *condition) {
    pthread_condattr_t attr;
    ASSAY_ASSERT(pthread_condattr_init(&attr) == 0);
    /* Deadlines are on the clock that never steps: setting the wall clock neither delays nor hurries anyone. */
    ASSAY_ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    ASSAY_ASSERT(pthread_cond_init(cond_of(condition), &attr) == 0);
    pthread_condattr_destroy(&attr);
}

void assay_os_condition_fini(assay_os_condition *condition) {
    ASSAY_ASSERT(pthread_cond_destroy(cond_of(condition)) == 0);
}
void assay_os_condition_signal(assay_os_condition *condition) {
    ASSAY_ASSERT(pthread_cond_signal(cond_of(condition)) == 0);
}
void assay_os_condition_broadcast(assay_os_condition *condition) {
    ASSAY_ASSERT(pthread_cond_broadcast(cond_of(condition)) == 0);
}

bool assay_os_condition_wait(assay_os_condition *condition, assay_os_mutex *mutex, uint64_t deadline_ns) {
    if (deadline_ns == ASSAY_OS_NO_DEADLINE) {
        ASSAY_ASSERT(pthread_cond_wait(cond_of(condition), mutex_of(mutex)) == 0);
        return true;
    }
    struct timespec ts = {(time_t)(deadline_ns / 1000000000u), (long)(deadline_ns % 1000000000u)};
    return pthread_cond_timedwait(cond_of(condition), mutex_of(mutex), &ts) == 0;
}
