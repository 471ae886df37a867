/* SPDX-License-Identifier: Apache-2.0
 *
 * comet_snapshots - the application's state at a height, in chunks on disk, so that a new node need not execute all
 * that came before: written in the background every so many blocks, served to whoever asks CometBFT, taken in when
 * CometBFT offers one.
 *
 *   <data>/snapshots/<height>/list, 0, 1, ...     list: the SHA-256 of each chunk, which is the snapshot's metadata
 *   a chunk: rows of uvarint(kind) uvarint(length) key uvarint(length) value
 *
 * The same height gives the same bytes on every validator, so a snapshot that many offer has one hash. What the tree
 * and the log hold is proven by the AppHash that CometBFT's light client verified. Side records and priorities of
 * proposers are in no root: false ones show at the end of an epoch, when this node's AppHash is no longer the others'.
 * Spec: spec/cometbft.md.
 */
#include "comet_internal.h"

#include "codec/codec.h"
#include "ledger/staking/staking.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT 1u
#define CHUNK_LEN ((size_t)2 << 20) /* a row more at most */
#define CHUNK_LEN_MAX ((size_t)8 << 20)
#define CHUNKS_MAX 65536u
#define KEPT 2u
#define ROW_VALUE 1u
#define ROW_SIDE 2u
#define ROW_LOG 3u
#define ROW_CHAIN 4u
#define ROWS_AT_ONCE 32768u /* taken in: REGION_JOURNAL holds as many, whatever is in them */
#define PATH_MAX_LEN 640

/* ---- paths --------------------------------------------------------------------------------------------------- */

static void snapshot_path(char out[PATH_MAX_LEN], const struct comet *c, uint64_t height, const char *more) {
    assay_os_format(out, PATH_MAX_LEN, "%s/snapshots/%llu%s", c->owner->dir, (unsigned long long)height, more);
}

static void chunk_path(char out[PATH_MAX_LEN], const struct comet *c, uint64_t height, const char *state,
                       uint32_t index) {
    assay_os_format(out, PATH_MAX_LEN, "%s/snapshots/%llu%s/%u", c->owner->dir, (unsigned long long)height, state,
                    index);
}

/* Heights of whole snapshots, ascending; at most max of them, the newest. */
static uint32_t heights(uint64_t *out, uint32_t max, const struct comet *c, assay_arena scratch) {
    char path[PATH_MAX_LEN];
    assay_os_file dir;
    assay_os_entry *entries;
    uint32_t count = 0, found = 0;
    assay_os_format(path, sizeof path, "%s/snapshots", c->owner->dir);
    if (assay_os_dir_open(&dir, path) != ASSAY_OK) return 0;
    if (assay_os_dir_list(&entries, &count, &scratch, &dir, 1000) != ASSAY_OK) count = 0;
    assay_os_file_close(&dir);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t height;
        if (assay_base_undecimal(&height, entries[i].name) != ASSAY_OK) continue;
        uint32_t at = found;
        if (found == max && height <= out[0]) continue;
        if (found == max)
            memmove(out, out + 1, --at * sizeof *out);
        else
            found++;
        while (at > 0 && out[at - 1] > height) out[at] = out[at - 1], at--;
        out[at] = height;
    }
    return found;
}

/* ---- making -------------------------------------------------------------------------------------------------- */

typedef struct maker {
    struct comet *c;
    uint64_t height;
    assay_store_snapshot *snapshot;
    assay_buf chunk;
    assay_buf list;
    uint32_t chunks;
} maker;

static assay_err chunk_end(maker *m) {
    char path[PATH_MAX_LEN];
    assay_bytes bytes = {m->chunk.ptr, m->chunk.len};
    if (!m->chunk.len) return ASSAY_OK;
    if (m->chunks == CHUNKS_MAX) return ASSAY_F_STORAGE;
    assay_hash hash = assay_crypto_sha256_one(bytes);
    ASSAY_TRY(assay_base_buf_put(&m->list, assay_base_hash_bytes(&hash)));
    chunk_path(path, m->c, m->height, ".part", m->chunks++);
    m->chunk.len = 0;
    assay_os_file file;
    ASSAY_TRY(assay_os_file_open(&file, path, ASSAY_OS_CREATE, 0600));
    assay_err err = assay_os_file_write(&file, bytes, 0);
    assay_os_file_close(&file);
    return err;
}

