/* SPDX-License-Identifier: Apache-2.0
 *
 * checker - a validator's duties towards models, on a thread of its own so that hashing delays no block:
 *
 *   recorded version -> fetch its bytes from whoever holds them -> recompute its root -> custody -> check on chain
 *   the draws of later blocks -> open exactly the drawn chunks -> verify the opening as the ledger will -> opening on
 * chain
 *
 * What to do is asked from the committed state each time, so a restart forgets nothing.
 */
#include "node_internal.h"

#include "cert/cert.h"
#include "ledger/accounts/accounts.h"
#include "ledger/models/models.h"
#include "ledger/staking/staking.h"

#include <stdlib.h>
#include <string.h>

#define DUTIES_MAX 256    /* of one look; the next goes on behind them */
#define CUSTODIES_KEPT 64 /* a few KiB each: 64 bytes a file and 32 a MiB */
#define REFUSED_KEPT 256
#define WAITS_KEPT 4096
#define HEARD_KEPT 64
#define RETRY_NS 300000000ull
#define WAIT_MAX_NS 20000000000ull
#define ASK_MAX_NS 1000000000ull
#define SUSPECT_NS 60000000000ull

/* What was computed at the check is needed again at the opening, a few blocks later. */
typedef struct custody {
    bool used;
    bool invented; /* fault: nobody read these bytes */
    assay_hash root;
    assay_os_region region;
    assay_model_custody_state state;
} custody;

/* A root whose bytes nobody had when they were asked for: asked again after a while, or when somebody announces them.
 */
typedef struct byte_wait {
    assay_hash root;
    uint64_t asked_ns, until_ns, wait_ns;
} byte_wait;

/* A version that somebody's check in a block spoke of: he has the bytes. */
typedef struct heard_check {
    assay_hash version; /* version_id */
    uint64_t at_ns;
} heard_check;

struct checker {
    validator *owner;
    assay_os_thread thread;
    bool running;
    atomic_bool stopping;
    assay_os_mutex lock;
    assay_os_condition wake;
    bool poked;
    heard_check heard[HEARD_KEPT]; /* under lock */
    uint32_t heard_next;
    atomic_bool pending; /* duties wait for later blocks */
    assay_os_region keep_region, scratch_region;
    custody custodies[CUSTODIES_KEPT];
    uint32_t next_custody;
    /* Those who may have bytes: validators of this process, all at one URL, or other validators' nodes. */
    assay_http_client *clients[ASSAY_NODE_VALIDATORS_MAX];
    uint32_t clients_count;
    bool silent[ASSAY_NODE_VALIDATORS_MAX];               /* did not answer the last time */
    uint64_t suspect_until_ns[ASSAY_NODE_VALIDATORS_MAX]; /* sent bytes that did not fit: not asked before */
    assay_hash refused[REFUSED_KEPT];                     /* versions whose statement or record does not hold */
    uint32_t refused_next;
    byte_wait *waits; /* WAITS_KEPT, by the first bytes of the root; a newer one takes an older one's place */
    assay_models_turn turn;
};

/* ---- who has the bytes --------------------------------------------------------------------------------------- */

static assay_bytes holding_payload(uint8_t memory[40], const holding_note *note) {
    memcpy(memory, note->root.b, ASSAY_HASH_LEN);
    for (int i = 0; i < 8; i++) memory[32 + i] = (uint8_t)(note->height >> (56 - 8 * i));
    return (assay_bytes){memory, 40};
}

static assay_err holding_sign_bytes(assay_buf *out, const validator *v, const holding_note *note) {
    uint8_t payload[40];
    return assay_types_sign_bytes(out, "holding", assay_base_bytes_str(v->node->chain_id),
                                  holding_payload(payload, note));
}

static void announce(validator *v, assay_hash root) {
    holding_note note = {.root = root, .height = atomic_load(&v->height), .key = v->attestation_key};
    uint8_t memory[256];
    assay_buf sign = {memory, 0, sizeof memory};
    if (holding_sign_bytes(&sign, v, &note) != ASSAY_OK) return;
    note.signature = assay_crypto_ed25519_sign(&v->attestation_secret, (assay_bytes){sign.ptr, sign.len});
    network_broadcast(v, &(envelope){.holding = &note});
}

void holders_note(validator *v, uint32_t from, const holding_note *note) {
    uint8_t memory[256];
    assay_buf sign = {memory, 0, sizeof memory};
    if (holding_sign_bytes(&sign, v, note) != ASSAY_OK) return;
    if (!assay_crypto_ed25519_verify(note->key, (assay_bytes){sign.ptr, sign.len}, note->signature)) return;
    /* Only validators of the set announce: their word is signed with the key that the chain knows. */
    assay_staking_validator who;
    bool member;
    assay_rule_view view = assay_rule_view_state(v->state);
    if (assay_staking_by_attestation(view, &who, &member, assay_crypto_address(note->key)) != ASSAY_OK || !member ||
        who.power == 0)
        return;
    assay_os_mutex_lock(&v->holders_lock);
    if (!v->holders) v->holders = calloc(HOLDERS_MAX, sizeof *v->holders);
    bool known = !v->holders;
    for (uint32_t i = 0; !known && i < v->holders_count; i++)
        known = v->holders[i].validator == from && assay_base_hash_eq(v->holders[i].root, note->root);
    /* Full: the oldest half goes; who needs one of those asks around. */
    if (!known && v->holders_count == HOLDERS_MAX) {
        memmove(v->holders, v->holders + HOLDERS_MAX / 2, HOLDERS_MAX / 2 * sizeof *v->holders);
        v->holders_count = HOLDERS_MAX / 2;
    }
    if (!known) v->holders[v->holders_count++] = (holder){note->root, from};
    assay_os_mutex_unlock(&v->holders_lock);
    if (!known) checker_poke(v);
}

