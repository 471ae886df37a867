/* SPDX-License-Identifier: Apache-2.0
 * The JSON of model headers: strict (RFC 8259), zero-copy, bounded. Not a general library: whoever reads a header asks
 * for the values it knows, one after the other. */
#include "model_internal.h"

#include <string.h>

#define JSON_DEPTH_MAX 64

static assay_err bad(model_json *json, const char *what) {
    json->what = what;
    return ASSAY_E_HEADER;
}

model_json model_json_begin(assay_bytes text, assay_arena *keep) {
    if (!text.len) text = ASSAY_STR("");
    return (model_json){text.ptr, text.ptr, text.ptr + text.len, keep, NULL};
}

static bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

uint8_t model_json_peek(model_json *json) {
    while (json->at < json->end && is_space(*json->at)) json->at++;
    return json->at < json->end ? *json->at : 0;
}

assay_err model_json_take(model_json *json, char c, const char *what) {
    if (model_json_peek(json) != (uint8_t)c) return bad(json, what);
    json->at++;
    return ASSAY_OK;
}

assay_err model_json_step(model_json *json, char close, bool first, bool *more) {
    uint8_t c = model_json_peek(json);
    *more = c != (uint8_t)close;
    if (!*more) {
        json->at++;
        return ASSAY_OK;
    }
    return first ? ASSAY_OK
                 : model_json_take(json, ',', "the header is not JSON: a comma or closing bracket is missing");
}

static int hex_value(uint8_t c) {
    if (is_digit(c)) return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex4(model_json *json, uint32_t *out) {
    if (json->end - json->at < 4) return false;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int v = hex_value(*json->at++);
        if (v < 0) return false;
        *out = *out << 4 | (uint32_t)v;
    }
    return true;
}

static uint8_t *put_utf8(uint8_t *to, uint32_t c) {
    if (c < 0x80) {
        *to++ = (uint8_t)c;
    } else if (c < 0x800) {
        *to++ = (uint8_t)(0xc0 | c >> 6);
        *to++ = (uint8_t)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *to++ = (uint8_t)(0xe0 | c >> 12);
        *to++ = (uint8_t)(0x80 | (c >> 6 & 63));
        *to++ = (uint8_t)(0x80 | (c & 63));
    } else {
        *to++ = (uint8_t)(0xf0 | c >> 18);
        *to++ = (uint8_t)(0x80 | (c >> 12 & 63));
        *to++ = (uint8_t)(0x80 | (c >> 6 & 63));
        *to++ = (uint8_t)(0x80 | (c & 63));
    }
    return to;
}

/* One escape after its backslash, appended to *to. */
static assay_err read_escape(model_json *json, uint8_t **to) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    uint8_t c = *json->at++;
    const char *name = c ? strchr(names, c) : NULL;
    if (name) {
        *(*to)++ = (uint8_t)values[name - names];
        return ASSAY_OK;
    }
    uint32_t code, low;
    if (c != 'u' || !read_hex4(json, &code)) return bad(json, "the header is not JSON: a bad escape in a string");
    if (code >= 0xd800 && code < 0xe000) {
        bool pair = code < 0xdc00 && json->end - json->at >= 6 && json->at[0] == '\\' && json->at[1] == 'u';
        if (pair) {
            json->at += 2;
            pair = read_hex4(json, &low) && low >= 0xdc00 && low < 0xe000;
        }
        if (!pair) return bad(json, "the header is not JSON: half a surrogate pair in a string");
        code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
    }
    *to = put_utf8(*to, code);
    return ASSAY_OK;
}

