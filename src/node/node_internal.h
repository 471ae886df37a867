/* SPDX-License-Identifier: Apache-2.0
 *
 * node_internal - what the files of this folder share: packets and inboxes, the mempool, one validator, the network
 * between validators.
 */
#ifndef ASSAY_NODE_INTERNAL_H
#define ASSAY_NODE_INTERNAL_H

#include "bft/bft.h"
#include "codec/codec.h"
#include "crypto/crypto.h"
#include "engine/engine.h"
#include "http/http.h"
#include "ledger/ledger.h"
#include "model/model.h"
#include "node/node.h"
#include "os/os.h"
#include "signer/signer.h"
#include "state/state.h"
#include "store/store.h"
#include "types/types.h"

#include <stdatomic.h>

/* ---- packets and inboxes (inbox.c)
 * ------------------------------------------------------------------------------------------------ */

/* Bytes that several receivers share. */
typedef struct packet {
    atomic_uint references;
    size_t len;
    uint8_t bytes[];
} packet;
packet *packet_new(assay_bytes bytes); /* a copy with one reference; NULL without memory */
packet *packet_hold(packet *p);
void packet_drop(packet *p); /* NULL is allowed */

/* A transaction handed in at this node, and whoever waits for what becomes of it. Two references: the waiter's and the
 * validator's. */
typedef struct submission {
    atomic_uint references;
    assay_os_mutex lock;
    assay_os_condition changed;
    bool done;
    bool until_final; /* else done at admission */
    assay_hash id;
    assay_err err;           /* the verdict of admission, or of execution */
    uint64_t height;         /* of the block that has it; 0: none */
    uint32_t index;          /* in that block */
    packet *packet;          /* to be handed in again where it may be lost; NULL: it is not */
    struct submission *next; /* the validator's list of those who wait for a block */
} submission;
submission *submission_new(bool until_final);
/* submission_done - tells the waiter and gives up the validator's reference. */
void submission_done(submission *s, assay_err err, uint64_t height, const uint32_t *index);
/* submission_wait - true if done before the deadline. The waiter's reference stays. */
bool submission_wait(submission *s, uint64_t deadline_ns);
void submission_drop(submission *s);

/* Those who wait for a block of this validator's. Any thread. Who gave up waiting is forgotten
 * at each block, and when there are many: nobody makes the list grow by asking and going away. */
#define WAITING_MAX 4096u
struct validator;
/* waiting_put - takes over the validator's reference; tells s ASSAY_F_BUSY if too many wait. */
void waiting_put(struct validator *v, submission *s);
/* waiting_tell - tells whoever waits for a transaction of this block. */
void waiting_tell(struct validator *v, const assay_block *block, const assay_ledger_result *result);
/* waiting_drop - tells whoever waits for this transaction that it left the mempool. */
void waiting_drop(struct validator *v, assay_hash id, assay_err err);
/* waiting_held - the packets of those who wait, the oldest first, at most cap; drop each. */
uint32_t waiting_held(struct validator *v, packet **out, uint32_t cap);
/* waiting_end - tells all ASSAY_F_BUSY. */
void waiting_end(struct validator *v);

typedef enum delivery_kind {
    DELIVERY_PEER = 1, /* an encoded envelope of another validator */
    DELIVERY_PEER_TXS, /* an envelope that holds transactions */
    DELIVERY_LOCAL_TX, /* a transaction from HTTP or from the own checker */
    DELIVERY_FAULT,    /* a devnet order: code in `from` */
    DELIVERY_WAKE      /* nothing but a reason to look */
} delivery_kind;
typedef struct delivery {
    delivery_kind kind;
    uint32_t from; /* index of the sending validator */
    packet *packet;
    submission *submission;
} delivery;

