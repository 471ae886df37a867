/* SPDX-License-Identifier: Apache-2.0
 *
 * The state between blocks, against whole chains that CometBFT's own block executor accepted
 * (spec/vectors/comet/chain.json: sets change, rounds fail), and every field of a header that can be wrong. */
#include "../bft_internal.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint8_t keep_memory[32 << 20], scratch_memory[16 << 20];
static assay_arena keep_arena(void) { return assay_base_arena(keep_memory, sizeof keep_memory); }
static assay_arena scratch_arena(void) { return assay_base_arena(scratch_memory, sizeof scratch_memory); }

static void must(assay_err err, const char *what, int64_t height) {
    if (err != ASSAY_OK) fail_msg("height %lld: %s: %s", (long long)height, what, assay_base_err_code(err));
}

static const json_t *member(const json_t *row, const char *key) {
    const json_t *value = json_object_get(row, key);
    if (!value) fail_msg("no field %s", key);
    return value;
}

static int64_t number(const json_t *row, const char *key) {
    const json_t *value = member(row, key);
    if (json_is_integer(value)) return json_integer_value(value);
    const char *text = json_string_value(value);
    assert_non_null(text);
    uint64_t digits;
    must(assay_base_undecimal(&digits, assay_base_bytes_str(text + (*text == '-'))), key, 0);
    return *text == '-' ? (int64_t)(0 - digits) : (int64_t)digits;
}

static assay_bytes hex(const json_t *row, const char *key, assay_arena *keep) {
    const char *text = json_string_value(member(row, key));
    assert_non_null(text);
    size_t len = strlen(text) / 2;
    uint8_t *bytes = ASSAY_NEW(keep, uint8_t, len + 1);
    assert_non_null(bytes);
    must(assay_base_unhex(bytes, len, assay_base_bytes_str(text)), key, 0);
    return (assay_bytes){bytes, len};
}

static assay_hash hash(const json_t *row, const char *key, assay_arena *keep) {
    assay_bytes bytes = hex(row, key, keep);
    assay_hash out;
    assert_int_equal(bytes.len, sizeof out.b);
    memcpy(out.b, bytes.ptr, sizeof out.b);
    return out;
}

static void expect_bytes(int64_t height, const char *what, assay_bytes got, assay_bytes wanted) {
    if (!assay_base_bytes_eq(got, wanted)) fail_msg("height %lld: %s differs", (long long)height, what);
}

static assay_engine_power *powers(const json_t *list, uint32_t *count, assay_arena *keep) {
    *count = (uint32_t)json_array_size(list);
    assay_engine_power *out = ASSAY_NEW(keep, assay_engine_power, *count + 1);
    assert_non_null(out);
    for (uint32_t i = 0; i < *count; i++) {
        const json_t *row = json_array_get(list, i);
        assay_bytes key = hex(row, "pub_key", keep);
        assert_int_equal(key.len, 32);
        memcpy(out[i].public_key.b, key.ptr, 32);
        out[i].power = (uint64_t)number(row, "power");
    }
    return out;
}

/* A chain that is stored and read back is the same. */
static void store_and_load(assay_bft_chain *chain, assay_arena *keep) {
    assay_buf first = {ASSAY_NEW(keep, uint8_t, 16384), 0, 16384}, second = {ASSAY_NEW(keep, uint8_t, 16384), 0, 16384};
    assert_true(first.ptr && second.ptr);
    must(assay_bft_chain_encode(&first, chain, scratch_arena()), "encode", chain->height);
    must(assay_bft_chain_decode(chain, keep, (assay_bytes){first.ptr, first.len}), "decode", chain->height);
    must(assay_bft_chain_encode(&second, chain, scratch_arena()), "encode again", chain->height);
    expect_bytes(chain->height, "chain", (assay_bytes){first.ptr, first.len}, (assay_bytes){second.ptr, second.len});
}

/* Results as the vectors' README says. */
static assay_engine_finalized finalize(const json_t *row, const assay_block *block, assay_arena *keep) {
    assay_engine_finalized out = {.results_count = block->txs_count, .app_hash = hash(row, "app_hash_after", keep)};
    out.results = ASSAY_NEW(keep, assay_tx_result, block->txs_count + 1);
    assert_non_null(out.results);
    for (uint32_t i = 0; i < block->txs_count; i++) {
        assay_bytes tx = block->txs[i];
        out.results[i] = (assay_tx_result){.gas_wanted = (int64_t)tx.len, .gas_used = (int64_t)(tx.len / 2)};
        if (tx.len == 0) continue;
        out.results[i].code = tx.ptr[0] % 3u;
        out.results[i].data = (assay_bytes){tx.ptr, tx.len < 5 ? tx.len : 5};
    }
    out.updates = powers(member(row, "validator_updates"), &out.updates_count, keep);
    return out;
}

