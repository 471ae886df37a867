/* SPDX-License-Identifier: Apache-2.0
 *
 * assay_internal - what the command line's files share: the table of commands, one call of the program, output for
 * people and machines, and the way to a node.
 *
 *   argv -> options.c (by the table) -> a command -> model, cert (offline) or remote.c (a node) -> output.c
 *
 * stdout is data; stderr is messages, progress and errors. The exit code and the printed code follow from one
 * assay_err (base's table). Nothing is kept outside of `call`.
 * Reading order: assay_internal.h, main.c, commands.c, options.c, values.c, output.c, table.c, progress.c, remote.c,
 * sign.c; then one command after the other: digest.c, verify.c, publish.c, upload.c, refresh.c, diff.c, delta.c,
 * status.c, log.c, show.c, explain.c, transactions.c, validator.c, key.c, trust.c, devnet.c, fault.c, help.c,
 * manual.c, completions.c, net.c, net_run.c, witness.c, report.c, doctor.c.
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

/* ---- options and commands ------------------------------------------------------------------------------------ */

typedef enum option_id {
    OPTION_JSON,
    OPTION_QUIET,
    OPTION_HELP,
    OPTION_NODE,
    OPTION_KEY,
    OPTION_TIMEOUT,
    OPTION_NAME,
    OPTION_VERSION,
    OPTION_PARENT,
    OPTION_WAIT,
    OPTION_OUT,
    OPTION_SOURCE,
    OPTION_DRY_RUN,
    OPTION_CERT,
    OPTION_TRUST,
    OPTION_PUBLISHER,
    OPTION_ALLOW_AGE,
    OPTION_ALLOW_OVERLAP,
    OPTION_THREADS,
    OPTION_REASON,
    OPTION_SET,
    OPTION_MEMO,
    OPTION_VALIDATORS,
    OPTION_PORT,
    OPTION_DATA,
    OPTION_ADDRESS,
    OPTION_CONSENSUS_KEY,
    OPTION_ATTESTATION_KEY,
    OPTION_MONIKER,
    OPTION_BASE_PORT,
    OPTION_NETWORK,
    OPTION_SIGNER,
    OPTION_KEY_IN_HOME,
    OPTION_HOST,
    OPTION_BOND,
    OPTION_PARAM,
    OPTION_ACCOUNT,
    OPTION_ALLOWANCE,
    OPTION_REHEARSAL,
    OPTION_FAULTS,
    OPTION_COUNT
} option_id;

typedef struct option_row {
    const char *name;   /* "--json" */
    const char *letter; /* "-q", or NULL */
    const char *value;  /* what it takes, for the help: "FILE"; NULL: nothing */
    bool many;          /* may come several times */
    const char *help;
} option_row;
extern const option_row option_rows[OPTION_COUNT];

#define WORDS_MAX 256
#define OPTION_VALUES_MAX 16

/* One call of the program. */
typedef struct call {
    const struct command_row *command;
    const char *words[WORDS_MAX]; /* what is no option, without the command's name */
    int words_count;
    const char *values[OPTION_COUNT][OPTION_VALUES_MAX];
    int counts[OPTION_COUNT];
    assay_arena keep;    /* lives until the end */
    assay_arena scratch; /* by value */
    assay_http_client *client;
    const char *url;      /* of the node, once it was asked for */
    const char *because;  /* detail of an error, in keep or static; NULL: none */
    assay_err because_of; /* which error that is: another one is reported without it */
    const char *try_this; /* in place of base's hint; NULL: that */
    bool reported;        /* the command printed its outcome itself: only the exit code is left */
    bool colour;          /* stdout is a person's terminal that wants colours */
    assay_buf text;       /* of stdout, not yet written */
    bool out_failed;      /* stdout could not be written */
} call;

typedef struct command_row {
    const char *name;    /* "devnet fault" has a space */
    const char *usage;   /* what follows the name */
    const char *summary; /* one line, lower case, no full stop */
    const char *about;   /* further sentences for --help and the manual, or NULL */
    const char *example; /* one line that works, or NULL */
    uint64_t options;    /* bit per option_id, besides the common ones */
    int words_min, words_max;
    assay_err (*run)(call *c);
} command_row;
extern const command_row commands[];
extern const size_t commands_count;
#define BIT(option) (1ull << (option))
#define COMMON_OPTIONS (BIT(OPTION_JSON) | BIT(OPTION_QUIET) | BIT(OPTION_HELP))

