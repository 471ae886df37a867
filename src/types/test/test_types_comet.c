/* SPDX-License-Identifier: Apache-2.0
 *
 * Votes, proposals, headers, commits, evidence and blocks, byte by byte against what CometBFT's own code makes of the
 * same inputs (spec/vectors/comet). Sets of validators and whole chains are in test_types_comet_sets.c. */
#include "vectors_internal.h"

/* ---- votes and proposals ------------------------------------------------------------------------------------- */

static void check_signing(const json_t *row, assay_bytes sign_bytes, assay_signature signature, assay_public_key key) {
    assay_key_secret secret;
    fixed_value(secret.b, sizeof secret.b, text_of(row, "private_seed"));
    assay_public_key public = assay_crypto_ed25519_public(&secret);
    assert_memory_equal(public.b, key.b, sizeof key.b);
    assay_signature made = assay_crypto_ed25519_sign(&secret, sign_bytes);
    assert_memory_equal(made.b, signature.b, sizeof made.b);
}

static void check_vote(const json_t *row, assay_arena keep) {
    assay_vote vote = vote_of(row), decoded;
    assay_bytes chain_id = assay_base_bytes_str(text_of(row, "chain_id"));
    assay_buf out = buf_new(&keep, 512);
    expect_ok(name_of(row), "sign bytes", assay_vote_sign_bytes(&out, &vote, chain_id));
    expect_bytes(name_of(row), "sign bytes", buf_bytes(&out), bytes_of(row, "sign_bytes", &keep));
    assert_true(out.len <= 200);
    check_signing(row, buf_bytes(&out), vote.signature, key_of(row, "pub_key"));
    assert_true(assay_vote_verify(&vote, chain_id, key_of(row, "pub_key")));
    assert_false(assay_vote_verify(&vote, ASSAY_STR("other"), key_of(row, "pub_key")));

    assay_bytes proto = bytes_of(row, "vote_proto", &keep);
    expect_ok(name_of(row), "decode", assay_vote_decode(&decoded, proto));
    assay_buf again = buf_new(&keep, 512), ours = buf_new(&keep, 512);
    expect_ok(name_of(row), "encode", assay_vote_encode(&ours, &vote));
    expect_ok(name_of(row), "encode again", assay_vote_encode(&again, &decoded));
    expect_bytes(name_of(row), "decoded vote", buf_bytes(&again), buf_bytes(&ours));
    /* Vote extensions are not ours: they are skipped when read, and the vote stays what it was without them. */
    bool extended = text_of(row, "extension_signature")[0] != 0;
    assert_true(proto.len >= ours.len);
    if (extended) proto.len = ours.len; /* fields 9 and 10 come last */
    expect_bytes(name_of(row), "vote", buf_bytes(&ours), proto);
}

static void test_votes(void **state) {
    (void)state;
    each("vote", check_vote);
}

static void check_proposal(const json_t *row, assay_arena keep) {
    assay_proposal proposal = {.height = number_of(row, "height"),
                               .round = (int32_t)number_of(row, "round"),
                               .pol_round = (int32_t)number_of(row, "pol_round"),
                               .block_id = block_id_of(row, "block_id"),
                               .timestamp = time_of(row),
                               .signature = signature_of(row, "signature")};
    assay_proposal decoded;
    assay_buf out = buf_new(&keep, 512), ours = buf_new(&keep, 512), again = buf_new(&keep, 512);
    assay_bytes chain_id = assay_base_bytes_str(text_of(row, "chain_id"));
    expect_ok(name_of(row), "sign bytes", assay_proposal_sign_bytes(&out, &proposal, chain_id));
    expect_bytes(name_of(row), "sign bytes", buf_bytes(&out), bytes_of(row, "sign_bytes", &keep));
    check_signing(row, buf_bytes(&out), proposal.signature, key_of(row, "pub_key"));
    assay_bytes proto = bytes_of(row, "proposal_proto", &keep);
    expect_ok(name_of(row), "encode", assay_proposal_encode(&ours, &proposal));
    expect_bytes(name_of(row), "proposal", buf_bytes(&ours), proto);
    expect_ok(name_of(row), "decode", assay_proposal_decode(&decoded, proto));
    expect_ok(name_of(row), "encode again", assay_proposal_encode(&again, &decoded));
    expect_bytes(name_of(row), "decoded proposal", buf_bytes(&again), proto);
}

