/* Replies and callbacks that come empty, short, late or at the same moment, and what vendors say of
 * limits and people: whole runs against a vendor that follows a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>

#include "base/file.h"
#include "run/engine.h"
#include "run/run.h"
#include "run/totals.h"
#include "scripted_vendor.h"
#include "wire/digest.h"

#define KEY    "sandbox"
#define PEOPLE 8

/* ---- the stage ---- */

struct stage {
    char root[64], list[96], out[96], dir[96], words[96], address[32], callbacks[64];
    struct settings settings; /* of the next command */
    struct vendor vendor;
    struct ledger_batch batch[2 * PEOPLE + 1]; /* by their numbers */
    unsigned batches;
};

static void stage_settings(struct stage *s)
{
    settings_init(&s->settings);
    s->settings.progress = "none";
}

static void write_list(const struct stage *s)
{
    FILE *f = fopen(s->list, "w");
    assert_non_null(f);
    fputs("first name,last name,company,linkedin\n", f);
    for (unsigned i = 0; i < PEOPLE; i++)
        fprintf(f, "Ana%c,Berg,Acme,https://www.linkedin.com/in/ana-%u\n", 'a' + (int)i, i);
    assert_int_equal(fclose(f), 0);
}

static struct stage *stage_create(const char *operation,
                                  void (*script)(struct vendor *v, struct asked *a))
{
    struct stage *s = calloc(1, sizeof *s);
    uint16_t port = free_port();
    assert_non_null(s);
    strcpy(s->root, "/tmp/tranche-deliveries-XXXXXX");
    assert_non_null(mkdtemp(s->root));
    snprintf(s->list, sizeof s->list, "%s/people.csv", s->root);
    snprintf(s->out, sizeof s->out, "%s/out.ndjson", s->root);
    snprintf(s->dir, sizeof s->dir, "%s/out.ndjson.run", s->root);
    snprintf(s->words, sizeof s->words, "%s/said", s->root);
    snprintf(s->address, sizeof s->address, "127.0.0.1:%u", port);
    snprintf(s->callbacks, sizeof s->callbacks, "http://127.0.0.1:%u", port);
    setenv("XDG_STATE_HOME", s->root, 1);
    write_list(s);
    vendor_start(&s->vendor, script);
    stage_settings(s);
    s->settings.list = s->list;
    s->settings.output = s->out;
    s->settings.provider = operation;
    s->settings.base_url = s->vendor.url;
    s->settings.rate = "1000/s";
    s->settings.doubt_wait = 0;
    return s;
}

