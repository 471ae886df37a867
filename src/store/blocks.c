/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks with what is kept beside them, validator sets, and the node's tables.
 *
 * A block's row is: hash (32), the lengths of block, commit and results and the number of ids (4 each, native), then
 * those in order. */
#include "store_internal.h"

#define BLOCK_HEAD_LEN (ASSAY_HASH_LEN + 4 * 4)

static void put_u64(uint8_t out[8], uint64_t value) {
    for (unsigned i = 0; i < 8; i++) out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get_u64(const uint8_t in[8]) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) value = value << 8 | in[i];
    return value;
}

/* ---- the node's tables --------------------------------------------------------------------------------------- */

static assay_err key_check(assay_bytes key) {
    return key.len >= 1 && key.len <= ASSAY_STORE_KEY_LEN_MAX ? ASSAY_OK : ASSAY_E_RANGE;
}

assay_err assay_store_put(assay_store_batch *batch, assay_store_table table, assay_bytes key, assay_bytes value) {
    ASSAY_TRY(key_check(key));
    if (value.len > ASSAY_STORE_VALUE_LEN_MAX) return ASSAY_E_RANGE;
    if (!value.ptr) value.ptr = (const uint8_t *)"";
    return assay_rows_set(batch, (uint8_t)(TAG_TABLE + table), key, value);
}

assay_err assay_store_del(assay_store_batch *batch, assay_store_table table, assay_bytes key) {
    ASSAY_TRY(key_check(key));
    return assay_rows_set(batch, (uint8_t)(TAG_TABLE + table), key, (assay_bytes){0});
}

assay_err assay_store_get(assay_store_snapshot *snapshot, assay_store_table table, assay_bytes key, assay_bytes *value,
                          bool *found) {
    *found = false;
    if (key_check(key)) return ASSAY_OK;
    return assay_rows_get(snapshot, (uint8_t)(TAG_TABLE + table), key, value, found);
}

assay_err assay_store_next(assay_store_snapshot *snapshot, assay_store_table table, assay_bytes prefix,
                           assay_bytes after, assay_bytes *key, assay_bytes *value, bool *found) {
    bool behind = after.len > 0 && assay_base_bytes_cmp(after, prefix) >= 0;
    ASSAY_TRY(
        assay_rows_next(snapshot, (uint8_t)(TAG_TABLE + table), behind ? after : prefix, behind, key, value, found));
    if (*found) *found = key->len >= prefix.len && (prefix.len == 0 || memcmp(key->ptr, prefix.ptr, prefix.len) == 0);
    return ASSAY_OK;
}

/* ---- blocks -------------------------------------------------------------------------------------------------- */

assay_err assay_store_put_block(assay_store_batch *batch, const assay_store_block *block) {
    if (block->height == 0 || block->ids_count > ASSAY_BLOCK_TXS_MAX) return ASSAY_E_RANGE;
    bool fits = block->block.len <= ASSAY_STORE_VALUE_LEN_MAX && block->commit.len <= ASSAY_STORE_VALUE_LEN_MAX &&
                block->results.len <= ASSAY_STORE_VALUE_LEN_MAX;
    if (!fits) return ASSAY_E_RANGE;
    uint8_t key[8], head[BLOCK_HEAD_LEN];
    uint32_t lengths[4] = {(uint32_t)block->block.len, (uint32_t)block->commit.len, (uint32_t)block->results.len,
                           block->ids_count};
    put_u64(key, block->height);
    memcpy(head, block->hash.b, ASSAY_HASH_LEN);
    memcpy(head + ASSAY_HASH_LEN, lengths, sizeof lengths);
    assay_bytes pieces[] = {{head, sizeof head},
                            block->block,
                            block->commit,
                            block->results,
                            {(const uint8_t *)block->ids, (size_t)block->ids_count * ASSAY_HASH_LEN}};
    ASSAY_TRY(assay_rows_put(batch, batch->blocks, (assay_bytes){key, sizeof key}, pieces, 5, true));
    return assay_index_put(batch, block);
}

static assay_err block_parse(assay_store_block *out, assay_store *store, MDB_val k, MDB_val v) {
    assay_bytes row;
    ASSAY_TRY(assay_rows_value(&row, store, k, v));
    uint32_t lengths[4];
    if (k.mv_size != 8 || row.len < BLOCK_HEAD_LEN) return assay_store_corrupt(store, "a block's row is too short");
    memcpy(lengths, row.ptr + ASSAY_HASH_LEN, sizeof lengths);
    uint64_t ids_len = (uint64_t)lengths[3] * ASSAY_HASH_LEN;
    if (row.len - BLOCK_HEAD_LEN != (uint64_t)lengths[0] + lengths[1] + lengths[2] + ids_len) {
        return assay_store_corrupt(store, "a block's row has a wrong length");
    }
    *out = (assay_store_block){.height = get_u64(k.mv_data)};
    memcpy(out->hash.b, row.ptr, ASSAY_HASH_LEN);
    out->block = (assay_bytes){row.ptr + BLOCK_HEAD_LEN, lengths[0]};
    out->commit = (assay_bytes){out->block.ptr + lengths[0], lengths[1]};
    out->results = (assay_bytes){out->commit.ptr + lengths[1], lengths[2]};
    out->ids = (const assay_hash *)(out->results.ptr + lengths[2]); /* bytes only: no alignment is needed */
    out->ids_count = lengths[3];
    return ASSAY_OK;
}

