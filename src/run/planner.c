/* Which records go into which batch, and when: cuts batches from the records that wait, within
 * credits, balance, doubt and the vendor's limit.
 *
 * Invariants:
 *  1. A record that is asked waits in the batcher or is an item of exactly one batch that holds its
 * items (single spend).
 *  2. A batch and its slices are one transaction, durable before anything is built or sent for it.
 *  3. spent + owed + what PREPARED batches will cost <= --max-credits, for every batch cut and
 * again for every one sent.
 *
 * What resume finds if the process dies anywhere here: a shard without a batch has its records
 * waiting; a batch in the ledger is PREPARED with all its slices or not there at all.
 *
 * On the loop's thread. */
#include "run/engine.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

bool planner_add_shard(struct engine *g, const struct list_shard *place, uint32_t open)
{
    assert(place->number == g->shard_count);
    if (g->shard_count == g->shard_capacity) {
        uint32_t capacity = g->shard_capacity == 0 ? 64 : g->shard_capacity * 2;
        struct engine_shard *more = realloc(g->shards, capacity * sizeof *more);
        if (more == NULL)
            return false;
        g->shards = more;
        g->shard_capacity = capacity;
    }
    struct engine_shard *s = &g->shards[g->shard_count++];
    memset(s, 0, sizeof *s);
    s->place = *place;
    s->open = open;
    g->answered += place->records - open;
    return true;
}

bool planner_keep(struct engine *g, struct batch *b)
{
    if (g->batch_count == g->batch_capacity) {
        unsigned capacity = g->batch_capacity == 0 ? 16 : g->batch_capacity * 2;
        struct batch **more = realloc(g->batches, capacity * sizeof *more);
        if (more == NULL)
            return false;
        g->batches = more;
        g->batch_capacity = capacity;
    }
    g->batches[g->batch_count++] = b;
    return true;
}

void planner_forget(struct engine *g, struct batch *b)
{
    unsigned i = 0;
    while (g->batches[i] != b)
        i++;
    memmove(&g->batches[i], &g->batches[i + 1], (--g->batch_count - i) * sizeof *g->batches);
    g->batches_done++;
    if (b->credits > 0)
        g->spent += b->credits;
    /* What was counted as gone when it was sent, and was not spent, unless the vendor said since
     * what is left. */
    if (g->balance >= 0 && b->credits >= 0 && b->credits < b->cost_max &&
        b->armed_ms > g->balance_ms)
        g->balance += b->cost_max - b->credits;
    batch_destroy(b);
}

/* A batch and its slices on their way into the ledger. */
struct cutting {
    struct commit_op op;
    struct engine *engine;
    struct batch *gone;    /* the batch they come from: SPLIT in the same transaction; or NULL */
    struct batch *made[2]; /* NULL: its records wait instead */
};

static int apply_cut(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct cutting *c = (struct cutting *)op;
    struct ledger_batch row;
    int rc = 0;
    if (c->gone != NULL) {
        shape_row(c->gone, &row);
        rc = ledger_put_batch(l, &row, e);
    }
    for (int i = 0; rc == 0 && i < 2 && c->made[i] != NULL; i++) {
        const struct batch *b = c->made[i];
        shape_row(b, &row);
        rc = ledger_put_batch(l, &row, e);
        for (uint32_t k = 0; rc == 0 && k < b->slice_count; k++)
            rc = ledger_add_slice(l, b->id, b->slices[k].shard, &b->slices[k].members, e);
    }
    return rc;
}

static void cut_is_durable(struct commit_op *op, const struct error *e)
{
    struct cutting *c = (struct cutting *)op;
    struct engine *g = c->engine;
    if (engine_committed(g, e)) {
        for (int i = 0; i < 2 && c->made[i] != NULL; i++)
            c->made[i]->busy = false;
        if (c->gone != NULL) {
            const struct batch *b = c->gone;
            for (uint32_t k = 0; c->made[0] == NULL && k < b->slice_count; k++)
                if (!batcher_add(&g->batcher, b->slices[k].shard, &b->slices[k].members,
                                 clock_mono_ms()))
                    engine_stopf(g, ERR_INTERNAL, "no memory for the records that wait");
            planner_forget(g, c->gone);
        }
    }
    free(c);
}

