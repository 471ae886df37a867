/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_signer - votes a second, with and without waiting for the disk. usage: bench_signer [DIR]  (a disk; default:
 * the working directory) */
#include "os/os.h"
#include "signer/signer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void measure(const char *where, const char *dir, bool durable, uint32_t votes) {
    static uint8_t memory[1 << 14];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_signer *signer;
    if (assay_os_dirs_create(dir, 0700) || assay_signer_open(&signer, &keep, dir, true, durable)) abort();
    uint64_t begin = assay_os_monotonic_ns(), worst = 0;
    for (uint32_t i = 0; i < votes; i++) {
        uint64_t start = assay_os_monotonic_ns();
        assay_vote vote = {
            .type = 1 + i % 2, .height = 1 + i / 2, .block_id = {.hash = {{1}}, .parts_total = 1, .parts_hash = {{1}}}};
        if (assay_signer_vote(signer, &vote, ASSAY_STR("bench-0123456789ab"), assay_os_now(), (assay_time){0})) abort();
        uint64_t took = assay_os_monotonic_ns() - start;
        if (took > worst) worst = took;
    }
    double each = (double)(assay_os_monotonic_ns() - begin) / votes / 1000;
    printf("%-10s %-11s %8.1f us a vote, worst %8.1f us\n", where, durable ? "durable" : "not durable", each,
           (double)worst / 1000);
    assay_signer_close(signer);
    if (assay_os_remove_tree(dir)) abort();
}

int main(int argc, char **argv) {
    char disk[512];
    snprintf(disk, sizeof disk, "%s/bench-signer-%u", argc > 1 ? argv[1] : ".", assay_os_process_id());
    uint8_t memory[4096];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    const char *in_memory;
    if (assay_os_temp_dir(&in_memory, &keep, "bench", true)) return 1;
    measure("disk", disk, true, 500);
    measure("disk", disk, false, 20000);
    measure("memory", in_memory, true, 20000);
    measure("memory", in_memory, false, 20000);
    return 0;
}
