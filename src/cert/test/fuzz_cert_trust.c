/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a trust file. What is accepted is written and read again, and is the same then. */
#include "cert/cert.h"

#include "os/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static assay_os_region region;
    if (!region.base) ASSAY_ASSERT(assay_os_reserve(&region, (size_t)1 << 30) == ASSAY_OK);
    assay_arena keep = assay_os_region_arena(&region);
    assay_trust trust, again;
    assay_err err = assay_trust_parse(&trust, &keep, (assay_bytes){data, size});
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_TRUST_FILE || err == ASSAY_E_FORMAT);
    if (err != ASSAY_OK) return 0;
    assay_buf one = {.cap = assay_trust_size(&trust)}, two = {.cap = assay_trust_size(&trust)};
    one.ptr = ASSAY_NEW(&keep, uint8_t, one.cap);
    two.ptr = ASSAY_NEW(&keep, uint8_t, two.cap);
    ASSAY_ASSERT(one.ptr && two.ptr);
    ASSAY_ASSERT(assay_trust_write(&one, &trust) == ASSAY_OK);
    ASSAY_ASSERT(assay_trust_parse(&again, &keep, (assay_bytes){one.ptr, one.len}) == ASSAY_OK);
    ASSAY_ASSERT(assay_trust_write(&two, &again) == ASSAY_OK);
    ASSAY_ASSERT(assay_base_bytes_eq((assay_bytes){one.ptr, one.len}, (assay_bytes){two.ptr, two.len}));
    return 0;
}
