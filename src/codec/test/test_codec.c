/* SPDX-License-Identifier: Apache-2.0
 *
 * Vectors of the official protobuf implementation, every refusal, every bound, and what happens when memory ends. */
#include "golden_internal.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define STRICT ASSAY_CODEC_STRICT
#define COMET ASSAY_CODEC_COMET

static uint8_t memory[1 << 22];

/* ---- vectors ------------------------------------------------------------------------------------------------- */

static json_t *load(const char *file) {
    char path[512];
    snprintf(path, sizeof path, "%s/spec/vectors/codec/%s", ASSAY_SOURCE_DIR, file);
    json_error_t error;
    json_t *rows = json_load_file(path, 0, &error);
    if (!rows) fail_msg("%s: %s", path, error.text);
    assert_true(json_array_size(rows) > 50);
    return rows;
}

static const char *text_of(const json_t *row, const char *key) { return json_string_value(json_object_get(row, key)); }

static assay_bytes unhex(const char *hex, assay_arena *keep) {
    size_t len = strlen(hex) / 2;
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, len + 1);
    assert_non_null(bytes);
    assert_int_equal(assay_base_unhex(bytes, len, assay_base_bytes_str(hex)), ASSAY_OK);
    return (assay_bytes){bytes, len};
}

static const assay_codec_message *message_of(const json_t *row) {
    static const assay_codec_message *const all[] = {&leaf_message, &scalars_message, &fixed_message, &node_message,
                                                     &golden_message};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->name + strlen("assay.test."), text_of(row, "message")) == 0) return all[i];
    fail_msg("no table for %s", text_of(row, "message"));
    return NULL;
}

static void fill(uint8_t *value, const assay_codec_message *message, const json_t *json, assay_arena *keep);

/* Writes what a JSON value says into a member, an element or a message behind a pointer. */
static void fill_one(uint8_t *member, const assay_codec_field *row, const json_t *json, assay_arena *keep) {
    if (row->sub) {
        fill(member, row->sub, json, keep);
    } else if (json_is_boolean(json)) {
        bool flag = json_is_true(json);
        memcpy(member, &flag, sizeof flag);
    } else if (row->kind == ASSAY_CODEC_BYTES || row->kind == ASSAY_CODEC_REPEATED_BYTES) {
        assay_bytes bytes = unhex(json_string_value(json), keep);
        memcpy(member, &bytes, sizeof bytes);
    } else if (row->kind == ASSAY_CODEC_FIXED || row->kind == ASSAY_CODEC_FIXED_OPTIONAL ||
               row->kind == ASSAY_CODEC_REPEATED_FIXED) {
        memcpy(member, unhex(json_string_value(json), keep).ptr, row->size);
    } else {
        const char *digits = json_string_value(json);
        uint64_t v = *digits == '-' ? (uint64_t)strtoll(digits, NULL, 10) : strtoull(digits, NULL, 10);
        uint32_t low = (uint32_t)v;
        if (row->kind == ASSAY_CODEC_U32 || row->kind == ASSAY_CODEC_I32)
            memcpy(member, &low, sizeof low);
        else
            memcpy(member, &v, sizeof v);
    }
}

static void fill(uint8_t *value, const assay_codec_message *message, const json_t *json, assay_arena *keep) {
    size_t seen = 0;
    for (uint32_t i = 0; i < message->field_count; i++) {
        const assay_codec_field *row = &message->fields[i];
        char number[16];
        snprintf(number, sizeof number, "%u", row->number);
        const json_t *member = json_object_get(json, number);
        if (!member) continue;
        seen++;
        uint8_t *at = value + row->offset;
        if (row->kind < ASSAY_CODEC_MESSAGE_OPTIONAL) {
            fill_one(at, row, member, keep);
            continue;
        }
        bool array = row->kind != ASSAY_CODEC_MESSAGE_OPTIONAL;
        uint32_t count = array ? (uint32_t)json_array_size(member) : 1;
        size_t size = array ? golden_element_size(row) : row->sub->struct_size;
        uint8_t *elements = assay_base_arena_take(keep, size, count, _Alignof(max_align_t));
        assert_non_null(elements);
        memcpy(at, &elements, sizeof elements);
        if (array) memcpy(value + row->count_offset, &count, sizeof count);
        for (uint32_t k = 0; k < count; k++)
            fill_one(elements + k * size, row, array ? json_array_get(member, k) : member, keep);
    }
    assert_int_equal(seen, json_object_size(json));
}

