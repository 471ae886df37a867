/* SPDX-License-Identifier: Apache-2.0
 *
 * Trust files and the light client, at their borders. CometBFT's own verdicts on commits and overlaps are held
 * against the functions used here by the tests of types. */
#include "chain_internal.h"
#include "../cert_internal.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static uint8_t keep_memory[64u << 20], scratch_memory[64u << 20], more_memory[64u << 20];
static chain made, other;
static assay_manifest manifest;
static const assay_cert_policy strict = {0};

static assay_arena arena_of(uint8_t *memory) { return assay_base_arena(memory, sizeof keep_memory); }

static void make(assay_cert *out, chain *at, assay_arena *keep, const chain_options *options) {
    assay_bytes text;
    manifest = chain_manifest(keep, 1);
    chain_make(at, keep, &manifest, (assay_bytes){0}, options, arena_of(scratch_memory));
    assert_int_equal(chain_text(&text, keep, &at->parts, arena_of(scratch_memory)), ASSAY_OK);
    assert_int_equal(assay_cert_parse(out, keep, text, arena_of(scratch_memory)), ASSAY_OK);
    assert_int_equal(assay_cert_check(out, arena_of(scratch_memory)), ASSAY_OK);
}

static assay_time at_second(int64_t after) { return (assay_time){CHAIN_TIME + after, 123456789}; }

/* ---- the light client ---------------------------------------------------------------------------------------- */

/* The certificate's only signer holds `known` of the anchor's power, somebody else `strangers`. */
static assay_err overlap_of(uint64_t known, uint64_t strangers, const assay_cert_policy *policy,
                            assay_cert_anchor *anchor) {
    assay_arena keep = arena_of(keep_memory);
    assay_cert cert;
    const uint64_t one[] = {1000};
    const chain_options options = {.validators = 1, .powers = one};
    make(&cert, &made, &keep, &options);
    assay_trust_checkpoint checkpoint = chain_checkpoint(&made, 10);
    assay_validator list[2] = {{.public_key = made.set.validators[0].public_key, .power = known}, {.power = strangers}};
    assay_key_secret stranger = chain_secret("stranger", 0);
    list[1].public_key = assay_crypto_ed25519_public(&stranger);
    assert_int_equal(assay_validators_new(&checkpoint.validators, &keep, list, 2), ASSAY_OK);
    const assay_trust trust = chain_trust(&checkpoint, 1);
    return assay_cert_anchor_find(anchor, &cert, &trust, policy, at_second(5));
}

static void test_overlap(void **state) {
    (void)state;
    const assay_cert_policy lax = {.allow_overlap = true};
    assay_cert_anchor anchor;
    assert_int_equal(overlap_of(201, 99, &strict, &anchor), ASSAY_OK);
    assert_int_equal(anchor.overlap, 201);
    assert_int_equal(anchor.power, 300);
    assert_false(anchor.overlap_short);
    assert_int_equal(overlap_of(200, 100, &strict, &anchor), ASSAY_E_OVERLAP); /* exactly 2/3 */
    assert_true(anchor.overlap_short);
    assert_int_equal(overlap_of(200, 100, &lax, &anchor), ASSAY_OK);
    assert_true(anchor.overlap_short);
    assert_int_equal(overlap_of(101, 199, &strict, &anchor), ASSAY_E_OVERLAP);
    assert_int_equal(overlap_of(101, 199, &lax, &anchor), ASSAY_OK);
    assert_int_equal(overlap_of(100, 200, &strict, &anchor), ASSAY_E_ANCHOR); /* exactly 1/3 */
    assert_int_equal(overlap_of(100, 200, &lax, &anchor), ASSAY_E_ANCHOR);
    assert_int_equal(overlap_of(ASSAY_POWER_TOTAL_MAX - 1, 1, &strict, &anchor), ASSAY_OK);
}

