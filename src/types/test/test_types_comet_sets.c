/* SPDX-License-Identifier: Apache-2.0
 *
 * Validator sets, proposers, median times, commits against sets, and whole chains, against what CometBFT's own code
 * makes of the same inputs (spec/vectors/comet). */
#include "vectors_internal.h"

/* A second arena, for what is scratch. */
static assay_arena scratch_of(assay_arena *keep) {
    const size_t size = 1 << 21;
    void *memory = ASSAY_NEW(keep, uint8_t, size);
    assert_non_null(memory);
    return assay_base_arena(memory, size);
}

static void expect_set(const char *where, const assay_validator_set *got, const assay_validator_set *wanted) {
    assert_int_equal(got->count, wanted->count);
    assert_int_equal(got->total_power, wanted->total_power);
    for (uint32_t i = 0; i < got->count; i++) {
        const assay_validator *a = &got->validators[i], *b = &wanted->validators[i];
        if (memcmp(a->address.b, b->address.b, sizeof a->address.b) != 0) fail_msg("%s: validator %u", where, i);
        if (a->power != b->power || a->priority != b->priority)
            fail_msg("%s: validator %u: power %lu, priority %ld instead of %lu, %ld", where, i, (unsigned long)a->power,
                     (long)a->priority, (unsigned long)b->power, (long)b->priority);
        assert_memory_equal(a->public_key.b, b->public_key.b, sizeof a->public_key.b);
    }
}

/* ---- sets ---------------------------------------------------------------------------------------------------- */

static void check_set(const json_t *row, assay_arena keep) {
    assay_validator_set set, wanted = set_of(row, "validators", &keep), decoded;
    assay_arena scratch = scratch_of(&keep);
    expect_ok(name_of(row), "new",
              assay_validators_new(&set, &keep, input_of(row, "input", &keep), (uint32_t)count_of(row, "input")));
    expect_set(name_of(row), &set, &wanted);
    assert_int_equal(set.total_power, number_of(row, "total_power"));
    assert_int_equal(assay_validators_proposer(&set), number_of(row, "proposer_index"));
    for (uint32_t i = 0; i < set.count; i++)
        assert_int_equal(assay_validators_find(&set, set.validators[i].address), i);
    assert_int_equal(assay_validators_find(&set, (assay_address){{1}}), -1);

    assay_hash hash;
    expect_ok(name_of(row), "hash", assay_validators_hash(&hash, &set, scratch));
    expect_hash(name_of(row), "hash", hash, hash_of(row, "validators_hash"));
    for (uint32_t i = 0; i < set.count; i++) {
        assay_validator_set alone = {.validators = &set.validators[i], .count = 1};
        expect_ok(name_of(row), "leaf", assay_validators_hash(&hash, &alone, scratch));
        assay_bytes proto = unhex(json_string_value(item_of(row, "simple_validator_protos", i)), &keep);
        expect_hash(name_of(row), "leaf", hash, assay_merkle_leaf(proto));
    }

    assay_bytes proto = bytes_of(row, "validator_set_proto", &keep);
    assay_buf ours = buf_new(&keep, proto.len), again = buf_new(&keep, proto.len);
    expect_ok(name_of(row), "encode", assay_validators_encode(&ours, &set));
    expect_bytes(name_of(row), "set", buf_bytes(&ours), proto);
    expect_ok(name_of(row), "decode", assay_validators_decode(&decoded, &keep, proto));
    expect_set(name_of(row), &decoded, &wanted);
    assert_int_equal(assay_validators_proposer(&decoded), number_of(row, "proposer_index"));
    expect_ok(name_of(row), "encode again", assay_validators_encode(&again, &decoded));
    expect_bytes(name_of(row), "decoded set", buf_bytes(&again), proto);
}

static void test_sets(void **state) {
    (void)state;
    each("validator_set", check_set);
}

/* ---- rotation and updates ------------------------------------------------------------------------------------ */

