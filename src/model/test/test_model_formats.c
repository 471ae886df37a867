/* SPDX-License-Identifier: Apache-2.0
 * Readers of tensor files against what the formats' own libraries say (spec/vectors/model/formats.json), and the places
 * that errors name. */
#include "base/base.h"
#include "codec/codec.h"
#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

typedef assay_err (*reader)(assay_model_entries *, assay_arena *, assay_model_where *, assay_bytes);

static uint8_t memory[32 << 20];

static json_t *load(void) {
    json_error_t error;
    json_t *root = json_load_file(ASSAY_SOURCE_DIR "/spec/vectors/model/formats.json", 0, &error);
    if (!root) fail_msg("%s at line %d", error.text, error.line);
    return root;
}

static int compare_offset(const void *a, const void *b) {
    const assay_model_entry *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return assay_base_bytes_cmp(x->name, y->name);
}

static void check_entry(const char *vector, const assay_model_entry *entry, json_t *want) {
    json_t *shape = json_object_get(want, "shape"), *offset = json_object_get(want, "offset");
    const char *location = json_string_value(json_object_get(want, "location"));
    const char *name = json_string_value(json_object_get(want, "name"));
    if (!assay_base_bytes_eq(entry->name, assay_base_bytes_str(name)))
        fail_msg("%s: \"%.*s\" is not \"%s\"", vector, (int)entry->name.len, (const char *)entry->name.ptr, name);
    assert_true(
        assay_base_bytes_eq(entry->dtype, assay_base_bytes_str(json_string_value(json_object_get(want, "dtype")))));
    assert_int_equal(entry->shape_count, json_array_size(shape));
    for (uint32_t i = 0; i < entry->shape_count; i++)
        assert_int_equal(entry->shape[i], json_integer_value(json_array_get(shape, i)));
    assert_int_equal(entry->length, json_integer_value(json_object_get(want, "length")));
    assert_true(assay_base_bytes_eq(entry->location, assay_base_bytes_str(location ? location : "")));
    if (!json_is_null(offset)) assert_int_equal(entry->offset, json_integer_value(offset));
}

/* Runs all vectors of a format; returns how many there were. */
static size_t run_vectors(json_t *root, const char *format, reader read, bool sorted) {
    json_t *rows = json_object_get(root, format), *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        const char *name = json_string_value(json_object_get(row, "name"));
        assay_arena arena = assay_base_arena(memory, sizeof memory);
        assay_bytes file;
        json_t *text = json_object_get(row, "file");
        assay_bytes base64 = {(const uint8_t *)json_string_value(text), json_string_length(text)};
        assert_int_equal(assay_codec_base64_get(&file, &arena, base64), ASSAY_OK);
        /* An exact-size copy: a read beyond the end is seen under AddressSanitizer. */
        uint8_t *exact = malloc(file.len ? file.len : 1);
        if (file.len) memcpy(exact, file.ptr, file.len);
        assay_model_entries entries;
        assay_model_where where = {0};
        assay_err err = read(&entries, &arena, &where, (assay_bytes){exact, file.len});
        if (json_is_true(json_object_get(row, "accept"))) {
            if (err) fail_msg("%s, %s: refused: %s", format, name, where.what ? where.what : "?");
            json_t *tensors = json_object_get(row, "tensors");
            assert_int_equal(entries.count, json_array_size(tensors));
            if (sorted && entries.count) qsort(entries.rows, entries.count, sizeof *entries.rows, compare_offset);
            for (uint32_t k = 0; k < entries.count; k++)
                check_entry(name, &entries.rows[k], json_array_get(tensors, k));
        } else {
            if (err != ASSAY_E_HEADER && err != ASSAY_E_LIMIT) fail_msg("%s, %s: accepted (%d)", format, name, err);
            /* A person is told why, and where inside the file. */
            assert_non_null(where.what);
            assert_true(strlen(where.what) > 10 && where.offset <= file.len);
        }
        free(exact);
    }
    return i;
}

