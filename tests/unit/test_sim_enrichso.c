/* The simulator's Enrich.so: reverse lookup and phone finder, alone and in bulk, in each form, and
 * what the judge says of them. Finder and validation are in test_sim.c, webhooks in
 * test_sim_enrichso_hooks.c. */
#include "sim_client.h"

#define API    "/enrichso/api/v3/"
#define LOOKUP API "reverse-lookup/lookup"
#define BULK   API "reverse-lookup/bulk-lookup"
#define PHONES API "reverse-lookup/phones"

static int64_t account_number(struct fixture *f, const char *path)
{
    return number_of_account(f, "enrichso", path);
}

/* Submit; the id of the batch. */
static void submit(struct fixture *f, const char *path, const char *body, char id[64])
{
    struct reply r = ask(f, "POST", path, body);
    if (r.status != 200)
        fail_msg("%d %s", r.status, r.body);
    snprintf(id, 64, "%s", text_at(parse(f, &r), "data.batchId"));
    reply_free(&r);
}

static struct reply results(struct fixture *f, const char *path, const char *id, const char *query)
{
    char whole[192];
    snprintf(whole, sizeof whole, "%s/%s/results%s", path, id, query);
    struct reply r = ask(f, "GET", whole, NULL);
    if (r.status != 200)
        fail_msg("%s: %d %s", whole, r.status, r.body);
    return r;
}

/* n addresses of a domain, person0 to person<n-1>, as a body; the caller frees it. */
static char *addresses(unsigned n, const char *list, const char *domain)
{
    size_t cap = 64 + (size_t)n * 64, len = 0;
    char *text = malloc(cap);
    assert_non_null(text);
    len += (size_t)snprintf(text, cap, "{\"%s\":[", list);
    for (unsigned i = 0; i < n; i++)
        len +=
            (size_t)snprintf(text + len, cap - len, "%s\"person%u@%s\"", i ? "," : "", i, domain);
    snprintf(text + len, cap - len, "]}");
    return text;
}

static void check_holds(const struct reply *r, const char *holds)
{
    if (!strstr(r->body, holds))
        fail_msg("no %s in %s", holds, r->body);
}

static void check_lacks(const struct reply *r, const char *lacks)
{
    if (strstr(r->body, lacks))
        fail_msg("%s in %s", lacks, r->body);
}

/* ---- alone ---- */

static void test_lookup(void **state)
{
    struct fixture *f = *state;
    f->options.balance = 35;
    start(f);
    /* Asked again, it is charged again: that results are cached promises no discount. */
    for (int i = 1; i <= 2; i++) {
        struct reply r = ask(f, "POST", LOOKUP, "{\"email\":\"Jane@Everybody.example\"}");
        assert_int_equal(r.status, 200);
        struct json_value root = parse(f, &r);
        check_holds(&r, "\"data\":{\"found\":true,\"email\":\"Jane@Everybody.example\","
                        "\"linkedinUrl\":\"https://www.linkedin.com/in/");
        assert_true(text_at(root, "data.firstName")[0] && text_at(root, "data.lastName")[0] &&
                    text_at(root, "data.title")[0]);
        assert_string_equal(text_at(root, "data.company"), "Everybody");
        assert_int_equal(number_at(root, "meta.creditsUsed"), 10);
        assert_int_equal(number_at(root, "meta.creditsRemaining"), 35 - 10 * i);
        reply_free(&r);
    }
    struct reply r = ask(f, "POST", LOOKUP, "{\"email\":\"jane@nobody.example\"}");
    assert_int_equal(r.status, 200);
    check_holds(&r, "\"data\":{\"found\":false,\"email\":\"jane@nobody.example\"}");
    assert_int_equal(number_at(parse(f, &r), "meta.creditsUsed"), 0);
    reply_free(&r);
    assert_int_equal(account_number(f, "spent"), 20);
    assert_int_equal(account_number(f, "singles.reverse-lookup.accepted"), 3);

    f->options.form = "openapi";
    restart(f);
    r = ask(f, "POST", LOOKUP, "{\"email\":\"jane@everybody.example\"}");
    struct json_value root = parse(f, &r);
    check_lacks(&r, "found");
    check_lacks(&r, "@");
    assert_int_equal(number_at(root, "data.creditsConsumed"), 10);
    assert_true(strstr(text_at(root, "data.headline"), " at Everybody") != NULL);
    assert_true(strstr(text_at(root, "data.profileUrl"), "linkedin.com/in/") != NULL);
    assert_in_range(number_at(root, "data.positions.positionsCount"), 1, 3);
    assert_in_range(number_at(root, "data.schools.educationsCount"), 0, 2);
    check_holds(&r, "\"end\":null}");
    reply_free(&r);
    /* 5 credits are left. */
    r = ask(f, "POST", LOOKUP, "{\"email\":\"jane@nobody.example\"}");
    assert_int_equal(r.status, 402);
    assert_int_equal(number_at(parse(f, &r), "shortfall"), 5);
    reply_free(&r);
    r = ask_with(f, "", "POST", "/sim/enrichso/topup?credits=5", NULL);
    reply_free(&r);
    r = ask(f, "POST", LOOKUP, "{\"email\":\"jane@nobody.example\"}");
    check_holds(&r, "\"data\":{\"creditsConsumed\":0}");
    reply_free(&r);
}