static assay_err put_row(maker *m, uint64_t kind, assay_bytes key, assay_bytes value) {
    ASSAY_TRY(assay_codec_put_varint(&m->chunk, kind));
    ASSAY_TRY(assay_codec_put_varint(&m->chunk, key.len));
    ASSAY_TRY(assay_base_buf_put(&m->chunk, key));
    ASSAY_TRY(assay_codec_put_varint(&m->chunk, value.len));
    ASSAY_TRY(assay_base_buf_put(&m->chunk, value));
    return m->chunk.len >= CHUNK_LEN ? chunk_end(m) : ASSAY_OK;
}

static assay_err put_space(maker *m, assay_space space, uint64_t kind) {
    assay_state_reader reader = assay_store_snapshot_reader(m->snapshot);
    assay_bytes from = {0}, key, value;
    for (bool found = true, first = true;; first = false) {
        if (atomic_load(&m->c->closing)) return ASSAY_F_INTERRUPTED;
        ASSAY_TRY(reader.next(reader.context, space, from, !first, &key, &value, &found));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(put_row(m, kind, key, value));
        from = key;
    }
}

static assay_err put_log(maker *m) {
    assay_state_head head;
    assay_state_reader reader = assay_store_snapshot_reader(m->snapshot);
    ASSAY_TRY(assay_state_head_read(&head, reader));
    for (uint64_t i = 0; i < head.log.size; i++) {
        assay_bytes leaf;
        if (atomic_load(&m->c->closing)) return ASSAY_F_INTERRUPTED;
        ASSAY_TRY(assay_state_log_leaf(&leaf, reader, i));
        ASSAY_TRY(put_row(m, ROW_LOG, (assay_bytes){NULL, 0}, leaf));
    }
    return ASSAY_OK;
}

static assay_err make_all(maker *m) {
    char part[PATH_MAX_LEN], path[PATH_MAX_LEN];
    assay_bytes chain;
    bool found;
    snapshot_path(part, m->c, m->height, ".part");
    snapshot_path(path, m->c, m->height, "");
    ASSAY_TRY(assay_os_remove_tree(part));
    ASSAY_TRY(assay_os_dirs_create(part, 0700));
    ASSAY_TRY(assay_store_get(m->snapshot, ASSAY_STORE_NAMED, ASSAY_STR("chain"), &chain, &found));
    if (!found) return ASSAY_F_CORRUPT;
    ASSAY_TRY(put_row(m, ROW_CHAIN, (assay_bytes){NULL, 0}, chain));
    ASSAY_TRY(put_space(m, ASSAY_SPACE_VALUE, ROW_VALUE));
    ASSAY_TRY(put_space(m, ASSAY_SPACE_SIDE, ROW_SIDE));
    ASSAY_TRY(put_log(m));
    ASSAY_TRY(chunk_end(m));
    char list[PATH_MAX_LEN + 8];
    assay_os_format(list, sizeof list, "%s/list", part);
    ASSAY_TRY(assay_os_replace(list, (assay_bytes){m->list.ptr, m->list.len}, 0600));
    return assay_os_rename(part, path);
}

static void drop_old(struct comet *c, assay_arena scratch) {
    uint64_t list[64];
    uint32_t count = heights(list, 64, c, scratch);
    for (uint32_t i = 0; i + KEPT < count; i++) {
        char path[PATH_MAX_LEN];
        snapshot_path(path, c, list[i], "");
        (void)!assay_os_remove_tree(path);
    }
}

/* What processes that were killed left: as large as a state each, and of no use. */
static void drop_parts(struct comet *c, assay_arena scratch) {
    static const char part[] = ".part";
    char path[PATH_MAX_LEN], left[PATH_MAX_LEN + 256];
    assay_os_file dir;
    assay_os_entry *entries;
    uint32_t count = 0;
    assay_os_format(path, sizeof path, "%s/snapshots", c->owner->dir);
    if (assay_os_dir_open(&dir, path) != ASSAY_OK) return;
    if (assay_os_dir_list(&entries, &count, &scratch, &dir, 1000) != ASSAY_OK) count = 0;
    assay_os_file_close(&dir);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = (const char *)entries[i].name.ptr;
        size_t len = entries[i].name.len, end = sizeof part - 1;
        if (len <= end || strcmp(name + len - end, part) != 0) continue;
        assay_os_format(left, sizeof left, "%s/%s", path, name);
        (void)!assay_os_remove_tree(left);
    }
}

