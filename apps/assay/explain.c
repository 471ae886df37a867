/* SPDX-License-Identifier: Apache-2.0
 *
 * explain - a code, a penalty or a level, in words.
 */
#include "assay_internal.h"

#include <string.h>

static const char *exit_meaning(int code) {
    switch (code) {
    case 0: return "verified, and policy met";
    case 1: return "wrong";
    case 2: return "usage";
    case 3: return "cannot decide";
    case 4: return "valid, but policy not met";
    case 5: return "revoked or slashed";
    case 6: return "input or output failed";
    case 70: return "a bug";
    case 130: return "interrupted";
    default: return "";
    }
}

static assay_err explain_code(call *c, assay_err code) {
    const char *name = assay_base_err_code(code), *text = assay_base_err_text(code), *hint = assay_base_err_hint(code);
    int exit_code = assay_base_err_exit(code);
    bool fault = assay_base_err_is_fault(code);
    if (json_wanted(c))
        return out_json(c, json_pack("{s:s, s:s, s:s, s:i, s:s, s:b}", "code", name, "what", text, "try", hint, "exit",
                                     exit_code, "exit_means", exit_meaning(exit_code), "fault", fault));
    out(c, "%s  %s\n", name, text);
    if (*hint) field(c, "try", "%s", hint);
    field(c, "exit code", "%d: %s", exit_code, exit_meaning(exit_code));
    field(c, "kind", "%s",
          fault ? "a fault: this machine could not tell; nothing is said about the input"
                : "a verdict: every machine says the same of this input");
    return ASSAY_OK;
}

static assay_err explain_level(call *c, const assay_cert_level *level) {
    if (json_wanted(c))
        return out_json(
            c, json_pack("{s:s, s:s, s:s}", "level", level->name, "says", level->says, "says_not", level->says_not));
    out(c, "%s\n", level->name);
    field(c, "says", "%s", level->says);
    field(c, "says not", "%s", level->says_not);
    return ASSAY_OK;
}

/* ---- penalties ----------------------------------------------------------------------------------------------- */

static const char *amount(call *c, const json_t *object, const char *key) {
    char text[32];
    return keep_text(c, "%s", amount_text(text, number(object, key)));
}

static double percent(const json_t *p, const char *of, const char *whole) {
    uint64_t den = number(p, whole);
    return den ? 100.0 * (double)number(p, of) / (double)den : 0;
}

static void print_offence(call *c, const json_t *p, const char *kind) {
    unsigned long long fault = (unsigned long long)number(p, "fault_height");
    if (strcmp(kind, "double-sign") == 0) {
        json_t *round = json_object_get(p, "fault_round");
        const char *where =
            json_integer_value(round) >= 0 ? keep_text(c, ", round %lld", json_integer_value(round)) : "";
        field(c, "fault", "signed two conflicting votes at height %llu%s", fault, where);
        field(c, "share X", "%.4f %% of all stake was at fault in the window, this validator included",
              percent(p, "share_num", "share_den"));
        field(c, "rate", "%.4f %% = max(5 %%, min(100 %%, 3 X))", percent(p, "rate", "rate_whole"));
    } else if (strcmp(kind, "false-opening") == 0) {
        field(c, "fault", "its check of height %llu was opened, and the opening does not lead to its custody root",
              fault);
        field(c, "rate", "%.4f %%, flat", percent(p, "rate", "rate_whole"));
    } else {
        field(c, "fault", "%s, offence number %llu, at height %llu",
              strcmp(kind, "downtime") == 0 ? "did not sign enough blocks" : "missed checks or openings that were due",
              (unsigned long long)number(p, "offence"), fault);
        field(c, "rate", "%.4f %%: nothing the first time, then 0.01 %%, doubling, at most 1 %%",
              percent(p, "rate", "rate_whole"));
    }
}

void penalty_print(call *c, const json_t *p) {
    const char *kind = member(p, "kind");
    out(c, "penalty %llu  %s\n", (unsigned long long)number(p, "id"), kind);
    field(c, "validator", "%s", member(p, "validator"));
    print_offence(c, p, kind);
    field(c, "stake", "%s counted at height %llu", amount(c, p, "base_stake"),
          (unsigned long long)number(p, "fault_height"));
    field(c, "due", "%s = stake x rate, rounded up", amount(c, p, "due"));
    field(c, "taken before", "%s", amount(c, p, "taken_before"));
    field(c, "taken now", "%s = due - taken before; burned %s", amount(c, p, "taken"), amount(c, p, "burned"));
    if (number(p, "cause"))
        field(c, "cause", "penalty %llu raised X: this one is a top-up", (unsigned long long)number(p, "cause"));
    field(c, "decided", "by rule in block %llu; no account can slash or pardon",
          (unsigned long long)number(p, "height"));
    field(c, "evidence", "%s", member(p, "evidence"));
}

static assay_err explain_penalty(call *c, const char *id) {
    json_t *penalty;
    assay_err err = remote_get(c, &penalty, "/penalties/%s", id);
    if (err == ASSAY_E_NOT_FOUND) return fail(c, err, "there is no penalty %s here", id);
    ASSAY_TRY(err);
    if (json_wanted(c)) return out_json(c, penalty);
    penalty_print(c, penalty);
    json_decref(penalty);
    return ASSAY_OK;
}

assay_err run_explain(call *c) {
    const char *word = c->words[0];
    assay_err code;
    const assay_cert_level *level = assay_cert_level_find(word);
    if (is_digits(word)) return explain_penalty(c, word);
    if (level) return explain_level(c, level);
    if (assay_base_err_from_code(&code, word)) return explain_code(c, code);
    return usage(c, "%s is no code (E23, F129), no penalty's number and no level (L0, L1)", word);
}
