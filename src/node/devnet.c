/* SPDX-License-Identifier: Apache-2.0
 *
 * devnet - n whole validators in one process, from an empty directory to a running network, and down again.
 *
 *   <data>/genesis            the strict encoding, whose hash names the chain
 *   <data>/accounts.json      accounts that hold units, each with its key file          <data>/keys/account<i>.key
 *   <data>/trust.json         what a verifier needs, kept fresh                          <data>/lock      one process
 * at a time <data>/validator<i>/      consensus.key, consensus.watermark, attestation.key, owner.key, store/, models/
 */
#include "node_internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DEVNET_ACCOUNTS 4u
#define DEVNET_BALANCE 1000000000000000ull
#define DEVNET_BOND 1000000000000ull
#define DEVNET_OWNER_BALANCE 1000000000000ull

void node_log(const struct assay_node *node, const char *format, ...) {
    if (!node->config.log) return;
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    assay_os_format_list(line, sizeof line, format, arguments);
    va_end(arguments);
    node->config.log(node->config.log_context, line);
}

void node_fault(const struct assay_node *node, const char *format, ...) {
    void (*told)(void *context, const char *line) = node->config.fault ? node->config.fault : node->config.log;
    if (!told) return;
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    assay_os_format_list(line, sizeof line, format, arguments);
    va_end(arguments);
    told(node->config.log_context, line);
}

void node_final(validator *v) {
    struct assay_node *node = v->node;
    assay_os_mutex_lock(&node->final_lock);
    assay_os_mutex_unlock(&node->final_lock);
    assay_os_condition_broadcast(&node->final);
}

validator *node_front(struct assay_node *node) {
    for (uint32_t i = 0; i < node->count; i++)
        if (atomic_load(&node->validators[i].alive) && !atomic_load(&node->validators[i].failed))
            return &node->validators[i];
    return &node->validators[0];
}

static assay_err path_of(const char **out, assay_arena *keep, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    size_t len = assay_os_format_list(text, sizeof text, format, arguments);
    va_end(arguments);
    assay_bytes copy;
    ASSAY_TRY(assay_base_arena_copy(&copy, keep, (assay_bytes){(const uint8_t *)text, len + 1}));
    *out = (const char *)copy.ptr;
    return ASSAY_OK;
}

static assay_err prove(assay_signature *out, const assay_key_secret *secret, const char *kind, assay_bytes chain,
                       assay_address owner) {
    uint8_t memory[256];
    assay_buf sign = {memory, 0, sizeof memory};
    ASSAY_TRY(assay_types_sign_bytes(&sign, kind, chain, (assay_bytes){owner.b, sizeof owner.b}));
    *out = assay_crypto_ed25519_sign(secret, (assay_bytes){sign.ptr, sign.len});
    return ASSAY_OK;
}

/* Makes one validator's keys and its line in the genesis. */
static assay_err genesis_validator(struct assay_node *node, assay_genesis_validator *out, assay_address *owner,
                                   uint32_t index, assay_bytes chain) {
    assay_arena scratch = node->keep;
    const char *dir = node->validators[index].dir, *path;
    ASSAY_TRY(assay_os_dirs_create(dir, 0700));
    assay_signer *signer;
    ASSAY_TRY(assay_signer_open(&signer, &scratch, dir, true, !node->temporary));
    assay_key_secret owner_key, attestation_key;
    ASSAY_TRY(path_of(&path, &scratch, "%s/owner.key", dir));
    ASSAY_TRY(assay_node_key_load(&owner_key, path, true));
    ASSAY_TRY(path_of(&path, &scratch, "%s/attestation.key", dir));
    ASSAY_TRY(assay_node_key_load(&attestation_key, path, true));
    *out = (assay_genesis_validator){
        .owner = assay_crypto_ed25519_public(&owner_key),
        .consensus_key = assay_signer_public(signer),
        .attestation_key = assay_crypto_ed25519_public(&attestation_key),
        .self_bond = DEVNET_BOND,
    };
    *owner = assay_crypto_address(out->owner);
    ASSAY_TRY(assay_signer_prove(signer, &out->consensus_proof, "consensus-key", chain, *owner));
    ASSAY_TRY(prove(&out->attestation_proof, &attestation_key, "attestation-key", chain, *owner));
    assay_signer_close(signer);
    const char *moniker;
    ASSAY_TRY(path_of(&moniker, &node->keep, "validator%u", index));
    out->moniker = assay_base_bytes_str(moniker);
    assay_crypto_wipe(&owner_key, sizeof owner_key);
    assay_crypto_wipe(&attestation_key, sizeof attestation_key);
    return ASSAY_OK;
}

