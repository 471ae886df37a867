/* SPDX-License-Identifier: Apache-2.0
 *
 * What follows from a block: the state between two blocks, and the header that the next one must have. As CometBFT's
 * state package computes it (State.MakeBlock, updateState, validateBlock), so that one light client follows both. */
#include "bft_internal.h"

/* ---- from block to block ------------------------------------------------------------------------------------- */

static assay_err powers_to_validators(assay_validator **out, assay_arena *keep, const assay_engine_power *powers,
                                      uint32_t count) {
    assay_validator *validators = ASSAY_NEW(keep, assay_validator, count);
    if (!validators) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        validators[i].public_key = powers[i].public_key;
        validators[i].power = powers[i].power;
    }
    *out = validators;
    return ASSAY_OK;
}

assay_err assay_bft_chain_genesis(assay_bft_chain *out, assay_arena *keep, assay_bytes chain_id, assay_time time,
                                  uint64_t app_version, const assay_engine_power *validators, uint32_t count,
                                  assay_hash app_hash) {
    if (!chain_id.len || chain_id.len > ASSAY_CHAIN_ID_LEN_MAX || count > ASSAY_VALIDATORS_MAX) return ASSAY_E_RANGE;
    assay_bft_chain chain = {
        .app_version = app_version,
        .last_time = time,
        .app_hash = app_hash,
        .results_hash = assay_merkle_root(NULL, 0),
        .consensus_hash = assay_consensus_hash(ASSAY_BLOCK_LEN_MAX, -1),
    };
    ASSAY_TRY(assay_base_arena_copy(&chain.chain_id, keep, chain_id));
    assay_validator *list;
    ASSAY_TRY(powers_to_validators(&list, keep, validators, count));
    ASSAY_TRY(assay_validators_new(&chain.validators, keep, list, count));
    ASSAY_TRY(assay_validators_copy(&chain.next_validators, keep, &chain.validators));
    assay_validators_rotate(&chain.next_validators, 1);
    *out = chain;
    return ASSAY_OK;
}

assay_err assay_bft_chain_next(assay_bft_chain *out, assay_arena *keep, const assay_bft_chain *chain,
                               const assay_block *block, const assay_block_id *id, const assay_engine_finalized *result,
                               assay_arena scratch) {
    if (block->header.height != chain->height + 1) return ASSAY_E_BLOCK;
    assay_bft_chain next = {
        .app_version = chain->app_version,
        .height = block->header.height,
        .last_block_id = *id,
        .last_time = block->header.time,
        .app_hash = result->app_hash,
        .consensus_hash = chain->consensus_hash,
    };
    ASSAY_TRY(assay_results_hash(&next.results_hash, result->results, result->results_count, scratch));
    ASSAY_TRY(assay_base_arena_copy(&next.chain_id, keep, chain->chain_id));
    ASSAY_TRY(assay_validators_copy(&next.last_validators, keep, &chain->validators));
    ASSAY_TRY(assay_validators_copy(&next.validators, keep, &chain->next_validators));
    if (result->updates_count == 0) {
        ASSAY_TRY(assay_validators_copy(&next.next_validators, keep, &chain->next_validators));
    } else {
        assay_validator *changes;
        ASSAY_TRY(powers_to_validators(&changes, &scratch, result->updates, result->updates_count));
        ASSAY_TRY(assay_validators_update(&next.next_validators, keep, &chain->next_validators, changes,
                                          result->updates_count, scratch));
    }
    assay_validators_rotate(&next.next_validators, 1);
    *out = next;
    return ASSAY_OK;
}

/* ---- the header that follows --------------------------------------------------------------------------------- */

