/* SPDX-License-Identifier: Apache-2.0
 *
 * admission - CheckTx for CometBFT's mempool. CometBFT keeps what waits; here stands only what telling needs: the
 * committed state that is asked, how far each sender's nonces and fees have come since, and whose signatures were
 * verified or found false.
 *
 * A second state over a snapshot of its own: CheckTx comes while the next block is being executed, and must see nothing
 * of it. After a commit all of it begins anew; CometBFT then asks again about what still waits, in order, before
 * anything new comes in.
 */
#include "node_internal.h"

#include "ledger/accounts/accounts.h"

#include <stdlib.h>
#include <string.h>

#define MIB ((size_t)1 << 20)
#define SENDERS_MAX 65536u /* places; three quarters may be taken between two blocks */
#define KNOWN_MAX 131072u  /* places of each of the two sets */
#define FALSE_MAX 4096u    /* places for what was found false and will be asked about in a moment */

/* What one sender has waiting. */
typedef struct tally {
    assay_address address;
    bool used;
    uint64_t next, fees, balance;
} tally;

/* Ids, open addressing; all zero: free. */
typedef struct id_set {
    assay_hash *ids;
    uint32_t count;
} id_set;

struct admission {
    assay_os_mutex lock; /* the view and the senders: the mempool's connection and the block that was committed */
    assay_os_region regions[3];
    assay_store_snapshot *snapshot; /* NULL: to be opened at the next question */
    assay_state *state;
    assay_ledger *ledger;
    tally *senders;
    uint32_t senders_used;
    assay_os_mutex known_lock;
    id_set known[2]; /* the newer one is filled; when it is full, the older one goes */
    uint32_t newer;
    assay_hash *found_false; /* under known_lock; who comes later takes the place */
};

static uint32_t place_of(const uint8_t *bytes, uint32_t places) {
    uint32_t h;
    memcpy(&h, bytes, sizeof h);
    return h & (places - 1);
}

/* ---- signatures that were verified --------------------------------------------------------------------------- */

static assay_hash *find_id(const id_set *set, assay_hash id) {
    uint32_t at = place_of(id.b, KNOWN_MAX);
    while (!assay_base_hash_is_zero(set->ids[at]) && !assay_base_hash_eq(set->ids[at], id)) at = (at + 1) % KNOWN_MAX;
    return &set->ids[at];
}

bool admission_known(validator *v, assay_hash id) {
    struct admission *a = v->admission_view;
    assay_os_mutex_lock(&a->known_lock);
    bool known =
        assay_base_hash_eq(*find_id(&a->known[0], id), id) || assay_base_hash_eq(*find_id(&a->known[1], id), id);
    assay_os_mutex_unlock(&a->known_lock);
    return known && !assay_base_hash_is_zero(id);
}

static assay_ledger_signature signature_of(validator *v, assay_hash id) {
    struct admission *a = v->admission_view;
    if (admission_known(v, id)) return ASSAY_LEDGER_SIGNATURE_TRUE;
    assay_os_mutex_lock(&a->known_lock);
    bool is_false = assay_base_hash_eq(a->found_false[place_of(id.b, FALSE_MAX)], id) && !assay_base_hash_is_zero(id);
    assay_os_mutex_unlock(&a->known_lock);
    return is_false ? ASSAY_LEDGER_SIGNATURE_FALSE : ASSAY_LEDGER_SIGNATURE_UNSEEN;
}

static void note_false(struct admission *a, assay_hash id) {
    assay_os_mutex_lock(&a->known_lock);
    a->found_false[place_of(id.b, FALSE_MAX)] = id;
    assay_os_mutex_unlock(&a->known_lock);
}

static void note_id(struct admission *a, assay_hash id) {
    assay_os_mutex_lock(&a->known_lock);
    id_set *set = &a->known[a->newer];
    if (set->count >= KNOWN_MAX / 4 * 3) {
        a->newer = 1 - a->newer;
        set = &a->known[a->newer];
        memset(set->ids, 0, KNOWN_MAX * sizeof *set->ids);
        set->count = 0;
    }
    assay_hash *place = find_id(set, id);
    if (assay_base_hash_is_zero(*place)) set->count++;
    *place = id;
    assay_os_mutex_unlock(&a->known_lock);
}

/* ---- the committed state ------------------------------------------------------------------------------------- */

static void view_close(struct admission *a) {
    assay_store_snapshot_end(a->snapshot);
    a->snapshot = NULL;
    a->state = NULL;
    a->ledger = NULL;
}

static assay_err view_open(struct admission *a, validator *v) {
    if (a->snapshot) return ASSAY_OK;
    ASSAY_TRY(assay_store_snapshot_begin(&a->snapshot, v->store));
    assay_arena keep = assay_os_region_arena(&a->regions[0]);
    assay_err err = archive_whole(a->snapshot);
    if (err == ASSAY_OK)
        err = assay_state_open(&a->state, &keep, assay_os_region_arena(&a->regions[1]),
                               assay_store_snapshot_reader(a->snapshot));
    if (err == ASSAY_OK) err = assay_ledger_open(&a->ledger, &keep, assay_os_region_arena(&a->regions[2]), a->state);
    if (err != ASSAY_OK) view_close(a);
    return err;
}