static void check_update(const json_t *row, const json_t *step, assay_validator_set *set, assay_arena *keep) {
    assay_validator_set before, changed, wanted = set_of(step, "validators", keep);
    assay_arena scratch = scratch_of(keep);
    expect_ok(name_of(row), "copy", assay_validators_copy(&before, keep, set));
    assay_err err = assay_validators_update(&changed, keep, set, input_of(step, "changes", keep),
                                            (uint32_t)count_of(step, "changes"), scratch);
    if (flag_of(step, "accepted")) {
        expect_ok(name_of(row), "update", err);
        expect_set("the old set", set, &before);
        *set = changed;
    } else if (err != ASSAY_E_RANGE && err != ASSAY_E_DUPLICATE && err != ASSAY_E_NOT_FOUND) {
        fail_msg("%s: update gave %s", name_of(row), assay_base_err_code(err));
    }
    expect_set(name_of(row), set, &wanted);
    assay_hash hash;
    expect_ok(name_of(row), "hash", assay_validators_hash(&hash, set, scratch));
    expect_hash(name_of(row), "hash", hash, hash_of(step, "validators_hash"));
    assert_int_equal(set->total_power, number_of(step, "total_power"));
}

static void check_proposer(const json_t *row, assay_arena keep) {
    assay_validator_set set, wanted = set_of(row, "validators", &keep);
    expect_ok(name_of(row), "new",
              assay_validators_new(&set, &keep, input_of(row, "input", &keep), (uint32_t)count_of(row, "input")));
    expect_set(name_of(row), &set, &wanted);
    assert_int_equal(assay_validators_proposer(&set), number_of(row, "proposer_index"));
    size_t i;
    json_t *step;
    json_array_foreach(field(row, "steps"), i, step) {
        assay_arena here = keep;
        if (strcmp(text_of(step, "op"), "update") == 0) {
            check_update(row, step, &set, &here);
            keep = here; /* the set lives there now */
            continue;
        }
        assay_validators_rotate(&set, (uint32_t)number_of(step, "times"));
        if (assay_validators_proposer(&set) != number_of(step, "proposer_index"))
            fail_msg("%s: step %zu: proposer %u", name_of(row), i, assay_validators_proposer(&set));
        const json_t *priorities = json_object_get(step, "priorities");
        for (size_t k = 0; priorities && k < set.count; k++)
            assert_int_equal(set.validators[k].priority, number_value(json_array_get(priorities, k)));
    }
}

static void test_proposers(void **state) {
    (void)state;
    each("proposer", check_proposer);
}

