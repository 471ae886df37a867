/* SPDX-License-Identifier: Apache-2.0
 *
 * state - the authenticated key-value tree, the attestation log, and the journal of one block over both.
 *
 *   ledger --put, get--> journal (this block) --prepare--> new pages --commit--> storage (a table that store fills in)
 *
 * Three things are kept: the *tree* (compact sparse Merkle tree, ICS 23 SmtSpec: its root is a function of content
 * alone), the *log* (append-only RFC 6962 tree of attestations), and *side* records (running counters: committed with
 * the block, in no root until the ledger moves them into the tree at an epoch's end). AppHash is computed from tree and
 * log (types: assay_app_hash).
 *
 * Knows no rule of the ledger, no file, no thread: storage is a function table, memory comes from the caller.
 * Reading order: state.h, journal.c, tree.c, state.c, log.c, prove.c.      Spec: spec/state.md; ICS 23; RFC 6962.
 */
#ifndef ASSAY_STATE_H
#define ASSAY_STATE_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "types/types.h"

/* What storage keeps, each an ordered map of bytes to bytes. */
typedef enum assay_space {
    ASSAY_SPACE_VALUE,  /* tree key -> value */
    ASSAY_SPACE_HASHED, /* SHA-256(tree key) -> tree key: neighbours for proofs of absence */
    ASSAY_SPACE_NODE,   /* tree position -> page: four levels of the tree */
    ASSAY_SPACE_LOG,    /* level and index -> hash of a full subtree; 0xff and index -> attestation bytes */
    ASSAY_SPACE_SIDE,   /* side key -> value */
    ASSAY_SPACE_META,   /* "head" -> height, root, the log's right edge */
    ASSAY_SPACE_COUNT
} assay_space;

/* Reading storage. Returned bytes are valid until the next commit (or the end of the snapshot). */
typedef struct assay_state_reader {
    void *context;
    /* found == false and ASSAY_OK: there is no such key. ASSAY_F_STORAGE, ASSAY_F_CORRUPT. */
    assay_err (*get)(void *context, assay_space space, assay_bytes key, assay_bytes *value, bool *found);
    /* First entry with key >= from (or > from if after); found == false at the end. */
    assay_err (*next)(void *context, assay_space space, assay_bytes from, bool after, assay_bytes *key,
                      assay_bytes *value, bool *found);
    /* Last entry with key < before. */
    assay_err (*prev)(void *context, assay_space space, assay_bytes before, assay_bytes *key, assay_bytes *value,
                      bool *found);
} assay_state_reader;

/* Writing storage, inside one transaction that the caller opened and will commit: value.ptr == NULL deletes. */
typedef struct assay_state_writer {
    void *context;
    assay_err (*put)(void *context, assay_space space, assay_bytes key, assay_bytes value);
} assay_state_writer;

typedef struct assay_state assay_state;

/* assay_state_footprint - bytes that assay_state_open takes from its arena for itself, without the journal. */
size_t assay_state_footprint(void);

/* assay_state_open - a state over what storage holds (nothing yet: an empty tree at height 0).
 *   keep      assay_state_footprint() bytes
 *   journal   memory for one block's changes; its size bounds what a block may write (ASSAY_F_MEMORY beyond). It is
 *             filled from its beginning and emptied after each block: about 600 bytes and twice the value for a changed
 *             key while the block is open, and 3 KiB more for it in prepare. Lazily backed memory is best.
 *   ASSAY_F_CORRUPT   the head is damaged, or the tree's top does not have its root
 *   ASSAY_F_STORAGE, ASSAY_F_MEMORY */
ASSAY_MUST_USE assay_err assay_state_open(assay_state **out, assay_arena *keep, assay_arena journal,
                                          assay_state_reader reader);

/* assay_state_height, _root, _log - what was committed last: height, tree root, the log's right edge. */
uint64_t assay_state_height(const assay_state *state);
assay_hash assay_state_root(const assay_state *state);
const assay_merkle_log *assay_state_log(const assay_state *state);

/* ---- one block ----------------------------------------------------------------------------------------------- */

