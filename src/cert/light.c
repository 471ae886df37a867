/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of a light client, many steps, and what two chains at one height prove against those who signed both. The
 * same judgement decides for certificates (anchor.c): CometBFT's skipping rule with a higher bar. Where more than 1/3
 * of the anchor's power suffices there, more than 2/3 is asked here, because below it a third could have signed
 * something else. Source: CometBFT spec/light-client (verification, attacks);
 * light/verifier.go and types/evidence.go say what is compared with what. */
#include "cert_internal.h"

/* ---- one block --------------------------------------------------------------------------------------------------- */

assay_err assay_cert_light_check(const assay_cert_light_block *block, assay_bytes chain_id, assay_arena scratch) {
    const assay_header *header = block->header;
    const assay_commit *commit = block->commit;
    assay_hash set;
    uint64_t power;
    if (!assay_base_bytes_eq(header->chain_id, chain_id)) return ASSAY_E_OTHER_CHAIN;
    ASSAY_TRY(assay_validators_hash(&set, block->validators, scratch));
    if (!assay_base_hash_eq(set, header->validators_hash)) return ASSAY_E_BLOCK;
    if (!assay_base_hash_eq(assay_header_hash(header), commit->block_id.hash)) return ASSAY_E_BLOCK;
    return assay_commit_check(&power, commit, block->validators, chain_id, &commit->block_id, header->height, scratch);
}

/* ---- one step ---------------------------------------------------------------------------------------------------- */

/* now - then in whole seconds, rounded down. */
static int64_t seconds_since(assay_time now, assay_time then) {
    int64_t seconds;
    if (__builtin_sub_overflow(now.seconds, then.seconds, &seconds))
        return now.seconds < then.seconds ? INT64_MIN : INT64_MAX;
    return now.nanos < then.nanos && seconds > INT64_MIN ? seconds - 1 : seconds;
}

/* t + seconds, where it fits; the end of time else. */
static assay_time time_plus(assay_time t, uint64_t seconds) {
    int64_t sum;
    if (seconds > INT64_MAX || __builtin_add_overflow(t.seconds, (int64_t)seconds, &sum)) sum = INT64_MAX;
    return (assay_time){sum, t.nanos};
}

assay_err assay_cert_light_judge(assay_cert_anchor *out, const assay_cert_light_trusted *at,
                                 const assay_cert_light_block *block, const assay_cert_light_rules *rules) {
    const assay_header *header = block->header;
    *out = (assay_cert_anchor){.found = true,
                               .height = at->height,
                               .time = at->time,
                               .age_seconds = seconds_since(rules->now, at->time),
                               .overlap = assay_commit_overlap(block->commit, at->validators),
                               .power = at->validators->total_power};
    bool named = at->next_validators && (uint64_t)header->height == at->height + 1;
    if (at->height == (uint64_t)header->height) {
        if (!assay_base_hash_eq(at->header_hash, block->commit->block_id.hash)) return ASSAY_E_BLOCK;
        out->pinned = true;
    } else {
        int order = assay_base_time_cmp(header->time, at->time);
        /* CometBFT gives the first block the time of the genesis. */
        if (order < 0 || (order == 0 && at->height > 0)) return ASSAY_E_BLOCK;
    }
    if (named && !assay_base_hash_eq(*at->next_validators, header->validators_hash)) return ASSAY_E_BLOCK;
    if (assay_base_time_cmp(rules->now, at->time) < 0) return ASSAY_E_CLOCK;
    if (out->pinned) return ASSAY_OK;
    if (assay_base_time_cmp(time_plus(rules->now, ASSAY_CERT_CLOCK_DRIFT_SECONDS), header->time) < 0)
        return ASSAY_E_CLOCK;
    /* Whom the block before names needs to share nobody with the set that signed it. */
    if (!named && !assay_base_more_than(out->overlap, out->power, 1, 3)) return ASSAY_E_ANCHOR;
    out->overlap_short = !named && !assay_base_more_than(out->overlap, out->power, 2, 3);
    out->age_exceeded = assay_base_time_cmp(rules->now, time_plus(at->time, rules->trust_seconds)) > 0;
    if (out->overlap_short && !rules->policy->allow_overlap) return ASSAY_E_OVERLAP;
    if (out->age_exceeded && !rules->policy->allow_age) return ASSAY_E_AGE;
    return ASSAY_OK;
}

assay_err assay_cert_light_verify(assay_cert_anchor *out, const assay_cert_light_block *trusted,
                                  const assay_cert_light_block *block, const assay_cert_light_rules *rules,
                                  assay_arena scratch) {
    *out = (assay_cert_anchor){0};
    ASSAY_TRY(assay_cert_light_check(block, trusted->header->chain_id, scratch));
    if (block->header->height < trusted->header->height) return ASSAY_E_ANCHOR;
    const assay_cert_light_trusted at = {.height = (uint64_t)trusted->header->height,
                                         .time = trusted->header->time,
                                         .header_hash = assay_header_hash(trusted->header),
                                         .validators = trusted->validators,
                                         .next_validators = &trusted->header->next_validators_hash};
    return assay_cert_light_judge(out, &at, block, rules);
}

/* ---- many steps -------------------------------------------------------------------------------------------------- */

