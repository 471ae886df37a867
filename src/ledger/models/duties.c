/* SPDX-License-Identifier: Apache-2.0
 *
 * What one validator has to do, read off a snapshot: its node asks after every block, from a thread of its own. */
#include "models_internal.h"

/* What the search knows. */
typedef struct search {
    assay_rule_view view;
    assay_params params;
    assay_rule_moment now; /* of the snapshot */
    assay_staking_validator validator;
    assay_arena *keep;
    assay_models_duty *list;
    uint32_t count;
    uint32_t max;
} search;

/* One more duty, of which there is room: count < max. */
static assay_err add(search *s, assay_models_duty **out, assay_models_duty_kind kind, const models_version *version) {
    const assay_version_record *r = &version->record;
    if (!s->list) s->list = ASSAY_NEW(s->keep, assay_models_duty, s->max);
    if (!s->list) return ASSAY_F_MEMORY;
    assay_models_duty *duty = *out = &s->list[s->count++];
    *duty = (assay_models_duty){
        .kind = kind,
        .root = r->root,
        .size = r->size,
        .files = r->files,
        .chunks = r->chunks,
        .recorded_height = r->recorded_height,
        .recorded_block = r->recorded_block,
    };
    ASSAY_TRY(assay_base_arena_copy(&duty->name, s->keep, version->name));
    return assay_base_arena_copy(&duty->version, s->keep, version->version);
}

/* A verdict here only says that nothing is to be done. */
static assay_err fault_of(assay_err err) { return assay_base_err_is_fault(err) ? err : ASSAY_OK; }

static assay_err look_at_check(search *s, const models_entry *entry, assay_arena scratch) {
    models_version version;
    assay_models_check_record check;
    bool found;
    ASSAY_TRY(assay_models_version_load(s->view, &version, &found, entry->name, entry->version));
    if (!found) return ASSAY_F_CORRUPT;
    uint32_t status = version.record.status;
    if (status != ASSAY_VERSION_RECORDED && status != ASSAY_VERSION_ATTESTED) return ASSAY_OK;
    assay_err err = status == ASSAY_VERSION_RECORDED
                        ? assay_models_is_open(s->view, &s->params, &version.record, s->now)
                        : ASSAY_OK;
    if (err != ASSAY_OK) return fault_of(err);
    ASSAY_TRY(
        assay_models_check_load(s->view, &check, &found, &scratch, entry->name, entry->version, s->validator.owner));
    if (!found || check.state != ASSAY_MODELS_PENDING) return ASSAY_F_CORRUPT;
    if (assay_models_opening_is_due(&s->params, &check, s->now) != ASSAY_OK) return ASSAY_OK;

    assay_models_duty *duty;
    uint64_t chunks[ASSAY_OPENING_ENTRIES_MAX];
    ASSAY_TRY(add(s, &duty, ASSAY_DUTY_OPEN, &version));
    duty->custody_root = check.custody_root;
    duty->draws_count = assay_models_draw_list(chunks, &check, version.record.chunks);
    duty->draws = ASSAY_NEW(s->keep, uint64_t, duty->draws_count);
    if (!duty->draws) return ASSAY_F_MEMORY;
    memcpy(duty->draws, chunks, duty->draws_count * sizeof *chunks);
    return ASSAY_OK;
}

static assay_err look_at_version(search *s, const models_entry *entry, assay_arena scratch) {
    models_version version;
    assay_models_check_record check;
    bool found;
    ASSAY_TRY(
        assay_models_check_load(s->view, &check, &found, &scratch, entry->name, entry->version, s->validator.owner));
    if (found && check.state != ASSAY_MODELS_VOID && check.state != ASSAY_MODELS_FALSE) return ASSAY_OK;
    ASSAY_TRY(assay_models_version_load(s->view, &version, &found, entry->name, entry->version));
    if (!found) return ASSAY_F_CORRUPT;
    assay_err err = assay_models_is_open(s->view, &s->params, &version.record, s->now);
    if (err != ASSAY_OK) return fault_of(err);
    assay_models_duty *duty;
    return add(s, &duty, ASSAY_DUTY_CHECK, &version);
}

