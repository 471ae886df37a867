/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows: a tagged key, a value, and a checksum behind it over both. Long keys live in buckets.
 *
 * A bucket is the row of all keys that share their first KEY_SPLIT bytes and are longer: entries in order, each two
 * lengths of 2 bytes, key and value. Its own key is those bytes and one more, so it stands right where its entries
 * belong among the short keys. */
#include "store_internal.h"

#define MIX UINT64_C(0x9e3779b97f4a7c15)

/* ---- checksums ----------------------------------------------------------------------------------------------- */

/* Four sums side by side over words of 8 bytes, so that they need not wait for one another. Each step is a bijection of
 * its sum, so one changed word always changes what comes out before it is cut to 32 bits. Against accidents, not
 * against people: whoever may write the file may write sums too. Native byte order, as LMDB's own file. */
static uint64_t mixed(uint64_t h, uint64_t word) {
    h = (h ^ word) * MIX;
    return h ^ (h >> 32);
}

static uint64_t sum_add(uint64_t h, assay_bytes bytes) {
    uint64_t lanes[4] = {mixed(h, bytes.len), h ^ 1, h ^ 2, h ^ 3}, words[4];
    const uint8_t *at = bytes.ptr;
    size_t left = bytes.len;
    for (; left >= sizeof words; left -= sizeof words, at += sizeof words) {
        memcpy(words, at, sizeof words);
        for (unsigned i = 0; i < 4; i++) lanes[i] = mixed(lanes[i], words[i]);
    }
    memset(words, 0, sizeof words);
    if (left) memcpy(words, at, left);
    for (unsigned i = 0; left && i < 4; i++) lanes[i] = mixed(lanes[i], words[i]);
    return mixed(mixed(mixed(lanes[0], lanes[1]), lanes[2]), lanes[3]);
}

static uint32_t sum_of(assay_bytes key, assay_bytes value) {
    return (uint32_t)(sum_add(sum_add(MIX, key), value) >> 32);
}

/* ---- one row ------------------------------------------------------------------------------------------------- */

assay_err assay_rows_put(assay_store_batch *batch, MDB_cursor *tree, assay_bytes key, const assay_bytes *pieces,
                         size_t count, bool append) {
    MDB_val k = {key.len, (void *)(uintptr_t)key.ptr}, v = {SUM_LEN, NULL};
    for (size_t i = 0; i < count; i++) v.mv_size += pieces[i].len;
    int rc = append ? mdb_cursor_put(tree, &k, &v, MDB_RESERVE | MDB_APPEND) : MDB_KEYEXIST;
    if (rc == MDB_KEYEXIST) rc = mdb_cursor_put(tree, &k, &v, MDB_RESERVE);
    if (rc) return assay_store_err(batch->store, rc);
    batch->puts++;
    uint8_t *at = v.mv_data;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].len) memcpy(at, pieces[i].ptr, pieces[i].len);
        at += pieces[i].len;
    }
    uint32_t sum = sum_of(key, (assay_bytes){v.mv_data, v.mv_size - SUM_LEN});
    memcpy(at, &sum, SUM_LEN);
    return ASSAY_OK;
}

assay_err assay_rows_del(assay_store_batch *batch, MDB_dbi tree, assay_bytes key) {
    MDB_val k = {key.len, (void *)(uintptr_t)key.ptr};
    int rc = mdb_del(batch->txn, tree, &k, NULL);
    return rc && rc != MDB_NOTFOUND ? assay_store_err(batch->store, rc) : ASSAY_OK;
}

assay_err assay_rows_value(assay_bytes *out, assay_store *store, MDB_val key, MDB_val value) {
    if (value.mv_size < SUM_LEN) return assay_store_corrupt(store, "a row is too short");
    assay_bytes bytes = {value.mv_data, value.mv_size - SUM_LEN};
    uint32_t sum;
    memcpy(&sum, bytes.ptr + bytes.len, SUM_LEN);
    if (sum != sum_of((assay_bytes){key.mv_data, key.mv_size}, bytes)) {
        return assay_store_corrupt(store, "a row's checksum is wrong");
    }
    *out = bytes;
    return ASSAY_OK;
}

/* ---- buckets ------------------------------------------------------------------------------------------------- */

typedef struct bucket_entry {
    size_t start, end; /* in the bucket */
    assay_bytes key, value;
} bucket_entry;

