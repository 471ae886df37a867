/* SPDX-License-Identifier: Apache-2.0
 *
 * place - a validator's directory: its keys and settings when it joins, the chain's beginning when that is agreed. */
#include "ceremony_internal.h"

#include "comet/comet.h"
#include "crypto/crypto.h"
#include "http/http.h"
#include "node/node.h"
#include "os/os.h"
#include "signer/signer.h"

#include <jansson.h>
#include <string.h>

#define JOIN_LEN_MAX 8192
#define PEERS_LEN_MAX ((size_t)1 << 18)
#define ABCI "unix://abci.sock" /* both in the validator's directory, where CometBFT works */
#define SIGNER "unix://signer.sock"

assay_err ceremony_path(const char **out, assay_arena *keep, const char *directory, const char *name) {
    return assay_os_path_join(out, keep, directory, assay_base_bytes_str(name));
}

__attribute__((format(printf, 3, 0))) static assay_err format(const char **out, assay_arena *keep, const char *text,
                                                              const char *host, unsigned port) {
    char line[ASSAY_CEREMONY_HOST_LEN_MAX + 64];
    assay_bytes copy;
    size_t len = assay_os_format(line, sizeof line, text, host, port);
    ASSAY_TRY(assay_base_arena_copy(&copy, keep, (assay_bytes){(const uint8_t *)line, len + 1}));
    *out = (const char *)copy.ptr;
    return ASSAY_OK;
}

assay_err ceremony_member_of(assay_ceremony_member *out, assay_arena *keep, const char *directory) {
    const char *path;
    assay_bytes text;
    ASSAY_TRY(ceremony_path(&path, keep, directory, "join.json"));
    ASSAY_TRY(assay_os_read_whole(&text, keep, path, JOIN_LEN_MAX));
    assay_err err = assay_ceremony_member_read(out, keep, text);
    return err == ASSAY_OK || assay_base_err_is_fault(err) ? err : ASSAY_F_CORRUPT;
}

/* ---- joining ----------------------------------------------------------------------------------------------------- */

static assay_err prove(assay_signature *out, const assay_key_secret *secret, const char *kind, const char *network,
                       assay_address owner) {
    uint8_t memory[256];
    assay_buf text = {memory, 0, sizeof memory};
    ASSAY_TRY(
        assay_types_sign_bytes(&text, kind, assay_base_bytes_str(network), (assay_bytes){owner.b, sizeof owner.b}));
    *out = assay_crypto_ed25519_sign(secret, (assay_bytes){text.ptr, text.len});
    return ASSAY_OK;
}

/* The key of assay-signer: made in its directory, and used once here to prove that it is there. */
static assay_err key_of_signer(assay_genesis_validator *v, const char *directory, const char *network,
                               assay_address owner, assay_arena scratch) {
    const char *path;
    assay_signer *signer;
    ASSAY_TRY(ceremony_path(&path, &scratch, directory, "signer"));
    ASSAY_TRY(assay_os_dirs_create(path, 0700));
    ASSAY_TRY(assay_signer_open(&signer, &scratch, path, true, true));
    v->consensus_key = assay_signer_public(signer);
    assay_err err =
        assay_signer_prove(signer, &v->consensus_proof, "consensus-key", assay_base_bytes_str(network), owner);
    assay_signer_close(signer);
    return err;
}

/* The key in CometBFT's home: made here, and read again only where it has signed nothing. */
static assay_err key_of_home(assay_genesis_validator *v, const char *home, const char *network, assay_address owner,
                             assay_arena scratch) {
    assay_key_secret secret;
    assay_os_random(secret.b, sizeof secret.b);
    v->consensus_key = assay_crypto_ed25519_public(&secret);
    assay_err err = prove(&v->consensus_proof, &secret, "consensus-key", network, owner);
    if (err == ASSAY_OK) err = assay_comet_key_write(home, &secret, scratch);
    if (err == ASSAY_E_EXISTS) { /* whoever joined before was interrupted; a key that signed is not taken for that */
        err = assay_comet_key_unused(&secret, home, scratch);
        v->consensus_key = assay_crypto_ed25519_public(&secret);
        if (err == ASSAY_OK) err = prove(&v->consensus_proof, &secret, "consensus-key", network, owner);
        if (err == ASSAY_E_STATE) err = ASSAY_E_EXISTS;
    }
    assay_crypto_wipe(&secret, sizeof secret);
    return err;
}

