/* The answers of one shard out of the ledger, each record's own or that of the record it repeats:
 * what rendering needs. */
#ifndef TRANCHE_RUN_COLLECT_H
#define TRANCHE_RUN_COLLECT_H

#include "ledger/ledger.h"
#include "record/answer.h"

struct collected {
    uint32_t records; /* of the shard */
    uint32_t
        firsts[SHARD_RECORDS]; /* 0: invalid; its own number: asked; else the record it repeats */
    struct {
        uint32_t place, len; /* in `bytes`, as answer_encode wrote it; len 0: none */
        uint32_t batch;
    } answer[SHARD_RECORDS];
    struct buf bytes;
};

void collect_init(struct collected *c);
void collect_deinit(struct collected *c);

/* On the thread that has the ledger. Costs one read of the shard's answers and one of each shard
 * that its duplicates point into. */
int collect_shard(struct collected *c, struct ledger *l, const struct list_shard *place,
                  struct error *e);

/* The answer of the shard's index-th record; false when it has none. */
bool collect_answer(const struct collected *c, unsigned index, struct answer *a);

#endif
