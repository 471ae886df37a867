/* SPDX-License-Identifier: Apache-2.0
 *
 * store - one validator's durable memory: the state's tables, blocks, and the node's own records, in one LMDB file.
 *
 *   assay_store_write --batch--> all of a block or nothing of it, on disk when the call returns
 *   assay_store_snapshot_begin --snapshot--> what was committed last, unchanging, from any thread
 *   assay_store_state_reader --> what was committed last, for the one thread that executes blocks
 *
 * Crash: a kill at any instant leaves the last batch whose write returned ASSAY_OK (or, if it was killed inside the
 * call, perhaps that one whole); nothing half. A durable store keeps that through a power cut too.
 *
 * Room: the map is an address range, reserved at once and costing nothing until used, so that it never moves under a
 * reader; the file grows as it is needed and reuses what was freed. A full disk, a reached file limit or a used-up map
 * fails the batch with ASSAY_F_STORAGE and changes nothing; the next one is tried afresh. (Should the disk refuse even
 * the page that ends a commit, LMDB gives up for good: ASSAY_F_STORAGE until the store is opened again.)
 *
 * Memory: what reads have touched of the map counts as this process's until the system wants it back; every 16,384 rows
 * or 64 small batches the store lets go of it, so that memory does not grow with the file. Beside it LMDB keeps as many
 * pages as the largest batch has changed.
 *
 * Damage: every row carries a checksum, looked at by every read (ASSAY_F_CORRUPT). LMDB itself believes its file, so
 * opening first walks all its pages and refuses a truncated or contradicting file with ASSAY_F_CORRUPT; that reads the
 * whole file but for large values: about 0.7 ms a megabyte.
 *
 * Threads: any may write (batches queue up) and any may take snapshots; a batch and a snapshot belong to one thread at
 * a time. Never write while holding a snapshot that you wait for somewhere else, and hold snapshots for milliseconds:
 * as long as one lives, nothing that was freed after it is reused, and the file grows.
 *
 * Errors everywhere: ASSAY_F_STORAGE (the disk; assay_store_reason says which), ASSAY_F_CORRUPT, ASSAY_F_MEMORY.
 * Reading order: store.h, store.c, rows.c, blocks.c, index.c, pages.c.      Spec: spec/state.md, section 6; LMDB 0.9.
 */
#ifndef ASSAY_STORE_H
#define ASSAY_STORE_H

#include "base/base.h"
#include "state/state.h"
#include "types/types.h"

typedef struct assay_store assay_store;
typedef struct assay_store_batch assay_store_batch;
typedef struct assay_store_snapshot assay_store_snapshot;

#define ASSAY_STORE_MAP_DEFAULT (UINT64_C(16) << 30)
#define ASSAY_STORE_SNAPSHOTS_DEFAULT 64
/* Of the node's tables; the state's keys may have ASSAY_STATE_KEY_LEN_MAX bytes. */
#define ASSAY_STORE_KEY_LEN_MAX 480
#define ASSAY_STORE_VALUE_LEN_MAX (512u << 20)

typedef struct assay_store_config {
    const char *directory; /* created if it is not there; holds data.mdb, lock.mdb, FORMAT and LOCK */
    /* true: a batch is on the disk when its write returns. false: it survives kill -9, not a power cut. */
    bool durable;
    /* For a directory in memory that goes with the process; not with durable. Pages are changed where they are mapped,
     * so that a block's commit takes half the time; but a full file system ends the process (SIGBUS), not the batch. */
    bool in_place;
    /* Most bytes that the file may have; 0: ASSAY_STORE_MAP_DEFAULT. Raised to four times what is in use; lowered where
     * the system has no such span of addresses. */
    uint64_t map_bytes;
    uint32_t snapshots_max; /* at once; 0: ASSAY_STORE_SNAPSHOTS_DEFAULT */
    const char **reason;    /* NULL, or set when opening fails, as assay_store_reason says it */
} assay_store_config;

