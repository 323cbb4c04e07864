/* The simulator as a client meets it: over real sockets, in a folder of its own. */
#include <fcntl.h>

#include "sim_client.h"

/* A number of the account. */
static int64_t account_number(struct fixture *f, const char *path)
{
    return number_of_account(f, "enrichso", path);
}

/* Submit; the id of the batch. */
static void submit(struct fixture *f, const char *body, char id[64])
{
    struct reply r = ask(f, "POST", "/enrichso/api/v3/email-finder/batch", body);
    if (r.status != 200)
        fail_msg("%d %s", r.status, r.body);
    snprintf(id, 64, "%s", text_at(parse(f, &r), "data.batchId"));
    reply_free(&r);
}

static struct reply page(struct fixture *f, const char *id, unsigned number, unsigned limit)
{
    char path[160];
    snprintf(path, sizeof path, "/enrichso/api/v3/email-finder/batch/%s/results?page=%u&limit=%u",
             id, number, limit);
    return ask(f, "GET", path, NULL);
}

static const char two_leads[] =
    "{\"leads\":[{\"firstName\":\"Jane\",\"lastName\":\"Doe\",\"domain\":\"everybody.example\"},"
    "{\"domain\":\"nobody.example\",\"x\":[1,{}],\"lastName\":\"Roe\",\"firstName\":\"J\\u006fhn\"}"
    ","
    "{\"firstName\":\"JANE\",\"lastName\":\" doe\",\"domain\":\"Everybody.example\"}],"
    "\"webhookUrl\":\"https://a.example/\"}";

/* A body of n leads; the caller frees it. */
static char *leads(unsigned n)
{
    size_t len = 0, cap = 64 + (size_t)n * 96;
    char *text = malloc(cap);
    assert_non_null(text);
    len += (size_t)snprintf(text, cap, "{\"leads\":[");
    for (unsigned i = 0; i < n; i++)
        len += (size_t)snprintf(
            text + len, cap - len,
            "%s{\"firstName\":\"First%u\",\"lastName\":\"Last\",\"domain\":\"acme.test\"}",
            i ? "," : "", i);
    snprintf(text + len, cap - len, "]}");
    return text;
}

/* ---- the whole ---- */

static void test_keys(void **state)
{
    static const struct {
        const char *auth;
        int status;
    } table[] = {
        {"x-api-key: " KEY "\r\n", 200},
        {"X-API-Key: " KEY "\r\n", 200},
        {"Authorization: Bearer " KEY "\r\n", 200},
        {"Authorization: bearer " KEY "\r\n", 200},
        {"Authorization: " KEY "\r\n", 401},
        {"x-api-key: wrong\r\n", 401},
        {"x-api-key: " KEY "x\r\n", 401},
        {"", 401},
    };
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct reply r =
            ask_with(f, table[i].auth, "GET", "/enrichso/api/v3/wallets/balance", NULL);
        assert_int_equal(r.status, table[i].status);
        struct json_value root = parse(f, &r);
        if (r.status == 200)
            assert_int_equal(number_at(root, "data.balance"), 100000);
        else
            assert_string_equal(text_at(root, "type"), "https://dev.enrich.so/errors/unauthorized");
        assert_true((r.status == 401) == (strstr(r.text, "application/problem+json") != NULL));
        reply_free(&r);
    }
    assert_int_equal(account_number(f, "unauthorized"), 4);
}

