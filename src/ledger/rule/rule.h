/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger/rule - what every rule of the ledger stands on: the block that is executed, records under keys, windows,
 * events.
 *
 *   router --context (block, transaction, scratch, sink)--> a rule's handler --typed records--> state's journal
 *
 * A record is a C struct with a strict codec table, kept in the tree or beside it (a running counter) under a key
 * that begins with its rule's name. Rules and queries read through a view: of the journal inside a block, of a
 * snapshot from any other thread. Knows no rule. Reading order: rule.h, record.c, context.c, window.c, chain.c.
 * Spec: spec/ledger.md 2; limits: spec/limits.md.
 */
#ifndef ASSAY_LEDGER_RULE_H
#define ASSAY_LEDGER_RULE_H

#include "base/base.h"
#include "codec/codec.h"
#include "state/state.h"
#include "types/types.h"

/* ---- keys and records ---------------------------------------------------------------------------------------- */

#define ASSAY_RULE_KEY_LEN_MAX 384

/* A state key under construction. Numbers are big-endian, so that key order is their order. */
typedef struct assay_rule_key {
    size_t len;
    uint8_t bytes[ASSAY_RULE_KEY_LEN_MAX];
} assay_rule_key;

/* assay_rule_key_begin - a key that starts with text, such as "staking/validator/". Text ends with '/' and no other
 * prefix begins with it. */
assay_rule_key assay_rule_key_begin(const char *text);
/* assay_rule_key_bytes, _address, _hash, _u64, _u32 - append to key. What is appended has been checked to be short: a
 * key beyond ASSAY_RULE_KEY_LEN_MAX is asserted. */
void assay_rule_key_bytes(assay_rule_key *key, assay_bytes bytes);
void assay_rule_key_address(assay_rule_key *key, assay_address address);
void assay_rule_key_hash(assay_rule_key *key, assay_hash hash);
void assay_rule_key_u64(assay_rule_key *key, uint64_t value);
void assay_rule_key_u32(assay_rule_key *key, uint32_t value);
/* assay_rule_key_of - a view of the key; valid as long as *key. */
assay_bytes assay_rule_key_of(const assay_rule_key *key);
/* assay_rule_key_tail - what follows the prefix in a key that iteration gave. key begins with prefix, asserted. */
assay_bytes assay_rule_key_tail(assay_bytes key, const assay_rule_key *prefix);
/* assay_rule_read_u64, _address - the big-endian number, or the address, at an offset of a key's tail.
 * ASSAY_F_CORRUPT if the tail is too short, since only this ledger writes keys. */
ASSAY_MUST_USE assay_err assay_rule_read_u64(uint64_t *out, assay_bytes tail, size_t offset);
ASSAY_MUST_USE assay_err assay_rule_read_address(assay_address *out, assay_bytes tail, size_t offset);

/* A kind of record: its table, and where it is kept. side: beside the tree, in no root. */
typedef struct assay_rule_table {
    const assay_codec_message *message;
    bool side;
} assay_rule_table;

/* What a rule or a query reads: the journal over the committed state, or a snapshot. Plain memory, passed by value. */
typedef struct assay_rule_view {
    assay_state *state; /* NULL: a snapshot */
    assay_state_reader reader;
} assay_rule_view;
/* assay_rule_view_state - reads what the current block sees. */
assay_rule_view assay_rule_view_state(assay_state *state);
/* assay_rule_view_snapshot - reads a snapshot; from any thread that may use reader. */
assay_rule_view assay_rule_view_snapshot(assay_state_reader reader);

/* assay_rule_get - reads the record of a key. Its byte fields point into the state: valid until the next rollback,
 * commit, or the snapshot's end (assay_base_arena_copy what must live longer). Arrays are taken from keep, which may
 * be NULL for a table without arrays. *found is false and *record all zero if there is none.
 * ASSAY_F_STORAGE, ASSAY_F_CORRUPT (a record that does not decode), ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_rule_get(assay_rule_view view, void *record, bool *found, assay_arena *keep,
                                        const assay_rule_table *table, const assay_rule_key *key);
/* assay_rule_next - the first record after `after` (NULL: from the start) whose key begins with prefix, in key order.
 * *key is the whole key in the state. Copy it into an assay_rule_key to go on from it. Errors as assay_rule_get. */
ASSAY_MUST_USE assay_err assay_rule_next(assay_rule_view view, assay_bytes *key, void *record, bool *found,
                                         assay_arena *keep, const assay_rule_table *table, const assay_rule_key *prefix,
                                         const assay_rule_key *after);
/* assay_rule_key_copy - a key that iteration gave, as an assay_rule_key. ASSAY_F_CORRUPT if it is too long to be
 * ours. */
