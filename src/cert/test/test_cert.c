/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates: built, parsed and checked; every field of one changed, each change refused. */
#include "chain_internal.h"
#include "../cert_internal.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static uint8_t keep_memory[64u << 20], scratch_memory[64u << 20], more_memory[64u << 20];
static chain made;

static assay_arena arena_of(uint8_t *memory) { return assay_base_arena(memory, sizeof keep_memory); }

static assay_err read_back(assay_cert *out, assay_bytes text) {
    assay_arena keep = arena_of(more_memory), scratch = arena_of(scratch_memory);
    ASSAY_TRY(assay_cert_parse(out, &keep, text, scratch));
    return assay_cert_check(out, scratch);
}

static assay_bytes make_text(assay_arena *keep, uint32_t files, const chain_options *options) {
    static assay_manifest manifest;
    assay_bytes text;
    manifest = chain_manifest(keep, files);
    chain_make(&made, keep, &manifest, (assay_bytes){0}, options, arena_of(scratch_memory));
    assert_int_equal(chain_text(&text, keep, &made.parts, arena_of(scratch_memory)), ASSAY_OK);
    return text;
}

/* ---- round trip and size ------------------------------------------------------------------------------------- */

static void test_round_trip(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 4, 100};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assay_arena keep = arena_of(keep_memory);
        const chain_options options = {.validators = sizes[i], .absent = sizes[i] / 10, .nil = sizes[i] / 20};
        assay_bytes text = make_text(&keep, 3, &options);
        assay_cert cert;
        assert_int_equal(read_back(&cert, text), ASSAY_OK);
        assert_true(assay_base_bytes_eq(cert.name, made.parts.name));
        assert_true(assay_base_bytes_eq(cert.chain_id, ASSAY_STR(CHAIN_ID)));
        assert_true(assay_base_hash_eq(cert.record.root, made.record.root));
        assert_true(assay_base_hash_eq(cert.commit.block_id.hash, assay_header_hash(&made.header)));
        assert_int_equal(cert.validators.count, sizes[i]);
        assert_int_equal(cert.validators.total_power, made.set.total_power);
        assert_int_equal(cert.commit.sigs_count, sizes[i]);
        for (uint32_t s = 0; s < sizes[i]; s++)
            assert_memory_equal(&cert.commit.sigs[s].signature, &made.commit.sigs[s].signature, ASSAY_SIGNATURE_LEN);
        assert_true(cert.attested);
        assert_int_equal(cert.log_index, made.parts.log_index);
    }
}

/* 20 KiB at 100 validators beside the manifest, ten files named in the statement, a log and a state of some thousands;
 * and what a state and a log of a million cost. */
static void test_size(void **state) {
    (void)state;
    static const uint64_t powers_seed = 7919;
    uint64_t powers[100];
    for (uint32_t i = 0; i < 100; i++) powers[i] = 1000000000 + powers_seed * i; /* five bytes each */
    const struct size_case {
        uint32_t depth;
        uint64_t log;
        uint32_t files;
        size_t most;
    } cases[] = {{12, 4096, 10, 20480}, {22, 1u << 20, 3, 20480}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assay_arena keep = arena_of(keep_memory);
        const chain_options options = {.validators = 100,
                                       .powers = powers,
                                       .state_depth = cases[i].depth,
                                       .log_size = cases[i].log};
        static assay_manifest manifest;
        assay_bytes text;
        static uint8_t big[128u << 20];
        assay_arena scratch = assay_base_arena(big, sizeof big);
        manifest = chain_manifest(&keep, cases[i].files);
        chain_make(&made, &keep, &manifest, (assay_bytes){0}, &options, scratch);
        assert_int_equal(chain_text(&text, &keep, &made.parts, scratch), ASSAY_OK);
        json_t *root = json_loadb((const char *)text.ptr, text.len, 0, NULL);
        size_t of_manifest = json_string_length(json_object_get(root, "manifest"));
        json_decref(root);
        print_message("100 validators, %u files, state depth %u, log of %llu: %zu bytes and %zu of manifest\n",
                      cases[i].files, cases[i].depth, (unsigned long long)cases[i].log, text.len - of_manifest,
                      of_manifest);
        assert_true(text.len - of_manifest <= cases[i].most);
    }
}

