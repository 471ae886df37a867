/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_store - the state over LMDB: blocks of 500 transactions that change 1,000 keys, commit latency durable and not,
 * what empty blocks cost in disk and memory, and a hundred stores in one process. usage: bench_store [DIRECTORY on a
 * disk, for the durable figures] */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "os/os.h"
#include "store/store.h"

#define JOURNAL_LEN ((size_t)64 << 20)

static void must(assay_err err) {
    if (err) {
        fprintf(stderr, "bench_store: %s\n", assay_base_err_text(err));
        exit(1);
    }
}

static double seconds(void) { return (double)assay_os_monotonic_ns() / 1e9; }

static bool in_place;
static uint64_t seed = 1;
static uint64_t choose(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 20;
}

typedef struct bench {
    uint8_t memory[16384];
    const char *directory;
    assay_store *store;
    assay_os_region journal;
    assay_state *state;
    uint64_t keys; /* that are there */
    assay_store_block block;
    assay_hash *ids;
    uint32_t ids_count;
} bench;

static void bench_open(bench *b, const char *directory, bool durable) {
    assay_arena keep = assay_base_arena(b->memory, sizeof b->memory);
    if (directory)
        b->directory = directory;
    else
        must(assay_os_temp_dir(&b->directory, &keep, "assay-bench", true));
    must(assay_store_open(
        &b->store,
        &(assay_store_config){.directory = b->directory, .durable = durable, .in_place = !durable && in_place}));
    must(assay_os_reserve(&b->journal, JOURNAL_LEN));
    must(assay_state_open(&b->state, &keep, assay_os_region_arena(&b->journal), assay_store_state_reader(b->store)));
}

static void bench_close(bench *b) {
    assay_store_close(b->store);
    assay_os_unreserve(&b->journal);
    must(assay_os_remove_tree(b->directory));
}

static void put(bench *b, uint64_t n) {
    uint8_t key[28] = "account/", value[40] = {0};
    for (int i = 0; i < 20; i++) key[8 + i] = (uint8_t)((n * 0x9e3779b97f4a7c15u) >> (i % 8 * 8)) ^ (uint8_t)i;
    uint64_t salt = choose();
    memcpy(value, &salt, 8);
    must(assay_state_put(b->state, (assay_bytes){key, 28}, (assay_bytes){value, 40}));
}

static void get(bench *b, uint64_t n) {
    uint8_t key[28] = "account/";
    for (int i = 0; i < 20; i++) key[8 + i] = (uint8_t)((n * 0x9e3779b97f4a7c15u) >> (i % 8 * 8)) ^ (uint8_t)i;
    assay_bytes value;
    bool found;
    must(assay_state_get(b->state, (assay_bytes){key, 28}, &value, &found));
}

static assay_err fill(void *context, assay_store_batch *batch) {
    bench *b = context;
    ASSAY_TRY(assay_state_commit(b->state, b->block.height, assay_store_state_writer(batch)));
    return assay_store_put_block(batch, &b->block);
}

/* Seconds of: reads and puts, prepare, commit. txs transactions of 250 bytes each change two keys. */
static void one_block(bench *b, double spent[3], uint32_t txs, bool new_keys) {
    static uint8_t bytes[4 << 20];
    static assay_hash ids[100000];
    double t0 = seconds();
    for (uint32_t i = 0; i < 2 * txs; i++) {
        uint64_t n = new_keys || i % 20 == 19 ? b->keys++ : choose() % b->keys;
        if (!new_keys) get(b, n);
        put(b, n);
    }
    double t1 = seconds();
    assay_hash root, log_root;
    uint64_t log_size;
    must(assay_state_prepare(b->state, &root, &log_size, &log_root));
    double t2 = seconds();
    for (uint32_t i = 0; i < txs; i++) {
        uint64_t id[4] = {choose(), choose(), choose(), choose()};
        memcpy(ids[i].b, id, 32);
        for (int k = 0; k < 8; k++) ids[i].b[k] = (uint8_t)choose();
    }
    size_t len = 700 + (size_t)txs * 250;
    b->block = (assay_store_block){.height = assay_state_height(b->state) + 1,
                                   .hash = root,
                                   .block = {bytes, len < sizeof bytes ? len : sizeof bytes},
                                   .commit = {bytes, 440},
                                   .results = {bytes, (size_t)txs * 12},
                                   .ids = ids,
                                   .ids_count = txs};
    must(assay_store_write(b->store, fill, b));
    assay_state_committed(b->state);
    double t3 = seconds();
    spent[0] += t1 - t0, spent[1] += t2 - t1, spent[2] += t3 - t2;
}

