/* SPDX-License-Identifier: Apache-2.0
 * From a path to a manifest: list the files, read the tensor files' headers, hash everything once, put it together. */
#include "model_internal.h"

#include <string.h>

/* A tensor on its way into the manifest. */
typedef struct found {
    assay_model_entry entry;
    uint32_t file_idx;
    uint32_t text; /* its place among the file's texts */
} found;

typedef struct digest {
    assay_model *out;
    assay_arena *keep;
    assay_model_where *where;
    const assay_model_options *options;
    model_tree tree;
    found *tensors;
    uint32_t count, cap;
    bool indexes; /* there is a sharded model's index */
} digest;

static bool ends_with(assay_bytes path, const char *end) {
    size_t len = strlen(end);
    return path.len >= len && memcmp(path.ptr + path.len - len, end, len) == 0;
}

/* Index of a path among the files, or ASSAY_MODEL_NONE. */
static uint32_t file_find(const model_tree *tree, assay_bytes path) {
    uint32_t low = 0, high = tree->files_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = assay_path_cmp(tree->files[middle].path, path);
        if (order == 0) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return ASSAY_MODEL_NONE;
}

/* The file that stands at `location` beside the file `from`, which may lie in a folder; ASSAY_MODEL_NONE if there is
 * none, or if the location leads outside. */
static uint32_t file_beside(const digest *d, uint32_t from, assay_bytes location, assay_arena scratch) {
    if (location.len > 2 && memcmp(location.ptr, "./", 2) == 0) location.ptr += 2, location.len -= 2;
    if (assay_path_check(location) != ASSAY_OK) return ASSAY_MODEL_NONE;
    assay_bytes base = d->tree.files[from].path;
    while (base.len && base.ptr[base.len - 1] != '/') base.len--;
    uint8_t *text = ASSAY_NEW(&scratch, uint8_t, base.len + location.len);
    if (!text) return ASSAY_MODEL_NONE;
    memcpy(text, base.ptr, base.len);
    memcpy(text + base.len, location.ptr, location.len);
    return file_find(&d->tree, (assay_bytes){text, base.len + location.len});
}

/* Moves what a header gave into the list; strings go to keep. */
static assay_err add_tensors(digest *d, uint32_t file_idx, assay_model_entries entries, assay_arena *scratch) {
    if (entries.count > ASSAY_TENSORS_MAX - d->count)
        return model_beyond(d->where, "too many tensors", (assay_bytes){0}, 0);
    /* The list is the only thing that the scratch of this phase keeps, so it grows in place. */
    found *added = ASSAY_NEW(scratch, found, entries.count);
    if (entries.count && !added) return ASSAY_F_MEMORY;
    if (!d->tensors) d->tensors = added;
    for (uint32_t i = 0; i < entries.count; i++) {
        found *f = &added[i];
        f->entry = entries.rows[i];
        f->file_idx = file_idx;
        ASSAY_TRY(assay_base_arena_copy(&f->entry.name, d->keep, f->entry.name));
        ASSAY_TRY(assay_base_arena_copy(&f->entry.dtype, d->keep, f->entry.dtype));
        ASSAY_TRY(assay_base_arena_copy(&f->entry.location, d->keep, f->entry.location));
        uint64_t *shape = ASSAY_NEW(d->keep, uint64_t, f->entry.shape_count);
        if (f->entry.shape_count && !shape) return ASSAY_F_MEMORY;
        if (shape) memcpy(shape, f->entry.shape, f->entry.shape_count * sizeof *shape);
        f->entry.shape = shape;
    }
    d->count += entries.count;
    return ASSAY_OK;
}

typedef assay_err (*reader)(assay_model_entries *, assay_arena *, assay_model_where *, assay_bytes);

static reader reader_of(assay_bytes path) {
    if (ends_with(path, ".safetensors")) return assay_model_safetensors;
    if (ends_with(path, ".onnx")) return assay_model_onnx;
    if (ends_with(path, ".gguf")) return assay_model_gguf;
    return NULL;
}

