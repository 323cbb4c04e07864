/* The simulator's Zeliq as a client meets it. */

#include "sim_listener.h"

#define EMAIL   "/zeliq/api/contact/enrich/email"
#define PHONE   "/zeliq/api/contact/enrich/phone"
#define BALANCE "/zeliq/api/credits/balance"
#define CALL    "\"callbackUrl\":\"https://hooks.example/x\""

/* Fast: everything takes a thousandth of its time. */
static void start_fast(struct fixture *f)
{
    f->options.speed = 1000;
    start(f);
}

static void write_scenario(struct fixture *f, const char *text)
{
    static char path[128];
    struct error e = {0};
    snprintf(path, sizeof path, "%s/scenario.json", f->folder);
    assert_int_equal(file_replace(path, slice_of(text), false, &e), 0);
    f->options.scenario = path;
}

/* As the vendor's own endpoint tells it. */
static int64_t balance(struct fixture *f)
{
    struct reply r = ask(f, "GET", BALANCE, NULL);
    assert_int_equal(r.status, 200);
    int64_t credits = number_at(parse(f, &r), "credit_balance");
    reply_free(&r);
    return credits;
}

/* Until so many jobs have ended. */
static void wait_ended(struct fixture *f, int64_t jobs)
{
    int64_t begun = clock_mono_ms();
    while (number_of_account(f, "zeliq", "slots.finished") +
               number_of_account(f, "zeliq", "slots.failed") <
           jobs) {
        if (clock_mono_ms() - begun > 20000)
            fail_msg("%lld jobs do not end", (long long)jobs);
        usleep(5000);
    }
}

static void expect(struct fixture *f, const char *path, const char *body, int status,
                   const char *holds)
{
    struct reply r = ask(f, "POST", path, body);
    if (r.status != status || !strstr(r.body, holds))
        fail_msg("%s %s: %d %s", path, body, r.status, r.body);
    reply_free(&r);
}

static void test_keys(void **state)
{
    static const struct {
        const char *auth, *path;
        const char *message; /* of a 401; NULL: it is let in */
    } table[] = {
        {"x-api-key: " KEY "\r\n", BALANCE, NULL},
        {"X-API-Key: " KEY "\r\n", BALANCE, NULL},
        {"Authorization: Bearer " KEY "\r\n", BALANCE, "API key is required"},
        {"", BALANCE, "API key is required"},
        {"x-api-key:\r\n", BALANCE, "API key is required"},
        {"", BALANCE "?x-api-key=" KEY, "API key is required"},
        {"x-api-key: wrong\r\n", BALANCE, "Invalid API key"},
        {"x-api-key: Bearer " KEY "\r\n", BALANCE, "Invalid API key"},
    };
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reply r = ask_with(f, table[i].auth, "GET", table[i].path, NULL);
        struct json_value root = parse(f, &r);
        assert_int_equal(r.status, table[i].message ? 401 : 200);
        if (table[i].message) {
            assert_int_equal(number_at(root, "statusCode"), 401);
            assert_string_equal(text_at(root, "message"), table[i].message);
        } else {
            assert_int_equal(number_at(root, "credit_balance"), 100000);
        }
        reply_free(&r);
    }
    assert_int_equal(number_of_account(f, "zeliq", "unauthorized"), 6);
}

#define EITHER "Either linkedin_url OR (first_name, last_name, and company or domain) are required"
#define JANE   "\"first_name\":\"Jane\",\"last_name\":\"Doe\""
#define URL    "\"linkedin_url\":\"https://linkedin.com/in/jane\""

