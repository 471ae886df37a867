/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger - applies a block: the router over the rules (accounts, staking, slashing, models). Same block in, same root
 * out, everywhere.
 *
 *   transaction --form, signature, chain, expiry, fee, nonce--> one rule's handler --> records, events, a result's code
 *   block end   --> slashing, staking (set and powers), models (attestations, windows, draws), totals --> AppHash
 *
 * Integers only, pure: no clock (time is a block field), no heap, no order but key order. The ledger verifies and never
 * proves. It does not know who orders blocks; node adapts it to engine's table. Not for two threads at once.
 * Reading order: ledger.h, rule/rule.h, then one rule after the other, execute.c, ledger.c, admission.c.
 * Spec: spec/ledger.md, spec/staking.md, spec/slashing.md, spec/models.md.
 */
#ifndef ASSAY_LEDGER_H
#define ASSAY_LEDGER_H

#include "base/base.h"
#include "ledger/rule/rule.h"
#include "ledger/staking/staking.h"
#include "state/state.h"
#include "types/types.h"

#define ASSAY_LEDGER_APP_VERSION 1 /* of the rules in here; genesis must ask for it */

typedef struct assay_ledger assay_ledger;

/* assay_ledger_open - a ledger over a state. keep: its own few KiB. scratch stays the ledger's: memory for decoding one
 * transaction, verifying a batch, closing one block; 8 MiB is ample, and a genesis of 100,000 accounts asks for no
 * more. Reads the parameters if the chain is initialised. ASSAY_F_MEMORY if scratch could not hold what a hostile
 * transaction asks for (about 1 MiB); ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_ledger_open(assay_ledger **out, assay_arena *keep, assay_arena scratch,
                                           assay_state *state);

/* A change of the validator set: consensus_key, power (0: leaves). */
typedef assay_staking_power assay_ledger_power;

/* assay_ledger_init - writes genesis into the (empty) state: accounts, parameters, validators with their self-bond.
 * Idempotent until it is committed, as height 0 or with the first block. powers, the first set, is taken from keep. The
 * journal is empty unless ASSAY_OK.
 *   ASSAY_E_STATE     genesis is committed already        ASSAY_E_CHAIN  chain_id is not that of these bytes
 *   ASSAY_E_FORMAT    a format or app version that this program does not know
 *   ASSAY_E_NAME      the chain's name                    ASSAY_E_ENCODING
 *   ASSAY_E_RANGE     parameters that contradict each other, a balance of 0, a self-bond below the minimum
 *   ASSAY_E_KEY, ASSAY_E_SIGNATURE (a key's proof), ASSAY_E_DUPLICATE, ASSAY_E_EXISTS, ASSAY_E_OVERFLOW; ASSAY_F_* */
ASSAY_MUST_USE assay_err assay_ledger_init(assay_ledger *ledger, assay_ledger_power **powers, uint32_t *powers_count,
                                           assay_arena *keep, assay_bytes genesis, assay_bytes chain_id);

/* Where a transaction waits: evidence first, then validators' duties, then all else. */
typedef enum assay_lane { ASSAY_LANE_EVIDENCE = 0, ASSAY_LANE_DUTY = 1, ASSAY_LANE_PAID = 2 } assay_lane;
typedef struct assay_ledger_admission {
    assay_lane lane;
    assay_address sender;
    uint64_t nonce;
    uint64_t fee;
    uint64_t expiry_height;
} assay_ledger_admission;
/* What the caller has found of a signature already: assay_tx_verify_batch is cheaper than one by one. */
typedef enum assay_ledger_signature {
    ASSAY_LEDGER_SIGNATURE_UNSEEN = 0,
    ASSAY_LEDGER_SIGNATURE_TRUE = 1,
    ASSAY_LEDGER_SIGNATURE_FALSE = 2
} assay_ledger_signature;
/* assay_ledger_check_tx - may this transaction enter the mempool, against what is committed (the journal is empty, and
 * is again afterwards)? Form, size, chain, expiry, fee, signature (verified here if it is UNSEEN), that nonce >= the
 * account's next (the mempool orders nonces), and that the account holds the fee. Free ones (evidence, checks,
 * openings) are admitted only if they would succeed in the next block; draws that are still to come are ASSAY_E_WINDOW.
 * Returns the verdict; *out is filled whenever the form was right. ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_E_FORMAT,
 * ASSAY_E_SIZE, ASSAY_E_CHAIN, ASSAY_E_EXPIRED, ASSAY_E_FEE, ASSAY_E_SIGNATURE, ASSAY_E_NONCE, ASSAY_E_FUNDS; of a free
 * one, whatever its handler says; ASSAY_F_* */
