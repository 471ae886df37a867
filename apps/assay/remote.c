/* SPDX-License-Identifier: Apache-2.0
 *
 * remote - the way to a node: one keep-alive client, problem documents turned into errors, JSON read leniently.
 */
#include "assay_internal.h"

#include <stdarg.h>
#include <string.h>

#define PATH_LEN_MAX 4096
#define TIMEOUT_SECONDS 30

const char *node_url(call *c) {
    const char *given = value(c, OPTION_NODE), *env = assay_os_env("ASSAY_NODE");
    if (given) return given;
    return env && *env ? env : "http://127.0.0.1:7878";
}

static assay_err remote_open(call *c) {
    if (c->client) return ASSAY_OK;
    uint64_t seconds = TIMEOUT_SECONDS;
    ASSAY_TRY(value_u64(c, OPTION_TIMEOUT, &seconds, 1, 86400));
    c->url = node_url(c);
    assay_err err = assay_http_client_open(&c->client, c->url, (uint32_t)seconds);
    if (err == ASSAY_E_USAGE)
        return usage(c, "%s is no node's URL: those look like http://127.0.0.1:%d", c->url, ASSAY_NODE_PORT);
    return err;
}

/* The error that an answer speaks of, with what it says about it. */
static assay_err refusal(call *c, const assay_http_reply *reply) {
    json_t *problem = json_loadb((const char *)reply->body.ptr, reply->body.len, 0, NULL);
    assay_err err;
    const char *code = member(problem, "code"), *detail = member(problem, "detail"),
               *result = member(problem, "result");
    if (!assay_base_err_from_code(&err, code) || err == ASSAY_OK) {
        err = fail(c, ASSAY_F_NETWORK, "%s answered with status %u, and not as a node of this version does", c->url,
                   reply->status);
    } else if (*detail) {
        err = fail(c, err, "%s", visible(c, assay_base_bytes_str(detail)));
    } else if (*result && number(problem, "height")) {
        err = fail(c, err, "the block of height %llu refused it", (unsigned long long)number(problem, "height"));
    } else {
        c->because = NULL; /* the code says it all */
    }
    json_decref(problem);
    return err;
}

assay_err remote_call(call *c, assay_http_reply *reply, assay_http_method method, const char *path, assay_bytes body,
                      const char *type, size_t reply_max) {
    ASSAY_TRY(remote_open(c));
    if (assay_os_stop_requested()) return ASSAY_F_INTERRUPTED;
    assay_err err = assay_http_call(c->client, reply, &c->keep, method, path, body, type, reply_max);
    if (assay_os_stop_requested() && err != ASSAY_OK) return ASSAY_F_INTERRUPTED;
    if (err == ASSAY_F_NETWORK || err == ASSAY_F_TIMEOUT)
        return fail(c, err, "%s: %s", c->url, assay_http_client_why(c->client));
    if (err == ASSAY_E_SIZE) return fail(c, err, "the node's answer to %s", path);
    ASSAY_TRY(err);
    return reply->status >= 400 ? refusal(c, reply) : ASSAY_OK;
}

static assay_err parse(call *c, json_t **out, const assay_http_reply *reply) {
    *out = json_loadb((const char *)reply->body.ptr, reply->body.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (*out) return ASSAY_OK;
    return fail(c, ASSAY_F_NETWORK, "%s answered, but not in JSON: is it a node?", c->url);
}

assay_err remote_get(call *c, json_t **out, const char *format, ...) {
    char path[PATH_LEN_MAX];
    va_list args;
    va_start(args, format);
    assay_os_format_list(path, sizeof path, format, args);
    va_end(args);
    assay_http_reply reply;
    assay_arena before = c->keep;
    *out = NULL;
    ASSAY_TRY(remote_call(c, &reply, ASSAY_HTTP_GET, path, (assay_bytes){0}, NULL, REPLY_MAX));
    assay_err err = parse(c, out, &reply);
    if (err == ASSAY_OK) c->keep = before; /* jansson holds its own copy */
    return err;
}

assay_err remote_bytes(call *c, assay_bytes *out, size_t max, const char *format, ...) {
    char path[PATH_LEN_MAX];
    va_list args;
    va_start(args, format);
    assay_os_format_list(path, sizeof path, format, args);
    va_end(args);
    assay_http_reply reply;
    ASSAY_TRY(remote_call(c, &reply, ASSAY_HTTP_GET, path, (assay_bytes){0}, NULL, max));
    *out = reply.body;
    return ASSAY_OK;
}

assay_err remote_send(call *c, json_t **out, assay_http_method method, const char *path, assay_bytes body,
                      const char *type) {
    assay_http_reply reply;
    *out = NULL;
    ASSAY_TRY(remote_call(c, &reply, method, path, body, type, REPLY_MAX));
    return parse(c, out, &reply);
}

const char *member(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

uint64_t number(const json_t *object, const char *key) {
    const json_t *found = json_object_get(object, key);
    uint64_t n = 0;
    if (json_is_integer(found)) return json_integer_value(found) < 0 ? 0 : (uint64_t)json_integer_value(found);
    if (assay_base_undecimal(&n, assay_base_bytes_str(json_string_value(found))) != ASSAY_OK) return 0;
    return n;
}

bool flag(const json_t *object, const char *key) { return json_is_true(json_object_get(object, key)); }

assay_err pause_ns(uint64_t ns) {
    return assay_os_stop_wait(assay_os_monotonic_ns() + ns) ? ASSAY_F_INTERRUPTED : ASSAY_OK;
}

assay_err deadline_of(call *c, uint64_t *out, uint64_t seconds) {
    ASSAY_TRY(value_u64(c, OPTION_TIMEOUT, &seconds, 1, 86400));
    *out = assay_os_monotonic_ns() + seconds * 1000000000u;
    return ASSAY_OK;
}

assay_err validator_of(call *c, assay_address *out, const char *text) {
    if (assay_codec_address_get(out, assay_base_bytes_str(text)) == ASSAY_OK) return ASSAY_OK;
    json_t *list;
    ASSAY_TRY(remote_get(c, &list, "/validators"));
    size_t i;
    const json_t *row, *found = NULL;
    json_array_foreach(list, i, row) {
        bool by_index = is_digits(text) && strlen(text) < 7 && json_is_integer(json_object_get(row, "index")) &&
                        strcmp(keep_text(c, "%llu", (unsigned long long)number(row, "index")), text) == 0;
        if (by_index || strcmp(member(row, "moniker"), text) == 0) found = row;
    }
    assay_err err = found ? address_of(c, out, member(found, "address"))
                          : usage(c, "%s is no validator: name it by address, index or moniker", text);
    if (!found) c->try_this = "assay validators";
    json_decref(list);
    return err;
}
