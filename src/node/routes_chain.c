/* SPDX-License-Identifier: Apache-2.0
 *
 * routes_chain - what the API says of the chain itself: where it stands, its validators, its blocks.
 */
#include "routes_internal.h"

#include "ledger/staking/staking.h"

#include <string.h>

static assay_err latest_header(const visit *at, assay_header *header, uint64_t *height, assay_arena *keep) {
    uint64_t first;
    assay_store_block row;
    assay_block block;
    ASSAY_TRY(assay_store_heights(&first, height, at->snapshot));
    if (!*height) return ASSAY_F_BUSY;
    ASSAY_TRY(assay_store_get_block(&row, at->snapshot, *height));
    assay_arena scratch = assay_base_arena_split(keep);
    assay_err err = archive_block(at->v, &block, keep, row.block, scratch);
    keep->end = scratch.end;
    if (err != ASSAY_OK) return ASSAY_F_CORRUPT;
    *header = block.header;
    return ASSAY_OK;
}

void get_status(void *context, const assay_http_request *request, assay_http_response *response) {
    struct assay_node *node = context;
    visit at;
    if (!visit_begin(&at, node, request, response, true)) return;
    assay_state_head head;
    assay_header header;
    uint64_t height;
    assay_rule_totals totals;
    assay_staking_totals set;
    assay_err err = assay_state_head_read(&head, assay_store_snapshot_reader(at.snapshot));
    if (err == ASSAY_OK) err = latest_header(&at, &header, &height, request->arena);
    if (err == ASSAY_OK) err = assay_rule_totals_read(&totals, at.view);
    if (err == ASSAY_OK) err = assay_staking_totals_read(at.view, &set);
    if (err != ASSAY_OK) {
        visit_end(&at);
        assay_http_problem(request, response, err, err == ASSAY_F_BUSY ? "there is no block yet" : NULL);
        return;
    }
    assay_hash log_root = assay_merkle_log_root(&head.log);
    assay_hash app_hash = assay_app_hash(head.root, head.log.size, log_root);
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 16384);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "chain_id", node->chain_id);
    assay_json_u64(&json, "height", height);
    assay_json_time(&json, "block_time", header.time);
    assay_json_hex(&json, "state_root", assay_base_hash_bytes(&head.root));
    assay_json_hex(&json, "log_root", assay_base_hash_bytes(&log_root));
    assay_json_amount(&json, "supply", totals.issued - totals.burned);
    assay_json_amount(&json, "burned", totals.burned);
    assay_json_u64(&json, "log_size", head.log.size);
    assay_json_hex(&json, "app_hash", assay_base_hash_bytes(&app_hash));
    assay_json_hex(&json, "genesis_hash", assay_base_hash_bytes(&node->genesis_hash));
    assay_json_u64(&json, "app_version", 1);
    assay_json_u64(&json, "validators", set.members);
    assay_json_u64(&json, "power", set.power);
    assay_json_u64(&json, "validator", at.v->index);
    assay_json_u64(&json, "mempool", atomic_load(&at.v->waiting_txs));
    assay_json_object(&json, "fees");
    assay_json_amount(&json, "base", at.params.fee_base);
    assay_json_amount(&json, "per_byte", at.params.fee_per_byte);
    assay_json_amount(&json, "deposit_per_mib", at.params.deposit_per_mib);
    assay_json_close(&json, '}');
    assay_json_u64(&json, "trust_seconds", node->trust_seconds);
    assay_json_bool(&json, "devnet", node->config.faults);
    assay_json_bool(&json, "stopped", atomic_load(&at.v->stopped));
    assay_json_close(&json, '}');
    assay_http_json_done(request, response, &json);
    visit_end(&at);
}

void get_healthz(void *context, const assay_http_request *request, assay_http_response *response) {
    struct assay_node *node = context;
    validator *v = node_front(node);
    bool ready = atomic_load(&v->alive) && atomic_load(&v->height) > 0 && atomic_load(&v->failed) == ASSAY_OK;
    if (!ready || atomic_load(&v->stopped)) {
        assay_http_problem(request, response, ASSAY_F_BUSY,
                           ready ? "the chain has stopped: nobody who may validate remains" : "no final block yet");
        return;
    }
    response->body = ASSAY_STR("{\"ok\":true}");
}

void get_genesis(void *context, const assay_http_request *request, assay_http_response *response) {
    (void)request;
    struct assay_node *node = context;
    response->content_type = "application/octet-stream";
    response->body = node->genesis;
}

