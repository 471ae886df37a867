/* SPDX-License-Identifier: Apache-2.0
 *
 * ledger/models - what is registered, who checked it, and when the network vouches for it.
 *
 *   register --> recorded --checks, draws, openings--> attested (a leaf of the log)  --> deprecated, revoked
 *                        \--its window passes--------> lapsed
 *
 *   a check   pending --all draws--> its opening window is open --opening--> opened | false (slashed) | void (too late)
 *
 *   messages  register, deprecate, revoke, maintainers, check, opening, report
 *   records   model/name/<name>                          maintainers, number of versions
 *             model/owner/<owner>                        the first model under a prefix: its maintainers own the prefix
 *             model/order/<name>/<number>                versions in the order of registration
 *             model/version/<name>@<version>             types' version record, which certificates prove
 *             model/detail/<name>@<version>              number, source, reason
 *             model/parent/<name>@<version>/<i>          lineage
 *             model/check/<name>@<version>/<validator>   the latest check of a validator, by its owner's address
 *             model/report/<name>@<version>/<validator>  a report of bytes that did not fit
 *   beside the tree (indexes: each follows from the records above)
 *             models/open/, models/draw/, models/ready/, models/test/, models/height/, models/time/, models/root/
 *   limits    ASSAY_PARENTS_MAX, ASSAY_MAINTAINERS_MAX, ASSAY_OPENING_ENTRIES_MAX, ASSAY_SOURCE_LEN_MAX,
 *             ASSAY_MEMO_LEN_MAX, params.model_size_max, ASSAY_FILES_MAX, ASSAY_TENSORS_MAX, and those below
 *   errors    ASSAY_E_NAME, ASSAY_E_ENCODING, ASSAY_E_RANGE, ASSAY_E_LIMIT, ASSAY_E_EMPTY, ASSAY_E_EXISTS,
 *             ASSAY_E_UNAUTHORIZED, ASSAY_E_LINEAGE, ASSAY_E_FUNDS, ASSAY_E_NOT_FOUND, ASSAY_E_STATE, ASSAY_E_WINDOW,
 *             ASSAY_E_DUPLICATE, ASSAY_E_CONTENT, ASSAY_E_OPENING
 *   events    "recorded", "attested", "lapsed", "deprecated", "revoked", "maintainers", "check", "drawn", "opened",
 *             "void", "false-opening", "report"; the subject is name@version (of "maintainers" the name)
 *
 * A version is open while it may be checked: recorded and in its window, or attested and in the duty window.
 * Reading order: models.h, records.c, register.c, checks.c, block.c, queries.c.      Spec: spec/models.md.
 */
#ifndef ASSAY_LEDGER_MODELS_H
#define ASSAY_LEDGER_MODELS_H

#include "base/base.h"
#include "ledger/accounts/accounts.h"
#include "ledger/rule/rule.h"
#include "ledger/slashing/slashing.h"
#include "ledger/staking/staking.h"
#include "types/types.h"

#define ASSAY_MODELS_DRAWS_MAX 16u        /* params.draws_per_check: a check and its draws fit one record */
#define ASSAY_MODELS_REPORT_PATH_MAX 896u /* bytes of a report's path: a report fits one record */
#define ASSAY_MODELS_DUE_MAX 512u         /* windows that close in one block; the rest close in the next ones */

/* ---- records that queries give ------------------------------------------------------------------------------- */

/* model/name/<name> */
typedef struct assay_models_model {
    uint32_t format; /* 1 */
    uint64_t created_height;
    uint64_t versions;                         /* ever registered */
    uint8_t (*maintainers)[ASSAY_ADDRESS_LEN]; /* 1 .. ASSAY_MAINTAINERS_MAX, in the order given */
    uint32_t maintainers_count;
} assay_models_model;

/* model/detail/<name>@<version> */
typedef struct assay_models_detail {
    uint32_t format;    /* 1 */
    uint64_t number;    /* of the version in its model, from 0 */
    uint64_t parents;   /* how many */
    assay_bytes source; /* a label */
    assay_bytes reason; /* of the latest deprecation or revocation */
} assay_models_detail;

