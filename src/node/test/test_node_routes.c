/* SPDX-License-Identifier: Apache-2.0
 *
 * spec/openapi.json is what the API does: each route is documented and each documented path is a route; and whatever a
 * devnet answers after a long story has exactly the documented members, of the documented types. */
#include "devnet_internal.h"

#include <regex.h>

static json_t *spec;

static int spec_open(void **state) {
    (void)state;
    json_error_t error;
    spec = json_load_file(ASSAY_SOURCE_DIR "/spec/openapi.json", JSON_REJECT_DUPLICATES, &error);
    if (!spec) printf("spec/openapi.json:%d: %s\n", error.line, error.text);
    return spec ? 0 : -1;
}

static int spec_close(void **state) {
    (void)state;
    json_decref(spec);
    return 0;
}

/* "#/components/schemas/Hash" */
static json_t *resolve(json_t *schema) {
    while (json_object_get(schema, "$ref")) {
        const char *at = json_string_value(json_object_get(schema, "$ref"));
        assert_int_equal(strncmp(at, "#/", 2), 0);
        schema = spec;
        for (at += 2; *at;) {
            size_t len = strcspn(at, "/");
            char part[80];
            assay_os_format(part, sizeof part, "%.*s", (int)len, at);
            schema = json_object_get(schema, part);
            at += len + (at[len] == '/');
        }
        assert_non_null(schema);
    }
    return schema;
}

/* ---- the table
 * ------------------------------------------------------------------------------------------------------- */

static const char *word_of(assay_http_method method) {
    switch (method) {
    case ASSAY_HTTP_GET: return "get";
    case ASSAY_HTTP_POST: return "post";
    case ASSAY_HTTP_PUT: return "put";
    case ASSAY_HTTP_DELETE: return "delete";
    case ASSAY_HTTP_HEAD: break;
    }
    return "none";
}

static size_t operations(void) {
    size_t count = 0;
    const char *path;
    json_t *methods;
    json_object_foreach(json_object_get(spec, "paths"), path, methods) count += json_object_size(methods);
    return count;
}

static void every_route_is_documented_and_every_path_is_a_route(void **state) {
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const assay_http_route *route = &routes_table[i];
        json_t *methods = json_object_get(json_object_get(spec, "paths"), route->pattern);
        json_t *operation = json_object_get(methods, word_of(route->method));
        if (!operation) fail_msg("%s %s is not documented", word_of(route->method), route->pattern);
        bool body = json_object_get(operation, "requestBody") != NULL;
        if (body != (route->body_max > 0)) fail_msg("%s %s: a body or not?", word_of(route->method), route->pattern);
    }
    /* No two routes have one method and pattern, so equal numbers leave no path without a route. */
    assert_int_equal(operations(), routes_count);
}

/* The order matters: the first row that fits is taken. */
static void the_table_is_in_the_order_of_the_document(void **state) {
    (void)state;
    size_t i = 0;
    const char *path, *method;
    json_t *methods, *operation;
    json_object_foreach(json_object_get(spec, "paths"), path, methods) {
        json_object_foreach(methods, method, operation) {
            assert_string_equal(path, routes_table[i].pattern);
            assert_string_equal(method, word_of(routes_table[i].method));
            i++;
        }
    }
}

static bool has_parameter(json_t *operation, const char *name, size_t len) {
    size_t i;
    json_t *parameter;
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter) {
        json_t *p = resolve(parameter);
        const char *known = json_string_value(json_object_get(p, "name"));
        if (strlen(known) == len && memcmp(known, name, len) == 0 &&
            strcmp(json_string_value(json_object_get(p, "in")), "path") == 0)
            return true;
    }
    return false;
}

