/* SPDX-License-Identifier: Apache-2.0
 *
 * assay-verify - holds a model on this disk against its certificate, offline, and says so with an exit code. The same
 * walk as `assay verify`, without anything else: no network code, no keys, no chain.
 *
 * Exit codes: 0 verified, 1 wrong, 2 usage, 3 cannot decide, 4 policy not met, 5 revoked, 6 this machine failed, 70 a
 * bug, 130 interrupted. */
#include "cert/cert.h"
#include "os/os.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "0.1"
#define PROGRESS_STEP_NS 100000000u

static const char help[] =
    "usage: assay-verify [options] PATH\n"
    "\n"
    "Holds the model at PATH (a folder or a file) against its certificate. Reads files only: no network.\n"
    "\n"
    "  --cert FILE       the certificate; default: *.assay.json beside PATH\n"
    "  --trust FILE      the trust file; default: $ASSAY_TRUST, else ~/.config/assay/trust.json\n"
    "  --name NAME       OWNER/MODEL or OWNER/MODEL@VERSION: the certificate has to be for it\n"
    "  --publisher HEX   the public key whose statement it has to be\n"
    "  --allow-age       accept a trusted checkpoint older than the trust file's trust_seconds\n"
    "  --allow-overlap   accept signers with more than 1/3, but not 2/3, of the trusted power\n"
    "  --threads N       threads that hash, 1 to 64; default: one per processor\n"
    "  --json            one line of JSON on standard output\n"
    "  -q, --quiet       the verdict and what differs, no more\n"
    "  --version, -h, --help\n"
    "\n"
    "exit: 0 verified, 1 wrong, 2 usage, 3 cannot decide, 4 policy not met, 5 revoked, 6 this machine failed,\n"
    "      70 a bug, 130 interrupted. Attested is not safe: `verified` means the same bytes as published, no more.\n";

typedef struct options {
    assay_cert_request request;
    bool json;
    bool quiet;
    bool help;
    bool version;
    bool tty;
    uint64_t next_ns; /* when progress may be shown again */
} options;

/* Says what is wrong with the command line; its exit code. */
static int usage(const options *o, const char *what, const char *word) {
    if (!o->json) {
        assay_os_printf(ASSAY_OS_STDERR, "error: %s%s%s\ntry: assay-verify --help\ncode %s\n", what, word ? ": " : "",
                        word ? word : "", assay_base_err_code(ASSAY_E_USAGE));
        return assay_base_err_exit(ASSAY_E_USAGE);
    }
    uint8_t room[8192];
    assay_buf text = {.ptr = room, .cap = sizeof room};
    assay_json json = assay_json_begin(&text);
    assay_json_object(&json, NULL);
    assay_json_object(&json, "error");
    assay_json_str(&json, "code", assay_base_err_code(ASSAY_E_USAGE));
    assay_json_str(&json, "what", what);
    assay_json_str(&json, "because", word ? word : "");
    assay_json_str(&json, "try", "assay-verify --help");
    assay_json_close(&json, '}');
    assay_json_close(&json, '}');
    if (assay_json_end(&json) != ASSAY_OK || assay_base_buf_put(&text, ASSAY_STR("\n")) != ASSAY_OK) text.len = 0;
    assay_os_print(ASSAY_OS_STDOUT, (assay_bytes){text.ptr, text.len});
    return assay_base_err_exit(ASSAY_E_USAGE);
}

/* The value of option `name` at argv[*i]: behind '=', or the next word. NULL if this is another option. */
static const char *value_of(const char *name, int argc, char **argv, int *i, bool *missing) {
    size_t len = strlen(name);
    const char *word = argv[*i];
    if (strncmp(word, name, len) != 0 || (word[len] != 0 && word[len] != '=')) return NULL;
    if (word[len] == '=') return word + len + 1;
    if (*i + 1 < argc) return argv[++*i];
    *missing = true;
    return "";
}

static bool is(const char *word, const char *one, const char *other) {
    return strcmp(word, one) == 0 || (other && strcmp(word, other) == 0);
}

/* One option at argv[*i]: NULL if it was taken, else what is wrong. */
static const char *take_option(options *o, int argc, char **argv, int *i) {
    const char *value;
    bool missing = false;
    uint64_t number = 0;
    if (is(argv[*i], "--json", NULL)) o->json = true;
    else if (is(argv[*i], "-q", "--quiet")) o->quiet = true;
    else if (is(argv[*i], "-h", "--help")) o->help = true;
    else if (is(argv[*i], "--version", NULL)) o->version = true;
    else if (is(argv[*i], "--allow-age", NULL)) o->request.policy.allow_age = true;
    else if (is(argv[*i], "--allow-overlap", NULL)) o->request.policy.allow_overlap = true;
    else if ((value = value_of("--cert", argc, argv, i, &missing))) o->request.cert = value;
    else if ((value = value_of("--trust", argc, argv, i, &missing))) o->request.trust = value;
    else if ((value = value_of("--name", argc, argv, i, &missing))) {
        if (!missing && assay_cert_policy_name(&o->request.policy, value) != ASSAY_OK)
            return "--name takes OWNER/MODEL or OWNER/MODEL@VERSION";
    } else if ((value = value_of("--publisher", argc, argv, i, &missing))) {
        if (!missing && assay_cert_policy_publisher(&o->request.policy, value) != ASSAY_OK)
            return "--publisher takes a public key, 64 hex digits";
    } else if ((value = value_of("--threads", argc, argv, i, &missing))) {
        bool ok = assay_base_undecimal(&number, assay_base_bytes_str(value)) == ASSAY_OK;
        if (!missing && (!ok || number < 1 || number > ASSAY_MODEL_THREADS_MAX)) return "--threads takes 1 to 64";
        o->request.model.threads = (uint32_t)number;
    } else return "there is no such option";
    return missing ? "a value is missing behind the option" : NULL;
}

