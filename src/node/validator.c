/* SPDX-License-Identifier: Apache-2.0
 *
 * validator - one whole validator: opens what it owns, runs its thread, and ends as abruptly as a kill would.
 */
#include "node_internal.h"

#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)

/* Address space, not memory: pages come when they are touched. What a block or a height needs at its worst is bounded
 * here. */
static const size_t region_sizes[REGION_COUNT] = {
    [REGION_KEEP] = 16 * MIB,   [REGION_JOURNAL] = 256 * MIB, [REGION_LEDGER] = 32 * MIB,
    [REGION_HEIGHT] = 96 * MIB, [REGION_BLOCK] = 128 * MIB,   [REGION_APP] = 32 * MIB,
    [REGION_INTAKE] = 32 * MIB, [REGION_CHAIN_A] = 4 * MIB,   [REGION_CHAIN_B] = 4 * MIB,
};

#define STATE_LEN ((size_t)64 << 10) /* state and ledger, and the ledger once more after a snapshot */

static assay_err regions_open(validator *v) {
    for (size_t i = 0; i < REGION_COUNT; i++) ASSAY_TRY(assay_os_reserve(&v->regions[i], region_sizes[i]));
    v->keep = assay_os_region_arena(&v->regions[REGION_KEEP]);
    uint8_t *state = ASSAY_NEW(&v->keep, uint8_t, STATE_LEN);
    if (!state) return ASSAY_F_MEMORY;
    v->state_memory = assay_base_arena(state, STATE_LEN);
    v->block_arena = assay_os_region_arena(&v->regions[REGION_BLOCK]);
    v->app_arena = assay_os_region_arena(&v->regions[REGION_APP]);
    v->intake_arena = assay_os_region_arena(&v->regions[REGION_INTAKE]);
    v->chain_arenas[0] = assay_os_region_arena(&v->regions[REGION_CHAIN_A]);
    v->chain_arenas[1] = assay_os_region_arena(&v->regions[REGION_CHAIN_B]);
    return ASSAY_OK;
}

void validator_rest(validator *v) {
    assay_os_release_pages(&v->regions[REGION_BLOCK], v->regions[REGION_BLOCK].base + MIB);
    assay_os_release_pages(&v->regions[REGION_APP], v->regions[REGION_APP].base + MIB);
    assay_os_release_pages(&v->regions[REGION_INTAKE], v->regions[REGION_INTAKE].base + MIB);
}

static assay_err key_file(assay_key_secret *secret, const char *dir, const char *name) {
    uint8_t memory[4096];
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    const char *path;
    ASSAY_TRY(assay_os_path_join(&path, &arena, dir, assay_base_bytes_str(name)));
    return assay_node_key_load(secret, path, true);
}

/* What the chain says before its first block is stored at height 0, so that a restart finds it. */
assay_err chain_begin(validator *v, assay_engine_init_result *out, assay_arena *keep,
                      const assay_engine_init *request) {
    assay_arena scratch = v->app_arena, memory = v->chain_arenas[0];
    assay_genesis genesis;
    ASSAY_TRY(assay_codec_decode(&genesis, &scratch, &assay_genesis_message, request->genesis, ASSAY_CODEC_STRICT));
    ASSAY_TRY(v->app.init_chain(v->app.context, out, keep, request));
    ASSAY_TRY(assay_bft_chain_genesis(&v->chains[0], &memory, request->chain_id, request->time, genesis.app_version,
                                      out->validators, out->validators_count, out->app_hash));
    v->chain = &v->chains[0];
    v->chain_slot = 0;
    ASSAY_TRY(store_genesis(v));
    assay_state_committed(v->state);
    return ASSAY_OK;
}

/* Under CometBFT the first word is its InitChain. */
static assay_err begin_embedded(validator *v) {
    assay_arena scratch = v->block_arena;
    assay_genesis genesis;
    assay_engine_init_result result;
    ASSAY_TRY(assay_codec_decode(&genesis, &scratch, &assay_genesis_message, v->node->genesis, ASSAY_CODEC_STRICT));
    assay_engine_init request = {
        .time = {genesis.time_seconds, 0},
        .chain_id = assay_base_bytes_str(v->node->chain_id),
        .genesis = v->node->genesis,
        .initial_height = 1,
    };
    return chain_begin(v, &result, &scratch, &request);
}

