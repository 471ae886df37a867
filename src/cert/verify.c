/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk of `verify`: certificate, trust, model, verdict. Each step either ends it or leaves what the next one
 * needs. */
#include "cert_internal.h"

#include "os/os.h"

#include <string.h>

#define TRIES_MAX 16u /* times that a model is read, for as many certificates beside it */
#define REASON_LEN 160

/* What of the trust file the walk needs, read once. */
typedef struct trusted {
    assay_trust trust;
    const char *path;
    assay_err err;
} trusted;

static void end(assay_verdict *out, assay_err code, const char *subject, const char *what) {
    out->code = code;
    out->subject = assay_base_bytes_str(subject);
    out->what = what;
}

/* The system's own sentence about the latest failure, in keep. */
static const char *reason(assay_err err, assay_arena *keep) {
    if (err != ASSAY_F_STORAGE) return NULL;
    char *text = ASSAY_NEW(keep, char, REASON_LEN);
    if (text) assay_os_reason(text, REASON_LEN);
    return text;
}

static assay_err read_certificate(assay_cert *out, assay_arena *keep, const char *path, assay_arena scratch) {
    assay_bytes text;
    *out = (assay_cert){0};
    assay_err err = assay_os_read_whole(&text, &scratch, path, ASSAY_CERT_LEN_MAX);
    if (err == ASSAY_E_NOT_FOUND) return ASSAY_E_NO_CERT;
    if (err == ASSAY_E_SYMLINK) return ASSAY_F_STORAGE; /* a pipe or device: this machine's matter */
    if (err != ASSAY_OK) return err;
    return assay_cert_parse(out, keep, text, scratch);
}

/* ---- what the reader demands --------------------------------------------------------------------------------- */

assay_err assay_cert_policy_name(assay_cert_policy *out, const char *text) {
    const char *at = strchr(text, '@');
    out->name = (assay_bytes){(const uint8_t *)text, at ? (size_t)(at - text) : strlen(text)};
    out->version = assay_base_bytes_str(at ? at + 1 : NULL);
    ASSAY_TRY(assay_types_name_check(out->name));
    return at ? assay_types_version_check(out->version) : ASSAY_OK;
}

assay_err assay_cert_policy_publisher(assay_cert_policy *out, const char *text) {
    ASSAY_TRY(assay_base_unhex(out->publisher.b, sizeof out->publisher.b, assay_base_bytes_str(text)));
    out->publisher_wanted = true;
    return ASSAY_OK;
}

/* Whether the certificate that a verdict describes is the one that was demanded. */
static assay_err demanded(const assay_verdict *verdict) {
    const assay_cert_policy *policy = &verdict->policy;
    if (policy->name.len != 0 && !assay_base_bytes_eq(policy->name, verdict->name)) return ASSAY_E_OTHER_NAME;
    if (policy->version.len != 0 && !assay_base_bytes_eq(policy->version, verdict->version)) return ASSAY_E_OTHER_NAME;
    const size_t len = sizeof policy->publisher.b;
    if (policy->publisher_wanted && memcmp(policy->publisher.b, verdict->publisher.b, len) != 0)
        return ASSAY_E_OTHER_PUBLISHER;
    return ASSAY_OK;
}

/* ---- one certificate ----------------------------------------------------------------------------------------- */

static void describe(assay_verdict *out, const assay_cert *cert) {
    out->parsed = true;
    out->name = cert->name;
    out->version = cert->version;
    out->root = cert->record.root;
    out->height = (uint64_t)cert->header.height;
    out->attested_height = cert->record.attested_height;
    out->power_checked = cert->record.power_checked;
    out->power_total = cert->record.power_total;
    out->files = cert->record.files;
    out->size = cert->record.size;
    out->status = cert->record.status;
    out->publisher = cert->record.publisher;
}

/* What lies at the path, held against the manifest. ASSAY_OK: it was read, and the findings are in the verdict. */
static assay_err read_model(assay_verdict *out, assay_arena *keep, const assay_cert_request *request,
                            const assay_cert *cert, assay_arena scratch) {
    assay_model_groups groups = {0};
    assay_model_where where = {0};
    if (cert->groups.len != 0) ASSAY_TRY(assay_model_groups_read(&groups, keep, cert->groups, &cert->manifest));
    assay_err err =
        assay_model_verify(&out->findings, keep, &where, request->path, &cert->manifest,
                           cert->groups.len != 0 ? &groups : NULL, &request->model, scratch);
    if (err != ASSAY_OK) {
        out->subject = where.file;
        out->what = where.what ? where.what : reason(err, keep);
    }
    out->model_read = err == ASSAY_OK;
    return err == ASSAY_E_NOT_FOUND ? ASSAY_F_NO_PATH : err; /* it was there a moment ago */
}

