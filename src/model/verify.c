/* SPDX-License-Identifier: Apache-2.0
 * Holds what lies on a disk against a manifest. First every file's BLAKE3; then, only for files that differ, the
 * tensors that lie where they differ. A file is looked at in cells: its 1 MiB groups when the manifest's are at hand,
 * else the whole file. */
#include "model_internal.h"

#include <string.h>

typedef struct verify {
    assay_model_findings *out;
    assay_arena *keep;
    assay_model_where *where;
    const assay_manifest *manifest;
    const assay_model_groups *groups; /* or NULL */
    const assay_model_options *options;
    model_tree tree;
    uint32_t *tree_idx;     /* per file of the manifest: its place in the tree, or ASSAY_MODEL_NONE */
    uint32_t *tensor_first; /* per file: its first tensor; files_count + 1 entries */
} verify;

/* ---- findings ------------------------------------------------------------------------------------------------ */

static void add(verify *v, assay_err code, assay_bytes file, assay_bytes tensor, uint64_t offset, uint64_t length) {
    assay_model_findings *out = v->out;
    if (out->count) {
        assay_model_finding *last = &out->rows[out->count - 1];
        bool same = last->code == code && code == ASSAY_E_CONTENT && assay_base_bytes_eq(last->file, file) &&
                    assay_base_bytes_eq(last->tensor, tensor) && out->total == out->count;
        if (same && last->offset + last->length == offset) {
            last->length += length;
            return;
        }
    }
    out->total++;
    if (out->count < ASSAY_MODEL_FINDINGS_MAX)
        out->rows[out->count++] = (assay_model_finding){code, file, tensor, offset, length};
}

static bool less_finding(const void *context, const void *a, const void *b) {
    (void)context;
    const assay_model_finding *x = a, *y = b;
    int order = assay_path_cmp(x->file, y->file);
    if (order) return order < 0;
    return x->offset != y->offset ? x->offset < y->offset : assay_base_bytes_cmp(x->tensor, y->tensor) < 0;
}

/* ---- what is there ------------------------------------------------------------------------------------------- */

static bool less_problem(const void *context, const void *a, const void *b) {
    (void)context;
    const model_problem *x = a, *y = b;
    return assay_path_cmp(x->path, y->path) < 0;
}

/* A missing file is explained by a link in its place or in that of a folder on its way. */
static bool is_explained(const model_tree *tree, assay_bytes path) {
    for (size_t len = 1; len <= path.len; len++) {
        if (len < path.len && path.ptr[len] != '/') continue;
        uint32_t low = 0, high = tree->problems_count;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            int order = assay_path_cmp(tree->problems[middle].path, (assay_bytes){path.ptr, len});
            if (order == 0) return true;
            if (order < 0)
                low = middle + 1;
            else
                high = middle;
        }
    }
    return false;
}

/* Pairs the manifest's files with those that are there; what has no partner is a finding. */
static assay_err pair_files(verify *v, assay_arena scratch) {
    model_tree *tree = &v->tree;
    const assay_manifest *manifest = v->manifest;
    model_problem *space = ASSAY_NEW(&scratch, model_problem, tree->problems_count);
    if (tree->problems_count && !space) return ASSAY_F_MEMORY;
    if (tree->problems_count)
        assay_base_sort(tree->problems, space, tree->problems_count, sizeof *space, less_problem, NULL);
    /* A name that no manifest can hold is an extra file. */
    for (uint32_t i = 0; i < tree->problems_count; i++) {
        assay_err code = tree->problems[i].code == ASSAY_E_NAME ? ASSAY_E_EXTRA : tree->problems[i].code;
        add(v, code, tree->problems[i].path, (assay_bytes){0}, 0, 0);
    }
    uint32_t i = 0, k = 0;
    while (i < manifest->files_count || k < tree->files_count) {
        int order = i == manifest->files_count ? 1
                    : k == tree->files_count   ? -1
                                               : assay_path_cmp(manifest->files[i].path, tree->files[k].path);
        if (order == 0) {
            v->tree_idx[i++] = k++;
        } else if (order < 0) {
            assay_bytes path = manifest->files[i].path;
            v->tree_idx[i++] = ASSAY_MODEL_NONE;
            if (!is_explained(tree, path)) add(v, ASSAY_E_MISSING, path, (assay_bytes){0}, 0, 0);
        } else {
            add(v, ASSAY_E_EXTRA, tree->files[k].path, (assay_bytes){0}, 0, tree->files[k].size);
            k++;
        }
    }
    return ASSAY_OK;
}

