/* The list's own thread: reads shard after shard, makes each row a record, hashes its identity, and
 * hands the shard over.
 *
 * Happy path: a shard is taken by reader_pump, which looks its identities up in the dedupe table,
 * and is durable in the ledger (shard and entry in one transaction) before its records may become
 * items of a batch. Failure modes: a list that cannot be read on ends the reader with that error
 * after the shards before it; the run then stops, keeping what it has.
 *
 * The thread is at most ENGINE_READ_AHEAD shards ahead of the ledger. */
#include "run/engine.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "run/question.h"

/* A shard on its way from the thread to the ledger. */
struct reading {
    struct queue_item item;
    struct commit_op op;
    struct engine *engine;
    int result; /* of list_scan */
    struct error error;
    uint64_t source_done;
    struct list_shard place;
    uint32_t records;
    struct identity identities[SHARD_RECORDS]; /* all zero: invalid */
    uint32_t firsts[SHARD_RECORDS];            /* filled in on the loop */
    struct bits asked;                         /* likewise */
};

struct reader {
    struct engine *engine;
    pthread_t thread;
    uv_async_t wake;
    struct queue queue; /* of struct reading */
    sem_t room;
    atomic_bool stop;
    /* The thread's own. */
    struct {
        struct list *list;
        struct question question;
        struct reading *reading;
    } theirs;
};

static int on_row(void *arg, const struct list_row *row, struct error *e)
{
    struct reader *r = arg;
    struct reading *reading = r->theirs.reading;
    const char *reason;
    if (atomic_load_explicit(&r->stop, memory_order_relaxed))
        return error_set(e, ERR_STOPPED, "stopped while reading the list");
    if (row->record > RECORDS_MAX)
        return error_set(e, ERR_DATA, "the list has more than %u records; split it", RECORDS_MAX);
    struct identity *id = &reading->identities[reading->records++];
    if (!question_ask(&r->theirs.question, row, id, &reason))
        memset(id, 0, sizeof *id);
    return 0;
}

static void *reader_thread(void *arg)
{
    struct reader *r = arg;
    for (;;) {
        sem_wait(&r->room);
        struct reading *reading = calloc(1, sizeof *reading);
        if (reading == NULL)
            abort();
        r->theirs.reading = reading;
        if (atomic_load(&r->stop))
            reading->result =
                error_set(&reading->error, ERR_STOPPED, "stopped while reading the list");
        else
            reading->result =
                list_scan(r->theirs.list, &reading->place, on_row, r, &reading->error);
        reading->source_done = list_source_done(r->theirs.list);
        bool more = reading->result == 1;
        queue_push(&r->queue, &reading->item);
        uv_async_send(&r->wake);
        if (!more)
            return NULL;
    }
}

static void on_reader_wake(uv_async_t *handle)
{
    engine_poke(handle->data);
}

int reader_start(struct engine *g, struct list *l, struct error *e)
{
    struct reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(e, ERR_INTERNAL, "no memory for the reader");
    r->engine = g;
    r->theirs.list = l;
    question_init(&r->theirs.question, g->setup.operation, &g->mapping);
    queue_init(&r->queue);
    sem_init(&r->room, 0, ENGINE_READ_AHEAD);
    uv_async_init(&g->loop, &r->wake, on_reader_wake);
    r->wake.data = g;
    g->reader = r;
    g->source_bytes = list_source_bytes(l);
    if (pthread_create(&r->thread, NULL, reader_thread, r) != 0)
        abort();
    return 0;
}

static void on_reader_closed(uv_handle_t *handle)
{
    struct reader *r = (struct reader *)((char *)handle - offsetof(struct reader, wake));
    free(r);
}

