/* SPDX-License-Identifier: Apache-2.0
 *
 * A block's end: which windows close, what this block draws; and then, when the set is made, what became attested.
 *
 * No opening is lost by that order: in a block in which a version's window has passed, none of its checks can be
 * opened. */
#include "models_internal.h"

assay_err assay_models_params_check(const assay_params *params) {
    bool ok = params->draws_per_check >= 1 && params->draws_per_check <= ASSAY_MODELS_DRAWS_MAX &&
              params->chunks_per_draw >= 1 &&
              params->chunks_per_draw <= ASSAY_OPENING_ENTRIES_MAX / params->draws_per_check;
    return ok ? ASSAY_OK : ASSAY_E_RANGE;
}

/* ---- attesting ----------------------------------------------------------------------------------------------- */

/* The power in force of those whose check of the version is opened. */
static assay_err power_checked(assay_rule_context *context, uint64_t *power, const models_version *version) {
    assay_rule_view view = assay_rule_view_of(context);
    assay_rule_key prefix = assay_models_key_checks(version->name, version->version), last;
    *power = 0;
    for (bool first = true;; first = false) {
        assay_arena scratch = context->scratch;
        assay_models_check_record check;
        assay_staking_validator validator;
        assay_address owner;
        assay_bytes key;
        bool found;
        ASSAY_TRY(assay_rule_next(view, &key, &check, &found, &scratch, &assay_models_check_table, &prefix,
                                  first ? NULL : &last));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(assay_rule_key_copy(&last, key));
        if (check.state != ASSAY_MODELS_OPENED) continue;
        ASSAY_TRY(assay_rule_read_address(&owner, assay_rule_key_tail(key, &prefix), 0));
        ASSAY_TRY(assay_staking_by_owner(view, &validator, &found, owner));
        if (!found) return ASSAY_F_CORRUPT;
        *power += validator.power; /* sums of powers are below 2^60 */
    }
}

static assay_err append_to_log(assay_rule_context *context, models_version *version) {
    const assay_version_record *r = &version->record;
    assay_attestation leaf = {
        .format = 1,
        .name = version->name,
        .version = version->version,
        .root = r->root,
        .size = r->size,
        .publisher = r->publisher,
        .recorded_height = r->recorded_height,
        .attested_height = r->attested_height,
        .power_checked = r->power_checked,
        .power_total = r->power_total,
    };
    uint8_t memory[ASSAY_STATE_VALUE_LEN_MAX];
    assay_buf text = {memory, 0, sizeof memory};
    uint64_t index;
    ASSAY_TRY(assay_codec_encode(&text, &assay_attestation_message, &leaf, ASSAY_CODEC_STRICT));
    ASSAY_TRY(assay_state_log_append(context->state, (assay_bytes){text.ptr, text.len}, &index));
    version->record.log_index = index + 1;
    return ASSAY_OK;
}

static assay_err attest(assay_rule_context *context, models_version *version, uint64_t power, uint64_t total) {
    assay_version_record *r = &version->record;
    r->status = ASSAY_VERSION_ATTESTED;
    r->attested_height = context->height;
    r->power_checked = power;
    r->power_total = total;
    ASSAY_TRY(append_to_log(context, version));
    ASSAY_TRY(assay_accounts_credit(context, assay_crypto_address(r->publisher), r->deposit));
    r->deposit = 0;
    ASSAY_TRY(assay_models_version_store(context->state, version));
    models_entry entry = {.format = 1, .kind = DUE_DUTY, .name = version->name, .version = version->version};
    ASSAY_TRY(assay_models_schedule(context, &entry, assay_models_duty_window(context->params, r->size)));
    assay_models_emit(context, "attested", version->name, version->version, power, r->log_index - 1);
    return ASSAY_OK;
}

/* Is it enough? The one place where a version becomes attested. */
static assay_err test(assay_rule_context *context, const models_entry *entry) {
    models_version version;
    assay_staking_totals totals;
    uint64_t power;
    bool found;
    assay_rule_view view = assay_rule_view_of(context);
    ASSAY_TRY(assay_models_version_load(view, &version, &found, entry->name, entry->version));
    if (!found) return ASSAY_F_CORRUPT;
    if (version.record.status != ASSAY_VERSION_RECORDED) return ASSAY_OK;
    assay_err err = assay_models_is_open(view, context->params, &version.record, assay_rule_now(context));
    if (err != ASSAY_OK) return err == ASSAY_E_WINDOW ? ASSAY_OK : err; /* it lapses as soon as its turn comes */
    ASSAY_TRY(assay_staking_totals_read(view, &totals));
    ASSAY_TRY(power_checked(context, &power, &version));
    if (totals.power == 0 || !assay_base_more_than(power, totals.power, 2, 3)) return ASSAY_OK;
    return attest(context, &version, power, totals.power);
}

