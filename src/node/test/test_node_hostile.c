/* SPDX-License-Identifier: Apache-2.0
 *
 * What a hostile review of the node found, each as a test. */
#include "devnet_internal.h"

/* count signed transfers of one unit, nonces from `first` on, as a body of /transactions/batch. */
static assay_bytes transfers(net *n, const char *key_file, uint64_t ahead, uint32_t count, assay_arena *keep) {
    assay_key_secret secret = key_of(n, key_file);
    uint64_t nonce = nonce_of(n, &secret) + ahead;
    assay_buf out = {ASSAY_NEW(keep, uint8_t, count * 400), 0, count * 400};
    assert_non_null(out.ptr);
    for (uint32_t i = 0; i < count; i++) {
        assay_arena turn = *keep;
        assay_msg_send send = {.to = {{7}}, .amount = 1};
        assay_tx_body body = {.format = 1,
                              .chain_id = assay_base_bytes_str(n->node->chain_id),
                              .nonce = nonce + i,
                              .fee = 10000,
                              .send = &send};
        assay_buf tx = {ASSAY_NEW(&turn, uint8_t, 4096), 0, 4096};
        assert_int_equal(assay_tx_sign(&tx, &body, &secret, turn), ASSAY_OK);
        assert_int_equal(assay_codec_put_varint(&out, tx.len), ASSAY_OK);
        assert_int_equal(assay_base_buf_put(&out, (assay_bytes){tx.ptr, tx.len}), ASSAY_OK);
    }
    return (assay_bytes){out.ptr, out.len};
}

static uint64_t admitted(net *n, assay_bytes body) {
    json_t *json = expect(n, ASSAY_HTTP_POST, "/transactions/batch", body, 202);
    uint64_t count = (uint64_t)json_integer_value(json_object_get(json, "admitted"));
    json_decref(json);
    return count;
}

static bool some_penalty(const json_t *json) { return json_array_size(json_object_get(json, "penalties")) >= 1; }

/* Evidence is chosen for a block while transactions are: neither may lie where the other does. */
static void evidence_beside_transactions(void **state) {
    (void)state;
    net n = {0};
    net_open(&n, 4, true);
    assay_arena keep = test_memory(&n);
    assay_key_secret secret = key_of(&n, "keys/account0.key");
    uint64_t before = nonce_of(&n, &secret);
    assay_bytes body[8];
    for (uint32_t i = 0; i < 8; i++) body[i] = transfers(&n, "keys/account0.key", i * 500, 500, &keep);
    fault(&n, "double-sign", 3);
    for (uint32_t i = 0; i < 8; i++) assert_int_equal(admitted(&n, body[i]), 500);
    json_decref(await_json(&n, "/penalties", some_penalty));
    for (int tries = 0; tries < 600 && nonce_of(&n, &secret) < before + 4000; tries++) assay_os_sleep_ns(20000000);
    assert_int_equal(nonce_of(&n, &secret), before + 4000);
    for (uint32_t i = 0; i < 4; i++) assert_int_equal(atomic_load(&n.node->validators[i].failed), ASSAY_OK);
    net_close(&n);
}

/* A validator that was away fetches the block that carries evidence, and transactions. */
static void evidence_in_a_fetched_block(void **state) {
    (void)state;
    net n = {0};
    net_open(&n, 4, true);
    assay_arena keep = test_memory(&n);
    fault(&n, "kill", 1);
    fault(&n, "double-sign", 3);
    assert_int_equal(admitted(&n, transfers(&n, "keys/account0.key", 0, 4, &keep)), 4);
    json_decref(await_json(&n, "/penalties", some_penalty));
    fault(&n, "revive", 1);
    uint64_t goal = atomic_load(&n.node->validators[0].height);
    for (int tries = 0; tries < 500 && atomic_load(&n.node->validators[1].height) < goal; tries++)
        assay_os_sleep_ns(20000000);
    assert_true(atomic_load(&n.node->validators[1].height) >= goal);
    json_t *json = get(&n, "/penalties?validator=1");
    assert_true(some_penalty(json));
    json_decref(json);
    net_close(&n);
}

/* Whoever has a little stake may validate. The set then grows beyond what the devnet began with, up to the chain's own
 * limit. */
