/* The simulator's prospiq as a client meets it. */
#include "sim_listener.h"

#include "wire/digest.h"

#define AUTH    "Authorization: Bearer " KEY "\r\n"
#define SANDBOX "Authorization: Bearer piq_test_" KEY "\r\n"
#define API     "/prospiq/api/v1"

static struct reply prospiq(struct fixture *f, const char *method, const char *path,
                            const char *body)
{
    char full[256];
    snprintf(full, sizeof full, API "%s", path);
    return ask_with(f, AUTH, method, full, body);
}

static void scenario(struct fixture *f, const char *text)
{
    static char path[128];
    struct error e = {0};
    snprintf(path, sizeof path, "%s/scenario.json", f->folder);
    assert_int_equal(file_replace(path, slice_of(text), false, &e), 0);
    f->options.scenario = path;
}

static void start_fast(struct fixture *f)
{
    f->options.speed = 100000;
    start(f);
}

/* The status of a request, whose reply must hold that text. */
static int status_of(struct fixture *f, const char *path, const char *body, const char *wanted)
{
    struct reply r = prospiq(f, body ? "POST" : "GET", path, body);
    if (r.status && !strstr(r.body, wanted))
        fail_msg("%s: %d %s", body ? body : path, r.status, r.body);
    int status = r.status;
    reply_free(&r);
    return status;
}

/* A bulk of n contacts, A N0, A N1, ... */
static char *bulk_body(unsigned n, const char *company, const char *rest)
{
    char *body = malloc(256 + n * 128);
    assert_non_null(body);
    char *at = body + sprintf(body, "{\"contacts\":[");
    for (unsigned i = 0; i < n; i++)
        at += sprintf(at, "%s{\"first_name\":\"Anna\",\"last_name\":\"N%u\",\"company\":\"%s\"}",
                      i ? "," : "", i, company);
    sprintf(at, "]%s}", rest);
    return body;
}

static struct reply bulk(struct fixture *f, unsigned n, const char *company, const char *rest)
{
    char *body = bulk_body(n, company, rest);
    struct reply r = prospiq(f, "POST", "/enrich/bulk", body);
    free(body);
    return r;
}

static void test_keys(void **state)
{
    struct fixture *f = *state;
    start(f);
    static const struct {
        const char *auth;
        int status;
    } table[] = {{"", 401},
                 {"Authorization: Bearer other\r\n", 401},
                 {"Authorization: " KEY "\r\n", 401},
                 {"x-api-key: " KEY "\r\n", 401},
                 {"Authorization: Bearer piq_test_other\r\n", 401},
                 {SANDBOX, 200},
                 {AUTH, 200}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reply r = ask_with(f, table[i].auth, "GET", API "/credits", NULL);
        assert_int_equal(r.status, table[i].status);
        if (r.status == 401)
            assert_non_null(strstr(r.body, "{\"error\":\""));
        reply_free(&r);
    }
    assert_int_equal(number_of_account(f, "prospiq", "unauthorized"), 5);
    assert_int_equal(status_of(f, "/enrichment", "{}", "error"), 404);
}

