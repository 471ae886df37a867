/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole walk on real files: a model that verifies, more than a thousand one-byte changes of it and of its
 * certificate, and every exit code that a verification can end with. */
#define _GNU_SOURCE /* setenv, symlink, chmod */
#include "chain_internal.h"
#include "../cert_internal.h"

#include "os/os.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define MIB (1u << 20)

static chain made;
static assay_os_region keep_region, scratch_region, made_region;
static const char *home; /* a folder of this test alone */
static char model_path[512], cert_path[512], trust_path[512];
static uint8_t weights[2 * MIB + 5000];
static size_t header_len;
static assay_bytes cert_text;

/* ---- the model ----------------------------------------------------------------------------------------------- */

static const char *in(const char *folder, const char *name) {
    static char path[4][1024];
    static size_t turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static void write_file(const char *path, const void *bytes, size_t len) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

#define FIRST_LEN (MIB + 1024)
#define SECOND_LEN MIB
#define THIRD_LEN 400

static void make_weights(void) {
    char header[512];
    int len = snprintf(header, sizeof header,
                       "{\"first\":{\"dtype\":\"U8\",\"shape\":[%u],\"data_offsets\":[0,%u]},"
                       "\"second\":{\"dtype\":\"U8\",\"shape\":[%u],\"data_offsets\":[%u,%u]},"
                       "\"third\":{\"dtype\":\"U8\",\"shape\":[%u],\"data_offsets\":[%u,%u]}}",
                       FIRST_LEN, FIRST_LEN, SECOND_LEN, FIRST_LEN, FIRST_LEN + SECOND_LEN, THIRD_LEN,
                       FIRST_LEN + SECOND_LEN, FIRST_LEN + SECOND_LEN + THIRD_LEN);
    memset(weights, 0, sizeof weights);
    weights[0] = (uint8_t)len;
    weights[1] = (uint8_t)(len >> 8);
    memcpy(weights + 8, header, (size_t)len);
    header_len = 8 + (size_t)len;
    uint32_t seed = 42;
    for (size_t i = header_len; i < sizeof weights; i++) {
        seed = seed * 1664525 + 1013904223;
        weights[i] = (uint8_t)(seed >> 24);
    }
}

static size_t weights_len(void) { return header_len + FIRST_LEN + SECOND_LEN + THIRD_LEN; }

static void make_model(void) {
    make_weights();
    assert_int_equal(assay_os_dirs_create(in(model_path, "tokenizer/parts"), 0755), ASSAY_OK);
    write_file(in(model_path, "weights.safetensors"), weights, weights_len());
    write_file(in(model_path, "config.json"), "{\"hidden\":384}", 14);
    write_file(in(model_path, "tokenizer/vocab.txt"), "one\ntwo\nthree\n", 14);
    write_file(in(model_path, "tokenizer/parts/a.bin"), "aaaa", 4);
    write_file(in(model_path, "empty"), "", 0);
}

/* Digests the model and writes certificate and trust file for it. */
static void make_files_of(const char *of, const chain_options *options, const char *path) {
    static assay_model model;
    assay_arena keep = assay_os_region_arena(&made_region), scratch = assay_os_region_arena(&scratch_region);
    const assay_model_options how = {.threads = 1};
    assert_int_equal(assay_model_digest(&model, &keep, NULL, of, &how, scratch), ASSAY_OK);
    const assay_bytes groups = {model.groups.values->b, model.groups.count * ASSAY_HASH_LEN};
    chain_make(&made, &keep, &model.manifest, groups, options, scratch);
    assert_int_equal(chain_text(&cert_text, &keep, &made.parts, scratch), ASSAY_OK);
    write_file(path, cert_text.ptr, cert_text.len);
}

static void make_files(const chain_options *options, const char *path) {
    make_files_of(model_path, options, path);
}

static void write_trust(const assay_trust *trust) {
    static uint8_t room[1u << 16];
    assay_buf text = {.ptr = room, .cap = sizeof room};
    assert_int_equal(assay_trust_write(&text, trust), ASSAY_OK);
    write_file(trust_path, text.ptr, text.len);
}

static void make_trust(int64_t blocks) {
    assay_trust_checkpoint checkpoint = chain_checkpoint(&made, blocks);
    const assay_trust trust = chain_trust(&checkpoint, 1);
    write_trust(&trust);
}

static int set_up(void **state) {
    (void)state;
    assay_os_region region;
    if (assay_os_reserve(&region, 1u << 16) || assay_os_reserve(&keep_region, 1u << 28) ||
        assay_os_reserve(&scratch_region, 1u << 28) || assay_os_reserve(&made_region, 1u << 28))
        return -1;
    assay_arena keep = assay_os_region_arena(&region);
    if (assay_os_temp_dir(&home, &keep, "assay-test-cert-", true) != ASSAY_OK) return -1;
    snprintf(model_path, sizeof model_path, "%s/model", home);
    snprintf(cert_path, sizeof cert_path, "%s/acme+ocr+1.0.assay.json", home);
    snprintf(trust_path, sizeof trust_path, "%s/trust.json", home);
    setenv("XDG_CONFIG_HOME", home, 1);
    unsetenv("ASSAY_TRUST");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    return assay_os_remove_tree(home) == ASSAY_OK ? 0 : -1;
}

static int fresh(void **state) {
    (void)state;
    const chain_options options = {0};
    assert_int_equal(assay_os_remove_tree(model_path), ASSAY_OK);
    assert_int_equal(assay_os_remove_tree(in(home, "assay")), ASSAY_OK);
    make_model();
    make_files(&options, cert_path);
    make_trust(10);
    return 0;
}

/* ---- one verification ---------------------------------------------------------------------------------------- */

static assay_verdict verdict; /* of the latest; its memory lasts until the next */
static assay_cert_policy policy;
static int64_t now_after;

static int verify_at(const char *path, const char *cert, const char *trust) {
    assay_arena keep = assay_os_region_arena(&keep_region), scratch = assay_os_region_arena(&scratch_region);
    const assay_cert_request request = {.path = path,
                                        .cert = cert,
                                        .trust = trust,
                                        .policy = policy,
                                        .now = {CHAIN_TIME + 60 + now_after, 0},
                                        .model = {.threads = 1}};
    assay_cert_verify_path(&verdict, &keep, &request, scratch);
    return assay_verdict_exit(&verdict);
}

static int verify(void) { return verify_at(model_path, NULL, trust_path); }

static void expect(int exit, assay_err code) {
    if (assay_verdict_exit(&verdict) != exit || verdict.code != code)
        fail_msg("exit %d %s, expected %d %s", assay_verdict_exit(&verdict), assay_base_err_code(verdict.code), exit,
                 assay_base_err_code(code));
}

static void expect_finding(assay_err code, const char *file) {
    for (uint32_t i = 0; i < verdict.findings.count; i++)
        if (verdict.findings.rows[i].code == code &&
            assay_base_bytes_eq(verdict.findings.rows[i].file, assay_base_bytes_str(file)))
            return;
    fail_msg("no finding %s of %s", assay_base_err_code(code), file);
}

/* ---- the sweep ----------------------------------------------------------------------------------------------- */

static size_t changes;

/* One byte of a file changed, verified, and put back: exit 1, file and tensor named, the byte inside the range. */
static void flip_of(const char *of, const char *file, size_t at, uint8_t bits, const char *tensor) {
    const char *path = in(model_path, file);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, (long)at, SEEK_SET);
    int old = fgetc(f);
    fseek(f, (long)at, SEEK_SET);
    fputc(old ^ bits, f);
    assert_int_equal(fclose(f), 0);
    verify_at(of, NULL, trust_path);
    expect(1, ASSAY_E_CONTENT);
    assert_int_equal(verdict.findings.total, 1);
    const assay_model_finding *finding = &verdict.findings.rows[0];
    assert_true(assay_base_bytes_eq(finding->file, assay_base_bytes_str(file)));
    if (!assay_base_bytes_eq(finding->tensor, assay_base_bytes_str(tensor)))
        fail_msg("byte %zu of %s: another tensor", at, file);
    assert_true(finding->offset <= at && at < finding->offset + finding->length);
    assert_true(finding->length <= MIB);
    f = fopen(in(model_path, file), "r+b");
    fseek(f, (long)at, SEEK_SET);
    fputc(old, f);
    assert_int_equal(fclose(f), 0);
    changes++;
}

