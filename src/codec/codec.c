/* SPDX-License-Identifier: Apache-2.0
 *
 * The encoder walks a message twice. The first walk measures it and checks the bounds, so that nothing is written of a
 * message that will not be written whole. The second writes from the last byte to the first: when a submessage's length
 * is due, the submessage already stands, so no length is computed twice and the cost is linear at every depth.
 *
 * The decoder walks once, forwards. Both recurse, no deeper than ASSAY_CODEC_DEPTH_MAX small frames: a table may name
 * itself, so the depth is that of the data, and an explicit stack would hold the same twelve frames less legibly. */
#include "codec/codec.h"

#include <string.h>

#define VARINT_LEN_MAX 10

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, WIRE_32 = 5 };

/* What the decoder asks of a kind before it looks at the kind itself. */
typedef struct kind_rule {
    uint8_t wire;
    bool required; /* strict: the field is always on the wire */
    bool by_key;   /* repeated with a key for every element, so the same key may follow itself */
} kind_rule;

static const kind_rule kind_rules[] = {
    [ASSAY_CODEC_U64] = {WIRE_VARINT, false, false},
    [ASSAY_CODEC_U32] = {WIRE_VARINT, false, false},
    [ASSAY_CODEC_I64] = {WIRE_VARINT, false, false},
    [ASSAY_CODEC_I32] = {WIRE_VARINT, false, false},
    [ASSAY_CODEC_BOOL] = {WIRE_VARINT, false, false},
    [ASSAY_CODEC_SFIXED64] = {WIRE_64, false, false},
    [ASSAY_CODEC_BYTES] = {WIRE_LEN, false, false},
    [ASSAY_CODEC_FIXED] = {WIRE_LEN, true, false},
    [ASSAY_CODEC_FIXED_OPTIONAL] = {WIRE_LEN, false, false},
    [ASSAY_CODEC_MESSAGE] = {WIRE_LEN, true, false},
    [ASSAY_CODEC_MESSAGE_OPTIONAL] = {WIRE_LEN, false, false},
    [ASSAY_CODEC_REPEATED_MESSAGE] = {WIRE_LEN, false, true},
    [ASSAY_CODEC_REPEATED_BYTES] = {WIRE_LEN, false, true},
    [ASSAY_CODEC_REPEATED_FIXED] = {WIRE_LEN, false, true},
    [ASSAY_CODEC_REPEATED_U64] = {WIRE_LEN, false, false},
};

/* ---- the struct's side: members are reached by offset, through memcpy, so no type is punned ------------------ */

static uint64_t load_u64(const uint8_t *member) {
    uint64_t v;
    memcpy(&v, member, sizeof v);
    return v;
}

static uint32_t load_u32(const uint8_t *member) {
    uint32_t v;
    memcpy(&v, member, sizeof v);
    return v;
}

/* An int32 goes on the wire as the int64 of the same value: a negative one takes ten bytes. */
static uint64_t load_i32(const uint8_t *member) {
    int32_t v;
    memcpy(&v, member, sizeof v);
    return (uint64_t)(int64_t)v;
}

static uint64_t load_bool(const uint8_t *member) {
    bool v;
    memcpy(&v, member, sizeof v);
    return v;
}

static assay_bytes load_bytes(const uint8_t *member) {
    assay_bytes v;
    memcpy(&v, member, sizeof v);
    return v;
}

static void *load_ptr(const uint8_t *member) {
    void *v;
    memcpy(&v, member, sizeof v);
    return v;
}