static void test_bodies(void **state)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *holds;
    } table[] = {
        {EMAIL, "", 400, "not a JSON object"},
        {EMAIL, "[]", 400, "not a JSON object"},
        {EMAIL, "{" CALL "}", 400, EITHER},
        {EMAIL, "{" JANE "," CALL "}", 400, EITHER},
        {EMAIL, "{\"first_name\":\"Jane\",\"company\":\"Acme\"," CALL "}", 400, EITHER},
        {EMAIL, "{\"linkedin_url\":\"  \"," CALL "}", 400, EITHER},
        {EMAIL, "{\"linkedin_url\":null,\"email\":\"a@b.test\"," CALL "}", 400, EITHER},
        {EMAIL, "{\"linkedin_url\":7," CALL "}", 400, "linkedin_url must be a string"},
        {EMAIL, "{" JANE ",\"domain\":[]," CALL "}", 400, "domain must be a string"},
        {EMAIL, "{" URL "}", 400, "\"message\":\"callbackUrl must be a valid URL"},
        {EMAIL, "{" URL ",\"callbackUrl\":7}", 400, "callbackUrl must be"},
        {EMAIL, "{" URL ",\"callbackUrl\":\"ftp://hooks.example\"}", 400, "callbackUrl must be"},
        {EMAIL, "{" URL ",\"callbackUrl\":\"http://\"}", 400, "callbackUrl must be"},
        {EMAIL, "{" URL ",\"callbackUrl\":\"http:///x\"}", 400, "callbackUrl must be"},
        {EMAIL, "{" URL ",\"callbackUrl\":\"http://a b\"}", 400, "callbackUrl must be"},
        {EMAIL, "{" URL ",\"callback_url\":\"hooks.example\"}", 400, "callbackUrl must be"},
        {EMAIL, "{" JANE ",\"domain\":\"refused.example\"," CALL "}", 400, "domain is refused"},
        {EMAIL, "{" JANE ",\"company\":\"poison.example\"," CALL "}", 400, "not valid"},
        {PHONE, "{" CALL "}", 400, "linkedin_url or email is required"},
        {PHONE, "{" JANE ",\"company\":\"Acme\"," CALL "}", 400,
         "linkedin_url or email is required"},
        {PHONE, "{\"email\":\"a@b.test\"}", 400, "callbackUrl must be"},
        {PHONE, "{\"email\":\"a@refused.example\"," CALL "}", 400, "email is refused"},
        {EMAIL, "{" URL "," CALL "}", 202, "\"status\":202,\"message\":\"Request accepted, "},
        {EMAIL, "{" URL ",\"callback_url\":\"http://127.0.0.1:1/x\"}", 202, "\"jobId\":\""},
        {EMAIL, "{" JANE ",\"company\":\"Acme\"," CALL "}", 202, "\"jobId\":\""},
        {EMAIL, "{" JANE ",\"domain\":\"acme.test\"," CALL "}", 202, "\"jobId\":\""},
        {EMAIL, "{" URL "," JANE ",\"domain\":\"acme.test\"," CALL "}", 202, "\"jobId\":\""},
        {PHONE, "{\"email\":\"a@b.test\"," CALL "}", 202, "\"jobId\":\""},
        {PHONE, "{" URL ",\"email\":\"a@b.test\"," CALL "}", 202, "\"jobId\":\""},
        {"/zeliq/api/contact/enrich", "{}", 404, "no such endpoint"},
        {BALANCE, "{}", 404, "no such endpoint"},
    };
    struct fixture *f = *state;
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        expect(f, table[i].path, table[i].body, table[i].status, table[i].holds);
    assert_int_equal(number_of_account(f, "zeliq", "slots.jobs"), 7);
    assert_int_equal(number_of_account(f, "zeliq", "requests.submit"), 29);

    /* A tag has its length. */
    char auth[160];
    for (int len = 50; len <= 51; len++) {
        snprintf(auth, sizeof auth, "x-api-key: " KEY "\r\nx-request-origin: %0*d\r\n", len, 0);
        struct reply r = ask_with(f, auth, "POST", EMAIL, "{" URL "," CALL "}");
        assert_int_equal(r.status, len == 50 ? 202 : 400);
        reply_free(&r);
    }
    /* No two ids are the same, and all look as documented. */
    struct reply r = ask_with(f, "", "GET", "/sim/zeliq/questions", NULL);
    char last[40] = "";
    unsigned count = 0;
    for (const char *at = r.body; (at = strstr(at, "\"id\":\"")); count++) {
        at += 6;
        assert_int_equal(strspn(at, "0123456789abcdef-"), 36);
        assert_true(at[8] == '-' && at[13] == '-' && at[14] == '4' && at[23] == '-');
        assert_memory_not_equal(at, last, 36);
        memcpy(last, at, 36);
    }
    assert_int_equal(count, 8);
    reply_free(&r);
}

