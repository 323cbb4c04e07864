/* Settings: kept as JSON, merged when a run goes on, worked out for an operation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run/settings.h"

#define FINDER "enrichso/email-finder"

/* One setting by name, for tables: a text or a number. */
struct pair {
    const char *name;
    const char *text;
    int64_t number;
};

static void put(struct settings *s, struct pair p)
{
    if (!p.name)
        return;
#define X(id, hold)                                                                                \
    if (strcmp(p.name, #id) == 0) {                                                                \
        s->id = p.text;                                                                            \
        return;                                                                                    \
    }
    SETTINGS_TEXTS(X)
#undef X
#define X(id, hold)                                                                                \
    if (strcmp(p.name, #id) == 0) {                                                                \
        s->id = p.number;                                                                          \
        return;                                                                                    \
    }
    SETTINGS_NUMBERS(X)
#undef X
    assert_string_equal(p.name, "map");
    s->maps[s->map_count++] = p.text;
}

static void fill_everything(struct settings *s)
{
    int64_t n = 1;

    settings_init(s);
#define X(id, hold) s->id = "text of " #id;
    SETTINGS_TEXTS(X)
#undef X
#define X(id, hold) s->id = n++;
    SETTINGS_NUMBERS(X)
#undef X
    s->list = "/tmp/caf\xe9 \"list\".csv"; /* Latin-1, as old disks have it */
    s->output = "gr\xc3\xbc\xc3\x9f"
                "e.csv";
    s->max_wait = INT64_MAX;
    s->maps[s->map_count++] = "email=E-Mail";
    s->maps[s->map_count++] = "domain=\xff";
}

static void goes_through_json_unchanged(void **state)
{
    struct settings s, back;
    struct buf first, again;
    struct error e = {0};
    enum { FROZEN, LOOSE, THIS };

    (void)state;
    buf_init(&first, 1 << 16);
    buf_init(&again, 1 << 16);
    fill_everything(&s);
    settings_json(&s, &first);
    if (settings_parse(&back, buf_slice(&first), &e) != 0)
        fail_msg("%s", e.message);
#define X(id, hold)                                                                                \
    if (hold == THIS)                                                                              \
        assert_null(back.id);                                                                      \
    else                                                                                           \
        assert_string_equal(back.id, s.id);
    SETTINGS_TEXTS(X)
#undef X
#define X(id, hold) assert_true(back.id == (hold == THIS ? SETTING_ABSENT : s.id));
    SETTINGS_NUMBERS(X)
#undef X
    assert_int_equal(back.map_count, 2);
    assert_string_equal(back.maps[1], s.maps[1]);
    settings_json(&back, &again);
    assert_true(slice_eq(buf_slice(&first), buf_slice(&again)));

    settings_free(&back);
    settings_free(&back);
    buf_deinit(&first);
    buf_deinit(&again);
}

static void absent_stays_absent(void **state)
{
    struct settings s;
    struct buf out;
    struct error e = {0};

    (void)state;
    settings_init(&s);
    buf_init(&out, 1024);
    settings_json(&s, &out);
    assert_string_equal(buf_text(&out), "{}");
    assert_int_equal(settings_parse(&s, buf_slice(&out), &e), 0);
    assert_null(s.list);
    assert_true(s.max_records == SETTING_ABSENT);
    assert_int_equal(s.map_count, 0);
    settings_free(&s);
    buf_deinit(&out);
}

static void refuses_what_it_did_not_write(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{\"list\":1}",
        "{\"list\":null}",
        "{\"list\":\"a\\u0000b\"}",
        "{\"list\":{\"bytes\":\"6\"}}",
        "{\"list\":{\"bytes\":\"6g\"}}",
        "{\"list\":{\"bytes\":\"6100\"}}",
        "{\"max_records\":\"many\"}",
        "{\"maps\":\"email=E\"}",
        "{\"maps\":[1]}",
        "{\"output\":\"kept until the end\",\"of_a_later_version\":1}",
        "{\"quiet\":1}", /* of one process: never written */
    };
    struct settings s;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error e = {0};
        if (settings_parse(&s, slice_of(bad[i]), &e) != ERR_DATA)
            fail_msg("taken: %s", bad[i]);
        assert_true(strlen(e.message) > 0);
        assert_null(s.output);
    }
}

static const struct merge {
    struct pair given, stored;
    const char *says; /* NULL: merges */
} merges[] = {
    {{"max_records", NULL, 10}, {"max_records", NULL, 10}, NULL},
    {{"max_records", NULL, 10},
     {"max_records", NULL, 11},
     "--max-records is '10' here, but the run was started with '11'"},
    {{"max_records", NULL, 10},
     {NULL, NULL, 0},
     "--max-records is '10' here, but the run was started without it"},
    {{NULL, NULL, 0}, {"max_records", NULL, 10}, NULL},
    {{"raw", NULL, 0}, {NULL, NULL, 0}, NULL},
    {{"raw", NULL, 1}, {"raw", NULL, 0}, "--raw is '1' here"},
    {{"keep_list", NULL, 1},
     {NULL, NULL, 0},
     "--keep-list is '1' here, but the run was started without it"},
    {{"provider", "enrichso/email-validation", 0},
     {"provider", FINDER, 0},
     "--provider is 'enrichso/email-validation' here"},
    {{"csv_safe", "all", 0},
     {"csv_safe", "off", 0},
     "--csv-safe is 'all' here, but the run was started with 'off'"},
    {{"tier", "free", 0}, {"tier", "growth", 0}, NULL},
    {{"max_credits", NULL, 10}, {"max_credits", NULL, 5}, NULL},
    {{"map", "email=A", 0}, {"map", "email=A", 0}, NULL},
    {{"map", "email=A", 0},
     {"map", "email=B", 0},
     "--map is 'email=A' here, but the run was started with 'email=B'"},
    {{"map", "email=A", 0},
     {NULL, NULL, 0},
     "--map is 'email=A' here, but the run was started without it"},
    {{"list", "a.csv", 0},
     {"list", "b.csv", 0},
     "the list is 'a.csv' here, but the run was started with 'b.csv'"},
    {{"list", "./a.csv", 0}, {"list", "a.csv", 0}, NULL},
    {{"list", "-", 0}, {"list", "a.csv", 0}, "the list is '-' here"},
    {{"output", "/tmp/../tmp/o.csv", 0}, {"output", "/tmp/o.csv", 0}, NULL},
    {{"output", "/nowhere/o.csv", 0},
     {"output", "/nowhere//o.csv", 0},
     "--output is '/nowhere/o.csv' here"},
};

static void merges_or_names_the_difference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof merges / sizeof merges[0]; i++) {
        const struct merge *m = &merges[i];
        struct settings given, stored;
        struct error e = {0};
        settings_init(&given);
        settings_init(&stored);
        put(&given, m->given);
        put(&stored, m->stored);
        int code = settings_merge(&given, &stored, &e);
        if (code != (m->says ? ERR_USAGE : 0) || (m->says && !strstr(e.message, m->says)))
            fail_msg("row %zu: %d %s", i, code, e.message);
    }
}

