/* The simulator's Unstuck as a client meets it. */
#include "sim_listener.h"

#define AUTH "Authorization: Bearer " KEY "\r\n"
#define API  "/unstuck/enrichment"

static struct reply unstuck(struct fixture *f, const char *path, const char *body)
{
    char full[256];
    snprintf(full, sizeof full, API "%s", path);
    return ask_with(f, AUTH, "POST", full, body);
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

/* The credits that a request costs; its reply must hold that text and not hold the other. */
static int64_t ask_for(struct fixture *f, const char *path, const char *body, const char *wanted,
                       const char *unwanted)
{
    int64_t before = number_of_account(f, "unstuck", "spent");
    struct reply r = unstuck(f, path, body);
    if (r.status != 200 || !strstr(r.body, wanted) || (unwanted && strstr(r.body, unwanted)))
        fail_msg("%s: %d %s", body, r.status, r.body);
    int64_t cost = number_of_account(f, "unstuck", "spent") - before;
    struct json_value used;
    if (json_get(parse(f, &r), "credits_used", &used))
        assert_int_equal(number_at(parse(f, &r), "credits_used"), cost);
    reply_free(&r);
    return cost;
}

static void test_requests(void **state)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *wanted;
    } table[] = {
        {"", "{", 400, "JSON"},
        {"", "[]", 400, "JSON"},
        {"", "{}", 400, "at least one of"},
        {"", "{\"email\":null,\"linkedin_url\":\" \"}", 400, "at least one of"},
        {"", "{\"email\":7}", 400, "strings"},
        {"", "{\"email\":\"nobody\"}", 400, "not an address"},
        {"", "{\"email\":\"a@b.test\",\"channels\":[]}", 400, "channels"},
        {"", "{\"email\":\"a@b.test\",\"channels\":\"phone\"}", 400, "channels"},
        {"", "{\"email\":\"a@b.test\",\"channels\":[\"fax\"]}", 400, "channels"},
        {"", "{\"email\":\"a@refused.example\"}", 400, "refused"},
        {"", "{\"first_name\":\"A\",\"last_name\":\"B\"}", 400, "at least one of"},
        {"", "{\"company_domain\":\"acme.test\"}", 200, "record_id"},
        {"/discover", "{\"first_name\":\"A\",\"company_domain\":\"b.test\"}", 400, "last_name"},
        {"/account", "{\"company_domain\":\"b.test\"}", 400, "domain is required"},
        {"/bulk", "{}", 400, "1 to 100"},
        {"/bulk", "{\"records\":[]}", 400, "1 to 100"},
        {"/bulk", "{\"records\":[{\"email\":\"a@b.test\"},{}]}", 400, "records[1]: at least"},
        {"/bulk", "{\"records\":[{\"email\":\"a@b.test\"},7]}", 400, "records[1]: at least"},
        {"/bulk", "{\"records\":[{\"email\":\"a@b.test\"}],\"channels\":[\"fax\"]}", 400,
         "channel"},
        {"/reveal", "{}", 404, "error"},
    };
    struct fixture *f = *state;
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reply r = unstuck(f, table[i].path, table[i].body);
        if (r.status != table[i].status || !strstr(r.body, table[i].wanted))
            fail_msg("%s: %d %s", table[i].body, r.status, r.body);
        reply_free(&r);
    }
    static const char *const keys[] = {"", "Authorization: " KEY "\r\n", "x-api-key: " KEY "\r\n"};
    for (size_t i = 0; i < 3; i++) {
        struct reply r = ask_with(f, keys[i], "POST", API, "{\"email\":\"a@b.test\"}");
        assert_int_equal(r.status, 401);
        reply_free(&r);
    }
}