static void expect_set(int64_t height, const assay_validator_set *set, const json_t *wanted, assay_arena *keep) {
    uint32_t count;
    assay_engine_power *list = powers(wanted, &count, keep);
    assert_int_equal(set->count, count);
    for (uint32_t i = 0; i < count; i++) {
        expect_bytes(height, "validator", (assay_bytes){set->validators[i].public_key.b, 32},
                     (assay_bytes){list[i].public_key.b, 32});
        assert_int_equal(set->validators[i].power, list[i].power);
        assert_int_equal(set->validators[i].priority, number(json_array_get(wanted, i), "priority"));
    }
}

/* The block that CometBFT made, made again from its parts. */
static void make_again(const assay_bft_chain *chain, const assay_block *block, assay_bytes wanted, assay_arena keep) {
    assay_block made;
    must(assay_bft_block_make(&made, chain, block->txs, block->txs_count, block->evidence, block->evidence_count,
                              &block->last_commit, block->header.proposer, scratch_arena()),
         "make", block->header.height);
    assay_buf out = {ASSAY_NEW(&keep, uint8_t, wanted.len + 64), 0, wanted.len + 64};
    assert_non_null(out.ptr);
    must(assay_block_encode(&out, &made), "encode", block->header.height);
    expect_bytes(block->header.height, "block", (assay_bytes){out.ptr, out.len}, wanted);
}

static void check_height(assay_bft_chain *chain, const json_t *row, assay_arena *keep) {
    int64_t height = number(row, "height");
    assay_bytes encoded = hex(row, "block_proto", keep);
    assay_block block;
    assay_commit commit;
    must(assay_block_decode(&block, keep, encoded, scratch_arena()), "decode", height);
    assert_int_equal(chain->height + 1, height);
    expect_set(height, &chain->validators, member(row, "validators"), keep);
    make_again(chain, &block, encoded, *keep);
    must(assay_bft_block_check(chain, &block, scratch_arena()), "check", height);

    assay_block_id id = {.hash = assay_header_hash(&block.header)};
    must(assay_block_parts(&id.parts_total, &id.parts_hash, encoded, scratch_arena()), "parts", height);
    assay_hash wanted = hash(row, "block_hash", keep);
    expect_bytes(height, "hash", assay_base_hash_bytes(&id.hash), assay_base_hash_bytes(&wanted));
    must(assay_commit_decode(&commit, keep, hex(row, "commit_proto", keep)), "commit", height);
    uint64_t power;
    must(assay_commit_check(&power, &commit, &chain->validators, chain->chain_id, &id, height, scratch_arena()),
         "commit check", height);
    assay_buf light = {ASSAY_NEW(keep, uint8_t, 65536), 0, 65536};
    must(assay_light_block_encode(&light, &block.header, &commit, &chain->validators), "light block", height);
    expect_bytes(height, "light block", (assay_bytes){light.ptr, light.len}, hex(row, "light_block_proto", keep));

    /* The proposer is who the rotation says, in the round that decided. */
    assay_validator_set rotated;
    must(assay_validators_copy(&rotated, keep, &chain->validators), "copy", height);
    if (number(row, "round") > 0) assay_validators_rotate(&rotated, (uint32_t)number(row, "round"));
    const assay_address *proposer = &rotated.validators[assay_validators_proposer(&rotated)].address;
    expect_bytes(height, "proposer", (assay_bytes){proposer->b, 20}, hex(row, "proposer_address", keep));

    assay_engine_finalized result = finalize(row, &block, keep);
    assay_bft_chain next;
    must(assay_bft_chain_next(&next, keep, chain, &block, &id, &result, scratch_arena()), "next", height);
    assert_int_equal(assay_bft_chain_next(&(assay_bft_chain){0}, keep, &next, &block, &id, &result, scratch_arena()),
                     ASSAY_E_BLOCK);
    *chain = next;
    store_and_load(chain, keep);
}

