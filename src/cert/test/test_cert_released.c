/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates that were once released, replayed for ever: spec/vectors/cert holds, for each format that was, a model,
 * certificates of it and trust files, as files. Whatever changes in this program, they keep their verdicts.
 *
 *   test_cert_released               replays them
 *   test_cert_released --write DIR   makes a new set of today's format in an empty DIR (never over an old one) */
#define _GNU_SOURCE /* memmem */
#include "chain_internal.h"
#include "../cert_internal.h"

#include "os/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define TEN_YEARS (10ll * 365 * 86400)

static assay_os_region keep_region, scratch_region;

/* ---- replaying ----------------------------------------------------------------------------------------------- */

typedef struct replay {
    const char *cert, *trust;
    int64_t after; /* seconds after the certificate's block */
    int exit;
    assay_err code;
} replay;

static const replay replays[] = {
    {"acme+ocr+1.0.assay.json", "trust.json", 60, 0, ASSAY_OK},
    {"acme+ocr+1.0.assay.json", "trust.json", TEN_YEARS, 4, ASSAY_E_AGE},
    {"acme+ocr+1.0.assay.json", "trust-pinned.json", 60, 0, ASSAY_OK},
    {"acme+ocr+1.0.assay.json", "trust-pinned.json", TEN_YEARS, 0, ASSAY_OK},
    {"acme+ocr+1.0.assay.json", "trust-half.json", 60, 4, ASSAY_E_OVERLAP},
    {"acme+ocr+1.0.assay.json", "trust-strangers.json", 60, 3, ASSAY_E_ANCHOR},
    {"acme+ocr+1.0-revoked.assay.json", "trust.json", 60, 5, ASSAY_E_REVOKED},
    {"acme+ocr+1.0-deprecated.assay.json", "trust.json", 60, 0, ASSAY_OK},
    {"acme+ocr+1.0-recorded.assay.json", "trust.json", 60, 4, ASSAY_E_NOT_ATTESTED},
    {"acme+ocr+1.0-forged.assay.json", "trust.json", 60, 1, ASSAY_E_SIGNATURE},
    {"acme+ocr+2.0.assay.json", "trust.json", 60, 1, ASSAY_E_CONTENT},
};

static void test_replay(void **state) {
    (void)state;
    const char *folder = ASSAY_SOURCE_DIR "/spec/vectors/cert/1";
    for (size_t i = 0; i < sizeof replays / sizeof *replays; i++) {
        const replay *row = &replays[i];
        char model[512], cert[512], trust[512];
        snprintf(model, sizeof model, "%s/model", folder);
        snprintf(cert, sizeof cert, "%s/%s", folder, row->cert);
        snprintf(trust, sizeof trust, "%s/%s", folder, row->trust);
        assay_arena keep = assay_os_region_arena(&keep_region), scratch = assay_os_region_arena(&scratch_region);
        const assay_cert_request request = {.path = model,
                                            .cert = cert,
                                            .trust = trust,
                                            .now = {CHAIN_TIME + row->after, 0},
                                            .model = {.threads = 1}};
        assay_verdict verdict;
        assay_cert_verify_path(&verdict, &keep, &request, scratch);
        if (verdict.code != row->code || assay_verdict_exit(&verdict) != row->exit)
            fail_msg("%s under %s: %s", row->cert, row->trust, assay_base_err_code(verdict.code));
    }
}

/* ---- making -------------------------------------------------------------------------------------------------- */

static void write_in(const char *folder, const char *name, assay_bytes bytes) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    CHAIN_MUST(assay_os_replace(path, bytes, 0644));
}

static void write_model(const char *folder, const char *config) {
    char path[1024], header[256];
    snprintf(path, sizeof path, "%s/model/tokenizer", folder);
    CHAIN_MUST(assay_os_dirs_create(path, 0755));
    int len = snprintf(header, sizeof header,
                       "........{\"embed\":{\"dtype\":\"F32\",\"shape\":[16,16],\"data_offsets\":[0,1024]},"
                       "\"head\":{\"dtype\":\"F32\",\"shape\":[16],\"data_offsets\":[1024,1088]}}");
    uint8_t weights[2048] = {(uint8_t)(len - 8)};
    memcpy(weights + 8, header + 8, (size_t)len - 8);
    for (size_t i = 0; i < 1088; i++) weights[(size_t)len + i] = (uint8_t)(i * 31 + i / 256);
    write_in(folder, "model/model.safetensors", (assay_bytes){weights, (size_t)len + 1088});
    write_in(folder, "model/config.json", assay_base_bytes_str(config));
    write_in(folder, "model/tokenizer/vocab.txt", ASSAY_STR("one\ntwo\nthree\n"));
}

