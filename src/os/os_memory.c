/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "os_internal.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

size_t os_page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

assay_err assay_os_reserve(assay_os_region *out, size_t size) {
    *out = (assay_os_region){0};
    size_t page = os_page_size();
    if (size == 0 || size > SIZE_MAX - page) return ASSAY_F_MEMORY;
    size = (size + page - 1) & ~(page - 1);
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return ASSAY_F_MEMORY;
    *out = (assay_os_region){base, size};
    return ASSAY_OK;
}

assay_arena assay_os_region_arena(const assay_os_region *region) {
    return assay_base_arena(region->base, region->size);
}

void assay_os_release_pages(const assay_os_region *region, const void *from) {
    const uint8_t *at = from;
    ASSAY_ASSERT(at >= region->base && at <= region->base + region->size);
    size_t page = os_page_size();
    size_t used = ((size_t)(at - region->base) + page - 1) & ~(page - 1);
    if (used < region->size) madvise(region->base + used, region->size - used, MADV_DONTNEED);
}

void assay_os_unreserve(assay_os_region *region) {
    if (region->base) munmap(region->base, region->size);
    *region = (assay_os_region){0};
}

uint64_t assay_os_resident(void) {
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[128];
    ssize_t len = read(fd, text, sizeof text);
    close(fd);
    /* "size resident shared ...", in pages. */
    uint64_t pages = 0;
    ssize_t i = 0;
    while (i < len && text[i] != ' ') i++;
    for (i++; i < len && text[i] >= '0' && text[i] <= '9'; i++) pages = pages * 10 + (uint64_t)(text[i] - '0');
    return pages * os_page_size();
}
