/* SPDX-License-Identifier: Apache-2.0
 *
 * staking_internal - records that no other rule sees, and the few steps that several files of this folder take. */
#ifndef ASSAY_LEDGER_STAKING_INTERNAL_H
#define ASSAY_LEDGER_STAKING_INTERNAL_H

#include "ledger/staking/staking.h"

/* ---- records (records.c) ------------------------------------------------------------------------------------- */

/* A delegator's part of a validator's pool. */
typedef struct staking_delegation {
    uint32_t format; /* 1 */
    uint64_t shares;
    uint64_t generation; /* of the pool; shares of an older one are worth nothing */
} staking_delegation;

/* All that left one validator in one epoch, as a pool of its own: a slash scales it whatever the number of claims. */
typedef struct staking_unbonding {
    uint32_t format; /* 1 */
    uint64_t tokens;
    uint64_t shares;
} staking_unbonding;

/* What counted from a height on. */
typedef struct staking_history {
    uint32_t format; /* 1 */
    uint64_t power;
    uint64_t stake;
} staking_history;

extern const assay_rule_table assay_staking_validator_table, assay_staking_member_table, assay_staking_delegation_table,
    assay_staking_unbonding_table, assay_staking_history_table, assay_staking_totals_table;

extern const char assay_staking_rank_prefix[], assay_staking_set_prefix[], assay_staking_queue_prefix[],
    assay_staking_power_prefix[], assay_staking_total_prefix[], assay_staking_index_prefix[],
    assay_staking_delegation_prefix[], assay_staking_unbonding_prefix[], assay_staking_claim_prefix[],
    assay_staking_leaving_prefix[], assay_staking_key_prefix[];

/* assay_staking_key_address, _u64 - a key of prefix and what follows. */
assay_rule_key assay_staking_key_address(const char *prefix, assay_address address);
assay_rule_key assay_staking_key_u64(const char *prefix, uint64_t value);

/* A validator that is being changed: what it was ranked as when it was read goes along, so that storing it moves it to
 * its new rank. */
typedef struct staking_edit {
    assay_staking_validator v;
    bool ranked;
    uint64_t ranked_stake;
} staking_edit;
/* assay_staking_edit_open - reads a validator to change it. *found tells. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_edit_open(assay_rule_context *context, staking_edit *edit, bool *found,
                                                 assay_address owner);
/* assay_staking_edit_close - stores it, with its rank, and says that the set is stale if the rank moved. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_edit_close(assay_rule_context *context, staking_edit *edit);
/* assay_staking_eligible - may it be in the set? Not jailed, not tombstoned, self-bond of at least bond_min. */
bool assay_staking_eligible(const assay_staking_validator *validator, const assay_params *params);
/* assay_staking_totals_put - writes the totals. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_totals_put(assay_rule_context *context, const assay_staking_totals *totals);

/* ---- history (history.c) ------------------------------------------------------------------------------------- */

/* assay_staking_history_put - notes what counts of a validator from a height on, and forgets what no evidence can
 * reach.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_history_put(assay_rule_context *context, assay_address owner, uint64_t from,
                                                   uint64_t power, uint64_t stake);
/* assay_staking_history_put_total - the same for the set's whole power. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_history_put_total(assay_rule_context *context, uint64_t from, uint64_t power);

/* ---- the set (set.c) ----------------------------------------------------------------------------------------- */

/* assay_staking_set_make - makes the set anew if this block has reason to; the changes are taken from keep.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_set_make(assay_rule_context *context, assay_staking_power **powers,
                                                uint32_t *count, assay_arena *keep);
/* assay_staking_rank_empty - is there nobody who may validate? ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_rank_empty(assay_rule_context *context, bool *empty);

/* ---- unbonding (unbonding.c) --------------------------------------------------------------------------------- */

/* assay_staking_unbond - adds an amount that left a validator in this block to its epoch's pool, for a delegator.
 * ASSAY_E_STATE (a slash left that pool without tokens), ASSAY_E_RANGE (too few for a share), ASSAY_E_OVERFLOW,
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_unbond(assay_rule_context *context, assay_address owner, assay_address delegator,
                                              uint64_t amount);
/* assay_staking_pay_out - pays what has unbonded, up to ASSAY_STAKING_PAYOUTS_MAX claims. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_pay_out(assay_rule_context *context);
/* assay_staking_queue_again - puts all pools of a validator that was unlocked back into the queue. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_queue_again(assay_rule_context *context, assay_address owner);
/* assay_staking_unbonding_next - the pools of a validator in the order of epochs: the first that counted until `from`
 * or longer. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_unbonding_next(assay_rule_view view, staking_unbonding *out,
                                                      uint64_t *counted_until, bool *found, assay_address owner,
                                                      uint64_t from);
/* assay_staking_unbonding_key - the key of one pool. */
assay_rule_key assay_staking_unbonding_key(assay_address owner, uint64_t counted_until);

#endif
