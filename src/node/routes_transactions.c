/* SPDX-License-Identifier: Apache-2.0
 *
 * routes_transactions - handing transactions in, what became of them, and accounts.
 */
#include "routes_internal.h"

#include "ledger/accounts/accounts.h"
#include "ledger/staking/staking.h"

#define WAIT_NS 10000000000ull
#define SLICE_NS 100000000ull

/* Until the deadline, in slices: a server that stops does not wait for a block that may never come. */
static bool await(submission *s, const assay_http_request *request, uint64_t deadline) {
    for (uint64_t now = assay_os_monotonic_ns(); now < deadline; now = assay_os_monotonic_ns()) {
        if (assay_http_stopping(request)) return false;
        if (submission_wait(s, now + SLICE_NS < deadline ? now + SLICE_NS : deadline)) return true;
    }
    return submission_wait(s, 0);
}

/* What became of a transaction, as far as we waited. */
typedef struct outcome {
    assay_hash id;
    assay_err err;
    uint64_t height; /* 0: in no block */
    uint32_t index;
} outcome;

static assay_err hand_in(outcome *out, const assay_http_request *request, assay_http_response *response, void *context,
                         bool final) {
    visit at;
    if (!visit_begin(&at, context, request, response, false)) return ASSAY_F_BUSY;
    submission *s = submission_new(final);
    if (s) validator_submit(at.v, request->body, s);
    visit_end(&at); /* a wait does not hold up a validator that is being stopped */
    *out = (outcome){.id = assay_tx_id(request->body), .err = ASSAY_F_TIMEOUT};
    if (!s) {
        out->err = ASSAY_F_MEMORY;
    } else if (await(s, request, assay_os_monotonic_ns() + WAIT_NS)) {
        out->err = s->err;
        out->height = s->height;
        out->index = s->index;
    }
    submission_drop(s);
    return ASSAY_OK;
}

static void outcome_json(assay_json *json, const outcome *o) {
    assay_json_hex(json, "id", assay_base_hash_bytes(&o->id));
    if (!o->height) return;
    assay_json_u64(json, "height", o->height);
    assay_json_u64(json, "index", o->index);
}

static void outcome_answer(const outcome *o, const assay_http_request *request, assay_http_response *response) {
    assay_buf buf;
    assay_json json;
    if (o->err == ASSAY_OK) {
        json = assay_http_json(request, &buf, 4096);
        assay_json_object(&json, NULL);
        outcome_json(&json, o);
        if (o->height) assay_json_str(&json, "code", assay_base_err_code(o->err));
        assay_json_close(&json, '}');
        assay_http_json_done(request, response, &json);
        if (!response->status && !o->height) response->status = 202;
    } else if (o->height || o->err == ASSAY_F_TIMEOUT) {
        /* In a block, and refused there: the fee is gone, nothing else happened. */
        uint32_t status = o->height ? 409 : 504;
        json =
            problem_begin(request, &buf, status, o->err,
                          o->height ? "a block holds it and refused it" : "not final yet; it may still become final");
        outcome_json(&json, o);
        problem_end(request, response, &json, status);
    } else {
        assay_http_problem(request, response, o->err, NULL);
    }
}

void post_transaction(void *context, const assay_http_request *request, assay_http_response *response) {
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
    outcome o;
    assay_arena scratch = *request->arena;
    assay_err err = assay_tx_decode(&tx, &body, &scratch, request->body);
    if (err != ASSAY_OK)
        assay_http_problem(request, response, err, "the body is no transaction");
    else if (hand_in(&o, request, response, context, final) == ASSAY_OK)
        outcome_answer(&o, request, response);
}

#define BATCH_MAX 8192

/* All of it is looked at before anything is handed in: a body that is cut short changes nothing. */
static assay_err batch_read(assay_bytes **out, uint32_t *count, assay_arena *keep, assay_bytes rest) {
    assay_bytes *txs = ASSAY_NEW(keep, assay_bytes, BATCH_MAX);
    if (!txs) return ASSAY_F_MEMORY;
    for (*count = 0; rest.len; ++*count) {
        uint64_t len;
        ASSAY_TRY(assay_codec_get_varint(&len, &rest, ASSAY_CODEC_STRICT));
        if (len > rest.len || len == 0) return ASSAY_E_ENCODING;
        if (*count == BATCH_MAX) return ASSAY_E_SIZE;
        txs[*count] = (assay_bytes){rest.ptr, (size_t)len};
        rest.ptr += len;
        rest.len -= (size_t)len;
    }
    *out = txs;
    return *count ? ASSAY_OK : ASSAY_E_ENCODING;
}

