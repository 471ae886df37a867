/* SPDX-License-Identifier: Apache-2.0
 *
 * Header, commit and validator set in one message, without what follows from the rest: the commit's height and
 * block hash (of the header) and addresses (of the keys). 100 validators take about 10.7 KB, of which
 * 9.6 KB are keys and signatures. */
#include "cert_internal.h"

#include <string.h>

#define CHECKPOINT_FORMAT 1u
#define HEADER_LEN_MAX 1024
#define TIME_SECONDS_MIN (-62135596800ll) /* 0001-01-01 */
#define TIME_SECONDS_MAX 253402300799ll   /* 9999-12-31 */
#define NANOS_PER_SECOND 1000000000ll
#define BITS_LEN_MAX ((ASSAY_VALIDATORS_MAX + 7) / 8)

typedef struct checkpoint {
    uint32_t format;
    assay_bytes header; /* tendermint.types.Header */
    uint32_t round;
    uint32_t parts_total;
    assay_hash parts_hash;
    assay_bytes keys;  /* 32 bytes a validator, in the set's order */
    uint64_t *powers;  /* the first one's; of each other, how much less than the one's before */
    uint32_t powers_count;
    assay_bytes signed_bits; /* bit i % 8 of byte i / 8: validator i signed the block */
    assay_bytes nil_bits;    /* likewise, for no block; empty if nobody did */
    uint64_t *times; /* of those who signed either: nanoseconds since the one's before, first the header's; zigzag */
    uint32_t times_count;
    assay_bytes signatures; /* 64 bytes for each of those */
} checkpoint;

static const assay_codec_field checkpoint_fields[] = {
    ASSAY_FIELD(1, U32, checkpoint, format),
    ASSAY_FIELD_BYTES(2, checkpoint, header, HEADER_LEN_MAX),
    ASSAY_FIELD(3, U32, checkpoint, round),
    ASSAY_FIELD(4, U32, checkpoint, parts_total),
    ASSAY_FIELD_FIXED(5, FIXED, checkpoint, parts_hash),
    ASSAY_FIELD_BYTES(6, checkpoint, keys, ASSAY_VALIDATORS_MAX *ASSAY_PUBLIC_KEY_LEN),
    ASSAY_FIELD_REPEATED(7, REPEATED_U64, checkpoint, powers, ASSAY_VALIDATORS_MAX, NULL),
    ASSAY_FIELD_BYTES(8, checkpoint, signed_bits, BITS_LEN_MAX),
    ASSAY_FIELD_BYTES(9, checkpoint, nil_bits, BITS_LEN_MAX),
    ASSAY_FIELD_REPEATED(10, REPEATED_U64, checkpoint, times, ASSAY_VALIDATORS_MAX, NULL),
    ASSAY_FIELD_BYTES(11, checkpoint, signatures, ASSAY_VALIDATORS_MAX *ASSAY_SIGNATURE_LEN),
};
const assay_codec_message assay_cert_checkpoint_message =
    ASSAY_MESSAGE("Checkpoint", checkpoint, checkpoint_fields);

size_t assay_cert_checkpoint_size(uint32_t validators_count) {
    /* Key, signature, power and time with their longest varints, two bits; then header and the rest. */
    return HEADER_LEN_MAX + 256 + (size_t)validators_count * (ASSAY_PUBLIC_KEY_LEN + ASSAY_SIGNATURE_LEN + 10 + 10 + 1);
}

static bool bit(assay_bytes bits, uint32_t i) { return i / 8 < bits.len && (bits.ptr[i / 8] >> (i % 8) & 1) != 0; }

static uint64_t zigzag(int64_t value) { return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0); }
static int64_t unzigzag(uint64_t value) { return (int64_t)(value >> 1) ^ -(int64_t)(value & 1); }

/* at - from in nanoseconds; false if it does not fit. */
static bool time_since(int64_t *out, assay_time at, assay_time from) {
    int64_t seconds, nanos;
    return !__builtin_sub_overflow(at.seconds, from.seconds, &seconds) &&
           !__builtin_mul_overflow(seconds, NANOS_PER_SECOND, &nanos) &&
           !__builtin_add_overflow(nanos, (int64_t)at.nanos - from.nanos, out);
}

/* Moves a time on; false if it leaves the moments that a vote may bear, the years 1 to 9999. */
static bool time_plus(assay_time *time, int64_t nanos) {
    *time = assay_base_time_add_ns(*time, nanos);
    return time->seconds >= TIME_SECONDS_MIN && time->seconds <= TIME_SECONDS_MAX;
}

/* The signatures and what goes with each. One whose time is too far from the one's before to be written is left out:
 * fewer signatures prove less, never more. */