static void test_proposals(void **state) {
    (void)state;
    each("proposal", check_proposal);
}

/* Block ids are seen through a header (as last block id) and through the order of evidence. */
static void check_block_id(const json_t *row, assay_arena keep) {
    assay_block_id id = block_id_of(row, "block_id"), nil = {0};
    assert_int_equal(assay_block_id_is_nil(&id), flag_of(row, "is_nil"));
    assert_int_equal(assay_block_id_eq(&id, &nil), flag_of(row, "is_nil"));
    assert_true(assay_block_id_eq(&id, &id));

    assay_vote vote = {.type = ASSAY_PREVOTE, .height = 1, .block_id = id, .validator.b = {1}, .signature.b = {1}};
    assay_buf encoded = buf_new(&keep, 512);
    expect_ok(name_of(row), "encode", assay_vote_encode(&encoded, &vote));
    assay_bytes proto = bytes_of(row, "block_id_proto", &keep);
    assert_int_equal(encoded.ptr[4], 4 << 3 | 2); /* after type and height */
    assert_int_equal(encoded.ptr[5], proto.len);
    expect_bytes(name_of(row), "block id", (assay_bytes){encoded.ptr + 6, proto.len}, proto);
    assay_err wanted = flag_of(row, "is_nil") || flag_of(row, "is_complete") ? ASSAY_OK : ASSAY_E_ENCODING;
    expect_err(name_of(row), assay_vote_decode(&vote, buf_bytes(&encoded)), wanted);

    assay_buf signed_bytes = buf_new(&keep, 512);
    expect_ok(name_of(row), "sign bytes", assay_vote_sign_bytes(&signed_bytes, &vote, ASSAY_STR("c")));
    assay_bytes canonical = bytes_of(row, "canonical_block_id_proto", &keep);
    assay_bytes found = {signed_bytes.ptr + 12 + 2, canonical.len}; /* length, type, height; key, length */
    if (canonical.len) expect_bytes(name_of(row), "canonical block id", found, canonical);
}

static void test_block_ids(void **state) {
    (void)state;
    each("block_id", check_block_id);

    /* Two ids are ordered as their keys are. */
    json_t *rows = vectors_load("block_id");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        for (size_t j = 0; j < json_array_size(rows); j++) {
            assay_arena keep = vectors_arena();
            const json_t *a = json_array_get(rows, i), *b = json_array_get(rows, j);
            assay_vote one = {.height = 1, .block_id = block_id_of(a, "block_id")};
            assay_vote two = {.height = 2, .block_id = block_id_of(b, "block_id")};
            assay_duplicate_vote evidence = assay_duplicate_vote_new(&one, &two, 1, 1, (assay_time){0});
            int order = assay_base_bytes_cmp(bytes_of(a, "sort_key", &keep), bytes_of(b, "sort_key", &keep));
            assert_int_equal(evidence.vote_a.height, order < 0 ? 1 : 2);
        }
    }
    json_decref(rows);
}

/* ---- headers ------------------------------------------------------------------------------------------------- */

