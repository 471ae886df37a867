/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line's parts by themselves: its table, its parser, what people type and what they are shown.
 */
#include "assay_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MEMORY ((size_t)8 << 20)
#define TEXT_CAP 65536

static int setup(void **state) {
    call *c = calloc(1, sizeof *c);
    uint8_t *memory = malloc(2 * MEMORY + TEXT_CAP);
    if (!c || !memory) return -1;
    c->keep = assay_base_arena(memory, MEMORY);
    c->scratch = assay_base_arena(memory + MEMORY, MEMORY);
    c->text = (assay_buf){memory + 2 * MEMORY, 0, TEXT_CAP};
    *state = c;
    return 0;
}

static int teardown(void **state) {
    call *c = *state;
    free(c->text.ptr - 2 * MEMORY);
    free(c);
    return 0;
}

/* As if just started, with the same memory. */
static void again(call *c) {
    uint8_t *memory = c->text.ptr - 2 * MEMORY;
    *c = (call){.keep = assay_base_arena(memory, MEMORY),
                .scratch = assay_base_arena(memory + MEMORY, MEMORY),
                .text = {memory + 2 * MEMORY, 0, TEXT_CAP}};
}

/* Parses a line whose words stand between single spaces. */
static assay_err parse(call *c, const char *line) {
    char *argv[64];
    int argc = 0;
    char *words = (char *)(uintptr_t)keep_text(c, "assay %s", line);
    for (char *p = words; *p;) {
        argv[argc++] = p;
        p += strcspn(p, " ");
        if (*p) *p++ = 0;
    }
    return options_parse(c, argc, argv);
}

static const char *printed(call *c) {
    c->text.ptr[c->text.len] = 0;
    return (const char *)c->text.ptr;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static void table_is_whole(void **state) {
    (void)state;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        assert_non_null(option_rows[i].name);
        assert_memory_equal(option_rows[i].name, "--", 2);
        assert_non_null(option_rows[i].help);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(option_rows[i].name, option_rows[k].name);
            if (option_rows[i].letter && option_rows[k].letter)
                assert_string_not_equal(option_rows[i].letter, option_rows[k].letter);
        }
    }
    for (size_t i = 0; i < commands_count; i++) {
        assert_true(strlen(commands[i].name) <= 16); /* the help's first column */
        assert_true(commands[i].words_min <= commands[i].words_max && commands[i].words_max < WORDS_MAX);
        assert_non_null(commands[i].run);
        for (size_t k = 0; k < i; k++) assert_string_not_equal(commands[i].name, commands[k].name);
    }
}

/* ---- the parser ----------------------------------------------------------------------------------------------------
 */

static void lines_that_parse(void **state) {
    static const struct {
        const char *line, *command;
        int words;
        option_id option;
        const char *value;
    } rows[] = {
        {"digest model", "digest", 1, OPTION_JSON, NULL},
        {"--json digest model", "digest", 1, OPTION_JSON, ""},
        {"digest --json --json model", "digest", 1, OPTION_JSON, ""},
        {"digest -q model", "digest", 1, OPTION_QUIET, ""},
        {"devnet -n 7", "devnet", 0, OPTION_VALIDATORS, "7"},
        {"devnet -n7", "devnet", 0, OPTION_VALIDATORS, "7"},
        {"devnet --validators=7", "devnet", 0, OPTION_VALIDATORS, "7"},
        {"devnet fault kill 3", "devnet fault", 2, OPTION_NODE, NULL},
        {"--node http://x devnet fault kill 3", "devnet fault", 2, OPTION_NODE, "http://x"},
        {"key show", "key show", 0, OPTION_KEY, NULL},
        {"digest -- --json", "digest", 1, OPTION_JSON, NULL},
        {"digest -", "digest", 1, OPTION_JSON, NULL},
        {"publish m --name a/b --version 1.0", "publish", 1, OPTION_VERSION, "1.0"},
        {"publish m --name a/b --version=", "publish", 1, OPTION_VERSION, ""},
        {"publish m --parent a/b@1 --parent a/b@2", "publish", 1, OPTION_PARENT, "a/b@2"},
        {"--version", "version", 0, OPTION_VERSION, NULL},
        {"--version --json", "version", 0, OPTION_JSON, ""},
        {"-q --version", "version", 0, OPTION_QUIET, ""},
        {"--version 1.0 publish m", "publish", 1, OPTION_VERSION, "1.0"},
        {"--help", "help", 0, OPTION_HELP, NULL},
        {"-h", "help", 0, OPTION_HELP, NULL},
        {"digest --help", "digest", 0, OPTION_HELP, ""},
    };
    call *c = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        again(c);
        assert_int_equal(parse(c, rows[i].line), ASSAY_OK);
        assert_string_equal(c->command->name, rows[i].command);
        assert_int_equal(c->words_count, rows[i].words);
        const char *found = value(c, rows[i].option);
        if (!rows[i].value)
            assert_null(found);
        else
            assert_string_equal(found, rows[i].value);
    }
}