static void a_set_that_grows(void **state) {
    (void)state;
    enum { MORE = 80 };
    net n = {0};
    net_open(&n, 1, true);
    assay_arena keep = test_memory(&n);
    assay_key_secret rich = key_of(&n, "keys/account0.key");
    uint64_t nonce = nonce_of(&n, &rich);
    assay_bytes chain = assay_base_bytes_str(n.node->chain_id);
    assay_buf out = {ASSAY_NEW(&keep, uint8_t, 1 << 19), 0, 1 << 19};
    assert_non_null(out.ptr);
    for (uint32_t step = 0; step < 2; step++)
        for (uint32_t i = 0; i < MORE; i++) {
            assay_arena turn = keep;
            assay_key_secret keys[3];
            for (uint32_t k = 0; k < 3; k++)
                memset(&keys[k], (int)(1 + i * 3 + k) & 0xff, sizeof keys[k]), keys[k].b[0] = (uint8_t)k;
            assay_address owner = address_of(&keys[0]);
            assay_msg_send send = {.to = owner, .amount = 10000000};
            assay_msg_validator_create create = {.consensus_key = assay_crypto_ed25519_public(&keys[1]),
                                                 .attestation_key = assay_crypto_ed25519_public(&keys[2]),
                                                 .self_bond = 2000000};
            assay_signature *proofs[2] = {&create.consensus_proof, &create.attestation_proof};
            for (uint32_t k = 0; k < 2; k++) {
                uint8_t memory[256];
                assay_buf sign = {memory, 0, sizeof memory};
                assert_int_equal(assay_types_sign_bytes(&sign, k ? "attestation-key" : "consensus-key", chain,
                                                        (assay_bytes){owner.b, sizeof owner.b}),
                                 ASSAY_OK);
                *proofs[k] = assay_crypto_ed25519_sign(&keys[1 + k], (assay_bytes){sign.ptr, sign.len});
            }
            assay_tx_body body = {.format = 1, .chain_id = chain, .nonce = step ? 0 : nonce + i, .fee = 100000};
            if (step)
                body.validator_create = &create;
            else
                body.send = &send;
            assay_buf tx = {ASSAY_NEW(&turn, uint8_t, 4096), 0, 4096};
            assert_int_equal(assay_tx_sign(&tx, &body, step ? &keys[0] : &rich, turn), ASSAY_OK);
            if (i == 0) out.len = 0;
            assert_int_equal(assay_codec_put_varint(&out, tx.len), ASSAY_OK);
            assert_int_equal(assay_base_buf_put(&out, (assay_bytes){tx.ptr, tx.len}), ASSAY_OK);
            if (i + 1 < MORE) continue;
            assert_int_equal(admitted(&n, (assay_bytes){out.ptr, out.len}), MORE);
            uint64_t goal = atomic_load(&n.node->validators[0].height) + 12;
            for (int tries = 0; tries < 1000 && atomic_load(&n.node->validators[0].height) < goal; tries++)
                assay_os_sleep_ns(20000000);
        }
    assert_int_equal(integer(&n, "/status", "validators"), 1 + MORE);
    uint64_t goal = atomic_load(&n.node->validators[0].height) + 3;
    for (int tries = 0; tries < 500 && atomic_load(&n.node->validators[0].height) < goal; tries++)
        assay_os_sleep_ns(20000000);
    assert_int_equal(atomic_load(&n.node->validators[0].failed), ASSAY_OK);
    assert_true(atomic_load(&n.node->validators[0].height) >= goal);
    net_close(&n);
}

/* One of four floods the others: votes with false signatures, heights that there are not, wants, words without sense.
 * The three go on. */
static void a_flood_of_one_validator(void **state) {
    (void)state;
    net n = {0};
    net_open(&n, 4, true);
    assay_arena keep = test_memory(&n);
    fault(&n, "kill", 2); /* whose place in the network the test takes */
    validator *front = &n.node->validators[0];
    assay_buf votes = {ASSAY_NEW(&keep, uint8_t, 1 << 18), 0, 1 << 18};
    assert_non_null(votes.ptr);
    uint64_t height = atomic_load(&front->height) + 1;
    for (uint32_t i = 0; i < 500; i++) {
        uint8_t memory[512];
        assay_buf one = {memory, 0, sizeof memory};
        assay_vote vote = {.type = ASSAY_PREVOTE,
                           .height = (int64_t)height + i % 3,
                           .block_id = {{{(uint8_t)i, 1}}, 1, {{2}}},
                           .timestamp = {1795348800, 0},
                           .validator = assay_crypto_address(n.node->validators[i % 4].consensus_key),
                           .validator_index = (int32_t)(i % 4),
                           .signature = {{(uint8_t)i, 1}}};
        assert_int_equal(assay_bft_encode_vote_message(&one, &vote), ASSAY_OK);
        assert_int_equal(assay_base_buf_put(&votes, (assay_bytes){one.ptr + (i ? 2 : 0), one.len - (i ? 2 : 0)}),
                         ASSAY_OK);
    }
    height_note high = {UINT64_MAX >> 1}, same = {height}, first = {1};
    envelope words[4] = {{.consensus = {votes.ptr, votes.len}},
                         {.status = &high},
                         {.want = &first, .status = &same},
                         {.consensus = ASSAY_STR("?")}};
    packet *packets[4];
    for (uint32_t i = 0; i < 4; i++) {
        assay_bytes encoded;
        assert_int_equal(assay_codec_encode_new(&encoded, &keep, &envelope_message, &words[i], ASSAY_CODEC_STRICT),
                         ASSAY_OK);
        packets[i] = packet_new(encoded);
        assert_non_null(packets[i]);
    }
    uint64_t before = atomic_load(&front->height), until = assay_os_monotonic_ns() + 4000000000ull, pushed = 0;
    while (assay_os_monotonic_ns() < until) {
        for (uint32_t to = 0; to < 4; to++)
            for (uint32_t i = 0; to != 2 && i < 200; i++)
                pushed += inbox_push(&n.node->validators[to].inbox,
                                     (delivery){DELIVERY_PEER, 2, packet_hold(packets[i % 4]), NULL});
        assay_os_sleep_ns(1000000);
    }
    uint64_t blocks = atomic_load(&front->height) - before;
    printf("    %llu words, %llu blocks\n", (unsigned long long)pushed, (unsigned long long)blocks);
    assert_true(blocks >= 1);
    for (uint32_t i = 0; i < 4; i++) {
        packet_drop(packets[i]);
        assert_int_equal(atomic_load(&n.node->validators[i].failed), ASSAY_OK);
    }
    fault(&n, "revive", 2);
    net_close(&n);
}

