/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STUB_CRYPTO_H
#define STUB_CRYPTO_H
#include "base/base.h"
/* assay_crypto_mix - n, mixed. */
uint64_t assay_crypto_mix(uint64_t n);
#endif
