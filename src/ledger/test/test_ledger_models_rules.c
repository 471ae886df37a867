/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may register, deprecate, revoke and report what; lineage, deposits, windows; and what the queries say of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "works_internal.h"

#define ASSAY_ASSERT_CODE(c, who, member, message, err)                                                                \
    assert_int_equal(chain_do((c), (who), (assay_tx_body){.member = (message)}), (err))

static assay_bytes text(const char *literal) { return assay_base_bytes_str(literal); }

/* A registration that is right in every way but those that the test changes. */
static assay_msg_register proper(const char *name, const char *version) {
    static work w;
    work_make(&w, name, version, 1);
    return work_register(&w);
}

static assay_err registers(chain *c, uint32_t account, assay_msg_register m) {
    return chain_do(c, &c->accounts[account], (assay_tx_body){.register_version = &m});
}

static uint32_t status_of(chain *c, const char *name, const char *version) {
    assay_version_record record;
    bool found;
    assert_int_equal(assay_models_version(chain_view(c), &record, &found, text(name), text(version)), ASSAY_OK);
    return found ? record.status : 0;
}

/* Checked and opened by validators 0 .. count - 1. */
static void attest(chain *c, const work *w, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) work_add_check(c, w, i, false);
    chain_block(c);
    for (int i = 0; i < 6; i++) chain_block(c);
    for (uint32_t i = 0; i < count; i++) work_add_opening(c, w, i);
    chain_block(c);
}

/* ---- names, numbers ------------------------------------------------------------------------------------------ */

