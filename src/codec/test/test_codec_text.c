/* SPDX-License-Identifier: Apache-2.0
 *
 * bech32m against BIP 350's own vectors, base64 against RFC 4648's, JSON against RFC 8785's and a stock reader. */
#include "../codec_internal.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* ---- bech32m ------------------------------------------------------------------------------------------------------
 */

static assay_err split(const char *text) {
    uint8_t values[ASSAY_BECH32M_LEN_MAX];
    size_t prefix_len, count;
    return assay_codec_bech32m_split(&prefix_len, values, &count, assay_base_bytes_str(text));
}

static void bip350_vectors(void **state) {
    (void)state;
    static const char *const valid[] = {
        "A1LQFN3A",
        "a1lqfn3a",
        "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
    };
    static const char *const invalid[] = {
        " 1xj0phk",
        "\x7f"
        "1g6xzxy",
        "\x80"
        "1vctc34",
        "an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
        "qyrz8wqd2c9m",
        "1qyrz8wqd2c9m",
        "y1b0jsk6g",
        "lt1igcx5c0",
        "in1muywd",
        "mm1crxm3i",
        "au1s5cgom",
        "M1VUXWEZ",
        "16plkw9",
        "1p2gdwpf",
        "",
        "1",
        /* Valid bech32, the older checksum (BIP 173). */
        "A12UEL5L",
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        /* Mixed case. */
        "A1lqfn3a",
        "a1LQFN3A",
    };
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
        if (split(valid[i]) != ASSAY_OK) fail_msg("%s refused", valid[i]);
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        if (split(invalid[i]) != ASSAY_E_ENCODING) fail_msg("%s accepted", invalid[i]);
}

/* The values 31 down to 0 of BIP 350's fourth vector are twenty bytes. */
static void bip350_bytes(void **state) {
    (void)state;
    static const char text[] = "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx";
    uint8_t bytes[20], want[20];
    assert_int_equal(assay_base_unhex(want, 20, ASSAY_STR("ffbbcdeb38bdab49ca307b9ac5a928398a418820")), ASSAY_OK);
    assert_int_equal(
        assay_codec_bech32m_get(bytes, 20, "abcdef", ASSAY_STR("abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx")),
        ASSAY_OK);
    assert_memory_equal(bytes, want, 20);
    char out[ASSAY_BECH32M_LEN_MAX + 1];
    assert_int_equal(assay_codec_bech32m_put(out, "abcdef", (assay_bytes){want, 20}), ASSAY_OK);
    assert_string_equal(out, text);
    assert_int_equal(assay_codec_bech32m_get(bytes, 19, "abcdef", assay_base_bytes_str(text)), ASSAY_E_ENCODING);
    assert_int_equal(assay_codec_bech32m_get(bytes, 20, "abcdeg", assay_base_bytes_str(text)), ASSAY_E_ENCODING);
    assert_int_equal(assay_codec_bech32m_get(bytes, 20, "abcde", assay_base_bytes_str(text)), ASSAY_E_ENCODING);
    assert_int_equal(assay_codec_bech32m_get(bytes, 0, "a", ASSAY_STR("A1LQFN3A")), ASSAY_OK);
    /* The 82 values of 31 fill 51 bytes and leave two bits that are not zero. */
    uint8_t long_bytes[64];
    assert_int_equal(
        assay_codec_bech32m_get(
            long_bytes, 51, "1",
            ASSAY_STR("11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8")),
        ASSAY_E_ENCODING);
}