static void test_comet_chains(void **state) {
    (void)state;
    json_error_t error;
    json_t *rows = json_load_file(ASSAY_SOURCE_DIR "/spec/vectors/comet/chain.json", 0, &error);
    if (!rows) fail_msg("%s", error.text);
    size_t heights = 0, i, k;
    const json_t *row, *height;
    json_array_foreach(rows, i, row) {
        assay_arena keep = keep_arena();
        uint32_t count;
        assay_engine_power *genesis = powers(member(row, "genesis_validators"), &count, &keep);
        assay_bft_chain chain;
        assay_time time = {number(row, "genesis_seconds"), (int32_t)number(row, "genesis_nanos")};
        must(assay_bft_chain_genesis(&chain, &keep, assay_base_bytes_str(json_string_value(member(row, "chain_id"))),
                                     time, (uint64_t)number(row, "app_version"), genesis, count, (assay_hash){0}),
             "genesis", 0);
        /* These chains have CometBFT's default parameters; ours differ in the size of a block. */
        chain.consensus_hash = assay_consensus_hash(22020096, -1);
        store_and_load(&chain, &keep);
        json_array_foreach(member(row, "heights"), k, height) {
            check_height(&chain, height, &keep);
            heights++;
        }
    }
    json_decref(rows);
    assert_int_equal(heights, 25);
}

/* ---- what can be wrong --------------------------------------------------------------------------------------- */

typedef struct world {
    assay_key_secret secrets[4];
    assay_engine_power powers[4];
    assay_bft_chain chain;
    assay_commit commit;
} world;

static void world_open(world *w, assay_arena *keep) {
    for (uint32_t i = 0; i < 4; i++) {
        w->secrets[i] = (assay_key_secret){{(uint8_t)(i + 1)}};
        w->powers[i] = (assay_engine_power){assay_crypto_ed25519_public(&w->secrets[i]), 10 + i};
    }
    must(assay_bft_chain_genesis(&w->chain, keep, ASSAY_STR("assay-world"), (assay_time){1000, 5}, 3, w->powers, 4,
                                 (assay_hash){{1}}),
         "genesis", 0);
    w->commit = (assay_commit){0};
}

static const assay_key_secret *secret_of(const world *w, const assay_validator *v) {
    for (uint32_t i = 0; i < 4; i++)
        if (memcmp(w->powers[i].public_key.b, v->public_key.b, 32) == 0) return &w->secrets[i];
    fail_msg("nobody has that key");
    return NULL;
}

/* All four sign the block; flags may be changed before with `nil_idx` (-1: nobody). */
static void world_commit(world *w, const assay_block_id *id, assay_time base, int32_t nil_idx, assay_arena *keep) {
    const assay_validator_set *set = &w->chain.validators;
    w->commit = (assay_commit){.height = w->chain.height + 1, .round = 2, .block_id = *id, .sigs_count = set->count};
    w->commit.sigs = ASSAY_NEW(keep, assay_commit_sig, set->count);
    assert_non_null(w->commit.sigs);
    for (uint32_t i = 0; i < set->count; i++) {
        bool is_nil = (int32_t)i == nil_idx;
        assay_vote vote = {.type = ASSAY_PRECOMMIT,
                           .height = w->commit.height,
                           .round = 2,
                           .timestamp = assay_base_time_add_ns(base, (int64_t)i * 1000000)};
        if (!is_nil) vote.block_id = *id;
        uint8_t memory[256];
        assay_buf out = {memory, 0, sizeof memory};
        must(assay_vote_sign_bytes(&out, &vote, w->chain.chain_id), "sign bytes", vote.height);
        w->commit.sigs[i] = (assay_commit_sig){
            is_nil ? ASSAY_FLAG_NIL : ASSAY_FLAG_COMMIT, set->validators[i].address, vote.timestamp,
            assay_crypto_ed25519_sign(secret_of(w, &set->validators[i]), (assay_bytes){memory, out.len})};
    }
}

static assay_block world_block(world *w, assay_arena *keep) {
    static const assay_bytes txs[2] = {{(const uint8_t *)"one", 3}, {(const uint8_t *)"two", 3}};
    (void)keep;
    assay_block block;
    must(assay_bft_block_make(&block, &w->chain, txs, 2, NULL, 0, &w->commit, w->chain.validators.validators[1].address,
                              scratch_arena()),
         "make", w->chain.height + 1);
    return block;
}

