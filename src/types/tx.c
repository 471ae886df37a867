/* SPDX-License-Identifier: Apache-2.0
 *
 * Transactions: their tables, which mirror spec/proto/assay.proto row by row, and what is signed. */
#include "types_internal.h"

#include <string.h>

/* ---- tables: the messages ------------------------------------------------------------------------------------ */

static const assay_codec_field version_ref_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_version_ref, name, ASSAY_NAME_LEN_MAX),
    ASSAY_FIELD_BYTES(2, assay_version_ref, version, ASSAY_VERSION_LEN_MAX),
};
const assay_codec_message assay_version_ref_message =
    ASSAY_MESSAGE("VersionRef", assay_version_ref, version_ref_fields);

static const assay_codec_field send_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, assay_msg_send, to),
    ASSAY_FIELD(2, U64, assay_msg_send, amount),
    ASSAY_FIELD_BYTES(3, assay_msg_send, memo, ASSAY_MEMO_LEN_MAX),
};
const assay_codec_message assay_msg_send_message = ASSAY_MESSAGE("Send", assay_msg_send, send_fields);

static const assay_codec_field validator_create_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, assay_msg_validator_create, consensus_key),
    ASSAY_FIELD_FIXED(2, FIXED, assay_msg_validator_create, attestation_key),
    ASSAY_FIELD_FIXED(3, FIXED, assay_msg_validator_create, consensus_proof),
    ASSAY_FIELD_FIXED(4, FIXED, assay_msg_validator_create, attestation_proof),
    ASSAY_FIELD(5, U64, assay_msg_validator_create, self_bond),
    ASSAY_FIELD_BYTES(6, assay_msg_validator_create, moniker, ASSAY_MONIKER_LEN_MAX),
};
const assay_codec_message assay_msg_validator_create_message =
    ASSAY_MESSAGE("ValidatorCreate", assay_msg_validator_create, validator_create_fields);

static const assay_codec_field delegate_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, assay_msg_delegate, validator),
    ASSAY_FIELD(2, U64, assay_msg_delegate, amount),
};
const assay_codec_message assay_msg_delegate_message = ASSAY_MESSAGE("Delegate", assay_msg_delegate, delegate_fields);

static const assay_codec_field undelegate_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, assay_msg_undelegate, validator),
    ASSAY_FIELD(2, U64, assay_msg_undelegate, amount),
};
const assay_codec_message assay_msg_undelegate_message =
    ASSAY_MESSAGE("Undelegate", assay_msg_undelegate, undelegate_fields);

static const assay_codec_field unjail_fields[] = {
    ASSAY_FIELD_FIXED(1, FIXED, assay_msg_unjail, validator),
};
const assay_codec_message assay_msg_unjail_message = ASSAY_MESSAGE("Unjail", assay_msg_unjail, unjail_fields);

static const assay_codec_field register_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_msg_register, name, ASSAY_NAME_LEN_MAX),
    ASSAY_FIELD_BYTES(2, assay_msg_register, version, ASSAY_VERSION_LEN_MAX),
    ASSAY_FIELD_REPEATED(3, REPEATED_MESSAGE, assay_msg_register, parents, ASSAY_PARENTS_MAX,
                         &assay_version_ref_message),
    ASSAY_FIELD_FIXED(4, FIXED, assay_msg_register, root),
    ASSAY_FIELD(5, U64, assay_msg_register, size),
    ASSAY_FIELD(6, U64, assay_msg_register, files),
    ASSAY_FIELD(7, U64, assay_msg_register, chunks),
    ASSAY_FIELD_FIXED(8, FIXED, assay_msg_register, tensor_root),
    ASSAY_FIELD(9, U32, assay_msg_register, tensor_rules),
    ASSAY_FIELD(10, U64, assay_msg_register, tensors),
    ASSAY_FIELD_FIXED(11, FIXED, assay_msg_register, model_signing),
    ASSAY_FIELD_FIXED(12, FIXED, assay_msg_register, statement_signature),
    ASSAY_FIELD_BYTES(13, assay_msg_register, source, ASSAY_SOURCE_LEN_MAX),
};
const assay_codec_message assay_msg_register_message =
    ASSAY_MESSAGE("RegisterVersion", assay_msg_register, register_fields);

