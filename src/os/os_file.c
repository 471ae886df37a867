/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "os_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PATH_TEXT_MAX 4096
/* One system call moves at most about 2 GiB on Linux; smaller steps also keep a stop prompt. */
#define IO_STEP_MAX (1u << 30)

assay_err os_error(void) {
    if (errno == ENOENT || errno == ENOTDIR) return ASSAY_E_NOT_FOUND;
    if (errno == ELOOP) return ASSAY_E_SYMLINK;
    if (errno == EEXIST) return ASSAY_E_EXISTS;
    if (errno == ENOMEM) return ASSAY_F_MEMORY;
    return ASSAY_F_STORAGE;
}

void assay_os_reason(char *out, size_t cap) {
    int code = errno;
    if (cap == 0) return;
    char text[128];
    const char *sentence = strerror_r(code, text, sizeof text);
    size_t len = strlen(sentence);
    if (len > cap - 1) len = cap - 1;
    memcpy(out, sentence, len);
    out[len] = 0;
}

assay_os_info os_info_of(const struct stat *st) {
    return (assay_os_info){
        .type = S_ISREG(st->st_mode)   ? ASSAY_OS_FILE
                : S_ISDIR(st->st_mode) ? ASSAY_OS_DIR
                : S_ISLNK(st->st_mode) ? ASSAY_OS_SYMLINK
                                       : ASSAY_OS_OTHER,
        .mode = (uint32_t)(st->st_mode & 07777),
        .size = (uint64_t)st->st_size,
        .device = (uint64_t)st->st_dev,
        .inode = (uint64_t)st->st_ino,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
    };
}

static int open_flags(assay_os_open_mode mode) {
    switch (mode) {
    case ASSAY_OS_READ: return O_RDONLY;
    case ASSAY_OS_READ_WRITE: return O_RDWR;
    case ASSAY_OS_CREATE: return O_RDWR | O_CREAT;
    case ASSAY_OS_CREATE_NEW: return O_RDWR | O_CREAT | O_EXCL;
    case ASSAY_OS_APPEND: return O_WRONLY | O_CREAT | O_APPEND;
    }
    return O_RDONLY;
}

assay_err assay_os_file_open(assay_os_file *out, const char *path, assay_os_open_mode mode, uint32_t permissions) {
    *out = (assay_os_file){0};
    int fd;
    /* O_NONBLOCK: opening a pipe must not wait for its other end; regular files do not mind it. */
    do fd = open(path, open_flags(mode) | O_CLOEXEC | O_NONBLOCK, (mode_t)permissions);
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return os_error();
    struct stat st;
    assay_err err = ASSAY_OK;
    if (fstat(fd, &st) != 0)
        err = os_error();
    else if (S_ISDIR(st.st_mode))
        errno = EISDIR, err = ASSAY_F_STORAGE;
    else if (!S_ISREG(st.st_mode))
        errno = EINVAL, err = ASSAY_E_SYMLINK;
    if (err) {
        int keep = errno;
        close(fd);
        errno = keep;
        return err;
    }
    *out = os_file_of(fd);
    return ASSAY_OK;
}

void assay_os_file_close(assay_os_file *file) {
    if (file->fd_plus_one) close(os_fd(file));
    *file = (assay_os_file){0};
}

assay_err assay_os_file_info(assay_os_info *out, const assay_os_file *file) {
    struct stat st;
    if (fstat(os_fd(file), &st) != 0) return os_error();
    *out = os_info_of(&st);
    return ASSAY_OK;
}

assay_err assay_os_file_read(size_t *len, const assay_os_file *file, void *out, size_t cap, uint64_t offset) {
    *len = 0;
    if (offset > INT64_MAX - cap) return ASSAY_E_RANGE;
    while (*len < cap) {
        size_t step = cap - *len < IO_STEP_MAX ? cap - *len : IO_STEP_MAX;
        ssize_t n = pread(os_fd(file), (uint8_t *)out + *len, step, (off_t)(offset + *len));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return os_error();
        if (n == 0) break;
        *len += (size_t)n;
    }
    return ASSAY_OK;
}

