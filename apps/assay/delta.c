/* SPDX-License-Identifier: Apache-2.0
 *
 * delta - by how much one tensor changed, wherever its two versions lie. Bytes of a node are checked like those of a
 * disk.
 */
#include "assay_internal.h"

#include <string.h>

#define PIECE_LEN ((uint64_t)4 << 20)

static assay_err fetch(call *c, assay_bytes *out, const side *s, const assay_tensor_leaf *tensor, assay_arena *keep) {
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, (size_t)tensor->length);
    if (tensor->length && !bytes) return ASSAY_F_MEMORY;
    for (uint64_t at = 0; at < tensor->length;) {
        uint64_t want = tensor->length - at < PIECE_LEN ? tensor->length - at : PIECE_LEN;
        assay_bytes piece;
        assay_arena before = c->keep;
        ASSAY_TRY(remote_bytes(c, &piece, (size_t)PIECE_LEN, "/bytes/%s/files/%llu?offset=%llu&length=%llu", s->root,
                               (unsigned long long)tensor->file_idx, (unsigned long long)(tensor->offset + at),
                               (unsigned long long)want));
        if (piece.len != want) return fail(c, ASSAY_E_CONTENT, "the node's bytes of %s end too early", s->label);
        memcpy(bytes + at, piece.ptr, piece.len);
        c->keep = before;
        at += want;
    }
    *out = (assay_bytes){bytes, (size_t)tensor->length};
    if (assay_base_hash_eq(assay_crypto_blake3(NULL, *out), tensor->blake3)) return ASSAY_OK;
    return fail(c, ASSAY_E_CONTENT, "the node's bytes of %s, tensor %s", s->label, visible(c, tensor->name));
}

static assay_err read_tensor(call *c, assay_bytes *out, const side *s, uint32_t idx, assay_arena *keep) {
    const assay_tensor_leaf *tensor = &s->manifest.tensors[idx];
    if (!s->path) return fetch(c, out, s, tensor, keep);
    assay_err err = assay_model_tensor_read(out, keep, s->path, &s->manifest, idx);
    return err == ASSAY_OK ? ASSAY_OK : fail(c, err, "%s, tensor %s", s->label, visible(c, tensor->name));
}

assay_err delta_of(call *c, assay_model_delta *out, bool *known, const side *before, uint32_t before_idx,
                   const side *after, uint32_t after_idx) {
    const assay_tensor_leaf *a = &before->manifest.tensors[before_idx], *b = &after->manifest.tensors[after_idx];
    assay_arena scratch = c->scratch;
    assay_bytes x, y;
    *known = false;
    if (!assay_base_bytes_eq(a->dtype, b->dtype) || a->length != b->length) return ASSAY_OK;
    /* Two tensors that memory cannot hold side by side stay uncompared; that they differ is known all the same. */
    if (a->length > (uint64_t)(scratch.end - scratch.at) / 2 - 4096) return ASSAY_OK;
    ASSAY_TRY(read_tensor(c, &x, before, before_idx, &scratch));
    ASSAY_TRY(read_tensor(c, &y, after, after_idx, &scratch));
    assay_err err = assay_model_tensor_delta(out, a->dtype, x, y);
    if (err == ASSAY_E_RANGE) return ASSAY_OK;
    *known = err == ASSAY_OK;
    return err;
}
