/* SPDX-License-Identifier: Apache-2.0
 *
 * Random values of the golden table. In strict, decode undoes encode, and no neighbour of an encoding (one byte
 * changed, removed, added, or the end cut off) decodes to anything but a value whose encoding is exactly that
 * neighbour: there are no two encodings of one value. ASSAY_SEED picks other values; the seed is printed. */
#include "golden_internal.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define STRICT ASSAY_CODEC_STRICT
#define COMET ASSAY_CODEC_COMET

enum { VALUES = 100000, EXHAUSTIVE_EVERY = 500, LEN_MAX = 1 << 14 };

static uint8_t value_memory[1 << 18];
static _Alignas(16) uint8_t decode_memory[1 << 19];

/* splitmix64: Steele, Lea, Flood (2014). */
static uint64_t next(uint64_t *seed) {
    uint64_t z = (*seed += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint32_t below(uint64_t *seed, uint32_t n) { return (uint32_t)(next(seed) % n); }

/* Every width is as likely as every other, and so is every length of a varint; sometimes all bits are ones. */
static uint64_t number(uint64_t *seed) {
    uint32_t width = below(seed, 65);
    uint64_t bits = below(seed, 4) ? next(seed) : UINT64_MAX;
    return width ? bits >> (64 - width) : 0;
}

static assay_bytes some_bytes(uint64_t *seed, assay_arena *keep, uint32_t max) {
    uint32_t len = below(seed, 3) ? below(seed, (max && max < 24 ? max : 24) + 1) : 0;
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, len + 1);
    assert_non_null(bytes);
    for (uint32_t i = 0; i < len; i++) bytes[i] = (uint8_t)next(seed);
    return (assay_bytes){len ? bytes : NULL, len};
}

static void random_message(uint64_t *seed, uint8_t *value, const assay_codec_message *message, assay_arena *keep,
                           uint32_t depth);

static void random_repeated(uint64_t *seed, uint8_t *value, const assay_codec_field *row, assay_arena *keep,
                            uint32_t depth) {
    uint32_t count = below(seed, 2) ? 0 : 1 + below(seed, row->max && row->max < 4 ? row->max : 4);
    if (row->sub == &node_message && depth > 3) count = 0;
    if (count == 0) return;
    size_t size = golden_element_size(row);
    uint8_t *elements = assay_base_arena_take(keep, size, count, _Alignof(max_align_t));
    assert_non_null(elements);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *element = elements + i * size;
        if (row->sub) {
            random_message(seed, element, row->sub, keep, depth + 1);
        } else if (row->kind == ASSAY_CODEC_REPEATED_BYTES) {
            assay_bytes bytes = some_bytes(seed, keep, row->size);
            memcpy(element, &bytes, sizeof bytes);
        } else {
            uint64_t v = number(seed);
            memcpy(element, &v, size < 8 ? size : 8);
        }
    }
    memcpy(value + row->offset, &elements, sizeof elements);
    memcpy(value + row->count_offset, &count, sizeof count);
}

static void random_field(uint64_t *seed, uint8_t *value, const assay_codec_field *row, assay_arena *keep,
                         uint32_t depth) {
    uint8_t *member = value + row->offset;
    uint64_t v = number(seed);
    switch (row->kind) {
    case ASSAY_CODEC_U64:
    case ASSAY_CODEC_I64:
    case ASSAY_CODEC_SFIXED64: memcpy(member, &v, 8); break;
    case ASSAY_CODEC_U32:
    case ASSAY_CODEC_I32: memcpy(member, &v, 4); break;
    case ASSAY_CODEC_BOOL: *member = v & 1; break;
    case ASSAY_CODEC_BYTES: {
        assay_bytes bytes = some_bytes(seed, keep, row->max);
        memcpy(member, &bytes, sizeof bytes);
        break;
    }
    case ASSAY_CODEC_FIXED:
    case ASSAY_CODEC_FIXED_OPTIONAL:
        for (uint32_t i = 0; v & 1 && i < row->size; i++) member[i] = (uint8_t)next(seed);
        break;
    case ASSAY_CODEC_MESSAGE: random_message(seed, member, row->sub, keep, depth + 1); break;
    case ASSAY_CODEC_MESSAGE_OPTIONAL: {
        if (v & 1 || (row->sub == &node_message && depth > 8)) break;
        uint8_t *sub = assay_base_arena_take(keep, row->sub->struct_size, 1, row->sub->struct_align);
        assert_non_null(sub);
        random_message(seed, sub, row->sub, keep, depth + 1);
        memcpy(member, &sub, sizeof sub);
        break;
    }
    case ASSAY_CODEC_REPEATED_MESSAGE:
    case ASSAY_CODEC_REPEATED_BYTES:
    case ASSAY_CODEC_REPEATED_FIXED:
    case ASSAY_CODEC_REPEATED_U64: random_repeated(seed, value, row, keep, depth); break;
    }
}

/* Half of the fields are left absent, so that presence is as random as content. */
static void random_message(uint64_t *seed, uint8_t *value, const assay_codec_message *message, assay_arena *keep,
                           uint32_t depth) {
    for (uint32_t i = 0; i < message->field_count; i++)
        if (below(seed, 2) || message->fields[i].kind == ASSAY_CODEC_MESSAGE)
            random_field(seed, value, &message->fields[i], keep, depth);
}

