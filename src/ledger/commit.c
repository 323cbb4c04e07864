/* Commits the operations of a run in groups, on the ledger's own thread.
 *
 * 1. Operations pass through two queues, pushed and returned, in one order that never changes: the
 * k-th operation pushed is the k-th returned.
 * 2. The first `durable` operations are durable and none after them ever will be: it only grows
 * until the failure, and an operation is counted before it is returned. So whoever collects the
 * k-th knows how it ended without asking.
 * 3. The failure is written once, before the first operation that it ends is returned.
 *
 * Happy path: wait for operations, BEGIN, apply up to COMMIT_GROUP_MAX of them, COMMIT, return
 * them, wake the collector. Failure: roll back, keep the error, and return that group and
 * everything later unapplied.
 *
 * struct commit says what belongs to which thread. */
#include "ledger/commit.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"

struct commit {
    struct queue pushed;
    struct queue returned;
    _Atomic uint64_t durable; /* operations, counted from the first; see 2 */
    _Atomic unsigned pending;
    pthread_t thread;

    struct {
        struct ledger *l;
        void (*wake)(void *arg);
        void *arg;
        struct error failure; /* read by the collector once an operation came back with it */
    } ledger_thread;

    struct {
        uint64_t count; /* operations */
        bool running;   /* inside a `done` */
    } collector;
};

/* Cut the first COMMIT_GROUP_MAX items off the list; returns the rest. */
static struct queue_item *split_group(struct queue_item *first, unsigned *count)
{
    struct queue_item *last = first;

    for (*count = 1; *count < COMMIT_GROUP_MAX && last->next; (*count)++)
        last = last->next;
    struct queue_item *rest = last->next;
    last->next = NULL;
    return rest;
}

static int apply_all(struct ledger *l, struct queue_item *group, struct error *e)
{
    int code = 0;

    for (struct queue_item *i = group; i && code == 0; i = i->next) {
        struct commit_op *op = queue_owner(i, struct commit_op, item);
        code = op->apply(op, l, e);
    }
    /* The failure is known by its code. */
    if (code != 0 && e->code == 0)
        error_set(e, ERR_INTERNAL, "an operation of the ledger failed without a word");
    return code;
}

/* Durable as a whole when it returns 0, else undone as a whole. */
static int write_group(struct ledger *l, struct queue_item *group, struct error *e)
{
    int code = ledger_begin(l, e);

    if (code != 0)
        return code;
    code = apply_all(l, group, e);
    if (code == 0)
        code = ledger_commit(l, e);
    if (code != 0)
        ledger_rollback(l);
    return code;
}

static void return_group(struct commit *c, struct queue_item *group)
{
    while (group) {
        struct queue_item *next = group->next;
        queue_push(&c->returned, group);
        group = next;
    }
    c->ledger_thread.wake(c->ledger_thread.arg);
}

static void run_group(struct commit *c, struct queue_item *group, unsigned count)
{
    struct error *failure = &c->ledger_thread.failure;

    if (failure->code == 0) {
        struct error e = {0};
        if (write_group(c->ledger_thread.l, group, &e) == 0) {
            log_trace("ledger", "committed %u operations", count);
            atomic_fetch_add(&c->durable, count);
        } else {
            log_trace("ledger", "a group of %u operations failed: %s", count, e.message);
            *failure = e;
        }
    }
    return_group(c, group);
}

static void *run(void *arg)
{
    struct commit *c = arg;
    struct queue_item *items;

    pthread_setname_np(pthread_self(), "ledger");
    while ((items = queue_wait_all(&c->pushed)))
        while (items) {
            unsigned count;
            struct queue_item *rest = split_group(items, &count);
            run_group(c, items, count);
            items = rest;
        }
    return NULL;
}

/* Signals are the main thread's: the new one inherits a mask without any. */
static int start_thread(struct commit *c)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errnum = pthread_create(&c->thread, NULL, run, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return errnum;
}

static void destroy(struct commit *c)
{
    queue_deinit(&c->pushed);
    queue_deinit(&c->returned);
    free(c);
}

int commit_start(struct commit **out, struct ledger *l, void (*wake)(void *arg), void *arg,
                 struct error *e)
{
    struct commit *c = calloc(1, sizeof(*c));

    *out = NULL;
    if (!c)
        return error_set(e, ERR_INTERNAL, "out of memory");
    queue_init(&c->pushed);
    queue_init(&c->returned);
    c->ledger_thread.l = l;
    c->ledger_thread.wake = wake;
    c->ledger_thread.arg = arg;
    int errnum = start_thread(c);
    if (errnum != 0) {
        destroy(c);
        return error_errno(e, ERR_INTERNAL, errnum, "cannot start the ledger's thread");
    }
    *out = c;
    return 0;
}

void commit_push(struct commit *c, struct commit_op *op)
{
    atomic_fetch_add(&c->pending, 1);
    /* A push after commit_stop is a bug that would lose the operation. */
    if (!queue_push(&c->pushed, &op->item))
        abort();
}

static void run_done(struct commit *c, struct queue_item *items)
{
    assert(!c->collector.running);
    c->collector.running = true;
    while (items) {
        /* `done` may free the operation. */
        struct queue_item *next = items->next;
        struct commit_op *op = queue_owner(items, struct commit_op, item);
        bool durable = c->collector.count++ < atomic_load(&c->durable);
        atomic_fetch_sub(&c->pending, 1);
        op->done(op, durable ? NULL : &c->ledger_thread.failure);
        items = next;
    }
    c->collector.running = false;
}

void commit_collect(struct commit *c)
{
    run_done(c, queue_take_all(&c->returned));
}

unsigned commit_pending(const struct commit *c)
{
    return atomic_load(&c->pending);
}

void commit_stop(struct commit *c)
{
    if (!c)
        return;
    /* What is pending comes back, since its thread runs. */
    while (commit_pending(c) > 0)
        run_done(c, queue_wait_all(&c->returned));
    queue_close(&c->pushed);
    pthread_join(c->thread, NULL);
    destroy(c);
}