#define CHAINS_LEN (2 * ASSAY_CHAIN_ID_LEN_MAX + 64)

/* Why a certificate does not hang on the trust file, where the code's sentence leaves that open. */
static const char *anchor_reason(assay_err err, const assay_verdict *verdict, const assay_cert *cert,
                                 const assay_trust *trust, assay_arena *keep) {
    if (err == ASSAY_E_OTHER_CHAIN) {
        char *text = ASSAY_NEW(keep, char, CHAINS_LEN);
        if (text)
            assay_os_format(text, CHAINS_LEN, "the certificate is of %.*s, the trust file of %.*s",
                            (int)cert->chain_id.len, (const char *)cert->chain_id.ptr, (int)trust->chain_id.len,
                            (const char *)trust->chain_id.ptr);
        return text;
    }
    if (err == ASSAY_E_ANCHOR && !verdict->anchor.found)
        return "no checkpoint lies at or below the certificate's block";
    const assay_trust_checkpoint *last = &trust->checkpoints[trust->checkpoints_count - 1];
    bool unmet = err == ASSAY_E_AGE || err == ASSAY_E_OVERLAP || err == ASSAY_E_ANCHOR;
    if (!unmet || last->height <= verdict->height) return NULL;
    return "the trust file holds a newer checkpoint than the certificate's block: assay refresh makes use of it";
}

/* The model's status and the reader's policy, once its bytes are what the certificate says. */
static void judge_status(assay_verdict *out, uint32_t status, assay_err anchor, const trusted *trust) {
    assay_err other = demanded(out);
    if (status == ASSAY_VERSION_REVOKED) {
        end(out, ASSAY_E_REVOKED, NULL, NULL);
    } else if (status == ASSAY_VERSION_RECORDED || status == ASSAY_VERSION_LAPSED) {
        end(out, ASSAY_E_NOT_ATTESTED, NULL,
            status == ASSAY_VERSION_LAPSED ? "it lapsed: it was not attested in its window" : NULL);
    } else if (other != ASSAY_OK) {
        end(out, other, out->cert_path, NULL);
    } else if (anchor != ASSAY_OK) {
        end(out, anchor, trust->path, NULL);
    }
}

/* Everything after the certificate was read. A root that is already known to be the model's is not read again; any
 * other is then known not to be. */
static void judge(assay_verdict *out, assay_arena *keep, const assay_cert_request *request, const assay_cert *cert,
                  const trusted *trust, const assay_hash *known, assay_arena scratch) {
    assay_err err = assay_cert_check(cert, scratch);
    if (err != ASSAY_OK) {
        end(out, err, out->cert_path, NULL);
        return;
    }
    if (trust->err != ASSAY_OK) {
        end(out, trust->err, trust->path, NULL);
        return;
    }
    assay_err anchor = assay_cert_anchor_find(&out->anchor, cert, &trust->trust, &request->policy, request->now);
    int exit = assay_base_err_exit(anchor);
    if (exit == 1 || exit == 3) {
        end(out, anchor, out->cert_path, anchor_reason(anchor, out, cert, &trust->trust, keep));
        return;
    }
    if (known) {
        out->model_read = assay_base_hash_eq(*known, cert->record.root);
        out->code = out->model_read ? ASSAY_OK : ASSAY_E_CONTENT;
    } else {
        out->code = read_model(out, keep, request, cert, scratch);
    }
    if (out->code != ASSAY_OK) return;
    if (out->findings.total != 0) {
        out->code = out->findings.rows[0].code;
        out->subject = out->findings.rows[0].file;
    } else {
        judge_status(out, cert->record.status, anchor, trust);
        if (out->code == anchor && anchor != ASSAY_OK)
            out->what = anchor_reason(anchor, out, cert, &trust->trust, keep);
    }
}

static void verify_with(assay_verdict *out, assay_arena *keep, const assay_cert_request *request,
                        const char *cert_path, const trusted *trust, const assay_hash *known, assay_arena scratch) {
    *out = (assay_verdict){.cert_path = cert_path, .trust_path = trust->path, .policy = request->policy};
    assay_cert *cert = ASSAY_NEW(keep, assay_cert, 1);
    assay_err err = cert ? read_certificate(cert, keep, cert_path, scratch) : ASSAY_F_MEMORY;
    if (err != ASSAY_OK) {
        end(out, err, cert_path, reason(err, keep));
        return;
    }
    describe(out, cert);
    judge(out, keep, request, cert, trust, known, scratch);
}

/* ---- several certificates ------------------------------------------------------------------------------------ */

