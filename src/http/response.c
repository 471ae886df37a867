/* SPDX-License-Identifier: Apache-2.0 */
#include "http_internal.h"

#include "crypto/crypto.h"

#include <string.h>

#define PROBLEM_TYPE "application/problem+json"
#define DETAIL_LEN_MAX 1024
#define JSON_TYPE "application/json"

/* ---- what handlers write --------------------------------------------------------------------------------------------
 */

assay_json assay_http_json(const assay_http_request *request, assay_buf *buf, size_t size) {
    assay_arena *arena = request->arena;
    size_t left = (size_t)(arena->end - arena->at);
    /* Taken as it is: ASSAY_NEW would zero it all, and so back memory that the text may never reach. */
    *buf = (assay_buf){arena->at, 0, size < left ? size : left};
    arena->at += buf->cap;
    return assay_json_begin(buf);
}

void assay_http_json_done(const assay_http_request *request, assay_http_response *response, assay_json *json) {
    assay_buf *buf = json->out;
    assay_err err = assay_json_end(json);
    /* What was not written goes back, unless something was taken after it. */
    if (request->arena->at == buf->ptr + buf->cap) request->arena->at = buf->ptr + (err ? 0 : buf->len);
    if (err) {
        assay_http_problem(request, response, assay_base_err_is_fault(err) ? err : ASSAY_F_BUG,
                           "the answer could not be written");
        return;
    }
    response->body = (assay_bytes){buf->ptr, buf->len};
    response->content_type = NULL;
}

static uint32_t status_of(assay_err err) {
    /* Only some of many have a status of their own. */
    if (err == ASSAY_OK) return MHD_HTTP_OK;
    if (err == ASSAY_E_NOT_FOUND) return MHD_HTTP_NOT_FOUND;
    if (err == ASSAY_E_SIZE) return MHD_HTTP_CONTENT_TOO_LARGE;
    if (err == ASSAY_E_FULL || err == ASSAY_F_BUSY) return MHD_HTTP_SERVICE_UNAVAILABLE;
    if (err == ASSAY_E_WINDOW || err == ASSAY_E_STATE || err == ASSAY_E_NONCE || err == ASSAY_E_EXISTS ||
        err == ASSAY_E_DUPLICATE)
        return MHD_HTTP_CONFLICT;
    if (err == ASSAY_E_UNAUTHORIZED) return MHD_HTTP_FORBIDDEN;
    if (err == ASSAY_F_TIMEOUT) return MHD_HTTP_GATEWAY_TIMEOUT;
    return assay_base_err_is_fault(err) ? MHD_HTTP_INTERNAL_SERVER_ERROR : MHD_HTTP_BAD_REQUEST;
}

static assay_err write_problem(assay_buf *out, uint32_t status, assay_err err, const char *detail) {
    char type[32] = "urn:assay:error:";
    const char *code = assay_base_err_code(err);
    size_t len = strlen(type), code_len = strlen(code);
    ASSAY_ASSERT(len + code_len < sizeof type);
    memcpy(type + len, code, code_len + 1);
    assay_json json = assay_json_begin(out);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "type", type);
    assay_json_str(&json, "title", assay_base_err_text(err));
    assay_json_u64(&json, "status", status);
    assay_json_str(&json, "code", code);
    if (detail) {
        assay_bytes text = assay_base_bytes_str(detail);
        if (text.len > DETAIL_LEN_MAX) text.len = DETAIL_LEN_MAX;
        assay_json_text(&json, "detail", text);
    }
    assay_json_str(&json, "hint", assay_base_err_hint(err));
    assay_json_close(&json, '}');
    return assay_json_end(&json);
}

static void problem_into(assay_buf *out, uint32_t status, assay_err err, const char *detail) {
    if (write_problem(out, status, err, detail) == ASSAY_OK) return;
    out->len = 0;
    if (write_problem(out, status, err, NULL) != ASSAY_OK) out->len = 0; /* no room at all: the status must do */
}

