/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a CometBFT home. What is not said in config.toml stands at CometBFT's default. */
#include "comet/comet.h"

#include "codec/codec.h"
#include "crypto/crypto.h"
#include "os/os.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#define KEY_FILE_LEN_MAX 4096
#define SECONDS_MAX ((uint64_t)INT64_MAX / 1000000000) /* Go's durations are nanoseconds in 63 bits */
#define NOTHING_SIGNED ASSAY_STR("{\"height\":\"0\",\"round\":0,\"step\":0}\n") /* as we write it */
#define SECRET_LEN (ASSAY_HASH_LEN + ASSAY_HASH_LEN) /* Go's ed25519 private key: seed, then public key */

static assay_err path_of(const char **out, assay_arena *keep, const char *directory, const char *name) {
    return assay_os_path_join(out, keep, directory, assay_base_bytes_str(name));
}

static assay_err replace(const char *directory, const char *name, assay_bytes text, uint32_t permissions,
                         assay_arena scratch) {
    const char *path;
    ASSAY_TRY(path_of(&path, &scratch, directory, name));
    return assay_os_replace(path, text, permissions);
}

static assay_err directories(const char *directory, assay_arena scratch) {
    const char *path;
    ASSAY_TRY(path_of(&path, &scratch, directory, "config"));
    ASSAY_TRY(assay_os_dirs_create(path, 0700));
    ASSAY_TRY(path_of(&path, &scratch, directory, "data"));
    return assay_os_dirs_create(path, 0700);
}

/* ---- config.toml ------------------------------------------------------------------------------------------------- */

/* What goes between quotes in TOML and needs no escape. */
static bool is_plain(const char *text) {
    for (; text && *text; text++)
        if ((uint8_t)*text < 0x20 || *text == '"' || *text == '\\' || *text == 0x7f) return false;
    return true;
}

__attribute__((format(printf, 2, 3))) static void put(assay_buf *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    out->len += assay_os_format_list((char *)out->ptr + out->len, out->cap - out->len, format, args);
    va_end(args);
}

static uint64_t seconds_of(uint64_t seconds) { return seconds < SECONDS_MAX ? seconds : SECONDS_MAX; }

/* The reasons are measured ones: spec/cometbft.md has the figures. */
static void put_config(assay_buf *out, const assay_comet_home *h) {
    put(out,
        "# Written by assay; what is not in here stands at CometBFT's default. spec/cometbft.md gives the reasons.\n"
        "proxy_app = \"%s\"\nmoniker = \"%s\"\nabci = \"socket\"\n"
        "# assayd shows one log; what an operator has to see is an error.\n"
        "log_level = \"error\"\nlog_format = \"plain\"\n"
        "genesis_file = \"config/genesis.json\"\nnode_key_file = \"config/node_key.json\"\n"
        "priv_validator_key_file = \"config/priv_validator_key.json\"\n"
        "priv_validator_state_file = \"data/priv_validator_state.json\"\n"
        "# Empty: the key is in the file above. Else assay-signer dials here, and no other process has the key.\n"
        "priv_validator_laddr = \"%s\"\n\n",
        h->abci, h->moniker, h->signer ? h->signer : "");
    put(out,
        "[rpc]\nladdr = \"%s\"\n"
        "# assayd hands transactions in by the hundred.\n"
        "max_request_batch_size = %u\nmax_body_bytes = 4000000\n\n"
        "[p2p]\nladdr = \"%s\"\nexternal_address = \"%s\"\npersistent_peers = \"%s\"\n"
        "# Validators of a rehearsal share an address, and those behind a private network have none that is public.\n"
        "addr_book_strict = false\nallow_duplicate_ip = true\n"
        "# A message waits for others so long before it leaves (default 10ms): of a block's time that is most.\n"
        "flush_throttle_timeout = \"1ms\"\n"
        "# 5 MB/s as shipped: full blocks to three peers take more.\n"
        "send_rate = 52428800\nrecv_rate = 52428800\n\n",
        h->rpc, ASSAY_COMET_SUBMIT_MAX, h->p2p, h->external ? h->external : "", h->peers);
    put(out,
        "[mempool]\n"
        "# After each block what waits is checked again: nonces follow each other, and fees have to be there.\n"
        "recheck = true\nsize = 50000\nmax_txs_bytes = 67108864\nmax_tx_bytes = %u\ncache_size = 100000\n\n"
        "[consensus]\n"
        "timeout_propose = \"1s\"\ntimeout_propose_delta = \"500ms\"\n"
        "timeout_prevote = \"300ms\"\ntimeout_prevote_delta = \"200ms\"\n"
        "timeout_precommit = \"300ms\"\ntimeout_precommit_delta = \"200ms\"\n"
        "# The next height begins when the last one is decided; votes that come later are in the next block all the "
        "same.\n"
        "# Round trips of 100ms and more between validators: one of them (docs/operate.md).\n"
        "timeout_commit = \"0s\"\n"
        "# An idle chain makes a block a second; a transaction starts one at once.\n"
        "create_empty_blocks = true\ncreate_empty_blocks_interval = \"1s\"\n"
        "# How long a peer's gossip sleeps when it had nothing to say (default 100ms): three times in every block.\n"
        "peer_gossip_sleep_duration = \"2ms\"\n\n"
        "[tx_index]\n"
        "# assayd answers where a transaction is; a second index costs as much as a block's work.\n"
        "indexer = \"%s\"\n",
        ASSAY_TX_LEN_MAX, h->indexed ? "kv" : "null");
    if (!h->sync_servers) return;
    char hash[2 * ASSAY_HASH_LEN + 1];
    assay_base_hex(hash, assay_base_hash_bytes(&h->sync_hash));
    put(out,
        "\n[statesync]\n"
        "# The state comes as a snapshot; its AppHash is that of a header that follows from this one.\n"
        "enable = true\nrpc_servers = \"%s\"\ntrust_height = %llu\ntrust_hash = \"%s\"\ntrust_period = \"%llus\"\n"
        "# The least that CometBFT takes: peers are known from the start.\n"
        "discovery_time = \"5s\"\nchunk_fetchers = \"4\"\n",
        h->sync_servers, (unsigned long long)h->sync_height, hash, (unsigned long long)seconds_of(h->sync_seconds));
}

