/* SPDX-License-Identifier: Apache-2.0
 *
 * assay-signer - CometBFT's remote signer: the only process that holds a validator's consensus key.
 *
 *   CometBFT listens (priv_validator_laddr = "unix://…") <-- assay-signer dials --> requests, answers, one at a time
 *                    (or "tcp://…": then encrypted)
 *
 * It reads votes and proposals, and signs nothing else; what it is about to sign is on its disk before the signature
 * exists (signer.h). It opens no port and talks to one listener.
 */
#include "base/base.h"
#include "codec/codec.h"
#include "crypto/crypto.h"
#include "os/os.h"
#include "signer/signer.h"

#include <stdarg.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define DIAL_FIRST_NS (SECOND / 20)
#define DIAL_LAST_NS SECOND
#define SEND_NS (5 * SECOND)     /* CometBFT waits as long for an answer */
#define SILENCE_NS (15 * SECOND) /* it asks at least every 4 seconds: a ping */
#define AGREE_NS (3 * SECOND)    /* its own patience while keys are agreed on */
#define TEXT_MAX 1024

static const char help[] =
    "usage: assay-signer --data DIR --chain-id ID --connect unix://SOCKET | tcp://ADDRESS:PORT\n"
    "       assay-signer --data DIR --new\n"
    "       assay-signer --data DIR --show [--json]\n"
    "\n"
    "Signs a validator's votes and proposals for CometBFT, until SIGTERM or SIGINT, and never "
    "two that conflict. CometBFT\n"
    "listens at the socket (priv_validator_laddr in its config.toml); this program dials, and "
    "dials again when it must.\n"
    "\n"
    "  --data DIR           consensus.key, consensus.watermark: of one key, on one machine, "
    "never restored from a copy\n"
    "  --chain-id ID        the one chain that is signed for\n"
    "  --connect WHERE      unix:// and a path; or tcp:// and a number, not a name: encrypted, but "
    "CometBFT does not prove there\n"
    "                       who it is, so only where nobody else can answer\n"
    "  --new                makes a key; refuses if there is one\n"
    "  --show               the public key, as CometBFT's genesis takes it\n"
    "  --json               the same for machines\n"
    "  -q, --quiet          no log but errors\n"
    "  -h, --help, --version\n"
    "\n"
    "exit: 0 stopped when asked, 1 there is a key already, 2 usage, 3 there is none, 6 this "
    "machine failed, 70 a bug.\n";

typedef struct options {
    const char *data, *chain_id, *connect;
    bool make, show, json, quiet, help, version;
    const char *word; /* the one that parse complains about; NULL: none */
} options;

/* ---- words ------------------------------------------------------------------------------------------------------- */

static int fail(assay_err err, const char *because) {
    assay_os_printf(ASSAY_OS_STDERR, "error: %s\nbecause: %s\ntry: %s\ncode %s\n", assay_base_err_text(err), because,
                    assay_base_err_exit(err) == 2 ? "assay-signer --help" : assay_base_err_hint(err),
                    assay_base_err_code(err));
    return assay_base_err_exit(err);
}

/* NULL, or what is wrong. */
static const char *parse(options *o, int argc, char **argv) {
    static const char *const names[] = {"--data", "--chain-id", "--connect"};
    const char **const values[] = {&o->data, &o->chain_id, &o->connect};
    static const char *const flags[] = {"--new", "--show", "--json", "-q", "--quiet", "-h", "--help", "--version"};
    bool *const raised[] = {&o->make, &o->show, &o->json, &o->quiet, &o->quiet, &o->help, &o->help, &o->version};
    for (int i = 1; i < argc; i++) {
        bool known = false;
        o->word = argv[i];
        for (size_t k = 0; k < sizeof flags / sizeof *flags && !known; k++)
            if (strcmp(argv[i], flags[k]) == 0) known = *raised[k] = true;
        for (size_t k = 0; k < sizeof names / sizeof *names && !known; k++) {
            size_t len = strlen(names[k]);
            if (strncmp(argv[i], names[k], len) != 0 || (argv[i][len] && argv[i][len] != '=')) continue;
            known = true;
            *values[k] = argv[i][len] ? argv[i] + len + 1 : i + 1 < argc ? argv[++i] : "";
            if (!**values[k]) return "a value is missing";
        }
        if (!known) return "there is no such option or word";
    }
    o->word = NULL;
    if (o->help || o->version) return NULL;
    if (!o->data) return "--data DIR is needed: where the key is kept";
    if (o->make && o->show) return "--new or --show, not both";
    if (o->make || o->show) return o->chain_id || o->connect ? "--new and --show sign nothing" : NULL;
    if (!o->chain_id || strlen(o->chain_id) > ASSAY_CHAIN_ID_LEN_MAX)
        return "--chain-id ID is needed: what to sign for";
    bool local = o->connect && strncmp(o->connect, "unix://", 7) == 0 && o->connect[7];
    if (!local && (!o->connect || strncmp(o->connect, "tcp://", 6) != 0 || !o->connect[6]))
        return "--connect unix://SOCKET or tcp://ADDRESS:PORT is needed: where CometBFT listens";
    return NULL;
}

