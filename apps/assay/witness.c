/* SPDX-License-Identifier: Apache-2.0
 *
 * witness - follows two nodes at once from the trust file on, as a light client, and says whether they show one chain.
 * If they do not, and validators of that chain signed both, what they signed is proof against them: it is written to a
 * file that anybody can check, and that `assay report` brings to the chain.
 *
 *   trust file -> anchor -> newest common height, at either node -> the same block, or
 *   the first height that differs -> who signed twice there and above -> proof
 *
 * Nothing that a node says is believed: each block is verified from the anchor (cert.h), and each pair of votes proves
 * itself. What a node does not answer is a fault, never a verdict.
 */
#include "assay_internal.h"

#include "comet/comet.h"

#include <string.h>

#define ANSWER_SECONDS 10
#define FOLLOW_SECONDS 120
#define HEIGHTS_MAX 64 /* from the first that differs on, in which double votes are looked for */

typedef struct peer {
    const char *url;
    assay_comet *rpc;
    char id[ASSAY_COMET_ID_LEN + 1]; /* as it calls itself; empty: it does not */
    uint64_t newest;
    assay_cert_light_block anchor; /* what it shows at the anchor's height; no header: it does not have it */
    bool contradicts;              /* the trust file, at that height */
} peer;

/* What came out. */
typedef struct finding {
    uint64_t height; /* the same block here; or the first that differs, as far as is known */
    assay_cert_light_block blocks[2];
    assay_cert_fork_kind kind;
    assay_duplicate_vote *votes; /* one of each validator */
    assay_public_key *keys;      /* theirs */
    uint32_t votes_count;
    uint64_t power, power_total; /* theirs, and of all there */
    assay_validator *suspects;
    uint32_t suspects_count;
    const char *proof; /* where it was written; NULL: there is none */
} finding;

typedef struct witness {
    call *c;
    peer sides[2];
    uint32_t held; /* the side that is held for the chain's: the first, unless it contradicts the trust file */
    assay_trust trust;
    const assay_trust_checkpoint *at;
    assay_cert_light_block anchor;
    assay_cert_policy policy;
    assay_cert_light_rules rules;
    uint64_t seconds, deadline;
} witness;

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* What a node did not give. A form that is wrong says nothing about a chain: it is no such RPC. */
static assay_err no_block(witness *w, const peer *s, assay_err err, uint64_t height) {
    call *c = w->c;
    const char *what = height ? keep_text(c, "height %llu", (unsigned long long)height) : "the newest height";
    switch ((int)err) {
    case ASSAY_F_NETWORK:
    case ASSAY_F_TIMEOUT: return fail(c, err, "%s: %s", s->url, assay_comet_why(s->rpc));
    case ASSAY_F_BUSY: return fail(c, err, "%s does not say what it has of %s", s->url, what);
    case ASSAY_E_NOT_FOUND:
        c->try_this = "a trust file whose checkpoints the node still has, or another node";
        return fail(c, err, "%s has no block of %s", s->url, what);
    case ASSAY_E_COMMIT: return fail(c, ASSAY_E_BLOCK, "%s, %s: header and commit are of two blocks", s->url, what);
    case ASSAY_F_MEMORY:
    case ASSAY_F_INTERRUPTED: return err;
    default:
        c->try_this = "the URL of CometBFT's RPC, or assayd's with /cometbft behind it";
        return fail(c, ASSAY_F_NETWORK, "%s answers, but not as CometBFT's RPC does", s->url);
    }
}