ASSAY_MUST_USE assay_err assay_rule_key_copy(assay_rule_key *out, assay_bytes key);
/* assay_rule_put - writes the record of a key. ASSAY_E_RANGE if it exceeds its table's bounds or 1,024 bytes;
 * ASSAY_F_MEMORY (the journal is full). Writing what already stands there is free for the root, but costs journal. */
ASSAY_MUST_USE assay_err assay_rule_put(assay_state *state, const assay_rule_table *table, const assay_rule_key *key,
                                        const void *record);
/* assay_rule_del - removes the record of a key, if there is one. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_rule_del(assay_state *state, const assay_rule_table *table, const assay_rule_key *key);

#define ASSAY_RULE_TEXT_LEN_MAX 1024
/* assay_rule_text_check - free text that people will see (a moniker, a reason, a label): ASSAY_E_ENCODING unless it is
 * UTF-8 without control characters, ASSAY_E_RANGE beyond ASSAY_RULE_TEXT_LEN_MAX bytes. Empty text passes. */
ASSAY_MUST_USE assay_err assay_rule_text_check(assay_bytes text);

/* A record that is only a number, and one that only marks that its key is there. */
typedef struct assay_rule_number {
    uint64_t value;
    uint32_t format; /* 1: no record is empty */
} assay_rule_number;
typedef struct assay_rule_owner { /* an address that a key leads to */
    uint32_t format;
    assay_address owner;
} assay_rule_owner;
extern const assay_rule_table assay_rule_number_table, assay_rule_owner_table;

/* ---- events -------------------------------------------------------------------------------------------------- */

#define ASSAY_RULE_NO_TX UINT32_MAX

/* What happened, for logs and whoever waits; in no hash. Same members as ledger.h's assay_ledger_event. */
typedef struct assay_rule_event {
    const char *kind;    /* static text */
    uint32_t tx_index;   /* ASSAY_RULE_NO_TX: of the block's begin or end */
    assay_bytes subject; /* name@version, or an address as text; in the sink's memory */
    uint64_t amount;
    uint64_t extra;
} assay_rule_event;
/* Where events go. What does not fit is counted and dropped: an event never fails a block. */
typedef struct assay_rule_events {
    assay_arena keep; /* for subjects */
    assay_rule_event *items;
    uint32_t count, cap;
    uint32_t dropped;
} assay_rule_events;

/* ---- the context --------------------------------------------------------------------------------------------- */

/* Amounts of the whole chain. issued never changes after genesis: issued - burned is the supply. */
typedef struct assay_rule_totals {
    uint32_t format; /* 1 */
    uint64_t issued;
    uint64_t burned;
} assay_rule_totals;

/* Everything a handler is given. The router makes one per block and changes the transaction's part. */
typedef struct assay_rule_context {
    assay_state *state;
    const assay_params *params;
    assay_bytes chain_id;
    /* the block */
    uint64_t height;
    assay_time time;
    assay_hash block_hash;
    assay_address proposer; /* consensus address */
    /* the transaction; zero, and tx_index ASSAY_RULE_NO_TX, at the block's begin and end */
    assay_hash tx_id;
    uint32_t tx_index;
    assay_address signer; /* address of signer_key */
    assay_public_key signer_key;
    /* memory that a handler may use until it returns: it copies the arena first */
    assay_arena scratch;
    assay_rule_events *events; /* NULL: nobody listens */
    /* what accumulates over the block */
    assay_rule_totals totals;
    assay_rule_totals totals_stored; /* as they stand in the state */
    uint64_t recheck_height;         /* least height above this one at which something is due by itself; 0: none */
} assay_rule_context;

/* assay_rule_view_of - the view of a context's state. */
static inline assay_rule_view assay_rule_view_of(const assay_rule_context *context) {
    return assay_rule_view_state(context->state);
}

/* assay_rule_begin - loads the totals into a context whose other members the router has filled. Enough for check_tx.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_rule_begin(assay_rule_context *context);
/* assay_rule_begin_block - the same, and notes the block's time for assay_rule_moment_at (a side record: no root
 * changes). ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_rule_begin_block(assay_rule_context *context);
/* assay_rule_end_block - writes the totals, if they changed. The last thing of a block. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_rule_end_block(assay_rule_context *context);

/* All that a transaction changes: journal, totals, events, recheck. */
typedef struct assay_rule_point {
    assay_state_point state;
    assay_rule_totals totals;
    uint32_t events;
    assay_arena events_keep;
    uint64_t recheck_height;
} assay_rule_point;
/* assay_rule_mark, _rollback - a point in all of that, and back to it. Marks nest. */
assay_rule_point assay_rule_mark(const assay_rule_context *context);
void assay_rule_rollback(assay_rule_context *context, const assay_rule_point *point);