static void test_phones(void **state)
{
    static const struct {
        const char *query;
        int status;
        const char *holds;
    } table[] = {
        {"?email=jane%40everybody.example", 200,
         "\"data\":{\"found\":true,\"phones\":[{\"number\":\"+1555"},
        {"?linkedin=https%3A%2F%2Fwww.linkedin.com%2Fin%2Feverybody-7%2F", 200,
         "\"type\":\"mobile\"}"},
        {"?linkedin=linkedin.com%2Fin%2Fnobody-7", 200, "\"data\":{\"found\":false,\"phones\":[]}"},
        {"?email=jane%40nobody.example", 200, "\"creditsUsed\":0"},
        /* Both: the address tells who is meant. */
        {"?email=jane%40nobody.example&linkedin=linkedin.com%2Fin%2Feverybody-7", 200,
         "\"found\":false"},
        {"", 400, "querystring must have email or linkedin"},
        {"?email=", 400, "querystring/email must NOT have fewer than 1 characters"},
        {"?email=jane", 400, "querystring/email must match format"},
        {"?email=jane+x%40b", 400, "querystring/email must match format"},
        {"?email=a%40refused.example", 400, "querystring/email is refused"},
        {"?email=a%40poison.example", 400, "not valid"},
        {"?linkedin=%ff", 400, "querystring/linkedin must be UTF-8"},
    };
    struct fixture *f = *state;
    char path[256];
    start(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(path, sizeof path, PHONES "%s", table[i].query);
        struct reply r = ask(f, "GET", path, NULL);
        if (r.status != table[i].status || !strstr(r.body, table[i].holds))
            fail_msg("%s: %d %s", table[i].query, r.status, r.body);
        reply_free(&r);
    }
    assert_int_equal(account_number(f, "spent"), 1000);
    assert_int_equal(account_number(f, "singles.phone-finder.accepted"), 5);
    /* A GET that is paid: the judge has it among the posts, refused ones too. */
    struct reply r = ask_with(f, "", "GET", "/sim/enrichso/account", NULL);
    struct json_value posts;
    assert_true(json_path(parse(f, &r), "posts", &posts));
    assert_int_equal(json_count(posts), sizeof table / sizeof *table);
    reply_free(&r);
    r = ask(f, "POST", PHONES, "{\"email\":\"a@everybody.example\"}");
    assert_int_equal(r.status, 404);
    reply_free(&r);

    f->options.form = "openapi";
    restart(f);
    r = ask(f, "GET", PHONES "?email=jane%40everybody.example", NULL);
    check_holds(&r, "\"data\":{\"phones\":[\"+1555");
    reply_free(&r);
    r = ask(f, "GET", PHONES "?email=jane%40nobody.example", NULL);
    check_holds(&r, "\"data\":{\"phones\":[]}");
    reply_free(&r);
    assert_int_equal(account_number(f, "balance"), 100000 - 1500);
}

/* ---- bodies ---- */

