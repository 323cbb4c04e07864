/* tranche providers: what can be asked of whom, how the answers come, within which limits, at which
 * price; all of it from the providers' descriptors. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/option.h"
#include "provider/provider.h"
#include "report/figure.h"
#include "wire/json_write.h"

#define OUTPUT_MAX ((size_t)1 << 20)
#define TEXT_SIZE  1024

#define COLUMNS       100
#define WHOM_COLUMN   66 /* where the fields to ask by stand */
#define OPTION_COLUMN 34 /* where an option's text begins */

static const char *const class_names[RATE_CLASSES] = {
    [RATE_SUBMIT] = "submit",
    [RATE_READ] = "read",
};

/* "first_name, last_name, domain" between the marks given. */
static void append_fields(struct buf *b, field_set set, const char *between, const char *quote)
{
    bool first = true;

    for (enum field f = 0; f < FIELD_COUNT; f++) {
        if (!(set >> f & 1))
            continue;
        buf_append_format(b, "%s%s%s%s", first ? "" : between, quote, field_name(f), quote);
        first = false;
    }
}

/* The fields of an answer that the output shows as data: what `--raw` keeps is not one of them. */
static field_set shown_fields(const struct operation *op)
{
    return op->gives & ~FIELD_BIT(RAW);
}

/* The operation with that option ("level=full", or NULL), in that tier. False where they do not go
 * together. */
static bool configured(struct operation *out, const struct operation *op,
                       const struct provider_tier *tier, const char *option)
{
    struct error e = {0};

    return provider_configure(out, op, tier, &option, option ? 1 : 0, &e) == 0;
}

/* The next word of "a|b|c" or "a|b|c,", of which *at is moved behind it; false at the end. */
static bool next_word(const char **at, struct slice *word)
{
    *at += strspn(*at, "|,");
    *word = (struct slice){*at, strcspn(*at, "|,")};
    *at += word->len;
    return word->len > 0;
}

static bool takes_several(const struct operation_option *o)
{
    size_t len = strlen(o->values);

    return len > 0 && o->values[len - 1] == ',';
}

/* --- for people ----------------------------------------------------------------------------- */

/* Fills the line up to that column; two spaces where it is past it. */
static void pad_to(struct buf *b, size_t column)
{
    size_t at = 0;

    while (at < b->len && b->data[b->len - 1 - at] != '\n')
        at++;
    buf_append_format(b, "%*s", at + 2 <= column ? (int)(column - at) : 2, "");
}

/* Words from where the line stands, each further line indented; ends the line. */
static void append_words(struct buf *b, const char *text, size_t indent)
{
    size_t line = 0;

    while (line < b->len && b->data[b->len - 1 - line] != '\n')
        line++;
    if (line + 2 > indent) /* what stands there is too long */
        buf_append_char(b, '\n');
    pad_to(b, indent);
    for (size_t at = indent; *text;) {
        size_t len = strcspn(text, " ");
        bool first = at == indent;
        if (!first && at + 1 + len > COLUMNS) {
            buf_append_format(b, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        buf_append_format(b, "%s%.*s", first ? "" : " ", (int)len, text);
        at += len + !first;
        text += len + (text[len] == ' ');
    }
    buf_append_char(b, '\n');
}

static const char *delivery_words(const struct operation *op)
{
    switch (op->delivery) {
    case DELIVERY_REPLY:
        return op->items_max > 1 ? "bulk reply" : "reply";
    case DELIVERY_PAGES:
        return "batch, fetched";
    case DELIVERY_POLL:
        return "polled";
    case DELIVERY_CALLBACK:
        return "callback";
    }
    return "";
}

static void append_rate(struct buf *b, const struct rate_limit *l)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{1000, "s"}, {60000, "min"}, {3600000, "hour"}, {86400000, "day"}};

    figure_count(b, l->count);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (l->per_ms == units[i].ms) {
            buf_append_format(b, "/%s", units[i].name);
            return;
        }
    }
    buf_append_format(b, " in %" PRId64 " ms", l->per_ms);
}

/* Those that count exactly these classes. */
static void append_rates(struct buf *b, const struct rate_limit *limits, unsigned classes)
{
    bool first = true;

    for (const struct rate_limit *l = limits; l < limits + RATE_LIMITS_MAX && l->count; l++) {
        if (l->classes != classes)
            continue;
        buf_append_text(b, first ? "" : ", ");
        append_rate(b, l);
        first = false;
    }
}

