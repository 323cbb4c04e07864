/* The options: each declared once, in option.c's table, which drives parsing, --help, the
 * configuration file and the environment. */
#ifndef TRANCHE_CLI_OPTION_H
#define TRANCHE_CLI_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cli/command.h"
#include "run/settings.h"

enum option_type {
    OPTION_FLAG,     /* int64_t: 1 when given */
    OPTION_COUNT,    /* int64_t: a whole number from min to max */
    OPTION_DURATION, /* int64_t: milliseconds from min to max; "forever" where max is INT64_MAX */
    OPTION_TEXT,     /* const char * */
    OPTION_CHOICE,   /* const char *: one of the words that `arg` names, separated by '|' */
    OPTION_SCOPED,   /* const char *: [P=]N, N a whole number from min to max */
    OPTION_MAPS,     /* settings.maps: may be given again and again */
    OPTION_SETS,     /* settings.sets, likewise */
};

/* The headings of --help, in its order. */
#define OPTION_GROUPS(X)                                                                           \
    X(MAIN, "What")                                                                                \
    X(OUTPUT, "Output")                                                                            \
    X(PROVIDER, "The provider and its limits")                                                     \
    X(CREDITS, "Credits and doubt")                                                                \
    X(TIME, "Time")                                                                                \
    X(CALLED, "Callbacks and watching")                                                            \
    X(VERIFICATION, "The webhook")                                                                 \
    X(SIM, "The simulator")                                                                        \
    X(ABOUT, "Messages and configuration")

enum option_group {
#define X(id, title) GROUP_##id,
    OPTION_GROUPS(X)
#undef X
        GROUPS
};

struct option {
    const char *name; /* without its two hyphens */
    char letter;      /* 0: none */
    enum option_type type;
    const char *arg;      /* as shown; NULL for a flag */
    const char *fallback; /* the default as shown; NULL: none */
    int64_t min, max;
    uint32_t commands; /* COMMAND_BIT of those it belongs to */
    enum option_group group;
    bool here;         /* from the command line only, not from the environment or a file */
    bool fill;         /* parsing puts the default in place; else who uses it knows it */
    const char *twice; /* what to say when it is given twice; NULL: the usual */
    size_t at;         /* in struct options */
    const char *help;
};

/* Ends at a NULL name. Several rows may have one name if no command has two of them. */
extern const struct option option_table[];
#define OPTION_ROWS_MAX 112 /* more than the table has; checked when compiling */

/* Where a value came from; the first of these that has one wins. */
enum option_source { SOURCE_NONE, SOURCE_ARGV, SOURCE_ENV, SOURCE_FILE, SOURCE_FALLBACK };

/* What a command line came to. Texts are borrowed from argv, the environment, the table, or
 * file_text. */
struct options {
    const struct command *command;
    const char *operands[OPERANDS_MAX];
    unsigned operand_count;
    struct settings settings;

    /* Numbers are SETTING_ABSENT when absent, texts NULL. */
    int64_t help, json, watch, finish, verbose;
    const char *as, *config, *log, *log_format;
    int64_t paid;
    const char *body;
    struct {
        int64_t cache_age;
        const char *listen, *path_file, *cache, *request_field, *reply_field, *accept;
    } verification;
    struct {
        int64_t port, seed, balance, found_percent, queue, items_per_s, shuffle, openapi, speed;
        const char *key, *state, *tier, *faults, *form, *scenario;
    } sim;

    unsigned char source[OPTION_ROWS_MAX]; /* an enum option_source for each row of the table */
    char *file_text;
};

void option_init(struct options *o, const struct command *c);
void option_deinit(struct options *o);

/* The command's option of that name or letter; NULL when it has none. */
const struct option *option_find(const struct command *c, struct slice name);
const struct option *option_letter(const struct command *c, char letter);
/* Of any command. */
const struct option *option_anywhere(struct slice name);
/* The command's option whose name was probably meant; NULL when none is near. */
const char *option_nearest(const struct command *c, const char *name);

enum option_source option_source(const struct options *o, const struct option *opt);

/* Read the text as the option's value and put it in place; text NULL: a flag is given. ERR_USAGE
 * with what is wrong, without the option's name. */
int option_set(struct options *o, const struct option *opt, const char *text,
               enum option_source source, struct error *e);
/* Take it back: as if it had not been given. */
void option_forget(struct options *o, const struct option *opt);

#endif
