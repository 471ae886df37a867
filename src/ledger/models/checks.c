/* SPDX-License-Identifier: Apache-2.0
 *
 * What validators say: checks, openings, reports. */
#include "models_internal.h"

/* The validator of the set that this attestation key belongs to. */
static assay_err attester(assay_rule_context *context, assay_staking_validator *out) {
    bool found;
    ASSAY_TRY(assay_staking_by_attestation(assay_rule_view_of(context), out, &found, context->signer));
    return found && out->power > 0 ? ASSAY_OK : ASSAY_E_UNAUTHORIZED;
}

static assay_err version_named(assay_rule_context *context, models_version *out, assay_bytes name,
                               assay_bytes version) {
    bool found;
    ASSAY_TRY(assay_models_version_load(assay_rule_view_of(context), out, &found, name, version));
    return found ? ASSAY_OK : ASSAY_E_NOT_FOUND;
}

static assay_err check_store(assay_rule_context *context, const models_version *version, assay_address validator,
                             const assay_models_check_record *check) {
    assay_rule_key key = assay_models_key_check(version->name, version->version, validator);
    return assay_rule_put(context->state, &assay_models_check_table, &key, check);
}

/* ---- check --------------------------------------------------------------------------------------------------- */

/* Each check that came to nothing doubles the chunks of every draw, as far as one opening can show them. */
static uint64_t chunks_per_draw(const assay_params *params, uint64_t voids) {
    uint64_t chunks = params->chunks_per_draw, most = ASSAY_OPENING_ENTRIES_MAX / params->draws_per_check;
    for (uint64_t i = 0; i < voids && chunks < most; i++) chunks *= 2;
    return chunks < most ? chunks : most;
}

assay_err assay_models_check(assay_rule_context *context, const assay_msg_check *m) {
    assay_arena scratch = context->scratch;
    assay_rule_view view = assay_rule_view_of(context);
    assay_staking_validator validator;
    models_version version;
    ASSAY_TRY(attester(context, &validator));
    ASSAY_TRY(version_named(context, &version, m->name, m->version));
    ASSAY_TRY(assay_models_is_open(view, context->params, &version.record, assay_rule_now(context)));
    if (!assay_base_hash_eq(m->root, version.record.root)) return ASSAY_E_CONTENT;

    assay_models_check_record before;
    bool found;
    ASSAY_TRY(assay_models_check_load(view, &before, &found, &scratch, m->name, m->version, validator.owner));
    if (found && (before.state == ASSAY_MODELS_PENDING || before.state == ASSAY_MODELS_OPENED))
        return ASSAY_E_DUPLICATE;

    assay_models_check_record check = {
        .format = 1,
        .state = ASSAY_MODELS_PENDING,
        .id = context->tx_id,
        .custody_root = m->custody_root,
        .height = context->height,
        .voids = before.voids,
        .chunks_per_draw = chunks_per_draw(context->params, before.voids),
    };
    ASSAY_TRY(check_store(context, &version, validator.owner, &check));
    models_entry entry = {.format = 1, .name = m->name, .version = m->version, .validator = validator.owner};
    assay_rule_key key = assay_models_key_draw(m->name, m->version, validator.owner);
    ASSAY_TRY(assay_models_index_put(context->state, &key, &entry));
    assay_models_emit(context, "check", m->name, m->version, validator.power, 0);
    return ASSAY_OK;
}

/* ---- opening ------------------------------------------------------------------------------------------------- */

/* Holds every entry against its draw: ASSAY_E_EVIDENCE if one is false, else ASSAY_E_OPENING if one does not fit, else
 * ASSAY_OK. All are looked at: an entry that fits nothing does not shield a false one. */
static assay_err judge(const assay_msg_opening *m, const models_version *version,
                       const assay_models_check_record *check, assay_public_key attestation_key) {
    uint64_t drawn[ASSAY_OPENING_ENTRIES_MAX];
    if (m->entries_count != assay_models_draw_list(drawn, check, version->record.chunks)) return ASSAY_E_OPENING;
    assay_opening_claim claim = {
        .root = version->record.root,
        .files = version->record.files,
        .chunks = version->record.chunks,
        .custody_key = assay_custody_key(attestation_key, version->record.recorded_block),
        .custody_root = check->custody_root,
    };
    assay_err verdict = ASSAY_OK;
    for (uint32_t i = 0; i < m->entries_count; i++) {
        assay_err err = assay_opening_entry_check(&m->entries[i], drawn[i], &claim);
        if (err == ASSAY_E_EVIDENCE || assay_base_err_is_fault(err)) return err;
        if (err != ASSAY_OK) verdict = err;
    }
    return verdict;
}

