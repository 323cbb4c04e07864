/* The simulator's Enrich.so posting results to a webhookUrl. */
#include "sim_listener.h"

#define API "/enrichso/api/v3/"

/* How many of the requests from `first` on hold the text. */
static unsigned holding(struct listener *l, unsigned first, const char *text)
{
    unsigned count = 0;
    for (unsigned i = first; i < l->count; i++)
        count += strstr(l->got[i], text) != NULL;
    return count;
}

/* Submit lists (without their closing brace) to be called back there; the id of the batch. */
static void submit(struct fixture *f, struct listener *l, const char *path, const char *lists,
                   char id[64])
{
    size_t size = strlen(lists) + 128;
    char *body = malloc(size), whole[96];
    assert_non_null(body);
    snprintf(whole, sizeof whole, API "%s", path);
    snprintf(body, size, "%s,\"webhookUrl\":\"http://127.0.0.1:%u/hook?token=t0k3n\"}", lists,
             l->port);
    struct reply r = ask(f, "POST", whole, body);
    if (r.status != 200)
        fail_msg("%d %s", r.status, r.body);
    snprintf(id, 64, "%s", text_at(parse(f, &r), "data.batchId"));
    reply_free(&r);
    free(body);
}

static int64_t count_of(struct fixture *f, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "callbacks.%s", name);
    return number_of_account(f, "enrichso", path);
}

/* One POST per item and one for the whole, each as it is described. */
static void test_events(void **state)
{
    static const struct {
        const char *path, *lists;
        unsigned items;
        const char *found, *missed, *last;
    } table[] = {
        {"email-finder/batch",
         "{\"leads\":[{\"firstName\":\"Jane\",\"lastName\":\"Doe\",\"domain\":\"risky.example\"},"
         "{\"firstName\":\"Jane\",\"lastName\":\"Roe\",\"domain\":\"nobody.example\"}]",
         2, "\"result\":\"found\",\"confidence\":\"low\",\"is_catch_all\":false,\"domain\":\"risky",
         "\"result_id\":\"\",\"result\":{\"email\":\"\",\"result\":\"not_found\","
         "\"is_catch_all\":false,\"domain\":\"nobody.example\"",
         "{\"event\":\"finder.completed\""},
        {"email-validation/batch",
         "{\"emails\":[\"A@catch-all.example\",\"b@nobody.example\",\"c@everybody.example\"]", 3,
         "\"result_id\":\"A@catch-all.example\",\"result\":{\"email\":\"A@catch-all.example\","
         "\"result\":\"risky\"",
         "\"result_id\":\"b@nobody.example\",\"result\":{\"email\":\"b@nobody.example\","
         "\"result\":\"invalid\"",
         "{\"event\":\"validation.completed\""},
        {"reverse-lookup/bulk-lookup", "{\"emails\":[\"A@everybody.example\",\"b@nobody.example\"]",
         2, "\"result_id\":\"A@everybody.example\",\"type\":\"success\",\"result\":{\"id\":\"ACoAA",
         "\"result_id\":\"b@nobody.example\",\"type\":\"no_match\",\"message\":\"No information "
         "found\"}}",
         "{\"event\":\"webhook:email_completion.completed\""},
        {"reverse-lookup/phones/bulk",
         "{\"emails\":[\"b@nobody.example\"],\"linkedins\":[\"https://linkedin.com/in/everybody/"
         "\"]",
         2,
         "\"result_id\":\"https://linkedin.com/in/everybody/\",\"type\":\"success\","
         "\"phones\":[\"+1555",
         "\"result_id\":\"b@nobody.example\",\"type\":\"no_match\",\"message\":",
         "{\"event\":\"webhook:phone_completion.completed\""},
    };
    static const char *const tails[] = {
        "\"status\":\"completed\",\"total_items\":2,\"successful\":1,\"failed\":1,\"found\":1,"
        "\"not_found\":1,\"completed_at\":\"",
        "\"status\":\"completed\",\"total_items\":3,\"successful\":2,\"failed\":1,\"valid\":1,"
        "\"invalid\":1,\"risky\":1,\"completed_at\":\"",
        "\"status\":\"completed\",\"total_items\":2,\"found\":1,\"not_found\":1,\"completed_at\":"
        "\"",
        "\"status\":\"completed\",\"total_items\":2,\"found\":1,\"not_found\":1,\"completed_at\":"
        "\"",
    };
    struct fixture *f = *state;
    struct listener l;
    char id[64], job[96];
    unsigned before = 0;
    listener_open(&l, NULL);
    start(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        submit(f, &l, table[i].path, table[i].lists, id);
        wait_heard(&l, before + table[i].items + 1);
        snprintf(job, sizeof job, "\"data\":{\"job_id\":\"%s\",", id);
        assert_int_equal(holding(&l, before, job), table[i].items + 1);
        assert_int_equal(holding(&l, before, "POST /hook?token=t0k3n "), table[i].items + 1);
        if (holding(&l, before, table[i].found) != 1 || holding(&l, before, table[i].missed) != 1 ||
            holding(&l, before, table[i].last) != 1 || holding(&l, before, tails[i]) != 1)
            fail_msg("%s: the last one was %s", table[i].path, body_of(l.got[l.count - 1]));
        for (unsigned k = before; k < l.count; k++) {
            struct json_value root;
            struct error e = {0};
            assert_int_equal(json_parse(f->json, slice_of(body_of(l.got[k])), &root, &e), 0);
            assert_int_equal(strlen(text_at(root, "timestamp")), 24);
        }
        before = l.count;
    }
    assert_int_equal(count_of(f, "delivered"), before);
    /* That it was told of costs nothing: it is settled when results are fetched, as ever. */
    assert_int_equal(number_of_account(f, "enrichso", "spent"), 0);
    /* Through is through. */
    restart(f);
    wait_heard(&l, before);
    assert_int_equal(count_of(f, "posted"), 0);
    listener_close(&l);
}