static assay_err tally_of(struct admission *a, tally **out, assay_address sender) {
    uint32_t at = place_of(sender.b, SENDERS_MAX);
    while (a->senders[at].used && !assay_base_address_eq(a->senders[at].address, sender)) at = (at + 1) % SENDERS_MAX;
    *out = &a->senders[at];
    if (a->senders[at].used) return ASSAY_OK;
    if (a->senders_used >= SENDERS_MAX / 4 * 3) return ASSAY_E_FULL;
    assay_accounts_account account;
    ASSAY_TRY(assay_accounts_get(assay_rule_view_state(a->state), &account, sender));
    **out = (tally){sender, true, account.nonce, 0, account.balance};
    a->senders_used++;
    return ASSAY_OK;
}

static assay_err check(struct admission *a, validator *v, assay_bytes tx, assay_ledger_signature signature) {
    assay_ledger_admission admission;
    tally *t;
    assay_err opened = view_open(a, v);
    /* No snapshot to be had is no fault at which CometBFT should stop: whoever sent it tries again. */
    if (opened == ASSAY_F_BUSY) return ASSAY_E_FULL;
    ASSAY_TRY(opened);
    ASSAY_TRY(assay_ledger_check_tx(a->ledger, &admission, tx, signature));
    ASSAY_TRY(tally_of(a, &t, admission.sender));
    if (admission.nonce != t->next) return ASSAY_E_NONCE;
    if (admission.fee > t->balance - t->fees) return ASSAY_E_FUNDS;
    t->next++;
    t->fees += admission.fee;
    return ASSAY_OK;
}

assay_err admission_check(validator *v, assay_bytes tx) {
    struct admission *a = v->admission_view;
    assay_hash id = assay_tx_id(tx);
    assay_ledger_signature signature = signature_of(v, id);
    if (atomic_load(&v->stopped)) return ASSAY_E_STATE;
    if (!validator_enter(v)) return ASSAY_E_STATE; /* its store is being emptied for a snapshot */
    assay_os_mutex_lock(&a->lock);
    assay_err err = check(a, v, tx, signature);
    assay_os_mutex_unlock(&a->lock);
    validator_leave(v);
    if (err == ASSAY_OK && signature == ASSAY_LEDGER_SIGNATURE_UNSEEN) note_id(a, id);
    return err;
}

void admission_ahead(validator *v, const assay_bytes *txs, uint32_t count, assay_arena scratch) {
    assay_hash *ids = ASSAY_NEW(&scratch, assay_hash, count);
    bool *valid = ASSAY_NEW(&scratch, bool, count), *known = ASSAY_NEW(&scratch, bool, count);
    if (!ids || !valid || !known) return;
    for (uint32_t i = 0; i < count; i++) {
        ids[i] = assay_tx_id(txs[i]);
        known[i] = valid[i] = admission_known(v, ids[i]);
    }
    uint8_t seed[32];
    assay_os_random(seed, sizeof seed);
    if (assay_tx_verify_batch(valid, txs, count, assay_base_bytes_str(v->node->chain_id), seed, scratch) != ASSAY_OK)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (!valid[i])
            note_false(v->admission_view, ids[i]);
        else if (!known[i])
            note_id(v->admission_view, ids[i]);
    }
}

void admission_block(validator *v) {
    struct admission *a = v->admission_view;
    assay_os_mutex_lock(&a->lock);
    view_close(a);
    if (a->senders_used) memset(a->senders, 0, SENDERS_MAX * sizeof *a->senders);
    a->senders_used = 0;
    assay_os_mutex_unlock(&a->lock);
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

assay_err admission_open(validator *v) {
    static const size_t sizes[] = {4 * MIB, 64 * MIB, 32 * MIB};
    struct admission *a = calloc(1, sizeof *a);
    if (!a) return ASSAY_F_MEMORY;
    v->admission_view = a;
    assay_os_mutex_init(&a->lock);
    assay_os_mutex_init(&a->known_lock);
    for (size_t i = 0; i < 3; i++) ASSAY_TRY(assay_os_reserve(&a->regions[i], sizes[i]));
    a->senders = calloc(SENDERS_MAX, sizeof *a->senders);
    a->known[0].ids = calloc(KNOWN_MAX, sizeof(assay_hash));
    a->known[1].ids = calloc(KNOWN_MAX, sizeof(assay_hash));
    a->found_false = calloc(FALSE_MAX, sizeof(assay_hash));
    return a->senders && a->known[0].ids && a->known[1].ids && a->found_false ? ASSAY_OK : ASSAY_F_MEMORY;
}

void admission_close(validator *v) {
    struct admission *a = v->admission_view;
    if (!a) return;
    view_close(a);
    for (size_t i = 0; i < 3; i++) assay_os_unreserve(&a->regions[i]);
    free(a->senders);
    free(a->known[0].ids);
    free(a->known[1].ids);
    free(a->found_false);
    assay_os_mutex_fini(&a->lock);
    assay_os_mutex_fini(&a->known_lock);
    free(a);
    v->admission_view = NULL;
}