static void test_safetensors_vectors(void **state) {
    (void)state;
    json_t *root = load();
    assert_true(run_vectors(root, "safetensors", assay_model_safetensors, true) >= 70);
    json_decref(root);
}
static void test_onnx_vectors(void **state) {
    (void)state;
    json_t *root = load();
    assert_true(run_vectors(root, "onnx", assay_model_onnx, false) >= 30);
    json_decref(root);
}
static void test_gguf_vectors(void **state) {
    (void)state;
    json_t *root = load();
    assert_true(run_vectors(root, "gguf", assay_model_gguf, true) >= 30);
    json_decref(root);
}

/* Every prefix of every accepted file is refused, or is a whole file itself: ONNX may end between two fields, GGUF in
 * the padding after its last tensor. */
static void test_prefixes(void **state) {
    (void)state;
    static const struct {
        const char *format;
        reader read;
        bool may_end_early;
    } formats[] = {{"safetensors", assay_model_safetensors, false},
                   {"onnx", assay_model_onnx, true},
                   {"gguf", assay_model_gguf, true}};
    json_t *root = load(), *row;
    static uint8_t file_memory[1 << 16];
    size_t i;
    for (size_t f = 0; f < 3; f++) {
        json_array_foreach(json_object_get(root, formats[f].format), i, row) {
            if (!json_is_true(json_object_get(row, "accept"))) continue;
            assay_arena files = assay_base_arena(file_memory, sizeof file_memory);
            assay_bytes file;
            json_t *text = json_object_get(row, "file");
            assay_bytes base64 = {(const uint8_t *)json_string_value(text), json_string_length(text)};
            assert_int_equal(assay_codec_base64_get(&file, &files, base64), ASSAY_OK);
            for (size_t len = 0; len < file.len; len++) {
                uint8_t *exact = malloc(len ? len : 1);
                memcpy(exact, file.ptr, len);
                assay_arena arena = assay_base_arena(memory, 1 << 20);
                assay_model_entries entries;
                assay_model_where where = {0};
                assay_err err = formats[f].read(&entries, &arena, &where, (assay_bytes){exact, len});
                if (!formats[f].may_end_early && err != ASSAY_E_HEADER && err != ASSAY_E_LIMIT)
                    fail_msg("%s %zu", formats[f].format, len);
                if (err) assert_true(err == ASSAY_E_HEADER || err == ASSAY_E_LIMIT);
                free(exact);
            }
        }
    }
    json_decref(root);
}

static assay_bytes safetensors_file(const char *header, size_t data_len) {
    static uint8_t file[4096];
    size_t len = strlen(header);
    memset(file, 0, sizeof file);
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)(len >> (8 * i));
    memcpy(file + 8, header, len);
    return (assay_bytes){file, 8 + len + data_len};
}

static void expect_where(assay_bytes file, const char *what, const char *tensor, uint64_t offset, uint64_t length) {
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    assay_model_entries entries;
    assay_model_where where = {0};
    assert_int_equal(assay_model_safetensors(&entries, &arena, &where, file), ASSAY_E_HEADER);
    assert_string_equal(where.what, what);
    assert_true(assay_base_bytes_eq(where.tensor, assay_base_bytes_str(tensor)));
    assert_int_equal(where.offset, offset);
    assert_int_equal(where.length, length);
}