/* assay_store_open - opens or creates a store. On failure *out is NULL.
 *   ASSAY_F_BUSY      another store, of this process or another one, has the directory open
 *   ASSAY_F_CORRUPT   the file is truncated or damaged        ASSAY_E_FORMAT   a newer program wrote it
 *   ASSAY_F_STORAGE, ASSAY_F_MEMORY */
ASSAY_MUST_USE assay_err assay_store_open(assay_store **out, const assay_store_config *config);
/* assay_store_close - ends it; no batch or snapshot may be open. Safe on NULL. */
void assay_store_close(assay_store *store);
/* assay_store_reason - a sentence for the latest failure of this store, ours or LMDB's, for logs. Static storage. */
const char *assay_store_reason(const assay_store *store);

typedef struct assay_store_usage {
    uint64_t file_bytes; /* length of the file */
    uint64_t used_bytes; /* of it, in pages that hold something */
    uint64_t map_bytes;  /* most that it can have */
    uint32_t snapshots;  /* open now */
} assay_store_usage;
/* assay_store_look - figures for /metrics. Any thread. Takes a snapshot for it: ASSAY_F_BUSY, ASSAY_F_STORAGE. */
ASSAY_MUST_USE assay_err assay_store_look(assay_store_usage *out, assay_store *store);

/* ---- the node's tables --------------------------------------------------------------------------------------- */

/* Each an ordered map of bytes (1 .. ASSAY_STORE_KEY_LEN_MAX) to bytes (0 .. ASSAY_STORE_VALUE_LEN_MAX). What the bytes
 * mean is their writer's business. */
typedef enum assay_store_table {
    ASSAY_STORE_EVIDENCE = 1, /* evidence seen or committed, by its hash */
    ASSAY_STORE_FILES,        /* SHA-256 of a file in a model || name@version -> which: the certificates' index */
    ASSAY_STORE_MANIFESTS,    /* manifest root -> encoded manifest */
    ASSAY_STORE_MODELS,       /* name@version -> what the node knows about its copy */
    ASSAY_STORE_NAMED         /* small records by name: "genesis", "bft", ... */
} assay_store_table;

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* assay_store_write - runs fill(context, batch) inside one transaction and commits what it put. If fill returns an
 * error, nothing is changed and that error is returned. Cost: about 0.1 ms and the rows, and two flushes of the disk if
 * durable. Waits for other writers. LMDB gives no way to try again part of a commit, so after a failure the whole batch
 * is gone: call again. */
ASSAY_MUST_USE assay_err assay_store_write(assay_store *store,
                                           assay_err (*fill)(void *context, assay_store_batch *batch), void *context);

/* assay_store_state_writer - for assay_state_commit, inside fill, by the thread that executes blocks: all bytes that
 * assay_store_state_reader returned end here. Valid until fill returns. */
assay_state_writer assay_store_state_writer(assay_store_batch *batch);

/* assay_store_put, _del - one row of a node's table. ASSAY_E_RANGE (lengths); deleting what is not there does nothing.
 */
ASSAY_MUST_USE assay_err assay_store_put(assay_store_batch *batch, assay_store_table table, assay_bytes key,
                                         assay_bytes value);
ASSAY_MUST_USE assay_err assay_store_del(assay_store_batch *batch, assay_store_table table, assay_bytes key);

/* A block and what is kept with it; the byte fields are stored as they are. */
typedef struct assay_store_block {
    uint64_t height;       /* 1 .. */
    assay_hash hash;       /* of its header */
    assay_bytes block;     /* encoded tendermint.types.Block */
    assay_bytes commit;    /* encoded tendermint.types.Commit of this block, as this node saw it */
    assay_bytes results;   /* results of its transactions, in the node's own encoding; may be empty */
    const assay_hash *ids; /* of its transactions, in order: they are found by assay_store_tx */
    uint32_t ids_count;
    const bool *idle; /* for put alone. One for each: true if it did nothing in this block, so that an earlier place of
                         the same transaction stays the one that is found. NULL: all did something */
} assay_store_block;
/* assay_store_put_block - stores a block and the index of its transactions; replaces one of the same height (its index
 * rows are not looked after: heights are written once). ASSAY_E_RANGE: height 0, more than ASSAY_BLOCK_TXS_MAX ids, a
 * part beyond ASSAY_STORE_VALUE_LEN_MAX. */
