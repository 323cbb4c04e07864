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
    if (strcmp(p.name, "set") == 0) {
        s->sets[s->set_count++] = p.text;
        return;
    }
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
    s->sets[s->set_count++] = FINDER ":mode=single";
    s->sets[s->set_count++] = "level=full";
    s->sets[s->set_count++] = "emails=work,\xe9";
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
    assert_int_equal(back.set_count, 3);
    for (unsigned i = 0; i < back.set_count; i++)
        assert_string_equal(back.sets[i], s.sets[i]);
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
    assert_int_equal(s.set_count, 0);
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
        "{\"sets\":{\"mode\":\"single\"}}",
        "{\"sets\":[null]}",
        "{\"callback_timeout\":\"5m\"}",
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
    {{"set", "mode=single", 0}, {"set", "mode=single", 0}, NULL},
    {{NULL, NULL, 0}, {"set", "mode=single", 0}, NULL},
    {{"set", "mode=single", 0},
     {"set", "mode=batch", 0},
     "--set is 'mode=single' here, but the run was started with 'mode=batch'"},
    {{"set", "mode=single", 0},
     {NULL, NULL, 0},
     "--set is 'mode=single' here, but the run was started without it"},
    {{"clock_speed", NULL, 10}, {"clock_speed", NULL, 1}, NULL},
    {{"callback_url", "https://a.example", 0}, {"callback_url", "https://b.example", 0}, NULL},
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

