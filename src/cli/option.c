/* Declares every option once, and reads values as their rows say.
 *
 * 1. A command has at most one option of a name, and one of a letter.
 * 2. The numbers of a range are what people may write; what an operation further asks is
 * settings_resolve's to check.
 *
 * Messages are in the words of who typed: the value, and what would be right. One thread. */
#include "cli/option.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/nearest.h"
#include "base/slice.h"

#define SECOND   INT64_C(1000)
#define HOUR     (3600 * SECOND)
#define DAY      (24 * HOUR)
#define TRILLION INT64_C(1000000000000)

#define PLAN      COMMAND_BIT(PLAN)
#define RUN       COMMAND_BIT(RUN)
#define RESUME    COMMAND_BIT(RESUME)
#define STATUS    COMMAND_BIT(STATUS)
#define RESOLVE   COMMAND_BIT(RESOLVE)
#define EXPORT    COMMAND_BIT(EXPORT)
#define VERIFY    COMMAND_BIT(VERIFY)
#define LISTEN    COMMAND_BIT(LISTEN)
#define BALANCE   COMMAND_BIT(BALANCE)
#define CALL      COMMAND_BIT(CALL)
#define SERVE     COMMAND_BIT(SERVE)
#define SIM       COMMAND_BIT(SIM)
#define PROVIDERS COMMAND_BIT(PROVIDERS)

/* A plan takes what a run takes, so that the word is all that changes between the two. */
#define START    (PLAN | RUN)
#define PROCESS  (START | RESUME)
#define RENDER   (START | EXPORT)
#define ALL      ((1u << COMMANDS) - 1)
#define SETUP    (ALL & ~(SIM | PROVIDERS))
#define SPEAKING (ALL & ~PROVIDERS)

#define AT(member) offsetof(struct options, member)
#define SET(id)    offsetof(struct options, settings.id)

/* Every row in one form: what all options have, then what only some have. */
#define ROW(name_, letter_, type_, arg_, commands_, group_, at_, help_, ...)                       \
    {                                                                                              \
        .name = name_, .letter = letter_, .type = OPTION_##type_, .arg = arg_,                     \
        .commands = commands_, .group = GROUP_##group_, .at = at_, .help = help_, __VA_ARGS__      \
    }

