/* SPDX-License-Identifier: Apache-2.0
 *
 * shelf - the manifests and digests that requests for model bytes need again and again, decoded once: a model of many
 * files is uploaded and fetched with a request a file, and each would read the whole manifest otherwise.
 *
 * A few roots per validator; the one that was used longest ago makes room. Whoever holds a shelf entry (shelf_take)
 * keeps it where it is until shelf_return.
 */
#include "node_internal.h"

#include <string.h>

#define ENTRY_BYTES (4 * (size_t)HOLDING_MANIFEST_MAX)

static shelf_entry *find(validator *v, assay_hash root) {
    for (size_t i = 0; i < SHELF_ENTRIES; i++)
        if (v->shelf[i].filled && assay_base_hash_eq(v->shelf[i].root, root)) return &v->shelf[i];
    return NULL;
}

static void clear(shelf_entry *e) {
    assay_os_unreserve(&e->region);
    memset(e, 0, sizeof *e);
}

static assay_err fill(validator *v, shelf_entry *e, assay_hash root) {
    clear(e);
    ASSAY_TRY(assay_os_reserve(&e->region, ENTRY_BYTES));
    e->keep = assay_os_region_arena(&e->region);
    assay_err err = holding_manifest(v, &e->manifest, NULL, &e->keep, root);
    if (err != ASSAY_OK) {
        clear(e);
        return err;
    }
    e->root = root;
    e->filled = true;
    return ASSAY_OK;
}

assay_err shelf_take(validator *v, shelf_entry **out, assay_hash root) {
    assay_err err = ASSAY_OK;
    assay_os_mutex_lock(&v->shelf_lock);
    shelf_entry *e = find(v, root);
    if (!e) {
        for (size_t i = 0; i < SHELF_ENTRIES; i++)
            if (!v->shelf[i].users && (!e || v->shelf[i].used_at < e->used_at)) e = &v->shelf[i];
        err = e ? fill(v, e, root) : ASSAY_F_BUSY;
    }
    if (err == ASSAY_OK) {
        e->users++;
        e->used_at = ++v->shelf_clock;
        *out = e;
    }
    assay_os_mutex_unlock(&v->shelf_lock);
    return err;
}

void shelf_return(validator *v, shelf_entry *e) {
    if (!e) return;
    assay_os_mutex_lock(&v->shelf_lock);
    e->users--;
    assay_os_mutex_unlock(&v->shelf_lock);
}

/* Digests are read when they first are there, and again when the final ones replaced those that an upload brought. */
assay_err shelf_groups(validator *v, shelf_entry *e, const assay_model_groups **out, bool final) {
    assay_err err = ASSAY_OK;
    assay_os_mutex_lock(&v->shelf_lock);
    bool *have = final ? &e->has_groups : &e->has_claimed;
    assay_model_groups *groups = final ? &e->groups : &e->claimed;
    if (!*have) {
        assay_arena before = e->keep;
        err = final ? holding_groups(v, groups, NULL, &e->keep, e->root, &e->manifest)
                    : holding_claimed(v, groups, &e->keep, e->root, &e->manifest);
        *have = err == ASSAY_OK;
        if (!*have) e->keep = before;
    }
    *out = groups;
    assay_os_mutex_unlock(&v->shelf_lock);
    return err;
}

/* What of a root is not here yet: counted once, then kept in step with what arrives. */
assay_err shelf_missing(validator *v, shelf_entry *e, uint64_t arrived, uint64_t *missing, assay_arena scratch) {
    assay_err err = ASSAY_OK;
    assay_os_mutex_lock(&v->shelf_lock);
    if (e->missing_known && arrived < e->missing) {
        e->missing -= arrived;
    } else {
        /* The last bytes, or bytes that others brought: the disk is asked. */
        err = holding_missing(v, &e->missing, e->root, &e->manifest, scratch);
        e->missing_known = err == ASSAY_OK;
    }
    *missing = e->missing;
    assay_os_mutex_unlock(&v->shelf_lock);
    return err;
}

/* Files of this root were dropped, or digests changed: nothing that was counted holds any more. */
void shelf_forget(validator *v, assay_hash root) {
    assay_os_mutex_lock(&v->shelf_lock);
    shelf_entry *e = find(v, root);
    if (e) e->missing_known = false;
    assay_os_mutex_unlock(&v->shelf_lock);
}

void shelf_close(validator *v) {
    for (size_t i = 0; i < SHELF_ENTRIES; i++) clear(&v->shelf[i]);
}
