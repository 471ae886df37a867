/* SPDX-License-Identifier: Apache-2.0
 *
 * net_run - a rehearsal's validators as processes: started together, stopped together, and where each stands. What
 * fails is shown and stays down: that is what a rehearsal is for.
 */
#include "assay_internal.h"

#include <string.h>

#define SECOND 1000000000ull
#define LOOK_NS (SECOND / 5)
#define FIRST_NS (10 * UINT64_C(1000000000)) /* so long the first one is waited for when others are ready */
#define STOP_NS (30 * SECOND)
#define FILE_MAX 4096

typedef struct member_process {
    assay_os_child child;
    char line[600];
    size_t len;
} member_process;

typedef struct running {
    const char *directory;
    uint32_t count;
    assay_os_file lock;
    member_process list[ASSAY_NODE_VALIDATORS_MAX];
} running;

static uint32_t count_validators(call *c, const char *directory) {
    uint32_t count = 0;
    while (count < ASSAY_NODE_VALIDATORS_MAX &&
           assay_os_exists(keep_text(c, "%s/validator%u/node.json", directory, count)))
        count++;
    return count;
}

static assay_err find_network(call *c, const char **directory, uint32_t *count) {
    *directory = absolute(c, c->words[0]);
    *count = count_validators(c, *directory);
    if (*count) return ASSAY_OK;
    if (assay_os_exists(net_path(c, *directory, "network.json"))) {
        c->try_this = "run as the user who made it: a validator's directory is its owner's alone";
        return fail(c, ASSAY_F_STORAGE, "%s/validator0/node.json is gone, or not for this user", *directory);
    }
    c->try_this = "assay net init --out DIR";
    return fail(c, ASSAY_F_NO_PATH, "%s is no network", c->words[0]);
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

static void hear(call *c, running *r, uint32_t i) {
    member_process *p = &r->list[i];
    uint8_t bytes[4096];
    size_t len;
    while (p->child.id && assay_os_child_read(&len, &p->child, bytes, sizeof bytes, 0) == ASSAY_OK && len) {
        for (size_t k = 0; k < len; k++) {
            if (bytes[k] != '\n' && p->len < sizeof p->line - 1) p->line[p->len++] = (char)bytes[k];
            if (bytes[k] != '\n') continue;
            p->line[p->len] = 0;
            if (!quiet(c) && !json_wanted(c)) assay_os_printf(ASSAY_OS_STDERR, "validator%u %s\n", i, p->line);
            p->len = 0;
        }
    }
}

static assay_err start_one(call *c, running *r, uint32_t i) {
    const char *programs;
    ASSAY_TRY(assay_os_program_dir(&programs, &c->keep));
    const char *path = keep_text(c, "%s/assayd", programs), *data = keep_text(c, "%s/validator%u", r->directory, i);
    const char *const words[] = {
        "assayd", "--data", data, "--engine", "cometbft", has(c, OPTION_FAULTS) ? "--faults" : NULL, NULL};
    assay_err err = assay_os_child_start(&r->list[i].child, path, words, NULL);
    return err == ASSAY_OK ? ASSAY_OK : fail(c, err, "%s", path);
}

/* Shows what they say, and notes who ended; how many run. */
static uint32_t mind(call *c, running *r) {
    uint32_t alive = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        int code;
        hear(c, r, i);
        if (r->list[i].child.id && assay_os_child_wait(&r->list[i].child, &code, 0))
            say(c, "validator%u ended with %d", i, code);
        alive += r->list[i].child.id != 0;
    }
    return alive;
}

static void end_all(call *c, running *r) {
    uint64_t deadline = assay_os_monotonic_ns() + STOP_NS;
    for (uint32_t i = 0; i < r->count; i++)
        if (r->list[i].child.id) assay_os_child_signal(&r->list[i].child, ASSAY_OS_TERMINATE);
    while (mind(c, r) && assay_os_monotonic_ns() < deadline) assay_os_sleep_ns(LOOK_NS / 10);
    for (uint32_t i = 0; i < r->count; i++) {
        if (!r->list[i].child.id) continue;
        say(c, "validator%u did not end when asked, and is killed", i);
        assay_os_child_signal(&r->list[i].child, ASSAY_OS_KILL);
    }
    for (deadline += STOP_NS; mind(c, r) && assay_os_monotonic_ns() < deadline;) assay_os_sleep_ns(LOOK_NS / 10);
}

const char *settings_url(call *c, const assay_node_settings *s) {
    const char *at = strcmp(s->address, "0.0.0.0") == 0 ? "127.0.0.1"
                     : strcmp(s->address, "::") == 0    ? "::1"
                                                        : s->address;
    return keep_text(c, strchr(at, ':') ? "http://[%s]:%u" : "http://%s:%u", at, s->port);
}

static const char *url_of(call *c, const char *directory, uint32_t i) {
    assay_node_settings settings;
    assay_err err = assay_node_settings_read(&settings, &c->keep, keep_text(c, "%s/validator%u", directory, i));
    return err == ASSAY_OK ? settings_url(c, &settings) : NULL;
}