/* Header, commit and set of a height; 0: the newest. They are of the form, and no more is known of them. */
static assay_err fetch(witness *w, peer *s, assay_cert_light_block *out, uint64_t height) {
    call *c = w->c;
    assay_header *header = ASSAY_NEW(&c->keep, assay_header, 1);
    assay_commit *commit = ASSAY_NEW(&c->keep, assay_commit, 1);
    assay_validator_set *set = ASSAY_NEW(&c->keep, assay_validator_set, 1);
    if (!header || !commit || !set) return ASSAY_F_MEMORY;
    if (assay_os_stop_requested()) return ASSAY_F_INTERRUPTED;
    if (assay_os_monotonic_ns() >= w->deadline)
        return fail(c, ASSAY_F_TIMEOUT, "%s: %llu seconds were not enough", s->url, (unsigned long long)w->seconds);
    assay_err err = assay_comet_commit(s->rpc, header, commit, &c->keep, height);
    if (err == ASSAY_OK) err = assay_comet_validators(s->rpc, set, &c->keep, (uint64_t)header->height);
    if (err != ASSAY_OK) return no_block(w, s, err, height);
    *out = (assay_cert_light_block){header, commit, set};
    return ASSAY_OK;
}

static bool same_block(const assay_cert_light_block *a, const assay_cert_light_block *b) {
    return assay_base_hash_eq(a->commit->block_id.hash, b->commit->block_id.hash);
}

/* ---- from the trust file on -------------------------------------------------------------------------------------- */

static assay_err open_side(witness *w, peer *s, const char *url) {
    call *c = w->c;
    assay_cert_light_block newest;
    s->url = shown(c, url);
    assay_err err = assay_comet_open(&s->rpc, url, w->seconds < ANSWER_SECONDS ? (uint32_t)w->seconds : ANSWER_SECONDS);
    if (err == ASSAY_E_USAGE)
        return usage(c, "%s is no URL of a node: http://HOST:PORT, or assayd's with /cometbft", s->url);
    ASSAY_TRY(err);
    ASSAY_TRY(fetch(w, s, &newest, 0));
    s->newest = (uint64_t)newest.header->height;
    /* Who is one node under two names agrees with itself. What does not say who it is, is asked all the same. */
    if (assay_comet_who(s->rpc, s->id, c->scratch) != ASSAY_OK) s->id[0] = 0;
    if (!assay_base_bytes_eq(newest.header->chain_id, w->trust.chain_id))
        return fail(c, ASSAY_E_OTHER_CHAIN, "%s is of %s, the trust file of %s", s->url,
                    visible(c, newest.header->chain_id), visible(c, w->trust.chain_id));
    return ASSAY_OK;
}

/* The newest checkpoint that both can be asked about. */
static assay_err choose_checkpoint(witness *w, uint64_t common) {
    const assay_trust_checkpoint *list = w->trust.checkpoints;
    uint32_t first = list[0].height == 0; /* the genesis is no block that one could ask for */
    for (uint32_t i = first; i < w->trust.checkpoints_count; i++)
        if (list[i].height <= common) w->at = &list[i];
    if (w->at) return ASSAY_OK;
    if (first == w->trust.checkpoints_count) {
        w->c->try_this = "the trust.json that a running node has written since";
        return fail(w->c, ASSAY_E_NOT_FOUND, "the trust file knows no block yet"); /* no verdict: exit 1 is a fork */
    }
    const peer *behind = &w->sides[w->sides[1].newest < w->sides[0].newest];
    return fail(w->c, ASSAY_E_NOT_FOUND, "%s is at height %llu, and the trust file begins at %llu", behind->url,
                (unsigned long long)behind->newest, (unsigned long long)list[first].height);
}

/* What the trust file holds only the hash of, from whoever has it. */
static assay_err find_anchor(witness *w) {
    call *c = w->c;
    for (int i = 0; i < 2; i++) {
        peer *s = &w->sides[i];
        assay_err err = fetch(w, s, &s->anchor, w->at->height);
        if (err == ASSAY_E_NOT_FOUND) continue;
        ASSAY_TRY(err);
        s->contradicts = !assay_base_hash_eq(s->anchor.commit->block_id.hash, w->at->header_hash);
        if (s->contradicts) continue;
        w->anchor = s->anchor;
        w->held = w->sides[0].contradicts ? 1 : 0;
    }
    unsigned long long height = (unsigned long long)w->at->height;
    for (int i = 0; i < 2 && !w->anchor.header; i++)
        if (w->sides[i].contradicts)
            return fail(c, ASSAY_E_BLOCK, "%s shows another block at height %llu than the trust file holds",
                        w->sides[i].url, height);
    if (!w->anchor.header) return no_block(w, &w->sides[0], ASSAY_E_NOT_FOUND, w->at->height);
    /* Of the set, whoever gave it, only the hash is in the header. */
    assay_hash set;
    ASSAY_TRY(assay_validators_hash(&set, &w->at->validators, c->scratch));
    if (!assay_base_hash_eq(set, w->anchor.header->validators_hash))
        return fail(c, ASSAY_E_TRUST_FILE, "its validators of height %llu are not those of its header", height);
    w->anchor.validators = &w->at->validators;
    return ASSAY_OK;
}

