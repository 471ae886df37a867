/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys, and records under them. */
#include "ledger/rule/rule.h"

#include <string.h>

/* ---- keys ---------------------------------------------------------------------------------------------------- */

void assay_rule_key_bytes(assay_rule_key *key, assay_bytes bytes) {
    ASSAY_ASSERT(bytes.len <= sizeof key->bytes - key->len);
    if (bytes.len > 0) memcpy(key->bytes + key->len, bytes.ptr, bytes.len);
    key->len += bytes.len;
}

assay_rule_key assay_rule_key_begin(const char *text) {
    assay_rule_key key;
    key.len = 0;
    assay_rule_key_bytes(&key, assay_base_bytes_str(text));
    return key;
}

void assay_rule_key_address(assay_rule_key *key, assay_address address) {
    assay_rule_key_bytes(key, (assay_bytes){address.b, sizeof address.b});
}

void assay_rule_key_hash(assay_rule_key *key, assay_hash hash) {
    assay_rule_key_bytes(key, (assay_bytes){hash.b, sizeof hash.b});
}

void assay_rule_key_u64(assay_rule_key *key, uint64_t value) {
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(value >> (56 - 8 * i));
    assay_rule_key_bytes(key, (assay_bytes){bytes, sizeof bytes});
}

void assay_rule_key_u32(assay_rule_key *key, uint32_t value) {
    uint8_t bytes[4];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(value >> (24 - 8 * i));
    assay_rule_key_bytes(key, (assay_bytes){bytes, sizeof bytes});
}

assay_bytes assay_rule_key_of(const assay_rule_key *key) { return (assay_bytes){key->bytes, key->len}; }

static bool begins_with(assay_bytes key, const assay_rule_key *prefix) {
    return key.len >= prefix->len && memcmp(key.ptr, prefix->bytes, prefix->len) == 0;
}

assay_bytes assay_rule_key_tail(assay_bytes key, const assay_rule_key *prefix) {
    ASSAY_ASSERT(begins_with(key, prefix));
    return (assay_bytes){key.ptr + prefix->len, key.len - prefix->len};
}

assay_err assay_rule_key_copy(assay_rule_key *out, assay_bytes key) {
    if (key.len > sizeof out->bytes) return ASSAY_F_CORRUPT;
    out->len = 0;
    assay_rule_key_bytes(out, key);
    return ASSAY_OK;
}

assay_err assay_rule_read_u64(uint64_t *out, assay_bytes tail, size_t offset) {
    if (tail.len < 8 || offset > tail.len - 8) return ASSAY_F_CORRUPT;
    *out = 0;
    for (size_t i = 0; i < 8; i++) *out = *out << 8 | tail.ptr[offset + i];
    return ASSAY_OK;
}

assay_err assay_rule_read_address(assay_address *out, assay_bytes tail, size_t offset) {
    if (tail.len < sizeof out->b || offset > tail.len - sizeof out->b) return ASSAY_F_CORRUPT;
    memcpy(out->b, tail.ptr + offset, sizeof out->b);
    return ASSAY_OK;
}

/* ---- views --------------------------------------------------------------------------------------------------- */

assay_rule_view assay_rule_view_state(assay_state *state) { return (assay_rule_view){.state = state}; }
assay_rule_view assay_rule_view_snapshot(assay_state_reader reader) { return (assay_rule_view){.reader = reader}; }

static assay_err view_get(assay_rule_view view, bool side, assay_bytes key, assay_bytes *value, bool *found) {
    if (!view.state)
        return view.reader.get(view.reader.context, side ? ASSAY_SPACE_SIDE : ASSAY_SPACE_VALUE, key, value, found);
    return side ? assay_state_side_get(view.state, key, value, found) : assay_state_get(view.state, key, value, found);
}

static assay_err view_next(assay_rule_view view, bool side, const assay_rule_key *prefix, const assay_rule_key *after,
                           assay_bytes *key, assay_bytes *value, bool *found) {
    assay_bytes begin = assay_rule_key_of(prefix);
    assay_bytes from = after ? assay_rule_key_of(after) : (assay_bytes){0};
    if (view.state)
        return (side ? assay_state_side_next : assay_state_next)(view.state, begin, from, key, value, found);
    bool later = after && assay_base_bytes_cmp(from, begin) >= 0;
    assay_space space = side ? ASSAY_SPACE_SIDE : ASSAY_SPACE_VALUE;
    ASSAY_TRY(view.reader.next(view.reader.context, space, later ? from : begin, later, key, value, found));
    if (*found && !begins_with(*key, prefix)) *found = false;
    return ASSAY_OK;
}