static void check_header(const json_t *row, assay_arena keep) {
    assay_header header = header_of(row, &keep), decoded;
    size_t app_hash_len = bytes_of(row, "app_hash", &keep).len;
    assay_bytes proto = bytes_of(row, "header_proto", &keep);
    assay_err err = assay_header_decode(&decoded, proto);
    /* CometBFT's own check refuses these too, but for the app hash, which is always 32 bytes with us. */
    if (header.version_block != ASSAY_BLOCK_PROTOCOL) {
        expect_err(name_of(row), err, ASSAY_E_FORMAT);
    } else if (header.height < 1) {
        expect_err(name_of(row), err, ASSAY_E_RANGE);
    } else if (app_hash_len > ASSAY_HASH_LEN) {
        expect_err(name_of(row), err, ASSAY_E_RANGE);
    } else if (app_hash_len < ASSAY_HASH_LEN || text_of(row, "proposer_address")[0] == 0) {
        expect_err(name_of(row), err, ASSAY_E_ENCODING);
    } else {
        expect_ok(name_of(row), "decode", err);
        assay_buf again = buf_new(&keep, 1024);
        expect_ok(name_of(row), "encode again", assay_header_encode(&again, &decoded));
        expect_bytes(name_of(row), "decoded header", buf_bytes(&again), proto);
        expect_hash(name_of(row), "hash of the decoded", assay_header_hash(&decoded), hash_of(row, "header_hash"));
    }
    if (app_hash_len != ASSAY_HASH_LEN) return;
    assay_buf ours = buf_new(&keep, 1024);
    expect_ok(name_of(row), "encode", assay_header_encode(&ours, &header));
    expect_bytes(name_of(row), "header", buf_bytes(&ours), proto);
    expect_hash(name_of(row), "hash", assay_header_hash(&header), hash_of(row, "header_hash"));
}

static void test_headers(void **state) {
    (void)state;
    each("header", check_header);
}

static void check_consensus_params(const json_t *row, assay_arena keep) {
    (void)keep;
    assay_hash hash = assay_consensus_hash(number_of(row, "block_max_bytes"), number_of(row, "block_max_gas"));
    expect_hash(name_of(row), "consensus hash", hash, hash_of(row, "consensus_hash"));
}

static void test_consensus_params(void **state) {
    (void)state;
    each("consensus_params", check_consensus_params);
}

static void check_results(const json_t *row, assay_arena keep) {
    uint32_t count = (uint32_t)count_of(row, "results");
    assay_tx_result *results = ASSAY_NEW(&keep, assay_tx_result, count);
    for (uint32_t i = 0; i < count; i++) {
        const json_t *r = item_of(row, "results", i);
        results[i] = (assay_tx_result){.code = (uint32_t)number_of(r, "code"),
                                       .data = bytes_of(r, "data", &keep),
                                       .gas_wanted = number_of(r, "gas_wanted"),
                                       .gas_used = number_of(r, "gas_used")};
        /* What is a leaf, one at a time. */
        assay_hash alone;
        expect_ok(name_of(row), "one result", assay_results_hash(&alone, &results[i], 1, keep));
        expect_hash(name_of(row), "one result", alone, assay_merkle_leaf(bytes_of(r, "hashed_proto", &keep)));
    }
    assay_hash hash;
    expect_ok(name_of(row), "results", assay_results_hash(&hash, results, count, keep));
    expect_hash(name_of(row), "results", hash, hash_of(row, "last_results_hash"));
}

static void test_results(void **state) {
    (void)state;
    each("results", check_results);
}

/* ---- commits ------------------------------------------------------------------------------------------------- */