static void test_validation(void **state)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *wanted;
    } table[] = {
        {"/enrich", "{", 400, "JSON"},
        {"/enrich", "[]", 400, "JSON"},
        {"/enrich", "{\"first_name\":\"Jo\",\"company\":\"Acme\"}", 422, "last_name is required"},
        {"/enrich", "{\"first_name\":\"J\",\"last_name\":\"D\",\"company\":\"Acme\"}", 422,
         "first_name must have 2"},
        /* Two bytes are not two characters. */
        {"/enrich", "{\"first_name\":\"\xc3\x84\",\"last_name\":\"D\",\"company\":\"Acme\"}", 422,
         "first_name must have 2"},
        {"/enrich", "{\"first_name\":\"\xc3\x84i\",\"last_name\":\"D\",\"company\":\"Acme\"}", 200,
         "status"},
        {"/enrich", "{\"first_name\":\"Jo\",\"last_name\":\"D\",\"company\":\"A\"}", 422,
         "company must have 2"},
        {"/enrich", "{\"first_name\":7,\"last_name\":\"D\",\"company\":\"Acme\"}", 422,
         "first_name is required"},
        {"/enrich",
         "{\"first_name\":\"Jo\",\"last_name\":\"D\",\"company\":\"Acme\",\"type\":\"fax\"}", 422,
         "type"},
        {"/enrich",
         "{\"first_name\":\"Jo\",\"last_name\":\"D\",\"company\":\"Acme\",\"fields\":[\"age\"]}",
         422, "fields"},
        {"/enrich", "{\"first_name\":\"Jo\",\"last_name\":\"D\",\"company\":\"refused.example\"}",
         422, "company is not valid"},
        {"/enrich/bulk", "{}", 422, "contacts is required"},
        {"/enrich/bulk", "{\"contacts\":[]}", 422, "contacts must be"},
        {"/enrich/bulk", "{\"contacts\":{}}", 422, "contacts must be"},
        {"/enrich/bulk",
         "{\"contacts\":[{\"first_name\":\"Jo\",\"last_name\":\"D\",\"company\":\"Acme\"},"
         "{\"first_name\":\"J\",\"last_name\":\"D\",\"company\":\"Acme\"}]}",
         422, "contacts[1].first_name"},
        {"/enrich/bulk",
         "{\"contacts\":[{\"first_name\":\"Jo\",\"last_name\":\"D\",\"company\":"
         "\"poison.example\"}]}",
         422, "Validation failed"},
        {"/enrich/bulk",
         "{\"contacts\":[{\"first_name\":\"Jo\",\"last_name\":\"D\",\"company\":\"Acme\"}],"
         "\"webhook_url\":\"http://elsewhere.example/x\"}",
         422, "webhook_url"},
    };
    struct fixture *f = *state;
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (status_of(f, table[i].path, table[i].body, table[i].wanted) != table[i].status)
            fail_msg("%s is not answered with %d", table[i].body, table[i].status);
    assert_int_equal(number_of_account(f, "prospiq", "singles.enrich.accepted"), 1);
}

static int64_t enrich(struct fixture *f, const char *company, const char *rest, const char *wanted,
                      const char *unwanted)
{
    char body[256];
    int64_t before = number_of_account(f, "prospiq", "spent");
    snprintf(body, sizeof body,
             "{\"first_name\":\"Anna\",\"last_name\":\"Muster\",\"company\":\"%s\"%s}", company,
             rest);
    struct reply r = prospiq(f, "POST", "/enrich", body);
    if (r.status != 200 || !strstr(r.body, wanted) || (unwanted && strstr(r.body, unwanted)))
        fail_msg("%s: %d %s", body, r.status, r.body);
    int64_t left = number_at(parse(f, &r), "credits_remaining");
    reply_free(&r);
    assert_int_equal(left, number_of_account(f, "prospiq", "balance"));
    return number_of_account(f, "prospiq", "spent") - before;
}

static void test_prices(void **state)
{
    struct fixture *f = *state;
    start_fast(f);
    assert_int_equal(
        enrich(f, "everybody.example", "", "\"email\":\"anna.muster@everybody.example\"", "phone"),
        1);
    assert_int_equal(enrich(f, "everybody.example", ",\"type\":\"phone\"",
                            "\"phone\":[{\"number\":\"+1 (555) ", "email"),
                     10);
    assert_int_equal(enrich(f, "everybody.example", ",\"type\":\"both\"", "\"email\":\"", NULL),
                     11);
    /* The address is not a verified one: the phone alone is. */
    assert_int_equal(
        enrich(f, "catch-all.example", ",\"type\":\"both\"", "\"status\":\"VERIFIED\"", "email\""),
        10);
    assert_int_equal(enrich(f, "risky.example", "", "\"status\":\"NOT_FOUND\"", "confidence"), 0);
    assert_int_equal(enrich(f, "nobody.example", ",\"type\":\"both\"",
                            "\"company_domain\":\"nobody.example\"", "email\""),
                     0);
    assert_int_equal(
        enrich(f, "everybody.example", ",\"fields\":[\"email\"]", "\"email\":\"", "confidence"), 1);
    /* What was asked, and what is true. */
    struct reply r = ask_with(f, "", "GET", "/sim/prospiq/questions", NULL);
    assert_non_null(strstr(r.body, "\"type\":\"both\"},\"outcome\":\"not_found\",\"values\":{"
                                   "\"company_domain\":\"nobody.example\"},\"charged\":0"));
    assert_non_null(strstr(r.body, "\"values\":{\"email\":\"anna.muster@everybody.example\""));
    assert_non_null(strstr(r.body, "\"charged\":1,\"times\":2}"));
    reply_free(&r);
}

