/* SPDX-License-Identifier: Apache-2.0
 *
 * A block's way through the state: reads that see the journal, prepare (roots), commit (rows), and the head that ties
 * them. */
#include "state_internal.h"

/* ---- the head row -------------------------------------------------------------------------------------------- */

/* On storage: the log's peaks from the smallest full subtree up, as many as size has bits. */
typedef struct head_row {
    uint32_t format; /* 1 */
    uint64_t height;
    assay_hash root;
    uint64_t log_size;
    uint8_t (*peaks)[ASSAY_HASH_LEN];
    uint32_t peaks_count;
} head_row;

static const assay_codec_field head_fields[] = {
    ASSAY_FIELD(1, U32, head_row, format),
    ASSAY_FIELD(2, U64, head_row, height),
    ASSAY_FIELD_FIXED(3, FIXED, head_row, root),
    ASSAY_FIELD(4, U64, head_row, log_size),
    ASSAY_FIELD_REPEATED_SIZED(5, REPEATED_FIXED, head_row, peaks, 64, ASSAY_HASH_LEN),
};
const assay_codec_message assay_state_head_message = ASSAY_MESSAGE("StateHead", head_row, head_fields);

assay_err assay_head_encode(assay_buf *out, const assay_state_head *head) {
    uint8_t peaks[64][ASSAY_HASH_LEN];
    head_row row = {
        .format = 1, .height = head->height, .root = head->root, .log_size = head->log.size, .peaks = peaks};
    for (unsigned i = 0; i < 64; i++) {
        if (head->log.size >> i & 1) memcpy(peaks[row.peaks_count++], head->log.peaks[i].b, ASSAY_HASH_LEN);
    }
    return assay_codec_encode(out, &assay_state_head_message, &row, ASSAY_CODEC_STRICT);
}