static void test_statuses(void **state) {
    (void)state;
    for (uint32_t status = ASSAY_VERSION_RECORDED; status <= ASSAY_VERSION_REVOKED; status++) {
        assay_arena keep = arena_of(keep_memory);
        const chain_options options = {.status = status};
        assay_cert cert;
        assert_int_equal(read_back(&cert, make_text(&keep, 1, &options)), ASSAY_OK);
        assert_int_equal(cert.record.status, status);
        assert_int_equal(cert.attested, status != ASSAY_VERSION_RECORDED && status != ASSAY_VERSION_LAPSED);
    }
}

/* ---- the statement ------------------------------------------------------------------------------------------- */

static void test_statement(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory), scratch = arena_of(scratch_memory);
    assay_manifest manifest = {.format = 1, .tensor_rules = 1, .files_count = 1};
    assay_file_leaf file = {.path = ASSAY_STR("caf\xc3\xa9\x01\".bin"), .size = 5};
    memset(&file.sha256, 0xaa, sizeof file.sha256);
    memset(&file.blake3, 0xbb, sizeof file.blake3);
    manifest.files = &file;
    assay_cert_statement statement = {ASSAY_STR("acme/ocr"), ASSAY_STR("1.0"), &manifest, {{0}}};
    statement.model_signing = assay_model_signing_digest(&manifest, true);
    assay_buf text;
    assert_int_equal(assay_cert_buf_new(&text, &keep, assay_cert_statement_size(&statement)), ASSAY_OK);
    assert_int_equal(assay_cert_statement_write(&text, &statement, scratch), ASSAY_OK);
    assay_hash root, tensors;
    char expected[2048], hex[4][65];
    assert_int_equal(assay_manifest_root(&root, &manifest, scratch), ASSAY_OK);
    assert_int_equal(assay_manifest_tensor_root(&tensors, &manifest, scratch), ASSAY_OK);
    assay_base_hex(hex[0], assay_base_hash_bytes(&file.blake3));
    assay_base_hex(hex[1], assay_base_hash_bytes(&file.sha256));
    assay_base_hex(hex[2], assay_base_hash_bytes(&root));
    assay_base_hex(hex[3], assay_base_hash_bytes(&tensors));
    char subject[65];
    assay_base_hex(subject, assay_base_hash_bytes(&statement.model_signing));
    snprintf(expected, sizeof expected,
             "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{\"resources\":[{\"digest\":{\"blake3\":"
             "\"%s\",\"sha256\":\"%s\"},\"name\":\"caf\xc3\xa9\\u0001\\\".bin\",\"size\":5}],\"root\":\"%s\","
             "\"size\":5,\"tensor_root\":\"%s\",\"tensor_rules\":1},\"predicateType\":\"urn:assay:attestation:1\","
             "\"subject\":[{\"digest\":{\"sha256\":\"%s\"},\"name\":\"acme/ocr@1.0\"}]}",
             hex[0], hex[1], hex[2], hex[3], subject);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);

    assay_key_secret secret = chain_secret("publisher", 0), other = chain_secret("publisher", 1);
    assay_public_key key = assay_crypto_ed25519_public(&secret);
    assay_signature signature;
    assert_int_equal(assay_cert_statement_sign(&signature, &statement, &secret, scratch), ASSAY_OK);
    assert_int_equal(assay_cert_statement_check(&statement, key, signature, scratch), ASSAY_OK);
    assert_int_equal(
        assay_cert_statement_check(&statement, assay_crypto_ed25519_public(&other), signature, scratch),
        ASSAY_E_SIGNATURE);
    assay_cert_statement changed = statement;
    changed.version = ASSAY_STR("1.1");
    assert_int_equal(assay_cert_statement_check(&changed, key, signature, scratch), ASSAY_E_SIGNATURE);
    changed = statement;
    changed.name = ASSAY_STR("Acme/ocr");
    assert_int_equal(assay_cert_statement_check(&changed, key, signature, scratch), ASSAY_E_NAME);
    changed = statement;
    changed.model_signing.b[0] ^= 1;
    assert_int_equal(assay_cert_statement_check(&changed, key, signature, scratch), ASSAY_E_CERT);
    signature.b[0] ^= 1;
    assert_int_equal(assay_cert_statement_check(&statement, key, signature, scratch), ASSAY_E_SIGNATURE);
    file.size = ASSAY_CERT_NUMBER_MAX + 1;
    assert_int_equal(assay_cert_statement_write(&text, &statement, scratch), ASSAY_E_RANGE);
    file.size = 5;
    file.path = ASSAY_STR("\xff");
    assert_int_equal(assay_cert_statement_check(&statement, key, signature, scratch), ASSAY_E_ENCODING);
}