/* ---- genesis.json ------------------------------------------------------------------------------------------------ */

static void str_u64(assay_json *json, const char *key, uint64_t value) {
    char text[32];
    assay_os_format(text, sizeof text, "%llu", (unsigned long long)value);
    assay_json_str(json, key, text);
}

static assay_err put_genesis(assay_buf *out, const assay_comet_home *h) {
    assay_json json = assay_json_begin(out);
    assay_json_object(&json, NULL);
    assay_json_time(&json, "genesis_time", h->time);
    assay_json_str(&json, "chain_id", h->chain_id);
    assay_json_str(&json, "initial_height", "1");
    assay_json_object(&json, "consensus_params");
    assay_json_object(&json, "block");
    str_u64(&json, "max_bytes", ASSAY_BLOCK_LEN_MAX);
    assay_json_str(&json, "max_gas", "-1");
    assay_json_close(&json, '}');
    assay_json_object(&json, "evidence");
    str_u64(&json, "max_age_num_blocks", h->evidence_blocks);
    str_u64(&json, "max_age_duration", seconds_of(h->evidence_seconds) * 1000000000);
    assay_json_str(&json, "max_bytes", "1048576");
    assay_json_close(&json, '}');
    assay_json_object(&json, "validator");
    assay_json_array(&json, "pub_key_types");
    assay_json_str(&json, NULL, "ed25519");
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    assay_json_object(&json, "version");
    str_u64(&json, "app", h->app_version);
    assay_json_close(&json, '}');
    assay_json_object(&json, "abci");
    assay_json_str(&json, "vote_extensions_enable_height", "0");
    assay_json_close(&json, '}');
    assay_json_close(&json, '}');
    assay_json_str(&json, "app_hash", "");
    assay_json_base64(&json, "app_state", h->genesis); /* who validates is the answer to InitChain */
    assay_json_close(&json, '}');
    return assay_json_end(&json);
}

