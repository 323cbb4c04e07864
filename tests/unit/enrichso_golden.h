/* For the tests of Enrich.so's files: its operations as options make them, and what its parsers
 * give as one line of text a row, so that a test shows whole answers. */
#ifndef TRANCHE_TEST_ENRICHSO_GOLDEN_H
#define TRANCHE_TEST_ENRICHSO_GOLDEN_H

#include "payload.h"

#define ROWS_MAX    16
#define CALLBACK_TO "https://tranche.test/callbacks/enrichso/a-b_9"

/* The operation in tier "pro" with up to two options, NULL: without. */
static inline struct operation configured(const char *name, const char *first, const char *second)
{
    const char *options[] = {first, second};
    struct operation made;
    struct error e = {0};
    char full[64];

    snprintf(full, sizeof full, "enrichso/%s", name);
    const struct operation *op = provider_operation(full, &e);
    assert_non_null(op);
    const struct provider_tier *tier = provider_tier(op->provider, "pro", &e);
    assert_non_null(tier);
    unsigned count = (first != NULL) + (second != NULL);
    if (provider_configure(&made, op, tier, options, count, &e) != 0)
        fail_msg("%s: %s", name, e.message);
    return made;
}

/* What a reply gave, each row as a line. */
struct rows {
    const struct operation *op;
    struct arena arena;
    struct buf line[ROWS_MAX];
    unsigned count;
    int refuse; /* what the reader answers from the second row on */
};

static inline void print_fields(struct buf *out, const struct slice *value, field_set set)
{
    for (int f = 0; f < FIELD_COUNT; f++)
        if ((set >> f & 1) && value[f].len > 0)
            buf_append_format(out, " %s=%.*s", field_name((enum field)f), SLICE_ARG(value[f]));
}

/* "found 10: email=a@b.test < first_name=A last_name=B domain=b.test"; behind "<" what it echoes.
 * "not_found 0 (no email found) <" of a row that echoes nothing. */
static inline int rows_keep(void *arg, const struct page_item *item)
{
    struct rows *r = arg;
    const struct answer *a = &item->answer;

    assert_true(r->count < ROWS_MAX);
    answer_is_sound(r->op, a);
    for (int f = 0; f < FIELD_COUNT; f++)
        if (item->echoed >> f & 1)
            assert_true(item->echo.value[f].len > 0);
    struct buf *out = &r->line[r->count++];
    buf_append_format(out, "%s %lld", outcome_name(a->outcome), (long long)a->credits);
    if (a->reason.len > 0)
        buf_append_format(out, " (%.*s)", SLICE_ARG(a->reason));
    if (a->outcome == OUTCOME_FOUND)
        buf_append_char(out, ':');
    print_fields(out, a->value, ~(field_set)0);
    buf_append_text(out, " <");
    print_fields(out, item->echo.value, item->echoed);
    return r->count > 1 ? r->refuse : 0;
}

static inline void rows_open(struct rows *r, const struct operation *op, size_t max)
{
    *r = (struct rows){.op = op};
    arena_init(&r->arena, max);
    for (int i = 0; i < ROWS_MAX; i++)
        buf_init(&r->line[i], PAYLOAD_MAX);
}

static inline void rows_close(struct rows *r)
{
    for (int i = 0; i < ROWS_MAX; i++)
        buf_deinit(&r->line[i]);
    arena_deinit(&r->arena);
}

