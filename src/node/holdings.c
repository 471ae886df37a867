/* SPDX-License-Identifier: Apache-2.0
 *
 * holdings - the model bytes that one validator has on its disk, by root:
 *
 *   <validator>/models/<root>/manifest   the strict encoding, checked against the root before it is written
 *   <validator>/models/<root>/files/...  the files; a file that is still arriving is shorter than the manifest says, so an upload or a fetch goes on
 *                                        where it stopped
 *   <validator>/models/<root>/groups     chaining values of the 1 MiB groups, written when the whole was recomputed: the mark that it is complete
 *
 * Any thread may read; writers of one root take turns under the holdings' lock.
 */
#include "node_internal.h"

#include <string.h>

/* holding_path - <validator>/models/<root>[/sub]. */
assay_err holding_path(const validator *v, const char **out, assay_arena *keep, assay_hash root, const char *sub) {
    char hex[2 * ASSAY_HASH_LEN + 1];
    assay_base_hex(hex, assay_base_hash_bytes(&root));
    size_t cap = strlen(v->dir) + sizeof "/models/" + sizeof hex + strlen(sub) + 2;
    char *path = ASSAY_NEW(keep, char, cap);
    if (!path) return ASSAY_F_MEMORY;
    assay_os_format(path, cap, "%s/models/%s%s%s", v->dir, hex, *sub ? "/" : "", sub);
    *out = path;
    return ASSAY_OK;
}

assay_err holding_manifest(const validator *v, assay_manifest *out, assay_bytes *encoded, assay_arena *keep, assay_hash root) {
    const char *path;
    assay_bytes bytes;
    ASSAY_TRY(holding_path(v, &path, keep, root, "manifest"));
    ASSAY_TRY(assay_os_read_whole(&bytes, keep, path, HOLDING_MANIFEST_MAX));
    if (encoded) *encoded = bytes;
    return assay_codec_decode(out, keep, &assay_manifest_message, bytes, ASSAY_CODEC_STRICT) == ASSAY_OK ? ASSAY_OK : ASSAY_F_CORRUPT;
}

assay_err holding_groups(const validator *v, assay_model_groups *out, assay_bytes *encoded, assay_arena *keep, assay_hash root,
                         const assay_manifest *manifest) {
    const char *path;
    assay_bytes bytes;
    ASSAY_TRY(holding_path(v, &path, keep, root, "groups"));
    ASSAY_TRY(assay_os_read_whole(&bytes, keep, path, HOLDING_MANIFEST_MAX));
    if (encoded) *encoded = bytes;
    return assay_model_groups_read(out, keep, bytes, manifest);
}

bool holding_complete(const validator *v, assay_hash root) {
    uint8_t memory[2048];
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    const char *path;
    return holding_path(v, &path, &arena, root, "groups") == ASSAY_OK && assay_os_exists(path);
}

/* The folder that holds the files, as model's functions take it. */
assay_err holding_files(const validator *v, const char **out, assay_arena *keep, assay_hash root) {
    return holding_path(v, out, keep, root, "files");
}

static assay_err file_path(const validator *v, const char **out, assay_arena *keep, assay_hash root, assay_bytes path) {
    const char *dir;
    ASSAY_TRY(holding_files(v, &dir, keep, root));
    return assay_os_path_join(out, keep, dir, path);
}

assay_err holding_begin(validator *v, assay_hash root, assay_bytes encoded, assay_arena scratch) {
    assay_manifest manifest;
    assay_hash computed;
    ASSAY_TRY(assay_codec_decode(&manifest, &scratch, &assay_manifest_message, encoded, ASSAY_CODEC_STRICT));
    ASSAY_TRY(assay_manifest_check(&manifest));
    ASSAY_TRY(assay_manifest_root(&computed, &manifest, scratch));
    if (!assay_base_hash_eq(computed, root)) return ASSAY_E_PROOF;
    const char *files, *path;
    ASSAY_TRY(holding_files(v, &files, &scratch, root));
    ASSAY_TRY(holding_path(v, &path, &scratch, root, "manifest"));
    assay_os_mutex_lock(&v->holdings_lock);
    assay_err err = assay_os_exists(path) ? ASSAY_OK : assay_os_dirs_create(files, 0755);
    if (err == ASSAY_OK && !assay_os_exists(path)) err = assay_os_replace(path, encoded, 0644);
    assay_os_mutex_unlock(&v->holdings_lock);
    return err;
}