static void test_bodies(void **state)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *detail;
    } table[] = {
        {LOOKUP, "{\"email\":\"jane\"}", 400, "body/email Invalid email"},
        {LOOKUP, "{\"email\":\"jane@b\"}", 400, "body/email Invalid email"},
        {LOOKUP, "{\"email\":\"ja ne@b.test\"}", 400, "body/email Invalid email"},
        {LOOKUP, "{\"email\":\"jane..d@b.test\"}", 400, "body/email Invalid email"},
        {LOOKUP, "{\"email\":\"j@b-.test\"}", 200, NULL},
        {LOOKUP, "{\"email\":\"j@-b.test\"}", 400, "body/email Invalid email"},
        {LOOKUP, "{}", 400, "body/email must be present"},
        {LOOKUP, "{\"email\":\"a@refused.example\"}", 400, "body/email is refused"},
        {BULK, "{\"emails\":[]}", 400, "body/emails must NOT have fewer than 1 items"},
        {BULK, "{\"linkedins\":[\"x\"]}", 400, "body/emails must be present"},
        {BULK, "{\"emails\":[\"a@b.test\",\"b\"]}", 400, "body/emails/1 must match format"},
        {BULK, "{\"emails\":[\"a@b.test\",\"c@refused.example\"]}", 400,
         "body/emails/1 is refused"},
        {BULK, "{\"emails\":[\"a@b.test\",\"c@poison.example\"]}", 400, "holds an item"},
        {BULK, "{\"emails\":[\"a@b.test\"],\"webhookUrl\":\"ftp://x\"}", 400,
         "body/webhookUrl must match format"},
        {PHONES "/bulk", "{}", 400, "body must have at least 1 item in emails and linkedins"},
        {PHONES "/bulk", "{\"emails\":[],\"linkedins\":[]}", 400, "at least 1 item"},
        {PHONES "/bulk", "{\"emails\":[],\"linkedins\":[\"\"]}", 400,
         "body/linkedins/0 must NOT have fewer"},
        {PHONES "/bulk", "{\"linkedins\":[7]}", 400, "body/linkedins/0 must be string"},
        {PHONES "/bulk", "{\"linkedins\":{}}", 400, "body/linkedins must be array"},
        {PHONES "/bulk", "{\"emails\":[\"a\"]}", 400, "body/emails/0 must match format"},
        {PHONES "/bulk", "{\"emails\":[\"a@b.test\"],\"linkedins\":[\"x\"],\"emails\":[]}", 400,
         "body/emails must not come twice"},
        {PHONES "/bulk", "{\"linkedins\":[\"any text will do\"]}", 200, NULL},
    };
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reply r = ask(f, "POST", table[i].path, table[i].body);
        if (r.status != table[i].status ||
            (table[i].detail && !strstr(text_at(parse(f, &r), "detail"), table[i].detail)))
            fail_msg("%s: %d %s", table[i].body, r.status, r.body);
        reply_free(&r);
    }
    assert_int_equal(account_number(f, "reserved"), 500);
    static const char *const nowhere[] = {
        BULK "/x",
        BULK "/x/results",
        PHONES "/bulk/65a0",
        PHONES "/bulk/65a0/results",
        PHONES "/other",
        BULK "/x/y",
        LOOKUP,
    };
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        struct reply r = ask(f, "GET", nowhere[i], NULL);
        assert_int_equal(r.status, 404);
        reply_free(&r);
    }
}

/* 100,000 for reverse lookup, 500,000 for phones in both lists together. */
static void test_too_many(void **state)
{
    struct fixture *f = *state;
    f->options.balance = INT64_C(1000000000);
    start(f);
    for (int over = 0; over < 2; over++) {
        char *body = addresses(100000 + (unsigned)over, "emails", "b.test");
        struct reply r = ask(f, "POST", BULK, body);
        assert_int_equal(r.status, over ? 400 : 200);
        if (over)
            check_holds(&r, "body/emails must NOT have more than 100000 items");
        reply_free(&r);
        free(body);
    }
    for (int over = 0; over < 2; over++) {
        char *body = addresses(250000, "emails", "b.test");
        char *both = malloc(strlen(body) * 2 + 64), *at = both;
        assert_non_null(both);
        at += sprintf(at, "%.*s,\"linkedins\":[\"x\"", (int)strlen(body) - 1, body);
        for (int i = 1; i < 250000 + over; i++)
            at += sprintf(at, ",\"in/%d\"", i);
        strcpy(at, "]}");
        struct reply r = ask(f, "POST", PHONES "/bulk", both);
        assert_int_equal(r.status, over ? 400 : 200);
        if (over)
            check_holds(&r, "body/emails and body/linkedins must NOT have more than 500000 items");
        else
            assert_int_equal(number_at(parse(f, &r), "meta.creditsReserved"), 250000000);
        reply_free(&r);
        free(body);
        free(both);
    }
    assert_int_equal(account_number(f, "reserved"), 1000000 + 250000000);
}

/* ---- lists ---- */

