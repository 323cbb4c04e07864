/* The simulator's Wiza as a client meets it. */
#include <poll.h>

#include "sim_listener.h"

#include "wire/digest.h"

#define AUTH    "Authorization: Bearer " KEY "\r\n"
#define REVEALS "/wiza/api/individual_reveals"

static struct reply wiza(struct fixture *f, const char *method, const char *path, const char *body)
{
    return ask_with(f, AUTH, method, path, body);
}

/* Fast: everything takes a thousandth of its time. */
static void start_fast(struct fixture *f)
{
    f->options.speed = 1000;
    start(f);
}

/* Ask for a reveal; its id. */
static int64_t reveal(struct fixture *f, const char *inputs, const char *rest)
{
    char body[1024];
    snprintf(body, sizeof body, "{\"individual_reveal\":{%s},%s}", inputs, rest);
    struct reply r = wiza(f, "POST", REVEALS, body);
    if (r.status != 200)
        fail_msg("%s: %d %s", body, r.status, r.body);
    int64_t id = number_at(parse(f, &r), "data.id");
    reply_free(&r);
    return id;
}

static struct reply read_reveal(struct fixture *f, int64_t id)
{
    char path[96];
    snprintf(path, sizeof path, REVEALS "/%lld", (long long)id);
    return wiza(f, "GET", path, NULL);
}

/* Poll until it has ended; the reply. */
static struct reply wait_for(struct fixture *f, int64_t id)
{
    int64_t begun = clock_mono_ms();
    for (;;) {
        struct reply r = read_reveal(f, id);
        bool complete = false;
        struct json_value data;
        if (r.status == 200 && json_get(parse(f, &r), "data", &data) &&
            json_get_bool(data, "is_complete", &complete) && complete)
            return r;
        reply_free(&r);
        if (clock_mono_ms() - begun > 20000)
            fail_msg("reveal %lld does not end", (long long)id);
        usleep(5000);
    }
}

static void test_keys(void **state)
{
    static const struct {
        const char *auth;
        int status;
    } table[] = {
        {"Authorization: Bearer " KEY "\r\n", 200},
        {"Authorization: " KEY "\r\n", 401},
        {"Authorization: Bearer wrong\r\n", 401},
        {"x-api-key: " KEY "\r\n", 401},
        {"", 401},
    };
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reply r = ask_with(f, table[i].auth, "GET", "/wiza/api/meta/credits", NULL);
        assert_int_equal(r.status, table[i].status);
        if (r.status == 200)
            assert_int_equal(number_at(parse(f, &r), "credits.api_credits"), 100000);
        else
            assert_int_equal(number_at(parse(f, &r), "status.code"), 401);
        reply_free(&r);
    }
    assert_int_equal(number_of_account(f, "wiza", "unauthorized"), 4);
    assert_int_equal(number_of_account(f, "enrichso", "unauthorized"), 0);
}

static void test_bodies(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *message;
    } table[] = {
        {"", 400, "not valid JSON"},
        {"{}", 400, "individual_reveal must be an object"},
        /* Inputs beside the options: they belong into individual_reveal. */
        {"{\"email\":\"a@b.test\",\"enrichment_level\":\"none\"}", 400, "individual_reveal"},
        {"{\"individual_reveal\":{},\"enrichment_level\":\"none\"}", 400, "needs profile_url"},
        {"{\"individual_reveal\":{\"full_name\":\"J D\"},\"enrichment_level\":\"none\"}", 400,
         "needs profile_url"},
        {"{\"individual_reveal\":{\"domain\":\"b.test\"},\"enrichment_level\":\"none\"}", 400,
         "needs profile_url"},
        {"{\"individual_reveal\":{\"email\":7},\"enrichment_level\":\"none\"}", 400,
         "individual_reveal.email must be a string"},
        {"{\"individual_reveal\":{\"email\":\"a@b.test\"}}", 400, "enrichment_level"},
        {"{\"individual_reveal\":{\"email\":\"a@b.test\"},\"enrichment_level\":\"email\"}", 400,
         "enrichment_level"},
        {"{\"individual_reveal\":{\"email\":\"a@b.test\"},\"enrichment_level\":\"partial\","
         "\"email_options\":{\"accept_work\":\"yes\"}}",
         400, "email_options"},
        {"{\"individual_reveal\":{\"email\":\"a@b.test\"},\"enrichment_level\":\"none\","
         "\"callback_url\":\"ftp://x\"}",
         400, "callback_url"},
        {"{\"individual_reveal\":{\"full_name\":\"J\",\"domain\":\"refused.example\"},"
         "\"enrichment_level\":\"none\"}",
         400, "domain is refused"},
        {"{\"individual_reveal\":{\"full_name\":\"J\",\"domain\":\"poison.example\"},"
         "\"enrichment_level\":\"none\"}",
         400, "not valid"},
        {"{\"individual_reveal\":{\"full_name\":\"J\",\"company\":\"Acme\"},"
         "\"enrichment_level\":\"none\",\"callback_url\":null}",
         200, NULL},
    };
    struct fixture *f = *state;
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reply r = wiza(f, "POST", REVEALS, table[i].body);
        if (r.status != table[i].status || (table[i].message && !strstr(r.body, table[i].message)))
            fail_msg("%s: %d %s", table[i].body, r.status, r.body);
        assert_int_equal(number_at(parse(f, &r), "status.code"), table[i].status);
        reply_free(&r);
    }
    static const char *const nowhere[] = {REVEALS "/1", REVEALS "/x", REVEALS, "/wiza/api",
                                          REVEALS "/99999999999999999999999"};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        struct reply r = wiza(f, "GET", nowhere[i], NULL);
        assert_int_equal(r.status, 404);
        reply_free(&r);
    }
}

