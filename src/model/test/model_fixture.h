/* SPDX-License-Identifier: Apache-2.0
 * What the tests on real folders share: a directory for the run, a small model with a bit of everything, random bytes.
 */
#ifndef ASSAY_MODEL_FIXTURE_H
#define ASSAY_MODEL_FIXTURE_H

#include "base/base.h"
#include "model/model.h"
#include "os/os.h"
#include "types/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static assay_os_region keep_region, scratch_region;
static const char *top; /* this run's directory */
static uint64_t seed = 20261125;

static inline int setup(void **state) {
    (void)state;
    static char text[4096];
    assay_arena arena = assay_base_arena(text, sizeof text);
    if (assay_os_reserve(&keep_region, ASSAY_MODEL_ARENA_SIZE) ||
        assay_os_reserve(&scratch_region, ASSAY_MODEL_ARENA_SIZE))
        return -1;
    const char *given = getenv("ASSAY_TEST_SEED");
    if (given) seed = strtoull(given, NULL, 10);
    printf("seed %llu (ASSAY_TEST_SEED)\n", (unsigned long long)seed);
    return assay_os_temp_dir(&top, &arena, "assay-test-model", true) == ASSAY_OK ? 0 : -1;
}
static inline int teardown(void **state) {
    (void)state;
    return assay_os_remove_tree(top) == ASSAY_OK ? 0 : -1;
}

static inline assay_arena keep_fresh(void) { return assay_os_region_arena(&keep_region); }
static inline assay_arena scratch_fresh(void) { return assay_os_region_arena(&scratch_region); }

/* splitmix64 */
static inline uint64_t random_u64(void) {
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Paths below top; a few at a time. */
static inline const char *in(const char *dir, const char *name) {
    static char texts[8][8192];
    static unsigned next;
    char *text = texts[next++ % 8];
    snprintf(text, sizeof texts[0], "%s%s%s", dir, name[0] ? "/" : "", name);
    return text;
}

static inline void put(const char *dir, const char *name, const void *bytes, size_t len) {
    char parent[8192];
    snprintf(parent, sizeof parent, "%s", in(dir, name));
    *strrchr(parent, '/') = 0;
    assert_int_equal(assay_os_dirs_create(parent, 0755), ASSAY_OK);
    FILE *f = fopen(in(dir, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static inline const char *new_dir(const char *name) {
    static char texts[4][4096];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], "%s/%s", top, name);
    assert_int_equal(assay_os_remove_tree(text), ASSAY_OK);
    assert_int_equal(assay_os_dirs_create(text, 0755), ASSAY_OK);
    return text;
}

/* ---- a small model with a bit of everything ------------------------------------------------------------------ */

static inline uint8_t *noise(size_t len) {
    uint8_t *bytes = malloc(len + 8);
    for (size_t i = 0; i < len; i += 8) {
        uint64_t r = random_u64();
        memcpy(bytes + i, &r, 8);
    }
    return bytes;
}

typedef struct tensor_spec {
    const char *name;
    const char *dtype;
    const char *shape;
    size_t len;
} tensor_spec;

static inline void put_safetensors(const char *dir, const char *name, const tensor_spec *specs, size_t count) {
    static char header[65536];
    size_t len = (size_t)snprintf(header, sizeof header, "{\"__metadata__\":{\"format\":\"pt\"}"), data = 0;
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(header + len, sizeof header - len,
                                ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", specs[i].name,
                                specs[i].dtype, specs[i].shape, data, data + specs[i].len);
        data += specs[i].len;
    }
    header[len++] = '}';
    uint8_t *file = noise(8 + len + data);
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)(len >> (8 * i));
    memcpy(file + 8, header, len);
    put(dir, name, file, 8 + len + data);
    free(file);
}

/* protobuf: tag, length, bytes */
static inline size_t put_field(uint8_t *out, unsigned number, const void *bytes, size_t len) {
    size_t at = 0, rest = len;
    out[at++] = (uint8_t)(number << 3 | 2);
    for (; rest >= 128; rest >>= 7) out[at++] = (uint8_t)(rest | 128);
    out[at++] = (uint8_t)rest;
    memcpy(out + at, bytes, len);
    return at + len;
}

