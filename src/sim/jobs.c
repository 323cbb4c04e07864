/* Works on jobs: each takes its latency in a slot, by the vendor's clock.
 *
 * 1. A job waits exactly while all slots are taken; the one that came first goes first.
 * 2. A slot is busy from the moment a job begins until the alarm of its end is heard, so that what
 *    the simulator itself is late by counts as busy, not as the client's idleness.
 *
 * Restarted, jobs that had begun begin anew, in their order. One thread. */
#include "sim/jobs.h"

#include <stdlib.h>

#include "base/clock.h"
#include "sim/shop.h"
#include "wire/json_write.h"

struct jobs {
    struct shop *shop;
    unsigned slots;
    uint64_t queue_max;
    uint64_t running;
    /* Those that wait: a ring of numbers. */
    uint64_t *queue;
    uint64_t places, first, waiting;
    /* Since the simulator was started. */
    uint64_t deepest, refused;
};

struct jobs *jobs_create(struct shop *shop, unsigned slots, uint64_t queue_max)
{
    struct jobs *j = calloc(1, sizeof *j);
    if (j)
        *j = (struct jobs){.shop = shop, .slots = slots, .queue_max = queue_max};
    return j;
}

void jobs_destroy(struct jobs *j)
{
    if (j)
        free(j->queue);
    free(j);
}

static void enqueue(struct jobs *j, uint64_t number)
{
    if (j->waiting == j->places) {
        uint64_t places = j->places ? j->places * 2 : 256;
        uint64_t *queue = malloc(places * sizeof *queue);
        if (!queue)
            abort();
        for (uint64_t i = 0; i < j->waiting; i++)
            queue[i] = j->queue[(j->first + i) % j->places];
        free(j->queue);
        j->queue = queue;
        j->places = places;
        j->first = 0;
    }
    j->queue[(j->first + j->waiting++) % j->places] = number;
}

static uint64_t dequeue(struct jobs *j)
{
    uint64_t number = j->queue[j->first];
    j->first = (j->first + 1) % j->places;
    j->waiting--;
    return number;
}

/* What follows the end of a job. */
void jobs_ended(struct jobs *j, uint64_t number)
{
    struct shop *shop = j->shop;
    const struct account_job *job = account_job(shop->account, number);
    if (job->callback[0] && shop->vendor->callback)
        callbacks_post(shop->callbacks, job->number);
    shop->changed(shop->changed_arg);
}

static void begin(struct jobs *j, uint64_t number)
{
    struct shop *shop = j->shop;
    const struct account_job *job = account_job(shop->account, number);
    char fail[ACCOUNT_FAIL_MAX] = "";
    if (shop->vendor->job_starts && !shop->vendor->job_starts(shop, job, fail)) {
        account_job_end(shop->account, number, 0, fail, 0);
        jobs_ended(j, number);
        return;
    }
    account_job_start(shop->account, number, clock_mono_ms());
    j->running++;
    alarms_set(shop->alarms, shop_real_ms(shop, job->latency_ms), SHOP_ALARM_JOB, number);
}

static void pump(struct jobs *j)
{
    while (j->waiting > 0 && (j->slots == 0 || j->running < j->slots))
        begin(j, dequeue(j));
    if (j->waiting > j->deepest)
        j->deepest = j->waiting;
}

void jobs_continue(struct jobs *j)
{
    struct account *a = j->shop->account;
    for (uint64_t i = 0; i < account_jobs(a); i++) {
        const struct account_job *job = account_job(a, i);
        if (job->ended_ms == 0)
            enqueue(j, i);
        else if (job->callback[0] && !job->called && j->shop->vendor->callback)
            callbacks_post(j->shop->callbacks, i);
    }
    pump(j);
    j->shop->changed(j->shop->changed_arg);
}

bool jobs_room(struct jobs *j)
{
    bool slot = j->slots == 0 || j->running < j->slots;
    bool room = slot || j->queue_max == 0 || j->waiting < j->queue_max;
    j->refused += !room;
    return room;
}

void jobs_add(struct jobs *j, uint64_t number)
{
    enqueue(j, number);
    pump(j);
}

void jobs_due(struct jobs *j, uint64_t number)
{
    struct shop *shop = j->shop;
    const struct account_job *job = account_job(shop->account, number);
    int64_t busy = clock_mono_ms() - job->begun_mono_ms;
    if (job->fate == FATE_COMPLETES)
        account_job_end(shop->account, number, shop->vendor->job_ends(shop, job), "", busy);
    else
        account_job_end(shop->account, number, 0, "failed", busy);
    j->running--;
    jobs_ended(j, number);
    pump(j);
}

void jobs_print(const struct jobs *j, struct buf *out, bool *first)
{
    struct account_work w = account_work(j->shop->account);
    uint64_t jobs = account_jobs(j->shop->account);
    int64_t span = w.last_ms > w.first_ms ? w.last_ms - w.first_ms : 0;
    bool inner = true;
    json_write_key(out, first, "slots");
    buf_append_char(out, '{');
    json_write_member_i64(out, &inner, "slots", j->slots);
    json_write_member_i64(out, &inner, "queue_max", (int64_t)j->queue_max);
    json_write_member_i64(out, &inner, "jobs", (int64_t)jobs);
    json_write_member_i64(out, &inner, "finished", (int64_t)w.finished);
    json_write_member_i64(out, &inner, "failed", (int64_t)w.failed);
    json_write_member_i64(out, &inner, "running", (int64_t)j->running);
    json_write_member_i64(out, &inner, "waiting", (int64_t)j->waiting);
    json_write_member_i64(out, &inner, "deepest_queue", (int64_t)j->deepest);
    json_write_member_i64(out, &inner, "refused", (int64_t)j->refused);
    json_write_member_i64(out, &inner, "busy_ms", w.busy_ms);
    json_write_member_i64(out, &inner, "span_ms", span);
    json_write_key(out, &inner, "utilisation");
    json_write_double(
        out, span > 0 && j->slots > 0 ? (double)w.busy_ms / ((double)span * (double)j->slots) : 0);
    json_write_member_i64(out, &inner, "polls", (int64_t)w.polls);
    json_write_key(out, &inner, "polls_mean");
    json_write_double(out, jobs > 0 ? (double)w.polls / (double)jobs : 0);
    json_write_member_i64(out, &inner, "polls_max", (int64_t)w.polls_max);
    buf_append_char(out, '}');
}