static void every_operation_is_described(void **state) {
    (void)state;
    const char *path, *method, *status;
    json_t *methods, *operation, *answer_of;
    json_object_foreach(json_object_get(spec, "paths"), path, methods) json_object_foreach(methods, method, operation) {
        for (const char *at = strchr(path, '{'); at; at = strchr(at + 1, '{'))
            assert_true(has_parameter(operation, at + 1, strcspn(at + 1, "}")));
        bool success = false;
        json_object_foreach(json_object_get(operation, "responses"), status, answer_of) {
            json_t *r = resolve(answer_of);
            assert_non_null(json_string_value(json_object_get(r, "description")));
            success = success || status[0] == '2';
            /* Whatever goes wrong is a problem document. */
            if (status[0] >= '4')
                assert_non_null(json_object_get(json_object_get(r, "content"), "application/problem+json"));
        }
        assert_true(success);
        assert_non_null(json_string_value(json_object_get(operation, "operationId")));
        assert_non_null(json_string_value(json_object_get(operation, "summary")));
    }
}

/* ---- a schema and a value
 * --------------------------------------------------------------------------------------------- */

static json_t *seen; /* object: "schema/member" for each documented member that some answer had */

static bool has_type(const json_t *value, const char *type) {
    if (strcmp(type, "object") == 0) return json_is_object(value);
    if (strcmp(type, "array") == 0) return json_is_array(value);
    if (strcmp(type, "string") == 0) return json_is_string(value);
    if (strcmp(type, "integer") == 0) return json_is_integer(value);
    if (strcmp(type, "boolean") == 0) return json_is_boolean(value);
    if (strcmp(type, "null") == 0) return json_is_null(value);
    fail_msg("the test does not know the type %s", type);
    return false;
}

static bool matches(const char *pattern, const char *text) {
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool ok = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return ok;
}

static bool fits(json_t *schema, json_t *value, const char *where, bool quiet);

static bool wrong(bool quiet, const char *where, const char *what) {
    if (!quiet) printf("%s: %s\n", where, what);
    return false;
}

static bool type_fits(json_t *schema, const json_t *value) {
    json_t *type = json_object_get(schema, "type");
    if (json_is_string(type)) return has_type(value, json_string_value(type));
    size_t i;
    json_t *one;
    json_array_foreach(type, i, one) if (has_type(value, json_string_value(one))) return true;
    return type == NULL;
}

/* All members that the schema and those it is made of document. */
static void documented(json_t *schema, json_t *into) {
    schema = resolve(schema);
    size_t i;
    json_t *part;
    json_array_foreach(json_object_get(schema, "allOf"), i, part) documented(part, into);
    json_object_update(into, json_object_get(schema, "properties"));
}

static bool object_fits(json_t *schema, json_t *value, const char *where, bool quiet) {
    char at[512];
    size_t i;
    const char *key;
    json_t *name, *member;
    json_array_foreach(json_object_get(schema, "required"), i, name) {
        assay_os_format(at, sizeof at, "%s.%s", where, json_string_value(name));
        if (!json_object_get(value, json_string_value(name))) return wrong(quiet, at, "required, and not there");
    }
    json_t *properties = json_object_get(schema, "properties");
    json_object_foreach(value, key, member) {
        json_t *known = json_object_get(properties, key);
        assay_os_format(at, sizeof at, "%s.%s", where, key);
        if (!known) continue; /* of another part of an allOf, or undocumented: looked at as a whole */
        if (!fits(known, member, at, quiet)) return false;
        json_object_set_new(seen, at, json_true());
    }
    return true;
}

static bool string_fits(json_t *schema, const char *text, const char *where, bool quiet) {
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    json_t *choices = json_object_get(schema, "enum"), *choice;
    if (pattern && !matches(pattern, text)) return wrong(quiet, where, text);
    size_t i;
    bool found = choices == NULL;
    json_array_foreach(choices, i, choice) found = found || strcmp(json_string_value(choice), text) == 0;
    return found ? true : wrong(quiet, where, text);
}

