/* Whole runs: from a list on disk to the output, against the simulated vendor in a thread, with
 * everything that can go wrong between them going wrong. The judge is the vendor's account.
 *
 * Each case is a process of its own, several at a time, because most of a case is waiting; its
 * words are shown when it fails. `test_engine NAME` runs one case alone, here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "engine_fixture.h"
#include "sched/backoff.h"

#define CASES_AT_ONCE 16
#define CASES_MAX     256

/* ---- time ---- */

/* The pauses between tries have their own tests (test_rate.c, test_gate.c). Here the same schedule
 * runs twenty times as fast, so that a run which gives up after eight tries does so within this
 * test's time. */
#define HASTE 20

int64_t backoff_pause_ms(unsigned n, uint64_t random)
{
    uint64_t ceiling = BACKOFF_BASE_MS;
    for (unsigned i = 1; i < n && ceiling < BACKOFF_CAP_MS; i++)
        ceiling *= 2;
    if (ceiling > BACKOFF_CAP_MS)
        ceiling = BACKOFF_CAP_MS;
    return (int64_t)(random % (ceiling / HASTE + 1));
}

bool backoff_allows(const struct retry_budget *b)
{
    uint64_t allowed = b->requests * BACKOFF_BUDGET_PERCENT / 100;
    return b->retries < (allowed < BACKOFF_BUDGET_FLOOR ? BACKOFF_BUDGET_FLOOR : allowed);
}