static assay_err chain_open(validator *v) {
    bool comet = v->node->config.settings != NULL; /* its calls pass a monitor of their own: comet.c */
    v->app = application_table(v);
    if (!comet) v->app = assay_engine_monitor_wrap(&v->monitor, v->app);
    assay_engine_info info;
    ASSAY_TRY(v->app.info(v->app.context, &info));
    bool found;
    assay_arena memory = v->chain_arenas[0];
    ASSAY_TRY(store_chain(v, &v->chains[0], &memory, &found));
    if (!found) return comet ? ASSAY_OK : begin_embedded(v);
    v->chain = &v->chains[0];
    v->chain_slot = 0;
    bool same = (uint64_t)v->chain->height == info.last_height &&
                assay_base_hash_eq(v->chain->app_hash, info.last_app_hash) &&
                assay_base_bytes_eq(v->chain->chain_id, assay_base_bytes_str(v->node->chain_id));
    return same ? ASSAY_OK : ASSAY_F_CORRUPT;
}

static assay_err machine_open(validator *v) {
    assay_bft_config config = {
        .chain_id = assay_base_bytes_str(v->node->chain_id),
        .public_key = v->consensus_key,
        .propose_ns = 1000000000,
        .propose_delta_ns = 500000000,
        .vote_ns = 300000000,
        .vote_delta_ns = 200000000,
        .rounds_kept = 2,
    };
    /* A hundred validators share two cores here; what is ample for four would make them skip rounds for nothing. */
    if (v->node->count > 16) {
        config.propose_ns *= 5;
        config.vote_ns *= 5;
    }
    /* As many as may ever vote: a set that the machine has no room for would stop the chain. */
    uint32_t most = v->node->validators_max;
    return assay_bft_open(&v->bft, &v->keep, assay_os_region_arena(&v->regions[REGION_HEIGHT]), most, &config);
}

static assay_err signer_open(validator *v) {
    if (v->node->config.settings) {
        v->consensus_key = v->node->config.settings->consensus_key;
        return ASSAY_OK;
    }
    ASSAY_TRY(assay_signer_open(&v->signer, &v->keep, v->dir, true, !v->node->temporary));
    v->consensus_key = assay_signer_public(v->signer);
    return ASSAY_OK;
}

static assay_err engine_open(validator *v) { return v->node->config.settings ? comet_open(v) : machine_open(v); }

static assay_err state_open(validator *v) {
    ASSAY_TRY(store_open(v));
    v->state_keep = v->state_memory;
    ASSAY_TRY(assay_state_open(&v->state, &v->state_keep, assay_os_region_arena(&v->regions[REGION_JOURNAL]),
                               assay_store_state_reader(v->store)));
    return validator_ledger_reopen(v);
}

assay_err validator_ledger_reopen(validator *v) {
    return assay_ledger_open(&v->ledger, &v->state_keep, assay_os_region_arena(&v->regions[REGION_LEDGER]), v->state);
}

assay_err validator_store_renew(validator *v) {
    char path[600];
    assay_store_close(v->store);
    v->store = NULL;
    v->chain = NULL;
    atomic_store(&v->height, 0);
    /* What says that the store is whole goes first: one without it is opened as far as it is there. With it, a store
     * whose rows are gone is a lost one, and never opened again. */
    assay_os_format(path, sizeof path, "%s/store/FORMAT", v->dir);
    assay_err err = assay_os_remove(path);
    if (err != ASSAY_OK && err != ASSAY_E_NOT_FOUND) return err;
    assay_os_format(path, sizeof path, "%s/store", v->dir);
    ASSAY_TRY(assay_os_remove_tree(path));
    return state_open(v);
}

/* A snapshot that was being taken in when this process ended: its rows have no height yet, and are worth nothing. */
static assay_err drop_half_restored(validator *v) {
    bool found;
    assay_arena memory = v->chain_arenas[0];
    assay_bft_chain chain;
    ASSAY_TRY(store_chain(v, &chain, &memory, &found));
    bool empty = assay_base_hash_is_zero(assay_state_root(v->state)) && assay_state_log(v->state)->size == 0;
    return found || empty ? ASSAY_OK : validator_store_renew(v);
}

