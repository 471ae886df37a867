/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor - the usual mistakes of a validator's directory, found before they cost blocks or stake. It looks, and changes
 * nothing: what to do is said in each line.
 *
 *   node.json, genesis, keys, CometBFT's home --> what belongs together, and who else may read it
 *   this machine                              --> ports, disk, clock, limits, programs
 *   the peers' HTTP                           --> reachable, the same chain, the same time
 */
#include "assay_internal.h"

#include "comet/comet.h"

#include <string.h>

#define ROWS_MAX 64
#define FILE_MAX ((size_t)32 << 20)
#define SMALL_FILE_MAX ((size_t)64 << 10)
#define SECOND UINT64_C(1000000000)
#define TESTED_VERSION "0.38.25"
#define NEXT_VERSION "0.39.0+v0.40.0" /* what `make cometbft-next` makes; v0.40.0 by itself says 0.39.0 */
#define PEER_SECONDS 2
#define PEERS_NS (20 * SECOND) /* for all of them together */
#define SIBLINGS_MAX 1024
#define SIGNER_WORD "assay/1/consensus-secret "
#define SPACE_WRONG ((uint64_t)1 << 30)
#define SPACE_WARN ((uint64_t)10 << 30)
#define SYNC_TRIES 5
#define SYNC_WARN_NS (SECOND / 20)
#define SYNC_WRONG_NS SECOND
#define FILES_WANTED 4096u
#define CLOCK_AHEAD_SECONDS 2 /* of a peer's block: more than a message takes */
#define BLOCK_OLD_SECONDS 15  /* an idle chain makes a block a second */

typedef enum row_state { ROW_OK, ROW_WARN, ROW_WRONG } row_state;
static const char *const state_names[] = {"ok", "warn", "wrong"};

typedef struct row {
    row_state state;
    const char *check, *text;
    const char *todo; /* NULL: nothing */
} row;

typedef struct doctor {
    call *c;
    const char *directory, *programs;
    assay_node_settings settings;
    const char *config;  /* CometBFT's config.toml; "" if there is none */
    const char *outside; /* where CometBFT awaits a signer that assayd does not start; NULL: it does not */
    bool has_genesis;
    bool running, answers; /* assayd, and its CometBFT */
    assay_hash genesis_hash;
    char chain_id[ASSAY_CHAIN_ID_LEN_MAX + 1];
    char node_id[ASSAY_COMET_ID_LEN + 1]; /* "": not known */
    row rows[ROWS_MAX];
    size_t count, warn, wrong;
} doctor;

static void note(doctor *d, row_state state, const char *check, const char *text, const char *todo) {
    d->warn += state == ROW_WARN;
    d->wrong += state == ROW_WRONG;
    if (d->count == ROWS_MAX) return; /* counted; the first sixty are enough to begin with */
    d->rows[d->count++] = (row){state, check, text, state == ROW_OK ? NULL : todo};
}

static const char *path_in(doctor *d, const char *name) { return net_path(d->c, d->directory, name); }

/* A file's bytes, followed by a zero; ptr NULL if it cannot be read. */
static assay_bytes read_in(doctor *d, const char *path, size_t max) {
    assay_bytes out;
    return assay_os_read_whole(&out, &d->c->keep, path, max) == ASSAY_OK ? out : (assay_bytes){NULL, 0};
}

static json_t *json_in(doctor *d, const char *path, size_t max) {
    assay_bytes text = read_in(d, path, max);
    return text.ptr ? json_loadb((const char *)text.ptr, text.len, 0, NULL) : NULL;
}

/* ---- config.toml ------------------------------------------------------------------------------------------------- */

/* NULL: it is not set. */
static const char *toml(doctor *d, const char *section, const char *key) {
    assay_bytes set = assay_comet_home_setting(assay_base_bytes_str(d->config), section, key);
    return set.ptr ? keep_text(d->c, "%.*s", (int)set.len, set.ptr) : NULL;
}