#define INBOX_SENDERS_MAX ASSAY_NODE_VALIDATORS_MAX
#define INBOX_URGENT_MAX 4096u             /* of one sender */
#define INBOX_TXS_MAX 32768u               /* of one sender, who may be this node's own clients */
#define INBOX_BYTES_MAX ((size_t)32 << 20) /* of one sender, in either */
#define INBOX_TURN_URGENT 32u              /* of one sender in one turn, */
#define INBOX_TURN_BYTES ((size_t)8 << 20) /* which ends when so much was taken */
typedef struct inbox_lane {
    delivery *ring;
    uint32_t first, count, cap;
    size_t bytes;
} inbox_lane;
/* Every sender has lanes of his own, and they take turns: whoever floods delays himself. */
typedef struct inbox_lanes {
    inbox_lane of[INBOX_SENDERS_MAX];
    uint32_t count; /* of all */
    uint32_t used;  /* lanes that were ever used: 0 .. used-1 */
    uint32_t next;  /* whose turn it is */
} inbox_lanes;
typedef struct inbox {
    assay_os_mutex lock;
    assay_os_condition arrived;
    inbox_lanes urgent, txs;
    bool open, waiting;
    uint64_t dropped;
} inbox;
assay_err inbox_init(inbox *in);
void inbox_fini(inbox *in);
/* inbox_push - takes over d's references; false (and they are given up) if the inbox is closed, or full for this
 * sender. */
bool inbox_push(inbox *in, delivery d);
/* inbox_take - up to max deliveries, of the senders in turn and of each in order, waiting until the deadline for the
 * first; 0 if there is none or the inbox was closed. */
size_t inbox_take(inbox *in, delivery *out, size_t max, uint64_t deadline_ns);
void inbox_open(inbox *in, bool open);
void inbox_clear(inbox *in);

/* ---- mempool (mempool.c): transactions that wait, of one validator; only its thread touches it
 * ---------------------------------------- */

#define MEMPOOL_TXS_MAX 50000u
#define MEMPOOL_BYTES_MAX (64u * 1024 * 1024)
#define MEMPOOL_SENDER_MAX 4096u /* of one account */
#define MEMPOOL_BLOCKS_MAX 200   /* what no block took in so many is dropped */
typedef struct mempool_entry {
    assay_hash id;
    packet *packet;
    assay_ledger_admission admission;
    int64_t height;            /* of the chain when it came */
    uint32_t next_same_bucket; /* index + 1 */
    bool used;
} mempool_entry;
/* What one account has waiting: its nonces follow each other without a gap, so that each can go into the next block. */
typedef struct mempool_sender {
    assay_address address;
    bool used;      /* a place that has, or had, a sender */
    uint32_t count; /* that wait */
    uint64_t next;  /* nonce that may come next */
    uint64_t fees;  /* offered by all of them */
} mempool_sender;
typedef struct mempool {
    mempool_entry *entries; /* in order of arrival, holes among them */
    uint32_t cap, end, count;
    uint64_t bytes;
    uint32_t *buckets; /* by id: index + 1 */
    uint32_t buckets_cap;
    mempool_sender *senders; /* by address, linear probing; rebuilt when places run out */
    uint32_t senders_cap, senders_used;
    uint64_t secret; /* 0: not drawn yet, and nothing is in the pool */
} mempool;
void mempool_fini(mempool *pool);
/* mempool_find - true if the transaction waits here. */
bool mempool_find(const mempool *pool, assay_hash id);
/* mempool_sender_of - what an account has waiting; NULL: nothing. Valid until the pool changes. */
const mempool_sender *mempool_sender_of(const mempool *pool, assay_address address);
/* mempool_add - takes a reference to packet. account is the sender's as committed: only a nonce that follows (its next
 * one, or the one after those that wait) is taken, and only fees that it can pay together with those. ASSAY_E_NONCE,
 * ASSAY_E_FUNDS, ASSAY_E_FULL, ASSAY_E_DUPLICATE, ASSAY_F_MEMORY. */
assay_err mempool_add(mempool *pool, assay_hash id, packet *packet, const assay_ledger_admission *admission,
                      uint64_t account_nonce, uint64_t account_balance, int64_t height);
void mempool_remove(mempool *pool, assay_hash id);
/* mempool_list - the waiting transactions, lane by lane, each in order of arrival, until max_bytes; *txs in keep. */
assay_err mempool_list(const mempool *pool, assay_arena *keep, assay_bytes **txs, uint32_t *count, uint64_t max_bytes);
/* mempool_sweep - drops what can no longer be included: keep(context, entry) == false. */
void mempool_sweep(mempool *pool, bool (*keep)(void *context, const mempool_entry *entry), void *context);