static uint32_t peers_count(const struct checker *c) {
    return c->owner->comet ? c->clients_count : c->owner->node->count;
}

/* Is there somebody behind this number, other than us? */
static bool is_peer(const struct checker *c, uint32_t peer) {
    const validator *v = c->owner;
    return v->comet || (peer != v->index && atomic_load(&v->node->validators[peer].alive));
}

/* From a peer. what: the path under /bytes/ROOT; query: further words of it, each with its '&'. */
static assay_err get(struct checker *c, assay_bytes *out, assay_arena *keep, uint32_t peer, assay_hash root,
                     const char *what, const char *query, size_t max) {
    peer_question q = {c->owner, &c->stopping, root, peer, what, query};
    assay_err err = peer_get(out, keep, &q, c->clients[c->owner->comet ? peer : 0], max);
    c->silent[peer] = err == ASSAY_F_NETWORK || err == ASSAY_F_TIMEOUT;
    return err;
}

/* Who may have a version's bytes, in the order in which they are asked: those that announced it; those that answered
 * the last time; those that did not, since a host that is down costs ten seconds. An announcement that is a lie keeps
 * nobody from the others; who sent wrong bytes is left out for a minute. */
typedef struct candidates {
    uint32_t peers[ASSAY_NODE_VALIDATORS_MAX];
    uint32_t count;
} candidates;

static void candidates_of(const struct checker *c, candidates *out, assay_hash root) {
    validator *v = c->owner;
    bool said[ASSAY_NODE_VALIDATORS_MAX] = {false};
    uint64_t now = assay_os_monotonic_ns();
    out->count = 0;
    for (uint32_t i = 0; i < peers_count(c); i++) said[i] = !is_peer(c, i) || now < c->suspect_until_ns[i];
    assay_os_mutex_lock(&v->holders_lock);
    for (uint32_t i = 0; i < v->holders_count; i++) {
        uint32_t peer = v->holders[i].validator;
        if (!assay_base_hash_eq(v->holders[i].root, root) || said[peer]) continue;
        said[peer] = true;
        out->peers[out->count++] = peer;
    }
    assay_os_mutex_unlock(&v->holders_lock);
    for (int silent = 0; silent < 2; silent++)
        for (uint32_t i = 0; i < peers_count(c); i++)
            if (!said[i] && c->silent[i] == silent) out->peers[out->count++] = i;
}

/* Gone, slow or busy: what another peer need not be. */
static bool is_peers_fault(assay_err err) {
    return err == ASSAY_F_NETWORK || err == ASSAY_F_TIMEOUT || err == ASSAY_F_BUSY;
}

/* ---- fetching ------------------------------------------------------------------------------------------------ */

typedef struct range_reply {
    assay_bytes content;
    uint8_t (*siblings)[ASSAY_HASH_LEN];
    uint32_t siblings_count;
} range_reply;
static const assay_codec_field range_reply_fields[] = {
    ASSAY_FIELD_BYTES(1, range_reply, content, ASSAY_BLAKE3_GROUP_LEN),
    ASSAY_FIELD_REPEATED_SIZED(2, REPEATED_FIXED, range_reply, siblings, ASSAY_BLAKE3_PATH_MAX, ASSAY_HASH_LEN),
};
static const assay_codec_message range_reply_message = ASSAY_MESSAGE("RangeReply", range_reply, range_reply_fields);

assay_err range_encode(assay_bytes *out, assay_arena *keep, const assay_model_range *range) {
    uint8_t siblings[ASSAY_BLAKE3_PATH_MAX][ASSAY_HASH_LEN];
    for (uint32_t i = 0; i < range->path.count; i++) memcpy(siblings[i], range->path.siblings[i].b, ASSAY_HASH_LEN);
    range_reply reply = {range->bytes, siblings, range->path.count};
    return assay_codec_encode_new(out, keep, &range_reply_message, &reply, ASSAY_CODEC_STRICT);
}

/* One group, checked on arrival against the manifest's BLAKE3. */
static assay_err fetch_group(struct checker *c, assay_model_range *range, assay_arena *keep, assay_hash root,
                             const assay_file_leaf *file, uint32_t file_idx, uint64_t group, uint32_t from) {
    char what[80];
    assay_bytes body;
    range_reply reply;
    assay_os_format(what, sizeof what, "files/%u/groups/%llu", file_idx, (unsigned long long)group);
    ASSAY_TRY(get(c, &body, keep, from, root, what, "", ASSAY_BLAKE3_GROUP_LEN + 4096));
    ASSAY_TRY(assay_codec_decode(&reply, keep, &range_reply_message, body, ASSAY_CODEC_STRICT));
    *range = (assay_model_range){.bytes = reply.content, .path.count = reply.siblings_count};
    for (uint32_t i = 0; i < reply.siblings_count; i++)
        memcpy(range->path.siblings[i].b, reply.siblings[i], ASSAY_HASH_LEN);
    return assay_model_range_check(range, file, group);
}

/* tensor_root NULL: any manifest of these files. */
static assay_err fetch_manifest(struct checker *c, assay_hash root, const assay_hash *tensor_root, uint32_t from,
                                assay_arena scratch) {
    char tensors[2 * ASSAY_HASH_LEN + 1] = "", query[120] = "";
    assay_bytes bytes;
    if (tensor_root) assay_base_hex(tensors, assay_base_hash_bytes(tensor_root));
    if (tensor_root) assay_os_format(query, sizeof query, "&tensor_root=%s", tensors);
    ASSAY_TRY(get(c, &bytes, &scratch, from, root, "manifest", query, HOLDING_MANIFEST_MAX));
    if (tensor_root) {
        assay_manifest manifest;
        assay_hash computed;
        assay_arena turn = scratch;
        ASSAY_TRY(assay_codec_decode(&manifest, &turn, &assay_manifest_message, bytes, ASSAY_CODEC_STRICT));
        ASSAY_TRY(assay_manifest_check(&manifest));
        ASSAY_TRY(assay_manifest_tensor_root(&computed, &manifest, turn));
        if (!assay_base_hash_eq(computed, *tensor_root)) return ASSAY_E_PROOF;
    }
    return holding_begin(c->owner, root, bytes, scratch);
}

