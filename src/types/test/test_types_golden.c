/* SPDX-License-Identifier: Apache-2.0
 *
 * What is ours, byte by byte against a second implementation of spec/types.md (golden.py beside this file, which uses
 * none of our code), and each form check's refusals. */
#include "vectors_internal.h"

static json_t *golden(void) {
    json_error_t error;
    json_t *root = json_load_file(ASSAY_SOURCE_DIR "/src/types/test/golden.json", 0, &error);
    if (!root) fail_msg("golden.json: %s", error.text);
    return root;
}

/* len bytes that follow from a label, as golden.py makes them. */
static void fill(uint8_t *out, size_t len, const char *label) {
    for (uint32_t i = 0; i * 32 < len; i++) {
        const uint8_t number[4] = {(uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        const assay_bytes pieces[] = {assay_base_bytes_str(label), {number, 4}};
        assay_hash block = assay_crypto_sha256(pieces, 2);
        memcpy(out + i * 32, block.b, len - i * 32 < 32 ? len - i * 32 : 32);
    }
}

#define FILL(target, label) fill((target).b, sizeof(target).b, (label))

static assay_bytes fill_new(size_t len, const char *label, assay_arena *keep) {
    uint8_t *out = ASSAY_NEW(keep, uint8_t, len + 1);
    assert_non_null(out);
    fill(out, len, label);
    return (assay_bytes){out, len};
}

static const char *const chain_text = "golden-0123456789ab";

/* ---- transactions -------------------------------------------------------------------------------------------- */

typedef struct all_messages {
    assay_msg_send send;
    assay_msg_validator_create create;
    assay_msg_delegate delegate;
    assay_msg_undelegate undelegate;
    assay_msg_unjail unjail;
    assay_version_ref parents[2];
    assay_msg_register register_version;
    assay_msg_status deprecate, revoke;
    uint8_t list[2][ASSAY_ADDRESS_LEN];
    assay_msg_maintainers maintainers;
    assay_msg_check check;
    uint8_t file_path[2][32], plain_path[3][32], keyed_path[1][32];
    assay_opening_entry entries[2];
    assay_msg_opening opening;
    assay_msg_report report;
    assay_msg_evidence evidence;
} all_messages;

static void make_opening(all_messages *m, assay_arena *keep) {
    for (int k = 0; k < 3; k++) {
        char label[8];
        snprintf(label, sizeof label, "fp%d", k);
        if (k < 2) fill(m->file_path[k], 32, label);
        label[0] = 'p';
        fill(m->plain_path[k], 32, label);
    }
    fill(m->keyed_path[0], 32, "kp0");
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t idx = i == 0 ? 0 : 3;
        assay_opening_entry *entry = &m->entries[i];
        *entry = (assay_opening_entry){.chunk = 9,
                                       .content = fill_new(1024, "content", keep),
                                       .file_idx = idx,
                                       .file = {.path = ASSAY_STR("a/b.bin"), .size = 3000 + idx, .chunks_before = 7},
                                       .file_path = m->file_path,
                                       .file_path_count = 2,
                                       .plain_path = m->plain_path,
                                       .plain_path_count = idx,
                                       .keyed_path = m->keyed_path,
                                       .keyed_path_count = 1};
        FILL(entry->file.sha256, "sha");
        FILL(entry->file.blake3, "b3");
    }
    m->opening = (assay_msg_opening){ASSAY_STR("acme/ocr"), ASSAY_STR("1.0"), m->entries, 2};
}

static void make_messages(all_messages *m, assay_arena *keep) {
    const assay_bytes name = ASSAY_STR("acme/ocr"), version = ASSAY_STR("1.0");
    assay_address address;
    assay_hash root;
    FILL(address, "address");
    FILL(root, "root");
    m->send = (assay_msg_send){address, UINT64_MAX, ASSAY_STR("thanks")};
    m->create = (assay_msg_validator_create){.self_bond = 1000000, .moniker = ASSAY_STR("Lena")};
    FILL(m->create.consensus_key, "ck");
    FILL(m->create.attestation_key, "ak");
    FILL(m->create.consensus_proof, "cp");
    FILL(m->create.attestation_proof, "ap");
    m->delegate = (assay_msg_delegate){address, 1};
    m->undelegate = (assay_msg_undelegate){address, 127};
    m->unjail = (assay_msg_unjail){address};
    m->parents[0] = (assay_version_ref){name, ASSAY_STR("0.9")};
    m->parents[1] = (assay_version_ref){ASSAY_STR("x/y"), ASSAY_STR("2")};
    m->register_version = (assay_msg_register){.name = name,
                                               .version = version,
                                               .parents = m->parents,
                                               .parents_count = 2,
                                               .root = root,
                                               .size = 90868376,
                                               .files = 12,
                                               .chunks = 88746,
                                               .tensor_rules = 1,
                                               .tensors = 103,
                                               .source = ASSAY_STR("somewhere")};
    FILL(m->register_version.tensor_root, "tr");
    FILL(m->register_version.model_signing, "ms");
    FILL(m->register_version.statement_signature, "ss");
    m->deprecate = (assay_msg_status){name, version, ASSAY_STR("old")};
    m->revoke = (assay_msg_status){name, version, {0}};
    fill(m->list[0], ASSAY_ADDRESS_LEN, "m0");
    fill(m->list[1], ASSAY_ADDRESS_LEN, "m1");
    m->maintainers = (assay_msg_maintainers){name, m->list, 2};
    m->check = (assay_msg_check){.name = name, .version = version, .root = root};
    FILL(m->check.custody_root, "custody");
    make_opening(m, keep);
    m->report = (assay_msg_report){name, version, address, ASSAY_STR("a/b.bin")};
    m->evidence = (assay_msg_evidence){ASSAY_STR("vote a"), ASSAY_STR("vote b")};
}

enum { KINDS = 13 };

/* The body of kind i, in golden.py's order. */
static assay_tx_body body_of(all_messages *m, uint32_t i) {
    assay_tx_body body = {.format = 1,
                          .chain_id = assay_base_bytes_str(chain_text),
                          .nonce = i,
                          .fee = 1000 * i,
                          .expiry_height = i % 2 ? 300 : 0};
    switch (i) {
    case 0: body.send = &m->send; break;
    case 1: body.validator_create = &m->create; break;
    case 2: body.delegate = &m->delegate; break;
    case 3: body.undelegate = &m->undelegate; break;
    case 4: body.unjail = &m->unjail; break;
    case 5: body.register_version = &m->register_version; break;
    case 6: body.deprecate = &m->deprecate; break;
    case 7: body.revoke = &m->revoke; break;
    case 8: body.maintainers = &m->maintainers; break;
    case 9: body.check = &m->check; break;
    case 10: body.opening = &m->opening; break;
    case 11: body.report = &m->report; break;
    default: body.evidence = &m->evidence; break;
    }
    return body;
}

static void test_transactions(void **state) {
    (void)state;
    json_t *root = golden();
    assert_int_equal(count_of(root, "transactions"), KINDS);
    assay_key_secret secret;
    fill(secret.b, sizeof secret.b, "seed");
    for (uint32_t i = 0; i < KINDS; i++) {
        assay_arena keep = vectors_arena();
        const json_t *row = item_of(root, "transactions", i);
        const char *kind = text_of(row, "kind");
        all_messages messages;
        make_messages(&messages, &keep);
        assay_tx_body body = body_of(&messages, i), decoded_body;
        assert_string_equal(assay_tx_kind(&body), kind);

        assay_bytes wanted = bytes_of(row, "tx", &keep);
        assay_buf out = buf_new(&keep, wanted.len);
        expect_ok(kind, "sign", assay_tx_sign(&out, &body, &secret, keep));
        expect_bytes(kind, "transaction", buf_bytes(&out), wanted);
        expect_hash(kind, "id", assay_tx_id(buf_bytes(&out)), hash_of(row, "id"));
        out.len = 0;
        out.cap--;
        expect_err(kind, assay_tx_sign(&out, &body, &secret, keep), ASSAY_F_MEMORY);
        assert_int_equal(out.len, 0);

        assay_tx tx;
        expect_ok(kind, "decode", assay_tx_decode(&tx, &decoded_body, &keep, wanted));
        assert_string_equal(assay_tx_kind(&decoded_body), kind);
        assert_true(assay_tx_verify(&tx, assay_base_bytes_str(chain_text), keep));
        assert_false(assay_tx_verify(&tx, ASSAY_STR("golden-0123456789ac"), keep));
        assay_bytes again;
        expect_ok(kind, "encode",
                  assay_codec_encode_new(&again, &keep, &assay_tx_body_message, &decoded_body, ASSAY_CODEC_STRICT));
        expect_bytes(kind, "decoded body", again, tx.body);
    }
    json_decref(root);
}

/* In a batch each gets the verdict that it gets alone, wherever it stands and however little room there is; what was
 * true before is not asked about. */
static void test_many_signatures(void **state) {
    (void)state;
    enum { MANY = 1100 }; /* more than one batch holds */
    static const uint8_t seed[32] = {7};
    static bool valid[MANY], wanted[MANY];
    static assay_bytes txs[MANY];
    json_t *root = golden();
    assay_arena keep = vectors_arena();
    assay_bytes good[KINDS], bad;
    for (uint32_t i = 0; i < KINDS; i++) good[i] = bytes_of(item_of(root, "transactions", i), "tx", &keep);
    expect_ok("copy", "bad", assay_base_arena_copy(&bad, &keep, good[0]));
    ((uint8_t *)(uintptr_t)bad.ptr)[bad.len - 1] ^= 1; /* the signature's last byte */
    assay_bytes chain = assay_base_bytes_str(chain_text);
    const size_t rooms[] = {(size_t)8 << 20, 640 * 1024};
    for (size_t r = 0; r < 2; r++) {
        for (uint32_t lie = 0; lie < 3; lie++) { /* none, one, several */
            for (uint32_t i = 0; i < MANY; i++) {
                bool false_one = (lie == 1 && i == 517) || (lie == 2 && i % 97 == 3);
                bool no_form = i % 211 == 5, trusted = i % 300 == 8;
                txs[i] = trusted ? bad : no_form ? ASSAY_STR("\x0a\x7f") : false_one ? bad : good[i % KINDS];
                valid[i] = trusted;
                wanted[i] = trusted || (!no_form && !false_one);
            }
            assay_arena room = assay_base_arena(keep.at, rooms[r]);
            expect_ok("batch", "verify", assay_tx_verify_batch(valid, txs, MANY, chain, seed, room));
            for (uint32_t i = 0; i < MANY; i++) assert_int_equal(valid[i], wanted[i]);
        }
    }
    memset(valid, 0, sizeof valid);
    expect_ok("other chain", "verify",
              assay_tx_verify_batch(valid, good, KINDS, ASSAY_STR("golden-0123456789ac"), seed, keep));
    for (uint32_t i = 0; i < KINDS; i++) assert_false(valid[i]);
    expect_ok("none", "verify", assay_tx_verify_batch(valid, NULL, 0, chain, seed, assay_base_arena(NULL, 0)));
    expect_err("no room", assay_tx_verify_batch(valid, good, KINDS, chain, seed, assay_base_arena(keep.at, 64)),
               ASSAY_F_MEMORY);
    json_decref(root);
}

/* Every flipped bit of a transaction is refused: as an encoding, or by the signature. */
static void test_flipped_bits(void **state) {
    (void)state;
    json_t *root = golden();
    for (uint32_t i = 0; i < KINDS; i++) {
        assay_arena keep = vectors_arena();
        assay_bytes wanted = bytes_of(item_of(root, "transactions", i), "tx", &keep);
        uint8_t *flipped = ASSAY_NEW(&keep, uint8_t, wanted.len);
        for (size_t at = 0; at<wanted.len; at += wanted.len> 1000 ? 61 : 1) {
            memcpy(flipped, wanted.ptr, wanted.len);
            flipped[at] ^= (uint8_t)(1u << at % 8);
            assay_arena here = keep;
            assay_tx tx;
            assay_tx_body body;
            assay_err err = assay_tx_decode(&tx, &body, &here, (assay_bytes){flipped, wanted.len});
            if (err == ASSAY_OK)
                assert_false(assay_tx_verify(&tx, assay_base_bytes_str(chain_text), here));
            else
                assert_false(assay_base_err_is_fault(err));
        }
    }
    json_decref(root);
}

static void test_refused_transactions(void **state) {
    (void)state;
    assay_arena keep = vectors_arena();
    all_messages messages;
    make_messages(&messages, &keep);
    assay_key_secret secret = {{1}};
    assay_buf out = buf_new(&keep, ASSAY_TX_LEN_MAX + 1);
    assay_tx_body none = {.format = 1}, two = body_of(&messages, 0), newer = body_of(&messages, 0), decoded;
    two.unjail = &messages.unjail;
    newer.format = 2;
    expect_err("no message", assay_tx_sign(&out, &none, &secret, keep), ASSAY_E_RANGE);
    expect_err("two messages", assay_tx_sign(&out, &two, &secret, keep), ASSAY_E_RANGE);
    expect_err("format 2", assay_tx_sign(&out, &newer, &secret, keep), ASSAY_E_RANGE);
    assert_string_equal(assay_tx_kind(&none), "none");

    /* The same, made by somebody who does not ask assay_tx_sign. A newer format is told before the rest is read. */
    struct {
        const char *what;
        assay_bytes body;
        assay_err wanted;
    } cases[] = {{"no message", {0}, ASSAY_E_ENCODING},
                 {"two messages", {0}, ASSAY_E_ENCODING},
                 {"format 2", {0}, ASSAY_E_FORMAT},
                 {"format 2, and what only it knows", {(const uint8_t *)"\x08\x02\xff\xff\xff", 5}, ASSAY_E_FORMAT},
                 {"format 0", {(const uint8_t *)"\x08\x00", 2}, ASSAY_E_ENCODING},
                 {"no format", {(const uint8_t *)"\x18\x01", 2}, ASSAY_E_ENCODING},
                 {"padded format", {(const uint8_t *)"\x08\x81\x00", 3}, ASSAY_E_ENCODING},
                 {"empty", {(const uint8_t *)"", 0}, ASSAY_E_ENCODING}};
    const assay_tx_body *bodies[3] = {&none, &two, &newer};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_tx tx = {.body = cases[i].body};
        if (i < 3)
            expect_ok(cases[i].what, "encode",
                      assay_codec_encode_new(&tx.body, &keep, &assay_tx_body_message, bodies[i], ASSAY_CODEC_STRICT));
        assay_bytes encoded;
        expect_ok(cases[i].what, "encode",
                  assay_codec_encode_new(&encoded, &keep, &assay_tx_message, &tx, ASSAY_CODEC_STRICT));
        expect_err(cases[i].what, assay_tx_decode(&tx, &decoded, &keep, encoded), cases[i].wanted);
    }
    out.len = out.cap;
    assay_tx tx;
    expect_err("too large", assay_tx_decode(&tx, &decoded, &keep, buf_bytes(&out)), ASSAY_E_SIZE);
    static uint8_t memory[64];
    json_t *root = golden();
    assay_bytes opening = bytes_of(item_of(root, "transactions", 10), "tx", &keep);
    assay_arena small = assay_base_arena(memory, sizeof memory);
    expect_err("memory", assay_tx_decode(&tx, &decoded, &small, opening), ASSAY_F_MEMORY);
    json_decref(root);
}