/* The envelope of a certificate is the one that anybody with the manifest rebuilds, and PAE is DSSE's own example. */
static void test_envelope(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory), scratch = arena_of(scratch_memory);
    const chain_options options = {0};
    assay_bytes text = make_text(&keep, 2, &options);
    const assay_cert_statement statement = {made.parts.name, made.parts.version, made.parts.manifest,
                                            made.record.model_signing};
    assay_buf envelope;
    assert_int_equal(assay_cert_buf_new(&envelope, &keep, 65536), ASSAY_OK);
    assert_int_equal(assay_cert_statement_envelope(&envelope, &statement, made.record.publisher,
                                                   made.record.statement_signature, scratch),
                     ASSAY_OK);
    json_t *root = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    json_t *other = json_loadb((const char *)envelope.ptr, envelope.len, 0, NULL);
    assert_non_null(other);
    assert_true(json_equal(json_object_get(root, "statement"), other));
    json_decref(root);
    json_decref(other);
    assay_bytes pae;
    assert_int_equal(assay_cert_pae(&pae, &keep, ASSAY_STR("hello world")), ASSAY_OK);
    assert_true(assay_base_bytes_eq(pae, ASSAY_STR("DSSEv1 28 application/vnd.in-toto+json 11 hello world")));
}

static void test_file_name(void **state) {
    (void)state;
    char name[ASSAY_CERT_FILE_NAME_LEN_MAX], owner[65], model[65];
    assert_int_equal(assay_cert_file_name(name, ASSAY_STR("acme/ocr"), ASSAY_STR("1.0")), ASSAY_OK);
    assert_string_equal(name, "acme+ocr+1.0.assay.json");
    assert_int_equal(assay_cert_file_name(name, ASSAY_STR("../x"), ASSAY_STR("1.0")), ASSAY_E_NAME);
    memset(owner, 'a', 64);
    memset(model, 'b', 64);
    owner[64] = model[64] = 0;
    char full[130];
    snprintf(full, sizeof full, "%s/%s", owner, model);
    assert_int_equal(assay_cert_file_name(name, assay_base_bytes_str(full), assay_base_bytes_str(owner)), ASSAY_OK);
    assert_int_equal(strlen(name) + 1, sizeof name - 0);
}

/* ---- parts that do not belong together ----------------------------------------------------------------------- */

static assay_err build_of(const assay_cert_parts *parts) {
    static uint8_t text[1u << 20];
    assay_buf out = {.ptr = text, .cap = sizeof text};
    assay_err err = assay_cert_build(&out, parts, arena_of(scratch_memory));
    assert_true(err == ASSAY_OK || out.len == 0);
    return err;
}

