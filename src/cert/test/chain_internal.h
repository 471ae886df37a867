/* SPDX-License-Identifier: Apache-2.0
 *
 * A chain in small, for tests and benches of certificates: real keys, a header with real hashes, a commit of real
 * signatures, a log of real leaves, a state tree of one real record with siblings that stand for the other keys. Only
 * the encoders of types are used; a network could have made every byte of such a certificate. */
#ifndef ASSAY_CERT_CHAIN_INTERNAL_H
#define ASSAY_CERT_CHAIN_INTERNAL_H

#include "cert/cert.h"

#include <stdio.h>
#include <string.h>

#define CHAIN_ID "test-0123456789ab"
#define CHAIN_TIME 1700000000ll /* of the certificate's header; in the past of every clock */
#define CHAIN_HEIGHT 1000

/* What a test may choose; zero means the usual. */
typedef struct chain_options {
    uint32_t validators; /* 0: 4 */
    uint32_t absent;     /* the last of the set that did not sign */
    uint32_t nil;        /* those before them that signed for nil */
    const uint64_t *powers; /* NULL: 1000 each */
    uint32_t first_key;  /* number of the first validator's key */
    uint32_t state_depth; /* 0: 12 */
    uint64_t log_size;    /* 0: 4096 */
    uint32_t status;      /* 0: attested */
    int64_t height;       /* 0: CHAIN_HEIGHT */
    int64_t time;         /* 0: CHAIN_TIME */
    const char *name;     /* NULL: acme/ocr */
    const char *version;  /* NULL: 1.0 */
} chain_options;

typedef struct chain {
    assay_key_secret publisher;
    assay_key_secret secrets[ASSAY_VALIDATORS_MAX]; /* in the set's order */
    assay_validator_set set;
    assay_version_record record;
    assay_attestation leaf;
    assay_merkle_path path;
    assay_header header;
    assay_commit commit;
    assay_cert_parts parts;
} chain;

#define CHAIN_MUST(call) ASSAY_ASSERT((call) == ASSAY_OK)

static inline assay_key_secret chain_secret(const char *kind, uint32_t i) {
    char text[64];
    snprintf(text, sizeof text, "assay test key %s %u", kind, i);
    assay_hash hash = assay_crypto_sha256_one(assay_base_bytes_str(text));
    assay_key_secret secret;
    memcpy(secret.b, hash.b, sizeof secret.b);
    return secret;
}

static inline assay_hash chain_hash(const char *kind, uint64_t i) {
    char text[64];
    snprintf(text, sizeof text, "assay test hash %s %llu", kind, (unsigned long long)i);
    return assay_crypto_sha256_one(assay_base_bytes_str(text));
}

/* A manifest of `files` files and two tensors in each, of nothing that exists. */
static inline assay_manifest chain_manifest(assay_arena *keep, uint32_t files) {
    assay_manifest manifest = {.format = 1, .tensor_rules = ASSAY_MODEL_TENSOR_RULES, .files_count = files};
    manifest.files = ASSAY_NEW(keep, assay_file_leaf, files);
    manifest.tensors = ASSAY_NEW(keep, assay_tensor_leaf, 2 * files);
    manifest.tensors_count = 2 * files;
    uint64_t chunks = 0;
    for (uint32_t i = 0; i < files; i++) {
        char path[64];
        int len = snprintf(path, sizeof path, "part-%05u.safetensors", i);
        CHAIN_MUST(assay_base_arena_copy(&manifest.files[i].path, keep,
                                         (assay_bytes){(const uint8_t *)path, (size_t)len}));
        manifest.files[i].size = 3000000 + i;
        manifest.files[i].sha256 = chain_hash("sha256", i);
        manifest.files[i].blake3 = chain_hash("blake3", i);
        manifest.files[i].chunks_before = chunks;
        chunks += assay_file_chunks(manifest.files[i].size);
        for (uint32_t t = 0; t < 2; t++) {
            assay_tensor_leaf *tensor = &manifest.tensors[2 * i + t];
            *tensor = (assay_tensor_leaf){.file_idx = i,
                                          .name = t ? ASSAY_STR("layer.bias") : ASSAY_STR("layer.weight"),
                                          .dtype = ASSAY_STR("F32"),
                                          .shape = ASSAY_NEW(keep, uint64_t, 1),
                                          .shape_count = 1,
                                          .offset = 1000 + 4096 * t,
                                          .length = 4096,
                                          .blake3 = chain_hash("tensor", 2 * i + t)};
            tensor->shape[0] = 1024;
        }
    }
    return manifest;
}

static inline void chain_validators(chain *out, assay_arena *keep, const chain_options *options) {
    uint32_t count = options->validators ? options->validators : 4;
    assay_validator *list = ASSAY_NEW(keep, assay_validator, count);
    ASSAY_ASSERT(list && count <= ASSAY_VALIDATORS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        assay_key_secret secret = chain_secret("validator", options->first_key + i);
        list[i].public_key = assay_crypto_ed25519_public(&secret);
        list[i].power = options->powers ? options->powers[i] : 1000;
    }
    CHAIN_MUST(assay_validators_new(&out->set, keep, list, count));
    for (uint32_t i = 0; i < count; i++) {
        assay_key_secret secret = chain_secret("validator", options->first_key + i);
        int32_t at = assay_validators_find(&out->set, assay_crypto_address(assay_crypto_ed25519_public(&secret)));
        out->secrets[at] = secret;
    }
}

