/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be said of models without a chain: its tables are well formed, its largest records fit, its keys keep apart
 * what is apart, its windows are as long as the parameters say, its draws are those that types defines. (Its life is
 * tested through the router: src/ledger/test.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../models_internal.h"

static char longest[ASSAY_PATH_LEN_MAX];
static assay_bytes of(size_t len) { return (assay_bytes){(const uint8_t *)longest, len}; }

static void test_tables(void **state) {
    (void)state;
    const assay_codec_message *tables[] = {
        &assay_models_model_message,  &assay_models_detail_message, &assay_models_check_message,
        &assay_models_report_message, &assay_models_link_message,   &assay_models_entry_message,
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) assert_true(assay_codec_table_ok(tables[i]));
}

/* Every record at its largest is a value that state takes. */
static void test_largest(void **state) {
    (void)state;
    uint8_t maintainers[ASSAY_MAINTAINERS_MAX][ASSAY_ADDRESS_LEN], draws[ASSAY_MODELS_DRAWS_MAX][ASSAY_HASH_LEN];
    memset(longest, 'a', sizeof longest);
    memset(maintainers, 0xff, sizeof maintainers);
    memset(draws, 0xff, sizeof draws);
    assay_models_model model = {UINT32_MAX, UINT64_MAX, UINT64_MAX, maintainers, ASSAY_MAINTAINERS_MAX};
    assay_models_detail detail = {UINT32_MAX, UINT64_MAX, UINT64_MAX, of(ASSAY_SOURCE_LEN_MAX), of(ASSAY_MEMO_LEN_MAX)};
    assay_models_check_record check = {
        .format = UINT32_MAX,
        .state = UINT32_MAX,
        .height = UINT64_MAX,
        .voids = UINT64_MAX,
        .chunks_per_draw = UINT64_MAX,
        .draws = draws,
        .draws_count = ASSAY_MODELS_DRAWS_MAX,
        .drawn_height = UINT64_MAX,
        .drawn_seconds = -1,
        .ended_height = UINT64_MAX,
    };
    assay_models_report_record report = {UINT32_MAX, {{1}}, of(ASSAY_MODELS_REPORT_PATH_MAX), UINT64_MAX};
    models_link link = {UINT32_MAX, of(ASSAY_NAME_LEN_MAX), of(ASSAY_VERSION_LEN_MAX)};
    models_entry entry = {
        UINT32_MAX, UINT32_MAX, of(ASSAY_NAME_LEN_MAX), of(ASSAY_VERSION_LEN_MAX), {{1}}, {{1}}, UINT64_MAX, UINT64_MAX,
        UINT64_MAX, -1};
    assay_version_record version = {
        .format = UINT32_MAX,
        .status = UINT32_MAX,
        .size = UINT64_MAX,
        .files = UINT64_MAX,
        .chunks = UINT64_MAX,
        .tensor_rules = UINT32_MAX,
        .tensors = UINT64_MAX,
        .recorded_height = UINT64_MAX,
        .recorded_seconds = -1,
        .attested_height = UINT64_MAX,
        .power_checked = UINT64_MAX,
        .power_total = UINT64_MAX,
        .log_index = UINT64_MAX,
        .deposit = UINT64_MAX,
        .ended_height = UINT64_MAX,
    };
    const struct {
        const assay_codec_message *message;
        const void *record;
    } all[] = {
        {&assay_models_model_message, &model},     {&assay_models_detail_message, &detail},
        {&assay_models_check_message, &check},     {&assay_models_report_message, &report},
        {&assay_models_link_message, &link},       {&assay_models_entry_message, &entry},
        {&assay_version_record_message, &version},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t size = assay_codec_size(all[i].message, all[i].record, ASSAY_CODEC_STRICT);
        assert_true(size <= ASSAY_STATE_VALUE_LEN_MAX);
    }
    /* And the longest key is shorter than a key may be. */
    assay_rule_key key =
        assay_models_key_report(of(ASSAY_NAME_LEN_MAX), of(ASSAY_VERSION_LEN_MAX), (assay_address){{0}});
    assert_true(key.len < ASSAY_RULE_KEY_LEN_MAX);
}

static bool begins(const assay_rule_key *key, const assay_rule_key *prefix) {
    return key->len >= prefix->len && memcmp(key->bytes, prefix->bytes, prefix->len) == 0;
}

/* The checks of a/b@1 are not those of a/b@1.0, nor of a/b@1/..: no prefix of a version's list begins another's. */
static void test_keys(void **state) {
    (void)state;
    assay_address who = {{'0'}};
    const char *names[] = {"a/b", "a/b-1", "a/b1"}, *versions[] = {"1", "1.0", "10"};
    for (int i = 0; i < 9; i++) {
        for (int k = 0; k < 9; k++) {
            assay_bytes name = assay_base_bytes_str(names[i / 3]), version = assay_base_bytes_str(versions[i % 3]);
            assay_rule_key other =
                assay_models_key_check(assay_base_bytes_str(names[k / 3]), assay_base_bytes_str(versions[k % 3]), who);
            assay_rule_key list = assay_models_key_checks(name, version);
            assert_int_equal(begins(&other, &list), i == k);
        }
    }
    assay_rule_key ours = assay_models_key_order(ASSAY_STR("a/b"), 7),
                   lists = assay_models_key_orders(ASSAY_STR("a/b"));
    assert_true(begins(&ours, &lists));
    ours = assay_models_key_order(ASSAY_STR("a/bc"), 7);
    assert_false(begins(&ours, &lists));
    uint8_t memory[256];
    assay_buf text = {memory, 0, sizeof memory};
    assert_int_equal(assay_version_key(&text, ASSAY_STR("a/b"), ASSAY_STR("1")), ASSAY_OK);
    ours = assay_models_key_version(ASSAY_STR("a/b"), ASSAY_STR("1"));
    assert_true(assay_base_bytes_eq(assay_rule_key_of(&ours), (assay_bytes){text.ptr, text.len}));
    assert_true(assay_base_bytes_eq(assay_models_owner_of(ASSAY_STR("acme/ocr")), ASSAY_STR("acme")));
}

static void test_windows(void **state) {
    (void)state;
    assay_params params = {.attest_blocks = 3,
                           .attest_seconds = 30,
                           .attest_seconds_per_gib = 100,
                           .duty_blocks = 5,
                           .duty_seconds = 50,
                           .opening_blocks = 7,
                           .opening_seconds = 70};
    const uint64_t gib = (uint64_t)1 << 30;
    const struct {
        uint64_t size, more;
    } cases[] = {
        {0, 0}, {1, 0}, {gib / 100, 0}, {gib / 100 + 1, 1}, {gib, 100}, {gib + gib / 2, 150}, {gib << 20, 100u << 20}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_rule_window attest = assay_models_attest_window(&params, cases[i].size);
        assay_rule_window duty = assay_models_duty_window(&params, cases[i].size);
        assert_int_equal(attest.blocks, 3);
        assert_int_equal(attest.seconds, 30 + cases[i].more);
        assert_int_equal(duty.blocks, 5);
        assert_int_equal(duty.seconds, 50 + cases[i].more);
    }
    assay_rule_window opening = assay_models_opening_window(&params);
    assert_int_equal(opening.blocks, 7);
    assert_int_equal(opening.seconds, 70);
    /* The largest that parameters allow. */
    params.attest_seconds = params.attest_seconds_per_gib = ASSAY_RULE_SPAN_MAX;
    assert_int_equal(assay_models_attest_window(&params, (uint64_t)1 << 50).seconds,
                     ((uint64_t)1 << 60) + ((uint64_t)1 << 40));

    /* No draw yet, and both ends of the window after the last. */
    assay_models_check_record check = {.drawn_height = 0};
    assert_int_equal(assay_models_opening_is_due(&params, &check, (assay_rule_moment){10, 1000}), ASSAY_E_WINDOW);
    check.drawn_height = 10;
    check.drawn_seconds = 1000;
    assert_int_equal(assay_models_opening_is_due(&params, &check, (assay_rule_moment){10, 1000}), ASSAY_OK);
    assert_int_equal(assay_models_opening_is_due(&params, &check, (assay_rule_moment){17, 1071}), ASSAY_OK);
    assert_int_equal(assay_models_opening_is_due(&params, &check, (assay_rule_moment){18, 1070}), ASSAY_OK);
    assert_int_equal(assay_models_opening_is_due(&params, &check, (assay_rule_moment){18, 1071}), ASSAY_E_WINDOW);
}

static void test_draws(void **state) {
    (void)state;
    uint8_t draws[2][ASSAY_HASH_LEN];
    memset(draws[0], 1, sizeof draws[0]);
    memset(draws[1], 2, sizeof draws[1]);
    assay_models_check_record check = {.id = {{9}}, .chunks_per_draw = 3, .draws = draws, .draws_count = 2};
    uint64_t chunks[ASSAY_OPENING_ENTRIES_MAX];
    assert_int_equal(assay_models_draw_list(chunks, &check, 1000), 6);
    for (uint32_t i = 0; i < 6; i++) {
        assay_hash block;
        memcpy(block.b, draws[i / 3], sizeof block.b);
        assert_int_equal(chunks[i], assay_draw_chunk(block, check.id, i % 3, 1000));
    }
    assert_int_equal(assay_models_draw_list(chunks, &check, 1), 6);
    for (uint32_t i = 0; i < 6; i++) assert_int_equal(chunks[i], 0);
}

static void test_params(void **state) {
    (void)state;
    const struct {
        uint64_t draws, chunks;
        assay_err err;
    } cases[] = {
        {1, 1, ASSAY_OK},       {1, 64, ASSAY_OK},      {1, 65, ASSAY_E_RANGE}, {16, 4, ASSAY_OK},
        {16, 5, ASSAY_E_RANGE}, {17, 1, ASSAY_E_RANGE}, {0, 1, ASSAY_E_RANGE},  {1, 0, ASSAY_E_RANGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_params params = {.draws_per_check = cases[i].draws, .chunks_per_draw = cases[i].chunks};
        assert_int_equal(assay_models_params_check(&params), cases[i].err);
    }
}

static void test_state_texts(void **state) {
    (void)state;
    assert_string_equal(assay_models_check_state_text(ASSAY_MODELS_PENDING), "pending");
    assert_string_equal(assay_models_check_state_text(ASSAY_MODELS_OPENED), "opened");
    assert_string_equal(assay_models_check_state_text(ASSAY_MODELS_VOID), "void");
    assert_string_equal(assay_models_check_state_text(ASSAY_MODELS_FALSE), "false");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),      cmocka_unit_test(test_largest), cmocka_unit_test(test_keys),
        cmocka_unit_test(test_windows),     cmocka_unit_test(test_draws),   cmocka_unit_test(test_params),
        cmocka_unit_test(test_state_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
