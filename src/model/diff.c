/* SPDX-License-Identifier: Apache-2.0
 * Two versions side by side: which files and tensors differ, and by how much. */
#include "model_internal.h"

#include <math.h>
#include <string.h>

/* ---- which --------------------------------------------------------------------------------------------------- */

static assay_bytes path_of(const assay_manifest *m, uint32_t tensor) {
    return m->files[m->tensors[tensor].file_idx].path;
}

/* Order by file and name, then by place: the k-th of several of one name pairs with the k-th. */
static int cmp_by_file(const assay_manifest *a, uint32_t x, const assay_manifest *b, uint32_t y) {
    int order = assay_path_cmp(path_of(a, x), path_of(b, y));
    return order ? order : assay_base_bytes_cmp(a->tensors[x].name, b->tensors[y].name);
}
static int cmp_by_name(const assay_manifest *a, uint32_t x, const assay_manifest *b, uint32_t y) {
    return assay_base_bytes_cmp(a->tensors[x].name, b->tensors[y].name);
}
static bool less_by_file(const void *context, const void *a, const void *b) {
    const assay_manifest *m = context;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = cmp_by_file(m, x, m, y);
    return order ? order < 0 : x < y;
}
static bool less_by_name(const void *context, const void *a, const void *b) {
    const assay_manifest *m = context;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = cmp_by_name(m, x, m, y);
    return order ? order < 0 : x < y;
}

typedef struct side {
    const assay_manifest *manifest;
    uint32_t *partner; /* per tensor: its index on the other side */
    uint32_t *order;   /* those without partner, sorted */
    uint32_t count;
} side;

static assay_err side_new(side *s, const assay_manifest *manifest, assay_arena *scratch) {
    *s = (side){.manifest = manifest};
    s->partner = ASSAY_NEW(scratch, uint32_t, manifest->tensors_count);
    s->order = ASSAY_NEW(scratch, uint32_t, manifest->tensors_count);
    if (manifest->tensors_count && (!s->partner || !s->order)) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < manifest->tensors_count; i++) s->partner[i] = ASSAY_MODEL_NONE;
    return ASSAY_OK;
}

/* Sorts those that are still alone. */
static assay_err side_sort(side *s, bool (*less)(const void *, const void *, const void *), assay_arena scratch) {
    s->count = 0;
    for (uint32_t i = 0; i < s->manifest->tensors_count; i++)
        if (s->partner[i] == ASSAY_MODEL_NONE) s->order[s->count++] = i;
    uint32_t *space = ASSAY_NEW(&scratch, uint32_t, s->count);
    if (s->count && !space) return ASSAY_F_MEMORY;
    if (s->count) assay_base_sort(s->order, space, s->count, sizeof *space, less, s->manifest);
    return ASSAY_OK;
}

static assay_err pair_tensors(side *a, side *b, bool by_file, assay_arena scratch) {
    ASSAY_TRY(side_sort(a, by_file ? less_by_file : less_by_name, scratch));
    ASSAY_TRY(side_sort(b, by_file ? less_by_file : less_by_name, scratch));
    for (uint32_t i = 0, k = 0; i < a->count && k < b->count;) {
        uint32_t x = a->order[i], y = b->order[k];
        int order = (by_file ? cmp_by_file : cmp_by_name)(a->manifest, x, b->manifest, y);
        if (order == 0) {
            a->partner[x] = y;
            b->partner[y] = x;
        }
        i += order <= 0;
        k += order >= 0;
    }
    return ASSAY_OK;
}

static bool same_content(const assay_tensor_leaf *x, const assay_tensor_leaf *y) {
    return assay_base_hash_eq(x->blake3, y->blake3) && x->length == y->length &&
           assay_base_bytes_eq(x->dtype, y->dtype) && x->shape_count == y->shape_count &&
           (!x->shape_count || memcmp(x->shape, y->shape, x->shape_count * sizeof *x->shape) == 0);
}