static void test_names(void **state) {
    (void)state;
    chain *c = chain_new(1);
    const struct {
        const char *name, *version;
        assay_err err;
    } cases[] = {
        {"acme/ocr", "1.0", ASSAY_OK},     {"acme/ocr", "1.0", ASSAY_E_EXISTS}, {"acme", "1.0", ASSAY_E_NAME},
        {"Acme/ocr", "1.0", ASSAY_E_NAME}, {"acme/ocr/x", "1.0", ASSAY_E_NAME}, {"acme/ocr", "", ASSAY_E_NAME},
        {"acme/ocr", "1@0", ASSAY_E_NAME}, {"acme/ocr", ".1", ASSAY_E_NAME},    {"acme/ocr", "V1.0-rc_1", ASSAY_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(registers(c, 0, proper(cases[i].name, cases[i].version)), cases[i].err);
    chain_free(c);
}

static void test_numbers(void **state) {
    (void)state;
    assay_params params = chain_params();
    params.model_size_max = (uint64_t)4 << 20;
    chain *c = chain_new_with(1, &params, false);
    const uint64_t max = params.model_size_max, files_max = ASSAY_FILES_MAX, tensors_max = ASSAY_TENSORS_MAX;
    const struct {
        uint64_t size, files, chunks, tensors;
        uint32_t rules;
        assay_err err;
    } cases[] = {
        {0, 0, 0, 0, 0, ASSAY_E_EMPTY},
        {0, 1, 1, 0, 0, ASSAY_OK}, /* one empty file has one chunk */
        {0, 1, 0, 0, 0, ASSAY_E_RANGE},
        {0, 2, 2, 0, 0, ASSAY_OK},
        {0, 2, 1, 0, 0, ASSAY_E_RANGE},
        {0, 2, 3, 0, 0, ASSAY_E_RANGE},
        {1024, 1, 1, 0, 0, ASSAY_OK},
        {1025, 1, 1, 0, 0, ASSAY_E_RANGE},
        {1025, 1, 2, 0, 0, ASSAY_OK},
        {1025, 2, 3, 0, 0, ASSAY_OK}, /* 1,024 and 1 give 2, 513 and 512 too; 1,025 and 0 give 3 */
        {1025, 2, 4, 0, 0, ASSAY_E_RANGE},
        {max, 1, max / 1024, 0, 0, ASSAY_OK},
        {max + 1, 1, max / 1024 + 1, 0, 0, ASSAY_E_LIMIT},
        {0, files_max, files_max, 0, 0, ASSAY_OK},
        {0, files_max + 1, files_max + 1, 0, 0, ASSAY_E_LIMIT},
        {1024, 1, 1, tensors_max, 1, ASSAY_OK},
        {1024, 1, 1, tensors_max + 1, 1, ASSAY_E_LIMIT},
        {1024, 1, 1, 1, 0, ASSAY_E_RANGE},
        {1024, 1, 1, 0, 1, ASSAY_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char version[24];
        snprintf(version, sizeof version, "%zu", i);
        assay_msg_register m = proper("acme/ocr", version);
        m.size = cases[i].size;
        m.files = cases[i].files;
        m.chunks = cases[i].chunks;
        m.tensors = cases[i].tensors;
        m.tensor_rules = cases[i].rules;
        assert_int_equal(registers(c, 0, m), cases[i].err);
    }
    chain_free(c);
}

static void test_texts(void **state) {
    (void)state;
    chain *c = chain_new(1);
    const struct {
        const char *bytes;
        assay_err err;
    } cases[] = {
        {"", ASSAY_OK},
        {"plain", ASSAY_OK},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", ASSAY_OK},
        {"\x80", ASSAY_E_ENCODING},             /* no lead */
        {"\xc3", ASSAY_E_ENCODING},             /* cut off */
        {"\xc0\xaf", ASSAY_E_ENCODING},         /* longer than it must be */
        {"\xe0\x80\xaf", ASSAY_E_ENCODING},     /* the same in three */
        {"\xf0\x80\x80\xaf", ASSAY_E_ENCODING}, /* and in four */
        {"\xed\xa0\x80", ASSAY_E_ENCODING},     /* a surrogate */
        {"\xf4\x8f\xbf\xbf", ASSAY_OK},         /* the last code point */
        {"\xf4\x90\x80\x80", ASSAY_E_ENCODING}, /* beyond it */
        {"\xf5\x80\x80\x80", ASSAY_E_ENCODING},
        {"\xe2\x82(", ASSAY_E_ENCODING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char version[24];
        snprintf(version, sizeof version, "%zu", i);
        assay_msg_register m = proper("acme/ocr", version);
        m.source = text(cases[i].bytes);
        assert_int_equal(registers(c, 0, m), cases[i].err);
    }
    assay_msg_status revoke = {text("acme/ocr"), text("1"), text("\xff")};
    ASSAY_ASSERT_CODE(c, &c->accounts[0], revoke, &revoke, ASSAY_E_ENCODING);
    chain_free(c);
}

/* ---- who may ------------------------------------------------------------------------------------------------- */

static void test_prefix_and_maintainers(void **state) {
    (void)state;
    chain *c = chain_new(1);
    assert_int_equal(registers(c, 0, proper("acme/ocr", "1")), ASSAY_OK);
    /* The model is its first publisher's, and so is the prefix. */
    assert_int_equal(registers(c, 1, proper("acme/ocr", "2")), ASSAY_E_UNAUTHORIZED);
    assert_int_equal(registers(c, 1, proper("acme/asr", "1")), ASSAY_E_UNAUTHORIZED);
    assert_int_equal(registers(c, 1, proper("acm/ocr", "1")), ASSAY_OK);
    assert_int_equal(registers(c, 0, proper("acme/asr", "1")), ASSAY_OK);

    /* The first model changes hands: new versions of it, and new models under the prefix, are the new maintainers'. */
    uint8_t list[3][ASSAY_ADDRESS_LEN];
    memcpy(list[0], c->accounts[1].address.b, sizeof list[0]);
    memcpy(list[1], c->accounts[2].address.b, sizeof list[1]);
    memcpy(list[2], c->accounts[1].address.b, sizeof list[2]);
    assay_msg_maintainers m = {text("acme/ocr"), list, 2};
    ASSAY_ASSERT_CODE(c, &c->accounts[1], maintainers, &m, ASSAY_E_UNAUTHORIZED);
    m.maintainers_count = 0;
    ASSAY_ASSERT_CODE(c, &c->accounts[0], maintainers, &m, ASSAY_E_RANGE);
    m.maintainers_count = 3;
    ASSAY_ASSERT_CODE(c, &c->accounts[0], maintainers, &m, ASSAY_E_DUPLICATE);
    m.maintainers_count = 2;
    m.name = text("acme/none");
    ASSAY_ASSERT_CODE(c, &c->accounts[0], maintainers, &m, ASSAY_E_NOT_FOUND);
    m.name = text("acme/ocr");
    ASSAY_ASSERT_CODE(c, &c->accounts[0], maintainers, &m, ASSAY_OK);
    assert_int_equal(registers(c, 0, proper("acme/ocr", "2")), ASSAY_E_UNAUTHORIZED);
    assert_int_equal(registers(c, 2, proper("acme/ocr", "2")), ASSAY_OK);
    assert_int_equal(registers(c, 2, proper("acme/tts", "1")), ASSAY_OK);
    assert_int_equal(registers(c, 0, proper("acme/vad", "1")), ASSAY_E_UNAUTHORIZED);
    /* A model that was there before keeps its own. */
    assert_int_equal(registers(c, 0, proper("acme/asr", "2")), ASSAY_OK);

    uint8_t memory[4096];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_models_model model;
    assay_bytes owner_of;
    bool found;
    assert_int_equal(assay_models_model_get(chain_view(c), &model, &found, &keep, text("acme/ocr")), ASSAY_OK);
    assert_true(found);
    assert_int_equal(model.versions, 2);
    assert_int_equal(model.created_height, 1);
    assert_int_equal(model.maintainers_count, 2);
    assert_memory_equal(model.maintainers[1], c->accounts[2].address.b, ASSAY_ADDRESS_LEN);
    assert_int_equal(assay_models_owner_get(chain_view(c), &owner_of, &found, &keep, text("acme")), ASSAY_OK);
    assert_true(found && assay_base_bytes_eq(owner_of, text("acme/ocr")));
    assert_int_equal(assay_models_owner_get(chain_view(c), &owner_of, &found, &keep, text("acm")), ASSAY_OK);
    assert_true(found && assay_base_bytes_eq(owner_of, text("acm/ocr")));
    chain_free(c);
}

/* Sixteen maintainers are as many as there can be: seventeen are no transaction. */
static void test_most_maintainers(void **state) {
    (void)state;
    chain *c = chain_new(1);
    uint8_t list[ASSAY_MAINTAINERS_MAX + 1][ASSAY_ADDRESS_LEN];
    for (uint32_t i = 0; i <= ASSAY_MAINTAINERS_MAX; i++) memset(list[i], (int)i, sizeof list[i]);
    memcpy(list[15], c->accounts[0].address.b, sizeof list[15]);
    assay_msg_maintainers m = {text("acme/ocr"), list, ASSAY_MAINTAINERS_MAX};
    assert_int_equal(registers(c, 0, proper("acme/ocr", "1")), ASSAY_OK);
    ASSAY_ASSERT_CODE(c, &c->accounts[0], maintainers, &m, ASSAY_OK);
    assert_int_equal(registers(c, 0, proper("acme/ocr", "2")), ASSAY_OK);
    chain_free(c);
}

/* ---- lineage ------------------------------------------------------------------------------------------------- */

static void test_lineage(void **state) {
    (void)state;
    chain *c = chain_new(1);
    assay_version_ref parents[ASSAY_PARENTS_MAX];
    assay_msg_register m = proper("acme/ocr", "2");
    m.parents = parents;
    m.parents_count = 1;
    parents[0] = (assay_version_ref){text("acme/ocr"), text("1")};
    assert_int_equal(registers(c, 0, m), ASSAY_E_LINEAGE); /* not there yet */
    parents[0].version = text("2");
    assert_int_equal(registers(c, 0, m), ASSAY_E_LINEAGE); /* nobody descends from himself */
    parents[0].version = text("x y");
    assert_int_equal(registers(c, 0, m), ASSAY_E_NAME);

    /* Across models and owners, several, and as many as there may be. */
    assert_int_equal(registers(c, 0, proper("acme/ocr", "1")), ASSAY_OK);
    for (uint32_t i = 1; i < ASSAY_PARENTS_MAX; i++) {
        char version[24];
        snprintf(version, sizeof version, "%u", i);
        assert_int_equal(registers(c, 1, proper("other/base", version)), ASSAY_OK);
    }
    static char versions[ASSAY_PARENTS_MAX][24];
    parents[0] = (assay_version_ref){text("acme/ocr"), text("1")};
    for (uint32_t i = 1; i < ASSAY_PARENTS_MAX; i++) {
        snprintf(versions[i], sizeof versions[i], "%u", i);
        parents[i] = (assay_version_ref){text("other/base"), text(versions[i])};
    }
    m = proper("acme/ocr", "2");
    m.parents = parents;
    m.parents_count = ASSAY_PARENTS_MAX;
    parents[15].version = text("14");
    assert_int_equal(registers(c, 0, m), ASSAY_E_LINEAGE); /* one twice */
    parents[15].version = text("15");
    assert_int_equal(registers(c, 0, m), ASSAY_OK);

    uint8_t memory[8192];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_models_detail detail;
    assay_version_ref *told;
    uint32_t count;
    bool found;
    assert_int_equal(
        assay_models_detail_get(chain_view(c), &detail, &found, &told, &count, &keep, text("acme/ocr"), text("2")),
        ASSAY_OK);
    assert_true(found);
    assert_int_equal(detail.number, 1);
    assert_int_equal(count, ASSAY_PARENTS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(assay_base_bytes_eq(told[i].name, parents[i].name));
        assert_true(assay_base_bytes_eq(told[i].version, parents[i].version));
    }
    assert_true(assay_base_bytes_eq(detail.source, text("somewhere")));
    chain_free(c);
}

/* ---- deposits, lapsing --------------------------------------------------------------------------------------- */

static void test_deposits(void **state) {
    (void)state;
    chain *c = chain_new(1);
    const struct {
        uint64_t size, mib;
    } cases[] = {{0, 1}, {1, 1}, {1 << 20, 1}, {(1 << 20) + 1, 2}, {(uint64_t)5 << 30, 5 << 10}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char version[24];
        snprintf(version, sizeof version, "%zu", i);
        assay_msg_register m = proper("acme/ocr", version);
        m.size = cases[i].size;
        m.files = 1;
        m.chunks = cases[i].size ? (cases[i].size + 1023) / 1024 : 1;
        uint64_t before = chain_account(c, c->accounts[0].address).balance;
        assert_int_equal(registers(c, 0, m), ASSAY_OK);
        assert_int_equal(before - chain_account(c, c->accounts[0].address).balance, 100000 + cases[i].mib * 1001);
    }
    /* Who cannot pay it registers nothing, and has paid the fee. */
    assay_msg_register m = proper("acme/ocr", "dear");
    m.size = c->params.model_size_max;
    m.files = 1;
    m.chunks = m.size / 1024;
    uint64_t before = chain_account(c, c->accounts[0].address).balance;
    assert_int_equal(registers(c, 0, m), ASSAY_E_FUNDS);
    assert_int_equal(before - chain_account(c, c->accounts[0].address).balance, 100000);
    assert_int_equal(status_of(c, "acme/ocr", "dear"), 0);
    chain_free(c);
}

/* Forty blocks and 400 seconds, and not one more. */
static void test_lapse(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    work_make(&w, "acme/ocr", "1", 2);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_OK);
    uint64_t balance = chain_account(c, c->accounts[0].address).balance;
    chain_run_to(c, 40);
    assert_int_equal(c->one.result.recheck_height, 42); /* it must not sleep beyond */
    uint32_t number = work_add_check(c, &w, 0, false);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_OK);
    assert_int_equal(status_of(c, "acme/ocr", "1"), ASSAY_VERSION_RECORDED);
    number = work_add_check(c, &w, 1, false);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_E_WINDOW);
    assert_int_equal(chain_height(c), 42);
    assert_int_equal(status_of(c, "acme/ocr", "1"), ASSAY_VERSION_LAPSED);
    assert_int_equal(chain_event(c, "lapsed")->amount, 500);
    assay_version_record r = work_record(c, &w);
    assert_int_equal(r.deposit, 0);
    assert_int_equal(r.ended_height, 42);
    assert_int_equal(chain_account(c, c->accounts[0].address).balance, balance); /* burned */
    number = work_add_check(c, &w, 1, false);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_E_STATE);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_E_EXISTS);
    assay_msg_status revoke = {text("acme/ocr"), text("1"), {NULL, 0}};
    ASSAY_ASSERT_CODE(c, &c->accounts[0], revoke, &revoke, ASSAY_E_STATE);
    /* The check that was in flight is nobody's missed duty, and its draws are forgotten. */
    for (int i = 0; i < 30; i++) {
        chain_block(c);
        assert_null(chain_event(c, "missed-duty"));
        assert_null(chain_event(c, "drawn"));
    }
    assert_int_equal(c->one.result.recheck_height, 0);
    chain_free(c);
}

