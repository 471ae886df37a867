/* SPDX-License-Identifier: Apache-2.0
 * What the readers of formats share: lists of tensors, error places, shapes. */
#include "model_internal.h"

assay_err model_list_add(assay_model_entry **out, model_list *list) {
    if (list->count == ASSAY_TENSORS_MAX) return ASSAY_E_LIMIT;
    if (!list->last || list->last->count == MODEL_CHUNK_ROWS) {
        model_chunk *chunk = ASSAY_NEW(list->keep, model_chunk, 1);
        if (!chunk) return ASSAY_F_MEMORY;
        if (list->last)
            list->last->next = chunk;
        else
            list->first = chunk;
        list->last = chunk;
    }
    *out = &list->last->rows[list->last->count++];
    list->count++;
    return ASSAY_OK;
}

assay_err model_list_rows(assay_model_entries *out, const model_list *list) {
    *out = (assay_model_entries){0};
    if (!list->count) return ASSAY_OK;
    out->rows = ASSAY_NEW(list->keep, assay_model_entry, list->count);
    if (!out->rows) return ASSAY_F_MEMORY;
    for (const model_chunk *chunk = list->first; chunk; chunk = chunk->next)
        for (uint32_t i = 0; i < chunk->count; i++) out->rows[out->count++] = chunk->rows[i];
    return ASSAY_OK;
}

assay_err model_malformed(assay_model_where *where, const char *what, assay_bytes tensor, uint64_t offset,
                          uint64_t length) {
    *where = (assay_model_where){where->file, tensor, offset, length, what};
    return ASSAY_E_HEADER;
}

assay_err model_beyond(assay_model_where *where, const char *what, assay_bytes tensor, uint64_t offset) {
    *where = (assay_model_where){where->file, tensor, offset, 0, what};
    return ASSAY_E_LIMIT;
}

bool model_utf8(assay_bytes bytes) {
    if (!bytes.len) return true;
    const uint8_t *at = bytes.ptr, *end = bytes.ptr + bytes.len;
    while (at < end) {
        uint8_t c = *at;
        if (c < 0x80) {
            at++;
            continue;
        }
        /* Table 3-7 of the Unicode standard: the second byte's range depends on the first. */
        uint8_t low = 0x80, high = 0xbf;
        size_t more = c >= 0xc2 && c <= 0xdf ? 1 : c >= 0xe0 && c <= 0xef ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : 0;
        if (c == 0xe0) low = 0xa0;
        if (c == 0xed) high = 0x9f;
        if (c == 0xf0) low = 0x90;
        if (c == 0xf4) high = 0x8f;
        if (!more || (size_t)(end - at) <= more || at[1] < low || at[1] > high) return false;
        for (size_t i = 2; i <= more; i++)
            if ((at[i] & 0xc0) != 0x80) return false;
        at += more + 1;
    }
    return true;
}

bool model_elements(uint64_t *out, const uint64_t *shape, uint32_t count) {
    *out = 1;
    for (uint32_t i = 0; i < count; i++)
        if (assay_base_mul_u64(out, *out, shape[i]) != ASSAY_OK) return false;
    return true;
}
