/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a certificate: parsed, and if it parses, checked. Whatever comes is an answer; a fault of memory is
 * none, since the arenas are as large as cert.h says. More than 2/3 of its own set signed what passes the check. */
#include "cert/cert.h"

#include "os/os.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static assay_os_region keep_region, scratch_region;
    if (!keep_region.base) {
        ASSAY_ASSERT(assay_os_reserve(&keep_region, (size_t)1 << 30) == ASSAY_OK);
        ASSAY_ASSERT(assay_os_reserve(&scratch_region, (size_t)1 << 30) == ASSAY_OK);
    }
    assay_arena keep = assay_os_region_arena(&keep_region), scratch = assay_os_region_arena(&scratch_region);
    assay_cert cert;
    assay_err err = assay_cert_parse(&cert, &keep, (assay_bytes){data, size}, scratch);
    ASSAY_ASSERT(!assay_base_err_is_fault(err));
    int exit = assay_base_err_exit(err);
    ASSAY_ASSERT(err == ASSAY_OK || exit == 1 || err == ASSAY_E_FORMAT);
    if (err != ASSAY_OK) return 0;
    err = assay_cert_check(&cert, scratch);
    ASSAY_ASSERT(!assay_base_err_is_fault(err));
    if (err != ASSAY_OK) return 0;
    uint64_t power = assay_commit_overlap(&cert.commit, &cert.validators);
    ASSAY_ASSERT(assay_base_more_than(power, cert.validators.total_power, 2, 3));
    return 0;
}
