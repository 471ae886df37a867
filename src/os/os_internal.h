/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ASSAY_OS_INTERNAL_H
#define ASSAY_OS_INTERNAL_H

#include "os/os.h"

struct stat;

/* The error for the present errno: missing paths, links and memory have their own, all else is ASSAY_F_STORAGE. */
assay_err os_error(void);

/* A handle's descriptor, and the handle of a descriptor. */
static inline int os_fd(const assay_os_file *file) { return file->fd_plus_one - 1; }
static inline assay_os_file os_file_of(int fd) { return (assay_os_file){fd + 1}; }

/* stat(2)'s answer in our words. */
assay_os_info os_info_of(const struct stat *st);

/* Bytes of a page of memory. */
size_t os_page_size(void);

/* Syncs the directory that holds path, so that a rename or creation in it survives a crash. */
assay_err os_sync_parent(const char *path);

/* The descriptor that becomes readable, for good, when a stop is requested; -1 before assay_os_stop_init. */
int os_stop_fd(void);

#endif