static void test_bulk(void **state)
{
    struct fixture *f = *state;
    start_fast(f);
    struct reply r = bulk(f, 100, "acme.test", ",\"type\":\"both\"");
    assert_int_equal(r.status, 200);
    struct json_value root = parse(f, &r), results;
    int64_t total = number_at(root, "total"), verified = number_at(root, "verified");
    assert_int_equal(total, 100);
    assert_int_equal(verified + number_at(root, "not_found"), 100);
    assert_in_range(verified, 50, 95);
    assert_int_equal(number_at(root, "credits_remaining"),
                     100000 - number_at(root, "credits_used"));
    assert_string_equal(text_at(root, "status"), "completed");
    assert_true(json_get(root, "results", &results));
    struct json_walk w;
    unsigned i = 0;
    for (bool more = json_walk_begin(&w, results); more; more = json_walk_next(&w), i++) {
        char name[16];
        snprintf(name, sizeof name, "N%u", i);
        assert_string_equal(text_at(w.value, "last_name"), name);
    }
    assert_int_equal(i, 100);
    reply_free(&r);
    r = bulk(f, 101, "acme.test", "");
    assert_int_equal(r.status, 422);
    reply_free(&r);
    assert_int_equal(number_of_account(f, "prospiq", "requests.submit"), 2);
    /* The same people one by one are the same. */
    r = prospiq(f, "POST", "/enrich",
                "{\"first_name\":\"anna\",\"last_name\":\"n0\",\"company\":\"ACME.test\",\"type\":"
                "\"both\"}");
    reply_free(&r);
    r = ask_with(f, "", "GET", "/sim/prospiq/questions", NULL);
    assert_non_null(strstr(r.body, "\"times\":2}"));
    reply_free(&r);
}

static void test_rows(void **state)
{
    /* Those that are left out begin somewhere and end at the last one. */
    static const struct {
        const char *fault;
        unsigned least, most; /* rows */
        const char *wanted;
    } table[] = {{"submit:missing-2:1", 8, 9, "\"total\":10"},
                 {"submit:missing-20:1", 0, 9, "\"total\":10"},
                 {"submit:repeat-1:1", 11, 11, "\"total\":10"},
                 {"submit:extra-3:1", 13, 13, "Stranger"},
                 {"submit:double-keys:1", 20, 20, "N0"}};
    struct fixture *f = *state;
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        unsigned rows = 0;
        set_vendor_faults(f, "prospiq", table[i].fault);
        struct reply r = bulk(f, 10, "everybody.example", "");
        assert_int_equal(r.status, 200);
        for (const char *at = r.body; (at = strstr(at, "\"last_name\"")); at++)
            rows++;
        if (rows < table[i].least || rows > table[i].most || !strstr(r.body, table[i].wanted))
            fail_msg("%s: %u rows, %s", table[i].fault, rows, r.body);
        reply_free(&r);
    }
    assert_int_equal(number_of_account(f, "prospiq", "singles.enrich.accepted"), 50);
    assert_int_equal(number_of_account(f, "prospiq", "spent"), 50);
    set_vendor_faults(f, "prospiq", "");
    f->options.shuffle = true;
    restart(f);
    struct reply r = bulk(f, 20, "everybody.example", "");
    struct json_value root = parse(f, &r), results;
    struct json_walk w;
    unsigned moved = 0, i = 0;
    uint64_t seen = 0;
    assert_true(json_get(root, "results", &results));
    for (bool more = json_walk_begin(&w, results); more; more = json_walk_next(&w), i++) {
        unsigned number = (unsigned)atoi(text_at(w.value, "last_name") + 1);
        moved += number != i;
        seen |= 1ull << number;
    }
    assert_true(moved > 5);
    assert_int_equal(seen, (1 << 20) - 1);
    reply_free(&r);
}

