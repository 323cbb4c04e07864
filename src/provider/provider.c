/* Knows which vendors there are, and what is true of every one of them.
 *
 * Failures are ERR_USAGE with the names there are, because all lookups come from the command line
 * or a configuration file. No state; any thread. */
#include "provider/provider.h"

#include <stdio.h>
#include <string.h>

#define ALL_FIELDS (((uint32_t)1 << FIELD_COUNT) - 1)
#define NAMES_LEN  512

extern const struct provider enrichso_provider;

const struct provider *const provider_table[] = {
    &enrichso_provider,
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

static const char *tier_problem(const struct provider_tier *t)
{
    bool limited[RATE_CLASSES] = {false};
    unsigned i;

    if (!name_valid(t->name))
        return "a tier without a proper name";
    for (i = 0; i < RATE_LIMITS_MAX && t->limits[i].count > 0; i++) {
        if ((unsigned)t->limits[i].class >= RATE_CLASSES)
            return "a limit of an unknown class";
        if (t->limits[i].per_ms <= 0)
            return "a limit without a time";
        limited[t->limits[i].class] = true;
    }
    if (i == RATE_LIMITS_MAX)
        return "more limits than a tier has room for";
    for (i = 0; i < RATE_CLASSES; i++)
        if (!limited[i])
            return "a tier that does not limit every class of requests";
    return NULL;
}

static const char *fields_problem(const struct operation *o)
{
    if (!o->accepts || o->accepts[0] == 0)
        return "an operation that accepts no fields";
    if (o->echoes == 0 || (o->echoes & ~ALL_FIELDS))
        return "an operation with an unknown echo, or none";
    for (const uint32_t *set = o->accepts; *set; set++) {
        if (*set & ~ALL_FIELDS)
            return "an operation that accepts an unknown field";
        /* The identity is hashed from the echoed fields: every question must have them. */
        if (o->echoes & ~*set)
            return "an operation that accepts a question without the fields of its identity";
    }
    if (o->gives == 0 || (o->gives & ~ALL_FIELDS))
        return "an operation that gives unknown fields, or none";
    return NULL;
}

static const char *operation_problem(const struct provider *p, const struct operation *o)
{
    if (o->provider != p)
        return "an operation that belongs to another provider";
    if (!name_valid(o->name) || !o->title || o->title[0] == '\0')
        return "an operation without a proper name or a title";
    if (o->items_max == 0 || o->page_rows == 0 || o->item_bytes_max == 0 ||
        o->answer_bytes_max == 0)
        return "an operation with a limit of 0";
    if (o->price < 0)
        return "an operation with a negative price";
    if (o->poll_first_ms <= 0 || o->poll_max_ms < o->poll_first_ms || o->doubt_ms < 0)
        return "an operation with impossible times";
    if (!o->build_submit || !o->body_begin || !o->body_item || !o->body_end || !o->build_poll ||
        !o->build_page)
        return "an operation that cannot build all its requests";
    if (!o->check || !o->parse_submit || !o->parse_poll || !o->parse_page || !o->classify)
        return "an operation that lacks a function";
    return fields_problem(o);
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
    if (!p->key_header || !http_header_valid(slice_of(p->key_header)))
        return "no header for the key";
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
        problem = operation_problem(p, o);
    return problem;
}
