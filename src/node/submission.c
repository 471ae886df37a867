/* SPDX-License-Identifier: Apache-2.0
 *
 * submission - a transaction handed in here, and the thread that waits to hear what became of it.
 */
#include "node_internal.h"

#include <stdlib.h>
#include <string.h>

submission *submission_new(bool until_final) {
    submission *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    atomic_init(&s->references, 2);
    assay_os_mutex_init(&s->lock);
    assay_os_condition_init(&s->changed);
    s->until_final = until_final;
    return s;
}

void submission_drop(submission *s) {
    if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1) return;
    assay_os_condition_fini(&s->changed);
    assay_os_mutex_fini(&s->lock);
    packet_drop(s->packet);
    free(s);
}

void submission_done(submission *s, assay_err err, uint64_t height, const uint32_t *index) {
    assay_os_mutex_lock(&s->lock);
    s->done = true;
    s->err = err;
    s->height = height;
    s->index = index ? *index : 0;
    assay_os_mutex_unlock(&s->lock);
    assay_os_condition_broadcast(&s->changed);
    submission_drop(s);
}

bool submission_wait(submission *s, uint64_t deadline_ns) {
    assay_os_mutex_lock(&s->lock);
    while (!s->done && assay_os_condition_wait(&s->changed, &s->lock, deadline_ns)) {}
    bool done = s->done;
    assay_os_mutex_unlock(&s->lock);
    return done;
}

/* ---- those who wait for a block ------------------------------------------------------------------------------------
 */

static void forget_abandoned(validator *v) {
    for (submission **link = &v->waiting; *link;) {
        submission *s = *link;
        if (atomic_load_explicit(&s->references, memory_order_acquire) > 1) {
            link = &s->next;
            continue;
        }
        *link = s->next;
        v->waiting_count--;
        submission_drop(s);
    }
}

void waiting_put(validator *v, submission *s) {
    assay_os_mutex_lock(&v->waiting_lock);
    if (v->waiting_count >= WAITING_MAX) forget_abandoned(v);
    if (v->waiting_count >= WAITING_MAX) {
        submission_done(s, ASSAY_F_BUSY, 0, NULL);
    } else {
        s->next = v->waiting;
        v->waiting = s;
        v->waiting_count++;
    }
    assay_os_mutex_unlock(&v->waiting_lock);
}

void waiting_tell(validator *v, const assay_block *block, const assay_ledger_result *result) {
    assay_os_mutex_lock(&v->waiting_lock);
    forget_abandoned(v);
    for (uint32_t i = 0; v->waiting && i < block->txs_count; i++) {
        assay_hash id = assay_tx_id(block->txs[i]);
        for (submission **link = &v->waiting; *link;) {
            submission *s = *link;
            if (!assay_base_hash_eq(s->id, id)) {
                link = &s->next;
                continue;
            }
            *link = s->next;
            v->waiting_count--;
            submission_done(s, (assay_err)result->results[i].code, (uint64_t)block->header.height, &i);
        }
    }
    assay_os_mutex_unlock(&v->waiting_lock);
}

void waiting_drop(validator *v, assay_hash id, assay_err err) {
    assay_os_mutex_lock(&v->waiting_lock);
    for (submission **link = &v->waiting; *link;) {
        submission *s = *link;
        if (!assay_base_hash_eq(s->id, id)) {
            link = &s->next;
            continue;
        }
        *link = s->next;
        v->waiting_count--;
        submission_done(s, err, 0, NULL);
    }
    assay_os_mutex_unlock(&v->waiting_lock);
}

void waiting_end(validator *v) {
    assay_os_mutex_lock(&v->waiting_lock);
    while (v->waiting) {
        submission *s = v->waiting;
        v->waiting = s->next;
        submission_done(s, ASSAY_F_BUSY, 0, NULL);
    }
    v->waiting_count = 0;
    assay_os_mutex_unlock(&v->waiting_lock);
}

uint32_t waiting_held(validator *v, packet **out, uint32_t cap) {
    assay_os_mutex_lock(&v->waiting_lock);
    forget_abandoned(v);
    uint32_t count = 0;
    for (submission *s = v->waiting; s; s = s->next) count += s->packet != NULL;
    if (count > cap) count = cap;
    uint32_t at = count; /* the list begins with the newest */
    for (submission *s = v->waiting; s && at > 0; s = s->next)
        if (s->packet) out[--at] = packet_hold(s->packet);
    assay_os_mutex_unlock(&v->waiting_lock);
    return count;
}
