/* SPDX-License-Identifier: Apache-2.0
 *
 * trust - which chain, from which block on, this user takes as given.
 */
#include "assay_internal.h"

#include <string.h>

static const assay_trust_checkpoint *newest(const assay_trust *trust) {
    return &trust->checkpoints[trust->checkpoints_count - 1];
}

static assay_err not_overwritten(call *c, const char *path, const char *why) {
    c->try_this =
        keep_text(c, "look at it with assay trust show, and remove %s by hand if that is what you want", path);
    return fail(c, ASSAY_E_EXISTS, "%s %s", path, why);
}

assay_err run_trust_add(call *c) {
    const char *path;
    assay_bytes text;
    assay_trust trust, old;
    ASSAY_TRY(assay_trust_user_path(&path, &c->keep));
    assay_err err = assay_os_read_whole(&text, &c->keep, c->words[0], ASSAY_TRUST_LEN_MAX);
    if (err == ASSAY_E_NOT_FOUND) return usage(c, "there is no file %s", c->words[0]);
    if (err == ASSAY_OK) err = assay_trust_parse(&trust, &c->keep, text);
    if (err != ASSAY_OK) return fail(c, err, "%s", c->words[0]);
    err = assay_trust_read(&old, &c->keep, path, c->scratch);
    if (err == ASSAY_OK && !assay_base_hash_eq(old.genesis_hash, trust.genesis_hash))
        return not_overwritten(c, path, "is of another chain");
    if (err == ASSAY_OK && newest(&old)->height > newest(&trust)->height)
        return not_overwritten(c, path, "has a newer checkpoint");
    if (err != ASSAY_OK && err != ASSAY_E_NO_TRUST) return fail(c, err, "%s, which would be replaced", path);
    const char *slash = strrchr(path, '/');
    ASSAY_ASSERT(slash);
    err = assay_os_dirs_create(keep_text(c, "%.*s", (int)(slash - path), path), 0700);
    if (err == ASSAY_OK) err = assay_os_replace(path, text, 0644);
    char reason[128];
    assay_os_reason(reason, sizeof reason);
    if (err != ASSAY_OK) return fail(c, err, "%s: %s", path, reason);
    if (json_wanted(c))
        return out_json(c, json_pack("{s:s, s:s, s:I}", "trust", shown(c, path), "chain_id",
                                     keep_text(c, "%.*s", (int)trust.chain_id.len, trust.chain_id.ptr), "height",
                                     (json_int_t)newest(&trust)->height));
    say(c, "%.*s is trusted from height %llu", (int)trust.chain_id.len, trust.chain_id.ptr,
        (unsigned long long)newest(&trust)->height);
    out(c, "%s\n", path);
    return ASSAY_OK;
}

static assay_err trust_json(call *c, const assay_trust *trust, const char *path, assay_time now) {
    assay_buf buf;
    assay_json json = json_room(c, &buf);
    assay_json_object(&json, NULL);
    assay_json_text(&json, "trust", assay_base_bytes_str(shown(c, path)));
    assay_json_text(&json, "chain_id", trust->chain_id);
    assay_json_hex(&json, "genesis_hash", assay_base_hash_bytes(&trust->genesis_hash));
    assay_json_u64(&json, "trust_seconds", trust->trust_seconds);
    assay_json_array(&json, "checkpoints");
    for (uint32_t i = 0; i < trust->checkpoints_count; i++) {
        const assay_trust_checkpoint *at = &trust->checkpoints[i];
        assay_json_object(&json, NULL);
        assay_json_u64(&json, "height", at->height);
        assay_json_time(&json, "time", at->time);
        assay_json_i64(&json, "age_seconds", now.seconds - at->time.seconds);
        assay_json_hex(&json, "header_hash", assay_base_hash_bytes(&at->header_hash));
        assay_json_u64(&json, "validators", at->validators.count);
        assay_json_u64(&json, "power", at->validators.total_power);
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    return out_written(c, &json, &buf);
}

assay_err run_trust_show(call *c) {
    const char *path;
    assay_trust trust;
    ASSAY_TRY(assay_trust_find(&path, &c->keep, value(c, OPTION_TRUST)));
    assay_err err = assay_trust_read(&trust, &c->keep, path, c->scratch);
    if (err != ASSAY_OK) return fail(c, err, "%s", path);
    assay_time now = assay_os_now();
    if (json_wanted(c)) return trust_json(c, &trust, path, now);
    char span[32];
    int64_t age = now.seconds - newest(&trust)->time.seconds;
    out(c, "%.*s\n", (int)trust.chain_id.len, trust.chain_id.ptr);
    field(c, "file", "%s", path);
    field(c, "genesis", "%s", hex(c, trust.genesis_hash.b, ASSAY_HASH_LEN));
    field(c, "trusted for", "%s after a checkpoint", span_text(span, trust.trust_seconds));
    bool expired = age > 0 && (uint64_t)age > trust.trust_seconds;
    field(c, "newest", "%s old%s", span_text(span, age > 0 ? (uint64_t)age : 0),
          expired ? ": too old, get a newer trust file" : "");
    out(c, "\n");
    table t = table_begin(c, "HEIGHT> VALIDATORS> POWER> HEADER", trust.checkpoints_count);
    for (uint32_t i = 0; i < trust.checkpoints_count; i++) {
        const assay_trust_checkpoint *at = &trust.checkpoints[i];
        table_row(&t, keep_text(c, "%llu", (unsigned long long)at->height), keep_text(c, "%u", at->validators.count),
                  keep_text(c, "%llu", (unsigned long long)at->validators.total_power),
                  hex(c, at->header_hash.b, ASSAY_HASH_LEN));
    }
    table_print(&t);
    return ASSAY_OK;
}