/* By blocks alone nothing lapses, nor by seconds alone; a larger model has longer. */
static void test_lapse_needs_both(void **state) {
    (void)state;
    for (uint32_t how = 0; how < 3; how++) {
        chain *c = chain_new(1);
        assay_msg_register m = proper("acme/ocr", "1");
        if (how == 2) {
            m.size = (uint64_t)3 << 30; /* 300 seconds more */
            m.files = 1;
            m.chunks = m.size / 1024;
        }
        assert_int_equal(registers(c, 0, m), ASSAY_OK);
        int64_t recorded = c->time;
        c->step = how == 0 ? 4 : how == 1 ? 100 : 10;
        uint64_t last = how == 0 ? 101 : how == 1 ? 41 : 71;
        chain_run_to(c, last);
        assert_int_equal(status_of(c, "acme/ocr", "1"), ASSAY_VERSION_RECORDED);
        chain_block(c);
        assert_int_equal(status_of(c, "acme/ocr", "1"), ASSAY_VERSION_LAPSED);
        assert_true(c->time - recorded > 400);
        chain_free(c);
    }
}

/* Header times before 1970 are times like any other. */
static void test_lapse_before_1970(void **state) {
    (void)state;
    chain *c = chain_new(1);
    c->time = -200;
    assert_int_equal(registers(c, 0, proper("acme/ocr", "1")), ASSAY_OK);
    chain_run_to(c, 41);
    assert_int_equal(status_of(c, "acme/ocr", "1"), ASSAY_VERSION_RECORDED);
    chain_block(c);
    assert_true(c->time > 0);
    assert_int_equal(status_of(c, "acme/ocr", "1"), ASSAY_VERSION_LAPSED);
    chain_free(c);
}