/* assay_state_get - the value of a key as this block sees it; *found tells. Valid until the next commit, discard, or
 * rollback to before it was put. Cost: a walk through the journal (0.1 us), else a read of storage. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_state_get(assay_state *state, assay_bytes key, assay_bytes *value, bool *found);
/* assay_state_put - sets key (1..1,024 bytes) to value (1..1,024 bytes). Copies both. Storage is not looked at. Unless
 * ASSAY_OK nothing is changed: ASSAY_E_RANGE (other lengths), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_state_put(assay_state *state, assay_bytes key, assay_bytes value);
/* assay_state_del - removes a key; nothing happens if there is none. ASSAY_E_RANGE (length), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_state_del(assay_state *state, assay_bytes key);
/* assay_state_next - first key after `after` (exclusive; empty: from the start) that begins with prefix, in key order,
 * journal included; *found is false after the last. What was returned may be given back as `after`. Cost: a read of
 * storage for each key passed, those that this block deleted included. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_state_next(assay_state *state, assay_bytes prefix, assay_bytes after, assay_bytes *key,
                                          assay_bytes *value, bool *found);
/* assay_state_side_get, _put, _del, _next - the same for side records. */
ASSAY_MUST_USE assay_err assay_state_side_get(assay_state *state, assay_bytes key, assay_bytes *value, bool *found);
ASSAY_MUST_USE assay_err assay_state_side_put(assay_state *state, assay_bytes key, assay_bytes value);
ASSAY_MUST_USE assay_err assay_state_side_del(assay_state *state, assay_bytes key);
ASSAY_MUST_USE assay_err assay_state_side_next(assay_state *state, assay_bytes prefix, assay_bytes after,
                                               assay_bytes *key, assay_bytes *value, bool *found);
/* assay_state_log_append - adds an attestation (encoded, 1..1,024 bytes) to the log; *index is its place.
 * ASSAY_E_RANGE (length), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_state_log_append(assay_state *state, assay_bytes leaf, uint64_t *index);

/* A point in the journal: how much it held. */
typedef struct assay_state_point {
    size_t entries;
    size_t logs;
} assay_state_point;
/* assay_state_mark - where the journal stands. Marks nest; a mark is good until what came before it is rolled back. */
assay_state_point assay_state_mark(const assay_state *state);
/* assay_state_rollback - back to a mark: a failed transaction leaves no trace, and its memory is free again. Bytes that
 * were read from the journal since the mark are no longer valid. O(what is undone). */
void assay_state_rollback(assay_state *state, assay_state_point point);

/* assay_state_prepare - computes the root and log that the journal leads to, and writes nothing. Once per block, after
 * the last put; then nothing is put until a commit or discard. Unless ASSAY_OK a discard must follow. Cost: for 1,000
 * changed keys about 1.5 ms among 10^4 keys and 2.5 ms among 10^5, without storage's own. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_state_prepare(assay_state *state, assay_hash *root, uint64_t *log_size,
                                             assay_hash *log_root);
/* assay_state_commit - writes what prepare computed, with the new height (never less than the last), through writer.
 * Rows whose content stays as it was are not written: an empty block is one row. Unless ASSAY_OK the caller gives its
 * transaction up and discards. The writer's errors. */
ASSAY_MUST_USE assay_err assay_state_commit(assay_state *state, uint64_t height, assay_state_writer writer);
/* assay_state_committed - after assay_state_commit, when the caller's transaction is durable: empties the journal and
 * moves the state on. If the transaction failed, the caller discards instead. */
void assay_state_committed(assay_state *state);
/* assay_state_discard - forgets the journal, whatever came of it: the state is what was committed last. */
void assay_state_discard(assay_state *state);

/* ---- reading what is committed (any thread, over a snapshot's reader) ---------------------------------------- */

/* What ties a block's rows together. */
typedef struct assay_state_head {
    uint64_t height;
    assay_hash root;
    assay_merkle_log log;
} assay_state_head;
/* assay_state_head_read - the committed header of a snapshot; all zero if there is none. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_state_head_read(assay_state_head *out, assay_state_reader reader);
/* assay_state_prove - an ICS 23 CommitmentProof for key under the snapshot's root: of presence (with *value) or of
 * absence (*found false). The proof is taken from keep: about 45 bytes a level and the key and value, twice that for
 * absence; *value is storage's. ASSAY_E_RANGE (key's length), ASSAY_E_NOT_FOUND (absence in an empty tree, which ICS 23
 * cannot prove), ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_state_prove(assay_bytes *proof, assay_bytes *value, bool *found, assay_arena *keep,
                                           assay_state_reader reader, assay_bytes key);
/* assay_state_log_prove - inclusion path of attestation `index` in the log of the first `size` ones, and the leaf.
 * ASSAY_E_RANGE (index >= size, or size beyond the snapshot's), ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_state_log_prove(assay_merkle_path *path, assay_bytes *leaf, assay_state_reader reader,
                                               uint64_t index, uint64_t size);
/* assay_state_log_leaf - the bytes of attestation `index`. ASSAY_E_RANGE (the snapshot's log has no such), ASSAY_F_*.
 */
ASSAY_MUST_USE assay_err assay_state_log_leaf(assay_bytes *leaf, assay_state_reader reader, uint64_t index);
/* assay_state_log_consistency - consistency proof between two sizes of the log. ASSAY_E_RANGE (old_size > new_size, or
 * new_size beyond the snapshot's), ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_state_log_consistency(assay_merkle_path *path, assay_state_reader reader,
                                                     uint64_t old_size, uint64_t new_size);

#endif