static void flip(const char *file, size_t at, uint8_t bits, const char *tensor) {
    flip_of(model_path, file, at, bits, tensor);
}

static const char *tensor_at(size_t at) {
    if (at < header_len) return "";
    if (at < header_len + FIRST_LEN) return "first";
    return at < header_len + FIRST_LEN + SECOND_LEN ? "second" : "third";
}

static void test_sweep_model(void **state) {
    (void)state;
    assert_int_equal(verify(), 0);
    changes = 0;
    for (size_t at = 0; at < header_len; at++) flip("weights.safetensors", at, 1, "");
    for (size_t at = header_len; at < weights_len(); at += 3001)
        flip("weights.safetensors", at, (uint8_t)(1u << at % 8), tensor_at(at));
    const size_t borders[] = {header_len, header_len + FIRST_LEN - 1, header_len + FIRST_LEN,
                              header_len + FIRST_LEN + SECOND_LEN - 1, weights_len() - 1, MIB - 1, MIB, 2 * MIB - 1};
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++)
        flip("weights.safetensors", borders[i], 0x80, tensor_at(borders[i]));
    for (size_t at = 0; at < 14; at++) {
        flip("config.json", at, 0xff, "");
        flip("tokenizer/vocab.txt", at, 1, "");
    }
    for (size_t at = 0; at < 4; at++) flip("tokenizer/parts/a.bin", at, 2, "");
    assert_int_equal(verify(), 0);
    print_message("%zu changes of the model refused, each at its place\n", changes);
    assert_true(changes > 700);
}