/* ---- duties -------------------------------------------------------------------------------------------------- */

static uint32_t duties_of(chain *c, const signer *key, assay_models_duty **out, uint32_t max) {
    static uint8_t memory[65536];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    uint32_t count;
    assert_int_equal(assay_models_duties(out, &count, &keep, memory_reader(&c->one.storage), key->key, max, NULL),
                     ASSAY_OK);
    return count;
}

static void test_duties(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work a, b;
    static work_opening opening;
    assay_models_duty *list;
    work_make(&a, "acme/ocr", "1", 3);
    work_make(&b, "acme/ocr", "2", 4);
    assert_int_equal(duties_of(c, &c->attestation[0], &list, 8), 0);
    assert_int_equal(registers(c, 0, work_register(&a)), ASSAY_OK);
    assert_int_equal(registers(c, 0, work_register(&b)), ASSAY_OK);
    assert_int_equal(duties_of(c, &c->attestation[0], &list, 1), 1); /* no more than asked for */
    assert_int_equal(duties_of(c, &c->accounts[0], &list, 8), 0);    /* nobody's key */
    assert_int_equal(duties_of(c, &c->owners[0], &list, 8), 0);      /* not the attestation key */
    assert_int_equal(duties_of(c, &c->attestation[0], &list, 8), 2);
    assay_version_record r = work_record(c, &a);
    assert_int_equal(list[0].kind, ASSAY_DUTY_CHECK);
    assert_true(assay_base_bytes_eq(list[0].name, text("acme/ocr")) && assay_base_bytes_eq(list[0].version, text("1")));
    assert_true(assay_base_hash_eq(list[0].root, a.root) &&
                assay_base_hash_eq(list[0].recorded_block, r.recorded_block));
    assert_int_equal(list[0].size, a.size);
    assert_int_equal(list[0].files, a.files);
    assert_int_equal(list[0].chunks, a.chunks);
    assert_int_equal(list[0].recorded_height, 1);
    assert_null(list[0].draws);

    /* Checked: nothing to do for it until all draws are there; then its opening comes first. */
    work_add_check(c, &b, 0, false);
    chain_block(c);
    assert_int_equal(duties_of(c, &c->attestation[0], &list, 8), 1);
    assert_true(assay_base_bytes_eq(list[0].version, text("1")));
    for (int i = 0; i < 6; i++) chain_block(c);
    assert_int_equal(duties_of(c, &c->attestation[0], &list, 8), 2);
    assert_int_equal(list[0].kind, ASSAY_DUTY_OPEN);
    assert_true(assay_base_bytes_eq(list[0].version, text("2")));
    work_open(c, &b, 0, &opening);
    assert_true(assay_base_hash_eq(list[0].custody_root, opening.mine.root));
    assert_int_equal(list[0].draws_count, opening.message.entries_count);
    for (uint32_t i = 0; i < list[0].draws_count; i++) assert_int_equal(list[0].draws[i], opening.entries[i].chunk);
    work_add_opening(c, &b, 0);
    chain_block(c);
    assert_int_equal(duties_of(c, &c->attestation[0], &list, 8), 1);

    /* A void check is a duty again; a revoked version is nobody's. */
    work_add_check(c, &a, 1, false);
    chain_block(c);
    for (int i = 0; i < 16; i++) chain_block(c);
    assert_int_equal(work_check_state(c, &a, 1), ASSAY_MODELS_VOID);
    assert_int_equal(duties_of(c, &c->attestation[1], &list, 8), 2);
    assay_msg_status revoke = {text("acme/ocr"), text("1"), {NULL, 0}};
    ASSAY_ASSERT_CODE(c, &c->accounts[0], revoke, &revoke, ASSAY_OK);
    assert_int_equal(duties_of(c, &c->attestation[1], &list, 8), 1);

    /* Nor has anything to do who is not in the set. */
    work_add_check(c, &b, 2, true);
    for (int i = 0; i < 8; i++) chain_block(c);
    work_add_opening(c, &b, 2);
    chain_block(c);
    assert_true(chain_validator(c, 2).jailed);
    assert_int_equal(duties_of(c, &c->attestation[2], &list, 8), 0);
    assert_int_equal(duties_of(c, &c->attestation[3], &list, 8), 1);
    chain_free(c);
}

