/* A run and its vendor in one process: real files in a folder of their own, the simulator in a
 * thread, and the judge: the simulator's account held against the run's ledger and output.
 *
 * For test_engine.c alone. Everything asserts; nothing returns an error. */
#ifndef TRANCHE_TESTS_ENGINE_FIXTURE_H
#define TRANCHE_TESTS_ENGINE_FIXTURE_H

#include <curl/curl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/ledger.h"
#include "record/outcome.h"
#include "run/run.h"
#include "run/settings.h"
#include "sim/sim.h"
#include "wire/json.h"

#define KEY           "sk_engine_test_0123456789"
#define STAGE_BATCHES 1024
#define STAGE_POSTS   4096

enum stage_list { LIST_SMALL, LIST_PAGED };

/* What the vendor's account says. */
struct vendor_batch {
    char id[40], body[65];
    int64_t items, charged;
    bool settled;
};
struct vendor_post {
    char body[65];
    int64_t status;
    bool accepted;
};
struct account_view {
    int64_t spent, reserved, balance, polls;
    unsigned batches, posts;
    struct vendor_batch batch[STAGE_BATCHES];
    struct vendor_post post[STAGE_POSTS];
};

/* What the ledger says. */
struct ledger_view {
    int64_t spent;
    unsigned batches, doubts, attempts;
    struct ledger_batch batch[STAGE_BATCHES];
    struct ledger_attempt attempt[STAGE_POSTS];
};

struct stage {
    char root[64], list[96], out[96], dir[96], vendor[96], url[128], host[64];
    enum stage_list kind;
    uint32_t records;
    struct sim_options options;
    struct sim *sim;
    struct settings settings; /* of the next command */
    struct error error;       /* of the last one */
    struct json *json;
    struct account_view account;
    struct ledger_view ledger;
    uint64_t outcomes[OUTCOME_COUNT]; /* of the output */
};

/* ---- the list ---- */

/* Rows of every kind: asked, invalid, repeated within a shard and across shards, known to the
 * vendor and not. */
static void write_row(FILE *f, uint32_t i, const char *domain)
{
    uint32_t of = i > 4200 && i % 20 == 13 ? i - 4200 : i % 40 == 11 ? i - 10 : i;
    const char *last = of % 50 == 7 ? "" : of % 17 == 2 ? "Özgür" : "Berg";
    char own[64];
    snprintf(own, sizeof own, "c%u.example", of % 97);
    if (domain == NULL)
        domain = of % 31 == 3 ? "nobody.example" : of % 29 == 5 ? "everybody.example" : own;
    fprintf(f, "%u,%s%u,%s%s,%s\n", i, of == i ? "Ana" : "ANA", of, last, of == i ? "" : " ",
            domain);
}

/* bad: that many records, evenly spread, have this domain. */
static void write_list(struct stage *s, const char *bad_domain, uint32_t bad)
{
    FILE *f = fopen(s->list, "w");
    assert_non_null(f);
    fputs("id,first name,last name,website\n", f);
    for (uint32_t i = 1; i <= s->records; i++)
        write_row(f, i, bad > 0 && i % (s->records / bad) == 2 ? bad_domain : NULL);
    assert_int_equal(fclose(f), 0);
}

/* ---- the vendor ---- */

static void vendor_start(struct stage *s)
{
    if (sim_start(&s->sim, &s->options, &s->error) != 0)
        fail_msg("%s", s->error.message);
    snprintf(s->host, sizeof s->host, "http://127.0.0.1:%u", sim_port(s->sim));
    snprintf(s->url, sizeof s->url, "%s/enrichso", s->host);
    s->settings.base_url = s->url;
}

static void vendor_stop(struct stage *s)
{
    sim_stop(s->sim);
    s->sim = NULL;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    buf_append(arg, data, size * count);
    return size * count;
}

