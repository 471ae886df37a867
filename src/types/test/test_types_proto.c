/* SPDX-License-Identifier: Apache-2.0
 *
 * spec/proto/assay.proto and the tables say the same: messages, field numbers in their order, kinds, lengths and
 * bounds; and, since a table knows offsets and no names, the rows as they are written in the sources name the members
 * that the file names. Both are read as text, by parsers that know no more than these files use and refuse the rest.
 * */
#include "vectors_internal.h"

#include <ctype.h>

static const assay_codec_message *const all[] = {&assay_tx_message,
                                                 &assay_tx_body_message,
                                                 &assay_version_ref_message,
                                                 &assay_msg_send_message,
                                                 &assay_msg_validator_create_message,
                                                 &assay_msg_delegate_message,
                                                 &assay_msg_undelegate_message,
                                                 &assay_msg_unjail_message,
                                                 &assay_msg_register_message,
                                                 &assay_msg_status_message,
                                                 &assay_msg_maintainers_message,
                                                 &assay_msg_check_message,
                                                 &assay_msg_opening_message,
                                                 &assay_opening_entry_message,
                                                 &assay_msg_report_message,
                                                 &assay_msg_evidence_message,
                                                 &assay_file_leaf_message,
                                                 &assay_tensor_leaf_message,
                                                 &assay_manifest_message,
                                                 &assay_version_record_message,
                                                 &assay_attestation_message,
                                                 &assay_params_message,
                                                 &assay_genesis_account_message,
                                                 &assay_genesis_validator_message,
                                                 &assay_genesis_message};
enum { ALL_COUNT = sizeof all / sizeof *all };

/* One field as the text says it. */
typedef struct said {
    bool repeated;
    bool required;
    char type[64];
    char name[64];
    uint32_t number;
    uint32_t exact; /* N bytes, or each N bytes */
    uint32_t most;  /* at most N */
} said;

/* The number right behind words, or 0 where they do not stand. */
static uint32_t number_behind(const char *text, const char *words) {
    const char *at = strstr(text, words);
    return at ? (uint32_t)strtoul(at + strlen(words), NULL, 10) : 0;
}

static said parse_field(const char *line) {
    said out = {0};
    char first[64];
    const char *comment = strstr(line, "//");
    int got = sscanf(line, " %63s", first);
    assert_int_equal(got, 1);
    if (strcmp(first, "repeated") == 0) {
        out.repeated = true;
        got = sscanf(line, " repeated %63s %63s = %u;", out.type, out.name, &out.number);
    } else {
        got = sscanf(line, " %63s %63s = %u;", out.type, out.name, &out.number);
    }
    if (got != 3) fail_msg("no field: %s", line);
    if (!comment) return out;
    out.required = strstr(comment, "required") != NULL;
    out.most = number_behind(comment, "at most ");
    if (strstr(comment, "each ")) {
        out.exact = number_behind(comment, "each ");
    } else if (isdigit((unsigned char)comment[3])) {
        uint32_t number = (uint32_t)strtoul(comment + 3, NULL, 10);
        char words[32];
        snprintf(words, sizeof words, "// %u bytes", number);
        if (strncmp(comment, words, strlen(words)) == 0) out.exact = number;
    }
    return out;
}

/* What protobuf type a kind is, and which of the said words it needs. */
static void expect_field(const char *message, const assay_codec_field *row, const said *field) {
    const char *type = NULL;
    bool repeated = false, required = false;
    uint32_t exact = 0, most = 0;
    switch (row->kind) {
    case ASSAY_CODEC_U64: type = "uint64"; break;
    case ASSAY_CODEC_U32: type = "uint32"; break;
    case ASSAY_CODEC_I64: type = "int64"; break;
    case ASSAY_CODEC_I32: type = "int32"; break;
    case ASSAY_CODEC_BOOL: type = "bool"; break;
    case ASSAY_CODEC_SFIXED64: type = "sfixed64"; break;
    case ASSAY_CODEC_BYTES: type = "bytes", most = row->max; break;
    case ASSAY_CODEC_FIXED: type = "bytes", exact = row->size; break;
    case ASSAY_CODEC_FIXED_OPTIONAL: break; /* none of ours: there are no words for it */
    case ASSAY_CODEC_MESSAGE: type = row->sub->name, required = true; break;
    case ASSAY_CODEC_MESSAGE_OPTIONAL: type = row->sub->name; break;
    case ASSAY_CODEC_REPEATED_MESSAGE: type = row->sub->name, repeated = true, most = row->max; break;
    case ASSAY_CODEC_REPEATED_BYTES: break;
    case ASSAY_CODEC_REPEATED_FIXED: type = "bytes", repeated = true, most = row->max, exact = row->size; break;
    case ASSAY_CODEC_REPEATED_U64: type = "uint64", repeated = true, most = row->max; break;
    }
    if (!type) fail_msg("%s.%s: a kind that assay.proto has no words for", message, field->name);
    bool same_type =
        strcmp(type, field->type) == 0 || (row->kind == ASSAY_CODEC_BYTES && strcmp(field->type, "string") == 0);
    if (!same_type || repeated != field->repeated || row->number != field->number)
        fail_msg("%s.%s: %s%s = %u there, %s%s = %u in the table", message, field->name,
                 field->repeated ? "repeated " : "", field->type, field->number, repeated ? "repeated " : "", type,
                 row->number);
    if (exact != field->exact || most != field->most || required != field->required)
        fail_msg("%s.%s: %u bytes, at most %u, required %d there; %u, %u, %d in the table", message, field->name,
                 field->exact, field->most, field->required, exact, most, required);
}

static char *read_text(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", ASSAY_SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s is not there", path);
    char *text = (char *)vectors_memory;
    size_t len = fread(text, 1, sizeof vectors_memory - 1, file);
    fclose(file);
    text[len] = 0;
    return text;
}

