/* SPDX-License-Identifier: Apache-2.0
 * Folders on a real disk: digests, the digest of OpenSSF's tool, what is refused, custody, openings, ranges,
 * differences. */
#define _GNU_SOURCE
#include "model_fixture.h"

#include <jansson.h>

static void test_digest(void **state) {
    (void)state;
    const char *dir = make_model("digest");
    assay_arena keep = keep_fresh();
    assay_model model = digest(&keep, dir, 1);
    static const char *paths[] = {"config.json",
                                  "empty",
                                  "model-00001-of-00002.safetensors",
                                  "model-00002-of-00002.safetensors",
                                  "model.safetensors.index.json",
                                  "onnx/data/w.bin",
                                  "onnx/model.onnx",
                                  "onnx.d/z",
                                  "sub/.git/HEAD"};
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
        assert_true(assay_base_hash_eq(
            tensor->blake3, assay_crypto_blake3(NULL, (assay_bytes){bytes + tensor->offset, tensor->length})));
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
    assert_int_equal(
        assay_model_groups_read(&groups, &keep, (assay_bytes){changed, model.groups.count * 32}, &model.manifest),
        ASSAY_E_PROOF);
    changed[40] ^= 1;
    assert_int_equal(
        assay_model_groups_read(&groups, &keep, (assay_bytes){changed, model.groups.count * 32 + 32}, &model.manifest),
        ASSAY_E_PROOF);
    free(changed);
}

/* Sizes around every boundary of the engine, many files, every number of lanes. */
static void test_digest_sizes(void **state) {
    (void)state;
    static const size_t sizes[] = {
        0,       1,           63,      64,           65,          127,           1023,
        1024,    1025,        131071,  131072,       131073,      262143,        262144,
        262145,  262144 + 64, 524288,  1048575,      1048576,     1048577,       1048576 + 262144,
        4194303, 4194304,     4194305, 4194304 + 64, 4194304 * 2, 8388608 + 4097};
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
            assert_true(assay_base_hash_eq(assay_crypto_blake3_root_from_groups(
                                               &key, model.keyed_groups.values + model.keyed_groups.first[i],
                                               model.keyed_groups.first[i + 1] - model.keyed_groups.first[i], sizes[i]),
                                           model.keyed[i]));
        }
        assay_model_findings findings;
        assert_int_equal(
            assay_model_verify(&findings, &keep, NULL, dir, &model.manifest, &model.groups, &options, scratch_fresh()),
            ASSAY_OK);
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
            size_t size = (size_t)json_integer_value(json_array_get(row, 2)),
                   first = (size_t)json_integer_value(json_array_get(row, 1));
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

/* ---- what digest refuses ------------------------------------------------------------------------------------- */

