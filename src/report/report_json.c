/* Writes the snapshot of a run as JSON and reads it back.
 *
 * 1. One table names the members; writer and reader both walk it, so that neither knows one that
 * the other does not.
 * 2. Every member is always written: a script need not ask whether it is there.
 *
 * Pure but for the buffer and arena it is given; any thread. */
#include <string.h>

#include "base/clock.h"
#include "report/report.h"
#include "wire/json.h"
#include "wire/json_write.h"

#define JSON_DEPTH 16 /* of status.json: three are used */

enum member_kind {
    TEXT,     /* const char *; "" for NULL */
    FLAG,     /* bool */
    TIME,     /* int64_t: as NAME in RFC 3339 and NAME_ms */
    COUNT,    /* uint64_t */
    SMALL,    /* unsigned */
    CREDITS,  /* int64_t */
    CREDITS_, /* int64_t; -1 is null */
    OUTCOMES, /* the counts under their names */
    TOTAL,    /* what follows has no place of its own: it is worked out */
    RATE,
    ETA,
    EXIT,
};

static const struct member {
    const char *group; /* the object it is in; NULL: the outermost */
    const char *name;
    enum member_kind kind;
    size_t offset;
} members[] = {
#define AT(field) offsetof(struct report, field)
    {NULL, "state", TEXT, AT(state)},
    {NULL, "waiting_for", TEXT, AT(waiting)},
    {NULL, "list", TEXT, AT(list)},
    {NULL, "output", TEXT, AT(output)},
    {NULL, "run_dir", TEXT, AT(run_dir)},
    {NULL, "operation", TEXT, AT(operation)},
    {NULL, "provider", TEXT, AT(provider_title)},
    {NULL, "sandbox", FLAG, AT(sandbox)},
    {NULL, "started", TIME, AT(started_ms)},
    {NULL, "updated", TIME, AT(now_ms)},
    {"records", "read", COUNT, AT(records)},
    {"records", "whole", FLAG, AT(list_whole)},
    {"records", "total", TOTAL, 0},
    {"records", "valid", COUNT, AT(valid)},
    {"records", "duplicates", COUNT, AT(duplicates)},
    {"records", "answered", COUNT, AT(answered)},
    {"records", "answered_before", COUNT, AT(answered_before)},
    {"records", "emitted", COUNT, AT(emitted)},
    {"list_bytes", "read", COUNT, AT(list_bytes_done)},
    {"list_bytes", "total", COUNT, AT(list_bytes)},
    {NULL, "outcomes", OUTCOMES, 0},
    {"batches", "total", SMALL, AT(batches)},
    {"batches", "done", SMALL, AT(batches_done)},
    {"batches", "live", SMALL, AT(batches_live)},
    {"batches", "waiting", SMALL, AT(batches_waiting)},
    {"batches", "in_doubt", SMALL, AT(batches_in_doubt)},
    {"batches", "stray_callbacks", SMALL, AT(strays)},
    {"credits", "spent", CREDITS, AT(spent)},
    {"credits", "reserved", CREDITS, AT(reserved)},
    {"credits", "balance", CREDITS_, AT(balance)},
    {"credits", "cap", CREDITS_, AT(cap)},
    {"credits", "priced", CREDITS, AT(priced)},
    {"requests", "sent", COUNT, AT(requests)},
    {"requests", "repeated", COUNT, AT(retries)},
    {"requests", "throttled", COUNT, AT(throttled)},
    {"requests", "failed", COUNT, AT(failures)},
    {NULL, "output_bytes", COUNT, AT(output_bytes)},
    {NULL, "rate_per_s", RATE, 0},
    {NULL, "eta_s", ETA, 0},
    {NULL, "exit_status", EXIT, 0},
    {NULL, "problem", TEXT, AT(problem)},
    {NULL, "advice", TEXT, AT(advice)},
#undef AT
};
#define MEMBER_COUNT (sizeof(members) / sizeof(*members))

static void write_time(struct buf *out, bool *first, const char *name, int64_t ms)
{
    char text[21];
    char name_ms[32];

    clock_format_utc(ms, text);
    json_write_member_string(out, first, name, slice_of(text));
    snprintf(name_ms, sizeof(name_ms), "%s_ms", name);
    json_write_member_i64(out, first, name_ms, ms);
}

static void write_number_or_null(struct buf *out, bool known, int64_t number)
{
    if (known)
        buf_append_i64(out, number);
    else
        buf_append_text(out, "null");
}

static void write_outcomes(const struct report *r, struct buf *out)
{
    bool first = true;

    buf_append_char(out, '{');
    for (unsigned i = 1; i < REPORT_OUTCOMES; i++) {
        if (!r->outcome_names[i])
            continue;
        json_write_key(out, &first, r->outcome_names[i]);
        buf_append_u64(out, r->outcomes[i]);
    }
    buf_append_char(out, '}');
}

/* Thousandths are enough, and keep the text short. */
static void write_rate(const struct report *r, struct buf *out)
{
    json_write_double(out, (double)(int64_t)(report_rate(r) * 1000 + 0.5) / 1000);
}

