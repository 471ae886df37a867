/* SPDX-License-Identifier: Apache-2.0
 *
 * Who voted what. A vote is looked at in three steps: place it (which set, which validator), see whether it matters
 * (known already, or changing nothing), and only then verify and count it. A vote costs O(1) beside its signature: a
 * set has as many tallies as there are blocks that somebody voted for, as a rule one or two. */
#include "bft_internal.h"

#include <string.h>

static size_t tallies_max(uint32_t validators) { return (size_t)validators * (1 + SECONDS_PER_VOTER); }
static size_t seconds_max(uint32_t validators) { return (size_t)validators * 4; }
static uint32_t faults_max(uint32_t validators) { return validators * (FAULTS_PER_HEIGHT / 2) + FAULTS_PER_HEIGHT; }

/* ---- memory -------------------------------------------------------------------------------------------------- */

#define ALIGN ((size_t)16)

static size_t aligned(size_t size) { return (size + ALIGN - 1) / ALIGN * ALIGN; }

size_t assay_bft_votes_footprint(uint32_t validators_max) {
    size_t set = aligned(sizeof(ballot) * validators_max) + aligned(sizeof(tally) * tallies_max(validators_max));
    return 2 * ROUNDS_MAX * set + aligned(sizeof(second_vote) * seconds_max(validators_max)) +
           aligned(sizeof(pending_fault) * faults_max(validators_max)) + ALIGN;
}

/* Memory as it is: 32 sets of a thousand validators are touched only when a round is begun in them. */
static void *carve(assay_arena *memory, size_t size) {
    size_t pad = (size_t)(-(uintptr_t)memory->at & (ALIGN - 1));
    ASSAY_ASSERT((size_t)(memory->end - memory->at) >= pad + size);
    void *taken = memory->at + pad;
    memory->at += pad + size;
    return taken;
}

void assay_bft_votes_open(assay_bft *bft, assay_arena *memory) {
    uint32_t n = bft->validators_max;
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        for (size_t k = 0; k < 2; k++) {
            bft->rounds[i].sets[k].ballots = carve(memory, sizeof(ballot) * n);
            bft->rounds[i].sets[k].tallies = carve(memory, sizeof(tally) * tallies_max(n));
        }
    }
    bft->seconds = carve(memory, sizeof(second_vote) * seconds_max(n));
    bft->faults_max = faults_max(n);
    bft->faults = carve(memory, sizeof(pending_fault) * bft->faults_max);
}

/* ---- rounds -------------------------------------------------------------------------------------------------- */

round_record *assay_bft_round_find(assay_bft *bft, int64_t height, int32_t round) {
    round_record *current = bft->current;
    if (current && current->height == height && current->round == round) return current;
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        round_record *r = &bft->rounds[i];
        if (r->used && r->height == height && r->round == round) return r;
    }
    return NULL;
}

static void set_clear(assay_bft *bft, vote_set *set, uint32_t count) {
    for (second_vote *s = set->seconds; s;) {
        second_vote *next = s->next;
        s->next = bft->seconds_free;
        bft->seconds_free = s;
        s = next;
    }
    memset(set->ballots, 0, sizeof(ballot) * count);
    for (uint32_t i = 0; i < count; i++) set->ballots[i].tally = NO_TALLY;
    *set = (vote_set){.ballots = set->ballots, .tallies = set->tallies, .polka = NO_TALLY};
}

void assay_bft_round_free(assay_bft *bft, round_record *record) {
    ASSAY_ASSERT(record != bft->current);
    for (size_t k = 0; k < 2; k++) set_clear(bft, &record->sets[k], 0);
    record->used = false;
}