static void test_batch(void **state)
{
    struct fixture *f = *state;
    char id[64], path[128];
    start(f);
    struct reply r = ask(f, "POST", "/enrichso/api/v3/email-finder/batch", two_leads);
    assert_int_equal(r.status, 200);
    struct json_value root = parse(f, &r);
    assert_int_equal(number_at(root, "data.itemCount"), 2);
    assert_string_equal(text_at(root, "data.status"), "queued");
    assert_int_equal(number_at(root, "meta.creditsReserved"), 20);
    assert_int_equal(number_at(root, "meta.creditsPerItem"), 10);
    snprintf(id, sizeof id, "%s", text_at(root, "data.batchId"));
    reply_free(&r);
    assert_int_equal(account_number(f, "balance"), 99980);
    assert_int_equal(account_number(f, "reserved"), 20);

    snprintf(path, sizeof path, "/enrichso/api/v3/email-finder/batch/%s", id);
    r = ask(f, "GET", path, NULL);
    root = parse(f, &r);
    assert_string_equal(text_at(root, "data.status"), "completed");
    assert_int_equal(number_at(root, "data.processedItems"), 2);
    assert_int_equal(number_at(root, "data.progress"), 100);
    reply_free(&r);

    /* The first results request settles; the second one says the same. */
    for (int i = 0; i < 2; i++) {
        r = page(f, id, 1, 1000);
        assert_int_equal(r.status, 200);
        root = parse(f, &r);
        assert_int_equal(number_at(root, "data.totalItems"), 2);
        assert_int_equal(number_at(root, "meta.creditsUsed"), 10);
        assert_int_equal(number_at(root, "meta.creditsRefunded"), 10);
        assert_int_equal(number_at(root, "meta.creditsRemaining"), 99990);
        assert_non_null(
            strstr(r.body,
                   "\"firstName\":\"Jane\",\"lastName\":\"Doe\",\"domain\":\"everybody.example\""));
        assert_non_null(
            strstr(r.body, "{\"email\":\"\",\"confidence\":\"\",\"firstName\":\"John\""));
        reply_free(&r);
    }
    assert_int_equal(account_number(f, "spent"), 10);
    assert_int_equal(account_number(f, "reserved"), 0);

    snprintf(path, sizeof path, "/sim/enrichso/account/identities?id=%s", id);
    r = ask_with(f, "", "GET", path, NULL);
    assert_string_equal(
        r.body, "{\"firstName\":\"jane\",\"lastName\":\"doe\",\"domain\":\"everybody.example\"}\n"
                "{\"firstName\":\"john\",\"lastName\":\"roe\",\"domain\":\"nobody.example\"}\n");
    reply_free(&r);

    r = ask(f, "GET", "/enrichso/api/v3/wallets/transactions?limit=2", NULL);
    root = parse(f, &r);
    assert_int_equal(number_at(root, "data.pagination.total"), 3);
    assert_int_equal(number_at(root, "data.pagination.totalPages"), 2);
    assert_non_null(strstr(r.body, "\"type\":\"refund\",\"amount\":10,\"balanceAfter\":99990"));
    assert_non_null(strstr(r.body, "\"type\":\"deduction\",\"amount\":-20,\"balanceAfter\":99980"));
    reply_free(&r);
    r = ask(f, "GET", "/enrichso/api/v3/wallets/transactions?type=topup", NULL);
    assert_int_equal(number_at(parse(f, &r), "data.pagination.total"), 1);
    reply_free(&r);
}

static void test_validation(void **state)
{
    struct fixture *f = *state;
    char path[128];
    start(f);
    struct reply r =
        ask(f, "POST", "/enrichso/api/v3/email-validation/batch",
            "{\"emails\":[\"a@everybody.example\",\"b@nobody.example\",\"A@Everybody.example\","
            "\"c@catch-all.example\",\"d\"]}");
    assert_int_equal(r.status, 200);
    struct json_value root = parse(f, &r);
    assert_int_equal(number_at(root, "data.itemCount"), 4);
    assert_int_equal(number_at(root, "meta.creditsReserved"), 4);
    snprintf(path, sizeof path, "/enrichso/api/v3/email-validation/batch/%s/results",
             text_at(root, "data.batchId"));
    reply_free(&r);
    r = ask(f, "GET", path, NULL);
    root = parse(f, &r);
    assert_int_equal(number_at(root, "meta.creditsUsed"), 4);
    assert_non_null(strstr(r.body,
                           "\"results\":[{\"email\":\"a@everybody.example\",\"status\":\"valid\"},"
                           "{\"email\":\"b@nobody.example\",\"status\":\"invalid\"},"
                           "{\"email\":\"c@catch-all.example\",\"status\":\"catch-all\"},"
                           "{\"email\":\"d\",\"status\":\"invalid\"}]"));
    reply_free(&r);
    /* Another service's batch is not found there. */
    strcpy(path, "/enrichso/api/v3/email-finder/batch/x");
    r = ask(f, "GET", path, NULL);
    assert_int_equal(r.status, 404);
    reply_free(&r);
}

