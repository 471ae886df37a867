/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_crypto_ed25519 - keys and signatures from outside: no crash, and one by one is what a batch says.
 * Input: public key (32 bytes), signature (64), message. gen.py writes seeds. */
#include "crypto/crypto.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 96) return 0;
    static const assay_key_secret secret = {{42}};
    static const uint8_t seed[32] = {7};
    assay_crypto_batch_item items[2];
    memcpy(items[0].key.b, data, 32);
    memcpy(items[0].signature.b, data + 32, 64);
    items[0].message = items[1].message = (assay_bytes){data + 96, size - 96};
    bool one = assay_crypto_ed25519_verify(items[0].key, items[0].message, items[0].signature);
    ASSAY_ASSERT(one == assay_crypto_ed25519_verify_batch(items, 1, seed));
    items[1].key = assay_crypto_ed25519_public(&secret);
    items[1].signature = assay_crypto_ed25519_sign(&secret, items[1].message);
    ASSAY_ASSERT(assay_crypto_ed25519_verify(items[1].key, items[1].message, items[1].signature));
    ASSAY_ASSERT(one == assay_crypto_ed25519_verify_batch(items, 2, seed));
    assay_err ok = assay_crypto_ed25519_key_ok(items[0].key);
    ASSAY_ASSERT(ok == ASSAY_OK || ok == ASSAY_E_KEY);
    return 0;
}
