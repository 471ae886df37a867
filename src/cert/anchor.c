/* SPDX-License-Identifier: Apache-2.0
 *
 * The light client over a trust file: how far a reader's own checkpoints carry a certificate. light.c judges each. */
#include "cert_internal.h"

assay_err assay_cert_anchor_find(assay_cert_anchor *out, const assay_cert *cert, const assay_trust *trust,
                                 const assay_cert_policy *policy, assay_time now) {
    *out = (assay_cert_anchor){0};
    if (!assay_base_bytes_eq(cert->chain_id, trust->chain_id)) return ASSAY_E_OTHER_CHAIN;
    uint32_t below = 0; /* checkpoints at or below the certificate's height */
    while (below < trust->checkpoints_count && trust->checkpoints[below].height <= (uint64_t)cert->header.height)
        below++;
    /* A block below a pinned one is also before it. */
    if (below < trust->checkpoints_count && assay_base_time_cmp(cert->header.time, trust->checkpoints[below].time) >= 0)
        return ASSAY_E_BLOCK;
    const assay_cert_light_block block = {&cert->header, &cert->commit, &cert->validators};
    const assay_cert_light_rules rules = {trust->trust_seconds, policy, now};
    assay_err best = ASSAY_E_ANCHOR;
    for (uint32_t i = below; i > 0; i--) {
        assay_cert_anchor anchor;
        const assay_trust_checkpoint *point = &trust->checkpoints[i - 1];
        const assay_cert_light_trusted at = {point->height, point->time, point->header_hash, &point->validators, NULL};
        assay_err err = assay_cert_light_judge(&anchor, &at, &block, &rules);
        bool first = i == below;
        bool better = best == ASSAY_E_ANCHOR && err != ASSAY_E_ANCHOR;
        if (first || better || err == ASSAY_OK || err == ASSAY_E_BLOCK || err == ASSAY_E_CLOCK) {
            *out = anchor;
            best = err;
        }
        /* A contradiction stays one, and a clock that is wrong for one anchor is wrong. */
        if (err == ASSAY_OK || err == ASSAY_E_BLOCK || err == ASSAY_E_CLOCK) break;
    }
    return best;
}
