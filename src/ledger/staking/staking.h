/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger/staking - who validates, with what stake, and with what power: bonds, delegations, unbonding, epochs.
 *
 *   bond, delegate --epoch end--> power in force --two heights--> votes --a fault there--> assay_staking_take
 *   undelegate     --epoch end--> out of force   --unbonding window--> paid out
 *
 *   messages  validator-create, delegate, undelegate, unjail
 *   records   staking/validator/<owner>                          the validator
 *             staking/index/<number>, staking/key/<address>      lead to owners, for ever
 *             staking/rank/<~stake><number>                      those who may be in the set, the largest first
 *             staking/set/<owner>                                those who are
 *             staking/power/<owner><height>, staking/total/<height>      what counted, from that height on
 *             staking/delegation/<delegator><validator>          shares of a pool
 *             staking/unbonding/<validator><epoch>               a pool of what left in one epoch
 *             staking/claim/<validator><epoch><delegator>, staking/leaving/<delegator><validator><epoch>    its shares
 *             staking/queue/<epoch><validator>                   those pools, in the order in which they are paid out
 *   limits    params.validators_max in the set; params.bond_min; ASSAY_STAKING_PAYOUTS_MAX payouts a block, the rest
 *             in the next one; a moniker of ASSAY_MONIKER_LEN_MAX bytes
 *   errors    ASSAY_E_RANGE, ASSAY_E_FUNDS, ASSAY_E_EXISTS, ASSAY_E_KEY, ASSAY_E_SIGNATURE, ASSAY_E_DUPLICATE,
 *             ASSAY_E_NOT_FOUND, ASSAY_E_UNAUTHORIZED, ASSAY_E_STATE, ASSAY_E_WINDOW, ASSAY_E_TOMBSTONED,
 *             ASSAY_E_OVERFLOW
 *
 * Power is stake divided by ASSAY_STAKING_POWER_UNIT, so that all units of a 64-bit supply stay below CometBFT's
 * 2^60. *In force* is what the ledger decided last; the engine follows two heights later. Bond changes count from the
 * next epoch's end on; jail and slash at once. The set is never emptied: if nobody would remain, no change is told,
 * and the chain goes on or stops with whom it has.
 * Reading order: staking.h, records.c, set.c, history.c, create.c, bonds.c, unbonding.c, take.c, queries.c.
 * Spec: spec/staking.md.
 */
#ifndef ASSAY_LEDGER_STAKING_H
#define ASSAY_LEDGER_STAKING_H

#include "base/base.h"
#include "ledger/accounts/accounts.h"
#include "ledger/rule/rule.h"
#include "types/types.h"

#define ASSAY_STAKING_POWER_UNIT 1000000u /* units of stake that make one unit of power; a remainder counts nothing */
#define ASSAY_STAKING_DELAY 2             /* heights from a change to the first block in which its power votes */
#define ASSAY_STAKING_PAYOUTS_MAX 256     /* payouts of one block's end */

/* A validator. Its stake is self_bond + pool_tokens. */
typedef struct assay_staking_validator {
    uint32_t format; /* 1 */
    uint64_t index;  /* in order of creation, from 0 */
    assay_address owner;
    assay_public_key consensus_key;
    assay_public_key attestation_key;
    assay_bytes moniker;
    uint64_t created_height;
    uint64_t self_bond;
    uint64_t pool_tokens;     /* of delegators */
    uint64_t pool_shares;     /* never changed by a slash */
    uint64_t pool_generation; /* grows when a slash left shares without tokens: those are worth nothing */
    uint64_t power;           /* in force; 0: not in the set */
    uint64_t counted_stake;   /* the stake behind power */
    bool jailed;
    uint64_t jailed_height;
    int64_t jailed_seconds;
    bool tombstoned; /* for ever */
    uint64_t locks;  /* reasons (open safety faults) why its unbonding stake is not paid out */
} assay_staking_validator;

/* assay_staking_stake - self-bond and delegations together. */
uint64_t assay_staking_stake(const assay_staking_validator *validator);

typedef enum assay_staking_status {
    ASSAY_STAKING_ACTIVE = 1,      /* in the set */
    ASSAY_STAKING_WAITING = 2,     /* may enter at an epoch's end */
    ASSAY_STAKING_UNDERBONDED = 3, /* self-bond below bond_min */
    ASSAY_STAKING_JAILED = 4,
    ASSAY_STAKING_TOMBSTONED = 5
} assay_staking_status;
/* assay_staking_status_of - jailed and tombstoned outweigh the rest (the last of a set may be both jailed and in
 * force). */
