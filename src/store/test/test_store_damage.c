/* SPDX-License-Identifier: Apache-2.0
 *
 * A full disk, and files that were cut or changed: the right fault, the last good state, no crash. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "os/os.h"
#include "store/store.h"

#define OK(call) assert_int_equal((call), ASSAY_OK)
#define PATH_CAP 512

static uint64_t choose(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- rows that follow from their number ---------------------------------------------------------------------- */

typedef struct rows {
    uint64_t from, to; /* numbers to put */
    size_t value_len;
} rows;

static assay_bytes row_key(uint8_t out[40], uint64_t n) {
    uint64_t seed = n;
    for (int i = 0; i < 5; i++) {
        uint64_t word = choose(&seed);
        memcpy(out + 8 * i, &word, 8);
    }
    return (assay_bytes){out, 8 + n % 33};
}

static size_t row_len(const rows *r, uint64_t n) { return n % 50 == 0 ? 3 * r->value_len : r->value_len; }

static assay_err fill(void *context, assay_store_batch *batch) {
    const rows *r = context;
    static uint8_t value[1u << 16];
    assay_state_writer writer = assay_store_state_writer(batch);
    for (uint64_t n = r->from; n < r->to; n++) {
        uint8_t key[40];
        memset(value, (int)n, row_len(r, n));
        ASSAY_TRY(writer.put(writer.context, ASSAY_SPACE_VALUE, row_key(key, n), (assay_bytes){value, row_len(r, n)}));
    }
    uint8_t commit[64] = {1};
    return assay_store_put_block(
        batch, &(assay_store_block){.height = r->to, .block = {value, r->value_len}, .commit = {commit, 64}});
}

/* Are rows 0 .. count-1 there, as they were put? The first error, or whether one is wrong. */
static assay_err read_rows(assay_store *store, uint64_t count, size_t value_len, bool *right) {
    assay_store_snapshot *s;
    rows r = {.value_len = value_len};
    *right = true;
    ASSAY_TRY(assay_store_snapshot_begin(&s, store));
    assay_state_reader reader = assay_store_snapshot_reader(s);
    assay_err err = ASSAY_OK;
    for (uint64_t n = 0; n < count && !err; n++) {
        uint8_t key[40];
        assay_bytes value;
        bool found;
        err = reader.get(reader.context, ASSAY_SPACE_VALUE, row_key(key, n), &value, &found);
        if (err) break;
        *right = *right && found && value.len == row_len(&r, n);
        for (size_t i = 0; *right && i < value.len; i++) *right = value.ptr[i] == (uint8_t)n;
    }
    assay_bytes from = {0}, key, value;
    uint64_t walked = 0;
    for (bool found = true; !err && found; walked++) {
        err = reader.next(reader.context, ASSAY_SPACE_VALUE, from, from.len > 0, &key, &value, &found);
        if (!err && found && from.len && assay_base_bytes_cmp(key, from) <= 0) *right = false;
        if (!err && !found) break;
        from = key;
    }
    if (!err) *right = *right && walked == count;
    uint64_t first, last;
    assay_store_block block;
    if (!err) err = assay_store_heights(&first, &last, s);
    if (!err && last > 0) err = assay_store_get_block(&block, s, last);
    if (!err && count) *right = *right && last == count;
    assay_store_snapshot_end(s);
    return err;
}

static void expect_rows(assay_store *store, uint64_t count, size_t value_len) {
    bool right;
    OK(read_rows(store, count, value_len, &right));
    assert_true(right);
}

typedef struct place {
    uint8_t memory[4096];
    const char *directory;
    char data[PATH_CAP];
    assay_store_config config;
} place;

static int place_new(void **state) {
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    assay_arena keep = assay_base_arena(p->memory, sizeof p->memory);
    OK(assay_os_temp_dir(&p->directory, &keep, "assay-damage", true));
    snprintf(p->data, sizeof p->data, "%s/data.mdb", p->directory);
    p->config.directory = p->directory;
    *state = p;
    return 0;
}

static int place_end(void **state) {
    place *p = *state;
    OK(assay_os_remove_tree(p->directory));
    free(p);
    return 0;
}

/* ---- no room ------------------------------------------------------------------------------------------------- */

/* Batches of 50 rows until one fails; how many rows are there by then. */
static uint64_t fill_until_full(assay_store *store, uint64_t from, size_t value_len) {
    for (uint64_t n = from; n < from + 100000; n += 50) {
        rows r = {n, n + 50, value_len};
        assay_err err = assay_store_write(store, fill, &r);
        if (err == ASSAY_OK) continue;
        assert_int_equal(err, ASSAY_F_STORAGE);
        assert_true(strlen(assay_store_reason(store)) > 0);
        return n;
    }
    fail_msg("it never got full");
    return 0;
}

