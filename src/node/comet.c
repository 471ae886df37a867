/* SPDX-License-Identifier: Apache-2.0
 *
 * comet - CometBFT as the engine: the application's table as its four connections see it, its RPC for what it keeps and
 * we do not, and the thread that hands transactions to it.
 *
 *   CometBFT --consensus--> monitor --> application.c --> ledger, state, store      one thread, under app_lock
 *            --mempool----> admission.c                                             against a committed snapshot
 *            --query------> a snapshot of the store
 *
 * CometBFT keeps blocks, commits and votes; we keep the state, the log, the transactions and what became of them. What
 * a certificate needs of a header and a commit is asked from its RPC when somebody asks for it.
 */
#include "comet_internal.h"

#include <string.h>

/* ---- consensus ----------------------------------------------------------------------------------------------- */

static assay_err on_init_chain(void *context, assay_engine_init_result *out, assay_arena *keep,
                               const assay_engine_init *request) {
    struct comet *c = context;
    validator *v = c->owner;
    if (!assay_base_bytes_eq(request->genesis, v->node->genesis)) {
        node_log(v->node, "CometBFT's genesis.json carries another genesis than %s/genesis", v->dir);
        return ASSAY_E_CHAIN;
    }
    if (!assay_base_bytes_eq(request->chain_id, assay_base_bytes_str(v->node->chain_id))) return ASSAY_E_CHAIN;
    ASSAY_TRY(snapshots_give_up(c)); /* an operator does without it */
    if (!v->chain) return chain_begin(v, out, keep, request);
    /* It was killed before the first block: what was answered then is answered again. */
    const assay_validator_set *set = &v->chain->validators;
    out->validators = ASSAY_NEW(keep, assay_engine_power, set->count);
    if (!out->validators) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < set->count; i++)
        out->validators[i] = (assay_engine_power){set->validators[i].public_key, set->validators[i].power};
    out->validators_count = set->count;
    out->app_hash = v->chain->app_hash;
    return ASSAY_OK;
}

static assay_err no_check_tx(void *context, assay_bytes tx) {
    (void)context, (void)tx;
    return ASSAY_E_GRAMMAR;
}

static assay_err on_info(void *context, assay_engine_info *out) {
    struct comet *c = context;
    atomic_store(&c->spoken, true);
    return c->owner->app.info(c->owner->app.context, out);
}

static assay_err on_prepare(void *context, assay_bytes **txs, uint32_t *txs_count, assay_arena *keep,
                            const assay_engine_block *block, uint64_t max_bytes) {
    struct comet *c = context;
    return c->owner->app.prepare_proposal(c->owner->app.context, txs, txs_count, keep, block, max_bytes);
}

static assay_err on_process(void *context, bool *accept, const assay_engine_block *block) {
    struct comet *c = context;
    return c->owner->app.process_proposal(c->owner->app.context, accept, block);
}

/* Everything that Commit will need is copied or lies in memory of its own: the request is gone by then. */
static assay_err finalize(struct comet *c, finalized_block *f, assay_arena *memory, const assay_engine_block *block) {
    validator *v = c->owner;
    assay_bytes *txs = ASSAY_NEW(memory, assay_bytes, block->txs_count);
    if (!txs) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < block->txs_count; i++) ASSAY_TRY(assay_base_arena_copy(&txs[i], memory, block->txs[i]));
    f->block = (assay_block){.header = {.chain_id = assay_base_bytes_str(v->node->chain_id),
                                        .height = block->height,
                                        .time = block->time,
                                        .proposer = block->proposer,
                                        .next_validators_hash = block->next_validators_hash},
                             .txs = txs,
                             .txs_count = block->txs_count};
    f->id = (assay_block_id){.hash = block->hash};
    ASSAY_TRY(archive_told(&f->encoded, memory, &f->block));
    ASSAY_TRY(v->app.finalize_block(v->app.context, &f->result, memory, block));
    f->scratch = *memory;
    f->there = true;
    return ASSAY_OK;
}

static assay_err on_finalize(void *context, assay_engine_finalized *out, assay_arena *keep,
                             const assay_engine_block *block) {
    (void)keep;
    struct comet *c = context;
    assay_arena memory = assay_os_region_arena(&c->owner->regions[REGION_HEIGHT]);
    c->finalized = (finalized_block){.there = false};
    ASSAY_TRY(finalize(c, &c->finalized, &memory, block));
    *out = c->finalized.result;
    return ASSAY_OK;
}

