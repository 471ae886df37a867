/* SPDX-License-Identifier: Apache-2.0
 *
 * net - how a network of many validators begins: for a rehearsal on this machine, all of it at once; across hosts, each
 * operator's own part of it.
 */
#include "assay_internal.h"

#include "ceremony/ceremony.h"

#include <string.h>

#define BASE_PORT 26600
#define PORTS_EACH 10u
#define ACCOUNTS 4u
#define ACCOUNT_BALANCE 1000000000000000ull
#define BOND 1000000000000ull
#define ALLOWANCE 1000000000000ull

const char *net_path(call *c, const char *directory, const char *name) {
    return keep_text(c, "%s/%s", directory, name);
}

/* A path as a shell takes it. */
static const char *pasted(call *c, const char *path) {
    size_t len = strlen(path), at = 0;
    char *text = ASSAY_NEW(&c->keep, char, 4 * len + 3);
    if (!text) return "";
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    if (len && strspn(path, plain) == len) return path;
    text[at++] = '\'';
    for (const char *p = path; *p; p++) {
        if (*p == '\'') memcpy(text + at, "'\\'", 3), at += 3;
        text[at++] = *p;
    }
    text[at++] = '\'';
    text[at] = 0;
    return visible(c, (assay_bytes){(const uint8_t *)text, at});
}

static assay_err write_file(call *c, const char *path, const assay_buf *text, uint32_t permissions) {
    assay_err err = assay_os_replace(path, (assay_bytes){text->ptr, text->len}, permissions);
    return err == ASSAY_OK ? ASSAY_OK : fail(c, err == ASSAY_E_NOT_FOUND ? ASSAY_F_NO_PATH : err, "%s", path);
}

static assay_err read_file(call *c, assay_bytes *out, const char *path) {
    assay_err err = assay_os_read_whole(out, &c->keep, path, ASSAY_CEREMONY_FILE_LEN_MAX);
    return err == ASSAY_OK ? ASSAY_OK : fail(c, err == ASSAY_E_NOT_FOUND ? ASSAY_F_NO_PATH : err, "%s", path);
}