/* Opens a file and lets a reader read its header; what it says is in scratch, pointing into memory that is copied out
 * before the view closes by take. */
static assay_err read_header(digest *d, uint32_t file_idx, reader read, assay_arena *list,
                             assay_err (*take)(digest *, uint32_t, assay_model_entries, assay_arena *),
                             assay_arena scratch) {
    const model_file *file = &d->tree.files[file_idx];
    uint8_t *buffer = ASSAY_NEW(&scratch, uint8_t, MODEL_VIEW_READ_MAX);
    if (!buffer) return ASSAY_F_MEMORY;
    d->where->file = file->path;
    model_view view;
    ASSAY_TRY(model_view_open(&view, &d->tree.dir, (const char *)file->path.ptr, file->size, buffer, false));
    assay_model_entries entries;
    assay_err err = read(&entries, &scratch, d->where, view.bytes);
    if (!err) err = take(d, file_idx, entries, list);
    /* What a header seems to say while the file changes says nothing. */
    assay_bytes tensor = d->where->tensor;
    if (err && !assay_base_err_is_fault(err)) {
        assay_err copied = assay_base_arena_copy(&d->where->tensor, d->keep, tensor);
        if (copied) err = copied;
    }
    assay_err closed = model_view_close(&view, file->size);
    return closed ? closed : err;
}

/* A malformed header is an error, or, lenient, a warning. */
static assay_err forgive(digest *d, assay_err err) {
    bool malformed = err == ASSAY_E_HEADER || err == ASSAY_E_LIMIT;
    if (!malformed || !d->options->lenient) return err;
    assay_model *out = d->out;
    if (!out->warnings) out->warnings = ASSAY_NEW(d->keep, assay_model_where, d->tree.files_count);
    if (!out->warnings) return ASSAY_F_MEMORY;
    if (out->warnings_count < d->tree.files_count) out->warnings[out->warnings_count++] = *d->where;
    *d->where = (assay_model_where){0};
    return ASSAY_OK;
}

/* Finds the files of external data and checks that the tensors lie in them. */
static assay_err place_external(digest *d, uint32_t first, assay_arena scratch) {
    for (uint32_t i = first; i < d->count; i++) {
        found *f = &d->tensors[i];
        assay_model_entry *entry = &f->entry;
        if (!entry->location.len) continue;
        uint32_t file = file_beside(d, f->file_idx, entry->location, scratch);
        if (file == ASSAY_MODEL_NONE)
            return model_malformed(d->where, "external data names a file that is not in the model", entry->name,
                                   entry->offset, entry->length);
        uint64_t size = d->tree.files[file].size;
        if (entry->offset <= size && !entry->length_known) entry->length = size - entry->offset;
        if (entry->offset > size || entry->length > size - entry->offset)
            return model_malformed(d->where, "external data lies beyond the end of its file", entry->name,
                                   entry->offset, entry->length);
        f->file_idx = file;
    }
    return ASSAY_OK;
}

static assay_err read_tensors(digest *d, assay_arena *list, assay_arena scratch) {
    for (uint32_t i = 0; i < d->tree.files_count; i++) {
        assay_bytes path = d->tree.files[i].path;
        if (ends_with(path, ".safetensors.index.json")) d->indexes = true;
        reader read = reader_of(path);
        if (!read) continue;
        uint32_t before = d->count;
        assay_arena list_before = *list;
        assay_err err = read_header(d, i, read, list, add_tensors, scratch);
        if (!err) err = place_external(d, before, scratch);
        if (!err) continue;
        d->count = before;
        *list = list_before;
        if (!before) d->tensors = NULL;
        ASSAY_TRY(forgive(d, err));
    }
    return ASSAY_OK;
}

/* ---- the index of a sharded model ---------------------------------------------------------------------------- */

