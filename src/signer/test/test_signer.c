/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of regression one by one, damaged files, and real processes that are killed at any instant. */
#define _GNU_SOURCE
#include "../signer_internal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static uint8_t memory[1 << 16];
static assay_arena keep;
static const char *dir;
static const assay_bytes chain = {(const uint8_t *)"test-0123456789ab", 17};

/* The system's own, counted; and a kill instead, where a test wants one between a write and its sync. */
static int syncs;
static bool sync_kills;

int fdatasync(int fd) {
    if (sync_kills) raise(SIGKILL);
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

static int set_up(void **state) {
    (void)state;
    keep = assay_base_arena(memory, sizeof memory);
    return assay_os_temp_dir(&dir, &keep, "signer", true) == ASSAY_OK ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    return assay_os_remove_tree(dir) == ASSAY_OK ? 0 : 1;
}

static const char *in_dir(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static assay_signer *open_signer(bool create) {
    assay_signer *signer;
    assay_arena temporary = keep; /* each opening over the last one: closed signers are dead memory */
    assert_int_equal(assay_signer_open(&signer, &temporary, dir, create, true), ASSAY_OK);
    return signer;
}

static assay_err try_open(bool create) {
    static uint8_t apart[8192]; /* another signer may be open */
    assay_signer *signer;
    assay_arena temporary = assay_base_arena(apart, sizeof apart);
    assay_err err = assay_signer_open(&signer, &temporary, dir, create, true);
    if (!err)
        assay_signer_close(signer);
    else
        assert_null(signer);
    return err;
}

/* A block id with a tag in it; tag 0 is nil. */
static assay_block_id block(uint8_t tag) {
    assay_block_id id = {0};
    if (tag) id.hash.b[0] = tag, id.parts_total = 1, id.parts_hash.b[31] = tag;
    return id;
}

static assay_vote vote_of(int64_t height, int32_t round, uint32_t type, uint8_t tag) {
    return (assay_vote){.type = type, .height = height, .round = round, .block_id = block(tag)};
}

static assay_time at(int64_t seconds) { return (assay_time){seconds, 5}; }

static assay_err sign_at(assay_signer *signer, assay_vote *vote, int64_t seconds) {
    return assay_signer_vote(signer, vote, chain, at(seconds), at(0));
}

static assay_err sign(assay_signer *signer, int64_t height, int32_t round, uint32_t type, uint8_t tag) {
    assay_vote vote = vote_of(height, round, type, tag), before = vote;
    assay_err err = sign_at(signer, &vote, 1000);
    if (err)
        assert_memory_equal(&vote, &before, sizeof vote);
    else
        assert_true(assay_vote_verify(&vote, chain, assay_signer_public(signer)));
    return err;
}

static assay_err propose(assay_signer *signer, int64_t height, int32_t round, int32_t pol_round, uint8_t tag) {
    assay_proposal proposal = {.height = height, .round = round, .pol_round = pol_round, .block_id = block(tag)};
    assay_err err = assay_signer_proposal(signer, &proposal, chain, at(1000));
    if (err) return err;
    uint8_t text[200];
    assay_buf bytes = {text, 0, sizeof text};
    assert_int_equal(assay_proposal_sign_bytes(&bytes, &proposal, chain), ASSAY_OK);
    assert_true(
        assay_crypto_ed25519_verify(assay_signer_public(signer), (assay_bytes){text, bytes.len}, proposal.signature));
    return ASSAY_OK;
}

/* ---- files ----------------------------------------------------------------------------------------------------------
 */

static void keys_are_made_and_kept(void **state) {
    (void)state;
    assert_int_equal(try_open(false), ASSAY_E_NOT_FOUND);
    assay_signer *signer = open_signer(true);
    assay_public_key key = assay_signer_public(signer);
    assay_signer_close(signer);
    assay_os_info info;
    assert_int_equal(assay_os_info_get(&info, in_dir("consensus.key"), false), ASSAY_OK);
    assert_int_equal(info.mode, 0600);
    assert_int_equal(assay_os_info_get(&info, in_dir("consensus.watermark"), false), ASSAY_OK);
    assert_int_equal(info.mode, 0600);
    assert_int_equal(info.size, SIGNER_WATERMARK_LEN);
    signer = open_signer(true);
    assay_public_key again = assay_signer_public(signer);
    assert_memory_equal(&key, &again, sizeof key);
    assay_signer_close(signer);
    assay_signer_close(NULL);
}

static void keys_are_wiped(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assay_key_secret secret = signer->secret, zero = {{0}};
    assay_signer_close(signer);
    assert_memory_equal(&signer->secret, &zero, sizeof zero);
    /* Nor is it left anywhere in the arena. */
    assert_null(memmem(memory, sizeof memory, secret.b, sizeof secret.b));
}

static void a_key_that_others_can_read_is_refused(void **state) {
    (void)state;
    assay_signer_close(open_signer(true));
    static const mode_t modes[] = {0644, 0640, 0604, 0660, 0666};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(in_dir("consensus.key"), modes[i]), 0);
        assert_int_equal(try_open(true), ASSAY_F_STORAGE);
    }
    assert_int_equal(chmod(in_dir("consensus.key"), 0600), 0);
    assert_int_equal(try_open(true), ASSAY_OK);
}