/* ---- the first pass: all files of the right size ------------------------------------------------------------- */

static assay_err hash_files(verify *v, model_plan *plan, uint32_t *job_file, assay_arena *scratch) {
    const assay_manifest *manifest = v->manifest;
    plan->dir = &v->tree.dir;
    plan->plain = true;
    plan->jobs = ASSAY_NEW(scratch, model_job, manifest->files_count);
    if (!plan->jobs) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        if (v->tree_idx[i] == ASSAY_MODEL_NONE) continue;
        const model_file *file = &v->tree.files[v->tree_idx[i]];
        if (file->size != manifest->files[i].size) continue;
        job_file[plan->jobs_count] = i;
        plan->jobs[plan->jobs_count++] = (model_job){.path = (const char *)file->path.ptr, .size = file->size};
    }
    assay_arena kept = *scratch; /* the plan's groups are needed for this call only */
    kept.end = kept.at + (size_t)(scratch->end - scratch->at) / 2;
    assay_arena rest = {kept.end, scratch->end};
    ASSAY_TRY(model_hash(plan, &kept, v->where, v->options, rest));
    scratch->at = kept.at;
    return ASSAY_OK;
}

/* ---- the second: the tensors of files that differ ------------------------------------------------------------ */

/* One file that differs, on its way to findings. */
typedef struct differing {
    uint32_t file_idx;
    uint64_t size;     /* as it lies there; may be another than the manifest's */
    uint64_t cell_len; /* bytes of a cell */
    uint64_t cells;
    uint32_t *before;  /* before[c]: differing cells before cell c; cells + 1 entries */
    bool *explained;   /* a tensor in the cell differs */
    uint32_t *tensors; /* those that were hashed */
    model_job *job;
} differing;

static bool cell_differs(const differing *d, uint64_t cell) { return d->before[cell + 1] != d->before[cell]; }

/* Whether any differing cell overlaps the bytes [offset, offset + length). */
static bool range_differs(const differing *d, uint64_t offset, uint64_t length) {
    if (!length || !d->cells) return false;
    uint64_t last = (offset + length - 1) / d->cell_len;
    return d->before[last + 1] != d->before[offset / d->cell_len];
}

/* The cells of a file, and which of them differ. values: groups as found; NULL: one cell that differs. */
static assay_err make_cells(verify *v, differing *d, const assay_hash *values, assay_arena *scratch) {
    const assay_file_leaf *file = &v->manifest->files[d->file_idx];
    bool grouped = values && v->groups;
    d->cells = grouped ? model_groups_of(file->size) : 1;
    d->cell_len = grouped ? ASSAY_BLAKE3_GROUP_LEN : UINT64_MAX;
    d->before = ASSAY_NEW(scratch, uint32_t, (size_t)d->cells + 1);
    d->explained = ASSAY_NEW(scratch, bool, (size_t)d->cells);
    if (!d->before || !d->explained) return ASSAY_F_MEMORY;
    for (uint64_t c = 0; c < d->cells; c++) {
        bool differs = !grouped || !assay_base_hash_eq(values[c], v->groups->values[v->groups->first[d->file_idx] + c]);
        d->before[c + 1] = d->before[c] + differs;
    }
    return ASSAY_OK;
}

/* The tensors that may have changed become the file's texts. */
static assay_err make_texts(verify *v, differing *d, assay_arena *scratch) {
    uint32_t first = v->tensor_first[d->file_idx], end = v->tensor_first[d->file_idx + 1];
    d->tensors = ASSAY_NEW(scratch, uint32_t, end - first);
    d->job->texts = ASSAY_NEW(scratch, model_text, end - first);
    if (first < end && (!d->tensors || !d->job->texts)) return ASSAY_F_MEMORY;
    for (uint32_t i = first; i < end; i++) {
        const assay_tensor_leaf *tensor = &v->manifest->tensors[i];
        if (tensor->offset > d->size || tensor->length > d->size - tensor->offset) continue;
        if (!range_differs(d, tensor->offset, tensor->length)) continue;
        d->tensors[d->job->texts_count] = i;
        d->job->texts[d->job->texts_count++] = (model_text){.offset = tensor->offset, .length = tensor->length};
    }
    return ASSAY_OK;
}

/* The differing cells' bytes in [from, to), as findings. */
static void report_range(verify *v, differing *d, assay_bytes tensor, uint64_t from, uint64_t to,
                         bool only_unexplained) {
    assay_bytes path = v->manifest->files[d->file_idx].path;
    for (uint64_t c = from / d->cell_len; c < d->cells; c++) {
        uint64_t begin = c * d->cell_len, end = to - begin < d->cell_len ? to : begin + d->cell_len;
        if (begin >= to) break;
        if (!cell_differs(d, c) || (only_unexplained && d->explained[c])) continue;
        if (begin < from) begin = from;
        add(v, ASSAY_E_CONTENT, path, tensor, begin, end - begin);
    }
}

