/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/staking/staking.h"

#include "codec/codec.h"

uint64_t assay_staking_bond(uint64_t units) { return assay_codec_twice(units) / 2; }