/* An ONNX model with one initializer in the file and one in another file, each of elements F32. */
static inline void put_onnx(const char *dir, const char *name, const char *location, const char *offset,
                            const char *length, unsigned elements) {
    static uint8_t tensor[1 << 16], graph[1 << 17], model[1 << 18];
    uint8_t *raw = noise(elements * 4);
    size_t len = 0, graph_len = 0;
    const uint8_t dims[] = {0x08, (uint8_t)(elements & 127) | 128, (uint8_t)(elements >> 7), 0x10,
                            1}; /* dims, data_type FLOAT */
    memcpy(tensor, dims, sizeof dims);
    len = sizeof dims;
    len += put_field(tensor + len, 8, "inside", 6);
    len += put_field(tensor + len, 9, raw, elements * 4);
    graph_len += put_field(graph + graph_len, 5, tensor, len);
    if (location) {
        const char *pairs[3][2] = {{"location", location}, {"offset", offset}, {"length", length}};
        len = sizeof dims;
        len += put_field(tensor + len, 8, "outside", 7);
        for (int i = 0; i < 3; i++) {
            uint8_t pair[2000];
            if (!pairs[i][1]) continue;
            size_t n = put_field(pair, 1, pairs[i][0], strlen(pairs[i][0]));
            n += put_field(pair + n, 2, pairs[i][1], strlen(pairs[i][1]));
            len += put_field(tensor + len, 13, pair, n);
        }
        tensor[len++] = 0x70; /* data_location EXTERNAL */
        tensor[len++] = 1;
        graph_len += put_field(graph + graph_len, 5, tensor, len);
    }
    put(dir, name, model, put_field(model, 7, graph, graph_len));
    free(raw);
}

static const tensor_spec shard_1[] = {
    {"embed.weight", "F32", "1000,300", 1200000},
    {"norm.bias", "F32", "17", 68},
    {"empty", "F16", "0,4", 0},
    {"mask", "U8", "3", 3},
    {"layer.0.weight", "BF16", "512,1024", 1048576},
    {"scale", "F64", "", 8},
};
static const tensor_spec shard_2[] = {{"layer.1.weight", "F16", "600,600", 720000},
                                      {"layer.1.bias", "F16", "600", 1200}};

static inline const char *make_model(const char *name) {
    const char *dir = new_dir(name);
    put_safetensors(dir, "model-00001-of-00002.safetensors", shard_1, 6);
    put_safetensors(dir, "model-00002-of-00002.safetensors", shard_2, 2);
    static const char index[] =
        "{\"metadata\":{\"total_size\":2969855},\"weight_map\":{\"embed.weight\":\"model-00001-of-00002.safetensors\","
        "\"layer.1.bias\":\"model-00002-of-00002.safetensors\"}}";
    put(dir, "model.safetensors.index.json", index, sizeof index - 1);
    put(dir, "config.json", "{\"a\":1}\n", 8);
    put(dir, "empty", "", 0);
    put_onnx(dir, "onnx/model.onnx", "data/w.bin", "4096", "1200", 300);
    uint8_t *data = noise(6000);
    put(dir, "onnx/data/w.bin", data, 6000);
    free(data);
    put(dir, "onnx.d/z", "after onnx/..., though bytewise before", 38);
    put(dir, ".git/HEAD", "not of the model", 16);
    put(dir, "sub/.git/HEAD", "of the model", 12);
    return dir;
}

static inline assay_model digest(assay_arena *keep, const char *path, uint32_t threads) {
    assay_model model;
    assay_model_where where;
    assay_model_options options = {.threads = threads};
    assay_err err = assay_model_digest(&model, keep, &where, path, &options, scratch_fresh());
    if (err)
        fail_msg("%s: %d %.*s %s", path, err, (int)where.file.len, (const char *)where.file.ptr,
                 where.what ? where.what : "");
    return model;
}

static inline uint8_t *read_file(const char *path, size_t *len) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *len = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(*len + 1);
    assert_int_equal(fread(bytes, 1, *len, f), *len);
    fclose(f);
    return bytes;
}

static inline void flip(const char *path, uint64_t offset, uint8_t mask) {
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)offset, SEEK_SET), 0);
    int c = fgetc(f);
    assert_true(c != EOF);
    assert_int_equal(fseek(f, (long)offset, SEEK_SET), 0);
    assert_int_equal(fputc(c ^ mask, f), c ^ mask);
    assert_int_equal(fclose(f), 0);
}

#endif