/* A first zero, and every byte like the one before it. */
static bool is_zero(const uint8_t *bytes, size_t len) {
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* ---- measuring ----------------------------------------------------------------------------------------------- */

static size_t varint_size(uint64_t v) {
    uint32_t bits = 64u - (uint32_t)__builtin_clzll(v | 1);
    return (bits + 6) / 7;
}

static size_t key_size(const assay_codec_field *row) { return varint_size((uint64_t)row->number << 3); }

static size_t delimited_size(size_t len) { return varint_size(len) + len; }

/* What the walks share. err is the first bound that the value breaks. */
typedef struct measure {
    assay_codec_profile profile;
    assay_err err;
} measure;

static size_t measure_message(measure *m, const assay_codec_message *message, const uint8_t *value, uint32_t depth);

static size_t measure_repeated(measure *m, const assay_codec_field *row, const uint8_t *value, uint32_t depth) {
    const uint8_t *array = load_ptr(value + row->offset);
    uint32_t count = load_u32(value + row->count_offset);
    if (row->max && count > row->max) m->err = ASSAY_E_RANGE;
    if (count == 0) return 0;
    size_t total = 0;
    if (row->kind == ASSAY_CODEC_REPEATED_U64) {
        for (uint32_t i = 0; i < count; i++) total += varint_size(load_u64(array + (size_t)i * sizeof(uint64_t)));
        return key_size(row) + delimited_size(total);
    }
    if (row->kind == ASSAY_CODEC_REPEATED_FIXED) return count * (key_size(row) + delimited_size(row->size));
    for (uint32_t i = 0; i < count; i++) {
        size_t len;
        if (row->kind == ASSAY_CODEC_REPEATED_BYTES) {
            len = load_bytes(array + (size_t)i * sizeof(assay_bytes)).len;
            if (row->size && len > row->size) m->err = ASSAY_E_RANGE;
        } else {
            len = measure_message(m, row->sub, array + (size_t)i * row->sub->struct_size, depth + 1);
        }
        total += delimited_size(len);
    }
    return count * key_size(row) + total;
}

static size_t measure_field(measure *m, const assay_codec_field *row, const uint8_t *value, uint32_t depth) {
    const uint8_t *member = value + row->offset;
    uint64_t scalar = 0;
    switch (row->kind) {
    case ASSAY_CODEC_U64:
    case ASSAY_CODEC_I64: scalar = load_u64(member); break;
    case ASSAY_CODEC_U32: scalar = load_u32(member); break;
    case ASSAY_CODEC_I32: scalar = load_i32(member); break;
    case ASSAY_CODEC_BOOL: scalar = load_bool(member); break;
    case ASSAY_CODEC_SFIXED64: return load_u64(member) ? key_size(row) + 8 : 0;
    case ASSAY_CODEC_BYTES: {
        size_t len = load_bytes(member).len;
        if (row->max && len > row->max) m->err = ASSAY_E_RANGE;
        return len ? key_size(row) + delimited_size(len) : 0;
    }
    case ASSAY_CODEC_FIXED:
        if (m->profile == ASSAY_CODEC_COMET && is_zero(member, row->size)) return 0;
        return key_size(row) + delimited_size(row->size);
    case ASSAY_CODEC_FIXED_OPTIONAL: return is_zero(member, row->size) ? 0 : key_size(row) + delimited_size(row->size);
    case ASSAY_CODEC_MESSAGE: return key_size(row) + delimited_size(measure_message(m, row->sub, member, depth + 1));
    case ASSAY_CODEC_MESSAGE_OPTIONAL: {
        const uint8_t *sub = load_ptr(member);
        return sub ? key_size(row) + delimited_size(measure_message(m, row->sub, sub, depth + 1)) : 0;
    }
    case ASSAY_CODEC_REPEATED_MESSAGE:
    case ASSAY_CODEC_REPEATED_BYTES:
    case ASSAY_CODEC_REPEATED_FIXED:
    case ASSAY_CODEC_REPEATED_U64: return measure_repeated(m, row, value, depth);
    }
    return scalar ? key_size(row) + varint_size(scalar) : 0;
}

static size_t measure_message(measure *m, const assay_codec_message *message, const uint8_t *value, uint32_t depth) {
    if (depth > ASSAY_CODEC_DEPTH_MAX) {
        m->err = ASSAY_E_RANGE;
        return 0;
    }
    size_t total = 0;
    for (uint32_t i = 0; i < message->field_count; i++) total += measure_field(m, &message->fields[i], value, depth);
    return total;
}

size_t assay_codec_size(const assay_codec_message *message, const void *value, assay_codec_profile profile) {
    measure m = {profile, ASSAY_OK};
    return measure_message(&m, message, value, 1);
}

/* ---- writing, from the last byte to the first ---------------------------------------------------------------- */

static uint8_t *put_varint_before(uint8_t *at, uint64_t v) {
    at -= varint_size(v);
    uint8_t *p = at;
    for (; v >= 0x80; v >>= 7) *p++ = (uint8_t)(v | 0x80);
    *p = (uint8_t)v;
    return at;
}

static uint8_t *put_key_before(uint8_t *at, const assay_codec_field *row) {
    return put_varint_before(at, (uint64_t)row->number << 3 | kind_rules[row->kind].wire);
}

static uint8_t *put_scalar_before(uint8_t *at, const assay_codec_field *row, uint64_t v) {
    return v ? put_key_before(put_varint_before(at, v), row) : at;
}

static uint8_t *put_bytes_before(uint8_t *at, const assay_codec_field *row, const uint8_t *bytes, size_t len) {
    at -= len;
    if (len) memcpy(at, bytes, len);
    return put_key_before(put_varint_before(at, len), row);
}

static uint8_t *put_message_before(uint8_t *at, const assay_codec_message *message, const uint8_t *value,
                                   assay_codec_profile profile);

static uint8_t *put_sub_before(uint8_t *at, const assay_codec_field *row, const uint8_t *value,
                               assay_codec_profile profile) {
    uint8_t *end = at;
    at = put_message_before(at, row->sub, value, profile);
    return put_key_before(put_varint_before(at, (size_t)(end - at)), row);
}

static uint8_t *put_sfixed64_before(uint8_t *at, const assay_codec_field *row, uint64_t v) {
    if (v == 0) return at;
    at -= 8;
    for (uint32_t i = 0; i < 8; i++) at[i] = (uint8_t)(v >> 8 * i);
    return put_key_before(at, row);
}

static uint8_t *put_repeated_before(uint8_t *at, const assay_codec_field *row, const uint8_t *value,
                                    assay_codec_profile profile) {
    const uint8_t *array = load_ptr(value + row->offset);
    uint32_t count = load_u32(value + row->count_offset);
    if (count == 0) return at;
    if (row->kind == ASSAY_CODEC_REPEATED_U64) {
        uint8_t *end = at;
        for (uint32_t i = count; i-- > 0;) at = put_varint_before(at, load_u64(array + (size_t)i * sizeof(uint64_t)));
        return put_key_before(put_varint_before(at, (size_t)(end - at)), row);
    }
    for (uint32_t i = count; i-- > 0;) {
        if (row->kind == ASSAY_CODEC_REPEATED_BYTES) {
            assay_bytes element = load_bytes(array + (size_t)i * sizeof(assay_bytes));
            at = put_bytes_before(at, row, element.ptr, element.len);
        } else if (row->kind == ASSAY_CODEC_REPEATED_FIXED) {
            at = put_bytes_before(at, row, array + (size_t)i * row->size, row->size);
        } else {
            at = put_sub_before(at, row, array + (size_t)i * row->sub->struct_size, profile);
        }
    }
    return at;
}

static uint8_t *put_field_before(uint8_t *at, const assay_codec_field *row, const uint8_t *value,
                                 assay_codec_profile profile) {
    const uint8_t *member = value + row->offset;
    switch (row->kind) {
    case ASSAY_CODEC_U64:
    case ASSAY_CODEC_I64: return put_scalar_before(at, row, load_u64(member));
    case ASSAY_CODEC_U32: return put_scalar_before(at, row, load_u32(member));
    case ASSAY_CODEC_I32: return put_scalar_before(at, row, load_i32(member));
    case ASSAY_CODEC_BOOL: return put_scalar_before(at, row, load_bool(member));
    case ASSAY_CODEC_SFIXED64: return put_sfixed64_before(at, row, load_u64(member));
    case ASSAY_CODEC_BYTES: {
        assay_bytes bytes = load_bytes(member);
        return bytes.len ? put_bytes_before(at, row, bytes.ptr, bytes.len) : at;
    }
    case ASSAY_CODEC_FIXED:
        if (profile == ASSAY_CODEC_COMET && is_zero(member, row->size)) return at;
        return put_bytes_before(at, row, member, row->size);
    case ASSAY_CODEC_FIXED_OPTIONAL:
        return is_zero(member, row->size) ? at : put_bytes_before(at, row, member, row->size);
    case ASSAY_CODEC_MESSAGE: return put_sub_before(at, row, member, profile);
    case ASSAY_CODEC_MESSAGE_OPTIONAL: {
        const uint8_t *sub = load_ptr(member);
        return sub ? put_sub_before(at, row, sub, profile) : at;
    }
    case ASSAY_CODEC_REPEATED_MESSAGE:
    case ASSAY_CODEC_REPEATED_BYTES:
    case ASSAY_CODEC_REPEATED_FIXED:
    case ASSAY_CODEC_REPEATED_U64: return put_repeated_before(at, row, value, profile);
    }
    return at;
}

static uint8_t *put_message_before(uint8_t *at, const assay_codec_message *message, const uint8_t *value,
                                   assay_codec_profile profile) {
    for (uint32_t i = message->field_count; i-- > 0;) at = put_field_before(at, &message->fields[i], value, profile);
    return at;
}

static assay_err encode(assay_buf *out, const assay_codec_message *message, const void *value,
                        assay_codec_profile profile, bool delimited) {
    measure m = {profile, ASSAY_OK};
    size_t len = measure_message(&m, message, value, 1);
    ASSAY_TRY(m.err);
    size_t total = delimited ? delimited_size(len) : len;
    if (total > out->cap - out->len) return ASSAY_F_MEMORY;
    if (total == 0) return ASSAY_OK;
    uint8_t *start = out->ptr + out->len;
    uint8_t *at = put_message_before(start + total, message, value, profile);
    if (delimited) at = put_varint_before(at, len);
    ASSAY_ASSERT(at == start);
    out->len += total;
    return ASSAY_OK;
}

assay_err assay_codec_encode(assay_buf *out, const assay_codec_message *message, const void *value,
                             assay_codec_profile profile) {
    return encode(out, message, value, profile, false);
}

assay_err assay_codec_encode_delimited(assay_buf *out, const assay_codec_message *message, const void *value,
                                       assay_codec_profile profile) {
    return encode(out, message, value, profile, true);
}

assay_err assay_codec_encode_new(assay_bytes *out, assay_arena *keep, const assay_codec_message *message,
                                 const void *value, assay_codec_profile profile) {
    measure m = {profile, ASSAY_OK};
    size_t len = measure_message(&m, message, value, 1);
    ASSAY_TRY(m.err);
    *out = (assay_bytes){NULL, 0};
    if (len == 0) return ASSAY_OK;
    uint8_t *start = ASSAY_NEW(keep, uint8_t, len);
    if (!start) return ASSAY_F_MEMORY;
    uint8_t *at = put_message_before(start + len, message, value, profile);
    ASSAY_ASSERT(at == start);
    *out = (assay_bytes){start, len};
    return ASSAY_OK;
}

assay_err assay_codec_put_varint(assay_buf *out, uint64_t value) {
    size_t len = varint_size(value);
    if (len > out->cap - out->len) return ASSAY_F_MEMORY;
    put_varint_before(out->ptr + out->len + len, value);
    out->len += len;
    return ASSAY_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

typedef struct reader {
    const uint8_t *at;
    const uint8_t *end;
    assay_codec_profile profile;
} reader;

static size_t left(const reader *in) { return (size_t)(in->end - in->at); }

static assay_err get_varint_long(uint64_t *out, reader *in) {
    uint64_t v = 0;
    for (uint32_t shift = 0; shift < 70; shift += 7) {
        if (in->at == in->end) return ASSAY_E_ENCODING;
        uint8_t byte = *in->at++;
        if (shift == 63 && byte > 1) return ASSAY_E_ENCODING;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift > 0 && in->profile == ASSAY_CODEC_STRICT) return ASSAY_E_ENCODING;
            *out = v;
            return ASSAY_OK;
        }
    }
    return ASSAY_E_ENCODING;
}

