/* SPDX-License-Identifier: Apache-2.0
 * safetensors: 8 bytes of header length, a JSON header, the tensors' bytes. The rules are the reference
 * implementation's (Metadata::validate): sorted by offset, tensors follow each other without hole or overlap and end at
 * the file's end. */
#include "model_internal.h"

#include <string.h>

typedef struct dtype_row {
    const char *name;
    uint32_t bits;
} dtype_row;
static const dtype_row dtypes[] = {
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64},
};

/* Where a JSON cursor stopped, as a place in the file; text begins at byte 8. */
static assay_err json_failed(assay_model_where *where, const model_json *json, assay_bytes tensor, uint64_t base,
                             assay_err err) {
    if (err != ASSAY_E_HEADER) return err;
    return model_malformed(where, json->what, tensor, base + (uint64_t)(json->at - json->start), 0);
}

static bool entry_less_by_name(const void *context, const void *a, const void *b) {
    (void)context;
    const assay_model_entry *x = a, *y = b;
    return assay_base_bytes_cmp(x->name, y->name) < 0;
}

static bool entry_less_by_offset(const void *context, const void *a, const void *b) {
    (void)context;
    const assay_model_entry *x = a, *y = b;
    return x->offset != y->offset ? x->offset < y->offset : x->length < y->length;
}

static assay_err names_unique(assay_model_entries entries, assay_model_where *where, assay_arena scratch) {
    assay_model_entry *sorted = ASSAY_NEW(&scratch, assay_model_entry, entries.count);
    assay_model_entry *space = ASSAY_NEW(&scratch, assay_model_entry, entries.count);
    if (entries.count && (!sorted || !space)) return ASSAY_F_MEMORY;
    if (!entries.count) return ASSAY_OK;
    memcpy(sorted, entries.rows, sizeof *sorted * entries.count);
    assay_base_sort(sorted, space, entries.count, sizeof *sorted, entry_less_by_name, NULL);
    for (uint32_t i = 1; i < entries.count; i++)
        if (assay_base_bytes_eq(sorted[i - 1].name, sorted[i].name))
            return model_malformed(where, "a name stands in the header twice", sorted[i].name, 8, 0);
    return ASSAY_OK;
}

/* "[2,3]" as a shape. */
static assay_err read_shape(assay_model_entry *entry, model_json *json) {
    ASSAY_TRY(model_json_take(json, '[', "the shape is not an array"));
    uint64_t shape[ASSAY_SHAPE_MAX];
    uint32_t count = 0;
    for (bool first = true, more;; first = false) {
        ASSAY_TRY(model_json_step(json, ']', first, &more));
        if (!more) break;
        if (count == ASSAY_SHAPE_MAX) return ASSAY_E_LIMIT;
        ASSAY_TRY(model_json_u64(json, &shape[count++]));
    }
    entry->shape = ASSAY_NEW(json->keep, uint64_t, count);
    if (count && !entry->shape) return ASSAY_F_MEMORY;
    if (count) memcpy(entry->shape, shape, count * sizeof *shape);
    entry->shape_count = count;
    return ASSAY_OK;
}

/* "[begin,end]", relative to the data; an end before its begin is found here. */
static assay_err read_offsets(assay_model_entry *entry, model_json *json) {
    static const char what[] = "data_offsets is not a pair of numbers in order";
    uint64_t begin, end;
    ASSAY_TRY(model_json_take(json, '[', what));
    ASSAY_TRY(model_json_u64(json, &begin));
    ASSAY_TRY(model_json_take(json, ',', what));
    ASSAY_TRY(model_json_u64(json, &end));
    ASSAY_TRY(model_json_take(json, ']', what));
    if (end < begin) {
        json->what = what;
        return ASSAY_E_HEADER;
    }
    entry->offset = begin;
    entry->length = end - begin;
    return ASSAY_OK;
}

/* The value of one tensor: {"dtype":..., "shape":..., "data_offsets":...}. Other members are passed over, as the
 * reference does. */
