/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger/slashing - what a fault costs, and why: double signatures, false openings, absence. Only evidence slashes.
 *
 *   two votes, or the engine's word --> fault (validator, kind, height, round) --> due = the largest, over its faults,
 *   of rate * stake counted there --> taken: due minus what was taken before --> a record that explains itself
 *
 *   rates     double signature: max(5 %, min(1, 3 X)); X = share of all validators at fault within the correlation
 *             window of that fault, itself included. A later offender raises the due of the earlier ones, who are
 *             topped up: the order of evidence is immaterial. False opening: flat 5 % and jail. Liveness (too many
 *             missed blocks, or ASSAY_SLASHING_DUTIES_MAX missed duties): jail the first time, then 0.01 %, doubling,
 *             at most 1 %; forgotten after an unbonding window without one.
 *   messages  evidence
 *   records   slashing/fault/<height><owner><round>, slashing/offender/<owner>, slashing/penalty/<id>,
 *             slashing/liveness/<owner>; beside the tree slashing/missed/<owner>, which enters it at epoch ends
 *   limits    ASSAY_SLASHING_FAULTS_MAX faults of one validator count at a time: they only raise a maximum
 *   errors    ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_E_EVIDENCE, ASSAY_E_WINDOW, ASSAY_E_DUPLICATE
 *
 * All that is taken is burned; a reporter gets nothing but a free transaction. No account can slash or pardon.
 * Reading order: slashing.h, slashing.c, correlation.c, liveness.c.      Spec: spec/slashing.md.
 */
#ifndef ASSAY_LEDGER_SLASHING_H
#define ASSAY_LEDGER_SLASHING_H

#include "base/base.h"
#include "ledger/rule/rule.h"
#include "ledger/staking/staking.h"
#include "types/types.h"

#define ASSAY_SLASHING_WHOLE 1000000000u      /* rates and shares are parts of 10^9 */
#define ASSAY_SLASHING_FLOOR 50000000u        /* 5 %: of a safety fault at least, and of a false opening */
#define ASSAY_SLASHING_SLOPE 3u               /* times the share at fault */
#define ASSAY_SLASHING_LIVENESS_FIRST 100000u /* 0.01 %: the second time */
#define ASSAY_SLASHING_LIVENESS_MAX 10000000u /* 1 % */
#define ASSAY_SLASHING_FAULTS_MAX 8u          /* open safety faults of one validator */
#define ASSAY_SLASHING_DUTIES_MAX 4u          /* missed duties that make a liveness fault */

typedef enum assay_slashing_kind {
    ASSAY_SLASHING_DOUBLE_SIGN = 1,
    ASSAY_SLASHING_FALSE_OPENING = 2,
    ASSAY_SLASHING_DOWNTIME = 3,     /* missed blocks */
    ASSAY_SLASHING_MISSED_DUTIES = 4 /* checks or openings that did not come */
} assay_slashing_kind;
/* assay_slashing_kind_text - "double-sign", "false-opening", "downtime", "missed-duties". Static storage. */
const char *assay_slashing_kind_text(assay_slashing_kind kind);

/* Why somebody was slashed or jailed, with every number that led there. */
typedef struct assay_slashing_penalty {
    uint32_t format;         /* 1 */
    uint64_t id;             /* from 1 */
    uint32_t kind;           /* assay_slashing_kind */
    assay_address validator; /* owner */
    uint64_t fault_height;   /* of the fault whose due is the largest */
    int64_t fault_round;     /* -1: not told, or no round */
    uint64_t height;         /* of the block that decided */
    uint64_t share_num;      /* X, of ASSAY_SLASHING_WHOLE; 0 where nothing is correlated */
    uint64_t share_den;
    uint64_t rate;         /* of ASSAY_SLASHING_WHOLE */
    uint64_t base_stake;   /* counted at fault_height */
    uint64_t due;          /* base_stake * rate, rounded up */
    uint64_t taken_before; /* for this kind of due: by earlier penalties of the same account of faults */
    uint64_t taken;        /* now; all of it burned */
    uint64_t burned;
    uint64_t cause;      /* id of the penalty whose fault raised X: a top-up; 0: a fault of its own */
    uint64_t offence;    /* liveness: the how-many-th; else 0 */
    assay_hash evidence; /* id of the transaction, or hash of the block, that brought it; zero for liveness */
} assay_slashing_penalty;

