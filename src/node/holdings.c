/* SPDX-License-Identifier: Apache-2.0
 *
 * holdings - the model bytes that one validator has on its disk, by root:
 *
 *   <validator>/models/<root>/manifest   the strict encoding, checked against the root before it is written
 *   <validator>/models/<root>/manifest-<tensor root>   of further versions with these files and other tensors
 *   <validator>/models/<root>/claimed    digests of the 1 MiB groups that an upload brought, checked against the
 * manifest <validator>/models/<root>/files/...  the files; a file that is still arriving is shorter than the manifest
 * says, so an upload or a fetch goes on where it stopped <validator>/models/<root>/groups     chaining values of the 1
 * MiB groups, written when the whole was recomputed: the mark that it is complete
 *
 * Any thread may read; writers of one root take turns under the holdings' lock.
 */
#include "node_internal.h"

#include <string.h>

#define WRITE_BEHIND_LEN ((size_t)1 << 20)
#define SYNCED_ALONE_MAX 32 /* files; more are synced all at once, with whatever else their volume has to write */

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

assay_err holding_manifest(const validator *v, assay_manifest *out, assay_bytes *encoded, assay_arena *keep,
                           assay_hash root) {
    const char *path;
    assay_bytes bytes;
    ASSAY_TRY(holding_path(v, &path, keep, root, "manifest"));
    ASSAY_TRY(assay_os_read_whole(&bytes, keep, path, HOLDING_MANIFEST_MAX));
    if (encoded) *encoded = bytes;
    return assay_codec_decode(out, keep, &assay_manifest_message, bytes, ASSAY_CODEC_STRICT) == ASSAY_OK
               ? ASSAY_OK
               : ASSAY_F_CORRUPT;
}

/* manifest-<tensor root> */
static assay_err manifest_path_of(const validator *v, const char **out, assay_arena *keep, assay_hash root,
                                  assay_hash tensor_root) {
    char hex[2 * ASSAY_HASH_LEN + 1], name[sizeof "manifest-" + sizeof hex];
    assay_base_hex(hex, assay_base_hash_bytes(&tensor_root));
    assay_os_format(name, sizeof name, "manifest-%s", hex);
    return holding_path(v, out, keep, root, name);
}

assay_err holding_manifest_of(const validator *v, assay_manifest *out, assay_bytes *encoded, assay_arena *keep,
                              assay_hash root, assay_hash tensor_root) {
    const char *path;
    assay_hash first;
    assay_bytes bytes;
    assay_arena turn = *keep;
    ASSAY_TRY(holding_manifest(v, out, &bytes, &turn, root));
    ASSAY_TRY(assay_manifest_tensor_root(&first, out, turn));
    if (!assay_base_hash_eq(first, tensor_root)) {
        turn = *keep;
        ASSAY_TRY(manifest_path_of(v, &path, &turn, root, tensor_root));
        ASSAY_TRY(assay_os_read_whole(&bytes, &turn, path, HOLDING_MANIFEST_MAX));
        if (assay_codec_decode(out, &turn, &assay_manifest_message, bytes, ASSAY_CODEC_STRICT) != ASSAY_OK)
            return ASSAY_F_CORRUPT;
    }
    *keep = turn;
    if (encoded) *encoded = bytes;
    return ASSAY_OK;
}

assay_err holding_groups(const validator *v, assay_model_groups *out, assay_bytes *encoded, assay_arena *keep,
                         assay_hash root, const assay_manifest *manifest) {
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
    assay_hash tensor_root;
    ASSAY_TRY(assay_manifest_tensor_root(&tensor_root, &manifest, scratch));
    assay_os_mutex_lock(&v->holdings_lock);
    assay_err err = assay_os_dirs_create(files, 0755);
    if (err == ASSAY_OK && assay_os_exists(path)) {
        assay_manifest known;
        assay_arena turn = scratch;
        err = holding_manifest_of(v, &known, NULL, &turn, root, tensor_root);
        if (err == ASSAY_E_NOT_FOUND) {
            err = manifest_path_of(v, &path, &scratch, root, tensor_root);
            if (err == ASSAY_OK) err = assay_os_replace(path, encoded, 0644);
        }
    } else if (err == ASSAY_OK) {
        err = assay_os_replace(path, encoded, 0644);
    }
    assay_os_mutex_unlock(&v->holdings_lock);
    return err;
}