/* ---- one validator
 * ------------------------------------------------------------------------------------------------------------------ */

typedef struct timer {
    bool set;
    uint64_t at_ns;
    int64_t height;
    int32_t round;
    assay_bft_step step;
} timer;
#define TIMERS_MAX 16
#define PENDING_EVIDENCE_MAX 64
/* Bytes of transactions that a proposal carries at most: a block stays below ASSAY_BLOCK_LEN_MAX with its commit and
 * evidence. */
#define BLOCK_TXS_BYTES_MAX (2u * 1024 * 1024)

/* A block that is being made final: application.c stores it between finalize and commit. */
typedef struct decided {
    const assay_block *block;
    assay_bytes encoded;
    const assay_block_id *id;
    const assay_commit *commit;
    const assay_bft_chain *next;
    const assay_hash *ids; /* of its transactions */
    assay_arena scratch;
} decided;

enum {
    REGION_KEEP,
    REGION_JOURNAL,
    REGION_LEDGER,
    REGION_HEIGHT,
    REGION_BLOCK,
    REGION_APP,
    REGION_INTAKE,
    REGION_CHAIN_A,
    REGION_CHAIN_B,
    REGION_COUNT
};

/* Who announced that it holds a version's bytes. */
typedef struct holder {
    assay_hash root;
    uint32_t validator;
} holder;
#define HOLDERS_MAX 4096

/* What is known of one root, decoded (shelf.c). */
#define SHELF_ENTRIES 3
typedef struct shelf_entry {
    bool filled;
    assay_hash root;
    assay_os_region region;
    assay_arena keep;
    assay_manifest manifest; /* its files; its tensors may be another version's */
    bool has_groups, has_claimed;
    assay_model_groups groups, claimed;
    bool missing_known;
    uint64_t missing;
    uint32_t users;
    uint64_t used_at;
} shelf_entry;

