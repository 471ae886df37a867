/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_types_vote - hostile bytes as something of CometBFT's. The first byte picks what; the rest is its encoding.
 *
 *   always    only verdicts are given; what decodes settles: encoding it and reading that back gives the same bytes
 *   then      the computations that follow from each are made: hashes, rotations, medians, checks */
#include "types/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 24, OUT = 1 << 18 };
static _Alignas(64) uint8_t keep_room[ROOM], scratch_room[ROOM], first_room[OUT], second_room[OUT];

/* Every noun here as one: an encoder and a decoder. */
typedef union value {
    assay_vote vote;
    assay_proposal proposal;
    assay_header header;
    assay_commit commit;
    assay_validator_set set;
    assay_duplicate_vote evidence;
    assay_block block;
} value;

enum { VOTE, PROPOSAL, HEADER, COMMIT, SET, EVIDENCE, BLOCK, KINDS };

static assay_err decode(uint32_t kind, value *out, assay_arena *keep, assay_bytes input) {
    switch (kind) {
    case VOTE: return assay_vote_decode(&out->vote, input);
    case PROPOSAL: return assay_proposal_decode(&out->proposal, input);
    case HEADER: return assay_header_decode(&out->header, input);
    case COMMIT: return assay_commit_decode(&out->commit, keep, input);
    case SET: return assay_validators_decode(&out->set, keep, input);
    case EVIDENCE: return assay_duplicate_vote_decode(&out->evidence, input);
    default: {
        /* What the header says to suffice does, for both. */
        size_t footprint = assay_block_decode_footprint(input.len);
        ASSAY_ASSERT(footprint <= (size_t)(keep->end - keep->at));
        assay_arena exact = {keep->at, keep->at + footprint};
        assay_err err = assay_block_decode(&out->block, &exact, input, assay_base_arena(scratch_room, footprint));
        keep->at = exact.at;
        return err;
    }
    }
}

static assay_err encode(uint32_t kind, assay_buf *out, const value *in) {
    switch (kind) {
    case VOTE: return assay_vote_encode(out, &in->vote);
    case PROPOSAL: return assay_proposal_encode(out, &in->proposal);
    case HEADER: return assay_header_encode(out, &in->header);
    case COMMIT: return assay_commit_encode(out, &in->commit);
    case SET: return assay_validators_encode(out, &in->set);
    case EVIDENCE: return assay_duplicate_vote_encode(out, &in->evidence);
    default: return assay_block_encode(out, &in->block);
    }
}

static void use_commit(const assay_commit *commit) {
    assay_arena scratch = assay_base_arena(scratch_room, sizeof scratch_room);
    assay_hash hash;
    ASSAY_ASSERT(assay_commit_hash(&hash, commit, scratch) == ASSAY_OK);
    assay_validator everybody[1] = {{.public_key = {{1}}, .power = 1}};
    assay_validator_set set;
    ASSAY_ASSERT(assay_validators_new(&set, &scratch, everybody, 1) == ASSAY_OK);
    assay_time median;
    assay_err err = assay_commit_median_time(&median, commit, &set, scratch);
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_COMMIT);
    ASSAY_ASSERT(assay_commit_overlap(commit, &set) <= set.total_power);
    uint64_t power;
    err = assay_commit_check(&power, commit, &set, ASSAY_STR("chain"), &commit->block_id, commit->height, scratch);
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_COMMIT || err == ASSAY_E_SIGNATURE);
}

/* Priorities may be anything; rotation must stay defined and conserve the order and the power. */
static void use_set(assay_validator_set *set) {
    assay_arena scratch = assay_base_arena(scratch_room, sizeof scratch_room);
    assay_validator_set after;
    assay_hash before_hash, hash;
    ASSAY_ASSERT(assay_validators_hash(&before_hash, set, scratch) == ASSAY_OK);
    assay_validators_rotate(set, 3);
    ASSAY_ASSERT(assay_validators_proposer(set) < set->count);
    ASSAY_ASSERT(assay_validators_hash(&hash, set, scratch) == ASSAY_OK && assay_base_hash_eq(hash, before_hash));
    assay_arena keep = scratch;
    keep.end = keep.at + ROOM / 2;
    scratch.at += ROOM / 2;
    assay_validator change = set->validators[set->count - 1];
    change.power = change.power / 2;
    assay_err err = assay_validators_update(&after, &keep, set, &change, 1, scratch);
    ASSAY_ASSERT(err == ASSAY_OK || (set->count == 1 && change.power == 0 && err == ASSAY_E_RANGE));
}

static void use(uint32_t kind, value *v) {
    uint8_t memory[256];
    assay_buf out = {memory, 0, sizeof memory};
    assay_hash root;
    uint32_t total;
    switch (kind) {
    case VOTE: ASSAY_ASSERT(assay_vote_sign_bytes(&out, &v->vote, ASSAY_STR("chain")) == ASSAY_OK); break;
    case PROPOSAL: ASSAY_ASSERT(assay_proposal_sign_bytes(&out, &v->proposal, ASSAY_STR("chain")) == ASSAY_OK); break;
    case HEADER: (void)assay_header_hash(&v->header); break;
    case COMMIT: use_commit(&v->commit); break;
    case SET: use_set(&v->set); break;
    case EVIDENCE: {
        assay_err err = assay_duplicate_vote_check(&v->evidence, ASSAY_STR("chain"), (assay_public_key){{1}});
        ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_EVIDENCE);
        break;
    }
    default:
        use_commit(&v->block.last_commit);
        ASSAY_ASSERT(assay_block_parts(&total, &root, (assay_bytes){memory, sizeof memory},
                                       assay_base_arena(scratch_room, sizeof scratch_room)) == ASSAY_OK);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > 1 << 15) return 0;
    uint32_t kind = data[0] % KINDS;
    assay_arena keep = assay_base_arena(keep_room, sizeof keep_room);
    value one, two;
    assay_err err = decode(kind, &one, &keep, (assay_bytes){data + 1, size - 1});
    ASSAY_ASSERT(!assay_base_err_is_fault(err));
    if (err != ASSAY_OK) return 0;
    assay_buf first = {first_room, 0, OUT}, second = {second_room, 0, OUT};
    ASSAY_ASSERT(encode(kind, &first, &one) == ASSAY_OK);
    if (kind == BLOCK) {
        size_t txs_bytes = 0;
        for (uint32_t i = 0; i < one.block.txs_count; i++) txs_bytes += one.block.txs[i].len;
        ASSAY_ASSERT(first.len <= assay_block_size_max(txs_bytes, one.block.txs_count, one.block.evidence_count,
                                                       one.block.last_commit.sigs_count));
    }
    ASSAY_ASSERT(decode(kind, &two, &keep, (assay_bytes){first.ptr, first.len}) == ASSAY_OK);
    ASSAY_ASSERT(encode(kind, &second, &two) == ASSAY_OK);
    ASSAY_ASSERT(assay_base_bytes_eq((assay_bytes){first.ptr, first.len}, (assay_bytes){second.ptr, second.len}));
    use(kind, &two);
    return 0;
}
