/* SPDX-License-Identifier: Apache-2.0 */
#include "signer_internal.h"

#include <string.h>

/* The key file: this word, 64 hex digits, a newline. Text, so that a person can see what it is and move it by hand. */
#define KEY_WORD "assay/1/consensus-secret "
enum { KEY_WORD_LEN = sizeof KEY_WORD - 1, KEY_HEX_LEN = 64, KEY_FILE_LEN = KEY_WORD_LEN + KEY_HEX_LEN + 1 };

typedef struct paths {
    const char *key, *watermark, *lock;
} paths;

static assay_err paths_of(paths *out, assay_arena *keep, const char *dir) {
    ASSAY_TRY(assay_os_path_join(&out->key, keep, dir, ASSAY_STR("consensus.key")));
    ASSAY_TRY(assay_os_path_join(&out->watermark, keep, dir, ASSAY_STR("consensus.watermark")));
    return assay_os_path_join(&out->lock, keep, dir, ASSAY_STR("consensus.lock"));
}

static assay_err make_files(const paths *at) {
    assay_key_secret secret;
    assay_os_random(secret.b, sizeof secret.b);
    uint8_t mark[SIGNER_WATERMARK_LEN];
    signer_watermark_encode(mark, &(signer_watermark){.key = assay_crypto_ed25519_public(&secret)});
    char text[KEY_FILE_LEN + 1] = KEY_WORD;
    assay_base_hex(text + KEY_WORD_LEN, (assay_bytes){secret.b, sizeof secret.b});
    text[KEY_FILE_LEN - 1] = '\n';
    /* The key comes last: a key without a watermark is never a state of ours, so it can be refused. */
    assay_err err = assay_os_replace(at->watermark, (assay_bytes){mark, sizeof mark}, 0600);
    if (!err) err = assay_os_replace(at->key, (assay_bytes){(const uint8_t *)text, KEY_FILE_LEN}, 0600);
    assay_crypto_wipe(&secret, sizeof secret);
    assay_crypto_wipe(text, sizeof text);
    return err;
}

static assay_err read_key(assay_signer *signer, const char *path) {
    assay_os_file file;
    ASSAY_TRY(assay_os_file_open(&file, path, ASSAY_OS_READ, 0));
    uint8_t text[KEY_FILE_LEN + 1];
    size_t len = 0;
    assay_os_info info;
    assay_err err = assay_os_file_info(&info, &file);
    if (!err && (info.mode & 077) != 0) err = ASSAY_F_STORAGE;
    if (!err) err = assay_os_file_read(&len, &file, text, sizeof text, 0);
    assay_os_file_close(&file);
    if (!err && (len != KEY_FILE_LEN || memcmp(text, KEY_WORD, KEY_WORD_LEN) != 0 || text[KEY_FILE_LEN - 1] != '\n'))
        err = ASSAY_F_CORRUPT;
    if (!err &&
        assay_base_unhex(signer->secret.b, sizeof signer->secret.b, (assay_bytes){text + KEY_WORD_LEN, KEY_HEX_LEN}))
        err = ASSAY_F_CORRUPT;
    assay_crypto_wipe(text, sizeof text);
    if (!err) signer->public_key = assay_crypto_ed25519_public(&signer->secret);
    return err;
}

static assay_err read_watermark(assay_signer *signer, const char *path) {
    /* Locked as well: people remove lock files that seem to be left over, and two signers then would each believe their
     * own memory. This one is never removed, nor replaced. */
    ASSAY_TRY(assay_os_lock(&signer->file, path));
    uint8_t bytes[SIGNER_WATERMARK_LEN + 1];
    size_t len;
    ASSAY_TRY(assay_os_file_read(&len, &signer->file, bytes, sizeof bytes, 0));
    ASSAY_TRY(signer_watermark_decode(&signer->mark, (assay_bytes){bytes, len}));
    bool ours = memcmp(signer->mark.key.b, signer->public_key.b, sizeof signer->public_key.b) == 0;
    return ours ? ASSAY_OK : ASSAY_F_CORRUPT;
}

