/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

int main(void) { return assay_crypto_mix(0) == 0 ? 0 : 1; }
