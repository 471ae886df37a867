/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_crypto - how fast this machine hashes, verifies and builds trees. One thread; the best of several runs, because
 * a busy machine only ever makes a run slower. */
#define _POSIX_C_SOURCE 200809L
#include "crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_LEN ((size_t)8 << 20)
#define RUNS 7
#define SIGNATURES 1024
#define LEAVES ((size_t)1 << 16)

typedef struct bench {
    uint8_t *text;
    assay_crypto_batch_item *items;
    assay_hash *hashes;
    size_t n;
} bench;

/* What the work returned, so that no compiler finds it useless. */
static volatile uint8_t sink;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double best_of(void (*work)(bench *), bench *b, size_t n) {
    double best = 1e9;
    b->n = n;
    for (int i = 0; i < RUNS; i++) {
        double start = now();
        work(b);
        double took = now() - start;
        if (took < best) best = took;
    }
    return best;
}

static void sha256_streams(bench *b) {
    assay_sha256 states[4], *hashes[4];
    const uint8_t *texts[4];
    size_t len = TEXT_LEN / 4;
    for (size_t i = 0; i < b->n; i++) {
        assay_crypto_sha256_init(&states[i]);
        hashes[i] = &states[i];
        texts[i] = b->text + i * len;
    }
    assay_crypto_sha256_update_many(hashes, texts, b->n, len);
    for (size_t i = 0; i < b->n; i++) sink ^= assay_crypto_sha256_final(&states[i]).b[0];
}

static void sha256_short(bench *b) {
    for (size_t i = 0; i < LEAVES; i++) sink ^= assay_crypto_sha256_one((assay_bytes){b->text + i, b->n}).b[0];
}

static void blake3_whole(bench *b) {
    const assay_hash *key = b->n ? &b->hashes[0] : NULL;
    sink ^= assay_crypto_blake3(key, (assay_bytes){b->text, TEXT_LEN}).b[0];
}

static void blake3_groups(bench *b) {
    for (size_t i = 0; i < TEXT_LEN >> 20; i++) {
        assay_bytes group = {b->text + (i << 20), (size_t)1 << 20};
        sink ^= assay_crypto_blake3_subtree(NULL, group, i << 10).b[0];
    }
}

static void blake3_chunks(bench *b) {
    for (size_t i = 0; i < 1024; i++)
        sink ^= assay_crypto_blake3_subtree(NULL, (assay_bytes){b->text + (i << 10), 1024}, i).b[0];
}

static void blake3_parents(bench *b) {
    for (size_t i = 0; i < LEAVES; i++)
        b->hashes[0] = assay_crypto_blake3_parent(NULL, b->hashes[0], b->hashes[1], false);
}

static void verify_single(bench *b) {
    for (size_t i = 0; i < b->n; i++)
        sink ^= assay_crypto_ed25519_verify(b->items[i].key, b->items[i].message, b->items[i].signature);
}

static void verify_batches(bench *b) {
    for (size_t i = 0; i + b->n <= SIGNATURES; i += b->n)
        sink ^= assay_crypto_ed25519_verify_batch(b->items + i, b->n, b->text);
}

static void sign(bench *b) {
    const assay_key_secret secret = {{7}};
    for (size_t i = 0; i < b->n; i++) sink ^= assay_crypto_ed25519_sign(&secret, b->items[i].message).b[0];
}

static void key_ok(bench *b) {
    for (size_t i = 0; i < b->n; i++) sink ^= assay_crypto_ed25519_key_ok(b->items[i].key) == ASSAY_OK;
}

static void merkle_inner(bench *b) {
    for (size_t i = 0; i < LEAVES; i++) b->hashes[0] = assay_merkle_inner(b->hashes[0], b->hashes[1]);
}

static void merkle_root(bench *b) { sink ^= assay_merkle_root(b->hashes, LEAVES).b[0]; }

static void log_append(bench *b) {
    assay_merkle_log log = {0};
    for (size_t i = 0; i < LEAVES; i++) assay_merkle_log_append(&log, b->hashes[i], NULL, NULL);
    sink ^= assay_merkle_log_root(&log).b[0];
}

static void gigabytes(const char *name, double bytes, double took) {
    printf("%-34s %9.2f GB/s\n", name, bytes / took / 1e9);
}

static void each(const char *name, double count, double took) {
    printf("%-34s %9.3f us  %12.0f /s\n", name, took / count * 1e6, count / took);
}

static bool prepare(bench *b) {
    b->text = malloc(TEXT_LEN);
    b->items = calloc(SIGNATURES, sizeof *b->items);
    b->hashes = calloc(LEAVES, sizeof *b->hashes);
    if (!b->text || !b->items || !b->hashes) return false;
    for (size_t i = 0; i < TEXT_LEN; i++) b->text[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < SIGNATURES; i++) {
        assay_key_secret secret = {{(uint8_t)i, (uint8_t)(i >> 8), 1}};
        b->items[i].message = (assay_bytes){b->text + i, 128};
        b->items[i].key = assay_crypto_ed25519_public(&secret);
        b->items[i].signature = assay_crypto_ed25519_sign(&secret, b->items[i].message);
    }
    for (size_t i = 0; i < LEAVES; i++) b->hashes[i] = assay_merkle_leaf((assay_bytes){b->text + i, 8});
    return true;
}

int main(void) {
    bench b = {0};
    if (!prepare(&b)) return 6;
    for (size_t n = 1; n <= 4; n++) {
        char name[48];
        snprintf(name, sizeof name, "sha256, %zu stream%s together", n, n == 1 ? "" : "s");
        gigabytes(name, (double)(n * TEXT_LEN / 4), best_of(sha256_streams, &b, n));
    }
    each("sha256 of 32 bytes", (double)LEAVES, best_of(sha256_short, &b, 32));
    each("sha256 of 65 bytes", (double)LEAVES, best_of(sha256_short, &b, 65));
    gigabytes("blake3", (double)TEXT_LEN, best_of(blake3_whole, &b, 0));
    gigabytes("blake3 keyed", (double)TEXT_LEN, best_of(blake3_whole, &b, 1));
    gigabytes("blake3 by groups of 1 MiB", (double)TEXT_LEN, best_of(blake3_groups, &b, 0));
    gigabytes("blake3 chunk by chunk", 1 << 20, best_of(blake3_chunks, &b, 0));
    each("blake3 parent", (double)LEAVES, best_of(blake3_parents, &b, 0));
    each("ed25519 sign, 128 bytes", SIGNATURES, best_of(sign, &b, SIGNATURES));
    each("ed25519 key_ok", SIGNATURES, best_of(key_ok, &b, SIGNATURES));
    each("ed25519 verify one by one", SIGNATURES, best_of(verify_single, &b, SIGNATURES));
    for (size_t n = 4; n <= SIGNATURES; n *= 4) {
        char name[48];
        snprintf(name, sizeof name, "ed25519 verify in batches of %zu", n);
        each(name, SIGNATURES, best_of(verify_batches, &b, n));
    }
    each("merkle inner, one by one", (double)LEAVES, best_of(merkle_inner, &b, 0));
    each("merkle root of 65,536, per leaf", (double)LEAVES, best_of(merkle_root, &b, 0));
    each("merkle log append", (double)LEAVES, best_of(log_append, &b, 0));
    free(b.text);
    free(b.items);
    free(b.hashes);
    return 0;
}
