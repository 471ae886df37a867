/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void errors_have_codes(void **state) {
    (void)state;
    assert_string_equal(assay_base_err_code(ASSAY_OK), "E0");
    assert_string_equal(assay_base_err_code(ASSAY_E_CONTENT), "E23");
    assert_string_equal(assay_base_err_code(ASSAY_F_STORAGE), "F129");
    assay_err e;
    assert_true(assay_base_err_from_code(&e, "e23"));
    assert_int_equal(e, ASSAY_E_CONTENT);
    assert_false(assay_base_err_from_code(&e, "E999"));
    assert_false(assay_base_err_from_code(&e, ""));
    assert_int_equal(assay_base_err_exit(ASSAY_E_REVOKED), 5);
    assert_true(assay_base_err_is_fault(ASSAY_F_MEMORY));
    assert_false(assay_base_err_is_fault(ASSAY_E_BLOCK));
}

static void arena_aligns_zeroes_and_ends(void **state) {
    (void)state;
    uint8_t memory[64];
    memset(memory, 0xff, sizeof memory);
    assay_arena arena = assay_base_arena(memory + 1, 40);
    uint64_t *n = ASSAY_NEW(&arena, uint64_t, 2);
    assert_non_null(n);
    assert_int_equal((uintptr_t)n % _Alignof(uint64_t), 0);
    assert_true(n[0] == 0 && n[1] == 0);
    assert_null(ASSAY_NEW(&arena, uint64_t, 4));
    assert_null(ASSAY_NEW(&arena, uint64_t, SIZE_MAX / 4));
    assert_non_null(ASSAY_NEW(&arena, uint8_t, (size_t)(arena.end - arena.at)));
    assert_null(ASSAY_NEW(&arena, uint8_t, 1));
    arena = assay_base_arena(memory, 9);
    assay_arena upper = assay_base_arena_split(&arena);
    assert_true(arena.at == memory && arena.end == memory + 4 && upper.at == memory + 4 && upper.end == memory + 9);
}

static void integers_are_checked(void **state) {
    (void)state;
    uint64_t v;
    assert_int_equal(assay_base_add_u64(&v, UINT64_MAX, 1), ASSAY_E_OVERFLOW);
    assert_int_equal(assay_base_sub_u64(&v, 0, 1), ASSAY_E_OVERFLOW);
    assert_int_equal(assay_base_mul_u64(&v, UINT64_MAX, 2), ASSAY_E_OVERFLOW);
    assert_int_equal(assay_base_muldiv_down_u64(&v, UINT64_MAX, UINT64_MAX, UINT64_MAX), ASSAY_OK);
    assert_true(v == UINT64_MAX);
    assert_int_equal(assay_base_muldiv_down_u64(&v, 7, 5, 3), ASSAY_OK);
    assert_int_equal(v, 11);
    assert_int_equal(assay_base_muldiv_up_u64(&v, 7, 5, 3), ASSAY_OK);
    assert_int_equal(v, 12);
    assert_int_equal(assay_base_muldiv_up_u64(&v, 1, 1, 0), ASSAY_E_OVERFLOW);
    assert_int_equal(assay_base_muldiv_up_u64(&v, UINT64_MAX, 3, 2), ASSAY_E_OVERFLOW);
    assert_true(assay_base_more_than(3, 4, 2, 3));
    assert_false(assay_base_more_than(2, 3, 2, 3));
    assert_true(assay_base_more_than(UINT64_MAX, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX));
}

static void times_carry(void **state) {
    (void)state;
    assay_time t = assay_base_time_add_ns((assay_time){10, 999999999}, 1);
    assert_true(t.seconds == 11 && t.nanos == 0);
    t = assay_base_time_add_ns((assay_time){10, 0}, -1);
    assert_true(t.seconds == 9 && t.nanos == 999999999);
    t = assay_base_time_add_ns((assay_time){-1, 5}, -2000000006);
    assert_true(t.seconds == -4 && t.nanos == 999999999);
    assert_true(assay_base_time_cmp((assay_time){1, 2}, (assay_time){1, 3}) < 0);
    assert_true(assay_base_time_cmp((assay_time){2, 0}, (assay_time){1, 3}) > 0);
    assert_int_equal(assay_base_time_cmp((assay_time){1, 2}, (assay_time){1, 2}), 0);
}