static void test_no_credits(void **state)
{
    struct fixture *f = *state;
    f->options.balance = 25;
    start_fast(f);
    /* Two pay, the third would need 11 where 3 are left. */
    struct reply r = bulk(f, 5, "everybody.example", ",\"type\":\"both\"");
    assert_int_equal(r.status, 200);
    struct json_value root = parse(f, &r);
    assert_string_equal(text_at(root, "status"), "completed");
    assert_int_equal(number_at(root, "total"), 5);
    assert_int_equal(number_at(root, "verified"), 2);
    assert_int_equal(number_at(root, "not_found"), 0);
    assert_int_equal(number_at(root, "credits_used"), 22);
    assert_int_equal(number_at(root, "credits_remaining"), 3);
    assert_non_null(strstr(r.body, "{\"first_name\":\"Anna\",\"last_name\":\"N2\",\"company\":"
                                   "\"everybody.example\",\"status\":\"NO_CREDITS\"}"));
    reply_free(&r);
    r = bulk(f, 2, "everybody.example", ",\"type\":\"phone\"");
    assert_int_equal(r.status, 402);
    assert_string_equal(r.body, "{\"error\":\"Insufficient credits\"}");
    reply_free(&r);
    assert_int_equal(number_of_account(f, "prospiq", "singles.enrich.accepted"), 2);
    assert_int_equal(enrich(f, "everybody.example", "", "VERIFIED", NULL), 1);
    f->options.form = "skipping";
    restart(f);
    assert_int_equal(
        enrich(f, "everybody.example", ",\"type\":\"phone\"", "\"status\":\"NO_CREDITS\"", NULL),
        0);
    r = bulk(f, 2, "everybody.example", ",\"type\":\"both\"");
    assert_int_equal(r.status, 200);
    assert_int_equal(number_at(parse(f, &r), "verified"), 0);
    reply_free(&r);
    assert_int_equal(number_of_account(f, "prospiq", "balance"), 2);
}

static void test_forms(void **state)
{
    struct fixture *f = *state;
    f->options.form = "explicit";
    start_fast(f);
    enrich(f, "nobody.example", "", "\"email\":null,\"phone\":null,\"job_title\":null",
           "search_id");
    enrich(f, "everybody.example", "", "\"search_id\":\"srch_", NULL);
    /* The sandbox costs nothing and finds everybody. */
    struct reply r =
        ask_with(f, SANDBOX, "POST", API "/enrich",
                 "{\"first_name\":\"Sarah\",\"last_name\":\"Chen\",\"company\":\"nobody.example\","
                 "\"type\":\"both\"}");
    assert_string_equal(r.body,
                        "{\"status\":\"VERIFIED\",\"email\":\"sarah.chen@nobody.example\","
                        "\"phone\":[{\"number\":\"+1 (555) 000-0000\",\"type\":\"mobile\"}],"
                        "\"job_title\":\"Example Title\",\"company_domain\":"
                        "\"nobody.example\",\"confidence\":95,\"credits_remaining\":999,"
                        "\"_sandbox\":true}");
    reply_free(&r);
    char *body = bulk_body(3, "nobody.example", "");
    r = ask_with(f, SANDBOX, "POST", API "/enrich/bulk", body);
    free(body);
    assert_int_equal(number_at(parse(f, &r), "verified"), 3);
    assert_non_null(strstr(r.body, "\"_sandbox\":true}"));
    reply_free(&r);
    assert_int_equal(number_of_account(f, "prospiq", "spent"), 1);
    assert_int_equal(number_of_account(f, "prospiq", "singles.enrich.accepted"), 2);
}

