/* SPDX-License-Identifier: Apache-2.0
 *
 * values - what people type, read strictly: numbers, amounts, addresses, names.
 */
#include "assay_internal.h"

#include <string.h>

assay_err value_u64(call *c, option_id id, uint64_t *out, uint64_t least, uint64_t most) {
    const char *text = value(c, id);
    if (!text) return ASSAY_OK;
    uint64_t n;
    bool ok = assay_base_undecimal(&n, assay_base_bytes_str(text)) == ASSAY_OK && n >= least && n <= most;
    if (!ok)
        return usage(c, "%s takes a number from %llu to %llu, not %s", option_rows[id].name, (unsigned long long)least,
                     (unsigned long long)most, text);
    *out = n;
    return ASSAY_OK;
}

assay_err amount_of(call *c, uint64_t *out, const char *text) {
    char digits[ASSAY_DECIMAL_LEN_MAX + 1];
    size_t len = 0;
    bool ok = *text && *text != '_';
    for (const char *p = text; ok && *p; p++) {
        if (*p == '_') continue;
        ok = len < sizeof digits - 1;
        if (ok) digits[len++] = *p;
    }
    ok = ok && assay_base_undecimal(out, (assay_bytes){(const uint8_t *)digits, len}) == ASSAY_OK && *out > 0;
    return ok ? ASSAY_OK
              : usage(c, "%s is no amount: a whole number of units from 1 on, as 1000000 or 1_000_000", text);
}

assay_err address_of(call *c, assay_address *out, const char *text) {
    if (assay_codec_address_get(out, assay_base_bytes_str(text)) == ASSAY_OK) return ASSAY_OK;
    return usage(c, "%s is no address: those look like assay1..., with 44 characters and a checksum", text);
}

assay_err name_of(call *c, assay_bytes *out, const char *text) {
    *out = assay_base_bytes_str(text);
    if (assay_types_name_check(*out) == ASSAY_OK) return ASSAY_OK;
    return fail(c, ASSAY_E_NAME, "%s is no model's name", text);
}

assay_err ref_of(call *c, assay_version_ref *out, const char *text) {
    const char *sign = strchr(text, '@');
    if (!sign) return fail(c, ASSAY_E_NAME, "%s has no version: it looks like owner/model@1.0", text);
    out->name = (assay_bytes){(const uint8_t *)text, (size_t)(sign - text)};
    out->version = assay_base_bytes_str(sign + 1);
    if (assay_types_name_check(out->name) == ASSAY_OK && assay_types_version_check(out->version) == ASSAY_OK)
        return ASSAY_OK;
    return fail(c, ASSAY_E_NAME, "%s is no version of a model: it looks like owner/model@1.0", text);
}

bool is_digits(const char *text) {
    const char *p = text;
    while (*p >= '0' && *p <= '9') p++;
    return p != text && *p == 0;
}
