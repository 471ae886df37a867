/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and closing, batches, snapshots, and the state's tables over them. */
#include <errno.h>

#include "store_internal.h"

#define FORMAT_TEXT ASSAY_STR("assay store 1\n")
#define FORMAT_COMMON 12 /* what all formats begin with */
#define MAP_LEAST (UINT64_C(64) << 20)
#define MAP_UNIT 65536 /* a multiple of every system's page */
#define PERMISSIONS 0600
#define DIR_PERMISSIONS 0700
#define PATH_MEMORY 8192
/* Rows written or read, after which memory is let go of. A batch counts as many as it holds, and some more, so that the
 * map is small again 64 empty blocks after a full one. */
#define ROWS_PER_TRIM 16384u
#define ROWS_OF_A_BATCH 256u
/* LMDB orders its readers and its writer by means that the thread sanitizer does not see, and would be blamed for. */
#ifdef __SANITIZE_THREAD__
#define IN_PLACE 0
#else
#define IN_PLACE 1
#endif

/* ---- errors -------------------------------------------------------------------------------------------------- */

assay_err assay_store_err(assay_store *store, int rc) {
    store->reason = mdb_strerror(rc);
    switch (rc) {
    case 0: return ASSAY_OK;
    case ENOMEM: return ASSAY_F_MEMORY;
    case EAGAIN:
    case MDB_READERS_FULL: return ASSAY_F_BUSY;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_RSLOT: return ASSAY_F_CORRUPT;
    default: return ASSAY_F_STORAGE;
    }
}

assay_err assay_store_corrupt(assay_store *store, const char *reason) {
    store->reason = reason;
    return ASSAY_F_CORRUPT;
}

const char *assay_store_reason(const assay_store *store) { return store->reason; }

/* ---- opening ------------------------------------------------------------------------------------------------- */

typedef struct paths {
    const char *directory, *lock, *format, *data;
} paths;

static assay_err paths_of(paths *out, assay_arena *keep, const char *directory) {
    out->directory = directory;
    ASSAY_TRY(assay_os_path_join(&out->lock, keep, directory, ASSAY_STR("LOCK")));
    ASSAY_TRY(assay_os_path_join(&out->format, keep, directory, ASSAY_STR("FORMAT")));
    return assay_os_path_join(&out->data, keep, directory, ASSAY_STR("data.mdb"));
}

static assay_err format_check(assay_store *store, const paths *path) {
    uint8_t memory[256];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_bytes format;
    assay_err err = assay_os_read_whole(&format, &keep, path->format, 64);
    if (err && err != ASSAY_E_SIZE) return err;
    if (!err && assay_base_bytes_eq(format, FORMAT_TEXT)) return ASSAY_OK;
    bool ours = !err && format.len >= FORMAT_COMMON && memcmp(format.ptr, FORMAT_TEXT.ptr, FORMAT_COMMON) == 0;
    store->reason = ours ? "the store is of a newer format" : "FORMAT is damaged";
    return ours ? ASSAY_E_FORMAT : ASSAY_F_CORRUPT;
}

/* What stands in the directory already. FORMAT is written once the first file is whole: so a file that is missing or
 * empty beside it was lost, and an empty file without it was never finished and is made anew. */
static assay_err look_at_file(assay_store *store, const paths *path, bool *fresh, uint64_t *used) {
    *used = 0;
    *fresh = !assay_os_exists(path->format);
    if (!*fresh) ASSAY_TRY(format_check(store, path));
    if (!assay_os_exists(path->data)) return *fresh ? ASSAY_OK : assay_store_corrupt(store, "data.mdb is gone");
    assay_os_file file;
    bool empty = false;
    const char *reason = "";
    ASSAY_TRY(assay_os_file_open(&file, path->data, ASSAY_OS_READ, PERMISSIONS));
    assay_err err = *fresh ? assay_pages_never_made(&empty, &file) : ASSAY_OK;
    if (!err && !empty) err = assay_pages_check(used, &reason, &file);
    if (err) store->reason = reason;
    assay_os_file_close(&file);
    if (err || !empty) return err;
    return assay_os_remove(path->data);
}

static assay_err env_open(assay_store *store, const assay_store_config *config, uint64_t map_bytes) {
    int rc = mdb_env_create(&store->env);
    if (rc) return assay_store_err(store, rc);
    unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
    if (!config->durable) flags |= MDB_NOSYNC;
    if (config->in_place && IN_PLACE) flags |= MDB_WRITEMAP;
    rc = mdb_env_set_maxdbs(store->env, 1);
    /* One more for the state's own view, and one so that a full table is ours to report. */
    if (!rc) rc = mdb_env_set_maxreaders(store->env, store->snapshots_max + 2);
    if (!rc) rc = mdb_env_set_mapsize(store->env, map_bytes);
    if (!rc) rc = mdb_env_open(store->env, config->directory, flags, PERMISSIONS);
    store->map_bytes = map_bytes;
    if (!rc) return ASSAY_OK;
    mdb_env_close(store->env);
    store->env = NULL;
    return assay_store_err(store, rc);
}

