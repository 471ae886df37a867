/* SPDX-License-Identifier: Apache-2.0
 * The hashing engine. Every text, a whole file or a tensor in it, is a row of blocks of 64 KiB. A block becomes a
 * chaining value wherever and whenever a thread gets to it; rows fold into digests at the end, so results do not depend
 * on threads.
 *
 * Work is handed out in spans, 4 MiB of one file: the file's blocks in it, and the tensors' blocks that begin in it,
 * while they are in the cache. SHA-256 cannot be split: a thread takes up to four files ("lanes") and runs them
 * interleaved, and does the spans of its lanes as it passes, unless somebody else has taken them. Threads that find no
 * file left take spans, from the end backwards, towards the lanes.
 *
 * Of files that are still arriving one thread makes SHA-256, in a single lane, and the others take spans from the
 * front; all of them wait for the bytes. */
#include "model_internal.h"

#include <stdatomic.h>
#include <string.h>

#define SPAN_BLOCKS 64u
#define SPAN_LEN (SPAN_BLOCKS * MODEL_BLOCK_LEN)
#define LANES_MAX 4u
#define STACK_SIZE ((size_t)1 << 20)
#define PROGRESS_INTERVAL_NS 50000000u
#define OVERLAP_MAX 4u

/* A block of a tensor, with the place of its chaining value. */
typedef struct piece {
    uint64_t offset; /* in the file */
    assay_hash *value;
    uint64_t chunk; /* number of its first chunk in the tensor */
    uint32_t len;
    bool whole; /* the tensor is this one block: the value is its digest */
} piece;

/* What of a job only the engine knows. */
typedef struct row {
    assay_hash *plain, *keyed; /* one per block, or NULL */
    uint64_t blocks;
    uint64_t first_span, spans;
    piece *pieces; /* by offset */
    uint64_t pieces_count;
    assay_hash *text_values; /* of all texts, in the order of texts */
    atomic_uint err;
} row;

typedef struct engine {
    model_plan *plan;
    row *rows;
    uint64_t spans;
    atomic_uchar *claimed; /* per span */
    uint32_t *span_job;    /* per span */
    uint32_t *order;       /* jobs, the largest first: the order in which lanes take them */
    uint32_t lanes;        /* per thread */
    atomic_uint next_job;
    atomic_ullong next_span;
    bool backwards;
    /* progress and the first fault */
    const assay_model_options *options;
    atomic_ullong done;
    uint64_t total;
    atomic_uint fault;
    atomic_bool stop;
    assay_os_mutex mutex;
    uint64_t told_ns;
    uint32_t fault_job;
} engine;

typedef struct lane {
    bool active;
    uint32_t job;
    model_view view;
    uint64_t at;
    assay_sha256 sha;
    bool mine;       /* the span at `at` is this thread's */
    uint64_t piece;  /* the next piece of the span */
    uint8_t *buffer; /* for small files */
} lane;

typedef struct worker {
    engine *engine;
    assay_os_thread thread;
    bool first;
    lane lanes[LANES_MAX];
    /* The file whose spans this thread did last stays open. */
    bool open;
    uint32_t open_job;
    model_view view;
    uint8_t *buffer;
} worker;

uint64_t model_groups_of(uint64_t size) {
    uint64_t groups = size / ASSAY_BLAKE3_GROUP_LEN + (size % ASSAY_BLAKE3_GROUP_LEN != 0);
    return groups ? groups : 1;
}

static uint64_t blocks_of(uint64_t size) {
    uint64_t blocks = size / MODEL_BLOCK_LEN + (size % MODEL_BLOCK_LEN != 0);
    return blocks ? blocks : 1;
}