static void test_age(void **state) {
    (void)state;
    const assay_cert_policy lax = {.allow_age = true};
    assay_arena keep = arena_of(keep_memory);
    assay_cert cert;
    assay_cert_anchor anchor;
    const chain_options options = {0};
    make(&cert, &made, &keep, &options);
    assay_trust_checkpoint checkpoint = chain_checkpoint(&made, 10);
    const assay_trust trust = chain_trust(&checkpoint, 1);
    const int64_t limit = (int64_t)trust.trust_seconds - 10; /* the anchor is ten seconds before the block */
    assay_time now = at_second(limit);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, now), ASSAY_OK);
    assert_int_equal(anchor.age_seconds, trust.trust_seconds);
    now.nanos++;
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, now), ASSAY_E_AGE);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(limit - 1)), ASSAY_OK);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(limit + 1)), ASSAY_E_AGE);
    assert_int_equal(anchor.age_seconds, trust.trust_seconds + 1);
    assert_true(anchor.age_exceeded);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &lax, at_second(limit + 1)), ASSAY_OK);
    assert_true(anchor.age_exceeded);
    /* The clock: not before the anchor, and not more than the drift before the block. */
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(-10)), ASSAY_OK);
    now = at_second(-10);
    now.nanos--;
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, now), ASSAY_E_CLOCK);
    assert_int_equal(anchor.age_seconds, -1);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &lax, at_second(-100000)), ASSAY_E_CLOCK);
    checkpoint = chain_checkpoint(&made, 20);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(-10)), ASSAY_OK);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(-11)), ASSAY_E_CLOCK);
    /* No overflow where clocks are absurd. */
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, (assay_time){INT64_MAX, 999999999}),
                     ASSAY_E_AGE);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, (assay_time){INT64_MIN, 0}),
                     ASSAY_E_CLOCK);
}

static void test_pinned(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory);
    assay_cert cert;
    assay_cert_anchor anchor;
    const chain_options options = {0}, strangers = {.first_key = 50};
    make(&cert, &made, &keep, &options);
    assay_trust_checkpoint checkpoint = chain_checkpoint(&made, 0);
    const assay_trust trust = chain_trust(&checkpoint, 1);
    const assay_time late = at_second(10ll * 365 * 86400);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, late), ASSAY_OK);
    assert_true(anchor.pinned && !anchor.age_exceeded);
    checkpoint.header_hash.b[31] ^= 1; /* another block at that height */
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, late), ASSAY_E_BLOCK);
    /* A forger's chain of the same name: nobody known signed. */
    checkpoint = chain_checkpoint(&made, 10);
    make(&cert, &other, &keep, &strangers);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(5)), ASSAY_E_ANCHOR);
    assert_int_equal(anchor.overlap, 0);
}

static void test_anchors(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory);
    assay_cert cert;
    assay_cert_anchor anchor;
    const chain_options options = {0}, strangers = {.first_key = 50};
    make(&cert, &made, &keep, &options);
    chain_make(&other, &keep, &manifest, (assay_bytes){0}, &strangers, arena_of(scratch_memory));
    assay_trust_checkpoint list[3] = {chain_checkpoint(&made, 30), chain_checkpoint(&made, 20),
                                      chain_checkpoint(&made, -5)};
    const assay_trust trust = chain_trust(list, 3);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(9)), ASSAY_OK);
    assert_int_equal(anchor.height, CHAIN_HEIGHT - 20); /* the highest below, not the one above */
    list[1].validators = other.set;                     /* does not suffice: the next lower one is tried */
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(9)), ASSAY_OK);
    assert_int_equal(anchor.height, CHAIN_HEIGHT - 30);
    list[0].validators = other.set;
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(9)), ASSAY_E_ANCHOR);
    assert_int_equal(anchor.height, CHAIN_HEIGHT - 20);
    const assay_trust above = chain_trust(list + 2, 1);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &above, &strict, at_second(9)), ASSAY_E_ANCHOR);
    assert_false(anchor.found);
    /* Time runs with the heights, above and below. */
    list[2].time = made.header.time;
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &above, &strict, at_second(9)), ASSAY_E_BLOCK);
    list[0] = chain_checkpoint(&made, 30);
    list[0].time = made.header.time;
    const assay_trust same_time = chain_trust(list, 1);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &same_time, &strict, at_second(9)), ASSAY_E_BLOCK);
    list[0].time.nanos--;
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &same_time, &strict, at_second(9)), ASSAY_OK);
    assay_trust foreign = same_time;
    foreign.chain_id = ASSAY_STR("tesu-0123456789ab");
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &foreign, &strict, at_second(9)), ASSAY_E_OTHER_CHAIN);
}

/* ---- trust files --------------------------------------------------------------------------------------------- */

static assay_bytes trust_text(assay_arena *keep, const assay_trust *trust) {
    assay_buf text;
    assert_int_equal(assay_cert_buf_new(&text, keep, assay_trust_size(trust)), ASSAY_OK);
    assert_int_equal(assay_trust_write(&text, trust), ASSAY_OK);
    return (assay_bytes){text.ptr, text.len};
}

static assay_err parse_trust(assay_bytes text) {
    assay_arena keep = arena_of(more_memory);
    assay_trust trust;
    return assay_trust_parse(&trust, &keep, text);
}

