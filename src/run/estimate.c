/* tranche plan: what a run would do, cost and take. Reads the list to its end and sends nothing. */
#include "run/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "record/dedupe.h"
#include "record/mapping.h"
#include "report/figure.h"
#include "run/home.h"
#include "run/question.h"
#include "sched/rate.h"
#include "wire/json_write.h"

/* Reasons for invalid records that are counted apart. */
#define REASONS_MAX 12

struct reason {
    char text[80]; /* up to the offending value */
    uint64_t count;
    uint64_t record, line; /* the first */
};

struct estimate {
    struct question question;
    struct dedupe *dedupe;
    uint64_t records, valid, duplicates, invalid;
    struct reason reasons[REASONS_MAX];
    unsigned reason_count;
    uint64_t other;
    uint64_t not_utf8; /* among the invalid */
};

static void count_reason(struct estimate *s, const struct list_row *row, const char *text)
{
    /* "email is not an address: jane@" and its like are one reason: what stands before the value.
     */
    const char *colon = strchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);
    if (len >= sizeof s->reasons[0].text)
        len = sizeof s->reasons[0].text - 1;
    for (unsigned i = 0; i < s->reason_count; i++) {
        if (strlen(s->reasons[i].text) == len && memcmp(s->reasons[i].text, text, len) == 0) {
            s->reasons[i].count++;
            return;
        }
    }
    if (s->reason_count == REASONS_MAX) {
        s->other++;
        return;
    }
    struct reason *r = &s->reasons[s->reason_count++];
    memcpy(r->text, text, len);
    r->text[len] = '\0';
    r->count = 1;
    r->record = row->record;
    r->line = row->line;
}

static int on_row(void *arg, const struct list_row *row, struct error *e)
{
    struct estimate *s = arg;
    struct identity id;
    const char *reason;
    s->records++;
    if (!question_ask(&s->question, row, &id, &reason)) {
        s->invalid++;
        s->not_utf8 += strncmp(reason, "not UTF-8", 9) == 0;
        count_reason(s, row, reason);
        return 0;
    }
    s->valid++;
    uint32_t first = dedupe_add(s->dedupe, id, (uint32_t)row->record);
    if (first == 0) {
        *e = *dedupe_error(s->dedupe);
        return e->code;
    }
    s->duplicates += first != row->record;
    return 0;
}

/* Least time for so many requests within all limits. *binding: the limit that makes it so. */
static int64_t time_for(const struct setup *setup, uint64_t submits, uint64_t reads,
                        const struct rate_limit **binding)
{
    int64_t longest = 0;
    for (unsigned i = 0; i < setup->limit_count; i++) {
        const struct rate_limit *l = &setup->limits[i];
        uint64_t requests = ((l->classes & RATE_BIT(RATE_SUBMIT)) ? submits : 0) +
                            ((l->classes & RATE_BIT(RATE_READ)) ? reads : 0);
        if (requests == 0)
            continue;
        int64_t takes = (int64_t)((requests - 1) / l->count) * l->per_ms;
        if (takes > longest) {
            longest = takes;
            *binding = l;
        }
    }
    return longest;
}

/* Requests that are not submissions: polls, result pages. */
static uint64_t reads_of(const struct operation *op, uint64_t batches, uint64_t pages)
{
    switch (op->delivery) {
    case DELIVERY_PAGES:
        return batches + pages;
    case DELIVERY_POLL:
        return batches + batches / 2; /* half of them are asked for twice */
    case DELIVERY_REPLY:
    case DELIVERY_CALLBACK:
        break;
    }
    return 0;
}

struct figures {
    uint64_t asked, batches, pages, batch_items;
    int64_t credits;
    int64_t time_ms;
    char binding[64]; /* "" when no limit binds */
    bool capped;      /* --max-credits lets not all go */
};

static void figure(const struct estimate *s, const struct setup *setup, struct figures *f)
{
    const struct operation *op = setup->operation;
    const struct rate_limit *binding = NULL;
    memset(f, 0, sizeof *f);
    f->asked = s->valid - s->duplicates;
    f->batch_items = setup->batch_items;
    f->credits = (int64_t)f->asked * setup->price;
    if (setup->max_credits != INT64_MAX && f->credits > setup->max_credits) {
        f->capped = true;
        f->asked = setup->price > 0 ? (uint64_t)(setup->max_credits / setup->price) : f->asked;
        f->credits = (int64_t)f->asked * setup->price;
    }
    f->batches = (f->asked + setup->batch_items - 1) / setup->batch_items;
    if (op->delivery == DELIVERY_PAGES && f->asked > 0)
        f->pages = f->batches + (f->asked - 1) / op->page_rows;
    f->time_ms = time_for(setup, f->batches, reads_of(op, f->batches, f->pages), &binding);
    if (binding != NULL) {
        char rate[40];
        rate_format(binding->count, binding->per_ms * setup->clock_speed, rate);
        snprintf(f->binding, sizeof f->binding, "%s %s", rate,
                 binding->classes == RATE_BIT(RATE_SUBMIT) ? "submissions" : "requests");
    }
    if (setup->slots > 0) {
        int64_t work = (int64_t)(f->batches / setup->slots) * op->work_ms;
        if (work > f->time_ms) {
            f->time_ms = work;
            snprintf(f->binding, sizeof f->binding, "%u records at once", setup->slots);
        }
    }
}