/* How a validator kept its duties, as of the last epoch's end. */
typedef struct assay_slashing_liveness {
    uint32_t format;        /* 1 */
    uint64_t missed_blocks; /* ever */
    uint64_t missed_duties; /* ever */
    uint64_t open_duties;   /* missed since the last liveness fault */
    uint64_t offences;      /* that still count */
    uint64_t last_height;   /* of the last one */
    int64_t last_seconds;
} assay_slashing_liveness;

/* ---- faults -------------------------------------------------------------------------------------------------- */

/* assay_slashing_evidence - two votes of one validator for the same height, round and type and different blocks, each
 * signed by its consensus key: slashed, tombstoned, its stake locked until the correlation window and the evidence's
 * age are over. Anybody may sign the transaction; it is free if it succeeds. Events "slashed" (extra: penalty id),
 * "tombstoned".
 *   ASSAY_E_ENCODING, ASSAY_E_RANGE  a vote is malformed
 *   ASSAY_E_EVIDENCE   no conflict, a signature that does not verify, or nobody who could vote there
 *   ASSAY_E_DUPLICATE  that fault is known, or as many of this validator as count
 *   ASSAY_E_WINDOW     too old, or of the future
 *   ASSAY_F_* */
ASSAY_MUST_USE assay_err assay_slashing_evidence(assay_rule_context *context, const assay_msg_evidence *message);
/* assay_slashing_misbehavior - the same fault as the engine reports it, which verified the votes; round is -1 where
 * it does not tell. What would be a verdict in a transaction (known, too old, a stranger) does nothing here.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_misbehavior(assay_rule_context *context, assay_address consensus_address,
                                                    int64_t height, int32_t round);
/* assay_slashing_false_opening - called by models, once per check: 5 % of the stake counted at fault_height (that of
 * the check), and jail. evidence: id of the transaction that shows it. *penalty is the record's id. The owner exists,
 * asserted.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_false_opening(assay_rule_context *context, uint64_t *penalty,
                                                      assay_address owner, uint64_t fault_height, assay_hash evidence);
/* assay_slashing_missed_duty - called by models: a check or an opening did not come in time. Every
 * ASSAY_SLASHING_DUTIES_MAX of them make a liveness fault. Nothing happens to a validator that is jailed or not in
 * the set. Event "missed-duty". ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_missed_duty(assay_rule_context *context, assay_address owner);
/* assay_slashing_missed_block - the router says it of everyone in the last commit who did not sign for the block.
 * More than the window allows: a liveness fault. Counted beside the tree, per window of
 * params.downtime_window_blocks and _seconds. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_missed_block(assay_rule_context *context, assay_address consensus_address);
/* assay_slashing_end_block - at an epoch's end: counters enter the tree, faults whose windows are over are forgotten
 * and their stake is unlocked. Before staking's end. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_end_block(assay_rule_context *context);

/* ---- queries (any thread, over a snapshot) ------------------------------------------------------------------- */

/* assay_slashing_penalty_get - one penalty. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_penalty_get(assay_rule_view view, assay_slashing_penalty *out, bool *found,
                                                    uint64_t id);
/* assay_slashing_penalties - up to max penalties with ids from first on, oldest first; taken from keep. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_penalties(assay_slashing_penalty **out, uint32_t *count, assay_arena *keep,
                                                  assay_rule_view view, uint64_t first, uint32_t max);
/* assay_slashing_liveness_get - how a validator kept its duties; all zero if it always did. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_liveness_get(assay_rule_view view, assay_slashing_liveness *out,
                                                     assay_address owner);

#endif