static assay_err put_signatures(checkpoint *out, const assay_commit *commit, assay_time header_time,
                                assay_arena *keep) {
    assay_time before = header_time;
    size_t bits_len = (commit->sigs_count + 7) / 8;
    uint8_t *signed_bits = ASSAY_NEW(keep, uint8_t, bits_len), *nil_bits = ASSAY_NEW(keep, uint8_t, bits_len);
    uint8_t *signatures = ASSAY_NEW(keep, uint8_t, (size_t)commit->sigs_count * ASSAY_SIGNATURE_LEN);
    out->times = ASSAY_NEW(keep, uint64_t, commit->sigs_count);
    if (!signed_bits || !nil_bits || !signatures || !out->times) return ASSAY_F_MEMORY;
    bool any_nil = false;
    for (uint32_t i = 0; i < commit->sigs_count; i++) {
        const assay_commit_sig *sig = &commit->sigs[i];
        int64_t since;
        if (sig->flag == ASSAY_FLAG_ABSENT || !time_since(&since, sig->timestamp, before)) continue;
        before = sig->timestamp;
        uint8_t *bits = sig->flag == ASSAY_FLAG_COMMIT ? signed_bits : nil_bits;
        bits[i / 8] |= (uint8_t)(1u << (i % 8));
        any_nil = any_nil || sig->flag == ASSAY_FLAG_NIL;
        memcpy(signatures + (size_t)out->times_count * ASSAY_SIGNATURE_LEN, sig->signature.b, ASSAY_SIGNATURE_LEN);
        out->times[out->times_count++] = zigzag(since);
    }
    out->signed_bits = (assay_bytes){signed_bits, bits_len};
    if (any_nil) out->nil_bits = (assay_bytes){nil_bits, bits_len};
    out->signatures = (assay_bytes){signatures, (size_t)out->times_count * ASSAY_SIGNATURE_LEN};
    return ASSAY_OK;
}

assay_err assay_cert_checkpoint_encode(assay_buf *out, const assay_header *header, const assay_commit *commit,
                                       const assay_validator_set *validators, assay_arena scratch) {
    uint32_t count = validators->count;
    if (count == 0 || count > ASSAY_VALIDATORS_MAX || commit->round < 0) return ASSAY_E_RANGE;
    assay_hash hash = assay_header_hash(header);
    if (commit->sigs_count != count || commit->height != header->height ||
        !assay_base_hash_eq(commit->block_id.hash, hash))
        return ASSAY_E_CERT;
    checkpoint message = {.format = CHECKPOINT_FORMAT,
                          .round = (uint32_t)commit->round,
                          .parts_total = commit->block_id.parts_total,
                          .parts_hash = commit->block_id.parts_hash,
                          .powers_count = count};
    assay_buf encoded;
    ASSAY_TRY(assay_cert_buf_new(&encoded, &scratch, HEADER_LEN_MAX));
    ASSAY_TRY(assay_header_encode(&encoded, header));
    message.header = (assay_bytes){encoded.ptr, encoded.len};
    uint8_t *keys = ASSAY_NEW(&scratch, uint8_t, (size_t)count * ASSAY_PUBLIC_KEY_LEN);
    message.powers = ASSAY_NEW(&scratch, uint64_t, count);
    if (!keys || !message.powers) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(keys + (size_t)i * ASSAY_PUBLIC_KEY_LEN, validators->validators[i].public_key.b, ASSAY_PUBLIC_KEY_LEN);
        uint64_t power = validators->validators[i].power;
        if (i > 0 && validators->validators[i - 1].power < power) return ASSAY_E_RANGE;
        message.powers[i] = i > 0 ? validators->validators[i - 1].power - power : power;
    }
    message.keys = (assay_bytes){keys, (size_t)count * ASSAY_PUBLIC_KEY_LEN};
    ASSAY_TRY(put_signatures(&message, commit, header->time, &scratch));
    return assay_codec_encode(out, &assay_cert_checkpoint_message, &message, ASSAY_CODEC_STRICT);
}

/* One entry per validator; the bits say whose are the signatures. Every bit, time and signature is used exactly
 * once. */