static void refuse(const char *path, assay_err want, const char *file, const char *tensor, const char *what) {
    assay_arena keep = keep_fresh();
    assay_model model;
    assay_model_where where = {0};
    assay_err err = assay_model_digest(&model, &keep, &where, path, NULL, scratch_fresh());
    if (err != want) fail_msg("%s: %d instead of %d (%s)", path, err, want, where.what ? where.what : "");
    if (file && !assay_base_bytes_eq(where.file, assay_base_bytes_str(file)))
        fail_msg("file %.*s", (int)where.file.len, (const char *)where.file.ptr);
    if (tensor && !assay_base_bytes_eq(where.tensor, assay_base_bytes_str(tensor)))
        fail_msg("tensor %.*s", (int)where.tensor.len, (const char *)where.tensor.ptr);
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
    char deep[65 * 2 + 2];
    for (int i = 0; i < 65; i++) memcpy(deep + 2 * i, "d/", 2);
    memcpy(deep + 130, "f", 2);
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
    memcpy(path + 1024, "1", 2);
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
    refuse(dir, ASSAY_E_HEADER, "model.safetensors.index.json", "x",
           "the index names a shard that is not in the model");
    static const char wrong_shard[] = "{\"weight_map\":{\"embed.weight\":\"model-00002-of-00002.safetensors\"}}";
    put(dir, "model.safetensors.index.json", wrong_shard, sizeof wrong_shard - 1);
    refuse(dir, ASSAY_E_HEADER, "model.safetensors.index.json", "embed.weight",
           "the index maps the tensor to a shard that does not hold it");
    static const char outside[] = "{\"weight_map\":{\"x\":\"../model.safetensors\"}}";
    put(dir, "model.safetensors.index.json", outside, sizeof outside - 1);
    refuse(dir, ASSAY_E_HEADER, "model.safetensors.index.json", "x",
           "the index names a shard that is not in the model");
    assert_int_equal(
        assay_model_digest(&model, &keep, &where, dir, &(assay_model_options){.lenient = true}, scratch_fresh()),
        ASSAY_OK);
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
    refuse(in(dir, "onnx/model.onnx"), ASSAY_E_HEADER, "model.onnx", "outside",
           "external data names a file that is not in the model");
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
        assert_int_equal(assay_model_digest(&model, &keep, &where, dir, &options, scratch_fresh()),
                         ASSAY_F_INTERRUPTED);
        assert_true(calls >= 1);
        options = (assay_model_options){.threads = threads, .progress = count_calls, .progress_context = &last};
        assert_int_equal(assay_model_digest(&model, &keep, &where, dir, &options, scratch_fresh()), ASSAY_OK);
        assert_int_equal(last, model.size);
        last = 0;
        assay_model_findings findings;
        assert_int_equal(
            assay_model_verify(&findings, &keep, &where, dir, &model.manifest, NULL, &options, scratch_fresh()),
            ASSAY_OK);
        assert_int_equal(last, model.size);
        calls = 0;
        options = (assay_model_options){.threads = threads, .progress = stop_at_once, .progress_context = &calls};
        assert_int_equal(
            assay_model_verify(&findings, &keep, &where, dir, &model.manifest, NULL, &options, scratch_fresh()),
            ASSAY_F_INTERRUPTED);
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

/* ---- custody, openings, ranges ------------------------------------------------------------------------------- */

static void test_openings(void **state) {
    (void)state;
    const char *dir = make_model("openings");
    assay_arena keep = keep_fresh();
    assay_hash key = assay_crypto_blake3(NULL, ASSAY_STR("a key"));
    assay_model_options options = {.threads = 2, .custody_key = &key};
    assay_model model;
    assert_int_equal(assay_model_digest(&model, &keep, NULL, dir, &options, scratch_fresh()), ASSAY_OK);
    assay_model_custody_state custody;
    assert_int_equal(assay_model_custody(&custody, &keep, NULL, dir, &model.manifest, &key, &options, scratch_fresh()),
                     ASSAY_OK);
    assert_true(assay_base_hash_eq(custody.root, model.custody_root));
    assert_memory_equal(custody.groups.values, model.keyed_groups.values, custody.groups.count * 32);
    assay_opening_claim claim = {model.root, model.manifest.files_count, model.chunks, key, custody.root};
    uint64_t opened = 0;
    for (uint64_t chunk = 0; chunk < model.chunks;
         chunk += chunk < 400 || random_u64() % 3 == 0 ? 1 : 1 + random_u64() % 30) {
        assay_arena inner = keep;
        assay_opening_entry entry;
        /* Every fourth without the groups at hand, of either kind. */
        assay_model_custody_state bare = custody;
        if (chunk % 4 == 1) bare.groups = (assay_model_groups){0};
        const assay_model_groups *groups = chunk % 4 == 2 ? NULL : &model.groups;
        assert_int_equal(
            assay_model_opening_entry(&entry, &inner, dir, &model.manifest, groups, &bare, chunk, scratch_fresh()),
            ASSAY_OK);
        assert_int_equal(assay_opening_entry_check(&entry, chunk, &claim), ASSAY_OK);
        assert_int_not_equal(assay_opening_entry_check(&entry, chunk + 1, &claim), ASSAY_OK);
        opened++;
    }
    assert_true(opened > 400);
    assay_opening_entry entry;
    assert_int_equal(
        assay_model_opening_entry(&entry, &keep, dir, &model.manifest, NULL, &custody, model.chunks, scratch_fresh()),
        ASSAY_E_RANGE);
    assert_int_equal(
        assay_model_opening_entry(&entry, &keep, dir, &model.manifest, NULL, &custody, UINT64_MAX, scratch_fresh()),
        ASSAY_E_RANGE);
    /* Bytes that are no longer the manifest's are not opened. */
    uint64_t chunk = model.manifest.files[3].chunks_before + 7;
    const char *path = in(dir, (const char *)model.manifest.files[3].path.ptr);
    flip(path, 7 * 1024 + 5, 1);
    assert_int_equal(
        assay_model_opening_entry(&entry, &keep, dir, &model.manifest, &model.groups, &custody, chunk, scratch_fresh()),
        ASSAY_E_CONTENT);
    assert_int_equal(
        assay_model_opening_entry(&entry, &keep, dir, &model.manifest, NULL, &custody, chunk, scratch_fresh()),
        ASSAY_E_CONTENT);
    assert_int_equal(truncate(path, 100), 0);
    assay_model_where where;
    assert_int_equal(
        assay_model_opening_entry(&entry, &keep, dir, &model.manifest, &model.groups, &custody, chunk, scratch_fresh()),
        ASSAY_E_CONTENT);
    assert_int_equal(
        assay_model_custody(&custody, &keep, &where, dir, &model.manifest, &key, &options, scratch_fresh()),
        ASSAY_E_CONTENT);
    assert_true(assay_base_bytes_eq(where.file, model.manifest.files[3].path));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(
        assay_model_opening_entry(&entry, &keep, dir, &model.manifest, &model.groups, &custody, chunk, scratch_fresh()),
        ASSAY_E_MISSING);
    assert_int_equal(
        assay_model_custody(&custody, &keep, &where, dir, &model.manifest, &key, &options, scratch_fresh()),
        ASSAY_E_MISSING);
    assert_int_equal(symlink("empty", path), 0);
    assert_int_equal(
        assay_model_custody(&custody, &keep, &where, dir, &model.manifest, &key, &options, scratch_fresh()),
        ASSAY_E_SYMLINK);
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
            assert_int_equal(assay_model_range_read(&range, &keep, dir, &model.manifest, g & 1 ? NULL : &model.groups,
                                                    i, g, scratch_fresh()),
                             ASSAY_OK);
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
        assert_int_equal(assay_model_range_read(&range, &keep, dir, &model.manifest, NULL, i, groups, scratch_fresh()),
                         ASSAY_E_RANGE);
        free(bytes);
    }
    assert_true(count >= 11);
    assay_model_range range;
    assert_int_equal(assay_model_range_read(&range, &keep, dir, &model.manifest, NULL, model.manifest.files_count, 0,
                                            scratch_fresh()),
                     ASSAY_E_RANGE);
    flip(in(dir, (const char *)model.manifest.files[2].path.ptr), 1048576, 1);
    assert_int_equal(assay_model_range_read(&range, &keep, dir, &model.manifest, &model.groups, 2, 1, scratch_fresh()),
                     ASSAY_E_CONTENT);
    assert_int_equal(assay_model_range_read(&range, &keep, dir, &model.manifest, &model.groups, 2, 0, scratch_fresh()),
                     ASSAY_OK);
}