/* Every byte of the certificate in another value: wrong, or of a newer format; never verified. */
static void test_sweep_certificate(void **state) {
    (void)state;
    uint8_t *text = malloc(cert_text.len);
    memcpy(text, cert_text.ptr, cert_text.len);
    size_t newer = 0;
    changes = 0;
    for (size_t at = 0; at < cert_text.len; at += 3) {
        text[at] ^= (uint8_t)(1u << at % 7);
        write_file(cert_path, text, cert_text.len);
        int exit = verify_at(model_path, cert_path, trust_path);
        if (exit != 1 && !(exit == 3 && verdict.code == ASSAY_E_FORMAT))
            fail_msg("byte %zu: exit %d %s", at, exit, assay_base_err_code(verdict.code));
        assert_false(verdict.model_read);
        newer += exit == 3;
        changes++;
        text[at] = cert_text.ptr[at];
    }
    free(text);
    write_file(cert_path, cert_text.ptr, cert_text.len);
    assert_int_equal(verify(), 0);
    print_message("%zu changes of the certificate refused, %zu as a newer format\n", changes, newer);
    assert_true(changes > 1000 && newer < changes / 50);
}

/* ---- paths, order, what is too many or too few --------------------------------------------------------------- */

static void test_paths(void **state) {
    (void)state;
    assert_int_equal(rename(in(model_path, "config.json"), in(model_path, "confih.json")), 0);
    verify();
    assert_int_equal(assay_verdict_exit(&verdict), 1);
    assert_int_equal(verdict.findings.total, 2);
    expect_finding(ASSAY_E_MISSING, "config.json");
    expect_finding(ASSAY_E_EXTRA, "confih.json");
    assert_int_equal(rename(in(model_path, "confih.json"), in(model_path, "config.json")), 0);
    /* Two files of one size change places. */
    assert_int_equal(rename(in(model_path, "config.json"), in(home, "aside")), 0);
    assert_int_equal(rename(in(model_path, "tokenizer/vocab.txt"), in(model_path, "config.json")), 0);
    assert_int_equal(rename(in(home, "aside"), in(model_path, "tokenizer/vocab.txt")), 0);
    verify();
    expect(1, ASSAY_E_CONTENT);
    assert_int_equal(verdict.findings.total, 2);
    expect_finding(ASSAY_E_CONTENT, "config.json");
    expect_finding(ASSAY_E_CONTENT, "tokenizer/vocab.txt");
}