/* How many bytes of a file are here. */
assay_err holding_file_size(const validator *v, uint64_t *out, assay_hash root, const assay_file_leaf *file,
                            assay_arena scratch) {
    const char *path;
    assay_os_info info;
    *out = 0;
    ASSAY_TRY(file_path(v, &path, &scratch, root, file->path));
    assay_err err = assay_os_info_get(&info, path, false);
    if (err == ASSAY_OK) *out = info.size;
    return err == ASSAY_E_NOT_FOUND ? ASSAY_OK : err;
}

assay_err holding_write(validator *v, assay_hash root, const assay_file_leaf *file, uint64_t offset, assay_bytes bytes,
                        uint64_t *size, assay_arena scratch) {
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
        /* Else the sync at the end would wait for the whole model. */
        if (err == ASSAY_OK && bytes.len >= WRITE_BEHIND_LEN) assay_os_file_write_behind(&f, offset, bytes.len);
        if (err == ASSAY_OK) {
            *size = offset + bytes.len;
            atomic_fetch_add(&v->model_bytes, bytes.len);
        }
        assay_os_file_close(&f);
    }
    assay_os_mutex_unlock(&v->holdings_lock);
    return err;
}

assay_err holding_missing(const validator *v, uint64_t *bytes, assay_hash root, const assay_manifest *manifest,
                          assay_arena scratch) {
    *bytes = 0;
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        uint64_t have;
        ASSAY_TRY(holding_file_size(v, &have, root, &manifest->files[i], scratch));
        const char *path;
        assay_arena again = scratch;
        ASSAY_TRY(file_path(v, &path, &again, root, manifest->files[i].path));
        if (manifest->files[i].size == 0 && !assay_os_exists(path))
            *bytes += 1; /* an empty file still has to be made */
        if (have < manifest->files[i].size) *bytes += manifest->files[i].size - have;
    }
    return ASSAY_OK;
}

/* A power cut must not take what the validator is about to vouch for. */
static assay_err sync_files(const validator *v, assay_hash root, const assay_manifest *manifest, assay_arena scratch) {
    const char *path;
    assay_os_file f;
    assay_err err = ASSAY_OK;
    if (manifest->files_count > SYNCED_ALONE_MAX) {
        ASSAY_TRY(holding_files(v, &path, &scratch, root));
        ASSAY_TRY(assay_os_dir_open(&f, path));
        err = assay_os_sync_volume(&f);
        assay_os_file_close(&f);
    }
    for (uint32_t i = 0; manifest->files_count <= SYNCED_ALONE_MAX && i < manifest->files_count && !err; i++) {
        assay_arena turn = scratch;
        ASSAY_TRY(file_path(v, &path, &turn, root, manifest->files[i].path));
        ASSAY_TRY(assay_os_file_open(&f, path, ASSAY_OS_READ, 0));
        err = assay_os_file_sync(&f);
        assay_os_file_close(&f);
    }
    return err;
}

/* The whole was recomputed and is what the manifest says: the groups are written, which marks it. */
assay_err holding_finish(validator *v, assay_hash root, const assay_manifest *manifest,
                         const assay_model_groups *groups, assay_arena scratch) {
    const char *path;
    if (!holding_complete(v, root)) ASSAY_TRY(sync_files(v, root, manifest, scratch));
    ASSAY_TRY(holding_path(v, &path, &scratch, root, "groups"));
    ASSAY_TRY(assay_os_replace(
        path, (assay_bytes){(const uint8_t *)groups->values, groups->count * sizeof *groups->values}, 0644));
    ASSAY_TRY(holding_path(v, &path, &scratch, root, "claimed"));
    assay_err err = assay_os_remove(path);
    return err == ASSAY_E_NOT_FOUND ? ASSAY_OK : err;
}

static assay_err drop_locked(validator *v, const char *path) {
    assay_os_info info;
    assay_err err = assay_os_info_get(&info, path, false);
    if (err == ASSAY_OK) err = assay_os_remove(path);
    if (err == ASSAY_OK) atomic_fetch_sub(&v->model_bytes, info.size);
    return err == ASSAY_E_NOT_FOUND ? ASSAY_OK : err;
}

/* Bytes that do not fit are thrown away, file by file: what is right stays, and the rest can come again. */
assay_err holding_drop_file(validator *v, assay_hash root, const assay_file_leaf *file, assay_arena scratch) {
    const char *path;
    ASSAY_TRY(file_path(v, &path, &scratch, root, file->path));
    assay_os_mutex_lock(&v->holdings_lock);
    assay_err err = drop_locked(v, path);
    assay_os_mutex_unlock(&v->holdings_lock);
    shelf_forget(v, root);
    return err;
}

