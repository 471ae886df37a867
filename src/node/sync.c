/* SPDX-License-Identifier: Apache-2.0
 *
 * sync - how a validator that was away catches up: it asks where the others stand, fetches one decided block after the
 * other with its commit, checks both as if its peers were liars, and applies them. At the tip, peers send again what
 * they know of the present height.
 */
#include "node_internal.h"

#define ASK_AGAIN_NS 250000000ull
#define RESENDERS_MAX 6u
/* Whoever was asked in vain is asked again only if nobody else answers: one that claims a height and does not serve it
 * must not keep the others out. */
#define ASK_SAME_NS (6 * ASK_AGAIN_NS)
/* Who floods us with questions gets an answer so often at most, and keeps nobody else from his. */
#define RESEND_NS 500000ull

void sync_hello(validator *v) {
    network_broadcast(v, &(envelope){.status = &(height_note){(uint64_t)v->chain->height}});
}

void sync_ask(validator *v, uint32_t from, uint64_t height) {
    v->asked_height = height;
    v->asked_from = from;
    v->asked_at_ns = assay_os_monotonic_ns();
    network_send(v, from, &(envelope){.want = &(height_note){height}});
}

static assay_err answer_status(validator *v, uint32_t from, uint64_t height) {
    uint64_t own = (uint64_t)v->chain->height;
    if (height > own) {
        if (height > v->tip_seen) v->tip_seen = height;
        uint64_t patience = v->asked_from == from && v->node->count > 2 ? ASK_SAME_NS : ASK_AGAIN_NS;
        bool waiting = v->asked_height == own + 1 && assay_os_monotonic_ns() - v->asked_at_ns < patience;
        if (!waiting) sync_ask(v, from, own + 1);
        return ASSAY_OK;
    }
    if (height < own) {
        network_send(v, from, &(envelope){.status = &(height_note){own}});
        return ASSAY_OK;
    }
    /* The peer stands where we stand: what it lacks is the round that is under way. A few of many peers are enough to
     * tell it, and it alone is told. */
    uint64_t now = assay_os_monotonic_ns();
    /* Which few changes by the second: those of one moment may all be dead, or liars. */
    uint64_t shift = now / 1000000000 * RESENDERS_MAX;
    uint64_t distance = (v->index + v->node->count - from + shift) % v->node->count;
    if (distance > RESENDERS_MAX || now - v->resent_ns[from] < RESEND_NS) return ASSAY_OK;
    v->resent_ns[from] = now;
    ASSAY_TRY(consensus_drain(v));
    if ((uint64_t)v->chain->height != height) return ASSAY_OK;
    v->resend_to = from + 1;
    assay_err err = assay_bft_resend(v->bft);
    if (err == ASSAY_OK) err = consensus_drain(v);
    v->resend_to = 0;
    return err;
}

static assay_err answer_want(validator *v, uint32_t from, uint64_t height) {
    if (height < 1 || height > (uint64_t)v->chain->height) return ASSAY_OK;
    assay_arena scratch = v->block_arena;
    block_reply reply;
    assay_err err = store_block_at(v, &reply.block, &reply.commit, &scratch, height);
    if (err == ASSAY_E_NOT_FOUND) return ASSAY_OK; /* this node does not have it either */
    ASSAY_TRY(err);
    network_send(v, from, &(envelope){.reply = &reply});
    return ASSAY_OK;
}

static assay_err take_block(validator *v, uint32_t from, const block_reply *reply) {
    assay_arena scratch = v->block_arena;
    assay_block block;
    assay_commit commit;
    ASSAY_TRY(assay_block_decode(&block, &scratch, reply->block, v->app_arena));
    if (block.header.height != v->chain->height + 1) return ASSAY_OK; /* decided meanwhile */
    ASSAY_TRY(assay_commit_decode(&commit, &scratch, reply->commit));
    assay_block_id id = {.hash = assay_header_hash(&block.header)};
    ASSAY_TRY(assay_block_parts(&id.parts_total, &id.parts_hash, reply->block, scratch));
    uint64_t power;
    ASSAY_TRY(assay_commit_check(&power, &commit, &v->chain->validators, v->chain->chain_id, &id, block.header.height,
                                 scratch));
    ASSAY_TRY(assay_bft_block_check(v->chain, &block, scratch));
    for (uint32_t i = 0; i < block.evidence_count; i++)
        ASSAY_TRY(consensus_evidence_check(v, &block.evidence[i], scratch));
    /* The arena up to here holds the block that is being applied. */
    assay_arena whole = v->block_arena;
    v->block_arena = scratch;
    assay_err err = consensus_apply(v, &block, reply->block, &id, &commit);
    v->block_arena = whole;
    ASSAY_TRY(err);
    ASSAY_TRY(consensus_begin(v));
    if ((uint64_t)v->chain->height < v->tip_seen)
        sync_ask(v, from, (uint64_t)v->chain->height + 1);
    else
        sync_hello(v);
    return ASSAY_OK;
}

assay_err sync_envelope(validator *v, uint32_t from, const envelope *e) {
    if (e->status) ASSAY_TRY(answer_status(v, from, e->status->height));
    if (e->want) ASSAY_TRY(answer_want(v, from, e->want->height));
    if (e->reply) ASSAY_TRY(take_block(v, from, e->reply));
    return ASSAY_OK;
}