static void check_commit(const json_t *row, assay_arena keep) {
    assay_commit commit = commit_of(row, &keep), decoded;
    assay_hash hash;
    expect_ok(name_of(row), "hash", assay_commit_hash(&hash, &commit, keep));
    expect_hash(name_of(row), "hash", hash, hash_of(row, "commit_hash"));

    assay_bytes proto = bytes_of(row, "commit_proto", &keep);
    assay_buf ours = buf_new(&keep, proto.len), again = buf_new(&keep, proto.len);
    expect_ok(name_of(row), "encode", assay_commit_encode(&ours, &commit));
    expect_bytes(name_of(row), "commit", buf_bytes(&ours), proto);
    expect_ok(name_of(row), "decode", assay_commit_decode(&decoded, &keep, proto));
    expect_ok(name_of(row), "encode again", assay_commit_encode(&again, &decoded));
    expect_bytes(name_of(row), "decoded commit", buf_bytes(&again), proto);
    for (uint32_t i = 0; i < decoded.sigs_count; i++)
        if (decoded.sigs[i].flag == ASSAY_FLAG_ABSENT) assert_int_equal(decoded.sigs[i].timestamp.seconds, 0);

    /* One byte less of room is refused, and nothing is left behind. */
    assay_buf small = {ours.ptr, 0, proto.len - 1};
    expect_err(name_of(row), assay_commit_encode(&small, &commit), ASSAY_F_MEMORY);
    assert_int_equal(small.len, 0);

    for (uint32_t i = 0; i < commit.sigs_count; i++) {
        assay_bytes wanted = unhex(json_string_value(item_of(row, "vote_sign_bytes", i)), &keep);
        if (commit.sigs[i].flag == ASSAY_FLAG_ABSENT) {
            assert_int_equal(wanted.len, 0);
            continue;
        }
        assay_vote vote = {.type = ASSAY_PRECOMMIT,
                           .height = commit.height,
                           .round = commit.round,
                           .timestamp = commit.sigs[i].timestamp};
        if (commit.sigs[i].flag == ASSAY_FLAG_COMMIT) vote.block_id = commit.block_id;
        assay_buf sign = buf_new(&keep, 200);
        expect_ok(name_of(row), "sign bytes",
                  assay_vote_sign_bytes(&sign, &vote, assay_base_bytes_str(text_of(row, "chain_id"))));
        expect_bytes(name_of(row), "sign bytes", buf_bytes(&sign), wanted);
    }
}

static void test_commits(void **state) {
    (void)state;
    each("commit", check_commit);
}

/* ---- evidence ------------------------------------------------------------------------------------------------ */

/* The test key with an address: key i has the seed SHA-256("assay test validator <i>"). */
static assay_public_key key_with(assay_address address) {
    for (uint32_t i = 0; i < 200; i++) {
        char text[64];
        int len = snprintf(text, sizeof text, "assay test validator %u", i);
        assay_hash seed = assay_crypto_sha256_one((assay_bytes){(const uint8_t *)text, (size_t)len});
        assay_key_secret secret;
        memcpy(secret.b, seed.b, sizeof secret.b);
        assay_public_key key = assay_crypto_ed25519_public(&secret);
        if (assay_base_address_eq(assay_crypto_address(key), address)) return key;
    }
    fail_msg("no test key has that address");
    return (assay_public_key){0};
}

static void check_evidence(const json_t *row, assay_arena keep) {
    assay_vote first = vote_of(field(row, "first_seen")), second = vote_of(field(row, "second_seen"));
    assay_duplicate_vote evidence =
        assay_duplicate_vote_new(&first, &second, (uint64_t)number_of(row, "total_voting_power"),
                                 (uint64_t)number_of(row, "validator_power"), time_of(row));
    assay_duplicate_vote decoded;
    const assay_vote *vote_a = flag_of(row, "vote_a_is_first") ? &first : &second;
    assert_memory_equal(evidence.vote_a.signature.b, vote_a->signature.b, ASSAY_SIGNATURE_LEN);

    assay_bytes proto = bytes_of(row, "evidence_proto", &keep);
    assay_buf ours = buf_new(&keep, 1024), again = buf_new(&keep, 1024);
    expect_ok(name_of(row), "encode", assay_duplicate_vote_encode(&ours, &evidence));
    expect_bytes(name_of(row), "evidence", buf_bytes(&ours), proto);
    expect_hash(name_of(row), "evidence hash", assay_crypto_sha256_one(buf_bytes(&ours)),
                hash_of(row, "evidence_hash"));
    expect_ok(name_of(row), "decode", assay_duplicate_vote_decode(&decoded, proto));
    expect_ok(name_of(row), "encode again", assay_duplicate_vote_encode(&again, &decoded));
    expect_bytes(name_of(row), "decoded evidence", buf_bytes(&again), proto);

    assay_bytes chain_id = assay_base_bytes_str(text_of(row, "chain_id"));
    assay_public_key key = key_with(first.validator);
    expect_ok(name_of(row), "check", assay_duplicate_vote_check(&evidence, chain_id, key));
    expect_err(name_of(row), assay_duplicate_vote_check(&evidence, ASSAY_STR("other"), key), ASSAY_E_EVIDENCE);

    /* Each thing that must be the same, made different; and the one that must differ, made the same. */
    assay_duplicate_vote bad[7] = {evidence, evidence, evidence, evidence, evidence, evidence, evidence};
    bad[0].vote_b.height++;
    bad[1].vote_b.round++;
    bad[2].vote_b.type = evidence.vote_b.type == ASSAY_PREVOTE ? ASSAY_PRECOMMIT : ASSAY_PREVOTE;
    bad[3].vote_b.validator.b[0] ^= 1;
    bad[4].vote_b = evidence.vote_a;
    bad[5].vote_a.signature.b[7] ^= 1;
    bad[6].vote_b.signature.b[7] ^= 1;
    for (size_t i = 0; i < 7; i++)
        expect_err(name_of(row), assay_duplicate_vote_check(&bad[i], chain_id, key), ASSAY_E_EVIDENCE);
    key.b[0] ^= 1;
    expect_err(name_of(row), assay_duplicate_vote_check(&evidence, chain_id, key), ASSAY_E_EVIDENCE);

    /* The wrong order is no encoding of evidence. */
    assay_duplicate_vote swapped = evidence;
    swapped.vote_a = evidence.vote_b;
    swapped.vote_b = evidence.vote_a;
    assay_buf wrong = buf_new(&keep, 1024);
    expect_ok(name_of(row), "encode swapped", assay_duplicate_vote_encode(&wrong, &swapped));
    expect_err(name_of(row), assay_duplicate_vote_decode(&decoded, buf_bytes(&wrong)), ASSAY_E_ENCODING);
}

