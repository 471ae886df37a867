/* SPDX-License-Identifier: Apache-2.0
 *
 * index - where each transaction stands.
 *
 * A transaction's id is as good as random, so a row for each, written with its block, touches a page of the file for
 * each: nine tenths of what a full block cost. Here a row is written some blocks later, when it is its range's turn.
 * Block h writes the rows of all ids that stand in the blocks h-31 .. h and lie in the range h mod 32 of 32: as many
 * rows as before, on a thirty-second of the pages.
 *
 *   block h --> its run, sorted, in memory --> 32 blocks: one range after the other --> rows
 *
 * Until then an id is found in the runs of the latest blocks. They are not written: a block's row has its ids, and
 * opening the store makes the runs of the last 32 blocks anew. Where transactions did nothing in a block (`idle`),
 * which ids count there is not told by the ids; that is a row of its own, as long as it is needed. What is written
 * belongs to the block's own transaction, so that after a kill either all of it is there or nothing.
 *
 * Only whoever holds LMDB's lock for writing changes a run, and runs are looked at under a lock of their own. A run is
 * seen from before its commit on; readers take none that is beyond their snapshot. Spec: spec/state.md, 6.5. */
#include "store_internal.h"

#define TX_ROW_LEN 12
#define KEY_LEN (1 + ASSAY_HASH_LEN)
#define LIST_KEY_LEN 9