/* What assay.proto calls the fields, by table and row. */
static char names[ALL_COUNT][32][64];

static void test_proto(void **state) {
    (void)state;
    bool seen[ALL_COUNT] = {0};
    const assay_codec_message *message = NULL;
    uint32_t row = 0, fields = 0;
    size_t which = 0;
    char *next;
    for (char *line = read_text("spec/proto/assay.proto"); line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        while (*line == ' ') line++;
        if (*line == 0 || strncmp(line, "//", 2) == 0) continue;
        if (strncmp(line, "syntax", 6) == 0 || strncmp(line, "package", 7) == 0) continue;
        char name[64];
        if (sscanf(line, "message %63s {", name) == 1) {
            assert_null(message);
            for (size_t i = 0; i < ALL_COUNT; i++) {
                if (strcmp(all[i]->name, name) != 0) continue;
                if (seen[i]) fail_msg("%s stands there twice", name);
                seen[i] = true;
                message = all[which = i];
            }
            if (!message) fail_msg("there is no table for %s", name);
            row = 0;
        } else if (*line == '}') {
            assert_non_null(message);
            if (row != message->field_count)
                fail_msg("%s: %u fields instead of %u", message->name, row, message->field_count);
            message = NULL;
        } else {
            assert_non_null(message);
            said field = parse_field(line);
            if (row == message->field_count) fail_msg("%s: %s is in no table", message->name, field.name);
            assert_true(row < 32);
            memcpy(names[which][row], field.name, sizeof field.name);
            expect_field(message->name, &message->fields[row++], &field);
            fields++;
        }
    }
    assert_null(message);
    for (size_t i = 0; i < ALL_COUNT; i++)
        if (!seen[i]) fail_msg("assay.proto does not say %s", all[i]->name);
    print_message("%u messages, %u fields\n", ALL_COUNT, fields);
}

/* Copies argument idx of a macro's call that begins behind its bracket: a word, or a dotted one. */
static void argument(char out[64], const char *call, int idx) {
    while (idx-- > 0) {
        call += strcspn(call, ",)");
        assert_int_equal(*call, ',');
        call++;
    }
    while (*call == ' ' || *call == '\n') call++;
    size_t len = strcspn(call, ",) \n");
    assert_true(len > 0 && len < 64);
    memcpy(out, call, len);
    out[len] = 0;
}

/* The rows of one table, from behind its opening brace; each begins with one of these macros. */
static void expect_names(size_t which, const char *rows) {
    const char *end = strstr(rows, "};");
    const struct {
        const char *macro;
        int member; /* which argument names the member */
    } macros[] = {{"ASSAY_FIELD(", 3},          {"ASSAY_FIELD_BYTES(", 2},
                  {"ASSAY_FIELD_FIXED(", 3},    {"ASSAY_FIELD_MESSAGE(", 3},
                  {"ASSAY_FIELD_REPEATED(", 3}, {"ASSAY_FIELD_REPEATED_SIZED(", 3},
                  {"BODY_MESSAGE(", 1},         {"PARAM(", 1}};
    uint32_t row = 0;
    for (const char *at = rows; at < end;) {
        at += strspn(at, " \n,");
        if (at >= end) break;
        bool known = false;
        for (size_t i = 0; i < sizeof macros / sizeof *macros && !known; i++) {
            if (strncmp(at, macros[i].macro, strlen(macros[i].macro)) != 0) continue;
            known = true;
            char member[64];
            argument(member, at + strlen(macros[i].macro), macros[i].member);
            if (strcmp(member, names[which][row]) != 0)
                fail_msg("%s: row %u is %s here and %s in assay.proto", all[which]->name, row, member,
                         names[which][row]);
        }
        if (!known) fail_msg("%s: row %u is none of the known macros", all[which]->name, row);
        row++;
        at = strchr(at, ')') + 1;
    }
    assert_int_equal(row, all[which]->field_count);
}

/* Which table a message's definition names: ASSAY_MESSAGE("Name", type, table). */
static void test_names(void **state) {
    (void)state;
    static const char *const sources[] = {"src/types/tx.c", "src/types/manifest.c", "src/types/records.c",
                                          "src/types/genesis.c"};
    size_t found = 0;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const char *text = read_text(sources[i]);
        for (const char *at = text; (at = strstr(at, "ASSAY_MESSAGE(\"")); at++) {
            char name[64], table[64], opening[128];
            argument(name, at + strlen("ASSAY_MESSAGE("), 0);
            argument(table, at + strlen("ASSAY_MESSAGE("), 2);
            snprintf(opening, sizeof opening, "assay_codec_field %s[] = {", table);
            const char *rows = strstr(text, opening);
            assert_non_null(rows);
            for (size_t k = 0; k < ALL_COUNT; k++) {
                char quoted[70];
                snprintf(quoted, sizeof quoted, "\"%s\"", all[k]->name);
                if (strcmp(quoted, name) != 0) continue;
                expect_names(k, rows + strlen(opening));
                found++;
            }
        }
    }
    assert_int_equal(found, ALL_COUNT);
}

static void test_tables(void **state) {
    (void)state;
    for (size_t i = 0; i < ALL_COUNT; i++) {
        if (!assay_codec_table_ok(all[i])) fail_msg("%s", all[i]->name);
        /* A submessage is one of these, so that no table hides behind another. */
        for (uint32_t k = 0; k < all[i]->field_count; k++) {
            const assay_codec_message *sub = all[i]->fields[k].sub;
            bool known = !sub;
            for (size_t j = 0; j < ALL_COUNT; j++) known = known || sub == all[j];
            if (!known) fail_msg("%s: %s", all[i]->name, sub->name);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_proto), cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
