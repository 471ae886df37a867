/* SPDX-License-Identifier: Apache-2.0
 *
 * Model bytes handed in over the API: only what is recorded, as much as was declared, checked on arrival, going on
 * where they stopped; and the certificates that come of them, found by name and by a file's digest on every validator.
 */
#include "devnet_internal.h"

#include <signal.h>
#include <sys/resource.h>

#define MIB ((size_t)1 << 20)

static assay_os_region region;

static assay_arena models_memory(void) { return assay_os_region_arena(&region); }

static int setup(void **state) {
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    return assay_os_reserve(&region, (size_t)4 << 30) == ASSAY_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    assay_os_unreserve(&region);
    return 0;
}

static answer put(net *n, const char *root, const char *what, assay_bytes body) {
    char path[200];
    assay_os_format(path, sizeof path, "/bytes/%s/%s", root, what);
    return ask(n, ASSAY_HTTP_PUT, path, body);
}

static void put_refused(net *n, const char *root, const char *what, assay_bytes body, uint32_t status,
                        const char *code) {
    char path[200];
    assay_os_format(path, sizeof path, "/bytes/%s/%s", root, what);
    refused(n, ASSAY_HTTP_PUT, path, body, status, code);
}

static uint64_t have_of(net *n, const char *root, uint32_t index) {
    char path[200];
    assay_os_format(path, sizeof path, "/bytes/%s", root);
    json_t *json = get(n, path);
    json_t *file = json_array_get(json_object_get(json, "files"), index);
    uint64_t have = (uint64_t)json_integer_value(json_object_get(file, "have"));
    json_decref(json);
    return have;
}

/* ---- what is refused
 * ------------------------------------------------------------------------------------------------- */

static void only_what_is_recorded_and_declared(void **state) {
    (void)state;
    net n = {0};
    small_model m;
    net_open(&n, 1, true);
    assay_arena keep = models_memory();
    model_make(&m, 1, &keep);
    assay_bytes right = manifest_bytes(&m.model.manifest, &keep);
    put_refused(&n, m.root, "manifest", right, 404, "E9");
    put_refused(&n, m.root, "groups", groups_bytes(&m.model), 404, "E9");
    put_refused(&n, m.root, "files/0?offset=0", ASSAY_STR("x"), 404, "E9");
    model_register(&n, &m, "acme/small", "1.0", NULL);
    put_refused(&n, m.root, "files/0?offset=0", ASSAY_STR("x"), 404, "E9"); /* the manifest comes first */
    put_refused(&n, m.root, "groups", groups_bytes(&m.model), 404, "E9");
    put_refused(&n, m.root, "manifest", ASSAY_STR("\xff"), 400, "E1");
    put_refused(&n, m.root, "manifest", ASSAY_STR("\x08\x01"), 400, "E26");

    /* The root says nothing of tensors: whoever hands in others would keep the right ones out. */
    assay_manifest other = m.model.manifest;
    assay_tensor_leaf tensor = other.tensors[0];
    tensor.name = ASSAY_STR("v");
    other.tensors = &tensor;
    put_refused(&n, m.root, "manifest", manifest_bytes(&other, &keep), 400, "E23");
    other.tensors_count = 0;
    other.tensors = NULL;
    put_refused(&n, m.root, "manifest", manifest_bytes(&other, &keep), 400, "E23");
    other = m.model.manifest;
    other.files_count--;
    put_refused(&n, m.root, "manifest", manifest_bytes(&other, &keep), 400, "E23");

    assert_int_equal(put(&n, m.root, "manifest", right).status, 200);
    assert_int_equal(put(&n, m.root, "manifest", right).status, 200); /* again: no harm */
    put_refused(&n, m.root, "groups", ASSAY_STR("not digests"), 400, "E7");
    put_refused(&n, m.root, "files/9?offset=0", ASSAY_STR("x"), 404, "E9");
    put_refused(&n, m.root, "files/x?offset=0", ASSAY_STR("x"), 400, "E1");
    put_refused(&n, m.root, "files/0?offset=x", ASSAY_STR("x"), 400, "E1");
    put_refused(&n, m.root, "files/0?offset=18446744073709551615", ASSAY_STR("x"), 400, "E2");
    put_refused(&n, m.root, "files/0?offset=1", ASSAY_STR("x"), 409, "E2");
    put_refused(&n, m.root, "files/0?offset=0", ASSAY_STR("longer than the file is said to be"), 400, "E2");
    assert_int_equal(have_of(&n, m.root, 0), 0);
    uint8_t *large = ASSAY_NEW(&keep, uint8_t, 4 * MIB + 1);
    put_refused(&n, m.root, "files/2?offset=0", (assay_bytes){large, 4 * MIB + 1}, 413, "E54");
    put_refused(&n, "00", "files/0?offset=0", ASSAY_STR("x"), 400, "E1");
    /* Large manifests come one after the other: a few of them at once would take all memory. */
    uint8_t *garbage = ASSAY_NEW(&keep, uint8_t, 17 * MIB);
    memset(garbage, 0xff, 17 * MIB);
    atomic_store(&n.node->large, true);
    put_refused(&n, m.root, "manifest", (assay_bytes){garbage, 17 * MIB}, 503, "F134");
    put_refused(&n, m.root, "manifest", (assay_bytes){garbage, MIB}, 400, "E1");
    atomic_store(&n.node->large, false);
    put_refused(&n, m.root, "manifest", (assay_bytes){garbage, 17 * MIB}, 400, "E1");
    assert_false(atomic_load(&n.node->large));
    model_drop(&m);
    net_close(&n);
}

