/* SPDX-License-Identifier: Apache-2.0
 *
 * upload - hands a node the bytes that it lacks of a recorded version: the manifest, then each file from where it
 * stands. Run again, it goes on.
 */
#include "assay_internal.h"

#include <string.h>

#define PIECE_LEN ((size_t)4 << 20)
#define PLACE_TRIES 100
#define UPLOAD_TRIES 4
#define BUSY_SECONDS 30 /* without a byte taken */
#define BUSY_PAUSE_NS 200000000u

/* Where a file of the model is: under the folder, or PATH itself. */
static assay_err open_file(call *c, assay_os_file *out, const char *path, const assay_file_leaf *file) {
    assay_os_info info;
    assay_err err = assay_os_info_get(&info, path, true);
    if (err == ASSAY_OK && info.type == ASSAY_OS_FILE) {
        err = assay_os_file_open(out, path, ASSAY_OS_READ, 0);
    } else if (err == ASSAY_OK) {
        assay_os_file dir;
        const char *name;
        assay_arena scratch = c->scratch;
        ASSAY_TRY(assay_os_path_join(&name, &scratch, "", file->path));
        err = assay_os_dir_open(&dir, path);
        if (err == ASSAY_OK) err = assay_os_file_open_beneath(out, &dir, name);
        assay_os_file_close(&dir);
    }
    return err == ASSAY_OK ? ASSAY_OK : fail(c, err, "%s cannot be read any more", visible(c, file->path));
}

static assay_err answer_have(call *c, const assay_http_reply *reply, uint64_t *have) {
    json_t *json = json_loadb((const char *)reply->body.ptr, reply->body.len, 0, NULL);
    bool ok = json_is_integer(json_object_get(json, "have"));
    if (ok) *have = number(json, "have");
    json_decref(json);
    return ok ? ASSAY_OK : fail(c, ASSAY_F_NETWORK, "%s does not say how much of the file it has", c->url);
}

/* One piece from *have on; *have is what the node has then. */
static assay_err put_piece(call *c, const char *root, uint64_t index, assay_bytes piece, uint64_t *have) {
    const char *path =
        keep_text(c, "/bytes/%s/files/%llu?offset=%llu", root, (unsigned long long)index, (unsigned long long)*have);
    assay_http_reply reply = {0};
    assay_err err = remote_call(c, &reply, ASSAY_HTTP_PUT, path, piece, "application/octet-stream", 65536);
    /* Somebody else hands the same file in: go on where it stands. */
    if (err == ASSAY_E_RANGE && reply.status == 409) err = ASSAY_OK;
    ASSAY_TRY(err);
    return answer_have(c, &reply, have);
}

static assay_err put_file(call *c, const assay_model *model, const char *path, const char *root, uint32_t index,
                          uint64_t have, progress_bar *bar, uint64_t *done, uint64_t total) {
    const assay_file_leaf *file = &model->manifest.files[index];
    assay_os_file opened;
    ASSAY_TRY(open_file(c, &opened, path, file));
    assay_arena before = c->keep, scratch = c->scratch;
    uint8_t *piece = ASSAY_NEW(&scratch, uint8_t, PIECE_LEN);
    assay_err err = piece ? ASSAY_OK : ASSAY_F_MEMORY;
    uint32_t still = 0;
    /* An empty file has no piece that would make it. */
    if (err == ASSAY_OK && file->size == 0) err = put_piece(c, root, index, (assay_bytes){NULL, 0}, &have);
    while (err == ASSAY_OK && have < file->size) {
        size_t want = file->size - have < PIECE_LEN ? (size_t)(file->size - have) : PIECE_LEN, len;
        uint64_t was = have;
        err = assay_os_file_read(&len, &opened, piece, want, have);
        if (err == ASSAY_OK && len != want) err = fail(c, ASSAY_F_STORAGE, "%s became shorter", visible(c, file->path));
        if (err == ASSAY_OK) err = put_piece(c, root, index, (assay_bytes){piece, len}, &have);
        if (err != ASSAY_OK) break;
        c->keep = before;
        still = have > was ? 0 : still + 1;
        if (still == PLACE_TRIES) err = fail(c, ASSAY_F_BUSY, "the node takes no more of %s", visible(c, file->path));
        if (have > was) *done += have - was;
        if (err == ASSAY_OK && !progress_bytes(bar, *done, total)) err = ASSAY_F_INTERRUPTED;
    }
    assay_os_file_close(&opened);
    return err;
}