static void sleep_ms(int64_t ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* ---- undisturbed ---- */

static void run_undisturbed(enum stage_list kind, bool openapi)
{
    struct stage *s = stage_create(kind);
    s->options.openapi = openapi;
    vendor_start(s);
    start(s, 0);
    judge_end(s);
    assert_true(s->outcomes[OUTCOME_FOUND] > s->records / 4);
    assert_true(s->outcomes[OUTCOME_NOT_FOUND] > s->records / 8);
    assert_true(s->outcomes[OUTCOME_INVALID] > 0);
    assert_int_equal(s->outcomes[OUTCOME_FOUND] + s->outcomes[OUTCOME_NOT_FOUND] +
                         s->outcomes[OUTCOME_INVALID],
                     s->records);
    keep_undisturbed(s);
    /* The same command again finds nothing to do. */
    s->settings.list = s->list;
    s->settings.output = s->out;
    s->settings.provider = "enrichso/email-finder";
    unsigned posts = s->account.posts;
    start(s, 0);
    resume(s, 0);
    read_account(s);
    assert_int_equal(s->account.posts, posts);
    stage_destroy(s);
}

static void case_small(const void *arg)
{
    (void)arg;
    run_undisturbed(LIST_SMALL, false);
}

static void case_small_openapi(const void *arg)
{
    (void)arg;
    run_undisturbed(LIST_SMALL, true);
}

static void case_paged(const void *arg)
{
    (void)arg;
    run_undisturbed(LIST_PAGED, false);
}

/* ---- faults ---- */

struct trial {
    const char *faults;
    enum stage_list kind;
    int status;      /* of the first run */
    unsigned doubts; /* batches in doubt behind it */
    unsigned lost;   /* records that fail for good */
    bool openapi;
    int64_t timeout_ms; /* of a submission; 0: as ever */
    const char *batch_size, *concurrency;
    const char *bad_domain; /* of as many records of the list as are lost */
};

/* Requests that cost nothing are tried again: nobody sees it but the vendor. Each of these with each
 * class of free requests. */
static const struct {
    const char *class;
    enum stage_list kind;
} free_classes[] = {{"balance", LIST_SMALL}, {"poll", LIST_SMALL}, {"page", LIST_PAGED}};

static const struct {
    const char *fault;
    int status;
} free_faults[] = {
    {"drop-before:2", 0}, {"drop-after:2", 0},  {"cut:2", 0},         {"status-503:2", 0},
    {"status-500:1", 0},  {"status-502:1", 0},  {"after-503:2", 0},   {"status-408:1", 0},
    {"limit-1:1", 0},     {"limit-0:1", 0},     {"limit-date:1", 0},  {"limit-garbage:2", 0},
    {"limit-bare:2", 0},  {"garbage:2", 0},     {"flat", 0},          {"double-keys", 0},
    {"delay-300", 0},     {"limit-3600:1", 75}, {"status-401:1", 77}, {"status-403:1", 77},
    {"status-400:1", 69}, {"status-503", 69},   {"drop-before", 69},  {"garbage", 69},
};

#define FREE_CLASSES (sizeof free_classes / sizeof *free_classes)
#define FREE_FAULTS  (sizeof free_faults / sizeof *free_faults)

static const struct trial trials[] = {
    {.faults = "poll:status-404:2"},
    {.faults = "page:status-404:2"},
    {.faults = "poll:status-404", .status = 69},
    {.faults = "submit:limit-3600:1", .status = 75},
    /* All pages of a batch at once. */
    {.faults = "page:status-503:6", .kind = LIST_PAGED},
    {.faults = "page:status-503:10", .kind = LIST_PAGED, .batch_size = "5000"},

    /* Submissions: surely not applied. */
    {.faults = "submit:limit-1:1"},
    {.faults = "submit:limit-0:1"},
    {.faults = "submit:limit-date:1@2"},
    {.faults = "submit:limit-garbage:1"},
    {.faults = "submit:limit-bare:3"},
    {.faults = "submit:status-400:1"},
    {.faults = "submit:status-422:1@2"},
    {.faults = "submit:status-413:1"},
    {.faults = "submit:status-413:2", .kind = LIST_PAGED, .batch_size = "1600"},
    {.faults = "submit:status-402:1"},
    {.faults = "submit:status-402", .status = 75},
    {.faults = "submit:status-401:1", .status = 77},
    {.faults = "submit:status-403:1@2", .status = 77},
    {.faults = "submit:status-423:1@3", .status = 77},
    {.faults = "submit:status-404:1", .status = 69},
    {.faults = "submit:status-409:1", .status = 69},
    {.faults = "submit:status-301:1", .status = 69},
    {.faults = "submit:status-400", .status = 69},

    /* Submissions that may have been applied. */
    {.faults = "submit:drop-before:1", .status = 1, .doubts = 1},
    {.faults = "submit:drop-before:1@2", .kind = LIST_PAGED, .status = 1, .doubts = 1},
    {.faults = "submit:drop-after:1", .status = 1, .doubts = 1},
    {.faults = "submit:drop-after:1@3", .kind = LIST_PAGED, .status = 1, .doubts = 1},
    {.faults = "submit:drop-after:2", .status = 1, .doubts = 2},
    {.faults = "submit:drop-after", .status = 69, .doubts = 3},
    {.faults = "submit:cut:1", .status = 1, .doubts = 1},
    {.faults = "submit:garbage:1@2", .status = 1, .doubts = 1},
    {.faults = "submit:status-500:1", .status = 1, .doubts = 1},
    {.faults = "submit:status-502:1@2", .status = 1, .doubts = 1},
    {.faults = "submit:status-503:1", .status = 1, .doubts = 1},
    {.faults = "submit:status-503", .status = 69, .doubts = 3},
    {.faults = "submit:status-504:1", .status = 1, .doubts = 1},
    {.faults = "submit:status-408:1", .status = 1, .doubts = 1},
    {.faults = "submit:status-200:1", .status = 1, .doubts = 1},
    {.faults = "submit:after-500:1", .status = 1, .doubts = 1},
    {.faults = "submit:after-503:1@2", .status = 1, .doubts = 1},
    {.faults = "submit:after-504:1,page:cut:1", .kind = LIST_PAGED, .status = 1, .doubts = 1},
    {.faults = "submit:delay-2500:1", .status = 1, .doubts = 1, .timeout_ms = 1000},
    {.faults = "submit:drop-before:1,submit:drop-after:1@3,submit:cut:1@5,poll:delay-200",
     .status = 1,
     .doubts = 3,
     .batch_size = "75",
     .concurrency = "1"},

    /* Forms of replies. */
    {.faults = "submit:flat"},
    {.faults = "submit:double-keys"},
    {.faults = "submit:delay-500"},
    {.faults = "", .openapi = true},
    {.faults = "any:flat"},
    {.faults = "any:flat", .openapi = true},
    {.faults = "any:flat", .kind = LIST_PAGED},
    {.faults = "submit:limit-1:1,poll:limit-1:1", .openapi = true},

    /* Results that are not what was asked for. */
    {.faults = "page:missing:2"},
    {.faults = "page:missing-5:2@2", .kind = LIST_PAGED},
    {.faults = "page:repeat-3"},
    {.faults = "page:repeat-900", .kind = LIST_PAGED},
    {.faults = "page:extra-7"},
    {.faults = "page:extra-400", .kind = LIST_PAGED},

    /* Items that the vendor refuses, named and not named. */
    {.faults = "", .status = 1, .lost = 1, .bad_domain = "refused.example"},
    {.faults = "", .status = 1, .lost = 1, .bad_domain = "poison.example"},
    {.faults = "", .status = 1, .lost = 3, .bad_domain = "refused.example"},
    {.faults = "", .status = 1, .lost = 12, .bad_domain = "refused.example", .batch_size = "300"},
    /* Two in one batch, refused alike: that may be no item's fault, and the run stops once. */
    {.faults = "", .status = 69, .lost = 3, .bad_domain = "poison.example"},

    /* One after another. */
    {.faults = "submit:drop-after:1,poll:status-503:2,page:cut:2,balance:limit-bare:1",
     .kind = LIST_PAGED,
     .status = 1,
     .doubts = 1},
};

static void run_trial(const void *arg)
{
    const struct trial *t = arg;
    struct stage *s = stage_create(t->kind);
    int last = t->lost > 0 ? 1 : 0;
    s->options.faults = t->faults;
    s->options.openapi = t->openapi;
    if (t->bad_domain != NULL)
        write_list(s, t->bad_domain, t->lost);
    if (t->timeout_ms > 0)
        s->settings.timeout = t->timeout_ms;
    if (t->batch_size != NULL)
        s->settings.batch_size = t->batch_size;
    if (t->concurrency != NULL)
        s->settings.concurrency = t->concurrency;
    vendor_start(s);
    start(s, t->status);
    judge(s);
    assert_int_equal(s->ledger.doubts, t->doubts);
    if (t->status != last) {
        if (t->status == 1) { /* all that can be known is published */
            check_conservation(s);
            verify(s);
        }
        vendor_faults(s, "");
        resolve_by_account(s);
        resume(s, last);
    }
    judge_end(s);
    check_output(s, t->lost);
    if (t->lost == 0)
        assert_int_equal(s->account.spent, undisturbed_spent(s));
    resume(s, last);
    stage_destroy(s);
}

/* A page that lacks rows whenever it is asked for: the records it should have held have failed, and
 * no others. */
static void case_missing(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->options.faults = "page:missing-2";
    vendor_start(s);
    start(s, 1);
    judge_end(s);
    assert_in_range(s->outcomes[OUTCOME_FAILED], 6, 12); /* of 3 pages, and their duplicates */
    check_output(s, (unsigned)s->outcomes[OUTCOME_FAILED]);
    assert_int_equal(s->account.spent, undisturbed_spent(s));
    stage_destroy(s);
}

/* A batch that the vendor gives up: what it says it did not do has failed, and costs nothing. */
static void run_failed_batch(const char *faults, unsigned failed)
{
    struct stage *s = stage_create(LIST_SMALL);
    s->options.faults = faults;
    vendor_start(s);
    start(s, 1);
    judge_end(s);
    check_output(s, (unsigned)s->outcomes[OUTCOME_FAILED]);
    /* The last batch is the smallest; and there are duplicates. */
    assert_in_range(s->outcomes[OUTCOME_FAILED], failed * 173 / 200, failed + 20);
    assert_true(s->account.spent < undisturbed_spent(s));
    stage_destroy(s);
}

static void case_failed(const void *arg)
{
    (void)arg;
    run_failed_batch("submit:failed:1", 200);
}

static void case_half_failed(const void *arg)
{
    (void)arg;
    run_failed_batch("submit:half-failed:1", 100);
}

/* Interrupted between the vendor's verdict and the results, the records end the same. */
static void case_failed_interrupted(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    size_t len, again_len;
    (void)arg;
    s->settings.batch_size = "600";
    s->options.faults = "submit:half-failed:1";
    vendor_start(s);
    start(s, 1);
    judge_end(s);
    char *data = read_file(s->out, &len);
    stage_destroy(s);

    s = stage_create(LIST_SMALL);
    s->settings.batch_size = "600";
    s->options.faults = "submit:half-failed:1,page:status-401:1";
    vendor_start(s);
    start(s, 77);
    resume(s, 1);
    judge_end(s);
    char *again = read_file(s->out, &again_len);
    assert_string_equal(data, again);
    free(data);
    free(again);
    stage_destroy(s);
}

/* ---- decisions ---- */

static void case_resubmit_not_applied(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->settings.on_in_doubt = "resubmit";
    s->options.faults = "submit:drop-before:2";
    vendor_start(s);
    start(s, 0);
    judge_end(s);
    check_output(s, 0);
    assert_int_equal(s->account.spent, undisturbed_spent(s));
    assert_int_equal(s->account.posts, 5);
    stage_destroy(s);
}

/* Paid twice, because the user said so, and no more than that. */
static void case_resubmit_applied(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->settings.on_in_doubt = "resubmit";
    s->options.faults = "submit:drop-after:1";
    vendor_start(s);
    start(s, 0);
    read_account(s);
    read_ledger(s);
    check_recorded(s, false);
    check_conservation(s);
    check_output(s, 0);
    assert_int_equal(s->account.posts, 4);
    assert_int_equal(s->ledger.spent, undisturbed_spent(s));
    verify(s);
    stage_destroy(s);
}

static void case_skip(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->settings.on_in_doubt = "skip";
    s->options.faults = "submit:drop-before:1";
    vendor_start(s);
    start(s, 0);
    judge(s);
    check_conservation(s);
    assert_in_range(s->outcomes[OUTCOME_SKIPPED], 173, 220);
    assert_int_equal(s->account.posts, 3);
    assert_int_equal(s->ledger.doubts, 0);
    verify(s);
    resume(s, 0);
    stage_destroy(s);
}

/* tranche resolve --as sent and skip, and everything it refuses. */
static void case_resolve(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->options.faults = "submit:drop-after:2";
    s->settings.concurrency = "1";
    vendor_start(s);
    start(s, 1);
    read_ledger(s);
    assert_int_equal(s->ledger.doubts, 2);
    uint32_t first = s->ledger.batch[0].id, second = s->ledger.batch[1].id;
    check_conservation(s);
    assert_in_range(s->outcomes[OUTCOME_IN_DOUBT], 400, 440);
    resolve(s, 0, NULL, 0);
    resolve(s, 99, "skip", 64);
    resolve(s, s->ledger.batch[2].id, "skip", 64); /* it is done */
    resolve(s, first, "maybe", 64);
    resolve(s, first, "sent=../account", 64);
    resolve(s, first, "sent=", 64);
    resume(s, 1); /* nothing was decided: nothing to do */
    resolve(s, first, "sent", 0);
    resolve(s, first, "sent", 64); /* decided already */
    resume(s, 1);
    check_conservation(s);
    assert_in_range(s->outcomes[OUTCOME_IN_DOUBT], 400, 440);
    resolve(s, second, "skip", 0);
    resume(s, 1);
    check_conservation(s);
    assert_in_range(s->outcomes[OUTCOME_IN_DOUBT], 200, 220);
    assert_in_range(s->outcomes[OUTCOME_SKIPPED], 200, 220);
    read_account(s);
    assert_int_equal(s->account.posts, 3);
    verify(s);
    stage_destroy(s);
}

/* An id that the vendor does not know: the run stops, and the batch can be had by nothing else. */
static void case_resolve_wrong_id(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->options.faults = "submit:drop-after:1";
    vendor_start(s);
    start(s, 1);
    read_ledger(s);
    for (unsigned i = 0; i < s->ledger.batches; i++)
        if (strcmp(s->ledger.batch[i].state, "IN_DOUBT") == 0)
            resolve(s, s->ledger.batch[i].id, "sent=batch_0000000000000000", 0);
    resume(s, 69);
    read_account(s);
    assert_int_equal(s->account.posts, 3);
    stage_destroy(s);
}

/* Decided with the id of somebody else's batch: its results are not taken for ours, and the batch is
 * in doubt again. `then` is what happens to it in the same process. */
static void run_foreign_batch(const char *then, int status)
{
    struct stage *s = stage_create(LIST_SMALL);
    char choice[64], id[40];
    s->options.faults = "submit:drop-before:1";
    s->settings.concurrency = "1";
    vendor_start(s);
    start(s, 1);
    read_ledger(s);
    vendor_submit(s,
                  "{\"leads\":[{\"firstName\":\"Some\",\"lastName\":\"Body\","
                  "\"domain\":\"everybody.example\"}]}",
                  id);
    snprintf(choice, sizeof choice, "sent=%s", id);
    resolve(s, 1, choice, 0);
    s->settings.on_in_doubt = then;
    resume(s, status);
    check_conservation(s);
    assert_int_equal(s->outcomes[OUTCOME_FAILED], 0);
    if (status != 0) {
        read_ledger(s);
        assert_int_equal(s->ledger.doubts, 1);
        resolve(s, 1, "not-sent", 0);
        resume(s, 0);
    }
    check_output(s, 0);
    read_account(s);
    assert_int_equal(s->account.posts, 5); /* one was lost, one is somebody else's */
    assert_int_equal(s->account.spent, undisturbed_spent(s) + 10);
    verify(s);
    stage_destroy(s);
}

static void case_foreign_hold(const void *arg)
{
    (void)arg;
    run_foreign_batch("hold", 1);
}

static void case_foreign_resubmit(const void *arg)
{
    (void)arg;
    run_foreign_batch("resubmit", 0);
}

/* ---- limits on credits ---- */

static void case_max_credits(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->settings.max_credits = 2500;
    vendor_start(s);
    start(s, 75);
    judge(s);
    assert_true(s->account.spent + s->account.reserved <= 2500);
    assert_true(s->account.spent > 2490);
    verify(s);
    s->settings.max_credits = 3000;
    resume(s, 75);
    judge(s);
    assert_true(s->account.spent + s->account.reserved <= 3000);
    assert_true(s->account.spent > 2990);
    s->settings.max_credits = 1000000;
    resume(s, 0);
    judge_end(s);
    check_output(s, 0);
    assert_int_equal(s->account.spent, undisturbed_spent(s));
    stage_destroy(s);
}

/* What is in doubt counts as spent: the cap holds whatever the vendor did with it. */
static void case_max_credits_in_doubt(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->settings.max_credits = 3000;
    s->settings.batch_size = "100";
    s->options.faults = "submit:drop-after:2";
    vendor_start(s);
    start(s, 75);
    judge(s);
    assert_int_equal(s->ledger.doubts, 2);
    assert_true(s->account.spent + s->account.reserved <= 3000);
    vendor_faults(s, "");
    resolve_by_account(s);
    resume(s, 75);
    judge(s);
    assert_true(s->account.spent + s->account.reserved <= 3000);
    s->settings.max_credits = 1000000;
    resume(s, 0);
    judge_end(s);
    check_output(s, 0);
    stage_destroy(s);
}

static void case_max_doubt(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->settings.max_doubt_credits = 1000;
    s->settings.concurrency = "1";
    s->options.faults = "submit:drop-after:1";
    vendor_start(s);
    start(s, 75);
    judge(s);
    assert_int_equal(s->account.posts, 1);
    assert_int_equal(s->account.batch[0].items, 100);
    resolve_by_account(s);
    resume(s, 0);
    judge_end(s);
    check_output(s, 0);
    for (unsigned i = 0; i < s->account.batches; i++)
        assert_true(s->account.batch[i].items <= 100);
    stage_destroy(s);
}

static void case_out_of_credits(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->options.balance = 2500;
    vendor_start(s);
    start(s, 75);
    judge(s);
    assert_true(s->account.spent > 2490);
    resume(s, 75);
    vendor_topup(s, 500);
    resume(s, 75);
    judge(s);
    vendor_topup(s, 100000);
    resume(s, 0);
    judge_end(s);
    check_output(s, 0);
    assert_int_equal(s->account.spent, undisturbed_spent(s));
    stage_destroy(s);
}

/* tranche resolve --finish: what was not sent ends as no_credits, and nothing more is sent. */
static void case_finish(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->options.balance = 2500;
    vendor_start(s);
    start(s, 75);
    read_account(s);
    unsigned posts = s->account.posts;
    s->error = (struct error){0};
    expect_status(s, "resolve --finish", run_resolve(s->dir, 0, NULL, true, &s->error), 0);
    vendor_topup(s, 100000);
    resume(s, 1);
    judge_end(s);
    assert_int_equal(s->account.posts, posts);
    assert_true(s->outcomes[OUTCOME_NO_CREDITS] > 100);
    resume(s, 1);
    stage_destroy(s);
}

/* The same with a batch that is cut and was never sent. */
static void case_finish_prepared(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->settings.concurrency = "1";
    s->options.faults = "submit:status-401:1@2";
    vendor_start(s);
    start(s, 77);
    read_account(s);
    assert_int_equal(s->account.posts, 2);
    s->error = (struct error){0};
    expect_status(s, "resolve --finish", run_resolve(s->dir, 0, NULL, true, &s->error), 0);
    resume(s, 1);
    judge_end(s);
    assert_int_equal(s->account.posts, 2);
    assert_in_range(s->outcomes[OUTCOME_NO_CREDITS], 300, 420);
    stage_destroy(s);
}

/* ---- resuming with other settings ---- */

static void case_smaller_batches(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->options.faults = "submit:status-401:1@2";
    vendor_start(s);
    start(s, 77);
    judge(s);
    unsigned before = s->account.batches;
    s->settings.batch_size = "33";
    resume(s, 0);
    judge_end(s);
    check_output(s, 0);
    for (unsigned i = before; i < s->account.batches; i++)
        assert_true(s->account.batch[i].items <= 33);
    assert_int_equal(s->account.spent, undisturbed_spent(s));
    stage_destroy(s);
}

static void case_frozen_settings(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->options.faults = "submit:status-401:1";
    vendor_start(s);
    start(s, 77);
    s->settings.max_records = 10;
    resume(s, 64);
    s->settings.list = "/dev/null";
    resume(s, 64);
    s->settings.provider = "enrichso/email-validation";
    resume(s, 64);
    resume(s, 0);
    judge_end(s);
    check_output(s, 0);
    stage_destroy(s);
}

/* The list changed below an unfinished run: nothing more is sent. */
static void case_list_changed(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->options.faults = "submit:status-401:1";
    s->settings.concurrency = "1";
    vendor_start(s);
    start(s, 77);
    write_list(s, "other.example", 1);
    resume(s, 65);
    read_account(s);
    assert_int_equal(s->account.batches, 0);
    write_list(s, NULL, 0);
    resume(s, 0);
    judge_end(s);
    check_output(s, 0);
    stage_destroy(s);
}

/* What a process that died while it made the ledger left behind is in nobody's way; what others have
 * there is. */
static void case_leftovers(const void *arg)
{
    static const char *const names[] = {"lock", "ledger.db.new", "ledger.db.new-wal",
                                        "ledger.db.new-journal", "holiday.txt"};
    struct stage *s = stage_create(LIST_SMALL);
    char path[128];
    size_t len;
    (void)arg;
    assert_int_equal(mkdir(s->dir, 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", s->dir, names[i]);
        assert_int_equal(file_replace(path, SLICE_LIT("anything"), false, &s->error), 0);
    }
    vendor_start(s);
    expect_status(s, "run", stage_start(s), 73);
    assert_non_null(strstr(s->error.message, "holiday.txt"));
    char *data = read_file(path, &len);
    assert_string_equal(data, "anything");
    free(data);
    unlink(path);
    start(s, 0);
    judge_end(s);
    check_output(s, 0);
    stage_destroy(s);
}

/* ---- keys and addresses ---- */

static void case_wrong_key(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    setenv("ENRICHSO_API_KEY", "sk_not_this_one", 1);
    vendor_start(s);
    start(s, 77);
    assert_null(strstr(s->error.message, "sk_not_this_one"));
    read_account(s);
    assert_int_equal(s->account.spent + s->account.reserved, 0);
    assert_int_equal(s->account.batches, 0);
    setenv("ENRICHSO_API_KEY", KEY, 1);
    resume(s, 0);
    judge(s);
    check_output(s, 0);
    stage_destroy(s);
}

static void case_no_key(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    unsetenv("ENRICHSO_API_KEY");
    vendor_start(s);
    start(s, 78);
    assert_int_equal(access(s->dir, F_OK), -1); /* nothing began */
    assert_int_equal(access(s->out, F_OK), -1);
    stage_destroy(s);
}

static void case_unreachable(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    vendor_start(s);
    vendor_stop(s);
    start(s, 69);
    vendor_start(s);
    resume(s, 0);
    judge_end(s);
    check_output(s, 0);
    stage_destroy(s);
}

/* It went away between the balance and the submissions: nothing arrived, nothing is in doubt. */
static void case_unreachable_submit(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    s->settings.batch_size = "600";
    s->options.faults = "submit:status-401:1";
    vendor_start(s);
    start(s, 77);
    s->options.faults = NULL;
    vendor_stop(s);
    resume(s, 69);
    read_ledger(s);
    assert_int_equal(s->ledger.doubts, 0);
    vendor_start(s);
    resume(s, 0);
    read_account(s);
    read_ledger(s);
    check_recorded(s, false);
    check_single_spend(s);
    check_conservation(s);
    check_output(s, 0);
    assert_int_equal(s->account.batches, 1);
    verify(s);
    stage_destroy(s);
}

/* ---- stopping ---- */

struct stopper {
    struct stage *stage;
    int64_t polls;    /* stop when the vendor was asked so often how a batch is */
    unsigned batches; /* and has so many */
    pthread_t thread;
};

static void *stop_when(void *arg)
{
    struct stopper *st = arg;
    struct stage *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    s->json = json_create(16);
    memcpy(s->host, st->stage->host, sizeof s->host);
    do {
        sleep_ms(20);
        read_account(s);
    } while (s->account.batches < st->batches || s->account.polls < st->polls);
    kill(getpid(), SIGTERM);
    json_destroy(s->json);
    free(s);
    return NULL;
}

static void run_stopped(enum stage_list kind, const char *faults, int64_t queue_ms, int64_t polls)
{
    struct stage *s = stage_create(kind);
    struct stopper st = {.stage = s, .polls = polls, .batches = kind == LIST_SMALL ? 3 : 1};
    s->options.queue_ms = queue_ms;
    s->options.faults = faults;
    vendor_start(s);
    assert_int_equal(pthread_create(&st.thread, NULL, stop_when, &st), 0);
    start(s, 75);
    pthread_join(st.thread, NULL);
    judge(s);
    assert_int_equal(s->ledger.doubts, 0);
    verify(s);
    vendor_faults(s, "");
    resume(s, 0);
    judge_end(s);
    check_output(s, 0);
    assert_int_equal(s->account.spent, undisturbed_spent(s));
    stage_destroy(s);
}

/* While the vendor works on all batches. */
static void case_stopped(const void *arg)
{
    (void)arg;
    run_stopped(LIST_SMALL, NULL, 4000, 0);
}

/* While submissions are in flight: they are waited for. */
static void case_stopped_submitting(const void *arg)
{
    (void)arg;
    run_stopped(LIST_SMALL, "submit:delay-1500:2@2", 3000, 0);
}

/* While pages are in flight. */
static void case_stopped_fetching(const void *arg)
{
    (void)arg;
    run_stopped(LIST_PAGED, "page:delay-3000:4@2", 0, 3);
}

/* When the drain time is over what is in flight is given up: in doubt if it costs. */
static void case_drained(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    struct stopper st = {.stage = s, .batches = 3}; /* one of them is not told of */
    (void)arg;
    s->settings.drain_timeout = 200;
    s->options.queue_ms = 1000;
    s->options.faults = "submit:delay-5000:1@2";
    vendor_start(s);
    assert_int_equal(pthread_create(&st.thread, NULL, stop_when, &st), 0);
    start(s, 75);
    pthread_join(st.thread, NULL);
    judge(s);
    assert_int_equal(s->ledger.doubts, 1);
    vendor_faults(s, "");
    resolve_by_account(s);
    resume(s, 0);
    judge_end(s);
    check_output(s, 0);
    stage_destroy(s);
}

/* ---- killed ---- */

struct killing {
    const char *name;
    int64_t after_ms;
    const char *batch_size;
    const char *faults;
    int signals; /* SIGTERM that often instead */
};

static const struct killing killings[] = {
    {"killed after 5 ms", 5, "40", NULL, 0},
    {"killed after 10 ms", 10, "40", NULL, 0},
    {"killed after 20 ms", 20, "40", NULL, 0},
    {"killed after 40 ms", 40, "40", NULL, 0},
    {"killed after 60 ms", 60, "40", NULL, 0},
    {"killed after 150 ms", 150, "40", "submit:delay-100", 0},
    {"killed after 300 ms", 300, "40", "submit:delay-100", 0},
    {"killed after 500 ms", 500, "40", NULL, 0},
    {"killed after 700 ms", 700, "40", "page:delay-50", 0},
    {"killed after 900 ms", 900, "40", NULL, 0},
    {"killed after 1300 ms", 1300, "25", NULL, 0},
    {"two signals", 0, "40", "poll:delay-5000", 2},
};

/* The run is a process of its own, forked before there are threads here. */
static pid_t fork_run(struct stage *s, int *port_fd)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[1]);
        if (read(fds[0], s->url, sizeof s->url) != (ssize_t)sizeof s->url)
            _exit(99);
        s->settings.base_url = s->url;
        _exit(stage_start(s));
    }
    close(fds[0]);
    *port_fd = fds[1];
    return pid;
}

