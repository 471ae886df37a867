/* SPDX-License-Identifier: Apache-2.0
 *
 * sign - whose key signs, and the way of a transaction: filled in, signed, handed in, final.
 */
#include "assay_internal.h"

#include <string.h>

#define FINAL_SECONDS 60
#define KEY_FILE_LEN_MAX 128

/* ---- keys ----------------------------------------------------------------------------------------------------------
 */

assay_err devnet_pointer(call *c, const char **out, uint32_t port) {
    const char *state, *dir;
    ASSAY_TRY(assay_os_home_dir(&state, &c->keep, ASSAY_OS_STATE));
    ASSAY_TRY(assay_os_path_join(&dir, &c->keep, state, ASSAY_STR("assay")));
    const char *name = keep_text(c, "devnet-%u.json", port);
    return assay_os_path_join(out, &c->keep, dir, assay_base_bytes_str(name));
}

/* The port of a URL of this machine; 0 for any other. */
static uint32_t loopback_port(const char *url) {
    static const char *const hosts[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t len = strlen(hosts[i]);
        if (strncmp(url, hosts[i], len) != 0) continue;
        if (url[len] != ':') return url[len] == 0 || url[len] == '/' ? 80 : 0;
        const char *digits = url + len + 1;
        uint64_t port;
        size_t count = strcspn(digits, "/");
        bool ok = assay_base_undecimal(&port, (assay_bytes){(const uint8_t *)digits, count}) == ASSAY_OK;
        return ok && port <= UINT16_MAX ? (uint32_t)port : 0;
    }
    return 0;
}

static assay_err no_key(call *c, const char *why) {
    c->try_this =
        "--key FILE or ASSAY_KEY; assay key new FILE makes a key; assay devnet and assay net init come with some";
    return usage(c, "there is no key to sign with: %s", why);
}

assay_err key_path(call *c, const char **out) {
    const char *given = value(c, OPTION_KEY), *env = assay_os_env("ASSAY_KEY");
    *out = given ? given : env && *env ? env : NULL;
    if (*out) return ASSAY_OK;
    /* Whether the node answers comes first: what it says decides which devnet it is. */
    json_t *status;
    ASSAY_TRY(remote_get(c, &status, "/status"));
    const char *answering = keep_text(c, "%s", member(status, "chain_id"));
    json_decref(status);
    uint32_t port = loopback_port(node_url(c));
    const char *pointer;
    assay_bytes text;
    if (!port || devnet_pointer(c, &pointer, port) != ASSAY_OK ||
        assay_os_read_whole(&text, &c->keep, pointer, 65536) != ASSAY_OK)
        return no_key(c, "the node is no devnet of this user");
    json_t *json = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    const char *file = keep_text(c, "%s", member(json, "key_file"));
    /* What a devnet left that was killed says nothing about whoever listens there now. */
    bool same = strcmp(member(json, "chain_id"), answering) == 0;
    json_decref(json);
    if (!same || !*file) return no_key(c, "the node is no devnet of this user");
    *out = file;
    return ASSAY_OK;
}

assay_err key_read(call *c, assay_key_secret *out, const char *path, const char *word) {
    uint8_t memory[KEY_FILE_LEN_MAX * 2];
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    assay_bytes text;
    assay_err err = assay_os_read_whole(&text, &arena, path, KEY_FILE_LEN_MAX);
    char reason[128];
    assay_os_reason(reason, sizeof reason);
    if (err == ASSAY_OK && text.len && text.ptr[text.len - 1] == '\n') text.len--;
    size_t word_len = strlen(word);
    if (err == ASSAY_OK && text.len >= word_len && memcmp(text.ptr, word, word_len) == 0)
        text = (assay_bytes){text.ptr + word_len, text.len - word_len};
    bool ok = err == ASSAY_OK && assay_base_unhex(out->b, sizeof out->b, text) == ASSAY_OK;
    assay_crypto_wipe(memory, sizeof memory);
    assay_os_info info;
    if (ok && assay_os_info_get(&info, path, true) == ASSAY_OK && (info.mode & 077))
        say(c, "warning: others can read %s; chmod 600 it", path);
    if (ok) return ASSAY_OK;
    if (err == ASSAY_E_NOT_FOUND) return usage(c, "there is no key file %s", path);
    if (err == ASSAY_OK || err == ASSAY_E_SIZE) return usage(c, "%s is no key file: those hold 64 hex digits", path);
    return fail(c, err, "%s: %s", path, reason);
}

