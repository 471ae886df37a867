/* SPDX-License-Identifier: Apache-2.0
 *
 * refresh - the same attestation, proved again under the newest block of its chain.
 */
#include "assay_internal.h"

#include <string.h>

static assay_err read_certificate(call *c, assay_cert *out, const char *path) {
    assay_bytes text;
    assay_err err = assay_os_read_whole(&text, &c->keep, path, ASSAY_CERT_LEN_MAX);
    if (err == ASSAY_E_NOT_FOUND) return fail(c, ASSAY_E_NO_CERT, "there is no file %s", path);
    if (err == ASSAY_OK) err = assay_cert_parse(out, &c->keep, text, c->scratch);
    if (err == ASSAY_OK) err = assay_cert_check(out, c->scratch);
    return err == ASSAY_OK ? ASSAY_OK : fail(c, err, "%s", path);
}

/* The node's answer proves the same thing of the same chain, later. */
static assay_err same_thing(call *c, const assay_cert *old, const assay_cert *new) {
    if (!assay_base_bytes_eq(old->chain_id, new->chain_id))
        return fail(c, ASSAY_E_CHAIN, "the certificate is of %s, the node of %s", visible(c, old->chain_id),
                    visible(c, new->chain_id));
    bool same = assay_base_bytes_eq(old->name, new->name) && assay_base_bytes_eq(old->version, new->version) &&
                assay_base_hash_eq(old->record.root, new->record.root) &&
                memcmp(&old->publisher, &new->publisher, sizeof old->publisher) == 0;
    if (!same) return fail(c, ASSAY_E_CERT, "the node's certificate is of another content or publisher");
    if (new->header.height < old->header.height)
        return fail(c, ASSAY_E_STATE, "the node is behind: it proves height %lld, the certificate has %lld",
                    (long long)new->header.height, (long long)old->header.height);
    return ASSAY_OK;
}

assay_err run_refresh(call *c) {
    const char *path = c->words[0], *to = value(c, OPTION_OUT) ? value(c, OPTION_OUT) : path;
    assay_cert old, new;
    assay_bytes text;
    ASSAY_TRY(read_certificate(c, &old, path));
    ASSAY_TRY(remote_bytes(c, &text, ASSAY_CERT_LEN_MAX, "/certificates/%.*s/%.*s", (int)old.name.len, old.name.ptr,
                           (int)old.version.len, old.version.ptr));
    assay_err err = assay_cert_parse(&new, &c->keep, text, c->scratch);
    if (err == ASSAY_OK) err = assay_cert_check(&new, c->scratch);
    if (err != ASSAY_OK) return fail(c, err, "the node's certificate");
    ASSAY_TRY(same_thing(c, &old, &new));
    err = assay_os_replace(to, text, 0644);
    char reason[128];
    assay_os_reason(reason, sizeof reason);
    if (err != ASSAY_OK) return fail(c, err == ASSAY_E_NOT_FOUND ? ASSAY_F_NO_PATH : err, "%s: %s", to, reason);
    if (json_wanted(c))
        return out_json(c, json_pack("{s:s, s:I, s:I}", "certificate", shown(c, to), "height_before",
                                     (json_int_t)old.header.height, "height", (json_int_t) new.header.height));
    say(c, "%s@%s was proved by height %lld, now by %lld", visible(c, old.name), visible(c, old.version),
        (long long)old.header.height, (long long)new.header.height);
    out(c, "%s\n", to);
    return ASSAY_OK;
}