/* Options have no order, and none may be left out beside another. */
static void compares_options_as_a_whole(void **state)
{
    struct settings given, stored;
    struct error e = {0};

    (void)state;
    settings_init(&given);
    settings_init(&stored);
    stored.sets[stored.set_count++] = "level=full";
    stored.sets[stored.set_count++] = "emails=work";
    given.sets[given.set_count++] = "emails=work";
    assert_int_equal(settings_merge(&given, &stored, &e), ERR_USAGE);
    assert_string_equal(e.message, "--set is 'emails=work' here, but the run was started with "
                                   "'level=full, emails=work'");
    given.sets[given.set_count++] = "level=full";
    assert_int_equal(settings_merge(&given, &stored, &e), 0);

    settings_init(&given);
    assert_int_equal(settings_merge(&given, &stored, &e), 0);
    assert_int_equal(given.set_count, 2);
    assert_string_equal(given.sets[0], "level=full");
    assert_string_equal(given.sets[1], "emails=work");
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

/* What is documented of the account's plan, then what is of the operation. */
static void expect_limits(const struct setup *u, const struct rate_limit *tier,
                          const struct rate_limit *operation)
{
    const struct rate_limit *sources[] = {tier, operation};
    unsigned at = 0;

    for (int k = 0; k < 2; k++)
        for (unsigned i = 0; i < RATE_LIMITS_MAX && sources[k][i].count > 0; i++, at++) {
            assert_true(at < u->limit_count);
            assert_int_equal(u->limits[at].classes, sources[k][i].classes);
            assert_int_equal(u->limits[at].count, sources[k][i].count);
            assert_true(u->limits[at].per_ms == sources[k][i].per_ms);
        }
    assert_int_equal(at, u->limit_count);
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
    assert_ptr_equal(u.operation, &u.asked);
    assert_ptr_equal(u.tier, p->tiers);
    expect_limits(&u, u.tier->limits, u.asked.limits);
    assert_string_equal(u.base_url, p->base_url);
    assert_null(u.key_file);
    assert_int_equal(u.price, u.operation->price);
    assert_int_equal(u.batch_items, u.operation->items_max);
    assert_int_equal(u.live_max, p->live_max);
    assert_int_equal(u.prepared_max, u.live_max); /* each is more than enough */
    assert_int_equal(u.slots, 0);
    assert_int_equal(u.clock_speed, 1);
    assert_false(u.called);
    assert_null(u.callback_url);
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
    /* What is given stands for all that is documented, and counts requests of every kind. */
    assert_int_equal(u.limit_count, 2);
    assert_true(u.limits[0].classes == RATE_ALL && u.limits[1].classes == RATE_ALL);
    assert_true(u.limits[0].count == 2 && u.limits[0].per_ms == 1000);
    assert_true(u.limits[1].count == 30 && u.limits[1].per_ms == 60000);
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
    {{"set", "mode", 0}, ERR_USAGE, "--set: 'mode' is not of the form NAME=VALUE"},
    {{"set", "level=full", 0},
     ERR_USAGE,
     "--set: " FINDER " has no option 'level'; it has: mode, webhook"},
    {{"set", "=single", 0}, ERR_USAGE, "has no option ''"},
    {{"set", "mode=auto", 0}, ERR_USAGE, "--set: mode of " FINDER " is batch|single, not 'auto'"},
    {{"set", "mode=", 0}, ERR_USAGE, "is batch|single, not ''"},
    {{"set", "wiza/reveal:level=full", 0},
     ERR_USAGE,
     "--set: 'wiza/reveal' is not the operation of this run, which is " FINDER},
    {{"set", "enrichso:mode=single", 0}, ERR_USAGE, "'enrichso' is not the operation of this run"},
    {{"set", ":mode=single", 0}, ERR_USAGE, "'' is not the operation of this run"},
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

/* A run of an operation with one setting after another, ended by one without a name. */
struct given {
    const char *operation;
    struct pair pairs[6];
};

static int resolve(const struct given *g, struct setup *u, struct error *e)
{
    static struct settings s; /* the setup borrows from it */

    settings_init(&s);
    s.provider = g->operation;
    for (int i = 0; i < 6; i++)
        put(&s, g->pairs[i]);
    *e = (struct error){0};
    return settings_resolve(&s, u, e);
}

static void resolved(const struct given *g, struct setup *u)
{
    struct error e;

    if (resolve(g, u, &e) != 0)
        fail_msg("%s: %s", g->operation, e.message);
}

static void options_make_the_operation(void **state)
{
    struct setup u;
    struct error e;

    (void)state;
    resolved(&(struct given){FINDER, {{"set", "mode=single", 0}}}, &u);
    assert_int_equal(u.asked.delivery, DELIVERY_REPLY);
    assert_int_equal(u.asked.items_max, 1);
    assert_int_equal(u.batch_items, 1);
    assert_string_equal(operation_set(u.operation, "mode"), "single");
    resolved(&(struct given){FINDER, {{"set", FINDER ":mode=single", 0}}}, &u);
    assert_int_equal(u.batch_items, 1);
    /* A value may hold what parts a scope from a name. */
    assert_int_equal(resolve(&(struct given){FINDER, {{"set", "mode=a:b", 0}}}, &u, &e), ERR_USAGE);
    assert_non_null(strstr(e.message, "not 'a:b'"));

    resolved(&(struct given){"wiza/reveal", {{"set", "level=full", 0}}}, &u);
    int64_t full = u.price;
    resolved(&(struct given){"wiza/reveal", {{"set", "level=phone", 0}}}, &u);
    assert_true(full > u.price && u.price > 0);
    assert_true(u.price == u.asked.price);

    static const struct given twice[] = {
        {FINDER, {{"set", "mode=single", 0}, {"set", "mode=batch", 0}}},
        {FINDER, {{"set", "mode=single", 0}, {"set", "mode=single", 0}}},
        {FINDER, {{"set", "mode=single", 0}, {"set", FINDER ":mode=single", 0}}},
    };
    for (size_t i = 0; i < sizeof twice / sizeof twice[0]; i++) {
        assert_int_equal(resolve(&twice[i], &u, &e), ERR_USAGE);
        assert_string_equal(e.message, "--set: 'mode' is given twice");
    }
}

/* Where rows may have no echo, the operation that asks one by one is at hand. */
static void knows_how_to_ask_alone(void **state)
{
    struct setup u;

    (void)state;
    resolved(&(struct given){"enrichso/reverse-lookup", {{0}}}, &u);
    assert_true(u.asked.echo_unsure);
    assert_int_equal(u.asked.delivery, DELIVERY_PAGES);
    assert_int_equal(u.alone.delivery, DELIVERY_REPLY);
    assert_int_equal(u.alone.items_max, 1);
    assert_false(u.alone.echo_unsure);
    resolved(&(struct given){"enrichso/reverse-lookup", {{"set", "mode=batch", 0}}}, &u);
    assert_false(u.asked.echo_unsure);
    assert_int_equal(u.alone.delivery, DELIVERY_PAGES);
}

static void limits_of_plan_and_operation(void **state)
{
    static const struct rate_limit growth_batches[] = {
        {RATE_BIT(RATE_SUBMIT), 3, 1000}, {RATE_BIT(RATE_SUBMIT), 10, 60000}, {0, 0, 0}};
    static const struct rate_limit none[] = {{0, 0, 0}};
    static const struct rate_limit bulk[] = {{RATE_BIT(RATE_SUBMIT), 20, 60000}, {0, 0, 0}};
    struct setup u;

    (void)state;
    resolved(&(struct given){FINDER, {{"tier", "growth", 0}}}, &u);
    assert_string_equal(u.tier->name, "growth");
    expect_limits(&u, u.tier->limits, growth_batches);
    resolved(&(struct given){FINDER, {{"tier", "enterprise", 0}}}, &u);
    expect_limits(&u, u.tier->limits, none);
    resolved(&(struct given){"unstuck/enrich", {{"base_url", "https://unstuck.example", 0}}}, &u);
    expect_limits(&u, u.tier->limits, bulk);
    assert_int_equal(u.limits[0].classes, RATE_ALL);
    assert_int_equal(u.limit_count, 2);
    /* In a sandbox the largest plan costs nothing; another one has to be named. */
    resolved(&(struct given){FINDER, {{"sandbox", NULL, 1}}}, &u);
    assert_string_equal(u.tier->name, "enterprise");
    resolved(&(struct given){FINDER, {{"sandbox", NULL, 1}, {"tier", "free", 0}}}, &u);
    assert_string_equal(u.tier->name, "free");
    /* Eight may be given, in place of all of these. */
    resolved(
        &(struct given){FINDER,
                        {{"rate", "1/s,2/s,3/s,4/s,5/s,6/s,7/s,8/s", 0}, {"tier", "growth", 0}}},
        &u);
    assert_int_equal(u.limit_count, 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(u.limits[i].classes, RATE_ALL);
        assert_int_equal(u.limits[i].count, i + 1);
    }
}

/* A plan may allow smaller batches than the operation. */
static void batches_of_the_plan(void **state)
{
    struct setup u;
    struct error e;

    (void)state;
    resolved(&(struct given){"prospiq/enrich", {{"tier", "growth", 0}}}, &u);
    assert_int_equal(u.batch_items, 50);
    resolved(&(struct given){"prospiq/enrich", {{"tier", "pro", 0}}}, &u);
    assert_int_equal(u.batch_items, 100);
    assert_int_equal(
        resolve(&(struct given){"prospiq/enrich", {{"tier", "growth", 0}, {"batch_size", "51", 0}}},
                &u, &e),
        ERR_USAGE);
    assert_non_null(strstr(e.message, "from 1 to 50"));
}

/* So many batches are cut ahead that there is always something to send: about a thousand records,
 * and where a batch is more, as many batches as are in flight. */
static void cuts_ahead(void **state)
{
    static const struct {
        const char *items;
        unsigned prepared;
    } rows[] = {{"1", 128}, {"8", 128},  {"9", 113},  {"100", 10},
                {"512", 2}, {"1024", 1}, {"1025", 6}, {"500000", 6}};
    struct setup u;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        resolved(
            &(struct given){FINDER, {{"batch_size", rows[i].items, 0}, {"concurrency", "6", 0}}},
            &u);
        if (u.prepared_max != rows[i].prepared)
            fail_msg("%s items: %u", rows[i].items, u.prepared_max);
    }
}

/* Where the vendor has slots, four records are under way for each, and --concurrency says how many
 * slots there are. */
static void slots_of_the_plan(void **state)
{
    static const struct {
        struct given given;
        unsigned slots, live;
    } rows[] = {
        {{"wiza/reveal", {{0}}}, 5, 20},
        {{"wiza/reveal", {{"tier", "enterprise", 0}}}, 15, 60},
        {{"wiza/reveal", {{"concurrency", "40", 0}}}, 40, 160},
        {{"wiza/reveal", {{"concurrency", "wiza=1", 0}, {"tier", "enterprise", 0}}}, 1, 4},
        {{"wiza/reveal", {{"concurrency", "1000", 0}}}, 1000, 4000},
        /* Without slots it is how many submissions are in flight. */
        {{FINDER, {{"concurrency", "40", 0}}}, 0, 40},
        {{"zeliq/email",
          {{"callback_url", "https://cb.example", 0},
           {"spool", "calls", 0},
           {"concurrency", "9", 0}}},
         0,
         9},
    };
    struct setup u;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        resolved(&rows[i].given, &u);
        if (u.slots != rows[i].slots || u.live_max != rows[i].live)
            fail_msg("row %zu: %u slots, %u in flight", i, u.slots, u.live_max);
    }
}