static bool less_by_name(const void *context, const void *a, const void *b) {
    (void)context;
    const found *x = *(found *const *)a, *y = *(found *const *)b;
    if (x->file_idx != y->file_idx) return x->file_idx < y->file_idx;
    return assay_base_bytes_cmp(x->entry.name, y->entry.name) < 0;
}

static bool has_tensor(found *const *sorted, uint32_t count, uint32_t file_idx, assay_bytes name) {
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const found *f = sorted[middle];
        int order =
            f->file_idx != file_idx ? (f->file_idx < file_idx ? -1 : 1) : assay_base_bytes_cmp(f->entry.name, name);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Every tensor of the index is in the shard that the index names. The arena is that of the call: all of it is free. */
static assay_err check_index(digest *d, uint32_t index_idx, assay_model_entries rows, assay_arena *free) {
    assay_arena scratch = *free;
    found **sorted = ASSAY_NEW(&scratch, found *, d->count), **space = ASSAY_NEW(&scratch, found *, d->count);
    if (d->count && (!sorted || !space)) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < d->count; i++) sorted[i] = &d->tensors[i];
    if (d->count) assay_base_sort(sorted, space, d->count, sizeof *sorted, less_by_name, NULL);
    for (uint32_t i = 0; i < rows.count; i++) {
        const assay_model_entry *row = &rows.rows[i];
        uint32_t shard = file_beside(d, index_idx, row->location, scratch);
        if (shard == ASSAY_MODEL_NONE)
            return model_malformed(d->where, "the index names a shard that is not in the model", row->name, 0, 0);
        if (!has_tensor(sorted, d->count, shard, row->name))
            return model_malformed(d->where, "the index maps the tensor to a shard that does not hold it", row->name, 0,
                                   0);
    }
    return ASSAY_OK;
}

static assay_err check_indexes(digest *d, assay_arena scratch) {
    for (uint32_t i = 0; d->indexes && i < d->tree.files_count; i++) {
        if (!ends_with(d->tree.files[i].path, ".safetensors.index.json")) continue;
        /* The reader's scratch and the check's are different halves. */
        assay_arena check = scratch, rest = scratch;
        check.end = check.at + (size_t)(scratch.end - scratch.at) / 2;
        rest.at = check.end;
        assay_err err = read_header(d, i, assay_model_safetensors_index, &check, check_index, rest);
        if (err) ASSAY_TRY(forgive(d, err));
    }
    return ASSAY_OK;
}

/* ---- putting together ---------------------------------------------------------------------------------------- */

/* The manifest's order: file, offset, name. */
static bool less_in_manifest(const void *context, const void *a, const void *b) {
    (void)context;
    const found *x = a, *y = b;
    if (x->file_idx != y->file_idx) return x->file_idx < y->file_idx;
    if (x->entry.offset != y->entry.offset) return x->entry.offset < y->entry.offset;
    return assay_base_bytes_cmp(x->entry.name, y->entry.name) < 0;
}

static assay_err sort_tensors(digest *d, assay_arena scratch) {
    found *space = ASSAY_NEW(&scratch, found, d->count);
    if (d->count && !space) return ASSAY_F_MEMORY;
    if (d->count) assay_base_sort(d->tensors, space, d->count, sizeof *space, less_in_manifest, NULL);
    uint32_t kept = d->count ? 1 : 0;
    for (uint32_t i = 1; i < d->count; i++) {
        if (!less_in_manifest(NULL, &d->tensors[kept - 1], &d->tensors[i])) {
            const found *f = &d->tensors[i];
            d->where->file = d->tree.files[f->file_idx].path;
            assay_err err = model_malformed(d->where, "two tensors have one name and one place", f->entry.name,
                                            f->entry.offset, f->entry.length);
            ASSAY_TRY(forgive(d, err));
            continue;
        }
        d->tensors[kept++] = d->tensors[i];
    }
    d->count = kept;
    return ASSAY_OK;
}

