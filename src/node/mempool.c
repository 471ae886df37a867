/* SPDX-License-Identifier: Apache-2.0
 *
 * mempool - transactions that wait for a block. Arrival order is kept, so that one sender's nonces stay in the order in which they came.
 */
#include "node_internal.h"

#include <stdlib.h>
#include <string.h>

void mempool_fini(mempool *pool) {
    for (uint32_t i = 0; i < pool->end; i++)
        if (pool->entries[i].used) packet_drop(pool->entries[i].packet);
    free(pool->entries);
    free(pool->buckets);
    memset(pool, 0, sizeof *pool);
}

static uint32_t bucket_of(const mempool *pool, assay_hash id) {
    uint32_t h;
    memcpy(&h, id.b, sizeof h);
    return h & (pool->buckets_cap - 1);
}

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

assay_err mempool_add(mempool *pool, assay_hash id, packet *p, const assay_ledger_admission *admission) {
    if (find(pool, id)) return ASSAY_E_DUPLICATE;
    if (pool->count >= MEMPOOL_TXS_MAX || pool->bytes + p->len > MEMPOOL_BYTES_MAX) return ASSAY_E_FULL;
    if (pool->end == pool->cap) {
        if (pool->count < pool->cap / 2) compact(pool);
        else ASSAY_TRY(grow(pool));
    }
    mempool_entry *e = &pool->entries[pool->end];
    uint32_t *bucket = &pool->buckets[bucket_of(pool, id)];
    *e = (mempool_entry){.id = id, .packet = packet_hold(p), .admission = *admission, .next_same_bucket = *bucket, .used = true};
    *bucket = ++pool->end;
    pool->count++;
    pool->bytes += p->len;
    return ASSAY_OK;
}

static void unlink_entry(mempool *pool, mempool_entry *e) {
    uint32_t place = (uint32_t)(e - pool->entries) + 1;
    uint32_t *link = &pool->buckets[bucket_of(pool, e->id)];
    while (*link != place) link = &pool->entries[*link - 1].next_same_bucket;
    *link = e->next_same_bucket;
    pool->count--;
    pool->bytes -= e->packet->len;
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
}
