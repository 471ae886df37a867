/* SPDX-License-Identifier: Apache-2.0
 *
 * consensus - carries out what the bft machine asks for: signs, asks the application, sends, waits, and makes decided
 * blocks final.
 */
#include "node_internal.h"

#include <string.h>

/* PROTOCOL.md: idle chains make one block a second; a transaction starts one at once. */
#define IDLE_NS 1000000000

assay_err consensus_begin(validator *v) {
    assay_arena scratch = v->block_arena;
    bool stopped;
    ASSAY_TRY(assay_ledger_stopped(v->ledger, &stopped));
    if (stopped) {
        /* The last block stays, and is served; the machine is never asked for another height. */
        if (!atomic_exchange(&v->stopped, true))
            node_log(v->node, "%s: the chain stops at height %lld: nobody who may validate remains", v->name,
                     (long long)v->chain->height);
        return ASSAY_OK;
    }
    assay_commit commit = {0};
    if (v->chain_commit.height > 0)
        commit = v->chain_commit;
    else if (v->chain->height > 0)
        ASSAY_TRY(store_commit_at(v, &commit, &scratch, (uint64_t)v->chain->height));
    bool idle = v->chain->height > 0 && !v->pool.count && !v->busy && !v->evidence_count;
    ASSAY_TRY(assay_bft_height(v->bft, v->chain, &commit, idle ? IDLE_NS : 0));
    v->effects_pending = true;
    return ASSAY_OK;
}

void consensus_hurry(validator *v) {
    if (assay_bft_start_now(v->bft) == ASSAY_OK) v->effects_pending = true;
}

/* Timers are few: one per step of a round. A full table drops the oldest height's. */
static void schedule(validator *v, const assay_bft_effect *e) {
    timer *free_slot = NULL;
    for (size_t i = 0; i < TIMERS_MAX; i++) {
        timer *t = &v->timers[i];
        bool stale = t->set && t->height < e->height;
        if (!free_slot && (!t->set || stale)) free_slot = t;
    }
    if (!free_slot) free_slot = &v->timers[0];
    *free_slot = (timer){true, assay_os_monotonic_ns() + (uint64_t)e->delay_ns, e->height, e->round, e->step};
}

uint64_t consensus_deadline(const validator *v) {
    if (v->effects_pending) return 0;
    uint64_t deadline = ASSAY_OS_NO_DEADLINE;
    for (size_t i = 0; i < TIMERS_MAX; i++)
        if (v->timers[i].set && v->timers[i].at_ns < deadline) deadline = v->timers[i].at_ns;
    return deadline;
}

assay_err consensus_timers(validator *v, uint64_t now_ns) {
    for (size_t i = 0; i < TIMERS_MAX; i++) {
        timer t = v->timers[i];
        if (!t.set || t.at_ns > now_ns) continue;
        v->timers[i].set = false;
        ASSAY_TRY(assay_bft_timeout(v->bft, t.height, t.round, t.step));
        v->effects_pending = true;
    }
    return ASSAY_OK;
}

/* ---- the application's view of a block
 * --------------------------------------------------------------------------------------------- */

static assay_err engine_block(assay_engine_block *out, assay_arena *keep, const validator *v, const assay_block *block,
                              assay_hash hash) {
    const assay_validator_set *signers = &v->chain->last_validators;
    uint32_t sigs = block->last_commit.sigs_count;
    assay_engine_vote_info *votes = ASSAY_NEW(keep, assay_engine_vote_info, sigs);
    assay_engine_misbehavior *misbehavior = ASSAY_NEW(keep, assay_engine_misbehavior, block->evidence_count);
    if (!votes || !misbehavior) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < sigs && i < signers->count; i++)
        votes[i] = (assay_engine_vote_info){signers->validators[i].address, signers->validators[i].power,
                                            block->last_commit.sigs[i].flag};
    for (uint32_t i = 0; i < block->evidence_count; i++) {
        const assay_duplicate_vote *e = &block->evidence[i];
        misbehavior[i] = (assay_engine_misbehavior){e->vote_a.validator, e->validator_power, e->vote_a.height,
                                                    e->vote_a.round,     e->timestamp,       e->total_power};
    }
    *out = (assay_engine_block){
        .height = block->header.height,
        .time = block->header.time,
        .hash = hash,
        .proposer = block->header.proposer,
        .next_validators_hash = block->header.next_validators_hash,
        .txs = block->txs,
        .txs_count = block->txs_count,
        .misbehavior = misbehavior,
        .misbehavior_count = block->evidence_count,
        .last_commit = votes,
        .last_commit_count = sigs,
        .last_commit_round = block->last_commit.round,
    };
    return ASSAY_OK;
}

