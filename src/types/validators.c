/* SPDX-License-Identifier: Apache-2.0
 *
 * Validator sets and who proposes. Priorities follow CometBFT step by step (types/validator_set.go in its sources names
 * the steps), including its wrapping int64 arithmetic where a hostile set could reach it. */
#include "types_internal.h"

/* ---- tables -------------------------------------------------------------------------------------------------- */

/* tendermint.crypto.PublicKey: one of several kinds on the wire, Ed25519 with us. */
static const assay_codec_field public_key_fields[] = {ASSAY_FIELD_FIXED(1, FIXED, assay_public_key, b)};
static const assay_codec_message public_key_message =
    ASSAY_MESSAGE("tendermint.crypto.PublicKey", assay_public_key, public_key_fields);

static const assay_codec_field validator_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, assay_validator, address),
    ASSAY_FIELD_MESSAGE(2, MESSAGE, assay_validator, public_key, &public_key_message),
    ASSAY_FIELD(3, U64, assay_validator, power),
    ASSAY_FIELD(4, I64, assay_validator, priority),
};
const assay_codec_message assay_types_validator_message =
    ASSAY_MESSAGE("tendermint.types.Validator", assay_validator, validator_fields);

/* What is hashed: neither the address, which follows from the key, nor the priority, which changes every round. */
static const assay_codec_field simple_validator_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE, assay_validator, public_key, &public_key_message),
    ASSAY_FIELD(2, U64, assay_validator, power),
};
static const assay_codec_message simple_validator_message =
    ASSAY_MESSAGE("tendermint.types.SimpleValidator", assay_validator, simple_validator_fields);

/* Field 3, the total power, is written as 0 by CometBFT and never believed, so it is left out. */
typedef struct wire_set {
    assay_validator *validators;
    uint32_t validators_count;
    assay_validator *proposer;
} wire_set;
static const assay_codec_field set_fields[] = {
    ASSAY_FIELD_REPEATED(1, REPEATED_MESSAGE, wire_set, validators, ASSAY_VALIDATORS_MAX,
                         &assay_types_validator_message),
    ASSAY_FIELD_MESSAGE(2, MESSAGE_OPTIONAL, wire_set, proposer, &assay_types_validator_message),
};
static const assay_codec_message set_message = ASSAY_MESSAGE("tendermint.types.ValidatorSet", wire_set, set_fields);

/* ---- order --------------------------------------------------------------------------------------------------- */

static int address_cmp(assay_address a, assay_address b) {
    return assay_base_bytes_cmp((assay_bytes){a.b, sizeof a.b}, (assay_bytes){b.b, sizeof b.b});
}

static bool by_address(const void *context, const void *a, const void *b) {
    (void)context;
    return address_cmp(((const assay_validator *)a)->address, ((const assay_validator *)b)->address) < 0;
}

/* The order of a set. */
static bool by_power(const void *context, const void *a, const void *b) {
    const assay_validator *left = a, *right = b;
    if (left->power != right->power) return left->power > right->power;
    return by_address(context, a, b);
}

int32_t assay_validators_find(const assay_validator_set *set, assay_address address) {
    for (uint32_t i = 0; i < set->count; i++)
        if (assay_base_address_eq(set->validators[i].address, address)) return (int32_t)i;
    return -1;
}

/* ---- priorities ---------------------------------------------------------------------------------------------- */

static int64_t clip(__int128 value) {
    if (value > INT64_MAX) return INT64_MAX;
    if (value < INT64_MIN) return INT64_MIN;
    return (int64_t)value;
}