/* ---- files that are still arriving --------------------------------------------------------------------------- */

/* Copies a model's files in the manifest's order, in pieces; who follows is told. */
typedef struct feeder {
    const char *from, *to;
    const assay_manifest *manifest;
    uint64_t ends_at; /* bytes of all files */
    uint64_t piece_max;
    assay_os_thread thread;
    assay_os_mutex lock;
    assay_os_condition moved;
    uint64_t have[16];
    bool ended;
} feeder;

static void feed(void *context) {
    feeder *f = context;
    uint64_t fed = 0;
    for (uint32_t i = 0; i < f->manifest->files_count; i++) {
        const char *path = (const char *)f->manifest->files[i].path.ptr;
        char name[512];
        assay_os_file file;
        size_t len;
        snprintf(name, sizeof name, "%s/%s", f->from, path);
        uint8_t *bytes = read_file(name, &len);
        snprintf(name, sizeof name, "%s/%s", f->to, path);
        assert_int_equal(assay_os_file_open(&file, name, ASSAY_OS_CREATE, 0644), ASSAY_OK);
        for (uint64_t at = 0; at < len && fed < f->ends_at;) {
            uint64_t step = 1 + random_u64() % f->piece_max;
            if (step > len - at) step = len - at;
            assert_int_equal(assay_os_file_write(&file, (assay_bytes){bytes + at, step}, at), ASSAY_OK);
            at += step;
            fed += step;
            assay_os_mutex_lock(&f->lock);
            f->have[i] = at;
            assay_os_condition_broadcast(&f->moved);
            assay_os_mutex_unlock(&f->lock);
        }
        assay_os_file_close(&file);
        free(bytes);
    }
    assay_os_mutex_lock(&f->lock);
    f->ended = true;
    assay_os_condition_broadcast(&f->moved);
    assay_os_mutex_unlock(&f->lock);
}

static bool has_arrived(void *context, uint32_t file_idx, uint64_t bytes) {
    feeder *f = context;
    assay_os_mutex_lock(&f->lock);
    while (f->have[file_idx] < bytes && !f->ended)
        (void)assay_os_condition_wait(&f->moved, &f->lock, ASSAY_OS_NO_DEADLINE);
    bool here = f->have[file_idx] >= bytes;
    assay_os_mutex_unlock(&f->lock);
    return here;
}