/* ---- manifests ----------------------------------------------------------------------------------------------- */

static const char *const golden_paths[] = {"a", "b/c", "b/d", "b.x/c", "\xc3\xa9/\xe4\xb8\x96", "\xf0\x9f\x98\x80"};
static const size_t golden_sizes[] = {0, 1, 1023, 1024, 1025, (1 << 20) + 7};
enum { FILES = 6 };

static assay_manifest make_manifest(assay_bytes contents[FILES], assay_arena *keep) {
    assay_manifest m = {.format = 1, .files_count = FILES, .tensor_rules = 1, .tensors_count = 3};
    m.files = ASSAY_NEW(keep, assay_file_leaf, FILES);
    m.tensors = ASSAY_NEW(keep, assay_tensor_leaf, 3);
    uint64_t before = 0;
    for (uint32_t i = 0; i < FILES; i++) {
        char label[16];
        snprintf(label, sizeof label, "file%u", i);
        contents[i] = fill_new(golden_sizes[i], label, keep);
        m.files[i] = (assay_file_leaf){.path = assay_base_bytes_str(golden_paths[i]),
                                       .size = golden_sizes[i],
                                       .sha256 = assay_crypto_sha256_one(contents[i]),
                                       .blake3 = assay_crypto_blake3(NULL, contents[i]),
                                       .chunks_before = before};
        before += assay_file_chunks(golden_sizes[i]);
    }
    uint64_t *shapes = ASSAY_NEW(keep, uint64_t, 4);
    shapes[0] = shapes[1] = 16;
    shapes[3] = 300;
    m.tensors[0] = (assay_tensor_leaf){4,
                                       ASSAY_STR("t"),
                                       ASSAY_STR("F32"),
                                       shapes,
                                       2,
                                       1,
                                       1024,
                                       assay_crypto_blake3(NULL, (assay_bytes){contents[4].ptr + 1, 1024})};
    m.tensors[1] = (assay_tensor_leaf){
        5, ASSAY_STR("empty"), ASSAY_STR("BF16"), shapes + 2, 2, 8, 0, assay_crypto_blake3(NULL, (assay_bytes){0})};
    m.tensors[2] = (assay_tensor_leaf){5,
                                       ASSAY_STR("scalar"),
                                       ASSAY_STR("I64"),
                                       NULL,
                                       0,
                                       8,
                                       8,
                                       assay_crypto_blake3(NULL, (assay_bytes){contents[5].ptr + 8, 8})};
    return m;
}

