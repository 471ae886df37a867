/* SPDX-License-Identifier: Apache-2.0
 *
 * The watermark as a value and as a file; signer.c decides, watermark.c stores. */
#ifndef ASSAY_SIGNER_INTERNAL_H
#define ASSAY_SIGNER_INTERNAL_H

#include "crypto/crypto.h"
#include "os/os.h"
#include "codec/codec.h"
#include "signer/signer.h"

/* What a validator signs in one round, in the order in which it may. */
typedef enum signer_step {
    SIGNER_STEP_NONE = 0,
    SIGNER_STEP_PROPOSAL = 1,
    SIGNER_STEP_PREVOTE = 2,
    SIGNER_STEP_PRECOMMIT = 3
} signer_step;

#define SIGNER_SIGN_BYTES_MAX 200
/* One sector: a disk writes it whole or not at all, so that overwriting in place never leaves halves of two watermarks.
 */
#define SIGNER_WATERMARK_LEN 512

/* The last thing that was signed, or was about to be. All zero but the key: nothing yet. */
typedef struct signer_watermark {
    assay_public_key key;
    int64_t height;
    int32_t round;
    uint32_t step; /* signer_step */
    assay_time timestamp;
    uint32_t sign_bytes_len;
    uint8_t sign_bytes[SIGNER_SIGN_BYTES_MAX];
} signer_watermark;

struct assay_signer {
    assay_key_secret secret;
    assay_public_key public_key;
    assay_os_file lock;
    assay_os_file file; /* the watermark's */
    bool durable;
    bool broken; /* a write failed: memory and disk may differ */
    signer_watermark mark;
};

/* signer_watermark_encode - the file's content: format, fields in fixed places (little-endian), zeros, SHA-256 of all
 * before. */
void signer_watermark_encode(uint8_t out[SIGNER_WATERMARK_LEN], const signer_watermark *mark);
/* signer_watermark_decode - ASSAY_F_CORRUPT unless bytes are exactly what encode gives for some watermark. */
ASSAY_MUST_USE assay_err signer_watermark_decode(signer_watermark *out, assay_bytes bytes);
/* signer_advance - makes mark the signer's watermark, on disk and then in memory. ASSAY_F_STORAGE: the signer is
 * broken. */
ASSAY_MUST_USE assay_err signer_advance(assay_signer *signer, const signer_watermark *mark);

/* remote.c's tables, for the test that checks them. */
extern const assay_codec_message *const signer_messages[];
extern const size_t signer_messages_count;

#endif