/* What is refused, each with its own error. */
static void test_refused_sets(void **state) {
    (void)state;
    assay_arena keep = vectors_arena(), scratch = scratch_of(&keep);
    assay_validator in[3] = {
        {.public_key = {{1}}, .power = 5}, {.public_key = {{2}}, .power = 5}, {.public_key = {{3}}, .power = 5}};
    assay_validator_set set, out;
    expect_err("nobody", assay_validators_new(&out, &keep, in, 0), ASSAY_E_RANGE);
    expect_err("too many", assay_validators_new(&out, &keep, in, ASSAY_VALIDATORS_MAX + 1), ASSAY_E_RANGE);
    expect_ok("three", "new", assay_validators_new(&set, &keep, in, 3));

    assay_validator change = {.public_key = {{2}}, .power = 0};
    expect_ok("removal", "update", assay_validators_update(&out, &keep, &set, &change, 1, scratch));
    assert_int_equal(out.count, 2);
    change.public_key.b[0] = 9;
    expect_err("removal of nobody", assay_validators_update(&out, &keep, &set, &change, 1, scratch), ASSAY_E_NOT_FOUND);
    assay_validator twice[2] = {{.public_key = {{2}}, .power = 1}, {.public_key = {{2}}, .power = 2}};
    expect_err("twice", assay_validators_update(&out, &keep, &set, twice, 2, scratch), ASSAY_E_DUPLICATE);
    expect_err("twice", assay_validators_new(&out, &keep, twice, 2), ASSAY_E_DUPLICATE);
    assay_validator all[3] = {in[0], in[1], in[2]};
    for (int i = 0; i < 3; i++) all[i].power = 0;
    expect_err("to nobody", assay_validators_update(&out, &keep, &set, all, 3, scratch), ASSAY_E_RANGE);
    expect_err("power 0", assay_validators_new(&out, &keep, all, 3), ASSAY_E_RANGE);
    in[0].power = ASSAY_POWER_TOTAL_MAX - 9;
    expect_err("too heavy", assay_validators_new(&out, &keep, in, 3), ASSAY_E_RANGE);
    in[0].power = ASSAY_POWER_TOTAL_MAX - 10;
    expect_ok("just light enough", "new", assay_validators_new(&out, &keep, in, 3));
    in[0].power = UINT64_MAX;
    expect_err("wraps", assay_validators_new(&out, &keep, in, 3), ASSAY_E_RANGE);

    assay_arena none = assay_base_arena(vectors_memory, 64);
    in[0].power = 5;
    expect_err("memory", assay_validators_new(&out, &none, in, 3), ASSAY_F_MEMORY);
    expect_err("memory", assay_validators_update(&out, &none, &set, twice, 1, scratch), ASSAY_F_MEMORY);
    expect_err("memory", assay_validators_update(&out, &keep, &set, twice, 1, none), ASSAY_F_MEMORY);
}

/* A decoded set must be one: every single change of it is refused. */
static void test_refused_encodings(void **state) {
    (void)state;
    assay_arena keep = vectors_arena();
    assay_validator in[3] = {
        {.public_key = {{1}}, .power = 7}, {.public_key = {{2}}, .power = 6}, {.public_key = {{3}}, .power = 5}};
    assay_validator_set set, bad, out;
    expect_ok("three", "new", assay_validators_new(&set, &keep, in, 3));
    struct {
        const char *what;
        assay_err wanted;
    } cases[] = {{"as it is", ASSAY_OK},        {"order", ASSAY_E_ENCODING},
                 {"address", ASSAY_E_ENCODING}, {"the same twice", ASSAY_E_ENCODING},
                 {"power 0", ASSAY_E_RANGE},    {"sum", ASSAY_E_RANGE},
                 {"empty", ASSAY_E_ENCODING}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_ok("three", "copy", assay_validators_copy(&bad, &keep, &set));
        if (i == 1) bad.validators[0].power = 1;
        if (i == 2) bad.validators[1].address.b[3] ^= 1;
        if (i == 3) bad.validators[2] = bad.validators[1], bad.validators[2].power = 1;
        if (i == 4) bad.validators[2].power = 0;
        if (i == 5) bad.validators[0].power = ASSAY_POWER_TOTAL_MAX;
        if (i == 6) bad.count = 0;
        assay_buf encoded = buf_new(&keep, 1024);
        expect_ok(cases[i].what, "encode", assay_validators_encode(&encoded, &bad));
        expect_err(cases[i].what, assay_validators_decode(&out, &keep, buf_bytes(&encoded)), cases[i].wanted);
    }
    /* The proposer's copy must be the proposer: its last byte is its priority's or power's. */
    assay_buf encoded = buf_new(&keep, 1024);
    expect_ok("three", "encode", assay_validators_encode(&encoded, &set));
    encoded.ptr[encoded.len - 1] ^= 1;
    expect_err("proposer", assay_validators_decode(&out, &keep, buf_bytes(&encoded)), ASSAY_E_ENCODING);
}

/* ---- median time --------------------------------------------------------------------------------------------- */

