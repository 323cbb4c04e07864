/* Keeps the account: its state is what the lines of the journal add up to.
 *
 * Each change makes a line and is applied by the same function that applies it when the journal is
 * read again, so that a simulator started again has the same balance, batches, jobs and times.
 *
 * 1. granted = available + reserved + spent.
 * 2. A batch is reserved once and settled at most once; what it charges is at most what it
 *    reserved. A job likewise, with its price.
 * 3. The items of a batch are durable before the line that names them is written.
 *
 * The lines: open {nonce, balance}, submit, settle, answers, job, done, called, refused, topup, and
 * note, which is the vendor's own. That a job has begun is not written: after a restart it begins
 * anew. Killed between a change and its sync: the change was never told to anyone, and is gone. One
 * thread. */
#include "sim/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "sim/journal.h"
#include "sim/lines.h"
#include "sim/ring.h"
#include "sim/vendor.h"
#include "wire/json.h"
#include "wire/json_write.h"

#define JOURNAL_VERSION 2
#define DEPTH_MAX       8
#define SERVICES_MAX    8

/* Answers whose line is being written. */
struct answering {
    struct account_post post;
    uint64_t count;
    int64_t credits;
};

struct account {
    const struct vendor *vendor;
    int lock;
    struct items *items;
    struct journal *journal;
    struct json *json;
    bool opened; /* the open line was seen */
    bool unwritten, undurable;
    uint32_t nonce;
    int64_t granted, reserved, spent;
    struct account_batch **batch;
    uint32_t batches, batch_places;
    struct account_job **job;
    uint64_t jobs, job_places;
    struct account_work work;
    struct account_singles singles[SERVICES_MAX];
    struct answering answering;
    struct ring posts, transactions;
};

/* The simulator has nothing sensible to do without memory for its account. */
static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* ---- lines ---- */

static struct buf *line_begin(struct account *a, bool *first, const char *event, bool durable)
{
    struct buf *out = journal_pending(a->journal);
    a->unwritten = true;
    a->undurable |= durable;
    buf_append_char(out, '{');
    *first = true;
    json_write_member_string(out, first, "event", slice_of(event));
    return out;
}

static void line_end(struct buf *out)
{
    buf_append_text(out, "}\n");
}

/* ---- what a line does ---- */

static void apply_move(struct account *a, enum account_move move, int64_t amount, int64_t at_ms,
                       int64_t batch)
{
    struct account_transaction *t = ring_push(&a->transactions);
    *t = (struct account_transaction){move, amount, account_available(a), at_ms, batch};
}

static void apply_post(struct account *a, const struct account_post *post)
{
    *(struct account_post *)ring_push(&a->posts) = *post;
}

static struct account_batch *apply_submit(struct account *a, const struct account_batch *b,
                                          const struct account_post *post)
{
    if (a->batches == a->batch_places) {
        a->batch_places = a->batch_places ? a->batch_places * 2 : 16;
        a->batch = must(realloc(a->batch, a->batch_places * sizeof(struct account_batch *)));
    }
    struct account_batch *own = must(malloc(sizeof *own));
    struct account_post p = *post;
    *own = *b;
    p.accepted = true;
    p.batch = a->batches;
    a->batch[a->batches++] = own;
    a->reserved += b->reserved;
    apply_move(a, MOVE_DEDUCTION, -b->reserved, b->at_ms, p.batch);
    apply_post(a, &p);
    return own;
}

/* From the last: those that are asked for are mostly young. */
static uint32_t batch_number(const struct account *a, const char *id)
{
    for (uint32_t i = a->batches; i > 0; i--)
        if (strcmp(a->batch[i - 1]->id, id) == 0)
            return i - 1;
    return UINT32_MAX;
}

static void apply_settle(struct account *a, uint32_t number, int64_t charged, int64_t at_ms)
{
    struct account_batch *b = a->batch[number];
    b->settled = true;
    b->charged = charged;
    a->reserved -= b->reserved;
    a->spent += charged;
    if (charged < b->reserved)
        apply_move(a, MOVE_REFUND, b->reserved - charged, at_ms, number);
}