void assay_http_problem(const assay_http_request *request, assay_http_response *response, assay_err err,
                        const char *detail) {
    uint32_t status = status_of(err);
    assay_buf out = {request->arena->at, 0, (size_t)(request->arena->end - request->arena->at)};
    if (out.cap > HTTP_PROBLEM_LEN_MAX) out.cap = HTTP_PROBLEM_LEN_MAX;
    problem_into(&out, status, err, detail);
    request->arena->at += out.len;
    *response = (assay_http_response){.status = status,
                                      .content_type = PROBLEM_TYPE,
                                      .body = {out.ptr, out.len},
                                      .retry_after = status == MHD_HTTP_SERVICE_UNAVAILABLE ? 1 : 0};
}

/* ---- what is sent ---------------------------------------------------------------------------------------------------
 */

static bool add(struct MHD_Response *answer, const char *name, const char *value) {
    return MHD_add_response_header(answer, name, value) == MHD_YES;
}

static bool add_standard(http_connection *c, struct MHD_Response *answer) {
    bool ok = add(answer, "Server", "assay") && add(answer, "X-Content-Type-Options", "nosniff");
    if (ok && (c->verb == HTTP_GET || c->verb == HTTP_HEAD)) ok = add(answer, "Access-Control-Allow-Origin", "*");
    if (ok && atomic_load(&c->server->stopping)) ok = add(answer, "Connection", "close");
    return ok;
}

/* ETag of the body, in quotes: BLAKE3, half of it; of a file half of its name. Compared by If-None-Match, so a match
 * means the same bytes. */
typedef struct etag {
    char text[2 + ASSAY_HASH_LEN + 1];
} etag;

static etag etag_of(const assay_http_response *response) {
    etag tag = {"\""};
    assay_hash hash = response->file.fd_plus_one ? response->file_name : assay_crypto_blake3(NULL, response->body);
    assay_base_hex(tag.text + 1, (assay_bytes){hash.b, ASSAY_HASH_LEN / 2});
    memcpy(tag.text + 1 + ASSAY_HASH_LEN, "\"", 2);
    return tag;
}

static bool known_to_client(http_connection *c, const etag *tag) {
    const char *known = MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, "If-None-Match");
    return known && (strcmp(known, "*") == 0 || strstr(known, tag->text) != NULL);
}

static bool add_of_handler(http_connection *c, struct MHD_Response *answer, const assay_http_response *response,
                           const etag *tag) {
    (void)c;
    bool ok = true;
    if (response->body.len)
        ok = add(answer, "Content-Type", response->content_type ? response->content_type : JSON_TYPE);
    if (ok && tag->text[0])
        ok = add(answer, "ETag", tag->text) && add(answer, "Cache-Control", "public, max-age=31536000, immutable");
    if (ok && response->retry_after) {
        char seconds[ASSAY_DECIMAL_LEN_MAX + 1];
        assay_base_decimal(seconds, response->retry_after);
        ok = add(answer, "Retry-After", seconds);
    }
    if (ok && response->location) ok = add(answer, "Location", response->location);
    return ok;
}

static struct MHD_Response *make(assay_bytes body, bool copy) {
    /* libmicrohttpd asks for a pointer to what it will not change. */
    void *bytes = (void *)(uintptr_t)body.ptr;
    return MHD_create_response_from_buffer(body.len, bytes, copy ? MHD_RESPMEM_MUST_COPY : MHD_RESPMEM_PERSISTENT);
}

static void set_answer(http_connection *c, uint32_t status, struct MHD_Response *answer, bool ok, size_t len) {
    if (answer && !ok) {
        MHD_destroy_response(answer);
        answer = NULL;
    }
    c->status = status;
    c->answer = answer;
    c->answer_len = len;
}