typedef enum assay_models_check_state {
    ASSAY_MODELS_PENDING = 1, /* draws to come, or its opening */
    ASSAY_MODELS_OPENED = 2,  /* counts, with the power that its validator has in force */
    ASSAY_MODELS_VOID = 3,    /* not opened in time; may be made again, with twice the draws */
    ASSAY_MODELS_FALSE = 4    /* opened, and false: slashed. May be made again likewise */
} assay_models_check_state;
/* assay_models_check_state_text - "pending", "opened", "void", "false". Static storage. */
const char *assay_models_check_state_text(assay_models_check_state state);

/* model/check/<name>@<version>/<validator> */
typedef struct assay_models_check_record {
    uint32_t format; /* 1 */
    uint32_t state;  /* assay_models_check_state */
    assay_hash id;   /* of the transaction: what its draws depend on */
    assay_hash custody_root;
    uint64_t height; /* of the block that holds it */
    uint64_t voids;  /* checks of this version by this validator that came to nothing: each doubles the next draws */
    uint64_t chunks_per_draw;
    uint8_t (*draws)[ASSAY_HASH_LEN]; /* hashes of the blocks that drew so far */
    uint32_t draws_count;
    uint64_t drawn_height; /* of the last draw; 0: not all are there */
    int64_t drawn_seconds;
    uint64_t ended_height; /* opened, void or false at; 0: pending */
} assay_models_check_record;

/* model/report/<name>@<version>/<validator> */
typedef struct assay_models_report_record {
    uint32_t format; /* 1 */
    assay_address sender;
    assay_bytes path;
    uint64_t height;
} assay_models_report_record;

/* ---- messages ------------------------------------------------------------------------------------------------ */

/* assay_models_register - records a version, and its model if that is new: the signer is its maintainer then. The
 * deposit is params.deposit_per_mib for each started MiB, at least one: half is burned, half is held until the version
 * is attested (given back to the publisher) or ends otherwise (burned). Event "recorded" with the deposit.
 *   ASSAY_E_NAME          name, version or a parent's is malformed
 *   ASSAY_E_ENCODING      source is not UTF-8
 *   ASSAY_E_EMPTY         no file
 *   ASSAY_E_LIMIT         too large, too many files or tensors
 *   ASSAY_E_RANGE         chunks, size and files cannot be those of one manifest; tensors without rules
 *   ASSAY_E_EXISTS        that version was registered before, whatever became of it
 *   ASSAY_E_UNAUTHORIZED  the signer is no maintainer of the model; or, for a new one, of the first under its prefix
 *   ASSAY_E_LINEAGE       a parent that is not registered, or twice the same
 *   ASSAY_E_FUNDS         the deposit; ASSAY_E_OVERFLOW; ASSAY_F_* */
ASSAY_MUST_USE assay_err assay_models_register(assay_rule_context *context, const assay_msg_register *message);
/* assay_models_deprecate - an attested version still verifies, with a warning. Event "deprecated".
 * ASSAY_E_NOT_FOUND, ASSAY_E_UNAUTHORIZED (no maintainer), ASSAY_E_STATE (not attested), ASSAY_E_ENCODING (reason is
 * not UTF-8), ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_deprecate(assay_rule_context *context, const assay_msg_status *message);
/* assay_models_revoke - for ever: certificates of the version verify with exit code 5. A recorded version may be
 * revoked too: its deposit is burned. Event "revoked". Errors as for deprecate; ASSAY_E_STATE for one that lapsed or is
 * revoked. */
