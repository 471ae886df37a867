/* SPDX-License-Identifier: Apache-2.0
 *
 * table - rows of text whose columns align. Words that say how something stands get their colour here, in one place.
 */
#include "assay_internal.h"

#include <stdarg.h>
#include <string.h>

table table_begin(call *c, const char *heads, size_t rows_max) {
    table t = {.c = c, .rows_max = rows_max};
    for (const char *p = heads; *p;) {
        size_t len = strcspn(p, " ");
        ASSAY_ASSERT(len > 0 && t.columns < TABLE_COLUMNS_MAX);
        t.right[t.columns] = p[len - 1] == '>';
        t.heads[t.columns] = keep_text(c, "%.*s", (int)(t.right[t.columns] ? len - 1 : len), p);
        t.columns++;
        p += len + (p[len] == ' ');
    }
    t.cells = ASSAY_NEW(&c->keep, const char *, rows_max *(size_t)t.columns);
    t.failed = rows_max && !t.cells;
    return t;
}

void table_row(table *t, ...) {
    if (t->failed) return;
    ASSAY_ASSERT(t->rows < t->rows_max);
    va_list args;
    va_start(args, t);
    for (int i = 0; i < t->columns; i++)
        t->cells[t->rows * (size_t)t->columns + (size_t)i] = va_arg(args, const char *);
    va_end(args);
    t->rows++;
}

/* Characters that a terminal shows: code points, not bytes. */
static size_t width(const char *text) {
    size_t n = 0;
    for (; *text; text++) n += ((uint8_t)*text & 0xc0) != 0x80;
    return n;
}

static const char *colour_of(const char *word) {
    static const struct {
        const char *word, *colour;
    } rows[] = {
        {"attested", "\x1b[32m"},   {"active", "\x1b[32m"},   {"opened", "\x1b[32m"},  {"recorded", "\x1b[33m"},
        {"deprecated", "\x1b[33m"}, {"inactive", "\x1b[33m"}, {"pending", "\x1b[33m"}, {"lapsed", "\x1b[33m"},
        {"void", "\x1b[33m"},       {"revoked", "\x1b[31m"},  {"jailed", "\x1b[31m"},  {"tombstoned", "\x1b[31m"},
        {"false", "\x1b[31m"},      {"stopped", "\x1b[31m"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(word, rows[i].word) == 0) return rows[i].colour;
    return "";
}

static void cell(const table *t, const char *text, size_t wide, int column, const char *colour) {
    size_t pad = wide - width(text);
    bool last = column == t->columns - 1;
    if (!t->c->colour) colour = "";
    if (t->right[column]) out(t->c, "%*s", (int)pad, "");
    out(t->c, "%s", colour);
    out_bytes(t->c, assay_base_bytes_str(text));
    out(t->c, "%s", *colour ? "\x1b[0m" : "");
    if (!t->right[column] && !last) out(t->c, "%*s", (int)pad, "");
    out(t->c, last ? "\n" : "  ");
}

void table_print(table *t) {
    if (t->failed || t->rows == 0) return;
    size_t wide[TABLE_COLUMNS_MAX];
    for (int i = 0; i < t->columns; i++) {
        wide[i] = width(t->heads[i]);
        for (size_t r = 0; r < t->rows; r++) {
            size_t w = width(t->cells[r * (size_t)t->columns + (size_t)i]);
            if (w > wide[i]) wide[i] = w;
        }
    }
    for (int i = 0; i < t->columns && !quiet(t->c); i++) cell(t, t->heads[i], wide[i], i, "\x1b[2m");
    for (size_t r = 0; r < t->rows; r++)
        for (int i = 0; i < t->columns; i++) {
            const char *text = t->cells[r * (size_t)t->columns + (size_t)i];
            cell(t, text, wide[i], i, colour_of(text));
        }
}