static assay_err buffer(call *c, assay_buf *out) {
    *out = (assay_buf){ASSAY_NEW(&c->keep, uint8_t, ASSAY_CEREMONY_FILE_LEN_MAX), 0, ASSAY_CEREMONY_FILE_LEN_MAX};
    return out->ptr ? ASSAY_OK : ASSAY_F_MEMORY;
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

/* --param NAME=NUMBER over the rules that a network begins with: spec/limits.md lists the names. */
static assay_err params_of(call *c, assay_params *params) {
    static const struct {
        const char *name;
        size_t offset;
    } rows[] = {
#define ROW(name) {#name, offsetof(assay_params, name)}
        ROW(epoch_blocks),
        ROW(unbonding_blocks),
        ROW(unbonding_seconds),
        ROW(evidence_blocks),
        ROW(evidence_seconds),
        ROW(correlation_blocks),
        ROW(correlation_seconds),
        ROW(fee_base),
        ROW(fee_per_byte),
        ROW(deposit_per_mib),
        ROW(opening_blocks),
        ROW(opening_seconds),
        ROW(attest_blocks),
        ROW(attest_seconds),
        ROW(attest_seconds_per_gib),
        ROW(duty_blocks),
        ROW(duty_seconds),
        ROW(downtime_window_blocks),
        ROW(jail_seconds),
        ROW(downtime_min_signed_percent),
        ROW(bond_min),
        ROW(validators_max),
        ROW(draws_per_check),
        ROW(chunks_per_draw),
        ROW(model_size_max),
        ROW(downtime_window_seconds),
#undef ROW
    };
    for (int i = 0; i < c->counts[OPTION_PARAM]; i++) {
        const char *text = c->values[OPTION_PARAM][i], *sign = strchr(text, '=');
        uint64_t number;
        bool known = false;
        if (!sign || assay_base_undecimal(&number, assay_base_bytes_str(sign + 1)) != ASSAY_OK)
            return usage(c, "--param takes NAME=NUMBER, not %s", shown(c, text));
        for (size_t k = 0; k < sizeof rows / sizeof *rows && !known; k++) {
            known =
                strlen(rows[k].name) == (size_t)(sign - text) && strncmp(rows[k].name, text, strlen(rows[k].name)) == 0;
            if (known) memcpy((uint8_t *)params + rows[k].offset, &number, sizeof number);
        }
        if (!known) return usage(c, "there is no parameter %s (spec/limits.md lists them)", shown(c, text));
    }
    return ASSAY_OK;
}

static assay_err network_name(call *c, const char **out, const char *otherwise) {
    *out = has(c, OPTION_NETWORK) ? value(c, OPTION_NETWORK) : otherwise;
    size_t len = strlen(*out);
    bool ok =
        len >= 1 && len <= ASSAY_GENESIS_NAME_LEN_MAX && strspn(*out, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
    return ok ? ASSAY_OK : usage(c, "--network takes 1 to 32 of a-z, 0-9 and -");
}

/* What went wrong with a ceremony's file or directory, in words. */
static assay_err tell(call *c, assay_err err, const char *about) {
    switch ((int)err) {
    case ASSAY_E_SIGNATURE: return fail(c, err, "%s: not what its owner signed", about);
    case ASSAY_E_DUPLICATE:
        c->try_this = "each validator's own join.json, once; a copied directory has its twin's keys";
        return fail(c, err, "%s: a key or an address stands there twice", about);
    case ASSAY_E_EXISTS:
        c->try_this = "another --data DIR, or the network that this one is of";
        return fail(c, err, "%s is of another network already", about);
    case ASSAY_E_PROOF:
        return fail(c, err, "%s: it lists other validators, or another hash, than its genesis has", about);
    case ASSAY_E_NAME:
        c->try_this = "a moniker of letters, digits, - _ . and spaces; a host of letters, digits, - _ and ., or [IPV6]";
        return fail(c, err, "%s: a name or an address in it is not plain", about);
    case ASSAY_E_RANGE:
        return fail(c, err, "%s: a rule, a stake or a port is out of its range (spec/limits.md)", about);
    default: return fail(c, err, "%s", about);
    }
}

/* As tell, for a file that some command of the ceremony writes: the wrong one is easily named. */
static assay_err tell_file(call *c, assay_err err, const char *path, const char *command) {
    if (err != ASSAY_E_ENCODING) return tell(c, err, path);
    c->try_this = keep_text(c, "the file that `assay net %s` wrote, as it was sent", command);
    return fail(c, err, "%s is not what `assay net %s` writes", path, command);
}

/* Whoever joined before stays who he is: what was asked for this time, and is not so, is not passed over. */
static assay_err as_asked(call *c, const assay_ceremony_place *place, const assay_ceremony_member *m, uint64_t bond) {
    assay_node_settings s;
    assay_err err = assay_node_settings_read(&s, &c->keep, place->directory);
    if (err != ASSAY_OK) return settings_fail(c, err, &s, place->directory);
    bool rehearsal = !has(c, OPTION_DATA);
    unsigned port = rehearsal || has(c, OPTION_BASE_PORT) ? place->port : s.port;
    const char *p2p = keep_text(c, "%s:%u", place->host, port + 2u), *is = NULL;
    char amount[32];
    if (strcmp(m->p2p, p2p) != 0)
        is = keep_text(c, "peers dial %s, not %s", m->p2p, p2p);
    else if (has(c, OPTION_MONIKER) && strcmp(m->moniker, place->moniker) != 0)
        is = keep_text(c, "its moniker is %s, not %s", m->moniker, shown(c, place->moniker));
    else if (has(c, OPTION_BOND) && bond != m->validator.self_bond)
        is = keep_text(c, "its bond is %s, not %llu", amount_text(amount, m->validator.self_bond),
                       (unsigned long long)bond);
    else if (has(c, OPTION_ADDRESS) && strcmp(s.address, place->listen) != 0)
        is = keep_text(c, "it listens on %s, not %s", s.address, place->listen);
    else if (rehearsal ? !s.signer != !place->signer : has(c, OPTION_KEY_IN_HOME) && s.signer)
        is = s.signer ? "its consensus key is assay-signer's" : "its consensus key is in CometBFT's home";
    if (!is) return ASSAY_OK;
    c->try_this =
        "another --data DIR; or, while nobody has collected, remove join.json in it (with --key-in-home all of "
        "it) and join again";
    return fail(c, ASSAY_E_EXISTS, "%s has joined before: %s", place->directory, is);
}

/* ---- a rehearsal on this machine --------------------------------------------------------------------------------- */

typedef struct rehearsal {
    const char *directory; /* absolute */
    uint32_t count;
    uint16_t base_port;
    const char *network;
    assay_params params;
    assay_ceremony_member *members;
    assay_ceremony_network agreed;
    assay_genesis_account accounts[ACCOUNTS];
} rehearsal;

static assay_err make_accounts(call *c, rehearsal *r) {
    const char *keys = net_path(c, r->directory, "keys");
    assay_err err = assay_os_dirs_create(keys, 0700);
    if (err != ASSAY_OK) return fail(c, err, "%s", keys);
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        assay_key_secret secret;
        const char *path = keep_text(c, "%s/account%u.key", keys, i);
        err = assay_node_key_load(&secret, path, true);
        if (err != ASSAY_OK) return fail(c, err, "%s", path);
        r->accounts[i] =
            (assay_genesis_account){assay_crypto_address(assay_crypto_ed25519_public(&secret)), ACCOUNT_BALANCE};
        assay_crypto_wipe(&secret, sizeof secret);
    }
    return ASSAY_OK;
}

static void account_row(assay_json *json, assay_address address, const char *key_file, uint64_t balance) {
    assay_json_object(json, NULL);
    assay_json_address(json, "address", address);
    assay_json_str(json, "key_file", key_file);
    assay_json_amount(json, "balance", balance);
    assay_json_close(json, '}');
}

/* As a devnet writes it: people's accounts, then the validators' owners in the order of their directories. */
static assay_err write_accounts(call *c, const rehearsal *r) {
    assay_buf text;
    ASSAY_TRY(buffer(c, &text));
    assay_json json = assay_json_begin(&text);
    assay_json_array(&json, NULL);
    for (uint32_t i = 0; i < ACCOUNTS; i++)
        account_row(&json, r->accounts[i].address, keep_text(c, "%s/keys/account%u.key", r->directory, i),
                    r->accounts[i].balance);
    for (uint32_t i = 0; i < r->count; i++)
        account_row(&json, assay_crypto_address(r->members[i].validator.owner),
                    keep_text(c, "%s/validator%u/owner.key", r->directory, i), ALLOWANCE);
    assay_json_close(&json, ']');
    ASSAY_TRY(assay_json_end(&json));
    ASSAY_TRY(assay_base_buf_put(&text, ASSAY_STR("\n")));
    return write_file(c, net_path(c, r->directory, "accounts.json"), &text, 0644);
}

static bool owner_less(const void *context, const void *a, const void *b) {
    (void)context;
    const assay_key_secret *one = a, *other = b;
    assay_public_key left = assay_crypto_ed25519_public(one), right = assay_crypto_ed25519_public(other);
    return memcmp(left.b, right.b, sizeof left.b) < 0;
}

/* A genesis lists its validators in the order of their owners' keys. Here the directories follow it, so that
 * validator3 is the ledger's number 3. Owners that are there already stay. */
static assay_err make_owners(call *c, const rehearsal *r) {
    assay_key_secret *owners = ASSAY_NEW(&c->keep, assay_key_secret, r->count);
    assay_key_secret *scratch = ASSAY_NEW(&c->keep, assay_key_secret, r->count);
    if (!owners || !scratch) return ASSAY_F_MEMORY;
    assay_err err = ASSAY_OK;
    for (uint32_t i = 0; i < r->count; i++) assay_os_random(owners[i].b, sizeof owners[i].b);
    assay_base_sort(owners, scratch, r->count, sizeof *owners, owner_less, NULL);
    for (uint32_t i = 0; err == ASSAY_OK && i < r->count; i++) {
        const char *directory = keep_text(c, "%s/validator%u", r->directory, i);
        char text[2 * sizeof owners->b + 2];
        err = assay_os_dirs_create(directory, 0700);
        assay_base_hex(text, (assay_bytes){owners[i].b, sizeof owners[i].b});
        text[2 * sizeof owners->b] = '\n';
        const char *path = net_path(c, directory, "owner.key");
        if (err == ASSAY_OK && !assay_os_exists(path))
            err = assay_os_replace(path, (assay_bytes){(const uint8_t *)text, sizeof text - 1}, 0600);
        assay_crypto_wipe(text, sizeof text);
    }
    assay_crypto_wipe(owners, r->count * sizeof *owners);
    assay_crypto_wipe(scratch, r->count * sizeof *scratch);
    return err == ASSAY_OK ? ASSAY_OK : fail(c, err, "%s", r->directory);
}

/* An earlier `net init` was interrupted there, and began another network than this one. */
static const char begin_again[] = "remove what is there, if it is of no use, or another --out";

static assay_err half_made(call *c, const char *directory) {
    c->try_this = begin_again;
    return fail(c, ASSAY_E_EXISTS, "%s is of another network already", directory);
}

static assay_err join_all(call *c, rehearsal *r) {
    ASSAY_TRY(make_owners(c, r));
    for (uint32_t i = 0; i < r->count; i++) {
        assay_ceremony_place place = {.directory = keep_text(c, "%s/validator%u", r->directory, i),
                                      .moniker = keep_text(c, "validator%u", i),
                                      .host = "127.0.0.1",
                                      .listen = "127.0.0.1",
                                      .port = (uint16_t)(r->base_port + i * PORTS_EACH),
                                      .signer = has(c, OPTION_SIGNER)};
        assay_err err = assay_ceremony_join(&r->members[i], &c->keep, &place, r->network, BOND);
        if (err == ASSAY_E_EXISTS) return half_made(c, place.directory);
        if (err != ASSAY_OK) return tell(c, err, place.directory);
        err = as_asked(c, &place, &r->members[i], BOND);
        if (err == ASSAY_E_EXISTS) c->try_this = begin_again;
        ASSAY_TRY(err);
    }
    return ASSAY_OK;
}

/* All operators are one here: everybody's word is given. */
static assay_err agree(call *c, rehearsal *r) {
    assay_err err = assay_ceremony_collect(&r->agreed, &c->keep, r->network, assay_os_now().seconds, &r->params,
                                           r->members, r->count, r->accounts, ACCOUNTS, ALLOWANCE);
    if (err != ASSAY_OK) return tell(c, err, "the genesis");
    assay_buf text;
    ASSAY_TRY(buffer(c, &text));
    ASSAY_TRY(assay_ceremony_network_write(&text, &r->agreed));
    for (uint32_t i = 0; i < r->count; i++) {
        const char *directory = keep_text(c, "%s/validator%u", r->directory, i);
        err = assay_ceremony_accept(directory, &r->agreed, c->scratch);
        if (err == ASSAY_E_EXISTS) return half_made(c, directory);
        if (err != ASSAY_OK) return tell(c, err, directory);
    }
    assay_bytes trust;
    const char *path = net_path(c, r->directory, "trust.json");
    ASSAY_TRY(assay_node_genesis_trust(&trust, &c->keep, r->agreed.genesis));
    err = assay_os_replace(path, trust, 0644);
    if (err != ASSAY_OK) return fail(c, err, "%s", path);
    return write_file(c, net_path(c, r->directory, "network.json"), &text, 0644);
}

static assay_err print_init(call *c, const rehearsal *r) {
    if (json_wanted(c))
        return out_json(c,
                        json_pack("{s:s, s:s, s:I, s:s, s:s, s:I}", "chain_id", r->agreed.chain_id, "data",
                                  r->directory, "validators", (json_int_t)r->count, "trust",
                                  net_path(c, r->directory, "trust.json"), "accounts",
                                  net_path(c, r->directory, "accounts.json"), "base_port", (json_int_t)r->base_port));
    table t = table_begin(c, "VALIDATOR> HTTP RPC P2P DIRECTORY", r->count);
    for (uint32_t i = 0; i < r->count; i++) {
        unsigned port = r->base_port + i * PORTS_EACH;
        table_row(&t, keep_text(c, "%u", i), keep_text(c, "127.0.0.1:%u", port), keep_text(c, "127.0.0.1:%u", port + 1),
                  keep_text(c, "127.0.0.1:%u", port + 2), keep_text(c, "%s/validator%u", r->directory, i));
    }
    if (!quiet(c)) {
        field(c, "chain", "%s", r->agreed.chain_id);
        out(c, "\n");
    }
    table_print(&t);
    if (!quiet(c)) {
        out(c, "\n");
        field(c, "start", "assay net start %s", pasted(c, r->directory));
        field(c, "key", "%s holds units, and three more beside it",
              pasted(c, net_path(c, r->directory, "keys/account0.key")));
        field(c, "trust file", "%s", pasted(c, net_path(c, r->directory, "trust.json")));
    }
    return ASSAY_OK;
}

assay_err run_net_init(call *c) {
    uint64_t count = 4, port = BASE_PORT;
    rehearsal r = {.directory = value(c, OPTION_OUT)};
    if (!r.directory || !*r.directory) return usage(c, "--out DIR is needed: where the network will be");
    ASSAY_TRY(value_u64(c, OPTION_VALIDATORS, &count, 1, ASSAY_NODE_VALIDATORS_MAX));
    ASSAY_TRY(value_u64(c, OPTION_BASE_PORT, &port, 1, UINT16_MAX));
    if (port + (count - 1) * PORTS_EACH + 2 > UINT16_MAX)
        return usage(c, "--base-port %llu leaves no ports for %llu validators", (unsigned long long)port,
                     (unsigned long long)count);
    ASSAY_TRY(network_name(c, &r.network, "rehearsal"));
    r.params = assay_node_rehearsal_params();
    ASSAY_TRY(params_of(c, &r.params));
    r.directory = absolute(c, r.directory);
    r.count = (uint32_t)count;
    r.base_port = (uint16_t)port;
    if (assay_os_exists(net_path(c, r.directory, "network.json"))) {
        c->try_this = keep_text(c, "assay net start %s, or another --out", pasted(c, r.directory));
        return fail(c, ASSAY_E_EXISTS, "%s is a network already", r.directory);
    }
    r.members = ASSAY_NEW(&c->keep, assay_ceremony_member, count);
    if (!r.members) return ASSAY_F_MEMORY;
    assay_err err = assay_os_dirs_create(r.directory, 0755);
    if (err != ASSAY_OK) return fail(c, err == ASSAY_E_NOT_FOUND ? ASSAY_F_STORAGE : err, "%s", r.directory);
    ASSAY_TRY(make_accounts(c, &r));
    ASSAY_TRY(join_all(c, &r));
    ASSAY_TRY(write_accounts(c, &r));
    ASSAY_TRY(agree(c, &r));
    return print_init(c, &r);
}

/* ---- a ceremony across hosts ------------------------------------------------------------------------------------- */

static assay_err network_of(call *c, assay_ceremony_network *out, const char *path) {
    assay_bytes text;
    ASSAY_TRY(read_file(c, &text, path));
    assay_err err = assay_ceremony_network_read(out, &c->keep, text);
    return err == ASSAY_OK ? ASSAY_OK : tell_file(c, err, path, "collect");
}

/* Where this validator will run, as its options say. */
static assay_err place_of(call *c, assay_ceremony_place *out) {
    uint64_t port = BASE_PORT;
    const char *directory = value(c, OPTION_DATA), *host = value(c, OPTION_HOST);
    if (!directory || !*directory) return usage(c, "--data DIR is needed: where the validator's keys will be");
    if (!host || !*host) return usage(c, "--host HOST is needed: the name or number under which the others reach you");
    ASSAY_TRY(value_u64(c, OPTION_BASE_PORT, &port, 1, 65533));
    if (has(c, OPTION_ADDRESS) && !assay_http_is_address(value(c, OPTION_ADDRESS)))
        return usage(c, "--address takes a number of IPv4 or IPv6, as 0.0.0.0 or ::, not %s",
                     shown(c, value(c, OPTION_ADDRESS)));
    if (host[0] == '[' && !has(c, OPTION_MONIKER))
        return usage(c, "--moniker NAME is needed: %s is no name", shown(c, host));
    *out = (assay_ceremony_place){
        .directory = directory,
        .moniker = has(c, OPTION_MONIKER) ? value(c, OPTION_MONIKER) : host,
        .host = host,
        .listen = has(c, OPTION_ADDRESS) ? value(c, OPTION_ADDRESS) : "0.0.0.0",
        .port = (uint16_t)port,
        .signer = !has(c, OPTION_KEY_IN_HOME),
    };
    return ASSAY_OK;
}

/* What the ceremony says of a place that it does not take. */
static assay_err tell_place(call *c, assay_err err, const assay_ceremony_place *place, const char *network,
                            const char *before) {
    if (err == ASSAY_E_EXISTS && before && strcmp(before, network) != 0) {
        c->try_this = keep_text(c, "another --data DIR, or --network %s", before);
        return fail(c, err, "%s has joined %s before", place->directory, before);
    }
    if (err == ASSAY_F_CORRUPT) {
        c->try_this = "look at both; never put an older watermark back, which signs twice: docs/operate.md 5";
        return fail(c, err, "%s: join.json, or signer/ with its consensus.key and consensus.watermark",
                    place->directory);
    }
    if (err != ASSAY_E_NAME) return tell(c, err, place->directory);
    c->try_this =
        "--host NAME, NUMBER or [IPV6], without scheme and port; --moniker of letters, digits, - _ . and spaces";
    return fail(c, err, "--host %s or --moniker %s is not plain", shown(c, place->host), shown(c, place->moniker));
}

assay_err run_net_join(call *c) {
    uint64_t bond = BOND;
    const char *network;
    assay_ceremony_place place;
    assay_ceremony_member member = {0};
    ASSAY_TRY(place_of(c, &place));
    if (!has(c, OPTION_NETWORK)) return usage(c, "--network NAME is needed: which network to join");
    ASSAY_TRY(network_name(c, &network, ""));
    if (has(c, OPTION_BOND)) ASSAY_TRY(amount_of(c, &bond, value(c, OPTION_BOND)));
    assay_err err = assay_ceremony_join(&member, &c->keep, &place, network, bond);
    if (err != ASSAY_OK) return tell_place(c, err, &place, network, member.network);
    ASSAY_TRY(as_asked(c, &place, &member, bond));
    const char *file = net_path(c, place.directory, "join.json");
    if (json_wanted(c))
        return out_json(c, json_pack("{s:s, s:s, s:s, s:s, s:s}", "file", file, "moniker", member.moniker, "node_id",
                                     member.node_id, "p2p", member.p2p, "http", member.http));
    if (!quiet(c)) {
        field(c, "validator", "%s", member.moniker);
        field(c, "owner", "%s", address_text(c, assay_crypto_address(member.validator.owner)));
        field(c, "peers dial", "%s", member.p2p);
        field(c, "send", "this file to whoever collects; it holds nothing secret");
    }
    out(c, "%s\n", file);
    return ASSAY_OK;
}

/* The newest header of a trust file: what the others' words are measured by. */
static assay_err sync_of(call *c, assay_ceremony_sync *out, const assay_ceremony_network *n) {
    const char *path = value(c, OPTION_TRUST);
    assay_bytes text;
    assay_trust trust;
    ASSAY_TRY(read_file(c, &text, path));
    assay_err err = assay_trust_parse(&trust, &c->keep, text);
    if (err != ASSAY_OK) return fail(c, err, "%s", path);
    if (!assay_base_hash_eq(trust.genesis_hash, n->hash))
        return fail(c, ASSAY_E_CHAIN, "%s is of another network", path);
    const assay_trust_checkpoint *newest = &trust.checkpoints[trust.checkpoints_count - 1];
    if (newest->height == 0) {
        c->try_this =
            "the trust.json that a running node has written since, or no --trust: every block is executed then";
        return fail(c, ASSAY_E_STATE, "%s knows no block yet", path);
    }
    *out = (assay_ceremony_sync){newest->height, newest->header_hash};
    return ASSAY_OK;
}

assay_err run_net_follow(call *c) {
    assay_ceremony_place place;
    assay_ceremony_network n;
    assay_ceremony_member member = {0};
    assay_ceremony_sync sync;
    ASSAY_TRY(place_of(c, &place));
    ASSAY_TRY(network_of(c, &n, c->words[0]));
    if (has(c, OPTION_TRUST)) ASSAY_TRY(sync_of(c, &sync, &n));
    assay_err err = assay_ceremony_follow(&member, &c->keep, &place, &n, has(c, OPTION_TRUST) ? &sync : NULL);
    if (err != ASSAY_OK) return tell_place(c, err, &place, n.members[0].network, member.network);
    ASSAY_TRY(as_asked(c, &place, &member, 0));
    const char *owner = address_text(c, assay_crypto_address(member.validator.owner));
    const char *key = net_path(c, place.directory, place.signer ? "signer/consensus.key" : "cometbft");
    if (json_wanted(c))
        return out_json(c, json_pack("{s:s, s:s, s:s, s:s}", "chain_id", n.chain_id, "owner", owner, "owner_key",
                                     net_path(c, place.directory, "owner.key"), "data", place.directory));
    if (!quiet(c)) {
        field(c, "owner", "%s", owner);
        field(c, "state", has(c, OPTION_TRUST) ? "comes as a snapshot, verified from height %llu on" : "by every block",
              has(c, OPTION_TRUST) ? (unsigned long long)sync.height : 0);
        const char *own = pasted(c, place.directory);
        field(c, "start", "assayd --data %s", own);
        field(c, "then", "send the owner units, and register the validator:");
        if (place.signer)
            field(c, "",
                  "assay validator create AMOUNT --key %s/owner.key --consensus-key %s --attestation-key "
                  "%s/attestation.key",
                  own, pasted(c, key), own);
        out(c, "\n");
    }
    out(c, "%s\n", n.chain_id);
    return ASSAY_OK;
}

/* --account ADDRESS=AMOUNT */
static assay_err accounts_of(call *c, assay_genesis_account *list, uint32_t *count) {
    for (int i = 0; i < c->counts[OPTION_ACCOUNT]; i++) {
        const char *text = c->values[OPTION_ACCOUNT][i], *sign = strchr(text, '=');
        if (!sign) return usage(c, "--account takes ADDRESS=AMOUNT, not %s", shown(c, text));
        ASSAY_TRY(address_of(c, &list[*count].address, keep_text(c, "%.*s", (int)(sign - text), text)));
        ASSAY_TRY(amount_of(c, &list[*count].balance, sign + 1));
        ++*count;
    }
    return ASSAY_OK;
}

static void print_network(call *c, const assay_ceremony_network *n) {
    field(c, "chain", "%s", n->chain_id);
    field(c, "genesis hash", "%s", hex(c, n->hash.b, sizeof n->hash.b));
    out(c, "\n");
    table t = table_begin(c, "VALIDATOR BOND> P2P HTTP OWNER", n->members_count);
    for (uint32_t i = 0; i < n->members_count; i++) {
        const assay_ceremony_member *m = &n->members[i];
        char amount[32];
        table_row(&t, m->moniker, keep_text(c, "%s", amount_text(amount, m->validator.self_bond)), m->p2p, m->http,
                  address_text(c, assay_crypto_address(m->validator.owner)));
    }
    table_print(&t);
}

static assay_err network_json(call *c, const assay_ceremony_network *n, const char *file) {
    return out_json(c, json_pack("{s:s, s:s, s:I, s:s}", "chain_id", n->chain_id, "genesis_hash",
                                 hex(c, n->hash.b, sizeof n->hash.b), "validators", (json_int_t)n->members_count,
                                 "file", file));
}

/* Names the file that does not belong to the others, or that is there twice. */
static assay_err of_one_network(call *c, const assay_ceremony_member *list, uint32_t count, const char *network) {
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(list[i].network, network) != 0) {
            c->try_this = "the files of one network; --network says which";
            return fail(c, ASSAY_E_CHAIN, "%s joined %s, not %s", c->words[i], list[i].network, network);
        }
        for (uint32_t k = 0; k < i; k++) {
            if (memcmp(&list[i].validator.owner, &list[k].validator.owner, sizeof list[i].validator.owner) != 0)
                continue;
            c->try_this = "each validator's own join.json, once";
            return fail(c, ASSAY_E_DUPLICATE, "%s and %s are of one owner", c->words[k], c->words[i]);
        }
    }
    return ASSAY_OK;
}