static void test_openapi(void **state)
{
    struct fixture *f = *state;
    char id[64];
    f->options.openapi = true;
    start(f);
    struct reply r = ask(f, "POST", "/enrichso/api/v3/email-finder/batch", two_leads);
    struct json_value root = parse(f, &r);
    assert_int_equal(number_at(root, "data.originalCount"), 3);
    assert_int_equal(number_at(root, "data.duplicatesRemoved"), 1);
    assert_int_equal(number_at(root, "meta.estimatedCredits"), 20);
    snprintf(id, sizeof id, "%s", text_at(root, "data.batchId"));
    reply_free(&r);
    r = page(f, id, 1, 10);
    root = parse(f, &r);
    assert_int_equal(number_at(root, "data.processedCount"), 2);
    assert_non_null(strstr(r.body, "\"domain\":\"everybody.example\",\"found\":true,\"email\":\""));
    assert_non_null(strstr(r.body, "\"domain\":\"nobody.example\",\"found\":false,\"message\":"));
    reply_free(&r);
    r = ask(f, "POST", "/enrichso/api/v3/email-validation", "{\"email\":\"a@risky.example\"}");
    root = parse(f, &r);
    assert_string_equal(text_at(root, "data.result"), "risky");
    assert_int_equal(number_at(root, "meta.creditsUsed"), 0);
    reply_free(&r);
}

static void test_single(void **state)
{
    struct fixture *f = *state;
    f->options.balance = 21;
    start(f);
    struct reply r =
        ask(f, "POST", "/enrichso/api/v3/email-finder",
            "{\"firstName\":\"Jane\",\"lastName\":\"Doe\",\"domain\":\"everybody.example\"}");
    assert_int_equal(r.status, 200);
    struct json_value root = parse(f, &r);
    assert_non_null(strstr(text_at(root, "data.email"), "@everybody.example"));
    assert_int_equal(number_at(root, "meta.creditsUsed"), 10);
    assert_int_equal(number_at(root, "meta.creditsRemaining"), 11);
    reply_free(&r);
    r = ask(f, "POST", "/enrichso/api/v3/email-finder",
            "{\"firstName\":\"Jane\",\"lastName\":\"Doe\",\"domain\":\"nobody.example\"}");
    assert_int_equal(number_at(parse(f, &r), "meta.creditsUsed"), 0);
    reply_free(&r);
    r = ask(f, "POST", "/enrichso/api/v3/email-validation", "{\"email\":\"A@everybody.example\"}");
    root = parse(f, &r);
    assert_string_equal(text_at(root, "data.status"), "valid");
    assert_string_equal(text_at(root, "data.subStatus"), "");
    assert_int_equal(number_at(root, "meta.creditsUsed"), 1);
    reply_free(&r);
    restart(f);
    assert_int_equal(account_number(f, "balance"), 10);
    assert_int_equal(account_number(f, "singles.email-finder.accepted"), 2);
    assert_int_equal(account_number(f, "singles.email-finder.charged"), 10);
    r = ask_with(f, "", "GET", "/sim/enrichso/account/identities?id=singles", NULL);
    assert_string_equal(
        r.body, "{\"firstName\":\"jane\",\"lastName\":\"doe\",\"domain\":\"everybody.example\"}\n"
                "{\"firstName\":\"jane\",\"lastName\":\"doe\",\"domain\":\"nobody.example\"}\n"
                "{\"email\":\"a@everybody.example\"}\n");
    reply_free(&r);
}

