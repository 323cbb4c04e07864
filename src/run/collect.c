/* The answers of one shard out of the ledger. See collect.h; any thread that has the ledger. */
#include "run/collect.h"

#include <stdlib.h>

/* Answers of a shard: bounded by what its replies could hold. */
#define COLLECT_BYTES_MAX ((size_t)512 << 20)

void collect_init(struct collected *c)
{
    memset(c, 0, sizeof *c);
    buf_init(&c->bytes, COLLECT_BYTES_MAX);
}

void collect_deinit(struct collected *c)
{
    buf_deinit(&c->bytes);
}

/* A record of this shard that takes its answer from a record of the shard being read. */
struct taker {
    uint32_t first; /* whose answer it takes */
    uint16_t index; /* of the taker, in its own shard */
};

struct collecting {
    struct collected *out;
    const struct taker *takers; /* sorted by first; those of one shard */
    unsigned count;
    uint32_t shard;
};

static int on_entry(void *arg, uint32_t shard, struct slice identities, struct slice firsts,
                    struct error *e)
{
    struct collected *c = arg;
    (void)identities;
    if (firsts.len != c->records * sizeof c->firsts[0])
        return error_set(e, ERR_DATA, "the ledger's entry of shard %u is damaged", shard);
    memcpy(c->firsts, firsts.data, firsts.len);
    return 0;
}

/* The first taker of that record, or NULL. */
static const struct taker *find(const struct collecting *c, uint32_t first)
{
    unsigned low = 0, high = c->count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (c->takers[middle].first < first)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->count && c->takers[low].first == first ? &c->takers[low] : NULL;
}

static int on_answers(void *arg, unsigned step, uint32_t batch, uint32_t page, struct slice answers,
                      struct error *e)
{
    struct collecting *c = arg;
    struct collected *out = c->out;
    struct answer answer;
    unsigned index;
    int more;
    (void)step, (void)page;
    for (;;) {
        const char *from = answers.data;
        more = answer_decode(&answers, &index, &answer);
        if (more <= 0)
            break;
        const struct taker *t = find(c, c->shard * SHARD_RECORDS + index + 1);
        /* The first answer counts: rows come with the latest batch and the lowest page first. */
        if (t == NULL || out->answer[t->index].len != 0)
            continue;
        uint32_t place = (uint32_t)out->bytes.len, len = (uint32_t)(answers.data - from);
        buf_append(&out->bytes, from, len);
        for (uint32_t first = t->first; t < c->takers + c->count && t->first == first; t++) {
            out->answer[t->index].place = place;
            out->answer[t->index].len = len;
            out->answer[t->index].batch = batch;
        }
    }
    if (more < 0 || out->bytes.failed)
        return error_set(e, ERR_DATA, "the ledger's answers of shard %u are damaged or too long",
                         c->shard);
    return 0;
}

static int by_first(const void *a, const void *b)
{
    const struct taker *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

int collect_shard(struct collected *c, struct ledger *l, const struct list_shard *place,
                  struct error *e)
{
    struct taker takers[SHARD_RECORDS];
    unsigned count = 0;
    c->records = place->records;
    memset(c->firsts, 0, sizeof c->firsts);
    memset(c->answer, 0, sizeof c->answer);
    buf_reset(&c->bytes);
    int rc = ledger_each_entry(l, 0, place->number, place->number, on_entry, c, e);
    for (uint32_t i = 0; i < place->records; i++)
        if (c->firsts[i] != 0)
            takers[count++] = (struct taker){c->firsts[i], (uint16_t)i};
    qsort(takers, count, sizeof takers[0], by_first);
    for (unsigned i = 0, n; rc == 0 && i < count; i += n) {
        struct collecting group = {.out = c, .takers = takers + i};
        group.shard = (takers[i].first - 1) / SHARD_RECORDS;
        for (n = 0; i + n < count && (takers[i + n].first - 1) / SHARD_RECORDS == group.shard;)
            n++;
        group.count = n;
        rc = ledger_each_answers(l, group.shard, on_answers, &group, e);
    }
    return rc;
}

bool collect_answer(const struct collected *c, unsigned index, struct answer *a)
{
    struct slice bytes = {c->bytes.data + c->answer[index].place, c->answer[index].len};
    unsigned ignored;
    return bytes.len > 0 && answer_decode(&bytes, &ignored, a) == 1;
}