/* Most keys, lengths and numbers are one byte. */
static inline assay_err get_varint(uint64_t *out, reader *in) {
    if (in->at < in->end && *in->at < 0x80) {
        *out = *in->at++;
        return ASSAY_OK;
    }
    return get_varint_long(out, in);
}

assay_err assay_codec_get_varint(uint64_t *value, assay_bytes *input, assay_codec_profile profile) {
    if (input->len == 0) return ASSAY_E_ENCODING;
    reader in = {input->ptr, input->ptr + input->len, profile};
    ASSAY_TRY(get_varint(value, &in));
    *input = (assay_bytes){in.at, left(&in)};
    return ASSAY_OK;
}

assay_err assay_codec_get_delimited(assay_bytes *message, uint64_t *wanted, assay_bytes *input, uint64_t max) {
    *message = (assay_bytes){NULL, 0};
    *wanted = 0;
    /* A varint that goes on to the end of what came is cut, unless it is longer than varints are. */
    size_t digits = 0;
    while (digits < input->len && input->ptr[digits] >= 0x80) digits++;
    if (digits == input->len) return digits < VARINT_LEN_MAX ? ASSAY_OK : ASSAY_E_ENCODING;
    assay_bytes rest = *input;
    uint64_t length;
    ASSAY_TRY(assay_codec_get_varint(&length, &rest, ASSAY_CODEC_COMET));
    if (length > max || length > SIZE_MAX) return ASSAY_E_SIZE;
    *wanted = digits + 1 + length;
    if (rest.len < length) return ASSAY_OK;
    *message = (assay_bytes){rest.ptr, (size_t)length};
    *input = (assay_bytes){rest.ptr + length, rest.len - (size_t)length};
    return ASSAY_OK;
}