/* command_find - the command that the first words name, and how many words that takes; NULL if there is none. */
const command_row *command_find(const char *const *words, int count, int *taken);

/* ---- options.c ----------------------------------------------------------------------------------------------------
 */

/* options_parse - words and options of argv into c. ASSAY_E_USAGE with its detail; ASSAY_F_MEMORY. */
assay_err options_parse(call *c, int argc, char **argv);
bool has(const call *c, option_id id);
/* value - the last value of an option, or NULL. */
const char *value(const call *c, option_id id);
/* json_wanted, quiet - the two options that shape all output. */
bool json_wanted(const call *c);
bool quiet(const call *c);
/* usage - ASSAY_E_USAGE with a detail. */
__attribute__((format(printf, 2, 3))) assay_err usage(call *c, const char *format, ...);
/* fail - gives err back, with a detail that is printed with it. An empty format leaves none. */
__attribute__((format(printf, 3, 4))) assay_err fail(call *c, assay_err err, const char *format, ...);
/* keep_text - formatted text in keep; "" if memory is short. */
__attribute__((format(printf, 2, 3))) const char *keep_text(call *c, const char *format, ...);
/* nearest - that of count words which is like `word`, or NULL. */
const char *nearest(const char *word, const char *const *words, size_t count);

/* ---- values.c: what people type ------------------------------------------------------------------------------------
 */

/* value_u64 - the option's number, within bounds; unchanged if it is not given. ASSAY_E_USAGE. */
assay_err value_u64(call *c, option_id id, uint64_t *out, uint64_t least, uint64_t most);
/* amount_of - units: digits, which may be parted by '_'. At least 1. ASSAY_E_USAGE. */
assay_err amount_of(call *c, uint64_t *out, const char *text);
/* address_of - bech32m text. ASSAY_E_USAGE. */
assay_err address_of(call *c, assay_address *out, const char *text);
/* ref_of - "owner/model@version" cut in two and checked; name_of - "owner/model". ASSAY_E_NAME. */
assay_err ref_of(call *c, assay_version_ref *out, const char *text);
assay_err name_of(call *c, assay_bytes *out, const char *text);
/* is_digits - a non-empty row of decimal digits. */
bool is_digits(const char *text);

/* ---- output.c ------------------------------------------------------------------------------------------------------
 */

/* out - data, to stdout; kept until out_flush or the program's end. */
__attribute__((format(printf, 2, 3))) void out(call *c, const char *format, ...);
void out_bytes(call *c, assay_bytes bytes);
void out_flush(call *c);
/* out_json - printed with a newline, and given up: one line for programs, indented on a terminal. ASSAY_F_MEMORY. */
assay_err out_json(call *c, json_t *value);
/* json_room, out_written - canonical JSON without jansson, for large answers: begin writes into what is left of
 * scratch; out_written ends and prints it. */
assay_json json_room(call *c, assay_buf *buf);
assay_err out_written(call *c, assay_json *json, const assay_buf *buf);
/* out_as_json - what print would print, as {key: name, "text": ...}. ASSAY_F_MEMORY. */
assay_err out_as_json(call *c, const char *key, const char *name, void (*print)(call *c));
/* field - one line "  label     value" of a description, aligned. */
__attribute__((format(printf, 3, 4))) void field(call *c, const char *label, const char *format, ...);
/* say - a message for people, on stderr, unless --quiet or --json; with a newline. */
__attribute__((format(printf, 2, 3))) void say(const call *c, const char *format, ...);
/* report - prints an error in its two forms; returns the exit code. */
int report(call *c, assay_err err);
/* visible - text of anybody's in keep as zero-terminated UTF-8, control characters and what is no UTF-8 as \xNN. */
const char *visible(call *c, assay_bytes text);
const char *shown(call *c, const char *text);             /* the same of zero-terminated text */
const char *hex(call *c, const void *bytes, size_t len);  /* in keep */
const char *address_text(call *c, assay_address address); /* in keep */
/* size_text - "90.9 MB"; amount_text - "1_000_000". Both return out. */
const char *size_text(char out[24], uint64_t bytes);
const char *amount_text(char out[32], uint64_t amount);
/* span_text - "3 days", "12 seconds" of a span. Returns out. */
const char *span_text(char out[32], uint64_t seconds);