assay_err key_load(call *c, assay_key_secret *out) {
    const char *path;
    ASSAY_TRY(key_path(c, &path));
    return key_read(c, out, path, "");
}

/* ---- transactions -------------------------------------------------------------------------------------------- */

static assay_err sign(call *c, assay_bytes *out, const assay_tx_body *body, const assay_key_secret *secret) {
    assay_arena scratch = c->scratch;
    assay_buf buf = {ASSAY_NEW(&scratch, uint8_t, ASSAY_TX_LEN_MAX + 4096), 0, ASSAY_TX_LEN_MAX + 4096};
    if (!buf.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_tx_sign(&buf, body, secret, scratch));
    return assay_base_arena_copy(out, &c->keep, (assay_bytes){buf.ptr, buf.len});
}

/* The least fee depends on the length, in which the fee itself stands. */
static assay_err fill_fee(call *c, assay_tx_body *body, uint64_t base, uint64_t per_byte,
                          const assay_key_secret *secret) {
    body->fee = base;
    for (int round = 0; round < 4; round++) {
        assay_bytes encoded;
        uint64_t least;
        ASSAY_TRY(sign(c, &encoded, body, secret));
        ASSAY_TRY(assay_base_mul_u64(&least, per_byte, encoded.len));
        ASSAY_TRY(assay_base_add_u64(&least, least, base));
        if (body->fee >= least) break;
        body->fee = least;
    }
    return ASSAY_OK;
}

assay_err chain_fields(call *c, assay_tx_body *body, const assay_key_secret *secret) {
    json_t *status, *account;
    ASSAY_TRY(remote_get(c, &status, "/status"));
    body->format = 1;
    body->chain_id = assay_base_bytes_str(keep_text(c, "%s", member(status, "chain_id")));
    const json_t *fees = json_object_get(status, "fees");
    uint64_t base = number(fees, "base"), per_byte = number(fees, "per_byte");
    json_decref(status);
    assay_address address = assay_crypto_address(assay_crypto_ed25519_public(secret));
    ASSAY_TRY(remote_get(c, &account, "/accounts/%s", address_text(c, address)));
    body->nonce = number(account, "nonce");
    json_decref(account);
    return fill_fee(c, body, base, per_byte, secret);
}

/* It was handed in, and nobody said yet what became of it. */
static assay_err await_final(call *c, json_t **out, const char *id, uint64_t deadline) {
    for (;;) {
        assay_err err = remote_get(c, out, "/transactions/%s", id);
        if (err == ASSAY_OK) {
            assay_err result = ASSAY_F_CORRUPT;
            (void)assay_base_err_from_code(&result, member(*out, "code"));
            if (result == ASSAY_OK) return ASSAY_OK;
            uint64_t height = number(*out, "height");
            json_decref(*out);
            *out = NULL;
            return fail(c, result, "the block of height %llu refused it", (unsigned long long)height);
        }
        if (err != ASSAY_E_NOT_FOUND && err != ASSAY_F_BUSY) return err;
        if (assay_os_monotonic_ns() >= deadline)
            return fail(c, ASSAY_F_TIMEOUT, "transaction %s is not final yet; it may still become final", id);
        ASSAY_TRY(pause_ns(100000000));
    }
}