static chain made;
static assay_model model;

static void write_cert(const char *folder, const char *name, const chain_options *options, bool forged) {
    char path[1024];
    snprintf(path, sizeof path, "%s/model", folder);
    assay_arena keep = assay_os_region_arena(&keep_region), scratch = assay_os_region_arena(&scratch_region);
    const assay_model_options how = {.threads = 1};
    CHAIN_MUST(assay_model_digest(&model, &keep, NULL, path, &how, scratch));
    const assay_bytes groups = {model.groups.values->b, model.groups.count * ASSAY_HASH_LEN};
    chain_make(&made, &keep, &model.manifest, groups, options, scratch);
    assay_bytes text;
    CHAIN_MUST(chain_text(&text, &keep, &made.parts, scratch));
    uint8_t *bytes = ASSAY_NEW(&keep, uint8_t, text.len);
    memcpy(bytes, text.ptr, text.len);
    static const char mark[] = "\"checkpoint\":\"";
    const uint8_t *at = memmem(bytes, text.len, mark, sizeof mark - 1);
    ASSAY_ASSERT(at);
    size_t end = (size_t)(at - bytes) + sizeof mark - 1;
    while (bytes[end] != '"') end++;
    /* The last signature: one of its bytes in another value. */
    if (forged) bytes[end - 40] = bytes[end - 40] == 'A' ? 'B' : 'A';
    write_in(folder, name, (assay_bytes){bytes, text.len});
}

static void write_trust(const char *folder, const char *name, assay_trust_checkpoint checkpoint) {
    static uint8_t room[1u << 16];
    assay_buf text = {.ptr = room, .cap = sizeof room};
    const assay_trust trust = chain_trust(&checkpoint, 1);
    CHAIN_MUST(assay_trust_write(&text, &trust));
    write_in(folder, name, (assay_bytes){text.ptr, text.len});
}

static int write_all(const char *folder) {
    chain_options options = {.validators = 7, .absent = 1, .nil = 1};
    static chain strangers;
    write_model(folder, "{\"hidden\":17}");
    options.version = "2.0";
    write_cert(folder, "acme+ocr+2.0.assay.json", &options, false);
    write_model(folder, "{\"hidden\":16}");
    options.version = "1.0";
    const struct status_case {
        const char *name;
        uint32_t status;
    } cases[] = {{"revoked", ASSAY_VERSION_REVOKED},
                 {"deprecated", ASSAY_VERSION_DEPRECATED},
                 {"recorded", ASSAY_VERSION_RECORDED}};
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        options.status = cases[i].status;
        snprintf(name, sizeof name, "acme+ocr+1.0-%s.assay.json", cases[i].name);
        write_cert(folder, name, &options, false);
    }
    options.status = ASSAY_VERSION_ATTESTED;
    write_cert(folder, "acme+ocr+1.0-forged.assay.json", &options, true);
    write_cert(folder, "acme+ocr+1.0.assay.json", &options, false);
    write_trust(folder, "trust.json", chain_checkpoint(&made, 10));
    write_trust(folder, "trust-pinned.json", chain_checkpoint(&made, 0));
    assay_arena keep = assay_os_region_arena(&scratch_region);
    const chain_options other = {.validators = 7, .first_key = 50};
    chain_validators(&strangers, &keep, &other);
    assay_trust_checkpoint checkpoint = chain_checkpoint(&made, 10);
    checkpoint.validators = strangers.set;
    write_trust(folder, "trust-strangers.json", checkpoint);
    /* Five signers, and as many strangers with the same power: exactly half. */
    assay_validator list[10];
    for (uint32_t i = 0; i < 5; i++) {
        list[i] = made.set.validators[i];
        list[5 + i] = strangers.set.validators[i];
    }
    CHAIN_MUST(assay_validators_new(&checkpoint.validators, &keep, list, 10));
    write_trust(folder, "trust-half.json", checkpoint);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_replay)};
    CHAIN_MUST(assay_os_reserve(&keep_region, 1u << 28));
    CHAIN_MUST(assay_os_reserve(&scratch_region, 1u << 28));
    if (argc == 3 && strcmp(argv[1], "--write") == 0) return write_all(argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