static void bech32m_limits(void **state) {
    (void)state;
    char out[ASSAY_BECH32M_LEN_MAX + 1];
    uint8_t data[64] = {1, 2, 3}, back[64];
    assert_int_equal(assay_codec_bech32m_put(out, "", (assay_bytes){data, 4}), ASSAY_E_RANGE);
    assert_int_equal(assay_codec_bech32m_put(out, "Assay", (assay_bytes){data, 4}), ASSAY_E_RANGE);
    assert_int_equal(assay_codec_bech32m_put(out, "as ay", (assay_bytes){data, 4}), ASSAY_E_RANGE);
    assert_int_equal(assay_codec_bech32m_put(out, "\xc3\xa9", (assay_bytes){data, 4}), ASSAY_E_RANGE);
    for (size_t len = 0; len <= 64; len++) {
        assay_err err = assay_codec_bech32m_put(out, "a1", (assay_bytes){data, len});
        assert_int_equal(err, 3 + (len * 8 + 4) / 5 + 6 <= 90 ? ASSAY_OK : ASSAY_E_RANGE);
        if (err != ASSAY_OK) continue;
        assert_int_equal(assay_codec_bech32m_get(back, len, "a1", assay_base_bytes_str(out)), ASSAY_OK);
        assert_memory_equal(back, data, len);
    }
    static char prefix[92];
    memset(prefix, 'a', 83);
    assert_int_equal(assay_codec_bech32m_put(out, prefix, (assay_bytes){NULL, 0}), ASSAY_OK);
    assert_int_equal(strlen(out), 90);
    memset(prefix, 'a', 91);
    assert_int_equal(assay_codec_bech32m_put(out, prefix, (assay_bytes){NULL, 0}), ASSAY_E_RANGE);
}

static void addresses(void **state) {
    (void)state;
    assay_address address, back;
    for (uint8_t i = 0; i < sizeof address.b; i++) address.b[i] = (uint8_t)(i * 13 + 5);
    char text[ASSAY_ADDRESS_TEXT_LEN + 1];
    assay_codec_address_put(text, address);
    assert_int_equal(strlen(text), ASSAY_ADDRESS_TEXT_LEN);
    assert_memory_equal(text, "assay1", 6);
    assert_int_equal(assay_codec_address_get(&back, assay_base_bytes_str(text)), ASSAY_OK);
    assert_true(assay_base_address_eq(address, back));
    /* Any one character changed is noticed, and so is one dropped. */
    for (size_t i = 0; i < ASSAY_ADDRESS_TEXT_LEN; i++) {
        for (int c = 1; c < 256; c++) {
            char copy[ASSAY_ADDRESS_TEXT_LEN + 1];
            memcpy(copy, text, sizeof copy);
            if (copy[i] == (char)c) continue;
            copy[i] = (char)c;
            assay_bytes bytes = {(const uint8_t *)copy, ASSAY_ADDRESS_TEXT_LEN};
            assert_int_equal(assay_codec_address_get(&back, bytes), ASSAY_E_ENCODING);
        }
        assay_bytes shorter = {(const uint8_t *)text, i};
        assert_int_equal(assay_codec_address_get(&back, shorter), ASSAY_E_ENCODING);
    }
    for (size_t i = 0; i < ASSAY_ADDRESS_TEXT_LEN; i++)
        if (text[i] >= 'a') text[i] = (char)(text[i] - 32);
    assert_int_equal(assay_codec_address_get(&back, assay_base_bytes_str(text)), ASSAY_OK);
}

/* ---- base64 -------------------------------------------------------------------------------------------------------
 */

static void rfc4648_vectors(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    uint8_t memory[64], text[16];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assay_bytes data = assay_base_bytes_str(pairs[i][0]), want = assay_base_bytes_str(pairs[i][1]), back;
        assert_int_equal(assay_codec_base64_size(data.len), want.len);
        for (size_t cap = 0; cap < want.len; cap++) {
            assay_buf small = {text, 0, cap};
            assert_int_equal(assay_codec_base64_put(&small, data), ASSAY_F_MEMORY);
            assert_int_equal(small.len, 0);
        }
        assay_buf out = {text, 0, want.len};
        assert_int_equal(assay_codec_base64_put(&out, data), ASSAY_OK);
        assert_true(assay_base_bytes_eq((assay_bytes){text, out.len}, want));
        assay_arena arena = assay_base_arena(memory, sizeof memory);
        assert_int_equal(assay_codec_base64_get(&back, &arena, want), ASSAY_OK);
        assert_true(assay_base_bytes_eq(back, data));
        arena = assay_base_arena(memory, 0);
        assert_int_equal(assay_codec_base64_get(&back, &arena, want), data.len ? ASSAY_F_MEMORY : ASSAY_OK);
    }
}