static void test_bad_bodies(void **state)
{
#define LEAD "{\"firstName\":\"a\",\"lastName\":\"b\",\"domain\":\"c.test\"}"
    static const struct {
        const char *path, *body, *detail;
    } table[] = {
        {"email-finder/batch", "", "not valid JSON"},
        {"email-finder/batch", "[]", "not valid JSON"},
        {"email-finder/batch", "{}", "body/leads must be present"},
        {"email-finder/batch", "{\"leads\":[]}", "fewer than 1 items"},
        {"email-finder/batch", "{\"leads\":{}}", "must be array"},
        {"email-finder/batch", "{\"leads\":[" LEAD ",]}", "not valid JSON"},
        {"email-finder/batch", "{\"leads\":[" LEAD "]", "not valid JSON"},
        {"email-finder/batch", "{\"leads\":[" LEAD "]}x", "not valid JSON"},
        {"email-finder/batch", "{\"leads\":[" LEAD "],\"leads\":[" LEAD "]}", "twice"},
        {"email-finder/batch", "{\"leads\":[" LEAD ",7]}", "body/leads/1 must be object"},
        {"email-finder/batch", "{\"leads\":[" LEAD ",{\"firstName\":\"a\",\"lastName\":\"b\"}]}",
         "body/leads/1/domain must be present"},
        {"email-finder/batch",
         "{\"leads\":[{\"firstName\":7,\"lastName\":\"b\",\"domain\":\"c\"}]}",
         "body/leads/0/firstName must be string"},
        {"email-finder/batch",
         "{\"leads\":[{\"firstName\":\" \",\"lastName\":\"b\",\"domain\":\"c\"}]}",
         "body/leads/0/firstName must NOT have fewer"},
        {"email-finder/batch",
         "{\"leads\":[{\"firstName\":\"a\",\"lastName\":\"b\",\"domain\":\"refused.example\"}]}",
         "body/leads/0/domain is refused"},
        {"email-finder/batch",
         "{\"leads\":[{\"firstName\":\"a\",\"lastName\":\"b\",\"domain\":\"poison.example\"}]}",
         "holds an item"},
        {"email-finder/batch", "{\"leads\":[" LEAD "],\"webhookUrl\":7}",
         "webhookUrl must be string"},
        {"email-finder/batch",
         "{\"leads\":[{\"firstName\":\"\xff\",\"lastName\":\"b\",\"domain\":\"c\"}]}", "not UTF-8"},
        {"email-validation/batch", "{\"emails\":[\"a@b.test\",7]}", "body/emails/1 must be string"},
        {"email-validation/batch", "{\"emails\":[\"\"]}", "body/emails/0 must NOT have fewer"},
        {"email-validation", "{\"email\":\"nobody\"}", "body/email Invalid email"},
        {"email-validation", "{\"mail\":\"a@b.test\"}", "body/email must be present"},
        {"email-finder", LEAD "]", "not valid JSON"},
    };
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char path[64];
        snprintf(path, sizeof path, "/enrichso/api/v3/%s", table[i].path);
        struct reply r = ask(f, "POST", path, table[i].body);
        if (r.status != 400 || !strstr(text_at(parse(f, &r), "detail"), table[i].detail))
            fail_msg("%s: %d %s", table[i].body, r.status, r.body);
        assert_string_equal(text_at(parse(f, &r), "type"),
                            "https://dev.enrich.so/errors/validation-error");
        reply_free(&r);
    }
    char name[102 * 4] = "", body[700];
    for (int i = 0; i < 101; i++)
        strcat(name, "\xc3\xbc");
    for (int spare = 0; spare < 2; spare++) {
        /* 101 characters are too many, 100 of two bytes each are not. */
        snprintf(body, sizeof body,
                 "{\"leads\":[{\"firstName\":\"%s\",\"lastName\":\"b\",\"domain\":\"c\"}]}",
                 name + 2 * spare);
        struct reply r = ask(f, "POST", "/enrichso/api/v3/email-finder/batch", body);
        assert_int_equal(r.status, spare ? 200 : 400);
        reply_free(&r);
    }
    assert_int_equal(account_number(f, "reserved"), 10);
}

static void test_not_found(void **state)
{
    static const char *const paths[] = {
        "/enrichso/api/v3/email-finder/batch/batch_0000000000000000",
        "/enrichso/api/v3/email-finder/batch/batch_0000000000000000/results",
        "/enrichso/api/v3/email-finder/batch/no-such-batch-but-a-name-longer-than-any-of-ours-is",
        "/enrichso/api/v3/email-finder/batch/x/y",
        "/enrichso/api/v3/email-finder",
        "/enrichso/api/v3/wallets",
        "/elsewhere",
    };
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct reply r = ask(f, "GET", paths[i], NULL);
        assert_int_equal(r.status, 404);
        reply_free(&r);
    }
}

