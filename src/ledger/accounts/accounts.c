/* SPDX-License-Identifier: Apache-2.0
 *
 * Balances and nonces. Every change is one read and one write of one record. */
#include "accounts_internal.h"

static const assay_codec_field account_fields[] = {
    ASSAY_FIELD(1, U32, assay_accounts_account, format),
    ASSAY_FIELD(2, U64, assay_accounts_account, balance),
    ASSAY_FIELD(3, U64, assay_accounts_account, nonce),
};
static const assay_codec_message account_message = ASSAY_MESSAGE("Account", assay_accounts_account, account_fields);
const assay_rule_table assay_accounts_table = {&account_message, false};

static const char prefix[] = "account/";

static assay_rule_key key_of(assay_address address) {
    assay_rule_key key = assay_rule_key_begin(prefix);
    assay_rule_key_address(&key, address);
    return key;
}

/* ---- records ------------------------------------------------------------------------------------------------- */

assay_err assay_accounts_get(assay_rule_view view, assay_accounts_account *out, assay_address address) {
    bool found;
    assay_rule_key key = key_of(address);
    return assay_rule_get(view, out, &found, NULL, &assay_accounts_table, &key);
}

static assay_err put(assay_rule_context *context, assay_accounts_account *account, assay_address address) {
    assay_rule_key key = key_of(address);
    account->format = 1;
    /* An empty account that never signed is no account: otherwise dust sent around would stay for ever. */
    if (account->balance == 0 && account->nonce == 0)
        return assay_rule_del(context->state, &assay_accounts_table, &key);
    return assay_rule_put(context->state, &assay_accounts_table, &key, account);
}

assay_err assay_accounts_next(assay_rule_view view, assay_address *address, assay_accounts_account *out, bool *found,
                              const assay_address *after) {
    assay_rule_key first = assay_rule_key_begin(prefix), last;
    if (after) last = key_of(*after);
    assay_bytes key;
    ASSAY_TRY(assay_rule_next(view, &key, out, found, NULL, &assay_accounts_table, &first, after ? &last : NULL));
    return *found ? assay_rule_read_address(address, assay_rule_key_tail(key, &first), 0) : ASSAY_OK;
}

/* ---- movements ----------------------------------------------------------------------------------------------- */

assay_err assay_accounts_credit(assay_rule_context *context, assay_address address, uint64_t amount) {
    if (amount == 0) return ASSAY_OK;
    assay_accounts_account account;
    ASSAY_TRY(assay_accounts_get(assay_rule_view_of(context), &account, address));
    ASSAY_TRY(assay_base_add_u64(&account.balance, account.balance, amount));
    return put(context, &account, address);
}

assay_err assay_accounts_debit(assay_rule_context *context, assay_address address, uint64_t amount) {
    if (amount == 0) return ASSAY_OK;
    assay_accounts_account account;
    ASSAY_TRY(assay_accounts_get(assay_rule_view_of(context), &account, address));
    if (account.balance < amount) return ASSAY_E_FUNDS;
    account.balance -= amount;
    return put(context, &account, address);
}

assay_err assay_accounts_burn(assay_rule_context *context, assay_address address, uint64_t amount) {
    ASSAY_TRY(assay_accounts_debit(context, address, amount));
    return assay_rule_burn(context, amount);
}

/* ---- fees ---------------------------------------------------------------------------------------------------- */

assay_err assay_accounts_fee(uint64_t *out, const assay_params *params, size_t len) {
    uint64_t bytes;
    ASSAY_TRY(assay_base_mul_u64(&bytes, params->fee_per_byte, len));
    return assay_base_add_u64(out, params->fee_base, bytes);
}

assay_err assay_accounts_charge(assay_rule_context *context, assay_address address, uint64_t nonce, uint64_t fee) {
    assay_accounts_account account;
    ASSAY_TRY(assay_accounts_get(assay_rule_view_of(context), &account, address));
    if (account.nonce != nonce || nonce == UINT64_MAX) return ASSAY_E_NONCE;
    if (account.balance < fee) return ASSAY_E_FUNDS;
    account.balance -= fee;
    account.nonce++;
    ASSAY_TRY(put(context, &account, address));
    return assay_rule_burn(context, fee);
}

/* ---- messages and genesis ------------------------------------------------------------------------------------ */

assay_err assay_accounts_send(assay_rule_context *context, const assay_msg_send *message) {
    if (message->amount == 0) return ASSAY_E_RANGE;
    ASSAY_TRY(assay_accounts_debit(context, context->signer, message->amount));
    ASSAY_TRY(assay_accounts_credit(context, message->to, message->amount));
    assay_rule_emit_address(context, "transfer", message->to, message->amount, 0);
    return ASSAY_OK;
}

assay_err assay_accounts_init(assay_rule_context *context, const assay_genesis_account *accounts, uint32_t count) {
    assay_rule_view view = assay_rule_view_of(context);
    for (uint32_t i = 0; i < count; i++) {
        assay_accounts_account account;
        ASSAY_TRY(assay_accounts_get(view, &account, accounts[i].address));
        if (account.format != 0) return ASSAY_E_DUPLICATE;
        if (accounts[i].balance == 0) return ASSAY_E_RANGE; /* a second line for it could not be told from the first */
        ASSAY_TRY(assay_rule_issue(context, accounts[i].balance));
        ASSAY_TRY(assay_accounts_credit(context, accounts[i].address, accounts[i].balance));
    }
    return ASSAY_OK;
}
