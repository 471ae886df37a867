/* SPDX-License-Identifier: Apache-2.0
 *
 * devnet - a network in the foreground: a banner with all that a client needs, `ready URL`, and a clean end.
 *
 * While it runs, a small file in the user's state directory says where its first account's key is, so that clients of
 * the same user need no setting.
 */
#include "assay_internal.h"

#include <string.h>

#define LOOK_NS 200000000ull
#define ACCOUNTS_SHOWN 4u
#define VALIDATORS_SHOWN 8u

typedef struct network {
    assay_node *node;
    assay_node_view view;
    const char *url;
    const char *data;    /* absolute */
    const char *pointer; /* NULL: none was written */
    json_t *accounts;
    const char *key_file; /* of the first account */
} network;

static void log_line(void *context, const char *line) {
    (void)context;
    assay_os_printf(ASSAY_OS_STDERR, "%s\n", line);
}

/* A directory as every process can name it. PWD is taken if it is this one, as pwd(1) does. */
const char *absolute(call *c, const char *path) {
    assay_os_info here, told;
    const char *pwd = assay_os_env("PWD");
    if (path[0] == '/') return path;
    bool known = pwd && pwd[0] == '/' && assay_os_info_get(&here, ".", true) == ASSAY_OK &&
                 assay_os_info_get(&told, pwd, true) == ASSAY_OK && here.device == told.device &&
                 here.inode == told.inode;
    /* What is written into files has to outlive this process: its /proc/N/cwd only where the directory is gone. */
    if (!known && assay_os_work_dir(&pwd, &c->keep) != ASSAY_OK)
        pwd = keep_text(c, "/proc/%u/cwd", assay_os_process_id());
    while (path[0] == '.' && path[1] == '/') path += 2;
    return keep_text(c, "%s/%s", pwd, path);
}

static assay_err read_accounts(call *c, network *n) {
    assay_bytes text;
    const char *path = keep_text(c, "%s/accounts.json", n->data);
    ASSAY_TRY(assay_os_read_whole(&text, &c->keep, path, 16u << 20));
    n->accounts = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    if (!json_is_array(n->accounts)) return fail(c, ASSAY_F_CORRUPT, "%s", path);
    n->key_file = keep_text(c, "%s", member(json_array_get(n->accounts, 0), "key_file"));
    /* A directory that was moved: its keys moved with it. */
    const char *moved = keep_text(c, "%s/keys/account0.key", n->data);
    if (!assay_os_exists(n->key_file) && assay_os_exists(moved)) n->key_file = moved;
    return ASSAY_OK;
}

/* Without it clients need --key; that is no reason not to run. */
static void pointer_write(call *c, network *n) {
    const char *path, *state, *dir;
    bool ok = devnet_pointer(c, &path, n->view.port) == ASSAY_OK &&
              assay_os_home_dir(&state, &c->keep, ASSAY_OS_STATE) == ASSAY_OK &&
              assay_os_path_join(&dir, &c->keep, state, ASSAY_STR("assay")) == ASSAY_OK &&
              assay_os_dirs_create(dir, 0700) == ASSAY_OK;
    if (!ok) return;
    assay_buf buf;
    assay_json json = json_room(c, &buf);
    assay_json_object(&json, NULL);
    assay_json_text(&json, "chain_id", assay_base_bytes_str(n->view.chain_id));
    assay_json_text(&json, "url", assay_base_bytes_str(n->url));
    assay_json_text(&json, "data", assay_base_bytes_str(n->data));
    assay_json_text(&json, "key_file", assay_base_bytes_str(n->key_file));
    assay_json_u64(&json, "process", assay_os_process_id());
    assay_json_close(&json, '}');
    ok = assay_json_end(&json) == ASSAY_OK && assay_os_replace(path, (assay_bytes){buf.ptr, buf.len}, 0600) == ASSAY_OK;
    if (ok) n->pointer = path;
}

static void banner_accounts(call *c, const network *n) {
    size_t i, shown = json_array_size(n->accounts) < ACCOUNTS_SHOWN ? json_array_size(n->accounts) : ACCOUNTS_SHOWN;
    table t = table_begin(c, "ACCOUNT BALANCE> KEY", shown);
    for (i = 0; i < shown; i++) {
        char text[32];
        const json_t *row = json_array_get(n->accounts, i);
        table_row(&t, member(row, "address"), keep_text(c, "%s", amount_text(text, number(row, "balance"))),
                  member(row, "key_file"));
    }
    table_print(&t);
    out(c, "\n");
}