static void apply_answers(struct account *a, const struct account_post *post, uint64_t count,
                          int64_t credits)
{
    struct account_post p = *post;
    struct account_singles *singles = &a->singles[p.service - a->vendor->services];
    p.accepted = true;
    p.single = true;
    p.credits = credits;
    singles->count += count;
    singles->credits += credits;
    a->spent += credits;
    if (credits > 0)
        apply_move(a, MOVE_DEDUCTION, -credits, p.at_ms, -1);
    apply_post(a, &p);
}

/* text and callback are the job's from now on. */
static struct account_job *apply_job(struct account *a, const struct account_job *job,
                                     const struct account_post *post)
{
    if (a->jobs == a->job_places) {
        a->job_places = a->job_places ? a->job_places * 2 : 64;
        a->job = must(realloc(a->job, a->job_places * sizeof(struct account_job *)));
    }
    struct account_job *own = must(malloc(sizeof *own));
    struct account_post p = *post;
    *own = *job;
    own->number = a->jobs;
    own->state = JOB_QUEUED;
    own->at_ms = p.at_ms;
    p.accepted = true;
    p.job = (int64_t)a->jobs;
    a->job[a->jobs++] = own;
    a->work.first_ms = a->work.first_ms ? a->work.first_ms : p.at_ms;
    if (own->upfront) {
        a->reserved += own->price;
        apply_move(a, MOVE_DEDUCTION, -own->price, p.at_ms, -1);
    }
    apply_post(a, &p);
    return own;
}

static void apply_done(struct account *a, struct account_job *job, int64_t charged, int64_t at_ms,
                       int64_t busy_ms)
{
    if (job->upfront || job->state == JOB_RUNNING)
        a->reserved -= job->price;
    job->state = job->fail[0] ? JOB_FAILED : JOB_FINISHED;
    job->charged = charged;
    job->ended_ms = at_ms;
    a->spent += charged;
    a->work.busy_ms += busy_ms;
    a->work.last_ms = at_ms;
    a->work.finished += job->state == JOB_FINISHED;
    a->work.failed += job->state == JOB_FAILED;
    if (job->upfront && charged < job->price)
        apply_move(a, MOVE_REFUND, job->price - charged, at_ms, -1);
    else if (!job->upfront && charged > 0)
        apply_move(a, MOVE_DEDUCTION, -charged, at_ms, -1);
}

static void apply_grant(struct account *a, int64_t credits, int64_t at_ms)
{
    a->granted += credits;
    apply_move(a, MOVE_TOPUP, credits, at_ms, -1);
}

/* ---- reading the journal ---- */

static bool replay_open(struct account *a, struct json_value line)
{
    int64_t version, balance, at_ms;
    if (a->opened || !json_get_int(line, "version", &version) || version != JOURNAL_VERSION ||
        !lines_read_u32(line, "nonce", &a->nonce) || !json_get_int(line, "balance", &balance) ||
        !json_get_int(line, "at_ms", &at_ms))
        return false;
    a->opened = true;
    apply_grant(a, balance, at_ms);
    return true;
}

static bool replay_submit(struct account *a, struct json_value line)
{
    struct account_post post;
    struct account_batch b = {0};
    if (!lines_read_post(line, a->vendor, &post))
        return false;
    b.service = post.service;
    if (!lines_read_batch(line, &b) || !items_has(a->items, &b.range))
        return false;
    b.connection = post.connection;
    b.at_ms = post.at_ms;
    memcpy(b.body, post.body, sizeof b.body);
    items_set_end(a->items, b.range.offset + b.range.bytes);
    apply_submit(a, &b, &post);
    return true;
}

static bool replay_settle(struct account *a, struct json_value line)
{
    struct slice id;
    int64_t charged, at_ms;
    char text[ACCOUNT_ID_MAX] = "";
    if (!json_get_string(line, "id", &id) || id.len >= sizeof text ||
        !json_get_int(line, "charged", &charged) || !json_get_int(line, "at_ms", &at_ms))
        return false;
    memcpy(text, id.data, id.len);
    uint32_t number = batch_number(a, text);
    if (number == UINT32_MAX || a->batch[number]->settled)
        return false;
    apply_settle(a, number, charged, at_ms);
    return true;
}

