/* SPDX-License-Identifier: Apache-2.0
 *
 * Models in memory, for the tests of the ledger: files of made-up bytes, their manifest, a validator's custody of them,
 * and openings, computed from crypto and types alone, as anybody would who has the bytes. */
#ifndef ASSAY_LEDGER_TEST_WORKS_INTERNAL_H
#define ASSAY_LEDGER_TEST_WORKS_INTERNAL_H

#include "chain_internal.h"

enum { WORK_FILES_MAX = 4, WORK_FILE_LEN_MAX = 9000 };

typedef struct work {
    const char *name;
    const char *version;
    uint32_t files;
    assay_file_leaf leaves[WORK_FILES_MAX];
    uint8_t bytes[WORK_FILES_MAX][WORK_FILE_LEN_MAX];
    assay_hash root;
    uint64_t size;
    uint64_t chunks;
} work;

/* A validator's custody of a work. */
typedef struct custody {
    assay_hash key;
    assay_hash keyed[WORK_FILES_MAX];
    assay_hash root;
} custody;

static inline assay_bytes work_file(const work *w, uint32_t i) { return (assay_bytes){w->bytes[i], w->leaves[i].size}; }

/* Four files: one of many chunks with a ragged end, one of exactly two, one of none, one of a few bytes. */
static inline void work_make(work *w, const char *name, const char *version, uint32_t seed) {
    static const char *const paths[WORK_FILES_MAX] = {"config.json", "model.bin", "notes.txt", "weights/a.bin"};
    static const uint64_t sizes[WORK_FILES_MAX] = {2048, 9000 - 333, 0, 17};
    memset(w, 0, sizeof *w);
    w->name = name;
    w->version = version;
    w->files = WORK_FILES_MAX;
    for (uint32_t i = 0; i < w->files; i++) {
        assay_file_leaf *leaf = &w->leaves[i];
        for (uint64_t k = 0; k < sizes[i]; k++) w->bytes[i][k] = (uint8_t)(seed * 31 + i * 7 + k * k + (k >> 8));
        assay_bytes content = {w->bytes[i], sizes[i]};
        *leaf = (assay_file_leaf){
            .path = assay_base_bytes_str(paths[i]),
            .size = sizes[i],
            .sha256 = assay_crypto_sha256_one(content),
            .blake3 = assay_crypto_blake3(NULL, content),
            .chunks_before = w->chunks,
        };
        w->size += sizes[i];
        w->chunks += assay_file_chunks(sizes[i]);
    }
    uint8_t scratch[4096];
    assay_manifest manifest = {.format = 1, .files = w->leaves, .files_count = w->files};
    REQUIRE(assay_manifest_root(&w->root, &manifest, assay_base_arena(scratch, sizeof scratch)) == ASSAY_OK);
}

static inline assay_msg_register work_register(const work *w) {
    return (assay_msg_register){
        .name = assay_base_bytes_str(w->name),
        .version = assay_base_bytes_str(w->version),
        .root = w->root,
        .size = w->size,
        .files = w->files,
        .chunks = w->chunks,
        .source = ASSAY_STR("somewhere"),
    };
}

static inline void work_custody(const work *w, custody *out, assay_public_key attestation_key,
                                assay_hash recorded_block) {
    assay_hash leaves[WORK_FILES_MAX];
    out->key = assay_custody_key(attestation_key, recorded_block);
    for (uint32_t i = 0; i < w->files; i++) leaves[i] = out->keyed[i] = assay_crypto_blake3(&out->key, work_file(w, i));
    out->root = assay_custody_root(leaves, w->files);
}

/* ---- openings ------------------------------------------------------------------------------------------------ */

/* The memory that an entry's paths live in. */
typedef struct work_paths {
    assay_merkle_path file, custody;
    assay_blake3_path plain, keyed;
} work_paths;

static inline void work_chunk_path(assay_blake3_path *out, const assay_hash *key, assay_bytes file, uint64_t chunk) {
    assay_hash cvs[16];
    uint64_t chunks = assay_file_chunks(file.len);
    for (uint64_t i = 0; i < chunks && chunks > 1; i++) {
        size_t from = (size_t)i * ASSAY_BLAKE3_CHUNK_LEN, len = file.len - from;
        if (len > ASSAY_BLAKE3_CHUNK_LEN) len = ASSAY_BLAKE3_CHUNK_LEN;
        cvs[i] = assay_crypto_blake3_subtree(key, (assay_bytes){file.ptr + from, len}, i);
    }
    REQUIRE(assay_crypto_blake3_path_from_cvs(out, key, cvs, file.len, chunk) == ASSAY_OK);
}

static inline void work_file_path(assay_merkle_path *out, const work *w, uint32_t file) {
    assay_hash leaves[WORK_FILES_MAX];
    for (uint32_t i = 0; i < w->files; i++) {
        uint8_t memory[2048];
        assay_buf text = {memory, 0, sizeof memory};
        REQUIRE(assay_codec_encode(&text, &assay_file_leaf_message, &w->leaves[i], ASSAY_CODEC_STRICT) == ASSAY_OK);
        leaves[i] = assay_merkle_leaf((assay_bytes){text.ptr, text.len});
    }
    assay_merkle_path_of(out, leaves, w->files, file);
}