/* By sendfile(2): the slot is free before the first byte leaves, however slowly they do. */
static void answer_file(http_connection *c, assay_http_response *r, const etag *tag) {
    struct MHD_Response *answer =
        MHD_create_response_from_fd_at_offset64(r->file_len, r->file.fd_plus_one - 1, r->file_offset);
    if (answer)
        r->file = (assay_os_file){0}; /* it is the answer's now */
    else
        assay_os_file_close(&r->file);
    r->body.len = r->file_len > 0; /* for its Content-Type */
    set_answer(c, r->status, answer, answer && add_standard(c, answer) && add_of_handler(c, answer, r, tag),
               r->file_len);
    http_slot_give(c->server, c->slot);
    c->slot = NULL;
}

void http_answer(http_connection *c, const assay_http_response *response) {
    assay_http_response r = *response;
    if (r.status == 0) r.status = MHD_HTTP_OK;
    if (r.status < 200 || r.status > 599) {
        assay_os_file_close(&r.file);
        assay_http_problem(&c->request, &r, ASSAY_F_BUG, "the handler gave no HTTP status");
    }
    etag tag = {""};
    if (r.immutable && r.status == MHD_HTTP_OK) {
        tag = etag_of(&r);
        if (known_to_client(c, &tag)) r.status = MHD_HTTP_NOT_MODIFIED;
    }
    if (r.status == MHD_HTTP_NO_CONTENT || r.status == MHD_HTTP_NOT_MODIFIED) {
        assay_os_file_close(&r.file);
        r.body = (assay_bytes){NULL, 0};
    }
    if (r.file.fd_plus_one) {
        answer_file(c, &r, &tag);
        return;
    }
    bool copy = r.body.len <= HTTP_SMALL_LEN || c->verb == HTTP_HEAD || c->slot->quick;
    if (!copy && !http_slot_hold(c->server, c->slot, r.body.len)) {
        atomic_fetch_add(&c->server->refused, 1);
        assay_http_problem(&c->request, &r, ASSAY_F_BUSY, "too many large answers are under way");
        tag = (etag){""};
        copy = true;
    }
    struct MHD_Response *answer = make(r.body, copy);
    set_answer(c, r.status, answer, answer && add_standard(c, answer) && add_of_handler(c, answer, &r, &tag),
               r.body.len);
    if (!copy && c->answer) return;
    http_slot_give(c->server, c->slot);
    c->slot = NULL;
}

/* "GET, HEAD, OPTIONS" */
static void allow_text(char *out, size_t cap, uint32_t bits) {
    static const char *const names[] = {
        [HTTP_GET] = "GET",   [HTTP_POST] = "POST",     [HTTP_PUT] = "PUT",
        [HTTP_HEAD] = "HEAD", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
    };
    size_t len = 0;
    out[0] = 0;
    for (uint32_t verb = HTTP_GET; verb <= HTTP_OPTIONS; verb++)
        if (bits & 1u << verb) len += assay_os_format(out + len, cap - len, "%s%s", len ? ", " : "", names[verb]);
}

void http_answer_refusal(http_connection *c) {
    uint8_t memory[HTTP_PROBLEM_LEN_MAX];
    assay_buf out = {memory, 0, sizeof memory};
    if (c->refusal != MHD_HTTP_NO_CONTENT) problem_into(&out, c->refusal, c->refusal_err, c->refusal_detail);
    struct MHD_Response *answer = make((assay_bytes){out.ptr, out.len}, true);
    bool ok = answer && add_standard(c, answer);
    if (ok && out.len) ok = add(answer, "Content-Type", PROBLEM_TYPE);
    if (ok && c->allow && (c->refusal == MHD_HTTP_METHOD_NOT_ALLOWED || c->refusal == MHD_HTTP_NO_CONTENT)) {
        char allow[64];
        allow_text(allow, sizeof allow, c->allow);
        ok = add(answer, "Allow", allow);
    }
    if (ok && c->refusal == MHD_HTTP_SERVICE_UNAVAILABLE) ok = add(answer, "Retry-After", "1");
    set_answer(c, c->refusal, answer, ok, out.len);
}
