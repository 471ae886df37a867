/* SPDX-License-Identifier: Apache-2.0
 *
 * assayd - one validator as a daemon: ledger, store, checker and HTTP API in one process, until it is told to stop.
 *
 *   words -> options -> node (assay_node_start) -> `ready URL` on stdout, log lines on stderr -> SIGTERM -> stop
 *
 * In a directory that `assay net` made its engine is CometBFT, which it starts, supervises and ends. Else it is the
 * embedded one, with a set of one validator. It misbehaves for nobody, but in a rehearsal that asks for it (--faults).
 */
#include "base/base.h"
#include "codec/codec.h"
#include "node/node.h"
#include "os/os.h"
#include "types/types.h"

#include <string.h>

#define LOOK_NS 500000000ull
#define LINE_LEN_MAX 2048
#define GENESIS_LEN_MAX ((size_t)16 << 20)
#define MEMORY_SIZE ((size_t)64 << 20)

static const char help[] =
    "usage: assayd --data DIR [options]\n"
    "\n"
    "Runs one validator, with its HTTP API and /metrics, until SIGTERM or SIGINT. Prints `ready URL` when its first\n"
    "block is final; under CometBFT, when that has connected. Started again on the same directory, it goes on.\n"
    "\n"
    "  --data DIR           keys, chain and model bytes; made if it is not there\n"
    "  --engine ENGINE      cometbft: a validator of many, in a directory that `assay net` made; it starts CometBFT "
    "and\n"
    "                       the signer, and ends them. embedded: a chain of its own. Default: what the directory is\n"
    "  --programs DIR       where cometbft and assay-signer are; default: beside this program\n"
    "  --address ADDRESS    to listen on; default 127.0.0.1, or what node.json says\n"
    "  --port PORT          default 7878, or what node.json says; 0: any free one\n"
    "  --name NAME          of a new chain; default assay\n"
    "  --faults             under CometBFT: let POST /faults make it check without looking; for rehearsals\n"
    "  --log-format FORMAT  text (key=value, default) or json, on standard error\n"
    "  -q, --quiet          no log but errors\n"
    "  -h, --help, --version\n"
    "\n"
    "exit: 0 stopped when asked, 2 usage, 6 this machine failed, 70 a bug, 130 interrupted before it was ready.\n"
    "There is no telemetry. It answers; under CometBFT it also asks the peers of its network.\n";

typedef struct options {
    const char *data, *address, *name, *log_format, *engine, *programs;
    uint64_t port;
    bool quiet, help, version, json, has_address, has_port, faults;
    const char *word; /* the one that parse complains about; NULL: none */
} options;

/* ---- log ----------------------------------------------------------------------------------------------------- */

/* One line of either form. Any thread: it is one write. A line that is no UTF-8 is left out. */
static void log_write(const options *o, const char *level, const char *text) {
    uint8_t line[LINE_LEN_MAX * 6 + 256], stamp[64]; /* every byte of text may be escaped */
    assay_buf buf = {line, 0, sizeof line - 1}, time = {stamp, 0, sizeof stamp};
    assay_json json = assay_json_begin(&buf), when = assay_json_begin(&time);
    if (o->json) {
        assay_json_object(&json, NULL);
        assay_json_time(&json, "time", assay_os_now());
        assay_json_str(&json, "level", level);
        assay_json_str(&json, "message", text);
        assay_json_close(&json, '}');
    } else {
        /* Readers of key=value quote as JSON does. */
        assay_json_str(&json, NULL, text);
    }
    assay_json_time(&when, NULL, assay_os_now());
    if (assay_json_end(&json) != ASSAY_OK || assay_json_end(&when) != ASSAY_OK) return;
    line[buf.len] = 0;
    if (o->json)
        assay_os_printf(ASSAY_OS_STDERR, "%s\n", (const char *)line);
    else
        assay_os_printf(ASSAY_OS_STDERR, "time=%.*s level=%s msg=%s\n", (int)(time.len - 2), (const char *)stamp + 1,
                        level, (const char *)line);
}

static void log_line(void *context, const char *line) {
    const options *o = context;
    if (!o->quiet) log_write(o, "info", line);
}

static void log_fault(void *context, const char *line) { log_write(context, "error", line); }

static int fail(const options *o, assay_err err, const char *because) {
    char text[LINE_LEN_MAX];
    if (assay_base_err_exit(err) == 2) {
        assay_os_printf(ASSAY_OS_STDERR, "error: %s\nbecause: %s\ntry: assayd --help\ncode %s\n",
                        assay_base_err_text(err), because, assay_base_err_code(err));
    } else {
        assay_os_format(text, sizeof text, "%s: %s (%s)", assay_base_err_text(err), because, assay_base_err_code(err));
        log_write(o, "error", text);
    }
    return assay_base_err_exit(err);
}

