/* SPDX-License-Identifier: Apache-2.0
 *
 * codec - the one encoding: protobuf's wire format, described by tables, in two profiles.
 *
 *   strict   for all that is ours: fields in ascending order, minimal varints, no unknown field, no default value on
 *            the wire, nothing twice. One value has one encoding: encode(decode(x)) == x for every x that decodes.
 *   comet    for what CometBFT defines (ABCI, votes, headers): unknown fields are skipped, fields may come in any
 *            order, a later singular scalar replaces an earlier one; non-nullable messages are written even when empty.
 *            A message field that comes twice (gogoproto would merge the two) and groups are ASSAY_E_ENCODING.
 *
 * A message is a C struct and a table of its fields (assay_codec_field), which mirrors a message of spec/proto.
 * Decoding is zero-copy: ASSAY_CODEC_BYTES fields point into the input, which must outlive the struct. Arrays and
 * optional messages are taken from an arena. Nesting is bounded by ASSAY_CODEC_DEPTH_MAX, whatever the tables say. Text
 * is bytes here: whether a string is UTF-8 is for the module that knows what it means.
 *
 * Knows nothing of what it encodes. Also here: bech32m, base64 and canonical JSON text, the other encodings people see.
 * Reading order: codec.h, codec.c, bech32m.c, base64.c, json.c.      Spec: spec/encoding.md; protobuf encoding guide;
 * BIP 350; RFC 4648; RFC 8785.
 */
#ifndef ASSAY_CODEC_H
#define ASSAY_CODEC_H

#include "base/base.h"

#define ASSAY_CODEC_DEPTH_MAX 12                /* messages inside messages, the outermost included */
#define ASSAY_CODEC_FIELDS_MAX 128              /* rows of a table */
#define ASSAY_CODEC_TABLES_MAX 256              /* tables that one table leads to, for its footprint */
#define ASSAY_CODEC_NUMBER_MAX ((1u << 29) - 1) /* protobuf's own bound of a field's number */

typedef enum assay_codec_profile { ASSAY_CODEC_STRICT, ASSAY_CODEC_COMET } assay_codec_profile;

/* What a field is in C, and on the wire. "absent" is what the struct holds when the field is not on the wire. */
typedef enum assay_codec_kind {
    ASSAY_CODEC_U64,      /* uint64_t, varint; absent = 0 */
    ASSAY_CODEC_U32,      /* uint32_t, varint of at most 2^32-1 (strict refuses more, comet truncates); absent = 0 */
    ASSAY_CODEC_I64,      /* int64_t, varint of the two's complement (10 bytes when negative); absent = 0 */
    ASSAY_CODEC_I32,      /* int32_t, the same, sign-extended to 64 bits */
    ASSAY_CODEC_BOOL,     /* bool, varint 0 or 1; absent = false */
    ASSAY_CODEC_SFIXED64, /* int64_t, 8 bytes little-endian; absent = 0 */
    ASSAY_CODEC_BYTES,    /* assay_bytes into the input; absent = empty; max bounds its length (0: no bound) */
    ASSAY_CODEC_FIXED,    /* uint8_t[size] in the struct. strict: must be there, of exactly size bytes. comet: absent or
                             empty = all zero, any other length is ASSAY_E_ENCODING; all zero is not written */
    ASSAY_CODEC_FIXED_OPTIONAL,   /* uint8_t[size]; absent = all zero, and all zero is never written */
    ASSAY_CODEC_MESSAGE,          /* a struct inside the struct. strict: must be there (written even when empty).
                                     comet: gogoproto's non-nullable: always written; absent = all zero */
    ASSAY_CODEC_MESSAGE_OPTIONAL, /* pointer to a struct of the arena, or NULL when absent */
    /* Repeated: the struct holds a pointer at offset and a uint32_t count at count_offset; max bounds the count. */
    ASSAY_CODEC_REPEATED_MESSAGE, /* pointer to an array of structs */
    ASSAY_CODEC_REPEATED_BYTES,   /* pointer to an array of assay_bytes (each at most size bytes; 0: no bound) */
    ASSAY_CODEC_REPEATED_FIXED,   /* pointer to an array of uint8_t[size] */
    ASSAY_CODEC_REPEATED_U64      /* pointer to an array of uint64_t, packed (strict: packed only) */
} assay_codec_kind;

typedef struct assay_codec_message assay_codec_message;