assay_err validator_open(validator *v) {
    ASSAY_TRY(regions_open(v));
    atomic_store(&v->stopping, false);
    atomic_store(&v->failed, ASSAY_OK);
    atomic_store(&v->stopped, false);
    ASSAY_TRY(signer_open(v));
    ASSAY_TRY(key_file(&v->attestation_secret, v->dir, "attestation.key"));
    v->attestation_key = assay_crypto_ed25519_public(&v->attestation_secret);
    ASSAY_TRY(state_open(v));
    if (v->node->config.settings) ASSAY_TRY(drop_half_restored(v));
    ASSAY_TRY(chain_open(v));
    ASSAY_TRY(engine_open(v));
    atomic_store(&v->height, v->chain ? (unsigned long long)v->chain->height : 0);
    return checker_open(v);
}

/* ---- transactions coming in
 * ---------------------------------------------------------------------------------------------------------- */

typedef struct arrival {
    assay_bytes bytes;
    packet *packet; /* a copy of its own: the mempool outlives the envelope */
    submission *submission;
    assay_hash id;
    assay_ledger_signature signature; /* what the batch found */
    bool fresh;                       /* admitted now */
} arrival;

static void refuse(arrival *a, assay_err err) {
    if (a->submission) submission_done(a->submission, err, 0, NULL);
    a->submission = NULL;
}

/* Signatures of many transactions at once cost about half of one by one. What has no form is called false here, and the
 * check that follows tells why. */
static void verify_together(validator *v, arrival *arrivals, size_t count, assay_arena scratch) {
    assay_bytes *txs = ASSAY_NEW(&scratch, assay_bytes, count);
    bool *valid = ASSAY_NEW(&scratch, bool, count);
    if (!txs || !valid) return;
    for (size_t i = 0; i < count; i++) txs[i] = arrivals[i].bytes;
    uint8_t seed[32];
    assay_os_random(seed, sizeof seed);
    if (assay_tx_verify_batch(valid, txs, (uint32_t)count, v->chain->chain_id, seed, scratch) != ASSAY_OK) return;
    for (size_t i = 0; i < count; i++)
        arrivals[i].signature = valid[i] ? ASSAY_LEDGER_SIGNATURE_TRUE : ASSAY_LEDGER_SIGNATURE_FALSE;
}

static assay_err admit(validator *v, arrival *a) {
    if (atomic_load(&v->stopped)) {
        refuse(a, ASSAY_E_STATE);
        return ASSAY_OK;
    }
    v->admission_signature = a->signature;
    assay_err err = v->app.check_tx(v->app.context, a->bytes);
    if (err != ASSAY_OK) {
        if (assay_base_err_is_fault(err) && err != ASSAY_F_MEMORY) return err;
        refuse(a, err);
        return ASSAY_OK;
    }
    uint64_t nonce, balance;
    ASSAY_TRY(application_account(v, &nonce, &balance, v->admission.sender));
    a->packet = packet_new(a->bytes);
    err = a->packet ? mempool_add(&v->pool, a->id, a->packet, &v->admission, nonce, balance, v->chain->height)
                    : ASSAY_F_MEMORY;
    packet_drop(a->packet);
    if (err != ASSAY_OK) {
        refuse(a, err);
        return ASSAY_OK;
    }
    a->fresh = true;
    return ASSAY_OK;
}

static void settle_arrival(validator *v, arrival *a) {
    if (!a->submission) return;
    a->submission->id = a->id;
    if (!a->submission->until_final) {
        submission_done(a->submission, ASSAY_OK, 0, NULL);
    } else {
        waiting_put(v, a->submission);
    }
    a->submission = NULL;
}

static assay_err intake(validator *v, arrival *arrivals, size_t count, assay_arena scratch) {
    if (!count) return ASSAY_OK;
    if (count >= 4) verify_together(v, arrivals, count, scratch);
    assay_bytes *gossip = ASSAY_NEW(&scratch, assay_bytes, count);
    if (!gossip) return ASSAY_F_MEMORY;
    uint32_t gossips = 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        arrival *a = &arrivals[i];
        a->id = assay_tx_id(a->bytes);
        bool local = a->submission != NULL;
        if (mempool_find(&v->pool, a->id)) {
            settle_arrival(v, a);
            continue;
        }
        ASSAY_TRY(admit(v, a));
        if (!a->fresh) continue;
        any = true;
        settle_arrival(v, a);
        if (local) gossip[gossips++] = a->bytes;
    }
    if (gossips) network_broadcast(v, &(envelope){.txs = gossip, .txs_count = gossips});
    atomic_store(&v->waiting_txs, v->pool.count);
    if (any) consensus_hurry(v);
    return ASSAY_OK;
}