/* One job per file, the tensors as its texts. */
static assay_err plan_jobs(digest *d, model_plan *plan, assay_arena *scratch) {
    plan->dir = &d->tree.dir;
    plan->jobs_count = d->tree.files_count;
    plan->jobs = ASSAY_NEW(scratch, model_job, plan->jobs_count);
    model_text *texts = ASSAY_NEW(scratch, model_text, d->count);
    if (!plan->jobs || (d->count && !texts)) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < plan->jobs_count; i++) {
        plan->jobs[i].path = (const char *)d->tree.files[i].path.ptr;
        plan->jobs[i].size = d->tree.files[i].size;
    }
    for (uint32_t i = 0; i < d->count; i++) {
        found *f = &d->tensors[i];
        model_job *job = &plan->jobs[f->file_idx];
        if (!job->texts) job->texts = &texts[i];
        f->text = job->texts_count++;
        job->texts[f->text] = (model_text){.offset = f->entry.offset, .length = f->entry.length};
    }
    return ASSAY_OK;
}

static assay_err fill_files(digest *d, const model_plan *plan) {
    assay_model *out = d->out;
    assay_manifest *manifest = &out->manifest;
    manifest->format = 1;
    manifest->files_count = plan->jobs_count;
    manifest->files = ASSAY_NEW(d->keep, assay_file_leaf, plan->jobs_count);
    if (!manifest->files) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < plan->jobs_count; i++) {
        const model_job *job = &plan->jobs[i];
        if (job->err) {
            /* It was a file of this size a moment ago. */
            *d->where =
                (assay_model_where){.file = d->tree.files[i].path, .what = "the file changed while it was read"};
            return job->err == ASSAY_E_SYMLINK ? ASSAY_E_SYMLINK : ASSAY_F_STORAGE;
        }
        manifest->files[i] = (assay_file_leaf){d->tree.files[i].path, job->size, job->sha256, job->blake3, out->chunks};
        ASSAY_TRY(assay_base_add_u64(&out->size, out->size, job->size));
        out->chunks += assay_file_chunks(job->size);
    }
    out->groups = plan->groups;
    return ASSAY_OK;
}

static assay_err fill_tensors(digest *d, const model_plan *plan) {
    assay_manifest *manifest = &d->out->manifest;
    manifest->tensor_rules = ASSAY_MODEL_TENSOR_RULES;
    manifest->tensors = ASSAY_NEW(d->keep, assay_tensor_leaf, d->count);
    if (d->count && !manifest->tensors) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < d->count; i++) {
        const found *f = &d->tensors[i];
        const assay_model_entry *e = &f->entry;
        manifest->tensors[i] =
            (assay_tensor_leaf){f->file_idx,    e->name,   e->dtype,  e->shape,
                                e->shape_count, e->offset, e->length, plan->jobs[f->file_idx].texts[f->text].blake3};
    }
    manifest->tensors_count = d->count;
    return ASSAY_OK;
}

static assay_err fill_custody(digest *d, const model_plan *plan, assay_arena scratch) {
    assay_model *out = d->out;
    out->keyed = ASSAY_NEW(d->keep, assay_hash, plan->jobs_count);
    assay_hash *consumed = ASSAY_NEW(&scratch, assay_hash, plan->jobs_count);
    if (!out->keyed || !consumed) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < plan->jobs_count; i++) out->keyed[i] = consumed[i] = plan->jobs[i].keyed;
    out->custody_root = assay_custody_root(consumed, plan->jobs_count);
    out->keyed_groups = plan->keyed_groups;
    return ASSAY_OK;
}

static bool oms_ignores(assay_bytes path) {
    static const char *const names[] = {".git", ".gitignore", ".gitattributes", ".github"};
    const uint8_t *slash = path.len ? memchr(path.ptr, '/', path.len) : NULL;
    assay_bytes first = {path.ptr, slash ? (size_t)(slash - path.ptr) : path.len};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (assay_base_bytes_eq(first, assay_base_bytes_str(names[i]))) return true;
    return false;
}