/* Not having checked is a missed duty when the window since the attestation has passed; a check in the last moment is
 * not, and may be opened after it. */
static void test_missed_duty(void **state) {
    (void)state;
    chain *c = chain_new(5);
    work w;
    work_make(&w, "acme/ocr", "1", 5);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_OK);
    attest(c, &w, 3);
    assert_int_equal(work_record(c, &w).status, ASSAY_VERSION_RECORDED); /* 60 % */
    attest(c, &w, 4);
    assay_version_record r = work_record(c, &w);
    assert_int_equal(r.status, ASSAY_VERSION_ATTESTED);
    assert_int_equal(r.power_checked, 40);
    chain_free(c);

    c = chain_new(6);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_OK);
    attest(c, &w, 5);
    r = work_record(c, &w);
    assert_int_equal(r.status, ASSAY_VERSION_ATTESTED);
    chain_run_to(c, r.attested_height + 25);
    assert_null(chain_event(c, "missed-duty"));
    chain_block(c);
    assert_non_null(chain_event(c, "missed-duty"));
    uint32_t number = work_add_check(c, &w, 5, false);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_E_WINDOW);
    chain_free(c);

    c = chain_new(6);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_OK);
    attest(c, &w, 5);
    r = work_record(c, &w);
    chain_run_to(c, r.attested_height + 24);
    number = work_add_check(c, &w, 5, false);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_OK);
    for (int i = 0; i < 7; i++) {
        chain_block(c);
        assert_null(chain_event(c, "missed-duty"));
    }
    number = work_add_opening(c, &w, 5);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_OK);
    assert_int_equal(work_check_state(c, &w, 5), ASSAY_MODELS_OPENED);
    chain_free(c);
}

/* Rows of an index. */
static uint32_t index_rows(chain *c, const char *prefix) {
    assay_state_reader reader = memory_reader(&c->one.storage);
    assay_bytes begin = text(prefix), from = begin, key = {NULL, 0}, value;
    bool found = true;
    for (uint32_t count = 0;; count++) {
        assert_int_equal(reader.next(reader.context, ASSAY_SPACE_SIDE, from, count > 0, &key, &value, &found),
                         ASSAY_OK);
        if (!found || key.len < begin.len || memcmp(key.ptr, begin.ptr, begin.len) != 0) return count;
        from = key;
    }
}