/* ---- evidence ------------------------------------------------------------------------------------------------ */

static bool same_fault(const assay_vote *a, const assay_vote *b) {
    return a->height == b->height && a->round == b->round && a->type == b->type &&
           assay_base_address_eq(a->validator, b->validator);
}

static void evidence_add(validator *v, const assay_duplicate_vote *e) {
    for (uint32_t i = 0; i < v->evidence_count; i++)
        if (same_fault(&v->evidence[i].vote_a, &e->vote_a)) return;
    if (v->evidence_count == PENDING_EVIDENCE_MAX) return;
    v->evidence[v->evidence_count++] = *e;
    node_log(v->node, "%s saw a double vote at height %lld, round %d", v->name, (long long)e->vote_a.height,
             e->vote_a.round);
    consensus_hurry(v);
}

static void evidence_included(validator *v, const assay_block *block) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < v->evidence_count; i++) {
        bool included = false;
        for (uint32_t k = 0; k < block->evidence_count && !included; k++)
            included = same_fault(&v->evidence[i].vote_a, &block->evidence[k].vote_a);
        bool old = v->evidence[i].vote_a.height + 100000 < block->header.height;
        if (!included && !old) v->evidence[kept++] = v->evidence[i];
    }
    v->evidence_count = kept;
}

assay_err consensus_evidence_check(validator *v, const assay_duplicate_vote *e, assay_arena scratch) {
    int64_t height = e->vote_a.height;
    if (height < 1 || height > v->chain->height) return ASSAY_E_EVIDENCE;
    assay_validator_set set;
    assay_header header;
    ASSAY_TRY(store_validators_at(v, &set, &scratch, (uint64_t)height));
    ASSAY_TRY(store_header_at(v, &header, &scratch, (uint64_t)height));
    int32_t place = assay_validators_find(&set, e->vote_a.validator);
    if (place < 0) return ASSAY_E_EVIDENCE;
    if (e->total_power != set.total_power || e->validator_power != set.validators[place].power) return ASSAY_E_EVIDENCE;
    if (assay_base_time_cmp(e->timestamp, header.time) != 0) return ASSAY_E_EVIDENCE;
    if (store_evidence_known(v, e)) return ASSAY_E_DUPLICATE;
    return assay_duplicate_vote_check(e, v->chain->chain_id, set.validators[place].public_key);
}

/* Only evidence that this node itself can check against its history goes into a proposal. What no block will ever take
 * (it is in one already, its height is gone) is dropped: as long as something waits, blocks are made without rest. */
static assay_err evidence_choose(validator *v, assay_duplicate_vote **out, uint32_t *count, assay_arena *keep) {
    *out = ASSAY_NEW(keep, assay_duplicate_vote, v->evidence_count);
    if (!*out) return ASSAY_F_MEMORY;
    *count = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < v->evidence_count; i++) {
        assay_duplicate_vote e = v->evidence[i];
        assay_arena scratch = *keep;
        assay_header header;
        assay_err err = ASSAY_OK;
        bool early = e.vote_a.height > v->chain->height;
        if (!early) err = store_header_at(v, &header, &scratch, (uint64_t)e.vote_a.height);
        if (!early && err == ASSAY_OK) {
            e.timestamp = header.time;
            err = consensus_evidence_check(v, &e, scratch);
        }
        if (assay_base_err_is_fault(err)) return err;
        if (err != ASSAY_OK) continue;
        if (!early) (*out)[(*count)++] = e;
        v->evidence[kept++] = v->evidence[i];
    }
    v->evidence_count = kept;
    return ASSAY_OK;
}