/* Reads the entry at `at`; false at the end, or (*bad) where the bucket contradicts itself. */
static bool bucket_read(bucket_entry *out, assay_bytes bucket, size_t at, bool *bad) {
    *bad = false;
    if (at == bucket.len) return false;
    uint16_t lengths[2];
    *bad = true;
    if (bucket.len - at < sizeof lengths) return false;
    memcpy(lengths, bucket.ptr + at, sizeof lengths);
    if (bucket.len - at - sizeof lengths < (size_t)lengths[0] + lengths[1]) return false;
    *bad = false;
    out->start = at;
    out->key = (assay_bytes){bucket.ptr + at + sizeof lengths, lengths[0]};
    out->value = (assay_bytes){out->key.ptr + lengths[0], lengths[1]};
    out->end = at + sizeof lengths + lengths[0] + lengths[1];
    return true;
}

typedef enum bucket_want { FIRST_AT_LEAST, FIRST_AFTER, LAST_BEFORE } bucket_want;

/* The entry that stands so to a key. */
static assay_err bucket_seek(bucket_entry *out, bool *found, assay_store *store, assay_bytes bucket, assay_bytes key,
                             bucket_want want) {
    bucket_entry entry;
    bool bad;
    *found = false;
    for (size_t at = 0; bucket_read(&entry, bucket, at, &bad); at = entry.end) {
        int order = assay_base_bytes_cmp(entry.key, key);
        if (want == LAST_BEFORE && order >= 0) return ASSAY_OK;
        bool wanted = want == LAST_BEFORE || order > 0 || (want == FIRST_AT_LEAST && order == 0);
        if (!wanted) continue;
        *out = entry;
        *found = true;
        if (want != LAST_BEFORE) return ASSAY_OK;
    }
    return bad ? assay_store_corrupt(store, "a bucket of long keys is damaged") : ASSAY_OK;
}

/* A row's key in LMDB: tag and key, or tag and the beginning that names a bucket. */
static assay_bytes row_key(uint8_t out[KEY_LEN_MAX], uint8_t tag, assay_bytes key) {
    size_t len = key.len > KEY_SPLIT ? KEY_SPLIT : key.len;
    out[0] = tag;
    if (len) memcpy(out + 1, key.ptr, len);
    if (key.len > KEY_SPLIT) out[1 + len] = 0;
    return (assay_bytes){out, 1 + len + (key.len > KEY_SPLIT)};
}

static bool is_bucket(MDB_val key) { return key.mv_size == KEY_LEN_MAX; }

/* Puts or deletes (value.ptr NULL) one long key: its bucket is written anew. */
static assay_err bucket_set(assay_store_batch *batch, assay_bytes row, assay_bytes key, assay_bytes value) {
    MDB_val k = {row.len, (void *)(uintptr_t)row.ptr}, v;
    int rc = mdb_get(batch->txn, batch->store->rows, &k, &v);
    if (rc && rc != MDB_NOTFOUND) return assay_store_err(batch->store, rc);
    assay_bytes old = {0};
    if (!rc) ASSAY_TRY(assay_rows_value(&old, batch->store, k, v));
    size_t start = old.len, end = old.len;
    bucket_entry entry;
    bool found;
    ASSAY_TRY(bucket_seek(&entry, &found, batch->store, old, key, FIRST_AT_LEAST));
    if (found) {
        start = entry.start;
        end = assay_base_bytes_eq(entry.key, key) ? entry.end : entry.start;
    }
    if (!value.ptr && start == end) return ASSAY_OK;
    uint16_t lengths[2] = {(uint16_t)key.len, (uint16_t)value.len};
    assay_bytes pieces[] = {
        {old.ptr, start}, {(uint8_t *)lengths, sizeof lengths}, key, value, {old.ptr + end, old.len - end}};
    if (!value.ptr) pieces[1].len = pieces[2].len = 0;
    size_t len = 0;
    for (size_t i = 0; i < 5; i++) len += pieces[i].len;
    if (len == 0) return assay_rows_del(batch, batch->store->rows, row);
    /* The old bucket may move under the pieces while room for the new one is made. */
    assay_os_region copy;
    ASSAY_TRY(assay_os_reserve(&copy, len));
    assay_buf buf = {copy.base, 0, len};
    assay_err err = ASSAY_OK;
    for (size_t i = 0; i < 5 && !err; i++) err = assay_base_buf_put(&buf, pieces[i]);
    if (!err) err = assay_rows_put(batch, batch->rows, row, &(assay_bytes){buf.ptr, buf.len}, 1, false);
    assay_os_unreserve(&copy);
    return err;
}

/* ---- keys of any length below a tag -------------------------------------------------------------------------- */

assay_err assay_rows_set(assay_store_batch *batch, uint8_t tag, assay_bytes key, assay_bytes value) {
    uint8_t memory[KEY_LEN_MAX];
    assay_bytes row = row_key(memory, tag, key);
    if (key.len > KEY_SPLIT) return bucket_set(batch, row, key, value);
    if (!value.ptr) return assay_rows_del(batch, batch->store->rows, row);
    return assay_rows_put(batch, batch->rows, row, &value, 1, false);
}

