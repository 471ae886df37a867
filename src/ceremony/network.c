/* SPDX-License-Identifier: Apache-2.0
 *
 * network - members become a genesis, and everybody's word about it. */
#include "ceremony_internal.h"

#include "crypto/crypto.h"
#include "ledger/rule/rule.h"
#include "node/node.h"
#include "os/os.h"

#include <jansson.h>
#include <string.h>

#define SCHEMA "assay/network/1"
#define WORD_SCHEMA "assay/word/1"

/* ---- collecting -------------------------------------------------------------------------------------------------- */

static bool member_less(const void *context, const void *a, const void *b) {
    (void)context;
    const assay_ceremony_member *m = a, *n = b;
    return memcmp(m->validator.owner.b, n->validator.owner.b, sizeof m->validator.owner.b) < 0;
}

static bool account_less(const void *context, const void *a, const void *b) {
    (void)context;
    const assay_genesis_account *m = a, *n = b;
    return memcmp(m->address.b, n->address.b, sizeof m->address.b) < 0;
}

static bool same_key(assay_public_key a, assay_public_key b) { return memcmp(a.b, b.b, sizeof a.b) == 0; }

static bool collide(const assay_ceremony_member *a, const assay_ceremony_member *b) {
    const assay_genesis_validator *v = &a->validator, *w = &b->validator;
    return same_key(v->owner, w->owner) || same_key(v->consensus_key, w->consensus_key) ||
           same_key(v->attestation_key, w->attestation_key) || same_key(v->consensus_key, w->attestation_key) ||
           same_key(v->attestation_key, w->consensus_key) || strcmp(a->node_id, b->node_id) == 0 ||
           strcmp(a->p2p, b->p2p) == 0 || strcmp(a->http, b->http) == 0;
}

static assay_err all_apart(const assay_ceremony_network *network) {
    for (uint32_t i = 0; i < network->members_count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (collide(&network->members[i], &network->members[k])) return ASSAY_E_DUPLICATE;
    return ASSAY_OK;
}

/* What the ledger asks of them at the first block, when all have signed and it is too late. */
static assay_err units_ok(const assay_genesis *genesis) {
    uint64_t sum = 0;
    bool ok = true;
    for (uint32_t i = 0; ok && i < genesis->accounts_count; i++)
        ok =
            genesis->accounts[i].balance > 0 && assay_base_add_u64(&sum, sum, genesis->accounts[i].balance) == ASSAY_OK;
    for (uint32_t i = 0; ok && i < genesis->validators_count; i++)
        ok = genesis->validators[i].self_bond >= genesis->params.bond_min &&
             assay_base_add_u64(&sum, sum, genesis->validators[i].self_bond) == ASSAY_OK;
    return ok ? ASSAY_OK : ASSAY_E_RANGE;
}

static void name_chain(assay_ceremony_network *out, assay_bytes name) {
    out->hash = assay_genesis_hash(out->genesis);
    assay_genesis_chain_id(out->chain_id, name, out->hash);
}

/* The accounts as given, and an allowance for each owner who has none: a validator pays fees to come back from jail. */
static assay_err accounts_of(assay_genesis *genesis, assay_arena *keep, const assay_ceremony_network *network,
                             const assay_genesis_account *accounts, uint32_t count, uint64_t allowance) {
    uint32_t cap = count + network->members_count;
    assay_genesis_account *list = ASSAY_NEW(keep, assay_genesis_account, cap);
    assay_genesis_account *scratch = ASSAY_NEW(keep, assay_genesis_account, cap);
    if (!list || !scratch) return ASSAY_F_MEMORY;
    if (count) memcpy(list, accounts, count * sizeof *list);
    genesis->accounts_count = count;
    for (uint32_t i = 0; allowance && i < network->members_count; i++) {
        assay_address owner = assay_crypto_address(network->members[i].validator.owner);
        bool there = false;
        for (uint32_t k = 0; k < count && !there; k++) there = assay_base_address_eq(list[k].address, owner);
        if (!there) list[genesis->accounts_count++] = (assay_genesis_account){owner, allowance};
    }
    genesis->accounts = list;
    assay_base_sort(list, scratch, genesis->accounts_count, sizeof *list, account_less, NULL);
    for (uint32_t i = 1; i < genesis->accounts_count; i++)
        if (assay_base_address_eq(list[i - 1].address, list[i].address)) return ASSAY_E_DUPLICATE;
    return ASSAY_OK;
}

assay_err assay_ceremony_collect(assay_ceremony_network *out, assay_arena *keep, const char *name, int64_t time_seconds,
                                 const assay_params *params, const assay_ceremony_member *members,
                                 uint32_t members_count, const assay_genesis_account *accounts, uint32_t accounts_count,
                                 uint64_t allowance) {
    *out = (assay_ceremony_network){.members_count = members_count};
    ASSAY_TRY(assay_rule_params_check(params));
    if (members_count == 0 || members_count > params->validators_max) return ASSAY_E_RANGE;
    if (members_count > ASSAY_NODE_VALIDATORS_MAX) return ASSAY_E_RANGE;
    out->members = ASSAY_NEW(keep, assay_ceremony_member, members_count);
    assay_ceremony_member *scratch = ASSAY_NEW(keep, assay_ceremony_member, members_count);
    assay_genesis_validator *validators = ASSAY_NEW(keep, assay_genesis_validator, members_count);
    if (!out->members || !scratch || !validators) return ASSAY_F_MEMORY;
    memcpy(out->members, members, members_count * sizeof *members);
    assay_base_sort(out->members, scratch, members_count, sizeof *members, member_less, NULL);
    for (uint32_t i = 0; i < members_count; i++) {
        if (strcmp(out->members[i].network, name) != 0) return ASSAY_E_CHAIN;
        validators[i] = out->members[i].validator;
    }
    ASSAY_TRY(all_apart(out));
    assay_genesis genesis = {.format = 1,
                             .name = assay_base_bytes_str(name),
                             .time_seconds = time_seconds,
                             .app_version = 1,
                             .params = *params,
                             .validators = validators,
                             .validators_count = members_count};
    ASSAY_TRY(accounts_of(&genesis, keep, out, accounts, accounts_count, allowance));
    ASSAY_TRY(units_ok(&genesis));
    ASSAY_TRY(assay_codec_encode_new(&out->genesis, keep, &assay_genesis_message, &genesis, ASSAY_CODEC_STRICT));
    name_chain(out, genesis.name);
    return ASSAY_OK;
}

/* ---- network.json ------------------------------------------------------------------------------------------------ */

assay_err assay_ceremony_network_write(assay_buf *out, const assay_ceremony_network *network) {
    assay_json json = assay_json_begin(out);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "schema", SCHEMA);
    assay_json_str(&json, "chain_id", network->chain_id);
    assay_json_hex(&json, "genesis_hash", assay_base_hash_bytes(&network->hash));
    assay_json_base64(&json, "genesis", network->genesis);
    assay_json_array(&json, "members");
    for (uint32_t i = 0; i < network->members_count; i++) ceremony_member_put(&json, NULL, &network->members[i]);
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    ASSAY_TRY(assay_json_end(&json));
    return assay_base_buf_put(out, ASSAY_STR("\n"));
}