/* Calls visit for every entry of an index, and takes those out for which it says so. */
static assay_err walk(assay_rule_context *context, const char *index, bool *left,
                      assay_err (*visit)(assay_rule_context *context, const models_entry *entry, bool *remove)) {
    assay_rule_key prefix = assay_rule_key_begin(index), last;
    *left = false;
    for (bool first = true;; first = false) {
        models_entry entry;
        assay_bytes key;
        bool found, remove = false;
        ASSAY_TRY(assay_rule_next(assay_rule_view_of(context), &key, &entry, &found, NULL, &assay_models_entry_table,
                                  &prefix, first ? NULL : &last));
        if (!found) return ASSAY_OK;
        ASSAY_TRY(assay_rule_key_copy(&last, key));
        ASSAY_TRY(visit(context, &entry, &remove));
        if (remove)
            ASSAY_TRY(assay_models_index_del(context->state, &last));
        else
            *left = true;
    }
}

static assay_err test_and_forget(assay_rule_context *context, const models_entry *entry, bool *remove) {
    *remove = true;
    return test(context, entry);
}

static assay_err test_and_keep(assay_rule_context *context, const models_entry *entry, bool *remove) {
    *remove = false;
    return test(context, entry);
}

/* ---- windows that close -------------------------------------------------------------------------------------- */

static assay_err close_version(assay_rule_context *context, const models_version *version) {
    assay_rule_key key = assay_models_key_open(version->name, version->version);
    return assay_models_index_del(context->state, &key);
}

static assay_err lapse(assay_rule_context *context, models_version *version) {
    assay_version_record *r = &version->record;
    if (r->status != ASSAY_VERSION_RECORDED) return ASSAY_OK;
    uint64_t burned = r->deposit;
    ASSAY_TRY(assay_rule_burn(context, burned));
    r->deposit = 0;
    r->status = ASSAY_VERSION_LAPSED;
    r->ended_height = context->height;
    ASSAY_TRY(assay_models_version_store(context->state, version));
    assay_rule_key key = assay_models_key_root(r->root, version->name, version->version);
    ASSAY_TRY(assay_models_index_del(context->state, &key));
    assay_models_emit(context, "lapsed", version->name, version->version, burned, 0);
    return close_version(context, version);
}

/* Whoever was in the set when the version was attested, and still is, has had a whole window to check it. A pending
 * check is in time, and a void or false one was counted when it ended. */
static assay_err close_duty(assay_rule_context *context, const models_version *version) {
    if (version->record.status != ASSAY_VERSION_ATTESTED) return ASSAY_OK;
    assay_rule_view view = assay_rule_view_of(context);
    assay_address owner = {0};
    bool found;
    for (bool first = true;; first = false) {
        assay_arena scratch = context->scratch;
        assay_staking_member member;
        assay_staking_counted counted;
        assay_models_check_record check;
        assay_address after = owner;
        ASSAY_TRY(assay_staking_member_next(view, &owner, &member, &found, first ? NULL : &after));
        if (!found) break;
        ASSAY_TRY(assay_models_check_load(view, &check, &found, &scratch, version->name, version->version, owner));
        if (found) continue;
        ASSAY_TRY(assay_staking_counted_at(view, &counted, owner, version->record.attested_height));
        if (counted.power > 0) ASSAY_TRY(assay_slashing_missed_duty(context, owner));
    }
    return close_version(context, version);
}

/* An opening that did not come. If the version ended meanwhile, nobody waits for it. */
static assay_err close_opening(assay_rule_context *context, const models_entry *entry, const models_version *version) {
    assay_arena scratch = context->scratch;
    assay_models_check_record check;
    bool found;
    ASSAY_TRY(assay_models_check_load(assay_rule_view_of(context), &check, &found, &scratch, entry->name,
                                      entry->version, entry->validator));
    if (!found) return ASSAY_F_CORRUPT;
    if (check.state != ASSAY_MODELS_PENDING || !assay_base_hash_eq(check.id, entry->check)) return ASSAY_OK;
    assay_rule_key key = assay_models_key_ready(entry->validator, entry->name, entry->version);
    ASSAY_TRY(assay_models_index_del(context->state, &key));
    uint32_t status = version->record.status;
    if (status != ASSAY_VERSION_RECORDED && status != ASSAY_VERSION_ATTESTED) return ASSAY_OK;
    check.state = ASSAY_MODELS_VOID;
    check.ended_height = context->height;
    check.voids++;
    key = assay_models_key_check(entry->name, entry->version, entry->validator);
    ASSAY_TRY(assay_rule_put(context->state, &assay_models_check_table, &key, &check));
    assay_models_emit(context, "void", entry->name, entry->version, 0, check.voids);
    return assay_slashing_missed_duty(context, entry->validator);
}