assay_err assay_comet_home_write(const assay_comet_home *h, assay_arena scratch) {
    const char *const texts[] = {h->moniker,  h->chain_id, h->abci,  h->rpc,         h->p2p,
                                 h->external, h->signer,   h->peers, h->sync_servers};
    size_t cap = 16384 + 2 * h->genesis.len;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!is_plain(texts[i])) return ASSAY_E_NAME;
        cap += texts[i] ? strlen(texts[i]) : 0;
    }
    assay_buf text = {ASSAY_NEW(&scratch, uint8_t, cap), 0, cap};
    if (!text.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(directories(h->directory, scratch));
    put_config(&text, h);
    ASSAY_ASSERT(text.len < cap - 1);
    ASSAY_TRY(replace(h->directory, "config/config.toml", (assay_bytes){text.ptr, text.len}, 0644, scratch));
    text.len = 0;
    ASSAY_TRY(put_genesis(&text, h));
    return replace(h->directory, "config/genesis.json", (assay_bytes){text.ptr, text.len}, 0644, scratch);
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static void put_key(assay_json *json, const char *key, const char *type, assay_bytes bytes) {
    assay_json_object(json, key);
    assay_json_str(json, "type", type);
    assay_json_base64(json, "value", bytes);
    assay_json_close(json, '}');
}

/* As Go keeps it: the seed and the public key behind it. */
static void go_secret(uint8_t out[SECRET_LEN], const assay_key_secret *secret) {
    assay_public_key key = assay_crypto_ed25519_public(secret);
    memcpy(out, secret->b, ASSAY_HASH_LEN);
    memcpy(out + ASSAY_HASH_LEN, key.b, ASSAY_HASH_LEN);
}

static void id_of(char out[ASSAY_COMET_ID_LEN + 1], assay_public_key key) {
    assay_address address = assay_crypto_address(key);
    assay_base_hex(out, (assay_bytes){address.b, sizeof address.b});
}

static assay_err node_key_new(char out[ASSAY_COMET_ID_LEN + 1], const char *path) {
    assay_key_secret secret;
    uint8_t bytes[SECRET_LEN], text[512];
    assay_buf buf = {text, 0, sizeof text};
    assay_os_random(secret.b, sizeof secret.b);
    go_secret(bytes, &secret);
    assay_json json = assay_json_begin(&buf);
    assay_json_object(&json, NULL);
    put_key(&json, "priv_key", "tendermint/PrivKeyEd25519", (assay_bytes){bytes, sizeof bytes});
    assay_json_close(&json, '}');
    assay_err err = assay_json_end(&json);
    if (err == ASSAY_OK) err = assay_os_replace(path, (assay_bytes){buf.ptr, buf.len}, 0600);
    id_of(out, assay_crypto_ed25519_public(&secret));
    assay_crypto_wipe(&secret, sizeof secret);
    assay_crypto_wipe(bytes, sizeof bytes);
    assay_crypto_wipe(text, sizeof text);
    return err;
}

/* The seed and the public key of "priv_key". */
static assay_err secret_read(uint8_t out[SECRET_LEN], assay_bytes text, assay_arena scratch) {
    json_t *json = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    const char *value = json_string_value(json_object_get(json_object_get(json, "priv_key"), "value"));
    assay_bytes bytes;
    bool ok = value && assay_codec_base64_get(&bytes, &scratch, assay_base_bytes_str(value)) == ASSAY_OK &&
              bytes.len == SECRET_LEN;
    if (ok) memcpy(out, bytes.ptr, SECRET_LEN);
    json_decref(json);
    return ok ? ASSAY_OK : ASSAY_F_CORRUPT;
}

static assay_err node_key_read(char out[ASSAY_COMET_ID_LEN + 1], assay_bytes text, assay_arena scratch) {
    uint8_t bytes[SECRET_LEN];
    assay_public_key key;
    ASSAY_TRY(secret_read(bytes, text, scratch));
    memcpy(key.b, bytes + ASSAY_HASH_LEN, sizeof key.b);
    assay_crypto_wipe(bytes, sizeof bytes);
    id_of(out, key);
    return ASSAY_OK;
}

assay_err assay_comet_node_id(char out[ASSAY_COMET_ID_LEN + 1], const char *directory, assay_arena scratch) {
    const char *path;
    assay_bytes text;
    ASSAY_TRY(directories(directory, scratch));
    ASSAY_TRY(path_of(&path, &scratch, directory, "config/node_key.json"));
    assay_err err = assay_os_read_whole(&text, &scratch, path, KEY_FILE_LEN_MAX);
    if (err == ASSAY_E_NOT_FOUND) return node_key_new(out, path);
    if (err == ASSAY_E_SIZE) return ASSAY_F_CORRUPT;
    return err == ASSAY_OK ? node_key_read(out, text, scratch) : err;
}

static size_t span(assay_bytes text, const char *of) {
    size_t len = 0;
    while (len < text.len && strchr(of, text.ptr[len]) && text.ptr[len]) len++;
    return len;
}

static size_t span_until(assay_bytes text, const char *stop) {
    size_t len = 0;
    while (len < text.len && text.ptr[len] && !strchr(stop, text.ptr[len])) len++;
    return len;
}

static assay_bytes rest(assay_bytes text, size_t from) { return (assay_bytes){text.ptr + from, text.len - from}; }

static bool begins(assay_bytes text, assay_bytes with) {
    return text.len >= with.len && assay_base_bytes_eq((assay_bytes){text.ptr, with.len}, with);
}

/* The value of "key = value"; false if the line sets something else. */
static bool line_sets(assay_bytes *out, assay_bytes line, assay_bytes key) {
    if (!begins(line, key)) return false;
    line = rest(line, key.len);
    line = rest(line, span(line, " \t"));
    if (line.len == 0 || line.ptr[0] != '=') return false;
    line = rest(line, 1);
    line = rest(line, span(line, " \t"));
    bool quoted = line.len && line.ptr[0] == '"';
    if (quoted) line = rest(line, 1);
    *out = (assay_bytes){line.ptr, span_until(line, quoted ? "\"" : " \t\r#")};
    return true;
}

assay_bytes assay_comet_home_setting(assay_bytes config, const char *section, const char *key) {
    assay_bytes found = {NULL, 0}, wanted = assay_base_bytes_str(section), name = assay_base_bytes_str(key);
    bool inside = wanted.len == 0;
    while (config.len) {
        size_t len = span_until(config, "\n");
        assay_bytes line = {config.ptr, len};
        line = rest(line, span(line, " \t"));
        if (line.len && line.ptr[0] == '[') {
            line = rest(line, 1);
            inside = begins(line, wanted) && line.len > wanted.len && line.ptr[wanted.len] == ']';
        } else if (inside) {
            (void)line_sets(&found, line, name);
        }
        config = rest(config, len < config.len ? len + 1 : len);
    }
    return found;
}

assay_err assay_comet_key_write(const char *directory, const assay_key_secret *secret, assay_arena scratch) {
    const char *path;
    ASSAY_TRY(directories(directory, scratch));
    ASSAY_TRY(path_of(&path, &scratch, directory, "config/priv_validator_key.json"));
    if (assay_os_exists(path)) return ASSAY_E_EXISTS;
    assay_public_key key = assay_crypto_ed25519_public(secret);
    assay_address address = assay_crypto_address(key);
    char hex[2 * ASSAY_ADDRESS_LEN + 1];
    uint8_t bytes[SECRET_LEN], text[1024];
    assay_buf buf = {text, 0, sizeof text};
    assay_base_hex(hex, (assay_bytes){address.b, sizeof address.b});
    for (char *c = hex; *c; c++)
        if (*c >= 'a') *c = (char)(*c - 'a' + 'A');
    go_secret(bytes, secret);
    assay_json json = assay_json_begin(&buf);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "address", hex);
    put_key(&json, "pub_key", "tendermint/PubKeyEd25519", (assay_bytes){key.b, sizeof key.b});
    put_key(&json, "priv_key", "tendermint/PrivKeyEd25519", (assay_bytes){bytes, sizeof bytes});
    assay_json_close(&json, '}');
    assay_err err = assay_json_end(&json);
    /* What was signed comes first: a key without a record is none. */
    if (err == ASSAY_OK) err = replace(directory, "data/priv_validator_state.json", NOTHING_SIGNED, 0600, scratch);
    if (err == ASSAY_OK) err = assay_os_replace(path, (assay_bytes){buf.ptr, buf.len}, 0600);
    assay_crypto_wipe(bytes, sizeof bytes);
    assay_crypto_wipe(text, sizeof text);
    return err;
}

