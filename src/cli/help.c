/* Prints help from the tables of commands and options, within HELP_COLUMNS columns.
 *
 * Nothing is written here that a table knows: defaults, ranges and choices come from the option's
 * row. One thread. */
#include "cli/help.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "cli/option.h"

#define HELP_INDENT 28 /* where an option's text begins */
#define NAME_WIDTH  18 /* of the longest command's name */
#define TEXT_SIZE   512

/* Words of text from column `at` on, each further line indented, ended by a newline. Widths are
 * bytes: help is ASCII. */
static void print_words(FILE *out, const char *text, size_t at, size_t indent)
{
    bool first = true;

    while (*text) {
        size_t len = strcspn(text, " ");
        if (!first && at + 1 + len > HELP_COLUMNS) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        at += (size_t)fprintf(out, "%s%.*s", first ? "" : " ", (int)len, text);
        text += len + (text[len] == ' ');
        first = false;
    }
    fputc('\n', out);
}

/* " (1 to 500000; default: ...)" or nothing. */
static void append_facts(char *text, size_t size, const struct option *opt)
{
    size_t len = strlen(text);
    bool count = opt->type == OPTION_COUNT || opt->type == OPTION_SCOPED;
    char range[64] = "";

    if (count && opt->max < INT64_MAX && opt->max <= 1000000000)
        snprintf(range, sizeof range, "%" PRId64 " to %" PRId64, opt->min, opt->max);
    if (range[0] || opt->fallback)
        snprintf(text + len, size - len, " (%s%s%s%s)", range,
                 range[0] && opt->fallback ? "; " : "", opt->fallback ? "default: " : "",
                 opt->fallback ? opt->fallback : "");
}

static void print_option(FILE *out, const struct option *opt)
{
    char head[TEXT_SIZE], text[TEXT_SIZE];
    int len = snprintf(head, sizeof head, opt->letter ? "  -%c, --%s%s%s" : "  %c   --%s%s%s",
                       opt->letter ? opt->letter : ' ', opt->name, opt->arg ? " " : "",
                       opt->arg ? opt->arg : "");

    fputs(head, out);
    if (len + 2 > HELP_INDENT) {
        fputc('\n', out);
        len = 0;
    }
    fprintf(out, "%*s", HELP_INDENT - len, "");
    snprintf(text, sizeof text, "%s", opt->help);
    append_facts(text, sizeof text, opt);
    print_words(out, text, HELP_INDENT, HELP_INDENT);
}

static void print_group(FILE *out, const struct command *c, enum option_group group)
{
    static const char *const titles[GROUPS] = {
#define X(id, title) [GROUP_##id] = title,
        OPTION_GROUPS(X)
#undef X
    };
    bool titled = false;

    for (const struct option *opt = option_table; opt->name; opt++) {
        if (opt->group != group || opt != option_find(c, slice_of(opt->name)))
            continue;
        if (!titled)
            fprintf(out, "\n%s:\n", titles[group]);
        titled = true;
        print_option(out, opt);
    }
}

void help_command(FILE *out, const struct command *c)
{
    bool config = option_find(c, SLICE_LIT("config")) != NULL;

    fprintf(out, "Usage: tranche %s %s\n\n", c->name, c->usage);
    for (const char *at = c->details; *at;) {
        char line[2 * TEXT_SIZE];
        size_t len = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)len, at);
        print_words(out, line, 0, 0);
        at += len + (at[len] == '\n');
    }
    for (enum option_group group = 0; group < GROUPS; group++)
        print_group(out, c, group);
    if (config) {
        fputc('\n', out);
        print_words(out,
                    "An option --some-name can also be set by the environment variable "
                    "TRANCHE_SOME_NAME or by a line some-name = VALUE in --config FILE (flags: "
                    "true or false). The command line wins, then the environment.",
                    0, 0);
    }
    if (c->more)
        fprintf(out, "\n%s", c->more());
}

void help_overview(FILE *out)
{
    fprintf(out, "Usage: tranche COMMAND [ARGUMENT...] [OPTION...]\n\n");
    print_words(out,
                "Enriches a list of people or companies by a paid vendor: one record out for each "
                "record in, in order, none lost and none paid twice.",
                0, 0);
    fprintf(out, "\nCommands:\n");
    for (unsigned i = 0; i < COMMANDS; i++) {
        const struct command *c = command_table[i];
        fprintf(out, "  %-*s  ", NAME_WIDTH, c->name);
        print_words(out, c->summary, NAME_WIDTH + 4, NAME_WIDTH + 4);
    }
    fprintf(out, "\n  tranche help COMMAND   its arguments and options\n"
                 "  tranche --version\n\n"
                 "To begin: tranche run LIST -p enrichso/email-finder -o OUT.csv --sandbox\n");
}