static bool same_signature(assay_signature a, assay_signature b) { return memcmp(a.b, b.b, sizeof a.b) == 0; }

/* Operators compare what stands in the file; so it has to be true of the genesis. */
static assay_err names_itself(const assay_ceremony_network *network, const json_t *json) {
    const char *id = json_string_value(json_object_get(json, "chain_id"));
    assay_hash hash;
    ASSAY_TRY(ceremony_hex(hash.b, sizeof hash.b, json, "genesis_hash"));
    if (!id) return ASSAY_E_ENCODING;
    return strcmp(id, network->chain_id) == 0 && assay_base_hash_eq(hash, network->hash) ? ASSAY_OK : ASSAY_E_PROOF;
}

/* The genesis is of exactly these members, in this order. */
static assay_err fits(const assay_ceremony_network *network, const assay_genesis *genesis) {
    if (genesis->validators_count != network->members_count) return ASSAY_E_PROOF;
    for (uint32_t i = 0; i < network->members_count; i++) {
        const assay_genesis_validator *v = &genesis->validators[i], *w = &network->members[i].validator;
        bool same = same_key(v->owner, w->owner) && same_key(v->consensus_key, w->consensus_key) &&
                    same_key(v->attestation_key, w->attestation_key) &&
                    same_signature(v->consensus_proof, w->consensus_proof) &&
                    same_signature(v->attestation_proof, w->attestation_proof) && v->self_bond == w->self_bond &&
                    assay_base_bytes_eq(v->moniker, w->moniker);
        if (!same || !assay_base_bytes_eq(genesis->name, assay_base_bytes_str(network->members[i].network)))
            return ASSAY_E_PROOF;
    }
    return ASSAY_OK;
}