/* How badly a record is wanted; the least wanted gives up its place. 0 is never given up. */
static int64_t dispensable(const assay_bft *bft, const round_record *r) {
    int64_t behind = (int64_t)bft->round - r->round; /* of this height: old rounds first, the oldest before all */
    if (r->height < bft->height) {
        /* Not any polka: rounds that failed with one for nil may be more than there are places. */
        bool last_commit = r->height == bft->height - 1 && bft->chain &&
                           assay_bft_polka_for(&r->sets[1], &bft->chain->last_block_id);
        return last_commit ? 0 : INT64_MAX;
    }
    if (r->height > bft->height) return 1 + r->round;
    if (r == bft->current || behind <= 0 || r->round == bft->locked_round || r->round == bft->valid_round) return 0;
    if (bft->decided && r->round == bft->decided_round) return 0;
    const round_record *now = bft->current;
    if (now && now->proposed && now->proposal.pol_round == r->round) return 0;
    /* Decided by others there, and the block is not here yet: before all others it stays. */
    const vote_set *precommits = &r->sets[1];
    if (precommits->polka != NO_TALLY && !assay_block_id_is_nil(&precommits->tallies[precommits->polka].id)) return 1;
    return (INT64_C(1) << 32) + behind;
}

round_record *assay_bft_round_get(assay_bft *bft, int64_t height, int32_t round) {
    round_record *record = assay_bft_round_find(bft, height, round);
    if (record) return record;
    int64_t best = 0;
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        round_record *r = &bft->rounds[i];
        int64_t rank = r->used ? dispensable(bft, r) : INT64_MAX;
        if (rank <= best) continue;
        best = rank;
        record = r;
        if (!r->used) break;
    }
    if (!record) return NULL;
    if (record->used) assay_bft_round_free(bft, record);
    const assay_validator_set *set = assay_bft_set_of(bft, height);
    ASSAY_ASSERT(set && set->count <= bft->validators_max);
    vote_set prevotes = record->sets[0], precommits = record->sets[1];
    *record = (round_record){.used = true, .height = height, .round = round, .proposer = -1};
    record->sets[0] = prevotes;
    record->sets[1] = precommits;
    for (size_t k = 0; k < 2; k++) set_clear(bft, &record->sets[k], set->count);
    return record;
}

bool assay_bft_polka_for(const vote_set *set, const assay_block_id *id) {
    return set->polka != NO_TALLY && assay_block_id_eq(&set->tallies[set->polka].id, id);
}

/* ---- counting ------------------------------------------------------------------------------------------------ */

static uint32_t tally_find(const vote_set *set, const assay_block_id *id) {
    for (uint32_t t = 0; t < set->tallies_count; t++)
        if (assay_block_id_eq(&set->tallies[t].id, id)) return t;
    return NO_TALLY;
}

/* At most one tally comes with each validator's first verified vote, and with each of SECONDS_PER_VOTER more. */
static uint32_t tally_get(vote_set *set, const assay_block_id *id) {
    uint32_t t = tally_find(set, id);
    if (t != NO_TALLY) return t;
    set->tallies[set->tallies_count] = (tally){.id = *id};
    return set->tallies_count++;
}

static void count_for(vote_set *set, uint32_t t, uint64_t power, uint64_t total) {
    set->tallies[t].power += power;
    /* The first polka stays: a second one needs a third of power voting twice, beyond what can be tolerated. */
    if (set->polka == NO_TALLY && assay_base_more_than(set->tallies[t].power, total, 2, 3)) set->polka = t;
}

/* Where a vote belongs. record is NULL for a round of this height that is too far up to be kept. */
typedef struct place {
    round_record *record;
    vote_set *set;
    const assay_validator_set *validators;
    const assay_validator *validator;
    uint32_t idx;
} place;

static void vote_to_ballot(ballot *b, uint32_t t, const assay_vote *vote, bool verified) {
    b->tally = t;
    b->verified = verified;
    b->timestamp = vote->timestamp;
    b->signature = vote->signature;
}

