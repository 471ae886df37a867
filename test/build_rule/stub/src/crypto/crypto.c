/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "crypto_internal.h"

uint64_t assay_crypto_mix(uint64_t n) { return n * ASSAY_CRYPTO_MIX; }
