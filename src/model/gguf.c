/* SPDX-License-Identifier: Apache-2.0
 * GGUF: magic, version, counts, key-value pairs, tensor infos, padding, data. All little-endian; version 2 and 3 differ
 * only in that 3 may be big-endian, which is refused. Source: gguf.md of ggml; type sizes as in gguf 0.19
 * (GGML_QUANT_SIZES). */
#include "model_internal.h"

#include <string.h>

#define ARRAY_DEPTH_MAX 4
#define ALIGNMENT_DEFAULT 32u

typedef struct type_row {
    const char *name;         /* safetensors' spelling where it has one */
    uint32_t elements, bytes; /* of a block */
} type_row;
/* ggml_type, by number. */
static const type_row types[] = {
    [0] = {"F32", 1, 4},         [1] = {"F16", 1, 2},         [2] = {"Q4_0", 32, 18},      [3] = {"Q4_1", 32, 20},
    [6] = {"Q5_0", 32, 22},      [7] = {"Q5_1", 32, 24},      [8] = {"Q8_0", 32, 34},      [9] = {"Q8_1", 32, 40},
    [10] = {"Q2_K", 256, 84},    [11] = {"Q3_K", 256, 110},   [12] = {"Q4_K", 256, 144},   [13] = {"Q5_K", 256, 176},
    [14] = {"Q6_K", 256, 210},   [15] = {"Q8_K", 256, 292},   [16] = {"IQ2_XXS", 256, 66}, [17] = {"IQ2_XS", 256, 74},
    [18] = {"IQ3_XXS", 256, 98}, [19] = {"IQ1_S", 256, 50},   [20] = {"IQ4_NL", 32, 18},   [21] = {"IQ3_S", 256, 110},
    [22] = {"IQ2_S", 256, 82},   [23] = {"IQ4_XS", 256, 136}, [24] = {"I8", 1, 1},         [25] = {"I16", 1, 2},
    [26] = {"I32", 1, 4},        [27] = {"I64", 1, 8},        [28] = {"F64", 1, 8},        [29] = {"IQ1_M", 256, 56},
    [30] = {"BF16", 1, 2},       [34] = {"TQ1_0", 256, 54},   [35] = {"TQ2_0", 256, 66},   [39] = {"MXFP4", 32, 17},
    [40] = {"NVFP4", 64, 36},    [41] = {"Q1_0", 128, 18},
};

typedef struct gguf {
    const uint8_t *base;
    assay_bytes rest;
    assay_model_where *where;
    uint64_t alignment;
} gguf;

static uint64_t place(const gguf *g) { return (uint64_t)(g->rest.ptr - g->base); }

static assay_err wrong(gguf *g, const char *what, assay_bytes tensor) {
    return model_malformed(g->where, what, tensor, place(g), 0);
}

static assay_err take(gguf *g, assay_bytes *out, uint64_t len) {
    if (len > g->rest.len) return wrong(g, "the header is cut off", (assay_bytes){0});
    *out = (assay_bytes){g->rest.ptr, (size_t)len};
    g->rest.ptr += len;
    g->rest.len -= (size_t)len;
    return ASSAY_OK;
}

static assay_err take_number(gguf *g, uint64_t *out, uint32_t bytes) {
    assay_bytes raw = {0};
    ASSAY_TRY(take(g, &raw, bytes));
    *out = 0;
    for (uint32_t i = bytes; i-- > 0;) *out = *out << 8 | raw.ptr[i];
    return ASSAY_OK;
}

static assay_err take_string(gguf *g, assay_bytes *out) {
    uint64_t len;
    ASSAY_TRY(take_number(g, &len, 8));
    return take(g, out, len);
}

