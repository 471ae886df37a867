/* SPDX-License-Identifier: Apache-2.0
 *
 * load - the load generator: signs transfers beforehand, hands them to a node over HTTP as any client would, and
 * believes only what became final.
 *
 *   load transfers URL KEY_FILE ACCOUNTS EACH CONNECTIONS BATCH WINDOW
 *
 *     ACCOUNTS new accounts are given units by KEY_FILE's; then each sends EACH transfers to others of them, in batches
 *     of BATCH over CONNECTIONS kept-alive connections, at most WINDOW of them neither final nor refused. Signing is
 *     done before the clock starts. Prints {"seconds": first byte sent to last transfer final, ...}. Afterwards the
 *     balances of a sample of the accounts must be, to the unit, what the transfers make of them: exit 1 if not.
 *
 *   load latency URL KEY_FILE SAMPLES REST_MS
 *
 *     One transfer at a time, from its sending until the answer names its block: prints nanoseconds, a number a line.
 *     Between two it rests REST_MS and up to as much again by chance: the block behind a transfer's, which holds what
 *     it changed, is over by then. With 0 it does not rest, and most transfers wait for that block first.
 *
 *   load blocks URL KEY_FILE BLOCKS EVERY
 *
 *     One transfer after the other until the chain is BLOCKS higher; prints the height whenever EVERY more are there,
 *     and goes on when a line comes back on standard input, so that somebody can look at a chain that stands still.
 *
 * It runs on the same processors as the network that it loads.
 */
#include "codec/codec.h"
#include "crypto/crypto.h"
#include "http/http.h"
#include "os/os.h"
#include "types/types.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define FEE 6000u /* base and bytes of any transfer here, and some room */
#define GIFT 1000000000u
#define REPLY_MAX ((size_t)8 << 20)
#define CONNECTIONS_MAX 64u
#define BATCH_MOST 4096u
#define CHECKED_ACCOUNTS 200u
#define LATENCY_RECIPIENTS 100u
#define FUNDING_WINDOW 2000u /* of one account: a node holds so many of each */

typedef struct generator {
    const char *url;
    assay_os_region region;
    assay_arena keep;
    assay_bytes chain_id;
    assay_key_secret funder;
    uint64_t funder_nonce;
    uint8_t salt[16]; /* accounts of one run are those of no other */
} generator;

typedef struct connection {
    assay_http_client *client;
    assay_os_region region;
} connection;

__attribute__((noreturn)) static void stop(const char *what, const char *why) {
    assay_os_printf(ASSAY_OS_STDERR, "load: %s: %s\n", what, why);
    _Exit(1);
}

static void must(assay_err err, const char *what) {
    if (err != ASSAY_OK) stop(what, assay_base_err_text(err));
}

static void *must_have(void *memory) {
    if (!memory) stop("memory", "there is not enough");
    return memory;
}

static uint64_t number_of(const char *text) {
    uint64_t out = 0;
    must(assay_base_undecimal(&out, assay_base_bytes_str(text)), text);
    return out;
}

/* ---- talking to the node ------------------------------------------------------------------------------------- */

static connection connect_to(const char *url) {
    connection c;
    must(assay_http_client_open(&c.client, url, 60), url);
    must(assay_os_reserve(&c.region, REPLY_MAX + (1 << 20)), "memory");
    return c;
}

static assay_http_reply call(connection *c, assay_http_method method, const char *path, assay_bytes body) {
    assay_arena arena = assay_os_region_arena(&c->region);
    assay_http_reply reply;
    const char *type = method == ASSAY_HTTP_GET ? NULL : "application/octet-stream";
    assay_err err = assay_http_call(c->client, &reply, &arena, method, path, body, type, REPLY_MAX);
    if (err != ASSAY_OK) stop(path, assay_http_client_why(c->client));
    return reply;
}