/* Written and read again; neither takes what the other does not. */
static assay_err written(assay_arena *keep, const assay_trust *trust) {
    assay_buf text;
    assert_int_equal(assay_cert_buf_new(&text, keep, assay_trust_size(trust)), ASSAY_OK);
    assay_err err = assay_trust_write(&text, trust);
    if (err == ASSAY_OK) assert_int_equal(parse_trust((assay_bytes){text.ptr, text.len}), ASSAY_OK);
    return err;
}

/* The genesis as the only thing that is known: the block after it may be as old as it, and none is older. */
static void test_genesis(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory);
    assay_cert cert;
    assay_cert_anchor anchor;
    const chain_options options = {0}, strangers = {.first_key = 50};
    make(&cert, &made, &keep, &options);
    assay_trust_checkpoint list[2] = {chain_checkpoint(&made, CHAIN_HEIGHT), chain_checkpoint(&made, 5)};
    assay_trust trust = chain_trust(list, 1);
    assert_int_equal(list[0].height, 0);
    assert_int_equal(written(&keep, &trust), ASSAY_E_TRUST_FILE); /* with a header's hash */
    list[0].header_hash = trust.genesis_hash;
    assert_int_equal(written(&keep, &trust), ASSAY_OK);
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(9)), ASSAY_OK);
    assert_int_equal(anchor.height, 0);
    assert_false(anchor.pinned);
    list[0].time = made.header.time;
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(9)), ASSAY_OK);
    list[0].time.nanos++;
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(9)), ASSAY_E_BLOCK);
    /* Before another checkpoint it may be as old as that one, not older; and it comes first, once. */
    trust.checkpoints_count = 2;
    list[0].time = list[1].time;
    assert_int_equal(written(&keep, &trust), ASSAY_OK);
    list[0].time.nanos++;
    assert_int_equal(written(&keep, &trust), ASSAY_E_TRUST_FILE);
    list[1] = list[0];
    assert_int_equal(written(&keep, &trust), ASSAY_E_TRUST_FILE);
    /* Whom the genesis does not name, it does not carry. */
    trust.checkpoints_count = 1;
    list[0] = chain_checkpoint(&made, CHAIN_HEIGHT);
    list[0].header_hash = trust.genesis_hash;
    chain_make(&other, &keep, &manifest, (assay_bytes){0}, &strangers, arena_of(scratch_memory));
    list[0].validators = other.set;
    assert_int_equal(assay_cert_anchor_find(&anchor, &cert, &trust, &strict, at_second(9)), ASSAY_E_ANCHOR);
}

static void test_trust_round_trip(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory);
    static const uint32_t sizes[] = {1, 4, 100};
    static const assay_time times[] = {{-62135596800ll, 0},    {-1, 999999999}, {0, 1},
                                       {951782400, 500000000}, {1795000000, 0}, {253402300799ll, 999999999}};
    for (size_t i = 0; i < 3; i++) {
        const chain_options options = {.validators = sizes[i]};
        assay_cert cert;
        make(&cert, &made, &keep, &options);
        assay_trust_checkpoint list[6];
        for (int64_t c = 0; c < 6; c++) {
            list[c] = chain_checkpoint(&made, 6 - c);
            list[c].time = times[c];
        }
        const assay_trust trust = chain_trust(list, 6);
        assay_bytes text = trust_text(&keep, &trust), again;
        assay_trust back;
        assert_int_equal(assay_trust_parse(&back, &keep, text), ASSAY_OK);
        assert_int_equal(back.checkpoints_count, 6);
        for (size_t c = 0; c < 6; c++) {
            assert_int_equal(assay_base_time_cmp(back.checkpoints[c].time, times[c]), 0);
            assert_int_equal(back.checkpoints[c].validators.total_power, made.set.total_power);
        }
        again = trust_text(&keep, &back);
        assert_true(assay_base_bytes_eq(text, again));
    }
}

/* Every value changed to something that no trust file holds; the form alone tells. */
static void break_tree(json_t *root, size_t *changes) {
    char *text = json_dumps(root, 0);
    if (parse_trust(assay_base_bytes_str(text)) != ASSAY_E_TRUST_FILE) fail_msg("accepted: %s", text);
    free(text);
    (*changes)++;
}

/* One character less, one more, and, where any other is wrong, another. */
static void break_text(json_t *root, json_t *value, bool other_too, size_t *changes) {
    size_t len = json_string_length(value);
    char *old = malloc(len + 1), *text = malloc(len + 2);
    memcpy(old, json_string_value(value), len + 1);
    memcpy(text, old, len + 1);
    text[len - 1] = 0;
    json_string_set(value, text);
    break_tree(root, changes);
    snprintf(text, len + 2, "%s0", old);
    json_string_set(value, text);
    break_tree(root, changes);
    memcpy(text, old, len + 1);
    text[0] = 'G';
    json_string_set(value, text);
    if (other_too) break_tree(root, changes);
    json_string_set(value, old);
    free(old);
    free(text);
}

