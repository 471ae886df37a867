/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the other side of an encrypted connection: its first word, then its proof as if it could seal, then a
 * frame. Nobody is admitted who does not hold a key and saw the same, and no frame opens. */
#include "signer/signer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const assay_key_secret random = {{1, 2, 3}}, identity = {{4, 5, 6}};
    assay_signer_secret secret;
    assay_bytes chunk;
    uint8_t own[ASSAY_SIGNER_HELLO_LEN], hello[ASSAY_SIGNER_HELLO_LEN] = {0}, frame[ASSAY_SIGNER_FRAME_LEN] = {0};
    size_t len = size < sizeof hello ? size : sizeof hello;
    if (len) memcpy(hello, data, len);
    assay_signer_secret_begin(&secret, own, &random);
    assay_err err = assay_signer_secret_agree(&secret, frame, hello, &identity);
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_ENCODING || err == ASSAY_E_KEY);
    err = assay_signer_secret_admit(&secret, (assay_bytes){data + len, size - len});
    ASSAY_ASSERT(err == ASSAY_E_ENCODING || err == ASSAY_E_SIGNATURE);
    memset(frame, 0, sizeof frame);
    size_t rest = size - len < sizeof frame ? size - len : sizeof frame;
    if (rest) memcpy(frame, data + len, rest);
    ASSAY_ASSERT(assay_signer_secret_open(&secret, &chunk, frame) == ASSAY_E_SIGNATURE);
    return 0;
}
