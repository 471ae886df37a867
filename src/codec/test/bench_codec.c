/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_codec - nanoseconds to encode and decode a transaction in strict, and what depth costs. One thread; the best of
 * several runs, because a busy machine only ever makes a run slower. */
#define _POSIX_C_SOURCE 200809L
#include "codec/codec.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 200000, RUNS = 7 };

/* {body, public key, signature} with one message in the body, as PROTOCOL.md has it. */
typedef struct transfer {
    assay_address to;
    uint64_t amount;
} transfer;

static const assay_codec_field transfer_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, transfer, to),
    ASSAY_FIELD(2, U64, transfer, amount),
};
static const assay_codec_message transfer_message = ASSAY_MESSAGE("bench.Transfer", transfer, transfer_fields);

typedef struct body {
    uint32_t format;
    assay_bytes chain_id;
    uint64_t nonce;
    uint64_t fee;
    uint64_t expiry;
    transfer *transfer;
} body;

static const assay_codec_field body_fields[] = {
    ASSAY_FIELD(1, U32, body, format), ASSAY_FIELD_BYTES(2, body, chain_id, 64),
    ASSAY_FIELD(3, U64, body, nonce),  ASSAY_FIELD(4, U64, body, fee),
    ASSAY_FIELD(5, U64, body, expiry), ASSAY_FIELD_MESSAGE(10, MESSAGE_OPTIONAL, body, transfer, &transfer_message),
};
static const assay_codec_message body_message = ASSAY_MESSAGE("bench.Body", body, body_fields);

typedef struct tx {
    body body;
    assay_public_key key;
    assay_signature signature;
} tx;

static const assay_codec_field tx_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, tx, body, &body_message),
    ASSAY_FIELD_FIXED(2, FIXED, tx, key),
    ASSAY_FIELD_FIXED(3, FIXED, tx, signature),
};
static const assay_codec_message tx_message = ASSAY_MESSAGE("bench.Tx", tx, tx_fields);

/* A chain of messages in messages, to see that depth costs no more than length. */
typedef struct chain chain;
struct chain {
    uint64_t number;
    assay_bytes payload;
    chain *inner;
};
static const assay_codec_message chain_message;
static const assay_codec_field chain_fields[] = {
    ASSAY_FIELD(1, U64, chain, number),
    ASSAY_FIELD_BYTES(2, chain, payload, 0),
    ASSAY_FIELD_MESSAGE(3, MESSAGE_OPTIONAL, chain, inner, &chain_message),
};
static const assay_codec_message chain_message = ASSAY_MESSAGE("bench.Chain", chain, chain_fields);

static uint8_t memory[1 << 20], bytes[1 << 18];

/* What the work returned, so that no compiler finds it useless. */
static volatile uint8_t sink;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static size_t encode_once(const assay_codec_message *table, const void *value, assay_codec_profile profile) {
    assay_buf out = {bytes, 0, sizeof bytes};
    ASSAY_ASSERT(assay_codec_encode(&out, table, value, profile) == ASSAY_OK);
    sink ^= bytes[out.len / 2];
    return out.len;
}

static void decode_once(const assay_codec_message *table, void *value, assay_bytes input, assay_codec_profile profile) {
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    ASSAY_ASSERT(assay_codec_decode(value, &arena, table, input, profile) == ASSAY_OK);
}

static void bench(const char *name, const assay_codec_message *table, const void *value, assay_codec_profile profile,
                  int rounds) {
    _Alignas(16) uint8_t back[512];
    ASSAY_ASSERT(table->struct_size <= sizeof back);
    double encode = 1e18, decode = 1e18;
    size_t len = 0;
    for (int run = 0; run < RUNS; run++) {
        double start = now();
        for (int i = 0; i < rounds; i++) len = encode_once(table, value, profile);
        double middle = now();
        for (int i = 0; i < rounds; i++) decode_once(table, back, (assay_bytes){bytes, len}, profile);
        double end = now();
        if (middle - start < encode) encode = middle - start;
        if (end - middle < decode) decode = end - middle;
    }
    printf("%-28s %6zu bytes   encode %8.1f ns   decode %8.1f ns\n", name, len, encode / rounds, decode / rounds);
}

int main(void) {
    transfer t = {.amount = 1234567890};
    memset(t.to.b, 7, sizeof t.to.b);
    tx value = {.body = {1, ASSAY_STR("assay-test-0123456789ab"), 42, 1000, 123456, &t}};
    memset(value.key.b, 1, sizeof value.key.b);
    memset(value.signature.b, 2, sizeof value.signature.b);
    bench("transaction, strict", &tx_message, &value, ASSAY_CODEC_STRICT, ROUNDS);
    bench("transaction, comet", &tx_message, &value, ASSAY_CODEC_COMET, ROUNDS);

    static uint8_t payload[100];
    chain links[ASSAY_CODEC_DEPTH_MAX];
    for (size_t i = 0; i < ASSAY_CODEC_DEPTH_MAX; i++)
        links[i] = (chain){i + 1, {payload, sizeof payload}, i + 1 < ASSAY_CODEC_DEPTH_MAX ? &links[i + 1] : NULL};
    bench("depth 1", &chain_message, &links[ASSAY_CODEC_DEPTH_MAX - 1], ASSAY_CODEC_STRICT, ROUNDS);
    bench("depth 6", &chain_message, &links[ASSAY_CODEC_DEPTH_MAX - 6], ASSAY_CODEC_STRICT, ROUNDS);
    bench("depth 12", &chain_message, &links[0], ASSAY_CODEC_STRICT, ROUNDS);
    return 0;
}
