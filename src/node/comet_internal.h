/* SPDX-License-Identifier: Apache-2.0
 *
 * comet_internal - what the three files of CometBFT's side share: the application's table, its connections, its
 * processes.
 */
#ifndef ASSAY_NODE_COMET_INTERNAL_H
#define ASSAY_NODE_COMET_INTERNAL_H

#include "node_internal.h"

#include "abci/abci.h"
#include "comet/comet.h"

#define LINES_MAX 16u

/* One connection of CometBFT's; it opens four. */
typedef struct line {
    struct comet *comet;
    assay_os_socket socket;
    assay_os_thread thread;
    atomic_bool ended; /* the thread has nothing more to do */
    bool used;
    assay_os_region input, output, scratch;
} line;

/* What FinalizeBlock left for Commit. */
typedef struct finalized_block {
    bool there;
    assay_block block; /* what CometBFT told of it */
    assay_bytes encoded;
    assay_block_id id;
    assay_engine_finalized result;
    assay_arena scratch; /* behind all of that */
} finalized_block;

struct comet {
    validator *owner;
    const assay_node_settings *settings;
    char abci[160]; /* the address, whole */
    assay_comet *rpc;
    assay_os_mutex rpc_lock; /* of those who read headers */
    assay_comet *forward;    /* the forwarding thread's own, as the two below */
    uint64_t level_ns;       /* until when it is taken for granted that CometBFT is not catching up */
    int forwarded_to;        /* the process that has what is waited for */

    /* The application, and where CometBFT is in the grammar. */
    assay_os_mutex app_lock;
    assay_engine_monitor monitor;
    assay_abci_app consensus, mempool, query, any;
    finalized_block finalized;
    atomic_bool spoken; /* it asked where we stand, or is there and need not ask */
    bool awaits;        /* it has no chain, and CometBFT shall take a snapshot */
    bool checker_started;
    /* In PrepareProposal, ProcessProposal, FinalizeBlock and Commit, for /metrics: as the clock goes, and of a
     * processor. */
    atomic_ullong app_ns, app_cpu_ns;

    /* comet_lines.c */
    assay_os_socket listener;
    assay_os_thread accepting;
    bool accepting_runs;
    assay_os_mutex lines_lock;
    line lines[LINES_MAX];
    atomic_bool closing;

    /* comet_snapshots.c */
    assay_os_thread maker;
    bool maker_runs;
    atomic_bool making;
    struct restoring *restoring; /* a snapshot that is being taken in; NULL: none */

    /* comet_process.c */
    assay_os_thread supervisor;
    bool supervisor_runs;
    assay_os_child engine, signer;
    atomic_int engine_id, signer_id;
    uint64_t signer_began_ns, signer_wait_ns, signer_again_ns; /* started last, waited then, and until when */
};

/* comet_lines.c */
assay_err lines_open(struct comet *c);
assay_err lines_start(struct comet *c);
/* lines_end - ends all connections and waits for their threads: nobody works on the application then. */
void lines_end(struct comet *c);
void lines_close(struct comet *c);

/* comet_process.c */
assay_err processes_start(struct comet *c);
/* processes_sync - CometBFT's own settings let it begin by state sync. */
bool processes_sync(const struct comet *c);
/* processes_stop - asks CometBFT to end and waits; then the signer. */
void processes_stop(struct comet *c);

/* comet_query.c */
assay_err query_answer(void *context, assay_abci_query_result *out, assay_arena *keep, const assay_abci_query *query);

/* comet_snapshots.c; all but _block, _give_up, _join and _close are ABCI's calls */
void snapshots_block(struct comet *c, uint64_t height); /* after a commit, on its thread */
assay_err snapshots_give_up(struct comet *c); /* what was taken in of one that is not whole goes; under app_lock */
void snapshots_join(struct comet *c);
void snapshots_close(struct comet *c);
assay_err snapshots_list(void *context, assay_abci_snapshot **out, uint32_t *count, assay_arena *keep);
assay_err snapshots_load(void *context, assay_bytes *chunk, assay_arena *keep, uint64_t height, uint32_t format,
                         uint32_t index);
assay_err snapshots_offer(void *context, assay_abci_offer *out, const assay_abci_snapshot *snapshot,
                          assay_hash app_hash);
assay_err snapshots_apply(void *context, assay_abci_apply *out, uint32_t index, assay_bytes chunk);

/* comet.c */
/* application_restored - a snapshot was taken in: what comes next follows its height. Under app_lock. */
void application_restored(struct comet *c);
/* application_reset - before CometBFT is started (again): what was executed and not committed is forgotten. No
 * connection is open. */
void application_reset(struct comet *c);

#endif