ASSAY_MUST_USE assay_err assay_store_put_block(assay_store_batch *batch, const assay_store_block *block);
/* assay_store_put_validators - the encoded set that is in force from height on, until a later one. Call it when the
 * set's hash changed: rows are few then. */
ASSAY_MUST_USE assay_err assay_store_put_validators(assay_store_batch *batch, uint64_t height, assay_bytes set);
/* assay_store_prune - drops blocks below retain_height with their transactions' index, the oldest first and at most
 * limit of them, and the validator sets that no kept block needs. *dropped tells how many blocks went. */
ASSAY_MUST_USE assay_err assay_store_prune(uint32_t *dropped, assay_store_batch *batch, uint64_t retain_height,
                                           uint32_t limit);

/* ---- reading ------------------------------------------------------------------------------------------------- */

/* assay_store_state_reader - for assay_state_open: always what was committed last. One thread only, the one that
 * executes blocks. Bytes are valid until assay_store_state_writer is called. Valid until the store is closed. */
assay_state_reader assay_store_state_reader(assay_store *store);

/* assay_store_snapshot_begin - what is committed now. About a microsecond. All bytes from a snapshot are valid until
 * its end. ASSAY_F_BUSY   snapshots_max are open */
ASSAY_MUST_USE assay_err assay_store_snapshot_begin(assay_store_snapshot **out, assay_store *store);
/* assay_store_snapshot_end - gives it back; safe on NULL. */
void assay_store_snapshot_end(assay_store_snapshot *snapshot);

/* assay_store_snapshot_reader - the state's tables in this snapshot: for assay_state_prove, _head_read and the ledger's
 * queries. */
assay_state_reader assay_store_snapshot_reader(assay_store_snapshot *snapshot);

/* assay_store_get - one row of a node's table; *found tells. */
ASSAY_MUST_USE assay_err assay_store_get(assay_store_snapshot *snapshot, assay_store_table table, assay_bytes key,
                                         assay_bytes *value, bool *found);
/* assay_store_next - the first row after `after` (exclusive; empty: from the start) whose key begins with prefix. */
ASSAY_MUST_USE assay_err assay_store_next(assay_store_snapshot *snapshot, assay_store_table table, assay_bytes prefix,
                                          assay_bytes after, assay_bytes *key, assay_bytes *value, bool *found);

/* assay_store_get_block - the block of a height; all its fields point into the snapshot. ASSAY_E_NOT_FOUND (not yet, or
 * pruned). */
ASSAY_MUST_USE assay_err assay_store_get_block(assay_store_block *out, assay_store_snapshot *snapshot, uint64_t height);
/* assay_store_heights - the lowest and highest block that are here; both 0 if there is none. */
ASSAY_MUST_USE assay_err assay_store_heights(uint64_t *first, uint64_t *last, assay_store_snapshot *snapshot);
/* assay_store_get_validators - the set in force at height, and from which height on it is. ASSAY_E_NOT_FOUND. */
ASSAY_MUST_USE assay_err assay_store_get_validators(assay_bytes *set, uint64_t *from, assay_store_snapshot *snapshot,
                                                    uint64_t height);
/* assay_store_tx - where a transaction stands: height, and its place in that block. ASSAY_E_NOT_FOUND. About 5 us. */
ASSAY_MUST_USE assay_err assay_store_tx(uint64_t *height, uint32_t *index, assay_store_snapshot *snapshot,
                                        assay_hash id);

#endif
