/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests: a version's files and tensors, their order and their two roots. */
#include "types_internal.h"

/* ---- tables -------------------------------------------------------------------------------------------------- */

static const assay_codec_field file_leaf_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_file_leaf, path, ASSAY_PATH_LEN_MAX),
    ASSAY_FIELD(2, U64, assay_file_leaf, size),
    ASSAY_FIELD_FIXED(3, FIXED, assay_file_leaf, sha256),
    ASSAY_FIELD_FIXED(4, FIXED, assay_file_leaf, blake3),
    ASSAY_FIELD(5, U64, assay_file_leaf, chunks_before),
};
const assay_codec_message assay_file_leaf_message = ASSAY_MESSAGE("FileLeaf", assay_file_leaf, file_leaf_fields);

static const assay_codec_field tensor_leaf_fields[] = {
    ASSAY_FIELD(1, U64, assay_tensor_leaf, file_idx),
    ASSAY_FIELD_BYTES(2, assay_tensor_leaf, name, ASSAY_TENSOR_NAME_LEN_MAX),
    ASSAY_FIELD_BYTES(3, assay_tensor_leaf, dtype, ASSAY_DTYPE_LEN_MAX),
    ASSAY_FIELD_REPEATED(4, REPEATED_U64, assay_tensor_leaf, shape, ASSAY_SHAPE_MAX, NULL),
    ASSAY_FIELD(5, U64, assay_tensor_leaf, offset),
    ASSAY_FIELD(6, U64, assay_tensor_leaf, length),
    ASSAY_FIELD_FIXED(7, FIXED, assay_tensor_leaf, blake3),
};
const assay_codec_message assay_tensor_leaf_message =
    ASSAY_MESSAGE("TensorLeaf", assay_tensor_leaf, tensor_leaf_fields);

static const assay_codec_field manifest_fields[] = {
    ASSAY_FIELD(1, U32, assay_manifest, format),
    ASSAY_FIELD_REPEATED(2, REPEATED_MESSAGE, assay_manifest, files, ASSAY_FILES_MAX, &assay_file_leaf_message),
    ASSAY_FIELD(3, U32, assay_manifest, tensor_rules),
    ASSAY_FIELD_REPEATED(4, REPEATED_MESSAGE, assay_manifest, tensors, ASSAY_TENSORS_MAX, &assay_tensor_leaf_message),
};
const assay_codec_message assay_manifest_message = ASSAY_MESSAGE("Manifest", assay_manifest, manifest_fields);

/* ---- paths --------------------------------------------------------------------------------------------------- */

/* The end of a component sorts before every byte, so a separator does too. */
static int rank(uint8_t c) { return c == '/' ? 0 : c + 1; }

int assay_path_cmp(assay_bytes a, assay_bytes b) {
    size_t len = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < len; i++)
        if (a.ptr[i] != b.ptr[i]) return rank(a.ptr[i]) - rank(b.ptr[i]);
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

/* Bytes of the UTF-8 character at the front of text, or 0: no overlong form, surrogate or number beyond Unicode. */
static size_t utf8_len(assay_bytes text) {
    uint8_t first = text.ptr[0];
    if (first < 0x80) return 1;
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.len < len) return 0;
    for (size_t i = 1; i < len; i++)
        if ((text.ptr[i] & 0xc0) != 0x80) return 0;
    uint8_t second = text.ptr[1];
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
    if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
    return len;
}

/* Neither empty, "." nor "..". */
static bool component_ok(assay_bytes component) {
    return !assay_base_bytes_eq(component, (assay_bytes){0}) && !assay_base_bytes_eq(component, ASSAY_STR(".")) &&
           !assay_base_bytes_eq(component, ASSAY_STR(".."));
}

assay_err assay_path_check(assay_bytes path) {
    if (path.len == 0 || path.len > ASSAY_PATH_LEN_MAX) return ASSAY_E_NAME;
    size_t start = 0;
    for (size_t i = 0; i < path.len;) {
        uint8_t c = path.ptr[i];
        size_t len = utf8_len((assay_bytes){path.ptr + i, path.len - i});
        if (len == 0 || c == 0 || c == '\\') return ASSAY_E_NAME;
        if (c == '/') {
            if (!component_ok((assay_bytes){path.ptr + start, i - start})) return ASSAY_E_NAME;
            start = i + 1;
        }
        i += len;
    }
    return component_ok((assay_bytes){path.ptr + start, path.len - start}) ? ASSAY_OK : ASSAY_E_NAME;
}