static int account_order(const assay_genesis_account *a, const assay_genesis_account *b) {
    return memcmp(a->address.b, b->address.b, sizeof a->address.b);
}

static bool account_less(const void *context, const void *a, const void *b) {
    (void)context;
    return account_order(a, b) < 0;
}

static assay_err write_accounts(struct assay_node *node, const assay_genesis_account *accounts) {
    assay_arena scratch = node->keep;
    size_t cap = 4096 + (DEVNET_ACCOUNTS + node->count) * 1024;
    assay_buf text = {ASSAY_NEW(&scratch, uint8_t, cap), 0, cap};
    if (!text.ptr) return ASSAY_F_MEMORY;
    const char *path;
    assay_json json = assay_json_begin(&text);
    assay_json_array(&json, NULL);
    for (uint32_t i = 0; i < DEVNET_ACCOUNTS + node->count; i++) {
        if (i < DEVNET_ACCOUNTS)
            ASSAY_TRY(path_of(&path, &scratch, "%s/keys/account%u.key", node->data, i));
        else
            ASSAY_TRY(path_of(&path, &scratch, "%s/owner.key", node->validators[i - DEVNET_ACCOUNTS].dir));
        assay_json_object(&json, NULL);
        assay_json_address(&json, "address", accounts[i].address);
        assay_json_str(&json, "key_file", path);
        assay_json_amount(&json, "balance", accounts[i].balance);
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    ASSAY_TRY(assay_json_end(&json));
    ASSAY_TRY(assay_base_buf_put(&text, ASSAY_STR("\n")));
    ASSAY_TRY(path_of(&path, &scratch, "%s/accounts.json", node->data));
    return assay_os_replace(path, (assay_bytes){text.ptr, text.len}, 0644);
}

static assay_err genesis_make(struct assay_node *node) {
    assay_arena *keep = &node->keep;
    uint32_t accounts_count = DEVNET_ACCOUNTS + node->count;
    assay_genesis_account *accounts = ASSAY_NEW(keep, assay_genesis_account, accounts_count);
    assay_genesis_account *sorted = ASSAY_NEW(keep, assay_genesis_account, accounts_count);
    assay_genesis_validator *validators = ASSAY_NEW(keep, assay_genesis_validator, node->count);
    if (!accounts || !sorted || !validators) return ASSAY_F_MEMORY;
    const char *path;
    ASSAY_TRY(path_of(&path, keep, "%s/keys", node->data));
    ASSAY_TRY(assay_os_dirs_create(path, 0700));
    assay_bytes chain = assay_base_bytes_str(node->config.name ? node->config.name : "devnet");
    for (uint32_t i = 0; i < DEVNET_ACCOUNTS; i++) {
        assay_key_secret secret;
        ASSAY_TRY(path_of(&path, keep, "%s/keys/account%u.key", node->data, i));
        ASSAY_TRY(assay_node_key_load(&secret, path, true));
        accounts[i] =
            (assay_genesis_account){assay_crypto_address(assay_crypto_ed25519_public(&secret)), DEVNET_BALANCE};
        assay_crypto_wipe(&secret, sizeof secret);
    }
    for (uint32_t i = 0; i < node->count; i++) {
        assay_genesis_account *account = &accounts[DEVNET_ACCOUNTS + i];
        ASSAY_TRY(genesis_validator(node, &validators[i], &account->address, i, chain));
        account->balance = DEVNET_OWNER_BALANCE;
    }
    ASSAY_TRY(write_accounts(node, accounts));
    assay_genesis_account *scratch = ASSAY_NEW(keep, assay_genesis_account, accounts_count);
    if (!scratch) return ASSAY_F_MEMORY;
    memcpy(sorted, accounts, accounts_count * sizeof *accounts);
    assay_base_sort(sorted, scratch, accounts_count, sizeof *sorted, account_less, NULL);
    assay_genesis genesis = {
        .format = 1,
        .name = chain,
        .time_seconds = assay_os_now().seconds,
        .app_version = 1,
        .params = assay_node_rehearsal_params(),
        .accounts = sorted,
        .accounts_count = accounts_count,
        .validators = validators,
        .validators_count = node->count,
    };
    ASSAY_TRY(assay_codec_encode_new(&node->genesis, keep, &assay_genesis_message, &genesis, ASSAY_CODEC_STRICT));
    /* Last of all: a directory with a genesis is a network; one without is begun again. */
    ASSAY_TRY(path_of(&path, keep, "%s/genesis", node->data));
    return assay_os_replace(path, node->genesis, 0644);
}

static assay_err validators_prepare(struct assay_node *node) {
    node->validators = calloc(node->count, sizeof *node->validators);
    if (!node->validators) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < node->count; i++) {
        validator *v = &node->validators[i];
        v->node = node;
        v->index = i;
        const assay_node_settings *settings = node->config.settings;
        if (settings) {
            assay_os_format(v->name, sizeof v->name, "%s", settings->moniker);
            assay_os_format(v->dir, sizeof v->dir, "%s", node->data);
        } else {
            assay_os_format(v->name, sizeof v->name, "validator %u", i);
            assay_os_format(v->dir, sizeof v->dir, "%s/validator%u", node->data, i);
        }
        assay_os_mutex_init(&v->waiting_lock);
        assay_os_mutex_init(&v->gate);
        assay_os_condition_init(&v->gate_empty);
        assay_os_mutex_init(&v->holders_lock);
        assay_os_mutex_init(&v->holdings_lock);
        assay_os_mutex_init(&v->shelf_lock);
        ASSAY_TRY(inbox_init(&v->inbox));
        v->muted_ns = calloc(node->count, sizeof *v->muted_ns);
        v->resent_ns = calloc(node->count, sizeof *v->resent_ns);
        if (!v->muted_ns || !v->resent_ns) return ASSAY_F_MEMORY;
    }
    return ASSAY_OK;
}