/* The form that is stricter than the document. */
static void test_strict(void **state)
{
    struct fixture *f = *state;
    f->options.form = "strict";
    start_fast(f);
    expect(f, EMAIL, "{" URL ",\"company\":\"Acme\"," CALL "}", 400, "cannot be used together");
    expect(f, EMAIL, "{" URL "," JANE ",\"domain\":\"acme.test\"," CALL "}", 400, "together");
    expect(f, PHONE, "{" URL ",\"email\":\"a@b.test\"," CALL "}", 400, "together");
    expect(f, EMAIL, "{" URL "}", 400, "\"message\":[\"callbackUrl must be a valid URL");
    expect(f, EMAIL, "{" CALL "}", 400, "\"message\":\"" EITHER "\"");
    expect(f, EMAIL, "{" URL "," CALL "}", 202, "\"jobId\"");
    expect(f, PHONE, "{" URL ",\"email\":\"\"," CALL "}", 202, "\"jobId\"");
    assert_int_equal(number_of_account(f, "zeliq", "slots.jobs"), 2);
}

/* Paid when accepted, given back when nothing was found. */
static void test_credits(void **state)
{
    static const struct {
        const char *path, *body;
        int64_t deducted, charged;
    } table[] = {
        {EMAIL, "{" JANE ",\"domain\":\"everybody.example\"," CALL "}", 1, 1},
        {EMAIL, "{" JANE ",\"domain\":\"nobody.example\"," CALL "}", 1, 0},
        {EMAIL, "{" JANE ",\"domain\":\"catch-all.example\"," CALL "}", 1, 1},
        {PHONE, "{\"email\":\"jane@everybody.example\"," CALL "}", 10, 10},
        {PHONE, "{\"linkedin_url\":\"linkedin.com/in/nobody-1\"," CALL "}", 10, 0},
    };
    struct fixture *f = *state;
    int64_t credits = 30;
    write_scenario(f, "{\"zeliq\":{\"tier\":\"starter\",\"balance\":30,"
                      "\"latency\":{\"min_ms\":150,\"mean_ms\":150,\"max_ms\":150}}}");
    start(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t begun = clock_mono_ms();
        expect(f, table[i].path, table[i].body, 202, "jobId");
        int64_t between = balance(f);
        /* On a slow machine it has ended by now. */
        if (clock_mono_ms() - begun < 150)
            assert_int_equal(between, credits - table[i].deducted);
        wait_ended(f, (int64_t)i + 1);
        credits -= table[i].charged;
        assert_int_equal(balance(f), credits);
    }
    assert_int_equal(number_of_account(f, "zeliq", "spent"), 12);
    assert_int_equal(number_of_account(f, "zeliq", "reserved"), 0);

    /* What is deducted is not there for others, and comes back. */
    static const char nobody[] = "{\"email\":\"a@nobody.example\"," CALL "}";
    f->options.speed = 1;
    write_scenario(f, "{\"zeliq\":{\"tier\":\"starter\","
                      "\"latency\":{\"min_ms\":1500,\"mean_ms\":1500,\"max_ms\":1500}}}");
    restart(f);
    expect(f, PHONE, nobody, 202, "jobId");
    expect(f, PHONE, nobody, 402, "No Credit Remaining");
    expect(f, EMAIL, "{" URL "," CALL "}", 202, "jobId");
    wait_ended(f, 7);
    expect(f, PHONE, nobody, 202, "jobId");
    wait_ended(f, 8);

    /* An email address costs nothing on the larger plans, found or not, with or without credits. */
    write_scenario(f, "{\"speed\":1000,\"zeliq\":{\"tier\":\"advanced\"}}");
    restart(f);
    int64_t left = balance(f);
    expect(f, EMAIL, table[0].body, 202, "jobId");
    assert_int_equal(balance(f), left);
    expect(f, EMAIL, table[1].body, 202, "jobId");
    wait_ended(f, 10);
    assert_int_equal(balance(f), left);
    expect(f, PHONE, table[3].body, 202, "jobId");
    wait_ended(f, 11);
    assert_int_equal(balance(f), left - 10);
    expect(f, PHONE, table[3].body, 402, "\"error\":\"Payment Required\"");
    expect(f, EMAIL, table[0].body, 202, "jobId");
    wait_ended(f, 12);
    restart(f);
    assert_int_equal(balance(f), left - 10);
}

