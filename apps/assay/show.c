/* SPDX-License-Identifier: Apache-2.0
 *
 * show - one thing of the chain in full: its form says what it is.
 */
#include "assay_internal.h"

#include <string.h>

static const char *amount(call *c, const json_t *object, const char *key) {
    char text[32];
    return keep_text(c, "%s", amount_text(text, number(object, key)));
}

static const char *visible_member(call *c, const json_t *object, const char *key) {
    return shown(c, member(object, key));
}

static unsigned long long count(const json_t *object, const char *key) {
    return (unsigned long long)number(object, key);
}

/* ---- a version -----------------------------------------------------------------------------------------------------
 */

static void print_checks(call *c, const json_t *version) {
    const json_t *checks = json_object_get(version, "checks"), *reports = json_object_get(version, "reports"), *row;
    size_t i;
    if (json_array_size(checks)) out(c, "\n");
    table t = table_begin(c, "CHECK VALIDATOR POWER> HEIGHT> DRAWS> ENDED>", json_array_size(checks));
    json_array_foreach(checks, i, row) {
        table_row(&t, member(row, "state"), member(row, "validator"), keep_text(c, "%llu", count(row, "power")),
                  keep_text(c, "%llu", count(row, "height")), keep_text(c, "%llu", count(row, "draws")),
                  number(row, "ended_height") ? keep_text(c, "%llu", count(row, "ended_height")) : "-");
    }
    table_print(&t);
    if (json_array_size(reports)) out(c, "\n");
    table r = table_begin(c, "REPORTED-BY SENDER HEIGHT> FILE", json_array_size(reports));
    json_array_foreach(reports, i, row) {
        table_row(&r, member(row, "validator"), member(row, "sender"), keep_text(c, "%llu", count(row, "height")),
                  visible_member(c, row, "path"));
    }
    table_print(&r);
}

static void print_version(call *c, const json_t *v) {
    char size[24];
    out(c, "%s@%s  %s\n", member(v, "name"), member(v, "version"), member(v, "status"));
    field(c, "root", "%s", member(v, "root"));
    field(c, "model signing", "%s", member(v, "model_signing"));
    field(c, "content", "%s in %llu files, %llu tensors", size_text(size, number(v, "size")), count(v, "files"),
          count(v, "tensors"));
    field(c, "publisher", "%s; the name is claimed, not proven", member(v, "publisher"));
    field(c, "parents", "%s", parents_text(c, json_object_get(v, "parents")));
    if (*member(v, "source")) field(c, "source", "%s", visible_member(c, v, "source"));
    field(c, "recorded", "at height %llu", count(v, "recorded_height"));
    uint64_t power = number(v, "power_total");
    if (number(v, "attested_height"))
        field(c, "attested", "at height %llu by power %llu of %llu (%.1f %%), number %llu of the log",
              count(v, "attested_height"), count(v, "power_checked"), (unsigned long long)power,
              power ? 100.0 * (double)number(v, "power_checked") / (double)power : 0.0, count(v, "log_index"));
    if (number(v, "ended_height")) field(c, member(v, "status"), "at height %llu", count(v, "ended_height"));
    if (*member(v, "reason")) field(c, "reason", "%s", visible_member(c, v, "reason"));
    print_checks(c, v);
}

static void print_model(call *c, const json_t *m) {
    const json_t *versions = json_object_get(m, "versions"), *last = NULL, *who;
    size_t i;
    if (json_array_size(versions)) last = json_array_get(versions, json_array_size(versions) - 1);
    out(c, "%s (a claimed name)\n", member(m, "name"));
    field(c, "versions", "%zu; the last is %s, %s", json_array_size(versions), member(last, "version"),
          member(last, "status"));
    field(c, "since", "height %llu", count(m, "created_height"));
    json_array_foreach(json_object_get(m, "maintainers"), i, who)
        field(c, i ? "" : "maintainers", "%s", json_string_value(who) ? json_string_value(who) : "");
}

/* ---- accounts, blocks, transactions -------------------------------------------------------------------------- */

static void print_account(call *c, const json_t *a, const json_t *validator) {
    const json_t *row;
    size_t i;
    out(c, "%s\n", member(a, "address"));
    field(c, "balance", "%s", amount(c, a, "balance"));
    field(c, "next nonce", "%llu", count(a, "nonce"));
    json_array_foreach(json_object_get(a, "delegations"), i, row)
        field(c, i ? "" : "delegated", "%s to %s", amount(c, row, "amount"), member(row, "validator"));
    json_array_foreach(json_object_get(a, "unbonding"), i, row)
        field(c, i ? "" : "unbonding", "%s from %s", amount(c, row, "amount"), member(row, "validator"));
    if (!validator) return;
    field(c, "validator", "%llu, %s, %s%s", count(validator, "index"), visible_member(c, validator, "moniker"),
          member(validator, "status"), flag(validator, "jailed") ? ", jailed" : "");
    field(c, "power", "%llu", count(validator, "power"));
    field(c, "stake", "%s, its own %s", amount(c, validator, "stake"), amount(c, validator, "self_bond"));
    field(c, "consensus key", "%s", member(validator, "consensus_key"));
}