ASSAY_MUST_USE assay_err assay_models_revoke(assay_rule_context *context, const assay_msg_status *message);
/* assay_models_maintainers - replaces the list of maintainers. Event "maintainers" with their number.
 * ASSAY_E_NOT_FOUND, ASSAY_E_UNAUTHORIZED, ASSAY_E_RANGE (none), ASSAY_E_DUPLICATE (one twice), ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_maintainers(assay_rule_context *context, const assay_msg_maintainers *message);

/* assay_models_check - a validator's word, signed with its attestation key. The next params.draws_per_check blocks that
 * another validator proposed will draw chunks for it. Event "check" with the validator's power.
 *   ASSAY_E_UNAUTHORIZED  the signer is no attestation key of the set
 *   ASSAY_E_NOT_FOUND     no such version
 *   ASSAY_E_STATE         it lapsed, is deprecated or revoked
 *   ASSAY_E_WINDOW        it is no longer open
 *   ASSAY_E_CONTENT       another root than the version's
 *   ASSAY_E_DUPLICATE     the validator's check is pending or opened; ASSAY_F_* */
ASSAY_MUST_USE assay_err assay_models_check(assay_rule_context *context, const assay_msg_check *message);
/* assay_models_opening - shows the drawn chunks of the signer's check, all of them, in order. ASSAY_OK also for a false
 * one (an entry that fits the manifest and not the custody root): it is evidence, its signer is slashed and jailed.
 * Events "opened", "false-opening".
 *   ASSAY_E_UNAUTHORIZED  the signer is no attestation key of the set
 *   ASSAY_E_NOT_FOUND     no such version, or no check of it by this validator
 *   ASSAY_E_STATE         the version ended, or the check is not pending
 *   ASSAY_E_WINDOW        draws are still to come, or the window has passed
 *   ASSAY_E_OPENING       not as many entries as draws, or one does not fit the manifest or its draw; ASSAY_F_*
 * Cost: about six hashed paths an entry. */
ASSAY_MUST_USE assay_err assay_models_opening(assay_rule_context *context, const assay_msg_opening *message);
/* assay_models_report - somebody sent bytes that did not fit: shown, binding nothing. One for each validator and
 * version, signed by its attestation key or its owner's; paid like any transaction. Event "report".
 *   ASSAY_E_UNAUTHORIZED  the signer is neither key of a validator of the set
 *   ASSAY_E_NOT_FOUND     no such version
 *   ASSAY_E_STATE         it lapsed or is revoked
 *   ASSAY_E_NAME          path is malformed
 *   ASSAY_E_RANGE         path is too long
 *   ASSAY_E_DUPLICATE     it reported already; ASSAY_F_* */
ASSAY_MUST_USE assay_err assay_models_report(assay_rule_context *context, const assay_msg_report *message);

/* ---- genesis and blocks -------------------------------------------------------------------------------------- */

/* assay_models_params_check - ASSAY_E_RANGE if draws and chunks are 0 or do not fit one record and one opening. */
ASSAY_MUST_USE assay_err assay_models_params_check(const assay_params *params);
/* assay_models_close_block - before slashing's and staking's end, so that whoever is jailed for it leaves with this
 * block: closes windows (lapsed versions, void checks, missed duties), then draws. Writes nothing to the tree unless
 * one of these happens. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_close_block(assay_rule_context *context);
/* assay_models_end_block - after staking's end, which made the set: attests what now has more than 2/3 of the power in
 * force; where something was opened in this block, or everywhere if set_changed. Writes nothing to the tree unless one
 * of these happens. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_end_block(assay_rule_context *context, bool set_changed);

/* ---- queries (any view: the journal, or a snapshot from any thread)
 * -------------------------------------------------- */

