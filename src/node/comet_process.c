/* SPDX-License-Identifier: Apache-2.0
 *
 * comet_process - starts CometBFT and, where it does not hold the key, assay-signer; shows what they say in our log;
 * starts them again when they end, and ends them when we do.
 *
 * One thread does it all, for a child ends with the thread that started it: whatever becomes of this process, no
 * CometBFT is left behind that votes without an application.
 */
#include "comet_internal.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)
#define LOOK_NS (SECOND / 10)
#define AGAIN_FIRST_NS (SECOND / 10)
#define AGAIN_LAST_NS (5 * SECOND)
#define LONG_RUN_NS (30 * SECOND) /* whoever ran so long is started again at once */
#define END_NS (15 * SECOND)      /* for CometBFT to end in order; then it is killed */
#define LINE_LEN_MAX 480
#define ADDRESS_LEN_MAX 640
#define CONFIG_LEN_MAX ((size_t)256 << 10) /* CometBFT writes 25 KiB */

/* What CometBFT writes when it cannot go on, and does not end: a disk that is full, say; or a state sync whose peers
 * were not to be reached for a moment, which it tries once. */
static const char *const last_words[] = {"CONSENSUS FAILURE!!!", "State sync failed",
                                         "Failed to bootstrap node with new state", "Failed to store last seen commit",
                                         "Failed to switch to block sync"};

/* What a child has written of its last line. */
typedef struct said {
    const char *name;
    char line[LINE_LEN_MAX];
    size_t len;
    bool halted;
} said;

/* "E[2026-11-25|13:07:39.346] CONSENSUS FAILURE!!! …": the message itself, not what others may have written into one.
 */
static bool is_halted(const char *written) {
    const char *text = strncmp(written, "E[", 2) == 0 ? strstr(written, "] ") : NULL;
    for (size_t i = 0; text && i < sizeof last_words / sizeof *last_words; i++)
        if (strncmp(text + 2, last_words[i], strlen(last_words[i])) == 0) return true;
    return false;
}

/* A line of CometBFT's own log, "E[2026-11-25|13:07:39.346] Stopping peer for error …". Whatever else is said is why it
 * does not start, or the panic that ended it; and assay-signer, asked to be quiet, has only that to say. */
static bool is_logged(const char *written) { return written[0] == '{' || (written[0] && written[1] == '['); }

static void say(struct comet *c, said *s, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        bool end = bytes[i] == '\n';
        if (!end && bytes[i] >= 0x20 && s->len < sizeof s->line - 1) s->line[s->len++] = (char)bytes[i];
        if (!end || s->len == 0) continue;
        s->line[s->len] = 0;
        s->halted = s->halted || is_halted(s->line);
        if (is_logged(s->line) && !is_halted(s->line))
            node_log(c->owner->node, "%s: %s", s->name, s->line);
        else
            node_fault(c->owner->node, "%s: %s", s->name, s->line);
        s->len = 0;
    }
}

/* Waits a little for what a child says. False once it has closed its output. */
static bool hear(struct comet *c, assay_os_child *child, said *s, uint64_t wait_ns) {
    uint8_t bytes[4096];
    size_t len;
    assay_err err = assay_os_child_read(&len, child, bytes, sizeof bytes, assay_os_monotonic_ns() + wait_ns);
    if (err == ASSAY_OK) say(c, s, bytes, len);
    /* Asked to stop: we are told by `closing` when. */
    if (err == ASSAY_F_INTERRUPTED) assay_os_sleep_ns(wait_ns < 10000000 ? wait_ns : 10000000);
    return err != ASSAY_OK || len > 0;
}

static assay_err program(char *out, size_t cap, const struct comet *c, const char *name) {
    size_t len = assay_os_format(out, cap, "%s/%s", c->owner->node->config.programs, name);
    return len < cap - 1 ? ASSAY_OK : ASSAY_E_RANGE;
}

/* Which processes make up this validator: <data>/processes.json, for people and scripts. */
static void note_processes(const struct comet *c) {
    char text[160], path[600];
    size_t len = assay_os_format(text, sizeof text, "{\"assayd\":%u,\"cometbft\":%d,\"signer\":%d}\n",
                                 assay_os_process_id(), atomic_load(&c->engine_id), atomic_load(&c->signer_id));
    assay_os_format(path, sizeof path, "%s/processes.json", c->owner->dir);
    (void)!assay_os_replace(path, (assay_bytes){(const uint8_t *)text, len}, 0644);
}

