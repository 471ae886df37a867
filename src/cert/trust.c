/* SPDX-License-Identifier: Apache-2.0
 *
 * The trust file: what a reader takes as given. Its content is believed, its form is checked to the end, because
 * one typo in it would be believed too. */
#include "cert_internal.h"

#include "os/os.h"

#include <jansson.h>
#include <string.h>

#define VALUES_MAX 4500000 /* 1,000 checkpoints of 1,000 validators and some */
#define CHAIN_HASH_DIGITS 12

/* ---- writing ------------------------------------------------------------------------------------------------- */

size_t assay_trust_size(const assay_trust *trust) {
    size_t size = 1024;
    for (uint32_t i = 0; i < trust->checkpoints_count; i++)
        size += 512 + (size_t)trust->checkpoints[i].validators.count * 160;
    return size;
}

/* One validator a line: two trust files are compared by people. */
static assay_err put_checkpoint(assay_buf *out, const assay_trust_checkpoint *checkpoint, bool last) {
    uint8_t room[512];
    assay_buf text = {.ptr = room, .cap = sizeof room};
    assay_json json = assay_json_begin(&text);
    assay_json_object(&json, NULL);
    assay_json_u64(&json, "height", checkpoint->height);
    assay_json_time(&json, "time", checkpoint->time);
    assay_json_hex(&json, "header_hash", assay_base_hash_bytes(&checkpoint->header_hash));
    assay_json_close(&json, '}');
    ASSAY_TRY(assay_json_end(&json));
    ASSAY_TRY(assay_base_buf_put(out, ASSAY_STR("    ")));
    ASSAY_TRY(assay_base_buf_put(out, (assay_bytes){text.ptr, text.len - 1}));
    ASSAY_TRY(assay_base_buf_put(out, ASSAY_STR(",\"validators\":[\n")));
    for (uint32_t i = 0; i < checkpoint->validators.count; i++) {
        const assay_validator *validator = &checkpoint->validators.validators[i];
        text.len = 0;
        json = assay_json_begin(&text);
        assay_json_object(&json, NULL);
        assay_json_hex(&json, "pub_key", (assay_bytes){validator->public_key.b, sizeof validator->public_key.b});
        assay_json_u64(&json, "power", validator->power);
        assay_json_close(&json, '}');
        ASSAY_TRY(assay_json_end(&json));
        ASSAY_TRY(assay_base_buf_put(out, ASSAY_STR("      ")));
        ASSAY_TRY(assay_base_buf_put(out, (assay_bytes){text.ptr, text.len}));
        bool more = i + 1 < checkpoint->validators.count;
        ASSAY_TRY(assay_base_buf_put(out, more ? ASSAY_STR(",\n") : ASSAY_STR("\n")));
    }
    return assay_base_buf_put(out, last ? ASSAY_STR("    ]}\n") : ASSAY_STR("    ]},\n"));
}

static assay_err put_trust(assay_buf *out, const assay_trust *trust) {
    uint8_t room[512];
    assay_buf text = {.ptr = room, .cap = sizeof room};
    assay_json json = assay_json_begin(&text);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "schema", ASSAY_TRUST_SCHEMA);
    assay_json_text(&json, "chain_id", trust->chain_id);
    assay_json_hex(&json, "genesis_hash", assay_base_hash_bytes(&trust->genesis_hash));
    assay_json_u64(&json, "trust_seconds", trust->trust_seconds);
    assay_json_close(&json, '}');
    ASSAY_TRY(assay_json_end(&json));
    ASSAY_TRY(assay_base_buf_put(out, (assay_bytes){text.ptr, text.len - 1}));
    ASSAY_TRY(assay_base_buf_put(out, ASSAY_STR(",\"checkpoints\":[\n")));
    for (uint32_t i = 0; i < trust->checkpoints_count; i++)
        ASSAY_TRY(put_checkpoint(out, &trust->checkpoints[i], i + 1 == trust->checkpoints_count));
    return assay_base_buf_put(out, ASSAY_STR("]}\n"));
}