assay_err assay_cert_light_skip(assay_cert_light_trace *out, assay_arena *keep, const assay_cert_light_block *trusted,
                                const assay_cert_light_path *path, const assay_cert_light_rules *rules,
                                assay_arena scratch) {
    *out = (assay_cert_light_trace){0};
    if (path->count == 0) return ASSAY_E_RANGE;
    for (uint32_t i = 0; i < path->count; i++) {
        int64_t before = i == 0 ? trusted->header->height : path->blocks[i - 1].header->height;
        if (path->blocks[i].header->height <= before) return ASSAY_E_RANGE;
    }
    out->steps = ASSAY_NEW(keep, uint32_t, path->count);
    if (!out->steps) return ASSAY_F_MEMORY;
    const assay_cert_light_block *from = trusted;
    uint32_t least = 0, aim = path->count - 1; /* the next block to be trusted is among least..aim */
    for (;;) {
        assay_cert_anchor anchor;
        assay_err err = assay_cert_light_verify(&anchor, from, &path->blocks[aim], rules, scratch);
        if ((err == ASSAY_E_ANCHOR || err == ASSAY_E_OVERLAP) && aim > least) {
            aim = least + (aim - least) / 2;
            continue;
        }
        out->failed = aim;
        if (err != ASSAY_OK) return err;
        out->steps[out->steps_count++] = aim;
        out->overlap_short = out->overlap_short || anchor.overlap_short;
        out->age_exceeded = out->age_exceeded || anchor.age_exceeded;
        if (aim == path->count - 1) return ASSAY_OK;
        from = &path->blocks[aim];
        least = aim + 1;
        aim = path->count - 1;
    }
}

/* ---- two chains at one height ------------------------------------------------------------------------------------ */

/* All that follows from the blocks before, and so cannot differ between two that follow from the same. */
static bool follows_alike(const assay_header *a, const assay_header *b) {
    return assay_base_hash_eq(a->validators_hash, b->validators_hash) &&
           assay_base_hash_eq(a->next_validators_hash, b->next_validators_hash) &&
           assay_base_hash_eq(a->consensus_hash, b->consensus_hash) && assay_base_hash_eq(a->app_hash, b->app_hash) &&
           assay_base_hash_eq(a->last_results_hash, b->last_results_hash);
}

/* Where set has an address, trying guess first: two sets of one time are mostly the same. */
static int32_t find_near(const assay_validator_set *set, assay_address address, uint32_t guess) {
    if (guess < set->count && assay_base_address_eq(set->validators[guess].address, address)) return (int32_t)guess;
    return assay_validators_find(set, address);
}

/* Validator i's vote in a checked commit. */
static assay_vote vote_in(const assay_commit *commit, uint32_t i) {
    const assay_commit_sig *sig = &commit->sigs[i];
    return (assay_vote){.type = ASSAY_PRECOMMIT,
                        .height = commit->height,
                        .round = commit->round,
                        .block_id = commit->block_id,
                        .timestamp = sig->timestamp,
                        .validator = sig->validator,
                        .validator_index = (int32_t)i,
                        .signature = sig->signature};
}

/* Those who signed both blocks in the same round, in the order of the trusted block's set. */
static assay_err double_votes(assay_cert_fork *out, assay_arena *keep, const assay_cert_light_block *trusted,
                              const assay_cert_light_block *other) {
    const assay_validator_set *set = trusted->validators;
    out->votes = ASSAY_NEW(keep, assay_duplicate_vote, set->count);
    if (!out->votes) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < set->count; i++) {
        if (trusted->commit->sigs[i].flag != ASSAY_FLAG_COMMIT) continue;
        int32_t at = find_near(other->validators, set->validators[i].address, i);
        if (at < 0 || other->commit->sigs[at].flag != ASSAY_FLAG_COMMIT) continue;
        const assay_vote one = vote_in(trusted->commit, i), two = vote_in(other->commit, (uint32_t)at);
        out->votes[out->votes_count++] =
            assay_duplicate_vote_new(&one, &two, set->total_power, set->validators[i].power, trusted->header->time);
    }
    return ASSAY_OK;
}

/* Those of the anchor who signed the other block. */
static assay_err signers_of(assay_cert_fork *out, assay_arena *keep, const assay_validator_set *anchor,
                            const assay_cert_light_block *other) {
    out->suspects = ASSAY_NEW(keep, assay_validator, anchor->count);
    if (!out->suspects) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < anchor->count; i++) {
        int32_t at = find_near(other->validators, anchor->validators[i].address, i);
        if (at >= 0 && other->commit->sigs[at].flag == ASSAY_FLAG_COMMIT)
            out->suspects[out->suspects_count++] = anchor->validators[i];
    }
    return ASSAY_OK;
}

assay_err assay_cert_light_fork(assay_cert_fork *out, assay_arena *keep, const assay_cert_light_block *anchor,
                                const assay_cert_light_block *trusted, const assay_cert_light_block *other,
                                assay_arena scratch) {
    *out = (assay_cert_fork){0};
    if (trusted->header->height != other->header->height) return ASSAY_E_RANGE;
    ASSAY_TRY(assay_cert_light_check(trusted, anchor->header->chain_id, scratch));
    ASSAY_TRY(assay_cert_light_check(other, anchor->header->chain_id, scratch));
    if (assay_base_hash_eq(trusted->commit->block_id.hash, other->commit->block_id.hash)) return ASSAY_OK;
    bool same_round = trusted->commit->round == other->commit->round;
    if (same_round) ASSAY_TRY(double_votes(out, keep, trusted, other));
    if (!follows_alike(trusted->header, other->header)) {
        out->kind = ASSAY_CERT_FORK_LUNATIC;
        return signers_of(out, keep, anchor->validators, other);
    }
    out->kind = same_round ? ASSAY_CERT_FORK_EQUIVOCATION : ASSAY_CERT_FORK_AMNESIA;
    return ASSAY_OK;
}