/* ---- effects ------------------------------------------------------------------------------------------------- */

static assay_err make_block(validator *v, const assay_bft_effect *e) {
    assay_arena scratch = v->block_arena;
    assay_bytes *txs;
    uint32_t txs_count;
    ASSAY_TRY(mempool_list(&v->pool, &scratch, &txs, &txs_count, BLOCK_TXS_BYTES_MAX));
    assay_duplicate_vote *evidence;
    uint32_t evidence_count;
    ASSAY_TRY(evidence_choose(v, &evidence, &evidence_count, &scratch));
    assay_block block = {0};
    assay_address self = assay_crypto_address(v->consensus_key);
    assay_commit last = *e->commit;
    block.last_commit = last;
    block.header.height = e->height;
    assay_engine_block request;
    ASSAY_TRY(engine_block(&request, &scratch, v, &block, (assay_hash){0}));
    request.proposer = self;
    request.txs = txs;
    request.txs_count = txs_count;
    ASSAY_TRY(v->app.prepare_proposal(v->app.context, &txs, &txs_count, &scratch, &request, BLOCK_TXS_BYTES_MAX));
    ASSAY_TRY(assay_bft_block_make(&block, v->chain, txs, txs_count, evidence, evidence_count, &last, self, scratch));
    size_t bytes = 0;
    for (uint32_t i = 0; i < txs_count; i++) bytes += txs[i].len;
    size_t size = assay_block_size_max(bytes, txs_count, evidence_count, last.sigs_count);
    assay_buf out = {ASSAY_NEW(&scratch, uint8_t, size), 0, size};
    if (!out.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_block_encode(&out, &block));
    return assay_bft_block_made(v->bft, e->height, e->round, (assay_bytes){out.ptr, out.len});
}

static assay_err check_block(validator *v, const assay_bft_effect *e) {
    assay_arena scratch = v->block_arena;
    const assay_block *block = e->block;
    assay_err err = assay_bft_proposal_check(v->bft, block, scratch);
    for (uint32_t i = 0; err == ASSAY_OK && i < block->evidence_count; i++) {
        err = consensus_evidence_check(v, &block->evidence[i], scratch);
        for (uint32_t k = 0; err == ASSAY_OK && k < i; k++)
            if (same_fault(&block->evidence[i].vote_a, &block->evidence[k].vote_a)) err = ASSAY_E_DUPLICATE;
    }
    if (assay_base_err_is_fault(err)) return err;
    bool accept = err == ASSAY_OK;
    if (accept) {
        assay_engine_block request;
        ASSAY_TRY(engine_block(&request, &scratch, v, block, e->block_id.hash));
        ASSAY_TRY(v->app.process_proposal(v->app.context, &accept, &request));
    } else {
        node_log(v->node, "%s refuses a proposed block at height %lld: %s", v->name, (long long)block->header.height,
                 assay_base_err_text(err));
    }
    return assay_bft_block_checked(v->bft, e->block_id, accept);
}

/* A second vote that the others did not see in time is cast again some heights later; once it was seen, there is no
 * vote of this validator any more. */
#define TWICE_AGAIN 10

static assay_err sign_vote(validator *v, const assay_bft_effect *e) {
    assay_vote vote = e->vote;
    assay_bytes chain_id = v->chain->chain_id;
    if (e->bytes.len) ASSAY_TRY(lock_keep(v, e->bytes));
    assay_err err = assay_signer_vote(v->signer, &vote, chain_id, assay_os_now(), assay_bft_vote_time(v->bft));
    if (assay_base_err_is_fault(err)) return err;
    bool ok = err == ASSAY_OK;
    ASSAY_TRY(assay_bft_vote_signed(v->bft, &vote, ok));
    if (ok && vote.type == ASSAY_PRECOMMIT && !assay_block_id_is_nil(&vote.block_id) && atomic_load(&v->twice) &&
        vote.height >= atomic_load(&v->twice_height) + TWICE_AGAIN)
        ASSAY_TRY(fault_vote_twice(v, &vote));
    return ASSAY_OK;
}