static void text_round_trips(void **state) {
    (void)state;
    char hex[5];
    assay_base_hex(hex, (assay_bytes){(const uint8_t *)"\x00\xfe", 2});
    assert_string_equal(hex, "00fe");
    uint8_t back[2];
    assert_int_equal(assay_base_unhex(back, 2, ASSAY_STR("00FE")), ASSAY_OK);
    assert_memory_equal(back, "\x00\xfe", 2);
    assert_int_equal(assay_base_unhex(back, 2, ASSAY_STR("00F")), ASSAY_E_ENCODING);
    assert_int_equal(assay_base_unhex(back, 2, ASSAY_STR("00FG")), ASSAY_E_ENCODING);
    char digits[ASSAY_DECIMAL_LEN_MAX + 1];
    assert_int_equal(assay_base_decimal(digits, UINT64_MAX), 20);
    assert_string_equal(digits, "18446744073709551615");
    uint64_t v;
    assert_int_equal(assay_base_undecimal(&v, assay_base_bytes_str(digits)), ASSAY_OK);
    assert_true(v == UINT64_MAX);
    assert_int_equal(assay_base_undecimal(&v, ASSAY_STR("18446744073709551616")), ASSAY_E_OVERFLOW);
    assert_int_equal(assay_base_undecimal(&v, ASSAY_STR("01")), ASSAY_E_ENCODING);
    assert_int_equal(assay_base_undecimal(&v, ASSAY_STR("")), ASSAY_E_ENCODING);
    assert_int_equal(assay_base_undecimal(&v, ASSAY_STR("+1")), ASSAY_E_ENCODING);
    assert_int_equal(assay_base_undecimal(&v, ASSAY_STR("0")), ASSAY_OK);
}

typedef struct pair {
    uint32_t key, position;
} pair;

static bool pair_less(const void *context, const void *a, const void *b) {
    (void)context;
    return ((const pair *)a)->key < ((const pair *)b)->key;
}

static void sort_orders_and_is_stable(void **state) {
    (void)state;
    static pair pairs[1000], scratch[1000];
    uint64_t seed = 42;
    for (size_t count = 0; count < 1000; count += count < 70 ? 1 : 93) {
        for (uint32_t i = 0; i < count; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            pairs[i] = (pair){(uint32_t)(seed >> 33) % 50, i};
        }
        assay_base_sort(pairs, scratch, count, sizeof(pair), pair_less, NULL);
        for (size_t i = 1; i < count; i++) {
            assert_true(pairs[i - 1].key <= pairs[i].key);
            if (pairs[i - 1].key == pairs[i].key) assert_true(pairs[i - 1].position < pairs[i].position);
        }
    }
}

static void bytes_compare(void **state) {
    (void)state;
    assert_true(assay_base_bytes_cmp(ASSAY_STR("a"), ASSAY_STR("ab")) < 0);
    assert_true(assay_base_bytes_cmp(ASSAY_STR("b"), ASSAY_STR("ab")) > 0);
    assert_int_equal(assay_base_bytes_cmp((assay_bytes){NULL, 0}, ASSAY_STR("")), 0);
    assert_true(assay_base_bytes_eq((assay_bytes){NULL, 0}, ASSAY_STR("")));
    uint8_t room[3];
    assay_buf buf = {room, 0, sizeof room};
    assert_int_equal(assay_base_buf_put(&buf, ASSAY_STR("ab")), ASSAY_OK);
    assert_int_equal(assay_base_buf_put(&buf, ASSAY_STR("cd")), ASSAY_F_MEMORY);
    assert_int_equal(buf.len, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_codes),    cmocka_unit_test(arena_aligns_zeroes_and_ends),
        cmocka_unit_test(integers_are_checked), cmocka_unit_test(times_carry),
        cmocka_unit_test(text_round_trips),     cmocka_unit_test(sort_orders_and_is_stable),
        cmocka_unit_test(bytes_compare),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