/* All fields that the chain decides: neither the block's content, nor who proposes it, nor when. */
static assay_err header_follows(assay_header *out, const assay_bft_chain *chain, assay_arena scratch) {
    *out = (assay_header){
        .version_block = ASSAY_BLOCK_PROTOCOL,
        .version_app = chain->app_version,
        .chain_id = chain->chain_id,
        .height = chain->height + 1,
        .last_block_id = chain->last_block_id,
        .consensus_hash = chain->consensus_hash,
        .app_hash = chain->app_hash,
        .last_results_hash = chain->results_hash,
    };
    ASSAY_TRY(assay_validators_hash(&out->validators_hash, &chain->validators, scratch));
    return assay_validators_hash(&out->next_validators_hash, &chain->next_validators, scratch);
}

static assay_err time_follows(assay_time *out, const assay_bft_chain *chain, const assay_commit *last_commit,
                              assay_arena scratch) {
    if (chain->height > 0) return assay_commit_median_time(out, last_commit, &chain->last_validators, scratch);
    *out = chain->last_time;
    return ASSAY_OK;
}

assay_err assay_bft_block_make(assay_block *out, const assay_bft_chain *chain, const assay_bytes *txs,
                               uint32_t txs_count, const assay_duplicate_vote *evidence, uint32_t evidence_count,
                               const assay_commit *last_commit, assay_address proposer, assay_arena scratch) {
    /* A block's arrays are of a type that decoding can fill; nobody writes through them. */
    union {
        const void *from;
        void *to;
    } txs_view = {.from = txs}, evidence_view = {.from = evidence};
    assay_block block = {.txs = txs_view.to,
                         .txs_count = txs_count,
                         .evidence = evidence_view.to,
                         .evidence_count = evidence_count,
                         .last_commit = *last_commit};
    ASSAY_TRY(header_follows(&block.header, chain, scratch));
    ASSAY_TRY(time_follows(&block.header.time, chain, last_commit, scratch));
    block.header.proposer = proposer;
    ASSAY_TRY(assay_block_fill_hashes(&block, scratch));
    *out = block;
    return ASSAY_OK;
}

static assay_err header_check(const assay_bft_chain *chain, const assay_header *h, assay_arena scratch) {
    assay_header wanted;
    ASSAY_TRY(header_follows(&wanted, chain, scratch));
    bool follows = h->version_block == wanted.version_block && h->version_app == wanted.version_app &&
                   assay_base_bytes_eq(h->chain_id, wanted.chain_id) && h->height == wanted.height &&
                   assay_block_id_eq(&h->last_block_id, &wanted.last_block_id) &&
                   assay_base_hash_eq(h->validators_hash, wanted.validators_hash) &&
                   assay_base_hash_eq(h->next_validators_hash, wanted.next_validators_hash) &&
                   assay_base_hash_eq(h->consensus_hash, wanted.consensus_hash) &&
                   assay_base_hash_eq(h->app_hash, wanted.app_hash) &&
                   assay_base_hash_eq(h->last_results_hash, wanted.last_results_hash);
    /* Who made it is not known here: a value locked in an earlier round is proposed again by somebody else. */
    return follows && assay_validators_find(&chain->validators, h->proposer) >= 0 ? ASSAY_OK : ASSAY_E_BLOCK;
}

static assay_err time_check(const assay_bft_chain *chain, const assay_block *block, assay_arena scratch) {
    assay_time wanted;
    ASSAY_TRY(time_follows(&wanted, chain, &block->last_commit, scratch));
    if (assay_base_time_cmp(block->header.time, wanted) != 0) return ASSAY_E_BLOCK;
    bool grows = chain->height == 0 || assay_base_time_cmp(wanted, chain->last_time) > 0;
    return grows ? ASSAY_OK : ASSAY_E_BLOCK;
}

/* The first block's last commit is empty: types lets nothing else be decoded there, but not every block was decoded. */
static bool is_first_commit(const assay_commit *commit) {
    return commit->height == 0 && commit->round == 0 && commit->sigs_count == 0 &&
           assay_block_id_is_nil(&commit->block_id);
}