static void mark_explained(differing *d, uint64_t offset, uint64_t length) {
    for (uint64_t c = offset / d->cell_len; length && c <= (offset + length - 1) / d->cell_len; c++)
        d->explained[c] = true;
}

/* Bytes of no tensor in differing cells that no tensor explains. */
static void report_gaps(verify *v, differing *d) {
    uint32_t first = v->tensor_first[d->file_idx], end = v->tensor_first[d->file_idx + 1];
    uint64_t at = 0, before = v->out->total;
    for (uint32_t i = first; i < end; i++) {
        const assay_tensor_leaf *tensor = &v->manifest->tensors[i];
        if (tensor->offset > at) report_range(v, d, (assay_bytes){0}, at, tensor->offset, true);
        if (tensor->offset + tensor->length > at) at = tensor->offset + tensor->length;
    }
    if (at < d->size) report_range(v, d, (assay_bytes){0}, at, d->size, true);
    bool any = v->out->total != before;
    for (uint64_t c = 0; c < d->cells && !any; c++) any = d->explained[c];
    /* Tensors and gaps agree and the file does not: the manifest's tensors are not of this file. Say what is sure. */
    if (!any) report_range(v, d, (assay_bytes){0}, 0, d->size, false);
}

/* A file of another size: what is missing or too much, and the first tensor that lost bytes. */
static void report_size(verify *v, const differing *d) {
    const assay_file_leaf *file = &v->manifest->files[d->file_idx];
    assay_bytes tensor = {0};
    for (uint32_t i = v->tensor_first[d->file_idx]; i < v->tensor_first[d->file_idx + 1] && !tensor.ptr; i++) {
        const assay_tensor_leaf *t = &v->manifest->tensors[i];
        if (t->length && t->offset + t->length > d->size) tensor = t->name;
    }
    uint64_t from = d->size < file->size ? d->size : file->size, to = d->size < file->size ? file->size : d->size;
    add(v, ASSAY_E_CONTENT, file->path, tensor, from, to - from);
}

static void report(verify *v, differing *d) {
    const assay_file_leaf *file = &v->manifest->files[d->file_idx];
    const model_job *job = d->job;
    if (job->err) {
        /* Gone, or changed again, since the first look. */
        uint64_t length = job->err == ASSAY_E_CONTENT ? file->size : 0;
        add(v, job->err, file->path, (assay_bytes){0}, 0, length);
        return;
    }
    for (uint32_t i = 0; i < job->texts_count; i++) {
        const assay_tensor_leaf *tensor = &v->manifest->tensors[d->tensors[i]];
        if (assay_base_hash_eq(job->texts[i].blake3, tensor->blake3)) continue;
        mark_explained(d, tensor->offset, tensor->length);
        report_range(v, d, tensor->name, tensor->offset, tensor->offset + tensor->length, false);
    }
    if (d->size != file->size)
        report_size(v, d);
    else
        report_gaps(v, d);
}

/* Prepares one differing file: its cells and its job in the second plan. */
static assay_err differ(verify *v, differing *d, model_job *job, uint32_t file_idx, const assay_hash *values,
                        assay_arena *scratch) {
    const model_file *file = &v->tree.files[v->tree_idx[file_idx]];
    *d = (differing){.file_idx = file_idx, .size = file->size, .job = job};
    *job = (model_job){.path = (const char *)file->path.ptr, .size = file->size};
    ASSAY_TRY(make_cells(v, d, values, scratch));
    return make_texts(v, d, scratch);
}