static void test_too_many_items(void **state)
{
    struct fixture *f = *state;
    start(f);
    char *body = malloc(500001 * 4 + 64), *at = body;
    assert_non_null(body);
    at += sprintf(at, "{\"emails\":[\"a\"");
    for (int i = 0; i < 500000; i++)
        at += sprintf(at, ",\"a\"");
    strcpy(at, "]}");
    struct reply r = ask(f, "POST", "/enrichso/api/v3/email-validation/batch", body);
    assert_int_equal(r.status, 400);
    assert_string_equal(text_at(parse(f, &r), "detail"),
                        "body/emails must NOT have more than 500000 items");
    reply_free(&r);
    /* One less is fine, and they are all the same question. */
    strcpy(at - 4, "]}");
    r = ask(f, "POST", "/enrichso/api/v3/email-validation/batch", body);
    assert_int_equal(r.status, 200);
    assert_int_equal(number_at(parse(f, &r), "data.itemCount"), 1);
    reply_free(&r);
    free(body);
}

static void test_credits(void **state)
{
    struct fixture *f = *state;
    f->options.balance = 15;
    start(f);
    struct reply r = ask(f, "POST", "/enrichso/api/v3/email-finder/batch", two_leads);
    assert_int_equal(r.status, 402);
    struct json_value root = parse(f, &r);
    assert_int_equal(number_at(root, "currentBalance"), 15);
    assert_int_equal(number_at(root, "required"), 20);
    assert_int_equal(number_at(root, "shortfall"), 5);
    reply_free(&r);
    assert_int_equal(account_number(f, "balance"), 15);
    r = ask_with(f, "", "POST", "/sim/enrichso/topup?credits=5", NULL);
    assert_int_equal(number_at(parse(f, &r), "balance"), 20);
    reply_free(&r);
    r = ask(f, "POST", "/enrichso/api/v3/email-finder/batch", two_leads);
    assert_int_equal(r.status, 200);
    reply_free(&r);
    r = ask_with(f, "", "POST", "/sim/enrichso/topup?credits=-5", NULL);
    assert_int_equal(r.status, 400);
    reply_free(&r);
    restart(f);
    assert_int_equal(account_number(f, "granted"), 20);
    assert_int_equal(account_number(f, "balance"), 0);
}

/* All pages together hold each lead once, in whichever order, and again the same after a restart.
 */
static void check_pages(struct fixture *f, const char *id, unsigned n)
{
    uint8_t *seen = calloc(n, 1);
    unsigned in_order = 0, rows = 0;
    assert_non_null(seen);
    for (unsigned number = 1; rows < n; number++) {
        struct reply r = page(f, id, number, 1000);
        struct json_value root = parse(f, &r), results;
        struct json_walk w;
        assert_true(json_path(root, "data.results", &results));
        unsigned before = rows;
        for (bool more = json_walk_begin(&w, results); more; more = json_walk_next(&w)) {
            unsigned i = (unsigned)atoi(text_at(w.value, "firstName") + 5);
            assert_true(i < n);
            assert_int_equal(seen[i]++, 0);
            in_order += i == rows++;
        }
        assert_true(rows > before);
        reply_free(&r);
    }
    if (f->options.shuffle)
        assert_true(in_order < n / 10);
    else
        assert_int_equal(in_order, n);
    free(seen);
}

