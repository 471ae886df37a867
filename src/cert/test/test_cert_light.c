/* SPDX-License-Identifier: Apache-2.0
 *
 * The light client against CometBFT's: blocks, pairs, rows and forks that CometBFT's own code judged
 * (spec/vectors/comet/light_*.json). CometBFT's trust level 1/3 is ours with allow_overlap, 2/3 ours without.
 *
 *   CometBFT                              ours
 *   ok                                    ASSAY_OK, but where a signature it did not read is wrong: ASSAY_E_SIGNATURE
 *   expired                               ASSAY_E_AGE
 *   untrusted, level 1/3                  ASSAY_E_ANCHOR
 *   untrusted, level 2/3                  ASSAY_E_OVERLAP or, at 1/3 or less, ASSAY_E_ANCHOR
 *   invalid_chain                         ASSAY_E_OTHER_CHAIN
 *   invalid_time, _set, _form, next_set   ASSAY_E_BLOCK
 *   invalid_future                        ASSAY_E_CLOCK
 *   invalid_height                        ASSAY_E_ANCHOR: nothing is proven backwards, though CometBFT's
 *                                         VerifyBackwards does along hashes (the rows below_…)
 *   invalid_power, _commit                ASSAY_E_COMMIT
 *   invalid_signature                     ASSAY_E_SIGNATURE
 * A commit is judged before the anchor here and after it there, so one that is wrong itself is that whatever the
 * overlap. The other rows that differ stand in `exceptions`, each with its reason. */
#include "cert/cert.h"

#include "../../types/test/vectors_internal.h"

#define BLOCKS_MAX 128
#define PATH_MAX_BLOCKS 16

typedef struct stored {
    const char *name;
    assay_hash hash; /* as CometBFT says */
    assay_header header;
    assay_commit commit;
    assay_validator_set set;
} stored;

static uint8_t blocks_memory[1 << 22];
static stored blocks[BLOCKS_MAX];
static size_t blocks_count;
static json_t *block_rows; /* the names are views into it */
static const assay_cert_policy strict = {0}, lax = {.allow_overlap = true};

static int load_blocks(void **state) {
    (void)state;
    assay_arena keep = assay_base_arena(blocks_memory, sizeof blocks_memory);
    block_rows = vectors_load("light_block");
    blocks_count = json_array_size(block_rows);
    assert_true(blocks_count <= BLOCKS_MAX);
    for (size_t i = 0; i < blocks_count; i++) {
        const json_t *row = json_array_get(block_rows, i);
        stored *b = &blocks[i];
        b->name = name_of(row);
        b->hash = hash_of(row, "header_hash");
        expect_ok(b->name, "header", assay_header_decode(&b->header, bytes_of(row, "header_proto", &keep)));
        expect_ok(b->name, "commit", assay_commit_decode(&b->commit, &keep, bytes_of(row, "commit_proto", &keep)));
        expect_ok(b->name, "set", assay_validators_decode(&b->set, &keep, bytes_of(row, "validator_set_proto", &keep)));
        expect_hash(b->name, "hash", assay_header_hash(&b->header), b->hash);
    }
    return 0;
}

static int free_blocks(void **state) {
    (void)state;
    json_decref(block_rows);
    return 0;
}

static const stored *named(const char *name) {
    for (size_t i = 0; i < blocks_count; i++)
        if (strcmp(blocks[i].name, name) == 0) return &blocks[i];
    fail_msg("no block %s", name);
    return NULL;
}

static assay_cert_light_block view(const char *name) {
    const stored *b = named(name);
    return (assay_cert_light_block){&b->header, &b->commit, &b->set};
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

static const struct exception {
    const char *name;
    assay_err one_third, two_thirds;
    const char *reason;
} exceptions[] = {
    {"the_trusted_block_itself", ASSAY_OK, ASSAY_OK, "what is trusted already verifies: a pinned header"},
    {"next_expired_with_another_set", ASSAY_E_BLOCK, ASSAY_E_BLOCK, "two faults; what contradicts itself comes first"},
    {"later_signed_by_50_of_140", ASSAY_E_COMMIT, ASSAY_E_COMMIT, "two faults; the commit comes first"},
    {"too_many_for_nil", ASSAY_E_COMMIT, ASSAY_E_COMMIT, "two faults; the commit comes first"},
    {"at_the_drift_exactly", ASSAY_OK, ASSAY_OK, "the last nanosecond counts as within (spec/trust.md 3)"},
    {"expires_now", ASSAY_OK, ASSAY_OK, "the last nanosecond counts as within (spec/trust.md 3)"},
    {"clock_before_the_trusted_block", ASSAY_E_CLOCK, ASSAY_E_CLOCK, "a clock that is behind what is trusted is wrong"},
    {"commit_of_another_height", ASSAY_E_COMMIT, ASSAY_E_COMMIT, "CometBFT calls it form"},
};

/* What follows from CometBFT's word alone. */
static assay_err usual(const char *verdict, bool all_signatures) {
    static const struct {
        const char *verdict;
        assay_err err;
    } rows[] = {{"expired", ASSAY_E_AGE},
                {"untrusted", ASSAY_E_ANCHOR},
                {"invalid_chain", ASSAY_E_OTHER_CHAIN},
                {"invalid_time", ASSAY_E_BLOCK},
                {"invalid_set", ASSAY_E_BLOCK},
                {"invalid_form", ASSAY_E_BLOCK},
                {"next_set", ASSAY_E_BLOCK},
                {"invalid_height", ASSAY_E_ANCHOR},
                {"invalid_future", ASSAY_E_CLOCK},
                {"invalid_power", ASSAY_E_COMMIT},
                {"invalid_commit", ASSAY_E_COMMIT},
                {"invalid_signature", ASSAY_E_SIGNATURE}};
    if (strcmp(verdict, "ok") == 0) return all_signatures ? ASSAY_OK : ASSAY_E_SIGNATURE;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(verdict, rows[i].verdict) == 0) return rows[i].err;
    fail_msg("no such verdict: %s", verdict);
    return ASSAY_F_BUG;
}

