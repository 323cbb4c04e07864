/* The table of providers, the look-ups, and the rules about replies that hold for every vendor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "provider/provider.h"
#include "provider/reply.h"

static void descriptors_are_sound(void **state)
{
    (void)state;
    assert_non_null(provider_table[0]);
    for (const struct provider *const *p = provider_table; *p; p++) {
        const char *problem = provider_problem(*p);
        if (problem)
            fail_msg("%s: %s", (*p)->name, problem);
        assert_ptr_equal(provider_find(slice_of((*p)->name)), *p);
        for (const struct operation *o = (*p)->operations; o->name; o++) {
            char name[128];
            struct error e = {0};
            snprintf(name, sizeof name, "%s/%s", (*p)->name, o->name);
            assert_ptr_equal(provider_operation(name, &e), o);
        }
        for (const struct provider_tier *t = (*p)->tiers; t->name; t++) {
            struct error e = {0};
            assert_ptr_equal(provider_tier(*p, t->name, &e), t);
        }
    }
}

/* A vendor as small as can be, made of Enrich.so's functions: each break of it must be seen. */
struct vendor {
    struct provider provider;
    struct provider_tier tiers[2];
    struct operation ops[2];
    struct operation_option options[OPERATION_OPTIONS_MAX + 2];
    field_set accepts[2];
};

static int no_choice(struct operation *op, const struct provider_tier *tier, struct error *e)
{
    (void)op;
    (void)tier;
    (void)e;
    return 0;
}

static int contradiction(struct operation *op, const struct provider_tier *tier, struct error *e)
{
    (void)op;
    (void)tier;
    return error_set(e, ERR_USAGE, "this cannot be");
}

/* One of the values gives an operation that cannot be. */
static int unsound_choice(struct operation *op, const struct provider_tier *tier, struct error *e)
{
    (void)tier;
    (void)e;
    if (strcmp(op->set[0], "b") == 0)
        op->price = -1;
    return 0;
}

static int no_way(struct operation *op)
{
    (void)op;
    return ERR_USAGE;
}

static int still_batches(struct operation *op)
{
    op->echo_unsure = false;
    return 0;
}

static int unsound_alone(struct operation *op)
{
    op->echo_unsure = false;
    op->items_max = 1;
    op->parse_page = NULL;
    return 0;
}

static int sound_alone(struct operation *op)
{
    op->echo_unsure = false;
    op->items_max = 1;
    return 0;
}

static void vendor_make(struct vendor *v)
{
    const struct provider *from = provider_find(SLICE_LIT("enrichso"));

    memset(v, 0, sizeof *v);
    v->provider = *from;
    v->provider.tiers = v->tiers;
    v->provider.operations = v->ops;
    v->tiers[0] = from->tiers[0];
    v->ops[0] = from->operations[0];
    v->ops[0].provider = &v->provider;
    v->accepts[0] = FIELD_BIT(EMAIL);
    v->ops[0].accepts = v->accepts;
    v->options[0] = (struct operation_option){"mode", "a|b", "a", "how"};
    v->ops[0].options = v->options;
    v->ops[0].configure = no_choice;
}

/* Deliveries that are sound. */
static void by_pages(struct operation *o)
{
    (void)o;
}

static void by_reply(struct operation *o)
{
    o->delivery = DELIVERY_REPLY;
    o->build_poll = NULL;
    o->build_page = NULL;
    o->parse_poll = NULL;
    o->parse_submit = NULL;
}

static void by_poll(struct operation *o)
{
    o->delivery = DELIVERY_POLL;
    o->build_page = NULL;
    o->items_max = 1;
    o->work_ms = 1000;
    o->work_max_ms = 5000;
}

static int reads_nothing(const struct operation *op, struct json_value root, bool raw,
                         struct arena *a, page_item_fn *fn, void *arg, struct callback_reply *out,
                         struct error *e)
{
    (void)op;
    (void)root;
    (void)raw;
    (void)a;
    (void)fn;
    (void)arg;
    *out = (struct callback_reply){.kind = CALLBACK_EVENT};
    (void)e;
    return 0;
}