static assay_err genesis_open(struct assay_node *node) {
    const char *path;
    ASSAY_TRY(path_of(&path, &node->keep, "%s/genesis", node->data));
    assay_err err = assay_os_read_whole(&node->genesis, &node->keep, path, 16u << 20);
    if (err == ASSAY_OK) {
        assay_arena scratch = node->keep;
        assay_genesis genesis;
        if (assay_codec_decode(&genesis, &scratch, &assay_genesis_message, node->genesis, ASSAY_CODEC_STRICT) !=
            ASSAY_OK)
            return ASSAY_F_CORRUPT;
        node->count = node->config.settings ? 1 : genesis.validators_count;
        node->resumed = true;
        ASSAY_TRY(validators_prepare(node));
    } else if (err == ASSAY_E_NOT_FOUND && !node->config.settings) {
        node->count = node->config.validators;
        ASSAY_TRY(validators_prepare(node));
        ASSAY_TRY(genesis_make(node));
    } else {
        return err;
    }
    assay_arena scratch = node->keep;
    assay_genesis genesis;
    ASSAY_TRY(assay_codec_decode(&genesis, &scratch, &assay_genesis_message, node->genesis, ASSAY_CODEC_STRICT));
    node->genesis_hash = assay_genesis_hash(node->genesis);
    node->trust_seconds = genesis.params.unbonding_seconds * 2 / 3;
    uint64_t most = genesis.params.validators_max;
    if (most < 1 || most > ASSAY_VALIDATORS_MAX || genesis.validators_count > ASSAY_VALIDATORS_MAX)
        return ASSAY_F_CORRUPT;
    node->validators_max = (uint32_t)(most > genesis.validators_count ? most : genesis.validators_count);
    assay_genesis_chain_id(node->chain_id, genesis.name, node->genesis_hash);
    return ASSAY_OK;
}