static const assay_codec_field status_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_msg_status, name, ASSAY_NAME_LEN_MAX),
    ASSAY_FIELD_BYTES(2, assay_msg_status, version, ASSAY_VERSION_LEN_MAX),
    ASSAY_FIELD_BYTES(3, assay_msg_status, reason, ASSAY_MEMO_LEN_MAX),
};
const assay_codec_message assay_msg_status_message = ASSAY_MESSAGE("StatusChange", assay_msg_status, status_fields);

static const assay_codec_field maintainers_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_msg_maintainers, name, ASSAY_NAME_LEN_MAX),
    ASSAY_FIELD_REPEATED_SIZED(2, REPEATED_FIXED, assay_msg_maintainers, maintainers, ASSAY_MAINTAINERS_MAX,
                               ASSAY_ADDRESS_LEN),
};
const assay_codec_message assay_msg_maintainers_message =
    ASSAY_MESSAGE("Maintainers", assay_msg_maintainers, maintainers_fields);

static const assay_codec_field check_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_msg_check, name, ASSAY_NAME_LEN_MAX),
    ASSAY_FIELD_BYTES(2, assay_msg_check, version, ASSAY_VERSION_LEN_MAX),
    ASSAY_FIELD_FIXED(3, FIXED, assay_msg_check, root),
    ASSAY_FIELD_FIXED(4, FIXED, assay_msg_check, custody_root),
};
const assay_codec_message assay_msg_check_message = ASSAY_MESSAGE("Check", assay_msg_check, check_fields);

static const assay_codec_field opening_entry_fields[] = {
    ASSAY_FIELD(1, U64, assay_opening_entry, chunk),
    ASSAY_FIELD_BYTES(2, assay_opening_entry, content, ASSAY_BLAKE3_CHUNK_LEN),
    ASSAY_FIELD(3, U64, assay_opening_entry, file_idx),
    ASSAY_FIELD_MESSAGE(4, MESSAGE, assay_opening_entry, file, &assay_file_leaf_message),
    ASSAY_FIELD_REPEATED_SIZED(5, REPEATED_FIXED, assay_opening_entry, file_path, ASSAY_MERKLE_PATH_MAX,
                               ASSAY_HASH_LEN),
    ASSAY_FIELD_REPEATED_SIZED(6, REPEATED_FIXED, assay_opening_entry, plain_path, ASSAY_BLAKE3_PATH_MAX,
                               ASSAY_HASH_LEN),
    ASSAY_FIELD_REPEATED_SIZED(7, REPEATED_FIXED, assay_opening_entry, keyed_path, ASSAY_BLAKE3_PATH_MAX,
                               ASSAY_HASH_LEN),
    ASSAY_FIELD_REPEATED_SIZED(8, REPEATED_FIXED, assay_opening_entry, custody_path, ASSAY_MERKLE_PATH_MAX,
                               ASSAY_HASH_LEN),
};
const assay_codec_message assay_opening_entry_message =
    ASSAY_MESSAGE("OpeningEntry", assay_opening_entry, opening_entry_fields);

static const assay_codec_field opening_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_msg_opening, name, ASSAY_NAME_LEN_MAX),
    ASSAY_FIELD_BYTES(2, assay_msg_opening, version, ASSAY_VERSION_LEN_MAX),
    ASSAY_FIELD_REPEATED(3, REPEATED_MESSAGE, assay_msg_opening, entries, ASSAY_OPENING_ENTRIES_MAX,
                         &assay_opening_entry_message),
};
const assay_codec_message assay_msg_opening_message = ASSAY_MESSAGE("Opening", assay_msg_opening, opening_fields);

static const assay_codec_field report_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_msg_report, name, ASSAY_NAME_LEN_MAX),
    ASSAY_FIELD_BYTES(2, assay_msg_report, version, ASSAY_VERSION_LEN_MAX),
    ASSAY_FIELD_FIXED(3, FIXED, assay_msg_report, sender),
    ASSAY_FIELD_BYTES(4, assay_msg_report, path, ASSAY_PATH_LEN_MAX),
};
const assay_codec_message assay_msg_report_message = ASSAY_MESSAGE("Report", assay_msg_report, report_fields);

static const assay_codec_field evidence_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_msg_evidence, vote_a, ASSAY_VOTE_LEN_MAX),
    ASSAY_FIELD_BYTES(2, assay_msg_evidence, vote_b, ASSAY_VOTE_LEN_MAX),
};
const assay_codec_message assay_msg_evidence_message = ASSAY_MESSAGE("Evidence", assay_msg_evidence, evidence_fields);

/* ---- tables: body and transaction ---------------------------------------------------------------------------- */