assay_err assay_state_head_read(assay_state_head *out, assay_state_reader reader) {
    _Alignas(8) uint8_t memory[HEAD_LEN_MAX];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_bytes bytes;
    bool found;
    *out = (assay_state_head){0};
    ASSAY_TRY(reader.get(reader.context, ASSAY_SPACE_META, HEAD_KEY, &bytes, &found));
    if (!found) return ASSAY_OK;
    head_row row;
    if (assay_codec_decode(&row, &keep, &assay_state_head_message, bytes, ASSAY_CODEC_STRICT) != ASSAY_OK)
        return ASSAY_F_CORRUPT;
    if (row.format != 1) return ASSAY_F_CORRUPT;
    out->height = row.height;
    out->root = row.root;
    out->log.size = row.log_size;
    uint32_t peaks = 0;
    for (unsigned i = 0; i < 64; i++) {
        if (!(row.log_size >> i & 1)) continue;
        if (peaks == row.peaks_count) return ASSAY_F_CORRUPT;
        memcpy(out->log.peaks[i].b, row.peaks[peaks++], ASSAY_HASH_LEN);
    }
    return peaks == row.peaks_count ? ASSAY_OK : ASSAY_F_CORRUPT;
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

size_t assay_state_footprint(void) { return sizeof(assay_state) + _Alignof(assay_state); }

assay_err assay_state_open(assay_state **out, assay_arena *keep, assay_arena journal, assay_state_reader reader) {
    assay_state *state = ASSAY_NEW(keep, assay_state, 1);
    if (!state) return ASSAY_F_MEMORY;
    state->reader = reader;
    ASSAY_TRY(assay_state_head_read(&state->head, reader));
    assay_hash root;
    ASSAY_TRY(assay_tree_root(&root, reader));
    if (!assay_base_hash_eq(root, state->head.root)) return ASSAY_F_CORRUPT;
    assay_journal_init(&state->journal, journal);
    *out = state;
    return ASSAY_OK;
}

uint64_t assay_state_height(const assay_state *state) { return state->head.height; }
assay_hash assay_state_root(const assay_state *state) { return state->head.root; }
const assay_merkle_log *assay_state_log(const assay_state *state) { return &state->head.log; }

/* ---- reading and writing through the journal ----------------------------------------------------------------- */

static assay_err get(assay_state *state, assay_space space, assay_bytes key, assay_bytes *value, bool *found) {
    const journal_key *entry = assay_journal_find(&state->journal, space, key);
    if (!entry) return state->reader.get(state->reader.context, space, key, value, found);
    *value = entry->latest->value;
    *found = value->ptr != NULL;
    return ASSAY_OK;
}

static assay_err write(assay_state *state, assay_space space, assay_bytes key, assay_bytes value) {
    ASSAY_ASSERT(state->phase == STATE_OPEN);
    if (key.len == 0 || key.len > ASSAY_STATE_KEY_LEN_MAX) return ASSAY_E_RANGE;
    if (value.ptr && (value.len == 0 || value.len > ASSAY_STATE_VALUE_LEN_MAX)) return ASSAY_E_RANGE;
    return assay_journal_write(&state->journal, space, key, value);
}

static bool begins_with(assay_bytes key, assay_bytes prefix) {
    return key.len >= prefix.len && (prefix.len == 0 || memcmp(key.ptr, prefix.ptr, prefix.len) == 0);
}

/* The smaller of the journal's next key and storage's; the journal's wins among equals, and what it deleted is passed
 * over. */
static assay_err next(assay_state *state, assay_space space, assay_bytes prefix, assay_bytes after, assay_bytes *key,
                      assay_bytes *value, bool *found) {
    bool exclusive = assay_base_bytes_cmp(after, prefix) >= 0 && after.len > 0;
    assay_bytes from = exclusive ? after : prefix;
    for (;;) {
        const journal_key *entry = assay_journal_seek(&state->journal, space, from, exclusive);
        ASSAY_TRY(state->reader.next(state->reader.context, space, from, exclusive, key, value, found));
        int order = !entry ? 1 : !*found ? -1 : assay_base_bytes_cmp(entry->key, *key);
        if (order <= 0) {
            *key = entry->key;
            *value = entry->latest->value;
            *found = true;
        }
        if (!*found) return ASSAY_OK;
        if (!begins_with(*key, prefix)) {
            *found = false;
            return ASSAY_OK;
        }
        if (value->ptr) return ASSAY_OK;
        from = *key;
        exclusive = true;
    }
}

assay_err assay_state_get(assay_state *state, assay_bytes key, assay_bytes *value, bool *found) {
    return get(state, ASSAY_SPACE_VALUE, key, value, found);
}
assay_err assay_state_side_get(assay_state *state, assay_bytes key, assay_bytes *value, bool *found) {
    return get(state, ASSAY_SPACE_SIDE, key, value, found);
}
assay_err assay_state_put(assay_state *state, assay_bytes key, assay_bytes value) {
    if (!value.ptr) return ASSAY_E_RANGE;
    return write(state, ASSAY_SPACE_VALUE, key, value);
}
assay_err assay_state_side_put(assay_state *state, assay_bytes key, assay_bytes value) {
    if (!value.ptr) return ASSAY_E_RANGE;
    return write(state, ASSAY_SPACE_SIDE, key, value);
}
assay_err assay_state_del(assay_state *state, assay_bytes key) {
    return write(state, ASSAY_SPACE_VALUE, key, (assay_bytes){0});
}
assay_err assay_state_side_del(assay_state *state, assay_bytes key) {
    return write(state, ASSAY_SPACE_SIDE, key, (assay_bytes){0});
}
assay_err assay_state_next(assay_state *state, assay_bytes prefix, assay_bytes after, assay_bytes *key,
                           assay_bytes *value, bool *found) {
    return next(state, ASSAY_SPACE_VALUE, prefix, after, key, value, found);
}
assay_err assay_state_side_next(assay_state *state, assay_bytes prefix, assay_bytes after, assay_bytes *key,
                                assay_bytes *value, bool *found) {
    return next(state, ASSAY_SPACE_SIDE, prefix, after, key, value, found);
}

assay_err assay_state_log_append(assay_state *state, assay_bytes leaf, uint64_t *index) {
    ASSAY_ASSERT(state->phase == STATE_OPEN);
    if (leaf.len == 0 || leaf.len > ASSAY_STATE_VALUE_LEN_MAX) return ASSAY_E_RANGE;
    *index = state->head.log.size + state->journal.logs;
    return assay_journal_log(&state->journal, leaf);
}

assay_state_point assay_state_mark(const assay_state *state) {
    return (assay_state_point){state->journal.ops, state->journal.logs};
}

void assay_state_rollback(assay_state *state, assay_state_point point) {
    ASSAY_ASSERT(state->phase == STATE_OPEN);
    assay_journal_rollback(&state->journal, point.entries, point.logs);
}

/* ---- prepare ------------------------------------------------------------------------------------------------- */

static bool change_before(const void *context, const void *a, const void *b) {
    (void)context;
    const tree_change *x = a, *y = b;
    return memcmp(x->position.b, y->position.b, ASSAY_HASH_LEN) < 0;
}

/* The tree's changes out of the journal, sorted by position. */
static assay_err collect(assay_state *state) {
    state_journal *journal = &state->journal;
    size_t count = 0, keys = journal->keys[ASSAY_SPACE_VALUE];
    tree_change *changes = ASSAY_NEW(&journal->arena, tree_change, keys);
    if (keys && !changes) return ASSAY_F_MEMORY;
    journal_key *key = assay_journal_seek(journal, ASSAY_SPACE_VALUE, (assay_bytes){0}, false);
    for (; key; key = assay_journal_seek(journal, ASSAY_SPACE_VALUE, key->key, true)) {
        tree_change *change = &changes[count++];
        assay_bytes value = key->latest->value;
        change->position = assay_crypto_sha256_one(key->key);
        change->key = key;
        change->removed = value.ptr == NULL;
        if (value.ptr) change->leaf = assay_smt_leaf(key->key, value);
    }
    ASSAY_ASSERT(count == keys);
    assay_arena scratch = journal->arena;
    void *space = ASSAY_NEW(&scratch, tree_change, keys);
    if (keys && !space) return ASSAY_F_MEMORY;
    assay_base_sort(changes, space, count, sizeof *changes, change_before, NULL);
    for (size_t i = 0; i < count; i++) changes[i].key->change = &changes[i];
    state->changes = changes;
    state->changes_count = count;
    return ASSAY_OK;
}

static void log_emit(void *context, uint32_t level, uint64_t index, assay_hash hash) {
    assay_state *state = context;
    log_write *write = ASSAY_NEW(&state->journal.arena, log_write, 1);
    if (!write) {
        state->log_full = true;
        return;
    }
    *write = (log_write){NULL, level, index, hash};
    if (state->log_last)
        state->log_last->next = write;
    else
        state->log_first = write;
    state->log_last = write;
}

assay_err assay_state_prepare(assay_state *state, assay_hash *root, uint64_t *log_size, assay_hash *log_root) {
    ASSAY_ASSERT(state->phase == STATE_OPEN);
    state->phase = STATE_SPOILT;
    state->next = state->head;
    state->log_first = state->log_last = NULL;
    state->log_full = false;
    ASSAY_TRY(collect(state));
    ASSAY_TRY(assay_tree_apply(&state->next.root, &state->pages, &state->journal.arena, state->reader, state->changes,
                               state->changes_count));
    for (const journal_log *log = state->journal.log_first; log; log = log->after) {
        assay_merkle_log_append(&state->next.log, assay_merkle_leaf(log->leaf), log_emit, state);
    }
    if (state->log_full) return ASSAY_F_MEMORY;
    *root = state->next.root;
    *log_size = state->next.log.size;
    *log_root = assay_merkle_log_root(&state->next.log);
    state->phase = STATE_PREPARED;
    return ASSAY_OK;
}

/* ---- commit -------------------------------------------------------------------------------------------------- */

/* Rows go out in the order of their keys, space by space: storage then finds neighbours where it just was. */
static assay_err commit_tree(const assay_state *state, assay_state_writer writer) {
    const journal_key *key = assay_journal_seek(&state->journal, ASSAY_SPACE_VALUE, (assay_bytes){0}, false);
    for (; key; key = assay_journal_seek(&state->journal, ASSAY_SPACE_VALUE, key->key, true)) {
        const tree_change *change = key->change;
        if (change->removed ? !change->existed : change->same) continue;
        ASSAY_TRY(writer.put(writer.context, ASSAY_SPACE_VALUE, key->key, key->latest->value));
    }
    for (size_t i = 0; i < state->changes_count; i++) {
        const tree_change *change = &state->changes[i];
        if (change->removed != change->existed) continue; /* a new value of a known key, or no key before and after */
        ASSAY_TRY(writer.put(writer.context, ASSAY_SPACE_HASHED, assay_base_hash_bytes(&change->position),
                             change->removed ? (assay_bytes){0} : change->key->key));
    }
    for (const tree_write *page = state->pages.first; page; page = page->next) {
        uint8_t key_memory[PAGE_KEY_LEN_MAX];
        assay_bytes row = assay_page_key(key_memory, page->position, page->depth);
        ASSAY_TRY(writer.put(writer.context, ASSAY_SPACE_NODE, row, page->bytes));
    }
    return ASSAY_OK;
}

static assay_err commit_log(const assay_state *state, assay_state_writer writer) {
    uint8_t key[LOG_KEY_LEN];
    uint64_t index = state->head.log.size;
    for (const journal_log *log = state->journal.log_first; log; log = log->after) {
        ASSAY_TRY(writer.put(writer.context, ASSAY_SPACE_LOG, assay_log_key(key, LOG_LEAF, index++), log->leaf));
    }
    for (const log_write *write = state->log_first; write; write = write->next) {
        ASSAY_TRY(writer.put(writer.context, ASSAY_SPACE_LOG, assay_log_key(key, write->level, write->index),
                             assay_base_hash_bytes(&write->hash)));
    }
    return ASSAY_OK;
}

static assay_err commit_side(const assay_state *state, assay_state_writer writer) {
    const journal_key *key = assay_journal_seek(&state->journal, ASSAY_SPACE_SIDE, (assay_bytes){0}, false);
    for (; key; key = assay_journal_seek(&state->journal, ASSAY_SPACE_SIDE, key->key, true)) {
        ASSAY_TRY(writer.put(writer.context, ASSAY_SPACE_SIDE, key->key, key->latest->value));
    }
    return ASSAY_OK;
}

assay_err assay_state_commit(assay_state *state, uint64_t height, assay_state_writer writer) {
    ASSAY_ASSERT(state->phase == STATE_PREPARED && height >= state->head.height);
    state->next.height = height;
    ASSAY_TRY(commit_tree(state, writer));
    ASSAY_TRY(commit_log(state, writer));
    ASSAY_TRY(commit_side(state, writer));
    uint8_t bytes[HEAD_LEN_MAX];
    assay_buf buf = {.ptr = bytes, .cap = sizeof bytes};
    ASSAY_TRY(assay_head_encode(&buf, &state->next));
    ASSAY_TRY(writer.put(writer.context, ASSAY_SPACE_META, HEAD_KEY, (assay_bytes){buf.ptr, buf.len}));
    state->phase = STATE_WRITTEN;
    return ASSAY_OK;
}

void assay_state_committed(assay_state *state) {
    ASSAY_ASSERT(state->phase == STATE_WRITTEN);
    state->head = state->next;
    assay_state_discard(state);
}

void assay_state_discard(assay_state *state) {
    assay_journal_clear(&state->journal);
    state->phase = STATE_OPEN;
}
