/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile genesis files, each under the chain id that its bytes have: a verdict leaves nothing in the journal; what is
 * accepted can be prepared, holds what it issued, and executes a first block. */
#include "stage_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void first_block(machine *m) {
    assay_ledger_result result;
    assay_arena keep = m->keep;
    assay_ledger_block block = {.height = 1, .time = {CHAIN_TIME, 0}};
    REQUIRE(assay_ledger_finalize(m->ledger, &result, &keep, &block) == ASSAY_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static stage *s;
    static machine m;
    if (!s) s = memory_take(sizeof *s);
    if (!m.memory) machine_open(&m, 0x33);
    assay_bytes bytes = {data, size};
    assay_arena keep = m.keep, decoded = assay_base_arena_split(&keep);
    assay_genesis genesis;
    char chain_id[ASSAY_CHAIN_ID_LEN_MAX + 1] = "none";
    if (assay_codec_decode(&genesis, &decoded, &assay_genesis_message, bytes, ASSAY_CODEC_STRICT) == ASSAY_OK)
        assay_genesis_chain_id(chain_id, genesis.name, assay_genesis_hash(bytes));
    assay_ledger_power *powers;
    uint32_t count;
    assay_err err = assay_ledger_init(m.ledger, &powers, &count, &keep, bytes, assay_base_bytes_str(chain_id));
    REQUIRE(!assay_base_err_is_fault(err));
    if (err != ASSAY_OK) {
        REQUIRE(assay_state_mark(m.state).entries == 0);
        return 0;
    }
    REQUIRE(count > 0);
    chain c = {.one = m};
    s->c = &c;
    stage_check_supply(s);
    first_block(&m); /* with the first block, as an engine that stores nothing before it has it */
    stage_check_supply(s);
    assay_state_discard(m.state);
    return 0;
}