/* ---- the thread ---------------------------------------------------------------------------------------------- */

/* Signatures in one equation cost the less the more there are: at 1,024 a quarter less than at 256. */
#define BATCH_MAX 1024
#define ARRIVALS_MAX 2048

/* Verifying what is false costs as much as what is right. What a peer says next is not looked at for a moment: of an
 * honest one, who may have been unlucky, little is lost, for it is sent again. */
#define MUTE_NS 100000000ull

static void mute(validator *v, uint32_t from) { v->muted_ns[from] = assay_os_monotonic_ns() + MUTE_NS; }

static bool is_muted(const validator *v, uint32_t from) {
    return v->muted_ns[from] && assay_os_monotonic_ns() < v->muted_ns[from];
}

/* Consensus messages of one turn: verified together, they take little more than half the time. */
#define HEARD_MAX 32
typedef struct heard {
    uint32_t count;
    uint32_t from[HEARD_MAX];
    assay_bytes messages[HEARD_MAX];
} heard;

/* A peer's bad message is the peer's; a full height refuses messages until the height is over. */
static assay_err heard_one(validator *v, uint32_t from, assay_err err) {
    if (err == ASSAY_OK || (assay_base_err_is_fault(err) && err != ASSAY_F_MEMORY)) return err;
    if (!assay_base_err_is_fault(err)) mute(v, from);
    node_log(v->node, "%s: message of validator %u refused: %s", v->name, from, assay_base_err_text(err));
    return ASSAY_OK;
}

static assay_err take_heard(validator *v, heard *h) {
    assay_err verdicts[HEARD_MAX];
    uint32_t count = h->count;
    if (!count) return ASSAY_OK;
    h->count = 0;
    assay_err err = assay_bft_messages(v->bft, verdicts, h->messages, count);
    v->effects_pending = true;
    if (assay_base_err_is_fault(err) && err != ASSAY_F_MEMORY) return err;
    for (uint32_t i = 0; i < count; i++) {
        /* The room ended somewhere: each on its own again. Those that had found some are known already. */
        if (err == ASSAY_F_MEMORY) verdicts[i] = assay_bft_message(v->bft, h->messages[i]);
        ASSAY_TRY(heard_one(v, h->from[i], verdicts[i]));
    }
    return consensus_drain(v);
}

static assay_err take_peer(validator *v, uint32_t from, const envelope *e, heard *h) {
    if (e->consensus.len) {
        h->from[h->count] = from;
        h->messages[h->count++] = e->consensus;
    }
    bool more = e->holding || e->status || e->want || e->reply;
    if (h->count == HEARD_MAX || more) ASSAY_TRY(take_heard(v, h));
    if (!more) return ASSAY_OK;
    if (e->holding) holders_note(v, from, e->holding);
    assay_err err = sync_envelope(v, from, e);
    if (assay_base_err_is_fault(err) && err != ASSAY_F_MEMORY) return err;
    if (err != ASSAY_OK && !assay_base_err_is_fault(err)) mute(v, from);
    if (err != ASSAY_OK)
        node_log(v->node, "%s: block of validator %u refused: %s", v->name, from, assay_base_err_text(err));
    return v->effects_pending ? consensus_drain(v) : ASSAY_OK;
}

