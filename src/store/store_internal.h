/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of store share: the store, its two LMDB trees, and how rows lie in them (spec/state.md, section 6). */
#ifndef ASSAY_STORE_INTERNAL_H
#define ASSAY_STORE_INTERNAL_H

#include <lmdb.h>
#include <stdatomic.h>
#include <string.h>

#include "os/os.h"
#include "store/store.h"

/* Two trees: `blocks` (height, big-endian, appended, so that its pages are full), and `rows` for all else, where a
 * first byte tells what a row is. One tree for all else, because every tree that a block touches costs it two pages or
 * three. */
typedef enum row_tag {
    TAG_SPACE = 0x01,      /* 0x01 .. 0x06: the state's spaces, in the order of assay_space */
    TAG_TABLE = 0x10,      /* 0x11 .. : the node's tables, by assay_store_table */
    TAG_VALIDATORS = 0x20, /* height -> set */
    TAG_TX = 0x21,         /* transaction id -> height, index */
    TAG_TX_LIST = 0x22     /* height -> which of its transactions are found there, where not all are */
} row_tag;

/* LMDB's keys have at most 511 bytes, the state's 1,024. A longer key than this lives in a bucket row, with all that
 * share its beginning. */
#define KEY_SPLIT 500
#define KEY_LEN_MAX (1 + KEY_SPLIT + 1)
#define SUM_LEN 4

/* A transaction and its cursors. For reading: kept for the next snapshot. */
struct assay_store_snapshot {
    struct assay_store_snapshot *next;
    assay_store *store;
    MDB_txn *txn;
    MDB_cursor *rows;
    MDB_cursor *blocks;
    uint32_t rows_read; /* of the state; whoever holds it is one thread */
};

struct assay_store_batch {
    assay_store *store;
    MDB_txn *txn;
    MDB_cursor
        *rows; /* puts go through one cursor: it looks on the page where it stands before it goes down the tree */
    MDB_cursor *blocks;
    uint32_t puts;
    uint64_t staged; /* the lowest block that it put; 0: none */
};

/* The latest blocks' ids, for index.c. */
#define INDEX_SLICES 32u               /* a power of two, at most 256 */
#define INDEX_RUNS (INDEX_SLICES + 8u) /* somewhat longer than they are needed: for snapshots that are somewhat older  \
                                        */
typedef struct index_entry {
    uint64_t prefix; /* of the id */
    uint32_t place;  /* in its block */
    uint32_t run;
} index_entry;
typedef struct index_run {
    uint64_t height; /* 0: none */
    bool listed;     /* a row says which places count */
    uint32_t count;  /* entries, in the order of their ids: one for each id that is found in this block */
    index_entry *entries;
    assay_hash *ids; /* all of the block's, in its order */
} index_run;
typedef struct store_index {
    bool ready;
    assay_os_region memory;
    assay_os_mutex lock;
    index_run runs[INDEX_RUNS]; /* by height */
    index_entry *gathered, *scratch;
} store_index;

struct assay_store {
    assay_os_region memory; /* holds this and the slots */
    MDB_env *env;
    MDB_dbi rows;
    MDB_dbi blocks;
    assay_os_file lock;
    const char *_Atomic reason;
    assay_store_snapshot view; /* the state's own */
    bool view_open;
    uint64_t map_bytes;
    store_index index;
    atomic_uint untrimmed;       /* rows since memory was let go of */
    assay_os_mutex mutex;        /* guards what follows */
    assay_store_snapshot *slots; /* snapshots_max of them; the first slots_used have been used */
    assay_store_snapshot *idle;
    uint32_t slots_used;
    uint32_t snapshots; /* open now */
    uint32_t snapshots_max;
};

/* assay_store_err - LMDB's answer as ours; the reason is kept. MDB_NOTFOUND is for the caller to handle before. */
assay_err assay_store_err(assay_store *store, int rc);
/* assay_store_corrupt - ASSAY_F_CORRUPT, with a reason of ours. */
assay_err assay_store_corrupt(assay_store *store, const char *reason);