static void test_pages(void **state)
{
    struct fixture *f = *state;
    char id[64], other[64];
    start(f);
    char *body = leads(3456);
    submit(f, two_leads, other);
    submit(f, body, id);
    check_pages(f, id, 3456);
    f->options.shuffle = true;
    restart(f);
    check_pages(f, id, 3456);
    static const struct {
        const char *query;
        int status;
        int rows;
    } table[] = {
        {"", 200, 100},
        {"?page=35", 200, 56},
        {"?page=36", 200, 0},
        {"?limit=1", 200, 1},
        {"?limit=1000", 200, 1000},
        {"?limit=1001", 400, 0},
        {"?limit=0", 400, 0},
        {"?page=0", 400, 0},
        {"?page=x", 400, 0},
        {"?page=4294967295&limit=1000", 200, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char path[128];
        struct json_value results;
        snprintf(path, sizeof path, "/enrichso/api/v3/email-finder/batch/%s/results%s", id,
                 table[i].query);
        struct reply r = ask(f, "GET", path, NULL);
        assert_int_equal(r.status, table[i].status);
        if (r.status == 200) {
            assert_true(json_path(parse(f, &r), "data.results", &results));
            assert_int_equal(json_count(results), table[i].rows);
        }
        reply_free(&r);
    }
    free(body);
}

static void test_time(void **state)
{
    struct fixture *f = *state;
    char id[64], path[128];
    f->options.queue_ms = 300;
    f->options.items_per_s = 1000;
    start(f);
    char *body = leads(900);
    submit(f, body, id);
    free(body);
    snprintf(path, sizeof path, "/enrichso/api/v3/email-finder/batch/%s", id);
    struct reply r = page(f, id, 1, 10);
    assert_int_equal(r.status, 400);
    reply_free(&r);
    bool queued = false, processing = false;
    int64_t before = 0;
    for (;;) {
        r = ask(f, "GET", path, NULL);
        struct json_value root = parse(f, &r);
        int64_t processed = number_at(root, "data.processedItems");
        char status[32];
        snprintf(status, sizeof status, "%s", text_at(root, "data.status"));
        assert_true(processed >= before && processed <= 900);
        before = processed;
        queued |= strcmp(status, "queued") == 0;
        processing |= strcmp(status, "processing") == 0 && processed > 0 && processed < 900;
        reply_free(&r);
        if (strcmp(status, "completed") == 0)
            break;
        usleep(50000);
        /* The batch goes on while nobody runs it. */
        if (processing && f->options.seed == 1) {
            f->options.seed = 2;
            restart(f);
        }
    }
    assert_true(queued && processing);
    assert_int_equal(before, 900);
}

static void test_durable(void **state)
{
    struct fixture *f = *state;
    char one[64], two[64], three[64];
    start(f);
    submit(f, two_leads, one);
    submit(f, two_leads, two);
    struct reply r = page(f, one, 1, 10);
    char *first_page = strdup(strstr(r.body, "\"results\""));
    reply_free(&r);
    /* Another seed changes nothing of what was submitted before. */
    f->options.seed = 99;
    restart(f);
    assert_int_equal(account_number(f, "balance"), 100000 - 10 - 20);
    submit(f, two_leads, three);
    assert_string_not_equal(one, three);
    assert_string_not_equal(two, three);
    r = page(f, one, 1, 10);
    assert_memory_equal(strstr(r.body, "\"results\""), first_page,
                        strlen("\"results\":[{\"email\":\"j"));
    assert_int_equal(number_at(parse(f, &r), "meta.creditsUsed"), 10);
    reply_free(&r);
    free(first_page);
    sim_stop(f->sim);
    f->sim = NULL;

    /* A torn last line is as if it had never been. */
    char *path = file_join(f->folder, "enrichso/journal.ndjson");
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "{\"event\":\"submit\",\"id\":\"batch_", 30), 30);
    close(fd);
    start(f);
    assert_int_equal(account_number(f, "balance"), 100000 - 10 - 20 - 20);
    sim_stop(f->sim);
    f->sim = NULL;
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "{\"event\":\"nothing\"}\n", 20), 20);
    close(fd);
    start(f);
    r = page(f, three, 1, 10);
    assert_int_equal(r.status, 200);
    reply_free(&r);
    sim_stop(f->sim);
    f->sim = NULL;

    /* A damaged line before others is an error. */
    struct error e = {0};
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    assert_int_equal(sim_start(&f->sim, &f->options, &e), ERR_DATA);
    free(path);
}

static void test_one_owner(void **state)
{
    struct fixture *f = *state;
    struct sim *second;
    struct error e = {0};
    start(f);
    assert_int_equal(sim_start(&second, &f->options, &e), ERR_STOPPED);
    assert_null(second);
    struct sim_options bad = f->options;
    bad.tier = "golden";
    assert_int_equal(sim_start(&second, &bad, &e), ERR_USAGE);
    bad = f->options;
    bad.faults = "page:explode";
    assert_int_equal(sim_start(&second, &bad, &e), ERR_USAGE);
    /* The port is taken: everything that was begun is taken back. */
    char *other = file_join(f->folder, "other");
    bad = f->options;
    bad.folder = other;
    bad.port = sim_port(f->sim);
    assert_true(sim_start(&second, &bad, &e) < 0);
    bad.port = 0;
    assert_int_equal(sim_start(&second, &bad, &e), 0);
    sim_stop(second);
    free(other);
}