static assay_err open_locked(assay_signer *signer, const paths *at, bool create) {
    bool has_key = assay_os_exists(at->key), has_mark = assay_os_exists(at->watermark);
    if (!has_key && !create) return ASSAY_E_NOT_FOUND;
    if (has_key && !has_mark) return ASSAY_F_CORRUPT;
    if (!has_key) {
        /* A watermark alone is what a kill between the two writes leaves; it says nothing if nothing was signed. */
        if (has_mark) {
            assay_err err = read_watermark(signer, at->watermark);
            assay_os_file_close(&signer->file);
            if (assay_base_err_is_fault(err) && err != ASSAY_F_CORRUPT) return err;
            if (signer->mark.height != 0) return ASSAY_F_CORRUPT;
            ASSAY_TRY(assay_os_remove(at->watermark));
        }
        ASSAY_TRY(make_files(at));
    }
    ASSAY_TRY(read_key(signer, at->key));
    ASSAY_TRY(read_watermark(signer, at->watermark));
    /* Whoever was killed between writing and waiting left a watermark that is in the system's memory alone: its repeat
     * would be signed, and forgotten with a power cut. */
    return signer->durable ? signer_advance(signer, &signer->mark) : ASSAY_OK;
}

assay_err assay_signer_open(assay_signer **out, assay_arena *keep, const char *dir, bool create, bool durable) {
    *out = NULL;
    assay_signer *signer = ASSAY_NEW(keep, assay_signer, 1);
    paths at;
    if (!signer) return ASSAY_F_MEMORY;
    ASSAY_TRY(paths_of(&at, keep, dir));
    signer->durable = durable;
    ASSAY_TRY(assay_os_lock(&signer->lock, at.lock));
    assay_err err = open_locked(signer, &at, create);
    /* A symbolic link, a name that is taken: what is in the way of a file is the disk's fault, not a verdict. */
    if (err && !assay_base_err_is_fault(err) && err != ASSAY_E_NOT_FOUND) err = ASSAY_F_STORAGE;
    if (err)
        assay_signer_close(signer);
    else
        *out = signer;
    return err;
}

void assay_signer_close(assay_signer *signer) {
    if (!signer) return;
    assay_os_file_close(&signer->file);
    assay_os_file_close(&signer->lock);
    assay_crypto_wipe(signer, sizeof *signer);
    signer->broken = true;
}

assay_public_key assay_signer_public(const assay_signer *signer) { return signer->public_key; }

/* ---- what may be signed --------------------------------------------------------------------------------------------
 */

static int order(int64_t a, int64_t b) { return (a > b) - (a < b); }

/* Before (negative), at (0) or after the watermark: by height, then round, then step (CometBFT's CheckHRS). */
static int compare_with_mark(const signer_watermark *mark, const signer_watermark *wanted) {
    if (wanted->height != mark->height) return order(wanted->height, mark->height);
    if (wanted->round != mark->round) return order(wanted->round, mark->round);
    return order(wanted->step, mark->step);
}

/* Signs wanted->sign_bytes. At the watermark only a repeat may be signed: as_before holds what the caller's request
 * would have been with the watermark's timestamp, so equal bytes mean that nothing but time has passed. */
static assay_err sign(assay_signer *signer, assay_signature *signature, assay_time *timestamp,
                      const signer_watermark *wanted, assay_bytes as_before) {
    const signer_watermark *mark = &signer->mark;
    if (signer->broken) return ASSAY_F_STORAGE;
    int place = compare_with_mark(mark, wanted);
    if (place < 0) return ASSAY_E_DUPLICATE;
    if (place == 0) {
        assay_bytes before = {mark->sign_bytes, mark->sign_bytes_len};
        if (!assay_base_bytes_eq(before, as_before)) return ASSAY_E_DUPLICATE;
    } else {
        ASSAY_TRY(signer_advance(signer, wanted));
    }
    /* Only now does a signature come to exist, and only of what the file holds. */
    *signature = assay_crypto_ed25519_sign(&signer->secret, (assay_bytes){mark->sign_bytes, mark->sign_bytes_len});
    *timestamp = mark->timestamp;
    return ASSAY_OK;
}

static bool vote_ok(const assay_vote *vote, assay_bytes chain_id) {
    return (vote->type == ASSAY_PREVOTE || vote->type == ASSAY_PRECOMMIT) && vote->height >= 1 && vote->round >= 0 &&
           chain_id.len >= 1 && chain_id.len <= ASSAY_CHAIN_ID_LEN_MAX;
}

