/* Reads command lines, the environment and configuration files by the option table.
 *
 * 1. The command line comes before the environment, which comes before the file: each only fills
 * what is still absent.
 * 2. A message names the place as it was written: --batch-size, TRANCHE_BATCH_SIZE, or FILE:LINE.
 * Never the value of an option that does not exist: it may be a key that somebody took for one.
 * 3. What looks like a setting and is none is refused, wherever it stands: a cap that does not hold
 * because of a slip would cost money.
 *
 * The file is lines of NAME = VALUE with long option names. A comment is a whole line, since values
 * may hold a '#' (map = domain=#3). Names that belong to other commands are passed over, so that
 * one file serves all of them. One thread. */
#include "cli/parse.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/nearest.h"
#include "base/slice.h"
#include "cli/option.h"
#include "run/verification.h"

#define CONFIG_MAX ((size_t)1 << 20)
#define NAME_SIZE  64
#define VARIABLE   "TRANCHE_"

/* --- the command line ----------------------------------------------------------------------- */

/* Messages about a command line end with where to look. */
static int see_help(const struct options *o, struct error *e)
{
    size_t len = strlen(e->message);

    snprintf(e->message + len, sizeof e->message - len, "; see tranche %s --help",
             o->command->name);
    return e->code;
}

static int unknown_option(const struct options *o, struct slice name, struct error *e)
{
    char text[NAME_SIZE];

    snprintf(text, sizeof text, "%.*s", SLICE_ARG(name));
    const char *near = option_nearest(o->command, text);
    if (near)
        return error_set(e, ERR_USAGE, "there is no option --%s, but --%s", text, near);
    if (option_anywhere(name))
        return error_set(e, ERR_USAGE, "--%s is an option of other commands, not of this one",
                         text);
    return error_set(e, ERR_USAGE, "there is no option --%s", text);
}

/* --name, --name=value or --name value, where `next` is what follows. Returns how many words it
 * took, or an error. */
static int long_option(struct options *o, const char *word, const char *next, struct error *e)
{
    size_t len = strcspn(word, "=");
    const char *value = word[len] == '=' ? word + len + 1 : NULL;
    const struct option *opt = option_find(o->command, (struct slice){word, len});
    int words = 1;

    if (!opt)
        return unknown_option(o, (struct slice){word, len}, e);
    if (opt->type == OPTION_FLAG && value)
        return error_set(e, ERR_USAGE, "--%s takes no value", opt->name);
    if (opt->type != OPTION_FLAG && !value) {
        value = next;
        words = 2;
        if (!value)
            return error_set(e, ERR_USAGE, "--%s: its value is missing (%s)", opt->name, opt->arg);
    }
    if (option_set(o, opt, value, SOURCE_ARGV, e) != 0)
        return error_prefix(e, "--%s", opt->name);
    return words;
}

/* -x, -xyz, -xvalue or -x value. Returns likewise. */
static int short_options(struct options *o, const char *letters, const char *next, struct error *e)
{
    for (; *letters; letters++) {
        const struct option *opt = option_letter(o->command, *letters);
        const char *value = NULL;
        if (!opt)
            return error_set(e, ERR_USAGE, "there is no option -%c",
                             isprint((unsigned char)*letters) ? *letters : '?');
        if (opt->type != OPTION_FLAG) {
            value = letters[1] ? letters + 1 : next;
            if (!value)
                return error_set(e, ERR_USAGE, "-%c: its value is missing (%s)", opt->letter,
                                 opt->arg);
        }
        if (option_set(o, opt, value, SOURCE_ARGV, e) != 0)
            return error_prefix(e, "-%c", opt->letter);
        if (value)
            return letters[1] ? 1 : 2;
        if (o->help == 1)
            return 1;
    }
    return 1;
}

static int operand(struct options *o, const char *word, struct error *e)
{
    unsigned most = 0;

    while (most < OPERANDS_MAX && o->command->operands[most])
        most++;
    if (o->operand_count == most)
        return error_set(e, ERR_USAGE, "'%s' is one argument too many", word);
    o->operands[o->operand_count++] = word;
    return 1;
}

static int parse_args(struct options *o, char *const *args, struct error *e)
{
    bool ended = false;

    while (*args && o->help != 1) {
        const char *word = *args;
        int words;
        if (!ended && strcmp(word, "--") == 0) {
            ended = true;
            words = 1;
        } else if (!ended && word[0] == '-' && word[1] == '-') {
            words = long_option(o, word + 2, args[1], e);
        } else if (!ended && word[0] == '-' && word[1]) {
            words = short_options(o, word + 1, args[1], e);
        } else {
            words = operand(o, word, e);
        }
        if (words < 0)
            return see_help(o, e);
        args += words;
    }
    return 0;
}