static void check_median(const json_t *row, assay_arena keep) {
    assay_commit commit = commit_of(row, &keep);
    assay_validator_set set = set_of(row, "validators", &keep);
    assay_time median;
    expect_ok(name_of(row), "median", assay_commit_median_time(&median, &commit, &set, keep));
    assert_int_equal(median.seconds, number_of(row, "median_seconds"));
    assert_int_equal(median.nanos, number_of(row, "median_nanos"));
    for (uint32_t i = 0; i < commit.sigs_count; i++) {
        if (commit.sigs[i].flag == ASSAY_FLAG_ABSENT) continue;
        commit.sigs[i].validator.b[0] ^= 1;
        expect_err(name_of(row), assay_commit_median_time(&median, &commit, &set, keep), ASSAY_E_COMMIT);
        break;
    }
}

static void test_median_times(void **state) {
    (void)state;
    each("median_time", check_median);
}

/* ---- commits against sets ------------------------------------------------------------------------------------ */

static void check_commit_verify(const json_t *row, assay_arena keep) {
    assay_validator_set set = set_of(row, "validators", &keep);
    assay_commit commit = commit_of(row, &keep);
    assay_block_id id = {.hash = hash_of(row, "expected_hash"),
                         .parts_total = (uint32_t)number_of(row, "expected_parts_total"),
                         .parts_hash = hash_of(row, "expected_parts_hash")};
    uint64_t power = 77;
    assay_err err = assay_commit_check(&power, &commit, &set, assay_base_bytes_str(text_of(row, "chain_id")), &id,
                                       number_of(row, "expected_height"), keep);
    if (flag_of(row, "verify_commit")) {
        expect_ok(name_of(row), "check", err);
        assert_true(assay_base_more_than(power, set.total_power, 2, 3));
        assert_int_equal(assay_commit_overlap(&commit, &set), power);
    } else {
        if (err != ASSAY_E_COMMIT && err != ASSAY_E_SIGNATURE)
            fail_msg("%s: %s", name_of(row), assay_base_err_code(err));
        assert_int_equal(power, 77);
    }
    /* The overlap counts power alone; what CometBFT refuses for lack of power, it must be too little for. */
    uint64_t overlap = assay_commit_overlap(&commit, &set);
    if (flag_of(row, "verify_trusting_one_third")) assert_true(assay_base_more_than(overlap, set.total_power, 1, 3));
    if (flag_of(row, "verify_trusting_two_thirds")) assert_true(assay_base_more_than(overlap, set.total_power, 2, 3));
    if (flag_of(row, "third_fails_for_lack_of_power"))
        assert_false(assay_base_more_than(overlap, set.total_power, 1, 3));
}

static void test_commit_verify(void **state) {
    (void)state;
    each("commit_verify", check_commit_verify);
}

/* Which error is for what, on a commit that holds. */
static void test_commit_errors(void **state) {
    (void)state;
    json_t *rows = vectors_load("commit_verify");
    const json_t *row = json_array_get(rows, 1);
    assert_string_equal(name_of(row), "four_all");
    assay_arena keep = vectors_arena();
    assay_validator_set set = set_of(row, "validators", &keep);
    assay_bytes chain_id = assay_base_bytes_str(text_of(row, "chain_id"));
    for (int i = 0; i < 12; i++) {
        assay_commit commit = commit_of(row, &keep);
        assay_block_id id = commit.block_id;
        int64_t height = commit.height;
        assay_err wanted = i == 0 ? ASSAY_OK : ASSAY_E_COMMIT;
        if (i == 1) height++;
        if (i == 2) commit.sigs_count--;
        if (i == 3) id.parts_total++;
        if (i == 4) commit.sigs[0].validator = commit.sigs[1].validator;
        if (i == 5) commit.sigs[2].flag = 4;
        if (i == 6) commit.sigs[3].flag = commit.sigs[2].flag = ASSAY_FLAG_ABSENT; /* two of four */
        if (i == 7) id = commit.block_id = (assay_block_id){0};
        if (i >= 8) wanted = ASSAY_E_SIGNATURE;
        if (i == 8) commit.sigs[3].signature.b[40] ^= 1;
        if (i == 9) commit.sigs[0].timestamp.nanos ^= 1;
        if (i == 10) commit.round++;
        if (i == 11) commit.sigs[3].flag = ASSAY_FLAG_NIL; /* what was signed was for the block */
        uint64_t power;
        assay_err err = assay_commit_check(&power, &commit, &set, chain_id, &id, height, keep);
        if (err != wanted) fail_msg("case %d: %s", i, assay_base_err_code(err));
    }
    uint64_t power;
    assay_commit commit = commit_of(row, &keep);
    assay_block_id id = commit.block_id;
    expect_err("chain", assay_commit_check(&power, &commit, &set, ASSAY_STR("other"), &id, commit.height, keep),
               ASSAY_E_SIGNATURE);
    expect_err(
        "memory",
        assay_commit_check(&power, &commit, &set, chain_id, &id, commit.height, assay_base_arena(vectors_memory, 64)),
        ASSAY_F_MEMORY);
    /* Somebody who signs twice counts once. */
    uint64_t once = assay_commit_overlap(&commit, &set);
    commit.sigs[1] = commit.sigs[0];
    assert_int_equal(assay_commit_overlap(&commit, &set), once - set.validators[1].power);
    json_decref(rows);
}

