/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STUB_LEDGER_STAKING_H
#define STUB_LEDGER_STAKING_H
#include "base/base.h"
/* assay_staking_bond - what is bonded. */
uint64_t assay_staking_bond(uint64_t units);
#endif