/* 0 to go on, else the exit code. */
static int parse(options *o, int argc, char **argv) {
    bool only_paths = false;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0) o->json = true; /* so that every complaint knows its form */
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (!only_paths && strcmp(word, "--") == 0) {
            only_paths = true;
        } else if (!only_paths && word[0] == '-' && word[1] != 0) {
            const char *wrong = take_option(o, argc, argv, &i);
            if (wrong) return usage(o, wrong, word);
        } else if (o->request.path) {
            return usage(o, "one PATH, not several", word);
        } else {
            o->request.path = word;
        }
    }
    if (o->help || o->version) return 0;
    if (!o->request.path || !*o->request.path) return usage(o, "PATH is missing", NULL);
    return 0;
}

/* Called while the model is read: false stops it. */
static bool progress(void *context, const assay_model_progress *at) {
    options *o = context;
    uint64_t now = assay_os_monotonic_ns();
    if (o->tty && now >= o->next_ns && at->total != 0) {
        o->next_ns = now + PROGRESS_STEP_NS;
        assay_os_printf(ASSAY_OS_STDERR, "\r%3u %% of %llu MB ", (unsigned)((double)at->done * 100 / (double)at->total),
                        (unsigned long long)(at->total / 1000000));
    }
    return !assay_os_stop_requested();
}

static int print(const options *o, const assay_verdict *verdict, assay_arena *room) {
    assay_buf text = {.cap = assay_verdict_size(verdict)};
    text.ptr = ASSAY_NEW(room, uint8_t, text.cap);
    assay_err err = ASSAY_F_MEMORY;
    if (text.ptr)
        err = o->json ? assay_verdict_json(&text, verdict) : assay_verdict_text(&text, verdict, o->quiet);
    if (err == ASSAY_OK) err = assay_os_print(ASSAY_OS_STDOUT, (assay_bytes){text.ptr, text.len});
    if (err == ASSAY_OK) return assay_verdict_exit(verdict);
    assay_os_printf(ASSAY_OS_STDERR, "error: %s\ncode %s\n", assay_base_err_text(err), assay_base_err_code(err));
    return assay_base_err_exit(err);
}

static int print_version(void) {
    assay_os_info self;
    unsigned long long size = 0;
    if (assay_os_info_get(&self, "/proc/self/exe", true) == ASSAY_OK) size = self.size;
    assay_err err = assay_os_printf(ASSAY_OS_STDOUT, "assay-verify %s (%s, %s; this program has %llu bytes)\n", VERSION,
                                    ASSAY_CERT_SCHEMA, ASSAY_TRUST_SCHEMA, size);
    return assay_base_err_exit(err);
}

int main(int argc, char **argv) {
    options o = {0};
    int code = parse(&o, argc, argv);
    if (code != 0) return code;
    if (o.help) return assay_base_err_exit(assay_os_print(ASSAY_OS_STDOUT, assay_base_bytes_str(help)));
    if (o.version) return print_version();
    assay_os_region keep_region, scratch_region;
    assay_err err = assay_os_stop_init();
    if (err == ASSAY_OK) err = assay_os_reserve(&keep_region, ASSAY_MODEL_ARENA_SIZE);
    if (err == ASSAY_OK) err = assay_os_reserve(&scratch_region, ASSAY_MODEL_ARENA_SIZE);
    if (err != ASSAY_OK) {
        assay_os_printf(ASSAY_OS_STDERR, "error: %s\ncode %s\n", assay_base_err_text(err), assay_base_err_code(err));
        return assay_base_err_exit(err);
    }
    assay_arena keep = assay_os_region_arena(&keep_region), scratch = assay_os_region_arena(&scratch_region);
    o.tty = assay_os_is_tty(ASSAY_OS_STDERR) && !o.quiet && !o.json;
    o.request.now = assay_os_now();
    o.request.model.progress = progress;
    o.request.model.progress_context = &o;
    assay_verdict verdict;
    assay_cert_verify_path(&verdict, &keep, &o.request, scratch);
    if (o.tty && o.next_ns != 0) assay_os_printf(ASSAY_OS_STDERR, "\r                        \r");
    return print(&o, &verdict, &keep);
}