static void test_extra_missing_links(void **state) {
    (void)state;
    write_file(in(model_path, "tokenizer/extra.py"), "x", 1);
    verify();
    expect(1, ASSAY_E_EXTRA);
    expect_finding(ASSAY_E_EXTRA, "tokenizer/extra.py");
    assert_int_equal(remove(in(model_path, "tokenizer/extra.py")), 0);
    assert_int_equal(remove(in(model_path, "empty")), 0);
    verify();
    expect(1, ASSAY_E_MISSING);
    expect_finding(ASSAY_E_MISSING, "empty");
    assert_int_equal(symlink("config.json", in(model_path, "empty")), 0);
    verify();
    expect(1, ASSAY_E_SYMLINK);
    expect_finding(ASSAY_E_SYMLINK, "empty");
    assert_int_equal(remove(in(model_path, "empty")), 0);
    write_file(in(model_path, "empty"), "", 0);
    assert_int_equal(verify(), 0);
    /* A whole folder behind a link, with the same bytes. */
    assert_int_equal(rename(in(model_path, "tokenizer"), in(home, "tokenizer")), 0);
    assert_int_equal(symlink("../tokenizer", in(model_path, "tokenizer")), 0);
    verify();
    expect(1, ASSAY_E_SYMLINK);
    assert_int_equal(assay_os_remove_tree(in(home, "tokenizer")), ASSAY_OK);
    /* Several at once: all are told. */
    fresh(NULL);
    write_file(in(model_path, "a-new-one"), "x", 1);
    assert_int_equal(remove(in(model_path, "config.json")), 0);
    write_file(in(model_path, "weights.safetensors"), weights, weights_len() - 1);
    verify();
    assert_int_equal(assay_verdict_exit(&verdict), 1);
    expect_finding(ASSAY_E_EXTRA, "a-new-one");
    expect_finding(ASSAY_E_MISSING, "config.json");
    expect_finding(ASSAY_E_CONTENT, "weights.safetensors");
}

/* ---- exits --------------------------------------------------------------------------------------------------- */

static void with_status(uint32_t status) {
    const chain_options options = {.status = status};
    make_files(&options, cert_path);
    make_trust(10);
}

static void test_statuses(void **state) {
    (void)state;
    with_status(ASSAY_VERSION_REVOKED);
    verify();
    expect(5, ASSAY_E_REVOKED);
    flip("config.json", 0, 1, ""); /* other bytes than the revoked ones are wrong before they are revoked */
    with_status(ASSAY_VERSION_RECORDED);
    verify();
    expect(4, ASSAY_E_NOT_ATTESTED);
    with_status(ASSAY_VERSION_LAPSED);
    verify();
    expect(4, ASSAY_E_NOT_ATTESTED);
    with_status(ASSAY_VERSION_DEPRECATED);
    verify();
    expect(0, ASSAY_OK);
    static uint8_t room[1u << 16];
    assay_buf text = {.ptr = room, .cap = sizeof room};
    assert_int_equal(assay_verdict_text(&text, &verdict, false), ASSAY_OK);
    assert_non_null(strstr((char *)text.ptr, "deprecated"));
}