assay_err assay_bft_block_check(const assay_bft_chain *chain, const assay_block *block, assay_arena scratch) {
    ASSAY_TRY(header_check(chain, &block->header, scratch));
    if (chain->height == 0) {
        if (!is_first_commit(&block->last_commit)) return ASSAY_E_BLOCK;
    } else {
        uint64_t power;
        ASSAY_TRY(assay_commit_check(&power, &block->last_commit, &chain->last_validators, chain->chain_id,
                                     &chain->last_block_id, chain->height, scratch));
    }
    return time_check(chain, block, scratch);
}

/* assay_commit_check, except that a signature which was verified when its vote arrived is not verified again. */
static assay_err commit_check_known(const assay_bft *bft, const assay_commit *commit) {
    const assay_bft_chain *chain = bft->chain;
    const assay_validator_set *set = &chain->last_validators;
    if (commit->height != chain->height || commit->sigs_count != set->count ||
        !assay_block_id_eq(&commit->block_id, &chain->last_block_id))
        return ASSAY_E_COMMIT;
    uint64_t power = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        const assay_commit_sig *sig = &commit->sigs[i];
        if (sig->flag == ASSAY_FLAG_ABSENT) continue;
        if (sig->flag != ASSAY_FLAG_COMMIT && sig->flag != ASSAY_FLAG_NIL) return ASSAY_E_COMMIT;
        if (!assay_base_address_eq(sig->validator, set->validators[i].address)) return ASSAY_E_COMMIT;
        if (sig->flag == ASSAY_FLAG_COMMIT) power += set->validators[i].power;
    }
    if (!assay_base_more_than(power, set->total_power, 2, 3)) return ASSAY_E_COMMIT;
    return assay_bft_commit_signed(bft, commit) ? ASSAY_OK : ASSAY_E_SIGNATURE;
}

assay_err assay_bft_proposal_check(const assay_bft *bft, const assay_block *block, assay_arena scratch) {
    const assay_bft_chain *chain = bft->chain;
    ASSAY_ASSERT(chain != NULL);
    ASSAY_TRY(header_check(chain, &block->header, scratch));
    if (chain->height > 0) ASSAY_TRY(commit_check_known(bft, &block->last_commit));
    else if (!is_first_commit(&block->last_commit)) return ASSAY_E_BLOCK;
    return time_check(chain, block, scratch);
}

/* ---- storage ------------------------------------------------------------------------------------------------- */

#define CHAIN_FORMAT 1

typedef struct wire_chain {
    uint32_t format;
    uint64_t app_version;
    int64_t height;
    int64_t time_seconds;
    uint32_t time_nanos;
    assay_bytes chain_id;
    assay_hash last_hash;
    uint32_t last_parts_total;
    assay_hash last_parts_hash;
    assay_hash app_hash;
    assay_hash results_hash;
    assay_hash consensus_hash;
    assay_bytes last_validators;
    assay_bytes validators;
    assay_bytes next_validators;
} wire_chain;

static const assay_codec_field chain_fields[] = {
    ASSAY_FIELD(1, U32, wire_chain, format),
    ASSAY_FIELD(2, U64, wire_chain, app_version),
    ASSAY_FIELD(3, I64, wire_chain, height),
    ASSAY_FIELD(4, I64, wire_chain, time_seconds),
    ASSAY_FIELD(5, U32, wire_chain, time_nanos),
    ASSAY_FIELD_BYTES(6, wire_chain, chain_id, ASSAY_CHAIN_ID_LEN_MAX),
    ASSAY_FIELD_FIXED(7, FIXED_OPTIONAL, wire_chain, last_hash),
    ASSAY_FIELD(8, U32, wire_chain, last_parts_total),
    ASSAY_FIELD_FIXED(9, FIXED_OPTIONAL, wire_chain, last_parts_hash),
    ASSAY_FIELD_FIXED(10, FIXED_OPTIONAL, wire_chain, app_hash),
    ASSAY_FIELD_FIXED(11, FIXED_OPTIONAL, wire_chain, results_hash),
    ASSAY_FIELD_FIXED(12, FIXED_OPTIONAL, wire_chain, consensus_hash),
    ASSAY_FIELD_BYTES(13, wire_chain, last_validators, 0),
    ASSAY_FIELD_BYTES(14, wire_chain, validators, 0),
    ASSAY_FIELD_BYTES(15, wire_chain, next_validators, 0),
};
const assay_codec_message assay_bft_chain_table = ASSAY_MESSAGE("assay.bft.Chain", wire_chain, chain_fields);

