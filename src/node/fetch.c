/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch - a version's bytes from those that have them, over several lines at once:
 *
 *   ranges of 4 MiB, in the files' order, a window of them --> lines, each a connection to a peer
 *   --> a MiB that does not fit its digest: the peer is not asked again, its range is anybody's
 *   --> in order to the files, which so always are what a kill may leave: a prefix that was checked
 *
 * A range that comes so slowly that everybody waits for it is fetched again by a line to another peer, and whoever was
 * overtaken is not asked again either. Where few peers have the bytes, further lines go to those that gave some; one
 * line looks around for others, since those that have nothing yet may be fetching the same.
 *
 * Memory: RANGE_LEN for each place of the window and each line, whatever the model's size.
 */
#include "node_internal.h"

#include <stdlib.h>
#include <string.h>

#define GROUP ((uint64_t)ASSAY_BLAKE3_GROUP_LEN)
#define RANGE_LEN (4 * GROUP) /* what one request of /bytes/ROOT/files/I gives at most */
#define WINDOW 8
#define LINES_MAX 4
#define LINES_A_PEER_MAX 3     /* if there are others */
#define AGAIN_NS 1000000000ull /* who had nothing is asked again */
#define OVERTAKE_NS 500000000ull
#define LOOK_NS 100000000ull /* a stop is seen so soon */
#define PATHS_LEN ((size_t)32 << 10)
#define TIMEOUT_SECONDS 60
#define BUSY_NS 50000000ull
#define BUSY_TRIES 100
#define NAME_LEN 300 /* of a peer, in the log */

/* ---- one question to one peer -------------------------------------------------------------------------------- */

assay_err peer_client_open(assay_http_client **out, const validator *v, uint32_t peer, uint32_t timeout_seconds) {
    const assay_node_settings *settings = v->node->config.settings;
    char own[64];
    assay_os_format(own, sizeof own, "http://127.0.0.1:%u", v->node->port);
    return assay_http_client_open(out, settings ? settings->peers[peer] : own, timeout_seconds);
}

assay_err peer_get(assay_bytes *out, assay_arena *keep, const peer_question *q, assay_http_client *client, size_t max) {
    char hex[2 * ASSAY_HASH_LEN + 1], path[320];
    assay_base_hex(hex, assay_base_hash_bytes(&q->root));
    if (q->v->comet)
        assay_os_format(path, sizeof path, "/bytes/%s/%s?%s", hex, q->what, *q->query ? q->query + 1 : "");
    else
        assay_os_format(path, sizeof path, "/bytes/%s/%s?validator=%u%s", hex, q->what, q->peer, q->query);
    /* A busy node says so; a hundred validators that fetch at once are patient. */
    for (int tries = 0; tries < BUSY_TRIES && !atomic_load(q->stopping); tries++) {
        assay_http_reply reply;
        assay_arena turn = *keep;
        ASSAY_TRY(assay_http_call(client, &reply, &turn, ASSAY_HTTP_GET, path, (assay_bytes){NULL, 0}, NULL, max));
        if (reply.status == 200) {
            *keep = turn;
            *out = reply.body;
            return ASSAY_OK;
        }
        if (reply.status != 503) return ASSAY_E_NOT_FOUND;
        assay_os_sleep_ns(BUSY_NS);
    }
    return ASSAY_F_BUSY;
}

/* ---- a fetch ------------------------------------------------------------------------------------------------- */

typedef enum range_state { RANGE_NONE, RANGE_WANTED, RANGE_COMING, RANGE_HERE } range_state;

typedef struct range {
    range_state state;
    uint64_t number; /* from 0, in the order in which ranges are written */
    uint32_t file_idx;
    uint64_t offset;
    size_t len;
    uint64_t since_ns;           /* COMING */
    struct line *first, *second; /* that bring it; second: it overtakes */
    uint8_t *memory;             /* HERE: the bytes */
} range;

typedef enum peer_state { PEER_NEW, PEER_TRIED, PEER_GOOD, PEER_LEFT } peer_state;

typedef struct peer_row {
    uint32_t peer;
    peer_state state;
    uint32_t lines;
    uint64_t later_ns; /* NEW: not before */
} peer_row;

typedef struct line {
    struct fetch *f;
    assay_os_thread thread;
    assay_http_client *client;
    peer_row *at;
    uint8_t *memory; /* RANGE_LEN and more */
    assay_arena paths;
} line;

