/* SPDX-License-Identifier: Apache-2.0
 *
 * cert - the file that travels (NAME.assay.json), what a reader trusts (trust.json), and the walk that ends in one
 * verdict.
 *
 *   publisher  manifest, name, version -> statement (in-toto, canonical JSON) -> DSSE signature, in the registration
 *   node       statement, log path, status proof, checkpoint, manifest -> certificate (assay_cert_build)
 *   reader     certificate -> parse -> check (it contradicts itself nowhere) -> anchor (the light client against the
 *              trust file) -> model (hash what lies there) -> verdict: word, exit code, code and text from one value
 *
 * Nothing in a certificate is believed: each field is signed, or hashed into something signed, or refused; members that
 * this program does not know are ignored. Nothing here opens a network connection or enters a room of ledger, agreement
 * or node.
 *
 * Memory: arenas of the caller; jansson takes the heap while a text is parsed or a verdict is written (its failure is
 * ASSAY_F_MEMORY). Views inside the structs point into keep. keep and scratch are different memory.
 * Reading order: cert.h, statement.c, checkpoint.c, build.c, json.c, parse.c, check.c, trust.c, light.c, anchor.c,
 * find.c, verify.c, verdict.c.
 * Spec: spec/certificate.md, spec/trust.md; in-toto Statement v1; DSSE 1.0; RFC 8785; RFC 6962; ICS 23; PROTOCOL.md.
 */
#ifndef ASSAY_CERT_H
#define ASSAY_CERT_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "model/model.h"
#include "types/types.h"

#define ASSAY_CERT_SCHEMA "assay/certificate/1"
#define ASSAY_TRUST_SCHEMA "assay/trust/1"
#define ASSAY_CERT_PAYLOAD_TYPE "application/vnd.in-toto+json"
#define ASSAY_CERT_STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define ASSAY_CERT_PREDICATE_TYPE "urn:assay:attestation:1"

#define ASSAY_CERT_LEN_MAX ((size_t)256 << 20) /* of a certificate's text: 10^6 tensors and the groups of 2 TiB */
#define ASSAY_TRUST_LEN_MAX ((size_t)64 << 20)
#define ASSAY_TRUST_CHECKPOINTS_MAX 1000
#define ASSAY_CERT_DEPTH_MAX 16            /* containers inside containers of either text */
#define ASSAY_CERT_NUMBER_MAX (1ull << 53) /* a file's size in the statement is at most this: JSON numbers everywhere  \
                                            */
#define ASSAY_CERT_CLOCK_DRIFT_SECONDS 10  /* a header may be this far ahead of the reader's clock; CometBFT's default \
                                            */
#define ASSAY_CERT_SUFFIX ".assay.json"
#define ASSAY_CERT_FILE_NAME_LEN_MAX (ASSAY_NAME_LEN_MAX + 1 + ASSAY_VERSION_LEN_MAX + sizeof ASSAY_CERT_SUFFIX)

/* assay_cert_file_name - "<owner>+<model>+<version>.assay.json" and a zero into out (ASSAY_CERT_FILE_NAME_LEN_MAX
 * bytes). ASSAY_E_NAME if name or version is not one. */
ASSAY_MUST_USE assay_err assay_cert_file_name(char *out, assay_bytes name, assay_bytes version);

/* ---- the statement: what a publisher signs ------------------------------------------------------------------- */

/* What the statement says; it has exactly one text. */
typedef struct assay_cert_statement {
    assay_bytes name; /* owner/model */
    assay_bytes version;
    const assay_manifest *manifest;
    assay_hash model_signing; /* the subject's digest: that of assay_model_digest, or of the version's record */
} assay_cert_statement;