static json_t *ask(connection *c, const char *path) {
    assay_http_reply reply = call(c, ASSAY_HTTP_GET, path, (assay_bytes){NULL, 0});
    if (reply.status != 200) stop(path, "is not answered with 200");
    json_t *json = json_loadb((const char *)reply.body.ptr, reply.body.len, 0, NULL);
    return must_have(json);
}

static uint64_t member(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? number_of(json_string_value(value)) : (uint64_t)json_integer_value(value);
}

static uint64_t height_now(connection *c) {
    json_t *status = ask(c, "/status");
    uint64_t height = member(status, "height");
    json_decref(status);
    return height;
}

/* Transactions in blocks since the node started, as its first validator counts them. */
static uint64_t final_now(connection *c) {
    static const char name[] = "\nassay_transactions_total{validator=\"0\"} ";
    assay_http_reply reply = call(c, ASSAY_HTTP_GET, "/metrics", (assay_bytes){NULL, 0});
    size_t len = sizeof name - 1, at = 0, end;
    while (at + len <= reply.body.len && memcmp(reply.body.ptr + at, name, len) != 0) at++;
    if (reply.status != 200 || at + len > reply.body.len) stop("/metrics", "does not tell the number of transactions");
    for (end = at += len; end < reply.body.len && reply.body.ptr[end] != '\n';) end++;
    uint64_t out = 0;
    must(assay_base_undecimal(&out, (assay_bytes){reply.body.ptr + at, end - at}), "/metrics");
    return out;
}

static json_t *account(connection *c, assay_address address) {
    char text[ASSAY_ADDRESS_TEXT_LEN + 1], path[80];
    assay_codec_address_put(text, address);
    assay_os_format(path, sizeof path, "/accounts/%s", text);
    return ask(c, path);
}

static void begin(generator *g, connection *c, const char *key_file) {
    assay_bytes text;
    must(assay_os_read_whole(&text, &g->keep, key_file, 128), key_file);
    if (text.len && text.ptr[text.len - 1] == '\n') text.len--;
    must(assay_base_unhex(g->funder.b, sizeof g->funder.b, text), key_file);
    json_t *status = ask(c, "/status");
    const char *chain_id = json_string_value(json_object_get(status, "chain_id"));
    if (!chain_id) stop("/status", "tells no chain");
    must(assay_base_arena_copy(&g->chain_id, &g->keep, assay_base_bytes_str(chain_id)), "memory");
    json_decref(status);
    json_t *own = account(c, assay_crypto_address(assay_crypto_ed25519_public(&g->funder)));
    g->funder_nonce = member(own, "nonce");
    json_decref(own);
    assay_os_random(g->salt, sizeof g->salt);
}

/* ---- transfers ----------------------------------------------------------------------------------------------- */

static assay_bytes transfer(const generator *g, assay_arena *keep, const assay_key_secret *from, uint64_t nonce,
                            assay_address to, uint64_t amount) {
    uint8_t scratch[2048], memory[1024];
    assay_msg_send send = {.to = to, .amount = amount};
    assay_tx_body body = {.format = 1, .chain_id = g->chain_id, .nonce = nonce, .fee = FEE, .send = &send};
    assay_buf out = {memory, 0, sizeof memory};
    assay_bytes copy;
    must(assay_tx_sign(&out, &body, from, assay_base_arena(scratch, sizeof scratch)), "signing");
    must(assay_base_arena_copy(&copy, keep, (assay_bytes){out.ptr, out.len}), "memory");
    return copy;
}

typedef struct person {
    assay_key_secret secret;
    assay_address address;
    uint64_t balance; /* as it has to be at the end */
} person;

static person *people_make(generator *g, uint32_t count) {
    person *people = must_have(ASSAY_NEW(&g->keep, person, count));
    for (uint32_t i = 0; i < count; i++) {
        assay_bytes pieces[] = {{g->salt, sizeof g->salt}, {(const uint8_t *)&i, sizeof i}};
        assay_hash seed = assay_crypto_sha256(pieces, 2);
        memcpy(people[i].secret.b, seed.b, sizeof people[i].secret.b);
        people[i].address = assay_crypto_address(assay_crypto_ed25519_public(&people[i].secret));
        people[i].balance = GIFT;
    }
    return people;
}