/* Who came after the attestation has missed nothing; and when all is over, no index remembers anything. */
static void test_newcomer(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    work_make(&w, "acme/ocr", "1", 11);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_OK);
    attest(c, &w, 4);
    assay_version_record r = work_record(c, &w);
    assert_int_equal(r.status, ASSAY_VERSION_ATTESTED);
    const signer *owner = &c->owners[9];
    assay_bytes id = assay_base_bytes_str(c->chain_id);
    assay_msg_validator_create create = {
        .consensus_key = c->consensus[9].key,
        .attestation_key = c->attestation[9].key,
        .consensus_proof = chain_proof(&c->consensus[9], "consensus-key", id, owner->address),
        .attestation_proof = chain_proof(&c->attestation[9], "attestation-key", id, owner->address),
        .self_bond = CHAIN_BOND,
        .moniker = text("late"),
    };
    ASSAY_ASSERT_CODE(c, owner, validator_create, &create, ASSAY_OK);
    chain_run_to(c, r.attested_height + 24);
    assert_true(chain_validator(c, 9).power > 0);
    assay_models_duty *list;
    assert_int_equal(duties_of(c, &c->attestation[9], &list, 8), 1); /* it may still check */
    for (int i = 0; i < 4; i++) {
        chain_block(c);
        assert_null(chain_event(c, "missed-duty"));
    }
    assert_int_equal(duties_of(c, &c->attestation[9], &list, 8), 0);
    static const char *const empty[] = {"models/open/", "models/draw/",   "models/ready/",
                                        "models/test/", "models/height/", "models/time/"};
    for (size_t i = 0; i < 4; i++) assert_int_equal(index_rows(c, empty[i]), 0);
    assert_int_equal(index_rows(c, "models/root/"), 1);

    /* One that lapses, with a check in flight and one that waits for its opening. */
    work_make(&w, "acme/ocr", "2", 12);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_OK);
    uint64_t lapses = chain_height(c) + 41;
    assert_int_equal(index_rows(c, "models/root/"), 2);
    chain_run_to(c, lapses - 8);
    work_add_check(c, &w, 0, false);
    chain_run_to(c, lapses - 2);
    work_add_check(c, &w, 1, false);
    chain_block(c);
    assert_int_equal(index_rows(c, "models/ready/"), 1);
    assert_int_equal(index_rows(c, "models/draw/"), 1);
    chain_run_to(c, lapses + 80);
    assert_int_equal(status_of(c, "acme/ocr", "2"), ASSAY_VERSION_LAPSED);
    for (size_t i = 0; i < 6; i++) assert_int_equal(index_rows(c, empty[i]), 0);
    assert_int_equal(index_rows(c, "models/root/"), 1);
    chain_free(c);
}

/* More windows close at once than one block may close: the rest in the next, oldest first, and nothing is forgotten. */
static void test_many_windows(void **state) {
    (void)state;
    chain *c = chain_new(1);
    const uint32_t many = ASSAY_MODELS_DUE_MAX + 100;
    for (uint32_t i = 0; i < many; i++) {
        char version[24];
        snprintf(version, sizeof version, "%u", i);
        assay_msg_register m = proper("acme/ocr", version);
        chain_add(c, &c->accounts[0], (assay_tx_body){.register_version = &m});
    }
    const assay_ledger_result *result = chain_block(c);
    for (uint32_t i = 0; i < many; i++) assert_int_equal(result->results[i].code, ASSAY_OK);
    chain_run_to(c, 41);
    uint32_t lapsed = 0;
    const uint32_t expected[] = {ASSAY_MODELS_DUE_MAX, 100, 0};
    for (uint32_t block = 0; block < 3; block++) {
        chain_block(c);
        uint32_t now = 0;
        for (uint32_t i = 0; i < c->one.result.events_count; i++)
            now += strcmp(c->one.result.events[i].kind, "lapsed") == 0;
        assert_int_equal(now, expected[block]);
        lapsed += now;
    }
    assert_int_equal(lapsed, many);
    assert_int_equal(index_rows(c, "models/open/"), 0);
    chain_free(c);
}

/* ---- checks, status, reports --------------------------------------------------------------------------------- */

static void test_wrong_checks(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w, other;
    work_make(&w, "acme/ocr", "1", 6);
    work_make(&other, "acme/ocr", "1", 7);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_OK);
    assay_msg_check m = {text("acme/ocr"), text("1"), w.root, w.root};
    ASSAY_ASSERT_CODE(c, &c->accounts[0], check, &m, ASSAY_E_UNAUTHORIZED);
    ASSAY_ASSERT_CODE(c, &c->owners[0], check, &m, ASSAY_E_UNAUTHORIZED);
    ASSAY_ASSERT_CODE(c, &c->consensus[0], check, &m, ASSAY_E_UNAUTHORIZED);
    ASSAY_ASSERT_CODE(c, &c->attestation[4], check, &m, ASSAY_E_UNAUTHORIZED); /* not in genesis */
    m.version = text("2");
    ASSAY_ASSERT_CODE(c, &c->attestation[0], check, &m, ASSAY_E_NOT_FOUND);
    m.version = text("1");
    m.root = other.root;
    ASSAY_ASSERT_CODE(c, &c->attestation[0], check, &m, ASSAY_E_CONTENT);
    m.root = w.root;
    ASSAY_ASSERT_CODE(c, &c->attestation[0], check, &m, ASSAY_OK);
    ASSAY_ASSERT_CODE(c, &c->attestation[0], check, &m, ASSAY_E_DUPLICATE);
    chain_free(c);
}

