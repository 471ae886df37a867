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
    uint64_t delivered, dropped, crashes, restarts_locked, evidence, included;
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
    sum->included += net.evidence_included;
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
    print_message("%s: seeds %llu to %llu: %llu delivered, %llu lost, %llu crashes (%llu while locked), %llu evidence "
                  "(%llu in blocks), highest round %d\n",
                  name, (unsigned long long)first, (unsigned long long)(first + count - 1),
                  (unsigned long long)sum.delivered, (unsigned long long)sum.dropped, (unsigned long long)sum.crashes,
                  (unsigned long long)sum.restarts_locked, (unsigned long long)sum.evidence,
                  (unsigned long long)sum.included, sum.highest_round);
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

/* What happens at random must happen often enough to have been tested: counts grow with the seeds. */
static void expect_some(uint64_t happened, uint64_t at_least, const char *what) {
    uint64_t seeds = number_from("ASSAY_BFT_SEEDS", UINT64_MAX);
    if (seeds < 100) return; /* a few seeds by hand prove nothing about that */
    if (happened < at_least) fail_msg("%s: %llu", what, (unsigned long long)happened);
}

static network_plan rough(uint32_t nodes, int64_t heights) {
    network_plan plan = calm(nodes, heights);
    plan.loss_percent = 15;
    plan.duplicate_percent = 10;
    plan.delay_max = 60 * MILLISECOND;
    plan.heal_at = 1500 * MILLISECOND;
    return plan;
}

static void test_loss_delay_duplicates(void **state) {
    (void)state;
    totals sum = run_seeds("loss", rough(4, 2), 200);
    expect_some(sum.dropped, 1000, "lost messages");
}

static void test_partitions(void **state) {
    (void)state;
    network_plan plan = rough(4, 2);
    plan.partition_percent = 60;
    run_seeds("partitions", plan, 150);
}

static void test_crashes(void **state) {
    (void)state;
    network_plan plan = rough(4, 2);
    plan.crash_percent = 60;
    plan.partition_percent = 20;
    totals sum = run_seeds("crashes", plan, 250);
    expect_some(sum.crashes, 200, "crashes");
    expect_some(sum.restarts_locked, 30, "restarts with a lock");
}

static void test_equivocator_of_four(void **state) {
    (void)state;
    network_plan plan = rough(4, 2);
    plan.equivocators = 1;
    totals sum = run_seeds("one of four equivocates", plan, 250);
    expect_some(sum.evidence, 200, "double votes seen");
    expect_some(sum.included, 50, "evidence in blocks");
}

static void test_equivocators_of_seven(void **state) {
    (void)state;
    network_plan plan = rough(7, 2);
    plan.equivocators = 2;
    plan.partition_percent = 20;
    totals sum = run_seeds("two of seven equivocate", plan, 20);
    expect_some(sum.evidence, 40, "double votes seen");
}

static void test_silent_of_four(void **state) {
    (void)state;
    network_plan plan = rough(4, 2);
    plan.silent = 1;
    totals sum = run_seeds("one of four is silent", plan, 40);
    expect_some((uint64_t)sum.highest_round, 1, "failed rounds");
}

static void test_everything(void **state) {
    (void)state;
    network_plan plan = rough(4, 3);
    plan.equivocators = 1;
    plan.crash_percent = 40;
    plan.partition_percent = 30;
    plan.idle_ns = 100 * MILLISECOND;
    plan.powers[0] = 9;
    plan.powers[1] = 11;
    plan.powers[2] = 8;
    totals sum = run_seeds("everything", plan, 250);
    expect_some(sum.crashes, 200, "crashes");
    expect_some(sum.evidence, 200, "double votes seen");
}

/* The oldest failure of all: all power goes at once, in the middle of a height, and what was locked must come back. */
static void test_whole_network_restarts(void **state) {
    (void)state;
    network_plan plan = rough(4, 3);
    plan.loss_percent = 0;
    plan.blackout_percent = 30;
    plan.delay_max = 20 * MILLISECOND;
    plan.heal_at = 400 * MILLISECOND;
    totals sum = run_seeds("blackouts", plan, 150);
    expect_some(sum.crashes, 200, "crashes");
    expect_some(sum.restarts_locked, 50, "restarts with a lock");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_decides_alone),
        cmocka_unit_test(test_four_calm),
        cmocka_unit_test(test_seven_calm),
        cmocka_unit_test(test_loss_delay_duplicates),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_equivocator_of_four),
        cmocka_unit_test(test_equivocators_of_seven),
        cmocka_unit_test(test_silent_of_four),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_whole_network_restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
