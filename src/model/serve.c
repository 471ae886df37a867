/* SPDX-License-Identifier: Apache-2.0
 * What a validator does with a version's bytes that it holds: commit to them, open drawn chunks, serve ranges. */
#include "model_internal.h"

#include <string.h>

/* ---- custody ------------------------------------------------------------------------------------------------- */

assay_err assay_model_custody(assay_model_custody_state *out, assay_arena *keep, assay_model_where *where,
                              const char *dir, const assay_manifest *manifest, const assay_hash *key,
                              const assay_model_options *options, assay_arena scratch) {
    static const assay_model_options none = {0};
    assay_model_where ignored;
    if (!where) where = &ignored;
    *where = (assay_model_where){0};
    *out = (assay_model_custody_state){.key = *key};
    model_plan plan = {.jobs_count = manifest->files_count, .key = key};
    plan.jobs = ASSAY_NEW(&scratch, model_job, manifest->files_count);
    out->keyed = ASSAY_NEW(keep, assay_hash, manifest->files_count);
    assay_hash *consumed = ASSAY_NEW(&scratch, assay_hash, manifest->files_count);
    if (!plan.jobs || !out->keyed || !consumed) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        const assay_file_leaf *file = &manifest->files[i];
        ASSAY_TRY(assay_os_path_join(&plan.jobs[i].path, &scratch, "", file->path));
        plan.jobs[i].size = file->size;
    }
    assay_os_file base;
    ASSAY_TRY(model_base_open(&base, dir, scratch));
    plan.dir = &base;
    assay_err err = model_hash(&plan, keep, where, options ? options : &none, scratch);
    assay_os_file_close(&base);
    if (err) return err;
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        where->file = manifest->files[i].path;
        if (plan.jobs[i].err) return plan.jobs[i].err;
        out->keyed[i] = consumed[i] = plan.jobs[i].keyed;
    }
    *where = (assay_model_where){0};
    out->root = assay_custody_root(consumed, manifest->files_count);
    out->groups = plan.keyed_groups;
    return ASSAY_OK;
}

/* ---- one group of one file ----------------------------------------------------------------------------------- */

typedef struct group_view {
    assay_os_file base;
    model_view view;
    uint64_t size;
    assay_bytes bytes; /* of the group */
} group_view;

static assay_err group_open(group_view *out, const char *dir, const assay_file_leaf *file, uint64_t group,
                            assay_arena *scratch) {
    *out = (group_view){.size = file->size};
    const char *path;
    uint8_t *buffer = ASSAY_NEW(scratch, uint8_t, MODEL_VIEW_READ_MAX);
    if (!buffer) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_os_path_join(&path, scratch, "", file->path));
    ASSAY_TRY(model_base_open(&out->base, dir, *scratch));
    assay_err err = model_view_open(&out->view, &out->base, path, file->size, buffer, false);
    if (err) {
        assay_os_file_close(&out->base);
        return err;
    }
    uint64_t at = group * ASSAY_BLAKE3_GROUP_LEN, rest = file->size - at;
    out->bytes = (assay_bytes){out->view.bytes.ptr + at,
                               (size_t)(rest < ASSAY_BLAKE3_GROUP_LEN ? rest : ASSAY_BLAKE3_GROUP_LEN)};
    return ASSAY_OK;
}

static assay_err group_close(group_view *g) {
    assay_os_file_close(&g->base);
    return model_view_close(&g->view, g->size);
}

/* The groups of one file: a view of those at hand, or computed from the bytes. */
static assay_err file_groups(assay_hash **out, uint64_t *count, const assay_hash *key, const assay_model_groups *groups,
                             uint64_t file_idx, assay_bytes file, assay_arena *scratch) {
    *count = model_groups_of(file.len);
    *out = ASSAY_NEW(scratch, assay_hash, (size_t)*count);
    if (!*out) return ASSAY_F_MEMORY;
    if (groups) {
        memcpy(*out, groups->values + groups->first[file_idx], (size_t)*count * sizeof **out);
        return ASSAY_OK;
    }
    for (uint64_t g = 0; g < *count; g++) {
        uint64_t at = g * ASSAY_BLAKE3_GROUP_LEN, rest = file.len - at;
        assay_bytes bytes = {file.ptr + at, (size_t)(rest < ASSAY_BLAKE3_GROUP_LEN ? rest : ASSAY_BLAKE3_GROUP_LEN)};
        (*out)[g] = *count == 1 ? assay_crypto_blake3(key, bytes)
                                : assay_crypto_blake3_subtree(key, bytes, at / ASSAY_BLAKE3_CHUNK_LEN);
    }
    return ASSAY_OK;
}

