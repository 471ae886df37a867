/* SPDX-License-Identifier: Apache-2.0
 *
 * mempool - transactions that wait for a block. Arrival order is kept, so that one sender's nonces stay in the order in
 * which they came.
 */
#include "node_internal.h"

#include <stdlib.h>
#include <string.h>

void mempool_fini(mempool *pool) {
    for (uint32_t i = 0; i < pool->end; i++)
        if (pool->entries[i].used) packet_drop(pool->entries[i].packet);
    free(pool->entries);
    free(pool->buckets);
    free(pool->senders);
    memset(pool, 0, sizeof *pool);
}

/* Ids and addresses are hashes, but whoever makes many may choose among them: which bucket they fall into is this
 * pool's secret. */
static uint32_t mix(const mempool *pool, const uint8_t *bytes) {
    uint64_t h;
    memcpy(&h, bytes, sizeof h);
    return (uint32_t)((h ^ h >> 29) * (pool->secret | 1) >> 32);
}

static uint32_t bucket_of(const mempool *pool, assay_hash id) { return mix(pool, id.b) & (pool->buckets_cap - 1); }

static mempool_entry *find(const mempool *pool, assay_hash id) {
    if (!pool->buckets_cap) return NULL;
    for (uint32_t i = pool->buckets[bucket_of(pool, id)]; i; i = pool->entries[i - 1].next_same_bucket)
        if (assay_base_hash_eq(pool->entries[i - 1].id, id)) return &pool->entries[i - 1];
    return NULL;
}

bool mempool_find(const mempool *pool, assay_hash id) { return find(pool, id) != NULL; }

static void reindex(mempool *pool) {
    memset(pool->buckets, 0, pool->buckets_cap * sizeof *pool->buckets);
    for (uint32_t i = 0; i < pool->end; i++) {
        if (!pool->entries[i].used) continue;
        uint32_t *bucket = &pool->buckets[bucket_of(pool, pool->entries[i].id)];
        pool->entries[i].next_same_bucket = *bucket;
        *bucket = i + 1;
    }
}

/* Closes the holes; when most of the room is holes this is what makes room. */
static void compact(mempool *pool) {
    uint32_t to = 0;
    for (uint32_t i = 0; i < pool->end; i++)
        if (pool->entries[i].used) pool->entries[to++] = pool->entries[i];
    pool->end = to;
    if (pool->buckets_cap) reindex(pool);
}

static assay_err grow(mempool *pool) {
    uint32_t cap = pool->cap ? pool->cap * 2 : 64;
    mempool_entry *entries = realloc(pool->entries, cap * sizeof *entries);
    if (!entries) return ASSAY_F_MEMORY;
    pool->entries = entries;
    pool->cap = cap;
    uint32_t *buckets = realloc(pool->buckets, cap * sizeof *buckets);
    if (!buckets) return ASSAY_F_MEMORY;
    pool->buckets = buckets;
    pool->buckets_cap = cap;
    reindex(pool);
    return ASSAY_OK;
}

/* ---- senders ------------------------------------------------------------------------------------------------- */

static uint32_t sender_place(const mempool *pool, assay_address address) {
    uint32_t h = mix(pool, address.b) & (pool->senders_cap - 1);
    /* There is always a place that was never used: the table is rebuilt before the last one goes. */
    while (pool->senders[h].used && !assay_base_address_eq(pool->senders[h].address, address))
        h = (h + 1) & (pool->senders_cap - 1);
    return h;
}

const mempool_sender *mempool_sender_of(const mempool *pool, assay_address address) {
    if (!pool->senders_cap) return NULL;
    const mempool_sender *s = &pool->senders[sender_place(pool, address)];
    return s->count ? s : NULL;
}

/* Room for one more sender: the table is made anew, without those that have nothing waiting any more, when half of it
 * was used. */
static assay_err senders_room(mempool *pool) {
    if (pool->senders_used + 1 <= pool->senders_cap / 2) return ASSAY_OK;
    mempool old = *pool;
    uint32_t live = 0;
    for (uint32_t i = 0; i < old.senders_cap; i++) live += old.senders[i].count > 0;
    uint32_t cap = 64;
    while (cap < (live + 1) * 4) cap *= 2;
    mempool_sender *senders = calloc(cap, sizeof *senders);
    if (!senders) return ASSAY_F_MEMORY;
    pool->senders = senders;
    pool->senders_cap = cap;
    pool->senders_used = live;
    for (uint32_t i = 0; i < old.senders_cap; i++)
        if (old.senders[i].count) senders[sender_place(pool, old.senders[i].address)] = old.senders[i];
    free(old.senders);
    return ASSAY_OK;
}