/* ---- the key ----------------------------------------------------------------------------------------------------- */

static int show(const options *o, const assay_signer *signer) {
    assay_public_key key = assay_signer_public(signer);
    assay_address address = assay_crypto_address(key);
    uint8_t text[TEXT_MAX];
    assay_buf out = {text, 0, sizeof text - 2};
    assay_json json = assay_json_begin(&out);
    assay_json_object(&json, NULL);
    if (o->json) assay_json_hex(&json, "address", (assay_bytes){address.b, sizeof address.b});
    if (o->json) assay_json_object(&json, "pub_key");
    assay_json_str(&json, "type", "tendermint/PubKeyEd25519");
    assay_json_base64(&json, "value", (assay_bytes){key.b, sizeof key.b});
    if (o->json) assay_json_close(&json, '}');
    assay_json_close(&json, '}');
    if (assay_json_end(&json) != ASSAY_OK) return fail(ASSAY_F_BUG, "the key's text");
    text[out.len] = 0;
    char hex[2 * ASSAY_ADDRESS_LEN + 1] = {0};
    assay_base_hex(hex, (assay_bytes){address.b, sizeof address.b});
    assay_err err = o->json ? assay_os_printf(ASSAY_OS_STDOUT, "%s\n", (const char *)text)
                            : assay_os_printf(ASSAY_OS_STDOUT, "address  %s\npub_key  %s\n", hex, (const char *)text);
    return err == ASSAY_OK ? 0 : fail(err, "standard output");
}

/* ---- signing ----------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void say(const options *o, const char *format, ...) {
    if (o->quiet) return;
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    assay_os_format_list(text, sizeof text, format, args);
    va_end(args);
    assay_os_printf(ASSAY_OS_STDERR, "assay-signer: %s\n", text);
}

typedef struct line { /* one connection, and what came over it */
    assay_os_socket socket;
    bool sealed; /* TCP: bytes come in frames, and go so */
    assay_signer_secret secret;
    uint8_t frame[ASSAY_SIGNER_FRAME_LEN];
    size_t frame_have;
    uint8_t bytes[ASSAY_SIGNER_MESSAGE_LEN_MAX + 16 + ASSAY_SIGNER_CHUNK_LEN];
    size_t have;
    bool served; /* a request was answered */
} line;

/* What comes next, behind what there is: some bytes, or none yet of a frame that is not whole. */
static assay_err line_receive(line *l, uint64_t deadline) {
    size_t len;
    uint8_t *to = l->sealed ? l->frame + l->frame_have : l->bytes + l->have;
    size_t room = l->sealed ? sizeof l->frame - l->frame_have : sizeof l->bytes - l->have;
    ASSAY_TRY(assay_os_socket_receive(&len, &l->socket, to, room, deadline));
    if (len == 0) return ASSAY_F_NETWORK;
    if (!l->sealed) {
        l->have += len;
        return ASSAY_OK;
    }
    l->frame_have += len;
    if (l->frame_have < sizeof l->frame) return ASSAY_OK;
    assay_bytes chunk;
    l->frame_have = 0;
    ASSAY_TRY(assay_signer_secret_open(&l->secret, &chunk, l->frame));
    if (chunk.len > sizeof l->bytes - l->have) return ASSAY_E_ENCODING;
    if (chunk.len) memcpy(l->bytes + l->have, chunk.ptr, chunk.len);
    l->have += chunk.len;
    return ASSAY_OK;
}

