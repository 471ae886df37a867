/* SPDX-License-Identifier: Apache-2.0
 *
 * options - the command line by the table of commands.c: options anywhere, "--name=value" or "--name value", "-nVALUE",
 * "--" before words that begin with a dash. What is not understood is refused, with the nearest that exists.
 */
#include "assay_internal.h"

#include <stdarg.h>
#include <string.h>

#define WORD_LEN_MAX 32
#define DETAIL_LEN_MAX 2048

bool has(const call *c, option_id id) { return c->counts[id] > 0; }
const char *value(const call *c, option_id id) { return c->counts[id] ? c->values[id][c->counts[id] - 1] : NULL; }
bool json_wanted(const call *c) { return has(c, OPTION_JSON); }
bool quiet(const call *c) { return has(c, OPTION_QUIET); }

__attribute__((format(printf, 2, 0))) static const char *keep_list(call *c, const char *format, va_list args) {
    char text[DETAIL_LEN_MAX];
    size_t len = assay_os_format_list(text, sizeof text, format, args);
    char *copy = ASSAY_NEW(&c->keep, char, len + 1);
    if (!copy) return "";
    memcpy(copy, text, len + 1);
    return copy;
}

const char *keep_text(call *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *text = keep_list(c, format, args);
    va_end(args);
    return text;
}

assay_err fail(call *c, assay_err err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *text = keep_list(c, format, args);
    va_end(args);
    c->because = *text ? text : NULL;
    c->because_of = err;
    return err;
}

assay_err usage(call *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    c->because = keep_list(c, format, args);
    c->because_of = ASSAY_E_USAGE;
    va_end(args);
    if (!c->try_this) c->try_this = c->command ? keep_text(c, "assay help %s", c->command->name) : "assay help";
    return ASSAY_E_USAGE;
}

/* ---- what was meant ------------------------------------------------------------------------------------------ */

/* Changes that make b of a: letters put in, taken out, replaced, or two neighbours exchanged.
 * SIZE_MAX for words that are longer than any of ours. */
static size_t distance(const char *a, const char *b) {
    size_t a_len = strlen(a), b_len = strlen(b);
    if (a_len > WORD_LEN_MAX || b_len > WORD_LEN_MAX) return SIZE_MAX;
    size_t rows[3][WORD_LEN_MAX + 1], *before_last = rows[0], *last = rows[1], *row = rows[2];
    for (size_t k = 0; k <= b_len; k++) last[k] = k;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            size_t best = last[k - 1] + (a[i - 1] != b[k - 1]);
            if (last[k] + 1 < best) best = last[k] + 1;
            if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
            bool exchanged = i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1];
            if (exchanged && before_last[k - 2] + 1 < best) best = before_last[k - 2] + 1;
            row[k] = best;
        }
        size_t *free_row = before_last;
        before_last = last;
        last = row;
        row = free_row;
    }
    return last[b_len];
}

const char *nearest(const char *word, const char *const *words, size_t count) {
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 1; /* more than a third wrong is another word */
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, words[i]);
        if (d <= best_distance && (!best || d < best_distance)) best = words[i], best_distance = d;
    }
    return best;
}

static assay_err unknown_option(call *c, const char *word) {
    const char *names[OPTION_COUNT];
    for (size_t i = 0; i < OPTION_COUNT; i++) names[i] = option_rows[i].name;
    const char *near = nearest(word, names, OPTION_COUNT);
    if (near) return usage(c, "there is no option %s; is it %s?", word, near);
    return usage(c, "there is no option %s", word);
}

static assay_err unknown_command(call *c) {
    const char *word = c->words[0], *inner = c->words_count > 1 ? c->words[1] : NULL;
    size_t word_len = strlen(word);
    const char *names[128];
    size_t count = 0;
    const char *group = NULL;
    ASSAY_ASSERT(commands_count <= sizeof names / sizeof *names);
    for (size_t i = 0; i < commands_count; i++) {
        const char *name = commands[i].name;
        if (strncmp(name, word, word_len) == 0 && name[word_len] == ' ')
            group = group ? keep_text(c, "%s, %s", group, name) : name;
        names[count++] = name;
    }
    if (group && !inner) return usage(c, "%s is the first word of: %s", word, group);
    const char *both = inner ? keep_text(c, "%s %s", word, inner) : word, *near = nearest(both, names, count);
    if (!near && inner) near = nearest(word, names, count);
    if (near) c->try_this = keep_text(c, "assay help %s", near);
    if (near) return usage(c, "there is no command %s; is it %s?", group ? both : word, near);
    return usage(c, "there is no command %s", group ? both : word);
}

/* ---- taking words -------------------------------------------------------------------------------------------- */