static int check_operands(const struct options *o, struct error *e)
{
    if (o->operand_count >= o->command->needed)
        return 0;
    error_set(e, ERR_USAGE, "%s is missing", o->command->operands[o->operand_count]);
    return see_help(o, e);
}

/* --- the environment and the file ----------------------------------------------------------- */

static bool is_set(const struct options *o, const struct option *opt)
{
    return option_source(o, opt) != SOURCE_NONE;
}

static void variable_of(const struct option *opt, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, VARIABLE "%s", opt->name);
    for (char *c = name; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* The variables that set no option: of the log, of secrets, and of the scripts that build and test.
 */
static bool is_other_variable(struct slice name)
{
    static const char *const others[] = {"TRANCHE_TRACE", "TRANCHE_BUILD", VERIFICATION_PATH_ENV,
                                         VERIFICATION_PATH_ENV "_FILE"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (slice_eq(name, slice_of(others[i])))
            return true;
    return false;
}

/* Of an option that any command takes from the environment? */
static int check_variable(struct slice name, struct error *e)
{
    char known[OPTION_ROWS_MAX][NAME_SIZE];
    const size_t prefix = strlen(VARIABLE);
    struct nearest near;
    bool here = false;
    unsigned n = 0;

    nearest_init(&near, (struct slice){name.data + prefix, name.len - prefix});
    for (const struct option *opt = option_table; opt->name; opt++, n++) {
        variable_of(opt, known[n]);
        bool same = slice_eq(name, slice_of(known[n]));
        if (same && !opt->here)
            return 0;
        here = here || same;
        if (!opt->here)
            nearest_try(&near, slice_of(known[n] + prefix));
    }
    if (here)
        return error_set(e, ERR_CONFIG, "%.*s: this option is for the command line only",
                         SLICE_ARG(name));
    if (near.found)
        return error_set(e, ERR_CONFIG, "%.*s: there is no such setting, but " VARIABLE "%.*s",
                         SLICE_ARG(name), SLICE_ARG(near.name));
    return error_set(e, ERR_CONFIG, "%.*s: there is no such setting; unset it", SLICE_ARG(name));
}

static int check_environment(struct error *e)
{
    for (char **at = environ; at && *at; at++) {
        struct slice name = {*at, strcspn(*at, "=")};
        if (strncmp(*at, VARIABLE, strlen(VARIABLE)) != 0 || is_other_variable(name) ||
            (*at)[name.len] == '\0' || (*at)[name.len + 1] == '\0')
            continue;
        if (check_variable(name, e) != 0)
            return e->code;
    }
    return 0;
}

static int parse_environment(struct options *o, struct error *e)
{
    char name[NAME_SIZE];

    for (const struct option *opt = option_table; opt->name; opt++) {
        if (opt->here || is_set(o, opt) || opt != option_find(o->command, slice_of(opt->name)))
            continue;
        variable_of(opt, name);
        const char *value = getenv(name);
        if (!value || !*value)
            continue;
        if (option_set(o, opt, value, SOURCE_ENV, e) != 0) {
            e->code = ERR_CONFIG;
            return error_prefix(e, "%s", name);
        }
    }
    return 0;
}

/* The line's value, NUL-terminated where it stands, as the option's. */
static int file_value(struct options *o, struct slice name, const char *value, struct error *e)
{
    const struct option *any = option_anywhere(name);
    const struct option *opt = option_find(o->command, name);
    char text[NAME_SIZE];

    if (!any) {
        snprintf(text, sizeof text, "%.*s", SLICE_ARG(name));
        const char *near = option_nearest(o->command, text);
        return error_set(e, ERR_CONFIG, "there is no option %s%s%s", text, near ? ", but " : "",
                         near ? near : "");
    }
    if (opt ? opt->here || opt->at == offsetof(struct options, config) : any->here)
        return error_set(e, ERR_CONFIG, "'%s' is for the command line only", any->name);
    if (!opt || (is_set(o, opt) && option_source(o, opt) != SOURCE_FILE))
        return 0;
    if (option_set(o, opt, value, SOURCE_FILE, e) != 0)
        return error_prefix(e, "%s", opt->name);
    return 0;
}

static int file_line(struct options *o, char *line, size_t len, struct error *e)
{
    struct slice whole = slice_trim((struct slice){line, len});

    if (whole.len == 0 || whole.data[0] == '#')
        return 0;
    const char *equals = memchr(whole.data, '=', whole.len);
    if (!equals)
        return error_set(e, ERR_CONFIG, "this is not of the form NAME = VALUE");
    struct slice name = slice_trim((struct slice){whole.data, (size_t)(equals - whole.data)});
    struct slice value =
        slice_trim((struct slice){equals + 1, (size_t)(whole.data + whole.len - (equals + 1))});
    line[value.data + value.len - line] = '\0';
    return file_value(o, name, value.data, e);
}

static int parse_file(struct options *o, const char *path, struct error *e)
{
    size_t len;
    unsigned number = 1;

    if (file_read_all(path, CONFIG_MAX, &o->file_text, &len, e) != 0) {
        e->code = ERR_CONFIG; /* the other codes speak of the list */
        return error_prefix(e, "--config");
    }
    if (memchr(o->file_text, '\0', len))
        return error_set(e, ERR_CONFIG, "%s: this is not a text file", path);
    for (char *line = o->file_text, *end = line + len; line < end; number++) {
        size_t line_len = strcspn(line, "\n");
        if (file_line(o, line, line_len, e) != 0) {
            e->code = ERR_CONFIG;
            return error_prefix(e, "%s:%u", path, number);
        }
        line += line_len + 1;
    }
    return 0;
}

/* --- what they come to ---------------------------------------------------------------------- */

/* An address or key of everyday's configuration does not stand in the way of --sandbox; one that is
 * on the same command line does, which settings_resolve says. And the vendor's own variable comes
 * before the file. */
static void settle(struct options *o)
{
    static const char *const names[] = {"base-url", "key-file"};
    struct settings *s = &o->settings;

    for (unsigned i = 0; i < 2 && s->sandbox == 1; i++) {
        const struct option *opt = option_find(o->command, slice_of(names[i]));
        if (opt && option_source(o, opt) != SOURCE_ARGV)
            option_forget(o, opt);
    }
    const struct option *url = option_find(o->command, SLICE_LIT("base-url"));
    if (!url)
        return;
    const char *kept = s->base_url;
    if (option_source(o, url) == SOURCE_FILE)
        s->base_url = NULL;
    settings_environment(s);
    if (!s->base_url)
        s->base_url = kept;
}

static int fill(struct options *o, struct error *e)
{
    for (const struct option *opt = option_table; opt->name; opt++)
        if (opt->fill && opt == option_find(o->command, slice_of(opt->name)) && !is_set(o, opt) &&
            option_set(o, opt, opt->fallback, SOURCE_FALLBACK, e) != 0)
            return error_prefix(e, "--%s", opt->name);
    return 0;
}

/* Whether the name is that of a table: .csv or .tsv, then perhaps how it is packed. */
static bool names_table(const char *path)
{
    static const char *const packings[] = {".zst", ".gz"};
    struct slice s = slice_of(path);

    for (unsigned i = 0; i < 2; i++) {
        size_t len = strlen(packings[i]);
        if (s.len > len && memcmp(s.data + s.len - len, packings[i], len) == 0) {
            s.len -= len;
            break;
        }
    }
    return s.len >= 4 && (memcmp(s.data + s.len - 4, ".csv", 4) == 0 ||
                          memcmp(s.data + s.len - 4, ".tsv", 4) == 0);
}

/* Where --raw comes from a file it is for the outputs that can hold it; typed beside a table it is
 * a slip. */
static int check_raw(const struct options *o, struct error *e)
{
    const struct option *raw = option_find(o->command, SLICE_LIT("raw"));
    const struct settings *s = &o->settings;

    if (!raw || option_source(o, raw) != SOURCE_ARGV)
        return 0;
    if (s->format ? strcmp(s->format, "ndjson") == 0 : !s->output || !names_table(s->output))
        return 0;
    error_set(e, ERR_USAGE, "--raw adds to NDJSON only, and this output is a table");
    return see_help(o, e);
}

int parse_options(struct options *o, char *const *args, struct error *e)
{
    if (parse_args(o, args, e) != 0)
        return e->code;
    if (o->help == 1)
        return 0;
    if (check_operands(o, e) != 0 || check_environment(e) != 0 || parse_environment(o, e) != 0 ||
        (o->config && parse_file(o, o->config, e) != 0) || fill(o, e) != 0)
        return e->code;
    settle(o);
    return check_raw(o, e);
}