/* ---- many at once -------------------------------------------------------------------------------------------- */

/* What one connection sends: a row of transactions, in this order. */
typedef struct lane {
    assay_os_thread thread;
    const struct flood *flood;
    const assay_bytes *txs;
    uint32_t count;
    uint64_t refused; /* for want of room, and handed in again */
} lane;
typedef struct flood {
    const char *url;
    uint32_t batch;
    uint64_t window;
    atomic_ullong *sent;  /* and not refused */
    atomic_ullong *final; /* in blocks */
} flood;

/* The answer's "refused" rows, as places in the batch. A node that has no room for a transfer refuses those behind it
 * of the same account too, for their nonces: all of them go again. Whatever else it says is a defect. */
static uint32_t refusals(uint32_t *places, assay_bytes body) {
    json_t *json = must_have(json_loadb((const char *)body.ptr, body.len, 0, NULL)), *row;
    static const assay_err again[] = {ASSAY_F_BUSY, ASSAY_E_FULL, ASSAY_E_NONCE};
    uint32_t count = 0;
    size_t i;
    json_array_foreach(json_object_get(json, "refused"), i, row) {
        const char *code = json_string_value(json_object_get(row, "code"));
        bool known = false;
        for (size_t k = 0; code && k < sizeof again / sizeof *again; k++)
            known = known || strcmp(code, assay_base_err_code(again[k])) == 0;
        if (!known) stop("a transfer was refused", code ? code : "?");
        places[count++] = (uint32_t)member(row, "index");
    }
    json_decref(json);
    return count;
}

static void lane_run(void *context) {
    lane *l = context;
    const flood *f = l->flood;
    connection c = connect_to(f->url);
    assay_os_region room;
    must(assay_os_reserve(&room, BATCH_MOST * 1024), "memory");
    assay_arena arena = assay_os_region_arena(&room);
    assay_bytes *waiting = must_have(ASSAY_NEW(&arena, assay_bytes, BATCH_MOST));
    uint32_t *places = must_have(ASSAY_NEW(&arena, uint32_t, BATCH_MOST));
    uint32_t next = 0, held = 0;
    while (next < l->count || held) {
        while (held < f->batch && next < l->count) waiting[held++] = l->txs[next++];
        while (atomic_load(f->sent) - atomic_load(f->final) >= f->window) assay_os_sleep_ns(1000000);
        assay_buf body = {arena.at, 0, (size_t)(arena.end - arena.at)};
        for (uint32_t i = 0; i < held; i++) {
            must(assay_codec_put_varint(&body, waiting[i].len), "memory");
            must(assay_base_buf_put(&body, waiting[i]), "memory");
        }
        atomic_fetch_add(f->sent, held);
        assay_http_reply reply = call(&c, ASSAY_HTTP_POST, "/transactions/batch", (assay_bytes){body.ptr, body.len});
        uint32_t again = held;
        if (reply.status == 202)
            again = refusals(places, reply.body);
        else if (reply.status == 503)
            for (uint32_t i = 0; i < held; i++) places[i] = i;
        else
            stop("/transactions/batch", "is answered with another status than 202 and 503");
        for (uint32_t i = 0; i < again; i++) waiting[i] = waiting[places[i]];
        atomic_fetch_sub(f->sent, again);
        l->refused += again;
        held = again;
        if (again) assay_os_sleep_ns(20000000);
    }
    assay_os_unreserve(&room);
    assay_os_unreserve(&c.region);
    assay_http_client_close(c.client);
}

typedef struct flooded {
    uint64_t ns, refused, blocks;
} flooded;