static void test_trust_exits(void **state) {
    (void)state;
    verify_at(model_path, NULL, NULL);
    expect(3, ASSAY_E_NO_TRUST);
    assert_false(verdict.model_read);
    setenv("ASSAY_TRUST", trust_path, 1);
    verify_at(model_path, NULL, NULL);
    expect(0, ASSAY_OK);
    setenv("ASSAY_TRUST", "/nowhere/trust.json", 1);
    verify_at(model_path, NULL, NULL);
    expect(3, ASSAY_E_NO_TRUST); /* what was named counts, whatever the configuration holds */
    verify_at(model_path, NULL, trust_path);
    expect(0, ASSAY_OK);
    unsetenv("ASSAY_TRUST");
    assert_int_equal(assay_os_dirs_create(in(home, "assay"), 0755), ASSAY_OK);
    assert_int_equal(rename(trust_path, in(home, "assay/trust.json")), 0);
    verify_at(model_path, NULL, NULL);
    expect(0, ASSAY_OK);
    write_file(trust_path, "{}", 2);
    verify();
    expect(3, ASSAY_E_TRUST_FILE);
    make_trust(10);
    now_after = 200000;
    verify();
    expect(4, ASSAY_E_AGE);
    policy.allow_age = true;
    verify();
    expect(0, ASSAY_OK);
    assert_true(verdict.anchor.age_exceeded);
    policy.allow_age = false;
    now_after = -200000;
    verify();
    expect(3, ASSAY_E_CLOCK);
    now_after = 0;
    /* The reason names what would help. */
    static assay_trust_checkpoint around[2];
    around[0] = chain_checkpoint(&made, 10);
    around[1] = chain_checkpoint(&made, -5);
    assay_trust trust = chain_trust(around, 2);
    write_trust(&trust);
    now_after = 200000;
    verify();
    expect(4, ASSAY_E_AGE);
    assert_non_null(strstr(verdict.what, "assay refresh"));
    now_after = 0;
    trust = chain_trust(around, 1);
    trust.chain_id = ASSAY_STR("other-0123456789ab");
    write_trust(&trust);
    verify();
    expect(3, ASSAY_E_OTHER_CHAIN);
    assert_string_equal(verdict.what, "the certificate is of " CHAIN_ID ", the trust file of other-0123456789ab");
    trust = chain_trust(around + 1, 1);
    write_trust(&trust);
    verify();
    expect(3, ASSAY_E_ANCHOR);
    assert_non_null(strstr(verdict.what, "at or below"));
    make_trust(10);
    const chain_options strangers = {.first_key = 77};
    make_files(&strangers, cert_path);
    verify();
    expect(3, ASSAY_E_ANCHOR);
    assert_false(verdict.model_read);
}

static void test_finding_certificates(void **state) {
    (void)state;
    verify_at(in(home, "no-model"), NULL, trust_path);
    expect(6, ASSAY_F_NO_PATH);
    verify_at(model_path, in(home, "no.assay.json"), trust_path);
    expect(3, ASSAY_E_NO_CERT);
    assert_int_equal(rename(cert_path, in(home, "renamed.json")), 0);
    verify();
    expect(3, ASSAY_E_NO_CERT);
    verify_at(model_path, in(home, "renamed.json"), trust_path);
    expect(0, ASSAY_OK);
    /* Beside PATH, however it is spelled. */
    assert_int_equal(rename(in(home, "renamed.json"), cert_path), 0);
    char old[1024];
    assert_non_null(getcwd(old, sizeof old));
    char slashes[600];
    snprintf(slashes, sizeof slashes, "%s//", model_path);
    assert_int_equal(verify_at(slashes, NULL, trust_path), 0);
    assert_int_equal(chdir(home), 0);
    assert_int_equal(verify_at("model", NULL, trust_path), 0);
    assert_int_equal(verify_at("./model/", NULL, trust_path), 0);
    assert_int_equal(chdir(model_path), 0);
    assert_int_equal(verify_at(".", NULL, trust_path), 0);
    assert_int_equal(verify_at("tokenizer/..", NULL, trust_path), 0);
    assert_int_equal(chdir(old), 0);
    /* Of several the one that fits: other files, another version of the same sizes, and something unreadable. */
    const chain_options later = {.version = "0.9"};
    write_file(in(model_path, "config.json"), "{\"hidden\":385}", 14);
    make_files(&later, in(home, "acme+ocr+0.9.assay.json"));
    write_file(in(model_path, "config.json"), "{\"hidden\":384}", 14);
    write_file(in(home, "aaa.assay.json"), "no certificate", 14);
    verify();
    expect(0, ASSAY_OK);
    assert_true(assay_base_bytes_eq(verdict.version, ASSAY_STR("1.0")));
    flip("config.json", 3, 1, "");
    assert_int_equal(remove(in(home, "acme+ocr+0.9.assay.json")), 0);
    assert_int_equal(remove(cert_path), 0);
    verify();
    expect(1, ASSAY_E_ENCODING);
    assert_int_equal(remove(in(home, "aaa.assay.json")), 0);
}

