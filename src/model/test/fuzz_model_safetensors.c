/* SPDX-License-Identifier: Apache-2.0
 * safetensors files, and the indexes of sharded ones. What is accepted must be a whole, gapless description of the
 * file. */
#include "model/model.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t memory[64 << 20];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    assay_model_entries entries;
    assay_model_where where = {0};
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    assay_bytes file = {data, size};
    assay_err err = assay_model_safetensors(&entries, &arena, &where, file);
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_HEADER || err == ASSAY_E_LIMIT);
    if (err) ASSAY_ASSERT(where.what && where.offset <= size);
    if (!err) {
        uint64_t at = size;
        for (uint32_t i = entries.count; i-- > 0;) {
            const assay_model_entry *e = &entries.rows[i];
            ASSAY_ASSERT(e->name.len <= ASSAY_TENSOR_NAME_LEN_MAX && e->shape_count <= ASSAY_SHAPE_MAX);
            ASSAY_ASSERT(e->offset + e->length == at && e->length <= at);
            at -= e->length;
        }
        uint64_t header = 0;
        for (int i = 7; i >= 0; i--) header = header << 8 | data[i];
        ASSAY_ASSERT(at == 8 + header);
    }
    arena = assay_base_arena(memory, sizeof memory);
    err = assay_model_safetensors_index(&entries, &arena, &where, file);
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_HEADER || err == ASSAY_E_LIMIT);
    return 0;
}
