/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger - applies a block: the router over the rules (accounts, staking, slashing, models). Same block in, same root out, everywhere.
 *
 *   transaction --decode, signature, chain, expiry, nonce, fee--> one rule's handler --> records in state, events, a result code
 *   block end   --> draws, windows that close, attestations, unbonding, epochs, power updates
 *
 * Integers only, pure: no clock (time is a block field), no heap, no order but key order. The ledger verifies and never proves.
 * It does not know who orders blocks; node adapts it to engine's table.
 * Reading order: ledger.h, rule/rule.h, then one rule after the other, ledger.c.      Spec: spec/ledger.md, spec/models.md, spec/slashing.md.
 */
#ifndef ASSAY_LEDGER_H
#define ASSAY_LEDGER_H

#include "base/base.h"
#include "state/state.h"
#include "types/types.h"

typedef struct assay_ledger assay_ledger;

/* assay_ledger_open - a ledger over a state. keep: its own few KiB. scratch: memory for decoding one transaction or closing one block (4 MiB is ample;
 * stays the ledger's). Reads the parameters if the chain is initialised. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_ledger_open(assay_ledger **out, assay_arena *keep, assay_arena scratch, assay_state *state);

typedef struct assay_ledger_power {
    assay_public_key consensus_key;
    uint64_t power; /* 0: leaves */
} assay_ledger_power;

/* assay_ledger_init - writes genesis into the (empty) state: accounts, parameters, validators with their self-bond. Idempotent until the first commit.
 * powers are taken from keep. ASSAY_E_RANGE (parameters that contradict each other), ASSAY_E_KEY, ASSAY_E_SIGNATURE (a key's proof), ASSAY_E_DUPLICATE. */
ASSAY_MUST_USE assay_err assay_ledger_init(assay_ledger *ledger, assay_ledger_power **powers, uint32_t *powers_count, assay_arena *keep,
                                           assay_bytes genesis, assay_bytes chain_id);

/* Where a transaction waits: evidence first, then validators' duties, then all else. */
typedef enum assay_lane { ASSAY_LANE_EVIDENCE = 0, ASSAY_LANE_DUTY = 1, ASSAY_LANE_PAID = 2 } assay_lane;
typedef struct assay_ledger_admission {
    assay_lane lane;
    assay_address sender;
    uint64_t nonce;
    uint64_t fee;
    uint64_t expiry_height;
} assay_ledger_admission;
/* assay_ledger_check_tx - may this transaction enter the mempool, against what is committed (the journal is empty)? Form, size, chain, expiry, fee,
 * signature (unless signature_known), funds, and that nonce >= the account's next; the mempool orders nonces. Free ones (evidence, a check or opening
 * by a validator of the set) are admitted only if they would succeed now; draws that are still to come are ASSAY_E_WINDOW.
 * Returns the verdict; *out is filled whenever the form was right. */
ASSAY_MUST_USE assay_err assay_ledger_check_tx(assay_ledger *ledger, assay_ledger_admission *out, assay_bytes tx, bool signature_known);

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

/* What happened, for logs, the HTTP API and whoever waits. Not part of any hash. */
typedef struct assay_ledger_event {
    const char *kind;  /* "attested", "recorded", "lapsed", "slashed", "jailed", "unjailed", "check", "void", "opened", "transfer", ... static */
    uint32_t tx_index; /* UINT32_MAX: of the block's end or begin */
    assay_bytes subject; /* name@version, or an address as text */
    uint64_t amount;
    uint64_t extra; /* penalty id of "slashed"; log index of "attested" */
} assay_ledger_event;
typedef struct assay_ledger_result {
    assay_tx_result *results; /* one per transaction; code is the assay_err number; gas_used is the fee burned */
    uint32_t results_count;
    assay_ledger_power *powers; /* changes of the validator set, effective at height + 2 */
    uint32_t powers_count;
    assay_ledger_event *events;
    uint32_t events_count;
    assay_hash app_hash; /* after this block */
    uint64_t recheck_height; /* the next height at which something happens by itself (a draw due, an opening window, an epoch): node may idle until then; 0: nothing */
} assay_ledger_result;

/* assay_ledger_finalize - executes a block on the journal and prepares the state (nothing is stored: state's commit does that). Results are taken from keep.
 * Faults only; a transaction that fails is a result with a code, its fee is burned if it could pay, nothing else of it remains. */
ASSAY_MUST_USE assay_err assay_ledger_finalize(assay_ledger *ledger, assay_ledger_result *out, assay_arena *keep, const assay_ledger_block *block);

/* assay_ledger_choose - for prepare_proposal: of candidates in the mempool's order, which to include within max_bytes (dropping what is too large, has a
 * wrong nonce after those before it, or is expired at this height). chosen[i] tells. Never fails a block. */
ASSAY_MUST_USE assay_err assay_ledger_choose(assay_ledger *ledger, bool *chosen, const assay_bytes *txs, uint32_t txs_count, uint64_t height,
                                             uint64_t max_bytes);
/* assay_ledger_proposal_ok - for process_proposal: *ok is false only for a block that no honest proposer makes (undecodable or oversized transactions,
 * more than the limits). Deterministic. */
ASSAY_MUST_USE assay_err assay_ledger_proposal_ok(assay_ledger *ledger, bool *ok, const assay_ledger_block *block);

#endif