/* Sends every lane's transactions and returns when the last is in a block. */
static flooded flood_run(const generator *g, connection *c, lane *lanes, uint32_t count, uint32_t batch,
                         uint64_t window) {
    atomic_ullong sent = 0, final = 0;
    flood f = {g->url, batch, window, &sent, &final};
    flooded out = {0};
    uint64_t all = 0, before = final_now(c), height = height_now(c), started = assay_os_monotonic_ns(), moved = started;
    for (uint32_t i = 0; i < count; i++) {
        lanes[i].flood = &f;
        all += lanes[i].count;
        must(assay_os_thread_start(&lanes[i].thread, "lane", 0, lane_run, &lanes[i]), "threads");
    }
    while (atomic_load(&final) < all) {
        assay_os_sleep_ns(20000000);
        uint64_t now = final_now(c) - before;
        if (now > atomic_load(&final)) moved = assay_os_monotonic_ns();
        atomic_store(&final, now);
        if (assay_os_monotonic_ns() - moved > 60000000000ull) stop("the network", "made nothing final for a minute");
    }
    out.ns = assay_os_monotonic_ns() - started;
    out.blocks = height_now(c) - height;
    for (uint32_t i = 0; i < count; i++) {
        assay_os_thread_join(&lanes[i].thread);
        out.refused += lanes[i].refused;
    }
    return out;
}

static void fund(generator *g, connection *c, const person *people, uint32_t count, uint32_t batch) {
    assay_bytes *txs = must_have(ASSAY_NEW(&g->keep, assay_bytes, count));
    for (uint32_t i = 0; i < count; i++)
        txs[i] = transfer(g, &g->keep, &g->funder, g->funder_nonce++, people[i].address, GIFT);
    lane one = {.txs = txs, .count = count};
    (void)flood_run(g, c, &one, 1, batch, FUNDING_WINDOW);
}

/* Each connection has accounts of its own, so that the order of an account's transfers is that of one connection. */
static uint64_t sign_all(generator *g, lane *lanes, uint32_t lanes_count, person *people, uint32_t count,
                         uint32_t each) {
    uint64_t started = assay_os_cpu_ns(), random = 1;
    for (uint32_t k = 0; k < lanes_count; k++) {
        uint32_t mine = (count - k + lanes_count - 1) / lanes_count;
        assay_bytes *txs = must_have(ASSAY_NEW(&g->keep, assay_bytes, (size_t)mine * each));
        lanes[k] = (lane){.txs = txs};
        for (uint32_t nonce = 0; nonce < each; nonce++)
            for (uint32_t i = k; i < count; i += lanes_count) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                person *to = &people[(random >> 33) % count];
                uint64_t amount = 1 + (random >> 50);
                txs[lanes[k].count++] = transfer(g, &g->keep, &people[i].secret, nonce, to->address, amount);
                people[i].balance -= amount + FEE;
                to->balance += amount;
            }
    }
    return assay_os_cpu_ns() - started;
}

/* What the least fee leaves of FEE stays with nobody: all of it is burned. */
static void balances_check(connection *c, const person *people, uint32_t count) {
    uint32_t step = count / CHECKED_ACCOUNTS + 1;
    for (uint32_t i = 0; i < count; i += step) {
        json_t *row = account(c, people[i].address);
        if (member(row, "balance") != people[i].balance) stop("a balance", "is not what the transfers make of it");
        json_decref(row);
    }
}