struct fetch {
    validator *v;
    const atomic_bool *stopping;
    assay_hash root;
    const assay_manifest *manifest;
    const assay_model_groups *groups;
    assay_os_region memory;
    bool *lied;
    uint64_t *have;   /* of each file, written */
    uint64_t missing; /* of all, at the beginning */
    peer_row *peers;
    uint32_t peers_count;
    line lines[LINES_MAX];
    uint32_t lines_count, lines_started, lines_running;

    assay_os_mutex lock;
    assay_os_condition moved;
    range window[WINDOW];
    uint64_t written, taken, ranges; /* ranges: done, ever asked for, in all */
    uint32_t next_file;
    uint64_t next_offset;
    bool storing; /* some line writes */
    bool ended;
    assay_err err;      /* of this machine: it ends the fetch */
    assay_err peer_err; /* of the last peer that did not serve */
};

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static bool over(const fetch *f) {
    return f->ended || f->err != ASSAY_OK || f->written == f->ranges || atomic_load(f->stopping);
}

static void wait_moved(fetch *f) {
    (void)assay_os_condition_wait(&f->moved, &f->lock, assay_os_monotonic_ns() + LOOK_NS);
}

/* ---- what is here already ------------------------------------------------------------------------------------ */

static bool group_fits(const fetch *f, uint32_t file_idx, uint64_t group, assay_bytes bytes) {
    uint64_t first = f->groups->first[file_idx], count = f->groups->first[file_idx + 1] - first;
    assay_hash value = count == 1 ? assay_crypto_blake3(NULL, bytes)
                                  : assay_crypto_blake3_subtree(NULL, bytes, group * (GROUP / ASSAY_BLAKE3_CHUNK_LEN));
    return assay_base_hash_eq(value, f->groups->values[first + group]);
}

/* Of a file that was left unfinished: whole groups that fit. A power cut leaves others. */
static assay_err fitting(const fetch *f, uint64_t *fits, uint32_t file_idx, uint64_t size, assay_arena scratch) {
    const assay_file_leaf *file = &f->manifest->files[file_idx];
    const char *dir, *path;
    assay_os_file opened;
    uint8_t *bytes = ASSAY_NEW(&scratch, uint8_t, GROUP);
    if (!bytes) return ASSAY_F_MEMORY;
    ASSAY_TRY(holding_files(f->v, &dir, &scratch, f->root));
    ASSAY_TRY(assay_os_path_join(&path, &scratch, dir, file->path));
    ASSAY_TRY(assay_os_file_open(&opened, path, ASSAY_OS_READ, 0));
    assay_err err = ASSAY_OK;
    for (*fits = 0; err == ASSAY_OK && *fits < size && !atomic_load(f->stopping);) {
        size_t len = (size_t)least(GROUP, file->size - *fits), got;
        err = assay_os_file_read(&got, &opened, bytes, len, *fits);
        if (err == ASSAY_OK && (got < len || !group_fits(f, file_idx, *fits / GROUP, (assay_bytes){bytes, len}))) break;
        *fits += len;
    }
    assay_os_file_close(&opened);
    return err == ASSAY_OK && atomic_load(f->stopping) ? ASSAY_F_INTERRUPTED : err;
}

static assay_err look_at_file(fetch *f, uint32_t file_idx, assay_arena scratch) {
    const assay_file_leaf *file = &f->manifest->files[file_idx];
    uint64_t size, *have = &f->have[file_idx];
    ASSAY_TRY(holding_file_size(f->v, &size, f->root, file, scratch));
    if (file->size == 0) return holding_write(f->v, f->root, file, 0, (assay_bytes){NULL, 0}, have, scratch);
    if (size) ASSAY_TRY(fitting(f, have, file_idx, least(size, file->size), scratch));
    if (*have < size) ASSAY_TRY(holding_cut(f->v, f->root, file, *have, scratch));
    f->missing += file->size - *have;
    f->ranges += (file->size - *have + RANGE_LEN - 1) / RANGE_LEN;
    return ASSAY_OK;
}

/* ---- ranges -------------------------------------------------------------------------------------------------- */

/* The caller holds the lock. */
static range *next_range(fetch *f) {
    if (f->taken == f->ranges || f->taken - f->written == WINDOW) return NULL;
    while (f->next_offset >= f->manifest->files[f->next_file].size) f->next_offset = f->have[++f->next_file];
    range *r = &f->window[f->taken % WINDOW];
    uint64_t rest = f->manifest->files[f->next_file].size - f->next_offset;
    *r = (range){.number = f->taken++,
                 .file_idx = f->next_file,
                 .offset = f->next_offset,
                 .len = (size_t)least(rest, RANGE_LEN),
                 .memory = r->memory};
    f->next_offset += r->len;
    return r;
}