static void append_amount(struct buf *b, int64_t n, int width)
{
    struct buf text;

    buf_init(&text, 64);
    figure_amount(&text, n);
    buf_append_format(b, "%*s", width, buf_text(&text));
    buf_deinit(&text);
}

/* Takes the words off the front that fit into so many columns. */
static struct slice cut_line(const char **text, size_t columns)
{
    struct slice line = {*text, 0};

    while (line.data[line.len]) {
        size_t word = strcspn(line.data + line.len + (line.len > 0), " ") + (line.len > 0);
        if (line.len > 0 && line.len + word > columns)
            break;
        line.len += word;
    }
    *text += line.len + (line.data[line.len] == ' ');
    return line;
}

/* Under its name stands what it is, beside the sets of fields it can be asked by. */
static void append_operation(struct buf *b, const struct operation *op)
{
    const char *title = op->title;
    struct operation made;

    if (!configured(&made, op, op->provider->tiers, NULL))
        made = *op;
    char name[64];
    snprintf(name, sizeof name, "%s/%s", made.provider->name, made.name);
    buf_append_format(b, "  %-26s", name);
    append_amount(b, made.price, 7);
    append_amount(b, made.items_max, 10);
    buf_append_format(b, "   %-14s", delivery_words(&made));
    for (const field_set *set = made.accepts; *set || *title; set += *set != 0) {
        if (set != made.accepts) {
            struct slice line = cut_line(&title, WHOM_COLUMN - 8);
            buf_append_format(b, "    %.*s", SLICE_ARG(line));
        }
        if (*set) {
            pad_to(b, set == made.accepts ? WHOM_COLUMN : WHOM_COLUMN - 3);
            buf_append_text(b, set == made.accepts ? "" : "or ");
            append_fields(b, *set, ", ", "");
        }
        buf_append_char(b, '\n');
    }
}

/* " Credits: email 1, phone 10, both 11." where they differ. */
static void append_prices(struct buf *b, const struct operation *op,
                          const struct operation_option *o)
{
    const char *at = o->values;
    struct operation made;
    struct slice word;
    struct buf prices;
    int64_t first = -1;
    bool differ = false;
    char text[128];

    buf_init(&prices, TEXT_SIZE);
    while (next_word(&at, &word)) {
        snprintf(text, sizeof text, "%s=%.*s", o->name, SLICE_ARG(word));
        if (!configured(&made, op, op->provider->tiers, text))
            continue;
        differ = differ || (first >= 0 && made.price != first);
        buf_append_format(&prices, "%s%.*s ", first >= 0 ? ", " : "", SLICE_ARG(word));
        figure_amount(&prices, made.price);
        first = made.price;
    }
    if (differ)
        buf_append_format(b, ". Credits: %s", buf_text(&prices));
    buf_deinit(&prices);
}

/* "what to find (email unless set). Credits: ..." */
static void describe_option(struct buf *b, const struct operation *op,
                            const struct operation_option *o)
{
    buf_append_text(b, o->help);
    if (o->preset[0])
        buf_append_format(b, " (%s unless set)", o->preset);
    append_prices(b, op, o);
}

/* Whether that operation has an option in the very same words. */
static bool has_same(const struct operation *op, const struct operation_option *o,
                     struct slice text)
{
    bool same = false;
    struct buf other;

    buf_init(&other, TEXT_SIZE);
    for (const struct operation_option *p = op->options; p && p->name && !same; p++) {
        buf_reset(&other);
        describe_option(&other, op, p);
        same = strcmp(p->name, o->name) == 0 && strcmp(p->values, o->values) == 0 &&
               slice_eq(buf_slice(&other), text);
    }
    buf_deinit(&other);
    return same;
}

