/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of state share: the journal's shapes, the tree's pages, and how rows are keyed (spec/state.md). */
#ifndef ASSAY_STATE_INTERNAL_H
#define ASSAY_STATE_INTERNAL_H

#include <string.h>

#include "state/state.h"

/* ---- the journal (journal.c) ---------------------------------------------------------------------------------------
 * One crit-bit tree a space, over the keys that this block touched: ordered, no rebalancing, no hash to attack, and the
 * key that came last can be taken out again in one walk, which is all that a rollback needs. */

typedef struct journal_key journal_key;
typedef struct journal_op journal_op;
typedef struct tree_change tree_change;

/* Nothing, a key, or the branch that a key brought with it. */
typedef struct journal_ref {
    journal_key *of;
    bool branch;
} journal_ref;

struct journal_key {
    assay_bytes key;
    journal_op *latest; /* never NULL while the key is in the index */
    journal_ref child[2];
    uint32_t byte;             /* where the branch's two sides differ first: this byte of the key, */
    uint32_t mask;             /* this bit of its symbol */
    const tree_change *change; /* what prepare made of it */
};

/* One put or del. Popping them in reverse is a rollback. */
struct journal_op {
    journal_op *before;   /* the op before, of any key */
    journal_op *previous; /* the op before, of the same key; NULL: the key came with this op */
    journal_key *key;
    uint8_t *arena; /* where the arena stood */
    assay_space space;
    assay_bytes value; /* ptr NULL: deleted */
};

typedef struct journal_log {
    struct journal_log *before;
    struct journal_log *after;
    uint8_t *arena;
    assay_bytes leaf;
} journal_log;

typedef struct state_journal {
    assay_arena whole;                    /* as the caller gave it */
    assay_arena arena;                    /* what is left */
    journal_ref index[ASSAY_SPACE_COUNT]; /* VALUE and SIDE are used */
    journal_op *last;
    size_t ops;
    size_t keys[ASSAY_SPACE_COUNT];
    journal_log *log_first;
    journal_log *log_last;
    size_t logs;
} state_journal;

void assay_journal_init(state_journal *journal, assay_arena memory);
void assay_journal_clear(state_journal *journal);
ASSAY_MUST_USE assay_err assay_journal_write(state_journal *journal, assay_space space, assay_bytes key,
                                             assay_bytes value);
/* assay_journal_find - the key's entry, or NULL. */
journal_key *assay_journal_find(const state_journal *journal, assay_space space, assay_bytes key);
/* assay_journal_seek - the first entry with key >= from (> from if after), or NULL. */
journal_key *assay_journal_seek(const state_journal *journal, assay_space space, assay_bytes from, bool after);
ASSAY_MUST_USE assay_err assay_journal_log(state_journal *journal, assay_bytes leaf);
void assay_journal_rollback(state_journal *journal, size_t ops, size_t logs);

/* ---- the tree (tree.c)
 * ----------------------------------------------------------------------------------------------- Four levels are
 * stored as one page: what hangs below a node whose depth is a multiple of 4. */

#define PAGE_LEVELS 4
#define PAGE_SLOTS 16
#define PAGE_DEPTH_MAX (8 * ASSAY_HASH_LEN / PAGE_LEVELS) /* steps of 4 bits in a position */
#define PAGE_LEN_MAX (4 + PAGE_SLOTS * 2 * ASSAY_HASH_LEN + (PAGE_SLOTS - 2) * ASSAY_HASH_LEN)

typedef enum node_kind {
    NODE_EMPTY, /* no leaf below: 32 zero bytes */
    NODE_LEAF,  /* exactly one leaf below: the subtree is that leaf, wherever it stands */
    NODE_INNER  /* two leaves or more */
} node_kind;

typedef struct tree_node {
    node_kind kind;
    assay_hash hash;
    assay_hash position; /* of a leaf: SHA-256(key) */
} tree_node;

/* As a heap: 1 is the page's top, whose hash the page above holds; 2i and 2i + 1 hang below i; 16 .. 31 are the slots.
 */
typedef struct tree_page {
    tree_node nodes[2 * PAGE_SLOTS];
} tree_page;

/* One key's change on its way into the tree; sorted by position. */
struct tree_change {
    assay_hash position;
    assay_hash leaf; /* not used when removed */
    journal_key *key;
    bool removed; /* in: the key is to go */
    bool existed; /* out: the tree had this key */
    bool same;    /* out: with this very value */
};

/* A page to write, or to delete if bytes is empty. */
typedef struct tree_write {
    struct tree_write *next;
    uint32_t depth;      /* in steps of 4 bits */
    assay_hash position; /* of any leaf below: its first `depth` steps name the page */
    assay_bytes bytes;
} tree_write;

typedef struct tree_writes {
    tree_write *first;
    tree_write *last;
} tree_writes;

/* assay_tree_apply - the root that sorted changes lead to, and the pages to write for it, from keep. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_tree_apply(assay_hash *root, tree_writes *writes, assay_arena *keep,
                                          assay_state_reader reader, tree_change *changes, size_t count);
/* assay_tree_root - the root as the stored top page gives it; zero if there is none. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_tree_root(assay_hash *root, assay_state_reader reader);
/* assay_tree_path - walks to a position: siblings from the root down, and the leaf or emptiness that stands there.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_tree_path(assay_smt_path *path, tree_node *end, assay_state_reader reader,
                                         assay_hash position);

/* ---- rows (spec/state.md, section 4) ------------------------------------------------------------------------- */

#define PAGE_KEY_LEN_MAX (1 + PAGE_DEPTH_MAX)
#define LOG_KEY_LEN 9
#define LOG_LEAF 0xff /* the level that stands for the attestations themselves */
#define HEAD_KEY ASSAY_STR("head")
#define HEAD_LEN_MAX (64 + 64 * (ASSAY_HASH_LEN + 2))

/* assay_page_key - a zero byte, then one byte for each step from the root; so a page stands right before the pages
 * below it. */
assay_bytes assay_page_key(uint8_t out[PAGE_KEY_LEN_MAX], assay_hash position, uint32_t depth);
assay_bytes assay_log_key(uint8_t out[LOG_KEY_LEN], uint32_t level, uint64_t index);
extern const assay_codec_message assay_state_head_message;
ASSAY_MUST_USE assay_err assay_head_encode(assay_buf *out, const assay_state_head *head);

/* ---- the state itself (state.c) ------------------------------------------------------------------------------ */

typedef struct log_write {
    struct log_write *next;
    uint32_t level;
    uint64_t index;
    assay_hash hash;
} log_write;

typedef enum state_phase {
    STATE_OPEN,
    STATE_SPOILT, /* prepare failed */
    STATE_PREPARED,
    STATE_WRITTEN
} state_phase;

struct assay_state {
    assay_state_reader reader;
    assay_state_head head; /* what is committed */
    state_phase phase;
    state_journal journal;
    /* What prepare found, in the journal's memory. */
    assay_state_head next;
    tree_change *changes;
    size_t changes_count;
    tree_writes pages;
    log_write *log_first;
    log_write *log_last;
    bool log_full; /* emit cannot fail, so it remembers */
};

#endif
