/* SPDX-License-Identifier: Apache-2.0
 *
 * Bech32m: BIP 173's text with BIP 350's constant. Characters are told from each other by a BCH code over GF(32) that
 * finds any four substitutions in 90 characters. */
#include "codec/codec.h"
#include "codec_internal.h"

#include <string.h>

enum { CHECKSUM_LEN = 6, BECH32M_CONST = 0x2bc830a3 };

static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t polymod_step(uint32_t check, uint32_t value) {
    static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
    uint32_t top = check >> 25;
    check = (check & 0x1ffffff) << 5 ^ value;
    for (uint32_t i = 0; i < 5; i++)
        if (top >> i & 1) check ^= generator[i];
    return check;
}

/* The prefix enters as the high bits of its characters, a zero, and their low bits. prefix is lower-case. */
static uint32_t polymod_prefix(const uint8_t *prefix, size_t len) {
    uint32_t check = 1;
    for (size_t i = 0; i < len; i++) check = polymod_step(check, prefix[i] >> 5);
    check = polymod_step(check, 0);
    for (size_t i = 0; i < len; i++) check = polymod_step(check, prefix[i] & 31);
    return check;
}

assay_err assay_codec_bech32m_put(char out[ASSAY_BECH32M_LEN_MAX + 1], const char *prefix, assay_bytes data) {
    size_t prefix_len = strlen(prefix);
    if (prefix_len == 0 || prefix_len > ASSAY_BECH32M_LEN_MAX || data.len > ASSAY_BECH32M_LEN_MAX) return ASSAY_E_RANGE;
    size_t count = (data.len * 8 + 4) / 5;
    if (prefix_len + 1 + count + CHECKSUM_LEN > ASSAY_BECH32M_LEN_MAX) return ASSAY_E_RANGE;
    for (size_t i = 0; i < prefix_len; i++) {
        char c = prefix[i];
        if (c < 33 || c > 126 || (c >= 'A' && c <= 'Z')) return ASSAY_E_RANGE;
        out[i] = c;
    }
    uint32_t check = polymod_prefix((const uint8_t *)prefix, prefix_len);
    char *at = out + prefix_len;
    *at++ = '1';
    for (size_t i = 0; i < count; i++) {
        /* Value i is the five bits from bit 5i on, over at most two bytes; zeros stand behind the last one. */
        size_t byte = i * 5 / 8, bit = i * 5 % 8;
        uint32_t pair = (uint32_t)data.ptr[byte] << 8 | (byte + 1 < data.len ? data.ptr[byte + 1] : 0u);
        uint32_t value = pair >> (11 - bit) & 31;
        check = polymod_step(check, value);
        *at++ = alphabet[value];
    }
    for (uint32_t i = 0; i < CHECKSUM_LEN; i++) check = polymod_step(check, 0);
    check ^= BECH32M_CONST;
    for (uint32_t i = 0; i < CHECKSUM_LEN; i++) *at++ = alphabet[check >> 5 * (5 - i) & 31];
    *at = 0;
    return ASSAY_OK;
}

assay_err assay_codec_bech32m_split(size_t *prefix_len, uint8_t values[ASSAY_BECH32M_LEN_MAX], size_t *count,
                                    assay_bytes text) {
    if (text.len < 1 + 1 + CHECKSUM_LEN || text.len > ASSAY_BECH32M_LEN_MAX) return ASSAY_E_ENCODING;
    uint8_t lower[ASSAY_BECH32M_LEN_MAX];
    bool has_lower = false, has_upper = false;
    size_t separator = 0; /* the last '1': the data's alphabet has none */
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c < 33 || c > 126) return ASSAY_E_ENCODING;
        if (c >= 'a' && c <= 'z') has_lower = true;
        if (c >= 'A' && c <= 'Z') {
            has_upper = true;
            c = (uint8_t)(c + ('a' - 'A'));
        }
        if (c == '1') separator = i;
        lower[i] = c;
    }
    if (has_lower && has_upper) return ASSAY_E_ENCODING;
    if (separator == 0 || separator + 1 + CHECKSUM_LEN > text.len) return ASSAY_E_ENCODING;
    uint32_t check = polymod_prefix(lower, separator);
    size_t n = 0;
    for (size_t i = separator + 1; i < text.len; i++) {
        const char *found = memchr(alphabet, lower[i], sizeof alphabet - 1);
        if (!found) return ASSAY_E_ENCODING;
        values[n] = (uint8_t)(found - alphabet);
        check = polymod_step(check, values[n++]);
    }
    if (check != BECH32M_CONST) return ASSAY_E_ENCODING;
    *prefix_len = separator;
    *count = n - CHECKSUM_LEN;
    return ASSAY_OK;
}

assay_err assay_codec_bech32m_get(uint8_t *out, size_t len, const char *prefix, assay_bytes text) {
    uint8_t values[ASSAY_BECH32M_LEN_MAX];
    size_t prefix_len, count;
    ASSAY_TRY(assay_codec_bech32m_split(&prefix_len, values, &count, text));
    if (prefix_len != strlen(prefix) || len > ASSAY_BECH32M_LEN_MAX || count != (len * 8 + 4) / 5)
        return ASSAY_E_ENCODING;
    for (size_t i = 0; i < prefix_len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= 'A' && c <= 'Z') c = (uint8_t)(c + ('a' - 'A'));
        if (c != (uint8_t)prefix[i]) return ASSAY_E_ENCODING;
    }
    uint32_t pending = 0, bits = 0;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        pending = (pending << 5 | values[i]) & 0xfff;
        bits += 5;
        if (bits >= 8) out[n++] = (uint8_t)(pending >> (bits -= 8));
    }
    ASSAY_ASSERT(n == len);
    return pending & ((1u << bits) - 1) ? ASSAY_E_ENCODING : ASSAY_OK;
}

void assay_codec_address_put(char out[ASSAY_ADDRESS_TEXT_LEN + 1], assay_address address) {
    char text[ASSAY_BECH32M_LEN_MAX + 1];
    assay_err err = assay_codec_bech32m_put(text, "assay", (assay_bytes){address.b, sizeof address.b});
    ASSAY_ASSERT(err == ASSAY_OK && text[ASSAY_ADDRESS_TEXT_LEN] == 0);
    memcpy(out, text, ASSAY_ADDRESS_TEXT_LEN + 1);
}

assay_err assay_codec_address_get(assay_address *out, assay_bytes text) {
    return assay_codec_bech32m_get(out->b, sizeof out->b, "assay", text);
}
