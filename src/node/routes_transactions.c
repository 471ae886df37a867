/* SPDX-License-Identifier: Apache-2.0
 *
 * routes_transactions - handing transactions in, what became of them, and accounts.
 */
#include "routes_internal.h"

#include "ledger/accounts/accounts.h"
#include "ledger/staking/staking.h"

#define WAIT_NS 10000000000ull
#define SLICE_NS 100000000ull

static bool await(submission *s, const assay_http_request *request) {
    uint64_t deadline = assay_os_monotonic_ns() + WAIT_NS;
    for (uint64_t now = assay_os_monotonic_ns(); now < deadline; now = assay_os_monotonic_ns()) {
        if (assay_http_stopping(request)) return false;
        if (submission_wait(s, now + SLICE_NS < deadline ? now + SLICE_NS : deadline)) return true;
    }
    return false;
}

void post_transaction(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_bytes wait = ASSAY_STR("final");
    (void)assay_http_query(request, "wait", &wait);
    bool final = assay_base_bytes_eq(wait, ASSAY_STR("final"));
    if (!final && !assay_base_bytes_eq(wait, ASSAY_STR("admitted"))) {
        assay_http_problem(request, response, ASSAY_E_ENCODING, "wait is final or admitted");
        return;
    }
    /* Form first: what is no transaction at all takes no place in anybody's queue. */
    assay_tx tx;
    assay_tx_body body;
    assay_arena scratch = *request->arena;
    assay_err err = assay_tx_decode(&tx, &body, &scratch, request->body);
    if (err != ASSAY_OK) {
        assay_http_problem(request, response, err == ASSAY_F_MEMORY ? ASSAY_E_SIZE : err, "the body is no transaction");
        return;
    }
    if (!visit_begin(&at, context, request, response, false)) return;
    submission *s = submission_new(final);
    assay_hash id = assay_tx_id(request->body);
    if (s) validator_submit(at.v, request->body, s);
    visit_end(&at); /* a wait does not hold up a validator that is being stopped */
    bool done = s && await(s, request);
    err = !s ? ASSAY_F_MEMORY : done ? s->err : ASSAY_F_TIMEOUT;
    uint64_t height = done ? s->height : 0;
    uint32_t index = done ? s->index : 0;
    submission_drop(s);
    if (err != ASSAY_OK && !height) {
        assay_http_problem(request, response, err, err == ASSAY_F_TIMEOUT ? "not final yet; it may still become final" : NULL);
        return;
    }
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 4096);
    assay_json_object(&json, NULL);
    assay_json_hex(&json, "id", assay_base_hash_bytes(&id));
    if (height) {
        assay_json_u64(&json, "height", height);
        assay_json_u64(&json, "index", index);
        assay_json_str(&json, "code", assay_base_err_code(err));
        assay_json_str(&json, "result", assay_base_err_text(err));
    }
    assay_json_close(&json, '}');
    assay_http_json_done(request, response, &json);
    /* In a block, and refused there: the fee is gone, nothing else happened. */
    if (err != ASSAY_OK) response->status = 409;
    else if (!height) response->status = 202;
}

#define BATCH_MAX 8192

void post_transactions(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    if (!visit_begin(&at, context, request, response, false)) return;
    submission **list = ASSAY_NEW(request->arena, submission *, BATCH_MAX);
    assay_bytes rest = request->body;
    uint32_t count = 0, admitted = 0;
    assay_err err = list ? ASSAY_OK : ASSAY_F_MEMORY;
    while (err == ASSAY_OK && rest.len) {
        uint64_t len;
        err = assay_codec_get_varint(&len, &rest, ASSAY_CODEC_STRICT);
        if (err == ASSAY_OK && (len > rest.len || len == 0)) err = ASSAY_E_ENCODING;
        if (err == ASSAY_OK && count == BATCH_MAX) err = ASSAY_E_SIZE;
        if (err == ASSAY_OK && !(list[count] = submission_new(false))) err = ASSAY_F_MEMORY;
        if (err != ASSAY_OK) break;
        validator_submit(at.v, (assay_bytes){rest.ptr, (size_t)len}, list[count++]);
        rest.ptr += len;
        rest.len -= (size_t)len;
    }
    visit_end(&at);
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 256 + (size_t)count * 48);
    assay_json_object(&json, NULL);
    assay_json_array(&json, "refused");
    for (uint32_t i = 0; i < count; i++) {
        assay_err one = await(list[i], request) ? list[i]->err : ASSAY_F_TIMEOUT;
        submission_drop(list[i]);
        if (one == ASSAY_OK) {
            admitted++;
            continue;
        }
        assay_json_object(&json, NULL);
        assay_json_u64(&json, "index", i);
        assay_json_str(&json, "code", assay_base_err_code(one));
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    assay_json_u64(&json, "admitted", admitted);
    assay_json_close(&json, '}');
    if (err != ASSAY_OK) {
        assay_http_problem(request, response, err, "the body is a row of transactions, each after its length as a varint");
        return;
    }
    assay_http_json_done(request, response, &json);
    response->status = 202;
}

/* ---- one transaction ------------------------------------------------------------------------------------------------------------------------ */

static void ref_json(assay_json *json, assay_bytes name, assay_bytes version) {
    assay_json_text(json, "name", name);
    assay_json_text(json, "version", version);
}

