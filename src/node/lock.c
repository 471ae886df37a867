/* SPDX-License-Identifier: Apache-2.0
 *
 * lock - what a validator locked on, kept on disk before it signs the precommit that says so. A validator that forgot
 * its lock could vote against a block that others already hold final.
 *
 * Two files take turns, each a SHA-256, a number that grows, and the machine's bytes: a write that a crash cuts short
 * damages only the file whose precommit was not signed yet, and leaves the lock before it.
 */
#include "node_internal.h"

#include <string.h>

#define HEAD_LEN (ASSAY_HASH_LEN + 8)

static assay_err lock_path(const validator *v, char *out, size_t cap, uint32_t which) {
    return assay_os_format(out, cap, "%s/consensus.lock%u", v->dir, which) < cap - 1 ? ASSAY_OK : ASSAY_F_STORAGE;
}

/* Over the number and the bytes, as they stand in the file. */
static assay_hash sum_of(const uint8_t number[8], assay_bytes bytes) {
    assay_sha256 hash;
    assay_crypto_sha256_init(&hash);
    assay_crypto_sha256_update(&hash, (assay_bytes){number, 8});
    assay_crypto_sha256_update(&hash, bytes);
    return assay_crypto_sha256_final(&hash);
}

assay_err lock_keep(validator *v, assay_bytes bytes) {
    char path[600];
    uint8_t head[HEAD_LEN];
    assay_os_file file;
    uint64_t number = ++v->lock_number;
    for (int i = 0; i < 8; i++) head[ASSAY_HASH_LEN + i] = (uint8_t)(number >> (56 - 8 * i));
    assay_hash sum = sum_of(head + ASSAY_HASH_LEN, bytes);
    memcpy(head, sum.b, ASSAY_HASH_LEN);
    v->lock_turn = 1 - v->lock_turn;
    ASSAY_TRY(lock_path(v, path, sizeof path, v->lock_turn));
    ASSAY_TRY(assay_os_file_open(&file, path, ASSAY_OS_CREATE, 0600));
    assay_err err = assay_os_file_write(&file, (assay_bytes){head, sizeof head}, 0);
    if (err == ASSAY_OK) err = assay_os_file_write(&file, bytes, HEAD_LEN);
    if (err == ASSAY_OK) err = assay_os_file_truncate(&file, HEAD_LEN + bytes.len);
    if (err == ASSAY_OK && !v->node->temporary) err = assay_os_file_sync(&file);
    assay_os_file_close(&file);
    return err;
}

/* The bytes of one file and their number; 0 if there is none, or it is damaged, which is what a crash in the middle of
 * a write leaves. */
static assay_err lock_read(const validator *v, assay_bytes *bytes, uint64_t *number, assay_arena *keep,
                           uint32_t which) {
    char path[600];
    assay_bytes content;
    *number = 0;
    ASSAY_TRY(lock_path(v, path, sizeof path, which));
    assay_err err = assay_os_read_whole(&content, keep, path, HEAD_LEN + 2 * (size_t)ASSAY_BFT_MESSAGE_LEN_MAX);
    if (err == ASSAY_E_NOT_FOUND) return ASSAY_OK;
    ASSAY_TRY(err);
    if (content.len < HEAD_LEN) return ASSAY_OK;
    *bytes = (assay_bytes){content.ptr + HEAD_LEN, content.len - HEAD_LEN};
    assay_hash sum = sum_of(content.ptr + ASSAY_HASH_LEN, *bytes);
    if (memcmp(sum.b, content.ptr, sizeof sum.b) != 0) return ASSAY_OK;
    for (int i = 0; i < 8; i++) *number = *number << 8 | content.ptr[ASSAY_HASH_LEN + i];
    return ASSAY_OK;
}

assay_err lock_open(validator *v, assay_bytes *bytes, assay_arena *keep) {
    *bytes = (assay_bytes){NULL, 0};
    v->lock_turn = 0;
    v->lock_number = 0;
    for (uint32_t which = 0; which < 2; which++) {
        assay_bytes one;
        uint64_t number;
        ASSAY_TRY(lock_read(v, &one, &number, keep, which));
        if (number <= v->lock_number) continue;
        v->lock_number = number;
        v->lock_turn = which;
        *bytes = one;
    }
    return ASSAY_OK;
}

/* The newest that is whole is what was last signed for, or is about to be; what is of another height the machine
 * ignores itself. */
assay_err lock_recall(validator *v) {
    assay_arena scratch = v->block_arena;
    assay_bytes bytes;
    ASSAY_TRY(lock_open(v, &bytes, &scratch));
    if (bytes.len) {
        assay_err err = assay_bft_recall(v->bft, bytes);
        if (assay_base_err_is_fault(err)) return err;
        if (err != ASSAY_OK) return ASSAY_F_CORRUPT;
    }
    v->effects_pending = true;
    return ASSAY_OK;
}
