/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics - what a monitor reads: Prometheus' text format. Names are an interface: none is renamed.
 */
#include "routes_internal.h"

#include "ledger/slashing/slashing.h"
#include "ledger/staking/staking.h"

#include <stdarg.h>

__attribute__((format(printf, 2, 3))) static void line(assay_buf *out, const char *format, ...) {
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    size_t len = assay_os_format_list(text, sizeof text, format, arguments);
    va_end(arguments);
    if (assay_base_buf_put(out, (assay_bytes){(const uint8_t *)text, len}) != ASSAY_OK) out->cap = out->len;
}

static void family(assay_buf *out, const char *name, const char *type, const char *help) {
    line(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static uint64_t dropped(validator *v) {
    assay_os_mutex_lock(&v->inbox.lock);
    uint64_t count = v->inbox.dropped;
    assay_os_mutex_unlock(&v->inbox.lock);
    return count;
}

static void per_validator(assay_buf *out, const struct assay_node *node) {
    static const struct {
        const char *name, *type, *help;
    } families[] = {
        {"assay_consensus_height", "gauge", "Height of the last final block."},
        {"assay_validator_running", "gauge", "1 while the validator runs in this process."},
        {"assay_blocks_total", "counter", "Blocks made final since the start."},
        {"assay_transactions_total", "counter", "Transactions in those blocks."},
        {"assay_mempool_transactions", "gauge", "Transactions that wait for a block."},
        {"assay_consensus_round", "gauge", "Round of the height under way."},
        {"assay_model_bytes", "gauge", "Bytes of models on the validator's disk."},
        {"assay_inbox_dropped_total", "counter", "Messages that found a full inbox."},
    };
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        family(out, families[f].name, families[f].type, families[f].help);
        for (uint32_t i = 0; i < node->count; i++) {
            validator *v = &node->validators[i];
            unsigned long long values[] = {
                atomic_load(&v->height),      atomic_load(&v->alive),
                atomic_load(&v->blocks),      atomic_load(&v->txs),
                atomic_load(&v->waiting_txs), (unsigned long long)atomic_load(&v->round),
                atomic_load(&v->model_bytes), dropped(v),
            };
            line(out, "%s{validator=\"%u\"} %llu\n", families[f].name, i, values[f]);
        }
    }
}

static void seconds(assay_buf *out, const char *name, const char *help, uint64_t ns) {
    family(out, name, "counter", help);
    line(out, "%s %llu.%06llu\n", name, (unsigned long long)(ns / 1000000000),
         (unsigned long long)(ns / 1000 % 1000000));
}

/* Penalties are numbered from 1 without gaps: the highest number is how many there are. */
static assay_err penalties_count(uint64_t *out, assay_rule_view view) {
    uint64_t low = 0, high = 1; /* low is there, or 0; high is not, once it was looked at */
    assay_slashing_penalty row;
    bool found = true;
    while (high < UINT64_MAX / 2) {
        ASSAY_TRY(assay_slashing_penalty_get(view, &row, &found, high));
        if (!found) break;
        low = high;
        high *= 2;
    }
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        ASSAY_TRY(assay_slashing_penalty_get(view, &row, &found, middle));
        if (found)
            low = middle;
        else
            high = middle;
    }
    *out = low;
    return ASSAY_OK;
}

/* Members of the set whose precommit is not in the newest commit, as the answering validator saw it. */
static assay_err missing_count(uint64_t *out, const visit *at, assay_arena scratch) {
    uint64_t first, last;
    assay_store_block row;
    assay_commit commit;
    ASSAY_TRY(assay_store_heights(&first, &last, at->snapshot));
    ASSAY_TRY(assay_store_get_block(&row, at->snapshot, last));
    ASSAY_TRY(assay_commit_decode(&commit, &scratch, row.commit));
    *out = 0;
    for (uint32_t i = 0; i < commit.sigs_count; i++) *out += commit.sigs[i].flag != ASSAY_FLAG_COMMIT;
    return ASSAY_OK;
}

static void number(assay_buf *out, const char *name, const char *type, const char *help, uint64_t value) {
    family(out, name, type, help);
    line(out, "%s %llu\n", name, (unsigned long long)value);
}

