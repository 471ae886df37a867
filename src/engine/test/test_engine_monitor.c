/* SPDX-License-Identifier: Apache-2.0
 *
 * Every sequence of up to seven calls, against a second recogniser of the grammar: its ABNF as a regular expression. */
#include "engine/engine.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* An application that counts its calls and answers with what it is told to answer. */
typedef struct recorder {
    uint64_t last_height;
    assay_err answer;
    int calls;
    bool rejects;
} recorder;

static assay_err app_info(void *context, assay_engine_info *out) {
    recorder *r = context;
    r->calls++;
    *out = (assay_engine_info){.last_height = r->last_height};
    return r->answer;
}
static assay_err app_init_chain(void *context, assay_engine_init_result *out, assay_arena *keep,
                                const assay_engine_init *request) {
    recorder *r = context;
    (void)keep;
    (void)request;
    r->calls++;
    *out = (assay_engine_init_result){.validators_count = 7};
    return r->answer;
}
static assay_err app_check_tx(void *context, assay_bytes tx) {
    recorder *r = context;
    (void)tx;
    r->calls++;
    return r->answer;
}
static assay_err app_prepare(void *context, assay_bytes **txs, uint32_t *count, assay_arena *keep,
                             const assay_engine_block *block, uint64_t max_bytes) {
    recorder *r = context;
    (void)txs;
    (void)keep;
    (void)block;
    r->calls++;
    *count = (uint32_t)max_bytes;
    return r->answer;
}
static assay_err app_process(void *context, bool *accept, const assay_engine_block *block) {
    recorder *r = context;
    (void)block;
    r->calls++;
    *accept = !r->rejects;
    return r->answer;
}
static assay_err app_finalize(void *context, assay_engine_finalized *out, assay_arena *keep,
                              const assay_engine_block *block) {
    recorder *r = context;
    (void)keep;
    (void)block;
    r->calls++;
    *out = (assay_engine_finalized){.results_count = 3};
    return r->answer;
}
static assay_err app_commit(void *context, uint64_t *retain_height) {
    recorder *r = context;
    r->calls++;
    *retain_height = 5;
    if (r->answer == ASSAY_OK) r->last_height++;
    return r->answer;
}
static assay_err app_extend(void *context, assay_bytes *extension, assay_arena *keep, const assay_engine_block *block) {
    (void)context;
    (void)extension;
    (void)keep;
    (void)block;
    return ASSAY_F_BUG;
}

static assay_engine_app app_of(recorder *r) {
    return (assay_engine_app){.context = r,
                              .info = app_info,
                              .init_chain = app_init_chain,
                              .check_tx = app_check_tx,
                              .prepare_proposal = app_prepare,
                              .process_proposal = app_process,
                              .extend_vote = app_extend,
                              .finalize_block = app_finalize,
                              .commit = app_commit};
}

/* One letter a call: i info, n init_chain, t check_tx, p prepare, s process, f finalize, c commit. */
static const char letters[] = "intpsfc";

static assay_err call(const assay_engine_app *app, char letter, int64_t height) {
    assay_engine_block block = {.height = height};
    assay_engine_info info;
    assay_engine_init_result init;
    assay_engine_finalized finalized;
    assay_engine_init request = {.initial_height = 1};
    assay_bytes *txs = NULL;
    uint32_t count;
    uint64_t retain;
    bool accept;
    switch (letter) {
    case 'i': return app->info(app->context, &info);
    case 'n': return app->init_chain(app->context, &init, NULL, &request);
    case 't': return app->check_tx(app->context, ASSAY_STR("tx"));
    case 'p': return app->prepare_proposal(app->context, &txs, &count, NULL, &block, 9);
    case 's': return app->process_proposal(app->context, &accept, &block);
    case 'f': return app->finalize_block(app->context, &finalized, NULL, &block);
    case 'c': return app->commit(app->context, &retain);
    default: fail_msg("no such call"); return ASSAY_F_BUG;
    }
}

/* ---- the recogniser: ABNF, word by word ---------------------------------------------------------------------- */

#define ROUND "(ps?|s)*"
#define HEIGHT "((" ROUND ")*fc)"
#define CLEAN_START "(i?n" HEIGHT "*)"
#define RECOVERY "(in?" HEIGHT "*)"
#define START "^(" CLEAN_START "|" RECOVERY ")$"

typedef struct recogniser {
    regex_t start;
    uint64_t asked;
} recogniser;

/* Every legal beginning becomes a whole sentence by one of these ends. */
static bool begins_sentence(recogniser *r, const char *text) {
    static const char *const ends[] = {"", "n", "fc", "c"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char sentence[32];
        snprintf(sentence, sizeof sentence, "%s%s", text, ends[i]);
        r->asked++;
        if (regexec(&r->start, sentence, 0, NULL, 0) == 0) return true;
    }
    return false;
}

/* check_tx may come at any time, and so may info, beside the one that the grammar places: some choice of the infos that
 * are left out makes a sentence. */