static void test_evidence(void **state) {
    (void)state;
    each("evidence", check_evidence);
}

static assay_duplicate_vote *evidence_of(const json_t *row, assay_arena *keep) {
    size_t count = count_of(row, "evidence_protos");
    assay_duplicate_vote *out = ASSAY_NEW(keep, assay_duplicate_vote, count);
    for (size_t i = 0; i < count; i++) {
        assay_bytes proto = unhex(json_string_value(item_of(row, "evidence_protos", i)), keep);
        expect_ok(name_of(row), "evidence", assay_duplicate_vote_decode(&out[i], proto));
    }
    return out;
}

static void check_evidence_list(const json_t *row, assay_arena keep) {
    assay_block block = {.evidence = evidence_of(row, &keep),
                         .evidence_count = (uint32_t)count_of(row, "evidence_protos")};
    expect_ok(name_of(row), "hashes", assay_block_fill_hashes(&block, keep));
    expect_hash(name_of(row), "evidence list", block.header.evidence_hash, hash_of(row, "evidence_list_hash"));

    /* In a block the list is field 3, between its key and the empty commit. */
    assay_bytes list = bytes_of(row, "evidence_list_proto", &keep);
    static const uint8_t empty_commit[] = {0x22, 4, 0x1a, 2, 0x12, 0};
    assay_buf wanted = buf_new(&keep, list.len + 16), out = buf_new(&keep, list.len + 1024);
    expect_ok(name_of(row), "key", assay_codec_put_varint(&wanted, 3 << 3 | 2));
    expect_ok(name_of(row), "length", assay_codec_put_varint(&wanted, list.len));
    expect_ok(name_of(row), "list", assay_base_buf_put(&wanted, list));
    expect_ok(name_of(row), "commit", assay_base_buf_put(&wanted, (assay_bytes){empty_commit, sizeof empty_commit}));
    expect_ok(name_of(row), "encode", assay_block_encode(&out, &block));
    assert_true(out.len > wanted.len);
    expect_bytes(name_of(row), "list", (assay_bytes){out.ptr + out.len - wanted.len, wanted.len}, buf_bytes(&wanted));
}

static void test_evidence_lists(void **state) {
    (void)state;
    each("evidence_list", check_evidence_list);
}

/* ---- blocks -------------------------------------------------------------------------------------------------- */