/* assay_cert_statement_size - an upper bound of the text's bytes, to size buffers and scratch: about 300 a file. */
size_t assay_cert_statement_size(const assay_cert_statement *statement);
/* assay_cert_statement_write - appends the in-toto Statement v1 as canonical JSON (RFC 8785): subject
 * {name@version, model_signing}, predicate {resources [{digest {blake3, sha256}, name, size}], root, size,
 * tensor_root, tensor_rules}. The manifest must be one that assay_manifest_check accepts.
 *   ASSAY_E_NAME   name or version       ASSAY_E_RANGE  a size beyond ASSAY_CERT_NUMBER_MAX
 *   ASSAY_E_ENCODING  a path is not UTF-8  ASSAY_F_MEMORY  out is too small, or scratch (8 KiB) */
ASSAY_MUST_USE assay_err assay_cert_statement_write(assay_buf *out, const assay_cert_statement *statement,
                                                    assay_arena scratch);
/* assay_cert_statement_sign - the DSSE signature over that text: Ed25519 of PAE(payload type, text). It goes into
 * the registration (assay_msg_register.statement_signature). Errors as _write; scratch: 2 *
 * assay_cert_statement_size + 16 KiB. */
ASSAY_MUST_USE assay_err assay_cert_statement_sign(assay_signature *out, const assay_cert_statement *statement,
                                                   const assay_key_secret *secret, assay_arena scratch);
/* assay_cert_statement_check - rebuilds the envelope and verifies its signature, and that model_signing follows
 * from the manifest (as of a folder, or, with one file, as of that file). A validator asks this before it vouches
 * for a version.
 *   ASSAY_E_SIGNATURE  not the publisher's word     ASSAY_E_CERT  model_signing is another     and the errors of
 *   _write */
ASSAY_MUST_USE assay_err assay_cert_statement_check(const assay_cert_statement *statement, assay_public_key publisher,
                                                    assay_signature signature, assay_arena scratch);
/* assay_cert_statement_envelope - appends the DSSE envelope as JSON, as any DSSE tool reads it:
 * {"payload","payloadType","signatures": [{"keyid": the publisher's key in hex, "sig"}]}. Errors as _write. */
ASSAY_MUST_USE assay_err assay_cert_statement_envelope(assay_buf *out, const assay_cert_statement *statement,
                                                       assay_public_key publisher, assay_signature signature,
                                                       assay_arena scratch);

/* ---- building ------------------------------------------------------------------------------------------------ */

/* What a node puts together for one version as its state stood after block h: header, commit and set are those of
 * the block whose app_hash is assay_app_hash(state_root, log_size, log_root), h+1 as a rule. */
typedef struct assay_cert_parts {
    assay_bytes name;
    assay_bytes version;
    const assay_manifest *manifest;
    assay_bytes groups; /* chaining values of the 1 MiB groups, 32 bytes each (model.h); may be empty */
    assay_hash state_root;
    uint64_t log_size;
    assay_hash log_root;
    assay_bytes proof;       /* assay_state_proof_encode_exist of assay_version_key; the record, and in it the
                                statement's signature, are taken from it */
    assay_bytes attestation; /* encoded assay_attestation, the log's leaf; empty if the version is not attested */
    uint64_t log_index;      /* of the leaf, from 0 */
    const assay_merkle_path *log_path; /* NULL if not attested */
    const assay_header *header;
    const assay_commit *commit;
    const assay_validator_set *validators;
} assay_cert_parts;

/* assay_cert_build_size - an upper bound of the certificate's text, to size out. */
size_t assay_cert_build_size(const assay_cert_parts *parts);
/* assay_cert_build - appends the certificate's text (JSON without white space, so that no byte of it can change
 * unnoticed), after parsing and checking what it wrote: a node never hands out what a reader would refuse.
 *   any error of assay_cert_parse and assay_cert_check: the parts do not fit together
 *   ASSAY_F_MEMORY   out is too small, or scratch: 16 * assay_cert_build_size + 2 MiB, reserved lazily
 * A signature whose time is more than 292 years from that of the one before is left out, as if its validator had been
 * absent. */
ASSAY_MUST_USE assay_err assay_cert_build(assay_buf *out, const assay_cert_parts *parts, assay_arena scratch);