static void test_contradictions(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory);
    const chain_options options = {.validators = 7};
    make_text(&keep, 2, &options);
    assay_cert_parts parts = made.parts;
    parts.name = ASSAY_STR("acme/other");
    assert_int_equal(build_of(&parts), ASSAY_E_SIGNATURE);
    parts = made.parts;
    parts.version = ASSAY_STR("2.0");
    assert_int_equal(build_of(&parts), ASSAY_E_SIGNATURE);
    assay_manifest other = chain_manifest(&keep, 2);
    other.files[1].blake3.b[5] ^= 1;
    parts = made.parts;
    parts.manifest = &other;
    assert_int_equal(build_of(&parts), ASSAY_E_CERT);
    parts = made.parts;
    parts.log_index++;
    assert_int_equal(build_of(&parts), ASSAY_E_CERT);
    parts = made.parts;
    parts.log_size++;
    assert_int_equal(build_of(&parts), ASSAY_E_PROOF);
    parts = made.parts;
    parts.log_root.b[0] ^= 1;
    assert_int_equal(build_of(&parts), ASSAY_E_PROOF);
    parts = made.parts;
    parts.state_root.b[0] ^= 1;
    assert_int_equal(build_of(&parts), ASSAY_E_PROOF);
    parts = made.parts;
    parts.log_path = NULL;
    assert_int_equal(build_of(&parts), ASSAY_E_CERT);
    parts = made.parts;
    parts.groups = ASSAY_STR("too short");
    assert_int_equal(build_of(&parts), ASSAY_E_PROOF);
    assay_header header = made.header;
    header.time.nanos++;
    parts = made.parts;
    parts.header = &header;
    assert_int_equal(build_of(&parts), ASSAY_E_CERT); /* the commit is for another block */
    assert_int_equal(build_of(&made.parts), ASSAY_OK);
    uint8_t little[64];
    assay_buf small = {.ptr = little, .cap = sizeof little};
    assert_int_equal(assay_cert_build(&small, &made.parts, arena_of(scratch_memory)), ASSAY_F_MEMORY);
}

/* Exactly 2/3 is not enough, and one unit of power more is. */
static void test_commit_border(void **state) {
    (void)state;
    const uint64_t even[] = {100, 100, 100}, more[] = {101, 100, 100};
    assay_arena keep = arena_of(keep_memory);
    assay_manifest manifest = chain_manifest(&keep, 1);
    assay_bytes text;
    const chain_options short_of = {.validators = 3, .powers = even, .absent = 1};
    chain_make(&made, &keep, &manifest, (assay_bytes){0}, &short_of, arena_of(scratch_memory));
    assert_int_equal(chain_text(&text, &keep, &made.parts, arena_of(scratch_memory)), ASSAY_E_COMMIT);
    const chain_options enough = {.validators = 3, .powers = more, .absent = 1};
    chain_make(&made, &keep, &manifest, (assay_bytes){0}, &enough, arena_of(scratch_memory));
    assert_int_equal(chain_text(&text, &keep, &made.parts, arena_of(scratch_memory)), ASSAY_OK);
    const chain_options nil = {.validators = 3, .powers = more, .nil = 1};
    chain_make(&made, &keep, &manifest, (assay_bytes){0}, &nil, arena_of(scratch_memory));
    assert_int_equal(chain_text(&text, &keep, &made.parts, arena_of(scratch_memory)), ASSAY_OK);
    /* A vote for nil counts nothing, but a bad one is refused. */
    for (uint32_t i = 0; i < 3; i++)
        if (made.commit.sigs[i].flag == ASSAY_FLAG_NIL) made.commit.sigs[i].signature.b[3] ^= 1;
    assert_int_equal(chain_text(&text, &keep, &made.parts, arena_of(scratch_memory)), ASSAY_E_SIGNATURE);
}

/* ---- every field changed ------------------------------------------------------------------------------------- */

typedef struct sweep {
    json_t *root;
    size_t changes;
    size_t newer; /* refused as "a newer format", exit 3 */
} sweep;