/* encode(value) is the official bytes, decode(the official bytes) is the value, and so in both profiles. */
static void golden_vectors(void **state) {
    (void)state;
    json_t *rows = load("golden.json");
    size_t index;
    const json_t *row;
    json_array_foreach(rows, index, row) {
        assay_arena arena = assay_base_arena(memory, sizeof memory);
        const assay_codec_message *message = message_of(row);
        uint8_t *value = assay_base_arena_take(&arena, message->struct_size, 1, _Alignof(max_align_t));
        fill(value, message, json_object_get(row, "value"), &arena);
        assay_bytes want = unhex(text_of(row, "hex"), &arena);
        size_t k;
        const json_t *name;
        json_array_foreach(json_object_get(row, "profiles"), k, name) {
            bool strict = strcmp(json_string_value(name), "strict") == 0;
            assay_codec_profile profile = strict ? STRICT : COMET;
            assay_bytes got;
            assert_int_equal(assay_codec_encode_new(&got, &arena, message, value, profile), ASSAY_OK);
            if (!assay_base_bytes_eq(got, want)) fail_msg("%s: encoding differs", text_of(row, "name"));
            assert_int_equal(assay_codec_size(message, value, profile), want.len);
            uint8_t *back = assay_base_arena_take(&arena, message->struct_size, 1, _Alignof(max_align_t));
            assay_err err = assay_codec_decode(back, &arena, message, want, profile);
            if (err != ASSAY_OK) fail_msg("%s: %s", text_of(row, "name"), assay_base_err_code(err));
            if (!golden_same(message, value, back)) fail_msg("%s: value differs", text_of(row, "name"));
        }
    }
    json_decref(rows);
}

static void refused_case(const json_t *row, const assay_codec_message *message, assay_codec_profile profile) {
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    uint8_t *value = assay_base_arena_take(&arena, message->struct_size, 1, _Alignof(max_align_t));
    assay_bytes input = unhex(text_of(row, "hex"), &arena);
    assay_err err = assay_codec_decode(value, &arena, message, input, profile);
    const char *want = text_of(row, profile == STRICT ? "strict" : "comet");
    if (strcmp(assay_base_err_code(err), want) != 0)
        fail_msg("%s: %s instead of %s", text_of(row, "name"), assay_base_err_code(err), want);
    if (err != ASSAY_OK) return;
    assay_bytes again;
    assert_int_equal(assay_codec_encode_new(&again, &arena, message, value, profile), ASSAY_OK);
    assay_bytes expected = profile == STRICT ? input : unhex(text_of(row, "comet_hex"), &arena);
    if (!assay_base_bytes_eq(again, expected)) fail_msg("%s: re-encoding differs", text_of(row, "name"));
}

static void refusals(void **state) {
    (void)state;
    json_t *rows = load("refused.json");
    size_t index;
    const json_t *row;
    json_array_foreach(rows, index, row) {
        refused_case(row, message_of(row), STRICT);
        refused_case(row, message_of(row), COMET);
    }
    json_decref(rows);
}

/* ---- bounds and memory --------------------------------------------------------------------------------------- */

