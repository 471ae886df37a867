/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_signer_remote - hostile bytes as what CometBFT's side of the privval protocol sends: delimited requests, one
 * after the other, to one signer.
 *
 *   always   a request is answered or refused with a verdict; what is no request appends nothing, all else one whole
 *            message; the same request at once again gets the same bytes or a refusal, and its place never goes back */
#include "../signer_internal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const assay_bytes chain = {(const uint8_t *)"signer-check", 12};
static uint8_t memory[1 << 16], out_memory[2][2048];

static bool verdict(assay_err err) {
    return err == ASSAY_OK || err == ASSAY_E_DUPLICATE || err == ASSAY_E_RANGE || err == ASSAY_E_CHAIN ||
           err == ASSAY_E_ENCODING;
}

static assay_err ask(assay_signer *signer, assay_buf *out, int slot, assay_bytes request) {
    *out = (assay_buf){out_memory[slot], 0, sizeof out_memory[slot]};
    assay_err err = assay_signer_answer(signer, out, chain, request);
    ASSAY_ASSERT(verdict(err));
    if (out->len == 0) {
        ASSAY_ASSERT(err == ASSAY_E_ENCODING);
        return err;
    }
    assay_bytes rest = {out->ptr, out->len}, whole;
    uint64_t wanted;
    assay_err cut = assay_codec_get_delimited(&whole, &wanted, &rest, ASSAY_SIGNER_MESSAGE_LEN_MAX);
    ASSAY_ASSERT(cut == ASSAY_OK && whole.ptr && rest.len == 0);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static assay_signer *signer;
    static int64_t height;
    static int32_t round;
    if (!signer) {
        const char *dir;
        assay_arena keep = assay_base_arena(memory, sizeof memory);
        assay_err err = assay_os_temp_dir(&dir, &keep, "fuzz-signer", true);
        if (err == ASSAY_OK) err = assay_signer_open(&signer, &keep, dir, true, false);
        ASSAY_ASSERT(err == ASSAY_OK);
        ASSAY_ASSERT(assay_os_remove_tree(dir) == ASSAY_OK); /* its files are open */
    }
    assay_bytes input = {data, size}, request;
    for (;;) {
        uint64_t wanted;
        if (assay_codec_get_delimited(&request, &wanted, &input, ASSAY_SIGNER_MESSAGE_LEN_MAX) || !request.ptr)
            return 0;
        assay_buf one, two;
        assay_err first = ask(signer, &one, 0, request), second = ask(signer, &two, 1, request);
        ASSAY_ASSERT(first == second);
        ASSAY_ASSERT(one.len == two.len && memcmp(one.ptr, two.ptr, one.len) == 0);
        int64_t h;
        int32_t r;
        assay_signer_last(signer, &h, &r);
        ASSAY_ASSERT(h > height || (h == height && r >= round));
        /* Back to the start now and then, by a signer that has signed nothing: else one input takes all heights. */
        height = h, round = r;
        if (h > INT64_MAX / 2) signer->mark = (signer_watermark){.key = signer->public_key}, height = 0, round = 0;
    }
}