static assay_err read_tensor(assay_model_entry *entry, model_json *json) {
    ASSAY_TRY(model_json_take(json, '{', "a tensor is not an object"));
    enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4 };
    unsigned seen = 0, now;
    for (bool first = true, more;; first = false) {
        ASSAY_TRY(model_json_step(json, '}', first, &more));
        if (!more) break;
        assay_bytes key;
        ASSAY_TRY(model_json_key(json, &key));
        now = assay_base_bytes_eq(key, ASSAY_STR("dtype"))          ? DTYPE
              : assay_base_bytes_eq(key, ASSAY_STR("shape"))        ? SHAPE
              : assay_base_bytes_eq(key, ASSAY_STR("data_offsets")) ? OFFSETS
                                                                    : 0;
        if (seen & now) {
            json->what = "a tensor's member stands there twice";
            return ASSAY_E_HEADER;
        }
        seen |= now;
        if (now == DTYPE)
            ASSAY_TRY(model_json_string(json, &entry->dtype));
        else if (now == SHAPE)
            ASSAY_TRY(read_shape(entry, json));
        else if (now == OFFSETS)
            ASSAY_TRY(read_offsets(entry, json));
        else
            ASSAY_TRY(model_json_skip(json));
    }
    if (seen == (DTYPE | SHAPE | OFFSETS)) return ASSAY_OK;
    json->what = "a tensor lacks dtype, shape or data_offsets";
    return ASSAY_E_HEADER;
}

/* "__metadata__": null, or strings by name. */
static assay_err read_metadata(model_json *json, assay_model_where *where) {
    if (model_json_peek(json) == 'n') return model_json_skip(json);
    ASSAY_TRY(model_json_take(json, '{', "__metadata__ is not an object"));
    model_list names = {.keep = json->keep};
    for (bool first = true, more;; first = false) {
        ASSAY_TRY(model_json_step(json, '}', first, &more));
        if (!more) break;
        assay_model_entry *row;
        ASSAY_TRY(model_list_add(&row, &names));
        ASSAY_TRY(model_json_key(json, &row->name));
        assay_bytes value;
        ASSAY_TRY(model_json_string(json, &value));
    }
    assay_model_entries rows;
    ASSAY_TRY(model_list_rows(&rows, &names));
    json->what = "a name stands in __metadata__ twice";
    return names_unique(rows, where, *json->keep);
}

/* Shape, dtype and length fit together; the length of every dtype is a whole number of bytes. */
static assay_err check_entry(const assay_model_entry *entry, assay_model_where *where, uint64_t data) {
    uint32_t bits = 0;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (assay_base_bytes_eq(entry->dtype, assay_base_bytes_str(dtypes[i].name))) bits = dtypes[i].bits;
    if (!bits) return model_malformed(where, "the dtype is unknown", entry->name, 8, data - 8);
    uint64_t elements, total;
    if (!model_elements(&elements, entry->shape, entry->shape_count) ||
        assay_base_mul_u64(&total, elements, bits) != ASSAY_OK)
        return model_malformed(where, "the shape does not fit in 64 bits", entry->name, 8, data - 8);
    if (total % 8 || total / 8 != entry->length)
        return model_malformed(where, "the length is not what shape and dtype need", entry->name, entry->offset,
                               entry->length);
    return ASSAY_OK;
}

/* Sorted by offset, each begins where the one before it ended, and the last ends with the file. */
static assay_err check_layout(assay_model_entries *entries, assay_model_where *where, uint64_t data, uint64_t file_len,
                              assay_arena scratch) {
    assay_model_entry *space = ASSAY_NEW(&scratch, assay_model_entry, entries->count);
    if (entries->count && !space) return ASSAY_F_MEMORY;
    if (entries->count)
        assay_base_sort(entries->rows, space, entries->count, sizeof *space, entry_less_by_offset, NULL);
    uint64_t at = 0, len = file_len - data;
    for (uint32_t i = 0; i < entries->count; i++) {
        assay_model_entry *entry = &entries->rows[i];
        if (entry->offset > len || entry->length > len - entry->offset)
            return model_malformed(where, "the tensor ends beyond the file", entry->name, data, entry->length);
        if (entry->offset < at)
            return model_malformed(where, "the tensor overlaps another", entry->name, data + entry->offset,
                                   at - entry->offset);
        if (entry->offset > at)
            return model_malformed(where, "there is a hole before the tensor", entry->name, data + at,
                                   entry->offset - at);
        at += entry->length;
        entry->offset += data;
    }
    if (at != len) return model_malformed(where, "bytes follow the last tensor", (assay_bytes){0}, data + at, len - at);
    return ASSAY_OK;
}

static assay_err read_header(model_list *list, model_json *json, assay_model_where *where, assay_bytes *name) {
    ASSAY_TRY(model_json_take(json, '{', "the header does not begin with {"));
    bool metadata = false;
    for (bool first = true, more;; first = false) {
        *name = (assay_bytes){0};
        ASSAY_TRY(model_json_step(json, '}', first, &more));
        if (!more) break;
        ASSAY_TRY(model_json_key(json, name));
        if (assay_base_bytes_eq(*name, ASSAY_STR("__metadata__"))) {
            json->what = "__metadata__ stands there twice";
            if (metadata) return ASSAY_E_HEADER;
            metadata = true;
            ASSAY_TRY(read_metadata(json, where));
            continue;
        }
        if (name->len > ASSAY_TENSOR_NAME_LEN_MAX) return ASSAY_E_LIMIT;
        assay_model_entry *entry;
        ASSAY_TRY(model_list_add(&entry, list));
        entry->name = *name;
        entry->length_known = true;
        ASSAY_TRY(read_tensor(entry, json));
    }
    return model_json_end(json);
}

