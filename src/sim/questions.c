/* Lists questions: one walk counts how often each was asked, a second one prints.
 *
 * The counts take 24 bytes a place while the list is made, and nothing afterwards. One thread. */
#include "sim/questions.h"

#include <stdlib.h>
#include <string.h>

#include "sim/shop.h"
#include "wire/json_write.h"

/* One question on its way through a walk. */
struct asked {
    const struct question *question; /* normalised */
    const struct truth *truth;
    const struct account_batch *batch; /* or NULL */
    const struct account_job *job;     /* or NULL */
    uint32_t item;                     /* of the batch */
    int64_t credits;                   /* of one that was answered at once */
};

typedef int asked_fn(void *arg, const struct asked *asked, struct error *e);

/* ---- the walks ---- */

static int walk_batch(struct shop *shop, const struct account_batch *b, asked_fn *fn, void *arg,
                      struct error *e)
{
    const struct items_view *view;
    if (items_open_view(account_items(shop->account), &b->range, &view, e) != 0)
        return e->code;
    for (uint32_t i = 0; i < b->range.count; i++) {
        struct question q = {.service = b->service};
        struct asked asked = {.question = &q, .truth = &b->truth, .batch = b, .item = i};
        items_get(view, i, q.field);
        shop_normalise(shop, &q);
        if (fn(arg, &asked, e) != 0)
            return e->code;
    }
    return 0;
}

static int walk_jobs(struct shop *shop, asked_fn *fn, void *arg, struct error *e)
{
    for (uint64_t i = 0; i < account_jobs(shop->account); i++) {
        const struct account_job *job = account_job(shop->account, i);
        struct question q;
        struct asked asked = {.question = &q, .truth = &job->truth, .job = job};
        account_job_question(job, &q);
        shop_normalise(shop, &q);
        if (fn(arg, &asked, e) != 0)
            return e->code;
    }
    return 0;
}

struct answers_walk {
    asked_fn *fn;
    void *arg;
};

static int walk_answer(void *arg, const struct question *q, const struct truth *truth,
                       int64_t credits, struct error *e)
{
    struct answers_walk *w = arg;
    struct asked asked = {.question = q, .truth = truth, .credits = credits};
    return w->fn(w->arg, &asked, e);
}

static int walk_answers(struct shop *shop, asked_fn *fn, void *arg, struct error *e)
{
    struct answers_walk w = {fn, arg};
    return account_walk_answers(shop->account, &shop->scratch, walk_answer, &w, e);
}

static int walk_all(struct shop *shop, asked_fn *fn, void *arg, struct error *e)
{
    for (uint32_t i = 0; i < account_batches(shop->account); i++)
        if (walk_batch(shop, account_batch(shop->account, i), fn, arg, e) != 0)
            return e->code;
    int code = walk_jobs(shop, fn, arg, e);
    return code != 0 ? code : walk_answers(shop, fn, arg, e);
}

/* ---- how often ---- */

struct tally {
    struct tally_place {
        XXH128_hash_t digest;
        uint64_t times; /* 0: an empty place */
    } * place;
    uint64_t places, used; /* places: a power of two */
};

static struct tally_place *tally_find(const struct tally *t, XXH128_hash_t digest)
{
    uint64_t i = digest.low64 & (t->places - 1);
    while (t->place[i].times > 0 && !XXH128_isEqual(t->place[i].digest, digest))
        i = (i + 1) & (t->places - 1);
    return &t->place[i];
}

static bool tally_grow(struct tally *t)
{
    struct tally old = *t;
    t->places = old.places ? old.places * 2 : 1024;
    t->place = calloc(t->places, sizeof *t->place);
    if (!t->place) {
        *t = old;
        return false;
    }
    for (uint64_t i = 0; i < old.places; i++)
        if (old.place[i].times > 0)
            *tally_find(t, old.place[i].digest) = old.place[i];
    free(old.place);
    return true;
}

/* A digest that differs between services, whatever their salts are. */
static XXH128_hash_t digest_asked(const struct question *q)
{
    return XXH3_128bits_withSeed(q->key.data, q->key.len,
                                 XXH3_64bits(q->service->name, strlen(q->service->name)));
}