#define BODY_MESSAGE(number, member, table) ASSAY_FIELD_MESSAGE(number, MESSAGE_OPTIONAL, assay_tx_body, member, table)

static const assay_codec_field tx_body_fields[] = {
    ASSAY_FIELD(1, U32, assay_tx_body, format),
    ASSAY_FIELD_BYTES(2, assay_tx_body, chain_id, ASSAY_CHAIN_ID_LEN_MAX),
    ASSAY_FIELD(3, U64, assay_tx_body, nonce),
    ASSAY_FIELD(4, U64, assay_tx_body, fee),
    ASSAY_FIELD(5, U64, assay_tx_body, expiry_height),
    BODY_MESSAGE(10, send, &assay_msg_send_message),
    BODY_MESSAGE(20, validator_create, &assay_msg_validator_create_message),
    BODY_MESSAGE(21, delegate, &assay_msg_delegate_message),
    BODY_MESSAGE(22, undelegate, &assay_msg_undelegate_message),
    BODY_MESSAGE(23, unjail, &assay_msg_unjail_message),
    BODY_MESSAGE(30, register_version, &assay_msg_register_message),
    BODY_MESSAGE(31, deprecate, &assay_msg_status_message),
    BODY_MESSAGE(32, revoke, &assay_msg_status_message),
    BODY_MESSAGE(33, maintainers, &assay_msg_maintainers_message),
    BODY_MESSAGE(34, check, &assay_msg_check_message),
    BODY_MESSAGE(35, opening, &assay_msg_opening_message),
    BODY_MESSAGE(36, report, &assay_msg_report_message),
    BODY_MESSAGE(40, evidence, &assay_msg_evidence_message),
};
const assay_codec_message assay_tx_body_message = ASSAY_MESSAGE("TxBody", assay_tx_body, tx_body_fields);

static const assay_codec_field tx_fields[] = {
    ASSAY_FIELD_BYTES(1, assay_tx, body, ASSAY_TX_LEN_MAX),
    ASSAY_FIELD_FIXED(2, FIXED, assay_tx, public_key),
    ASSAY_FIELD_FIXED(3, FIXED, assay_tx, signature),
};
const assay_codec_message assay_tx_message = ASSAY_MESSAGE("Tx", assay_tx, tx_fields);

/* ---- what is signed ------------------------------------------------------------------------------------------ */

assay_err assay_types_sign_bytes(assay_buf *out, const char *kind, assay_bytes chain_id, assay_bytes payload) {
    static const uint8_t zero[1] = {0};
    const assay_bytes pieces[] = {
        ASSAY_STR("assay/1/"), assay_base_bytes_str(kind), {zero, 1}, chain_id, {zero, 1}, payload};
    size_t start = out->len;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        assay_err err = assay_base_buf_put(out, pieces[i]);
        if (err != ASSAY_OK) {
            out->len = start;
            return err;
        }
    }
    return ASSAY_OK;
}

assay_err assay_types_format_check(assay_bytes encoded, uint32_t known) {
    uint64_t key, format;
    ASSAY_TRY(assay_codec_get_varint(&key, &encoded, ASSAY_CODEC_STRICT));
    if (key != 1 << 3) return ASSAY_E_ENCODING; /* field 1, a varint */
    ASSAY_TRY(assay_codec_get_varint(&format, &encoded, ASSAY_CODEC_STRICT));
    if (format == 0) return ASSAY_E_ENCODING;
    return format == known ? ASSAY_OK : ASSAY_E_FORMAT;
}

/* ---- transactions -------------------------------------------------------------------------------------------- */

enum { TX_FORMAT = 1 };

/* The messages of a body as one list. NULL, or more than one, is no body. */
static const char *kind_of(const assay_tx_body *body, uint32_t *count) {
    const struct {
        const void *message;
        const char *kind;
    } all[] = {
        {body->send, "send"},
        {body->validator_create, "validator-create"},
        {body->delegate, "delegate"},
        {body->undelegate, "undelegate"},
        {body->unjail, "unjail"},
        {body->register_version, "register"},
        {body->deprecate, "deprecate"},
        {body->revoke, "revoke"},
        {body->maintainers, "maintainers"},
        {body->check, "check"},
        {body->opening, "opening"},
        {body->report, "report"},
        {body->evidence, "evidence"},
    };
    const char *kind = "none";
    *count = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i].message) continue;
        kind = all[i].kind;
        *count += 1;
    }
    return kind;
}

