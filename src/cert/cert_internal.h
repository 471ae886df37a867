/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of cert share and nobody else sees. */
#ifndef ASSAY_CERT_INTERNAL_H
#define ASSAY_CERT_INTERNAL_H

#include "cert/cert.h"

/* ---- checkpoint.c: header, commit and set in one canonical message ------------------------------------------- */

/* Appends the Checkpoint message (spec/certificate.md 5). ASSAY_E_RANGE, ASSAY_E_CERT if commit and set do not belong
 * together, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_cert_checkpoint_encode(assay_buf *out, const assay_header *header,
                                                      const assay_commit *commit, const assay_validator_set *validators,
                                                      assay_arena scratch);
/* Reads one. The block id's hash is that of the header, the validators' addresses those of their keys: neither is
 * stored. Accepts the one encoding that is written. ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_E_FORMAT, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_cert_checkpoint_decode(assay_header *header, assay_commit *commit,
                                                      assay_validator_set *validators, assay_arena *keep,
                                                      assay_bytes input, assay_arena scratch);
/* An upper bound of its bytes. */
size_t assay_cert_checkpoint_size(uint32_t validators_count);
extern const assay_codec_message assay_cert_checkpoint_message;

/* ---- statement.c --------------------------------------------------------------------------------------------- */

/* DSSE's pre-authentication encoding of a statement's text, in keep. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_cert_pae(assay_bytes *out, assay_arena *keep, assay_bytes payload);
/* A buffer of cap bytes from an arena. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_cert_buf_new(assay_buf *out, assay_arena *keep, size_t cap);
/* Whether a subject digest follows from a manifest, as of a folder or, with one file, as of that file. */
bool assay_cert_model_signing_fits(assay_hash digest, const assay_manifest *manifest);

/* ---- parse.c, json.c: what came from anybody ----------------------------------------------------------------- */

/* The value that a proof of presence shows, a view into proof; nothing is proven by it. ASSAY_E_ENCODING,
 * ASSAY_E_RANGE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_cert_proof_value(assay_bytes *out, assay_bytes proof, assay_arena scratch);

struct json_t;
/* Parses a text into jansson's tree, with no member twice, at most ASSAY_CERT_DEPTH_MAX containers in each other and
 * values_max values in all; the caller gives it back with json_decref. ASSAY_E_ENCODING, ASSAY_E_LIMIT,
 * ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_cert_json_load(struct json_t **out, assay_bytes text, size_t values_max);
/* Members of an object: ASSAY_E_ENCODING if it is not there or of another kind. Bytes are copied into keep. */
ASSAY_MUST_USE assay_err assay_cert_json_text(assay_bytes *out, assay_arena *keep, const struct json_t *object,
                                              const char *key, size_t len_max);
ASSAY_MUST_USE assay_err assay_cert_json_base64(assay_bytes *out, assay_arena *keep, const struct json_t *object,
                                                const char *key);
ASSAY_MUST_USE assay_err assay_cert_json_hex(uint8_t *out, size_t len, const struct json_t *object, const char *key);
ASSAY_MUST_USE assay_err assay_cert_json_u64(uint64_t *out, const struct json_t *object, const char *key);
/* "family/major[.minor]" against schema "family/major": ASSAY_E_FORMAT if family fits and major does not, else
 * ASSAY_E_ENCODING if it is no such text. */
ASSAY_MUST_USE assay_err assay_cert_json_schema(const struct json_t *object, const char *schema);

/* ---- light.c: one judgement for certificates and light blocks ------------------------------------------------ */

/* What a block is held against. */
typedef struct assay_cert_light_trusted {
    uint64_t height;
    assay_time time;
    assay_hash header_hash;
    const assay_validator_set *validators;
    const assay_hash *next_validators; /* the header's; NULL: not known, as in a trust file */
} assay_cert_light_trusted;
/* The rules of assay_cert_anchor_find and assay_cert_light_verify for one checked block at or above at->height. */
ASSAY_MUST_USE assay_err assay_cert_light_judge(assay_cert_anchor *out, const assay_cert_light_trusted *at,
                                                const assay_cert_light_block *block,
                                                const assay_cert_light_rules *rules);

/* ---- find.c -------------------------------------------------------------------------------------------------- */

#define ASSAY_CERT_CANDIDATES_MAX 256u
/* Certificate files beside the model at path, in the order of their names. None is not an error here.
 * ASSAY_E_NOT_FOUND if there is no folder around path, ASSAY_E_LIMIT, ASSAY_F_STORAGE, ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_cert_beside(const char ***out, uint32_t *count, assay_arena *keep, const char *path,
                                           assay_arena scratch);
/* How many of a manifest's files lie at path with their sizes. */
uint64_t assay_cert_fit(const char *path, const assay_manifest *manifest, assay_arena scratch);

#endif