/* A duration of Go's ("1m30s", "2ms") in microseconds; false if it is none. */
static bool duration_us(uint64_t *out, const char *text) {
    static const struct {
        const char *name;
        uint64_t us;
    } units[] = {{"ms", 1000}, {"us", 1}, {"ns", 0}, {"s", 1000000}, {"m", 60000000}, {"h", UINT64_C(3600000000)}};
    *out = 0;
    if (!*text) return false;
    while (*text) {
        uint64_t number = 0, unit = UINT64_MAX;
        size_t digits = strspn(text, "0123456789"), name_len = 0;
        if (digits == 0 || digits > 9) return false;
        for (size_t i = 0; i < digits; i++) number = 10 * number + (uint64_t)(text[i] - '0');
        text += digits;
        if (*text == '.') text += 1 + strspn(text + 1, "0123456789"); /* less than a unit changes no verdict here */
        for (size_t i = 0; i < sizeof units / sizeof *units && unit == UINT64_MAX; i++)
            if (strncmp(text, units[i].name, strlen(units[i].name)) == 0)
                unit = units[i].us, name_len = strlen(units[i].name);
        if (unit == UINT64_MAX) return false;
        *out += number * unit;
        text += name_len;
    }
    return true;
}

static void check_speed(doctor *d) {
    static const struct {
        const char *section, *key, *otherwise, *good;
        uint64_t most_us;
        const char *cost;
    } rows[] = {
        {"consensus", "peer_gossip_sleep_duration", "100ms", "2ms", 10000, "every block waits for it three times"},
        {"p2p", "flush_throttle_timeout", "10ms", "1ms", 2000, "every message waits so long"},
        {"consensus", "timeout_commit", "1s", "0s", 300000, "the next height begins so much later"}, /* 0s, or a trip */
    };
    bool fast = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *set = toml(d, rows[i].section, rows[i].key), *is = set ? set : rows[i].otherwise;
        uint64_t us;
        if (duration_us(&us, is) && us <= rows[i].most_us) continue;
        fast = false;
        note(d, ROW_WARN, "speed",
             keep_text(d->c, "%s is %s%s: %s", rows[i].key, shown(d->c, is), set ? "" : " (CometBFT's own default)",
                       rows[i].cost),
             keep_text(d->c, "%s = \"%s\" under [%s] of cometbft/config/config.toml, then start again", rows[i].key,
                       rows[i].good, rows[i].section));
    }
    if (fast) note(d, ROW_OK, "speed", "CometBFT gossips and commits without waiting", NULL);
}

/* "id@host:port,…": how many; 0 for none. */
static uint32_t peers_in(const char *text) {
    uint32_t count = 0;
    for (; text && *text; text += strcspn(text, ",") + (text[strcspn(text, ",")] == ','))
        count += strcspn(text, ",") > 0;
    return count;
}

static void must_agree(doctor *d, bool *all, const char *section, const char *key, const char *wanted) {
    const char *is = toml(d, section, key);
    if (!is) is = "";
    if (strcmp(is, wanted) == 0) return;
    *all = false;
    note(d, ROW_WRONG, "settings",
         keep_text(d->c, "%s in CometBFT's config.toml is \"%s\", but node.json needs \"%s\"", key, shown(d->c, is),
                   shown(d->c, wanted)),
         keep_text(d->c, "%s = \"%s\" in cometbft/config/config.toml", key, shown(d->c, wanted)));
}

static void check_settings(doctor *d) {
    const assay_node_settings *s = &d->settings;
    const char *rpc = strncmp(s->rpc, "http://", 7) == 0 ? s->rpc + 7 : s->rpc;
    const char *awaited = toml(d, "", "priv_validator_laddr");
    bool all = true;
    /* Without a signer in node.json, one that assayd does not start may be awaited all the same: check_key tells. */
    if (s->signer) must_agree(d, &all, "", "priv_validator_laddr", s->signer);
    d->outside = !s->signer && awaited && *awaited ? awaited : NULL;
    must_agree(d, &all, "", "proxy_app", s->abci);
    must_agree(d, &all, "rpc", "laddr", keep_text(d->c, "tcp://%s", rpc));
    uint32_t peers = peers_in(toml(d, "p2p", "persistent_peers"));
    if (peers == 0 && s->peers_count > 0)
        note(d, ROW_WRONG, "settings", "persistent_peers is empty: CometBFT dials nobody",
             "persistent_peers = \"ID@HOST:PORT,...\" under [p2p]: join.json of every validator has its node_id and "
             "p2p");
    else if (peers < s->peers_count)
        note(d, ROW_WARN, "settings",
             keep_text(d->c, "persistent_peers names %u validators, node.json %u", peers, s->peers_count),
             "add the others to persistent_peers");
    else if (all)
        note(d, ROW_OK, "settings", keep_text(d->c, "node.json and CometBFT's config.toml agree; %u peers", peers),
             NULL);
}

/* ---- the chain's beginning --------------------------------------------------------------------------------------- */

