/* Request bodies: built on the pool while they are hashed, so that the hash is known before a byte
 * is sent. A large one goes into a file of the run directory and is streamed from there, whatever
 * its size; one of at most BODY_MEMORY_MAX stays in memory.
 *
 * A body is made of the batch's items in the list's order, each row read and checked again; a list
 * that changed meanwhile ends the run (list_read). Where batches are small, those whose items lie in
 * one shard are built together, so that the shard is read once for all of them. The file is not
 * durable: a process that dies leaves it behind, and the next one removes it (body_sweep).
 *
 * The pool reads the engine's list, mapping and set-up, the batches' items (they are busy
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
/* A body that cannot become longer stays in memory. */
#define BODY_MEMORY_MAX ((size_t)256 << 10)
/* So many small bodies are built together. */
#define BODY_GROUP_MAX 128

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
    if (b->body_ready && b->body == NULL) {
        path_of(g, b->id, path, sizeof path);
        unlink(path);
    }
    free(b->body);
    b->body = NULL;
    b->body_ready = false;
}

/* One body of a job. */
struct body {
    struct batch *batch;
    const struct operation *operation;
    char callback_url[512];
    char sha256[DIGEST_HEX_LEN + 1];
    uint64_t bytes;
    field_set form;
    struct buf block; /* what is not in the file yet; all of it where there is none */
    struct body_writer writer;
    struct digest *digest;
    const struct bits *members; /* of the shard that is read; NULL: none there */
    uint32_t items;
    int fd; /* -1: in memory */
};

struct job {
    struct work work;
    struct body *bodies;
    unsigned count;
    struct list_shard
        *places; /* of the first batch's slices: the engine's own may move meanwhile */
    uint32_t place_count;
    struct question question; /* the pool's */
    uint64_t first_record;    /* likewise: of the shard that is read */
};

static int flush(struct body *w, struct error *e)
{
    struct slice block = buf_slice(&w->block);
    if (w->block.failed)
        return error_set(e, ERR_INTERNAL, "a request item is longer than %zu bytes", w->block.max);
    if (w->fd < 0)
        return 0;
    digest_add(w->digest, block);
    w->bytes += block.len;
    int rc = file_write(w->fd, block.data, block.len, e);
    buf_reset(&w->block);
    return rc;
}

/* The field in which a reply must not name somebody else: the address or the profile that was looked
 * up. A profile by an id of LinkedIn's own is answered by the name that the person chose. */
static field_set contradictable(const struct question *q)
{
    struct slice url = q->record.value[FIELD_LINKEDIN_URL];
    if (q->operation->identity != 0)
        return 0;
    if (q->set == FIELD_BIT(EMAIL))
        return q->set;
    bool chosen = memmem(url.data, url.len, "/in/", 4) != NULL &&
                  memmem(url.data, url.len, "/in/ACo", 7) == NULL;
    return q->set == FIELD_BIT(LINKEDIN_URL) && chosen ? q->set : 0;
}

static int on_row(void *arg, const struct list_row *row, struct error *e)
{
    struct job *job = arg;
    unsigned index = (unsigned)(row->record - job->first_record);
    const char *reason;
    for (unsigned i = 0; i < job->count; i++) {
        struct body *w = &job->bodies[i];
        if (w->members == NULL || !bits_test(w->members, index))
            continue;
        if (!question_check(&job->question, row, &reason))
            return error_set(e, ERR_INTERNAL,
                             "record %llu was valid when it was planned and is not now: %s",
                             (unsigned long long)row->record, reason);
        w->form = contradictable(&job->question);
        if (!w->operation->body_item(&w->writer, &job->question.record, job->question.set))
            continue;
        w->writer.items++;
        w->items++;
        if ((w->block.len >= BODY_BLOCK / 2 || w->block.failed) && flush(w, e) != 0)
            return e->code;
    }
    return 0;
}

/* The members that each body has in this shard. */
static bool in_shard(struct job *job, const struct list_shard *place)
{
    bool some = false;
    for (unsigned i = 0; i < job->count; i++) {
        const struct batch_slice *s = batch_slice(job->bodies[i].batch, place->number);
        job->bodies[i].members = s != NULL ? &s->members : NULL;
        some |= s != NULL;
    }
    job->first_record = place->first_record;
    return some;
}

static int pass(struct job *job, struct error *e)
{
    for (uint32_t i = 0; i < job->place_count; i++)
        if (in_shard(job, &job->places[i]) &&
            list_read(job->work.engine->list, &job->places[i], on_row, job, e) != 0)
            return e->code;
    return 0;
}

static int begin(struct body *w, const struct engine *g, struct error *e)
{
    const struct operation *op = w->operation;
    char path[4096];
    bool large = (uint64_t)w->batch->items * op->item_bytes_max + 1024 > BODY_MEMORY_MAX;
    buf_init(&w->block, large ? BODY_BLOCK : BODY_MEMORY_MAX);
    w->writer = (struct body_writer){
        .operation = op, .out = &w->block, .callback_url = slice_of(w->callback_url)};
    w->digest = digest_create();
    if (w->digest == NULL)
        abort();
    w->fd = -1;
    if (large) {
        path_of(g, w->batch->id, path, sizeof path);
        unlink(path);
        w->fd = file_create(path, true, e);
        if (w->fd < 0)
            return e->code == ERR_CANTCREATE ? (e->code = ERR_IO) : e->code;
    }
    op->body_begin(&w->writer);
    return 0;
}