static void base64_has_one_text(void **state) {
    (void)state;
    static const char *const refused[] = {
        "Z",        "Zg",       "Zg=",        "Zh==",     "Zm9=",       "Zm+=",     "Z===",      "====", "=",
        "Zg==Zg==", "Zm8=Zm9v", "Zm9v\n",     " Zm9v",    "Zm 9",       "Zm9v====", "Zm9-",      "Zm9_", "Zm9v=",
        "Zg=a",     "=g==",     "Zm9vYg==\n", "Zm9v Yg=", "\xc3\xa9Zg", "Zm9.",     "Zm9vYmE\n", "Z=g=", "ZgA=="};
    uint8_t memory[64];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assay_arena arena = assay_base_arena(memory, sizeof memory);
        assay_bytes out;
        if (assay_codec_base64_get(&out, &arena, assay_base_bytes_str(refused[i])) != ASSAY_E_ENCODING)
            fail_msg("%s accepted", refused[i]);
    }
    /* Every four characters: what is accepted is what its bytes are written as. */
    static const char some[] = "AZaz09+/=gwQB-";
    const size_t n = sizeof some - 1;
    size_t accepted = 0;
    for (size_t i = 0; i < n * n * n * n; i++) {
        uint8_t text[4] = {some[i % n], some[i / n % n], some[i / n / n % n], some[i / n / n / n]}, again[4];
        assay_arena arena = assay_base_arena(memory, sizeof memory);
        assay_bytes bytes;
        if (assay_codec_base64_get(&bytes, &arena, (assay_bytes){text, 4}) != ASSAY_OK) continue;
        assay_buf out = {again, 0, 4};
        assert_int_equal(assay_codec_base64_put(&out, bytes), ASSAY_OK);
        assert_memory_equal(text, again, 4);
        accepted++;
    }
    assert_true(accepted > 12 * 12 * 12 * 12);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------
 */

static char json_memory[4096];

static assay_buf json_out(void) { return (assay_buf){(uint8_t *)json_memory, 0, sizeof json_memory}; }

static void expect(assay_buf out, const char *want) {
    assert_int_equal(out.len, strlen(want));
    assert_memory_equal(out.ptr, want, out.len);
}

static void json_shapes(void **state) {
    (void)state;
    assay_buf out = json_out();
    assay_json json = assay_json_begin(&out);
    assay_json_object(&json, NULL);
    assay_json_array(&json, "a");
    assay_json_close(&json, ']');
    assay_json_object(&json, "b");
    assay_json_close(&json, '}');
    assay_json_array(&json, "c");
    assay_json_u64(&json, NULL, UINT64_MAX);
    assay_json_i64(&json, NULL, INT64_MIN);
    assay_json_i64(&json, NULL, INT64_MAX);
    assay_json_i64(&json, NULL, 0);
    assay_json_object(&json, NULL);
    assay_json_bool(&json, "no", false);
    assay_json_bool(&json, "yes", true);
    assay_json_close(&json, '}');
    assay_json_null(&json, NULL);
    assay_json_close(&json, ']');
    assay_json_amount(&json, "amount", UINT64_MAX);
    assay_json_hex(&json, "hex", ASSAY_STR("\x00\xff\x10"));
    assay_json_hex(&json, "none", (assay_bytes){NULL, 0});
    assay_json_base64(&json, "base64", ASSAY_STR("fooba"));
    assay_json_str(&json, "k\"\n", "v");
    assay_json_close(&json, '}');
    assert_int_equal(assay_json_end(&json), ASSAY_OK);
    expect(out, "{\"a\":[],\"b\":{},\"c\":[18446744073709551615,-9223372036854775808,9223372036854775807,0,"
                "{\"no\":false,\"yes\":true},null],\"amount\":\"18446744073709551615\",\"hex\":\"00ff10\","
                "\"none\":\"\",\"base64\":\"Zm9vYmE=\",\"k\\\"\\n\":\"v\"}");
}