/* Where CometBFT awaits a signer, ours or one that somebody else starts: its own settings say so. */
static assay_err signer_socket(const struct comet *c, char *out, size_t cap, assay_arena scratch) {
    char path[600];
    assay_bytes config;
    assay_os_format(path, sizeof path, "%s/cometbft/config/config.toml", c->owner->dir);
    ASSAY_TRY(assay_os_read_whole(&config, &scratch, path, CONFIG_LEN_MAX));
    assay_bytes given = assay_comet_home_setting(config, "", "priv_validator_laddr");
    if (given.len <= 7 || memcmp(given.ptr, "unix://", 7) != 0) return ASSAY_E_NOT_FOUND;
    bool whole = given.ptr[7] == '/';
    size_t len = assay_os_format(out, cap, "unix://%s%s%.*s", whole ? "" : c->owner->dir, whole ? "" : "/",
                                 (int)given.len - 7, (const char *)given.ptr + 7);
    return len < cap - 1 ? ASSAY_OK : ASSAY_E_RANGE;
}

bool processes_sync(const struct comet *c) {
    char path[600];
    assay_bytes config;
    assay_os_region region;
    assay_os_format(path, sizeof path, "%s/cometbft/config/config.toml", c->owner->dir);
    if (assay_os_reserve(&region, 2 * CONFIG_LEN_MAX) != ASSAY_OK) return false;
    assay_arena scratch = assay_os_region_arena(&region);
    bool sync = assay_os_read_whole(&config, &scratch, path, CONFIG_LEN_MAX) == ASSAY_OK &&
                assay_base_bytes_eq(assay_comet_home_setting(config, "statesync", "enable"), ASSAY_STR("true"));
    assay_os_unreserve(&region);
    return sync;
}

/* A CometBFT that ended leaves that socket behind, and does not start where one is. One that somebody listens at stays:
 * that is another CometBFT, which has not ended yet. */
static void clear_signer_socket(const struct comet *c) {
    char address[ADDRESS_LEN_MAX];
    assay_os_region region;
    assay_os_socket somebody;
    if (assay_os_reserve(&region, 2 * CONFIG_LEN_MAX) != ASSAY_OK) return;
    assay_err err = signer_socket(c, address, sizeof address, assay_os_region_arena(&region));
    assay_os_unreserve(&region);
    if (err != ASSAY_OK) return;
    if (assay_os_socket_dial(&somebody, address, assay_os_monotonic_ns() + SECOND) == ASSAY_F_NETWORK)
        (void)!assay_os_remove(address + 7);
    assay_os_socket_close(&somebody);
}

/* How long whoever ended is waited with, after waiting so long before and having run so long: one that was killed is
 * back at once, one that cannot run fills no log. */
static uint64_t longer(uint64_t waited_ns, uint64_t ran_ns) {
    if (waited_ns == 0 || ran_ns > LONG_RUN_NS) return AGAIN_FIRST_NS;
    return waited_ns * 2 < AGAIN_LAST_NS ? waited_ns * 2 : AGAIN_LAST_NS;
}

static assay_err start_engine(struct comet *c) {
    char path[600];
    const char *const words[] = {"cometbft", "start", "--home", "cometbft", NULL};
    clear_signer_socket(c);
    ASSAY_TRY(program(path, sizeof path, c, "cometbft"));
    ASSAY_TRY(assay_os_child_start(&c->engine, path, words, c->owner->dir));
    atomic_store(&c->engine_id, c->engine.id);
    note_processes(c);
    return ASSAY_OK;
}

static assay_err start_signer(struct comet *c) {
    char path[600];
    const char *const words[] = {
        "assay-signer",      "--data",  "signer", "--chain-id", c->owner->node->chain_id, "--connect",
        c->settings->signer, "--quiet", NULL};
    ASSAY_TRY(program(path, sizeof path, c, "assay-signer"));
    ASSAY_TRY(assay_os_child_start(&c->signer, path, words, c->owner->dir));
    atomic_store(&c->signer_id, c->signer.id);
    c->signer_began_ns = assay_os_monotonic_ns();
    note_processes(c);
    return ASSAY_OK;
}

/* The signer lives on its own: CometBFT waits for it, and is not started anew because it was. */
static void mind_signer(struct comet *c, said *s) {
    int code;
    uint64_t now = assay_os_monotonic_ns();
    if (!c->settings->signer) return;
    if (c->signer.id) {
        (void)hear(c, &c->signer, s, 0);
        if (!assay_os_child_wait(&c->signer, &code, 0)) return;
        atomic_store(&c->signer_id, 0);
        node_fault(c->owner->node, "assay-signer ended with %d; it is started again", code);
        c->signer_wait_ns = longer(c->signer_wait_ns, now - c->signer_began_ns);
        c->signer_again_ns = now + c->signer_wait_ns;
    } else if (now >= c->signer_again_ns && start_signer(c) != ASSAY_OK) {
        node_fault(c->owner->node, "assay-signer cannot be started from %s", c->owner->node->config.programs);
        c->signer_again_ns = now + AGAIN_LAST_NS;
    }
}