static void diff_tensors(assay_model_diff *out, const side *before, const side *after) {
    const assay_manifest *a = before->manifest, *b = after->manifest;
    for (uint32_t i = 0; i < b->tensors_count; i++) {
        uint32_t partner = after->partner[i];
        assay_model_change change = ASSAY_MODEL_ADDED;
        if (partner != ASSAY_MODEL_NONE) {
            bool in_place = assay_base_bytes_eq(path_of(a, partner), path_of(b, i));
            change = !same_content(&a->tensors[partner], &b->tensors[i]) ? ASSAY_MODEL_CHANGED : ASSAY_MODEL_MOVED;
            if (change == ASSAY_MODEL_MOVED && in_place) {
                out->tensors_same++;
                continue;
            }
        }
        out->tensors[out->tensors_count++] = (assay_model_diff_row){change, partner, i};
    }
    for (uint32_t i = 0; i < a->tensors_count; i++)
        if (before->partner[i] == ASSAY_MODEL_NONE)
            out->tensors[out->tensors_count++] = (assay_model_diff_row){ASSAY_MODEL_REMOVED, i, ASSAY_MODEL_NONE};
}

static void diff_files(assay_model_diff *out, const assay_manifest *a, const assay_manifest *b) {
    for (uint32_t i = 0, k = 0; i < a->files_count || k < b->files_count;) {
        int order = i == a->files_count   ? 1
                    : k == b->files_count ? -1
                                          : assay_path_cmp(a->files[i].path, b->files[k].path);
        assay_model_diff_row row = {ASSAY_MODEL_CHANGED, order <= 0 ? i : ASSAY_MODEL_NONE,
                                    order >= 0 ? k : ASSAY_MODEL_NONE};
        if (order < 0) row.change = ASSAY_MODEL_REMOVED;
        if (order > 0) row.change = ASSAY_MODEL_ADDED;
        if (order || !assay_base_hash_eq(a->files[i].blake3, b->files[k].blake3)) out->files[out->files_count++] = row;
        i += order <= 0;
        k += order >= 0;
    }
}

assay_err assay_model_diff_of(assay_model_diff *out, assay_arena *keep, const assay_manifest *before,
                              const assay_manifest *after, assay_arena scratch) {
    *out = (assay_model_diff){0};
    size_t files = (size_t)before->files_count + after->files_count,
           tensors = (size_t)before->tensors_count + after->tensors_count;
    out->files = ASSAY_NEW(keep, assay_model_diff_row, files);
    out->tensors = ASSAY_NEW(keep, assay_model_diff_row, tensors);
    if ((files && !out->files) || (tensors && !out->tensors)) return ASSAY_F_MEMORY;
    side a, b;
    ASSAY_TRY(side_new(&a, before, &scratch));
    ASSAY_TRY(side_new(&b, after, &scratch));
    ASSAY_TRY(pair_tensors(&a, &b, true, scratch));
    ASSAY_TRY(pair_tensors(&a, &b, false, scratch));
    diff_files(out, before, after);
    diff_tensors(out, &a, &b);
    return ASSAY_OK;
}

/* ---- by how much --------------------------------------------------------------------------------------------- */

static uint64_t load(const uint8_t *at, uint32_t bytes) {
    uint64_t value = 0;
    for (uint32_t i = bytes; i-- > 0;) value = value << 8 | at[i];
    return value;
}

/* Sign, exponent and fraction bits to a number; exact, since a double holds every smaller format. */
static double small_float(uint64_t bits, uint32_t exponent_bits, uint32_t fraction_bits) {
    uint64_t exponent = bits >> fraction_bits & ((1u << exponent_bits) - 1),
             fraction = bits & (((uint64_t)1 << fraction_bits) - 1);
    bool negative = bits >> (exponent_bits + fraction_bits) & 1;
    int bias = (1 << (exponent_bits - 1)) - 1;
    double value;
    if (exponent == (1u << exponent_bits) - 1)
        value = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent)
        value = ldexp((double)(fraction | (uint64_t)1 << fraction_bits), (int)exponent - bias - (int)fraction_bits);
    else
        value = ldexp((double)fraction, 1 - bias - (int)fraction_bits);
    return negative ? -value : value;
}