typedef struct validator {
    struct assay_node *node;
    uint32_t index;
    char name[80]; /* in the log */
    char dir[512];
    assay_os_thread thread;
    bool thread_running;
    atomic_bool stopping; /* the thread leaves at once: nothing is flushed, as after a kill */
    atomic_int failed;    /* assay_err: it stopped for a fault */

    inbox inbox;
    assay_os_region regions[REGION_COUNT];
    assay_arena keep;
    assay_arena state_memory; /* of keep: where state and ledger lie, however often they are opened anew */
    assay_arena state_keep;   /* what is left of it */
    assay_arena block_arena;  /* one block's work; used by value */
    assay_arena app_arena;    /* the application's own, while block_arena is in use */
    assay_arena intake_arena; /* one turn's messages */
    assay_arena chain_arenas[2];
    assay_bft_chain chains[2];
    const assay_bft_chain *chain; /* one of both */
    uint32_t chain_slot;
    assay_commit chain_commit; /* of the chain's last block, beside the chain in its arena; height 0: ask the store */

    struct admission *admission_view; /* with CometBFT: whom its mempool asks */
    struct comet *comet;              /* its engine, if that is CometBFT; NULL: bft */
    assay_signer *signer; /* NULL with CometBFT, where assay-signer is a process of its own, or CometBFT signs */
    assay_public_key consensus_key;
    assay_key_secret attestation_secret;
    assay_public_key attestation_key;
    assay_store *store;
    assay_state *state;
    assay_ledger *ledger;
    assay_engine_monitor monitor;
    assay_engine_app app;
    assay_bft *bft;
    bool effects_pending; /* the machine has effects to carry out */
    uint32_t resend_to;   /* index + 1 of the peer for whom messages are sent again; 0: they are new, and everybody's */
    uint32_t lock_turn;   /* which of the two lock files was written last, and its number */
    uint64_t lock_number;
    mempool pool;
    assay_ledger_admission admission;           /* of the latest check_tx */
    assay_ledger_signature admission_signature; /* what is known of its signature */
    assay_os_mutex waiting_lock;
    submission *waiting;
    uint32_t waiting_count;
    timer timers[TIMERS_MAX];
    assay_duplicate_vote evidence[PENDING_EVIDENCE_MAX];
    uint32_t evidence_count;
    int64_t hello_height; /* where we stood at the last look; when we look again, and after how long */
    uint64_t hello_at_ns, hello_wait_ns;
    uint64_t asked_height; /* block asked for, and when */
    uint64_t asked_at_ns;
    uint32_t asked_from;
    uint64_t *resent_ns; /* [validators] when the present round was last sent to each again */
    uint64_t *muted_ns;  /* [validators] whose bad word was heard: not listened to until then */
    uint64_t tip_seen;   /* highest height that a peer claims */
    bool busy;           /* the last block changed the AppHash, or something is due: no idle second */

    decided deciding;     /* application.c: what commit will store */
    assay_hash ids_block; /* the block that ids are of (block_ids) */
    assay_hash *ids;
    uint32_t ids_count, ids_cap;
    assay_ledger_result result; /* of the latest block, until the next */

    /* Read by other threads. */
    atomic_ullong height;
    atomic_ullong blocks, txs, waiting_txs;
    atomic_int round;          /* of the height under way */
    atomic_ullong model_bytes; /* on disk: files of models */
    atomic_bool alive;
    atomic_bool stopped; /* the chain: nobody who may validate remains */
    assay_os_mutex gate; /* visitors: threads that look at store and keys; a stop waits for them */
    assay_os_condition gate_empty;
    uint32_t visitors;

    /* Model bytes and duties (holdings.c, checker.c). */
    struct checker *checker;
    assay_os_mutex holders_lock;
    assay_os_mutex shelf_lock;
    shelf_entry shelf[SHELF_ENTRIES];
    uint64_t shelf_clock;
    assay_os_mutex holdings_lock; /* writers of model bytes take turns */
    holder *holders;              /* HOLDERS_MAX, lazily allocated */
    uint32_t holders_count;
    atomic_bool lazy;          /* fault: check without reading */
    atomic_bool twice;         /* fault: sign one more, conflicting precommit */
    atomic_llong twice_height; /* of the last one */
} validator;

/* The network between the validators of a process: n mailboxes. */
struct assay_node {
    assay_node_config config;
    char data[512];
    bool temporary;
    bool resumed;
    assay_os_file lock;
    char chain_id[ASSAY_CHAIN_ID_LEN_MAX + 1];
    assay_hash genesis_hash;
    assay_bytes genesis; /* encoded */
    assay_os_region region;
    assay_arena keep;
    validator *validators;
    uint32_t count;
    assay_http_server *server;
    uint16_t port;
    assay_os_mutex control; /* kill and revive, one at a time */
    assay_os_mutex final_lock;
    assay_os_condition final; /* broadcast after each block of any validator */
    assay_os_thread janitor;  /* writes trust.json */
    bool janitor_running;
    atomic_bool stopping;
    uint64_t started_ns;
    uint64_t trust_seconds;
    atomic_bool large;       /* a request works on a large manifest */
    uint32_t validators_max; /* of the genesis: the largest set that may come */
};

/* node_log - a line for people, if they asked for lines. */
__attribute__((format(printf, 2, 3))) void node_log(const struct assay_node *node, const char *format, ...);
/* node_fault - the same for what an operator has to look after. */
__attribute__((format(printf, 2, 3))) void node_fault(const struct assay_node *node, const char *format, ...);
/* node_front - the validator that answers HTTP requests which name none: the first that is alive, else the first. */
validator *node_front(struct assay_node *node);

/* chain_begin (validator.c) - the chain before its first block: genesis through the application, stored at height 0. */
assay_err chain_begin(validator *v, assay_engine_init_result *out, assay_arena *keep, const assay_engine_init *request);

