/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_codec - hostile bytes as a message. The first byte picks the table, the rest is the encoding.
 *
 *   strict   what decodes has exactly these bytes as its encoding, and comet reads the same value from them
 *   comet    what decodes settles: encoding it and reading that back changes nothing
 *   always   the time and the memory of a small input are small; nothing is read beyond it (AddressSanitizer) */
#include "golden_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 12, ROOM = 1 << 20 };

static const assay_codec_message *const tables[] = {&golden_message, &scalars_message, &fixed_message, &node_message,
                                                    &leaf_message};

/* Each value has an arena of its own. */
static _Alignas(16) uint8_t room[3][ROOM];
static _Alignas(16) uint8_t values[3][sizeof(golden)];

static bool decode(int slot, const assay_codec_message *table, assay_bytes input, assay_codec_profile profile) {
    size_t footprint = assay_codec_decode_footprint(table, input.len);
    ASSAY_ASSERT(footprint < ROOM);
    assay_arena arena = assay_base_arena(room[slot] + 1, footprint); /* the worst alignment */
    assay_err err = assay_codec_decode(values[slot], &arena, table, input, profile);
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_ENCODING || err == ASSAY_E_RANGE);
    return err == ASSAY_OK;
}

/* The encoding of a slot's value, in exactly as many bytes as were foretold. */
static assay_bytes encode(int slot, const assay_codec_message *table, assay_codec_profile profile) {
    size_t size = assay_codec_size(table, values[slot], profile);
    uint8_t *bytes = malloc(size ? size : 1);
    ASSAY_ASSERT(bytes);
    assay_buf out = {bytes, 0, size};
    ASSAY_ASSERT(assay_codec_encode(&out, table, values[slot], profile) == ASSAY_OK);
    ASSAY_ASSERT(out.len == size);
    return (assay_bytes){bytes, size};
}

static void strict_is_canonical(const assay_codec_message *table, assay_bytes input) {
    if (!decode(0, table, input, ASSAY_CODEC_STRICT)) return;
    assay_bytes again = encode(0, table, ASSAY_CODEC_STRICT);
    ASSAY_ASSERT(assay_base_bytes_eq(again, input));
    free((void *)(uintptr_t)again.ptr);
    ASSAY_ASSERT(decode(1, table, input, ASSAY_CODEC_COMET));
    ASSAY_ASSERT(golden_same(table, values[0], values[1]));
}

static void comet_settles(const assay_codec_message *table, assay_bytes input) {
    if (!decode(0, table, input, ASSAY_CODEC_COMET)) return;
    assay_bytes first = encode(0, table, ASSAY_CODEC_COMET);
    ASSAY_ASSERT(decode(1, table, first, ASSAY_CODEC_COMET));
    ASSAY_ASSERT(golden_same(table, values[0], values[1]));
    assay_bytes second = encode(1, table, ASSAY_CODEC_COMET);
    ASSAY_ASSERT(assay_base_bytes_eq(first, second));
    free((void *)(uintptr_t)second.ptr);
    /* strict writes the same value in another way where a FIXED field is all zero, and reads it back alike. */
    assay_bytes ours = encode(0, table, ASSAY_CODEC_STRICT);
    ASSAY_ASSERT(decode(2, table, ours, ASSAY_CODEC_STRICT));
    ASSAY_ASSERT(golden_same(table, values[0], values[2]));
    free((void *)(uintptr_t)ours.ptr);
    free((void *)(uintptr_t)first.ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > INPUT_MAX) return 0;
    const assay_codec_message *table = tables[data[0] % (sizeof tables / sizeof *tables)];
    /* An own copy, exactly as long, so that a read one byte beyond it is seen. */
    uint8_t *copy = malloc(size);
    ASSAY_ASSERT(copy);
    memcpy(copy, data + 1, size - 1);
    assay_bytes input = {size > 1 ? copy : NULL, size - 1};
    strict_is_canonical(table, input);
    comet_settles(table, input);
    free(copy);
    return 0;
}
