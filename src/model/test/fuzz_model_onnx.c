/* SPDX-License-Identifier: Apache-2.0
 * ONNX models. Every tensor that is accepted, and is not in another file, lies in this one. */
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t memory[64 << 20];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    assay_model_entries entries;
    assay_model_where where = {0};
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    assay_err err = assay_model_onnx(&entries, &arena, &where, (assay_bytes){data, size});
    /* Names of nested graphs may outgrow this arena, which is a fault of the machine's. */
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_HEADER || err == ASSAY_E_LIMIT || err == ASSAY_F_MEMORY);
    if (err == ASSAY_E_HEADER || err == ASSAY_E_LIMIT) ASSAY_ASSERT(where.what && where.offset <= size);
    if (err) return 0;
    volatile uint8_t sum = 0;
    for (uint32_t i = 0; i < entries.count; i++) {
        const assay_model_entry *e = &entries.rows[i];
        ASSAY_ASSERT(e->name.len && e->name.len <= ASSAY_TENSOR_NAME_LEN_MAX && e->dtype.len &&
                     e->shape_count <= ASSAY_SHAPE_MAX);
        for (size_t k = 0; k < e->name.len; k++) sum = (uint8_t)(sum + e->name.ptr[k]);
        if (e->location.len) continue;
        ASSAY_ASSERT(e->length_known && e->offset <= size && e->length <= size - e->offset);
    }
    return 0;
}