static void test_where(void **state) {
    (void)state;
#define A "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}"
    expect_where(safetensors_file(A "}", 1), "the tensor ends beyond the file", "a", 8 + sizeof A, 2);
    expect_where(safetensors_file(A "}", 3), "bytes follow the last tensor", "", 8 + sizeof A + 2, 1);
    expect_where(safetensors_file(A ",\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3),
                 "the tensor overlaps another", "b", 8 + 2 * sizeof A - 1 + 1, 1);
    expect_where(safetensors_file(A ",\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[4,6]}}", 6),
                 "there is a hole before the tensor", "b", 8 + 2 * sizeof A - 1 + 2, 2);
    expect_where(safetensors_file(A ",\"b\":[]}", 2), "a tensor is not an object", "b", 8 + sizeof A - 1 + 5, 0);
    expect_where(safetensors_file(A "x", 2), "the header is not JSON: a comma or closing bracket is missing", "",
                 8 + sizeof A - 1, 0);
    expect_where((assay_bytes){(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10},
                 "the header claims to be longer than 100 MB", "", 0, 8);
}

static void test_limits(void **state) {
    (void)state;
    static char header[4000];
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    assay_model_entries entries;
    assay_model_where where = {0};
    /* A name of 1024 bytes is taken, one of 1025 is not; sixteen dimensions, seventeen. */
    for (size_t over = 0; over < 2; over++) {
        int name_len = (int)(ASSAY_TENSOR_NAME_LEN_MAX + over);
        (void)snprintf(header, sizeof header, "{\"%0*d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                       name_len, 7);
        assay_bytes file = safetensors_file(header, 1);
        assert_int_equal(assay_model_safetensors(&entries, &arena, &where, file), over ? ASSAY_E_LIMIT : ASSAY_OK);
        int len = snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1");
        for (size_t i = 1; i < ASSAY_SHAPE_MAX + over; i++) len += snprintf(header + len, 100, ",1");
        (void)snprintf(header + len, 100, "],\"data_offsets\":[0,1]}}");
        file = safetensors_file(header, 1);
        assert_int_equal(assay_model_safetensors(&entries, &arena, &where, file), over ? ASSAY_E_LIMIT : ASSAY_OK);
    }
    assert_non_null(where.what);
    /* Too small an arena is a fault, not a verdict. */
    assay_arena tiny = assay_base_arena(memory, 100);
    assert_int_equal(assay_model_safetensors(&entries, &tiny, &where, safetensors_file(A "}", 2)), ASSAY_F_MEMORY);
#undef A
}

static void test_index(void **state) {
    (void)state;
    static const struct {
        const char *text;
        assay_err err;
        uint32_t count;
    } cases[] = {
        {"{\"metadata\":{\"total_size\":1.5e3,\"x\":[true,false,null,-0.5,\"\\u0041\"]},\"weight_map\":{\"a\":\"1."
         "safetensors\",\"b\":\"2.safetensors\"}}",
         ASSAY_OK, 2},
        {"{\"weight_map\":{}}", ASSAY_OK, 0},
        {"{}", ASSAY_E_HEADER, 0},
        {"", ASSAY_E_HEADER, 0},
        {"{\"weight_map\":[]}", ASSAY_E_HEADER, 0},
        {"{\"weight_map\":{\"a\":1}}", ASSAY_E_HEADER, 0},
        {"{\"weight_map\":{\"a\":\"x\",\"a\":\"y\"}}", ASSAY_E_HEADER, 0},
        {"{\"weight_map\":{},\"weight_map\":{}}", ASSAY_E_HEADER, 0},
        {"{\"weight_map\":{}}x", ASSAY_E_HEADER, 0},
        {"{\"m\":01,\"weight_map\":{}}", ASSAY_E_HEADER, 0},
        {"{\"m\":1.,\"weight_map\":{}}", ASSAY_E_HEADER, 0},
        {"{\"m\":-,\"weight_map\":{}}", ASSAY_E_HEADER, 0},
        {"{\"m\":1e,\"weight_map\":{}}", ASSAY_E_HEADER, 0},
        {"{\"m\":tru,\"weight_map\":{}}", ASSAY_E_HEADER, 0},
        {"{\"m\":[1,],\"weight_map\":{}}", ASSAY_E_HEADER, 0},
        {"{\"m\":{\"a\" 1},\"weight_map\":{}}", ASSAY_E_HEADER, 0},
        {"{\"m\":[}],\"weight_map\":{}}", ASSAY_E_HEADER, 0},
        {"{\"m\":\"\\x\",\"weight_map\":{}}", ASSAY_E_HEADER, 0},
        {"{\"m\":\"\\", ASSAY_E_HEADER, 0},
        {"{\"m\":[[[[[[{\"a\":[{}]},[]]]]]]],\"weight_map\":{\"q\":\"s\"}}", ASSAY_OK, 1},
        {"\xff", ASSAY_E_HEADER, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_arena arena = assay_base_arena(memory, sizeof memory);
        assay_model_entries entries;
        assay_model_where where = {0};
        assay_err err = assay_model_safetensors_index(&entries, &arena, &where, assay_base_bytes_str(cases[i].text));
        if (err != cases[i].err) fail_msg("%s: %d", cases[i].text, err);
        if (!err) assert_int_equal(entries.count, cases[i].count);
        if (err) assert_non_null(where.what);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safetensors_vectors),
        cmocka_unit_test(test_onnx_vectors),
        cmocka_unit_test(test_gguf_vectors),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