static void message_json(assay_json *json, const assay_tx_body *b) {
    assay_json_object(json, "message");
    if (b->send) assay_json_address(json, "to", b->send->to), assay_json_amount(json, "amount", b->send->amount);
    if (b->validator_create) assay_json_amount(json, "self_bond", b->validator_create->self_bond);
    if (b->delegate) assay_json_address(json, "validator", b->delegate->validator), assay_json_amount(json, "amount", b->delegate->amount);
    if (b->undelegate) assay_json_address(json, "validator", b->undelegate->validator), assay_json_amount(json, "amount", b->undelegate->amount);
    if (b->unjail) assay_json_address(json, "validator", b->unjail->validator);
    if (b->register_version) {
        ref_json(json, b->register_version->name, b->register_version->version);
        assay_json_hex(json, "root", assay_base_hash_bytes(&b->register_version->root));
        assay_json_u64(json, "size", b->register_version->size);
    }
    if (b->deprecate) ref_json(json, b->deprecate->name, b->deprecate->version);
    if (b->revoke) ref_json(json, b->revoke->name, b->revoke->version);
    if (b->maintainers) assay_json_text(json, "name", b->maintainers->name);
    if (b->check) {
        ref_json(json, b->check->name, b->check->version);
        assay_json_hex(json, "custody_root", assay_base_hash_bytes(&b->check->custody_root));
    }
    if (b->opening) ref_json(json, b->opening->name, b->opening->version), assay_json_u64(json, "entries", b->opening->entries_count);
    if (b->report) ref_json(json, b->report->name, b->report->version), assay_json_address(json, "sender", b->report->sender);
    assay_json_close(json, '}');
}

static assay_err tx_json(assay_json *json, const assay_http_request *request, const visit *at, assay_hash id, uint64_t height, uint32_t index) {
    assay_store_block row;
    assay_block block;
    tx_results results;
    assay_tx tx;
    assay_tx_body body;
    ASSAY_TRY(assay_store_get_block(&row, at->snapshot, height));
    assay_arena *keep = request->arena, scratch = assay_base_arena_split(keep);
    assay_err err = assay_block_decode(&block, keep, row.block, scratch);
    keep->end = scratch.end;
    if (err == ASSAY_OK) err = assay_codec_decode(&results, keep, &tx_results_message, row.results, ASSAY_CODEC_STRICT);
    if (err == ASSAY_OK && (index >= block.txs_count || index >= results.codes_count || index >= results.burned_count)) err = ASSAY_F_CORRUPT;
    if (err != ASSAY_OK) return ASSAY_F_CORRUPT;
    assay_json_object(json, NULL);
    assay_json_hex(json, "id", assay_base_hash_bytes(&id));
    assay_json_u64(json, "height", height);
    assay_json_u64(json, "index", index);
    assay_json_str(json, "code", assay_base_err_code((assay_err)results.codes[index]));
    assay_json_str(json, "result", assay_base_err_text((assay_err)results.codes[index]));
    assay_json_amount(json, "fee_burned", results.burned[index]);
    assay_json_u64(json, "size", block.txs[index].len);
    if (assay_tx_decode(&tx, &body, keep, block.txs[index]) == ASSAY_OK) {
        assay_json_str(json, "kind", assay_tx_kind(&body));
        assay_json_address(json, "sender", assay_crypto_address(tx.public_key));
        assay_json_u64(json, "nonce", body.nonce);
        message_json(json, &body);
    }
    assay_json_close(json, '}');
    return ASSAY_OK;
}

void get_transaction(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_hash id;
    if (assay_base_unhex(id.b, sizeof id.b, request->params[0]) != ASSAY_OK) {
        assay_http_problem(request, response, ASSAY_E_ENCODING, "a transaction's id is 64 hex digits");
        return;
    }
    if (!visit_begin(&at, context, request, response, true)) return;
    uint64_t height;
    uint32_t index;
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 65536);
    assay_err err = assay_store_tx(&height, &index, at.snapshot, id);
    if (err == ASSAY_OK) err = tx_json(&json, request, &at, id, height, index);
    visit_end(&at);
    if (err != ASSAY_OK) assay_http_problem(request, response, err, NULL);
    else assay_http_json_done(request, response, &json);
}

/* ---- accounts --------------------------------------------------------------------------------------------------------------------------------- */

#define HOLDINGS_MAX 1000

void get_account(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_address address;
    if (assay_codec_address_get(&address, request->params[0]) != ASSAY_OK) {
        assay_http_problem(request, response, ASSAY_E_ENCODING, "an address looks like assay1..., 44 characters with a checksum");
        return;
    }
    if (!visit_begin(&at, context, request, response, true)) return;
    assay_accounts_account account;
    assay_staking_holding *rows;
    uint32_t count;
    assay_err err = assay_accounts_get(at.view, &account, address);
    if (err == ASSAY_OK) err = assay_staking_holdings(&rows, &count, request->arena, at.view, address, HOLDINGS_MAX);
    visit_end(&at);
    if (err != ASSAY_OK) {
        assay_http_problem(request, response, err, NULL);
        return;
    }
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 1 << 20);
    assay_json_object(&json, NULL);
    assay_json_address(&json, "address", address);
    assay_json_amount(&json, "balance", account.balance);
    assay_json_u64(&json, "nonce", account.nonce);
    for (int unbonding = 0; unbonding < 2; unbonding++) {
        assay_json_array(&json, unbonding ? "unbonding" : "delegations");
        for (uint32_t i = 0; i < count; i++) {
            if (rows[i].unbonding != (unbonding == 1)) continue;
            assay_json_object(&json, NULL);
            assay_json_address(&json, "validator", rows[i].validator);
            assay_json_amount(&json, "amount", rows[i].amount);
            if (unbonding) assay_json_u64(&json, "counted_until", rows[i].counted_until);
            else assay_json_amount(&json, "shares", rows[i].shares);
            assay_json_close(&json, '}');
        }
        assay_json_close(&json, ']');
    }
    assay_json_close(&json, '}');
    assay_http_json_done(request, response, &json);
}