static void what_is_left_out_goes_on(void **state)
{
    struct settings given, stored;
    struct error e = {0};

    (void)state;
    settings_init(&given);
    settings_init(&stored);
    stored.list = "a.csv";
    stored.provider = FINDER;
    stored.tier = "growth";
    stored.max_credits = 100;
    stored.max_wait = 5;
    stored.force = 1;
    stored.progress = "bar";
    stored.maps[stored.map_count++] = "email=A";
    given.max_credits = 200;
    assert_int_equal(settings_merge(&given, &stored, &e), 0);
    assert_string_equal(given.list, "a.csv");
    assert_string_equal(given.tier, "growth");
    assert_int_equal(given.max_credits, 200);
    assert_int_equal(given.max_wait, 5);
    assert_int_equal(given.map_count, 1);
    assert_true(given.force == SETTING_ABSENT); /* of one process */
    assert_null(given.progress);
}

/* A link to the list is the list. */
static void follows_links(void **state)
{
    char folder[] = "/tmp/tranche-settings-XXXXXX", file[64], link[64];
    struct settings given, stored;
    struct error e = {0};

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/list.csv", folder);
    snprintf(link, sizeof link, "%s/link.csv", folder);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fclose(f);
    assert_int_equal(symlink("list.csv", link), 0);
    settings_init(&given);
    settings_init(&stored);
    given.list = link;
    stored.list = file;
    assert_int_equal(settings_merge(&given, &stored, &e), 0);
    unlink(link);
    unlink(file);
    rmdir(folder);
}