/* The version's own manifest: here, or from whoever has it. Bytes that do not fit are their sender's fault, never a
 * verdict on the version: the next holder is asked. */
static assay_err manifest_for(struct checker *c, assay_manifest *out, assay_arena *keep,
                              const assay_version_record *record) {
    validator *v = c->owner;
    assay_err err = holding_manifest_of(v, out, NULL, keep, record->root, record->tensor_root);
    candidates from;
    if (err == ASSAY_E_NOT_FOUND) candidates_of(c, &from, record->root);
    for (uint32_t i = 0; err == ASSAY_E_NOT_FOUND && i < from.count; i++) {
        assay_err one = fetch_manifest(c, record->root, &record->tensor_root, from.peers[i], *keep);
        if (one == ASSAY_OK)
            err = holding_manifest_of(v, out, NULL, keep, record->root, record->tensor_root);
        else if (assay_base_err_is_fault(one) && !is_peers_fault(one))
            return one;
    }
    return err;
}

/* The digests of the manifest's groups, which every byte is held against when it comes, from whoever has all: that peer
 * comes to the front. As long as there is none, what is being handed in here is left in peace. */
static assay_err groups_for(struct checker *c, assay_model_groups *out, assay_arena *keep, assay_hash root,
                            const assay_manifest *manifest, candidates *from) {
    for (uint32_t i = 0; i < from->count; i++) {
        assay_bytes bytes;
        assay_arena turn = *keep;
        assay_err err = get(c, &bytes, &turn, from->peers[i], root, "groups", "", HOLDING_MANIFEST_MAX);
        if (err == ASSAY_OK) err = holding_claim(c->owner, root, manifest, bytes, turn);
        if (err != ASSAY_OK && assay_base_err_is_fault(err) && !is_peers_fault(err)) return err;
        if (err != ASSAY_OK) continue;
        uint32_t first = from->peers[i];
        memmove(from->peers + 1, from->peers, i * sizeof *from->peers);
        from->peers[0] = first;
        return holding_claimed(c->owner, out, keep, root, manifest);
    }
    return ASSAY_E_NOT_FOUND;
}

/* ---- custody ------------------------------------------------------------------------------------------------- */

/* A custody belongs to a version, not to a root: its key is salted with the block that recorded it, and two versions
 * may have the same bytes. */
static custody *custody_find(struct checker *c, const assay_models_duty *duty) {
    assay_hash key = assay_custody_key(c->owner->attestation_key, duty->recorded_block);
    for (uint32_t i = 0; i < CUSTODIES_KEPT; i++) {
        custody *one = &c->custodies[i];
        if (one->used && assay_base_hash_eq(one->root, duty->root) && assay_base_hash_eq(one->state.key, key))
            return one;
    }
    return NULL;
}

static assay_err custody_new(struct checker *c, custody **out, const assay_models_duty *duty) {
    custody *slot = custody_find(c, duty);
    if (!slot) slot = &c->custodies[c->next_custody++ % CUSTODIES_KEPT];
    assay_os_unreserve(&slot->region);
    *slot = (custody){.root = duty->root};
    ASSAY_TRY(assay_os_reserve(&slot->region, ASSAY_MODEL_ARENA_SIZE / 4));
    *out = slot;
    return ASSAY_OK;
}

static bool not_stopping(void *context, const assay_model_progress *progress) {
    (void)progress;
    struct checker *c = context;
    return !atomic_load(&c->stopping);
}

/* What a record says of the tensors. It may name no rules and no tensors, which says nothing. */
static bool tensors_are(const assay_version_record *record, const assay_model *model) {
    if (record->tensor_rules == 0 && record->tensors == 0) return true;
    return record->tensor_rules == model->manifest.tensor_rules && record->tensors == model->manifest.tensors_count &&
           assay_base_hash_eq(record->tensor_root, model->tensor_root);
}

/* Hashing delays no block: of a process that is one validator half the processors serve. */
static uint32_t threads_of(const struct checker *c) {
    uint32_t half = assay_os_cpus() / 2;
    return c->owner->comet && half > 1 ? half : 1;
}

/* What was read is as registered: the root is complete, and this its custody. */
static assay_err settle(struct checker *c, custody **out, custody *slot, const assay_model *model, assay_hash key,
                        assay_arena scratch) {
    ASSAY_TRY(holding_finish(c->owner, slot->root, &model->manifest, &model->groups, scratch));
    slot->state = (assay_model_custody_state){key, model->keyed, model->custody_root, model->keyed_groups};
    slot->used = true;
    *out = slot;
    return ASSAY_OK;
}

/* Reads everything once: both digests of every file and tensor, the root, and the custody under this validator's own
 * key. The tensors come from the bytes, since the root binds none of what a manifest says of them; a tensor file that
 * is malformed has none. record NULL: they were looked at before. ASSAY_E_CONTENT: these are not the bytes;
 * ASSAY_E_PROOF: they are, and have other tensors. */