/* Of the growth plan: 100 a minute, 500 a day, which sandbox requests use only on paper. */
static void test_limits(void **state)
{
    struct fixture *f = *state;
    f->options.tier = "growth";
    start(f);
    for (int i = 0; i < 99; i++)
        assert_int_equal(status_of(f, "/lists", NULL, "list_"), 200);
    struct reply r = prospiq(f, "GET", "/credits", NULL);
    assert_string_equal(r.body, "{\"credits\":100000,\"plan\":\"growth\","
                                "\"daily_requests_used\":100,\"daily_limit\":500}");
    reply_free(&r);
    r = prospiq(f, "GET", "/credits", NULL);
    assert_int_equal(r.status, 429);
    assert_null(strcasestr(r.text, "retry-after"));
    assert_string_equal(r.body, "{\"error\":\"Rate limit exceeded\"}");
    reply_free(&r);
    char *body = bulk_body(51, "acme.test", "");
    /* A minute is 30 ms now, a day 43 s: 1,001 requests in one or two days are too many. */
    f->options.speed = 2000;
    restart(f);
    assert_int_equal(status_of(f, "/enrich/bulk", body, "1 to 50 on the growth plan"), 422);
    free(body);
    int64_t begun = clock_mono_ms();
    bool daily = false;
    while (!daily && clock_mono_ms() - begun < 40000) {
        r = prospiq(f, "GET", "/lists", NULL);
        daily = strstr(r.body, "{\"error\":\"Daily request limit exceeded\"}") != NULL;
        reply_free(&r);
    }
    assert_true(daily);
    /* The sandbox goes on, and is counted. */
    usleep(40000);
    r = ask_with(f, SANDBOX, "GET", API "/credits", NULL);
    assert_int_equal(r.status, 200);
    int64_t used = number_at(parse(f, &r), "daily_requests_used");
    reply_free(&r);
    /* Unless the day has just ended. */
    if (used != 501)
        assert_int_equal(status_of(f, "/lists", NULL, "list_"), 200);
    f->options.speed = 1;
    f->options.tier = "starter";
    restart(f);
    assert_int_equal(status_of(f, "/credits", NULL, "plan"), 403);
    assert_int_equal(status_of(f, "/enrich", "{}", "plan"), 403);
}

/* So long as the contacts take together. */
static void test_latency(void **state)
{
    struct fixture *f = *state;
    scenario(f, "{\"prospiq\":{\"latency\":{\"min_ms\":20,\"mean_ms\":20,\"max_ms\":20}}}");
    start(f);
    int64_t begun = clock_mono_ms();
    struct reply r = bulk(f, 10, "everybody.example", "");
    assert_int_equal(r.status, 200);
    assert_in_range(clock_mono_ms() - begun, 200, 5000);
    reply_free(&r);
    begun = clock_mono_ms();
    assert_int_equal(status_of(f, "/enrich", "{}", "required"), 422);
    assert_true(clock_mono_ms() - begun < 5000);
    /* Dropped after it was done; dropped while it is done: both were charged. */
    set_vendor_faults(f, "prospiq", "submit:drop-after:1");
    r = bulk(f, 10, "everybody.example", "");
    assert_int_equal(r.status, 0);
    reply_free(&r);
    char *body = bulk_body(50, "everybody.example", ""), head[256];
    int fd = dial(sim_port(f->sim));
    snprintf(head, sizeof head,
             "POST " API "/enrich/bulk HTTP/1.1\r\nHost: x\r\n" AUTH "Content-Length: %zu\r\n\r\n",
             strlen(body));
    send_all(fd, head, strlen(head));
    send_all(fd, body, strlen(body));
    for (int i = 0; i < 500 && number_of_account(f, "prospiq", "spent") < 70; i++)
        usleep(2000);
    close(fd);
    free(body);
    assert_int_equal(number_of_account(f, "prospiq", "spent"), 70);
}

/* ---- webhooks ---- */

/* Subscribe the listener; id and secret of the subscription. */
static void subscribe(struct fixture *f, const char *event, uint16_t port, const char *path,
                      char id[64], char secret[64])
{
    char body[256];
    snprintf(body, sizeof body, "{\"event\":\"%s\",\"target_url\":\"http://127.0.0.1:%u%s\"}",
             event, port, path);
    struct reply r = prospiq(f, "POST", "/subscribe", body);
    if (r.status != 200)
        fail_msg("%s: %s", body, r.body);
    struct json_value root = parse(f, &r);
    snprintf(id, 64, "%s", text_at(root, "id"));
    snprintf(secret, 64, "%s", text_at(root, "secret"));
    assert_string_equal(text_at(root, "event"), event);
    reply_free(&r);
}

static bool signed_with(const char *request, const char *secret)
{
    uint8_t digest[DIGEST_LEN];
    char line[DIGEST_HEX_LEN + 64] = "X-ProspIQ-Signature: ";
    digest_hmac(slice_of(secret), slice_of(body_of(request)), digest);
    digest_hex(digest, sizeof digest, line + strlen(line));
    strcat(line, "\r\n");
    return strstr(request, line) != NULL;
}