static void set_faults(struct fixture *f, const char *spec)
{
    set_vendor_faults(f, "enrichso", spec);
}

/* What becomes of a submission, and what the account says of it. */
static void test_submit_faults(void **state)
{
    static const struct {
        const char *fault;
        int status;
        bool whole, accepted;
    } table[] = {
        {"submit:drop-before:1", 0, false, false},   {"submit:drop-after:1", 0, false, true},
        {"submit:cut:1", 200, false, true},          {"submit:status-503:1", 503, true, false},
        {"submit:after-502:1", 502, true, true},     {"submit:limit-7:1", 429, true, false},
        {"submit:limit-date-5:1", 429, true, false}, {"submit:limit-garbage:1", 429, true, false},
        {"submit:limit-bare:1", 429, true, false},   {"submit:garbage:1", 200, true, true},
        {"submit:flat:1", 200, true, true},          {"submit:double-keys:1", 200, true, true},
        {"submit:delay-30:1", 200, true, true},      {"any:status-400:1", 400, true, false},
    };
    struct fixture *f = *state;
    start(f);
    int64_t reserved = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        set_faults(f, table[i].fault);
        int64_t begun = clock_mono_ms();
        struct reply r = ask(f, "POST", "/enrichso/api/v3/email-finder/batch", two_leads);
        if (r.status != table[i].status || r.whole != table[i].whole)
            fail_msg("%s: %d %s", table[i].fault, r.status, r.text);
        if (strstr(table[i].fault, "delay"))
            assert_true(clock_mono_ms() - begun >= 30);
        if (strstr(table[i].fault, "limit-7"))
            assert_non_null(strstr(r.text, "Retry-After: 7\r\n"));
        if (strstr(table[i].fault, "limit-date"))
            assert_non_null(strstr(r.text, " GMT\r\n"));
        assert_true(!strstr(table[i].fault, "limit-bare") || !strstr(r.text, "Retry-After"));
        reply_free(&r);
        reserved += table[i].accepted ? 20 : 0;
        assert_int_equal(account_number(f, "reserved"), reserved);
        /* Each fault struck once: the next one goes through. */
        r = ask(f, "POST", "/enrichso/api/v3/email-finder/batch", two_leads);
        assert_int_equal(r.status, 200);
        reply_free(&r);
        reserved += 20;
    }
    restart(f);
    struct reply r = ask_with(f, "", "GET", "/sim/enrichso/account", NULL);
    struct json_value root = parse(f, &r), posts;
    struct json_walk w;
    size_t i = 0;
    assert_true(json_get(root, "posts", &posts));
    for (bool more = json_walk_begin(&w, posts); more; more = json_walk_next(&w), i++) {
        bool accepted, odd = i % 2 == 0;
        assert_true(json_get_bool(w.value, "accepted", &accepted));
        assert_int_equal(accepted, odd ? table[i / 2].accepted : true);
        assert_int_equal(number_at(w.value, "status"), odd ? table[i / 2].status : 200);
        assert_int_equal(strlen(text_at(w.value, "body_sha256")), 64);
    }
    assert_int_equal(i, 2 * sizeof table / sizeof *table);
    assert_int_equal(number_at(root, "reserved"), reserved);
    reply_free(&r);
}

