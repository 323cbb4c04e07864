/* Keeps the settings of a run: as JSON in the ledger, merged when a run goes on, and worked out for
 * its operation.
 *
 * 1. The two lists in settings.h are the only place that names settings; here they are one table.
 * 2. A setting that holds for one process is never written, and one that is absent is not written
 * either.
 * 3. What settings_parse made, settings_json writes again byte for byte, paths that are not UTF-8
 * included.
 *
 * Failures name the option as people write it, with its value. Pure but for the environment,
 * realpath and memory; the loop's thread. */
#include "run/settings.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "sched/rate.h"
#include "wire/http.h"
#include "wire/json.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

#define JSON_DEPTH      4
#define CONCURRENCY_MAX 1000
#define PRICE_MAX       1000000
#define BASE_URL_MAX    255 /* bytes */
#define NAME_MAX_LEN    64
#define PROVIDER_CHARS  "abcdefghijklmnopqrstuvwxyz0123456789-"

/* Nobody wants to wait for an invented answer as long as for a real one. */
#define SANDBOX_SPEED 100

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)

enum hold { FROZEN, LOOSE, THIS };

static const struct setting {
    const char *name;
    enum hold hold;
    bool number;
    size_t at;
} table[] = {
#define X(id, hold) {#id, hold, false, offsetof(struct settings, id)},
    SETTINGS_TEXTS(X)
#undef X
#define X(id, hold) {#id, hold, true, offsetof(struct settings, id)},
        SETTINGS_NUMBERS(X)
#undef X
};

#define TABLE_LEN (sizeof table / sizeof table[0])

/* The settings that may be given again and again; all are FROZEN, and their order means nothing. */
static const struct several {
    const char *name, *option;
    size_t texts, count;
} lists[] = {
    {"maps", "--map", offsetof(struct settings, maps), offsetof(struct settings, map_count)},
    {"sets", "--set", offsetof(struct settings, sets), offsetof(struct settings, set_count)},
};

#define LISTS_LEN (sizeof lists / sizeof lists[0])

static const char **text_at(const struct settings *s, const struct setting *t)
{
    return (const char **)((char *)(uintptr_t)s + t->at);
}

static int64_t *number_at(const struct settings *s, const struct setting *t)
{
    return (int64_t *)((char *)(uintptr_t)s + t->at);
}

static const char **texts_at(const struct settings *s, const struct several *l)
{
    return (const char **)((char *)(uintptr_t)s + l->texts);
}

static unsigned *count_at(const struct settings *s, const struct several *l)
{
    return (unsigned *)((char *)(uintptr_t)s + l->count);
}

void settings_init(struct settings *s)
{
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < TABLE_LEN; i++)
        if (table[i].number)
            *number_at(s, &table[i]) = SETTING_ABSENT;
}

/* --- as JSON -------------------------------------------------------------------------------- */

/* A path may be any bytes, and JSON holds only text: {"bytes":"<hex>"} is what is not UTF-8. */
static void write_text(struct buf *out, const char *text)
{
    struct slice s = slice_of(text);

    if (utf8_valid(s)) {
        json_write_string(out, s);
        return;
    }
    buf_append_text(out, "{\"bytes\":\"");
    for (size_t i = 0; i < s.len; i++)
        buf_append_format(out, "%02x", (unsigned char)s.data[i]);
    buf_append_text(out, "\"}");
}

