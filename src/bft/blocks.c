/* SPDX-License-Identifier: Apache-2.0
 *
 * Proposed blocks. Each lies in a slot of fixed size, in the very form of the message that carries it, so that it is
 * copied once: when it arrives. A slot whose block is no longer needed is given to the next. */
#include "bft_internal.h"

#include <string.h>

/* What decoding a block takes from its slot: 100,000 transactions of 16 bytes, 64 pieces of evidence, a commit. */
#define DECODED_MAX ((size_t)2 << 20)
/* What it takes while it hashes, as many hashes of 32 bytes, beside the decoded votes of a message. */
#define SCRATCH_SIZE ((size_t)6 << 20)
#define SLOT_ALIGN ((size_t)64)

size_t assay_bft_slot_size(void) { return ASSAY_BFT_MESSAGE_LEN_MAX + DECODED_MAX + SLOT_ALIGN; }
size_t assay_bft_scratch_size(void) { return SCRATCH_SIZE; }

block_slot *assay_bft_block_find(assay_bft *bft, int64_t height, const assay_block_id *id) {
    for (uint32_t i = 0; i < bft->blocks_count; i++) {
        block_slot *s = &bft->blocks[i];
        if (s->state != BLOCK_FREE && s->height == height && assay_block_id_eq(&s->id, id)) return s;
    }
    return NULL;
}

/* ---- which block must stay ----------------------------------------------------------------------------------- */

static bool polka_anywhere(const assay_bft *bft, const block_slot *slot) {
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        const round_record *r = &bft->rounds[i];
        if (!r->used || r->height != slot->height) continue;
        if (assay_bft_polka_for(&r->sets[1], &slot->id)) return true;
        if (r == bft->current && assay_bft_polka_for(&r->sets[0], &slot->id)) return true;
    }
    return false;
}

/* 0: needed. Otherwise the higher, the sooner its place is taken. */
static int dispensable(const assay_bft *bft, const block_slot *slot) {
    if (slot->height < bft->height) return 4;
    if (slot->height == bft->height) {
        bool held = (bft->locked_round >= 0 && assay_block_id_eq(&slot->id, &bft->locked_id)) ||
                    (bft->valid_round >= 0 && assay_block_id_eq(&slot->id, &bft->valid_id)) ||
                    (bft->decided && assay_block_id_eq(&slot->id, &bft->decided_id)) ||
                    (bft->proposing && assay_block_id_eq(&slot->id, &bft->own.block_id));
        if (held || polka_anywhere(bft, slot)) return 0;
    }
    int rank = 3;
    for (size_t i = 0; i < ROUNDS_MAX; i++) {
        const round_record *r = &bft->rounds[i];
        bool proposes = r->used && r->proposed && r->height == slot->height &&
                        assay_block_id_eq(&r->proposal.block_id, &slot->id);
        if (!proposes || (r->height == bft->height && r->round < bft->round)) continue;
        if (r == bft->current) return 0;
        int later = r->height == bft->height ? 1 : 2; /* of a later round, or the next height: it can be sent again */
        if (later < rank) rank = later;
    }
    return rank;
}

static block_slot *slot_take(assay_bft *bft) {
    block_slot *best = NULL;
    int best_rank = 0;
    for (uint32_t i = 0; i < bft->blocks_count; i++) {
        block_slot *s = &bft->blocks[i];
        if (s->state == BLOCK_FREE) return s;
        int rank = dispensable(bft, s);
        if (rank <= best_rank) continue;
        best = s;
        best_rank = rank;
    }
    return best;
}

/* ---- in and out ---------------------------------------------------------------------------------------------- */

