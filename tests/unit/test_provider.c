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

/* Each break of a sound descriptor must be seen. */
static void problems_are_seen(void **state)
{
    const struct provider *sound = provider_table[0];
    struct operation ops[2];
    struct provider_tier tiers[2];

    (void)state;
#define BROKEN_PROVIDER(change, words)                                                             \
    do {                                                                                           \
        struct provider p = *sound;                                                                \
        ops[0] = sound->operations[0];                                                             \
        ops[1] = (struct operation){.name = NULL};                                                 \
        tiers[0] = sound->tiers[0];                                                                \
        tiers[1] = (struct provider_tier){.name = NULL};                                           \
        ops[0].provider = &p;                                                                      \
        p.operations = ops;                                                                        \
        p.tiers = tiers;                                                                           \
        assert_null(provider_problem(&p));                                                         \
        change;                                                                                    \
        const char *problem = provider_problem(&p);                                                \
        assert_non_null(problem);                                                                  \
        assert_non_null(strstr(problem, words));                                                   \
    } while (0)

    BROKEN_PROVIDER(p.name = "Enrich So", "name");
    BROKEN_PROVIDER(p.title = NULL, "title");
    BROKEN_PROVIDER(p.doc = NULL, "page");
    BROKEN_PROVIDER(p.base_url = "http://dev.enrich.so", "base address");
    BROKEN_PROVIDER(p.key_env = "", "environment");
    BROKEN_PROVIDER(p.key_header = "x-api\nkey", "header");
    BROKEN_PROVIDER(p.live_max = 0, "limit of 0");
    BROKEN_PROVIDER(p.reads_max = 0, "limit of 0");
    BROKEN_PROVIDER(p.parse_balance = NULL, "balance");
    BROKEN_PROVIDER(tiers[0].name = NULL, "no tier");
    BROKEN_PROVIDER(ops[0].name = NULL, "no operation");
    BROKEN_PROVIDER(tiers[0].limits[0].count = 0, "every class");
    BROKEN_PROVIDER(tiers[0].limits[0].per_ms = 0, "without a time");
    BROKEN_PROVIDER(tiers[0].limits[0].class = RATE_CLASSES, "unknown class");
    BROKEN_PROVIDER(tiers[0].name = "", "tier");
    BROKEN_PROVIDER(for (int i = 0; i < RATE_LIMITS_MAX; i++) tiers[0].limits[i] =
                        tiers[0].limits[0],
                    "more limits");
    BROKEN_PROVIDER(ops[0].provider = sound, "another provider");
    BROKEN_PROVIDER(ops[0].title = "", "title");
    BROKEN_PROVIDER(ops[0].items_max = 0, "limit of 0");
    BROKEN_PROVIDER(ops[0].page_rows = 0, "limit of 0");
    BROKEN_PROVIDER(ops[0].item_bytes_max = 0, "limit of 0");
    BROKEN_PROVIDER(ops[0].answer_bytes_max = 0, "limit of 0");
    BROKEN_PROVIDER(ops[0].price = -1, "price");
    BROKEN_PROVIDER(ops[0].poll_first_ms = 0, "times");
    BROKEN_PROVIDER(ops[0].poll_max_ms = 1, "times");
    BROKEN_PROVIDER(ops[0].doubt_ms = -1, "times");
    BROKEN_PROVIDER(ops[0].build_submit = NULL, "requests");
    BROKEN_PROVIDER(ops[0].body_begin = NULL, "requests");
    BROKEN_PROVIDER(ops[0].body_item = NULL, "requests");
    BROKEN_PROVIDER(ops[0].body_end = NULL, "requests");
    BROKEN_PROVIDER(ops[0].build_poll = NULL, "requests");
    BROKEN_PROVIDER(ops[0].build_page = NULL, "requests");
    BROKEN_PROVIDER(ops[0].check = NULL, "lacks");
    BROKEN_PROVIDER(ops[0].parse_submit = NULL, "lacks");
    BROKEN_PROVIDER(ops[0].parse_poll = NULL, "lacks");
    BROKEN_PROVIDER(ops[0].parse_page = NULL, "lacks");
    BROKEN_PROVIDER(ops[0].classify = NULL, "lacks");
    BROKEN_PROVIDER(ops[0].accepts = NULL, "accepts no fields");
    BROKEN_PROVIDER(ops[0].echoes = 0, "echo");
    BROKEN_PROVIDER(ops[0].echoes = (uint32_t)1 << FIELD_COUNT, "echo");
    BROKEN_PROVIDER(ops[0].echoes |= FIELD_BIT(PHONE), "identity");
    BROKEN_PROVIDER(ops[0].gives = 0, "gives");
    BROKEN_PROVIDER(ops[0].gives |= (uint32_t)1 << FIELD_COUNT, "gives");
#undef BROKEN_PROVIDER
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
        cmocka_unit_test(problems_are_seen),
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