/* clang-format off */
const struct option option_table[] = {
    ROW("provider", 'p', TEXT, "OP", START, MAIN, SET(provider),
        "the operation: enrichso/email-finder, ...; `tranche providers` lists them",
        .twice = "several operations in one run are not available yet"),
    ROW("map", 0, MAPS, "FIELD=COLUMN", START, MAIN, SET(maps),
        "the list's column (its name, or #3) for a field; may be repeated; columns not named "
        "are recognised by their names, and what was recognised is printed"),
    ROW("with", 0, TEXT, "OP", SERVE, MAIN, SET(provider),
        "the operation that knows whether an address is good",
        .fallback = "enrichso/email-validation", .fill = true),
    ROW("set", 0, SETS, "[OP:]NAME=VALUE", START | SERVE, MAIN, SET(sets),
        "an option of the operation, as `tranche providers` lists them: level=full; may be "
        "repeated"),
    ROW("max-records", 0, COUNT, "N", START, MAIN, SET(max_records),
        "only the first N records of the list", .min = 1, .max = TRILLION),
    ROW("sandbox", 0, FLAG, NULL, START, MAIN, SET(sandbox),
        "ask a built-in simulator: no key, no network, no credits"),
    ROW("keep-list", 0, FLAG, NULL, START, MAIN, SET(keep_list),
        "keep a compressed copy of a plain list too, so that it may change or go once it was "
        "read"),
    ROW("json", 0, FLAG, NULL, PLAN | STATUS | VERIFY | BALANCE | PROVIDERS, MAIN, AT(json),
        "as JSON, for scripts"),
    ROW("watch", 0, FLAG, NULL, STATUS, MAIN, AT(watch),
        "again and again until the run ends", .here = true),
    ROW("as", 0, TEXT, "DECISION", RESOLVE, MAIN, AT(as),
        "what became of BATCH: sent=ID (it has this id: fetch it), sent (it ran, and nothing "
        "can be fetched), not-sent (send it again), skip (do not ask)", .here = true),
    ROW("finish", 0, FLAG, NULL, RESOLVE, MAIN, AT(finish),
        "records that were never sent shall end as no_credits when the run is resumed",
        .here = true),

    ROW("paid", 0, FLAG, NULL, CALL, MAIN, AT(paid),
        "send it although it may cost credits", .here = true),
    ROW("body", 0, TEXT, "FILE", CALL, MAIN, AT(body),
        "the body of a POST, which is JSON; - is standard input", .here = true),

    ROW("output", 'o', TEXT, "OUT", RENDER, OUTPUT, SET(output),
        "where to; its name says the format: .ndjson, .csv or .tsv, then .zst, .gz or nothing; "
        "- is standard output"),
    ROW("run-dir", 0, TEXT, "DIR", START, OUTPUT, SET(run_dir),
        "where the run keeps what it must not lose", .fallback = "OUT.run"),
    ROW("format", 0, CHOICE, "ndjson|csv|tsv", RENDER, OUTPUT, SET(format),
        "format of the output", .fallback = "by the name of OUT"),
    ROW("compress", 0, CHOICE, "zstd|gzip|none", RENDER, OUTPUT, SET(compress),
        "compression of the output", .fallback = "by the name of OUT"),
    ROW("csv-safe", 0, CHOICE, "vendor|all|off", RENDER, OUTPUT, SET(csv_safe),
        "defuse spreadsheet formulas in CSV: in what the vendor sent, in the list's own "
        "columns too, or nowhere", .fallback = "vendor"),
    ROW("raw", 0, FLAG, NULL, RENDER, OUTPUT, SET(raw),
        "add the vendor's own item and the batch to each NDJSON record"),
    ROW("force", 0, FLAG, NULL, RUN | RESUME | EXPORT, OUTPUT, SET(force),
        "replace OUT where it exists; a finished run moves to OUT.run.N; of resume: "
        "render the output from its first record again", .here = true),

    ROW("tier", 0, TEXT, "[P=]NAME", PROCESS | SERVE, PROVIDER, SET(tier),
        "the account's plan, which sets the rate limits", .fallback = "the first there is"),
    ROW("rate", 0, TEXT, "[P=]N/UNIT,...", PROCESS | SERVE, PROVIDER, SET(rate),
        "other rate limits; UNIT is s, min, hour or day", .fallback = "by tier"),
    ROW("concurrency", 0, SCOPED, "[P=]N", PROCESS | SERVE, PROVIDER, SET(concurrency),
        "batches in flight at once", .fallback = "by provider", .min = 1, .max = 1000),
    ROW("batch-size", 0, SCOPED, "[P=]N", PROCESS, PROVIDER, SET(batch_size),
        "the most records of a batch", .fallback = "as large as allowed", .min = 1, .max = 500000),
    ROW("key-file", 0, TEXT, "[P=]PATH", PROCESS | BALANCE | CALL | SERVE, PROVIDER, SET(key_file),
        "file that holds the API key (mode 0600), instead of the environment's "
        "<PROVIDER>_API_KEY or <PROVIDER>_API_KEY_FILE"),
    ROW("base-url", 0, TEXT, "[P=]URL", PROCESS | BALANCE | CALL | SERVE, PROVIDER, SET(base_url),
        "another address; plain http only for loopback",
        .fallback = "the vendor's, or <PROVIDER>_BASE_URL"),

    ROW("price", 0, TEXT, "OP=N", PROCESS | SERVE, CREDITS, SET(price),
        "credits of an item of the operation", .fallback = "the documented one"),
    ROW("max-credits", 0, COUNT, "N", PROCESS, CREDITS, SET(max_credits),
        "hard cap: nothing is sent that could exceed it",
        .fallback = "no cap", .min = 0, .max = TRILLION),
    ROW("max-credits", 0, COUNT, "N", SERVE, CREDITS, SET(max_credits),
        "hard cap on what all verifications together may cost, those before a restart included; "
        "required", .min = 0, .max = TRILLION),
    ROW("max-doubt-credits", 0, COUNT, "N", PROCESS, CREDITS, SET(max_doubt_credits),
        "no batch worth more than this, and no new one while that much is in doubt",
        .fallback = "no cap", .min = 0, .max = TRILLION),
    ROW("on-in-doubt", 0, CHOICE, "hold|resubmit|skip", PROCESS, CREDITS, SET(on_in_doubt),
        "what to do with a batch of which it stays unknown whether the vendor got it; resubmit "
        "may pay twice", .fallback = "hold"),

    ROW("max-wait", 0, DURATION, "DURATION", PROCESS, TIME, SET(max_wait),
        "longest wait for a quota before stopping, resumable; or forever",
        .fallback = "15m", .min = 0, .max = INT64_MAX),
    ROW("doubt-wait", 0, DURATION, "DURATION", PROCESS, TIME, SET(doubt_wait),
        "how long the end of a run waits for evidence about batches in doubt",
        .fallback = "1m", .min = 0, .max = 7 * DAY),
    ROW("timeout", 0, DURATION, "DURATION", SERVE, TIME, SET(timeout),
        "longest time of one request", .fallback = "30s", .min = SECOND, .max = HOUR,
        .fill = true),
    ROW("timeout", 0, DURATION, "DURATION", PROCESS | CALL, TIME, SET(timeout),
        "longest time of one request", .fallback = "5m", .min = SECOND, .max = HOUR),
    ROW("drain-timeout", 0, DURATION, "DURATION", PROCESS, TIME, SET(drain_timeout),
        "after SIGINT or SIGTERM, how long what is in flight may take",
        .fallback = "30s", .min = 0, .max = DAY),
    ROW("linger", 0, DURATION, "DURATION", PROCESS, TIME, SET(linger),
        "how long a part-filled batch waits for more records",
        .fallback = "30s", .min = 0, .max = DAY),

    ROW("callback-url", 0, TEXT, "URL", PROCESS, CALLED, SET(callback_url),
        "public https address that leads to the callback listener, for vendors that call back"),
    ROW("callback-listen", 0, TEXT, "ADDR:PORT", PROCESS, CALLED, SET(callback_listen),
        "take callbacks here; this listener serves nothing else"),
    ROW("callback-timeout", 0, DURATION, "DURATION", PROCESS, CALLED, SET(callback_timeout),
        "how long a callback is waited for, and at most after SIGINT or SIGTERM",
        .fallback = "by operation", .min = SECOND, .max = 7 * DAY),
    ROW("spool", 0, TEXT, "DIR", PROCESS, CALLED, SET(spool),
        "take callbacks from this folder, which a `tranche listen` fills"),
    ROW("callback-listen", 0, TEXT, "ADDR:PORT", LISTEN, CALLED, SET(callback_listen),
        "take callbacks here; port 0: any free one, which is printed"),
    ROW("spool", 0, TEXT, "DIR", LISTEN, CALLED, SET(spool),
        "folder to keep callbacks in; made where it is missing"),
    ROW("key-file", 0, TEXT, "PROVIDER=PATH", LISTEN, CALLED, SET(key_file),
        "file that holds the provider's API key (mode 0600), instead of the environment's "
        "<PROVIDER>_API_KEY or <PROVIDER>_API_KEY_FILE"),
    ROW("http", 0, TEXT, "ADDR:PORT", PROCESS, CALLED, SET(http),
        "serve /metrics, /status and a live page while the run is under way; loopback only"),
    ROW("http-public", 0, FLAG, NULL, PROCESS, CALLED, SET(http_public),
        "let --http listen on other addresses too; there is no password"),
    ROW("clock-speed", 0, COUNT, "N", PROCESS, CALLED, SET(clock_speed),
        "for a simulator on loopback: its clock runs N times faster",
        .fallback = "1", .min = 1, .max = 100000),

    ROW("listen", 0, TEXT, "ADDR:PORT", SERVE, VERIFICATION, AT(verification.listen),
        "where the webhook is answered, in plain HTTP: put a server that speaks TLS before it; "
        "required"),
    ROW("path-file", 0, TEXT, "FILE", SERVE, VERIFICATION, AT(verification.path_file),
        "file (mode 0600) that holds the secret path, /... with 16 characters or more, instead of "
        "TRANCHE_VERIFICATION_PATH"),
    ROW("cache", 0, TEXT, "FILE", SERVE, VERIFICATION, AT(verification.cache),
        "file of what is known and of what was spent",
        .fallback = "verdicts, in the state folder"),
    ROW("cache-age", 0, DURATION, "DURATION", SERVE, VERIFICATION, AT(verification.cache_age),
        "how long a verdict holds; 0s: every question is asked anew",
        .fallback = "30d", .min = 0, .max = 3650 * DAY, .fill = true),
    ROW("request-field", 0, TEXT, "NAME", SERVE, VERIFICATION, AT(verification.request_field),
        "where the address is in the request: email, or contact.email",
        .fallback = "email", .fill = true),
    ROW("reply-field", 0, TEXT, "NAME", SERVE, VERIFICATION, AT(verification.reply_field),
        "where true or false is in the answer", .fallback = "valid", .fill = true),
    ROW("accept", 0, TEXT, "WORD,...", SERVE, VERIFICATION, AT(verification.accept),
        "which words of the vendor count as true: valid, catch_all, risky, ...",
        .fallback = "valid", .fill = true),

    /* A simulator is told everything where it is started: its tier, for one, is not a run's. */
    ROW("port", 0, COUNT, "N", SIM, SIM, AT(sim.port),
        "port on 127.0.0.1", .fallback = "any free one", .min = 0, .max = 65535, .here = true),
    ROW("key", 0, TEXT, "TEXT", SIM, SIM, AT(sim.key),
        "the API key it accepts; not a real one",
        .fallback = "sandbox", .here = true, .fill = true),
    ROW("seed", 0, COUNT, "N", SIM, SIM, AT(sim.seed),
        "decides every answer",
        .fallback = "1", .min = 0, .max = INT64_MAX, .here = true, .fill = true),
    ROW("state", 0, TEXT, "DIR", SIM, SIM, AT(sim.state),
        "folder of its durable state; it goes on from what is there",
        .fallback = "a temporary one", .here = true),
    ROW("tier", 0, TEXT, "NAME", SIM, SIM, AT(sim.tier),
        "the plan whose limits they enforce: free, starter, growth, ... or unlimited",
        .fallback = "unlimited", .here = true, .fill = true),
    ROW("balance", 0, COUNT, "N", SIM, SIM, AT(sim.balance),
        "credits at the start of a fresh state",
        .fallback = "1000000", .min = 0, .max = TRILLION, .here = true, .fill = true),
    ROW("found-percent", 0, COUNT, "N", SIM, SIM, AT(sim.found_percent),
        "share of questions that are answered",
        .fallback = "65", .min = 0, .max = 100, .here = true, .fill = true),
    ROW("queue", 0, DURATION, "DURATION", SIM, SIM, AT(sim.queue),
        "how long a batch waits before it is worked on",
        .fallback = "200ms", .min = 0, .max = DAY, .here = true, .fill = true),
    ROW("items-per-s", 0, COUNT, "N", SIM, SIM, AT(sim.items_per_s),
        "how fast a batch is worked on; 0: at once",
        .fallback = "0", .min = 0, .max = 1000000000, .here = true, .fill = true),
    ROW("shuffle", 0, FLAG, NULL, SIM, SIM, AT(sim.shuffle),
        "results in another order than the questions", .here = true),
    ROW("openapi", 0, FLAG, NULL, SIM, SIM, AT(sim.openapi),
        "answer in the form of the vendor's OpenAPI description instead of its document",
        .here = true),
    ROW("form", 0, TEXT, "NAME", SIM, SIM, AT(sim.form),
        "which documented shape of replies those vendors use that have one of this name",
        .fallback = "each its document's", .here = true),
    ROW("speed", 0, COUNT, "N", SIM, SIM, AT(sim.speed),
        "the vendors' clocks run so many times as fast: latencies, pauses, rate windows",
        .fallback = "1", .min = 1, .max = 100000, .here = true, .fill = true),
    ROW("scenario", 0, TEXT, "FILE", SIM, SIM, AT(sim.scenario),
        "what else is to be said about each vendor; see below",
        .fallback = "none", .here = true),
    ROW("faults", 0, TEXT, "SPEC", SIM, SIM, AT(sim.faults),
        "what goes wrong, and when; see below", .fallback = "none", .here = true),

    ROW("progress", 0, CHOICE, "auto|bar|line|json|none", RUN | RESUME, ABOUT, SET(progress),
        "progress on standard error; auto: a bar on a terminal, else lines", .fallback = "auto"),
    ROW("quiet", 'q', FLAG, NULL, PROCESS | EXPORT | CALL, ABOUT, SET(quiet),
        "only what went wrong"),
    ROW("verbose", 'v', FLAG, NULL, SPEAKING, ABOUT, AT(verbose),
        "say more"),
    ROW("log", 0, TEXT, "FILE", SPEAKING, ABOUT, AT(log),
        "append the log to FILE", .fallback = "standard error"),
    ROW("log-format", 0, CHOICE, "text|json", SPEAKING, ABOUT, AT(log_format),
        "form of a line of the log", .fallback = "text"),
    ROW("config", 0, TEXT, "FILE", SETUP, ABOUT, AT(config),
        "read options from FILE: lines of NAME = VALUE; # begins a comment line"),
    ROW("help", 'h', FLAG, NULL, ALL, ABOUT, AT(help),
        "this text", .here = true),
    {.name = NULL},
};
/* clang-format on */

