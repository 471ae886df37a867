/* SPDX-License-Identifier: Apache-2.0
 *
 * Every call first opens a place for its value (comma, key, colon), then writes the value. A call that would make
 * something that is not JSON (a member without a key, a wrong bracket) is a bug of the caller and stops the program;
 * what depends on data (room, text, depth, dates) is an error that sticks. */
#include "codec/codec.h"

#include <string.h>

static void fail(assay_json *json, assay_err err) {
    if (json->err == ASSAY_OK) json->err = err;
}

static void put(assay_json *json, assay_bytes bytes) {
    if (json->err != ASSAY_OK) return;
    json->err = assay_base_buf_put(json->out, bytes);
}

static void put_char(assay_json *json, char c) { put(json, (assay_bytes){(const uint8_t *)&c, 1}); }

/* The length of the UTF-8 sequence at the front of text, 1 to 4; 0 if there is none: overlong, a surrogate, beyond
 * U+10FFFF, or cut off. Source: Unicode 15, table 3-7. */
static size_t utf8_len(assay_bytes text) {
    const uint8_t *p = text.ptr;
    uint8_t low = 0x80, high = 0xbf;
    size_t len;
    if (p[0] < 0x80) return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        len = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        len = 3;
        if (p[0] == 0xe0) low = 0xa0;
        if (p[0] == 0xed) high = 0x9f;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        len = 4;
        if (p[0] == 0xf0) low = 0x90;
        if (p[0] == 0xf4) high = 0x8f;
    } else {
        return 0;
    }
    if (text.len < len || p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < len; i++)
        if (p[i] < 0x80 || p[i] > 0xbf) return 0;
    return len;
}

/* RFC 8785, 3.2.2.2: two-character escapes where JSON has them, \u00xx for the other controls, the rest as it is. */
static void put_escape(assay_json *json, uint8_t c) {
    static const char digits[] = "0123456789abcdef", short_of[] = "\"\\\b\t\n\f\r", letters[] = "\"\\btnfr";
    char text[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
    const char *found = memchr(short_of, c, sizeof short_of - 1);
    if (found) text[1] = letters[found - short_of];
    put(json, (assay_bytes){(const uint8_t *)text, found ? 2 : sizeof text});
}

static void put_string(assay_json *json, assay_bytes text) {
    put_char(json, '"');
    size_t plain = 0; /* start of the run that is copied as it is */
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_len((assay_bytes){text.ptr + i, text.len - i});
        if (len == 0) {
            fail(json, ASSAY_E_ENCODING);
            return;
        }
        uint8_t c = text.ptr[i];
        if (c < 0x20 || c == '"' || c == '\\') {
            if (i > plain) put(json, (assay_bytes){text.ptr + plain, i - plain});
            put_escape(json, c);
            plain = i + 1;
        }
        i += len;
    }
    if (text.len > plain) put(json, (assay_bytes){text.ptr + plain, text.len - plain});
    put_char(json, '"');
}

/* Comma, key and colon of the value that follows. A key stands inside an object and nowhere else. */
static bool place(assay_json *json, const char *key) {
    if (json->err != ASSAY_OK) return false;
    bool in_object = json->close[json->depth] == '}';
    ASSAY_ASSERT(in_object == (key != NULL));
    ASSAY_ASSERT(json->depth > 0 || !json->comma[0]); /* one value at the top */
    if (json->comma[json->depth]) put_char(json, ',');
    json->comma[json->depth] = true;
    if (key) {
        put_string(json, assay_base_bytes_str(key));
        put_char(json, ':');
    }
    return json->err == ASSAY_OK;
}

assay_json assay_json_begin(assay_buf *out) { return (assay_json){.out = out, .err = ASSAY_OK}; }

static void open_container(assay_json *json, const char *key, char open, char close) {
    if (!place(json, key)) return;
    if (json->depth == ASSAY_JSON_DEPTH_MAX) {
        fail(json, ASSAY_E_RANGE);
        return;
    }
    json->depth++;
    json->comma[json->depth] = false;
    json->close[json->depth] = close;
    put_char(json, open);
}

void assay_json_object(assay_json *json, const char *key) { open_container(json, key, '{', '}'); }

void assay_json_array(assay_json *json, const char *key) { open_container(json, key, '[', ']'); }

void assay_json_close(assay_json *json, char bracket) {
    if (json->err != ASSAY_OK) return;
    ASSAY_ASSERT(json->depth > 0 && json->close[json->depth] == bracket);
    json->depth--;
    put_char(json, bracket);
}

void assay_json_text(assay_json *json, const char *key, assay_bytes text) {
    if (place(json, key)) put_string(json, text);
}

void assay_json_str(assay_json *json, const char *key, const char *text) {
    assay_json_text(json, key, assay_base_bytes_str(text));
}