static void lines_that_do_not(void **state) {
    static const struct {
        const char *line, *because;
    } rows[] = {
        {"", "which command?"},
        {"-q", "which command?"},
        {"--version 1.0", "which command?"},
        {"publish m --version", "--version needs VERSION"},
        {"publsh m", "is it publish?"},
        {"devnet-fault kill 1", "there is no command devnet-fault"},
        {"frobnicate", "there is no command frobnicate"},
        {"key", "key is the first word of: key new, key show"},
        {"key nw", "is it key new?"},
        {"trust ad x", "is it trust add?"},
        {"digest", "something is missing; usage: assay digest PATH"},
        {"digest a b", "b is too much"},
        {"status now", "now is too much"},
        {"digest m --jsn", "there is no option --jsn; is it --json?"},
        {"digest m --frobnicate", "there is no option --frobnicate"},
        {"digest m -x", "there is no option -x"},
        {"digest m -qq", "there is no option -qq"},
        {"digest m --json=1", "--json takes no value"},
        {"digest m --threads", "--threads needs N"},
        {"digest m --threads 1 --threads 2", "--threads is given twice"},
        {"digest m --wait", "digest does not take --wait"},
        {"status --key f", "status does not take --key"},
        {"verify m --node http://x", "verify does not take --node"},
    };
    call *c = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        again(c);
        assert_int_equal(parse(c, rows[i].line), ASSAY_E_USAGE);
        assert_int_equal(c->because_of, ASSAY_E_USAGE);
        if (!strstr(c->because, rows[i].because)) fail_msg("%s: %s", rows[i].line, c->because);
        assert_non_null(c->try_this);
    }
}

static void too_much_of_all(void **state) {
    call *c = *state;
    const char *line = "publish m";
    for (int i = 0; i < OPTION_VALUES_MAX; i++) line = keep_text(c, "%s --parent a/b@%d", line, i);
    char *argv[WORDS_MAX + 4] = {"assay", "show"};
    assert_int_equal(parse(c, line), ASSAY_OK);
    assert_int_equal(c->counts[OPTION_PARENT], OPTION_VALUES_MAX);
    again(c);
    line = "publish m --parent a/b@x";
    for (int i = 0; i < OPTION_VALUES_MAX; i++) line = keep_text(c, "%s --parent a/b@%d", line, i);
    assert_int_equal(parse(c, line), ASSAY_E_USAGE);
    again(c);
    for (int i = 2; i < WORDS_MAX + 2; i++) argv[i] = "word";
    assert_int_equal(options_parse(c, WORDS_MAX + 2, argv), ASSAY_E_USAGE);
}

static void what_was_meant(void **state) {
    (void)state;
    static const char *const words[] = {"publish", "status", "send", "show"};
    assert_string_equal(nearest("pubilsh", words, 4), "publish"); /* two letters exchanged: one change */
    assert_string_equal(nearest("stats", words, 4), "status");
    assert_string_equal(nearest("snd", words, 4), "send");
    assert_null(nearest("verify", words, 4));
    assert_null(nearest("", words, 4));
    char longer[100];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_null(nearest(longer, words, 4));
}

/* ---- values
 * ------------------------------------------------------------------------------------------------------------ */

static void numbers(void **state) {
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {{"1", true},   {"64", true},   {"0", false},   {"65", false},
                {"", false},   {"01", false},  {"+1", false},  {"-1", false},
                {"1 ", false}, {"1e1", false}, {"0x1", false}, {"18446744073709551616", false}};
    call *c = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        again(c);
        uint64_t n = 77;
        c->values[OPTION_THREADS][0] = rows[i].text;
        c->counts[OPTION_THREADS] = 1;
        assert_int_equal(value_u64(c, OPTION_THREADS, &n, 1, 64), rows[i].ok ? ASSAY_OK : ASSAY_E_USAGE);
        if (!rows[i].ok) assert_int_equal(n, 77);
    }
    again(c);
    uint64_t n = 77;
    assert_int_equal(value_u64(c, OPTION_THREADS, &n, 1, 64), ASSAY_OK);
    assert_int_equal(n, 77);
}

static void amounts(void **state) {
    static const struct {
        const char *text;
        uint64_t amount; /* 0: refused */
    } rows[] = {{"1", 1},
                {"1_000", 1000},
                {"18446744073709551615", UINT64_MAX},
                {"18_446_744_073_709_551_615", UINT64_MAX},
                {"18446744073709551616", 0},
                {"0", 0},
                {"_1", 0},
                {"", 0},
                {"1.5", 0},
                {"-1", 0},
                {"1,000", 0},
                {"00", 0},
                {"1e3", 0},
                {"184467440737095516150", 0}};
    call *c = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t n = 0;
        assay_err err = amount_of(c, &n, rows[i].text);
        assert_int_equal(err, rows[i].amount ? ASSAY_OK : ASSAY_E_USAGE);
        if (err == ASSAY_OK) assert_true(n == rows[i].amount);
    }
}