static assay_err network_get(assay_ceremony_network *out, assay_arena *keep, const json_t *json) {
    const json_t *rows = json_object_get(json, "members");
    const char *text;
    size_t count = json_array_size(rows);
    *out = (assay_ceremony_network){.members_count = (uint32_t)count};
    if (!json_is_array(rows) || count == 0 || count > ASSAY_NODE_VALIDATORS_MAX) return ASSAY_E_ENCODING;
    ASSAY_TRY(ceremony_text(&text, keep, json, "genesis", ASSAY_CEREMONY_FILE_LEN_MAX));
    ASSAY_TRY(assay_codec_base64_get(&out->genesis, keep, assay_base_bytes_str(text)));
    out->members = ASSAY_NEW(keep, assay_ceremony_member, count);
    if (!out->members) return ASSAY_F_MEMORY;
    for (size_t i = 0; i < count; i++) ASSAY_TRY(ceremony_member_get(&out->members[i], keep, json_array_get(rows, i)));
    assay_arena scratch = *keep;
    assay_genesis genesis;
    ASSAY_TRY(assay_codec_decode(&genesis, &scratch, &assay_genesis_message, out->genesis, ASSAY_CODEC_STRICT));
    name_chain(out, genesis.name);
    ASSAY_TRY(names_itself(out, json));
    ASSAY_TRY(all_apart(out));
    return fits(out, &genesis);
}

assay_err assay_ceremony_network_read(assay_ceremony_network *out, assay_arena *keep, assay_bytes text) {
    json_t *json;
    ASSAY_TRY(ceremony_load(&json, text, SCHEMA));
    assay_err err = network_get(out, keep, json);
    json_decref(json);
    return err;
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static assay_err word_text(assay_buf *out, const assay_ceremony_network *network) {
    return assay_types_sign_bytes(out, "network", assay_base_bytes_str(network->chain_id),
                                  assay_base_hash_bytes(&network->hash));
}

assay_err assay_ceremony_sign(assay_ceremony_word *out, const char *directory, const assay_ceremony_network *network,
                              assay_arena scratch) {
    assay_ceremony_member own;
    const char *path;
    bool found = false;
    ASSAY_TRY(ceremony_member_of(&own, &scratch, directory));
    for (uint32_t i = 0; i < network->members_count && !found; i++)
        found = ceremony_member_same(&own, &network->members[i]);
    if (!found) return ASSAY_E_NOT_FOUND;
    assay_key_secret secret;
    uint8_t memory[256];
    assay_buf text = {memory, 0, sizeof memory};
    ASSAY_TRY(ceremony_path(&path, &scratch, directory, "owner.key"));
    ASSAY_TRY(assay_node_key_load(&secret, path, false));
    assay_err err = word_text(&text, network);
    *out = (assay_ceremony_word){.genesis_hash = network->hash, .owner = own.validator.owner};
    if (err == ASSAY_OK) out->signature = assay_crypto_ed25519_sign(&secret, (assay_bytes){text.ptr, text.len});
    assay_crypto_wipe(&secret, sizeof secret);
    return err;
}

assay_err assay_ceremony_word_write(assay_buf *out, const assay_ceremony_word *word) {
    assay_json json = assay_json_begin(out);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "schema", WORD_SCHEMA);
    assay_json_hex(&json, "genesis_hash", assay_base_hash_bytes(&word->genesis_hash));
    assay_json_hex(&json, "owner", (assay_bytes){word->owner.b, sizeof word->owner.b});
    assay_json_hex(&json, "signature", (assay_bytes){word->signature.b, sizeof word->signature.b});
    assay_json_close(&json, '}');
    ASSAY_TRY(assay_json_end(&json));
    return assay_base_buf_put(out, ASSAY_STR("\n"));
}

assay_err assay_ceremony_word_read(assay_ceremony_word *out, assay_bytes text) {
    json_t *json;
    ASSAY_TRY(ceremony_load(&json, text, WORD_SCHEMA));
    assay_err err = ceremony_hex(out->genesis_hash.b, sizeof out->genesis_hash.b, json, "genesis_hash");
    if (err == ASSAY_OK) err = ceremony_hex(out->owner.b, sizeof out->owner.b, json, "owner");
    if (err == ASSAY_OK) err = ceremony_hex(out->signature.b, sizeof out->signature.b, json, "signature");
    json_decref(json);
    return err;
}

bool assay_ceremony_missing(uint32_t *index, const assay_ceremony_network *network, const assay_ceremony_word *words,
                            uint32_t count) {
    uint8_t memory[256];
    assay_buf text = {memory, 0, sizeof memory};
    *index = 0;
    if (word_text(&text, network) != ASSAY_OK) return true;
    for (; *index < network->members_count; ++*index) {
        assay_public_key owner = network->members[*index].validator.owner;
        bool spoken = false;
        for (uint32_t i = 0; i < count && !spoken; i++)
            spoken = same_key(words[i].owner, owner) && assay_base_hash_eq(words[i].genesis_hash, network->hash) &&
                     assay_crypto_ed25519_verify(owner, (assay_bytes){text.ptr, text.len}, words[i].signature);
        if (!spoken) return true;
    }
    return false;
}