static void encode_fails(const assay_codec_message *message, const void *value, assay_err want) {
    uint8_t bytes[2048];
    memset(bytes, 0xaa, sizeof bytes);
    assay_buf out = {bytes, 3, sizeof bytes};
    for (int profile = STRICT; profile <= COMET; profile++) {
        assert_int_equal(assay_codec_encode(&out, message, value, (assay_codec_profile)profile), want);
        assert_int_equal(assay_codec_encode_delimited(&out, message, value, (assay_codec_profile)profile), want);
        assay_arena arena = assay_base_arena(memory, sizeof memory);
        assay_bytes made;
        assert_int_equal(assay_codec_encode_new(&made, &arena, message, value, (assay_codec_profile)profile), want);
        assert_ptr_equal(arena.at, memory);
    }
    assert_int_equal(out.len, 3);
    for (size_t i = 0; i < sizeof bytes; i++) assert_int_equal(bytes[i], 0xaa);
}

static void encode_keeps_to_the_bounds(void **state) {
    (void)state;
    leaf seven[7] = {{0}};
    encode_fails(&golden_message, &(golden){.leaves = seven, .leaves_count = 7}, ASSAY_E_RANGE);
    assay_bytes chunks[6] = {{0}};
    encode_fails(&golden_message, &(golden){.chunks = chunks, .chunks_count = 6}, ASSAY_E_RANGE);
    chunks[1] = (assay_bytes){memory, 41};
    encode_fails(&golden_message, &(golden){.chunks = chunks, .chunks_count = 2}, ASSAY_E_RANGE);
    uint8_t digests[5][4] = {{0}};
    encode_fails(&golden_message, &(golden){.digests = digests[0], .digests_count = 5}, ASSAY_E_RANGE);
    uint64_t numbers[9] = {0};
    encode_fails(&golden_message, &(golden){.numbers = numbers, .numbers_count = 9}, ASSAY_E_RANGE);
    encode_fails(&leaf_message, &(leaf){.label = {memory, 17}}, ASSAY_E_RANGE);
    leaf late[2] = {{1, {NULL, 0}}, {2, {memory, 17}}};
    encode_fails(&golden_message, &(golden){.leaves = late, .leaves_count = 2}, ASSAY_E_RANGE);

    node chain[13] = {{0}};
    for (size_t i = 0; i < 12; i++) chain[i].left = &chain[i + 1];
    encode_fails(&node_message, &chain[0], ASSAY_E_RANGE);
    for (size_t i = 0; i < 12; i++) chain[i] = (node){.children = &chain[i + 1], .children_count = 1};
    encode_fails(&node_message, &chain[0], ASSAY_E_RANGE);
    uint8_t bytes[64];
    assay_buf out = {bytes, 0, sizeof bytes};
    assert_int_equal(assay_codec_encode(&out, &node_message, &chain[1], STRICT), ASSAY_OK);
    assert_int_equal(out.len, 22);
}

static void encode_needs_exactly_its_size(void **state) {
    (void)state;
    leaf value = {300, ASSAY_STR("label")};
    uint8_t bytes[32];
    assert_int_equal(assay_codec_size(&leaf_message, &value, STRICT), 10);
    for (size_t cap = 0; cap < 10; cap++) {
        assay_buf out = {bytes, 0, cap};
        assert_int_equal(assay_codec_encode(&out, &leaf_message, &value, STRICT), ASSAY_F_MEMORY);
        assert_int_equal(assay_codec_encode_delimited(&out, &leaf_message, &value, STRICT), ASSAY_F_MEMORY);
        assert_int_equal(out.len, 0);
        assay_arena arena = assay_base_arena(memory, cap);
        assay_bytes made;
        assert_int_equal(assay_codec_encode_new(&made, &arena, &leaf_message, &value, STRICT), ASSAY_F_MEMORY);
    }
    /* Room counts from where the buffer is filled to. */
    assay_buf filled = {bytes, 3, 12};
    assert_int_equal(assay_codec_encode(&filled, &leaf_message, &value, STRICT), ASSAY_F_MEMORY);
    filled.cap = 13;
    assert_int_equal(assay_codec_encode(&filled, &leaf_message, &value, STRICT), ASSAY_OK);
    assert_true(filled.len == 13 && memcmp(bytes + 3, "\x08\xac\x02", 3) == 0);
    assay_buf out = {bytes, 0, 10};
    assert_int_equal(assay_codec_encode(&out, &leaf_message, &value, STRICT), ASSAY_OK);
    assert_memory_equal(bytes, "\x08\xac\x02\x12\x05label", 10);
    out.len = 0;
    assert_int_equal(assay_codec_encode_delimited(&out, &leaf_message, &value, COMET), ASSAY_F_MEMORY);
    out.cap = 11;
    assert_int_equal(assay_codec_encode_delimited(&out, &leaf_message, &value, COMET), ASSAY_OK);
    assert_memory_equal(bytes, "\x0a\x08\xac\x02\x12\x05label", 11);
}