static int transfers(generator *g, connection *c, char **words) {
    uint32_t count = (uint32_t)number_of(words[0]), each = (uint32_t)number_of(words[1]);
    uint32_t connections = (uint32_t)number_of(words[2]), batch = (uint32_t)number_of(words[3]);
    uint64_t window = number_of(words[4]);
    if (!count || !each || !connections || connections > CONNECTIONS_MAX || connections > count || !batch ||
        batch > BATCH_MOST || !window || (uint64_t)each * FEE * 4 > GIFT)
        stop("usage", "numbers out of range");
    static lane lanes[CONNECTIONS_MAX];
    person *people = people_make(g, count);
    fund(g, c, people, count, batch);
    uint64_t signing = sign_all(g, lanes, connections, people, count, each);
    flooded f = flood_run(g, c, lanes, connections, batch, window);
    balances_check(c, people, count);
    uint64_t all = (uint64_t)count * each;
    assay_os_printf(
        ASSAY_OS_STDOUT,
        "{\"accounts\": %u, \"transactions\": %llu, \"bytes_each\": %zu, \"seconds\": %.4f, "
        "\"per_second\": %.0f, \"blocks\": %llu, \"refused_and_sent_again\": %llu, \"signing_us_each\": %.2f}\n",
        count, (unsigned long long)all, lanes[0].txs[0].len, (double)f.ns / 1e9, (double)all * 1e9 / (double)f.ns,
        (unsigned long long)f.blocks, (unsigned long long)f.refused, (double)signing / 1e3 / (double)all);
    return 0;
}

/* ---- one at a time ------------------------------------------------------------------------------------------- */

/* Hands one transfer in and waits for its block: its height. */
static uint64_t one_final(generator *g, connection *c, uint64_t *ns) {
    assay_arena scratch = g->keep;
    assay_address to = {{0}};
    uint32_t place = (uint32_t)(g->funder_nonce % LATENCY_RECIPIENTS);
    memcpy(to.b, &place, sizeof place);
    assay_bytes tx = transfer(g, &scratch, &g->funder, g->funder_nonce++, to, 1);
    uint64_t started = assay_os_monotonic_ns();
    assay_http_reply reply = call(c, ASSAY_HTTP_POST, "/transactions?wait=final", tx);
    *ns = assay_os_monotonic_ns() - started;
    if (reply.status != 200) stop("a transfer", "did not become final");
    json_t *json = must_have(json_loadb((const char *)reply.body.ptr, reply.body.len, 0, NULL));
    uint64_t height = member(json, "height");
    json_decref(json);
    return height;
}

static int latency(generator *g, connection *c, char **words) {
    uint64_t samples = number_of(words[0]), rest = number_of(words[1]) * 1000000, random = 1, ns;
    for (uint64_t i = 0; i < samples; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (rest) assay_os_sleep_ns(rest + (random >> 33) % rest);
        (void)one_final(g, c, &ns);
        assay_os_printf(ASSAY_OS_STDOUT, "%llu\n", (unsigned long long)ns);
    }
    return 0;
}

static int blocks(generator *g, connection *c, char **words) {
    uint64_t count = number_of(words[0]), every = number_of(words[1]), ns;
    uint64_t first = height_now(c), told = first;
    while (told < first + count) {
        uint64_t height = one_final(g, c, &ns);
        if (height < told + every) continue;
        told = height;
        assay_os_printf(ASSAY_OS_STDOUT, "%llu\n", (unsigned long long)height);
        if (getchar() == EOF) return 0;
    }
    return 0;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int words;
        int (*run)(generator *g, connection *c, char **words);
    } kinds[] = {{"transfers", 5, transfers}, {"latency", 2, latency}, {"blocks", 2, blocks}};
    for (size_t i = 0; argc > 3 && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(argv[1], kinds[i].name) != 0 || argc != 4 + kinds[i].words) continue;
        generator g = {.url = argv[2]};
        must(assay_os_reserve(&g.region, (size_t)4 << 30), "memory");
        g.keep = assay_os_region_arena(&g.region);
        connection c = connect_to(g.url);
        begin(&g, &c, argv[3]);
        return kinds[i].run(&g, &c, argv + 4);
    }
    assay_os_printf(ASSAY_OS_STDERR, "usage: load transfers|latency|blocks URL KEY_FILE NUMBER...: see bench/load.c\n");
    return 2;
}