static bool fits(json_t *schema, json_t *value, const char *where, bool quiet) {
    schema = resolve(schema);
    size_t i;
    json_t *part;
    bool any = json_object_get(schema, "anyOf") == NULL;
    json_array_foreach(json_object_get(schema, "anyOf"), i, part) any = any || fits(part, value, where, true);
    if (!any) return wrong(quiet, where, "none of several");
    json_array_foreach(json_object_get(schema, "allOf"), i, part) if (!fits(part, value, where, quiet)) return false;
    if (!type_fits(schema, value)) return wrong(quiet, where, "another type");
    if (json_is_object(value)) return object_fits(schema, value, where, quiet);
    if (json_is_string(value)) return string_fits(schema, json_string_value(value), where, quiet);
    json_t *least = json_object_get(schema, "minimum"), *items = json_object_get(schema, "items"), *item;
    if (json_is_integer(value) && least && json_integer_value(value) < json_integer_value(least))
        return wrong(quiet, where, "too small");
    json_array_foreach(value, i, item) if (!fits(items, item, where, quiet)) return false;
    return true;
}

/* Nothing that is answered is undocumented. Free objects (no properties at all) hold what they hold. */
static bool nothing_else(json_t *schema, json_t *value, const char *where) {
    schema = resolve(schema);
    size_t i;
    const char *key;
    json_t *member;
    char at[512];
    if (json_is_array(value)) {
        json_array_foreach(value, i,
                           member) if (!nothing_else(json_object_get(schema, "items"), member, where)) return false;
        return true;
    }
    if (!json_is_object(value)) return true;
    json_t *known = json_object();
    documented(schema, known);
    bool ok = true, is_free = json_object_size(known) == 0;
    json_object_foreach(value, key, member) {
        json_t *property = json_object_get(known, key);
        assay_os_format(at, sizeof at, "%s.%s", where, key);
        if (!property && !is_free) ok = wrong(false, at, "answered, and not documented");
        if (property && !nothing_else(property, member, at)) ok = false;
    }
    json_decref(known);
    return ok;
}

/* ---- a long story, and what is said about it
 * ------------------------------------------------------------------------------ */