static void write_value(const struct report *r, const struct member *m, struct buf *out)
{
    const void *at = (const char *)r + m->offset;
    int64_t eta_ms;

    switch (m->kind) {
    case TEXT:
        json_write_string(out, slice_of(*(const char *const *)at));
        break;
    case FLAG:
        buf_append_text(out, *(const bool *)at ? "true" : "false");
        break;
    case COUNT:
        buf_append_u64(out, *(const uint64_t *)at);
        break;
    case SMALL:
        buf_append_u64(out, *(const unsigned *)at);
        break;
    case CREDITS:
        buf_append_i64(out, *(const int64_t *)at);
        break;
    case CREDITS_:
        write_number_or_null(out, *(const int64_t *)at >= 0, *(const int64_t *)at);
        break;
    case OUTCOMES:
        write_outcomes(r, out);
        break;
    case TOTAL:
        write_number_or_null(out, report_total(r) > 0 || r->list_whole, (int64_t)report_total(r));
        break;
    case RATE:
        write_rate(r, out);
        break;
    case ETA:
        eta_ms = report_eta_ms(r);
        write_number_or_null(out, eta_ms >= 0, (eta_ms + 999) / 1000);
        break;
    case EXIT:
        write_number_or_null(out, report_has_ended(r) && r->exit_status >= 0, r->exit_status);
        break;
    case TIME: /* two members: written by the caller */
        break;
    }
}

static bool same_group(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

void report_json(const struct report *r, struct buf *out)
{
    const char *group = NULL;
    bool first = true; /* member of the object that is open */

    buf_append_char(out, '{');
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        const struct member *m = &members[i];
        if (!same_group(group, m->group)) {
            if (group) {
                buf_append_char(out, '}');
                first = false;
            }
            if (m->group) {
                json_write_key(out, &first, m->group);
                buf_append_char(out, '{');
                first = true;
            }
            group = m->group;
        }
        if (m->kind == TIME) {
            write_time(out, &first, m->name, *(const int64_t *)((const char *)r + m->offset));
            continue;
        }
        json_write_key(out, &first, m->name);
        write_value(r, m, out);
    }
    buf_append_text(out, group ? "}}\n" : "}\n");
}

static const char *read_text(struct json_value v, struct arena *a)
{
    struct slice text;

    return json_string(v, &text) ? arena_text(a, text) : "";
}

static bool read_outcomes(struct report *r, struct json_value object, struct arena *a)
{
    struct json_walk w;
    unsigned i = 1;

    for (bool more = json_walk_begin(&w, object); more && i < REPORT_OUTCOMES;
         more = json_walk_next(&w), i++) {
        int64_t count = 0;
        r->outcome_names[i] = arena_text(a, w.key);
        if (!r->outcome_names[i])
            return false;
        if (json_int(w.value, &count) && count > 0)
            r->outcomes[i] = (uint64_t)count;
    }
    return true;
}

/* False without memory. */
static bool read_value(struct report *r, const struct member *m, struct json_value v,
                       struct arena *a)
{
    void *at = (char *)r + m->offset;
    int64_t number = 0;
    bool is_number = json_int(v, &number);
    uint64_t count = is_number && number > 0 ? (uint64_t)number : 0;

    switch (m->kind) {
    case TEXT:
        return (*(const char **)at = read_text(v, a)) != NULL;
    case FLAG:
        json_bool(v, at);
        break;
    case COUNT:
        *(uint64_t *)at = count;
        break;
    case SMALL:
        *(unsigned *)at = count > UINT32_MAX ? UINT32_MAX : (unsigned)count;
        break;
    case TIME:
    case CREDITS:
        *(int64_t *)at = number;
        break;
    case CREDITS_:
        *(int64_t *)at = is_number ? number : -1;
        break;
    case OUTCOMES:
        return read_outcomes(r, v, a);
    case EXIT:
        r->exit_status = number >= 0 && number <= 255 ? (int)number : 0;
        break;
    case TOTAL:
    case RATE:
    case ETA:
        break;
    }
    return true;
}

static bool find_member(struct json_value root, const struct member *m, struct json_value *v)
{
    char name[32];
    struct json_value object = root;

    if (m->group && !json_get(root, m->group, &object))
        return false;
    snprintf(name, sizeof(name), "%s%s", m->name, m->kind == TIME ? "_ms" : "");
    return json_get(object, name, v);
}

static int read_members(struct report *r, struct json_value root, struct arena *a, struct error *e)
{
    struct json_value v;

    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        if (members[i].kind == TEXT)
            *(const char **)((char *)r + members[i].offset) = "";
        if (find_member(root, &members[i], &v) && !read_value(r, &members[i], v, a))
            return error_set(e, ERR_INTERNAL, "out of memory");
    }
    return 0;
}

int report_json_parse(struct report *r, struct slice json, struct arena *a, struct error *e)
{
    struct json_value root;
    struct json *j = json_create(JSON_DEPTH);

    *r = (struct report){.balance = -1, .cap = -1};
    if (!j)
        return error_set(e, ERR_INTERNAL, "out of memory");
    int code = json_parse(j, json, &root, e);
    if (code == 0 && json_type(root) != JSON_OBJECT)
        code = error_set(e, ERR_DATA, "not the status of a run");
    if (code == 0)
        code = read_members(r, root, a, e);
    json_destroy(j);
    return code;
}