static void test_subscriptions(void **state)
{
    static const struct {
        const char *body;
        int status;
    } table[] = {
        {"{\"target_url\":\"https://a.example/x\"}", 422},
        {"{\"event\":\"contact.gone\",\"target_url\":\"https://a.example/x\"}", 422},
        {"{\"event\":\"bulk.completed\",\"target_url\":\"http://a.example/x\"}", 422},
        {"{\"event\":\"bulk.completed\",\"target_url\":\"http://127.0.0.1.evil.example/x\"}", 422},
        {"{\"event\":\"bulk.completed\",\"target_url\":\"https://a.example/x\"}", 200},
        {"{\"event\":\"bulk.completed\",\"target_url\":\"https://a.example/x\"}", 409},
        {"{\"event\":\"contact.verified\",\"target_url\":\"https://a.example/x\"}", 200},
    };
    struct fixture *f = *state;
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (status_of(f, "/subscribe", table[i].body,
                      table[i].status == 200 ? "whsec_" : "error") != table[i].status)
            fail_msg("%s", table[i].body);
    /* The secret is told once; everything else is there after a restart too. */
    restart(f);
    struct reply r = prospiq(f, "GET", "/webhooks", NULL);
    assert_null(strstr(r.body, "whsec_"));
    assert_non_null(strstr(r.body, "{\"id\":\"sub_000001\",\"event\":\"bulk.completed\","
                                   "\"target_url\":\"https://a.example/x\",\"active\":true,"
                                   "\"consecutive_failures\":0,\"last_triggered_at\":null"));
    assert_non_null(strstr(r.body, "{\"event\":\"credits.low\",\"label\":"));
    reply_free(&r);
    r = prospiq(f, "DELETE", "/subscribe?id=sub_000001", NULL);
    assert_string_equal(r.body, "{\"success\":true}");
    reply_free(&r);
    r = prospiq(f, "DELETE", "/subscribe?id=sub_000001", NULL);
    assert_int_equal(r.status, 404);
    reply_free(&r);
    assert_int_equal(status_of(f, "/subscribe", table[4].body, "sub_000003"), 200);
    restart(f);
    r = prospiq(f, "GET", "/webhooks", NULL);
    assert_null(strstr(r.body, "sub_000001"));
    assert_non_null(strstr(r.body, "sub_000003"));
    reply_free(&r);
}

static void test_events(void **state)
{
    struct fixture *f = *state;
    struct listener l, other;
    char id[64], secret[64], second[64], rest[128];
    listener_open(&l, NULL);
    listener_open(&other, NULL);
    start_fast(f);
    subscribe(f, "contact.verified", l.port, "/v", id, secret);
    subscribe(f, "bulk.completed", l.port, "/b", id, second);
    snprintf(rest, sizeof rest, ",\"webhook_url\":\"http://127.0.0.1:%u/w\"", other.port);
    struct reply r = bulk(f, 3, "everybody.example", rest);
    reply_free(&r);
    wait_heard(&l, 4);
    wait_heard(&other, 1);
    unsigned verified = 0;
    for (unsigned i = 0; i < 4; i++) {
        bool contact = strstr(l.got[i], "POST /v ") == l.got[i];
        verified += contact;
        assert_true(signed_with(l.got[i], contact ? secret : second));
        assert_non_null(strstr(l.got[i], contact ? "X-ProspIQ-Event: contact.verified\r\n"
                                                 : "X-ProspIQ-Event: bulk.completed\r\n"));
        assert_null(strstr(l.got[i], "X-ProspIQ-Test"));
        if (!contact)
            assert_non_null(strstr(l.got[i], "\"data\":{\"total\":3,\"verified\":3,\"not_found\":0,"
                                             "\"credits_used\":3,\"credits_remaining\":99997}"));
    }
    assert_int_equal(verified, 3);
    assert_non_null(strstr(other.got[0], "\"event\":\"bulk.completed\""));
    assert_false(signed_with(other.got[0], second));
    /* A request that finds nobody, and the sandbox, tell nobody. */
    enrich(f, "nobody.example", "", "NOT_FOUND", NULL);
    r = ask_with(f, SANDBOX, "POST", API "/enrich",
                 "{\"first_name\":\"Sarah\",\"last_name\":\"Chen\",\"company\":\"Acme\"}");
    reply_free(&r);
    wait_heard(&l, 4);
    listener_close(&l);
    listener_close(&other);
}