static void an_empty_message_takes_nothing(void **state) {
    (void)state;
    leaf value = {0};
    assay_buf none = {NULL, 0, 0};
    assert_int_equal(assay_codec_encode(&none, &leaf_message, &value, STRICT), ASSAY_OK);
    assay_arena arena = assay_base_arena(memory, 0);
    assay_bytes made = ASSAY_STR("x");
    assert_int_equal(assay_codec_encode_new(&made, &arena, &leaf_message, &value, STRICT), ASSAY_OK);
    assert_true(made.ptr == NULL && made.len == 0);
    value.number = 9;
    assert_int_equal(assay_codec_decode(&value, &arena, &leaf_message, made, STRICT), ASSAY_OK);
    assert_int_equal(value.number, 0);
    uint8_t byte = 0xaa;
    assay_buf one = {&byte, 0, 1};
    assert_int_equal(assay_codec_encode_delimited(&one, &leaf_message, &value, STRICT), ASSAY_OK);
    assert_true(one.len == 1 && byte == 0);
}

/* Too little memory is a fault at every size, never a verdict; from the first size that suffices on, it is OK. */
static void decode_without_memory_is_a_fault(void **state) {
    (void)state;
    json_t *rows = load("golden.json");
    size_t index;
    const json_t *row;
    json_array_foreach(rows, index, row) {
        if (strncmp(text_of(row, "name"), "random", 6) != 0) continue;
        static uint8_t small[1 << 16];
        assay_arena arena = assay_base_arena(memory, sizeof memory);
        assay_bytes input = unhex(text_of(row, "hex"), &arena);
        golden value;
        assay_err err = ASSAY_F_MEMORY;
        for (size_t size = 0; err != ASSAY_OK; size += 8) {
            assert_true(size <= sizeof small);
            arena = assay_base_arena(small, size);
            err = assay_codec_decode(&value, &arena, &golden_message, input, STRICT);
            assert_true(err == ASSAY_OK || err == ASSAY_F_MEMORY);
        }
    }
    json_decref(rows);
}

static void lengths_without_bytes_take_no_memory(void **state) {
    (void)state;
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    golden value;
    static const uint8_t claims[] = {0x0a, 0, 0x32, 0xff, 0xff, 0xff, 0x7f, 1};
    assay_bytes input = {claims, sizeof claims};
    assert_int_equal(assay_codec_decode(&value, &arena, &golden_message, input, STRICT), ASSAY_E_ENCODING);
    assert_int_equal(assay_codec_decode(&value, &arena, &golden_message, input, COMET), ASSAY_E_ENCODING);
    assert_ptr_equal(arena.at, memory);
    /* A bound is looked at before memory is taken: 100,000 empty leaves, of 6 allowed. */
    static uint8_t many[200000];
    for (size_t i = 0; i < sizeof many; i += 2) many[i] = 0x1a;
    input = (assay_bytes){many, sizeof many};
    assert_int_equal(assay_codec_decode(&value, &arena, &golden_message, input, COMET), ASSAY_E_RANGE);
    assert_ptr_equal(arena.at, memory);
    /* Without a bound, memory is that of the elements, taken once. */
    for (size_t i = 0; i < sizeof many; i += 2) many[i] = 0x1a;
    node root;
    input.len = 100000;
    assert_int_equal(assay_codec_decode(&root, &arena, &node_message, input, STRICT), ASSAY_OK);
    assert_int_equal(root.children_count, 50000);
    assert_int_equal(arena.at - memory, 50000 * sizeof(node));
}