/* validator.c */
/* validator_store_renew - an empty store, state and ledger in place of those that are open: nobody else looks. */
assay_err validator_store_renew(validator *v);
/* validator_ledger_reopen - after the state's content came from elsewhere. */
assay_err validator_ledger_reopen(validator *v);
assay_err validator_open(validator *v);  /* opens keys, store, state, ledger, bft; first start writes genesis */
assay_err validator_start(validator *v); /* threads */
void validator_stop(validator *v);       /* threads end without flushing anything; everything is closed */
void validator_fail(validator *v, assay_err err, const char *what);
/* validator_submit - hands a transaction in (any thread). The result comes through s, of which one reference is taken
 * over. */
void validator_submit(validator *v, assay_bytes tx, submission *s);

/* validator_enter, _leave - a visit of another thread; false if the validator is not running. */
bool validator_enter(validator *v);
void validator_leave(validator *v);
void validator_close_gate(validator *v);
/* validator_rest - gives back memory that a large block needed. */
void validator_rest(validator *v);

/* What became of a block's transactions, as it is stored. */
typedef struct tx_results {
    uint64_t *codes; /* assay_err numbers */
    uint32_t codes_count;
    uint64_t *burned; /* fees */
    uint32_t burned_count;
} tx_results;
extern const assay_codec_message tx_results_message;

/* archive.c: what the store holds of blocks, decoded */
assay_err store_open(validator *v);
assay_err store_genesis(validator *v);
assay_err store_chain(validator *v, assay_bft_chain *out, assay_arena *keep, bool *found);
assay_err store_decided(validator *v);
assay_err store_commit_at(validator *v, assay_commit *out, assay_arena *keep, uint64_t height);
assay_err store_header_at(validator *v, assay_header *out, assay_arena *keep, uint64_t height);
/* store_anchor_at - hash and time of a block's header. */
assay_err store_anchor_at(validator *v, assay_hash *hash, assay_time *time, assay_arena scratch, uint64_t height);
/* archive_told - what the store keeps of a block that CometBFT decided; archive_block - the block of a row: whole, or
 * of CometBFT's that much: height, time, proposer, next_validators_hash and transactions. */
/* archive_whole - ASSAY_E_STATE: there is no chain here yet, and what there is of a state is the part of a snapshot
 * that has come, which nothing proves so far. ASSAY_F_*. */
assay_err archive_whole(assay_store_snapshot *snapshot);
/* archive_restored - what is stored beside a state that came as a snapshot. */
assay_err archive_restored(assay_store_batch *batch, const assay_bft_chain *chain, assay_arena scratch);
assay_err archive_told(assay_bytes *out, assay_arena *keep, const assay_block *block);
assay_err archive_block(const struct validator *v, assay_block *out, assay_arena *keep, assay_bytes bytes,
                        assay_arena scratch);
assay_err store_validators_at(validator *v, assay_validator_set *out, assay_arena *keep, uint64_t height);
/* store_block_at - encoded block and its commit; ASSAY_E_NOT_FOUND. */
assay_err store_block_at(validator *v, assay_bytes *block, assay_bytes *commit, assay_arena *keep, uint64_t height);
bool store_evidence_known(validator *v, const assay_duplicate_vote *evidence);

/* lock.c */
assay_err lock_keep(validator *v, assay_bytes bytes); /* durable before the precommit that it belongs to is signed */
/* lock_open - the newest lock that is whole, and where the next one goes: never over it. Empty if there is none. */
assay_err lock_open(validator *v, assay_bytes *bytes, assay_arena *keep);
assay_err lock_recall(validator *v); /* right after the first assay_bft_height of a run */

/* node_final - wakes those who wait for the next block of any validator. */
void node_final(validator *v);

/* wire.c: envelopes between validators */
typedef struct block_reply {
    assay_bytes block;
    assay_bytes commit;
} block_reply;
typedef struct height_note {
    uint64_t height;
} height_note;
typedef struct holding_note {
    assay_hash root;
    uint64_t height;
    assay_public_key key;      /* attestation key of the holder */
    assay_signature signature; /* over sign_bytes("holding", chain id, root || height) */
} holding_note;
typedef struct envelope {
    assay_bytes consensus;
    assay_bytes *txs;
    uint32_t txs_count;
    height_note *status; /* where the sender stands: answer with yours if it is behind */
    height_note *want;   /* send me that block */
    block_reply *reply;
    holding_note *holding;
} envelope;
extern const assay_codec_message envelope_message;
void network_broadcast(validator *from, const envelope *e);
void network_send(validator *from, uint32_t to, const envelope *e);