/* The map as large as asked, or as large as the system gives addresses for. */
static assay_err env_open_within_limits(assay_store *store, const assay_store_config *config, uint64_t used) {
    uint64_t map_bytes = config->map_bytes ? config->map_bytes : ASSAY_STORE_MAP_DEFAULT;
    if (map_bytes < 4 * used) map_bytes = 4 * used;
    uint64_t least = config->map_bytes && config->map_bytes < MAP_LEAST ? map_bytes : MAP_LEAST;
    for (;; map_bytes /= 2) {
        assay_err err = env_open(store, config, map_bytes / MAP_UNIT * MAP_UNIT);
        if (err != ASSAY_F_MEMORY || map_bytes / 2 < least || map_bytes / 2 < 2 * used) return err;
    }
}

static assay_err trees_open(assay_store *store) {
    MDB_txn *txn;
    int stale;
    int rc = mdb_reader_check(store->env, &stale);
    if (!rc) rc = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (rc) return assay_store_err(store, rc);
    rc = mdb_dbi_open(txn, NULL, 0, &store->rows);
    if (!rc) rc = mdb_dbi_open(txn, "blocks", MDB_CREATE, &store->blocks);
    if (rc)
        mdb_txn_abort(txn);
    else
        rc = mdb_txn_commit(txn);
    return rc ? assay_store_err(store, rc) : ASSAY_OK;
}

static void snapshot_fini(assay_store_snapshot *snapshot) {
    if (snapshot->rows) mdb_cursor_close(snapshot->rows);
    if (snapshot->blocks) mdb_cursor_close(snapshot->blocks);
    if (snapshot->txn) mdb_txn_abort(snapshot->txn);
    snapshot->rows = snapshot->blocks = NULL;
    snapshot->txn = NULL;
}

static assay_err open_all(assay_store *store, const assay_store_config *config) {
    uint8_t memory[PATH_MEMORY];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    paths path;
    bool fresh;
    uint64_t used;
    if (paths_of(&path, &keep, config->directory)) return ASSAY_F_STORAGE;
    store->reason = "the directory cannot be used";
    ASSAY_ASSERT(!(config->durable && config->in_place));
    ASSAY_TRY(assay_os_dirs_create(config->directory, DIR_PERMISSIONS));
    assay_err err = assay_os_lock(&store->lock, path.lock);
    if (err == ASSAY_F_BUSY) store->reason = "another process has the store open";
    if (err) return err;
    ASSAY_TRY(look_at_file(store, &path, &fresh, &used));
    ASSAY_TRY(env_open_within_limits(store, config, used));
    ASSAY_TRY(trees_open(store));
    ASSAY_TRY(assay_index_open(store));
    if (!fresh) return ASSAY_OK;
    int rc = mdb_env_sync(store->env, 1);
    return rc ? assay_store_err(store, rc) : assay_os_replace(path.format, FORMAT_TEXT, PERMISSIONS);
}

assay_err assay_store_open(assay_store **out, const assay_store_config *config) {
    uint32_t snapshots_max = config->snapshots_max ? config->snapshots_max : ASSAY_STORE_SNAPSHOTS_DEFAULT;
    assay_os_region memory;
    *out = NULL;
    ASSAY_TRY(
        assay_os_reserve(&memory, sizeof(assay_store) + (size_t)snapshots_max * sizeof(assay_store_snapshot) + 64));
    assay_arena arena = assay_os_region_arena(&memory);
    assay_store *store = ASSAY_NEW(&arena, assay_store, 1);
    ASSAY_ASSERT(store);
    store->memory = memory;
    store->slots = ASSAY_NEW(&arena, assay_store_snapshot, snapshots_max);
    ASSAY_ASSERT(store->slots);
    store->reason = "";
    store->snapshots_max = snapshots_max;
    store->view.store = store;
    assay_os_mutex_init(&store->mutex);
    assay_err err = open_all(store, config);
    /* A path that leads nowhere is this machine's trouble here, not a verdict on an input. */
    if (err && err != ASSAY_E_FORMAT && !assay_base_err_is_fault(err)) err = ASSAY_F_STORAGE;
    if (err && config->reason) *config->reason = store->reason;
    if (err)
        assay_store_close(store);
    else
        *out = store;
    return err;
}

