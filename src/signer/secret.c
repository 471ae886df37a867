/* SPDX-License-Identifier: Apache-2.0
 *
 * secret - CometBFT's SecretConnection, sealed and opened in memory. Names and order are those of
 * p2p/conn/secret_connection.go in v0.38 and v0.40, which are alike. */
#include "signer_internal.h"

#include <string.h>

#define KEYS "TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN"
#define PROTOCOL "TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH"
#define LEN_LEN 4 /* of a chunk, before it in its frame */
#define PLAIN_LEN (LEN_LEN + ASSAY_SIGNER_CHUNK_LEN)

_Static_assert(PLAIN_LEN + ASSAY_CRYPTO_AEAD_TAG_LEN == ASSAY_SIGNER_FRAME_LEN, "a frame and its tag");

/* ---- messages ---------------------------------------------------------------------------------------------------- */

/* google.protobuf.BytesValue of 32 bytes, with its length. */
static const uint8_t hello_head[3] = {34, 0x0a, 32};

/* tendermint.p2p.AuthSigMessage: a key as tendermint.crypto.PublicKey, and a signature. There is one way to write
 * either, and nothing that could be left out. */
static const uint8_t auth_key_head[4] = {0x0a, 34, 0x0a, 32};
static const uint8_t auth_signature_head[2] = {0x12, 64};
#define AUTH_SIGNATURE_AT (sizeof auth_key_head + 32)
#define AUTH_LEN (AUTH_SIGNATURE_AT + sizeof auth_signature_head + 64)

static void auth_put(uint8_t out[1 + AUTH_LEN], assay_public_key key, assay_signature signature) {
    *out++ = AUTH_LEN;
    memcpy(out, auth_key_head, sizeof auth_key_head);
    memcpy(out + sizeof auth_key_head, key.b, sizeof key.b);
    memcpy(out + AUTH_SIGNATURE_AT, auth_signature_head, sizeof auth_signature_head);
    memcpy(out + AUTH_SIGNATURE_AT + sizeof auth_signature_head, signature.b, sizeof signature.b);
}