/* Appends the siblings of a chunk within its group, from the leaf up. first_chunk is the group's. */
static void path_in_group(assay_blake3_path *path, const assay_hash *key, assay_bytes group, uint64_t first_chunk,
                          uint64_t chunk) {
    assay_hash down[ASSAY_BLAKE3_PATH_MAX];
    uint32_t count = 0;
    uint64_t at = first_chunk;
    while (group.len > ASSAY_BLAKE3_CHUNK_LEN) {
        size_t left = (size_t)assay_crypto_blake3_left_len(group.len);
        uint64_t middle = at + left / ASSAY_BLAKE3_CHUNK_LEN;
        assay_bytes low = {group.ptr, left}, high = {group.ptr + left, group.len - left};
        bool in_low = chunk < middle;
        down[count++] = assay_crypto_blake3_subtree(key, in_low ? high : low, in_low ? middle : at);
        group = in_low ? low : high;
        if (!in_low) at = middle;
    }
    while (count) path->siblings[path->count++] = down[--count];
}

/* The path of a chunk to its file's digest. */
static assay_err chunk_path(assay_blake3_path *out, const assay_hash *key, const assay_model_groups *groups,
                            uint64_t file_idx, assay_bytes file, assay_bytes group_bytes, uint64_t chunk,
                            assay_arena scratch) {
    assay_hash *values;
    uint64_t count, group = chunk / (ASSAY_BLAKE3_GROUP_LEN / ASSAY_BLAKE3_CHUNK_LEN);
    ASSAY_TRY(file_groups(&values, &count, key, groups, file_idx, file, &scratch));
    out->count = 0;
    path_in_group(out, key, group_bytes, group * (ASSAY_BLAKE3_GROUP_LEN / ASSAY_BLAKE3_CHUNK_LEN), chunk);
    assay_blake3_path up;
    ASSAY_TRY(assay_crypto_blake3_group_path(&up, key, values, (size_t)count, file.len, group));
    for (uint32_t i = 0; i < up.count; i++) out->siblings[out->count++] = up.siblings[i];
    return ASSAY_OK;
}

/* ---- openings ------------------------------------------------------------------------------------------------ */

static assay_err keep_hashes(uint8_t (**out)[ASSAY_HASH_LEN], assay_arena *keep, const assay_hash *hashes,
                             uint32_t count) {
    *out = assay_base_arena_take(keep, ASSAY_HASH_LEN, count, 1);
    if (count && !*out) return ASSAY_F_MEMORY;
    if (count) memcpy(*out, hashes, (size_t)count * ASSAY_HASH_LEN);
    return ASSAY_OK;
}

/* The file that holds a chunk of the version. */
static assay_err file_of_chunk(uint32_t *out, const assay_manifest *manifest, uint64_t chunk) {
    uint32_t low = 0, high = manifest->files_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (manifest->files[middle].chunks_before <= chunk)
            low = middle;
        else
            high = middle;
    }
    *out = low;
    const assay_file_leaf *file = &manifest->files[low];
    return high > low && chunk >= file->chunks_before && chunk - file->chunks_before < assay_file_chunks(file->size)
               ? ASSAY_OK
               : ASSAY_E_RANGE;
}

/* The paths of the file to the manifest root and to the custody root. */
static assay_err tree_paths(assay_opening_entry *out, assay_arena *keep, const assay_manifest *manifest,
                            const assay_model_custody_state *custody, assay_arena scratch) {
    uint32_t count = manifest->files_count;
    assay_hash *leaves = ASSAY_NEW(&scratch, assay_hash, count);
    if (!leaves) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        assay_arena inner = scratch;
        assay_bytes leaf;
        ASSAY_TRY(
            assay_codec_encode_new(&leaf, &inner, &assay_file_leaf_message, &manifest->files[i], ASSAY_CODEC_STRICT));
        leaves[i] = assay_merkle_leaf(leaf);
    }
    assay_merkle_path path;
    assay_merkle_path_of(&path, leaves, count, (size_t)out->file_idx);
    ASSAY_TRY(keep_hashes(&out->file_path, keep, path.hashes, path.count));
    out->file_path_count = path.count;
    for (uint32_t i = 0; i < count; i++) leaves[i] = assay_merkle_leaf(assay_base_hash_bytes(&custody->keyed[i]));
    assay_merkle_path_of(&path, leaves, count, (size_t)out->file_idx);
    ASSAY_TRY(keep_hashes(&out->custody_path, keep, path.hashes, path.count));
    out->custody_path_count = path.count;
    return ASSAY_OK;
}

/* Whether a path leads to a digest: an entry that would be refused is not made. */
static bool leads_to(const assay_blake3_path *path, const assay_hash *key, const assay_opening_entry *e, uint64_t local,
                     assay_hash digest) {
    assay_hash root;
    return assay_crypto_blake3_path_root(&root, key, e->content, local, e->file.size, path->siblings, path->count) ==
               ASSAY_OK &&
           assay_base_hash_eq(root, digest);
}