static void run_killed(const void *arg)
{
    const struct killing *k = arg;
    struct stage *s = stage_create(LIST_SMALL);
    int fd, status;
    s->settings.batch_size = k->batch_size;
    s->options.faults = k->faults;
    pid_t pid = fork_run(s, &fd);
    vendor_start(s);
    assert_int_equal(write(fd, s->url, sizeof s->url), sizeof s->url);
    close(fd);
    sleep_ms(k->after_ms);
    do /* with a request in flight, or the first signal ends it already */
        read_account(s);
    while (k->signals > 0 && s->account.polls == 0);
    for (int i = 0; i < k->signals; i++) {
        kill(pid, SIGTERM);
        sleep_ms(100);
    }
    if (k->signals == 0)
        kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (k->signals > 0)
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 75);
    vendor_faults(s, "");
    stage_settings(s);
    char ledger[160];
    snprintf(ledger, sizeof ledger, "%s/ledger.db", s->dir);
    if (access(ledger, F_OK) == 0)
        resolve_by_account(s);
    s->settings.list = s->list;
    s->settings.output = s->out;
    s->settings.provider = "enrichso/email-finder";
    s->settings.rate = "1000/s";
    s->settings.doubt_wait = 0;
    start(s, 0);
    read_account(s);
    read_ledger(s);
    check_recorded(s, true);
    check_single_spend(s);
    check_conservation(s);
    check_output(s, 0);
    assert_int_equal(s->ledger.spent, s->account.spent);
    assert_int_equal(s->account.spent, undisturbed_spent(s));
    verify(s);
    stage_destroy(s);
}