/* checker.c: fetch, hash, check, open - a thread of its own */
assay_err checker_open(validator *v);
assay_err checker_start(validator *v);
void checker_stop(validator *v);
void checker_close(validator *v);
void checker_block(validator *v, const assay_ledger_result *result); /* after each block */
void checker_poke(validator *v);
assay_err range_encode(assay_bytes *out, assay_arena *keep, const assay_model_range *range); /* RangeReply */
void holders_note(validator *v, uint32_t from, const holding_note *note);

/* consensus.c: the bft machine's effects carried out */
assay_err consensus_begin(validator *v); /* the height after v->chain */
assay_err consensus_drain(validator *v); /* after each input */
void consensus_hurry(validator *v);      /* something waits for a block: no idle second */
assay_err consensus_apply(validator *v, const assay_block *block, assay_bytes encoded, const assay_block_id *id,
                          const assay_commit *commit);
/* consensus_finish - makes a finalized block final: stores it, moves the chain on, tells who waits. commit NULL:
 * CometBFT has it. */
assay_err consensus_finish(validator *v, const assay_block *block, assay_bytes encoded, const assay_block_id *id,
                           const assay_commit *commit, const assay_engine_finalized *finalized, assay_arena scratch);
uint64_t consensus_deadline(const validator *v);
assay_err consensus_timers(validator *v, uint64_t now_ns);
/* consensus_evidence_check - against stored history. scratch must not be where the evidence lies. */
assay_err consensus_evidence_check(validator *v, const assay_duplicate_vote *evidence, assay_arena scratch);

/* application.c: engine's table over ledger and state */
assay_engine_app application_table(validator *v);
/* block_ids - the ids of a block's transactions, computed once for all who ask between its proposal and its end. block
 * is its hash, which was found to be that of these transactions, for by their ids signatures are taken as verified.
 * Valid until another block's are asked for. ASSAY_F_MEMORY. */
assay_err block_ids(const assay_hash **out, validator *v, assay_hash block, const assay_bytes *txs, uint32_t count);
/* application_account - the next nonce and the balance of an account as committed. */
assay_err application_account(validator *v, uint64_t *nonce, uint64_t *balance, assay_address sender);

/* comet.c, comet_lines.c, comet_process.c: CometBFT as the engine */
assay_err comet_open(validator *v);  /* listens; before anything starts */
assay_err comet_start(validator *v); /* threads, and the processes */
void comet_stop(validator *v);       /* CometBFT first, so that it ends in order; then the threads */
void comet_close(validator *v);
/* comet_ready - CometBFT has connected and knows where we stand. */
bool comet_ready(const validator *v);
/* comet_processes - the ids of CometBFT and the signer; 0: not running. */
void comet_processes(validator *v, int *engine, int *signer);
/* comet_commit_at - header and commit from CometBFT's RPC; any thread. ASSAY_E_NOT_FOUND; ASSAY_F_BUSY: it does not
 * answer now; other ASSAY_F_*. */
assay_err comet_commit_at(validator *v, assay_header *header, assay_commit *commit, assay_arena *keep, uint64_t height);
/* comet_app_ns - nanoseconds that the consensus connection spent in the application: passed, and used of a processor.
 */
void comet_app_ns(const validator *v, uint64_t *passed, uint64_t *used);
/* comet_relay - a light client's question to CometBFT; any thread. Errors as assay_comet_relay; ASSAY_E_NOT_FOUND: the
 * engine is not CometBFT. */
assay_err comet_relay(validator *v, assay_bytes *answer, assay_arena *keep, assay_bytes request);
/* comet_forward - the validator's thread: what people and the checker hand in goes to CometBFT. */
assay_err comet_forward(validator *v);

