/* SPDX-License-Identifier: Apache-2.0
 *
 * publish - from a folder to its certificate: digest, registration, upload, and the wait for the validators. Each step
 * finds out what is done already, so that it goes on after an interruption.
 */
#include "assay_internal.h"

#include <string.h>

#define ATTEST_SECONDS 600
#define POLL_FIRST_NS 10000000u
#define POLL_MOST_NS 250000000u
#define UPLOAD_AGAIN_NS 3000000000u

typedef struct publication {
    const char *path;
    assay_version_ref ref;
    const char *name; /* zero-terminated, as given */
    const char *version;
    const char *out; /* the certificate's path */
    assay_model model;
    assay_key_secret secret;
    assay_public_key publisher;
    uint64_t deadline;
} publication;

static bool with_certificate(const call *c) { return has(c, OPTION_WAIT) || has(c, OPTION_OUT); }

/* ---- before anything is read ----------------------------------------------------------------------------------------
 */

/* Beside PATH: the folder that PATH's last part stands in. "." and "..", which name no place to stand beside, are
 * spelt out by what the shell calls them. */
static assay_err beside(call *c, const char **out, const char *path, const char *name, const char *version) {
    char file[ASSAY_CERT_FILE_NAME_LEN_MAX];
    ASSAY_TRY(assay_cert_file_name(file, assay_base_bytes_str(name), assay_base_bytes_str(version)));
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') len--;
    size_t cut = len;
    while (cut > 0 && path[cut - 1] != '/') cut--;
    bool dots = (len - cut == 1 && path[cut] == '.') || (len - cut == 2 && path[cut] == '.' && path[cut + 1] == '.');
    if (dots)
        *out = keep_text(c, "%.*s/../%s", (int)len, path, file);
    else
        *out = keep_text(c, "%.*s%s", (int)cut, path, file);
    return ASSAY_OK;
}

/* Whether the certificate can be written where it shall be, found out before anything is signed or paid for: a file is
 * made beside it, and removed. */
static assay_err out_check(call *c, const publication *p) {
    assay_os_info info;
    if (assay_os_info_get(&info, p->out, true) == ASSAY_OK && info.type == ASSAY_OS_DIR) {
        c->try_this = "--out FILE with a file's name";
        return fail(c, ASSAY_F_STORAGE, "%s is a directory: the certificate cannot be written there", p->out);
    }
    const char *probe = keep_text(c, "%s.%u.probe", p->out, assay_os_process_id());
    assay_err err = assay_os_replace(probe, (assay_bytes){NULL, 0}, 0600);
    char reason[128];
    assay_os_reason(reason, sizeof reason);
    if (err == ASSAY_OK) err = assay_os_remove(probe);
    if (err == ASSAY_OK) return ASSAY_OK;
    c->try_this = "--out FILE names another place";
    return fail(c, err == ASSAY_E_NOT_FOUND ? ASSAY_F_NO_PATH : err, "the certificate would be %s: %s", p->out, reason);
}

static assay_err prepare(call *c, publication *p) {
    *p = (publication){.path = c->words[0], .name = value(c, OPTION_NAME), .version = value(c, OPTION_VERSION)};
    if (!p->name || !p->version) return usage(c, "--name OWNER/MODEL and --version VERSION are needed");
    ASSAY_TRY(name_of(c, &p->ref.name, p->name));
    p->ref.version = assay_base_bytes_str(p->version);
    if (assay_types_version_check(p->ref.version) != ASSAY_OK)
        return fail(c, ASSAY_E_NAME, "%s is no version", p->version);
    const char *source = value(c, OPTION_SOURCE);
    if (source && strlen(source) > ASSAY_SOURCE_LEN_MAX)
        return usage(c, "--source takes at most %d bytes", ASSAY_SOURCE_LEN_MAX);
    p->out = value(c, OPTION_OUT);
    if (!p->out) ASSAY_TRY(beside(c, &p->out, p->path, p->name, p->version));
    bool written = with_certificate(c) && !has(c, OPTION_DRY_RUN) && assay_os_exists(p->path);
    if (written) ASSAY_TRY(out_check(c, p));
    return deadline_of(c, &p->deadline, ATTEST_SECONDS);
}