/* A key: the field's number, 1 .. 2^29-1, and its wire type. */
static inline assay_err get_key(uint32_t *number, uint32_t *wire, reader *in) {
    uint64_t key;
    ASSAY_TRY(get_varint(&key, in));
    if (key < 8 || key > UINT32_MAX) return ASSAY_E_ENCODING;
    *number = (uint32_t)key >> 3;
    *wire = (uint32_t)key & 7;
    return ASSAY_OK;
}

static inline assay_err get_delimited(assay_bytes *out, reader *in) {
    uint64_t len;
    ASSAY_TRY(get_varint(&len, in));
    if (len > left(in)) return ASSAY_E_ENCODING;
    *out = (assay_bytes){in->at, (size_t)len};
    in->at += len;
    return ASSAY_OK;
}

/* Groups (3 and 4) were given up by protobuf itself; 6 and 7 were never given a meaning. */
static assay_err skip(reader *in, uint32_t wire) {
    uint64_t number;
    assay_bytes bytes;
    if (wire == WIRE_VARINT) return get_varint(&number, in);
    if (wire == WIRE_LEN) return get_delimited(&bytes, in);
    if (wire != WIRE_64 && wire != WIRE_32) return ASSAY_E_ENCODING;
    size_t len = wire == WIRE_64 ? 8 : 4;
    if (len > left(in)) return ASSAY_E_ENCODING;
    in->at += len;
    return ASSAY_OK;
}

