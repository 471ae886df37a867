/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256's compression function with the SHA extensions, for one to four independent streams. One stream leaves the
 * unit idle a third of the time, since every sha256rnds2 waits for the one before; other streams fill the gaps.
 *
 * The shape is the usual one of the instruction set's white paper (Gulley et al., Intel, 2013): the state is held as
 * ABEF and CDGH, four rounds take four words, and the schedule is made with sha256msg1, an add, and sha256msg2.
 * Compared bit for bit with crate sha2 (rust/src/hash.rs) by test_crypto_sha256. */
#ifdef __x86_64__
#include "../crypto_internal.h"

#include <immintrin.h>

#define SHA_NI __attribute__((target("sha,sse4.1,ssse3")))
#define INLINE static inline __attribute__((always_inline)) SHA_NI

static const uint32_t round_constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* One block of each of n streams; n is a constant wherever this is inlined, so the loops unroll and the arrays are
 * registers as far as there are any. */
INLINE void compress(__m128i (*state)[2], const uint8_t *const *blocks, size_t off, const int n) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i words[ASSAY_SHA256_STREAMS][4], abef[ASSAY_SHA256_STREAMS], cdgh[ASSAY_SHA256_STREAMS];
    for (int s = 0; s < n; s++) {
        abef[s] = state[s][0];
        cdgh[s] = state[s][1];
        for (int i = 0; i < 4; i++)
            words[s][i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i_u *)(blocks[s] + off) + i), swap);
    }
#pragma GCC unroll 16
    for (int r = 0; r < 16; r++) {
        const __m128i constants = _mm_load_si128((const __m128i *)round_constants + r);
#pragma GCC unroll 4
        for (int s = 0; s < n; s++) {
            __m128i *w = words[s];
            __m128i now = w[r & 3], sum = _mm_add_epi32(now, constants);
            cdgh[s] = _mm_sha256rnds2_epu32(cdgh[s], abef[s], sum);
            abef[s] = _mm_sha256rnds2_epu32(abef[s], cdgh[s], _mm_shuffle_epi32(sum, 0x0e));
            /* Words 4(r+4).. replace words 4r.., which nothing needs any more. */
            if (r < 12) {
                __m128i next = w[(r + 1) & 3], last = w[(r + 3) & 3];
                __m128i older =
                    _mm_add_epi32(_mm_sha256msg1_epu32(now, next), _mm_alignr_epi8(last, w[(r + 2) & 3], 4));
                w[r & 3] = _mm_sha256msg2_epu32(older, last);
            }
        }
    }
    for (int s = 0; s < n; s++) {
        state[s][0] = _mm_add_epi32(state[s][0], abef[s]);
        state[s][1] = _mm_add_epi32(state[s][1], cdgh[s]);
    }
}

INLINE void run(uint32_t *const *states, const uint8_t *const *blocks, size_t count, const int n) {
    __m128i state[ASSAY_SHA256_STREAMS][2];
    for (int s = 0; s < n; s++) {
        /* a b c d and e f g h, lowest word first, to f e b a and h g d c. */
        __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i_u *)states[s]), 0xb1);
        __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i_u *)states[s] + 1), 0x1b);
        state[s][0] = _mm_alignr_epi8(abcd, efgh, 8);
        state[s][1] = _mm_blend_epi16(efgh, abcd, 0xf0);
    }
    for (size_t i = 0; i < count; i++) compress(state, blocks, 64 * i, n);
    for (int s = 0; s < n; s++) {
        __m128i feba = _mm_shuffle_epi32(state[s][0], 0x1b), dchg = _mm_shuffle_epi32(state[s][1], 0xb1);
        _mm_storeu_si128((__m128i_u *)states[s], _mm_blend_epi16(feba, dchg, 0xf0));
        _mm_storeu_si128((__m128i_u *)states[s] + 1, _mm_alignr_epi8(dchg, feba, 8));
    }
}

SHA_NI void assay_crypto_sha_ni_blocks(uint32_t state[8], const uint8_t *blocks, size_t count) {
    run(&state, &blocks, count, 1);
}

SHA_NI void assay_crypto_sha_ni_blocks_many(uint32_t *const *states, const uint8_t *const *blocks, size_t streams,
                                            size_t count) {
    switch (streams) {
    case 1: run(states, blocks, count, 1); break;
    case 2: run(states, blocks, count, 2); break;
    case 3: run(states, blocks, count, 3); break;
    default: run(states, blocks, count, 4); break;
    }
}
#else
typedef int assay_sha_ni_is_for_x86_64;
#endif