#define LOOPBACK                                                                                   \
    {                                                                                              \
        "base_url", "http://127.0.0.1:8080", 0                                                     \
    }

/* All times of a vendor's document shrink alike, and never to nothing. */
static void a_faster_clock(void **state)
{
    struct setup usual, fast;

    (void)state;
    resolved(&(struct given){"wiza/reveal", {LOOPBACK}}, &usual);
    assert_int_equal(usual.clock_speed, 1);
    resolved(&(struct given){"wiza/reveal", {LOOPBACK, {"clock_speed", NULL, 100}}}, &fast);
    assert_int_equal(fast.clock_speed, 100);
    assert_true(usual.asked.work_ms > 0 && usual.asked.deadline_ms > 0);
    for (int i = 0; i < 2; i++) {
        const struct operation *u = i == 0 ? &usual.asked : &usual.alone;
        const struct operation *f = i == 0 ? &fast.asked : &fast.alone;
        assert_true(f->work_ms == u->work_ms / 100 && f->work_max_ms == u->work_max_ms / 100);
        assert_true(f->deadline_ms == u->deadline_ms / 100 && f->doubt_ms == u->doubt_ms / 100);
        assert_true(f->poll_first_ms == u->poll_first_ms / 100);
        assert_true(f->poll_max_ms == u->poll_max_ms / 100);
    }
    /* Waiting that the user limits is on the wall's clock. */
    assert_true(fast.max_wait_ms == usual.max_wait_ms && fast.timeout_ms == usual.timeout_ms);

    resolved(&(struct given){FINDER, {LOOPBACK}}, &usual);
    resolved(&(struct given){FINDER, {LOOPBACK, {"clock_speed", NULL, 100000}}}, &fast);
    assert_int_equal(fast.limit_count, usual.limit_count);
    for (unsigned i = 0; i < fast.limit_count; i++) {
        assert_int_equal(fast.limits[i].count, usual.limits[i].count);
        assert_int_equal(fast.limits[i].per_ms, 1);
    }
    assert_int_equal(fast.asked.poll_first_ms, 1);
    /* What is not there, or ends by itself, stays so. */
    assert_int_equal(fast.asked.deadline_ms, 0);
    assert_int_equal(fast.asked.work_ms, 0);
    /* A rate that was given is of the vendor's clock too. */
    resolved(&(struct given){FINDER, {LOOPBACK, {"clock_speed", NULL, 10}, {"rate", "3/min", 0}}},
             &fast);
    assert_int_equal(fast.limits[0].per_ms, 6000);
}

