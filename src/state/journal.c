/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal: what a block changed, in order of time (to go back) and in order of keys (to read on).
 *
 * A key of n bytes is read as symbols of 9 bits, the ninth saying "there is a byte here": so a key sorts right after
 * its prefixes, and the first bit in which two keys differ orders them (D. J. Bernstein's crit-bit trees, with lengths
 * instead of zeroes). */
#include "state_internal.h"

static uint32_t symbol(assay_bytes key, size_t byte) { return byte < key.len ? 256u | key.ptr[byte] : 0; }

static unsigned side(assay_bytes key, const journal_key *branch) {
    return (symbol(key, branch->byte) & branch->mask) != 0;
}

/* Does this branch decide before the place (byte, mask)? */
static bool earlier(const journal_key *branch, uint32_t byte, uint32_t mask) {
    return branch->byte < byte || (branch->byte == byte && branch->mask > mask);
}

/* Where two keys differ first; false if they are equal. */
static bool differ(uint32_t *byte, uint32_t *mask, assay_bytes a, assay_bytes b) {
    size_t i = 0, least = a.len < b.len ? a.len : b.len;
    while (i < least && a.ptr[i] == b.ptr[i]) i++;
    if (i == a.len && i == b.len) return false;
    uint32_t difference = symbol(a, i) ^ symbol(b, i);
    *byte = (uint32_t)i;
    *mask = 1u << (31 - __builtin_clz(difference));
    return true;
}

/* The key that agrees with `key` wherever the index looks: if key is there, it is this one. */
static journal_key *nearest(journal_ref at, assay_bytes key) {
    while (at.branch) at = at.of->child[side(key, at.of)];
    return at.of;
}

static journal_key *leftmost(journal_ref at) {
    while (at.branch) at = at.of->child[0];
    return at.of;
}

void assay_journal_init(state_journal *journal, assay_arena memory) {
    *journal = (state_journal){.whole = memory, .arena = memory};
}

void assay_journal_clear(state_journal *journal) { assay_journal_init(journal, journal->whole); }

journal_key *assay_journal_find(const state_journal *journal, assay_space space, assay_bytes key) {
    journal_ref root = journal->index[space];
    if (!root.of) return NULL;
    journal_key *found = nearest(root, key);
    return assay_base_bytes_eq(found->key, key) ? found : NULL;
}

journal_key *assay_journal_seek(const state_journal *journal, assay_space space, assay_bytes from, bool after) {
    journal_ref at = journal->index[space];
    if (!at.of) return NULL;
    uint32_t byte = UINT32_MAX, mask = 0; /* equal keys: no branch stands behind this place */
    journal_key *near = nearest(at, from);
    bool equal = !differ(&byte, &mask, near->key, from);
    if (equal && !after) return near;
    /* Down to the subtree whose keys agree with from up to the difference; what is right of the path is larger than
     * from. */
    const journal_key *left_turn = NULL;
    while (at.branch && earlier(at.of, byte, mask)) {
        unsigned turn = side(from, at.of);
        if (turn == 0) left_turn = at.of;
        at = at.of->child[turn];
    }
    if (!equal && (symbol(from, byte) & mask) == 0) return leftmost(at);
    return left_turn ? leftmost(left_turn->child[1]) : NULL;
}

static void insert(journal_ref *root, journal_key *fresh) {
    if (!root->of) {
        *root = (journal_ref){fresh, false};
        return;
    }
    bool different = differ(&fresh->byte, &fresh->mask, nearest(*root, fresh->key)->key, fresh->key);
    ASSAY_ASSERT(different);
    journal_ref *at = root;
    while (at->branch && earlier(at->of, fresh->byte, fresh->mask)) at = &at->of->child[side(fresh->key, at->of)];
    unsigned turn = side(fresh->key, fresh);
    fresh->child[turn] = (journal_ref){fresh, false};
    fresh->child[!turn] = *at;
    *at = (journal_ref){fresh, true};
}

/* Takes out the key that came last: all that came after it is gone, so its branch still has it for one side. */
static void remove_last(journal_ref *root, const journal_key *last) {
    journal_ref *at = root;
    while (at->of != last) at = &at->of->child[side(last->key, at->of)];
    *at = at->branch ? last->child[!side(last->key, last)] : (journal_ref){NULL, false};
}

assay_err assay_journal_write(state_journal *journal, assay_space space, assay_bytes key, assay_bytes value) {
    assay_arena arena = journal->arena;
    journal_op *op = ASSAY_NEW(&arena, journal_op, 1);
    if (!op) return ASSAY_F_MEMORY;
    *op = (journal_op){.before = journal->last, .arena = journal->arena.at, .space = space};
    if (value.ptr) ASSAY_TRY(assay_base_arena_copy(&op->value, &arena, value));
    op->key = assay_journal_find(journal, space, key);
    if (op->key) {
        op->previous = op->key->latest;
    } else {
        op->key = ASSAY_NEW(&arena, journal_key, 1);
        if (!op->key) return ASSAY_F_MEMORY;
        ASSAY_TRY(assay_base_arena_copy(&op->key->key, &arena, key));
        insert(&journal->index[space], op->key);
        journal->keys[space]++;
    }
    op->key->latest = op;
    journal->last = op;
    journal->ops++;
    journal->arena = arena;
    return ASSAY_OK;
}

assay_err assay_journal_log(state_journal *journal, assay_bytes leaf) {
    assay_arena arena = journal->arena;
    journal_log *log = ASSAY_NEW(&arena, journal_log, 1);
    if (!log) return ASSAY_F_MEMORY;
    *log = (journal_log){.before = journal->log_last, .arena = journal->arena.at};
    ASSAY_TRY(assay_base_arena_copy(&log->leaf, &arena, leaf));
    if (journal->log_last)
        journal->log_last->after = log;
    else
        journal->log_first = log;
    journal->log_last = log;
    journal->logs++;
    journal->arena = arena;
    return ASSAY_OK;
}

void assay_journal_rollback(state_journal *journal, size_t ops, size_t logs) {
    ASSAY_ASSERT(ops <= journal->ops && logs <= journal->logs);
    uint8_t *arena = journal->arena.at;
    for (; journal->ops > ops; journal->ops--) {
        journal_op *op = journal->last;
        op->key->latest = op->previous;
        if (!op->previous) {
            remove_last(&journal->index[op->space], op->key);
            journal->keys[op->space]--;
        }
        journal->last = op->before;
        if (op->arena < arena) arena = op->arena;
    }
    for (; journal->logs > logs; journal->logs--) {
        journal_log *log = journal->log_last;
        journal->log_last = log->before;
        if (log->before)
            log->before->after = NULL;
        else
            journal->log_first = NULL;
        if (log->arena < arena) arena = log->arena;
    }
    journal->arena.at = arena;
}
