/* SPDX-License-Identifier: Apache-2.0
 * bench_model digest|verify THREADS PATH... - three runs in one process: prints the median in nanoseconds. For verify,
 * the manifest is made outside the clock. bench/models.py compares whole programs with b3sum and openssl. */
#include "model/model.h"
#include "os/os.h"

#include <string.h>

#define REPEAT 3

static uint64_t median(uint64_t *times, size_t count) {
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && times[k] < times[k - 1]; k--) {
            uint64_t t = times[k];
            times[k] = times[k - 1];
            times[k - 1] = t;
        }
    return times[count / 2];
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    uint64_t threads = 0;
    if (assay_base_undecimal(&threads, assay_base_bytes_str(argv[2]))) return 2;
    bool verify = strcmp(argv[1], "verify") == 0;
    assay_os_region keep_region, scratch_region;
    if (assay_os_reserve(&keep_region, ASSAY_MODEL_ARENA_SIZE) ||
        assay_os_reserve(&scratch_region, ASSAY_MODEL_ARENA_SIZE))
        return 6;
    for (int i = 3; i < argc; i++) {
        assay_arena keep = assay_os_region_arena(&keep_region), scratch = assay_os_region_arena(&scratch_region);
        assay_model_options options = {.threads = (uint32_t)threads};
        assay_model model;
        assay_model_where where;
        uint64_t times[REPEAT];
        for (int r = 0; r < REPEAT; r++) {
            assay_arena inner = keep;
            uint64_t start = assay_os_monotonic_ns();
            if (!verify || r == 0) {
                assay_err err = assay_model_digest(&model, verify ? &keep : &inner, &where, argv[i], &options, scratch);
                if (err) return assay_base_err_exit(err);
            }
            if (verify) {
                assay_model_findings findings;
                start = assay_os_monotonic_ns();
                assay_err err = assay_model_verify(&findings, &keep, &where, argv[i], &model.manifest, &model.groups,
                                                   &options, scratch);
                if (err || findings.total) return 1;
            }
            times[r] = assay_os_monotonic_ns() - start;
        }
        uint64_t ns = median(times, REPEAT);
        assay_os_printf(ASSAY_OS_STDOUT, "%s threads=%u bytes=%llu median_ns=%llu gb_per_s=%llu.%02llu\n", argv[1],
                        (unsigned)threads, (unsigned long long)model.size, (unsigned long long)ns,
                        (unsigned long long)(model.size / ns), (unsigned long long)(model.size * 100 / ns % 100));
    }
    return 0;
}
