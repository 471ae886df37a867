/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STUB_BASE_H
#define STUB_BASE_H
#include <stdint.h>
typedef struct assay_amount {
    uint64_t units;
} assay_amount;
/* assay_base_zero - no amount. */
assay_amount assay_base_zero(void);
#endif