/* What a line shall bring: what a peer left, what nobody brings yet, what somebody else brings too slowly. False:
 * nothing any more. */
static bool take(line *l, range *out) {
    fetch *f = l->f;
    range *found = NULL;
    assay_os_mutex_lock(&f->lock);
    while (!found && !over(f) && l->at->state != PEER_LEFT) {
        range *slow = NULL;
        for (uint64_t i = f->written; i < f->taken; i++) {
            range *r = &f->window[i % WINDOW];
            if (!found && r->state == RANGE_WANTED) found = r;
            bool late = r->state == RANGE_COMING && !r->second && r->first->at != l->at &&
                        assay_os_monotonic_ns() - r->since_ns > OVERTAKE_NS;
            if (!slow && late) slow = r;
        }
        if (!found) found = next_range(f);
        if (found) {
            found->state = RANGE_COMING;
            found->since_ns = assay_os_monotonic_ns();
            found->first = l;
        } else if (slow) {
            slow->second = l;
            found = slow;
        } else {
            wait_moved(f);
        }
    }
    if (found) *out = *found;
    assay_os_mutex_unlock(&f->lock);
    return found != NULL;
}

/* From the network to memory, each group held against its digest. */
static assay_err bring(line *l, const range *r) {
    fetch *f = l->f;
    char what[32], query[80];
    assay_bytes bytes;
    assay_arena keep = assay_base_arena(l->memory, RANGE_LEN);
    assay_os_format(what, sizeof what, "files/%u", r->file_idx);
    assay_os_format(query, sizeof query, "&offset=%llu&length=%zu", (unsigned long long)r->offset, r->len);
    peer_question q = {f->v, f->stopping, f->root, l->at->peer, what, query};
    ASSAY_TRY(peer_get(&bytes, &keep, &q, l->client, RANGE_LEN));
    if (bytes.len != r->len) return ASSAY_E_CONTENT;
    ASSAY_ASSERT(bytes.ptr == l->memory);
    for (size_t at = 0; at < r->len; at += GROUP) {
        assay_bytes group = {bytes.ptr + at, (size_t)least(GROUP, r->len - at)};
        if (!group_fits(f, r->file_idx, (r->offset + at) / GROUP, group)) return ASSAY_E_CONTENT;
    }
    return ASSAY_OK;
}

static assay_err write_range(line *l, const range *r) {
    fetch *f = l->f;
    const assay_file_leaf *file = &f->manifest->files[r->file_idx];
    for (uint64_t at = r->offset, end = r->offset + r->len, have; at < end; at = have) {
        assay_bytes rest = {r->memory + (at - r->offset), (size_t)(end - at)};
        assay_err err = holding_write(f->v, f->root, file, at, rest, &have, l->paths);
        /* Somebody hands in the same file: what follows is ours again. */
        if (err == ASSAY_E_RANGE && have > at && have < end) continue;
        ASSAY_TRY(err);
    }
    return ASSAY_OK;
}

/* What is here and next goes to the files, by one line at a time; the caller holds the lock, which is given up
 * meanwhile. */
static void store(line *l) {
    fetch *f = l->f;
    if (f->storing) return;
    f->storing = true;
    while (f->written < f->taken && f->window[f->written % WINDOW].state == RANGE_HERE && f->err == ASSAY_OK) {
        range *r = &f->window[f->written % WINDOW];
        assay_os_mutex_unlock(&f->lock);
        assay_err err = write_range(l, r);
        assay_os_mutex_lock(&f->lock);
        f->err = err;
        if (err != ASSAY_OK) break;
        f->have[r->file_idx] = r->offset + r->len;
        r->state = RANGE_NONE;
        f->written++;
        assay_os_condition_broadcast(&f->moved);
    }
    f->storing = false;
}

/* The caller holds the lock. */
static void leave_peer(fetch *f, peer_row *p) {
    p->state = PEER_LEFT;
    /* Its other lines stop now. */
    for (uint32_t i = 0; i < f->lines_count; i++)
        if (f->lines[i].at == p && f->lines[i].client) assay_http_client_stop(f->lines[i].client);
}

/* Under CometBFT a peer is known by its address alone. */
static const char *peer_name(char out[NAME_LEN], const fetch *f, uint32_t peer) {
    const assay_node_settings *settings = f->v->node->config.settings;
    if (settings)
        assay_os_format(out, NAME_LEN, "%s", settings->peers[peer]);
    else
        assay_os_format(out, NAME_LEN, "validator %u", peer);
    return out;
}