static void run_maker(void *context) {
    maker *m = context;
    struct comet *c = m->c;
    assay_os_region region;
    uint64_t began = assay_os_monotonic_ns();
    assay_err err = assay_os_reserve(&region, 2 * CHUNK_LEN_MAX + (size_t)CHUNKS_MAX * ASSAY_HASH_LEN);
    if (err == ASSAY_OK) {
        assay_arena memory = assay_os_region_arena(&region);
        m->chunk = (assay_buf){ASSAY_NEW(&memory, uint8_t, CHUNK_LEN_MAX), 0, CHUNK_LEN_MAX};
        m->list = (assay_buf){ASSAY_NEW(&memory, uint8_t, CHUNKS_MAX * ASSAY_HASH_LEN), 0, CHUNKS_MAX * ASSAY_HASH_LEN};
        drop_parts(c, memory);
        err = m->chunk.ptr && m->list.ptr ? make_all(m) : ASSAY_F_MEMORY;
        if (err == ASSAY_OK) drop_old(c, memory);
        assay_os_unreserve(&region);
    }
    assay_store_snapshot_end(m->snapshot);
    if (err == ASSAY_OK)
        node_log(c->owner->node, "snapshot of height %llu: %u chunks, %llu ms", (unsigned long long)m->height,
                 m->chunks, (unsigned long long)((assay_os_monotonic_ns() - began) / 1000000));
    else if (err != ASSAY_F_INTERRUPTED)
        node_log(c->owner->node, "a snapshot of height %llu could not be written: %s", (unsigned long long)m->height,
                 assay_base_err_text(err));
    free(m);
    atomic_store(&c->making, false);
}

/* A snapshot that cannot be made is no reason to stop: the next one may be. */
void snapshots_block(struct comet *c, uint64_t height) {
    uint64_t every = c->settings->snapshot_blocks ? c->settings->snapshot_blocks : ASSAY_NODE_SNAPSHOT_BLOCKS;
    if (height % every != 0 || atomic_load(&c->making)) return;
    snapshots_join(c);
    maker *m = calloc(1, sizeof *m);
    if (!m) return;
    *m = (maker){.c = c, .height = height};
    atomic_store(&c->making, true);
    c->maker_runs = assay_store_snapshot_begin(&m->snapshot, c->owner->store) == ASSAY_OK &&
                    assay_os_thread_start(&c->maker, "snapshot", 0, run_maker, m) == ASSAY_OK;
    if (c->maker_runs) return;
    assay_store_snapshot_end(m->snapshot);
    free(m);
    atomic_store(&c->making, false);
}

void snapshots_join(struct comet *c) {
    if (c->maker_runs) assay_os_thread_join(&c->maker);
    c->maker_runs = false;
}

/* ---- serving ------------------------------------------------------------------------------------------------- */

static assay_err list_of(assay_abci_snapshot *out, assay_arena *keep, const struct comet *c, uint64_t height) {
    char path[PATH_MAX_LEN];
    snapshot_path(path, c, height, "/list");
    assay_bytes list, hash;
    ASSAY_TRY(assay_os_read_whole(&list, keep, path, CHUNKS_MAX * ASSAY_HASH_LEN));
    assay_hash sum = assay_crypto_sha256_one(list);
    ASSAY_TRY(assay_base_arena_copy(&hash, keep, assay_base_hash_bytes(&sum)));
    *out = (assay_abci_snapshot){.height = height,
                                 .format = FORMAT,
                                 .chunks = (uint32_t)(list.len / ASSAY_HASH_LEN),
                                 .hash = hash,
                                 .metadata = list};
    return ASSAY_OK;
}

assay_err snapshots_list(void *context, assay_abci_snapshot **out, uint32_t *count, assay_arena *keep) {
    struct comet *c = context;
    uint64_t list[8];
    uint32_t found = heights(list, 8, c, *keep);
    *out = ASSAY_NEW(keep, assay_abci_snapshot, found + 1);
    if (!*out) return ASSAY_F_MEMORY;
    *count = 0;
    for (uint32_t i = found; i > 0; i--)
        if (list_of(&(*out)[*count], keep, c, list[i - 1]) == ASSAY_OK) ++*count; /* else it is being dropped */
    return ASSAY_OK;
}