static void test_status(void **state) {
    (void)state;
    chain *c = chain_new(1);
    work w;
    work_make(&w, "acme/ocr", "1", 8);
    assay_msg_status m = {text("acme/ocr"), text("1"), text("superseded")};
    ASSAY_ASSERT_CODE(c, &c->accounts[0], deprecate, &m, ASSAY_E_NOT_FOUND);
    ASSAY_ASSERT_CODE(c, &c->accounts[0], revoke, &m, ASSAY_E_NOT_FOUND);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_OK);
    ASSAY_ASSERT_CODE(c, &c->accounts[0], deprecate, &m, ASSAY_E_STATE); /* only what was attested */
    attest(c, &w, 1);
    assert_int_equal(status_of(c, "acme/ocr", "1"), ASSAY_VERSION_ATTESTED);
    ASSAY_ASSERT_CODE(c, &c->accounts[1], deprecate, &m, ASSAY_E_UNAUTHORIZED);
    ASSAY_ASSERT_CODE(c, &c->accounts[0], deprecate, &m, ASSAY_OK);
    assert_int_equal(status_of(c, "acme/ocr", "1"), ASSAY_VERSION_DEPRECATED);
    ASSAY_ASSERT_CODE(c, &c->accounts[0], deprecate, &m, ASSAY_E_STATE);
    m.reason = text("it leaks its training data");
    ASSAY_ASSERT_CODE(c, &c->accounts[1], revoke, &m, ASSAY_E_UNAUTHORIZED);
    ASSAY_ASSERT_CODE(c, &c->accounts[0], revoke, &m, ASSAY_OK);
    assay_version_record r = work_record(c, &w);
    assert_int_equal(r.status, ASSAY_VERSION_REVOKED);
    assert_int_equal(r.ended_height, chain_height(c));
    assert_int_equal(r.log_index, 1); /* what was said stays said */
    assert_true(r.attested_height > 0);
    ASSAY_ASSERT_CODE(c, &c->accounts[0], revoke, &m, ASSAY_E_STATE);

    uint8_t memory[4096];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_models_detail detail;
    assay_version_ref *parents;
    uint32_t count;
    bool found;
    assert_int_equal(
        assay_models_detail_get(chain_view(c), &detail, &found, &parents, &count, &keep, text("acme/ocr"), text("1")),
        ASSAY_OK);
    assert_true(assay_base_bytes_eq(detail.reason, m.reason));
    assert_int_equal(count, 0);

    /* Revoked before it was attested: the deposit is burned, and nothing of it lapses later. */
    work_make(&w, "acme/ocr", "2", 9);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_OK);
    m.version = text("2");
    ASSAY_ASSERT_CODE(c, &c->accounts[0], revoke, &m, ASSAY_OK);
    assert_int_equal(work_record(c, &w).deposit, 0);
    uint32_t number = work_add_check(c, &w, 0, false);
    assert_int_equal(chain_block(c)->results[number].code, ASSAY_E_STATE);
    for (int i = 0; i < 60; i++) {
        chain_block(c);
        assert_null(chain_event(c, "lapsed"));
    }
    assert_int_equal(status_of(c, "acme/ocr", "2"), ASSAY_VERSION_REVOKED);
    chain_free(c);
}

static void test_reports(void **state) {
    (void)state;
    chain *c = chain_new(4);
    work w;
    work_make(&w, "acme/ocr", "1", 10);
    assert_int_equal(registers(c, 0, work_register(&w)), ASSAY_OK);
    static char longest[ASSAY_MODELS_REPORT_PATH_MAX + 2];
    memset(longest, 'a', sizeof longest - 1);
    assay_msg_report m = {text("acme/ocr"), text("1"), c->accounts[3].address, text("weights/a.bin")};
    ASSAY_ASSERT_CODE(c, &c->accounts[0], report, &m, ASSAY_E_UNAUTHORIZED);
    ASSAY_ASSERT_CODE(c, &c->owners[4], report, &m, ASSAY_E_UNAUTHORIZED); /* owns no validator */
    m.version = text("2");
    ASSAY_ASSERT_CODE(c, &c->owners[0], report, &m, ASSAY_E_NOT_FOUND);
    m.version = text("1");
    m.path = text("../a");
    ASSAY_ASSERT_CODE(c, &c->owners[0], report, &m, ASSAY_E_NAME);
    m.path = text(longest);
    ASSAY_ASSERT_CODE(c, &c->owners[0], report, &m, ASSAY_E_RANGE);
    m.path.len--;
    ASSAY_ASSERT_CODE(c, &c->owners[0], report, &m, ASSAY_OK);
    ASSAY_ASSERT_CODE(c, &c->owners[0], report, &m, ASSAY_E_DUPLICATE);
    /* The attestation key may too, if somebody sent it something to pay with. */
    ASSAY_ASSERT_CODE(c, &c->attestation[1], report, &m, ASSAY_E_FUNDS);
    assay_msg_send send = {c->attestation[1].address, 1000000, {NULL, 0}};
    ASSAY_ASSERT_CODE(c, &c->accounts[0], send, &send, ASSAY_OK);
    ASSAY_ASSERT_CODE(c, &c->attestation[1], report, &m, ASSAY_OK);
    ASSAY_ASSERT_CODE(c, &c->owners[1], report, &m, ASSAY_E_DUPLICATE); /* the same validator */

    uint8_t memory[16384];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_models_report_row *rows;
    uint32_t count;
    assert_int_equal(assay_models_reports(&rows, &count, &keep, chain_view(c), text("acme/ocr"), text("1"), 16),
                     ASSAY_OK);
    assert_int_equal(count, 2);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(assay_base_address_eq(rows[i].report.sender, c->accounts[3].address));
        assert_int_equal(rows[i].report.path.len, ASSAY_MODELS_REPORT_PATH_MAX);
    }
    assert_int_equal(assay_models_reports(&rows, &count, &keep, chain_view(c), text("acme/ocr"), text("1"), 1),
                     ASSAY_OK);
    assert_int_equal(count, 1);
    assay_msg_status revoke = {text("acme/ocr"), text("1"), {NULL, 0}};
    ASSAY_ASSERT_CODE(c, &c->accounts[0], revoke, &revoke, ASSAY_OK);
    ASSAY_ASSERT_CODE(c, &c->owners[2], report, &m, ASSAY_E_STATE);
    chain_free(c);
}

