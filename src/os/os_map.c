/* SPDX-License-Identifier: Apache-2.0
 * Maps that survive what a mapped file can do to its reader. Touching a page that the file no longer has, or that the
 * disk will not give, raises SIGBUS in the thread that touched it. The handler finds the map in a table, lays a page of
 * zeros there, marks the map torn and returns: the reader goes on and asks at its end whether what it read counts. */
#define _GNU_SOURCE
#include "os_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct map_slot {
    atomic_uintptr_t base; /* 0: free */
    atomic_size_t size;
    atomic_bool torn;
} map_slot;

/* Writable state of the process, as its SIGBUS handler is: a handler takes no argument of ours. */
static map_slot map_slots[ASSAY_OS_MAPS_MAX];

static void map_fault(int number, siginfo_t *info, void *context) {
    (void)context;
    int code = errno;
    uintptr_t at = (uintptr_t)info->si_addr;
    for (size_t i = 0; i < ASSAY_OS_MAPS_MAX; i++) {
        uintptr_t base = atomic_load(&map_slots[i].base);
        if (!base || at < base || at - base >= atomic_load(&map_slots[i].size)) continue;
        void *page = (void *)(at & ~(uintptr_t)(os_page_size() - 1));
        atomic_store(&map_slots[i].torn, true);
        if (mmap(page, os_page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page) {
            errno = code;
            return;
        }
    }
    /* Not one of ours: the instruction runs again with the default action, and the process dies as it should. */
    signal(number, SIG_DFL);
}

/* At every opening, since a program may have set a handler of its own in between. */
static void map_guard(void) {
    struct sigaction action = {.sa_sigaction = map_fault, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    ASSAY_ASSERT(sigaction(SIGBUS, &action, NULL) == 0);
}

assay_err assay_os_map_open(assay_os_map *out, const assay_os_file *file) {
    *out = (assay_os_map){0};
    struct stat st;
    if (fstat(os_fd(file), &st) != 0) return os_error();
    return assay_os_map_open_growing(out, file, (uint64_t)st.st_size);
}

assay_err assay_os_map_open_growing(assay_os_map *out, const assay_os_file *file, uint64_t length) {
    *out = (assay_os_map){0};
    map_guard();
    if (length == 0) return ASSAY_OK;
    if (length > SIZE_MAX / 2) return ASSAY_F_MEMORY;
    size_t size = (size_t)length;
    void *base = mmap(NULL, size, PROT_READ, MAP_SHARED, os_fd(file), 0);
    if (base == MAP_FAILED) return os_error();
    for (uint32_t i = 0; i < ASSAY_OS_MAPS_MAX; i++) {
        uintptr_t none = 0;
        if (!atomic_compare_exchange_strong(&map_slots[i].base, &none, (uintptr_t)base)) continue;
        atomic_store(&map_slots[i].torn, false);
        atomic_store(&map_slots[i].size, size);
        *out = (assay_os_map){{base, size}, i + 1};
        return ASSAY_OK;
    }
    munmap(base, size);
    return ASSAY_F_MEMORY;
}

bool assay_os_map_torn(const assay_os_map *map) {
    return map->slot_plus_one && atomic_load(&map_slots[map->slot_plus_one - 1].torn);
}

void assay_os_map_read_ahead(const assay_os_map *map, uint64_t offset, uint64_t length) {
    if (offset >= map->bytes.len) return;
    if (length > map->bytes.len - offset) length = map->bytes.len - offset;
    uintptr_t at = (uintptr_t)map->bytes.ptr + (uintptr_t)offset;
    uintptr_t start = at & ~(uintptr_t)(os_page_size() - 1);
    (void)madvise((void *)start, (size_t)(at - start + length), MADV_WILLNEED);
}

void assay_os_map_close(assay_os_map *map) {
    if (map->slot_plus_one) {
        map_slot *slot = &map_slots[map->slot_plus_one - 1];
        /* Size first: once the addresses are free, another map may get them, and no fault there may be taken for ours.
         */
        atomic_store(&slot->size, 0);
        munmap((void *)(uintptr_t)map->bytes.ptr, map->bytes.len);
        atomic_store(&slot->base, 0);
    }
    *map = (assay_os_map){0};
}