assay_err snapshots_load(void *context, assay_bytes *chunk, assay_arena *keep, uint64_t height, uint32_t format,
                         uint32_t index) {
    struct comet *c = context;
    char path[PATH_MAX_LEN];
    if (format != FORMAT) return ASSAY_E_NOT_FOUND;
    chunk_path(path, c, height, "", index);
    assay_err err = assay_os_read_whole(chunk, keep, path, CHUNK_LEN_MAX);
    return err == ASSAY_OK || err == ASSAY_F_MEMORY ? err : ASSAY_E_NOT_FOUND;
}

/* ---- taking in ----------------------------------------------------------------------------------------------- */

struct restoring {
    bool under_way;
    uint64_t height;
    assay_hash app_hash;
    uint32_t chunks, next;
    uint8_t *list; /* the hash of each chunk */
    uint8_t *chain;
    size_t chain_len;
    assay_bft_chain decoded; /* of chain, in the validator's chain arena */
    bool last;
};

static void restoring_forget(struct comet *c) {
    if (!c->restoring) return;
    free(c->restoring->list);
    free(c->restoring->chain);
    free(c->restoring);
    c->restoring = NULL;
}

void snapshots_close(struct comet *c) { restoring_forget(c); }

/* An empty store, ledger and state in place of what an earlier attempt left. Nobody else looks meanwhile. */
static assay_err renew(struct comet *c) {
    validator *v = c->owner;
    atomic_store(&v->alive, false);
    validator_close_gate(v);
    checker_stop(v); /* no visitor; the first block starts it again */
    c->checker_started = false;
    admission_block(v);
    assay_err err = validator_store_renew(v);
    atomic_store(&v->alive, err == ASSAY_OK);
    return err;
}

assay_err snapshots_give_up(struct comet *c) {
    if (!c->restoring) return ASSAY_OK;
    restoring_forget(c);
    return renew(c);
}

/* Of a state that came as a snapshot the last block is not here until the next one is. */
static assay_err has_executed(bool *out, validator *v) {
    assay_arena scratch = v->app_arena;
    assay_bytes block;
    *out = false;
    if (!v->chain || v->chain->height == 0) return ASSAY_OK;
    assay_err err = store_block_at(v, &block, NULL, &scratch, (uint64_t)v->chain->height);
    *out = err == ASSAY_OK;
    return err == ASSAY_E_NOT_FOUND ? ASSAY_OK : err;
}

static assay_err offer(struct comet *c, assay_abci_offer *out, const assay_abci_snapshot *s, assay_hash app_hash) {
    validator *v = c->owner;
    *out = ASSAY_ABCI_OFFER_REJECT;
    if (s->format != FORMAT) return *out = ASSAY_ABCI_OFFER_REJECT_FORMAT, ASSAY_OK;
    assay_hash hash = assay_crypto_sha256_one(s->metadata);
    bool fits = s->chunks > 0 && s->chunks <= CHUNKS_MAX && s->metadata.len == (size_t)s->chunks * ASSAY_HASH_LEN &&
                s->height > 0 && s->height <= INT64_MAX && assay_base_bytes_eq(s->hash, assay_base_hash_bytes(&hash));
    if (!fits) return ASSAY_OK;
    /* A node that executed blocks executes the rest. One that only took a state in is offered one again by a CometBFT
     * that was killed before it had noted that: it stood there for ever if that were refused. */
    bool executed;
    ASSAY_TRY(has_executed(&executed, v));
    if (executed) return *out = ASSAY_ABCI_OFFER_ABORT, ASSAY_OK;
    restoring_forget(c);
    ASSAY_TRY(renew(c));
    struct restoring *r = calloc(1, sizeof *r);
    if (!r) return ASSAY_F_MEMORY;
    *r = (struct restoring){.under_way = true, .height = s->height, .app_hash = app_hash, .chunks = s->chunks};
    c->restoring = r;
    r->list = malloc(s->metadata.len);
    if (!r->list) return ASSAY_F_MEMORY;
    memcpy(r->list, s->metadata.ptr, s->metadata.len);
    node_log(v->node, "takes in the state of height %llu: %u chunks", (unsigned long long)s->height, s->chunks);
    *out = ASSAY_ABCI_OFFER_ACCEPT;
    return ASSAY_OK;
}