/* One drawn chunk with everything that binds it. */
static inline assay_opening_entry work_entry(const work *w, const custody *mine, work_paths *paths, uint64_t chunk) {
    uint32_t file = 0;
    while (file + 1 < w->files && w->leaves[file + 1].chunks_before <= chunk) file++;
    uint64_t local = chunk - w->leaves[file].chunks_before;
    size_t from = (size_t)local * ASSAY_BLAKE3_CHUNK_LEN, len = (size_t)w->leaves[file].size - from;
    if (len > ASSAY_BLAKE3_CHUNK_LEN) len = ASSAY_BLAKE3_CHUNK_LEN;
    work_file_path(&paths->file, w, file);
    work_chunk_path(&paths->plain, NULL, work_file(w, file), local);
    work_chunk_path(&paths->keyed, &mine->key, work_file(w, file), local);
    assay_hash leaves[WORK_FILES_MAX];
    for (uint32_t i = 0; i < w->files; i++) leaves[i] = assay_merkle_leaf(assay_base_hash_bytes(&mine->keyed[i]));
    assay_merkle_path_of(&paths->custody, leaves, w->files, file);
    return (assay_opening_entry){
        .chunk = chunk,
        .content = {w->bytes[file] + from, len},
        .file_idx = file,
        .file = w->leaves[file],
        .file_path = (uint8_t (*)[32])paths->file.hashes,
        .file_path_count = paths->file.count,
        .plain_path = (uint8_t (*)[32])paths->plain.siblings,
        .plain_path_count = paths->plain.count,
        .keyed_path = (uint8_t (*)[32])paths->keyed.siblings,
        .keyed_path_count = paths->keyed.count,
        .custody_path = (uint8_t (*)[32])paths->custody.hashes,
        .custody_path_count = paths->custody.count,
    };
}

/* ---- with a chain -------------------------------------------------------------------------------------------- */

static inline assay_version_record work_record(chain *c, const work *w) {
    assay_version_record record;
    bool found;
    REQUIRE(assay_models_version(chain_view(c), &record, &found, assay_base_bytes_str(w->name),
                                 assay_base_bytes_str(w->version)) == ASSAY_OK);
    REQUIRE(found);
    return record;
}

/* A validator's check of a work; draws in memory that the next call reuses. *found tells. */
static inline assay_models_check_record work_check_of(chain *c, const work *w, uint32_t validator, bool *found) {
    static _Thread_local uint8_t memory[65536];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_models_check_row *rows;
    uint32_t count;
    *found = false;
    REQUIRE(assay_models_checks(&rows, &count, &keep, chain_view(c), assay_base_bytes_str(w->name),
                                assay_base_bytes_str(w->version), CHAIN_VALIDATORS_MAX) == ASSAY_OK);
    for (uint32_t i = 0; i < count; i++) {
        if (!assay_base_address_eq(rows[i].validator, c->owners[validator].address)) continue;
        *found = true;
        return rows[i].check;
    }
    return (assay_models_check_record){0};
}

static inline uint32_t work_check_state(chain *c, const work *w, uint32_t validator) {
    bool found;
    return work_check_of(c, w, validator, &found).state;
}

/* Adds a check to the next block: of true custody, or of a root that was made up. */
static inline uint32_t work_add_check(chain *c, const work *w, uint32_t validator, bool lazy) {
    custody mine;
    work_custody(w, &mine, c->attestation[validator].key, work_record(c, w).recorded_block);
    if (lazy) mine.root.b[0] ^= 1;
    assay_msg_check check = {assay_base_bytes_str(w->name), assay_base_bytes_str(w->version), w->root, mine.root};
    return chain_add(c, &c->attestation[validator], (assay_tx_body){.check = &check});
}

/* The opening that a validator's node would make of its duty: all draws in order. The caller may spoil it before
 * signing. */
typedef struct work_opening {
    custody mine;
    work_paths paths[ASSAY_OPENING_ENTRIES_MAX];
    assay_opening_entry entries[ASSAY_OPENING_ENTRIES_MAX];
    assay_msg_opening message;
} work_opening;

static inline void work_open(chain *c, const work *w, uint32_t validator, work_opening *out) {
    bool found;
    assay_models_check_record check = work_check_of(c, w, validator, &found);
    REQUIRE(found);
    work_custody(w, &out->mine, c->attestation[validator].key, work_record(c, w).recorded_block);
    uint32_t count = 0;
    for (uint32_t draw = 0; draw < check.draws_count; draw++) {
        assay_hash block;
        memcpy(block.b, check.draws[draw], sizeof block.b);
        for (uint32_t i = 0; i < check.chunks_per_draw; i++, count++) {
            uint64_t chunk = assay_draw_chunk(block, check.id, i, w->chunks);
            out->entries[count] = work_entry(w, &out->mine, &out->paths[count], chunk);
        }
    }
    out->message =
        (assay_msg_opening){assay_base_bytes_str(w->name), assay_base_bytes_str(w->version), out->entries, count};
}

static inline uint32_t work_add_opening(chain *c, const work *w, uint32_t validator) {
    static _Thread_local work_opening opening;
    work_open(c, w, validator, &opening);
    return chain_add(c, &c->attestation[validator], (assay_tx_body){.opening = &opening.message});
}

#endif
