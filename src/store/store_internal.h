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
    TAG_TX = 0x21          /* transaction id -> height, index */
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
};

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
