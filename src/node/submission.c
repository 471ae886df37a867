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