static assay_err on_commit(void *context, uint64_t *retain_height) {
    struct comet *c = context;
    validator *v = c->owner;
    finalized_block *f = &c->finalized;
    bool stopped;
    *retain_height = 0; /* CometBFT keeps every block: certificates of any age ask for theirs */
    if (!f->there) return ASSAY_F_BUG;
    f->there = false;
    ASSAY_TRY(consensus_finish(v, &f->block, f->encoded, &f->id, NULL, &f->result, f->scratch));
    admission_block(v);
    ASSAY_TRY(assay_ledger_stopped(v->ledger, &stopped));
    if (stopped && !atomic_exchange(&v->stopped, true))
        node_log(v->node, "the chain stops at height %lld: nobody who may validate remains",
                 (long long)v->chain->height);
    snapshots_block(c, (uint64_t)v->chain->height);
    if (!c->checker_started) ASSAY_TRY(checker_start(v));
    c->checker_started = true;
    assay_os_release_pages(&v->regions[REGION_HEIGHT], v->regions[REGION_HEIGHT].base + ((size_t)1 << 20));
    return ASSAY_OK;
}

static void monitor_anew(struct comet *c) {
    static const assay_engine_app none;
    assay_engine_app raw = none;
    raw.context = c;
    raw.info = on_info;
    raw.init_chain = on_init_chain;
    raw.check_tx = no_check_tx;
    raw.prepare_proposal = on_prepare;
    raw.process_proposal = on_process;
    raw.finalize_block = on_finalize;
    raw.commit = on_commit;
    c->consensus = (assay_abci_app){.engine = assay_engine_monitor_wrap(&c->monitor, raw), .context = c};
}

void application_restored(struct comet *c) {
    admission_block(c->owner);
    monitor_anew(c);
}

void application_reset(struct comet *c) {
    assay_os_mutex_lock(&c->app_lock);
    assay_state_discard(c->owner->state);
    c->finalized = (finalized_block){.there = false};
    admission_block(c->owner);
    monitor_anew(c);
    assay_os_mutex_unlock(&c->app_lock);
}

/* ---- the other connections ----------------------------------------------------------------------------------- */

/* Info comes on any connection; where it stands in the grammar, the monitor has to hear it. */
static assay_err locked_info(void *context, assay_engine_info *out) {
    struct comet *c = context;
    assay_os_mutex_lock(&c->app_lock);
    assay_err err = c->consensus.engine.info(c->consensus.engine.context, out);
    assay_os_mutex_unlock(&c->app_lock);
    return err;
}

/* What is refused after it was taken leaves the mempool, and CometBFT tells nobody: whoever waits for it here is told.
 */
