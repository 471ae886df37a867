/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that networks begin with: what the ledger would refuse at the first block, a whole ceremony would have been
 * for nothing. */
#include "node/node.h"

#include "ledger/models/models.h"
#include "ledger/rule/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define OK(call) assert_int_equal((call), ASSAY_OK)

static void the_ledger_takes_them(void **state) {
    (void)state;
    const assay_params both[] = {assay_node_rehearsal_params(), assay_node_params()};
    for (size_t i = 0; i < 2; i++) {
        OK(assay_rule_params_check(&both[i]));
        OK(assay_models_params_check(&both[i]));
        assert_in_range(both[i].validators_max, 1, ASSAY_NODE_VALIDATORS_MAX); /* a node keeps no more peers */
    }
}

/* spec/limits.md, 2: what a network for value has otherwise than a rehearsal. */
static void those_for_value(void **state) {
    (void)state;
    assay_params p = assay_node_params(), rehearsal = assay_node_rehearsal_params();
    assert_int_equal(p.epoch_blocks, 7200);
    assert_int_equal(p.unbonding_blocks, 14 * 86400);
    assert_int_equal(p.unbonding_seconds, 14 * 86400);
    assert_int_equal(p.evidence_blocks, 14 * 86400);
    assert_int_equal(p.evidence_seconds, 14 * 86400);
    assert_int_equal(p.correlation_blocks, 14 * 86400);
    assert_int_equal(p.correlation_seconds, 7 * 86400);
    assert_int_equal(p.downtime_window_blocks, 8 * 3600);
    assert_int_equal(p.downtime_window_seconds, 8 * 3600);
    assert_int_equal(p.downtime_min_signed_percent, 50);
    assert_int_equal(p.jail_seconds, 600);
    assert_int_equal(p.validators_max, 100);
    assert_int_equal(p.draws_per_check, rehearsal.draws_per_check);
    assert_int_equal(p.chunks_per_draw, rehearsal.chunks_per_draw);
    assert_int_equal(p.model_size_max, (uint64_t)1 << 44);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ledger_takes_them),
        cmocka_unit_test(those_for_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