static void commit_cut(struct engine *g, struct batch *gone, struct batch *first,
                       struct batch *second)
{
    struct cutting *c = calloc(1, sizeof *c);
    if (c == NULL)
        abort();
    c->engine = g;
    c->gone = gone;
    c->made[0] = first;
    c->made[1] = second;
    c->op.apply = apply_cut;
    c->op.done = cut_is_durable;
    engine_commit(g, &c->op);
}

static struct batch *new_batch(struct engine *g, const struct batch *parent)
{
    struct batch *b = batch_create(g->batch_last_id + 1, 0);
    if (b == NULL)
        return NULL;
    if (!planner_keep(g, b)) {
        batch_destroy(b);
        return NULL;
    }
    g->batch_last_id++;
    b->parent = parent != NULL ? parent->id : 0;
    b->root = parent == NULL ? 0 : parent->root != 0 ? parent->root : parent->id;
    b->alone = parent != NULL ? parent->alone : g->echo == ECHO_MISSING;
    b->busy = true; /* until it is durable */
    return b;
}

static void split(struct engine *g, struct batch *b, const char *note)
{
    snprintf(b->note, sizeof b->note, "%s", note);
    b->busy = true;
    batch_move(b, BATCH_SPLIT);
    b->ended_ms = clock_wall_ms();
    log_write(LOG_INFO, "plan", "batch %u (%u items) is cut anew: %s", b->id, b->items, note);
    (void)g;
}

void planner_release(struct engine *g, struct batch *b, const char *note)
{
    split(g, b, note);
    commit_cut(g, b, NULL, NULL);
}

void planner_halve(struct engine *g, struct batch *b, int64_t single, const char *note)
{
    split(g, b, note);
    struct batch *first = new_batch(g, b), *second = new_batch(g, b);
    bool done =
        first != NULL && second != NULL &&
        (single >= 0 && single < b->items ? batch_single_out(b, (uint32_t)single, first, second)
                                          : batch_halve(b, first, second));
    if (!done) {
        engine_stopf(g, ERR_INTERNAL, "no memory to cut batch %u in two", b->id);
        return;
    }
    commit_cut(g, b, first, second);
}

/* Credits of batches that are cut and not sent. */
static int64_t prepared_cost(const struct engine *g, const struct batch *but)
{
    int64_t cost = 0;
    for (unsigned i = 0; i < g->batch_count; i++)
        if (g->batches[i] != but && g->batches[i]->state == BATCH_PREPARED)
            cost += (int64_t)g->batches[i]->items * g->price;
    return cost;
}

static uint64_t affordable(int64_t credits, int64_t price)
{
    if (price <= 0)
        return UINT64_MAX;
    return credits <= 0 ? 0 : (uint64_t)(credits / price);
}

static void lower(uint64_t *most, uint64_t limit, const char **why, const char *reason)
{
    if (limit < *most) {
        *most = limit;
        *why = reason;
    }
}

uint64_t planner_most(const struct engine *g, const struct batch *but, const char **why)
{
    int64_t prepared = prepared_cost(g, but);
    uint64_t most = g->setup.batch_items;
    *why = "";
    if (g->items_cap > 0)
        lower(&most, g->items_cap, why, "");
    if (g->setup.max_doubt_credits != INT64_MAX) {
        int64_t doubt = engine_doubt(g);
        lower(&most,
              doubt >= g->setup.max_doubt_credits
                  ? 0
                  : affordable(g->setup.max_doubt_credits, g->price),
              why, "max-doubt-credits");
    }
    if (g->setup.max_credits != INT64_MAX)
        lower(&most,
              affordable(g->setup.max_credits - g->spent - engine_owed(g) - prepared, g->price),
              why, "max-credits");
    if (g->balance >= 0)
        lower(&most, affordable(g->balance - prepared, g->price), why, "balance");
    return most;
}