static void one_signer_a_directory(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assert_int_equal(try_open(true), ASSAY_F_BUSY);
    pid_t child = fork();
    if (child == 0) _exit(try_open(true) == ASSAY_F_BUSY ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    /* Somebody takes the lock for a leftover. */
    assert_int_equal(assay_os_remove(in_dir("consensus.lock")), ASSAY_OK);
    assert_int_equal(try_open(true), ASSAY_F_BUSY);
    assay_signer_close(signer);
    assert_int_equal(try_open(true), ASSAY_OK);
}

static void write_bytes(const char *name, const void *bytes, size_t len) {
    FILE *f = fopen(in_dir(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static size_t read_bytes(const char *name, uint8_t out[1024]) {
    FILE *f = fopen(in_dir(name), "rb");
    assert_non_null(f);
    size_t len = fread(out, 1, 1024, f);
    fclose(f);
    return len;
}

static void every_damaged_byte_is_noticed(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assert_int_equal(sign(signer, 7, 1, ASSAY_PREVOTE, 3), ASSAY_OK);
    assay_signer_close(signer);
    uint8_t bytes[1024];
    size_t len = read_bytes("consensus.watermark", bytes);
    assert_int_equal(len, SIGNER_WATERMARK_LEN);
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 1;
        write_bytes("consensus.watermark", bytes, len);
        assert_int_equal(try_open(true), ASSAY_F_CORRUPT);
        bytes[i] ^= 1;
    }
    static const size_t lens[] = {0, 1, 511, 513, 1024};
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        write_bytes("consensus.watermark", bytes, lens[i]);
        assert_int_equal(try_open(true), ASSAY_F_CORRUPT);
    }
    write_bytes("consensus.watermark", bytes, len);
    assert_int_equal(try_open(true), ASSAY_OK);
    /* The key's bytes: another key, or no key. */
    len = read_bytes("consensus.key", bytes);
    for (size_t i = 0; i < len; i++) {
        uint8_t before = bytes[i];
        bytes[i] = before == '1' ? '2' : '1';
        write_bytes("consensus.key", bytes, len);
        assert_int_equal(try_open(true), ASSAY_F_CORRUPT);
        bytes[i] = before;
    }
    write_bytes("consensus.key", bytes, len - 1);
    assert_int_equal(try_open(true), ASSAY_F_CORRUPT);
}

static void a_missing_half_is_refused(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assert_int_equal(sign(signer, 7, 1, ASSAY_PREVOTE, 3), ASSAY_OK);
    assay_signer_close(signer);
    uint8_t key[1024], mark[1024];
    size_t key_len = read_bytes("consensus.key", key), mark_len = read_bytes("consensus.watermark", mark);
    /* A key without a watermark could have signed anything. */
    assert_int_equal(unlink(in_dir("consensus.watermark")), 0);
    assert_int_equal(try_open(true), ASSAY_F_CORRUPT);
    assert_int_equal(try_open(false), ASSAY_F_CORRUPT);
    /* A used watermark without its key is somebody's work, not ours to replace. */
    write_bytes("consensus.watermark", mark, mark_len);
    assert_int_equal(unlink(in_dir("consensus.key")), 0);
    assert_int_equal(try_open(true), ASSAY_F_CORRUPT);
    assert_int_equal(try_open(false), ASSAY_E_NOT_FOUND);
    write_bytes("consensus.key", key, key_len);
    assert_int_equal(chmod(in_dir("consensus.key"), 0600), 0);
    assert_int_equal(try_open(false), ASSAY_OK);
}

/* A kill between the two files of a new signer. */
static void a_half_made_signer_is_made_anew(void **state) {
    (void)state;
    uint8_t mark[SIGNER_WATERMARK_LEN];
    signer_watermark_encode(mark, &(signer_watermark){.key = {{9}}});
    write_bytes("consensus.watermark", mark, sizeof mark);
    assay_signer *signer = open_signer(true);
    assert_int_equal(sign(signer, 1, 0, ASSAY_PREVOTE, 1), ASSAY_OK);
    assay_signer_close(signer);
}

static void no_directory_no_signer(void **state) {
    (void)state;
    assay_signer *signer;
    assay_arena temporary = keep;
    assert_int_equal(assay_signer_open(&signer, &temporary, in_dir("nowhere"), true, true), ASSAY_E_NOT_FOUND);
    assay_arena small = assay_base_arena(memory, 64);
    assert_int_equal(assay_signer_open(&signer, &small, dir, true, true), ASSAY_F_MEMORY);
}

static void watermarks_round_trip(void **state) {
    (void)state;
    signer_watermark mark = {.key = {{1, 2}},
                             .height = INT64_MAX,
                             .round = INT32_MAX,
                             .step = SIGNER_STEP_PRECOMMIT,
                             .timestamp = {-62135596800, 999999999},
                             .sign_bytes_len = SIGNER_SIGN_BYTES_MAX};
    memset(mark.sign_bytes, 0xab, sizeof mark.sign_bytes);
    uint8_t bytes[SIGNER_WATERMARK_LEN];
    signer_watermark back;
    signer_watermark_encode(bytes, &mark);
    assert_int_equal(signer_watermark_decode(&back, (assay_bytes){bytes, sizeof bytes}), ASSAY_OK);
    assert_memory_equal(&back.key, &mark.key, sizeof mark.key);
    assert_true(back.height == mark.height && back.round == mark.round && back.step == mark.step);
    assert_true(back.timestamp.seconds == mark.timestamp.seconds && back.timestamp.nanos == mark.timestamp.nanos);
    assert_int_equal(back.sign_bytes_len, mark.sign_bytes_len);
    assert_memory_equal(back.sign_bytes, mark.sign_bytes, sizeof mark.sign_bytes);
    /* Whoever can compute a checksum still cannot make a watermark that this program does not write. */
    signer_watermark odd[] = {mark, mark, mark, mark};
    odd[0].step = 4;
    odd[1].step = SIGNER_STEP_NONE;
    odd[2].height = 0;
    odd[3].round = -1;
    for (int i = 0; i < 4; i++) {
        signer_watermark_encode(bytes, &odd[i]);
        assert_int_equal(signer_watermark_decode(&back, (assay_bytes){bytes, sizeof bytes}), ASSAY_F_CORRUPT);
    }
}

/* ---- rules ----------------------------------------------------------------------------------------------------------
 */

static void every_regression_is_refused(void **state) {
    (void)state;
    enum { HEIGHTS = 3, ROUNDS = 3, STEPS = 3, PLACES = HEIGHTS * ROUNDS * STEPS };
    /* From every place to every place: forward is signed, the same place only for the same, back is refused; also after
     * the signer was opened anew. */
    for (int from = 0; from < PLACES; from++) {
        for (int to = 0; to < PLACES; to++) {
            assay_signer *signer = open_signer(true);
            signer->mark = (signer_watermark){.key = signer->public_key};
            int place[2] = {from, to};
            for (int i = 0; i < 2; i++) {
                int64_t height = 10 + place[i] / (ROUNDS * STEPS);
                int32_t round = place[i] / STEPS % ROUNDS;
                int step = place[i] % STEPS;
                assay_err err = step == 0 ? propose(signer, height, round, -1, 1)
                                          : sign(signer, height, round, step == 1 ? ASSAY_PREVOTE : ASSAY_PRECOMMIT, 1);
                assay_err want = i == 0 || to >= from ? ASSAY_OK : ASSAY_E_DUPLICATE;
                if (err != want) fail_msg("from %d to %d: %d", from, to, err);
                if (i == 0 && (from + to) % 2) {
                    assay_signer_close(signer);
                    signer = open_signer(false);
                }
            }
            assay_signer_close(signer);
        }
    }
}

static void another_vote_at_the_same_place_is_refused(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_int_equal(sign(signer, 5, 2, ASSAY_PRECOMMIT, 1), ASSAY_OK);
        assert_int_equal(sign(signer, 5, 2, ASSAY_PRECOMMIT, 2), ASSAY_E_DUPLICATE);
        assert_int_equal(sign(signer, 5, 2, ASSAY_PRECOMMIT, 0), ASSAY_E_DUPLICATE);
        assay_vote parts = vote_of(5, 2, ASSAY_PRECOMMIT, 1);
        parts.block_id.parts_total = 2;
        assert_int_equal(sign_at(signer, &parts, 1000), ASSAY_E_DUPLICATE);
        assay_vote other = vote_of(5, 2, ASSAY_PRECOMMIT, 1);
        assert_int_equal(assay_signer_vote(signer, &other, ASSAY_STR("other-0123456789ab"), at(1000), at(0)),
                         ASSAY_E_DUPLICATE);
        assay_signer_close(signer);
        signer = open_signer(false);
    }
    assert_int_equal(propose(signer, 6, 0, -1, 1), ASSAY_OK);
    assert_int_equal(propose(signer, 6, 0, -1, 1), ASSAY_OK);
    assert_int_equal(propose(signer, 6, 0, -1, 2), ASSAY_E_DUPLICATE);
    assert_int_equal(propose(signer, 6, 0, 0, 1), ASSAY_E_DUPLICATE);
    assay_signer_close(signer);
}

static void a_repeat_gives_the_old_vote(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assay_vote first = vote_of(5, 0, ASSAY_PREVOTE, 1);
    assert_int_equal(sign_at(signer, &first, 100), ASSAY_OK);
    assert_int_equal(first.timestamp.seconds, 100);
    for (int reopened = 0; reopened < 2; reopened++) {
        static const int64_t times[] = {100, 200, 50};
        for (int i = 0; i < 3; i++) {
            assay_vote again = vote_of(5, 0, ASSAY_PREVOTE, 1);
            assert_int_equal(sign_at(signer, &again, times[i]), ASSAY_OK);
            assert_memory_equal(&again.signature, &first.signature, sizeof first.signature);
            assert_int_equal(again.timestamp.seconds, 100);
            assert_int_equal(again.timestamp.nanos, 5);
        }
        assay_signer_close(signer);
        signer = open_signer(false);
    }
    assay_proposal proposal = {.height = 6, .round = 0, .pol_round = -1, .block_id = block(1)}, repeat = proposal;
    assert_int_equal(assay_signer_proposal(signer, &proposal, chain, at(300)), ASSAY_OK);
    assert_int_equal(assay_signer_proposal(signer, &repeat, chain, at(400)), ASSAY_OK);
    assert_int_equal(repeat.timestamp.seconds, 300);
    assert_memory_equal(&repeat.signature, &proposal.signature, sizeof repeat.signature);
    assay_signer_close(signer);
}

static void the_timestamp_is_the_later(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assay_vote vote = vote_of(1, 0, ASSAY_PREVOTE, 1);
    assert_int_equal(assay_signer_vote(signer, &vote, chain, at(100), at(200)), ASSAY_OK);
    assert_int_equal(vote.timestamp.seconds, 200);
    vote = vote_of(2, 0, ASSAY_PREVOTE, 1);
    assert_int_equal(assay_signer_vote(signer, &vote, chain, at(300), at(200)), ASSAY_OK);
    assert_int_equal(vote.timestamp.seconds, 300);
    assay_signer_close(signer);
}

static void what_is_no_vote_is_refused(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assert_int_equal(sign(signer, 0, 0, ASSAY_PREVOTE, 1), ASSAY_E_RANGE);
    assert_int_equal(sign(signer, -1, 0, ASSAY_PREVOTE, 1), ASSAY_E_RANGE);
    assert_int_equal(sign(signer, 1, -1, ASSAY_PREVOTE, 1), ASSAY_E_RANGE);
    assert_int_equal(sign(signer, 1, 0, 0, 1), ASSAY_E_RANGE);
    assert_int_equal(sign(signer, 1, 0, 3, 1), ASSAY_E_RANGE);
    assert_int_equal(sign(signer, 1, 0, 32, 1), ASSAY_E_RANGE);
    assert_int_equal(propose(signer, 0, 0, -1, 1), ASSAY_E_RANGE);
    assert_int_equal(propose(signer, 1, -1, -1, 1), ASSAY_E_RANGE);
    assert_int_equal(propose(signer, 1, 0, -2, 1), ASSAY_E_RANGE);
    uint8_t name[ASSAY_CHAIN_ID_LEN_MAX + 1];
    memset(name, 'a', sizeof name);
    assay_vote vote = vote_of(1, 0, ASSAY_PREVOTE, 1);
    assert_int_equal(assay_signer_vote(signer, &vote, (assay_bytes){name, sizeof name}, at(1), at(1)), ASSAY_E_RANGE);
    assert_int_equal(assay_signer_vote(signer, &vote, (assay_bytes){name, 0}, at(1), at(1)), ASSAY_E_RANGE);
    /* The largest there is. */
    vote = vote_of(INT64_MAX, INT32_MAX, ASSAY_PRECOMMIT, 255);
    vote.block_id.parts_total = UINT32_MAX;
    assert_int_equal(assay_signer_vote(signer, &vote, (assay_bytes){name, ASSAY_CHAIN_ID_LEN_MAX},
                                       (assay_time){253402300799, 999999999}, at(1)),
                     ASSAY_OK);
    assert_true(assay_vote_verify(&vote, (assay_bytes){name, ASSAY_CHAIN_ID_LEN_MAX}, assay_signer_public(signer)));
    assay_signer_close(signer);
}

static void a_disk_that_fails_stops_the_signer(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assert_int_equal(sign(signer, 5, 0, ASSAY_PREVOTE, 1), ASSAY_OK);
    /* The watermark's file can be written no more: what is behind the handle is now a file opened for reading. */
    assay_os_file good = signer->file;
    assert_int_equal(assay_os_file_open(&signer->file, in_dir("consensus.watermark"), ASSAY_OS_READ, 0), ASSAY_OK);
    assert_int_equal(sign(signer, 6, 0, ASSAY_PREVOTE, 1), ASSAY_F_STORAGE);
    assay_os_file_close(&signer->file);
    signer->file = good;
    /* The disk is well again, but what it holds is not known: not even a repeat is signed. */
    assert_int_equal(sign(signer, 6, 0, ASSAY_PREVOTE, 1), ASSAY_F_STORAGE);
    assert_int_equal(sign(signer, 5, 0, ASSAY_PREVOTE, 1), ASSAY_F_STORAGE);
    assert_int_equal(sign(signer, 7, 0, ASSAY_PREVOTE, 1), ASSAY_F_STORAGE);
    assay_signer_close(signer);
    signer = open_signer(false);
    assert_int_equal(sign(signer, 6, 0, ASSAY_PREVOTE, 2), ASSAY_OK);
    assay_signer_close(signer);
}

static void possession_is_proven(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assay_signature proof;
    assay_address owner = {{1, 2, 3}};
    uint8_t text[200];
    assay_buf bytes = {text, 0, sizeof text};
    assert_int_equal(assay_signer_prove(signer, &proof, "consensus-key", chain, owner), ASSAY_OK);
    assert_int_equal(assay_types_sign_bytes(&bytes, "consensus-key", chain, (assay_bytes){owner.b, sizeof owner.b}),
                     ASSAY_OK);
    assert_true(assay_crypto_ed25519_verify(assay_signer_public(signer), (assay_bytes){text, bytes.len}, proof));
    static uint8_t name[300];
    memset(name, 'a', sizeof name);
    assert_int_equal(assay_signer_prove(signer, &proof, "consensus-key", (assay_bytes){name, sizeof name}, owner),
                     ASSAY_E_RANGE);
    /* The watermark has nothing to do with it. */
    assert_int_equal(signer->mark.height, 0);
    assay_signer_close(signer);
}

static void without_guard_both_votes_are_real(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assay_vote one = vote_of(5, 0, ASSAY_PRECOMMIT, 1), other = vote_of(5, 0, ASSAY_PRECOMMIT, 2);
    one.validator = other.validator = assay_crypto_address(assay_signer_public(signer));
    assert_int_equal(sign_at(signer, &one, 100), ASSAY_OK);
    other.timestamp = at(101);
    assert_int_equal(assay_signer_vote_without_guard(signer, &other, chain), ASSAY_OK);
    assay_duplicate_vote evidence = assay_duplicate_vote_new(&one, &other, 1, 1, at(100));
    assert_int_equal(assay_duplicate_vote_check(&evidence, chain, assay_signer_public(signer)), ASSAY_OK);
    other.height = 0;
    assert_int_equal(assay_signer_vote_without_guard(signer, &other, chain), ASSAY_E_RANGE);
    assay_signer_close(signer);
}

/* ---- kills ----------------------------------------------------------------------------------------------------------
 */

/* What a child says about each signature it gave, in one write, which a pipe takes whole. */
typedef struct word {
    int64_t height;
    int32_t round;
    uint32_t type;
    assay_block_id block_id;
    assay_time timestamp;
    assay_signature signature;
} word;

/* Signs as a validator that has forgotten everything since `height`, with blocks of its own choosing, until it is
 * killed. */
static void sign_until_killed(int64_t height, uint8_t tag, int64_t now, int out) {
    assay_signer *signer;
    assay_arena temporary = keep;
    if (assay_signer_open(&signer, &temporary, dir, false, true)) _exit(1);
    for (;; height++) {
        for (int32_t round = 0; round < 2; round++) {
            for (uint32_t type = ASSAY_PREVOTE; type <= ASSAY_PRECOMMIT; type++) {
                assay_vote vote = vote_of(height, round, type, tag);
                assay_err err = sign_at(signer, &vote, now);
                if (err == ASSAY_E_DUPLICATE) continue;
                if (err) _exit(2);
                word w = {height, round, type, vote.block_id, vote.timestamp, vote.signature};
                if (write(out, &w, sizeof w) != sizeof w) _exit(3);
            }
        }
    }
}

enum { WORDS_MAX = 1 << 20 };
static word *words;
static size_t words_count;

static void a_kill_at_any_instant_signs_nothing_twice(void **state) {
    (void)state;
    enum { KILLS = 150 };
    assay_signer *signer = open_signer(true);
    assay_public_key key = assay_signer_public(signer);
    assay_signer_close(signer);
    words = malloc(WORDS_MAX * sizeof *words);
    words_count = 0;
    uint64_t seed = 88172645463325252u;
    print_message("seed %llu\n", (unsigned long long)seed);
    int64_t height = 1;
    for (int kill_number = 0; kill_number < KILLS; kill_number++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            /* Every second one votes as the one before did, so that some votes are repeated, and later. */
            sign_until_killed(height, (uint8_t)(1 + kill_number / 2), 1000 + kill_number, ends[1]);
        }
        close(ends[1]);
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        assay_os_sleep_ns(1000000 + seed % 6000000);
        assert_int_equal(kill(child, SIGKILL), 0);
        for (word w; read(ends[0], &w, sizeof w) == sizeof w;) {
            assert_true(words_count < WORDS_MAX);
            words[words_count++] = w;
            if (w.height > height) height = w.height;
        }
        close(ends[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        /* The next one begins a little before what this one reached: it must be refused what was signed, heard of or
         * not. */
        height = height > 2 ? height - 1 : 1;
    }
    /* Words come in the order of signing, so the same place stands close together; each is compared with the last
     * hundred. */
    size_t places = 0, repeats = 0;
    for (size_t i = 0; i < words_count; i++) {
        const word *w = &words[i];
        assay_vote vote = vote_of(w->height, w->round, w->type, 0);
        vote.block_id = w->block_id, vote.timestamp = w->timestamp, vote.signature = w->signature;
        if (i % 16 == 0) assert_true(assay_vote_verify(&vote, chain, key));
        places++;
        for (size_t k = i > 100 ? i - 100 : 0; k < i; k++) {
            const word *other = &words[k];
            if (other->height != w->height || other->round != w->round || other->type != w->type) continue;
            repeats++;
            assert_memory_equal(&other->signature, &w->signature, sizeof w->signature);
        }
        /* Never back: a smaller place after a larger one was signed would be a second chance. */
        if (i) assert_true(words[i - 1].height <= w->height);
    }
    print_message("%d kills, %zu signatures, %zu repeats\n", KILLS, places, repeats);
    assert_true(places > KILLS && repeats > 0);
    free(words);
}

/* Exactly between watermark and signature: nobody saw a signature, and still nothing else may be signed there. */
static void a_kill_before_the_signature_leaves_the_watermark(void **state) {
    (void)state;
    assay_signer_close(open_signer(true));
    pid_t child = fork();
    if (child == 0) {
        assay_signer *signer;
        assay_arena temporary = keep;
        if (assay_signer_open(&signer, &temporary, dir, false, true)) _exit(1);
        assay_vote vote = vote_of(9, 3, ASSAY_PRECOMMIT, 1);
        vote.timestamp = at(500);
        signer_watermark mark = {.key = signer->public_key,
                                 .height = 9,
                                 .round = 3,
                                 .step = SIGNER_STEP_PRECOMMIT,
                                 .timestamp = vote.timestamp};
        assay_buf bytes = {mark.sign_bytes, 0, sizeof mark.sign_bytes};
        if (assay_vote_sign_bytes(&bytes, &vote, chain)) _exit(2);
        mark.sign_bytes_len = (uint32_t)bytes.len;
        if (signer_advance(signer, &mark)) _exit(3);
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assay_signer *signer = open_signer(false);
    assert_int_equal(sign(signer, 9, 3, ASSAY_PRECOMMIT, 2), ASSAY_E_DUPLICATE);
    assert_int_equal(sign(signer, 9, 3, ASSAY_PREVOTE, 1), ASSAY_E_DUPLICATE);
    assay_vote vote = vote_of(9, 3, ASSAY_PRECOMMIT, 1);
    assert_int_equal(sign_at(signer, &vote, 900), ASSAY_OK);
    assert_int_equal(vote.timestamp.seconds, 500);
    assert_true(assay_vote_verify(&vote, chain, assay_signer_public(signer)));
    assay_signer_close(signer);
}

/* Killed between the write and its sync, it leaves a watermark that may be in the system's memory alone. Repeating that
 * vote writes nothing; so it has to be on the disk before, or a power cut makes room for another one. */
static void a_watermark_is_on_disk_before_its_repeat(void **state) {
    (void)state;
    assay_signer_close(open_signer(true));
    pid_t child = fork();
    if (child == 0) {
        assay_signer *signer;
        assay_arena temporary = keep;
        if (assay_signer_open(&signer, &temporary, dir, false, true)) _exit(1);
        assay_vote vote = vote_of(9, 3, ASSAY_PRECOMMIT, 1);
        sync_kills = true;
        (void)!sign_at(signer, &vote, 500);
        _exit(2);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    int before = syncs;
    assay_signer *signer = open_signer(false);
    assay_vote vote = vote_of(9, 3, ASSAY_PRECOMMIT, 1);
    assert_int_equal(sign_at(signer, &vote, 900), ASSAY_OK);
    assert_int_equal(vote.timestamp.seconds, 500);
    assert_true(syncs > before);
    assay_signer_close(signer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
/* ---- the remote protocol (test/peers/signercheck holds the same against CometBFT's own client) ------------------- */

static uint8_t request_memory[1024];

/* Message{ number: {1: what, 2: chain} }, or {1: chain} without what. */
static assay_bytes request(uint32_t number, assay_bytes what, assay_bytes of_chain) {
    uint8_t inner_memory[512];
    assay_buf inner = {inner_memory, 0, sizeof inner_memory}, out = {request_memory, 0, sizeof request_memory};
    uint32_t field = 1;
    if (what.ptr) {
        assert_int_equal(assay_codec_put_varint(&inner, field++ << 3 | 2), ASSAY_OK);
        assert_int_equal(assay_codec_put_varint(&inner, what.len), ASSAY_OK);
        assert_int_equal(assay_base_buf_put(&inner, what), ASSAY_OK);
    }
    assert_int_equal(assay_codec_put_varint(&inner, field << 3 | 2), ASSAY_OK);
    assert_int_equal(assay_codec_put_varint(&inner, of_chain.len), ASSAY_OK);
    assert_int_equal(assay_base_buf_put(&inner, of_chain), ASSAY_OK);
    assert_int_equal(assay_codec_put_varint(&out, number << 3 | 2), ASSAY_OK);
    assert_int_equal(assay_codec_put_varint(&out, inner.len), ASSAY_OK);
    assert_int_equal(assay_base_buf_put(&out, (assay_bytes){inner.ptr, inner.len}), ASSAY_OK);
    return (assay_bytes){out.ptr, out.len};
}

static uint8_t said[1024];
static assay_buf answer_buf(void) { return (assay_buf){said, 0, sizeof said}; }

static const assay_bytes no_bytes = {NULL, 0};

static assay_vote whole_vote(int64_t height, int32_t round, uint32_t type, uint8_t tag) {
    assay_vote vote = vote_of(height, round, type, tag);
    vote.timestamp = at(1700000000);
    vote.validator.b[0] = 1;
    return vote;
}

static assay_bytes vote_request(const assay_vote *vote) {
    static uint8_t bytes[512];
    assay_buf out = {bytes, 0, sizeof bytes};
    assert_int_equal(assay_vote_encode(&out, vote), ASSAY_OK);
    return request(3, (assay_bytes){out.ptr, out.len}, chain);
}

static void remote_requests_are_answered(void **state) {
    (void)state;
    for (size_t i = 0; i < signer_messages_count; i++) assert_true(assay_codec_table_ok(signer_messages[i]));
    assay_signer *signer = open_signer(true);
    assay_public_key key = assay_signer_public(signer);
    assay_buf out = answer_buf();
    assert_int_equal(assay_signer_answer(signer, &out, chain, ASSAY_STR("\x3a\x00")), ASSAY_OK);
    assert_true(out.len == 3 && memcmp(said, "\x02\x42\x00", 3) == 0);
    out = answer_buf();
    assert_int_equal(assay_signer_answer(signer, &out, chain, request(1, no_bytes, chain)), ASSAY_OK);
    assert_int_equal(out.len, 39);
    assert_memory_equal(said, "\x26\x12\x24\x0a\x22\x0a\x20", 7);
    assert_memory_equal(said + 7, key.b, 32);
    /* A vote: the answer is {4: {1: vote}}, and its signature is of these bytes. */
    assay_vote vote = whole_vote(7, 1, ASSAY_PRECOMMIT, 9), back;
    out = answer_buf();
    assert_int_equal(assay_signer_answer(signer, &out, chain, vote_request(&vote)), ASSAY_OK);
    assay_bytes rest = {said, out.len};
    uint64_t head;
    for (int i = 0; i < 5; i++) assert_int_equal(assay_codec_get_varint(&head, &rest, ASSAY_CODEC_COMET), ASSAY_OK);
    assert_int_equal(head, rest.len);
    assert_int_equal(assay_vote_decode(&back, rest), ASSAY_OK);
    assert_true(assay_vote_verify(&back, chain, key));
    assert_true(back.height == 7 && back.round == 1 && assay_base_time_cmp(back.timestamp, vote.timestamp) == 0);
    assay_signer_close(signer);
}

static void remote_refusals_are_said(void **state) {
    (void)state;
    assay_signer *signer = open_signer(true);
    assay_vote vote = whole_vote(7, 1, ASSAY_PRECOMMIT, 9), other = whole_vote(7, 1, ASSAY_PRECOMMIT, 8);
    assay_buf out = answer_buf();
    assert_int_equal(assay_signer_answer(signer, &out, chain, vote_request(&vote)), ASSAY_OK);
    out = answer_buf();
    assert_int_equal(assay_signer_answer(signer, &out, chain, vote_request(&other)), ASSAY_E_DUPLICATE);
    const char *why = assay_base_err_text(ASSAY_E_DUPLICATE);
    assert_true(out.len > strlen(why));
    assert_memory_equal(said + out.len - strlen(why), why, strlen(why));
    static const assay_bytes elsewhere = {(const uint8_t *)"elsewhere", 9};
    out = answer_buf();
    assert_int_equal(assay_signer_answer(signer, &out, chain, request(1, no_bytes, elsewhere)), ASSAY_E_CHAIN);
    assert_true(out.len > 0);
    out = answer_buf();
    assert_int_equal(assay_signer_answer(signer, &out, chain, request(3, ASSAY_STR("\x08\x02"), chain)), ASSAY_E_RANGE);
    out = answer_buf(); /* what is signed as a proposal is one */
    uint8_t bytes[512];
    assay_buf as_vote = {bytes, 0, sizeof bytes};
    assert_int_equal(assay_vote_encode(&as_vote, &other), ASSAY_OK);
    assert_int_equal(assay_signer_answer(signer, &out, chain, request(5, (assay_bytes){bytes, as_vote.len}, chain)),
                     ASSAY_E_ENCODING);
    assert_true(out.len > 0);
    static const struct {
        const char *bytes;
        size_t len;
    } none[] = {{"", 0}, {"\x12\x00", 2}, {"\x3a\x00\x0a\x00", 4}, {"\x3a", 1}, {"\x1a\x7f", 2}, {"\xff", 1}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        out = answer_buf();
        assert_int_equal(
            assay_signer_answer(signer, &out, chain, (assay_bytes){(const uint8_t *)none[i].bytes, none[i].len}),
            ASSAY_E_ENCODING);
        assert_int_equal(out.len, 0);
    }
    static uint8_t large[ASSAY_SIGNER_MESSAGE_LEN_MAX + 1];
    out = answer_buf();
    assert_int_equal(assay_signer_answer(signer, &out, chain, (assay_bytes){large, sizeof large}), ASSAY_E_ENCODING);
    /* No room for the answer: what was signed is on record, so the same may be asked again, and nothing else. */
    assay_vote next = whole_vote(8, 0, ASSAY_PREVOTE, 1), conflict = whole_vote(8, 0, ASSAY_PREVOTE, 2);
    assay_buf little = {said, 0, 8};
    assert_int_equal(assay_signer_answer(signer, &little, chain, vote_request(&next)), ASSAY_F_MEMORY);
    out = answer_buf();
    assert_int_equal(assay_signer_answer(signer, &out, chain, vote_request(&conflict)), ASSAY_E_DUPLICATE);
    out = answer_buf();
    assert_int_equal(assay_signer_answer(signer, &out, chain, vote_request(&next)), ASSAY_OK);
    assay_signer_close(signer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(keys_are_made_and_kept),
        TEST(remote_requests_are_answered),
        TEST(remote_refusals_are_said),
        TEST(keys_are_wiped),
        TEST(a_key_that_others_can_read_is_refused),
        TEST(one_signer_a_directory),
        TEST(every_damaged_byte_is_noticed),
        TEST(a_missing_half_is_refused),
        TEST(a_half_made_signer_is_made_anew),
        TEST(no_directory_no_signer),
        TEST(watermarks_round_trip),
        TEST(every_regression_is_refused),
        TEST(another_vote_at_the_same_place_is_refused),
        TEST(a_repeat_gives_the_old_vote),
        TEST(the_timestamp_is_the_later),
        TEST(what_is_no_vote_is_refused),
        TEST(a_disk_that_fails_stops_the_signer),
        TEST(possession_is_proven),
        TEST(without_guard_both_votes_are_real),
        TEST(a_kill_at_any_instant_signs_nothing_twice),
        TEST(a_kill_before_the_signature_leaves_the_watermark),
        TEST(a_watermark_is_on_disk_before_its_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