/* admission.c: CheckTx for CometBFT's mempool, against what is committed. Any thread. */
assay_err admission_open(validator *v);
void admission_close(validator *v);
/* admission_check - may it wait? Of one sender nonces follow each other, and all fees have to be there. */
assay_err admission_check(validator *v, assay_bytes tx);
/* admission_ahead - these will be asked about next: verifies together the signatures that are not known yet. */
void admission_ahead(validator *v, const assay_bytes *txs, uint32_t count, assay_arena scratch);
/* admission_block - a block was committed: everything is checked anew, and CometBFT asks about what still waits. */
void admission_block(validator *v);
/* admission_known - true if the signature of exactly these bytes was verified here lately. */
bool admission_known(validator *v, assay_hash id);

/* sync.c: catching up */
void sync_hello(validator *v);
assay_err sync_envelope(validator *v, uint32_t from, const envelope *e);
void sync_ask(validator *v, uint32_t from, uint64_t height);

/* fetch.c: a version's bytes from other validators */
typedef struct peer_question {
    const validator *v;
    const atomic_bool *stopping;
    assay_hash root;
    uint32_t peer;
    const char *what;  /* the path under /bytes/ROOT */
    const char *query; /* further words, each with its '&' */
} peer_question;
/* peer_client_open - a client for one of those who may have bytes: validators of this process, all at one URL, or other
 * validators' nodes. */
assay_err peer_client_open(assay_http_client **out, const validator *v, uint32_t peer, uint32_t timeout_seconds);
/* peer_get - ASSAY_E_NOT_FOUND: it has none; else as assay_http_call. */
assay_err peer_get(assay_bytes *out, assay_arena *keep, const peer_question *q, assay_http_client *client, size_t max);
typedef struct fetch fetch;
typedef struct fetch_order {
    validator *v;
    const atomic_bool *stopping;
    assay_hash root;
    const assay_manifest *manifest; /* the holding has begun */
    const assay_model_groups *groups;
    bool *lied; /* out: by peer, set for those that sent something else */
} fetch_order;
/* fetch_begin - goes on where the files on disk end, after a look at what there is of them. Peers are asked in the
 * order in which they are given, several at once; what the order points to must outlive the fetch. */
assay_err fetch_begin(fetch **out, const fetch_order *order, const uint32_t *peers, uint32_t peers_count,
                      assay_arena scratch);
/* fetch_is_small - it would be no faster in several threads: nothing comes before fetch_end. */
bool fetch_is_small(const fetch *f);
/* fetch_arrived - waits until so many bytes of a file are on this disk and checked; false: they will not come. Any
 * thread; as assay_model_options.arrived. */
bool fetch_arrived(void *f, uint32_t file_idx, uint64_t bytes);
/* fetch_end - waits for the end, or makes it: frees the fetch. ASSAY_OK: all is here. ASSAY_F_INTERRUPTED; the disk's
 * faults; else the last peer's error (ASSAY_E_NOT_FOUND: nobody has it, ASSAY_E_CONTENT: it sent something else). */
assay_err fetch_end(fetch *f, bool wait);

/* shelf.c */
/* shelf_take - the entry of a root; ASSAY_E_NOT_FOUND if its manifest is not here. It stays until shelf_return (NULL is
 * allowed). */
assay_err shelf_take(validator *v, shelf_entry **out, assay_hash root);
void shelf_return(validator *v, shelf_entry *e);
/* shelf_groups - digests of the 1 MiB groups: the final ones, or those that an upload claims. ASSAY_E_NOT_FOUND. */
assay_err shelf_groups(validator *v, shelf_entry *e, const assay_model_groups **out, bool final);
/* shelf_missing - how many bytes are not here yet, after `arrived` more came. */
assay_err shelf_missing(validator *v, shelf_entry *e, uint64_t arrived, uint64_t *missing, assay_arena scratch);
void shelf_forget(validator *v, assay_hash root);
void shelf_close(validator *v);

/* holdings.c: model bytes on this validator's disk */
#define HOLDING_MANIFEST_MAX ((size_t)256 << 20)
assay_err holding_path(const validator *v, const char **out, assay_arena *keep, assay_hash root, const char *sub);
assay_err holding_files(const validator *v, const char **out, assay_arena *keep, assay_hash root);
/* holding_manifest - what is known of a root's files. Its tensors may be another version's: the root says nothing of
 * them. holding_manifest_of - the manifest with these tensors. *encoded may be NULL. ASSAY_E_NOT_FOUND: not here. */
