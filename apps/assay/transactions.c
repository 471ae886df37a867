/* SPDX-License-Identifier: Apache-2.0
 *
 * transactions - the commands that sign one message and wait until it is final. The last line is the transaction's id.
 */
#include "assay_internal.h"

#include <string.h>

static assay_err dry_run(call *c, assay_tx_body *body, const assay_key_secret *secret) {
    ASSAY_TRY(chain_fields(c, body, secret));
    const char *kind = assay_tx_kind(body);
    const char *sender = address_text(c, assay_crypto_address(assay_crypto_ed25519_public(secret)));
    const char *chain = keep_text(c, "%.*s", (int)body->chain_id.len, body->chain_id.ptr);
    if (json_wanted(c))
        return out_json(c, json_pack("{s:b, s:s, s:s, s:s, s:I, s:s}", "dry_run", 1, "kind", kind, "chain_id", chain,
                                     "sender", sender, "nonce", (json_int_t)body->nonce, "fee",
                                     keep_text(c, "%llu", (unsigned long long)body->fee)));
    char fee[32];
    out(c, "would send: %s\n", kind);
    field(c, "chain", "%s", chain);
    field(c, "sender", "%s, nonce %llu", sender, (unsigned long long)body->nonce);
    field(c, "fee", "%s, burned", amount_text(fee, body->fee));
    out(c, "nothing was sent\n");
    return ASSAY_OK;
}

assay_err send_body(call *c, assay_tx_body *body, const char *what_happened) {
    assay_key_secret secret;
    json_t *answer = NULL;
    ASSAY_TRY(key_load(c, &secret));
    assay_err err = has(c, OPTION_DRY_RUN) ? dry_run(c, body, &secret) : submit(c, body, &secret, &answer);
    assay_crypto_wipe(&secret, sizeof secret);
    if (err != ASSAY_OK || !answer) return err;
    if (json_wanted(c)) return out_json(c, answer);
    say(c, "%s, final at height %llu", what_happened, (unsigned long long)number(answer, "height"));
    out(c, "%s\n", member(answer, "id"));
    json_decref(answer);
    return ASSAY_OK;
}

assay_err run_send(call *c) {
    assay_msg_send message = {.memo = assay_base_bytes_str(value(c, OPTION_MEMO))};
    ASSAY_TRY(address_of(c, &message.to, c->words[0]));
    ASSAY_TRY(amount_of(c, &message.amount, c->words[1]));
    if (message.memo.len > ASSAY_MEMO_LEN_MAX) return usage(c, "--memo takes at most %d bytes", ASSAY_MEMO_LEN_MAX);
    char text[32];
    return send_body(c, &(assay_tx_body){.send = &message},
                     keep_text(c, "sent %s to %s", amount_text(text, message.amount), c->words[0]));
}

assay_err run_delegate(call *c) {
    assay_msg_delegate message;
    ASSAY_TRY(amount_of(c, &message.amount, c->words[1]));
    ASSAY_TRY(validator_of(c, &message.validator, c->words[0]));
    char text[32];
    return send_body(
        c, &(assay_tx_body){.delegate = &message},
        keep_text(c, "delegated %s to %s", amount_text(text, message.amount), address_text(c, message.validator)));
}

assay_err run_undelegate(call *c) {
    assay_msg_undelegate message;
    ASSAY_TRY(amount_of(c, &message.amount, c->words[1]));
    ASSAY_TRY(validator_of(c, &message.validator, c->words[0]));
    char text[32];
    return send_body(
        c, &(assay_tx_body){.undelegate = &message},
        keep_text(c, "%s units with %s unbond", amount_text(text, message.amount), address_text(c, message.validator)));
}

assay_err run_unjail(call *c) {
    assay_key_secret secret;
    ASSAY_TRY(key_load(c, &secret));
    assay_msg_unjail message = {assay_crypto_address(assay_crypto_ed25519_public(&secret))};
    assay_crypto_wipe(&secret, sizeof secret);
    assay_err err = send_body(c, &(assay_tx_body){.unjail = &message}, "out of jail");
    if (err == ASSAY_E_STATE) c->try_this = "assay validators shows who is in jail";
    return err;
}

static assay_err status_message(call *c, assay_msg_status *out) {
    assay_version_ref ref;
    ASSAY_TRY(ref_of(c, &ref, c->words[0]));
    const char *reason = value(c, OPTION_REASON);
    if (!reason || !*reason) return usage(c, "--reason TEXT is needed: others rely on that version");
    *out = (assay_msg_status){ref.name, ref.version, assay_base_bytes_str(reason)};
    if (out->reason.len > ASSAY_MEMO_LEN_MAX) return usage(c, "--reason takes at most %d bytes", ASSAY_MEMO_LEN_MAX);
    return ASSAY_OK;
}

assay_err run_revoke(call *c) {
    assay_msg_status message;
    ASSAY_TRY(status_message(c, &message));
    return send_body(c, &(assay_tx_body){.revoke = &message}, keep_text(c, "%s is revoked", c->words[0]));
}

assay_err run_deprecate(call *c) {
    assay_msg_status message;
    ASSAY_TRY(status_message(c, &message));
    return send_body(c, &(assay_tx_body){.deprecate = &message}, keep_text(c, "%s is deprecated", c->words[0]));
}

/* ---- maintainers --------------------------------------------------------------------------------------------- */

static assay_err set_maintainers(call *c, assay_bytes name, const char *list) {
    uint8_t addresses[ASSAY_MAINTAINERS_MAX][ASSAY_ADDRESS_LEN];
    assay_msg_maintainers message = {.name = name, .maintainers = addresses};
    for (const char *p = list;; p++) {
        size_t len = strcspn(p, ",");
        const char *one = keep_text(c, "%.*s", (int)len, p);
        assay_address address;
        if (message.maintainers_count == ASSAY_MAINTAINERS_MAX)
            return usage(c, "at most %d maintainers", ASSAY_MAINTAINERS_MAX);
        ASSAY_TRY(address_of(c, &address, one));
        memcpy(addresses[message.maintainers_count++], address.b, sizeof address.b);
        p += len;
        if (!*p) break;
    }
    return send_body(c, &(assay_tx_body){.maintainers = &message},
                     keep_text(c, "%u maintain %s", message.maintainers_count, c->words[0]));
}

assay_err run_maintainers(call *c) {
    assay_bytes name;
    ASSAY_TRY(name_of(c, &name, c->words[0]));
    if (has(c, OPTION_SET)) return set_maintainers(c, name, value(c, OPTION_SET));
    json_t *model;
    assay_err err = remote_get(c, &model, "/models/%s", c->words[0]);
    if (err == ASSAY_E_NOT_FOUND) return fail(c, err, "no model is named %s here", c->words[0]);
    ASSAY_TRY(err);
    json_t *list = json_object_get(model, "maintainers");
    size_t i;
    const json_t *who;
    if (json_wanted(c))
        err = out_json(c, json_incref(list));
    else
        json_array_foreach(list, i, who) out(c, "%s\n", json_string_value(who) ? json_string_value(who) : "");
    json_decref(model);
    return err;
}