/* CometBFT adds and subtracts these in int64 and lets them wrap; unsigned arithmetic gives the same bits, defined. */
static int64_t wrapping_sub(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
static int64_t wrapping_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

/* RescalePriorities(2 * total): the spread is brought below twice the total power by an integer division. */
static void rescale(assay_validator_set *set) {
    int64_t spread_max = (int64_t)(2 * set->total_power);
    if (spread_max <= 0) return;
    int64_t max = INT64_MIN, min = INT64_MAX;
    for (uint32_t i = 0; i < set->count; i++) {
        int64_t priority = set->validators[i].priority;
        if (priority > max) max = priority;
        if (priority < min) min = priority;
    }
    int64_t spread = wrapping_sub(max, min);
    if (spread < 0) spread = wrapping_sub(0, spread);
    if (spread <= spread_max) return;
    /* spread > spread_max, at most 2^61: the ratio is at least 2, or, where the sum wrapped, at most -3. */
    int64_t ratio = wrapping_add(spread, spread_max - 1) / spread_max;
    for (uint32_t i = 0; i < set->count; i++) set->validators[i].priority /= ratio;
}

/* shiftByAvgProposerPriority: the mean, rounded down, becomes zero. Each priority is a quotient and a remainder, so the
 * exact mean of any int64 numbers needs no division wider than 64 bits. */
static void center(assay_validator_set *set) {
    int64_t count = set->count, remainders = 0;
    __int128 mean = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        int64_t priority = set->validators[i].priority, down = priority % count < 0;
        mean += priority / count - down;
        remainders += priority % count + down * count;
    }
    mean += remainders / count;
    for (uint32_t i = 0; i < set->count; i++)
        set->validators[i].priority = clip((__int128)set->validators[i].priority - mean);
}

/* Highest priority, lowest address among equals. */
static uint32_t highest(const assay_validator_set *set) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < set->count; i++) {
        const assay_validator *a = &set->validators[i], *b = &set->validators[best];
        bool better = a->priority != b->priority ? a->priority > b->priority : address_cmp(a->address, b->address) < 0;
        if (better) best = i;
    }
    return best;
}

void assay_validators_rotate(assay_validator_set *set, uint32_t times) {
    ASSAY_ASSERT(set->count > 0 && times > 0);
    rescale(set);
    center(set);
    for (uint32_t t = 0; t < times; t++) {
        for (uint32_t i = 0; i < set->count; i++) {
            assay_validator *v = &set->validators[i];
            v->priority = clip((__int128)v->priority + v->power);
        }
        set->proposer = highest(set);
        assay_validator *chosen = &set->validators[set->proposer];
        chosen->priority = clip((__int128)chosen->priority - set->total_power);
    }
}

uint32_t assay_validators_proposer(const assay_validator_set *set) {
    ASSAY_ASSERT(set->proposer < set->count);
    return set->proposer;
}

/* ---- making and changing sets -------------------------------------------------------------------------------- */

/* Copies changes with their addresses, in the order of addresses. ASSAY_E_DUPLICATE if one stands there twice. */
static assay_err sorted_changes(assay_validator **out, const assay_validator *changes, uint32_t count,
                                assay_arena *scratch) {
    assay_validator *sorted = ASSAY_NEW(scratch, assay_validator, count);
    assay_validator *sorting = ASSAY_NEW(scratch, assay_validator, count);
    if (!sorted || !sorting) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = (assay_validator){.public_key = changes[i].public_key,
                                      .address = assay_crypto_address(changes[i].public_key),
                                      .power = changes[i].power};
    }
    assay_base_sort(sorted, sorting, count, sizeof *sorted, by_address, NULL);
    for (uint32_t i = 1; i < count; i++)
        if (assay_base_address_eq(sorted[i - 1].address, sorted[i].address)) return ASSAY_E_DUPLICATE;
    *out = sorted;
    return ASSAY_OK;
}

/* The sums that a change brings, and whether it is allowed at all. */
typedef struct change_sums {
    uint64_t total;   /* after everything */
    uint64_t removed; /* power that leaves by removals */
    uint32_t count;   /* validators after everything */
} change_sums;