assay_err assay_os_file_write(const assay_os_file *file, assay_bytes bytes, uint64_t offset) {
    if (offset > INT64_MAX - bytes.len) return ASSAY_E_RANGE;
    for (size_t done = 0; done < bytes.len;) {
        size_t step = bytes.len - done < IO_STEP_MAX ? bytes.len - done : IO_STEP_MAX;
        ssize_t n = pwrite(os_fd(file), bytes.ptr + done, step, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return os_error();
        done += (size_t)n;
    }
    return ASSAY_OK;
}

assay_err assay_os_file_append(const assay_os_file *file, assay_bytes bytes, bool sync) {
    off_t end = lseek(os_fd(file), 0, SEEK_END);
    if (end < 0) return os_error();
    ASSAY_TRY(assay_os_file_write(file, bytes, (uint64_t)end));
    return sync ? assay_os_file_sync(file) : ASSAY_OK;
}

assay_err assay_os_file_sync(const assay_os_file *file) {
    int failed;
    do failed = fdatasync(os_fd(file));
    while (failed && errno == EINTR);
    return failed ? os_error() : ASSAY_OK;
}

void assay_os_file_write_behind(const assay_os_file *file, uint64_t offset, uint64_t length) {
    if (offset > INT64_MAX || length > INT64_MAX) return;
    (void)sync_file_range(os_fd(file), (off_t)offset, (off_t)length, SYNC_FILE_RANGE_WRITE);
}

assay_err assay_os_sync_volume(const assay_os_file *file) { return syncfs(os_fd(file)) == 0 ? ASSAY_OK : os_error(); }

assay_err assay_os_file_truncate(const assay_os_file *file, uint64_t size) {
    if (size > INT64_MAX) return ASSAY_E_RANGE;
    int failed;
    do failed = ftruncate(os_fd(file), (off_t)size);
    while (failed && errno == EINTR);
    return failed ? os_error() : ASSAY_OK;
}

void assay_os_file_read_ahead(const assay_os_file *file, uint64_t offset, uint64_t length) {
    if (offset > INT64_MAX || length > INT64_MAX) return;
    (void)posix_fadvise(os_fd(file), (off_t)offset, (off_t)length, POSIX_FADV_SEQUENTIAL);
    (void)posix_fadvise(os_fd(file), (off_t)offset, (off_t)length, POSIX_FADV_WILLNEED);
}

assay_err assay_os_read_whole(assay_bytes *out, assay_arena *keep, const char *path, size_t size_max) {
    assay_os_file file;
    ASSAY_TRY(assay_os_file_open(&file, path, ASSAY_OS_READ, 0));
    assay_os_info info;
    assay_err err = assay_os_file_info(&info, &file);
    if (!err && info.size > size_max) err = ASSAY_E_SIZE;
    uint8_t *at = err ? NULL : ASSAY_NEW(keep, uint8_t, (size_t)info.size + 1);
    if (!err && !at) err = ASSAY_F_MEMORY;
    size_t len = 0;
    /* A file that shrinks meanwhile gives what is left; one that grows is cut where it ended when it was opened. */
    if (!err) err = assay_os_file_read(&len, &file, at, (size_t)info.size, 0);
    assay_os_file_close(&file);
    if (!err) at[len] = 0;
    *out = (assay_bytes){at, len};
    return err;
}

assay_err os_sync_parent(const char *path) {
    char parent[PATH_TEXT_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof parent) return ASSAY_F_STORAGE;
    if (!slash)
        memcpy(parent, ".", 2);
    else if (len == 0)
        memcpy(parent, "/", 2);
    else
        memcpy(parent, path, len), parent[len] = 0;
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return os_error();
    assay_err err = ASSAY_OK;
    /* Some file systems cannot sync a directory and say EINVAL; their renames are as durable as they get. */
    if (fsync(fd) != 0 && errno != EINVAL) err = os_error();
    close(fd);
    return err;
}

static assay_err write_new(const char *path, assay_bytes bytes, uint32_t permissions) {
    assay_os_file file;
    ASSAY_TRY(assay_os_file_open(&file, path, ASSAY_OS_CREATE_NEW, permissions));
    assay_err err = ASSAY_OK;
    /* The permissions asked for, whatever the umask: a key is never readable by others, and a public file always is. */
    if (fchmod(os_fd(&file), (mode_t)permissions) != 0) err = os_error();
    if (!err) err = assay_os_file_write(&file, bytes, 0);
    if (!err && fsync(os_fd(&file)) != 0) err = os_error();
    assay_os_file_close(&file);
    return err;
}

assay_err assay_os_replace(const char *path, assay_bytes bytes, uint32_t permissions) {
    uint8_t salt[8];
    assay_os_random(salt, sizeof salt);
    char hex[2 * sizeof salt + 1], beside[PATH_TEXT_MAX];
    assay_base_hex(hex, (assay_bytes){salt, sizeof salt});
    int len = snprintf(beside, sizeof beside, "%s.%s.tmp", path, hex);
    if (len < 0 || (size_t)len >= sizeof beside) return errno = ENAMETOOLONG, ASSAY_F_STORAGE;
    assay_err err = write_new(beside, bytes, permissions);
    if (!err) err = assay_os_rename(beside, path);
    if (err) {
        int keep = errno;
        (void)unlink(beside);
        errno = keep;
    }
    return err;
}

assay_err assay_os_rename(const char *from, const char *to) {
    if (rename(from, to) != 0) return os_error();
    return os_sync_parent(to);
}

assay_err assay_os_remove(const char *path) { return remove(path) == 0 ? ASSAY_OK : os_error(); }

assay_err assay_os_info_get(assay_os_info *out, const char *path, bool follow) {
    struct stat st;
    if (fstatat(AT_FDCWD, path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) return os_error();
    *out = os_info_of(&st);
    return ASSAY_OK;
}

bool assay_os_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

assay_err assay_os_lock(assay_os_file *out, const char *path) {
    ASSAY_TRY(assay_os_file_open(out, path, ASSAY_OS_CREATE, 0600));
    int failed;
    do failed = flock(os_fd(out), LOCK_EX | LOCK_NB);
    while (failed && errno == EINTR);
    if (!failed) return ASSAY_OK;
    assay_err err = errno == EWOULDBLOCK ? ASSAY_F_BUSY : os_error();
    assay_os_file_close(out);
    return err;
}

assay_err assay_os_space_get(assay_os_space *out, const char *path) {
    struct statvfs fs;
    if (statvfs(path, &fs) != 0) return os_error();
    out->free = (uint64_t)fs.f_bavail * fs.f_frsize;
    out->total = (uint64_t)fs.f_blocks * fs.f_frsize;
    return ASSAY_OK;
}