static void only_loopback_has_another_clock(void **state)
{
    static const struct {
        struct given given;
        int64_t speed; /* 0: refused */
    } rows[] = {
        {{FINDER, {{"clock_speed", NULL, 10}}}, 0},
        {{FINDER, {{"clock_speed", NULL, 10}, {"base_url", "https://127.0.0.1:1", 0}}}, 0},
        {{FINDER, {{"clock_speed", NULL, 10}, {"base_url", "https://a.example", 0}}}, 0},
        {{FINDER, {{"clock_speed", NULL, 1}}}, 1},
        {{FINDER, {{"clock_speed", NULL, 10}, {"base_url", "http://localhost:1", 0}}}, 10},
        {{FINDER, {{"clock_speed", NULL, 10}, {"base_url", "http://[::1]:1", 0}}}, 10},
        {{FINDER, {{"sandbox", NULL, 1}}}, 100},
        {{FINDER, {{"sandbox", NULL, 1}, {"clock_speed", NULL, 10}}}, 10},
        {{FINDER, {{"sandbox", NULL, 1}, {"clock_speed", NULL, 1}}}, 1},
    };
    struct setup u;
    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code = resolve(&rows[i].given, &u, &e);
        if (rows[i].speed == 0) {
            assert_int_equal(code, ERR_USAGE);
            assert_non_null(strstr(e.message, "--clock-speed is for servers on this host"));
            continue;
        }
        if (code != 0)
            fail_msg("row %zu: %s", i, e.message);
        assert_int_equal(u.clock_speed, rows[i].speed);
    }
}