static const option_row *long_row(const char *word, const char **inline_value) {
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(option_rows[i].name) != len || strncmp(option_rows[i].name, word, len) != 0) continue;
        *inline_value = equals ? equals + 1 : NULL;
        return &option_rows[i];
    }
    return NULL;
}

static const option_row *letter_row(const char *word, const char **inline_value) {
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const option_row *row = &option_rows[i];
        if (!row->letter || strncmp(word, row->letter, 2) != 0) continue;
        if (word[2] && !row->value) return NULL;
        *inline_value = word[2] ? word + 2 : NULL;
        return row;
    }
    return NULL;
}

static assay_err take_option(call *c, int argc, char **argv, int *i) {
    const char *word = argv[*i], *given = NULL;
    const option_row *row = word[1] == '-' ? long_row(word, &given) : letter_row(word, &given);
    if (!row) return unknown_option(c, word);
    size_t id = (size_t)(row - option_rows);
    if (!row->value && given) return usage(c, "%s takes no value", row->name);
    if (row->value && !given) {
        /* `assay --version`, as many programs have it; publish's option of that name takes a value, never with a dash.
         */
        if (id == OPTION_VERSION && c->words_count == 0 && (*i + 1 == argc || argv[*i + 1][0] == '-'))
            given = "";
        else if (*i + 1 >= argc)
            return usage(c, "%s needs %s", row->name, row->value);
        else
            given = argv[++*i];
    }
    if (c->counts[id] == OPTION_VALUES_MAX) return usage(c, "%s more than %d times", row->name, OPTION_VALUES_MAX);
    /* A flag given twice is one flag. */
    if (c->counts[id] && !row->many && row->value) return usage(c, "%s is given twice", row->name);
    if (c->counts[id] && !row->value) return ASSAY_OK;
    c->values[id][c->counts[id]++] = given ? given : "";
    return ASSAY_OK;
}

const command_row *command_find(const char *const *words, int count, int *taken) {
    const command_row *found = NULL;
    for (size_t i = 0; i < commands_count; i++) {
        const char *name = commands[i].name, *space = strchr(name, ' ');
        size_t len = space ? (size_t)(space - name) : strlen(name);
        if (count < (space ? 2 : 1) || strlen(words[0]) != len || strncmp(words[0], name, len) != 0) continue;
        if (space && strcmp(words[1], space + 1) != 0) continue;
        /* Two words say more than one. */
        if (found && !space) continue;
        found = &commands[i];
        *taken = space ? 2 : 1;
    }
    return found;
}

static assay_err check(call *c) {
    const command_row *command = c->command;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (c->counts[i] && !((command->options | COMMON_OPTIONS) & BIT(i)))
            return usage(c, "%s does not take %s", command->name, option_rows[i].name);
    const char *space = *command->usage ? " " : "";
    if (c->words_count < command->words_min)
        return usage(c, "something is missing; usage: assay %s%s%s", command->name, space, command->usage);
    if (c->words_count > command->words_max)
        return usage(c, "%s is too much; usage: assay %s%s%s", c->words[command->words_max], command->name, space,
                     command->usage);
    return ASSAY_OK;
}

assay_err options_parse(call *c, int argc, char **argv) {
    bool only_words = false;
    /* Before all else, so that every complaint knows its form. */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0) c->values[OPTION_JSON][0] = "", c->counts[OPTION_JSON] = 1;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!only_words && strcmp(word, "--") == 0) {
            only_words = true;
        } else if (!only_words && word[0] == '-' && word[1]) {
            ASSAY_TRY(take_option(c, argc, argv, &i));
        } else {
            if (c->words_count == WORDS_MAX) return usage(c, "more than %d words", WORDS_MAX);
            c->words[c->words_count++] = word;
        }
    }
    const char *term = assay_os_env("TERM"), *no_colour = assay_os_env("NO_COLOR");
    c->colour = assay_os_is_tty(ASSAY_OS_STDOUT) && !(no_colour && *no_colour) &&
                !(term && strcmp(term, "dumb") == 0) && !json_wanted(c);
    bool version = has(c, OPTION_VERSION) && !*value(c, OPTION_VERSION);
    const char *alone = version ? "version" : has(c, OPTION_HELP) ? "help" : NULL;
    int taken = 0;
    if (c->words_count == 0) {
        if (!alone) return usage(c, "which command?");
        c->command = command_find(&alone, 1, &taken);
        c->counts[OPTION_HELP] = 0;
        c->counts[OPTION_VERSION] = 0;
        return ASSAY_OK;
    }
    c->command = command_find(c->words, c->words_count, &taken);
    if (!c->command) return unknown_command(c);
    c->words_count -= taken;
    memmove(c->words, c->words + taken, (size_t)c->words_count * sizeof *c->words);
    return has(c, OPTION_HELP) ? ASSAY_OK : check(c);
}
