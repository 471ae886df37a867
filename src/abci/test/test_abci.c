/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames, requests and answers against what CometBFT's own package writes (spec/vectors/comet/abci_*.json), an
 * application that answers what the vectors' answers say, and what is no request. */
#include "../messages_internal.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static uint8_t memory[8 << 20], frame_memory[1 << 16], known_memory[1 << 16], out_memory[1 << 16];

static json_t *rows_of(const char *kind) {
    char path[512];
    snprintf(path, sizeof path, "%s/spec/vectors/comet/%s.json", ASSAY_SOURCE_DIR, kind);
    json_t *rows = json_load_file(path, 0, NULL);
    assert_non_null(rows);
    assert_true(json_array_size(rows) > 15);
    return rows;
}

static assay_bytes unhex(uint8_t *out, size_t cap, const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));
    assert_non_null(text);
    size_t len = strlen(text) / 2;
    assert_true(len <= cap);
    assert_int_equal(assay_base_unhex(out, len, assay_base_bytes_str(text)), ASSAY_OK);
    return (assay_bytes){out, len};
}

/* A row's frame, in frame_memory. */
static assay_bytes frame_of(const char *kind, const char *name) {
    json_t *rows = rows_of(kind);
    size_t i;
    json_t *row;
    assay_bytes found = {NULL, 0};
    json_array_foreach(rows, i, row) if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0) found =
        unhex(frame_memory, sizeof frame_memory, row, "frame");
    if (!found.ptr) fail_msg("%s has no %s", kind, name);
    json_decref(rows);
    return found;
}

/* ---- the application that the vectors speak of ------------------------------------------------------------------- */

typedef struct world {
    assay_err fails; /* what every call of the engine answers */
    bool fresh;      /* has no block yet */
    bool rejects;    /* proposals */
    unsigned calls;
    bool counts_only;
    assay_engine_block block; /* what was asked last */
    assay_engine_vote_info votes[4];
    assay_engine_misbehavior misbehavior[4];
    size_t tx_lens[4];
    assay_engine_init init;
    uint8_t genesis[16];
    assay_bytes tx;
    uint64_t max_bytes;
    assay_abci_query query;
    assay_abci_snapshot snapshot;
    assay_hash app_hash;
    uint64_t retain;
    uint32_t index;
} world;

static const assay_bytes none = {NULL, 0};

static assay_hash app_hash_of(void) {
    assay_hash hash;
    assay_bytes frame = frame_of("abci_response", "info");
    memcpy(hash.b, frame.ptr + frame.len - 32, 32); /* the last field of the last message */
    return hash;
}

static assay_err do_info(void *context, assay_engine_info *out) {
    world *w = context;
    w->calls++;
    *out = (assay_engine_info){.last_height = w->fresh ? 0 : 41, .app_version = 1, .last_app_hash = w->app_hash};
    return w->fails;
}

static void set_powers(assay_engine_power *out) {
    /* From the request: key 0 with power 7, key 1 with power 0. */
    abci_request request;
    assay_arena keep = assay_base_arena(known_memory, sizeof known_memory);
    assay_bytes frame, input = frame_of("abci_request", "init_chain");
    uint64_t wanted;
    assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &input, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
    assert_int_equal(assay_codec_decode(&request, &keep, &assay_abci_request_message, frame, ASSAY_CODEC_COMET),
                     ASSAY_OK);
    assert_int_equal(request.init_chain->validators_count, 2);
    for (int i = 0; i < 2; i++) {
        memcpy(out[i].public_key.b, request.init_chain->validators[i].pub_key.ed25519.ptr, 32);
        out[i].power = (uint64_t)request.init_chain->validators[i].power;
    }
}

static assay_engine_power powers[2];
static assay_tx_result results[] = {{.gas_used = 5}, {0}, {.gas_wanted = 3}};

static assay_err do_init(void *context, assay_engine_init_result *out, assay_arena *keep,
                         const assay_engine_init *request) {
    world *w = context;
    (void)keep;
    w->calls++;
    w->init = *request;
    assert_true(request->genesis.len <= sizeof w->genesis);
    memcpy(w->genesis, request->genesis.ptr, request->genesis.len);
    *out = (assay_engine_init_result){powers, 2, w->app_hash};
    return w->fails;
}