static size_t exceptions_used;

static const struct exception *exception_of(const char *name) {
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (strcmp(exceptions[i].name, name) == 0) return &exceptions[i];
    return NULL;
}

static void check_pair(const json_t *row, assay_arena scratch) {
    const char *name = name_of(row);
    const assay_cert_light_block trusted = view(text_of(row, "trusted"));
    assay_cert_light_block block = view(text_of(row, "block"));
    block.validators = &named(text_of(row, "validators_of"))->set;
    assert_int_equal(number_of(row, "max_clock_drift_seconds"), ASSAY_CERT_CLOCK_DRIFT_SECONDS);
    const uint64_t period = (uint64_t)number_of(row, "trusting_seconds");
    const assay_cert_light_rules third = {period, &lax, time_of(row)}, two_thirds = {period, &strict, time_of(row)};
    const char *at_third = text_of(row, "verify_one_third"), *at_two_thirds = text_of(row, "verify_two_thirds");
    bool all = flag_of(row, "verify_commit");
    assay_cert_anchor anchor;
    assay_err lax_err = assay_cert_light_verify(&anchor, &trusted, &block, &third, scratch);
    assay_err err = assay_cert_light_verify(&anchor, &trusted, &block, &two_thirds, scratch);
    const struct exception *except = exception_of(name);
    if (except) {
        exceptions_used++;
        expect_err(name, lax_err, except->one_third);
        expect_err(name, err, except->two_thirds);
        /* An exception that the table would have foretold is none. */
        assert_true(usual(at_third, all) != except->one_third || usual(at_two_thirds, all) != except->two_thirds);
        return;
    }
    expect_err(name, lax_err, usual(at_third, all));
    bool between = strcmp(at_two_thirds, "untrusted") == 0 && strcmp(at_third, "untrusted") != 0;
    expect_err(name, err, between ? ASSAY_E_OVERLAP : usual(at_two_thirds, all));
    if (between) assert_true(anchor.overlap_short);
}

static void test_pairs(void **state) {
    (void)state;
    exceptions_used = 0;
    each("light_verify", check_pair);
    assert_int_equal(exceptions_used, sizeof exceptions / sizeof *exceptions);
}

/* The two levels that a reader can choose are levels to CometBFT too, and the lower one is the lowest of all. */
static void check_level(const json_t *row, assay_arena keep) {
    (void)keep;
    int64_t numerator = number_of(row, "numerator"), denominator = number_of(row, "denominator");
    bool within = denominator > 0 && 3 * numerator >= denominator && numerator <= denominator;
    assert_int_equal(flag_of(row, "valid"), within);
    if (denominator == 3 && (numerator == 1 || numerator == 2)) assert_true(flag_of(row, "valid"));
}

static void test_levels(void **state) {
    (void)state;
    each("light_level", check_level);
}

/* ---- rows of blocks ---------------------------------------------------------------------------------------------- */

