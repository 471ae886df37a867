/* SPDX-License-Identifier: Apache-2.0
 *
 * fault - a devnet's misbehaviour on order. What it casts is real: a second signed vote, a check of bytes that nobody
 * read. The other validators are told nothing and find it, or not, by the rules alone.
 */
#include "node_internal.h"

#include <string.h>

/* A second precommit for the same height and round, for a block that does not exist, signed past the signer's guard. */
assay_err fault_vote_twice(validator *v, const assay_vote *vote) {
    atomic_store(&v->twice_height, vote->height);
    assay_vote second = *vote;
    assay_os_random(second.block_id.hash.b, sizeof second.block_id.hash.b);
    assay_os_random(second.block_id.parts_hash.b, sizeof second.block_id.parts_hash.b);
    ASSAY_TRY(assay_signer_vote_without_guard(v->signer, &second, v->chain->chain_id));
    uint8_t memory[1024];
    assay_buf out = {memory, 0, sizeof memory};
    ASSAY_TRY(assay_bft_encode_vote_message(&out, &second));
    network_broadcast(v, &(envelope){.consensus = {out.ptr, out.len}});
    node_log(v->node, "fault: validator %u signed a second precommit at height %lld, round %d", v->index,
             (long long)second.height, second.round);
    return ASSAY_OK;
}

assay_err fault_order(struct assay_node *node, const char *kind, uint32_t index, char *why, size_t why_cap) {
    if (index >= node->count) {
        assay_os_format(why, why_cap, "validator %u: this devnet has 0 to %u", index, node->count - 1);
        return ASSAY_E_RANGE;
    }
    validator *v = &node->validators[index];
    assay_err err = ASSAY_OK;
    assay_os_mutex_lock(&node->control);
    bool alive = atomic_load(&v->alive);
    if (v->comet && strcmp(kind, "lazy-check") != 0) {
        assay_os_format(why, why_cap, "under CometBFT only lazy-check: its processes are there to be killed");
        assay_os_mutex_unlock(&node->control);
        return ASSAY_E_USAGE;
    }
    if (strcmp(kind, "kill") == 0) {
        if (!alive) {
            assay_os_format(why, why_cap, "validator %u is not running", index);
            err = ASSAY_E_STATE;
        } else {
            validator_stop(v);
            node_log(node, "fault: validator %u killed at height %llu", index,
                     (unsigned long long)atomic_load(&v->height));
        }
    } else if (strcmp(kind, "revive") == 0) {
        if (alive) {
            assay_os_format(why, why_cap, "validator %u is running", index);
            err = ASSAY_E_STATE;
        } else {
            err = validator_open(v);
            if (err == ASSAY_OK) err = validator_start(v);
            if (err != ASSAY_OK) {
                assay_os_format(why, why_cap, "validator %u does not come back: %s", index, assay_base_err_text(err));
                validator_stop(v); /* what was opened is closed, so that it can be tried again */
            }
        }
    } else if (!alive) {
        assay_os_format(why, why_cap, "validator %u is not running", index);
        err = ASSAY_E_STATE;
    } else if (strcmp(kind, "double-sign") == 0) {
        atomic_store(&v->twice_height, -100);
        atomic_store(&v->twice, true);
        inbox_push(&v->inbox, (delivery){DELIVERY_WAKE, 0, NULL, NULL});
    } else if (strcmp(kind, "lazy-check") == 0) {
        atomic_store(&v->lazy, true);
    } else {
        assay_os_format(why, why_cap, "no such fault: %.40s (double-sign, lazy-check, kill, revive)", kind);
        err = ASSAY_E_USAGE;
    }
    assay_os_mutex_unlock(&node->control);
    return err;
}