/* From the anchor to a height, in as few steps as the overlap allows. */
static assay_err follow(witness *w, peer *s, assay_cert_light_block *out, uint64_t height) {
    assay_cert_light_block from = w->anchor;
    for (uint64_t aim = height;;) {
        assay_cert_anchor by;
        uint64_t below = (uint64_t)from.header->height;
        ASSAY_TRY(fetch(w, s, out, aim));
        assay_err err = assay_cert_light_verify(&by, &from, out, &w->rules, w->c->scratch);
        if (err == ASSAY_OK && aim == height) return ASSAY_OK;
        if (err == ASSAY_OK) {
            from = *out;
            aim = height;
        } else if ((err == ASSAY_E_ANCHOR || err == ASSAY_E_OVERLAP) && aim > below + 1) {
            aim = below + (aim - below) / 2;
        } else {
            return fail(w->c, err, "%s, height %llu, verified from height %llu", s->url, (unsigned long long)aim,
                        (unsigned long long)below);
        }
    }
}

/* ---- a fork ------------------------------------------------------------------------------------------------------ */

/* Blocks of both sides at one height, each whole in itself. */
static bool both_at(witness *w, assay_cert_light_block blocks[2], uint64_t height) {
    for (int i = 0; i < 2; i++)
        if (fetch(w, &w->sides[i], &blocks[i], height) != ASSAY_OK ||
            assay_cert_light_check(&blocks[i], w->trust.chain_id, w->c->scratch) != ASSAY_OK)
            return false;
    return true;
}

/* By halves: who follows a fork goes back to where it began, for there both sides' validators are the same. A side that
 * does not answer for what lies between leaves it at what is known. */
static void find_first(witness *w, finding *f, uint64_t agreed) {
    while (f->height > agreed + 1) {
        assay_cert_light_block blocks[2];
        uint64_t middle = agreed + (f->height - agreed) / 2;
        if (!both_at(w, blocks, middle)) return;
        if (same_block(&blocks[0], &blocks[1])) {
            agreed = middle;
        } else {
            f->height = middle;
            memcpy(f->blocks, blocks, sizeof blocks);
        }
    }
}

static bool is_known(const finding *f, assay_address validator) {
    for (uint32_t i = 0; i < f->votes_count; i++)
        if (assay_base_address_eq(f->votes[i].vote_a.validator, validator)) return true;
    return false;
}

/* Those who signed both blocks of one height in one round, if they are not known yet. */
static assay_err note_votes(witness *w, finding *f, const assay_cert_light_block blocks[2], assay_cert_fork *fork) {
    const assay_cert_light_block *held = &blocks[w->held], *other = &blocks[1 - w->held];
    ASSAY_TRY(assay_cert_light_fork(fork, &w->c->keep, &w->anchor, held, other, w->c->scratch));
    for (uint32_t i = 0; i < fork->votes_count && f->votes_count < ASSAY_VALIDATORS_MAX; i++) {
        const assay_duplicate_vote *vote = &fork->votes[i];
        int32_t at = assay_validators_find(held->validators, vote->vote_a.validator);
        if (at < 0 || is_known(f, vote->vote_a.validator)) continue;
        f->keys[f->votes_count] = held->validators->validators[at].public_key;
        f->votes[f->votes_count++] = *vote;
        f->power += vote->validator_power;
    }
    return ASSAY_OK;
}