static void test_prices(void **state)
{
    struct fixture *f = *state;
    start_fast(f);
    assert_int_equal(ask_for(f, "", "{\"email\":\"jane@everybody.example\"}",
                             "\"work_email\":{\"value\":\"jane@everybody.example\",\"source\":"
                             "\"Provider ",
                             "null"),
                     9);
    assert_int_equal(ask_for(f, "",
                             "{\"linkedin_url\":\"https://linkedin.com/in/everybody-1\","
                             "\"channels\":[\"phone\"]}",
                             "\"channels\":{\"phone\":{\"value\":\"+1555", "work_email"),
                     4);
    assert_int_equal(ask_for(f, "",
                             "{\"email\":\"jane@everybody.example\",\"channels\":[\"linkedin_url\","
                             "\"personal_email\"]}",
                             "personal_email", "phone"),
                     3);
    assert_int_equal(ask_for(f, "", "{\"email\":\"jane@nobody.example\"}",
                             "\"channels\":{\"work_email\":null,\"personal_email\":null,\"phone\":"
                             "null,\"linkedin_url\":null},\"credits_used\":0}",
                             "value"),
                     0);
    assert_int_equal(ask_for(f, "/discover",
                             "{\"first_name\":\"Chloe\",\"last_name\":\"Walker\","
                             "\"company_domain\":\"everybody.example\"}",
                             "\"value\":\"chloe.walker@everybody.example\"", "null"),
                     11);
    assert_int_equal(ask_for(f, "/discover",
                             "{\"first_name\":\"Chloe\",\"last_name\":\"Walker\","
                             "\"company_domain\":\"nobody.example\"}",
                             "\"credits_used\":0", "value"),
                     0);
    assert_int_equal(ask_for(f, "/account", "{\"domain\":\"everybody.example\"}",
                             "\"account_id\":\"acc_", "null"),
                     3);
    assert_int_equal(ask_for(f, "/account", "{\"domain\":\"nobody.example\"}",
                             "\"fields\":{\"industry\":null", "Series"),
                     0);
    struct reply r = ask_with(f, "", "GET", "/sim/unstuck/questions", NULL);
    assert_non_null(strstr(r.body, "\"operation\":\"enrichment-discover\",\"way\":\"single\","
                                   "\"question\":{\"company_domain\":\"everybody.example\","));
    assert_non_null(strstr(r.body, "\"outcome\":\"found\",\"values\":{\"work_email\":"
                                   "\"chloe.walker@everybody.example\""));
    assert_non_null(strstr(r.body, "\"question\":{\"domain\":\"nobody.example\"},\"outcome\":"
                                   "\"not_found\",\"values\":{},\"charged\":0"));
    reply_free(&r);
}

static void test_idempotent(void **state)
{
    static const char once[] = "{\"email\":\"Jane@everybody.example\",\"channels\":[\"phone\","
                               "\"work_email\"]}";
    static const char again[] = "{\"channels\":[\"work_email\",\"phone\"],\"force\":false,"
                                "\"email\":\"jane@EVERYBODY.example \"}";
    static const char forced[] = "{\"email\":\"jane@everybody.example\",\"force\":true,"
                                 "\"channels\":[\"work_email\",\"phone\"]}";
    static const char other[] = "{\"email\":\"jane@everybody.example\",\"channels\":[\"phone\"]}";
    struct fixture *f = *state;
    start_fast(f);
    /* The answer of a bulk is not what that endpoint remembers. */
    assert_int_equal(ask_for(f, "/bulk",
                             "{\"records\":[{\"email\":\"jane@everybody.example\"}],\"channels\":["
                             "\"work_email\",\"phone\"]}",
                             "value", NULL),
                     6);
    assert_int_equal(ask_for(f, "", once, "value", NULL), 6);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask_for(f, "", once, "value", NULL), 0);
        assert_int_equal(ask_for(f, "", again, "value", NULL), 0);
        assert_int_equal(ask_for(f, "", forced, "value", NULL), 6);
        restart(f);
    }
    assert_int_equal(ask_for(f, "", other, "value", NULL), 4);
    /* Free also when nothing is left, and the same whatever is true now. */
    struct reply r = unstuck(f, "", "{\"email\":\"x1@acme.test\"}");
    char *before = strdup(r.body);
    reply_free(&r);
    f->options.found_percent = 0;
    restart(f);
    r = unstuck(f, "", "{\"email\":\"x1@acme.test\"}");
    char *channels = strstr(before, "\"channels\""), *end = strstr(before, ",\"credits_used\"");
    *end = '\0';
    assert_non_null(strstr(r.body, channels));
    assert_non_null(strstr(r.body, "\"credits_used\":0}"));
    free(before);
    reply_free(&r);
    r = ask_with(f, "", "GET", "/sim/unstuck/questions", NULL);
    assert_non_null(strstr(r.body, "\"times\":7"));
    reply_free(&r);
}

