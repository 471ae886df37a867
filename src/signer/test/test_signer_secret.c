/* SPDX-License-Identifier: Apache-2.0
 *
 * Two sides of an encrypted connection, and whatever somebody between them could do. That CometBFT's own code is the
 * other side, test/peers/signercheck tests. */
#include "signer/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define OK(call) assert_int_equal((call), ASSAY_OK)

typedef struct side {
    assay_signer_secret secret;
    assay_key_secret identity;
    uint8_t hello[ASSAY_SIGNER_HELLO_LEN], frame[ASSAY_SIGNER_FRAME_LEN];
} side;

static void begin(side *s, uint8_t seed) {
    assay_key_secret random = {{0, seed, 1}}; /* X25519 leaves the lowest bits out */
    s->identity = (assay_key_secret){{seed, 2}};
    assay_signer_secret_begin(&s->secret, s->hello, &random);
}

/* The first frame of the other side, and its message without the length. */
static assay_err admit(side *s, uint8_t frame[ASSAY_SIGNER_FRAME_LEN]) {
    assay_bytes chunk;
    ASSAY_TRY(assay_signer_secret_open(&s->secret, &chunk, frame));
    assert_true(chunk.len > 1 && chunk.ptr[0] == chunk.len - 1);
    return assay_signer_secret_admit(&s->secret, (assay_bytes){chunk.ptr + 1, chunk.len - 1});
}

static void agree(side *a, side *b) {
    begin(a, 1);
    begin(b, 2);
    OK(assay_signer_secret_agree(&a->secret, a->frame, b->hello, &a->identity));
    OK(assay_signer_secret_agree(&b->secret, b->frame, a->hello, &b->identity));
    OK(admit(a, b->frame));
    OK(admit(b, a->frame));
}

static void both_ways(void **state) {
    (void)state;
    static side a, b;
    agree(&a, &b);
    assay_public_key key_a = assay_crypto_ed25519_public(&a.identity), key_b = assay_crypto_ed25519_public(&b.identity);
    assert_memory_equal(a.secret.peer.b, key_b.b, 32);
    assert_memory_equal(b.secret.peer.b, key_a.b, 32);
    uint8_t text[ASSAY_SIGNER_CHUNK_LEN];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 7);
    static const size_t sizes[] = {0, 1, 3, 255, 256, 1023, ASSAY_SIGNER_CHUNK_LEN};
    for (int round = 0; round < 40; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            side *from = (round + i) % 3 ? &a : &b, *to = from == &a ? &b : &a;
            assay_bytes chunk;
            assay_signer_secret_seal(&from->secret, from->frame, (assay_bytes){text, sizes[i]});
            OK(assay_signer_secret_open(&to->secret, &chunk, from->frame));
            assert_int_equal(chunk.len, sizes[i]);
            assert_memory_equal(chunk.ptr, text, chunk.len);
        }
}

/* Any bit of a frame, a frame that comes again, or late, or goes back to who sealed it. */
static void frames_are_what_was_sealed(void **state) {
    (void)state;
    static side a, b;
    static uint8_t frames[3][ASSAY_SIGNER_FRAME_LEN], copy[ASSAY_SIGNER_FRAME_LEN];
    assay_bytes chunk;
    for (size_t at = 0; at < ASSAY_SIGNER_FRAME_LEN; at += 61) {
        agree(&a, &b);
        assay_signer_secret_seal(&a.secret, frames[0], ASSAY_STR("text"));
        frames[0][at] ^= 0x20;
        assert_int_equal(assay_signer_secret_open(&b.secret, &chunk, frames[0]), ASSAY_E_SIGNATURE);
        assert_null(chunk.ptr);
    }
    agree(&a, &b);
    for (int i = 0; i < 3; i++) assay_signer_secret_seal(&a.secret, frames[i], ASSAY_STR("text"));
    const assay_signer_secret fresh = b.secret, own = a.secret;
    memcpy(copy, frames[1], sizeof copy);
    assert_int_equal(assay_signer_secret_open(&b.secret, &chunk, copy), ASSAY_E_SIGNATURE); /* the first is missing */
    b.secret = fresh;
    memcpy(copy, frames[0], sizeof copy);
    OK(assay_signer_secret_open(&b.secret, &chunk, copy));
    memcpy(copy, frames[0], sizeof copy);
    assert_int_equal(assay_signer_secret_open(&b.secret, &chunk, copy), ASSAY_E_SIGNATURE); /* again */
    a.secret = own;
    memcpy(copy, frames[0], sizeof copy);
    a.secret.received = 0;
    assert_int_equal(assay_signer_secret_open(&a.secret, &chunk, copy), ASSAY_E_SIGNATURE); /* its own */
}