static assay_err do_check(void *context, assay_bytes tx) {
    world *w = context;
    w->calls++;
    w->tx = tx;
    return w->fails;
}

static void keep_block(world *w, const assay_engine_block *block) {
    w->calls++;
    w->block = *block;
    if (w->counts_only) return;
    assert_true(block->txs_count <= 4 && block->last_commit_count <= 4 && block->misbehavior_count <= 4);
    for (uint32_t i = 0; i < block->txs_count; i++) w->tx_lens[i] = block->txs[i].len;
    memcpy(w->votes, block->last_commit, block->last_commit_count * sizeof *w->votes);
    memcpy(w->misbehavior, block->misbehavior, block->misbehavior_count * sizeof *w->misbehavior);
}

static assay_err do_prepare(void *context, assay_bytes **txs, uint32_t *count, assay_arena *keep,
                            const assay_engine_block *block, uint64_t max_bytes) {
    world *w = context;
    keep_block(w, block);
    w->max_bytes = max_bytes;
    *txs = ASSAY_NEW(keep, assay_bytes, 2);
    *count = 2;
    (*txs)[0] = block->txs[0];
    (*txs)[1] = block->txs[2];
    return w->fails;
}

static assay_err do_process(void *context, bool *accept, const assay_engine_block *block) {
    world *w = context;
    keep_block(w, block);
    *accept = !w->rejects;
    return w->fails;
}

static assay_err do_finalize(void *context, assay_engine_finalized *out, assay_arena *keep,
                             const assay_engine_block *block) {
    world *w = context;
    (void)keep;
    keep_block(w, block);
    *out = (assay_engine_finalized){results, block->txs_count, powers, block->txs_count ? 2 : 0, w->app_hash};
    return w->fails;
}

static assay_err do_commit(void *context, uint64_t *retain_height) {
    world *w = context;
    w->calls++;
    *retain_height = w->retain;
    return w->fails;
}

static assay_err do_query(void *context, assay_abci_query_result *out, assay_arena *keep,
                          const assay_abci_query *query) {
    world *w = context;
    static const assay_abci_proof_op op = {
        {(const uint8_t *)"ics23:smt", 9}, {(const uint8_t *)"key", 3}, {(const uint8_t *)"proof", 5}};
    (void)keep;
    w->calls++;
    w->query = *query;
    *out = (assay_abci_query_result){ASSAY_STR("key"), ASSAY_STR("value"), 9, &op, query->prove ? 1 : 0};
    return w->fails;
}

static assay_err do_list(void *context, assay_abci_snapshot **out, uint32_t *count, assay_arena *keep) {
    world *w = context;
    (void)keep;
    w->calls++;
    *out = &w->snapshot;
    *count = 1;
    return w->fails;
}

static assay_err do_load(void *context, assay_bytes *chunk, assay_arena *keep, uint64_t height, uint32_t format,
                         uint32_t index) {
    world *w = context;
    (void)keep;
    w->calls++;
    assert_true(height == 500 && format == 1 && index == 2);
    *chunk = ASSAY_STR("chunk");
    return w->fails;
}

static assay_err do_offer(void *context, assay_abci_offer *out, const assay_abci_snapshot *snapshot,
                          assay_hash app_hash) {
    world *w = context;
    w->calls++;
    static uint8_t hash[32], metadata[16]; /* the frame is gone when the snapshot is listed */
    w->snapshot = *snapshot;
    if (snapshot->hash.len == sizeof hash && snapshot->metadata.len <= sizeof metadata) {
        memcpy(hash, snapshot->hash.ptr, sizeof hash);
        memcpy(metadata, snapshot->metadata.ptr, snapshot->metadata.len);
        w->snapshot.hash.ptr = hash;
        w->snapshot.metadata.ptr = metadata;
    }
    assert_memory_equal(app_hash.b, w->app_hash.b, 32);
    *out = ASSAY_ABCI_OFFER_ACCEPT;
    return w->fails;
}

