/* SPDX-License-Identifier: Apache-2.0
 *
 * Commits: the precommits of one height and round, kept as what differs between them. A signature's message is rebuilt
 * from the commit's block id (or nil) and that signature's time. */
#include "types_internal.h"

#include <string.h>

/* ---- tables -------------------------------------------------------------------------------------------------- */

static const assay_codec_field commit_sig_fields[] = {
    ASSAY_FIELD(1, U32, assay_commit_sig, flag),
    ASSAY_FIELD_FIXED(2, FIXED, assay_commit_sig, validator),
    ASSAY_FIELD_MESSAGE(3, MESSAGE, assay_commit_sig, timestamp, &assay_types_timestamp_message),
    ASSAY_FIELD_FIXED(4, FIXED, assay_commit_sig, signature),
};
static const assay_codec_message commit_sig_message =
    ASSAY_MESSAGE("tendermint.types.CommitSig", assay_commit_sig, commit_sig_fields);

/* The last row is left away when writing: an absent signature's time is not the same here and on the wire. */
static const assay_codec_field commit_fields[] = {
    ASSAY_FIELD(1, I64, assay_commit, height),
    ASSAY_FIELD(2, I32, assay_commit, round),
    ASSAY_FIELD_MESSAGE(3, MESSAGE, assay_commit, block_id, &assay_types_block_id_message),
    ASSAY_FIELD_REPEATED(4, REPEATED_MESSAGE, assay_commit, sigs, ASSAY_VALIDATORS_MAX, &commit_sig_message),
};
const assay_codec_message assay_types_commit_message =
    ASSAY_MESSAGE("tendermint.types.Commit", assay_commit, commit_fields);
static const assay_codec_message commit_head_message = {"tendermint.types.Commit", sizeof(assay_commit),
                                                        _Alignof(assay_commit), 3, commit_fields};

/* ---- the wire ------------------------------------------------------------------------------------------------ */

static assay_commit_sig sig_to_wire(const assay_commit_sig *sig) {
    assay_commit_sig wire = *sig;
    if (sig->flag == ASSAY_FLAG_ABSENT) wire.timestamp = (assay_time){ASSAY_TYPES_GO_ZERO_SECONDS, 0};
    return wire;
}

size_t assay_types_commit_size(const assay_commit *commit) {
    size_t total = assay_codec_size(&commit_head_message, commit, ASSAY_CODEC_COMET);
    for (uint32_t i = 0; i < commit->sigs_count; i++) {
        assay_commit_sig wire = sig_to_wire(&commit->sigs[i]);
        total += 2 + assay_codec_size(&commit_sig_message, &wire, ASSAY_CODEC_COMET); /* key, length below 128 */
    }
    return total;
}

assay_err assay_commit_encode(assay_buf *out, const assay_commit *commit) {
    if (commit->sigs_count > ASSAY_VALIDATORS_MAX) return ASSAY_E_RANGE;
    size_t start = out->len;
    assay_err err = assay_codec_encode(out, &commit_head_message, commit, ASSAY_CODEC_COMET);
    for (uint32_t i = 0; i < commit->sigs_count && err == ASSAY_OK; i++) {
        assay_commit_sig wire = sig_to_wire(&commit->sigs[i]);
        err = assay_types_put_message(out, 4, &commit_sig_message, &wire, ASSAY_CODEC_COMET);
    }
    if (err != ASSAY_OK) out->len = start;
    return err;
}

static assay_err sig_form(assay_commit_sig *sig) {
    bool has_validator = !assay_types_is_zero(&sig->validator, sizeof sig->validator);
    bool has_signature = !assay_types_is_zero(&sig->signature, sizeof sig->signature);
    if (sig->flag == ASSAY_FLAG_ABSENT) {
        bool has_time = sig->timestamp.seconds != ASSAY_TYPES_GO_ZERO_SECONDS || sig->timestamp.nanos != 0;
        if (has_validator || has_signature || has_time) return ASSAY_E_ENCODING;
        sig->timestamp = (assay_time){0};
        return ASSAY_OK;
    }
    if (sig->flag != ASSAY_FLAG_COMMIT && sig->flag != ASSAY_FLAG_NIL) return ASSAY_E_ENCODING;
    if (!has_validator || !has_signature) return ASSAY_E_ENCODING;
    return assay_types_time_ok(sig->timestamp) ? ASSAY_OK : ASSAY_E_RANGE;
}