static void called(struct stage *s)
{
    s->settings.callback_url = s->callbacks;
    s->settings.callback_listen = s->address;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void stage_destroy(struct stage *s)
{
    vendor_stop(&s->vendor);
    nftw(s->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
}

/* What a command says on standard error goes to a file; the words of its error go there too. */
static void command(struct stage *s, bool resume, int want)
{
    struct error e = {0};
    int own = dup(2), fd = open(s->words, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    dup2(fd, 2);
    int status = resume ? run_resume(s->dir, &s->settings, &e) : run_start(&s->settings, &e);
    dprintf(2, "%s\n", e.message);
    dup2(own, 2);
    close(own);
    close(fd);
    if (status != want)
        fail_msg("%s ended with %d, not %d: %s", resume ? "resume" : "run", status, want,
                 e.message);
    stage_settings(s);
}

/* ---- what is there ---- */

static unsigned count_in(const char *path, const char *text)
{
    size_t len;
    char *data;
    struct error e = {0};
    unsigned count = 0;
    if (file_read_all(path, (size_t)16 << 20, &data, &len, &e) != 0)
        fail_msg("%s", e.message);
    for (const char *at = data; (at = memmem(at, len - (size_t)(at - data), text, strlen(text)));
         at += strlen(text))
        count++;
    free(data);
    return count;
}

/* Of the output. */
static unsigned outcomes(const struct stage *s, const char *outcome)
{
    char text[64];
    snprintf(text, sizeof text, "\"outcome\":\"%s\"", outcome);
    return count_in(s->out, text);
}

static unsigned reported(const struct stage *s, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/report.json", s->dir);
    return count_in(path, text);
}

static int see_batch(void *arg, const struct ledger_batch *b, struct error *e)
{
    struct stage *s = arg;
    (void)e;
    assert_true(s->batches < sizeof s->batch / sizeof s->batch[0]);
    s->batch[s->batches++] = *b;
    return 0;
}

static struct ledger *open_ledger(const struct stage *s)
{
    struct ledger *l;
    struct error e = {0};
    if (ledger_open(&l, s->dir, false, &e) != 0)
        fail_msg("%s", e.message);
    return l;
}

static void read_ledger(struct stage *s)
{
    struct error e = {0};
    struct ledger *l = open_ledger(s);
    s->batches = 0;
    assert_int_equal(ledger_each_batch(l, see_batch, s, &e), 0);
    ledger_close(l);
}

static void verify(struct stage *s)
{
    struct error e = {0};
    int own = dup(1), fd = open(s->words, O_WRONLY | O_APPEND | O_CLOEXEC);
    fflush(stdout);
    dup2(fd, 1);
    int status = run_verify(s->dir, false, &e);
    fflush(stdout);
    dup2(own, 1);
    close(own);
    close(fd);
    if (status != 0)
        fail_msg("verify is not clean: %s", e.message);
}

/* ---- replies that hold the results ---- */

static void prospiq_account(struct asked *a)
{
    snprintf(a->reply, sizeof a->reply, "{\"credits\":100000,\"plan\":\"growth\"}");
}

static void say_nothing(struct vendor *v, struct asked *a)
{
    (void)v;
    if (!a->post)
        prospiq_account(a);
}

static void say_no_rows(struct vendor *v, struct asked *a)
{
    (void)v;
    if (a->post)
        snprintf(a->reply, sizeof a->reply, "{\"status\":\"completed\",\"results\":[]}");
    else
        prospiq_account(a);
}

/* One of the eight is answered, and what it cost in all is not said. */
static void say_one_row(struct vendor *v, struct asked *a)
{
    (void)v;
    if (a->post)
        snprintf(a->reply, sizeof a->reply,
                 "{\"status\":\"completed\",\"results\":[{\"first_name\":\"Anaa\",\"last_name\":"
                 "\"Berg\",\"company\":\"Acme\",\"status\":\"NOT_FOUND\"}]}");
    else
        prospiq_account(a);
}

/* The vendor took the batch and may have charged for it: whatever is missing from its reply. */
static void is_in_doubt(void (*script)(struct vendor *v, struct asked *a))
{
    struct stage *s = stage_create("prospiq/enrich", script);
    char reserved[64];
    command(s, false, 1);
    read_ledger(s);
    assert_int_equal(s->vendor.posts, 1);
    assert_int_equal(s->batches, 1);
    assert_string_equal(s->batch[0].state, "IN_DOUBT");
    assert_int_equal(s->batch[0].credits, -1);
    assert_int_equal(s->batch[0].cost_max, PEOPLE);
    assert_int_equal(outcomes(s, "in_doubt"), PEOPLE);
    assert_int_equal(outcomes(s, "failed"), 0);
    snprintf(reserved, sizeof reserved, "\"spent\":0,\"reserved\":%d", PEOPLE);
    assert_int_equal(reported(s, reserved), 1);
    verify(s);
    /* It is decided by people alone: a resume asks nobody. */
    command(s, true, 1);
    assert_int_equal(s->vendor.posts, 1);
    stage_destroy(s);
}

static void an_empty_reply_is_a_doubt(void **state)
{
    (void)state;
    is_in_doubt(say_nothing);
}

static int see_end(void *arg, const struct ledger_attempt *a, struct error *e)
{
    char *end = arg;
    (void)e;
    snprintf(end, sizeof a->end, "%s", a->end);
    return 0;
}

/* From the first row that says how the submission ended: a process that dies behind that one must
 * not find a batch whose results are there, and none of them. */
static void an_empty_reply_is_never_an_accepted_one(void **state)
{
    (void)state;
    struct stage *s = stage_create("prospiq/enrich", say_nothing);
    struct ledger_attempt last = {0};
    struct error e = {0};
    command(s, false, 1);
    struct ledger *l = open_ledger(s);
    assert_int_equal(ledger_each_attempt(l, see_end, last.end, &e), 0);
    ledger_close(l);
    assert_string_equal(last.end, "in-doubt");
    stage_destroy(s);
}

/* Such a ledger is damaged: nobody's record ends as failed and free because of it. */
static void results_that_the_ledger_lacks_are_no_answer(void **state)
{
    (void)state;
    struct stage *s = stage_create("prospiq/enrich", say_nothing);
    struct error e = {0};
    command(s, false, 1);
    read_ledger(s);
    struct ledger *l = open_ledger(s);
    snprintf(s->batch[0].state, sizeof s->batch[0].state, "FETCHING");
    assert_int_equal(ledger_drop_conclusions(l, 1, &e), 1);
    assert_int_equal(ledger_put_batch(l, &s->batch[0], &e), 0);
    assert_int_equal(totals_start_over(l, &e), 0);
    assert_int_equal(ledger_set(l, LEDGER_KEY_STATE, SLICE_LIT("running"), &e), 0);
    ledger_close(l);
    command(s, true, 65);
    assert_true(count_in(s->words, "the ledger lacks the reply that batch 1 is made of") > 0);
    read_ledger(s);
    assert_string_equal(s->batch[0].state, "FETCHING");
    assert_int_equal(s->batch[0].credits, -1);
    stage_destroy(s);
}

static void a_reply_without_rows_and_price_is_a_doubt(void **state)
{
    (void)state;
    is_in_doubt(say_no_rows);
}

static void a_short_reply_without_its_price_is_a_doubt(void **state)
{
    (void)state;
    is_in_doubt(say_one_row);
}

/* ---- what a vendor says of people ---- */

#define NAMED "ana.berg@acme.example"

static void name_people(struct vendor *v, struct asked *a)
{
    if (!a->post) {
        prospiq_account(a);
        return;
    }
    a->status = (unsigned)v->act;
    snprintf(a->reply, sizeof a->reply, "{\"message\":\"Contact Ana Berg <" NAMED "> is wrong\"}");
}

/* Of everything in the run directory but the ledger. */
static void names_nobody(const struct stage *s, const char *but)
{
    struct dirent *entry;
    DIR *d = opendir(s->dir);
    assert_non_null(d);
    while ((entry = readdir(d)) != NULL) {
        char path[512];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", s->dir, entry->d_name);
        if (strncmp(entry->d_name, "ledger.", 7) == 0 || strcmp(entry->d_name, but) == 0 ||
            stat(path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (count_in(path, NAMED) > 0)
            fail_msg("%s names people", entry->d_name);
    }
    closedir(d);
    assert_int_equal(count_in(s->words, NAMED), 0);
    assert_int_equal(count_in(s->words, "Ana Berg"), 0);
}

static void words_about_people_stay_in_the_run(void **state)
{
    (void)state;
    struct stage *s = stage_create("prospiq/enrich", name_people);
    char path[128];
    s->vendor.act = 404;
    command(s, false, 69);
    names_nobody(s, "refusal.txt");
    assert_true(count_in(s->words, "HTTP 404") > 0);
    assert_true(count_in(s->words, "refusal.txt") > 0);
    snprintf(path, sizeof path, "%s/refusal.txt", s->dir);
    assert_int_equal(count_in(path, NAMED), 1);
    stage_destroy(s);
}

static void words_about_people_stay_in_the_ledger(void **state)
{
    (void)state;
    struct stage *s = stage_create("prospiq/enrich", name_people);
    s->vendor.act = 500;
    command(s, false, 1);
    names_nobody(s, "");
    assert_true(count_in(s->words, "is in doubt: HTTP 500") > 0);
    read_ledger(s);
    assert_non_null(strstr(s->batch[0].note, NAMED));
    stage_destroy(s);
}

/* ---- limits that a vendor names ---- */

enum { BEFORE, AFTER };

/* One an hour, it says once; then it takes everything, and calls back before it replies. */
static void name_limits(struct vendor *v, struct asked *a)
{
    char url[512], profile[256], body[1024];
    if (!a->post) {
        snprintf(a->reply, sizeof a->reply, "{\"credit_balance\":1000}");
        return;
    }
    if (v->act == BEFORE) {
        v->act = AFTER;
        a->status = 429;
        snprintf(a->reply, sizeof a->reply,
                 "{\"message\":\"Too many\",\"limits\":{\"perHour\":1}}");
        return;
    }
    text_after(a->body, "\"callbackUrl\":\"", url, sizeof url);
    text_after(a->body, "\"linkedin_url\":\"", profile, sizeof profile);
    snprintf(
        body, sizeof body,
        "{\"credit_used\":1,\"contact\":{\"linkedin_url\":\"%s\","
        "\"most_probable_email\":\"a@acme.example\",\"most_probable_email_status\":\"valid\"}}",
        profile);
    call_back(url, "", body);
    snprintf(a->reply, sizeof a->reply, "{\"jobId\":\"j%u\"}", (unsigned)v->posts);
}

/* max_wait: the hour that the vendor names is more than the run would wait for. */
static void a_rate_that_is_given_rules(void **state)
{
    (void)state;
    struct stage *s = stage_create("zeliq/email", name_limits);
    called(s);
    s->settings.concurrency = "1"; /* those under way know nothing of a reply to come */
    s->settings.max_wait = 60000;
    command(s, false, 0);
    assert_int_equal(outcomes(s, "found"), PEOPLE);
    assert_int_equal(s->vendor.posts, PEOPLE + 1);
    stage_destroy(s);
}

static void without_one_the_vendor_rules(void **state)
{
    (void)state;
    struct stage *s = stage_create("zeliq/email", name_limits);
    called(s);
    s->settings.concurrency = "1"; /* those under way know nothing of a reply to come */
    s->settings.max_wait = 60000;
    s->settings.rate = NULL;
    command(s, false, 75);
    assert_true(s->vendor.posts <= 2 + 1); /* one an hour, and what was under way */
    stage_destroy(s);
}

/* ---- reveals ---- */

#define REVEALS "/api/individual_reveals"

/* As text: a reveal that goes on ("queued"), one that did not run ("failed"), and one that found
 * somebody ("finished"). */
static void write_reveal(const char *status, unsigned id, char *out, size_t size)
{
    static const char ended[] = "\"status\":\"failed\",\"fail_error\":\"billing_issue\","
                                "\"is_complete\":true";
    static const char found[] = "\"status\":\"finished\",\"is_complete\":true,"
                                "\"email\":\"a@acme.example\",\"email_status\":\"valid\"";
    char other[64];
    snprintf(other, sizeof other, "\"status\":\"%s\",\"is_complete\":false", status);
    snprintf(out, size, "{\"status\":{\"code\":200},\"data\":{\"id\":%u,%s}}", id,
             strcmp(status, "failed") == 0     ? ended
             : strcmp(status, "finished") == 0 ? found
                                               : other);
}

/* The number of the reveal, whose address to call back to is that of its place. */
static unsigned take_reveal(struct vendor *v, const struct asked *a)
{
    unsigned place = v->calls++ % PEOPLE;
    text_after(a->body, "\"callback_url\":\"", v->called[place], sizeof v->called[place]);
    return 100 + v->calls - 1;
}

/* Until it is paid, each reveal is called back as one that did not run, and the poll that was under
 * way meanwhile says the same. */
static void refuse_twice(struct vendor *v, struct asked *a)
{
    uint8_t digest[DIGEST_LEN];
    char auth[DIGEST_HEX_LEN + 1], header[128], body[512];
    unsigned id = 0;
    if (a->post) {
        write_reveal("queued", take_reveal(v, a), a->reply, sizeof a->reply);
        return;
    }
    if (sscanf(a->path, REVEALS "/%u", &id) != 1) {
        snprintf(a->reply, sizeof a->reply, "{\"credits\":{\"api_credits\":%d}}",
                 v->act == AFTER || v->calls == 0 ? 1000 : 0);
        return;
    }
    write_reveal(v->act == AFTER ? "finished" : "failed", id, a->reply, sizeof a->reply);
    if (v->act == AFTER)
        return;
    digest_sha256(SLICE_LIT(KEY), digest);
    digest_hex(digest, sizeof digest, auth);
    snprintf(header, sizeof header, "x-auth-key: %s\r\n", auth);
    write_reveal("failed", id, body, sizeof body);
    call_back(v->called[(id - 100) % PEOPLE], header, body);
}

static void callback_and_poll_let_a_record_go_once(void **state)
{
    (void)state;
    struct stage *s = stage_create("wiza/reveal", refuse_twice);
    called(s);
    s->settings.clock_speed = 200;
    command(s, false, 75);
    assert_true(count_in(s->words, "out of credits") > 0);
    s->vendor.act = AFTER; /* paid */
    command(s, true, 0);
    assert_int_equal(outcomes(s, "found"), PEOPLE);
    assert_int_equal(reported(s, "\"spent\":16,\"reserved\":0"), 1);
    verify(s);
    stage_destroy(s);
}

/* Nobody's reveal ends before the run has stopped waiting for it. */
static void answer_late(struct vendor *v, struct asked *a)
{
    unsigned id = 0;
    if (a->post)
        write_reveal("queued", 100 + v->calls++, a->reply, sizeof a->reply);
    else if (sscanf(a->path, REVEALS "/%u", &id) == 1)
        write_reveal(v->act == AFTER ? "finished" : "resolving", id, a->reply, sizeof a->reply);
    else
        snprintf(a->reply, sizeof a->reply, "{\"credits\":{\"api_credits\":1000}}");
}

/* The first thing that a resume does, and nothing after it. */
static void reopen_and_die(struct stage *s)
{
    struct engine *g = calloc(1, sizeof *g);
    struct settings settings;
    struct error e = {0};
    struct buf now;
    assert_non_null(g);
    settings_init(&settings);
    settings.list = s->list;
    settings.output = s->out;
    settings.provider = "wiza/reveal";
    settings.base_url = s->vendor.url;
    settings.clock_speed = 1000;
    assert_int_equal(settings_resolve(&settings, &g->setup, &e), 0);
    g->ledger = open_ledger(s);
    assert_true(doubt_reopen(g, &e) >= 0);
    buf_init(&now, 64);
    assert_int_equal(ledger_get(g->ledger, LEDGER_KEY_STATE, &now, &e), 1);
    assert_string_equal(buf_text(&now), "running");
    buf_deinit(&now);
    ledger_close(g->ledger);
    free(g);
}

static void in_doubt_with_an_id(struct stage *s)
{
    s->settings.clock_speed = 1000;
    command(s, false, 1);
    read_ledger(s);
    assert_int_equal(s->batches, PEOPLE);
    for (unsigned i = 0; i < PEOPLE; i++) {
        assert_string_equal(s->batch[i].state, "IN_DOUBT");
        assert_true(s->batch[i].vendor_id[0] != '\0');
    }
    assert_int_equal(outcomes(s, "in_doubt"), PEOPLE);
}

static void doubts_that_were_reopened_are_looked_at(void **state)
{
    (void)state;
    struct stage *s = stage_create("wiza/reveal", answer_late);
    in_doubt_with_an_id(s);
    s->vendor.act = AFTER;
    reopen_and_die(s);
    command(s, true, 0);
    assert_int_equal(s->vendor.posts, PEOPLE);
    assert_int_equal(outcomes(s, "found"), PEOPLE);
    assert_int_equal(outcomes(s, "in_doubt"), 0);
    assert_int_equal(reported(s, "\"spent\":16,\"reserved\":0"), 1);
    verify(s);
    stage_destroy(s);
}

/* ... and where the vendor still has nothing, they are as they were, once more. */
static void doubts_stay_however_often_they_are_reopened(void **state)
{
    (void)state;
    struct stage *s = stage_create("wiza/reveal", answer_late);
    in_doubt_with_an_id(s);
    reopen_and_die(s);
    reopen_and_die(s);
    command(s, true, 1);
    assert_int_equal(outcomes(s, "in_doubt"), PEOPLE);
    verify(s);
    s->vendor.act = AFTER;
    command(s, true, 0);
    assert_int_equal(outcomes(s, "found"), PEOPLE);
    assert_int_equal(s->vendor.posts, PEOPLE);
    verify(s);
    stage_destroy(s);
}

/* A reveal is first looked at after 10 s of its clock, here 1 s: no quota is waited for so long. */
static void the_next_look_is_no_quota(void **state)
{
    (void)state;
    struct stage *s = stage_create("wiza/reveal", answer_late);
    s->vendor.act = AFTER;
    s->settings.clock_speed = 10;
    s->settings.max_wait = 100;
    command(s, false, 0);
    assert_int_equal(outcomes(s, "found"), PEOPLE);
    stage_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_reply_is_a_doubt),
        cmocka_unit_test(an_empty_reply_is_never_an_accepted_one),
        cmocka_unit_test(results_that_the_ledger_lacks_are_no_answer),
        cmocka_unit_test(a_reply_without_rows_and_price_is_a_doubt),
        cmocka_unit_test(a_short_reply_without_its_price_is_a_doubt),
        cmocka_unit_test(words_about_people_stay_in_the_run),
        cmocka_unit_test(words_about_people_stay_in_the_ledger),
        cmocka_unit_test(a_rate_that_is_given_rules),
        cmocka_unit_test(without_one_the_vendor_rules),
        cmocka_unit_test(callback_and_poll_let_a_record_go_once),
        cmocka_unit_test(doubts_that_were_reopened_are_looked_at),
        cmocka_unit_test(doubts_stay_however_often_they_are_reopened),
        cmocka_unit_test(the_next_look_is_no_quota),
    };
    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"PROSPIQ", "WIZA", "ZELIQ"};
        char name[32];
        snprintf(name, sizeof name, "%s_API_KEY", names[i]);
        setenv(name, KEY, 1);
        snprintf(name, sizeof name, "%s_BASE_URL", names[i]);
        unsetenv(name);
    }
    return cmocka_run_group_tests_name("deliveries", tests, NULL, NULL);
}