static assay_err close_window(assay_rule_context *context, const models_entry *entry) {
    models_version version;
    bool found;
    ASSAY_TRY(assay_models_version_load(assay_rule_view_of(context), &version, &found, entry->name, entry->version));
    if (!found) return ASSAY_F_CORRUPT;
    switch ((models_due)entry->kind) {
    case DUE_ATTEST: return lapse(context, &version);
    case DUE_DUTY: return close_duty(context, &version);
    case DUE_OPENING: return close_opening(context, entry, &version);
    }
    return ASSAY_F_CORRUPT;
}

/* ---- draws --------------------------------------------------------------------------------------------------- */

/* All draws are there: the opening's window begins. */
static assay_err ready(assay_rule_context *context, const models_entry *entry, assay_models_check_record *check) {
    assay_rule_moment now = assay_rule_now(context);
    check->drawn_height = now.height;
    check->drawn_seconds = now.seconds;
    models_entry due = {.format = 1,
                        .kind = DUE_OPENING,
                        .name = entry->name,
                        .version = entry->version,
                        .validator = entry->validator,
                        .check = check->id};
    ASSAY_TRY(assay_models_schedule(context, &due, assay_models_opening_window(context->params)));
    assay_rule_key key = assay_models_key_ready(entry->validator, entry->name, entry->version);
    ASSAY_TRY(assay_models_index_put(context->state, &key, entry));
    assay_models_emit(context, "drawn", entry->name, entry->version, check->draws_count * check->chunks_per_draw, 0);
    return ASSAY_OK;
}

/* Does this block draw for this validator's checks? Nobody draws for himself, unless he is alone. */
static assay_err draws_for(assay_rule_context *context, bool *draws, assay_address validator) {
    assay_staking_validator proposer;
    assay_staking_totals totals;
    bool found;
    assay_rule_view view = assay_rule_view_of(context);
    ASSAY_TRY(assay_staking_by_consensus(view, &proposer, &found, context->proposer));
    *draws = !found || !assay_base_address_eq(proposer.owner, validator);
    if (*draws) return ASSAY_OK;
    ASSAY_TRY(assay_staking_totals_read(view, &totals));
    *draws = totals.members == 1;
    return ASSAY_OK;
}

static assay_err draw(assay_rule_context *context, const models_entry *entry, bool *remove) {
    assay_arena scratch = context->scratch;
    assay_rule_view view = assay_rule_view_of(context);
    models_version version;
    assay_models_check_record check;
    bool found, draws;
    ASSAY_TRY(assay_models_version_load(view, &version, &found, entry->name, entry->version));
    if (!found) return ASSAY_F_CORRUPT;
    uint32_t status = version.record.status;
    *remove = status != ASSAY_VERSION_RECORDED && status != ASSAY_VERSION_ATTESTED;
    if (*remove) return ASSAY_OK;
    ASSAY_TRY(assay_models_check_load(view, &check, &found, &scratch, entry->name, entry->version, entry->validator));
    if (!found || check.draws_count >= ASSAY_MODELS_DRAWS_MAX) return ASSAY_F_CORRUPT;
    ASSAY_TRY(draws_for(context, &draws, entry->validator));
    if (check.height == context->height || !draws) return ASSAY_OK;

    uint8_t list[ASSAY_MODELS_DRAWS_MAX][ASSAY_HASH_LEN];
    if (check.draws_count > 0) memcpy(list, check.draws, check.draws_count * sizeof *list);
    memcpy(list[check.draws_count++], context->block_hash.b, ASSAY_HASH_LEN);
    check.draws = list;
    *remove = check.draws_count == context->params->draws_per_check;
    if (*remove) ASSAY_TRY(ready(context, entry, &check));
    assay_rule_key key = assay_models_key_check(entry->name, entry->version, entry->validator);
    return assay_rule_put(context->state, &assay_models_check_table, &key, &check);
}

/* ---- the block's end ----------------------------------------------------------------------------------------- */

assay_err assay_models_close_block(assay_rule_context *context) {
    bool left;
    ASSAY_TRY(assay_models_close_windows(context, close_window));
    ASSAY_TRY(walk(context, "models/draw/", &left, draw));
    if (left) assay_rule_recheck(context, context->height + 1);
    return ASSAY_OK;
}

assay_err assay_models_end_block(assay_rule_context *context, bool set_changed) {
    bool left;
    ASSAY_TRY(walk(context, "models/test/", &left, test_and_forget));
    return set_changed ? walk(context, "models/open/", &left, test_and_keep) : ASSAY_OK;
}