static void test_page_faults(void **state)
{
    static const struct {
        const char *fault;
        int rows;
    } table[] = {
        {"page:missing:1", 49},
        {"page:repeat-1:1", 51},
        {"page:extra-3:1", 53},
        {"page:double-keys:1", 50},
    };
    struct fixture *f = *state;
    char id[64];
    start(f);
    char *body = leads(50);
    submit(f, body, id);
    free(body);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct json_value results;
        set_faults(f, table[i].fault);
        struct reply r = page(f, id, 1, 100);
        assert_true(json_path(parse(f, &r), "data.results", &results));
        assert_int_equal(json_count(results), table[i].rows);
        reply_free(&r);
        r = page(f, id, 1, 100);
        assert_true(json_path(parse(f, &r), "data.results", &results));
        assert_int_equal(json_count(results), 50);
        reply_free(&r);
    }
    set_faults(f, "page:flat:1,poll:drop-before:1");
    struct reply r = page(f, id, 1, 100);
    assert_int_equal(number_at(parse(f, &r), "totalItems"), 50);
    reply_free(&r);
    struct reply shown = ask_with(f, "", "GET", "/sim/enrichso/faults", NULL);
    assert_non_null(strstr(shown.body, "{\"fault\":\"page:flat:1\",\"seen\":1,\"fired\":1}"));
    reply_free(&shown);
    r = ask_with(f, "", "POST", "/sim/enrichso/faults?set=page:explode", NULL);
    assert_int_equal(r.status, 400);
    reply_free(&r);
}

static void test_failed_batches(void **state)
{
    struct fixture *f = *state;
    char id[64];
    f->options.found_percent = 100;
    f->options.faults = "submit:failed:1@1,submit:half-failed:1@2";
    start(f);
    char *body = leads(50);
    for (int i = 0; i < 2; i++) {
        int64_t charged = i * 250;
        submit(f, body, id);
        struct reply r = page(f, id, 1, 100);
        struct json_value root = parse(f, &r), results;
        assert_string_equal(text_at(root, "data.status"), "failed");
        assert_int_equal(number_at(root, "meta.creditsUsed"), charged);
        assert_int_equal(number_at(root, "meta.creditsRefunded"), 500 - charged);
        assert_true(json_path(root, "data.results", &results));
        assert_int_equal(json_count(results), i * 25);
        reply_free(&r);
    }
    free(body);
    restart(f);
    assert_int_equal(account_number(f, "spent"), 250);
}

static void test_rate_limits(void **state)
{
    struct fixture *f = *state;
    f->options.tier = "free";
    start(f);
    for (int i = 0; i < 7; i++) {
        struct reply r = ask(f, "GET", "/enrichso/api/v3/wallets/balance", NULL);
        assert_int_equal(r.status, i < 5 ? 200 : 429);
        assert_non_null(
            strstr(r.text, i < 5 ? "X-RateLimit-Limit: 60\r\n" : "X-RateLimit-Limit: 5\r\n"));
        assert_non_null(strstr(r.text, "X-RateLimit-Reset: "));
        assert_true((i >= 5) == (strstr(r.text, "Retry-After: 1\r\n") != NULL));
        reply_free(&r);
    }
    assert_int_equal(account_number(f, "limited"), 2);
    assert_int_equal(account_number(f, "requests.balance"), 7);
}

/* Stopped with replies held back and connections open. */
static void test_stop_busy(void **state)
{
    struct fixture *f = *state;
    f->options.faults = "balance:delay-60000";
    start(f);
    static const char request[] =
        "GET /enrichso/api/v3/wallets/balance HTTP/1.1\r\nHost: x\r\nx-api-key: " KEY "\r\n\r\n";
    int fd[4];
    for (int i = 0; i < 4; i++) {
        fd[i] = dial(sim_port(f->sim));
        send_all(fd[i], request, i < 3 ? sizeof request - 1 : 20);
    }
    usleep(100000);
    assert_int_equal(account_number(f, "requests.balance"), 3);
    sim_stop(f->sim);
    f->sim = NULL;
    for (int i = 0; i < 4; i++)
        close(fd[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WHOLE(test_keys),           WHOLE(test_batch),          WHOLE(test_validation),
        WHOLE(test_openapi),        WHOLE(test_single),         WHOLE(test_bad_bodies),
        WHOLE(test_not_found),      WHOLE(test_too_many_items), WHOLE(test_credits),
        WHOLE(test_pages),          WHOLE(test_time),           WHOLE(test_durable),
        WHOLE(test_one_owner),      WHOLE(test_submit_faults),  WHOLE(test_page_faults),
        WHOLE(test_failed_batches), WHOLE(test_rate_limits),    WHOLE(test_stop_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
