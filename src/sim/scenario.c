/* Reads scenarios: a JSON file such as
 *
 *   {"seed": 7, "speed": 10,
 *    "wiza": {"tier": "starter", "form": "observed", "balance": 5000, "found_percent": 60,
 *             "slots": 8, "latency": {"work": {"min_ms": 0, "mean_ms": 900, "max_ms": 4000}},
 *             "callbacks": {"lost_percent": 5, "duplicated_percent": 5, "late_percent": 10,
 *                           "late_ms": 3000, "swapped_percent": 5, "forged_percent": 5},
 *             "faults": "submit:status-503:1"},
 *    "enrichso": {"tier": "free", "queue_ms": 200, "items_per_s": 1000, "shuffle": true}}
 *
 * What it does not say stays as the options have it. A latency without a kind is for all kinds.
 * Slots without a tier have a queue without limit. The percentages of callbacks become rules behind
 * those of "faults". Members that nobody knows are errors: a scenario that is not carried out proves
 * nothing. No state; any thread. */
#include "sim/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "wire/json.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define DEPTH_MAX      8
#define SPEED_MAX      100000
#define LATENCY_MAX_MS 86400000
#define SLOTS_MAX      100000
#define UNLIMITED      "unlimited"

/* ---- the options ---- */

static bool find_tier(const struct vendor *v, const char *name)
{
    for (const struct limits_tier *t = v->tiers; t->name; t++)
        if (strcmp(t->name, name) == 0)
            return true;
    return strcmp(name, UNLIMITED) == 0;
}

static bool find_form(const struct vendor *v, const char *name, unsigned *form)
{
    for (unsigned i = 0; i < VENDOR_FORMS_MAX && v->forms[i]; i++)
        if (strcmp(v->forms[i], name) == 0) {
            *form = i;
            return true;
        }
    return false;
}

/* All words of a kind, for messages. */
static void name_tiers(const struct vendor *v, char *text, size_t size)
{
    size_t len = (size_t)snprintf(text, size, "%s", UNLIMITED);
    for (const struct limits_tier *t = v->tiers; t->name && len < size; t++)
        len += (size_t)snprintf(text + len, size - len, ", %s", t->name);
}

static void name_forms(const struct vendor *v, char *text, size_t size)
{
    size_t len = 0;
    *text = '\0';
    for (unsigned i = 0; i < VENDOR_FORMS_MAX && v->forms[i] && len < size; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%s", i ? ", " : "", v->forms[i]);
}

const char *sim_scenario_help(void)
{
    static char text[4096];
    size_t len = (size_t)snprintf(
        text, sizeof text,
        "A scenario is a JSON file: {\"seed\": N, \"speed\": N, VENDOR: {...}, ...}, each vendor "
        "with any of\n"
        "  tier, form             words; form: in which documented shape it answers\n"
        "  balance, found_percent, slots\n"
        "  latency                {\"min_ms\", \"mean_ms\", \"max_ms\"}, or one by kind\n"
        "  callbacks              {\"lost_percent\", \"duplicated_percent\", \"late_percent\", "
        "\"late_ms\",\n"
        "                         \"swapped_percent\", \"forged_percent\"}\n"
        "  queue_ms, items_per_s, shuffle, faults   as the options of these names\n");
    for (size_t i = 0; vendor_table[i] && len < sizeof text; i++) {
        char tiers[128], forms[128];
        name_tiers(vendor_table[i], tiers, sizeof tiers);
        name_forms(vendor_table[i], forms, sizeof forms);
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%-8s  tiers %s\n          forms %s\n",
                             vendor_table[i]->name, tiers, forms);
    }
    return text;
}

static void set_vendor(struct shop_settings *s, const struct vendor *v, const struct sim_options *o,
                       const char *form)
{
    const char *tier = o->tier ? o->tier : UNLIMITED;
    *s = (struct shop_settings){.balance = o->balance,
                                .found_percent = o->found_percent,
                                .queue_ms = o->queue_ms,
                                .items_per_s = o->items_per_s,
                                .shuffle = o->shuffle};
    snprintf(s->tier, sizeof s->tier, "%s", find_tier(v, tier) ? tier : v->tiers[0].name);
    if (form)
        find_form(v, form, &s->form);
    for (unsigned i = 0; i < VENDOR_LATENCIES_MAX; i++)
        s->latency[i] = v->latency[i].latency;
    snprintf(s->faults, sizeof s->faults, "%s", o->faults ? o->faults : "");
}