/* How many elements one occurrence of a repeated field brings. in stands behind its key and is moved behind its
 * value. */
static assay_err count_occurrence(uint64_t *count, reader *in, const assay_codec_field *row, uint32_t wire) {
    if (row->kind != ASSAY_CODEC_REPEATED_U64 || wire != WIRE_LEN) {
        *count += 1;
        return skip(in, wire);
    }
    assay_bytes packed;
    ASSAY_TRY(get_delimited(&packed, in));
    for (size_t i = 0; i < packed.len; i++) *count += packed.ptr[i] < 0x80;
    return ASSAY_OK;
}

/* Counts the elements of a repeated field from its first occurrence on, so that their memory is taken once and only
 * for what is there. in is a copy: it stands behind the first key. In strict the elements follow each other; in comet
 * they may be strewn over the rest of the message. */
static assay_err count_elements(uint32_t *out, reader in, const assay_codec_field *row, uint32_t wire) {
    uint64_t count = 0, most = row->max ? row->max : UINT32_MAX;
    ASSAY_TRY(count_occurrence(&count, &in, row, wire));
    while (in.at < in.end && count <= most) {
        uint32_t number;
        ASSAY_TRY(get_key(&number, &wire, &in));
        if (number == row->number) {
            ASSAY_TRY(count_occurrence(&count, &in, row, wire));
        } else {
            if (in.profile == ASSAY_CODEC_STRICT) break;
            ASSAY_TRY(skip(&in, wire));
        }
    }
    if (count > most) return ASSAY_E_RANGE;
    *out = (uint32_t)count;
    return ASSAY_OK;
}

static size_t element_size(const assay_codec_field *row) {
    if (row->kind == ASSAY_CODEC_REPEATED_MESSAGE) return row->sub->struct_size;
    if (row->kind == ASSAY_CODEC_REPEATED_BYTES) return sizeof(assay_bytes);
    if (row->kind == ASSAY_CODEC_REPEATED_U64) return sizeof(uint64_t);
    return row->size;
}

static size_t element_align(const assay_codec_field *row) {
    if (row->kind == ASSAY_CODEC_REPEATED_MESSAGE) return row->sub->struct_align;
    if (row->kind == ASSAY_CODEC_REPEATED_BYTES) return _Alignof(assay_bytes);
    if (row->kind == ASSAY_CODEC_REPEATED_U64) return _Alignof(uint64_t);
    return 1;
}

static assay_err decode_message(reader in, assay_arena *keep, const assay_codec_message *message, uint8_t *value,
                                uint32_t depth);

/* Appends elements to an array that has room for them. The count in the struct is that of the elements read so far. */
static assay_err decode_elements(reader *in, assay_arena *keep, const assay_codec_field *row, uint8_t *array,
                                 uint32_t *count, uint32_t wire, uint32_t depth) {
    if (wire == WIRE_VARINT) {
        uint64_t v;
        ASSAY_TRY(get_varint(&v, in));
        memcpy(array + (size_t)(*count)++ * sizeof v, &v, sizeof v);
        return ASSAY_OK;
    }
    assay_bytes body;
    ASSAY_TRY(get_delimited(&body, in));
    uint8_t *element = array + *count * element_size(row);
    if (row->kind == ASSAY_CODEC_REPEATED_U64) {
        reader packed = {body.ptr, body.ptr + body.len, in->profile};
        for (; packed.at < packed.end; (*count)++, element += sizeof(uint64_t)) {
            uint64_t v;
            ASSAY_TRY(get_varint(&v, &packed));
            memcpy(element, &v, sizeof v);
        }
        return ASSAY_OK;
    }
    *count += 1;
    if (row->kind == ASSAY_CODEC_REPEATED_MESSAGE) {
        reader sub = {body.ptr, body.ptr + body.len, in->profile};
        return decode_message(sub, keep, row->sub, element, depth + 1);
    }
    if (row->kind == ASSAY_CODEC_REPEATED_BYTES) {
        if (row->size && body.len > row->size) return ASSAY_E_RANGE;
        memcpy(element, &body, sizeof body);
        return ASSAY_OK;
    }
    if (body.len != row->size) return ASSAY_E_ENCODING;
    memcpy(element, body.ptr, body.len);
    return ASSAY_OK;
}