/* How many bytes of a file are here. */
assay_err holding_file_size(const validator *v, uint64_t *out, assay_hash root, const assay_file_leaf *file, assay_arena scratch) {
    const char *path;
    assay_os_info info;
    *out = 0;
    ASSAY_TRY(file_path(v, &path, &scratch, root, file->path));
    assay_err err = assay_os_info_get(&info, path, false);
    if (err == ASSAY_OK) *out = info.size;
    return err == ASSAY_E_NOT_FOUND ? ASSAY_OK : err;
}

assay_err holding_write(validator *v, assay_hash root, const assay_file_leaf *file, uint64_t offset, assay_bytes bytes, uint64_t *size,
                        assay_arena scratch) {
    const char *path;
    ASSAY_TRY(file_path(v, &path, &scratch, root, file->path));
    assay_os_mutex_lock(&v->holdings_lock);
    assay_err err = holding_file_size(v, size, root, file, scratch);
    if (err == ASSAY_OK && (offset != *size || bytes.len > file->size || offset > file->size - bytes.len)) {
        /* A repeat of what is here already is no error: its sender did not hear our answer. */
        err = offset < *size && bytes.len <= *size - offset ? ASSAY_OK : ASSAY_E_RANGE;
        bytes.len = 0;
    } else if (err == ASSAY_OK) {
        char parent[4096];
        assay_os_format(parent, sizeof parent, "%s", path);
        char *slash = strrchr(parent, '/');
        if (slash) *slash = 0;
        err = assay_os_dirs_create(parent, 0755);
    }
    assay_os_file f = {0};
    if (err == ASSAY_OK && (bytes.len || file->size == 0)) {
        err = assay_os_file_open(&f, path, ASSAY_OS_CREATE, 0644);
        if (err == ASSAY_OK && bytes.len) err = assay_os_file_write(&f, bytes, offset);
        if (err == ASSAY_OK) *size = offset + bytes.len;
        assay_os_file_close(&f);
    }
    assay_os_mutex_unlock(&v->holdings_lock);
    return err;
}

assay_err holding_missing(const validator *v, uint64_t *bytes, assay_hash root, const assay_manifest *manifest, assay_arena scratch) {
    *bytes = 0;
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        uint64_t have;
        ASSAY_TRY(holding_file_size(v, &have, root, &manifest->files[i], scratch));
        const char *path;
        assay_arena again = scratch;
        ASSAY_TRY(file_path(v, &path, &again, root, manifest->files[i].path));
        if (manifest->files[i].size == 0 && !assay_os_exists(path)) *bytes += 1; /* an empty file still has to be made */
        if (have < manifest->files[i].size) *bytes += manifest->files[i].size - have;
    }
    return ASSAY_OK;
}

/* The whole was recomputed and is what the manifest says: the groups are written, which marks it. */
assay_err holding_finish(validator *v, assay_hash root, const assay_model_groups *groups, assay_arena scratch) {
    const char *path;
    ASSAY_TRY(holding_path(v, &path, &scratch, root, "groups"));
    return assay_os_replace(path, (assay_bytes){(const uint8_t *)groups->values, groups->count * sizeof *groups->values}, 0644);
}

/* Bytes that do not fit are thrown away, file by file: what is right stays, and the rest can come again. */
assay_err holding_drop_file(validator *v, assay_hash root, const assay_file_leaf *file, assay_arena scratch) {
    const char *path;
    ASSAY_TRY(file_path(v, &path, &scratch, root, file->path));
    assay_os_mutex_lock(&v->holdings_lock);
    assay_err err = assay_os_remove(path);
    assay_os_mutex_unlock(&v->holdings_lock);
    return err == ASSAY_E_NOT_FOUND ? ASSAY_OK : err;
}
