/* SPDX-License-Identifier: Apache-2.0
 *
 * The corpora of fuzz_ledger_genesis, and of fuzz_ledger_tx: one transaction of each kind that succeeds on the fuzzer's
 * stage, and a few that fail as they should. If a rule or an encoding changes so that a seed no longer reaches its
 * handler, this says so, for the fuzzer would not.
 *
 * ASSAY_WRITE_SEEDS=1 writes them anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stage_internal.h"

static stage *here;

/* A seed's file holds these bytes; or does now, if asked to. */
static void on_disk(const char *name, assay_bytes bytes) {
    static uint8_t file[ASSAY_TX_LEN_MAX + 512];
    char path[512];
    snprintf(path, sizeof path, "%s/fuzz/corpus/%s", ASSAY_SOURCE_DIR, name);
    if (getenv("ASSAY_WRITE_SEEDS")) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
        fclose(f);
    }
    FILE *f = fopen(path, "rb");
    if (!f) print_error("%s is not there\n", path);
    assert_non_null(f);
    assert_int_equal(fread(file, 1, sizeof file, f), bytes.len);
    assert_memory_equal(file, bytes.ptr, bytes.len);
    fclose(f);
}

/* A seed: its file's name, who signs (an index into stage.signers; UINT32_MAX: really signed by accounts[0]), its code.
 * */
static void seed(const char *name, uint32_t who, assay_tx_body body, assay_err expected) {
    static uint8_t bytes[ASSAY_TX_LEN_MAX + 512];
    chain *c = here->c;
    bool raw = who == UINT32_MAX;
    const signer *signed_by = raw ? &c->accounts[0] : &here->signers[who];
    assay_buf out = {bytes, 1, sizeof bytes};
    bytes[0] = raw ? 0 : (uint8_t)(who + STAGE_SIGNERS);
    assay_bytes tx = chain_sign(c, signed_by, body);
    if (raw) {
        assert_int_equal(assay_base_buf_put(&out, tx), ASSAY_OK);
    } else {
        assay_tx decoded;
        assay_arena none = {0};
        assert_int_equal(assay_codec_decode(&decoded, &none, &assay_tx_message, tx, ASSAY_CODEC_STRICT), ASSAY_OK);
        assert_int_equal(assay_base_buf_put(&out, decoded.body), ASSAY_OK);
    }
    memory_drop(tx);
    uint32_t code = stage_run(here, out.ptr, out.len);
    if (code != expected) print_error("%s: %u\n", name, code);
    assert_int_equal(code, expected);

    char file[128];
    snprintf(file, sizeof file, "fuzz_ledger_tx/%s", name);
    on_disk(file, (assay_bytes){out.ptr, out.len});
}

static void test_publishers(void **state) {
    (void)state;
    chain *c = here->c;
    work w;
    work_make(&w, "acme/ocr", "3", 3);
    assay_version_ref parents[] = {{ASSAY_STR("acme/ocr"), ASSAY_STR("1")}, {ASSAY_STR("acme/ocr"), ASSAY_STR("2")}};
    assay_msg_register m = work_register(&w);
    m.parents = parents;
    m.parents_count = 2;
    seed("register", 0, (assay_tx_body){.register_version = &m}, ASSAY_OK);
    seed("register-signed", UINT32_MAX, (assay_tx_body){.register_version = &m}, ASSAY_OK);
    seed("register-stranger", 1, (assay_tx_body){.register_version = &m}, ASSAY_E_UNAUTHORIZED);
    assay_msg_status s = {ASSAY_STR("acme/ocr"), ASSAY_STR("1"), ASSAY_STR("old")};
    seed("deprecate", 0, (assay_tx_body){.deprecate = &s}, ASSAY_OK);
    seed("revoke", 0, (assay_tx_body){.revoke = &s}, ASSAY_OK);
    s.version = ASSAY_STR("2");
    seed("revoke-recorded", 0, (assay_tx_body){.revoke = &s}, ASSAY_OK);
    uint8_t list[2][ASSAY_ADDRESS_LEN];
    memcpy(list[0], c->accounts[1].address.b, sizeof list[0]);
    memcpy(list[1], c->accounts[0].address.b, sizeof list[1]);
    assay_msg_maintainers maintainers = {ASSAY_STR("acme/ocr"), list, 2};
    seed("maintainers", 0, (assay_tx_body){.maintainers = &maintainers}, ASSAY_OK);
}