static void by_callback(struct operation *o)
{
    o->delivery = DELIVERY_CALLBACK;
    o->build_poll = NULL;
    o->build_page = NULL;
    o->parse_poll = NULL;
    o->parse_page = NULL;
    o->parse_callback = reads_nothing;
    o->calls_back = true;
    o->deadline_ms = 1000;
    o->items_max = 1;
}

/* With p the provider, t its tier, o its operation. */
#define BROKEN_AS(delivery, change, words)                                                         \
    do {                                                                                           \
        struct vendor v;                                                                           \
        vendor_make(&v);                                                                           \
        struct provider *p = &v.provider;                                                          \
        struct provider_tier *t = v.tiers;                                                         \
        struct operation *o = v.ops;                                                               \
        (void)p;                                                                                   \
        (void)t;                                                                                   \
        delivery(o);                                                                               \
        const char *before = provider_problem(p);                                                  \
        if (before)                                                                                \
            fail_msg("%s: not sound to begin with: %s", #delivery, before);                        \
        change;                                                                                    \
        const char *problem = provider_problem(p);                                                 \
        if (!problem || !strstr(problem, words))                                                   \
            fail_msg("%s: %s", #change, problem ? problem : "not seen");                           \
    } while (0)
#define BROKEN(change, words) BROKEN_AS(by_pages, change, words)

static void problems_of_providers(void **state)
{
    (void)state;
    BROKEN(p->name = "Enrich So", "name");
    BROKEN(p->title = NULL, "title");
    BROKEN(p->doc = NULL, "page");
    BROKEN(p->doc = "doc.enrich.so", "page");
    BROKEN(p->base_url = "http://dev.enrich.so", "base address");
    BROKEN(p->key_env = "", "environment");
    BROKEN(p->key_header = "x-api\nkey", "header");
    BROKEN(p->key_prefix = NULL, "header");
    BROKEN(p->live_max = 0, "limit of 0");
    BROKEN(p->reads_max = 0, "limit of 0");
    BROKEN(p->parse_balance = NULL, "balance");
    BROKEN(p->build_balance = NULL, "balance");
    BROKEN(t->name = NULL, "no tier");
    BROKEN(p->tiers = NULL, "no tier");
    BROKEN(o->name = NULL, "no operation");
    BROKEN(p->proof_header = "x-auth-key", "proof");
    BROKEN(p->proof = PROOF_KEY_SHA256, "proof");
    BROKEN(p->secret_env = "A_SECRET", "proof");
    BROKEN((p->proof = PROOF_HMAC_SHA256, p->proof_header = "x-signature"), "proof");
    BROKEN((p->proof = PROOF_KEY_SHA256, p->proof_header = "x", p->secret_env = "S"), "proof");
}

static void problems_of_limits(void **state)
{
    (void)state;
    BROKEN(t->name = "", "tier");
    BROKEN(t->limits[0].count = 0, "neither submissions nor slots");
    BROKEN((t->limits[0].classes = RATE_BIT(RATE_READ), t->limits[1].count = 0),
           "neither submissions nor slots");
    BROKEN(t->limits[0].per_ms = 0, "without a time");
    BROKEN(t->limits[0].classes = 0, "unknown class");
    BROKEN(t->limits[0].classes |= RATE_BIT(RATE_CLASSES), "unknown class");
    BROKEN(t->queue_max = 10, "queue and no slots");
    BROKEN(for (int i = 0; i < RATE_LIMITS_MAX; i++) t->limits[i] = t->limits[0], "more limits");
    BROKEN(o->limits[0] = ((struct rate_limit){0, 1, 1}), "unknown class");
    BROKEN(o->limits[0] = ((struct rate_limit){RATE_ALL, 1, 0}), "without a time");
    BROKEN(for (int i = 0; i < RATE_LIMITS_MAX; i++) o->limits[i] = t->limits[0], "more limits");
}

static void problems_of_operations(void **state)
{
    (void)state;
    BROKEN(o->provider = provider_find(SLICE_LIT("enrichso")), "another provider");
    BROKEN(o->name = "Email Finder", "name");
    BROKEN(o->title = "", "title");
    BROKEN(o->items_max = 0, "limit of 0");
    BROKEN(o->page_rows = 0, "limit of 0");
    BROKEN(o->item_bytes_max = 0, "limit of 0");
    BROKEN(o->answer_bytes_max = 0, "limit of 0");
    BROKEN(o->price = -1, "price");
    BROKEN(o->doubt_ms = -1, "time");
    BROKEN(o->deadline_ms = -1, "time");
    BROKEN(o->build_submit = NULL, "lacks a function");
    BROKEN(o->body_begin = NULL, "lacks a function");
    BROKEN(o->body_item = NULL, "lacks a function");
    BROKEN(o->body_end = NULL, "lacks a function");
    BROKEN(o->classify = NULL, "lacks a function");
    BROKEN(o->passes = 2, "passes");
    BROKEN(o->accepts = NULL, "accepts no fields");
    BROKEN(v.accepts[0] = 0, "accepts no fields");
    BROKEN(v.accepts[0] |= (field_set)1 << FIELD_COUNT, "accepts an unknown field");
    BROKEN(o->identity = (field_set)1 << FIELD_COUNT, "identity");
    BROKEN(o->gives = 0, "gives");
    BROKEN(o->gives |= (field_set)1 << FIELD_COUNT, "gives");
}

static void problems_of_deliveries(void **state)
{
    (void)state;
    BROKEN(o->build_poll = NULL, "polls");
    BROKEN(o->parse_poll = NULL, "polls");
    BROKEN(o->build_page = NULL, "results");
    BROKEN(o->parse_page = NULL, "results");
    BROKEN(o->parse_submit = NULL, "submission");
    BROKEN(o->poll_first_ms = 0, "pauses");
    BROKEN(o->poll_max_ms = o->poll_first_ms - 1, "pauses");
    BROKEN(o->query = true, "several items");
    BROKEN(o->calls_back = true, "nothing reads");
    BROKEN(o->parse_callback = reads_nothing, "nothing reads");
    BROKEN(o->omitted = "", "left out");
    BROKEN(o->echo_unsure = true, "no echo");
    BROKEN((o->echo_unsure = true, o->alone = no_way), "one by one");
    BROKEN((o->echo_unsure = true, o->alone = still_batches), "one by one");
    BROKEN((o->echo_unsure = true, o->alone = unsound_alone), "results");

    const struct operation *pages = &provider_table[0]->operations[0];
    BROKEN_AS(by_reply, o->build_poll = pages->build_poll, "polls");
    BROKEN_AS(by_reply, o->parse_poll = pages->parse_poll, "polls");
    BROKEN_AS(by_reply, o->build_page = pages->build_page, "results");
    BROKEN_AS(by_reply, o->parse_page = NULL, "results");
    BROKEN_AS(by_reply, o->parse_submit = pages->parse_submit, "submission");
    BROKEN_AS(by_reply, o->omitted = "nothing there", "left out");

    BROKEN_AS(by_poll, o->build_poll = NULL, "polls");
    BROKEN_AS(by_poll, o->build_page = pages->build_page, "results");
    BROKEN_AS(by_poll, o->parse_page = NULL, "results");
    BROKEN_AS(by_poll, o->parse_submit = NULL, "submission");
    BROKEN_AS(by_poll, o->poll_first_ms = 0, "pauses");
    BROKEN_AS(by_poll, o->work_ms = 0, "times of work");
    BROKEN_AS(by_poll, o->work_max_ms = 1, "times of work");
    BROKEN_AS(by_poll, o->items_max = 2, "several items");

    BROKEN_AS(by_callback, o->build_poll = pages->build_poll, "polls");
    BROKEN_AS(by_callback, o->parse_page = pages->parse_page, "results");
    BROKEN_AS(by_callback, o->parse_submit = NULL, "submission");
    BROKEN_AS(by_callback, o->calls_back = false, "callbacks only");
    BROKEN_AS(by_callback, o->deadline_ms = 0, "callbacks only");
    BROKEN_AS(by_callback, o->parse_callback = NULL, "nothing reads");
    BROKEN_AS(by_callback, o->items_max = 2, "several items");
}

static void problems_of_options(void **state)
{
    (void)state;
    BROKEN(v.options[0].values = NULL, "not described");
    BROKEN(v.options[0].preset = NULL, "not described");
    BROKEN(v.options[0].help = "", "not described");
    BROKEN(v.options[0].help = NULL, "not described");
    BROKEN(v.options[0].preset = "c", "preset");
    BROKEN(o->configure = NULL, "without configure");
    BROKEN(for (int i = 0; i <= OPERATION_OPTIONS_MAX; i++) v.options[i] = v.options[0],
           "more options");
    BROKEN(o->configure = contradiction, "contradict");
    BROKEN(o->configure = unsound_choice, "price");
}

/* What may be, beside what the vendors make use of. */
static void sound_ones_pass(void **state)
{
    struct vendor v;

    (void)state;
    vendor_make(&v);
    v.tiers[0].limits[0].count = 0;
    v.tiers[0].slots = 5;
    v.tiers[0].queue_max = 1000;
    v.options[0].values = ""; /* any text */
    v.options[0].preset = "x";
    v.options[1] = (struct operation_option){"several", "a|b|c,", "a,c", "which"};
    v.ops[0].echo_unsure = true;
    v.ops[0].alone = sound_alone;
    v.ops[0].omitted = "nothing there";
    assert_null(provider_problem(&v.provider));
}

/* --- options --- */

static void options_are_set(void **state)
{
    struct vendor v;
    struct operation made;
    struct error e = {0};

    (void)state;
    vendor_make(&v);
    v.options[1] = (struct operation_option){"fields", "a|b|long,", "", "which"};
    v.options[2] = (struct operation_option){"text", "", "", "any"};

    assert_int_equal(provider_configure(&made, v.ops, v.tiers, NULL, 0, &e), 0);
    assert_string_equal(operation_set(&made, "mode"), "a");
    assert_string_equal(operation_set(&made, "fields"), "");
    assert_string_equal(operation_set(&made, "text"), "");
    assert_string_equal(operation_set(&made, "none"), "");
    assert_ptr_equal(made.tier, v.tiers);
    assert_int_equal(made.items_max, v.ops[0].items_max);

    const char *given[] = {"text=a=b,", "fields=long,a", "mode=b"};
    v.tiers[0].items_max = 50;
    assert_int_equal(provider_configure(&made, v.ops, v.tiers, given, 3, &e), 0);
    assert_string_equal(operation_set(&made, "mode"), "b");
    assert_string_equal(operation_set(&made, "fields"), "long,a");
    assert_string_equal(operation_set(&made, "text"), "a=b,");
    assert_int_equal(made.items_max, 50);
    v.ops[0].items_max = 20;
    assert_int_equal(provider_configure(&made, v.ops, v.tiers, given, 3, &e), 0);
    assert_int_equal(made.items_max, 20);

    assert_true(operation_chosen("long,a", "a"));
    assert_true(operation_chosen("long,a", "long"));
    assert_false(operation_chosen("long,a", "lon"));
    assert_false(operation_chosen("long,a", "b"));
    assert_false(operation_chosen("", "a"));
}

static void wrong_options_are_told(void **state)
{
    static const struct {
        const char *options[2];
        const char *words[2];
    } rows[] = {
        {{"mode"}, {"'mode'", "NAME=VALUE"}},
        {{""}, {"''", "NAME=VALUE"}},
        {{"mod=a"}, {"'mod'", "mode, fields"}},
        {{"modes=a"}, {"'modes'", "mode, fields"}},
        {{"=a"}, {"''", "mode, fields"}},
        {{"mode=c"}, {"'c'", "a|b"}},
        {{"mode="}, {"''", "a|b"}},
        {{"mode=a,b"}, {"'a,b'", "a|b"}},
        {{"mode=a|b"}, {"'a|b'", "a|b"}},
        {{"mode=A"}, {"'A'", "a|b"}},
        {{"fields="}, {"''", "a|b|long,"}},
        {{"fields=a,"}, {"'a,'", "a|b|long,"}},
        {{"fields=,a"}, {"',a'", "a|b|long,"}},
        {{"fields=a,lon"}, {"'a,lon'", "a|b|long,"}},
        {{"mode=a", "mode=b"}, {"'mode'", "twice"}},
    };
    struct vendor v;
    struct operation made;

    (void)state;
    vendor_make(&v);
    v.options[1] = (struct operation_option){"fields", "a|b|long,", "", "which"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error e = {0};
        assert_int_equal(provider_configure(&made, v.ops, v.tiers, rows[i].options,
                                            rows[i].options[1] ? 2 : 1, &e),
                         ERR_USAGE);
        assert_int_equal(e.code, ERR_USAGE);
        for (int k = 0; k < 2; k++)
            if (!strstr(e.message, rows[i].words[k]))
                fail_msg("%s: %s", rows[i].options[0], e.message);
    }
    struct error e = {0};
    const char *any = "a=b";
    v.ops[0].options = NULL;
    assert_int_equal(provider_configure(&made, v.ops, v.tiers, &any, 1, &e), ERR_USAGE);
    assert_non_null(strstr(e.message, "none"));
}

static void unknown_names_are_told(void **state)
{
    static const char *const names[] = {"",
                                        "enrichso",
                                        "enrichso/",
                                        "/email-finder",
                                        "x/y",
                                        "enrichso/x",
                                        "Enrichso/email-finder",
                                        "enrichso/email-finder/",
                                        "enrichso/email-finde"};
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        e = (struct error){0};
        assert_null(provider_operation(names[i], &e));
        assert_int_equal(e.code, ERR_USAGE);
        assert_non_null(strstr(e.message, names[i]));
        assert_non_null(strstr(e.message, "enrichso/email-finder, enrichso/email-validation"));
    }
    assert_null(provider_find(SLICE_LIT("enrichs")));
    assert_null(provider_find(SLICE_LIT("")));

    const struct provider *p = provider_find(SLICE_LIT("enrichso"));
    assert_string_equal(provider_tier(p, NULL, &e)->name, "free");
    e = (struct error){0};
    assert_null(provider_tier(p, "gold", &e));
    assert_int_equal(e.code, ERR_USAGE);
    assert_non_null(strstr(e.message, "'gold'"));
    assert_non_null(strstr(e.message, "free, growth, scale, pro, enterprise"));
}

/* What a status means for a paid and for a free request; a row holds for all from..to. */
static const struct status_row {
    long from, to;
    bool whole;
    enum reply_class paid, free;
} statuses[] = {
    {200, 299, true, REPLY_OK, REPLY_OK},
    {200, 299, false, REPLY_DOUBT, REPLY_RETRY},
    {0, 199, true, REPLY_DOUBT, REPLY_RETRY},
    {300, 399, true, REPLY_NOT_APPLIED, REPLY_NOT_APPLIED},
    {400, 400, true, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED},
    {401, 401, true, REPLY_REFUSED, REPLY_REFUSED},
    {402, 402, true, REPLY_NO_CREDITS, REPLY_NO_CREDITS},
    {403, 403, true, REPLY_REFUSED, REPLY_REFUSED},
    {404, 404, true, REPLY_NOT_APPLIED, REPLY_GONE},
    {405, 407, true, REPLY_NOT_APPLIED, REPLY_NOT_APPLIED},
    {408, 408, true, REPLY_DOUBT, REPLY_RETRY},
    {409, 409, true, REPLY_NOT_APPLIED, REPLY_NOT_APPLIED},
    {410, 410, true, REPLY_NOT_APPLIED, REPLY_GONE},
    {411, 412, true, REPLY_NOT_APPLIED, REPLY_NOT_APPLIED},
    {413, 413, true, REPLY_TOO_LARGE, REPLY_NOT_APPLIED},
    {414, 421, true, REPLY_NOT_APPLIED, REPLY_NOT_APPLIED},
    {422, 422, true, REPLY_BAD_ITEMS, REPLY_NOT_APPLIED},
    {423, 423, true, REPLY_REFUSED, REPLY_REFUSED},
    {424, 428, true, REPLY_NOT_APPLIED, REPLY_NOT_APPLIED},
    {429, 429, true, REPLY_THROTTLED, REPLY_THROTTLED},
    {430, 499, true, REPLY_NOT_APPLIED, REPLY_NOT_APPLIED},
    {500, 1000, true, REPLY_DOUBT, REPLY_RETRY},
};

static void statuses_are_classified(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        const struct status_row *row = &statuses[i];
        for (long status = row->from; status <= row->to; status++) {
            struct http_reply reply = {.end = HTTP_REPLY, .status = status};
            assert_int_equal(provider_classify(&reply, true, row->whole), row->paid);
            assert_int_equal(provider_classify(&reply, false, row->whole), row->free);
            /* Only of a 2xx does it matter whether its body is whole. */
            if (status < 200 || status > 299) {
                assert_int_equal(provider_classify(&reply, true, false), row->paid);
                assert_int_equal(provider_classify(&reply, false, false), row->free);
            }
        }
    }
}

