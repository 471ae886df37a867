/* SPDX-License-Identifier: Apache-2.0
 *
 * archive - what a validator's store holds of its chain, written block by block and read back decoded.
 */
#include "node_internal.h"

#include <string.h>

const assay_codec_field tx_results_fields[] = {
    ASSAY_FIELD_REPEATED(1, REPEATED_U64, tx_results, codes, ASSAY_BLOCK_TXS_MAX, NULL),
    ASSAY_FIELD_REPEATED(2, REPEATED_U64, tx_results, burned, ASSAY_BLOCK_TXS_MAX, NULL),
};
const assay_codec_message tx_results_message = ASSAY_MESSAGE("TxResults", tx_results, tx_results_fields);

#define SNAPSHOTS_WITH_COMET 512u /* more than HTTP serves requests at once */

/* ---- blocks: whole ones, or what CometBFT tells of them -------------------------------------------------------- */

/* CometBFT keeps the block itself, with its header and its commit; here stands what FinalizeBlock said. */
typedef struct told_block {
    int64_t height;
    assay_time time;
    assay_address proposer;
    assay_hash next_validators_hash;
    assay_bytes *txs;
    uint32_t txs_count;
} told_block;
static const assay_codec_field told_block_fields[] = {
    ASSAY_FIELD(1, I64, told_block, height),
    ASSAY_FIELD(2, I64, told_block, time.seconds),
    ASSAY_FIELD(3, I32, told_block, time.nanos),
    ASSAY_FIELD_FIXED(4, FIXED, told_block, proposer),
    ASSAY_FIELD_FIXED(5, FIXED, told_block, next_validators_hash),
    ASSAY_FIELD_REPEATED(6, REPEATED_BYTES, told_block, txs, ASSAY_BLOCK_TXS_MAX, NULL),
};
static const assay_codec_message told_block_message = ASSAY_MESSAGE("ToldBlock", told_block, told_block_fields);

assay_err archive_told(assay_bytes *out, assay_arena *keep, const assay_block *block) {
    told_block told = {.height = block->header.height,
                       .time = block->header.time,
                       .proposer = block->header.proposer,
                       .next_validators_hash = block->header.next_validators_hash,
                       .txs = block->txs,
                       .txs_count = block->txs_count};
    return assay_codec_encode_new(out, keep, &told_block_message, &told, ASSAY_CODEC_STRICT);
}

assay_err archive_block(const validator *v, assay_block *out, assay_arena *keep, assay_bytes bytes,
                        assay_arena scratch) {
    told_block told;
    if (!v->comet) return assay_block_decode(out, keep, bytes, scratch);
    ASSAY_TRY(assay_codec_decode(&told, keep, &told_block_message, bytes, ASSAY_CODEC_STRICT));
    *out = (assay_block){.header = {.chain_id = assay_base_bytes_str(v->node->chain_id),
                                    .height = told.height,
                                    .time = told.time,
                                    .proposer = told.proposer,
                                    .next_validators_hash = told.next_validators_hash},
                         .txs = told.txs,
                         .txs_count = told.txs_count};
    return ASSAY_OK;
}