/* One request to the simulator; body NULL: a GET. */
static void vendor_ask(struct stage *s, const char *path, const char *body, struct buf *reply)
{
    char url[1024];
    long status = 0;
    CURL *c = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "x-api-key: " KEY);
    assert_non_null(c);
    snprintf(url, sizeof url, "%s%s", s->host, path);
    buf_init(reply, (size_t)64 << 20);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, reply);
    if (body != NULL) {
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
    }
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    curl_slist_free_all(headers);
    if (rc != CURLE_OK || status != 200)
        fail_msg("%s: %s, HTTP %ld: %s", path, curl_easy_strerror(rc), status, buf_text(reply));
}

static void vendor_faults(struct stage *s, const char *spec)
{
    char path[512];
    struct buf reply, query;
    buf_init(&query, sizeof path);
    http_encode_query(&query, slice_of(spec));
    snprintf(path, sizeof path, "/sim/enrichso/faults?set=%s", buf_text(&query));
    vendor_ask(s, path, "", &reply);
    buf_deinit(&reply);
    buf_deinit(&query);
}

static void vendor_topup(struct stage *s, int64_t credits)
{
    char path[64];
    struct buf reply;
    snprintf(path, sizeof path, "/sim/enrichso/topup?credits=%" PRId64, credits);
    vendor_ask(s, path, "", &reply);
    buf_deinit(&reply);
}

static void copy_text(struct json_value v, const char *key, char *out, size_t size)
{
    struct slice text = SLICE_EMPTY;
    json_get_string(v, key, &text);
    assert_true(text.len < size);
    snprintf(out, size, "%.*s", SLICE_ARG(text));
}

/* A batch of somebody else's. */
static void vendor_submit(struct stage *s, const char *body, char id[40])
{
    struct json_value root, data;
    struct buf reply;
    vendor_ask(s, "/enrichso/api/v3/email-finder/batch", body, &reply);
    assert_int_equal(json_parse(s->json, buf_slice(&reply), &root, &s->error), 0);
    assert_true(json_get(root, "data", &data));
    copy_text(data, "batchId", id, 40);
    buf_deinit(&reply);
}

static int64_t number_in(struct json_value v, const char *path)
{
    struct json_value at;
    int64_t n = 0;
    if (!json_path(v, path, &at) || !json_int(at, &n))
        fail_msg("the account has no %s", path);
    return n;
}

static void read_account(struct stage *s)
{
    struct account_view *a = &s->account;
    struct json_value root, list;
    struct json_walk w;
    struct buf reply;
    memset(a, 0, sizeof *a);
    vendor_ask(s, "/sim/enrichso/account", NULL, &reply);
    assert_int_equal(json_parse(s->json, buf_slice(&reply), &root, &s->error), 0);
    a->spent = number_in(root, "spent");
    a->reserved = number_in(root, "reserved");
    a->balance = number_in(root, "balance");
    a->polls = number_in(root, "requests.poll");
    assert_int_equal(number_in(root, "posts_forgotten"), 0);
    assert_true(json_get(root, "submissions", &list));
    for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w)) {
        assert_true(a->batches < STAGE_BATCHES);
        struct vendor_batch *b = &a->batch[a->batches++];
        copy_text(w.value, "id", b->id, sizeof b->id);
        copy_text(w.value, "body_sha256", b->body, sizeof b->body);
        b->items = number_in(w.value, "items");
        b->charged = number_in(w.value, "charged");
        json_get_bool(w.value, "settled", &b->settled);
    }
    assert_true(json_get(root, "posts", &list));
    for (bool more = json_walk_begin(&w, list); more; more = json_walk_next(&w)) {
        assert_true(a->posts < STAGE_POSTS);
        struct vendor_post *p = &a->post[a->posts++];
        copy_text(w.value, "body_sha256", p->body, sizeof p->body);
        p->status = number_in(w.value, "status");
        json_get_bool(w.value, "accepted", &p->accepted);
    }
    buf_deinit(&reply);
}

/* ---- the ledger ---- */