/* A line's range came, or did not. */
static void done(line *l, const range *mine, assay_err err) {
    fetch *f = l->f;
    char name[NAME_LEN];
    assay_os_mutex_lock(&f->lock);
    range *r = &f->window[mine->number % WINDOW];
    bool asked = r->number == mine->number && r->state == RANGE_COMING && (r->first == l || r->second == l);
    if (asked && err == ASSAY_OK) {
        if (r->second == l && r->first) {
            node_log(f->v->node, "%s: bytes of %s come slowly", f->v->name, peer_name(name, f, r->first->at->peer));
            leave_peer(f, r->first->at);
        }
        uint8_t *memory = r->memory;
        r->memory = l->memory;
        l->memory = memory;
        r->state = RANGE_HERE;
        if (l->at->state == PEER_TRIED) l->at->state = PEER_GOOD;
        store(l);
    } else if (asked) {
        if (r->first == l) r->first = r->second;
        r->second = NULL;
        if (!r->first) r->state = RANGE_WANTED;
    }
    bool known = l->at->state == PEER_LEFT; /* and why */
    if (err == ASSAY_E_NOT_FOUND && l->at->state == PEER_TRIED) {
        l->at->state = PEER_NEW;
        l->at->later_ns = assay_os_monotonic_ns() + AGAIN_NS;
    } else if (err != ASSAY_OK && !known) {
        f->peer_err = err;
        if (err == ASSAY_E_CONTENT) f->lied[l->at->peer] = true;
        leave_peer(f, l->at);
    }
    assay_os_condition_broadcast(&f->moved);
    assay_os_mutex_unlock(&f->lock);
    if (err != ASSAY_OK && !known && err != ASSAY_E_NOT_FOUND && err != ASSAY_F_INTERRUPTED)
        node_log(f->v->node, "%s: bytes of %s do not serve: %s", f->v->name, peer_name(name, f, l->at->peer),
                 assay_base_err_text(err));
}

/* ---- lines --------------------------------------------------------------------------------------------------- */

/* Whom a line asks: somebody new, else one of those that gave something. */
static bool choose(line *l) {
    fetch *f = l->f;
    assay_os_mutex_lock(&f->lock);
    uint32_t most = f->peers_count > 1 ? LINES_A_PEER_MAX : LINES_MAX;
    bool hope = true; /* as long as somebody brings something */
    while (!l->at && hope && !over(f)) {
        peer_row *fresh = NULL, *good = NULL;
        uint64_t now = assay_os_monotonic_ns();
        hope = false;
        for (uint32_t i = 0; i < f->peers_count; i++) {
            peer_row *p = &f->peers[i];
            hope = hope || p->lines;
            if (!fresh && p->state == PEER_NEW && now >= p->later_ns) fresh = p;
            if (p->state == PEER_GOOD && p->lines < most && (!good || p->lines < good->lines)) good = p;
        }
        l->at = fresh ? fresh : good;
        if (!l->at && hope) wait_moved(f);
    }
    if (l->at) {
        l->at->lines++;
        if (l->at->state == PEER_NEW) l->at->state = PEER_TRIED;
    }
    assay_os_mutex_unlock(&f->lock);
    return l->at != NULL;
}

static void serve(line *l) {
    fetch *f = l->f;
    assay_http_client *client = NULL;
    range r;
    assay_err err = peer_client_open(&client, f->v, l->at->peer, TIMEOUT_SECONDS);
    assay_os_mutex_lock(&f->lock);
    l->client = client;
    if (err != ASSAY_OK) leave_peer(f, l->at);
    assay_os_mutex_unlock(&f->lock);
    while (err == ASSAY_OK && take(l, &r)) {
        err = bring(l, &r);
        done(l, &r, err);
    }
    assay_os_mutex_lock(&f->lock);
    l->client = NULL;
    l->at->lines--;
    l->at = NULL;
    assay_os_condition_broadcast(&f->moved);
    assay_os_mutex_unlock(&f->lock);
    assay_http_client_close(client);
}

static void run(void *context) {
    line *l = context;
    fetch *f = l->f;
    while (choose(l)) serve(l);
    assay_os_mutex_lock(&f->lock);
    /* The last one says that nobody is left who could bring what is missing. */
    if (--f->lines_running == 0 && f->written < f->ranges && f->err == ASSAY_OK)
        f->err = atomic_load(f->stopping) ? ASSAY_F_INTERRUPTED : f->peer_err;
    assay_os_condition_broadcast(&f->moved);
    assay_os_mutex_unlock(&f->lock);
}

/* ---- beginning and end --------------------------------------------------------------------------------------- */