assay_err assay_comet_key_unused(assay_key_secret *out, const char *directory, assay_arena scratch) {
    const char *path;
    assay_bytes text, record;
    uint8_t bytes[SECRET_LEN];
    ASSAY_TRY(path_of(&path, &scratch, directory, "config/priv_validator_key.json"));
    assay_err err = assay_os_read_whole(&text, &scratch, path, KEY_FILE_LEN_MAX);
    if (err != ASSAY_OK) return err == ASSAY_E_SIZE ? ASSAY_F_CORRUPT : err;
    ASSAY_TRY(path_of(&path, &scratch, directory, "data/priv_validator_state.json"));
    err = assay_os_read_whole(&record, &scratch, path, KEY_FILE_LEN_MAX);
    if (err != ASSAY_OK && err != ASSAY_E_NOT_FOUND && err != ASSAY_E_SIZE) return err;
    if (err != ASSAY_OK || !assay_base_bytes_eq(record, NOTHING_SIGNED)) return ASSAY_E_STATE;
    ASSAY_TRY(secret_read(bytes, text, scratch));
    memcpy(out->b, bytes, sizeof out->b);
    assay_public_key key = assay_crypto_ed25519_public(out);
    bool fits = memcmp(key.b, bytes + ASSAY_HASH_LEN, sizeof key.b) == 0;
    assay_crypto_wipe(bytes, sizeof bytes);
    if (!fits) assay_crypto_wipe(out, sizeof *out);
    return fits ? ASSAY_OK : ASSAY_F_CORRUPT;
}