/* ---- storms ---- */

struct storm {
    const char *name;
    uint64_t seed;
    enum stage_list kind;
    const char *batch_size;
    const char *faults;
};

static const struct storm storms[] = {
    {"storm of drops", 1, LIST_SMALL, "40", "any:drop-after:12%,any:drop-before:12%"},
    {"storm of statuses", 2, LIST_SMALL, "40",
     "any:status-503:10%,any:after-500:10%,any:limit-bare:10%"},
    {"storm of cuts", 3, LIST_PAGED, "900", "any:cut:15%,any:garbage:10%,any:delay-40:30%"},
    {"storm of everything", 4, LIST_PAGED, "450",
     "any:drop-after:5%,any:cut:5%,any:status-502:5%,any:garbage:5%,any:flat:20%,"
     "any:double-keys:20%,any:limit-0:5%,submit:status-413:2,submit:status-400:2,"
     "page:repeat-5:30%,page:extra-9:30%,any:delay-30:20%"},
    {"storm of refusals", 5, LIST_SMALL, "50",
     "submit:status-400:6,submit:status-413:3,submit:status-402:10%,submit:drop-after:10%"},
};

/* Whatever the weather, a person who decides by the account and resumes gets there. */
static void run_storm(const void *arg)
{
    const struct storm *w = arg;
    struct stage *s = stage_create(w->kind);
    int status, rounds = 0;
    s->settings.batch_size = w->batch_size;
    s->options.faults = w->faults;
    s->options.seed = 7;
    vendor_start(s);
    status = stage_start(s);
    for (;;) {
        printf("round %d ended with %d: %s\n", rounds, status, s->error.message);
        judge(s);
        assert_true(status == 0 || status == 1 || status == 69 || status == 75);
        if (status == 0)
            break;
        assert_true(status != 1 || s->ledger.doubts > 0);
        assert_true(++rounds < 40);
        if (rounds > 12)
            vendor_faults(s, "");
        resolve_by_account(s);
        stage_settings(s);
        status = stage_resume(s);
    }
    judge_end(s);
    check_output(s, 0);
    assert_int_equal(s->account.spent, undisturbed_spent(s));
    stage_destroy(s);
}