static int see_batch(void *arg, const struct ledger_batch *b, struct error *e)
{
    struct ledger_view *v = arg;
    (void)e;
    assert_true(v->batches < STAGE_BATCHES);
    v->batch[v->batches++] = *b;
    v->doubts += strcmp(b->state, "IN_DOUBT") == 0 || strcmp(b->state, "SENDING") == 0;
    v->spent += b->credits > 0 ? b->credits : 0;
    return 0;
}

static int see_attempt(void *arg, const struct ledger_attempt *a, struct error *e)
{
    struct ledger_view *v = arg;
    (void)e;
    assert_true(v->attempts < STAGE_POSTS);
    v->attempt[v->attempts++] = *a;
    return 0;
}

static void read_ledger(struct stage *s)
{
    struct ledger *l;
    memset(&s->ledger, 0, sizeof s->ledger);
    if (ledger_open(&l, s->dir, false, &s->error) != 0)
        fail_msg("%s", s->error.message);
    assert_int_equal(ledger_each_batch(l, see_batch, &s->ledger, &s->error), 0);
    assert_int_equal(ledger_each_attempt(l, see_attempt, &s->ledger, &s->error), 0);
    ledger_close(l);
}

/* ---- the stage ---- */

static void stage_settings(struct stage *s)
{
    settings_init(&s->settings);
    s->settings.progress = "none";
    s->settings.quiet = 1;
    s->settings.base_url = s->url[0] ? s->url : NULL;
}

/* A stage with its list and settings for a first run; the vendor is not started yet. */
static struct stage *stage_create(enum stage_list kind)
{
    struct stage *s = calloc(1, sizeof *s);
    assert_non_null(s);
    strcpy(s->root, "/tmp/tranche-engine-XXXXXX");
    assert_non_null(mkdtemp(s->root));
    snprintf(s->list, sizeof s->list, "%s/people.csv", s->root);
    snprintf(s->out, sizeof s->out, "%s/out.ndjson", s->root);
    snprintf(s->dir, sizeof s->dir, "%s/out.ndjson.run", s->root);
    snprintf(s->vendor, sizeof s->vendor, "%s/vendor", s->root);
    s->kind = kind;
    s->records = kind == LIST_SMALL ? 600 : 5000;
    s->json = json_create(16);
    s->options = (struct sim_options){.address = "127.0.0.1",
                                      .key = KEY,
                                      .seed = 7,
                                      .folder = s->vendor,
                                      .tier = "unlimited",
                                      .balance = 1000000,
                                      .found_percent = 60,
                                      .shuffle = true};
    write_list(s, NULL, 0);
    stage_settings(s);
    s->settings.list = s->list;
    s->settings.output = s->out;
    s->settings.provider = "enrichso/email-finder";
    s->settings.batch_size = kind == LIST_SMALL ? "200" : "2300";
    s->settings.rate = "1000/s";
    s->settings.doubt_wait = 0;
    return s;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void stage_destroy(struct stage *s)
{
    vendor_stop(s);
    json_destroy(s->json);
    nftw(s->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(s);
}

/* ---- commands ---- */

static void expect_status(struct stage *s, const char *command, int status, int want)
{
    if (status != want)
        fail_msg("%s ended with %d, not %d: %s", command, status, want, s->error.message);
}

static int stage_start(struct stage *s)
{
    s->error = (struct error){0};
    return run_start(&s->settings, &s->error);
}

static int stage_resume(struct stage *s)
{
    s->error = (struct error){0};
    return run_resume(s->dir, &s->settings, &s->error);
}

static void start(struct stage *s, int want)
{
    expect_status(s, "run", stage_start(s), want);
    stage_settings(s);
}

static void resume(struct stage *s, int want)
{
    expect_status(s, "resume", stage_resume(s), want);
    stage_settings(s);
}

static void resolve(struct stage *s, uint32_t batch, const char *choice, int want)
{
    s->error = (struct error){0};
    expect_status(s, "resolve", run_resolve(s->dir, batch, choice, false, &s->error), want);
}

static void verify(struct stage *s)
{
    s->error = (struct error){0};
    fflush(stdout);
    expect_status(s, "verify", run_verify(s->dir, false, &s->error), 0);
}

/* Each batch in doubt is decided by what the account says of its body. */
static void resolve_by_account(struct stage *s)
{
    char choice[64];
    read_account(s);
    read_ledger(s);
    for (unsigned i = 0; i < s->ledger.batches; i++) {
        const struct ledger_batch *b = &s->ledger.batch[i];
        if (strcmp(b->state, "IN_DOUBT") != 0 && strcmp(b->state, "SENDING") != 0)
            continue;
        snprintf(choice, sizeof choice, "not-sent");
        for (unsigned k = 0; k < s->account.batches; k++)
            if (strcmp(s->account.batch[k].body, b->body_sha256) == 0)
                snprintf(choice, sizeof choice, "sent=%s", s->account.batch[k].id);
        resolve(s, b->id, choice, 0);
    }
}

/* ---- the judge ---- */

static char *read_file(const char *path, size_t *len)
{
    char *data;
    struct error e = {0};
    if (file_read_all(path, (size_t)256 << 20, &data, len, &e) != 0)
        fail_msg("%s", e.message);
    return data;
}

/* Every record once, in order, each with one outcome. */
static void check_conservation(struct stage *s)
{
    size_t len;
    char *data = read_file(s->out, &len);
    uint32_t record = 0;
    memset(s->outcomes, 0, sizeof s->outcomes);
    for (char *line = data, *end; line < data + len; line = end + 1) {
        struct json_value root;
        struct slice name;
        int64_t number;
        end = memchr(line, '\n', (size_t)(data + len - line));
        assert_non_null(end);
        struct slice text = {line, (size_t)(end - line)};
        assert_int_equal(json_parse(s->json, text, &root, &s->error), 0);
        assert_true(json_get_int(root, "record", &number));
        assert_int_equal(number, ++record);
        assert_true(json_get_string(root, "outcome", &name));
        int outcome = outcome_find(name);
        assert_true(outcome > OUTCOME_NONE);
        s->outcomes[outcome]++;
    }
    assert_int_equal(record, s->records);
    free(data);
}

/* Attempts that reached the vendor, by the ledger; of one body, or all. */
static unsigned attempts_of(const struct stage *s, const char *body)
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->ledger.attempts; i++) {
        const struct ledger_attempt *a = &s->ledger.attempt[i];
        count +=
            strcmp(a->end, "not-sent") != 0 && (body == NULL || strcmp(a->body_sha256, body) == 0);
    }
    return count;
}

