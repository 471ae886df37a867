/* SPDX-License-Identifier: Apache-2.0
 *
 * Request targets (RFC 9112 3.2, RFC 3986) and the patterns of routes. Strict: what two programs could read differently
 * is refused, for a path decides who answers. */
#include "http_internal.h"

#include <string.h>

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* One character from the front of *text, decoded; -1 if it is not allowed or the escape is broken. */
static int next_char(assay_bytes *text) {
    uint8_t c = text->ptr[0];
    size_t step = 1;
    if (c <= 0x20 || c >= 0x7f || c == '#') return -1;
    if (c == '%') {
        if (text->len < 3) return -1;
        int high = hex_value(text->ptr[1]), low = hex_value(text->ptr[2]);
        if (high < 0 || low < 0) return -1;
        c = (uint8_t)(high << 4 | low);
        step = 3;
    }
    text->ptr += step;
    text->len -= step;
    return c;
}

static bool query_ok(assay_bytes query) {
    while (query.len)
        if (next_char(&query) <= 0) return false;
    return true;
}

/* An escaped slash is data, yet whoever takes the path for a file's must not meet "..": parts are judged after
 * decoding. */
static bool has_dots(assay_bytes path) {
    size_t start = 0;
    for (size_t i = 0; i <= path.len; i++) {
        if (i < path.len && path.ptr[i] != '/') continue;
        size_t len = i - start;
        const uint8_t *part = path.ptr + start;
        if (len && part[0] == '.' && (len == 1 || (len == 2 && part[1] == '.'))) return true;
        start = i + 1;
    }
    return false;
}

/* Skips "http://authority" of the absolute form, which a server must accept (RFC 9112 3.2.2). */
static assay_bytes origin_form(assay_bytes target) {
    static const char *const schemes[] = {"http://", "https://"};
    for (int i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        if (target.len < len || memcmp(target.ptr, schemes[i], len) != 0) continue;
        while (len < target.len && target.ptr[len] != '/') len++;
        return (assay_bytes){target.ptr + len, target.len - len};
    }
    return target;
}

assay_err http_target_parse(http_target *out, uint8_t *text, size_t len) {
    assay_bytes rest = origin_form((assay_bytes){text, len});
    out->segments_count = 0;
    if (rest.len == 0 || rest.ptr[0] != '/') return ASSAY_E_ENCODING;
    uint8_t *start = text + (rest.ptr - text), *to = start;
    const uint8_t *mark = memchr(rest.ptr, '?', rest.len);
    size_t path_len = mark ? (size_t)(mark - rest.ptr) : rest.len;
    out->query = mark ? (assay_bytes){mark + 1, rest.len - path_len - 1} : (assay_bytes){rest.ptr + rest.len, 0};
    if (!query_ok(out->query)) return ASSAY_E_ENCODING;
    assay_bytes path = {rest.ptr, path_len};
    uint8_t *segment = NULL;
    while (path.len) {
        bool slash = path.ptr[0] == '/';
        int c = next_char(&path);
        if (c < 0x20 || c == 0x7f) return ASSAY_E_ENCODING;
        if (slash) {
            if (segment) out->segments[out->segments_count++] = (assay_bytes){segment, (size_t)(to - segment)};
            if (out->segments_count == ASSAY_HTTP_SEGMENTS_MAX) return ASSAY_E_RANGE;
            segment = to + 1;
        }
        *to++ = (uint8_t)c;
    }
    out->path = (assay_bytes){start, (size_t)(to - start)};
    if (out->path.len > 1) out->segments[out->segments_count++] = (assay_bytes){segment, (size_t)(to - segment)};
    return has_dots(out->path) ? ASSAY_E_ENCODING : ASSAY_OK;
}

/* ---- patterns -------------------------------------------------------------------------------------------------------
 */

/* The pattern's next part, without its slash; false at the end. */
static bool next_part(assay_bytes *part, const char **pattern) {
    if (**pattern != '/' || (*pattern)[1] == 0) return false;
    const char *start = *pattern + 1, *end = start;
    while (*end && *end != '/') end++;
    *part = (assay_bytes){(const uint8_t *)start, (size_t)(end - start)};
    *pattern = end;
    return true;
}

static bool is_name(assay_bytes part) { return part.len && part.ptr[0] == '{'; }
static bool is_rest(assay_bytes part) { return is_name(part) && part.len >= 2 && part.ptr[part.len - 2] == '*'; }

bool http_pattern_ok(const char *pattern) {
    if (!pattern || pattern[0] != '/') return false;
    uint32_t names = 0, parts = 0;
    for (assay_bytes part; next_part(&part, &pattern); parts++) {
        if (part.len == 0 || parts == ASSAY_HTTP_SEGMENTS_MAX) return false;
        if (!is_name(part)) {
            if (memchr(part.ptr, '{', part.len) || memchr(part.ptr, '}', part.len)) return false;
            continue;
        }
        if (part.len < 3 || part.ptr[part.len - 1] != '}' || ++names > ASSAY_HTTP_PARAMS_MAX) return false;
        if (is_rest(part) && (part.len < 4 || *pattern)) return false;
    }
    return *pattern == 0 || (parts == 0 && pattern[1] == 0);
}

bool http_pattern_match(const char *pattern, const http_target *target, assay_bytes params[ASSAY_HTTP_PARAMS_MAX]) {
    uint32_t at = 0, names = 0;
    for (assay_bytes part; next_part(&part, &pattern); at++) {
        if (at == target->segments_count) return false;
        assay_bytes segment = target->segments[at];
        if (!is_name(part)) {
            if (!assay_base_bytes_eq(part, segment)) return false;
            continue;
        }
        if (is_rest(part)) {
            for (uint32_t i = at; i < target->segments_count; i++)
                if (target->segments[i].len == 0) return false;
            params[names] = (assay_bytes){segment.ptr, (size_t)(target->path.ptr + target->path.len - segment.ptr)};
            return true;
        }
        if (segment.len == 0) return false;
        params[names++] = segment;
    }
    return at == target->segments_count;
}

/* ---- queries --------------------------------------------------------------------------------------------------------
 */

static int next_query_char(assay_bytes *text) {
    bool plus = text->ptr[0] == '+';
    int c = next_char(text);
    return plus ? ' ' : c;
}

static bool name_is(assay_bytes raw, const char *name) {
    while (raw.len) {
        int c = next_query_char(&raw);
        if (*name == 0 || c != (uint8_t)*name++) return false;
    }
    return *name == 0;
}

bool http_query_find(assay_bytes *raw, assay_bytes query, const char *name) {
    const uint8_t *at = query.ptr, *end = query.ptr + query.len;
    while (at < end) {
        const uint8_t *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop) stop = end;
        const uint8_t *equals = memchr(at, '=', (size_t)(stop - at));
        const uint8_t *name_end = equals ? equals : stop;
        if (name_is((assay_bytes){at, (size_t)(name_end - at)}, name)) {
            const uint8_t *value = equals ? equals + 1 : stop;
            *raw = (assay_bytes){value, (size_t)(stop - value)};
            return true;
        }
        at = stop + 1;
    }
    return false;
}

size_t http_query_decode(uint8_t *out, assay_bytes raw) {
    size_t len = 0;
    while (raw.len) out[len++] = (uint8_t)next_query_char(&raw);
    return len;
}