#define TEMPORARY "assay-devnet-"
#define LEFTOVER_SECONDS 60 /* so that one which has just begun is never taken for one */
#define BESIDE_MAX 10000

/* What a network in memory that was killed left behind: nobody holds its lock. */
static bool is_leftover(const char *lock_path) {
    assay_os_file file;
    assay_os_info info;
    if (assay_os_file_open(&file, lock_path, ASSAY_OS_READ, 0) != ASSAY_OK) return false;
    assay_err err = assay_os_file_info(&info, &file);
    assay_os_file_close(&file);
    if (err != ASSAY_OK || assay_os_now().seconds - info.mtime_ns / 1000000000 < LEFTOVER_SECONDS) return false;
    if (assay_os_lock(&file, lock_path) != ASSAY_OK) return false;
    assay_os_file_close(&file);
    return true;
}

/* Memory that nobody will ask for again goes back. Whatever cannot be seen or removed stays: it is not ours. */
static void remove_leftovers(const struct assay_node *node) {
    assay_arena scratch = node->keep;
    const char *slash = strrchr(node->data, '/');
    const char *beside, *path, *lock;
    assay_os_file dir;
    assay_os_entry *entries;
    uint32_t count = 0, removed = 0;
    if (!slash || path_of(&beside, &scratch, "%.*s", (int)(slash - node->data), node->data) != ASSAY_OK) return;
    if (assay_os_dir_open(&dir, beside) != ASSAY_OK) return;
    if (assay_os_dir_list(&entries, &count, &scratch, &dir, BESIDE_MAX) != ASSAY_OK) count = 0;
    assay_os_file_close(&dir);
    for (uint32_t i = 0; i < count; i++) {
        assay_arena turn = scratch;
        const char *name = (const char *)entries[i].name.ptr;
        /* Exactly such a name as ours, which nobody would choose for a network that is to stay. */
        if (entries[i].type != ASSAY_OS_DIR || entries[i].name.len != strlen(slash + 1)) continue;
        if (strncmp(name, TEMPORARY ".", sizeof TEMPORARY) != 0 || strcmp(name, slash + 1) == 0) continue;
        if (path_of(&path, &turn, "%s/%s", beside, name) || path_of(&lock, &turn, "%s/lock", path)) return;
        if (!is_leftover(lock)) continue;
        if (assay_os_remove_tree(path) == ASSAY_OK) removed++;
    }
    if (removed) node_log(node, "removed what killed networks left in %s: %u folders", beside, removed);
}

static assay_err data_open(struct assay_node *node) {
    const char *path;
    if (node->config.data) {
        assay_os_format(node->data, sizeof node->data, "%s", node->config.data);
        assay_err err = assay_os_dirs_create(node->data, 0755);
        if (err != ASSAY_OK) return err == ASSAY_E_NOT_FOUND ? ASSAY_F_STORAGE : err; /* where no folder can be */
    } else {
        ASSAY_TRY(assay_os_temp_dir(&path, &node->keep, TEMPORARY, true));
        assay_os_format(node->data, sizeof node->data, "%s", path);
        node->temporary = true;
    }
    ASSAY_TRY(path_of(&path, &node->keep, "%s/lock", node->data));
    ASSAY_TRY(assay_os_lock(&node->lock, path));
    if (node->temporary) remove_leftovers(node);
    return ASSAY_OK;
}