assay_err assay_block_get(assay_store_block *out, assay_store *store, MDB_txn *txn, uint64_t height) {
    uint8_t key[8];
    put_u64(key, height);
    MDB_val k = {sizeof key, key}, v;
    int rc = mdb_get(txn, store->blocks, &k, &v);
    if (rc) return rc == MDB_NOTFOUND ? ASSAY_E_NOT_FOUND : assay_store_err(store, rc);
    return block_parse(out, store, k, v);
}

assay_err assay_store_get_block(assay_store_block *out, assay_store_snapshot *snapshot, uint64_t height) {
    uint8_t key[8];
    put_u64(key, height);
    MDB_val k = {sizeof key, key}, v;
    int rc = mdb_cursor_get(snapshot->blocks, &k, &v, MDB_SET_KEY);
    if (rc) return rc == MDB_NOTFOUND ? ASSAY_E_NOT_FOUND : assay_store_err(snapshot->store, rc);
    return block_parse(out, snapshot->store, k, v);
}

/* The height that a cursor's move leads to; 0 if there is no block. */
static assay_err height_at(uint64_t *out, assay_store *store, MDB_cursor *cursor, MDB_cursor_op move) {
    MDB_val k, v;
    int rc = mdb_cursor_get(cursor, &k, &v, move);
    *out = 0;
    if (rc) return rc == MDB_NOTFOUND ? ASSAY_OK : assay_store_err(store, rc);
    if (k.mv_size != 8) return assay_store_corrupt(store, "a block's key is no height");
    *out = get_u64(k.mv_data);
    return ASSAY_OK;
}

assay_err assay_store_heights(uint64_t *first, uint64_t *last, assay_store_snapshot *snapshot) {
    ASSAY_TRY(height_at(first, snapshot->store, snapshot->blocks, MDB_FIRST));
    return height_at(last, snapshot->store, snapshot->blocks, MDB_LAST);
}

/* ---- validator sets ------------------------------------------------------------------------------------------ */

assay_err assay_store_put_validators(assay_store_batch *batch, uint64_t height, assay_bytes set) {
    uint8_t key[8];
    if (set.len == 0 || set.len > ASSAY_STORE_VALUE_LEN_MAX) return ASSAY_E_RANGE;
    put_u64(key, height);
    return assay_rows_set(batch, TAG_VALIDATORS, (assay_bytes){key, sizeof key}, set);
}

assay_err assay_store_get_validators(assay_bytes *set, uint64_t *from, assay_store_snapshot *snapshot,
                                     uint64_t height) {
    uint8_t before[9];
    assay_bytes key;
    bool found;
    put_u64(before, height);
    before[8] = 0; /* the smallest key after height itself */
    ASSAY_TRY(assay_rows_prev(snapshot, TAG_VALIDATORS, (assay_bytes){before, sizeof before}, &key, set, &found));
    if (!found) return ASSAY_E_NOT_FOUND;
    if (key.len != 8) return assay_store_corrupt(snapshot->store, "a validator set's key is no height");
    *from = get_u64(key.ptr);
    return ASSAY_OK;
}

/* ---- pruning ------------------------------------------------------------------------------------------------- */

/* Drops the block that the cursor stands on, if it is below retain_height. */
static assay_err prune_block(bool *done, assay_store_batch *batch, MDB_cursor *cursor, uint64_t retain_height) {
    MDB_val k, v;
    assay_store_block block;
    *done = true;
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
    if (rc) return rc == MDB_NOTFOUND ? ASSAY_OK : assay_store_err(batch->store, rc);
    ASSAY_TRY(block_parse(&block, batch->store, k, v));
    if (block.height >= retain_height) return ASSAY_OK;
    *done = false;
    ASSAY_TRY(assay_index_drop(batch, &block));
    rc = mdb_cursor_del(cursor, 0);
    return rc ? assay_store_err(batch->store, rc) : ASSAY_OK;
}

/* Drops the sets that were replaced before the first height that is kept. */
static assay_err prune_validators(assay_store_batch *batch, MDB_cursor *cursor, uint64_t kept) {
    for (;;) {
        uint8_t key[9] = {TAG_VALIDATORS}, first[9];
        MDB_val k = {sizeof key, key}, v;
        int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        if (!rc && k.mv_size == sizeof key && *(const uint8_t *)k.mv_data == TAG_VALIDATORS) {
            memcpy(first, k.mv_data, sizeof first);
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
        } else if (!rc) {
            return ASSAY_OK;
        }
        if (rc) return rc == MDB_NOTFOUND ? ASSAY_OK : assay_store_err(batch->store, rc);
        bool second = k.mv_size == sizeof key && *(const uint8_t *)k.mv_data == TAG_VALIDATORS;
        if (!second || get_u64((const uint8_t *)k.mv_data + 1) > kept) return ASSAY_OK;
        ASSAY_TRY(assay_rows_del(batch, batch->store->rows, (assay_bytes){first, sizeof first}));
    }
}

assay_err assay_store_prune(uint32_t *dropped, assay_store_batch *batch, uint64_t retain_height, uint32_t limit) {
    bool done = false;
    uint64_t kept;
    *dropped = 0;
    while (*dropped < limit) {
        ASSAY_TRY(prune_block(&done, batch, batch->blocks, retain_height));
        if (done) break;
        ++*dropped;
    }
    if (*dropped == 0) return ASSAY_OK;
    ASSAY_TRY(height_at(&kept, batch->store, batch->blocks, MDB_FIRST));
    return kept ? prune_validators(batch, batch->rows, kept) : ASSAY_OK;
}