static void test_limits(void **state)
{
    static const struct {
        const char *tier;
        int minute;
        const char *limits;
    } table[] = {
        {"free", 50, "\"limits\":{\"perMinute\":50,\"perHour\":200,\"perDay\":600}}"},
        {"starter", 200, "\"limits\":{\"perMinute\":200,\"perHour\":400,\"perDay\":2000}}"},
        {"enterprise", 600, "\"limits\":{\"perMinute\":600,\"perHour\":2000,\"perDay\":6000}}"},
    };
    struct fixture *f = *state;
    char scenario[64];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        snprintf(scenario, sizeof scenario, "{\"zeliq\":{\"tier\":\"%s\"}}", table[i].tier);
        write_scenario(f, scenario);
        start(f);
        /* Those that are refused count, and both endpoints do together. */
        for (int k = 0; k < table[i].minute; k++)
            expect(f, k % 2 ? EMAIL : PHONE, "{}", 400, "required");
        struct reply r = ask(f, "POST", EMAIL, "{}");
        assert_int_equal(r.status, 429);
        struct json_value root = parse(f, &r);
        assert_int_equal(number_at(root, "statusCode"), 429);
        assert_string_equal(text_at(root, "error"), "Too Many Requests");
        assert_string_equal(text_at(root, "message"),
                            "Rate limit exceeded. Please try again later.");
        assert_non_null(strstr(r.body, table[i].limits));
        assert_null(strcasestr(r.text, "retry-after"));
        reply_free(&r);
        assert_int_equal(balance(f), 100000);
        assert_int_equal(number_of_account(f, "zeliq", "limited"), 1);
        sim_stop(f->sim);
        f->sim = NULL;
    }
    /* The hour is full though the minute is not: a minute takes 100 ms here. */
    write_scenario(f, "{\"speed\":600,\"zeliq\":{\"tier\":\"free\"}}");
    start(f);
    int64_t begun = clock_mono_ms();
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 50; k++)
            expect(f, EMAIL, "{}", 400, "required");
        usleep(120000);
    }
    struct reply r = ask(f, "POST", EMAIL, "{}");
    if (clock_mono_ms() - begun < 6000)
        assert_int_equal(r.status, 429);
    reply_free(&r);
}

static void test_faults(void **state)
{
    static const char jane[] = "{" JANE ",\"domain\":\"everybody.example\"," CALL "}";
    static const struct {
        const char *fault;
        int status;
        const char *holds;
        int jobs;
    } table[] = {
        {"submit:drop-before:1", 0, NULL, 0},
        {"submit:drop-after:1", 0, NULL, 1},
        {"submit:status-503:1", 503, "A fault", 0},
        {"submit:status-423:1", 423, "\"message\":\"User is blocked\"", 0},
        {"submit:status-402:1", 402, "\"message\":\"No Credit Remaining\"", 0},
        {"submit:after-502:1", 502, "A fault", 1},
        {"submit:limit-7:1", 429, "\"perMinute\":600", 0},
        {"submit:garbage:1", 200, "<html>", 1},
        {"submit:double-keys:1", 202, "\"jobId\"", 1},
        {"submit:missing:1", 202, "URL\"}", 1},
    };
    struct fixture *f = *state;
    int64_t jobs = 0;
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        set_vendor_faults(f, "zeliq", table[i].fault);
        struct reply r = ask(f, "POST", EMAIL, jane);
        if (r.status != table[i].status || (table[i].holds && !strstr(r.body, table[i].holds)))
            fail_msg("%s: %d %s", table[i].fault, r.status, r.body);
        if (strstr(table[i].fault, "limit"))
            assert_non_null(strcasestr(r.text, "retry-after: 7"));
        reply_free(&r);
        jobs += table[i].jobs;
        assert_int_equal(number_of_account(f, "zeliq", "slots.jobs"), jobs);
    }
    wait_ended(f, jobs);
    assert_int_equal(balance(f), 100000 - jobs);
    /* One that fails is refunded. */
    set_vendor_faults(f, "zeliq", "submit:failed:1");
    expect(f, PHONE, "{\"email\":\"a@everybody.example\"," CALL "}", 202, "jobId");
    wait_ended(f, jobs + 1);
    assert_int_equal(balance(f), 100000 - jobs);
    /* A blocked user, as a scenario says it. */
    write_scenario(f, "{\"zeliq\":{\"faults\":\"any:status-423\"}}");
    restart(f);
    expect(f, EMAIL, jane, 423, "\"error\":\"Locked\"");
    struct reply r = ask(f, "GET", BALANCE, NULL);
    assert_int_equal(r.status, 423);
    reply_free(&r);
}