assay_err run_net_collect(call *c) {
    const char *network, *file = has(c, OPTION_OUT) ? value(c, OPTION_OUT) : "network.json";
    uint32_t count = (uint32_t)c->words_count, accounts_count = 0;
    assay_genesis_account accounts[OPTION_VALUES_MAX];
    assay_ceremony_member *members = ASSAY_NEW(&c->keep, assay_ceremony_member, count);
    assay_ceremony_network agreed;
    assay_buf text;
    uint64_t allowance = 0;
    if (!members) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        assay_bytes bytes;
        ASSAY_TRY(read_file(c, &bytes, c->words[i]));
        assay_err err = assay_ceremony_member_read(&members[i], &c->keep, bytes);
        if (err != ASSAY_OK) return tell_file(c, err, c->words[i], "join");
    }
    ASSAY_TRY(network_name(c, &network, members[0].network));
    ASSAY_TRY(of_one_network(c, members, count, network));
    ASSAY_TRY(accounts_of(c, accounts, &accounts_count));
    if (has(c, OPTION_ALLOWANCE)) ASSAY_TRY(amount_of(c, &allowance, value(c, OPTION_ALLOWANCE)));
    assay_params params = has(c, OPTION_REHEARSAL) ? assay_node_rehearsal_params() : assay_node_params();
    ASSAY_TRY(params_of(c, &params));
    if (!accounts_count && !allowance && (params.fee_base || params.fee_per_byte))
        return usage(c, "nobody would hold a unit that is not bonded, and no fee could ever be paid: --account "
                        "ADDRESS=AMOUNT, or --allowance AMOUNT for each validator's owner");
    assay_err err = assay_ceremony_collect(&agreed, &c->keep, network, assay_os_now().seconds, &params, members, count,
                                           accounts, accounts_count, allowance);
    if (err != ASSAY_OK) return tell(c, err, "the members' files");
    ASSAY_TRY(buffer(c, &text));
    ASSAY_TRY(assay_ceremony_network_write(&text, &agreed));
    ASSAY_TRY(write_file(c, file, &text, 0644));
    if (json_wanted(c)) return network_json(c, &agreed, file);
    if (!quiet(c)) print_network(c, &agreed);
    if (!quiet(c)) out(c, "\n");
    out(c, "%s\n", file);
    return ASSAY_OK;
}