_Static_assert(sizeof option_table / sizeof option_table[0] <= OPTION_ROWS_MAX, "a source per row");

static bool is_number(const struct option *opt)
{
    return opt->type == OPTION_FLAG || opt->type == OPTION_COUNT || opt->type == OPTION_DURATION;
}

static bool is_repeatable(const struct option *opt)
{
    return opt->type == OPTION_MAPS || opt->type == OPTION_SETS;
}

static void *place(struct options *o, const struct option *opt)
{
    return (char *)o + opt->at;
}

void option_init(struct options *o, const struct command *c)
{
    memset(o, 0, sizeof *o);
    o->command = c;
    settings_init(&o->settings);
    for (const struct option *opt = option_table; opt->name; opt++)
        if (is_number(opt))
            *(int64_t *)place(o, opt) = SETTING_ABSENT;
}

void option_deinit(struct options *o)
{
    free(o->file_text);
    o->file_text = NULL;
}

static bool belongs(const struct option *opt, const struct command *c)
{
    return opt->commands >> c->id & 1;
}

const struct option *option_find(const struct command *c, struct slice name)
{
    for (const struct option *opt = option_table; opt->name; opt++)
        if (belongs(opt, c) && slice_eq(name, slice_of(opt->name)))
            return opt;
    return NULL;
}