assay_err assay_signer_vote(assay_signer *signer, assay_vote *vote, assay_bytes chain_id, assay_time now,
                            assay_time at_least) {
    if (!vote_ok(vote, chain_id)) return ASSAY_E_RANGE;
    assay_vote as_new = *vote, as_before = *vote;
    as_new.timestamp = assay_base_time_cmp(now, at_least) < 0 ? at_least : now;
    as_before.timestamp = signer->mark.timestamp;
    signer_watermark wanted = {.key = signer->public_key,
                               .height = vote->height,
                               .round = vote->round,
                               .step = vote->type == ASSAY_PREVOTE ? SIGNER_STEP_PREVOTE : SIGNER_STEP_PRECOMMIT,
                               .timestamp = as_new.timestamp};
    uint8_t memory[SIGNER_SIGN_BYTES_MAX];
    assay_buf fresh = {wanted.sign_bytes, 0, sizeof wanted.sign_bytes}, before = {memory, 0, sizeof memory};
    if (assay_vote_sign_bytes(&fresh, &as_new, chain_id) || assay_vote_sign_bytes(&before, &as_before, chain_id))
        return ASSAY_E_RANGE;
    wanted.sign_bytes_len = (uint32_t)fresh.len;
    return sign(signer, &vote->signature, &vote->timestamp, &wanted, (assay_bytes){before.ptr, before.len});
}

assay_err assay_signer_proposal(assay_signer *signer, assay_proposal *proposal, assay_bytes chain_id, assay_time now) {
    if (proposal->height < 1 || proposal->round < 0 || proposal->pol_round < -1 || chain_id.len < 1 ||
        chain_id.len > ASSAY_CHAIN_ID_LEN_MAX)
        return ASSAY_E_RANGE;
    assay_proposal as_new = *proposal, as_before = *proposal;
    as_new.timestamp = now;
    as_before.timestamp = signer->mark.timestamp;
    signer_watermark wanted = {.key = signer->public_key,
                               .height = proposal->height,
                               .round = proposal->round,
                               .step = SIGNER_STEP_PROPOSAL,
                               .timestamp = now};
    uint8_t memory[SIGNER_SIGN_BYTES_MAX];
    assay_buf fresh = {wanted.sign_bytes, 0, sizeof wanted.sign_bytes}, before = {memory, 0, sizeof memory};
    if (assay_proposal_sign_bytes(&fresh, &as_new, chain_id) ||
        assay_proposal_sign_bytes(&before, &as_before, chain_id))
        return ASSAY_E_RANGE;
    wanted.sign_bytes_len = (uint32_t)fresh.len;
    return sign(signer, &proposal->signature, &proposal->timestamp, &wanted, (assay_bytes){before.ptr, before.len});
}

void assay_signer_last(const assay_signer *signer, int64_t *height, int32_t *round) {
    *height = signer->mark.height;
    *round = signer->mark.round;
}

assay_err assay_signer_prove(const assay_signer *signer, assay_signature *out, const char *kind, assay_bytes chain,
                             assay_address owner) {
    uint8_t memory[SIGNER_SIGN_BYTES_MAX];
    assay_buf text = {memory, 0, sizeof memory};
    if (assay_types_sign_bytes(&text, kind, chain, (assay_bytes){owner.b, sizeof owner.b})) return ASSAY_E_RANGE;
    *out = assay_crypto_ed25519_sign(&signer->secret, (assay_bytes){text.ptr, text.len});
    return ASSAY_OK;
}

assay_err assay_signer_vote_without_guard(const assay_signer *signer, assay_vote *vote, assay_bytes chain_id) {
    if (!vote_ok(vote, chain_id)) return ASSAY_E_RANGE;
    uint8_t memory[SIGNER_SIGN_BYTES_MAX];
    assay_buf text = {memory, 0, sizeof memory};
    if (assay_vote_sign_bytes(&text, vote, chain_id)) return ASSAY_E_RANGE;
    vote->signature = assay_crypto_ed25519_sign(&signer->secret, (assay_bytes){text.ptr, text.len});
    return ASSAY_OK;
}