/* The check has ended, as opened or as false: it is no longer ready to be opened. */
static assay_err end_check(assay_rule_context *context, const models_version *version, assay_address validator,
                           assay_models_check_record *check, assay_models_check_state state) {
    check->state = state;
    check->ended_height = context->height;
    if (state == ASSAY_MODELS_FALSE) check->voids++;
    ASSAY_TRY(check_store(context, version, validator, check));
    assay_rule_key key = assay_models_key_ready(validator, version->name, version->version);
    return assay_models_index_del(context->state, &key);
}

static assay_err false_opening(assay_rule_context *context, const models_version *version, assay_address validator,
                               assay_models_check_record *check) {
    uint64_t penalty;
    ASSAY_TRY(end_check(context, version, validator, check, ASSAY_MODELS_FALSE));
    ASSAY_TRY(assay_slashing_false_opening(context, &penalty, validator, check->height, context->tx_id));
    assay_models_emit(context, "false-opening", version->name, version->version, 0, penalty);
    return ASSAY_OK;
}

assay_err assay_models_opening(assay_rule_context *context, const assay_msg_opening *m) {
    assay_arena scratch = context->scratch;
    assay_staking_validator validator;
    models_version version;
    assay_models_check_record check;
    bool found;
    ASSAY_TRY(attester(context, &validator));
    ASSAY_TRY(version_named(context, &version, m->name, m->version));
    ASSAY_TRY(assay_models_check_load(assay_rule_view_of(context), &check, &found, &scratch, m->name, m->version,
                                      validator.owner));
    if (!found) return ASSAY_E_NOT_FOUND;
    if (check.state != ASSAY_MODELS_PENDING) return ASSAY_E_STATE;

    /* A check made in time may be opened after the version's own window, if it was attested meanwhile. */
    uint32_t status = version.record.status;
    if (status != ASSAY_VERSION_ATTESTED) {
        if (status != ASSAY_VERSION_RECORDED) return ASSAY_E_STATE;
        ASSAY_TRY(assay_models_is_open(assay_rule_view_of(context), context->params, &version.record,
                                       assay_rule_now(context)));
    }
    ASSAY_TRY(assay_models_opening_is_due(context->params, &check, assay_rule_now(context)));

    assay_err verdict = judge(m, &version, &check, validator.attestation_key);
    if (verdict == ASSAY_E_EVIDENCE) return false_opening(context, &version, validator.owner, &check);
    if (verdict != ASSAY_OK) return verdict;
    ASSAY_TRY(end_check(context, &version, validator.owner, &check, ASSAY_MODELS_OPENED));
    /* The block's end asks whether that was enough, when it knows who is in the set. */
    models_entry entry = {.format = 1, .name = m->name, .version = m->version};
    assay_rule_key key = assay_models_key_test(m->name, m->version);
    if (status == ASSAY_VERSION_RECORDED) ASSAY_TRY(assay_models_index_put(context->state, &key, &entry));
    assay_models_emit(context, "opened", m->name, m->version, validator.power, 0);
    return ASSAY_OK;
}

/* ---- report -------------------------------------------------------------------------------------------------- */

/* A report may come from a validator's owner too: attestation keys need not hold anything to pay with. */
static assay_err reporter(assay_rule_context *context, assay_staking_validator *out) {
    bool found;
    assay_err err = attester(context, out);
    if (err != ASSAY_E_UNAUTHORIZED) return err;
    ASSAY_TRY(assay_staking_by_owner(assay_rule_view_of(context), out, &found, context->signer));
    return found && out->power > 0 ? ASSAY_OK : ASSAY_E_UNAUTHORIZED;
}

assay_err assay_models_report(assay_rule_context *context, const assay_msg_report *m) {
    assay_staking_validator validator;
    models_version version;
    ASSAY_TRY(reporter(context, &validator));
    ASSAY_TRY(version_named(context, &version, m->name, m->version));
    uint32_t status = version.record.status;
    if (status == ASSAY_VERSION_LAPSED || status == ASSAY_VERSION_REVOKED) return ASSAY_E_STATE;
    ASSAY_TRY(assay_path_check(m->path));
    if (m->path.len > ASSAY_MODELS_REPORT_PATH_MAX) return ASSAY_E_RANGE;

    assay_models_report_record report;
    bool found;
    assay_rule_key key = assay_models_key_report(m->name, m->version, validator.owner);
    ASSAY_TRY(assay_rule_get(assay_rule_view_of(context), &report, &found, NULL, &assay_models_report_table, &key));
    if (found) return ASSAY_E_DUPLICATE;
    report = (assay_models_report_record){1, m->sender, m->path, context->height};
    ASSAY_TRY(assay_rule_put(context->state, &assay_models_report_table, &key, &report));
    assay_models_emit(context, "report", m->name, m->version, 0, 0);
    return ASSAY_OK;
}
