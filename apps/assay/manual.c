/* SPDX-License-Identifier: Apache-2.0
 *
 * manual - the table as manual pages, troff with man's macros. docs/man holds what this prints; a test compares.
 */
#include "assay_internal.h"

#include <string.h>

/* Text with what troff would take as its own escaped. */
static void roff(call *c, const char *text) {
    if (*text == '.' || *text == '\'') out(c, "\\&");
    for (; *text; text++) {
        if (*text == '\\')
            out(c, "\\e");
        else if (*text == '-')
            out(c, "\\-");
        else if (*text == '\'')
            out(c, "\\(aq");
        else
            out(c, "%c", *text);
    }
}

static void heading(call *c, const char *name, const char *summary) {
    out(c, ".\\\" SPDX-License-Identifier: Apache-2.0\n.\\\" made by: assay manual\n");
    out(c, ".TH ");
    for (const char *p = name; *p; p++) out(c, "%c", *p >= 'a' && *p <= 'z' ? *p - 32 : *p);
    out(c, " 1 \"\" \"assay %s\"\n.SH NAME\n", PROGRAM_VERSION);
    roff(c, name);
    out(c, " \\- ");
    roff(c, summary);
    out(c, "\n");
}

static void option(call *c, const option_row *row) {
    out(c, ".TP\n\\fB");
    if (row->letter) roff(c, row->letter), out(c, "\\fR, \\fB");
    roff(c, row->name);
    out(c, "\\fR");
    if (row->value) out(c, " \\fI%s\\fR", row->value);
    out(c, "\n");
    roff(c, row->help);
    out(c, ".\n");
}

static void environment(call *c, uint64_t options) {
    out(c, ".SH ENVIRONMENT\n");
    if (options & BIT(OPTION_NODE)) out(c, ".TP\nASSAY_NODE\nthe node to ask.\n");
    if (options & BIT(OPTION_KEY)) out(c, ".TP\nASSAY_KEY\nthe key file that signs.\n");
    if (options & BIT(OPTION_TRUST)) out(c, ".TP\nASSAY_TRUST\nthe trust file.\n");
    out(c, ".TP\nNO_COLOR\nno colours, if it is set and not empty.\n");
}

static void exit_status(call *c) {
    out(c,
        ".SH EXIT STATUS\n0 verified and policy met, or done; 1 wrong; 2 usage; 3 cannot decide; 4 valid, but policy "
        "not "
        "met;\n5 revoked or slashed; 6 input or output failed; 70 a bug; 130 interrupted.\nErrors carry a code that\n"
        ".BR assay\\-explain (1)\nexplains.\n");
}

static void manual_command(call *c, const command_row *command) {
    const char *page = keep_text(c, "assay-%s", dashed(c, command->name));
    heading(c, page, command->summary);
    out(c, ".SH SYNOPSIS\n.B assay ");
    roff(c, command->name);
    out(c, "\n");
    if (*command->usage) roff(c, command->usage), out(c, "\n");
    out(c, "[options]\n");
    if (command->about) {
        out(c, ".SH DESCRIPTION\n");
        roff(c, command->about);
        out(c, "\n");
    }
    out(c, ".SH OPTIONS\n");
    for (int common = 0; common < 2; common++)
        for (size_t i = 0; i < OPTION_COUNT; i++) {
            bool is_common = (COMMON_OPTIONS & BIT(i)) != 0;
            if (((command->options | COMMON_OPTIONS) & BIT(i)) && is_common == (common == 1))
                option(c, &option_rows[i]);
        }
    if (command->example) {
        out(c, ".SH EXAMPLES\n.nf\n");
        roff(c, command->example);
        out(c, "\n.fi\n");
    }
    environment(c, command->options);
    exit_status(c);
    out(c, ".SH SEE ALSO\n.BR assay (1)\n");
}

static void manual_all(call *c) {
    heading(c, "assay", "publish AI models, verify them offline, and see who vouches for them");
    out(c,
        ".SH SYNOPSIS\n.B assay\n.I COMMAND\n[options]\n.SH DESCRIPTION\n"
        "Independent, staked validators check the exact bytes of AI models and vouch for them; anybody verifies that\n"
        "offline, with one small file. Attested is not safe: it means the same bytes as published, and no more.\n"
        "Data goes to standard output, messages and errors to standard error. Nothing is sent to anybody but the node\n"
        "that you name; there is no telemetry.\n.SH COMMANDS\n");
    for (size_t i = 0; i < commands_count; i++) {
        out(c, ".TP\n.BR ");
        roff(c, keep_text(c, "assay-%s", dashed(c, commands[i].name)));
        out(c, " (1)\n");
        roff(c, commands[i].summary);
        out(c, ".\n");
    }
    out(c, ".SH OPTIONS\nEvery command takes:\n");
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (COMMON_OPTIONS & BIT(i)) option(c, &option_rows[i]);
    environment(c, UINT64_MAX);
    out(c, ".SH FILES\n.TP\n$XDG_CONFIG_HOME/assay/trust.json\nwhat is trusted, unless it is named otherwise; "
           "~/.config by "
           "default.\n.TP\n$XDG_STATE_HOME/assay/devnet\\-PORT.json\nwhere a running devnet of this user has its first "
           "key; ~/.local/state by default.\n");
    exit_status(c);
    out(c, ".SH SEE ALSO\n.BR assayd (1),\n.BR assay\\-certificate (5),\n.BR assay\\-trust (5)\n");
}

/* That of the words; of the whole program without any. */
static void print_manual(call *c) {
    int taken = 0;
    if (c->words_count == 0)
        manual_all(c);
    else
        manual_command(c, command_find(c->words, c->words_count, &taken));
}

assay_err run_manual(call *c) {
    int taken = 0;
    const command_row *found = c->words_count ? command_find(c->words, c->words_count, &taken) : NULL;
    if (taken != c->words_count) {
        c->try_this = "assay help";
        return usage(c, "there is no command %s%s%s", c->words[0], c->words_count > 1 ? " " : "",
                     c->words_count > 1 ? c->words[1] : "");
    }
    if (json_wanted(c)) return out_as_json(c, "command", found ? found->name : "", print_manual);
    print_manual(c);
    return ASSAY_OK;
}