/* No retries are promised, and there are none; addresses beyond loopback are not called. */
static void test_no_retries(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    char id[64];
    listener_open(&l, NULL);
    l.status[0] = l.status[1] = 503;
    start(f);
    submit(f, &l, "email-validation/batch", "{\"emails\":[\"a@everybody.example\"]", id);
    wait_heard(&l, 2);
    assert_int_equal(count_of(f, "given_up"), 2);
    struct reply r = ask(f, "POST", API "email-validation/batch",
                         "{\"webhookUrl\":\"https://hooks.example/x\",\"emails\":[\"a@b.test\"]}");
    assert_int_equal(r.status, 200);
    reply_free(&r);
    for (int i = 0; i < 200 && count_of(f, "elsewhere") < 2; i++)
        usleep(10000);
    assert_int_equal(count_of(f, "elsewhere"), 2);
    r = ask_with(f, "", "GET", "/sim/enrichso/questions", NULL);
    assert_non_null(strstr(r.body, "\"callback\":\"https://hooks.example/x\""));
    reply_free(&r);
    listener_close(&l);
}

static void test_faults(void **state)
{
    static const struct {
        const char *fault;
        unsigned count, odd; /* of the POSTs of one item and its batch; how many are not right */
    } table[] = {
        {"callback:lost:1", 1, 0},      {"callback:lost:1@2", 1, 0},
        {"callback:twice:1", 3, 0},     {"callback:swap:1", 2, 0},
        {"callback:forged-1:1", 3, 1},  {"callback:forged-2:1", 3, 1},
        {"callback:forged-3:1", 3, 1},  {"callback:forged-3:1@2", 3, 1},
        {"callback:delay-100:2", 2, 0}, {"submit:failed:1", 0, 0},
        {"submit:half-failed:1", 0, 0},
    };
    struct fixture *f = *state;
    struct listener l;
    char id[64], job[96];
    unsigned before = 0;
    listener_open(&l, NULL);
    start(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        set_vendor_faults(f, "enrichso", table[i].fault);
        submit(f, &l, "reverse-lookup/bulk-lookup", "{\"emails\":[\"jane@everybody.example\"]", id);
        wait_heard(&l, before + table[i].count);
        snprintf(job, sizeof job, "\"job_id\":\"%s\"", id);
        unsigned odd = 0;
        for (unsigned k = before; k < l.count; k++) {
            bool last = strstr(l.got[k], "email_completion.completed") != NULL;
            odd += !strstr(l.got[k], job) || !strstr(l.got[k], "token=t0k3n ") ||
                   (!last && !strstr(l.got[k], "\"result_id\":\"jane@everybody.example\""));
        }
        if (odd != table[i].odd)
            fail_msg("%s: %u are odd", table[i].fault, odd);
        before = l.count;
    }
    assert_int_equal(count_of(f, "lost"), 2);
    assert_int_equal(count_of(f, "forged"), 4);
    assert_int_equal(count_of(f, "swapped"), 1);
    /* Half of it was done, and is told; that it is complete is not. */
    set_vendor_faults(f, "enrichso", "submit:half-failed:1");
    submit(f, &l, "reverse-lookup/bulk-lookup",
           "{\"emails\":[\"a@b.test\",\"b@b.test\",\"c@b.test\",\"d@b.test\"]", id);
    wait_heard(&l, before + 2);
    assert_int_equal(holding(&l, before, "email_result.completed"), 2);
    restart(f);
    wait_heard(&l, before + 2);
    listener_close(&l);
}