#define FITS_NOTHING 1u
/* How well a certificate fits what lies at the path, plus FITS_NOTHING; 0 if it cannot be read. */
static uint64_t fit_of(const char *cert_path, const char *path, assay_arena scratch) {
    size_t half = (size_t)(scratch.end - scratch.at) / 2;
    assay_arena keep = assay_base_arena(scratch.at, half), rest = {scratch.at + half, scratch.end};
    assay_cert *cert = ASSAY_NEW(&keep, assay_cert, 1);
    if (!cert || read_certificate(cert, &keep, cert_path, rest) != ASSAY_OK) return 0;
    return FITS_NOTHING + assay_cert_fit(path, &cert->manifest, rest);
}

/* Which of several answers about the same path stands: the highest, of equals the first. What a person stopped stays
 * stopped; a revocation is not outvoted by whoever had the same bytes attested under another name. */
static int rank_of(const assay_verdict *verdict) {
    bool asked_for = !verdict->parsed || demanded(verdict) == ASSAY_OK;
    if (verdict->code == ASSAY_F_INTERRUPTED) return 4;
    if (verdict->code == ASSAY_E_REVOKED && asked_for) return 3;
    if (verdict->code == ASSAY_OK) return 2;
    return asked_for;
}

/* Several certificates lie beside the model: those that fit best, in the order of their names. */
static void verify_among(assay_verdict *out, assay_arena *keep, const assay_cert_request *request,
                         const char *const *paths, uint32_t count, const trusted *trust, assay_arena scratch) {
    uint64_t fit[ASSAY_CERT_CANDIDATES_MAX], best = 0;
    for (uint32_t i = 0; i < count; i++) {
        fit[i] = fit_of(paths[i], request->path, scratch);
        if (fit[i] > best) best = fit[i];
    }
    out->trust_path = trust->path;
    end(out, ASSAY_E_NO_CERT, request->path, "several lie beside it, and none of them fits");
    if (best == FITS_NOTHING) return;
    assay_verdict verdict, revoked = {0};
    assay_hash known;
    bool is_known = false, verifies = false;
    int rank = -1;
    for (uint32_t i = 0, tries = 0; i < count && rank < 4; i++) {
        if (fit[i] != best || (!is_known && tries == TRIES_MAX)) continue;
        const assay_arena before = *keep;
        verify_with(&verdict, keep, request, paths[i], trust, is_known ? &known : NULL, scratch);
        tries++;
        verifies |= verdict.code == ASSAY_OK;
        bool first_revoked = verdict.code == ASSAY_E_REVOKED && revoked.name.len == 0;
        if (first_revoked) revoked = verdict;
        if (!is_known && verdict.model_read && verdict.findings.total == 0) {
            known = verdict.root;
            is_known = true;
        }
        if (rank_of(&verdict) > rank) {
            rank = rank_of(&verdict);
            *out = verdict;
        } else if (!first_revoked) {
            *keep = before; /* nothing of it is told: many large ones take no more memory than one */
        }
    }
    if (out->code == ASSAY_OK) {
        out->revoked_name = revoked.name;
        out->revoked_version = revoked.version;
    } else if (out->code == ASSAY_E_REVOKED && verifies) {
        out->what = "another certificate of the same bytes verifies; --name or --cert chooses it";
    }
}

static trusted read_trust(const assay_cert_request *request, assay_arena *keep, assay_arena scratch) {
    trusted out = {0};
    out.err = assay_trust_find(&out.path, keep, request->trust);
    if (out.err == ASSAY_OK) out.err = assay_trust_read(&out.trust, keep, out.path, scratch);
    return out;
}

void assay_cert_verify_path(assay_verdict *out, assay_arena *keep, const assay_cert_request *request,
                            assay_arena scratch) {
    assay_os_info info;
    *out = (assay_verdict){.policy = request->policy};
    assay_err err = assay_os_info_get(&info, request->path, true);
    if (err != ASSAY_OK) {
        end(out, err == ASSAY_E_NOT_FOUND ? ASSAY_F_NO_PATH : err, request->path, reason(err, keep));
        return;
    }
    const trusted trust = read_trust(request, keep, scratch);
    if (request->cert) {
        verify_with(out, keep, request, request->cert, &trust, NULL, scratch);
        return;
    }
    const char **paths;
    uint32_t count;
    err = assay_cert_beside(&paths, &count, keep, request->path, scratch);
    const char *what = reason(err, keep);
    if (err == ASSAY_E_LIMIT) what = "too many files lie beside it to choose one";
    if (err == ASSAY_E_LIMIT || (err == ASSAY_OK && count == 0)) err = ASSAY_E_NO_CERT;
    if (err != ASSAY_OK) {
        out->trust_path = trust.path;
        end(out, err, request->path, what);
    } else if (count == 1) {
        verify_with(out, keep, request, paths[0], &trust, NULL, scratch);
    } else {
        verify_among(out, keep, request, paths, count, &trust, scratch);
    }
}