enum { KV_STRING = 8, KV_ARRAY = 9, KV_TYPES = 13 };
/* Bytes of a value by its type; 0 for strings and arrays. */
static const uint8_t kv_bytes[KV_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/* Passes over a value. An array of arrays nests; each level takes at least 12 bytes of input and depth is bounded. */
static assay_err skip_value(gguf *g, uint64_t type, uint32_t depth) {
    assay_bytes ignored;
    if (type >= KV_TYPES) return wrong(g, "a value's type is unknown", (assay_bytes){0});
    if (type == KV_STRING) return take_string(g, &ignored);
    if (type != KV_ARRAY) return take(g, &ignored, kv_bytes[type]);
    if (depth == ARRAY_DEPTH_MAX) return wrong(g, "arrays are nested too deeply", (assay_bytes){0});
    uint64_t inner, count, total;
    ASSAY_TRY(take_number(g, &inner, 4));
    ASSAY_TRY(take_number(g, &count, 8));
    if (inner >= KV_TYPES) return wrong(g, "a value's type is unknown", (assay_bytes){0});
    if (kv_bytes[inner]) {
        if (assay_base_mul_u64(&total, count, kv_bytes[inner]) != ASSAY_OK) total = UINT64_MAX;
        return take(g, &ignored, total);
    }
    for (uint64_t i = 0; i < count; i++) ASSAY_TRY(skip_value(g, inner, depth + 1));
    return ASSAY_OK;
}

static assay_err read_pair(gguf *g) {
    assay_bytes key;
    uint64_t type;
    ASSAY_TRY(take_string(g, &key));
    ASSAY_TRY(take_number(g, &type, 4));
    if (!assay_base_bytes_eq(key, ASSAY_STR("general.alignment"))) return skip_value(g, type, 0);
    if (type != 4) return wrong(g, "general.alignment is not a 32-bit number", (assay_bytes){0});
    ASSAY_TRY(take_number(g, &g->alignment, 4));
    if (!g->alignment || g->alignment & (g->alignment - 1))
        return wrong(g, "general.alignment is not a power of two", (assay_bytes){0});
    return ASSAY_OK;
}

static assay_err read_info(gguf *g, assay_model_entry *entry, assay_arena *keep) {
    uint64_t count, type, elements, blocks;
    ASSAY_TRY(take_string(g, &entry->name));
    if (entry->name.len > ASSAY_TENSOR_NAME_LEN_MAX)
        return model_beyond(g->where, "a tensor's name is too long", (assay_bytes){0}, place(g));
    if (!entry->name.len || !model_utf8(entry->name))
        return wrong(g, "a tensor's name is empty or not UTF-8", (assay_bytes){0});
    ASSAY_TRY(take_number(g, &count, 4));
    if (count > ASSAY_SHAPE_MAX)
        return model_beyond(g->where, "the tensor has too many dimensions", entry->name, place(g));
    entry->shape = ASSAY_NEW(keep, uint64_t, (size_t)count);
    if (count && !entry->shape) return ASSAY_F_MEMORY;
    entry->shape_count = (uint32_t)count;
    /* The file has the innermost dimension first, a manifest the outermost. */
    for (uint64_t i = count; i-- > 0;) ASSAY_TRY(take_number(g, &entry->shape[i], 8));
    ASSAY_TRY(take_number(g, &type, 4));
    ASSAY_TRY(take_number(g, &entry->offset, 8));
    if (type >= sizeof types / sizeof *types || !types[type].name)
        return wrong(g, "the tensor's type is unknown", entry->name);
    entry->dtype = assay_base_bytes_str(types[type].name);
    entry->length_known = true;
    uint64_t row = count ? entry->shape[count - 1] : 1;
    if (row % types[type].elements) return wrong(g, "a row is no whole number of blocks", entry->name);
    if (!model_elements(&elements, entry->shape, entry->shape_count))
        return wrong(g, "the shape does not fit in 64 bits", entry->name);
    blocks = elements / types[type].elements;
    if (assay_base_mul_u64(&entry->length, blocks, types[type].bytes) != ASSAY_OK)
        return wrong(g, "the shape does not fit in 64 bits", entry->name);
    return ASSAY_OK;
}

static bool less_by_offset(const void *context, const void *a, const void *b) {
    (void)context;
    const assay_model_entry *x = a, *y = b;
    return x->offset < y->offset;
}
static bool less_by_name(const void *context, const void *a, const void *b) {
    (void)context;
    const assay_model_entry *x = a, *y = b;
    return assay_base_bytes_cmp(x->name, y->name) < 0;
}

/* Makes offsets absolute, and checks that tensors are aligned, inside the file, apart from each other, and named once.
 */
static assay_err settle(gguf *g, assay_model_entries *entries, uint64_t file_len, assay_arena scratch) {
    if (!entries->count) return ASSAY_OK;
    uint64_t data = (place(g) + g->alignment - 1) & ~(g->alignment - 1);
    assay_model_entry *space = ASSAY_NEW(&scratch, assay_model_entry, entries->count);
    if (!space) return ASSAY_F_MEMORY;
    assay_base_sort(entries->rows, space, entries->count, sizeof *space, less_by_name, NULL);
    for (uint32_t i = 1; i < entries->count; i++)
        if (assay_base_bytes_eq(entries->rows[i - 1].name, entries->rows[i].name))
            return wrong(g, "a name stands in the header twice", entries->rows[i].name);
    assay_base_sort(entries->rows, space, entries->count, sizeof *space, less_by_offset, NULL);
    uint64_t end = data;
    for (uint32_t i = 0; i < entries->count; i++) {
        assay_model_entry *entry = &entries->rows[i];
        if (entry->offset & (g->alignment - 1)) return wrong(g, "the tensor is not aligned", entry->name);
        if (data > file_len || entry->offset > file_len - data || entry->length > file_len - data - entry->offset)
            return model_malformed(g->where, "the tensor ends beyond the file", entry->name, place(g), entry->length);
        entry->offset += data;
        if (entry->offset < end)
            return model_malformed(g->where, "the tensor overlaps another", entry->name, entry->offset,
                                   end - entry->offset);
        end = entry->offset + entry->length;
    }
    return ASSAY_OK;
}

assay_err assay_model_gguf(assay_model_entries *out, assay_arena *keep, assay_model_where *where, assay_bytes file) {
    *out = (assay_model_entries){0};
    if (!file.len) file = ASSAY_STR("");
    gguf g = {file.ptr, file, where, ALIGNMENT_DEFAULT};
    assay_bytes magic = {0};
    uint64_t version, tensors, pairs;
    ASSAY_TRY(take(&g, &magic, 4));
    if (memcmp(magic.ptr, "GGUF", 4) != 0)
        return model_malformed(where, "the file does not begin with GGUF", (assay_bytes){0}, 0, 4);
    ASSAY_TRY(take_number(&g, &version, 4));
    if (version != 2 && version != 3)
        return model_malformed(where, "the GGUF version is none of 2 and 3, or the file is big-endian",
                               (assay_bytes){0}, 4, 4);
    ASSAY_TRY(take_number(&g, &tensors, 8));
    ASSAY_TRY(take_number(&g, &pairs, 8));
    if (tensors > ASSAY_TENSORS_MAX) return model_beyond(where, "too many tensors", (assay_bytes){0}, 8);
    /* Counted before taken: a pair or an info takes 13 bytes of input at least. */
    for (uint64_t i = 0; i < pairs; i++) ASSAY_TRY(read_pair(&g));
    model_list list = {.keep = keep};
    for (uint64_t i = 0; i < tensors; i++) {
        assay_model_entry *entry;
        ASSAY_TRY(model_list_add(&entry, &list));
        ASSAY_TRY(read_info(&g, entry, keep));
    }
    ASSAY_TRY(model_list_rows(out, &list));
    return settle(&g, out, file.len, *keep);
}