static double resident_mib(void) { return (double)assay_os_resident() / (1 << 20); }

static void full_blocks(const char *directory, bool durable, uint64_t size) {
    bench b = {0};
    double filled[3] = {0}, spent[3] = {0};
    enum { BLOCKS = 200, TXS = 500 };
    double before = resident_mib();
    bench_open(&b, directory, durable);
    while (b.keys < size) one_block(&b, filled, 5000, true);
    for (int i = 0; i < BLOCKS; i++) one_block(&b, spent, TXS, false);
    assay_store_usage usage;
    must(assay_store_look(&usage, b.store));
    printf("%s, %llu keys, blocks of %d txs and %d changes: read and put %.2f ms, prepare %.2f ms, commit %.2f ms; "
           "%.0f tx/s; "
           "file %.0f MiB, used %.0f MiB; memory +%.0f MiB\n",
           durable    ? "durable"
           : in_place ? "in place"
                      : "not durable",
           (unsigned long long)size, TXS, 2 * TXS, spent[0] / BLOCKS * 1e3, spent[1] / BLOCKS * 1e3,
           spent[2] / BLOCKS * 1e3, BLOCKS * TXS / (spent[0] + spent[1] + spent[2]),
           (double)usage.file_bytes / (1 << 20), (double)usage.used_bytes / (1 << 20), resident_mib() - before);
    bench_close(&b);
}

static void empty_blocks(const char *directory, bool durable, unsigned count) {
    bench b = {0};
    double spent[3] = {0};
    bench_open(&b, directory, durable);
    b.keys = 0;
    double filled[3] = {0};
    one_block(&b, filled, 100, true);
    assay_store_usage first, last;
    for (int i = 0; i < 1000 && count > 1000; i++) one_block(&b, filled, 0, false);
    must(assay_store_look(&first, b.store));
    double before = resident_mib();
    for (unsigned i = 0; i < count; i++) one_block(&b, spent, 0, false);
    must(assay_store_look(&last, b.store));
    printf("%s, %u empty blocks of 1,140 bytes: %.3f ms each; %.0f bytes of file and %.0f bytes of pages a block; "
           "memory %+.1f MiB\n",
           durable    ? "durable"
           : in_place ? "in place"
                      : "not durable",
           count, (spent[0] + spent[1] + spent[2]) / count * 1e3, (double)(last.file_bytes - first.file_bytes) / count,
           (double)(last.used_bytes - first.used_bytes) / count, resident_mib() - before);
    bench_close(&b);
}

static void many_stores(void) {
    enum { STORES = 100, BLOCKS = 20 };
    bench *all = calloc(STORES, sizeof *all);
    if (!all) abort();
    double spent[3] = {0}, before = resident_mib();
    for (int i = 0; i < STORES; i++) bench_open(&all[i], NULL, false);
    double opened = resident_mib();
    for (int i = 0; i < STORES; i++) one_block(&all[i], spent, 100, true);
    for (int n = 0; n < BLOCKS; n++) {
        for (int i = 0; i < STORES; i++) one_block(&all[i], spent, 10, false);
    }
    printf("%s, %d stores: memory +%.0f MiB opened, +%.0f MiB after %d blocks each\n",
           in_place ? "in place" : "not durable", STORES, opened - before, resident_mib() - before, BLOCKS + 1);
    for (int i = 0; i < STORES; i++) bench_close(&all[i]);
    free(all);
}

int main(int argc, char **argv) {
    for (int i = 0; i < 2; i++) {
        in_place = i == 1;
        full_blocks(NULL, false, 100000);
        full_blocks(NULL, false, 1000000);
        empty_blocks(NULL, false, 100000);
        many_stores();
    }
    if (argc > 1) {
        full_blocks(argv[1], true, 100000);
        empty_blocks(argv[1], true, 1000);
    }
    return 0;
}