/* Each body that came to the vendor was armed first, and as often. killed: what was armed may not
 * have left. */
static void check_recorded(struct stage *s, bool killed)
{
    for (unsigned i = 0; i < s->account.posts; i++) {
        const char *body = s->account.post[i].body;
        unsigned posts = 0, attempts = attempts_of(s, body);
        for (unsigned k = 0; k < s->account.posts; k++)
            posts += strcmp(s->account.post[k].body, body) == 0;
        if (killed ? posts > attempts : posts != attempts)
            fail_msg("%u requests with body %s, and %u in the ledger", posts, body, attempts);
    }
    if (killed ? s->account.posts > attempts_of(s, NULL) : s->account.posts != attempts_of(s, NULL))
        fail_msg("%u submissions, and %u in the ledger", s->account.posts, attempts_of(s, NULL));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* No question was accepted twice by the vendor, in whatever batches. */
static void check_single_spend(struct stage *s)
{
    struct buf all;
    char **line = calloc((size_t)s->records * 4 + 1, sizeof *line);
    size_t count = 0;
    assert_non_null(line);
    buf_init(&all, (size_t)64 << 20);
    for (unsigned i = 0; i < s->account.batches; i++) {
        char path[128];
        struct buf reply;
        snprintf(path, sizeof path, "/sim/enrichso/account/identities?id=%s", s->account.batch[i].id);
        vendor_ask(s, path, NULL, &reply);
        buf_append_slice(&all, buf_slice(&reply));
        buf_deinit(&reply);
    }
    buf_append_char(&all, '\0');
    for (char *at = strtok(all.data, "\n"); at != NULL; at = strtok(NULL, "\n")) {
        assert_true(count < (size_t)s->records * 4);
        line[count++] = at;
    }
    qsort(line, count, sizeof *line, by_text);
    for (size_t i = 1; i < count; i++)
        if (strcmp(line[i - 1], line[i]) == 0)
            fail_msg("submitted twice: %s", line[i]);
    free(line);
    buf_deinit(&all);
}

/* What the vendor has is known by its id, or is in doubt; and what is in doubt was posted. */
static void check_doubts(struct stage *s)
{
    for (unsigned i = 0; i < s->account.batches; i++) {
        bool known = false;
        for (unsigned k = 0; k < s->ledger.batches; k++) {
            const struct ledger_batch *b = &s->ledger.batch[k];
            bool in_doubt = strcmp(b->state, "IN_DOUBT") == 0 || strcmp(b->state, "SENDING") == 0;
            known = known || strcmp(b->vendor_id, s->account.batch[i].id) == 0 ||
                    (in_doubt && strcmp(b->body_sha256, s->account.batch[i].body) == 0);
        }
        if (!known)
            fail_msg("the vendor's batch %s is unknown to the ledger", s->account.batch[i].id);
    }
}

/* The promises that hold whenever no process is at the run. */
static void judge(struct stage *s)
{
    read_account(s);
    read_ledger(s);
    check_recorded(s, false);
    check_single_spend(s);
    check_doubts(s);
}

/* What runs that nothing disturbed left, for all cases to be held against. */
static char undisturbed_folder[64];

static void undisturbed_path(const struct stage *s, const char *what, char path[128])
{
    snprintf(path, 128, "%s/%d-%d-%s", undisturbed_folder, (int)s->kind, s->options.openapi, what);
}

/* Keep this run's output and price as the undisturbed ones. */
static void keep_undisturbed(struct stage *s)
{
    char path[128], spent[32];
    size_t len;
    char *data = read_file(s->out, &len);
    undisturbed_path(s, "output", path);
    assert_int_equal(file_replace(path, (struct slice){data, len}, false, &s->error), 0);
    snprintf(spent, sizeof spent, "%" PRId64, s->account.spent);
    undisturbed_path(s, "spent", path);
    assert_int_equal(file_replace(path, slice_of(spent), false, &s->error), 0);
    free(data);
}

static int64_t undisturbed_spent(const struct stage *s)
{
    char path[128];
    size_t len;
    undisturbed_path(s, "spent", path);
    char *text = read_file(path, &len);
    int64_t spent = strtoll(text, NULL, 10);
    free(text);
    return spent;
}

/* The output against that of a run that nothing disturbed: `lost` records of it may have failed. */
static void check_output(struct stage *s, unsigned lost)
{
    size_t len, want_len;
    char path[128];
    undisturbed_path(s, "output", path);
    char *data = read_file(s->out, &len);
    char *want = read_file(path, &want_len);
    unsigned differ = 0;
    char *line = data, *other = want;
    while (line < data + len && other < want + want_len) {
        char *end = strchr(line, '\n'), *other_end = strchr(other, '\n');
        *end = *other_end = '\0';
        if (strcmp(line, other) != 0) {
            differ++;
            if (lost == 0 || strstr(line, "\"outcome\":\"failed\"") == NULL)
                fail_msg("the output differs:\n%s\nnot\n%s", line, other);
        }
        line = end + 1;
        other = other_end + 1;
    }
    assert_int_equal(line - data, (ptrdiff_t)len);
    assert_int_equal(other - want, (ptrdiff_t)want_len);
    assert_int_equal(differ, lost);
    free(data);
    free(want);
}

/* At the end of a run with nothing in doubt: what was paid is what is known, and all is there. */
static void judge_end(struct stage *s)
{
    judge(s);
    assert_int_equal(s->ledger.doubts, 0);
    assert_int_equal(s->account.reserved, 0);
    assert_int_equal(s->ledger.spent, s->account.spent);
    check_conservation(s);
    verify(s);
}

#endif