static int check_words(const char *tier, const char *form, struct error *e)
{
    bool tier_known = !tier, form_known = !form;
    char names[256] = "";
    size_t len = 0;
    unsigned place;
    for (size_t i = 0; vendor_table[i]; i++) {
        char one[128];
        tier_known |= tier && find_tier(vendor_table[i], tier);
        form_known |= form && find_form(vendor_table[i], form, &place);
        if (tier_known)
            name_forms(vendor_table[i], one, sizeof one);
        else
            name_tiers(vendor_table[i], one, sizeof one);
        if (len < sizeof names)
            len += (size_t)snprintf(names + len, sizeof names - len, "%s%s: %s", i ? "; " : "",
                                    vendor_table[i]->name, one);
    }
    if (!tier_known)
        return error_set(e, ERR_USAGE, "no vendor of the simulator has a tier \"%s\": %s", tier,
                         names);
    return form_known
               ? 0
               : error_set(e, ERR_USAGE, "no vendor of the simulator has a form \"%s\"", form);
}

static int set_options(struct scenario *s, const struct sim_options *o, struct error *e)
{
    const char *form = o->form ? o->form : o->openapi ? "openapi" : NULL;
    if (o->found_percent > 100 || o->balance < 0 || o->queue_ms < 0 || o->speed > SPEED_MAX)
        return error_set(
            e, ERR_USAGE,
            "the simulator needs a share of at most 100 %%, a speed of at most %d, and "
            "no negative balance or time",
            SPEED_MAX);
    if (o->faults && strlen(o->faults) >= SHOP_FAULTS_MAX)
        return error_set(e, ERR_USAGE, "the faults are longer than %d bytes", SHOP_FAULTS_MAX - 1);
    if (check_words(o->tier, form, e) != 0)
        return e->code;
    s->seed = o->seed;
    s->speed = o->speed ? o->speed : 1;
    for (size_t i = 0; vendor_table[i]; i++)
        set_vendor(&s->shop[i], vendor_table[i], o, form);
    return 0;
}

/* ---- the file ---- */

/* A member that is being read: for messages. */
struct member {
    const char *vendor, *outer; /* NULL where there is none */
    struct slice name;
    struct json_value value;
};

static int refuse(const struct member *m, const char *rule, struct error *e)
{
    return error_set(e, ERR_CONFIG, "%s%s%s%s%.*s %s", m->vendor ? m->vendor : "",
                     m->vendor ? "." : "", m->outer ? m->outer : "", m->outer ? "." : "",
                     SLICE_ARG(m->name), rule);
}

static int read_number(const struct member *m, int64_t max, int64_t *out, struct error *e)
{
    char rule[64];
    if (json_type(m->value) == JSON_NUMBER && json_int(m->value, out) && *out >= 0 && *out <= max)
        return 0;
    snprintf(rule, sizeof rule, "must be a whole number from 0 to %lld", (long long)max);
    return refuse(m, rule, e);
}

static int read_latency(const struct member *m, struct latency *l, struct error *e)
{
    struct json_walk w;
    int64_t *const places[] = {&l->min_ms, &l->mean_ms, &l->max_ms};
    static const char *const names[] = {"min_ms", "mean_ms", "max_ms"};
    for (bool more = json_walk_begin(&w, m->value); more; more = json_walk_next(&w)) {
        struct member inner = {m->vendor, "latency", w.key, w.value};
        size_t i = 0;
        while (i < 3 && !slice_eq(w.key, slice_of(names[i])))
            i++;
        if (i == 3)
            return refuse(&inner, "is none of min_ms, mean_ms, max_ms", e);
        if (read_number(&inner, LATENCY_MAX_MS, places[i], e) != 0)
            return e->code;
    }
    return latency_valid(l)
               ? 0
               : refuse(m, "needs min_ms < mean_ms < max_ms, or all three the same", e);
}

static int read_latencies(const struct vendor *v, struct shop_settings *s, const struct member *m,
                          struct error *e)
{
    struct json_walk w;
    struct json_value any;
    struct latency all;
    if (json_type(m->value) != JSON_OBJECT)
        return refuse(m, "must be an object", e);
    if (json_get(m->value, "mean_ms", &any)) {
        all = (struct latency){0};
        if (read_latency(m, &all, e) != 0)
            return e->code;
        for (unsigned i = 0; i < VENDOR_LATENCIES_MAX; i++)
            s->latency[i] = all;
        return 0;
    }
    for (bool more = json_walk_begin(&w, m->value); more; more = json_walk_next(&w)) {
        struct member inner = {m->vendor, "latency", w.key, w.value};
        unsigned i = 0;
        while (i < VENDOR_LATENCIES_MAX && v->latency[i].name &&
               !slice_eq(w.key, slice_of(v->latency[i].name)))
            i++;
        if (i == VENDOR_LATENCIES_MAX || !v->latency[i].name)
            return refuse(&inner, "is no kind of work of this vendor", e);
        if (json_type(w.value) != JSON_OBJECT)
            return refuse(&inner, "must be an object", e);
        if (read_latency(&inner, &s->latency[i], e) != 0)
            return e->code;
    }
    return 0;
}

