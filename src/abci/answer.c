/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request's bytes to its response's. Each method is one function; the table below says which. */
#include "messages_internal.h"

#include <string.h>

#define CODESPACE ASSAY_STR("assay")
#define MISBEHAVIOR_DUPLICATE_VOTE 1
#define MISBEHAVIOR_LIGHT_CLIENT_ATTACK 2
#define PROPOSAL_ACCEPT 1
#define PROPOSAL_REJECT 2

/* One request being answered: what it asks, and where its answer comes together. */
typedef struct call {
    const assay_abci_app *app;
    const abci_request *request;
    abci_response response;
    assay_arena *keep;
} call;

/* ---- translation ------------------------------------------------------------------------------------------------- */

static assay_err updates_of(abci_validator_update **out, assay_arena *keep, const assay_engine_power *powers,
                            uint32_t count) {
    abci_validator_update *updates = ASSAY_NEW(keep, abci_validator_update, count + 1);
    if (!updates) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        if (powers[i].power > INT64_MAX) return ASSAY_E_RANGE;
        updates[i].pub_key.ed25519 = (assay_bytes){powers[i].public_key.b, sizeof powers[i].public_key.b};
        updates[i].power = (int64_t)powers[i].power;
    }
    *out = updates;
    return ASSAY_OK;
}

static assay_err commit_of(assay_engine_block *out, assay_arena *keep, const abci_commit_info *commit) {
    assay_engine_vote_info *votes = ASSAY_NEW(keep, assay_engine_vote_info, commit->votes_count + 1);
    if (!votes) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < commit->votes_count; i++) {
        const abci_vote_info *v = &commit->votes[i];
        if (v->validator.power < 0 || v->block_id_flag < 0) return ASSAY_E_RANGE;
        votes[i] =
            (assay_engine_vote_info){v->validator.address, (uint64_t)v->validator.power, (uint32_t)v->block_id_flag};
    }
    out->last_commit = votes;
    out->last_commit_count = commit->votes_count;
    out->last_commit_round = commit->round;
    return ASSAY_OK;
}

/* Of both kinds CometBFT has proven that the validator signed two blocks of one height (of a light client attack, that
 * it signed the forged one's commit), and tells no round. What it could not prove, it does not name. */
static assay_err misbehavior_of(assay_engine_block *out, assay_arena *keep, const abci_request_block *request) {
    uint32_t count = request->misbehavior_count;
    assay_engine_misbehavior *list = ASSAY_NEW(keep, assay_engine_misbehavior, count + 1);
    if (!list) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        const abci_misbehavior *m = &request->misbehavior[i];
        bool known = m->type == MISBEHAVIOR_DUPLICATE_VOTE || m->type == MISBEHAVIOR_LIGHT_CLIENT_ATTACK;
        if (!known || m->height <= 0 || m->validator.power < 0 || m->total_voting_power < 0) return ASSAY_E_RANGE;
        list[i] = (assay_engine_misbehavior){.validator = m->validator.address,
                                             .power = (uint64_t)m->validator.power,
                                             .height = m->height,
                                             .round = -1,
                                             .time = m->time,
                                             .total_power = (uint64_t)m->total_voting_power};
    }
    out->misbehavior = list;
    out->misbehavior_count = count;
    return ASSAY_OK;
}

static assay_err block_of(assay_engine_block *out, assay_arena *keep, const abci_request_block *request) {
    if (request->height <= 0 || request->txs_count > ASSAY_BLOCK_TXS_MAX) return ASSAY_E_RANGE;
    *out = (assay_engine_block){.height = request->height,
                                .time = request->time,
                                .hash = request->hash,
                                .proposer = request->proposer_address,
                                .next_validators_hash = request->next_validators_hash,
                                .txs = request->txs,
                                .txs_count = request->txs_count};
    ASSAY_TRY(misbehavior_of(out, keep, request));
    return commit_of(out, keep, &request->last_commit);
}

/* A response, or part of one, in the arena. */
#define ANSWER(c, member, type) ((c)->response.member = ASSAY_NEW((c)->keep, type, 1))

