/* SPDX-License-Identifier: Apache-2.0
 *
 * diff - which files and tensors changed between two versions, and by how much.
 */
#include "assay_internal.h"

#include <math.h>
#include <string.h>

typedef struct comparison {
    side before, after;
    assay_model_diff diff;
    assay_model_delta *deltas; /* one per row of diff.tensors */
    bool *known;
    uint64_t changed; /* rows but those that only moved */
} comparison;

/* ---- the two sides --------------------------------------------------------------------------------------------------
 */

static assay_err fetch_side(call *c, side *out, const char *text) {
    assay_version_ref ref;
    json_t *version;
    ASSAY_TRY(ref_of(c, &ref, text));
    assay_err err = remote_get(c, &version, "/models/%.*s/%.*s", (int)ref.name.len, ref.name.ptr, (int)ref.version.len,
                               ref.version.ptr);
    if (err == ASSAY_E_NOT_FOUND) return fail(c, err, "%s is neither a path here nor a version there", text);
    ASSAY_TRY(err);
    out->root = keep_text(c, "%s", member(version, "root"));
    json_decref(version);
    assay_bytes encoded;
    assay_hash root, wanted;
    err = remote_bytes(c, &encoded, (size_t)512 << 20, "/bytes/%s/manifest", out->root);
    if (err == ASSAY_E_NOT_FOUND) return fail(c, err, "the node does not hold the bytes of %s", text);
    ASSAY_TRY(err);
    err = assay_codec_decode(&out->manifest, &c->keep, &assay_manifest_message, encoded, ASSAY_CODEC_STRICT);
    if (err == ASSAY_OK) err = assay_manifest_check(&out->manifest);
    if (err == ASSAY_OK) err = assay_manifest_root(&root, &out->manifest, c->scratch);
    if (err == ASSAY_OK) err = assay_base_unhex(wanted.b, sizeof wanted.b, assay_base_bytes_str(out->root));
    if (err == ASSAY_OK && !assay_base_hash_eq(root, wanted)) err = ASSAY_E_PROOF;
    return err == ASSAY_OK ? ASSAY_OK : fail(c, err, "the node's manifest of %s", text);
}

static assay_err open_side(call *c, side *out, const char *text) {
    *out = (side){.label = text};
    if (!assay_os_exists(text) && strchr(text, '@')) return fetch_side(c, out, text);
    assay_model model;
    ASSAY_TRY(digest_path(c, &model, text));
    out->manifest = model.manifest;
    out->path = text;
    out->root = hex(c, model.root.b, ASSAY_HASH_LEN);
    return ASSAY_OK;
}

static uint64_t work_of(const comparison *x, const assay_model_diff_row *row) {
    if (row->change != ASSAY_MODEL_CHANGED) return 0;
    return x->before.manifest.tensors[row->before].length + x->after.manifest.tensors[row->after].length;
}

static assay_err compare(call *c, comparison *x) {
    ASSAY_TRY(assay_model_diff_of(&x->diff, &c->keep, &x->before.manifest, &x->after.manifest, c->scratch));
    uint32_t count = x->diff.tensors_count;
    x->deltas = ASSAY_NEW(&c->keep, assay_model_delta, count);
    x->known = ASSAY_NEW(&c->keep, bool, count);
    if (count && (!x->deltas || !x->known)) return ASSAY_F_MEMORY;
    uint64_t total = 0, done = 0;
    for (uint32_t i = 0; i < count; i++) total += work_of(x, &x->diff.tensors[i]);
    progress_bar bar = progress_begin(c, "comparing");
    assay_err err = ASSAY_OK;
    for (uint32_t i = 0; err == ASSAY_OK && i < count; i++) {
        const assay_model_diff_row *row = &x->diff.tensors[i];
        x->changed += row->change != ASSAY_MODEL_MOVED;
        if (row->change != ASSAY_MODEL_CHANGED) continue;
        err = delta_of(c, &x->deltas[i], &x->known[i], &x->before, row->before, &x->after, row->after);
        done += work_of(x, row);
        if (err == ASSAY_OK && !progress_bytes(&bar, done, total)) err = ASSAY_F_INTERRUPTED;
    }
    progress_end(&bar);
    return err;
}

/* ---- output -------------------------------------------------------------------------------------------------- */

static const char *change_text(assay_model_change change) {
    switch (change) {
    case ASSAY_MODEL_ADDED: return "added";
    case ASSAY_MODEL_REMOVED: return "removed";
    case ASSAY_MODEL_CHANGED: return "changed";
    case ASSAY_MODEL_MOVED: return "moved";
    }
    return "";
}

static const assay_tensor_leaf *tensor_of(const comparison *x, const assay_model_diff_row *row) {
    return row->after == ASSAY_MODEL_NONE ? &x->before.manifest.tensors[row->before]
                                          : &x->after.manifest.tensors[row->after];
}