/* Append a rule to the faults. */
static int add_fault(struct shop_settings *s, const struct member *m, const char *word,
                     int64_t percent, struct error *e)
{
    size_t len = strlen(s->faults), room = sizeof s->faults - len;
    int n = snprintf(s->faults + len, room, "%scallback:%s:%lld%%", len ? "," : "", word,
                     (long long)percent);
    return (size_t)n < room ? 0 : refuse(m, "makes the faults too long", e);
}

static int read_callbacks(struct shop_settings *s, const struct member *m, struct error *e)
{
    static const struct {
        const char *name, *word;
    } table[] = {
        {"lost_percent", "lost"},     {"duplicated_percent", "twice"}, {"swapped_percent", "swap"},
        {"forged_percent", "forged"}, {"late_percent", NULL},          {"late_ms", NULL},
    };
    struct json_walk w;
    int64_t late_ms = 1000, late_percent = 0, number;
    char late[32];
    if (json_type(m->value) != JSON_OBJECT)
        return refuse(m, "must be an object", e);
    for (bool more = json_walk_begin(&w, m->value); more; more = json_walk_next(&w)) {
        struct member inner = {m->vendor, "callbacks", w.key, w.value};
        size_t i = 0;
        while (i < sizeof table / sizeof *table && !slice_eq(w.key, slice_of(table[i].name)))
            i++;
        if (i == sizeof table / sizeof *table)
            return refuse(&inner, "is not known", e);
        bool ms = strcmp(table[i].name, "late_ms") == 0;
        if (read_number(&inner, ms ? LATENCY_MAX_MS : 100, &number, e) != 0)
            return e->code;
        if (ms)
            late_ms = number;
        else if (!table[i].word)
            late_percent = number;
        else if (add_fault(s, &inner, table[i].word, number, e) != 0)
            return e->code;
    }
    snprintf(late, sizeof late, "delay-%lld", (long long)late_ms);
    return late_percent > 0 ? add_fault(s, m, late, late_percent, e) : 0;
}

static int read_word(const struct vendor *v, struct shop_settings *s, const struct member *m,
                     struct error *e)
{
    struct slice text;
    char word[SHOP_FAULTS_MAX], names[256], rule[300];
    if (!json_string(m->value, &text) || text.len >= sizeof word)
        return refuse(m, "must be a string, and not longer than 1,023 bytes", e);
    memcpy(word, text.data, text.len);
    word[text.len] = '\0';
    if (slice_eq(m->name, SLICE_LIT("faults"))) {
        memcpy(s->faults, word, text.len + 1);
        return 0;
    }
    if (slice_eq(m->name, SLICE_LIT("form"))) {
        if (find_form(v, word, &s->form))
            return 0;
        name_forms(v, names, sizeof names);
    } else {
        if (find_tier(v, word) && text.len < sizeof s->tier) {
            memcpy(s->tier, word, text.len + 1);
            return 0;
        }
        name_tiers(v, names, sizeof names);
    }
    snprintf(rule, sizeof rule, "must be one of %s", names);
    return refuse(m, rule, e);
}

/* Members that are a number. *known: it is one. */
static int read_amount(struct shop_settings *s, const struct member *m, bool *known,
                       struct error *e)
{
    static const struct {
        const char *name;
        int64_t max;
    } table[] = {
        {"balance", INT64_MAX / 4},   {"found_percent", 100},      {"slots", SLOTS_MAX},
        {"queue_ms", LATENCY_MAX_MS}, {"items_per_s", 1000000000},
    };
    int64_t number = 0;
    size_t i = 0;
    while (i < sizeof table / sizeof *table && !slice_eq(m->name, slice_of(table[i].name)))
        i++;
    *known = i < sizeof table / sizeof *table;
    if (!*known || read_number(m, table[i].max, &number, e) != 0)
        return *known ? e->code : 0;
    switch (i) {
    case 0:
        s->balance = number;
        break;
    case 1:
        s->found_percent = (unsigned)number;
        break;
    case 2:
        s->slots = (unsigned)number;
        break;
    case 3:
        s->queue_ms = number;
        break;
    default:
        s->items_per_s = (uint64_t)number;
    }
    return 0;
}