/* How many of the other block's signers there are to be shown. */
static uint32_t signers_of(const assay_cert_light_block *block) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < block->commit->sigs_count; i++) count += block->commit->sigs[i].flag == ASSAY_FLAG_COMMIT;
    return count;
}

/* f->height and its blocks are known to differ; `last` is the highest that both have. */
static assay_err examine(witness *w, finding *f, uint64_t agreed, uint64_t last) {
    assay_cert_fork fork;
    f->votes = ASSAY_NEW(&w->c->keep, assay_duplicate_vote, ASSAY_VALIDATORS_MAX);
    f->keys = ASSAY_NEW(&w->c->keep, assay_public_key, ASSAY_VALIDATORS_MAX);
    if (!f->votes || !f->keys) return ASSAY_F_MEMORY;
    find_first(w, f, agreed);
    assay_err err = note_votes(w, f, f->blocks, &fork);
    if (err != ASSAY_OK)
        return fail(w->c, err, "%s, height %llu: what it shows is no block", w->sides[1 - w->held].url,
                    (unsigned long long)f->height);
    f->kind = fork.kind;
    f->suspects = fork.suspects;
    f->suspects_count = fork.suspects_count;
    f->power_total = f->blocks[w->held].validators->total_power;
    /* Who was late with a vote here, or signed in another round, may have signed both a little later. */
    uint32_t wanted = signers_of(&f->blocks[1 - w->held]);
    for (uint64_t h = f->height + 1; h <= last && h < f->height + HEIGHTS_MAX && f->votes_count < wanted; h++) {
        assay_cert_light_block blocks[2];
        if (!both_at(w, blocks, h)) break;
        if (same_block(&blocks[0], &blocks[1])) continue;
        ASSAY_TRY(note_votes(w, f, blocks, &fork));
    }
    return ASSAY_OK;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

/* At the anchor's own height one of them shows another block than the trust file holds. Whether that is a fork of this
 * chain, or just something, its signers tell. */
static assay_err against_the_trust_file(witness *w, finding *f, uint64_t common) {
    peer *liar = &w->sides[1 - w->held];
    for (int i = 0; i < 2; i++) f->blocks[i] = w->sides[i].anchor;
    if (!f->blocks[w->held].header) f->blocks[w->held] = w->anchor;
    f->height = w->at->height;
    uint64_t overlap = assay_commit_overlap(liar->anchor.commit, &w->at->validators);
    ASSAY_TRY(examine(w, f, 0, common));
    if (f->votes_count || assay_base_more_than(overlap, w->at->validators.total_power, 1, 3)) return ASSAY_E_FORK;
    return fail(w->c, ASSAY_E_BLOCK,
                "%s shows another block at height %llu than the trust file holds, signed by others", liar->url,
                (unsigned long long)w->at->height);
}

static assay_err compare(witness *w, finding *f) {
    uint64_t common = w->sides[0].newest < w->sides[1].newest ? w->sides[0].newest : w->sides[1].newest;
    ASSAY_TRY(choose_checkpoint(w, common));
    ASSAY_TRY(find_anchor(w));
    if (w->sides[1 - w->held].contradicts) return against_the_trust_file(w, f, common);
    f->height = common;
    for (int i = 0; i < 2; i++) ASSAY_TRY(follow(w, &w->sides[i], &f->blocks[i], common));
    if (same_block(&f->blocks[0], &f->blocks[1])) return ASSAY_OK;
    ASSAY_TRY(examine(w, f, w->at->height, common));
    return ASSAY_E_FORK;
}

/* ---- the proof --------------------------------------------------------------------------------------------------- */

static const char *kind_text(assay_cert_fork_kind kind) {
    switch (kind) {
    case ASSAY_CERT_FORK_EQUIVOCATION: return "equivocation";
    case ASSAY_CERT_FORK_AMNESIA: return "amnesia";
    case ASSAY_CERT_FORK_LUNATIC: return "lunatic";
    case ASSAY_CERT_FORK_NONE: break;
    }
    return "none";
}

static assay_err put_vote(assay_json *json, const char *key, const assay_vote *vote) {
    uint8_t bytes[ASSAY_VOTE_LEN_MAX];
    assay_buf out = {bytes, 0, sizeof bytes};
    ASSAY_TRY(assay_vote_encode(&out, vote));
    assay_json_base64(json, key, (assay_bytes){out.ptr, out.len});
    return ASSAY_OK;
}

static assay_err put_block(assay_json *json, const witness *w, const finding *f, int i, assay_arena scratch) {
    size_t cap = (size_t)4096 + (size_t)f->blocks[i].commit->sigs_count * 256;
    assay_buf out = {ASSAY_NEW(&scratch, uint8_t, cap), 0, cap};
    if (!out.ptr) return ASSAY_F_MEMORY;
    assay_json_object(json, NULL);
    assay_json_str(json, "source", w->sides[i].url);
    assay_json_hex(json, "hash", assay_base_hash_bytes(&f->blocks[i].commit->block_id.hash));
    assay_json_i64(json, "round", f->blocks[i].commit->round);
    ASSAY_TRY(assay_header_encode(&out, f->blocks[i].header));
    assay_json_base64(json, "header", (assay_bytes){out.ptr, out.len});
    out.len = 0;
    ASSAY_TRY(assay_commit_encode(&out, f->blocks[i].commit));
    assay_json_base64(json, "commit", (assay_bytes){out.ptr, out.len});
    assay_json_close(json, '}');
    return ASSAY_OK;
}

/* What anybody needs who will check it: spec/trust.md 6. */
static assay_err proof_text(assay_buf *text, const witness *w, const finding *f, assay_arena scratch) {
    assay_json json = assay_json_begin(text);
    assay_json_object(&json, NULL);
    assay_json_str(&json, "schema", FORK_SCHEMA);
    assay_json_text(&json, "chain_id", w->trust.chain_id);
    assay_json_u64(&json, "height", f->height);
    assay_json_str(&json, "kind", kind_text(f->kind));
    assay_json_array(&json, "blocks");
    for (int i = 0; i < 2; i++) ASSAY_TRY(put_block(&json, w, f, i, scratch));
    assay_json_close(&json, ']');
    assay_json_array(&json, "votes");
    for (uint32_t i = 0; i < f->votes_count; i++) {
        const assay_duplicate_vote *v = &f->votes[i];
        assay_json_object(&json, NULL);
        assay_json_hex(&json, "validator", (assay_bytes){v->vote_a.validator.b, ASSAY_ADDRESS_LEN});
        assay_json_hex(&json, "pub_key", (assay_bytes){f->keys[i].b, sizeof f->keys[i].b});
        assay_json_u64(&json, "power", v->validator_power);
        assay_json_i64(&json, "height", v->vote_a.height);
        assay_json_i64(&json, "round", v->vote_a.round);
        ASSAY_TRY(put_vote(&json, "vote_a", &v->vote_a));
        ASSAY_TRY(put_vote(&json, "vote_b", &v->vote_b));
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    assay_json_array(&json, "suspects");
    for (uint32_t i = 0; i < f->suspects_count; i++)
        assay_json_hex(&json, NULL, (assay_bytes){f->suspects[i].address.b, ASSAY_ADDRESS_LEN});
    assay_json_close(&json, ']');
    assay_json_close(&json, '}');
    ASSAY_TRY(assay_json_end(&json));
    return assay_base_buf_put(text, ASSAY_STR("\n"));
}

static assay_err write_proof(witness *w, finding *f) {
    call *c = w->c;
    const char *path =
        has(c, OPTION_OUT) ? value(c, OPTION_OUT) : keep_text(c, "fork-%llu.json", (unsigned long long)f->height);
    assay_arena scratch = c->scratch, inner = assay_base_arena_split(&scratch);
    size_t cap = FORK_LEN_MAX;
    assay_buf text = {ASSAY_NEW(&scratch, uint8_t, cap), 0, cap};
    if (!text.ptr) return ASSAY_F_MEMORY;
    ASSAY_TRY(proof_text(&text, w, f, inner));
    assay_err err = assay_os_replace(path, (assay_bytes){text.ptr, text.len}, 0644);
    char reason[128];
    assay_os_reason(reason, sizeof reason);
    if (err != ASSAY_OK) return fail(c, err == ASSAY_E_NOT_FOUND ? ASSAY_F_NO_PATH : err, "%s: %s", path, reason);
    f->proof = path;
    return ASSAY_OK;
}

/* ---- what is printed --------------------------------------------------------------------------------------------- */

static assay_err print_json(const witness *w, const finding *f, assay_err found, assay_err written) {
    call *c = w->c;
    assay_buf buf;
    assay_json json = json_room(c, &buf);
    assay_json_object(&json, NULL);
    assay_json_bool(&json, "agree", found == ASSAY_OK);
    assay_json_str(&json, "code", assay_base_err_code(found));
    assay_json_text(&json, "chain_id", w->trust.chain_id);
    assay_json_u64(&json, "anchor_height", w->at->height);
    assay_json_u64(&json, "height", f->height);
    assay_json_array(&json, "blocks");
    for (int i = 0; i < 2; i++) {
        assay_json_object(&json, NULL);
        assay_json_str(&json, "url", w->sides[i].url);
        assay_json_hex(&json, "hash", assay_base_hash_bytes(&f->blocks[i].commit->block_id.hash));
        assay_json_i64(&json, "round", f->blocks[i].commit->round);
        assay_json_close(&json, '}');
    }
    assay_json_close(&json, ']');
    if (found != ASSAY_OK) {
        assay_json_str(&json, "kind", kind_text(f->kind));
        assay_json_array(&json, "signed_both");
        for (uint32_t i = 0; i < f->votes_count; i++)
            assay_json_hex(&json, NULL, (assay_bytes){f->votes[i].vote_a.validator.b, ASSAY_ADDRESS_LEN});
        assay_json_close(&json, ']');
        assay_json_u64(&json, "power_both", f->power);
        assay_json_u64(&json, "power_total", f->power_total);
        if (f->proof)
            assay_json_str(&json, "proof", shown(c, f->proof));
        else
            assay_json_null(&json, "proof");
        if (written != ASSAY_OK) {
            assay_json_object(&json, "error");
            assay_json_str(&json, "code", assay_base_err_code(written));
            assay_json_str(&json, "because", c->because ? shown(c, c->because) : "");
            assay_json_close(&json, '}');
        }
    }
    assay_json_close(&json, '}');
    return out_written(c, &json, &buf);
}

static void print_fork(const witness *w, const finding *f) {
    call *c = w->c;
    static const char *const says[] = {
        [ASSAY_CERT_FORK_NONE] = "",
        [ASSAY_CERT_FORK_EQUIVOCATION] =
            "equivocation: either could follow from the blocks before; both were signed in one round",
        [ASSAY_CERT_FORK_AMNESIA] =
            "amnesia: either could follow from the blocks before; signed in two rounds, the commits "
            "prove nothing about anybody",
        [ASSAY_CERT_FORK_LUNATIC] = "lunatic: one of the two follows from nothing that came before",
    };
    if (!quiet(c))
        out(c, "a fork of %s from height %llu on\n", visible(c, w->trust.chain_id), (unsigned long long)f->height);
    for (int i = 0; !quiet(c) && i < 2; i++)
        field(c, w->sides[i].url, "%s, round %d", hex(c, f->blocks[i].commit->block_id.hash.b, ASSAY_HASH_LEN),
              (int)f->blocks[i].commit->round);
    if (!quiet(c)) {
        field(c, "kind", "%s", says[f->kind]);
        field(c, "signed both", "%u validators with %llu of %llu power", f->votes_count, (unsigned long long)f->power,
              (unsigned long long)f->power_total);
        out(c, "\n");
    }
    table t = table_begin(c, "VALIDATOR POWER> HEIGHT> ROUND>", f->votes_count);
    for (uint32_t i = 0; i < f->votes_count; i++)
        table_row(&t, hex(c, f->votes[i].vote_a.validator.b, ASSAY_ADDRESS_LEN),
                  keep_text(c, "%llu", (unsigned long long)f->votes[i].validator_power),
                  keep_text(c, "%lld", (long long)f->votes[i].vote_a.height),
                  keep_text(c, "%d", (int)f->votes[i].vote_a.round));
    if (!quiet(c)) table_print(&t);
    if (!quiet(c) && f->votes_count) out(c, "\n");
    if (f->proof && !quiet(c)) field(c, "report it", "assay report %s", f->proof);
    if (f->proof) out(c, "%s\n", f->proof);
}

static void print_agreement(const witness *w, const finding *f) {
    call *c = w->c;
    const char *hash = hex(c, f->blocks[0].commit->block_id.hash.b, ASSAY_HASH_LEN);
    if (!quiet(c)) {
        out(c, "both show the same chain\n");
        field(c, "chain", "%s", visible(c, w->trust.chain_id));
        field(c, "height", "%llu, verified from height %llu on", (unsigned long long)f->height,
              (unsigned long long)w->at->height);
        field(c, "block", "%s", hash);
    }
    out(c, "%s\n", hash);
}

static assay_err tell(witness *w, finding *f, assay_err found) {
    call *c = w->c;
    assay_err written = found == ASSAY_OK ? ASSAY_OK : write_proof(w, f);
    if (json_wanted(c)) {
        ASSAY_TRY(print_json(w, f, found, written));
        c->reported = true;
        return written == ASSAY_OK ? found : written;
    }
    if (found == ASSAY_OK)
        print_agreement(w, f);
    else
        print_fork(w, f);
    /* A fork whose proof is lost is no verdict yet: it has to be looked at again. */
    ASSAY_TRY(written);
    if (found == ASSAY_OK) return ASSAY_OK;
    c->try_this = keep_text(c, "assay report %s", f->proof);
    if (!f->votes_count)
        c->try_this = "show it to people who know the chain: the commits of this fork prove nothing to a program";
    return fail(c, found, "%s and %s differ from height %llu on", w->sides[0].url, w->sides[1].url,
                (unsigned long long)f->height);
}

static assay_err walk(witness *w, finding *f) {
    call *c = w->c;
    const char *path;
    ASSAY_TRY(assay_trust_find(&path, &c->keep, value(c, OPTION_TRUST)));
    assay_err err = assay_trust_read(&w->trust, &c->keep, path, c->scratch);
    if (err != ASSAY_OK) return fail(c, err, "%s", path);
    w->seconds = FOLLOW_SECONDS;
    ASSAY_TRY(value_u64(c, OPTION_TIMEOUT, &w->seconds, 1, 86400));
    ASSAY_TRY(deadline_of(c, &w->deadline, w->seconds));
    w->rules = (assay_cert_light_rules){w->trust.trust_seconds, &w->policy, assay_os_now()};
    for (int i = 0; i < 2; i++) ASSAY_TRY(open_side(w, &w->sides[i], c->words[i]));
    const char *one = w->sides[0].id, *other = w->sides[1].id;
    if (*one && strcmp(one, other) == 0) return usage(c, "both are one node, %s: name two", shown(c, one));
    return compare(w, f);
}

assay_err run_net_witness(call *c) {
    witness *w = ASSAY_NEW(&c->keep, witness, 1);
    finding f = {0};
    if (!w) return ASSAY_F_MEMORY;
    w->c = c;
    w->policy =
        (assay_cert_policy){.allow_age = has(c, OPTION_ALLOW_AGE), .allow_overlap = has(c, OPTION_ALLOW_OVERLAP)};
    if (strcmp(c->words[0], c->words[1]) == 0) return usage(c, "one node agrees with itself: name two");
    assay_err found = walk(w, &f);
    assay_err err = found == ASSAY_OK || found == ASSAY_E_FORK ? tell(w, &f, found) : found;
    for (int i = 0; i < 2; i++) assay_comet_close(w->sides[i].rpc);
    return err;
}
