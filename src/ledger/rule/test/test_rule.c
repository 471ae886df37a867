/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys, records, windows, moments, totals, marks and events: what all rules lean on. */
#include "world_internal.h"

#include "../rule_internal.h"

/* ---- keys and records ---------------------------------------------------------------------------------------- */

static void test_tables(void **unused) {
    (void)unused;
    const assay_rule_table *all[] = {&assay_rule_number_table, &assay_rule_owner_table, &assay_rule_totals_table,
                                     &assay_rule_chain_table, &assay_rule_params_table};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) assert_true(assay_codec_table_ok(all[i]->message));
}

static void test_keys(void **unused) {
    (void)unused;
    assay_rule_key key = assay_rule_key_begin("a/b/");
    assay_rule_key_u64(&key, 0x0102030405060708u);
    assay_rule_key_u32(&key, 0x0a0b0c0du);
    assay_address address = {{9, 8, 7}};
    assay_rule_key_address(&key, address);
    assay_rule_key_hash(&key, (assay_hash){{1}});
    assert_int_equal(key.len, 4 + 8 + 4 + 20 + 32);
    assert_memory_equal(key.bytes, "a/b/\1\2\3\4\5\6\7\10\12\13\14\15\11\10\7", 19);

    assay_rule_key prefix = assay_rule_key_begin("a/b/"), copy;
    assay_bytes tail = assay_rule_key_tail(assay_rule_key_of(&key), &prefix);
    uint64_t number;
    assay_address read;
    OK(assay_rule_read_u64(&number, tail, 0));
    assert_int_equal(number, 0x0102030405060708u);
    OK(assay_rule_read_address(&read, tail, 12));
    assert_true(assay_base_address_eq(read, address));
    OK(assay_rule_read_u64(&number, tail, tail.len - 8));
    REFUSED(ASSAY_F_CORRUPT, assay_rule_read_u64(&number, tail, tail.len - 7));
    REFUSED(ASSAY_F_CORRUPT, assay_rule_read_u64(&number, (assay_bytes){tail.ptr, 7}, 0));
    OK(assay_rule_read_address(&read, tail, tail.len - 20));
    REFUSED(ASSAY_F_CORRUPT, assay_rule_read_address(&read, tail, tail.len - 19));
    REFUSED(ASSAY_F_CORRUPT, assay_rule_read_address(&read, (assay_bytes){tail.ptr, 19}, 0));

    static uint8_t long_key[ASSAY_RULE_KEY_LEN_MAX + 1];
    OK(assay_rule_key_copy(&copy, (assay_bytes){long_key, ASSAY_RULE_KEY_LEN_MAX}));
    REFUSED(ASSAY_F_CORRUPT, assay_rule_key_copy(&copy, (assay_bytes){long_key, ASSAY_RULE_KEY_LEN_MAX + 1}));
}

static assay_rule_key numbered(uint64_t n) {
    assay_rule_key key = assay_rule_key_begin("test/number/");
    assay_rule_key_u64(&key, n);
    return key;
}

static void put_number(world *w, const assay_rule_table *kind, uint64_t n, uint64_t value) {
    const assay_rule_number record = {.value = value, .format = 1};
    assay_rule_key key = numbered(n);
    OK(assay_rule_put(w->f->state, kind, &key, &record));
}

/* Every record under the prefix, in order, as "key=value " text. */
static void listing(char *out, assay_rule_view view, const assay_rule_table *kind, const assay_rule_key *after) {
    assay_rule_key prefix = assay_rule_key_begin("test/number/"), at;
    *out = 0;
    for (const assay_rule_key *from = after;; from = &at) {
        assay_rule_number record;
        assay_bytes key;
        bool found;
        uint64_t n;
        OK(assay_rule_next(view, &key, &record, &found, NULL, kind, &prefix, from));
        if (!found) {
            assert_int_equal(record.value, 0);
            return;
        }
        OK(assay_rule_read_u64(&n, assay_rule_key_tail(key, &prefix), 0));
        out += snprintf(out, 32, "%u=%u ", (unsigned)n, (unsigned)record.value);
        OK(assay_rule_key_copy(&at, key));
    }
}