static assay_bytes file_of(const comparison *x, const assay_model_diff_row *row) {
    return row->after == ASSAY_MODEL_NONE ? x->before.manifest.files[row->before].path
                                          : x->after.manifest.files[row->after].path;
}

static const char *shape_text(call *c, const assay_tensor_leaf *tensor) {
    const char *text = visible(c, tensor->dtype);
    for (uint32_t i = 0; i < tensor->shape_count; i++)
        text = keep_text(c, "%s%s%llu", text, i ? "x" : " ", (unsigned long long)tensor->shape[i]);
    return text;
}

static void change_of(json_t *row, call *c, const comparison *x, uint32_t i) {
    const assay_model_diff_row *r = &x->diff.tensors[i];
    const assay_model_delta *d = &x->deltas[i];
    const assay_tensor_leaf *t = tensor_of(x, r);
    bool known = x->known[i];
    const side *s = r->after == ASSAY_MODEL_NONE ? &x->before : &x->after;
    json_object_set_new(row, "name", json_string(visible(c, t->name)));
    json_object_set_new(row, "file", json_string(visible(c, s->manifest.files[t->file_idx].path)));
    json_object_set_new(row, "change", json_string(change_text(r->change)));
    json_object_set_new(row, "dtype", json_string(visible(c, t->dtype)));
    json_object_set_new(row, "max_abs", known ? json_real(d->max_abs) : json_null());
    /* JSON has no infinity: a change of what was all zero has no relative size. */
    json_object_set_new(row, "relative_l2",
                        known && isfinite(d->relative_l2) ? json_real(d->relative_l2) : json_null());
    json_object_set_new(row, "elements", known ? json_integer((json_int_t)d->elements) : json_null());
    json_object_set_new(row, "changed", known ? json_integer((json_int_t)d->changed) : json_null());
    json_object_set_new(row, "not_numbers", known ? json_integer((json_int_t)d->not_numbers) : json_null());
}

static uint32_t tensors_total(const comparison *x) {
    uint32_t a = x->before.manifest.tensors_count, b = x->after.manifest.tensors_count;
    return a > b ? a : b;
}

static assay_err diff_json(call *c, const comparison *x) {
    json_t *files = json_array(), *tensors = json_array();
    for (uint32_t i = 0; i < x->diff.files_count; i++)
        json_array_append_new(files, json_pack("{s:s, s:s}", "path", visible(c, file_of(x, &x->diff.files[i])),
                                               "change", change_text(x->diff.files[i].change)));
    for (uint32_t i = 0; i < x->diff.tensors_count; i++) {
        json_t *row = json_object();
        change_of(row, c, x, i);
        json_array_append_new(tensors, row);
    }
    return out_json(c, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "before", shown(c, x->before.label),
                                 "after", shown(c, x->after.label), "before_root", x->before.root, "after_root",
                                 x->after.root, "tensors_total", (json_int_t)tensors_total(x), "tensors_changed",
                                 (json_int_t)x->changed, "files", files, "tensors", tensors));
}

static void print_tensors(call *c, const comparison *x) {
    table t = table_begin(c, "CHANGE MAX-ABS> RELATIVE-L2> ELEMENTS-CHANGED> OF> TYPE TENSOR", x->diff.tensors_count);
    for (uint32_t i = 0; i < x->diff.tensors_count; i++) {
        const assay_model_diff_row *row = &x->diff.tensors[i];
        const assay_model_delta *d = &x->deltas[i];
        const assay_tensor_leaf *tensor = tensor_of(x, row);
        bool known = x->known[i];
        table_row(&t, change_text(row->change), known ? keep_text(c, "%.4g", d->max_abs) : "-",
                  known ? keep_text(c, "%.4g", d->relative_l2) : "-",
                  known ? keep_text(c, "%llu", (unsigned long long)d->changed) : "-",
                  known ? keep_text(c, "%llu", (unsigned long long)d->elements) : "-", shape_text(c, tensor),
                  visible(c, tensor->name));
    }
    table_print(&t);
}

assay_err run_diff(call *c) {
    comparison x = {0};
    ASSAY_TRY(open_side(c, &x.before, c->words[0]));
    ASSAY_TRY(open_side(c, &x.after, c->words[1]));
    ASSAY_TRY(compare(c, &x));
    if (json_wanted(c)) return diff_json(c, &x);
    if (!quiet(c)) {
        table t = table_begin(c, "CHANGE FILE", x.diff.files_count);
        for (uint32_t i = 0; i < x.diff.files_count; i++)
            table_row(&t, change_text(x.diff.files[i].change), visible(c, file_of(&x, &x.diff.files[i])));
        table_print(&t);
        if (x.diff.files_count && x.diff.tensors_count) out(c, "\n");
    }
    print_tensors(c, &x);
    if (!quiet(c))
        out(c, "%s%u files and %llu of %u tensors changed\n", x.diff.files_count ? "\n" : "", x.diff.files_count,
            (unsigned long long)x.changed, tensors_total(&x));
    return ASSAY_OK;
}
