/* SPDX-License-Identifier: Apache-2.0
 * GGUF files. Accepted tensors lie in the file, apart from each other. */
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t memory[64 << 20];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    assay_model_entries entries;
    assay_model_where where = {0};
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    assay_err err = assay_model_gguf(&entries, &arena, &where, (assay_bytes){data, size});
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_HEADER || err == ASSAY_E_LIMIT);
    if (err) ASSAY_ASSERT(where.what && where.offset <= size);
    if (err) return 0;
    uint64_t at = 0;
    for (uint32_t i = 0; i < entries.count; i++) {
        const assay_model_entry *e = &entries.rows[i];
        ASSAY_ASSERT(e->name.len && e->name.len <= ASSAY_TENSOR_NAME_LEN_MAX && e->shape_count <= ASSAY_SHAPE_MAX);
        ASSAY_ASSERT(e->offset >= at && e->length <= size - e->offset);
        at = e->offset + e->length;
    }
    return 0;
}