/* The version's record and the log's leaf, as a ledger would have left them. */
static inline void chain_record(chain *out, const assay_manifest *manifest, const chain_options *options,
                                assay_arena scratch) {
    assay_version_record *record = &out->record;
    uint32_t status = options->status ? options->status : ASSAY_VERSION_ATTESTED;
    bool attested = status != ASSAY_VERSION_RECORDED && status != ASSAY_VERSION_LAPSED;
    *record = (assay_version_record){.format = 1,
                                     .status = status,
                                     .files = manifest->files_count,
                                     .tensor_rules = manifest->tensor_rules,
                                     .tensors = manifest->tensors_count,
                                     .model_signing = assay_model_signing_digest(manifest, false),
                                     .publisher = assay_crypto_ed25519_public(&out->publisher),
                                     .recorded_height = 10,
                                     .recorded_block = chain_hash("block", 10),
                                     .recorded_seconds = CHAIN_TIME - 1000,
                                     .attested_height = attested ? 20 : 0,
                                     .power_checked = attested ? 3000 : 0,
                                     .power_total = attested ? 4000 : 0,
                                     .deposit = 0};
    CHAIN_MUST(assay_manifest_root(&record->root, manifest, scratch));
    CHAIN_MUST(assay_manifest_tensor_root(&record->tensor_root, manifest, scratch));
    CHAIN_MUST(assay_manifest_totals(&record->size, &record->chunks, manifest));
    const assay_cert_statement statement = {out->parts.name, out->parts.version, manifest, record->model_signing};
    CHAIN_MUST(assay_cert_statement_sign(&record->statement_signature, &statement, &out->publisher, scratch));
    out->leaf = (assay_attestation){1,
                                    out->parts.name,
                                    out->parts.version,
                                    record->root,
                                    record->size,
                                    record->publisher,
                                    record->recorded_height,
                                    record->attested_height,
                                    record->power_checked,
                                    record->power_total};
}

/* The log with the leaf near its middle. */
static inline void chain_log(chain *out, assay_arena *keep, const chain_options *options, assay_arena scratch) {
    uint64_t size = options->log_size ? options->log_size : 4096, index = size / 2;
    assay_hash *leaves = ASSAY_NEW(&scratch, assay_hash, size), *copy = ASSAY_NEW(&scratch, assay_hash, size);
    ASSAY_ASSERT(leaves && copy);
    for (uint64_t i = 0; i < size; i++) leaves[i] = chain_hash("leaf", i);
    if (out->record.attested_height != 0) {
        CHAIN_MUST(assay_codec_encode_new(&out->parts.attestation, keep, &assay_attestation_message, &out->leaf,
                                          ASSAY_CODEC_STRICT));
        leaves[index] = assay_merkle_leaf(out->parts.attestation);
        out->record.log_index = index + 1;
        out->parts.log_index = index;
        out->parts.log_path = &out->path;
    }
    memcpy(copy, leaves, size * sizeof *leaves);
    assay_merkle_path_of(&out->path, copy, size, index);
    out->parts.log_size = size;
    out->parts.log_root = assay_merkle_root(leaves, size);
}

static inline void chain_state(chain *out, assay_arena *keep, const chain_options *options) {
    assay_bytes record;
    uint8_t room[256];
    assay_buf key = {.ptr = room, .cap = sizeof room}, proof = {.cap = 65536};
    assay_smt_path path = {.count = options->state_depth ? options->state_depth : 12};
    CHAIN_MUST(
        assay_codec_encode_new(&record, keep, &assay_version_record_message, &out->record, ASSAY_CODEC_STRICT));
    CHAIN_MUST(assay_version_key(&key, out->parts.name, out->parts.version));
    const assay_bytes key_bytes = {key.ptr, key.len};
    assay_hash hashed = assay_crypto_sha256_one(key_bytes), node = assay_smt_leaf(key_bytes, record);
    for (uint32_t i = path.count; i-- > 0;) {
        path.siblings[i] = chain_hash("sibling", i);
        bool right = hashed.b[i / 8] >> (7 - i % 8) & 1;
        node = right ? assay_merkle_inner(path.siblings[i], node) : assay_merkle_inner(node, path.siblings[i]);
    }
    proof.ptr = ASSAY_NEW(keep, uint8_t, proof.cap);
    CHAIN_MUST(assay_state_proof_encode_exist(&proof, key_bytes, record, &path));
    out->parts.proof = (assay_bytes){proof.ptr, proof.len};
    out->parts.state_root = node;
}