/* A body of n addresses, open at its end; the caller frees it. */
static char *addresses(unsigned n)
{
    char *text = malloc(64 + (size_t)n * 32), *at = text;
    assert_non_null(text);
    at += sprintf(at, "{\"emails\":[");
    for (unsigned i = 0; i < n; i++)
        at += sprintf(at, "%s\"person%u@b.test\"", i ? "," : "", i);
    strcpy(at, "]");
    return text;
}

/* They go at 2,000 a second at most, as items are processed; each item once, the batch last. */
static void test_rate(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    char id[64], person[64];
    listener_open(&l, NULL);
    f->options.shuffle = true;
    f->options.queue_ms = 200;
    start(f);
    char *lists = addresses(1000);
    int64_t begun = clock_mono_ms();
    submit(f, &l, "reverse-lookup/bulk-lookup", lists, id);
    free(lists);
    while (heard(&l) < 1001) {
        unsigned count = heard(&l);
        int64_t elapsed = clock_mono_ms() - begun;
        if (count > 0 && (elapsed < 200 || count > (elapsed - 200) * 2 + 80))
            fail_msg("%u callbacks within %lld ms", count, (long long)elapsed);
        assert_true(elapsed < 30000);
        usleep(5000);
    }
    wait_heard(&l, 1001);
    for (unsigned i = 0; i < 1000; i += 37) {
        snprintf(person, sizeof person, "\"result_id\":\"person%u@b.test\"", i);
        assert_int_equal(holding(&l, 0, person), 1);
    }
    assert_int_equal(holding(&l, 0, "email_result.completed"), 1000);
    listener_close(&l);
}

/* Stopped before all were through: all of them go again. */
static void test_restart(void **state)
{
    struct fixture *f = *state;
    struct listener l;
    char id[64];
    listener_open(&l, NULL);
    f->options.faults = "callback:delay-3600000:1@3";
    start(f);
    submit(f, &l, "email-validation/batch",
           "{\"emails\":[\"a@everybody.example\",\"b@everybody.example\"]", id);
    wait_heard(&l, 2);
    f->options.faults = NULL;
    restart(f);
    wait_heard(&l, 5);
    assert_int_equal(holding(&l, 2, "validation.completed"), 1);
    restart(f);
    wait_heard(&l, 5);
    listener_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WHOLE(test_events), WHOLE(test_no_retries), WHOLE(test_faults),
        WHOLE(test_rate),   WHOLE(test_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
