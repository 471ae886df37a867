/* SPDX-License-Identifier: Apache-2.0
 *
 * params - the rules that networks begin with, by what they are for.
 */
#include "node/node.h"

/* A devnet's rules: those of a main network where a person would not notice, shorter where one would wait.
 * spec/limits.md lists them. */
assay_params assay_node_rehearsal_params(void) {
    return (assay_params){
        .epoch_blocks = 10,
        .unbonding_blocks = 20,
        .unbonding_seconds = 14 * 86400,
        .evidence_blocks = 20,
        .evidence_seconds = 14 * 86400,
        .correlation_blocks = 20,
        .correlation_seconds = 7 * 86400,
        .fee_base = 1000,
        .fee_per_byte = 10,
        .deposit_per_mib = 1000000,
        .opening_blocks = 20,
        .opening_seconds = 30,
        .attest_blocks = 100,
        .attest_seconds = 600,
        .attest_seconds_per_gib = 120,
        .duty_blocks = 100,
        .duty_seconds = 600,
        .downtime_window_blocks = 1000,
        .downtime_window_seconds = 600,
        .downtime_min_signed_percent = 50,
        .jail_seconds = 10,
        .bond_min = 1000000,
        .validators_max = ASSAY_NODE_VALIDATORS_MAX,
        .draws_per_check = 4,
        .chunks_per_draw = 2,
        .model_size_max = (uint64_t)1 << 44,
    };
}

/* Blocks of a busy chain come every 22 ms or so, of an idle one every second: where both count, the seconds do. */
assay_params assay_node_params(void) {
    assay_params params = assay_node_rehearsal_params();
    params.epoch_blocks = 7200;
    params.unbonding_blocks = params.evidence_blocks = params.correlation_blocks = 14 * 86400;
    params.correlation_seconds = 7 * 86400;
    params.downtime_window_blocks = params.downtime_window_seconds = 8 * 3600;
    params.jail_seconds = 600;
    params.validators_max = 100;
    return params;
}