assay_err assay_rows_get(assay_store_snapshot *snapshot, uint8_t tag, assay_bytes key, assay_bytes *value,
                         bool *found) {
    uint8_t memory[KEY_LEN_MAX];
    assay_bytes row = row_key(memory, tag, key);
    MDB_val k = {row.len, memory}, v;
    int rc = mdb_cursor_get(snapshot->rows, &k, &v, MDB_SET);
    *found = rc == 0;
    if (rc) return rc == MDB_NOTFOUND ? ASSAY_OK : assay_store_err(snapshot->store, rc);
    ASSAY_TRY(assay_rows_value(value, snapshot->store, k, v));
    if (key.len <= KEY_SPLIT) return ASSAY_OK;
    bucket_entry entry;
    ASSAY_TRY(bucket_seek(&entry, found, snapshot->store, *value, key, FIRST_AT_LEAST));
    *found = *found && assay_base_bytes_eq(entry.key, key);
    if (*found) *value = entry.value;
    return ASSAY_OK;
}

/* What the cursor stands on, as the caller knows it: a short key, or an entry of a bucket. *found is false past the
 * tag's rows, and where a bucket has nothing that is wanted. */
static assay_err row_take(assay_store_snapshot *snapshot, uint8_t tag, int rc, MDB_val k, MDB_val v, assay_bytes from,
                          bucket_want want, assay_bytes *key, assay_bytes *value, bool *found) {
    *found = false;
    if (rc) return rc == MDB_NOTFOUND ? ASSAY_OK : assay_store_err(snapshot->store, rc);
    if (k.mv_size < 1 || *(const uint8_t *)k.mv_data != tag) return ASSAY_OK;
    ASSAY_TRY(assay_rows_value(value, snapshot->store, k, v));
    if (!is_bucket(k)) {
        *key = (assay_bytes){(const uint8_t *)k.mv_data + 1, k.mv_size - 1};
        *found = true;
        return ASSAY_OK;
    }
    bucket_entry entry;
    ASSAY_TRY(bucket_seek(&entry, found, snapshot->store, *value, from, want));
    if (!*found) return ASSAY_OK;
    *key = entry.key;
    *value = entry.value;
    return ASSAY_OK;
}

assay_err assay_rows_next(assay_store_snapshot *snapshot, uint8_t tag, assay_bytes from, bool after, assay_bytes *key,
                          assay_bytes *value, bool *found) {
    uint8_t memory[KEY_LEN_MAX];
    assay_bytes row = row_key(memory, tag, from);
    bucket_want want = after ? FIRST_AFTER : FIRST_AT_LEAST;
    MDB_val k = {row.len, memory}, v;
    int rc = mdb_cursor_get(snapshot->rows, &k, &v, MDB_SET_RANGE);
    bool same = !rc && k.mv_size == row.len && memcmp(k.mv_data, memory, row.len) == 0;
    if (same && after && from.len <= KEY_SPLIT) rc = mdb_cursor_get(snapshot->rows, &k, &v, MDB_NEXT);
    bool own_bucket = same && from.len > KEY_SPLIT;
    ASSAY_TRY(row_take(snapshot, tag, rc, k, v, from, want, key, value, found));
    if (*found || !own_bucket) return ASSAY_OK;
    rc = mdb_cursor_get(snapshot->rows, &k, &v, MDB_NEXT);
    return row_take(snapshot, tag, rc, k, v, from, want, key, value, found);
}

assay_err assay_rows_prev(assay_store_snapshot *snapshot, uint8_t tag, assay_bytes before, assay_bytes *key,
                          assay_bytes *value, bool *found) {
    uint8_t memory[KEY_LEN_MAX];
    assay_bytes row = row_key(memory, tag, before);
    MDB_val k = {row.len, memory}, v;
    int rc = mdb_cursor_get(snapshot->rows, &k, &v, MDB_SET_RANGE);
    bool same = !rc && k.mv_size == row.len && memcmp(k.mv_data, memory, row.len) == 0;
    if (same && before.len > KEY_SPLIT) { /* its own bucket may hold smaller ones */
        ASSAY_TRY(row_take(snapshot, tag, rc, k, v, before, LAST_BEFORE, key, value, found));
        if (*found) return ASSAY_OK;
    }
    if (rc && rc != MDB_NOTFOUND) return assay_store_err(snapshot->store, rc);
    rc = mdb_cursor_get(snapshot->rows, &k, &v, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
    return row_take(snapshot, tag, rc, k, v, before, LAST_BEFORE, key, value, found);
}
