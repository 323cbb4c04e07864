/* Knows which vendors there are, and what is true of every one of them.
 *
 * Failures are ERR_USAGE with the names there are, because all lookups come from the command line
 * or a configuration file. No state; any thread. */
#include "provider/provider.h"

#include <stdio.h>
#include <string.h>

#define ALL_FIELDS (((field_set)1 << FIELD_COUNT) - 1)
#define NAMES_LEN  512

extern const struct provider enrichso_provider;
extern const struct provider prospiq_provider;
extern const struct provider unstuck_provider;
extern const struct provider wiza_provider;
extern const struct provider zeliq_provider;

const struct provider *const provider_table[] = {
    &enrichso_provider,
    &prospiq_provider,
    &unstuck_provider,
    &wiza_provider,
    &zeliq_provider,
    NULL,
};

/* A list of names for a message, cut when there are too many. */
struct names {
    char text[NAMES_LEN];
    size_t len;
};

static void names_add(struct names *n, const char *group, const char *name)
{
    size_t room = sizeof n->text - n->len;
    int len = snprintf(n->text + n->len, room, "%s%s%s%s", n->len > 0 ? ", " : "", group,
                       group[0] != '\0' ? "/" : "", name);

    n->len += len < 0 ? 0 : (size_t)len < room ? (size_t)len : room - 1;
}

const struct provider *provider_find(struct slice name)
{
    for (const struct provider *const *p = provider_table; *p; p++)
        if (slice_eq(name, slice_of((*p)->name)))
            return *p;
    return NULL;
}

