/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON of anybody's, through jansson: what its parser would recurse into or allocate for is counted before it runs. */
#include "cert_internal.h"

#include <jansson.h>
#include <string.h>

assay_err assay_cert_json_load(json_t **out, assay_bytes text, size_t values_max) {
    *out = NULL;
    ASSAY_TRY(assay_json_bound(text, ASSAY_CERT_DEPTH_MAX, values_max));
    json_error_t error;
    *out = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (*out) return ASSAY_OK;
    return json_error_code(&error) == json_error_out_of_memory ? ASSAY_F_MEMORY : ASSAY_E_ENCODING;
}

/* A member's text, where jansson holds it. */
static assay_err view_text(assay_bytes *out, const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) return ASSAY_E_ENCODING;
    *out = (assay_bytes){(const uint8_t *)json_string_value(value), json_string_length(value)};
    return ASSAY_OK;
}

assay_err assay_cert_json_text(assay_bytes *out, assay_arena *keep, const json_t *object, const char *key,
                               size_t len_max) {
    assay_bytes text;
    ASSAY_TRY(view_text(&text, object, key));
    if (text.len > len_max) return ASSAY_E_RANGE;
    return assay_base_arena_copy(out, keep, text);
}

assay_err assay_cert_json_base64(assay_bytes *out, assay_arena *keep, const json_t *object, const char *key) {
    assay_bytes text;
    ASSAY_TRY(view_text(&text, object, key));
    return assay_codec_base64_get(out, keep, text);
}

assay_err assay_cert_json_hex(uint8_t *out, size_t len, const json_t *object, const char *key) {
    assay_bytes text;
    ASSAY_TRY(view_text(&text, object, key));
    /* One text for one value: upper case would be a second one. */
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F') return ASSAY_E_ENCODING;
    return assay_base_unhex(out, len, text);
}

assay_err assay_cert_json_u64(uint64_t *out, const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value)) return ASSAY_E_ENCODING;
    if (json_integer_value(value) < 0) return ASSAY_E_RANGE;
    *out = (uint64_t)json_integer_value(value);
    return ASSAY_OK;
}

assay_err assay_cert_json_schema(const json_t *object, const char *schema) {
    assay_bytes text, known = assay_base_bytes_str(schema);
    ASSAY_TRY(view_text(&text, object, "schema"));
    if (assay_base_bytes_eq(text, known)) return ASSAY_OK;
    /* The family is everything up to the last '/'; behind it stand the major number and what later programs add. */
    size_t family = known.len;
    while (known.ptr[family - 1] != '/') family--;
    if (text.len <= family || memcmp(text.ptr, known.ptr, family) != 0) return ASSAY_E_ENCODING;
    size_t at = family;
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9') at++;
    if (at == family || text.ptr[family] == '0') return ASSAY_E_ENCODING;
    if (at < text.len && text.ptr[at] != '.') return ASSAY_E_ENCODING;
    /* "1.x" is a version 1 that says more, in members that are ignored here. */
    assay_bytes major = {text.ptr, at};
    return assay_base_bytes_eq(major, known) ? ASSAY_OK : ASSAY_E_FORMAT;
}