const struct option *option_letter(const struct command *c, char letter)
{
    for (const struct option *opt = option_table; opt->name; opt++)
        if (belongs(opt, c) && opt->letter && opt->letter == letter)
            return opt;
    return NULL;
}

const struct option *option_anywhere(struct slice name)
{
    for (const struct option *opt = option_table; opt->name; opt++)
        if (slice_eq(name, slice_of(opt->name)))
            return opt;
    return NULL;
}

const char *option_nearest(const struct command *c, const char *name)
{
    struct nearest n;

    nearest_init(&n, slice_of(name));
    for (const struct option *opt = option_table; opt->name; opt++)
        if (belongs(opt, c))
            nearest_try(&n, slice_of(opt->name));
    return n.found ? n.name.data : NULL; /* of a NUL-terminated name */
}

enum option_source option_source(const struct options *o, const struct option *opt)
{
    return o->source[opt - option_table];
}

/* --- values --------------------------------------------------------------------------------- */

static int set_flag(int64_t *out, const char *text, struct error *e)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};

    *out = 1;
    if (!text)
        return 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i % 2;
            return 0;
        }
    }
    return error_set(e, ERR_USAGE, "'%s' is neither true nor false", text);
}

static int set_count(const struct option *opt, int64_t *out, const char *text, struct error *e)
{
    unsigned long long n;

    if (!slice_u64(slice_of(text), &n) || n > INT64_MAX || (int64_t)n < opt->min ||
        (int64_t)n > opt->max)
        return error_set(e, ERR_USAGE, "'%s' is not a whole number from %" PRId64 " to %" PRId64,
                         text, opt->min, opt->max);
    *out = (int64_t)n;
    return 0;
}