assay_err snapshots_offer(void *context, assay_abci_offer *out, const assay_abci_snapshot *snapshot,
                          assay_hash app_hash) {
    struct comet *c = context;
    assay_os_mutex_lock(&c->app_lock);
    atomic_store(&c->spoken, true);
    assay_err err = offer(c, out, snapshot, app_hash);
    assay_os_mutex_unlock(&c->app_lock);
    return err;
}

static assay_err take_row(struct comet *c, uint64_t kind, assay_bytes key, assay_bytes value) {
    validator *v = c->owner;
    struct restoring *r = c->restoring;
    uint64_t index;
    switch (kind) {
    case ROW_VALUE: return assay_state_put(v->state, key, value);
    case ROW_SIDE: return assay_state_side_put(v->state, key, value);
    case ROW_LOG: return key.len ? ASSAY_E_ENCODING : assay_state_log_append(v->state, value, &index);
    case ROW_CHAIN:
        if (key.len || r->chain || value.len == 0) return ASSAY_E_ENCODING;
        r->chain = malloc(value.len);
        if (!r->chain) return ASSAY_F_MEMORY;
        memcpy(r->chain, value.ptr, value.len);
        r->chain_len = value.len;
        return ASSAY_OK;
    default: return ASSAY_E_ENCODING;
    }
}

static assay_err take_part(assay_bytes *out, assay_bytes *rest) {
    uint64_t len;
    ASSAY_TRY(assay_codec_get_varint(&len, rest, ASSAY_CODEC_STRICT));
    if (len > rest->len) return ASSAY_E_ENCODING;
    *out = (assay_bytes){rest->ptr, (size_t)len};
    *rest = (assay_bytes){rest->ptr + len, rest->len - (size_t)len};
    return ASSAY_OK;
}

/* What every chunk writes, and the last one more: the height, the chain, and its sets. */
static assay_err fill(void *context, assay_store_batch *batch) {
    struct comet *c = context;
    validator *v = c->owner;
    struct restoring *r = c->restoring;
    if (!r->last) return assay_state_commit(v->state, 0, assay_store_state_writer(batch));
    ASSAY_TRY(assay_state_commit(v->state, r->height, assay_store_state_writer(batch)));
    return archive_restored(batch, &r->decoded, v->app_arena);
}

static assay_err put_away(struct comet *c) {
    ASSAY_TRY(assay_store_write(c->owner->store, fill, c));
    assay_state_committed(c->owner->state);
    return ASSAY_OK;
}

/* A chunk may be of rows as small as its sender likes. */
static assay_err take_rows(struct comet *c, assay_bytes rest) {
    for (uint32_t rows = 1; rest.len; rows++) {
        uint64_t kind;
        assay_bytes key, value;
        ASSAY_TRY(assay_codec_get_varint(&kind, &rest, ASSAY_CODEC_STRICT));
        ASSAY_TRY(take_part(&key, &rest));
        ASSAY_TRY(take_part(&value, &rest));
        ASSAY_TRY(take_row(c, kind, key, value));
        if (rows % ROWS_AT_ONCE != 0) continue;
        assay_hash root, log_root;
        uint64_t log_size;
        ASSAY_TRY(assay_state_prepare(c->owner->state, &root, &log_size, &log_root));
        ASSAY_TRY(put_away(c));
    }
    return ASSAY_OK;
}

/* Exactly those with power at that height, as the state says that was proven. */
static assay_err set_fits(const validator *v, const assay_validator_set *set, uint64_t height) {
    assay_rule_view view = assay_rule_view_state(v->state);
    assay_staking_counted counted = {0};
    for (uint32_t i = 0; i < set->count; i++) {
        const assay_validator *one = &set->validators[i];
        assay_staking_validator who;
        bool found;
        ASSAY_TRY(assay_staking_by_consensus(view, &who, &found, one->address));
        if (!found || memcmp(who.consensus_key.b, one->public_key.b, sizeof one->public_key.b) != 0)
            return ASSAY_E_PROOF;
        ASSAY_TRY(assay_staking_counted_at(view, &counted, who.owner, height));
        if (counted.power != one->power) return ASSAY_E_PROOF;
    }
    return set->total_power == counted.total_power ? ASSAY_OK : ASSAY_E_PROOF;
}