/* The fields that the operation asks about, and those which they may be made of. */
static field_set used_fields(const struct operation *op)
{
    field_set used = 0;
    for (const field_set *set = op->accepts; *set != 0; set++)
        used |= *set;
    if (used & FIELD_BIT(DOMAIN))
        used |= FIELD_BIT(EMAIL);
    if (used & (FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME)))
        used |= FIELD_BIT(FULL_NAME);
    if (used & FIELD_BIT(FULL_NAME))
        used |= FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME);
    return used;
}

/* "first_name <- Vorname, domain <- Website (not used: company <- Firma)" */
static void put_columns(struct buf *b, const struct operation *op, const struct mapping *m,
                        const struct slice *names)
{
    struct mapping used = *m, spare = *m;
    field_set fields = used_fields(op);
    bool any_spare = false;
    for (int f = 0; f < FIELD_COUNT; f++) {
        bool is_used = (fields >> f & 1) != 0;
        any_spare = any_spare || (!is_used && m->column[f] >= 0);
        *(is_used ? &spare.column[f] : &used.column[f]) = -1;
    }
    mapping_print(&used, names, b);
    if (any_spare) {
        buf_append_text(b, " (not used: ");
        mapping_print(&spare, names, b);
        buf_append_char(b, ')');
    }
}

static void put_count(struct buf *b, const char *label, uint64_t n, const char *more)
{
    buf_append_format(b, "  %-13s", label);
    figure_count(b, n);
    buf_append_text(b, more);
    buf_append_char(b, '\n');
}

static void put_reasons(struct buf *b, const struct estimate *s)
{
    for (unsigned i = 0; i < s->reason_count; i++) {
        const struct reason *r = &s->reasons[i];
        size_t start = b->len;
        buf_append_text(b, "      ");
        figure_count(b, r->count);
        int pad = b->len - start < 14 ? (int)(14 - (b->len - start)) : 0;
        buf_append_format(b, "%*s %s (first: record ", pad, "", r->text);
        figure_count(b, r->record);
        buf_append_text(b, ", line ");
        figure_count(b, r->line);
        buf_append_text(b, ")\n");
    }
    if (s->other > 0) {
        buf_append_text(b, "      ");
        figure_count(b, s->other);
        buf_append_text(b, " for other reasons\n");
    }
}

static void put_records(struct buf *b, const struct estimate *s)
{
    put_count(b, "records", s->records, "");
    put_count(b, "  valid", s->valid, "");
    put_count(b, "  duplicates", s->duplicates,
              s->duplicates > 0 ? " of the valid ones: not sent, they share the first one's answer"
                                : "");
    put_count(b, "  invalid", s->invalid, "");
    put_reasons(b, s);
}

static void put_cost(struct buf *b, const struct setup *setup, const struct figures *f)
{
    buf_append_text(b, "  to be sent   ");
    figure_things(b, f->asked, "record", "records");
    if (f->asked > 0) {
        buf_append_text(b, " in ");
        figure_things(b, f->batches, "batch", "batches");
        buf_append_text(b, " of at most ");
        figure_count(b, f->batch_items);
    }
    buf_append_text(b, f->capped ? " (--max-credits lets no more go)\n" : "\n");
    buf_append_text(b, "  credits      at most ");
    figure_amount(b, f->credits);
    buf_append_text(b, " (");
    figure_amount(b, setup->price);
    buf_append_text(b, " each)\n");
}

static void put_time(struct buf *b, const struct setup *setup, const struct figures *f)
{
    char time[32];
    if (f->asked == 0)
        return;
    clock_format_duration(f->time_ms, time);
    if (f->binding[0] != '\0')
        buf_append_format(b,
                          "  time         at least %s by the rate limits (tier %s: %s), and the"
                          " vendor's own work\n",
                          time, setup->tier->name, f->binding);
    else
        buf_append_format(b,
                          "  time         the vendor's own work; the rate limits (tier %s) add"
                          " nothing\n",
                          setup->tier->name);
}

/* What would surprise later. A few rows of another encoding are slips; many are a list in one. */
static void put_hints(struct buf *b, const struct estimate *s, const struct settings *set)
{
    if (s->valid == 0)
        buf_append_text(b, s->records == 0 ? "Nothing can be asked: the list has no records.\n"
                                           : "Nothing can be asked: every record is invalid.\n");
    if (s->not_utf8 > 0 && s->not_utf8 >= s->records / 100) {
        buf_append_text(b, "Is the list not in UTF-8? Convert it, from Latin-1 for example:\n"
                           "  iconv -f latin1 -t utf-8 ");
        if (strcmp(set->list, "-") != 0)
            figure_word(b, set->list);
        buf_append_text(b, " > LIST.utf8\n");
    }
}

