/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of a validator that stand alone: packets and inbox, mempool, submissions. */
#include "../node_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static packet *packet_of(uint32_t n, size_t len) {
    uint8_t bytes[512] = {0};
    memcpy(bytes, &n, sizeof n);
    return packet_new((assay_bytes){bytes, len});
}

static assay_hash id_of(uint32_t n) { return assay_crypto_sha256_one((assay_bytes){(const uint8_t *)&n, sizeof n}); }

static void inbox_keeps_order_and_puts_consensus_first(void **state) {
    (void)state;
    inbox in;
    assert_int_equal(inbox_init(&in), ASSAY_OK);
    assert_false(inbox_push(&in, (delivery){DELIVERY_PEER, 0, packet_of(0, 8), NULL})); /* closed */
    inbox_open(&in, true);
    for (uint32_t i = 0; i < 100; i++)
        assert_true(inbox_push(&in, (delivery){i % 2 ? DELIVERY_PEER : DELIVERY_PEER_TXS, i, packet_of(i, 8), NULL}));
    delivery got[100];
    assert_int_equal(inbox_take(&in, got, 60, 0), 60);
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t expected = i < 50 ? 2 * i + 1 : 2 * (i - 50);
        assert_int_equal(got[i].from, expected);
        assert_int_equal(memcmp(got[i].packet->bytes, &expected, sizeof expected), 0);
        packet_drop(got[i].packet);
    }
    inbox_open(&in, false);
    assert_int_equal(inbox_take(&in, got, 100, ASSAY_OS_NO_DEADLINE), 40); /* what came before stays to be taken */
    for (uint32_t i = 0; i < 40; i++) packet_drop(got[i].packet);
    assert_int_equal(inbox_take(&in, got, 100, ASSAY_OS_NO_DEADLINE), 0);
    inbox_fini(&in);
}

static void inbox_is_bounded(void **state) {
    (void)state;
    inbox in;
    assert_int_equal(inbox_init(&in), ASSAY_OK);
    inbox_open(&in, true);
    packet *shared = packet_of(1, 100);
    for (uint32_t i = 0; i < INBOX_TXS_MAX; i++)
        assert_true(inbox_push(&in, (delivery){DELIVERY_PEER_TXS, 0, packet_hold(shared), NULL}));
    assert_false(inbox_push(&in, (delivery){DELIVERY_PEER_TXS, 0, packet_hold(shared), NULL}));
    assert_true(
        inbox_push(&in, (delivery){DELIVERY_PEER, 0, packet_hold(shared), NULL})); /* a flood delays only itself */
    assert_int_equal(in.dropped, 1);
    inbox_fini(&in);
    assert_int_equal(atomic_load(&shared->references), 1);
    packet_drop(shared);
}

/* One sender says as much as it may; another's word is heard in the next turn, and its packets find room. */
static void a_flood_delays_its_sender(void **state) {
    (void)state;
    static inbox in;
    assert_int_equal(inbox_init(&in), ASSAY_OK);
    inbox_open(&in, true);
    packet *shared = packet_of(1, 100);
    while (inbox_push(&in, (delivery){DELIVERY_PEER, 3, packet_hold(shared), NULL})) {}
    assert_true(in.urgent.of[3].count <= INBOX_URGENT_MAX);
    assert_true(inbox_push(&in, (delivery){DELIVERY_PEER, 7, packet_hold(shared), NULL}));
    delivery got[256];
    size_t count = inbox_take(&in, got, 256, 0);
    bool heard = false;
    for (size_t i = 0; i < count; i++) {
        heard = heard || got[i].from == 7;
        if (got[i].from == 7) assert_true(i <= 2);
        packet_drop(got[i].packet);
    }
    assert_true(heard);
    assert_true(count <= INBOX_TURN_URGENT + 1);
    inbox_clear(&in);
    inbox_fini(&in);
    /* And in bytes. */
    static uint8_t large[1 << 20];
    packet *big = packet_new((assay_bytes){large, sizeof large});
    assert_int_equal(inbox_init(&in), ASSAY_OK);
    inbox_open(&in, true);
    for (uint32_t i = 0; i < INBOX_BYTES_MAX / sizeof large; i++)
        assert_true(inbox_push(&in, (delivery){DELIVERY_PEER, 3, packet_hold(big), NULL}));
    assert_false(inbox_push(&in, (delivery){DELIVERY_PEER, 3, packet_hold(big), NULL}));
    count = inbox_take(&in, got, 256, 0);
    assert_int_equal(count, INBOX_TURN_BYTES / sizeof large);
    for (size_t i = 0; i < count; i++) packet_drop(got[i].packet);
    inbox_fini(&in);
    assert_int_equal(atomic_load(&big->references), 1);
    packet_drop(big);
    packet_drop(shared);
}