static void skip_with(const json_t *row, const assay_cert_policy *policy, const char *verdict, assay_arena keep) {
    const char *name = name_of(row);
    size_t count = count_of(row, "blocks");
    assay_cert_light_block list[PATH_MAX_BLOCKS];
    assert_true(count >= 2 && count <= PATH_MAX_BLOCKS);
    for (size_t i = 0; i < count; i++) list[i] = view(json_string_value(item_of(row, "blocks", i)));
    const assay_cert_light_path path = {list + 1, (uint32_t)count - 1};
    const assay_cert_light_rules rules = {(uint64_t)number_of(row, "trusting_seconds"), policy, time_of(row)};
    static uint8_t more[1 << 20];
    assay_cert_light_trace trace;
    assay_err err = assay_cert_light_skip(&trace, &keep, list, &path, &rules, assay_base_arena(more, sizeof more));
    expect_err(name, err, usual(verdict, true));
    if (err != ASSAY_OK) return;
    /* Each step holds by itself, and the last is the block that was asked for. */
    assert_true(trace.steps_count >= 1 && trace.steps_count <= path.count);
    assert_int_equal(trace.steps[trace.steps_count - 1], path.count - 1);
    const assay_cert_light_block *from = list;
    bool overlap_short = false;
    for (uint32_t i = 0; i < trace.steps_count; i++) {
        assay_cert_anchor anchor;
        expect_ok(name, "step", assay_cert_light_verify(&anchor, from, &path.blocks[trace.steps[i]], &rules, keep));
        overlap_short = overlap_short || anchor.overlap_short;
        from = &path.blocks[trace.steps[i]];
    }
    assert_int_equal(trace.overlap_short, overlap_short);
    print_message("%s: %u steps over %u blocks\n", name, trace.steps_count, path.count);
    if (path.count > 4) assert_true(2 * trace.steps_count <= path.count); /* halves, not one by one */
}

static void check_skip(const json_t *row, assay_arena keep) {
    skip_with(row, &lax, text_of(row, "skipping_one_third"), keep);
    skip_with(row, &strict, text_of(row, "skipping_two_thirds"), keep);
}

static void test_skipping(void **state) {
    (void)state;
    each("light_skip", check_skip);
}

static void test_skipping_borders(void **state) {
    (void)state;
    assay_arena keep = vectors_arena(), none = assay_base_arena(blocks_memory, 0);
    static uint8_t more[1 << 20];
    assay_arena scratch = assay_base_arena(more, sizeof more);
    const assay_cert_light_block list[] = {view("rotating_1"), view("rotating_2"), view("rotating_13"),
                                           view("rotating_2")};
    const assay_cert_light_rules rules = {86400, &strict, {named("rotating_13")->header.time.seconds, 999999999}};
    assay_cert_light_trace trace;
    assay_cert_light_path path = {list + 1, 0};
    expect_err("empty", assay_cert_light_skip(&trace, &keep, list, &path, &rules, scratch), ASSAY_E_RANGE);
    path.count = 1;
    expect_err("next", assay_cert_light_skip(&trace, &keep, list, &path, &rules, scratch), ASSAY_OK);
    expect_err("memory", assay_cert_light_skip(&trace, &none, list, &path, &rules, scratch), ASSAY_F_MEMORY);
    path.blocks = list;
    expect_err("itself", assay_cert_light_skip(&trace, &keep, list, &path, &rules, scratch), ASSAY_E_RANGE);
    path = (assay_cert_light_path){list + 2, 2};
    expect_err("downwards", assay_cert_light_skip(&trace, &keep, list, &path, &rules, scratch), ASSAY_E_RANGE);
    /* Nobody of the first set is left in the last, and what lies between is not at hand. */
    path = (assay_cert_light_path){list + 1, 2};
    expect_err("gap", assay_cert_light_skip(&trace, &keep, list, &path, &rules, scratch), ASSAY_E_ANCHOR);
    assert_int_equal(trace.failed, 1);
    assert_int_equal(trace.steps_count, 1);
}

/* ---- forks ------------------------------------------------------------------------------------------------------- */

static assay_cert_fork_kind kind_of(const char *text) {
    static const char *const names[] = {"none", "equivocation", "amnesia", "lunatic"};
    for (int i = 0; i < 4; i++)
        if (strcmp(names[i], text) == 0) return (assay_cert_fork_kind)i;
    fail_msg("no such kind: %s", text);
    return ASSAY_CERT_FORK_NONE;
}

/* Our evidence is CometBFT's, byte for byte, and stands by itself. */
static void check_votes(const json_t *row, const assay_cert_fork *fork, const assay_validator_set *set,
                        assay_arena keep) {
    assert_int_equal(fork->votes_count, count_of(row, "duplicate_vote_protos"));
    assay_bytes chain_id = assay_base_bytes_str(text_of(row, "chain_id"));
    for (uint32_t i = 0; i < fork->votes_count; i++) {
        const assay_duplicate_vote *vote = &fork->votes[i];
        assay_buf text = buf_new(&keep, 1024);
        expect_ok(name_of(row), "encode", assay_duplicate_vote_encode(&text, vote));
        const char *wanted = json_string_value(item_of(row, "duplicate_vote_protos", i));
        expect_bytes(name_of(row), "evidence", buf_bytes(&text), unhex(wanted, &keep));
        int32_t at = assay_validators_find(set, vote->vote_a.validator);
        assert_true(at >= 0);
        expect_ok(name_of(row), "evidence", assay_duplicate_vote_check(vote, chain_id, set->validators[at].public_key));
    }
}