static assay_err memory_for(fetch *f) {
    size_t places = WINDOW + f->lines_count;
    ASSAY_TRY(assay_os_reserve(&f->memory, places * RANGE_LEN + f->lines_count * PATHS_LEN));
    uint8_t *at = f->memory.base;
    for (uint32_t i = 0; i < WINDOW; i++, at += RANGE_LEN) f->window[i].memory = at;
    for (uint32_t i = 0; i < f->lines_count; i++, at += RANGE_LEN) f->lines[i].memory = at;
    for (uint32_t i = 0; i < f->lines_count; i++, at += PATHS_LEN) f->lines[i].paths = assay_base_arena(at, PATHS_LEN);
    return ASSAY_OK;
}

static assay_err prepare(fetch *f, const uint32_t *peers, assay_arena scratch) {
    f->have = calloc(f->manifest->files_count, sizeof *f->have);
    f->peers = calloc((size_t)f->peers_count + 1, sizeof *f->peers);
    if (!f->have || !f->peers) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < f->peers_count; i++) f->peers[i].peer = peers[i];
    for (uint32_t i = 0; i < f->manifest->files_count; i++) {
        if (atomic_load(f->stopping)) return ASSAY_F_INTERRUPTED;
        ASSAY_TRY(look_at_file(f, i, scratch));
    }
    f->next_offset = f->have[0];
    f->lines_count = f->ranges < LINES_MAX ? (uint32_t)f->ranges : LINES_MAX;
    ASSAY_TRY(memory_for(f));
    for (uint32_t i = 0; i < f->lines_count; i++) f->lines[i].f = f;
    f->lines_running = f->lines_count;
    if (f->lines_count < 2) return ASSAY_OK; /* fetch_end does it */
    assay_os_mutex_lock(&f->lock);           /* none ends before they are counted */
    for (; f->lines_started < f->lines_count; f->lines_started++) {
        line *l = &f->lines[f->lines_started];
        if (assay_os_thread_start(&l->thread, "fetch", 512 * 1024, run, l) != ASSAY_OK) break;
    }
    /* With fewer threads than hoped for it takes longer. */
    f->lines_running -= f->lines_count - f->lines_started;
    if (!f->lines_started) f->err = ASSAY_F_MEMORY;
    assay_os_mutex_unlock(&f->lock);
    return ASSAY_OK;
}

assay_err fetch_begin(fetch **out, const fetch_order *order, const uint32_t *peers, uint32_t peers_count,
                      assay_arena scratch) {
    fetch *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f) return ASSAY_F_MEMORY;
    f->v = order->v;
    f->stopping = order->stopping;
    f->root = order->root;
    f->manifest = order->manifest;
    f->groups = order->groups;
    f->lied = order->lied;
    f->peers_count = peers_count;
    f->peer_err = ASSAY_E_NOT_FOUND;
    assay_os_mutex_init(&f->lock);
    assay_os_condition_init(&f->moved);
    assay_err err = prepare(f, peers, scratch);
    if (err != ASSAY_OK)
        (void)fetch_end(f, false);
    else
        *out = f;
    return err;
}

bool fetch_is_small(const fetch *f) { return f->lines_count < 2; }

bool fetch_arrived(void *context, uint32_t file_idx, uint64_t bytes) {
    fetch *f = context;
    assay_os_mutex_lock(&f->lock);
    while (f->have[file_idx] < bytes && !over(f)) wait_moved(f);
    bool here = f->have[file_idx] >= bytes;
    assay_os_mutex_unlock(&f->lock);
    return here;
}

assay_err fetch_end(fetch *f, bool wait) {
    if (wait && !f->lines_started && f->lines_count == 1) run(&f->lines[0]);
    assay_os_mutex_lock(&f->lock);
    while (wait && !over(f)) wait_moved(f);
    f->ended = true;
    for (uint32_t i = 0; i < f->lines_started; i++)
        if (f->lines[i].client) assay_http_client_stop(f->lines[i].client);
    assay_os_condition_broadcast(&f->moved);
    assay_os_mutex_unlock(&f->lock);
    for (uint32_t i = 0; i < f->lines_started; i++) assay_os_thread_join(&f->lines[i].thread);
    assay_err err = f->written == f->ranges ? ASSAY_OK : f->err != ASSAY_OK ? f->err : ASSAY_F_INTERRUPTED;
    assay_os_unreserve(&f->memory);
    assay_os_condition_fini(&f->moved);
    assay_os_mutex_fini(&f->lock);
    free(f->have);
    free(f->peers);
    free(f);
    return err;
}