static assay_err do_apply(void *context, assay_abci_apply *out, uint32_t index, assay_bytes chunk) {
    world *w = context;
    w->calls++;
    w->index = index;
    assert_true(assay_base_bytes_eq(chunk, ASSAY_STR("chunk")));
    *out = w->rejects ? ASSAY_ABCI_APPLY_RETRY : ASSAY_ABCI_APPLY_ACCEPT;
    return w->fails;
}

static assay_abci_app app_of(world *w) {
    return (assay_abci_app){.engine = {.context = w,
                                       .info = do_info,
                                       .init_chain = do_init,
                                       .check_tx = do_check,
                                       .prepare_proposal = do_prepare,
                                       .process_proposal = do_process,
                                       .finalize_block = do_finalize,
                                       .commit = do_commit},
                            .context = w,
                            .query = do_query,
                            .snapshots_list = do_list,
                            .snapshot_load = do_load,
                            .snapshot_offer = do_offer,
                            .snapshot_apply = do_apply};
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static bool flushed;

static assay_err ask_bytes(assay_bytes *answer, const assay_abci_app *app, assay_bytes frame) {
    assay_buf out = {out_memory, 0, sizeof out_memory};
    assay_err err = assay_abci_answer(&out, &flushed, app, frame, assay_base_arena(memory, sizeof memory));
    *answer = (assay_bytes){out.ptr, out.len};
    return err;
}

static assay_err ask(assay_bytes *answer, const assay_abci_app *app, const char *request) {
    assay_bytes input = frame_of("abci_request", request), frame;
    uint64_t wanted;
    assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &input, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
    assert_non_null(frame.ptr);
    assert_int_equal(input.len, 0);
    return ask_bytes(answer, app, frame);
}

static void answers(const assay_abci_app *app, const char *request, const char *response) {
    assay_bytes answer;
    assert_int_equal(ask(&answer, app, request), ASSAY_OK);
    assay_bytes expected = frame_of("abci_response", response);
    if (answer.len != expected.len) fail_msg("%s: %zu bytes, not %zu", request, answer.len, expected.len);
    assert_memory_equal(answer.ptr, expected.ptr, expected.len);
}

/* The exception that says err. */
static void excepts(assay_bytes answer, assay_err err) {
    abci_response response;
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_bytes frame;
    uint64_t wanted;
    assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &answer, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
    assert_int_equal(assay_codec_decode(&response, &keep, &assay_abci_response_message, frame, ASSAY_CODEC_COMET),
                     ASSAY_OK);
    assert_non_null(response.exception);
    assert_true(assay_base_bytes_eq(response.exception->text, assay_base_bytes_str(assay_base_err_text(err))));
}

static world *fresh_world(world *w) {
    *w = (world){.app_hash = app_hash_of()};
    set_powers(powers);
    results[2].data = ASSAY_STR("data");
    return w;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

/* Of every message CometBFT writes, all that is known comes back byte for byte. */
static void messages_are_cometbfts(void **state) {
    (void)state;
    static const struct {
        const char *kind;
        const assay_codec_message *message;
    } kinds[] = {{"abci_request", &assay_abci_request_message}, {"abci_response", &assay_abci_response_message}};
    for (int k = 0; k < 2; k++) {
        json_t *rows = rows_of(kinds[k].kind);
        size_t i;
        json_t *row;
        json_array_foreach(rows, i, row) {
            union {
                abci_request request;
                abci_response response;
            } value;
            assay_bytes input = unhex(frame_memory, sizeof frame_memory, row, "frame"), frame;
            assay_bytes known = unhex(known_memory, sizeof known_memory, row, "known");
            uint64_t wanted;
            assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &input, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
            assay_arena keep = assay_base_arena(memory, sizeof memory);
            assert_int_equal(assay_codec_decode(&value, &keep, kinds[k].message, frame, ASSAY_CODEC_COMET), ASSAY_OK);
            assay_buf out = {out_memory, 0, sizeof out_memory};
            assert_int_equal(assay_codec_encode_delimited(&out, kinds[k].message, &value, ASSAY_CODEC_COMET), ASSAY_OK);
            if (out.len != known.len || memcmp(out.ptr, known.ptr, known.len) != 0)
                fail_msg("%s %s", kinds[k].kind, json_string_value(json_object_get(row, "name")));
        }
        json_decref(rows);
    }
}

static void tables_are_sound(void **state) {
    (void)state;
    assert_true(assay_codec_table_ok(&assay_abci_request_message));
    assert_true(assay_codec_table_ok(&assay_abci_response_message));
    for (uint32_t i = 0; i < assay_abci_request_message.field_count; i++)
        assert_true(assay_codec_table_ok(assay_abci_request_message.fields[i].sub));
    for (uint32_t i = 0; i < assay_abci_response_message.field_count; i++)
        assert_true(assay_codec_table_ok(assay_abci_response_message.fields[i].sub));
}

static void answers_are_cometbfts(void **state) {
    (void)state;
    world w;
    assay_abci_app app = app_of(fresh_world(&w));
    answers(&app, "echo", "echo");
    assert_false(flushed);
    answers(&app, "flush", "flush");
    assert_true(flushed);
    answers(&app, "info", "info");
    answers(&app, "init_chain", "init_chain");
    answers(&app, "query", "query");
    answers(&app, "check_tx", "check_tx");
    answers(&app, "check_tx_again", "check_tx");
    answers(&app, "commit", "commit");
    w.retain = 17;
    answers(&app, "commit", "commit_retain");
    answers(&app, "offer_snapshot", "offer_snapshot");
    answers(&app, "list_snapshots", "list_snapshots"); /* the one that was offered */
    answers(&app, "load_snapshot_chunk", "load_snapshot_chunk");
    answers(&app, "apply_snapshot_chunk", "apply_snapshot_chunk");
    assert_int_equal(w.index, 2);
    answers(&app, "prepare_proposal", "prepare_proposal");
    answers(&app, "process_proposal", "process_accept");
    w.rejects = true;
    answers(&app, "process_proposal", "process_reject");
    answers(&app, "apply_snapshot_chunk", "apply_snapshot_retry"); /* that chunk anew, and of somebody else */
    answers(&app, "finalize_block", "finalize_block");
    w.fresh = true;
    answers(&app, "info", "info_new");
}

/* What the application is told is what the request says. */
static void requests_arrive_whole(void **state) {
    (void)state;
    static const char *const names[] = {"prepare_proposal", "process_proposal", "finalize_block"};
    world w;
    assay_bytes answer;
    assay_abci_app app = app_of(fresh_world(&w));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(&answer, &app, names[i]), ASSAY_OK);
        assert_int_equal(w.block.height, 42);
        assert_true(w.block.time.seconds > 1600000000);
        assert_int_equal(w.block.txs_count, 3);
        assert_true(w.tx_lens[0] == 200 && w.tx_lens[1] == 0 && w.tx_lens[2] == 1);
        assert_int_equal(w.block.last_commit_round, 2);
        assert_int_equal(w.block.last_commit_count, 3);
        static const uint64_t power[] = {30, 20, 0};
        static const uint32_t flag[] = {ASSAY_FLAG_COMMIT, ASSAY_FLAG_ABSENT, ASSAY_FLAG_NIL};
        for (int v = 0; v < 3; v++) assert_true(w.votes[v].power == power[v] && w.votes[v].flag == flag[v]);
        assert_memory_not_equal(w.votes[0].validator.b, w.votes[1].validator.b, 20);
        assert_int_equal(w.block.misbehavior_count, 2);
        for (int m = 0; m < 2; m++) {
            assert_memory_equal(w.misbehavior[m].validator.b, w.votes[m].validator.b, 20);
            assert_true(w.misbehavior[m].height == 40 + m && w.misbehavior[m].round == -1);
            assert_true(w.misbehavior[m].power == power[m] && w.misbehavior[m].total_power == 50);
            assert_int_equal(w.misbehavior[m].time.nanos, w.block.time.nanos + m);
        }
        static const assay_hash zero;
        assert_int_equal(assay_base_hash_eq(w.block.hash, zero), i == 0);
        assert_false(assay_base_hash_eq(w.block.next_validators_hash, zero));
        if (i == 0) assert_int_equal(w.max_bytes, 1 << 20);
    }
    assert_int_equal(ask(&answer, &app, "finalize_block_first"), ASSAY_OK);
    assert_true(w.block.height == 1 && w.block.txs_count == 0 && w.block.last_commit_count == 0);
    assert_int_equal(ask(&answer, &app, "init_chain"), ASSAY_OK);
    assert_int_equal(w.init.initial_height, 1);
    assert_int_equal(w.init.genesis.len, 7);
    assert_memory_equal(w.genesis, "genesis", 7);
    assert_int_equal(ask(&answer, &app, "query"), ASSAY_OK);
    assert_true(w.query.height == 9 && w.query.prove && assay_base_bytes_eq(w.query.path, ASSAY_STR("/state")));
    assert_int_equal(ask(&answer, &app, "check_tx"), ASSAY_OK);
    assert_int_equal(w.tx.len, 200);
}