static void count_first(place *at, const assay_vote *vote) {
    uint32_t t = tally_get(at->set, &vote->block_id);
    vote_to_ballot(&at->set->ballots[at->idx], t, vote, true);
    at->set->power += at->validator->power;
    at->set->voted++;
    count_for(at->set, t, at->validator->power, at->validators->total_power);
}

static const second_vote *second_find(const vote_set *set, uint32_t voter, uint32_t t) {
    for (const second_vote *s = set->seconds; s; s = s->next)
        if (s->voter == voter && s->tally == t) return s;
    return NULL;
}

/* From those given back, or the next that was never used: the pool is not touched before it is needed. */
static second_vote *second_new(assay_bft *bft) {
    second_vote *s = bft->seconds_free;
    if (s) bft->seconds_free = s->next;
    else if (bft->seconds_used < seconds_max(bft->validators_max)) s = &bft->seconds[bft->seconds_used++];
    return s;
}

/* Whether an equivocator's further vote is counted: its first few are, so that at most those take memory, and those for
 * a block that others support, so that it cannot hide a polka by naming other blocks first. */
static bool second_counts(const place *at, uint32_t t) {
    if (at->set->ballots[at->idx].seconds_count < SECONDS_PER_VOTER) return true;
    return t != NO_TALLY && assay_base_more_than(at->set->tallies[t].power, at->validators->total_power, 1, 3);
}

static void count_second(assay_bft *bft, place *at, const assay_vote *vote) {
    uint32_t t = tally_find(at->set, &vote->block_id);
    if (!second_counts(at, t)) return;
    second_vote *s = second_new(bft);
    if (!s) return;
    if (t == NO_TALLY) t = tally_get(at->set, &vote->block_id);
    *s = (second_vote){at->idx, t, vote->timestamp, vote->signature, at->set->seconds};
    at->set->seconds = s;
    if (at->set->ballots[at->idx].seconds_count < UINT8_MAX) at->set->ballots[at->idx].seconds_count++;
    count_for(at->set, t, at->validator->power, at->validators->total_power);
}

bool assay_bft_vote_of(const assay_bft *bft, const round_record *record, uint32_t type, uint32_t i, uint32_t t,
                       assay_vote *out) {
    const vote_set *set = &record->sets[type - 1];
    const ballot *b = &set->ballots[i];
    *out = (assay_vote){.type = type,
                        .height = record->height,
                        .round = record->round,
                        .block_id = set->tallies[t].id,
                        .validator = assay_bft_set_of(bft, record->height)->validators[i].address,
                        .validator_index = (int32_t)i};
    if (b->tally == t) {
        out->timestamp = b->timestamp;
        out->signature = b->signature;
        return b->verified;
    }
    const second_vote *s = b->seconds_count ? second_find(set, i, t) : NULL;
    if (!s) return false;
    out->timestamp = s->timestamp;
    out->signature = s->signature;
    return true;
}

/* ---- double votes -------------------------------------------------------------------------------------------- */

static void fault_tell(assay_bft *bft, place *at, const assay_vote *second) {
    ballot *b = &at->set->ballots[at->idx];
    if (b->fault_told || bft->faults_count == bft->faults_max || bft->faults_told[at->idx] == FAULTS_PER_HEIGHT) return;
    assay_vote first;
    if (!assay_bft_vote_of(bft, at->record, second->type, at->idx, b->tally, &first)) return;
    b->fault_told = true;
    bft->faults_told[at->idx]++;
    pending_fault *f = &bft->faults[bft->faults_count++];
    *f = (pending_fault){.evidence = assay_duplicate_vote_new(&first, second, at->validators->total_power,
                                                              at->validator->power, (assay_time){0})};
    if (second->height < bft->height && bft->chain->height == second->height) {
        f->evidence.timestamp = bft->chain->last_time;
        f->due = true;
    }
    if (second->height == bft->height && bft->decided) {
        const block_slot *slot = assay_bft_block_find(bft, bft->height, &bft->decided_id);
        f->evidence.timestamp = slot->block.header.time;
        f->due = true;
    }
}