static void print_block(call *c, const json_t *b) {
    const json_t *commit = json_object_get(b, "commit"), *row;
    size_t i;
    out(c, "block %llu  %s\n", count(b, "height"), member(b, "hash"));
    field(c, "time", "%s", member(b, "time"));
    field(c, "proposer", "%s", member(b, "proposer"));
    field(c, "signed by", "%llu of %llu, in round %llu", count(commit, "signed"), count(commit, "validators"),
          count(commit, "round"));
    field(c, "app hash", "%s", member(b, "app_hash"));
    json_array_foreach(json_object_get(b, "transactions"), i, row)
        field(c, i ? "" : "transactions", "%s", json_string_value(row) ? json_string_value(row) : "");
    json_array_foreach(json_object_get(b, "evidence"), i, row)
        field(c, i ? "" : "evidence", "%s of %s at height %llu, round %llu", member(row, "kind"),
              member(row, "validator"), count(row, "height"), count(row, "round"));
}

static void print_transaction(call *c, const json_t *t) {
    const char *key;
    json_t *part;
    out(c, "%s  %s\n", member(t, "kind"), member(t, "id"));
    field(c, "result", "%s (%s)", member(t, "result"), member(t, "code"));
    field(c, "block", "%llu, place %llu", count(t, "height"), count(t, "index"));
    field(c, "sender", "%s, nonce %llu", member(t, "sender"), count(t, "nonce"));
    field(c, "fee burned", "%s", amount(c, t, "fee_burned"));
    json_object_foreach(json_object_get(t, "message"), key, part) {
        if (json_is_integer(part))
            field(c, key, "%llu", (unsigned long long)json_integer_value(part));
        else if (json_is_string(part))
            field(c, key, "%s", shown(c, json_string_value(part)));
    }
}

/* ---- which it is --------------------------------------------------------------------------------------------- */

static assay_err show_account(call *c, const char *address) {
    json_t *account, *validator = NULL;
    ASSAY_TRY(remote_get(c, &account, "/accounts/%s", address));
    assay_err err = remote_get(c, &validator, "/validators/%s", address);
    if (err == ASSAY_E_NOT_FOUND) err = ASSAY_OK;
    if (err == ASSAY_OK && json_wanted(c)) {
        if (validator && json_object_set(account, "validator", validator) != 0) err = ASSAY_F_MEMORY;
        if (err == ASSAY_OK) err = out_json(c, json_incref(account));
    } else if (err == ASSAY_OK) {
        print_account(c, account, validator);
    }
    json_decref(validator);
    json_decref(account);
    return err;
}

assay_err run_show(call *c) {
    const char *word = c->words[0], *sign = strchr(word, '@');
    assay_hash id;
    assay_address address;
    assay_version_ref ref;
    assay_bytes name;
    const char *path, *what;
    void (*print)(call *, const json_t *);
    if (assay_codec_address_get(&address, assay_base_bytes_str(word)) == ASSAY_OK) return show_account(c, word);
    if (assay_base_unhex(id.b, sizeof id.b, assay_base_bytes_str(word)) == ASSAY_OK) {
        path = keep_text(c, "/transactions/%s", word), what = "no transaction of this id is final",
        print = print_transaction;
    } else if (is_digits(word) || strcmp(word, "latest") == 0) {
        path = keep_text(c, "/blocks/%s", word), what = "there is no block of that height", print = print_block;
    } else if (sign) {
        ASSAY_TRY(ref_of(c, &ref, word));
        path = keep_text(c, "/models/%.*s/%s", (int)(sign - word), word, sign + 1);
        what = keep_text(c, "no version is named %s here", word), print = print_version;
    } else if (strchr(word, '/')) {
        ASSAY_TRY(name_of(c, &name, word));
        path = keep_text(c, "/models/%s", word), print = print_model;
        what = keep_text(c, "no model is named %s here", word);
    } else {
        return usage(c, "%s is no name, version, address, height or transaction's id", word);
    }
    json_t *found;
    assay_err err = remote_get(c, &found, "%s", path);
    if (err == ASSAY_E_NOT_FOUND) return fail(c, err, "%s", what);
    ASSAY_TRY(err);
    if (json_wanted(c)) return out_json(c, found);
    print(c, found);
    json_decref(found);
    return ASSAY_OK;
}
