/* SPDX-License-Identifier: Apache-2.0
 *
 * node - the wiring: makes validators out of ledger, state, store, bft, signer and model, and lets people talk to them
 * over HTTP.
 *
 *   HTTP, peers' bytes, timers --> one inbox a validator --> its thread: bft <-> application (ledger, state) --> store
 *                                                             \--> its checker thread: fetch, hash, check, open
 *
 * This room owns every thread of the daemon. A devnet runs n whole validators in one process: each has its own keys,
 * ledger, store, mempool, model bytes and checks, and verifies every signature itself; only encoded bytes pass between
 * them. They share a process, so they are whole and not independent: one crash takes them all. Reading order: node.h,
 * node_internal.h, validator.c, consensus.c, application.c, mempool.c, sync.c, holdings.c, checker.c, fault.c,
 * devnet.c, routes*.c; under CometBFT, where this process is one validator: settings.c, comet.c, admission.c,
 * comet_lines.c, comet_process.c, comet_query.c, comet_snapshots.c. Spec: spec/node.md, spec/cometbft.md.
 */
#ifndef ASSAY_NODE_H
#define ASSAY_NODE_H

#include "base/base.h"
#include "types/types.h"

#define ASSAY_NODE_PORT 7878
#define ASSAY_NODE_VALIDATORS_MAX 200

/* What a validator under CometBFT has to know that is not the chain's: <data>/node.json. */
typedef struct assay_node_settings {
    const char *moniker;
    const char *address; /* HTTP: where it listens, */
    uint16_t port;       /* and at which port */
    const char *rpc;     /* CometBFT's, as a client names it: "http://127.0.0.1:26657" */
    const char *abci;    /* where CometBFT finds us: "unix://abci.sock" (relative to <data>), "tcp://127.0.0.1:26658" */
    const char *signer;  /* where assay-signer finds CometBFT, "unix://…"; NULL: CometBFT has the key itself */
    assay_public_key consensus_key;
    const char *const *peers; /* other validators' HTTP, "http://host:port": who may have a model's bytes */
    uint32_t peers_count;
    uint64_t snapshot_blocks; /* a snapshot of every height that this divides; 0: ASSAY_NODE_SNAPSHOT_BLOCKS */
    const char *wrong;        /* after ASSAY_F_CORRUPT: what is wrong, in words */
} assay_node_settings;
#define ASSAY_NODE_SNAPSHOT_BLOCKS 2000
/* assay_node_settings_read - from directory's node.json, into keep. ASSAY_E_NOT_FOUND, ASSAY_F_CORRUPT, ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_node_settings_read(assay_node_settings *out, assay_arena *keep, const char *directory);
/* assay_node_settings_write - replaces it at once. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_node_settings_write(const char *directory, const assay_node_settings *settings,
                                                   assay_arena scratch);
/* assay_node_settings_exist - true if directory is that of a validator under CometBFT. */
bool assay_node_settings_exist(const char *directory, assay_arena scratch);

typedef struct assay_node_config {
    uint32_t validators;                 /* 1 .. ASSAY_NODE_VALIDATORS_MAX; ignored when data holds a network already */
    const char *data;                    /* directory; NULL: in memory (a directory that is removed at the end) */
    const char *address;                 /* to listen on; NULL: 127.0.0.1 */
    uint16_t port;                       /* 0: any free one */
    const char *name;                    /* the chain's name; NULL: "devnet" */
    const assay_node_settings *settings; /* NULL: the embedded engine. Else one validator under CometBFT, of the network
                                            whose genesis data holds; address and port above come first. Outlives it */
    const char *programs;                /* directory of cometbft and assay-signer */
    bool faults;                         /* let POST /faults make validators misbehave: a devnet only */
    void (*log)(void *context, const char *line);   /* what happens, a line each, from any thread; NULL: nothing */
    void (*fault)(void *context, const char *line); /* what an operator has to look after; NULL: as log */
    void *log_context;
} assay_node_config;

/* assay_node_key_load - a secret key file (64 hex digits, mode 0600); made if create and there is none.
 * ASSAY_E_NOT_FOUND, ASSAY_F_CORRUPT, ASSAY_F_STORAGE. */
ASSAY_MUST_USE assay_err assay_node_key_load(assay_key_secret *out, const char *path, bool create);

/* assay_node_rehearsal_params - the rules of a devnet, and of any network in which nobody shall wait. _params: those of
 * a network for value. spec/limits.md lists both. */
assay_params assay_node_rehearsal_params(void);
assay_params assay_node_params(void);

/* assay_node_genesis_trust - the trust file of a chain that has no block yet: one checkpoint of height 0, with whom the
 * encoded genesis lets begin. What it carries ages from the genesis on: a node writes newer ones.
 *   ASSAY_E_RANGE  no validator with a whole unit of power, or more validators than may vote
 *   ASSAY_E_*      of the genesis' encoding      ASSAY_F_MEMORY  keep: four times the genesis and 64 KiB */
ASSAY_MUST_USE assay_err assay_node_genesis_trust(assay_bytes *out, assay_arena *keep, assay_bytes genesis);

typedef struct assay_node assay_node;

/* assay_node_start - starts all validators and the HTTP server, and returns when the first block is final (or goes on
 * where the data directory stood). Writes genesis, keys, trust.json and accounts.json into the data directory. On
 * failure everything is stopped and *why (in a static buffer of the calling thread's last failure) says what.
 * ASSAY_E_RANGE (validators), ASSAY_F_STORAGE, ASSAY_F_BUSY (the directory is in use), ASSAY_F_NETWORK,
 * ASSAY_F_CORRUPT. */
ASSAY_MUST_USE assay_err assay_node_start(assay_node **out, const assay_node_config *config, char *why, size_t why_cap);

typedef struct assay_node_view {
    uint16_t port;
    uint32_t validators;
    const char *data; /* the directory in use */
    const char *chain_id;
    uint64_t height;
    int engine_process, signer_process; /* of a validator under CometBFT; 0: none */
    bool resumed;                       /* the directory held a chain already */
    assay_err failed;                   /* not ASSAY_OK: a validator stopped for this fault */
} assay_node_view;
/* assay_node_look - where the node stands. Any thread. */
assay_node_view assay_node_look(const assay_node *node);

/* assay_node_stop - stops the server and every validator, closes the stores, removes an in-memory directory, frees all.
 */
void assay_node_stop(assay_node *node);

#endif