static void test_records(void **unused) {
    (void)unused;
    const assay_rule_table side = {assay_rule_number_table.message, true};
    const assay_rule_table *tables[] = {&assay_rule_number_table, &side};
    world *w = world_new();
    char text[256];
    for (int t = 0; t < 2; t++) {
        const assay_rule_table *kind = tables[t];
        const uint64_t numbers[] = {5, 1, 300, 256, 7};
        for (int i = 0; i < 5; i++) put_number(w, kind, numbers[i], numbers[i] + (uint64_t)t);
        /* A neighbour on each side of the prefix, which iteration must not reach. */
        assay_rule_key before = assay_rule_key_begin("test/number"), behind = assay_rule_key_begin("test/number0");
        const assay_rule_number record = {.format = 1};
        OK(assay_rule_put(w->f->state, kind, &before, &record));
        OK(assay_rule_put(w->f->state, kind, &behind, &record));
    }
    listing(text, world_view(w), &side, NULL);
    assert_string_equal(text, "1=2 5=6 7=8 256=257 300=301 ");
    world_end(w);

    /* What a snapshot gives is what a state gives, from every place on. */
    for (int t = 0; t < 2; t++)
        for (uint64_t from = 0; from < 303; from += 3) {
            char other[256];
            assay_rule_key after = numbered(from);
            listing(text, world_view(w), tables[t], &after);
            listing(other, world_snapshot(w), tables[t], &after);
            assert_string_equal(text, other);
        }
    listing(text, world_snapshot(w), &assay_rule_number_table, NULL);
    assert_string_equal(text, "1=1 5=5 7=7 256=256 300=300 ");

    /* A block sees its own changes, a snapshot does not. */
    world_begin(w);
    assay_rule_key key = numbered(5), none = numbered(6);
    assay_rule_number record;
    bool found;
    put_number(w, &assay_rule_number_table, 7, 70);
    OK(assay_rule_del(w->f->state, &assay_rule_number_table, &key));
    OK(assay_rule_get(world_view(w), &record, &found, NULL, &assay_rule_number_table, &key));
    assert_false(found);
    assert_int_equal(record.value, 0);
    OK(assay_rule_get(world_snapshot(w), &record, &found, NULL, &assay_rule_number_table, &key));
    assert_true(found);
    assert_int_equal(record.value, 5);
    OK(assay_rule_get(world_snapshot(w), &record, &found, NULL, &assay_rule_number_table, &none));
    assert_false(found);
    listing(text, world_view(w), &assay_rule_number_table, NULL);
    assert_string_equal(text, "1=1 7=70 256=256 300=300 ");
    OK(assay_rule_del(w->f->state, &side, &key));
    OK(assay_rule_get(world_view(w), &record, &found, NULL, &side, &key));
    assert_false(found);
    world_end(w);
    world_free(w);
}

typedef struct big {
    uint32_t format;
    assay_bytes text;
} big;
static const assay_codec_field big_fields[] = {
    ASSAY_FIELD(1, U32, big, format),
    ASSAY_FIELD_BYTES(2, big, text, 2000),
};
static const assay_codec_message big_message = ASSAY_MESSAGE("Big", big, big_fields);

static void test_record_limits(void **unused) {
    (void)unused;
    const assay_rule_table kind = {&big_message, false};
    world *w = world_new();
    assay_rule_key key = assay_rule_key_begin("test/big");
    static uint8_t text[2001];
    /* format takes 2 bytes, the text's head 3: 1,024 in all. */
    big record = {1, {text, ASSAY_STATE_VALUE_LEN_MAX - 5}};
    OK(assay_rule_put(w->f->state, &kind, &key, &record));
    record.text.len++;
    REFUSED(ASSAY_E_RANGE, assay_rule_put(w->f->state, &kind, &key, &record));
    record.text.len = 2001;
    REFUSED(ASSAY_E_RANGE, assay_rule_put(w->f->state, &kind, &key, &record));

    /* What does not decode was damaged: a fault, in a state as in a snapshot. */
    const assay_rule_key damaged = assay_rule_key_begin("test/damaged");
    assay_rule_number number;
    bool found;
    OK(assay_state_put(w->f->state, assay_rule_key_of(&damaged), ASSAY_STR("\xff")));
    REFUSED(ASSAY_F_CORRUPT, assay_rule_get(world_view(w), &number, &found, NULL, &assay_rule_number_table, &damaged));
    assay_bytes found_key;
    REFUSED(ASSAY_F_CORRUPT, assay_rule_next(world_view(w), &found_key, &number, &found, NULL, &assay_rule_number_table,
                                             &damaged, NULL));
    world_end(w);
    REFUSED(ASSAY_F_CORRUPT,
            assay_rule_get(world_snapshot(w), &number, &found, NULL, &assay_rule_number_table, &damaged));
    w->f->storage.fail_read = w->f->storage.reads + 1;
    REFUSED(ASSAY_F_STORAGE,
            assay_rule_get(world_snapshot(w), &number, &found, NULL, &assay_rule_number_table, &damaged));
    world_free(w);
}

