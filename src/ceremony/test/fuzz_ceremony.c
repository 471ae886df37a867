/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators send each other comes from anybody: it is read or refused. */
#include "ceremony/ceremony.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t memory[1 << 23];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_bytes text = {data, size};
    assay_ceremony_member member;
    assay_ceremony_network network;
    assay_ceremony_word word;
    /* Nobody without the owner's key makes one that is taken: but one that is taken holds together. */
    if (assay_ceremony_member_read(&member, &keep, text) == ASSAY_OK && member.validator.self_bond == 0) abort();
    if (assay_ceremony_network_read(&network, &keep, text) == ASSAY_OK && network.members_count == 0) abort();
    (void)!assay_ceremony_word_read(&word, text);
    return 0;
}
