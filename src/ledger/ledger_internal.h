/* SPDX-License-Identifier: Apache-2.0
 *
 * What the router's files share: the ledger itself, and a transaction on its way to its rule. */
#ifndef ASSAY_LEDGER_INTERNAL_H
#define ASSAY_LEDGER_INTERNAL_H

#include <stddef.h>
#include <string.h>

#include "ledger/accounts/accounts.h"
#include "ledger/ledger.h"
#include "ledger/models/models.h"
#include "ledger/slashing/slashing.h"

struct assay_ledger {
    assay_state *state;
    assay_arena scratch;
    bool initialised; /* genesis is there, and the constants below are its */
    assay_params params;
    assay_rule_chain chain; /* chain_id points to the bytes below */
    uint8_t chain_id[ASSAY_CHAIN_ID_LEN_MAX];
};

/* A transaction, decoded. Its parts point into the encoded bytes and into the arena that decoding took from. */
typedef struct ledger_tx {
    assay_bytes encoded;
    assay_tx tx;
    assay_tx_body body;
    assay_lane lane;
    assay_address sender;
    uint64_t fee_least; /* what it costs if it is paid for */
} ledger_tx;

/* assay_ledger_tx_decode - form and size. ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_E_FORMAT, ASSAY_E_SIZE;
 * ASSAY_F_MEMORY. */
assay_err assay_ledger_tx_decode(const assay_ledger *ledger, ledger_tx *out, assay_arena *keep, assay_bytes encoded);
/* assay_ledger_tx_admissible - what can be said without state: ASSAY_E_CHAIN, ASSAY_E_EXPIRED (height is that of the
 * block), ASSAY_E_FEE. */
assay_err assay_ledger_tx_admissible(const assay_ledger *ledger, const ledger_tx *tx, uint64_t height);
/* assay_ledger_tx_execute - paid for and handled; it is admissible, and its signature right. Verdicts leave nothing
 * behind but the fee, and the nonce with it; *burned is what was burned of it. */
assay_err assay_ledger_tx_execute(assay_rule_context *context, uint64_t *burned, const ledger_tx *tx);
/* assay_ledger_tx_handle - the message's own rule; context->signer and the rest of the transaction's part are set here.
 * */
assay_err assay_ledger_tx_handle(assay_rule_context *context, const ledger_tx *tx);

/* assay_ledger_signatures - valid[i] for each transaction: its signature is right or known. What cannot be decoded is
 * left false: it fails for that. ASSAY_F_MEMORY. */
assay_err assay_ledger_signatures(const assay_ledger *ledger, bool *valid, const assay_ledger_block *block,
                                  assay_arena scratch);

/* assay_ledger_context - a context for the block at height, whose time is known or (as for the mempool) that of the
 * last one. */
assay_rule_context assay_ledger_context(const assay_ledger *ledger, uint64_t height, assay_time time);

#endif