#define URL                                                                                        \
    {                                                                                              \
        "callback_url", "https://cb.example/tranche", 0                                            \
    }
#define LISTEN                                                                                     \
    {                                                                                              \
        "callback_listen", "127.0.0.1:9000", 0                                                     \
    }
#define SPOOL                                                                                      \
    {                                                                                              \
        "spool", "calls", 0                                                                        \
    }

static void where_the_vendor_calls(void **state)
{
    static const struct {
        struct given given;
        const char *says; /* NULL: it is called, unless `quiet` */
        bool quiet;
    } rows[] = {
        {{"zeliq/email", {URL, LISTEN}}, NULL, false},
        {{"zeliq/email", {URL, SPOOL}}, NULL, false},
        {{"zeliq/phone", {URL, LISTEN, SPOOL}}, NULL, false},
        {{"zeliq/email", {{"sandbox", NULL, 1}}}, NULL, false},
        {{"wiza/reveal", {URL, LISTEN}}, NULL, false},
        {{FINDER, {URL, LISTEN, {"set", "webhook=on", 0}}}, NULL, false},
        /* Who can be polled needs no address. */
        {{"wiza/reveal", {{0}}}, NULL, true},
        {{FINDER, {{0}}}, NULL, true},
        {{FINDER, {{"sandbox", NULL, 1}}}, NULL, true},
        {{FINDER, {{"sandbox", NULL, 1}, {"set", "webhook=on", 0}}}, NULL, false},
        {{"wiza/reveal", {{"sandbox", NULL, 1}}}, NULL, true},
        /* Who only calls back does. */
        {{"zeliq/email", {{0}}},
         "Zeliq answers email by calling back: give --callback-url https://HOST (a public address "
         "that leads here) and --callback-listen ADDR:PORT, or --spool DIR",
         false},
        {{FINDER, {{"set", "webhook=on", 0}}},
         "Enrich.so answers email-finder by calling back",
         false},
        {{"prospiq/enrich", {{"set", "webhook=on", 0}}}, "answers enrich by calling back", false},
        /* Half of it. */
        {{"zeliq/email", {LISTEN}},
         "--callback-url is missing: the public address that leads to --callback-listen",
         false},
        {{"zeliq/email", {SPOOL}},
         "--callback-url is missing: the public address that leads to the listener of --spool",
         false},
        {{FINDER, {SPOOL}}, "--callback-url is missing", false},
        {{"zeliq/email", {URL}},
         "--callback-url leads nowhere: give --callback-listen ADDR:PORT, or --spool DIR",
         false},
        /* An address that cannot be used. */
        {{"zeliq/email", {{"callback_url", "http://cb.example", 0}, LISTEN}},
         "--callback-url: 'http://cb.example' cannot be used: plain http is for loopback",
         false},
        {{"zeliq/email", {{"callback_url", "https://cb.example/", 0}, LISTEN}},
         "'https://cb.example/' cannot be used: it ends with a slash",
         false},
        {{"zeliq/email", {{"callback_url", "https://cb.example/?a", 0}, LISTEN}},
         "it must end before any ? or #",
         false},
        {{"zeliq/email", {{"callback_url", "", 0}, LISTEN}}, "it must begin with https://", false},
        {{"zeliq/email", {{"callback_url", "https://cb.example:0", 0}, SPOOL}}, "its port", false},
        {{"zeliq/email", {{"callback_url", "http://127.0.0.1:9000", 0}, LISTEN}}, NULL, false},
        /* An address that nobody would call. */
        {{FINDER, {URL, LISTEN}},
         "--callback-url: " FINDER " calls nobody back as it is asked here; tranche providers says"
         " whether an option changes that",
         false},
        {{"unstuck/enrich", {URL, LISTEN, {"base_url", "https://u.example", 0}}},
         "--callback-url: unstuck/enrich calls nobody back as it is asked here; tranche providers "
         "says"
         " whether an option changes that",
         false},
        /* A sandbox is called without being told. */
        {{"zeliq/email", {{"sandbox", NULL, 1}, URL, LISTEN}},
         "--sandbox needs no address to be called back at",
         false},
        {{"zeliq/email", {{"sandbox", NULL, 1}, LISTEN}}, "--sandbox needs no address", false},
        {{FINDER, {{"sandbox", NULL, 1}, SPOOL}}, "--sandbox needs no address", false},
    };
    struct setup u;
    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code = resolve(&rows[i].given, &u, &e);
        if (code != (rows[i].says ? ERR_USAGE : 0) ||
            (rows[i].says && !strstr(e.message, rows[i].says)))
            fail_msg("row %zu: %d %s", i, code, e.message);
        if (code == 0)
            assert_int_equal(u.called, !rows[i].quiet);
    }
    assert_int_equal(resolve(&rows[2].given, &u, &e), 0);
    assert_string_equal(u.callback_url, "https://cb.example/tranche");
    assert_string_equal(u.callback_listen, "127.0.0.1:9000");
    assert_string_equal(u.spool, "calls");
    assert_int_equal(resolve(&rows[3].given, &u, &e), 0);
    assert_null(u.callback_url);
}