/* What levels find, and what they cost. */
static void test_levels(void **state)
{
    static const struct {
        const char *inputs, *rest;
        int64_t total;
        const char *holds, *lacks;
    } table[] = {
        {"\"full_name\":\"Jane Doe\",\"domain\":\"everybody.example\"",
         "\"enrichment_level\":\"none\"", 1, "\"linkedin_profile_url\":\"https://www.linkedin",
         "\"emails\""},
        {"\"full_name\":\"Jane Doe\",\"domain\":\"everybody.example\"",
         "\"enrichment_level\":\"partial\","
         "\"email_options\":{\"accept_work\":true,\"accept_personal\":false}",
         2,
         "\"emails\":[{\"email\":\"jane.doe@everybody.example\",\"email_type\":\"work\","
         "\"email_status\":\"valid\"}]",
         "\"phones\""},
        {"\"full_name\":\"Jane Doe\",\"domain\":\"everybody.example\"",
         "\"enrichment_level\":\"partial\"", 2, "\"email_type\":\"personal\"", "\"phones\""},
        {"\"full_name\":\"Jane Doe\",\"domain\":\"everybody.example\"",
         "\"enrichment_level\":\"phone\"", 5, "\"number_pretty\":\"+1 (555) ", "\"emails\""},
        {"\"full_name\":\"Jane Doe\",\"domain\":\"everybody.example\"",
         "\"enrichment_level\":\"full\"", 7, "\"phone_number\":\"+1555", "pretty_number"},
        {"\"full_name\":\"Jane Doe\",\"domain\":\"risky.example\"",
         "\"enrichment_level\":\"partial\","
         "\"email_options\":{\"accept_work\":true,\"accept_personal\":false}",
         0, "\"email_status\":\"risky\"", "valid"},
        {"\"full_name\":\"Jane Doe\",\"domain\":\"nobody.example\"",
         "\"enrichment_level\":\"full\"", 0, "\"phones\":[]", "@"},
        {"\"profile_url\":\"https://www.linkedin.com/in/nobody-1/\"",
         "\"enrichment_level\":\"none\"", 0, "\"linkedin_profile_url\":null", "@"},
        {"\"profile_url\":\"https://www.linkedin.com/in/everybody-1/\"",
         "\"enrichment_level\":\"none\"", 1, "linkedin.com/in/everybody-1\"", "@"},
    };
    struct fixture *f = *state;
    int64_t sum = 0;
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reply r = wait_for(f, reveal(f, table[i].inputs, table[i].rest));
        struct json_value root = parse(f, &r);
        assert_string_equal(text_at(root, "data.status"), "finished");
        if (number_at(root, "data.credits.api_credits.total") != table[i].total ||
            !strstr(r.body, table[i].holds) || strstr(r.body, table[i].lacks))
            fail_msg("%zu: %s", i, r.body);
        sum += table[i].total;
        reply_free(&r);
        assert_int_equal(number_of_account(f, "wiza", "spent"), sum);
    }
    assert_int_equal(number_of_account(f, "wiza", "reserved"), 0);
    assert_int_equal(number_of_account(f, "wiza", "slots.finished"), 9);
    assert_int_equal(number_of_account(f, "wiza", "requests.submit"), 9);
    /* All of it is there after a restart. */
    restart(f);
    assert_int_equal(number_of_account(f, "wiza", "spent"), sum);
    assert_int_equal(number_of_account(f, "wiza", "slots.finished"), 9);

    struct reply r = ask_with(f, "", "GET", "/sim/wiza/questions", NULL);
    unsigned lines = 0;
    int64_t charged = 0;
    for (const char *at = r.body, *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        struct json_value root;
        struct error e = {0};
        assert_int_equal(json_parse(f->json, (struct slice){at, (size_t)(end - at)}, &root, &e), 0);
        charged += number_at(root, "charged");
        assert_int_equal(number_at(root, "times"), 1);
        assert_string_equal(text_at(root, "state"), "finished");
        assert_string_equal(text_at(root, "outcome"),
                            number_at(root, "charged") > 0 || lines == 5 ? "found" : "not_found");
    }
    assert_int_equal(lines, 9);
    assert_int_equal(charged, sum);
    reply_free(&r);
}

