/* SPDX-License-Identifier: Apache-2.0
 *
 * inbox - packets on their way to one validator. Bytes are shared, never copied per receiver: a block that goes to 99
 * peers is in memory once.
 */
#include "node_internal.h"

#include <stdlib.h>
#include <string.h>

packet *packet_new(assay_bytes bytes) {
    packet *p = malloc(sizeof *p + bytes.len);
    if (!p) return NULL;
    atomic_init(&p->references, 1);
    p->len = bytes.len;
    if (bytes.len) memcpy(p->bytes, bytes.ptr, bytes.len);
    return p;
}

packet *packet_hold(packet *p) {
    atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
    return p;
}

void packet_drop(packet *p) {
    if (p && atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) == 1) free(p);
}

assay_err inbox_init(inbox *in) {
    memset(in, 0, sizeof *in);
    assay_os_mutex_init(&in->lock);
    assay_os_condition_init(&in->arrived);
    return ASSAY_OK;
}

void inbox_fini(inbox *in) {
    inbox_clear(in);
    assay_os_condition_fini(&in->arrived);
    assay_os_mutex_fini(&in->lock);
}

static size_t bytes_of(const delivery *d) { return d->packet ? d->packet->len : 0; }

/* A ring doubles while it is below its limit, so an idle validator of a hundred holds next to nothing. */
static bool lane_push(inbox_lane *lane, delivery d, uint32_t limit) {
    if (lane->count && lane->bytes + bytes_of(&d) > INBOX_BYTES_MAX) return false;
    if (lane->count == lane->cap) {
        if (lane->cap >= limit) return false;
        uint32_t cap = lane->cap ? lane->cap * 2 : 8;
        delivery *ring = malloc(cap * sizeof *ring);
        if (!ring) return false;
        for (uint32_t i = 0; i < lane->count; i++) ring[i] = lane->ring[(lane->first + i) & (lane->cap - 1)];
        free(lane->ring);
        lane->ring = ring;
        lane->cap = cap;
        lane->first = 0;
    }
    lane->ring[(lane->first + lane->count++) & (lane->cap - 1)] = d;
    lane->bytes += bytes_of(&d);
    return true;
}

static bool lane_pop(inbox_lane *lane, delivery *out) {
    if (!lane->count) return false;
    *out = lane->ring[lane->first];
    lane->first = (lane->first + 1) & (lane->cap - 1);
    lane->count--;
    lane->bytes -= bytes_of(out);
    return true;
}

static bool lanes_push(inbox_lanes *lanes, delivery d, uint32_t limit) {
    if (d.from >= INBOX_SENDERS_MAX || !lane_push(&lanes->of[d.from], d, limit)) return false;
    lanes->count++;
    if (d.from >= lanes->used) lanes->used = d.from + 1;
    return true;
}

/* One of each sender, and again, until enough was taken. The next turn begins behind the last. */
static size_t lanes_take(inbox_lanes *lanes, delivery *out, size_t max, uint32_t each, size_t *bytes) {
    size_t taken = 0;
    for (uint32_t pass = 0; pass < each && lanes->count; pass++)
        for (uint32_t i = 0; i < lanes->used; i++) {
            if (taken == max || *bytes >= INBOX_TURN_BYTES) return taken;
            uint32_t at = lanes->next < lanes->used ? lanes->next : 0;
            lanes->next = at + 1;
            if (!lane_pop(&lanes->of[at], &out[taken])) continue;
            *bytes += bytes_of(&out[taken++]);
            lanes->count--;
        }
    return taken;
}

bool inbox_push(inbox *in, delivery d) {
    bool urgent = d.kind != DELIVERY_PEER_TXS && d.kind != DELIVERY_LOCAL_TX;
    assay_os_mutex_lock(&in->lock);
    bool ok = in->open && lanes_push(urgent ? &in->urgent : &in->txs, d, urgent ? INBOX_URGENT_MAX : INBOX_TXS_MAX);
    if (!ok) in->dropped++;
    bool wake = ok && in->waiting;
    assay_os_mutex_unlock(&in->lock);
    if (wake) assay_os_condition_signal(&in->arrived);
    if (!ok) packet_drop(d.packet);
    return ok;
}

size_t inbox_take(inbox *in, delivery *out, size_t max, uint64_t deadline_ns) {
    size_t bytes = 0;
    assay_os_mutex_lock(&in->lock);
    while (in->open && !in->urgent.count && !in->txs.count) {
        in->waiting = true;
        bool in_time = assay_os_condition_wait(&in->arrived, &in->lock, deadline_ns);
        in->waiting = false;
        if (!in_time) break;
    }
    /* Consensus goes first: a flood of transactions delays transactions. */
    size_t taken = lanes_take(&in->urgent, out, max, INBOX_TURN_URGENT, &bytes);
    taken += lanes_take(&in->txs, out + taken, max - taken, UINT32_MAX, &bytes);
    assay_os_mutex_unlock(&in->lock);
    return taken;
}

void inbox_open(inbox *in, bool open) {
    assay_os_mutex_lock(&in->lock);
    in->open = open;
    assay_os_mutex_unlock(&in->lock);
    assay_os_condition_broadcast(&in->arrived);
}

static void lanes_clear(inbox_lanes *lanes) {
    delivery d;
    for (uint32_t i = 0; i < lanes->used; i++) {
        while (lane_pop(&lanes->of[i], &d)) {
            packet_drop(d.packet);
            if (d.submission) submission_done(d.submission, ASSAY_F_BUSY, 0, NULL);
        }
        free(lanes->of[i].ring);
    }
    memset(lanes, 0, sizeof *lanes);
}

void inbox_clear(inbox *in) {
    assay_os_mutex_lock(&in->lock);
    lanes_clear(&in->urgent);
    lanes_clear(&in->txs);
    assay_os_mutex_unlock(&in->lock);
}