/* A forger does not have the secret. */
static void test_forged(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    char id[64], secret[64];
    listener_open(&l, NULL);
    start_fast(f);
    subscribe(f, "contact.verified", l.port, "/v", id, secret);
    for (unsigned kind = 2; kind <= 3; kind++) {
        char fault[32];
        snprintf(fault, sizeof fault, "callback:forged-%u:1", kind);
        set_vendor_faults(f, "prospiq", fault);
        enrich(f, "everybody.example", "", "VERIFIED", NULL);
        wait_heard(&l, 2 * (kind - 1));
        unsigned good = 0;
        for (unsigned i = 2 * (kind - 2); i < 2 * (kind - 1); i++)
            good += signed_with(l.got[i], secret);
        assert_int_equal(good, 1);
    }
    listener_close(&l);
}

static void test_poll(void **state)
{
    struct fixture *f = *state;
    char path[128], since[64];
    start_fast(f);
    struct reply r = bulk(f, 40, "everybody.example", "");
    reply_free(&r);
    usleep(50000);
    for (int round = 0; round < 2; round++) {
        unsigned events = 0;
        r = prospiq(f, "GET", "/webhooks/poll/contact.verified", NULL);
        struct json_value root = parse(f, &r), list;
        struct json_walk w;
        assert_true(json_get(root, "events", &list));
        for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w), events++) {
            char name[16];
            snprintf(name, sizeof name, "N%u", events + 15);
            assert_string_equal(text_at(w.value, "payload.data.last_name"), name);
            snprintf(since, sizeof since, "%s", text_at(w.value, "created_at"));
        }
        assert_int_equal(events, 25);
        reply_free(&r);
        restart(f);
        usleep(50000);
    }
    /* Of a day of theirs, which is 864 ms: none is left. */
    usleep(900000);
    r = prospiq(f, "GET", "/webhooks/poll/bulk.completed", NULL);
    assert_string_equal(r.body, "{\"events\":[]}");
    reply_free(&r);
    f->options.speed = 1000;
    restart(f);
    usleep(50000);
    snprintf(path, sizeof path, "/webhooks/poll/contact.verified?since=%s", since);
    assert_int_equal(status_of(f, path, NULL, "{\"events\":[]}"), 200);
    assert_int_equal(
        status_of(f, "/webhooks/poll/contact.verified?since=2026-01-01T00:00:00Z", NULL, "N39"),
        200);
    assert_int_equal(status_of(f, "/webhooks/poll/contact.verified?since=monday", NULL, "since"),
                     422);
    assert_int_equal(status_of(f, "/webhooks/poll/contact.gone", NULL, "error"), 404);
}

static int refuse(const char *body, char reply[128])
{
    (void)body;
    strcpy(reply, "no");
    return 500;
}

static void test_tests(void **state)
{
    struct fixture *f = *state;
    struct listener l, bad;
    char id[64], secret[64], body[128];
    listener_open(&l, NULL);
    listener_open(&bad, refuse);
    start_fast(f);
    subscribe(f, "contact.verified", l.port, "/v", id, secret);
    snprintf(body, sizeof body, "{\"subscription_id\":\"%s\"}", id);
    assert_int_equal(status_of(f, "/webhooks/test", body,
                               "{\"success\":true,\"message\":\"Test webhook delivered to http://"),
                     200);
    wait_heard(&l, 1);
    assert_true(signed_with(l.got[0], secret));
    assert_non_null(strstr(l.got[0], "X-ProspIQ-Test: true\r\n"));
    assert_non_null(strstr(l.got[0], "\"_test\":true}"));
    subscribe(f, "credits.low", bad.port, "/v", id, secret);
    snprintf(body, sizeof body, "{\"subscription_id\":\"%s\"}", id);
    assert_int_equal(status_of(f, "/webhooks/test", body, "\"success\":false"), 200);
    assert_int_equal(status_of(f, "/webhooks/test", body, "\"status_code\":500}"), 200);
    assert_int_equal(status_of(f, "/webhooks", NULL, "\"consecutive_failures\":2"), 200);
    listener_close(&bad);
    assert_int_equal(status_of(f, "/webhooks/test", body, "\"status_code\":0}"), 200);
    assert_int_equal(status_of(f, "/webhooks/test", "{\"subscription_id\":\"sub_0\"}", "no such"),
                     404);
    assert_int_equal(status_of(f, "/webhooks/test", "{}", "subscription_id is required"), 422);
    listener_close(&l);
}

