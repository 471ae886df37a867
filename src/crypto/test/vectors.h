/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of crypto share: cmocka, vectors read from spec/vectors/crypto, and text that looks random. */
#ifndef ASSAY_CRYPTO_TEST_VECTORS_H
#define ASSAY_CRYPTO_TEST_VECTORS_H

#include "crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#define assert_hash_equal(got, want) assert_memory_equal((got).b, (want).b, ASSAY_HASH_LEN)

static inline json_t *vectors(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, ASSAY_SOURCE_DIR "/spec/vectors/crypto/%s", name);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root) fail_msg("%s: %s", path, error.text);
    return root;
}

/* A member in hex, in memory of its exact size, so that a sanitizer sees a read past its end. The caller frees ptr. */
static inline assay_bytes hex_member(json_t *object, const char *name) {
    const char *text = json_string_value(json_object_get(object, name));
    assert_non_null(text);
    size_t len = strlen(text) / 2;
    uint8_t *out = malloc(len ? len : 1);
    assert_non_null(out);
    assert_int_equal(assay_base_unhex(out, len, assay_base_bytes_str(text)), ASSAY_OK);
    return (assay_bytes){out, len};
}

static inline void hex_into(uint8_t *out, size_t len, json_t *text) {
    assert_non_null(json_string_value(text));
    assert_int_equal(assay_base_unhex(out, len, assay_base_bytes_str(json_string_value(text))), ASSAY_OK);
}

static inline assay_hash hash_member(json_t *object, const char *name) {
    assay_hash out;
    hex_into(out.b, sizeof out.b, json_object_get(object, name));
    return out;
}

static inline void free_bytes(assay_bytes bytes) {
    /* The bytes came from hex_member or text_of, which allocated them writable. */
    free((void *)(uintptr_t)bytes.ptr);
}

/* splitmix64: the same text on every run and machine. */
static inline uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline assay_bytes text_of(size_t len, uint64_t seed) {
    uint8_t *out = malloc(len ? len : 1);
    assert_non_null(out);
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)next_random(&seed);
    return (assay_bytes){out, len};
}

/* Hashes in memory of their exact size, so that a sanitizer sees a reader that goes beyond the proof. free() them. */
static inline assay_hash *exact(const assay_hash *hashes, size_t count) {
    assay_hash *out = malloc(count ? count * sizeof *out : 1);
    assert_non_null(out);
    if (count) memcpy(out, hashes, count * sizeof *out);
    return out;
}

static inline assay_hash hash_of_number(uint64_t n) {
    return assay_merkle_leaf((assay_bytes){(const uint8_t *)&n, sizeof n});
}

#endif