static bool replay_answers(struct account *a, struct json_value line)
{
    struct account_post post;
    struct json_value questions;
    struct json_walk w;
    uint64_t count = 0;
    int64_t credits, sum = 0;
    if (!lines_read_post(line, a->vendor, &post) || !json_get(line, "questions", &questions))
        return false;
    for (bool more = json_walk_begin(&w, questions); more; more = json_walk_next(&w), count++) {
        if (!json_get_int(w.value, "credits", &credits))
            return false;
        sum += credits;
    }
    apply_answers(a, &post, count, sum);
    return true;
}

void account_job_question(const struct account_job *job, struct question *q)
{
    question_unpack(q, job->service, job->text);
}

static bool replay_job(struct account *a, struct json_value line)
{
    struct account_post post;
    struct account_job job = {0};
    struct question q;
    struct slice callback = SLICE_EMPTY;
    if (!lines_read_post(line, a->vendor, &post) || !lines_read_job(line, &job) ||
        !lines_read_question(line, post.service, &q))
        return false;
    for (unsigned i = 0; i < q.service->fields; i++)
        if (q.field[i].len > QUESTION_FIELD_BYTES_MAX)
            return false;
    json_get_string(line, "callback", &callback);
    job.service = post.service;
    job.text = must(question_pack(&q));
    job.callback = must(strndup(callback.data, callback.len));
    apply_job(a, &job, &post);
    return true;
}

/* The job that a line is about; NULL when there is none. */
static struct account_job *line_job(struct account *a, struct json_value line)
{
    int64_t number;
    if (!json_get_int(line, "job", &number) || number < 0 || (uint64_t)number >= a->jobs)
        return NULL;
    return a->job[number];
}

static bool replay_done(struct account *a, struct json_value line)
{
    struct account_job *job = line_job(a, line);
    int64_t charged, at_ms, busy_ms;
    struct slice fail;
    if (!job || job->ended_ms || !json_get_int(line, "charged", &charged) ||
        !json_get_int(line, "at_ms", &at_ms) || !json_get_int(line, "busy_ms", &busy_ms) ||
        !json_get_string(line, "fail", &fail) || fail.len >= sizeof job->fail)
        return false;
    memcpy(job->fail, fail.data, fail.len);
    apply_done(a, job, charged, at_ms, busy_ms);
    return true;
}

static bool replay_called(struct account *a, struct json_value line)
{
    struct account_job *job = line_job(a, line);
    uint32_t batch;
    if (job)
        job->called = true;
    else if (lines_read_u32(line, "batch", &batch) && batch < a->batches)
        a->batch[batch]->called = true;
    else
        return false;
    return true;
}

static bool replay_refused(struct account *a, struct json_value line)
{
    struct account_post post;
    if (!lines_read_post(line, a->vendor, &post) || !json_get_bool(line, "single", &post.single))
        return false;
    apply_post(a, &post);
    return true;
}

static bool replay_topup(struct account *a, struct json_value line)
{
    int64_t credits, at_ms;
    if (!json_get_int(line, "credits", &credits) || !json_get_int(line, "at_ms", &at_ms))
        return false;
    apply_grant(a, credits, at_ms);
    return true;
}

/* The vendor's own business. */
static bool replay_note(struct account *a, struct json_value line)
{
    struct json_value note;
    (void)a;
    return json_get(line, "note", &note);
}

static const struct {
    const char *event;
    bool (*replay)(struct account *a, struct json_value line);
} events[] = {
    {"open", replay_open},   {"submit", replay_submit},   {"settle", replay_settle},
    {"job", replay_job},     {"done", replay_done},       {"called", replay_called},
    {"topup", replay_topup}, {"answers", replay_answers}, {"refused", replay_refused},
    {"note", replay_note},
};

static int replay_line(void *arg, struct slice text, struct error *e)
{
    struct account *a = arg;
    struct json_value line;
    struct slice event;
    if (json_parse(a->json, text, &line, e) != 0)
        return e->code;
    if (json_get_string(line, "event", &event))
        for (size_t i = 0; i < sizeof events / sizeof *events; i++)
            if (slice_eq(event, slice_of(events[i].event)) && (i == 0 || a->opened) &&
                events[i].replay(a, line))
                return 0;
    return error_set(e, ERR_DATA, "not a line of a simulator's journal");
}

/* ---- open and close ---- */

static int open_files(struct account *a, const char *folder, struct error *e)
{
    char *lock = file_join(folder, "lock"), *journal = file_join(folder, "journal.ndjson");
    a->lock = file_lock(lock, e);
    int code = a->lock < 0 ? a->lock : items_open(&a->items, folder, e);
    if (code == 0)
        code = journal_open(&a->journal, journal, replay_line, a, e);
    free(lock);
    free(journal);
    return code;
}

