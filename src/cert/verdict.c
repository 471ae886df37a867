/* SPDX-License-Identifier: Apache-2.0
 *
 * The verdict as programs and as people read it. Word, exit code and sentence are all functions of one code, so
 * that none can say what another denies. */
#include "cert_internal.h"

#include "os/os.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#define TEXT_FINDINGS_MAX 20u
#define LINE_LEN_MAX 512

/* ---- words --------------------------------------------------------------------------------------------------- */

assay_verdict_word assay_verdict_word_of(assay_err code) {
    switch (assay_base_err_exit(code)) {
    case 0: return ASSAY_VERDICT_VERIFIED;
    case 1: return ASSAY_VERDICT_WRONG;
    case 3: return ASSAY_VERDICT_UNDECIDED;
    case 4: return ASSAY_VERDICT_POLICY;
    case 5: return ASSAY_VERDICT_REVOKED;
    default: return ASSAY_VERDICT_FAULT;
    }
}

const char *assay_verdict_word_text(assay_verdict_word word) {
    static const char *const texts[] = {"verified", "wrong", "undecided", "policy", "revoked", "fault"};
    return (size_t)word < sizeof texts / sizeof *texts ? texts[word] : "fault";
}

int assay_verdict_exit(const assay_verdict *verdict) { return assay_base_err_exit(verdict->code); }

const assay_cert_level *assay_cert_level_find(const char *name) {
    static const assay_cert_level levels[] = {
        {"L0", "the digests of these bytes are known", "who made them, or that anybody else ever saw them"},
        {"L1",
         "validators with more than 2/3 of the stake in force each showed that they had nearly all of these "
         "bytes, and the chain made it final",
         "that the model is good or safe, that each validator kept its own copy, or that the publisher is "
         "who the name suggests"},
    };
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (name && (name[0] == 'L' || name[0] == 'l') && strcmp(name + 1, levels[i].name + 1) == 0)
            return &levels[i];
    return NULL;
}

static bool verified(const assay_verdict *verdict) { return verdict->code == ASSAY_OK; }
static const char *const deprecated_text = "the version is deprecated: its maintainers advise against it";

/* ---- text that may hold anything ----------------------------------------------------------------------------- */

/* The length of the UTF-8 sequence at the front of text, or 0. Source: Unicode 15, table 3-7. */
static size_t utf8_len(assay_bytes text) {
    const uint8_t *p = text.ptr;
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 0;
    if (p[0] >= 0xf0 && p[0] <= 0xf4) len = 4;
    if (len == 0 || len > text.len) return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return len;
}