static assay_err carry_out(validator *v, const assay_bft_effect *e) {
    switch (e->kind) {
    case ASSAY_BFT_SEND:
        if (v->resend_to)
            network_send(v, v->resend_to - 1, &(envelope){.consensus = e->bytes});
        else
            network_broadcast(v, &(envelope){.consensus = e->bytes});
        return ASSAY_OK;
    case ASSAY_BFT_SCHEDULE: schedule(v, e); return ASSAY_OK;
    case ASSAY_BFT_MAKE_BLOCK: return make_block(v, e);
    case ASSAY_BFT_CHECK_BLOCK: return check_block(v, e);
    case ASSAY_BFT_SIGN_VOTE: return sign_vote(v, e);
    case ASSAY_BFT_SIGN_PROPOSAL: {
        assay_proposal proposal = e->proposal;
        assay_err err = assay_signer_proposal(v->signer, &proposal, v->chain->chain_id, assay_os_now());
        if (assay_base_err_is_fault(err)) return err;
        return assay_bft_proposal_signed(v->bft, &proposal, err == ASSAY_OK);
    }
    case ASSAY_BFT_DECIDE:
        ASSAY_TRY(consensus_apply(v, e->block, e->bytes, &e->block_id, e->commit));
        return consensus_begin(v);
    case ASSAY_BFT_EVIDENCE: evidence_add(v, &e->evidence); return ASSAY_OK;
    case ASSAY_BFT_BEHIND:
        if ((uint64_t)e->height > v->tip_seen) v->tip_seen = (uint64_t)e->height;
        sync_hello(v);
        return ASSAY_OK;
    }
    return ASSAY_F_BUG;
}

assay_err consensus_drain(validator *v) {
    assay_bft_effect e;
    v->effects_pending = false;
    while (assay_bft_effect_next(v->bft, &e)) {
        ASSAY_TRY(carry_out(v, &e));
        /* One decision a turn: a validator that decides alone still hears its inbox between two blocks. */
        if (e.kind == ASSAY_BFT_DECIDE) break;
    }
    atomic_store(&v->round, assay_bft_look(v->bft).round);
    return ASSAY_OK;
}

/* ---- a decided block becomes final
 * ------------------------------------------------------------------------------------------------- */

/* A sweep walks the pool in order of arrival: of one sender that is the order of nonces, so one that is gone takes
 * those behind it along. */
typedef struct sweep {
    validator *v;
    assay_arena scratch;
    mempool_sender *expected; /* per sender: the nonce that its next entry must have */
    uint32_t cap;
} sweep;

static mempool_sender *expected_of(sweep *s, assay_address sender) {
    uint32_t h;
    memcpy(&h, sender.b, sizeof h);
    for (h &= s->cap - 1; s->expected[h].count && !assay_base_address_eq(s->expected[h].address, sender);
         h = (h + 1) & (s->cap - 1)) {}
    return &s->expected[h];
}

/* A free transaction must succeed: one whose moment has passed (a check that is void by now, an opening too late) is in
 * no block ever, and would keep its sender's next one out. */
static assay_err free_fails(validator *v, const mempool_entry *entry) {
    assay_ledger_admission again;
    if (entry->admission.lane == ASSAY_LANE_PAID) return ASSAY_OK;
    assay_err err = assay_ledger_check_tx(v->ledger, &again, (assay_bytes){entry->packet->bytes, entry->packet->len},
                                          ASSAY_LEDGER_SIGNATURE_TRUE);
    return assay_base_err_is_fault(err) ? ASSAY_OK : err;
}