static void begin_account(struct account *a, int64_t balance)
{
    bool first;
    struct buf *out = line_begin(a, &first, "open", true);
    digest_random(&a->nonce, sizeof a->nonce);
    a->opened = true;
    json_write_member_i64(out, &first, "version", JOURNAL_VERSION);
    json_write_member_i64(out, &first, "nonce", a->nonce);
    json_write_member_i64(out, &first, "balance", balance);
    json_write_member_i64(out, &first, "at_ms", clock_wall_ms());
    line_end(out);
    apply_grant(a, balance, clock_wall_ms());
}

int account_open(struct account **out, const char *folder, const struct vendor *vendor,
                 int64_t balance, struct error *e)
{
    struct account *a = must(calloc(1, sizeof *a));
    *out = NULL;
    a->vendor = vendor;
    a->lock = -1;
    a->posts = (struct ring){.size = sizeof(struct account_post), .max = ACCOUNT_POSTS_MAX};
    a->transactions =
        (struct ring){.size = sizeof(struct account_transaction), .max = ACCOUNT_TRANSACTIONS_MAX};
    a->json = must(json_create(DEPTH_MAX));
    int code = file_make_private_folder(folder, e);
    if (code == 0)
        code = open_files(a, folder, e);
    if (code == 0 && !a->opened) {
        begin_account(a, balance);
        code = account_sync(a, e);
    }
    if (code != 0) {
        account_close(a);
        return error_prefix(e, "the simulator's account with %s", vendor->name);
    }
    *out = a;
    return 0;
}

static void job_free(struct account_job *job)
{
    free((char *)job->text);
    free((char *)job->callback);
    free(job);
}

void account_close(struct account *a)
{
    struct error e = {0};
    if (!a)
        return;
    if (a->journal)
        account_sync(a, &e);
    for (uint32_t i = 0; i < a->batches; i++)
        free(a->batch[i]);
    free(a->batch);
    for (uint64_t i = 0; i < a->jobs; i++)
        job_free(a->job[i]);
    free(a->job);
    ring_deinit(&a->posts);
    ring_deinit(&a->transactions);
    journal_close(a->journal);
    items_close(a->items);
    json_destroy(a->json);
    if (a->lock >= 0)
        file_unlock(a->lock);
    free(a);
}

/* ---- changes ---- */

const struct account_batch *account_submit(struct account *a, const struct account_batch *draft,
                                           const struct account_post *post)
{
    struct account_batch b = *draft;
    bool first;
    if (!b.id[0])
        snprintf(b.id, sizeof b.id, "batch_%08x%08x", a->nonce, a->batches);
    b.reserved = b.price * b.range.count;
    b.at_ms = post->at_ms;
    b.connection = post->connection;
    memcpy(b.body, post->body, sizeof b.body);
    struct buf *out = line_begin(a, &first, "submit", true);
    lines_write_post(out, &first, post);
    lines_write_batch(out, &first, &b);
    line_end(out);
    return apply_submit(a, &b, post);
}

void account_settle(struct account *a, const struct account_batch *b, int64_t charged)
{
    bool first;
    int64_t at_ms = clock_wall_ms();
    struct buf *out = line_begin(a, &first, "settle", true);
    json_write_member_string(out, &first, "id", slice_of(b->id));
    json_write_member_i64(out, &first, "charged", charged);
    json_write_member_i64(out, &first, "at_ms", at_ms);
    line_end(out);
    apply_settle(a, batch_number(a, b->id), charged, at_ms);
}

void account_answer_begin(struct account *a, const struct account_post *post,
                          const struct truth *truth)
{
    bool first;
    struct buf *out = line_begin(a, &first, "answers", true);
    a->answering = (struct answering){.post = *post};
    lines_write_post(out, &first, post);
    lines_write_truth(out, &first, truth);
    json_write_key(out, &first, "questions");
    buf_append_char(out, '[');
}

void account_answer_add(struct account *a, const struct question *q, int64_t credits)
{
    bool first = true;
    struct buf *out = journal_pending(a->journal);
    buf_append_text(out, a->answering.count++ ? ",{" : "{");
    lines_write_question(out, &first, q);
    json_write_member_i64(out, &first, "credits", credits);
    buf_append_char(out, '}');
    a->answering.credits += credits;
}