static assay_err sum_changes(change_sums *out, const assay_validator_set *set, const assay_validator *changes,
                             uint32_t count) {
    uint64_t gained = 0, lost = 0;
    uint32_t added = 0, removed = 0;
    *out = (change_sums){0};
    for (uint32_t i = 0; i < count; i++) {
        if (changes[i].power > ASSAY_POWER_TOTAL_MAX) return ASSAY_E_RANGE;
        int32_t at = assay_validators_find(set, changes[i].address);
        if (changes[i].power == 0 && at < 0) return ASSAY_E_NOT_FOUND;
        if (changes[i].power == 0) {
            removed++;
            out->removed += set->validators[at].power;
        } else {
            if (at < 0) added++;
            if (at >= 0) lost += set->validators[at].power;
            gained += changes[i].power;
            if (gained > ASSAY_POWER_TOTAL_MAX) return ASSAY_E_RANGE; /* so the next sum cannot wrap */
        }
    }
    out->count = set->count + added - removed;
    if (out->count == 0 || out->count > ASSAY_VALIDATORS_MAX) return ASSAY_E_RANGE;
    uint64_t stays = set->total_power - lost - out->removed;
    if (stays > ASSAY_POWER_TOTAL_MAX - gained) return ASSAY_E_RANGE;
    out->total = stays + gained;
    return ASSAY_OK;
}

/* The work of UpdateWithChangeSet on sorted changes without duplicates. */
static assay_err apply_changes(assay_validator_set *out, assay_arena *keep, const assay_validator_set *set,
                               const assay_validator *changes, uint32_t changes_count, assay_arena scratch) {
    change_sums sums;
    ASSAY_TRY(sum_changes(&sums, set, changes, changes_count));
    assay_validator *validators = ASSAY_NEW(keep, assay_validator, sums.count);
    assay_validator *sorting = ASSAY_NEW(&scratch, assay_validator, sums.count);
    uint8_t *changed = ASSAY_NEW(&scratch, uint8_t, set->count);
    if (!validators || !sorting || (!changed && set->count)) return ASSAY_F_MEMORY;

    /* Who joins starts behind everybody, at -1.125 times the power before removals, so that leaving and coming back
     * resets nothing. sums.total + sums.removed < 2^61, so the product fits. */
    int64_t before_removals = (int64_t)(sums.total + sums.removed);
    uint32_t count = 0;
    for (uint32_t i = 0; i < changes_count; i++) {
        int32_t at = assay_validators_find(set, changes[i].address);
        if (at >= 0) changed[at] = 1;
        if (changes[i].power == 0) continue;
        validators[count] = changes[i];
        validators[count++].priority =
            at >= 0 ? set->validators[at].priority : -(before_removals + (before_removals >> 3));
    }
    for (uint32_t i = 0; i < set->count; i++)
        if (!changed[i]) validators[count++] = set->validators[i];
    ASSAY_ASSERT(count == sums.count);

    assay_validator_set next = {.validators = validators, .count = count, .total_power = sums.total};
    rescale(&next);
    center(&next);
    assay_base_sort(validators, sorting, count, sizeof *validators, by_power, NULL);
    int32_t proposer = set->count ? assay_validators_find(&next, set->validators[set->proposer].address) : -1;
    next.proposer = proposer >= 0 ? (uint32_t)proposer : highest(&next);
    *out = next;
    return ASSAY_OK;
}

assay_err assay_validators_update(assay_validator_set *out, assay_arena *keep, const assay_validator_set *set,
                                  const assay_validator *changes, uint32_t changes_count, assay_arena scratch) {
    if (changes_count == 0) return assay_validators_copy(out, keep, set);
    assay_validator *sorted;
    ASSAY_TRY(sorted_changes(&sorted, changes, changes_count, &scratch));
    return apply_changes(out, keep, set, sorted, changes_count, scratch);
}

assay_err assay_validators_new(assay_validator_set *out, assay_arena *keep, const assay_validator *validators,
                               uint32_t count) {
    if (count == 0 || count > ASSAY_VALIDATORS_MAX) return ASSAY_E_RANGE;
    for (uint32_t i = 0; i < count; i++)
        if (validators[i].power == 0) return ASSAY_E_RANGE;
    /* The set is taken first, so that what lies behind it in the same arena can be scratch. */
    assay_validator *room = ASSAY_NEW(keep, assay_validator, count);
    if (!room) return ASSAY_F_MEMORY;
    assay_arena scratch = *keep, place = assay_base_arena(room, (size_t)count * sizeof *room);
    assay_validator *sorted;
    assay_validator_set nobody = {0};
    ASSAY_TRY(sorted_changes(&sorted, validators, count, &scratch));
    ASSAY_TRY(apply_changes(out, &place, &nobody, sorted, count, scratch));
    assay_validators_rotate(out, 1);
    return ASSAY_OK;
}

