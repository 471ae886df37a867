/* SPDX-License-Identifier: Apache-2.0
 *
 * report - brings what a fork proves to the chain: of each validator that signed two blocks, both votes.
 */
#include "assay_internal.h"

#include <string.h>

typedef struct pair {
    assay_bytes vote_a, vote_b; /* encoded */
    assay_vote first;
} pair;

/* A base64 member, decoded into keep; empty if it is none. */
static assay_bytes bytes_of(call *c, const json_t *object, const char *key) {
    assay_bytes bytes = {NULL, 0};
    const char *text = member(object, key);
    if (assay_codec_base64_get(&bytes, &c->keep, assay_base_bytes_str(text)) != ASSAY_OK) bytes.len = 0;
    return bytes;
}

/* A pair is looked at before anybody pays for sending it: it proves what it says, by itself. */
static assay_err read_pair(call *c, pair *out, const json_t *row, assay_bytes chain_id) {
    assay_vote other;
    assay_public_key key;
    *out = (pair){.vote_a = bytes_of(c, row, "vote_a"), .vote_b = bytes_of(c, row, "vote_b")};
    ASSAY_TRY(assay_base_unhex(key.b, sizeof key.b, assay_base_bytes_str(member(row, "pub_key"))));
    ASSAY_TRY(assay_vote_decode(&out->first, out->vote_a));
    ASSAY_TRY(assay_vote_decode(&other, out->vote_b));
    const assay_duplicate_vote both = assay_duplicate_vote_new(&out->first, &other, 0, 0, (assay_time){0});
    return assay_duplicate_vote_check(&both, chain_id, key);
}

static assay_err read_pairs(call *c, pair **out, uint32_t *count, const char **chain_id, const json_t *root) {
    const json_t *rows = json_object_get(root, "votes");
    size_t i;
    const json_t *row;
    if (strcmp(member(root, "schema"), FORK_SCHEMA) != 0)
        return strncmp(member(root, "schema"), "assay/fork/", 11) == 0 ? ASSAY_E_FORMAT : ASSAY_E_ENCODING;
    *chain_id = keep_text(c, "%s", member(root, "chain_id"));
    if (!**chain_id || strlen(*chain_id) > ASSAY_CHAIN_ID_LEN_MAX || !json_is_array(rows)) return ASSAY_E_ENCODING;
    if (json_array_size(rows) > ASSAY_VALIDATORS_MAX) return ASSAY_E_RANGE;
    *out = ASSAY_NEW(&c->keep, pair, json_array_size(rows) + 1);
    if (!*out) return ASSAY_F_MEMORY;
    json_array_foreach(rows, i, row) {
        assay_err err = read_pair(c, &(*out)[i], row, assay_base_bytes_str(*chain_id));
        if (err != ASSAY_OK) return fail(c, err, "its votes number %zu", i + 1);
    }
    *count = (uint32_t)json_array_size(rows);
    return ASSAY_OK;
}

static assay_err read_proof(call *c, pair **out, uint32_t *count, const char **chain_id, const char *path) {
    assay_bytes text;
    assay_err err = assay_os_read_whole(&text, &c->keep, path, FORK_LEN_MAX);
    if (err == ASSAY_E_NOT_FOUND) return usage(c, "there is no file %s", path);
    json_t *root = err == ASSAY_OK ? json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (err == ASSAY_OK) err = root ? read_pairs(c, out, count, chain_id, root) : ASSAY_E_ENCODING;
    json_decref(root);
    if (err != ASSAY_OK) return fail(c, err, "%s%s%s", path, c->because ? ": " : "", c->because ? c->because : "");
    if (*count) return ASSAY_OK;
    return fail(c, ASSAY_E_EVIDENCE, "%s names nobody who signed twice in one round", path);
}

static assay_err right_chain(call *c, const char *chain_id) {
    json_t *status;
    ASSAY_TRY(remote_get(c, &status, "/status"));
    bool same = strcmp(member(status, "chain_id"), chain_id) == 0;
    const char *other = keep_text(c, "%s", member(status, "chain_id"));
    json_decref(status);
    return same ? ASSAY_OK : fail(c, ASSAY_E_CHAIN, "the proof is of %s, the node of %s", chain_id, shown(c, other));
}

/* The outcome of one of them, a row for people and for programs. Known already is as good as told now. */
static assay_err send_pair(call *c, json_t *rows, table *t, const pair *p, const assay_key_secret *secret) {
    assay_msg_evidence message = {p->vote_a, p->vote_b};
    assay_tx_body body = {.evidence = &message};
    json_t *answer = NULL;
    assay_err err = submit(c, &body, secret, &answer);
    if (assay_base_err_is_fault(err)) return err;
    uint64_t height = number(answer, "height");
    const char *who = hex(c, p->first.validator.b, ASSAY_ADDRESS_LEN), *code = assay_base_err_code(err);
    table_row(t, who, keep_text(c, "%lld", (long long)p->first.height),
              err == ASSAY_OK            ? keep_text(c, "counted in block %llu", (unsigned long long)height)
              : err == ASSAY_E_DUPLICATE ? "was counted before"
                                         : keep_text(c, "%s: %s", code, assay_base_err_text(err)));
    json_t *row = json_pack("{s:s, s:I, s:s, s:o}", "validator", who, "height", (json_int_t)p->first.height, "code",
                            code, "block", height ? json_integer((json_int_t)height) : json_null());
    json_array_append_new(rows, row);
    json_decref(answer);
    return err;
}

static assay_err send_all(call *c, const pair *pairs, uint32_t count, const assay_key_secret *secret) {
    table t = table_begin(c, "VALIDATOR HEIGHT> OUTCOME", count);
    json_t *rows = json_array();
    assay_err worst = ASSAY_OK;
    for (uint32_t i = 0; i < count; i++) {
        assay_err err = send_pair(c, rows, &t, &pairs[i], secret);
        if (assay_base_err_is_fault(err)) {
            json_decref(rows);
            return err;
        }
        if (err != ASSAY_OK && err != ASSAY_E_DUPLICATE && worst == ASSAY_OK) worst = err;
    }
    if (json_wanted(c)) {
        ASSAY_TRY(out_json(c, json_pack("{s:o}", "reported", rows)));
        c->reported = true; /* each row has its code */
        return worst;
    }
    json_decref(rows);
    table_print(&t);
    return worst == ASSAY_OK ? ASSAY_OK : fail(c, worst, "of one of them at least; see OUTCOME");
}

assay_err run_report(call *c) {
    pair *pairs = NULL;
    uint32_t count = 0;
    const char *chain_id = "";
    assay_key_secret secret;
    ASSAY_TRY(read_proof(c, &pairs, &count, &chain_id, c->words[0]));
    ASSAY_TRY(right_chain(c, chain_id));
    if (has(c, OPTION_DRY_RUN)) {
        assay_msg_evidence message = {pairs[0].vote_a, pairs[0].vote_b};
        return send_body(c, &(assay_tx_body){.evidence = &message}, "");
    }
    ASSAY_TRY(key_load(c, &secret));
    assay_err err = send_all(c, pairs, count, &secret);
    assay_crypto_wipe(&secret, sizeof secret);
    return err;
}
