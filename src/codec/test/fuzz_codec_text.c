/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_codec_text - hostile text. The first byte picks what it is taken for.
 *
 *   JSON      what is written, a plain reader of strings reads back unchanged; what is refused is not UTF-8
 *   base64    what is read is written back as the same characters
 *   bech32m   the same, in lower case */
#include "../codec_internal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 12 };

static uint8_t room[8 * INPUT_MAX];

/* The length of the code point at the front of p, by value rather than by table; 0 if there is none. */
static size_t code_point_len(const uint8_t *p, size_t len) {
    if (p[0] < 0x80) return 1;
    size_t want = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc0 || p[0] > 0xf7 || want > len) return 0;
    uint32_t c = p[0] & (0x7fu >> want);
    for (size_t i = 1; i < want; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    return c < least[want] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : want;
}

static bool is_utf8(assay_bytes text) {
    for (size_t i = 0, len; i < text.len; i += len)
        if ((len = code_point_len(text.ptr + i, text.len - i)) == 0) return false;
    return true;
}

static void json(assay_bytes text) {
    assay_buf out = {room, 0, sizeof room};
    assay_json writer = assay_json_begin(&out);
    assay_json_text(&writer, NULL, text);
    assay_err err = assay_json_end(&writer);
    ASSAY_ASSERT(err == (is_utf8(text) ? ASSAY_OK : ASSAY_E_ENCODING));
    if (err != ASSAY_OK) return;
    static const char letters[] = "btnfr\"\\", controls[] = "\b\t\n\f\r\"\\";
    size_t at = 1, n = 0;
    ASSAY_ASSERT(out.len >= 2 && room[0] == '"' && room[out.len - 1] == '"');
    while (at < out.len - 1) {
        uint8_t c = room[at++];
        ASSAY_ASSERT(c >= 0x20 && c != '"');
        if (c == '\\') {
            uint8_t escape = room[at++];
            const char *found = strchr(letters, escape);
            if (found && escape) {
                c = (uint8_t)controls[found - letters];
            } else {
                ASSAY_ASSERT(escape == 'u' && room[at] == '0' && room[at + 1] == '0');
                ASSAY_ASSERT(assay_base_unhex(&c, 1, (assay_bytes){room + at + 2, 2}) == ASSAY_OK);
                ASSAY_ASSERT(c < 0x20 && !memchr(controls, c, 5));
                at += 4;
            }
        }
        ASSAY_ASSERT(n < text.len && text.ptr[n] == c);
        n++;
    }
    ASSAY_ASSERT(n == text.len && at == out.len - 1);
}

static void base64(assay_bytes text) {
    assay_arena arena = assay_base_arena(room, sizeof room / 2);
    assay_bytes bytes;
    assay_err err = assay_codec_base64_get(&bytes, &arena, text);
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_ENCODING);
    if (err == ASSAY_OK) {
        assay_buf out = {room + sizeof room / 2, 0, text.len};
        ASSAY_ASSERT(assay_codec_base64_put(&out, bytes) == ASSAY_OK);
        ASSAY_ASSERT(assay_base_bytes_eq((assay_bytes){out.ptr, out.len}, text));
    }
    /* And the same bytes the other way round, as data. */
    assay_buf out = {room, 0, assay_codec_base64_size(text.len)};
    ASSAY_ASSERT(assay_codec_base64_put(&out, text) == ASSAY_OK && out.len == out.cap);
    arena = assay_base_arena(room + sizeof room / 2, sizeof room / 2);
    ASSAY_ASSERT(assay_codec_base64_get(&bytes, &arena, (assay_bytes){room, out.len}) == ASSAY_OK);
    ASSAY_ASSERT(assay_base_bytes_eq(bytes, text));
}

static void bech32m(assay_bytes text) {
    uint8_t values[ASSAY_BECH32M_LEN_MAX], bytes[ASSAY_BECH32M_LEN_MAX];
    size_t prefix_len, count;
    if (assay_codec_bech32m_split(&prefix_len, values, &count, text) != ASSAY_OK) return;
    char prefix[ASSAY_BECH32M_LEN_MAX + 1] = {0}, again[ASSAY_BECH32M_LEN_MAX + 1];
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        again[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    memcpy(prefix, again, prefix_len);
    size_t len = count * 5 / 8;
    if (assay_codec_bech32m_get(bytes, len, prefix, text) != ASSAY_OK) return;
    char out[ASSAY_BECH32M_LEN_MAX + 1];
    ASSAY_ASSERT(assay_codec_bech32m_put(out, prefix, (assay_bytes){bytes, len}) == ASSAY_OK);
    ASSAY_ASSERT(strlen(out) == text.len && memcmp(out, again, text.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > INPUT_MAX) return 0;
    assay_bytes text = {data + 1, size - 1};
    if (data[0] % 3 == 0) json(text);
    if (data[0] % 3 == 1) base64(text);
    if (data[0] % 3 == 2) bech32m(text);
    return 0;
}