static const char *const all[] = {"info",
                                  "init_chain",
                                  "query",
                                  "check_tx",
                                  "commit",
                                  "list_snapshots",
                                  "load_snapshot_chunk",
                                  "offer_snapshot",
                                  "apply_snapshot_chunk",
                                  "prepare_proposal",
                                  "process_proposal",
                                  "finalize_block"};
enum { ALL = sizeof all / sizeof *all };

/* A fault is never an answer; a verdict is one where a caller asked for a judgement. */
static void faults_are_exceptions(void **state) {
    (void)state;
    world w;
    assay_bytes answer;
    assay_abci_app app = app_of(fresh_world(&w));
    for (int i = 0; i < ALL; i++) {
        w.fails = ASSAY_F_STORAGE;
        unsigned before = w.calls;
        assert_int_equal(ask(&answer, &app, all[i]), ASSAY_F_STORAGE);
        assert_int_equal(w.calls, before + 1);
        excepts(answer, ASSAY_F_STORAGE);
    }
    w.fails = ASSAY_E_NONCE;
    static const char *const judged[] = {"check_tx", "query"};
    for (int i = 0; i < 2; i++) {
        abci_response response;
        assay_arena keep = assay_base_arena(memory, sizeof memory);
        assay_bytes frame;
        uint64_t wanted;
        assert_int_equal(ask(&answer, &app, judged[i]), ASSAY_OK);
        assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &answer, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
        assert_int_equal(assay_codec_decode(&response, &keep, &assay_abci_response_message, frame, ASSAY_CODEC_COMET),
                         ASSAY_OK);
        uint32_t code = i ? response.query->code : response.check_tx->code;
        assay_bytes space = i ? response.query->codespace : response.check_tx->codespace;
        assert_int_equal(code, ASSAY_E_NONCE);
        assert_true(assay_base_bytes_eq(space, ASSAY_STR("assay")));
    }
    w.fails = ASSAY_E_GRAMMAR;
    assert_int_equal(ask(&answer, &app, "commit"), ASSAY_E_GRAMMAR);
    excepts(answer, ASSAY_E_GRAMMAR);
    w.fails = ASSAY_OK;
    assert_int_equal(ask(&answer, &app, "extend_vote"), ASSAY_E_GRAMMAR);
    assert_int_equal(ask(&answer, &app, "offer_snapshot_none"), ASSAY_E_ENCODING);
}