/* ---- options ------------------------------------------------------------------------------------------------- */

/* The value of option `name` at argv[*i]: behind '=', or the next word; "" if there is none. NULL: another option. */
static const char *value_of(const char *name, int argc, char **argv, int *i) {
    size_t len = strlen(name);
    const char *word = argv[*i];
    if (strncmp(word, name, len) != 0 || (word[len] != 0 && word[len] != '=')) return NULL;
    if (word[len] == '=') return word + len + 1;
    return *i + 1 < argc ? argv[++*i] : "";
}

/* NULL, or what is wrong. */
static const char *parse_words(options *o, int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *value = NULL;
        o->word = word;
        if (strcmp(word, "-q") == 0 || strcmp(word, "--quiet") == 0)
            o->quiet = true;
        else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
            o->help = true;
        else if (strcmp(word, "--version") == 0)
            o->version = true;
        else if (strcmp(word, "--faults") == 0)
            o->faults = true;
        else if ((value = value_of("--data", argc, argv, &i)))
            o->data = value;
        else if ((value = value_of("--address", argc, argv, &i)))
            o->address = value;
        else if ((value = value_of("--engine", argc, argv, &i)))
            o->engine = value;
        else if ((value = value_of("--programs", argc, argv, &i)))
            o->programs = value;
        else if ((value = value_of("--name", argc, argv, &i)))
            o->name = value;
        else if ((value = value_of("--log-format", argc, argv, &i)))
            o->log_format = value;
        else if ((value = value_of("--port", argc, argv, &i))) {
            if (assay_base_undecimal(&o->port, assay_base_bytes_str(value)) != ASSAY_OK || o->port > UINT16_MAX)
                return "a port is a number from 0 to 65535";
        } else
            return "there is no such option or word";
        if (value && !*value) return "a value is missing";
        o->has_address = o->has_address || value == o->address;
        o->has_port = o->has_port || strncmp(word, "--port", 6) == 0;
    }
    o->word = NULL;
    return NULL;
}