static int end(struct body *w, struct error *e)
{
    uint8_t sum[DIGEST_LEN];
    w->operation->body_end(&w->writer);
    int rc = flush(w, e);
    if (rc == 0 && w->items != w->batch->items)
        rc = error_set(e, ERR_INTERNAL, "batch %u has %u items and its body %u", w->batch->id,
                       w->batch->items, w->items);
    if (w->fd < 0) {
        digest_add(w->digest, buf_slice(&w->block));
        w->bytes = w->block.len;
    }
    digest_finish(w->digest, sum);
    w->digest = NULL;
    digest_hex(sum, sizeof sum, w->sha256);
    return rc;
}

static int build(struct job *job, struct error *e)
{
    const struct operation *op = job->bodies[0].operation;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < job->count; i++)
        rc = begin(&job->bodies[i], job->work.engine, e);
    for (unsigned p = 0; rc == 0 && (p == 0 || p < op->passes); p++) {
        for (unsigned i = 0; i < job->count; i++) {
            struct body_writer *w = &job->bodies[i].writer;
            if (p > 0)
                op->body_pass(w);
            w->pass = p;
            w->items = 0;
        }
        rc = pass(job, e);
    }
    for (unsigned i = 0; rc == 0 && i < job->count; i++)
        rc = end(&job->bodies[i], e);
    return rc;
}

static void build_run(struct work *work)
{
    struct job *job = (struct job *)work;
    question_init(&job->question, job->bodies[0].operation, &work->engine->mapping);
    if (build(job, &work->error) != 0)
        error_prefix(&work->error, "the body of batch %u", job->bodies[0].batch->id);
    question_deinit(&job->question);
}

static void build_done(struct work *work)
{
    struct job *job = (struct job *)work;
    work->engine->bodies--;
    if (work->error.code != 0)
        engine_stop(work->engine, &work->error);
    for (unsigned i = 0; i < job->count; i++) {
        struct body *w = &job->bodies[i];
        struct batch *b = w->batch;
        if (work->error.code == 0) {
            memcpy(b->body_sha256, w->sha256, sizeof b->body_sha256);
            b->body_bytes = w->bytes;
            b->body_ready = true;
            b->busy = false;
            b->form = b->items == 1 ? w->form : 0;
            if (w->fd < 0) {
                b->body = malloc(w->bytes + 1);
                if (b->body == NULL)
                    abort();
                memcpy(b->body, buf_text(&w->block), w->bytes + 1);
            }
        }
        if (w->fd >= 0)
            close(w->fd);
        if (w->digest != NULL) /* it failed on the way */
            digest_finish(w->digest, (uint8_t[DIGEST_LEN]){0});
        buf_deinit(&w->block);
    }
    free(job->bodies);
    free(job->places);
    free(job);
}

/* Whether the other body can be built in the same reading: both lie in one shard, and the same
 * operation asks them. */
static bool together(const struct batch *a, const struct batch *b)
{
    return b->state == BATCH_PREPARED && !b->busy && !b->body_ready && b->alone == a->alone &&
           a->slice_count == 1 && b->slice_count == 1 && a->slices[0].shard == b->slices[0].shard;
}

static void add(struct job *job, struct engine *g, struct batch *b)
{
    struct body *w = &job->bodies[job->count++];
    struct token token = {.batch = b->id, .attempt = b->attempt + 1};
    w->batch = b;
    w->operation = engine_operation(g, b);
    w->fd = -1;
    memcpy(token.run, g->run_id, sizeof token.run);
    token_make(g->secret.key, w->operation->provider->name, &token, b->token);
    arrivals_address(g, b->token, w->callback_url, sizeof w->callback_url);
    b->busy = true;
}

void body_make(struct engine *g, struct batch *b)
{
    struct job *job = calloc(1, sizeof *job);
    unsigned most = g->setup.prepared_max < BODY_GROUP_MAX ? g->setup.prepared_max : BODY_GROUP_MAX;
    if (job == NULL || (job->bodies = calloc(most, sizeof *job->bodies)) == NULL ||
        (job->places = calloc(b->slice_count, sizeof *job->places)) == NULL)
        abort();
    job->place_count = b->slice_count;
    for (uint32_t i = 0; i < b->slice_count; i++)
        job->places[i] = g->shards[b->slices[i].shard].place;
    add(job, g, b);
    for (unsigned i = 0; i < g->batch_count && job->count < most; i++)
        if (together(b, g->batches[i]))
            add(job, g, g->batches[i]);
    job->work.run = build_run;
    job->work.done = build_done;
    g->bodies++;
    engine_work(g, &job->work);
}

int body_open(const struct engine *g, const struct batch *b, struct error *e)
{
    char path[4096];
    path_of(g, b->id, path, sizeof path);
    return file_open_read(path, e);
}