/* An application without queries and snapshots answers as one that has none. */
static void what_is_not_there_is_said(void **state) {
    (void)state;
    world w;
    assay_bytes answer;
    assay_abci_app whole = app_of(fresh_world(&w)), app = {.engine = whole.engine};
    static const char *const names[] = {"query", "list_snapshots", "load_snapshot_chunk", "offer_snapshot",
                                        "apply_snapshot_chunk"};
    for (int i = 0; i < 5; i++) {
        abci_response r;
        assay_arena keep = assay_base_arena(memory, sizeof memory);
        assay_bytes frame;
        uint64_t wanted;
        assert_int_equal(ask(&answer, &app, names[i]), ASSAY_OK);
        assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &answer, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
        assert_int_equal(assay_codec_decode(&r, &keep, &assay_abci_response_message, frame, ASSAY_CODEC_COMET),
                         ASSAY_OK);
        if (i == 0) assert_int_equal(r.query->code, ASSAY_E_NOT_FOUND);
        if (i == 1) assert_int_equal(r.list_snapshots->snapshots_count, 0);
        if (i == 2) assert_int_equal(r.load_snapshot_chunk->text.len, 0);
        if (i == 3) assert_int_equal(r.offer_snapshot->value, ASSAY_ABCI_OFFER_REJECT);
        if (i == 4) assert_int_equal(r.apply_snapshot_chunk->value, ASSAY_ABCI_APPLY_ABORT);
    }
    assert_int_equal(w.calls, 0);
}