/* ---- checked on arrival
 * ----------------------------------------------------------------------------------------------- */

static bool has_dropped(const json_t *json) {
    return json_integer_value(json_object_get(json_array_get(json_object_get(json, "files"), 2), "have")) == 0;
}

static void wrong_bytes_do_not_stay(void **state) {
    (void)state;
    net n = {0};
    small_model m;
    net_open(&n, 4, true);
    assay_arena keep = models_memory();
    model_make(&m, 1, &keep);
    model_register(&n, &m, "acme/small", "1.0", NULL);
    assert_int_equal(put(&n, m.root, "manifest", manifest_bytes(&m.model.manifest, &keep)).status, 200);
    /* Without digests anybody hands in anything; the validator finds it when all is there, and drops it. */
    for (uint32_t i = 0; i < m.model.manifest.files_count; i++) {
        assay_bytes bytes = file_bytes(&m, i, &keep);
        uint8_t *copy = ASSAY_NEW(&keep, uint8_t, bytes.len + 1);
        if (bytes.len) memcpy(copy, bytes.ptr, bytes.len);
        if (i == 2) copy[4 * MIB + 9] ^= 1;
        for (size_t at = 0; at == 0 || at < bytes.len; at += 4 * MIB) {
            char what[60];
            size_t len = bytes.len - at < 4 * MIB ? bytes.len - at : 4 * MIB;
            assay_os_format(what, sizeof what, "files/%u?offset=%zu", i, at);
            assert_int_equal(put(&n, m.root, what, (assay_bytes){copy + at, len}).status, 200);
        }
    }
    char path[100];
    assay_os_format(path, sizeof path, "/bytes/%s", m.root);
    json_decref(await_json(&n, path, has_dropped));
    /* A wrong beginning, and then somebody who knows the digests: what came before goes. */
    assert_int_equal(put(&n, m.root, "files/2?offset=0", ASSAY_STR("wrong")).status, 200);
    assert_int_equal(put(&n, m.root, "groups", groups_bytes(&m.model)).status, 200);
    assert_int_equal(have_of(&n, m.root, 2), 0);
    assert_int_equal(have_of(&n, m.root, 0), 0);
    assay_bytes bytes = file_bytes(&m, 2, &keep);
    uint8_t *copy = ASSAY_NEW(&keep, uint8_t, bytes.len);
    memcpy(copy, bytes.ptr, bytes.len);
    copy[5] ^= 1;
    put_refused(&n, m.root, "files/2?offset=0", (assay_bytes){copy, 2 * MIB}, 400, "E23");
    put_refused(&n, m.root, "files/2?offset=0", (assay_bytes){bytes.ptr, 4096}, 413, "E54"); /* not a whole MiB */
    copy[5] ^= 1;
    copy[MIB + 5] ^= 1;
    assert_int_equal(put(&n, m.root, "files/2?offset=0", (assay_bytes){copy, 2 * MIB}).status, 200);
    assert_int_equal(have_of(&n, m.root, 2), MIB); /* as far as it fits */
    /* Pieces that end inside a MiB are taken as far as they are whole. */
    assert_int_equal(put(&n, m.root, "files/2?offset=1048576", (assay_bytes){bytes.ptr + MIB, MIB + 7}).status, 200);
    assert_int_equal(have_of(&n, m.root, 2), 2 * MIB);
    model_upload_rest(&n, &m);
    await_attested(&n, "acme/small", "1.0");
    /* What was verified is never written again. */
    assert_int_equal(put(&n, m.root, "files/2?offset=0", ASSAY_STR("wrong")).status, 200);
    assert_int_equal(put(&n, m.root, "groups", groups_bytes(&m.model)).status, 200);
    assert_int_equal(have_of(&n, m.root, 2), bytes.len);
    model_drop(&m);
    net_close(&n);
}