/* ---- trust.json, kept fresh
 * --------------------------------------------------------------------------------------------------------------- */

static void janitor(void *context) {
    struct assay_node *node = context;
    uint64_t written = 0;
    while (!atomic_load(&node->stopping)) {
        assay_os_mutex_lock(&node->final_lock);
        (void)assay_os_condition_wait(&node->final, &node->final_lock, assay_os_monotonic_ns() + 1000000000ull);
        assay_os_mutex_unlock(&node->final_lock);
        uint64_t height = atomic_load(&node_front(node)->height);
        if (height == written) continue;
        if (trust_write(node) == ASSAY_OK) written = height;
        /* A busy chain makes hundreds of blocks a second; a trust file a few times a second is fresh enough. */
        assay_os_sleep_ns(200000000);
    }
    if (written && trust_write(node) != ASSAY_OK) node_log(node, "trust.json could not be written");
}

/* The first block; of CometBFT, which may have to wait for others, that it has asked where we stand. */
static bool has_begun(struct assay_node *node) {
    validator *front = node_front(node);
    return front->comet ? comet_ready(front) : atomic_load(&front->height) > 0;
}

static assay_err await_first_block(struct assay_node *node) {
    uint64_t deadline = assay_os_monotonic_ns() + 120ull * 1000000000;
    assay_err err = ASSAY_OK;
    assay_os_mutex_lock(&node->final_lock);
    for (;;) {
        bool front = has_begun(node);
        for (uint32_t i = 0; i < node->count; i++) {
            assay_err failed = (assay_err)atomic_load(&node->validators[i].failed);
            if (failed != ASSAY_OK) err = failed;
        }
        if (front || err != ASSAY_OK || assay_os_stop_requested()) break;
        uint64_t slice = assay_os_monotonic_ns() + 50000000;
        (void)assay_os_condition_wait(&node->final, &node->final_lock, slice < deadline ? slice : deadline);
        if (assay_os_monotonic_ns() >= deadline) {
            err = ASSAY_F_TIMEOUT;
            break;
        }
    }
    assay_os_mutex_unlock(&node->final_lock);
    return err;
}

static assay_err start(struct assay_node *node, char *why, size_t why_cap) {
    assay_os_format(why, why_cap, "the data directory");
    ASSAY_TRY(assay_os_reserve(&node->region, (size_t)64 << 20));
    node->keep = assay_os_region_arena(&node->region);
    ASSAY_TRY(data_open(node));
    ASSAY_TRY(genesis_open(node));
    const char *reason = "";
    assay_os_format(why, why_cap, "the address %s port %u", node->config.address ? node->config.address : "127.0.0.1",
                    node->config.port);
    assay_err err = routes_start(node, &reason);
    if (err != ASSAY_OK) {
        assay_os_format(why, why_cap, "port %u: %s", node->config.port, reason ? reason : "");
        return err;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->config.settings)
            assay_os_format(why, why_cap, "its store or keys in %s", node->data);
        else
            assay_os_format(why, why_cap, "validator %u", i);
        ASSAY_TRY(validator_open(&node->validators[i]));
    }
    /* Everybody can be written to before anybody speaks. */
    for (uint32_t i = 0; i < node->count; i++) {
        inbox_open(&node->validators[i].inbox, true);
        atomic_store(&node->validators[i].alive, true);
    }
    for (uint32_t i = 0; i < node->count; i++) ASSAY_TRY(validator_start(&node->validators[i]));
    assay_os_format(why, why_cap, "the first block");
    ASSAY_TRY(await_first_block(node));
    assay_err written = trust_write(node);
    /* CometBFT may be there before any block is, or just offer a snapshot, for which the store is emptied. */
    bool later = node->validators[0].comet && (written == ASSAY_E_NOT_FOUND || written == ASSAY_F_BUSY);
    if (!later) ASSAY_TRY(written);
    ASSAY_TRY(assay_os_thread_start(&node->janitor, "janitor", 0, janitor, node));
    node->janitor_running = true;
    why[0] = 0;
    return ASSAY_OK;
}