void account_answer_end(struct account *a)
{
    struct buf *out = journal_pending(a->journal);
    buf_append_char(out, ']');
    line_end(out);
    apply_answers(a, &a->answering.post, a->answering.count, a->answering.credits);
}

void account_answer(struct account *a, const struct account_post *post, const struct truth *truth,
                    const struct question *q, int64_t credits)
{
    account_answer_begin(a, post, truth);
    account_answer_add(a, q, credits);
    account_answer_end(a);
}

const struct account_job *account_job_add(struct account *a, const struct question *q,
                                          const struct account_job *draft,
                                          const struct account_post *post)
{
    struct account_job job = *draft;
    bool first;
    job.service = q->service;
    job.text = must(question_pack(q));
    job.callback = must(strdup(draft->callback ? draft->callback : ""));
    struct buf *out = line_begin(a, &first, "job", true);
    lines_write_post(out, &first, post);
    lines_write_job(out, &first, &job);
    if (job.callback[0])
        json_write_member_string(out, &first, "callback", slice_of(job.callback));
    lines_write_question(out, &first, q);
    line_end(out);
    return apply_job(a, &job, post);
}

void account_job_start(struct account *a, uint64_t number, int64_t now_ms)
{
    struct account_job *job = a->job[number];
    job->state = JOB_RUNNING;
    job->begun_mono_ms = now_ms;
    if (!job->upfront)
        a->reserved += job->price;
}

void account_job_end(struct account *a, uint64_t number, int64_t charged, const char *fail,
                     int64_t busy_ms)
{
    struct account_job *job = a->job[number];
    bool first;
    int64_t at_ms = clock_wall_ms();
    snprintf(job->fail, sizeof job->fail, "%s", fail);
    struct buf *out = line_begin(a, &first, "done", true);
    json_write_member_i64(out, &first, "job", (int64_t)number);
    json_write_member_i64(out, &first, "charged", charged);
    json_write_member_string(out, &first, "fail", slice_of(job->fail));
    json_write_member_i64(out, &first, "busy_ms", busy_ms);
    json_write_member_i64(out, &first, "at_ms", at_ms);
    line_end(out);
    apply_done(a, job, charged, at_ms, busy_ms);
}

void account_job_called(struct account *a, uint64_t number)
{
    bool first;
    if (a->job[number]->called)
        return;
    struct buf *out = line_begin(a, &first, "called", false);
    json_write_member_i64(out, &first, "job", (int64_t)number);
    line_end(out);
    a->job[number]->called = true;
}

void account_batch_called(struct account *a, uint32_t number)
{
    bool first;
    struct buf *out = line_begin(a, &first, "called", false);
    json_write_member_i64(out, &first, "batch", number);
    line_end(out);
    a->batch[number]->called = true;
}

void account_job_polled(struct account *a, uint64_t number)
{
    uint64_t polls = ++a->job[number]->polls;
    a->work.polls++;
    a->work.polls_max = polls > a->work.polls_max ? polls : a->work.polls_max;
}

void account_refuse(struct account *a, const struct account_post *post)
{
    bool first;
    struct buf *out = line_begin(a, &first, "refused", false);
    lines_write_post(out, &first, post);
    json_write_member_bool(out, &first, "single", post->single);
    line_end(out);
    apply_post(a, post);
}

void account_topup(struct account *a, int64_t credits)
{
    bool first;
    int64_t at_ms = clock_wall_ms();
    struct buf *out = line_begin(a, &first, "topup", true);
    json_write_member_i64(out, &first, "credits", credits);
    json_write_member_i64(out, &first, "at_ms", at_ms);
    line_end(out);
    apply_grant(a, credits, at_ms);
}

void account_note(struct account *a, struct slice members, bool durable)
{
    bool first;
    struct buf *out = line_begin(a, &first, "note", durable);
    json_write_key(out, &first, "note");
    buf_append_char(out, '{');
    buf_append_slice(out, members);
    buf_append_char(out, '}');
    line_end(out);
}

