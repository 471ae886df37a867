/* SPDX-License-Identifier: Apache-2.0
 * Real files in a real directory, real threads, real signals. */
#define _GNU_SOURCE
#include "base/base.h"
#include "os/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ThreadSanitizer cannot follow a child that starts threads, nor a page that a signal handler lays under a reader. */
#ifdef __SANITIZE_THREAD__
#define SKIP_UNDER_TSAN() skip()
#else
#define SKIP_UNDER_TSAN() (void)0
#endif

static char arena_memory[1 << 20];
static const char *dir; /* this run's directory */

static int setup(void **state) {
    (void)state;
    static char keep[4096];
    assay_arena arena = assay_base_arena(keep, sizeof keep);
    return assay_os_temp_dir(&dir, &arena, "assay-test-os", false) == ASSAY_OK ? 0 : -1;
}
static int teardown(void **state) {
    (void)state;
    return assay_os_remove_tree(dir) == ASSAY_OK && !assay_os_exists(dir) ? 0 : -1;
}

static assay_arena fresh(void) { return assay_base_arena(arena_memory, sizeof arena_memory); }
static const char *in_dir(assay_arena *arena, const char *name) {
    const char *path;
    assert_int_equal(assay_os_path_join(&path, arena, dir, assay_base_bytes_str(name)), ASSAY_OK);
    return path;
}

static void test_clocks(void **state) {
    (void)state;
    assay_time now = assay_os_now();
    assert_true(now.seconds > 1700000000 && now.nanos >= 0 && now.nanos < 1000000000);
    uint64_t a = assay_os_monotonic_ns();
    assay_os_sleep_ns(3000000);
    uint64_t b = assay_os_monotonic_ns();
    assert_true(b - a >= 3000000 && b - a < 3000000000u);
    /* A thread's own: sleep is no work. */
    uint64_t before = assay_os_thread_cpu_ns();
    assay_os_sleep_ns(20000000);
    assert_true(assay_os_thread_cpu_ns() - before < 20000000);
    volatile uint64_t x = 1;
    uint64_t c = assay_os_cpu_ns();
    while (assay_os_cpu_ns() < c + 1000000) x = x * 3 + 1;
    assert_true(assay_os_cpu_ns() > c);
}

static void test_random(void **state) {
    (void)state;
    uint8_t a[64] = {0}, b[64] = {0};
    assay_os_random(a, sizeof a);
    assay_os_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    uint8_t *big = calloc(1, 100000);
    assay_os_random(big, 100000);
    /* All of it is filled: no 32 bytes in a row are still zero. */
    size_t zeros = 0, most = 0;
    for (size_t i = 0; i < 100000; i++) {
        zeros = big[i] ? 0 : zeros + 1;
        if (zeros > most) most = zeros;
    }
    assert_true(most < 32);
    free(big);
}

typedef struct shared {
    assay_os_mutex mutex;
    assay_os_condition condition;
    uint64_t count;
    bool go;
    atomic_uint seen;
} shared;

static void count_up(void *context) {
    shared *s = context;
    assay_os_mutex_lock(&s->mutex);
    while (!s->go) (void)assay_os_condition_wait(&s->condition, &s->mutex, ASSAY_OS_NO_DEADLINE);
    assay_os_mutex_unlock(&s->mutex);
    for (int i = 0; i < 10000; i++) {
        assay_os_mutex_lock(&s->mutex);
        s->count++;
        assay_os_mutex_unlock(&s->mutex);
    }
    /* The stack asked for is there: half of it is used. */
    volatile char stack[512 * 1024];
    for (size_t i = 0; i < sizeof stack; i += 4096) stack[i] = 1;
    atomic_fetch_add(&s->seen, 1);
}

static void test_threads(void **state) {
    (void)state;
    shared s = {0};
    assay_os_mutex_init(&s.mutex);
    assay_os_condition_init(&s.condition);
    assay_os_thread threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(assay_os_thread_start(&threads[i], "a-name-longer-than-15", 1 << 20, count_up, &s), ASSAY_OK);
    assert_int_equal(s.count, 0);
    assay_os_mutex_lock(&s.mutex);
    s.go = true;
    assay_os_condition_broadcast(&s.condition);
    assay_os_mutex_unlock(&s.mutex);
    for (int i = 0; i < 4; i++) assay_os_thread_join(&threads[i]);
    assert_int_equal(s.count, 40000);
    assert_int_equal(atomic_load(&s.seen), 4);
    assay_os_mutex_lock(&s.mutex);
    uint64_t start = assay_os_monotonic_ns();
    bool signalled = true;
    while (signalled) signalled = assay_os_condition_wait(&s.condition, &s.mutex, start + 5000000);
    assert_true(assay_os_monotonic_ns() >= start + 5000000);
    assay_os_mutex_unlock(&s.mutex);
    assay_os_condition_fini(&s.condition);
    assay_os_mutex_fini(&s.mutex);
    assert_in_range(assay_os_cpus(), 1, 65536);
}

static void test_memory(void **state) {
    (void)state;
    assay_os_region region;
    size_t size = (size_t)64 << 30;
    assert_int_equal(assay_os_reserve(&region, size), ASSAY_OK);
    uint64_t before = assay_os_resident();
    assert_true(before > 0);
    assay_arena arena = assay_os_region_arena(&region);
    uint8_t *watermark = arena.at;
    uint8_t *memory = ASSAY_NEW(&arena, uint8_t, 64 << 20);
    assert_non_null(memory);
    memset(memory, 7, 64 << 20);
    uint64_t full = assay_os_resident();
    assert_true(full >= before + (60 << 20));
    assay_os_release_pages(&region, watermark + 1);
    assert_true(assay_os_resident() <= full - (60 << 20));
    assert_int_equal(memory[0], 7); /* the page that holds the watermark stays */
    assert_int_equal(memory[64 << 10], 0);
    assay_os_release_pages(&region, region.base + region.size);
    assay_os_unreserve(&region);
    assay_os_unreserve(&region);
    assert_int_equal(assay_os_reserve(&region, 0), ASSAY_F_MEMORY);
    assert_int_equal(assay_os_reserve(&region, SIZE_MAX), ASSAY_F_MEMORY);
    assert_int_equal(assay_os_reserve(&region, (size_t)1 << 60), ASSAY_F_MEMORY);
}

