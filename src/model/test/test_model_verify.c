/* SPDX-License-Identifier: Apache-2.0
 * Everything that verify must notice, and where: single bits, sizes, links, missing and extra files, single files. */
#define _GNU_SOURCE
#include "model_fixture.h"

/* ---- verify -------------------------------------------------------------------------------------------------- */

static assay_model_findings verify(assay_arena *keep, const char *path, const assay_model *model, bool groups,
                                   uint32_t threads) {
    assay_model_findings findings;
    assay_model_where where;
    assay_model_options options = {.threads = threads};
    assert_int_equal(assay_model_verify(&findings, keep, &where, path, &model->manifest, groups ? &model->groups : NULL,
                                        &options, scratch_fresh()),
                     ASSAY_OK);
    return findings;
}

static void expect(const assay_model_findings *findings, uint32_t i, assay_err code, const char *file,
                   const char *tensor, uint64_t offset, uint64_t length) {
    assert_true(i < findings->count);
    const assay_model_finding *f = &findings->rows[i];
    assert_int_equal(f->code, code);
    if (!assay_base_bytes_eq(f->file, assay_base_bytes_str(file)))
        fail_msg("file %.*s", (int)f->file.len, (const char *)f->file.ptr);
    if (!assay_base_bytes_eq(f->tensor, assay_base_bytes_str(tensor)))
        fail_msg("tensor %.*s", (int)f->tensor.len, (const char *)f->tensor.ptr);
    assert_int_equal(f->offset, offset);
    assert_int_equal(f->length, length);
}

/* The tensor that holds a byte, or NULL. */
static const assay_tensor_leaf *tensor_at(const assay_manifest *manifest, uint32_t file_idx, uint64_t offset) {
    for (uint32_t i = 0; i < manifest->tensors_count; i++) {
        const assay_tensor_leaf *t = &manifest->tensors[i];
        if (t->file_idx == file_idx && offset >= t->offset && offset - t->offset < t->length) return t;
    }
    return NULL;
}

static void check_flip(const char *dir, const assay_model *model, uint32_t file_idx, uint64_t offset, bool groups,
                       uint32_t threads, assay_arena keep) {
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
    if (tensor)
        assert_true(f->offset >= tensor->offset && f->offset + f->length <= tensor->offset + tensor->length);
    else
        assert_true(!tensor_at(&model->manifest, file_idx, f->offset) &&
                    !tensor_at(&model->manifest, file_idx, f->offset + f->length - 1));
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
        for (uint64_t at = 0; at < size; at += step, count++)
            check_flip(dir, &model, i, at, count & 1, 1 + count % 3, keep);
        for (uint32_t k = 0; k < 70 && size; k++, count++)
            check_flip(dir, &model, i, random_u64() % size, count & 1, 1 + count % 3, keep);
        for (uint32_t k = 0; k < 20 && size > 700; k++, count++)
            check_flip(dir, &model, i, random_u64() % 700, count & 1, 1, keep);
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
        if (assay_base_bytes_eq(model.manifest.tensors[i].name, ASSAY_STR("layer.0.weight")))
            layer = &model.manifest.tensors[i];
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
        {ASSAY_E_EXTRA, "a/extra", 1}, {ASSAY_E_EXTRA, "bus/.git/HEAD", 12}, {ASSAY_E_MISSING, "config.json", 0},
        {ASSAY_E_SYMLINK, "empty", 0}, {ASSAY_E_MISSING, "onnx.d/z", 0},     {ASSAY_E_EXTRA, "onnx.e/z", 38},
        {ASSAY_E_SYMLINK, "sub", 0},   {ASSAY_E_EXTRA, "zzz\\xff", 0},
    };
    assert_int_equal(findings.total, sizeof want / sizeof *want);
    for (uint32_t i = 0; i < findings.total; i++)
        expect(&findings, i, want[i].code, want[i].file, "", 0, want[i].length);
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
    assert_int_equal(
        assay_model_verify(&none, &keep, &where, in(top, "nowhere"), &model.manifest, NULL, NULL, scratch_fresh()),
        ASSAY_E_NOT_FOUND);
    /* An empty folder: all is missing. */
    findings = verify(&keep, new_dir("nothing"), &model, true, 1);
    assert_int_equal(findings.total, model.manifest.files_count);
    expect(&findings, 0, ASSAY_E_MISSING, "config.json", "", 0, 0);
    model.manifest.files[1].chunks_before++;
    assert_int_equal(assay_model_verify(&none, &keep, &where, dir, &model.manifest, NULL, NULL, scratch_fresh()),
                     ASSAY_E_RANGE);
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

/* A file that is changed under the reader's hands, at the first word of progress. */
typedef struct meddler {
    const char *path;
    long size; /* to which it is cut; -1: a byte is changed instead */
    bool done;
} meddler;
static bool meddle(void *context, const assay_model_progress *progress) {
    meddler *m = context;
    (void)progress;
    if (!m->done) {
        if (m->size >= 0)
            assert_int_equal(truncate(m->path, m->size), 0);
        else
            flip(m->path, 5, 1);
    }
    m->done = true;
    return true;
}

static void test_changed_meanwhile(void **state) {
    (void)state;
    const char *dir = new_dir("meddled"), *path = in(dir, "large");
    static const long sizes[] = {0, 100, 5000000, -1};
    uint8_t *bytes = noise(12 << 20);
    for (size_t i = 0; i < 4; i++) {
        for (uint32_t threads = 1; threads <= 2; threads++) {
            put(dir, "large", bytes, 12 << 20);
            assay_arena keep = keep_fresh();
            assay_model model = digest(&keep, dir, 2), other;
            assay_model_where where;
            meddler m = {path, sizes[i], false};
            assay_model_options options = {.threads = threads, .progress = meddle, .progress_context = &m};
            assay_os_sleep_ns(20000000); /* the clock that stamps files ticks every few milliseconds */
            /* No digest of what never was: a fault. */
            assert_int_equal(assay_model_digest(&other, &keep, &where, dir, &options, scratch_fresh()),
                             ASSAY_F_STORAGE);
            assert_string_equal(where.what, "the file changed while it was read");
            assert_true(assay_base_bytes_eq(where.file, ASSAY_STR("large")));
            put(dir, "large", bytes, 12 << 20);
            assay_os_sleep_ns(20000000);
            m.done = false;
            assay_model_findings findings;
            assert_int_equal(assay_model_verify(&findings, &keep, &where, dir, &model.manifest, &model.groups, &options,
                                                scratch_fresh()),
                             ASSAY_OK);
            assert_int_equal(findings.total, 1);
            assert_int_equal(findings.rows[0].code, ASSAY_E_CONTENT);
        }
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flips),        cmocka_unit_test(test_verify_places),
        cmocka_unit_test(test_verify_sizes), cmocka_unit_test(test_verify_trees),
        cmocka_unit_test(test_single_file),  cmocka_unit_test(test_changed_meanwhile),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