/* ---- table.c: rows of text whose columns align --------------------------------------------------------------- */

#define TABLE_COLUMNS_MAX 12
typedef struct table {
    call *c;
    const char *heads[TABLE_COLUMNS_MAX];
    bool right[TABLE_COLUMNS_MAX]; /* aligned to the right: numbers */
    int columns;
    const char **cells; /* rows * columns */
    size_t rows, rows_max;
    bool failed;
} table;
/* table_begin - heads is "INDEX> NAME STATUS": one word a column, '>' after it for the right. rows_max is a bound. */
table table_begin(call *c, const char *heads, size_t rows_max);
/* table_row - columns times const char *, which stay where they are until table_print. */
void table_row(table *t, ...);
/* table_print - prints heads (but for --quiet) and rows; nothing if there is no row. */
void table_print(table *t);

/* ---- progress.c ---------------------------------------------------------------------------------------------- */

typedef struct progress_bar {
    const call *c;
    const char *label;
    uint64_t started_ns, shown_ns;
    bool tty, shown;
} progress_bar;
progress_bar progress_begin(const call *c, const char *label);
/* progress_show - a callback of model's; false when the person asked to stop. */
bool progress_show(void *bar, const assay_model_progress *progress);
/* progress_bytes - the same for other work. */
bool progress_bytes(progress_bar *bar, uint64_t done, uint64_t total);
void progress_end(progress_bar *bar);

/* ---- remote.c ------------------------------------------------------------------------------------------------ */

#define REPLY_MAX ((size_t)64 << 20)
/* node_url - --node, ASSAY_NODE, or the devnet's usual place. */
const char *node_url(call *c);
/* remote_call - one request; a problem document, or a result that is an error, becomes that error with its detail. The
 * reply is in keep. */
assay_err remote_call(call *c, assay_http_reply *reply, assay_http_method method, const char *path, assay_bytes body,
                      const char *type, size_t reply_max);
/* remote_get - a JSON answer, to be given up with json_decref. */
__attribute__((format(printf, 3, 4))) assay_err remote_get(call *c, json_t **out, const char *format, ...);
/* remote_bytes - an answer of any kind, at most max bytes, in keep. */
__attribute__((format(printf, 4, 5))) assay_err remote_bytes(call *c, assay_bytes *out, size_t max, const char *format,
                                                             ...);
/* remote_send - a body there, JSON back. */
assay_err remote_send(call *c, json_t **out, assay_http_method method, const char *path, assay_bytes body,
                      const char *type);
/* member - a text of an object, "" if it is not there; number - a number or a decimal string, 0 if it is not there;
 * flag - true if it is there and true. */
const char *member(const json_t *object, const char *key);
uint64_t number(const json_t *object, const char *key);
bool flag(const json_t *object, const char *key);
/* pause_ns - waits a little; ASSAY_F_INTERRUPTED if the person asked to stop meanwhile. */
assay_err pause_ns(uint64_t ns);
/* deadline_of - when --timeout (else seconds) is over, on the monotonic clock. */
assay_err deadline_of(call *c, uint64_t *out, uint64_t seconds);
/* validator_of - the owner's address of a validator that is named by address, index or moniker. */
assay_err validator_of(call *c, assay_address *out, const char *text);

/* ---- sign.c -------------------------------------------------------------------------------------------------- */

/* devnet_pointer - the path of the file in which a devnet of this port says where its keys are. In keep. */
assay_err devnet_pointer(call *c, const char **out, uint32_t port);
/* key_path - which key signs: --key, ASSAY_KEY, or the first account of the devnet that --node is. ASSAY_E_USAGE if
 * there is none. */
assay_err key_path(call *c, const char **out);
/* key_load - reads it, and says so when others could too. key_read - the same of a path; word
 * may stand before the digits. Wipe what they give. */