static void a_callback_address_has_a_longest(void **state)
{
    struct given g = {"zeliq/email", {{"callback_url", NULL, 0}, LISTEN}};
    char url[400] = "https://a.example/";
    struct setup u;
    struct error e;

    (void)state;
    memset(url + strlen(url), 'x', 255 - strlen(url));
    g.pairs[0].text = url;
    assert_int_equal(resolve(&g, &u, &e), 0);
    url[255] = 'x';
    assert_int_equal(resolve(&g, &u, &e), ERR_USAGE);
    assert_non_null(strstr(e.message, "longer than 255 bytes"));
}

/* How long one waits for callbacks: the document's time, or what is given, on the vendor's clock. */
static void callback_timeout(void **state)
{
    struct setup u;

    (void)state;
    resolved(&(struct given){"zeliq/email", {URL, LISTEN}}, &u);
    assert_int_equal(u.asked.deadline_ms, 1800000);
    resolved(&(struct given){"zeliq/email", {URL, LISTEN, {"callback_timeout", NULL, 60000}}}, &u);
    assert_int_equal(u.asked.deadline_ms, 60000);
    assert_int_equal(u.alone.deadline_ms, 60000);
    resolved(
        &(struct given){
            "zeliq/email",
            {{"sandbox", NULL, 1}, {"callback_timeout", NULL, 60000}, {"clock_speed", NULL, 10}}},
        &u);
    assert_int_equal(u.asked.deadline_ms, 6000);
}