static void world_advance(world *w, assay_arena *keep, assay_time signed_at, int32_t nil_idx) {
    assay_block block = world_block(w, keep);
    assay_block_id id = {assay_header_hash(&block.header), 1, {{5}}};
    world_commit(w, &id, signed_at, nil_idx, keep);
    assay_engine_finalized result = {.app_hash = {{2}}};
    assay_bft_chain next;
    must(assay_bft_chain_next(&next, keep, &w->chain, &block, &id, &result, scratch_arena()), "next", 0);
    w->chain = next;
}

static void test_first_block(void **state) {
    (void)state;
    assay_arena keep = keep_arena();
    world w;
    world_open(&w, &keep);
    assay_block block = world_block(&w, &keep);
    assert_int_equal(block.header.height, 1);
    assert_int_equal(assay_base_time_cmp(block.header.time, (assay_time){1000, 5}), 0);
    assert_int_equal(block.header.version_app, 3);
    must(assay_bft_block_check(&w.chain, &block, scratch_arena()), "check", 1);
    block.last_commit = (assay_commit){.height = 0, .round = 1};
    assert_int_equal(assay_bft_block_check(&w.chain, &block, scratch_arena()), ASSAY_E_BLOCK);
    assay_commit_sig sig = {.flag = ASSAY_FLAG_ABSENT};
    block.last_commit = (assay_commit){.sigs = &sig, .sigs_count = 1};
    assert_int_equal(assay_bft_block_check(&w.chain, &block, scratch_arena()), ASSAY_E_BLOCK);
    block.last_commit = (assay_commit){0};
    block.header.time.nanos++;
    assert_int_equal(assay_bft_block_check(&w.chain, &block, scratch_arena()), ASSAY_E_BLOCK);
}