/* ---- any connection ---------------------------------------------------------------------------------------------- */

static assay_err echo(call *c) {
    abci_text *answer = ANSWER(c, echo, abci_text);
    if (!answer) return ASSAY_F_MEMORY;
    answer->text = c->request->echo->text;
    return ASSAY_OK;
}

static assay_err flush(call *c) { return ANSWER(c, flush, abci_empty) ? ASSAY_OK : ASSAY_F_MEMORY; }

static assay_err info(call *c) {
    abci_response_info *answer = ANSWER(c, info, abci_response_info);
    if (!answer) return ASSAY_F_MEMORY;
    assay_engine_info out;
    ASSAY_TRY(c->app->engine.info(c->app->engine.context, &out));
    *answer = (abci_response_info){.data = ASSAY_STR("assay"),
                                   .version = ASSAY_STR("1"),
                                   .app_version = out.app_version,
                                   .last_block_height = (int64_t)out.last_height,
                                   .last_block_app_hash = out.last_app_hash};
    /* Before the first block CometBFT wants none: it is in the genesis that InitChain answers. */
    if (out.last_height == 0) answer->last_block_app_hash = (assay_hash){0};
    return ASSAY_OK;
}

/* ---- consensus --------------------------------------------------------------------------------------------------- */

static assay_err genesis_of(assay_bytes *out, assay_arena *keep, assay_bytes text) {
    while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == ' ')) text.len--;
    if (text.len < 2 || text.ptr[0] != '"' || text.ptr[text.len - 1] != '"') return ASSAY_E_ENCODING;
    return assay_codec_base64_get(out, keep, (assay_bytes){text.ptr + 1, text.len - 2});
}

static assay_err init_chain(call *c) {
    const abci_request_init_chain *r = c->request->init_chain;
    abci_response_init_chain *answer = ANSWER(c, init_chain, abci_response_init_chain);
    if (!answer) return ASSAY_F_MEMORY;
    if (r->initial_height != 1) return ASSAY_E_RANGE;
    assay_engine_init request = {.time = r->time, .chain_id = r->chain_id, .initial_height = 1};
    ASSAY_TRY(genesis_of(&request.genesis, c->keep, r->app_state_bytes));
    assay_engine_init_result result;
    ASSAY_TRY(c->app->engine.init_chain(c->app->engine.context, &result, c->keep, &request));
    ASSAY_TRY(updates_of(&answer->validators, c->keep, result.validators, result.validators_count));
    answer->validators_count = result.validators_count;
    answer->app_hash = result.app_hash;
    return ASSAY_OK;
}

static assay_err prepare_proposal(call *c) {
    const abci_request_block *r = c->request->prepare_proposal;
    abci_response_prepare *answer = ANSWER(c, prepare_proposal, abci_response_prepare);
    if (!answer) return ASSAY_F_MEMORY;
    if (r->max_tx_bytes < 0) return ASSAY_E_RANGE;
    /* CometBFT hands over all that waits. What lies behind a block's worth waits for the next one. */
    abci_request_block bounded = *r;
    if (bounded.txs_count > ASSAY_BLOCK_TXS_MAX) bounded.txs_count = ASSAY_BLOCK_TXS_MAX;
    assay_engine_block block;
    ASSAY_TRY(block_of(&block, c->keep, &bounded));
    return c->app->engine.prepare_proposal(c->app->engine.context, &answer->txs, &answer->txs_count, c->keep, &block,
                                           (uint64_t)r->max_tx_bytes);
}

static assay_err process_proposal(call *c) {
    abci_response_code *answer = ANSWER(c, process_proposal, abci_response_code);
    if (!answer) return ASSAY_F_MEMORY;
    assay_engine_block block;
    bool accept = false;
    answer->value = PROPOSAL_REJECT;
    /* Bytes alone do not bound the work: two make an empty transaction. Nobody honest proposes so many. */
    if (c->request->process_proposal->txs_count > ASSAY_BLOCK_TXS_MAX) return ASSAY_OK;
    ASSAY_TRY(block_of(&block, c->keep, c->request->process_proposal));
    ASSAY_TRY(c->app->engine.process_proposal(c->app->engine.context, &accept, &block));
    if (accept) answer->value = PROPOSAL_ACCEPT;
    return ASSAY_OK;
}

