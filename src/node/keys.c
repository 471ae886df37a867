/* SPDX-License-Identifier: Apache-2.0
 *
 * keys - secret key files: 64 hex digits and a newline, readable by their owner alone.
 */
#include "node_internal.h"

assay_err assay_node_key_load(assay_key_secret *out, const char *path, bool create) {
    uint8_t memory[512];
    assay_arena arena = assay_base_arena(memory, sizeof memory);
    assay_bytes text;
    assay_err err = assay_os_read_whole(&text, &arena, path, 128);
    if (err == ASSAY_OK) {
        if (text.len && text.ptr[text.len - 1] == '\n') text.len--;
        err = assay_base_unhex(out->b, sizeof out->b, text) == ASSAY_OK ? ASSAY_OK : ASSAY_F_CORRUPT;
    } else if (err == ASSAY_E_NOT_FOUND && create) {
        char hex[2 * sizeof out->b + 2];
        assay_os_random(out->b, sizeof out->b);
        assay_base_hex(hex, (assay_bytes){out->b, sizeof out->b});
        hex[2 * sizeof out->b] = '\n';
        err = assay_os_replace(path, (assay_bytes){(const uint8_t *)hex, 2 * sizeof out->b + 1}, 0600);
        assay_crypto_wipe(hex, sizeof hex);
    }
    assay_crypto_wipe(memory, sizeof memory);
    return err;
}