void assay_bft_faults_release(assay_bft *bft, int64_t height, assay_time time) {
    for (uint32_t i = 0; i < bft->faults_count; i++) {
        pending_fault *f = &bft->faults[i];
        if (f->due || f->evidence.vote_a.height > height) continue;
        f->due = true;
        if (f->evidence.vote_a.height == height) f->evidence.timestamp = time;
    }
}

/* ---- what becomes of a vote ---------------------------------------------------------------------------------- */

typedef enum verdict {
    VERDICT_IGNORE, /* known, or of no interest */
    VERDICT_LAZY,   /* keep it unverified */
    VERDICT_VERIFY
} verdict;

/* A round of this height whose votes are kept, made when the first of them is verified. */
static bool round_kept(const assay_bft *bft, int32_t round) {
    int64_t now = bft->waiting ? 0 : bft->round;
    if (round >= now) return round <= now + bft->config.rounds_kept;
    const round_record *current = bft->current;
    bool asked_for = current && current->proposed && current->proposal.pol_round == round;
    return asked_for || round == bft->locked_round || round == bft->valid_round;
}

/* A set that has what it is for: further votes matter only if they prove a fault, or for the next block's commit. */
static bool settled(const assay_bft *bft, const place *at, const assay_vote *vote) {
    if (vote->height < bft->height) return true;
    if (vote->height > bft->height) return false;
    return bft->decided || (vote->round <= bft->round && assay_bft_polka_for(at->set, &vote->block_id));
}

/* Finds where the vote belongs and whether it matters. Nothing changes yet. */
static assay_err place_vote(assay_bft *bft, const assay_vote *vote, place *at, verdict *out) {
    *out = VERDICT_IGNORE;
    *at = (place){.validators = assay_bft_set_of(bft, vote->height), .idx = (uint32_t)vote->validator_index};
    if (!at->validators) return ASSAY_OK;
    if (at->idx >= at->validators->count) return ASSAY_E_RANGE;
    at->validator = &at->validators->validators[at->idx];
    if (!assay_base_address_eq(at->validator->address, vote->validator)) return ASSAY_E_SIGNATURE;

    at->record = assay_bft_round_find(bft, vote->height, vote->round);
    if (!at->record) {
        if (vote->height < bft->height || (vote->height == bft->height && bft->decided)) return ASSAY_OK;
        bool kept = vote->height > bft->height ? vote->round < (int32_t)bft->config.rounds_kept || vote->round == 0
                                               : round_kept(bft, vote->round);
        bool above = vote->height == bft->height && vote->round > bft->round;
        if (kept || (above && vote->round > bft->highest[at->idx])) *out = VERDICT_VERIFY;
        return ASSAY_OK;
    }
    at->set = &at->record->sets[vote->type - 1];
    const ballot *b = &at->set->ballots[at->idx];
    if (b->tally == NO_TALLY) {
        /* Unverified votes never add a tally: their number is bounded by those who signed. */
        bool lazy = settled(bft, at, vote) && tally_find(at->set, &vote->block_id) != NO_TALLY;
        *out = lazy ? VERDICT_LAZY : VERDICT_VERIFY;
        return ASSAY_OK;
    }
    if (assay_block_id_eq(&at->set->tallies[b->tally].id, &vote->block_id)) {
        bool same = memcmp(b->signature.b, vote->signature.b, sizeof b->signature.b) == 0;
        if (!b->verified && !same) *out = VERDICT_VERIFY; /* one of both may be forged */
        return ASSAY_OK;
    }
    uint32_t t = tally_find(at->set, &vote->block_id);
    if (t != NO_TALLY && b->seconds_count && second_find(at->set, at->idx, t)) return ASSAY_OK;
    if (!b->verified || !b->fault_told || second_counts(at, t)) *out = VERDICT_VERIFY;
    return ASSAY_OK;
}