static assay_err finalize_block(call *c) {
    abci_response_finalize *answer = ANSWER(c, finalize_block, abci_response_finalize);
    if (!answer) return ASSAY_F_MEMORY;
    assay_engine_block block;
    assay_engine_finalized out;
    ASSAY_TRY(block_of(&block, c->keep, c->request->finalize_block));
    ASSAY_TRY(c->app->engine.finalize_block(c->app->engine.context, &out, c->keep, &block));
    ASSAY_ASSERT(out.results_count == block.txs_count); /* CometBFT stops at any other number */
    answer->tx_results = ASSAY_NEW(c->keep, abci_tx_result, out.results_count + 1);
    if (!answer->tx_results) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < out.results_count; i++) {
        const assay_tx_result *r = &out.results[i];
        answer->tx_results[i] =
            (abci_tx_result){.code = r->code, .data = r->data, .gas_wanted = r->gas_wanted, .gas_used = r->gas_used};
        if (!r->code) continue;
        answer->tx_results[i].codespace = CODESPACE;
        answer->tx_results[i].log = assay_base_bytes_str(assay_base_err_text((assay_err)r->code));
    }
    answer->tx_results_count = out.results_count;
    ASSAY_TRY(updates_of(&answer->validator_updates, c->keep, out.updates, out.updates_count));
    answer->validator_updates_count = out.updates_count;
    answer->app_hash = out.app_hash;
    return ASSAY_OK;
}

static assay_err commit(call *c) {
    abci_response_commit *answer = ANSWER(c, commit, abci_response_commit);
    if (!answer) return ASSAY_F_MEMORY;
    uint64_t retain = 0;
    ASSAY_TRY(c->app->engine.commit(c->app->engine.context, &retain));
    answer->retain_height = (int64_t)retain;
    return ASSAY_OK;
}

/* CometBFT asks for extensions only from a height that the genesis names; ours names none. */
static assay_err extension(call *c) {
    (void)c;
    return ASSAY_E_GRAMMAR;
}

/* ---- mempool, query ---------------------------------------------------------------------------------------------- */

static assay_err check_tx(call *c) {
    abci_tx_result *answer = ANSWER(c, check_tx, abci_tx_result);
    if (!answer) return ASSAY_F_MEMORY;
    assay_err err = c->app->engine.check_tx(c->app->engine.context, c->request->check_tx->tx);
    if (err == ASSAY_OK) return ASSAY_OK;
    if (assay_base_err_is_fault(err)) return err;
    *answer = (abci_tx_result){
        .code = (uint32_t)err, .log = assay_base_bytes_str(assay_base_err_text(err)), .codespace = CODESPACE};
    return ASSAY_OK;
}

static assay_err query(call *c) {
    abci_response_query *answer = ANSWER(c, query, abci_response_query);
    abci_proof_ops *proof = ASSAY_NEW(c->keep, abci_proof_ops, 1);
    if (!answer || !proof) return ASSAY_F_MEMORY;
    if (c->request->query->height < 0) return ASSAY_E_RANGE;
    assay_abci_query_result out = {0};
    assay_err err =
        c->app->query ? c->app->query(c->app->context, &out, c->keep, c->request->query) : ASSAY_E_NOT_FOUND;
    if (assay_base_err_is_fault(err)) return err;
    if (err != ASSAY_OK) {
        *answer = (abci_response_query){
            .code = (uint32_t)err, .log = assay_base_bytes_str(assay_base_err_text(err)), .codespace = CODESPACE};
        return ASSAY_OK;
    }
    *answer = (abci_response_query){.key = out.key, .value = out.value, .height = out.height};
    if (!out.proof_count) return ASSAY_OK;
    *proof = (abci_proof_ops){out.proof, out.proof_count};
    answer->proof_ops = proof;
    return ASSAY_OK;
}

/* ---- snapshots --------------------------------------------------------------------------------------------------- */