static const struct operation *find_operation(const struct provider *p, const char *name)
{
    for (const struct operation *o = p->operations; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

const struct operation *provider_operation(const char *name, struct error *e)
{
    const char *slash = strchr(name, '/');
    struct names there = {.len = 0};

    if (slash) {
        const struct provider *p = provider_find((struct slice){name, (size_t)(slash - name)});
        const struct operation *o = p ? find_operation(p, slash + 1) : NULL;
        if (o)
            return o;
    }
    for (const struct provider *const *p = provider_table; *p; p++)
        for (const struct operation *o = (*p)->operations; o->name; o++)
            names_add(&there, (*p)->name, o->name);
    error_set(e, ERR_USAGE, "there is no operation '%s'; there are: %s", name, there.text);
    return NULL;
}

const struct provider_tier *provider_tier(const struct provider *p, const char *name,
                                          struct error *e)
{
    struct names there = {.len = 0};

    if (!name)
        return p->tiers;
    for (const struct provider_tier *t = p->tiers; t->name; t++) {
        if (strcmp(t->name, name) == 0)
            return t;
        names_add(&there, "", t->name);
    }
    error_set(e, ERR_USAGE, "%s has no tier '%s'; it has: %s", p->name, name, there.text);
    return NULL;
}

/* --- options -------------------------------------------------------------------------------- */

static int option_find(const struct operation *op, struct slice name)
{
    for (int i = 0; op->options && i < OPERATION_OPTIONS_MAX && op->options[i].name; i++)
        if (slice_eq(name, slice_of(op->options[i].name)))
            return i;
    return -1;
}

/* Whether the word is one of "a|b|c"; of "" any. */
static bool word_allowed(const char *values, struct slice word)
{
    while (*values) {
        size_t len = strcspn(values, "|,");
        if (slice_eq(word, (struct slice){values, len}))
            return true;
        values += len + (values[len] != '\0');
    }
    return false;
}

static bool value_allowed(const struct operation_option *o, const char *value)
{
    size_t len = strlen(o->values);
    bool several = len > 0 && o->values[len - 1] == ',';

    if (len == 0)
        return true;
    if (!several)
        return word_allowed(o->values, slice_of(value));
    do {
        size_t word = strcspn(value, ",");
        if (word == 0 || !word_allowed(o->values, (struct slice){value, word}))
            return false;
        value += word;
    } while (*value++ == ',');
    return true;
}

static int set_option(struct operation *out, bool *given, const char *text, struct error *e)
{
    const char *equals = strchr(text, '=');
    struct names there = {.len = 0};

    if (!equals)
        return error_set(e, ERR_USAGE, "--set: '%s' is not of the form NAME=VALUE", text);
    int i = option_find(out, (struct slice){text, (size_t)(equals - text)});
    if (i < 0) {
        for (const struct operation_option *o = out->options; o && o->name; o++)
            names_add(&there, "", o->name);
        return error_set(e, ERR_USAGE, "--set: %s/%s has no option '%.*s'; it has: %s",
                         out->provider->name, out->name, (int)(equals - text), text,
                         there.len > 0 ? there.text : "none");
    }
    if (given[i])
        return error_set(e, ERR_USAGE, "--set: '%s' is given twice", out->options[i].name);
    if (!value_allowed(&out->options[i], equals + 1))
        return error_set(e, ERR_USAGE, "--set: %s of %s/%s is %s, not '%s'", out->options[i].name,
                         out->provider->name, out->name, out->options[i].values, equals + 1);
    given[i] = true;
    out->set[i] = equals + 1;
    return 0;
}

int provider_configure(struct operation *out, const struct operation *op,
                       const struct provider_tier *tier, const char *const *options, unsigned count,
                       struct error *e)
{
    bool given[OPERATION_OPTIONS_MAX] = {false};

    *out = *op;
    out->tier = tier;
    for (int i = 0; op->options && i < OPERATION_OPTIONS_MAX && op->options[i].name; i++)
        out->set[i] = op->options[i].preset;
    for (unsigned i = 0; i < count; i++)
        if (set_option(out, given, options[i], e) != 0)
            return e->code;
    if (tier->items_max > 0 && tier->items_max < out->items_max)
        out->items_max = tier->items_max;
    return op->configure ? op->configure(out, tier, e) : 0;
}

const char *operation_set(const struct operation *op, const char *name)
{
    int i = option_find(op, slice_of(name));

    return i >= 0 ? op->set[i] : "";
}

bool operation_chosen(const char *choice, const char *word)
{
    return word_allowed(choice, slice_of(word));
}

/* --- what replies mean ---------------------------------------------------------------------- */

/* A status that says neither yes nor no: a paid request may have been applied, a free one may
 * simply be asked again. */
static enum reply_class unclear(bool paid)
{
    return paid ? REPLY_DOUBT : REPLY_RETRY;
}

static enum reply_class classify_status(long status, bool paid, bool whole)
{
    if (status >= 200 && status <= 299)
        return whole ? REPLY_OK : unclear(paid);
    /* Redirects are not followed: key and body would go to another host. */
    if (status >= 300 && status <= 399)
        return REPLY_NOT_APPLIED;
    if (status < 400 || status > 499 || status == 408)
        return unclear(paid);
    switch (status) {
    case 400:
    case 422:
        return paid ? REPLY_BAD_ITEMS : REPLY_NOT_APPLIED;
    case 401:
    case 403:
    case 423:
        return REPLY_REFUSED;
    case 402:
        return REPLY_NO_CREDITS;
    case 404:
    case 410:
        return paid ? REPLY_NOT_APPLIED : REPLY_GONE;
    case 413:
        return paid ? REPLY_TOO_LARGE : REPLY_NOT_APPLIED;
    case 429:
        return REPLY_THROTTLED;
    default:
        return REPLY_NOT_APPLIED;
    }
}

enum reply_class provider_classify(const struct http_reply *reply, bool paid, bool whole)
{
    switch (reply->end) {
    case HTTP_REPLY:
        return classify_status(reply->status, paid, whole);
    case HTTP_NOT_SENT:
        return REPLY_RETRY;
    case HTTP_CUT:
        /* The status line was whole, and a refusal needs no body. */
        return reply->status >= 300 ? classify_status(reply->status, paid, false) : unclear(paid);
    case HTTP_LOST:
    case HTTP_CANCELLED:
        return unclear(paid);
    }
    return unclear(paid);
}

/* A name is typed by people and stands in paths, tokens and the ledger. */
static bool name_valid(const char *name)
{
    return name && name[0] != '\0' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

/* limited: all classes that any of them counts. */
static const char *limits_problem(const struct rate_limit limits[RATE_LIMITS_MAX],
                                  unsigned *limited)
{
    unsigned i;

    *limited = 0;
    for (i = 0; i < RATE_LIMITS_MAX && limits[i].count > 0; i++) {
        if (limits[i].classes == 0 || (limits[i].classes & ~RATE_ALL))
            return "a limit of an unknown class";
        if (limits[i].per_ms <= 0)
            return "a limit without a time";
        *limited |= limits[i].classes;
    }
    return i == RATE_LIMITS_MAX ? "more limits than there is room for" : NULL;
}

static const char *tier_problem(const struct provider_tier *t)
{
    unsigned limited;

    if (!name_valid(t->name))
        return "a tier without a proper name";
    const char *problem = limits_problem(t->limits, &limited);
    if (problem)
        return problem;
    /* A vendor limits its requests, or the records it works on. */
    if (!(limited & RATE_BIT(RATE_SUBMIT)) && t->slots == 0)
        return "a tier that limits neither submissions nor slots";
    if (t->queue_max > 0 && t->slots == 0)
        return "a tier with a queue and no slots";
    return NULL;
}

static const char *fields_problem(const struct operation *o)
{
    if (!o->accepts || o->accepts[0] == 0)
        return "an operation that accepts no fields";
    for (const field_set *set = o->accepts; *set; set++)
        if (*set & ~ALL_FIELDS)
            return "an operation that accepts an unknown field";
    if (o->identity & ~ALL_FIELDS)
        return "an operation with an unknown identity";
    if (o->gives == 0 || (o->gives & ~ALL_FIELDS))
        return "an operation that gives unknown fields, or none";
    return NULL;
}

static const char *options_problem(const struct operation *o)
{
    unsigned count = 0;

    for (; o->options && o->options[count].name; count++) {
        if (count == OPERATION_OPTIONS_MAX)
            return "more options than an operation has room for";
        const struct operation_option *option = &o->options[count];
        if (!option->values || !option->preset || !option->help || option->help[0] == '\0')
            return "an option that is not described";
        if (option->preset[0] != '\0' && !value_allowed(option, option->preset))
            return "an option whose preset is not one of its values";
    }
    return count > 0 && !o->configure ? "options without configure" : NULL;
}

static const char *delivery_problem(const struct operation *o)
{
    bool pages = o->delivery == DELIVERY_PAGES, poll = o->delivery == DELIVERY_POLL;
    bool called = o->delivery == DELIVERY_CALLBACK;

    if ((pages || poll) != (o->build_poll != NULL) || (pages || poll) != (o->parse_poll != NULL))
        return "polls that do not fit the delivery";
    if (pages != (o->build_page != NULL) || called == (o->parse_page != NULL))
        return "results that do not fit the delivery";
    if ((o->delivery == DELIVERY_REPLY) == (o->parse_submit != NULL))
        return "a submission that does not fit the delivery";
    if (called && (!o->calls_back || o->deadline_ms == 0))
        return "callbacks only, and none are taken or waited for";
    if (o->calls_back != (o->parse_callback != NULL) || (o->calls_asked && !o->calls_back))
        return "callbacks that nothing reads";
    if ((pages || poll) && (o->poll_first_ms <= 0 || o->poll_max_ms < o->poll_first_ms))
        return "impossible pauses between polls";
    if (poll && (o->work_ms <= 0 || o->work_max_ms < o->work_ms))
        return "impossible times of work";
    if ((o->query || poll || called) && o->items_max != 1)
        return "several items where one can be asked";
    if (o->omitted && (!pages || o->omitted[0] == '\0'))
        return "misses that are left out of no pages, or for no reason";
    if (o->echo_unsure && !o->alone)
        return "nothing to go by when rows have no echo";
    return NULL;
}

static const char *operation_problem(const struct provider *p, const struct operation *o)
{
    unsigned limited;

    if (o->provider != p)
        return "an operation that belongs to another provider";
    if (!name_valid(o->name) || !o->title || o->title[0] == '\0')
        return "an operation without a proper name or a title";
    if (o->items_max == 0 || o->page_rows == 0 || o->item_bytes_max == 0 ||
        o->answer_bytes_max == 0)
        return "an operation with a limit of 0";
    if (o->price < 0 || o->doubt_ms < 0 || o->deadline_ms < 0)
        return "an operation with a negative price or time";
    if (!o->build_submit || !o->body_begin || !o->body_item || !o->body_end || !o->classify)
        return "an operation that lacks a function";
    if (o->passes > 1 && !o->body_pass)
        return "an operation that does not end its passes";
    const char *problem = limits_problem(o->limits, &limited);
    if (!problem)
        problem = delivery_problem(o);
    if (!problem)
        problem = options_problem(o);
    return problem ? problem : fields_problem(o);
}

/* Also of what becomes of it where rows turn out to have no echo. */
static const char *made_problem(const struct provider *p, const struct operation *made)
{
    const char *problem = operation_problem(p, made);

    if (!problem && made->echo_unsure) {
        struct operation alone = *made;
        if (alone.alone(&alone) != 0 || alone.items_max != 1 || alone.echo_unsure)
            return "an operation that cannot ask one by one";
        problem = operation_problem(p, &alone);
    }
    return problem;
}

/* Every choice that can be made with one option must give a sound operation too. */
static const char *choices_problem(const struct provider *p, const struct operation *o)
{
    struct operation made;
    struct error e = {0};

    for (const struct provider_tier *t = p->tiers; t->name; t++) {
        if (provider_configure(&made, o, t, NULL, 0, &e) != 0)
            return "an operation whose presets contradict each other";
        const char *problem = made_problem(p, &made);
        for (unsigned i = 0; !problem && o->options && o->options[i].name; i++) {
            const char *values = o->options[i].values;
            while (!problem && *values) {
                char text[128];
                size_t len = strcspn(values, "|,");
                const char *option = text;
                snprintf(text, sizeof text, "%s=%.*s", o->options[i].name, (int)len, values);
                if (provider_configure(&made, o, t, &option, 1, &e) == 0)
                    problem = made_problem(p, &made);
                values += len + (values[len] != '\0');
            }
        }
        if (problem)
            return problem;
    }
    return NULL;
}

static const char *facts_problem(const struct provider *p)
{
    if (!name_valid(p->name) || !p->title || p->title[0] == '\0')
        return "no proper name or title";
    if (!p->doc || strncmp(p->doc, "https://", 8) != 0)
        return "no address of the vendor's page";
    if (p->base_url && http_base_problem(slice_of(p->base_url)))
        return "a base address that cannot be used";
    if (!p->key_env || p->key_env[0] == '\0')
        return "no environment variable for the key";
    if (!p->key_header || !http_header_valid(slice_of(p->key_header)) || !p->key_prefix)
        return "no header for the key";
    if ((p->proof == PROOF_TOKEN) != (p->proof_header == NULL) ||
        (p->proof == PROOF_HMAC_SHA256) != (p->secret_env != NULL))
        return "a proof of callbacks that is not whole";
    if (p->live_max == 0 || p->reads_max == 0)
        return "a limit of 0";
    if (!p->build_balance != !p->parse_balance)
        return "half of a balance";
    if (!p->tiers || !p->tiers[0].name)
        return "no tier";
    if (!p->operations || !p->operations[0].name)
        return "no operation";
    return NULL;
}

const char *provider_problem(const struct provider *p)
{
    const char *problem = facts_problem(p);

    for (const struct provider_tier *t = p->tiers; !problem && t->name; t++)
        problem = tier_problem(t);
    for (const struct operation *o = p->operations; !problem && o->name; o++)
        if (!(problem = operation_problem(p, o)))
            problem = choices_problem(p, o);
    return problem;
}