static assay_err text_json(assay_buf *out, assay_bytes text) {
    assay_json json = assay_json_begin(out);
    assay_json_text(&json, NULL, text);
    return assay_json_end(&json);
}

static void json_escapes(void **state) {
    (void)state;
    assay_buf out = json_out();
    static const uint8_t controls[] = {0,  1,  2,  3,  4,  5,  6,  7,    8,    9,    10,   11,   12,
                                       13, 14, 15, 16, 17, 18, 19, 20,   21,   22,   23,   24,   25,
                                       26, 27, 28, 29, 30, 31, 32, 0x22, 0x5c, 0x2f, 0x7f, 0x3c, 0x26};
    assert_int_equal(text_json(&out, (assay_bytes){controls, sizeof controls}), ASSAY_OK);
    expect(out,
           "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f"
           "\\u0010\\u0011\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d\\u001e"
           "\\u001f \\\"\\\\/\x7f<&\"");
    /* RFC 8785, 3.2.2: the string of its sample, U+20AC $ U+000F U+000A A ' B " \ \ " /. */
    out = json_out();
    assert_int_equal(text_json(&out, ASSAY_STR("\xe2\x82\xac$\x0f\nA'B\"\\\\\"/")), ASSAY_OK);
    expect(out, "\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
    /* Line separators, noncharacters and the last code point stand as they are. */
    out = json_out();
    assert_int_equal(text_json(&out, ASSAY_STR("\xe2\x80\xa8\xef\xbf\xbf\xf4\x8f\xbf\xbf\xc2\x80")), ASSAY_OK);
    expect(out, "\"\xe2\x80\xa8\xef\xbf\xbf\xf4\x8f\xbf\xbf\xc2\x80\"");
}

static void json_wants_utf8(void **state) {
    (void)state;
    static const char *const refused[] = {"\x80",
                                          "\xbf",
                                          "\xc0\x80",
                                          "\xc1\xbf",
                                          "\xc2",
                                          "\xc2 ",
                                          "\xe0\x80\x80",
                                          "\xe0\x9f\xbf",
                                          "\xed\xa0\x80",
                                          "\xed\xbf\xbf",
                                          "\xe2\x82",
                                          "\xe2\x82 ",
                                          "\xe2 \x82",
                                          "\xf0\x80\x80\x80",
                                          "\xf0\x8f\xbf\xbf",
                                          "\xf4\x90\x80\x80",
                                          "\xf5\x80\x80\x80",
                                          "\xf0\x9f\x98",
                                          "\xf0\x9f\x98 ",
                                          "\xfe",
                                          "\xff",
                                          "ok\xff",
                                          "\xed\xa0\xbd\xed\xb8\x80"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assay_buf out = json_out();
        if (text_json(&out, assay_base_bytes_str(refused[i])) != ASSAY_E_ENCODING) fail_msg("case %zu accepted", i);
    }
    /* All code points: exactly those that are not surrogates are written, and unchanged. */
    for (uint32_t c = 0x80; c < 0x110000; c++) {
        uint8_t text[4];
        size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = len; i-- > 1;) text[i] = (uint8_t)(0x80 | (c >> 6 * (len - 1 - i) & 63));
        text[0] = (uint8_t)((len == 2 ? 0xc0 : len == 3 ? 0xe0 : 0xf0) | c >> 6 * (len - 1));
        assay_buf out = json_out();
        assay_err err = text_json(&out, (assay_bytes){text, len});
        assert_int_equal(err, c >= 0xd800 && c < 0xe000 ? ASSAY_E_ENCODING : ASSAY_OK);
        if (err == ASSAY_OK) assert_true(out.len == len + 2 && memcmp(out.ptr + 1, text, len) == 0);
    }
}