static assay_err decode_repeated(reader *in, assay_arena *keep, const assay_codec_field *row, uint8_t *value,
                                 uint32_t wire, uint32_t depth) {
    uint8_t *array = load_ptr(value + row->offset);
    uint32_t count = load_u32(value + row->count_offset);
    if (!array) {
        uint32_t room;
        ASSAY_TRY(count_elements(&room, *in, row, wire));
        /* An empty packed array says nothing; one value has one encoding, so strict leaves it out. */
        if (room == 0) return in->profile == ASSAY_CODEC_STRICT ? ASSAY_E_ENCODING : skip(in, wire);
        array = assay_base_arena_take(keep, element_size(row), room, element_align(row));
        if (!array) return ASSAY_F_MEMORY;
        memcpy(value + row->offset, &array, sizeof array);
    }
    ASSAY_TRY(decode_elements(in, keep, row, array, &count, wire, depth));
    memcpy(value + row->count_offset, &count, sizeof count);
    return ASSAY_OK;
}

/* A scalar kind's number. strict: no default value, nothing beyond the type. comet: cut to the type, as gogoproto
 * does. */
static assay_err decode_varint(reader *in, const assay_codec_field *row, uint8_t *member) {
    uint64_t v;
    ASSAY_TRY(get_varint(&v, in));
    bool strict = in->profile == ASSAY_CODEC_STRICT;
    if (strict && v == 0) return ASSAY_E_ENCODING;
    uint32_t low = (uint32_t)v;
    if (row->kind == ASSAY_CODEC_U32) {
        if (strict && v > UINT32_MAX) return ASSAY_E_ENCODING;
        memcpy(member, &low, sizeof low);
    } else if (row->kind == ASSAY_CODEC_I32) {
        if (strict && v != (uint64_t)(int64_t)(int32_t)low) return ASSAY_E_ENCODING;
        memcpy(member, &low, sizeof low);
    } else if (row->kind == ASSAY_CODEC_BOOL) {
        if (strict && v > 1) return ASSAY_E_ENCODING;
        bool flag = v != 0;
        memcpy(member, &flag, sizeof flag);
    } else {
        memcpy(member, &v, sizeof v);
    }
    return ASSAY_OK;
}

static assay_err decode_sfixed64(reader *in, uint8_t *member) {
    if (left(in) < 8) return ASSAY_E_ENCODING;
    uint64_t v = 0;
    for (uint32_t i = 0; i < 8; i++) v |= (uint64_t)in->at[i] << 8 * i;
    in->at += 8;
    if (in->profile == ASSAY_CODEC_STRICT && v == 0) return ASSAY_E_ENCODING;
    memcpy(member, &v, sizeof v);
    return ASSAY_OK;
}

static assay_err decode_bytes(reader *in, const assay_codec_field *row, uint8_t *member) {
    assay_bytes body;
    ASSAY_TRY(get_delimited(&body, in));
    if (body.len == 0) {
        if (in->profile == ASSAY_CODEC_STRICT) return ASSAY_E_ENCODING;
        body.ptr = NULL;
    }
    if (row->max && body.len > row->max) return ASSAY_E_RANGE;
    memcpy(member, &body, sizeof body);
    return ASSAY_OK;
}

static assay_err decode_fixed(reader *in, const assay_codec_field *row, uint8_t *member) {
    assay_bytes body;
    ASSAY_TRY(get_delimited(&body, in));
    if (in->profile == ASSAY_CODEC_COMET && body.len == 0) {
        memset(member, 0, row->size);
        return ASSAY_OK;
    }
    if (body.len != row->size) return ASSAY_E_ENCODING;
    memcpy(member, body.ptr, body.len);
    if (row->kind == ASSAY_CODEC_FIXED_OPTIONAL && in->profile == ASSAY_CODEC_STRICT && is_zero(member, row->size))
        return ASSAY_E_ENCODING;
    return ASSAY_OK;
}

static assay_err decode_sub(reader *in, assay_arena *keep, const assay_codec_field *row, uint8_t *member,
                            uint32_t depth) {
    assay_bytes body;
    ASSAY_TRY(get_delimited(&body, in));
    if (row->kind == ASSAY_CODEC_MESSAGE_OPTIONAL) {
        uint8_t *sub = assay_base_arena_take(keep, row->sub->struct_size, 1, row->sub->struct_align);
        if (!sub) return ASSAY_F_MEMORY;
        memcpy(member, &sub, sizeof sub);
        member = sub;
    }
    reader sub = {body.ptr, body.ptr + body.len, in->profile};
    return decode_message(sub, keep, row->sub, member, depth + 1);
}

