/* SPDX-License-Identifier: Apache-2.0
 *
 * lock - what a validator locked on, kept on disk before it signs the precommit that says so. A validator that forgot its lock could vote against a block
 * that others already hold final.
 *
 * Two files take turns, each a SHA-256 and the machine's bytes: a write that a crash cuts short damages only the file whose precommit was not signed yet,
 * and leaves the lock before it.
 */
#include "node_internal.h"

#include <string.h>

static assay_err lock_path(const validator *v, char *out, size_t cap, uint32_t which) {
    return assay_os_format(out, cap, "%s/consensus.lock%u", v->dir, which) < cap - 1 ? ASSAY_OK : ASSAY_F_STORAGE;
}

assay_err lock_keep(validator *v, assay_bytes bytes) {
    char path[600];
    assay_os_file file;
    assay_hash sum = assay_crypto_sha256_one(bytes);
    v->lock_turn = 1 - v->lock_turn;
    ASSAY_TRY(lock_path(v, path, sizeof path, v->lock_turn));
    ASSAY_TRY(assay_os_file_open(&file, path, ASSAY_OS_CREATE, 0600));
    assay_err err = assay_os_file_write(&file, assay_base_hash_bytes(&sum), 0);
    if (err == ASSAY_OK) err = assay_os_file_write(&file, bytes, ASSAY_HASH_LEN);
    if (err == ASSAY_OK) err = assay_os_file_truncate(&file, ASSAY_HASH_LEN + bytes.len);
    if (err == ASSAY_OK && !v->node->temporary) err = assay_os_file_sync(&file);
    assay_os_file_close(&file);
    return err;
}

/* Both files are offered to the machine, the older one first: what is damaged was never signed for, and what is of another height it ignores itself. */
assay_err lock_recall(validator *v) {
    for (uint32_t which = 0; which < 2; which++) {
        char path[600];
        assay_arena scratch = v->block_arena;
        assay_bytes content;
        ASSAY_TRY(lock_path(v, path, sizeof path, which));
        assay_err err = assay_os_read_whole(&content, &scratch, path, ASSAY_HASH_LEN + 2 * (size_t)ASSAY_BFT_MESSAGE_LEN_MAX);
        if (err == ASSAY_E_NOT_FOUND) continue;
        ASSAY_TRY(err);
        if (content.len < ASSAY_HASH_LEN) continue;
        assay_bytes bytes = {content.ptr + ASSAY_HASH_LEN, content.len - ASSAY_HASH_LEN};
        assay_hash sum = assay_crypto_sha256_one(bytes);
        if (memcmp(sum.b, content.ptr, sizeof sum.b) != 0) continue;
        err = assay_bft_recall(v->bft, bytes);
        if (assay_base_err_is_fault(err)) return err;
        if (err != ASSAY_OK) return ASSAY_F_CORRUPT;
        v->lock_turn = which;
    }
    v->effects_pending = true;
    return ASSAY_OK;
}