/* ---- the sandbox ---- */

static void case_sandbox(const void *arg)
{
    struct stage *s = stage_create(LIST_SMALL);
    (void)arg;
    unsetenv("ENRICHSO_API_KEY");
    s->settings.sandbox = 1;
    s->settings.batch_size = "600"; /* its free tier takes two batches a minute */
    s->settings.base_url = NULL;
    start(s, 0);
    check_conservation(s);
    verify(s);
    stage_destroy(s);
}

/* ---- cases as processes ---- */

struct job {
    char name[160];
    void (*run)(const void *arg);
    const void *arg;
    pid_t pid;
    bool ended;
    int status;
    time_t started, took_s;
    char log[128];
};

static struct job jobs[CASES_MAX];
static unsigned job_count;

static void add_job(const char *name, void (*run)(const void *), const void *arg)
{
    struct job *j = &jobs[job_count++];
    assert(job_count <= CASES_MAX);
    snprintf(j->name, sizeof j->name, "%s", name);
    snprintf(j->log, sizeof j->log, "%s/log-%u", undisturbed_folder, job_count);
    j->run = run;
    j->arg = arg;
}

static void add_trial(const struct trial *t)
{
    char name[160];
    snprintf(name, sizeof name, "%s%s%s%s%s", t->faults, t->kind == LIST_PAGED ? " paged" : "",
             t->openapi ? " openapi" : "", t->bad_domain ? t->bad_domain : "",
             t->bad_domain && t->lost > 1 ? " several" : "");
    add_job(name, run_trial, t);
}