assay_err assay_types_commit_form(assay_commit *commit) {
    if (commit->height < 0 || commit->round < 0) return ASSAY_E_RANGE;
    if (commit->height == 0) {
        /* The commit before the first block is empty: CometBFT lets anything stand there, we let nothing. */
        bool empty = commit->round == 0 && commit->sigs_count == 0 && assay_block_id_is_nil(&commit->block_id);
        return empty ? ASSAY_OK : ASSAY_E_ENCODING;
    }
    if (!assay_types_block_id_complete(&commit->block_id) || commit->sigs_count == 0) return ASSAY_E_ENCODING;
    for (uint32_t i = 0; i < commit->sigs_count; i++) ASSAY_TRY(sig_form(&commit->sigs[i]));
    return ASSAY_OK;
}

assay_err assay_commit_decode(assay_commit *out, assay_arena *keep, assay_bytes input) {
    ASSAY_TRY(assay_codec_decode(out, keep, &assay_types_commit_message, input, ASSAY_CODEC_COMET));
    return assay_types_commit_form(out);
}

assay_err assay_commit_hash(assay_hash *out, const assay_commit *commit, assay_arena scratch) {
    enum { SIG_LEN_MAX = 128 }; /* 2 + 22 + 19 + 66 are written at most */
    uint8_t *memory = ASSAY_NEW(&scratch, uint8_t, SIG_LEN_MAX);
    if (!memory) return ASSAY_F_MEMORY;
    assay_merkle_log log = {0};
    for (uint32_t i = 0; i < commit->sigs_count; i++) {
        assay_commit_sig wire = sig_to_wire(&commit->sigs[i]);
        assay_buf leaf = {memory, 0, SIG_LEN_MAX};
        ASSAY_TRY(assay_codec_encode(&leaf, &commit_sig_message, &wire, ASSAY_CODEC_COMET));
        assay_merkle_log_append(&log, assay_merkle_leaf((assay_bytes){memory, leaf.len}), NULL, NULL);
    }
    *out = assay_merkle_log_root(&log);
    return ASSAY_OK;
}

/* ---- what follows from a commit ------------------------------------------------------------------------------ */

/* Bytes that a canonical precommit takes at most: length 2, type 2, height and round 9 each, block id 78, time 19,
 * chain id 52. */
enum { SIGN_BYTES_MAX = 176 };

static assay_err sig_sign_bytes(assay_buf *out, const assay_commit *commit, uint32_t i, assay_bytes chain_id) {
    const assay_commit_sig *sig = &commit->sigs[i];
    assay_vote vote = {
        .type = ASSAY_PRECOMMIT, .height = commit->height, .round = commit->round, .timestamp = sig->timestamp};
    if (sig->flag == ASSAY_FLAG_COMMIT) vote.block_id = commit->block_id;
    return assay_vote_sign_bytes(out, &vote, chain_id);
}

/* The batch's coefficients must not be known to signers when they choose their signatures, or errors could be made to
 * cancel. There is no randomness in a pure module, so they follow from a hash over every key, signature and message
 * (Fiat and Shamir): changing any signature changes all coefficients, and who searches for a good set searches
 * SHA-256. */
static void batch_seed(uint8_t seed[32], const assay_crypto_batch_item *items, uint32_t count) {
    assay_sha256 hash;
    assay_crypto_sha256_init(&hash);
    assay_crypto_sha256_update(&hash, ASSAY_STR("assay/1/commit-batch\0"));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t len = (uint8_t)items[i].message.len; /* below SIGN_BYTES_MAX */
        assay_crypto_sha256_update(&hash, (assay_bytes){items[i].key.b, sizeof items[i].key.b});
        assay_crypto_sha256_update(&hash, (assay_bytes){items[i].signature.b, sizeof items[i].signature.b});
        assay_crypto_sha256_update(&hash, (assay_bytes){&len, 1});
        assay_crypto_sha256_update(&hash, items[i].message);
    }
    assay_hash digest = assay_crypto_sha256_final(&hash);
    memcpy(seed, digest.b, sizeof digest.b);
}

