/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of requests. A slot's address space is reserved once; its pages come when they are touched and stay, so that a
 * request costs neither a system call nor page faults. Once a second a slot in use gives them back, and an idle slot at
 * once when its second is over. Giving back takes as long as there is memory, so nobody holds the lock meanwhile. */
#include "http_internal.h"

#include <stdlib.h>

#define KEPT_LEN 16384 /* of every idle slot: what small requests touch */
#define SECOND_NS UINT64_C(1000000000)

assay_err http_slots_init(assay_http_server *server) {
    size_t size = 0;
    for (size_t i = 0; i < server->routes_count; i++) {
        const assay_http_route *route = &server->routes[i];
        if (route->body_max > SIZE_MAX / 4 || route->arena_max > SIZE_MAX / 4) return ASSAY_F_MEMORY;
        if (route->body_max + route->arena_max > size) size = route->body_max + route->arena_max;
    }
    size += 64 + ASSAY_HTTP_TARGET_LEN_MAX; /* the arena starts aligned; decoded query values lie behind it */
    server->slots = calloc(server->limits.requests_in_memory, sizeof *server->slots);
    if (!server->slots) return ASSAY_F_MEMORY;
    for (uint32_t i = server->limits.requests_in_memory; i-- > 0;) {
        http_slot *slot = &server->slots[i];
        ASSAY_TRY(assay_os_reserve(&slot->region, size));
        slot->next_free = server->free_slots;
        server->free_slots = slot;
    }
    return ASSAY_OK;
}

void http_slots_fini(assay_http_server *server) {
    for (uint32_t i = 0; server->slots && i < server->limits.requests_in_memory; i++)
        assay_os_unreserve(&server->slots[i].region);
    free(server->slots);
}

/* The caller holds the lock. */
static bool may_hold(const assay_http_server *server, uint64_t peer) {
    uint32_t all = server->limits.requests_in_memory, of_peer = 0;
    if (server->held >= all / 4 * 3) return false;
    for (uint32_t i = 0; i < all; i++) of_peer += server->slots[i].held && server->slots[i].peer == peer;
    return of_peer < all / 2;
}

http_slot *http_slot_take(assay_http_server *server, uint64_t peer, bool held) {
    assay_os_mutex_lock(&server->lock);
    http_slot *slot = server->free_slots;
    if (atomic_load(&server->stopping) || (held && slot && !may_hold(server, peer))) slot = NULL;
    if (slot) {
        server->free_slots = slot->next_free;
        slot->taken = true;
        slot->peer = peer;
        slot->held = held;
        server->held += held;
    }
    assay_os_mutex_unlock(&server->lock);
    return slot;
}

bool http_slot_hold(assay_http_server *server, http_slot *slot) {
    assay_os_mutex_lock(&server->lock);
    bool ok = slot->held || may_hold(server, slot->peer);
    if (ok && !slot->held) slot->held = true, server->held++;
    assay_os_mutex_unlock(&server->lock);
    return ok;
}

static void unhold(assay_http_server *server, http_slot *slot) {
    if (!slot->held) return;
    ASSAY_ASSERT(server->held > 0);
    slot->held = false;
    server->held--;
}

void http_slot_unhold(assay_http_server *server, http_slot *slot) {
    assay_os_mutex_lock(&server->lock);
    unhold(server, slot);
    assay_os_mutex_unlock(&server->lock);
}

static void release(http_slot *slot) {
    if (slot->region.size > KEPT_LEN) assay_os_release_pages(&slot->region, slot->region.base + KEPT_LEN);
    slot->dirty = false;
}

void http_slot_give(assay_http_server *server, http_slot *slot) {
    uint64_t now = assay_os_monotonic_ns();
    ASSAY_ASSERT(slot->taken);
    slot->dirty = true;
    if (now - slot->released_ns > SECOND_NS) {
        release(slot);
        slot->released_ns = now;
    }
    assay_os_mutex_lock(&server->lock);
    unhold(server, slot);
    slot->taken = false;
    slot->next_free = server->free_slots;
    server->free_slots = slot;
    if (slot->dirty) http_watch_by(server, slot->released_ns + SECOND_NS);
    assay_os_mutex_unlock(&server->lock);
}

void http_slots_trim(assay_http_server *server, uint64_t now_ns) {
    http_slot **at = &server->free_slots;
    while (*at) {
        http_slot *slot = *at;
        if (!slot->dirty || now_ns - slot->released_ns < SECOND_NS) {
            if (slot->dirty) http_watch_by(server, slot->released_ns + SECOND_NS);
            at = &slot->next_free;
            continue;
        }
        *at = slot->next_free;
        slot->taken = true;
        assay_os_mutex_unlock(&server->lock);
        release(slot);
        slot->released_ns = now_ns;
        assay_os_mutex_lock(&server->lock);
        slot->taken = false;
        slot->next_free = server->free_slots;
        server->free_slots = slot;
        at = &server->free_slots; /* the list may be another by now; what was released is passed over */
    }
}
