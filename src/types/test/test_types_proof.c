/* SPDX-License-Identifier: Apache-2.0
 *
 * State proofs over small trees that are built here in the plainest way, for every key that is there and for keys
 * that are not; and what is refused. Everything that we accept is then put before the stock verifier
 * (test/peers/ics23check, Go ics23 v0.11.0), which must accept it too; where there is no Go, the C side stands alone
 * and says so. */
#define _POSIX_C_SOURCE 200809L
#include "vectors_internal.h"

#include <unistd.h>

typedef struct leaf {
    assay_bytes key;
    assay_bytes value;
    assay_hash path; /* hashed key */
} leaf;

/* Leaves in the tree's order. */
typedef struct tree {
    leaf *leaves;
    uint32_t count;
} tree;

static uint64_t random_state;

static uint64_t random_u64(void) {
    random_state += 0x9e3779b97f4a7c15u;
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static assay_bytes random_bytes(size_t max, assay_arena *keep) {
    size_t len = 1 + random_u64() % max;
    uint8_t *out = ASSAY_NEW(keep, uint8_t, len);
    assert_non_null(out);
    for (size_t i = 0; i < len; i++) out[i] = (uint8_t)random_u64();
    return (assay_bytes){out, len};
}

static bool by_path(const void *context, const void *a, const void *b) {
    (void)context;
    return memcmp(((const leaf *)a)->path.b, ((const leaf *)b)->path.b, 32) < 0;
}

static tree make_tree(uint32_t count, assay_arena *keep) {
    tree t = {ASSAY_NEW(keep, leaf, count + 1), count};
    leaf *sorting = ASSAY_NEW(keep, leaf, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        t.leaves[i].key = random_bytes(i % 50 == 7 ? 1024 : 40, keep);
        t.leaves[i].value = random_bytes(i % 50 == 9 ? 1024 : 60, keep);
        t.leaves[i].path = assay_crypto_sha256_one(t.leaves[i].key);
    }
    assay_base_sort(t.leaves, sorting, count, sizeof *t.leaves, by_path, NULL);
    return t;
}

static bool bit(const leaf *l, uint32_t depth) { return l->path.b[depth / 8] >> (7 - depth % 8) & 1; }

/* Where the leaves [from, to) turn right at a depth. */
static uint32_t split(const tree *t, uint32_t from, uint32_t to, uint32_t depth) {
    while (from < to && !bit(&t->leaves[from], depth)) from++;
    return from;
}

static assay_hash root_of(const tree *t, uint32_t from, uint32_t to, uint32_t depth) {
    if (from == to) return (assay_hash){0};
    if (from + 1 == to) return assay_smt_leaf(t->leaves[from].key, t->leaves[from].value);
    uint32_t mid = split(t, from, to, depth);
    assay_hash left = root_of(t, from, mid, depth + 1), right = root_of(t, mid, to, depth + 1);
    static const uint8_t one = 1;
    const assay_bytes pieces[] = {{&one, 1}, assay_base_hash_bytes(&left), assay_base_hash_bytes(&right)};
    return assay_crypto_sha256(pieces, 3);
}

static assay_smt_path path_of(const tree *t, uint32_t i) {
    assay_smt_path path = {0};
    uint32_t from = 0, to = t->count;
    while (to - from > 1) {
        uint32_t depth = path.count, mid = split(t, from, to, depth);
        bool right = i >= mid;
        path.siblings[path.count++] = right ? root_of(t, from, mid, depth + 1) : root_of(t, mid, to, depth + 1);
        if (right)
            from = mid;
        else
            to = mid;
    }
    return path;
}

static assay_smt_neighbour neighbour(const tree *t, int64_t i) {
    if (i < 0 || i >= t->count) return (assay_smt_neighbour){0};
    return (assay_smt_neighbour){true, t->leaves[i].key, t->leaves[i].value, path_of(t, (uint32_t)i)};
}

/* How many leaves come before a key's place. */
static uint32_t place_of(const tree *t, assay_bytes key) {
    leaf l = {.path = assay_crypto_sha256_one(key)};
    uint32_t i = 0;
    while (i < t->count && by_path(NULL, &t->leaves[i], &l)) i++;
    return i;
}

static assay_bytes absent_proof(const tree *t, assay_bytes key, int64_t left, int64_t right, assay_arena *keep) {
    assay_buf out = buf_new(keep, 64 << 10);
    assay_smt_neighbour a = neighbour(t, left), b = neighbour(t, right);
    expect_ok("absence", "encode", assay_state_proof_encode_absent(&out, key, &a, &b));
    return buf_bytes(&out);
}

static assay_bytes exist_proof(const tree *t, uint32_t i, assay_arena *keep) {
    assay_buf out = buf_new(keep, 32 << 10);
    assay_smt_path path = path_of(t, i);
    expect_ok("presence", "encode", assay_state_proof_encode_exist(&out, t->leaves[i].key, t->leaves[i].value, &path));
    return buf_bytes(&out);
}

/* ---- the stock verifier -------------------------------------------------------------------------------------- */

static FILE *questions;
static uint32_t asked;
static char questions_path[] = "/tmp/assay-test-types-proof-XXXXXX";

static void put_hex(const char *before, assay_bytes bytes) {
    fprintf(questions, "%s\"", before);
    for (size_t i = 0; i < bytes.len; i++) fprintf(questions, "%02x", bytes.ptr[i]);
    fputc('"', questions);
}

/* With ASSAY_SEEDS=FOLDER, some of what was accepted becomes a seed of fuzz_types_proof: its header of lengths, key,
 * value, root, proof. */
static void write_seed(assay_hash root, assay_bytes key, assay_bytes value, assay_bytes proof) {
    const char *folder = getenv("ASSAY_SEEDS");
    if (!folder || asked % 83 != 0 || proof.len > 4096 || key.len > 255 || value.len > 255) return;
    char path[512];
    snprintf(path, sizeof path, "%s/proof-%u", folder, asked);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    const uint8_t head[3] = {value.ptr != NULL, (uint8_t)key.len, (uint8_t)value.len};
    const assay_bytes pieces[] = {{head, 3}, key, value, assay_base_hash_bytes(&root), proof};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        if (pieces[i].len) assert_int_equal(fwrite(pieces[i].ptr, 1, pieces[i].len, file), pieces[i].len);
    fclose(file);
}

/* Checks, and writes down for stock what was accepted. */
static assay_err check(assay_hash root, assay_bytes key, assay_bytes value, assay_bytes proof) {
    static uint8_t scratch[24 << 10]; /* what the header says */
    assay_err err = assay_state_proof_check(root, key, value, proof, assay_base_arena(scratch, sizeof scratch));
    if (err == ASSAY_OK) {
        write_seed(root, key, value, proof);
        put_hex("{\"root\":", assay_base_hash_bytes(&root));
        put_hex(",\"key\":", key);
        if (value.ptr) put_hex(",\"value\":", value);
        put_hex(",\"proof\":", proof);
        fprintf(questions, "}\n");
        asked++;
    }
    return err;
}

static void test_stock(void **state) {
    (void)state;
    fflush(questions);
    assert_true(asked > 1000);
    char command[2048];
    snprintf(
        command, sizeof command,
        "export PATH=\"$PATH:/usr/local/go/bin:%s/build/go/bin\"; cd %s/test/peers && go build -o %s.go ./ics23check",
        ASSAY_SOURCE_DIR, ASSAY_SOURCE_DIR, questions_path);
    if (system(command) != 0) {
        print_message("ics23check cannot be built here: %u proofs were checked by us alone\n", asked);
        return;
    }
    snprintf(command, sizeof command, "%s.go <%s | sort | uniq -c; rm %s.go", questions_path, questions_path,
             questions_path);
    FILE *answers = popen(command, "r");
    assert_non_null(answers);
    char line[512];
    unsigned ok = 0;
    while (fgets(line, sizeof line, answers)) {
        unsigned count;
        char word[16];
        if (sscanf(line, "%u %15s", &count, word) == 2 && strcmp(word, "ok") == 0)
            ok = count;
        else
            print_message("stock: %s", line);
    }
    pclose(answers);
    if (ok != asked) fail_msg("stock accepts %u of %u", ok, asked);
    print_message("stock accepts all %u\n", asked);
}

/* ---- proofs that hold ---------------------------------------------------------------------------------------- */

static void check_tree(uint32_t count) {
    assay_arena keep = vectors_arena();
    tree t = make_tree(count, &keep);
    assay_hash root = root_of(&t, 0, count, 0), other = root;
    other.b[5] ^= 1;
    for (uint32_t i = 0; i < count; i++) {
        assay_arena here = keep;
        assay_bytes proof = exist_proof(&t, i, &here), key = t.leaves[i].key, value = t.leaves[i].value;
        expect_ok("presence", "check", check(root, key, value, proof));
        expect_err("another root", check(other, key, value, proof), ASSAY_E_PROOF);
        expect_err("another value", check(root, key, random_bytes(30, &here), proof), ASSAY_E_PROOF);
        expect_err("an empty value", check(root, key, (assay_bytes){value.ptr, 0}, proof), ASSAY_E_PROOF);
        expect_err("another key", check(root, random_bytes(30, &here), value, proof), ASSAY_E_PROOF);
        expect_err("absence by presence", check(root, key, (assay_bytes){0}, proof), ASSAY_E_PROOF);
        /* No neighbours prove that what is there is not. */
        for (int64_t left = (int64_t)i - 1; left <= (int64_t)i; left++) {
            if (left < 0 && i + 1 >= count) continue;
            assay_bytes lie = absent_proof(&t, key, left, i + 1, &here);
            expect_err("absence of what is there", check(root, key, (assay_bytes){0}, lie), ASSAY_E_PROOF);
        }
    }
    for (uint32_t i = 0; i < 20 + count / 2; i++) {
        assay_arena here = keep;
        assay_bytes key = random_bytes(40, &here);
        int64_t at = place_of(&t, key);
        assay_bytes proof = absent_proof(&t, key, at - 1, at, &here);
        expect_ok("absence", "check", check(root, key, (assay_bytes){0}, proof));
        expect_err("another root", check(other, key, (assay_bytes){0}, proof), ASSAY_E_PROOF);
        expect_err("presence by absence", check(root, key, key, proof), ASSAY_E_PROOF);
        assay_bytes other_key = random_bytes(40, &here);
        expect_err("another key", check(root, other_key, (assay_bytes){0}, proof), ASSAY_E_PROOF);
        /* Anything but the two next to it. */
        const int64_t wrong[][2] = {{at - 2, at}, {at - 1, at + 1}, {at, at + 1}, {at - 2, at - 1},
                                    {at, at - 1}, {-1, at + 1},     {at - 2, -1}};
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            int64_t left = wrong[k][0], right = wrong[k][1];
            bool same = (left < 0 || left >= count) == (at - 1 < 0) && (right < 0 || right >= count) == (at >= count);
            if (same && (left < 0 || left == at - 1) && (right >= count || right < 0 || right == at)) continue;
            assay_bytes lie = absent_proof(&t, key, left, right, &here);
            expect_err("not neighbours", check(root, key, (assay_bytes){0}, lie), ASSAY_E_PROOF);
        }
        if (at > 0 && at < count) { /* one side alone, where there are two */
            expect_err("left alone", check(root, key, (assay_bytes){0}, absent_proof(&t, key, at - 1, -1, &here)),
                       ASSAY_E_PROOF);
            expect_err("right alone", check(root, key, (assay_bytes){0}, absent_proof(&t, key, -1, at, &here)),
                       ASSAY_E_PROOF);
        }
    }
}

