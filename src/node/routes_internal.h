/* SPDX-License-Identifier: Apache-2.0
 *
 * routes_internal - what the handlers of the HTTP API share: which validator a request asks, a snapshot of it, answers.
 */
#ifndef ASSAY_NODE_ROUTES_INTERNAL_H
#define ASSAY_NODE_ROUTES_INTERNAL_H

#include "node_internal.h"

#include "ledger/rule/rule.h"

/* A visit: the validator that answers, and its committed state. Ended by visit_end on every path. */
typedef struct visit {
    validator *v;
    assay_store_snapshot *snapshot;
    assay_rule_view view;
    assay_params params;
    shelf_entry *entry; /* of the root that a request names */
    bool large;         /* it has the one place for large work */
} visit;

/* visit_begin - the validator of the query `validator`, else the front one; a snapshot of it if asked. On failure the
 * response is filled and false comes back. */
bool visit_begin(visit *out, struct assay_node *node, const assay_http_request *request, assay_http_response *response,
                 bool snapshot);
void visit_end(visit *v);

/* visit_end_snapshot - gives the snapshot back and stays: for what takes long, since snapshots are short. */
void visit_end_snapshot(visit *v);

/* query_number, path_number - a number of the query (*value stays if it is not there), or a part of the path, of at
 * most 2^63-1: what readers of JSON hold. ASSAY_E_ENCODING, ASSAY_E_RANGE. */
assay_err query_number(const assay_http_request *request, const char *name, uint64_t *value);
assay_err path_number(uint64_t *out, assay_bytes part);

/* visit_large - before work on so many encoded bytes of a manifest, which take several times as much memory: large ones
 * come one after the other in this process, until visit_end. ASSAY_F_BUSY. */
assay_err visit_large(visit *v, uint64_t len);
/* visit_manifest - the same for a root's manifest in the validator's holdings; nothing if it is not there. */
assay_err visit_manifest(visit *v, assay_hash root, assay_arena scratch);

/* page_limit - `limit` of the query, 1 .. most; `otherwise` if it is not there. ASSAY_E_ENCODING, ASSAY_E_RANGE. */
assay_err page_limit(const assay_http_request *request, uint32_t *limit, uint32_t otherwise, uint32_t most);

/* problem_begin - a problem document with members of its own: opens it with the standard ones; the caller adds his and
 * calls problem_end. detail may be NULL. */
assay_json problem_begin(const assay_http_request *request, assay_buf *buf, uint32_t status, assay_err err,
                         const char *detail);
void problem_end(const assay_http_request *request, assay_http_response *response, assay_json *json, uint32_t status);

/* The API as one table, in the order of spec/openapi.json. */
extern const assay_http_route routes_table[];
extern const size_t routes_count;

#define JSON_MAX ((size_t)8 << 20)

typedef void route_handler(void *context, const assay_http_request *request, assay_http_response *response);

/* routes_chain.c */
route_handler get_status, get_healthz, get_validators, get_validator, get_blocks, get_block, get_genesis, get_trust,
    post_cometbft;
/* routes_transactions.c */
route_handler post_transaction, post_transactions, get_transaction, get_account;
/* routes_models.c */
route_handler get_models, get_model, get_version, get_certificate, get_certificate_of_file, get_attestations,
    get_attestation, get_consistency, get_proof, get_penalties, get_penalty;
/* routes_bytes.c */
route_handler get_bytes, get_manifest, get_groups, get_range, get_file, put_manifest, put_groups, put_file, post_fault;
/* metrics.c */
route_handler get_metrics;

#endif