/* A single file as a model: of one file, its certificate beside it, whatever else lies there. */
static void test_single_file(void **state) {
    (void)state;
    char file[600], own[600];
    snprintf(file, sizeof file, "%s/weights.safetensors", model_path);
    snprintf(own, sizeof own, "%s/acme+single+1.0.assay.json", model_path);
    const chain_options options = {.name = "acme/single"};
    make_files_of(file, &options, own);
    make_trust(10);
    assert_int_equal(verify_at(file, NULL, trust_path), 0);
    flip_of(file, "weights.safetensors", header_len + 9, 4, "first");
    assert_int_equal(verify_at(file, NULL, trust_path), 0);
}

/* Of several certificates beside a single file its own is held against it, whatever its size became. */
static void test_single_file_grown(void **state) {
    (void)state;
    char file[600], own[600], other[600];
    snprintf(file, sizeof file, "%s/single.bin", model_path);
    snprintf(own, sizeof own, "%s/acme+single+1.0.assay.json", model_path);
    snprintf(other, sizeof other, "%s/acme+a+1.0.assay.json", model_path);
    const chain_options options = {0}, single = {.name = "acme/single"};
    make_files(&options, other);
    write_file(file, "0123456789", 10);
    make_files_of(file, &single, own);
    make_trust(10);
    assert_int_equal(verify_at(file, NULL, trust_path), 0);
    write_file(file, "0123456789z", 11);
    verify_at(file, NULL, trust_path);
    expect(1, ASSAY_E_CONTENT);
    assert_true(assay_base_bytes_eq(verdict.name, ASSAY_STR("acme/single")));
    /* A file and a folder that no certificate beside them speaks of. */
    write_file(in(model_path, "stranger"), "another length", 14);
    verify_at(in(model_path, "stranger"), NULL, trust_path);
    expect(3, ASSAY_E_NO_CERT);
    assert_false(verdict.model_read);
    verify_at(in(model_path, "tokenizer"), NULL, trust_path);
    expect(3, ASSAY_E_NO_CERT);
}

static void demand(const char *name) {
    policy = (assay_cert_policy){0};
    if (name) assert_int_equal(assay_cert_policy_name(&policy, name), ASSAY_OK);
}

/* The same bytes under two names, one of them revoked: nobody's certificate outvotes the revocation. */
static void test_same_bytes(void **state) {
    (void)state;
    const chain_options revoked = {.status = ASSAY_VERSION_REVOKED};
    const chain_options others[] = {{.name = "aaa/first"}, {.name = "zzz/last"}};
    make_files(&revoked, cert_path);
    for (int i = 0; i < 2; i++) {
        const char *beside = in(home, i ? "zzz+last+1.0.assay.json" : "aaa+first+1.0.assay.json");
        make_files(&others[i], beside);
        make_trust(10);
        verify();
        expect(5, ASSAY_E_REVOKED);
        assert_true(assay_base_bytes_eq(verdict.name, ASSAY_STR("acme/ocr")));
        assert_true(verdict.model_read);
        demand(others[i].name);
        verify();
        expect(0, ASSAY_OK);
        assert_true(assay_base_bytes_eq(verdict.revoked_name, ASSAY_STR("acme/ocr")));
        static uint8_t room[1u << 16];
        for (int json = 0; json < 2; json++) {
            assay_buf text = {.ptr = room, .cap = sizeof room};
            assert_int_equal(json ? assay_verdict_json(&text, &verdict) : assay_verdict_text(&text, &verdict, false),
                             ASSAY_OK);
            room[text.len] = 0;
            assert_non_null(strstr((char *)room, "acme/ocr@1.0 of the same bytes is revoked"));
        }
        demand("acme/ocr@1.0");
        verify();
        expect(5, ASSAY_E_REVOKED);
        demand("acme/none");
        verify();
        assert_int_not_equal(assay_verdict_exit(&verdict), 0);
        demand(NULL);
        verify_at(model_path, beside, trust_path);
        expect(0, ASSAY_OK);
        flip("config.json", 2, 1, "");
        assert_int_equal(remove(beside), 0);
    }
}