assay_err store_open(validator *v) {
    assay_arena scratch = v->block_arena;
    const char *dir;
    ASSAY_TRY(assay_os_path_join(&dir, &scratch, v->dir, ASSAY_STR("store")));
    assay_store_config config = {.directory = dir, .durable = !v->node->temporary};
    /* CometBFT's mempool looks at a snapshot too, and must get one however many people ask over HTTP. */
    if (v->node->config.settings) config.snapshots_max = SNAPSHOTS_WITH_COMET;
    return assay_store_open(&v->store, &config);
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static assay_err put_chain(assay_store_batch *batch, const assay_bft_chain *chain, assay_arena scratch) {
    size_t cap =
        4096 + (size_t)(chain->validators.count + chain->next_validators.count + chain->last_validators.count) * 128;
    assay_buf out = {ASSAY_NEW(&scratch, uint8_t, cap), 0, cap};
    if (!out.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_bft_chain_encode(&out, chain, scratch));
    return assay_store_put(batch, ASSAY_STORE_NAMED, ASSAY_STR("chain"), (assay_bytes){out.ptr, out.len});
}

static assay_err put_set(assay_store_batch *batch, const assay_validator_set *set, uint64_t height,
                         assay_arena scratch) {
    size_t cap = 1024 + (size_t)set->count * 160;
    assay_buf out = {ASSAY_NEW(&scratch, uint8_t, cap), 0, cap};
    if (!out.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_validators_encode(&out, set));
    return assay_store_put_validators(batch, height, (assay_bytes){out.ptr, out.len});
}

static assay_err fill_genesis(void *context, assay_store_batch *batch) {
    validator *v = context;
    ASSAY_TRY(assay_state_commit(v->state, 0, assay_store_state_writer(batch)));
    ASSAY_TRY(put_set(batch, &v->chain->validators, 1, v->app_arena));
    return put_chain(batch, v->chain, v->app_arena);
}

assay_err archive_restored(assay_store_batch *batch, const assay_bft_chain *chain, assay_arena scratch) {
    uint64_t height = (uint64_t)chain->height;
    ASSAY_TRY(put_set(batch, &chain->last_validators, height, scratch));
    ASSAY_TRY(put_set(batch, &chain->validators, height + 1, scratch));
    ASSAY_TRY(put_set(batch, &chain->next_validators, height + 2, scratch));
    return put_chain(batch, chain, scratch);
}

assay_err store_genesis(validator *v) { return assay_store_write(v->store, fill_genesis, v); }

/* The fault's name: validator, height, round and kind, not the bytes that prove it (PROTOCOL.md). */
static assay_bytes evidence_key(uint8_t memory[64], const assay_duplicate_vote *e) {
    const assay_vote *vote = &e->vote_a;
    memcpy(memory, vote->validator.b, ASSAY_ADDRESS_LEN);
    for (int i = 0; i < 8; i++) memory[20 + i] = (uint8_t)((uint64_t)vote->height >> (56 - 8 * i));
    for (int i = 0; i < 4; i++) memory[28 + i] = (uint8_t)((uint32_t)vote->round >> (24 - 8 * i));
    memory[32] = (uint8_t)vote->type;
    return (assay_bytes){memory, 33};
}

static assay_err put_evidence(assay_store_batch *batch, const assay_block *block) {
    for (uint32_t i = 0; i < block->evidence_count; i++) {
        uint8_t key[64], encoded[2048];
        assay_buf out = {encoded, 0, sizeof encoded};
        ASSAY_TRY(assay_duplicate_vote_encode(&out, &block->evidence[i]));
        ASSAY_TRY(assay_store_put(batch, ASSAY_STORE_EVIDENCE, evidence_key(key, &block->evidence[i]),
                                  (assay_bytes){out.ptr, out.len}));
    }
    return ASSAY_OK;
}

static assay_err encode_results(assay_bytes *out, assay_arena *keep, const assay_ledger_result *result) {
    tx_results rows = {.codes_count = result->results_count, .burned_count = result->results_count};
    if (!result->results_count) return ASSAY_OK;
    rows.codes = ASSAY_NEW(keep, uint64_t, rows.codes_count);
    rows.burned = ASSAY_NEW(keep, uint64_t, rows.burned_count);
    if (!rows.codes || !rows.burned) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < result->results_count; i++) {
        rows.codes[i] = result->results[i].code;
        rows.burned[i] = (uint64_t)result->results[i].gas_used;
    }
    return assay_codec_encode_new(out, keep, &tx_results_message, &rows, ASSAY_CODEC_STRICT);
}

/* Whether a transaction did nothing in its block: not run, so not paid for. Such a one may stand in many blocks, put
 * there by anybody who proposes, and is found where it did something. */
static assay_err idle_of(const bool **out, assay_arena *keep, const assay_ledger_result *result) {
    bool *idle = ASSAY_NEW(keep, bool, result->results_count + 1);
    if (!idle) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < result->results_count; i++)
        idle[i] = result->results[i].code != 0 && result->results[i].gas_used == 0;
    *out = idle;
    return ASSAY_OK;
}