/* ---- form ---------------------------------------------------------------------------------------------------- */

/* The chain id ends in the first digits of the genesis hash: who mixes two networks' files up is told. */
static bool chain_fits(const assay_trust *trust) {
    char digits[2 * ASSAY_HASH_LEN + 1];
    assay_base_hex(digits, assay_base_hash_bytes(&trust->genesis_hash));
    if (trust->chain_id.len < CHAIN_HASH_DIGITS + 2 || trust->chain_id.len > ASSAY_CHAIN_ID_LEN_MAX) return false;
    const uint8_t *end = trust->chain_id.ptr + trust->chain_id.len - CHAIN_HASH_DIGITS;
    return end[-1] == '-' && memcmp(end, digits, CHAIN_HASH_DIGITS) == 0;
}

/* Height 0 is before every block: there the genesis stands for the header, and nothing but the genesis can. */
static bool place_ok(const assay_trust *trust, uint32_t i) {
    const assay_trust_checkpoint *at = &trust->checkpoints[i];
    if (at->height == 0) return i == 0 && assay_base_hash_eq(at->header_hash, trust->genesis_hash);
    if (at->height > INT64_MAX || assay_base_hash_is_zero(at->header_hash)) return false;
    if (i == 0) return true;
    int order = assay_base_time_cmp(at[-1].time, at->time);
    /* The first block may be as old as the genesis. */
    return at[-1].height < at->height && (at[-1].height == 0 ? order <= 0 : order < 0);
}

static bool form_ok(const assay_trust *trust) {
    bool ok = chain_fits(trust) && trust->trust_seconds > 0 && trust->trust_seconds <= INT32_MAX &&
              trust->checkpoints_count > 0 && trust->checkpoints_count <= ASSAY_TRUST_CHECKPOINTS_MAX;
    for (uint32_t i = 0; ok && i < trust->checkpoints_count; i++) {
        const assay_trust_checkpoint *at = &trust->checkpoints[i];
        ok = place_ok(trust, i) && at->validators.count > 0 && at->validators.count <= ASSAY_VALIDATORS_MAX;
        for (uint32_t v = 0; ok && v < at->validators.count; v++) {
            const assay_validator *validator = &at->validators.validators[v];
            ok = validator->power > 0 && validator->power <= ASSAY_POWER_TOTAL_MAX &&
                 assay_crypto_ed25519_key_ok(validator->public_key) == ASSAY_OK;
        }
    }
    return ok;
}

assay_err assay_trust_write(assay_buf *out, const assay_trust *trust) {
    if (!form_ok(trust)) return ASSAY_E_TRUST_FILE;
    size_t start = out->len;
    assay_err err = put_trust(out, trust);
    if (err == ASSAY_OK) return ASSAY_OK;
    out->len = start;
    /* A chain id or a year that JSON cannot hold. */
    return assay_base_err_is_fault(err) ? err : ASSAY_E_TRUST_FILE;
}

/* ---- parsing ------------------------------------------------------------------------------------------------- */

static assay_err parse_validators(assay_validator_set *out, assay_arena *keep, const json_t *rows) {
    size_t count = json_array_size(rows);
    if (!json_is_array(rows) || count == 0 || count > ASSAY_VALIDATORS_MAX) return ASSAY_E_TRUST_FILE;
    assay_validator *list = ASSAY_NEW(keep, assay_validator, count);
    if (!list) return ASSAY_F_MEMORY;
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(rows, i);
        ASSAY_TRY(assay_cert_json_hex(list[i].public_key.b, sizeof list[i].public_key.b, row, "pub_key"));
        ASSAY_TRY(assay_cert_json_u64(&list[i].power, row, "power"));
    }
    return assay_validators_new(out, keep, list, (uint32_t)count);
}