void settings_json(const struct settings *s, struct buf *out)
{
    bool first = true;

    buf_append_char(out, '{');
    for (const struct setting *t = table; t < table + TABLE_LEN; t++) {
        if (t->hold == THIS)
            continue;
        if (t->number && *number_at(s, t) != SETTING_ABSENT)
            json_write_member_i64(out, &first, t->name, *number_at(s, t));
        if (!t->number && *text_at(s, t)) {
            json_write_key(out, &first, t->name);
            write_text(out, *text_at(s, t));
        }
    }
    for (const struct several *l = lists; l < lists + LISTS_LEN; l++) {
        if (*count_at(s, l) == 0)
            continue;
        json_write_key(out, &first, l->name);
        for (unsigned i = 0; i < *count_at(s, l); i++) {
            buf_append_char(out, i == 0 ? '[' : ',');
            write_text(out, texts_at(s, l)[i]);
        }
        buf_append_char(out, ']');
    }
    buf_append_char(out, '}');
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A copy of what write_text wrote; NULL for anything else, or without memory. */
static char *read_text(struct json_value v)
{
    struct slice s;

    if (json_string(v, &s))
        return memchr(s.data, '\0', s.len) ? NULL : strndup(s.data, s.len);
    if (!json_get_string(v, "bytes", &s) || s.len % 2 != 0)
        return NULL;
    char *text = calloc(1, s.len / 2 + 1);
    for (size_t i = 0; text && i < s.len / 2; i++) {
        int high = hex_digit(s.data[2 * i]), low = hex_digit(s.data[2 * i + 1]);
        if (high < 0 || low < 0 || high + low == 0) {
            free(text);
            return NULL;
        }
        text[i] = (char)(high << 4 | low);
    }
    return text;
}

static const struct setting *find(struct slice name)
{
    for (const struct setting *t = table; t < table + TABLE_LEN; t++)
        if (t->hold != THIS && slice_eq(name, slice_of(t->name)))
            return t;
    return NULL;
}

/* False for a value of the wrong kind. */
static bool read_list(struct settings *s, const struct several *l, struct json_value v)
{
    unsigned *count = count_at(s, l);
    struct json_walk w;

    if (json_type(v) != JSON_ARRAY)
        return false;
    for (bool more = json_walk_begin(&w, v); more; more = json_walk_next(&w)) {
        char *text = *count < SETTINGS_MAPS_MAX ? read_text(w.value) : NULL;
        if (!text)
            return false;
        texts_at(s, l)[(*count)++] = text;
    }
    return true;
}

static bool read_setting(struct settings *s, const struct setting *t, struct json_value v)
{
    if (t->number)
        return json_int(v, number_at(s, t));
    free((void *)(uintptr_t)*text_at(s, t));
    *text_at(s, t) = read_text(v);
    return *text_at(s, t) != NULL;
}

static int read_member(struct settings *s, struct slice name, struct json_value v, struct error *e)
{
    const struct setting *t = find(name);
    const struct several *list = NULL;

    for (const struct several *l = lists; l < lists + LISTS_LEN; l++)
        if (slice_eq(name, slice_of(l->name)))
            list = l;
    if (!t && !list)
        return error_set(e, ERR_DATA,
                         "the run's settings hold '%.*s', which this version does not know",
                         SLICE_ARG(name));
    if (list ? read_list(s, list, v) : read_setting(s, t, v))
        return 0;
    return error_set(e, ERR_DATA, "the run's setting '%.*s' cannot be read", SLICE_ARG(name));
}

int settings_parse(struct settings *s, struct slice json, struct error *e)
{
    struct json *j = json_create(JSON_DEPTH);
    struct json_value root;
    struct json_walk w;
    int code = 0;

    settings_init(s);
    if (!j)
        return error_set(e, ERR_INTERNAL, "no memory for the run's settings");
    if (json_parse(j, json, &root, e) != 0) {
        code = error_prefix(e, "the run's settings");
        goto done;
    }
    if (json_type(root) != JSON_OBJECT)
        code = error_set(e, ERR_DATA, "the run's settings are not an object");
    for (bool more = json_walk_begin(&w, root); code == 0 && more; more = json_walk_next(&w))
        code = read_member(s, w.key, w.value, e);
done:
    if (code != 0)
        settings_free(s);
    json_destroy(j);
    return code;
}

void settings_free(struct settings *s)
{
    for (const struct setting *t = table; t < table + TABLE_LEN; t++)
        if (!t->number)
            free((void *)(uintptr_t)*text_at(s, t));
    for (const struct several *l = lists; l < lists + LISTS_LEN; l++)
        for (unsigned i = 0; i < *count_at(s, l); i++)
            free((void *)(uintptr_t)texts_at(s, l)[i]);
    settings_init(s);
}

/* --- going on with a run -------------------------------------------------------------------- */

/* Where a path leads, also that of a file which is not there yet but whose folder is. malloc'ed, or
 * NULL. */
static char *place_of(const char *path)
{
    char *place = realpath(path, NULL);
    const char *slash = strrchr(path, '/');

    if (place)
        return place;
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    char *real = folder ? realpath(folder, NULL) : NULL;
    if (real)
        place = file_join(real, slash ? slash + 1 : path);
    free(real);
    free(folder);
    return place;
}

static bool same_path(const char *a, const char *b)
{
    if (strcmp(a, b) == 0)
        return true;
    if (strcmp(a, "-") == 0 || strcmp(b, "-") == 0)
        return false;
    char *place_a = place_of(a), *place_b = place_of(b);
    bool same = place_a && place_b && strcmp(place_a, place_b) == 0;
    free(place_a);
    free(place_b);
    return same;
}

static bool same_text(const struct setting *t, const char *a, const char *b)
{
    bool path =
        t->at == offsetof(struct settings, list) || t->at == offsetof(struct settings, output);

    return path ? same_path(a, b) : strcmp(a, b) == 0;
}

/* Frozen numbers are counts from 1 or flags: 0 and absent mean the same. */
static bool same_number(int64_t a, int64_t b)
{
    return (a == SETTING_ABSENT ? 0 : a) == (b == SETTING_ABSENT ? 0 : b);
}

/* The setting as people give it. text has room for NAME_MAX_LEN bytes. */
static const char *shown(const struct setting *t, char *text)
{
    if (t->at == offsetof(struct settings, list))
        return "the list";
    snprintf(text, NAME_MAX_LEN, "--%s", t->name);
    for (char *c = text; *c; c++)
        if (*c == '_')
            *c = '-';
    return text;
}

static int differs(const struct setting *t, const struct settings *given,
                   const struct settings *stored, struct error *e)
{
    char name[NAME_MAX_LEN], now[32], then[32];
    const char *now_text = now, *then_text = then;

    if (t->number) {
        int64_t n = *number_at(stored, t);
        snprintf(now, sizeof now, "%" PRId64, *number_at(given, t));
        snprintf(then, sizeof then, "%" PRId64, n);
        then_text = n == SETTING_ABSENT ? NULL : then;
    } else {
        now_text = *text_at(given, t);
        then_text = *text_at(stored, t);
    }
    if (!then_text)
        return error_set(e, ERR_USAGE, "%s is '%s' here, but the run was started without it",
                         shown(t, name), now_text);
    return error_set(e, ERR_USAGE, "%s is '%s' here, but the run was started with '%s'",
                     shown(t, name), now_text, then_text);
}

static bool has(const struct settings *s, const struct several *l, const char *text)
{
    for (unsigned i = 0; i < *count_at(s, l); i++)
        if (strcmp(texts_at(s, l)[i], text) == 0)
            return true;
    return false;
}

static bool all_in(const struct settings *a, const struct settings *b, const struct several *l)
{
    for (unsigned i = 0; i < *count_at(a, l); i++)
        if (!has(b, l, texts_at(a, l)[i]))
            return false;
    return true;
}

static void append_list(struct buf *b, const struct settings *s, const struct several *l)
{
    for (unsigned i = 0; i < *count_at(s, l); i++)
        buf_append_format(b, "%s%s", i > 0 ? ", " : "", texts_at(s, l)[i]);
}

static int merge_list(struct settings *given, const struct settings *stored,
                      const struct several *l, struct error *e)
{
    struct buf now, then;

    if (*count_at(given, l) == 0) {
        memcpy(texts_at(given, l), texts_at(stored, l), SETTINGS_MAPS_MAX * sizeof(char *));
        *count_at(given, l) = *count_at(stored, l);
        return 0;
    }
    if (all_in(given, stored, l) && all_in(stored, given, l))
        return 0;
    buf_init(&now, sizeof e->message);
    buf_init(&then, sizeof e->message);
    append_list(&now, given, l);
    append_list(&then, stored, l);
    bool some = *count_at(stored, l) > 0;
    error_set(e, ERR_USAGE, "%s is '%s' here, but the run was started with%s%s%s", l->option,
              buf_text(&now), some ? " '" : "out it", buf_text(&then), some ? "'" : "");
    buf_deinit(&now);
    buf_deinit(&then);
    return e->code;
}

static int merge_one(struct settings *given, const struct settings *stored, const struct setting *t,
                     struct error *e)
{
    if (t->number) {
        int64_t *now = number_at(given, t), then = *number_at(stored, t);
        if (*now == SETTING_ABSENT)
            *now = then;
        return t->hold == FROZEN && !same_number(*now, then) ? differs(t, given, stored, e) : 0;
    }
    const char **now = text_at(given, t), *then = *text_at(stored, t);
    if (!*now)
        *now = then;
    if (t->hold == FROZEN && *now && !(then && same_text(t, *now, then)))
        return differs(t, given, stored, e);
    return 0;
}

int settings_merge(struct settings *given, const struct settings *stored, struct error *e)
{
    bool listened_for = given->spool && !given->callback_listen;

    /* The environment is of this process: it comes before what the last one was told. */
    if (!given->provider)
        given->provider = stored->provider;
    if (stored->sandbox != 1)
        settings_environment(given);
    for (const struct setting *t = table; t < table + TABLE_LEN; t++)
        if (t->hold != THIS && merge_one(given, stored, t, e) != 0)
            return e->code;
    for (const struct several *l = lists; l < lists + LISTS_LEN; l++)
        if (merge_list(given, stored, l, e) != 0)
            return e->code;
    /* The listener of the spool has the address that was the run's own. */
    if (listened_for)
        given->callback_listen = NULL;
    return 0;
}

void settings_environment(struct settings *s)
{
    const char *slash = s->provider ? strchr(s->provider, '/') : NULL;
    const struct provider *p =
        slash ? provider_find((struct slice){s->provider, (size_t)(slash - s->provider)}) : NULL;
    char name[NAME_MAX_LEN];

    if (!p || s->base_url || s->sandbox == 1)
        return;
    snprintf(name, sizeof name, "%s_BASE_URL", p->name);
    for (char *c = name; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    const char *value = getenv(name);
    if (value && *value)
        s->base_url = value;
}

/* --- for the run's operation ---------------------------------------------------------------- */

/* The value behind `[P=]`. A name is a provider's only if it could be one, so that paths and
 * addresses may hold a '='. */
static int unscope(const struct provider *p, const char *option, const char *text,
                   const char **value, struct error *e)
{
    size_t len = strspn(text, PROVIDER_CHARS);

    *value = text;
    if (len == 0 || text[len] != '=')
        return 0;
    if (!slice_eq((struct slice){text, len}, slice_of(p->name)))
        return error_set(e, ERR_USAGE, "%s: '%.*s' is not the provider of this run, which is %s",
                         option, (int)len, text, p->name);
    *value = text + len + 1;
    return 0;
}

static int whole_number(const char *option, const char *text, uint64_t min, uint64_t max,
                        uint64_t *value, struct error *e)
{
    unsigned long long n;

    if (!slice_u64(slice_of(text), &n) || n < min || n > max)
        return error_set(e, ERR_USAGE,
                         "%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, option,
                         text, min, max);
    *value = n;
    return 0;
}

static int scoped_number(const struct provider *p, const char *option, const char *text,
                         uint64_t max, uint64_t *value, struct error *e)
{
    const char *number;

    if (unscope(p, option, text, &number, e) != 0)
        return e->code;
    return whole_number(option, number, 1, max, value, e);
}

static int resolve_tier(const struct settings *s, const struct provider *p, struct setup *out,
                        struct error *e)
{
    const char *name = NULL;

    if (s->tier && unscope(p, "--tier", s->tier, &name, e) != 0)
        return e->code;
    out->tier = provider_tier(p, name, e);
    /* In a sandbox the vendor's largest plan, which costs nothing there. */
    while (out->tier && !name && s->sandbox == 1 && out->tier[1].name)
        out->tier++;
    return out->tier ? 0 : error_prefix(e, "--tier");
}

/* --set [OP:]NAME=VALUE: an operation's name before the colon must be this one's. */
static int resolve_operation(const struct settings *s, const struct operation *op,
                             struct setup *out, struct error *e)
{
    const char *options[SETTINGS_MAPS_MAX];
    char name[2 * NAME_MAX_LEN];

    snprintf(name, sizeof name, "%s/%s", op->provider->name, op->name);
    for (unsigned i = 0; i < s->set_count; i++) {
        const char *text = s->sets[i];
        size_t scope = strcspn(text, ":=");
        bool scoped = text[scope] == ':';
        if (scoped && !slice_eq((struct slice){text, scope}, slice_of(name)))
            return error_set(e, ERR_USAGE,
                             "--set: '%.*s' is not the operation of this run, which is %s",
                             (int)scope, text, name);
        options[i] = scoped ? text + scope + 1 : text;
    }
    out->operation = &out->asked;
    if (provider_configure(&out->asked, op, out->tier, options, s->set_count, e) != 0)
        return e->code;
    out->alone = out->asked;
    return out->asked.echo_unsure ? out->asked.alone(&out->alone) : 0;
}

/* A rate that was given stands for all requests together, in place of all that is documented. */
static int limits_of(const struct settings *s, const struct setup *out, const struct operation *op,
                     struct rate_limit *limits, unsigned *limit_count, struct error *e)
{
    const struct rate_limit *sources[] = {out->tier->limits, op->limits};
    struct rate rates[RATES_MAX];
    const char *text;

    *limit_count = 0;
    for (unsigned k = 0; !s->rate && k < 2; k++)
        for (unsigned i = 0; i < RATE_LIMITS_MAX && sources[k][i].count > 0; i++)
            limits[(*limit_count)++] = sources[k][i];
    if (!s->rate)
        return 0;
    if (unscope(out->operation->provider, "--rate", s->rate, &text, e) != 0)
        return e->code;
    int count = rate_parse(text, rates, e);
    if (count < 0)
        return error_prefix(e, "--rate");
    for (int i = 0; i < count; i++)
        limits[(*limit_count)++] = (struct rate_limit){RATE_ALL, rates[i].count, rates[i].per_ms};
    return 0;
}

static int resolve_limits(const struct settings *s, struct setup *out, struct error *e)
{
    int rc = limits_of(s, out, &out->asked, out->limits, &out->limit_count, e);
    return rc != 0 ? rc
                   : limits_of(s, out, &out->alone, out->alone_limits, &out->alone_limit_count, e);
}

_Static_assert(RATES_MAX <= RATE_LIMITS_MAX, "struct setup has room for every rate");

/* Batches that are ready to go at any moment: many where each is one record. */
#define PREPARED_ITEMS_MAX 1024
#define PREPARED_MAX       128

/* In flight and, where the vendor has slots, so many in its queue that none runs empty while it is
 * not known yet that a record is done. */
#define SLOTS_FLIGHT 4

static int resolve_sizes(const struct settings *s, struct setup *out, struct error *e)
{
    const struct operation *op = out->operation;
    uint64_t live = op->live_max > 0 ? op->live_max : op->provider->live_max;
    uint64_t items = op->items_max, given = 0;

    if (s->concurrency && scoped_number(op->provider, "--concurrency", s->concurrency,
                                        CONCURRENCY_MAX, &given, e) != 0)
        return e->code;
    if (s->batch_size &&
        scoped_number(op->provider, "--batch-size", s->batch_size, op->items_max, &items, e) != 0)
        return e->code;
    if (given > 0)
        live = given;
    if (op->delivery == DELIVERY_POLL && out->tier->slots > 0) {
        /* What is given is how many the account's plan works on at once. */
        out->slots = given > 0 ? (unsigned)given : out->tier->slots;
        uint64_t queue = (uint64_t)out->tier->queue_max / out->tier->slots * out->slots;
        live = SLOTS_FLIGHT * (uint64_t)out->slots;
        if (live > out->slots + queue)
            live = out->slots + queue;
    }
    out->live_max = (unsigned)live;
    out->batch_items = (uint32_t)items;
    uint64_t ahead = PREPARED_ITEMS_MAX / items;
    out->prepared_max = ahead < 1              ? (unsigned)live
                        : ahead > PREPARED_MAX ? PREPARED_MAX
                                               : (unsigned)ahead;
    return 0;
}

/* A vendor on loopback may run on a faster clock: every time of its documents shrinks alike. */
static void resolve_clock(const struct settings *s, struct setup *out)
{
    struct operation *ops[] = {&out->asked, &out->alone};

    int64_t usual = s->sandbox == 1 ? SANDBOX_SPEED : 1;
    out->clock_speed = s->clock_speed == SETTING_ABSENT ? usual : s->clock_speed;
    for (unsigned i = 0; i < 2; i++) {
        int64_t *times[] = {&ops[i]->poll_first_ms, &ops[i]->poll_max_ms, &ops[i]->work_ms,
                            &ops[i]->work_max_ms,   &ops[i]->deadline_ms, &ops[i]->doubt_ms};
        for (size_t k = 0; k < sizeof times / sizeof times[0]; k++)
            if (*times[k] > 0)
                *times[k] = *times[k] <= out->clock_speed ? 1 : *times[k] / out->clock_speed;
    }
    for (unsigned i = 0; i < 2 * RATE_LIMITS_MAX; i++) {
        int64_t *per_ms[] = {&out->limits[i].per_ms, &out->alone_limits[i].per_ms};
        for (size_t k = 0; k < 2; k++)
            *per_ms[k] = *per_ms[k] <= out->clock_speed ? 1 : *per_ms[k] / out->clock_speed;
    }
}

/* Where the vendor calls back to. A sandbox is called on loopback, without being told. */
static int resolve_callbacks(const struct settings *s, struct setup *out, struct error *e)
{
    const struct operation *op = out->operation;
    bool needed = op->delivery == DELIVERY_CALLBACK || op->calls_asked;

    out->callback_url = s->callback_url;
    out->callback_listen = s->callback_listen;
    out->spool = s->spool;
    if (s->sandbox == 1) {
        if (s->callback_url || s->callback_listen || s->spool)
            return error_set(e, ERR_USAGE,
                             "--sandbox needs no address to be called back at: leave"
                             " --callback-url, --callback-listen and --spool out");
        out->called = needed;
        return 0;
    }
    if (!s->callback_url && (s->callback_listen || s->spool))
        return error_set(e, ERR_USAGE,
                         "--callback-url is missing: the public address that leads to %s",
                         s->callback_listen ? "--callback-listen" : "the listener of --spool");
    if (!s->callback_url)
        return needed ? error_set(e, ERR_USAGE,
                                  "%s answers %s by calling back: give --callback-url"
                                  " https://HOST (a public address that leads here) and"
                                  " --callback-listen ADDR:PORT, or --spool DIR",
                                  op->provider->title, op->name)
                      : 0;
    if (!s->callback_listen && !s->spool)
        return error_set(e, ERR_USAGE,
                         "--callback-url leads nowhere: give --callback-listen ADDR:PORT, or"
                         " --spool DIR of a tranche listen");
    const char *problem = http_base_problem(slice_of(s->callback_url));
    size_t len = strlen(s->callback_url);
    if (!problem && (len > BASE_URL_MAX || s->callback_url[len - 1] == '/'))
        problem = len > BASE_URL_MAX ? "it is longer than 255 bytes" : "it ends with a slash";
    if (problem)
        return error_set(e, ERR_USAGE, "--callback-url: '%s' cannot be used: %s", s->callback_url,
                         problem);
    if (!op->calls_back)
        return error_set(e, ERR_USAGE,
                         "--callback-url: %s/%s calls nobody back as it is asked here; tranche"
                         " providers says whether an option changes that",
                         op->provider->name, op->name);
    out->called = true;
    return 0;
}

/* Where the run tells how it stands: there is no password, so other hosts must be let in by name. */
static int resolve_http(const struct settings *s, struct setup *out, struct error *e)
{
    if (!s->http)
        return s->http_public == 1 ? error_set(e, ERR_USAGE,
                                               "--http-public opens nothing by itself: give the"
                                               " address with --http ADDR:PORT")
                                   : 0;
    if (address_parse(&out->http, s->http, e) != 0)
        return error_prefix(e, "--http");
    if (s->http_public != 1 && !address_is_loopback(&out->http))
        return error_set(e, ERR_USAGE,
                         "--http: %s can be reached from other hosts, and there is no password:"
                         " listen on 127.0.0.1:%u, or add --http-public to let all see the run"
                         " (never people or keys)",
                         s->http, out->http.port);
    return 0;
}

/* OP=N, where OP has its provider: a price belongs to an operation. */
static int resolve_price(const struct settings *s, struct setup *out, struct error *e)
{
    const struct operation *op = out->operation;
    const char *equals = s->price ? strrchr(s->price, '=') : NULL;
    char name[2 * NAME_MAX_LEN];
    uint64_t price;

    out->price = op->price;
    if (!s->price)
        return 0;
    snprintf(name, sizeof name, "%s/%s", op->provider->name, op->name);
    if (!equals)
        return error_set(e, ERR_USAGE, "--price: '%s' is not of the form OP=N, as in %s=%" PRId64,
                         s->price, name, op->price);
    struct slice given = {s->price, (size_t)(equals - s->price)};
    if (!slice_eq(given, slice_of(name)))
        return error_set(e, ERR_USAGE,
                         "--price: '%.*s' is not the operation of this run, which is %s",
                         SLICE_ARG(given), name);
    if (whole_number("--price", equals + 1, 0, PRICE_MAX, &price, e) != 0)
        return e->code;
    out->price = (int64_t)price;
    return 0;
}

static int resolve_base_url(const struct settings *s, struct setup *out, struct error *e)
{
    const struct provider *p = out->operation->provider;

    out->base_url = p->base_url;
    if (s->base_url && unscope(p, "--base-url", s->base_url, &out->base_url, e) != 0)
        return e->code;
    if (!out->base_url)
        return error_set(e, ERR_CONFIG, "%s has no address of its own: give it with --base-url",
                         p->title);
    const char *problem = http_base_problem(slice_of(out->base_url));
    if (!problem && strlen(out->base_url) > BASE_URL_MAX)
        problem = "it is longer than 255 bytes";
    if (problem)
        return error_set(e, ERR_CONFIG, "--base-url: '%s' cannot be used: %s", out->base_url,
                         problem);
    if (s->clock_speed != SETTING_ABSENT && s->clock_speed != 1 &&
        strncasecmp(out->base_url, "http://", 7) != 0)
        return error_set(e, ERR_USAGE,
                         "--clock-speed is for servers on this host: %s keeps the time of day",
                         out->base_url);
    return 0;
}

/* A simulator of our own answers: an address or a key beside it would be a misunderstanding, and
 * perhaps a dear one. */
static int resolve_sandbox(const struct settings *s, struct error *e)
{
    const char *other = s->base_url ? "--base-url" : s->key_file ? "--key-file" : NULL;

    return other ? error_set(e, ERR_USAGE,
                             "--sandbox cannot be combined with %s: it needs neither "
                             "an address nor a key",
                             other)
                 : 0;
}

static int resolve_place(const struct settings *s, struct setup *out, struct error *e)
{
    if (s->sandbox == 1)
        return resolve_sandbox(s, e);
    if (s->key_file &&
        unscope(out->operation->provider, "--key-file", s->key_file, &out->key_file, e) != 0)
        return e->code;
    return resolve_base_url(s, out, e);
}

static int resolve_doubt(const struct settings *s, struct setup *out, struct error *e)
{
    static const char *const words[] = {
        [DOUBT_HOLD] = "hold", [DOUBT_RESUBMIT] = "resubmit", [DOUBT_SKIP] = "skip"};

    out->on_in_doubt = DOUBT_HOLD;
    if (!s->on_in_doubt)
        return 0;
    for (enum on_in_doubt d = DOUBT_HOLD; d <= DOUBT_SKIP; d++) {
        if (strcmp(s->on_in_doubt, words[d]) == 0) {
            out->on_in_doubt = d;
            return 0;
        }
    }
    return error_set(e, ERR_USAGE, "--on-in-doubt: '%s' is not one of hold, resubmit, skip",
                     s->on_in_doubt);
}

static int64_t or_else(int64_t value, int64_t fallback)
{
    return value == SETTING_ABSENT ? fallback : value;
}

static void resolve_numbers(const struct settings *s, struct setup *out)
{
    out->max_credits = or_else(s->max_credits, INT64_MAX);
    out->max_doubt_credits = or_else(s->max_doubt_credits, INT64_MAX);
    out->max_wait_ms = or_else(s->max_wait, 15 * MINUTE_MS);
    out->doubt_wait_ms = or_else(s->doubt_wait, MINUTE_MS);
    out->timeout_ms = or_else(s->timeout, 5 * MINUTE_MS);
    out->drain_timeout_ms = or_else(s->drain_timeout, 30 * SECOND_MS);
    out->linger_ms = or_else(s->linger, 30 * SECOND_MS);
}

void settings_go_alone(const struct settings *s, struct setup *out)
{
    memcpy(out->limits, out->alone_limits, sizeof out->limits);
    out->limit_count = out->alone_limit_count;
    out->batch_items = 1;
    out->prepared_max = PREPARED_MAX;
    if (!s->concurrency && out->alone.live_max > 0)
        out->live_max = out->alone.live_max;
}

int settings_resolve(const struct settings *s, struct setup *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    if (!s->provider)
        return error_set(
            e, ERR_USAGE,
            "what is to be asked of whom? Give an operation with -p; tranche providers "
            "lists them");
    const struct operation *op = provider_operation(s->provider, e);
    if (!op)
        return error_prefix(e, "--provider");
    resolve_numbers(s, out);
    if (resolve_tier(s, op->provider, out, e) != 0 || resolve_operation(s, op, out, e) != 0 ||
        resolve_limits(s, out, e) != 0 || resolve_sizes(s, out, e) != 0 ||
        resolve_price(s, out, e) != 0 || resolve_place(s, out, e) != 0 ||
        resolve_callbacks(s, out, e) != 0 || resolve_http(s, out, e) != 0 ||
        resolve_doubt(s, out, e) != 0)
        return e->code;
    if (s->callback_timeout != SETTING_ABSENT && out->asked.delivery == DELIVERY_CALLBACK)
        out->asked.deadline_ms = out->alone.deadline_ms = s->callback_timeout;
    resolve_clock(s, out);
    return 0;
}