/* What a chain of its own would write over: the directory of a validator under CometBFT, or of a network of them. NULL:
 * neither. */
static const char *whose(const char *data) {
    static const struct {
        const char *file, *what;
    } rows[] = {{"node.json", "is a validator's under CometBFT: assayd --data DIR runs it, with that engine"},
                {"network.json", "holds a network under CometBFT: assay net start DIR runs it"},
                {"validator0/node.json", "holds a network under CometBFT: assay net start DIR runs it"}};
    char path[600];
    for (size_t i = 0; data && i < sizeof rows / sizeof *rows; i++) {
        assay_os_format(path, sizeof path, "%s/%s", data, rows[i].file);
        if (assay_os_exists(path)) return rows[i].what;
    }
    return NULL;
}

assay_err assay_node_start(assay_node **out, const assay_node_config *config, char *why, size_t why_cap) {
    if (config->validators < 1 || config->validators > ASSAY_NODE_VALIDATORS_MAX) {
        assay_os_format(why, why_cap, "%u validators: 1 to %u are possible", config->validators,
                        ASSAY_NODE_VALIDATORS_MAX);
        return ASSAY_E_RANGE;
    }
    const char *other = config->settings ? NULL : whose(config->data);
    if (other) {
        assay_os_format(why, why_cap, "%s %s", config->data, other);
        return ASSAY_E_USAGE;
    }
    struct assay_node *node = calloc(1, sizeof *node);
    if (!node) return ASSAY_F_MEMORY;
    (void)assay_os_open_files_raise();
    node->config = *config;
    node->started_ns = assay_os_monotonic_ns();
    assay_os_mutex_init(&node->control);
    assay_os_mutex_init(&node->final_lock);
    assay_os_condition_init(&node->final);
    assay_err err = start(node, why, why_cap);
    if (err != ASSAY_OK) {
        assay_node_stop(node);
        return err;
    }
    *out = node;
    return ASSAY_OK;
}

assay_node_view assay_node_look(const assay_node *node) {
    assay_node_view view = {
        .port = node->port,
        .validators = node->count,
        .data = node->data,
        .chain_id = node->chain_id,
        .resumed = node->resumed,
    };
    if (node->config.settings && node->validators && node->validators[0].comet)
        comet_processes(&node->validators[0], &view.engine_process, &view.signer_process);
    for (uint32_t i = 0; i < node->count; i++) {
        uint64_t height = atomic_load(&node->validators[i].height);
        if (height > view.height) view.height = height;
        assay_err failed = (assay_err)atomic_load(&node->validators[i].failed);
        if (failed != ASSAY_OK) view.failed = failed;
    }
    return view;
}

void assay_node_stop(assay_node *node) {
    atomic_store(&node->stopping, true);
    if (node->janitor_running) assay_os_thread_join(&node->janitor);
    if (node->server) assay_http_stop(node->server);
    /* All at once first, so that nobody waits for a peer that is already gone. */
    for (uint32_t i = 0; node->validators && i < node->count; i++) atomic_store(&node->validators[i].stopping, true);
    for (uint32_t i = 0; node->validators && i < node->count; i++) validator_stop(&node->validators[i]);
    /* Only when all threads are gone: each writes to the others' inboxes. */
    for (uint32_t i = 0; node->validators && i < node->count; i++) {
        inbox_fini(&node->validators[i].inbox);
        free(node->validators[i].holders);
        free(node->validators[i].muted_ns);
        free(node->validators[i].resent_ns);
    }
    free(node->validators);
    if (node->temporary) (void)!assay_os_remove_tree(node->data);
    assay_os_file_close(&node->lock);
    assay_os_unreserve(&node->region);
    free(node);
}
