/* SPDX-License-Identifier: Apache-2.0
 *
 * comet - CometBFT as others left it: the files of its home, written as we want it to run, and the answers of its RPC,
 * read into our types.
 *
 *   genesis, keys, addresses --> DIR/config, DIR/data          RPC's JSON --> header, commit, validator set, verdicts
 *
 * Starts no process (node does, and supervises it) and answers no ABCI (abci does). What an RPC answers is believed as
 * far as its form goes and no further: whoever puts it into a certificate checks signatures and hashes as of anybody's.
 * Reading order: comet.h, home.c, rpc.c.        Spec: spec/cometbft.md; CometBFT v0.38 docs/core/configuration,
 * rpc/openapi.
 */
#ifndef ASSAY_COMET_H
#define ASSAY_COMET_H

#include "base/base.h"
#include "types/types.h"

/* ---- the home ---------------------------------------------------------------------------------------------------- */

typedef struct assay_comet_home {
    const char *directory; /* made if it is not there */
    const char *moniker;
    const char *chain_id;
    assay_bytes genesis; /* encoded: goes into genesis.json as app_state */
    assay_time time;     /* genesis time */
    uint64_t app_version;
    /* How old evidence may be: the ledger's parameters. Of seconds, here and below, CometBFT counts 292 years at most.
     */
    uint64_t evidence_blocks, evidence_seconds;
    const char *abci;      /* "unix://…" or "tcp://…": where our application listens */
    const char *rpc, *p2p; /* "tcp://host:port" */
    const char *external;  /* "host:port" that peers dial; NULL: what p2p says */
    const char
        *signer; /* "unix://…" where CometBFT awaits assay-signer; NULL: the key is in config/priv_validator_key.json */
    const char *peers; /* "id@host:port,…"; "" for none */
    /* State sync: where headers are asked for, "http://host:port,…" (two at least), and the header that is trusted.
     * NULL: this node executes every block. */
    const char *sync_servers;
    uint64_t sync_height, sync_seconds;
    assay_hash sync_hash;
    bool indexed; /* CometBFT keeps an index of transactions of its own */
} assay_comet_home;

/* assay_comet_home_write - config/config.toml and config/genesis.json, each replaced at once, and the directory data.
 * Every setting that differs from CometBFT's own default says in a comment why. Touches no key and no chain.
 *   ASSAY_E_NAME   a quote, a backslash or a control character in a text     ASSAY_F_MEMORY  scratch: 64 KiB, the texts
 *   and three times the genesis     ASSAY_F_STORAGE, ASSAY_F_NO_PATH */
ASSAY_MUST_USE assay_err assay_comet_home_write(const assay_comet_home *home, assay_arena scratch);

/* assay_comet_home_setting - what config.toml (its text) sets section's key to, "" for the section above all others;
 * without quotes, a view of config. NULL and 0 if it does not. Enough TOML for what CometBFT writes and people change:
 * one setting a line; of several the last counts. */
assay_bytes assay_comet_home_setting(assay_bytes config, const char *section, const char *key);

#define ASSAY_COMET_ID_LEN 40
/* assay_comet_node_id - the name under which peers know this node: of config/node_key.json, which is made if there is
 * none. out gets 40 hex digits and a zero. ASSAY_F_CORRUPT: it is no such file. ASSAY_F_STORAGE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_comet_node_id(char out[ASSAY_COMET_ID_LEN + 1], const char *directory,
                                             assay_arena scratch);

/* assay_comet_key_write - the consensus key as CometBFT itself keeps it, and an empty record of what was signed. For a
 * rehearsal; a validator for value keeps its key in assay-signer. ASSAY_E_EXISTS: there is a key already. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_comet_key_write(const char *directory, const assay_key_secret *secret,
                                               assay_arena scratch);
/* assay_comet_key_unused - the key of a home that has signed nothing yet: a beginning that was interrupted goes on with
 * it. Wipe it. ASSAY_E_STATE: it has signed, or there is no record of what; ASSAY_F_CORRUPT: it is no such file;
 * ASSAY_E_NOT_FOUND; ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_comet_key_unused(assay_key_secret *out, const char *directory, assay_arena scratch);

/* ---- the RPC ----------------------------------------------------------------------------------------------------- */

#define ASSAY_COMET_ANSWER_LEN_MAX ((size_t)16 << 20)
#define ASSAY_COMET_DEPTH_MAX 16          /* lists and objects in each other */
#define ASSAY_COMET_VALUES_MAX (1u << 17) /* of one text; a commit of 1,000 validators has 5,000 */
/* assay_comet_json_bound - ASSAY_E_LIMIT if a parser would go deeper than ASSAY_COMET_DEPTH_MAX or make more than
 * ASSAY_COMET_VALUES_MAX values of this text; counted without parsing, so that 16 MiB never become a GiB. What is no
 * JSON is left to the parser. Everything below asks it first, of whatever size. */
ASSAY_MUST_USE assay_err assay_comet_json_bound(assay_bytes text);

