/* SPDX-License-Identifier: Apache-2.0
 *
 * help - what the table says, for people and as JSON.
 */
#include "assay_internal.h"

#include <string.h>

static const char *option_left(call *c, const option_row *row) {
    return keep_text(c, "%s%s%s%s%s", row->letter ? row->letter : "", row->letter ? ", " : "", row->name,
                     row->value ? " " : "", row->value ? row->value : "");
}

const char *dashed(call *c, const char *name) {
    const char *space = strchr(name, ' ');
    return space ? keep_text(c, "%.*s-%s", (int)(space - name), name, space + 1) : name;
}

/* Sentences, cut into lines of at most `width` columns. */
static void wrapped(call *c, const char *text, size_t indent, size_t width) {
    size_t at = 0;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, " ");
        if (at && at + 1 + len > width) {
            out(c, "\n");
            at = 0;
        }
        if (at == 0)
            out(c, "%*s", (int)indent, ""), at = indent;
        else
            out(c, " "), at++;
        out(c, "%.*s", (int)len, p);
        at += len;
        p += len + (p[len] == ' ');
    }
    out(c, "\n");
}

static json_t *command_json(const command_row *command) {
    json_t *options = json_array();
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const option_row *row = &option_rows[i];
        if (!((command->options | COMMON_OPTIONS) & BIT(i))) continue;
        json_array_append_new(options,
                              json_pack("{s:s, s:s?, s:s?, s:b, s:s}", "name", row->name, "letter", row->letter,
                                        "value", row->value, "many", row->many, "help", row->help));
    }
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:o}", "name", command->name, "usage", command->usage, "summary",
                     command->summary, "about", command->about, "example", command->example, "options", options);
}

static assay_err help_command(call *c, const command_row *command) {
    if (json_wanted(c)) return out_json(c, command_json(command));
    out(c, "assay %s - %s\n\n", command->name, command->summary);
    out(c, "usage: assay %s%s%s [options]\n", command->name, *command->usage ? " " : "", command->usage);
    if (command->about) {
        out(c, "\n");
        wrapped(c, command->about, 2, 100);
    }
    out(c, "\noptions:\n");
    for (int common = 0; common < 2; common++)
        for (size_t i = 0; i < OPTION_COUNT; i++) {
            bool is_common = (COMMON_OPTIONS & BIT(i)) != 0;
            if (!((command->options | COMMON_OPTIONS) & BIT(i)) || is_common != (common == 1)) continue;
            out(c, "  %-24s %s\n", option_left(c, &option_rows[i]), option_rows[i].help);
        }
    if (command->example) out(c, "\nexample:\n  %s\n", command->example);
    return ASSAY_OK;
}

static assay_err help_all(call *c) {
    if (json_wanted(c)) {
        json_t *list = json_array();
        for (size_t i = 0; i < commands_count; i++) json_array_append_new(list, command_json(&commands[i]));
        return out_json(c, json_pack("{s:s, s:o}", "version", PROGRAM_VERSION, "commands", list));
    }
    out(c, "assay - publish AI models, verify them offline, and see who vouches for them\n\n");
    out(c, "usage: assay COMMAND [options]\n\n");
    for (size_t i = 0; i < commands_count; i++) out(c, "  %-16s %s\n", commands[i].name, commands[i].summary);
    out(c, "\nEvery command takes --json, -q and --help; `assay help COMMAND` explains it.\n"
           "exit: 0 verified or done, 1 wrong, 2 usage, 3 cannot decide, 4 policy not met, 5 revoked,\n"
           "      6 input or output failed, 70 a bug, 130 interrupted\n"
           "Nothing is sent to anybody but the node that you name. There is no telemetry.\n");
    return ASSAY_OK;
}

assay_err run_help(call *c) {
    if (has(c, OPTION_HELP)) return help_command(c, c->command);
    if (c->words_count == 0) return help_all(c);
    int taken = 0;
    const command_row *found = command_find(c->words, c->words_count, &taken);
    const char *first = c->words[0], *second = c->words_count > 1 ? c->words[1] : "";
    if (found && taken == c->words_count) return help_command(c, found);
    c->try_this = "assay help";
    return usage(c, "there is no command %s%s%s", first, *second ? " " : "", second);
}

assay_err run_version(call *c) {
    if (json_wanted(c))
        return out_json(c,
                        json_pack("{s:s, s:s, s:s, s:i}", "version", PROGRAM_VERSION, "certificate", ASSAY_CERT_SCHEMA,
                                  "trust", ASSAY_TRUST_SCHEMA, "tensor_rules", (int)ASSAY_MODEL_TENSOR_RULES));
    if (quiet(c))
        out(c, "%s\n", PROGRAM_VERSION);
    else
        out(c, "assay %s (%s, %s, tensor rules %u)\n", PROGRAM_VERSION, ASSAY_CERT_SCHEMA, ASSAY_TRUST_SCHEMA,
            ASSAY_MODEL_TENSOR_RULES);
    return ASSAY_OK;
}