static int set_duration(const struct option *opt, int64_t *out, const char *text, struct error *e)
{
    int64_t ms = clock_parse_duration(text);
    char min[32], max[32];

    clock_format_duration(opt->min, min);
    clock_format_duration(opt->max, max);
    if (ms < 0)
        return error_set(e, ERR_USAGE, "'%s' is not a duration, as 90s, 15m or 1h30m are%s", text,
                         opt->max == INT64_MAX ? ", or forever" : "");
    if (ms < opt->min || ms > opt->max)
        return error_set(e, ERR_USAGE, "'%s' is not from %s to %s", text, min, max);
    *out = ms;
    return 0;
}

static int set_choice(const struct option *opt, const char **out, const char *text, struct error *e)
{
    size_t len = strlen(text);

    for (const char *at = opt->arg;; at++) {
        size_t word = strcspn(at, "|");
        if (word == len && memcmp(at, text, len) == 0) {
            *out = text;
            return 0;
        }
        at += word;
        if (*at == '\0')
            return error_set(e, ERR_USAGE, "'%s' is not one of %s", text, opt->arg);
    }
}

/* Which provider the scope names is settings_resolve's to check: only there is the run's known. */
static int set_scoped(const struct option *opt, const char **out, const char *text, struct error *e)
{
    const char *equals = strchr(text, '=');
    int64_t n;

    if (set_count(opt, &n, equals ? equals + 1 : text, e) != 0)
        return e->code;
    *out = text;
    return 0;
}

