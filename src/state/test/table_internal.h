/* SPDX-License-Identifier: Apache-2.0
 *
 * Storage for the tests of state: each space a sorted array of rows, written so that it can be believed by reading it;
 * and the naive tree, which computes a root from all rows by the definition of ICS 23's SmtSpec, without any of state's
 * code. */
#ifndef ASSAY_STATE_TEST_TABLE_INTERNAL_H
#define ASSAY_STATE_TEST_TABLE_INTERNAL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/state.h"

typedef struct row {
    assay_bytes key, value; /* both in one block of memory, at key.ptr */
} row;
typedef struct table {
    row *rows;
    size_t count, cap;
} table;

/* All spaces, and faults on demand. */
typedef struct storage {
    table spaces[ASSAY_SPACE_COUNT];
    uint64_t reads, writes;
    uint64_t fail_read, fail_write; /* the n-th call fails with ASSAY_F_STORAGE; 0: none */
} storage;

/* ---- sorted rows --------------------------------------------------------------------------------------------- */

/* Index of the first row with key >= from. */
static inline size_t table_lower(const table *t, assay_bytes from) {
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (assay_base_bytes_cmp(t->rows[mid].key, from) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static inline bool table_at(const table *t, size_t i, assay_bytes key) {
    return i < t->count && assay_base_bytes_eq(t->rows[i].key, key);
}

static inline row *table_find(const table *t, assay_bytes key) {
    size_t i = table_lower(t, key);
    return table_at(t, i, key) ? &t->rows[i] : NULL;
}

static inline void table_del(table *t, assay_bytes key) {
    size_t i = table_lower(t, key);
    if (!table_at(t, i, key)) return;
    void *memory = (void *)(uintptr_t)t->rows[i].key.ptr;
    memmove(&t->rows[i], &t->rows[i + 1], (t->count - i - 1) * sizeof(row));
    t->count--;
    free(memory);
}

/* The bytes of rows that were replaced are freed at once: state must not hold on to them past a commit. */
static inline void table_put(table *t, assay_bytes key, assay_bytes value) {
    uint8_t *memory = malloc(key.len + value.len + 1);
    if (!memory) abort();
    memcpy(memory, key.ptr, key.len);
    memcpy(memory + key.len, value.ptr, value.len);
    row fresh = {{memory, key.len}, {memory + key.len, value.len}};
    table_del(t, key);
    size_t i = table_lower(t, fresh.key);
    if (t->count == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->rows = realloc(t->rows, t->cap * sizeof(row));
        if (!t->rows) abort();
    }
    memmove(&t->rows[i + 1], &t->rows[i], (t->count - i) * sizeof(row));
    t->rows[i] = fresh;
    t->count++;
}

static inline void table_free(table *t) {
    for (size_t i = 0; i < t->count; i++) free((void *)(uintptr_t)t->rows[i].key.ptr);
    free(t->rows);
    *t = (table){0};
}

static inline table table_copy(const table *t) {
    table copy = {0};
    for (size_t i = 0; i < t->count; i++) table_put(&copy, t->rows[i].key, t->rows[i].value);
    return copy;
}

static inline bool table_eq(const table *a, const table *b) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!assay_base_bytes_eq(a->rows[i].key, b->rows[i].key)) return false;
        if (!assay_base_bytes_eq(a->rows[i].value, b->rows[i].value)) return false;
    }
    return true;
}

/* ---- as state's reader and writer ---------------------------------------------------------------------------- */

static inline assay_err storage_read(storage *s) { return ++s->reads == s->fail_read ? ASSAY_F_STORAGE : ASSAY_OK; }

static inline assay_err storage_row(const table *t, size_t i, bool there, assay_bytes *key, assay_bytes *value,
                                    bool *found) {
    *found = there;
    if (!there) return ASSAY_OK;
    *key = t->rows[i].key;
    *value = t->rows[i].value;
    return ASSAY_OK;
}

static inline assay_err storage_get(void *context, assay_space space, assay_bytes key, assay_bytes *value,
                                    bool *found) {
    storage *s = context;
    ASSAY_TRY(storage_read(s));
    const row *r = table_find(&s->spaces[space], key);
    *found = r != NULL;
    if (r) *value = r->value;
    return ASSAY_OK;
}

static inline assay_err storage_next(void *context, assay_space space, assay_bytes from, bool after, assay_bytes *key,
                                     assay_bytes *value, bool *found) {
    storage *s = context;
    ASSAY_TRY(storage_read(s));
    const table *t = &s->spaces[space];
    size_t i = table_lower(t, from);
    if (after && table_at(t, i, from)) i++;
    return storage_row(t, i, i < t->count, key, value, found);
}

static inline assay_err storage_prev(void *context, assay_space space, assay_bytes before, assay_bytes *key,
                                     assay_bytes *value, bool *found) {
    storage *s = context;
    ASSAY_TRY(storage_read(s));
    const table *t = &s->spaces[space];
    size_t i = table_lower(t, before);
    return storage_row(t, i - 1, i > 0, key, value, found);
}

