/* SPDX-License-Identifier: Apache-2.0
 *
 * slashing_internal - records that no other rule sees, and the steps that several files of this folder take. */
#ifndef ASSAY_LEDGER_SLASHING_INTERNAL_H
#define ASSAY_LEDGER_SLASHING_INTERNAL_H

#include "ledger/slashing/slashing.h"

/* An open safety fault: kept until no later one can be correlated with it. */
typedef struct slashing_fault {
    uint32_t format;        /* 1 */
    int64_t seconds;        /* of its height's block */
    uint64_t share;         /* power there of the set's whole power, rounded up, of ASSAY_SLASHING_WHOLE */
    uint64_t stake;         /* counted there */
    uint64_t closed_height; /* 0: its correlation window is open */
    int64_t closed_seconds;
} slashing_fault;

/* A validator that committed safety faults. */
typedef struct slashing_offender {
    uint32_t format; /* 1 */
    uint64_t taken;  /* for all its safety faults together */
    uint64_t open;   /* faults */
} slashing_offender;

/* Where a fault stands: its key's parts. */
typedef struct slashing_place {
    uint64_t height;
    assay_address owner;
    int64_t round; /* -1: not told */
} slashing_place;

/* Blocks that a validator missed, beside the tree. */
typedef struct slashing_missed {
    uint32_t format;     /* 1 */
    uint64_t window;     /* number of the window that missed counts in */
    uint64_t missed;     /* in that window */
    uint64_t unreported; /* since the last epoch's end */
} slashing_missed;

/* The signing window that runs now; the same for all. Side record. */
typedef struct slashing_window {
    uint32_t format; /* 1 */
    uint64_t number;
    uint64_t height; /* of its first block */
    int64_t seconds; /* header time of the block before that (of its own first block, for the very first) */
} slashing_window;
/* assay_slashing_window_turn - at every block's end: the next block begins a new window if this one's blocks and
 * seconds are both over. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_window_turn(assay_rule_context *context);

extern const assay_rule_table assay_slashing_fault_table, assay_slashing_offender_table, assay_slashing_penalty_table,
    assay_slashing_liveness_table, assay_slashing_missed_table;
extern const char assay_slashing_fault_prefix[];

/* assay_slashing_fault_key - <height><owner><round + 1 as 4 bytes>. */
assay_rule_key assay_slashing_fault_key(const slashing_place *place);
/* assay_slashing_fault_next - the first fault after *after (NULL: the first of all) in the order of heights.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_fault_next(assay_rule_view view, slashing_place *place, slashing_fault *out,
                                                   bool *found, const slashing_place *after);
/* assay_slashing_offender_get, _put - all zero if there is none. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_offender_get(assay_rule_context *context, slashing_offender *out,
                                                     assay_address owner);
ASSAY_MUST_USE assay_err assay_slashing_offender_put(assay_rule_context *context, const slashing_offender *offender,
                                                     assay_address owner);
/* assay_slashing_penalty_add - gives a penalty its id and height, and keeps it. Event "slashed". ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_penalty_add(assay_rule_context *context, assay_slashing_penalty *penalty);
/* assay_slashing_due - base * rate of ASSAY_SLASHING_WHOLE, rounded up. Rates are at most the whole, so it fits. */
uint64_t assay_slashing_due(uint64_t base, uint64_t rate);

/* assay_slashing_correlate - a fault was added: takes from its validator, and from all whose due it raised.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_correlate(assay_rule_context *context, const slashing_place *fresh,
                                                  assay_hash evidence);
/* assay_slashing_close_faults - closes faults whose correlation window passed, and forgets those whose evidence age
 * passed since. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_close_faults(assay_rule_context *context);
/* assay_slashing_report_missed - moves counters of missed blocks into the tree. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_slashing_report_missed(assay_rule_context *context);

#endif