/* The chain that came along has to be that of this height and of the state that was rebuilt; and so do its validators,
 * for of them trust.json is made. */
static assay_err chain_of(struct comet *c) {
    struct restoring *r = c->restoring;
    validator *v = c->owner;
    assay_arena memory = v->chain_arenas[0];
    assay_bytes copy;
    if (!r->chain) return ASSAY_E_ENCODING;
    assay_err err = assay_base_arena_copy(&copy, &memory, (assay_bytes){r->chain, r->chain_len});
    if (err == ASSAY_OK) err = assay_bft_chain_decode(&r->decoded, &memory, copy);
    if (err == ASSAY_F_MEMORY) return ASSAY_E_LIMIT; /* there is room for every chain that can be */
    ASSAY_TRY(err);
    bool same = (uint64_t)r->decoded.height == r->height && assay_base_hash_eq(r->decoded.app_hash, r->app_hash) &&
                assay_base_bytes_eq(r->decoded.chain_id, assay_base_bytes_str(v->node->chain_id));
    if (!same) return ASSAY_E_PROOF;
    ASSAY_TRY(set_fits(v, &r->decoded.last_validators, r->height));
    ASSAY_TRY(set_fits(v, &r->decoded.validators, r->height + 1));
    return set_fits(v, &r->decoded.next_validators, r->height + 2);
}

static assay_err take_chunk(struct comet *c, assay_bytes chunk) {
    validator *v = c->owner;
    struct restoring *r = c->restoring;
    assay_hash root, log_root;
    uint64_t log_size;
    ASSAY_TRY(take_rows(c, chunk));
    ASSAY_TRY(assay_state_prepare(v->state, &root, &log_size, &log_root));
    r->last = r->next + 1 == r->chunks;
    if (r->last) {
        if (!assay_base_hash_eq(assay_app_hash(root, log_size, log_root), r->app_hash)) return ASSAY_E_PROOF;
        ASSAY_TRY(chain_of(c));
    }
    return put_away(c);
}

static assay_err finish(struct comet *c) {
    validator *v = c->owner;
    struct restoring *r = c->restoring;
    v->chains[0] = r->decoded;
    v->chain = &v->chains[0];
    v->chain_slot = 0;
    ASSAY_TRY(validator_ledger_reopen(v));
    atomic_store(&v->height, (unsigned long long)r->height);
    node_log(v->node, "has the state of height %llu", (unsigned long long)r->height);
    restoring_forget(c);
    application_restored(c);
    return ASSAY_OK;
}

static assay_err apply(struct comet *c, assay_abci_apply *out, uint32_t index, assay_bytes chunk) {
    struct restoring *r = c->restoring;
    *out = ASSAY_ABCI_APPLY_ABORT;
    if (!r || index != r->next) return ASSAY_OK; /* CometBFT applies them in order */
    assay_hash hash = assay_crypto_sha256_one(chunk);
    if (memcmp(hash.b, r->list + (size_t)index * ASSAY_HASH_LEN, ASSAY_HASH_LEN) != 0)
        return *out = ASSAY_ABCI_APPLY_RETRY, ASSAY_OK;
    assay_err err = take_chunk(c, chunk);
    if (err != ASSAY_OK) assay_state_discard(c->owner->state);
    if (err != ASSAY_OK && !assay_base_err_is_fault(err)) {
        node_log(c->owner->node, "a snapshot is refused: %s", assay_base_err_text(err));
        restoring_forget(c);
        ASSAY_TRY(renew(c)); /* as if it had never been offered */
        return *out = ASSAY_ABCI_APPLY_REJECT_SNAPSHOT, ASSAY_OK;
    }
    ASSAY_TRY(err);
    *out = ASSAY_ABCI_APPLY_ACCEPT;
    return ++r->next == r->chunks ? finish(c) : ASSAY_OK;
}

assay_err snapshots_apply(void *context, assay_abci_apply *out, uint32_t index, assay_bytes chunk) {
    struct comet *c = context;
    assay_os_mutex_lock(&c->app_lock);
    assay_err err = apply(c, out, index, chunk);
    assay_os_mutex_unlock(&c->app_lock);
    return err;
}
