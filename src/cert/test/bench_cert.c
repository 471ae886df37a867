/* SPDX-License-Identifier: Apache-2.0
 *
 * What a certificate costs beside the hashing of the model: parsing, checking, anchoring; 1, 4 and 100 validators. */
#include "chain_internal.h"

#include "os/os.h"

#define ROUNDS 200

static chain made;

static double ms_since(uint64_t start) { return (double)(assay_os_monotonic_ns() - start) / 1e6 / ROUNDS; }

int main(void) {
    assay_os_region made_region, keep_region, scratch_region;
    CHAIN_MUST(assay_os_reserve(&made_region, 1u << 28));
    CHAIN_MUST(assay_os_reserve(&keep_region, 1u << 28));
    CHAIN_MUST(assay_os_reserve(&scratch_region, 1u << 28));
    static const uint32_t sizes[] = {1, 4, 100};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assay_arena made_arena = assay_os_region_arena(&made_region), scratch = assay_os_region_arena(&scratch_region);
        const chain_options options = {.validators = sizes[i]};
        assay_manifest manifest = chain_manifest(&made_arena, 10);
        chain_make(&made, &made_arena, &manifest, (assay_bytes){0}, &options, scratch);
        assay_bytes text;
        CHAIN_MUST(chain_text(&text, &made_arena, &made.parts, scratch));
        assay_trust_checkpoint checkpoint = chain_checkpoint(&made, 10);
        const assay_trust trust = chain_trust(&checkpoint, 1);
        const assay_cert_policy policy = {0};
        assay_cert cert;
        uint64_t start = assay_os_monotonic_ns();
        for (int r = 0; r < ROUNDS; r++) {
            assay_arena keep = assay_os_region_arena(&keep_region);
            CHAIN_MUST(assay_cert_parse(&cert, &keep, text, scratch));
        }
        double parse = ms_since(start);
        start = assay_os_monotonic_ns();
        for (int r = 0; r < ROUNDS; r++) CHAIN_MUST(assay_cert_check(&cert, scratch));
        double check = ms_since(start);
        start = assay_os_monotonic_ns();
        for (int r = 0; r < ROUNDS; r++) {
            assay_cert_anchor anchor;
            CHAIN_MUST(assay_cert_anchor_find(&anchor, &cert, &trust, &policy, (assay_time){CHAIN_TIME + 60, 0}));
        }
        printf("certificate of %3u validators, %zu bytes: parse %.3f ms, check %.3f ms, anchor %.3f ms\n", sizes[i],
               text.len, parse, check, ms_since(start));
    }
    return 0;
}