assay_hash model_fold(const assay_hash *key, const assay_hash *values, uint64_t count, bool root) {
    /* peaks[i] stands for 2^i values; as in adding one to a binary number, equal neighbours merge. */
    assay_hash peaks[64];
    uint64_t done = 0;
    ASSAY_ASSERT(count > 0);
    if (count == 1) return values[0];
    for (uint64_t i = 0; i + 1 < count; i++) {
        assay_hash value = values[i];
        uint32_t level = 0;
        for (uint64_t n = done; n & 1; n >>= 1) value = assay_crypto_blake3_parent(key, peaks[level++], value, false);
        peaks[level] = value;
        done++;
    }
    /* The last value, which may be short, joins the peaks from the smallest up. */
    assay_hash value = values[count - 1];
    for (uint32_t level = 0; level < 64; level++) {
        if (!(done >> level & 1)) continue;
        bool last = done >> level == 1;
        value = assay_crypto_blake3_parent(key, peaks[level], value, root && last);
    }
    return value;
}

/* ---- progress and faults ------------------------------------------------------------------------------------- */

static void fail(engine *e, uint32_t job, assay_err err) {
    if (!assay_base_err_is_fault(err)) {
        unsigned none = 0;
        atomic_compare_exchange_strong(&e->rows[job].err, &none, (unsigned)err);
        return;
    }
    assay_os_mutex_lock(&e->mutex);
    if (!atomic_load(&e->fault)) {
        atomic_store(&e->fault, (unsigned)err);
        e->fault_job = job;
    }
    assay_os_mutex_unlock(&e->mutex);
    atomic_store(&e->stop, true);
}

static void advance(engine *e, uint32_t job, uint64_t bytes) {
    uint64_t done = atomic_fetch_add(&e->done, bytes) + bytes;
    if (!e->options->progress) return;
    assay_os_mutex_lock(&e->mutex);
    uint64_t now = assay_os_monotonic_ns();
    bool tell = now - e->told_ns >= PROGRESS_INTERVAL_NS || done == e->total;
    if (tell) {
        e->told_ns = now;
        assay_model_progress progress = {done, e->total, assay_base_bytes_str(e->plan->jobs[job].path)};
        if (!e->options->progress(e->options->progress_context, &progress)) {
            if (!atomic_load(&e->fault)) atomic_store(&e->fault, (unsigned)ASSAY_F_INTERRUPTED), e->fault_job = job;
            atomic_store(&e->stop, true);
        }
    }
    assay_os_mutex_unlock(&e->mutex);
}

static bool arriving(const engine *e) { return e->options->arrived != NULL; }

/* Until the first `bytes` of a job's file are there, and as much more as a tensor's block may reach beyond them; small
 * files come whole. False: they will not come. */
static bool await(engine *e, uint32_t job, uint64_t bytes) {
    uint64_t size = e->plan->jobs[job].size;
    if (!arriving(e)) return true;
    bytes = size <= MODEL_VIEW_READ_MAX || size - bytes < MODEL_BLOCK_LEN ? size : bytes + MODEL_BLOCK_LEN;
    if (e->options->arrived(e->options->arrived_context, job, bytes)) return true;
    fail(e, job, ASSAY_F_INTERRUPTED);
    return false;
}

/* ---- blocks -------------------------------------------------------------------------------------------------- */

static void hash_block(engine *e, uint32_t job, assay_bytes file, uint64_t block) {
    row *r = &e->rows[job];
    uint64_t at = block * MODEL_BLOCK_LEN, rest = file.len - at;
    assay_bytes bytes = {file.ptr + at, (size_t)(rest < MODEL_BLOCK_LEN ? rest : MODEL_BLOCK_LEN)};
    if (!bytes.len) bytes.ptr = NULL;
    bool whole = r->blocks == 1;
    uint64_t chunk = at / ASSAY_BLAKE3_CHUNK_LEN;
    if (r->plain)
        r->plain[block] = whole ? assay_crypto_blake3(NULL, bytes) : assay_crypto_blake3_subtree(NULL, bytes, chunk);
    const assay_hash *key = e->plan->key;
    if (r->keyed)
        r->keyed[block] = whole ? assay_crypto_blake3(key, bytes) : assay_crypto_blake3_subtree(key, bytes, chunk);
}