static bool legal(recogniser *r, const char *text) {
    char core[16];
    size_t infos[16], infos_count = 0, len = 0;
    for (const char *at = text; *at; at++) {
        if (*at == 't') continue;
        if (*at == 'i') infos[infos_count++] = len;
        core[len++] = *at;
    }
    for (uint32_t left_out = 0; left_out < 1u << infos_count; left_out++) {
        char kept[16];
        size_t kept_len = 0, next_info = 0;
        for (size_t k = 0; k < len; k++) {
            bool is_info = next_info < infos_count && infos[next_info] == k;
            if (is_info && (left_out >> next_info++ & 1)) continue;
            kept[kept_len++] = core[k];
        }
        kept[kept_len] = 0;
        if (begins_sentence(r, kept)) return true;
    }
    return false;
}

/* ---- all sequences ------------------------------------------------------------------------------------------- */

#define LENGTH_MAX 7

typedef struct walk {
    recogniser recogniser;
    uint64_t legal_count, illegal_count;
} walk;

/* Behind a refused call the monitor is where it was, so only legal beginnings branch further: so all is seen. */
static void extend(walk *w, const char *text, size_t len, assay_engine_monitor monitor, recorder app) {
    for (size_t k = 0; k < sizeof letters - 1; k++) {
        char longer[LENGTH_MAX + 1];
        memcpy(longer, text, len);
        longer[len] = letters[k];
        longer[len + 1] = 0;

        recorder after_app = app;
        assay_engine_monitor after;
        assay_engine_app table = assay_engine_monitor_wrap(&after, app_of(&after_app));
        after.phase = monitor.phase;
        after.height = monitor.height;
        after.calls = monitor.calls;
        after.refused = monitor.refused;
        assay_err err = call(&table, letters[k], monitor.height + 1);
        bool wanted = legal(&w->recogniser, longer);
        if (wanted != (err == ASSAY_OK)) fail_msg("%s: %s", longer, assay_base_err_code(err));
        if (!wanted) {
            w->illegal_count++;
            assert_int_equal(err, ASSAY_E_GRAMMAR);
            assert_int_equal(after_app.calls, app.calls);
            assert_int_equal(after.phase, monitor.phase);
            assert_int_equal(after.height, monitor.height);
            assert_int_equal(after.calls, monitor.calls);
            assert_int_equal(after.refused, monitor.refused + 1);
            continue;
        }
        w->legal_count++;
        assert_int_equal(after_app.calls, app.calls + 1);
        assert_int_equal(after.calls, monitor.calls + 1);
        assert_int_equal(after.refused, monitor.refused);
        if (len + 1 < LENGTH_MAX) extend(w, longer, len + 1, after, after_app);
    }
}

static void test_all_sequences(void **state) {
    (void)state;
    walk w = {0};
    assert_int_equal(regcomp(&w.recogniser.start, START, REG_EXTENDED | REG_NOSUB), 0);
    assay_engine_monitor monitor;
    recorder app = {0};
    assay_engine_monitor_wrap(&monitor, app_of(&app));
    extend(&w, "", 0, monitor, app);
    regfree(&w.recogniser.start);
    print_message("%llu legal beginnings, %llu illegal continuations, %llu sentences tried\n",
                  (unsigned long long)w.legal_count, (unsigned long long)w.illegal_count,
                  (unsigned long long)w.recogniser.asked);
    assert_true(w.legal_count > 10000 && w.illegal_count > 10000);
}

/* The recogniser itself, on sequences judged by hand: a recogniser that accepts anything would prove nothing. */
static void test_recogniser(void **state) {
    (void)state;
    recogniser r = {0};
    assert_int_equal(regcomp(&r.start, START, REG_EXTENDED | REG_NOSUB), 0);
    static const char *const good[] = {"",      "i",      "n",   "in",   "t",    "ni", "npsfc",
                                       "ifcfc", "nsspfc", "ipp", "nfci", "nfic", "iin"};
    static const char *const bad[] = {"p",   "s",    "f",   "c",    "nn", "nc",   "nff",
                                      "nfp", "nfcc", "npn", "ifcn", "tf", "innfc"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!legal(&r, good[i])) fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (legal(&r, bad[i])) fail_msg("accepted: %s", bad[i]);
    regfree(&r.start);
}

/* ---- heights and answers ------------------------------------------------------------------------------------- */

