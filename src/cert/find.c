/* SPDX-License-Identifier: Apache-2.0
 *
 * Which certificate belongs to a model: those beside it, and how well the names and sizes that each one lists fit
 * what lies there. This chooses what to try; it decides nothing. */
#include "cert_internal.h"

#include "os/os.h"

#include <string.h>

#define ENTRIES_MAX 1000000u
#define FIT_FILES_MAX 1000u /* of a manifest, looked at to choose */
#define FIT_NAME 2u /* for a file of that name */
#define FIT_SIZE 1u /* and for its size */

static bool is_dots(assay_bytes name) {
    return assay_base_bytes_eq(name, ASSAY_STR(".")) || assay_base_bytes_eq(name, ASSAY_STR(".."));
}

/* The folder that holds what path names: "" for the current one. A path that ends in "." or ".." has its name
 * elsewhere. */
static assay_err folder_around(const char **out, assay_arena *keep, const char *path) {
    size_t len = strlen(path), start;
    while (len > 1 && path[len - 1] == '/') len--;
    for (start = len; start > 0 && path[start - 1] != '/'; start--) {}
    assay_bytes name = {(const uint8_t *)path + start, len - start};
    if (name.len == 0 || is_dots(name)) return assay_os_path_join(out, keep, path, ASSAY_STR(".."));
    if (start == 0) {
        *out = "";
        return ASSAY_OK;
    }
    size_t folder = start > 1 ? start - 1 : 1; /* "/model" lies in "/" */
    return assay_os_path_join(out, keep, "", (assay_bytes){(const uint8_t *)path, folder});
}

static bool is_certificate(const assay_os_entry *entry) {
    const assay_bytes suffix = ASSAY_STR(ASSAY_CERT_SUFFIX);
    if (entry->type != ASSAY_OS_FILE && entry->type != ASSAY_OS_SYMLINK) return false;
    return entry->name.len > suffix.len &&
           memcmp(entry->name.ptr + entry->name.len - suffix.len, suffix.ptr, suffix.len) == 0;
}

assay_err assay_cert_beside(const char ***out, uint32_t *count, assay_arena *keep, const char *path,
                            assay_arena scratch) {
    const char *folder;
    assay_os_file dir;
    assay_os_entry *entries;
    uint32_t entries_count;
    *count = 0;
    ASSAY_TRY(folder_around(&folder, keep, path));
    *out = ASSAY_NEW(keep, const char *, ASSAY_CERT_CANDIDATES_MAX);
    if (!*out) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_os_dir_open(&dir, *folder ? folder : "."));
    assay_err err = assay_os_dir_list(&entries, &entries_count, &scratch, &dir, ENTRIES_MAX);
    assay_os_file_close(&dir);
    for (uint32_t i = 0; err == ASSAY_OK && i < entries_count; i++) {
        if (!is_certificate(&entries[i])) continue;
        if (*count == ASSAY_CERT_CANDIDATES_MAX) return ASSAY_E_LIMIT;
        err = assay_os_path_join(&(*out)[(*count)++], keep, folder, entries[i].name);
    }
    return err;
}

/* A model of one file: its name counts more than its size, since bytes that were added to it are what to find out. */
static uint64_t fit_of_file(const char *path, uint64_t size, const assay_manifest *manifest) {
    if (manifest->files_count != 1) return 0;
    const char *slash = strrchr(path, '/');
    bool named = assay_base_bytes_eq(assay_base_bytes_str(slash ? slash + 1 : path), manifest->files[0].path);
    return (named ? FIT_NAME : 0) + (manifest->files[0].size == size ? FIT_SIZE : 0);
}

uint64_t assay_cert_fit(const char *path, const assay_manifest *manifest, assay_arena scratch) {
    assay_os_info info;
    uint64_t fit = 0;
    if (assay_os_info_get(&info, path, true) != ASSAY_OK) return 0;
    if (info.type == ASSAY_OS_FILE) return fit_of_file(path, info.size, manifest);
    for (uint32_t i = 0; i < manifest->files_count && i < FIT_FILES_MAX; i++) {
        assay_arena room = scratch;
        const char *file;
        if (assay_os_path_join(&file, &room, path, manifest->files[i].path) != ASSAY_OK) continue;
        if (assay_os_info_get(&info, file, false) != ASSAY_OK || info.type != ASSAY_OS_FILE) continue;
        fit += FIT_NAME + (info.size == manifest->files[i].size ? FIT_SIZE : 0);
    }
    return fit;
}