/* ---- chains -------------------------------------------------------------------------------------------------- */

/* Memory of one height; what lives from height to height is in the arena of the case. */
static uint8_t height_memory[1 << 23];

/* What a node of ours would hold between blocks. */
typedef struct chain {
    assay_validator_set last, now, next;
    assay_block_id last_block_id;
    assay_hash last_results_hash, app_hash;
    assay_bytes chain_id;
} chain;

static void check_results_of(const json_t *height, chain *c, assay_arena keep) {
    uint32_t count = (uint32_t)count_of(height, "results");
    assay_tx_result *results = ASSAY_NEW(&keep, assay_tx_result, count);
    for (uint32_t i = 0; i < count; i++) {
        const json_t *r = item_of(height, "results", i);
        results[i] = (assay_tx_result){.code = (uint32_t)number_of(r, "code"),
                                       .data = bytes_of(r, "data", &keep),
                                       .gas_wanted = number_of(r, "gas_wanted"),
                                       .gas_used = number_of(r, "gas_used")};
    }
    expect_ok("chain", "results", assay_results_hash(&c->last_results_hash, results, count, keep));
    c->app_hash = hash_of(height, "app_hash_after");
}

static void check_light_block(const json_t *height, const chain *c, const assay_header *header,
                              assay_bytes commit_proto, assay_arena keep) {
    assay_commit commit;
    uint64_t power;
    expect_ok("chain", "commit", assay_commit_decode(&commit, &keep, commit_proto));
    assay_block_id id = {assay_header_hash(header), (uint32_t)number_of(height, "parts_total"),
                         hash_of(height, "parts_hash")};
    expect_ok("chain", "check", assay_commit_check(&power, &commit, &c->now, c->chain_id, &id, header->height, keep));
    assay_bytes wanted = bytes_of(height, "light_block_proto", &keep);
    assay_buf out = buf_new(&keep, wanted.len);
    expect_ok("chain", "light block", assay_light_block_encode(&out, header, &commit, &c->now));
    expect_bytes("chain", "light block", buf_bytes(&out), wanted);
    assay_buf small = {out.ptr, 0, wanted.len - 1};
    expect_err("small", assay_light_block_encode(&small, header, &commit, &c->now), ASSAY_F_MEMORY);
    assert_int_equal(small.len, 0);
}