static void test_forms(void **state)
{
    static const char jane[] = "\"full_name\":\"Jane Doe\",\"domain\":\"everybody.example\"";
    struct fixture *f = *state;
    f->options.form = "api";
    start_fast(f);
    struct reply r = wiza(f, "POST", REVEALS,
                          "{\"individual_reveal\":{\"full_name\":\"Jane Doe\",\"domain\":"
                          "\"everybody.example\"},\"enrichment_level\":\"phone\"}");
    assert_memory_equal(r.body, "{\"data\":{\"id\":", 14);
    int64_t id = number_at(parse(f, &r), "data.id");
    reply_free(&r);
    r = wait_for(f, id);
    assert_non_null(strstr(r.body, "\"pretty_number\":\"+1 (555) "));
    assert_non_null(strstr(r.body, "\"phones\":[{\"number\":\"1555"));
    reply_free(&r);

    f->options.form = "observed";
    f->options.speed = 10;
    restart(f);
    id = reveal(f, jane, "\"enrichment_level\":\"phone\"");
    r = read_reveal(f, id);
    assert_int_equal(r.status, 404);
    assert_int_equal(number_at(parse(f, &r), "status"), 404);
    reply_free(&r);
    r = wait_for(f, id);
    assert_string_equal(text_at(parse(f, &r), "data.status"), "finished");
    reply_free(&r);
}

static void write_scenario(struct fixture *f, const char *text)
{
    static char path[128];
    struct error e = {0};
    snprintf(path, sizeof path, "%s/scenario.json", f->folder);
    assert_int_equal(file_replace(path, slice_of(text), false, &e), 0);
    f->options.scenario = path;
}

/* Two slots, a queue of 400; states over time; what is beyond is refused. */
static void test_slots(void **state)
{
    struct fixture *f = *state;
    char inputs[96];
    int64_t ids[402];
    write_scenario(f, "{\"wiza\":{\"tier\":\"starter\",\"slots\":2,"
                      "\"latency\":{\"min_ms\":300,\"mean_ms\":300,\"max_ms\":300}}}");
    start(f);
    for (int i = 0; i < 402; i++) {
        snprintf(inputs, sizeof inputs, "\"full_name\":\"A N%d\",\"domain\":\"acme.test\"", i);
        ids[i] = reveal(f, inputs, "\"enrichment_level\":\"phone\"");
    }
    struct reply r = wiza(f, "POST", REVEALS,
                          "{\"individual_reveal\":{\"email\":\"a@b.test\"},"
                          "\"enrichment_level\":\"phone\"}");
    int64_t waiting = number_of_account(f, "wiza", "slots.waiting");
    /* On a slow machine some have ended meanwhile, and there is room. */
    if (waiting == 400) {
        assert_int_equal(r.status, 429);
        assert_int_equal(number_of_account(f, "wiza", "slots.refused"), 1);
    }
    reply_free(&r);
    r = read_reveal(f, ids[401]);
    assert_string_equal(text_at(parse(f, &r), "data.status"), "queued");
    reply_free(&r);
    r = wait_for(f, ids[1]);
    reply_free(&r);
    assert_true(number_of_account(f, "wiza", "slots.running") == 2);
    /* First in, first out, two at a time. */
    assert_true(number_of_account(f, "wiza", "slots.finished") >= 2);
    /* They go on after a restart, and the slots were never idle. */
    f->options.scenario = NULL;
    f->options.tier = "enterprise";
    f->options.speed = 1000;
    restart(f);
    r = wait_for(f, ids[401]);
    reply_free(&r);
    assert_int_equal(number_of_account(f, "wiza", "slots.slots"), 15);
    assert_int_equal(number_of_account(f, "wiza", "slots.running"), 0);
    assert_int_equal(number_of_account(f, "wiza", "reserved"), 0);
    assert_true(number_of_account(f, "wiza", "slots.jobs") >= 402);
}