static void check_data_hash(const json_t *row, assay_arena keep) {
    assay_block block = {.txs_count = (uint32_t)count_of(row, "txs")};
    block.txs = ASSAY_NEW(&keep, assay_bytes, block.txs_count);
    for (uint32_t i = 0; i < block.txs_count; i++) {
        block.txs[i] = unhex(json_string_value(item_of(row, "txs", i)), &keep);
        expect_hash(name_of(row), "transaction", assay_tx_id(block.txs[i]),
                    hash_value(json_string_value(item_of(row, "tx_hashes", i))));
    }
    expect_ok(name_of(row), "hashes", assay_block_fill_hashes(&block, keep));
    expect_hash(name_of(row), "data", block.header.data_hash, hash_of(row, "data_hash"));
}

static void test_data_hashes(void **state) {
    (void)state;
    each("data_hash", check_data_hash);
}

static void check_block(const json_t *row, assay_arena keep) {
    const json_t *commit_row = field(row, "last_commit");
    assay_block block = {.header = header_of(row, &keep),
                         .txs_count = (uint32_t)count_of(row, "txs"),
                         .evidence = evidence_of(row, &keep),
                         .evidence_count = (uint32_t)count_of(row, "evidence_protos"),
                         .last_commit = commit_of(commit_row, &keep)};
    size_t txs_bytes = 0;
    block.txs = ASSAY_NEW(&keep, assay_bytes, block.txs_count);
    for (uint32_t i = 0; i < block.txs_count; i++) {
        block.txs[i] = unhex(json_string_value(item_of(row, "txs", i)), &keep);
        txs_bytes += block.txs[i].len;
    }
    const assay_header wanted = block.header;
    block.header.data_hash = block.header.last_commit_hash = block.header.evidence_hash = (assay_hash){0};
    expect_ok(name_of(row), "hashes", assay_block_fill_hashes(&block, keep));
    expect_hash(name_of(row), "data", block.header.data_hash, wanted.data_hash);
    expect_hash(name_of(row), "commit", block.header.last_commit_hash, wanted.last_commit_hash);
    expect_hash(name_of(row), "evidence", block.header.evidence_hash, wanted.evidence_hash);
    expect_hash(name_of(row), "block", assay_header_hash(&block.header), hash_of(row, "block_hash"));

    size_t max = assay_block_size_max(txs_bytes, block.txs_count, block.evidence_count, block.last_commit.sigs_count);
    assay_buf out = buf_new(&keep, max);
    expect_ok(name_of(row), "encode", assay_block_encode(&out, &block));
    assert_int_equal(out.len, number_of(row, "block_size"));
    expect_hash(name_of(row), "block bytes", assay_crypto_sha256_one(buf_bytes(&out)),
                hash_of(row, "block_proto_sha256"));
    assay_bytes proto = bytes_of(row, "block_proto", &keep);
    if (proto.len) expect_bytes(name_of(row), "block", buf_bytes(&out), proto);

    uint32_t total;
    assay_hash root;
    expect_ok(name_of(row), "parts", assay_block_parts(&total, &root, buf_bytes(&out), keep));
    assert_int_equal(total, number_of(row, "parts_total"));
    expect_hash(name_of(row), "parts", root, hash_of(row, "parts_hash"));

    assay_block decoded;
    assay_arena scratch = assay_base_arena(ASSAY_NEW(&keep, uint8_t, 1 << 16), 1 << 16);
    expect_ok(name_of(row), "decode", assay_block_decode(&decoded, &keep, buf_bytes(&out), scratch));
    assert_true(flag_of(row, "validate_basic"));
    assay_buf again = buf_new(&keep, max);
    expect_ok(name_of(row), "encode again", assay_block_encode(&again, &decoded));
    expect_bytes(name_of(row), "decoded block", buf_bytes(&again), buf_bytes(&out));

    /* A header that says something else about its content is refused. */
    for (size_t i = 0; i < 3; i++) {
        assay_block bad = block;
        assay_hash *hash[3] = {&bad.header.data_hash, &bad.header.last_commit_hash, &bad.header.evidence_hash};
        hash[i]->b[31] ^= 1;
        again.len = 0;
        expect_ok(name_of(row), "encode", assay_block_encode(&again, &bad));
        expect_err(name_of(row), assay_block_decode(&decoded, &keep, buf_bytes(&again), scratch), ASSAY_E_BLOCK);
    }
}