static void takes_the_address_of_the_environment(void **state)
{
    struct settings s, stored;
    struct error e = {0};

    (void)state;
    setenv("ENRICHSO_BASE_URL", "https://env.example", 1);
    settings_init(&s);
    settings_environment(&s); /* whose? */
    assert_null(s.base_url);
    s.provider = FINDER;
    settings_environment(&s);
    assert_string_equal(s.base_url, "https://env.example");
    s.base_url = "https://given.example";
    settings_environment(&s);
    assert_string_equal(s.base_url, "https://given.example");

    settings_init(&s);
    settings_init(&stored);
    stored.provider = FINDER;
    stored.base_url = "https://stored.example";
    assert_int_equal(settings_merge(&s, &stored, &e), 0);
    assert_string_equal(s.base_url, "https://env.example");

    settings_init(&s);
    stored.sandbox = 1;
    stored.base_url = NULL;
    assert_int_equal(settings_merge(&s, &stored, &e), 0);
    assert_null(s.base_url);
    unsetenv("ENRICHSO_BASE_URL");
}

static void fills_in_the_defaults(void **state)
{
    struct settings s;
    struct setup u;
    struct error e = {0};

    (void)state;
    settings_init(&s);
    assert_int_equal(settings_resolve(&s, &u, &e), ERR_USAGE);
    s.provider = FINDER;
    assert_int_equal(settings_resolve(&s, &u, &e), 0);
    const struct provider *p = u.operation->provider;
    assert_ptr_equal(u.tier, p->tiers);
    unsigned limits = 0;
    while (limits < RATE_LIMITS_MAX && u.tier->limits[limits].count > 0)
        limits++;
    assert_int_equal(u.limit_count, limits);
    assert_memory_equal(u.limits, u.tier->limits, limits * sizeof u.limits[0]);
    assert_string_equal(u.base_url, p->base_url);
    assert_null(u.key_file);
    assert_int_equal(u.price, u.operation->price);
    assert_int_equal(u.batch_items, u.operation->items_max);
    assert_int_equal(u.live_max, p->live_max);
    assert_true(u.max_credits == INT64_MAX && u.max_doubt_credits == INT64_MAX);
    assert_int_equal(u.max_wait_ms, 900000);
    assert_int_equal(u.doubt_wait_ms, 60000);
    assert_int_equal(u.timeout_ms, 300000);
    assert_int_equal(u.drain_timeout_ms, 30000);
    assert_int_equal(u.linger_ms, 30000);
    assert_int_equal(u.on_in_doubt, DOUBT_HOLD);
}

static void takes_what_is_given(void **state)
{
    struct settings s;
    struct setup u;
    struct error e = {0};

    (void)state;
    settings_init(&s);
    s.provider = FINDER;
    s.tier = "enrichso=growth";
    s.rate = "enrichso=2/s,30/min";
    s.concurrency = "7";
    s.batch_size = "enrichso=100";
    s.price = FINDER "=3";
    s.base_url = "enrichso=http://127.0.0.1:8080/a=b";
    s.key_file = "./env/a=b";
    s.on_in_doubt = "skip";
    s.max_credits = 0;
    s.max_wait = INT64_MAX;
    if (settings_resolve(&s, &u, &e) != 0)
        fail_msg("%s", e.message);
    assert_string_equal(u.tier->name, "growth");
    assert_int_equal(u.limit_count, 4);
    unsigned of_class[RATE_CLASSES] = {0};
    for (unsigned i = 0; i < u.limit_count; i++) {
        of_class[u.limits[i].class]++;
        assert_true((u.limits[i].count == 2 && u.limits[i].per_ms == 1000) ||
                    (u.limits[i].count == 30 && u.limits[i].per_ms == 60000));
    }
    assert_int_equal(of_class[RATE_SUBMIT], 2);
    assert_int_equal(of_class[RATE_READ], 2);
    assert_int_equal(u.live_max, 7);
    assert_int_equal(u.batch_items, 100);
    assert_int_equal(u.price, 3);
    assert_string_equal(u.base_url, "http://127.0.0.1:8080/a=b");
    assert_string_equal(u.key_file, "./env/a=b");
    assert_int_equal(u.on_in_doubt, DOUBT_SKIP);
    assert_int_equal(u.max_credits, 0);
    assert_true(u.max_wait_ms == INT64_MAX);

    settings_init(&s);
    s.provider = FINDER;
    s.sandbox = 1;
    assert_int_equal(settings_resolve(&s, &u, &e), 0);
    assert_null(u.base_url);
    assert_null(u.key_file);
}