static bool still_fits(void *context, const mempool_entry *entry) {
    sweep *s = context;
    const assay_ledger_admission *a = &entry->admission;
    int64_t height = s->v->chain->height;
    mempool_sender *e = expected_of(s, a->sender);
    uint64_t balance;
    if (!e->count) {
        *e = (mempool_sender){.address = a->sender, .count = 1};
        if (application_account(s->v, &e->next, &balance, a->sender) != ASSAY_OK) return true;
    }
    assay_err why = ASSAY_OK;
    if (a->nonce != e->next)
        why = ASSAY_E_NONCE;
    else if ((a->expiry_height && a->expiry_height <= (uint64_t)height) || entry->height + MEMPOOL_BLOCKS_MAX < height)
        why = ASSAY_E_EXPIRED;
    else
        why = free_fails(s->v, entry);
    if (why == ASSAY_OK)
        e->next++;
    else
        waiting_drop(s->v, entry->id, why);
    return why == ASSAY_OK;
}

/* A sweep asks the state about every sender; doing it now and then keeps a block's cost at its own transactions. */
#define SWEEP_EVERY 16

static void settle_pool(validator *v, const assay_hash *ids, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) mempool_remove(&v->pool, ids[i]);
    if (!v->pool.count || (v->chain->height % SWEEP_EVERY != 0 && v->pool.count >= 64)) return;
    sweep s = {.v = v, .scratch = v->app_arena, .cap = 64};
    while (s.cap < v->pool.count * 2) s.cap *= 2;
    s.expected = ASSAY_NEW(&s.scratch, mempool_sender, s.cap);
    if (s.expected) mempool_sweep(&v->pool, still_fits, &s);
}

static assay_err keep_commit(assay_commit *out, assay_arena *keep, const assay_commit *commit) {
    *out = *commit;
    out->sigs = ASSAY_NEW(keep, assay_commit_sig, commit->sigs_count);
    if (!out->sigs) return ASSAY_F_MEMORY;
    memcpy(out->sigs, commit->sigs, commit->sigs_count * sizeof *out->sigs);
    return ASSAY_OK;
}

assay_err consensus_finish(validator *v, const assay_block *block, assay_bytes encoded, const assay_block_id *id,
                           const assay_commit *commit, const assay_engine_finalized *finalized, assay_arena scratch) {
    uint32_t slot = 1 - v->chain_slot;
    assay_arena chain_memory = v->chain_arenas[slot];
    assay_bft_chain *next = &v->chains[slot];
    ASSAY_TRY(assay_bft_chain_next(next, &chain_memory, v->chain, block, id, finalized, scratch));
    assay_commit kept = {0};
    if (commit) ASSAY_TRY(keep_commit(&kept, &chain_memory, commit));
    const assay_hash *ids;
    ASSAY_TRY(block_ids(&ids, v, id->hash, block->txs, block->txs_count));
    v->deciding = (decided){block, encoded, id, commit, next, ids, scratch};
    uint64_t retain = 0;
    assay_err err = v->app.commit(v->app.context, &retain);
    v->deciding = (decided){0};
    if (err != ASSAY_OK) return err;

    bool changed = !assay_base_hash_eq(v->chain->app_hash, next->app_hash);
    v->chain_slot = slot;
    v->chain = next;
    v->chain_commit = kept;
    v->busy = changed || (v->result.recheck_height && v->result.recheck_height <= (uint64_t)next->height + 1);
    settle_pool(v, ids, block->txs_count);
    evidence_included(v, block);
    waiting_tell(v, block, &v->result);
    atomic_store(&v->height, (unsigned long long)block->header.height);
    atomic_fetch_add(&v->blocks, 1);
    atomic_fetch_add(&v->txs, block->txs_count);
    atomic_store(&v->waiting_txs, v->pool.count);
    checker_block(v, &v->result);
    node_final(v);
    return ASSAY_OK;
}

assay_err consensus_apply(validator *v, const assay_block *block, assay_bytes encoded, const assay_block_id *id,
                          const assay_commit *commit) {
    assay_arena scratch = v->block_arena;
    assay_engine_block request;
    assay_engine_finalized finalized;
    ASSAY_TRY(engine_block(&request, &scratch, v, block, id->hash));
    ASSAY_TRY(v->app.finalize_block(v->app.context, &finalized, &scratch, &request));
    return consensus_finish(v, block, encoded, id, commit, &finalized, scratch);
}
