/* What tests of providers share: golden payloads read and parsed, pages collected, answers compared
 * whole, bodies built. The vendor's folder is VENDOR_GOLDEN, defined before this is included. */
#ifndef TRANCHE_TESTS_VENDOR_GOLDEN_H
#define TRANCHE_TESTS_VENDOR_GOLDEN_H

#include "payload.h"

#define GOLDEN_ITEMS_MAX 16

/* Its name among those of all vendors. Until the next one. */
static inline const char *golden_name(const char *name)
{
    static char full[128];
    int len = snprintf(full, sizeof full, "%s%s", VENDOR_GOLDEN, name);

    assert_true((size_t)len < sizeof full);
    return full;
}

static inline struct slice golden(const char *name)
{
    return payload(golden_name(name));
}

/* A payload by its name, or JSON as it is. */
static inline struct json_value golden_or_text(const char *text)
{
    return parse(strpbrk(text, "{[") || strcmp(text, "null") == 0 ? slice_of(text) : golden(text));
}

/* What a reply gave; the texts live as long as the document and the arena. */
struct golden_page {
    struct arena arena;
    struct page_item items[GOLDEN_ITEMS_MAX];
    unsigned count;
    struct page_reply reply;
    struct error e;
    int refuse; /* what the reader of rows answers from the second one on */
};

static inline int golden_keep(void *arg, const struct page_item *item)
{
    struct golden_page *p = arg;

    assert_true(p->count < GOLDEN_ITEMS_MAX);
    p->items[p->count++] = *item;
    return p->count > 1 ? p->refuse : 0;
}

static inline int golden_page(const struct operation *o, struct json_value root, bool raw,
                              size_t memory, int refuse, struct golden_page *p)
{
    *p = (struct golden_page){.refuse = refuse};
    arena_init(&p->arena, memory);
    return o->parse_page(o, root, raw, &p->arena, golden_keep, p, &p->reply, &p->e);
}

static inline int page_open(const struct operation *o, const char *text, struct golden_page *p)
{
    return golden_page(o, golden_or_text(text), false, 1 << 20, 0, p);
}

/* The whole answer: "found 11: email=a@b.example confidence=0.9", "failed 0 (why):", fields in their
 * order. */
static inline void answer_is(const struct answer *a, const char *want)
{
    char is[4096];
    int len = snprintf(is, sizeof is, "%s %lld", outcome_name(a->outcome), (long long)a->credits);

    if (a->reason.len > 0)
        len += snprintf(is + len, sizeof is - (size_t)len, " (%.*s)", SLICE_ARG(a->reason));
    len += snprintf(is + len, sizeof is - (size_t)len, ":");
    for (int f = 0; f < FIELD_COUNT; f++)
        if (a->value[f].len > 0)
            len += snprintf(is + len, sizeof is - (size_t)len, " %s=%.*s",
                            field_name((enum field)f), SLICE_ARG(a->value[f]));
    assert_true((size_t)len < sizeof is);
    assert_string_equal(is, want);
}

/* The vendor's echo must lead back to the question, as the operation tells questions apart. */
static inline void echo_is(const struct operation *o, const struct page_item *item,
                           const struct record *asked)
{
    field_set fields = o->identity ? o->identity : item->echoed;

    assert_true(item->echoed != 0);
    assert_true(same_question(fields, &item->echo, asked));
}

/* "type=both mode=single"; good until eight more were made. */
static inline struct operation configured(const struct operation *op, const char *tier,
                                          const char *options)
{
    const char *list[OPERATION_OPTIONS_MAX];
    static char texts[8][256];
    static unsigned turn;
    char *text = texts[turn++ % 8];
    unsigned count = 0;
    struct operation made = {.name = NULL};
    struct error e = {0};

    snprintf(text, sizeof texts[0], "%s", options);
    for (char *o = strtok(text, " "); o; o = strtok(NULL, " "))
        list[count++] = o;
    const struct provider_tier *t = provider_tier(op->provider, tier, &e);
    if (!t || provider_configure(&made, op, t, list, count, &e) != 0)
        fail_msg("%s: %s", options, e.message);
    return made;
}

/* The body for these records, checked and asked by the set each is accepted with. */
static inline void body_of(const struct operation *o, struct record *records, uint32_t count,
                           const char *callback_url, struct buf *out)
{
    struct body_writer w = {.operation = o, .out = out, .callback_url = slice_of(callback_url)};
    unsigned sets = 0;
    struct arena arena;

    arena_init(&arena, 1 << 16);
    while (o->accepts[sets] != 0)
        sets++;
    o->body_begin(&w);
    for (; w.items < count; w.items++) {
        const char *reason = NULL;
        struct record *r = &records[w.items];
        field_set set = record_choose(r, o->accepts, sets, &arena, &reason);
        if (set == 0 || (o->check && (reason = o->check(o, r)) != NULL))
            fail_msg("item %u: %s", w.items, reason);
        assert_true(o->body_item(&w, r, set));
    }
    o->body_end(&w);
    assert_false(out->failed);
    arena_deinit(&arena);
}

