/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads spec/vectors/comet: one JSON array a file, one case a row (README.md there). Every reader fails the test when a
 * field is missing, so that a renamed field cannot become a check of nothing. */
#ifndef ASSAY_TYPES_VECTORS_INTERNAL_H
#define ASSAY_TYPES_VECTORS_INTERNAL_H

#include "types/types.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint8_t vectors_memory[1 << 25];

/* All memory of one case. */
static inline assay_arena vectors_arena(void) { return assay_base_arena(vectors_memory, sizeof vectors_memory); }

static inline json_t *vectors_load(const char *kind) {
    char path[512];
    snprintf(path, sizeof path, "%s/spec/vectors/comet/%s.json", ASSAY_SOURCE_DIR, kind);
    json_error_t error;
    json_t *rows = json_load_file(path, 0, &error);
    if (!rows) fail_msg("%s: %s", path, error.text);
    assert_true(json_is_array(rows) && json_array_size(rows) > 0);
    return rows;
}

/* Runs check on each row of a file and says how many there were. */
static inline void each(const char *kind, void (*check)(const json_t *row, assay_arena keep)) {
    json_t *rows = vectors_load(kind);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) check(row, vectors_arena());
    print_message("%s: %zu cases\n", kind, json_array_size(rows));
    json_decref(rows);
}

static inline json_t *field(const json_t *row, const char *key) {
    json_t *value = json_object_get(row, key);
    if (!value) fail_msg("no field %s", key);
    return value;
}

static inline const char *text_of(const json_t *row, const char *key) {
    const char *text = json_string_value(field(row, key));
    if (!text) fail_msg("%s is no string", key);
    return text;
}

static inline const char *name_of(const json_t *row) { return text_of(row, "name"); }

static inline bool flag_of(const json_t *row, const char *key) {
    assert_true(json_is_boolean(field(row, key)));
    return json_is_true(field(row, key));
}

static inline size_t count_of(const json_t *row, const char *key) {
    assert_true(json_is_array(field(row, key)));
    return json_array_size(field(row, key));
}

static inline const json_t *item_of(const json_t *row, const char *key, size_t i) {
    const json_t *item = json_array_get(field(row, key), i);
    assert_non_null(item);
    return item;
}

/* A decimal string or a JSON number. */
static inline int64_t number_value(const json_t *value) {
    if (json_is_integer(value)) return json_integer_value(value);
    const char *text = json_string_value(value);
    assert_non_null(text);
    bool negative = text[0] == '-';
    uint64_t digits;
    assert_int_equal(assay_base_undecimal(&digits, assay_base_bytes_str(text + negative)), ASSAY_OK);
    return negative ? (int64_t)(0 - digits) : (int64_t)digits;
}

static inline int64_t number_of(const json_t *row, const char *key) { return number_value(field(row, key)); }

static inline assay_bytes unhex(const char *hex, assay_arena *keep) {
    size_t len = strlen(hex) / 2;
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, len + 1);
    assert_non_null(bytes);
    assert_int_equal(assay_base_unhex(bytes, len, assay_base_bytes_str(hex)), ASSAY_OK);
    return (assay_bytes){bytes, len};
}

static inline assay_bytes bytes_of(const json_t *row, const char *key, assay_arena *keep) {
    return unhex(text_of(row, key), keep);
}

/* Hex of exactly len bytes, or none, which is zeros. */
static inline void fixed_value(uint8_t *out, size_t len, const char *hex) {
    memset(out, 0, len);
    if (hex[0] == 0) return;
    assert_int_equal(assay_base_unhex(out, len, assay_base_bytes_str(hex)), ASSAY_OK);
}

static inline assay_hash hash_value(const char *hex) {
    assay_hash out;
    fixed_value(out.b, sizeof out.b, hex);
    return out;
}

static inline assay_hash hash_of(const json_t *row, const char *key) { return hash_value(text_of(row, key)); }

static inline assay_address address_of(const json_t *row, const char *key) {
    assay_address out;
    fixed_value(out.b, sizeof out.b, text_of(row, key));
    return out;
}

static inline assay_public_key key_of(const json_t *row, const char *key) {
    assay_public_key out;
    fixed_value(out.b, sizeof out.b, text_of(row, key));
    return out;
}

static inline assay_signature signature_of(const json_t *row, const char *key) {
    assay_signature out;
    fixed_value(out.b, sizeof out.b, text_of(row, key));
    return out;
}

static inline assay_time time_of(const json_t *row) {
    return (assay_time){number_of(row, "time_seconds"), (int32_t)number_of(row, "time_nanos")};
}

static inline assay_block_id block_id_of(const json_t *row, const char *prefix) {
    char key[64];
    assay_block_id id;
    snprintf(key, sizeof key, "%s_hash", prefix);
    id.hash = hash_of(row, key);
    snprintf(key, sizeof key, "%s_parts_total", prefix);
    id.parts_total = (uint32_t)number_of(row, key);
    snprintf(key, sizeof key, "%s_parts_hash", prefix);
    id.parts_hash = hash_of(row, key);
    return id;
}

static inline assay_vote vote_of(const json_t *row) {
    return (assay_vote){.type = (uint32_t)number_of(row, "type"),
                        .height = number_of(row, "height"),
                        .round = (int32_t)number_of(row, "round"),
                        .block_id = block_id_of(row, "block_id"),
                        .timestamp = time_of(row),
                        .validator = address_of(row, "validator_address"),
                        .validator_index = (int32_t)number_of(row, "validator_index"),
                        .signature = signature_of(row, "signature")};
}