/* One occurrence of a field, in either profile; in stands behind its key. */
static assay_err decode_field(reader *in, assay_arena *keep, const assay_codec_field *row, uint8_t *value,
                              uint32_t wire, uint32_t depth) {
    if (wire != kind_rules[row->kind].wire) {
        bool unpacked = row->kind == ASSAY_CODEC_REPEATED_U64 && wire == WIRE_VARINT;
        if (!unpacked || in->profile == ASSAY_CODEC_STRICT) return ASSAY_E_ENCODING;
    }
    uint8_t *member = value + row->offset;
    switch (row->kind) {
    case ASSAY_CODEC_U64:
    case ASSAY_CODEC_U32:
    case ASSAY_CODEC_I64:
    case ASSAY_CODEC_I32:
    case ASSAY_CODEC_BOOL: return decode_varint(in, row, member);
    case ASSAY_CODEC_SFIXED64: return decode_sfixed64(in, member);
    case ASSAY_CODEC_BYTES: return decode_bytes(in, row, member);
    case ASSAY_CODEC_FIXED:
    case ASSAY_CODEC_FIXED_OPTIONAL: return decode_fixed(in, row, member);
    case ASSAY_CODEC_MESSAGE:
    case ASSAY_CODEC_MESSAGE_OPTIONAL: return decode_sub(in, keep, row, member, depth);
    case ASSAY_CODEC_REPEATED_MESSAGE:
    case ASSAY_CODEC_REPEATED_BYTES:
    case ASSAY_CODEC_REPEATED_FIXED:
    case ASSAY_CODEC_REPEATED_U64: return decode_repeated(in, keep, row, value, wire, depth);
    }
    return ASSAY_F_BUG;
}

/* strict: the wire follows the table from top to bottom. A row that was passed is never met again, which refuses
 * disorder, repetition and unknown fields with one comparison. */
static assay_err decode_strict(reader in, assay_arena *keep, const assay_codec_message *message, uint8_t *value,
                               uint32_t depth) {
    const assay_codec_field *row = message->fields, *end = row + message->field_count;
    while (in.at < in.end) {
        uint32_t number, wire;
        ASSAY_TRY(get_key(&number, &wire, &in));
        for (; row < end && row->number < number; row++)
            if (kind_rules[row->kind].required) return ASSAY_E_ENCODING;
        if (row == end || row->number != number) return ASSAY_E_ENCODING;
        ASSAY_TRY(decode_field(&in, keep, row, value, wire, depth));
        if (!kind_rules[row->kind].by_key) row++;
    }
    for (; row < end; row++)
        if (kind_rules[row->kind].required) return ASSAY_E_ENCODING;
    return ASSAY_OK;
}

/* The row of a number, looked for from row i on and around; the table's length if there is none. Writers keep the order
 * of the table, so the first look or the second hits. */
static uint32_t find_row(const assay_codec_message *message, uint32_t i, uint32_t number) {
    const uint32_t count = message->field_count;
    for (uint32_t tries = 0; tries < count; tries++, i++) {
        if (i >= count) i = 0;
        if (message->fields[i].number == number) return i;
    }
    return count;
}

/* comet: any order, unknown fields skipped, the last of several scalars stands. An embedded message that comes twice is
 * refused: gogoproto would merge the two, which no writer of CometBFT's produces. */
static assay_err decode_comet(reader in, assay_arena *keep, const assay_codec_message *message, uint8_t *value,
                              uint32_t depth) {
    ASSAY_ASSERT(message->field_count <= ASSAY_CODEC_FIELDS_MAX);
    uint64_t seen[ASSAY_CODEC_FIELDS_MAX / 64] = {0};
    uint32_t next = 0;
    while (in.at < in.end) {
        uint32_t number, wire;
        ASSAY_TRY(get_key(&number, &wire, &in));
        uint32_t i = find_row(message, next, number);
        if (i == message->field_count) {
            ASSAY_TRY(skip(&in, wire));
            continue;
        }
        const assay_codec_field *row = &message->fields[i];
        bool is_message = row->kind == ASSAY_CODEC_MESSAGE || row->kind == ASSAY_CODEC_MESSAGE_OPTIONAL;
        if (is_message && (seen[i / 64] >> i % 64 & 1)) return ASSAY_E_ENCODING;
        seen[i / 64] |= (uint64_t)1 << i % 64;
        ASSAY_TRY(decode_field(&in, keep, row, value, wire, depth));
        next = i;
    }
    return ASSAY_OK;
}

