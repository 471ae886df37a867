/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile transactions, as stage_internal.h has it. The corpus holds one of each kind that does what it is meant to do
 * (test_ledger_seeds.c wrote them, and holds them to that), so that mutations begin at the handlers. */
#include "stage_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static stage *s; /* built once: an input leaves it as it was */
    if (!s) s = stage_new();
    stage_run(s, data, size);
    return 0;
}