static int count_asked(void *arg, const struct asked *asked, struct error *e)
{
    struct tally *t = arg;
    if ((t->used + 1) * 2 > t->places && !tally_grow(t))
        return error_set(e, ERR_INTERNAL, "no memory to count questions");
    XXH128_hash_t digest = digest_asked(asked->question);
    struct tally_place *p = tally_find(t, digest);
    t->used += p->times == 0;
    p->digest = digest;
    p->times++;
    return 0;
}

/* ---- printing ---- */

struct printing {
    struct shop *shop;
    struct tally tally;
    struct buf *out;
};

/* Whether an item of a settled batch was processed, and so paid for. */
static bool batch_charged(const struct account_batch *b, uint32_t item)
{
    return b->settled &&
           (b->fate == FATE_COMPLETES || (b->fate == FATE_HALF_FAILS && item < b->range.count / 2));
}

static void print_job(struct shop *shop, const struct account_job *job, struct buf *out,
                      bool *first)
{
    static const char *const states[] = {"queued", "running", "finished", "failed"};
    char id[ACCOUNT_ID_MAX];
    shop->vendor->job_id(shop, job->number, id);
    json_write_member_string(out, first, "id", slice_of(id));
    json_write_member_string(out, first, "state", slice_of(states[job->state]));
    if (job->fail[0])
        json_write_member_string(out, first, "fail", slice_of(job->fail));
    if (job->callback[0])
        json_write_member_string(out, first, "callback", slice_of(job->callback));
}

static int print_asked(void *arg, const struct asked *asked, struct error *e)
{
    struct printing *p = arg;
    struct buf *out = p->out;
    const struct account_batch *b = asked->batch;
    bool first = true;
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "operation", slice_of(asked->question->service->name));
    json_write_member_string(out, &first, "way",
                             b            ? SLICE_LIT("batch")
                             : asked->job ? SLICE_LIT("job")
                                          : SLICE_LIT("single"));
    json_write_key(out, &first, "question");
    question_print(asked->question, out);
    int64_t cost = p->shop->vendor->judge(p->shop, asked->truth, asked->question, out);
    int64_t charged = b            ? (batch_charged(b, asked->item) ? cost : 0)
                      : asked->job ? asked->job->charged
                                   : asked->credits;
    json_write_member_i64(out, &first, "charged", charged);
    json_write_member_i64(out, &first, "times",
                          (int64_t)tally_find(&p->tally, digest_asked(asked->question))->times);
    if (b)
        json_write_member_string(out, &first, "id", slice_of(b->id));
    if (b && b->callback[0])
        json_write_member_string(out, &first, "callback", slice_of(b->callback));
    if (asked->job)
        print_job(p->shop, asked->job, out, &first);
    buf_append_text(out, "}\n");
    return out->failed ? error_set(e, ERR_INTERNAL, "too many questions to list") : 0;
}

int questions_print(struct shop *shop, struct buf *out, struct error *e)
{
    struct printing p = {.shop = shop, .out = out};
    int code = walk_all(shop, count_asked, &p.tally, e);
    if (code == 0)
        code = walk_all(shop, print_asked, &p, e);
    free(p.tally.place);
    return code;
}

static int print_identity(void *arg, const struct asked *asked, struct error *e)
{
    struct buf *out = arg;
    question_print(asked->question, out);
    buf_append_char(out, '\n');
    return out->failed ? error_set(e, ERR_INTERNAL, "too many identities to list") : 0;
}

int questions_print_batch(struct shop *shop, const struct account_batch *b, struct buf *out,
                          struct error *e)
{
    return walk_batch(shop, b, print_identity, out, e);
}

int questions_print_jobs(struct shop *shop, struct buf *out, struct error *e)
{
    return walk_jobs(shop, print_identity, out, e);
}

int questions_print_answers(struct shop *shop, struct buf *out, struct error *e)
{
    return walk_answers(shop, print_identity, out, e);
}
