/* SPDX-License-Identifier: Apache-2.0
 *
 * rule_internal - what the files of this folder share. */
#ifndef ASSAY_LEDGER_RULE_INTERNAL_H
#define ASSAY_LEDGER_RULE_INTERNAL_H

#include "ledger/rule/rule.h"

extern const assay_rule_table assay_rule_totals_table, assay_rule_chain_table, assay_rule_params_table;

/* assay_rule_note_moment - notes the seconds of the context's block, and forgets old ones. ASSAY_F_CORRUPT if the block
 * before was not noted; ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_rule_note_moment(assay_rule_context *context);

#endif