/* Signs a header by the set, but for those that options leave out. */
static inline void chain_sign(chain *out, assay_arena *keep, const chain_options *options) {
    out->commit = (assay_commit){.height = out->header.height,
                                 .round = 1,
                                 .block_id = {assay_header_hash(&out->header), 1, chain_hash("parts", 0)},
                                 .sigs = ASSAY_NEW(keep, assay_commit_sig, out->set.count),
                                 .sigs_count = out->set.count};
    for (uint32_t i = 0; i < out->set.count; i++) {
        assay_commit_sig *sig = &out->commit.sigs[i];
        uint32_t left = out->set.count - i;
        sig->flag = ASSAY_FLAG_COMMIT;
        if (left <= options->absent + options->nil) sig->flag = ASSAY_FLAG_NIL;
        if (left <= options->absent) sig->flag = ASSAY_FLAG_ABSENT;
        if (sig->flag == ASSAY_FLAG_ABSENT) continue;
        sig->validator = out->set.validators[i].address;
        sig->timestamp = assay_base_time_add_ns(out->header.time, 1000000ll * (i + 1) + 12345);
        assay_vote vote = {.type = ASSAY_PRECOMMIT,
                           .height = out->commit.height,
                           .round = out->commit.round,
                           .timestamp = sig->timestamp};
        if (sig->flag == ASSAY_FLAG_COMMIT) vote.block_id = out->commit.block_id;
        uint8_t room[256];
        assay_buf bytes = {.ptr = room, .cap = sizeof room};
        CHAIN_MUST(assay_vote_sign_bytes(&bytes, &vote, out->header.chain_id));
        sig->signature = assay_crypto_ed25519_sign(&out->secrets[i], (assay_bytes){bytes.ptr, bytes.len});
    }
}

static inline void chain_header(chain *out, const chain_options *options, assay_arena scratch) {
    out->header = (assay_header){.version_block = ASSAY_BLOCK_PROTOCOL,
                                 .version_app = 1,
                                 .chain_id = ASSAY_STR(CHAIN_ID),
                                 .height = options->height ? options->height : CHAIN_HEIGHT,
                                 .time = {options->time ? options->time : CHAIN_TIME, 123456789},
                                 .last_block_id = {chain_hash("last block", 0), 1, chain_hash("last parts", 0)},
                                 .last_commit_hash = chain_hash("last commit", 0),
                                 .data_hash = chain_hash("data", 0),
                                 .consensus_hash = chain_hash("consensus", 0),
                                 .last_results_hash = chain_hash("results", 0),
                                 .evidence_hash = chain_hash("evidence", 0),
                                 .proposer = out->set.validators[0].address};
    CHAIN_MUST(assay_validators_hash(&out->header.validators_hash, &out->set, scratch));
    out->header.next_validators_hash = out->header.validators_hash;
    out->header.app_hash = assay_app_hash(out->parts.state_root, out->parts.log_size, out->parts.log_root);
}

/* Everything of one version's certificate. out stays where it is: parts point into it. */
static inline void chain_make(chain *out, assay_arena *keep, const assay_manifest *manifest, assay_bytes groups,
                              const chain_options *options, assay_arena scratch) {
    memset(out, 0, sizeof *out);
    out->publisher = chain_secret("publisher", 0);
    out->parts.name = assay_base_bytes_str(options->name ? options->name : "acme/ocr");
    out->parts.version = assay_base_bytes_str(options->version ? options->version : "1.0");
    out->parts.manifest = manifest;
    out->parts.groups = groups;
    chain_validators(out, keep, options);
    chain_record(out, manifest, options, scratch);
    chain_log(out, keep, options, scratch);
    chain_state(out, keep, options);
    chain_header(out, options, scratch);
    chain_sign(out, keep, options);
    out->parts.header = &out->header;
    out->parts.commit = &out->commit;
    out->parts.validators = &out->set;
}

/* The certificate's text, in keep. */
static inline assay_err chain_text(assay_bytes *out, assay_arena *keep, const assay_cert_parts *parts,
                                   assay_arena scratch) {
    assay_buf text = {.cap = assay_cert_build_size(parts)};
    text.ptr = ASSAY_NEW(keep, uint8_t, text.cap);
    ASSAY_ASSERT(text.ptr);
    assay_err err = assay_cert_build(&text, parts, scratch);
    *out = (assay_bytes){text.ptr, text.len};
    return err;
}

/* A checkpoint of this set, `blocks` below the certificate's block and as many seconds before it. */
static inline assay_trust_checkpoint chain_checkpoint(const chain *at, int64_t blocks) {
    assay_trust_checkpoint checkpoint = {.height = (uint64_t)(at->header.height - blocks),
                                         .time = {at->header.time.seconds - blocks, at->header.time.nanos},
                                         .header_hash = blocks ? chain_hash("header", (uint64_t)blocks)
                                                               : assay_header_hash(&at->header),
                                         .validators = at->set};
    return checkpoint;
}

static inline assay_trust chain_trust(assay_trust_checkpoint *checkpoints, uint32_t count) {
    assay_trust trust = {.chain_id = ASSAY_STR(CHAIN_ID),
                         .trust_seconds = 100000,
                         .checkpoints = checkpoints,
                         .checkpoints_count = count};
    CHAIN_MUST(assay_base_unhex(trust.genesis_hash.b, 6, ASSAY_STR("0123456789ab")));
    return trust;
}

#endif