static assay_err sign_member(assay_ceremony_member *m, const assay_key_secret *owner, assay_arena scratch) {
    assay_buf text = {ASSAY_NEW(&scratch, uint8_t, JOIN_LEN_MAX), 0, JOIN_LEN_MAX};
    if (!text.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(ceremony_member_sign_bytes(&text, m, scratch));
    m->signature = assay_crypto_ed25519_sign(owner, (assay_bytes){text.ptr, text.len});
    return ASSAY_OK;
}

static assay_err write_settings(const assay_ceremony_place *place, const assay_ceremony_member *m,
                                assay_arena scratch) {
    assay_node_settings settings = {.moniker = place->moniker,
                                    .address = place->listen,
                                    .port = place->port,
                                    .abci = ABCI,
                                    .signer = place->signer ? SIGNER : NULL,
                                    .consensus_key = m->validator.consensus_key};
    ASSAY_TRY(format(&settings.rpc, &scratch, "http://%s:%u", "127.0.0.1", place->port + 1u));
    return assay_node_settings_write(place->directory, &settings, scratch);
}

static assay_err write_join(const char *directory, const assay_ceremony_member *m, assay_arena scratch) {
    const char *path;
    assay_buf text = {ASSAY_NEW(&scratch, uint8_t, JOIN_LEN_MAX), 0, JOIN_LEN_MAX};
    if (!text.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(assay_ceremony_member_write(&text, m));
    ASSAY_TRY(ceremony_path(&path, &scratch, directory, "join.json"));
    return assay_os_replace(path, (assay_bytes){text.ptr, text.len}, 0644);
}

static assay_err join_with(assay_ceremony_member *m, const assay_ceremony_place *place, const char *home,
                           const assay_key_secret *owner, const assay_key_secret *attestation, assay_arena scratch) {
    assay_genesis_validator *v = &m->validator;
    v->owner = assay_crypto_ed25519_public(owner);
    v->attestation_key = assay_crypto_ed25519_public(attestation);
    v->moniker = assay_base_bytes_str(m->moniker);
    assay_address address = assay_crypto_address(v->owner);
    ASSAY_TRY(prove(&v->attestation_proof, attestation, "attestation-key", m->network, address));
    ASSAY_TRY(place->signer ? key_of_signer(v, place->directory, m->network, address, scratch)
                            : key_of_home(v, home, m->network, address, scratch));
    ASSAY_TRY(sign_member(m, owner, scratch));
    ASSAY_TRY(write_settings(place, m, scratch));
    /* Last of all: with it the directory is a member's. */
    return write_join(place->directory, m, scratch);
}

/* What the others will check, before anything is made that would have to be removed again. */
static bool place_plain(const assay_ceremony_place *place, const assay_ceremony_member *m) {
    return ceremony_host_plain(place->host) && assay_http_is_address(place->listen) && ceremony_member_plain(m);
}

assay_err assay_ceremony_join(assay_ceremony_member *out, assay_arena *keep, const assay_ceremony_place *place,
                              const char *network, uint64_t self_bond) {
    const char *home, *path;
    char *id = ASSAY_NEW(keep, char, ASSAY_COMET_ID_LEN + 1);
    if (!id) return ASSAY_F_MEMORY;
    if (place->port > 65533 || self_bond == 0) return ASSAY_E_RANGE;
    assay_err err = ceremony_member_of(out, keep, place->directory);
    if (err == ASSAY_OK) return strcmp(out->network, network) == 0 ? ASSAY_OK : ASSAY_E_EXISTS;
    if (err != ASSAY_E_NOT_FOUND) return err;
    *out = (assay_ceremony_member){.network = network, .moniker = place->moniker, .node_id = id};
    out->validator.self_bond = self_bond;
    ASSAY_TRY(format(&out->p2p, keep, "%s:%u", place->host, place->port + 2u));
    ASSAY_TRY(format(&out->http, keep, "http://%s:%u", place->host, place->port));
    memset(id, '0', ASSAY_COMET_ID_LEN); /* until there is one */
    if (!place_plain(place, out)) return ASSAY_E_NAME;
    ASSAY_TRY(ceremony_path(&path, keep, place->directory, "genesis"));
    if (assay_os_exists(path)) return ASSAY_E_EXISTS;
    ASSAY_TRY(assay_os_dirs_create(place->directory, 0700));
    ASSAY_TRY(ceremony_path(&home, keep, place->directory, "cometbft"));
    ASSAY_TRY(assay_comet_node_id(id, home, *keep));
    assay_key_secret owner, attestation;
    ASSAY_TRY(ceremony_path(&path, keep, place->directory, "owner.key"));
    ASSAY_TRY(assay_node_key_load(&owner, path, true));
    ASSAY_TRY(ceremony_path(&path, keep, place->directory, "attestation.key"));
    err = assay_node_key_load(&attestation, path, true);
    if (err == ASSAY_OK) err = join_with(out, place, home, &owner, &attestation, *keep);
    assay_crypto_wipe(&owner, sizeof owner);
    assay_crypto_wipe(&attestation, sizeof attestation);
    ASSAY_TRY(err);
    /* Read back with every check that the others will make. */
    return ceremony_member_of(out, keep, place->directory);
}

/* ---- accepting --------------------------------------------------------------------------------------------------- */

static assay_err peers_of(const char **p2p, const char ***http, uint32_t *count, assay_arena *keep,
                          const assay_ceremony_network *network, const assay_ceremony_member *own) {
    char *text = ASSAY_NEW(keep, char, PEERS_LEN_MAX);
    *http = ASSAY_NEW(keep, const char *, network->members_count);
    if (!text || !*http) return ASSAY_F_MEMORY;
    size_t len = 0;
    *count = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < network->members_count; i++) {
        const assay_ceremony_member *m = &network->members[i];
        if (ceremony_member_same(m, own)) continue;
        len += assay_os_format(text + len, PEERS_LEN_MAX - len, "%s%s@%s", len ? "," : "", m->node_id, m->p2p);
        (*http)[(*count)++] = m->http;
    }
    *p2p = text;
    return ASSAY_OK;
}

/* At least two, of which CometBFT takes one as a witness of the other. */
static assay_err servers_of(const char **out, assay_arena *keep, const char *const *http, uint32_t count) {
    char *text = ASSAY_NEW(keep, char, PEERS_LEN_MAX);
    if (!text) return ASSAY_F_MEMORY;
    if (!count) return ASSAY_E_RANGE;
    size_t len = 0;
    for (uint32_t i = 0; i < (count < 2 ? 2 : count); i++)
        len += assay_os_format(text + len, PEERS_LEN_MAX - len, "%s%s/cometbft", len ? "," : "", http[i % count]);
    *out = text;
    return ASSAY_OK;
}

static assay_err write_genesis(const char *directory, assay_bytes genesis, assay_arena scratch) {
    const char *path;
    assay_bytes there;
    ASSAY_TRY(ceremony_path(&path, &scratch, directory, "genesis"));
    assay_err err = assay_os_read_whole(&there, &scratch, path, ASSAY_CEREMONY_FILE_LEN_MAX);
    if (err == ASSAY_OK) return assay_base_bytes_eq(there, genesis) ? ASSAY_OK : ASSAY_E_EXISTS;
    if (err != ASSAY_E_NOT_FOUND) return err;
    return assay_os_replace(path, genesis, 0644);
}

/* By it a reader can begin before any block; a node that ran wrote a better one. */
static assay_err write_trust(const char *directory, assay_bytes genesis, assay_arena scratch) {
    const char *path;
    assay_bytes text;
    ASSAY_TRY(ceremony_path(&path, &scratch, directory, "trust.json"));
    if (assay_os_exists(path)) return ASSAY_OK;
    ASSAY_TRY(assay_node_genesis_trust(&text, &scratch, genesis));
    return assay_os_replace(path, text, 0644);
}

/* The beginning of the chain, CometBFT's configuration and the peers, for a directory that joined; sync NULL: every
 * block is executed. */
static assay_err install(const char *directory, const assay_ceremony_network *network, const assay_ceremony_member *own,
                         const assay_ceremony_sync *sync, assay_arena scratch) {
    assay_node_settings settings;
    assay_genesis genesis;
    const char *home_path, *p2p, **http, *servers = NULL;
    ASSAY_TRY(assay_node_settings_read(&settings, &scratch, directory));
    ASSAY_TRY(assay_codec_decode(&genesis, &scratch, &assay_genesis_message, network->genesis, ASSAY_CODEC_STRICT));
    ASSAY_TRY(write_genesis(directory, network->genesis, scratch)); /* before anything is written over */
    ASSAY_TRY(write_trust(directory, network->genesis, scratch));
    ASSAY_TRY(peers_of(&p2p, &http, &settings.peers_count, &scratch, network, own));
    settings.peers = http;
    if (sync) ASSAY_TRY(servers_of(&servers, &scratch, http, settings.peers_count));
    ASSAY_TRY(ceremony_path(&home_path, &scratch, directory, "cometbft"));
    assay_comet_home home = {.directory = home_path,
                             .moniker = settings.moniker,
                             .chain_id = network->chain_id,
                             .genesis = network->genesis,
                             .time = {genesis.time_seconds, 0},
                             .app_version = genesis.app_version,
                             .evidence_blocks = genesis.params.evidence_blocks,
                             .evidence_seconds = genesis.params.evidence_seconds,
                             .abci = settings.abci,
                             .external = own->p2p,
                             .signer = settings.signer,
                             .peers = p2p,
                             .sync_servers = servers};
    if (sync) {
        home.sync_height = sync->height;
        home.sync_hash = sync->hash;
        home.sync_seconds = genesis.params.unbonding_seconds * 2 / 3;
    }
    ASSAY_TRY(format(&home.rpc, &scratch, "tcp://%s:%u", "127.0.0.1", settings.port + 1u));
    bool six = strchr(settings.address, ':') != NULL;
    ASSAY_TRY(format(&home.p2p, &scratch, six ? "tcp://[%s]:%u" : "tcp://%s:%u", settings.address, settings.port + 2u));
    ASSAY_TRY(assay_comet_home_write(&home, scratch));
    return assay_node_settings_write(directory, &settings, scratch);
}

assay_err assay_ceremony_accept(const char *directory, const assay_ceremony_network *network, assay_arena scratch) {
    assay_ceremony_member own;
    bool found = false;
    ASSAY_TRY(ceremony_member_of(&own, &scratch, directory));
    for (uint32_t i = 0; i < network->members_count && !found; i++)
        found = ceremony_member_same(&own, &network->members[i]);
    return found ? install(directory, network, &own, NULL, scratch) : ASSAY_E_NOT_FOUND;
}

assay_err assay_ceremony_follow(assay_ceremony_member *out, assay_arena *keep, const assay_ceremony_place *place,
                                const assay_ceremony_network *network, const assay_ceremony_sync *sync) {
    ASSAY_TRY(assay_ceremony_join(out, keep, place, network->members[0].network, 1));
    return install(place->directory, network, out, sync, *keep);
}
