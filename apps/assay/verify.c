/* SPDX-License-Identifier: Apache-2.0
 *
 * verify - cert's walk, the same as assay-verify's. No connection is opened: remote.c is not called from here.
 */
#include "assay_internal.h"

assay_err run_verify(call *c) {
    uint64_t threads = 0;
    ASSAY_TRY(value_u64(c, OPTION_THREADS, &threads, 1, ASSAY_MODEL_THREADS_MAX));
    if (!*c->words[0]) return usage(c, "PATH is empty");
    progress_bar bar = progress_begin(c, "reading");
    assay_cert_request request = {
        .path = c->words[0],
        .cert = value(c, OPTION_CERT),
        .trust = value(c, OPTION_TRUST),
        .policy = {.allow_age = has(c, OPTION_ALLOW_AGE), .allow_overlap = has(c, OPTION_ALLOW_OVERLAP)},
        .now = assay_os_now(),
        .model = {.threads = (uint32_t)threads, .progress = progress_show, .progress_context = &bar},
    };
    const char *name = value(c, OPTION_NAME), *publisher = value(c, OPTION_PUBLISHER);
    if (name && assay_cert_policy_name(&request.policy, name) != ASSAY_OK)
        return usage(c, "--name takes OWNER/MODEL or OWNER/MODEL@VERSION, not %s", name);
    if (publisher && assay_cert_policy_publisher(&request.policy, publisher) != ASSAY_OK)
        return usage(c, "--publisher takes a public key, 64 hex digits, not %s", publisher);
    assay_verdict verdict;
    assay_cert_verify_path(&verdict, &c->keep, &request, c->scratch);
    progress_end(&bar);
    assay_buf text = {c->scratch.at, 0, (size_t)(c->scratch.end - c->scratch.at)};
    if (json_wanted(c))
        ASSAY_TRY(assay_verdict_json(&text, &verdict));
    else
        ASSAY_TRY(assay_verdict_text(&text, &verdict, quiet(c)));
    if (c->colour) out(c, verdict.code == ASSAY_OK ? "\x1b[32m" : "\x1b[31m");
    size_t word = 0;
    while (c->colour && word < text.len && text.ptr[word] != ' ') word++;
    out_bytes(c, (assay_bytes){text.ptr, word});
    if (c->colour) out(c, "\x1b[0m");
    out_bytes(c, (assay_bytes){text.ptr + word, text.len - word});
    /* The verdict is the output, whatever it is; nothing but `verified` ends with 0. */
    c->reported = true;
    return verdict.code;
}