static void test_trees(void **state) {
    (void)state;
    for (uint32_t count = 1; count <= 40; count++) check_tree(count);
    check_tree(300);
}

/* ---- proofs that do not -------------------------------------------------------------------------------------- */

static void test_empty_tree(void **state) {
    (void)state;
    assay_arena keep = vectors_arena();
    tree t = make_tree(1, &keep), none = {t.leaves, 0};
    assay_bytes key = ASSAY_STR("key"), nothing = absent_proof(&none, key, -1, -1, &keep);
    expect_err("empty tree", check((assay_hash){0}, key, (assay_bytes){0}, nothing), ASSAY_E_PROOF);
    expect_err("no bytes", check((assay_hash){0}, key, (assay_bytes){0}, (assay_bytes){0}), ASSAY_E_PROOF);
    expect_err("no bytes", check((assay_hash){0}, key, key, (assay_bytes){0}), ASSAY_E_PROOF);
    expect_err("another's leaf", check((assay_hash){0}, key, (assay_bytes){0}, absent_proof(&t, key, 0, -1, &keep)),
               ASSAY_E_PROOF);
}

/* Every bit of a proof binds. */
static void test_flipped_bits(void **state) {
    (void)state;
    assay_arena keep = vectors_arena();
    tree t = make_tree(9, &keep);
    assay_hash root = root_of(&t, 0, t.count, 0);
    for (uint32_t round = 0; round < 9; round++) {
        assay_arena here = keep;
        assay_bytes key = random_bytes(20, &here), value = {0}, proof;
        if (round % 2) {
            int64_t at = place_of(&t, key);
            proof = absent_proof(&t, key, at - 1, at, &here);
        } else {
            proof = exist_proof(&t, round, &here);
            key = t.leaves[round].key;
            value = t.leaves[round].value;
        }
        uint8_t *flipped = ASSAY_NEW(&here, uint8_t, proof.len + 1);
        for (size_t i = 0; i < proof.len * 8; i++) {
            memcpy(flipped, proof.ptr, proof.len);
            flipped[i / 8] ^= (uint8_t)(1u << i % 8);
            expect_err("flipped", check(root, key, value, (assay_bytes){flipped, proof.len}), ASSAY_E_PROOF);
        }
        memcpy(flipped, proof.ptr, proof.len);
        for (size_t len = 0; len < proof.len; len++)
            expect_err("cut", check(root, key, value, (assay_bytes){flipped, len}), ASSAY_E_PROOF);
        flipped[proof.len] = 0;
        expect_err("longer", check(root, key, value, (assay_bytes){flipped, proof.len + 1}), ASSAY_E_PROOF);
        expect_ok("as it is", "check", check(root, key, value, proof));
    }
}