/* assay_comet_read_commit - header and commit from what /commit answers; both taken from keep. Checks that the commit
 * has the header's height and names its hash; verifies no signature.
 *   ASSAY_E_ENCODING, ASSAY_E_RANGE     it is no such answer, or a number in it is none
 *   ASSAY_E_LIMIT     more than assay_comet_json_bound allows
 *   ASSAY_E_COMMIT    header and commit are of different blocks
 *   ASSAY_E_NOT_FOUND it answers that there is no such height     ASSAY_F_MEMORY */
ASSAY_MUST_USE assay_err assay_comet_read_commit(assay_header *header, assay_commit *commit, assay_arena *keep,
                                                 assay_bytes text);
/* assay_comet_read_validators - a page of what /validators answers, appended to list (room for cap); *total is how many
 * there are in all. Errors as above; ASSAY_E_LIMIT: more than cap; ASSAY_E_ENCODING: more than *total. */
ASSAY_MUST_USE assay_err assay_comet_read_validators(assay_validator *list, uint32_t *count, uint32_t cap,
                                                     uint32_t *total, assay_bytes text);

typedef struct assay_comet assay_comet; /* one keep-alive connection; one thread at a time */
/* assay_comet_open - an RPC at url ("http://127.0.0.1:26657"), or behind a path where somebody passes requests on
 * (assayd's "http://host:26600/cometbft"): there they are posted. Connects at the first call. ASSAY_E_USAGE,
 * ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_comet_open(assay_comet **out, const char *url, uint32_t timeout_seconds);
void assay_comet_close(assay_comet *comet);

/* assay_comet_commit - header and commit of a height; 0: of the newest. The newest height's commit is the one that this
 * node saw; an older one's is the chain's. Errors as assay_comet_read_commit; ASSAY_F_NETWORK, ASSAY_F_TIMEOUT. */
ASSAY_MUST_USE assay_err assay_comet_commit(assay_comet *comet, assay_header *header, assay_commit *commit,
                                            assay_arena *keep, uint64_t height);
/* assay_comet_validators - who may vote at a height. Errors as above. */
ASSAY_MUST_USE assay_err assay_comet_validators(assay_comet *comet, assay_validator_set *out, assay_arena *keep,
                                                uint64_t height);

#define ASSAY_COMET_SUBMIT_MAX 500u
#define ASSAY_COMET_SUBMIT_LEN_MAX ((size_t)1 << 20)
/* assay_comet_submit - hands in transactions, several in one request: each verdict is the application's CheckTx (a
 * number up to 255: ours), or ASSAY_OK of what waits here already or was seen lately, ASSAY_E_FULL,
 * ASSAY_E_SIZE, ASSAY_F_BUSY (whatever else CometBFT says). Together at most ASSAY_COMET_SUBMIT_LEN_MAX bytes and
 * ASSAY_COMET_SUBMIT_MAX of them. ASSAY_F_NETWORK, ASSAY_F_TIMEOUT: nothing is known of any. ASSAY_F_MEMORY: scratch, 4
 * MiB and twice the bytes. */
ASSAY_MUST_USE assay_err assay_comet_submit(assay_comet *comet, assay_err *verdicts, const assay_bytes *txs,
                                            uint32_t count, assay_arena scratch);

/* assay_comet_relay - passes another's JSON-RPC request on if it asks for what light clients need (commit, validators,
 * consensus_params, status, health) and gives the answer back as it is. ASSAY_E_UNAUTHORIZED: another method;
 * ASSAY_E_ENCODING: no request, a list of them, or one with members beside jsonrpc, id, method and params: Go would
 * take "Method" for the method. ASSAY_F_NETWORK (also: the answer is no JSON), ASSAY_F_TIMEOUT, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_comet_relay(assay_comet *comet, assay_bytes *answer, assay_arena *keep,
                                           assay_bytes request);

typedef struct assay_comet_status {
    char node_id[ASSAY_COMET_ID_LEN + 1];
    char version[32];
    uint64_t height;
    bool catching_up;
    uint32_t peers;
} assay_comet_status;
/* assay_comet_status_get - where the node stands and how many peers it has: two requests. Errors as
 * assay_comet_commit; ASSAY_F_BUSY: it does not say yet. */
ASSAY_MUST_USE assay_err assay_comet_status_get(assay_comet *comet, assay_comet_status *out, assay_arena scratch);
/* assay_comet_who - the id that a node gives itself: nothing makes it tell the truth. _level - does it catch up with
 * others? One request each. Errors as above. */
ASSAY_MUST_USE assay_err assay_comet_who(assay_comet *comet, char out[ASSAY_COMET_ID_LEN + 1], assay_arena scratch);
ASSAY_MUST_USE assay_err assay_comet_level(assay_comet *comet, bool *catching_up, assay_arena scratch);
/* assay_comet_why - the text of the last failure of the network; valid until the next call. */
const char *assay_comet_why(const assay_comet *comet);

#endif