static bool decodes(golden *out, assay_bytes input, assay_codec_profile profile) {
    size_t room = assay_codec_decode_footprint(&golden_message, input.len);
    assert_true(room < sizeof decode_memory);
    assay_arena arena = assay_base_arena(decode_memory + 1, room); /* the worst alignment */
    assay_err err = assay_codec_decode(out, &arena, &golden_message, input, profile);
    assert_true(err == ASSAY_OK || err == ASSAY_E_ENCODING || err == ASSAY_E_RANGE);
    return err == ASSAY_OK;
}

/* Returns whether the bytes decode; if they do, their value has no other encoding. */
static bool canonical(assay_bytes input) {
    static uint8_t again[LEN_MAX];
    golden value;
    if (!decodes(&value, input, STRICT)) return false;
    assay_buf out = {again, 0, sizeof again};
    assert_int_equal(assay_codec_encode(&out, &golden_message, &value, STRICT), ASSAY_OK);
    assert_true(assay_base_bytes_eq((assay_bytes){out.ptr, out.len}, input));
    return true;
}

/* comet is stable after one reading, whatever it read. */
static void comet_settles(assay_bytes input) {
    static uint8_t first[LEN_MAX], second[LEN_MAX];
    golden value;
    if (!decodes(&value, input, COMET)) return;
    assay_buf a = {first, 0, sizeof first}, b = {second, 0, sizeof second};
    assert_int_equal(assay_codec_encode(&a, &golden_message, &value, COMET), ASSAY_OK);
    assert_true(decodes(&value, (assay_bytes){a.ptr, a.len}, COMET));
    assert_int_equal(assay_codec_encode(&b, &golden_message, &value, COMET), ASSAY_OK);
    assert_true(assay_base_bytes_eq((assay_bytes){a.ptr, a.len}, (assay_bytes){b.ptr, b.len}));
}

typedef struct tally {
    uint64_t bytes, neighbours, accepted;
} tally;

static void try_neighbour(tally *t, assay_bytes input) {
    t->neighbours++;
    t->accepted += canonical(input);
}

static void neighbours(tally *t, uint64_t *seed, assay_bytes encoding, bool all) {
    static uint8_t copy[LEN_MAX];
    memcpy(copy, encoding.ptr, encoding.len);
    for (size_t i = 0; i < encoding.len; i++) {
        uint32_t from = all ? 1 : 1 + below(seed, 255), to = all ? 255 : from;
        for (uint32_t change = from; change <= to; change++) {
            copy[i] = (uint8_t)(encoding.ptr[i] ^ change);
            try_neighbour(t, (assay_bytes){copy, encoding.len});
        }
        if (all || i % 8 == 0) comet_settles((assay_bytes){copy, encoding.len});
        copy[i] = encoding.ptr[i];
    }
    size_t at = below(seed, (uint32_t)encoding.len);
    try_neighbour(t, (assay_bytes){copy, at});
    memmove(copy + at, copy + at + 1, encoding.len - at - 1);
    try_neighbour(t, (assay_bytes){copy, encoding.len - 1});
    memcpy(copy, encoding.ptr, at);
    copy[at] = (uint8_t)next(seed);
    memcpy(copy + at + 1, encoding.ptr + at, encoding.len - at);
    try_neighbour(t, (assay_bytes){copy, encoding.len + 1});
}

static void one_value_one_encoding(void **state) {
    (void)state;
    const char *chosen = getenv("ASSAY_SEED");
    uint64_t seed = chosen ? strtoull(chosen, NULL, 0) : 20261125;
    printf("ASSAY_SEED=%" PRIu64 "\n", seed);
    tally t = {0};
    for (uint32_t i = 0; i < VALUES; i++) {
        static uint8_t bytes[LEN_MAX];
        assay_arena arena = assay_base_arena(value_memory, sizeof value_memory);
        golden value = {0}, back;
        random_message(&seed, (uint8_t *)&value, &golden_message, &arena, 1);
        assay_buf out = {bytes, 0, sizeof bytes - 1};
        assert_int_equal(assay_codec_encode(&out, &golden_message, &value, STRICT), ASSAY_OK);
        assert_int_equal(out.len, assay_codec_size(&golden_message, &value, STRICT));
        assay_bytes encoding = {bytes, out.len};
        assert_true(decodes(&back, encoding, STRICT));
        assert_true(golden_same(&golden_message, (uint8_t *)&value, (uint8_t *)&back));
        assert_true(decodes(&back, encoding, COMET));
        assert_true(golden_same(&golden_message, (uint8_t *)&value, (uint8_t *)&back));
        t.bytes += out.len;
        neighbours(&t, &seed, encoding, i % EXHAUSTIVE_EVERY == 0);

        out.len = 0;
        assert_int_equal(assay_codec_encode(&out, &golden_message, &value, COMET), ASSAY_OK);
        assert_true(decodes(&back, (assay_bytes){out.ptr, out.len}, COMET));
        assert_true(golden_same(&golden_message, (uint8_t *)&value, (uint8_t *)&back));
    }
    printf("%d values, %" PRIu64 " bytes, %" PRIu64 " neighbours of which %" PRIu64 " decode\n", VALUES, t.bytes,
           t.neighbours, t.accepted);
    /* The property would hold vacuously if nothing, or no neighbour, were accepted. */
    assert_true(t.accepted > t.neighbours / 10 && t.accepted < t.neighbours);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_value_one_encoding)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