static assay_err compare(verify *v, const model_plan *first, const uint32_t *job_file, assay_arena scratch) {
    uint32_t files = v->manifest->files_count, count = 0;
    differing *list = ASSAY_NEW(&scratch, differing, files);
    model_plan second = {.dir = &v->tree.dir, .jobs = ASSAY_NEW(&scratch, model_job, files)};
    if (!list || !second.jobs) return ASSAY_F_MEMORY;
    for (uint32_t i = 0, k = 0; i < files; i++) {
        bool hashed = k < first->jobs_count && job_file[k] == i;
        const model_job *job = hashed ? &first->jobs[k++] : NULL;
        if (v->tree_idx[i] == ASSAY_MODEL_NONE) continue;
        if (job && job->err) {
            add(v, job->err, v->manifest->files[i].path, (assay_bytes){0}, 0,
                job->err == ASSAY_E_CONTENT ? job->size : 0);
            continue;
        }
        if (job && assay_base_hash_eq(job->blake3, v->manifest->files[i].blake3)) continue;
        const assay_hash *values = job ? first->groups.values + first->groups.first[k - 1] : NULL;
        ASSAY_TRY(differ(v, &list[count], &second.jobs[count], i, values, &scratch));
        count++;
    }
    if (!count) return ASSAY_OK;
    second.jobs_count = count;
    assay_model_options quiet = {.threads = v->options->threads};
    assay_arena kept = scratch;
    kept.end = kept.at + (size_t)(scratch.end - scratch.at) / 2;
    ASSAY_TRY(model_hash(&second, &kept, v->where, &quiet, (assay_arena){kept.end, scratch.end}));
    for (uint32_t i = 0; i < count; i++) report(v, &list[i]);
    return ASSAY_OK;
}

static assay_err run(verify *v, assay_arena scratch) {
    const assay_manifest *manifest = v->manifest;
    v->tree_idx = ASSAY_NEW(&scratch, uint32_t, manifest->files_count);
    v->tensor_first = ASSAY_NEW(&scratch, uint32_t, (size_t)manifest->files_count + 1);
    uint32_t *job_file = ASSAY_NEW(&scratch, uint32_t, manifest->files_count);
    v->out->rows = ASSAY_NEW(v->keep, assay_model_finding, ASSAY_MODEL_FINDINGS_MAX);
    if (!v->tree_idx || !v->tensor_first || !job_file || !v->out->rows) return ASSAY_F_MEMORY;
    for (uint32_t i = 0, t = 0; i < manifest->files_count; i++) {
        while (t < manifest->tensors_count && manifest->tensors[t].file_idx == i) t++;
        v->tensor_first[i + 1] = t;
    }
    ASSAY_TRY(pair_files(v, scratch));
    model_plan plan = {0};
    ASSAY_TRY(hash_files(v, &plan, job_file, &scratch));
    ASSAY_TRY(compare(v, &plan, job_file, scratch));
    assay_model_finding *space = ASSAY_NEW(&scratch, assay_model_finding, v->out->count);
    if (v->out->count && !space) return ASSAY_F_MEMORY;
    if (v->out->count) assay_base_sort(v->out->rows, space, v->out->count, sizeof *space, less_finding, NULL);
    return ASSAY_OK;
}

assay_err assay_model_verify(assay_model_findings *out, assay_arena *keep, assay_model_where *where, const char *path,
                             const assay_manifest *manifest, const assay_model_groups *groups,
                             const assay_model_options *options, assay_arena scratch) {
    static const assay_model_options none = {0};
    assay_model_where ignored;
    verify v = {.out = out, .keep = keep, .where = where ? where : &ignored, .manifest = manifest, .groups = groups};
    v.options = options ? options : &none;
    *out = (assay_model_findings){0};
    *v.where = (assay_model_where){0};
    ASSAY_TRY(assay_manifest_check(manifest));
    ASSAY_TRY(model_tree_open(&v.tree, keep, v.where, path, false, scratch));
    assay_err err = run(&v, scratch);
    model_tree_close(&v.tree);
    return err;
}

assay_err assay_model_groups_read(assay_model_groups *out, assay_arena *keep, assay_bytes bytes,
                                  const assay_manifest *manifest) {
    *out = (assay_model_groups){0};
    out->first = ASSAY_NEW(keep, uint64_t, (size_t)manifest->files_count + 1);
    if (!out->first) return ASSAY_F_MEMORY;
    uint64_t have = bytes.len / ASSAY_HASH_LEN;
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        uint64_t count = model_groups_of(manifest->files[i].size);
        if (count > have - out->first[i]) return ASSAY_E_PROOF;
        out->first[i + 1] = out->first[i] + count;
    }
    out->count = out->first[manifest->files_count];
    if (bytes.len % ASSAY_HASH_LEN || out->count != have) return ASSAY_E_PROOF;
    out->values = (const assay_hash *)bytes.ptr;
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        const assay_file_leaf *file = &manifest->files[i];
        assay_hash root = assay_crypto_blake3_root_from_groups(NULL, out->values + out->first[i],
                                                               (size_t)(out->first[i + 1] - out->first[i]), file->size);
        if (!assay_base_hash_eq(root, file->blake3)) return ASSAY_E_PROOF;
    }
    return ASSAY_OK;
}