/* Rows and credits of three addresses, one of them twice and one without a profile. */
static void test_bulk_lookup(void **state)
{
    static const char body[] = "{\"emails\":[\"A@everybody.example\",\"b@nobody.example\","
                               "\"a@Everybody.example\",\"c@everybody.example\"]}";
    static const struct {
        const char *form;
        int64_t used;
        int rows, addresses;
        const char *holds, *lacks;
    } table[] = {
        {"document", 30, 3, 3, "{\"found\":false,\"email\":\"b@nobody.example\"}", "positions"},
        {"openapi", 20, 2, 0, "\"successful\":2,\"failed\":1,\"page\":1,\"limit\":100", "found"},
        {"echoed", 20, 2, 2, "{\"email\":\"A@everybody.example\",\"id\":\"ACoAA", "nobody"},
    };
    struct fixture *f = *state;
    char id[64], path[128];
    int64_t spent = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        f->options.form = table[i].form;
        restart(f);
        submit(f, BULK, body, id);
        assert_true((i > 0) == (strlen(id) == 24));
        snprintf(path, sizeof path, BULK "/%s", id);
        struct reply r = ask(f, "GET", path, NULL);
        struct json_value root = parse(f, &r), rows;
        assert_string_equal(text_at(root, "data.status"), "completed");
        assert_int_equal(number_at(root, "data.totalItems"), 3);
        reply_free(&r);
        assert_int_equal(account_number(f, "reserved"), 30);
        /* Settled once. */
        for (int again = 0; again < 2; again++) {
            r = results(f, BULK, id, "");
            root = parse(f, &r);
            assert_int_equal(number_at(root, "data.totalItems"), 3);
            assert_int_equal(number_at(root, "data.processedItems"), 3);
            assert_int_equal(number_at(root, "meta.creditsUsed"), table[i].used);
            assert_int_equal(number_at(root, "meta.creditsRefunded"), 30 - table[i].used);
            assert_true(json_path(root, "data.results", &rows));
            assert_int_equal(json_count(rows), table[i].rows);
            int count = 0;
            for (const char *at = r.body; (at = strchr(at, '@')); at++)
                count++;
            assert_int_equal(count, table[i].addresses);
            check_holds(&r, table[i].holds);
            check_lacks(&r, table[i].lacks);
            reply_free(&r);
        }
        spent += table[i].used;
        assert_int_equal(account_number(f, "spent"), spent);
        assert_int_equal(account_number(f, "reserved"), 0);
    }
    /* A batch of another product is not found there. */
    snprintf(path, sizeof path, PHONES "/bulk/%s", id);
    struct reply r = ask(f, "GET", path, NULL);
    assert_int_equal(r.status, 404);
    reply_free(&r);
}

static void test_bulk_phones(void **state)
{
    static const char body[] =
        "{\"linkedins\":[\"https://linkedin.com/in/everybody-1\",\"linkedin.com/in/Everybody-1\","
        "\"linkedin.com/in/nobody\",\"linkedin.com/in/nobody\"],"
        "\"emails\":[\"A@everybody.example\",\"a@everybody.example\",\"b@nobody.example\"]}";
    struct fixture *f = *state;
    char id[64];
    start(f);
    for (int openapi = 0; openapi < 2; openapi++) {
        if (openapi) {
            f->options.form = "openapi";
            restart(f);
        }
        struct reply r = ask(f, "POST", PHONES "/bulk", body);
        struct json_value root = parse(f, &r), rows;
        /* Addresses are the same in any case, pages of profiles only to the letter. */
        assert_int_equal(number_at(root, "data.itemCount"), 5);
        assert_int_equal(number_at(root, "meta.creditsReserved"), 2500);
        if (openapi) {
            assert_int_equal(number_at(root, "data.originalCount"), 7);
            assert_int_equal(number_at(root, "data.duplicatesRemoved"), 2);
            assert_string_equal(text_at(root, "data.message"), "Bulk phone lookup job created");
        }
        snprintf(id, sizeof id, "%s", text_at(root, "data.batchId"));
        reply_free(&r);
        assert_int_equal(strlen(id), 24);
        assert_int_equal(strspn(id, "0123456789abcdef"), 24);
        r = results(f, PHONES "/bulk", id, "");
        root = parse(f, &r);
        assert_int_equal(number_at(root, "meta.creditsUsed"), 1500);
        assert_int_equal(number_at(root, "meta.creditsRefunded"), 1000);
        assert_true(json_path(root, "data.results", &rows));
        assert_int_equal(json_count(rows), 5);
        check_holds(&r, openapi ? "{\"email\":\"A@everybody.example\",\"phones\":[\"+1555"
                                : "{\"email\":\"A@everybody.example\",\"phones\":[{\"number\":");
        check_holds(&r, "{\"linkedin\":\"linkedin.com/in/Everybody-1\",\"phones\":[");
        check_holds(&r, "{\"linkedin\":\"linkedin.com/in/nobody\",\"phones\":[],\"error\":\"No ");
        if (openapi)
            assert_int_equal(number_at(root, "data.failed"), 2);
        reply_free(&r);
    }
}