/* ---- blocks.c ------------------------------------------------------------------------------------------------- */

/* assay_block_get - a block as a transaction of LMDB's sees it. ASSAY_E_NOT_FOUND, ASSAY_F_CORRUPT. */
ASSAY_MUST_USE assay_err assay_block_get(assay_store_block *out, assay_store *store, MDB_txn *txn, uint64_t height);

/* ---- index.c -------------------------------------------------------------------------------------------------- */

/* assay_index_open - the runs of what is there, when the trees are open. _close is safe without. */
ASSAY_MUST_USE assay_err assay_index_open(assay_store *store);
void assay_index_close(assay_store *store);
/* assay_index_put - the ids of a block that was put, and the rows whose turn it is. */
ASSAY_MUST_USE assay_err assay_index_put(assay_store_batch *batch, const assay_store_block *block);
/* assay_index_forget - the list of which of a block's ids count is needed no more. */
ASSAY_MUST_USE assay_err assay_index_forget(assay_store_batch *batch, uint64_t height);
/* assay_index_load - the runs of the last blocks from this height on, anew. */
ASSAY_MUST_USE assay_err assay_index_load(assay_store *store, uint64_t from);
/* assay_index_undo - after a batch that put blocks from this height on and was not committed. */
void assay_index_undo(assay_store *store, uint64_t from);
/* assay_index_drop - a block's rows go, as it does. */
ASSAY_MUST_USE assay_err assay_index_drop(assay_store_batch *batch, const assay_store_block *block);

/* ---- rows.c -------------------------------------------------------------------------------------------------- */

/* assay_rows_put - writes the pieces as one value with its checksum. append: the key is probably behind all others. */
ASSAY_MUST_USE assay_err assay_rows_put(assay_store_batch *batch, MDB_cursor *tree, assay_bytes key,
                                        const assay_bytes *pieces, size_t count, bool append);
ASSAY_MUST_USE assay_err assay_rows_del(assay_store_batch *batch, MDB_dbi tree, assay_bytes key);
/* assay_rows_value - checks a row's sum and takes it off the value. */
ASSAY_MUST_USE assay_err assay_rows_value(assay_bytes *out, assay_store *store, MDB_val key, MDB_val value);

/* Keys of any length below a tag: how the state's spaces and the node's tables are kept. */
ASSAY_MUST_USE assay_err assay_rows_set(assay_store_batch *batch, uint8_t tag, assay_bytes key, assay_bytes value);
ASSAY_MUST_USE assay_err assay_rows_get(assay_store_snapshot *snapshot, uint8_t tag, assay_bytes key,
                                        assay_bytes *value, bool *found);
ASSAY_MUST_USE assay_err assay_rows_next(assay_store_snapshot *snapshot, uint8_t tag, assay_bytes from, bool after,
                                         assay_bytes *key, assay_bytes *value, bool *found);
ASSAY_MUST_USE assay_err assay_rows_prev(assay_store_snapshot *snapshot, uint8_t tag, assay_bytes before,
                                         assay_bytes *key, assay_bytes *value, bool *found);

/* ---- pages.c ------------------------------------------------------------------------------------------------- */

/* assay_pages_map - where LMDB's map begins, given any place in one of its pages that is no continuation of a large
 * value. */
const uint8_t *assay_pages_map(const void *place, uint64_t page_size);
/* assay_pages_never_made - did LMDB not come to write its first two pages? It writes both with one call, of which a
 * kill leaves none, the first or both; so the second page (or its place) is all zero, and the first is too or stands
 * before its first transaction. Costs one read of 64 KiB. */
ASSAY_MUST_USE assay_err assay_pages_never_made(bool *out, const assay_os_file *file);

/* assay_pages_check - walks all pages of an LMDB file that nobody writes. *used is how many bytes are in use.
 * ASSAY_F_CORRUPT, ASSAY_F_STORAGE, ASSAY_F_MEMORY, with *reason. */
ASSAY_MUST_USE assay_err assay_pages_check(uint64_t *used, const char **reason, const assay_os_file *file);

#endif