static void an_inbox_that_closes_tells_who_waits(void **state) {
    (void)state;
    inbox in;
    assert_int_equal(inbox_init(&in), ASSAY_OK);
    inbox_open(&in, true);
    submission *s = submission_new(true);
    assert_true(inbox_push(&in, (delivery){DELIVERY_LOCAL_TX, 0, packet_of(1, 8), s}));
    inbox_fini(&in);
    assert_true(submission_wait(s, 0));
    assert_int_equal(s->err, ASSAY_F_BUSY);
    submission_drop(s);
}

static void submission_times_out_and_is_told_later(void **state) {
    (void)state;
    submission *s = submission_new(true);
    assert_false(submission_wait(s, assay_os_monotonic_ns() + 1000000));
    uint32_t index = 7;
    submission_done(s, ASSAY_OK, 42, &index);
    assert_true(submission_wait(s, 0));
    assert_true(s->height == 42 && s->index == 7);
    submission_drop(s);
}

static assay_err add_of(mempool *pool, uint32_t n, size_t len, uint32_t sender, uint64_t nonce, uint64_t fee,
                        uint64_t account_nonce, uint64_t balance) {
    packet *p = packet_of(n, len);
    assay_ledger_admission admission = {.lane = ASSAY_LANE_PAID, .nonce = nonce, .fee = fee};
    memcpy(admission.sender.b, &sender, sizeof sender);
    assay_err err = mempool_add(pool, id_of(n), p, &admission, account_nonce, balance, 1);
    packet_drop(p);
    return err;
}

/* Each from a sender of its own. */
static assay_err add(mempool *pool, uint32_t n, size_t len, assay_lane lane, uint64_t nonce) {
    packet *p = packet_of(n, len);
    assay_ledger_admission admission = {.lane = lane, .nonce = nonce};
    memcpy(admission.sender.b, &n, sizeof n);
    assay_err err = mempool_add(pool, id_of(n), p, &admission, nonce, UINT64_MAX, 1);
    packet_drop(p);
    return err;
}

/* A transaction that no block can take yet would wait for ever, for nothing, and keep the chain from idling. */
static void mempool_takes_what_can_be_included(void **state) {
    (void)state;
    mempool pool = {0};
    assert_int_equal(add_of(&pool, 1, 8, 7, 6, 10, 5, 100), ASSAY_E_NONCE); /* ahead */
    assert_int_equal(add_of(&pool, 1, 8, 7, 4, 10, 5, 100), ASSAY_E_NONCE); /* behind */
    assert_int_equal(add_of(&pool, 1, 8, 7, 5, 10, 5, 100), ASSAY_OK);
    assert_int_equal(add_of(&pool, 2, 8, 7, 5, 10, 5, 100), ASSAY_E_NONCE); /* another with the same nonce */
    assert_int_equal(add_of(&pool, 2, 8, 7, 6, 90, 5, 100), ASSAY_OK);
    assert_int_equal(add_of(&pool, 3, 8, 7, 7, 1, 5, 100), ASSAY_E_FUNDS); /* all of them together */
    assert_int_equal(add_of(&pool, 3, 8, 8, 0, 1, 0, 1), ASSAY_OK);        /* somebody else */
    mempool_remove(&pool, id_of(1));
    assert_int_equal(add_of(&pool, 4, 8, 7, 7, 10, 6, 100), ASSAY_OK);
    mempool_remove(&pool, id_of(2));
    mempool_remove(&pool, id_of(4));
    assert_null(mempool_sender_of(&pool, (assay_address){{7}}));
    assert_int_equal(add_of(&pool, 5, 8, 7, 9, 10, 9, 100), ASSAY_OK); /* executed elsewhere meanwhile */
    for (uint32_t i = 1; i < MEMPOOL_SENDER_MAX; i++)
        assert_int_equal(add_of(&pool, 100 + i, 8, 7, 9 + i, 0, 9, 100), ASSAY_OK);
    assert_int_equal(add_of(&pool, 99, 8, 7, 9 + MEMPOOL_SENDER_MAX, 0, 9, 100), ASSAY_E_FULL);
    mempool_fini(&pool);
}