static bool ballot_valid(const assay_bft *bft, const place *at, const assay_vote *like) {
    const ballot *b = &at->set->ballots[at->idx];
    assay_vote vote = *like;
    vote.block_id = at->set->tallies[b->tally].id;
    vote.timestamp = b->timestamp;
    vote.signature = b->signature;
    return assay_vote_verify(&vote, bft->config.chain_id, at->validator->public_key);
}

/* Counts a ballot that was kept unverified, after it turned out to be right. */
static void ballot_confirm(place *at) {
    ballot *b = &at->set->ballots[at->idx];
    b->verified = true;
    at->set->power += at->validator->power;
    at->set->voted++;
    count_for(at->set, b->tally, at->validator->power, at->validators->total_power);
}

/* Somebody votes above this round: L55 counts whom, by the highest round of each. */
static void note_highest(assay_bft *bft, const place *at, int32_t round) {
    int32_t *highest = &bft->highest[at->idx];
    if (round <= *highest) return;
    if (*highest <= bft->round && round > bft->round) bft->above += at->validator->power;
    *highest = round;
}

/* More than a third votes at the next height: somebody honest has decided this one. */
static void note_ahead(assay_bft *bft, const place *at) {
    if (at->record->height != bft->height + 1 || bft->decided) return;
    if (assay_base_more_than(at->set->power, at->validators->total_power, 1, 3))
        assay_bft_tell_behind(bft, at->record->height);
}

static assay_err count_vote(assay_bft *bft, place *at, const assay_vote *vote) {
    if (vote->height == bft->height) note_highest(bft, at, vote->round);
    if (!at->record) {
        if (vote->height == bft->height && !round_kept(bft, vote->round)) {
            bft->votes_lost = true;
            return ASSAY_OK;
        }
        at->record = assay_bft_round_get(bft, vote->height, vote->round);
        if (!at->record) return ASSAY_F_MEMORY;
        at->set = &at->record->sets[vote->type - 1];
    }
    ballot *b = &at->set->ballots[at->idx];
    bool same = b->tally != NO_TALLY && assay_block_id_eq(&at->set->tallies[b->tally].id, &vote->block_id);
    if (b->tally != NO_TALLY && !b->verified) {
        if (ballot_valid(bft, at, vote)) ballot_confirm(at);
        else b->tally = NO_TALLY;
    }
    if (b->tally == NO_TALLY) {
        count_first(at, vote);
        note_ahead(bft, at);
    } else if (!same) {
        fault_tell(bft, at, vote);
        count_second(bft, at, vote);
    }
    return ASSAY_OK;
}

/* A peer is further than the next height. Its validator set is not known here, but few change from one height to the
 * next: one known validator's word is enough to ask around, once a height. */
static assay_err far_vote(assay_bft *bft, const assay_vote *vote) {
    if (bft->behind_told > bft->height + 1) return ASSAY_OK;
    const assay_validator_set *set = &bft->chain->next_validators;
    int32_t idx = assay_validators_find(set, vote->validator);
    if (idx < 0) return ASSAY_OK;
    if (!assay_vote_verify(vote, bft->config.chain_id, set->validators[idx].public_key)) return ASSAY_E_SIGNATURE;
    assay_bft_tell_behind(bft, vote->height);
    return ASSAY_OK;
}

assay_err assay_bft_vote_take(assay_bft *bft, const assay_vote *vote, bool trusted) {
    if (vote->height > bft->height + 1) return far_vote(bft, vote);
    place at;
    verdict what;
    ASSAY_TRY(place_vote(bft, vote, &at, &what));
    if (what == VERDICT_IGNORE) return ASSAY_OK;
    if (what == VERDICT_LAZY && !trusted) {
        vote_to_ballot(&at.set->ballots[at.idx], tally_get(at.set, &vote->block_id), vote, false);
        return ASSAY_OK;
    }
    if (!trusted && !assay_vote_verify(vote, bft->config.chain_id, at.validator->public_key)) return ASSAY_E_SIGNATURE;
    return count_vote(bft, &at, vote);
}

