/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_types - what blocks, commits and proofs cost here, on one thread. Each line: what, how long one takes, how many
 * a second. */
#define _POSIX_C_SOURCE 200809L
#include "types/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VALIDATORS = 100, TXS = 4000, TX_LEN = 250, ROOM = 1 << 24 };

static _Alignas(64) uint8_t room[ROOM], scratch_room[ROOM];
static assay_key_secret secrets[VALIDATORS];
static assay_validator_set set;
static assay_commit commit;
static assay_block block;
static assay_buf encoded, state_proof;
static assay_hash smt_root;
static const assay_bytes chain_id = {(const uint8_t *)"bench-0123456789ab", 18};

static assay_arena scratch(void) { return assay_base_arena(scratch_room, sizeof scratch_room); }

static void must(assay_err err) {
    if (err == ASSAY_OK) return;
    fprintf(stderr, "bench_types: %s\n", assay_base_err_text(err));
    exit(1);
}

static void check_commit(void) {
    uint64_t power;
    must(assay_commit_check(&power, &commit, &set, chain_id, &commit.block_id, commit.height, scratch()));
}
static void rotate(void) { assay_validators_rotate(&set, 1); }
static void hash_set(void) {
    assay_hash hash;
    must(assay_validators_hash(&hash, &set, scratch()));
}
static void hash_header(void) {
    volatile uint8_t sink = assay_header_hash(&block.header).b[0];
    (void)sink;
}
static void encode_block(void) {
    encoded.len = 0;
    must(assay_block_encode(&encoded, &block));
}
static void decode_block(void) {
    static _Alignas(64) uint8_t keep_room[1 << 22];
    assay_arena keep = assay_base_arena(keep_room, sizeof keep_room);
    assay_block out;
    must(assay_block_decode(&out, &keep, (assay_bytes){encoded.ptr, encoded.len}, scratch()));
}
static void cut_block(void) {
    uint32_t total;
    assay_hash root;
    must(assay_block_parts(&total, &root, (assay_bytes){encoded.ptr, encoded.len}, scratch()));
}
static void check_proof(void) {
    must(assay_state_proof_check(smt_root, ASSAY_STR("key"), ASSAY_STR("value"),
                                 (assay_bytes){state_proof.ptr, state_proof.len}, scratch()));
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void measure(const char *what, void (*run)(void)) {
    uint32_t times = 0;
    double start = now(), took;
    do {
        run();
        times++;
        took = now() - start;
    } while (took < 0.3);
    printf("%-44s %10.2f us %12.0f /s\n", what, took / times * 1e6, times / took);
}

static void make_commit(assay_arena *keep) {
    assay_validator *in = ASSAY_NEW(keep, assay_validator, VALIDATORS);
    for (uint32_t i = 0; i < VALIDATORS; i++) {
        secrets[i].b[0] = (uint8_t)(i + 1);
        in[i] = (assay_validator){.public_key = assay_crypto_ed25519_public(&secrets[i]), .power = 1000};
    }
    must(assay_validators_new(&set, keep, in, VALIDATORS));
    commit = (assay_commit){.height = 7, .block_id = {{{1}}, 1, {{2}}}, .sigs_count = VALIDATORS};
    commit.sigs = ASSAY_NEW(keep, assay_commit_sig, VALIDATORS);
    for (uint32_t i = 0; i < VALIDATORS; i++) {
        assay_vote vote = {.type = ASSAY_PRECOMMIT,
                           .height = commit.height,
                           .block_id = commit.block_id,
                           .timestamp = {1795348800, (int32_t)i},
                           .validator = set.validators[i].address};
        uint8_t memory[256];
        assay_buf message = {memory, 0, sizeof memory};
        must(assay_vote_sign_bytes(&message, &vote, chain_id));
        const assay_key_secret *secret = NULL;
        for (uint32_t k = 0; k < VALIDATORS; k++)
            if (memcmp(in[k].public_key.b, set.validators[i].public_key.b, 32) == 0) secret = &secrets[k];
        commit.sigs[i] = (assay_commit_sig){ASSAY_FLAG_COMMIT, vote.validator, vote.timestamp,
                                            assay_crypto_ed25519_sign(secret, (assay_bytes){message.ptr, message.len})};
    }
}

static void make_block(assay_arena *keep) {
    block.header = (assay_header){.version_block = ASSAY_BLOCK_PROTOCOL,
                                  .version_app = 1,
                                  .chain_id = chain_id,
                                  .height = 8,
                                  .time = {1795348800, 1},
                                  .last_block_id = commit.block_id,
                                  .proposer = set.validators[0].address};
    must(assay_validators_hash(&block.header.validators_hash, &set, scratch()));
    block.txs = ASSAY_NEW(keep, assay_bytes, TXS);
    block.txs_count = TXS;
    for (uint32_t i = 0; i < TXS; i++) {
        uint8_t *tx = ASSAY_NEW(keep, uint8_t, TX_LEN);
        memcpy(tx, &i, sizeof i);
        block.txs[i] = (assay_bytes){tx, TX_LEN};
    }
    block.last_commit = commit;
    must(assay_block_fill_hashes(&block, scratch()));
    encoded.cap = assay_block_size_max(TXS * TX_LEN, TXS, 0, VALIDATORS);
    encoded.ptr = ASSAY_NEW(keep, uint8_t, encoded.cap);
    encode_block();
}

/* A path of 20 steps, as in a tree of a million keys. */
static void make_proof(assay_arena *keep) {
    static assay_smt_path path = {.count = 20};
    assay_hash hashed = assay_crypto_sha256_one(ASSAY_STR("key"));
    smt_root = assay_smt_leaf(ASSAY_STR("key"), ASSAY_STR("value"));
    for (uint32_t depth = path.count; depth-- > 0;) {
        path.siblings[depth].b[0] = 1;
        bool right = hashed.b[depth / 8] >> (7 - depth % 8) & 1;
        smt_root = right ? assay_merkle_inner(path.siblings[depth], smt_root)
                         : assay_merkle_inner(smt_root, path.siblings[depth]);
    }
    state_proof = (assay_buf){ASSAY_NEW(keep, uint8_t, 4096), 0, 4096};
    must(assay_state_proof_encode_exist(&state_proof, ASSAY_STR("key"), ASSAY_STR("value"), &path));
}

int main(void) {
    assay_arena keep = assay_base_arena(room, sizeof room);
    make_commit(&keep);
    make_block(&keep);
    make_proof(&keep);
    measure("commit of 100 checked", check_commit);
    measure("set of 100 rotated once", rotate);
    measure("set of 100 hashed", hash_set);
    measure("header hashed", hash_header);
    measure("block of 4000 transactions, 1 MB, encoded", encode_block);
    measure("the same decoded, its hashes checked", decode_block);
    measure("the same cut into parts", cut_block);
    measure("state proof of 20 steps checked", check_proof);
    return 0;
}