/* ---- parsing and checking ------------------------------------------------------------------------------------ */

/* A certificate, parsed. Only after assay_cert_check does its content agree with itself, and only after
 * assay_cert_anchor_find does it mean anything. */
typedef struct assay_cert {
    assay_bytes chain_id;
    assay_bytes name;
    assay_bytes version;
    assay_bytes payload;        /* the statement's text */
    assay_public_key publisher; /* as the envelope's keyid says */
    assay_signature signature;
    assay_hash state_root;
    uint64_t log_size;
    assay_hash log_root;
    assay_bytes proof;
    assay_bytes record_bytes; /* as the proof shows it */
    assay_version_record record;
    bool attested; /* the next four are there */
    assay_bytes attestation_bytes;
    assay_attestation attestation;
    uint64_t log_index;
    assay_merkle_path log_path;
    assay_header header;
    assay_commit commit; /* addresses recomputed from the keys */
    assay_validator_set validators;
    assay_manifest manifest;
    assay_bytes groups; /* empty: none */
} assay_cert;

/* assay_cert_parse - reads a text of anybody's. Limits come before memory; duplicate members are refused; unknown
 * ones are ignored.
 *   ASSAY_E_FORMAT    the schema, or a format number inside, is one that this program does not know: exit 3, never
 *   "wrong"
 *   ASSAY_E_ENCODING  not JSON, or a part is missing, of the wrong kind, or no canonical encoding
 *   ASSAY_E_RANGE     a number or length is outside its bounds      ASSAY_E_SIZE  longer than ASSAY_CERT_LEN_MAX
 *   ASSAY_F_MEMORY    keep or scratch is too small: 8 times the text and 256 MiB, reserved lazily, suffice for each */
ASSAY_MUST_USE assay_err assay_cert_parse(assay_cert *out, assay_arena *keep, assay_bytes text, assay_arena scratch);

/* assay_cert_check - whether it is what it says, whoever made it: statement, record, attestation, manifest and
 * header say the same of name, version, root, sizes, publisher and chain; the statement's signature is the
 * publisher's; the leaf is in the log, the record in the state; both roots make the header's app_hash; the header
 * names the set; more than 2/3 of it signed, all signatures valid.
 *   ASSAY_E_CERT       two parts contradict each other       ASSAY_E_SIGNATURE  the publisher's or a validator's
 *   ASSAY_E_PROOF      log path, status proof, app hash, or groups that do not lead to the manifest's files
 *   ASSAY_E_COMMIT     the commit                            ASSAY_F_MEMORY     scratch: 4 times the text and 2 MiB
 * Cost: one batch of signatures, SHA-256 over the manifest's leaves; 100 validators: 2 ms. */
ASSAY_MUST_USE assay_err assay_cert_check(const assay_cert *cert, assay_arena scratch);

/* ---- the trust file ------------------------------------------------------------------------------------------ */

typedef struct assay_trust_validator {
    assay_public_key public_key;
    uint64_t power;
} assay_trust_validator;
/* A block that the reader takes as given, and who had power at it. Height 0 is the genesis: its time, its hash in the
 * place of a header's, and the set with which the chain begins. */
typedef struct assay_trust_checkpoint {
    uint64_t height;
    assay_time time; /* the header's */
    assay_hash header_hash;
    assay_validator_set validators; /* to write one, public_key and power suffice; parsed ones are complete */
} assay_trust_checkpoint;
typedef struct assay_trust {
    assay_bytes chain_id;
    assay_hash genesis_hash;
    uint64_t trust_seconds; /* at most 2/3 of unbonding: how long an anchor's validators can still be punished */
    assay_trust_checkpoint *checkpoints; /* ascending in height */
    uint32_t checkpoints_count;
} assay_trust;