static void check_height(const json_t *height, chain *c, assay_arena *keep) {
    assay_arena scratch = scratch_of(keep);
    assay_bytes proto = bytes_of(height, "block_proto", keep);
    assay_block block;
    expect_ok("chain", "decode", assay_block_decode(&block, keep, proto, scratch));
    assay_buf again = buf_new(keep, proto.len);
    expect_ok("chain", "encode", assay_block_encode(&again, &block));
    expect_bytes("chain", "block", buf_bytes(&again), proto);

    const assay_header *header = &block.header;
    assert_int_equal(header->height, number_of(height, "height"));
    expect_hash("chain", "block hash", assay_header_hash(header), hash_of(height, "block_hash"));
    expect_hash("chain", "app hash", header->app_hash, c->app_hash);
    expect_hash("chain", "results", header->last_results_hash, c->last_results_hash);
    assert_true(assay_block_id_eq(&header->last_block_id, &c->last_block_id));
    assay_hash hash;
    expect_ok("chain", "hash", assay_validators_hash(&hash, &c->now, scratch));
    expect_hash("chain", "validators", header->validators_hash, hash);
    expect_ok("chain", "hash", assay_validators_hash(&hash, &c->next, scratch));
    expect_hash("chain", "next validators", header->next_validators_hash, hash);

    if (header->height > 1) {
        assay_time median;
        uint64_t power;
        expect_ok("chain", "median", assay_commit_median_time(&median, &block.last_commit, &c->last, scratch));
        assert_int_equal(assay_base_time_cmp(median, header->time), 0);
        expect_ok("chain", "last commit",
                  assay_commit_check(&power, &block.last_commit, &c->last, c->chain_id, &c->last_block_id,
                                     header->height - 1, scratch));
    }
    assay_validator_set rounds, wanted = set_of(height, "validators", keep);
    expect_set("chain", &c->now, &wanted);
    expect_ok("chain", "copy", assay_validators_copy(&rounds, keep, &c->now));
    if (number_of(height, "round") > 0) assay_validators_rotate(&rounds, (uint32_t)number_of(height, "round"));
    assay_address proposer = rounds.validators[assay_validators_proposer(&rounds)].address;
    assert_true(assay_base_address_eq(proposer, header->proposer));
    assert_true(assay_base_address_eq(proposer, address_of(height, "proposer_address")));

    uint32_t total;
    expect_ok("chain", "parts", assay_block_parts(&total, &hash, proto, scratch));
    assert_int_equal(total, number_of(height, "parts_total"));
    expect_hash("chain", "parts", hash, hash_of(height, "parts_hash"));
    check_light_block(height, c, header, bytes_of(height, "commit_proto", keep), scratch);
    c->last_block_id = (assay_block_id){assay_header_hash(header), total, hash};
}

static void check_chain(const json_t *row, assay_arena keep) {
    chain c = {.chain_id = assay_base_bytes_str(text_of(row, "chain_id"))};
    uint32_t count = (uint32_t)count_of(row, "genesis_validators");
    expect_ok(name_of(row), "genesis",
              assay_validators_new(&c.now, &keep, input_of(row, "genesis_validators", &keep), count));
    expect_ok(name_of(row), "genesis", assay_validators_copy(&c.next, &keep, &c.now));
    assay_validators_rotate(&c.next, 1);
    c.last_results_hash = assay_merkle_root(NULL, 0);
    size_t i;
    json_t *height;
    json_array_foreach(field(row, "heights"), i, height) {
        assay_arena here = assay_base_arena(height_memory, sizeof height_memory);
        check_height(height, &c, &here);
        check_results_of(height, &c, here);
        assay_arena scratch = scratch_of(&here);
        assay_validator_set after;
        expect_ok(name_of(row), "updates",
                  assay_validators_update(&after, &keep, &c.next, input_of(height, "validator_updates", &here),
                                          (uint32_t)count_of(height, "validator_updates"), scratch));
        assay_validators_rotate(&after, 1);
        c.last = c.now;
        c.now = c.next;
        c.next = after;
    }
}

static void test_chains(void **state) {
    (void)state;
    each("chain", check_chain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets),          cmocka_unit_test(test_proposers),
        cmocka_unit_test(test_refused_sets),  cmocka_unit_test(test_refused_encodings),
        cmocka_unit_test(test_median_times),  cmocka_unit_test(test_commit_verify),
        cmocka_unit_test(test_commit_errors), cmocka_unit_test(test_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