static assay_err list_snapshots(call *c) {
    abci_response_list *answer = ANSWER(c, list_snapshots, abci_response_list);
    if (!answer) return ASSAY_F_MEMORY;
    if (!c->app->snapshots_list) return ASSAY_OK;
    return c->app->snapshots_list(c->app->context, &answer->snapshots, &answer->snapshots_count, c->keep);
}

static assay_err load_snapshot_chunk(call *c) {
    const abci_request_load *r = c->request->load_snapshot_chunk;
    abci_text *answer = ANSWER(c, load_snapshot_chunk, abci_text);
    if (!answer) return ASSAY_F_MEMORY;
    if (!c->app->snapshot_load) return ASSAY_OK;
    assay_err err = c->app->snapshot_load(c->app->context, &answer->text, c->keep, r->height, r->format, r->chunk);
    if (assay_base_err_is_fault(err)) return err;
    if (err != ASSAY_OK) answer->text = (assay_bytes){NULL, 0}; /* empty: CometBFT's "not here" */
    return ASSAY_OK;
}

static assay_err offer_snapshot(call *c) {
    const abci_request_offer *r = c->request->offer_snapshot;
    abci_response_code *answer = ANSWER(c, offer_snapshot, abci_response_code);
    if (!answer) return ASSAY_F_MEMORY;
    if (!r->snapshot) return ASSAY_E_ENCODING;
    assay_abci_offer out = ASSAY_ABCI_OFFER_REJECT;
    if (c->app->snapshot_offer) ASSAY_TRY(c->app->snapshot_offer(c->app->context, &out, r->snapshot, r->app_hash));
    answer->value = (uint32_t)out;
    return ASSAY_OK;
}

static assay_err apply_snapshot_chunk(call *c) {
    const abci_request_apply *r = c->request->apply_snapshot_chunk;
    abci_response_apply *answer = ANSWER(c, apply_snapshot_chunk, abci_response_apply);
    if (!answer) return ASSAY_F_MEMORY;
    assay_abci_apply out = ASSAY_ABCI_APPLY_ABORT;
    if (c->app->snapshot_apply) ASSAY_TRY(c->app->snapshot_apply(c->app->context, &out, r->index, r->chunk));
    answer->value = (uint32_t)out;
    if (out != ASSAY_ABCI_APPLY_RETRY) return ASSAY_OK;
    /* By itself that word brings the same bytes again, at once and for ever: CometBFT keeps what it fetched. */
    answer->refetch = ASSAY_NEW(c->keep, uint64_t, 1);
    answer->reject = ASSAY_NEW(c->keep, assay_bytes, 1);
    if (!answer->refetch || !answer->reject) return ASSAY_F_MEMORY;
    answer->refetch[answer->refetch_count++] = r->index;
    if (r->sender.len) answer->reject[answer->reject_count++] = r->sender;
    return ASSAY_OK;
}

/* ---- one request ------------------------------------------------------------------------------------------------- */

/* In the order of abci_request's members. */
static const struct {
    uint32_t number;
    assay_abci_lane lane;
    assay_err (*answer)(call *c);
} methods[] = {
    {1, ASSAY_ABCI_ANY, echo},
    {2, ASSAY_ABCI_ANY, flush},
    {3, ASSAY_ABCI_ANY, info},
    {5, ASSAY_ABCI_CONSENSUS, init_chain},
    {6, ASSAY_ABCI_QUERY, query},
    {8, ASSAY_ABCI_MEMPOOL, check_tx},
    {11, ASSAY_ABCI_CONSENSUS, commit},
    {12, ASSAY_ABCI_SNAPSHOT, list_snapshots},
    {13, ASSAY_ABCI_SNAPSHOT, offer_snapshot},
    {14, ASSAY_ABCI_SNAPSHOT, load_snapshot_chunk},
    {15, ASSAY_ABCI_SNAPSHOT, apply_snapshot_chunk},
    {16, ASSAY_ABCI_CONSENSUS, prepare_proposal},
    {17, ASSAY_ABCI_CONSENSUS, process_proposal},
    {18, ASSAY_ABCI_CONSENSUS, extension},
    {19, ASSAY_ABCI_CONSENSUS, extension},
    {20, ASSAY_ABCI_CONSENSUS, finalize_block},
};
enum { METHODS = sizeof methods / sizeof *methods };
_Static_assert(sizeof(abci_request) == METHODS * sizeof(void *), "a pointer for each method, and nothing else");