/* assay_trust_size - an upper bound of the text of assay_trust_write. */
size_t assay_trust_size(const assay_trust *trust);
/* assay_trust_write - appends the trust file's text (JSON, indented for people, and a newline), PROTOCOL.md's
 * shape: {schema, chain_id, genesis_hash, trust_seconds, checkpoints [{height, time, header_hash, validators
 * [{pub_key, power}]}]}; hashes and keys in hex. Put it in place with assay_os_replace.
 *   ASSAY_E_TRUST_FILE  assay_trust_parse would refuse it      ASSAY_F_MEMORY  out is too small */
ASSAY_MUST_USE assay_err assay_trust_write(assay_buf *out, const assay_trust *trust);
/* assay_trust_parse - reads a trust file. Its writer is trusted, its form is not: chain id, at least one
 * checkpoint, heights strictly ascending and times with them (0 with the genesis hash only), keys that verify
 * signatures, powers in range, nobody twice; the chain id ends in the genesis hash's first 12 digits.
 *   ASSAY_E_TRUST_FILE  malformed           ASSAY_E_FORMAT  a schema of a newer program
 *   ASSAY_F_MEMORY      keep: 4 times the text and 64 KiB */
ASSAY_MUST_USE assay_err assay_trust_parse(assay_trust *out, assay_arena *keep, assay_bytes text);
/* assay_trust_find - where the trust file is: `given` (--trust), else the environment's ASSAY_TRUST, else the user's
 * configuration, $XDG_CONFIG_HOME/assay/trust.json (~/.config). given may be NULL. The path in keep; a file that
 * was named counts even if it is not there. ASSAY_E_NO_TRUST if none is named or found; ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_trust_find(const char **out, assay_arena *keep, const char *given);
/* assay_trust_user_path - the path in the user's configuration, whether or not it is there. ASSAY_E_NO_TRUST
 * without HOME. */
ASSAY_MUST_USE assay_err assay_trust_user_path(const char **out, assay_arena *keep);
/* assay_trust_read - reads and parses the file at path. ASSAY_E_NO_TRUST if it is not there, ASSAY_F_STORAGE;
 * errors of _parse. */
ASSAY_MUST_USE assay_err assay_trust_read(assay_trust *out, assay_arena *keep, const char *path, assay_arena scratch);

/* ---- the light client ---------------------------------------------------------------------------------------- */

/* What a reader may choose to accept, and what it may demand; nothing by default. Each is named in the output when it
 * was made use of. Anybody can have the same bytes attested under a name of their own: who cares for the name says so
 * here. */
typedef struct assay_cert_policy {
    bool allow_age;      /* an anchor older than trust_seconds */
    bool allow_overlap;  /* signers with more than 1/3, but not more than 2/3, of the anchor's power */
    assay_bytes name;    /* owner/model that the certificate has to be for; empty: any */
    assay_bytes version; /* the same of the version */
    bool publisher_wanted;
    assay_public_key publisher; /* whose statement it has to be, if publisher_wanted */
} assay_cert_policy;

/* assay_cert_policy_name - demands a name, "owner/model" or "owner/model@version", which is kept as a view of text.
 * ASSAY_E_NAME if it is none. */
ASSAY_MUST_USE assay_err assay_cert_policy_name(assay_cert_policy *out, const char *text);
/* assay_cert_policy_publisher - demands a publisher by its public key, 64 hex digits. ASSAY_E_ENCODING if they are not
 * that. */
ASSAY_MUST_USE assay_err assay_cert_policy_publisher(assay_cert_policy *out, const char *text);

/* How a certificate hangs on the trust file. */
typedef struct assay_cert_anchor {
    bool found; /* false: no checkpoint at or below the certificate's; all else is zero */
    uint64_t height;
    assay_time time;
    int64_t age_seconds; /* now - time, rounded down; negative: the clock is behind */
    uint64_t overlap;    /* power, at the anchor, of those who signed the certificate's header */
    uint64_t power;      /* of all at the anchor */
    bool pinned;         /* the certificate's header is the checkpoint itself: it verifies for ever */
    bool age_exceeded;   /* a rule that was not met, allowed by policy or not */
    bool overlap_short;
} assay_cert_anchor;