/* The changed tree as a text: refused, with exit 1, or 3 where a format number was hit. */
static void expect_refused(sweep *s, const char *what, const char *where) {
    char *text = json_dumps(s->root, JSON_COMPACT);
    assert_non_null(text);
    assay_cert cert;
    assay_err err = read_back(&cert, assay_base_bytes_str(text));
    if (err == ASSAY_OK || (assay_base_err_exit(err) != 1 && err != ASSAY_E_FORMAT))
        fail_msg("%s of %s: %s", what, where, assay_base_err_code(err));
    s->newer += err == ASSAY_E_FORMAT;
    s->changes++;
    free(text);
}

/* One character in up to 96 places, another at the end, and one less. The text stays what a JSON string may hold. */
static void change_text(sweep *s, json_t *value, const char *where) {
    size_t len = json_string_length(value), step = len / 96 + 1;
    char *old = malloc(len + 1), *text = malloc(len + 1);
    memcpy(old, json_string_value(value), len + 1);
    memcpy(text, old, len + 1);
    for (size_t i = 0; i < len; i += step) {
        text[i] = old[i] == 'B' ? 'C' : 'B';
        json_string_set(value, text);
        expect_refused(s, "another character", where);
        text[i] = old[i];
    }
    if (len > 0) {
        text[len - 1] = 0;
        json_string_set(value, text);
        expect_refused(s, "a shorter text", where);
    }
    char *longer = malloc(len + 2);
    snprintf(longer, len + 2, "%sA", old);
    json_string_set(value, longer);
    expect_refused(s, "a longer text", where);
    if (len > 0 && strcmp(where, ".groups") != 0) { /* whose absence is told by an empty text */
        json_string_set(value, "");
        expect_refused(s, "no text", where);
    }
    json_string_set(value, old);
    free(longer);
    free(text);
    free(old);
}

static void change_number(sweep *s, json_t *value, const char *where) {
    json_int_t old = json_integer_value(value);
    const json_int_t others[] = {old + 1, old - 1, 0, -1, INT64_MAX, 2 * old};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (others[i] == old) continue;
        json_integer_set(value, others[i]);
        expect_refused(s, "another number", where);
    }
    json_integer_set(value, old);
}

static void change(sweep *s, json_t *value, const char *where);

static void change_object(sweep *s, json_t *object, const char *where) {
    char names[32][64];
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        assert_true(count < 32);
        snprintf(names[count++], sizeof names[0], "%s", key);
    }
    for (size_t i = 0; i < count; i++) {
        char place[256];
        const char *name = names[i];
        value = json_object_get(object, name);
        snprintf(place, sizeof place, "%s.%s", where, name);
        change(s, value, place);
        json_incref(value);
        json_object_del(object, name);
        expect_refused(s, "absence", place);
        json_object_set_new(object, name, json_null());
        expect_refused(s, "null", place);
        json_object_set_new(object, name, json_real(1.5));
        expect_refused(s, "a fraction", place);
        json_object_set_new(object, name, json_array());
        if (strcmp(place, ".log.path") != 0 || json_array_size(value) != 0) expect_refused(s, "a list", place);
        json_object_set_new(object, name, value);
    }
}

static void change_array(sweep *s, json_t *array, const char *where) {
    for (size_t i = 0; i < json_array_size(array); i++) {
        char place[256];
        snprintf(place, sizeof place, "%s[%zu]", where, i);
        change(s, json_array_get(array, i), place);
        json_t *value = json_incref(json_array_get(array, i));
        json_array_remove(array, i);
        expect_refused(s, "absence", place);
        json_array_insert(array, i, value);
        json_array_insert(array, i, value);
        expect_refused(s, "repetition", place);
        json_array_remove(array, i);
        if (i > 0) {
            json_t *before = json_incref(json_array_get(array, i - 1));
            json_array_set(array, i - 1, value);
            json_array_set(array, i, before);
            expect_refused(s, "another order", place);
            json_array_set(array, i, value);
            json_array_set_new(array, i - 1, before);
        }
        json_decref(value);
    }
}

static void change(sweep *s, json_t *value, const char *where) {
    if (json_is_string(value)) change_text(s, value, where);
    else if (json_is_integer(value)) change_number(s, value, where);
    else if (json_is_object(value)) change_object(s, value, where);
    else if (json_is_array(value)) change_array(s, value, where);
    else fail_msg("%s: what is this?", where);
}