void reader_stop(struct engine *g)
{
    struct reader *r = g->reader;
    if (r == NULL)
        return;
    atomic_store(&r->stop, true);
    sem_post(&r->room);
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 1;
    if (pthread_timedjoin_np(r->thread, NULL, &deadline) != 0) {
        /* It waits for standard input and cannot be woken. All that it handed over is durable. */
        engine_abandon(g);
        return;
    }
    for (struct queue_item *i = queue_take_all(&r->queue), *next; i != NULL; i = next) {
        next = i->next;
        free(queue_owner(i, struct reading, item));
    }
    queue_deinit(&r->queue);
    question_deinit(&r->theirs.question);
    sem_destroy(&r->room);
    uv_close((uv_handle_t *)&r->wake, on_reader_closed);
    g->reader = NULL;
}

static int apply_shard(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct reading *r = queue_owner(op, struct reading, op);
    struct slice identities = {(const char *)r->identities, r->records * sizeof r->identities[0]};
    struct slice firsts = {(const char *)r->firsts, r->records * sizeof r->firsts[0]};
    int rc = ledger_add_shard(l, &r->place, e);
    return rc != 0 ? rc : ledger_add_entry(l, 0, r->place.number, identities, firsts, e);
}

static void shard_is_durable(struct commit_op *op, const struct error *e)
{
    struct reading *r = queue_owner(op, struct reading, op);
    struct engine *g = r->engine;
    if (engine_committed(g, e)) {
        g->shards[r->place.number].planned = true;
        if (!batcher_add(&g->batcher, r->place.number, &r->asked, clock_mono_ms()))
            engine_stopf(g, ERR_INTERNAL, "no memory for the records that wait");
        if (g->reader != NULL)
            sem_post(&g->reader->room);
    }
    free(r);
}

/* The identities of a shard meet those before them. */
static void take_shard(struct engine *g, struct reading *r)
{
    for (uint32_t i = 0; i < r->records; i++) {
        static const struct identity none;
        uint32_t record = (uint32_t)r->place.first_record + i;
        if (memcmp(&r->identities[i], &none, sizeof none) == 0)
            continue;
        r->firsts[i] = dedupe_add(g->dedupe, r->identities[i], record);
        if (r->firsts[i] == 0) {
            engine_stop(g, dedupe_error(g->dedupe));
            free(r);
            return;
        }
        g->valid++;
        if (r->firsts[i] == record)
            bits_set(&r->asked, i);
        else
            g->duplicates++;
    }
    g->records += r->records;
    g->source_done = r->source_done;
    if (!planner_add_shard(g, &r->place, bits_count(&r->asked))) {
        engine_stopf(g, ERR_INTERNAL, "no memory for another shard");
        free(r);
        return;
    }
    r->engine = g;
    r->op.apply = apply_shard;
    r->op.done = shard_is_durable;
    engine_commit(g, &r->op);
}

static int apply_end(struct commit_op *op, struct ledger *l, struct error *e)
{
    (void)op;
    return ledger_set_i64(l, LEDGER_KEY_WHOLE, 1, e);
}

static void end_is_durable(struct commit_op *op, const struct error *e)
{
    struct reading *r = queue_owner(op, struct reading, op);
    struct engine *g = r->engine;
    if (engine_committed(g, e)) {
        g->list_whole = true;
        batcher_close(&g->batcher);
    }
    free(r);
}

void reader_pump(struct engine *g)
{
    if (g->reader == NULL || !g->identities_ready)
        return;
    struct queue_item *next;
    bool ended = false;
    for (struct queue_item *i = queue_take_all(&g->reader->queue); i != NULL; i = next) {
        struct reading *r = queue_owner(i, struct reading, item);
        next = i->next;
        if (r->result == 1) {
            take_shard(g, r);
            continue;
        }
        ended = true;
        if (r->result < 0) {
            engine_stop(g, &r->error);
            free(r);
            continue;
        }
        r->engine = g;
        r->op.apply = apply_end;
        r->op.done = end_is_durable;
        engine_commit(g, &r->op);
    }
    if (ended)
        reader_stop(g);
}