static assay_err fill_decided(void *context, assay_store_batch *batch) {
    validator *v = context;
    const decided *d = &v->deciding;
    assay_arena scratch = d->scratch;
    uint64_t height = (uint64_t)d->block->header.height;
    assay_store_block row = {
        .height = height, .hash = d->id->hash, .block = d->encoded, .ids = d->ids, .ids_count = d->block->txs_count};
    if (d->commit) {
        size_t cap = 256 + (size_t)d->commit->sigs_count * 160;
        assay_buf commit = {ASSAY_NEW(&scratch, uint8_t, cap), 0, cap};
        if (!commit.ptr) return ASSAY_F_MEMORY;
        ASSAY_TRY(assay_commit_encode(&commit, d->commit));
        row.commit = (assay_bytes){commit.ptr, commit.len};
    }
    ASSAY_TRY(encode_results(&row.results, &scratch, &v->result));
    ASSAY_TRY(idle_of(&row.idle, &scratch, &v->result));
    ASSAY_TRY(assay_state_commit(v->state, height, assay_store_state_writer(batch)));
    ASSAY_TRY(assay_store_put_block(batch, &row));
    ASSAY_TRY(put_evidence(batch, d->block));
    assay_hash now, next;
    ASSAY_TRY(assay_validators_hash(&now, &v->chain->validators, scratch));
    ASSAY_TRY(assay_validators_hash(&next, &d->next->validators, scratch));
    if (!assay_base_hash_eq(now, next)) ASSAY_TRY(put_set(batch, &d->next->validators, height + 1, scratch));
    return put_chain(batch, d->next, scratch);
}

assay_err store_decided(validator *v) { return assay_store_write(v->store, fill_decided, v); }

/* ---- reading ------------------------------------------------------------------------------------------------- */

assay_err store_chain(validator *v, assay_bft_chain *out, assay_arena *keep, bool *found) {
    assay_store_snapshot *snapshot;
    assay_bytes bytes, copy;
    ASSAY_TRY(assay_store_snapshot_begin(&snapshot, v->store));
    assay_err err = assay_store_get(snapshot, ASSAY_STORE_NAMED, ASSAY_STR("chain"), &bytes, found);
    if (err == ASSAY_OK && *found) {
        err = assay_base_arena_copy(&copy, keep, bytes);
        if (err == ASSAY_OK) err = assay_bft_chain_decode(out, keep, copy);
    }
    assay_store_snapshot_end(snapshot);
    return err == ASSAY_OK || assay_base_err_is_fault(err) ? err : ASSAY_F_CORRUPT;
}

assay_err archive_whole(assay_store_snapshot *snapshot) {
    assay_bytes chain;
    bool found;
    ASSAY_TRY(assay_store_get(snapshot, ASSAY_STORE_NAMED, ASSAY_STR("chain"), &chain, &found));
    return found ? ASSAY_OK : ASSAY_E_STATE;
}

assay_err store_block_at(validator *v, assay_bytes *block, assay_bytes *commit, assay_arena *keep, uint64_t height) {
    assay_store_snapshot *snapshot;
    assay_store_block row;
    ASSAY_TRY(assay_store_snapshot_begin(&snapshot, v->store));
    assay_err err = assay_store_get_block(&row, snapshot, height);
    if (err == ASSAY_OK && block) err = assay_base_arena_copy(block, keep, row.block);
    if (err == ASSAY_OK && commit) err = assay_base_arena_copy(commit, keep, row.commit);
    assay_store_snapshot_end(snapshot);
    return err;
}

static assay_err hash_at(validator *v, assay_hash *out, uint64_t height) {
    assay_store_snapshot *snapshot;
    assay_store_block row;
    ASSAY_TRY(assay_store_snapshot_begin(&snapshot, v->store));
    assay_err err = assay_store_get_block(&row, snapshot, height);
    if (err == ASSAY_OK) *out = row.hash;
    assay_store_snapshot_end(snapshot);
    return err;
}