void post_transactions(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_bytes *txs;
    uint32_t count = 0, admitted = 0;
    assay_err err = batch_read(&txs, &count, request->arena, request->body);
    submission **list = ASSAY_NEW(request->arena, submission *, count);
    if (err == ASSAY_OK && !list) err = ASSAY_F_MEMORY;
    if (err != ASSAY_OK) {
        assay_http_problem(request, response, err,
                           "the body is a row of 1 to 8192 transactions, each after its length as a varint");
        return;
    }
    if (!visit_begin(&at, context, request, response, false)) return;
    for (uint32_t i = 0; i < count; i++)
        if ((list[i] = submission_new(false)) != NULL) validator_submit(at.v, txs[i], list[i]);
    visit_end(&at);
    assay_buf buf;
    assay_json json = assay_http_json(request, &buf, 256 + (size_t)count * 48);
    assay_json_object(&json, NULL);
    assay_json_array(&json, "refused");
    uint64_t deadline = assay_os_monotonic_ns() + WAIT_NS; /* for all of them together */
    /* They are answered in order: when the last one is, so are the others, and this thread wakes once. */
    if (list[count - 1]) (void)await(list[count - 1], request, deadline);
    for (uint32_t i = 0; i < count; i++) {
        assay_err one = !list[i] ? ASSAY_F_MEMORY : await(list[i], request, deadline) ? list[i]->err : ASSAY_F_TIMEOUT;
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
    assay_http_json_done(request, response, &json);
    if (!response->status) response->status = 202;
}

/* ---- one transaction ----------------------------------------------------------------------------------------- */

/* A block may hold a transaction whose names are no names (that is why it failed) and not even text. */
static void name_json(assay_json *json, assay_bytes name) {
    if (assay_types_name_check(name) == ASSAY_OK)
        assay_json_text(json, "name", name);
    else
        assay_json_null(json, "name");
}

static void ref_json(assay_json *json, assay_bytes name, assay_bytes version) {
    name_json(json, name);
    if (assay_types_version_check(version) == ASSAY_OK)
        assay_json_text(json, "version", version);
    else
        assay_json_null(json, "version");
}

static void stake_json(assay_json *json, assay_address with, uint64_t amount) {
    assay_json_address(json, "validator", with);
    assay_json_amount(json, "amount", amount);
}

static void message_json(assay_json *json, const assay_tx_body *b) {
    assay_json_object(json, "message");
    if (b->send) {
        assay_json_address(json, "to", b->send->to);
        assay_json_amount(json, "amount", b->send->amount);
    }
    if (b->validator_create) assay_json_amount(json, "self_bond", b->validator_create->self_bond);
    if (b->delegate) stake_json(json, b->delegate->validator, b->delegate->amount);
    if (b->undelegate) stake_json(json, b->undelegate->validator, b->undelegate->amount);
    if (b->unjail) assay_json_address(json, "validator", b->unjail->validator);
    if (b->register_version) {
        ref_json(json, b->register_version->name, b->register_version->version);
        assay_json_hex(json, "root", assay_base_hash_bytes(&b->register_version->root));
        assay_json_u64(json, "size", b->register_version->size);
    }
    if (b->deprecate) ref_json(json, b->deprecate->name, b->deprecate->version);
    if (b->revoke) ref_json(json, b->revoke->name, b->revoke->version);
    if (b->maintainers) name_json(json, b->maintainers->name);
    if (b->check) {
        ref_json(json, b->check->name, b->check->version);
        assay_json_hex(json, "custody_root", assay_base_hash_bytes(&b->check->custody_root));
    }
    if (b->opening) {
        ref_json(json, b->opening->name, b->opening->version);
        assay_json_u64(json, "entries", b->opening->entries_count);
    }
    if (b->report) {
        ref_json(json, b->report->name, b->report->version);
        assay_json_address(json, "sender", b->report->sender);
    }
    assay_json_close(json, '}');
}

static assay_err tx_json(assay_json *json, const assay_http_request *request, const visit *at, assay_hash id,
                         uint64_t height, uint32_t index) {
    assay_store_block row;
    assay_block block;
    tx_results results;
    assay_tx tx;
    assay_tx_body body;
    ASSAY_TRY(assay_store_get_block(&row, at->snapshot, height));
    assay_arena *keep = request->arena, scratch = assay_base_arena_split(keep);
    assay_err err = archive_block(at->v, &block, keep, row.block, scratch);
    keep->end = scratch.end;
    if (err == ASSAY_OK) err = assay_codec_decode(&results, keep, &tx_results_message, row.results, ASSAY_CODEC_STRICT);
    if (err == ASSAY_OK && (index >= block.txs_count || index >= results.codes_count || index >= results.burned_count))
        err = ASSAY_F_CORRUPT;
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
    if (err != ASSAY_OK)
        assay_http_problem(request, response, err, NULL);
    else
        assay_http_json_done(request, response, &json);
}

/* ---- accounts ------------------------------------------------------------------------------------------------ */

#define HOLDINGS_MAX 1000

void get_account(void *context, const assay_http_request *request, assay_http_response *response) {
    visit at;
    assay_address address;
    if (assay_codec_address_get(&address, request->params[0]) != ASSAY_OK) {
        assay_http_problem(request, response, ASSAY_E_ENCODING,
                           "an address looks like assay1..., 44 characters with a checksum");
        return;
    }
    if (!visit_begin(&at, context, request, response, true)) return;
    assay_accounts_account account;
    assay_staking_holding *rows;
    uint32_t count;
    assay_err err = assay_accounts_get(at.view, &account, address);
    if (err == ASSAY_OK)
        err = assay_staking_holdings(&rows, &count, request->arena, at.view, address, HOLDINGS_MAX + 1);
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
    assay_json_bool(&json, "more", count > HOLDINGS_MAX);
    if (count > HOLDINGS_MAX) count = HOLDINGS_MAX;
    for (int unbonding = 0; unbonding < 2; unbonding++) {
        assay_json_array(&json, unbonding ? "unbonding" : "delegations");
        for (uint32_t i = 0; i < count; i++) {
            if (rows[i].unbonding != (unbonding == 1)) continue;
            assay_json_object(&json, NULL);
            assay_json_address(&json, "validator", rows[i].validator);
            assay_json_amount(&json, "amount", rows[i].amount);
            if (unbonding)
                assay_json_u64(&json, "counted_until", rows[i].counted_until);
            else
                assay_json_amount(&json, "shares", rows[i].shares);
            assay_json_close(&json, '}');
        }
        assay_json_close(&json, ']');
    }
    assay_json_close(&json, '}');
    assay_http_json_done(request, response, &json);
}