static void break_members(json_t *root, json_t *object, size_t *changes) {
    char names[16][64];
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) snprintf(names[count++], sizeof names[0], "%s", key);
    for (size_t i = 0; i < count; i++) {
        value = json_incref(json_object_get(object, names[i]));
        json_object_del(object, names[i]);
        break_tree(root, changes);
        json_t *const bad[] = {json_null(),        json_integer(-1), json_integer(0), json_real(3.5), json_string(""),
                               json_string("xyz"), json_array(),     json_object(),   json_true()};
        for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
            json_object_set_new(object, names[i], bad[b]);
            break_tree(root, changes);
        }
        json_object_set_new(object, names[i], value);
        if (json_is_string(value) && strcmp(names[i], "schema") != 0) {
            break_text(root, value, strcmp(names[i], "chain_id") != 0, changes);
        }
    }
}

static void test_trust_mutations(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory);
    const chain_options options = {.validators = 2};
    assay_cert cert;
    make(&cert, &made, &keep, &options);
    assay_trust_checkpoint list[2] = {chain_checkpoint(&made, 30), chain_checkpoint(&made, 20)};
    const assay_trust trust = chain_trust(list, 2);
    assay_bytes text = trust_text(&keep, &trust);
    size_t changes = 0;
    for (size_t which = 0; which < 3; which++) {
        json_t *root = json_loadb((const char *)text.ptr, text.len, 0, NULL);
        json_t *point = json_array_get(json_object_get(root, "checkpoints"), 1);
        json_t *validator = json_array_get(json_object_get(point, "validators"), 1);
        break_members(root, which == 0 ? root : which == 1 ? point : validator, &changes);
        json_decref(root);
    }
    print_message("%zu changes refused\n", changes);
    assert_true(changes > 100);
}

static assay_err trust_with(const char *checkpoints, const char *rest) {
    char text[4096];
    snprintf(text, sizeof text,
             "{\"schema\":\"assay/trust/1\",\"chain_id\":\"test-0123456789ab\",\"genesis_hash\":\"0123456789ab%052d\","
             "\"trust_seconds\":60,\"checkpoints\":[%s]%s}",
             0, checkpoints, rest);
    return parse_trust(assay_base_bytes_str(text));
}

#define KEY_A "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c" /* RFC 8032, 7.1, test 2 */
#define KEY_SMALL "0100000000000000000000000000000000000000000000000000000000000000"
#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define POINT(height, time, validators)                                                                                \
    "{\"height\":" height ",\"time\":\"" time "\",\"header_hash\":\"" HASH_A "\",\"validators\":[" validators "]}"
#define VALIDATOR(key, power) "{\"pub_key\":\"" key "\",\"power\":" power "}"