/* Once for all operations that have it: at the first of them. */
static void append_option(struct buf *b, const struct operation *op,
                          const struct operation_option *o)
{
    const struct provider *p = op->provider;
    struct buf text, of;
    bool all = true;

    buf_init(&text, TEXT_SIZE);
    buf_init(&of, TEXT_SIZE);
    describe_option(&text, op, o);
    for (const struct operation *other = p->operations; other->name; other++) {
        bool same = has_same(other, o, buf_slice(&text));
        if (same && other < op)
            goto done;
        all = all && same;
        if (same)
            buf_append_format(&of, "%s%s", of.len > 0 ? ", " : "", other->name);
    }
    buf_append_format(b, "  %s=%s%s", o->name, o->values[0] ? o->values : "TEXT",
                      takes_several(o) ? "..." : "");
    if (!all)
        buf_append_format(&text, ". Of %s", buf_text(&of));
    append_words(b, buf_text(&text), OPTION_COLUMN);
done:
    buf_deinit(&text);
    buf_deinit(&of);
}

static void append_options(struct buf *b, const struct provider *p)
{
    bool titled = false;

    for (const struct operation *op = p->operations; op->name; op++) {
        for (const struct operation_option *o = op->options; o && o->name; o++) {
            if (!titled)
                buf_append_text(b, "\n  OPTION (--set)\n");
            titled = true;
            append_option(b, op, o);
        }
    }
}

static void append_gives(struct buf *b, const struct provider *p)
{
    struct buf fields;

    buf_init(&fields, TEXT_SIZE);
    buf_append_format(b, "\n  %-18s%s\n", "OPERATION", "GIVES");
    for (const struct operation *op = p->operations; op->name; op++) {
        buf_reset(&fields);
        append_fields(&fields, shown_fields(op), ", ", "");
        buf_append_format(b, "  %s", op->name);
        append_words(b, buf_text(&fields), 20);
    }
    buf_deinit(&fields);
}

/* What the operations' own limits are in the tier: once where they are the same for all. */
static void append_own_rates(struct buf *b, const struct provider *p, const struct provider_tier *t)
{
    struct buf first, other;
    struct operation made;
    bool same = true;

    buf_init(&first, TEXT_SIZE);
    buf_init(&other, TEXT_SIZE);
    for (const struct operation *op = p->operations; op->name; op++) {
        struct buf *into = op == p->operations ? &first : &other;
        buf_reset(into);
        if (configured(&made, op, t, NULL))
            append_rates(into, made.limits, RATE_BIT(RATE_SUBMIT));
        same = same && (into == &first || slice_eq(buf_slice(&first), buf_slice(&other)));
    }
    if (same)
        buf_append_slice(b, buf_slice(&first));
    for (const struct operation *op = p->operations; !same && op->name; op++) {
        if (!configured(&made, op, t, NULL) || made.limits[0].count == 0)
            continue;
        buf_append_format(b, "%s%s ", op == p->operations ? "" : "; ", op->name);
        append_rates(b, made.limits, RATE_BIT(RATE_SUBMIT));
    }
    buf_deinit(&first);
    buf_deinit(&other);
}

/* What was appended since `start`, or a hyphen for nothing; then spaces up to the column. */
static void end_cell(struct buf *b, size_t start, size_t column)
{
    if (b->len == start)
        buf_append_char(b, '-');
    pad_to(b, column);
}

static void append_tier(struct buf *b, const struct provider *p, const struct provider_tier *t)
{
    size_t start;

    buf_append_format(b, "  %-18s", t->name);
    start = b->len;
    append_rates(b, t->limits, RATE_ALL);
    end_cell(b, start, 46);
    start = b->len;
    append_rates(b, t->limits, RATE_BIT(RATE_SUBMIT));
    append_own_rates(b, p, t);
    end_cell(b, start, 78);
    if (t->items_max > 0) {
        figure_count(b, t->items_max);
        buf_append_text(b, " a batch");
    }
    if (t->slots > 0) {
        buf_append_format(b, "%u, and ", t->slots);
        figure_count(b, t->queue_max);
        buf_append_text(b, " wait");
    }
    while (b->len > 0 && b->data[b->len - 1] == ' ')
        b->len--;
    buf_append_char(b, '\n');
}