/* The slots of one that is never without work are busy all the time. */
static void test_utilisation(void **state)
{
    struct fixture *f = *state;
    char inputs[96];
    int64_t id = 0;
    write_scenario(f, "{\"wiza\":{\"tier\":\"starter\","
                      "\"latency\":{\"min_ms\":100,\"mean_ms\":100,\"max_ms\":100}}}");
    start(f);
    for (int i = 0; i < 50; i++) {
        snprintf(inputs, sizeof inputs, "\"full_name\":\"A N%d\",\"domain\":\"acme.test\"", i);
        id = reveal(f, inputs, "\"enrichment_level\":\"phone\"");
    }
    struct reply r = wait_for(f, id);
    reply_free(&r);
    r = ask_with(f, "", "GET", "/sim/wiza/account", NULL);
    struct json_value root = parse(f, &r), value;
    double utilisation = 0;
    assert_true(json_path(root, "slots.utilisation", &value) && json_double(value, &utilisation));
    int64_t busy = number_at(root, "slots.busy_ms"), span = number_at(root, "slots.span_ms");
    assert_true(busy >= 50 * 100 && span >= 1000);
    if (utilisation < 0.7 || utilisation > 1.01)
        fail_msg("a utilisation of %g: busy %lld ms in %lld ms", utilisation, (long long)busy,
                 (long long)span);
    assert_true(number_at(root, "slots.deepest_queue") >= 40);
    assert_true(number_at(root, "slots.polls") >= number_at(root, "slots.polls_max"));
    reply_free(&r);
}

/* Without credits a reveal does not run: status 200, failed, billing_issue. */
static void test_billing(void **state)
{
    static const char jane[] =
        "{\"individual_reveal\":{\"full_name\":\"Jane Doe\",\"domain\":\"everybody.example\"},"
        "\"enrichment_level\":\"partial\"}";
    struct fixture *f = *state;
    f->options.balance = 3;
    start_fast(f);
    for (int i = 0; i < 3; i++) {
        struct reply r = wiza(f, "POST", REVEALS, jane);
        struct json_value root = parse(f, &r);
        assert_int_equal(r.status, 200);
        int64_t id = number_at(root, "data.id");
        if (i > 0)
            assert_string_equal(text_at(root, "data.fail_error"), "billing_issue");
        reply_free(&r);
        r = wait_for(f, id);
        assert_string_equal(text_at(parse(f, &r), "data.status"), i ? "failed" : "finished");
        reply_free(&r);
    }
    assert_int_equal(number_of_account(f, "wiza", "spent"), 2);
    struct reply r = ask_with(f, "", "POST", "/sim/wiza/topup?credits=1", NULL);
    reply_free(&r);
    r = wait_for(
        f, reveal(f, "\"email\":\"a@everybody.example\"", "\"enrichment_level\":\"partial\""));
    assert_string_equal(text_at(parse(f, &r), "data.status"), "finished");
    reply_free(&r);
    assert_int_equal(number_of_account(f, "wiza", "balance"), 0);

    /* In the other form it shows when it is its turn. */
    f->options.form = "api";
    restart(f);
    r = wiza(f, "POST", REVEALS, jane);
    assert_non_null(strstr(r.body, "\"data\":{\"id\":"));
    int64_t id = number_at(parse(f, &r), "data.id");
    reply_free(&r);
    r = wait_for(f, id);
    assert_string_equal(text_at(parse(f, &r), "data.fail_error"), "billing_issue");
    reply_free(&r);
    assert_int_equal(number_of_account(f, "wiza", "slots.failed"), 3);
}