ASSAY_MUST_USE assay_err assay_ledger_check_tx(assay_ledger *ledger, assay_ledger_admission *out, assay_bytes tx,
                                               assay_ledger_signature signature);

typedef struct assay_ledger_misbehavior {
    assay_address consensus_address;
    int64_t height;
    int32_t round; /* -1: unknown */
    assay_time time;
} assay_ledger_misbehavior;
typedef struct assay_ledger_signer {
    assay_address consensus_address;
    uint64_t power;
    bool signed_block; /* COMMIT flag in the last commit */
} assay_ledger_signer;
typedef struct assay_ledger_block {
    uint64_t height;
    assay_time time;
    assay_hash hash;
    assay_address proposer; /* consensus address */
    const assay_bytes *txs;
    uint32_t txs_count;
    const bool *signature_known; /* per transaction: this node verified exactly these bytes before; NULL: none */
    const assay_ledger_misbehavior *misbehavior;
    uint32_t misbehavior_count;
    const assay_ledger_signer *last_commit;
    uint32_t last_commit_count;
} assay_ledger_block;

/* What happened, for logs, the HTTP API and whoever waits. Not part of any hash. kind is static text ("attested",
 * "recorded", "slashed", "transfer", ...: each rule's header lists its own); tx_index is ASSAY_RULE_NO_TX for the
 * block's begin or end; subject is name@version, or an address as text; extra is the penalty's id of "slashed" and
 * "false-opening", the log's index of "attested". */
typedef assay_rule_event assay_ledger_event;
typedef struct assay_ledger_result {
    assay_tx_result *results; /* one per transaction; code is the assay_err number; gas_used is the fee burned */
    uint32_t results_count;
    assay_ledger_power *powers; /* changes of the validator set, effective at height + 2 */
    uint32_t powers_count;
    assay_ledger_event *events; /* in the order in which things happened */
    uint32_t events_count;
    uint32_t events_dropped; /* did not fit ASSAY_LEDGER_EVENTS_MAX and two a transaction */
    assay_hash app_hash;     /* after this block */
    /* The next height at which something happens by itself (a draw, a window's last block, an epoch that changes
     * something): node may idle until then; 0: nothing. Windows that wait for their seconds alone are not in here. */
    uint64_t recheck_height;
} assay_ledger_result;
#define ASSAY_LEDGER_EVENTS_MAX 4096u /* of a block's begin and end */

/* assay_ledger_finalize - executes a block on the journal and prepares the state; nothing is stored: state's commit
 * does that (or a discard gives the block up). Results are taken from keep. Faults only, after which the journal is
 * empty; a transaction that fails is a result with a code, its fee is burned if it could pay, nothing else of it
 * remains. Signatures that are not known are verified in batches. ASSAY_F_BUG before genesis; ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_ledger_finalize(assay_ledger *ledger, assay_ledger_result *out, assay_arena *keep,
                                               const assay_ledger_block *block);

/* assay_ledger_choose - for prepare_proposal: of candidates in the mempool's order, which to include within max_bytes
 * (as a block encodes them). Drops what does not fit, has a wrong nonce after those before it, cannot pay its fee, is
 * expired at this height, or is free and would fail. chosen[i] tells. Signatures are not looked at. Leaves the journal
 * as it was. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_ledger_choose(assay_ledger *ledger, bool *chosen, const assay_bytes *txs,
                                             uint32_t txs_count, uint64_t height, uint64_t max_bytes);
/* assay_ledger_proposal_ok - for process_proposal: *ok is false only for a block that no honest proposer makes: more
 * transactions than the limits allow, or one that is malformed, too large, of another chain, expired, or offers less
 * than the fee; and for every block once the chain has stopped. Depends on the block and the committed state.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_ledger_proposal_ok(assay_ledger *ledger, bool *ok, const assay_ledger_block *block);

/* assay_ledger_stopped - true once nobody who may validate remains: a set is never emptied, the chain stops. As
 * committed (the journal is empty). ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_ledger_stopped(assay_ledger *ledger, bool *stopped);

#endif
