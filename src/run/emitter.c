/* The output, shard by shard in the list's order.
 *
 * Happy path: a shard all of whose asked records have answers, behind shards that have been taken
 * already, is collected from the ledger, rendered and compressed on the pool; pieces that are ready
 * in order are appended to OUT.partial and the rejects, made durable, and then the ledger says so
 * (output length, shards, totals) in one transaction.
 *
 * Failure modes: dies after the append and before the commit: the file is longer than the ledger
 * says, and opening truncates it. The list changed: the piece is thrown away and the run stops.
 *
 * At most ENGINE_RENDER_MAX shards are under way, whatever the list's size. On the loop's thread,
 * but for the work it hands out. */
#include "run/engine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "run/piece.h"
#include "run/totals.h"

enum slot_state { SLOT_FREE, SLOT_COLLECTING, SLOT_RENDERING, SLOT_READY, SLOT_APPENDING };

struct slot {
    enum slot_state state;
    struct work work;
    struct commit_op op;
    struct emitter *emitter;
    uint32_t shard;
    struct list_shard place;
    struct piece piece;
};

struct emitter {
    struct engine *engine;
    struct recipe recipe;
    struct slot slots[ENGINE_RENDER_MAX];
    uint32_t next; /* shard to start */
    bool appending;
    struct totals totals; /* durable, and those of the append under way */
    struct work work;
    struct commit_op op;
    struct { /* the pool's while appending */
        struct partial *partial;
        int rejects_fd;
        struct slot *slots[ENGINE_RENDER_MAX];
        unsigned count;
    } append;
};

static int open_rejects(struct engine *g, struct emitter *m, struct error *e)
{
    char *path = file_join(g->dir, "rejects.ndjson");
    int fd = file_create(path, false, e);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    int rc = fd < 0 ? e->code : 0;
    if (rc == 0 && (uint64_t)size < m->totals.rejects_bytes)
        rc = error_set(e, ERR_DATA, "%s is shorter than the ledger says", path);
    else if (rc == 0 &&
             (ftruncate(fd, (off_t)m->totals.rejects_bytes) != 0 || lseek(fd, 0, SEEK_END) < 0))
        rc = error_set(e, ERR_IO, "%s cannot be truncated", path);
    if (rc == 0)
        rc = file_sync_folder(path, e);
    m->append.rejects_fd = fd;
    free(path);
    return rc;
}

int emitter_open(struct engine *g, struct error *e)
{
    struct emitter *m = calloc(1, sizeof *m);
    uint64_t bytes;
    if (m == NULL)
        return error_set(e, ERR_INTERNAL, "no memory for the output");
    g->emitter = m;
    m->engine = g;
    m->append.rejects_fd = -1;
    m->recipe = (struct recipe){g->list, &g->mapping, g->setup.operation, &g->render, g->packing};
    int rc = ledger_get_output(g->ledger, &bytes, &g->emitted, e);
    if (rc >= 0)
        rc = totals_load(&m->totals, g->ledger, e);
    if (rc >= 0)
        rc = partial_open(&m->append.partial, g->output, bytes, e);
    if (rc == 0)
        rc = open_rejects(g, m, e);
    for (int i = 0; rc == 0 && i < ENGINE_RENDER_MAX; i++) {
        m->slots[i].emitter = m;
        rc = piece_init(&m->slots[i].piece, &m->recipe, e);
    }
    m->next = g->emitted;
    g->output_bytes = bytes;
    memcpy(g->outcomes, m->totals.outcomes, sizeof g->outcomes);
    g->priced = m->totals.priced;
    return rc;
}

void emitter_close(struct engine *g)
{
    struct emitter *m = g->emitter;
    if (m == NULL)
        return;
    for (int i = 0; i < ENGINE_RENDER_MAX; i++)
        if (m->slots[i].emitter != NULL)
            piece_deinit(&m->slots[i].piece);
    partial_close(m->append.partial);
    if (m->append.rejects_fd >= 0)
        close(m->append.rejects_fd);
    free(m);
    g->emitter = NULL;
}

int emitter_finish(struct engine *g, struct error *e)
{
    return partial_finish(g->emitter->append.partial, e);
}

static void render_run(struct work *work)
{
    struct slot *s = queue_owner(work, struct slot, work);
    piece_make(&s->piece, &s->place, &work->error);
}

static void render_done(struct work *work)
{
    struct slot *s = queue_owner(work, struct slot, work);
    s->state = SLOT_READY;
    if (work->error.code != 0) {
        s->state = SLOT_FREE;
        engine_stop(work->engine, &work->error);
    }
}

static int apply_collect(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct slot *s = queue_owner(op, struct slot, op);
    return collect_shard(&s->piece.collected, l, &s->place, e);
}