/* ---- registration -------------------------------------------------------------------------------------------- */

static assay_err fill_parents(call *c, assay_msg_register *message) {
    message->parents_count = (uint32_t)c->counts[OPTION_PARENT];
    message->parents = ASSAY_NEW(&c->keep, assay_version_ref, message->parents_count);
    if (message->parents_count && !message->parents) return ASSAY_F_MEMORY;
    for (uint32_t i = 0; i < message->parents_count; i++)
        ASSAY_TRY(ref_of(c, &message->parents[i], c->values[OPTION_PARENT][i]));
    return ASSAY_OK;
}

static assay_err fill(call *c, assay_msg_register *message, const publication *p) {
    const assay_model *model = &p->model;
    *message = (assay_msg_register){
        .name = p->ref.name,
        .version = p->ref.version,
        .root = model->root,
        .size = model->size,
        .files = model->manifest.files_count,
        .chunks = model->chunks,
        .tensor_root = model->tensor_root,
        .tensor_rules = model->manifest.tensor_rules,
        .tensors = model->manifest.tensors_count,
        .model_signing = model->model_signing,
        .source = assay_base_bytes_str(value(c, OPTION_SOURCE)),
    };
    ASSAY_TRY(fill_parents(c, message));
    assay_cert_statement statement = {p->ref.name, p->ref.version, &model->manifest, model->model_signing};
    return assay_cert_statement_sign(&message->statement_signature, &statement, &p->secret, c->scratch);
}

/* Whether the version is there already, and ours. */
static assay_err recorded(call *c, const publication *p, bool *already) {
    json_t *version;
    *already = false;
    assay_err err = remote_get(c, &version, "/models/%s/%s", p->name, p->version);
    if (err == ASSAY_E_NOT_FOUND) return ASSAY_OK;
    ASSAY_TRY(err);
    bool same_root = strcmp(member(version, "root"), hex(c, p->model.root.b, ASSAY_HASH_LEN)) == 0;
    bool same_key = strcmp(member(version, "publisher_key"), hex(c, p->publisher.b, sizeof p->publisher.b)) == 0;
    const char *status = keep_text(c, "%s", member(version, "status"));
    uint64_t height = number(version, "recorded_height");
    json_decref(version);
    if (!same_root)
        return fail(c, ASSAY_E_EXISTS, "%s@%s is registered since height %llu, with other content", p->name, p->version,
                    (unsigned long long)height);
    if (!same_key)
        return fail(c, ASSAY_E_EXISTS, "%s@%s is registered since height %llu, with this content, by another key",
                    p->name, p->version, (unsigned long long)height);
    if (strcmp(status, "revoked") == 0 || strcmp(status, "lapsed") == 0)
        return fail(c, ASSAY_E_STATE, "%s@%s is %s", p->name, p->version, status);
    *already = true;
    say(c, "registered already at height %llu", (unsigned long long)height);
    return ASSAY_OK;
}

static assay_err dry_run(call *c, const publication *p, const assay_tx_body *body) {
    json_t *status;
    ASSAY_TRY(remote_get(c, &status, "/status"));
    uint64_t per_mib = number(json_object_get(status, "fees"), "deposit_per_mib"), deposit;
    json_decref(status);
    uint64_t mib = p->model.size / 1048576 + (p->model.size % 1048576 != 0);
    ASSAY_TRY(assay_base_mul_u64(&deposit, per_mib, mib));
    const char *publisher = address_text(c, assay_crypto_address(p->publisher));
    const char *root = hex(c, p->model.root.b, ASSAY_HASH_LEN);
    if (json_wanted(c)) {
        const char *fee_text = keep_text(c, "%llu", (unsigned long long)body->fee);
        const char *deposit_text = keep_text(c, "%llu", (unsigned long long)deposit);
        json_t *json = json_pack("{s:b, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s}", "dry_run", 1, "name",
                                 p->name, "version", p->version, "root", root, "size", (json_int_t)p->model.size,
                                 "files", (json_int_t)p->model.manifest.files_count, "tensors",
                                 (json_int_t)p->model.manifest.tensors_count, "publisher", publisher, "fee", fee_text,
                                 "deposit", deposit_text, "certificate", shown(c, p->out));
        return out_json(c, json);
    }
    char size[24], fee[32], held[32];
    out(c, "would publish %s@%s (a claimed name)\n", p->name, p->version);
    field(c, "root", "%s", root);
    field(c, "content", "%s in %u files, %u tensors", size_text(size, p->model.size), p->model.manifest.files_count,
          p->model.manifest.tensors_count);
    field(c, "publisher", "%s", publisher);
    field(c, "fee", "%s, burned", amount_text(fee, body->fee));
    field(c, "deposit", "%s, half of it back when attested", amount_text(held, deposit));
    field(c, "certificate", "%s", p->out);
    out(c, "nothing was sent\n");
    return ASSAY_OK;
}

