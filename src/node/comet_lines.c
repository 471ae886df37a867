/* SPDX-License-Identifier: Apache-2.0
 *
 * comet_lines - CometBFT's connections: each has a thread that cuts requests out of what comes, answers them in order,
 * and writes when a Flush was answered.
 */
#include "comet_internal.h"

#include "codec/codec.h"

#include <string.h>

#define MIB ((size_t)1 << 20)
#define READ_LEN (64 * (size_t)1024)
#define WRITE_LEN MIB /* so much is written without a Flush */
#define KEPT_LEN (4 * MIB)
#define INPUT_LEN ((size_t)ASSAY_ABCI_FRAME_LEN_MAX + MIB)
#define OUTPUT_LEN ((size_t)ASSAY_ABCI_FRAME_LEN_MAX + 2 * MIB)
#define AHEAD_MAX 1024u /* requests that are looked at together */
#define AHEAD_LEAST 4u  /* fewer gain nothing */
#define AGAIN_NS 100000000ull
#define SCRATCH_LEN (ASSAY_ABCI_SCRATCH_LEN(ASSAY_ABCI_FRAME_LEN_MAX) + 256 * MIB)

/* ---- one connection ------------------------------------------------------------------------------------------ */

static assay_err answer(line *l, assay_buf *out, bool *flush, assay_bytes frame) {
    struct comet *c = l->comet;
    assay_arena scratch = assay_os_region_arena(&l->scratch);
    assay_err err = ASSAY_F_BUG;
    uint64_t began, used;
    switch (assay_abci_lane_of(frame)) {
    case ASSAY_ABCI_CONSENSUS:
        assay_os_mutex_lock(&c->app_lock);
        began = assay_os_monotonic_ns();
        used = assay_os_thread_cpu_ns();
        err = assay_abci_answer(out, flush, &c->consensus, frame, scratch);
        atomic_fetch_add(&c->app_ns, assay_os_monotonic_ns() - began);
        atomic_fetch_add(&c->app_cpu_ns, assay_os_thread_cpu_ns() - used);
        assay_os_mutex_unlock(&c->app_lock);
        break;
    case ASSAY_ABCI_MEMPOOL: err = assay_abci_answer(out, flush, &c->mempool, frame, scratch); break;
    case ASSAY_ABCI_QUERY:
    case ASSAY_ABCI_SNAPSHOT: err = assay_abci_answer(out, flush, &c->query, frame, scratch); break;
    case ASSAY_ABCI_ANY: err = assay_abci_answer(out, flush, &c->any, frame, scratch); break;
    }
    if (frame.len > KEPT_LEN) assay_os_release_pages(&l->scratch, l->scratch.base + KEPT_LEN);
    return err;
}

static assay_err flush_out(line *l, assay_buf *out) {
    assay_err err = assay_os_socket_send(&l->socket, (assay_bytes){out->ptr, out->len}, ASSAY_OS_NO_DEADLINE);
    if (out->len > KEPT_LEN) assay_os_release_pages(&l->output, l->output.base + KEPT_LEN);
    out->len = 0;
    return err;
}

/* What the mempool will ask next: of a line of CheckTx that has come, signatures are verified together. Returns the
 * place up to which was looked. */
static const uint8_t *look_ahead(line *l, assay_bytes rest) {
    assay_arena scratch = assay_os_region_arena(&l->scratch);
    assay_bytes *txs = ASSAY_NEW(&scratch, assay_bytes, AHEAD_MAX), frame;
    uint32_t count = 0;
    uint64_t wanted;
    while (txs && count < AHEAD_MAX) {
        if (assay_codec_get_delimited(&frame, &wanted, &rest, ASSAY_ABCI_FRAME_LEN_MAX) != ASSAY_OK) break;
        if (!frame.ptr) break;
        txs[count] = assay_abci_check_tx_of(frame);
        count += txs[count].len > 0;
    }
    if (count >= AHEAD_LEAST) admission_ahead(l->comet->owner, txs, count, scratch);
    return rest.ptr;
}

/* Whole requests of what has come; *have is what is left of it. */
static assay_err answer_all(line *l, assay_buf *out, size_t *have) {
    assay_bytes rest = {l->input.base, *have}, frame;
    const uint8_t *looked = rest.ptr;
    uint64_t wanted;
    for (;;) {
        bool flush = false;
        if (rest.ptr == looked) looked = look_ahead(l, rest);
        ASSAY_TRY(assay_codec_get_delimited(&frame, &wanted, &rest, ASSAY_ABCI_FRAME_LEN_MAX));
        if (!frame.ptr) break;
        assay_err err = answer(l, out, &flush, frame);
        if (err != ASSAY_OK) (void)!flush_out(l, out); /* the exception that says so */
        ASSAY_TRY(err);
        if (flush || out->len >= WRITE_LEN) ASSAY_TRY(flush_out(l, out));
    }
    memmove(l->input.base, rest.ptr, rest.len);
    if (*have > KEPT_LEN && rest.len < MIB) assay_os_release_pages(&l->input, l->input.base + KEPT_LEN);
    *have = rest.len;
    return ASSAY_OK;
}