void get_trust(void *context, const assay_http_request *request, assay_http_response *response) {
    struct assay_node *node = context;
    visit at;
    if (!visit_begin(&at, node, request, response, false)) return;
    assay_bytes text;
    assay_err err = trust_text(node, at.v, &text, request->arena);
    visit_end(&at);
    if (err != ASSAY_OK)
        assay_http_problem(request, response, err, NULL);
    else
        response->body = text;
}

/* ---- validators ---------------------------------------------------------------------------------------------- */

static void validator_json(assay_json *json, const struct assay_node *node, const assay_params *params,
                           const assay_staking_validator *row) {
    assay_address consensus = assay_crypto_address(row->consensus_key);
    assay_json_object(json, NULL);
    assay_json_u64(json, "index", row->index);
    assay_json_address(json, "address", row->owner);
    assay_json_u64(json, "power", row->power);
    assay_json_amount(json, "stake", assay_staking_stake(row));
    assay_json_str(json, "status", assay_staking_status_text(assay_staking_status_of(row, params)));
    assay_json_bool(json, "jailed", row->jailed);
    assay_json_bool(json, "tombstoned", row->tombstoned);
    assay_json_text(json, "moniker", row->moniker);
    assay_json_amount(json, "self_bond", row->self_bond);
    assay_json_amount(json, "delegated", row->pool_tokens);
    assay_json_hex(json, "consensus_key", (assay_bytes){row->consensus_key.b, sizeof row->consensus_key.b});
    assay_json_address(json, "consensus_address", consensus);
    assay_json_hex(json, "attestation_key", (assay_bytes){row->attestation_key.b, sizeof row->attestation_key.b});
    /* Which of this process's validators it is, if it is one of them. */
    for (uint32_t i = 0; i < node->count; i++)
        if (memcmp(&node->validators[i].consensus_key, &row->consensus_key, sizeof row->consensus_key) == 0)
            assay_json_bool(json, "running", atomic_load(&node->validators[i].alive));
    assay_json_close(json, '}');
}

void get_validators(void *context, const assay_http_request *request, assay_http_response *response) {
    struct assay_node *node = context;
    visit at;
    if (!visit_begin(&at, node, request, response, true)) return;
    assay_staking_validator *rows;
    uint32_t count;
    assay_err err = assay_staking_list(&rows, &count, request->arena, at.view, 0, ASSAY_VALIDATORS_MAX);
    if (err == ASSAY_OK) {
        assay_buf buf;
        assay_json json = assay_http_json(request, &buf, JSON_MAX);
        assay_json_array(&json, NULL);
        for (uint32_t i = 0; i < count; i++) validator_json(&json, node, &at.params, &rows[i]);
        assay_json_close(&json, ']');
        assay_http_json_done(request, response, &json);
    }
    visit_end(&at);
    if (err != ASSAY_OK) assay_http_problem(request, response, err, NULL);
}

void get_validator(void *context, const assay_http_request *request, assay_http_response *response) {
    struct assay_node *node = context;
    visit at;
    if (!visit_begin(&at, node, request, response, true)) return;
    assay_address owner;
    uint64_t index;
    assay_staking_validator row;
    bool found = false;
    assay_err err = ASSAY_OK;
    if (assay_codec_address_get(&owner, request->params[0]) == ASSAY_OK) {
        err = assay_staking_by_owner(at.view, &row, &found, owner);
    } else if (path_number(&index, request->params[0]) == ASSAY_OK) {
        assay_staking_validator *rows;
        uint32_t count;
        err = assay_staking_list(&rows, &count, request->arena, at.view, index, 1);
        found = err == ASSAY_OK && count == 1 && rows[0].index == index;
        if (found) row = rows[0];
    } else {
        err = ASSAY_E_ENCODING;
    }
    if (err == ASSAY_OK && !found) err = ASSAY_E_NOT_FOUND;
    if (err == ASSAY_OK) {
        assay_buf buf;
        assay_json json = assay_http_json(request, &buf, 65536);
        validator_json(&json, node, &at.params, &row);
        assay_http_json_done(request, response, &json);
    }
    visit_end(&at);
    bool named = err != ASSAY_E_ENCODING && err != ASSAY_E_OVERFLOW;
    if (err != ASSAY_OK)
        assay_http_problem(request, response, err,
                           named ? NULL : "a validator is named by its owner's address or its index");
}