static assay_err chunk_paths(assay_opening_entry *out, assay_arena *keep, const group_view *g,
                             const assay_model_groups *groups, const assay_model_custody_state *custody, uint64_t local,
                             assay_arena scratch) {
    assay_blake3_path plain, keyed;
    const assay_model_groups *keyed_groups = custody->groups.values ? &custody->groups : NULL;
    ASSAY_TRY(chunk_path(&plain, NULL, groups, out->file_idx, g->view.bytes, g->bytes, local, scratch));
    ASSAY_TRY(chunk_path(&keyed, &custody->key, keyed_groups, out->file_idx, g->view.bytes, g->bytes, local, scratch));
    size_t at = (size_t)(local % (ASSAY_BLAKE3_GROUP_LEN / ASSAY_BLAKE3_CHUNK_LEN)) * ASSAY_BLAKE3_CHUNK_LEN;
    size_t rest = g->bytes.len - at;
    assay_bytes content = {g->bytes.ptr + at, rest < ASSAY_BLAKE3_CHUNK_LEN ? rest : ASSAY_BLAKE3_CHUNK_LEN};
    ASSAY_TRY(assay_base_arena_copy(&out->content, keep, content));
    if (!leads_to(&plain, NULL, out, local, out->file.blake3)) return ASSAY_E_CONTENT;
    if (!leads_to(&keyed, &custody->key, out, local, custody->keyed[out->file_idx])) return ASSAY_E_CONTENT;
    ASSAY_TRY(keep_hashes(&out->plain_path, keep, plain.siblings, plain.count));
    ASSAY_TRY(keep_hashes(&out->keyed_path, keep, keyed.siblings, keyed.count));
    out->plain_path_count = plain.count;
    out->keyed_path_count = keyed.count;
    return ASSAY_OK;
}

assay_err assay_model_opening_entry(assay_opening_entry *out, assay_arena *keep, const char *dir,
                                    const assay_manifest *manifest, const assay_model_groups *groups,
                                    const assay_model_custody_state *custody, uint64_t chunk, assay_arena scratch) {
    uint32_t file_idx;
    ASSAY_TRY(file_of_chunk(&file_idx, manifest, chunk));
    const assay_file_leaf *file = &manifest->files[file_idx];
    *out = (assay_opening_entry){.chunk = chunk, .file_idx = file_idx, .file = *file};
    ASSAY_TRY(assay_base_arena_copy(&out->file.path, keep, file->path));
    uint64_t local = chunk - file->chunks_before;
    group_view g;
    ASSAY_TRY(group_open(&g, dir, file, local / (ASSAY_BLAKE3_GROUP_LEN / ASSAY_BLAKE3_CHUNK_LEN), &scratch));
    assay_err err = chunk_paths(out, keep, &g, groups, custody, local, scratch);
    assay_err closed = group_close(&g);
    if (err || closed) return err ? err : closed;
    return tree_paths(out, keep, manifest, custody, scratch);
}

/* ---- ranges -------------------------------------------------------------------------------------------------- */

assay_err assay_model_range_read(assay_model_range *out, assay_arena *keep, const char *dir,
                                 const assay_manifest *manifest, const assay_model_groups *groups, uint64_t file_idx,
                                 uint64_t group, assay_arena scratch) {
    *out = (assay_model_range){0};
    if (file_idx >= manifest->files_count) return ASSAY_E_RANGE;
    const assay_file_leaf *file = &manifest->files[file_idx];
    if (group >= model_groups_of(file->size)) return ASSAY_E_RANGE;
    group_view g;
    ASSAY_TRY(group_open(&g, dir, file, group, &scratch));
    assay_hash *values;
    uint64_t count;
    assay_err err = file_groups(&values, &count, NULL, groups, file_idx, g.view.bytes, &scratch);
    if (!err) err = assay_crypto_blake3_group_path(&out->path, NULL, values, (size_t)count, file->size, group);
    if (!err) err = assay_base_arena_copy(&out->bytes, keep, g.bytes);
    assay_err closed = group_close(&g);
    if (err || closed) return err ? err : closed;
    return assay_model_range_check(out, file, group) == ASSAY_OK ? ASSAY_OK : ASSAY_E_CONTENT;
}

assay_err assay_model_range_check(const assay_model_range *range, const assay_file_leaf *file, uint64_t group) {
    assay_hash root;
    ASSAY_TRY(assay_crypto_blake3_group_path_root(&root, NULL, range->bytes, group, file->size, range->path.siblings,
                                                  range->path.count));
    return assay_base_hash_eq(root, file->blake3) ? ASSAY_OK : ASSAY_E_PROOF;
}