void assay_store_close(assay_store *store) {
    if (!store) return;
    ASSAY_ASSERT(store->snapshots == 0);
    for (uint32_t i = 0; i < store->slots_used; i++) snapshot_fini(&store->slots[i]);
    snapshot_fini(&store->view);
    assay_index_close(store);
    if (store->env) mdb_env_close(store->env);
    assay_os_mutex_fini(&store->mutex);
    assay_os_file_close(&store->lock);
    assay_os_region memory = store->memory; /* the store lies in it */
    assay_os_unreserve(&memory);
}

/* ---- snapshots ----------------------------------------------------------------------------------------------- */

/* Makes a snapshot see what is committed now; the first time, with a transaction and cursors of its own. */
static assay_err snapshot_renew(assay_store_snapshot *snapshot) {
    assay_store *store = snapshot->store;
    int rc;
    if (snapshot->txn) {
        rc = mdb_txn_renew(snapshot->txn);
        if (!rc) rc = mdb_cursor_renew(snapshot->txn, snapshot->rows);
        if (!rc) rc = mdb_cursor_renew(snapshot->txn, snapshot->blocks);
    } else {
        rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &snapshot->txn);
        if (!rc) rc = mdb_cursor_open(snapshot->txn, store->rows, &snapshot->rows);
        if (!rc) rc = mdb_cursor_open(snapshot->txn, store->blocks, &snapshot->blocks);
    }
    if (!rc) return ASSAY_OK;
    assay_err err = assay_store_err(store, rc);
    snapshot_fini(snapshot);
    return err;
}

/* A slot that nobody uses; NULL if all are taken. */
static assay_store_snapshot *slot_take(assay_store *store) {
    assay_os_mutex_lock(&store->mutex);
    assay_store_snapshot *slot = NULL;
    if (store->snapshots < store->snapshots_max) {
        store->snapshots++;
        slot = store->idle;
        if (slot)
            store->idle = slot->next;
        else
            slot = &store->slots[store->slots_used++];
    }
    assay_os_mutex_unlock(&store->mutex);
    if (!slot) return NULL;
    slot->store = store;
    slot->rows_read = 0;
    return slot;
}

static void slot_give(assay_store_snapshot *slot) {
    assay_store *store = slot->store;
    assay_os_mutex_lock(&store->mutex);
    slot->next = store->idle;
    store->idle = slot;
    store->snapshots--;
    assay_os_mutex_unlock(&store->mutex);
}

assay_err assay_store_snapshot_begin(assay_store_snapshot **out, assay_store *store) {
    *out = NULL;
    assay_store_snapshot *slot = slot_take(store);
    if (!slot) return ASSAY_F_BUSY;
    assay_err err = snapshot_renew(slot);
    if (err)
        slot_give(slot);
    else
        *out = slot;
    return err;
}

/* Ends it without looking at what it read. */
static void snapshot_close(assay_store_snapshot *snapshot) {
    mdb_txn_reset(snapshot->txn);
    slot_give(snapshot);
}

/* Lets go of the map's pages that reads have made this process's own. They are the file's, and are mapped again where
 * they are touched. */
static void trim(assay_store *store) {
    assay_store_snapshot *snapshot;
    MDB_val k, v;
    MDB_stat stat;
    if (assay_store_snapshot_begin(&snapshot, store)) return;
    int rc = mdb_cursor_get(snapshot->rows, &k, &v, MDB_FIRST);
    if (!rc) rc = mdb_stat(snapshot->txn, store->rows, &stat);
    if (!rc) {
        union {
            const uint8_t *in;
            uint8_t *out;
        } map = {assay_pages_map(k.mv_data, stat.ms_psize)};
        assay_os_release_pages(&(assay_os_region){map.out, (size_t)store->map_bytes}, map.in);
    }
    snapshot_close(snapshot);
}

/* Somebody wrote or read so many rows, and is done. */
static void used(assay_store *store, uint32_t rows) {
    if (atomic_fetch_add(&store->untrimmed, rows) + rows < ROWS_PER_TRIM) return;
    atomic_store(&store->untrimmed, 0);
    trim(store);
}

/* What was read counts; the next batch lets go of it. */
void assay_store_snapshot_end(assay_store_snapshot *snapshot) {
    if (!snapshot) return;
    atomic_fetch_add(&snapshot->store->untrimmed, snapshot->rows_read);
    snapshot_close(snapshot);
}