/* ---- records ------------------------------------------------------------------------------------------------- */

/* What this ledger wrote decodes; what does not was damaged. */
static assay_err decode(void *record, assay_arena *keep, const assay_rule_table *table, assay_bytes value) {
    assay_arena none = {0};
    assay_err err = assay_codec_decode(record, keep ? keep : &none, table->message, value, ASSAY_CODEC_STRICT);
    return err == ASSAY_OK || err == ASSAY_F_MEMORY ? err : ASSAY_F_CORRUPT;
}

assay_err assay_rule_get(assay_rule_view view, void *record, bool *found, assay_arena *keep,
                         const assay_rule_table *table, const assay_rule_key *key) {
    assay_bytes value;
    ASSAY_TRY(view_get(view, table->side, assay_rule_key_of(key), &value, found));
    if (*found) return decode(record, keep, table, value);
    memset(record, 0, table->message->struct_size);
    return ASSAY_OK;
}

assay_err assay_rule_next(assay_rule_view view, assay_bytes *key, void *record, bool *found, assay_arena *keep,
                          const assay_rule_table *table, const assay_rule_key *prefix, const assay_rule_key *after) {
    assay_bytes value;
    ASSAY_TRY(view_next(view, table->side, prefix, after, key, &value, found));
    if (*found) return decode(record, keep, table, value);
    memset(record, 0, table->message->struct_size);
    return ASSAY_OK;
}

assay_err assay_rule_put(assay_state *state, const assay_rule_table *table, const assay_rule_key *key,
                         const void *record) {
    uint8_t memory[ASSAY_STATE_VALUE_LEN_MAX];
    assay_buf value = {memory, 0, sizeof memory};
    assay_err err = assay_codec_encode(&value, table->message, record, ASSAY_CODEC_STRICT);
    if (err == ASSAY_F_MEMORY) return ASSAY_E_RANGE; /* the buffer is as long as a value may be */
    if (err != ASSAY_OK) return err;
    assay_bytes bytes = {value.ptr, value.len};
    return table->side ? assay_state_side_put(state, assay_rule_key_of(key), bytes)
                       : assay_state_put(state, assay_rule_key_of(key), bytes);
}

assay_err assay_rule_del(assay_state *state, const assay_rule_table *table, const assay_rule_key *key) {
    return table->side ? assay_state_side_del(state, assay_rule_key_of(key))
                       : assay_state_del(state, assay_rule_key_of(key));
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

assay_err assay_rule_text_check(assay_bytes text) {
    if (text.len > ASSAY_RULE_TEXT_LEN_MAX) return ASSAY_E_RANGE;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) return ASSAY_E_ENCODING;
    /* What is left is fit to be shown if JSON can carry it: at most two bytes for one, as no control character is
     * there. */
    uint8_t memory[2 * ASSAY_RULE_TEXT_LEN_MAX + 2];
    assay_buf out = {memory, 0, sizeof memory};
    assay_json json = assay_json_begin(&out);
    assay_json_text(&json, NULL, text);
    return assay_json_end(&json);
}

/* ---- two plain records --------------------------------------------------------------------------------------- */

static const assay_codec_field number_fields[] = {
    ASSAY_FIELD(1, U32, assay_rule_number, format),
    ASSAY_FIELD(2, U64, assay_rule_number, value),
};
static const assay_codec_message number_message = ASSAY_MESSAGE("Number", assay_rule_number, number_fields);
const assay_rule_table assay_rule_number_table = {&number_message, false};

static const assay_codec_field owner_fields[] = {
    ASSAY_FIELD(1, U32, assay_rule_owner, format),
    ASSAY_FIELD_FIXED(2, FIXED, assay_rule_owner, owner),
};
static const assay_codec_message owner_message = ASSAY_MESSAGE("Owner", assay_rule_owner, owner_fields);
const assay_rule_table assay_rule_owner_table = {&owner_message, false};