static void test_blocks(void **state) {
    (void)state;
    each("block", check_block);
}

static void check_part_set(const json_t *row, assay_arena keep) {
    uint64_t len = (uint64_t)number_of(row, "data_length"), salt = (uint64_t)number_of(row, "data_salt");
    uint8_t *data = ASSAY_NEW(&keep, uint8_t, len);
    for (uint64_t i = 0; i < len; i++) data[i] = (uint8_t)(131 * i + 7 * (i >> 8) + salt);
    assay_bytes bytes = {data, len};
    expect_hash(name_of(row), "data", assay_crypto_sha256_one(bytes), hash_of(row, "data_sha256"));
    uint32_t total;
    assay_hash root;
    expect_ok(name_of(row), "parts", assay_block_parts(&total, &root, bytes, keep));
    assert_int_equal(total, number_of(row, "parts_total"));
    expect_hash(name_of(row), "parts", root, hash_of(row, "parts_hash"));
    assert_int_equal(count_of(row, "parts"), total);
    for (uint32_t i = 0; i < total; i++) {
        const json_t *part = item_of(row, "parts", i);
        size_t from = (size_t)i * ASSAY_PART_LEN, size = (size_t)number_of(part, "size");
        assay_hash leaf = assay_merkle_leaf((assay_bytes){data + from, size}), got;
        expect_hash(name_of(row), "part", leaf, hash_of(part, "leaf_hash"));
        assay_hash aunts[64];
        size_t aunts_count = count_of(part, "aunts");
        for (size_t k = 0; k < aunts_count; k++) aunts[k] = hash_value(json_string_value(item_of(part, "aunts", k)));
        expect_ok(name_of(row), "path", assay_merkle_path_root(&got, leaf, i, total, aunts, aunts_count));
        expect_hash(name_of(row), "path", got, root);
    }
}

static void test_part_sets(void **state) {
    (void)state;
    each("part_set", check_part_set);
}

/* CometBFT's Merkle package is the tree of crypto: here because it is types that rests on it. */
static void check_merkle(const json_t *row, assay_arena keep) {
    size_t count = count_of(row, "leaves");
    assay_hash *leaves = ASSAY_NEW(&keep, assay_hash, count + 1), *copy = ASSAY_NEW(&keep, assay_hash, count + 1);
    for (size_t i = 0; i < count; i++)
        leaves[i] = assay_merkle_leaf(unhex(json_string_value(item_of(row, "leaves", i)), &keep));
    memcpy(copy, leaves, count * sizeof *leaves);
    expect_hash(name_of(row), "root", assay_merkle_root(copy, count), hash_of(row, "root"));
    for (size_t k = 0; k < count_of(row, "proofs"); k++) {
        const json_t *proof = item_of(row, "proofs", k);
        size_t idx = (size_t)number_of(proof, "index");
        expect_hash(name_of(row), "leaf", leaves[idx], hash_of(proof, "leaf_hash"));
        memcpy(copy, leaves, count * sizeof *leaves);
        assay_merkle_path path;
        assay_merkle_path_of(&path, copy, count, idx);
        assert_int_equal(path.count, count_of(proof, "aunts"));
        for (size_t i = 0; i < path.count; i++)
            expect_hash(name_of(row), "aunt", path.hashes[i],
                        hash_value(json_string_value(item_of(proof, "aunts", i))));
    }
}

static void test_merkle(void **state) {
    (void)state;
    each("merkle", check_merkle);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_votes),
        cmocka_unit_test(test_proposals),
        cmocka_unit_test(test_block_ids),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_consensus_params),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_commits),
        cmocka_unit_test(test_evidence),
        cmocka_unit_test(test_evidence_lists),
        cmocka_unit_test(test_data_hashes),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_part_sets),
        cmocka_unit_test(test_merkle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