/* The worst of every kind fits its footprint: small elements, one-byte numbers, pointers in pointers. */
static void the_footprint_suffices(void **state) {
    (void)state;
    static const assay_codec_field all_fields[] = {
        ASSAY_FIELD_REPEATED(3, REPEATED_MESSAGE, golden, leaves, 0, &leaf_message),
        ASSAY_FIELD_REPEATED_SIZED(4, REPEATED_BYTES, golden, chunks, 0, 0),
        ASSAY_FIELD_REPEATED_SIZED(5, REPEATED_FIXED, golden, digests, 0, 4),
        ASSAY_FIELD_REPEATED(6, REPEATED_U64, golden, numbers, 0, NULL),
        ASSAY_FIELD_MESSAGE(20, MESSAGE_OPTIONAL, golden, tree, &node_message),
    };
    static const assay_codec_message all = ASSAY_MESSAGE("Unbounded", golden, all_fields);
    static uint8_t input[1024];
    golden value;
    for (size_t n = 1; n <= 120; n++) {
        for (uint32_t kind = 0; kind < 6; kind++) {
            size_t len = 0;
            if (kind == 3) input[len++] = 0x32, input[len++] = (uint8_t)n;
            for (size_t i = 0; i < n; i++) {
                if (kind == 0) input[len++] = 0x1a, input[len++] = 0;
                if (kind == 1) input[len++] = 0x22, input[len++] = 0;
                if (kind == 2) memcpy(input + len, "\x2a\x04wxyz", 6), len += 6;
                if (kind == 3) input[len++] = 1;
                if (kind == 4) input[len++] = 0x30, input[len++] = 1;
            }
            if (kind == 5) memcpy(input, "\xa2\x01\x04\x12\x02\x12\x00", len = 7);
            size_t room = assay_codec_decode_footprint(&all, len);
            assay_arena arena = assay_base_arena(memory + 1, room);
            assert_int_equal(assay_codec_decode(&value, &arena, &all, (assay_bytes){input, len}, COMET), ASSAY_OK);
        }
    }
    assert_true(assay_codec_decode_footprint(&all, SIZE_MAX) == SIZE_MAX);
    assert_true(assay_codec_decode_footprint(&scalars_message, 0) > 0);
}

static void bytes_point_into_the_input(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x12, 2, 'h', 'i'};
    assay_arena none = assay_base_arena(memory, 0);
    leaf value;
    assert_int_equal(assay_codec_decode(&value, &none, &leaf_message, (assay_bytes){bytes, 4}, STRICT), ASSAY_OK);
    assert_ptr_equal(value.label.ptr, bytes + 2);
    assert_int_equal(value.label.len, 2);
}

/* ---- varints and tables -------------------------------------------------------------------------------------------
 */

