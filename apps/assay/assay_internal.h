/* SPDX-License-Identifier: Apache-2.0
 *
 * assay_internal - what the command line's files share: the table of commands, the words of one call, output for people and machines, the way to a node.
 *
 *   argv -> options.c (table) -> a command -> model, cert (offline) or remote.c (a node) -> output.c
 *
 * stdout is data, stderr is messages and progress. The exit code follows from one assay_err (base's table), as the printed code does.
 * Reading order: assay_internal.h, main.c, commands.c, options.c, output.c, remote.c, then one command after the other.
 */
#ifndef ASSAY_APP_INTERNAL_H
#define ASSAY_APP_INTERNAL_H

#include "base/base.h"
#include "cert/cert.h"
#include "codec/codec.h"
#include "crypto/crypto.h"
#include "http/http.h"
#include "model/model.h"
#include "node/node.h"
#include "os/os.h"
#include "types/types.h"

#include <jansson.h>

/* ---- options and commands ---------------------------------------------------------------------------------------------- */

typedef enum option_id {
    OPTION_JSON, OPTION_QUIET, OPTION_HELP, OPTION_NODE, OPTION_KEY, OPTION_TIMEOUT,
    OPTION_NAME, OPTION_VERSION, OPTION_PARENT, OPTION_WAIT, OPTION_OUT, OPTION_SOURCE, OPTION_DRY_RUN,
    OPTION_CERT, OPTION_TRUST, OPTION_ALLOW_AGE, OPTION_ALLOW_OVERLAP, OPTION_THREADS,
    OPTION_REASON, OPTION_SET, OPTION_MEMO, OPTION_VALIDATORS, OPTION_PORT, OPTION_DATA, OPTION_ADDRESS, OPTION_LIMIT,
    OPTION_COUNT
} option_id;

typedef struct option_row {
    option_id id;
    const char *name;     /* "--json" */
    const char *letter;   /* "-q", or NULL */
    const char *value;    /* what it takes, for the help: "FILE"; NULL: nothing */
    bool many;            /* may come several times */
    const char *help;
} option_row;
extern const option_row option_rows[OPTION_COUNT];

#define WORDS_MAX 32
#define OPTION_VALUES_MAX 16

/* One call of the program. */
typedef struct call {
    const struct command *command;
    const char *words[WORDS_MAX]; /* what is no option, without the command's name */
    int words_count;
    const char *values[OPTION_COUNT][OPTION_VALUES_MAX];
    int counts[OPTION_COUNT];
    assay_os_region keep_region, scratch_region;
    assay_arena keep;    /* lives until the end */
    assay_arena scratch; /* by value */
    assay_http_client *client;
    const char *what; /* detail of the error that is about to be returned; in keep or static */
    const char *try_this;
    bool reported; /* the command printed its outcome itself; only the exit code is left */
    int exit_override; /* with reported: exit code, if not that of the error; -1: none */
} call;

typedef struct command {
    const char *name;  /* "devnet fault" has a space */
    const char *usage; /* what follows the name */
    const char *summary;
    const char *about; /* further sentences for --help and the manual, or NULL */
    uint64_t options;  /* bit per option_id, besides the common ones */
    int words_min, words_max;
    assay_err (*run)(call *c);
} command;
extern const command commands[];
extern const size_t commands_count;
#define BIT(option) (1ull << (option))

/* options.c */
assay_err options_parse(call *c, int argc, char **argv);
bool has(const call *c, option_id id);
const char *value(const call *c, option_id id); /* the last one, or NULL */
assay_err value_u64(call *c, option_id id, uint64_t *out, uint64_t least, uint64_t most); /* unchanged if it is not given */
/* what - sets the detail of the error that the caller returns, formatted, and gives err back. */
__attribute__((format(printf, 3, 4))) assay_err what(call *c, assay_err err, const char *format, ...);
assay_err amount_of(call *c, uint64_t *out, const char *text);
assay_err address_of(call *c, assay_address *out, const char *text);
/* "owner/model@version" cut in two. */
assay_err ref_of(call *c, assay_version_ref *out, const char *text);

/* output.c */
bool json_wanted(const call *c);
bool quiet(const call *c);
void out_bytes(assay_bytes bytes);
__attribute__((format(printf, 1, 2))) void out(const char *format, ...);
/* say - a message for people, on stderr, unless --quiet or --json. */
__attribute__((format(printf, 2, 3))) void say(const call *c, const char *format, ...);
void out_json(json_t *value); /* printed with a newline, and given up */
int report(call *c, assay_err err); /* prints an error in its two forms; returns the exit code */
bool out_failed(void); /* stdout could not be written */
/* human sizes: "90.9 MB". Returns out. */
const char *size_text(char out[24], uint64_t bytes);

/* Rows of text whose columns align. */
#define TABLE_COLUMNS_MAX 10
typedef struct table {
    int columns;
    bool right[TABLE_COLUMNS_MAX];
    char *cells[4096][TABLE_COLUMNS_MAX];
    int rows;
} table;
void table_row(table *t, ...); /* columns times const char * */
void table_print(table *t);

typedef struct progress_bar {
    const call *c;
    const char *label;
    uint64_t started_ns, shown_ns;
    bool tty, shown;
} progress_bar;
progress_bar progress_begin(const call *c, const char *label);
bool progress_show(void *bar, const assay_model_progress *progress); /* false when the person interrupted */
void progress_bytes(progress_bar *bar, uint64_t done, uint64_t total, const char *what);
void progress_end(progress_bar *bar);

/* remote.c */
assay_err remote_open(call *c);
/* remote_get - a JSON answer; a problem document becomes its error, with its detail. */
__attribute__((format(printf, 3, 4))) assay_err remote_get(call *c, json_t **out, const char *format, ...);
__attribute__((format(printf, 4, 5))) assay_err remote_bytes(call *c, assay_bytes *out, size_t max, const char *format, ...);
assay_err remote_send(call *c, json_t **out, assay_http_method method, const char *path, assay_bytes body, const char *type);
/* remote_submit - signs the body with the key of --key (chain id, nonce, fee and format are filled in here), hands it in and waits until it is final. */
assay_err remote_submit(call *c, const assay_tx_body *body, json_t **out);
assay_err key_load(call *c, assay_key_secret *out);
assay_err key_path(call *c, const char **out);
const char *jstr(const json_t *object, const char *key); /* "" if it is not there */
uint64_t jnum(const json_t *object, const char *key);
/* devnet pointer: where a devnet on a port has its data, so that its first account's key is found. */
assay_err devnet_pointer_path(const char **out, assay_arena *keep, const char *url);

/* commands */
assay_err run_digest(call *c), run_verify(call *c), run_publish(call *c), run_diff(call *c), run_refresh(call *c);
assay_err run_status(call *c), run_validators(call *c), run_log(call *c), run_show(call *c), run_explain(call *c);
assay_err run_send(call *c), run_delegate(call *c), run_undelegate(call *c), run_unjail(call *c);
assay_err run_revoke(call *c), run_deprecate(call *c), run_maintainers(call *c);
assay_err run_key_new(call *c), run_key_show(call *c), run_trust_add(call *c), run_trust_show(call *c);
assay_err run_devnet(call *c), run_fault(call *c);
assay_err run_help(call *c), run_completions(call *c), run_version(call *c);

#endif