static assay_err turn(validator *v, delivery *deliveries, size_t count) {
    assay_arena scratch = v->intake_arena;
    arrival *arrivals = ASSAY_NEW(&scratch, arrival, ARRIVALS_MAX);
    if (!arrivals) return ASSAY_F_MEMORY;
    size_t arrived = 0;
    heard h = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        delivery *d = &deliveries[i];
        assay_bytes bytes = d->packet ? (assay_bytes){d->packet->bytes, d->packet->len} : (assay_bytes){NULL, 0};
        envelope e;
        if (d->kind == DELIVERY_LOCAL_TX) {
            if (arrived < ARRIVALS_MAX)
                arrivals[arrived++] = (arrival){.bytes = bytes, .submission = d->submission};
            else
                submission_done(d->submission, ASSAY_F_BUSY, 0, NULL);
            d->submission = NULL;
        } else if (d->kind == DELIVERY_PEER || d->kind == DELIVERY_PEER_TXS) {
            if (is_muted(v, d->from)) continue;
            if (assay_codec_decode(&e, &scratch, &envelope_message, bytes, ASSAY_CODEC_STRICT) != ASSAY_OK) continue;
            for (uint32_t k = 0; k < e.txs_count; k++) {
                if (arrived == ARRIVALS_MAX) {
                    ASSAY_TRY(intake(v, arrivals, arrived, scratch));
                    arrived = 0;
                }
                arrivals[arrived++] = (arrival){.bytes = e.txs[k]};
            }
            ASSAY_TRY(take_peer(v, d->from, &e, &h));
        }
    }
    ASSAY_TRY(take_heard(v, &h));
    return intake(v, arrivals, arrived, scratch);
}

/* After a kill in the middle of a height, the signer refuses to sign another word in the rounds it already spoke in.
 * When a whole network was killed, all would wait there for timeouts; so a validator goes straight to the next round.
 * That is a timeout that came early, which is always safe. */
static assay_err skip_signed_rounds(validator *v) {
    int64_t height;
    int32_t round;
    assay_signer_last(v->signer, &height, &round);
    if (height != v->chain->height + 1) return ASSAY_OK;
    ASSAY_TRY(assay_bft_start_now(v->bft));
    for (assay_bft_view view = assay_bft_look(v->bft); view.height == height && view.round <= round;
         view = assay_bft_look(v->bft)) {
        ASSAY_TRY(assay_bft_timeout(v->bft, height, view.round, ASSAY_STEP_PRECOMMIT_WAIT));
        ASSAY_TRY(consensus_drain(v));
        if (assay_bft_look(v->bft).round == view.round) break;
    }
    v->effects_pending = true;
    return ASSAY_OK;
}

/* Packets can be lost; a word now and then finds out who lacks what. Standing still at one height is the sign: first
 * after a blink (a network that has just started), then ever less often, and never more often than a busy process can
 * bear. */
#define HELLO_FIRST_NS 30000000ull
#define HELLO_LAST_NS 1000000000ull

static void say_hello(validator *v, uint64_t now) {
    uint64_t least = v->node->count > 16 ? HELLO_LAST_NS * 2 : HELLO_FIRST_NS;
    if (v->hello_height == v->chain->height) {
        sync_hello(v);
        v->hello_wait_ns = v->hello_wait_ns * 2 < HELLO_LAST_NS ? v->hello_wait_ns * 2 : HELLO_LAST_NS;
    } else {
        v->hello_wait_ns = 8 * HELLO_FIRST_NS;
    }
    if (v->hello_wait_ns < least) v->hello_wait_ns = least;
    v->hello_height = v->chain->height;
    v->hello_at_ns = now + v->hello_wait_ns;
}

static assay_err live(validator *v) {
    delivery deliveries[BATCH_MAX];
    ASSAY_TRY(consensus_begin(v));
    if (!atomic_load(&v->stopped)) {
        ASSAY_TRY(lock_recall(v));
        ASSAY_TRY(skip_signed_rounds(v));
    }
    v->hello_height = v->chain->height;
    v->hello_wait_ns = 0;
    say_hello(v, assay_os_monotonic_ns());
    while (!atomic_load(&v->stopping)) {
        uint64_t deadline = consensus_deadline(v);
        if (deadline > v->hello_at_ns) deadline = v->hello_at_ns;
        size_t count = inbox_take(&v->inbox, deliveries, BATCH_MAX, deadline);
        assay_err err = atomic_load(&v->stopping) ? ASSAY_OK : turn(v, deliveries, count);
        for (size_t i = 0; i < count; i++) {
            packet_drop(deliveries[i].packet);
            if (deliveries[i].submission) submission_done(deliveries[i].submission, ASSAY_F_BUSY, 0, NULL);
        }
        ASSAY_TRY(err);
        uint64_t now = assay_os_monotonic_ns();
        ASSAY_TRY(consensus_timers(v, now));
        ASSAY_TRY(consensus_drain(v));
        if (now >= v->hello_at_ns) say_hello(v, now);
    }
    return ASSAY_OK;
}