static void no_agreement(void **state) {
    (void)state;
    static side a, b;
    begin(&a, 1);
    begin(&b, 2);
    uint8_t hello[ASSAY_SIGNER_HELLO_LEN], frame[ASSAY_SIGNER_FRAME_LEN];
    for (size_t i = 0; i < 3; i++) {
        memcpy(hello, b.hello, sizeof hello);
        hello[i]++;
        assert_int_equal(assay_signer_secret_agree(&a.secret, frame, hello, &a.identity), ASSAY_E_ENCODING);
    }
    assert_int_equal(assay_signer_secret_agree(&a.secret, frame, a.hello, &a.identity), ASSAY_E_KEY);
    memset(hello + 3, 0, 32); /* a point of small order */
    hello[2]--;
    memcpy(hello, b.hello, 3);
    assert_int_equal(assay_signer_secret_agree(&a.secret, frame, hello, &a.identity), ASSAY_E_KEY);
    OK(assay_signer_secret_agree(&a.secret, frame, b.hello, &a.identity)); /* nothing was spoiled */
}

/* Who only passes on what others say proves nothing about a key that he does not hold. */
static void proofs(void **state) {
    (void)state;
    static side a, b, between_a, between_b;
    static uint8_t frame[ASSAY_SIGNER_FRAME_LEN];
    begin(&a, 1);
    begin(&b, 2);
    begin(&between_a, 3);
    begin(&between_b, 4);
    OK(assay_signer_secret_agree(&a.secret, a.frame, between_a.hello, &a.identity));
    OK(assay_signer_secret_agree(&between_a.secret, frame, a.hello, &between_a.identity));
    OK(assay_signer_secret_agree(&b.secret, b.frame, between_b.hello, &b.identity));
    OK(assay_signer_secret_agree(&between_b.secret, frame, b.hello, &between_b.identity));
    assay_bytes proof;
    OK(assay_signer_secret_open(&between_b.secret, &proof, b.frame));
    const assay_bytes message = {proof.ptr + 1, proof.len - 1};
    OK(assay_signer_secret_admit(&between_b.secret, message));
    assert_int_equal(assay_signer_secret_admit(&a.secret, message), ASSAY_E_SIGNATURE);
    /* Of another form than the one that there is. */
    uint8_t bytes[128];
    for (size_t i = 0; i < message.len; i++) {
        memcpy(bytes, message.ptr, message.len);
        bytes[i] ^= 1;
        assay_err err = assay_signer_secret_admit(&between_b.secret, (assay_bytes){bytes, message.len});
        assert_true(err == ASSAY_E_ENCODING || err == ASSAY_E_SIGNATURE);
    }
    assert_int_equal(assay_signer_secret_admit(&between_b.secret, (assay_bytes){message.ptr, message.len - 1}),
                     ASSAY_E_ENCODING);
    assert_int_equal(assay_signer_secret_admit(&between_b.secret, (assay_bytes){NULL, 0}), ASSAY_E_ENCODING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(frames_are_what_was_sealed),
        cmocka_unit_test(no_agreement),
        cmocka_unit_test(proofs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