assay_abci_lane assay_abci_lane_of(assay_bytes frame) {
    uint64_t key;
    if (assay_codec_get_varint(&key, &frame, ASSAY_CODEC_COMET) != ASSAY_OK) return ASSAY_ABCI_ANY;
    for (uint32_t i = 0; i < METHODS; i++)
        if (key == ((uint64_t)methods[i].number << 3 | 2)) return methods[i].lane;
    return ASSAY_ABCI_ANY;
}

assay_bytes assay_abci_check_tx_of(assay_bytes frame) {
    const assay_bytes none = {NULL, 0};
    assay_bytes inner, tx;
    uint64_t key, wanted;
    if (assay_abci_lane_of(frame) != ASSAY_ABCI_MEMPOOL) return none;
    if (assay_codec_get_varint(&key, &frame, ASSAY_CODEC_COMET) != ASSAY_OK) return none;
    if (assay_codec_get_delimited(&inner, &wanted, &frame, ASSAY_ABCI_FRAME_LEN_MAX) != ASSAY_OK || !inner.ptr)
        return none;
    if (assay_codec_get_varint(&key, &inner, ASSAY_CODEC_COMET) != ASSAY_OK || key != (1 << 3 | 2)) return none;
    if (assay_codec_get_delimited(&tx, &wanted, &inner, ASSAY_ABCI_FRAME_LEN_MAX) != ASSAY_OK || !tx.ptr) return none;
    return tx;
}

/* The one method that is asked for; METHODS if there is none, or more. */
static uint32_t method_of(const abci_request *request) {
    void *asked[METHODS];
    memcpy(asked, request, sizeof asked);
    uint32_t found = METHODS;
    for (uint32_t i = 0; i < METHODS; i++) {
        if (!asked[i]) continue;
        if (found != METHODS) return METHODS;
        found = i;
    }
    return found;
}

static assay_err run(call *c, bool *is_flush, assay_bytes frame) {
    abci_request *request = ASSAY_NEW(c->keep, abci_request, 1);
    if (!request) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_codec_decode(request, c->keep, &assay_abci_request_message, frame, ASSAY_CODEC_COMET));
    c->request = request;
    uint32_t method = method_of(request);
    if (method == METHODS) return ASSAY_E_ENCODING;
    *is_flush = request->flush != NULL;
    return methods[method].answer(c);
}

assay_err assay_abci_answer(assay_buf *out, bool *flush_out, const assay_abci_app *app, assay_bytes frame,
                            assay_arena scratch) {
    call c = {.app = app, .keep = &scratch};
    *flush_out = false;
    assay_err err = run(&c, flush_out, frame);
    if (err == ASSAY_OK)
        err = assay_codec_encode_delimited(out, &assay_abci_response_message, &c.response, ASSAY_CODEC_COMET);
    if (err == ASSAY_OK) return ASSAY_OK;
    *flush_out = false;
    abci_text reason = {assay_base_bytes_str(assay_base_err_text(err))};
    abci_response exception = {.exception = &reason};
    assay_err unsaid = assay_codec_encode_delimited(out, &assay_abci_response_message, &exception, ASSAY_CODEC_COMET);
    return unsaid == ASSAY_OK ? err : ASSAY_F_MEMORY;
}

assay_err assay_abci_genesis(assay_buf *out, assay_bytes genesis) {
    size_t before = out->len;
    assay_err err = assay_base_buf_put(out, ASSAY_STR("\""));
    if (err == ASSAY_OK) err = assay_codec_base64_put(out, genesis);
    if (err == ASSAY_OK) err = assay_base_buf_put(out, ASSAY_STR("\""));
    if (err != ASSAY_OK) out->len = before;
    return err;
}