/* Either nobody joined in that directory, or the network is without whoever did. */
static assay_err not_listed(call *c, const char *directory) {
    c->try_this = "send join.json to whoever collects, and take the network's file that comes back";
    if (assay_os_exists(net_path(c, directory, "join.json")))
        return fail(c, ASSAY_E_NOT_FOUND, "%s lists nobody who joined as %s did", c->words[0], directory);
    c->try_this = "the directory that `assay net join --data` made";
    return fail(c, ASSAY_E_NOT_FOUND, "nobody has joined in %s: there is no join.json", directory);
}

assay_err run_net_sign(call *c) {
    const char *directory = value(c, OPTION_DATA), *file = value(c, OPTION_OUT);
    assay_ceremony_network n;
    assay_ceremony_word word;
    assay_buf text;
    if (!directory) return usage(c, "--data DIR is needed: whose word it is");
    ASSAY_TRY(network_of(c, &n, c->words[0]));
    assay_err err = assay_ceremony_sign(&word, directory, &n, c->scratch);
    if (err == ASSAY_E_NOT_FOUND) return not_listed(c, directory);
    if (err != ASSAY_OK) return tell(c, err, directory);
    ASSAY_TRY(buffer(c, &text));
    ASSAY_TRY(assay_ceremony_word_write(&text, &word));
    if (!file) file = net_path(c, directory, "word.json");
    ASSAY_TRY(write_file(c, file, &text, 0644));
    if (json_wanted(c)) return network_json(c, &n, file);
    if (!quiet(c)) {
        print_network(c, &n);
        out(c, "\n");
        field(c, "signed", "send this file to every other operator");
    }
    out(c, "%s\n", file);
    return ASSAY_OK;
}