static void test_trust_form(void **state) {
    (void)state;
    assert_int_equal(trust_with(POINT("1", "2026-11-25T00:00:00Z", VALIDATOR(KEY_A, "5")), ""), ASSAY_OK);
    assert_int_equal(trust_with(POINT("1", "2026-11-25T00:00:00Z", VALIDATOR(KEY_A, "5")), ",\"later\":[1]"), ASSAY_OK);
    assert_int_equal(trust_with(POINT("1", "2026-11-25T00:00:00Z", VALIDATOR(KEY_A, "5")), ",\"schema\":\"x\""),
                     ASSAY_E_TRUST_FILE); /* twice */
    assert_int_equal(trust_with("", ""), ASSAY_E_TRUST_FILE);
    assert_int_equal(trust_with(POINT("1", "2026-11-25T00:00:00Z", VALIDATOR(KEY_SMALL, "5")), ""), ASSAY_E_TRUST_FILE);
    assert_int_equal(
        trust_with(POINT("1", "2026-11-25T00:00:00Z", VALIDATOR(KEY_A, "5") "," VALIDATOR(KEY_A, "6")), ""),
        ASSAY_E_TRUST_FILE);
    assert_int_equal(trust_with(POINT("1", "2026-11-25T00:00:00Z", VALIDATOR(KEY_A, "1152921504606846976")), ""),
                     ASSAY_E_TRUST_FILE);
    assert_int_equal(trust_with(POINT("1", "2026-11-25T00:00:00Z", VALIDATOR(KEY_A, "1152921504606846975")), ""),
                     ASSAY_OK);
    static const char *const bad_times[] = {
        POINT("1", "2026-11-25 00:00:00Z", VALIDATOR(KEY_A, "5")),
        POINT("1", "2026-02-29T00:00:00Z", VALIDATOR(KEY_A, "5")),
        POINT("1", "2026-13-01T00:00:00Z", VALIDATOR(KEY_A, "5")),
        POINT("1", "2026-11-25T24:00:00Z", VALIDATOR(KEY_A, "5")),
        POINT("1", "2026-11-25T00:00:60Z", VALIDATOR(KEY_A, "5")),
        POINT("1", "2026-11-25T00:00:00.Z", VALIDATOR(KEY_A, "5")),
        POINT("1", "2026-11-25T00:00:00.50Z", VALIDATOR(KEY_A, "5")),
        POINT("1", "0000-11-25T00:00:00Z", VALIDATOR(KEY_A, "5")),
        POINT("1", "2026-11-25T00:00:00.1234567891Z", VALIDATOR(KEY_A, "5")),
        POINT("1", "2026-11-25T00:00:00+00:00", VALIDATOR(KEY_A, "5")),
        POINT("1", "2026-11-25T00:00:00", VALIDATOR(KEY_A, "5")),
        POINT("1", "2100-02-29T00:00:00Z", VALIDATOR(KEY_A, "5")),
        POINT("1", "-026-11-25T00:00:00Z", VALIDATOR(KEY_A, "5")),
    };
    for (size_t i = 0; i < sizeof bad_times / sizeof *bad_times; i++)
        assert_int_equal(trust_with(bad_times[i], ""), ASSAY_E_TRUST_FILE);
    assert_int_equal(trust_with(POINT("1", "2024-02-29T23:59:59.000000001Z", VALIDATOR(KEY_A, "5")), ""), ASSAY_OK);
    /* Heights and times ascend together. */
    assert_int_equal(trust_with(POINT("1", "2026-11-25T00:00:00Z", VALIDATOR(KEY_A, "5")) "," POINT(
                                    "2", "2026-11-25T00:00:01Z", VALIDATOR(KEY_A, "5")),
                                ""),
                     ASSAY_OK);
    assert_int_equal(trust_with(POINT("2", "2026-11-25T00:00:00Z", VALIDATOR(KEY_A, "5")) "," POINT(
                                    "2", "2026-11-25T00:00:01Z", VALIDATOR(KEY_A, "5")),
                                ""),
                     ASSAY_E_TRUST_FILE);
    assert_int_equal(trust_with(POINT("1", "2026-11-25T00:00:01Z", VALIDATOR(KEY_A, "5")) "," POINT(
                                    "2", "2026-11-25T00:00:01Z", VALIDATOR(KEY_A, "5")),
                                ""),
                     ASSAY_E_TRUST_FILE);
    assert_int_equal(parse_trust(ASSAY_STR("{\"schema\":\"assay/trust/2\"}")), ASSAY_E_FORMAT);
    assert_int_equal(parse_trust(ASSAY_STR("")), ASSAY_E_TRUST_FILE);
    assert_int_equal(parse_trust(ASSAY_STR("[[[[[[[[[[[[[[[[[[[[[")), ASSAY_E_TRUST_FILE);
}

static void test_trust_write_refuses(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory);
    const chain_options options = {0};
    assay_cert cert;
    make(&cert, &made, &keep, &options);
    static uint8_t room[65536];
    assay_buf out = {.ptr = room, .cap = sizeof room};
    assay_trust_checkpoint list[2] = {chain_checkpoint(&made, 20), chain_checkpoint(&made, 20)};
    assay_trust trust = chain_trust(list, 2);
    assert_int_equal(assay_trust_write(&out, &trust), ASSAY_E_TRUST_FILE);
    trust.checkpoints_count = 0;
    assert_int_equal(assay_trust_write(&out, &trust), ASSAY_E_TRUST_FILE);
    trust.checkpoints_count = 1;
    trust.genesis_hash.b[0] ^= 1; /* not the chain's */
    assert_int_equal(assay_trust_write(&out, &trust), ASSAY_E_TRUST_FILE);
    trust.genesis_hash.b[0] ^= 1;
    out.cap = 100;
    assert_int_equal(assay_trust_write(&out, &trust), ASSAY_F_MEMORY);
    assert_int_equal(out.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_anchors),
        cmocka_unit_test(test_genesis),
        cmocka_unit_test(test_trust_round_trip),
        cmocka_unit_test(test_trust_mutations),
        cmocka_unit_test(test_trust_form),
        cmocka_unit_test(test_trust_write_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