static char *bulk_body(unsigned n, const char *domain, const char *rest)
{
    char *body = malloc(256 + n * 96);
    assert_non_null(body);
    char *at = body + sprintf(body, "{\"records\":[");
    for (unsigned i = 0; i < n; i++)
        at += i % 2 ? sprintf(at, ",{\"linkedin_url\":\"https://linkedin.com/in/%.*s-%u\"}",
                              (int)strcspn(domain, "."), domain, i)
                    : sprintf(at, "%s{\"email\":\"n%u@%s\"}", i ? "," : "", i, domain);
    sprintf(at, "]%s}", rest);
    return body;
}

static struct reply bulk(struct fixture *f, unsigned n, const char *domain, const char *rest)
{
    char *body = bulk_body(n, domain, rest);
    struct reply r = unstuck(f, "/bulk", body);
    free(body);
    return r;
}

static unsigned count_of(const char *text, const char *word)
{
    unsigned n = 0;
    for (; (text = strstr(text, word)); text++)
        n++;
    return n;
}

static void test_bulk_forms(void **state)
{
    static const struct {
        const char *form, *begin, *empty, *error;
        bool echo;
    } table[] = {
        {"document", "[{", "\"phone\":null", "{\"error\":\"", false},
        {"results", "{\"results\":[{", "\"phone\":{\"value\":null,\"tried_providers\":[\"",
         "\"error\":{\"code\":\"provider_timeout\"", true},
        {"records", "{\"records\":[{", NULL, "{\"record_id\":\"lead_", false},
        {"data", "{\"data\":[{", "\"phone\":{\"value\":\"\"}", "null,", false},
    };
    struct fixture *f = *state;
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        f->options.form = table[i].form;
        restart(f);
        struct reply r = bulk(f, 4, "everybody.example", "");
        assert_int_equal(r.status, 200);
        assert_memory_equal(r.body, table[i].begin, strlen(table[i].begin));
        assert_int_equal(count_of(r.body, "\"credits_used\":9"), 4);
        assert_int_equal(strstr(r.body, "{\"email\":\"n0@everybody.example\",\"record_id\"") !=
                             NULL,
                         table[i].echo);
        assert_int_equal(strstr(r.body, "\"credits_used\":36}") != NULL, i == 1 || i == 3);
        reply_free(&r);
        r = bulk(f, 1, "nobody.example", ",\"channels\":[\"phone\"]");
        assert_int_equal(strstr(r.body, "phone") != NULL, table[i].empty != NULL);
        assert_true(!table[i].empty || strstr(r.body, table[i].empty));
        reply_free(&r);
        /* One of a hundred is an error. */
        unsigned errors = 0;
        int64_t spent = number_of_account(f, "unstuck", "spent"), told = 0;
        for (unsigned k = 0; k < 10; k++) {
            char domain[32];
            snprintf(domain, sizeof domain, "company%u.test", k);
            r = bulk(f, 100, domain, "");
            errors += 100 - count_of(r.body, "\"channels\":");
            for (const char *at = r.body; (at = strstr(at, "\"credits_used\":")); at += 15)
                if (strchr("0123456789", at[15]) && at[-2] == '}')
                    told += atoll(at + 15);
            assert_true(errors == 0 || strstr(r.body, table[i].error) || k > 0);
            reply_free(&r);
        }
        assert_in_range(errors, 1, 40);
        assert_int_equal(number_of_account(f, "unstuck", "spent") - spent, told);
        r = ask_with(f, "", "GET", "/sim/unstuck/questions", NULL);
        assert_int_equal(count_of(r.body, "\"outcome\":\"error\",\"values\":{},\"charged\":0"),
                         errors * (i + 1));
        reply_free(&r);
    }
    struct reply r = bulk(f, 101, "acme.test", "");
    assert_int_equal(r.status, 400);
    reply_free(&r);
}

static void test_elements(void **state)
{
    static const struct {
        const char *fault;
        unsigned least, most;
    } table[] = {{"submit:missing-2:1", 8, 9},
                 {"submit:repeat-1:1", 11, 11},
                 {"submit:extra-3:1", 13, 13},
                 {"submit:flat:1", 10, 10}};
    struct fixture *f = *state;
    f->options.form = "results";
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        set_vendor_faults(f, "unstuck", table[i].fault);
        struct reply r = bulk(f, 10, "everybody.example", "");
        assert_int_equal(r.status, 200);
        assert_in_range(count_of(r.body, "\"record_id\""), table[i].least, table[i].most);
        assert_int_equal(r.body[0], i == 3 ? '[' : '{');
        reply_free(&r);
    }
    f->options.shuffle = true;
    restart(f);
    struct reply r = bulk(f, 20, "everybody.example", "");
    assert_int_equal(count_of(r.body, "\"record_id\""), 20);
    assert_true(strstr(r.body, "n0@every") > strstr(r.body, "n2@every") ||
                strstr(r.body, "n4@every") > strstr(r.body, "n6@every") ||
                strstr(r.body, "n8@every") > strstr(r.body, "n10@every") ||
                strstr(r.body, "n12@every") > strstr(r.body, "n14@every"));
    reply_free(&r);
}