static assay_err line_send(line *l, assay_bytes bytes) {
    uint64_t deadline = assay_os_monotonic_ns() + SEND_NS;
    if (!l->sealed) return assay_os_socket_send(&l->socket, bytes, deadline);
    while (bytes.len) {
        uint8_t frame[ASSAY_SIGNER_FRAME_LEN];
        size_t len = bytes.len < ASSAY_SIGNER_CHUNK_LEN ? bytes.len : ASSAY_SIGNER_CHUNK_LEN;
        assay_signer_secret_seal(&l->secret, frame, (assay_bytes){bytes.ptr, len});
        ASSAY_TRY(assay_os_socket_send(&l->socket, (assay_bytes){frame, sizeof frame}, deadline));
        bytes = (assay_bytes){bytes.ptr + len, bytes.len - len};
    }
    return ASSAY_OK;
}

/* Keys of this connection. CometBFT makes the key by which it proves itself anew at each start, so there is nothing to
 * know it by, and ours is new each time as well. */
static assay_err line_agree(line *l) {
    uint64_t deadline = assay_os_monotonic_ns() + AGREE_NS, wanted;
    uint8_t hello[ASSAY_SIGNER_HELLO_LEN], frame[ASSAY_SIGNER_FRAME_LEN];
    assay_key_secret random, identity;
    assay_os_random(random.b, sizeof random.b);
    assay_os_random(identity.b, sizeof identity.b);
    assay_signer_secret_begin(&l->secret, hello, &random);
    assay_crypto_wipe(&random, sizeof random);
    assay_err err = assay_os_socket_send(&l->socket, (assay_bytes){hello, sizeof hello}, deadline);
    for (size_t have = 0, len; err == ASSAY_OK && have < sizeof hello; have += len) {
        err = assay_os_socket_receive(&len, &l->socket, hello + have, sizeof hello - have, deadline);
        if (err == ASSAY_OK && len == 0) err = ASSAY_F_NETWORK;
    }
    if (err == ASSAY_OK) err = assay_signer_secret_agree(&l->secret, frame, hello, &identity);
    assay_crypto_wipe(&identity, sizeof identity);
    if (err == ASSAY_OK) err = assay_os_socket_send(&l->socket, (assay_bytes){frame, sizeof frame}, deadline);
    l->sealed = true;
    assay_bytes message = {NULL, 0}, rest;
    while (err == ASSAY_OK && !message.ptr) {
        err = line_receive(l, deadline);
        rest = (assay_bytes){l->bytes, l->have};
        if (err == ASSAY_OK) err = assay_codec_get_delimited(&message, &wanted, &rest, ASSAY_SIGNER_CHUNK_LEN);
    }
    if (err == ASSAY_OK) err = assay_signer_secret_admit(&l->secret, message);
    if (err != ASSAY_OK) return err;
    memmove(l->bytes, rest.ptr, rest.len);
    l->have = rest.len;
    return ASSAY_OK;
}

/* Answers all whole requests that have come. A refusal is an answer; a fault ends the program, for a signer that could
 * not write its watermark signs nothing more. */
static assay_err answer_all(const options *o, assay_signer *signer, line *l) {
    assay_bytes rest = {l->bytes, l->have}, request;
    uint64_t wanted;
    for (;;) {
        ASSAY_TRY(assay_codec_get_delimited(&request, &wanted, &rest, ASSAY_SIGNER_MESSAGE_LEN_MAX));
        if (!request.ptr) break;
        uint8_t memory[TEXT_MAX];
        assay_buf out = {memory, 0, sizeof memory};
        assay_err err = assay_signer_answer(signer, &out, assay_base_bytes_str(o->chain_id), request);
        if (err == ASSAY_E_ENCODING && out.len == 0) return err;
        if (err != ASSAY_OK) {
            int64_t height;
            int32_t round;
            assay_signer_last(signer, &height, &round);
            assay_os_printf(ASSAY_OS_STDERR, "assay-signer: refused: %s (%s; last signed at height %lld, round %d)\n",
                            assay_base_err_text(err), assay_base_err_code(err), (long long)height, (int)round);
        }
        l->served = true;
        assay_err sent = line_send(l, (assay_bytes){out.ptr, out.len});
        if (assay_base_err_is_fault(err)) return err;
        ASSAY_TRY(sent);
    }
    memmove(l->bytes, rest.ptr, rest.len);
    l->have = rest.len;
    return ASSAY_OK;
}