/* A path as long as allowed, and one step more: made by hand, with the root that follows. */
static void test_depth(void **state) {
    (void)state;
    assay_arena keep = vectors_arena();
    assay_bytes key = ASSAY_STR("deep"), value = ASSAY_STR("value");
    assay_smt_path path = {.count = ASSAY_SMT_DEPTH_MAX};
    assay_hash hashed = assay_crypto_sha256_one(key), node = assay_smt_leaf(key, value);
    for (uint32_t depth = ASSAY_SMT_DEPTH_MAX; depth-- > 0;) {
        static const uint8_t one = 1;
        assay_hash *sibling = &path.siblings[depth];
        sibling->b[0] = (uint8_t)depth;
        sibling->b[1] = 1;
        bool right = hashed.b[depth / 8] >> (7 - depth % 8) & 1;
        const assay_bytes pieces[] = {
            {&one, 1}, assay_base_hash_bytes(right ? sibling : &node), assay_base_hash_bytes(right ? &node : sibling)};
        node = assay_crypto_sha256(pieces, 3);
    }
    assay_buf out = buf_new(&keep, 32 << 10);
    expect_ok("deepest", "encode", assay_state_proof_encode_exist(&out, key, value, &path));
    expect_ok("deepest", "check", check(node, key, value, buf_bytes(&out)));

    /* The same, with the first step twice: 257. Steps are 37 or 39 bytes of payload and 2 of key and length; the
     * proof's own length stands before its content. */
    assay_bytes proof = buf_bytes(&out), rest = proof;
    uint64_t number, len;
    expect_ok("key", "read", assay_codec_get_varint(&number, &rest, ASSAY_CODEC_STRICT));
    expect_ok("length", "read", assay_codec_get_varint(&len, &rest, ASSAY_CODEC_STRICT));
    assert_int_equal(len, rest.len);
    size_t head = 2 + key.len + 2 + value.len + 2 + 6 + 3, step = 2 + rest.ptr[head + 1];
    assert_int_equal(rest.ptr[head], 4 << 3 | 2);
    assay_buf deeper = buf_new(&keep, 32 << 10);
    expect_ok("key", "write", assay_codec_put_varint(&deeper, number));
    expect_ok("length", "write", assay_codec_put_varint(&deeper, len + step));
    expect_ok("body", "write", assay_base_buf_put(&deeper, (assay_bytes){rest.ptr, head + step}));
    expect_ok("body", "write", assay_base_buf_put(&deeper, (assay_bytes){rest.ptr + head, rest.len - head}));
    expect_err("too deep", check(node, key, value, buf_bytes(&deeper)), ASSAY_E_PROOF);

    static uint8_t small[2048];
    expect_err("memory", assay_state_proof_check(node, key, value, proof, assay_base_arena(small, sizeof small)),
               ASSAY_F_MEMORY);
    out.cap = out.len - 1;
    out.len = 0;
    expect_err("memory", assay_state_proof_encode_exist(&out, key, value, &path), ASSAY_F_MEMORY);
    assert_int_equal(out.len, 0);
}