void assay_json_hex(assay_json *json, const char *key, assay_bytes bytes) {
    if (!place(json, key)) return;
    put_char(json, '"');
    for (size_t i = 0; i < bytes.len && json->err == ASSAY_OK; i += 32) {
        char text[2 * 32 + 1];
        size_t len = bytes.len - i < 32 ? bytes.len - i : 32;
        assay_base_hex(text, (assay_bytes){bytes.ptr + i, len});
        put(json, (assay_bytes){(const uint8_t *)text, 2 * len});
    }
    put_char(json, '"');
}

static void put_decimal(assay_json *json, uint64_t value) {
    char text[ASSAY_DECIMAL_LEN_MAX + 1];
    size_t len = assay_base_decimal(text, value);
    put(json, (assay_bytes){(const uint8_t *)text, len});
}

void assay_json_u64(assay_json *json, const char *key, uint64_t value) {
    if (place(json, key)) put_decimal(json, value);
}

void assay_json_i64(assay_json *json, const char *key, int64_t value) {
    if (!place(json, key)) return;
    if (value < 0) put_char(json, '-');
    /* Negation as unsigned: -2^63 has no positive int64. */
    put_decimal(json, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void assay_json_amount(assay_json *json, const char *key, uint64_t value) {
    if (!place(json, key)) return;
    put_char(json, '"');
    put_decimal(json, value);
    put_char(json, '"');
}

void assay_json_bool(assay_json *json, const char *key, bool value) {
    if (place(json, key)) put(json, value ? ASSAY_STR("true") : ASSAY_STR("false"));
}

void assay_json_null(assay_json *json, const char *key) {
    if (place(json, key)) put(json, ASSAY_STR("null"));
}

void assay_json_address(assay_json *json, const char *key, assay_address address) {
    char text[ASSAY_ADDRESS_TEXT_LEN + 1];
    assay_codec_address_put(text, address);
    assay_json_str(json, key, text);
}

void assay_json_base64(assay_json *json, const char *key, assay_bytes bytes) {
    if (!place(json, key)) return;
    put_char(json, '"');
    if (json->err == ASSAY_OK) json->err = assay_codec_base64_put(json->out, bytes);
    put_char(json, '"');
}

/* value in exactly count digits. */
static char *put_digits(char *at, uint32_t value, uint32_t count) {
    for (uint32_t i = count; i-- > 0; value /= 10) at[i] = (char)('0' + value % 10);
    return at + count;
}

void assay_json_time(assay_json *json, const char *key, assay_time time) {
    if (!place(json, key)) return;
    /* 0001-01-01T00:00:00Z, CometBFT's zero time, to 9999-12-31T23:59:59Z: RFC 3339 has years of four digits. */
    if (time.seconds < -62135596800 || time.seconds > 253402300799 || time.nanos < 0 || time.nanos > 999999999) {
        fail(json, ASSAY_E_RANGE);
        return;
    }
    /* Days counted from 0000-03-01, so that the leap day ends a year; an era is 400 years of 146,097 days.
     * Source: Howard Hinnant, chrono-compatible low-level date algorithms, civil_from_days. */
    uint64_t since = (uint64_t)(time.seconds + 719468ll * 86400);
    uint32_t days = (uint32_t)(since / 86400), second = (uint32_t)(since % 86400);
    uint32_t era = days / 146097, day_of_era = days % 146097;
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
    uint32_t day = day_of_year - (153 * month + 2) / 5 + 1;
    uint32_t year = era * 400 + year_of_era + (month >= 10);
    char text[40], *at = text;
    at = put_digits(at, year, 4);
    *at++ = '-';
    at = put_digits(at, month < 10 ? month + 3 : month - 9, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_digits(at, second / 3600, 2);
    *at++ = ':';
    at = put_digits(at, second / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, second % 60, 2);
    if (time.nanos) {
        *at++ = '.';
        at = put_digits(at, (uint32_t)time.nanos, 9);
        while (at[-1] == '0') at--;
    }
    *at++ = 'Z';
    put_string(json, (assay_bytes){(const uint8_t *)text, (size_t)(at - text)});
}

assay_err assay_json_end(assay_json *json) {
    ASSAY_ASSERT(json->err != ASSAY_OK || (json->depth == 0 && json->comma[0]));
    return json->err;
}

/* ---- before parsing -------------------------------------------------------------------------------------------- */

/* Brackets and commas outside of strings: as many values as a parser could make of it, or more. */
assay_err assay_json_bound(assay_bytes text, size_t depth_max, size_t values_max) {
    size_t depth = 0, values = 1;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (in_string) {
            if (c == '\\') i++;
            if (c == '"') in_string = false;
            continue;
        }
        if (c == '"') in_string = true;
        if ((c == '}' || c == ']') && depth > 0) depth--;
        if ((c == '{' || c == '[') && ++depth > depth_max) return ASSAY_E_LIMIT;
        if ((c == ',' || c == '{' || c == '[') && ++values > values_max) return ASSAY_E_LIMIT;
    }
    return ASSAY_OK;
}