/* The same as a golden request without its white space. */
static inline void body_is(const struct operation *o, struct record *records, uint32_t count,
                           const char *name)
{
    struct buf body, want;

    buf_init(&body, 1 << 20);
    buf_init(&want, 1 << 20);
    body_of(o, records, count, NULL, &body);
    json_print(parse(golden(name)), &want);
    if (!slice_eq(buf_slice(&body), buf_slice(&want)))
        fail_msg("%.*s is not %s", SLICE_ARG(buf_slice(&body)), name);
    buf_deinit(&body);
    buf_deinit(&want);
}

static inline void text_body_is(const struct operation *o, struct record *records, uint32_t count,
                                const char *callback_url, const char *want)
{
    struct buf body;

    buf_init(&body, 1 << 20);
    body_of(o, records, count, callback_url, &body);
    slice_is(o->name, buf_slice(&body), want);
    buf_deinit(&body);
}

/* Every cut of a reply is in doubt before it is read, and every byte of it turned into another gives
 * a result or an error, nothing else. */
static inline void survives_damage(const struct operation *o, const char *name)
{
    static char text[PAYLOAD_MAX];
    struct slice whole = golden(name);
    struct golden_page p;

    payload_cuts(o, golden_name(name), 200);
    memcpy(text, whole.data, whole.len);
    for (size_t i = 0; i < whole.len; i++) {
        static const char others[] = "\"0{}[],:nx";
        for (const char *c = others; *c; c++) {
            struct json_value root;
            struct error e = {0};
            char was = text[i];
            text[i] = *c;
            if (json_parse(json, (struct slice){text, whole.len}, &root, &e) == 0) {
                int rc = golden_page(o, root, true, 1 << 20, 0, &p);
                assert_true(rc == 0 || rc == ERR_DATA);
                arena_deinit(&p.arena);
            }
            text[i] = was;
        }
    }
}

/* Without memory nothing is half read, however little there is. */
static inline void survives_no_memory(const struct operation *o, const char *name)
{
    struct json_value root = parse(golden(name));
    struct golden_page p;
    bool whole = false;

    for (size_t memory = 0; memory < 1 << 18 && !whole; memory = memory * 2 + 64) {
        int rc = golden_page(o, root, true, memory, 0, &p);
        assert_true(rc == 0 || rc == ERR_INTERNAL);
        assert_true(p.count == p.reply.rows);
        whole = rc == 0;
        arena_deinit(&p.arena);
    }
    assert_true(whole);
}

/* What the vendor's statuses mean, whatever the body is. */
struct status_row {
    long status;
    bool whole;
    enum reply_class paid, free;
};

static inline void statuses_are(const struct operation *o, const struct status_row *rows,
                                size_t count)
{
    struct problem problem;
    struct json_value root = parse(SLICE_LIT("{\"error\":\"why\"}"));

    problem_parse(&problem, json, SLICE_LIT("{\"error\":\"why\"}"));
    root = parse(SLICE_LIT("{\"error\":\"why\"}"));
    for (size_t i = 0; i < count; i++) {
        struct http_reply reply = {.end = HTTP_REPLY, .status = rows[i].status};
        const struct json_value *body = rows[i].whole ? &root : NULL;
        assert_int_equal(o->classify(&reply, true, body, &problem), rows[i].paid);
        assert_int_equal(o->classify(&reply, false, body, &problem), rows[i].free);
    }
    static const struct {
        enum http_end end;
        enum reply_class paid, free;
    } ends[] = {
        {HTTP_NOT_SENT, REPLY_RETRY, REPLY_RETRY},
        {HTTP_CUT, REPLY_DOUBT, REPLY_RETRY},
        {HTTP_LOST, REPLY_DOUBT, REPLY_RETRY},
        {HTTP_CANCELLED, REPLY_DOUBT, REPLY_RETRY},
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct http_reply reply = {.end = ends[i].end};
        assert_int_equal(o->classify(&reply, true, NULL, &problem), ends[i].paid);
        assert_int_equal(o->classify(&reply, false, NULL, &problem), ends[i].free);
    }
}

static inline int64_t blamed(const struct operation *o, const char *text)
{
    struct problem problem = {.text = ""};

    snprintf(problem.text, sizeof problem.text, "%s", text);
    return o->bad_item(&problem);
}

#endif