/* What stood in the way of a return is put right, and the validator returns: the attempt before left nothing open. */
static void a_return_that_failed_is_tried_again(void **state) {
    (void)state;
    net n = {0};
    net_open(&n, 4, true);
    assay_arena keep = test_memory(&n);
    char path[700];
    assay_bytes mark;
    assay_os_format(path, sizeof path, "%s/validator1/consensus.watermark", assay_node_look(n.node).data);
    fault(&n, "kill", 1);
    assert_int_equal(assay_os_read_whole(&mark, &keep, path, 4096), ASSAY_OK);
    assert_int_equal(assay_os_replace(path, ASSAY_STR("junk"), 0600), ASSAY_OK);
    for (uint32_t i = 0; i < 20; i++) {
        answer a = ask(&n, ASSAY_HTTP_POST, "/faults", ASSAY_STR("{\"kind\":\"revive\",\"validator\":1}"));
        assert_true(a.status >= 400);
    }
    assert_int_equal(assay_os_replace(path, mark, 0600), ASSAY_OK);
    fault(&n, "revive", 1);
    uint64_t goal = atomic_load(&n.node->validators[0].height) + 2;
    for (int tries = 0; tries < 500 && atomic_load(&n.node->validators[1].height) < goal; tries++)
        assay_os_sleep_ns(20000000);
    assert_true(atomic_load(&n.node->validators[1].height) >= goal);
    net_close(&n);
}

static bool four_opened(const json_t *version) {
    json_t *checks = json_object_get(version, "checks");
    size_t opened = 0;
    for (size_t i = 0; i < json_array_size(checks); i++)
        opened += strcmp(json_string_value(json_object_get(json_array_get(checks, i), "state")), "opened") == 0;
    return opened == 4;
}

/* Two of four said that they have the bytes, and lost them: who was away gets them from the one who has, and of whom it
 * heard nothing. */
static void announcements_that_are_lies(void **state) {
    (void)state;
    net n = {0};
    net_open(&n, 4, true);
    assay_arena upper = test_memory(&n), keep = assay_base_arena_split(&upper);
    small_model m;
    model_make(&m, 3, &keep);
    fault(&n, "kill", 1);
    model_register(&n, &m, "acme/lies", "1", NULL);
    model_upload(&n, &m);
    await_attested(&n, "acme/lies", "1");
    validator *v = &n.node->validators[1];
    assay_os_mutex_lock(&v->holders_lock);
    if (!v->holders) v->holders = calloc(HOLDERS_MAX, sizeof *v->holders);
    assert_non_null(v->holders);
    v->holders_count = 0;
    for (uint32_t from = 2; from < 4; from++) {
        char path[700];
        v->holders[v->holders_count++] = (holder){m.model.root, from};
        assay_os_format(path, sizeof path, "%s/models/%s/files", n.node->validators[from].dir, m.root);
        assert_int_equal(assay_os_remove_tree(path), ASSAY_OK);
    }
    assay_os_mutex_unlock(&v->holders_lock);
    fault(&n, "revive", 1);
    json_decref(await_json(&n, "/models/acme/lies/1", four_opened));
    model_drop(&m);
    net_close(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evidence_beside_transactions),
        cmocka_unit_test(evidence_in_a_fetched_block),
        cmocka_unit_test(a_set_that_grows),
        cmocka_unit_test(a_flood_of_one_validator),
        cmocka_unit_test(announcements_that_are_lies),
        cmocka_unit_test(a_return_that_failed_is_tried_again),
    };
    return cmocka_run_group_tests_name("node hostile", tests, NULL, NULL);
}