/* CometBFT's own RPC is this machine's alone; a node that joins by a snapshot verifies headers through here. */
void post_cometbft(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_bytes answer;
    if (!visit_begin(&at, context, request, response, false)) return;
    assay_err err = comet_relay(at.v, &answer, request->arena, request->body);
    visit_end(&at);
    if (err == ASSAY_OK)
        response->body = answer;
    else
        assay_http_problem(request, response, err,
                           err == ASSAY_E_NOT_FOUND ? "the engine is not CometBFT"
                           : err == ASSAY_E_UNAUTHORIZED
                               ? "commit, validators, consensus_params, status and health alone"
                               : NULL);
}

/* ---- blocks -------------------------------------------------------------------------------------------------- */

/* What CometBFT told of a block when it was executed has neither all of its header nor its commit. */
static assay_err signed_header(assay_block *block, assay_commit *commit, validator *v, assay_arena *keep,
                               uint64_t height) {
    ASSAY_TRY(store_header_at(v, &block->header, keep, height));
    return store_commit_at(v, commit, keep, height);
}

/* Decoded into the request's memory, of which the upper half is scratch. */
static assay_err block_read(assay_block *out, assay_commit *commit, assay_store_block *row, const visit *at,
                            assay_arena *keep, uint64_t height) {
    ASSAY_TRY(assay_store_get_block(row, at->snapshot, height));
    assay_arena scratch = assay_base_arena_split(keep);
    assay_err err = archive_block(at->v, out, keep, row->block, scratch);
    if (err == ASSAY_OK && at->v->comet) {
        keep->end = scratch.end;
        return commit ? signed_header(out, commit, at->v, keep, height) : ASSAY_OK;
    }
    assay_store_block next;
    assay_block next_block;
    /* The commit that the chain itself carries, in the next block; only the newest block has but the one that this
     * validator saw. */
    if (err == ASSAY_OK && commit && assay_store_get_block(&next, at->snapshot, height + 1) == ASSAY_OK) {
        err = assay_block_decode(&next_block, keep, next.block, scratch);
        *commit = next_block.last_commit;
    } else if (err == ASSAY_OK && commit) {
        err = assay_commit_decode(commit, keep, row->commit);
    }
    keep->end = scratch.end;
    return err == ASSAY_OK || err == ASSAY_F_MEMORY ? err : ASSAY_F_CORRUPT;
}

void get_blocks(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    uint64_t first = 0, last = 0, before = UINT64_MAX;
    uint32_t limit;
    assay_err err = query_number(request, "before", &before);
    if (err == ASSAY_OK) err = page_limit(request, &limit, 50, 200);
    if (err == ASSAY_OK) err = assay_store_heights(&first, &last, at.snapshot);
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 1 << 20);
    assay_json_object(&json, NULL);
    assay_json_array(&json, "blocks");
    for (uint64_t height = before <= last ? before - (before > 0) : last;
         err == ASSAY_OK && limit && height >= first && height > 0; height--, limit--) {
        assay_arena turn = *request->arena;
        assay_block block;
        assay_store_block row;
        err = block_read(&block, NULL, &row, &at, &turn, height);
        if (err != ASSAY_OK) break;
        assay_json_object(&json, NULL);
        assay_json_u64(&json, "height", height);
        assay_json_hex(&json, "hash", assay_base_hash_bytes(&row.hash));
        assay_json_time(&json, "time", block.header.time);
        assay_json_address(&json, "proposer", block.header.proposer);
        assay_json_u64(&json, "txs", block.txs_count);
        assay_json_u64(&json, "evidence", block.evidence_count);
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    visit_end(&at);
    if (err != ASSAY_OK)
        assay_http_problem(request, response, err, NULL);
    else
        assay_http_json_done(request, response, &json);
}

static assay_err light_block(const visit *at, const assay_block *block, const assay_commit *commit, uint64_t height,
                             assay_arena *keep, assay_bytes *out) {
    assay_bytes encoded;
    uint64_t from;
    assay_validator_set set;
    ASSAY_TRY(assay_store_get_validators(&encoded, &from, at->snapshot, height));
    ASSAY_TRY(assay_validators_decode(&set, keep, encoded));
    size_t cap = 4096 + (size_t)set.count * 400;
    assay_buf buf = {ASSAY_NEW(keep, uint8_t, cap), 0, cap};
    if (!buf.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_light_block_encode(&buf, &block->header, commit, &set));
    *out = (assay_bytes){buf.ptr, buf.len};
    return ASSAY_OK;
}