/* A name or a publisher that was demanded is no matter of which certificate lies there. */
static void test_demands(void **state) {
    (void)state;
    demand("acme/ocr");
    assert_int_equal(verify(), 0);
    demand("acme/ocr@1.0");
    assert_int_equal(verify(), 0);
    assert_int_equal(policy.version.len, 3);
    demand("acme/ocr@1.1");
    verify();
    expect(4, ASSAY_E_OTHER_NAME);
    demand("acme/oc");
    verify();
    expect(4, ASSAY_E_OTHER_NAME);
    flip("config.json", 2, 1, ""); /* other bytes are wrong, whatever was demanded */
    demand(NULL);
    policy.publisher_wanted = true;
    policy.publisher = verdict.publisher;
    assert_int_equal(verify(), 0);
    policy.publisher.b[31] ^= 1;
    verify();
    expect(4, ASSAY_E_OTHER_PUBLISHER);
    char digits[65];
    memset(digits, 'a', 64);
    digits[64] = 0;
    assert_int_equal(assay_cert_policy_publisher(&policy, digits), ASSAY_OK);
    assert_int_equal(assay_cert_policy_publisher(&policy, digits + 1), ASSAY_E_ENCODING);
    const char *const bad[] = {"", "acme", "acme/", "/ocr", "acme/ocr@", "@1.0", "acme/ocr@1@2", "Acme/ocr"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(assay_cert_policy_name(&policy, bad[i]), ASSAY_E_NAME);
    demand(NULL);
}

/* ---- what is printed ----------------------------------------------------------------------------------------- */

static json_t *as_json(void) {
    static uint8_t room[1u << 20];
    assay_buf text = {.ptr = room, .cap = sizeof room};
    assert_int_equal(assay_verdict_json(&text, &verdict), ASSAY_OK);
    assert_int_equal(text.ptr[text.len - 1], '\n');
    json_t *root = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    assert_non_null(root);
    return root;
}

static void expect_text(const json_t *root, const char *key, const char *expected) {
    const json_t *value = json_object_get(root, key);
    if (!expected) assert_true(json_is_null(value));
    else assert_string_equal(json_string_value(value), expected);
}

static void test_json(void **state) {
    (void)state;
    verify();
    json_t *root = as_json();
    expect_text(root, "verdict", "verified");
    expect_text(root, "code", "E0");
    expect_text(root, "assurance", "L1");
    expect_text(root, "name", "acme/ocr");
    expect_text(root, "version", "1.0");
    assert_int_equal(json_integer_value(json_object_get(root, "exit")), 0);
    assert_int_equal(json_integer_value(json_object_get(root, "height")), CHAIN_HEIGHT);
    assert_int_equal(strlen(json_string_value(json_object_get(root, "root"))), 64);
    assert_int_equal(json_array_size(json_object_get(root, "findings")), 0);
    const json_t *anchor = json_object_get(root, "anchor");
    assert_int_equal(json_integer_value(json_object_get(anchor, "height")), CHAIN_HEIGHT - 10);
    assert_int_equal(json_integer_value(json_object_get(anchor, "age_seconds")), 69);
    assert_true(json_real_value(json_object_get(anchor, "overlap")) == 1.0);
    json_decref(root);

    write_file(in(model_path, "\xff\x1b[2J"), "x", 1); /* a name that is no text, and that a terminal would obey */
    weights[header_len + 7] ^= 1;
    write_file(in(model_path, "weights.safetensors"), weights, weights_len());
    weights[header_len + 7] ^= 1;
    verify();
    root = as_json();
    expect_text(root, "verdict", "wrong");
    expect_text(root, "assurance", NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "exit")), 1);
    const json_t *findings = json_object_get(root, "findings");
    assert_int_equal(json_array_size(findings), 2);
    size_t i;
    json_t *row;
    bool found = false;
    json_array_foreach(findings, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "file")), "weights.safetensors") != 0) continue;
        found = true;
        expect_text(row, "code", "E23");
        expect_text(row, "tensor", "first");
        assert_true(json_integer_value(json_object_get(row, "length")) > 0);
        assert_true(json_is_integer(json_object_get(row, "offset")));
    }
    assert_true(found);
    json_decref(root);
    static uint8_t room[1u << 16];
    assay_buf text = {.ptr = room, .cap = sizeof room};
    assert_int_equal(assay_verdict_text(&text, &verdict, true), ASSAY_OK);
    for (size_t b = 0; b < text.len; b++) assert_true(text.ptr[b] == '\n' || text.ptr[b] >= 0x20);

    verify_at(in(home, "no-model"), NULL, trust_path);
    root = as_json();
    expect_text(root, "verdict", "fault");
    expect_text(root, "name", NULL);
    expect_text(root, "root", NULL);
    assert_true(json_is_null(json_object_get(root, "anchor")));
    json_decref(root);
}

