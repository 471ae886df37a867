/* SPDX-License-Identifier: Apache-2.0
 * Folders on a real disk: digests, the digest of OpenSSF's tool, everything that verify must notice and where, custody, openings,
 * ranges, differences. */
#define _GNU_SOURCE
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
#include <jansson.h>

#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static assay_os_region keep_region, scratch_region;
static const char *top; /* this run's directory */
static uint64_t seed = 20261125;

static int setup(void **state) {
    (void)state;
    static char text[4096];
    assay_arena arena = assay_base_arena(text, sizeof text);
    if (assay_os_reserve(&keep_region, ASSAY_MODEL_ARENA_SIZE) || assay_os_reserve(&scratch_region, ASSAY_MODEL_ARENA_SIZE)) return -1;
    const char *given = getenv("ASSAY_TEST_SEED");
    if (given) seed = strtoull(given, NULL, 10);
    printf("seed %llu (ASSAY_TEST_SEED)\n", (unsigned long long)seed);
    return assay_os_temp_dir(&top, &arena, "assay-test-model", true) == ASSAY_OK ? 0 : -1;
}
static int teardown(void **state) {
    (void)state;
    return assay_os_remove_tree(top) == ASSAY_OK ? 0 : -1;
}

static assay_arena keep_fresh(void) { return assay_os_region_arena(&keep_region); }
static assay_arena scratch_fresh(void) { return assay_os_region_arena(&scratch_region); }