/* What cannot be read is left out: a monitor sees a gap, not a zero. */
static void chain(assay_buf *out, const visit *at, assay_arena scratch) {
    assay_staking_totals set;
    assay_rule_totals totals;
    assay_state_head head;
    assay_store_usage usage;
    uint64_t count;
    if (assay_staking_totals_read(at->view, &set) == ASSAY_OK) {
        number(out, "assay_consensus_validators", "gauge", "Validators in the set in force.", set.members);
        number(out, "assay_consensus_validators_power", "gauge", "Their power.", set.power);
    }
    if (missing_count(&count, at, scratch) == ASSAY_OK)
        number(out, "assay_consensus_missing_validators", "gauge", "Validators that did not sign the last block.",
               count);
    if (assay_rule_totals_read(&totals, at->view) == ASSAY_OK) {
        number(out, "assay_supply_units", "gauge", "Units that exist, without burned ones.",
               totals.issued - totals.burned);
        number(out, "assay_burned_units_total", "counter", "Units burned ever.", totals.burned);
    }
    if (assay_state_head_read(&head, assay_store_snapshot_reader(at->snapshot)) == ASSAY_OK)
        number(out, "assay_attestations_total", "counter", "Leaves of the log.", head.log.size);
    if (penalties_count(&count, at->view) == ASSAY_OK)
        number(out, "assay_penalties_total", "counter", "Penalties ever.", count);
    if (at->v->comet) {
        uint64_t passed, used;
        comet_app_ns(at->v, &passed, &used);
        seconds(out, "assay_abci_seconds_total", "Time of CometBFT's consensus connection in the application.", passed);
        seconds(out, "assay_abci_cpu_seconds_total", "Of that, what a processor worked on it.", used);
    }
    if (assay_store_look(&usage, at->v->store) == ASSAY_OK)
        number(out, "assay_store_bytes", "gauge", "Bytes in use of the answering validator's store.", usage.used_bytes);
}

static void process(assay_buf *out, const struct assay_node *node) {
    assay_http_counts counts = assay_http_count(node->server);
    family(out, "assay_http_requests_total", "counter", "HTTP requests by class of answer.");
    for (int i = 2; i < 6; i++)
        line(out, "assay_http_requests_total{class=\"%dxx\"} %llu\n", i, (unsigned long long)counts.by_class[i]);
    number(out, "assay_http_received_bytes_total", "counter", "Bytes of bodies received.", counts.bytes_in);
    number(out, "assay_http_sent_bytes_total", "counter", "Bytes of bodies sent.", counts.bytes_out);
    number(out, "assay_http_refused_total", "counter", "Requests refused for a limit.", counts.refused);
    number(out, "assay_http_connections", "gauge", "Open connections.", counts.connections);
    family(out, "assay_build_info", "gauge", "The program.");
    line(out, "assay_build_info{version=\"0.1.0\"} 1\n");
    number(out, "process_resident_memory_bytes", "gauge", "Resident memory.", assay_os_resident());
    family(out, "process_cpu_seconds_total", "counter", "Processor time.");
    uint64_t cpu = assay_os_cpu_ns();
    line(out, "process_cpu_seconds_total %llu.%03llu\n", (unsigned long long)(cpu / 1000000000),
         (unsigned long long)(cpu / 1000000 % 1000));
}

/* The validators are counted also when none of them runs, which is what a monitor has to hear of. */
void get_metrics(void *context, const assay_http_request *request, assay_http_response *response) {
    struct assay_node *node = context;
    visit at;
    size_t cap = 16384 + (size_t)node->count * 1024;
    assay_buf out = {ASSAY_NEW(request->arena, uint8_t, cap), 0, cap};
    if (!out.ptr) {
        assay_http_problem(request, response, ASSAY_F_MEMORY, NULL);
        return;
    }
    bool visiting = visit_begin(&at, node, request, response, true);
    if (!visiting && response->status < 500) return; /* a validator was asked for that there is not */
    *response = (assay_http_response){.content_type = "text/plain; version=0.0.4; charset=utf-8"};
    per_validator(&out, node);
    if (visiting) {
        chain(&out, &at, *request->arena);
        visit_end(&at);
    }
    process(&out, node);
    response->body = (assay_bytes){out.ptr, out.len};
}