static void print_text(const struct estimate *s, const struct settings *set,
                       const struct setup *setup, const struct figures *f, const struct list *l,
                       const struct mapping *m)
{
    struct buf out;
    buf_init(&out, 1 << 17);
    buf_append_text(&out, "Plan for ");
    figure_text(&out, set->list);
    buf_append_format(&out, " with %s\n  columns      ", set->provider);
    put_columns(&out, setup->operation, m, list_column_names(l));
    buf_append_char(&out, '\n');
    put_records(&out, s);
    put_cost(&out, setup, f);
    put_time(&out, setup, f);
    put_hints(&out, s, set);
    buf_append_text(&out, "Nothing was sent.\n");
    fputs(buf_text(&out), stdout);
    buf_deinit(&out);
}

static void print_json(const struct estimate *s, const struct settings *set,
                       const struct setup *setup, const struct figures *f, const struct mapping *m)
{
    struct buf out;
    bool first = true;
    buf_init(&out, 1 << 16);
    buf_append_char(&out, '{');
    json_write_member_string(&out, &first, "list", slice_of(set->list));
    json_write_member_string(&out, &first, "operation", slice_of(set->provider));
    json_write_key(&out, &first, "columns");
    mapping_json(m, &out);
    json_write_member_i64(&out, &first, "records", (int64_t)s->records);
    json_write_member_i64(&out, &first, "valid", (int64_t)s->valid);
    json_write_member_i64(&out, &first, "duplicates", (int64_t)s->duplicates);
    json_write_member_i64(&out, &first, "invalid", (int64_t)s->invalid);
    json_write_member_i64(&out, &first, "to_be_sent", (int64_t)f->asked);
    json_write_member_i64(&out, &first, "batches", (int64_t)f->batches);
    json_write_member_i64(&out, &first, "batch_items", (int64_t)f->batch_items);
    json_write_member_i64(&out, &first, "pages", (int64_t)f->pages);
    json_write_member_i64(&out, &first, "price", setup->price);
    json_write_member_i64(&out, &first, "credits_max", f->credits);
    json_write_member_bool(&out, &first, "capped", f->capped);
    json_write_member_string(&out, &first, "tier", slice_of(setup->tier->name));
    json_write_member_i64(&out, &first, "time_min_ms", f->time_ms);
    json_write_member_string(&out, &first, "binding", slice_of(f->binding));
    buf_append_text(&out, "}");
    puts(buf_text(&out));
    buf_deinit(&out);
}

/* A spool that is gone when the process ends, whatever way. */
static int open_list(const struct settings *s, struct list **list, struct error *e)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = file_join(tmp != NULL && *tmp != '\0' ? tmp : "/tmp", "tranche-plan-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        error_set(e, ERR_CANTCREATE, "no temporary folder can be made in %s", folder);
        free(folder);
        return e->code;
    }
    char *spool = file_join(folder, "list.zst");
    struct list_options options = {
        .path = s->list,
        .spool_path = spool,
        .records_max = s->max_records == SETTING_ABSENT ? 0 : (uint64_t)s->max_records,
    };
    int rc = list_open(list, &options, e);
    unlink(spool);
    rmdir(folder);
    free(spool);
    free(folder);
    return rc;
}

static int count(struct estimate *s, struct list *l, const struct setup *setup,
                 const struct mapping *m, struct error *e)
{
    struct list_shard shard;
    int more;
    s->dedupe = dedupe_create(NULL, e);
    if (s->dedupe == NULL)
        return e->code;
    question_init(&s->question, setup->operation, m);
    while ((more = list_scan(l, &shard, on_row, s, e)) == 1)
        continue;
    question_deinit(&s->question);
    dedupe_destroy(s->dedupe);
    return more;
}

int run_plan(const struct settings *set, bool json, struct error *e)
{
    struct estimate *s = calloc(1, sizeof *s);
    struct setup setup;
    struct figures f;
    struct mapping m;
    struct list *l = NULL;
    if (s == NULL)
        abort();
    int rc = settings_resolve(set, &setup, e);
    if (rc == 0)
        rc = open_list(set, &l, e);
    if (rc == 0)
        rc = mapping_make(&m, list_column_names(l), list_columns(l), set->maps, set->map_count, e);
    if (rc == 0)
        rc = question_possible(set->list, setup.operation, &m, list_column_names(l),
                               list_columns(l), e);
    if (rc == 0)
        rc = count(s, l, &setup, &m, e);
    if (rc == 0) {
        figure(s, &setup, &f);
        if (json)
            print_json(s, set, &setup, &f, &m);
        else
            print_text(s, set, &setup, &f, l, &m);
    }
    list_close(l);
    free(s);
    return rc == 0 ? 0 : error_exit_status(rc);
}