static void read_genesis(doctor *d) {
    assay_genesis genesis;
    assay_bytes encoded = read_in(d, path_in(d, "genesis"), FILE_MAX);
    if (!encoded.ptr) {
        note(d, ROW_WRONG, "genesis", "there is none: this directory has joined, but accepted no network yet",
             "assay net accept NETWORK-FILE WORD-FILE... --data DIR");
        return;
    }
    if (assay_codec_decode(&genesis, &d->c->keep, &assay_genesis_message, encoded, ASSAY_CODEC_STRICT) != ASSAY_OK ||
        genesis.name.len > ASSAY_GENESIS_NAME_LEN_MAX) {
        note(d, ROW_WRONG, "genesis", "DIR/genesis is damaged", "take it from another validator: GET /genesis");
        return;
    }
    d->genesis_hash = assay_genesis_hash(encoded);
    assay_genesis_chain_id(d->chain_id, genesis.name, d->genesis_hash);
    d->has_genesis = true;
    json_t *home = json_in(d, path_in(d, "cometbft/config/genesis.json"), FILE_MAX);
    assay_bytes inside = {NULL, 0};
    bool same =
        assay_codec_base64_get(&inside, &d->c->keep, assay_base_bytes_str(member(home, "app_state"))) == ASSAY_OK &&
        assay_base_bytes_eq(inside, encoded) && strcmp(member(home, "chain_id"), d->chain_id) == 0;
    json_decref(home);
    if (same)
        note(d, ROW_OK, "genesis", keep_text(d->c, "%s, the same in CometBFT's home", d->chain_id), NULL);
    else
        note(d, ROW_WRONG, "genesis", "cometbft/config/genesis.json is of another chain than DIR/genesis",
             "assay net accept NETWORK-FILE WORD-FILE... --data DIR writes it again");
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

/* The consensus key that assay-signer keeps in directory; false if there is none that can be read. */
static bool key_of_signer(doctor *d, assay_public_key *out, const char *directory) {
    assay_key_secret secret;
    const char *path = net_path(d->c, directory, "signer/consensus.key");
    if (!assay_os_exists(path) || key_read(d->c, &secret, path, SIGNER_WORD) != ASSAY_OK) return false;
    *out = assay_crypto_ed25519_public(&secret);
    assay_crypto_wipe(&secret, sizeof secret);
    return true;
}

/* The one in CometBFT's home; only the public half is looked at. */
static bool key_of_home(doctor *d, assay_public_key *out, const char *directory) {
    json_t *json = json_in(d, net_path(d->c, directory, "cometbft/config/priv_validator_key.json"), SMALL_FILE_MAX);
    const char *text = member(json_object_get(json, "pub_key"), "value");
    assay_bytes bytes;
    bool ok = *text && assay_codec_base64_get(&bytes, &d->c->keep, assay_base_bytes_str(text)) == ASSAY_OK &&
              bytes.len == sizeof out->b;
    if (ok) memcpy(out->b, bytes.ptr, sizeof out->b);
    json_decref(json);
    return ok;
}

static bool key_eq(assay_public_key a, assay_public_key b) { return memcmp(a.b, b.b, sizeof a.b) == 0; }

/* Where another machine could come before the signer, as far as an address tells. */
static bool open_to_others(const char *awaited) {
    static const char *const own[] = {"unix://", "tcp://127.", "tcp://[::1]:", "tcp://localhost:"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strncmp(awaited, own[i], strlen(own[i])) == 0) return false;
    return true;
}

static void check_key(doctor *d) {
    assay_public_key at_signer, at_home;
    bool signer = key_of_signer(d, &at_signer, d->directory), home = key_of_home(d, &at_home, d->directory);
    if (home && !assay_os_exists(path_in(d, "cometbft/data/priv_validator_state.json")))
        note(d, ROW_WRONG, "key", "CometBFT does not start: its home has a key, and no record of what that has signed",
             d->settings.signer || d->outside
                 ? "remove cometbft/config/priv_validator_key.json: with a signer it is nobody's"
                 : "never make one up for a key that has signed: register a new validator");
    const char *where = d->settings.signer ? "signer/consensus.key" : "cometbft/config/priv_validator_key.json";
    if (signer && home && key_eq(at_signer, at_home)) {
        note(d, ROW_WRONG, "key", "assay-signer and CometBFT's home hold the same consensus key: both can sign",
             d->settings.signer ? "remove cometbft/config/priv_validator_key.json (CometBFT makes one that is nobody's)"
                                : "remove signer/");
        return;
    }
    if (d->outside) {
        bool ours = home && key_eq(at_home, d->settings.consensus_key);
        if (ours)
            note(d, ROW_WRONG, "key", "CometBFT awaits a signer, and holds the consensus key in its home all the same",
                 "priv_validator_laddr = \"\" in config.toml if nothing else signs; else destroy "
                 "cometbft/config/priv_validator_key.json");
        else
            note(d, open_to_others(d->outside) ? ROW_WARN : ROW_OK, "key",
                 keep_text(d->c, "elsewhere: CometBFT awaits an assay-signer at %s, which assayd does not start",
                           shown(d->c, d->outside)),
                 open_to_others(d->outside)
                     ? "over TCP neither side proves who it is: an address that only the signer's machine can reach"
                     : NULL);
        return;
    }
    bool there = d->settings.signer ? signer : home;
    if (d->settings.signer && !there && !assay_os_exists(path_in(d, where)))
        note(d, ROW_WARN, "key", "signer/consensus.key is not here: nothing signs, unless assay-signer runs elsewhere",
             "look after the one that runs elsewhere; else the key is lost");
    else if (!there)
        note(d, ROW_WRONG, "key", keep_text(d->c, "%s cannot be read, or is no key", where),
             "run as the user that assayd runs as; else the key is lost, and the validator has to be registered anew");
    else if (!key_eq(d->settings.signer ? at_signer : at_home, d->settings.consensus_key))
        note(d, ROW_WRONG, "key", keep_text(d->c, "%s is another key than node.json and the chain know", where),
             "put the right key there: what this one signs counts for nobody");
    else
        note(d, ROW_OK, "key", keep_text(d->c, "the consensus key is in %s alone", where), NULL);
}

/* Another validator's directory beside ours with our key. */
static void check_siblings(doctor *d) {
    const char *parent = path_in(d, "..");
    assay_os_info own, info;
    assay_os_file handle;
    assay_os_entry *entries;
    uint32_t count = 0;
    bool twice = false;
    if (assay_os_info_get(&own, d->directory, true) != ASSAY_OK) return;
    if (assay_os_dir_open(&handle, parent) != ASSAY_OK) return;
    if (assay_os_dir_list(&entries, &count, &d->c->keep, &handle, SIBLINGS_MAX) != ASSAY_OK) count = 0;
    assay_os_file_close(&handle);
    for (uint32_t i = 0; i < count; i++) {
        const char *name = (const char *)entries[i].name.ptr, *other = net_path(d->c, parent, name);
        assay_public_key key;
        if (entries[i].type != ASSAY_OS_DIR || assay_os_info_get(&info, other, true) != ASSAY_OK) continue;
        if (info.device == own.device && info.inode == own.inode) continue;
        bool same = (key_of_signer(d, &key, other) && key_eq(key, d->settings.consensus_key)) ||
                    (key_of_home(d, &key, other) && key_eq(key, d->settings.consensus_key));
        if (!same) continue;
        twice = true;
        note(d, ROW_WRONG, "key twice", keep_text(d->c, "%s holds the same consensus key", shown(d->c, other)),
             "keep the one with the newer watermark, destroy the other: two that sign are slashed");
    }
    if (!twice) note(d, ROW_OK, "key twice", "no directory beside this one holds the key", NULL);
}

/* assayd holds the directory's lock as long as it runs. */
static bool lock_held(doctor *d, const char *name) {
    const char *path = path_in(d, name);
    assay_os_file lock;
    if (!assay_os_exists(path)) return false;
    assay_err err = assay_os_lock(&lock, path);
    if (err == ASSAY_OK) assay_os_file_close(&lock);
    return err == ASSAY_F_BUSY;
}

/* The signer's lock is held by whoever signs with the key. */
static void check_signer_lock(doctor *d) {
    if (!d->settings.signer || !assay_os_exists(path_in(d, "signer/consensus.lock"))) return;
    bool held = lock_held(d, "signer/consensus.lock");
    if (held && !d->running)
        note(d, ROW_WARN, "signer", "an assay-signer holds the key, though no assayd runs here",
             "nothing, if you start it yourself; else end it before assayd starts one");
    else if (!held && d->running)
        note(d, ROW_WRONG, "signer", "assayd runs, but no assay-signer holds the key: nothing is signed",
             "the log of assayd says why it does not start");
}

static void check_modes(doctor *d) {
    static const char *const names[] = {"owner.key", "attestation.key", "signer/consensus.key",
                                        "cometbft/config/priv_validator_key.json", "cometbft/config/node_key.json"};
    uint32_t good = 0, bad = 0;
    assay_os_info info;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (assay_os_info_get(&info, path_in(d, names[i]), true) != ASSAY_OK) continue;
        good += !(info.mode & 077);
        if (!(info.mode & 077)) continue;
        bad++;
        note(d, ROW_WRONG, "secrets",
             keep_text(d->c, "%s: others may read it (mode %04o)", names[i], info.mode & 0777u),
             keep_text(d->c, "chmod 600 %s; and think who may have read it", path_in(d, names[i])));
    }
    if (assay_os_info_get(&info, d->directory, true) == ASSAY_OK && (info.mode & 022)) {
        bad++;
        note(d, ROW_WRONG, "secrets",
             keep_text(d->c, "others may write into the directory (mode %04o)", info.mode & 0777u),
             keep_text(d->c, "chmod 700 %s", d->directory));
    }
    if (!bad) note(d, ROW_OK, "secrets", keep_text(d->c, "%u secret files, their owner's alone", good), NULL);
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

/* The first line that a program writes; NULL if it cannot be started or says nothing in time. */
static const char *said(doctor *d, const char *program, const char *word) {
    const char *path = net_path(d->c, d->programs, program), *const words[] = {program, word, NULL};
    uint64_t deadline = assay_os_monotonic_ns() + 10 * SECOND;
    assay_os_child child;
    uint8_t text[256];
    size_t len = 0, more;
    int code = -1;
    if (assay_os_child_start(&child, path, words, NULL) != ASSAY_OK) return NULL;
    while (len < sizeof text &&
           assay_os_child_read(&more, &child, text + len, sizeof text - len, deadline) == ASSAY_OK && more)
        len += more;
    if (!assay_os_child_wait(&child, &code, deadline)) {
        assay_os_child_signal(&child, ASSAY_OS_KILL);
        (void)assay_os_child_wait(&child, &code, assay_os_monotonic_ns() + SECOND);
    }
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\n') len = i;
    return code == 0 && len ? visible(d->c, (assay_bytes){text, len}) : NULL;
}

/* Before the plus stands the version, behind it whoever built it says from which commit. */
static bool is_version(const char *said, const char *version) {
    size_t len = strlen(version);
    return strncmp(said, version, len) == 0 && (said[len] == 0 || said[len] == '+');
}

static void check_cometbft(doctor *d) {
    static const char *const lines[] = {"0.38.", "0.39.", "0.40."}; /* one wire format: ABCI 2.0.0, block 11, P2P 8 */
    const char *is = said(d, "cometbft", "version"), *todo = "put release " TESTED_VERSION " there (make cometbft)";
    bool speaks = false;
    for (size_t i = 0; is && i < sizeof lines / sizeof *lines; i++)
        speaks |= strncmp(is, lines[i], strlen(lines[i])) == 0;
    if (!is)
        note(d, ROW_WRONG, "programs", keep_text(d->c, "no cometbft that runs in %s", d->programs), todo);
    else if (!speaks)
        note(d, ROW_WRONG, "programs",
             keep_text(d->c, "cometbft is %s; other lines than 0.38 to 0.40 speak otherwise", is), todo);
    else if (is_version(is, TESTED_VERSION) || strcmp(is, NEXT_VERSION) == 0)
        note(d, ROW_OK, "programs", keep_text(d->c, "cometbft %s", is), NULL);
    else
        note(d, ROW_WARN, "programs",
             keep_text(d->c, "cometbft is %s; tested are " TESTED_VERSION " and " NEXT_VERSION, is), todo);
}

static void check_programs(doctor *d) {
    const char *daemon = said(d, "assayd", "--version");
    const char *signer = d->settings.signer ? said(d, "assay-signer", "--version") : "assay-signer " PROGRAM_VERSION;
    check_cometbft(d);
    if (!daemon || !signer)
        note(d, ROW_WRONG, "programs",
             keep_text(d->c, "no %s that runs in %s", daemon ? "assay-signer" : "assayd", d->programs),
             "install all programs of one release together");
    else if (strcmp(daemon, "assayd " PROGRAM_VERSION) != 0 || strcmp(signer, "assay-signer " PROGRAM_VERSION) != 0)
        note(d, ROW_WARN, "programs",
             keep_text(d->c, "%s, %s and assay " PROGRAM_VERSION " are of several releases", daemon, signer),
             "install all programs of one release together");
}

/* ---- this machine ------------------------------------------------------------------------------------------------ */

/* The answer to a question, as JSON; NULL if there is none. */
static json_t *ask(doctor *d, const char *url, const char *path, const char *body, const char **why) {
    assay_arena scratch = d->c->scratch;
    assay_http_client *client;
    assay_http_reply reply;
    json_t *json = NULL;
    *why = "no URL";
    if (assay_http_client_open(&client, url, PEER_SECONDS) != ASSAY_OK) return NULL;
    assay_err err = assay_http_call(client, &reply, &scratch, body ? ASSAY_HTTP_POST : ASSAY_HTTP_GET, path,
                                    assay_base_bytes_str(body ? body : ""), NULL, 1 << 20);
    if (err == ASSAY_OK && reply.status == 200)
        json = json_loadb((const char *)reply.body.ptr, reply.body.len, 0, NULL);
    *why = err == ASSAY_OK ? keep_text(d->c, "HTTP %u", reply.status) : shown(d->c, assay_http_client_why(client));
    assay_http_client_close(client);
    return json;
}

/* Does CometBFT's status, asked at url, tell our node's name? */
static bool is_ours(doctor *d, const char *url, bool relayed) {
    const char *why;
    json_t *json =
        relayed ? ask(d, url, "/cometbft", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"params\":{}}", &why)
                : ask(d, url, "/status", NULL, &why);
    const char *id = member(json_object_get(json_object_get(json, "result"), "node_info"), "id");
    bool same = d->node_id[0] && strcmp(id, d->node_id) == 0;
    json_decref(json);
    return same;
}

/* -1: no such address; 0: free; 1: somebody listens there. */
static int taken(const char *address) {
    assay_os_socket socket;
    assay_err err = assay_os_socket_listen(&socket, address, NULL);
    if (err == ASSAY_OK) assay_os_socket_close(&socket);
    return err == ASSAY_OK ? 0 : err == ASSAY_F_BUSY ? 1 : -1;
}

static void check_ports(doctor *d) {
    const assay_node_settings *s = &d->settings;
    const char *rpc = strncmp(s->rpc, "http://", 7) == 0 ? s->rpc + 7 : s->rpc, *p2p = toml(d, "p2p", "laddr");
    bool wild = strcmp(s->address, "0.0.0.0") == 0;
    const char *own = keep_text(d->c, "http://%s:%u", wild ? "127.0.0.1" : s->address, s->port);
    const char *rpc_address = keep_text(d->c, "tcp://%s", rpc);
    d->running = lock_held(d, "lock");
    d->answers = is_ours(d, s->rpc, false);
    /* Where assayd runs, its port is its own: it would not have started. */
    bool http_ours = d->running || is_ours(d, own, true);
    if (d->running && taken(rpc_address) == 0)
        note(d, ROW_WRONG, "engine", "assayd runs, and its CometBFT does not",
             "the log of assayd has CometBFT's last words");
    const struct {
        const char *name, *address;
        bool ours;
    } rows[] = {{"HTTP", keep_text(d->c, "tcp://%s:%u", s->address, s->port), http_ours},
                {"RPC", rpc_address, d->answers},
                {"P2P", p2p ? p2p : "", d->answers}};
    bool good = true;
    for (size_t i = 0; i < 3; i++) {
        int state = taken(rows[i].address);
        if (state == 0 || (state == 1 && rows[i].ours)) continue;
        good = false;
        const char *at = strncmp(rows[i].address, "tcp://", 6) == 0 ? rows[i].address + 6 : rows[i].address;
        if (state == 1)
            note(d, ROW_WRONG, "ports",
                 keep_text(d->c, "%s %s: another process listens there, or it does not answer", rows[i].name,
                           shown(d->c, at)),
                 keep_text(d->c, "end it (ss -ltnp), or another port in node.json and config.toml"));
        else
            note(d, ROW_WRONG, "ports",
                 keep_text(d->c, "%s %s: no address of this machine", rows[i].name, shown(d->c, at)),
                 "an address of this machine in node.json and config.toml, or 0.0.0.0");
    }
    if (good)
        note(d, ROW_OK, "ports",
             keep_text(d->c, "HTTP %u, RPC and P2P are %s", s->port, d->running ? "this validator's" : "free"), NULL);
}

/* How long a small write takes until it is on disk: the median. UINT64_MAX if nothing can be written. */
static uint64_t sync_ns(doctor *d) {
    static const uint8_t page[4096];
    const char *path = path_in(d, "doctor.tmp");
    uint64_t times[SYNC_TRIES];
    assay_os_file file;
    assay_err err = assay_os_file_open(&file, path, ASSAY_OS_CREATE, 0600);
    if (err != ASSAY_OK) return UINT64_MAX;
    for (size_t i = 0; i < SYNC_TRIES && err == ASSAY_OK; i++) {
        uint64_t began = assay_os_monotonic_ns();
        err = assay_os_file_append(&file, (assay_bytes){page, sizeof page}, true);
        uint64_t took = assay_os_monotonic_ns() - began;
        size_t at = i;
        for (; at > 0 && times[at - 1] > took; at--) times[at] = times[at - 1];
        times[at] = took;
    }
    assay_os_file_close(&file);
    (void)!assay_os_remove(path);
    return err == ASSAY_OK ? times[SYNC_TRIES / 2] : UINT64_MAX;
}

static void check_disk(doctor *d) {
    assay_os_space space;
    char text[24];
    uint64_t ns = sync_ns(d);
    if (assay_os_space_get(&space, d->directory) != ASSAY_OK) space.free = 0;
    row_state state = space.free < SPACE_WRONG ? ROW_WRONG : space.free < SPACE_WARN ? ROW_WARN : ROW_OK;
    note(d, state, "disk", keep_text(d->c, "%s free", size_text(text, space.free)),
         "make room: a validator that cannot write stops");
    if (ns == UINT64_MAX) {
        note(d, ROW_WRONG, "disk", "nothing can be written into the directory",
             "run as the user that assayd runs as; look at space and permissions");
        return;
    }
    state = ns >= SYNC_WRONG_NS ? ROW_WRONG : ns >= SYNC_WARN_NS ? ROW_WARN : ROW_OK;
    note(d, state, "disk",
         keep_text(d->c, "a write is on disk after %llu.%llu ms", (unsigned long long)(ns / 1000000),
                   (unsigned long long)(ns / 100000 % 10)),
         "a faster disk: every block and every vote waits for it");
}

static void check_limits(doctor *d) {
    uint64_t files = assay_os_open_files_raise();
    note(d, files < FILES_WANTED ? ROW_WRONG : ROW_OK, "open files",
         keep_text(d->c, "at most %llu at once", (unsigned long long)files),
         keep_text(d->c, "LimitNOFILE=65536 in the unit, or a higher hard limit (ulimit -Hn): %u at least",
                   FILES_WANTED));
}

/* ---- peers ------------------------------------------------------------------------------------------------------- */

typedef struct census {
    uint32_t answered, silent, foreign;
    bool timed;
    assay_time newest; /* block time that a peer knows */
} census;

static void ask_peer(doctor *d, census *all, const char *url) {
    const char *why, *peer = shown(d->c, url);
    json_t *json = ask(d, url, "/status", NULL, &why);
    if (!json) {
        all->silent++;
        note(d, ROW_WARN, "peers", keep_text(d->c, "%s does not answer: %s", peer, why),
             "is it running, and does its firewall let HTTP through?");
        return;
    }
    all->answered++;
    assay_time at;
    bool timed = assay_codec_time_get(&at, assay_base_bytes_str(member(json, "block_time"))) == ASSAY_OK;
    const char *hash = hex(d->c, d->genesis_hash.b, sizeof d->genesis_hash.b);
    bool same = strcmp(member(json, "chain_id"), d->chain_id) == 0 && strcmp(member(json, "genesis_hash"), hash) == 0;
    if (d->has_genesis && !same) {
        all->foreign++;
        note(d, ROW_WRONG, "peers",
             keep_text(d->c, "%s is of another chain: %s", peer, shown(d->c, member(json, "chain_id"))),
             "the right genesis, here or there; or take it out of node.json");
    } else if (timed && (!all->timed || assay_base_time_cmp(at, all->newest) > 0)) {
        all->newest = at;
        all->timed = true;
    }
    json_decref(json);
}

static void check_peers(doctor *d, census *all) {
    uint64_t deadline = assay_os_monotonic_ns() + PEERS_NS;
    uint32_t count = d->settings.peers_count, asked = 0;
    for (; asked < count && assay_os_monotonic_ns() < deadline && !assay_os_stop_requested(); asked++)
        ask_peer(d, all, d->settings.peers[asked]);
    if (count && !all->answered && d->running)
        note(d, ROW_WRONG, "peers", "this validator runs, and no peer answers",
             "the network's name service and firewall; `peers` in node.json");
    else if (all->answered > all->foreign || !count)
        note(d, ROW_OK, "peers",
             keep_text(d->c, "%u of %u answer and are of this chain", all->answered - all->foreign, count), NULL);
}

static void check_clock(doctor *d, const census *all) {
    assay_time now = assay_os_now();
    int64_t ahead = all->timed ? all->newest.seconds - now.seconds : 0;
    if (ahead > CLOCK_AHEAD_SECONDS)
        note(d, ROW_WRONG, "clock",
             keep_text(d->c, "a peer's newest block is %lld s in this machine's future: this clock is behind",
                       (long long)ahead),
             "set the clock, and keep it right: chrony or systemd-timesyncd");
    else if (all->timed && -ahead > BLOCK_OLD_SECONDS)
        note(d, ROW_WARN, "clock",
             keep_text(d->c, "the peers' newest block is %lld s old: the chain stands still, or this clock is ahead",
                       (long long)-ahead),
             "compare the clock with another; then look why no block comes");
    else if (all->timed)
        note(d, ROW_OK, "clock", keep_text(d->c, "the peers' newest block is %lld s old", (long long)-ahead), NULL);
    switch (assay_os_clock_state()) {
    case ASSAY_OS_CLOCK_KEPT: note(d, ROW_OK, "clock", "the kernel says that it is kept right", NULL); break;
    case ASSAY_OS_CLOCK_FREE:
        note(d, ROW_WARN, "clock", "the kernel says that nothing keeps it right",
             "chrony or systemd-timesyncd (on a container's host: there)");
        break;
    case ASSAY_OS_CLOCK_UNKNOWN: break;
    }
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static assay_err print_rows(doctor *d) {
    call *c = d->c;
    if (json_wanted(c)) {
        json_t *list = json_array();
        for (size_t i = 0; i < d->count; i++) {
            const row *r = &d->rows[i];
            json_array_append_new(list,
                                  json_pack("{s:s, s:s, s:s, s:s}", "check", r->check, "state", state_names[r->state],
                                            "text", r->text, "do", r->todo ? r->todo : ""));
        }
        return out_json(c, json_pack("{s:s, s:b, s:I, s:I, s:o}", "directory", d->directory, "running", d->running,
                                     "wrong", (json_int_t)d->wrong, "warn", (json_int_t)d->warn, "checks", list));
    }
    for (size_t i = 0; i < d->count; i++) {
        const row *r = &d->rows[i];
        static const char *const colours[] = {"\x1b[32m", "\x1b[33m", "\x1b[1;31m"};
        if (quiet(c) && r->state == ROW_OK) continue;
        out(c, "%s%-5s%s  %-10s  %s%s%s\n", c->colour ? colours[r->state] : "", state_names[r->state],
            c->colour ? "\x1b[0m" : "", r->check, r->text, r->todo ? " -> " : "", r->todo ? r->todo : "");
    }
    return ASSAY_OK;
}

static void examine(doctor *d) {
    assay_bytes config = read_in(d, path_in(d, "cometbft/config/config.toml"), FILE_MAX);
    census all = {0};
    d->config = config.ptr ? (const char *)config.ptr : "";
    if (assay_os_exists(path_in(d, "cometbft/config/node_key.json")) &&
        assay_comet_node_id(d->node_id, path_in(d, "cometbft"), d->c->scratch) != ASSAY_OK)
        d->node_id[0] = 0;
    read_genesis(d);
    if (config.ptr) {
        check_settings(d);
        check_speed(d);
    } else if (d->has_genesis) {
        note(d, ROW_WRONG, "settings", "CometBFT's home has no config.toml", "assay net accept writes it again");
    }
    check_key(d);
    check_siblings(d);
    check_modes(d);
    check_programs(d);
    if (config.ptr) check_ports(d);
    check_signer_lock(d);
    check_disk(d);
    check_limits(d);
    check_peers(d, &all);
    check_clock(d, &all);
}

assay_err run_doctor(call *c) {
    doctor *d = ASSAY_NEW(&c->keep, doctor, 1);
    if (!d) return ASSAY_F_MEMORY;
    d->c = c;
    d->directory = absolute(c, c->words_count ? c->words[0] : ".");
    ASSAY_TRY(assay_os_program_dir(&d->programs, &c->keep));
    assay_err err = assay_node_settings_read(&d->settings, &c->keep, d->directory);
    if (err == ASSAY_E_NOT_FOUND) {
        c->try_this = "assay doctor DIR, where `assay net join` or `assay net init` made DIR";
        return fail(c, ASSAY_F_NO_PATH, "%s is no validator's directory: it has no node.json", d->directory);
    }
    if (err != ASSAY_OK) return fail(c, err, "%s", path_in(d, "node.json"));
    examine(d);
    ASSAY_TRY(print_rows(d));
    c->reported = true;
    return d->wrong ? ASSAY_E_STATE : ASSAY_OK;
}