assay_err assay_model_safetensors(assay_model_entries *out, assay_arena *keep, assay_model_where *where,
                                  assay_bytes file) {
    *out = (assay_model_entries){0};
    if (file.len < 8)
        return model_malformed(where, "the file is shorter than the header's length field", (assay_bytes){0}, 0,
                               file.len);
    uint64_t len = 0;
    for (int i = 7; i >= 0; i--) len = len << 8 | file.ptr[i];
    if (len > ASSAY_MODEL_SAFETENSORS_HEADER_MAX)
        return model_malformed(where, "the header claims to be longer than 100 MB", (assay_bytes){0}, 0, 8);
    if (len > file.len - 8)
        return model_malformed(where, "the header claims to be longer than the file", (assay_bytes){0}, 0, 8);
    assay_bytes text = {file.ptr + 8, (size_t)len};
    if (!model_utf8(text)) return model_malformed(where, "the header is not UTF-8", (assay_bytes){0}, 8, len);
    model_json json = model_json_begin(text, keep);
    model_list list = {.keep = keep};
    assay_bytes name = {0};
    assay_err err = read_header(&list, &json, where, &name);
    if (err == ASSAY_E_LIMIT)
        return model_beyond(where, "too many tensors or dimensions, or too long a name", name,
                            8 + (uint64_t)(json.at - json.start));
    if (err) return json_failed(where, &json, name, 8, err);
    ASSAY_TRY(model_list_rows(out, &list));
    ASSAY_TRY(names_unique(*out, where, *keep));
    /* Places first: an error about an entry then names bytes that are there. */
    ASSAY_TRY(check_layout(out, where, 8 + len, file.len, *keep));
    for (uint32_t i = 0; i < out->count; i++) ASSAY_TRY(check_entry(&out->rows[i], where, 8 + len));
    return ASSAY_OK;
}

static assay_err read_index(model_list *list, model_json *json, bool *found, assay_bytes *name) {
    ASSAY_TRY(model_json_take(json, '{', "the index does not begin with {"));
    for (bool first = true, more;; first = false) {
        ASSAY_TRY(model_json_step(json, '}', first, &more));
        if (!more) break;
        assay_bytes key;
        ASSAY_TRY(model_json_key(json, &key));
        if (!assay_base_bytes_eq(key, ASSAY_STR("weight_map"))) {
            ASSAY_TRY(model_json_skip(json));
            continue;
        }
        json->what = "weight_map stands there twice";
        if (*found) return ASSAY_E_HEADER;
        *found = true;
        ASSAY_TRY(model_json_take(json, '{', "weight_map is not an object"));
        for (bool first_row = true, more_rows;; first_row = false) {
            ASSAY_TRY(model_json_step(json, '}', first_row, &more_rows));
            if (!more_rows) break;
            assay_model_entry *row;
            ASSAY_TRY(model_list_add(&row, list));
            ASSAY_TRY(model_json_key(json, name));
            row->name = *name;
            if (name->len > ASSAY_TENSOR_NAME_LEN_MAX) return ASSAY_E_LIMIT;
            ASSAY_TRY(model_json_string(json, &row->location));
        }
        *name = (assay_bytes){0};
    }
    return model_json_end(json);
}

assay_err assay_model_safetensors_index(assay_model_entries *out, assay_arena *keep, assay_model_where *where,
                                        assay_bytes file) {
    *out = (assay_model_entries){0};
    if (file.len > ASSAY_MODEL_SAFETENSORS_HEADER_MAX)
        return model_malformed(where, "the index is longer than 100 MB", (assay_bytes){0}, 0, file.len);
    if (!model_utf8(file)) return model_malformed(where, "the index is not UTF-8", (assay_bytes){0}, 0, file.len);
    model_json json = model_json_begin(file, keep);
    model_list list = {.keep = keep};
    bool found = false;
    assay_bytes name = {0};
    assay_err err = read_index(&list, &json, &found, &name);
    if (err == ASSAY_E_LIMIT)
        return model_beyond(where, "too many tensors, or too long a name", name, (uint64_t)(json.at - json.start));
    if (err) return json_failed(where, &json, name, 0, err);
    if (!found) return model_malformed(where, "the index has no weight_map", (assay_bytes){0}, 0, file.len);
    ASSAY_TRY(model_list_rows(out, &list));
    return names_unique(*out, where, *keep);
}