int account_sync(struct account *a, struct error *e)
{
    if (!a->unwritten)
        return 0;
    if (a->undurable && items_sync(a->items, e) != 0)
        return e->code;
    int code = journal_sync(a->journal, a->undurable, e);
    if (code == 0)
        a->unwritten = a->undurable = false;
    return code;
}

/* ---- looking ---- */

bool account_unwritten(const struct account *a)
{
    return a->unwritten;
}

bool account_undurable(const struct account *a)
{
    return a->undurable;
}

struct items *account_items(struct account *a)
{
    return a->items;
}

int64_t account_available(const struct account *a)
{
    return a->granted - a->spent - a->reserved;
}

int64_t account_reserved(const struct account *a)
{
    return a->reserved;
}

int64_t account_spent(const struct account *a)
{
    return a->spent;
}

int64_t account_granted(const struct account *a)
{
    return a->granted;
}

uint32_t account_batches(const struct account *a)
{
    return a->batches;
}

const struct account_batch *account_batch(const struct account *a, uint32_t number)
{
    return a->batch[number];
}

const struct account_batch *account_find(const struct account *a, const char *id)
{
    uint32_t number = batch_number(a, id);
    return number == UINT32_MAX ? NULL : a->batch[number];
}

uint32_t account_nonce(const struct account *a)
{
    return a->nonce;
}

uint64_t account_jobs(const struct account *a)
{
    return a->jobs;
}

const struct account_job *account_job(const struct account *a, uint64_t number)
{
    return number < a->jobs ? a->job[number] : NULL;
}

struct account_work account_work(const struct account *a)
{
    return a->work;
}

struct account_singles account_singles(const struct account *a, unsigned service)
{
    return a->singles[service];
}

uint64_t account_posts(const struct account *a, uint64_t *forgotten)
{
    *forgotten = a->posts.forgotten;
    return a->posts.used;
}

const struct account_post *account_post(const struct account *a, uint64_t i)
{
    return ring_get(&a->posts, i);
}

uint64_t account_transactions(const struct account *a, uint64_t *forgotten)
{
    *forgotten = a->transactions.forgotten;
    return a->transactions.used;
}

const struct account_transaction *account_transaction(const struct account *a, uint64_t i)
{
    return ring_get(&a->transactions, i);
}

struct answers_walk {
    struct account *account;
    struct buf *scratch;
    account_answer_fn *fn;
    void *arg;
};

static int walk_answers(void *arg, struct slice text, struct error *e)
{
    struct answers_walk *w = arg;
    struct json_value line, questions;
    struct json_walk each;
    struct account_post post;
    struct truth truth;
    struct slice event;
    if (json_parse(w->account->json, text, &line, e) != 0)
        return e->code;
    if (!json_get_string(line, "event", &event) || !slice_eq(event, SLICE_LIT("answers")))
        return 0;
    if (!lines_read_post(line, w->account->vendor, &post) || !lines_read_truth(line, &truth) ||
        !json_get(line, "questions", &questions))
        return error_set(e, ERR_DATA, "not a line of a simulator's journal");
    for (bool more = json_walk_begin(&each, questions); more; more = json_walk_next(&each)) {
        struct question q;
        int64_t credits = 0;
        lines_read_question(each.value, post.service, &q);
        json_get_int(each.value, "credits", &credits);
        question_normalise(&q, w->scratch);
        if (w->fn(w->arg, &q, &truth, credits, e) != 0)
            return e->code;
    }
    return 0;
}

int account_walk_answers(struct account *a, struct buf *scratch, account_answer_fn *fn, void *arg,
                         struct error *e)
{
    struct answers_walk w = {a, scratch, fn, arg};
    int code = account_sync(a, e);
    return code != 0 ? code : journal_read(a->journal, walk_answers, &w, e);
}

struct notes_walk {
    struct account *account;
    account_note_fn *fn;
    void *arg;
};

static int walk_notes(void *arg, struct slice text, struct error *e)
{
    struct notes_walk *w = arg;
    struct json_value line, note;
    if (json_parse(w->account->json, text, &line, e) != 0)
        return e->code;
    return json_get(line, "note", &note) ? w->fn(w->arg, note, e) : 0;
}

int account_walk_notes(struct account *a, account_note_fn *fn, void *arg, struct error *e)
{
    struct notes_walk w = {a, fn, arg};
    int code = account_sync(a, e);
    return code != 0 ? code : journal_read(a->journal, walk_notes, &w, e);
}