static bool is_word(struct slice name)
{
    return slice_eq(name, SLICE_LIT("tier")) || slice_eq(name, SLICE_LIT("form")) ||
           slice_eq(name, SLICE_LIT("faults"));
}

static int read_member(const struct vendor *v, struct shop_settings *s, const struct member *m,
                       struct error *e)
{
    bool known;
    if (is_word(m->name))
        return read_word(v, s, m, e);
    if (slice_eq(m->name, SLICE_LIT("latency")))
        return read_latencies(v, s, m, e);
    /* Read by itself, after all others: its rules go behind those of "faults". */
    if (slice_eq(m->name, SLICE_LIT("callbacks")))
        return 0;
    if (slice_eq(m->name, SLICE_LIT("shuffle")))
        return json_bool(m->value, &s->shuffle) ? 0 : refuse(m, "must be true or false", e);
    if (read_amount(s, m, &known, e) != 0)
        return e->code;
    return known ? 0 : refuse(m, "is not known", e);
}

static int read_vendor(const struct vendor *v, struct shop_settings *s, struct json_value value,
                       struct error *e)
{
    struct json_walk w;
    struct member callbacks = {v->name, NULL, SLICE_LIT("callbacks"), value};
    for (bool more = json_walk_begin(&w, value); more; more = json_walk_next(&w)) {
        struct member m = {v->name, NULL, w.key, w.value};
        if (read_member(v, s, &m, e) != 0)
            return e->code;
    }
    return json_get(value, "callbacks", &callbacks.value) ? read_callbacks(s, &callbacks, e) : 0;
}

static int read_top(struct scenario *s, const struct member *m, struct error *e)
{
    int64_t number;
    if (slice_eq(m->name, SLICE_LIT("seed")) || slice_eq(m->name, SLICE_LIT("speed"))) {
        bool seed = m->name.len == 4;
        if (read_number(m, seed ? INT64_MAX : SPEED_MAX, &number, e) != 0)
            return e->code;
        if (!seed && number == 0)
            return refuse(m, "must be at least 1", e);
        *(seed ? &s->seed : &s->speed) = (uint64_t)number;
        return 0;
    }
    for (size_t i = 0; vendor_table[i]; i++)
        if (slice_eq(m->name, slice_of(vendor_table[i]->name)))
            return json_type(m->value) == JSON_OBJECT
                       ? read_vendor(vendor_table[i], &s->shop[i], m->value, e)
                       : refuse(m, "must be an object", e);
    return refuse(m, "is neither seed, speed, nor a vendor of the simulator", e);
}

static int read_file(struct scenario *s, struct slice text, struct error *e)
{
    struct json *json = json_create(DEPTH_MAX);
    struct json_value root;
    struct json_walk w;
    int code = json ? json_parse(json, text, &root, e)
                    : error_set(e, ERR_INTERNAL, "no memory for a scenario");
    if (code == 0 && json_type(root) != JSON_OBJECT)
        code = error_set(e, ERR_CONFIG, "a scenario is a JSON object");
    bool more = code == 0 && json_walk_begin(&w, root);
    for (; more && code == 0; more = json_walk_next(&w)) {
        struct member m = {NULL, NULL, w.key, w.value};
        code = read_top(s, &m, e);
    }
    json_destroy(json);
    if (code == ERR_DATA)
        e->code = code = ERR_CONFIG;
    return code;
}

/* Before anything is opened. */
static int check_faults(const struct scenario *s, struct error *e)
{
    for (size_t i = 0; vendor_table[i]; i++) {
        struct faults *f;
        if (faults_create(&f, s->shop[i].faults, s->seed, e) != 0)
            return e->code;
        faults_destroy(f);
    }
    return 0;
}

int scenario_make(struct scenario *s, const struct sim_options *o, struct error *e)
{
    char *text;
    size_t len;
    if (set_options(s, o, e) != 0)
        return e->code;
    if (!o->scenario)
        return check_faults(s, e);
    if (file_read_all(o->scenario, FILE_MAX_BYTES, &text, &len, e) != 0)
        return error_prefix(e, "the scenario");
    int code = read_file(s, (struct slice){text, len}, e);
    free(text);
    if (code == 0)
        code = check_faults(s, e);
    return code != 0 ? error_prefix(e, "the scenario %s", o->scenario) : 0;
}