static void block_json(assay_json *json, const assay_block *block, const assay_commit *commit,
                       const assay_store_block *row) {
    const assay_header *h = &block->header;
    uint32_t signers = 0;
    for (uint32_t i = 0; i < commit->sigs_count; i++) signers += commit->sigs[i].flag == ASSAY_FLAG_COMMIT;
    assay_json_object(json, NULL);
    assay_json_u64(json, "height", row->height);
    assay_json_hex(json, "hash", assay_base_hash_bytes(&row->hash));
    assay_json_time(json, "time", h->time);
    assay_json_text(json, "chain_id", h->chain_id);
    assay_json_address(json, "proposer", h->proposer);
    assay_json_hex(json, "app_hash", assay_base_hash_bytes(&h->app_hash));
    assay_json_hex(json, "last_block_hash", assay_base_hash_bytes(&h->last_block_id.hash));
    assay_json_hex(json, "validators_hash", assay_base_hash_bytes(&h->validators_hash));
    assay_json_hex(json, "next_validators_hash", assay_base_hash_bytes(&h->next_validators_hash));
    assay_json_hex(json, "data_hash", assay_base_hash_bytes(&h->data_hash));
    assay_json_u64(json, "size", row->block.len);
    assay_json_array(json, "transactions");
    for (uint32_t i = 0; i < block->txs_count; i++) {
        assay_hash id = assay_tx_id(block->txs[i]);
        assay_json_hex(json, NULL, assay_base_hash_bytes(&id));
    }
    assay_json_close(json, ']');
    assay_json_array(json, "evidence");
    for (uint32_t i = 0; i < block->evidence_count; i++) {
        const assay_duplicate_vote *e = &block->evidence[i];
        assay_json_object(json, NULL);
        assay_json_str(json, "kind", "double-vote");
        assay_json_address(json, "validator", e->vote_a.validator);
        assay_json_i64(json, "height", e->vote_a.height);
        assay_json_i64(json, "round", e->vote_a.round);
        assay_json_str(json, "step", e->vote_a.type == ASSAY_PREVOTE ? "prevote" : "precommit");
        assay_json_hex(json, "block_a", assay_base_hash_bytes(&e->vote_a.block_id.hash));
        assay_json_hex(json, "block_b", assay_base_hash_bytes(&e->vote_b.block_id.hash));
        assay_json_close(json, '}');
    }
    assay_json_close(json, ']');
    assay_json_object(json, "commit");
    assay_json_i64(json, "round", commit->round);
    assay_json_u64(json, "validators", commit->sigs_count);
    assay_json_u64(json, "signed", signers);
    assay_json_close(json, '}');
    assay_json_close(json, '}');
}

void get_block(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, true)) return;
    uint64_t first, last, height = 0;
    assay_block block;
    assay_commit commit;
    assay_store_block row;
    assay_bytes format = {NULL, 0}, light;
    assay_err err = assay_store_heights(&first, &last, at.snapshot);
    if (err == ASSAY_OK && assay_base_bytes_eq(request->params[0], ASSAY_STR("latest")))
        height = last;
    else if (err == ASSAY_OK)
        err = path_number(&height, request->params[0]);
    if (err == ASSAY_OK && (height < 1 || height > last)) err = ASSAY_E_NOT_FOUND;
    if (err == ASSAY_OK) err = block_read(&block, &commit, &row, &at, request->arena, height);
    bool asked = assay_http_query(request, "format", &format);
    bool proto = asked && assay_base_bytes_eq(format, ASSAY_STR("proto"));
    if (err == ASSAY_OK && asked && !proto && !assay_base_bytes_eq(format, ASSAY_STR("json"))) err = ASSAY_E_ENCODING;
    if (err == ASSAY_OK && proto) {
        err = light_block(&at, &block, &commit, height, request->arena, &light);
        response->content_type = "application/octet-stream";
        response->body = light;
    } else if (err == ASSAY_OK) {
        assay_buf buf;
        assay_json json =
            assay_http_json(request, &buf, 4096 + (size_t)block.txs_count * 70 + (size_t)block.evidence_count * 1024);
        block_json(&json, &block, &commit, &row);
        assay_http_json_done(request, response, &json);
    }
    visit_end(&at);
    if (err != ASSAY_OK) assay_http_problem(request, response, err, NULL);
}
