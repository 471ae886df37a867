/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "os_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_TEXT_MAX 4096
#define NAME_TEXT_MAX 256

assay_err assay_os_dir_open(assay_os_file *out, const char *path) {
    *out = (assay_os_file){0};
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return os_error();
    *out = os_file_of(fd);
    return ASSAY_OK;
}

/* Opens one part of a path in the directory fd. The final part may be a regular file. */
static assay_err open_part(int *out, int fd, const char *name, bool dir) {
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || name[0] == 0) return errno = ELOOP, ASSAY_E_SYMLINK;
    int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (dir ? O_DIRECTORY : O_NONBLOCK);
    int opened;
    do opened = openat(fd, name, flags);
    while (opened < 0 && errno == EINTR);
    struct stat st;
    if (opened < 0) {
        int code = errno;
        /* With O_DIRECTORY a link is ENOTDIR like a file is; only looking at it tells. Sockets say ENXIO. */
        bool special = fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode);
        errno = code;
        return special ? ASSAY_E_SYMLINK : os_error();
    }
    assay_err err = ASSAY_OK;
    if (fstat(opened, &st) != 0)
        err = os_error();
    else if (!dir && S_ISDIR(st.st_mode))
        errno = EISDIR, err = ASSAY_F_STORAGE;
    else if (!dir && !S_ISREG(st.st_mode))
        errno = ELOOP, err = ASSAY_E_SYMLINK;
    if (err) {
        int code = errno;
        close(opened);
        errno = code;
        return err;
    }
    *out = opened;
    return ASSAY_OK;
}

static assay_err open_beneath(assay_os_file *out, const assay_os_file *dir, const char *path, bool want_dir) {
    *out = (assay_os_file){0};
    int fd = os_fd(dir);
    for (;;) {
        char name[NAME_TEXT_MAX];
        const char *slash = strchr(path, '/');
        size_t len = slash ? (size_t)(slash - path) : strlen(path);
        assay_err err = ASSAY_OK;
        int next = -1;
        if (len >= sizeof name) errno = ENAMETOOLONG, err = ASSAY_F_STORAGE;
        if (!err) {
            memcpy(name, path, len);
            name[len] = 0;
            err = open_part(&next, fd, name, slash || want_dir);
        }
        int code = errno;
        if (fd != os_fd(dir)) close(fd);
        errno = code;
        if (err) return err;
        if (!slash) {
            *out = os_file_of(next);
            return ASSAY_OK;
        }
        fd = next;
        path = slash + 1;
    }
}

assay_err assay_os_dir_open_beneath(assay_os_file *out, const assay_os_file *dir, const char *path) {
    return open_beneath(out, dir, path, true);
}

assay_err assay_os_file_open_beneath(assay_os_file *out, const assay_os_file *dir, const char *path) {
    return open_beneath(out, dir, path, false);
}

static int entry_order(const void *a, const void *b) {
    const assay_os_entry *x = a, *y = b;
    return assay_base_bytes_cmp(x->name, y->name);
}

/* Copies all names into keep, one after the other with their zeros: first is where they begin. */
static assay_err list_names(const char **first, uint32_t *count, assay_arena *keep, DIR *stream, uint32_t entries_max) {
    *first = NULL;
    *count = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (!entry) return errno ? os_error() : ASSAY_OK;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (*count == entries_max) return ASSAY_E_LIMIT;
        size_t len = strlen(entry->d_name);
        char *name = assay_base_arena_take(keep, 1, len + 1, 1);
        if (!name) return ASSAY_F_MEMORY;
        memcpy(name, entry->d_name, len + 1);
        if (!*first) *first = name;
        *count += 1;
    }
}