static void test_files(void **state) {
    (void)state;
    assay_arena arena = fresh();
    const char *path = in_dir(&arena, "file");
    assay_os_file file;
    assert_int_equal(assay_os_file_open(&file, path, ASSAY_OS_READ, 0), ASSAY_E_NOT_FOUND);
    char reason[64];
    assay_os_reason(reason, sizeof reason);
    assert_string_equal(reason, "No such file or directory");
    assert_int_equal(assay_os_file_open(&file, path, ASSAY_OS_CREATE_NEW, 0640), ASSAY_OK);
    assert_int_equal(assay_os_file_write(&file, ASSAY_STR("hello"), 3), ASSAY_OK);
    assert_int_equal(assay_os_file_sync(&file), ASSAY_OK);
    uint8_t text[16];
    size_t len;
    assert_int_equal(assay_os_file_read(&len, &file, text, sizeof text, 0), ASSAY_OK);
    assert_int_equal(len, 8);
    assert_memory_equal(text, "\0\0\0hello", 8);
    assert_int_equal(assay_os_file_read(&len, &file, text, sizeof text, 8), ASSAY_OK);
    assert_int_equal(len, 0);
    assert_int_equal(assay_os_file_read(&len, &file, text, sizeof text, UINT64_MAX), ASSAY_E_RANGE);
    assert_int_equal(assay_os_file_write(&file, ASSAY_STR("x"), UINT64_MAX), ASSAY_E_RANGE);
    assert_int_equal(assay_os_file_truncate(&file, 4), ASSAY_OK);
    assay_os_info info;
    assert_int_equal(assay_os_file_info(&info, &file), ASSAY_OK);
    assert_int_equal(info.size, 4);
    assert_int_equal(info.type, ASSAY_OS_FILE);
    assert_true(info.inode != 0 && info.mtime_ns > (int64_t)1700000000 * 1000000000);
    assay_os_file_close(&file);
    assay_os_file_close(&file);
    assert_int_equal(assay_os_file_open(&file, path, ASSAY_OS_CREATE_NEW, 0640), ASSAY_E_EXISTS);
    assert_int_equal(assay_os_file_open(&file, dir, ASSAY_OS_READ, 0), ASSAY_F_STORAGE);
    assert_int_equal(assay_os_file_open(&file, path, ASSAY_OS_APPEND, 0640), ASSAY_OK);
    assert_int_equal(assay_os_file_append(&file, ASSAY_STR("end"), true), ASSAY_OK);
    assay_os_file_close(&file);
    assay_bytes bytes;
    assert_int_equal(assay_os_read_whole(&bytes, &arena, path, 6), ASSAY_E_SIZE);
    assert_int_equal(assay_os_read_whole(&bytes, &arena, path, 7), ASSAY_OK);
    assert_int_equal(bytes.len, 7);
    assert_memory_equal(bytes.ptr, "\0\0\0hend", 8);
    assay_arena tiny = assay_base_arena(text, 3);
    assert_int_equal(assay_os_read_whole(&bytes, &tiny, path, 100), ASSAY_F_MEMORY);
    const char *moved = in_dir(&arena, "moved");
    assert_int_equal(assay_os_rename(path, moved), ASSAY_OK);
    assert_false(assay_os_exists(path));
    assert_int_equal(assay_os_rename(path, moved), ASSAY_E_NOT_FOUND);
    assert_int_equal(assay_os_remove(moved), ASSAY_OK);
    assert_int_equal(assay_os_remove(moved), ASSAY_E_NOT_FOUND);
}