static assay_err recompute(struct checker *c, custody **out, const assay_models_duty *duty,
                           const assay_version_record *record, assay_arena scratch) {
    validator *v = c->owner;
    const char *dir;
    assay_model model;
    assay_model_where where = {0};
    assay_hash key = assay_custody_key(v->attestation_key, duty->recorded_block);
    custody *slot;
    ASSAY_TRY(custody_new(c, &slot, duty));
    assay_arena keep = assay_os_region_arena(&slot->region);
    ASSAY_TRY(holding_files(v, &dir, &scratch, duty->root));
    assay_model_options options = {.threads = threads_of(c),
                                   .without_tensors = !record,
                                   .lenient = true,
                                   .custody_key = &key,
                                   .progress = not_stopping,
                                   .progress_context = c};
    ASSAY_TRY(assay_model_digest(&model, &keep, &where, dir, &options, scratch));
    if (!assay_base_hash_eq(model.root, duty->root)) return ASSAY_E_CONTENT;
    if (record && !tensors_are(record, &model)) return ASSAY_E_PROOF;
    return settle(c, out, slot, &model, key, scratch);
}

/* Fetches what is missing. Of more than a few MiB the digests are made while they come, and *out is the custody. It is
 * NULL if all came and still has to be read: it was little, or something is not as the manifest says, and reading it
 * tells what. */
static assay_err fetch_all(struct checker *c, custody **out, const assay_models_duty *duty,
                           const assay_manifest *manifest, assay_arena scratch) {
    validator *v = c->owner;
    candidates from;
    assay_model_groups groups;
    fetch *f;
    *out = NULL;
    candidates_of(c, &from, duty->root);
    ASSAY_TRY(groups_for(c, &groups, &scratch, duty->root, manifest, &from));
    bool lied[ASSAY_NODE_VALIDATORS_MAX] = {false};
    fetch_order order = {v, &c->stopping, duty->root, manifest, &groups, lied};
    ASSAY_TRY(fetch_begin(&f, &order, from.peers, from.count, scratch));
    const char *dir;
    assay_model model;
    custody *slot;
    assay_hash key = assay_custody_key(v->attestation_key, duty->recorded_block);
    assay_model_options options = {
        .threads = threads_of(c), .lenient = true, .custody_key = &key, .arrived = fetch_arrived, .arrived_context = f};
    assay_err followed = fetch_is_small(f) ? ASSAY_E_CONTENT : custody_new(c, &slot, duty);
    if (followed == ASSAY_OK) followed = holding_files(v, &dir, &scratch, duty->root);
    if (followed == ASSAY_OK) {
        assay_arena keep = assay_os_region_arena(&slot->region);
        followed = assay_model_follow(&model, &keep, NULL, dir, manifest, &groups, &options, scratch);
    }
    bool came_to_nothing = assay_base_err_is_fault(followed) && followed != ASSAY_F_INTERRUPTED;
    assay_err fetched = fetch_end(f, !came_to_nothing);
    for (uint32_t i = 0; i < ASSAY_NODE_VALIDATORS_MAX; i++)
        if (lied[i]) c->suspect_until_ns[i] = assay_os_monotonic_ns() + SUSPECT_NS;
    if (came_to_nothing) return followed;
    ASSAY_TRY(fetched);
    return followed == ASSAY_OK ? settle(c, out, slot, &model, key, scratch) : ASSAY_OK;
}

/* What was uploaded is not what was registered: drop the files that differ, so that the right ones can come. */
static void drop_wrong_files(struct checker *c, const assay_models_duty *duty, assay_arena scratch) {
    validator *v = c->owner;
    const char *dir;
    assay_manifest manifest;
    assay_model_findings findings;
    assay_model_where where = {0};
    assay_model_options options = {.threads = 1};
    if (holding_manifest(v, &manifest, NULL, &scratch, duty->root) != ASSAY_OK) return;
    if (holding_files(v, &dir, &scratch, duty->root) != ASSAY_OK) return;
    assay_arena keep = scratch, half = assay_base_arena_split(&keep);
    if (assay_model_verify(&findings, &keep, &where, dir, &manifest, NULL, &options, half) != ASSAY_OK) return;
    for (uint32_t i = 0; i < findings.count; i++)
        for (uint32_t k = 0; k < manifest.files_count; k++)
            if (assay_base_bytes_eq(manifest.files[k].path, findings.rows[i].file)) {
                node_log(v->node, "%s: %.*s is not what was registered; dropped", v->name,
                         (int)findings.rows[i].file.len, findings.rows[i].file.ptr);
                (void)!holding_drop_file(v, duty->root, &manifest.files[k], half);
            }
}

/* The devnet's lazy validator: digests out of thin air, and a root over them. */
static assay_err invent(struct checker *c, custody **out, const assay_models_duty *duty) {
    custody *slot;
    ASSAY_TRY(custody_new(c, &slot, duty));
    assay_arena keep = assay_os_region_arena(&slot->region);
    assay_hash *keyed = ASSAY_NEW(&keep, assay_hash, duty->files), *leaves = ASSAY_NEW(&keep, assay_hash, duty->files);
    if (!keyed || !leaves) return ASSAY_F_MEMORY;
    assay_os_random(keyed, duty->files * sizeof *keyed);
    memcpy(leaves, keyed, duty->files * sizeof *keyed);
    slot->state.key = assay_custody_key(c->owner->attestation_key, duty->recorded_block);
    slot->state.keyed = keyed;
    slot->state.root = assay_custody_root(leaves, duty->files);
    slot->invented = slot->used = true;
    *out = slot;
    return ASSAY_OK;
}

/* ---- transactions -------------------------------------------------------------------------------------------- */

