/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_internal.h"

#include <string.h>

enum {
    FORMAT = 1,
    AT_FORMAT = 0,
    AT_STEP = 4,
    AT_HEIGHT = 8,
    AT_SECONDS = 16,
    AT_NANOS = 24,
    AT_ROUND = 28,
    AT_KEY = 32,
    AT_LEN = 64,
    AT_SIGN_BYTES = 68,
    AT_CHECKSUM = SIGNER_WATERMARK_LEN - ASSAY_HASH_LEN
};
_Static_assert(AT_SIGN_BYTES + SIGNER_SIGN_BYTES_MAX <= AT_CHECKSUM, "the sign bytes fit in the sector");

static void put(uint8_t *at, uint64_t value, size_t len) {
    for (size_t i = 0; i < len; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *at, size_t len) {
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) value |= (uint64_t)at[i] << (8 * i);
    return value;
}

void signer_watermark_encode(uint8_t out[SIGNER_WATERMARK_LEN], const signer_watermark *mark) {
    ASSAY_ASSERT(mark->sign_bytes_len <= SIGNER_SIGN_BYTES_MAX);
    memset(out, 0, SIGNER_WATERMARK_LEN);
    put(out + AT_FORMAT, FORMAT, 4);
    put(out + AT_STEP, mark->step, 4);
    put(out + AT_HEIGHT, (uint64_t)mark->height, 8);
    put(out + AT_SECONDS, (uint64_t)mark->timestamp.seconds, 8);
    put(out + AT_NANOS, (uint32_t)mark->timestamp.nanos, 4);
    put(out + AT_ROUND, (uint32_t)mark->round, 4);
    memcpy(out + AT_KEY, mark->key.b, sizeof mark->key.b);
    put(out + AT_LEN, mark->sign_bytes_len, 4);
    memcpy(out + AT_SIGN_BYTES, mark->sign_bytes, mark->sign_bytes_len);
    assay_hash sum = assay_crypto_sha256_one((assay_bytes){out, AT_CHECKSUM});
    memcpy(out + AT_CHECKSUM, sum.b, sizeof sum.b);
}

assay_err signer_watermark_decode(signer_watermark *out, assay_bytes bytes) {
    *out = (signer_watermark){0};
    if (bytes.len != SIGNER_WATERMARK_LEN) return ASSAY_F_CORRUPT;
    const uint8_t *b = bytes.ptr;
    assay_hash sum = assay_crypto_sha256_one((assay_bytes){b, AT_CHECKSUM});
    if (memcmp(sum.b, b + AT_CHECKSUM, sizeof sum.b) != 0 || get(b + AT_FORMAT, 4) != FORMAT) return ASSAY_F_CORRUPT;
    out->step = (uint32_t)get(b + AT_STEP, 4);
    out->height = (int64_t)get(b + AT_HEIGHT, 8);
    out->timestamp.seconds = (int64_t)get(b + AT_SECONDS, 8);
    out->timestamp.nanos = (int32_t)get(b + AT_NANOS, 4);
    out->round = (int32_t)get(b + AT_ROUND, 4);
    memcpy(out->key.b, b + AT_KEY, sizeof out->key.b);
    out->sign_bytes_len = (uint32_t)get(b + AT_LEN, 4);
    if (out->sign_bytes_len > SIGNER_SIGN_BYTES_MAX) return ASSAY_F_CORRUPT;
    memcpy(out->sign_bytes, b + AT_SIGN_BYTES, out->sign_bytes_len);
    /* A checksum can be made by anyone; what this program never writes is refused as well. */
    bool nothing = out->step == SIGNER_STEP_NONE && out->height == 0 && out->round == 0 && out->sign_bytes_len == 0;
    bool something = out->step >= SIGNER_STEP_PROPOSAL && out->step <= SIGNER_STEP_PRECOMMIT && out->height >= 1 &&
                     out->round >= 0 && out->sign_bytes_len > 0;
    uint8_t again[SIGNER_WATERMARK_LEN];
    signer_watermark_encode(again, out);
    return (nothing || something) && memcmp(again, b, sizeof again) == 0 ? ASSAY_OK : ASSAY_F_CORRUPT;
}

assay_err signer_advance(assay_signer *signer, const signer_watermark *mark) {
    if (signer->broken) return ASSAY_F_STORAGE;
    uint8_t bytes[SIGNER_WATERMARK_LEN];
    signer_watermark_encode(bytes, mark);
    assay_err err = assay_os_file_write(&signer->file, (assay_bytes){bytes, sizeof bytes}, 0);
    /* The length never changes after creation, so this waits for the data alone. */
    if (!err && signer->durable) err = assay_os_file_sync(&signer->file);
    if (err) {
        signer->broken = true;
        return ASSAY_F_STORAGE;
    }
    signer->mark = *mark;
    return ASSAY_OK;
}