static void put_big(uint8_t *out, uint64_t value, unsigned len) {
    for (unsigned i = 0; i < len; i++) out[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
}

static uint64_t get_big(const uint8_t *in, unsigned len) {
    uint64_t value = 0;
    for (unsigned i = 0; i < len; i++) value = value << 8 | in[i];
    return value;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static assay_bytes row_key(uint8_t out[KEY_LEN], const assay_hash *id) {
    out[0] = TAG_TX;
    memcpy(out + 1, id->b, ASSAY_HASH_LEN);
    return (assay_bytes){out, KEY_LEN};
}

static assay_bytes list_key(uint8_t out[LIST_KEY_LEN], uint64_t height) {
    out[0] = TAG_TX_LIST;
    put_big(out + 1, height, 8);
    return (assay_bytes){out, LIST_KEY_LEN};
}

/* A row as a transaction of LMDB's sees it. */
static assay_err row_get(assay_bytes *value, bool *found, assay_store *store, MDB_txn *txn, assay_bytes key) {
    MDB_val k = {key.len, (void *)(uintptr_t)key.ptr}, v;
    int rc = mdb_get(txn, store->rows, &k, &v);
    *found = rc == 0;
    if (rc) return rc == MDB_NOTFOUND ? ASSAY_OK : assay_store_err(store, rc);
    return assay_rows_value(value, store, k, v);
}

static assay_err place_get(uint64_t *height, uint32_t *place, assay_store *store, assay_bytes row) {
    if (row.len != TX_ROW_LEN) return assay_store_corrupt(store, "a transaction's index row has a wrong length");
    *height = get_big(row.ptr, 8);
    *place = (uint32_t)get_big(row.ptr + 8, 4);
    return ASSAY_OK;
}

static assay_err place_put(assay_store_batch *batch, const assay_hash *id, uint64_t height, uint32_t place) {
    uint8_t key[KEY_LEN], row[TX_ROW_LEN];
    put_big(row, height, 8);
    put_big(row + 8, place, 4);
    return assay_rows_put(batch, batch->rows, row_key(key, id), &(assay_bytes){row, sizeof row}, 1, false);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static index_run *run_at(assay_store *store, uint64_t height) { return &store->index.runs[height % INDEX_RUNS]; }

/* The run of exactly this block; NULL if there is none. */
static const index_run *run_of(assay_store *store, uint64_t height) {
    const index_run *run = run_at(store, height);
    return height && run->height == height ? run : NULL;
}

static const assay_hash *id_at(const index_run *run, uint32_t i) { return &run->ids[run->entries[i].place]; }

/* The first entry that is not before the id. */
static uint32_t run_seek(const index_run *run, const assay_hash *id) {
    uint64_t prefix = get_big(id->b, 8);
    uint32_t from = 0, to = run->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        uint64_t other = run->entries[middle].prefix;
        bool before = other < prefix || (other == prefix && memcmp(id_at(run, middle)->b, id->b, sizeof id->b) < 0);
        if (before)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool run_find(uint32_t *place, const index_run *run, const assay_hash *id) {
    uint32_t at = run_seek(run, id);
    if (at == run->count || memcmp(id_at(run, at)->b, id->b, sizeof id->b) != 0) return false;
    *place = run->entries[at].place;
    return true;
}

/* In the runs of blocks first .. last, the newest first. */
static bool runs_find(uint64_t *height, uint32_t *place, assay_store *store, const assay_hash *id, uint64_t first,
                      uint64_t last) {
    for (uint64_t h = last, n = 0; h >= first && h > 0 && n < INDEX_RUNS; h--, n++) {
        const index_run *run = run_of(store, h);
        if (!run || !run_find(place, run, id)) continue;
        *height = h;
        return true;
    }
    return false;
}

static bool entry_less(const void *context, const void *a, const void *b) {
    const index_run *run = context;
    const index_entry *x = a, *y = b;
    if (x->prefix != y->prefix) return x->prefix < y->prefix;
    int order = memcmp(run->ids[x->place].b, run->ids[y->place].b, ASSAY_HASH_LEN);
    return order ? order < 0 : x->place < y->place;
}

/* Takes over a block's ids, all of them, in order of the ids and then of their places. Nobody sees the run yet. */
static index_run *run_begin(assay_store *store, uint64_t height, const assay_hash *ids, uint32_t count) {
    store_index *index = &store->index;
    index_run *run = run_at(store, height);
    assay_os_mutex_lock(&index->lock);
    run->height = 0;
    assay_os_mutex_unlock(&index->lock);
    run->listed = false;
    run->count = count;
    if (count) memcpy(run->ids, ids, (size_t)count * sizeof *ids); /* bytes of a row: no alignment is there */
    for (uint32_t i = 0; i < count; i++) run->entries[i] = (index_entry){get_big(run->ids[i].b, 8), i, 0};
    assay_base_sort(run->entries, index->scratch, count, sizeof *run->entries, entry_less, run);
    return run;
}

static void run_publish(assay_store *store, index_run *run, uint64_t height) {
    assay_os_mutex_lock(&store->index.lock);
    run->height = height;
    assay_os_mutex_unlock(&store->index.lock);
}

/* Of what stands several times in a block, or did nothing there, the place that counts, or none. */
typedef struct counting {
    assay_store_batch *batch;
    const assay_store_block *block;
    uint64_t first; /* block that is kept */
} counting;

static assay_err known_before(bool *known, const counting *c, const assay_hash *id) {
    uint64_t height;
    uint32_t place;
    uint8_t key[KEY_LEN];
    assay_bytes row;
    *known = runs_find(&height, &place, c->batch->store, id, c->first, c->block->height - 1);
    if (*known) return ASSAY_OK;
    return row_get(&row, known, c->batch->store, c->batch->txn, row_key(key, id));
}

/* The entries at `at` are of one id, `len` of them. *counts: out is the one that stays. */
static assay_err group_count(index_entry *out, bool *counts, const counting *c, const index_run *run, uint32_t at,
                             uint32_t len) {
    *counts = false;
    for (uint32_t i = at; i < at + len; i++) {
        uint32_t place = run->entries[i].place;
        bool known = *counts;
        if (c->block->idle && c->block->idle[place]) {
            if (!known) ASSAY_TRY(known_before(&known, c, id_at(run, i)));
            if (known) continue;
        }
        *out = run->entries[i];
        *counts = true;
    }
    return ASSAY_OK;
}

static assay_err run_count(index_run *run, const counting *c) {
    uint32_t kept = 0;
    for (uint32_t at = 0, len; at < run->count; at += len) {
        index_entry entry;
        bool counts;
        for (len = 1; at + len < run->count; len++)
            if (memcmp(id_at(run, at + len)->b, id_at(run, at)->b, ASSAY_HASH_LEN) != 0) break;
        ASSAY_TRY(group_count(&entry, &counts, c, run, at, len));
        if (counts) run->entries[kept++] = entry; /* at or before `at`: what follows is not touched */
    }
    run->count = kept;
    return ASSAY_OK;
}

/* Which places count, where the ids alone do not tell. */
static assay_err list_put(assay_store_batch *batch, index_run *run, const assay_store_block *block) {
    for (uint32_t i = 0; block->idle && i < block->ids_count && !run->listed; i++) run->listed = block->idle[i];
    if (!run->listed) return ASSAY_OK;
    uint8_t key[LIST_KEY_LEN];
    uint8_t *list = (uint8_t *)batch->store->index.scratch;
    for (uint32_t i = 0; i < run->count; i++) memcpy(list + (size_t)i * 4, &run->entries[i].place, 4);
    return assay_rows_put(batch, batch->rows, list_key(key, block->height),
                          &(assay_bytes){list, (size_t)run->count * 4}, 1, false);
}

/* ---- writing rows ------------------------------------------------------------------------------------------------ */

static bool gathered_less(const void *context, const void *a, const void *b) {
    (void)context;
    return ((const index_entry *)a)->prefix < ((const index_entry *)b)->prefix;
}

/* The entries of a run that lie in a range, behind those that are there. */
static size_t gather(store_index *index, size_t count, const index_run *run, uint32_t slice) {
    assay_hash from = {{(uint8_t)(slice * (256 / INDEX_SLICES))}};
    for (uint32_t i = run_seek(run, &from); i < run->count; i++) {
        if (run->entries[i].prefix >> 56 >= (slice + 1) * (256 / INDEX_SLICES)) break;
        index->gathered[count] = run->entries[i];
        index->gathered[count++].run = (uint32_t)(run - index->runs);
    }
    return count;
}

/* The rows whose turn it is at this height. The older come first and the order stays, so that of one id in two blocks
 * the newer is what remains. */
static assay_err write_slice(assay_store_batch *batch, uint64_t height, uint64_t first) {
    store_index *index = &batch->store->index;
    uint64_t from = height >= INDEX_SLICES ? height - INDEX_SLICES + 1 : 1;
    size_t count = 0;
    for (uint64_t h = from > first ? from : first; h <= height; h++) {
        const index_run *run = run_of(batch->store, h);
        if (run) count = gather(index, count, run, (uint32_t)(height % INDEX_SLICES));
    }
    assay_base_sort(index->gathered, index->scratch, count, sizeof *index->gathered, gathered_less, NULL);
    for (size_t i = 0; i < count; i++) {
        const index_run *run = &index->runs[index->gathered[i].run];
        uint32_t place = index->gathered[i].place;
        ASSAY_TRY(place_put(batch, &run->ids[place], run->height, place));
    }
    return ASSAY_OK;
}

/* The first block that is kept, as the batch sees it. */
static assay_err first_kept(uint64_t *out, assay_store_batch *batch) {
    MDB_val k, v;
    *out = 0;
    int rc = mdb_cursor_get(batch->blocks, &k, &v, MDB_FIRST);
    if (rc) return rc == MDB_NOTFOUND ? ASSAY_OK : assay_store_err(batch->store, rc);
    if (k.mv_size != 8) return assay_store_corrupt(batch->store, "a block's key is no height");
    *out = get_big(k.mv_data, 8);
    return ASSAY_OK;
}

assay_err assay_index_put(assay_store_batch *batch, const assay_store_block *block) {
    assay_store *store = batch->store;
    counting c = {batch, block, 0};
    uint64_t height = block->height;
    ASSAY_TRY(first_kept(&c.first, batch));
    if (!batch->staged || height < batch->staged) batch->staged = height;
    index_run *run = run_begin(store, height, block->ids, block->ids_count);
    ASSAY_TRY(run_count(run, &c));
    ASSAY_TRY(list_put(batch, run, block));
    run_publish(store, run, height);
    ASSAY_TRY(write_slice(batch, height, c.first));
    const index_run *done = height > INDEX_SLICES ? run_of(store, height - INDEX_SLICES) : NULL;
    return done && done->listed ? assay_index_forget(batch, done->height) : ASSAY_OK;
}

assay_err assay_index_forget(assay_store_batch *batch, uint64_t height) {
    uint8_t key[LIST_KEY_LEN];
    return assay_rows_del(batch, batch->store->rows, list_key(key, height));
}

assay_err assay_index_drop(assay_store_batch *batch, const assay_store_block *block) {
    for (uint32_t i = 0; i < block->ids_count; i++) {
        uint8_t key[KEY_LEN];
        assay_bytes row;
        bool found;
        uint64_t height;
        uint32_t place;
        ASSAY_TRY(row_get(&row, &found, batch->store, batch->txn, row_key(key, &block->ids[i])));
        if (!found) continue;
        ASSAY_TRY(place_get(&height, &place, batch->store, row));
        if (height != block->height) continue; /* found in another block, which stays */
        ASSAY_TRY(assay_rows_del(batch, batch->store->rows, row_key(key, &block->ids[i])));
    }
    return assay_index_forget(batch, block->height);
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

assay_err assay_store_tx(uint64_t *height, uint32_t *index, assay_store_snapshot *snapshot, assay_hash id) {
    assay_store *store = snapshot->store;
    uint64_t first, last;
    assay_bytes row;
    bool found;
    ASSAY_TRY(assay_store_heights(&first, &last, snapshot));
    assay_os_mutex_lock(&store->index.lock);
    found = runs_find(height, index, store, &id, first, last);
    assay_os_mutex_unlock(&store->index.lock);
    if (found) return ASSAY_OK;
    ASSAY_TRY(assay_rows_get(snapshot, TAG_TX, assay_base_hash_bytes(&id), &row, &found));
    return found ? place_get(height, index, store, row) : ASSAY_E_NOT_FOUND;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* The run of a block that is there. */
static assay_err run_load(assay_store *store, MDB_txn *txn, uint64_t height) {
    assay_store_block block;
    assay_bytes list;
    bool listed;
    uint8_t key[LIST_KEY_LEN];
    ASSAY_TRY(assay_block_get(&block, store, txn, height));
    ASSAY_TRY(row_get(&list, &listed, store, txn, list_key(key, height)));
    index_run *run = run_begin(store, height, block.ids, block.ids_count);
    if (listed) {
        if (list.len % 4 || list.len / 4 > block.ids_count)
            return assay_store_corrupt(store, "a list of transactions has a wrong length");
        run->listed = true;
        run->count = (uint32_t)(list.len / 4);
        for (uint32_t i = 0; i < run->count; i++) {
            uint32_t place;
            memcpy(&place, list.ptr + (size_t)i * 4, 4);
            if (place >= block.ids_count) return assay_store_corrupt(store, "a list of transactions names none");
            run->entries[i] = (index_entry){get_big(run->ids[place].b, 8), place, 0};
        }
    } else {
        const counting all = {NULL, &(assay_store_block){.height = height}, 0};
        ASSAY_TRY(run_count(run, &all)); /* of one that stands twice, the last */
    }
    run_publish(store, run, height);
    return ASSAY_OK;
}

assay_err assay_index_load(assay_store *store, uint64_t from) {
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    MDB_val k, v;
    int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    if (rc) return assay_store_err(store, rc);
    assay_err err = ASSAY_OK;
    rc = mdb_cursor_open(txn, store->blocks, &cursor);
    if (!rc) rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    for (uint32_t n = 0; !rc && err == ASSAY_OK && n < INDEX_SLICES; n++) {
        uint64_t height = k.mv_size == 8 ? get_big(k.mv_data, 8) : 0;
        if (!height) err = assay_store_corrupt(store, "a block's key is no height");
        if (height < from) break;
        if (err == ASSAY_OK) err = run_load(store, txn, height);
        rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    }
    if (rc && rc != MDB_NOTFOUND && err == ASSAY_OK) err = assay_store_err(store, rc);
    if (cursor) mdb_cursor_close(cursor); /* one for reading does not end with its transaction */
    mdb_txn_abort(txn);
    return err;
}

void assay_index_undo(assay_store *store, uint64_t from) {
    assay_os_mutex_lock(&store->index.lock);
    for (uint32_t i = 0; i < INDEX_RUNS; i++)
        if (store->index.runs[i].height >= from) store->index.runs[i].height = 0;
    assay_os_mutex_unlock(&store->index.lock);
    /* One of these heights may have been there before. What cannot be read now is found again when the store is opened.
     */
    (void)!assay_index_load(store, from);
}

assay_err assay_index_open(assay_store *store) {
    store_index *index = &store->index;
    const size_t most = ASSAY_BLOCK_TXS_MAX, ids = most * sizeof(assay_hash), entries = most * sizeof(index_entry);
    assay_os_mutex_init(&index->lock);
    index->ready = true;
    ASSAY_TRY(assay_os_reserve(&index->memory, INDEX_RUNS * (ids + entries) + 2 * INDEX_SLICES * entries));
    /* Cut by hand: an arena would clear all of it, and most is never used. Sizes are multiples of what lies there. */
    uint8_t *at = index->memory.base;
    index->gathered = (index_entry *)at;
    index->scratch = (index_entry *)(at += INDEX_SLICES * entries);
    at += INDEX_SLICES * entries;
    for (uint32_t i = 0; i < INDEX_RUNS; i++, at += ids + entries) {
        index->runs[i].entries = (index_entry *)at;
        index->runs[i].ids = (assay_hash *)(at + entries);
    }
    return assay_index_load(store, 0);
}

void assay_index_close(assay_store *store) {
    if (!store->index.ready) return;
    assay_os_mutex_fini(&store->index.lock);
    assay_os_unreserve(&store->index.memory);
}