static assay_err submit(struct checker *c, assay_tx_body *body, assay_arena scratch) {
    validator *v = c->owner;
    assay_store_snapshot *snapshot;
    ASSAY_TRY(assay_store_snapshot_begin(&snapshot, v->store));
    assay_accounts_account account;
    assay_rule_view view = assay_rule_view_snapshot(assay_store_snapshot_reader(snapshot));
    assay_err err = assay_accounts_get(view, &account, assay_crypto_address(v->attestation_key));
    assay_store_snapshot_end(snapshot);
    ASSAY_TRY(err);
    body->format = 1;
    body->chain_id = assay_base_bytes_str(v->node->chain_id);
    body->nonce = account.nonce;
    size_t cap = ASSAY_TX_LEN_MAX;
    assay_buf tx = {ASSAY_NEW(&scratch, uint8_t, cap), 0, cap};
    if (!tx.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_tx_sign(&tx, body, &v->attestation_secret, scratch));
    submission *s = submission_new(true);
    if (!s) return ASSAY_F_MEMORY;
    validator_submit(v, (assay_bytes){tx.ptr, tx.len}, s);
    err = ASSAY_F_TIMEOUT;
    for (int slice = 0; slice < 200 && err == ASSAY_F_TIMEOUT && !atomic_load(&c->stopping); slice++)
        if (submission_wait(s, assay_os_monotonic_ns() + 50000000)) err = s->err;
    submission_drop(s);
    return err;
}

static assay_err record_of(struct checker *c, assay_version_record *out, const assay_models_duty *duty) {
    assay_store_snapshot *snapshot;
    bool found;
    ASSAY_TRY(assay_store_snapshot_begin(&snapshot, c->owner->store));
    assay_rule_view view = assay_rule_view_snapshot(assay_store_snapshot_reader(snapshot));
    assay_err err = assay_models_version(view, out, &found, duty->name, duty->version);
    assay_store_snapshot_end(snapshot);
    ASSAY_TRY(err);
    return found ? ASSAY_OK : ASSAY_E_NOT_FOUND;
}

/* The publisher signed a statement about these files; a version whose statement does not hold could never be verified
 * by anybody. The manifest is the one whose roots were registered. */
static assay_err statement_holds(const assay_models_duty *duty, const assay_version_record *record,
                                 const assay_manifest *manifest, assay_arena scratch) {
    uint64_t size, chunks;
    ASSAY_TRY(assay_manifest_totals(&size, &chunks, manifest));
    if (size != record->size || chunks != record->chunks || manifest->files_count != record->files ||
        manifest->tensors_count != record->tensors)
        return ASSAY_E_CONTENT;
    assay_cert_statement statement = {duty->name, duty->version, manifest, record->model_signing};
    return assay_cert_statement_check(&statement, record->publisher, record->statement_signature, scratch);
}

static assay_hash version_id(const assay_models_duty *duty) {
    assay_sha256 hash;
    assay_crypto_sha256_init(&hash);
    assay_crypto_sha256_update(&hash, duty->name);
    assay_crypto_sha256_update(&hash, ASSAY_STR("@"));
    assay_crypto_sha256_update(&hash, duty->version);
    return assay_crypto_sha256_final(&hash);
}

/* What was registered never changes, so what does not hold never will: it is not looked at again. */
static assay_err refuse(struct checker *c, const assay_models_duty *duty, const char *why) {
    c->refused[c->refused_next++ % REFUSED_KEPT] = version_id(duty);
    node_log(c->owner->node, "%s does not check %.*s@%.*s: %s", c->owner->name, (int)duty->name.len, duty->name.ptr,
             (int)duty->version.len, duty->version.ptr, why);
    return ASSAY_E_NOT_FOUND;
}

static assay_err judge(struct checker *c, const assay_models_duty *duty, const assay_version_record *record,
                       const assay_manifest *manifest, assay_arena scratch) {
    assay_err err = statement_holds(duty, record, manifest, scratch);
    return err == ASSAY_OK || assay_base_err_is_fault(err) ? err : refuse(c, duty, assay_base_err_text(err));
}

static bool is_refused(const struct checker *c, const assay_models_duty *duty) {
    assay_hash id = version_id(duty);
    for (uint32_t i = 0; i < REFUSED_KEPT; i++)
        if (assay_base_hash_eq(c->refused[i], id)) return true;
    return false;
}

/* Reads every byte, and notes what files there are for those who ask by a file's digest. */
static assay_err vouch(struct checker *c, custody **out, const assay_models_duty *duty, assay_arena scratch) {
    validator *v = c->owner;
    assay_version_record record;
    assay_manifest manifest;
    uint64_t missing;
    ASSAY_TRY(record_of(c, &record, duty));
    ASSAY_TRY(manifest_for(c, &manifest, &scratch, &record));
    ASSAY_TRY(judge(c, duty, &record, &manifest, scratch));
    ASSAY_TRY(holding_missing(v, &missing, duty->root, &manifest, scratch));
    *out = NULL;
    if (missing) ASSAY_TRY(fetch_all(c, out, duty, &manifest, scratch));
    assay_err err = *out ? ASSAY_OK : recompute(c, out, duty, &record, scratch);
    if (err == ASSAY_E_CONTENT) drop_wrong_files(c, duty, scratch);
    if (err == ASSAY_E_PROOF) return refuse(c, duty, "its bytes have other tensors than it states");
    ASSAY_TRY(err);
    return certificate_index(v, duty->name, duty->version, &manifest);
}

static byte_wait *wait_of(struct checker *c, assay_hash root) {
    uint32_t place;
    memcpy(&place, root.b, sizeof place);
    return &c->waits[place % WAITS_KEPT];
}

static bool announced(validator *v, assay_hash root) {
    bool found = false;
    assay_os_mutex_lock(&v->holders_lock);
    for (uint32_t i = 0; i < v->holders_count && !found; i++) found = assay_base_hash_eq(v->holders[i].root, root);
    assay_os_mutex_unlock(&v->holders_lock);
    return found;
}

static bool heard_since(struct checker *c, assay_hash version, uint64_t since_ns) {
    bool found = false;
    assay_os_mutex_lock(&c->lock);
    for (uint32_t i = 0; i < HEARD_KEPT && !found; i++)
        found = c->heard[i].at_ns >= since_ns && assay_base_hash_eq(c->heard[i].version, version);
    assay_os_mutex_unlock(&c->lock);
    return found;
}