/* For every error there is one word and one exit code, and only success is verified. */
static void test_words(void **state) {
    (void)state;
#define X(name, number, exit, text, hint)                                                                             \
    {                                                                                                                  \
        const assay_verdict one = {.code = (name)};                                                                    \
        assay_verdict_word word = assay_verdict_word_of(one.code);                                                     \
        assert_int_equal(assay_verdict_exit(&one), (exit));                                                            \
        assert_int_equal(word == ASSAY_VERDICT_VERIFIED, (number) == 0);                                               \
        assert_int_equal((exit) == 1, word == ASSAY_VERDICT_WRONG);                                                    \
        if ((number) >= 128) assert_int_equal(word, ASSAY_VERDICT_FAULT);                                              \
    }
    ASSAY_ERR_LIST(X)
#undef X
    assert_string_equal(assay_cert_level_find("l1")->name, "L1");
    assert_null(assay_cert_level_find("L9"));
}

/* Little memory, a stop: a fault, never a verdict about the model. */
static bool stop(void *context, const assay_model_progress *progress) {
    (void)context;
    (void)progress;
    return false;
}

static void test_faults(void **state) {
    (void)state;
    assay_arena keep = assay_os_region_arena(&keep_region), scratch = assay_os_region_arena(&scratch_region);
    assay_cert_request request = {.path = model_path, .trust = trust_path, .now = {CHAIN_TIME + 60, 0}};
    request.model = (assay_model_options){.threads = 1, .progress = stop};
    assay_cert_verify_path(&verdict, &keep, &request, scratch);
    expect(130, ASSAY_F_INTERRUPTED);
    request.model.progress = NULL;
    for (size_t size = 1000; size < 100000; size += 7001) {
        keep = assay_os_region_arena(&keep_region);
        scratch = assay_os_region_arena(&scratch_region);
        keep.end = keep.at + size;
        assay_cert_verify_path(&verdict, &keep, &request, scratch);
        if (verdict.code != ASSAY_OK) expect(6, ASSAY_F_MEMORY);
        assert_true(assay_verdict_size(&verdict) < 1u << 16);
    }
    if (getuid() != 0) { /* root reads everything */
        assert_int_equal(chmod(in(model_path, "config.json"), 0), 0);
        verify();
        expect(6, ASSAY_F_STORAGE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sweep_model, fresh),
        cmocka_unit_test_setup(test_sweep_certificate, fresh),
        cmocka_unit_test_setup(test_paths, fresh),
        cmocka_unit_test_setup(test_extra_missing_links, fresh),
        cmocka_unit_test_setup(test_statuses, fresh),
        cmocka_unit_test_setup(test_trust_exits, fresh),
        cmocka_unit_test_setup(test_finding_certificates, fresh),
        cmocka_unit_test_setup(test_single_file, fresh),
        cmocka_unit_test_setup(test_single_file_grown, fresh),
        cmocka_unit_test_setup(test_same_bytes, fresh),
        cmocka_unit_test_setup(test_demands, fresh),
        cmocka_unit_test_setup(test_json, fresh),
        cmocka_unit_test_setup(test_faults, fresh),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
