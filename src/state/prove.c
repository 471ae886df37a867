/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs of presence and absence under a snapshot's root, in ICS 23's form. */
#include "state_internal.h"

/* Reads a key's value, which must be there: another row said so. */
static assay_err value_of(assay_bytes *value, assay_state_reader reader, assay_bytes key) {
    bool found;
    ASSAY_TRY(reader.get(reader.context, ASSAY_SPACE_VALUE, key, value, &found));
    return found ? ASSAY_OK : ASSAY_F_CORRUPT;
}

/* The path of a key that is in the tree. */
static assay_err path_of(assay_smt_path *path, assay_state_reader reader, assay_hash position) {
    tree_node end;
    ASSAY_TRY(assay_tree_path(path, &end, reader, position));
    return end.kind == NODE_LEAF && assay_base_hash_eq(end.position, position) ? ASSAY_OK : ASSAY_F_CORRUPT;
}

/* The leaf next to a position that is not taken, on one side; not present at the tree's edge. */
static assay_err neighbour(assay_smt_neighbour *out, assay_state_reader reader, const assay_hash *position,
                           bool right) {
    assay_bytes row;
    out->present = false;
    assay_bytes from = assay_base_hash_bytes(position);
    ASSAY_TRY(right ? reader.next(reader.context, ASSAY_SPACE_HASHED, from, true, &row, &out->key, &out->present)
                    : reader.prev(reader.context, ASSAY_SPACE_HASHED, from, &row, &out->key, &out->present));
    if (!out->present) return ASSAY_OK;
    if (row.len != ASSAY_HASH_LEN) return ASSAY_F_CORRUPT;
    assay_hash beside;
    memcpy(beside.b, row.ptr, sizeof beside.b);
    ASSAY_TRY(value_of(&out->value, reader, out->key));
    return path_of(&out->path, reader, beside);
}

/* Encodes into the rest of keep, and takes what was written. */
static assay_err finish(assay_bytes *proof, assay_arena *keep, const assay_buf *buf) {
    *proof = (assay_bytes){buf->ptr, buf->len};
    keep->at += buf->len;
    return ASSAY_OK;
}

static assay_err prove_absent(assay_bytes *proof, assay_arena *keep, assay_state_reader reader, assay_bytes key,
                              assay_hash position) {
    assay_smt_neighbour left, right;
    ASSAY_TRY(neighbour(&left, reader, &position, false));
    ASSAY_TRY(neighbour(&right, reader, &position, true));
    if (!left.present && !right.present) return ASSAY_E_NOT_FOUND;
    assay_buf buf = {.ptr = keep->at, .cap = (size_t)(keep->end - keep->at)};
    ASSAY_TRY(assay_state_proof_encode_absent(&buf, key, &left, &right));
    return finish(proof, keep, &buf);
}

assay_err assay_state_prove(assay_bytes *proof, assay_bytes *value, bool *found, assay_arena *keep,
                            assay_state_reader reader, assay_bytes key) {
    if (key.len == 0 || key.len > ASSAY_STATE_KEY_LEN_MAX) return ASSAY_E_RANGE;
    assay_hash position = assay_crypto_sha256_one(key);
    *value = (assay_bytes){0};
    ASSAY_TRY(reader.get(reader.context, ASSAY_SPACE_VALUE, key, value, found));
    if (!*found) return prove_absent(proof, keep, reader, key, position);
    assay_smt_path path;
    ASSAY_TRY(path_of(&path, reader, position));
    assay_buf buf = {.ptr = keep->at, .cap = (size_t)(keep->end - keep->at)};
    ASSAY_TRY(assay_state_proof_encode_exist(&buf, key, *value, &path));
    return finish(proof, keep, &buf);
}