static void frames_are_cut_right(void **state) {
    (void)state;
    uint8_t bytes[300];
    uint64_t wanted;
    assay_bytes frame;
    memset(bytes, 0xa5, sizeof bytes);
    bytes[0] = 0x82, bytes[1] = 0x02; /* 258 */
    for (size_t have = 0; have <= 260; have++) {
        assay_bytes input = {bytes, have};
        assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &input, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
        assert_int_equal(wanted, have < 2 ? 0 : 260);
        assert_int_equal(input.len, have == 260 ? 0 : have);
        assert_true((frame.ptr == bytes + 2) == (have == 260));
    }
    assay_bytes two = {(const uint8_t *)"\x01"
                                        "a"
                                        "\x00"
                                        "\x02"
                                        "b",
                       5};
    assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &two, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
    assert_true(frame.len == 1 && frame.ptr[0] == 'a');
    assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &two, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
    assert_true(frame.len == 0 && frame.ptr != NULL);
    assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &two, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
    assert_true(frame.ptr == NULL && two.len == 2 && wanted == 3);
    assay_bytes endless = {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12};
    assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &endless, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_E_ENCODING);
    assay_bytes huge = {(const uint8_t *)"\x81\x80\x80\x40", 4}; /* one byte more than 128 MiB */
    assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &huge, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_E_SIZE);
}

static void lanes_are_known_from_the_first_field(void **state) {
    (void)state;
    static const struct {
        const char *name;
        assay_abci_lane lane;
    } cases[] = {{"echo", ASSAY_ABCI_ANY},
                 {"flush", ASSAY_ABCI_ANY},
                 {"info", ASSAY_ABCI_ANY},
                 {"init_chain", ASSAY_ABCI_CONSENSUS},
                 {"query", ASSAY_ABCI_QUERY},
                 {"check_tx", ASSAY_ABCI_MEMPOOL},
                 {"commit", ASSAY_ABCI_CONSENSUS},
                 {"list_snapshots", ASSAY_ABCI_SNAPSHOT},
                 {"offer_snapshot", ASSAY_ABCI_SNAPSHOT},
                 {"load_snapshot_chunk", ASSAY_ABCI_SNAPSHOT},
                 {"apply_snapshot_chunk", ASSAY_ABCI_SNAPSHOT},
                 {"prepare_proposal", ASSAY_ABCI_CONSENSUS},
                 {"process_proposal", ASSAY_ABCI_CONSENSUS},
                 {"extend_vote", ASSAY_ABCI_CONSENSUS},
                 {"finalize_block", ASSAY_ABCI_CONSENSUS}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_bytes input = frame_of("abci_request", cases[i].name), frame;
        uint64_t wanted;
        assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &input, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
        assert_int_equal(assay_abci_lane_of(frame), cases[i].lane);
        bool asks = strcmp(cases[i].name, "check_tx") == 0;
        assert_int_equal(assay_abci_check_tx_of(frame).len > 0, asks);
    }
    assert_int_equal(assay_abci_lane_of(none), ASSAY_ABCI_ANY);
    assert_int_equal(assay_abci_lane_of(ASSAY_STR("\xff\xff")), ASSAY_ABCI_ANY);
}