/* A page is so many items: where misses have no row it is short before the end. Together the pages
 * hold each found address once, shuffled or not. */
static void test_sparse_pages(void **state)
{
    struct fixture *f = *state;
    char id[64], query[64];
    uint8_t seen[300] = {0};
    unsigned rows = 0, short_pages = 0;
    f->options.form = "echoed";
    f->options.shuffle = true;
    start(f);
    char *body = addresses(300, "emails", "acme.test");
    submit(f, BULK, body, id);
    free(body);
    int64_t used = 0;
    for (unsigned number = 1; number <= 31; number++) {
        snprintf(query, sizeof query, "?page=%u&limit=10", number);
        struct reply r = results(f, BULK, id, query);
        struct json_value root = parse(f, &r), list;
        struct json_walk w;
        unsigned before = rows;
        assert_true(json_path(root, "data.results", &list));
        for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w), rows++) {
            unsigned i = (unsigned)atoi(text_at(w.value, "email") + 6);
            assert_true(i < 300 && !seen[i]);
            seen[i] = 1;
        }
        short_pages += rows - before < 10 && number <= 30;
        if (number == 31)
            assert_int_equal(rows, before);
        assert_int_equal(number_at(root, "data.successful") + number_at(root, "data.failed"), 300);
        used = number_at(root, "meta.creditsUsed");
        reply_free(&r);
    }
    assert_true(short_pages > 20);
    assert_in_range(rows, 140, 220);
    assert_int_equal(used, 10 * rows);
    /* Faults are about rows, not about items without one. */
    static const struct {
        const char *fault;
        int difference;
    } table[] = {{"page:missing:1", -1}, {"page:repeat:1", 1}, {"page:extra-2:1", 2}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct json_value list;
        set_vendor_faults(f, "enrichso", table[i].fault);
        struct reply r = results(f, BULK, id, "?limit=1000");
        assert_true(json_path(parse(f, &r), "data.results", &list));
        assert_int_equal(json_count(list), (int)rows + table[i].difference);
        reply_free(&r);
    }
}

/* ---- the judge ---- */

struct judged {
    int lines, found, batch, single;
    int64_t charged;
};

/* All questions of an operation, as the judge has them. */
static struct judged read_questions(struct fixture *f, const char *operation)
{
    struct reply r = ask_with(f, "", "GET", "/sim/enrichso/questions", NULL);
    struct judged j = {0};
    for (const char *at = r.body, *end; (end = strchr(at, '\n')); at = end + 1) {
        struct json_value root, values;
        struct error e = {0};
        assert_int_equal(json_parse(f->json, (struct slice){at, (size_t)(end - at)}, &root, &e), 0);
        if (strcmp(text_at(root, "operation"), operation) != 0)
            continue;
        bool found = strcmp(text_at(root, "outcome"), "found") == 0;
        assert_true(json_get(root, "values", &values));
        assert_true((json_count(values) > 0) == found);
        j.lines++;
        j.found += found;
        j.batch += strcmp(text_at(root, "way"), "batch") == 0;
        j.single += strcmp(text_at(root, "way"), "single") == 0;
        j.charged += number_at(root, "charged");
    }
    reply_free(&r);
    return j;
}

/* To the credit: what the judge says of each question adds up to what the account spent, in each
 * form, with singles and lists, one of which fails half done. */
