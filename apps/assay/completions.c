/* SPDX-License-Identifier: Apache-2.0
 *
 * completions - the table as completions of three shells.
 */
#include "assay_internal.h"

#include <string.h>

/* First words, each once; of those that begin a command of two words, the second ones. */
static const char *first_words(call *c) {
    const char *text = "";
    for (size_t i = 0; i < commands_count; i++) {
        const char *name = commands[i].name;
        size_t len = strcspn(name, " ");
        bool known = false;
        for (size_t k = 0; k < i; k++)
            known |= strcspn(commands[k].name, " ") == len && !strncmp(commands[k].name, name, len);
        if (!known) text = keep_text(c, "%s%s%.*s", text, *text ? " " : "", (int)len, name);
    }
    return text;
}

static const char *second_words(call *c, const char *first, size_t len) {
    const char *text = "";
    for (size_t i = 0; i < commands_count; i++) {
        const char *name = commands[i].name;
        if (name[strcspn(name, " ")] && strcspn(name, " ") == len && !strncmp(name, first, len))
            text = keep_text(c, "%s%s%s", text, *text ? " " : "", name + len + 1);
    }
    return text;
}

static const char *options_of(call *c, const command_row *command) {
    const char *text = "";
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if ((command->options | COMMON_OPTIONS) & BIT(i))
            text = keep_text(c, "%s%s%s", text, *text ? " " : "", option_rows[i].name);
    return text;
}

static void bash(call *c) {
    out(c,
        "# assay completions bash\n_assay() {\n"
        "    local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} one=${COMP_WORDS[1]} "
        "two=${COMP_WORDS[2]}\n"
        "    local words=\n"
        "    case $last in --out|--cert|--trust|--key|--data) COMPREPLY=($(compgen -f -- \"$word\")); return;; esac\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W \"%s\" -- \"$word\")); return; fi\n"
        "    case \"$one $two\" in\n",
        first_words(c));
    for (int two = 1; two >= 0; two--)
        for (size_t i = 0; i < commands_count; i++) {
            const char *name = commands[i].name;
            size_t len = strcspn(name, " ");
            if ((name[len] != 0) != (two == 1)) continue;
            out(c, "    \"%s\"%s) words=\"%s%s%s\";;\n", two ? name : keep_text(c, "%s ", name), two ? "" : "*",
                options_of(c, &commands[i]), two ? "" : " ", two ? "" : second_words(c, name, len));
        }
    out(c, "    \"key \"*|\"trust \"*) words=\"new show add\";;\n    esac\n"
           "    case $word in -*) COMPREPLY=($(compgen -W \"$words\" -- \"$word\"));;\n"
           "    *) COMPREPLY=($(compgen -W \"$words\" -- \"$word\") $(compgen -f -- \"$word\"));; esac\n}\n"
           "complete -o filenames -F _assay assay\n");
}

/* Text inside single quotes. */
static const char *quoted(call *c, const char *text) {
    const char *done = "";
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "'");
        done = keep_text(c, "%s%.*s%s", done, (int)len, p, p[len] ? "'\\''" : "");
        p += len + (p[len] != 0);
    }
    return done;
}

static void zsh(call *c) {
    out(c, "#compdef assay\n# assay completions zsh\n_assay() {\n    local -a commands\n    commands=(\n");
    for (size_t i = 0; i < commands_count; i++) {
        const char *name = commands[i].name;
        if (!strchr(name, ' ')) out(c, "        '%s:%s'\n", name, quoted(c, commands[i].summary));
    }
    out(c, "        'key:secret keys'\n        'trust:trust files'\n    )\n"
           "    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
           "    local both=\"$words[2] $words[3]\"\n    case \"$both\" in\n");
    for (int two = 1; two >= 0; two--)
        for (size_t i = 0; i < commands_count; i++) {
            const char *name = commands[i].name;
            size_t len = strcspn(name, " ");
            if ((name[len] != 0) != (two == 1)) continue;
            out(c, "    '%s'%s) compadd -- %s %s; _files;;\n", two ? name : keep_text(c, "%s ", name), two ? "" : "*",
                options_of(c, &commands[i]), two ? "" : second_words(c, name, len));
        }
    out(c, "    'key '*) compadd -- new show;;\n    'trust '*) compadd -- add show;;\n    esac\n}\n_assay \"$@\"\n");
}

static void fish(call *c) {
    out(c, "# assay completions fish\n");
    for (size_t i = 0; i < commands_count; i++) {
        const char *name = commands[i].name, *space = strchr(name, ' ');
        const char *seen = space ? keep_text(c, "__fish_seen_subcommand_from %.*s", (int)(space - name), name)
                                 : keep_text(c, "__fish_seen_subcommand_from %s", name);
        if (space)
            out(c, "complete -c assay -n '%s' -a %s -d '%s'\n", seen, space + 1, quoted(c, commands[i].summary));
        else
            out(c, "complete -c assay -n __fish_use_subcommand -a %s -d '%s'\n", name, quoted(c, commands[i].summary));
        for (size_t k = 0; k < OPTION_COUNT; k++)
            if ((commands[i].options | COMMON_OPTIONS) & BIT(k))
                out(c, "complete -c assay -n '%s' -l %s%s%s -d '%s'%s\n", seen, option_rows[k].name + 2,
                    option_rows[k].letter ? " -s " : "", option_rows[k].letter ? option_rows[k].letter + 1 : "",
                    quoted(c, option_rows[k].help), option_rows[k].value ? " -r" : "");
    }
    out(c, "complete -c assay -n __fish_use_subcommand -a 'key trust'\n");
}

assay_err run_completions(call *c) {
    static const struct {
        const char *name;
        void (*print)(call *c);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(c->words[0], shells[i].name) != 0) continue;
        if (json_wanted(c)) return out_as_json(c, "shell", shells[i].name, shells[i].print);
        shells[i].print(c);
        return ASSAY_OK;
    }
    return usage(c, "there are completions for bash, zsh and fish, not for %s", c->words[0]);
}