static assay_err parse_checkpoint(assay_trust_checkpoint *out, assay_arena *keep, const json_t *row) {
    assay_bytes time;
    ASSAY_TRY(assay_cert_json_u64(&out->height, row, "height"));
    ASSAY_TRY(assay_cert_json_text(&time, keep, row, "time", 64));
    if (assay_codec_time_get(&out->time, time) != ASSAY_OK) return ASSAY_E_TRUST_FILE;
    ASSAY_TRY(assay_cert_json_hex(out->header_hash.b, sizeof out->header_hash.b, row, "header_hash"));
    return parse_validators(&out->validators, keep, json_object_get(row, "validators"));
}

static assay_err parse_root(assay_trust *out, assay_arena *keep, const json_t *root) {
    if (!json_is_object(root)) return ASSAY_E_TRUST_FILE;
    ASSAY_TRY(assay_cert_json_schema(root, ASSAY_TRUST_SCHEMA));
    ASSAY_TRY(assay_cert_json_text(&out->chain_id, keep, root, "chain_id", ASSAY_CHAIN_ID_LEN_MAX));
    ASSAY_TRY(assay_cert_json_hex(out->genesis_hash.b, sizeof out->genesis_hash.b, root, "genesis_hash"));
    ASSAY_TRY(assay_cert_json_u64(&out->trust_seconds, root, "trust_seconds"));
    const json_t *rows = json_object_get(root, "checkpoints");
    size_t count = json_array_size(rows);
    if (!json_is_array(rows) || count == 0 || count > ASSAY_TRUST_CHECKPOINTS_MAX) return ASSAY_E_TRUST_FILE;
    out->checkpoints = ASSAY_NEW(keep, assay_trust_checkpoint, count);
    if (!out->checkpoints) return ASSAY_F_MEMORY;
    out->checkpoints_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) ASSAY_TRY(parse_checkpoint(&out->checkpoints[i], keep, json_array_get(rows, i)));
    return form_ok(out) ? ASSAY_OK : ASSAY_E_TRUST_FILE;
}

assay_err assay_trust_parse(assay_trust *out, assay_arena *keep, assay_bytes text) {
    *out = (assay_trust){0};
    if (text.len > ASSAY_TRUST_LEN_MAX) return ASSAY_E_TRUST_FILE;
    json_t *root;
    assay_err err = assay_cert_json_load(&root, text, VALUES_MAX);
    if (err == ASSAY_OK) err = parse_root(out, keep, root);
    json_decref(root);
    /* Whatever is wrong with it, nothing can be decided by it: the reader's file at fault is never "wrong" (1). */
    if (err == ASSAY_OK || err == ASSAY_E_FORMAT || assay_base_err_is_fault(err)) return err;
    return ASSAY_E_TRUST_FILE;
}

/* ---- where it is --------------------------------------------------------------------------------------------- */

assay_err assay_trust_user_path(const char **out, assay_arena *keep) {
    const char *config;
    assay_err err = assay_os_home_dir(&config, keep, ASSAY_OS_CONFIG);
    if (err != ASSAY_OK) return err == ASSAY_E_NOT_FOUND ? ASSAY_E_NO_TRUST : err;
    return assay_os_path_join(out, keep, config, ASSAY_STR("assay/trust.json"));
}

assay_err assay_trust_find(const char **out, assay_arena *keep, const char *given) {
    *out = given;
    if (given) return *given ? ASSAY_OK : ASSAY_E_NO_TRUST;
    *out = assay_os_env("ASSAY_TRUST");
    if (*out && **out) return ASSAY_OK;
    ASSAY_TRY(assay_trust_user_path(out, keep));
    return assay_os_exists(*out) ? ASSAY_OK : ASSAY_E_NO_TRUST;
}

assay_err assay_trust_read(assay_trust *out, assay_arena *keep, const char *path, assay_arena scratch) {
    assay_bytes text;
    *out = (assay_trust){0};
    assay_err err = assay_os_read_whole(&text, &scratch, path, ASSAY_TRUST_LEN_MAX);
    if (err == ASSAY_E_NOT_FOUND) return ASSAY_E_NO_TRUST;
    if (err == ASSAY_E_SYMLINK || err == ASSAY_E_SIZE) return ASSAY_E_TRUST_FILE;
    if (err != ASSAY_OK) return err;
    return assay_trust_parse(out, keep, text);
}