static const struct bad {
    struct pair pair;
    int code;
    const char *says;
} bads[] = {
    {{"provider", "email-finder", 0}, ERR_USAGE, "there is no operation 'email-finder'"},
    {{"tier", "gold", 0}, ERR_USAGE, "--tier: enrichso has no tier 'gold'"},
    {{"tier", "wiza=growth", 0},
     ERR_USAGE,
     "--tier: 'wiza' is not the provider of this run, which is enrichso"},
    {{"rate", "fast", 0}, ERR_USAGE, "--rate: "},
    {{"rate", "wiza=1/s", 0}, ERR_USAGE, "'wiza' is not the provider"},
    {{"concurrency", "0", 0}, ERR_USAGE, "--concurrency: '0' is not a whole number from 1 to 1000"},
    {{"concurrency", "enrichso=", 0}, ERR_USAGE, "--concurrency: '' is not"},
    {{"concurrency", "-1", 0}, ERR_USAGE, "is not a whole number"},
    {{"batch_size", "12x", 0}, ERR_USAGE, "--batch-size: '12x' is not a whole number from 1 to "},
    {{"batch_size", "500001", 0}, ERR_USAGE, "--batch-size: '500001' is not"},
    {{"batch_size", "18446744073709551617", 0}, ERR_USAGE, "is not a whole number"},
    {{"price", "10", 0}, ERR_USAGE, "is not of the form OP=N"},
    {{"price", "enrichso=10", 0},
     ERR_USAGE,
     "'enrichso' is not the operation of this run, which is " FINDER},
    {{"price", FINDER "=ten", 0}, ERR_USAGE, "--price: 'ten' is not a whole number"},
    {{"base_url", "http://enrich.example", 0}, ERR_CONFIG, "plain http is for loopback"},
    {{"base_url", "enrichso=https://a.example?x", 0},
     ERR_CONFIG,
     "'https://a.example?x' cannot be used"},
    {{"base_url", "wiza=https://wiza.example", 0}, ERR_USAGE, "'wiza' is not the provider"},
    {{"key_file", "wiza=key", 0}, ERR_USAGE, "'wiza' is not the provider"},
    {{"on_in_doubt", "guess", 0}, ERR_USAGE, "'guess' is not one of hold, resubmit, skip"},
};

static void says_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        struct settings s;
        struct setup u;
        struct error e = {0};
        settings_init(&s);
        s.provider = FINDER;
        put(&s, bads[i].pair);
        int code = settings_resolve(&s, &u, &e);
        if (code != bads[i].code || !strstr(e.message, bads[i].says))
            fail_msg("%s %s: %d %s", bads[i].pair.name, bads[i].pair.text, code, e.message);
    }
}

static void an_address_has_a_longest(void **state)
{
    struct settings s;
    struct setup u;
    struct error e = {0};
    char url[400] = "https://a.example/";

    (void)state;
    memset(url + strlen(url), 'x', 255 - strlen(url));
    settings_init(&s);
    s.provider = FINDER;
    s.base_url = url;
    assert_int_equal(settings_resolve(&s, &u, &e), 0);
    url[255] = 'x';
    assert_int_equal(settings_resolve(&s, &u, &e), ERR_CONFIG);
}

static void a_sandbox_needs_neither_address_nor_key(void **state)
{
    static const struct pair pairs[] = {
        {"base_url", "https://a.example", 0},
        {"key_file", "env/key", 0},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct settings s;
        struct setup u;
        struct error e = {0};
        settings_init(&s);
        s.provider = FINDER;
        s.sandbox = 1;
        put(&s, pairs[i]);
        assert_int_equal(settings_resolve(&s, &u, &e), ERR_USAGE);
        assert_non_null(strstr(e.message, "--sandbox cannot be combined"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_through_json_unchanged),
        cmocka_unit_test(absent_stays_absent),
        cmocka_unit_test(refuses_what_it_did_not_write),
        cmocka_unit_test(merges_or_names_the_difference),
        cmocka_unit_test(what_is_left_out_goes_on),
        cmocka_unit_test(follows_links),
        cmocka_unit_test(takes_the_address_of_the_environment),
        cmocka_unit_test(fills_in_the_defaults),
        cmocka_unit_test(takes_what_is_given),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(an_address_has_a_longest),
        cmocka_unit_test(a_sandbox_needs_neither_address_nor_key),
    };

    unsetenv("ENRICHSO_BASE_URL"); /* the tests set what they need */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