assay_err model_json_string(model_json *json, assay_bytes *out) {
    ASSAY_TRY(model_json_take(json, '"', "the header is not JSON: a string was expected"));
    const uint8_t *from = json->at;
    bool escapes = false;
    while (json->at < json->end && *json->at != '"') {
        if (*json->at < 0x20) return bad(json, "the header is not JSON: a control character in a string");
        if (*json->at == '\\') {
            escapes = true;
            if (json->end - json->at < 2) break;
            json->at++;
        }
        json->at++;
    }
    if (json->at >= json->end) return bad(json, "the header is not JSON: a string does not end");
    *out = (assay_bytes){from, (size_t)(json->at - from)};
    json->at++;
    if (!escapes) return ASSAY_OK;
    /* Decoding never makes a string longer: \uXXXX, six bytes, gives three at most, a pair of them four. */
    uint8_t *text = ASSAY_NEW(json->keep, uint8_t, out->len), *to = text;
    if (!text) return ASSAY_F_MEMORY;
    model_json inner = *json;
    inner.at = from;
    inner.end = from + out->len;
    while (inner.at < inner.end) {
        uint8_t c = *inner.at++;
        if (c != '\\') {
            *to++ = c;
            continue;
        }
        assay_err err = read_escape(&inner, &to);
        if (err) {
            json->what = inner.what;
            json->at = inner.at;
            return err;
        }
    }
    *out = (assay_bytes){text, (size_t)(to - text)};
    return ASSAY_OK;
}

assay_err model_json_key(model_json *json, assay_bytes *out) {
    ASSAY_TRY(model_json_string(json, out));
    return model_json_take(json, ':', "the header is not JSON: a colon was expected");
}

assay_err model_json_u64(model_json *json, uint64_t *out) {
    static const char expected[] = "a non-negative whole number was expected";
    (void)model_json_peek(json);
    const uint8_t *from = json->at;
    while (json->at < json->end && is_digit(*json->at)) json->at++;
    assay_bytes digits = {from, (size_t)(json->at - from)};
    bool more = json->at < json->end && (*json->at == '.' || *json->at == 'e' || *json->at == 'E');
    if (more || assay_base_undecimal(out, digits) != ASSAY_OK) {
        json->at = from;
        return bad(json, expected);
    }
    return ASSAY_OK;
}

static assay_err skip_number(model_json *json) {
    static const char what[] = "the header is not JSON: a malformed value";
    if (*json->at == '-') json->at++;
    const uint8_t *from = json->at;
    while (json->at < json->end && is_digit(*json->at)) json->at++;
    if (json->at == from || (*from == '0' && json->at - from > 1)) return bad(json, what);
    if (json->at < json->end && *json->at == '.') {
        from = ++json->at;
        while (json->at < json->end && is_digit(*json->at)) json->at++;
        if (json->at == from) return bad(json, what);
    }
    if (json->at < json->end && (*json->at | 0x20) == 'e') {
        json->at++;
        if (json->at < json->end && (*json->at == '+' || *json->at == '-')) json->at++;
        from = json->at;
        while (json->at < json->end && is_digit(*json->at)) json->at++;
        if (json->at == from) return bad(json, what);
    }
    return ASSAY_OK;
}

static assay_err skip_scalar(model_json *json) {
    static const char *const words[] = {"true", "false", "null"};
    uint8_t c = model_json_peek(json);
    assay_bytes text;
    if (c == '"') return model_json_string(json, &text);
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(json->end - json->at) < len || memcmp(json->at, words[i], len) != 0) continue;
        json->at += len;
        return ASSAY_OK;
    }
    if (c == '-' || is_digit(c)) return skip_number(json);
    return bad(json, "the header is not JSON: a value was expected");
}

assay_err model_json_skip(model_json *json) {
    char close[JSON_DEPTH_MAX];
    uint32_t depth = 0;
    bool first = false;
    do {
        /* At a value. */
        uint8_t c = model_json_peek(json);
        if (c == '{' || c == '[') {
            if (depth == JSON_DEPTH_MAX) return bad(json, "the header's JSON is nested too deeply");
            close[depth++] = c == '{' ? '}' : ']';
            json->at++;
            first = true;
        } else {
            ASSAY_TRY(skip_scalar(json));
            first = false;
        }
        /* After it: on to the next value, closing what ends here. */
        while (depth) {
            bool more;
            ASSAY_TRY(model_json_step(json, close[depth - 1], first, &more));
            first = false;
            if (!more) {
                depth--;
                continue;
            }
            assay_bytes key;
            if (close[depth - 1] == '}') ASSAY_TRY(model_json_key(json, &key));
            break;
        }
    } while (depth);
    return ASSAY_OK;
}

assay_err model_json_end(model_json *json) {
    return model_json_peek(json) == 0 && json->at == json->end
               ? ASSAY_OK
               : bad(json, "the header is not JSON: something follows its end");
}