static assay_err register_version(call *c, const publication *p) {
    assay_msg_register message;
    ASSAY_TRY(fill(c, &message, p));
    assay_tx_body body = {.register_version = &message};
    if (has(c, OPTION_DRY_RUN)) {
        ASSAY_TRY(chain_fields(c, &body, &p->secret));
        return dry_run(c, p, &body);
    }
    json_t *answer;
    ASSAY_TRY(submit(c, &body, &p->secret, &answer));
    say(c, "recorded at height %llu", (unsigned long long)number(answer, "height"));
    json_decref(answer);
    return ASSAY_OK;
}

/* ---- the wait ------------------------------------------------------------------------------------------------ */

typedef struct stage {
    uint64_t validators, checked, opened;
} stage;

static stage stage_of(const json_t *version, uint64_t validators) {
    stage s = {.validators = validators};
    size_t i;
    const json_t *check;
    json_array_foreach(json_object_get(version, "checks"), i, check) {
        const char *state = member(check, "state");
        bool opened = strcmp(state, "opened") == 0;
        s.checked += opened || strcmp(state, "pending") == 0;
        s.opened += opened;
    }
    return s;
}

/* A node drops a file that is not what was registered. Somebody else may have handed it in wrong; or it is no longer on
 * this disk what it was. */
static assay_err upload_again(call *c, const publication *p) {
    uint64_t sent;
    ASSAY_TRY(upload(c, &p->model, p->path, &sent));
    if (sent == 0) return ASSAY_OK;
    assay_model now;
    assay_arena before = c->keep;
    ASSAY_TRY(digest_path(c, &now, p->path));
    bool same = assay_base_hash_eq(now.root, p->model.root);
    c->keep = before;
    return same ? ASSAY_OK : fail(c, ASSAY_E_CONTENT, "%s changed while it was published", p->path);
}

static assay_err await_attested(call *c, const publication *p) {
    json_t *status, *version;
    ASSAY_TRY(remote_get(c, &status, "/status"));
    uint64_t validators = number(status, "validators"), wait = POLL_FIRST_NS;
    json_decref(status);
    stage shown = {0};
    uint64_t again = assay_os_monotonic_ns() + UPLOAD_AGAIN_NS;
    for (;;) {
        ASSAY_TRY(remote_get(c, &version, "/models/%s/%s", p->name, p->version));
        const char *state = member(version, "status");
        stage now = stage_of(version, validators);
        bool attested = number(version, "attested_height") != 0;
        bool ended = !attested && strcmp(state, "recorded") != 0;
        if (now.checked != shown.checked || now.opened != shown.opened)
            say(c, "%llu of %llu validators checked, %llu opened", (unsigned long long)now.checked,
                (unsigned long long)validators, (unsigned long long)now.opened);
        shown = now;
        if (attested)
            say(c, "attested at height %llu by power %llu of %llu",
                (unsigned long long)number(version, "attested_height"),
                (unsigned long long)number(version, "power_checked"),
                (unsigned long long)number(version, "power_total"));
        assay_err err = ended ? fail(c, ASSAY_E_STATE, "%s@%s is %s", p->name, p->version, state) : ASSAY_OK;
        json_decref(version);
        if (attested || err != ASSAY_OK) return err;
        uint64_t at = assay_os_monotonic_ns();
        if (at >= p->deadline)
            return fail(c, ASSAY_F_TIMEOUT, "recorded, and not attested yet: run it again to go on waiting");
        if (at >= again) {
            ASSAY_TRY(upload_again(c, p));
            again = assay_os_monotonic_ns() + UPLOAD_AGAIN_NS;
        }
        ASSAY_TRY(pause_ns(wait));
        wait = wait * 2 < POLL_MOST_NS ? wait * 2 : POLL_MOST_NS;
    }
}

