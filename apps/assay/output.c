/* SPDX-License-Identifier: Apache-2.0
 *
 * output - data on stdout, messages on stderr, errors in their two forms, and text of anybody's made safe to show.
 */
#include "assay_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LINE_LEN_MAX 8192

/* ---- data ----------------------------------------------------------------------------------------------------------
 */

void out_flush(call *c) {
    if (c->text.len && !c->out_failed)
        c->out_failed = assay_os_print(ASSAY_OS_STDOUT, (assay_bytes){c->text.ptr, c->text.len}) != ASSAY_OK;
    c->text.len = 0;
}

void out_bytes(call *c, assay_bytes bytes) {
    if (assay_base_buf_put(&c->text, bytes) == ASSAY_OK) return;
    out_flush(c);
    if (assay_base_buf_put(&c->text, bytes) == ASSAY_OK) return;
    if (!c->out_failed) c->out_failed = assay_os_print(ASSAY_OS_STDOUT, bytes) != ASSAY_OK;
}

void out(call *c, const char *format, ...) {
    char line[LINE_LEN_MAX];
    va_list args;
    va_start(args, format);
    size_t len = assay_os_format_list(line, sizeof line, format, args);
    va_end(args);
    out_bytes(c, (assay_bytes){(const uint8_t *)line, len});
}

assay_err out_json(call *c, json_t *value) {
    bool tty = assay_os_is_tty(ASSAY_OS_STDOUT);
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | (tty ? JSON_INDENT(2) : JSON_COMPACT)) : NULL;
    json_decref(value);
    if (!text) return ASSAY_F_MEMORY;
    out_bytes(c, assay_base_bytes_str(text));
    out(c, "\n");
    free(text);
    return ASSAY_OK;
}

assay_json json_room(call *c, assay_buf *buf) {
    *buf = (assay_buf){c->scratch.at, 0, (size_t)(c->scratch.end - c->scratch.at)};
    return assay_json_begin(buf);
}

assay_err out_written(call *c, assay_json *json, const assay_buf *buf) {
    ASSAY_TRY(assay_json_end(json));
    out_bytes(c, (assay_bytes){buf->ptr, buf->len});
    out(c, "\n");
    return ASSAY_OK;
}

assay_err out_as_json(call *c, const char *key, const char *name, void (*print)(call *c)) {
    assay_buf real = c->text;
    c->text = (assay_buf){c->scratch.at, 0, (size_t)(c->scratch.end - c->scratch.at)};
    print(c);
    json_t *text = json_stringn((const char *)c->text.ptr, c->text.len);
    c->text = real;
    return out_json(c, json_pack("{s:s, s:o}", key, name, "text", text));
}

void field(call *c, const char *label, const char *format, ...) {
    char line[LINE_LEN_MAX];
    va_list args;
    va_start(args, format);
    assay_os_format_list(line, sizeof line, format, args);
    va_end(args);
    out(c, "  %s%-14s%s %s\n", c->colour ? "\x1b[2m" : "", label, c->colour ? "\x1b[0m" : "", line);
}

/* ---- messages -------------------------------------------------------------------------------------------------------
 */

void say(const call *c, const char *format, ...) {
    if (quiet(c) || json_wanted(c)) return;
    char line[LINE_LEN_MAX];
    va_list args;
    va_start(args, format);
    size_t len = assay_os_format_list(line, sizeof line - 1, format, args);
    va_end(args);
    line[len] = '\n';
    assay_os_print(ASSAY_OS_STDERR, (assay_bytes){(const uint8_t *)line, len + 1});
}

static void report_json(call *c, assay_err err, const char *try_this) {
    json_t *error = json_pack("{s:{s:s, s:s, s:s, s:s}}", "error", "code", assay_base_err_code(err), "what",
                              assay_base_err_text(err), "because", c->because ? c->because : "", "try", try_this);
    if (error)
        (void)!out_json(c, error);
    else
        out(c, "{\"error\":{\"code\":\"%s\"}}\n", assay_base_err_code(err));
}

static void report_text(const call *c, assay_err err, const char *try_this) {
    const char *no_colour = assay_os_env("NO_COLOR");
    bool colour = assay_os_is_tty(ASSAY_OS_STDERR) && !(no_colour && *no_colour);
    assay_os_printf(ASSAY_OS_STDERR, "%serror:%s %s\n", colour ? "\x1b[1;31m" : "", colour ? "\x1b[0m" : "",
                    assay_base_err_text(err));
    if (c->because) assay_os_printf(ASSAY_OS_STDERR, "because: %s\n", c->because);
    if (*try_this) assay_os_printf(ASSAY_OS_STDERR, "try: %s\n", try_this);
    assay_os_printf(ASSAY_OS_STDERR, "code %s\n", assay_base_err_code(err));
}

