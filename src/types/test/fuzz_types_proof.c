/* SPDX-License-Identifier: Apache-2.0 fuzz_types_proof - hostile bytes as a state proof. Byte 0: odd for presence;
 * byte 1 and byte 2: lengths of key and value; then key, value, 32 bytes of root, and the proof.
 *   always   only verdicts are given, with the scratch that the header asks for; asking twice says the same
 *   holds    what holds under this root, for this key and value, holds for no other */
#include "types/types.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(64) uint8_t scratch_room[24 << 10];

static bool holds(assay_hash root, assay_bytes key, assay_bytes value, assay_bytes proof) {
    assay_err err =
        assay_state_proof_check(root, key, value, proof, assay_base_arena(scratch_room, sizeof scratch_room));
    ASSAY_ASSERT(err == ASSAY_OK || err == ASSAY_E_PROOF);
    return err == ASSAY_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    size_t key_len = data[1], value_len = data[2], head = 3 + key_len + value_len + ASSAY_HASH_LEN;
    if (size < head || size > 1 << 16) return 0;
    bool present = data[0] & 1;
    assay_bytes key = {data + 3, key_len}, value = {data + 3 + key_len, value_len};
    if (!present) value = (assay_bytes){0};
    assay_hash root;
    memcpy(root.b, data + 3 + key_len + value_len, sizeof root.b);
    assay_bytes proof = {data + head, size - head};
    if (!holds(root, key, value, proof)) return 0;
    ASSAY_ASSERT(holds(root, key, value, proof));
    root.b[size % 32] ^= 1;
    ASSAY_ASSERT(!holds(root, key, value, proof));
    root.b[size % 32] ^= 1;
    ASSAY_ASSERT(!holds(root, key, present ? (assay_bytes){0} : key, proof));
    ASSAY_ASSERT(!holds(root, (assay_bytes){key.ptr, key.len - 1}, value, proof));
    ASSAY_ASSERT(!holds(root, key, value, (assay_bytes){proof.ptr, proof.len - 1}));
    return 0;
}