static void names_and_addresses(void **state) {
    call *c = *state;
    assay_version_ref ref;
    assay_bytes name;
    assay_address address, back;
    assert_int_equal(ref_of(c, &ref, "acme/ocr@1.0"), ASSAY_OK);
    assert_true(assay_base_bytes_eq(ref.name, ASSAY_STR("acme/ocr")));
    assert_true(assay_base_bytes_eq(ref.version, ASSAY_STR("1.0")));
    static const char *const no_refs[] = {"acme/ocr",   "acme@1",       "acme/ocr@", "@1",
                                          "Acme/ocr@1", "acme/ocr@1@2", "a/b/c@1"};
    for (size_t i = 0; i < sizeof no_refs / sizeof *no_refs; i++)
        assert_int_equal(ref_of(c, &ref, no_refs[i]), ASSAY_E_NAME);
    assert_int_equal(name_of(c, &name, "acme/ocr"), ASSAY_OK);
    assert_int_equal(name_of(c, &name, "acme"), ASSAY_E_NAME);
    for (size_t i = 0; i < sizeof address.b; i++) address.b[i] = (uint8_t)(i * 7);
    assert_int_equal(address_of(c, &back, address_text(c, address)), ASSAY_OK);
    assert_true(assay_base_address_eq(address, back));
    assert_int_equal(address_of(c, &back, "assay1qqqq"), ASSAY_E_USAGE);
    assert_true(is_digits("0123"));
    assert_false(is_digits(""));
    assert_false(is_digits("12a"));
}

/* ---- text
 * --------------------------------------------------------------------------------------------------------------- */

static void figures(void **state) {
    (void)state;
    char text[32];
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {{0, "0 B"},           {999, "999 B"},     {1000, "1.0 kB"},     {90900000, "90.9 MB"},
                 {999949, "999.9 kB"}, {999950, "1.0 MB"}, {1u << 30, "1.1 GB"}, {UINT64_MAX, "18.4 EB"}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_string_equal(size_text(text, sizes[i].bytes), sizes[i].text);
    assert_string_equal(amount_text(text, 0), "0");
    assert_string_equal(amount_text(text, 999), "999");
    assert_string_equal(amount_text(text, 1000), "1_000");
    assert_string_equal(amount_text(text, UINT64_MAX), "18_446_744_073_709_551_615");
    assert_string_equal(span_text(text, 0), "0 seconds");
    assert_string_equal(span_text(text, 119), "119 seconds");
    assert_string_equal(span_text(text, 120), "2 minutes");
    assert_string_equal(span_text(text, 7200), "2 hours");
    assert_string_equal(span_text(text, 2 * 86400), "2 days");
}

static void text_of_anybody(void **state) {
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"plain", "plain"},
        {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
        {"a\x1b[31mb", "a\\x1b[31mb"},
        {"a\nb\tc", "a\\x0ab\\x09c"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b", "\\xc2\\x9b"},          /* C1's CSI */
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"}, /* right-to-left override */
        {"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},
        {"\xe2\x82\xac", "\xe2\x82\xac"},
        {"\xc0\x80", "\\xc0\\x80"},          /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* a surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"end\xe2\x82", "end\\xe2\\x82"},
    };
    call *c = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) assert_string_equal(shown(c, rows[i].text), rows[i].shown);
    assert_string_equal(visible(c, (assay_bytes){(const uint8_t *)"a\0b", 3}), "a\\x00b");
}

static void tables_align(void **state) {
    call *c = *state;
    table t = table_begin(c, "N> NAME END", 2);
    table_row(&t, "1", "gr\xc3\xbcn", "x");
    table_row(&t, "100", "blau", "yy");
    table_print(&t);
    assert_string_equal(printed(c), "  N  NAME  END\n"
                                    "  1  gr\xc3\xbcn  x\n"
                                    "100  blau  yy\n");
    c->text.len = 0;
    t = table_begin(c, "N> NAME", 0);
    table_print(&t);
    assert_string_equal(printed(c), "");
    c->colour = true;
    t = table_begin(c, "STATUS END", 1);
    table_row(&t, "attested", "revokedly");
    table_print(&t);
    assert_non_null(strstr(printed(c), "\x1b[32mattested\x1b[0m  revokedly\n"));
}

static void json_answers_are_read_leniently(void **state) {
    (void)state;
    json_t *json = json_loads("{\"a\":\"12\",\"b\":13,\"c\":-1,\"d\":\"x\",\"e\":true,\"f\":null}", 0, NULL);
    assert_int_equal(number(json, "a"), 12);
    assert_int_equal(number(json, "b"), 13);
    assert_int_equal(number(json, "c"), 0);
    assert_int_equal(number(json, "d"), 0);
    assert_int_equal(number(json, "none"), 0);
    assert_string_equal(member(json, "d"), "x");
    assert_string_equal(member(json, "b"), "");
    assert_string_equal(member(NULL, "b"), "");
    assert_true(flag(json, "e"));
    assert_false(flag(json, "f"));
    json_decref(json);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(table_is_whole), TEST(lines_that_parse), TEST(lines_that_do_not), TEST(too_much_of_all),
        TEST(what_was_meant), TEST(numbers),          TEST(amounts),           TEST(names_and_addresses),
        TEST(figures),        TEST(text_of_anybody),  TEST(tables_align),      TEST(json_answers_are_read_leniently),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