static inline assay_err storage_put(void *context, assay_space space, assay_bytes key, assay_bytes value) {
    storage *s = context;
    if (++s->writes == s->fail_write) return ASSAY_F_STORAGE;
    if (value.ptr)
        table_put(&s->spaces[space], key, value);
    else
        table_del(&s->spaces[space], key);
    return ASSAY_OK;
}

static inline assay_state_reader storage_reader(storage *s) {
    return (assay_state_reader){s, storage_get, storage_next, storage_prev};
}
static inline assay_state_writer storage_writer(storage *s) { return (assay_state_writer){s, storage_put}; }

static inline void storage_free(storage *s) {
    for (int i = 0; i < ASSAY_SPACE_COUNT; i++) table_free(&s->spaces[i]);
}

/* ---- the naive tree ------------------------------------------------------------------------------------------ */

typedef struct naive_leaf {
    assay_hash position, hash;
} naive_leaf;

static inline int naive_cmp(const void *a, const void *b) { return memcmp(a, b, ASSAY_HASH_LEN); }

/* SmtSpec in five lines. pages counts the nodes at depths 0, 4, 8.. with two leaves or more (0: with any). */
static inline assay_hash naive_subtree(const naive_leaf *leaves, size_t count, unsigned depth, size_t *pages) {
    if (count == 0) return (assay_hash){{0}};
    if (depth % 4 == 0 && (count > 1 || depth == 0)) ++*pages;
    if (count == 1) return leaves[0].hash;
    size_t left = 0;
    while (left < count && !(leaves[left].position.b[depth / 8] >> (7 - depth % 8) & 1)) left++;
    uint8_t one = 1;
    assay_hash l = naive_subtree(leaves, left, depth + 1, pages);
    assay_hash r = naive_subtree(leaves + left, count - left, depth + 1, pages);
    assay_bytes text[] = {{&one, 1}, {l.b, 32}, {r.b, 32}};
    return assay_crypto_sha256(text, 3);
}

static inline assay_hash naive_root(const table *values, size_t *pages) {
    naive_leaf *leaves = calloc(values->count + 1, sizeof *leaves);
    if (!leaves) abort();
    for (size_t i = 0; i < values->count; i++) {
        assay_hash key = assay_crypto_sha256_one(values->rows[i].key),
                   value = assay_crypto_sha256_one(values->rows[i].value);
        uint8_t zero = 0;
        assay_bytes text[] = {{&zero, 1}, {key.b, 32}, {value.b, 32}};
        leaves[i] = (naive_leaf){key, assay_crypto_sha256(text, 3)};
    }
    qsort(leaves, values->count, sizeof *leaves, naive_cmp);
    *pages = 0;
    assay_hash root = naive_subtree(leaves, values->count, 0, pages);
    free(leaves);
    return root;
}

/* ---- a state over such storage ------------------------------------------------------------------------------- */

typedef struct fixture {
    storage storage;
    uint8_t keep[8192];
    uint8_t *journal;
    size_t journal_len;
    assay_state *state;
} fixture;

static inline void must(assay_err err) {
    if (err) {
        fprintf(stderr, "unexpected: %s\n", assay_base_err_text(err));
        abort();
    }
}

static inline assay_err fixture_open(fixture *f) {
    assay_arena keep = assay_base_arena(f->keep, sizeof f->keep);
    return assay_state_open(&f->state, &keep, assay_base_arena(f->journal, f->journal_len),
                            storage_reader(&f->storage));
}

static inline fixture *fixture_new(size_t journal_len) {
    fixture *f = calloc(1, sizeof *f);
    if (!f) abort();
    f->journal = malloc(journal_len);
    f->journal_len = journal_len;
    if (!f->journal) abort();
    must(fixture_open(f));
    return f;
}

static inline void fixture_free(fixture *f) {
    storage_free(&f->storage);
    free(f->journal);
    free(f);
}

/* Commits what was put; the new root. */
static inline assay_hash fixture_commit(fixture *f) {
    assay_hash root, log_root;
    uint64_t log_size;
    must(assay_state_prepare(f->state, &root, &log_size, &log_root));
    must(assay_state_commit(f->state, assay_state_height(f->state) + 1, storage_writer(&f->storage)));
    assay_state_committed(f->state);
    return root;
}

/* The n-th of many different keys, and a value that tells them apart. */
static inline assay_bytes key_of(uint8_t out[16], uint64_t n) {
    memcpy(out, "account/", 8);
    for (int i = 0; i < 8; i++) out[8 + i] = (uint8_t)(n >> (56 - 8 * i));
    return (assay_bytes){out, 16};
}
static inline assay_bytes value_of_key(uint8_t out[16], uint64_t n) { return key_of(out, n * 0x9e3779b97f4a7c15u); }

static inline void fixture_fill(fixture *f, uint64_t count) {
    uint8_t key[16], value[16];
    for (uint64_t n = 0; n < count; n++) must(assay_state_put(f->state, key_of(key, n), value_of_key(value, n)));
}

/* ---- seeded choices ------------------------------------------------------------------------------------------ */

/* splitmix64 */
static inline uint64_t choose(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