/* ---- going on
 * ----------------------------------------------------------------------------------------------------------- */

typedef struct uploader {
    uint16_t port;
    const char *root;
    assay_bytes bytes;
    size_t piece;
    bool ok;
    assay_os_thread thread;
} uploader;

static void upload_file_2(void *context) {
    uploader *u = context;
    assay_http_client *client;
    static const size_t room = 1 << 20;
    uint8_t *memory = malloc(room);
    char url[64], path[200];
    assay_os_format(url, sizeof url, "http://127.0.0.1:%u", u->port);
    if (assay_http_client_open(&client, url, 30) != ASSAY_OK) return;
    size_t have = 0;
    while (have < u->bytes.len) {
        assay_arena arena = assay_base_arena(memory, room);
        assay_http_reply reply;
        size_t len = u->bytes.len - have < u->piece ? u->bytes.len - have : u->piece;
        assay_os_format(path, sizeof path, "/bytes/%s/files/2?offset=%zu", u->root, have);
        if (assay_http_call(client, &reply, &arena, ASSAY_HTTP_PUT, path, (assay_bytes){u->bytes.ptr + have, len},
                            "application/octet-stream", 65536) != ASSAY_OK)
            break;
        if (reply.status != 200 && reply.status != 409) break;
        json_t *json = json_loadb((const char *)reply.body.ptr, reply.body.len, 0, NULL);
        have = (size_t)json_integer_value(json_object_get(json, "have"));
        json_decref(json);
    }
    u->ok = have == u->bytes.len;
    assay_http_client_close(client);
    free(memory);
}

static void four_at_once_hand_in_one_file(void **state) {
    (void)state;
    net n = {0};
    small_model m;
    net_open(&n, 4, true);
    assay_arena keep = models_memory();
    model_make(&m, 1, &keep);
    assay_bytes bytes = file_bytes(&m, 2, &keep);
    model_register(&n, &m, "acme/small", "1.0", NULL);
    assert_int_equal(put(&n, m.root, "manifest", manifest_bytes(&m.model.manifest, &keep)).status, 200);
    uploader list[4];
    for (size_t i = 0; i < 4; i++) {
        list[i] = (uploader){assay_node_look(n.node).port, m.root, bytes, 30000 + 7919 * i, false, {0}};
        assert_int_equal(assay_os_thread_start(&list[i].thread, "uploader", 0, upload_file_2, &list[i]), ASSAY_OK);
    }
    for (size_t i = 0; i < 4; i++) {
        assay_os_thread_join(&list[i].thread);
        assert_true(list[i].ok);
    }
    model_upload_rest(&n, &m);
    await_attested(&n, "acme/small", "1.0");
    model_drop(&m);
    net_close(&n);
}