/* Versions whose bytes nobody brings must not keep the others waiting: asking everybody for them is put off, ever
 * longer. What is announced, checked by somebody, or handed in here, is looked at at once. */
static bool must_wait(struct checker *c, const assay_models_duty *duty, assay_arena scratch) {
    const assay_hash root = duty->root;
    const byte_wait *w = wait_of(c, root);
    if (!assay_base_hash_eq(w->root, root) || assay_os_monotonic_ns() >= w->until_ns) return false;
    if (heard_since(c, version_id(duty), w->asked_ns)) return false;
    shelf_entry *entry;
    uint64_t missing = 1;
    if (announced(c->owner, root)) return false;
    if (shelf_take(c->owner, &entry, root) != ASSAY_OK) return true;
    bool here = shelf_missing(c->owner, entry, 0, &missing, scratch) == ASSAY_OK && missing == 0;
    shelf_return(c->owner, entry);
    return !here;
}

static void put_off(struct checker *c, assay_hash root, uint64_t asked_ns) {
    byte_wait *w = wait_of(c, root);
    bool again = assay_base_hash_eq(w->root, root);
    uint64_t wait = again ? w->wait_ns * 2 : RETRY_NS;
    /* Other nodes announce nothing to each other: they are asked. */
    uint64_t most = c->owner->comet ? ASK_MAX_NS : WAIT_MAX_NS;
    if (wait > most) wait = most;
    *w = (byte_wait){root, asked_ns, assay_os_monotonic_ns() + wait, wait};
}

static assay_err do_check(struct checker *c, const assay_models_duty *duty, assay_arena scratch) {
    validator *v = c->owner;
    custody *mine;
    if (is_refused(c, duty) || must_wait(c, duty, scratch)) return ASSAY_E_NOT_FOUND;
    if (atomic_load(&v->lazy)) {
        ASSAY_TRY(invent(c, &mine, duty));
        atomic_store(&v->lazy, false);
    } else {
        uint64_t asked = assay_os_monotonic_ns();
        assay_err err = vouch(c, &mine, duty, scratch);
        if (err == ASSAY_E_NOT_FOUND) put_off(c, duty->root, asked);
        ASSAY_TRY(err);
        announce(v, duty->root);
    }
    assay_msg_check check = {duty->name, duty->version, duty->root, mine->state.root};
    ASSAY_TRY(submit(c, &(assay_tx_body){.check = &check}, scratch));
    node_log(v->node, "%s checked %.*s@%.*s", v->name, (int)duty->name.len, duty->name.ptr, (int)duty->version.len,
             duty->version.ptr);
    return ASSAY_OK;
}

/* ---- the lazy fault's opening
 * ------------------------------------------------------------------------------------------------------------ */

static assay_err rows_of(uint8_t (**out)[ASSAY_HASH_LEN], uint32_t *count, assay_arena *keep, const assay_hash *hashes,
                         uint32_t hashes_count) {
    uint8_t *rows = ASSAY_NEW(keep, uint8_t, (size_t)hashes_count * ASSAY_HASH_LEN);
    if (!rows) return ASSAY_F_MEMORY;
    if (hashes_count) memcpy(rows, hashes, (size_t)hashes_count * ASSAY_HASH_LEN);
    *out = (uint8_t(*)[ASSAY_HASH_LEN])(void *)rows;
    *count = hashes_count;
    return ASSAY_OK;
}

static assay_err merkle_rows(uint8_t (**out)[ASSAY_HASH_LEN], uint32_t *count, assay_arena *keep, assay_hash *leaves,
                             size_t leaves_count, size_t index) {
    assay_merkle_path path;
    assay_merkle_path_of(&path, leaves, leaves_count, index);
    return rows_of(out, count, keep, path.hashes, path.count);
}

/* Chunk and plain path are real, fetched from a holder who has the bytes; the keyed path comes out of thin air, as
 * nobody read what it would take. */
