/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { NOT_A_DIGIT = 64 };

static uint32_t digit_value(uint8_t c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26u;
    if (c >= '0' && c <= '9') return c - '0' + 52u;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return NOT_A_DIGIT;
}

size_t assay_codec_base64_size(size_t len) { return len / 3 * 4 + (len % 3 ? 4 : 0); }

assay_err assay_codec_base64_put(assay_buf *out, assay_bytes data) {
    /* Four thirds of a length beyond this do not fit in a size_t, nor in any buffer. */
    if (data.len > SIZE_MAX / 2 || assay_codec_base64_size(data.len) > out->cap - out->len) return ASSAY_F_MEMORY;
    if (data.len == 0) return ASSAY_OK;
    uint8_t *at = out->ptr + out->len;
    for (size_t i = 0; i < data.len; i += 3) {
        size_t have = data.len - i < 3 ? data.len - i : 3;
        uint32_t group = (uint32_t)data.ptr[i] << 16;
        if (have > 1) group |= (uint32_t)data.ptr[i + 1] << 8;
        if (have > 2) group |= data.ptr[i + 2];
        *at++ = (uint8_t)alphabet[group >> 18];
        *at++ = (uint8_t)alphabet[group >> 12 & 63];
        *at++ = have > 1 ? (uint8_t)alphabet[group >> 6 & 63] : '=';
        *at++ = have > 2 ? (uint8_t)alphabet[group & 63] : '=';
    }
    out->len += assay_codec_base64_size(data.len);
    return ASSAY_OK;
}

assay_err assay_codec_base64_get(assay_bytes *out, assay_arena *keep, assay_bytes text) {
    *out = (assay_bytes){NULL, 0};
    if (text.len == 0) return ASSAY_OK;
    if (text.len % 4) return ASSAY_E_ENCODING;
    size_t padding = text.ptr[text.len - 1] != '=' ? 0 : text.ptr[text.len - 2] != '=' ? 1 : 2;
    size_t len = text.len / 4 * 3 - padding;
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, len);
    if (!bytes) return ASSAY_F_MEMORY;
    uint8_t *at = bytes;
    uint32_t group = 0;
    for (size_t i = 0; i < text.len - padding; i++) {
        uint32_t value = digit_value(text.ptr[i]);
        if (value == NOT_A_DIGIT) return ASSAY_E_ENCODING;
        group = group << 6 | value;
        if (i % 4 < 3) continue;
        *at++ = (uint8_t)(group >> 16);
        *at++ = (uint8_t)(group >> 8);
        *at++ = (uint8_t)group;
    }
    /* The bits of the last digit that no byte needs are zero in the one canonical text. */
    if (padding == 1) {
        if (group & 3) return ASSAY_E_ENCODING;
        *at++ = (uint8_t)(group >> 10);
        *at++ = (uint8_t)(group >> 2);
    } else if (padding == 2) {
        if (group & 15) return ASSAY_E_ENCODING;
        *at++ = (uint8_t)(group >> 4);
    }
    ASSAY_ASSERT(at == bytes + len);
    *out = (assay_bytes){bytes, len};
    return ASSAY_OK;
}