static void add_free_trial(size_t class, size_t fault)
{
    static struct trial made[FREE_CLASSES * FREE_FAULTS];
    static char spec[FREE_CLASSES * FREE_FAULTS][64];
    size_t i = class * FREE_FAULTS + fault;
    snprintf(spec[i], sizeof spec[i], "%s:%s", free_classes[class].class, free_faults[fault].fault);
    made[i] = (struct trial){
        .faults = spec[i], .kind = free_classes[class].kind, .status = free_faults[fault].status};
    add_trial(&made[i]);
}

#define UNDISTURBED 3

static void add_jobs(void)
{
    add_job("undisturbed", case_small, NULL);
    add_job("undisturbed openapi", case_small_openapi, NULL);
    add_job("undisturbed paged", case_paged, NULL);
    for (size_t i = 0; i < FREE_CLASSES * FREE_FAULTS; i++)
        add_free_trial(i / FREE_FAULTS, i % FREE_FAULTS);
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++)
        add_trial(&trials[i]);
    add_job("page:missing-2", case_missing, NULL);
    add_job("failed batch", case_failed, NULL);
    add_job("half-failed batch", case_half_failed, NULL);
    add_job("failed batch, interrupted", case_failed_interrupted, NULL);
    add_job("resubmit, not applied", case_resubmit_not_applied, NULL);
    add_job("resubmit, applied", case_resubmit_applied, NULL);
    add_job("skip", case_skip, NULL);
    add_job("resolve", case_resolve, NULL);
    add_job("resolve with a wrong id", case_resolve_wrong_id, NULL);
    add_job("foreign batch, hold", case_foreign_hold, NULL);
    add_job("foreign batch, resubmit", case_foreign_resubmit, NULL);
    add_job("max credits", case_max_credits, NULL);
    add_job("max credits in doubt", case_max_credits_in_doubt, NULL);
    add_job("max doubt", case_max_doubt, NULL);
    add_job("out of credits", case_out_of_credits, NULL);
    add_job("finish", case_finish, NULL);
    add_job("finish with a batch cut", case_finish_prepared, NULL);
    add_job("smaller batches", case_smaller_batches, NULL);
    add_job("frozen settings", case_frozen_settings, NULL);
    add_job("list changed", case_list_changed, NULL);
    add_job("leftovers", case_leftovers, NULL);
    add_job("wrong key", case_wrong_key, NULL);
    add_job("no key", case_no_key, NULL);
    add_job("unreachable", case_unreachable, NULL);
    add_job("unreachable submit", case_unreachable_submit, NULL);
    add_job("stopped", case_stopped, NULL);
    add_job("stopped submitting", case_stopped_submitting, NULL);
    add_job("stopped fetching", case_stopped_fetching, NULL);
    add_job("drained", case_drained, NULL);
    for (size_t i = 0; i < sizeof killings / sizeof *killings; i++)
        add_job(killings[i].name, run_killed, &killings[i]);
    for (size_t i = 0; i < sizeof storms / sizeof *storms; i++)
        add_job(storms[i].name, run_storm, &storms[i]);
    add_job("sandbox", case_sandbox, NULL);
}

