/* SPDX-License-Identifier: Apache-2.0
 *
 * log - the lineage of a model.
 */
#include "assay_internal.h"

#include <string.h>

#define PAGE 1000u

const char *parents_text(call *c, const json_t *parents) {
    const char *text = "";
    size_t i;
    const json_t *parent;
    json_array_foreach(parents, i, parent) text =
        keep_text(c, "%s%s%s@%s", text, i ? ", " : "", member(parent, "name"), member(parent, "version"));
    return *text ? text : "-";
}

/* All versions, page by page; *out is the model with the full list. */
static assay_err fetch(call *c, json_t **out, const char *name) {
    ASSAY_TRY(remote_get(c, out, "/models/%s", name));
    json_t *all = json_object_get(*out, "versions");
    for (size_t have = json_array_size(all), page = have; page == PAGE; have += page) {
        json_t *more;
        assay_err err = remote_get(c, &more, "/models/%s?first=%zu", name, have);
        json_t *versions = err == ASSAY_OK ? json_object_get(more, "versions") : NULL;
        page = json_array_size(versions);
        if (err == ASSAY_OK && json_array_extend(all, versions) != 0) err = ASSAY_F_MEMORY;
        json_decref(more);
        if (err != ASSAY_OK) {
            json_decref(*out);
            *out = NULL;
            return err;
        }
    }
    return ASSAY_OK;
}

assay_err run_log(call *c) {
    assay_bytes name;
    json_t *model;
    ASSAY_TRY(name_of(c, &name, c->words[0]));
    assay_err err = fetch(c, &model, c->words[0]);
    if (err == ASSAY_E_NOT_FOUND) return fail(c, err, "no model is named %s here", c->words[0]);
    ASSAY_TRY(err);
    if (json_wanted(c)) return out_json(c, model);
    json_t *versions = json_object_get(model, "versions");
    if (!quiet(c)) out(c, "%s (a claimed name)\n", c->words[0]);
    table t = table_begin(c, "VERSION STATUS RECORDED> ATTESTED> SIZE> ROOT PARENTS", json_array_size(versions));
    size_t i;
    const json_t *row;
    json_array_foreach(versions, i, row) {
        char size[24];
        uint64_t attested = number(row, "attested_height");
        table_row(&t, member(row, "version"), member(row, "status"),
                  keep_text(c, "%llu", (unsigned long long)number(row, "recorded_height")),
                  attested ? keep_text(c, "%llu", (unsigned long long)attested) : "-",
                  keep_text(c, "%s", size_text(size, number(row, "size"))), keep_text(c, "%.16s", member(row, "root")),
                  parents_text(c, json_object_get(row, "parents")));
    }
    table_print(&t);
    json_decref(model);
    return ASSAY_OK;
}