assay_err assay_store_look(assay_store_usage *out, assay_store *store) {
    assay_store_snapshot *snapshot;
    MDB_envinfo info;
    MDB_stat rows, blocks;
    ASSAY_TRY(assay_store_snapshot_begin(&snapshot, store));
    int rc = mdb_env_info(store->env, &info);
    if (!rc) rc = mdb_stat(snapshot->txn, store->rows, &rows);
    if (!rc) rc = mdb_stat(snapshot->txn, store->blocks, &blocks);
    assay_store_snapshot_end(snapshot);
    if (rc) return assay_store_err(store, rc);
    uint64_t pages = rows.ms_branch_pages + rows.ms_leaf_pages + rows.ms_overflow_pages + blocks.ms_branch_pages +
                     blocks.ms_leaf_pages + blocks.ms_overflow_pages;
    assay_os_mutex_lock(&store->mutex);
    uint32_t snapshots = store->snapshots;
    assay_os_mutex_unlock(&store->mutex);
    *out = (assay_store_usage){.file_bytes = (info.me_last_pgno + 1) * rows.ms_psize,
                               .used_bytes = pages * rows.ms_psize,
                               .map_bytes = info.me_mapsize,
                               .snapshots = snapshots};
    return ASSAY_OK;
}

/* ---- the state's tables -------------------------------------------------------------------------------------- */

static uint8_t space_tag(assay_space space) { return (uint8_t)(TAG_SPACE + (unsigned)space); }

static assay_err snapshot_get(void *context, assay_space space, assay_bytes key, assay_bytes *value, bool *found) {
    ((assay_store_snapshot *)context)->rows_read++;
    return assay_rows_get(context, space_tag(space), key, value, found);
}
static assay_err snapshot_next(void *context, assay_space space, assay_bytes from, bool after, assay_bytes *key,
                               assay_bytes *value, bool *found) {
    ((assay_store_snapshot *)context)->rows_read++;
    return assay_rows_next(context, space_tag(space), from, after, key, value, found);
}
static assay_err snapshot_prev(void *context, assay_space space, assay_bytes before, assay_bytes *key,
                               assay_bytes *value, bool *found) {
    ((assay_store_snapshot *)context)->rows_read++;
    return assay_rows_prev(context, space_tag(space), before, key, value, found);
}

assay_state_reader assay_store_snapshot_reader(assay_store_snapshot *snapshot) {
    return (assay_state_reader){snapshot, snapshot_get, snapshot_next, snapshot_prev};
}

/* The state's view is renewed by the first read after a commit, and ends when the next one writes: it never holds back
 * more than one block's pages. */
static assay_err view(assay_store *store) {
    if (store->view_open) return ASSAY_OK;
    ASSAY_TRY(snapshot_renew(&store->view));
    store->view_open = true;
    return ASSAY_OK;
}

static assay_err view_get(void *context, assay_space space, assay_bytes key, assay_bytes *value, bool *found) {
    assay_store *store = context;
    ASSAY_TRY(view(store));
    return snapshot_get(&store->view, space, key, value, found);
}
static assay_err view_next(void *context, assay_space space, assay_bytes from, bool after, assay_bytes *key,
                           assay_bytes *value, bool *found) {
    assay_store *store = context;
    ASSAY_TRY(view(store));
    return snapshot_next(&store->view, space, from, after, key, value, found);
}
static assay_err view_prev(void *context, assay_space space, assay_bytes before, assay_bytes *key, assay_bytes *value,
                           bool *found) {
    assay_store *store = context;
    ASSAY_TRY(view(store));
    return snapshot_prev(&store->view, space, before, key, value, found);
}

assay_state_reader assay_store_state_reader(assay_store *store) {
    return (assay_state_reader){store, view_get, view_next, view_prev};
}

static assay_err batch_set(void *context, assay_space space, assay_bytes key, assay_bytes value) {
    return assay_rows_set(context, space_tag(space), key, value);
}

assay_state_writer assay_store_state_writer(assay_store_batch *batch) {
    assay_store *store = batch->store;
    if (store->view_open) mdb_txn_reset(store->view.txn);
    store->view_open = false;
    return (assay_state_writer){batch, batch_set};
}

/* ---- batches ------------------------------------------------------------------------------------------------- */

assay_err assay_store_write(assay_store *store, assay_err (*fill)(void *context, assay_store_batch *batch),
                            void *context) {
    assay_store_batch batch = {.store = store};
    int rc = mdb_txn_begin(store->env, NULL, 0, &batch.txn);
    if (rc) return assay_store_err(store, rc);
    rc = mdb_cursor_open(batch.txn, store->rows, &batch.rows); /* both end with the transaction */
    if (!rc) rc = mdb_cursor_open(batch.txn, store->blocks, &batch.blocks);
    assay_err err = rc ? assay_store_err(store, rc) : fill(context, &batch);
    if (err)
        mdb_txn_abort(batch.txn);
    else
        rc = mdb_txn_commit(batch.txn);
    if (!err && rc) err = assay_store_err(store, rc);
    if (err && batch.staged) assay_index_undo(store, batch.staged);
    if (err) return err;
    used(store, batch.puts + ROWS_OF_A_BATCH);
    return ASSAY_OK;
}