/* ---- callbacks ---- */

/* Whether a callback, which is JSON, comes to the address with that token. */
static bool posted_to(const char *request, const char *token)
{
    char line[64];
    snprintf(line, sizeof line, "POST /hook?token=%s ", token);
    assert_memory_equal(request, "POST ", 5);
    assert_non_null(strcasestr(request, "content-type: application/json"));
    return strstr(request, line) == request;
}

/* Ask, to be called back there with that token. */
static void enrich_to(struct fixture *f, const struct listener *l, const char *path,
                      const char *inputs, const char *token)
{
    char body[512];
    snprintf(body, sizeof body, "{%s,\"callbackUrl\":\"http://127.0.0.1:%u/hook?token=%s\"}",
             inputs, l->port, token);
    expect(f, path, body, 202, "jobId");
}

#define EVERYBODY "\"linkedin_url\":\"https://linkedin.com/in/everybody-1\""
#define NOBODY    "\"linkedin_url\":\"https://linkedin.com/in/nobody-1\""

/* The payloads of all forms: of a hit and of a miss. */
static void test_payloads(void **state)
{
    static const struct {
        const char *form, *path, *inputs;
        const char *body; /* its beginning */
        const char *holds, *lacks;
    } table[] = {
        {"document", EMAIL, JANE ",\"domain\":\"everybody.example\"",
         "{\"credit_used\":1,\"contact\":{\"first_name\":\"Jane\",\"last_name\":\"Doe\","
         "\"domain\":\"everybody.example\",\"linkedin_url\":\"https://www.linkedin.com/in/jane-doe",
         "\"most_probable_email\":\"jane.doe@everybody.example\","
         "\"most_probable_email_status\":\"valid\","
         "\"emails\":[{\"email\":\"jane.doe@everybody.example\",\"status\":\"valid\"}",
         "null"},
        {"document", EMAIL, JANE ",\"domain\":\"catch-all.example\"", "{\"credit_used\":1,",
         "\"most_probable_email_status\":\"catch-all\"", "null"},
        {"document", EMAIL, JANE ",\"domain\":\"risky.example\"", "{\"credit_used\":1,",
         "\"most_probable_email_status\":\"unknown\"", "null"},
        {"document", EMAIL, JANE ",\"company\":\"nobody.example\"",
         "{\"credit_used\":0,\"contact\":{\"first_name\":\"Jane\",\"last_name\":\"Doe\","
         "\"domain\":null,\"linkedin_url\":null,",
         "\"most_probable_email\":null,\"most_probable_email_status\":null,\"emails\":[]}}", "@"},
        {"document", PHONE, EVERYBODY,
         "{\"credit_used\":10,\"contact\":{\"linkedin_url\":\"https://linkedin.com/in/"
         "everybody-1\",\"email\":\"",
         "\"most_probable_phone\":\"+1555", "null"},
        {"document", PHONE, "\"email\":\"Jane@Everybody.example\"", "{\"credit_used\":10,",
         "\"email\":\"Jane@Everybody.example\"", "null"},
        {"document", PHONE, NOBODY,
         "{\"credit_used\":0,\"contact\":{\"linkedin_url\":\"https://linkedin.com/in/nobody-1\","
         "\"email\":null,\"most_probable_phone\":null,\"phones\":[]}}",
         "", "+"},
        {"strict", EMAIL, NOBODY,
         "{\"credit_used\":0,\"contact\":{\"linkedin_url\":\"https://linkedin.com/in/nobody-1\"}}",
         "", "null"},
        {"strict", PHONE, "\"email\":\"a@nobody.example\"",
         "{\"credit_used\":0,\"contact\":{\"email\":\"a@nobody.example\"}}", "", "null"},
        {"strict", PHONE, EVERYBODY, "{\"credit_used\":10,", "\"phones\":[{\"phone\":\"+1555",
         "null"},
        {"observed", EMAIL, EVERYBODY, "{\"credit_used\":\"1\",",
         "\"most_probable_email_status\":\"safe to send\"", "\"valid\""},
        {"observed", EMAIL, JANE ",\"domain\":\"catch-all.example\"", "{\"credit_used\":\"1\",",
         "\"most_probable_email_status\":\"risky\"", "catch-all\""},
        {"observed", PHONE, NOBODY, "{\"credit_used\":\"0\",", "\"phones\":[]}}", "+"},
    };
    struct fixture *f = *state;
    struct listener l;
    listener_open(&l, NULL);
    f->options.speed = 1000;
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
        f->options.form = table[i].form;
        if (i == 0 || strcmp(table[i].form, table[i - 1].form) != 0)
            restart(f);
        char token[16];
        snprintf(token, sizeof token, "t%u", i);
        enrich_to(f, &l, table[i].path, table[i].inputs, token);
        wait_heard(&l, i + 1);
        const char *body = body_of(l.got[i]);
        assert_true(posted_to(l.got[i], token));
        if (strncmp(body, table[i].body, strlen(table[i].body)) != 0 ||
            !strstr(body, table[i].holds) || strstr(body, table[i].lacks))
            fail_msg("%u: %s", i, body);
        assert_null(strstr(body, "jobId"));
    }
    listener_close(&l);
}

