/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_http_request - hostile request targets: bytes as they come off a socket.
 *
 *   what is accepted has no control character, no "." or ".." part, and parts that join to the path
 *   a pattern's values lie in the path and are not empty
 *   a path that is escaped and read again is the same path
 *   query values decode to no more than was sent, numbers agree with a plain reader */
#include "../http_internal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const patterns[] = {
    "/", "/status", "/a/{b}", "/{a}/{b}", "/{a}/{b}/{c}/{d}/{e}/{f}", "/m/{name}/files/{path*}", "/{all*}"};

static void check_parts(const http_target *t) {
    const uint8_t *end = t->path.ptr + t->path.len, *at = t->path.ptr;
    ASSAY_ASSERT(t->path.len >= 1 && at[0] == '/');
    for (size_t i = 0; i < t->path.len; i++) ASSAY_ASSERT(at[i] >= 0x20 && at[i] != 0x7f);
    for (uint32_t i = 0; i < t->segments_count; i++) {
        ASSAY_ASSERT(t->segments[i].ptr == at + 1);
        at = t->segments[i].ptr + t->segments[i].len;
    }
    ASSAY_ASSERT(at == (t->segments_count ? end : t->path.ptr));
}

static void check_patterns(const http_target *t) {
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        assay_bytes params[ASSAY_HTTP_PARAMS_MAX] = {{0}};
        ASSAY_ASSERT(http_pattern_ok(patterns[i]));
        if (!http_pattern_match(patterns[i], t, params)) continue;
        for (int k = 0; k < ASSAY_HTTP_PARAMS_MAX && params[k].ptr; k++) {
            ASSAY_ASSERT(params[k].len > 0 && params[k].ptr > t->path.ptr);
            ASSAY_ASSERT(params[k].ptr + params[k].len <= t->path.ptr + t->path.len);
        }
    }
}

static void check_again(const http_target *t) {
    static uint8_t text[3 * ASSAY_HTTP_TARGET_LEN_MAX + ASSAY_HTTP_SEGMENTS_MAX + 2];
    assay_buf out = {text, 0, sizeof text};
    if (t->segments_count == 0) ASSAY_ASSERT(assay_base_buf_put(&out, ASSAY_STR("/")) == ASSAY_OK);
    for (uint32_t i = 0; i < t->segments_count; i++) {
        ASSAY_ASSERT(assay_base_buf_put(&out, ASSAY_STR("/")) == ASSAY_OK);
        ASSAY_ASSERT(assay_http_escape(&out, t->segments[i]) == ASSAY_OK);
    }
    http_target again;
    ASSAY_ASSERT(http_target_parse(&again, text, out.len) == ASSAY_OK);
    ASSAY_ASSERT(again.segments_count == t->segments_count && assay_base_bytes_eq(again.path, t->path));
}

static void check_query(const http_target *t) {
    static uint8_t out[ASSAY_HTTP_TARGET_LEN_MAX];
    static const char *const names[] = {"", "a", "height", "from", "wait"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assay_bytes raw;
        if (!http_query_find(&raw, t->query, names[i])) continue;
        size_t len = http_query_decode(out, raw);
        ASSAY_ASSERT(len <= raw.len && !memchr(out, 0, len));
        uint64_t number;
        if (assay_base_undecimal(&number, (assay_bytes){out, len}) != ASSAY_OK) continue;
        char text[ASSAY_DECIMAL_LEN_MAX + 1];
        ASSAY_ASSERT(assay_base_decimal(text, number) == len && memcmp(text, out, len) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t text[ASSAY_HTTP_TARGET_LEN_MAX];
    if (size > sizeof text) return 0;
    if (size) memcpy(text, data, size);
    http_target t;
    assay_err err = http_target_parse(&t, text, size);
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_ENCODING || err == ASSAY_E_RANGE);
    if (err == ASSAY_OK) {
        check_parts(&t);
        check_patterns(&t);
        check_again(&t);
        check_query(&t);
    }
    /* The same bytes as an address. */
    char address[64];
    size_t len = size < sizeof address - 1 ? size : sizeof address - 1;
    if (len) memcpy(address, data, len);
    address[len] = 0;
    http_address where;
    (void)http_address_parse(&where, address, 80);
    return 0;
}