static assay_err auth_get(assay_public_key *key, assay_signature *signature, assay_bytes message) {
    if (message.len != AUTH_LEN || memcmp(message.ptr, auth_key_head, sizeof auth_key_head) != 0 ||
        memcmp(message.ptr + AUTH_SIGNATURE_AT, auth_signature_head, sizeof auth_signature_head) != 0)
        return ASSAY_E_ENCODING;
    memcpy(key->b, message.ptr + sizeof auth_key_head, sizeof key->b);
    memcpy(signature->b, message.ptr + AUTH_SIGNATURE_AT + sizeof auth_signature_head, sizeof signature->b);
    return ASSAY_OK;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

void assay_signer_secret_begin(assay_signer_secret *secret, uint8_t hello[ASSAY_SIGNER_HELLO_LEN],
                               const assay_key_secret *random32) {
    *secret = (assay_signer_secret){.ephemeral = *random32};
    assay_public_key own = assay_crypto_x25519_public(&secret->ephemeral);
    memcpy(hello, hello_head, sizeof hello_head);
    memcpy(hello + sizeof hello_head, own.b, sizeof own.b);
}

/* Both directions' keys, and what both sides sign: who has the lesser key receives by the first one. */
static assay_err derive(assay_signer_secret *secret, assay_public_key theirs) {
    assay_public_key ours = assay_crypto_x25519_public(&secret->ephemeral);
    assay_key_secret shared, keys[2];
    int order = memcmp(ours.b, theirs.b, sizeof ours.b);
    if (order == 0) return ASSAY_E_KEY; /* our own words came back */
    ASSAY_TRY(assay_crypto_x25519(&shared, &secret->ephemeral, theirs));
    const assay_public_key *low = order < 0 ? &ours : &theirs, *high = order < 0 ? &theirs : &ours;
    const assay_crypto_labelled seen[] = {
        {ASSAY_STR("EPHEMERAL_LOWER_PUBLIC_KEY"), {low->b, sizeof low->b}},
        {ASSAY_STR("EPHEMERAL_UPPER_PUBLIC_KEY"), {high->b, sizeof high->b}},
        {ASSAY_STR("DH_SECRET"), {shared.b, sizeof shared.b}},
    };
    assay_crypto_merlin(secret->challenge, sizeof secret->challenge, ASSAY_STR(PROTOCOL), seen, 3,
                        ASSAY_STR("SECRET_CONNECTION_MAC"));
    assay_crypto_hkdf_sha256(keys[0].b, sizeof keys, &shared, ASSAY_STR(KEYS));
    secret->receive_key = keys[order < 0 ? 0 : 1];
    secret->send_key = keys[order < 0 ? 1 : 0];
    assay_crypto_wipe(&shared, sizeof shared);
    assay_crypto_wipe(keys, sizeof keys);
    assay_crypto_wipe(&secret->ephemeral, sizeof secret->ephemeral);
    return ASSAY_OK;
}

assay_err assay_signer_secret_agree(assay_signer_secret *secret, uint8_t frame[ASSAY_SIGNER_FRAME_LEN],
                                    const uint8_t hello[ASSAY_SIGNER_HELLO_LEN], const assay_key_secret *identity) {
    assay_public_key theirs;
    uint8_t auth[1 + AUTH_LEN];
    if (memcmp(hello, hello_head, sizeof hello_head) != 0) return ASSAY_E_ENCODING;
    memcpy(theirs.b, hello + sizeof hello_head, sizeof theirs.b);
    ASSAY_TRY(derive(secret, theirs));
    const assay_bytes challenge = {secret->challenge, sizeof secret->challenge};
    auth_put(auth, assay_crypto_ed25519_public(identity), assay_crypto_ed25519_sign(identity, challenge));
    assay_signer_secret_seal(secret, frame, (assay_bytes){auth, sizeof auth});
    return ASSAY_OK;
}

assay_err assay_signer_secret_admit(assay_signer_secret *secret, assay_bytes message) {
    assay_public_key key;
    assay_signature signature;
    ASSAY_TRY(auth_get(&key, &signature, message));
    const assay_bytes challenge = {secret->challenge, sizeof secret->challenge};
    if (!assay_crypto_ed25519_verify(key, challenge, signature)) return ASSAY_E_SIGNATURE;
    secret->peer = key;
    return ASSAY_OK;
}

/* ---- frames ------------------------------------------------------------------------------------------------------ */

/* Four zeros and the frame's number, little-endian. It has no end that a connection could reach. */
static void next_nonce(uint8_t out[ASSAY_CRYPTO_AEAD_NONCE_LEN], uint64_t *count) {
    memset(out, 0, ASSAY_CRYPTO_AEAD_NONCE_LEN);
    for (int i = 0; i < 8; i++) out[4 + i] = (uint8_t)(*count >> (8 * i));
    ++*count;
}

void assay_signer_secret_seal(assay_signer_secret *secret, uint8_t frame[ASSAY_SIGNER_FRAME_LEN], assay_bytes chunk) {
    uint8_t nonce[ASSAY_CRYPTO_AEAD_NONCE_LEN];
    ASSAY_ASSERT(chunk.len <= ASSAY_SIGNER_CHUNK_LEN);
    memset(frame, 0, ASSAY_SIGNER_FRAME_LEN);
    frame[0] = (uint8_t)chunk.len;
    frame[1] = (uint8_t)(chunk.len >> 8);
    if (chunk.len) memcpy(frame + LEN_LEN, chunk.ptr, chunk.len);
    next_nonce(nonce, &secret->sent);
    assay_crypto_aead_seal(frame, PLAIN_LEN, &secret->send_key, nonce);
}

assay_err assay_signer_secret_open(assay_signer_secret *secret, assay_bytes *chunk,
                                   uint8_t frame[ASSAY_SIGNER_FRAME_LEN]) {
    uint8_t nonce[ASSAY_CRYPTO_AEAD_NONCE_LEN];
    *chunk = (assay_bytes){NULL, 0};
    next_nonce(nonce, &secret->received);
    if (!assay_crypto_aead_open(frame, ASSAY_SIGNER_FRAME_LEN, &secret->receive_key, nonce)) return ASSAY_E_SIGNATURE;
    uint32_t len = frame[0] | (uint32_t)frame[1] << 8 | (uint32_t)frame[2] << 16 | (uint32_t)frame[3] << 24;
    if (len > ASSAY_SIGNER_CHUNK_LEN) return ASSAY_E_ENCODING;
    *chunk = (assay_bytes){frame + LEN_LEN, len};
    return ASSAY_OK;
}