/* assay_rule_burn - counts amount as burned; the caller has taken it from a holding. ASSAY_F_BUG if more than was
 * ever issued would be burned. */
ASSAY_MUST_USE assay_err assay_rule_burn(assay_rule_context *context, uint64_t amount);
/* assay_rule_issue - counts amount as issued; genesis alone does that. ASSAY_E_OVERFLOW. */
ASSAY_MUST_USE assay_err assay_rule_issue(assay_rule_context *context, uint64_t amount);
/* assay_rule_totals_read - issued and burned amounts as a view sees them (without what the current block has not yet
 * written). ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_rule_totals_read(assay_rule_totals *out, assay_rule_view view);
/* assay_rule_recheck - something is due at height by itself: the chain must not idle beyond it. Heights up to now are
 * ignored. */
void assay_rule_recheck(assay_rule_context *context, uint64_t height);
/* assay_rule_emit - an event of the current transaction or block, with a copied subject. kind is static text. */
void assay_rule_emit(assay_rule_context *context, const char *kind, assay_bytes subject, uint64_t amount,
                     uint64_t extra);
/* assay_rule_emit_address - the same with an address, as bech32m text, for a subject. */
void assay_rule_emit_address(assay_rule_context *context, const char *kind, assay_address subject, uint64_t amount,
                             uint64_t extra);

/* ---- windows ------------------------------------------------------------------------------------------------- */

/* A place in the chain: a height and the seconds of its header's time (nanoseconds are dropped everywhere alike). */
typedef struct assay_rule_moment {
    uint64_t height;
    int64_t seconds;
} assay_rule_moment;
typedef struct assay_rule_window {
    uint64_t blocks;
    uint64_t seconds;
} assay_rule_window;

/* assay_rule_now - the moment of the block that is executed. */
assay_rule_moment assay_rule_now(const assay_rule_context *context);
/* assay_rule_passed - has a window that began at `from` ended at `now`? Only when more than its blocks *and* more
 * than its seconds lie between: the one place where this is computed. A later `from` than `now` has not passed. Never
 * overflows. */
bool assay_rule_passed(assay_rule_window window, assay_rule_moment from, assay_rule_moment now);
/* assay_rule_due_height - the first height at which the window's blocks can have passed, for assay_rule_recheck (its
 * seconds may pass later). UINT64_MAX if beyond 64 bits. */
uint64_t assay_rule_due_height(assay_rule_window window, assay_rule_moment from);
/* assay_rule_moment_at - the moment of a past block, or of this one. *found is false for a height of the future, or
 * one so old that every window over it has passed. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_rule_moment_at(assay_rule_view view, assay_rule_moment *out, bool *found,
                                              uint64_t height);
/* assay_rule_is_epoch_end - is this block the last of an epoch? Heights that epoch_blocks divides. */
bool assay_rule_is_epoch_end(const assay_rule_context *context);
/* assay_rule_epoch_end_of - the last height of the epoch that has height. UINT64_MAX if beyond 64 bits. */
uint64_t assay_rule_epoch_end_of(const assay_params *params, uint64_t height);

/* ---- the chain's own records --------------------------------------------------------------------------------- */

typedef struct assay_rule_chain {
    uint32_t format; /* 1 */
    assay_bytes chain_id;
    assay_hash genesis_hash;
    uint64_t app_version;
} assay_rule_chain;

#define ASSAY_RULE_SPAN_MAX ((uint64_t)1 << 40) /* of a parameter that counts blocks or seconds, or is a price */
#define ASSAY_RULE_UNBONDING_EPOCHS_MAX 10000   /* epochs in an unbonding window: a slash walks over them */
#define ASSAY_RULE_BOND_LEAST 1000000u          /* of bond_min: a unit of power (staking) */
/* assay_rule_params_check - ASSAY_E_RANGE for parameters that are out of their ranges or contradict each other
 * (spec/limits.md lists both): evidence is younger than unbonding is long, draws fit an opening, power never exceeds
 * what CometBFT allows, and so on. */
ASSAY_MUST_USE assay_err assay_rule_params_check(const assay_params *params);
/* assay_rule_chain_store - writes parameters and chain record: genesis. ASSAY_E_RANGE as above; ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_rule_chain_store(assay_state *state, const assay_rule_chain *chain,
                                                const assay_params *params);
/* assay_rule_chain_load - reads both; *found is false before genesis. chain_id is copied into keep (50 bytes at
 * most). ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_rule_chain_load(assay_rule_view view, assay_rule_chain *chain, assay_params *params,
                                               bool *found, assay_arena *keep);

#endif