static void hash_piece(const piece *p, assay_bytes file) {
    assay_bytes bytes = {p->len ? file.ptr + p->offset : NULL, p->len};
    *p->value = p->whole ? assay_crypto_blake3(NULL, bytes) : assay_crypto_blake3_subtree(NULL, bytes, p->chunk);
}

/* Index of the first piece that begins at or after offset. */
static uint64_t piece_from(const row *r, uint64_t offset) {
    uint64_t low = 0, high = r->pieces_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (r->pieces[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Where the pieces of a file's span end: those of its last span include any that begin at the file's very end. */
static uint64_t span_end(const row *r, uint64_t span) {
    return span + 1 == r->spans ? UINT64_MAX : (span + 1) * SPAN_LEN;
}

static bool claim(engine *e, uint64_t span) { return atomic_exchange(&e->claimed[span], 1) == 0; }

/* ---- spans --------------------------------------------------------------------------------------------------- */

static void close_view(worker *w) {
    if (!w->open) return;
    w->open = false;
    assay_err err = model_view_close(&w->view, w->engine->plan->jobs[w->open_job].size);
    if (err) fail(w->engine, w->open_job, err);
}

static bool open_view(worker *w, uint32_t job) {
    if (w->open && w->open_job == job) return true;
    close_view(w);
    engine *e = w->engine;
    const model_job *j = &e->plan->jobs[job];
    assay_err err = model_view_open(&w->view, e->plan->dir, j->path, j->size, w->buffer, arriving(e));
    if (err) {
        fail(e, job, err);
        return false;
    }
    w->open = true;
    w->open_job = job;
    return true;
}

static void do_span(worker *w, uint64_t global) {
    engine *e = w->engine;
    uint32_t job = e->span_job[global];
    row *r = &e->rows[job];
    uint64_t span = global - r->first_span, from = span * SPAN_BLOCKS, to = from + SPAN_BLOCKS;
    if (to > r->blocks) to = r->blocks;
    uint64_t size = e->plan->jobs[job].size, until = to * MODEL_BLOCK_LEN;
    if (!await(e, job, until < size ? until : size) || atomic_load(&r->err) || !open_view(w, job)) return;
    assay_os_map_read_ahead(&w->view.map, from * MODEL_BLOCK_LEN, SPAN_LEN);
    uint64_t next = piece_from(r, from * MODEL_BLOCK_LEN), end = span_end(r, span);
    for (uint64_t block = from; block < to && !atomic_load(&e->stop); block++) {
        if (r->plain || r->keyed) hash_block(e, job, w->view.bytes, block);
        uint64_t done = (block + 1) * MODEL_BLOCK_LEN;
        bool last = block + 1 == to;
        for (; next < r->pieces_count && r->pieces[next].offset < end; next++) {
            if (!last && r->pieces[next].offset + r->pieces[next].len > done) break;
            hash_piece(&r->pieces[next], w->view.bytes);
        }
    }
    if (!e->plan->sha256) {
        uint64_t begin = from * MODEL_BLOCK_LEN;
        advance(e, job, size - begin < SPAN_LEN ? size - begin : SPAN_LEN);
    }
}

static void do_spans(worker *w) {
    engine *e = w->engine;
    while (!atomic_load(&e->stop)) {
        uint64_t i = atomic_fetch_add(&e->next_span, 1);
        if (i >= e->spans) break;
        uint64_t span = e->backwards ? e->spans - 1 - i : i;
        if (claim(e, span)) do_span(w, span);
    }
    close_view(w);
}

/* ---- lanes --------------------------------------------------------------------------------------------------- */

static void lane_close(worker *w, lane *l) {
    l->active = false;
    assay_err err = model_view_close(&l->view, w->engine->plan->jobs[l->job].size);
    if (err) fail(w->engine, l->job, err);
}

/* At the beginning of a span: whose is it? */
static void lane_enter_span(engine *e, lane *l) {
    row *r = &e->rows[l->job];
    uint64_t span = l->at / SPAN_LEN;
    l->mine = span < r->spans && claim(e, r->first_span + span);
    l->piece = l->mine ? piece_from(r, l->at) : 0;
    assay_os_map_read_ahead(&l->view.map, l->at, 2 * SPAN_LEN);
}

/* After SHA-256 has passed a block, or the file's end: BLAKE3 of it while it is in the cache. */
static void lane_leave_block(engine *e, lane *l, uint64_t block) {
    row *r = &e->rows[l->job];
    if (!l->mine) return;
    uint64_t span = block / SPAN_BLOCKS, end = span_end(r, span);
    if (r->plain || r->keyed) hash_block(e, l->job, l->view.bytes, block);
    bool last = block + 1 == r->blocks || (block + 1) % SPAN_BLOCKS == 0;
    for (; l->piece < r->pieces_count && r->pieces[l->piece].offset < end; l->piece++) {
        const piece *p = &r->pieces[l->piece];
        if (!last && p->offset + p->len > l->at) break;
        hash_piece(p, l->view.bytes);
    }
}

/* Gives the lane the next file; false if there is none left. */
static bool lane_open(worker *w, lane *l) {
    engine *e = w->engine;
    for (;;) {
        uint32_t i = atomic_fetch_add(&e->next_job, 1);
        if (i >= e->plan->jobs_count) return false;
        l->job = e->order[i];
        const model_job *j = &e->plan->jobs[l->job];
        if (!await(e, l->job, 0)) return false;
        assay_err err = model_view_open(&l->view, e->plan->dir, j->path, j->size, l->buffer, arriving(e));
        if (!err) break;
        fail(e, l->job, err);
        if (assay_base_err_is_fault(err)) return false;
    }
    l->active = true;
    l->at = 0;
    assay_crypto_sha256_init(&l->sha);
    lane_enter_span(e, l);
    return true;
}

/* The file's last bytes, less than a SHA-256 block of them, and its end. */
static void lane_finish(worker *w, lane *l) {
    engine *e = w->engine;
    model_job *j = &e->plan->jobs[l->job];
    uint64_t rest = j->size - l->at;
    if (rest) assay_crypto_sha256_update(&l->sha, (assay_bytes){l->view.bytes.ptr + l->at, (size_t)rest});
    uint64_t began = l->at;
    l->at = j->size;
    j->sha256 = assay_crypto_sha256_final(&l->sha);
    /* The block in which the file ends, unless it was left when its last full 64 bytes had passed. */
    if (rest || began % MODEL_BLOCK_LEN || began == 0)
        lane_leave_block(e, l, j->size ? (j->size - 1) / MODEL_BLOCK_LEN : 0);
    advance(e, l->job, rest);
    lane_close(w, l);
}

/* To the end of a lane's block, or of the file's whole SHA-256 blocks. */
static uint64_t step_len(const engine *e, const lane *l) {
    uint64_t block = MODEL_BLOCK_LEN - l->at % MODEL_BLOCK_LEN, rest = e->plan->jobs[l->job].size - l->at;
    return rest < block ? rest & ~(uint64_t)63 : block;
}

/* One step of all active lanes: the same number of bytes each, none beyond its block. */
static void lanes_step(worker *w, lane **active, uint32_t count) {
    engine *e = w->engine;
    uint64_t len = MODEL_BLOCK_LEN;
    assay_sha256 *hashes[LANES_MAX];
    const uint8_t *texts[LANES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        lane *l = active[i];
        if (step_len(e, l) < len) len = step_len(e, l);
        hashes[i] = &l->sha;
        texts[i] = l->view.bytes.ptr + l->at;
    }
    assay_crypto_sha256_update_many(hashes, texts, count, (size_t)len);
    for (uint32_t i = 0; i < count; i++) {
        lane *l = active[i];
        l->at += len;
        advance(e, l->job, len);
        if (l->at % MODEL_BLOCK_LEN) continue;
        lane_leave_block(e, l, l->at / MODEL_BLOCK_LEN - 1);
        if (l->at % SPAN_LEN == 0) lane_enter_span(e, l);
    }
}

static void do_lanes(worker *w) {
    engine *e = w->engine;
    bool more = true;
    for (;;) {
        lane *active[LANES_MAX];
        uint32_t count = 0;
        for (uint32_t i = 0; i < e->lanes; i++) {
            lane *l = &w->lanes[i];
            /* Files shorter than 64 bytes end at once; the lane goes on with the next. */
            while ((l->active || (more && (more = lane_open(w, l)))) && e->plan->jobs[l->job].size - l->at < 64)
                lane_finish(w, l);
            if (l->active) active[count++] = l;
        }
        /* Of arriving files there is one lane; if they end, so does all. */
        if (count) (void)!await(e, active[0]->job, active[0]->at + step_len(e, active[0]));
        if (atomic_load(&e->stop)) {
            for (uint32_t i = 0; i < count; i++) lane_close(w, active[i]);
            return;
        }
        if (!count) return;
        lanes_step(w, active, count);
    }
}

static void work(void *context) {
    worker *w = context;
    if (w->engine->plan->sha256 && (w->first || !arriving(w->engine))) do_lanes(w);
    do_spans(w);
}

/* ---- preparing and finishing --------------------------------------------------------------------------------- */

static bool less_by_offset(const void *context, const void *a, const void *b) {
    (void)context;
    const piece *x = a, *y = b;
    return x->offset < y->offset;
}

static assay_err prepare_pieces(row *r, const model_job *job, assay_arena *scratch) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < job->texts_count; i++) count += blocks_of(job->texts[i].length);
    r->pieces = ASSAY_NEW(scratch, piece, (size_t)count);
    r->text_values = ASSAY_NEW(scratch, assay_hash, (size_t)count);
    if (count && (!r->pieces || !r->text_values)) return ASSAY_F_MEMORY;
    bool sorted = true;
    for (uint32_t i = 0; i < job->texts_count; i++) {
        const model_text *text = &job->texts[i];
        ASSAY_ASSERT(text->offset <= job->size && text->length <= job->size - text->offset);
        uint64_t blocks = blocks_of(text->length);
        for (uint64_t k = 0; k < blocks; k++) {
            uint64_t rest = text->length - k * MODEL_BLOCK_LEN;
            r->pieces[r->pieces_count] = (piece){
                .offset = text->offset + k * MODEL_BLOCK_LEN,
                .value = &r->text_values[r->pieces_count],
                .chunk = k * (MODEL_BLOCK_LEN / ASSAY_BLAKE3_CHUNK_LEN),
                .len = (uint32_t)(rest < MODEL_BLOCK_LEN ? rest : MODEL_BLOCK_LEN),
                .whole = blocks == 1,
            };
            uint64_t before = r->pieces_count ? r->pieces[r->pieces_count - 1].offset : 0;
            sorted = sorted && before <= r->pieces[r->pieces_count].offset;
            r->pieces_count++;
        }
    }
    /* Only tensors that overlap are out of order here. */
    if (sorted) return ASSAY_OK;
    assay_arena inner = *scratch;
    piece *space = ASSAY_NEW(&inner, piece, (size_t)count);
    if (!space) return ASSAY_F_MEMORY;
    assay_base_sort(r->pieces, space, (size_t)count, sizeof *space, less_by_offset, NULL);
    return ASSAY_OK;
}

static assay_err prepare_row(engine *e, uint32_t i, assay_arena *scratch) {
    const model_job *job = &e->plan->jobs[i];
    row *r = &e->rows[i];
    r->blocks = blocks_of(job->size);
    r->first_span = e->spans;
    r->spans = (r->blocks + SPAN_BLOCKS - 1) / SPAN_BLOCKS;
    e->spans += r->spans;
    if (e->plan->plain) r->plain = ASSAY_NEW(scratch, assay_hash, (size_t)r->blocks);
    if (e->plan->key) r->keyed = ASSAY_NEW(scratch, assay_hash, (size_t)r->blocks);
    if ((e->plan->plain && !r->plain) || (e->plan->key && !r->keyed)) return ASSAY_F_MEMORY;
    return prepare_pieces(r, job, scratch);
}

static bool less_by_size(const void *context, const void *a, const void *b) {
    const model_job *jobs = context;
    return jobs[*(const uint32_t *)a].size > jobs[*(const uint32_t *)b].size;
}

static assay_err prepare(engine *e, assay_arena *scratch, uint32_t threads) {
    model_plan *plan = e->plan;
    uint64_t texts = 0;
    uint32_t large = 0;
    for (uint32_t i = 0; i < plan->jobs_count; i++) {
        e->total += plan->jobs[i].size;
        large += plan->jobs[i].size >= SPAN_LEN;
        for (uint32_t k = 0; k < plan->jobs[i].texts_count; k++)
            if (assay_base_add_u64(&texts, texts, plan->jobs[i].texts[k].length) != ASSAY_OK) return ASSAY_E_LIMIT;
    }
    if (texts / OVERLAP_MAX > e->total) return ASSAY_E_LIMIT;
    /* Large files go to as many threads as there are before any thread takes two. */
    e->lanes = large ? (large + threads - 1) / threads : LANES_MAX;
    if (e->lanes > LANES_MAX) e->lanes = LANES_MAX;
    if (arriving(e)) e->lanes = 1;
    e->rows = ASSAY_NEW(scratch, row, plan->jobs_count);
    e->order = ASSAY_NEW(scratch, uint32_t, plan->jobs_count);
    assay_arena inner = *scratch;
    uint32_t *space = ASSAY_NEW(&inner, uint32_t, plan->jobs_count);
    if (plan->jobs_count && (!e->rows || !e->order || !space)) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < plan->jobs_count; i++) e->order[i] = i;
    if (plan->jobs_count && !arriving(e))
        assay_base_sort(e->order, space, plan->jobs_count, sizeof *space, less_by_size, plan->jobs);
    for (uint32_t i = 0; i < plan->jobs_count; i++) ASSAY_TRY(prepare_row(e, i, scratch));
    e->claimed = ASSAY_NEW(scratch, atomic_uchar, (size_t)e->spans);
    e->span_job = ASSAY_NEW(scratch, uint32_t, (size_t)e->spans);
    if (e->spans && (!e->claimed || !e->span_job)) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < plan->jobs_count; i++)
        for (uint64_t k = 0; k < e->rows[i].spans; k++) e->span_job[e->rows[i].first_span + k] = i;
    return ASSAY_OK;
}