static void test_every_field(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory);
    const chain_options options = {.validators = 5, .nil = 1};
    assay_manifest manifest = chain_manifest(&keep, 3);
    /* Groups that fit: of files of one group each, whose value is the digest itself. */
    uint8_t groups[3 * ASSAY_HASH_LEN];
    for (uint32_t i = 0; i < 3; i++) {
        manifest.files[i].size = 100000;
        manifest.files[i].chunks_before = 98 * i;
        memcpy(groups + i * ASSAY_HASH_LEN, manifest.files[i].blake3.b, ASSAY_HASH_LEN);
    }
    assay_bytes text;
    chain_make(&made, &keep, &manifest, (assay_bytes){groups, sizeof groups}, &options, arena_of(scratch_memory));
    assert_int_equal(chain_text(&text, &keep, &made.parts, arena_of(scratch_memory)), ASSAY_OK);
    sweep s = {.root = json_loadb((const char *)text.ptr, text.len, 0, NULL)};
    assert_non_null(s.root);
    change(&s, s.root, "");
    char *after = json_dumps(s.root, JSON_COMPACT);
    assay_cert cert;
    assert_int_equal(read_back(&cert, assay_base_bytes_str(after)), ASSAY_OK); /* the sweep put everything back */
    free(after);
    json_decref(s.root);
    print_message("%zu changes refused, %zu of them as a newer format\n", s.changes, s.newer);
    assert_true(s.changes > 1000 && s.newer < 30);
}

