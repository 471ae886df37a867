/* SPDX-License-Identifier: Apache-2.0
 *
 * key - secret keys in files: 64 hex digits and a newline, for their owner alone.
 */
#include "assay_internal.h"

#include <string.h>

static assay_err print_key(call *c, const assay_key_secret *secret, const char *path, bool made) {
    assay_public_key key = assay_crypto_ed25519_public(secret);
    const char *address = address_text(c, assay_crypto_address(key)), *text = hex(c, key.b, sizeof key.b);
    if (json_wanted(c))
        return out_json(
            c, json_pack("{s:s, s:s, s:s}", "address", address, "public_key", text, "key_file", shown(c, path)));
    if (!quiet(c)) {
        field(c, "address", "%s", address);
        field(c, "public key", "%s", text);
        if (!made) field(c, "file", "%s", path);
    }
    if (made)
        out(c, "%s\n", path);
    else if (quiet(c))
        out(c, "%s\n", address);
    return ASSAY_OK;
}

static assay_err write_new(call *c, const assay_key_secret *secret, const char *path) {
    char text[2 * sizeof secret->b + 2];
    assay_os_file file;
    assay_err err = assay_os_file_open(&file, path, ASSAY_OS_CREATE_NEW, 0600);
    if (err == ASSAY_E_EXISTS) {
        c->try_this = "another file name; a key that is gone cannot be made again";
        return fail(c, err, "%s is there, and a key is never overwritten", path);
    }
    if (err == ASSAY_OK) {
        assay_base_hex(text, (assay_bytes){secret->b, sizeof secret->b});
        text[2 * sizeof secret->b] = '\n';
        err = assay_os_file_append(&file, (assay_bytes){(const uint8_t *)text, 2 * sizeof secret->b + 1}, true);
        assay_crypto_wipe(text, sizeof text);
        assay_os_file_close(&file);
    }
    if (err == ASSAY_OK) return ASSAY_OK;
    char reason[128];
    assay_os_reason(reason, sizeof reason);
    return fail(c, err == ASSAY_E_NOT_FOUND ? ASSAY_F_STORAGE : err, "%s: %s", path, reason);
}

assay_err run_key_new(call *c) {
    assay_key_secret secret;
    assay_os_random(secret.b, sizeof secret.b);
    assay_err err = write_new(c, &secret, c->words[0]);
    if (err == ASSAY_OK) err = print_key(c, &secret, c->words[0], true);
    assay_crypto_wipe(&secret, sizeof secret);
    return err;
}

assay_err run_key_show(call *c) {
    const char *path;
    if (c->words_count)
        path = c->words[0];
    else
        ASSAY_TRY(key_path(c, &path));
    assay_key_secret secret;
    assay_err err = key_read(c, &secret, path, "");
    if (err == ASSAY_OK) err = print_key(c, &secret, path, false);
    assay_crypto_wipe(&secret, sizeof secret);
    return err;
}