/* Each validator writes its own; the network's is the newest of them. */
static void copy_trust(call *c, const running *r, int64_t *newest) {
    assay_arena scratch = c->scratch;
    for (uint32_t i = 0; i < r->count; i++) {
        char path[600];
        assay_os_info info;
        assay_bytes text;
        assay_arena turn = scratch;
        assay_os_format(path, sizeof path, "%s/validator%u/trust.json", r->directory, i);
        if (assay_os_info_get(&info, path, true) != ASSAY_OK || info.mtime_ns <= *newest) continue;
        if (assay_os_read_whole(&text, &turn, path, (size_t)64 << 20) != ASSAY_OK) continue;
        *newest = info.mtime_ns;
        assay_os_format(path, sizeof path, "%s/trust.json", r->directory);
        (void)!assay_os_replace(path, text, 0644);
    }
}

/* One request with little patience; 0 if it does not answer. */
static uint64_t height_of(call *c, const char *url) {
    assay_arena scratch = c->scratch;
    assay_http_client *client;
    assay_http_reply reply;
    uint64_t height = 0;
    if (!url || assay_http_client_open(&client, url, 2) != ASSAY_OK) return 0;
    if (assay_http_call(client, &reply, &scratch, ASSAY_HTTP_GET, "/status", (assay_bytes){NULL, 0}, NULL, 1 << 20) ==
            ASSAY_OK &&
        reply.status == 200) {
        json_t *json = json_loadb((const char *)reply.body.ptr, reply.body.len, 0, NULL);
        height = number(json, "height");
        json_decref(json);
    }
    assay_http_client_close(client);
    return height;
}

static assay_err print_ready(call *c, const running *r, const char *url) {
    assay_err err = ASSAY_OK;
    if (json_wanted(c))
        err = out_json(c, json_pack("{s:s, s:s, s:s, s:I}", "url", url, "data", r->directory, "trust",
                                    net_path(c, r->directory, "trust.json"), "validators", (json_int_t)r->count));
    else
        out(c, "ready %s\n", url);
    out_flush(c);
    return err;
}

static assay_err serve(call *c, running *r) {
    bool ready = false;
    int64_t newest = 0;
    uint64_t any_ns = 0; /* since when one of them is ready */
    while (!assay_os_stop_wait(assay_os_monotonic_ns() + LOOK_NS)) {
        uint32_t alive = mind(c, r);
        if (alive == 0) {
            c->try_this = "each said why; assay doctor DIR/validator0 looks for the usual mistakes";
            return fail(c, ASSAY_F_NETWORK, "no validator is running any more");
        }
        copy_trust(c, r, &newest);
        for (uint32_t i = 0; !ready && i < r->count; i++) {
            assay_arena before = c->keep; /* it may be asked for days */
            const char *url = url_of(c, r->directory, i);
            if (!r->list[i].child.id || height_of(c, url) == 0) {
                c->keep = before;
                continue;
            }
            /* The first one's, as scripts expect, if that comes at all. */
            if (!any_ns) any_ns = assay_os_monotonic_ns();
            if (i > 0 && r->list[0].child.id && assay_os_monotonic_ns() < any_ns + FIRST_NS) {
                c->keep = before;
                break;
            }
            ready = true;
            copy_trust(c, r, &newest);
            ASSAY_TRY(print_ready(c, r, url));
        }
    }
    return ASSAY_OK;
}

assay_err run_net_start(call *c) {
    running *r = ASSAY_NEW(&c->keep, running, 1);
    if (!r) return ASSAY_F_MEMORY;
    ASSAY_TRY(find_network(c, &r->directory, &r->count));
    assay_err err = assay_os_lock(&r->lock, keep_text(c, "%s/lock", r->directory));
    if (err == ASSAY_F_BUSY) {
        c->try_this = "assay net status DIR says where it stands; assay net stop DIR ends it";
        return fail(c, err, "%s is running already", r->directory);
    }
    if (err != ASSAY_OK) return fail(c, err, "%s", r->directory);
    const char *pid_path = keep_text(c, "%s/pid", r->directory), *pid = keep_text(c, "%u\n", assay_os_process_id());
    err = assay_os_replace(pid_path, assay_base_bytes_str(pid), 0644);
    for (uint32_t i = 0; err == ASSAY_OK && i < r->count; i++) err = start_one(c, r, i);
    if (err == ASSAY_OK) err = serve(c, r);
    end_all(c, r);
    (void)!assay_os_remove(pid_path);
    assay_os_file_close(&r->lock);
    return err;
}

/* ---- stopping ---------------------------------------------------------------------------------------------------- */