/* In the job's own process. */
static void in_job(void **state)
{
    const struct job *j = *state;
    j->run(j->arg);
}

static int run_job(struct job *j)
{
    struct CMUnitTest test = {j->name, in_job, NULL, NULL, j};
    return _cmocka_run_group_tests(j->name, &test, 1, NULL, NULL);
}

static void launch(struct job *j)
{
    j->started = time(NULL);
    j->pid = fork();
    assert(j->pid >= 0);
    if (j->pid != 0)
        return;
    int fd = open(j->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        _exit(98);
    alarm(110);
    int failed = run_job(j);
    fflush(NULL);
    if (failed != 0)
        _exit(1); /* what a failed case leaves behind is no leak */
    exit(0);
}

static void reap(void)
{
    int status;
    pid_t pid = wait(&status);
    for (unsigned i = 0; i < job_count; i++) {
        if (jobs[i].ended || jobs[i].pid != pid)
            continue;
        jobs[i].ended = true;
        jobs[i].status = status;
        jobs[i].took_s = time(NULL) - jobs[i].started;
    }
}

static void run_jobs(unsigned from, unsigned to)
{
    unsigned running = 0;
    for (unsigned i = from; i < to; i++) {
        if (running == CASES_AT_ONCE) {
            reap();
            running--;
        }
        launch(&jobs[i]);
        running++;
    }
    while (running-- > 0)
        reap();
}

/* In the parent: how the job's process ended. */
static void ended_well(void **state)
{
    const struct job *j = *state;
    size_t len;
    if (j->took_s > 10)
        print_message("took %ld s\n", (long)j->took_s);
    if (j->ended && WIFEXITED(j->status) && WEXITSTATUS(j->status) == 0)
        return;
    char *log = read_file(j->log, &len);
    fprintf(stderr, "---- %s ----\n%s\n", j->name, log);
    free(log);
    fail_msg("%s: %s %d", j->name, WIFSIGNALED(j->status) ? "signal" : "exit status",
             WIFSIGNALED(j->status) ? WTERMSIG(j->status) : WEXITSTATUS(j->status));
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[CASES_MAX];
    strcpy(undisturbed_folder, "/tmp/tranche-undisturbed-XXXXXX");
    if (mkdtemp(undisturbed_folder) == NULL)
        return 99;
    setenv("ENRICHSO_API_KEY", KEY, 1);
    unsetenv("ENRICHSO_BASE_URL");
    add_jobs();
    unsigned count = 0;
    run_jobs(0, UNDISTURBED);
    if (argc == 1) {
        run_jobs(UNDISTURBED, job_count);
        for (unsigned i = 0; i < job_count; i++)
            tests[count++] = (struct CMUnitTest){jobs[i].name, ended_well, NULL, NULL, &jobs[i]};
    }
    for (unsigned i = 0; argc > 1 && i < job_count; i++)
        if (strcmp(jobs[i].name, argv[1]) == 0)
            tests[count++] = (struct CMUnitTest){jobs[i].name, in_job, NULL, NULL, &jobs[i]};
    int failed = _cmocka_run_group_tests("engine", tests, count, NULL, NULL);
    nftw(undisturbed_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return failed;
}