/* What a terminal may obey: C0, DEL, C1, and the marks that turn the direction of text. */
static bool is_control(assay_bytes sequence) {
    const uint8_t *p = sequence.ptr;
    if (sequence.len == 1) return p[0] < 0x20 || p[0] == 0x7f;
    if (sequence.len == 2) return p[0] == 0xc2 && p[1] < 0xa0;
    if (sequence.len != 3 || p[0] != 0xe2) return false;
    return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
           (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

/* Appends text as valid UTF-8: other bytes, and control characters if asked, as \xNN. */
static assay_err put_visible(assay_buf *out, assay_bytes text, bool controls) {
    while (text.len > 0) {
        size_t len = utf8_len(text);
        assay_bytes sequence = {text.ptr, len ? len : 1};
        if (len != 0 && !(controls && is_control(sequence))) {
            ASSAY_TRY(assay_base_buf_put(out, sequence));
        } else {
            for (size_t i = 0; i < sequence.len; i++) {
                char escaped[5] = "\\x";
                assay_base_hex(escaped + 2, (assay_bytes){sequence.ptr + i, 1});
                ASSAY_TRY(assay_base_buf_put(out, assay_base_bytes_str(escaped)));
            }
        }
        text = (assay_bytes){text.ptr + sequence.len, text.len - sequence.len};
    }
    return ASSAY_OK;
}

size_t assay_verdict_size(const assay_verdict *verdict) {
    /* A byte takes at most six, as \u00xx; JSON's members and all sentences fit in the rest. */
    size_t size = 16384 + 6 * (verdict->subject.len + assay_base_bytes_str(verdict->cert_path).len +
                               assay_base_bytes_str(verdict->trust_path).len + assay_base_bytes_str(verdict->what).len);
    for (uint32_t i = 0; i < verdict->findings.count; i++)
        size += 256 + 6 * (verdict->findings.rows[i].file.len + verdict->findings.rows[i].tensor.len);
    return size;
}

/* ---- for programs -------------------------------------------------------------------------------------------- */

/* A JSON string, or null for nothing; the unused end of out is scratch. */
static json_t *json_visible(const assay_buf *out, assay_bytes text) {
    if (text.len == 0) return json_null();
    assay_buf room = {.ptr = out->ptr + out->len, .cap = out->cap - out->len};
    if (put_visible(&room, text, false) != ASSAY_OK) return NULL;
    return json_stringn((const char *)room.ptr, room.len);
}

static json_t *json_hex(const uint8_t *bytes, size_t len) {
    char text[2 * ASSAY_HASH_LEN + 1];
    assay_base_hex(text, (assay_bytes){bytes, len});
    return json_string(text);
}

/* Members are stolen by the object; a NULL one makes the whole fail, which the caller sees in *ok. */
static void put(json_t *object, const char *key, json_t *value, bool *ok) {
    if (json_object_set_new(object, key, value) != 0) *ok = false;
}

static json_t *json_number(uint64_t value) { return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value); }

/* Rounded down to six digits, so that exactly 2/3 never looks like more. */
static double overlap_of(const assay_cert_anchor *anchor) {
    uint64_t millionths = 0;
    if (anchor->power == 0) return 0;
    if (assay_base_muldiv_down_u64(&millionths, anchor->overlap, 1000000, anchor->power) != ASSAY_OK) return 0;
    return (double)millionths / 1e6;
}

static json_t *json_anchor(const assay_cert_anchor *anchor, bool *ok) {
    if (!anchor->found) return json_null();
    json_t *object = json_object();
    put(object, "height", json_number(anchor->height), ok);
    put(object, "age_seconds", json_integer(anchor->age_seconds), ok);
    put(object, "overlap", json_real(overlap_of(anchor)), ok);
    put(object, "pinned", json_boolean(anchor->pinned), ok);
    put(object, "age_exceeded", json_boolean(anchor->age_exceeded), ok);
    put(object, "overlap_short", json_boolean(anchor->overlap_short), ok);
    return object;
}

static json_t *json_findings(const assay_buf *out, const assay_model_findings *findings, bool *ok) {
    json_t *rows = json_array();
    for (uint32_t i = 0; i < findings->count; i++) {
        const assay_model_finding *finding = &findings->rows[i];
        json_t *row = json_object();
        put(row, "code", json_string(assay_base_err_code(finding->code)), ok);
        put(row, "file", json_visible(out, finding->file), ok);
        put(row, "tensor", json_visible(out, finding->tensor), ok);
        put(row, "offset", json_number(finding->offset), ok);
        put(row, "length", json_number(finding->length), ok);
        if (json_array_append_new(rows, row) != 0) *ok = false;
    }
    return rows;
}

static const char *status_text(uint32_t status) {
    static const char *const texts[] = {"unknown", "recorded", "attested", "lapsed", "deprecated", "revoked"};
    return status < sizeof texts / sizeof *texts ? texts[status] : texts[0];
}

static void put_subject(json_t *object, const assay_buf *out, const assay_verdict *verdict, bool *ok) {
    bool parsed = verdict->parsed;
    put(object, "name", parsed ? json_visible(out, verdict->name) : json_null(), ok);
    put(object, "version", parsed ? json_visible(out, verdict->version) : json_null(), ok);
    put(object, "root", parsed ? json_hex(verdict->root.b, sizeof verdict->root.b) : json_null(), ok);
    put(object, "height", parsed ? json_number(verdict->height) : json_null(), ok);
}

/* What the reader demanded; null where nothing was. */
static json_t *json_required(const assay_buf *out, const assay_cert_policy *policy, bool *ok) {
    json_t *object = json_object();
    const assay_public_key *key = &policy->publisher;
    put(object, "name", json_visible(out, policy->name), ok);
    put(object, "version", json_visible(out, policy->version), ok);
    put(object, "publisher", policy->publisher_wanted ? json_hex(key->b, sizeof key->b) : json_null(), ok);
    return object;
}

static void put_more(json_t *object, const assay_buf *out, const assay_verdict *verdict, bool *ok) {
    const assay_cert_level *level = verified(verdict) ? assay_cert_level_find("L1") : NULL;
    bool parsed = verdict->parsed;
    json_t *warnings = json_array();
    if (parsed && verdict->status == ASSAY_VERSION_DEPRECATED &&
        json_array_append_new(warnings, json_string(deprecated_text)) != 0)
        *ok = false;
    if (verdict->revoked_name.len != 0 &&
        json_array_append_new(warnings, json_sprintf("%.*s@%.*s of the same bytes is revoked",
                                                     (int)verdict->revoked_name.len, verdict->revoked_name.ptr,
                                                     (int)verdict->revoked_version.len,
                                                     verdict->revoked_version.ptr)) != 0)
        *ok = false;
    put(object, "required", json_required(out, &verdict->policy, ok), ok);
    put(object, "findings_total", json_number(verdict->findings.total), ok);
    put(object, "warnings", warnings, ok);
    put(object, "what", json_string(assay_base_err_text(verdict->code)), ok);
    put(object, "because", json_visible(out, assay_base_bytes_str(verdict->what)), ok);
    put(object, "subject", json_visible(out, verdict->subject), ok);
    put(object, "status", parsed ? json_string(status_text(verdict->status)) : json_null(), ok);
    put(object, "publisher", parsed ? json_hex(verdict->publisher.b, sizeof verdict->publisher.b) : json_null(), ok);
    put(object, "attested_height", parsed ? json_number(verdict->attested_height) : json_null(), ok);
    put(object, "power_checked", parsed ? json_number(verdict->power_checked) : json_null(), ok);
    put(object, "power_total", parsed ? json_number(verdict->power_total) : json_null(), ok);
    put(object, "model_read", json_boolean(verdict->model_read), ok);
    put(object, "certificate", json_visible(out, assay_base_bytes_str(verdict->cert_path)), ok);
    put(object, "trust", json_visible(out, assay_base_bytes_str(verdict->trust_path)), ok);
    put(object, "says", level ? json_string(level->says) : json_null(), ok);
    put(object, "says_not", level ? json_string(level->says_not) : json_null(), ok);
}

assay_err assay_verdict_json(assay_buf *out, const assay_verdict *verdict) {
    bool ok = true;
    json_t *object = json_object();
    put(object, "verdict", json_string(assay_verdict_word_text(assay_verdict_word_of(verdict->code))), &ok);
    put(object, "exit", json_integer(assay_verdict_exit(verdict)), &ok);
    put(object, "code", json_string(assay_base_err_code(verdict->code)), &ok);
    put(object, "assurance", verified(verdict) ? json_string("L1") : json_null(), &ok);
    put_subject(object, out, verdict, &ok);
    put(object, "anchor", json_anchor(&verdict->anchor, &ok), &ok);
    put(object, "findings", json_findings(out, &verdict->findings, &ok), &ok);
    put_more(object, out, verdict, &ok);
    const size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(6);
    size_t room = out->cap - out->len, len = ok ? json_dumpb(object, (char *)out->ptr + out->len, room, flags) : 0;
    json_decref(object);
    if (len == 0 || len >= room) return ASSAY_F_MEMORY;
    out->len += len;
    return assay_base_buf_put(out, ASSAY_STR("\n"));
}

/* ---- for people ---------------------------------------------------------------------------------------------- */

/* A writer whose first failure sticks. */
typedef struct writer {
    assay_buf *out;
    assay_err err;
} writer;

__attribute__((format(printf, 2, 3))) static void say(writer *w, const char *format, ...) {
    char line[LINE_LEN_MAX];
    va_list args;
    va_start(args, format);
    size_t len = assay_os_format_list(line, sizeof line, format, args);
    va_end(args);
    if (w->err == ASSAY_OK) w->err = assay_base_buf_put(w->out, (assay_bytes){(const uint8_t *)line, len});
}

static void show(writer *w, assay_bytes text) {
    if (w->err == ASSAY_OK) w->err = put_visible(w->out, text, true);
}

static void say_age(writer *w, int64_t seconds) {
    static const struct unit {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {1, "seconds"}};
    size_t i = 0;
    while (i < 3 && seconds < 2 * units[i].seconds) i++;
    say(w, "%lld %s old", (long long)(seconds / units[i].seconds), units[i].name);
}

static void say_finding(writer *w, const assay_model_finding *finding) {
    say(w, "  ");
    show(w, finding->file);
    if (finding->code == ASSAY_E_MISSING) {
        say(w, ": missing");
    } else if (finding->code == ASSAY_E_EXTRA) {
        say(w, ": not part of the model");
    } else if (finding->code == ASSAY_E_SYMLINK) {
        say(w, ": a link or special file");
    } else {
        if (finding->tensor.len != 0) {
            say(w, ": tensor ");
            show(w, finding->tensor);
        }
        if (finding->length != 0)
            say(w, "%s bytes %llu-%llu differ", finding->tensor.len ? "," : ":", (unsigned long long)finding->offset,
                (unsigned long long)(finding->offset + (finding->length - 1)));
        else
            say(w, "%s differs", finding->tensor.len ? "" : ":");
    }
    say(w, "  [%s]\n", assay_base_err_code(finding->code));
}

static void say_anchor(writer *w, const assay_verdict *verdict) {
    const assay_cert_anchor *anchor = &verdict->anchor;
    if (!anchor->found) return;
    say(w, "  anchor     height %llu, ", (unsigned long long)anchor->height);
    say_age(w, anchor->age_seconds);
    if (anchor->pinned) say(w, "; the certificate's block is this checkpoint itself\n");
    else say(w, "; %.4f %% of its power signed the certificate's block\n", 100 * overlap_of(anchor));
    if (anchor->age_exceeded) say(w, "  warning    %s\n", assay_base_err_text(ASSAY_E_AGE));
    if (anchor->overlap_short) say(w, "  warning    %s\n", assay_base_err_text(ASSAY_E_OVERLAP));
}

static void say_details(writer *w, const assay_verdict *verdict) {
    char hex[2 * ASSAY_HASH_LEN + 1];
    assay_base_hex(hex, assay_base_hash_bytes(&verdict->root));
    say(w, "  root       %s\n", hex);
    assay_base_hex(hex, (assay_bytes){verdict->publisher.b, sizeof verdict->publisher.b});
    say(w, "  publisher  key %s; the name is claimed, not proven\n", hex);
    if (verdict->attested_height != 0)
        say(w, "  attested   at height %llu by power %llu of %llu; the block of height %llu proves it\n",
            (unsigned long long)verdict->attested_height, (unsigned long long)verdict->power_checked,
            (unsigned long long)verdict->power_total, (unsigned long long)verdict->height);
    say_anchor(w, verdict);
    if (verdict->status == ASSAY_VERSION_DEPRECATED) say(w, "  warning    %s\n", deprecated_text);
    if (verdict->revoked_name.len != 0)
        say(w, "  warning    %.*s@%.*s of the same bytes is revoked\n", (int)verdict->revoked_name.len,
            (const char *)verdict->revoked_name.ptr, (int)verdict->revoked_version.len,
            (const char *)verdict->revoked_version.ptr);
    const assay_cert_level *level = assay_cert_level_find("L1");
    if (!verified(verdict) || !level) return;
    say(w, "  level      %s: %s\n  not said   %s\n", level->name, level->says, level->says_not);
}

static void say_required(writer *w, const assay_cert_policy *policy) {
    char hex[2 * ASSAY_HASH_LEN + 1];
    if (policy->name.len != 0) {
        say(w, "  required   name ");
        show(w, policy->name);
        if (policy->version.len != 0) say(w, "@");
        show(w, policy->version);
        say(w, "\n");
    }
    assay_base_hex(hex, (assay_bytes){policy->publisher.b, sizeof policy->publisher.b});
    if (policy->publisher_wanted) say(w, "  required   publisher key %s\n", hex);
}

/* One line: the word, of what, and why. */
static void say_head(writer *w, const assay_verdict *verdict) {
    say(w, "%s", assay_verdict_word_text(assay_verdict_word_of(verdict->code)));
    if (verdict->parsed) {
        say(w, "  ");
        show(w, verdict->name);
        say(w, "@");
        show(w, verdict->version);
    }
    if (verified(verdict)) {
        say(w, "  %llu files, %llu bytes match\n", (unsigned long long)verdict->files,
            (unsigned long long)verdict->size);
        return;
    }
    say(w, "  %s  [%s]\n", assay_base_err_text(verdict->code), assay_base_err_code(verdict->code));
}

assay_err assay_verdict_text(assay_buf *out, const assay_verdict *verdict, bool quiet) {
    writer w = {.out = out};
    say_head(&w, verdict);
    for (uint32_t i = 0; i < verdict->findings.count && i < TEXT_FINDINGS_MAX; i++)
        say_finding(&w, &verdict->findings.rows[i]);
    if (verdict->findings.total > TEXT_FINDINGS_MAX)
        say(&w, "  and %llu more\n", (unsigned long long)(verdict->findings.total - TEXT_FINDINGS_MAX));
    if (quiet) return w.err;
    if (verdict->findings.total == 0 && verdict->subject.len != 0) {
        say(&w, "  subject    ");
        show(&w, verdict->subject);
        say(&w, "\n");
    }
    if (verdict->what) {
        say(&w, "  because    ");
        show(&w, assay_base_bytes_str(verdict->what));
        say(&w, "\n");
    }
    if (!verified(verdict) && *assay_base_err_hint(verdict->code))
        say(&w, "  try        %s\n", assay_base_err_hint(verdict->code));
    say_required(&w, &verdict->policy);
    bool told = verified(verdict) || verdict->model_read || verdict->anchor.found;
    if (told) say_details(&w, verdict);
    if (verdict->parsed && !told) say(&w, "  the model was not read\n");
    return w.err;
}
