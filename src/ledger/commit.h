/* Group commit: the ledger's own thread applies all operations that have queued up in one
 * transaction, commits, and hands them back. What a commit carries is durable when `done` runs.
 *
 * Happy path: the loop pushes operations (commit_push); the thread takes all there are, runs BEGIN,
 * each `apply` in order, COMMIT, and wakes the loop, which calls commit_collect, which runs each
 * operation's `done` in order, on the loop's thread. Failure: an `apply` or the commit that fails
 * rolls the whole group back; every operation of it and every later one comes back with the error
 * and nothing more is written: the caller ends the run. That holds for any error of an `apply`,
 * also its own. As with every commit that failed, what it carried may be on disk or not.
 *
 * Operations that only read may ride along: they see everything applied before them. */
#ifndef TRANCHE_LEDGER_COMMIT_H
#define TRANCHE_LEDGER_COMMIT_H

#include "base/queue.h"
#include "ledger/ledger.h"

/* The most operations in one transaction, so that no commit grows without bound. */
#define COMMIT_GROUP_MAX 1024

struct commit_op {
    struct queue_item item;
    /* On the ledger's thread, inside the transaction. 0 or a negative code with *e. Not called
     * after a failure. */
    int (*apply)(struct commit_op *op, struct ledger *l, struct error *e);
    /* On the thread that calls commit_collect, exactly once, in the order of pushing. e is NULL
     * when the operation is durable. The operation is the callee's again; it may push others, but
     * not for ever: commit_stop waits for them. */
    void (*done)(struct commit_op *op, const struct error *e);
};

struct commit;

/* Start the thread, which owns the ledger until commit_stop. wake(arg) is called on it after each
 * group; it must not call functions of this header. *out is NULL on error. */
int commit_start(struct commit **out, struct ledger *l, void (*wake)(void *arg), void *arg,
                 struct error *e);
/* From any thread; never waits. The operation must live until its `done`. */
void commit_push(struct commit *c, struct commit_op *op);
/* Run `done` of everything that came back. On one thread, and not from within a `done`. */
void commit_collect(struct commit *c);
/* Operations pushed and not collected; one whose `done` runs is collected. */
unsigned commit_pending(const struct commit *c);
/* Finish what is queued, collect it with what their `done` pushes, end the thread; the ledger is
 * the caller's again. On the thread that collects, when no other pushes any more. NULL does
 * nothing. */
void commit_stop(struct commit *c);

#endif