/* From after *last on, which moves along; *ended when nothing is left, or what stands before `stop` was reached. */
static assay_err walk(search *s, assay_rule_key *last, bool *ended, const assay_rule_key *prefix,
                      const assay_rule_key *stop, assay_arena scratch,
                      assay_err (*look)(search *s, const models_entry *entry, assay_arena scratch)) {
    *ended = false;
    while (s->count < s->max) {
        models_entry entry;
        assay_bytes key;
        bool found;
        ASSAY_TRY(assay_rule_next(s->view, &key, &entry, &found, NULL, &assay_models_entry_table, prefix, last));
        if (!found || (stop && assay_base_bytes_cmp(key, assay_rule_key_of(stop)) > 0)) {
            *ended = true;
            return ASSAY_OK;
        }
        ASSAY_TRY(assay_rule_key_copy(last, key));
        ASSAY_TRY(look(s, &entry, scratch));
    }
    return ASSAY_OK;
}

/* All open versions take turns, whoever has registered how many: the walk goes on where the last one stopped. */
static assay_err walk_round(search *s, assay_models_turn *turn, const assay_rule_key *open, assay_arena scratch) {
    bool ended;
    assay_rule_key start = *open;
    if (turn->started) ASSAY_TRY(assay_rule_key_copy(&start, (assay_bytes){turn->after.bytes, turn->after.len}));
    assay_rule_key last = start;
    ASSAY_TRY(walk(s, &last, &ended, open, NULL, scratch, look_at_version));
    if (ended && turn->started) {
        last = *open;
        ASSAY_TRY(walk(s, &last, &ended, open, &start, scratch, look_at_version));
    }
    *turn = (assay_models_turn){last, true};
    return ASSAY_OK;
}

/* The moment of the snapshot's last block, under the chain's parameters. */
static assay_err begin(search *s, bool *found, assay_state_reader reader, assay_arena scratch) {
    assay_rule_chain chain;
    assay_state_head head;
    ASSAY_TRY(assay_state_head_read(&head, reader));
    ASSAY_TRY(assay_rule_chain_load(s->view, &chain, &s->params, found, &scratch));
    if (*found) ASSAY_TRY(assay_rule_moment_at(s->view, &s->now, found, head.height));
    return ASSAY_OK;
}

assay_err assay_models_duties(assay_models_duty **out, uint32_t *count, assay_arena *keep, assay_state_reader reader,
                              assay_public_key attestation_key, uint32_t max, assay_models_turn *turn) {
    _Alignas(16) uint8_t memory[1024]; /* for one check's draws: 16 hashes; or a chain id */
    assay_arena scratch = assay_base_arena(memory, sizeof memory);
    search s = {.view = assay_rule_view_snapshot(reader), .keep = keep, .max = max};
    assay_rule_key open = assay_rule_key_begin("models/open/"), ready;
    bool found;
    *out = NULL;
    *count = 0;
    ASSAY_TRY(assay_staking_by_attestation(s.view, &s.validator, &found, assay_crypto_address(attestation_key)));
    if (!found || s.validator.power == 0) return ASSAY_OK;
    ASSAY_TRY(begin(&s, &found, reader, scratch));
    if (!found) return ASSAY_OK;
    ready = assay_models_key_readies(s.validator.owner);
    bool ended;
    assay_rule_key last = ready;
    assay_models_turn from_start = {0};
    ASSAY_TRY(walk(&s, &last, &ended, &ready, NULL, scratch, look_at_check));
    ASSAY_TRY(walk_round(&s, turn ? turn : &from_start, &open, scratch));
    *out = s.list;
    *count = s.count;
    return ASSAY_OK;
}