/* --http: loopback for nothing, other addresses by leave. */
static void where_to_be_watched(void **state)
{
    static const struct {
        const char *http;
        int64_t public;
        const char *host; /* NULL: refused, and what it says */
        const char *says;
    } rows[] = {
        {NULL, SETTING_ABSENT, "", NULL},
        {"127.0.0.1:8080", SETTING_ABSENT, "127.0.0.1", NULL},
        {"127.8.9.1:0", 0, "127.8.9.1", NULL},
        {"localhost:0", SETTING_ABSENT, "127.0.0.1", NULL},
        {"[::1]:9", SETTING_ABSENT, "::1", NULL},
        {"127.0.0.1:0", 1, "127.0.0.1", NULL},
        {"0.0.0.0:9", 1, "0.0.0.0", NULL},
        {"192.168.1.2:9", 1, "192.168.1.2", NULL},
        {"0.0.0.0:9", SETTING_ABSENT, NULL, "--http-public"},
        {"[::]:9", 0, NULL, "no password"},
        {"[::ffff:127.0.0.1]:9", SETTING_ABSENT, NULL, "--http-public"},
        {"192.168.1.2:9", SETTING_ABSENT, NULL, "127.0.0.1:9"},
        {"8080", SETTING_ABSENT, NULL, "--http: '8080' has no port"},
        {"example.org:80", 1, NULL, "not an IP address"},
        {NULL, 1, NULL, "--http ADDR:PORT"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct settings s;
        struct setup u;
        struct error e = {0};
        settings_init(&s);
        s.provider = FINDER;
        s.http = rows[i].http;
        s.http_public = rows[i].public;
        int rc = settings_resolve(&s, &u, &e);
        if (rows[i].host == NULL) {
            if (rc != ERR_USAGE || strstr(e.message, rows[i].says) == NULL)
                fail_msg("%s: %d %s", rows[i].http, rc, e.message);
        } else {
            if (rc != 0)
                fail_msg("%s: %s", rows[i].http, e.message);
            assert_string_equal(u.http.host, rows[i].host);
        }
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
        cmocka_unit_test(compares_options_as_a_whole),
        cmocka_unit_test(follows_links),
        cmocka_unit_test(takes_the_address_of_the_environment),
        cmocka_unit_test(fills_in_the_defaults),
        cmocka_unit_test(takes_what_is_given),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(options_make_the_operation),
        cmocka_unit_test(knows_how_to_ask_alone),
        cmocka_unit_test(limits_of_plan_and_operation),
        cmocka_unit_test(batches_of_the_plan),
        cmocka_unit_test(cuts_ahead),
        cmocka_unit_test(slots_of_the_plan),
        cmocka_unit_test(a_faster_clock),
        cmocka_unit_test(only_loopback_has_another_clock),
        cmocka_unit_test(where_the_vendor_calls),
        cmocka_unit_test(a_callback_address_has_a_longest),
        cmocka_unit_test(callback_timeout),
        cmocka_unit_test(an_address_has_a_longest),
        cmocka_unit_test(where_to_be_watched),
        cmocka_unit_test(a_sandbox_needs_neither_address_nor_key),
    };

    unsetenv("ENRICHSO_BASE_URL"); /* the tests set what they need */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