static void test_validators(void **state) {
    (void)state;
    chain *c = here->c;
    custody mine;
    static work_opening opening;
    work_custody(&here->open, &mine, c->attestation[3].key, work_record(c, &here->open).recorded_block);
    assay_msg_check check = {ASSAY_STR("acme/ocr"), ASSAY_STR("2"), here->open.root, mine.root};
    seed("check", 6, (assay_tx_body){.check = &check}, ASSAY_OK);
    work_open(c, &here->open, 0, &opening);
    seed("opening", 4, (assay_tx_body){.opening = &opening.message}, ASSAY_OK);
    work_open(c, &here->open, 1, &opening);
    seed("opening-false", 5, (assay_tx_body){.opening = &opening.message}, ASSAY_OK);
    assay_msg_report report = {ASSAY_STR("acme/ocr"), ASSAY_STR("2"), c->accounts[3].address, ASSAY_STR("config.json")};
    seed("report", 2, (assay_tx_body){.report = &report}, ASSAY_OK);
}

static assay_bytes vote(chain *c, uint8_t memory[ASSAY_VOTE_LEN_MAX], uint8_t mark) {
    assay_vote v = {.type = ASSAY_PREVOTE,
                    .height = 9,
                    .block_id = {.parts_total = 1},
                    .timestamp = {CHAIN_TIME, 0},
                    .validator = c->consensus[2].address};
    memset(v.block_id.hash.b, mark, sizeof v.block_id.hash.b);
    memset(v.block_id.parts_hash.b, mark, sizeof v.block_id.parts_hash.b);
    uint8_t text[512];
    assay_buf sign = {text, 0, sizeof text}, out = {memory, 0, ASSAY_VOTE_LEN_MAX};
    assert_int_equal(assay_vote_sign_bytes(&sign, &v, assay_base_bytes_str(c->chain_id)), ASSAY_OK);
    v.signature = assay_crypto_ed25519_sign(&c->consensus[2].secret, (assay_bytes){sign.ptr, sign.len});
    assert_int_equal(assay_vote_encode(&out, &v), ASSAY_OK);
    return (assay_bytes){out.ptr, out.len};
}

static void test_money(void **state) {
    (void)state;
    chain *c = here->c;
    assay_msg_send send = {c->accounts[1].address, 12345, ASSAY_STR("thanks")};
    seed("send", 0, (assay_tx_body){.send = &send}, ASSAY_OK);
    seed("send-signed", UINT32_MAX, (assay_tx_body){.send = &send}, ASSAY_OK);
    seed("send-poor", 7, (assay_tx_body){.send = &send}, ASSAY_E_FUNDS);
    assay_msg_delegate delegate = {c->owners[1].address, 1000000};
    seed("delegate", 0, (assay_tx_body){.delegate = &delegate}, ASSAY_OK);
    seed("bond", 2, (assay_tx_body){.delegate = &(assay_msg_delegate){c->owners[0].address, 5}}, ASSAY_OK);
    assay_msg_undelegate undelegate = {c->owners[2].address, 1000000};
    seed("undelegate", 1, (assay_tx_body){.undelegate = &undelegate}, ASSAY_OK);
    assay_msg_unjail unjail = {c->owners[0].address};
    seed("unjail", 2, (assay_tx_body){.unjail = &unjail}, ASSAY_E_STATE); /* it is not jailed */
    signer consensus = signer_of("new consensus", 0), attestation = signer_of("new attestation", 0);
    assay_bytes chain_id = assay_base_bytes_str(c->chain_id);
    assay_msg_validator_create create = {
        .consensus_key = consensus.key,
        .attestation_key = attestation.key,
        .consensus_proof = chain_proof(&consensus, "consensus-key", chain_id, c->accounts[0].address),
        .attestation_proof = chain_proof(&attestation, "attestation-key", chain_id, c->accounts[0].address),
        .self_bond = 2000000,
        .moniker = ASSAY_STR("new"),
    };
    seed("validator-create", 0, (assay_tx_body){.validator_create = &create}, ASSAY_OK);
    uint8_t memory[2][ASSAY_VOTE_LEN_MAX];
    assay_msg_evidence evidence = {vote(c, memory[0], 1), vote(c, memory[1], 2)};
    seed("evidence", 7, (assay_tx_body){.evidence = &evidence}, ASSAY_OK);
}

static void test_genesis(void **state) {
    (void)state;
    on_disk("fuzz_ledger_genesis/four", here->c->genesis);
    assay_params params = chain_params();
    chain *c = chain_new_with(1, &params, true);
    on_disk("fuzz_ledger_genesis/one", c->genesis);
    chain_free(c);
}

static int begin(void **state) {
    (void)state;
    here = stage_new();
    return 0;
}
static int end(void **state) {
    (void)state;
    stage_free(here);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_publishers),
        cmocka_unit_test(test_validators),
        cmocka_unit_test(test_money),
        cmocka_unit_test(test_genesis),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