int report(call *c, assay_err err) {
    c->because = c->because && c->because_of == err ? shown(c, c->because) : NULL;
    if (err != ASSAY_OK && !c->reported) {
        const char *try_this = c->try_this ? shown(c, c->try_this) : assay_base_err_hint(err);
        out_flush(c);
        if (json_wanted(c))
            report_json(c, err, try_this);
        else
            report_text(c, err, try_this);
    }
    out_flush(c);
    /* Data that did not reach its reader was not delivered, however well the work went. */
    if (err == ASSAY_OK && c->out_failed) {
        c->because = "standard output could not be written";
        report_text(c, ASSAY_F_STORAGE, assay_base_err_hint(ASSAY_F_STORAGE));
        return assay_base_err_exit(ASSAY_F_STORAGE);
    }
    return assay_base_err_exit(err);
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

/* The length of the UTF-8 sequence at the front of text, or 0. Source: Unicode 15, table 3-7. */
static size_t sequence_len(assay_bytes text) {
    const uint8_t *p = text.ptr;
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 0;
    if (p[0] >= 0xf0 && p[0] <= 0xf4) len = 4;
    if (len == 0 || len > text.len) return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || beyond ? 0 : len;
}

/* What a terminal may obey: C0, DEL, C1, and the marks that turn the direction of text. */
static bool obeyed(const uint8_t *p, size_t len) {
    if (len == 1) return p[0] < 0x20 || p[0] == 0x7f;
    if (len == 2) return p[0] == 0xc2 && p[1] < 0xa0;
    if (len != 3 || p[0] != 0xe2) return false;
    return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
           (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

const char *visible(call *c, assay_bytes text) {
    char *shown = ASSAY_NEW(&c->keep, char, text.len * 4 + 1);
    if (!shown) return "";
    size_t len = 0;
    while (text.len) {
        size_t n = sequence_len(text), count = n ? n : 1;
        if (n && !obeyed(text.ptr, n)) {
            memcpy(shown + len, text.ptr, n);
            len += n;
        } else {
            for (size_t i = 0; i < count; i++, len += 4) {
                shown[len] = '\\';
                shown[len + 1] = 'x';
                assay_base_hex(shown + len + 2, (assay_bytes){text.ptr + i, 1});
            }
        }
        text = (assay_bytes){text.ptr + count, text.len - count};
    }
    shown[len] = 0;
    return shown;
}

const char *shown(call *c, const char *text) { return visible(c, assay_base_bytes_str(text)); }

const char *hex(call *c, const void *bytes, size_t len) {
    char *text = ASSAY_NEW(&c->keep, char, 2 * len + 1);
    if (!text) return "";
    assay_base_hex(text, (assay_bytes){bytes, len});
    return text;
}

const char *address_text(call *c, assay_address address) {
    char *text = ASSAY_NEW(&c->keep, char, ASSAY_ADDRESS_TEXT_LEN + 1);
    if (!text) return "";
    assay_codec_address_put(text, address);
    return text;
}

const char *size_text(char out[24], uint64_t bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        assay_os_format(out, 24, "%llu B", (unsigned long long)bytes);
        return out;
    }
    double scaled = (double)bytes;
    size_t unit = 0;
    while (scaled >= 999.95 && unit < 6) scaled /= 1000, unit++;
    assay_os_format(out, 24, "%.1f %s", scaled, units[unit]);
    return out;
}

const char *amount_text(char out[32], uint64_t amount) {
    char digits[ASSAY_DECIMAL_LEN_MAX + 1];
    size_t count = assay_base_decimal(digits, amount), len = 0;
    for (size_t i = 0; i < count; i++) {
        if (i && (count - i) % 3 == 0) out[len++] = '_';
        out[len++] = digits[i];
    }
    out[len] = 0;
    return out;
}

const char *span_text(char out[32], uint64_t seconds) {
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {1, "seconds"}};
    size_t i = 0;
    while (i < 3 && seconds < 2 * units[i].seconds) i++;
    assay_os_format(out, 32, "%llu %s", (unsigned long long)(seconds / units[i].seconds), units[i].name);
    return out;
}
