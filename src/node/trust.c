/* SPDX-License-Identifier: Apache-2.0
 *
 * trust - writes <data>/trust.json: what somebody needs who will verify certificates of this chain, from the genesis
 * on, and kept fresh as blocks pass.
 */
#include "node_internal.h"

#include "cert/cert.h"
#include "ledger/staking/staking.h"

/* The newest block, and the first block of each of the latest validator sets: a certificate of any age finds an anchor
 * with many of its signers. */
#define CHECKPOINTS_MAX 16

static assay_err checkpoint(validator *v, assay_trust_checkpoint *out, assay_arena *keep, uint64_t height) {
    out->height = height;
    ASSAY_TRY(store_anchor_at(v, &out->header_hash, &out->time, *keep, height));
    return store_validators_at(v, &out->validators, keep, height);
}

static assay_err set_began(validator *v, uint64_t *from, uint64_t height) {
    assay_store_snapshot *snapshot;
    assay_bytes set;
    ASSAY_TRY(assay_store_snapshot_begin(&snapshot, v->store));
    assay_err err = assay_store_get_validators(&set, from, snapshot, height);
    assay_store_snapshot_end(snapshot);
    return err;
}

static assay_err write_text(assay_bytes *out, assay_arena *keep, const assay_trust *trust) {
    size_t cap = assay_trust_size(trust);
    assay_buf text = {ASSAY_NEW(keep, uint8_t, cap), 0, cap};
    if (!text.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_trust_write(&text, trust));
    *out = (assay_bytes){text.ptr, text.len};
    return ASSAY_OK;
}

assay_err trust_text(struct assay_node *node, validator *v, assay_bytes *out, assay_arena *keep) {
    assay_trust_checkpoint list[CHECKPOINTS_MAX];
    uint32_t count = 0;
    uint64_t height = atomic_load(&v->height);
    if (!height) return ASSAY_E_NOT_FOUND;
    /* From the newest backwards, filled from the end so that heights ascend. */
    for (uint64_t at = height; count < CHECKPOINTS_MAX;) {
        assay_err err = checkpoint(v, &list[CHECKPOINTS_MAX - 1 - count], keep, at);
        if (err == ASSAY_E_NOT_FOUND && count) break; /* a node that began with a snapshot knows nothing before it */
        ASSAY_TRY(err);
        count++;
        uint64_t from;
        ASSAY_TRY(set_began(v, &from, at));
        if (from == at && at == 1) break;
        at = from < at ? from : at - 1; /* the set before this one, at its last height; next its first */
    }
    const assay_trust trust = {
        .chain_id = assay_base_bytes_str(node->chain_id),
        .genesis_hash = node->genesis_hash,
        .trust_seconds = node->trust_seconds,
        .checkpoints = &list[CHECKPOINTS_MAX - count],
        .checkpoints_count = count,
    };
    return write_text(out, keep, &trust);
}

/* The ledger begins with all whose bond makes power, as long as they fit: staking/create.c. */
static assay_err set_of_genesis(assay_validator_set *out, assay_arena *keep, const assay_genesis *genesis) {
    uint32_t count = 0;
    assay_validator *list = ASSAY_NEW(keep, assay_validator, genesis->validators_count);
    if (!list) return ASSAY_F_MEMORY;
    if (genesis->validators_count > genesis->params.validators_max) return ASSAY_E_RANGE;
    for (uint32_t i = 0; i < genesis->validators_count; i++) {
        const assay_genesis_validator *v = &genesis->validators[i];
        uint64_t power = v->self_bond / ASSAY_STAKING_POWER_UNIT;
        if (power) list[count++] = (assay_validator){.public_key = v->consensus_key, .power = power};
    }
    return assay_validators_new(out, keep, list, count);
}

assay_err assay_node_genesis_trust(assay_bytes *out, assay_arena *keep, assay_bytes encoded) {
    assay_genesis genesis;
    char chain_id[ASSAY_CHAIN_ID_LEN_MAX + 1];
    ASSAY_TRY(assay_codec_decode(&genesis, keep, &assay_genesis_message, encoded, ASSAY_CODEC_STRICT));
    assay_trust_checkpoint beginning = {.time = {genesis.time_seconds, 0}, .header_hash = assay_genesis_hash(encoded)};
    ASSAY_TRY(set_of_genesis(&beginning.validators, keep, &genesis));
    assay_genesis_chain_id(chain_id, genesis.name, beginning.header_hash);
    const assay_trust trust = {
        .chain_id = assay_base_bytes_str(chain_id),
        .genesis_hash = beginning.header_hash,
        .trust_seconds = genesis.params.unbonding_seconds * 2 / 3,
        .checkpoints = &beginning,
        .checkpoints_count = 1,
    };
    return write_text(out, keep, &trust);
}

assay_err trust_write(struct assay_node *node) {
    validator *v = node_front(node);
    if (!validator_enter(v)) return ASSAY_F_BUSY;
    assay_os_region region;
    assay_err err = assay_os_reserve(&region, (size_t)256 << 20);
    if (err == ASSAY_OK) {
        assay_arena keep = assay_os_region_arena(&region);
        assay_bytes text;
        err = trust_text(node, v, &text, &keep);
        char path[600];
        assay_os_format(path, sizeof path, "%s/trust.json", node->data);
        if (err == ASSAY_OK) err = assay_os_replace(path, text, 0644);
        assay_os_unreserve(&region);
    }
    validator_leave(v);
    return err;
}