/* assay_cert_anchor_find - judges a checked certificate by the trust file. The best checkpoint at or below its
 * height decides: first the highest, then lower ones if that one does not suffice.
 *   header hash equal to a pinned one: holds for ever. Else the skipping rule: signers with
 *   more than 2/3 of the anchor's power   ASSAY_OK
 *   more than 1/3                         ASSAY_E_OVERLAP (exit 4), unless policy allows it
 *   else, or no anchor                    ASSAY_E_ANCHOR (exit 3)
 *   anchor older than trust_seconds       ASSAY_E_AGE (exit 4), unless policy allows it
 *   ASSAY_E_CLOCK (3)        now is before the anchor's time, or more than ASSAY_CERT_CLOCK_DRIFT_SECONDS before
 *   the header's
 *   ASSAY_E_OTHER_CHAIN (3)  another chain id
 *   ASSAY_E_BLOCK (1)        another header than the pinned one at its height, or a time that is not after the
 *   anchor's
 * out is filled in whatever is returned. Pure; O(validators * log) for each anchor tried. */
ASSAY_MUST_USE assay_err assay_cert_anchor_find(assay_cert_anchor *out, const assay_cert *cert,
                                                const assay_trust *trust, const assay_cert_policy *policy,
                                                assay_time now);

/* What a node hands out of one height, decoded. Views: the three live elsewhere. */
typedef struct assay_cert_light_block {
    const assay_header *header;
    const assay_commit *commit;
    const assay_validator_set *validators; /* of this height */
} assay_cert_light_block;
typedef struct assay_cert_light_rules {
    uint64_t trust_seconds;
    const assay_cert_policy *policy; /* allow_age and allow_overlap count */
    assay_time now;
} assay_cert_light_rules;

/* assay_cert_light_check - whether a light block agrees with itself: the header is of the chain and names the set, the
 * commit is for the header, more than 2/3 of the set signed it, and every signature there verifies (CometBFT's light
 * client stops at 2/3).
 *   ASSAY_E_OTHER_CHAIN   ASSAY_E_BLOCK  header, commit and set are not of one block
 *   ASSAY_E_COMMIT, ASSAY_E_SIGNATURE    the commit     ASSAY_F_MEMORY  scratch: 512 bytes a validator */
ASSAY_MUST_USE assay_err assay_cert_light_check(const assay_cert_light_block *block, assay_bytes chain_id,
                                                assay_arena scratch);

/* assay_cert_light_verify - one step of a light client: a block of anybody's, by one that is trusted (of which header
 * and validators count). First assay_cert_light_check; then the rules and errors of assay_cert_anchor_find, with the
 * trusted block as the only anchor. The block right after it has to have the set that the trusted header names (else
 * ASSAY_E_BLOCK), and then needs no overlap. A lower block is ASSAY_E_ANCHOR: nothing is proven backwards here. */
ASSAY_MUST_USE assay_err assay_cert_light_verify(assay_cert_anchor *out, const assay_cert_light_block *trusted,
                                                 const assay_cert_light_block *block,
                                                 const assay_cert_light_rules *rules, assay_arena scratch);

/* Blocks that a reader has, ascending in height; the last is the one it wants to trust. */
typedef struct assay_cert_light_path {
    const assay_cert_light_block *blocks;
    uint32_t count;
} assay_cert_light_path;
typedef struct assay_cert_light_trace {
    uint32_t *steps; /* indices of the blocks that were trusted one after another; the last is the path's last */
    uint32_t steps_count;
    uint32_t failed;                  /* after an error: index of the block that it is about */
    bool age_exceeded, overlap_short; /* allowed by policy in one of the steps */
} assay_cert_light_trace;
/* assay_cert_light_skip - many steps, as few as suffice: from what is trusted to the last block if that holds, else by
 * halves (CometBFT's skipping verification, over blocks that are at hand). Too little overlap is the one refusal after
 * which a nearer block is tried; every other one is final.
 *   ASSAY_E_RANGE   no block, or heights that do not ascend from the trusted one
 *   errors of assay_cert_light_verify; ASSAY_E_ANCHOR, ASSAY_E_OVERLAP: the next block at hand is too far away
 * keep: 4 bytes a block. Cost: at most steps * log2(count) commits. */