static void test_lengths(void **state) {
    (void)state;
    assay_arena keep = vectors_arena();
    uint8_t *text = ASSAY_NEW(&keep, uint8_t, 1025);
    assay_smt_path path = {0};
    const size_t lens[][2] = {{1, 1}, {1024, 1024}, {0, 1}, {1, 0}, {1025, 1}, {1, 1025}};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        assay_arena here = keep;
        assay_bytes key = {text, lens[i][0]}, value = {text, lens[i][1]};
        assay_buf out = buf_new(&here, 4096);
        assay_err err = assay_state_proof_encode_exist(&out, key, value, &path);
        if (i >= 4) {
            expect_err("too long", err, ASSAY_E_RANGE);
            continue;
        }
        expect_ok("length", "encode", err);
        expect_err("length", check(assay_smt_leaf(key, value), key, value, buf_bytes(&out)),
                   i < 2 ? ASSAY_OK : ASSAY_E_PROOF);
    }
}

int main(void) {
    random_state = 23;
    print_message("seed %lu\n", (unsigned long)random_state);
    int file = mkstemp(questions_path);
    questions = file < 0 ? NULL : fdopen(file, "w");
    if (!questions) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees), cmocka_unit_test(test_empty_tree), cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_depth), cmocka_unit_test(test_lengths),    cmocka_unit_test(test_stock),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fclose(questions);
    unlink(questions_path);
    return failed;
}