assay_err assay_commit_check(uint64_t *power, const assay_commit *commit, const assay_validator_set *set,
                             assay_bytes chain_id, const assay_block_id *block_id, int64_t height,
                             assay_arena scratch) {
    if (commit->height != height || commit->sigs_count != set->count || !assay_block_id_eq(&commit->block_id, block_id))
        return ASSAY_E_COMMIT;
    /* A vote for nil has the same bytes as one for a block id of zeros. */
    if (!assay_types_block_id_complete(block_id) || chain_id.len > ASSAY_CHAIN_ID_LEN_MAX) return ASSAY_E_COMMIT;
    assay_crypto_batch_item *items = ASSAY_NEW(&scratch, assay_crypto_batch_item, set->count);
    uint8_t *messages = ASSAY_NEW(&scratch, uint8_t, (size_t)set->count * SIGN_BYTES_MAX);
    if (!items || !messages) return ASSAY_F_MEMORY;

    uint64_t signed_power = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const assay_commit_sig *sig = &commit->sigs[i];
        if (sig->flag == ASSAY_FLAG_ABSENT) continue;
        if (sig->flag != ASSAY_FLAG_COMMIT && sig->flag != ASSAY_FLAG_NIL) return ASSAY_E_COMMIT;
        if (!assay_base_address_eq(sig->validator, set->validators[i].address)) return ASSAY_E_COMMIT;
        assay_buf message = {messages + (size_t)count * SIGN_BYTES_MAX, 0, SIGN_BYTES_MAX};
        ASSAY_ASSERT(sig_sign_bytes(&message, commit, i, chain_id) == ASSAY_OK);
        items[count++] =
            (assay_crypto_batch_item){set->validators[i].public_key, sig->signature, {message.ptr, message.len}};
        if (sig->flag == ASSAY_FLAG_COMMIT) signed_power += set->validators[i].power;
    }
    if (set->total_power == 0 || !assay_base_more_than(signed_power, set->total_power, 2, 3)) return ASSAY_E_COMMIT;

    /* ZIP 215 makes the batch and single checks agree, so a refused batch needs no second look: no culprit is named. */
    uint8_t seed[32];
    batch_seed(seed, items, count);
    if (!assay_crypto_ed25519_verify_batch(items, count, seed)) return ASSAY_E_SIGNATURE;
    *power = signed_power;
    return ASSAY_OK;
}

/* Where set has the address, trying `guess` first: signatures stand in the order of a set that is mostly the same. */
static int32_t find_near(const assay_validator_set *set, assay_address address, uint32_t guess) {
    if (guess < set->count && assay_base_address_eq(set->validators[guess].address, address)) return (int32_t)guess;
    return assay_validators_find(set, address);
}

uint64_t assay_commit_overlap(const assay_commit *commit, const assay_validator_set *trusted) {
    ASSAY_ASSERT(trusted->count <= ASSAY_VALIDATORS_MAX);
    uint8_t seen[(ASSAY_VALIDATORS_MAX + 7) / 8] = {0};
    uint64_t power = 0;
    for (uint32_t i = 0; i < commit->sigs_count; i++) {
        if (commit->sigs[i].flag != ASSAY_FLAG_COMMIT) continue;
        int32_t at = find_near(trusted, commit->sigs[i].validator, i);
        if (at < 0 || (seen[at / 8] >> at % 8 & 1)) continue;
        seen[at / 8] |= (uint8_t)(1u << at % 8);
        power += trusted->validators[at].power;
    }
    return power;
}

typedef struct weighted_time {
    assay_time time;
    uint64_t weight;
} weighted_time;

static bool earlier(const void *context, const void *a, const void *b) {
    (void)context;
    return assay_base_time_cmp(((const weighted_time *)a)->time, ((const weighted_time *)b)->time) < 0;
}

assay_err assay_commit_median_time(assay_time *out, const assay_commit *commit, const assay_validator_set *set,
                                   assay_arena scratch) {
    weighted_time *times = ASSAY_NEW(&scratch, weighted_time, commit->sigs_count);
    weighted_time *sorting = ASSAY_NEW(&scratch, weighted_time, commit->sigs_count);
    if (!times || !sorting) return ASSAY_F_MEMORY;
    uint64_t total = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < commit->sigs_count; i++) {
        if (commit->sigs[i].flag == ASSAY_FLAG_ABSENT) continue;
        int32_t at = find_near(set, commit->sigs[i].validator, i);
        if (at < 0) return ASSAY_E_COMMIT;
        times[count++] = (weighted_time){commit->sigs[i].timestamp, set->validators[at].power};
        ASSAY_TRY(assay_base_add_u64(&total, total, set->validators[at].power));
    }
    assay_base_sort(times, sorting, count, sizeof *times, earlier, NULL);
    *out = (assay_time){ASSAY_TYPES_GO_ZERO_SECONDS, 0};
    uint64_t median = total / 2;
    for (uint32_t i = 0; i < count; i++) {
        if (median <= times[i].weight) {
            *out = times[i].time;
            break;
        }
        median -= times[i].weight;
    }
    return ASSAY_OK;
}