static void test_no_credits(void **state)
{
    struct fixture *f = *state;
    f->options.balance = 20;
    start_fast(f);
    struct reply r = bulk(f, 3, "everybody.example", "");
    assert_int_equal(r.status, 402);
    reply_free(&r);
    assert_int_equal(number_of_account(f, "unstuck", "spent"), 0);
    f->options.form = "records";
    restart(f);
    r = bulk(f, 3, "everybody.example", "");
    assert_int_equal(r.status, 200);
    assert_int_equal(count_of(r.body, "\"record_id\""), 2);
    assert_non_null(strstr(r.body, ",{\"error\":\"insufficient_credits\"}]}"));
    reply_free(&r);
    r = unstuck(f, "", "{\"email\":\"a@everybody.example\"}");
    assert_int_equal(r.status, 402);
    reply_free(&r);
    assert_int_equal(number_of_account(f, "unstuck", "balance"), 2);
    assert_int_equal(ask_for(f, "",
                             "{\"email\":\"a@everybody.example\",\"channels\":[\"work_email\"]}",
                             "value", NULL),
                     2);
    /* The same again costs nothing, so it needs nothing. */
    assert_int_equal(ask_for(f, "",
                             "{\"email\":\"a@everybody.example\",\"channels\":[\"work_email\"]}",
                             "value", NULL),
                     0);
    f->options.form = "data";
    restart(f);
    r = bulk(f, 3, "everybody.example", "");
    assert_int_equal(r.status, 200);
    reply_free(&r);
    assert_int_equal(number_of_account(f, "unstuck", "balance"), 1000 - 27);
    assert_int_equal(number_of_account(f, "unstuck", "granted"), 1020);
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    f->options.tier = "workspace";
    scenario(f, "{\"unstuck\":{\"latency\":{\"min_ms\":0,\"mean_ms\":0,\"max_ms\":0}}}");
    start(f);
    for (int i = 0; i <= 100; i++) {
        static const char *const paths[] = {"", "/discover", "/account"};
        struct reply r = unstuck(f, paths[i % 3], "{\"domain\":\"acme.test\"}");
        assert_int_equal(r.status == 429, i == 100);
        reply_free(&r);
    }
    for (int i = 0; i <= 20; i++) {
        struct reply r = bulk(f, 1, "acme.test", "");
        assert_int_equal(r.status, i == 20 ? 429 : 200);
        if (i == 20)
            assert_null(strcasestr(r.text, "retry-after"));
        reply_free(&r);
    }
    set_vendor_faults(f, "unstuck", "single:limit-7:1");
    assert_int_equal(number_of_account(f, "unstuck", "limited"), 2);
}

static void test_latency(void **state)
{
    struct fixture *f = *state;
    scenario(f, "{\"unstuck\":{\"latency\":{\"min_ms\":30,\"mean_ms\":30,\"max_ms\":30}}}");
    start(f);
    int64_t begun = clock_mono_ms();
    struct reply r = bulk(f, 10, "everybody.example", "");
    assert_in_range(clock_mono_ms() - begun, 300, 5000);
    reply_free(&r);
    begun = clock_mono_ms();
    ask_for(f, "/account", "{\"domain\":\"acme.test\"}", "account_id", NULL);
    assert_in_range(clock_mono_ms() - begun, 30, 5000);
}

/* ---- the verification webhook ---- */

static int judge(const char *body, char reply[128])
{
    assert_memory_equal(body, "{\"email\":\"", 10);
    bool valid = strstr(body, "@good.example") != NULL;
    strcpy(reply, valid ? "{\"valid\":true}" : "{\"valid\":false}");
    if (strstr(body, "@odd.example"))
        strcpy(reply, "{\"valid\":\"yes\"}");
    return strstr(body, "@broken.example") ? 503 : 200;
}