assay_hash assay_model_signing_digest(const assay_manifest *manifest, bool single_file) {
    assay_sha256 hash;
    assay_crypto_sha256_init(&hash);
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        const assay_file_leaf *file = &manifest->files[i];
        if (single_file || !oms_ignores(file->path))
            assay_crypto_sha256_update(&hash, assay_base_hash_bytes(&file->sha256));
    }
    return assay_crypto_sha256_final(&hash);
}

/* All tensors that the files' headers name, in the manifest's order. */
static assay_err list_tensors(digest *d, assay_arena *scratch) {
    /* The list grows at the front of its half of scratch; headers are read in the other. */
    assay_arena list = *scratch, rest = *scratch;
    list.end = list.at + (size_t)(scratch->end - scratch->at) / 2;
    rest.at = list.end;
    if (!d->options->without_tensors) ASSAY_TRY(read_tensors(d, &list, rest));
    ASSAY_TRY(check_indexes(d, rest));
    ASSAY_TRY(sort_tensors(d, rest));
    *d->where = (assay_model_where){0};
    *scratch = rest;
    return ASSAY_OK;
}

static assay_err run(digest *d, assay_arena rest) {
    if (d->tree.files_count == 0) return ASSAY_E_EMPTY;
    ASSAY_TRY(list_tensors(d, &rest));
    model_plan plan = {.plain = true, .sha256 = !d->options->without_sha256, .key = d->options->custody_key};
    ASSAY_TRY(plan_jobs(d, &plan, &rest));
    ASSAY_TRY(model_hash(&plan, d->keep, d->where, d->options, rest));
    ASSAY_TRY(fill_files(d, &plan));
    ASSAY_TRY(fill_tensors(d, &plan));
    if (plan.key) ASSAY_TRY(fill_custody(d, &plan, rest));
    if (plan.sha256) {
        d->out->model_signing = assay_model_signing_digest(&d->out->manifest, d->tree.single_file);
        ASSAY_TRY(assay_manifest_root(&d->out->root, &d->out->manifest, rest));
    }
    return assay_manifest_tensor_root(&d->out->tensor_root, &d->out->manifest, rest);
}

assay_err assay_model_digest(assay_model *out, assay_arena *keep, assay_model_where *where, const char *path,
                             const assay_model_options *options, assay_arena scratch) {
    static const assay_model_options none = {0};
    assay_model_where ignored;
    digest d = {.out = out, .keep = keep, .where = where ? where : &ignored, .options = options ? options : &none};
    *out = (assay_model){0};
    *d.where = (assay_model_where){0};
    ASSAY_TRY(model_tree_open(&d.tree, keep, d.where, path, true, scratch));
    assay_err err = run(&d, scratch);
    model_tree_close(&d.tree);
    return err;
}

/* ---- files that are still arriving --------------------------------------------------------------------------- */

/* One job per file, the tensors as its texts, all where the manifest says; texts are in the order of its tensors. */
static assay_err plan_manifest(model_plan *plan, model_text **texts, const assay_manifest *manifest,
                               assay_arena *scratch) {
    plan->jobs_count = manifest->files_count;
    plan->jobs = ASSAY_NEW(scratch, model_job, plan->jobs_count);
    *texts = ASSAY_NEW(scratch, model_text, manifest->tensors_count);
    if (!plan->jobs || (manifest->tensors_count && !*texts)) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < plan->jobs_count; i++) {
        ASSAY_TRY(assay_os_path_join(&plan->jobs[i].path, scratch, "", manifest->files[i].path));
        plan->jobs[i].size = manifest->files[i].size;
    }
    for (uint32_t i = 0; i < manifest->tensors_count; i++) {
        const assay_tensor_leaf *tensor = &manifest->tensors[i];
        model_job *job = &plan->jobs[tensor->file_idx];
        if (!job->texts) job->texts = &(*texts)[i];
        job->texts_count++;
        (*texts)[i] = (model_text){.offset = tensor->offset, .length = tensor->length};
    }
    return ASSAY_OK;
}