static assay_err slot_fill(assay_bft *bft, block_slot *slot, assay_bytes encoded, const assay_block_id *wanted) {
    uint8_t head[16];
    size_t head_len = assay_bft_put_head(head, encoded.len);
    memcpy(slot->memory, head, head_len);
    memcpy(slot->memory + head_len, encoded.ptr, encoded.len);
    slot->encoded = (assay_bytes){slot->memory + head_len, encoded.len};
    slot->block_end = head_len + encoded.len;
    slot->message_len = slot->block_end;
    slot->round = -1;
    ASSAY_TRY(assay_block_parts(&slot->id.parts_total, &slot->id.parts_hash, slot->encoded, bft->scratch));
    if (wanted) {
        bool same = slot->id.parts_total == wanted->parts_total &&
                    assay_base_hash_eq(slot->id.parts_hash, wanted->parts_hash);
        if (!same) return ASSAY_E_BLOCK;
    }
    assay_arena decoded = assay_base_arena(slot->memory + ASSAY_BFT_MESSAGE_LEN_MAX, DECODED_MAX);
    ASSAY_TRY(assay_block_decode(&slot->block, &decoded, slot->encoded, bft->scratch));
    slot->id.hash = assay_header_hash(&slot->block.header);
    if (wanted && !assay_base_hash_eq(slot->id.hash, wanted->hash)) return ASSAY_E_BLOCK;
    bool here = slot->block.header.height == slot->height &&
                assay_base_bytes_eq(slot->block.header.chain_id, bft->config.chain_id);
    return here ? ASSAY_OK : ASSAY_E_BLOCK;
}

assay_err assay_bft_block_put(assay_bft *bft, block_slot **out, int64_t height, assay_bytes encoded,
                              const assay_block_id *wanted) {
    if (encoded.len > ASSAY_BLOCK_LEN_MAX) return ASSAY_E_SIZE;
    if (!encoded.len) return ASSAY_E_ENCODING;
    block_slot *slot = slot_take(bft);
    if (!slot) return ASSAY_F_MEMORY;
    *slot = (block_slot){.height = height, .memory = slot->memory};
    ASSAY_TRY(slot_fill(bft, slot, encoded, wanted));
    slot->state = BLOCK_UNCHECKED;
    /* The same block may be here already, as an own one is when it is made again. */
    for (uint32_t i = 0; i < bft->blocks_count; i++) {
        block_slot *other = &bft->blocks[i];
        if (other == slot || other->state == BLOCK_FREE || other->height != height) continue;
        if (!assay_block_id_eq(&other->id, &slot->id)) continue;
        slot->state = BLOCK_FREE;
        slot = other;
        break;
    }
    *out = slot;
    return ASSAY_OK;
}

void assay_bft_block_seal(block_slot *slot, const assay_proposal *proposal) {
    assay_buf out = {slot->memory, slot->block_end, slot->block_end + PROPOSAL_LEN_MAX};
    ASSAY_ASSERT(assay_bft_put_proposal(&out, proposal) == ASSAY_OK);
    slot->message_len = out.len;
    slot->round = proposal->round;
}

assay_bytes assay_bft_block_lock_bytes(assay_bft *bft, block_slot *slot, const round_record *record) {
    const vote_set *set = &record->sets[0];
    uint32_t count = assay_bft_set_of(bft, record->height)->count;
    if (slot->round < 0 || !assay_bft_polka_for(set, &slot->id)) return (assay_bytes){0};
    assay_buf out = {slot->memory, slot->message_len, ASSAY_BFT_MESSAGE_LEN_MAX};
    for (uint32_t i = 0; i < count; i++) {
        assay_vote vote;
        if (!assay_bft_vote_of(bft, record, ASSAY_PREVOTE, i, set->polka, &vote)) continue;
        ASSAY_ASSERT(assay_bft_put_vote(&out, &vote) == ASSAY_OK); /* headroom: 1,000 votes of 256 bytes */
    }
    return (assay_bytes){out.ptr, out.len};
}

void assay_bft_block_ask(assay_bft *bft, block_slot *slot) {
    if (slot->state != BLOCK_UNCHECKED) return;
    slot->state = BLOCK_CHECKING;
    assay_bft_emit(bft, &(pending_effect){.kind = ASSAY_BFT_CHECK_BLOCK, .height = slot->height, .id = slot->id});
}
