/* SPDX-License-Identifier: Apache-2.0
 *
 * ICS 23 proofs of the state tree (SmtSpec). A path is written as InnerOps from the leaf up; each carries the other
 * child before or behind the place of this one. What is accepted is the one encoding that is written, so stock
 * verifiers, which accept more, agree. */
#include "types_internal.h"

#include <string.h>

/* ---- tables: cosmos.ics23.v1 --------------------------------------------------------------------------------- */

enum { HASH_SHA256 = 1 }; /* HashOp.SHA256; LengthOp.NO_PREFIX is 0 and so not on the wire */

typedef struct leaf_op {
    uint32_t hash;
    uint32_t prehash_key;
    uint32_t prehash_value;
    uint32_t length;
    assay_bytes prefix;
} leaf_op;
static const assay_codec_field leaf_op_fields[] = {
    ASSAY_FIELD(1, U32, leaf_op, hash),          ASSAY_FIELD(2, U32, leaf_op, prehash_key),
    ASSAY_FIELD(3, U32, leaf_op, prehash_value), ASSAY_FIELD(4, U32, leaf_op, length),
    ASSAY_FIELD_BYTES(5, leaf_op, prefix, 1),
};
static const assay_codec_message leaf_op_message = ASSAY_MESSAGE("LeafOp", leaf_op, leaf_op_fields);

typedef struct inner_op {
    uint32_t hash;
    assay_bytes prefix; /* 1, or 1 and the left child */
    assay_bytes suffix; /* the right child, or nothing */
} inner_op;
static const assay_codec_field inner_op_fields[] = {
    ASSAY_FIELD(1, U32, inner_op, hash),
    ASSAY_FIELD_BYTES(2, inner_op, prefix, 1 + ASSAY_HASH_LEN),
    ASSAY_FIELD_BYTES(3, inner_op, suffix, ASSAY_HASH_LEN),
};
static const assay_codec_message inner_op_message = ASSAY_MESSAGE("InnerOp", inner_op, inner_op_fields);

typedef struct existence {
    assay_bytes key;
    assay_bytes value;
    leaf_op leaf;
    inner_op *path;
    uint32_t path_count;
} existence;
static const assay_codec_field existence_fields[] = {
    ASSAY_FIELD_BYTES(1, existence, key, ASSAY_STATE_KEY_LEN_MAX),
    ASSAY_FIELD_BYTES(2, existence, value, ASSAY_STATE_VALUE_LEN_MAX),
    ASSAY_FIELD_MESSAGE(3, MESSAGE, existence, leaf, &leaf_op_message),
    ASSAY_FIELD_REPEATED(4, REPEATED_MESSAGE, existence, path, ASSAY_SMT_DEPTH_MAX, &inner_op_message),
};
static const assay_codec_message existence_message = ASSAY_MESSAGE("ExistenceProof", existence, existence_fields);

typedef struct nonexistence {
    assay_bytes key;
    existence *left;
    existence *right;
} nonexistence;
static const assay_codec_field nonexistence_fields[] = {
    ASSAY_FIELD_BYTES(1, nonexistence, key, ASSAY_STATE_KEY_LEN_MAX),
    ASSAY_FIELD_MESSAGE(2, MESSAGE_OPTIONAL, nonexistence, left, &existence_message),
    ASSAY_FIELD_MESSAGE(3, MESSAGE_OPTIONAL, nonexistence, right, &existence_message),
};
static const assay_codec_message nonexistence_message =
    ASSAY_MESSAGE("NonExistenceProof", nonexistence, nonexistence_fields);

typedef struct commitment {
    existence *exist;
    nonexistence *nonexist;
} commitment;
static const assay_codec_field commitment_fields[] = {
    ASSAY_FIELD_MESSAGE(1, MESSAGE_OPTIONAL, commitment, exist, &existence_message),
    ASSAY_FIELD_MESSAGE(2, MESSAGE_OPTIONAL, commitment, nonexist, &nonexistence_message),
};
static const assay_codec_message commitment_message = ASSAY_MESSAGE("CommitmentProof", commitment, commitment_fields);

/* ---- the tree ------------------------------------------------------------------------------------------------ */

static const uint8_t leaf_prefix[1] = {0}, inner_prefix[1] = {1};