/* ---- many at once -------------------------------------------------------------------------------------------- */

#define BATCH_MAX 64
#define BATCH_MIN 2 /* two together take 28 us each, one alone 35; from eight on 20 (crates ed25519-zebra, AVX2) */

typedef struct batch {
    assay_crypto_batch_item items[BATCH_MAX];
    uint8_t messages[BATCH_MAX][200];
    uint32_t votes[BATCH_MAX]; /* which */
    const vote_set *sets[BATCH_MAX];
    uint64_t powers[BATCH_MAX];
    uint32_t count;
} batch;

/* The coefficients of a batch must not be known to those who made its signatures: they follow from all of them. */
static bool batch_valid(const batch *b) {
    assay_sha256 hash;
    assay_crypto_sha256_init(&hash);
    assay_crypto_sha256_update(&hash, ASSAY_STR("assay/1/vote-batch\0"));
    for (uint32_t i = 0; i < b->count; i++) {
        uint8_t len = (uint8_t)b->items[i].message.len;
        assay_crypto_sha256_update(&hash, (assay_bytes){b->items[i].key.b, sizeof b->items[i].key.b});
        assay_crypto_sha256_update(&hash, (assay_bytes){b->items[i].signature.b, sizeof b->items[i].signature.b});
        assay_crypto_sha256_update(&hash, (assay_bytes){&len, 1});
        assay_crypto_sha256_update(&hash, b->items[i].message);
    }
    assay_hash seed = assay_crypto_sha256_final(&hash);
    return assay_crypto_ed25519_verify_batch(b->items, b->count, seed.b);
}

static void batch_add(batch *b, assay_bytes chain_id, const assay_vote *vote, assay_public_key key, uint32_t which) {
    assay_buf out = {b->messages[b->count], 0, sizeof b->messages[b->count]};
    ASSAY_ASSERT(assay_vote_sign_bytes(&out, vote, chain_id) == ASSAY_OK);
    b->items[b->count] = (assay_crypto_batch_item){key, vote->signature, {out.ptr, out.len}};
    b->votes[b->count++] = which;
}

/* A batch that holds together lets its votes in as trusted; from any other they go in one by one. */
static void batch_take(assay_bft *bft, assay_err *verdicts, const assay_vote *votes, batch *b) {
    bool valid = b->count >= BATCH_MIN && batch_valid(b);
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t which = b->votes[i];
        verdicts[which] = assay_bft_vote_take(bft, &votes[which], valid);
    }
    b->count = 0;
}

/* Whether the votes of a batch, if right, complete a polka with the last of them: then those that follow need not be
 * verified any more. */
static bool completes(batch *b, const assay_vote *votes, const place *at) {
    uint32_t last = b->count - 1;
    b->sets[last] = at->set;
    b->powers[last] = at->validator->power;
    if (!at->set) return false;
    const assay_block_id *id = &votes[b->votes[last]].block_id;
    uint32_t t = tally_find(at->set, id);
    uint64_t power = t == NO_TALLY ? 0 : at->set->tallies[t].power;
    for (uint32_t i = 0; i < b->count; i++)
        if (b->sets[i] == at->set && assay_block_id_eq(&votes[b->votes[i]].block_id, id)) power += b->powers[i];
    return assay_base_more_than(power, at->validators->total_power, 2, 3);
}

void assay_bft_votes_take(assay_bft *bft, assay_err *verdicts, const assay_vote *votes, uint32_t count) {
    batch b;
    b.count = 0;
    for (uint32_t i = 0; i < count; i++) {
        place at;
        verdict what = VERDICT_IGNORE;
        bool far = votes[i].height > bft->height + 1;
        verdicts[i] = far ? far_vote(bft, &votes[i]) : place_vote(bft, &votes[i], &at, &what);
        if (verdicts[i] != ASSAY_OK) continue;
        if (what == VERDICT_LAZY) verdicts[i] = assay_bft_vote_take(bft, &votes[i], false);
        if (what != VERDICT_VERIFY) continue;
        batch_add(&b, bft->config.chain_id, &votes[i], at.validator->public_key, i);
        if (completes(&b, votes, &at) || b.count == BATCH_MAX) batch_take(bft, verdicts, votes, &b);
    }
    batch_take(bft, verdicts, votes, &b);
}