static void json_sticks(void **state) {
    (void)state;
    for (size_t cap = 0; cap <= 30; cap++) {
        assay_buf out = {(uint8_t *)json_memory, 0, cap};
        assay_json json = assay_json_begin(&out);
        assay_json_object(&json, NULL);
        assay_json_array(&json, "list");
        assay_json_str(&json, NULL, "\n");
        assay_json_hex(&json, NULL, ASSAY_STR("ab"));
        assay_json_close(&json, ']');
        assay_json_base64(&json, "b", ASSAY_STR("x"));
        assay_json_close(&json, '}');
        assert_int_equal(assay_json_end(&json), cap < 33 ? ASSAY_F_MEMORY : ASSAY_OK);
        assert_true(out.len <= cap);
    }
    assay_buf out = json_out();
    assay_json json = assay_json_begin(&out);
    for (int i = 0; i < 40; i++) assay_json_array(&json, NULL);
    for (int i = 0; i < 40; i++) assay_json_close(&json, ']');
    assert_int_equal(assay_json_end(&json), ASSAY_E_RANGE);
    out = json_out();
    json = assay_json_begin(&out);
    for (int i = 0; i < ASSAY_JSON_DEPTH_MAX; i++) assay_json_array(&json, NULL);
    for (int i = 0; i < ASSAY_JSON_DEPTH_MAX; i++) assay_json_close(&json, ']');
    assert_int_equal(assay_json_end(&json), ASSAY_OK);
    assert_int_equal(out.len, 2 * ASSAY_JSON_DEPTH_MAX);
    out = json_out();
    json = assay_json_begin(&out);
    assay_json_array(&json, NULL);
    assay_json_str(&json, NULL, "\xff");
    size_t len = out.len;
    assay_json_str(&json, NULL, "later");
    assay_json_time(&json, NULL, (assay_time){0, -1});
    assay_json_close(&json, ']');
    assert_int_equal(assay_json_end(&json), ASSAY_E_ENCODING);
    assert_int_equal(out.len, len);
}