/* Stopped before they could go: they go after the restart, and only once. */
static void test_restart(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    char id[64], secret[64];
    listener_open(&l, NULL);
    f->options.faults = "callback:delay-3600000:2";
    f->options.speed = 1000;
    start(f);
    subscribe(f, "contact.verified", l.port, "/v", id, secret);
    struct reply r = bulk(f, 3, "everybody.example", "");
    reply_free(&r);
    wait_heard(&l, 1);
    f->options.faults = NULL;
    restart(f);
    wait_heard(&l, 3);
    restart(f);
    wait_heard(&l, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true(signed_with(l.got[i], secret));
    assert_string_not_equal(body_of(l.got[0]), body_of(l.got[1]));
    listener_close(&l);
}

/* Half of what growth gives a month is 750. */
static void test_credit_events(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    char id[64], secret[64];
    listener_open(&l, NULL);
    f->options.balance = 770;
    f->options.tier = "growth";
    start_fast(f);
    subscribe(f, "credits.low", l.port, "/low", id, secret);
    subscribe(f, "credits.exhausted", l.port, "/gone", id, secret);
    struct reply r = bulk(f, 20, "everybody.example", "");
    reply_free(&r);
    wait_heard(&l, 0);
    enrich(f, "everybody.example", "", "VERIFIED", NULL);
    wait_heard(&l, 1);
    assert_non_null(strstr(l.got[0], "\"data\":{\"credits\":749,\"plan\":\"growth\","
                                     "\"threshold\":1500}"));
    r = bulk(f, 50, "everybody.example", ",\"type\":\"both\"");
    reply_free(&r);
    r = bulk(f, 18, "everybody.example", ",\"type\":\"both\"");
    reply_free(&r);
    wait_heard(&l, 1);
    enrich(f, "everybody.example", "", "VERIFIED", NULL);
    wait_heard(&l, 2);
    assert_non_null(strstr(l.got[1], "\"data\":{\"credits\":0,\"plan\":\"growth\"}"));
    listener_close(&l);
}

static void test_lists(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    char id[64], secret[64], body[64];
    listener_open(&l, NULL);
    f->options.form = "explicit";
    start_fast(f);
    subscribe(f, "contact.added_to_list", l.port, "/", id, secret);
    struct reply r = prospiq(f, "POST", "/enrich",
                             "{\"first_name\":\"Sarah\",\"last_name\":\"Chen\","
                             "\"company\":\"everybody.example\"}");
    snprintf(body, sizeof body, "{\"search_id\":\"%s\"}", text_at(parse(f, &r), "search_id"));
    reply_free(&r);
    assert_int_equal(status_of(f, "/lists/list_9/contacts", body, "no such"), 404);
    assert_int_equal(
        status_of(f, "/lists/list_000002/contacts", "{\"search_id\":\"srch_1\"}", "no "), 404);
    assert_int_equal(status_of(f, "/lists/list_000002/contacts", body,
                               "{\"success\":true,\"list_id\":\"list_000002\",\"search_id\":"),
                     200);
    assert_int_equal(status_of(f, "/lists/list_000002/contacts", body, "already"), 409);
    wait_heard(&l, 1);
    assert_non_null(strstr(l.got[0], "\"contact_name\":\"Sarah Chen\",\"contact_email\":"
                                     "\"sarah.chen@everybody.example\""));
    restart(f);
    assert_int_equal(status_of(f, "/lists", NULL, "\"contact_count\":1"), 200);
    assert_int_equal(status_of(f, "/lists/list_000002/contacts", body, "already"), 409);
    assert_int_equal(status_of(f, "/lists/list_000001/contacts", body, "success"), 200);
    listener_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WHOLE(test_keys),          WHOLE(test_validation), WHOLE(test_prices),
        WHOLE(test_bulk),          WHOLE(test_rows),       WHOLE(test_no_credits),
        WHOLE(test_forms),         WHOLE(test_limits),     WHOLE(test_latency),
        WHOLE(test_subscriptions), WHOLE(test_events),     WHOLE(test_forged),
        WHOLE(test_poll),          WHOLE(test_tests),      WHOLE(test_restart),
        WHOLE(test_credit_events), WHOLE(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