/* Why no batch can be cut although records wait: wait for what may change it, or stop. */
static void stuck(struct engine *g, const char *why)
{
    if (strcmp(why, "balance") == 0 && !g->balance_fresh) {
        fetcher_balance(g);
        return;
    }
    for (unsigned i = 0; i < g->batch_count; i++) {
        if (batch_live(g->batches[i]->state)) {
            snprintf(g->waiting, sizeof g->waiting, "batches in flight to settle (%s)", why);
            return;
        }
    }
    g->remedy = strcmp(why, "max-credits") == 0         ? " --max-credits MORE"
                : strcmp(why, "max-doubt-credits") == 0 ? " --max-doubt-credits MORE"
                                                        : "";
    if (strcmp(why, "balance") == 0)
        engine_stopf(g, ERR_STOPPED,
                     "out of credits: the balance is %lld and one record costs %lld; %llu records"
                     " wait. Buy credits and resume, or end them: tranche resolve RUN --finish",
                     (long long)g->balance, (long long)g->price,
                     (unsigned long long)g->batcher.waiting);
    else if (strcmp(why, "max-credits") == 0)
        engine_stopf(g, ERR_STOPPED,
                     "--max-credits %lld is reached: %lld spent, %lld may be owed; %llu records"
                     " wait",
                     (long long)g->setup.max_credits, (long long)g->spent,
                     (long long)engine_owed(g), (unsigned long long)g->batcher.waiting);
    else
        engine_stopf(g, ERR_STOPPED,
                     "--max-doubt-credits %lld lets no further batch go: %lld credits are in"
                     " doubt; %llu records wait",
                     (long long)g->setup.max_doubt_credits, (long long)engine_doubt(g),
                     (unsigned long long)g->batcher.waiting);
}

static void cut(struct engine *g, uint64_t most)
{
    struct batch *b = new_batch(g, NULL);
    if (b == NULL || !batcher_cut(&g->batcher, most, b)) {
        engine_stopf(g, ERR_INTERNAL, "no memory for another batch");
        return;
    }
    log_trace("plan", "batch#%u PREPARED with %u items", b->id, b->items);
    commit_cut(g, NULL, b, NULL);
}

/* Whether one more batch may be cut: as late as can be, but so that one is ready whenever one can
 * go. While it is not known whether rows have an echo, one at a time. */
static bool room(const struct engine *g)
{
    unsigned live = 0, prepared = 0;
    for (unsigned i = 0; i < g->batch_count; i++) {
        live += batch_live(g->batches[i]->state);
        prepared += g->batches[i]->state == BATCH_PREPARED;
    }
    if (g->setup.operation->echo_unsure && g->echo == ECHO_UNKNOWN)
        return live == 0;
    unsigned ahead = g->setup.prepared_max < g->setup.live_max ? g->setup.prepared_max : 0;
    return prepared < g->setup.prepared_max && live < g->setup.live_max + ahead;
}

void planner_pump(struct engine *g)
{
    if (g->finish) {
        if (g->list_whole && g->batcher.waiting > 0)
            scatter_unsent(g, OUTCOME_NO_CREDITS, "not sent; ended by tranche resolve --finish");
        return;
    }
    for (;;) {
        if (g->batcher.waiting == 0 || !room(g))
            return;
        if (g->balance < 0 && g->setup.operation->provider->build_balance != NULL) {
            fetcher_balance(g);
            return;
        }
        const char *why;
        uint64_t most = planner_most(g, NULL, &why);
        int64_t at;
        if (g->setup.operation->echo_unsure && g->echo != ECHO_THERE && most > 1)
            most = 1;
        if (most > 0 &&
            !batcher_ready(&g->batcher, most, g->setup.linger_ms, clock_mono_ms(), &at)) {
            engine_wake_at(g, at);
            return;
        }
        bool short_of_balance = strcmp(why, "balance") == 0 && most < g->batcher.waiting;
        if (most == 0 || (short_of_balance && !g->balance_fresh)) {
            stuck(g, why);
            return;
        }
        cut(g, most);
    }
}