/* ---- manifests ----------------------------------------------------------------------------------------------- */

uint64_t assay_file_chunks(uint64_t size) {
    if (size == 0) return 1;
    return size / ASSAY_BLAKE3_CHUNK_LEN + (size % ASSAY_BLAKE3_CHUNK_LEN != 0);
}

assay_err assay_manifest_root(assay_hash *out, const assay_manifest *manifest, assay_arena scratch) {
    return assay_types_root(out, &assay_file_leaf_message, manifest->files, manifest->files_count, ASSAY_CODEC_STRICT,
                            scratch);
}

assay_err assay_manifest_tensor_root(assay_hash *out, const assay_manifest *manifest, assay_arena scratch) {
    return assay_types_root(out, &assay_tensor_leaf_message, manifest->tensors, manifest->tensors_count,
                            ASSAY_CODEC_STRICT, scratch);
}

assay_err assay_manifest_totals(uint64_t *size, uint64_t *chunks, const assay_manifest *manifest) {
    *size = 0;
    *chunks = 0;
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        ASSAY_TRY(assay_base_add_u64(size, *size, manifest->files[i].size));
        ASSAY_TRY(assay_base_add_u64(chunks, *chunks, assay_file_chunks(manifest->files[i].size)));
    }
    return ASSAY_OK;
}

/* True if path begins with folder and a separator. In path order such a path follows its folder's name at once. */
static bool is_inside(assay_bytes path, assay_bytes folder) {
    return path.len > folder.len && path.ptr[folder.len] == '/' &&
           assay_base_bytes_eq((assay_bytes){path.ptr, folder.len}, folder);
}

static assay_err files_check(const assay_manifest *manifest) {
    uint64_t size = 0, chunks = 0;
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        const assay_file_leaf *file = &manifest->files[i];
        ASSAY_TRY(assay_path_check(file->path));
        if (i > 0 && assay_path_cmp(file[-1].path, file->path) >= 0) return ASSAY_E_ENCODING;
        if (i > 0 && is_inside(file->path, file[-1].path)) return ASSAY_E_NAME;
        if (file->chunks_before != chunks) return ASSAY_E_RANGE;
        ASSAY_TRY(assay_base_add_u64(&size, size, file->size));
        ASSAY_TRY(assay_base_add_u64(&chunks, chunks, assay_file_chunks(file->size)));
    }
    return ASSAY_OK;
}

static int tensor_cmp(const assay_tensor_leaf *a, const assay_tensor_leaf *b) {
    if (a->file_idx != b->file_idx) return a->file_idx < b->file_idx ? -1 : 1;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    return assay_base_bytes_cmp(a->name, b->name);
}

assay_err assay_manifest_check(const assay_manifest *manifest) {
    if (manifest->format != 1) return ASSAY_E_FORMAT;
    if (manifest->files_count == 0) return ASSAY_E_EMPTY;
    if (manifest->files_count > ASSAY_FILES_MAX || manifest->tensors_count > ASSAY_TENSORS_MAX) return ASSAY_E_RANGE;
    ASSAY_TRY(files_check(manifest));
    for (uint32_t i = 0; i < manifest->tensors_count; i++) {
        const assay_tensor_leaf *tensor = &manifest->tensors[i];
        if (tensor->file_idx >= manifest->files_count) return ASSAY_E_RANGE;
        uint64_t size = manifest->files[tensor->file_idx].size;
        if (tensor->offset > size || tensor->length > size - tensor->offset) return ASSAY_E_RANGE;
        if (tensor->name.len > ASSAY_TENSOR_NAME_LEN_MAX || tensor->dtype.len > ASSAY_DTYPE_LEN_MAX ||
            tensor->shape_count > ASSAY_SHAPE_MAX)
            return ASSAY_E_RANGE;
        if (i > 0 && tensor_cmp(tensor - 1, tensor) >= 0) return ASSAY_E_ENCODING;
    }
    return ASSAY_OK;
}