static assay_err make_up_entry(struct checker *c, assay_opening_entry *out, assay_arena *keep,
                               const assay_models_duty *duty, const custody *mine, const assay_manifest *manifest,
                               uint64_t chunk, uint32_t from) {
    const uint64_t group_chunks = ASSAY_BLAKE3_GROUP_LEN / ASSAY_BLAKE3_CHUNK_LEN;
    uint32_t file = 0;
    while (file + 1 < manifest->files_count && manifest->files[file + 1].chunks_before <= chunk) file++;
    const assay_file_leaf *leaf = &manifest->files[file];
    uint64_t in_file = chunk - leaf->chunks_before, group = in_file / group_chunks, in_group = in_file % group_chunks;
    assay_model_range range;
    ASSAY_TRY(fetch_group(c, &range, keep, duty->root, leaf, file, group, from));
    size_t at = (size_t)in_group * ASSAY_BLAKE3_CHUNK_LEN, left = range.bytes.len - at;
    *out = (assay_opening_entry){
        .chunk = chunk,
        .file_idx = file,
        .file = *leaf,
        .content = {range.bytes.ptr + at, left < ASSAY_BLAKE3_CHUNK_LEN ? left : ASSAY_BLAKE3_CHUNK_LEN}};
    size_t chunks = range.bytes.len ? (range.bytes.len + ASSAY_BLAKE3_CHUNK_LEN - 1) / ASSAY_BLAKE3_CHUNK_LEN : 1;
    assay_hash *values = ASSAY_NEW(keep, assay_hash, chunks);
    assay_hash *leaves = ASSAY_NEW(keep, assay_hash, manifest->files_count);
    if (!values || !leaves) return ASSAY_F_MEMORY;
    for (size_t i = 0; i < chunks && chunks > 1; i++) {
        size_t start = i * ASSAY_BLAKE3_CHUNK_LEN, rest = range.bytes.len - start;
        assay_bytes bytes = {range.bytes.ptr + start, rest < ASSAY_BLAKE3_CHUNK_LEN ? rest : ASSAY_BLAKE3_CHUNK_LEN};
        values[i] = assay_crypto_blake3_subtree(NULL, bytes, group * group_chunks + i);
    }
    assay_blake3_path inside;
    ASSAY_TRY(assay_crypto_blake3_path_from_cvs(&inside, NULL, values, range.bytes.len, in_group));
    for (uint32_t i = 0; i < range.path.count; i++) inside.siblings[inside.count++] = range.path.siblings[i];
    ASSAY_TRY(rows_of(&out->plain_path, &out->plain_path_count, keep, inside.siblings, inside.count));
    assay_os_random(inside.siblings, inside.count * sizeof *inside.siblings);
    ASSAY_TRY(rows_of(&out->keyed_path, &out->keyed_path_count, keep, inside.siblings, inside.count));
    for (uint32_t i = 0; i < manifest->files_count; i++) {
        assay_bytes encoded;
        assay_arena turn = *keep;
        ASSAY_TRY(
            assay_codec_encode_new(&encoded, &turn, &assay_file_leaf_message, &manifest->files[i], ASSAY_CODEC_STRICT));
        leaves[i] = assay_merkle_leaf(encoded);
    }
    ASSAY_TRY(merkle_rows(&out->file_path, &out->file_path_count, keep, leaves, manifest->files_count, file));
    for (uint32_t i = 0; i < manifest->files_count; i++)
        leaves[i] = assay_merkle_leaf(assay_base_hash_bytes(&mine->state.keyed[i]));
    return merkle_rows(&out->custody_path, &out->custody_path_count, keep, leaves, manifest->files_count, file);
}

static assay_err a_holder(struct checker *c, uint32_t *out, assay_hash root, assay_arena scratch) {
    candidates from;
    candidates_of(c, &from, root);
    for (uint32_t i = 0; i < from.count; i++) {
        assay_arena turn = scratch;
        assay_bytes groups;
        *out = from.peers[i];
        if (get(c, &groups, &turn, *out, root, "groups", "", HOLDING_MANIFEST_MAX) == ASSAY_OK) return ASSAY_OK;
    }
    return ASSAY_E_NOT_FOUND;
}

static assay_err make_up_entries(struct checker *c, assay_opening_entry *entries, assay_arena *keep,
                                 const assay_models_duty *duty, const custody *mine) {
    uint32_t from;
    assay_manifest manifest;
    ASSAY_TRY(a_holder(c, &from, duty->root, *keep));
    assay_err err = holding_manifest(c->owner, &manifest, NULL, keep, duty->root);
    if (err == ASSAY_E_NOT_FOUND) {
        ASSAY_TRY(fetch_manifest(c, duty->root, NULL, from, *keep));
        err = holding_manifest(c->owner, &manifest, NULL, keep, duty->root);
    }
    ASSAY_TRY(err);
    for (uint32_t i = 0; i < duty->draws_count; i++)
        ASSAY_TRY(make_up_entry(c, &entries[i], keep, duty, mine, &manifest, duty->draws[i], from));
    return ASSAY_OK;
}

/* ---- openings ------------------------------------------------------------------------------------------------ */

static assay_err do_open(struct checker *c, const assay_models_duty *duty, assay_arena keep, assay_arena scratch) {
    validator *v = c->owner;
    custody *mine = custody_find(c, duty);
    assay_manifest manifest;
    assay_model_groups groups;
    const char *dir;
    if (!mine) ASSAY_TRY(recompute(c, &mine, duty, NULL, scratch));
    if (!mine->invented) {
        ASSAY_TRY(holding_manifest(v, &manifest, NULL, &keep, duty->root));
        ASSAY_TRY(holding_groups(v, &groups, NULL, &keep, duty->root, &manifest));
        ASSAY_TRY(holding_files(v, &dir, &keep, duty->root));
    }
    assay_opening_entry *entries = ASSAY_NEW(&keep, assay_opening_entry, duty->draws_count);
    if (!entries) return ASSAY_F_MEMORY;
    assay_opening_claim claim = {duty->root, duty->files, duty->chunks, mine->state.key, duty->custody_root};
    if (mine->invented) ASSAY_TRY(make_up_entries(c, entries, &keep, duty, mine));
    for (uint32_t i = 0; i < duty->draws_count && !mine->invented; i++) {
        ASSAY_TRY(assay_model_opening_entry(&entries[i], &keep, dir, &manifest, &groups, &mine->state, duty->draws[i],
                                            scratch));
        /* A node never signs an opening that would cost its stake. */
        ASSAY_TRY(assay_opening_entry_check(&entries[i], duty->draws[i], &claim));
    }
    assay_msg_opening opening = {duty->name, duty->version, entries, duty->draws_count};
    ASSAY_TRY(submit(c, &(assay_tx_body){.opening = &opening}, scratch));
    node_log(v->node, "%s opened %u chunks of %.*s@%.*s", v->name, duty->draws_count, (int)duty->name.len,
             duty->name.ptr, (int)duty->version.len, duty->version.ptr);
    return ASSAY_OK;
}

/* ---- the thread ---------------------------------------------------------------------------------------------- */

static assay_err duties(struct checker *c, assay_models_duty **out, uint32_t *count, assay_arena *keep) {
    assay_store_snapshot *snapshot;
    ASSAY_TRY(assay_store_snapshot_begin(&snapshot, c->owner->store));
    assay_err err = assay_models_duties(out, count, keep, assay_store_snapshot_reader(snapshot),
                                        c->owner->attestation_key, DUTIES_MAX, &c->turn);
    assay_store_snapshot_end(snapshot);
    return err;
}