assay_err assay_os_dir_list(assay_os_entry **entries, uint32_t *count, assay_arena *keep, const assay_os_file *dir,
                            uint32_t entries_max) {
    *entries = NULL;
    *count = 0;
    int fd = openat(os_fd(dir), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return os_error();
    DIR *stream = fdopendir(fd);
    if (!stream) {
        close(fd);
        return ASSAY_F_MEMORY;
    }
    const char *name;
    assay_err err = list_names(&name, count, keep, stream, entries_max);
    closedir(stream);
    if (err) return err;
    assay_os_entry *rows = ASSAY_NEW(keep, assay_os_entry, *count);
    if (!rows && *count) return ASSAY_F_MEMORY;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        size_t len = strlen(name);
        struct stat st;
        if (fstatat(os_fd(dir), name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            assay_os_info info = os_info_of(&st);
            rows[kept++] = (assay_os_entry){{(const uint8_t *)name, len}, info.type, info.size};
        } else if (errno != ENOENT) { /* gone meanwhile: not there */
            return os_error();
        }
        name += len + 1;
    }
    if (kept) qsort(rows, kept, sizeof *rows, entry_order);
    *entries = rows;
    *count = kept;
    return ASSAY_OK;
}

assay_err assay_os_dirs_create(const char *path, uint32_t permissions) {
    char text[PATH_TEXT_MAX];
    size_t len = strlen(path);
    if (len >= sizeof text) return errno = ENAMETOOLONG, ASSAY_F_STORAGE;
    memcpy(text, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (text[i] != '/' && text[i] != 0) continue;
        if (text[i - 1] == '/') continue;
        text[i] = 0;
        if (mkdir(text, (mode_t)permissions) != 0 && errno != EEXIST) return os_error();
        text[i] = i < len ? '/' : 0;
    }
    struct stat st;
    if (stat(path, &st) != 0) return os_error();
    if (!S_ISDIR(st.st_mode)) return errno = ENOTDIR, ASSAY_F_STORAGE;
    return ASSAY_OK;
}

/* Empties the directory fd, which it closes. Recursion is bounded by depth. */
static assay_err empty_dir(int fd, int depth) {
    DIR *stream = fdopendir(fd);
    if (!stream) {
        close(fd);
        return ASSAY_F_MEMORY;
    }
    assay_err err = ASSAY_OK;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (!entry) {
            if (errno) err = os_error();
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT) continue;
        if (errno != EISDIR && errno != EPERM) {
            err = os_error();
            break;
        }
        int below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0) {
            err = os_error();
            break;
        }
        if (depth == ASSAY_OS_TREE_DEPTH_MAX) {
            close(below);
            err = ASSAY_E_LIMIT;
            break;
        }
        err = empty_dir(below, depth + 1);
        if (err) break;
        if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
            err = os_error();
            break;
        }
    }
    closedir(stream);
    return err;
}

assay_err assay_os_remove_tree(const char *path) {
    if (unlink(path) == 0 || errno == ENOENT) return ASSAY_OK;
    if (errno != EISDIR && errno != EPERM) return os_error();
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return os_error();
    ASSAY_TRY(empty_dir(fd, 1));
    if (rmdir(path) != 0 && errno != ENOENT) return os_error();
    return ASSAY_OK;
}

assay_err assay_os_temp_dir(const char **out, assay_arena *keep, const char *prefix, bool in_memory) {
    const char *places[3] = {in_memory ? "/dev/shm" : NULL, assay_os_env("TMPDIR"), "/tmp"};
    for (size_t i = 0; i < 3; i++) {
        if (!places[i] || !places[i][0]) continue;
        char text[PATH_TEXT_MAX];
        int len = snprintf(text, sizeof text, "%s/%s.XXXXXX", places[i], prefix);
        if (len < 0 || (size_t)len >= sizeof text || !mkdtemp(text)) continue;
        assay_err err = assay_os_path_join(out, keep, "", assay_base_bytes_str(text));
        if (err) (void)rmdir(text);
        return err;
    }
    return ASSAY_F_STORAGE;
}

assay_err assay_os_path_join(const char **out, assay_arena *keep, const char *dir, assay_bytes name) {
    if (name.len && memchr(name.ptr, 0, name.len)) return ASSAY_E_NAME;
    size_t dir_len = strlen(dir);
    bool slash = dir_len && dir[dir_len - 1] != '/';
    char *text = ASSAY_NEW(keep, char, dir_len + slash + name.len + 1);
    if (!text) return ASSAY_F_MEMORY;
    memcpy(text, dir, dir_len);
    if (slash) text[dir_len] = '/';
    if (name.len) memcpy(text + dir_len + slash, name.ptr, name.len);
    *out = text;
    return ASSAY_OK;
}