static void append_provider(struct buf *b, const struct provider *p, bool whole)
{
    buf_append_format(b, "%s: %s, %s\n", p->name, p->title, p->doc);
    buf_append_format(b, "  key %s or %s_FILE; address %s\n\n", p->key_env, p->key_env,
                      p->base_url ? p->base_url : "none, give it with --base-url");
    buf_append_format(b, "  %-26s%7s%10s   %-14s", "OPERATION", "CREDITS", "BATCH", "ANSWERED");
    pad_to(b, WHOM_COLUMN);
    buf_append_text(b, "ASKED BY\n");
    for (const struct operation *op = p->operations; op->name; op++)
        append_operation(b, op);
    append_options(b, p);
    if (whole)
        append_gives(b, p);
    buf_append_format(b, "\n  %-18s%-26s%-32s%s\n", "TIER (--tier)", "REQUESTS", "SUBMISSIONS",
                      "RECORDS AT ONCE");
    for (const struct provider_tier *t = p->tiers; t->name; t++)
        append_tier(b, p, t);
}

/* --- for scripts ---------------------------------------------------------------------------- */

static const char *const delivery_names[] = {
    [DELIVERY_REPLY] = "reply",
    [DELIVERY_PAGES] = "pages",
    [DELIVERY_POLL] = "poll",
    [DELIVERY_CALLBACK] = "callback",
};

static void json_text(struct buf *b, bool *first, const char *name, const char *text)
{
    json_write_key(b, first, name);
    if (text)
        json_write_string(b, slice_of(text));
    else
        buf_append_text(b, "null");
}

static void json_limits(struct buf *b, bool *first, const struct rate_limit *limits)
{
    json_write_key(b, first, "limits");
    buf_append_char(b, '[');
    for (unsigned i = 0; i < RATE_LIMITS_MAX && limits[i].count > 0; i++) {
        bool inner = true;
        buf_append_text(b, i > 0 ? ",{\"requests\":[" : "{\"requests\":[");
        for (enum rate_class class = 0; class < RATE_CLASSES; class ++) {
            if (!(limits[i].classes & RATE_BIT(class)))
                continue;
            buf_append_format(b, "%s\"%s\"", inner ? "" : ",", class_names[class]);
            inner = false;
        }
        buf_append_format(b, "],\"count\":%" PRIu32 ",\"per_ms\":%" PRId64 "}", limits[i].count,
                          limits[i].per_ms);
    }
    buf_append_char(b, ']');
}

/* What changes with options and tiers. */
static void json_form(struct buf *b, bool *first, const struct operation *made)
{
    json_write_member_i64(b, first, "price", made->price);
    json_write_member_i64(b, first, "batch_max", made->items_max);
    json_text(b, first, "delivery", delivery_names[made->delivery]);
}

static void json_option(struct buf *b, const struct operation *op, const struct operation_option *o)
{
    const char *at = o->values, *between = "";
    struct operation made;
    struct slice word;
    bool first = true;
    char text[128];

    buf_append_char(b, '{');
    json_text(b, &first, "name", o->name);
    json_text(b, &first, "help", o->help);
    json_text(b, &first, "preset", o->preset);
    json_write_member_bool(b, &first, "several", takes_several(o));
    json_write_key(b, &first, "values");
    buf_append_char(b, '[');
    while (next_word(&at, &word)) {
        bool inner = true;
        snprintf(text, sizeof text, "%s=%.*s", o->name, SLICE_ARG(word));
        buf_append_format(b, "%s{", between);
        json_write_member_string(b, &inner, "value", word);
        if (configured(&made, op, op->provider->tiers, text))
            json_form(b, &inner, &made);
        buf_append_char(b, '}');
        between = ",";
    }
    buf_append_text(b, "]}");
}

static void json_field_sets(struct buf *b, bool *first, const struct operation *op)
{
    json_write_key(b, first, "accepts");
    buf_append_char(b, '[');
    for (const field_set *set = op->accepts; *set; set++) {
        buf_append_text(b, set == op->accepts ? "[" : ",[");
        append_fields(b, *set, ",", "\"");
        buf_append_char(b, ']');
    }
    buf_append_char(b, ']');
    json_write_key(b, first, "gives");
    buf_append_char(b, '[');
    append_fields(b, shown_fields(op), ",", "\"");
    buf_append_char(b, ']');
}