static int set_text(const char **out, const char *text, struct error *e)
{
    if (*text == '\0')
        return error_set(e, ERR_USAGE, "the value is empty");
    *out = text;
    return 0;
}

static int add_text(const char **texts, unsigned *count, const char *text, struct error *e)
{
    if (*count == SETTINGS_MAPS_MAX)
        return error_set(e, ERR_USAGE, "more than %d of them", SETTINGS_MAPS_MAX);
    if (set_text(&texts[*count], text, e) != 0)
        return e->code;
    ++*count;
    return 0;
}

static int set_value(struct options *o, const struct option *opt, const char *text, struct error *e)
{
    switch (opt->type) {
    case OPTION_FLAG:
        return set_flag(place(o, opt), text, e);
    case OPTION_COUNT:
        return set_count(opt, place(o, opt), text, e);
    case OPTION_DURATION:
        return set_duration(opt, place(o, opt), text, e);
    case OPTION_TEXT:
        return set_text(place(o, opt), text, e);
    case OPTION_CHOICE:
        return set_choice(opt, place(o, opt), text, e);
    case OPTION_SCOPED:
        return set_scoped(opt, place(o, opt), text, e);
    case OPTION_MAPS:
        return add_text(o->settings.maps, &o->settings.map_count, text, e);
    case OPTION_SETS:
        return add_text(o->settings.sets, &o->settings.set_count, text, e);
    }
    return error_set(e, ERR_INTERNAL, "an option of no type");
}

int option_set(struct options *o, const struct option *opt, const char *text,
               enum option_source source, struct error *e)
{
    if (option_source(o, opt) == source && !is_repeatable(opt))
        return error_set(e, ERR_USAGE, "%s", opt->twice ? opt->twice : "it is given twice");
    if (set_value(o, opt, text, e) != 0)
        return e->code;
    o->source[opt - option_table] = (unsigned char)source;
    return 0;
}

void option_forget(struct options *o, const struct option *opt)
{
    o->source[opt - option_table] = SOURCE_NONE;
    if (opt->type == OPTION_MAPS)
        o->settings.map_count = 0;
    else if (opt->type == OPTION_SETS)
        o->settings.set_count = 0;
    else if (is_number(opt))
        *(int64_t *)place(o, opt) = SETTING_ABSENT;
    else
        *(const char **)place(o, opt) = NULL;
}