static void varints(void **state) {
    (void)state;
    for (uint32_t shift = 0; shift <= 64; shift++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t want = (shift < 64 ? (uint64_t)1 << shift : 0) + (uint64_t)(int64_t)delta, got;
            uint8_t bytes[10];
            for (size_t cap = 0;; cap++) {
                assay_buf out = {bytes, 0, cap};
                if (assay_codec_put_varint(&out, want) != ASSAY_OK) {
                    assert_true(out.len == 0 && cap < 10);
                    continue;
                }
                assert_int_equal(out.len, cap);
                assay_bytes in = {bytes, out.len};
                assert_int_equal(assay_codec_get_varint(&got, &in, STRICT), ASSAY_OK);
                assert_true(got == want && in.len == 0 && in.ptr == bytes + cap);
                in = (assay_bytes){bytes, out.len - 1};
                assert_int_equal(assay_codec_get_varint(&got, &in, COMET), ASSAY_E_ENCODING);
                break;
            }
        }
    }
    uint64_t got;
    assay_bytes padded = ASSAY_STR("\x81\x00z");
    assert_int_equal(assay_codec_get_varint(&got, &padded, STRICT), ASSAY_E_ENCODING);
    padded = ASSAY_STR("\x81\x00z");
    assert_int_equal(assay_codec_get_varint(&got, &padded, COMET), ASSAY_OK);
    assert_true(got == 1 && padded.len == 1 && *padded.ptr == 'z');
    assay_bytes ten = ASSAY_STR("\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00");
    assert_int_equal(assay_codec_get_varint(&got, &ten, COMET), ASSAY_OK);
    assay_bytes beyond = ASSAY_STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02");
    assert_int_equal(assay_codec_get_varint(&got, &beyond, COMET), ASSAY_E_ENCODING);
    assay_bytes eleven = ASSAY_STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00");
    assert_int_equal(assay_codec_get_varint(&got, &eleven, COMET), ASSAY_E_ENCODING);
    assay_bytes none = {NULL, 0};
    assert_int_equal(assay_codec_get_varint(&got, &none, COMET), ASSAY_E_ENCODING);
}

static bool table_of(assay_codec_field a, assay_codec_field b) {
    assay_codec_field fields[] = {a, b};
    assay_codec_message message = {"Two", sizeof(golden), _Alignof(golden), 2, fields};
    return assay_codec_table_ok(&message);
}

static void tables_are_checked(void **state) {
    (void)state;
    assert_true(assay_codec_table_ok(&leaf_message) && assay_codec_table_ok(&scalars_message));
    assert_true(assay_codec_table_ok(&fixed_message) && assay_codec_table_ok(&node_message));
    assert_true(assay_codec_table_ok(&golden_message));
    assay_codec_field ok = {2, ASSAY_CODEC_U64, 0, 0, 0, 0, NULL}, other = ok;
    other.number = 3;
    assert_true(table_of(ok, other));
    assert_false(table_of(other, ok));
    assert_false(table_of(ok, ok));
    other.number = 1u << 29;
    assert_false(table_of(ok, other));
    other = (assay_codec_field){3, ASSAY_CODEC_U64, sizeof(golden) - 4, 0, 0, 0, NULL};
    assert_false(table_of(ok, other));
    other = (assay_codec_field){3, ASSAY_CODEC_MESSAGE_OPTIONAL, 0, 0, 0, 0, NULL};
    assert_false(table_of(ok, other));
    other = (assay_codec_field){3, ASSAY_CODEC_FIXED, 0, 0, 0, 0, NULL};
    assert_false(table_of(ok, other));
    other = (assay_codec_field){3, ASSAY_CODEC_REPEATED_FIXED, 0, 8, 0, 0, NULL};
    assert_false(table_of(ok, other));
    other.size = 4;
    assert_true(table_of(ok, other));
    other.count_offset = sizeof(golden) - 3;
    assert_false(table_of(ok, other));
    other.number = 0;
    assert_false(table_of(other, ok));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_vectors),
        cmocka_unit_test(refusals),
        cmocka_unit_test(encode_keeps_to_the_bounds),
        cmocka_unit_test(encode_needs_exactly_its_size),
        cmocka_unit_test(an_empty_message_takes_nothing),
        cmocka_unit_test(decode_without_memory_is_a_fault),
        cmocka_unit_test(lengths_without_bytes_take_no_memory),
        cmocka_unit_test(the_footprint_suffices),
        cmocka_unit_test(bytes_point_into_the_input),
        cmocka_unit_test(varints),
        cmocka_unit_test(tables_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