static void mempool_keeps_lanes_and_arrival(void **state) {
    (void)state;
    mempool pool = {0};
    static uint8_t memory[1 << 20];
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(add(&pool, i, 20, i % 3 == 2 ? ASSAY_LANE_EVIDENCE : ASSAY_LANE_PAID, i), ASSAY_OK);
    assert_int_equal(add(&pool, 5, 20, ASSAY_LANE_PAID, 5), ASSAY_E_DUPLICATE);
    for (uint32_t i = 0; i < 300; i += 2) mempool_remove(&pool, id_of(i));
    mempool_remove(&pool, id_of(0)); /* twice is nothing */
    assert_int_equal(pool.count, 150);
    assert_int_equal(pool.bytes, 150 * 20);
    assert_false(mempool_find(&pool, id_of(4)));
    assert_true(mempool_find(&pool, id_of(5)));
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_bytes *txs;
    uint32_t count, last = 0;
    assert_int_equal(mempool_list(&pool, &keep, &txs, &count, UINT64_MAX), ASSAY_OK);
    assert_int_equal(count, 150);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n;
        memcpy(&n, txs[i].ptr, sizeof n);
        assert_int_equal(n % 3 == 2, i < 50);
        if (i != 0 && i != 50) assert_true(n > last);
        last = n;
    }
    keep = assay_base_arena(memory, sizeof memory);
    assert_int_equal(mempool_list(&pool, &keep, &txs, &count, 100), ASSAY_OK);
    assert_int_equal(count, 5);
    mempool_fini(&pool);
}

static bool even_nonce(void *context, const mempool_entry *entry) {
    (void)context;
    return entry->admission.nonce % 2 == 0;
}

/* Against a plain array of what should be there. */
static void mempool_survives_random_use(void **state) {
    (void)state;
    enum { MANY = 3000 };
    static bool there[MANY];
    memset(there, 0, sizeof there);
    mempool pool = {0};
    uint64_t seed = 20261125;
    printf("seed %llu\n", (unsigned long long)seed);
    uint32_t count = 0;
    for (uint32_t step = 0; step < 60000; step++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint32_t n = (uint32_t)(seed >> 33) % MANY;
        if ((seed >> 20) % 3) {
            assert_int_equal(add(&pool, n, 16, ASSAY_LANE_PAID, n), there[n] ? ASSAY_E_DUPLICATE : ASSAY_OK);
            count += !there[n];
            there[n] = true;
        } else {
            mempool_remove(&pool, id_of(n));
            count -= there[n];
            there[n] = false;
        }
        if (step % 10000 == 9999) {
            mempool_sweep(&pool, even_nonce, NULL);
            for (uint32_t i = 1; i < MANY; i += 2) count -= there[i], there[i] = false;
        }
        assert_int_equal(pool.count, count);
    }
    for (uint32_t i = 0; i < MANY; i++) assert_int_equal(mempool_find(&pool, id_of(i)), there[i]);
    mempool_fini(&pool);
}

static void mempool_is_bounded(void **state) {
    (void)state;
    mempool pool = {0};
    for (uint32_t i = 0; i < MEMPOOL_TXS_MAX; i++) assert_int_equal(add(&pool, i, 8, ASSAY_LANE_PAID, i), ASSAY_OK);
    assert_int_equal(add(&pool, MEMPOOL_TXS_MAX, 8, ASSAY_LANE_PAID, 0), ASSAY_E_FULL);
    mempool_remove(&pool, id_of(0));
    assert_int_equal(add(&pool, MEMPOOL_TXS_MAX, 8, ASSAY_LANE_PAID, 0), ASSAY_OK);
    mempool_fini(&pool);
}