static void json_times(void **state) {
    (void)state;
    static const struct {
        assay_time time;
        const char *want;
    } cases[] = {
        {{0, 0}, "\"1970-01-01T00:00:00Z\""},
        {{-62135596800, 0}, "\"0001-01-01T00:00:00Z\""},
        {{253402300799, 999999999}, "\"9999-12-31T23:59:59.999999999Z\""},
        {{1795564800, 500000000}, "\"2026-11-25T00:00:00.5Z\""},
        {{951782399, 1}, "\"2000-02-28T23:59:59.000000001Z\""},
        {{951782400, 0}, "\"2000-02-29T00:00:00Z\""},
        {{951868800, 120}, "\"2000-03-01T00:00:00.00000012Z\""},
        {{-1, 0}, "\"1969-12-31T23:59:59Z\""},
        {{4107542400, 0}, "\"2100-03-01T00:00:00Z\""},
        {{4107542399, 0}, "\"2100-02-28T23:59:59Z\""},
        {{1735689599, 0}, "\"2024-12-31T23:59:59Z\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_buf out = json_out();
        assay_json json = assay_json_begin(&out);
        assay_json_time(&json, NULL, cases[i].time);
        assert_int_equal(assay_json_end(&json), ASSAY_OK);
        expect(out, cases[i].want);
    }
    static const assay_time refused[] = {{-62135596801, 0}, {253402300800, 0}, {INT64_MAX, 0},
                                         {INT64_MIN, 0},    {0, -1},           {0, 1000000000}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assay_buf out = json_out();
        assay_json json = assay_json_begin(&out);
        assay_json_time(&json, NULL, refused[i]);
        assert_int_equal(assay_json_end(&json), ASSAY_E_RANGE);
    }
}

/* Every day from 1900 to 2300, and the ends of every other month, against a calendar that only counts. */
static void json_days(void **state) {
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t seconds = -62135596800;
    for (int year = 1; year <= 9999; year++) {
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for (int month = 1; month <= 12; month++) {
            int days = lengths[month - 1] + (month == 2 && leap);
            for (int day = 1; day <= days; day++, seconds += 86400) {
                if (day > 1 && day < days && (year < 1900 || year > 2300)) continue;
                char want[40];
                snprintf(want, sizeof want, "\"%04d-%02d-%02dT23:59:59Z\"", year, month, day);
                assay_buf out = json_out();
                assay_json json = assay_json_begin(&out);
                assay_json_time(&json, NULL, (assay_time){seconds + 86399, 0});
                assert_int_equal(assay_json_end(&json), ASSAY_OK);
                expect(out, want);
            }
        }
    }
    assert_true(seconds == 253402300800);
}

/* What is written is what a stock reader reads. */
static void json_is_read_by_others(void **state) {
    (void)state;
    assay_buf out = json_out();
    assay_json json = assay_json_begin(&out);
    assay_address address = {{1, 2, 3}};
    char text[ASSAY_ADDRESS_TEXT_LEN + 1];
    assay_codec_address_put(text, address);
    assay_json_object(&json, NULL);
    assay_json_text(&json, "text", ASSAY_STR("\x00\x1f\"\\/\xf0\x9f\x98\x80\xe2\x80\xa8"));
    assay_json_address(&json, "address", address);
    assay_json_i64(&json, "number", -9007199254740991);
    assay_json_close(&json, '}');
    assert_int_equal(assay_json_end(&json), ASSAY_OK);
    json_t *read = json_loadb(json_memory, out.len, JSON_ALLOW_NUL, NULL);
    assert_non_null(read);
    const json_t *member = json_object_get(read, "text");
    assert_int_equal(json_string_length(member), 12);
    assert_memory_equal(json_string_value(member), "\x00\x1f\"\\/\xf0\x9f\x98\x80\xe2\x80\xa8", 12);
    assert_string_equal(json_string_value(json_object_get(read, "address")), text);
    assert_int_equal(json_integer_value(json_object_get(read, "number")), -9007199254740991);
    json_decref(read);
}

/* Counted is what a parser might make of it, whatever it is; strings hold no brackets. */
static void json_is_bounded(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t depth, values;
    } least[] = {{"", 0, 1},        {"1", 0, 1},           {"[]", 1, 2},         {"[[],{}]", 2, 5},
                 {"[1,2,3]", 1, 4}, {"{\"a\":[1]}", 2, 3}, {"[\"[{,\"]", 1, 2},  {"[\"\\\"[{,\"]", 1, 2},
                 {"]]]][", 1, 2},   {"\"\\", 0, 1},        {"[\"\\\\\",[", 2, 4}};
    for (size_t i = 0; i < sizeof least / sizeof *least; i++) {
        assay_bytes text = assay_base_bytes_str(least[i].text);
        assert_int_equal(assay_json_bound(text, least[i].depth, least[i].values), ASSAY_OK);
        if (least[i].depth)
            assert_int_equal(assay_json_bound(text, least[i].depth - 1, least[i].values), ASSAY_E_LIMIT);
        if (least[i].values > 1)
            assert_int_equal(assay_json_bound(text, least[i].depth, least[i].values - 1), ASSAY_E_LIMIT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_bounded),     cmocka_unit_test(bip350_vectors),
        cmocka_unit_test(bip350_bytes),        cmocka_unit_test(bech32m_limits),
        cmocka_unit_test(addresses),           cmocka_unit_test(rfc4648_vectors),
        cmocka_unit_test(base64_has_one_text), cmocka_unit_test(json_shapes),
        cmocka_unit_test(json_escapes),        cmocka_unit_test(json_wants_utf8),
        cmocka_unit_test(json_sticks),         cmocka_unit_test(json_times),
        cmocka_unit_test(json_days),           cmocka_unit_test(json_is_read_by_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