static void test_manifest(void **state) {
    (void)state;
    json_t *root = golden(), *row = field(root, "manifest");
    assay_arena keep = vectors_arena();
    assay_bytes contents[FILES], encoded;
    assay_manifest m = make_manifest(contents, &keep);
    expect_ok("manifest", "check", assay_manifest_check(&m));
    expect_ok("manifest", "encode",
              assay_codec_encode_new(&encoded, &keep, &assay_manifest_message, &m, ASSAY_CODEC_STRICT));
    expect_bytes("manifest", "bytes", encoded, bytes_of(row, "manifest", &keep));
    assay_hash hash;
    expect_ok("manifest", "root", assay_manifest_root(&hash, &m, keep));
    expect_hash("manifest", "root", hash, hash_of(row, "root"));
    expect_ok("manifest", "tensor root", assay_manifest_tensor_root(&hash, &m, keep));
    expect_hash("manifest", "tensor root", hash, hash_of(row, "tensor_root"));
    uint64_t size, chunks;
    expect_ok("manifest", "totals", assay_manifest_totals(&size, &chunks, &m));
    assert_int_equal(size, number_of(row, "size"));
    assert_int_equal(chunks, number_of(row, "chunks"));
    /* The stated scratch is enough. */
    uint8_t *scratch = ASSAY_NEW(&keep, uint8_t, 4096);
    expect_ok("manifest", "root", assay_manifest_root(&hash, &m, assay_base_arena(scratch, 4096)));
    expect_err("memory", assay_manifest_root(&hash, &m, assay_base_arena(scratch, 16)), ASSAY_F_MEMORY);

    assay_public_key key;
    assay_hash block;
    FILL(key, "ak");
    FILL(block, "block");
    assay_hash custody = assay_custody_key(key, block), keyed[FILES];
    expect_hash("custody", "key", custody, hash_of(row, "custody_key"));
    for (uint32_t i = 0; i < FILES; i++) keyed[i] = assay_crypto_blake3(&custody, contents[i]);
    expect_hash("custody", "root", assay_custody_root(keyed, FILES), hash_of(row, "custody_root"));
    json_decref(root);
}