assay_err holding_manifest(const validator *v, assay_manifest *out, assay_bytes *encoded, assay_arena *keep,
                           assay_hash root);
assay_err holding_manifest_of(const validator *v, assay_manifest *out, assay_bytes *encoded, assay_arena *keep,
                              assay_hash root, assay_hash tensor_root);
assay_err holding_groups(const validator *v, assay_model_groups *out, assay_bytes *encoded, assay_arena *keep,
                         assay_hash root, const assay_manifest *manifest);
bool holding_complete(const validator *v, assay_hash root);
/* Takes a manifest in, beside another one of the same root if the tensors differ: ASSAY_E_PROOF if it is not that of
 * the root. Whether its tensors are those that somebody registered is the caller's to know. */
assay_err holding_begin(validator *v, assay_hash root, assay_bytes encoded, assay_arena scratch);
assay_err holding_file_size(const validator *v, uint64_t *out, assay_hash root, const assay_file_leaf *file,
                            assay_arena scratch);
/* Writes bytes that follow what is here; *size is what is here afterwards. ASSAY_E_RANGE if they do not follow. */
assay_err holding_write(validator *v, assay_hash root, const assay_file_leaf *file, uint64_t offset, assay_bytes bytes,
                        uint64_t *size, assay_arena scratch);
assay_err holding_missing(const validator *v, uint64_t *bytes, assay_hash root, const assay_manifest *manifest,
                          assay_arena scratch);
/* Takes in the groups' digests of an upload, checked against the manifest: from then on each MiB is checked on arrival
 * (holding_write_checked), and what came before unchecked is dropped. ASSAY_E_PROOF. */
assay_err holding_claim(validator *v, assay_hash root, const assay_manifest *manifest, assay_bytes bytes,
                        assay_arena scratch);
/* holding_write, if the upload has digests only of whole MiB (or the file's end) that fit them: ASSAY_E_CONTENT if one
 * does not, ASSAY_E_SIZE if there is no whole one. */
assay_err holding_write_checked(validator *v, shelf_entry *entry, uint64_t file_idx, uint64_t offset, assay_bytes bytes,
                                uint64_t *size, assay_arena scratch);
/* The digests that an upload claims. ASSAY_E_NOT_FOUND. */
assay_err holding_claimed(const validator *v, assay_model_groups *out, assay_arena *keep, assay_hash root,
                          const assay_manifest *manifest);
/* Counts the files' bytes on disk, when the validator opens. */
void holding_count(validator *v, assay_arena scratch);
/* Syncs the files and marks the root as complete. */
assay_err holding_finish(validator *v, assay_hash root, const assay_manifest *manifest,
                         const assay_model_groups *groups, assay_arena scratch);
/* The file ends at size, if the root is not complete (ASSAY_E_STATE). */
assay_err holding_cut(validator *v, assay_hash root, const assay_file_leaf *file, uint64_t size, assay_arena scratch);
assay_err holding_drop_file(validator *v, assay_hash root, const assay_file_leaf *file, assay_arena scratch);

/* trust.c */
assay_err trust_write(struct assay_node *node);
/* trust_text - the trust file's text as validator v sees the chain; ASSAY_E_NOT_FOUND before the first block. */
assay_err trust_text(struct assay_node *node, validator *v, assay_bytes *out, assay_arena *keep);

/* certificate.c */
/* certificate_index - notes in the store which files a version has, for look-ups by a file's SHA-256. */
assay_err certificate_index(validator *v, assay_bytes name, assay_bytes version, const assay_manifest *manifest);

/* routes.c */
assay_err routes_start(struct assay_node *node, const char **why);

/* fault.c */
assay_err fault_order(struct assay_node *node, const char *kind, uint32_t index, char *why, size_t why_cap);
assay_err fault_vote_twice(validator *v, const assay_vote *vote);

#endif