/* Some of what is due; true if there may be more. What cannot be done yet (no holder, draws to come) is tried again
 * after the next block or a moment. */
static bool look_once(struct checker *c) {
    validator *v = c->owner;
    assay_arena keep = assay_os_region_arena(&c->keep_region), scratch = assay_os_region_arena(&c->scratch_region);
    assay_models_duty *list;
    uint32_t count = 0;
    assay_err err = duties(c, &list, &count, &keep);
    if (count) atomic_store(&c->pending, true);
    for (uint32_t i = 0; err == ASSAY_OK && i < count && !atomic_load(&c->stopping); i++) {
        assay_err one =
            list[i].kind == ASSAY_DUTY_CHECK ? do_check(c, &list[i], scratch) : do_open(c, &list[i], keep, scratch);
        bool quiet = one == ASSAY_OK || one == ASSAY_E_NOT_FOUND || one == ASSAY_F_INTERRUPTED ||
                     one == ASSAY_E_WINDOW || one == ASSAY_E_DUPLICATE;
        if (!quiet)
            node_log(v->node, "%s: duty for %.*s: %s", v->name, (int)list[i].name.len, list[i].name.ptr,
                     assay_base_err_text(one));
    }
    if (err != ASSAY_OK) node_log(v->node, "%s: duties cannot be read: %s", v->name, assay_base_err_text(err));
    return err == ASSAY_OK && count == DUTIES_MAX;
}

#define LOOKS_MAX 64

static void look(struct checker *c) {
    atomic_store(&c->pending, false);
    for (uint32_t i = 0; i < LOOKS_MAX && look_once(c) && !atomic_load(&c->stopping); i++) {}
    assay_os_release_pages(&c->keep_region, c->keep_region.base);
    assay_os_release_pages(&c->scratch_region, c->scratch_region.base);
}

static void run(void *context) {
    struct checker *c = context;
    while (!atomic_load(&c->stopping)) {
        assay_os_mutex_lock(&c->lock);
        uint64_t deadline = atomic_load(&c->pending) ? assay_os_monotonic_ns() + RETRY_NS : ASSAY_OS_NO_DEADLINE;
        while (!c->poked && !atomic_load(&c->stopping) && assay_os_condition_wait(&c->wake, &c->lock, deadline)) {}
        c->poked = false;
        assay_os_mutex_unlock(&c->lock);
        if (!atomic_load(&c->stopping)) look(c);
    }
}

void checker_poke(validator *v) {
    struct checker *c = v->checker;
    if (!c) return;
    assay_os_mutex_lock(&c->lock);
    c->poked = true;
    assay_os_mutex_unlock(&c->lock);
    assay_os_condition_signal(&c->wake);
}

void checker_block(validator *v, const assay_ledger_result *result) {
    struct checker *c = v->checker;
    assay_os_mutex_lock(&c->lock);
    for (uint32_t i = 0; i < result->events_count; i++)
        if (strcmp(result->events[i].kind, "check") == 0)
            c->heard[c->heard_next++ % HEARD_KEPT] =
                (heard_check){assay_crypto_sha256_one(result->events[i].subject), assay_os_monotonic_ns()};
    assay_os_mutex_unlock(&c->lock);
    if (result->events_count || atomic_load(&v->checker->pending)) checker_poke(v);
}

assay_err checker_open(validator *v) {
    struct checker *c = calloc(1, sizeof *c);
    if (!c) return ASSAY_F_MEMORY;
    v->checker = c;
    c->owner = v;
    c->poked = true;
    assay_os_mutex_init(&c->lock);
    assay_os_condition_init(&c->wake);
    c->waits = calloc(WAITS_KEPT, sizeof *c->waits);
    if (!c->waits) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_os_reserve(&c->keep_region, ASSAY_MODEL_ARENA_SIZE));
    ASSAY_TRY(assay_os_reserve(&c->scratch_region, ASSAY_MODEL_ARENA_SIZE));
    holding_count(v, assay_os_region_arena(&c->scratch_region));
    const assay_node_settings *settings = v->node->config.settings;
    uint32_t count = settings ? settings->peers_count : 1;
    if (count > ASSAY_NODE_VALIDATORS_MAX) return ASSAY_E_RANGE;
    for (; c->clients_count < count; c->clients_count++)
        ASSAY_TRY(peer_client_open(&c->clients[c->clients_count], v, c->clients_count, 30));
    return ASSAY_OK;
}

assay_err checker_start(validator *v) {
    char name[16];
    assay_os_format(name, sizeof name, "checker%u", v->index);
    atomic_store(&v->checker->stopping, false);
    ASSAY_TRY(assay_os_thread_start(&v->checker->thread, name, 512 * 1024, run, v->checker));
    v->checker->running = true;
    return ASSAY_OK;
}

void checker_stop(validator *v) {
    struct checker *c = v->checker;
    if (!c || !c->running) return;
    assay_os_mutex_lock(&c->lock);
    atomic_store(&c->stopping, true);
    assay_os_mutex_unlock(&c->lock);
    assay_os_condition_signal(&c->wake);
    assay_os_thread_join(&c->thread);
    c->running = false;
}

void checker_close(validator *v) {
    struct checker *c = v->checker;
    if (!c) return;
    for (uint32_t i = 0; i < c->clients_count; i++) assay_http_client_close(c->clients[i]);
    for (uint32_t i = 0; i < CUSTODIES_KEPT; i++) assay_os_unreserve(&c->custodies[i].region);
    assay_os_unreserve(&c->keep_region);
    assay_os_unreserve(&c->scratch_region);
    assay_os_condition_fini(&c->wake);
    assay_os_mutex_fini(&c->lock);
    free(c->waits);
    free(c);
    v->checker = NULL;
}