static void collected(struct commit_op *op, const struct error *e)
{
    struct slot *s = queue_owner(op, struct slot, op);
    struct engine *g = s->emitter->engine;
    s->state = SLOT_RENDERING;
    if (!engine_committed(g, e))
        return;
    s->work.run = render_run;
    s->work.done = render_done;
    engine_work(g, &s->work);
}

static void start_shards(struct engine *g, struct emitter *m)
{
    for (int i = 0; i < ENGINE_RENDER_MAX; i++) {
        struct slot *s = &m->slots[i];
        if (s->state != SLOT_FREE)
            continue;
        if (m->next >= g->shard_count || !g->shards[m->next].planned || g->shards[m->next].open > 0)
            return;
        s->state = SLOT_COLLECTING;
        s->shard = m->next;
        s->place = g->shards[m->next++].place;
        s->op.apply = apply_collect;
        s->op.done = collected;
        engine_commit(g, &s->op);
    }
}

static struct slot *ready_slot(struct emitter *m, uint32_t shard)
{
    for (int i = 0; i < ENGINE_RENDER_MAX; i++)
        if (m->slots[i].state == SLOT_READY && m->slots[i].shard == shard)
            return &m->slots[i];
    return NULL;
}

static void append_run(struct work *work)
{
    struct emitter *m = queue_owner(work, struct emitter, work);
    struct buf *all = &m->append.slots[0]->piece.bytes;
    struct buf *rejects = &m->append.slots[0]->piece.rejects;
    struct error *e = &work->error;
    for (unsigned i = 1; i < m->append.count; i++) {
        buf_append_slice(all, buf_slice(&m->append.slots[i]->piece.bytes));
        buf_append_slice(rejects, buf_slice(&m->append.slots[i]->piece.rejects));
    }
    if (all->failed || rejects->failed) {
        error_set(e, ERR_INTERNAL, "no memory for the output");
        return;
    }
    if (partial_append(m->append.partial, buf_slice(all), e) != 0 || rejects->len == 0)
        return;
    if (file_write(m->append.rejects_fd, rejects->data, rejects->len, e) != 0 ||
        file_sync(m->append.rejects_fd, e) != 0)
        error_prefix(e, "rejects.ndjson");
}

static int apply_append(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct emitter *m = queue_owner(op, struct emitter, op);
    int rc = ledger_set_output(l, partial_bytes(m->append.partial),
                               m->append.slots[m->append.count - 1]->shard + 1, e);
    return rc != 0 ? rc : totals_store(&m->totals, l, e);
}

static void append_is_durable(struct commit_op *op, const struct error *e)
{
    struct emitter *m = queue_owner(op, struct emitter, op);
    struct engine *g = m->engine;
    if (!engine_committed(g, e))
        return;
    for (unsigned i = 0; i < m->append.count; i++)
        m->append.slots[i]->state = SLOT_FREE;
    g->emitted += m->append.count;
    g->output_bytes = partial_bytes(m->append.partial);
    memcpy(g->outcomes, m->totals.outcomes, sizeof g->outcomes);
    g->priced = m->totals.priced;
    m->appending = false;
}

static void append_done(struct work *work)
{
    struct emitter *m = queue_owner(work, struct emitter, work);
    if (work->error.code != 0) {
        /* What is in the file now is not known: the run ends here and the next start truncates it.
         */
        m->engine->stop = work->error;
        engine_abandon(m->engine);
        return;
    }
    m->op.apply = apply_append;
    m->op.done = append_is_durable;
    engine_commit(m->engine, &m->op);
}

static void append_ready(struct engine *g, struct emitter *m)
{
    struct slot *s;
    m->append.count = 0;
    while (m->append.count < ENGINE_RENDER_MAX &&
           (s = ready_slot(m, g->emitted + m->append.count)) != NULL) {
        s->state = SLOT_APPENDING;
        totals_add(&m->totals, s->piece.outcomes, s->piece.priced, s->piece.rejects.len);
        m->append.slots[m->append.count++] = s;
    }
    if (m->append.count == 0)
        return;
    m->appending = true;
    m->work.run = append_run;
    m->work.done = append_done;
    engine_work(g, &m->work);
}

/* Its last page may still be on its way when all of its records have answers. */
static bool still_live(const struct engine *g)
{
    for (unsigned i = 0; i < g->batch_count; i++)
        if (batch_live(g->batches[i]->state))
            return true;
    return false;
}

void emitter_pump(struct engine *g)
{
    struct emitter *m = g->emitter;
    if (!g->stopping)
        start_shards(g, m);
    if (!m->appending)
        append_ready(g, m);
    if (g->list_whole && g->emitted == g->shard_count && !still_live(g))
        g->complete = true;
}