static assay_err fetch_certificate(call *c, const publication *p) {
    assay_bytes text;
    assay_err err;
    for (;;) {
        err = remote_bytes(c, &text, ASSAY_CERT_LEN_MAX, "/certificates/%s/%s", p->name, p->version);
        /* The block that proves it is a moment away. */
        bool soon = err == ASSAY_F_TIMEOUT || err == ASSAY_F_BUSY;
        if (!soon || assay_os_monotonic_ns() >= p->deadline) break;
        ASSAY_TRY(pause_ns(POLL_MOST_NS));
    }
    ASSAY_TRY(err);
    assay_cert cert;
    err = assay_cert_parse(&cert, &c->keep, text, c->scratch);
    if (err == ASSAY_OK) err = assay_cert_check(&cert, c->scratch);
    if (err != ASSAY_OK) return fail(c, err, "the node's certificate of %s@%s", p->name, p->version);
    if (!assay_base_bytes_eq(cert.name, p->ref.name) || !assay_base_bytes_eq(cert.version, p->ref.version))
        return fail(c, ASSAY_E_CERT, "the node sent another version's certificate");
    assay_hash root;
    ASSAY_TRY(assay_manifest_root(&root, &cert.manifest, c->scratch));
    if (!assay_base_hash_eq(root, p->model.root))
        return fail(c, ASSAY_E_CERT, "the node's certificate is of other content");
    err = assay_os_replace(p->out, text, 0644);
    if (err == ASSAY_OK) return ASSAY_OK;
    char reason[128];
    assay_os_reason(reason, sizeof reason);
    return fail(c, err == ASSAY_E_NOT_FOUND ? ASSAY_F_NO_PATH : err, "%s: %s", p->out, reason);
}

static assay_err finish(call *c, const publication *p, bool certified) {
    const char *root = hex(c, p->model.root.b, ASSAY_HASH_LEN);
    if (json_wanted(c))
        return out_json(c, json_pack("{s:s, s:s, s:s, s:s, s:b, s:s*}", "name", p->name, "version", p->version, "root",
                                     root, "status", certified ? "attested" : "recorded", "claimed", 1, "certificate",
                                     certified ? shown(c, p->out) : NULL));
    say(c, "claimed name %s@%s, root %s", p->name, p->version, root);
    if (!certified) say(c, "the validators check it now; with --wait, or run again, you get its certificate");
    out(c, "%s\n", certified ? p->out : keep_text(c, "%s@%s", p->name, p->version));
    return ASSAY_OK;
}

static assay_err publish(call *c, publication *p) {
    uint64_t sent;
    bool already;
    ASSAY_TRY(key_load(c, &p->secret));
    p->publisher = assay_crypto_ed25519_public(&p->secret);
    ASSAY_TRY(digest_path(c, &p->model, p->path));
    ASSAY_TRY(recorded(c, p, &already));
    if (!already || has(c, OPTION_DRY_RUN)) ASSAY_TRY(register_version(c, p));
    if (has(c, OPTION_DRY_RUN)) return ASSAY_OK;
    ASSAY_TRY(upload(c, &p->model, p->path, &sent));
    if (with_certificate(c)) {
        ASSAY_TRY(await_attested(c, p));
        ASSAY_TRY(fetch_certificate(c, p));
    }
    return finish(c, p, with_certificate(c));
}

assay_err run_publish(call *c) {
    publication p;
    ASSAY_TRY(prepare(c, &p));
    assay_err err = publish(c, &p);
    assay_crypto_wipe(&p.secret, sizeof p.secret);
    return err;
}
