/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STUB_CRYPTO_INTERNAL_H
#define STUB_CRYPTO_INTERNAL_H
#define ASSAY_CRYPTO_MIX 0x9e3779b97f4a7c15u
#endif