static assay_err decode_message(reader in, assay_arena *keep, const assay_codec_message *message, uint8_t *value,
                                uint32_t depth) {
    if (depth > ASSAY_CODEC_DEPTH_MAX) return ASSAY_E_RANGE;
    return in.profile == ASSAY_CODEC_STRICT ? decode_strict(in, keep, message, value, depth)
                                            : decode_comet(in, keep, message, value, depth);
}

assay_err assay_codec_decode(void *value, assay_arena *keep, const assay_codec_message *message, assay_bytes input,
                             assay_codec_profile profile) {
    memset(value, 0, message->struct_size);
    /* A stand-in for NULL, so that no arithmetic is done on it. */
    static const uint8_t nothing[1] = {0};
    const uint8_t *start = input.len ? input.ptr : nothing;
    return decode_message((reader){start, start + input.len, profile}, keep, message, value, 1);
}

/* The most memory that two bytes of input can cost. Every element and every optional message has a key and a length of
 * its own, two bytes at least; packed numbers have one byte each. Alignment may cost an array align-1 bytes more. */
static size_t pair_cost(const assay_codec_message *message) {
    const assay_codec_message *tables[ASSAY_CODEC_TABLES_MAX] = {message};
    uint32_t count = 1;
    size_t most = 2 * sizeof(uint64_t);
    for (uint32_t t = 0; t < count; t++) {
        for (uint32_t i = 0; i < tables[t]->field_count; i++) {
            const assay_codec_field *row = &tables[t]->fields[i];
            size_t cost = row->kind == ASSAY_CODEC_REPEATED_BYTES ? sizeof(assay_bytes) + _Alignof(assay_bytes) : 0;
            if (row->sub) {
                if (row->kind != ASSAY_CODEC_MESSAGE) cost = (size_t)row->sub->struct_size + row->sub->struct_align;
                uint32_t seen = 0;
                while (seen < count && tables[seen] != row->sub) seen++;
                ASSAY_ASSERT(seen < ASSAY_CODEC_TABLES_MAX);
                if (seen == count) tables[count++] = row->sub;
            }
            if (cost > most) most = cost;
        }
    }
    return most;
}

size_t assay_codec_decode_footprint(const assay_codec_message *message, size_t len) {
    uint64_t bytes;
    if (assay_base_mul_u64(&bytes, len / 2 + 1, pair_cost(message)) != ASSAY_OK || bytes > SIZE_MAX) return SIZE_MAX;
    return (size_t)bytes;
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

static size_t member_size(const assay_codec_field *row) {
    switch (row->kind) {
    case ASSAY_CODEC_U64:
    case ASSAY_CODEC_I64:
    case ASSAY_CODEC_SFIXED64: return 8;
    case ASSAY_CODEC_U32:
    case ASSAY_CODEC_I32: return 4;
    case ASSAY_CODEC_BOOL: return sizeof(bool);
    case ASSAY_CODEC_BYTES: return sizeof(assay_bytes);
    case ASSAY_CODEC_FIXED:
    case ASSAY_CODEC_FIXED_OPTIONAL: return row->size;
    case ASSAY_CODEC_MESSAGE: return row->sub ? row->sub->struct_size : 0;
    case ASSAY_CODEC_MESSAGE_OPTIONAL:
    case ASSAY_CODEC_REPEATED_MESSAGE:
    case ASSAY_CODEC_REPEATED_BYTES:
    case ASSAY_CODEC_REPEATED_FIXED:
    case ASSAY_CODEC_REPEATED_U64: return sizeof(void *);
    }
    return 0;
}

bool assay_codec_table_ok(const assay_codec_message *message) {
    if (!message->name || message->struct_size == 0 || message->field_count > ASSAY_CODEC_FIELDS_MAX) return false;
    uint32_t last = 0;
    for (uint32_t i = 0; i < message->field_count; i++) {
        const assay_codec_field *row = &message->fields[i];
        if (row->number <= last || row->number > ASSAY_CODEC_NUMBER_MAX) return false;
        last = row->number;
        size_t size = member_size(row);
        if (size == 0 || size > message->struct_size || row->offset > message->struct_size - size) return false;
        bool message_kind = row->kind == ASSAY_CODEC_MESSAGE || row->kind == ASSAY_CODEC_MESSAGE_OPTIONAL ||
                            row->kind == ASSAY_CODEC_REPEATED_MESSAGE;
        if (message_kind != (row->sub != NULL)) return false;
        if (row->kind == ASSAY_CODEC_REPEATED_FIXED && row->size == 0) return false;
        bool repeated = kind_rules[row->kind].by_key || row->kind == ASSAY_CODEC_REPEATED_U64;
        if (repeated && row->count_offset > message->struct_size - sizeof(uint32_t)) return false;
    }
    return true;
}