static void json_operation(struct buf *b, const struct operation *op)
{
    const struct provider *p = op->provider;
    struct operation made;
    bool first = true;
    char name[128];

    if (!configured(&made, op, p->tiers, NULL))
        made = *op;
    snprintf(name, sizeof name, "%s/%s", p->name, op->name);
    buf_append_char(b, '{');
    json_text(b, &first, "name", name);
    json_text(b, &first, "title", made.title);
    json_form(b, &first, &made);
    json_write_member_bool(b, &first, "calls_back", made.calls_back);
    json_field_sets(b, &first, &made);
    json_write_key(b, &first, "options");
    buf_append_char(b, '[');
    for (const struct operation_option *o = op->options; o && o->name; o++) {
        buf_append_text(b, o == op->options ? "" : ",");
        json_option(b, op, o);
    }
    buf_append_char(b, ']');
    json_write_key(b, &first, "tiers");
    buf_append_char(b, '[');
    for (const struct provider_tier *t = p->tiers; t->name; t++) {
        bool inner = true;
        if (!configured(&made, op, t, NULL))
            continue;
        buf_append_text(b, t == p->tiers ? "{" : ",{");
        json_text(b, &inner, "name", t->name);
        json_form(b, &inner, &made);
        json_limits(b, &inner, made.limits);
        buf_append_char(b, '}');
    }
    buf_append_text(b, "]}");
}

static void json_tier(struct buf *b, const struct provider_tier *t)
{
    bool first = true;

    buf_append_char(b, '{');
    json_text(b, &first, "name", t->name);
    json_limits(b, &first, t->limits);
    json_write_member_i64(b, &first, "slots", t->slots);
    json_write_member_i64(b, &first, "queue", t->queue_max);
    buf_append_char(b, '}');
}

static void json_provider(struct buf *b, const struct provider *p)
{
    bool first = true;

    buf_append_char(b, '{');
    json_text(b, &first, "name", p->name);
    json_text(b, &first, "title", p->title);
    json_text(b, &first, "doc", p->doc);
    json_text(b, &first, "base_url", p->base_url);
    json_text(b, &first, "key_env", p->key_env);
    json_text(b, &first, "secret_env", p->secret_env);
    json_write_member_bool(b, &first, "balance", p->build_balance != NULL);
    json_write_key(b, &first, "operations");
    buf_append_char(b, '[');
    for (const struct operation *op = p->operations; op->name; op++) {
        buf_append_text(b, op == p->operations ? "" : ",");
        json_operation(b, op);
    }
    buf_append_char(b, ']');
    json_write_key(b, &first, "tiers");
    buf_append_char(b, '[');
    for (const struct provider_tier *t = p->tiers; t->name; t++) {
        buf_append_text(b, t == p->tiers ? "" : ",");
        json_tier(b, t);
    }
    buf_append_text(b, "]}");
}

/* --- the command ---------------------------------------------------------------------------- */

static int providers(struct options *o, struct error *e)
{
    const char *name = o->operands[0];
    const struct provider *only = name ? provider_find(slice_of(name)) : NULL;
    bool json = o->json == 1, first = true;
    struct buf out;

    if (name && !only)
        return error_set(e, ERR_USAGE, "there is no provider '%s'; tranche providers lists them",
                         name);
    buf_init(&out, OUTPUT_MAX);
    buf_append_text(&out, json ? "[" : "");
    for (const struct provider *const *p = provider_table; *p; p++) {
        if (only && *p != only)
            continue;
        if (!first)
            buf_append_text(&out, json ? "," : "\n");
        first = false;
        if (json)
            json_provider(&out, *p);
        else
            append_provider(&out, *p, only != NULL);
    }
    buf_append_text(&out, json ? "]\n" : "");
    if (out.failed)
        error_set(e, ERR_INTERNAL, "no memory");
    else
        fwrite(out.data, 1, out.len, stdout);
    buf_deinit(&out);
    return e->code != 0 ? error_exit_status(e->code) : 0;
}

const struct command cmd_providers = {
    .id = COMMAND_PROVIDERS,
    .name = "providers",
    .usage = "[PROVIDER] [--json]",
    .summary = "operations, their inputs, options, limits and prices",
    .details =
        "Lists the operations that -p takes: the credits of a record at most, the largest batch, "
        "how "
        "the answers come, and the fields a record must have, one line for each set that will do; "
        "then the options for --set, and the limits of each tier. For one PROVIDER also the fields "
        "that its operations give.\n",
    .operands = {"PROVIDER"},
    .run = providers,
};
