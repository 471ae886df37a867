/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage for the tests and benches of the ledger: each space a treap, whose priorities are digests of its keys, so
 * that its shape follows from its content and 10^5 accounts cost no more than they must. */
#ifndef ASSAY_LEDGER_TEST_MEMORY_INTERNAL_H
#define ASSAY_LEDGER_TEST_MEMORY_INTERNAL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/state.h"

typedef struct row {
    struct row *side[2]; /* smaller keys, larger keys */
    uint64_t priority;
    assay_bytes key;
    assay_bytes value; /* memory of its own */
} row;

typedef struct memory_store {
    row *spaces[ASSAY_SPACE_COUNT];
    uint64_t reads;
    uint64_t fail_read; /* the read after which storage fails; 0: never */
} memory_store;

static inline void *memory_take(size_t size) {
    void *taken = malloc(size ? size : 1);
    if (!taken) abort();
    return taken;
}

static inline assay_bytes memory_copy(assay_bytes bytes) {
    uint8_t *copy = memory_take(bytes.len);
    if (bytes.len) memcpy(copy, bytes.ptr, bytes.len);
    return (assay_bytes){copy, bytes.len};
}

static inline void memory_drop(assay_bytes bytes) { free((void *)(uintptr_t)bytes.ptr); }

/* FNV-1a, then mixed: the tests do not attack themselves. */
static inline uint64_t memory_priority(assay_bytes key) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < key.len; i++) h = (h ^ key.ptr[i]) * 0x100000001b3u;
    return (h ^ h >> 29) * 0xbf58476d1ce4e5b9u;
}

/* Splits a tree into keys below `key`, the row of `key`, and keys above. */
static inline void memory_split(row *tree, assay_bytes key, row **below, row **at, row **above) {
    while (tree) {
        int order = assay_base_bytes_cmp(tree->key, key);
        if (order == 0) {
            *below = tree->side[0];
            *above = tree->side[1];
            *at = tree;
            tree->side[0] = tree->side[1] = NULL;
            return;
        }
        if (order < 0) {
            *below = tree;
            below = &tree->side[1];
            tree = tree->side[1];
        } else {
            *above = tree;
            above = &tree->side[0];
            tree = tree->side[0];
        }
    }
    *below = *above = *at = NULL;
}

static inline row *memory_join(row *below, row *above) {
    row *root = NULL, **place = &root;
    while (below && above) {
        if (below->priority > above->priority) {
            *place = below;
            place = &below->side[1];
            below = below->side[1];
        } else {
            *place = above;
            place = &above->side[0];
            above = above->side[0];
        }
    }
    *place = below ? below : above;
    return root;
}

static inline row *memory_find(row *tree, assay_bytes key) {
    while (tree) {
        int order = assay_base_bytes_cmp(key, tree->key);
        if (order == 0) return tree;
        tree = tree->side[order > 0];
    }
    return NULL;
}

static inline assay_err memory_put(void *context, assay_space space, assay_bytes key, assay_bytes value) {
    memory_store *m = context;
    row **root = &m->spaces[space], *found = memory_find(*root, key);
    if (found && value.ptr) {
        memory_drop(found->value);
        found->value = memory_copy(value);
        return ASSAY_OK;
    }
    if (!found && !value.ptr) return ASSAY_OK;
    row *below, *at, *above;
    memory_split(*root, key, &below, &at, &above);
    if (at) {
        memory_drop(at->key);
        memory_drop(at->value);
        free(at);
        at = NULL;
    }
    if (value.ptr) {
        at = memory_take(sizeof *at);
        *at = (row){{NULL, NULL}, memory_priority(key), memory_copy(key), memory_copy(value)};
        below = memory_join(below, at);
    }
    *root = memory_join(below, above);
    return ASSAY_OK;
}

static inline assay_err memory_read(memory_store *m) {
    return m->fail_read && ++m->reads >= m->fail_read ? ASSAY_F_STORAGE : ASSAY_OK;
}

static inline assay_err memory_get(void *context, assay_space space, assay_bytes key, assay_bytes *value, bool *found) {
    memory_store *m = context;
    ASSAY_TRY(memory_read(m));
    const row *r = memory_find(m->spaces[space], key);
    *found = r != NULL;
    if (r) *value = r->value;
    return ASSAY_OK;
}

/* The row nearest to `from` on one side: larger (1) or smaller (0); `from` itself only if `equal`. */
static inline const row *memory_near(const row *tree, assay_bytes from, unsigned side, bool equal) {
    const row *best = NULL;
    while (tree) {
        int order = assay_base_bytes_cmp(tree->key, from);
        bool fits = order == 0 ? equal : (order > 0) == (side == 1);
        if (fits) best = tree;
        tree = tree->side[fits ? !side : side];
    }
    return best;
}

static inline assay_err memory_out(const row *r, assay_bytes *key, assay_bytes *value, bool *found) {
    *found = r != NULL;
    if (!r) return ASSAY_OK;
    *key = r->key;
    *value = r->value;
    return ASSAY_OK;
}

static inline assay_err memory_next(void *context, assay_space space, assay_bytes from, bool after, assay_bytes *key,
                                    assay_bytes *value, bool *found) {
    memory_store *m = context;
    ASSAY_TRY(memory_read(m));
    return memory_out(memory_near(m->spaces[space], from, 1, !after), key, value, found);
}

static inline assay_err memory_prev(void *context, assay_space space, assay_bytes before, assay_bytes *key,
                                    assay_bytes *value, bool *found) {
    memory_store *m = context;
    ASSAY_TRY(memory_read(m));
    return memory_out(memory_near(m->spaces[space], before, 0, false), key, value, found);
}

static inline assay_state_reader memory_reader(memory_store *m) {
    return (assay_state_reader){m, memory_get, memory_next, memory_prev};
}
static inline assay_state_writer memory_writer(memory_store *m) { return (assay_state_writer){m, memory_put}; }

static inline void memory_free(memory_store *m) {
    for (int space = 0; space < ASSAY_SPACE_COUNT; space++) {
        while (m->spaces[space]) {
            row *below, *at, *above;
            memory_split(m->spaces[space], m->spaces[space]->key, &below, &at, &above);
            memory_drop(at->key);
            memory_drop(at->value);
            free(at);
            m->spaces[space] = memory_join(below, above);
        }
    }
}

#endif
