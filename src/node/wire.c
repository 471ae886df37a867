/* SPDX-License-Identifier: Apache-2.0
 *
 * wire - what validators say to each other, and how it gets there. Everything crosses as encoded bytes, as it would
 * over a network.
 */
#include "node_internal.h"

#include <stdlib.h>
#include <string.h>

static const assay_codec_field height_note_fields[] = {ASSAY_FIELD(1, U64, height_note, height)};
static const assay_codec_message height_note_message = ASSAY_MESSAGE("HeightNote", height_note, height_note_fields);

static const assay_codec_field block_reply_fields[] = {
    ASSAY_FIELD_BYTES(1, block_reply, block, 0),
    ASSAY_FIELD_BYTES(2, block_reply, commit, 0),
};
static const assay_codec_message block_reply_message = ASSAY_MESSAGE("BlockReply", block_reply, block_reply_fields);

static const assay_codec_field holding_note_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, holding_note, root),
    ASSAY_FIELD(2, U64, holding_note, height),
    ASSAY_FIELD_FIXED(3, FIXED, holding_note, key),
    ASSAY_FIELD_FIXED(4, FIXED, holding_note, signature),
};
static const assay_codec_message holding_note_message = ASSAY_MESSAGE("HoldingNote", holding_note, holding_note_fields);

static const assay_codec_field envelope_fields[] = {
    ASSAY_FIELD_BYTES(1, envelope, consensus, 0),
    ASSAY_FIELD_REPEATED_SIZED(2, REPEATED_BYTES, envelope, txs, 4096, ASSAY_TX_LEN_MAX),
    ASSAY_FIELD_MESSAGE(3, MESSAGE_OPTIONAL, envelope, status, &height_note_message),
    ASSAY_FIELD_MESSAGE(4, MESSAGE_OPTIONAL, envelope, want, &height_note_message),
    ASSAY_FIELD_MESSAGE(5, MESSAGE_OPTIONAL, envelope, reply, &block_reply_message),
    ASSAY_FIELD_MESSAGE(6, MESSAGE_OPTIONAL, envelope, holding, &holding_note_message),
};
const assay_codec_message envelope_message = ASSAY_MESSAGE("Envelope", envelope, envelope_fields);

/* NULL: no memory; the network loses packets anyway, and whoever needs one asks again. */
static packet *seal(const envelope *e) {
    size_t size = assay_codec_size(&envelope_message, e, ASSAY_CODEC_STRICT);
    packet *p = malloc(sizeof *p + size);
    if (!p) return NULL;
    atomic_init(&p->references, 1);
    assay_buf out = {p->bytes, 0, size};
    if (assay_codec_encode(&out, &envelope_message, e, ASSAY_CODEC_STRICT) != ASSAY_OK) {
        free(p);
        return NULL;
    }
    p->len = out.len;
    return p;
}

static void deliver(validator *from, validator *to, const envelope *e, packet *p) {
    if (!atomic_load(&to->alive)) return;
    inbox_push(&to->inbox,
               (delivery){e->txs_count ? DELIVERY_PEER_TXS : DELIVERY_PEER, from->index, packet_hold(p), NULL});
}

void network_broadcast(validator *from, const envelope *e) {
    struct assay_node *node = from->node;
    if (node->count < 2) return;
    packet *p = seal(e);
    if (!p) return;
    for (uint32_t i = 0; i < node->count; i++)
        if (i != from->index) deliver(from, &node->validators[i], e, p);
    packet_drop(p);
}

void network_send(validator *from, uint32_t to, const envelope *e) {
    if (to >= from->node->count || to == from->index) return;
    packet *p = seal(e);
    if (!p) return;
    deliver(from, &from->node->validators[to], e, p);
    packet_drop(p);
}