assay_staking_status assay_staking_status_of(const assay_staking_validator *validator, const assay_params *params);
/* assay_staking_status_text - "active", "waiting", "underbonded", "jailed", "tombstoned". Static storage. */
const char *assay_staking_status_text(assay_staking_status status);

/* ---- lookups (any view) -------------------------------------------------------------------------------------- */

/* assay_staking_by_owner, _by_consensus, _by_attestation - a validator by its owner's address, or by the address of
 * one of its keys; those that left are found for ever. *found tells; the moniker points into the state. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_by_owner(assay_rule_view view, assay_staking_validator *out, bool *found,
                                                assay_address owner);
ASSAY_MUST_USE assay_err assay_staking_by_consensus(assay_rule_view view, assay_staking_validator *out, bool *found,
                                                    assay_address consensus_address);
ASSAY_MUST_USE assay_err assay_staking_by_attestation(assay_rule_view view, assay_staking_validator *out, bool *found,
                                                      assay_address attestation_address);

/* The set in force, as a whole and one by one. */
typedef struct assay_staking_totals {
    uint32_t format;     /* 1 */
    uint64_t power;      /* of the set in force */
    uint64_t members;    /* in the set */
    uint64_t validators; /* ever created */
    bool stale;          /* stakes or eligibility changed since the set was made */
    bool urgent; /* somebody in the set was jailed: it changes at this block's end. Still so after the block: nobody
                    who may validate remains, and the chain stops (spec/staking.md 3.5) */
} assay_staking_totals;
typedef struct assay_staking_member {
    uint32_t format; /* 1 */
    uint64_t power;
    uint64_t stake;
} assay_staking_member;
/* assay_staking_totals_read - power and number of the set in force. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_totals_read(assay_rule_view view, assay_staking_totals *out);
/* assay_staking_member_next - the set in force, in the order of owners' addresses: the first after *after (NULL: from
 * the start). ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_member_next(assay_rule_view view, assay_address *owner,
                                                   assay_staking_member *out, bool *found, const assay_address *after);

/* What counted at a height: the power with which a validator could vote there, the stake behind it, the set's whole
 * power. */
typedef struct assay_staking_counted {
    uint64_t power; /* 0: it could not vote */
    uint64_t stake;
    uint64_t total_power;
} assay_staking_counted;
/* assay_staking_counted_at - for heights as old as evidence may be (older ones give zero) up to the next one, whose set
 * is settled already. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_counted_at(assay_rule_view view, assay_staking_counted *out, assay_address owner,
                                                  uint64_t height);

/* ---- messages ------------------------------------------------------------------------------------------------ */

/* assay_staking_create - makes the signer the owner of a validator. It waits for the next epoch's end. Event
 * "validator".
 *   ASSAY_E_EXISTS     the signer owns one already           ASSAY_E_RANGE     self-bond below bond_min
 *   ASSAY_E_KEY        a key is malformed, of small order    ASSAY_E_ENCODING  the moniker is no text to show
 *   ASSAY_E_DUPLICATE  a key was ever accepted before, in whatever role, or both are the same
 *   ASSAY_E_SIGNATURE  a key did not sign for the owner      ASSAY_E_FUNDS, ASSAY_F_* */
ASSAY_MUST_USE assay_err assay_staking_create(assay_rule_context *context, const assay_msg_validator_create *message);
/* assay_staking_delegate - bonds the signer's units to a validator; its owner's go to the self-bond. Event "delegated".
 * ASSAY_E_NOT_FOUND, ASSAY_E_TOMBSTONED, ASSAY_E_RANGE (0, or too few for one share), ASSAY_E_FUNDS,
 * ASSAY_E_OVERFLOW, ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_delegate(assay_rule_context *context, const assay_msg_delegate *message);
/* assay_staking_undelegate - takes units out of a validator; they unbond, and can still be slashed for what they
 * voted on. Rounded against the signer; who asks for all that the shares are worth gives up all of them. Event
 * "undelegated" with what unbonds.
 *   ASSAY_E_NOT_FOUND  no validator, no delegation    ASSAY_E_FUNDS     more than there is
 *   ASSAY_E_RANGE      0, or too few for one share of the epoch's unbonding pool; ASSAY_E_OVERFLOW
 *   ASSAY_E_STATE      nobody would be left who may validate; or the validator is jailed and still in force, being the
 *                      last; or a slash took all that unbonds in this epoch (the next one has a new pool)
 *   ASSAY_F_* */