/* assay_models_version - the record of a version. *found tells. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_version(assay_rule_view view, assay_version_record *out, bool *found,
                                              assay_bytes name, assay_bytes version);
/* assay_models_detail_get - what stands beside the record, and the parents, in keep. *found tells. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_detail_get(assay_rule_view view, assay_models_detail *out, bool *found,
                                                 assay_version_ref **parents, uint32_t *parents_count,
                                                 assay_arena *keep, assay_bytes name, assay_bytes version);
/* assay_models_model_get - a model; its maintainers in keep. *found tells. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_model_get(assay_rule_view view, assay_models_model *out, bool *found,
                                                assay_arena *keep, assay_bytes name);
/* assay_models_owner_get - the model whose maintainers own a prefix ("acme" of "acme/ocr"), in keep. *found tells.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_owner_get(assay_rule_view view, assay_bytes *model, bool *found,
                                                assay_arena *keep, assay_bytes prefix);

typedef struct assay_models_row {
    assay_bytes name;
    assay_models_model model;
} assay_models_row;
/* assay_models_list - up to max models after `after` (empty: from the first), in the order of names; all in keep.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_list(assay_models_row **out, uint32_t *count, assay_arena *keep,
                                           assay_rule_view view, assay_bytes after, uint32_t max);

typedef struct assay_models_version_row {
    uint64_t number;
    assay_bytes name;
    assay_bytes version;
    assay_version_record record;
} assay_models_version_row;
/* assay_models_versions - up to max versions of a model in the order of registration, from number `first` on; in keep.
 * ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_versions(assay_models_version_row **out, uint32_t *count, assay_arena *keep,
                                               assay_rule_view view, assay_bytes name, uint64_t first, uint32_t max);
/* assay_models_of_root - up to max versions with a manifest root that have not lapsed and are not revoked, in the order
 * of names; in keep. Several may have it, with different declared numbers: only those that fit the manifest are true.
 * number is 0. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_of_root(assay_models_version_row **out, uint32_t *count, assay_arena *keep,
                                              assay_rule_view view, assay_hash root, uint32_t max);

typedef struct assay_models_check_row {
    assay_address validator; /* owner */
    uint64_t power;          /* in force now */
    assay_models_check_record check;
} assay_models_check_row;
/* assay_models_checks - up to max checks of a version, in the order of validators' addresses; in keep. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_checks(assay_models_check_row **out, uint32_t *count, assay_arena *keep,
                                             assay_rule_view view, assay_bytes name, assay_bytes version, uint32_t max);
typedef struct assay_models_report_row {
    assay_address validator; /* owner */
    assay_models_report_record report;
} assay_models_report_row;
/* assay_models_reports - up to max reports of a version, likewise. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_reports(assay_models_report_row **out, uint32_t *count, assay_arena *keep,
                                              assay_rule_view view, assay_bytes name, assay_bytes version,
                                              uint32_t max);
/* assay_models_audit - all deposits that are held. For audits of the supply. O(versions). ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_audit(assay_rule_view view, uint64_t *held);

/* ---- duties: what a validator's node has to do --------------------------------------------------------------- */

typedef enum assay_models_duty_kind {
    ASSAY_DUTY_CHECK = 1, /* the version is open and has no check of mine, or a void or false one */
    ASSAY_DUTY_OPEN = 2   /* my check has all its draws, and its window is open */
} assay_models_duty_kind;
typedef struct assay_models_duty {
    assay_models_duty_kind kind;
    assay_bytes name;
    assay_bytes version;
    assay_hash root;
    uint64_t size; /* as declared: a manifest with other totals is not the registered one, whatever its root */
    uint64_t files;
    uint64_t chunks;
    uint64_t recorded_height;
    assay_hash recorded_block; /* salt of the custody key */
    assay_hash custody_root;   /* OPEN: of the check; else zero */
    uint64_t *draws;           /* OPEN: the chunks to show, in order; else NULL */
    uint32_t draws_count;
} assay_models_duty;
/* Where a walk over the open versions stopped, so that the next one goes on there. All zero: at the beginning. */
typedef struct assay_models_turn {
    assay_rule_key after;
    bool started;
} assay_models_turn;

/* assay_models_duties - what the validator with this attestation key has to do, as a snapshot stands, for the block
 * after it: openings first, then checks; at most max. Everything is in keep. Nothing for a key that is not of the set.
 * If there are more than max, *turn (NULL: always from the beginning) makes every open version's turn come, however
 * many somebody registers. From any thread that may use reader. Cost: one look at the validator, then its ready checks
 * and all open versions; two reads if there are none. ASSAY_F_*. */
ASSAY_MUST_USE assay_err assay_models_duties(assay_models_duty **out, uint32_t *count, assay_arena *keep,
                                             assay_state_reader reader, assay_public_key attestation_key, uint32_t max,
                                             assay_models_turn *turn);

#endif