/* NULL, or what is wrong. */
static const char *parse(options *o, int argc, char **argv) {
    const char *wrong = parse_words(o, argc, argv);
    if (wrong) return wrong;
    o->json = o->log_format && strcmp(o->log_format, "json") == 0;
    if (o->log_format && !o->json && strcmp(o->log_format, "text") != 0) return "--log-format is text or json";
    if (o->help || o->version) return NULL;
    if (!o->data) return "--data DIR is needed: where keys and chain are kept";
    if (o->engine && strcmp(o->engine, "cometbft") != 0 && strcmp(o->engine, "embedded") != 0)
        return "--engine is cometbft or embedded";
    size_t len = strlen(o->name);
    bool ok = len >= 1 && len <= ASSAY_GENESIS_NAME_LEN_MAX &&
              strspn(o->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
    return ok ? NULL : "--name takes 1 to 32 of a-z, 0-9 and -";
}

/* ---- the daemon ---------------------------------------------------------------------------------------------- */

/* How many validators the directory's network has; 0 if there is none yet. */
static assay_err validators_in(uint32_t *out, const char *data, assay_arena memory) {
    const char *path;
    assay_bytes text;
    assay_genesis genesis;
    *out = 0;
    ASSAY_TRY(assay_os_path_join(&path, &memory, data, ASSAY_STR("genesis")));
    assay_err err = assay_os_read_whole(&text, &memory, path, GENESIS_LEN_MAX);
    if (err == ASSAY_E_NOT_FOUND) return ASSAY_OK;
    ASSAY_TRY(err);
    if (assay_codec_decode(&genesis, &memory, &assay_genesis_message, text, ASSAY_CODEC_STRICT) != ASSAY_OK)
        return ASSAY_F_CORRUPT;
    *out = genesis.validators_count;
    return ASSAY_OK;
}

static int serve(const options *o, assay_node *node) {
    assay_node_view view = assay_node_look(node);
    char text[LINE_LEN_MAX];
    bool everywhere = strcmp(o->address, "0.0.0.0") == 0, six = strchr(o->address, ':') != NULL;
    const char *host = everywhere ? "127.0.0.1" : strcmp(o->address, "::") == 0 ? "::1" : o->address;
    assay_os_format(text, sizeof text, "chain %s %s at height %llu, data in %s", view.chain_id,
                    view.resumed ? "goes on" : "begins", (unsigned long long)view.height, view.data);
    if (!o->quiet) log_write(o, "info", text);
    assay_err err =
        assay_os_printf(ASSAY_OS_STDOUT, six ? "ready http://[%s]:%u\n" : "ready http://%s:%u\n", host, view.port);
    /* Nobody may be reading stdout of a daemon: that is no reason to stop. */
    if (err != ASSAY_OK) log_write(o, "warning", "standard output could not be written");
    while (!assay_os_stop_wait(assay_os_monotonic_ns() + LOOK_NS)) {
        view = assay_node_look(node);
        if (view.failed != ASSAY_OK) return fail(o, view.failed, "the validator stopped");
    }
    view = assay_node_look(node);
    assay_os_format(text, sizeof text, "asked to stop at height %llu", (unsigned long long)view.height);
    if (!o->quiet) log_write(o, "info", text);
    return 0;
}

/* A validator under CometBFT: what node.json says, but for what was said here. */
static assay_err comet_config(options *o, assay_node_config *config, assay_node_settings *settings, assay_arena *keep) {
    ASSAY_TRY(assay_node_settings_read(settings, keep, o->data));
    if (!o->has_address) o->address = settings->address;
    if (!o->has_port) o->port = settings->port;
    if (!o->programs) ASSAY_TRY(assay_os_program_dir(&o->programs, keep));
    config->settings = settings;
    config->programs = o->programs;
    return ASSAY_OK;
}

static int run_with(options *o, assay_arena memory) {
    uint32_t there = 0;
    assay_node_settings settings;
    assay_node_config config = {
        .validators = 1, .data = o->data, .name = o->name, .log = log_line, .fault = log_fault, .log_context = o};
    assay_err err = validators_in(&there, o->data, memory);
    if (err != ASSAY_OK) {
        char text[LINE_LEN_MAX];
        assay_os_format(text, sizeof text, "%s/genesis", o->data);
        return fail(o, err, text);
    }
    bool comet = assay_node_settings_exist(o->data, memory);
    if (o->engine) comet = strcmp(o->engine, "cometbft") == 0;
    if (comet) {
        err = comet_config(o, &config, &settings, &memory);
        if (err == ASSAY_E_NOT_FOUND)
            return fail(o, ASSAY_E_USAGE,
                        "there is no node.json: `assay net init` or `assay net join` makes a validator");
        if (err != ASSAY_OK) {
            char text[LINE_LEN_MAX];
            assay_os_format(text, sizeof text, "node.json%s%s", err == ASSAY_F_CORRUPT ? ": " : "",
                            err == ASSAY_F_CORRUPT ? settings.wrong : "");
            return fail(o, err, text);
        }
        if (!there) return fail(o, ASSAY_E_USAGE, "there is no genesis yet: `assay net accept` puts it there");
    } else if (there > 1 && !assay_node_settings_exist(o->data, memory)) { /* else it is told that, too */
        return fail(o, ASSAY_E_USAGE, "the directory holds a network of several validators: assay devnet runs it");
    }
    config.faults = comet && o->faults;
    config.address = o->address;
    config.port = (uint16_t)o->port;
    char why[512] = "";
    assay_node *node;
    err = assay_node_start(&node, &config, why, sizeof why);
    if (err != ASSAY_OK) return fail(o, err, why);
    /* Asked to stop while it started. */
    int code = assay_os_stop_requested() ? assay_base_err_exit(ASSAY_F_INTERRUPTED) : serve(o, node);
    assay_node_stop(node);
    return code;
}

static int run(options *o) {
    assay_os_region region;
    assay_err err = assay_os_reserve(&region, MEMORY_SIZE);
    if (err != ASSAY_OK) return fail(o, err, "memory");
    int code = run_with(o, assay_os_region_arena(&region));
    assay_os_unreserve(&region);
    return code;
}

int main(int argc, char **argv) {
    options o = {.address = "127.0.0.1", .name = "assay", .port = ASSAY_NODE_PORT};
    const char *wrong = parse(&o, argc, argv);
    if (wrong) {
        char text[LINE_LEN_MAX];
        assay_os_format(text, sizeof text, "%s%s%s", o.word ? o.word : "", o.word ? ": " : "", wrong);
        return fail(&o, ASSAY_E_USAGE, text);
    }
    if (o.help) return assay_base_err_exit(assay_os_print(ASSAY_OS_STDOUT, assay_base_bytes_str(help)));
    if (o.version) return assay_base_err_exit(assay_os_printf(ASSAY_OS_STDOUT, "assayd %s\n", PROGRAM_VERSION));
    assay_err err = assay_os_stop_init();
    return err == ASSAY_OK ? run(&o) : fail(&o, err, "signals");
}
