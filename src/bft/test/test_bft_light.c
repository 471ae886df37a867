/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain of 50 blocks from genesis to its end: four validators, of which one leaves, one comes and powers change on
 * the way, while messages are lost. Everything is then checked again from what was stored, as somebody would who trusts
 * the genesis alone. With ASSAY_BFT_DUMP=DIR the light blocks are left there as H.bin, for CometBFT's light client
 * (test/peers/lightcheck reads them over HTTP). */
#include "network_internal.h"

static network net;

/* Node 4 joins, powers change, node 1 leaves and comes back. */
static uint32_t set_changes(int64_t height, assay_engine_power out[NODES_MAX]) {
    switch (height) {
    case 10: out[0] = (assay_engine_power){net.nodes[4].key, 25}; return 1;
    case 20:
        out[0] = (assay_engine_power){net.nodes[0].key, 31};
        out[1] = (assay_engine_power){net.nodes[2].key, 7};
        return 2;
    case 25: out[0] = (assay_engine_power){net.nodes[1].key, 0}; return 1;
    case 40:
        out[0] = (assay_engine_power){net.nodes[1].key, 12};
        out[1] = (assay_engine_power){net.nodes[4].key, 3};
        return 2;
    default: return 0;
    }
}

static void dump(int64_t height, assay_bytes light_block) {
    const char *dir = getenv("ASSAY_BFT_DUMP");
    if (!dir) return;
    char path[512];
    snprintf(path, sizeof path, "%s/%lld.bin", dir, (long long)height);
    FILE *f = fopen(path, "wb");
    if (!f) fail_msg("cannot write %s", path);
    assert_int_equal(fwrite(light_block.ptr, 1, light_block.len, f), light_block.len);
    assert_int_equal(fclose(f), 0);
}

/* One height from the store of a node: the chain leads to it, its commit to the chain. */
static void verify_height(node *n, assay_bft_chain *chain, int64_t height, assay_arena *keep) {
    const stored_block *stored = &n->blocks[height];
    static uint8_t scratch_memory[8 << 20];
    assay_arena scratch = assay_base_arena(scratch_memory, sizeof scratch_memory);
    assay_block block;
    assay_commit commit;
    uint64_t power;
    assay_bytes encoded = {stored->block, stored->block_len};
    expect_ok(&net, assay_block_decode(&block, keep, encoded, scratch), "block");
    expect_ok(&net, assay_commit_decode(&commit, keep, (assay_bytes){stored->commit, stored->commit_len}), "commit");
    assay_block_id id = {.hash = assay_header_hash(&block.header)};
    expect_ok(&net, assay_block_parts(&id.parts_total, &id.parts_hash, encoded, scratch), "parts");
    expect_ok(&net, assay_bft_block_check(chain, &block, scratch), "follows");
    expect_ok(&net, assay_commit_check(&power, &commit, &chain->validators, chain->chain_id, &id, height, scratch),
              "signed");
    assay_buf light = {ASSAY_NEW(keep, uint8_t, 16384), 0, 16384};
    assert_non_null(light.ptr);
    expect_ok(&net, assay_light_block_encode(&light, &block.header, &commit, &chain->validators), "light block");
    dump(height, (assay_bytes){light.ptr, light.len});

    n->chain = chain;
    assay_engine_finalized result = {0};
    app_finalize(n, &result, keep, &block);
    assay_bft_chain next;
    expect_ok(&net, assay_bft_chain_next(&next, keep, chain, &block, &id, &result, scratch), "next");
    *chain = next;
}

static void test_fifty_blocks_with_changing_sets(void **state) {
    (void)state;
    network_plan plan = {.seed = 50,
                         .nodes = 5,
                         .founders = 4,
                         .heights = 50,
                         .loss_percent = 3,
                         .delay_max = 20 * MILLISECOND,
                         .heal_at = 20 * SECOND,
                         .end_at = 600 * SECOND,
                         .updates = set_changes};
    network_open(&net, &plan);
    network_run(&net);

    static uint8_t memory[16 << 20];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_engine_power founders[4];
    for (uint32_t i = 0; i < 4; i++) founders[i] = (assay_engine_power){net.nodes[i].key, 10};
    assay_bft_chain chain;
    expect_ok(&net, assay_bft_chain_genesis(&chain, &keep, assay_base_bytes_str(network_chain),
                                            (assay_time){1795348800, 0}, 1, founders, 4, (assay_hash){{1}}),
              "genesis");
    uint32_t counts[51] = {0};
    for (int64_t height = 1; height <= 50; height++) {
        counts[height] = chain.validators.count;
        verify_height(&net.nodes[0], &chain, height, &keep);
    }
    /* A change in block h is in force at h + 2. */
    assert_int_equal(counts[11], 4);
    assert_int_equal(counts[12], 5);
    assert_int_equal(counts[26], 5);
    assert_int_equal(counts[27], 4);
    assert_int_equal(counts[42], 5);
    assert_int_equal(chain.validators.total_power, 31 + 12 + 7 + 10 + 3);
    /* Every node stored the same blocks, byte for byte. */
    for (uint32_t i = 1; i < plan.nodes; i++)
        for (int64_t height = 1; height <= 50; height++) {
            const stored_block *a = &net.nodes[0].blocks[height], *b = &net.nodes[i].blocks[height];
            assert_int_equal(a->block_len, b->block_len);
            assert_memory_equal(a->block, b->block, a->block_len);
        }
    network_close(&net);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fifty_blocks_with_changing_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
