/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger/accounts - who holds what: balances, nonces, fees, sending.
 *
 *   messages  send
 *   records   account/<address> = {balance, nonce}: none for an address that never held or signed anything
 *   limits    a memo of ASSAY_MEMO_LEN_MAX; amounts are 64-bit, and all of them together never exceed what genesis
 *   issued errors    ASSAY_E_NONCE, ASSAY_E_FEE, ASSAY_E_FUNDS, ASSAY_E_RANGE (an amount of 0), ASSAY_E_OVERFLOW
 *
 * Reading order: accounts.h, accounts.c.      Spec: spec/ledger.md 3.
 */
#ifndef ASSAY_LEDGER_ACCOUNTS_H
#define ASSAY_LEDGER_ACCOUNTS_H

#include "base/base.h"
#include "ledger/rule/rule.h"
#include "types/types.h"

typedef struct assay_accounts_account {
    uint32_t format; /* 1 */
    uint64_t balance;
    uint64_t nonce; /* the next transaction's: starts at 0, grows by one with each that is executed */
} assay_accounts_account;

/* assay_accounts_get - an account; all zero if it was never used. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_accounts_get(assay_rule_view view, assay_accounts_account *out, assay_address address);
/* assay_accounts_credit - adds amount to a balance. 0 does nothing. ASSAY_E_OVERFLOW (cannot be while supply is
 * conserved), ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_accounts_credit(assay_rule_context *context, assay_address address, uint64_t amount);
/* assay_accounts_debit - takes amount from a balance. 0 does nothing. ASSAY_E_FUNDS if there is less, ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_accounts_debit(assay_rule_context *context, assay_address address, uint64_t amount);
/* assay_accounts_burn - takes amount from a balance and counts it as burned. ASSAY_E_FUNDS, ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_accounts_burn(assay_rule_context *context, assay_address address, uint64_t amount);

/* assay_accounts_fee - what a transaction of len encoded bytes costs at least. ASSAY_E_OVERFLOW. */
ASSAY_MUST_USE assay_err assay_accounts_fee(uint64_t *out, const assay_params *params, size_t len);
/* assay_accounts_charge - the door of a paid transaction: checks the nonce, takes and burns the fee, advances the
 * nonce: one read and one write. Nothing is changed unless ASSAY_OK. ASSAY_E_NONCE, ASSAY_E_FUNDS, ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_accounts_charge(assay_rule_context *context, assay_address address, uint64_t nonce,
                                               uint64_t fee);

/* assay_accounts_send - moves an amount from the signer. ASSAY_E_RANGE (amount 0), ASSAY_E_FUNDS, ASSAY_F_*. Event
 * "transfer" with the receiver's address. */
ASSAY_MUST_USE assay_err assay_accounts_send(assay_rule_context *context, const assay_msg_send *message);

/* assay_accounts_init - genesis: gives each account its balance and issues it. ASSAY_E_DUPLICATE (an address twice),
 * ASSAY_E_RANGE (a balance of 0), ASSAY_E_OVERFLOW, ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_accounts_init(assay_rule_context *context, const assay_genesis_account *accounts,
                                             uint32_t count);

/* assay_accounts_next - iterates over all accounts in the order of addresses: the first after *after (NULL: from the
 * start). For audits of the supply. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_accounts_next(assay_rule_view view, assay_address *address, assay_accounts_account *out,
                                             bool *found, const assay_address *after);

#endif