assay_hash assay_smt_leaf(assay_bytes key, assay_bytes value) {
    assay_hash hashed_key = assay_crypto_sha256_one(key), hashed_value = assay_crypto_sha256_one(value);
    const assay_bytes pieces[] = {
        {leaf_prefix, 1}, assay_base_hash_bytes(&hashed_key), assay_base_hash_bytes(&hashed_value)};
    return assay_crypto_sha256(pieces, 3);
}

/* Which way the path to a hashed key turns at a depth: bit 0 is the highest of the first byte. */
static bool turns_right(assay_hash hashed_key, uint32_t depth) {
    return hashed_key.b[depth / 8] >> (7 - depth % 8) & 1;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* An ExistenceProof with the memory that its path points into: 20 KiB, so that no arena is asked for. */
typedef struct existence_room {
    existence proof;
    inner_op ops[ASSAY_SMT_DEPTH_MAX];
    uint8_t prefixes[ASSAY_SMT_DEPTH_MAX][1 + ASSAY_HASH_LEN];
} existence_room;

/* Fills *room, which must stay where it is. */
static void fill_existence(existence_room *room, assay_bytes key, assay_bytes value, const assay_smt_path *path) {
    ASSAY_ASSERT(path->count <= ASSAY_SMT_DEPTH_MAX);
    assay_hash hashed_key = assay_crypto_sha256_one(key);
    for (uint32_t i = 0; i < path->count; i++) {
        uint32_t depth = path->count - 1 - i;
        const assay_hash *sibling = &path->siblings[depth];
        uint8_t *prefix = room->prefixes[i];
        prefix[0] = inner_prefix[0];
        room->ops[i] = (inner_op){HASH_SHA256, {prefix, 1}, {0}};
        if (turns_right(hashed_key, depth)) {
            memcpy(prefix + 1, sibling->b, sizeof sibling->b);
            room->ops[i].prefix.len += sizeof sibling->b;
        } else {
            room->ops[i].suffix = assay_base_hash_bytes(sibling);
        }
    }
    leaf_op leaf = {HASH_SHA256, HASH_SHA256, HASH_SHA256, 0, {leaf_prefix, 1}};
    room->proof = (existence){key, value, leaf, room->ops, path->count};
}

assay_err assay_state_proof_encode_exist(assay_buf *out, assay_bytes key, assay_bytes value,
                                         const assay_smt_path *path) {
    existence_room room;
    fill_existence(&room, key, value, path);
    commitment proof = {.exist = &room.proof};
    return assay_codec_encode(out, &commitment_message, &proof, ASSAY_CODEC_STRICT);
}

assay_err assay_state_proof_encode_absent(assay_buf *out, assay_bytes key, const assay_smt_neighbour *left,
                                          const assay_smt_neighbour *right) {
    existence_room left_room, right_room;
    nonexistence absent = {.key = key};
    if (left->present) {
        fill_existence(&left_room, left->key, left->value, &left->path);
        absent.left = &left_room.proof;
    }
    if (right->present) {
        fill_existence(&right_room, right->key, right->value, &right->path);
        absent.right = &right_room.proof;
    }
    commitment proof = {.nonexist = &absent};
    return assay_codec_encode(out, &commitment_message, &proof, ASSAY_CODEC_STRICT);
}

/* ---- checking ------------------------------------------------------------------------------------------------ */

/* An operation's place is told by its shape alone: a right child has its left sibling in the prefix. */
static bool is_right_child(const inner_op *op) { return op->prefix.len != 1; }

static assay_bytes sibling_of(const inner_op *op) {
    return is_right_child(op) ? (assay_bytes){op->prefix.ptr + 1, op->prefix.len - 1} : op->suffix;
}

static bool sibling_is_empty(const inner_op *op) {
    static const assay_hash empty = {0};
    return assay_base_bytes_eq(sibling_of(op), assay_base_hash_bytes(&empty));
}

static bool op_fits_spec(const inner_op *op) {
    if (op->hash != HASH_SHA256 || op->prefix.len == 0 || op->prefix.ptr[0] != inner_prefix[0]) return false;
    return is_right_child(op) ? op->prefix.len == 1 + ASSAY_HASH_LEN && op->suffix.len == 0
                              : op->suffix.len == ASSAY_HASH_LEN;
}

static bool leaf_fits_spec(const leaf_op *leaf) {
    return leaf->hash == HASH_SHA256 && leaf->prehash_key == HASH_SHA256 && leaf->prehash_value == HASH_SHA256 &&
           leaf->length == 0 && leaf->prefix.len == 1 && leaf->prefix.ptr[0] == leaf_prefix[0];
}

/* Stock's ExistenceProof.Verify, and that every step turns as the hashed key says. */
static bool existence_holds(const existence *proof, assay_hash root) {
    if (proof->key.len == 0 || proof->value.len == 0 || !leaf_fits_spec(&proof->leaf)) return false;
    assay_hash hashed_key = assay_crypto_sha256_one(proof->key);
    assay_hash node = assay_smt_leaf(proof->key, proof->value);
    for (uint32_t i = 0; i < proof->path_count; i++) {
        const inner_op *op = &proof->path[i];
        if (!op_fits_spec(op) || is_right_child(op) != turns_right(hashed_key, proof->path_count - 1 - i)) return false;
        const assay_bytes pieces[] = {op->prefix, assay_base_hash_bytes(&node), op->suffix};
        node = assay_crypto_sha256(pieces, 3);
    }
    return assay_base_hash_eq(node, root);
}

/* Stock's IsLeftMost (right = false) and IsRightMost (right = true) over the first count steps: at each step the path
 * is the outermost child, or what lies further out is empty. */
static bool is_outermost(const inner_op *path, uint32_t count, bool right) {
    for (uint32_t i = 0; i < count; i++)
        if (is_right_child(&path[i]) != right && !sibling_is_empty(&path[i])) return false;
    return true;
}

static bool same_op(const inner_op *a, const inner_op *b) {
    return assay_base_bytes_eq(a->prefix, b->prefix) && assay_base_bytes_eq(a->suffix, b->suffix);
}

/* Stock's IsLeftNeighbor; where stock runs off a path's end and panics, false. */
static bool are_neighbours(const existence *left, const existence *right) {
    uint32_t i = left->path_count, j = right->path_count;
    while (i > 0 && j > 0 && same_op(&left->path[i - 1], &right->path[j - 1])) {
        i--;
        j--;
    }
    if (i == 0 || j == 0) return false;
    if (is_right_child(&left->path[i - 1]) || !is_right_child(&right->path[j - 1])) return false;
    return is_outermost(left->path, i - 1, true) && is_outermost(right->path, j - 1, false);
}

/* Whether a's key comes before b's in the tree. */
static bool key_before(assay_bytes a, assay_bytes b) {
    assay_hash hashed_a = assay_crypto_sha256_one(a), hashed_b = assay_crypto_sha256_one(b);
    return assay_base_bytes_cmp(assay_base_hash_bytes(&hashed_a), assay_base_hash_bytes(&hashed_b)) < 0;
}

/* Stock's NonExistenceProof.Verify. */
static bool absence_holds(const nonexistence *proof, assay_hash root, assay_bytes key) {
    const existence *left = proof->left, *right = proof->right;
    if (!assay_base_bytes_eq(proof->key, key) || (!left && !right)) return false;
    if (left && (!existence_holds(left, root) || !key_before(left->key, key))) return false;
    if (right && (!existence_holds(right, root) || !key_before(key, right->key))) return false;
    if (!left) return is_outermost(right->path, right->path_count, false);
    if (!right) return is_outermost(left->path, left->path_count, true);
    return are_neighbours(left, right);
}

assay_err assay_state_proof_check(assay_hash root, assay_bytes key, assay_bytes value, assay_bytes proof,
                                  assay_arena scratch) {
    if (key.len == 0 || key.len > ASSAY_STATE_KEY_LEN_MAX) return ASSAY_E_PROOF;
    commitment decoded;
    assay_err err = assay_codec_decode(&decoded, &scratch, &commitment_message, proof, ASSAY_CODEC_STRICT);
    if (err != ASSAY_OK) return assay_base_err_is_fault(err) ? err : ASSAY_E_PROOF;
    bool holds = false;
    if (value.ptr != NULL && decoded.exist && !decoded.nonexist) {
        holds = assay_base_bytes_eq(decoded.exist->key, key) && assay_base_bytes_eq(decoded.exist->value, value) &&
                existence_holds(decoded.exist, root);
    } else if (value.ptr == NULL && decoded.nonexist && !decoded.exist) {
        holds = absence_holds(decoded.nonexist, root, key);
    }
    return holds ? ASSAY_OK : ASSAY_E_PROOF;
}