static void sender_add(mempool *pool, const assay_ledger_admission *a) {
    mempool_sender *s = &pool->senders[sender_place(pool, a->sender)];
    if (!s->used) {
        *s = (mempool_sender){.address = a->sender, .used = true};
        pool->senders_used++;
    }
    if (!s->count) s->fees = 0;
    s->count++;
    s->next = a->nonce + 1;
    s->fees += a->fee;
}

static void sender_remove(mempool *pool, const assay_ledger_admission *a) {
    mempool_sender *s = &pool->senders[sender_place(pool, a->sender)];
    s->count--;
    s->fees -= a->fee;
}

static assay_err sender_check(const mempool *pool, const assay_ledger_admission *a, uint64_t account_nonce,
                              uint64_t account_balance) {
    const mempool_sender *s = mempool_sender_of(pool, a->sender);
    uint64_t fees;
    if (a->nonce != (s && s->next > account_nonce ? s->next : account_nonce)) return ASSAY_E_NONCE;
    if (s && s->count >= MEMPOOL_SENDER_MAX) return ASSAY_E_FULL;
    ASSAY_TRY(assay_base_add_u64(&fees, s ? s->fees : 0, a->fee));
    return fees <= account_balance ? ASSAY_OK : ASSAY_E_FUNDS;
}

assay_err mempool_add(mempool *pool, assay_hash id, packet *p, const assay_ledger_admission *admission,
                      uint64_t account_nonce, uint64_t account_balance, int64_t height) {
    if (find(pool, id)) return ASSAY_E_DUPLICATE;
    if (!pool->secret) assay_os_random(&pool->secret, sizeof pool->secret);
    if (pool->count >= MEMPOOL_TXS_MAX || pool->bytes + p->len > MEMPOOL_BYTES_MAX) return ASSAY_E_FULL;
    ASSAY_TRY(sender_check(pool, admission, account_nonce, account_balance));
    ASSAY_TRY(senders_room(pool));
    if (pool->end == pool->cap) {
        if (pool->count < pool->cap / 2)
            compact(pool);
        else
            ASSAY_TRY(grow(pool));
    }
    mempool_entry *e = &pool->entries[pool->end];
    uint32_t *bucket = &pool->buckets[bucket_of(pool, id)];
    *e = (mempool_entry){.id = id,
                         .packet = packet_hold(p),
                         .admission = *admission,
                         .height = height,
                         .next_same_bucket = *bucket,
                         .used = true};
    *bucket = ++pool->end;
    pool->count++;
    pool->bytes += p->len;
    sender_add(pool, admission);
    return ASSAY_OK;
}

static void unlink_entry(mempool *pool, mempool_entry *e) {
    uint32_t place = (uint32_t)(e - pool->entries) + 1;
    uint32_t *link = &pool->buckets[bucket_of(pool, e->id)];
    while (*link != place) link = &pool->entries[*link - 1].next_same_bucket;
    *link = e->next_same_bucket;
    pool->count--;
    pool->bytes -= e->packet->len;
    sender_remove(pool, &e->admission);
    packet_drop(e->packet);
    e->used = false;
    e->packet = NULL;
}

void mempool_remove(mempool *pool, assay_hash id) {
    mempool_entry *e = find(pool, id);
    if (!e) return;
    unlink_entry(pool, e);
    if (!pool->count) pool->end = 0, memset(pool->buckets, 0, pool->buckets_cap * sizeof *pool->buckets);
}

assay_err mempool_list(const mempool *pool, assay_arena *keep, assay_bytes **txs, uint32_t *count, uint64_t max_bytes) {
    assay_bytes *list = ASSAY_NEW(keep, assay_bytes, pool->count);
    if (!list) return ASSAY_F_MEMORY;
    uint64_t bytes = 0;
    uint32_t listed = 0;
    for (int lane = ASSAY_LANE_EVIDENCE; lane <= ASSAY_LANE_PAID; lane++)
        for (uint32_t i = 0; i < pool->end && bytes < max_bytes; i++) {
            const mempool_entry *e = &pool->entries[i];
            if (!e->used || (int)e->admission.lane != lane) continue;
            list[listed++] = (assay_bytes){e->packet->bytes, e->packet->len};
            bytes += e->packet->len;
        }
    *txs = list;
    *count = listed;
    return ASSAY_OK;
}

void mempool_sweep(mempool *pool, bool (*keep)(void *context, const mempool_entry *entry), void *context) {
    for (uint32_t i = 0; i < pool->end; i++)
        if (pool->entries[i].used && !keep(context, &pool->entries[i])) unlink_entry(pool, &pool->entries[i]);
    compact(pool);
    /* What may come next follows what is left. */
    for (uint32_t i = 0; i < pool->end; i++)
        pool->senders[sender_place(pool, pool->entries[i].admission.sender)].next =
            pool->entries[i].admission.nonce + 1;
}