static void a_used_up_map(void **state) {
    place *p = *state;
    assay_store *store;
    p->config.map_bytes = 1u << 20;
    OK(assay_store_open(&store, &p->config));
    uint64_t count = fill_until_full(store, 0, 200);
    assert_true(count > 500);
    expect_rows(store, count, 200);
    assert_int_equal(assay_store_write(store, fill, &(rows){count, count + 2000, 200}), ASSAY_F_STORAGE);
    expect_rows(store, count, 200);
    assay_store_close(store);
    /* The next opening gives it four times what is in use. */
    OK(assay_store_open(&store, &p->config));
    expect_rows(store, count, 200);
    OK(assay_store_write(store, fill, &(rows){count, count + 2000, 200}));
    expect_rows(store, count + 2000, 200);
    assay_store_close(store);
}

/* In a child, because the limit holds for the whole process: 0, or the line that failed. */
#define CHILD(claim)                                                                                                   \
    if (!(claim)) return __LINE__

static int file_limit_child(const assay_store_config *config) {
    assay_store *store;
    bool right;
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    CHILD(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    rlim_t before = limit.rlim_cur;
    CHILD(assay_store_open(&store, config) == ASSAY_OK);
    CHILD(assay_store_write(store, fill, &(rows){0, 500, 200}) == ASSAY_OK);
    assay_store_usage usage;
    CHILD(assay_store_look(&usage, store) == ASSAY_OK);
    uint64_t count = 500;
    for (unsigned round = 0; round < 5; round++) {
        limit.rlim_cur = usage.file_bytes + 300000;
        CHILD(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        assay_err err;
        do {
            err = assay_store_write(store, fill, &(rows){count, count + 50, 200});
            if (err == ASSAY_OK) count += 50;
        } while (err == ASSAY_OK && count < 100000);
        CHILD(err == ASSAY_F_STORAGE);
        CHILD(read_rows(store, count, 200, &right) == ASSAY_OK && right);
        CHILD(assay_store_write(store, fill, &(rows){count, count + 5000, 200}) == ASSAY_F_STORAGE);
        /* Space returns: the same store goes on. */
        limit.rlim_cur = before;
        CHILD(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        CHILD(assay_store_write(store, fill, &(rows){count, count + 100, 200}) == ASSAY_OK);
        count += 100;
        CHILD(read_rows(store, count, 200, &right) == ASSAY_OK && right);
        CHILD(assay_store_look(&usage, store) == ASSAY_OK);
    }
    assay_store_close(store);
    CHILD(assay_store_open(&store, config) == ASSAY_OK);
    CHILD(read_rows(store, count, 200, &right) == ASSAY_OK && right);
    assay_store_close(store);
    return 0;
}

static void a_file_limit(void **state) {
    place *p = *state;
    for (int durable = 0; durable < 2; durable++) {
        p->config.durable = durable;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            int line = file_limit_child(&p->config);
            if (line) fprintf(stderr, "line %d\n", line);
            _exit(line != 0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        OK(assay_os_remove_tree(p->directory));
    }
}

/* A file system of 2 MiB, where this user may mount one. */
static void a_full_file_system(void **state) {
    place *p = *state;
    char path[PATH_CAP];
    snprintf(path, sizeof path, "%s/small", p->directory);
    OK(assay_os_dirs_create(path, 0700));
    if (mount("tmpfs", path, "tmpfs", 0, "size=2m") != 0) {
        print_message("skipped: no right to mount (the file limit above stands for it)\n");
        skip();
    }
    assay_store *store;
    OK(assay_store_open(&store, &(assay_store_config){.directory = path, .durable = true}));
    uint64_t count = fill_until_full(store, 0, 200);
    assert_true(count > 500);
    expect_rows(store, count, 200);
    assert_int_equal(mount("tmpfs", path, "tmpfs", MS_REMOUNT, "size=16m"), 0);
    OK(assay_store_write(store, fill, &(rows){count, count + 500, 200}));
    expect_rows(store, count + 500, 200);
    assay_store_close(store);
    OK(assay_store_open(&store, &(assay_store_config){.directory = path, .durable = true}));
    expect_rows(store, count + 500, 200);
    assay_store_close(store);
    assert_int_equal(umount(path), 0);
}

/* ---- damage -------------------------------------------------------------------------------------------------- */

#define GOOD_ROWS 1000
#define VALUE_LEN 400

typedef struct copy {
    uint8_t *bytes, *work;
    size_t len;
} copy;

/* A good file with a free list, branches, large values and two trees. */
static copy good_file(place *p) {
    assay_store *store;
    OK(assay_store_open(&store, &p->config));
    for (uint64_t n = 0; n < GOOD_ROWS; n += 50) {
        if (n == 500) OK(assay_store_write(store, fill, &(rows){n, n + 50, 1500}));
        OK(assay_store_write(store, fill, &(rows){n, n + 50, VALUE_LEN}));
    }
    OK(assay_store_write(store, fill, &(rows){GOOD_ROWS - 50, GOOD_ROWS, VALUE_LEN}));
    expect_rows(store, GOOD_ROWS, VALUE_LEN);
    assay_store_close(store);
    copy c;
    FILE *f = fopen(p->data, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    c.len = (size_t)ftell(f);
    rewind(f);
    c.bytes = malloc(c.len);
    c.work = malloc(c.len);
    assert_true(c.bytes && c.work);
    assert_int_equal(fread(c.bytes, 1, c.len, f), c.len);
    fclose(f);
    memcpy(c.work, c.bytes, c.len);
    return c;
}

static void put_file(place *p, const uint8_t *bytes, size_t len) {
    FILE *f = fopen(p->data, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

typedef enum outcome { REFUSED, NOTICED, UNHARMED } outcome;

/* Opens what stands there, reads all and writes some. Never a crash, never wrong rows. */
static outcome use(place *p) {
    assay_store *store;
    bool right;
    const char *reason = "";
    assay_store_config config = p->config;
    config.reason = &reason;
    assay_err err = assay_store_open(&store, &config);
    if (err) {
        assert_int_equal(err, ASSAY_F_CORRUPT);
        assert_true(strlen(reason) > 0);
        return REFUSED;
    }
    err = read_rows(store, GOOD_ROWS, VALUE_LEN, &right);
    if (err == ASSAY_OK ? !right : err != ASSAY_F_CORRUPT)
        fail_msg("%s, rows %s", assay_base_err_text(err), right ? "right" : "wrong");
    assay_err write_err = assay_store_write(store, fill, &(rows){100, 300, VALUE_LEN});
    assert_true(write_err == ASSAY_OK || write_err == ASSAY_F_CORRUPT);
    if (write_err == ASSAY_OK)
        write_err = assay_store_write(store, fill, &(rows){GOOD_ROWS, GOOD_ROWS + 300, VALUE_LEN});
    assert_true(write_err == ASSAY_OK || write_err == ASSAY_F_CORRUPT);
    assay_store_close(store);
    return err || write_err ? NOTICED : UNHARMED;
}

static void a_cut_file(void **state) {
    place *p = *state;
    copy c = good_file(p);
    uint64_t seed = 5;
    unsigned counts[3] = {0};
    for (unsigned i = 0; i < 200; i++) {
        size_t len = i == 0 ? 0 : i == 1 ? 1 : i == 2 ? 100 : i < 60 ? (i - 2) * 4096 : choose(&seed) % c.len;
        if (i >= 150) len = c.len - (i - 149) * 4096;
        put_file(p, c.bytes, len);
        counts[use(p)]++;
    }
    print_message("200 cuts of a file of %zu bytes: %u refused, %u noticed, %u unharmed\n", c.len, counts[0], counts[1],
                  counts[2]);
    assert_true(counts[REFUSED] > 100 && counts[NOTICED] == 0);
    put_file(p, c.bytes, c.len);
    assert_int_equal(use(p), UNHARMED);
    free(c.bytes), free(c.work);
}

static void a_changed_file(void **state) {
    place *p = *state;
    copy c = good_file(p);
    uint64_t seed = 6;
    unsigned counts[3] = {0};
    print_message("seed %u\n", (unsigned)seed);
    for (unsigned i = 0; i < 2000; i++) {
        size_t pages = c.len / 4096, at, len = 1;
        unsigned kind = (unsigned)(choose(&seed) % 8);
        at = choose(&seed) % c.len;
        if (kind == 0) at = choose(&seed) % 8192;                                           /* metas */
        if (kind == 1 || kind == 2) at = choose(&seed) % pages * 4096 + choose(&seed) % 64; /* heads of pages */
        if (kind == 3) at = at / 4096 * 4096, len = 4096;
        if (kind == 4) len = 1 + choose(&seed) % 200;
        if (len > c.len - at) len = c.len - at;
        for (size_t b = 0; b < len; b++) {
            if (kind == 3 && i % 2)
                c.work[at + b] = 0;
            else if (len == 1)
                c.work[at] ^= (uint8_t)(1u << choose(&seed) % 8);
            else
                c.work[at + b] = (uint8_t)choose(&seed);
        }
        if (kind == 5) { /* a page over another */
            size_t other = choose(&seed) % pages * 4096;
            at = at / 4096 * 4096, len = 4096;
            memcpy(c.work + at, c.bytes + other, 4096);
        }
        put_file(p, c.work, c.len);
        counts[use(p)]++;
        memcpy(c.work, c.bytes, c.len);
    }
    print_message("2000 changes: %u refused, %u noticed, %u unharmed (free pages and gaps)\n", counts[0], counts[1],
                  counts[2]);
    assert_true(counts[REFUSED] > 200 && counts[NOTICED] > 100 && counts[UNHARMED] > 0);
    free(c.bytes), free(c.work);
}

static void files_beside_it(void **state) {
    place *p = *state;
    copy c = good_file(p);
    char format[PATH_CAP];
    assay_store *store;
    snprintf(format, sizeof format, "%s/FORMAT", p->directory);
    OK(assay_os_remove(p->data));
    assert_int_equal(assay_store_open(&store, &p->config), ASSAY_F_CORRUPT); /* not a new, empty store */
    put_file(p, c.bytes, c.len);
    OK(assay_os_replace(format, ASSAY_STR("assay store 2\n"), 0600));
    assert_int_equal(assay_store_open(&store, &p->config), ASSAY_E_FORMAT);
    OK(assay_os_replace(format, ASSAY_STR("nonsense"), 0600));
    assert_int_equal(assay_store_open(&store, &p->config), ASSAY_F_CORRUPT);
    OK(assay_os_replace(format, (assay_bytes){c.bytes, 4096}, 0600));
    assert_int_equal(assay_store_open(&store, &p->config), ASSAY_F_CORRUPT);
    /* Without FORMAT: a good file is taken, a damaged one is not made anew, one that was never begun is. */
    for (unsigned i = 0; i < 2; i++) {
        OK(i ? assay_os_remove(format) : assay_os_replace(format, ASSAY_STR("assay store 1\n"), 0600));
        OK(assay_store_open(&store, &p->config));
        expect_rows(store, GOOD_ROWS, VALUE_LEN);
        assay_store_close(store);
    }
    OK(assay_os_remove(format));
    put_file(p, c.bytes, c.len / 2);
    assert_int_equal(assay_store_open(&store, &p->config), ASSAY_F_CORRUPT);
    memset(c.work, 0, 8192);
    for (unsigned i = 0; i < 2; i++) {
        put_file(p, c.work, i ? 8192 : 0);
        OK(assay_store_open(&store, &p->config));
        expect_rows(store, 0, VALUE_LEN);
        assay_store_close(store);
        OK(assay_os_remove(format));
    }
    /* LMDB was killed between its first two pages; a file whose second page was lost later is damaged. */
    for (unsigned i = 0; i < 3; i++) {
        memset(c.work, 0, 8192);
        memcpy(c.work, c.bytes, 4096);
        if (i < 2) memset(c.work + 16 + 120, 0, 16), c.work[16 + 120] = 1; /* the last page's number, no transaction */
        put_file(p, c.work, i ? 8192 : 4096);
        assert_int_equal(assay_store_open(&store, &p->config), i < 2 ? ASSAY_OK : ASSAY_F_CORRUPT);
        if (i < 2) expect_rows(store, 0, VALUE_LEN);
        if (i < 2) assay_store_close(store);
        if (i < 2) OK(assay_os_remove(format));
    }
    put_file(p, c.bytes, c.len);
    /* A directory that cannot be one. */
    assert_int_equal(assay_store_open(&store, &(assay_store_config){.directory = p->data}), ASSAY_F_STORAGE);
    assert_null(store);
    assert_int_equal(assay_store_open(&store, &(assay_store_config){.directory = "/proc/no/such"}), ASSAY_F_STORAGE);
    free(c.bytes), free(c.work);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_new, place_end)
    const struct CMUnitTest tests[] = {
        TEST(a_used_up_map), TEST(a_file_limit),   TEST(a_full_file_system),
        TEST(a_cut_file),    TEST(a_changed_file), TEST(files_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