assay_err run_net_accept(call *c) {
    const char *directory = value(c, OPTION_DATA);
    uint32_t count = (uint32_t)c->words_count - 1, missing;
    assay_ceremony_network n;
    assay_ceremony_word *words = ASSAY_NEW(&c->keep, assay_ceremony_word, count + 1);
    if (!directory) return usage(c, "--data DIR is needed: which validator accepts");
    if (!words) return ASSAY_F_MEMORY;
    ASSAY_TRY(network_of(c, &n, c->words[0]));
    for (uint32_t i = 0; i < count; i++) {
        assay_bytes text;
        ASSAY_TRY(read_file(c, &text, c->words[1 + i]));
        assay_err err = assay_ceremony_word_read(&words[i], text);
        if (err != ASSAY_OK) return tell_file(c, err, c->words[1 + i], "sign");
    }
    if (assay_ceremony_missing(&missing, &n, words, count)) {
        c->try_this = "ask its operator for the file that `assay net sign` wrote";
        return fail(c, ASSAY_E_SIGNATURE, "%s has not signed this network", n.members[missing].moniker);
    }
    assay_err err = assay_ceremony_accept(directory, &n, c->scratch);
    if (err == ASSAY_E_NOT_FOUND && assay_os_exists(net_path(c, directory, "join.json")) &&
        !assay_os_exists(net_path(c, directory, "node.json"))) {
        c->try_this = "put node.json back from a copy: docs/operate.md 5";
        return fail(c, ASSAY_F_NO_PATH, "%s", net_path(c, directory, "node.json"));
    }
    if (err == ASSAY_E_NOT_FOUND) return not_listed(c, directory);
    if (err != ASSAY_OK) return tell(c, err, directory);
    if (json_wanted(c)) return network_json(c, &n, directory);
    if (!quiet(c)) field(c, "start", "assayd --data %s", pasted(c, directory));
    out(c, "%s\n", n.chain_id);
    return ASSAY_OK;
}