static assay_err on_check_tx(void *context, assay_bytes tx) {
    struct comet *c = context;
    assay_err err = admission_check(c->owner, tx);
    if (err != ASSAY_OK && !assay_base_err_is_fault(err)) waiting_drop(c->owner, assay_tx_id(tx), err);
    return err;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

/* "unix://abci.sock" lies in the validator's directory. */
static assay_err whole_address(struct comet *c) {
    const char *given = c->settings->abci;
    bool relative = strncmp(given, "unix://", 7) == 0 && given[7] != '/';
    size_t len = relative ? assay_os_format(c->abci, sizeof c->abci, "unix://%s/%s", c->owner->dir, given + 7)
                          : assay_os_format(c->abci, sizeof c->abci, "%s", given);
    return len < sizeof c->abci - 1 ? ASSAY_OK : ASSAY_E_RANGE;
}

/* The way that people get it wrong: a directory whose name is long. */
static assay_err listen_or_say(struct comet *c) {
    assay_err err = whole_address(c);
    if (err == ASSAY_OK) err = lines_open(c);
    if (err == ASSAY_OK) return err;
    node_log(c->owner->node, "CometBFT cannot be awaited at %s in %s: %s", c->settings->abci, c->owner->dir,
             err == ASSAY_E_RANGE ? "a socket's path has at most 107 bytes; take a shorter --data"
                                  : assay_base_err_text(err));
    return err == ASSAY_E_RANGE ? ASSAY_F_STORAGE : err; /* of this machine's paths, no verdict on anything */
}

assay_err comet_open(validator *v) {
    struct comet *c = ASSAY_NEW(&v->keep, struct comet, 1);
    if (!c) return ASSAY_F_MEMORY;
    memset(c, 0, sizeof *c);
    v->comet = c;
    c->owner = v;
    c->settings = v->node->config.settings;
    assay_os_mutex_init(&c->rpc_lock);
    assay_os_mutex_init(&c->app_lock);
    assay_os_mutex_init(&c->lines_lock);
    c->mempool = c->query = c->any = (assay_abci_app){.context = c};
    c->mempool.engine.context = c->any.engine.context = c->query.engine.context = c;
    c->mempool.engine.check_tx = on_check_tx;
    c->any.engine.info = locked_info;
    c->query.query = query_answer;
    c->query.snapshots_list = snapshots_list;
    c->query.snapshot_load = snapshots_load;
    c->query.snapshot_offer = snapshots_offer;
    c->query.snapshot_apply = snapshots_apply;
    c->checker_started = v->chain != NULL;
    c->awaits = !v->chain && processes_sync(c);
    ASSAY_TRY(assay_comet_open(&c->rpc, c->settings->rpc, 10));
    ASSAY_TRY(assay_comet_open(&c->forward, c->settings->rpc, 10));
    ASSAY_TRY(admission_open(v));
    application_reset(c);
    return listen_or_say(c);
}

assay_err comet_start(validator *v) {
    ASSAY_TRY(lines_start(v->comet));
    return processes_start(v->comet);
}

void comet_stop(validator *v) {
    if (!v->comet) return;
    atomic_store(&v->comet->closing, true);
    processes_stop(v->comet);
    lines_close(v->comet);
    snapshots_join(v->comet);
}

void comet_close(validator *v) {
    struct comet *c = v->comet;
    if (!c) return;
    admission_close(v);
    snapshots_close(c);
    assay_comet_close(c->rpc);
    assay_comet_close(c->forward);
    v->comet = NULL;
}

bool comet_ready(const validator *v) { return atomic_load(&v->comet->spoken); }

void comet_app_ns(const validator *v, uint64_t *passed, uint64_t *used) {
    *passed = atomic_load(&v->comet->app_ns);
    *used = atomic_load(&v->comet->app_cpu_ns);
}

void comet_processes(validator *v, int *engine, int *signer) {
    *engine = atomic_load(&v->comet->engine_id);
    *signer = atomic_load(&v->comet->signer_id);
}

/* CometBFT is ours: that it does not answer now means that it is being started again, not that the asker has a network
 * to look after. */
static assay_err soon(assay_err err) { return err == ASSAY_F_NETWORK || err == ASSAY_F_TIMEOUT ? ASSAY_F_BUSY : err; }

assay_err comet_commit_at(validator *v, assay_header *header, assay_commit *commit, assay_arena *keep,
                          uint64_t height) {
    struct comet *c = v->comet;
    assay_os_mutex_lock(&c->rpc_lock);
    assay_err err = soon(assay_comet_commit(c->rpc, header, commit, keep, height));
    assay_os_mutex_unlock(&c->rpc_lock);
    /* Its own engine's word: a form that is wrong is this machine's trouble, not the asker's. */
    return err == ASSAY_OK || err == ASSAY_E_NOT_FOUND || assay_base_err_is_fault(err) ? err : ASSAY_F_CORRUPT;
}

assay_err comet_relay(validator *v, assay_bytes *answer, assay_arena *keep, assay_bytes request) {
    struct comet *c = v->comet;
    if (!c) return ASSAY_E_NOT_FOUND;
    assay_os_mutex_lock(&c->rpc_lock);
    assay_err err = soon(assay_comet_relay(c->rpc, answer, keep, request));
    assay_os_mutex_unlock(&c->rpc_lock);
    return err;
}

/* ---- handing transactions in --------------------------------------------------------------------------------- */

#define TURN_MAX ASSAY_COMET_SUBMIT_MAX
#define WAIT_NS 100000000ull
#define LEVEL_NS 1000000000ull /* so long an answer about that is believed */
#define PATIENCE_NS 5000000000ull
#define HELD_LEN_MAX 8192u /* of one that is kept while it is waited for: 32 MiB in all */

/* One that a block has already: CometBFT would know it for a while, and then take it again. */
static bool is_final(validator *v, assay_hash id) {
    assay_store_snapshot *snapshot;
    uint64_t height;
    uint32_t index;
    if (!validator_enter(v)) return false;
    if (assay_store_snapshot_begin(&snapshot, v->store) != ASSAY_OK) return validator_leave(v), false;
    bool found = assay_store_tx(&height, &index, snapshot, id) == ASSAY_OK;
    assay_store_snapshot_end(snapshot);
    validator_leave(v);
    return found;
}

static void told(validator *v, submission *s, assay_hash id, bool until_final, assay_err verdict) {
    if (!until_final)
        submission_done(s, verdict, 0, NULL);
    else if (verdict != ASSAY_OK)
        waiting_drop(v, id, verdict);
}

/* A node that is behind would take a nonce for the next one that is long used, and others would not take it. */
static bool is_behind(struct comet *c, assay_arena scratch) {
    bool catching_up;
    uint64_t now = assay_os_monotonic_ns();
    if (now < c->level_ns) return false;
    /* One that does not answer takes no transaction either; that is told then. */
    if (assay_comet_level(c->forward, &catching_up, scratch) != ASSAY_OK) return false;
    if (!catching_up) c->level_ns = now + LEVEL_NS;
    return catching_up;
}

/* After a restart it is level in a moment, mostly: that is waited for. */
static bool stays_behind(validator *v) {
    uint64_t until = assay_os_monotonic_ns() + PATIENCE_NS;
    while (is_behind(v->comet, v->intake_arena)) {
        if (atomic_load(&v->stopping) || assay_os_monotonic_ns() >= until) return true;
        assay_os_sleep_ns(WAIT_NS);
    }
    return false;
}

/* From `from` on, as many as one request takes; the number of them. */
static size_t forward_some(validator *v, const delivery *list, size_t count, assay_arena scratch) {
    assay_bytes txs[TURN_MAX];
    assay_err verdicts[TURN_MAX];
    size_t taken = 0, len = 0;
    while (taken < count && taken < TURN_MAX &&
           (taken == 0 || len + list[taken].packet->len < ASSAY_COMET_SUBMIT_LEN_MAX)) {
        txs[taken] = (assay_bytes){list[taken].packet->bytes, list[taken].packet->len};
        len += list[taken++].packet->len;
    }
    /* Whoever waits for the block stands there before it can come. From then on the list has him. */
    bool until_final[TURN_MAX];
    assay_hash ids[TURN_MAX];
    for (size_t i = 0; i < taken; i++) {
        submission *s = list[i].submission;
        ids[i] = s->id = assay_tx_id(txs[i]);
        until_final[i] = s->until_final;
        if (!until_final[i]) continue;
        if (txs[i].len <= HELD_LEN_MAX) s->packet = packet_hold(list[i].packet);
        waiting_put(v, s);
    }
    assay_err err = assay_comet_submit(v->comet->forward, verdicts, txs, (uint32_t)taken, scratch);
    for (size_t i = 0; i < taken; i++)
        told(v, list[i].submission, ids[i], until_final[i], err == ASSAY_OK ? verdicts[i] : ASSAY_F_BUSY);
    return taken;
}

/* CometBFT's mempool goes with its process: what is waited for is handed to the next one. False: it does not answer. */
static bool forward_again(validator *v, assay_arena scratch) {
    packet **held = ASSAY_NEW(&scratch, packet *, WAITING_MAX);
    assay_bytes *txs = ASSAY_NEW(&scratch, assay_bytes, TURN_MAX);
    assay_err *verdicts = ASSAY_NEW(&scratch, assay_err, TURN_MAX);
    if (!held || !txs || !verdicts) return false;
    uint32_t count = waiting_held(v, held, WAITING_MAX);
    assay_err err = ASSAY_OK;
    for (uint32_t at = 0, taken; err == ASSAY_OK && at < count; at += taken) {
        size_t len = 0;
        for (taken = 0; at + taken < count && taken < TURN_MAX && len < ASSAY_COMET_SUBMIT_LEN_MAX / 2; taken++) {
            txs[taken] = (assay_bytes){held[at + taken]->bytes, held[at + taken]->len};
            len += txs[taken].len;
        }
        /* What is refused now was told to whoever waits, or stands in a block by now. */
        err = assay_comet_submit(v->comet->forward, verdicts, txs, taken, scratch);
    }
    for (uint32_t i = 0; i < count; i++) packet_drop(held[i]);
    return err == ASSAY_OK;
}

assay_err comet_forward(validator *v) {
    static _Thread_local delivery list[TURN_MAX];
    struct comet *c = v->comet;
    while (!atomic_load(&v->stopping)) {
        int engine = atomic_load(&c->engine_id);
        if (engine != c->forwarded_to) c->level_ns = 0; /* a new one has to say first that it is not behind */
        if (engine && engine != c->forwarded_to && !is_behind(c, v->intake_arena) && forward_again(v, v->intake_arena))
            c->forwarded_to = engine;
        size_t count = inbox_take(&v->inbox, list, TURN_MAX, assay_os_monotonic_ns() + WAIT_NS), kept = 0;
        for (size_t i = 0; i < count; i++) {
            if (list[i].kind != DELIVERY_LOCAL_TX) {
                packet_drop(list[i].packet);
            } else if (is_final(v, assay_tx_id((assay_bytes){list[i].packet->bytes, list[i].packet->len}))) {
                submission_done(list[i].submission, ASSAY_E_NONCE, 0, NULL);
                packet_drop(list[i].packet);
            } else {
                list[kept++] = list[i];
            }
        }
        bool behind = kept && stays_behind(v);
        for (size_t i = 0; behind && i < kept; i++) submission_done(list[i].submission, ASSAY_F_BUSY, 0, NULL);
        for (size_t at = 0; !behind && at < kept;) at += forward_some(v, list + at, kept - at, v->intake_arena);
        for (size_t i = 0; i < kept; i++) packet_drop(list[i].packet);
    }
    return ASSAY_OK;
}
