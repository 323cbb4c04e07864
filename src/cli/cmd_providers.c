/* tranche providers: what can be asked of whom, within which limits, at which price; all of it from
 * the providers' descriptors. */
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/option.h"
#include "provider/provider.h"
#include "report/figure.h"
#include "wire/json_write.h"

#define OUTPUT_MAX ((size_t)1 << 20)

static const char *const class_names[RATE_CLASSES] = {
    [RATE_SUBMIT] = "submit",
    [RATE_READ] = "read",
};

/* "first_name, last_name, domain" between the marks given. */
static void append_fields(struct buf *b, uint32_t set, const char *between, const char *quote)
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
static uint32_t shown_fields(const struct operation *op)
{
    return op->gives & ~FIELD_BIT(RAW);
}

/* --- for people ----------------------------------------------------------------------------- */

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

static void append_operation(struct buf *b, const struct operation *op)
{
    buf_append_format(b, "  %s/%s: %s\n    needs    ", op->provider->name, op->name, op->title);
    for (const uint32_t *set = op->accepts; *set; set++) {
        buf_append_text(b, set == op->accepts ? "" : "; or ");
        append_fields(b, *set, ", ", "");
    }
    buf_append_text(b, "\n    gives    ");
    append_fields(b, shown_fields(op), ", ", "");
    buf_append_text(b, "\n    batch    up to ");
    figure_things(b, op->items_max, "record", "records");
    buf_append_text(b, "\n    price    ");
    figure_amount(b, op->price);
    buf_append_text(b, op->price == 1 ? " credit a record\n" : " credits a record\n");
}

static void append_tier(struct buf *b, const struct provider_tier *t)
{
    buf_append_format(b, "    %-12s", t->name);
    for (enum rate_class class = 0; class < RATE_CLASSES; class ++) {
        size_t start = b->len;
        buf_append_format(b, "%s ", class_names[class]);
        bool first = true;
        for (const struct rate_limit *l = t->limits; l < t->limits + RATE_LIMITS_MAX && l->count;
             l++) {
            if (l->class != class)
                continue;
            buf_append_text(b, first ? "" : ", ");
            append_rate(b, l);
            first = false;
        }
        if (class + 1 < RATE_CLASSES)
            buf_append_format(b, "%*s", b->len - start < 28 ? (int)(28 - (b->len - start)) : 2, "");
    }
    buf_append_char(b, '\n');
}

static void append_provider(struct buf *b, const struct provider *p)
{
    buf_append_format(b, "%s: %s, %s\n", p->name, p->title, p->doc);
    for (const struct operation *op = p->operations; op->name; op++)
        append_operation(b, op);
    buf_append_format(b, "  key: %s, %s_FILE or --key-file\n", p->key_env, p->key_env);
    buf_append_format(b, "  address: %s\n", p->base_url ? p->base_url : "give it with --base-url");
    buf_append_format(b, "  tiers, in requests (--tier; %s unless named):\n", p->tiers->name);
    for (const struct provider_tier *t = p->tiers; t->name; t++)
        append_tier(b, t);
}

/* --- for scripts ---------------------------------------------------------------------------- */

static void json_text(struct buf *b, const char *name, const char *text)
{
    buf_append_format(b, "\"%s\":", name);
    if (text)
        json_write_string(b, slice_of(text));
    else
        buf_append_text(b, "null");
}

static void json_operation(struct buf *b, const struct operation *op)
{
    buf_append_format(b, "{\"name\":\"%s/%s\",", op->provider->name, op->name);
    json_text(b, "title", op->title);
    buf_append_text(b, ",\"accepts\":[");
    for (const uint32_t *set = op->accepts; *set; set++) {
        buf_append_text(b, set == op->accepts ? "[" : ",[");
        append_fields(b, *set, ",", "\"");
        buf_append_char(b, ']');
    }
    buf_append_text(b, "],\"gives\":[");
    append_fields(b, shown_fields(op), ",", "\"");
    buf_append_format(b, "],\"batch_max\":%" PRIu32 ",\"price\":%" PRId64 "}", op->items_max,
                      op->price);
}

static void json_tier(struct buf *b, const struct provider_tier *t)
{
    buf_append_format(b, "{\"name\":\"%s\",\"limits\":[", t->name);
    for (unsigned i = 0; i < RATE_LIMITS_MAX && t->limits[i].count > 0; i++)
        buf_append_format(b, "%s{\"requests\":\"%s\",\"count\":%" PRIu32 ",\"per_ms\":%" PRId64 "}",
                          i > 0 ? "," : "", class_names[t->limits[i].class], t->limits[i].count,
                          t->limits[i].per_ms);
    buf_append_text(b, "]}");
}

static void json_provider(struct buf *b, const struct provider *p)
{
    buf_append_char(b, '{');
    json_text(b, "name", p->name);
    buf_append_char(b, ',');
    json_text(b, "title", p->title);
    buf_append_char(b, ',');
    json_text(b, "doc", p->doc);
    buf_append_char(b, ',');
    json_text(b, "base_url", p->base_url);
    buf_append_char(b, ',');
    json_text(b, "key_env", p->key_env);
    buf_append_text(b, ",\"operations\":[");
    for (const struct operation *op = p->operations; op->name; op++) {
        buf_append_text(b, op == p->operations ? "" : ",");
        json_operation(b, op);
    }
    buf_append_text(b, "],\"tiers\":[");
    for (const struct provider_tier *t = p->tiers; t->name; t++) {
        buf_append_text(b, t == p->tiers ? "" : ",");
        json_tier(b, t);
    }
    buf_append_text(b, "]}");
}

static int providers(struct options *o, struct error *e)
{
    struct buf out;
    bool json = o->json == 1;

    buf_init(&out, OUTPUT_MAX);
    buf_append_text(&out, json ? "[" : "");
    for (const struct provider *const *p = provider_table; *p; p++) {
        if (p != provider_table)
            buf_append_text(&out, json ? "," : "\n");
        if (json)
            json_provider(&out, *p);
        else
            append_provider(&out, *p);
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
    .usage = "[--json]",
    .summary = "operations, their inputs, batch sizes, limits and prices",
    .details = "Lists the operations that -p takes: the fields each needs and gives, the largest "
               "batch, the price of a record, and the rate limits of each tier.\n",
    .run = providers,
};