/* Bytes that are no request get an exception and reach nobody. */
static void what_is_no_request_is_refused(void **state) {
    (void)state;
    world w;
    assay_bytes answer;
    assay_abci_app app = app_of(fresh_world(&w));
    static const struct {
        const char *bytes;
        size_t len;
        assay_err err;
    } cases[] = {
        {"", 0, ASSAY_E_ENCODING},                 /* nothing is asked */
        {"\x12\x00\x0a\x00", 4, ASSAY_E_ENCODING}, /* Flush and Echo at once */
        {"\x0a\x05"
         "ab",
         4, ASSAY_E_ENCODING},                                                           /* cut */
        {"\xb2\x01\x00", 3, ASSAY_E_ENCODING},                                           /* InsertTx of v0.39 */
        {"\xa2\x01\x00", 3, ASSAY_E_RANGE},                                              /* FinalizeBlock of height 0 */
        {"\xa2\x01\x02\x28\x00", 5, ASSAY_E_RANGE},                                      /* the same, written out */
        {"\xa2\x01\x0b\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 14, ASSAY_E_RANGE}, /* of height -1 */
        {"\xa2\x01\x05\x22\x03"
         "abc",
         8, ASSAY_E_ENCODING}, /* a hash of three bytes */
        {"\x82\x01\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x28\x01", 16, ASSAY_E_RANGE}, /* max_tx_bytes -1 */
        {"\x2a\x00", 2, ASSAY_E_RANGE},                      /* InitChain of initial height 0 */
        {"\x2a\x02\x30\x01", 4, ASSAY_E_ENCODING},           /* InitChain without a genesis */
        {"\x2a\x06\x2a\x02{}\x30\x01", 8, ASSAY_E_ENCODING}, /* with one that is another application's */
        {"\x32\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, ASSAY_E_RANGE}, /* Query of height -1 */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_bytes frame = {(const uint8_t *)cases[i].bytes, cases[i].len};
        assay_err err = ask_bytes(&answer, &app, frame);
        if (err != cases[i].err) fail_msg("case %zu: %s", i, assay_base_err_code(err));
        excepts(answer, err);
        assert_false(flushed);
    }
    assert_int_equal(w.calls, 0);
    /* Every cut of every request is an answer or an exception, and never a crash. */
    json_t *rows = rows_of("abci_request");
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        assay_bytes input = unhex(frame_memory, sizeof frame_memory, row, "frame"), frame;
        uint64_t wanted;
        assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &input, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
        for (size_t len = 0; len < frame.len; len++) {
            uint8_t copy[4096];
            memcpy(copy, frame.ptr, len);
            assert_int_not_equal(ask_bytes(&answer, &app, (assay_bytes){copy, len}), ASSAY_OK);
        }
    }
    json_decref(rows);
}

/* Two bytes make an empty transaction: more than a block may have are never proposed, voted for, or run. */
static void blocks_have_a_bound(void **state) {
    (void)state;
    enum { MANY = ASSAY_BLOCK_TXS_MAX + 1, LEN = 2 * MANY };
    static uint8_t bytes[LEN + 16], room[ASSAY_ABCI_SCRATCH_LEN(sizeof bytes)];
    static const struct {
        uint8_t method, field; /* keys: of the request, of its transactions, of its height */
        uint8_t height;
    } cases[] = {{0x82, 0x12, 0x28}, {0x8a, 0x0a, 0x28}, {0xa2, 0x0a, 0x28}};
    for (int i = 0; i < 3; i++) {
        world w;
        assay_abci_app app = app_of(fresh_world(&w));
        assay_buf frame = {bytes, 0, sizeof bytes};
        uint8_t key[] = {cases[i].method, 0x01}, tx[] = {cases[i].field, 0}, height[] = {cases[i].height, 1};
        assert_int_equal(assay_base_buf_put(&frame, (assay_bytes){key, 2}), ASSAY_OK);
        assert_int_equal(assay_codec_put_varint(&frame, LEN + 2), ASSAY_OK);
        for (int k = 0; k < MANY; k++) assert_int_equal(assay_base_buf_put(&frame, (assay_bytes){tx, 2}), ASSAY_OK);
        assert_int_equal(assay_base_buf_put(&frame, (assay_bytes){height, 2}), ASSAY_OK);
        assay_buf out = {out_memory, 0, sizeof out_memory};
        w.counts_only = true;
        assay_err err = assay_abci_answer(&out, &flushed, &app, (assay_bytes){frame.ptr, frame.len},
                                          assay_base_arena(room, sizeof room));
        assert_int_equal(err, i == 2 ? ASSAY_E_RANGE : ASSAY_OK);
        assert_int_equal(w.calls, i == 0 ? 1 : 0);
        if (i == 0) assert_int_equal(w.block.txs_count, ASSAY_BLOCK_TXS_MAX);
        static const uint8_t reject[] = {0x05, 0x92, 0x01, 0x02, 0x08, 0x02};
        if (i == 1) assert_true(out.len == sizeof reject && memcmp(out.ptr, reject, sizeof reject) == 0);
    }
}

/* A snapshot's hash is its peer's word: one of three bytes is for the application to reject, and no reason to stop. */
static void a_peers_snapshot_stops_nobody(void **state) {
    (void)state;
    world w;
    assay_bytes answer;
    assay_abci_app app = app_of(fresh_world(&w));
    w.app_hash = (assay_hash){0}; /* as this offer has none */
    static const char offer[] = "\x6a\x09\x0a\x07\x08\x05\x22\x03"
                                "abc";
    assay_bytes frame = {(const uint8_t *)offer, sizeof offer - 1};
    assert_int_equal(ask_bytes(&answer, &app, frame), ASSAY_OK);
    assert_true(w.calls == 1 && w.snapshot.height == 5 && w.snapshot.hash.len == 3);
}

/* Too little memory is a fault, said where there is room to say it. */
static void want_of_memory_is_a_fault(void **state) {
    (void)state;
    world w;
    assay_abci_app app = app_of(fresh_world(&w));
    assay_bytes input = frame_of("abci_request", "finalize_block"), frame;
    uint64_t wanted;
    assert_int_equal(assay_codec_get_delimited(&frame, &wanted, &input, ASSAY_ABCI_FRAME_LEN_MAX), ASSAY_OK);
    bool whole = false;
    for (size_t cap = 0; cap < 65536 && !whole; cap += 64) {
        assay_buf out = {out_memory, 0, sizeof out_memory};
        assay_err err = assay_abci_answer(&out, &flushed, &app, frame, assay_base_arena(memory, cap));
        whole = err == ASSAY_OK;
        if (!whole) assert_int_equal(err, ASSAY_F_MEMORY);
        if (!whole) excepts((assay_bytes){out.ptr, out.len}, ASSAY_F_MEMORY);
    }
    assert_true(whole);
    assay_buf little = {out_memory, 0, 10};
    assert_int_equal(assay_abci_answer(&little, &flushed, &app, frame, assay_base_arena(memory, sizeof memory)),
                     ASSAY_F_MEMORY);
    assert_int_equal(little.len, 0);
}

static void genesis_travels_as_json(void **state) {
    (void)state;
    char text[64];
    assay_buf out = {(uint8_t *)text, 0, sizeof text};
    assert_int_equal(assay_abci_genesis(&out, ASSAY_STR("genesis")), ASSAY_OK);
    assert_true(assay_base_bytes_eq((assay_bytes){out.ptr, out.len}, ASSAY_STR("\"Z2VuZXNpcw==\"")));
    assay_buf little = {(uint8_t *)text, 0, 12};
    assert_int_equal(assay_abci_genesis(&little, ASSAY_STR("genesis")), ASSAY_F_MEMORY);
    assert_int_equal(little.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_cometbfts),        cmocka_unit_test(tables_are_sound),
        cmocka_unit_test(answers_are_cometbfts),         cmocka_unit_test(requests_arrive_whole),
        cmocka_unit_test(faults_are_exceptions),         cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(frames_are_cut_right),          cmocka_unit_test(lanes_are_known_from_the_first_field),
        cmocka_unit_test(what_is_no_request_is_refused), cmocka_unit_test(a_peers_snapshot_stops_nobody),
        cmocka_unit_test(blocks_have_a_bound),           cmocka_unit_test(want_of_memory_is_a_fault),
        cmocka_unit_test(genesis_travels_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