/* A validator takes at most 110 bytes in a set, and the proposer stands there once more. */
static assay_err set_to_bytes(assay_bytes *out, assay_arena *keep, const assay_validator_set *set) {
    size_t cap = ((size_t)set->count + 1) * 110 + 16;
    assay_buf buf = {ASSAY_NEW(keep, uint8_t, cap), 0, cap};
    if (!buf.ptr) return ASSAY_F_MEMORY;
    *out = (assay_bytes){0};
    if (set->count == 0) return ASSAY_OK;
    ASSAY_TRY(assay_validators_encode(&buf, set));
    *out = (assay_bytes){buf.ptr, buf.len};
    return ASSAY_OK;
}

assay_err assay_bft_chain_encode(assay_buf *out, const assay_bft_chain *chain, assay_arena scratch) {
    wire_chain wire = {
        .format = CHAIN_FORMAT,
        .app_version = chain->app_version,
        .height = chain->height,
        .time_seconds = chain->last_time.seconds,
        .time_nanos = (uint32_t)chain->last_time.nanos,
        .chain_id = chain->chain_id,
        .last_hash = chain->last_block_id.hash,
        .last_parts_total = chain->last_block_id.parts_total,
        .last_parts_hash = chain->last_block_id.parts_hash,
        .app_hash = chain->app_hash,
        .results_hash = chain->results_hash,
        .consensus_hash = chain->consensus_hash,
    };
    ASSAY_TRY(set_to_bytes(&wire.last_validators, &scratch, &chain->last_validators));
    ASSAY_TRY(set_to_bytes(&wire.validators, &scratch, &chain->validators));
    ASSAY_TRY(set_to_bytes(&wire.next_validators, &scratch, &chain->next_validators));
    return assay_codec_encode(out, &assay_bft_chain_table, &wire, ASSAY_CODEC_STRICT);
}

assay_err assay_bft_chain_decode(assay_bft_chain *out, assay_arena *keep, assay_bytes input) {
    ASSAY_TRY(assay_types_format_check(input, CHAIN_FORMAT));
    wire_chain wire;
    ASSAY_TRY(assay_codec_decode(&wire, keep, &assay_bft_chain_table, input, ASSAY_CODEC_STRICT));
    if (wire.height < 0 || wire.height == INT64_MAX || wire.time_nanos > 999999999) return ASSAY_E_RANGE;
    if (!wire.chain_id.len || (wire.height > 0) != (wire.last_validators.len > 0)) return ASSAY_E_ENCODING;
    assay_bft_chain chain = {
        .chain_id = wire.chain_id,
        .app_version = wire.app_version,
        .height = wire.height,
        .last_block_id = {wire.last_hash, wire.last_parts_total, wire.last_parts_hash},
        .last_time = {wire.time_seconds, (int32_t)wire.time_nanos},
        .app_hash = wire.app_hash,
        .results_hash = wire.results_hash,
        .consensus_hash = wire.consensus_hash,
    };
    if (wire.height > 0) ASSAY_TRY(assay_validators_decode(&chain.last_validators, keep, wire.last_validators));
    ASSAY_TRY(assay_validators_decode(&chain.validators, keep, wire.validators));
    ASSAY_TRY(assay_validators_decode(&chain.next_validators, keep, wire.next_validators));
    *out = chain;
    return ASSAY_OK;
}