static inline void rows_are(const char *name, struct rows *r, const char *const *lines)
{
    unsigned count = 0;

    for (; lines[count]; count++) {
        if (count >= r->count)
            fail_msg("%s has %u rows; expected: %s", name, r->count, lines[count]);
        if (strcmp(buf_text(&r->line[count]), lines[count]) != 0)
            fail_msg("%s, row %u:\n  %s\nis not\n  %s", name, count, buf_text(&r->line[count]),
                     lines[count]);
    }
    assert_int_equal(r->count, count);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The rows and sums of a page, or of the reply to a single question. */
static inline void reply_gives(const struct operation *op, const char *name, struct page_reply sums,
                               const char *const *lines)
{
    struct page_reply reply;
    struct error e = {0};
    struct rows r;

    rows_open(&r, op, 1 << 20);
    if (op->parse_page(op, parse(payload(name)), false, &r.arena, rows_keep, &r, &reply, &e) != 0)
        fail_msg("%s: %s", name, e.message);
    rows_are(name, &r, lines);
    assert_int_equal(reply.rows, r.count);
    assert_int_equal(reply.total, sums.total);
    assert_int_equal(reply.used, sums.used);
    assert_int_equal(reply.refunded, sums.refunded);
    assert_int_equal(reply.balance, sums.balance);
    rows_close(&r);
}

/* The same of a reply whose `data` stands alone, as live ones have been seen; sums that stood
 * beside it are lost. */
static inline void flat_gives(const struct operation *op, const char *name,
                              const char *const *lines)
{
    struct json_value data;
    struct page_reply reply;
    struct error e = {0};
    struct buf text;
    struct rows r;

    rows_open(&r, op, 1 << 20);
    buf_init(&text, PAYLOAD_MAX);
    assert_true(json_get(parse(payload(name)), "data", &data));
    json_print(data, &text);
    if (op->parse_page(op, parse(buf_slice(&text)), false, &r.arena, rows_keep, &r, &reply, &e))
        fail_msg("%s, flat: %s", name, e.message);
    rows_are(name, &r, lines);
    buf_deinit(&text);
    rows_close(&r);
}

/* One row, as JSON, in a page. */
static inline void row_gives(const struct operation *op, const char *row, const char *line)
{
    char text[1024];

    snprintf(text, sizeof text, "{\"data\":{\"results\":[%s]}}", row);
    reply_gives(op, text, (struct page_reply){0, -1, -1, -1, -1}, LINES(line));
}

static inline void callback_gives(const struct operation *op, const char *name,
                                  enum callback_kind kind, const char *id, const char *const *lines)
{
    struct callback_reply reply;
    struct error e = {0};
    struct rows r;

    rows_open(&r, op, 1 << 20);
    if (op->parse_callback(op, parse(payload(name)), false, &r.arena, rows_keep, &r, &reply, &e))
        fail_msg("%s: %s", name, e.message);
    rows_are(name, &r, lines);
    if (reply.kind != kind)
        fail_msg("%s: kind %d", name, (int)reply.kind);
    assert_string_equal(reply.id, id);
    assert_int_equal(reply.page.rows, r.count);
    rows_close(&r);
}

#define NO_LINES ((const char *const[]){NULL})

/* A record that has these fields, each given as FIELD_x, "text"; ends at -1. */
static inline struct record record_of(int field, ...)
{
    struct record r = {.problem = {NULL}};
    va_list args;

    va_start(args, field);
    for (; field >= 0; field = va_arg(args, int))
        r.value[field] = slice_of(va_arg(args, const char *));
    va_end(args);
    return r;
}

static inline struct record lead(const char *first, const char *last, const char *domain)
{
    return record_of(FIELD_FIRST_NAME, first, FIELD_LAST_NAME, last, FIELD_DOMAIN, domain, -1);
}

static inline struct record address(const char *email)
{
    return record_of(FIELD_EMAIL, email, -1);
}

static inline struct record profile(const char *linkedin)
{
    return record_of(FIELD_LINKEDIN_URL, linkedin, -1);
}

/* The set that a record is asked by. */
static inline field_set asked_by(const struct operation *op, const struct record *r)
{
    for (const field_set *set = op->accepts; *set; set++) {
        bool all = true;
        for (int f = 0; f < FIELD_COUNT; f++)
            all = all && (!(*set >> f & 1) || r->value[f].len > 0);
        if (all)
            return *set;
    }
    fail_msg("%s cannot be asked that", op->name);
    return 0;
}

/* The body (or query) as the engine has it written: each item in exactly one pass. */
static inline void write_body(const struct operation *op, const struct record *records,
                              size_t count, struct buf *out)
{
    unsigned passes = op->passes > 1 ? op->passes : 1;
    struct body_writer w = {.operation = op, .out = out, .callback_url = SLICE_EMPTY};
    size_t written = 0;

    if (op->calls_back)
        w.callback_url = SLICE_LIT(CALLBACK_TO);
    op->body_begin(&w);
    for (w.pass = 0; w.pass < passes; w.pass++) {
        w.items = 0;
        for (size_t i = 0; i < count; i++)
            w.items += op->body_item(&w, &records[i], asked_by(op, &records[i]));
        written += w.items;
        if (w.pass + 1 < passes)
            op->body_pass(&w);
    }
    op->body_end(&w);
    assert_int_equal(written, count);
    assert_false(out->failed);
}

static inline void body_is(const struct operation *op, const struct record *records, size_t count,
                           struct slice expected)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    write_body(op, records, count, &b);
    if (!slice_eq(buf_slice(&b), expected))
        fail_msg("%s is not %.*s", buf_text(&b), SLICE_ARG(expected));
    buf_deinit(&b);
}

#endif
