/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever an RPC answers, it is read or refused. */
#include "comet/comet.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t memory[1 << 22];
    static assay_validator list[64];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_header header;
    assay_commit commit;
    uint32_t count = 0, total = 0;
    assay_bytes text = {data, size};
    /* What is read holds together: that is the reader's promise. */
    if (assay_comet_read_commit(&header, &commit, &keep, text) == ASSAY_OK &&
        (header.height != commit.height || commit.sigs_count > ASSAY_VALIDATORS_MAX))
        abort();
    if (assay_comet_read_validators(list, &count, 64, &total, text) == ASSAY_OK && count > 64) abort();
    return 0;
}
