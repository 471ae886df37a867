/* SPDX-License-Identifier: Apache-2.0
 *
 * status - where the chain stands, and who keeps it.
 */
#include "assay_internal.h"

#include <string.h>

static const char *amount(call *c, const json_t *object, const char *key) {
    char text[32];
    return keep_text(c, "%s", amount_text(text, number(object, key)));
}

assay_err run_status(call *c) {
    json_t *status;
    ASSAY_TRY(remote_get(c, &status, "/status"));
    if (json_wanted(c)) return out_json(c, status);
    const json_t *fees = json_object_get(status, "fees");
    char span[32];
    if (!quiet(c)) {
        out(c, "%s at %s\n", member(status, "chain_id"), c->url);
        field(c, "block time", "%s", member(status, "block_time"));
        field(c, "validators", "%llu with power %llu", (unsigned long long)number(status, "validators"),
              (unsigned long long)number(status, "power"));
        field(c, "supply", "%s; burned so far %s", amount(c, status, "supply"), amount(c, status, "burned"));
        field(c, "fees", "%s + %s a byte; a model's deposit %s a MiB", amount(c, fees, "base"),
              amount(c, fees, "per_byte"), amount(c, fees, "deposit_per_mib"));
        field(c, "attestations", "%llu", (unsigned long long)number(status, "log_size"));
        field(c, "waiting", "%llu transactions", (unsigned long long)number(status, "mempool"));
        field(c, "state root", "%s", member(status, "state_root"));
        field(c, "log root", "%s", member(status, "log_root"));
        field(c, "genesis", "%s", member(status, "genesis_hash"));
        field(c, "trust for", "%s", span_text(span, number(status, "trust_seconds")));
        field(c, "height", "%llu", (unsigned long long)number(status, "height"));
    }
    if (quiet(c)) out(c, "%llu\n", (unsigned long long)number(status, "height"));
    json_decref(status);
    return ASSAY_OK;
}

assay_err run_validators(call *c) {
    json_t *list;
    ASSAY_TRY(remote_get(c, &list, "/validators"));
    if (json_wanted(c)) return out_json(c, list);
    size_t i;
    const json_t *row;
    uint64_t total = 0;
    json_array_foreach(list, i, row) total += number(row, "power");
    table t = table_begin(c, "INDEX> MONIKER STATUS RUNS POWER> SHARE> STAKE> ADDRESS", json_array_size(list));
    json_array_foreach(list, i, row) {
        uint64_t power = number(row, "power");
        const json_t *running = json_object_get(row, "running");
        const char *status = member(row, "status");
        if (flag(row, "jailed") && !flag(row, "tombstoned")) status = "jailed";
        table_row(&t, keep_text(c, "%llu", (unsigned long long)number(row, "index")), shown(c, member(row, "moniker")),
                  status,
                  !running                ? ""
                  : json_is_true(running) ? "yes"
                                          : "stopped",
                  keep_text(c, "%llu", (unsigned long long)power),
                  keep_text(c, "%.1f %%", total ? 100.0 * (double)power / (double)total : 0.0), amount(c, row, "stake"),
                  member(row, "address"));
    }
    table_print(&t);
    json_decref(list);
    return ASSAY_OK;
}