#define WRONG(change)                                                                                                  \
    do {                                                                                                               \
        assay_block block = good;                                                                                      \
        change;                                                                                                        \
        if (assay_bft_block_check(&w.chain, &block, scratch_arena()) != ASSAY_E_BLOCK)                                 \
            fail_msg("accepted: %s", #change);                                                                         \
    } while (0)

static void test_every_header_field(void **state) {
    (void)state;
    assay_arena keep = keep_arena();
    world w;
    world_open(&w, &keep);
    world_advance(&w, &keep, (assay_time){2000, 0}, 3);
    const assay_block good = world_block(&w, &keep);
    must(assay_bft_block_check(&w.chain, &good, scratch_arena()), "check", 2);
    WRONG(block.header.version_block++);
    WRONG(block.header.version_app++);
    WRONG(block.header.chain_id = ASSAY_STR("assay-other"));
    WRONG(block.header.height++);
    WRONG(block.header.height--);
    WRONG(block.header.last_block_id.hash.b[0] ^= 1);
    WRONG(block.header.last_block_id.parts_total++);
    WRONG(block.header.last_block_id.parts_hash.b[31] ^= 1);
    WRONG(block.header.validators_hash.b[9] ^= 1);
    WRONG(block.header.next_validators_hash.b[9] ^= 1);
    WRONG(block.header.consensus_hash.b[9] ^= 1);
    WRONG(block.header.app_hash.b[9] ^= 1);
    WRONG(block.header.last_results_hash.b[9] ^= 1);
    WRONG(block.header.proposer.b[0] ^= 1);
    WRONG(block.header.time.nanos++);
    WRONG(block.header.time.seconds--);
}

static void test_last_commit(void **state) {
    (void)state;
    assay_arena keep = keep_arena();
    world w;
    world_open(&w, &keep);
    world_advance(&w, &keep, (assay_time){2000, 0}, 3);
    assay_block block = world_block(&w, &keep);
    must(assay_bft_block_check(&w.chain, &block, scratch_arena()), "check", 2);
    block.last_commit.sigs[0].signature.b[7] ^= 1;
    assert_int_equal(assay_bft_block_check(&w.chain, &block, scratch_arena()), ASSAY_E_SIGNATURE);
    block.last_commit.sigs[0].signature.b[7] ^= 1;
    block.last_commit.sigs[3].signature.b[7] ^= 1; /* one for nil */
    assert_int_equal(assay_bft_block_check(&w.chain, &block, scratch_arena()), ASSAY_E_SIGNATURE);
    block.last_commit.sigs[3] = (assay_commit_sig){.flag = ASSAY_FLAG_ABSENT};
    assay_block shorter = block;
    shorter.header.time = (assay_time){2000, 1000000}; /* the median of the three that are left */
    must(assay_bft_block_check(&w.chain, &shorter, scratch_arena()), "three signatures", 2);
    block.last_commit.sigs[0] = (assay_commit_sig){.flag = ASSAY_FLAG_ABSENT};
    assert_int_equal(assay_bft_block_check(&w.chain, &block, scratch_arena()), ASSAY_E_COMMIT);
    block.last_commit.height++;
    assert_int_equal(assay_bft_block_check(&w.chain, &block, scratch_arena()), ASSAY_E_COMMIT);
    block.last_commit = (assay_commit){0};
    assert_int_equal(assay_bft_block_check(&w.chain, &block, scratch_arena()), ASSAY_E_COMMIT);
}

/* Header time must grow, even if all signers' clocks went back. */
static void test_time_grows(void **state) {
    (void)state;
    assay_arena keep = keep_arena();
    world w;
    world_open(&w, &keep);
    world_advance(&w, &keep, (assay_time){2000, 0}, -1);
    world_advance(&w, &keep, (assay_time){3000, 0}, -1);
    assay_block third = world_block(&w, &keep);
    must(assay_bft_block_check(&w.chain, &third, scratch_arena()), "check", 3);
    world_open(&w, &keep);
    world_advance(&w, &keep, (assay_time){2000, 0}, -1);
    world_advance(&w, &keep, (assay_time){1990, 0}, -1);
    assay_block back = world_block(&w, &keep);
    assert_int_equal(assay_bft_block_check(&w.chain, &back, scratch_arena()), ASSAY_E_BLOCK);
}

static void test_genesis_errors(void **state) {
    (void)state;
    assay_arena keep = keep_arena();
    world w;
    world_open(&w, &keep);
    assay_bft_chain out;
    assay_engine_power list[2] = {w.powers[0], w.powers[0]};
    char long_id[ASSAY_CHAIN_ID_LEN_MAX + 2];
    memset(long_id, 'a', sizeof long_id);
    long_id[sizeof long_id - 1] = 0;
#define GENESIS(id, count) assay_bft_chain_genesis(&out, &keep, id, (assay_time){0}, 1, list, count, (assay_hash){0})
    assert_int_equal(GENESIS(ASSAY_STR(""), 1), ASSAY_E_RANGE);
    assert_int_equal(GENESIS(assay_base_bytes_str(long_id), 1), ASSAY_E_RANGE);
    assert_int_equal(GENESIS(assay_base_bytes_str(long_id + 1), 1), ASSAY_OK);
    assert_int_equal(GENESIS(ASSAY_STR("a"), 0), ASSAY_E_RANGE);
    assert_int_equal(GENESIS(ASSAY_STR("a"), 2), ASSAY_E_DUPLICATE);
    list[0].power = 0;
    assert_int_equal(GENESIS(ASSAY_STR("a"), 1), ASSAY_E_RANGE);
    list[0].power = ASSAY_POWER_TOTAL_MAX + 1;
    assert_int_equal(GENESIS(ASSAY_STR("a"), 1), ASSAY_E_RANGE);
    list[0].power = ASSAY_POWER_TOTAL_MAX;
    assert_int_equal(GENESIS(ASSAY_STR("a"), 1), ASSAY_OK);
    for (size_t size = 0; size < 600; size += 16) {
        assay_arena small = assay_base_arena(scratch_memory, size);
        assay_err err =
            assay_bft_chain_genesis(&out, &small, ASSAY_STR("a"), (assay_time){0}, 1, list, 1, (assay_hash){0});
        assert_true(err == ASSAY_F_MEMORY || (err == ASSAY_OK && size > 200));
    }
}

static void test_updates_that_cannot_be(void **state) {
    (void)state;
    assay_arena keep = keep_arena();
    world w;
    world_open(&w, &keep);
    assay_block block = world_block(&w, &keep);
    assay_block_id id = {{{1}}, 1, {{1}}};
    assay_bft_chain next;
    assay_engine_power updates[5];
    assay_engine_finalized result = {.updates = updates};
#define NEXT() assay_bft_chain_next(&next, &keep, &w.chain, &block, &id, &result, scratch_arena())
    for (uint32_t i = 0; i < 4; i++) updates[i] = (assay_engine_power){w.powers[i].public_key, 0};
    result.updates_count = 4; /* nobody left */
    assert_int_equal(NEXT(), ASSAY_E_RANGE);
    updates[1] = updates[0];
    result.updates_count = 2;
    assert_int_equal(NEXT(), ASSAY_E_DUPLICATE);
    updates[0].public_key.b[0] ^= 1;
    result.updates_count = 1;
    assert_int_equal(NEXT(), ASSAY_E_NOT_FOUND);
    updates[0] = (assay_engine_power){w.powers[0].public_key, 0};
    must(NEXT(), "next", 1);
    /* In force two heights later. */
    assert_int_equal(next.last_validators.count, 4);
    assert_int_equal(next.validators.count, 4);
    assert_int_equal(next.next_validators.count, 3);
}

/* The tables, and their fields' numbers and names as spec/proto/bft.proto has them. */
static void test_tables(void **state) {
    (void)state;
    static const struct {
        const assay_codec_message *table;
        const char *head;
    } tables[] = {{&assay_bft_message_table, "message Message {"}, {&assay_bft_chain_table, "message Chain {"}};
    FILE *f = fopen(ASSAY_SOURCE_DIR "/spec/proto/bft.proto", "rb");
    assert_non_null(f);
    static char text[1 << 16];
    size_t len = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[len] = 0;
    for (size_t i = 0; i < 2; i++) {
        const assay_codec_message *table = tables[i].table;
        assert_true(assay_codec_table_ok(table));
        char *at = strstr(text, tables[i].head);
        assert_non_null(at);
        char *end = strstr(at, "\n}");
        assert_non_null(end);
        for (uint32_t k = 0; k < table->field_count; k++) {
            char wanted[16];
            snprintf(wanted, sizeof wanted, " = %u;", table->fields[k].number);
            at = strstr(at, wanted);
            if (!at || at > end) fail_msg("%s: no field %u", table->name, table->fields[k].number);
            at += strlen(wanted);
        }
        at = strchr(at, '=');
        assert_true(!at || at > end); /* and no field more */
    }
}

/* Nothing that is stored and damaged is taken for another chain without a difference that can be seen. */
static void test_storage(void **state) {
    (void)state;
    assay_arena keep = keep_arena();
    world w;
    world_open(&w, &keep);
    world_advance(&w, &keep, (assay_time){2000, 0}, 3);
    assay_buf good = {ASSAY_NEW(&keep, uint8_t, 8192), 0, 8192};
    must(assay_bft_chain_encode(&good, &w.chain, scratch_arena()), "encode", 1);
    assay_bft_chain out;
    for (size_t len = 0; len < good.len; len++) {
        assay_arena memory = keep;
        assert_int_not_equal(assay_bft_chain_decode(&out, &memory, (assay_bytes){good.ptr, len}), ASSAY_OK);
    }
    for (size_t i = 0; i < good.len; i++) {
        assay_arena memory = keep;
        good.ptr[i] ^= 0x11;
        assay_err err = assay_bft_chain_decode(&out, &memory, (assay_bytes){good.ptr, good.len});
        if (err == ASSAY_OK) {
            assay_buf again = {ASSAY_NEW(&memory, uint8_t, 8192), 0, 8192};
            must(assay_bft_chain_encode(&again, &out, scratch_arena()), "encode", 1);
            expect_bytes(1, "chain", (assay_bytes){again.ptr, again.len}, (assay_bytes){good.ptr, good.len});
        }
        good.ptr[i] ^= 0x11;
    }
    good.ptr[1] = 2;
    assert_int_equal(assay_bft_chain_decode(&out, &keep, (assay_bytes){good.ptr, good.len}), ASSAY_E_FORMAT);
    assay_buf small = {good.ptr, 0, 100};
    assert_int_equal(assay_bft_chain_encode(&small, &w.chain, scratch_arena()), ASSAY_F_MEMORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comet_chains),       cmocka_unit_test(test_first_block),
        cmocka_unit_test(test_every_header_field), cmocka_unit_test(test_last_commit),
        cmocka_unit_test(test_time_grows),         cmocka_unit_test(test_genesis_errors),
        cmocka_unit_test(test_updates_that_cannot_be), cmocka_unit_test(test_storage),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