static bool digests_are(const model_plan *plan, const model_text *texts, const assay_manifest *manifest) {
    for (uint32_t i = 0; i < manifest->files_count; i++)
        if (plan->jobs[i].err || !assay_base_hash_eq(plan->jobs[i].sha256, manifest->files[i].sha256)) return false;
    for (uint32_t i = 0; i < manifest->tensors_count; i++)
        if (!assay_base_hash_eq(texts[i].blake3, manifest->tensors[i].blake3)) return false;
    return true;
}

static bool files_are(const model_tree *tree, const assay_manifest *manifest) {
    if (tree->files_count != manifest->files_count) return false;
    for (uint32_t i = 0; i < tree->files_count; i++)
        if (tree->files[i].size != manifest->files[i].size ||
            !assay_base_bytes_eq(tree->files[i].path, manifest->files[i].path))
            return false;
    return true;
}

static bool tensors_are(const digest *d, const assay_manifest *manifest) {
    if (d->count != manifest->tensors_count) return false;
    for (uint32_t i = 0; i < d->count; i++) {
        const found *f = &d->tensors[i];
        const assay_tensor_leaf *t = &manifest->tensors[i];
        if (f->file_idx != t->file_idx || f->entry.offset != t->offset || f->entry.length != t->length ||
            f->entry.shape_count != t->shape_count || !assay_base_bytes_eq(f->entry.name, t->name) ||
            !assay_base_bytes_eq(f->entry.dtype, t->dtype))
            return false;
        for (uint32_t k = 0; k < t->shape_count; k++)
            if (f->entry.shape[k] != t->shape[k]) return false;
    }
    return true;
}

/* All is there: is it a folder whose own headers say what the manifest says? */
static assay_err look_again(digest *d, const char *dir, const assay_manifest *manifest, assay_arena scratch) {
    ASSAY_TRY(model_tree_open(&d->tree, d->keep, d->where, dir, true, scratch));
    assay_err err = files_are(&d->tree, manifest) ? ASSAY_OK : ASSAY_E_CONTENT;
    if (err == ASSAY_OK) err = list_tensors(d, &scratch);
    if (err == ASSAY_OK && !tensors_are(d, manifest)) err = ASSAY_E_CONTENT;
    model_tree_close(&d->tree);
    return err;
}

assay_err assay_model_follow(assay_model *out, assay_arena *keep, assay_model_where *where, const char *dir,
                             const assay_manifest *manifest, const assay_model_groups *groups,
                             const assay_model_options *options, assay_arena scratch) {
    assay_model_where ignored;
    digest d = {.out = out, .keep = keep, .where = where ? where : &ignored, .options = options};
    *out = (assay_model){0};
    *d.where = (assay_model_where){0};
    if (manifest->tensor_rules != ASSAY_MODEL_TENSOR_RULES) return ASSAY_E_CONTENT;
    model_plan plan = {.sha256 = true, .key = options->custody_key};
    model_text *texts;
    assay_os_file base;
    ASSAY_TRY(plan_manifest(&plan, &texts, manifest, &scratch));
    ASSAY_TRY(model_base_open(&base, dir, scratch));
    plan.dir = &base;
    assay_err err = model_hash(&plan, keep, d.where, options, scratch);
    assay_os_file_close(&base);
    if (err != ASSAY_OK) return err == ASSAY_E_LIMIT ? ASSAY_E_CONTENT : err;
    if (!digests_are(&plan, texts, manifest)) return ASSAY_E_CONTENT;
    ASSAY_TRY(look_again(&d, dir, manifest, scratch));
    out->manifest = *manifest;
    out->groups = *groups;
    ASSAY_TRY(assay_manifest_totals(&out->size, &out->chunks, manifest));
    if (plan.key) ASSAY_TRY(fill_custody(&d, &plan, scratch));
    out->model_signing = assay_model_signing_digest(manifest, false);
    ASSAY_TRY(assay_manifest_root(&out->root, manifest, scratch));
    return assay_manifest_tensor_root(&out->tensor_root, manifest, scratch);
}