/* splitmix64 */
static uint64_t random_u64(void) {
    uint64_t z = seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Paths below top; a few at a time. */
static const char *in(const char *dir, const char *name) {
    static char texts[8][8192];
    static unsigned next;
    char *text = texts[next++ % 8];
    snprintf(text, sizeof texts[0], "%s%s%s", dir, name[0] ? "/" : "", name);
    return text;
}

static void put(const char *dir, const char *name, const void *bytes, size_t len) {
    char parent[8192];
    snprintf(parent, sizeof parent, "%s", in(dir, name));
    *strrchr(parent, '/') = 0;
    assert_int_equal(assay_os_dirs_create(parent, 0755), ASSAY_OK);
    FILE *f = fopen(in(dir, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static const char *new_dir(const char *name) {
    static char texts[4][4096];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof texts[0], "%s/%s", top, name);
    assert_int_equal(assay_os_remove_tree(text), ASSAY_OK);
    assert_int_equal(assay_os_dirs_create(text, 0755), ASSAY_OK);
    return text;
}

/* ---- a small model with a bit of everything ---- */

static uint8_t *noise(size_t len) {
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

static void put_safetensors(const char *dir, const char *name, const tensor_spec *specs, size_t count) {
    static char header[65536];
    size_t len = (size_t)snprintf(header, sizeof header, "{\"__metadata__\":{\"format\":\"pt\"}"), data = 0;
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(header + len, sizeof header - len, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", specs[i].name,
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
static size_t put_field(uint8_t *out, unsigned number, const void *bytes, size_t len) {
    size_t at = 0, rest = len;
    out[at++] = (uint8_t)(number << 3 | 2);
    for (; rest >= 128; rest >>= 7) out[at++] = (uint8_t)(rest | 128);
    out[at++] = (uint8_t)rest;
    memcpy(out + at, bytes, len);
    return at + len;
}

/* An ONNX model with one initializer in the file and one in another file, each of elements F32. */
static void put_onnx(const char *dir, const char *name, const char *location, const char *offset, const char *length, unsigned elements) {
    static uint8_t tensor[1 << 16], graph[1 << 17], model[1 << 18];
    uint8_t *raw = noise(elements * 4);
    size_t len = 0, graph_len = 0;
    const uint8_t dims[] = {0x08, (uint8_t)(elements & 127) | 128, (uint8_t)(elements >> 7), 0x10, 1}; /* dims, data_type FLOAT */
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
    {"embed.weight", "F32", "1000,300", 1200000}, {"norm.bias", "F32", "17", 68},     {"empty", "F16", "0,4", 0},
    {"mask", "U8", "3", 3},                       {"layer.0.weight", "BF16", "512,1024", 1048576}, {"scale", "F64", "", 8},
};
static const tensor_spec shard_2[] = {{"layer.1.weight", "F16", "600,600", 720000}, {"layer.1.bias", "F16", "600", 1200}};

static const char *make_model(const char *name) {
    const char *dir = new_dir(name);
    put_safetensors(dir, "model-00001-of-00002.safetensors", shard_1, 6);
    put_safetensors(dir, "model-00002-of-00002.safetensors", shard_2, 2);
    static const char index[] = "{\"metadata\":{\"total_size\":2969855},\"weight_map\":{\"embed.weight\":\"model-00001-of-00002.safetensors\","
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

static assay_model digest(assay_arena *keep, const char *path, uint32_t threads) {
    assay_model model;
    assay_model_where where;
    assay_model_options options = {.threads = threads};
    assay_err err = assay_model_digest(&model, keep, &where, path, &options, scratch_fresh());
    if (err) fail_msg("%s: %d %.*s %s", path, err, (int)where.file.len, (const char *)where.file.ptr, where.what ? where.what : "");
    return model;
}

static uint8_t *read_file(const char *path, size_t *len) {
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

static void test_digest(void **state) {
    (void)state;
    const char *dir = make_model("digest");
    assay_arena keep = keep_fresh();
    assay_model model = digest(&keep, dir, 1);
    static const char *paths[] = {"config.json", "empty", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                                  "model.safetensors.index.json", "onnx/data/w.bin", "onnx/model.onnx", "onnx.d/z", "sub/.git/HEAD"};
    assert_int_equal(model.manifest.files_count, 9);
    assert_int_equal(assay_manifest_check(&model.manifest), ASSAY_OK);
    uint64_t size, chunks;
    assert_int_equal(assay_manifest_totals(&size, &chunks, &model.manifest), ASSAY_OK);
    assert_int_equal(model.size, size);
    assert_int_equal(model.chunks, chunks);
    for (uint32_t i = 0; i < 9; i++) {
        const assay_file_leaf *file = &model.manifest.files[i];
        assert_true(assay_base_bytes_eq(file->path, assay_base_bytes_str(paths[i])));
        size_t len;
        uint8_t *bytes = read_file(in(dir, paths[i]), &len);
        assert_int_equal(file->size, len);
        assert_true(assay_base_hash_eq(file->sha256, assay_crypto_sha256_one((assay_bytes){bytes, len})));
        assert_true(assay_base_hash_eq(file->blake3, assay_crypto_blake3(NULL, (assay_bytes){bytes, len})));
        free(bytes);
    }
    /* Each tensor's digest is that of its bytes from its own start. */
    assert_int_equal(model.manifest.tensors_count, 10);
    for (uint32_t i = 0; i < model.manifest.tensors_count; i++) {
        const assay_tensor_leaf *tensor = &model.manifest.tensors[i];
        size_t len;
        uint8_t *bytes = read_file(in(dir, (const char *)model.manifest.files[tensor->file_idx].path.ptr), &len);
        assert_true(assay_base_hash_eq(tensor->blake3, assay_crypto_blake3(NULL, (assay_bytes){bytes + tensor->offset, tensor->length})));
        free(bytes);
    }
    const assay_tensor_leaf *outside = &model.manifest.tensors[8];
    assert_true(assay_base_bytes_eq(outside->name, ASSAY_STR("outside")));
    assert_int_equal(outside->file_idx, 5);
    assert_int_equal(outside->offset, 4096);
    assert_int_equal(outside->length, 1200);
    /* The same for every number of threads, and for a link to the folder. */
    assert_int_equal(symlink(dir, in(top, "link-to-model")), 0);
    for (uint32_t threads = 2; threads <= 9; threads++) {
        assay_model other = digest(&keep, threads == 9 ? in(top, "link-to-model") : dir, threads);
        assert_true(assay_base_hash_eq(model.root, other.root));
        assert_true(assay_base_hash_eq(model.tensor_root, other.tensor_root));
        assert_true(assay_base_hash_eq(model.model_signing, other.model_signing));
        assert_int_equal(model.groups.count, other.groups.count);
        assert_memory_equal(model.groups.values, other.groups.values, model.groups.count * 32);
    }
    assert_int_equal(unlink(in(top, "link-to-model")), 0);
    assay_model_groups groups;
    assay_bytes bytes = {(const uint8_t *)model.groups.values, model.groups.count * 32};
    assert_int_equal(assay_model_groups_read(&groups, &keep, bytes, &model.manifest), ASSAY_OK);
    bytes.len -= 32;
    assert_int_equal(assay_model_groups_read(&groups, &keep, bytes, &model.manifest), ASSAY_E_PROOF);
    bytes.len += 31;
    assert_int_equal(assay_model_groups_read(&groups, &keep, bytes, &model.manifest), ASSAY_E_PROOF);
    uint8_t *changed = malloc(model.groups.count * 32 + 32);
    memcpy(changed, model.groups.values, model.groups.count * 32);
    changed[40] ^= 1;
    assert_int_equal(assay_model_groups_read(&groups, &keep, (assay_bytes){changed, model.groups.count * 32}, &model.manifest), ASSAY_E_PROOF);
    changed[40] ^= 1;
    assert_int_equal(assay_model_groups_read(&groups, &keep, (assay_bytes){changed, model.groups.count * 32 + 32}, &model.manifest), ASSAY_E_PROOF);
    free(changed);
}

/* Sizes around every boundary of the engine, many files, every number of lanes. */
static void test_digest_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 127, 1023, 1024, 1025, 131071, 131072, 131073, 262143, 262144, 262145, 262144 + 64, 524288,
                                   1048575, 1048576, 1048577, 1048576 + 262144, 4194303, 4194304, 4194305, 4194304 + 64, 4194304 * 2, 8388608 + 4097};
    const size_t count = sizeof sizes / sizeof *sizes;
    const char *dir = new_dir("sizes");
    uint8_t *bytes = noise(9 << 20);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%02zu", i);
        put(dir, name, bytes + i, sizes[i]);
    }
    assay_hash key = {{7}};
    for (uint32_t threads = 1; threads <= 6; threads++) {
        assay_arena keep = keep_fresh();
        assay_model model;
        assay_model_options options = {.threads = threads, .custody_key = &key};
        assert_int_equal(assay_model_digest(&model, &keep, NULL, dir, &options, scratch_fresh()), ASSAY_OK);
        assert_int_equal(model.manifest.files_count, count);
        for (size_t i = 0; i < count; i++) {
            assay_bytes content = {bytes + i, sizes[i]};
            assert_true(assay_base_hash_eq(model.manifest.files[i].sha256, assay_crypto_sha256_one(content)));
            assert_true(assay_base_hash_eq(model.manifest.files[i].blake3, assay_crypto_blake3(NULL, content)));
            assert_true(assay_base_hash_eq(model.keyed[i], assay_crypto_blake3(&key, content)));
            assert_true(assay_base_hash_eq(assay_crypto_blake3_root_from_groups(&key, model.keyed_groups.values + model.keyed_groups.first[i],
                                                                                model.keyed_groups.first[i + 1] - model.keyed_groups.first[i], sizes[i]),
                                           model.keyed[i]));
        }
        assay_model_findings findings;
        assert_int_equal(assay_model_verify(&findings, &keep, NULL, dir, &model.manifest, &model.groups, &options, scratch_fresh()), ASSAY_OK);
        assert_int_equal(findings.total, 0);
    }
    free(bytes);
}

static void test_model_signing(void **state) {
    (void)state;
    json_error_t error;
    json_t *root = json_load_file(ASSAY_SOURCE_DIR "/spec/vectors/model/oms.json", 0, &error), *layout, *row;
    if (!root) fail_msg("%s", error.text);
    size_t i, k, count = 0;
    json_array_foreach(json_object_get(root, "layouts"), i, layout) {
        const char *dir = new_dir("oms"), *single = json_string_value(json_object_get(layout, "single"));
        bool only_git = true;
        json_array_foreach(json_object_get(layout, "files"), k, row) {
            size_t size = (size_t)json_integer_value(json_array_get(row, 2)), first = (size_t)json_integer_value(json_array_get(row, 1));
            uint8_t *bytes = malloc(size + 1);
            for (size_t b = 0; b < size; b++) bytes[b] = (uint8_t)(first + 7 * b + (b >> 8));
            put(dir, json_string_value(json_array_get(row, 0)), bytes, size);
            free(bytes);
            only_git = false;
        }
        assert_false(only_git);
        assay_arena keep = keep_fresh();
        assay_model model = digest(&keep, in(dir, single ? single : ""), 2);
        char hex[65];
        assay_base_hex(hex, assay_base_hash_bytes(&model.model_signing));
        if (strcmp(hex, json_string_value(json_object_get(layout, "model_signing"))) != 0)
            fail_msg("%s: %s", json_string_value(json_object_get(layout, "name")), hex);
        count++;
    }
    assert_true(count >= 20);
    json_decref(root);
}

/* ---- what digest refuses ---- */

static void refuse(const char *path, assay_err want, const char *file, const char *tensor, const char *what) {
    assay_arena keep = keep_fresh();
    assay_model model;
    assay_model_where where = {0};
    assay_err err = assay_model_digest(&model, &keep, &where, path, NULL, scratch_fresh());
    if (err != want) fail_msg("%s: %d instead of %d (%s)", path, err, want, where.what ? where.what : "");
    if (file && !assay_base_bytes_eq(where.file, assay_base_bytes_str(file))) fail_msg("file %.*s", (int)where.file.len, (const char *)where.file.ptr);
    if (tensor && !assay_base_bytes_eq(where.tensor, assay_base_bytes_str(tensor))) fail_msg("tensor %.*s", (int)where.tensor.len, (const char *)where.tensor.ptr);
    if (what) assert_string_equal(where.what, what);
}

static void test_refused_trees(void **state) {
    (void)state;
    refuse(in(top, "nowhere"), ASSAY_E_NOT_FOUND, in(top, "nowhere"), NULL, NULL);
    const char *dir = new_dir("refused");
    refuse(dir, ASSAY_E_EMPTY, NULL, NULL, NULL);
    put(dir, ".git/config", "x", 1);
    refuse(dir, ASSAY_E_EMPTY, NULL, NULL, NULL);
    put(dir, "a/file", "x", 1);
    assert_int_equal(symlink("file", in(dir, "a/link")), 0);
    refuse(dir, ASSAY_E_SYMLINK, "a/link", NULL, "a symbolic link");
    refuse(in(dir, "a/link"), ASSAY_E_SYMLINK, in(dir, "a/link"), NULL, "a symbolic link to a file");
    assert_int_equal(unlink(in(dir, "a/link")), 0);
    assert_int_equal(symlink("/", in(dir, "a/root")), 0);
    refuse(dir, ASSAY_E_SYMLINK, "a/root", NULL, "a symbolic link");
    assert_int_equal(unlink(in(dir, "a/root")), 0);
    assert_int_equal(symlink("nowhere", in(dir, "dangling")), 0);
    refuse(dir, ASSAY_E_SYMLINK, "dangling", NULL, "a symbolic link");
    assert_int_equal(unlink(in(dir, "dangling")), 0);
    assert_int_equal(mkfifo(in(dir, "pipe"), 0600), 0);
    refuse(dir, ASSAY_E_SYMLINK, "pipe", NULL, "a device, socket or pipe");
    refuse(in(dir, "pipe"), ASSAY_E_SYMLINK, in(dir, "pipe"), NULL, "a device, socket or pipe");
    refuse("/dev/zero", ASSAY_E_SYMLINK, "/dev/zero", NULL, NULL);
    assert_int_equal(unlink(in(dir, "pipe")), 0);
    put(dir, "bad\xff name", "x", 1);
    refuse(dir, ASSAY_E_NAME, "bad\\xff name", NULL, NULL);
    assert_int_equal(unlink(in(dir, "bad\xff name")), 0);
    put(dir, "back\\slash", "x", 1);
    refuse(dir, ASSAY_E_NAME, "back\\slash", NULL, NULL);
    assert_int_equal(unlink(in(dir, "back\\slash")), 0);
    char deep[1024] = "";
    for (int i = 0; i < 65; i++) strcat(deep, "d/");
    strcat(deep, "f");
    put(dir, deep, "x", 1);
    refuse(dir, ASSAY_E_LIMIT, NULL, NULL, "directories are nested too deeply");
    assert_int_equal(assay_os_remove_tree(in(dir, "d/d")), ASSAY_OK);
    /* A path of 1024 bytes is the longest. */
    char part[256];
    memset(part, 'p', 250);
    part[250] = 0;
    char path[2048];
    snprintf(path, sizeof path, "%s/%s/%s/%s/12345678901234567890", part, part, part, part);
    assert_int_equal(strlen(path), 1024);
    put(dir, path, "x", 1);
    assay_arena keep = keep_fresh();
    assert_int_equal(digest(&keep, dir, 1).manifest.files_count, 2);
    strcat(path, "1");
    put(dir, path, "x", 1);
    refuse(dir, ASSAY_E_NAME, path, NULL, "the path is too long");
}

static void test_refused_headers(void **state) {
    (void)state;
    const char *dir = make_model("headers");
    put(dir, "bad.safetensors", "\x02\0\0\0\0\0\0\0{}tail", 14);
    refuse(dir, ASSAY_E_HEADER, "bad.safetensors", "", "bytes follow the last tensor");
    /* Lenient: the other files' tensors stay, the bad file is bytes, and a warning says so. */
    assay_arena keep = keep_fresh();
    assay_model model;
    assay_model_where where;
    assay_model_options options = {.lenient = true};
    assert_int_equal(assay_model_digest(&model, &keep, &where, dir, &options, scratch_fresh()), ASSAY_OK);
    assert_int_equal(model.manifest.tensors_count, 10);
    assert_int_equal(model.manifest.files_count, 10);
    assert_int_equal(model.warnings_count, 1);
    assert_true(assay_base_bytes_eq(model.warnings[0].file, ASSAY_STR("bad.safetensors")));
    assert_string_equal(model.warnings[0].what, "bytes follow the last tensor");
    options = (assay_model_options){.without_tensors = true};
    assert_int_equal(assay_model_digest(&model, &keep, &where, dir, &options, scratch_fresh()), ASSAY_OK);
    assert_int_equal(model.manifest.tensors_count, 0);
    assert_int_equal(unlink(in(dir, "bad.safetensors")), 0);

    static const char lost_shard[] = "{\"weight_map\":{\"x\":\"model-00003-of-00003.safetensors\"}}";
    put(dir, "model.safetensors.index.json", lost_shard, sizeof lost_shard - 1);
    refuse(dir, ASSAY_E_HEADER, "model.safetensors.index.json", "x", "the index names a shard that is not in the model");
    static const char wrong_shard[] = "{\"weight_map\":{\"embed.weight\":\"model-00002-of-00002.safetensors\"}}";
    put(dir, "model.safetensors.index.json", wrong_shard, sizeof wrong_shard - 1);
    refuse(dir, ASSAY_E_HEADER, "model.safetensors.index.json", "embed.weight", "the index maps the tensor to a shard that does not hold it");
    static const char outside[] = "{\"weight_map\":{\"x\":\"../model.safetensors\"}}";
    put(dir, "model.safetensors.index.json", outside, sizeof outside - 1);
    refuse(dir, ASSAY_E_HEADER, "model.safetensors.index.json", "x", "the index names a shard that is not in the model");
    assert_int_equal(assay_model_digest(&model, &keep, &where, dir, &(assay_model_options){.lenient = true}, scratch_fresh()), ASSAY_OK);
    assert_int_equal(model.warnings_count, 1);
    assert_int_equal(model.manifest.tensors_count, 10);
    assert_int_equal(unlink(in(dir, "model.safetensors.index.json")), 0);

    static const struct {
        const char *location, *offset, *length, *what;
    } external[] = {
        {"data/none.bin", "0", "1200", "external data names a file that is not in the model"},
        {"../config.json", "0", "1200", "external data names a file that is not in the model"},
        {"/etc/passwd", "0", "1200", "external data names a file that is not in the model"},
        {"data/../data/w.bin", "0", "1200", "external data names a file that is not in the model"},
        {"data\\w.bin", "0", "1200", "external data names a file that is not in the model"},
        {"data/w.bin", "4801", "1200", "external data lies beyond the end of its file"},
        {"data/w.bin", "18446744073709551615", "1200", "external data lies beyond the end of its file"},
        {"data/w.bin", "0", "1199", "the length is not what shape and dtype need"},
        {"data/w.bin", "x", "1200", "external data's offset or length is not a number"},
    };
    for (size_t i = 0; i < sizeof external / sizeof *external; i++) {
        put_onnx(dir, "onnx/model.onnx", external[i].location, external[i].offset, external[i].length, 300);
        refuse(dir, ASSAY_E_HEADER, "onnx/model.onnx", "outside", external[i].what);
    }
    /* Without offset and length: from the start, as long as shape and dtype say; "./" is the folder itself. */
    put_onnx(dir, "onnx/model.onnx", "./data/w.bin", NULL, NULL, 300);
    model = digest(&keep, dir, 1);
    assert_int_equal(model.manifest.tensors[8].offset, 0);
    assert_int_equal(model.manifest.tensors[8].length, 1200);
    /* A lone ONNX file cannot have data elsewhere. */
    refuse(in(dir, "onnx/model.onnx"), ASSAY_E_HEADER, "model.onnx", "outside", "external data names a file that is not in the model");
}

static bool stop_at_once(void *context, const assay_model_progress *progress) {
    uint64_t *calls = context;
    assert_true(progress->done <= progress->total && progress->file.len > 0);
    *calls += 1;
    return false;
}
static bool count_calls(void *context, const assay_model_progress *progress) {
    uint64_t *last = context;
    assert_true(progress->done >= *last && progress->done <= progress->total);
    *last = progress->done;
    return true;
}

static void test_progress(void **state) {
    (void)state;
    const char *dir = make_model("progress");
    assay_arena keep = keep_fresh();
    assay_model model;
    assay_model_where where;
    for (uint32_t threads = 1; threads <= 3; threads++) {
        uint64_t calls = 0, last = 0;
        assay_model_options options = {.threads = threads, .progress = stop_at_once, .progress_context = &calls};
        assert_int_equal(assay_model_digest(&model, &keep, &where, dir, &options, scratch_fresh()), ASSAY_F_INTERRUPTED);
        assert_true(calls >= 1);
        options = (assay_model_options){.threads = threads, .progress = count_calls, .progress_context = &last};
        assert_int_equal(assay_model_digest(&model, &keep, &where, dir, &options, scratch_fresh()), ASSAY_OK);
        assert_int_equal(last, model.size);
        last = 0;
        assay_model_findings findings;
        assert_int_equal(assay_model_verify(&findings, &keep, &where, dir, &model.manifest, NULL, &options, scratch_fresh()), ASSAY_OK);
        assert_int_equal(last, model.size);
        calls = 0;
        options = (assay_model_options){.threads = threads, .progress = stop_at_once, .progress_context = &calls};
        assert_int_equal(assay_model_verify(&findings, &keep, &where, dir, &model.manifest, NULL, &options, scratch_fresh()), ASSAY_F_INTERRUPTED);
    }
    /* Too little memory is a fault, wherever it is felt. */
    for (size_t size = 64; size < (size_t)3 << 20; size = size * 3 / 2) {
        assay_arena small = scratch_fresh(), tiny = keep_fresh();
        small.end = small.at + size;
        assay_err err = assay_model_digest(&model, &keep, &where, dir, NULL, small);
        assert_true(err == ASSAY_F_MEMORY || err == ASSAY_OK);
        if (size < 1000) assert_int_equal(err, ASSAY_F_MEMORY);
        keep = keep_fresh();
        tiny.end = tiny.at + size;
        err = assay_model_digest(&model, &tiny, &where, dir, NULL, scratch_fresh());
        assert_true(err == ASSAY_F_MEMORY || err == ASSAY_OK);
        if (size < 1000) assert_int_equal(err, ASSAY_F_MEMORY);
    }
}

/* ---- verify ---- */

static assay_model_findings verify(assay_arena *keep, const char *path, const assay_model *model, bool groups, uint32_t threads) {
    assay_model_findings findings;
    assay_model_where where;
    assay_model_options options = {.threads = threads};
    assert_int_equal(assay_model_verify(&findings, keep, &where, path, &model->manifest, groups ? &model->groups : NULL, &options, scratch_fresh()), ASSAY_OK);
    return findings;
}

static void expect(const assay_model_findings *findings, uint32_t i, assay_err code, const char *file, const char *tensor, uint64_t offset, uint64_t length) {
    assert_true(i < findings->count);
    const assay_model_finding *f = &findings->rows[i];
    assert_int_equal(f->code, code);
    if (!assay_base_bytes_eq(f->file, assay_base_bytes_str(file))) fail_msg("file %.*s", (int)f->file.len, (const char *)f->file.ptr);
    if (!assay_base_bytes_eq(f->tensor, assay_base_bytes_str(tensor))) fail_msg("tensor %.*s", (int)f->tensor.len, (const char *)f->tensor.ptr);
    assert_int_equal(f->offset, offset);
    assert_int_equal(f->length, length);
}

static void flip(const char *path, uint64_t offset, uint8_t mask) {
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)offset, SEEK_SET), 0);
    int c = fgetc(f);
    assert_true(c != EOF);
    assert_int_equal(fseek(f, (long)offset, SEEK_SET), 0);
    assert_int_equal(fputc(c ^ mask, f), c ^ mask);
    assert_int_equal(fclose(f), 0);
}

/* The tensor that holds a byte, or NULL. */
static const assay_tensor_leaf *tensor_at(const assay_manifest *manifest, uint32_t file_idx, uint64_t offset) {
    for (uint32_t i = 0; i < manifest->tensors_count; i++) {
        const assay_tensor_leaf *t = &manifest->tensors[i];
        if (t->file_idx == file_idx && offset >= t->offset && offset - t->offset < t->length) return t;
    }
    return NULL;
}

static void check_flip(const char *dir, const assay_model *model, uint32_t file_idx, uint64_t offset, bool groups, uint32_t threads, assay_arena keep) {
    const assay_file_leaf *file = &model->manifest.files[file_idx];
    const char *path = in(dir, (const char *)file->path.ptr);
    uint8_t mask = (uint8_t)(1u << (random_u64() & 7));
    flip(path, offset, mask);
    assay_model_findings findings = verify(&keep, dir, model, groups, threads);
    flip(path, offset, mask);
    const assay_tensor_leaf *tensor = tensor_at(&model->manifest, file_idx, offset);
    /* A tensor is one place. Bytes of no tensor may be several: which of them changed, no digest says. */
    if (findings.total != 1 && (tensor || !findings.total))
        fail_msg("%s %llu: %llu findings", path, (unsigned long long)offset, (unsigned long long)findings.total);
    const assay_model_finding *f = NULL;
    for (uint32_t i = 0; i < findings.count; i++) {
        const assay_model_finding *row = &findings.rows[i];
        assert_int_equal(row->code, ASSAY_E_CONTENT);
        assert_true(assay_base_bytes_eq(row->file, file->path));
        assert_true(assay_base_bytes_eq(row->tensor, tensor ? tensor->name : (assay_bytes){0}));
        if (row->offset <= offset && offset - row->offset < row->length) f = row;
    }
    assert_non_null(f);
    /* The range holds the byte, stays in the tensor (or out of all of them), and with groups in one MiB. */
    if (tensor) assert_true(f->offset >= tensor->offset && f->offset + f->length <= tensor->offset + tensor->length);
    else assert_true(!tensor_at(&model->manifest, file_idx, f->offset) && !tensor_at(&model->manifest, file_idx, f->offset + f->length - 1));
    if (groups) assert_true(f->offset / ASSAY_BLAKE3_GROUP_LEN == (f->offset + f->length - 1) / ASSAY_BLAKE3_GROUP_LEN);
}

/* At least 1,000 changes of one bit: every byte of small files, the ends of all tensors, headers, and random places. */
static void test_flips(void **state) {
    (void)state;
    const char *dir = make_model("flips");
    assay_arena keep = keep_fresh();
    assay_model model = digest(&keep, dir, 2);
    assert_int_equal(verify(&keep, dir, &model, true, 2).total, 0);
    assert_int_equal(verify(&keep, dir, &model, false, 1).total, 0);
    uint32_t count = 0;
    for (uint32_t i = 0; i < model.manifest.files_count; i++) {
        uint64_t size = model.manifest.files[i].size;
        uint64_t step = size > 100 ? size / 97 : 1;
        for (uint64_t at = 0; at < size; at += step, count++) check_flip(dir, &model, i, at, count & 1, 1 + count % 3, keep);
        for (uint32_t k = 0; k < 70 && size; k++, count++) check_flip(dir, &model, i, random_u64() % size, count & 1, 1 + count % 3, keep);
        for (uint32_t k = 0; k < 20 && size > 700; k++, count++) check_flip(dir, &model, i, random_u64() % 700, count & 1, 1, keep);
    }
    for (uint32_t i = 0; i < model.manifest.tensors_count; i++) {
        const assay_tensor_leaf *t = &model.manifest.tensors[i];
        if (!t->length) continue;
        check_flip(dir, &model, (uint32_t)t->file_idx, t->offset, true, 2, keep);
        check_flip(dir, &model, (uint32_t)t->file_idx, t->offset + t->length - 1, false, 2, keep);
        count += 2;
    }
    assert_int_equal(verify(&keep, dir, &model, true, 2).total, 0);
    printf("%u flips\n", count);
    assert_true(count >= 1000);
}

static void test_verify_places(void **state) {
    (void)state;
    const char *dir = make_model("places");
    assay_arena keep = keep_fresh();
    assay_model model = digest(&keep, dir, 2);
    static const char one[] = "model-00001-of-00002.safetensors";
    const assay_tensor_leaf *embed = &model.manifest.tensors[0], *layer = NULL;
    for (uint32_t i = 0; i < model.manifest.tensors_count; i++)
        if (assay_base_bytes_eq(model.manifest.tensors[i].name, ASSAY_STR("layer.0.weight"))) layer = &model.manifest.tensors[i];
    assert_non_null(layer);
    /* Without groups the whole tensor, with them the part of it that lies in the MiB. */
    flip(in(dir, one), embed->offset + 100, 1);
    assay_model_findings findings = verify(&keep, dir, &model, false, 1);
    assert_int_equal(findings.total, 1);
    expect(&findings, 0, ASSAY_E_CONTENT, one, "embed.weight", embed->offset, embed->length);
    findings = verify(&keep, dir, &model, true, 1);
    assert_int_equal(findings.total, 1);
    expect(&findings, 0, ASSAY_E_CONTENT, one, "embed.weight", embed->offset, 1048576 - embed->offset);
    /* Two places in two MiBs and two tensors. */
    flip(in(dir, one), layer->offset + layer->length - 1, 1);
    findings = verify(&keep, dir, &model, true, 2);
    assert_int_equal(findings.total, 2);
    expect(&findings, 1, ASSAY_E_CONTENT, one, "layer.0.weight", 2097152, layer->offset + layer->length - 2097152);
    flip(in(dir, one), layer->offset + layer->length - 1, 1);
    flip(in(dir, one), embed->offset + 100, 1);
    /* A change that spans two MiBs of one tensor is one range. */
    flip(in(dir, one), 1048575, 1);
    flip(in(dir, one), 1048576, 1);
    findings = verify(&keep, dir, &model, true, 2);
    assert_int_equal(findings.total, 1);
    expect(&findings, 0, ASSAY_E_CONTENT, one, "embed.weight", embed->offset, embed->length);
    flip(in(dir, one), 1048575, 1);
    flip(in(dir, one), 1048576, 1);
    /* The header. */
    flip(in(dir, one), 3, 0x40);
    for (int groups = 0; groups < 2; groups++) {
        findings = verify(&keep, dir, &model, groups, 1);
        assert_int_equal(findings.total, 1);
        expect(&findings, 0, ASSAY_E_CONTENT, one, "", 0, embed->offset);
    }
    flip(in(dir, one), 3, 0x40);
    /* A file without tensors. */
    flip(in(dir, "config.json"), 2, 1);
    findings = verify(&keep, dir, &model, true, 1);
    assert_int_equal(findings.total, 1);
    expect(&findings, 0, ASSAY_E_CONTENT, "config.json", "", 0, 8);
    flip(in(dir, "config.json"), 2, 1);
    assert_int_equal(verify(&keep, dir, &model, true, 1).total, 0);
}

static void test_verify_sizes(void **state) {
    (void)state;
    const char *dir = make_model("resized");
    assay_arena keep = keep_fresh();
    assay_model model = digest(&keep, dir, 2);
    static const char two[] = "model-00002-of-00002.safetensors";
    uint64_t size = model.manifest.files[3].size;
    uint64_t bias = size - 1200;
    assert_int_equal(truncate(in(dir, two), (long)size - 5), 0);
    assay_model_findings findings = verify(&keep, dir, &model, true, 2);
    assert_int_equal(findings.total, 1);
    expect(&findings, 0, ASSAY_E_CONTENT, two, "layer.1.bias", size - 5, 5);
    /* Extended again with zeros: the tensor's end differs. */
    assert_int_equal(truncate(in(dir, two), (long)size), 0);
    findings = verify(&keep, dir, &model, true, 2);
    assert_int_equal(findings.total, 1);
    expect(&findings, 0, ASSAY_E_CONTENT, two, "layer.1.bias", bias, 1200);
    /* Too long, and a tensor changed besides. */
    assert_int_equal(truncate(in(dir, two), (long)size + 100), 0);
    findings = verify(&keep, dir, &model, true, 2);
    assert_int_equal(findings.total, 2);
    expect(&findings, 0, ASSAY_E_CONTENT, two, "layer.1.bias", bias, 1200);
    expect(&findings, 1, ASSAY_E_CONTENT, two, "", size, 100);
    assert_int_equal(truncate(in(dir, two), 0), 0);
    findings = verify(&keep, dir, &model, false, 1);
    assert_int_equal(findings.total, 1);
    expect(&findings, 0, ASSAY_E_CONTENT, two, "layer.1.weight", 0, size);
    put(dir, "empty", "no", 2);
    findings = verify(&keep, dir, &model, true, 1);
    assert_int_equal(findings.total, 2);
    expect(&findings, 0, ASSAY_E_CONTENT, "empty", "", 0, 2);
}

static void test_verify_trees(void **state) {
    (void)state;
    const char *dir = make_model("trees");
    assay_arena keep = keep_fresh();
    assay_model model = digest(&keep, dir, 2);
    put(dir, "a/extra", "x", 1);
    put(dir, "zzz\xff", "x", 1);
    assert_int_equal(unlink(in(dir, "config.json")), 0);
    assert_int_equal(rename(in(dir, "onnx.d"), in(dir, "onnx.e")), 0);
    assert_int_equal(unlink(in(dir, "empty")), 0);
    assert_int_equal(symlink("/dev/null", in(dir, "empty")), 0);
    assert_int_equal(rename(in(dir, "sub"), in(dir, "bus")), 0);
    assert_int_equal(symlink("bus", in(dir, "sub")), 0);
    put(dir, ".git/more", "of no interest", 14);
    assay_model_findings findings = verify(&keep, dir, &model, true, 2);
    static const struct {
        assay_err code;
        const char *file;
        uint64_t length;
    } want[] = {
        {ASSAY_E_EXTRA, "a/extra", 1},  {ASSAY_E_EXTRA, "bus/.git/HEAD", 12}, {ASSAY_E_MISSING, "config.json", 0}, {ASSAY_E_SYMLINK, "empty", 0},
        {ASSAY_E_MISSING, "onnx.d/z", 0}, {ASSAY_E_EXTRA, "onnx.e/z", 38},    {ASSAY_E_SYMLINK, "sub", 0},         {ASSAY_E_EXTRA, "zzz\\xff", 0},
    };
    assert_int_equal(findings.total, sizeof want / sizeof *want);
    for (uint32_t i = 0; i < findings.total; i++) expect(&findings, i, want[i].code, want[i].file, "", 0, want[i].length);
    /* More findings than are kept are counted. */
    for (int i = 0; i < 1500; i++) {
        char name[32];
        snprintf(name, sizeof name, "more/%04d", i);
        put(dir, name, "", 0);
    }
    findings = verify(&keep, dir, &model, true, 2);
    assert_int_equal(findings.count, ASSAY_MODEL_FINDINGS_MAX);
    assert_int_equal(findings.total, 1500 + sizeof want / sizeof *want);
    assay_model_where where;
    assay_model_findings none;
    assert_int_equal(assay_model_verify(&none, &keep, &where, in(top, "nowhere"), &model.manifest, NULL, NULL, scratch_fresh()), ASSAY_E_NOT_FOUND);
    /* An empty folder: all is missing. */
    findings = verify(&keep, new_dir("nothing"), &model, true, 1);
    assert_int_equal(findings.total, model.manifest.files_count);
    expect(&findings, 0, ASSAY_E_MISSING, "config.json", "", 0, 0);
    model.manifest.files[1].chunks_before++;
    assert_int_equal(assay_model_verify(&none, &keep, &where, dir, &model.manifest, NULL, NULL, scratch_fresh()), ASSAY_E_RANGE);
}

static void test_single_file(void **state) {
    (void)state;
    const char *dir = make_model("single");
    assay_arena keep = keep_fresh();
    const char *path = in(dir, "model-00002-of-00002.safetensors");
    assay_model model = digest(&keep, path, 2);
    assert_int_equal(model.manifest.files_count, 1);
    assert_int_equal(model.manifest.tensors_count, 2);
    assay_hash twice = assay_crypto_sha256_one(assay_base_hash_bytes(&model.manifest.files[0].sha256));
    assert_true(assay_base_hash_eq(model.model_signing, twice));
    assert_int_equal(verify(&keep, path, &model, true, 1).total, 0);
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(verify(&keep, "model-00002-of-00002.safetensors", &model, true, 1).total, 0);
    assert_true(assay_base_hash_eq(digest(&keep, "./model-00002-of-00002.safetensors", 1).root, model.root));
    assert_int_equal(chdir(here), 0);
    /* In a folder of its own it is the same model; under another name it is another. */
    const char *other = new_dir("single-dir");
    assert_int_equal(rename(path, in(other, "model-00002-of-00002.safetensors")), 0);
    assert_int_equal(verify(&keep, other, &model, true, 1).total, 0);
    assert_true(assay_base_hash_eq(digest(&keep, other, 1).root, model.root));
    flip(in(other, "model-00002-of-00002.safetensors"), 5000, 4);
    assay_model_findings findings = verify(&keep, in(other, "model-00002-of-00002.safetensors"), &model, true, 1);
    assert_int_equal(findings.total, 1);
    assert_true(assay_base_bytes_eq(findings.rows[0].tensor, ASSAY_STR("layer.1.weight")));
    flip(in(other, "model-00002-of-00002.safetensors"), 5000, 4);
    assert_int_equal(rename(in(other, "model-00002-of-00002.safetensors"), in(other, "renamed")), 0);
    findings = verify(&keep, in(other, "renamed"), &model, true, 1);
    assert_int_equal(findings.total, 2);
    expect(&findings, 0, ASSAY_E_MISSING, "model-00002-of-00002.safetensors", "", 0, 0);
    assert_int_equal(symlink("renamed", in(other, "model-00002-of-00002.safetensors")), 0);
    findings = verify(&keep, in(other, "model-00002-of-00002.safetensors"), &model, true, 1);
    assert_true(findings.total >= 1);
    assert_int_equal(findings.rows[0].code, ASSAY_E_SYMLINK);
}

/* ---- custody, openings, ranges ---- */

static void test_openings(void **state) {
    (void)state;
    const char *dir = make_model("openings");
    assay_arena keep = keep_fresh();
    assay_hash key = assay_crypto_blake3(NULL, ASSAY_STR("a key"));
    assay_model_options options = {.threads = 2, .custody_key = &key};
    assay_model model;
    assert_int_equal(assay_model_digest(&model, &keep, NULL, dir, &options, scratch_fresh()), ASSAY_OK);
    assay_model_custody_state custody;
    assert_int_equal(assay_model_custody(&custody, &keep, NULL, dir, &model.manifest, &key, &options, scratch_fresh()), ASSAY_OK);
    assert_true(assay_base_hash_eq(custody.root, model.custody_root));
    assert_memory_equal(custody.groups.values, model.keyed_groups.values, custody.groups.count * 32);
    assay_opening_claim claim = {model.root, model.manifest.files_count, model.chunks, key, custody.root};
    uint64_t opened = 0;
    for (uint64_t chunk = 0; chunk < model.chunks; chunk += chunk < 400 || random_u64() % 3 == 0 ? 1 : 1 + random_u64() % 30) {
        assay_arena inner = keep;
        assay_opening_entry entry;
        /* Every fourth without the groups at hand, of either kind. */
        assay_model_custody_state bare = custody;
        if (chunk % 4 == 1) bare.groups = (assay_model_groups){0};
        const assay_model_groups *groups = chunk % 4 == 2 ? NULL : &model.groups;
        assert_int_equal(assay_model_opening_entry(&entry, &inner, dir, &model.manifest, groups, &bare, chunk, scratch_fresh()), ASSAY_OK);
        assert_int_equal(assay_opening_entry_check(&entry, chunk, &claim), ASSAY_OK);
        assert_int_not_equal(assay_opening_entry_check(&entry, chunk + 1, &claim), ASSAY_OK);
        opened++;
    }
    assert_true(opened > 400);
    assay_opening_entry entry;
    assert_int_equal(assay_model_opening_entry(&entry, &keep, dir, &model.manifest, NULL, &custody, model.chunks, scratch_fresh()), ASSAY_E_RANGE);
    assert_int_equal(assay_model_opening_entry(&entry, &keep, dir, &model.manifest, NULL, &custody, UINT64_MAX, scratch_fresh()), ASSAY_E_RANGE);
    /* Bytes that are no longer the manifest's are not opened. */
    uint64_t chunk = model.manifest.files[3].chunks_before + 7;
    const char *path = in(dir, (const char *)model.manifest.files[3].path.ptr);
    flip(path, 7 * 1024 + 5, 1);
    assert_int_equal(assay_model_opening_entry(&entry, &keep, dir, &model.manifest, &model.groups, &custody, chunk, scratch_fresh()), ASSAY_E_CONTENT);
    assert_int_equal(assay_model_opening_entry(&entry, &keep, dir, &model.manifest, NULL, &custody, chunk, scratch_fresh()), ASSAY_E_CONTENT);
    assert_int_equal(truncate(path, 100), 0);
    assay_model_where where;
    assert_int_equal(assay_model_opening_entry(&entry, &keep, dir, &model.manifest, &model.groups, &custody, chunk, scratch_fresh()), ASSAY_E_CONTENT);
    assert_int_equal(assay_model_custody(&custody, &keep, &where, dir, &model.manifest, &key, &options, scratch_fresh()), ASSAY_E_CONTENT);
    assert_true(assay_base_bytes_eq(where.file, model.manifest.files[3].path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(assay_model_opening_entry(&entry, &keep, dir, &model.manifest, &model.groups, &custody, chunk, scratch_fresh()), ASSAY_E_MISSING);
    assert_int_equal(assay_model_custody(&custody, &keep, &where, dir, &model.manifest, &key, &options, scratch_fresh()), ASSAY_E_MISSING);
    assert_int_equal(symlink("empty", path), 0);
    assert_int_equal(assay_model_custody(&custody, &keep, &where, dir, &model.manifest, &key, &options, scratch_fresh()), ASSAY_E_SYMLINK);
}

static void test_ranges(void **state) {
    (void)state;
    const char *dir = make_model("ranges");
    assay_arena keep = keep_fresh();
    assay_model model = digest(&keep, dir, 2);
    uint32_t count = 0;
    for (uint32_t i = 0; i < model.manifest.files_count; i++) {
        const assay_file_leaf *file = &model.manifest.files[i];
        size_t len;
        uint8_t *bytes = read_file(in(dir, (const char *)file->path.ptr), &len);
        uint64_t groups = model.groups.first[i + 1] - model.groups.first[i];
        for (uint64_t g = 0; g < groups; g++, count++) {
            assay_model_range range;
            assert_int_equal(assay_model_range_read(&range, &keep, dir, &model.manifest, g & 1 ? NULL : &model.groups, i, g, scratch_fresh()), ASSAY_OK);
            assert_int_equal(range.bytes.len, g + 1 < groups ? 1048576 : len - g * 1048576);
            if (range.bytes.len) assert_memory_equal(range.bytes.ptr, bytes + g * 1048576, range.bytes.len);
            assert_int_equal(assay_model_range_check(&range, file, g), ASSAY_OK);
            /* Nothing else passes on arrival: another place, changed bytes, changed path. */
            assert_int_equal(assay_model_range_check(&range, file, g + 1), ASSAY_E_PROOF);
            if (range.bytes.len) {
                uint8_t *changed = malloc(range.bytes.len);
                memcpy(changed, range.bytes.ptr, range.bytes.len);
                changed[random_u64() % range.bytes.len] ^= 1;
                assay_model_range other = {{changed, range.bytes.len}, range.path};
                assert_int_equal(assay_model_range_check(&other, file, g), ASSAY_E_PROOF);
                other.bytes.len--;
                assert_int_equal(assay_model_range_check(&other, file, g), ASSAY_E_PROOF);
                free(changed);
            }
            if (range.path.count) {
                range.path.siblings[0].b[0] ^= 1;
                assert_int_equal(assay_model_range_check(&range, file, g), ASSAY_E_PROOF);
            }
        }
        assay_model_range range;
        assert_int_equal(assay_model_range_read(&range, &keep, dir, &model.manifest, NULL, i, groups, scratch_fresh()), ASSAY_E_RANGE);
        free(bytes);
    }
    assert_true(count >= 11);
    assay_model_range range;
    assert_int_equal(assay_model_range_read(&range, &keep, dir, &model.manifest, NULL, model.manifest.files_count, 0, scratch_fresh()), ASSAY_E_RANGE);
    flip(in(dir, (const char *)model.manifest.files[2].path.ptr), 1048576, 1);
    assert_int_equal(assay_model_range_read(&range, &keep, dir, &model.manifest, &model.groups, 2, 1, scratch_fresh()), ASSAY_E_CONTENT);
    assert_int_equal(assay_model_range_read(&range, &keep, dir, &model.manifest, &model.groups, 2, 0, scratch_fresh()), ASSAY_OK);
}

/* ---- differences ---- */

static void test_diff(void **state) {
    (void)state;
    static const tensor_spec before_specs[] = {{"same", "F32", "4", 16}, {"changed", "F32", "4", 16}, {"reshaped", "F32", "4", 16}, {"removed", "F32", "4", 16}, {"moved", "F32", "4", 16}};
    const char *one = new_dir("before"), *two = new_dir("after");
    uint64_t kept_seed = seed;
    put_safetensors(one, "m.safetensors", before_specs, 5);
    put(one, "gone", "x", 1);
    put(one, "config.json", "1", 1);
    size_t len;
    uint8_t *old = read_file(in(one, "m.safetensors"), &len);
    (void)kept_seed;
    /* The later version, built from the earlier one's bytes. */
    static const tensor_spec after_specs[] = {{"same", "F32", "4", 16}, {"changed", "F32", "4", 16}, {"reshaped", "F32", "2,2", 16}, {"added", "F32", "4", 16}};
    static const tensor_spec other_specs[] = {{"moved", "F32", "4", 16}};
    put_safetensors(two, "m.safetensors", after_specs, 4);
    put_safetensors(two, "other.safetensors", other_specs, 1);
    put(two, "config.json", "2", 1);
    size_t new_len, other_len;
    uint8_t *new_file = read_file(in(two, "m.safetensors"), &new_len), *other = read_file(in(two, "other.safetensors"), &other_len);
    memcpy(new_file + new_len - 64, old + len - 80, 48);
    new_file[new_len - 48] ^= 1;
    put(two, "m.safetensors", new_file, new_len);
    memcpy(other + other_len - 16, old + len - 16, 16);
    put(two, "other.safetensors", other, other_len);
    assay_arena keep = keep_fresh();
    assay_model before = digest(&keep, one, 1), after = digest(&keep, two, 1);
    assay_model_diff diff;
    assert_int_equal(assay_model_diff_of(&diff, &keep, &before.manifest, &after.manifest, scratch_fresh()), ASSAY_OK);
    static const assay_model_diff_row tensors[] = {{ASSAY_MODEL_CHANGED, 1, 1}, {ASSAY_MODEL_CHANGED, 2, 2}, {ASSAY_MODEL_ADDED, ASSAY_MODEL_NONE, 3}, {ASSAY_MODEL_MOVED, 4, 4}, {ASSAY_MODEL_REMOVED, 3, ASSAY_MODEL_NONE}};
    assert_int_equal(diff.tensors_count, 5);
    assert_int_equal(diff.tensors_same, 1);
    assert_memory_equal(diff.tensors, tensors, sizeof tensors);
    static const assay_model_diff_row files[] = {{ASSAY_MODEL_CHANGED, 0, 0}, {ASSAY_MODEL_REMOVED, 1, ASSAY_MODEL_NONE}, {ASSAY_MODEL_CHANGED, 2, 1}, {ASSAY_MODEL_ADDED, ASSAY_MODEL_NONE, 2}};
    assert_int_equal(diff.files_count, 4);
    assert_memory_equal(diff.files, files, sizeof files);
    assert_int_equal(assay_model_diff_of(&diff, &keep, &before.manifest, &before.manifest, scratch_fresh()), ASSAY_OK);
    assert_int_equal(diff.tensors_count + diff.files_count, 0);
    assert_int_equal(diff.tensors_same, 5);
    /* By how much. */
    assay_bytes x, y;
    assert_int_equal(assay_model_tensor_read(&x, &keep, one, &before.manifest, 1), ASSAY_OK);
    assert_int_equal(assay_model_tensor_read(&y, &keep, two, &after.manifest, 1), ASSAY_OK);
    assay_model_delta delta;
    assert_int_equal(assay_model_tensor_delta(&delta, ASSAY_STR("F32"), x, y), ASSAY_OK);
    assert_int_equal(delta.changed, 1);
    assert_int_equal(delta.elements, 4);
    flip(in(one, "m.safetensors"), len - 1, 1);
    assert_int_equal(assay_model_tensor_read(&x, &keep, one, &before.manifest, 4), ASSAY_E_CONTENT);
    assert_int_equal(assay_model_tensor_read(&x, &keep, in(one, "m.safetensors"), &before.manifest, 0), ASSAY_OK);
    assert_int_equal(assay_model_tensor_read(&x, &keep, one, &before.manifest, 5), ASSAY_E_RANGE);
    assert_int_equal(unlink(in(one, "m.safetensors")), 0);
    assert_int_equal(assay_model_tensor_read(&x, &keep, one, &before.manifest, 0), ASSAY_E_MISSING);
    free(old);
    free(new_file);
    free(other);
}

static void test_delta(void **state) {
    (void)state;
    assay_model_delta d;
#define BYTES(array) ((assay_bytes){(const uint8_t *)(array), sizeof(array)})
    const float f1[] = {1, 2, 3, NAN}, f2[] = {1, 2.5f, 3, NAN};
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("F32"), BYTES(f1), BYTES(f2)), ASSAY_OK);
    assert_int_equal(d.changed, 1);
    assert_int_equal(d.not_numbers, 1);
    assert_true(d.max_abs == 0.5);
    assert_true(fabs(d.relative_l2 - 0.5 / sqrt(14)) < 1e-15);
    const double g1[] = {0, 0}, g2[] = {0, 1e300};
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("F64"), BYTES(g1), BYTES(g2)), ASSAY_OK);
    assert_true(isinf(d.relative_l2) && d.max_abs == 1e300);
    /* 1, 65504, the smallest subnormal, infinity */
    const uint16_t h1[] = {0x3c00, 0x7bff, 0x0001, 0x7c00}, h2[] = {0xbc00, 0x7bfe, 0x0000, 0x7c00};
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("F16"), BYTES(h1), BYTES(h2)), ASSAY_OK);
    assert_true(d.max_abs == 32 && d.changed == 3 && d.not_numbers == 1);
    const uint16_t h3[] = {0x0001}, h4[] = {0x0000};
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("F16"), BYTES(h3), BYTES(h4)), ASSAY_OK);
    assert_true(d.max_abs == ldexp(1, -24) && d.relative_l2 == 1);
    const uint16_t b1[] = {0x3f80, 0x4000}, b2[] = {0x3f80, 0xc000};
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("BF16"), BYTES(b1), BYTES(b2)), ASSAY_OK);
    assert_true(d.max_abs == 4 && d.changed == 1);
    const int8_t i1[] = {-128, 5}, i2[] = {127, 5};
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("I8"), BYTES(i1), BYTES(i2)), ASSAY_OK);
    assert_true(d.max_abs == 255);
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("U8"), BYTES(i1), BYTES(i2)), ASSAY_OK);
    assert_true(d.max_abs == 1);
    const int64_t l1[] = {-5, INT64_MIN}, l2[] = {5, INT64_MIN};
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("I64"), BYTES(l1), BYTES(l2)), ASSAY_OK);
    assert_true(d.max_abs == 10 && d.changed == 1);
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("F32"), BYTES(f1), BYTES(f1)), ASSAY_OK);
    assert_true(d.changed == 0 && d.relative_l2 == 0 && d.max_abs == 0);
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("Q4_K"), BYTES(f1), BYTES(f1)), ASSAY_E_RANGE);
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("F32"), BYTES(f1), BYTES(g1)), ASSAY_OK);
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("F32"), BYTES(f1), BYTES(i1)), ASSAY_E_RANGE);
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("F32"), BYTES(i1), BYTES(i1)), ASSAY_E_RANGE);
    assert_int_equal(assay_model_tensor_delta(&d, ASSAY_STR("F32"), (assay_bytes){0}, (assay_bytes){0}), ASSAY_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest),        cmocka_unit_test(test_digest_sizes),    cmocka_unit_test(test_model_signing),
        cmocka_unit_test(test_refused_trees), cmocka_unit_test(test_refused_headers), cmocka_unit_test(test_progress),
        cmocka_unit_test(test_flips),         cmocka_unit_test(test_verify_places),   cmocka_unit_test(test_verify_sizes),
        cmocka_unit_test(test_verify_trees),  cmocka_unit_test(test_single_file),     cmocka_unit_test(test_openings),
        cmocka_unit_test(test_ranges),        cmocka_unit_test(test_diff),            cmocka_unit_test(test_delta),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
