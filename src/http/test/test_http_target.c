/* SPDX-License-Identifier: Apache-2.0 */
#include "../http_internal.h"

#include "raw_internal.h"

static assay_err parse(http_target *t, uint8_t *memory, const char *text) {
    memcpy(memory, text, strlen(text));
    return http_target_parse(t, memory, strlen(text));
}

static void paths_are_decoded_and_cut(void **state) {
    (void)state;
    http_target t;
    uint8_t m[256];
    assert_int_equal(parse(&t, m, "/"), ASSAY_OK);
    assert_int_equal(t.segments_count, 0);
    assert_int_equal(parse(&t, m, "/a%2fb/c%20d?x=1&y"), ASSAY_OK);
    assert_int_equal(t.segments_count, 2);
    assert_memory_equal(t.segments[0].ptr, "a/b", 3);
    assert_int_equal(t.segments[0].len, 3);
    assert_memory_equal(t.segments[1].ptr, "c d", 3);
    assert_int_equal(t.path.len, 8);
    assert_memory_equal(t.path.ptr, "/a/b/c d", 8);
    assert_int_equal(t.query.len, 5);
    assert_int_equal(parse(&t, m, "/a/"), ASSAY_OK);
    assert_int_equal(t.segments_count, 2);
    assert_int_equal(t.segments[1].len, 0);
    assert_int_equal(parse(&t, m, "http://host:1/p?q"), ASSAY_OK);
    assert_int_equal(t.segments_count, 1);
    assert_memory_equal(t.path.ptr, "/p", 2);
}

static void malformed_targets_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",         "a",       "*",        "/a%",       "/a%2",        "/%zz",      "/a%00b",
        "/a%0ab",   "/%7f",    "/a#b",     "/a b",      "/\x7f",       "/\xc3\xa4", "/.",
        "/..",      "/a/../b", "/a/./b",   "/%2e%2e/x", "/a%2f..%2fb", "/a?%",      "/a?x=%g1",
        "/a?x=%00", "/a?b#c",  "http://h", "//..",      "/a?\x80",     "/..%2f"};
    http_target t;
    uint8_t m[256];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (parse(&t, m, bad[i]) != ASSAY_E_ENCODING) fail_msg("accepted: %s", bad[i]);
    /* Dots inside names are names. */
    static const char *const good[] = {"/...", "/.a", "/a..", "/..a", "/a.b/%2e%2e%2e"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) assert_int_equal(parse(&t, m, good[i]), ASSAY_OK);
}

static void parts_are_bounded(void **state) {
    (void)state;
    http_target t;
    uint8_t m[256];
    char text[2 * ASSAY_HTTP_SEGMENTS_MAX + 4] = "";
    for (int i = 0; i < ASSAY_HTTP_SEGMENTS_MAX; i++) memcpy(text + 2 * i, "/a", 3);
    assert_int_equal(parse(&t, m, text), ASSAY_OK);
    assert_int_equal(t.segments_count, ASSAY_HTTP_SEGMENTS_MAX);
    memcpy(text + 2 * ASSAY_HTTP_SEGMENTS_MAX, "/a", 3);
    assert_int_equal(parse(&t, m, text), ASSAY_E_RANGE);
}

static void patterns_are_judged(void **state) {
    (void)state;
    static const char *const good[] = {"/", "/a", "/a/{b}", "/{a}/{b}/c", "/x/{rest*}", "/{a}/{b}/{c}/{d}/{e}/{f}"};
    static const char *const bad[] = {"",
                                      "a",
                                      "//",
                                      "/a/",
                                      "/a//b",
                                      "/{}",
                                      "/{a",
                                      "/a}",
                                      "/x{a}",
                                      "/{a}x",
                                      "/{*}",
                                      "/{r*}/x",
                                      "/{a}/{b}/{c}/{d}/{e}/{f}/{g}"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!http_pattern_ok(good[i])) fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (http_pattern_ok(bad[i])) fail_msg("accepted: %s", bad[i]);
    assert_false(http_pattern_ok(NULL));
}

static void check_match(const char *pattern, const char *target, int names, ...) {
    http_target t;
    uint8_t m[256];
    assay_bytes params[ASSAY_HTTP_PARAMS_MAX] = {{0}};
    assert_true(http_pattern_ok(pattern));
    assert_int_equal(parse(&t, m, target), ASSAY_OK);
    bool fits = http_pattern_match(pattern, &t, params);
    if (fits != (names >= 0)) fail_msg("%s against %s", pattern, target);
    va_list list;
    va_start(list, names);
    for (int i = 0; i < names; i++) {
        assay_bytes want = assay_base_bytes_str(va_arg(list, const char *));
        if (!assay_base_bytes_eq(params[i], want)) fail_msg("%s against %s: name %d", pattern, target, i);
    }
    va_end(list);
}

static void patterns_match(void **state) {
    (void)state;
    check_match("/", "/", 0);
    check_match("/", "/a", -1);
    check_match("/a", "/", -1);
    check_match("/a", "/a", 0);
    check_match("/a", "/a/", -1);
    check_match("/a", "/ab", -1);
    check_match("/a", "/%61", 0);
    check_match("/a/{b}", "/a/x%2Fy", 1, "x/y");
    check_match("/a/{b}", "/a/", -1);
    check_match("/a/{b}", "/a", -1);
    check_match("/a/{b}/c", "/a/1/c", 1, "1");
    check_match("/a/{b}/c", "/a/1/d", -1);
    check_match("/{a}/{b}", "/1/2", 2, "1", "2");
    check_match("/f/{p*}", "/f/x/y/z", 1, "x/y/z");
    check_match("/f/{p*}", "/f/x", 1, "x");
    check_match("/f/{p*}", "/f", -1);
    check_match("/f/{p*}", "/f/", -1);
    check_match("/f/{p*}", "/f/x//y", -1);
    check_match("/f/{a}/{p*}", "/f/1/x/y", 2, "1", "x/y");
}