/* ---- uploads that are checked on arrival ---------------------------------------------------------------------------
 */

assay_err holding_claimed(const validator *v, assay_model_groups *out, assay_arena *keep, assay_hash root,
                          const assay_manifest *manifest) {
    const char *path;
    assay_bytes bytes;
    ASSAY_TRY(holding_path(v, &path, keep, root, "claimed"));
    ASSAY_TRY(assay_os_read_whole(&bytes, keep, path, HOLDING_MANIFEST_MAX));
    return assay_model_groups_read(out, keep, bytes, manifest);
}

assay_err holding_claim(validator *v, assay_hash root, const assay_manifest *manifest, assay_bytes bytes,
                        assay_arena scratch) {
    const char *path, *file;
    assay_model_groups groups;
    ASSAY_TRY(assay_model_groups_read(&groups, &scratch, bytes, manifest));
    ASSAY_TRY(holding_path(v, &path, &scratch, root, "claimed"));
    assay_os_mutex_lock(&v->holdings_lock);
    assay_err err = ASSAY_OK;
    bool here = holding_complete(v, root) || assay_os_exists(path);
    /* Who knows the digests has the bytes: what somebody handed in without them may be anything. */
    for (uint32_t i = 0; err == ASSAY_OK && !here && i < manifest->files_count; i++) {
        assay_arena turn = scratch;
        err = file_path(v, &file, &turn, root, manifest->files[i].path);
        if (err == ASSAY_OK) err = drop_locked(v, file);
    }
    if (err == ASSAY_OK && !here) err = assay_os_replace(path, bytes, 0644);
    assay_os_mutex_unlock(&v->holdings_lock);
    shelf_forget(v, root);
    return err;
}

/* How much of bytes, which follow what is here at offset, are whole groups of the file that fit their digests. head
 * bytes of the first group are here already. */
static assay_err fitting(size_t *out, const assay_model_groups *groups, const assay_manifest *manifest,
                         uint64_t file_idx, uint64_t offset, size_t head, assay_bytes joined) {
    const assay_file_leaf *file = &manifest->files[file_idx];
    const uint64_t first = groups->first[file_idx], count = groups->first[file_idx + 1] - first;
    uint64_t group = (offset - head) / ASSAY_BLAKE3_GROUP_LEN;
    size_t at = 0;
    while (at < joined.len) {
        uint64_t left = file->size - group * ASSAY_BLAKE3_GROUP_LEN;
        size_t len = left < ASSAY_BLAKE3_GROUP_LEN ? (size_t)left : ASSAY_BLAKE3_GROUP_LEN;
        if (joined.len - at < len) break;
        assay_bytes bytes = {joined.ptr + at, len};
        assay_hash value =
            count == 1
                ? assay_crypto_blake3(NULL, bytes)
                : assay_crypto_blake3_subtree(NULL, bytes, group * (ASSAY_BLAKE3_GROUP_LEN / ASSAY_BLAKE3_CHUNK_LEN));
        if (!assay_base_hash_eq(value, groups->values[first + group])) return at ? ASSAY_OK : ASSAY_E_CONTENT;
        at += len;
        *out = at - head;
        group++;
    }
    return at ? ASSAY_OK : ASSAY_E_SIZE;
}

/* What is here of the group in which offset lies: after a kill in the middle of a write. */
static assay_err read_head(const validator *v, assay_bytes *joined, size_t *head, assay_arena *keep, assay_hash root,
                           const assay_file_leaf *file, uint64_t offset, assay_bytes bytes) {
    const char *path;
    assay_os_file f;
    size_t len;
    *head = (size_t)(offset % ASSAY_BLAKE3_GROUP_LEN);
    *joined = bytes;
    if (!*head) return ASSAY_OK;
    uint8_t *memory = ASSAY_NEW(keep, uint8_t, *head + bytes.len);
    if (!memory) return ASSAY_F_MEMORY;
    ASSAY_TRY(file_path(v, &path, keep, root, file->path));
    ASSAY_TRY(assay_os_file_open(&f, path, ASSAY_OS_READ, 0));
    assay_err err = assay_os_file_read(&len, &f, memory, *head, offset - *head);
    assay_os_file_close(&f);
    ASSAY_TRY(err);
    if (len != *head) return ASSAY_F_CORRUPT;
    memcpy(memory + *head, bytes.ptr, bytes.len);
    *joined = (assay_bytes){memory, *head + bytes.len};
    return ASSAY_OK;
}