static void test_heights(void **state) {
    (void)state;
    recorder app = {.last_height = 41};
    assay_engine_monitor monitor;
    assay_engine_app table = assay_engine_monitor_wrap(&monitor, app_of(&app));
    assert_int_equal(call(&table, 'i', 0), ASSAY_OK);
    assert_int_equal(monitor.height, 41);
    assert_int_equal(call(&table, 'n', 0), ASSAY_E_GRAMMAR); /* it has blocks */
    static const int64_t wrong[] = {0, 1, 41, 43, -1, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(call(&table, 'p', wrong[i]), ASSAY_E_GRAMMAR);
        assert_int_equal(call(&table, 's', wrong[i]), ASSAY_E_GRAMMAR);
        assert_int_equal(call(&table, 'f', wrong[i]), ASSAY_E_GRAMMAR);
    }
    assert_int_equal(monitor.refused, 1 + 3 * sizeof wrong / sizeof *wrong);
    assert_int_equal(app.calls, 1);
    for (int64_t height = 42; height < 50; height++) {
        assert_int_equal(call(&table, 's', height), ASSAY_OK);
        assert_int_equal(call(&table, 'f', height), ASSAY_OK);
        assert_int_equal(call(&table, 'c', height), ASSAY_OK);
        assert_int_equal(call(&table, 'f', height), ASSAY_E_GRAMMAR); /* the same again */
        assert_int_equal(monitor.height, height);
    }
    /* A later info tells nothing new: the monitor counts for itself. */
    app.last_height = 7;
    assert_int_equal(call(&table, 'i', 0), ASSAY_OK);
    assert_int_equal(monitor.height, 49);
}

static void test_last_height(void **state) {
    (void)state;
    recorder app = {.last_height = (uint64_t)INT64_MAX + 1};
    assay_engine_monitor monitor;
    assay_engine_app table = assay_engine_monitor_wrap(&monitor, app_of(&app));
    assert_int_equal(call(&table, 'i', 0), ASSAY_F_CORRUPT);
    app.last_height = INT64_MAX;
    assert_int_equal(call(&table, 'i', 0), ASSAY_OK);
    assert_int_equal(call(&table, 'f', INT64_MIN), ASSAY_E_GRAMMAR); /* the height after the last one does not wrap */
}

/* A call that the application fails has not happened; its error comes through as it is. */
static void test_failures(void **state) {
    (void)state;
    recorder app = {.answer = ASSAY_F_STORAGE};
    assay_engine_monitor monitor;
    assay_engine_app table = assay_engine_monitor_wrap(&monitor, app_of(&app));
    assert_int_equal(call(&table, 'i', 0), ASSAY_F_STORAGE);
    assert_int_equal(call(&table, 's', 1), ASSAY_E_GRAMMAR); /* no info yet */
    assert_int_equal(call(&table, 'n', 0), ASSAY_F_STORAGE);
    assert_int_equal(call(&table, 's', 1), ASSAY_E_GRAMMAR);
    app.answer = ASSAY_OK;
    assert_int_equal(call(&table, 'n', 0), ASSAY_OK);
    app.answer = ASSAY_F_MEMORY;
    assert_int_equal(call(&table, 'f', 1), ASSAY_F_MEMORY);
    assert_int_equal(call(&table, 'c', 1), ASSAY_E_GRAMMAR);
    app.answer = ASSAY_OK;
    assert_int_equal(call(&table, 'f', 1), ASSAY_OK);
    app.answer = ASSAY_F_STORAGE;
    assert_int_equal(call(&table, 'c', 1), ASSAY_F_STORAGE);
    assert_int_equal(monitor.height, 0);
    app.answer = ASSAY_E_FEE;
    assert_int_equal(call(&table, 't', 0), ASSAY_E_FEE);
    app.answer = ASSAY_OK;
    assert_int_equal(call(&table, 'c', 1), ASSAY_OK);
    assert_int_equal(monitor.height, 1);
}

/* Arguments and results pass through untouched; extensions are off. */
static void test_pass_through(void **state) {
    (void)state;
    recorder app = {.rejects = true};
    assay_engine_monitor monitor;
    assay_engine_app table = assay_engine_monitor_wrap(&monitor, app_of(&app));
    assert_null(table.extend_vote);
    assert_null(table.verify_vote_extension);
    assay_engine_init request = {.initial_height = 1};
    assay_engine_init_result init = {0};
    assert_int_equal(table.init_chain(table.context, &init, NULL, &request), ASSAY_OK);
    assert_int_equal(init.validators_count, 7);
    assay_engine_block block = {.height = 1};
    assay_bytes *txs = NULL;
    uint32_t count = 0;
    assert_int_equal(table.prepare_proposal(table.context, &txs, &count, NULL, &block, 1234), ASSAY_OK);
    assert_int_equal(count, 1234);
    bool accept = true;
    assert_int_equal(table.process_proposal(table.context, &accept, &block), ASSAY_OK);
    assert_false(accept);
    assay_engine_finalized finalized = {0};
    assert_int_equal(table.finalize_block(table.context, &finalized, NULL, &block), ASSAY_OK);
    assert_int_equal(finalized.results_count, 3);
    uint64_t retain = 0;
    assert_int_equal(table.commit(table.context, &retain), ASSAY_OK);
    assert_int_equal(retain, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recogniser), cmocka_unit_test(test_all_sequences), cmocka_unit_test(test_heights),
        cmocka_unit_test(test_last_height), cmocka_unit_test(test_failures),     cmocka_unit_test(test_pass_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