static void test_refused_manifests(void **state) {
    (void)state;
    struct {
        const char *what;
        assay_err wanted;
    } cases[] = {
        {"as it is", ASSAY_OK},
        {"format", ASSAY_E_FORMAT},
        {"no file", ASSAY_E_EMPTY},
        {"two paths change places", ASSAY_E_ENCODING},
        {"the same path twice", ASSAY_E_ENCODING},
        {"a path that goes up", ASSAY_E_NAME},
        {"a file that is a folder", ASSAY_E_NAME},
        {"chunks_before", ASSAY_E_RANGE},
        {"sizes that do not fit", ASSAY_E_OVERFLOW},
        {"file_idx", ASSAY_E_RANGE},
        {"a tensor beyond its file", ASSAY_E_RANGE},
        {"an offset beyond its file", ASSAY_E_RANGE},
        {"tensors change places", ASSAY_E_ENCODING},
        {"two tensors alike", ASSAY_E_ENCODING},
        {"dimensions", ASSAY_E_RANGE},
        {"too many files", ASSAY_E_RANGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_arena keep = vectors_arena();
        assay_bytes contents[FILES];
        assay_manifest m = make_manifest(contents, &keep);
        assay_file_leaf file = m.files[1];
        assay_tensor_leaf tensor = m.tensors[1];
        if (i == 1) m.format = 2;
        if (i == 2) m.files_count = 0;
        if (i == 3) m.files[1].path = m.files[2].path, m.files[2].path = file.path;
        if (i == 4) m.files[2].path = m.files[1].path;
        if (i == 5) m.files[1].path = ASSAY_STR("b/../c");
        if (i == 6) m.files[1].path = ASSAY_STR("a/c");
        if (i == 7) m.files[3].chunks_before++;
        if (i == 8)
            m.files[4].size = m.files[5].size = UINT64_MAX, m.files[5].chunks_before = 4 + UINT64_MAX / 1024 + 1;
        if (i == 9) m.tensors[2].file_idx = FILES;
        if (i == 10) m.tensors[0].length++;
        if (i == 11) m.tensors[2].offset = UINT64_MAX;
        if (i == 12) m.tensors[1] = m.tensors[2], m.tensors[2] = tensor;
        if (i == 13) m.tensors[2].name = m.tensors[1].name;
        if (i == 14) m.tensors[0].shape_count = ASSAY_SHAPE_MAX + 1;
        if (i == 15) m.files_count = ASSAY_FILES_MAX + 1;
        expect_err(cases[i].what, assay_manifest_check(&m), cases[i].wanted);
    }
    assert_int_equal(assay_file_chunks(UINT64_MAX), (uint64_t)1 << 54);
}

/* ---- paths and names ----------------------------------------------------------------------------------------- */

static int sign(int n) { return (n > 0) - (n < 0); }

static void test_paths(void **state) {
    (void)state;
    static const char *const good[] = {"a",
                                       "a/b",
                                       "a/b/c.d",
                                       "..a",
                                       "a..",
                                       ".../x",
                                       ".git/x",
                                       "a b",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xe0\xa0\x80",
                                       "\xc2\x80"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        expect_err(good[i], assay_path_check(assay_base_bytes_str(good[i])), ASSAY_OK);
    static const char *const bad[] = {"",
                                      "/",
                                      "/a",
                                      "a/",
                                      "a//b",
                                      ".",
                                      "..",
                                      "a/.",
                                      "./a",
                                      "a/../b",
                                      "a\\b",
                                      "\x80",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xc3",
                                      "a\xe4\xb8",
                                      "a/\xc3/b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_err(bad[i], assay_path_check(assay_base_bytes_str(bad[i])), ASSAY_E_NAME);
    expect_err("zero byte", assay_path_check(ASSAY_STR("a\0b")), ASSAY_E_NAME);
    uint8_t lengthy[ASSAY_PATH_LEN_MAX + 1];
    memset(lengthy, 'x', sizeof lengthy);
    expect_err("longest", assay_path_check((assay_bytes){lengthy, ASSAY_PATH_LEN_MAX}), ASSAY_OK);
    expect_err("too long", assay_path_check((assay_bytes){lengthy, ASSAY_PATH_LEN_MAX + 1}), ASSAY_E_NAME);

    /* Component by component, each bytewise, the shorter first. */
    static const char *const order[] = {"!",   "a",     "a/!", "a/b", "a/b/c", "a!/a",
                                        "a-b", "a.b/c", "a0",  "aa",  "b",     "\xc3\xa9"};
    const int count = sizeof order / sizeof *order;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            assert_int_equal(sign(assay_path_cmp(assay_base_bytes_str(order[i]), assay_base_bytes_str(order[j]))),
                             sign(i - j));
}

static void test_name_rules(void **state) {
    (void)state;
    static const char *const names[] = {"a/b", "0/0", "acme/ocr", "a-b-/c", "a/b._-", "openai/gpt-4.1_x"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_err(names[i], assay_types_name_check(assay_base_bytes_str(names[i])), ASSAY_OK);
    static const char *const bad_names[] = {"",     "a",    "/",    "a/",   "/b",    "a/b/c", "A/b",   "a/B",
                                            "-a/b", "a/-b", "a/.b", "a/_b", "a.b/c", "a_b/c", "a b/c", "\xc3\xa9/b"};
    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++)
        expect_err(bad_names[i], assay_types_name_check(assay_base_bytes_str(bad_names[i])), ASSAY_E_NAME);
    expect_err("zero", assay_types_name_check(ASSAY_STR("a/b\0")), ASSAY_E_NAME);
    static const char *const versions[] = {"1", "1.0", "v1.0-rc_1", "A", "z.", "1-"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        expect_err(versions[i], assay_types_version_check(assay_base_bytes_str(versions[i])), ASSAY_OK);
    static const char *const bad_versions[] = {"", ".1", "-1", "_", "1 0", "1/0", "1@2", "\xc3\xa9", "1+2"};
    for (size_t i = 0; i < sizeof bad_versions / sizeof *bad_versions; i++)
        expect_err(bad_versions[i], assay_types_version_check(assay_base_bytes_str(bad_versions[i])), ASSAY_E_NAME);

    /* 64 a part, 65 refused; every byte of each place against the alphabets. */
    uint8_t text[130];
    memset(text, 'x', sizeof text);
    text[64] = '/';
    expect_err("longest", assay_types_name_check((assay_bytes){text, 129}), ASSAY_OK);
    expect_err("model too long", assay_types_name_check((assay_bytes){text, 130}), ASSAY_E_NAME);
    text[64] = 'x', text[65] = '/';
    expect_err("owner too long", assay_types_name_check((assay_bytes){text, 129}), ASSAY_E_NAME);
    expect_err("longest", assay_types_version_check((assay_bytes){text, 64}), ASSAY_OK);
    expect_err("too long", assay_types_version_check((assay_bytes){text, 65}), ASSAY_E_NAME);
    for (uint32_t c = 0; c < 256; c++) {
        bool low = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'), up = c >= 'A' && c <= 'Z';
        bool dot = c == '.' || c == '_' || c == '-';
        uint8_t owner[] = {'a', (uint8_t)c, '/', 'm'}, model[] = {'o', '/', 'm', (uint8_t)c},
                version[] = {'1', (uint8_t)c};
        if (c != '/') assert_int_equal(assay_types_name_check((assay_bytes){owner, 4}) == ASSAY_OK, low || c == '-');
        if (c != '/') assert_int_equal(assay_types_name_check((assay_bytes){model, 4}) == ASSAY_OK, low || dot);
        assert_int_equal(assay_types_version_check((assay_bytes){version, 2}) == ASSAY_OK, low || up || dot);
    }
}

/* ---- records ------------------------------------------------------------------------------------------------- */

static void expect_encoding(const json_t *row, const char *key, const assay_codec_message *message, const void *value,
                            void *again, assay_arena keep) {
    assay_bytes wanted = bytes_of(row, key, &keep), encoded;
    expect_ok(key, "encode", assay_codec_encode_new(&encoded, &keep, message, value, ASSAY_CODEC_STRICT));
    expect_bytes(key, "bytes", encoded, wanted);
    expect_ok(key, "decode", assay_codec_decode(again, &keep, message, wanted, ASSAY_CODEC_STRICT));
    expect_ok(key, "encode again", assay_codec_encode_new(&encoded, &keep, message, again, ASSAY_CODEC_STRICT));
    expect_bytes(key, "bytes again", encoded, wanted);
}

static void test_records(void **state) {
    (void)state;
    json_t *root = golden(), *row = field(root, "records");
    assay_arena keep = vectors_arena();
    assay_version_record record = {.format = 1,
                                   .status = ASSAY_VERSION_ATTESTED,
                                   .size = 5,
                                   .files = 6,
                                   .chunks = 7,
                                   .tensor_rules = 1,
                                   .tensors = 9,
                                   .recorded_height = 13,
                                   .recorded_seconds = 1795348800,
                                   .attested_height = 16,
                                   .power_checked = 17,
                                   .power_total = 18,
                                   .log_index = 19,
                                   .deposit = 20,
                                   .ended_height = 21},
                         again;
    FILL(record.root, "root");
    FILL(record.tensor_root, "tr");
    FILL(record.model_signing, "ms");
    FILL(record.publisher, "pk");
    FILL(record.statement_signature, "ss");
    FILL(record.recorded_block, "block");
    expect_encoding(row, "record", &assay_version_record_message, &record, &again, keep);

    /* The largest record is a value that the state tree takes. */
    assay_version_record largest = record;
    largest.format = largest.status = largest.tensor_rules = UINT32_MAX;
    largest.recorded_seconds = -1;
    largest.size = largest.files = largest.chunks = largest.tensors = largest.recorded_height =
        largest.attested_height = largest.power_checked = largest.power_total = largest.log_index = largest.deposit =
            largest.ended_height = UINT64_MAX;
    assert_true(assay_codec_size(&assay_version_record_message, &largest, ASSAY_CODEC_STRICT) <=
                ASSAY_STATE_VALUE_LEN_MAX);

    assay_attestation attestation = {.format = 1,
                                     .name = ASSAY_STR("acme/ocr"),
                                     .version = ASSAY_STR("1.0"),
                                     .size = 5,
                                     .recorded_height = 7,
                                     .attested_height = 8,
                                     .power_checked = 9,
                                     .power_total = 10},
                      attestation_again;
    FILL(attestation.root, "root");
    FILL(attestation.publisher, "pk");
    expect_encoding(row, "attestation", &assay_attestation_message, &attestation, &attestation_again, keep);

    assay_buf key = buf_new(&keep, 300);
    expect_ok("key", "key", assay_version_key(&key, ASSAY_STR("acme/ocr"), ASSAY_STR("1.0")));
    expect_bytes("key", "key", buf_bytes(&key), bytes_of(row, "version_key", &keep));
    assay_buf small = {key.ptr, 3, key.len - 1};
    expect_err("memory", assay_version_key(&small, ASSAY_STR("acme/ocr"), ASSAY_STR("1.0")), ASSAY_F_MEMORY);
    assert_int_equal(small.len, 3);

    assay_hash state_root, log_root;
    FILL(state_root, "state");
    FILL(log_root, "log");
    expect_hash("app", "hash", assay_app_hash(state_root, ((uint64_t)1 << 33) + 5, log_root), hash_of(row, "app_hash"));
    expect_hash("smt", "leaf", assay_smt_leaf(ASSAY_STR("key"), ASSAY_STR("value")), hash_of(row, "smt_leaf"));
    assay_buf sign_out = buf_new(&keep, 100);
    expect_ok("sign", "bytes",
              assay_types_sign_bytes(&sign_out, "check", assay_base_bytes_str(chain_text), ASSAY_STR("payload")));
    expect_bytes("sign", "bytes", buf_bytes(&sign_out), bytes_of(row, "sign_bytes", &keep));
    json_decref(root);
}

static void test_genesis(void **state) {
    (void)state;
    json_t *root = golden(), *row = field(root, "records");
    assay_arena keep = vectors_arena();
    assay_genesis_account account = {.balance = 1000000000000000000};
    FILL(account.address, "address");
    assay_genesis_validator validator = {.self_bond = 6, .moniker = ASSAY_STR("Lena")};
    FILL(validator.owner, "owner");
    FILL(validator.consensus_key, "ck");
    FILL(validator.attestation_key, "ak");
    FILL(validator.consensus_proof, "cp");
    FILL(validator.attestation_proof, "ap");
    assay_genesis genesis = {.format = 1,
                             .name = ASSAY_STR("golden"),
                             .time_seconds = 1795348800,
                             .app_version = 1,
                             .accounts = &account,
                             .accounts_count = 1,
                             .validators = &validator,
                             .validators_count = 1},
                  again;
    uint64_t params[sizeof genesis.params / 8];
    for (uint64_t i = 0; i < sizeof params / 8; i++) params[i] = (i + 1) * (i + 1);
    assert_int_equal(sizeof params / 8, 26);
    memcpy(&genesis.params, params, sizeof params);
    expect_encoding(row, "genesis", &assay_genesis_message, &genesis, &again, keep);
    assay_hash hash = assay_genesis_hash(bytes_of(row, "genesis", &keep));
    expect_hash("genesis", "hash", hash, hash_of(row, "genesis_hash"));
    char chain_id[ASSAY_CHAIN_ID_LEN_MAX + 1];
    assay_genesis_chain_id(chain_id, genesis.name, hash);
    assert_string_equal(chain_id, text_of(row, "chain_id"));
    assay_genesis_chain_id(chain_id, ASSAY_STR("abcdefghijklmnopqrstuvwxyz012345"), hash);
    assert_int_equal(strlen(chain_id), 45);
    json_decref(root);
}

static void test_draws(void **state) {
    (void)state;
    json_t *root = golden();
    assay_hash block, check;
    FILL(block, "block");
    FILL(check, "check");
    for (size_t i = 0; i < count_of(root, "draws"); i++) {
        const json_t *row = item_of(root, "draws", i);
        uint64_t chunks, wanted;
        expect_ok("draw", "chunks", assay_base_undecimal(&chunks, assay_base_bytes_str(text_of(row, "chunks"))));
        expect_ok("draw", "chunk", assay_base_undecimal(&wanted, assay_base_bytes_str(text_of(row, "chunk"))));
        uint64_t got = assay_draw_chunk(block, check, (uint32_t)number_of(row, "i"), chunks);
        assert_int_equal(got, wanted);
        assert_true(got < chunks);
    }
    assert_int_equal(count_of(root, "draws"), 35);
    json_decref(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transactions), cmocka_unit_test(test_many_signatures),
        cmocka_unit_test(test_flipped_bits), cmocka_unit_test(test_refused_transactions),
        cmocka_unit_test(test_manifest),     cmocka_unit_test(test_refused_manifests),
        cmocka_unit_test(test_paths),        cmocka_unit_test(test_name_rules),
        cmocka_unit_test(test_records),      cmocka_unit_test(test_genesis),
        cmocka_unit_test(test_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