static assay_err follow(assay_model *out, assay_arena *keep, feeder *f, const assay_model *model,
                        const assay_manifest *manifest, const assay_hash *key, uint32_t threads) {
    f->manifest = &model->manifest;
    f->ended = false;
    memset(f->have, 0, sizeof f->have);
    f->to = new_dir("arriving");
    for (uint32_t i = 0; i < f->manifest->files_count; i++) {
        const char *path = (const char *)f->manifest->files[i].path.ptr;
        if (strchr(path, '/') || f->manifest->files[i].size == 0) put(f->to, path, "", 0);
    }
    assay_os_mutex_init(&f->lock);
    assay_os_condition_init(&f->moved);
    assert_int_equal(assay_os_thread_start(&f->thread, "feed", 0, feed, f), ASSAY_OK);
    assay_model_options options = {
        .threads = threads, .lenient = true, .custody_key = key, .arrived = has_arrived, .arrived_context = f};
    assay_err err = assay_model_follow(out, keep, NULL, f->to, manifest, &model->groups, &options, scratch_fresh());
    assay_os_thread_join(&f->thread);
    assay_os_condition_fini(&f->moved);
    assay_os_mutex_fini(&f->lock);
    return err;
}

static void test_follow(void **state) {
    (void)state;
    const char *dir = make_model("follow");
    const assay_hash key = {{7}};
    uint8_t *large = noise(9500001);
    put(dir, "large.bin", large, 9500001);
    free(large);
    assay_arena keep = keep_fresh();
    assay_model model, followed;
    assay_model_options options = {.threads = 2, .custody_key = &key};
    assert_int_equal(assay_model_digest(&model, &keep, NULL, dir, &options, scratch_fresh()), ASSAY_OK);
    assert_true(model.manifest.tensors_count > 8 && model.manifest.files_count <= 16);
    char from[4096]; /* new_dir's own text is used again */
    snprintf(from, sizeof from, "%s", dir);
    feeder f = {.from = from, .ends_at = UINT64_MAX};
    static const uint64_t pieces[] = {3000, 70000, 5000000, 20000000};
    for (uint32_t i = 0; i < 12; i++) {
        f.piece_max = pieces[i % 4];
        assert_int_equal(follow(&followed, &keep, &f, &model, &model.manifest, &key, 1 + i % 3), ASSAY_OK);
        assert_memory_equal(&followed.root, &model.root, sizeof model.root);
        assert_memory_equal(&followed.tensor_root, &model.tensor_root, sizeof model.tensor_root);
        assert_memory_equal(&followed.model_signing, &model.model_signing, sizeof model.model_signing);
        assert_memory_equal(&followed.custody_root, &model.custody_root, sizeof model.custody_root);
        assert_int_equal(followed.size, model.size);
        assert_int_equal(followed.chunks, model.chunks);
        assert_memory_equal(followed.keyed, model.keyed, model.manifest.files_count * sizeof *model.keyed);
        assert_int_equal(followed.keyed_groups.count, model.keyed_groups.count);
        assert_memory_equal(followed.keyed_groups.values, model.keyed_groups.values,
                            model.keyed_groups.count * sizeof *model.keyed_groups.values);
    }
    /* Bytes that end too soon, anywhere. */
    for (uint32_t i = 0; i < 8; i++) {
        f.ends_at = random_u64() % (model.size - 1);
        f.piece_max = 1 + random_u64() % 100000;
        if (f.ends_at + f.piece_max >= model.size) continue;
        assert_int_equal(follow(&followed, &keep, &f, &model, &model.manifest, &key, 1 + i % 3), ASSAY_F_INTERRUPTED);
    }
    f.ends_at = UINT64_MAX;
    /* A manifest that says something else: of a tensor's place, of its digest, of a file's, of what there is. */
    assay_manifest other = model.manifest;
    other.tensors = ASSAY_NEW(&keep, assay_tensor_leaf, other.tensors_count);
    assert_non_null(other.tensors);
    const assay_tensor_leaf *tensors = model.manifest.tensors;
    memcpy(other.tensors, tensors, other.tensors_count * sizeof *tensors);
    other.tensors_count--;
    assert_int_equal(follow(&followed, &keep, &f, &model, &other, &key, 2), ASSAY_E_CONTENT);
    other.tensors_count++;
    other.tensors[2].blake3.b[3] ^= 1;
    assert_int_equal(follow(&followed, &keep, &f, &model, &other, &key, 2), ASSAY_E_CONTENT);
    other.tensors[2] = tensors[2];
    other.tensors[1].name = ASSAY_STR("another");
    assert_int_equal(follow(&followed, &keep, &f, &model, &other, &key, 2), ASSAY_E_CONTENT);
    other.tensors[1] = tensors[1];
    other.tensor_rules++;
    assert_int_equal(follow(&followed, &keep, &f, &model, &other, &key, 2), ASSAY_E_CONTENT);
    other.tensor_rules--;
    other.files[0].sha256.b[0] ^= 1;
    assert_int_equal(follow(&followed, &keep, &f, &model, &other, &key, 2), ASSAY_E_CONTENT);
    other.files[0].sha256.b[0] ^= 1;
    assert_int_equal(follow(&followed, &keep, &f, &model, &other, &key, 2), ASSAY_OK);
    assert_int_equal(followed.manifest.files_count, model.manifest.files_count);
}

