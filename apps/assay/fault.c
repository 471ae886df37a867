/* SPDX-License-Identifier: Apache-2.0
 *
 * fault - orders a devnet's validator to misbehave.
 */
#include "assay_internal.h"

#include <string.h>

assay_err run_fault(call *c) {
    static const char *const kinds[] = {"double-sign", "lazy-check", "kill", "revive"};
    static const char *const done[] = {"will sign a second, conflicting vote", "will vouch for the next model unread",
                                       "is killed", "is back"};
    size_t kind = 0;
    while (kind < 4 && strcmp(c->words[0], kinds[kind]) != 0) kind++;
    if (kind == 4) {
        const char *near = nearest(c->words[0], kinds, 4);
        return usage(c, "there is no fault %s%s%s; there are double-sign, lazy-check, kill and revive", c->words[0],
                     near ? ", perhaps " : "", near ? near : "");
    }
    uint64_t index;
    if (assay_base_undecimal(&index, assay_base_bytes_str(c->words[1])) != ASSAY_OK ||
        index >= ASSAY_NODE_VALIDATORS_MAX)
        return usage(c, "%s is no validator's number", c->words[1]);
    const char *body = keep_text(c, "{\"kind\":\"%s\",\"validator\":%llu}", kinds[kind], (unsigned long long)index);
    json_t *answer;
    assay_err err = remote_send(c, &answer, ASSAY_HTTP_POST, "/faults", assay_base_bytes_str(body), NULL);
    if (err != ASSAY_OK) c->try_this = "assay validators shows who runs";
    if (err == ASSAY_F_NETWORK) c->try_this = NULL;
    ASSAY_TRY(err);
    if (json_wanted(c)) return out_json(c, answer);
    json_decref(answer);
    if (!quiet(c)) out(c, "validator %llu %s\n", (unsigned long long)index, done[kind]);
    return ASSAY_OK;
}