/* A row of blocks to its groups and its digest. */
static assay_hash finish_row(assay_hash *groups, const assay_hash *key, const assay_hash *blocks, uint64_t size) {
    uint64_t count = model_groups_of(size), total = blocks_of(size);
    for (uint64_t g = 0; g < count; g++) {
        uint64_t first = g * MODEL_GROUP_BLOCKS, rest = total - first;
        groups[g] = model_fold(key, blocks + first, rest < MODEL_GROUP_BLOCKS ? rest : MODEL_GROUP_BLOCKS, count == 1);
    }
    return assay_crypto_blake3_root_from_groups(key, groups, (size_t)count, size);
}

static assay_err new_groups(assay_model_groups *out, assay_hash **values, assay_arena *keep, const model_plan *plan) {
    out->first = ASSAY_NEW(keep, uint64_t, (size_t)plan->jobs_count + 1);
    if (!out->first) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < plan->jobs_count; i++)
        out->first[i + 1] = out->first[i] + model_groups_of(plan->jobs[i].size);
    out->count = out->first[plan->jobs_count];
    out->values = *values = ASSAY_NEW(keep, assay_hash, (size_t)out->count);
    return *values || !out->count ? ASSAY_OK : ASSAY_F_MEMORY;
}

static assay_err finish(engine *e, assay_arena *keep, assay_arena scratch) {
    model_plan *plan = e->plan;
    assay_hash *plain = NULL, *keyed = NULL;
    if (plan->plain) ASSAY_TRY(new_groups(&plan->groups, &plain, keep, plan));
    if (plan->key) ASSAY_TRY(new_groups(&plan->keyed_groups, &keyed, keep, plan));
    for (uint32_t i = 0; i < plan->jobs_count; i++) {
        row *r = &e->rows[i];
        model_job *job = &plan->jobs[i];
        job->err = (assay_err)atomic_load(&r->err);
        if (job->err) continue;
        if (plan->plain) job->blake3 = finish_row(plain + plan->groups.first[i], NULL, r->plain, job->size);
        if (plan->key) job->keyed = finish_row(keyed + plan->keyed_groups.first[i], plan->key, r->keyed, job->size);
        assay_hash *values = r->text_values;
        for (uint32_t k = 0; k < job->texts_count; k++) {
            assay_arena inner = scratch;
            uint64_t length = job->texts[k].length;
            assay_hash *groups = ASSAY_NEW(&inner, assay_hash, (size_t)model_groups_of(length));
            if (!groups) return ASSAY_F_MEMORY;
            job->texts[k].blake3 = finish_row(groups, NULL, values, length);
            values += blocks_of(length);
        }
    }
    return ASSAY_OK;
}