/* ---- commits ------------------------------------------------------------------------------------------------- */

void assay_bft_commit_build(assay_bft *bft, const round_record *record, const assay_block_id *id) {
    const vote_set *set = &record->sets[1];
    const assay_validator_set *validators = assay_bft_set_of(bft, record->height);
    uint32_t t = tally_find(set, id);
    ASSAY_ASSERT(t != NO_TALLY);
    bft->commit = (assay_commit){.height = record->height,
                                 .round = record->round,
                                 .block_id = *id,
                                 .sigs = bft->commit_sigs,
                                 .sigs_count = validators->count};
    for (uint32_t i = 0; i < validators->count; i++) {
        const ballot *b = &set->ballots[i];
        assay_commit_sig *sig = &bft->commit_sigs[i];
        assay_vote vote;
        *sig = (assay_commit_sig){.flag = ASSAY_FLAG_ABSENT};
        if (b->tally == NO_TALLY || !b->verified) continue;
        if (assay_bft_vote_of(bft, record, ASSAY_PRECOMMIT, i, t, &vote)) {
            *sig = (assay_commit_sig){ASSAY_FLAG_COMMIT, vote.validator, vote.timestamp, vote.signature};
        } else if (assay_block_id_is_nil(&set->tallies[b->tally].id)) {
            *sig = (assay_commit_sig){ASSAY_FLAG_NIL, vote.validator, b->timestamp, b->signature};
        }
    }
}

/* Many have come late as a rule, and all are right: together they are verified sooner. */
static bool late_valid(assay_bft *bft, const round_record *record) {
    const assay_validator_set *validators = assay_bft_set_of(bft, record->height);
    const vote_set *set = &record->sets[1];
    batch b;
    b.count = 0;
    bool valid = true;
    for (uint32_t i = 0; i < validators->count && valid; i++) {
        const ballot *late = &set->ballots[i];
        if (late->tally == NO_TALLY || late->verified) continue;
        assay_vote vote;
        assay_bft_vote_of(bft, record, ASSAY_PRECOMMIT, i, late->tally, &vote);
        batch_add(&b, bft->config.chain_id, &vote, validators->validators[i].public_key, i);
        if (b.count < BATCH_MAX) continue;
        valid = batch_valid(&b);
        b.count = 0;
    }
    return valid && (b.count == 0 || batch_valid(&b));
}

void assay_bft_late_verify(assay_bft *bft, round_record *record) {
    const assay_validator_set *validators = assay_bft_set_of(bft, record->height);
    vote_set *set = &record->sets[1];
    bool all_valid = late_valid(bft, record);
    for (uint32_t i = 0; i < validators->count; i++) {
        ballot *b = &set->ballots[i];
        if (b->tally == NO_TALLY || b->verified) continue;
        place at = {record, set, validators, &validators->validators[i], i};
        assay_vote like = {.type = ASSAY_PRECOMMIT, .height = record->height, .round = record->round};
        if (all_valid || ballot_valid(bft, &at, &like)) ballot_confirm(&at);
        else b->tally = NO_TALLY;
    }
}

