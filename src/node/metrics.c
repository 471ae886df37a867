/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics - what a monitor reads: Prometheus' text format. Names are an interface: none is renamed.
 */
#include "routes_internal.h"

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

static void family(assay_buf *out, const char *name, const char *type, const char *help) { line(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type); }

static void per_validator(assay_buf *out, const struct assay_node *node) {
    static const struct {
        const char *name, *type, *help;
    } families[] = {
        {"assay_consensus_height", "gauge", "Height of the last final block."},
        {"assay_validator_running", "gauge", "1 while the validator runs in this process."},
        {"assay_blocks_total", "counter", "Blocks made final since the start."},
        {"assay_transactions_total", "counter", "Transactions in those blocks."},
        {"assay_mempool_transactions", "gauge", "Transactions that wait for a block."},
        {"assay_inbox_dropped_total", "counter", "Messages that found a full inbox."},
    };
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        family(out, families[f].name, families[f].type, families[f].help);
        for (uint32_t i = 0; i < node->count; i++) {
            validator *v = &node->validators[i];
            unsigned long long values[] = {atomic_load(&v->height), atomic_load(&v->alive), atomic_load(&v->blocks),
                                           atomic_load(&v->txs),    atomic_load(&v->waiting_txs), v->inbox.dropped};
            line(out, "%s{validator=\"%u\"} %llu\n", families[f].name, i, values[f]);
        }
    }
}

static void chain(assay_buf *out, const visit *at) {
    assay_staking_totals set;
    assay_rule_totals totals;
    assay_state_head head;
    assay_store_usage usage;
    if (assay_staking_totals_read(at->view, &set) == ASSAY_OK) {
        family(out, "assay_consensus_validators", "gauge", "Validators in the set in force.");
        line(out, "assay_consensus_validators %llu\n", (unsigned long long)set.members);
        family(out, "assay_consensus_validators_power", "gauge", "Their power.");
        line(out, "assay_consensus_validators_power %llu\n", (unsigned long long)set.power);
    }
    if (assay_rule_totals_read(&totals, at->view) == ASSAY_OK) {
        family(out, "assay_supply_units", "gauge", "Units that exist, without burned ones.");
        line(out, "assay_supply_units %llu\n", (unsigned long long)(totals.issued - totals.burned));
        family(out, "assay_burned_units_total", "counter", "Units burned ever.");
        line(out, "assay_burned_units_total %llu\n", (unsigned long long)totals.burned);
    }
    if (assay_state_head_read(&head, assay_store_snapshot_reader(at->snapshot)) == ASSAY_OK) {
        family(out, "assay_attestations_total", "counter", "Leaves of the log.");
        line(out, "assay_attestations_total %llu\n", (unsigned long long)head.log.size);
    }
    if (assay_store_look(&usage, at->v->store) == ASSAY_OK) {
        family(out, "assay_store_bytes", "gauge", "Bytes in use of the answering validator's store.");
        line(out, "assay_store_bytes %llu\n", (unsigned long long)usage.used_bytes);
    }
}

static void process(assay_buf *out, const struct assay_node *node) {
    assay_http_counts counts = assay_http_count(node->server);
    family(out, "assay_http_requests_total", "counter", "HTTP requests by class of answer.");
    for (int i = 1; i < 6; i++) line(out, "assay_http_requests_total{class=\"%dxx\"} %llu\n", i, (unsigned long long)counts.by_class[i]);
    family(out, "assay_http_refused_total", "counter", "Requests refused for a limit.");
    line(out, "assay_http_refused_total %llu\n", (unsigned long long)counts.refused);
    family(out, "assay_http_connections", "gauge", "Open connections.");
    line(out, "assay_http_connections %u\n", counts.connections);
    family(out, "assay_build_info", "gauge", "The program.");
    line(out, "assay_build_info{version=\"0.1.0\"} 1\n");
    family(out, "process_resident_memory_bytes", "gauge", "Resident memory.");
    line(out, "process_resident_memory_bytes %llu\n", (unsigned long long)assay_os_resident());
    family(out, "process_cpu_seconds_total", "counter", "Processor time.");
    uint64_t cpu = assay_os_cpu_ns();
    line(out, "process_cpu_seconds_total %llu.%03llu\n", (unsigned long long)(cpu / 1000000000), (unsigned long long)(cpu / 1000000 % 1000));
}

void get_metrics(void *context, const assay_http_request *request, assay_http_response *response) {
    struct assay_node *node = context;
    visit at;
    if (!visit_begin(&at, node, request, response, true)) return;
    size_t cap = 16384 + (size_t)node->count * 1024;
    assay_buf out = {ASSAY_NEW(request->arena, uint8_t, cap), 0, cap};
    if (out.ptr) {
        per_validator(&out, node);
        chain(&out, &at);
        process(&out, node);
    }
    visit_end(&at);
    if (!out.ptr) {
        assay_http_problem(request, response, ASSAY_F_MEMORY, NULL);
        return;
    }
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    response->body = (assay_bytes){out.ptr, out.len};
}