/* Every bit of the checkpoint, where most of the bytes are. */
static void test_every_checkpoint_bit(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory), scratch = arena_of(scratch_memory);
    const chain_options options = {.validators = 4, .nil = 1};
    make_text(&keep, 1, &options);
    assay_buf encoded;
    assert_int_equal(assay_cert_buf_new(&encoded, &keep, 4096), ASSAY_OK);
    assert_int_equal(
        assay_cert_checkpoint_encode(&encoded, &made.header, &made.commit, &made.set, scratch), ASSAY_OK);
    size_t accepted = 0;
    for (size_t i = 0; i < encoded.len * 8; i++) {
        assay_header header;
        assay_commit commit;
        assay_validator_set set;
        assay_arena room = arena_of(more_memory);
        assay_hash hash;
        uint64_t power;
        encoded.ptr[i / 8] ^= (uint8_t)(1u << (i % 8));
        assay_err err = assay_cert_checkpoint_decode(&header, &commit, &set, &room,
                                                     (assay_bytes){encoded.ptr, encoded.len}, scratch);
        if (err == ASSAY_OK) {
            assert_int_equal(assay_validators_hash(&hash, &set, scratch), ASSAY_OK);
            err = assay_base_hash_eq(hash, header.validators_hash) ? ASSAY_OK : ASSAY_E_CERT;
        }
        if (err == ASSAY_OK)
            err = assay_commit_check(&power, &commit, &set, header.chain_id, &commit.block_id, header.height, scratch);
        if (err == ASSAY_OK) print_message("bit %zu: accepted\n", i);
        accepted += err == ASSAY_OK;
        encoded.ptr[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    assert_int_equal(accepted, 0);
}

/* ---- the wrapper --------------------------------------------------------------------------------------------- */

static assay_err with(assay_bytes text, const char *insert) {
    static char changed[1u << 20];
    int len = snprintf(changed, sizeof changed, "{%s,%.*s", insert, (int)text.len - 1, (const char *)text.ptr + 1);
    assay_cert cert;
    return read_back(&cert, (assay_bytes){(const uint8_t *)changed, (size_t)len});
}

static assay_err with_schema(assay_bytes text, const char *schema) {
    json_t *root = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    json_object_set_new(root, "schema", json_string(schema));
    char *changed = json_dumps(root, JSON_COMPACT);
    assay_cert cert;
    assay_err err = read_back(&cert, assay_base_bytes_str(changed));
    free(changed);
    json_decref(root);
    return err;
}

static void test_wrapper(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory);
    const chain_options options = {0};
    assay_bytes text = make_text(&keep, 1, &options);
    assay_cert cert;
    assert_int_equal(with(text, "\"later\":{\"a\":[1,2.5,null,true,{\"b\":\"c\"}]}"), ASSAY_OK);
    assert_int_equal(with(text, "\"name\":\"acme/ocr\""), ASSAY_E_ENCODING); /* twice */
    assert_int_equal(with(text, "\"deep\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]"), ASSAY_E_LIMIT);
    assert_int_equal(with_schema(text, "assay/certificate/1.7"), ASSAY_OK);
    assert_int_equal(with_schema(text, "assay/certificate/2"), ASSAY_E_FORMAT);
    assert_int_equal(with_schema(text, "assay/certificate/10"), ASSAY_E_FORMAT);
    assert_int_equal(with_schema(text, "assay/certificate/99999999999999999999.1"), ASSAY_E_FORMAT);
    assert_int_equal(with_schema(text, "assay/certificate/"), ASSAY_E_ENCODING);
    assert_int_equal(with_schema(text, "assay/certificate/01"), ASSAY_E_ENCODING);
    assert_int_equal(with_schema(text, "assay/certificate/1x"), ASSAY_E_ENCODING);
    assert_int_equal(with_schema(text, "other/certificate/1"), ASSAY_E_ENCODING);
    assert_int_equal(read_back(&cert, (assay_bytes){0}), ASSAY_E_ENCODING);
    assert_int_equal(read_back(&cert, ASSAY_STR("[]")), ASSAY_E_ENCODING);
    assert_int_equal(read_back(&cert, ASSAY_STR("{}")), ASSAY_E_ENCODING);
    assert_int_equal(read_back(&cert, ASSAY_STR("{\"schema\":\"assay/certificate/2\"}")), ASSAY_E_FORMAT);
    assert_int_equal(read_back(&cert, (assay_bytes){text.ptr, text.len - 2}), ASSAY_E_ENCODING);
    assert_int_equal(read_back(&cert, (assay_bytes){text.ptr, ASSAY_CERT_LEN_MAX + 1}), ASSAY_E_SIZE);
    static char wide[65536];
    memset(wide, ',', sizeof wide);
    wide[0] = '[';
    assert_int_equal(read_back(&cert, (assay_bytes){(uint8_t *)wide, sizeof wide}), ASSAY_E_LIMIT);
    /* Everything is cut short once: never accepted, never a crash. */
    for (size_t len = 0; len < text.len; len += 1 + len / 50)
        assert_int_not_equal(read_back(&cert, (assay_bytes){text.ptr, len}), ASSAY_OK);
}

static void test_little_memory(void **state) {
    (void)state;
    assay_arena keep = arena_of(keep_memory);
    const chain_options options = {0};
    assay_bytes text = make_text(&keep, 2, &options);
    bool done = false;
    for (size_t size = 0; !done; size += 509) {
        assay_arena room = assay_base_arena(more_memory, size);
        assay_arena scratch = assay_base_arena(scratch_memory, size);
        assay_cert cert;
        assay_err err = assay_cert_parse(&cert, &room, text, scratch);
        if (err == ASSAY_OK) err = assay_cert_check(&cert, scratch);
        done = err == ASSAY_OK;
        if (!done) assert_int_equal(err, ASSAY_F_MEMORY);
    }
}

static void test_tables(void **state) {
    (void)state;
    assert_true(assay_codec_table_ok(&assay_cert_checkpoint_message));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),      cmocka_unit_test(test_statement),
        cmocka_unit_test(test_envelope),    cmocka_unit_test(test_file_name),
        cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_size),
        cmocka_unit_test(test_statuses),    cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_commit_border), cmocka_unit_test(test_wrapper),
        cmocka_unit_test(test_little_memory), cmocka_unit_test(test_every_checkpoint_bit),
        cmocka_unit_test(test_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