static assay_err talk(line *l) {
    assay_buf out = {l->output.base, 0, OUTPUT_LEN};
    size_t have = 0, len;
    for (;;) {
        size_t room = INPUT_LEN - have;
        if (room == 0) return ASSAY_E_SIZE;
        ASSAY_TRY(assay_os_socket_receive(&len, &l->socket, l->input.base + have, room < 4 * MIB ? room : 4 * MIB,
                                          ASSAY_OS_NO_DEADLINE));
        if (len == 0) return ASSAY_F_NETWORK;
        have += len;
        ASSAY_TRY(answer_all(l, &out, &have));
    }
}

static void run_line(void *context) {
    line *l = context;
    struct comet *c = l->comet;
    validator *v = c->owner;
    assay_err err = talk(l);
    /* A connection that ends is CometBFT's business; a fault of ours is the end of this validator. */
    bool ours = assay_base_err_is_fault(err) && err != ASSAY_F_NETWORK && err != ASSAY_F_INTERRUPTED;
    if (ours && !atomic_load(&c->closing)) validator_fail(v, err, "as CometBFT's application");
    if (!ours && !assay_base_err_is_fault(err))
        node_log(v->node, "CometBFT was refused: %s (%s)", assay_base_err_text(err), assay_base_err_code(err));
    assay_os_socket_shut(&l->socket);
    atomic_store(&l->ended, true);
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

static void line_close(line *l) {
    assay_os_thread_join(&l->thread);
    assay_os_socket_close(&l->socket);
    assay_os_unreserve(&l->input);
    assay_os_unreserve(&l->output);
    assay_os_unreserve(&l->scratch);
    l->used = false;
}

static assay_err line_open(line *l, struct comet *c, assay_os_socket socket) {
    *l = (line){.comet = c, .socket = socket, .used = true};
    atomic_init(&l->ended, false);
    assay_err err = assay_os_reserve(&l->input, INPUT_LEN);
    if (err == ASSAY_OK) err = assay_os_reserve(&l->output, OUTPUT_LEN);
    if (err == ASSAY_OK) err = assay_os_reserve(&l->scratch, SCRATCH_LEN);
    if (err == ASSAY_OK) err = assay_os_thread_start(&l->thread, "abci", 512 * 1024, run_line, l);
    if (err == ASSAY_OK) return ASSAY_OK;
    assay_os_unreserve(&l->input);
    assay_os_unreserve(&l->output);
    assay_os_unreserve(&l->scratch);
    l->used = false;
    return err;
}

static void take_line(struct comet *c, assay_os_socket socket) {
    assay_os_mutex_lock(&c->lines_lock);
    line *place = NULL;
    for (uint32_t i = 0; i < LINES_MAX; i++) {
        line *l = &c->lines[i];
        if (l->used && atomic_load(&l->ended)) line_close(l);
        if (!l->used && !place) place = l;
    }
    if (atomic_load(&c->closing) || !place || line_open(place, c, socket) != ASSAY_OK)
        assay_os_socket_close(&socket);
    else if (c->awaits)
        atomic_store(&c->spoken, true); /* it says nothing until somebody has a snapshot */
    assay_os_mutex_unlock(&c->lines_lock);
}

static void run_accepting(void *context) {
    struct comet *c = context;
    assay_os_socket socket;
    while (!atomic_load(&c->closing)) {
        if (assay_os_socket_accept(&socket, &c->listener, ASSAY_OS_NO_DEADLINE) == ASSAY_OK)
            take_line(c, socket);
        else
            assay_os_sleep_ns(AGAIN_NS); /* no file is to be had, say: one will be */
    }
}

assay_err lines_open(struct comet *c) { return assay_os_socket_listen(&c->listener, c->abci, NULL); }

assay_err lines_start(struct comet *c) {
    ASSAY_TRY(assay_os_thread_start(&c->accepting, "abci-accept", 0, run_accepting, c));
    c->accepting_runs = true;
    return ASSAY_OK;
}

void lines_end(struct comet *c) {
    assay_os_mutex_lock(&c->lines_lock);
    for (uint32_t i = 0; i < LINES_MAX; i++)
        if (c->lines[i].used) assay_os_socket_shut(&c->lines[i].socket);
    for (uint32_t i = 0; i < LINES_MAX; i++)
        if (c->lines[i].used) line_close(&c->lines[i]);
    assay_os_mutex_unlock(&c->lines_lock);
}

void lines_close(struct comet *c) {
    assay_os_socket_shut(&c->listener);
    if (c->accepting_runs) assay_os_thread_join(&c->accepting);
    c->accepting_runs = false;
    lines_end(c);
    bool listened = c->listener.fd_plus_one != 0;
    assay_os_socket_close(&c->listener);
    if (listened && strncmp(c->abci, "unix://", 7) == 0) (void)!assay_os_remove(c->abci + 7);
}