/* The manifest, and the digests of its MiB: with them the node takes only bytes that fit, from anybody. */
static assay_err put_manifest(call *c, const assay_model *model, const char *root) {
    assay_bytes encoded,
        digests = {(const uint8_t *)model->groups.values, (size_t)model->groups.count * sizeof *model->groups.values};
    json_t *answer;
    assay_arena before = c->keep;
    ASSAY_TRY(
        assay_codec_encode_new(&encoded, &c->keep, &assay_manifest_message, &model->manifest, ASSAY_CODEC_STRICT));
    ASSAY_TRY(remote_send(c, &answer, ASSAY_HTTP_PUT, keep_text(c, "/bytes/%s/manifest", root), encoded,
                          "application/octet-stream"));
    json_decref(answer);
    ASSAY_TRY(remote_send(c, &answer, ASSAY_HTTP_PUT, keep_text(c, "/bytes/%s/groups", root), digests,
                          "application/octet-stream"));
    json_decref(answer);
    c->keep = before;
    return ASSAY_OK;
}

/* From what the node that answers now has, to the end. */
static assay_err upload_once(call *c, const assay_model *model, const char *path, const char *root, uint64_t *sent) {
    json_t *state;
    /* Also where somebody else began: his manifest may be of other tensors, and his bytes anything. */
    ASSAY_TRY(put_manifest(c, model, root));
    assay_err err = remote_get(c, &state, "/bytes/%s", root);
    ASSAY_TRY(err);
    uint64_t done = 0, total = model->size;
    const json_t *files = json_object_get(state, "files");
    bool complete = flag(state, "complete");
    for (size_t i = 0; i < json_array_size(files); i++) done += number(json_array_get(files, i), "have");
    uint64_t had = done;
    progress_bar bar = progress_begin(c, "uploading");
    for (uint32_t i = 0; err == ASSAY_OK && !complete && i < model->manifest.files_count; i++)
        err = put_file(c, model, path, root, i, number(json_array_get(files, i), "have"), &bar, &done, total);
    progress_end(&bar);
    *sent += done - had;
    json_decref(state);
    return err;
}

assay_err upload(call *c, const assay_model *model, const char *path, uint64_t *sent) {
    *sent = 0;
    const char *root = hex(c, model->root.b, ASSAY_HASH_LEN);
    uint64_t deadline, before = 0;
    ASSAY_TRY(deadline_of(c, &deadline, BUSY_SECONDS));
    assay_err err = ASSAY_E_NOT_FOUND;
    for (int lost = 0; lost < UPLOAD_TRIES;) {
        err = upload_once(c, model, path, root, sent);
        if (*sent > before) ASSAY_TRY(deadline_of(c, &deadline, BUSY_SECONDS));
        before = *sent;
        /* Many hand in at once: a node has so many of them in hand, and says so to the others. */
        if (err == ASSAY_F_BUSY && assay_os_monotonic_ns() < deadline) {
            ASSAY_TRY(pause_ns(BUSY_PAUSE_NS));
            continue;
        }
        /* Behind one URL another validator may answer from now on, which has no manifest or less of a file. */
        if (err != ASSAY_E_NOT_FOUND && err != ASSAY_E_RANGE) return err;
        lost++;
    }
    if (err != ASSAY_E_NOT_FOUND) return err;
    return fail(c, ASSAY_F_BUSY, "who answers at %s lost the model while it was handed in", c->url);
}