/* ---- queries ------------------------------------------------------------------------------------------------- */

static void test_queries(void **state) {
    (void)state;
    chain *c = chain_new(1);
    static uint8_t memory[1 << 20];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    static const char *const names[] = {"a/a", "a/b", "a/b-c", "b/a", "c/z"};
    for (size_t i = 0; i < 5; i++) assert_int_equal(registers(c, 0, proper(names[4 - i], "1")), ASSAY_OK);
    for (uint32_t i = 2; i < 12; i++) {
        char version[24];
        snprintf(version, sizeof version, "%u", i);
        assert_int_equal(registers(c, 0, proper("a/b", version)), ASSAY_OK);
    }
    assay_models_row *rows;
    uint32_t count;
    assert_int_equal(assay_models_list(&rows, &count, &keep, chain_view(c), (assay_bytes){NULL, 0}, 3), ASSAY_OK);
    assert_int_equal(count, 3);
    for (uint32_t i = 0; i < 3; i++) assert_true(assay_base_bytes_eq(rows[i].name, text(names[i])));
    assert_int_equal(rows[1].model.versions, 11);
    assert_int_equal(assay_models_list(&rows, &count, &keep, chain_view(c), rows[2].name, 3), ASSAY_OK);
    assert_int_equal(count, 2);
    for (uint32_t i = 0; i < 2; i++) assert_true(assay_base_bytes_eq(rows[i].name, text(names[3 + i])));
    static char endless[500];
    memset(endless, 'b', sizeof endless);
    assert_int_equal(assay_models_list(&rows, &count, &keep, chain_view(c), (assay_bytes){(uint8_t *)endless, 500}, 9),
                     ASSAY_OK);
    assert_int_equal(count, 1); /* what comes after "bbb..." */

    assay_models_version_row *versions;
    assert_int_equal(assay_models_versions(&versions, &count, &keep, chain_view(c), text("a/b"), 0, 100), ASSAY_OK);
    assert_int_equal(count, 11);
    for (uint32_t i = 0; i < count; i++) {
        char version[24];
        snprintf(version, sizeof version, "%u", i + 1);
        assert_int_equal(versions[i].number, i);
        assert_true(assay_base_bytes_eq(versions[i].version, text(version))); /* 10 after 9: in order of registration */
        assert_int_equal(versions[i].record.status, ASSAY_VERSION_RECORDED);
    }
    assert_int_equal(assay_models_versions(&versions, &count, &keep, chain_view(c), text("a/b"), 9, 100), ASSAY_OK);
    assert_int_equal(count, 2);
    assert_int_equal(assay_models_versions(&versions, &count, &keep, chain_view(c), text("a/b"), UINT64_MAX, 100),
                     ASSAY_OK);
    assert_int_equal(count, 0);
    assert_int_equal(assay_models_versions(&versions, &count, &keep, chain_view(c), text("a"), 0, 100), ASSAY_OK);
    assert_int_equal(count, 0);

    /* All of them have one root here; revoked ones no longer count. */
    assay_msg_register m = proper("a/b", "1");
    assert_int_equal(assay_models_of_root(&versions, &count, &keep, chain_view(c), m.root, 100), ASSAY_OK);
    assert_int_equal(count, 15);
    assay_msg_status revoke = {text("a/b"), text("1"), {NULL, 0}};
    ASSAY_ASSERT_CODE(c, &c->accounts[0], revoke, &revoke, ASSAY_OK);
    assert_int_equal(assay_models_of_root(&versions, &count, &keep, chain_view(c), m.root, 100), ASSAY_OK);
    assert_int_equal(count, 14);
    m.root.b[0] ^= 1;
    assert_int_equal(assay_models_of_root(&versions, &count, &keep, chain_view(c), m.root, 100), ASSAY_OK);
    assert_int_equal(count, 0);

    /* Names longer than any are not found, nowhere. */
    assay_version_record record;
    assay_models_model model;
    assay_models_check_row *checks;
    assay_models_report_row *reports;
    bool found;
    assay_bytes far = {(uint8_t *)endless, 500};
    assert_int_equal(assay_models_version(chain_view(c), &record, &found, far, far), ASSAY_OK);
    assert_false(found);
    assert_int_equal(assay_models_model_get(chain_view(c), &model, &found, &keep, far), ASSAY_OK);
    assert_false(found);
    assert_int_equal(assay_models_checks(&checks, &count, &keep, chain_view(c), far, far, 9), ASSAY_OK);
    assert_int_equal(count, 0);
    assert_int_equal(assay_models_reports(&reports, &count, &keep, chain_view(c), far, far, 9), ASSAY_OK);
    assert_int_equal(count, 0);
    chain_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_prefix_and_maintainers),
        cmocka_unit_test(test_most_maintainers),
        cmocka_unit_test(test_lineage),
        cmocka_unit_test(test_deposits),
        cmocka_unit_test(test_lapse),
        cmocka_unit_test(test_lapse_needs_both),
        cmocka_unit_test(test_lapse_before_1970),
        cmocka_unit_test(test_duties),
        cmocka_unit_test(test_missed_duty),
        cmocka_unit_test(test_newcomer),
        cmocka_unit_test(test_many_windows),
        cmocka_unit_test(test_wrong_checks),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