ASSAY_MUST_USE assay_err assay_cert_light_skip(assay_cert_light_trace *out, assay_arena *keep,
                                               const assay_cert_light_block *trusted, const assay_cert_light_path *path,
                                               const assay_cert_light_rules *rules, assay_arena scratch);

typedef enum assay_cert_fork_kind {
    ASSAY_CERT_FORK_NONE = 0,         /* the same block */
    ASSAY_CERT_FORK_EQUIVOCATION = 1, /* both could follow from the chain; signed in one round */
    ASSAY_CERT_FORK_AMNESIA = 2,      /* the same, in two rounds: nobody can be named from the commits alone */
    ASSAY_CERT_FORK_LUNATIC = 3 /* sets, app hash, results or parameters differ: one of the two follows from nothing */
} assay_cert_fork_kind;
/* What two chains prove. */
typedef struct assay_cert_fork {
    assay_cert_fork_kind kind;
    assay_duplicate_vote *votes; /* one each of those who signed both in one round: proof for everybody, whichever block
                                    is the chain's. Their vote_a and vote_b are what assay_msg_evidence takes */
    uint32_t votes_count;
    assay_validator *suspects; /* LUNATIC only: those of the anchor who signed `other`. They are guilty if `trusted` is
                                  the chain's, which no commit can tell; CometBFT's own evidence accuses these */
    uint32_t suspects_count;
} assay_cert_fork;
/* assay_cert_light_fork - two light blocks of one height, of which the reader holds `trusted` for the chain's, both
 * verified from one anchor (assay_cert_light_verify or _skip; of the anchor header and validators count). Checks both
 * again in themselves, so that what it lists is proof by itself. Proves equivocation, and of a lunatic fork what was
 * signed in the same round; names suspects of a lunatic fork in other rounds; sees amnesia and proves nothing of it.
 *   ASSAY_E_RANGE   of two heights      errors of assay_cert_light_check      ASSAY_F_MEMORY  keep: 600 bytes a
 * validator Validators stand in their set's order: power descending. */
ASSAY_MUST_USE assay_err assay_cert_light_fork(assay_cert_fork *out, assay_arena *keep,
                                               const assay_cert_light_block *anchor,
                                               const assay_cert_light_block *trusted,
                                               const assay_cert_light_block *other, assay_arena scratch);

/* ---- verdict ------------------------------------------------------------------------------------------------- */

typedef enum assay_verdict_word {
    ASSAY_VERDICT_VERIFIED = 0,
    ASSAY_VERDICT_WRONG = 1,
    ASSAY_VERDICT_UNDECIDED = 2,
    ASSAY_VERDICT_POLICY = 3,
    ASSAY_VERDICT_REVOKED = 4,
    ASSAY_VERDICT_FAULT = 5
} assay_verdict_word;

/* Everything that a verification found. `code` decides: word, exit code and text are functions of it. */
typedef struct assay_verdict {
    assay_err code;
    assay_bytes subject; /* the file that code speaks of (certificate, trust file, model's file); may be empty */
    const char *what;    /* one clause of detail, or NULL */
    bool parsed;         /* the next are what the certificate says: vouched for only if it is not wrong or undecided */
    assay_bytes name;
    assay_bytes version;
    assay_hash root;
    uint64_t height; /* of the header that proves it */
    uint64_t attested_height;
    uint64_t power_checked; /* when it was attested */
    uint64_t power_total;
    uint64_t files;
    uint64_t size;
    uint32_t status; /* assay_version_status */
    assay_public_key publisher;
    assay_cert_anchor anchor;
    assay_cert_policy policy; /* what was demanded and allowed */
    assay_bytes revoked_name; /* of the same bytes a revoked version has a certificate beside them; empty: none */
    assay_bytes revoked_version;
    bool model_read; /* the bytes at PATH were held against the manifest */
    assay_model_findings findings;
    const char *cert_path; /* NULL: none was found */
    const char *trust_path;
} assay_verdict;

