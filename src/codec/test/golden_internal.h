/* SPDX-License-Identifier: Apache-2.0
 *
 * spec/vectors/codec/golden.proto in C: one table with every kind, for the tests, the fuzzer and the bench. */
#ifndef ASSAY_CODEC_GOLDEN_INTERNAL_H
#define ASSAY_CODEC_GOLDEN_INTERNAL_H

#include "codec/codec.h"

#include <string.h>

typedef struct leaf {
    uint64_t number;
    assay_bytes label;
} leaf;

static const assay_codec_field leaf_fields[] = {
    ASSAY_FIELD(1, U64, leaf, number),
    ASSAY_FIELD_BYTES(2, leaf, label, 16),
};
static const assay_codec_message leaf_message = ASSAY_MESSAGE("assay.test.Leaf", leaf, leaf_fields);

typedef struct scalars {
    uint64_t u64;
    uint32_t u32;
    int32_t i32;
    int64_t i64;
    bool flag;
    int64_t s64;
    assay_bytes data;
    assay_bytes text;
    uint64_t two_byte_key;
    uint64_t last_key;
} scalars;

static const assay_codec_field scalars_fields[] = {
    ASSAY_FIELD(1, U64, scalars, u64),           ASSAY_FIELD(2, U32, scalars, u32),
    ASSAY_FIELD(3, I64, scalars, i64),           ASSAY_FIELD(4, I32, scalars, i32),
    ASSAY_FIELD(5, BOOL, scalars, flag),         ASSAY_FIELD(6, SFIXED64, scalars, s64),
    ASSAY_FIELD_BYTES(7, scalars, data, 0),      ASSAY_FIELD_BYTES(15, scalars, text, 64),
    ASSAY_FIELD(16, U64, scalars, two_byte_key), ASSAY_FIELD(ASSAY_CODEC_NUMBER_MAX, U64, scalars, last_key),
};
static const assay_codec_message scalars_message = ASSAY_MESSAGE("assay.test.Scalars", scalars, scalars_fields);

typedef struct fixed {
    uint8_t hash[32];
    uint8_t address[20];
} fixed;

static const assay_codec_field fixed_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, fixed, hash),
    ASSAY_FIELD_FIXED(2, FIXED_OPTIONAL, fixed, address),
};
static const assay_codec_message fixed_message = ASSAY_MESSAGE("assay.test.Fixed", fixed, fixed_fields);

typedef struct node node;
struct node {
    uint64_t number;
    node *left;
    node *children;
    uint32_t children_count;
};

/* The table names itself, so it is declared before it is written. */
static const assay_codec_message node_message;
static const assay_codec_field node_fields[] = {
    ASSAY_FIELD(1, U64, node, number),
    ASSAY_FIELD_MESSAGE(2, MESSAGE_OPTIONAL, node, left, &node_message),
    ASSAY_FIELD_REPEATED(3, REPEATED_MESSAGE, node, children, 0, &node_message),
};
static const assay_codec_message node_message = ASSAY_MESSAGE("assay.test.Node", node, node_fields);

typedef struct golden {
    scalars scalars;
    leaf *maybe;
    leaf *leaves;
    assay_bytes *chunks;
    uint8_t *digests;
    uint64_t *numbers;
    fixed *fixed;
    node *tree;
    node *forest;
    uint64_t after;
    uint32_t leaves_count;
    uint32_t chunks_count;
    uint32_t digests_count;
    uint32_t numbers_count;
    uint32_t forest_count;
} golden;

static const assay_codec_field golden_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, golden, scalars, &scalars_message),
    ASSAY_FIELD_MESSAGE(2, MESSAGE_OPTIONAL, golden, maybe, &leaf_message),
    ASSAY_FIELD_REPEATED(3, REPEATED_MESSAGE, golden, leaves, 6, &leaf_message),
    ASSAY_FIELD_REPEATED_SIZED(4, REPEATED_BYTES, golden, chunks, 5, 40),
    ASSAY_FIELD_REPEATED_SIZED(5, REPEATED_FIXED, golden, digests, 4, 4),
    ASSAY_FIELD_REPEATED(6, REPEATED_U64, golden, numbers, 8, NULL),
    ASSAY_FIELD_MESSAGE(7, MESSAGE_OPTIONAL, golden, fixed, &fixed_message),
    ASSAY_FIELD_MESSAGE(20, MESSAGE_OPTIONAL, golden, tree, &node_message),
    ASSAY_FIELD_REPEATED(21, REPEATED_MESSAGE, golden, forest, 0, &node_message),
    ASSAY_FIELD(100, U64, golden, after),
};
static const assay_codec_message golden_message = ASSAY_MESSAGE("assay.test.Golden", golden, golden_fields);

/* The C type behind a pointer that a table describes. */
static inline const uint8_t *golden_pointer(const uint8_t *member) {
    const uint8_t *p;
    memcpy(&p, member, sizeof p);
    return p;
}

static inline size_t golden_element_size(const assay_codec_field *row) {
    if (row->kind == ASSAY_CODEC_REPEATED_MESSAGE) return row->sub->struct_size;
    if (row->kind == ASSAY_CODEC_REPEATED_BYTES) return sizeof(assay_bytes);
    return row->kind == ASSAY_CODEC_REPEATED_U64 ? sizeof(uint64_t) : row->size;
}

static inline bool golden_same_bytes(const uint8_t *a, const uint8_t *b) {
    assay_bytes x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return assay_base_bytes_eq(x, y);
}

/* golden_same - two values of one table are equal, member by member: by the table, but not by the codec. */
static inline bool golden_same(const assay_codec_message *message, const uint8_t *a, const uint8_t *b) {
    for (uint32_t i = 0; i < message->field_count; i++) {
        const assay_codec_field *row = &message->fields[i];
        const uint8_t *x = a + row->offset, *y = b + row->offset;
        size_t len = row->size;
        if (row->kind == ASSAY_CODEC_MESSAGE) {
            if (!golden_same(row->sub, x, y)) return false;
            continue;
        }
        if (row->kind == ASSAY_CODEC_BYTES) {
            if (!golden_same_bytes(x, y)) return false;
            continue;
        }
        if (row->kind >= ASSAY_CODEC_MESSAGE_OPTIONAL) {
            uint32_t count = 1;
            x = golden_pointer(x), y = golden_pointer(y);
            if (row->kind != ASSAY_CODEC_MESSAGE_OPTIONAL) {
                if (memcmp(a + row->count_offset, b + row->count_offset, sizeof count) != 0) return false;
                memcpy(&count, a + row->count_offset, sizeof count);
            }
            if (!x != !y) return false;
            for (uint32_t k = 0; x && k < count; k++) {
                bool same;
                size_t at = row->kind == ASSAY_CODEC_MESSAGE_OPTIONAL ? 0 : k * golden_element_size(row);
                if (row->sub)
                    same = golden_same(row->sub, x + at, y + at);
                else if (row->kind == ASSAY_CODEC_REPEATED_BYTES)
                    same = golden_same_bytes(x + at, y + at);
                else
                    same = memcmp(x + at, y + at, golden_element_size(row)) == 0;
                if (!same) return false;
            }
            continue;
        }
        if (row->kind == ASSAY_CODEC_BOOL)
            len = sizeof(bool);
        else if (row->kind == ASSAY_CODEC_U32 || row->kind == ASSAY_CODEC_I32)
            len = 4;
        else if (len == 0)
            len = 8;
        if (memcmp(x, y, len) != 0) return false;
    }
    return true;
}

#endif