/* A path speaks for itself. */
static const char *where(const options *o) { return o->connect + (strncmp(o->connect, "unix://", 7) == 0 ? 7 : 0); }

/* Until the connection ends: ASSAY_F_NETWORK, _TIMEOUT or ASSAY_E_*; or the program has to. */
static assay_err talk(const options *o, assay_signer *signer, line *l) {
    if (strncmp(o->connect, "tcp://", 6) == 0) ASSAY_TRY(line_agree(l));
    say(o, "connected to %s%s", where(o), l->sealed ? ", encrypted" : "");
    for (;;) {
        ASSAY_TRY(answer_all(o, signer, l));
        ASSAY_TRY(line_receive(l, assay_os_monotonic_ns() + SILENCE_NS));
    }
}

static int serve(const options *o, assay_signer *signer) {
    static line l;
    uint64_t wait = DIAL_FIRST_NS;
    bool told = false;
    while (!assay_os_stop_requested()) {
        assay_err err = assay_os_socket_dial(&l.socket, o->connect, assay_os_monotonic_ns() + SECOND);
        if (err == ASSAY_E_RANGE)
            return fail(ASSAY_E_USAGE, "--connect: a path longer than a unix socket's may be, or no tcp://ADDRESS:PORT "
                                       "in numbers");
        if (err == ASSAY_OK) {
            told = false;
            l.have = l.frame_have = 0;
            l.sealed = l.served = false;
            err = talk(o, signer, &l);
            if (l.served) wait = DIAL_FIRST_NS; /* who only takes connections is not dialled the faster for it */
            assay_os_socket_close(&l.socket);
            assay_crypto_wipe(&l.secret, sizeof l.secret);
            if (err == ASSAY_F_STORAGE || err == ASSAY_F_MEMORY) return fail(err, o->data);
            if (err != ASSAY_F_INTERRUPTED)
                say(o, "the connection ended: %s",
                    err == ASSAY_F_NETWORK ? "CometBFT closed it" : assay_base_err_text(err));
        } else if (!told) {
            say(o, "nobody listens at %s yet", where(o));
            told = true;
        }
        (void)assay_os_stop_wait(assay_os_monotonic_ns() + wait);
        if (wait < DIAL_LAST_NS) wait *= 2;
    }
    say(o, "stopped when asked");
    return 0;
}

static int run(const options *o) {
    static uint8_t memory[1 << 16];
    assay_arena keep = assay_base_arena(memory, sizeof memory);
    assay_signer *signer;
    if (o->make) {
        assay_err made = assay_os_dirs_create(o->data, 0700);
        if (made != ASSAY_OK) return fail(made, o->data);
        /* A key that is there is left alone. */
        assay_err there = assay_signer_open(&signer, &keep, o->data, false, true);
        if (there == ASSAY_OK) assay_signer_close(signer);
        if (there != ASSAY_E_NOT_FOUND) return fail(there == ASSAY_OK ? ASSAY_E_EXISTS : there, o->data);
    }
    assay_err err = assay_signer_open(&signer, &keep, o->data, o->make, true);
    if (err != ASSAY_OK) return fail(err, o->data);
    int code = o->make || o->show ? show(o, signer) : serve(o, signer);
    assay_signer_close(signer);
    return code;
}

int main(int argc, char **argv) {
    options o = {0};
    const char *wrong = parse(&o, argc, argv);
    if (wrong) {
        char text[TEXT_MAX];
        assay_os_format(text, sizeof text, "%s%s%s", o.word ? o.word : "", o.word ? ": " : "", wrong);
        return fail(ASSAY_E_USAGE, text);
    }
    if (o.help) return assay_base_err_exit(assay_os_print(ASSAY_OS_STDOUT, assay_base_bytes_str(help)));
    if (o.version) return assay_base_err_exit(assay_os_printf(ASSAY_OS_STDOUT, "assay-signer %s\n", PROGRAM_VERSION));
    /* A core file would hold the key. */
    assay_os_keep_secret();
    assay_err err = assay_os_stop_init();
    return err == ASSAY_OK ? run(&o) : fail(err, "signals");
}