static void queries_are_found(void **state) {
    (void)state;
    assay_bytes q = ASSAY_STR("a=1&b=x+y%2Bz&c&=e&d==&a=2&%6e=n&"), raw;
    uint8_t out[32];
    assert_true(http_query_find(&raw, q, "a"));
    assert_int_equal(http_query_decode(out, raw), 1);
    assert_int_equal(out[0], '1');
    assert_true(http_query_find(&raw, q, "b"));
    assert_int_equal(http_query_decode(out, raw), 5);
    assert_memory_equal(out, "x y+z", 5);
    assert_true(http_query_find(&raw, q, "c"));
    assert_int_equal(raw.len, 0);
    assert_true(http_query_find(&raw, q, "d"));
    assert_int_equal(raw.len, 1);
    assert_true(http_query_find(&raw, q, "n"));
    assert_true(http_query_find(&raw, q, ""));
    assert_false(http_query_find(&raw, q, "e"));
    assert_false(http_query_find(&raw, q, "aa"));
    assert_false(http_query_find(&raw, (assay_bytes){NULL, 0}, "a"));
}

static void addresses_are_read_as_the_system_does(void **state) {
    (void)state;
    static const char *const v4[] = {"127.0.0.1", "0.0.0.0", "255.255.255.255", "10.2.3.4"};
    for (size_t i = 0; i < sizeof v4 / sizeof *v4; i++) {
        struct sockaddr_in want = {.sin_family = AF_INET, .sin_port = htons(7878)};
        http_address got;
        assert_int_equal(inet_pton(AF_INET, v4[i], &want.sin_addr), 1);
        assert_true(http_address_parse(&got, v4[i], 7878));
        assert_memory_equal(&got, &want, sizeof want);
    }
    static const char *const v6[] = {
        "::",        "::1", "fe80::1", "2001:db8::", "1:2:3:4:5:6:7:8", "1::8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
        "ABCD::ef01"};
    for (size_t i = 0; i < sizeof v6 / sizeof *v6; i++) {
        struct sockaddr_in6 want = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
        http_address got;
        assert_int_equal(inet_pton(AF_INET6, v6[i], &want.sin6_addr), 1);
        assert_true(http_address_parse(&got, v6[i], 80));
        assert_int_equal(sizeof got, sizeof want);
        assert_memory_equal(&got, &want, sizeof want);
    }
    assert_true(assay_http_is_address("0.0.0.0") && assay_http_is_address("::"));
    assert_false(assay_http_is_address("[::]") || assay_http_is_address("localhost"));
    static const char *const bad[] = {"",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "256.1.1.1",
                                      "01.2.3.4",
                                      "1.2.3.4 ",
                                      "localhost",
                                      ":",
                                      ":::",
                                      "1::2::3",
                                      "12345::",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:",
                                      "::g",
                                      "1:2:3:4:5:6:7:8::"};
    http_address got;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (http_address_parse(&got, bad[i], 1)) fail_msg("accepted: %s", bad[i]);
}

static void peers_count_by_address_or_network(void **state) {
    (void)state;
    http_address a, b;
    assert_true(http_address_parse(&a, "10.0.0.1", 1) && http_address_parse(&b, "10.0.0.1", 2));
    assert_true(http_address_peer(&a) == http_address_peer(&b));
    assert_true(http_address_parse(&b, "10.0.0.2", 1));
    assert_true(http_address_peer(&a) != http_address_peer(&b));
    assert_true(http_address_parse(&a, "2001:db8:1:2::1", 1) && http_address_parse(&b, "2001:db8:1:2:ffff::9", 1));
    assert_true(http_address_peer(&a) == http_address_peer(&b));
    assert_true(http_address_parse(&b, "2001:db8:1:3::1", 1));
    assert_true(http_address_peer(&a) != http_address_peer(&b));
    assert_true(http_address_peer(NULL) == 0);
}

static void escapes_round_trip(void **state) {
    (void)state;
    uint8_t all[256], memory[1024], out[256];
    for (int i = 1; i < 256; i++) all[i - 1] = (uint8_t)i;
    assay_buf text = {memory, 0, sizeof memory};
    assert_int_equal(assay_http_escape(&text, (assay_bytes){all, 255}), ASSAY_OK);
    assert_int_equal(http_query_decode(out, (assay_bytes){memory, text.len}), 255);
    assert_memory_equal(out, all, 255);
    assay_buf small = {memory, 2, 5};
    assert_int_equal(assay_http_escape(&small, ASSAY_STR("a/b")), ASSAY_F_MEMORY);
    assert_int_equal(small.len, 2);
    small = (assay_buf){memory, 0, 5};
    assert_int_equal(assay_http_escape(&small, ASSAY_STR("~/-")), ASSAY_OK);
    assert_memory_equal(memory, "~%2F-", 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_decoded_and_cut),
        cmocka_unit_test(malformed_targets_are_refused),
        cmocka_unit_test(parts_are_bounded),
        cmocka_unit_test(patterns_are_judged),
        cmocka_unit_test(patterns_match),
        cmocka_unit_test(queries_are_found),
        cmocka_unit_test(addresses_are_read_as_the_system_does),
        cmocka_unit_test(peers_count_by_address_or_network),
        cmocka_unit_test(escapes_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