/* ---- differences --------------------------------------------------------------------------------------------- */

static void test_diff(void **state) {
    (void)state;
    static const tensor_spec before_specs[] = {{"same", "F32", "4", 16},
                                               {"changed", "F32", "4", 16},
                                               {"reshaped", "F32", "4", 16},
                                               {"removed", "F32", "4", 16},
                                               {"moved", "F32", "4", 16}};
    const char *one = new_dir("before"), *two = new_dir("after");
    uint64_t kept_seed = seed;
    put_safetensors(one, "m.safetensors", before_specs, 5);
    put(one, "gone", "x", 1);
    put(one, "config.json", "1", 1);
    size_t len;
    uint8_t *old = read_file(in(one, "m.safetensors"), &len);
    (void)kept_seed;
    /* The later version, built from the earlier one's bytes. */
    static const tensor_spec after_specs[] = {{"same", "F32", "4", 16},
                                              {"changed", "F32", "4", 16},
                                              {"reshaped", "F32", "2,2", 16},
                                              {"added", "F32", "4", 16}};
    static const tensor_spec other_specs[] = {{"moved", "F32", "4", 16}};
    put_safetensors(two, "m.safetensors", after_specs, 4);
    put_safetensors(two, "other.safetensors", other_specs, 1);
    put(two, "config.json", "2", 1);
    size_t new_len, other_len;
    uint8_t *new_file = read_file(in(two, "m.safetensors"), &new_len),
            *other = read_file(in(two, "other.safetensors"), &other_len);
    memcpy(new_file + new_len - 64, old + len - 80, 48);
    new_file[new_len - 48] ^= 1;
    put(two, "m.safetensors", new_file, new_len);
    memcpy(other + other_len - 16, old + len - 16, 16);
    put(two, "other.safetensors", other, other_len);
    assay_arena keep = keep_fresh();
    assay_model before = digest(&keep, one, 1), after = digest(&keep, two, 1);
    assay_model_diff diff;
    assert_int_equal(assay_model_diff_of(&diff, &keep, &before.manifest, &after.manifest, scratch_fresh()), ASSAY_OK);
    static const assay_model_diff_row tensors[] = {{ASSAY_MODEL_CHANGED, 1, 1},
                                                   {ASSAY_MODEL_CHANGED, 2, 2},
                                                   {ASSAY_MODEL_ADDED, ASSAY_MODEL_NONE, 3},
                                                   {ASSAY_MODEL_MOVED, 4, 4},
                                                   {ASSAY_MODEL_REMOVED, 3, ASSAY_MODEL_NONE}};
    assert_int_equal(diff.tensors_count, 5);
    assert_int_equal(diff.tensors_same, 1);
    assert_memory_equal(diff.tensors, tensors, sizeof tensors);
    static const assay_model_diff_row files[] = {{ASSAY_MODEL_CHANGED, 0, 0},
                                                 {ASSAY_MODEL_REMOVED, 1, ASSAY_MODEL_NONE},
                                                 {ASSAY_MODEL_CHANGED, 2, 1},
                                                 {ASSAY_MODEL_ADDED, ASSAY_MODEL_NONE, 2}};
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
        cmocka_unit_test(test_digest),          cmocka_unit_test(test_digest_sizes),
        cmocka_unit_test(test_model_signing),   cmocka_unit_test(test_refused_trees),
        cmocka_unit_test(test_refused_headers), cmocka_unit_test(test_progress),
        cmocka_unit_test(test_openings),        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_follow),          cmocka_unit_test(test_diff),
        cmocka_unit_test(test_delta),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
