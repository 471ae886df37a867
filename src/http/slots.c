/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of requests. A slot's address space is reserved once; its pages come when they are touched and stay, so that a
 * request costs neither a system call nor page faults. Once a second a slot in use gives them back, and an idle slot at
 * once when its second is over. Giving back takes as long as there is memory, so nobody holds the lock meanwhile. */
#include "http_internal.h"

#include <stdlib.h>

#define KEPT_LEN 16384 /* of every idle slot: what small requests touch */
#define SECOND_NS UINT64_C(1000000000)

/* The largest body and answer of all routes, or of the quick ones. */
static size_t size_of(const assay_http_server *server, bool quick) {
    size_t size = 0;
    for (size_t i = 0; i < server->routes_count; i++) {
        const assay_http_route *route = &server->routes[i];
        if (quick && route->pace != ASSAY_HTTP_QUICK) continue;
        if (route->body_max > SIZE_MAX / 4 || route->arena_max > SIZE_MAX / 4) return SIZE_MAX;
        if (route->body_max + route->arena_max > size) size = route->body_max + route->arena_max;
    }
    return size + 64 + ASSAY_HTTP_TARGET_LEN_MAX; /* the arena starts aligned; decoded query values lie behind it */
}

assay_err http_slots_init(assay_http_server *server) {
    /* One for each thread that runs quick handlers, so that those never want for a place; and of both kinds one more
     * than is ever taken, for the watch, which gives memory back. */
    uint32_t general = server->limits.requests_in_memory + 1, quick = server->limits.threads + 1;
    size_t size = size_of(server, false), size_quick = size_of(server, true);
    if (size == SIZE_MAX) return ASSAY_F_MEMORY;
    server->slots = calloc(general + quick, sizeof *server->slots);
    if (!server->slots) return ASSAY_F_MEMORY;
    server->slots_count = general + quick;
    for (uint32_t i = 0; i < server->slots_count; i++) {
        http_slot *slot = &server->slots[i];
        slot->quick = i >= general;
        ASSAY_TRY(assay_os_reserve(&slot->region, slot->quick ? size_quick : size));
        http_slot **list = slot->quick ? &server->quick_slots : &server->free_slots;
        slot->next_free = *list;
        *list = slot;
    }
    return ASSAY_OK;
}

void http_slots_fini(assay_http_server *server) {
    for (uint32_t i = 0; i < server->slots_count; i++) assay_os_unreserve(&server->slots[i].region);
    free(server->slots);
}

/* The caller holds the lock. */
static bool may_hold(const assay_http_server *server, uint64_t peer, uint64_t bytes) {
    uint32_t all = server->limits.requests_in_memory, of_peer = 0;
    uint64_t bytes_of_peer = 0;
    if (server->held >= all / 4 * 3) return false;
    for (uint32_t i = 0; i < server->slots_count; i++) {
        const http_slot *slot = &server->slots[i];
        if (!slot->held || slot->peer != peer) continue;
        of_peer++;
        bytes_of_peer += slot->bytes;
    }
    if (of_peer >= all / 2) return false;
    if (bytes <= HTTP_SMALL_LEN) return true;
    uint64_t most = server->limits.bytes_in_memory;
    bool fits = server->held_bytes == 0 || (bytes <= most && server->held_bytes <= most - bytes);
    bool fits_peer = bytes_of_peer == 0 || (bytes <= most / 2 && bytes_of_peer <= most / 2 - bytes);
    return fits && fits_peer;
}

/* The caller holds the lock. Small ones are counted by their number alone. */
static void hold(assay_http_server *server, http_slot *slot, uint64_t bytes) {
    slot->held = true;
    slot->bytes = bytes <= HTTP_SMALL_LEN ? 0 : bytes;
    server->held++;
    server->held_bytes += slot->bytes;
}

http_slot *http_slot_take(assay_http_server *server, uint64_t peer, assay_http_pace pace, uint64_t bytes) {
    assay_os_mutex_lock(&server->lock);
    http_slot **list = pace == ASSAY_HTTP_QUICK ? &server->quick_slots : &server->free_slots;
    bool held = pace == ASSAY_HTTP_WAITS;
    while (pace == ASSAY_HTTP_WORKS && !*list && !atomic_load(&server->stopping)) {
        server->slots_wanted++;
        assay_os_condition_wait(&server->slot_there, &server->lock, ASSAY_OS_NO_DEADLINE);
        server->slots_wanted--;
    }
    http_slot *slot = *list;
    if (atomic_load(&server->stopping) || (held && slot && !may_hold(server, peer, bytes))) slot = NULL;
    if (slot) {
        *list = slot->next_free;
        slot->taken = true;
        slot->peer = peer;
        if (held) hold(server, slot, bytes);
    }
    assay_os_mutex_unlock(&server->lock);
    return slot;
}

/* The caller holds the lock. */
static void put_back(assay_http_server *server, http_slot *slot) {
    http_slot **list = slot->quick ? &server->quick_slots : &server->free_slots;
    slot->taken = false;
    slot->next_free = *list;
    *list = slot;
    if (server->slots_wanted && !slot->quick) assay_os_condition_signal(&server->slot_there);
}

static void unhold(assay_http_server *server, http_slot *slot) {
    if (!slot->held) return;
    ASSAY_ASSERT(server->held > 0 && server->held_bytes >= slot->bytes);
    slot->held = false;
    server->held--;
    server->held_bytes -= slot->bytes;
    slot->bytes = 0;
}

bool http_slot_hold(assay_http_server *server, http_slot *slot, uint64_t bytes) {
    assay_os_mutex_lock(&server->lock);
    unhold(server, slot); /* the body that it was held for has been read */
    bool ok = may_hold(server, slot->peer, bytes);
    if (ok) hold(server, slot, bytes);
    assay_os_mutex_unlock(&server->lock);
    return ok;
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
    put_back(server, slot);
    if (slot->dirty) http_watch_by(server, slot->released_ns + SECOND_NS);
    assay_os_mutex_unlock(&server->lock);
}

static void trim_list(assay_http_server *server, http_slot **list, uint64_t now_ns) {
    http_slot **at = list;
    while (*at) {
        http_slot *slot = *at;
        if (!slot->dirty || now_ns < slot->released_ns + SECOND_NS) {
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
        put_back(server, slot);
        at = list; /* it may be another list by now; what was released is passed over */
    }
}

void http_slots_trim(assay_http_server *server, uint64_t now_ns) { trim_list(server, &server->free_slots, now_ns); }