static void test_text(void **unused) {
    (void)unused;
    OK(assay_rule_text_check((assay_bytes){0}));
    OK(assay_rule_text_check(ASSAY_STR("plain \"text\", na\xc3\xafve \\ \xf0\x9f\x98\x80")));
    REFUSED(ASSAY_E_ENCODING, assay_rule_text_check(ASSAY_STR("a\nb")));
    REFUSED(ASSAY_E_ENCODING, assay_rule_text_check(ASSAY_STR("a\x7f")));
    REFUSED(ASSAY_E_ENCODING, assay_rule_text_check(ASSAY_STR("a\0")));
    REFUSED(ASSAY_E_ENCODING, assay_rule_text_check(ASSAY_STR("\x1b[31m")));
    REFUSED(ASSAY_E_ENCODING, assay_rule_text_check(ASSAY_STR("\xc3")));
    REFUSED(ASSAY_E_ENCODING, assay_rule_text_check(ASSAY_STR("\xed\xa0\x80")));
    static uint8_t text[ASSAY_RULE_TEXT_LEN_MAX + 1];
    memset(text, '"', sizeof text);
    OK(assay_rule_text_check((assay_bytes){text, ASSAY_RULE_TEXT_LEN_MAX}));
    REFUSED(ASSAY_E_RANGE, assay_rule_text_check((assay_bytes){text, ASSAY_RULE_TEXT_LEN_MAX + 1}));
}

/* ---- windows and moments --------------------------------------------------------------------------------------------
 */