static void test_faults(void **state)
{
    static const char jane[] =
        "{\"individual_reveal\":{\"full_name\":\"Jane Doe\",\"domain\":\"everybody.example\"},"
        "\"enrichment_level\":\"none\"}";
    static const struct {
        const char *fault;
        int status;
        bool accepted;
    } table[] = {
        {"submit:drop-before:1", 0, false},  {"submit:drop-after:1", 0, true},
        {"submit:status-503:1", 503, false}, {"submit:after-502:1", 502, true},
        {"submit:limit-7:1", 429, false},    {"submit:garbage:1", 200, true},
        {"submit:flat:1", 200, true},        {"submit:double-keys:1", 200, true},
    };
    struct fixture *f = *state;
    int64_t jobs = 0;
    start_fast(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        set_vendor_faults(f, "wiza", table[i].fault);
        struct reply r = wiza(f, "POST", REVEALS, jane);
        if (r.status != table[i].status)
            fail_msg("%s: %d %s", table[i].fault, r.status, r.body);
        if (strstr(table[i].fault, "flat"))
            assert_memory_equal(r.body, "{\"id\":", 6);
        reply_free(&r);
        jobs += table[i].accepted;
        assert_int_equal(number_of_account(f, "wiza", "slots.jobs"), jobs);
    }
    set_vendor_faults(f, "wiza", "submit:failed:1");
    struct reply r = wait_for(
        f, reveal(f, "\"email\":\"a@everybody.example\"", "\"enrichment_level\":\"none\""));
    assert_string_equal(text_at(parse(f, &r), "data.status"), "failed");
    assert_string_equal(text_at(parse(f, &r), "data.fail_error"), "failed");
    reply_free(&r);
    /* The same question, asked so often. */
    r = ask_with(f, "", "GET", "/sim/wiza/questions", NULL);
    char times[32];
    snprintf(times, sizeof times, "\"times\":%lld,", (long long)jobs);
    assert_non_null(strstr(r.body, times));
    reply_free(&r);
}

/* ---- callbacks ---- */

static int64_t id_told(const char *request)
{
    const char *id = strstr(request, "\"id\":");
    assert_non_null(strstr(request, "{\"status\":{\"code\":"));
    assert_non_null(id);
    return atoll(id + 5);
}

/* Whether it has the digest of our key, and comes to the address that was given. */
static bool is_genuine(const char *request)
{
    char header[DIGEST_HEX_LEN + 32] = "x-auth-key: ";
    uint8_t bytes[DIGEST_LEN];
    digest_sha256(SLICE_LIT(KEY), bytes);
    digest_hex(bytes, sizeof bytes, header + strlen(header));
    return strcasestr(request, header) && strstr(request, "POST /hook?token=t0k3n ") == request;
}

/* Ask for a reveal that is to be called back there. */
static int64_t reveal_to(struct fixture *f, struct listener *l, unsigned number)
{
    char inputs[96], rest[160];
    snprintf(inputs, sizeof inputs, "\"full_name\":\"Jane N%u\",\"domain\":\"everybody.example\"",
             number);
    snprintf(rest, sizeof rest,
             "\"enrichment_level\":\"none\","
             "\"callback_url\":\"http://127.0.0.1:%u/hook?token=t0k3n\"",
             l->port);
    return reveal(f, inputs, rest);
}

static void test_callbacks(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    listener_open(&l, NULL);
    start_fast(f);
    int64_t id = reveal_to(f, &l, 1);
    wait_heard(&l, 1);
    assert_int_equal(id_told(l.got[0]), id);
    assert_true(is_genuine(l.got[0]));
    assert_non_null(strstr(l.got[0], "{\"status\":{\"code\":200"));
    assert_non_null(strstr(l.got[0], "\"name\":\"Jane N1\""));

    /* Refused twice, then taken. */
    l.status[1] = 500;
    l.status[2] = 503;
    id = reveal_to(f, &l, 2);
    wait_heard(&l, 4);
    assert_int_equal(id_told(l.got[3]), id);
    assert_int_equal(number_of_account(f, "wiza", "callbacks.retried"), 2);
    /* 404 and again 404: it stops. */
    l.status[4] = l.status[5] = l.status[6] = 404;
    reveal_to(f, &l, 3);
    wait_heard(&l, 6);
    l.status[6] = 0;
    assert_int_equal(number_of_account(f, "wiza", "callbacks.given_up"), 1);
    /* One attempt and three retries. */
    l.status[6] = l.status[7] = l.status[8] = l.status[9] = 500;
    reveal_to(f, &l, 4);
    wait_heard(&l, 10);
    assert_int_equal(number_of_account(f, "wiza", "callbacks.given_up"), 2);
    /* One that failed. */
    set_vendor_faults(f, "wiza", "submit:failed:1");
    reveal_to(f, &l, 5);
    wait_heard(&l, 11);
    assert_non_null(strstr(l.got[10], "{\"status\":{\"code\":400"));
    assert_int_equal(number_of_account(f, "wiza", "callbacks.delivered"), 3);
    /* Through is through. */
    restart(f);
    wait_heard(&l, 11);
    /* An address that is not for the simulator is not called. */
    reveal(f, "\"email\":\"a@everybody.example\"",
           "\"enrichment_level\":\"none\",\"callback_url\":\"https://hooks.example/x\"");
    for (int i = 0; i < 100 && number_of_account(f, "wiza", "callbacks.elsewhere") == 0; i++)
        usleep(10000);
    assert_int_equal(number_of_account(f, "wiza", "callbacks.elsewhere"), 1);
    listener_close(&l);
}