static void ends_are_classified(void **state)
{
    static const struct {
        enum http_end end;
        enum reply_class paid, free;
    } rows[] = {
        {HTTP_NOT_SENT, REPLY_RETRY, REPLY_RETRY},
        {HTTP_CUT, REPLY_DOUBT, REPLY_RETRY},
        {HTTP_LOST, REPLY_DOUBT, REPLY_RETRY},
        {HTTP_CANCELLED, REPLY_DOUBT, REPLY_RETRY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (long status = 0; status <= 600; status += 50) {
            struct http_reply reply = {.end = rows[i].end, .status = status};
            if (rows[i].end == HTTP_CUT && status >= 300)
                continue; /* by its status: see below */
            for (int whole = 0; whole < 2; whole++) {
                assert_int_equal(provider_classify(&reply, true, whole), rows[i].paid);
                assert_int_equal(provider_classify(&reply, false, whole), rows[i].free);
            }
        }
    }
}

/* A status line that came whole says what became of the request, whatever happened to the body behind
 * it; but for 2xx, whose body is the point. */
static void cut_refusals_are_refusals(void **state)
{
    (void)state;
    for (long status = 300; status <= 1000; status++) {
        struct http_reply cut = {.end = HTTP_CUT, .status = status};
        struct http_reply whole = {.end = HTTP_REPLY, .status = status};
        for (int paid = 0; paid < 2; paid++)
            assert_int_equal(provider_classify(&cut, paid, false),
                             provider_classify(&whole, paid, false));
    }
}

/* --- reading values out of replies --- */

static struct json *json;

static struct json_value parse(const char *text)
{
    struct json_value root;
    struct error e = {0};

    if (json_parse(json, slice_of(text), &root, &e) != 0)
        fail_msg("%s: %s", text, e.message);
    return root;
}

static void errors_of_rows(void **state)
{
    static const struct {
        const char *row;
        const char *reason; /* NULL: no error */
    } rows[] = {
        {"{}", NULL},
        {"{\"error\":null}", NULL},
        {"{\"error\":false}", NULL},
        {"{\"error\":\"  \"}", NULL},
        {"{\"message\":\"fine\"}", NULL},
        {"[]", NULL},
        {"3", NULL},
        {"{\"error\":\" mailbox full \"}", "mailbox full"},
        {"{\"error\":{\"message\":\"m\",\"code\":\"c\"}}", "m"},
        {"{\"error\":{\"detail\":\"d\"}}", "d"},
        {"{\"error\":{\"code\":\"c\"}}", "c"},
        {"{\"error\":true,\"message\":\"why\"}", "why"},
        {"{\"error\":{}}", "the vendor reports an error"},
        {"{\"error\":7}", "the vendor reports an error"},
        {"{\"error\":[\"x\"]}", "the vendor reports an error"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct slice reason = SLICE_LIT("untouched");
        bool is = reply_error(parse(rows[i].row), &reason);
        assert_int_equal(is, rows[i].reason != NULL);
        assert_true(slice_eq(reason, slice_of(rows[i].reason ? rows[i].reason : "untouched")));
    }
}

static void scalars(void **state)
{
    static const struct {
        const char *row, *text, *flag;
    } rows[] = {
        {"{\"x\":\" high \"}", "high", ""},
        {"{\"x\":97}", "97", ""},
        {"{\"x\":-3}", "-3", ""},
        {"{\"x\":0.97}", "0.97", ""},
        {"{\"x\":true}", "", "true"},
        {"{\"x\":false}", "", "false"},
        {"{\"x\":null}", "", ""},
        {"{\"x\":[1]}", "", ""},
        {"{}", "", ""},
        {"\"x\"", "", ""},
    };
    struct reply_memory m;
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    reply_memory_init(&m, &a);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_value root = parse(rows[i].row);
        assert_true(slice_eq(reply_scalar(&m, root, "x"), slice_of(rows[i].text)));
        assert_true(slice_eq(reply_flag(root, "x"), slice_of(rows[i].flag)));
    }
    assert_false(m.failed);
    arena_deinit(&a);
}

/* A value longer than any scratch so far is printed whole, and without memory it is said. */
static void long_values_are_printed(void **state)
{
    static char text[60000];
    struct reply_memory m;
    struct arena a;

    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[0] = text[sizeof text - 2] = '"';
    struct json_value root = parse(text);

    arena_init(&a, 1 << 20);
    reply_memory_init(&m, &a);
    assert_true(slice_eq(reply_print(&m, parse("1")), SLICE_LIT("1")));
    root = parse(text);
    assert_true(slice_eq(reply_print(&m, root), slice_of(text)));
    assert_true(slice_eq(reply_lower(&m, SLICE_LIT("ABz-\xc3\x84")), SLICE_LIT("abz-\xc3\x84")));
    assert_false(m.failed);
    arena_deinit(&a);

    arena_init(&a, 100000);
    reply_memory_init(&m, &a);
    assert_int_equal(reply_print(&m, root).len, 0);
    assert_true(m.failed);
    arena_deinit(&a);
}

static void reasons_are_cut_between_characters(void **state)
{
    char text[3 * REPLY_REASON_MAX];

    (void)state;
    for (size_t offset = 0; offset < 4; offset++) {
        memset(text, 'a', sizeof text);
        for (size_t i = offset; i + 4 <= sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        struct slice cut = reply_cut((struct slice){text, sizeof text});
        assert_in_range(cut.len, REPLY_REASON_MAX - 3, REPLY_REASON_MAX);
        assert_int_equal((cut.len - offset) % 4, 0);
    }
    assert_int_equal(reply_cut((struct slice){text, REPLY_REASON_MAX}).len, REPLY_REASON_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_sound),
        cmocka_unit_test(problems_of_providers),
        cmocka_unit_test(problems_of_limits),
        cmocka_unit_test(problems_of_operations),
        cmocka_unit_test(problems_of_deliveries),
        cmocka_unit_test(problems_of_options),
        cmocka_unit_test(sound_ones_pass),
        cmocka_unit_test(options_are_set),
        cmocka_unit_test(wrong_options_are_told),
        cmocka_unit_test(unknown_names_are_told),
        cmocka_unit_test(statuses_are_classified),
        cmocka_unit_test(ends_are_classified),
        cmocka_unit_test(cut_refusals_are_refusals),
        cmocka_unit_test(errors_of_rows),
        cmocka_unit_test(scalars),
        cmocka_unit_test(long_values_are_printed),
        cmocka_unit_test(reasons_are_cut_between_characters),
    };

    json = json_create(64);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    json_destroy(json);
    return rc;
}