typedef struct assay_codec_field {
    uint32_t number; /* 1 .. 2^29-1; rows of a table ascend */
    assay_codec_kind kind;
    uint32_t offset;       /* offsetof in the struct */
    uint32_t count_offset; /* offsetof the uint32_t count of a repeated field */
    uint32_t size;         /* FIXED: length. REPEATED_BYTES: most bytes of one. */
    uint32_t max;          /* BYTES: most bytes. REPEATED: most elements. 0: no bound but the input's length. */
    const assay_codec_message *sub;
} assay_codec_field;

struct assay_codec_message {
    const char *name; /* the message's name in spec/proto */
    uint32_t struct_size;
    uint32_t struct_align;
    uint32_t field_count;
    const assay_codec_field *fields;
};

/* Rows and tables are written with these, so that an offset and its type stay together:
 *
 *   typedef struct point { uint64_t x; assay_bytes label; assay_hash hash; part *parts; uint32_t parts_count; } point;
 *   static const assay_codec_field point_fields[] = {
 *       ASSAY_FIELD(1, U64, point, x),
 *       ASSAY_FIELD_BYTES(2, point, label, 64),
 *       ASSAY_FIELD_FIXED(3, FIXED, point, hash),
 *       ASSAY_FIELD_REPEATED(4, REPEATED_MESSAGE, point, parts, 100, &part_message),
 *   };
 *   const assay_codec_message point_message = ASSAY_MESSAGE("Point", point, point_fields);
 */