ASSAY_MUST_USE assay_err assay_staking_undelegate(assay_rule_context *context, const assay_msg_undelegate *message);
/* assay_staking_unjail - the signer's validator may enter again at the next epoch's end. Event "unjailed".
 * ASSAY_E_NOT_FOUND, ASSAY_E_UNAUTHORIZED (not the owner), ASSAY_E_STATE (not jailed, or self-bond below bond_min),
 * ASSAY_E_TOMBSTONED, ASSAY_E_WINDOW (too early), ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_unjail(assay_rule_context *context, const assay_msg_unjail *message);

/* ---- what slashing does -------------------------------------------------------------------------------------- */

/* assay_staking_jail - out of the set at this block's end, until unjailed; jailed again only restarts the clock.
 * Event "jailed". The owner exists, asserted. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_jail(assay_rule_context *context, assay_address owner);
/* assay_staking_tombstone - jailed, and never back. Idempotent. Event "tombstoned". ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_tombstone(assay_rule_context *context, assay_address owner);
/* assay_staking_lock, _unlock - one more, or one less, reason why no unbonding stake of this validator is paid out.
 * Unlocking more often than locking is asserted. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_lock(assay_rule_context *context, assay_address owner);
ASSAY_MUST_USE assay_err assay_staking_unlock(assay_rule_context *context, assay_address owner);
/* assay_staking_take - the slash itself: takes and burns amount, or all there is if that is less, from self-bond,
 * delegations and the unbonding stake that still counted at fault_height, in proportion to their sizes (rounded so
 * that the sum is exact). *taken is what was burned. Shares stay; they are worth less. O(epochs of an unbonding
 * window). ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_take(assay_rule_context *context, uint64_t *taken, assay_address owner,
                                            uint64_t fault_height, uint64_t amount);
/* assay_staking_slashable - what assay_staking_take could take for a fault at that height: at least all that counted
 * there, less what was taken since. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_slashable(assay_rule_view view, uint64_t *out, assay_address owner,
                                                 uint64_t fault_height);

/* ---- genesis and blocks -------------------------------------------------------------------------------------- */

typedef struct assay_staking_power { /* one change of the set; power 0: leaves */
    assay_public_key consensus_key;
    uint64_t power;
} assay_staking_power;

/* assay_staking_init - genesis: creates and bonds the validators (self-bonds are issued here, beside the accounts'
 * balances) and makes the first set, whose members count from height 1 on. Proofs are over chain_name. The set is
 * taken from keep. context->height is 0.
 * ASSAY_E_RANGE (nobody who may validate, a self-bond below bond_min, too many), ASSAY_E_EXISTS (an owner twice),
 * ASSAY_E_KEY, ASSAY_E_ENCODING, ASSAY_E_SIGNATURE, ASSAY_E_DUPLICATE, ASSAY_E_OVERFLOW, ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_init(assay_rule_context *context, assay_staking_power **powers, uint32_t *count,
                                            assay_arena *keep, assay_bytes chain_name,
                                            const assay_genesis_validator *validators, uint32_t validators_count);
/* assay_staking_end_block - pays out what has unbonded, makes the new set (at an epoch's end, or when somebody in it
 * was jailed), and gives the changes for the engine, ordered by owner; taken from keep. The set changed if *count >
 * 0. After slashing's end. Event "unbonded", "joined", "left". ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_end_block(assay_rule_context *context, assay_staking_power **powers,
                                                 uint32_t *count, assay_arena *keep);

/* ---- queries (any thread, over a snapshot) ------------------------------------------------------------------- */

/* assay_staking_list - up to max validators in order of creation, from index `first` on; taken from keep, with
 * their monikers. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_list(assay_staking_validator **out, uint32_t *count, assay_arena *keep,
                                            assay_rule_view view, uint64_t first, uint32_t max);
typedef struct assay_staking_holding {
    assay_address validator; /* owner */
    uint64_t shares;         /* 0 for a self-bond */
    uint64_t amount;         /* what they are worth now */
    bool unbonding;
    uint64_t counted_until; /* of unbonding stake: the last height at which it may vote; its window starts there */
} assay_staking_holding;
/* assay_staking_holdings - up to max: an account's self-bond, delegations and unbonding stake, in that order; taken
 * from keep. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_holdings(assay_staking_holding **out, uint32_t *count, assay_arena *keep,
                                                assay_rule_view view, assay_address account, uint32_t max);
/* assay_staking_audit - all units that staking holds: self-bonds, pools, unbonding. For audits of the supply.
 * O(everything). ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_staking_audit(assay_rule_view view, uint64_t *held);

#endif