/* A job that failed has no contact to tell of. */
static void test_failed(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    listener_open(&l, NULL);
    start_fast(f);
    set_vendor_faults(f, "zeliq", "submit:failed:1");
    enrich_to(f, &l, PHONE, EVERYBODY, "a");
    wait_heard(&l, 1);
    assert_string_equal(body_of(l.got[0]), "{\"credit_used\":0,\"contact\":null}");
    f->options.form = "strict";
    restart(f);
    set_vendor_faults(f, "zeliq", "submit:failed:1");
    enrich_to(f, &l, PHONE, EVERYBODY, "b");
    wait_heard(&l, 2);
    assert_string_equal(body_of(l.got[1]), "{\"credit_used\":0}");
    assert_int_equal(balance(f), 100000);
    listener_close(&l);
}

static void test_callback_faults(void **state)
{
    static const struct {
        const char *fault;
        unsigned count; /* callbacks of one job */
        unsigned foreign_tokens, foreign_people;
    } table[] = {
        {"", 1, 0, 0},
        {"callback:lost:1", 0, 0, 0},
        {"callback:twice:1", 2, 0, 0},
        {"callback:delay-60000:1", 1, 0, 0},
        {"callback:forged-1:1", 2, 1, 0},
        {"callback:forged-2:1", 2, 0, 1},
        {"callback:forged-3:1", 2, 0, 1},
    };
    static const struct {
        const char *path, *inputs, *echo;
    } questions[] = {
        {EMAIL, JANE ",\"domain\":\"everybody.example\"", "\"last_name\":\"Doe\""},
        {EMAIL, EVERYBODY, "in/everybody-1\""},
        {PHONE, "\"email\":\"a@everybody.example\"", "\"a@everybody.example\""},
    };
    struct fixture *f = *state;
    struct listener l;
    unsigned count = 0;
    listener_open(&l, NULL);
    start_fast(f);
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
        const char *echo = questions[i % 3].echo;
        unsigned tokens = 0, people = 0;
        set_vendor_faults(f, "zeliq", table[i].fault);
        enrich_to(f, &l, questions[i % 3].path, questions[i % 3].inputs, "t0k3n");
        wait_heard(&l, count + table[i].count);
        for (; heard(&l) > count; count++) {
            tokens += !posted_to(l.got[count], "t0k3n");
            people += !strstr(body_of(l.got[count]), echo);
        }
        if (tokens != table[i].foreign_tokens || people != table[i].foreign_people)
            fail_msg("%s: %u tokens and %u people", table[i].fault, tokens, people);
    }
    /* Whatever the listener says, there is no second attempt. */
    set_vendor_faults(f, "zeliq", "");
    l.status[count] = 500;
    enrich_to(f, &l, EMAIL, EVERYBODY, "x");
    wait_heard(&l, count + 1);
    assert_int_equal(number_of_account(f, "zeliq", "callbacks.retried"), 0);
    assert_int_equal(number_of_account(f, "zeliq", "callbacks.given_up"), 1);
    listener_close(&l);
}