/* assay_verdict_word_of - the word that follows from a code: exit 0 verified, 1 wrong, 3 undecided, 4 policy, 5
 * revoked, else fault. */
assay_verdict_word assay_verdict_word_of(assay_err code);
/* assay_verdict_word_text - "verified", "wrong", "undecided", "policy", "revoked", "fault". Static storage. */
const char *assay_verdict_word_text(assay_verdict_word word);
/* assay_verdict_exit - the exit code of a program that ends with this verdict. Nothing but "verified" gives 0. */
int assay_verdict_exit(const assay_verdict *verdict);
/* assay_verdict_json - appends `verify --json`: {"verdict","exit","code","assurance","name","version","root","height",
 * "anchor":{"height","age_seconds","overlap"},"findings":[{"code","file","tensor","offset","length"}], ...}, and a
 * newline. overlap is a fraction (0 to 1); assurance is "L1" when verified, else null, as is what is not known.
 * Bytes that are not UTF-8 appear as \xNN. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_verdict_json(assay_buf *out, const assay_verdict *verdict);
/* assay_verdict_text - appends the same for people, at most 20 findings written out, no colours; control characters
 * in names are escaped. quiet leaves the findings and one line. ASSAY_F_MEMORY. */
ASSAY_MUST_USE assay_err assay_verdict_text(assay_buf *out, const assay_verdict *verdict, bool quiet);
/* assay_verdict_size - room that suffices for either; a few KiB and what the findings take. */
size_t assay_verdict_size(const assay_verdict *verdict);
#define ASSAY_VERDICT_LEN_MAX ((size_t)16 << 20) /* the same for paths and names within a manifest's limits */

/* An assurance level, in the words that are shown with it. */
typedef struct assay_cert_level {
    const char *name; /* "L0", "L1" */
    const char *says;
    const char *says_not;
} assay_cert_level;
/* assay_cert_level_find - the words of a level by its name in any case; NULL if there is none. Static storage. */
const assay_cert_level *assay_cert_level_find(const char *name);

/* ---- the whole walk ------------------------------------------------------------------------------------------ */

typedef struct assay_cert_request {
    const char *path;  /* the model: a folder or a file */
    const char *cert;  /* --cert; NULL: beside path */
    const char *trust; /* --trust; NULL: assay_trust_find */
    assay_cert_policy policy;
    assay_time now;            /* assay_os_now() */
    assay_model_options model; /* threads and progress count */
} assay_cert_request;

/* assay_cert_verify_path - `assay verify PATH`: finds certificate and trust file, and answers in *out. All that can
 * happen is a verdict, faults of this machine too. keep and scratch: ASSAY_MODEL_ARENA_SIZE each, reserved lazily.
 *   order: certificate wrong (1) > undecided (3; the model is then not read) > fault (6) > content wrong (1, all
 *   findings) > revoked (5) > not attested (4) > name, publisher, overlap, age by policy (4) > verified (0). A
 *   deprecated version verifies, with a warning.
 * Of several *.assay.json beside PATH those whose files' names and sizes fit best are tried; if none fits at all,
 * that is ASSAY_E_NO_CERT. Of those that fit a revoked one counts, whatever others say of the same bytes; else the
 * first that verifies. One that the policy's name or publisher rules out counts only if there is no better; if it is
 * revoked, the verdict carries a warning. */
void assay_cert_verify_path(assay_verdict *out, assay_arena *keep, const assay_cert_request *request,
                            assay_arena scratch);

#endif