const char *assay_tx_kind(const assay_tx_body *body) {
    uint32_t count;
    return kind_of(body, &count);
}

assay_err assay_tx_decode(assay_tx *tx, assay_tx_body *body, assay_arena *keep, assay_bytes input) {
    if (input.len > ASSAY_TX_LEN_MAX) return ASSAY_E_SIZE;
    ASSAY_TRY(assay_codec_decode(tx, keep, &assay_tx_message, input, ASSAY_CODEC_STRICT));
    ASSAY_TRY(assay_types_format_check(tx->body, TX_FORMAT));
    ASSAY_TRY(assay_codec_decode(body, keep, &assay_tx_body_message, tx->body, ASSAY_CODEC_STRICT));
    uint32_t count;
    kind_of(body, &count);
    return count == 1 ? ASSAY_OK : ASSAY_E_ENCODING;
}

/* Every message of the body at most once; the bounded lists; and the paths, which take less than they do encoded. The
 * codec's own bound knows nothing of the tables' bounds and is a hundred times as much. Each thing taken may be
 * aligned. */
size_t assay_tx_decode_footprint(size_t len) {
    enum { ALIGN_MAX = 16, PATHS = 4 };
    const size_t structs = sizeof(assay_msg_send) + sizeof(assay_msg_validator_create) + sizeof(assay_msg_delegate) +
                           sizeof(assay_msg_undelegate) + sizeof(assay_msg_unjail) + sizeof(assay_msg_register) +
                           2 * sizeof(assay_msg_status) + sizeof(assay_msg_maintainers) + sizeof(assay_msg_check) +
                           sizeof(assay_msg_opening) + sizeof(assay_msg_report) + sizeof(assay_msg_evidence);
    const size_t lists = ASSAY_PARENTS_MAX * sizeof(assay_version_ref) + ASSAY_MAINTAINERS_MAX * ASSAY_ADDRESS_LEN +
                         ASSAY_OPENING_ENTRIES_MAX * sizeof(assay_opening_entry);
    return structs + lists + len + (16 + ASSAY_OPENING_ENTRIES_MAX * PATHS) * ALIGN_MAX;
}

/* "assay/1/tx", a zero, the chain id, a zero. */
enum { SIGN_HEAD_MAX = 12 + ASSAY_CHAIN_ID_LEN_MAX };

static assay_err tx_sign_bytes(assay_bytes *out, assay_bytes chain_id, assay_bytes body, assay_arena *scratch) {
    uint8_t *memory = ASSAY_NEW(scratch, uint8_t, SIGN_HEAD_MAX + body.len);
    if (!memory) return ASSAY_F_MEMORY;
    assay_buf message = {memory, 0, SIGN_HEAD_MAX + body.len};
    ASSAY_TRY(assay_types_sign_bytes(&message, "tx", chain_id, body));
    *out = (assay_bytes){message.ptr, message.len};
    return ASSAY_OK;
}

bool assay_tx_verify(const assay_tx *tx, assay_bytes chain_id, assay_arena scratch) {
    assay_bytes message;
    if (chain_id.len > ASSAY_CHAIN_ID_LEN_MAX) return false;
    ASSAY_ASSERT(tx_sign_bytes(&message, chain_id, tx->body, &scratch) == ASSAY_OK);
    return assay_crypto_ed25519_verify(tx->public_key, message, tx->signature);
}

/* ---- many of them --------------------------------------------------------------------------------------------- */

enum {
    BATCH_MAX = 1024
}; /* signatures in one equation: a quarter less each than at 256; beyond that little is gained */

typedef struct batch {
    assay_crypto_batch_item *items;
    uint32_t *places; /* whose */
    uint32_t count, cap;
} batch;

/* All at once; and one by one if that fails, to see whose it was. */
static void settle(batch *b, bool *valid, const uint8_t seed32[32]) {
    bool all = assay_crypto_ed25519_verify_batch(b->items, b->count, seed32);
    for (uint32_t i = 0; i < b->count; i++) {
        const assay_crypto_batch_item *item = &b->items[i];
        valid[b->places[i]] = all || assay_crypto_ed25519_verify(item->key, item->message, item->signature);
    }
    b->count = 0;
}