static void test_callback_faults(void **state)
{
    static const struct {
        const char *fault;
        unsigned count; /* callbacks of one reveal */
    } table[] = {
        {"callback:lost:1", 0},     {"callback:twice:1", 2},    {"callback:delay-60000:1", 1},
        {"callback:forged-1:1", 2}, {"callback:forged-2:1", 2}, {"callback:forged-3:1", 2},
    };
    struct fixture *f = *state;
    struct listener l;
    unsigned count = 0;
    listener_open(&l, NULL);
    start_fast(f);
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++) {
        set_vendor_faults(f, "wiza", table[i].fault);
        int64_t id = reveal_to(f, &l, i);
        wait_heard(&l, count + table[i].count);
        unsigned odd = 0;
        for (unsigned k = count; k < count + table[i].count; k++) {
            char name[32];
            snprintf(name, sizeof name, "\"name\":\"Jane N%u\"", i);
            assert_int_equal(id_told(l.got[k]), id);
            odd += !is_genuine(l.got[k]) || !strstr(l.got[k], name);
        }
        assert_int_equal(odd, strstr(table[i].fault, "forged") != NULL);
        count += table[i].count;
    }
    assert_int_equal(number_of_account(f, "wiza", "callbacks.forged"), 3);
    assert_int_equal(number_of_account(f, "wiza", "callbacks.lost"), 1);
    assert_int_equal(number_of_account(f, "wiza", "callbacks.late"), 1);
    assert_int_equal(number_of_account(f, "wiza", "callbacks.duplicated"), 1);
    /* Swapped: the second one comes first, though it ends later. */
    write_scenario(f, "{\"speed\":10,\"wiza\":{\"latency\":"
                      "{\"min_ms\":1000,\"mean_ms\":1000,\"max_ms\":1000}}}");
    restart(f);
    set_vendor_faults(f, "wiza", "callback:swap:1");
    int64_t first = reveal_to(f, &l, 20);
    usleep(20000);
    int64_t second = reveal_to(f, &l, 21);
    wait_heard(&l, count + 2);
    assert_int_equal(id_told(l.got[count]), second);
    assert_int_equal(id_told(l.got[count + 1]), first);
    assert_int_equal(number_of_account(f, "wiza", "callbacks.swapped"), 1);
    listener_close(&l);
}

/* Stopped before its callback could go: it goes after the restart. */
static void test_callback_restart(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    listener_open(&l, NULL);
    f->options.faults = "callback:delay-3600000";
    start_fast(f);
    int64_t id = reveal_to(f, &l, 1);
    struct reply r = wait_for(f, id);
    reply_free(&r);
    assert_int_equal(heard(&l), 0);
    f->options.faults = NULL;
    restart(f);
    wait_heard(&l, 1);
    assert_int_equal(id_told(l.got[0]), id);
    listener_close(&l);
}

/* A listener that never answers does not keep the simulator from ending. */
static void test_stop_flying(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    listener_bind(&l);
    start_fast(f);
    for (unsigned i = 0; i < 40; i++)
        reveal_to(f, &l, i);
    for (int i = 0; i < 200 && number_of_account(f, "wiza", "callbacks.flying") < 32; i++)
        usleep(10000);
    assert_int_equal(number_of_account(f, "wiza", "callbacks.flying"), 32);
    int64_t begun = clock_mono_ms();
    sim_stop(f->sim);
    f->sim = NULL;
    assert_true(clock_mono_ms() - begun < 3000);
    close(l.fd);
}