/* True if this very precommit was verified here. */
static bool is_known(const round_record *record, const assay_commit *commit, uint32_t i) {
    const assay_commit_sig *sig = &commit->sigs[i];
    const ballot *b = &record->sets[1].ballots[i];
    if (b->tally == NO_TALLY || !b->verified) return false;
    const assay_block_id *id = &record->sets[1].tallies[b->tally].id;
    bool same_id = sig->flag == ASSAY_FLAG_NIL ? assay_block_id_is_nil(id) : assay_block_id_eq(id, &commit->block_id);
    return same_id && assay_base_time_cmp(b->timestamp, sig->timestamp) == 0 &&
           memcmp(b->signature.b, sig->signature.b, sizeof sig->signature.b) == 0;
}

static assay_vote vote_of_commit(const assay_commit *commit, uint32_t i) {
    const assay_commit_sig *sig = &commit->sigs[i];
    assay_vote vote = {.type = ASSAY_PRECOMMIT,
                       .height = commit->height,
                       .round = commit->round,
                       .timestamp = sig->timestamp,
                       .validator = sig->validator,
                       .validator_index = (int32_t)i,
                       .signature = sig->signature};
    if (sig->flag == ASSAY_FLAG_COMMIT) vote.block_id = commit->block_id;
    return vote;
}

bool assay_bft_commit_signed(const assay_bft *bft, const assay_commit *commit) {
    const assay_validator_set *validators = &bft->chain->last_validators;
    const round_record *record = NULL;
    for (size_t k = 0; k < ROUNDS_MAX && !record; k++) {
        const round_record *r = &bft->rounds[k];
        if (r->used && r->height == commit->height && r->round == commit->round) record = r;
    }
    batch b;
    b.count = 0;
    for (uint32_t i = 0; i < validators->count; i++) {
        if (commit->sigs[i].flag == ASSAY_FLAG_ABSENT || (record && is_known(record, commit, i))) continue;
        assay_vote vote = vote_of_commit(commit, i);
        batch_add(&b, bft->config.chain_id, &vote, validators->validators[i].public_key, i);
        if (b.count < BATCH_MAX) continue;
        if (!batch_valid(&b)) return false; /* ZIP 215: a batch says what each signature alone would */
        b.count = 0;
    }
    return b.count == 0 || batch_valid(&b);
}

/* The precommits of a checked commit join those that came as votes, as if they had come last. */
static void commit_join(assay_bft *bft, round_record *record, const assay_commit *commit) {
    const assay_validator_set *validators = &bft->chain->last_validators;
    for (uint32_t i = 0; i < commit->sigs_count; i++) {
        const assay_commit_sig *sig = &commit->sigs[i];
        if (sig->flag == ASSAY_FLAG_ABSENT) continue;
        place at = {record, &record->sets[1], validators, &validators->validators[i], i};
        assay_vote vote = vote_of_commit(commit, i);
        assay_err err = count_vote(bft, &at, &vote);
        ASSAY_ASSERT(err == ASSAY_OK); /* the record is there */
    }
}

assay_err assay_bft_commit_load(assay_bft *bft, const assay_commit *commit) {
    const assay_validator_set *validators = &bft->chain->last_validators;
    for (uint32_t i = 0; i < commit->sigs_count; i++) {
        bool absent = commit->sigs[i].flag == ASSAY_FLAG_ABSENT;
        if (!absent && !assay_base_address_eq(commit->sigs[i].validator, validators->validators[i].address))
            return ASSAY_E_RANGE;
    }
    round_record *record = assay_bft_round_find(bft, commit->height, commit->round);
    if (record && assay_bft_polka_for(&record->sets[1], &commit->block_id)) return ASSAY_OK;
    record = assay_bft_round_get(bft, commit->height, commit->round);
    if (!record) return ASSAY_F_MEMORY;
    commit_join(bft, record, commit);
    if (assay_bft_polka_for(&record->sets[1], &commit->block_id)) return ASSAY_OK;
    /* Double votes stand in its way: the commit alone then. */
    set_clear(bft, &record->sets[1], validators->count);
    commit_join(bft, record, commit);
    return assay_bft_polka_for(&record->sets[1], &commit->block_id) ? ASSAY_OK : ASSAY_E_RANGE;
}