/* The answer to a request, held against the document. `pattern` is the path as documented. */
static answer hold_answer(net *n, assay_http_method method, const char *pattern, const char *path, assay_bytes body,
                          uint32_t status) {
    answer a = ask(n, method, path, body);
    char number[8], where[300];
    assay_os_format(number, sizeof number, "%u", a.status);
    assay_os_format(where, sizeof where, "%s %s %s", word_of(method), pattern, number);
    if (a.status != status)
        printf("%s: %.*s\n", where, (int)(a.body.len < 500 ? a.body.len : 500), (const char *)a.body.ptr);
    assert_int_equal(a.status, status);
    json_t *operation = json_object_get(json_object_get(json_object_get(spec, "paths"), pattern), word_of(method));
    json_t *r = resolve(json_object_get(json_object_get(operation, "responses"), number));
    if (!r) fail_msg("%s is not documented", where);
    json_t *content = json_object_get(r, "content");
    json_t *media = json_object_get(content, status >= 400 ? "application/problem+json" : "application/json");
    if (!media || strstr(path, "format=proto")) return a;
    json_t *schema = json_object_get(media, "schema");
    json_t *value = json_loadb((const char *)a.body.ptr, a.body.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    if (!fits(schema, value, where, false) || !nothing_else(schema, value, where))
        fail_msg("%s: %.*s", where, (int)(a.body.len < 2000 ? a.body.len : 2000), (const char *)a.body.ptr);
    json_decref(value);
    return a;
}

static answer hold(net *n, const char *pattern, const char *format, ...) {
    char path[600];
    va_list arguments;
    va_start(arguments, format);
    assay_os_format_list(path, sizeof path, format, arguments);
    va_end(arguments);
    return hold_answer(n, ASSAY_HTTP_GET, pattern, path, (assay_bytes){NULL, 0}, 200);
}

static bool has_penalty(const json_t *json) { return json_array_size(json_object_get(json, "penalties")) > 0; }

static assay_signature possession(net *n, const char *kind, const assay_key_secret *secret, assay_address owner) {
    uint8_t memory[256];
    assay_buf sign = {memory, 0, sizeof memory};
    assay_bytes chain = assay_base_bytes_str(n->node->chain_id);
    assert_int_equal(assay_types_sign_bytes(&sign, kind, chain, (assay_bytes){owner.b, sizeof owner.b}), ASSAY_OK);
    return assay_crypto_ed25519_sign(secret, (assay_bytes){sign.ptr, sign.len});
}

/* A fifth validator, which runs nowhere. */
static void create_validator(net *n, char *id) {
    assay_key_secret owner = key_of(n, "keys/account3.key"), keys[2];
    assay_os_random(keys, sizeof keys);
    assay_msg_validator_create create = {
        .consensus_key = assay_crypto_ed25519_public(&keys[0]),
        .attestation_key = assay_crypto_ed25519_public(&keys[1]),
        .consensus_proof = possession(n, "consensus-key", &keys[0], address_of(&owner)),
        .attestation_proof = possession(n, "attestation-key", &keys[1], address_of(&owner)),
        .self_bond = 1000000,
        .moniker = ASSAY_STR("far away"),
    };
    submit(n, (assay_tx_body){.validator_create = &create}, "keys/account3.key", 200, id);
}

enum { TX_SEND, TX_CREATE, TX_DELEGATE, TX_UNDELEGATE, TX_REGISTER, TX_REPORT, TX_MAINTAINERS, TX_DEPRECATE, TXS };

/* Everything that the API can tell of happens once. */
static void story(net *n, small_model *m, small_model *child, char ids[TXS][65]) {
    assay_key_secret validator1 = key_of(n, "validator1/owner.key"), account1 = key_of(n, "keys/account1.key");
    assay_address to = address_of(&validator1), other = address_of(&account1);
    assay_msg_send send = {.to = to, .amount = 5};
    submit(n, (assay_tx_body){.send = &send}, "keys/account0.key", 200, ids[TX_SEND]);
    create_validator(n, ids[TX_CREATE]);
    assay_msg_delegate delegate = {to, 1000000};
    submit(n, (assay_tx_body){.delegate = &delegate}, "keys/account0.key", 200, ids[TX_DELEGATE]);
    assay_msg_undelegate undelegate = {to, 400000};
    submit(n, (assay_tx_body){.undelegate = &undelegate}, "keys/account0.key", 200, ids[TX_UNDELEGATE]);
    model_register(n, m, "acme/small", "1.0", ids[TX_REGISTER]);
    model_upload(n, m);
    await_attested(n, "acme/small", "1.0");
    assay_msg_report report = {ASSAY_STR("acme/small"), ASSAY_STR("1.0"), other, ASSAY_STR("large.bin")};
    submit(n, (assay_tx_body){.report = &report}, "validator1/owner.key", 200, ids[TX_REPORT]);
    assay_arena keep = test_memory(n);
    assay_key_secret secret = key_of(n, "keys/account0.key");
    assay_msg_register next = registration(child, "acme/small", "2.0", &secret, keep);
    assay_version_ref parent = {ASSAY_STR("acme/small"), ASSAY_STR("1.0")};
    next.parents = &parent;
    next.parents_count = 1;
    submit(n, (assay_tx_body){.register_version = &next}, "keys/account0.key", 200, NULL);
    uint8_t list[2][ASSAY_ADDRESS_LEN];
    memcpy(list[0], address_of(&secret).b, ASSAY_ADDRESS_LEN);
    memcpy(list[1], other.b, ASSAY_ADDRESS_LEN);
    assay_msg_maintainers maintainers = {ASSAY_STR("acme/small"), list, 2};
    submit(n, (assay_tx_body){.maintainers = &maintainers}, "keys/account0.key", 200, ids[TX_MAINTAINERS]);
    assay_msg_status status = {ASSAY_STR("acme/small"), ASSAY_STR("1.0"), ASSAY_STR("there is a better one")};
    submit(n, (assay_tx_body){.deprecate = &status}, "keys/account0.key", 200, ids[TX_DEPRECATE]);
    fault(n, "double-sign", 2);
    json_decref(await_json(n, "/penalties", has_penalty));
}

static void hold_chain(net *n) {
    hold(n, "/status", "/status");
    hold(n, "/healthz", "/healthz");
    hold(n, "/readyz", "/readyz");
    hold(n, "/openapi.json", "/openapi.json");
    hold(n, "/trust", "/trust");
    hold(n, "/validators", "/validators");
    hold(n, "/validators/{address_or_index}", "/validators/0");
    uint64_t height = integer(n, "/status", "height");
    for (uint64_t before = height + 1; before > 1; before -= before > 200 ? 200 : before - 1)
        hold(n, "/blocks", "/blocks?limit=200&before=%llu", (unsigned long long)before);
    for (uint64_t h = 1; h <= height; h++) hold(n, "/blocks/{height}", "/blocks/%llu", (unsigned long long)h);
    hold(n, "/blocks/{height}", "/blocks/latest");
    assert_true(hold(n, "/blocks/{height}", "/blocks/1?format=proto").body.len > 500);
    assert_true(hold(n, "/genesis", "/genesis").body.len > 100);
    hold(n, "/penalties", "/penalties");
    hold(n, "/penalties/{number}", "/penalties/1");
}

static void hold_models(net *n, const small_model *m) {
    char digest[65];
    hold(n, "/models", "/models?limit=1");
    hold(n, "/models/{owner}/{model}", "/models/acme/small");
    hold(n, "/models/{owner}/{model}", "/models/acme/small?first=1&limit=1");
    hold(n, "/models/{owner}/{model}/{version}", "/models/acme/small/1.0");
    hold(n, "/models/{owner}/{model}/{version}", "/models/acme/small/2.0");
    hold(n, "/certificates/{owner}/{model}/{version}", "/certificates/acme/small/1.0");
    assay_base_hex(digest, assay_base_hash_bytes(&m->model.manifest.files[0].sha256));
    hold(n, "/certificates/sha256/{digest}", "/certificates/sha256/%s", digest);
    hold(n, "/attestations", "/attestations");
    hold(n, "/attestations/{index}", "/attestations/0");
    hold(n, "/log/consistency", "/log/consistency?old=1");
    hold(n, "/log/consistency", "/log/consistency?old=0&new=0");
    uint8_t memory[ASSAY_STATE_KEY_LEN_MAX];
    char hex[2 * ASSAY_STATE_KEY_LEN_MAX + 1];
    assay_buf key = {memory, 0, sizeof memory};
    assert_int_equal(assay_version_key(&key, ASSAY_STR("acme/small"), ASSAY_STR("1.0")), ASSAY_OK);
    assay_base_hex(hex, (assay_bytes){key.ptr, key.len});
    hold(n, "/proofs/{key}", "/proofs/%s", hex);
    hold(n, "/proofs/{key}", "/proofs/00ff");
    hold(n, "/bytes/{root}", "/bytes/%s", m->root);
    assert_true(hold(n, "/bytes/{root}/manifest", "/bytes/%s/manifest", m->root).body.len > 300);
    assert_int_equal(hold(n, "/bytes/{root}/groups", "/bytes/%s/groups", m->root).body.len, (4 + 5) * 32);
    assert_true(hold(n, "/bytes/{root}/files/{index}/groups/{group}", "/bytes/%s/files/2/groups/1", m->root).body.len >
                1 << 20);
    assert_int_equal(hold(n, "/bytes/{root}/files/{index}", "/bytes/%s/files/2?offset=7&length=9", m->root).body.len,
                     9);
}

static void hold_transactions(net *n, char ids[TXS][65]) {
    assay_arena keep = test_memory(n);
    assay_key_secret secret = key_of(n, "keys/account0.key"), bonded = key_of(n, "validator1/owner.key");
    char address[ASSAY_ADDRESS_TEXT_LEN + 1];
    for (int i = 0; i < TXS; i++) hold(n, "/transactions/{id}", "/transactions/%s", ids[i]);
    /* Checks and openings are the validators' own transactions: they stand in some block. */
    uint64_t height = integer(n, "/status", "height");
    for (uint64_t h = 1; h <= height; h++) {
        char path[40];
        assay_os_format(path, sizeof path, "/blocks/%llu", (unsigned long long)h);
        json_t *block = get(n, path), *list = json_object_get(block, "transactions"), *id;
        size_t i;
        json_array_foreach(list, i, id) hold(n, "/transactions/{id}", "/transactions/%s", json_string_value(id));
        json_decref(block);
    }
    assay_codec_address_put(address, address_of(&secret));
    hold(n, "/accounts/{address}", "/accounts/%s", address);
    assay_codec_address_put(address, address_of(&bonded));
    hold(n, "/accounts/{address}", "/accounts/%s", address);
    assay_msg_send send = {.to = {{9}}, .amount = 1};
    assay_tx_body body = {.send = &send};
    hold_answer(n, ASSAY_HTTP_POST, "/transactions", "/transactions", signed_tx(n, body, &secret, 0, &keep), 200);
    assay_bytes tx = signed_tx(n, body, &secret, 0, &keep);
    hold_answer(n, ASSAY_HTTP_POST, "/transactions", "/transactions?wait=admitted", tx, 202);
    hold_answer(n, ASSAY_HTTP_POST, "/transactions", "/transactions", ASSAY_STR("none"), 400);
    /* Delegating more than there is passes admission, and a block refuses it. */
    assay_key_secret poor = key_of(n, "keys/account2.key");
    assay_msg_send all = {.to = {{9}}, .amount = UINT64_MAX / 2};
    tx = signed_tx(n, (assay_tx_body){.send = &all}, &poor, 0, &keep);
    answer a = ask(n, ASSAY_HTTP_POST, "/transactions", tx);
    hold_answer(n, ASSAY_HTTP_POST, "/transactions", "/transactions", tx, a.status == 409 ? 409 : 400);
    uint8_t *batch = ASSAY_NEW(&keep, uint8_t, 4096);
    assay_buf out = {batch, 0, 4096};
    tx = signed_tx(n, (assay_tx_body){.send = &send}, &poor, 1, &keep);
    assert_int_equal(assay_codec_put_varint(&out, tx.len), ASSAY_OK);
    assert_int_equal(assay_base_buf_put(&out, tx), ASSAY_OK);
    assert_int_equal(assay_base_buf_put(&out, ASSAY_STR("\x03xyz")), ASSAY_OK);
    hold_answer(n, ASSAY_HTTP_POST, "/transactions/batch", "/transactions/batch", (assay_bytes){out.ptr, out.len}, 202);
}

static void hold_uploads(net *n, const small_model *child) {
    assay_arena keep = test_memory(n);
    char path[200];
    static const char *const manifest = "/bytes/{root}/manifest", *const file = "/bytes/{root}/files/{index}";
    assay_os_format(path, sizeof path, "/bytes/%s/manifest", child->root);
    hold_answer(n, ASSAY_HTTP_PUT, manifest, path, manifest_bytes(&child->model.manifest, &keep), 200);
    hold_answer(n, ASSAY_HTTP_PUT, manifest, path, ASSAY_STR("no manifest"), 400);
    assay_os_format(path, sizeof path, "/bytes/%s/groups", child->root);
    hold_answer(n, ASSAY_HTTP_PUT, "/bytes/{root}/groups", path, groups_bytes(&child->model), 200);
    hold_answer(n, ASSAY_HTTP_PUT, "/bytes/{root}/groups", path, ASSAY_STR("no digests"), 400);
    assay_os_format(path, sizeof path, "/bytes/%s/files/0?offset=0", child->root);
    hold_answer(n, ASSAY_HTTP_PUT, file, path, file_bytes(child, 0, &keep), 200);
    assay_os_format(path, sizeof path, "/bytes/%s/files/0?offset=19", child->root);
    hold_answer(n, ASSAY_HTTP_PUT, file, path, ASSAY_STR("a model"), 409);
    hold_answer(n, ASSAY_HTTP_POST, "/faults", "/faults", ASSAY_STR("{\"kind\":\"kill\",\"validator\":3}"), 200);
    hold_answer(n, ASSAY_HTTP_POST, "/faults", "/faults", ASSAY_STR("{\"kind\":\"kill\",\"validator\":3}"), 409);
    hold_answer(n, ASSAY_HTTP_GET, "/status", "/status?validator=3", (assay_bytes){NULL, 0}, 503);
    hold_answer(n, ASSAY_HTTP_GET, "/status", "/status?validator=4", (assay_bytes){NULL, 0}, 404);
}

/* Each documented member of each schema of a good answer was in some answer. */
static size_t unseen(json_t *schema, const char *where) {
    schema = resolve(schema);
    size_t count = 0, i;
    const char *key;
    json_t *property, *part;
    char at[512];
    if (json_object_get(schema, "items")) return unseen(json_object_get(schema, "items"), where);
    json_array_foreach(json_object_get(schema, "allOf"), i, part) count += unseen(part, where);
    json_object_foreach(json_object_get(schema, "properties"), key, property) {
        assay_os_format(at, sizeof at, "%s.%s", where, key);
        if (!json_object_get(seen, at)) {
            printf("%s: documented, and never answered\n", at);
            count++;
        } else {
            count += unseen(property, at);
        }
    }
    return count;
}

static size_t unseen_anywhere(void) {
    size_t count = 0;
    const char *path, *method, *status;
    json_t *methods, *operation, *response;
    json_object_foreach(json_object_get(spec, "paths"), path, methods) json_object_foreach(methods, method, operation)
        json_object_foreach(json_object_get(operation, "responses"), status, response) {
        json_t *media = json_object_get(json_object_get(resolve(response), "content"), "application/json");
        char where[300];
        assay_os_format(where, sizeof where, "%s %s %s", method, path, status);
        if (status[0] == '2' && media) count += unseen(json_object_get(media, "schema"), where);
    }
    return count;
}

static void a_devnet_answers_what_is_documented(void **state) {
    (void)state;
    static char ids[TXS][65];
    net n = {0};
    small_model m, child;
    net_open(&n, 4, true);
    assay_os_region region;
    assert_int_equal(assay_os_reserve(&region, (size_t)1 << 30), ASSAY_OK);
    assay_arena keep = assay_os_region_arena(&region), upper = assay_base_arena_split(&keep);
    model_make(&m, 1, &keep);
    model_make(&child, 2, &upper);
    seen = json_object();
    story(&n, &m, &child, ids);
    hold_chain(&n);
    hold_models(&n, &m);
    hold_transactions(&n, ids);
    hold_uploads(&n, &child);
    assert_int_equal(unseen_anywhere(), 0);
    json_decref(seen);
    model_drop(&m);
    model_drop(&child);
    assay_os_unreserve(&region);
    net_close(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_documented_and_every_path_is_a_route),
        cmocka_unit_test(the_table_is_in_the_order_of_the_document),
        cmocka_unit_test(every_operation_is_described),
        cmocka_unit_test(a_devnet_answers_what_is_documented),
    };
    return cmocka_run_group_tests_name("routes", tests, spec_open, spec_close);
}