static struct reply verify(struct fixture *f, unsigned port, const char *more, const char *body)
{
    char path[128];
    snprintf(path, sizeof path, "/sim/unstuck/verify?url=http%%3A%%2F%%2F127.0.0.1%%3A%u%%2Fv%s",
             port, more);
    return ask_with(f, "", "POST", path, body);
}

static void test_verify(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    listener_open(&l, judge);
    start_fast(f);
    struct reply r = verify(f, l.port, "",
                            "a@good.example\nb@bad.example\r\n\nc@odd.example\nd@broken.example\n");
    assert_int_equal(r.status, 200);
    struct json_value root = parse(f, &r);
    assert_int_equal(number_at(root, "asked"), 4);
    assert_int_equal(number_at(root, "valid"), 1);
    assert_int_equal(number_at(root, "invalid"), 1);
    assert_int_equal(number_at(root, "unclear"), 2);
    assert_non_null(strstr(r.body, "{\"email\":\"a@good.example\",\"status\":200,\"valid\":true}"));
    assert_non_null(strstr(r.body, "{\"email\":\"b@bad.example\",\"status\":200,\"valid\":false}"));
    assert_non_null(strstr(r.body, "{\"email\":\"c@odd.example\",\"status\":200,\"valid\":null}"));
    assert_non_null(
        strstr(r.body, "{\"email\":\"d@broken.example\",\"status\":503,\"valid\":null}"));
    reply_free(&r);
    r = verify(f, l.port, "&count=50", NULL);
    assert_int_equal(number_at(parse(f, &r), "invalid"), 50);
    reply_free(&r);
    wait_heard(&l, 54);
    set_vendor_faults(f, "unstuck", "callback:lost:1");
    r = verify(f, l.port, "&count=3", NULL);
    assert_int_equal(number_at(parse(f, &r), "unclear"), 1);
    reply_free(&r);
    static const char *const bad[] = {"&count=0", "&count=1001", "&count=x"};
    for (size_t i = 0; i < 3; i++) {
        r = verify(f, l.port, bad[i], NULL);
        assert_int_equal(r.status, 400);
        reply_free(&r);
    }
    r = ask_with(f, "", "POST", "/sim/unstuck/verify", NULL);
    assert_int_equal(r.status, 400);
    reply_free(&r);
    /* Nobody there; and nobody whom the simulator would call. */
    listener_close(&l);
    r = verify(f, l.port, "&count=2", NULL);
    assert_int_equal(number_at(parse(f, &r), "unclear"), 2);
    reply_free(&r);
    r = ask_with(f, "", "POST", "/sim/unstuck/verify?url=https://verify.example/&count=2", NULL);
    assert_int_equal(number_at(parse(f, &r), "unclear"), 2);
    reply_free(&r);
    r = ask_with(f, "", "GET", "/sim/unstuck/verify", NULL);
    assert_int_equal(r.status, 404);
    reply_free(&r);
}

/* One round at a time, and a round that waits does not keep the simulator from ending. */
static void test_verify_busy(void **state)
{
    struct fixture *f = *state;
    char request[256];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(silent, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(silent, 64), 0);
    assert_int_equal(getsockname(silent, (struct sockaddr *)&a, &len), 0);
    start_fast(f);
    int fd = dial(sim_port(f->sim));
    snprintf(request, sizeof request,
             "POST /sim/unstuck/verify?url=http://127.0.0.1:%u/&count=40 HTTP/1.1\r\nHost: x\r\n"
             "Content-Length: 0\r\n\r\n",
             ntohs(a.sin_port));
    send_all(fd, request, strlen(request));
    for (int i = 0; i < 500 && number_of_account(f, "unstuck", "callbacks.flying") < 32; i++)
        usleep(10000);
    struct reply r = verify(f, ntohs(a.sin_port), "", NULL);
    assert_int_equal(r.status, 409);
    reply_free(&r);
    int64_t begun = clock_mono_ms();
    sim_stop(f->sim);
    f->sim = NULL;
    assert_true(clock_mono_ms() - begun < 3000);
    close(fd);
    close(silent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WHOLE(test_requests),    WHOLE(test_prices),   WHOLE(test_idempotent),
        WHOLE(test_bulk_forms),  WHOLE(test_elements), WHOLE(test_no_credits),
        WHOLE(test_limits),      WHOLE(test_latency),  WHOLE(test_verify),
        WHOLE(test_verify_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