/* Tables of as many as a half of scratch has room for. */
static bool batch_new(batch *b, uint32_t count, assay_arena *scratch) {
    const size_t each = sizeof *b->items + sizeof *b->places;
    size_t room = (size_t)(scratch->end - scratch->at) / 2 / each;
    size_t cap = count < BATCH_MAX ? count : BATCH_MAX;
    if (cap > room) cap = room;
    if (cap == 0) cap = 1;
    *b = (batch){ASSAY_NEW(scratch, assay_crypto_batch_item, cap), ASSAY_NEW(scratch, uint32_t, cap), 0, (uint32_t)cap};
    return b->items && b->places;
}

assay_err assay_tx_verify_batch(bool *valid, const assay_bytes *txs, uint32_t count, assay_bytes chain_id,
                                const uint8_t seed32[32], assay_arena scratch) {
    batch b = {0};
    assay_arena room;
    if (chain_id.len > ASSAY_CHAIN_ID_LEN_MAX) return ASSAY_OK; /* no key signs for such a chain */
    for (uint32_t i = 0; i < count; i++) {
        assay_tx tx;
        assay_bytes message;
        if (valid[i] || txs[i].len > ASSAY_TX_LEN_MAX) continue;
        if (!b.items) {
            if (!batch_new(&b, count, &scratch)) return ASSAY_F_MEMORY;
            room = scratch;
        }
        if (assay_codec_decode(&tx, &room, &assay_tx_message, txs[i], ASSAY_CODEC_STRICT) != ASSAY_OK) continue;
        if (b.count == b.cap || tx_sign_bytes(&message, chain_id, tx.body, &room) != ASSAY_OK) {
            settle(&b, valid, seed32);
            room = scratch;
            ASSAY_TRY(tx_sign_bytes(&message, chain_id, tx.body, &room));
        }
        b.places[b.count] = i;
        b.items[b.count++] = (assay_crypto_batch_item){tx.public_key, tx.signature, message};
    }
    if (b.items) settle(&b, valid, seed32);
    return ASSAY_OK;
}

assay_err assay_tx_sign(assay_buf *out, const assay_tx_body *body, const assay_key_secret *secret,
                        assay_arena scratch) {
    uint32_t count;
    kind_of(body, &count);
    if (count != 1 || body->format != TX_FORMAT) return ASSAY_E_RANGE;
    assay_tx tx = {.public_key = assay_crypto_ed25519_public(secret)};
    ASSAY_TRY(assay_codec_encode_new(&tx.body, &scratch, &assay_tx_body_message, body, ASSAY_CODEC_STRICT));
    if (assay_codec_size(&assay_tx_message, &tx, ASSAY_CODEC_STRICT) > ASSAY_TX_LEN_MAX) return ASSAY_E_RANGE;
    assay_bytes message;
    ASSAY_TRY(tx_sign_bytes(&message, body->chain_id, tx.body, &scratch));
    tx.signature = assay_crypto_ed25519_sign(secret, message);
    return assay_codec_encode(out, &assay_tx_message, &tx, ASSAY_CODEC_STRICT);
}

assay_hash assay_tx_id(assay_bytes encoded) { return assay_crypto_sha256_one(encoded); }

/* ---- names --------------------------------------------------------------------------------------------------- */

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool is_lower(uint8_t c) { return c >= 'a' && c <= 'z'; }
static bool is_upper(uint8_t c) { return c >= 'A' && c <= 'Z'; }

/* A letter or digit first, then those and the marks of `more`. */
static bool part_ok(assay_bytes part, bool upper, const char *more) {
    if (part.len == 0 || part.len > ASSAY_NAME_PART_LEN_MAX) return false;
    for (size_t i = 0; i < part.len; i++) {
        uint8_t c = part.ptr[i];
        bool plain = is_digit(c) || is_lower(c) || (upper && is_upper(c));
        bool mark = i > 0 && c != 0 && memchr(more, c, strlen(more)) != NULL;
        if (!plain && !mark) return false;
    }
    return true;
}

assay_err assay_types_name_check(assay_bytes name) {
    size_t slash = 0;
    while (slash < name.len && name.ptr[slash] != '/') slash++;
    if (slash == name.len) return ASSAY_E_NAME;
    assay_bytes owner = {name.ptr, slash}, model = {name.ptr + slash + 1, name.len - slash - 1};
    return part_ok(owner, false, "-") && part_ok(model, false, "._-") ? ASSAY_OK : ASSAY_E_NAME;
}

assay_err assay_types_version_check(assay_bytes version) {
    return part_ok(version, true, "._-") ? ASSAY_OK : ASSAY_E_NAME;
}