static void check_fork(const json_t *row, assay_arena keep) {
    const char *name = name_of(row);
    const assay_cert_light_block anchor = view(text_of(row, "anchor")), trusted = view(text_of(row, "trusted")),
                                 other = view(text_of(row, "conflicting"));
    /* Both verify from the anchor: that is what makes it a fork. */
    const assay_cert_light_rules rules = {86400, &lax, {trusted.header->time.seconds + 60, 0}};
    static uint8_t more[1 << 20];
    assay_arena scratch = assay_base_arena(more, sizeof more);
    assay_cert_anchor how;
    expect_ok(name, "trusted", assay_cert_light_verify(&how, &anchor, &trusted, &rules, scratch));
    expect_ok(name, "other", assay_cert_light_verify(&how, &anchor, &other, &rules, scratch));
    assay_cert_fork fork;
    expect_ok(name, "fork", assay_cert_light_fork(&fork, &keep, &anchor, &trusted, &other, scratch));
    assert_int_equal(fork.kind, kind_of(text_of(row, "kind")));
    assert_int_equal(flag_of(row, "attack_verifies"), fork.kind != ASSAY_CERT_FORK_NONE);
    check_votes(row, &fork, trusted.validators, keep);
    /* Whom CometBFT accuses: of an equivocation our double votes, of a lunatic fork our suspects. */
    size_t accused = count_of(row, "byzantine");
    bool lunatic = fork.kind == ASSAY_CERT_FORK_LUNATIC;
    assert_int_equal(accused, lunatic ? fork.suspects_count : fork.votes_count);
    if (!lunatic) assert_int_equal(fork.suspects_count, 0);
    for (uint32_t i = 0; i < accused; i++) {
        assay_public_key key = key_of(item_of(row, "byzantine", i), "pub_key");
        assay_address wanted = assay_crypto_address(key);
        assert_true(assay_base_address_eq(wanted, lunatic ? fork.suspects[i].address : fork.votes[i].vote_a.validator));
        assert_int_equal(number_of(item_of(row, "byzantine", i), "power"),
                         lunatic ? fork.suspects[i].power : fork.votes[i].validator_power);
    }
}

static void test_forks(void **state) {
    (void)state;
    each("light_fork", check_fork);
}

static void test_fork_borders(void **state) {
    (void)state;
    assay_arena keep = vectors_arena(), none = assay_base_arena(blocks_memory, 0);
    static uint8_t more[1 << 20];
    assay_arena scratch = assay_base_arena(more, sizeof more);
    const assay_cert_light_block anchor = view("trusted"), one = view("chain_7"), lower = view("later_signed_by_all"),
                                 lunatic = view("other_app_7"), spoilt = view("last_signature_wrong"),
                                 foreign = view("next_of_another_chain");
    assay_cert_light_block other = view("other_data_7");
    assay_cert_fork fork;
    expect_err("heights", assay_cert_light_fork(&fork, &keep, &anchor, &one, &lower, scratch), ASSAY_E_RANGE);
    /* A forged signature accuses nobody, on either side. */
    expect_err("left", assay_cert_light_fork(&fork, &keep, &anchor, &spoilt, &lower, scratch), ASSAY_E_SIGNATURE);
    expect_err("right", assay_cert_light_fork(&fork, &keep, &anchor, &lower, &spoilt, scratch), ASSAY_E_SIGNATURE);
    assert_int_equal(fork.votes_count, 0);
    expect_err("chain", assay_cert_light_fork(&fork, &keep, &anchor, &foreign, &foreign, scratch), ASSAY_E_OTHER_CHAIN);
    expect_err("memory", assay_cert_light_fork(&fork, &none, &anchor, &one, &other, scratch), ASSAY_F_MEMORY);
    expect_err("memory", assay_cert_light_fork(&fork, &none, &anchor, &one, &lunatic, scratch), ASSAY_F_MEMORY);
    expect_err("memory", assay_cert_light_fork(&fork, &keep, &anchor, &one, &other, none), ASSAY_F_MEMORY);
    other.validators = &named("next_of_a_set_that_was_not_named")->set;
    expect_err("set", assay_cert_light_fork(&fork, &keep, &anchor, &one, &other, scratch), ASSAY_E_BLOCK);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs),    cmocka_unit_test(test_levels),
                                       cmocka_unit_test(test_skipping), cmocka_unit_test(test_skipping_borders),
                                       cmocka_unit_test(test_forks),    cmocka_unit_test(test_fork_borders)};
    return cmocka_run_group_tests(tests, load_blocks, free_blocks);
}
