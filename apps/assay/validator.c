/* SPDX-License-Identifier: Apache-2.0
 *
 * validator - registers a validator: its two keys, each of which signs that it works for this owner.
 */
#include "assay_internal.h"

#include <string.h>

/* A signer writes this before its key's digits, so that no other program takes the key for one of its own. */
#define CONSENSUS_WORD "assay/1/consensus-secret "

/* The key's word that it works for owner on this chain, and for nobody else. */
static assay_err possession(call *c, assay_public_key *key, assay_signature *proof, const char *path, const char *word,
                            const char *kind, assay_bytes chain, assay_address owner) {
    uint8_t memory[256];
    assay_buf text = {memory, 0, sizeof memory};
    assay_key_secret secret;
    ASSAY_TRY(key_read(c, &secret, path, word));
    assay_err err = assay_types_sign_bytes(&text, kind, chain, (assay_bytes){owner.b, sizeof owner.b});
    if (err == ASSAY_OK) {
        *key = assay_crypto_ed25519_public(&secret);
        *proof = assay_crypto_ed25519_sign(&secret, (assay_bytes){text.ptr, text.len});
    }
    assay_crypto_wipe(&secret, sizeof secret);
    return err;
}

assay_err run_validator_create(call *c) {
    const char *consensus = value(c, OPTION_CONSENSUS_KEY), *attestation = value(c, OPTION_ATTESTATION_KEY);
    assay_msg_validator_create message = {.moniker = assay_base_bytes_str(value(c, OPTION_MONIKER))};
    assay_key_secret owner_secret;
    json_t *status;
    ASSAY_TRY(amount_of(c, &message.self_bond, c->words[0]));
    if (!consensus || !attestation) return usage(c, "--consensus-key FILE and --attestation-key FILE are needed");
    if (message.moniker.len > ASSAY_MONIKER_LEN_MAX)
        return usage(c, "--moniker takes at most %d bytes", ASSAY_MONIKER_LEN_MAX);
    ASSAY_TRY(remote_get(c, &status, "/status"));
    assay_bytes chain = assay_base_bytes_str(keep_text(c, "%s", member(status, "chain_id")));
    json_decref(status);
    ASSAY_TRY(key_load(c, &owner_secret));
    assay_address owner = assay_crypto_address(assay_crypto_ed25519_public(&owner_secret));
    assay_crypto_wipe(&owner_secret, sizeof owner_secret);
    ASSAY_TRY(possession(c, &message.consensus_key, &message.consensus_proof, consensus, CONSENSUS_WORD,
                         "consensus-key", chain, owner));
    ASSAY_TRY(possession(c, &message.attestation_key, &message.attestation_proof, attestation, "", "attestation-key",
                         chain, owner));
    assay_err err = send_body(c, &(assay_tx_body){.validator_create = &message},
                              keep_text(c, "%s is a validator's owner", address_text(c, owner)));
    if (err == ASSAY_E_EXISTS || err == ASSAY_E_DUPLICATE)
        c->try_this = "assay validators: the owner, or one of the keys, is a validator's already";
    return err;
}