static assay_err get_signatures(assay_commit *commit, const checkpoint *message, const assay_validator_set *validators,
                                assay_time header_time, assay_arena *keep) {
    uint32_t count = validators->count, used = 0;
    size_t bits_len = (count + 7) / 8;
    if (message->signed_bits.len != bits_len) return ASSAY_E_ENCODING;
    if (message->nil_bits.len != 0 && message->nil_bits.len != bits_len) return ASSAY_E_ENCODING;
    if (message->signatures.len != (size_t)message->times_count * ASSAY_SIGNATURE_LEN) return ASSAY_E_ENCODING;
    commit->sigs = ASSAY_NEW(keep, assay_commit_sig, count);
    if (!commit->sigs) return ASSAY_F_MEMORY;
    commit->sigs_count = count;
    assay_time before = header_time;
    bool any_nil = false;
    for (uint32_t i = 0; i < bits_len * 8; i++) {
        bool for_block = bit(message->signed_bits, i), for_nil = bit(message->nil_bits, i);
        if (i >= count ? for_block || for_nil : for_block && for_nil) return ASSAY_E_ENCODING;
        if (i >= count) continue;
        assay_commit_sig *sig = &commit->sigs[i];
        sig->flag = for_block ? ASSAY_FLAG_COMMIT : for_nil ? ASSAY_FLAG_NIL : ASSAY_FLAG_ABSENT;
        any_nil = any_nil || for_nil;
        if (sig->flag == ASSAY_FLAG_ABSENT) continue;
        if (used == message->times_count) return ASSAY_E_ENCODING;
        sig->validator = validators->validators[i].address;
        if (!time_plus(&before, unzigzag(message->times[used]))) return ASSAY_E_RANGE;
        sig->timestamp = before;
        memcpy(sig->signature.b, message->signatures.ptr + (size_t)used * ASSAY_SIGNATURE_LEN, ASSAY_SIGNATURE_LEN);
        used++;
    }
    if (message->nil_bits.len != 0 && !any_nil) return ASSAY_E_ENCODING;
    return used == message->times_count ? ASSAY_OK : ASSAY_E_ENCODING;
}

/* The set as it stands in the message. Its order, its keys and that nobody stands there twice are bound by the
 * header's validators_hash; only what arithmetic rests on is checked here. */
static assay_err get_validators(assay_validator_set *out, const checkpoint *message, assay_arena *keep) {
    uint32_t count = message->powers_count;
    if (count == 0 || message->keys.len != (size_t)count * ASSAY_PUBLIC_KEY_LEN) return ASSAY_E_ENCODING;
    *out = (assay_validator_set){.validators = ASSAY_NEW(keep, assay_validator, count), .count = count};
    if (!out->validators) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        assay_validator *validator = &out->validators[i];
        memcpy(validator->public_key.b, message->keys.ptr + (size_t)i * ASSAY_PUBLIC_KEY_LEN, ASSAY_PUBLIC_KEY_LEN);
        validator->address = assay_crypto_address(validator->public_key);
        uint64_t before_power = i > 0 ? out->validators[i - 1].power : 0;
        if (i > 0 && message->powers[i] >= before_power) return ASSAY_E_RANGE;
        validator->power = i > 0 ? before_power - message->powers[i] : message->powers[i];
        if (validator->power == 0 || validator->power > ASSAY_POWER_TOTAL_MAX - out->total_power) return ASSAY_E_RANGE;
        out->total_power += validator->power;
        if (i == 0) continue;
        const assay_validator *before = &out->validators[i - 1];
        int order = memcmp(before->address.b, validator->address.b, ASSAY_ADDRESS_LEN);
        if (before->power == validator->power && order >= 0) return ASSAY_E_ENCODING;
    }
    return ASSAY_OK;
}

/* A header is accepted in the one encoding that we write; the comet profile alone would skip unknown fields. */
static assay_err get_header(assay_header *out, assay_bytes encoded, assay_arena scratch) {
    ASSAY_TRY(assay_header_decode(out, encoded));
    assay_buf again;
    ASSAY_TRY(assay_cert_buf_new(&again, &scratch, HEADER_LEN_MAX));
    ASSAY_TRY(assay_header_encode(&again, out));
    return assay_base_bytes_eq(encoded, (assay_bytes){again.ptr, again.len}) ? ASSAY_OK : ASSAY_E_ENCODING;
}

assay_err assay_cert_checkpoint_decode(assay_header *header, assay_commit *commit, assay_validator_set *validators,
                                       assay_arena *keep, assay_bytes input, assay_arena scratch) {
    checkpoint message;
    ASSAY_TRY(assay_types_format_check(input, CHECKPOINT_FORMAT));
    ASSAY_TRY(assay_codec_decode(&message, &scratch, &assay_cert_checkpoint_message, input, ASSAY_CODEC_STRICT));
    if (message.round > INT32_MAX || message.parts_total == 0) return ASSAY_E_RANGE;
    ASSAY_TRY(get_header(header, message.header, scratch));
    if (header->chain_id.len == 0 || header->chain_id.len > ASSAY_CHAIN_ID_LEN_MAX) return ASSAY_E_RANGE;
    ASSAY_TRY(get_validators(validators, &message, keep));
    *commit = (assay_commit){.height = header->height, .round = (int32_t)message.round};
    commit->block_id = (assay_block_id){assay_header_hash(header), message.parts_total, message.parts_hash};
    return get_signatures(commit, &message, validators, header->time, keep);
}
