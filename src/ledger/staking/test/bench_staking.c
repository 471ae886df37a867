/* SPDX-License-Identifier: Apache-2.0
 *
 * What the largest set costs: an epoch's end at which all of 1,000 validators changed, one in the middle of which one
 * is jailed, and a slash that walks over 10,000 epochs of unbonding. Over sorted rows in memory, so without a disk. */
#define _POSIX_C_SOURCE 200809L
#include <time.h>

#include "stakers_internal.h"

enum { LARGE = ASSAY_VALIDATORS_MAX, EPOCHS = ASSAY_RULE_UNBONDING_EPOCHS_MAX };

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void report(const char *what, double start, unsigned count) {
    printf("%-58s %10.1f us\n", what, (seconds_now() - start) * 1e6 / count);
}

static assay_staking_power *end(world *w, uint32_t *count, assay_arena keep) {
    assay_staking_power *powers;
    must(assay_staking_end_block(&w->c, &powers, count, &keep));
    return powers;
}

int main(void) {
    world *w = world_new();
    static uint8_t memory[1 << 20];
    assay_arena keep = assay_base_arena(memory, sizeof memory), again = keep;
    assay_genesis_validator *validators = calloc(LARGE, sizeof *validators);
    if (!validators) return 1;
    w->params.validators_max = LARGE;
    w->params.epoch_blocks = 10;
    w->params.unbonding_blocks = 10 * EPOCHS;
    for (uint64_t n = 0; n < LARGE; n++) validators[n] = stakers_genesis(n, 5 * M + n);
    assay_staking_power *powers;
    uint32_t count;
    double start = seconds_now();
    must(assay_staking_init(&w->c, &powers, &count, &again, ASSAY_STR("world"), validators, LARGE));
    report("genesis, one of 1,000 validators", start, LARGE);
    const assay_genesis_account rich = {world_address(5000), 1000000 * M};
    must(assay_accounts_init(&w->c, &rich, 1));
    world_end(w);

    world_begin(w);
    w->c.signer = rich.address;
    start = seconds_now();
    for (uint64_t n = 0; n < LARGE; n++) {
        const assay_msg_delegate message = {world_address(n), M + n};
        must(assay_staking_delegate(&w->c, &message));
    }
    report("delegate", start, LARGE);
    world_end(w);
    while (w->c.height < 9) {
        world_begin(w);
        end(w, &count, keep);
        world_end(w);
    }
    world_begin(w);
    start = seconds_now();
    end(w, &count, keep);
    report("end of an epoch in which all of 1,000 changed", start, 1);
    printf("%-58s %10u\n", "  changes told", count);
    world_end(w);
    world_begin(w);
    start = seconds_now();
    end(w, &count, keep);
    report("end of a block in which nothing happened", start, 1);
    must(assay_staking_jail(&w->c, world_address(7)));
    start = seconds_now();
    end(w, &count, keep);
    report("end of a block in which one of 1,000 was jailed", start, 1);
    world_end(w);

    while (w->c.height < 10 * EPOCHS) {
        world_begin(w);
        if (w->c.height % 10 == 5) {
            const assay_msg_undelegate message = {world_address(8), 50};
            must(assay_staking_undelegate(&w->c, &message));
        }
        end(w, &count, keep);
        world_end(w);
    }
    world_begin(w);
    uint64_t taken;
    start = seconds_now();
    must(assay_staking_take(&w->c, &taken, world_address(8), 1, 3 * M));
    report("slash over 10,000 epochs of unbonding", start, 1);
    free(validators);
    world_free(w);
    return 0;
}