/* Stopped in the middle, and a disk that refuses in the middle of a MiB. */
static void an_upload_goes_on(void **state) {
    (void)state;
    net n = {0};
    small_model m;
    assay_arena keep = models_memory();
    assert_int_equal(assay_os_temp_dir(&n.data, &keep, "assay-test-node-", true), ASSAY_OK);
    net_open(&n, 2, true);
    model_make(&m, 3, &keep);
    model_grow(&m, 40 * MIB, &keep);
    assay_bytes bytes = file_bytes(&m, 2, &keep);
    model_register(&n, &m, "acme/large", "1.0", NULL);
    assert_int_equal(put(&n, m.root, "manifest", manifest_bytes(&m.model.manifest, &keep)).status, 200);
    assert_int_equal(put(&n, m.root, "groups", groups_bytes(&m.model)).status, 200);
    assert_int_equal(put(&n, m.root, "files/2?offset=0", (assay_bytes){bytes.ptr, 4 * MIB}).status, 200);
    net_close(&n);
    net_open(&n, 2, true);
    assert_int_equal(have_of(&n, m.root, 2), 4 * MIB);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 30 * MIB + 5000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint64_t have = 4 * MIB;
    answer a = {200, {NULL, 0}};
    while (have < bytes.len && a.status == 200) {
        char what[60];
        size_t len = bytes.len - have < 4 * MIB ? (size_t)(bytes.len - have) : 4 * MIB;
        assay_os_format(what, sizeof what, "files/2?offset=%llu", (unsigned long long)have);
        a = put(&n, m.root, what, (assay_bytes){bytes.ptr + have, len});
        if (a.status == 200) have += len;
    }
    assert_int_equal(a.status, 500); /* F129: the disk */
    assert_int_equal(have, 28 * MIB);
    have = have_of(&n, m.root, 2);
    assert_true(have >= 28 * MIB && have <= 30 * MIB + 5000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    model_upload_rest(&n, &m);
    assert_int_equal(have_of(&n, m.root, 2), bytes.len);
    await_attested(&n, "acme/large", "1.0");
    model_drop(&m);
    net_close(&n);
    assert_int_equal(assay_os_remove_tree(n.data), ASSAY_OK);
}

/* ---- one root, several versions
 * ---------------------------------------------------------------------------------------------- */

static bool tells(net *n, const char *path, assay_bytes expected) {
    answer a = ask(n, ASSAY_HTTP_GET, path, (assay_bytes){NULL, 0});
    return a.status == 200 && assay_base_bytes_eq(a.body, expected);
}

static void another_version_with_the_same_files_is_in_nobodys_way(void **state) {
    (void)state;
    net n = {0};
    small_model m, twin;
    net_open(&n, 4, true);
    assay_arena keep = models_memory();
    model_make(&m, 1, &keep);
    /* Somebody claims other tensors for the same files, hands that manifest in first, and signs nothing right. */
    twin = m;
    assay_tensor_leaf tensor = m.model.manifest.tensors[0];
    tensor.name = ASSAY_STR("forged");
    twin.model.manifest.tensors = &tensor;
    assert_int_equal(assay_manifest_tensor_root(&twin.model.tensor_root, &twin.model.manifest, keep), ASSAY_OK);
    assay_key_secret secret = key_of(&n, "keys/account1.key");
    assay_msg_register forged = registration(&twin, "evil/twin", "1.0", &secret, keep);
    forged.statement_signature.b[5] ^= 1;
    submit(&n, (assay_tx_body){.register_version = &forged}, "keys/account1.key", 200, NULL);
    assay_bytes theirs = manifest_bytes(&twin.model.manifest, &keep), ours = manifest_bytes(&m.model.manifest, &keep);
    assert_int_equal(put(&n, m.root, "manifest", theirs).status, 200);
    put_refused(&n, m.root, "manifest", ours, 400, "E23"); /* not registered yet */
    model_register(&n, &m, "acme/small", "1.0", NULL);
    model_upload(&n, &m);
    await_attested(&n, "acme/small", "1.0");
    char path[300], hex[65];
    assay_base_hex(hex, assay_base_hash_bytes(&m.model.tensor_root));
    assay_os_format(path, sizeof path, "/bytes/%s/manifest?tensor_root=%s", m.root, hex);
    assert_true(tells(&n, path, ours));
    assay_base_hex(hex, assay_base_hash_bytes(&twin.model.tensor_root));
    assay_os_format(path, sizeof path, "/bytes/%s/manifest?tensor_root=%s", m.root, hex);
    assert_true(tells(&n, path, theirs));
    assay_os_format(path, sizeof path, "/bytes/%s/manifest?tensor_root=%064d", m.root, 0);
    refused(&n, ASSAY_HTTP_GET, path, (assay_bytes){NULL, 0}, 404, "E9");
    answer a = ask(&n, ASSAY_HTTP_GET, "/certificates/acme/small/1.0", (assay_bytes){NULL, 0});
    assert_int_equal(a.status, 200);
    assay_cert cert;
    assay_arena room = test_memory(&n), scratch = assay_base_arena_split(&room);
    assert_int_equal(assay_cert_parse(&cert, &room, a.body, scratch), ASSAY_OK);
    assert_true(assay_base_bytes_eq(cert.manifest.tensors[0].name, ASSAY_STR("w")));
    /* A statement that nobody signed gets no check from anybody, and costs nobody a hash. */
    json_t *version = get(&n, "/models/evil/twin/1.0");
    assert_string_equal(json_string_value(json_object_get(version, "status")), "recorded");
    assert_int_equal(json_array_size(json_object_get(version, "checks")), 0);
    json_decref(version);
    refused(&n, ASSAY_HTTP_GET, "/certificates/evil/twin/1.0", (assay_bytes){NULL, 0}, 409, "E46");
    model_drop(&m);
    net_close(&n);
}

/* ---- certificates
 * ---------------------------------------------------------------------------------------------------------------- */

/* Of the certificate that validator `of` gives for a path: its version, and what it says the status is. */
static void certified(net *n, const char *what, uint32_t of, const char *version, assay_version_status status) {
    char path[200];
    assay_os_format(path, sizeof path, "/certificates/%s?validator=%u", what, of);
    answer a = ask(n, ASSAY_HTTP_GET, path, (assay_bytes){NULL, 0});
    if (a.status != 200) printf("%s: %u %.*s\n", path, a.status, (int)a.body.len, (const char *)a.body.ptr);
    assert_int_equal(a.status, 200);
    assay_cert cert;
    assay_arena keep = test_memory(n), scratch = assay_base_arena_split(&keep);
    assert_int_equal(assay_cert_parse(&cert, &keep, a.body, scratch), ASSAY_OK);
    assert_int_equal(assay_cert_check(&cert, scratch), ASSAY_OK);
    assert_true(assay_base_bytes_eq(cert.version, assay_base_bytes_str(version)));
    assert_int_equal(cert.record.status, status);
}

static bool is_checked_by_all(const json_t *version) {
    size_t i, opened = 0;
    json_t *check;
    json_array_foreach(json_object_get(version, "checks"), i, check) opened +=
        strcmp(json_string_value(json_object_get(check, "state")), "opened") == 0;
    return opened == 4;
}

/* The root binds the bytes and none of what a manifest says about the tensors in them: validators look themselves. */
static void tensors_that_are_not_in_the_bytes_are_not_attested(void **state) {
    (void)state;
    net n = {0};
    small_model m, liar;
    net_open(&n, 4, true);
    assay_arena keep = models_memory();
    model_make(&m, 1, &keep);
    liar = m;
    assay_tensor_leaf tensor = m.model.manifest.tensors[0];
    tensor.blake3.b[0] ^= 1;
    liar.model.manifest.tensors = &tensor;
    assert_int_equal(assay_manifest_tensor_root(&liar.model.tensor_root, &liar.model.manifest, keep), ASSAY_OK);
    model_register(&n, &liar, "acme/liar", "1.0", NULL); /* signed as it should be */
    model_upload(&n, &liar);
    /* What is registered after it is checked by everybody, so everybody had its turn with this one. */
    model_register(&n, &m, "acme/small", "1.0", NULL);
    char path[200];
    assay_os_format(path, sizeof path, "/bytes/%s/manifest", m.root);
    json_decref(expect(&n, ASSAY_HTTP_PUT, path, manifest_bytes(&m.model.manifest, &keep), 200));
    json_decref(await_json(&n, "/models/acme/small/1.0", is_checked_by_all));
    json_t *version = get(&n, "/models/acme/liar/1.0");
    assert_string_equal(json_string_value(json_object_get(version, "status")), "recorded");
    assert_int_equal(json_array_size(json_object_get(version, "checks")), 0);
    json_decref(version);
    model_drop(&m);
    net_close(&n);
}

static void a_file_is_found_on_every_validator(void **state) {
    (void)state;
    net n = {0};
    small_model m, second;
    assay_arena keep = models_memory(), upper;
    assert_int_equal(assay_os_temp_dir(&n.data, &keep, "assay-test-node-", true), ASSAY_OK);
    upper = assay_base_arena_split(&keep);
    net_open(&n, 4, true);
    model_make(&m, 1, &keep);
    model_make(&second, 2, &upper);
    char digest[65], common[65], own[100], shared[100];
    assay_base_hex(digest, assay_base_hash_bytes(&m.model.manifest.files[2].sha256));
    assay_base_hex(common, assay_base_hash_bytes(&m.model.manifest.files[0].sha256)); /* both have this README */
    assay_os_format(own, sizeof own, "sha256/%s", digest);
    assay_os_format(shared, sizeof shared, "sha256/%s", common);
    model_register(&n, &m, "acme/small", "1.0", NULL);
    refused(&n, ASSAY_HTTP_GET, "/certificates/acme/small/1.0", (assay_bytes){NULL, 0}, 409, "E46");
    model_upload(&n, &m);
    json_decref(await_json(&n, "/models/acme/small/1.0", is_checked_by_all));
    for (uint32_t v = 0; v < 4; v++) certified(&n, own, v, "1.0", ASSAY_VERSION_ATTESTED);
    model_register(&n, &second, "acme/small", "2.0", NULL);
    model_upload(&n, &second);
    json_decref(await_json(&n, "/models/acme/small/2.0", is_checked_by_all));
    certified(&n, shared, 1, "2.0", ASSAY_VERSION_ATTESTED); /* the newest */
    net_close(&n);
    net_open(&n, 4, true);
    for (uint32_t v = 0; v < 4; v++) {
        certified(&n, own, v, "1.0", ASSAY_VERSION_ATTESTED);
        certified(&n, shared, v, "2.0", ASSAY_VERSION_ATTESTED);
    }
    /* Withdrawn versions come last, and say so. */
    assay_msg_status status = {ASSAY_STR("acme/small"), ASSAY_STR("2.0"), ASSAY_STR("a test")};
    submit(&n, (assay_tx_body){.deprecate = &status}, "keys/account0.key", 200, NULL);
    certified(&n, shared, 0, "1.0", ASSAY_VERSION_ATTESTED);
    certified(&n, "acme/small/2.0", 0, "2.0", ASSAY_VERSION_DEPRECATED);
    status.version = ASSAY_STR("1.0");
    submit(&n, (assay_tx_body){.revoke = &status}, "keys/account0.key", 200, NULL);
    certified(&n, shared, 0, "2.0", ASSAY_VERSION_DEPRECATED);
    certified(&n, own, 0, "1.0", ASSAY_VERSION_REVOKED);
    certified(&n, "acme/small/1.0", 0, "1.0", ASSAY_VERSION_REVOKED);
    assay_os_format(own, sizeof own, "/certificates/sha256/%064d", 7);
    refused(&n, ASSAY_HTTP_GET, own, (assay_bytes){NULL, 0}, 404, "E9");
    /* Nothing is taken any more for what is revoked. */
    put_refused(&n, m.root, "manifest", manifest_bytes(&m.model.manifest, &keep), 404, "E9");
    model_drop(&m);
    model_drop(&second);
    net_close(&n);
    assert_int_equal(assay_os_remove_tree(n.data), ASSAY_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_recorded_and_declared),
        cmocka_unit_test(wrong_bytes_do_not_stay),
        cmocka_unit_test(four_at_once_hand_in_one_file),
        cmocka_unit_test(an_upload_goes_on),
        cmocka_unit_test(another_version_with_the_same_files_is_in_nobodys_way),
        cmocka_unit_test(tensors_that_are_not_in_the_bytes_are_not_attested),
        cmocka_unit_test(a_file_is_found_on_every_validator),
    };
    return cmocka_run_group_tests_name("uploads", tests, setup, teardown);
}