static void envelopes_round_trip(void **state) {
    (void)state;
    static uint8_t memory[65536];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_bytes txs[2] = {ASSAY_STR("one"), ASSAY_STR("two")};
    height_note note = {7};
    holding_note holding = {.root = id_of(1), .height = 9, .key = {{1}}, .signature = {{2}}};
    block_reply reply = {ASSAY_STR("block"), ASSAY_STR("commit")};
    envelope e = {ASSAY_STR("vote"), txs, 2, &note, &note, &reply, &holding}, back;
    assert_true(assay_codec_table_ok(&envelope_message));
    assert_true(assay_codec_table_ok(&tx_results_message));
    assay_bytes encoded;
    assert_int_equal(assay_codec_encode_new(&encoded, &keep, &envelope_message, &e, ASSAY_CODEC_STRICT), ASSAY_OK);
    assert_int_equal(assay_codec_decode(&back, &keep, &envelope_message, encoded, ASSAY_CODEC_STRICT), ASSAY_OK);
    assert_true(assay_base_bytes_eq(back.consensus, e.consensus) && back.txs_count == 2 &&
                assay_base_bytes_eq(back.txs[1], txs[1]));
    assert_true(back.status->height == 7 && back.want->height == 7 &&
                assay_base_hash_eq(back.holding->root, holding.root));
    assert_true(assay_base_bytes_eq(back.reply->commit, reply.commit));
}

/* Whatever a write leaves when it is cut short, the lock before it is there, across restarts. */
static void a_lock_is_never_written_over_the_newest(void **state) {
    (void)state;
    static uint8_t memory[1 << 20];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    struct assay_node node = {.temporary = true};
    const char *dir;
    assert_int_equal(assay_os_temp_dir(&dir, &keep, "assay-test-lock-", true), ASSAY_OK);
    for (uint32_t n = 1; n < 40; n++) {
        validator v = {.node = &node};
        assay_bytes bytes, kept;
        assay_arena turn = keep;
        assay_os_format(v.dir, sizeof v.dir, "%s", dir);
        assert_int_equal(lock_open(&v, &bytes, &turn), ASSAY_OK);
        assert_int_equal(bytes.len, n == 1 ? 0 : n + 6);
        for (size_t i = 0; i < bytes.len; i++) assert_int_equal(bytes.ptr[i], n - 1);
        uint8_t fresh[64];
        memset(fresh, (int)n, sizeof fresh);
        if (n % 3 == 0) { /* a write that does not come to its end */
            char path[600];
            uint32_t before = v.lock_turn;
            assert_int_equal(lock_keep(&v, (assay_bytes){fresh, 64}), ASSAY_OK);
            assert_int_not_equal(v.lock_turn, before);
            assay_os_format(path, sizeof path, "%s/consensus.lock%u", dir, v.lock_turn);
            assert_int_equal(assay_os_replace(path, (assay_bytes){fresh, n}, 0600), ASSAY_OK);
            assert_int_equal(lock_open(&v, &kept, &turn), ASSAY_OK);
            assert_true(assay_base_bytes_eq(kept, bytes));
        }
        assert_int_equal(lock_keep(&v, (assay_bytes){fresh, n + 7}), ASSAY_OK);
    }
    assert_int_equal(assay_os_remove_tree(dir), ASSAY_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inbox_keeps_order_and_puts_consensus_first),
        cmocka_unit_test(inbox_is_bounded),
        cmocka_unit_test(a_flood_delays_its_sender),
        cmocka_unit_test(an_inbox_that_closes_tells_who_waits),
        cmocka_unit_test(submission_times_out_and_is_told_later),
        cmocka_unit_test(mempool_keeps_lanes_and_arrival),
        cmocka_unit_test(mempool_survives_random_use),
        cmocka_unit_test(mempool_is_bounded),
        cmocka_unit_test(mempool_takes_what_can_be_included),
        cmocka_unit_test(envelopes_round_trip),
        cmocka_unit_test(a_lock_is_never_written_over_the_newest),
    };
    return cmocka_run_group_tests_name("node parts", tests, NULL, NULL);
}