typedef enum element_kind { KIND_F64, KIND_F32, KIND_F16, KIND_BF16, KIND_SIGNED, KIND_UNSIGNED } element_kind;
typedef struct element_row {
    const char *dtype;
    element_kind kind;
    uint32_t bytes;
} element_row;
static const element_row elements[] = {
    {"F32", KIND_F32, 4},       {"F16", KIND_F16, 2},      {"BF16", KIND_BF16, 2},    {"F64", KIND_F64, 8},
    {"I8", KIND_SIGNED, 1},     {"I16", KIND_SIGNED, 2},   {"I32", KIND_SIGNED, 4},   {"I64", KIND_SIGNED, 8},
    {"U8", KIND_UNSIGNED, 1},   {"U16", KIND_UNSIGNED, 2}, {"U32", KIND_UNSIGNED, 4}, {"U64", KIND_UNSIGNED, 8},
    {"BOOL", KIND_UNSIGNED, 1},
};

static double element(const element_row *row, const uint8_t *at) {
    uint64_t bits = load(at, row->bytes);
    double f64;
    float f32;
    uint32_t bits32 = (uint32_t)bits;
    switch (row->kind) {
    case KIND_F64: memcpy(&f64, &bits, sizeof f64); return f64;
    case KIND_F32: memcpy(&f32, &bits32, sizeof f32); return (double)f32;
    case KIND_F16: return small_float(bits, 5, 10);
    case KIND_BF16: return small_float(bits, 8, 7);
    case KIND_SIGNED: return (double)((int64_t)(bits << (64 - 8 * row->bytes)) >> (64 - 8 * row->bytes));
    case KIND_UNSIGNED: return (double)bits;
    }
    return 0;
}

assay_err assay_model_tensor_delta(assay_model_delta *out, assay_bytes dtype, assay_bytes before, assay_bytes after) {
    *out = (assay_model_delta){0};
    const element_row *row = NULL;
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++)
        if (assay_base_bytes_eq(dtype, assay_base_bytes_str(elements[i].dtype))) row = &elements[i];
    if (!row || before.len != after.len || before.len % row->bytes) return ASSAY_E_RANGE;
    double difference_sum = 0, before_sum = 0;
    out->elements = before.len / row->bytes;
    for (size_t at = 0; at < before.len; at += row->bytes) {
        out->changed += memcmp(before.ptr + at, after.ptr + at, row->bytes) != 0;
        double x = element(row, before.ptr + at), y = element(row, after.ptr + at);
        if (!isfinite(x) || !isfinite(y)) {
            out->not_numbers++;
            continue;
        }
        double difference = fabs(y - x);
        if (difference > out->max_abs) out->max_abs = difference;
        difference_sum += difference * difference;
        before_sum += x * x;
    }
    if (difference_sum > 0) out->relative_l2 = before_sum > 0 ? sqrt(difference_sum / before_sum) : (double)INFINITY;
    return ASSAY_OK;
}

assay_err assay_model_tensor_read(assay_bytes *out, assay_arena *keep, const char *path, const assay_manifest *manifest,
                                  uint32_t tensor_idx) {
    if (tensor_idx >= manifest->tensors_count) return ASSAY_E_RANGE;
    const assay_tensor_leaf *tensor = &manifest->tensors[tensor_idx];
    const assay_file_leaf *file = &manifest->files[tensor->file_idx];
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, (size_t)tensor->length);
    if (tensor->length && !bytes) return ASSAY_F_MEMORY;
    const char *name;
    assay_arena scratch = *keep;
    ASSAY_TRY(assay_os_path_join(&name, &scratch, "", file->path));
    assay_os_file base, opened;
    ASSAY_TRY(model_base_open(&base, path, scratch));
    assay_err err = assay_os_file_open_beneath(&opened, &base, name);
    assay_os_file_close(&base);
    if (err) return err == ASSAY_E_NOT_FOUND ? ASSAY_E_MISSING : err;
    size_t len;
    err = assay_os_file_read(&len, &opened, bytes, (size_t)tensor->length, tensor->offset);
    assay_os_file_close(&opened);
    if (err) return err;
    *out = (assay_bytes){bytes, len};
    bool same = len == tensor->length && assay_base_hash_eq(assay_crypto_blake3(NULL, *out), tensor->blake3);
    return same ? ASSAY_OK : ASSAY_E_CONTENT;
}