/* The accounts behind those of people are the validators' owners. */
static void banner_validators(call *c, const network *n) {
    size_t shown = n->view.validators < VALIDATORS_SHOWN ? n->view.validators : VALIDATORS_SHOWN;
    size_t first = json_array_size(n->accounts) - n->view.validators;
    if (first > json_array_size(n->accounts)) return;
    table t = table_begin(c, "VALIDATOR> OWNER KEY", shown);
    for (size_t i = 0; i < shown; i++) {
        const json_t *row = json_array_get(n->accounts, first + i);
        table_row(&t, keep_text(c, "%zu", i), member(row, "address"), member(row, "key_file"));
    }
    table_print(&t);
    if (shown < n->view.validators) out(c, "and %zu more: %s/accounts.json\n", n->view.validators - shown, n->data);
    out(c, "\n");
}

static assay_err print_ready(call *c, const network *n) {
    if (json_wanted(c)) {
        json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:O}", "chain_id", n->view.chain_id, "url", n->url,
                                 "data", n->data, "trust", keep_text(c, "%s/trust.json", n->data), "validators",
                                 (json_int_t)n->view.validators, "resumed", n->view.resumed, "accounts", n->accounts);
        ASSAY_TRY(out_json(c, json));
        out_flush(c);
        return ASSAY_OK;
    }
    if (!quiet(c)) {
        bool kept = has(c, OPTION_DATA);
        out(c, "\n%s  %u validators in one process: whole, and not independent. Not for value.\n\n", n->view.chain_id,
            n->view.validators);
        banner_accounts(c, n);
        banner_validators(c, n);
        field(c, "data", "%s%s", n->data, kept ? n->view.resumed ? " (goes on)" : "" : " (removed at the end)");
        field(c, "trust file", "%s/trust.json", n->data);
        field(c, "try", "assay publish ./model --name you/model --version 1.0 --wait");
        field(c, "stop", "Ctrl-C");
        out(c, "\n");
    }
    out(c, "ready %s\n", n->url);
    out_flush(c);
    return ASSAY_OK;
}

static assay_err start(call *c, network *n, const char *address, uint16_t port, uint32_t validators) {
    char why[512] = "";
    const char *data = value(c, OPTION_DATA);
    if (data && !*data) return usage(c, "--data is empty");
    assay_node_config config = {
        .validators = validators,
        .data = data ? absolute(c, data) : NULL,
        .address = address,
        .port = port,
        .faults = true,
        .log = quiet(c) || json_wanted(c) ? NULL : log_line,
    };
    assay_err err = assay_node_start(&n->node, &config, why, sizeof why);
    if (err == ASSAY_OK) return ASSAY_OK;
    if (err == ASSAY_E_NOT_FOUND) err = ASSAY_F_NO_PATH;
    if (err == ASSAY_F_NETWORK) c->try_this = "another --port, or --port 0 for any free one";
    if (err == ASSAY_F_BUSY) c->try_this = "stop the devnet that uses this directory, or name another --data";
    bool about_data = config.data && (err == ASSAY_F_BUSY || err == ASSAY_F_NO_PATH || err == ASSAY_F_STORAGE ||
                                      err == ASSAY_F_CORRUPT);
    return fail(c, err, "%s%s%s", why, about_data ? ": " : "", about_data ? config.data : "");
}

static assay_err serve(call *c, network *n) {
    while (!assay_os_stop_wait(assay_os_monotonic_ns() + LOOK_NS)) {
        n->view = assay_node_look(n->node);
        if (n->view.failed != ASSAY_OK) return fail(c, n->view.failed, "a validator stopped");
    }
    return ASSAY_OK;
}

assay_err run_devnet(call *c) {
    uint64_t validators = 4, port = ASSAY_NODE_PORT;
    ASSAY_TRY(value_u64(c, OPTION_VALIDATORS, &validators, 1, ASSAY_NODE_VALIDATORS_MAX));
    ASSAY_TRY(value_u64(c, OPTION_PORT, &port, 0, UINT16_MAX));
    const char *address = value(c, OPTION_ADDRESS) ? value(c, OPTION_ADDRESS) : "127.0.0.1";
    network n = {0};
    ASSAY_TRY(start(c, &n, address, (uint16_t)port, (uint32_t)validators));
    n.view = assay_node_look(n.node);
    n.data = absolute(c, n.view.data);
    bool everywhere = strcmp(address, "0.0.0.0") == 0, six = strchr(address, ':') != NULL;
    if (strcmp(address, "::") == 0) address = "::1";
    n.url = keep_text(c, six ? "http://[%s]:%u" : "http://%s:%u", everywhere ? "127.0.0.1" : address, n.view.port);
    assay_err err = read_accounts(c, &n);
    if (err == ASSAY_OK) pointer_write(c, &n);
    /* Asked to stop while it started: there is nobody to say ready to. */
    if (err == ASSAY_OK && !assay_os_stop_requested()) err = print_ready(c, &n);
    if (err == ASSAY_OK) err = serve(c, &n);
    if (n.pointer) (void)!assay_os_remove(n.pointer);
    json_decref(n.accounts);
    assay_node_stop(n.node);
    return err;
}