static void test_windows(void **unused) {
    (void)unused;
    const assay_rule_window window = {10, 100};
    const assay_rule_moment from = {50, -30};
    const struct {
        uint64_t height;
        int64_t seconds;
        bool passed;
    } cases[] = {
        {60, 70, false}, /* both end exactly now */
        {61, 70, false}, /* blocks have passed, seconds have not */
        {60, 71, false}, /* the reverse */
        {61, 71, true},
        {50, -30, false},
        {49, 1000, false},
        {1000, -31, false},
        {UINT64_MAX, INT64_MAX, true},
        {UINT64_MAX, INT64_MIN, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const assay_rule_moment now = {cases[i].height, cases[i].seconds};
        assert_int_equal(assay_rule_passed(window, from, now), cases[i].passed);
    }
    const assay_rule_moment first = {0, INT64_MIN}, last = {UINT64_MAX, INT64_MAX};
    assert_true(assay_rule_passed((assay_rule_window){0, 0}, first, last));
    assert_false(assay_rule_passed((assay_rule_window){UINT64_MAX, 0}, first, last));
    assert_false(assay_rule_passed((assay_rule_window){0, UINT64_MAX}, first, last));
    assert_false(assay_rule_passed((assay_rule_window){0, 0}, last, last));

    assert_int_equal(assay_rule_due_height(window, from), 61);
    assert_int_equal(assay_rule_due_height((assay_rule_window){UINT64_MAX - 51, 0}, from), UINT64_MAX);
    assert_int_equal(assay_rule_due_height((assay_rule_window){UINT64_MAX - 50, 0}, from), UINT64_MAX);
    assert_int_equal(assay_rule_due_height((assay_rule_window){UINT64_MAX, 0}, from), UINT64_MAX);

    const assay_params params = {.epoch_blocks = 10};
    assert_int_equal(assay_rule_epoch_end_of(&params, 0), 0);
    assert_int_equal(assay_rule_epoch_end_of(&params, 1), 10);
    assert_int_equal(assay_rule_epoch_end_of(&params, 10), 10);
    assert_int_equal(assay_rule_epoch_end_of(&params, 11), 20);
    assert_int_equal(assay_rule_epoch_end_of(&params, UINT64_MAX), UINT64_MAX);
}

static size_t side_rows(const world *w) { return w->f->storage.spaces[ASSAY_SPACE_SIDE].count; }

static void test_moments(void **unused) {
    (void)unused;
    world *w = world_new();
    w->params.unbonding_blocks = 200;
    w->params.unbonding_seconds = 3000;
    static int64_t seconds[2001];
    uint64_t seed = 1;
    size_t most = 0;
    for (uint64_t h = 1; h <= 2000; h++) {
        w->step = (int64_t)(choose(&seed) % 30); /* several blocks may have one second */
        world_begin(w);
        seconds[h] = w->c.time.seconds;
        assay_rule_moment moment;
        bool found;
        OK(assay_rule_moment_at(world_view(w), &moment, &found, h));
        assert_true(found);
        assert_int_equal(moment.seconds, seconds[h]);
        OK(assay_rule_moment_at(world_view(w), &moment, &found, h + 1));
        assert_false(found);
        OK(assay_rule_moment_at(world_view(w), &moment, &found, h + 64));
        assert_false(found);
        world_end(w);
        if (side_rows(w) > most) most = side_rows(w);
        /* Each past block is known exactly as long as an unbonding window over it is open, or a little longer. */
        uint64_t past = 1 + choose(&seed) % h;
        OK(assay_rule_moment_at(world_snapshot(w), &moment, &found, past));
        assert_int_equal(moment.height, past);
        if (found) assert_int_equal(moment.seconds, seconds[past]);
        if (!found)
            assert_true(assay_rule_passed((assay_rule_window){200, 3000}, (assay_rule_moment){past, seconds[past]},
                                          assay_rule_now(&w->c)));
    }
    /* 200 blocks and 3,000 seconds of 15 a block on average: 4 records of 64, and one at each end. */
    assert_in_range(most, 4, 6);
    assert_in_range(side_rows(w), 4, 6);
    assay_rule_moment moment;
    bool found;
    OK(assay_rule_moment_at(world_view(w), &moment, &found, 0));
    assert_false(found);
    OK(assay_rule_moment_at(world_view(w), &moment, &found, UINT64_MAX));
    assert_false(found);

    /* A block that was left out is a bug, not a short window. */
    w->c.height++;
    w->c.height++;
    REFUSED(ASSAY_F_CORRUPT, assay_rule_begin_block(&w->c));
    world_free(w);
}

/* ---- the context ----------------------------------------------------------------------------------------------------
 */

static void test_totals(void **unused) {
    (void)unused;
    world *w = world_new();
    assay_rule_totals totals;
    OK(assay_rule_issue(&w->c, 100));
    REFUSED(ASSAY_E_OVERFLOW, assay_rule_issue(&w->c, UINT64_MAX - 99));
    w->c.totals.issued = 100;
    world_end(w);
    world_begin(w);
    OK(assay_rule_burn(&w->c, 60));
    OK(assay_rule_burn(&w->c, 40));
    REFUSED(ASSAY_F_BUG, assay_rule_burn(&w->c, 1));
    OK(assay_rule_totals_read(&totals, world_view(w)));
    assert_int_equal(totals.burned, 0); /* the block's end writes them */
    world_end(w);
    OK(assay_rule_totals_read(&totals, world_snapshot(w)));
    assert_int_equal(totals.issued, 100);
    assert_int_equal(totals.burned, 100);
    world_begin(w);
    assert_int_equal(w->c.totals.burned, 100);
    assay_hash before = assay_state_root(w->f->state);
    /* A block in which nothing happens leaves the root alone, an epoch's end too. */
    world_end(w);
    for (int i = 0; i < 25; i++) {
        world_begin(w);
        assay_hash root = world_end(w);
        assert_true(assay_base_hash_eq(root, before));
    }
    world_free(w);
}

static void test_marks(void **unused) {
    (void)unused;
    world *w = world_new();
    OK(assay_rule_issue(&w->c, 1000));
    world_end(w);
    world_begin(w);
    put_number(w, &assay_rule_number_table, 1, 1);
    assay_rule_emit(&w->c, "one", ASSAY_STR("first"), 1, 2);
    assay_rule_recheck(&w->c, w->c.height + 9);
    const assay_rule_point outer = assay_rule_mark(&w->c);
    OK(assay_rule_burn(&w->c, 10));
    put_number(w, &assay_rule_number_table, 1, 2);
    assay_rule_emit(&w->c, "two", ASSAY_STR("second"), 0, 0);
    const assay_rule_point inner = assay_rule_mark(&w->c);
    OK(assay_rule_burn(&w->c, 5));
    put_number(w, &assay_rule_number_table, 2, 2);
    assay_rule_recheck(&w->c, w->c.height + 3);
    assay_rule_rollback(&w->c, &inner);
    char text[64];
    assert_int_equal(w->c.totals.burned, 10);
    assert_int_equal(w->events.count, 2);
    assert_int_equal(w->c.recheck_height, w->c.height + 9);
    listing(text, world_view(w), &assay_rule_number_table, NULL);
    assert_string_equal(text, "1=2 ");
    assay_rule_rollback(&w->c, &outer);
    assert_int_equal(w->c.totals.burned, 0);
    assert_int_equal(w->events.count, 1);
    listing(text, world_view(w), &assay_rule_number_table, NULL);
    assert_string_equal(text, "1=1 ");
    assay_rule_emit(&w->c, "three", ASSAY_STR("third"), 0, 0);
    assert_memory_equal(w->items[0].subject.ptr, "first", 5);
    assert_memory_equal(w->items[1].subject.ptr, "third", 5);
    assert_int_equal(w->items[1].tx_index, ASSAY_RULE_NO_TX);
    world_free(w);
}

static void test_events(void **unused) {
    (void)unused;
    world *w = world_new();
    assay_rule_event items[2];
    uint8_t text[60];
    assay_rule_events events = {.keep = assay_base_arena(text, sizeof text), .items = items, .cap = 2};
    w->c.events = &events;
    w->c.tx_index = 7;
    assay_rule_emit_address(&w->c, "a", world_address(1), 11, 12);
    assert_int_equal(events.count, 1);
    assert_int_equal(items[0].subject.len, ASSAY_ADDRESS_TEXT_LEN);
    assert_memory_equal(items[0].subject.ptr, "assay1", 6);
    assert_int_equal(items[0].tx_index, 7);
    assert_int_equal(items[0].amount, 11);
    assert_int_equal(items[0].extra, 12);
    assay_rule_emit_address(&w->c, "b", world_address(2), 0, 0); /* no room for its text */
    assert_int_equal(events.count, 1);
    assert_int_equal(events.dropped, 1);
    assay_rule_emit(&w->c, "c", (assay_bytes){0}, 0, 0);
    assay_rule_emit(&w->c, "d", (assay_bytes){0}, 0, 0); /* no item left */
    assert_int_equal(events.count, 2);
    assert_int_equal(events.dropped, 2);
    w->c.events = NULL;
    assay_rule_emit(&w->c, "e", ASSAY_STR("nobody listens"), 0, 0);
    const assay_rule_point point = assay_rule_mark(&w->c);
    assay_rule_rollback(&w->c, &point);

    w->c.height = 5;
    assay_rule_recheck(&w->c, 5);
    assert_int_equal(w->c.recheck_height, 0);
    assay_rule_recheck(&w->c, 9);
    assay_rule_recheck(&w->c, 12);
    assert_int_equal(w->c.recheck_height, 9);
    assay_rule_recheck(&w->c, 6);
    assert_int_equal(w->c.recheck_height, 6);
    world_free(w);
}

/* ---- the chain
 * ------------------------------------------------------------------------------------------------------- */

#define SPAN(member)                                                                                                   \
    { #member, offsetof(assay_params, member), ASSAY_RULE_SPAN_MAX + 1 }
#define BAD(member, value)                                                                                             \
    { #member, offsetof(assay_params, member), (value) }

static void test_params(void **unused) {
    (void)unused;
    static const struct {
        const char *name;
        size_t offset;
        uint64_t value;
    } bad[] = {
        SPAN(epoch_blocks),
        SPAN(unbonding_blocks),
        SPAN(unbonding_seconds),
        SPAN(evidence_blocks),
        SPAN(evidence_seconds),
        SPAN(correlation_blocks),
        SPAN(correlation_seconds),
        SPAN(opening_blocks),
        SPAN(opening_seconds),
        SPAN(attest_blocks),
        SPAN(attest_seconds),
        SPAN(attest_seconds_per_gib),
        SPAN(duty_blocks),
        SPAN(duty_seconds),
        SPAN(jail_seconds),
        SPAN(fee_base),
        SPAN(fee_per_byte),
        SPAN(deposit_per_mib),
        SPAN(downtime_window_blocks),
        SPAN(downtime_window_seconds),
        BAD(epoch_blocks, 0),
        BAD(epoch_blocks, 51), /* longer than unbonding */
        BAD(evidence_blocks, 0),
        BAD(evidence_blocks, 51),
        BAD(evidence_seconds, 501),
        BAD(model_size_max, 0),
        BAD(model_size_max, ((uint64_t)1 << 50) + 1),
        BAD(downtime_window_blocks, 0),
        BAD(downtime_min_signed_percent, 101),
        BAD(bond_min, 999999),
        BAD(validators_max, 0),
        BAD(validators_max, ASSAY_VALIDATORS_MAX + 1),
        BAD(draws_per_check, 0),
        BAD(draws_per_check, 33),
        BAD(draws_per_check, 65),
        BAD(chunks_per_draw, 0),
        BAD(chunks_per_draw, 17),
    };
    assay_params params = world_params();
    OK(assay_rule_params_check(&params));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        params = world_params();
        memcpy((char *)&params + bad[i].offset, &bad[i].value, sizeof(uint64_t));
        if (assay_rule_params_check(&params) != ASSAY_E_RANGE) fail_msg("%s is not refused", bad[i].name);
    }
    /* The other side of each limit. */
    params = world_params();
    params.epoch_blocks = 50;
    params.evidence_blocks = 50;
    params.evidence_seconds = 500;
    params.downtime_min_signed_percent = 100;
    params.bond_min = 1000000;
    params.validators_max = ASSAY_VALIDATORS_MAX;
    params.draws_per_check = 32;
    params.model_size_max = (uint64_t)1 << 50;
    params.correlation_seconds = ASSAY_RULE_SPAN_MAX;
    params.fee_base = 0;
    OK(assay_rule_params_check(&params));
    params.epoch_blocks = 1;
    params.unbonding_blocks = ASSAY_RULE_UNBONDING_EPOCHS_MAX;
    OK(assay_rule_params_check(&params));
    params.unbonding_blocks++;
    REFUSED(ASSAY_E_RANGE, assay_rule_params_check(&params));
}

static void test_chain(void **unused) {
    (void)unused;
    world *w = world_new();
    assay_rule_chain chain;
    assay_params params;
    bool found;
    uint8_t memory[ASSAY_CHAIN_ID_LEN_MAX];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    OK(assay_rule_chain_load(world_view(w), &chain, &params, &found, &keep));
    assert_false(found);
    chain = (assay_rule_chain){1, ASSAY_STR(WORLD_CHAIN), {{3}}, 1};
    params = world_params();
    params.bond_min = 0;
    REFUSED(ASSAY_E_RANGE, assay_rule_chain_store(w->f->state, &chain, &params));
    OK(assay_rule_chain_store(w->f->state, &chain, &w->params));
    world_end(w);
    OK(assay_rule_chain_load(world_snapshot(w), &chain, &params, &found, &keep));
    assert_true(found);
    assert_true(assay_base_bytes_eq(chain.chain_id, ASSAY_STR(WORLD_CHAIN)));
    assert_ptr_equal(chain.chain_id.ptr, memory);
    assert_int_equal(chain.genesis_hash.b[0], 3);
    assert_memory_equal(&params, &w->params, sizeof params);
    REFUSED(ASSAY_F_MEMORY, assay_rule_chain_load(world_snapshot(w), &chain, &params, &found, &(assay_arena){0}));
    /* One without the other was damaged. */
    world_begin(w);
    OK(assay_state_del(w->f->state, ASSAY_STR("rule/params")));
    keep = assay_base_arena(memory, sizeof memory);
    REFUSED(ASSAY_F_CORRUPT, assay_rule_chain_load(world_view(w), &chain, &params, &found, &keep));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),        cmocka_unit_test(test_keys),   cmocka_unit_test(test_records),
        cmocka_unit_test(test_record_limits), cmocka_unit_test(test_text),   cmocka_unit_test(test_windows),
        cmocka_unit_test(test_moments),       cmocka_unit_test(test_totals), cmocka_unit_test(test_marks),
        cmocka_unit_test(test_events),        cmocka_unit_test(test_params), cmocka_unit_test(test_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