/* What a message takes from its signer besides the fee. */
static uint64_t taken_by(call *c, const assay_tx_body *body) {
    json_t *status;
    uint64_t deposit = 0;
    if (body->send) return body->send->amount;
    if (body->delegate) return body->delegate->amount;
    if (body->validator_create) return body->validator_create->self_bond;
    if (!body->register_version || remote_get(c, &status, "/status") != ASSAY_OK) return 0;
    uint64_t size = body->register_version->size, mib = size / 1048576 + (size % 1048576 != 0);
    uint64_t per_mib = number(json_object_get(status, "fees"), "deposit_per_mib");
    json_decref(status);
    return assay_base_mul_u64(&deposit, per_mib, mib) == ASSAY_OK ? deposit : 0;
}

/* What of account's stake is with a validator now. */
static uint64_t stake_with(call *c, const json_t *account, assay_address validator) {
    const char *address = address_text(c, validator);
    uint64_t stake = 0;
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(account, "delegations"), i,
                       row) if (strcmp(member(row, "validator"), address) == 0) stake += number(row, "amount");
    return stake;
}

/* The error of a signed message with what its signer has and what it needs, as far as the node can say that. */
static assay_err explain_refusal(call *c, assay_err err, const assay_tx_body *body, assay_address signer) {
    json_t *account;
    char held[32], taken[32], fee[32];
    bool unbonds = body->undelegate && (err == ASSAY_E_NOT_FOUND || err == ASSAY_E_FUNDS);
    if (err != ASSAY_E_FUNDS && !unbonds) return err;
    const char *address = address_text(c, signer), *was = c->because;
    assay_err was_of = c->because_of;
    if (remote_get(c, &account, "/accounts/%s", address) != ASSAY_OK) {
        c->because = was;
        c->because_of = was_of;
        return err;
    }
    uint64_t balance = number(account, "balance");
    c->try_this = keep_text(c, "assay show %s", address);
    if (unbonds && balance >= body->fee) {
        uint64_t stake = stake_with(c, account, body->undelegate->validator);
        (void)fail(c, err, "%s has %s with %s, and %s were to unbond", address, amount_text(held, stake),
                   address_text(c, body->undelegate->validator), amount_text(taken, body->undelegate->amount));
    } else {
        (void)fail(c, err, "%s holds %s; %s and the fee of %s are needed", address, amount_text(held, balance),
                   amount_text(taken, taken_by(c, body)), amount_text(fee, body->fee));
    }
    json_decref(account);
    return err;
}

assay_err submit(call *c, assay_tx_body *body, const assay_key_secret *secret, json_t **out) {
    uint64_t deadline;
    ASSAY_TRY(deadline_of(c, &deadline, FINAL_SECONDS));
    assay_err err;
    for (uint64_t wait_ns = 10000000;; wait_ns = wait_ns < 200000000 ? wait_ns * 2 : wait_ns) {
        assay_bytes encoded;
        ASSAY_TRY(chain_fields(c, body, secret));
        ASSAY_TRY(sign(c, &encoded, body, secret));
        assay_hash id = assay_tx_id(encoded);
        err = remote_send(c, out, ASSAY_HTTP_POST, "/transactions", encoded, "application/octet-stream");
        /* Known already: somebody handed the same bytes in; of evidence, that its fault was counted. The node gave up
         * waiting: so do not we. */
        if (err == ASSAY_F_TIMEOUT || (err == ASSAY_E_DUPLICATE && !body->evidence))
            err = await_final(c, out, hex(c, id.b, sizeof id.b), deadline);
        if (err != ASSAY_E_NONCE) break;
        /* The number is what the account says, so another of its transactions is on the way: its turn comes first. */
        if (assay_os_monotonic_ns() >= deadline)
            return fail(c, ASSAY_F_TIMEOUT,
                        "another transaction of this account waits for its block; this one was not sent");
        ASSAY_TRY(pause_ns(wait_ns));
    }
    return explain_refusal(c, err, body, assay_crypto_address(assay_crypto_ed25519_public(secret)));
}