assay_err run_net_stop(call *c) {
    const char *directory;
    uint32_t count;
    assay_bytes text;
    uint64_t pid;
    assay_os_file lock;
    ASSAY_TRY(find_network(c, &directory, &count));
    const char *lock_path = keep_text(c, "%s/lock", directory);
    assay_err err = assay_os_read_whole(&text, &c->keep, keep_text(c, "%s/pid", directory), 32);
    bool known = err == ASSAY_OK && text.len > 1 &&
                 assay_base_undecimal(&pid, (assay_bytes){text.ptr, text.len - 1}) == ASSAY_OK && pid <= INT32_MAX;
    /* Whoever holds the lock is the process that wrote the number. */
    if (!known || assay_os_lock(&lock, lock_path) != ASSAY_F_BUSY) {
        if (known) assay_os_file_close(&lock);
        c->try_this = "assay net start DIR starts it; assay net status DIR says what of it runs";
        return fail(c, ASSAY_E_STATE, "%s is not running", directory);
    }
    assay_os_child_signal(&(assay_os_child){.id = (int)pid}, ASSAY_OS_TERMINATE);
    uint64_t deadline = assay_os_monotonic_ns() + 2 * STOP_NS;
    while ((err = assay_os_lock(&lock, lock_path)) == ASSAY_F_BUSY && assay_os_monotonic_ns() < deadline)
        ASSAY_TRY(pause_ns(LOOK_NS / 4));
    if (err != ASSAY_OK) return fail(c, err == ASSAY_F_BUSY ? ASSAY_F_TIMEOUT : err, "%s is still running", directory);
    assay_os_file_close(&lock);
    if (json_wanted(c)) return out_json(c, json_pack("{s:s}", "stopped", directory));
    say(c, "stopped");
    return ASSAY_OK;
}

/* ---- where it stands --------------------------------------------------------------------------------------------- */

bool lock_held(const char *path) {
    assay_os_file lock;
    if (!assay_os_exists(path)) return false;
    assay_err err = assay_os_lock(&lock, path);
    if (err == ASSAY_OK) assay_os_file_close(&lock);
    return err == ASSAY_F_BUSY;
}

/* What a validator wrote of its processes; 0: it does not run. After a power failure the numbers are somebody else's:
 * assayd holds its directory's lock as long as it runs. */
static void processes_of(call *c, const char *directory, uint32_t i, uint64_t *pid, uint64_t *engine) {
    assay_bytes text;
    *pid = *engine = 0;
    const char *path = keep_text(c, "%s/validator%u/processes.json", directory, i);
    if (assay_os_read_whole(&text, &c->keep, path, FILE_MAX) != ASSAY_OK) return;
    json_t *json = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    uint64_t a = number(json, "assayd"), b = number(json, "cometbft");
    json_decref(json);
    const char *lock = keep_text(c, "%s/validator%u/lock", directory, i);
    if (a && assay_os_exists(keep_text(c, "/proc/%llu", (unsigned long long)a)) && lock_held(lock)) *pid = a;
    if (*pid && b && assay_os_exists(keep_text(c, "/proc/%llu", (unsigned long long)b))) *engine = b;
}

static json_t *number_or_null(uint64_t value) { return value ? json_integer((json_int_t)value) : json_null(); }

assay_err settings_fail(call *c, assay_err err, const assay_node_settings *s, const char *directory) {
    const char *path = net_path(c, directory, "node.json");
    if (err != ASSAY_F_CORRUPT) return fail(c, err, "%s", path);
    c->try_this = "correct it, or put it back from a copy";
    return fail(c, err, "%s: %s", path, s->wrong);
}

assay_err run_net_status(call *c) {
    const char *directory;
    uint32_t count;
    ASSAY_TRY(find_network(c, &directory, &count));
    json_t *rows = json_array();
    table t = table_begin(c, "INDEX> HEIGHT> HTTP RPC ASSAYD> COMETBFT>", count);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t pid, engine;
        assay_node_settings settings;
        processes_of(c, directory, i, &pid, &engine);
        const char *own = keep_text(c, "%s/validator%u", directory, i);
        assay_err err = assay_node_settings_read(&settings, &c->keep, own);
        if (err != ASSAY_OK) return json_decref(rows), settings_fail(c, err, &settings, own);
        const char *url = settings_url(c, &settings);
        uint64_t height = pid ? height_of(c, url) : 0;
        (void)json_array_append_new(rows, json_pack("{s:I, s:I, s:s, s:s, s:o, s:o}", "index", (json_int_t)i, "height",
                                                    (json_int_t)height, "url", url, "rpc", settings.rpc, "pid",
                                                    number_or_null(pid), "cometbft_pid", number_or_null(engine)));
        table_row(&t, keep_text(c, "%u", i), keep_text(c, "%llu", (unsigned long long)height), url, settings.rpc,
                  pid ? keep_text(c, "%llu", (unsigned long long)pid) : "-",
                  engine ? keep_text(c, "%llu", (unsigned long long)engine) : "-");
    }
    if (json_wanted(c)) return out_json(c, rows);
    json_decref(rows);
    table_print(&t);
    return ASSAY_OK;
}