static void end_child(assay_os_child *child, atomic_int *id, uint64_t patience_ns, struct comet *c, said *s) {
    int code;
    if (!child->id) return;
    assay_os_child_signal(child, ASSAY_OS_TERMINATE);
    uint64_t deadline = assay_os_monotonic_ns() + patience_ns;
    while (assay_os_monotonic_ns() < deadline && hear(c, child, s, LOOK_NS / 10)) {}
    if (!assay_os_child_wait(child, &code, deadline)) {
        node_fault(c->owner->node, "%s did not end when asked, and is killed", s->name);
        assay_os_child_signal(child, ASSAY_OS_KILL);
        (void)assay_os_child_wait(child, &code, assay_os_monotonic_ns() + END_NS);
    }
    atomic_store(id, 0);
}

/* From its start to its end. */
static void run_once(struct comet *c, said *engine, said *signer) {
    int code;
    application_reset(c);
    engine->halted = false;
    engine->len = 0; /* the last words of the one before had no end */
    assay_err err = start_engine(c);
    if (err != ASSAY_OK) {
        node_fault(c->owner->node, "CometBFT cannot be started from %s: %s", c->owner->node->config.programs,
                   assay_base_err_text(err));
        return;
    }
    while (!atomic_load(&c->closing) && !engine->halted && hear(c, &c->engine, engine, LOOK_NS)) mind_signer(c, signer);
    if (atomic_load(&c->closing)) return;
    if (engine->halted) {
        node_fault(c->owner->node, "CometBFT runs and decides nothing any more: it is ended, for the next may");
        end_child(&c->engine, &c->engine_id, END_NS, c, engine);
        code = 0;
    } else if (!assay_os_child_wait(&c->engine, &code, assay_os_monotonic_ns() + END_NS)) {
        assay_os_child_signal(&c->engine, ASSAY_OS_KILL);
        (void)assay_os_child_wait(&c->engine, &code, assay_os_monotonic_ns() + END_NS);
    }
    atomic_store(&c->engine_id, 0);
    note_processes(c);
    node_fault(c->owner->node, "CometBFT ended with %d; it is started again", code);
    lines_end(c); /* what it had asked is answered to nobody */
}

static void run(void *context) {
    struct comet *c = context;
    said engine = {.name = "cometbft"}, signer = {.name = "assay-signer"};
    uint64_t wait = 0;
    mind_signer(c, &signer);
    while (!atomic_load(&c->closing)) {
        uint64_t began = assay_os_monotonic_ns();
        run_once(c, &engine, &signer);
        wait = longer(wait, assay_os_monotonic_ns() - began);
        for (uint64_t until = assay_os_monotonic_ns() + wait;
             assay_os_monotonic_ns() < until && !atomic_load(&c->closing);) {
            mind_signer(c, &signer);
            assay_os_sleep_ns(LOOK_NS / 10);
        }
    }
    end_child(&c->engine, &c->engine_id, END_NS, c, &engine);
    end_child(&c->signer, &c->signer_id, SECOND, c, &signer);
    char path[600];
    assay_os_format(path, sizeof path, "%s/processes.json", c->owner->dir);
    (void)!assay_os_remove(path);
}

/* What cannot be started at all is told at once. */
static assay_err look_for(const struct comet *c, const char *name) {
    char path[600];
    ASSAY_TRY(program(path, sizeof path, c, name));
    if (assay_os_exists(path)) return ASSAY_OK;
    node_log(c->owner->node, "%s is not there (make cometbft, or --programs DIR)", path);
    return ASSAY_F_NO_PATH;
}

assay_err processes_start(struct comet *c) {
    ASSAY_TRY(look_for(c, "cometbft"));
    if (c->settings->signer) ASSAY_TRY(look_for(c, "assay-signer"));
    ASSAY_TRY(assay_os_thread_start(&c->supervisor, "supervisor", 0, run, c));
    c->supervisor_runs = true;
    return ASSAY_OK;
}

void processes_stop(struct comet *c) {
    if (c->supervisor_runs) assay_os_thread_join(&c->supervisor);
    c->supervisor_runs = false;
}