/* Stopped while it is worked on: it ends, is paid for and told after the restart. */
static void test_restart(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    listener_open(&l, NULL);
    f->options.balance = 21;
    write_scenario(f, "{\"zeliq\":{\"latency\":"
                      "{\"min_ms\":3600000,\"mean_ms\":3600000,\"max_ms\":3600000}}}");
    start(f);
    enrich_to(f, &l, PHONE, EVERYBODY, "one");
    enrich_to(f, &l, PHONE, NOBODY, "two");
    assert_int_equal(balance(f), 1);
    /* What is outstanding stays deducted, and takes as long as was drawn for it. */
    restart(f);
    wait_heard(&l, 0);
    assert_int_equal(balance(f), 1);
    f->options.speed = 100000;
    restart(f);
    wait_heard(&l, 2);
    assert_int_equal(balance(f), 11);
    bool first_one = posted_to(l.got[0], "one");
    assert_non_null(strstr(body_of(l.got[first_one ? 0 : 1]), "\"credit_used\":10,"));
    assert_non_null(strstr(body_of(l.got[first_one ? 1 : 0]), "\"credit_used\":0,"));
    restart(f);
    wait_heard(&l, 2);

    struct reply r = ask_with(f, "", "GET", "/sim/zeliq/questions", NULL);
    assert_non_null(strstr(r.body, "\"operation\":\"enrich-phone\""));
    assert_non_null(strstr(r.body, "/hook?token=one\""));
    assert_non_null(strstr(r.body, "\"outcome\":\"found\",\"values\":{\"linkedin_url\":\"https:"));
    assert_non_null(strstr(r.body, "\"price\":10,\"charged\":10,\"times\":1"));
    assert_non_null(strstr(r.body, "\"price\":10,\"charged\":0,\"times\":1"));
    reply_free(&r);
    listener_close(&l);
}

/* Over many people: each status comes, shares are about what was set, and the judge says what the
 * payload said. */
static void test_truth(void **state)
{
    static const char *const statuses[] = {"\"valid\"", "\"catch-all\"", "\"unknown\"",
                                           "\"invalid\""};
    struct fixture *f = *state;
    char body[256];
    unsigned found = 0;
    bool met[4] = {false};
    start_fast(f);
    for (int i = 0; i < 300; i++) {
        snprintf(body, sizeof body,
                 "{\"linkedin_url\":\"https://www.linkedin.com/in/person-%d\"," CALL "}", i);
        expect(f, EMAIL, body, 202, "jobId");
    }
    wait_ended(f, 300);
    struct reply r = ask_with(f, "", "GET", "/sim/zeliq/questions", NULL);
    for (const char *at = r.body, *end; (end = strchr(at, '\n')); at = end + 1) {
        struct json_value root, email;
        struct slice text;
        struct error e = {0};
        assert_int_equal(json_parse(f->json, (struct slice){at, (size_t)(end - at)}, &root, &e), 0);
        bool hit = strcmp(text_at(root, "outcome"), "found") == 0;
        assert_true(json_path(root, "values.most_probable_email", &email));
        assert_int_equal(json_string(email, &text), hit);
        assert_int_equal(number_at(root, "charged"), hit);
        found += hit;
        for (unsigned k = 0; hit && k < 4; k++)
            met[k] |= strncmp(strstr(at, "most_probable_email_status\":") + 28, statuses[k],
                              strlen(statuses[k])) == 0;
    }
    assert_true(found > 150 && found < 210);
    assert_true(met[0] && met[1] && met[2] && met[3]);
    assert_int_equal(number_of_account(f, "zeliq", "spent"), found);
    reply_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WHOLE(test_keys),     WHOLE(test_bodies), WHOLE(test_strict),
        WHOLE(test_credits),  WHOLE(test_limits), WHOLE(test_faults),
        WHOLE(test_payloads), WHOLE(test_failed), WHOLE(test_callback_faults),
        WHOLE(test_restart),  WHOLE(test_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