/* A time in a commit: Go's zero time of an absent signature is our zero. */
static inline assay_commit commit_of(const json_t *row, assay_arena *keep) {
    assay_commit commit = {.height = number_of(row, "commit_height"),
                           .round = (int32_t)number_of(row, "commit_round"),
                           .block_id = block_id_of(row, "block_id"),
                           .sigs_count = (uint32_t)count_of(row, "signatures")};
    commit.sigs = ASSAY_NEW(keep, assay_commit_sig, commit.sigs_count);
    assert_non_null(commit.sigs);
    for (uint32_t i = 0; i < commit.sigs_count; i++) {
        const json_t *sig = item_of(row, "signatures", i);
        commit.sigs[i] = (assay_commit_sig){.flag = (uint32_t)number_of(sig, "block_id_flag"),
                                            .validator = address_of(sig, "validator_address"),
                                            .timestamp = time_of(sig),
                                            .signature = signature_of(sig, "signature")};
        if (commit.sigs[i].flag == ASSAY_FLAG_ABSENT) {
            assert_int_equal(commit.sigs[i].timestamp.seconds, INT64_C(-62135596800));
            commit.sigs[i].timestamp = (assay_time){0};
        }
    }
    return commit;
}

/* The header of a row; app_hash is 32 bytes or the row is not ours (header_is_ours). */
static inline assay_header header_of(const json_t *row, assay_arena *keep) {
    assay_header header = {.version_block = (uint64_t)number_of(row, "version_block"),
                           .version_app = (uint64_t)number_of(row, "version_app"),
                           .chain_id = assay_base_bytes_str(text_of(row, "chain_id")),
                           .height = number_of(row, "height"),
                           .time = time_of(row),
                           .last_block_id = block_id_of(row, "last_block_id"),
                           .last_commit_hash = hash_of(row, "last_commit_hash"),
                           .data_hash = hash_of(row, "data_hash"),
                           .validators_hash = hash_of(row, "validators_hash"),
                           .next_validators_hash = hash_of(row, "next_validators_hash"),
                           .consensus_hash = hash_of(row, "consensus_hash"),
                           .last_results_hash = hash_of(row, "last_results_hash"),
                           .evidence_hash = hash_of(row, "evidence_hash"),
                           .proposer = address_of(row, "proposer_address")};
    assay_bytes app_hash = bytes_of(row, "app_hash", keep);
    if (app_hash.len == ASSAY_HASH_LEN) memcpy(header.app_hash.b, app_hash.ptr, app_hash.len);
    return header;
}

/* The validators of a row's list, with no address or priority, as input. */
static inline assay_validator *input_of(const json_t *row, const char *key, assay_arena *keep) {
    size_t count = count_of(row, key);
    assay_validator *out = ASSAY_NEW(keep, assay_validator, count);
    assert_non_null(out);
    for (size_t i = 0; i < count; i++) {
        out[i].public_key = key_of(item_of(row, key, i), "pub_key");
        out[i].power = (uint64_t)number_of(item_of(row, key, i), "power");
    }
    return out;
}

/* The set that a row lists in order, with addresses and priorities; proposer 0. */
static inline assay_validator_set set_of(const json_t *row, const char *key, assay_arena *keep) {
    assay_validator_set set = {.validators = input_of(row, key, keep), .count = (uint32_t)count_of(row, key)};
    for (uint32_t i = 0; i < set.count; i++) {
        set.validators[i].address = address_of(item_of(row, key, i), "address");
        set.validators[i].priority = number_of(item_of(row, key, i), "priority");
        set.total_power += set.validators[i].power;
    }
    return set;
}

/* ---- comparing ----------------------------------------------------------------------------------------------- */

static inline void expect_bytes(const char *where, const char *what, assay_bytes got, assay_bytes wanted) {
    if (assay_base_bytes_eq(got, wanted)) return;
    size_t at = 0;
    while (at < got.len && at < wanted.len && got.ptr[at] == wanted.ptr[at]) at++;
    fail_msg("%s: %s: %zu bytes instead of %zu, the first that differs is %zu", where, what, got.len, wanted.len, at);
}

static inline void expect_hash(const char *where, const char *what, assay_hash got, assay_hash wanted) {
    expect_bytes(where, what, assay_base_hash_bytes(&got), assay_base_hash_bytes(&wanted));
}

static inline void expect_ok(const char *where, const char *what, assay_err err) {
    if (err != ASSAY_OK) fail_msg("%s: %s: %s %s", where, what, assay_base_err_code(err), assay_base_err_text(err));
}

static inline void expect_err(const char *where, assay_err err, assay_err wanted) {
    if (err != wanted) fail_msg("%s: %s instead of %s", where, assay_base_err_code(err), assay_base_err_code(wanted));
}

/* A buffer of len bytes from an arena. */
static inline assay_buf buf_new(assay_arena *keep, size_t len) {
    assay_buf out = {ASSAY_NEW(keep, uint8_t, len), 0, len};
    assert_non_null(out.ptr);
    return out;
}

static inline assay_bytes buf_bytes(const assay_buf *buf) { return (assay_bytes){buf->ptr, buf->len}; }

#endif
