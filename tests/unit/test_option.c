/* Command lines, environment and configuration files by the option table; and the table itself,
 * against help, settings and README. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "cli/help.h"
#include "cli/option.h"
#include "cli/parse.h"

#define WORDS_MAX 32
#define TOP       TEST_DATA "/../../"

/* --- the table ------------------------------------------------------------------------------ */

static void rows_are_sound(void **state)
{
    (void)state;
    for (const struct option *o = option_table; o->name; o++) {
        assert_int_equal(strspn(o->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(o->name));
        assert_true(o->commands != 0 && o->commands >> COMMANDS == 0);
        assert_true(strlen(o->help) > 0);
        assert_true(o->at > 0 && o->at < sizeof(struct options));
        assert_true((o->type == OPTION_FLAG) == (o->arg == NULL));
        if (o->type == OPTION_COUNT || o->type == OPTION_DURATION || o->type == OPTION_SCOPED)
            assert_true(o->min < o->max);
        if (o->type == OPTION_CHOICE)
            assert_non_null(strchr(o->arg, '|'));
        for (const struct option *p = option_table; p < o; p++) {
            bool together = (o->commands & p->commands) != 0;
            if (together && (strcmp(o->name, p->name) == 0 || o->at == p->at ||
                             (o->letter && o->letter == p->letter)))
                fail_msg("--%s and --%s of one command", o->name, p->name);
        }
    }
}

static void assert_option_of(const char *id, size_t at)
{
    char name[64];

    snprintf(name, sizeof name, "%s",
             strcmp(id, "maps") == 0   ? "map"
             : strcmp(id, "sets") == 0 ? "set"
                                       : id);
    for (char *c = name; *c; c++)
        *c = *c == '_' ? '-' : *c;
    for (const struct option *o = option_table; o->name; o++)
        if (strcmp(o->name, name) == 0 && o->at == at)
            return;
    fail_msg("no option sets %s", id);
}

/* What a run can be told, the command line can tell it. */
static void every_setting_has_its_option(void **state)
{
    (void)state;
#define X(id, hold)                                                                                \
    if (strcmp(#id, "list") != 0)                                                                  \
        assert_option_of(#id, offsetof(struct options, settings.id));
    SETTINGS_TEXTS(X)
    SETTINGS_NUMBERS(X)
#undef X
    assert_option_of("maps", offsetof(struct options, settings.maps));
    assert_option_of("sets", offsetof(struct options, settings.sets));
}

/* The text is malloc'ed. By a parameter: gcc 12 takes a returned one for a pointer to a local. */
static void help_of(const struct command *c, char **text)
{
    size_t len;
    FILE *f = open_memstream(text, &len);

    assert_non_null(f);
    if (c)
        help_command(f, c);
    else
        help_overview(f);
    fclose(f);
    assert_non_null(*text);
}

static void assert_printable(const char *text)
{
    size_t column = 0;

    for (; *text; text++) {
        column = *text == '\n' ? 0 : column + 1;
        if (column > HELP_COLUMNS || (*text != '\n' && (*text < ' ' || *text > '~')))
            fail_msg("at column %zu: %.40s", column, text);
    }
}

static void help_names_every_option_in_80_columns(void **state)
{
    char name[64];

    (void)state;
    for (unsigned i = 0; i < COMMANDS; i++) {
        const struct command *c = command_table[i];
        char *text = NULL;
        help_of(c, &text);
        /* What a command adds is not of this table. */
        char *more = c->more ? strstr(text, c->more()) : NULL;
        if (more)
            *more = '\0';
        assert_printable(text);
        for (const struct option *o = option_table; o->name; o++) {
            snprintf(name, sizeof name, " --%s%s", o->name, o->arg ? " " : "");
            bool belongs = o == option_find(c, slice_of(o->name));
            if (belongs && !strstr(text, name))
                fail_msg("tranche %s --help does not name --%s", c->name, o->name);
        }
        free(text);
    }
    char *text = NULL;
    help_of(NULL, &text);
    assert_printable(text);
    for (unsigned i = 0; i < COMMANDS; i++)
        assert_non_null(strstr(text, command_table[i]->name));
    free(text);
}

/* `text` is in the README with nothing behind it that would make it another name. */
static bool names(const char *readme, const char *text)
{
    size_t len = strlen(text);

    for (const char *at = strstr(readme, text); at; at = strstr(at + 1, text))
        if (!strchr("abcdefghijklmnopqrstuvwxyz-", at[len]))
            return true;
    return false;
}

static char *read_top(const char *path)
{
    struct error e = {0};
    char *text;
    size_t len;

    if (file_read_all(path, 1 << 20, &text, &len, &e) != 0)
        fail_msg("%s", e.message);
    return text;
}

static void readme_names_everything(void **state)
{
    char *readme = read_top(TOP "README.md"), text[64];

    (void)state;
    for (const struct option *o = option_table; o->name; o++) {
        snprintf(text, sizeof text, "--%s", o->name);
        if (!names(readme, text))
            fail_msg("README.md does not name %s", text);
    }
    for (unsigned i = 0; i < COMMANDS; i++) {
        snprintf(text, sizeof text, "tranche %s", command_table[i]->name);
        if (!names(readme, text))
            fail_msg("README.md does not name %s", text);
    }
    free(readme);
}

/* The line that people copy is the list that scripts read, but for what only tests/run.sh full
 * needs. */
static void readme_installs_the_packages(void **state)
{
    char *readme = read_top(TOP "README.md"), *packages = read_top(TOP "packages.txt");
    struct buf wanted;
    char *rest = packages;

    (void)state;
    buf_init(&wanted, 4096);
    buf_append_text(&wanted, "apt-get install");
    for (char *line; (line = strsep(&rest, "\n"));) {
        size_t len = strcspn(line, " ");
        if (len > 0 && line[0] != '#' && strcmp(line + len, " full") != 0)
            buf_append_format(&wanted, " %.*s", (int)len, line);
    }
    buf_append_char(&wanted, '\n');
    if (!strstr(readme, buf_text(&wanted)))
        fail_msg("README.md lacks: %s", buf_text(&wanted));
    buf_deinit(&wanted);
    free(packages);
    free(readme);
}

/* --- command lines -------------------------------------------------------------------------- */

/* Words are separated by single spaces; two of them stand for an empty word between them. */
static int parse(struct options *o, char *line, const char *command, struct error *e)
{
    char *args[WORDS_MAX] = {NULL};
    unsigned count = 0;

    option_init(o, command_find(command));
    for (char *at = line; at && *line && count < WORDS_MAX - 1;)
        args[count++] = strsep(&at, " ");
    return parse_options(o, args, e);
}

/* What was set: as the ledger would have it, then what only this process knows. */
static void describe(const struct options *o, struct buf *out)
{
    settings_json(&o->settings, out);
    for (unsigned i = 0; i < o->operand_count; i++)
        buf_append_format(out, " %s", o->operands[i]);
    if (o->settings.quiet == 1)
        buf_append_text(out, " quiet");
    if (o->verbose == 1)
        buf_append_text(out, " verbose");
    if (o->json == 1)
        buf_append_text(out, " json");
    if (o->help == 1)
        buf_append_text(out, " help");
    if (o->as)
        buf_append_format(out, " as=%s", o->as);
    if (o->settings.run_dir)
        buf_append_format(out, " dir=%s", o->settings.run_dir);
}

static const struct good {
    const char *command, *line, *comes_to;
} goods[] = {
    {"run", "a", "{} a"},
    {"run", "--output=b a", "{\"output\":\"b\"} a"},
    {"run", "--output b a", "{\"output\":\"b\"} a"},
    {"run", "-o b a", "{\"output\":\"b\"} a"},
    {"run", "-ob a", "{\"output\":\"b\"} a"},
    {"run", "a -o -", "{\"output\":\"-\"} a"},
    {"run", "a --output=x=y", "{\"output\":\"x=y\"} a"},
    {"run", "a -o --raw", "{\"output\":\"--raw\"} a"},
    {"run", "-qv a", "{} a quiet verbose"},
    {"run", "-qvob a", "{\"output\":\"b\"} a quiet verbose"},
    {"run", "-qo b a -v", "{\"output\":\"b\"} a quiet verbose"},
    {"run", "-- -a", "{} -a"},
    {"run", "-", "{} -"},
    {"run", "a --", "{} a"},
    {"run", "-q -- --", "{} -- quiet"},
    {"run", "a --run-dir d", "{} a dir=d"},
    {"run", "a --map email=E --map domain=#3", "{\"maps\":[\"email=E\",\"domain=#3\"]} a"},
    {"run", "a --set level=full --set=x/y:mode=single",
     "{\"sets\":[\"level=full\",\"x/y:mode=single\"]} a"},
    {"run", "a --callback-timeout 30m --clock-speed 60",
     "{\"callback_timeout\":1800000,\"clock_speed\":60} a"},
    {"run", "a --max-records 5 --raw", "{\"max_records\":5,\"raw\":1} a"},
    {"run", "a --max-credits 0", "{\"max_credits\":0} a"},
    {"run", "a --timeout 90s --linger 0", "{\"timeout\":90000,\"linger\":0} a"},
    {"run", "a --timeout 1h", "{\"timeout\":3600000} a"},
    {"run", "a --max-wait forever", "{\"max_wait\":9223372036854775807} a"},
    {"run", "a --batch-size 500000", "{\"batch_size\":\"500000\"} a"},
    {"run", "a --batch-size enrichso=1", "{\"batch_size\":\"enrichso=1\"} a"},
    {"run", "a --csv-safe all", "{\"csv_safe\":\"all\"} a"},
    {"run", "--help --nonsense", "{} help"},
    {"run", "-h", "{} help"},
    {"run", "-qhx", "{} quiet help"},
    {"plan", "a --json --sandbox", "{\"sandbox\":1} a json"},
    {"resolve", "r 3 --as sent=x", "{} r 3 as=sent=x"},
    {"providers", "--json", "{} json"},
    {"providers", "", "{}"},
};

static void takes_command_lines(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof goods / sizeof goods[0]; i++) {
        struct options o;
        struct error e = {0};
        char *line = strdup(goods[i].line);
        if (parse(&o, line, goods[i].command, &e) != 0)
            fail_msg("%s: %s", goods[i].line, e.message);
        buf_reset(&out);
        describe(&o, &out);
        assert_string_equal(buf_text(&out), goods[i].comes_to);
        option_deinit(&o);
        free(line);
    }
    buf_deinit(&out);
}

static const struct bad {
    const char *command, *line, *says; /* before "; see tranche COMMAND --help" */
} bads[] = {
    {"run", "", "LIST is missing"},
    {"resolve", "", "RUN is missing"},
    {"run", "a b", "'b' is one argument too many"},
    {"providers", "a b", "'b' is one argument too many"},
    {"run", "a --batch-size 12x", "--batch-size: '12x' is not a whole number from 1 to 500000"},
    {"run", "a --batch-size p=", "--batch-size: '' is not a whole number from 1 to 500000"},
    {"run", "a --batch-size 500001",
     "--batch-size: '500001' is not a whole number from 1 to 500000"},
    {"run", "a --max-records 0",
     "--max-records: '0' is not a whole number from 1 to 1000000000000"},
    {"run", "a --max-records -1",
     "--max-records: '-1' is not a whole number from 1 to 1000000000000"},
    {"run", "a --max-records 99999999999999999999",
     "--max-records: '99999999999999999999' is not a whole number from 1 to 1000000000000"},
    {"sim", "--seed 9223372036854775808",
     "--seed: '9223372036854775808' is not a whole number from 0 to 9223372036854775807"},
    {"run", "a --batchsize 3", "there is no option --batchsize, but --batch-size"},
    {"run", "a --maxcredits=3", "there is no option --maxcredits, but --max-credits"},
    {"run", "a --key=secret", "there is no option --key, but --key-file"},
    {"run", "a --bearer=secret", "there is no option --bearer"},
    {"call", "enrichso GET", "PATH is missing"},
    {"call", "enrichso GET /x --key=secret", "there is no option --key, but --key-file"},
    {"serve-verification", "--path=/secret", "there is no option --path, but --path-file"},
    {"run", "a --paid", "--paid is an option of other commands, not of this one"},
    {"run", "a --watch", "--watch is an option of other commands, not of this one"},
    {"run", "a --=x", "there is no option --"},
    {"run", "a -x", "there is no option -x"},
    {"run", "a -q=1", "there is no option -="},
    {"run", "a --raw=1", "--raw takes no value"},
    {"run", "a --output", "--output: its value is missing (OUT)"},
    {"run", "a -o", "-o: its value is missing (OUT)"},
    {"run", "a --output=", "--output: the value is empty"},
    {"run", "a --map=", "--map: the value is empty"},
    {"run", "a --timeout 0", "--timeout: '0' is not from 1 s to 1 h"},
    {"run", "a --timeout 61m", "--timeout: '61m' is not from 1 s to 1 h"},
    {"run", "a --timeout forever", "--timeout: 'forever' is not from 1 s to 1 h"},
    {"run", "a --timeout 5x", "--timeout: '5x' is not a duration, as 90s, 15m or 1h30m are"},
    {"run", "a --max-wait soon",
     "--max-wait: 'soon' is not a duration, as 90s, 15m or 1h30m are, or forever"},
    {"run", "a --format xml", "--format: 'xml' is not one of ndjson|csv|tsv"},
    {"run", "a --format nd", "--format: 'nd' is not one of ndjson|csv|tsv"},
    {"run", "a --format csv|tsv", "--format: 'csv|tsv' is not one of ndjson|csv|tsv"},
    {"run", "a --raw --raw", "--raw: it is given twice"},
    {"run", "a -o b -o b", "-o: it is given twice"},
    {"run", "a -o b --output c", "--output: it is given twice"},
    {"run", "a -o b.csv --raw", "--raw adds to NDJSON only, and this output is a table"},
    {"run", "a -o b.tsv.zst --raw", "--raw adds to NDJSON only, and this output is a table"},
    {"export", "a -o - --format csv --raw",
     "--raw adds to NDJSON only, and this output is a table"},
    {"run", "a -p x -p y", "-p: several operations in one run are not available yet"},
};

static void refuses_command_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        const struct bad *b = &bads[i];
        struct options o;
        struct error e = {0};
        char *line = strdup(b->line), wanted[256];
        int code = parse(&o, line, b->command, &e);
        snprintf(wanted, sizeof wanted, "%s; see tranche %s --help", b->says, b->command);
        if (code != ERR_USAGE || strcmp(e.message, wanted) != 0)
            fail_msg("%s: %d %s", b->line, code, e.message);
        assert_null(strstr(e.message, "secret"));
        option_deinit(&o);
        free(line);
    }
}

static void takes_no_more_maps_than_there_is_room(void **state)
{
    char line[] = "a", map[] = "--map=email=E", *args[2 * SETTINGS_MAPS_MAX + 4];
    struct options o;
    struct error e = {0};
    unsigned n = 0;

    (void)state;
    args[n++] = line;
    for (unsigned i = 0; i <= SETTINGS_MAPS_MAX; i++)
        args[n++] = map;
    args[n] = NULL;
    option_init(&o, command_find("run"));
    assert_int_equal(parse_options(&o, args, &e), ERR_USAGE);
    assert_non_null(strstr(e.message, "--map: more than 32 of them"));
    args[n - 1] = NULL;
    option_init(&o, command_find("run"));
    assert_int_equal(parse_options(&o, args, &e), 0);
    assert_int_equal(o.settings.map_count, SETTINGS_MAPS_MAX);
}

static void the_webhook_has_its_defaults(void **state)
{
    struct options o;
    struct error e = {0};
    char line[] = "--listen 127.0.0.1:0 --max-credits 5";

    (void)state;
    setenv("TRANCHE_VERIFICATION_PATH", "/secret", 1); /* no setting, and not refused */
    int code = parse(&o, line, "serve-verification", &e);
    unsetenv("TRANCHE_VERIFICATION_PATH");
    if (code != 0)
        fail_msg("%s", e.message);
    assert_string_equal(o.settings.provider, "enrichso/email-validation");
    assert_string_equal(o.verification.request_field, "email");
    assert_string_equal(o.verification.reply_field, "valid");
    assert_string_equal(o.verification.accept, "valid");
    assert_int_equal(o.verification.cache_age, INT64_C(30) * 24 * 3600 * 1000);
    assert_int_equal(o.settings.timeout, 30000);
    assert_int_equal(o.settings.max_credits, 5);
}

static void the_simulator_has_its_defaults(void **state)
{
    struct options o;
    struct error e = {0};
    char line[] = "--seed 7 --tier free";

    (void)state;
    if (parse(&o, line, "sim", &e) != 0)
        fail_msg("%s", e.message);
    assert_int_equal(o.sim.seed, 7);
    assert_string_equal(o.sim.tier, "free");
    assert_null(o.settings.tier);
    assert_true(o.sim.balance > 0 && o.sim.found_percent > 0 && o.sim.queue > 0);
    assert_non_null(o.sim.key);
    assert_true(o.sim.port == SETTING_ABSENT);
    assert_null(o.sim.faults);
}

/* --- environment and file ------------------------------------------------------------------- */

static char config_path[] = "/tmp/tranche-option-XXXXXX";

static void write_config(const char *text, size_t len)
{
    FILE *f = fopen(config_path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static int parse_with_config(struct options *o, const char *words, struct error *e)
{
    static char line[512]; /* the options borrow from it */

    snprintf(line, sizeof line, "%s --config %s", words, config_path);
    return parse(o, line, "run", e);
}

static void the_command_line_wins_then_the_environment(void **state)
{
    static const char config[] = "# for every day\r\n"
                                 "\n"
                                 "  tier = file \r\n"
                                 "rate=1/s\n"
                                 "max-records = 3\n"
                                 "map = email=E Mail\n"
                                 "\tmap\t=\tdomain=#3\n"
                                 "json = true\n" /* of other commands */
                                 "raw = yes\n"
                                 "keep-list = off";
    struct options o;
    struct error e = {0};
    char line[] = "a --max-records 1 --config /tmp/tranche-option-XXXXXX";

    (void)state;
    memcpy(strstr(line, "/tmp"), config_path, strlen(config_path));
    write_config(config, sizeof config - 1);
    setenv("TRANCHE_MAX_RECORDS", "2", 1);
    setenv("TRANCHE_TIER", "env", 1);
    setenv("TRANCHE_RATE", "", 1); /* as good as not set */
    int code = parse(&o, line, "run", &e);
    unsetenv("TRANCHE_MAX_RECORDS");
    unsetenv("TRANCHE_RATE");
    if (code != 0)
        fail_msg("%s", e.message);
    assert_int_equal(o.settings.max_records, 1);
    assert_string_equal(o.settings.tier, "env");
    assert_string_equal(o.settings.rate, "1/s");
    assert_int_equal(o.settings.map_count, 2);
    assert_string_equal(o.settings.maps[0], "email=E Mail");
    assert_string_equal(o.settings.maps[1], "domain=#3");
    assert_int_equal(o.settings.raw, 1);
    assert_int_equal(o.settings.keep_list, 0);
    option_deinit(&o);
    unsetenv("TRANCHE_TIER");
}

static void maps_of_the_command_line_replace_those_of_the_file(void **state)
{
    static const char config[] = "map = email=E\nmap = domain=D\n";
    struct options o;
    struct error e = {0};

    (void)state;
    write_config(config, sizeof config - 1);
    assert_int_equal(parse_with_config(&o, "a --map company=C", &e), 0);
    assert_int_equal(o.settings.map_count, 1);
    option_deinit(&o);
}

static void the_environment_names_the_file(void **state)
{
    static const char config[] = "tier = file";
    struct options o;
    struct error e = {0};
    char line[] = "a";

    (void)state;
    write_config(config, sizeof config - 1);
    setenv("TRANCHE_CONFIG", config_path, 1);
    assert_int_equal(parse(&o, line, "run", &e), 0);
    assert_string_equal(o.settings.tier, "file");
    option_deinit(&o);
    unsetenv("TRANCHE_CONFIG");
}

static const struct bad_config {
    const char *text;
    size_t len; /* 0: of the text */
    const char *says;
} bad_configs[] = {
    {"tier = a\nnonsense\n", 0, ":2: this is not of the form NAME = VALUE"},
    {"\n\n\nteir = a", 0, ":4: there is no option teir, but tier"},
    {"xyzzy = a", 0, ":1: there is no option xyzzy"},
    {" = a", 0, ":1: there is no option "},
    {"tier =", 0, ":1: tier: the value is empty"},
    {"tier = a\n#\ntier = b\n", 0, ":3: tier: it is given twice"},
    {"raw = perhaps", 0, ":1: raw: 'perhaps' is neither true nor false"},
    {"timeout = 1y", 0, ":1: timeout: '1y' is not a duration"},
    {"--tier = a", 0, ":1: there is no option --tier, but tier"},
    {"config = other", 0, ":1: 'config' is for the command line only"},
    {"force = true", 0, ":1: 'force' is for the command line only"},
    {"seed = 3", 0, ":1: 'seed' is for the command line only"},
    {"tier = a\0b", 10, ": this is not a text file"},
};

static void names_file_and_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_configs / sizeof bad_configs[0]; i++) {
        const struct bad_config *b = &bad_configs[i];
        struct options o;
        struct error e = {0};
        char wanted[256];
        write_config(b->text, b->len ? b->len : strlen(b->text));
        snprintf(wanted, sizeof wanted, "%s%s", config_path, b->says);
        int code = parse_with_config(&o, "a", &e);
        if (code != ERR_CONFIG || strncmp(e.message, wanted, strlen(wanted)) != 0)
            fail_msg("%s: %d %s", b->text, code, e.message);
        option_deinit(&o);
    }
}

static void names_the_variable(void **state)
{
    struct options o;
    struct error e = {0};
    char line[] = "a", again[] = "a --config /nowhere/at/all";

    (void)state;
    setenv("TRANCHE_BATCH_SIZE", "0", 1);
    assert_int_equal(parse(&o, line, "run", &e), ERR_CONFIG);
    assert_string_equal(e.message,
                        "TRANCHE_BATCH_SIZE: '0' is not a whole number from 1 to 500000");
    unsetenv("TRANCHE_BATCH_SIZE");
    assert_int_equal(parse(&o, again, "run", &e), ERR_CONFIG);
    assert_non_null(strstr(e.message, "/nowhere/at/all"));
    option_deinit(&o);
}

/* A cap that does not hold because of a slip would cost money. The value is never shown: it may be
 * a key. */
static void refuses_variables_that_set_nothing(void **state)
{
    static const struct {
        const char *name, *value, *says; /* NULL: taken */
    } cases[] = {
        {"TRANCHE_MAX_CREDIT", "secret",
         "TRANCHE_MAX_CREDIT: there is no such setting, but TRANCHE_MAX_CREDITS"},
        {"TRANCHE_MAXCREDITS", "5",
         "TRANCHE_MAXCREDITS: there is no such setting, but TRANCHE_MAX_CREDITS"},
        {"TRANCHE_XYZZY_PLUGH", "5", "TRANCHE_XYZZY_PLUGH: there is no such setting; unset it"},
        {"TRANCHE_", "5", "TRANCHE_: there is no such setting; unset it"},
        {"TRANCHE_FORCE", "1", "TRANCHE_FORCE: this option is for the command line only"},
        {"TRANCHE_MAX_CREDIT", "", NULL},
        {"TRANCHE_TRACE", "run:debug", NULL},
        {"TRANCHE_BUILD", "/tmp", NULL},
        {"TRANCHE_WATCHED", NULL, NULL},
        {"TRANCHE_JSON", "1", NULL}, /* of other commands */
        {"TRANCHE", "/usr/bin/tranche", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options o;
        struct error e = {0};
        char line[] = "a";
        if (cases[i].value)
            setenv(cases[i].name, cases[i].value, 1);
        int code = parse(&o, line, "run", &e);
        unsetenv(cases[i].name);
        option_deinit(&o);
        if (code != (cases[i].says ? ERR_CONFIG : 0))
            fail_msg("%s: %d %s", cases[i].name, code, e.message);
        if (cases[i].says)
            assert_string_equal(e.message, cases[i].says);
    }
}

/* Where it is for every day, and this output is a table, --raw waits for another. */
static void a_table_leaves_the_raw_of_every_day_aside(void **state)
{
    struct options o;
    struct error e = {0};

    (void)state;
    write_config("raw = yes\n", strlen("raw = yes\n"));
    assert_int_equal(parse_with_config(&o, "a -o b.csv", &e), 0);
    option_deinit(&o);
}

/* Where two sources meet: what is on the command line and what only lies about. */
static void a_sandbox_leaves_the_key_of_every_day_aside(void **state)
{
    static const char config[] = "key-file = env/key\nbase-url = https://file.example\n"
                                 "provider = enrichso/email-finder\n";
    struct options o;
    struct error e = {0};

    (void)state;
    write_config(config, sizeof config - 1);
    assert_int_equal(parse_with_config(&o, "a", &e), 0);
    assert_string_equal(o.settings.key_file, "env/key");
    assert_string_equal(o.settings.base_url, "https://file.example");
    option_deinit(&o);

    setenv("ENRICHSO_BASE_URL", "https://env.example", 1);
    assert_int_equal(parse_with_config(&o, "a", &e), 0);
    assert_string_equal(o.settings.base_url, "https://env.example");
    option_deinit(&o);
    assert_int_equal(parse_with_config(&o, "a --base-url https://here.example", &e), 0);
    assert_string_equal(o.settings.base_url, "https://here.example");
    option_deinit(&o);
    assert_int_equal(parse_with_config(&o, "a --sandbox", &e), 0);
    assert_null(o.settings.key_file);
    assert_null(o.settings.base_url);
    option_deinit(&o);
    assert_int_equal(parse_with_config(&o, "a --sandbox --key-file k", &e), 0);
    assert_non_null(o.settings.key_file); /* settings_resolve says what is wrong with it */
    option_deinit(&o);
    unsetenv("ENRICHSO_BASE_URL");
}

/* --- names ---------------------------------------------------------------------------------- */

static const struct {
    const char *meant, *near;
} slips[] = {
    {"rum", "run"},
    {"runn", "run"},
    {"urn", "run"},
    {"stauts", "status"},
    {"stat", "status"},
    {"provider", "providers"},
    {"resme", "resume"},
    {"xyzzy", NULL},
    {"r", NULL},
    {"", NULL},
    {"listen", "listen"},
    {"serve-verificaton", "serve-verification"},
    {"ballance", "balance"},
    {"simulate", NULL},
    {"resumeresumeresumeresumeresumeresume", NULL},
};

static void proposes_what_was_meant(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        const char *near = command_nearest(slips[i].meant);
        if (slips[i].near ? !near || strcmp(near, slips[i].near) != 0 : near != NULL)
            fail_msg("%s: %s", slips[i].meant, near ? near : "nothing");
    }
}

static int make_config(void **state)
{
    int fd = mkstemp(config_path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_config(void **state)
{
    (void)state;
    return unlink(config_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sound),
        cmocka_unit_test(every_setting_has_its_option),
        cmocka_unit_test(help_names_every_option_in_80_columns),
        cmocka_unit_test(readme_names_everything),
        cmocka_unit_test(readme_installs_the_packages),
        cmocka_unit_test(takes_command_lines),
        cmocka_unit_test(refuses_command_lines),
        cmocka_unit_test(takes_no_more_maps_than_there_is_room),
        cmocka_unit_test(the_webhook_has_its_defaults),
        cmocka_unit_test(the_simulator_has_its_defaults),
        cmocka_unit_test(the_command_line_wins_then_the_environment),
        cmocka_unit_test(maps_of_the_command_line_replace_those_of_the_file),
        cmocka_unit_test(the_environment_names_the_file),
        cmocka_unit_test(names_file_and_line),
        cmocka_unit_test(names_the_variable),
        cmocka_unit_test(refuses_variables_that_set_nothing),
        cmocka_unit_test(a_table_leaves_the_raw_of_every_day_aside),
        cmocka_unit_test(a_sandbox_leaves_the_key_of_every_day_aside),
        cmocka_unit_test(proposes_what_was_meant),
    };

    return cmocka_run_group_tests(tests, make_config, remove_config);
}
