/* SPDX-License-Identifier: Apache-2.0
 *
 * accounts_internal - the table of an account's record. */
#ifndef ASSAY_LEDGER_ACCOUNTS_INTERNAL_H
#define ASSAY_LEDGER_ACCOUNTS_INTERNAL_H

#include "ledger/accounts/accounts.h"

extern const assay_rule_table assay_accounts_table;

#endif