/* The beginning of a group is not what was checked: a power cut. It comes again. */
assay_err holding_cut(validator *v, assay_hash root, const assay_file_leaf *file, uint64_t size, assay_arena scratch) {
    const char *path;
    assay_os_file f;
    ASSAY_TRY(file_path(v, &path, &scratch, root, file->path));
    assay_os_mutex_lock(&v->holdings_lock);
    assay_err err = holding_complete(v, root) ? ASSAY_E_STATE : assay_os_file_open(&f, path, ASSAY_OS_CREATE, 0644);
    if (err == ASSAY_OK) {
        assay_os_info info;
        err = assay_os_file_info(&info, &f);
        if (err == ASSAY_OK && info.size > size) {
            err = assay_os_file_truncate(&f, size);
            if (err == ASSAY_OK) atomic_fetch_sub(&v->model_bytes, info.size - size);
        }
        assay_os_file_close(&f);
    }
    assay_os_mutex_unlock(&v->holdings_lock);
    shelf_forget(v, root);
    return err;
}

assay_err holding_write_checked(validator *v, shelf_entry *entry, uint64_t file_idx, uint64_t offset, assay_bytes bytes,
                                uint64_t *size, assay_arena scratch) {
    const assay_hash root = entry->root;
    const assay_manifest *manifest = &entry->manifest;
    const assay_file_leaf *file = &manifest->files[file_idx];
    const assay_model_groups *groups;
    ASSAY_TRY(holding_file_size(v, size, root, file, scratch));
    assay_err err = shelf_groups(v, entry, &groups, false);
    if (err != ASSAY_OK && err != ASSAY_E_NOT_FOUND) return err;
    bool follows = offset == *size && bytes.len && bytes.len <= file->size - offset;
    if (err == ASSAY_OK && follows) {
        assay_bytes joined;
        size_t head, fits = 0;
        ASSAY_TRY(read_head(v, &joined, &head, &scratch, root, file, offset, bytes));
        err = fitting(&fits, groups, manifest, file_idx, offset, head, joined);
        if (err == ASSAY_E_CONTENT && head) {
            ASSAY_TRY(holding_cut(v, root, file, offset - head, scratch));
            *size = offset - head;
            return ASSAY_E_RANGE;
        }
        ASSAY_TRY(err);
        bytes.len = fits;
    }
    return holding_write(v, root, file, offset, bytes, size, scratch);
}

static uint64_t bytes_below(const assay_os_file *dir, uint32_t depth, assay_arena scratch) {
    assay_os_entry *entries;
    uint32_t count;
    uint64_t sum = 0;
    if (depth == 0 || assay_os_dir_list(&entries, &count, &scratch, dir, ASSAY_FILES_MAX) != ASSAY_OK) return 0;
    for (uint32_t i = 0; i < count; i++) {
        assay_os_file below;
        if (entries[i].type == ASSAY_OS_FILE) sum += entries[i].size;
        if (entries[i].type != ASSAY_OS_DIR ||
            assay_os_dir_open_beneath(&below, dir, (const char *)entries[i].name.ptr) != ASSAY_OK)
            continue;
        sum += bytes_below(&below, depth - 1, scratch);
        assay_os_file_close(&below);
    }
    return sum;
}

/* For a monitor: what cannot be read counts nothing. */
void holding_count(validator *v, assay_arena scratch) {
    const char *path;
    assay_os_file models, files;
    assay_os_entry *roots;
    uint32_t count = 0;
    uint64_t sum = 0;
    if (assay_os_path_join(&path, &scratch, v->dir, ASSAY_STR("models")) != ASSAY_OK) return;
    if (assay_os_dir_open(&models, path) != ASSAY_OK) return;
    if (assay_os_dir_list(&roots, &count, &scratch, &models, ASSAY_FILES_MAX) != ASSAY_OK) count = 0;
    for (uint32_t i = 0; i < count; i++) {
        char below[2 * ASSAY_HASH_LEN + sizeof "/files"];
        if (roots[i].name.len != 2 * ASSAY_HASH_LEN) continue;
        assay_os_format(below, sizeof below, "%s/files", (const char *)roots[i].name.ptr);
        if (assay_os_dir_open_beneath(&files, &models, below) != ASSAY_OK) continue;
        sum += bytes_below(&files, ASSAY_MODEL_DEPTH_MAX, scratch);
        assay_os_file_close(&files);
    }
    assay_os_file_close(&models);
    atomic_store(&v->model_bytes, sum);
}
