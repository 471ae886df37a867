/* SPDX-License-Identifier: Apache-2.0
 *
 * The light client: how far a reader's own checkpoints carry a certificate. CometBFT's skipping rule with a higher
 * bar: where more than 1/3 of the anchor's power suffices there, more than 2/3 is asked here, because below it a
 * third could have signed something else. Source: PROTOCOL.md (verifying); CometBFT spec/light-client/verification. */
#include "cert_internal.h"

/* now - then in whole seconds, rounded down. */
static int64_t seconds_since(assay_time now, assay_time then) {
    int64_t seconds;
    if (__builtin_sub_overflow(now.seconds, then.seconds, &seconds))
        return now.seconds < then.seconds ? INT64_MIN : INT64_MAX;
    return now.nanos < then.nanos && seconds > INT64_MIN ? seconds - 1 : seconds;
}

/* t + seconds, where it fits; the end of time else. */
static assay_time time_plus(assay_time t, uint64_t seconds) {
    int64_t sum;
    if (seconds > INT64_MAX || __builtin_add_overflow(t.seconds, (int64_t)seconds, &sum)) sum = INT64_MAX;
    return (assay_time){sum, t.nanos};
}

static assay_err judge(assay_cert_anchor *out, const assay_cert *cert, const assay_trust_checkpoint *at,
                       uint64_t trust_seconds, const assay_cert_policy *policy, assay_time now) {
    *out = (assay_cert_anchor){.found = true,
                               .height = at->height,
                               .time = at->time,
                               .age_seconds = seconds_since(now, at->time),
                               .overlap = assay_commit_overlap(&cert->commit, &at->validators),
                               .power = at->validators.total_power};
    bool same_height = at->height == (uint64_t)cert->header.height;
    if (same_height) {
        if (!assay_base_hash_eq(at->header_hash, cert->commit.block_id.hash)) return ASSAY_E_BLOCK;
        out->pinned = true;
    } else if (assay_base_time_cmp(cert->header.time, at->time) <= 0) {
        return ASSAY_E_BLOCK;
    }
    if (assay_base_time_cmp(now, at->time) < 0) return ASSAY_E_CLOCK;
    if (out->pinned) return ASSAY_OK;
    if (assay_base_time_cmp(time_plus(now, ASSAY_CERT_CLOCK_DRIFT_SECONDS), cert->header.time) < 0)
        return ASSAY_E_CLOCK;
    if (!assay_base_more_than(out->overlap, out->power, 1, 3)) return ASSAY_E_ANCHOR;
    out->overlap_short = !assay_base_more_than(out->overlap, out->power, 2, 3);
    out->age_exceeded = assay_base_time_cmp(now, time_plus(at->time, trust_seconds)) > 0;
    if (out->overlap_short && !policy->allow_overlap) return ASSAY_E_OVERLAP;
    if (out->age_exceeded && !policy->allow_age) return ASSAY_E_AGE;
    return ASSAY_OK;
}

assay_err assay_cert_anchor_find(assay_cert_anchor *out, const assay_cert *cert, const assay_trust *trust,
                                 const assay_cert_policy *policy, assay_time now) {
    *out = (assay_cert_anchor){0};
    if (!assay_base_bytes_eq(cert->chain_id, trust->chain_id)) return ASSAY_E_OTHER_CHAIN;
    uint32_t below = 0; /* checkpoints at or below the certificate's height */
    while (below < trust->checkpoints_count && trust->checkpoints[below].height <= (uint64_t)cert->header.height)
        below++;
    /* A block below a pinned one is also before it. */
    if (below < trust->checkpoints_count &&
        assay_base_time_cmp(cert->header.time, trust->checkpoints[below].time) >= 0)
        return ASSAY_E_BLOCK;
    assay_err best = ASSAY_E_ANCHOR;
    for (uint32_t i = below; i > 0; i--) {
        assay_cert_anchor anchor;
        assay_err err = judge(&anchor, cert, &trust->checkpoints[i - 1], trust->trust_seconds, policy, now);
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