#define ASSAY_FIELD(number, kind, type, member)                                                                        \
    { (number), ASSAY_CODEC_##kind, offsetof(type, member), 0, 0, 0, NULL }
#define ASSAY_FIELD_BYTES(number, type, member, max)                                                                   \
    { (number), ASSAY_CODEC_BYTES, offsetof(type, member), 0, 0, (max), NULL }
#define ASSAY_FIELD_FIXED(number, kind, type, member)                                                                  \
    { (number), ASSAY_CODEC_##kind, offsetof(type, member), 0, sizeof(((type *)0)->member), 0, NULL }
#define ASSAY_FIELD_MESSAGE(number, kind, type, member, sub)                                                           \
    { (number), ASSAY_CODEC_##kind, offsetof(type, member), 0, 0, 0, (sub) }
/* member##_count is the array's uint32_t count. */
#define ASSAY_FIELD_REPEATED(number, kind, type, member, max, sub)                                                     \
    { (number), ASSAY_CODEC_##kind, offsetof(type, member), offsetof(type, member##_count), 0, (max), (sub) }
#define ASSAY_FIELD_REPEATED_SIZED(number, kind, type, member, max, size)                                              \
    { (number), ASSAY_CODEC_##kind, offsetof(type, member), offsetof(type, member##_count), (size), (max), NULL }
#define ASSAY_MESSAGE(name, type, fields)                                                                              \
    { (name), sizeof(type), _Alignof(type), sizeof(fields) / sizeof *(fields), (fields) }

/* assay_codec_table_ok - a table's rows ascend, lie inside their struct, and have what their kinds need. For tests:
 * every module that writes tables checks each of its own once. Submessages are not followed. */
bool assay_codec_table_ok(const assay_codec_message *message);

/* assay_codec_size - how many bytes assay_codec_encode will write. Pure, linear in the message. Bounds are not looked
 * at: what lies deeper than ASSAY_CODEC_DEPTH_MAX, which encode refuses, counts nothing. */
size_t assay_codec_size(const assay_codec_message *message, const void *value, assay_codec_profile profile);

/* assay_codec_encode - appends the encoding of value (a struct of message's type) to out.
 *   ASSAY_E_RANGE    a bound of the table (max, size), or ASSAY_CODEC_DEPTH_MAX, is exceeded; out is as it was
 *   ASSAY_F_MEMORY   out is too small; out is as it was */
ASSAY_MUST_USE assay_err assay_codec_encode(assay_buf *out, const assay_codec_message *message, const void *value,
                                            assay_codec_profile profile);

/* assay_codec_encode_new - the same, into bytes taken from an arena. An empty encoding takes nothing. */
ASSAY_MUST_USE assay_err assay_codec_encode_new(assay_bytes *out, assay_arena *keep, const assay_codec_message *message,
                                                const void *value, assay_codec_profile profile);

/* assay_codec_decode - reads all of input into *value, which it clears first. Byte fields point into input; arrays and
 * optional messages are taken from keep. A hostile input costs time and memory linear in input.len: an element's memory
 * is taken only when its bytes are there (counted before taken). Unless ASSAY_OK, *value is unspecified and keep may
 * have been taken from.
 *   ASSAY_E_ENCODING  not an encoding of this message in this profile
 *   ASSAY_E_RANGE     a bound of the table, or ASSAY_CODEC_DEPTH_MAX, is exceeded
 *   ASSAY_F_MEMORY    keep is too small */
ASSAY_MUST_USE assay_err assay_codec_decode(void *value, assay_arena *keep, const assay_codec_message *message,
                                            assay_bytes input, assay_codec_profile profile);

/* assay_codec_decode_footprint - an arena of this many bytes suffices to decode any input of len bytes, however
 * hostile, so that it gets a verdict and not ASSAY_F_MEMORY. It is about len/2 times the largest struct that an array
 * or a pointer of the table leads to: small bounds (max) on input and arrays keep it small. SIZE_MAX if it does not fit
 * a size_t. Walks the whole tree of tables: call it once, not for every message. */
size_t assay_codec_decode_footprint(const assay_codec_message *message, size_t len);

/* assay_codec_put_varint - appends a minimal unsigned varint (at most 10 bytes). ASSAY_F_MEMORY if it does not fit. */
ASSAY_MUST_USE assay_err assay_codec_put_varint(assay_buf *out, uint64_t value);

/* assay_codec_get_varint - reads one varint from the front of *input and moves it on. strict refuses padding.
 * ASSAY_E_ENCODING if it is truncated, longer than 10 bytes or beyond 64 bits. */
ASSAY_MUST_USE assay_err assay_codec_get_varint(uint64_t *value, assay_bytes *input, assay_codec_profile profile);

/* assay_codec_encode_delimited - uvarint length, then the encoding: what CometBFT signs and frames (comet profile).
 * Errors as assay_codec_encode. */
ASSAY_MUST_USE assay_err assay_codec_encode_delimited(assay_buf *out, const assay_codec_message *message,
                                                      const void *value, assay_codec_profile profile);

/* assay_codec_get_delimited - the reverse, from a stream: takes one message, uvarint(length) and as many bytes, from
 * the front of *input and moves it on. *message has ptr NULL, and *input stays, if the rest has yet to come; then
 * *wanted is how many bytes the whole takes, its length included (0: the length itself is cut). ASSAY_E_ENCODING   the
 * length is no varint      ASSAY_E_SIZE   it is beyond max After either there is no way on in that stream. */
ASSAY_MUST_USE assay_err assay_codec_get_delimited(assay_bytes *message, uint64_t *wanted, assay_bytes *input,
                                                   uint64_t max);

/* ---- bech32m (BIP 350): addresses and keys as people see them ------------------------------------------------ */

#define ASSAY_BECH32M_LEN_MAX 90

/* assay_codec_bech32m_put - writes prefix, '1', data in base 32, checksum, and a zero to out (91 chars at most).
 * ASSAY_E_RANGE if the text would exceed 90 characters or the prefix is empty or not lower-case ASCII. */
ASSAY_MUST_USE assay_err assay_codec_bech32m_put(char out[ASSAY_BECH32M_LEN_MAX + 1], const char *prefix,
                                                 assay_bytes data);

/* assay_codec_bech32m_get - reads text of exactly this prefix and len data bytes, in one case, either (BIP 173).
 * ASSAY_E_ENCODING otherwise (bad checksum, mixed case, wrong prefix or length, non-zero padding). */
ASSAY_MUST_USE assay_err assay_codec_bech32m_get(uint8_t *out, size_t len, const char *prefix, assay_bytes text);

#define ASSAY_ADDRESS_TEXT_LEN 44 /* "assay1" + 32 + 6 */
/* assay_codec_address_put - an address as bech32m with the prefix "assay": 44 characters and a zero. */
void assay_codec_address_put(char out[ASSAY_ADDRESS_TEXT_LEN + 1], assay_address address);
/* assay_codec_address_get - the reverse. ASSAY_E_ENCODING if it is not such a text. */
ASSAY_MUST_USE assay_err assay_codec_address_get(assay_address *out, assay_bytes text);

/* ---- times ------------------------------------------------------------------------------------------------------- */

/* assay_codec_time_get - reads what assay_json_time writes: RFC 3339 in UTC, years 1 to 9999, no other zone, no
 * trailing zeros of a second's part. ASSAY_E_ENCODING. */
ASSAY_MUST_USE assay_err assay_codec_time_get(assay_time *out, assay_bytes text);

/* ---- base64 (RFC 4648, standard alphabet, padded) ------------------------------------------------------------ */

/* assay_codec_base64_size - characters that base64 of len bytes takes, without a zero. */
size_t assay_codec_base64_size(size_t len);
/* assay_codec_base64_put - appends base64 text. ASSAY_F_MEMORY if it does not fit. */
ASSAY_MUST_USE assay_err assay_codec_base64_put(assay_buf *out, assay_bytes data);
/* assay_codec_base64_get - decodes canonical base64 (no white space, zero spare bits, right padding) into keep.
 * ASSAY_E_ENCODING if it is not that, ASSAY_F_MEMORY if keep is too small. */
ASSAY_MUST_USE assay_err assay_codec_base64_get(assay_bytes *out, assay_arena *keep, assay_bytes text);

/* ---- JSON writer: canonical text for what is hashed, signed or printed for machines --------------------------------
 * A sticky writer: after the first failure everything is ignored and assay_json_end tells; out then ends somewhere in
 * the middle. Members are written in the order of the calls; the caller keeps RFC 8785's order where the text is
 * hashed, and its numbers within 2^53. No white space, no floats. Calls that could not give JSON (a member without a
 * key, a wrong bracket, a second value at the top) are bugs of the caller and stop the program. */
#define ASSAY_JSON_DEPTH_MAX 31

typedef struct assay_json {
    assay_buf *out;
    assay_err err;
    uint32_t depth;
    bool comma[ASSAY_JSON_DEPTH_MAX + 1]; /* something stands in this container already */
    char close[ASSAY_JSON_DEPTH_MAX + 1]; /* the character that closes it */
} assay_json;

/* assay_json_begin - a writer that appends to out. */
assay_json assay_json_begin(assay_buf *out);
/* assay_json_object, _array - opens one; key is NULL inside an array and at the top. Close with assay_json_close.
 * ASSAY_E_RANGE sticks beyond ASSAY_JSON_DEPTH_MAX. */
void assay_json_object(assay_json *json, const char *key);
void assay_json_array(assay_json *json, const char *key);
/* assay_json_close - closes the innermost object or array with its character, '}' or ']'. */
void assay_json_close(assay_json *json, char bracket);
/* assay_json_text - a string member or element; text must be UTF-8 (ASSAY_E_ENCODING sticks if not), escaped as
 * RFC 8785 says. Keys are escaped alike. */
void assay_json_text(assay_json *json, const char *key, assay_bytes text);
/* assay_json_str - the same for a zero-terminated string. */
void assay_json_str(assay_json *json, const char *key, const char *text);
/* assay_json_hex - bytes as a string of lower-case hex. */
void assay_json_hex(assay_json *json, const char *key, assay_bytes bytes);
/* assay_json_u64 - a JSON number. */
void assay_json_u64(assay_json *json, const char *key, uint64_t value);
/* assay_json_i64 - a JSON number. */
void assay_json_i64(assay_json *json, const char *key, int64_t value);
/* assay_json_amount - a decimal string: amounts exceed what JSON numbers hold everywhere. */
void assay_json_amount(assay_json *json, const char *key, uint64_t value);
/* assay_json_bool, _null - the literals. */
void assay_json_bool(assay_json *json, const char *key, bool value);
void assay_json_null(assay_json *json, const char *key);
/* assay_json_address - an address as bech32m text. */
void assay_json_address(assay_json *json, const char *key, assay_address address);
/* assay_json_base64 - bytes as a base64 string. */
void assay_json_base64(assay_json *json, const char *key, assay_bytes bytes);
/* assay_json_time - RFC 3339 UTC with nanoseconds trimmed of trailing zeros: "2026-11-25T00:00:00.5Z". ASSAY_E_RANGE
 * sticks outside the years 1 to 9999, or if nanos is not normalised. */
void assay_json_time(assay_json *json, const char *key, assay_time time);
/* assay_json_end - ASSAY_OK, or the first error (ASSAY_F_MEMORY: out is too small; ASSAY_E_ENCODING: text is not UTF-8;
 * ASSAY_E_RANGE: too deep, or no such date). Everything opened is closed by now. */
ASSAY_MUST_USE assay_err assay_json_end(assay_json *json);

/* assay_json_bound - for whoever is about to hand JSON of anybody's to a parser that recurses and allocates:
 * ASSAY_E_LIMIT if it has more than depth_max containers in each other or could have more than values_max values. What
 * is no JSON is left to the parser. One pass, about 1 GB/s. */
ASSAY_MUST_USE assay_err assay_json_bound(assay_bytes text, size_t depth_max, size_t values_max);

#endif
