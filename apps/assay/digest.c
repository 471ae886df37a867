/* SPDX-License-Identifier: Apache-2.0
 *
 * digest - what a model on this disk is.
 */
#include "assay_internal.h"

#include <string.h>

assay_err digest_path(call *c, assay_model *out, const char *path) {
    uint64_t threads = 0;
    ASSAY_TRY(value_u64(c, OPTION_THREADS, &threads, 1, ASSAY_MODEL_THREADS_MAX));
    progress_bar bar = progress_begin(c, "hashing");
    assay_model_options options = {.threads = (uint32_t)threads, .progress = progress_show, .progress_context = &bar};
    assay_model_where where = {0};
    assay_err err = assay_model_digest(out, &c->keep, &where, path, &options, c->scratch);
    progress_end(&bar);
    if (err == ASSAY_OK) return ASSAY_OK;
    if (err == ASSAY_E_NOT_FOUND) return fail(c, ASSAY_F_NO_PATH, "%s", path);
    if (where.file.len == 0) return fail(c, err, "%s", path);
    const char *tensor = where.tensor.len ? keep_text(c, ", tensor %s", visible(c, where.tensor)) : "";
    const char *range = where.length ? keep_text(c, ", bytes %llu-%llu", (unsigned long long)where.offset,
                                                 (unsigned long long)(where.offset + (where.length - 1)))
                                     : "";
    return fail(c, err, "%s%s%s%s%s", visible(c, where.file), tensor, range, where.what ? ": " : "",
                where.what ? where.what : "");
}

static assay_err digest_json(call *c, const assay_model *model) {
    assay_buf buf;
    assay_json json = json_room(c, &buf);
    assay_json_object(&json, NULL);
    assay_json_hex(&json, "root", assay_base_hash_bytes(&model->root));
    assay_json_hex(&json, "model_signing", assay_base_hash_bytes(&model->model_signing));
    assay_json_u64(&json, "size", model->size);
    assay_json_hex(&json, "tensor_root", assay_base_hash_bytes(&model->tensor_root));
    assay_json_u64(&json, "tensor_rules", model->manifest.tensor_rules);
    assay_json_array(&json, "files");
    for (uint32_t i = 0; i < model->manifest.files_count; i++) {
        const assay_file_leaf *file = &model->manifest.files[i];
        assay_json_object(&json, NULL);
        assay_json_text(&json, "path", file->path);
        assay_json_u64(&json, "size", file->size);
        assay_json_hex(&json, "sha256", assay_base_hash_bytes(&file->sha256));
        assay_json_hex(&json, "blake3", assay_base_hash_bytes(&file->blake3));
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    assay_json_array(&json, "tensors");
    for (uint32_t i = 0; i < model->manifest.tensors_count; i++) {
        const assay_tensor_leaf *tensor = &model->manifest.tensors[i];
        assay_json_object(&json, NULL);
        assay_json_text(&json, "file", model->manifest.files[tensor->file_idx].path);
        /* ONNX names are bytes; JSON's texts are not. */
        assay_arena before = c->keep;
        assay_json_text(&json, "name", assay_base_bytes_str(visible(c, tensor->name)));
        assay_json_text(&json, "dtype", assay_base_bytes_str(visible(c, tensor->dtype)));
        c->keep = before;
        assay_json_array(&json, "shape");
        for (uint32_t k = 0; k < tensor->shape_count; k++) assay_json_u64(&json, NULL, tensor->shape[k]);
        assay_json_close(&json, ']');
        assay_json_u64(&json, "offset", tensor->offset);
        assay_json_u64(&json, "length", tensor->length);
        assay_json_hex(&json, "blake3", assay_base_hash_bytes(&tensor->blake3));
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    return out_written(c, &json, &buf);
}

assay_err run_digest(call *c) {
    assay_model model;
    uint64_t started = assay_os_monotonic_ns();
    ASSAY_TRY(digest_path(c, &model, c->words[0]));
    double seconds = (double)(assay_os_monotonic_ns() - started) / 1e9;
    if (json_wanted(c)) return digest_json(c, &model);
    char size[24], rate[24];
    if (!quiet(c)) {
        table t = table_begin(c, "SIZE> SHA-256 FILE", model.manifest.files_count);
        for (uint32_t i = 0; i < model.manifest.files_count; i++) {
            const assay_file_leaf *file = &model.manifest.files[i];
            table_row(&t, keep_text(c, "%s", size_text(size, file->size)), hex(c, file->sha256.b, ASSAY_HASH_LEN),
                      visible(c, file->path));
        }
        table_print(&t);
        out(c, "\n");
        field(c, "files", "%u, %s, read in %.2f s (%s/s)", model.manifest.files_count, size_text(size, model.size),
              seconds, size_text(rate, seconds > 0 ? (uint64_t)((double)model.size / seconds) : 0));
        field(c, "tensors", "%u", model.manifest.tensors_count);
        field(c, "model signing", "%s", hex(c, model.model_signing.b, ASSAY_HASH_LEN));
        field(c, "root", "%s", hex(c, model.root.b, ASSAY_HASH_LEN));
    }
    out(c, "%s\n", hex(c, model.root.b, ASSAY_HASH_LEN));
    return ASSAY_OK;
}