assay_err key_load(call *c, assay_key_secret *out);
assay_err key_read(call *c, assay_key_secret *out, const char *path, const char *word);
/* submit - signs a body with one message (the rest is filled in here), hands it in and waits until it is final;
 * *out is {"id","height",...}. A nonce that somebody else used meanwhile is tried again. */
assay_err submit(call *c, assay_tx_body *body, const assay_key_secret *secret, json_t **out);
/* chain_fields - chain id (in keep), next nonce and fee of a body's signer, as submit uses them. */
assay_err chain_fields(call *c, assay_tx_body *body, const assay_key_secret *secret);

/* ---- what several commands share ----------------------------------------------------------------------------- */

/* digest_path (digest.c) - reads a model with progress; errors name their place. */
assay_err digest_path(call *c, assay_model *out, const char *path);
/* upload (upload.c) - hands over what the node lacks of a model; *sent is how many bytes that were. */
assay_err upload(call *c, const assay_model *model, const char *path, uint64_t *sent);
/* side - one side of a diff: a manifest, and where its bytes are. */
typedef struct side {
    assay_manifest manifest;
    const char *path; /* on this machine; NULL: at the node, under root */
    const char *root; /* hex */
    const char *label;
} side;
/* delta_of (delta.c) - by how much a tensor changed. *known is false where it cannot be said (another length, dtype
 * or one that has no numbers). */
assay_err delta_of(call *c, assay_model_delta *out, bool *known, const side *before, uint32_t before_idx,
                   const side *after, uint32_t after_idx);
/* send_body (transactions.c) - what every command that signs one message ends with: signs, sends, waits, prints; with
 * --dry-run it only prints. */
assay_err send_body(call *c, assay_tx_body *body, const char *what_happened);
/* penalty_print (explain.c) - a penalty's arithmetic, for people. */
void penalty_print(call *c, const json_t *penalty);
/* parents_text (log.c) - "a/b@1, c/d@2" of an array of {name, version}, in keep; "-" if empty. */
const char *parents_text(call *c, const json_t *parents);
/* command_line_name - a command's name with '-' for the space, in keep. */
const char *dashed(call *c, const char *name);

/* absolute (devnet.c) - a path as every process can name it, in keep. */
const char *absolute(call *c, const char *path);
/* What a fork proves, as a file: written by witness.c, read by report.c. spec/trust.md 6. */
#define FORK_SCHEMA "assay/fork/1"
#define FORK_LEN_MAX ((size_t)16 << 20)
/* net_path (net.c) - directory/name, in keep. */
const char *net_path(call *c, const char *directory, const char *name);
/* settings_url (net_run.c) - where a validator's HTTP is asked on this machine. */
const char *settings_url(call *c, const assay_node_settings *settings);
/* settings_fail (net_run.c) - err, with what is wrong with the node.json of directory. */
assay_err settings_fail(call *c, assay_err err, const assay_node_settings *settings, const char *directory);
/* lock_held (net_run.c) - true if a process holds the lock file path. */
bool lock_held(const char *path);

/* ---- commands ------------------------------------------------------------------------------------------------ */

assay_err run_digest(call *c), run_verify(call *c), run_publish(call *c), run_diff(call *c), run_refresh(call *c);
assay_err run_status(call *c), run_validators(call *c), run_log(call *c), run_show(call *c), run_explain(call *c);
assay_err run_send(call *c), run_delegate(call *c), run_undelegate(call *c), run_unjail(call *c);
assay_err run_validator_create(call *c);
assay_err run_revoke(call *c), run_deprecate(call *c), run_maintainers(call *c);
assay_err run_key_new(call *c), run_key_show(call *c), run_trust_add(call *c), run_trust_show(call *c);
assay_err run_devnet(call *c), run_fault(call *c);
assay_err run_net_init(call *c), run_net_start(call *c), run_net_stop(call *c), run_net_status(call *c);
assay_err run_net_join(call *c), run_net_collect(call *c), run_net_sign(call *c), run_net_accept(call *c);
assay_err run_net_follow(call *c), run_net_witness(call *c), run_report(call *c), run_doctor(call *c);
assay_err run_help(call *c), run_manual(call *c), run_completions(call *c), run_version(call *c);

#endif