static void test_special_files(void **state) {
    (void)state;
    assay_arena arena = fresh();
    const char *pipe_path = in_dir(&arena, "pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    assay_os_file file;
    /* Must not wait for a writer. */
    assert_int_equal(assay_os_file_open(&file, pipe_path, ASSAY_OS_READ, 0), ASSAY_E_SYMLINK);
    assert_int_equal(assay_os_file_open(&file, "/dev/null", ASSAY_OS_READ, 0), ASSAY_E_SYMLINK);
    assay_bytes bytes;
    assert_int_equal(assay_os_read_whole(&bytes, &arena, "/dev/zero", 100), ASSAY_E_SYMLINK);
    assert_int_equal(assay_os_remove(pipe_path), ASSAY_OK);
}

static void test_replace(void **state) {
    (void)state;
    assay_arena arena = fresh();
    const char *path = in_dir(&arena, "key");
    mode_t old = umask(0);
    assert_int_equal(assay_os_replace(path, ASSAY_STR("secret"), 0600), ASSAY_OK);
    umask(old);
    assay_os_info info;
    assert_int_equal(assay_os_info_get(&info, path, false), ASSAY_OK);
    assert_int_equal(info.mode, 0600);
    assert_int_equal(assay_os_replace(path, ASSAY_STR("new"), 0644), ASSAY_OK);
    assay_bytes bytes;
    assert_int_equal(assay_os_read_whole(&bytes, &arena, path, 100), ASSAY_OK);
    assert_memory_equal(bytes.ptr, "new", 4);
    /* It cannot replace a directory, and then leaves nothing behind. */
    const char *sub = in_dir(&arena, "replace-dir");
    assert_int_equal(assay_os_dirs_create(in_dir(&arena, "replace-dir/x"), 0700), ASSAY_OK);
    assert_int_equal(assay_os_replace(sub, ASSAY_STR("no"), 0644), ASSAY_F_STORAGE);
    assert_int_equal(assay_os_replace(in_dir(&arena, "nowhere/key"), ASSAY_STR("no"), 0644), ASSAY_E_NOT_FOUND);
    assay_os_file handle;
    assert_int_equal(assay_os_dir_open(&handle, dir), ASSAY_OK);
    assay_os_entry *entries;
    uint32_t count;
    assert_int_equal(assay_os_dir_list(&entries, &count, &arena, &handle, 100), ASSAY_OK);
    for (uint32_t i = 0; i < count; i++) assert_null(strstr((const char *)entries[i].name.ptr, ".tmp"));
    assay_os_file_close(&handle);
}

static void test_lock(void **state) {
    (void)state;
    assay_arena arena = fresh();
    const char *path = in_dir(&arena, "lock");
    assay_os_file one, other;
    assert_int_equal(assay_os_lock(&one, path), ASSAY_OK);
    assert_int_equal(assay_os_lock(&other, path), ASSAY_F_BUSY);
    pid_t child = fork();
    if (child == 0) _exit(assay_os_lock(&other, path) == ASSAY_F_BUSY ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assay_os_file_close(&one);
    assert_int_equal(assay_os_lock(&other, path), ASSAY_OK);
    assay_os_file_close(&other);
}

static void test_map(void **state) {
    (void)state;
    assay_arena arena = fresh();
    const char *path = in_dir(&arena, "mapped");
    assay_os_file file;
    assert_int_equal(assay_os_file_open(&file, path, ASSAY_OS_CREATE, 0600), ASSAY_OK);
    assay_os_map map, empty;
    assert_int_equal(assay_os_map_open(&empty, &file), ASSAY_OK);
    assert_int_equal(empty.bytes.len, 0);
    assert_false(assay_os_map_torn(&empty));
    assay_os_map_close(&empty);
    assert_int_equal(assay_os_file_write(&file, ASSAY_STR("end"), 100000), ASSAY_OK);
    assert_int_equal(assay_os_map_open(&map, &file), ASSAY_OK);
    assert_int_equal(map.bytes.len, 100003);
    assert_memory_equal(map.bytes.ptr + 100000, "end", 3);
    assay_os_map_read_ahead(&map, 0, UINT64_MAX);
    assay_os_map_read_ahead(&map, UINT64_MAX, 1);
    /* The file shrinks under the map: reading goes on, and the map says that it is torn. */
    assert_int_equal(assay_os_file_truncate(&file, 10), ASSAY_OK);
    assert_false(assay_os_map_torn(&map));
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < map.bytes.len; i++) sum = (uint8_t)(sum + map.bytes.ptr[i]);
    assert_int_equal(sum, 0);
    assert_true(assay_os_map_torn(&map));
    assay_os_map_close(&map);
    assay_os_map_close(&map);
    assay_os_file_close(&file);
    /* A SIGBUS that is none of ours still kills. */
    pid_t child = fork();
    if (child == 0) {
        raise(SIGBUS);
        raise(SIGBUS);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

static void test_map_growing(void **state) {
    (void)state;
    assay_arena arena = fresh();
    assay_os_file file;
    assay_os_map map, none;
    assert_int_equal(assay_os_file_open(&file, in_dir(&arena, "growing"), ASSAY_OS_CREATE, 0600), ASSAY_OK);
    assert_int_equal(assay_os_map_open_growing(&none, &file, 0), ASSAY_OK);
    assert_int_equal(none.bytes.len, 0);
    assert_int_equal(assay_os_map_open_growing(&none, &file, UINT64_MAX), ASSAY_F_MEMORY);
    assert_int_equal(assay_os_map_open_growing(&map, &file, 1 << 20), ASSAY_OK);
    assert_int_equal(map.bytes.len, 1 << 20);
    for (uint64_t at = 0; at < 1 << 20; at += 1000) {
        uint64_t len = (1 << 20) - at < 1000 ? (1 << 20) - at : 1000;
        uint8_t bytes[1000];
        memset(bytes, (int)(at / 1000), sizeof bytes);
        assert_int_equal(assay_os_file_write(&file, (assay_bytes){bytes, len}, at), ASSAY_OK);
        assay_os_file_write_behind(&file, at, len);
        assert_memory_equal(map.bytes.ptr + at, bytes, len);
    }
    assert_false(assay_os_map_torn(&map));
    assay_os_file_write_behind(&file, UINT64_MAX, UINT64_MAX);
    assert_int_equal(assay_os_sync_volume(&file), ASSAY_OK);
    assay_os_map_close(&map);
    /* What is not there yet reads as zeros, and is told. */
    SKIP_UNDER_TSAN();
    assert_int_equal(assay_os_map_open_growing(&map, &file, 2 << 20), ASSAY_OK);
    assert_int_equal(*(volatile const uint8_t *)(map.bytes.ptr + (2 << 20) - 1), 0);
    assert_true(assay_os_map_torn(&map));
    assay_os_map_close(&map);
    assay_os_file_close(&file);
}

static void touch_all(void *context) {
    assay_os_map *map = context;
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < map->bytes.len; i += 512) sum = (uint8_t)(sum + map->bytes.ptr[i]);
}

static void test_map_torn_in_threads(void **state) {
    (void)state;
    SKIP_UNDER_TSAN();
    assay_arena arena = fresh();
    assay_os_file file;
    assert_int_equal(assay_os_file_open(&file, in_dir(&arena, "torn"), ASSAY_OS_CREATE, 0600), ASSAY_OK);
    assert_int_equal(assay_os_file_write(&file, ASSAY_STR("x"), 1 << 20), ASSAY_OK);
    assay_os_map map;
    assert_int_equal(assay_os_map_open(&map, &file), ASSAY_OK);
    assert_int_equal(assay_os_file_truncate(&file, 0), ASSAY_OK);
    assay_os_thread threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(assay_os_thread_start(&threads[i], "torn", 0, touch_all, &map), ASSAY_OK);
    for (int i = 0; i < 4; i++) assay_os_thread_join(&threads[i]);
    assert_true(assay_os_map_torn(&map));
    assay_os_map_close(&map);
    assay_os_file_close(&file);
}

static void test_directories(void **state) {
    (void)state;
    assay_arena arena = fresh();
    assert_int_equal(assay_os_dirs_create(in_dir(&arena, "tree/a/b//c/"), 0755), ASSAY_OK);
    assert_int_equal(assay_os_dirs_create(in_dir(&arena, "tree/a/b/c"), 0755), ASSAY_OK);
    assert_int_equal(assay_os_replace(in_dir(&arena, "tree/a/file"), ASSAY_STR("12345"), 0644), ASSAY_OK);
    assert_int_equal(assay_os_dirs_create(in_dir(&arena, "tree/a/file"), 0755), ASSAY_F_STORAGE);
    assert_int_equal(assay_os_dirs_create(in_dir(&arena, "tree/a/file/x"), 0755), ASSAY_E_NOT_FOUND);
    assert_int_equal(symlink("/etc/passwd", in_dir(&arena, "tree/a/link")), 0);
    assert_int_equal(symlink("b", in_dir(&arena, "tree/a/linked-dir")), 0);
    assert_int_equal(mkfifo(in_dir(&arena, "tree/a/pipe"), 0600), 0);

    assay_os_file root, file, sub;
    assert_int_equal(assay_os_dir_open(&root, in_dir(&arena, "tree")), ASSAY_OK);
    assert_int_equal(assay_os_dir_open(&file, in_dir(&arena, "tree/a/file")), ASSAY_E_NOT_FOUND);
    assert_int_equal(assay_os_dir_open_beneath(&sub, &root, "a"), ASSAY_OK);
    assay_os_entry *entries;
    uint32_t count;
    assert_int_equal(assay_os_dir_list(&entries, &count, &arena, &sub, 5), ASSAY_OK);
    assert_int_equal(count, 5);
    static const char *names[] = {"b", "file", "link", "linked-dir", "pipe"};
    static const assay_os_type types[] = {ASSAY_OS_DIR, ASSAY_OS_FILE, ASSAY_OS_SYMLINK, ASSAY_OS_SYMLINK,
                                          ASSAY_OS_OTHER};
    for (uint32_t i = 0; i < count; i++) {
        assert_string_equal((const char *)entries[i].name.ptr, names[i]);
        assert_int_equal(entries[i].name.len, strlen(names[i]));
        assert_int_equal(entries[i].type, types[i]);
    }
    assert_int_equal(entries[1].size, 5);
    assert_int_equal(assay_os_dir_list(&entries, &count, &arena, &sub, 4), ASSAY_E_LIMIT);
    assay_arena tiny = assay_base_arena(arena_memory, 16);
    assert_int_equal(assay_os_dir_list(&entries, &count, &tiny, &sub, 100), ASSAY_F_MEMORY);
    assay_os_file_close(&sub);

    assert_int_equal(assay_os_file_open_beneath(&file, &root, "a/file"), ASSAY_OK);
    assay_os_file_close(&file);
    static const struct {
        const char *path;
        assay_err file, dir;
    } cases[] = {
        {"a/link", ASSAY_E_SYMLINK, ASSAY_E_SYMLINK},
        {"a/linked-dir", ASSAY_E_SYMLINK, ASSAY_E_SYMLINK},
        {"a/linked-dir/c", ASSAY_E_SYMLINK, ASSAY_E_SYMLINK},
        {"a/pipe", ASSAY_E_SYMLINK, ASSAY_E_SYMLINK},
        {"a/../a/file", ASSAY_E_SYMLINK, ASSAY_E_SYMLINK},
        {"./a", ASSAY_E_SYMLINK, ASSAY_E_SYMLINK},
        {"", ASSAY_E_SYMLINK, ASSAY_E_SYMLINK},
        {"/etc/passwd", ASSAY_E_SYMLINK, ASSAY_E_SYMLINK},
        {"a//file", ASSAY_E_SYMLINK, ASSAY_E_SYMLINK},
        {"a/b", ASSAY_F_STORAGE, ASSAY_OK},
        {"a/none", ASSAY_E_NOT_FOUND, ASSAY_E_NOT_FOUND},
        {"a/file/x", ASSAY_E_NOT_FOUND, ASSAY_E_NOT_FOUND},
        {"a/file", ASSAY_OK, ASSAY_E_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(assay_os_file_open_beneath(&file, &root, cases[i].path), cases[i].file);
        assay_os_file_close(&file);
        assert_int_equal(assay_os_dir_open_beneath(&file, &root, cases[i].path), cases[i].dir);
        assay_os_file_close(&file);
    }
    char long_name[600];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = 0;
    assert_int_equal(assay_os_file_open_beneath(&file, &root, long_name), ASSAY_F_STORAGE);
    assay_os_file_close(&root);

    assay_os_info info;
    assert_int_equal(assay_os_info_get(&info, in_dir(&arena, "tree/a/link"), false), ASSAY_OK);
    assert_int_equal(info.type, ASSAY_OS_SYMLINK);
    assert_int_equal(assay_os_info_get(&info, in_dir(&arena, "tree/a/link"), true), ASSAY_OK);
    assert_int_equal(info.type, ASSAY_OS_FILE);
}

static void test_remove_tree(void **state) {
    (void)state;
    assay_arena arena = fresh();
    const char *outside = in_dir(&arena, "outside");
    assert_int_equal(assay_os_dirs_create(outside, 0755), ASSAY_OK);
    assert_int_equal(assay_os_replace(in_dir(&arena, "outside/precious"), ASSAY_STR("1"), 0644), ASSAY_OK);
    assert_int_equal(assay_os_dirs_create(in_dir(&arena, "doomed/a/b/c"), 0755), ASSAY_OK);
    assert_int_equal(assay_os_replace(in_dir(&arena, "doomed/a/b/file"), ASSAY_STR("1"), 0644), ASSAY_OK);
    assert_int_equal(symlink(outside, in_dir(&arena, "doomed/a/link")), 0);
    assert_int_equal(assay_os_remove_tree(in_dir(&arena, "doomed")), ASSAY_OK);
    assert_false(assay_os_exists(in_dir(&arena, "doomed")));
    assert_true(assay_os_exists(in_dir(&arena, "outside/precious")));
    assert_int_equal(assay_os_remove_tree(in_dir(&arena, "doomed")), ASSAY_OK);
    assert_int_equal(symlink(outside, in_dir(&arena, "link")), 0);
    assert_int_equal(assay_os_remove_tree(in_dir(&arena, "link")), ASSAY_OK);
    assert_true(assay_os_exists(in_dir(&arena, "outside/precious")));
    /* Deeper than allowed: an error, not a stack overflow. */
    char deep[1000];
    size_t at = assay_os_format(deep, sizeof deep, "%s", in_dir(&arena, "deep"));
    for (uint32_t i = 0; i < ASSAY_OS_TREE_DEPTH_MAX; i++) at += assay_os_format(deep + at, sizeof deep - at, "/d");
    assert_int_equal(assay_os_dirs_create(deep, 0755), ASSAY_OK);
    assert_int_equal(assay_os_remove_tree(in_dir(&arena, "deep")), ASSAY_E_LIMIT);
    assert_int_equal(assay_os_remove_tree(in_dir(&arena, "deep/d")), ASSAY_OK);
    assert_int_equal(assay_os_remove_tree(in_dir(&arena, "deep")), ASSAY_OK);
}

static void test_temp_and_homes(void **state) {
    (void)state;
    assay_arena arena = fresh();
    const char *path;
    assert_int_equal(assay_os_temp_dir(&path, &arena, "assay-test", true), ASSAY_OK);
    assay_os_info info;
    assert_int_equal(assay_os_info_get(&info, path, false), ASSAY_OK);
    assert_int_equal(info.type, ASSAY_OS_DIR);
    assert_int_equal(info.mode, 0700);
    assay_os_info shm;
    if (assay_os_info_get(&shm, "/dev/shm", true) == ASSAY_OK && access("/dev/shm", W_OK) == 0)
        assert_int_equal(info.device, shm.device);
    assert_int_equal(assay_os_remove_tree(path), ASSAY_OK);

    assert_int_equal(setenv("HOME", "/home/someone", 1), 0);
    assert_int_equal(setenv("XDG_CONFIG_HOME", "/cfg", 1), 0);
    assert_int_equal(setenv("XDG_STATE_HOME", "relative", 1), 0);
    unsetenv("XDG_CACHE_HOME");
    assert_int_equal(assay_os_home_dir(&path, &arena, ASSAY_OS_HOME), ASSAY_OK);
    assert_string_equal(path, "/home/someone");
    assert_int_equal(assay_os_home_dir(&path, &arena, ASSAY_OS_CONFIG), ASSAY_OK);
    assert_string_equal(path, "/cfg");
    assert_int_equal(assay_os_home_dir(&path, &arena, ASSAY_OS_STATE), ASSAY_OK);
    assert_string_equal(path, "/home/someone/.local/state");
    assert_int_equal(assay_os_home_dir(&path, &arena, ASSAY_OS_CACHE), ASSAY_OK);
    assert_string_equal(path, "/home/someone/.cache");
    unsetenv("HOME");
    assert_int_equal(assay_os_home_dir(&path, &arena, ASSAY_OS_DATA), ASSAY_E_NOT_FOUND);
    assert_string_equal(assay_os_env("XDG_CONFIG_HOME"), "/cfg");
    assert_int_equal(setenv("PWD", "/", 1), 0); /* what a shell said long ago */
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(assay_os_work_dir(&path, &arena), ASSAY_OK);
    assert_string_equal(path, here);
    assert_null(assay_os_env("ASSAY_NO_SUCH_VARIABLE"));
}

static void test_path_join(void **state) {
    (void)state;
    assay_arena arena = fresh();
    const char *path;
    assert_int_equal(assay_os_path_join(&path, &arena, "a", ASSAY_STR("b")), ASSAY_OK);
    assert_string_equal(path, "a/b");
    assert_int_equal(assay_os_path_join(&path, &arena, "a/", ASSAY_STR("b")), ASSAY_OK);
    assert_string_equal(path, "a/b");
    assert_int_equal(assay_os_path_join(&path, &arena, "", ASSAY_STR("b")), ASSAY_OK);
    assert_string_equal(path, "b");
    assert_int_equal(assay_os_path_join(&path, &arena, "a", ASSAY_STR("b\0c")), ASSAY_E_NAME);
    assay_arena tiny = assay_base_arena(arena_memory, 3);
    assert_int_equal(assay_os_path_join(&path, &tiny, "a", ASSAY_STR("b")), ASSAY_F_MEMORY);
}

static void test_console(void **state) {
    (void)state;
    SKIP_UNDER_TSAN();
    char text[8];
    assert_int_equal(assay_os_format(text, sizeof text, "%d", 42), 2);
    assert_string_equal(text, "42");
    assert_int_equal(assay_os_format(text, sizeof text, "%s", "longer than it"), 7);
    assert_string_equal(text, "longer ");
    /* Prints go to a pipe whole, however long; a reader that is gone is an error and kills nobody. */
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        if (assay_os_stop_init()) _exit(2);
        if (assay_os_printf(ASSAY_OS_STDOUT, "%05000d\n", 7)) _exit(3);
        if (assay_os_is_tty(ASSAY_OS_STDOUT) || assay_os_tty_width(ASSAY_OS_STDOUT)) _exit(4);
        assay_os_sleep_ns(50000000);
        for (int i = 0; i < 100; i++) {
            if (assay_os_print(ASSAY_OS_STDOUT, ASSAY_STR("gone")) == ASSAY_F_STORAGE) _exit(0);
            assay_os_sleep_ns(10000000);
        }
        _exit(5);
    }
    close(ends[1]);
    static char out[6000];
    size_t len = 0;
    while (len < 5001) {
        ssize_t n = read(ends[0], out + len, sizeof out - len);
        assert_true(n > 0);
        len += (size_t)n;
    }
    assert_int_equal(len, 5001);
    assert_memory_equal(out + 4998, "07\n", 3);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void wait_for_stop(void *context) {
    atomic_uint *woken = context;
    if (assay_os_stop_wait(ASSAY_OS_NO_DEADLINE)) atomic_fetch_add(woken, 1);
}

static void test_stop(void **state) {
    (void)state;
    SKIP_UNDER_TSAN();
    for (int number = 0; number < 3; number++) {
        pid_t child = fork();
        if (child == 0) {
            if (assay_os_stop_init()) _exit(2);
            atomic_uint woken = 0;
            assay_os_thread threads[2];
            for (int i = 0; i < 2; i++)
                if (assay_os_thread_start(&threads[i], "waiter", 0, wait_for_stop, &woken)) _exit(3);
            if (assay_os_stop_requested()) _exit(4);
            if (assay_os_stop_wait(assay_os_monotonic_ns() + 20000000)) _exit(5);
            /* Twice at once, as timeout(1) does: still a clean stop. */
            if (number == 0) raise(SIGINT), raise(SIGINT);
            if (number == 1) kill(getpid(), SIGTERM);
            if (number == 2) assay_os_stop_request();
            if (!assay_os_stop_wait(assay_os_monotonic_ns() + 5000000000u)) _exit(6);
            for (int i = 0; i < 2; i++) assay_os_thread_join(&threads[i]);
            _exit(assay_os_stop_requested() && atomic_load(&woken) == 2 ? 0 : 7);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

static void test_stdin(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int old = dup(0);
    static char text[30000];
    memset(text, 'a', sizeof text);
    assert_int_equal(write(ends[1], text, sizeof text), (ssize_t)sizeof text);
    close(ends[1]);
    dup2(ends[0], 0);
    assay_arena arena = fresh();
    assay_bytes bytes;
    assert_int_equal(assay_os_read_stdin(&bytes, &arena, sizeof text), ASSAY_OK);
    assert_int_equal(bytes.len, sizeof text);
    assert_memory_equal(bytes.ptr, text, sizeof text);
    assert_int_equal(assay_os_read_stdin(&bytes, &arena, 10), ASSAY_OK);
    assert_int_equal(bytes.len, 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, 100), 100);
    close(ends[1]);
    dup2(ends[0], 0);
    assert_int_equal(assay_os_read_stdin(&bytes, &arena, 99), ASSAY_E_SIZE);
    dup2(old, 0);
    close(old);
}

static void test_open_files(void **state) {
    (void)state;
    struct rlimit before, low, after;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = before;
    low.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(assay_os_open_files_raise(), before.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(after.rlim_cur, before.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_space_and_clock(void **state) {
    (void)state;
    assay_os_space space;
    assert_int_equal(assay_os_space_get(&space, "/"), ASSAY_OK);
    assert_true(space.total > 0 && space.free <= space.total);
    assert_int_equal(assay_os_space_get(&space, "/nothing/here"), ASSAY_E_NOT_FOUND);
    assert_int_equal(assay_os_space_get(&space, "/proc"), ASSAY_OK);
    assert_int_equal(space.free, 0);
    assay_os_clock clock = assay_os_clock_state();
    assert_true(clock == ASSAY_OS_CLOCK_UNKNOWN || clock == ASSAY_OS_CLOCK_FREE || clock == ASSAY_OS_CLOCK_KEPT);
}

static void test_sockets(void **state) {
    (void)state;
    char path[100], text[200], address[120];
    const uint64_t far = ASSAY_OS_NO_DEADLINE;
    uint8_t bytes[64];
    static uint8_t much[4 << 20];
    size_t len;
    assay_os_socket s;
    snprintf(path, sizeof path, "/tmp/assay-test-os-%u", (unsigned)assay_os_process_id());
    unlink(path);
    snprintf(address, sizeof address, "unix://%s", path);
    assert_int_equal(assay_os_socket_dial(&s, address, far), ASSAY_F_NETWORK);
    assay_os_socket_close(&s);
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 0;
    memcpy(text, "unix://", 7);
    static const char *const none[] = {"",
                                       "unix://",
                                       "tcp://",
                                       "tcp://:1",
                                       "tcp://127.0.0.1",
                                       "tcp://127.0.0.1:",
                                       "tcp://127.0.0.1:65536",
                                       "tcp://localhost:1",
                                       "tcp://::1:1",
                                       "http://127.0.0.1:1"};
    assert_int_equal(assay_os_socket_dial(&s, text, far), ASSAY_E_RANGE);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(assay_os_socket_dial(&s, none[i], far), ASSAY_E_RANGE);
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    snprintf(where.sun_path, sizeof where.sun_path, "%s", path);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&where, sizeof where), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(assay_os_socket_dial(&s, address, far), ASSAY_OK);
    int other = accept(listener, NULL, NULL);
    assert_true(other >= 0);
    uint64_t soon = assay_os_monotonic_ns() + 20000000;
    assert_int_equal(assay_os_socket_receive(&len, &s, bytes, sizeof bytes, soon), ASSAY_F_TIMEOUT);
    assert_true(assay_os_monotonic_ns() >= soon);
    assert_int_equal(write(other, "hello", 5), 5);
    assert_int_equal(assay_os_socket_receive(&len, &s, bytes, sizeof bytes, UINT64_MAX), ASSAY_OK);
    assert_true(len == 5 && memcmp(bytes, "hello", 5) == 0);
    assert_int_equal(assay_os_socket_send(&s, ASSAY_STR("world"), UINT64_MAX), ASSAY_OK);
    assert_int_equal(read(other, bytes, sizeof bytes), 5);
    /* More than the system holds for somebody who does not read. */
    soon = assay_os_monotonic_ns() + 20000000;
    assert_int_equal(assay_os_socket_send(&s, (assay_bytes){much, sizeof much}, soon), ASSAY_F_TIMEOUT);
    close(other);
    assert_int_equal(assay_os_socket_send(&s, ASSAY_STR("x"), UINT64_MAX), ASSAY_F_NETWORK);
    assay_os_socket_close(&s);
    assay_os_socket_close(&s);
    /* A side that has closed is an end, not an error. */
    assert_int_equal(assay_os_socket_dial(&s, address, far), ASSAY_OK);
    close(accept(listener, NULL, NULL));
    assert_int_equal(assay_os_socket_receive(&len, &s, bytes, sizeof bytes, UINT64_MAX), ASSAY_OK);
    assert_int_equal(len, 0);
    assay_os_socket_close(&s);
    close(listener);
    unlink(path);
}

typedef struct served {
    assay_os_socket listener;
    assay_err accepted, received;
    size_t len;
} served;

/* Echoes what comes, until it is shut. */
static void serve_one(void *context) {
    served *d = context;
    assay_os_socket s;
    uint8_t bytes[64];
    d->accepted = assay_os_socket_accept(&s, &d->listener, ASSAY_OS_NO_DEADLINE);
    if (d->accepted != ASSAY_OK) return;
    while ((d->received = assay_os_socket_receive(&d->len, &s, bytes, sizeof bytes, ASSAY_OS_NO_DEADLINE)) ==
               ASSAY_OK &&
           d->len) {
        assert_int_equal(assay_os_socket_send(&s, (assay_bytes){bytes, d->len}, ASSAY_OS_NO_DEADLINE), ASSAY_OK);
    }
    assay_os_socket_close(&s);
}

static void listen_at(const char *address, bool tcp) {
    served d = {0};
    assay_os_thread thread;
    assay_os_socket s, second;
    uint16_t port;
    uint8_t bytes[64];
    char real[120];
    size_t len;
    assert_int_equal(assay_os_socket_listen(&d.listener, address, &port), ASSAY_OK);
    assert_true(tcp == (port != 0));
    if (tcp)
        snprintf(real, sizeof real, "tcp://127.0.0.1:%u", port);
    else
        snprintf(real, sizeof real, "%s", address);
    assert_int_equal(assay_os_socket_listen(&second, real, NULL), ASSAY_F_BUSY);
    if (!tcp) { /* it asked by connecting */
        assert_int_equal(assay_os_socket_accept(&s, &d.listener, ASSAY_OS_NO_DEADLINE), ASSAY_OK);
        assay_os_socket_close(&s);
    }
    assert_int_equal(assay_os_thread_start(&thread, "echo", 0, serve_one, &d), ASSAY_OK);
    const uint64_t far = ASSAY_OS_NO_DEADLINE;
    assert_int_equal(assay_os_socket_dial(&s, real, far), ASSAY_OK);
    assert_int_equal(assay_os_socket_send(&s, ASSAY_STR("hello"), far), ASSAY_OK);
    assert_int_equal(assay_os_socket_receive(&len, &s, bytes, sizeof bytes, far), ASSAY_OK);
    assert_true(len == 5 && memcmp(bytes, "hello", 5) == 0);
    assay_os_socket_shut(&s); /* both directions end, also for who waits */
    assert_int_equal(assay_os_socket_receive(&len, &s, bytes, sizeof bytes, far), ASSAY_OK);
    assert_int_equal(len, 0);
    assay_os_thread_join(&thread);
    assert_int_equal(d.accepted, ASSAY_OK);
    assert_int_equal(d.received, ASSAY_OK);
    assay_os_socket_close(&s);
    /* Who waits for somebody to come is woken by a shut. */
    assert_int_equal(assay_os_thread_start(&thread, "echo", 0, serve_one, &d), ASSAY_OK);
    assay_os_sleep_ns(20000000);
    assay_os_socket_shut(&d.listener);
    assay_os_thread_join(&thread);
    assert_int_equal(d.accepted, ASSAY_F_NETWORK);
    assay_os_socket_close(&d.listener);
}

static void test_listening(void **state) {
    (void)state;
    char address[120];
    assay_os_socket s;
    struct stat st;
    snprintf(address, sizeof address, "unix:///tmp/assay-test-os-l%u", (unsigned)assay_os_process_id());
    listen_at(address, false);
    listen_at(address, false); /* what the first left there was in nobody's way */
    listen_at("tcp://127.0.0.1:0", true);
    assert_int_equal(assay_os_socket_listen(&s, address, NULL), ASSAY_OK);
    assert_int_equal(stat(address + 7, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    uint64_t soon = assay_os_monotonic_ns() + 20000000;
    assay_os_socket nobody;
    assert_int_equal(assay_os_socket_accept(&nobody, &s, soon), ASSAY_F_TIMEOUT);
    /* Whom many wait for is somebody: nothing of him may be cleared away. */
    enum { MANY = 600 };
    static assay_os_socket waiting[MANY];
    size_t count = 0;
    assay_err err = ASSAY_OK;
    while (count < MANY && err == ASSAY_OK)
        err = assay_os_socket_dial(&waiting[count++], address, assay_os_monotonic_ns() + 1000000000);
    assert_int_equal(err, ASSAY_F_BUSY);
    while (count) assay_os_socket_close(&waiting[--count]);
    assay_os_socket_close(&s);
    unlink(address + 7);
    /* A file that is no socket is nobody's to remove. */
    int fd = open(address + 7, O_CREAT | O_WRONLY, 0600);
    close(fd);
    assert_int_equal(assay_os_socket_listen(&s, address, NULL), ASSAY_F_BUSY);
    assert_int_equal(stat(address + 7, &st), 0);
    unlink(address + 7);
    assert_int_equal(assay_os_socket_listen(&s, "unix:///no/such/directory/s", NULL), ASSAY_F_NETWORK);
    assert_int_equal(assay_os_socket_listen(&s, "tcp://192.0.2.1:0", NULL), ASSAY_F_NETWORK);
}

static void test_children(void **state) {
    (void)state;
    const uint64_t second = 1000000000;
    assay_os_child child;
    uint8_t bytes[64];
    size_t len;
    int code = -1;
    static const char *const says[] = {"sh", "-c", "pwd; echo b >&2; exit 7", NULL};
    static const char *const sleeps[] = {"sleep", "60", NULL};
    assert_int_equal(assay_os_child_start(&child, "/no/such/program", says, NULL), ASSAY_F_NO_PATH);
    assert_int_equal(assay_os_child_start(&child, "/etc/passwd", says, NULL), ASSAY_F_NO_PATH);
    assert_int_equal(assay_os_child_start(&child, "/bin/sh", says, "/no/such/directory"), ASSAY_F_NO_PATH);
    assert_int_equal(assay_os_child_start(&child, "/bin/sh", says, "/usr"), ASSAY_OK);
    size_t have = 0;
    do {
        assert_int_equal(
            assay_os_child_read(&len, &child, bytes + have, sizeof bytes - have, assay_os_monotonic_ns() + 60 * second),
            ASSAY_OK);
        have += len;
    } while (len);
    assert_true(have == 7 && memcmp(bytes, "/usr\nb\n", 7) == 0);
    assert_true(assay_os_child_wait(&child, &code, assay_os_monotonic_ns() + 60 * second));
    assert_int_equal(code, 7);
    assert_int_equal(child.id, 0);
    assay_os_child_signal(&child, ASSAY_OS_KILL); /* none: nothing happens */
    assert_int_equal(assay_os_child_start(&child, "/bin/sleep", sleeps, NULL), ASSAY_OK);
    assert_int_equal(assay_os_child_read(&len, &child, bytes, sizeof bytes, assay_os_monotonic_ns() + second / 50),
                     ASSAY_F_TIMEOUT);
    assert_false(assay_os_child_wait(&child, &code, assay_os_monotonic_ns() + second / 50));
    assay_os_child_signal(&child, ASSAY_OS_TERMINATE);
    assert_true(assay_os_child_wait(&child, &code, assay_os_monotonic_ns() + 60 * second));
    assert_int_equal(code, 128 + 15);
}

static void test_library(void **state) {
    (void)state;
    static const char *const names[] = {"cos", "sin"}, *const absent[] = {"cos", "no_such_function"};
    double (*of[2])(double);
    void *found[2];
    char why[128] = "";
    for (int i = 0; i < 2; i++) {
        assert_int_equal(assay_os_library(found, "libm.so.6", names, 2, why, sizeof why), ASSAY_OK);
        memcpy(of, found, sizeof of);
        assert_true(of[0](0) == 1 && of[1](0) == 0);
    }
    assert_string_equal(why, "");
    assert_int_equal(assay_os_library(found, "libm.so.6", absent, 2, why, sizeof why), ASSAY_F_NO_PATH);
    assert_non_null(strstr(why, "no_such_function"));
    assert_int_equal(assay_os_library(found, "libnowhere.so.1", names, 2, why, sizeof why), ASSAY_F_NO_PATH);
    assert_non_null(strstr(why, "libnowhere.so.1"));
    char little[8];
    assert_int_equal(assay_os_library(found, "libnowhere.so.1", names, 2, little, sizeof little), ASSAY_F_NO_PATH);
    assert_int_equal(strlen(little), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_special_files),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_growing),
        cmocka_unit_test(test_map_torn_in_threads),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_remove_tree),
        cmocka_unit_test(test_path_join),
        cmocka_unit_test(test_console),
        cmocka_unit_test(test_listening),
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_stdin),
        cmocka_unit_test(test_space_and_clock),
        cmocka_unit_test(test_open_files),
        cmocka_unit_test(test_library),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_temp_and_homes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
