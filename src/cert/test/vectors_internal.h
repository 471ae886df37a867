/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the light client's files of spec/vectors/comet (README.md there): one case a row. As in the tests of types a
 * field that is missing fails the test, so that a renamed one cannot become a check of nothing. */
#ifndef ASSAY_CERT_VECTORS_INTERNAL_H
#define ASSAY_CERT_VECTORS_INTERNAL_H

#include "cert/cert.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint8_t vectors_memory[1 << 22];

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

static inline assay_public_key key_of(const json_t *row, const char *key) {
    assay_public_key out;
    fixed_value(out.b, sizeof out.b, text_of(row, key));
    return out;
}

static inline assay_time time_of(const json_t *row) {
    return (assay_time){number_of(row, "time_seconds"), (int32_t)number_of(row, "time_nanos")};
}

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