/* As many threads as there is work for; this one is the first of them. */
static assay_err run(engine *e, assay_arena *scratch, uint32_t threads) {
    worker *workers = ASSAY_NEW(scratch, worker, threads);
    if (!workers) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < threads; i++) {
        workers[i].engine = e;
        workers[i].first = i == 0;
        workers[i].buffer = ASSAY_NEW(scratch, uint8_t, MODEL_VIEW_READ_MAX);
        if (!workers[i].buffer) return ASSAY_F_MEMORY;
        for (uint32_t k = 0; k < e->lanes && e->plan->sha256; k++) {
            workers[i].lanes[k].buffer = ASSAY_NEW(scratch, uint8_t, MODEL_VIEW_READ_MAX);
            if (!workers[i].lanes[k].buffer) return ASSAY_F_MEMORY;
        }
    }
    uint32_t started = 1;
    /* A system that refuses threads makes it slower, not wrong. */
    while (started < threads) {
        worker *w = &workers[started];
        if (assay_os_thread_start(&w->thread, "assay-hash", STACK_SIZE, work, w) != ASSAY_OK) break;
        started++;
    }
    work(&workers[0]);
    for (uint32_t i = 1; i < started; i++) assay_os_thread_join(&workers[i].thread);
    return ASSAY_OK;
}

assay_err model_hash(model_plan *plan, assay_arena *keep, assay_model_where *where, const assay_model_options *options,
                     assay_arena scratch) {
    engine e = {.plan = plan, .options = options, .backwards = plan->sha256 && !options->arrived};
    uint32_t threads = options->threads ? options->threads : assay_os_cpus();
    if (threads > ASSAY_MODEL_THREADS_MAX) threads = ASSAY_MODEL_THREADS_MAX;
    assay_err err = prepare(&e, &scratch, threads);
    if (err == ASSAY_E_LIMIT)
        *where = (assay_model_where){.what = "the tensors overlap so much that they exceed the files four times"};
    if (err) return err;
    uint64_t work_units = e.spans > plan->jobs_count ? e.spans : plan->jobs_count;
    if (threads > work_units) threads = work_units ? (uint32_t)work_units : 1;
    assay_os_mutex_init(&e.mutex);
    err = run(&e, &scratch, threads);
    assay_os_mutex_fini(&e.mutex);
    if (!err) err = (assay_err)atomic_load(&e.fault);
    if (err) {
        if (plan->jobs_count) where->file = assay_base_bytes_str(plan->jobs[e.fault_job].path);
        return err;
    }
    return finish(&e, keep, scratch);
}
