/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs of presence and absence, and spoilt ones, judged by the stock ICS 23 verifier (test/peers/ics23check, Go,
 * v0.11.0).
 *
 * Needs go on PATH, or as build/env.sh gives it. Without it the test is skipped, unless ASSAY_REQUIRE_PEERS=1: then it
 * fails. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "table_internal.h"

#define PEERS "cd " ASSAY_SOURCE_DIR "/test/peers && if [ -f ../../build/env.sh ]; then . ../../build/env.sh; fi; "

static uint8_t memory[1u << 20];

/* The exit status of a shell command. */
static int run(const char *command) {
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void put_hex(FILE *out, const char *name, assay_bytes bytes, const char *after) {
    fprintf(out, "\"%s\":\"", name);
    for (size_t i = 0; i < bytes.len; i++) fprintf(out, "%02x", bytes.ptr[i]);
    fprintf(out, "\"%s", after);
}

/* One question: may this proof stand? spoil: 0 as it is; else a change that makes it a lie. */
static void ask(FILE *out, fixture *f, assay_bytes key, unsigned spoil) {
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_hash root = assay_state_root(f->state);
    assay_bytes proof, value;
    bool found;
    must(assay_state_prove(&proof, &value, &found, &keep, storage_reader(&f->storage), key));
    if (spoil == 1) root.b[31] ^= 1;
    if (spoil == 2) memory[proof.len / 2] ^= 1; /* the proof is at the front of memory */
    fputc('{', out);
    put_hex(out, "root", assay_base_hash_bytes(&root), ",");
    put_hex(out, "key", key, ",");
    if (found) put_hex(out, "value", spoil == 3 ? ASSAY_STR("lie") : value, ",");
    put_hex(out, "proof", proof, "}\n");
}

static unsigned questions(FILE *out, unsigned spoil) {
    static const uint64_t sizes[] = {1, 2, 3, 50, 5000};
    unsigned asked = 0;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        fixture *f = fixture_new(16u << 20);
        fixture_fill(f, sizes[s]);
        uint8_t longest[ASSAY_STATE_KEY_LEN_MAX] = {1}, key[16];
        must(assay_state_put(f->state, (assay_bytes){longest, sizeof longest}, (assay_bytes){longest, sizeof longest}));
        fixture_commit(f);
        ask(out, f, (assay_bytes){longest, sizeof longest}, spoil);
        asked++;
        for (uint64_t n = 0; n < 100; n++) {
            bool absent = n % 2 || n / 2 >= sizes[s];
            if (spoil == 3 && absent) continue; /* an absent key has no value to lie about */
            ask(out, f, key_of(key, absent ? 1000000 + n : n * 31 / 2 % sizes[s]), spoil);
            asked++;
        }
        fixture_free(f);
    }
    return asked;
}

/* Asks the judge; how many lines of its answer begin with each word. */
static void judge(const char *directory, unsigned spoil, unsigned *asked, unsigned *ok, unsigned *bad) {
    char path[512], command[2048], line[4096];
    snprintf(path, sizeof path, "%s/questions", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    *asked = questions(file, spoil);
    assert_int_equal(fclose(file), 0);
    snprintf(command, sizeof command, "%s/ics23check < %s > %s/answers", directory, path, directory);
    int status = run(command);
    assert_int_equal(status, spoil ? 1 : 0);
    snprintf(path, sizeof path, "%s/answers", directory);
    file = fopen(path, "r");
    assert_non_null(file);
    *ok = *bad = 0;
    while (fgets(line, sizeof line, file)) {
        *ok += strcmp(line, "ok\n") == 0;
        *bad += strncmp(line, "bad ", 4) == 0;
    }
    fclose(file);
}

static void stock_ics23_agrees(void **unused) {
    (void)unused;
    const char *required = getenv("ASSAY_REQUIRE_PEERS");
    char directory[] = "/tmp/assay-ics23-XXXXXX", command[1024];
    if (run(PEERS "command -v go >/dev/null") != 0) {
        if (required && strcmp(required, "1") == 0) fail_msg("there is no go, and ASSAY_REQUIRE_PEERS=1");
        print_message("skipped: there is no go\n");
        skip();
    }
    assert_non_null(mkdtemp(directory));
    snprintf(command, sizeof command, PEERS "go build -o %s/ics23check ./ics23check", directory);
    int built = run(command);
    if (built != 0 && !(required && strcmp(required, "1") == 0)) {
        print_message("skipped: go cannot build test/peers/ics23check (no modules?)\n");
        snprintf(command, sizeof command, "rm -rf %s", directory);
        run(command);
        skip();
    }
    assert_int_equal(built, 0);
    for (unsigned spoil = 0; spoil < 4; spoil++) {
        unsigned asked, ok, bad;
        judge(directory, spoil, &asked, &ok, &bad);
        print_message("spoil %u: %u questions, %u ok, %u bad\n", spoil, asked, ok, bad);
        assert_true(asked > 100);
        assert_int_equal(ok, spoil ? 0 : asked);
        assert_int_equal(bad, spoil ? asked : 0);
    }
    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(run(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(stock_ics23_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