void validator_fail(validator *v, assay_err err, const char *what) {
    atomic_store(&v->failed, (int)err);
    node_log(v->node, "%s stopped %s: %s (%s)", v->name, what, assay_base_err_text(err), assay_base_err_code(err));
    node_final(v);
}

static void run(void *context) {
    validator *v = context;
    assay_err err = v->comet ? comet_forward(v) : live(v);
    if (err == ASSAY_OK) return;
    validator_fail(v, err, "at work");
    /* Nobody reads what comes now, and nobody shall wait for it. */
    inbox_open(&v->inbox, false);
    inbox_clear(&v->inbox);
    waiting_end(v);
}

assay_err validator_start(validator *v) {
    v->effects_pending = false;
    memset(v->timers, 0, sizeof v->timers);
    inbox_open(&v->inbox, true);
    atomic_store(&v->alive, true);
    char name[16];
    assay_os_format(name, sizeof name, "validator%u", v->index);
    ASSAY_TRY(assay_os_thread_start(&v->thread, name, 512 * 1024, run, v));
    v->thread_running = true;
    if (!v->comet) return checker_start(v);
    if (v->chain) ASSAY_TRY(checker_start(v));
    return comet_start(v);
}

void validator_stop(validator *v) {
    comet_stop(v);
    atomic_store(&v->alive, false);
    atomic_store(&v->stopping, true);
    inbox_open(&v->inbox, false);
    checker_stop(v);
    if (v->thread_running) assay_os_thread_join(&v->thread);
    v->thread_running = false;
    validator_close_gate(v);
    inbox_clear(&v->inbox);
    waiting_end(v);
    free(v->ids);
    v->ids = NULL;
    v->ids_count = v->ids_cap = 0;
    v->chain_commit = (assay_commit){0};
    mempool_fini(&v->pool);
    checker_close(v);
    shelf_close(v);
    comet_close(v);
    if (v->signer) assay_signer_close(v->signer);
    if (v->store) assay_store_close(v->store);
    v->signer = NULL;
    v->store = NULL;
    v->state = NULL;
    v->ledger = NULL;
    v->bft = NULL;
    v->chain = NULL;
    v->evidence_count = 0;
    assay_crypto_wipe(&v->attestation_secret, sizeof v->attestation_secret);
    for (size_t i = 0; i < REGION_COUNT; i++) assay_os_unreserve(&v->regions[i]);
    memset(v->regions, 0, sizeof v->regions);
}

void validator_submit(validator *v, assay_bytes tx, submission *s) {
    packet *p = tx.len <= ASSAY_TX_LEN_MAX ? packet_new(tx) : NULL;
    if (!p) {
        submission_done(s, tx.len <= ASSAY_TX_LEN_MAX ? ASSAY_F_MEMORY : ASSAY_E_SIZE, 0, NULL);
        return;
    }
    /* A refused push gives the packet up; the submission is told here. */
    if (!inbox_push(&v->inbox, (delivery){DELIVERY_LOCAL_TX, v->index, p, s}))
        submission_done(s, ASSAY_F_BUSY, 0, NULL);
}

/* ---- other threads look inside
 * ----------------------------------------------------------------------------------------------------------- */

bool validator_enter(validator *v) {
    assay_os_mutex_lock(&v->gate);
    bool ok = atomic_load(&v->alive);
    if (ok) v->visitors++;
    assay_os_mutex_unlock(&v->gate);
    return ok;
}

void validator_leave(validator *v) {
    assay_os_mutex_lock(&v->gate);
    bool last = --v->visitors == 0;
    assay_os_mutex_unlock(&v->gate);
    if (last) assay_os_condition_broadcast(&v->gate_empty);
}

void validator_close_gate(validator *v) {
    assay_os_mutex_lock(&v->gate);
    while (v->visitors) (void)assay_os_condition_wait(&v->gate_empty, &v->gate, ASSAY_OS_NO_DEADLINE);
    assay_os_mutex_unlock(&v->gate);
}
