/* Request bodies: built on the pool into a file of the run directory while they are hashed, so that
 * a body of any size is streamed from disk and its hash is known before it is sent.
 *
 * A body is made of the batch's items in the list's order, each row read and checked again; a list
 * that changed meanwhile ends the run (list_read). The file is not durable: a process that dies
 * leaves it behind, and the next one removes it (body_sweep).
 *
 * The pool reads the engine's list, mapping and set-up, the batch's items (the batch is busy
 * meanwhile), and a copy of the places it needs, because the engine's own may move. */
#include "run/engine.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "run/question.h"
#include "wire/digest.h"

#define BODY_BLOCK ((size_t)1 << 20)

static void path_of(const struct engine *g, uint32_t batch, char *path, size_t size)
{
    snprintf(path, size, "%s/body.%u", g->dir, batch);
}

void body_sweep(struct engine *g)
{
    DIR *dir = opendir(g->dir);
    if (dir == NULL)
        return;
    for (struct dirent *d; (d = readdir(dir)) != NULL;)
        if (strncmp(d->d_name, "body.", 5) == 0)
            unlinkat(dirfd(dir), d->d_name, 0);
    closedir(dir);
}

void body_drop(struct engine *g, struct batch *b)
{
    char path[4096];
    path_of(g, b->id, path, sizeof path);
    unlink(path);
    b->body_ready = false;
}

struct body {
    struct work work;
    struct batch *batch;
    char path[4096];
    struct list_shard *places; /* of the batch's slices: the engine's own may move meanwhile */
    char sha256[DIGEST_HEX_LEN + 1];
    uint64_t bytes;
    struct { /* the pool's */
        struct question question;
        struct buf block;
        struct digest *digest;
        const struct bits *members;
        uint64_t first_record; /* of the shard */
        uint32_t items;
        int fd;
    } pool;
};

static int flush(struct body *w, struct error *e)
{
    struct slice block = buf_slice(&w->pool.block);
    if (w->pool.block.failed)
        return error_set(e, ERR_INTERNAL, "a request item is longer than %zu bytes", BODY_BLOCK);
    digest_add(w->pool.digest, block);
    w->bytes += block.len;
    int rc = file_write(w->pool.fd, block.data, block.len, e);
    buf_reset(&w->pool.block);
    return rc;
}

static int on_row(void *arg, const struct list_row *row, struct error *e)
{
    struct body *w = arg;
    const struct operation *op = w->pool.question.operation;
    const char *reason;
    if (!bits_test(w->pool.members, (unsigned)(row->record - w->pool.first_record)))
        return 0;
    if (!question_check(&w->pool.question, row, &reason))
        return error_set(e, ERR_INTERNAL,
                         "record %llu was valid when it was planned and is not now: %s",
                         (unsigned long long)row->record, reason);
    op->body_item(&w->pool.block, &w->pool.question.record, w->pool.items++ == 0);
    return w->pool.block.len >= BODY_BLOCK / 2 ? flush(w, e) : 0;
}

static int build(struct body *w, struct error *e)
{
    const struct engine *g = w->work.engine;
    const struct operation *op = g->setup.operation;
    int rc = 0;
    unlink(w->path);
    w->pool.fd = file_create(w->path, true, e);
    if (w->pool.fd < 0)
        return e->code == ERR_CANTCREATE ? (e->code = ERR_IO) : e->code;
    op->body_begin(&w->pool.block);
    for (uint32_t i = 0; rc == 0 && i < w->batch->slice_count; i++) {
        w->pool.members = &w->batch->slices[i].members;
        w->pool.first_record = w->places[i].first_record;
        rc = list_read(g->list, &w->places[i], on_row, w, e);
    }
    op->body_end(&w->pool.block);
    if (rc == 0)
        rc = flush(w, e);
    if (rc == 0 && w->pool.items != w->batch->items)
        rc = error_set(e, ERR_INTERNAL, "batch %u has %u items and its body %u", w->batch->id,
                       w->batch->items, w->pool.items);
    close(w->pool.fd);
    return rc;
}

static void build_run(struct work *work)
{
    struct body *w = (struct body *)work;
    const struct engine *g = work->engine;
    uint8_t sum[DIGEST_LEN];
    question_init(&w->pool.question, g->setup.operation, &g->mapping);
    buf_init(&w->pool.block, BODY_BLOCK);
    w->pool.digest = digest_create();
    if (w->pool.digest == NULL)
        abort();
    if (build(w, &work->error) != 0)
        error_prefix(&work->error, "the body of batch %u", w->batch->id);
    digest_finish(w->pool.digest, sum);
    digest_hex(sum, sizeof sum, w->sha256);
    question_deinit(&w->pool.question);
    buf_deinit(&w->pool.block);
}

static void build_done(struct work *work)
{
    struct body *w = (struct body *)work;
    struct batch *b = w->batch;
    work->engine->bodies--;
    if (work->error.code != 0) {
        engine_stop(work->engine, &work->error);
    } else {
        memcpy(b->body_sha256, w->sha256, sizeof b->body_sha256);
        b->body_bytes = w->bytes;
        b->body_ready = true;
        b->busy = false;
    }
    free(w->places);
    free(w);
}

void body_make(struct engine *g, struct batch *b)
{
    struct body *w = calloc(1, sizeof *w);
    if (w == NULL || (w->places = calloc(b->slice_count, sizeof *w->places)) == NULL)
        abort();
    w->batch = b;
    path_of(g, b->id, w->path, sizeof w->path);
    for (uint32_t i = 0; i < b->slice_count; i++)
        w->places[i] = g->shards[b->slices[i].shard].place;
    w->work.run = build_run;
    w->work.done = build_done;
    b->busy = true;
    g->bodies++;
    engine_work(g, &w->work);
}

int body_open(const struct engine *g, const struct batch *b, struct error *e)
{
    char path[4096];
    path_of(g, b->id, path, sizeof path);
    return file_open_read(path, e);
}