static void test_judge(void **state)
{
    static const char *const forms[] = {"document", "openapi", "echoed"};
    struct fixture *f = *state;
    char lookups[64], phones[64], half[64];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char folder[128];
        snprintf(folder, sizeof folder, "%s/%s", f->folder, forms[i]);
        f->options.folder = folder;
        f->options.form = forms[i];
        f->options.faults = "submit:half-failed:1@3";
        restart(f);
        char *body = addresses(200, "emails", "acme.test");
        submit(f, BULK, body, lookups);
        submit(f, PHONES "/bulk", "{\"linkedins\":[\"in/a\",\"in/b\",\"in/everybody\"]}", phones);
        submit(f, BULK, body, half);
        free(body);
        /* Nothing is charged before it is settled. */
        assert_int_equal(read_questions(f, "reverse-lookup").charged, 0);
        struct reply r = results(f, BULK, lookups, "");
        reply_free(&r);
        r = results(f, PHONES "/bulk", phones, "");
        reply_free(&r);
        r = results(f, BULK, half, "");
        assert_string_equal(text_at(parse(f, &r), "data.status"), "failed");
        assert_int_equal(number_at(parse(f, &r), "data.processedItems"), 100);
        reply_free(&r);
        r = ask(f, "POST", LOOKUP, "{\"email\":\"x@everybody.example\"}");
        reply_free(&r);
        r = ask(f, "POST", LOOKUP, "{\"email\":\"x@nobody.example\"}");
        reply_free(&r);
        r = ask(f, "GET", PHONES "?email=x%40everybody.example", NULL);
        reply_free(&r);
        restart(f);
        struct judged l = read_questions(f, "reverse-lookup"),
                      p = read_questions(f, "phone-finder");
        assert_int_equal(l.lines, 402);
        assert_int_equal(l.batch, 400);
        assert_int_equal(p.lines, 4);
        assert_int_equal(p.single, 1);
        assert_int_equal(p.charged, 500 * p.found);
        assert_int_equal(account_number(f, "spent"), l.charged + p.charged);
        assert_int_equal(account_number(f, "reserved"), 0);
        if (i == 0)
            assert_int_equal(l.charged, 10 * (200 + 100 + 1));
        else
            assert_in_range(l.charged, 10 * 120, 10 * 240);
    }
    sim_stop(f->sim);
    f->sim = NULL;
    f->options.folder = f->folder;
}

/* The same person however they are asked about, and again after a restart. */
static void test_same_person(void **state)
{
    struct fixture *f = *state;
    char id[64], url[256], number[32];
    start(f);
    struct reply r = ask(f, "POST", LOOKUP, "{\"email\":\"jane@everybody.example\"}");
    snprintf(url, sizeof url, "\"linkedinUrl\":\"%s\"", text_at(parse(f, &r), "data.linkedinUrl"));
    reply_free(&r);
    r = ask(f, "GET", PHONES "?email=JANE%40everybody.example", NULL);
    const char *at = strstr(r.body, "+1555");
    assert_non_null(at);
    snprintf(number, sizeof number, "%.12s", at);
    reply_free(&r);
    submit(f, BULK, "{\"emails\":[\"Jane@everybody.example\"]}", id);
    restart(f);
    r = results(f, BULK, id, "");
    check_holds(&r, url);
    reply_free(&r);
    submit(f, PHONES "/bulk", "{\"emails\":[\"jane@everybody.example\"]}", id);
    r = results(f, PHONES "/bulk", id, "");
    check_holds(&r, number);
    reply_free(&r);
    r = ask_with(f, "", "GET", "/sim/enrichso/questions", NULL);
    check_holds(&r, url);
    check_holds(&r, number);
    reply_free(&r);
}

/* ---- limits ---- */

/* Submissions of all kinds share their windows: one a second, two a minute. */
static void test_bulk_windows(void **state)
{
    static const struct {
        const char *path, *body;
        int status;
    } table[] = {
        {BULK, "{\"emails\":[\"a@b.test\"]}", 200},
        {PHONES "/bulk", "{\"emails\":[\"a@b.test\"]}", 429},
        {PHONES "/bulk", "{\"emails\":[\"a@b.test\"]}", 200},
        {API "email-validation/batch", "{\"emails\":[\"a@b.test\"]}", 429},
        /* Others have their own. */
        {LOOKUP, "{\"email\":\"a@b.test\"}", 200},
    };
    struct fixture *f = *state;
    f->options.tier = "free";
    start(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (i >= 2)
            usleep(1100000);
        struct reply r = ask(f, "POST", table[i].path, table[i].body);
        if (r.status != table[i].status)
            fail_msg("%zu: %d %s", i, r.status, r.body);
        reply_free(&r);
    }
    assert_int_equal(account_number(f, "limited"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WHOLE(test_lookup),       WHOLE(test_phones),      WHOLE(test_bodies),
        WHOLE(test_too_many),     WHOLE(test_bulk_lookup), WHOLE(test_bulk_phones),
        WHOLE(test_sparse_pages), WHOLE(test_judge),       WHOLE(test_same_person),
        WHOLE(test_bulk_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