assay_err assay_validators_copy(assay_validator_set *out, assay_arena *keep, const assay_validator_set *set) {
    assay_validator *validators = ASSAY_NEW(keep, assay_validator, set->count);
    if (!validators) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < set->count; i++) validators[i] = set->validators[i];
    *out = *set;
    out->validators = validators;
    return ASSAY_OK;
}

/* ---- hash and wire ------------------------------------------------------------------------------------------- */

assay_err assay_validators_hash(assay_hash *out, const assay_validator_set *set, assay_arena scratch) {
    return assay_types_root(out, &simple_validator_message, set->validators, set->count, ASSAY_CODEC_COMET, scratch);
}

static wire_set set_to_wire(const assay_validator_set *set) {
    return (wire_set){set->validators, set->count, set->count ? &set->validators[set->proposer] : NULL};
}

size_t assay_types_set_size(const assay_validator_set *set) {
    wire_set wire = set_to_wire(set);
    return assay_codec_size(&set_message, &wire, ASSAY_CODEC_COMET);
}

assay_err assay_validators_encode(assay_buf *out, const assay_validator_set *set) {
    wire_set wire = set_to_wire(set);
    return assay_codec_encode(out, &set_message, &wire, ASSAY_CODEC_COMET);
}

static bool validator_eq(const assay_validator *a, const assay_validator *b) {
    return assay_base_address_eq(a->address, b->address) && a->power == b->power && a->priority == b->priority &&
           assay_base_bytes_eq((assay_bytes){a->public_key.b, sizeof a->public_key.b},
                               (assay_bytes){b->public_key.b, sizeof b->public_key.b});
}

/* Order and powers make a set; equal addresses with different powers would pass, so those are sorted and looked at. */
static assay_err set_form(assay_validator_set *set, assay_arena scratch) {
    assay_validator *sorted = ASSAY_NEW(&scratch, assay_validator, set->count);
    assay_validator *sorting = ASSAY_NEW(&scratch, assay_validator, set->count);
    if (!sorted || !sorting) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < set->count; i++) {
        const assay_validator *v = &set->validators[i];
        if (v->power == 0 || v->power > ASSAY_POWER_TOTAL_MAX - set->total_power) return ASSAY_E_RANGE;
        set->total_power += v->power;
        if (!assay_base_address_eq(v->address, assay_crypto_address(v->public_key))) return ASSAY_E_ENCODING;
        if (i > 0 && !by_power(NULL, v - 1, v)) return ASSAY_E_ENCODING;
        sorted[i] = *v;
    }
    assay_base_sort(sorted, sorting, set->count, sizeof *sorted, by_address, NULL);
    for (uint32_t i = 1; i < set->count; i++)
        if (assay_base_address_eq(sorted[i - 1].address, sorted[i].address)) return ASSAY_E_ENCODING;
    return ASSAY_OK;
}

assay_err assay_validators_decode(assay_validator_set *out, assay_arena *keep, assay_bytes input) {
    wire_set wire;
    ASSAY_TRY(assay_codec_decode(&wire, keep, &set_message, input, ASSAY_CODEC_COMET));
    if (wire.validators_count == 0 || !wire.proposer) return ASSAY_E_ENCODING;
    assay_validator_set set = {.validators = wire.validators, .count = wire.validators_count};
    ASSAY_TRY(set_form(&set, *keep));
    int32_t proposer = assay_validators_find(&set, wire.proposer->address);
    if (proposer < 0 || !validator_eq(wire.proposer, &set.validators[proposer])) return ASSAY_E_ENCODING;
    set.proposer = (uint32_t)proposer;
    *out = set;
    return ASSAY_OK;
}