/* From CometBFT, and of the very block that it let us execute. */
static assay_err ask_commit(validator *v, assay_header *header, assay_commit *commit, assay_arena *keep,
                            uint64_t height) {
    assay_hash hash;
    ASSAY_TRY(hash_at(v, &hash, height));
    ASSAY_TRY(comet_commit_at(v, header, commit, keep, height));
    return assay_base_hash_eq(hash, commit->block_id.hash) ? ASSAY_OK : ASSAY_F_CORRUPT;
}

assay_err store_anchor_at(validator *v, assay_hash *hash, assay_time *time, assay_arena scratch, uint64_t height) {
    assay_bytes bytes;
    assay_block block;
    ASSAY_TRY(hash_at(v, hash, height));
    ASSAY_TRY(store_block_at(v, &bytes, NULL, &scratch, height));
    assay_arena upper = assay_base_arena_split(&scratch);
    if (archive_block(v, &block, &scratch, bytes, upper) != ASSAY_OK) return ASSAY_F_CORRUPT;
    *time = block.header.time;
    return ASSAY_OK;
}

assay_err store_commit_at(validator *v, assay_commit *out, assay_arena *keep, uint64_t height) {
    assay_bytes bytes;
    assay_header header;
    if (v->comet) return ask_commit(v, &header, out, keep, height);
    assay_block next;
    /* The commit in the next block has those signatures too that came late; only the newest block has but what this
     * validator saw in time. */
    assay_err err = store_block_at(v, &bytes, NULL, keep, height + 1);
    if (err == ASSAY_OK) {
        assay_arena upper = assay_base_arena_split(keep);
        err = assay_block_decode(&next, keep, bytes, upper);
        keep->end = upper.end;
        *out = next.last_commit;
        return err == ASSAY_OK || err == ASSAY_F_MEMORY ? err : ASSAY_F_CORRUPT;
    }
    if (err != ASSAY_E_NOT_FOUND) return err;
    ASSAY_TRY(store_block_at(v, NULL, &bytes, keep, height));
    return assay_commit_decode(out, keep, bytes) == ASSAY_OK ? ASSAY_OK : ASSAY_F_CORRUPT;
}

assay_err store_header_at(validator *v, assay_header *out, assay_arena *keep, uint64_t height) {
    assay_bytes bytes;
    assay_block block;
    assay_commit commit;
    if (v->comet) return ask_commit(v, out, &commit, keep, height);
    ASSAY_TRY(store_block_at(v, &bytes, NULL, keep, height));
    assay_arena scratch = *keep, upper = assay_base_arena_split(&scratch);
    if (assay_block_decode(&block, &scratch, bytes, upper) != ASSAY_OK) return ASSAY_F_CORRUPT;
    *out = block.header;
    return ASSAY_OK;
}

assay_err store_validators_at(validator *v, assay_validator_set *out, assay_arena *keep, uint64_t height) {
    assay_store_snapshot *snapshot;
    assay_bytes set;
    uint64_t from;
    ASSAY_TRY(assay_store_snapshot_begin(&snapshot, v->store));
    assay_err err = assay_store_get_validators(&set, &from, snapshot, height);
    if (err == ASSAY_OK && assay_validators_decode(out, keep, set) != ASSAY_OK) err = ASSAY_F_CORRUPT;
    assay_store_snapshot_end(snapshot);
    return err;
}

bool store_evidence_known(validator *v, const assay_duplicate_vote *evidence) {
    assay_store_snapshot *snapshot;
    uint8_t key[64];
    assay_bytes value;
    bool found = false;
    if (assay_store_snapshot_begin(&snapshot, v->store) != ASSAY_OK) return false;
    assay_err err = assay_store_get(snapshot, ASSAY_STORE_EVIDENCE, evidence_key(key, evidence), &value, &found);
    assay_store_snapshot_end(snapshot);
    return err == ASSAY_OK && found;
}