static void test_scenario(void **state)
{
    static const struct {
        const char *text;
        const char *problem; /* NULL: it is fine */
    } table[] = {
        {"{}", NULL},
        {"{\"seed\":3,\"speed\":5,\"wiza\":{\"tier\":\"starter\",\"form\":\"observed\","
         "\"balance\":7,\"found_percent\":3,\"slots\":8,\"latency\":{\"work\":{\"min_ms\":1,"
         "\"mean_ms\":2,\"max_ms\":9}},\"callbacks\":{\"lost_percent\":5,\"late_percent\":2,"
         "\"late_ms\":9,\"forged_percent\":1,\"duplicated_percent\":1},"
         "\"faults\":\"submit:status-503:1\"},"
         "\"enrichso\":{\"queue_ms\":1,\"items_per_s\":2,\"shuffle\":true}}",
         NULL},
        {"[]", "a JSON object"},
        {"{", "scenario"},
        {"{\"wizard\":{}}", "wizard is neither"},
        {"{\"speed\":0}", "speed must be at least 1"},
        {"{\"wiza\":7}", "wiza must be an object"},
        {"{\"wiza\":{\"tier\":\"free\"}}", "wiza.tier must be one of unlimited, starter"},
        {"{\"wiza\":{\"form\":\"openapi\"}}", "wiza.form must be one of document, api, observed"},
        {"{\"wiza\":{\"found_percent\":101}}", "wiza.found_percent must be a whole number from 0"},
        {"{\"wiza\":{\"balance\":-1}}", "wiza.balance"},
        {"{\"wiza\":{\"colour\":1}}", "wiza.colour is not known"},
        {"{\"wiza\":{\"latency\":{\"mean_ms\":9}}}", "wiza.latency needs"},
        {"{\"wiza\":{\"latency\":{\"fax\":{}}}}", "wiza.latency.fax is no kind"},
        {"{\"wiza\":{\"latency\":{\"work\":{\"median\":1}}}}", "latency.median is none of"},
        {"{\"wiza\":{\"callbacks\":{\"lost\":1}}}", "wiza.callbacks.lost is not known"},
        {"{\"wiza\":{\"faults\":\"page:explode\"}}", "explode"},
        {"{\"enrichso\":{\"shuffle\":1}}", "enrichso.shuffle must be true or false"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct error e = {0};
        write_scenario(f, table[i].text);
        int code = sim_start(&f->sim, &f->options, &e);
        if ((code == 0) != !table[i].problem ||
            (table[i].problem && !strstr(e.message, table[i].problem)))
            fail_msg("%s: %s", table[i].text, e.message);
        if (code == 0 && i == 1) {
            assert_int_equal(number_of_account(f, "wiza", "slots.slots"), 8);
            assert_int_equal(number_of_account(f, "wiza", "slots.queue_max"), 1600);
        }
        sim_stop(f->sim);
        f->sim = NULL;
    }
}

/* The example that people start from. */
static void test_example(void **state)
{
    struct fixture *f = *state;
    f->options.scenario = TEST_DATA "/sim/scenario.json";
    start(f);
    assert_int_equal(number_of_account(f, "wiza", "granted"), 5000);
    assert_int_equal(number_of_account(f, "wiza", "slots.slots"), 5);
    assert_int_equal(number_of_account(f, "enrichso", "granted"), 100000);
    struct reply r = ask_with(f, "", "GET", "/sim/wiza/faults", NULL);
    assert_non_null(strstr(r.body, "{\"fault\":\"callback:forged:3%\""));
    assert_non_null(strstr(r.body, "{\"fault\":\"callback:delay-30000:5%\""));
    assert_non_null(strstr(r.body, "{\"fault\":\"poll:drop-after:1%\""));
    reply_free(&r);
    r = ask_with(f, "", "GET", "/sim/vendors", NULL);
    assert_non_null(strstr(r.body, "wiza\n"));
    reply_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WHOLE(test_keys),
        WHOLE(test_bodies),
        WHOLE(test_levels),
        WHOLE(test_forms),
        WHOLE(test_slots),
        WHOLE(test_utilisation),
        WHOLE(test_billing),
        WHOLE(test_faults),
        WHOLE(test_callbacks),
        WHOLE(test_callback_faults),
        WHOLE(test_callback_restart),
        WHOLE(test_stop_flying),
        WHOLE(test_scenario),
        WHOLE(test_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
