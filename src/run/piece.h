/* One shard as a piece of output: its rows, read again from the list, with their answers, rendered
 * and compressed; the lines of its records that came to nothing; and what they add up to. */
#ifndef TRANCHE_RUN_PIECE_H
#define TRANCHE_RUN_PIECE_H

#include "output/frame.h"
#include "run/collect.h"
#include "run/question.h"

/* What a run's output is made of; read-only while pieces are made, by any thread. */
struct recipe {
    const struct list *list;
    const struct mapping *mapping;
    const struct operation *operation;
    const struct render *render;
    enum frame_packing packing;
};

struct piece {
    struct collected collected; /* filled in by the caller: collect_shard */
    struct buf bytes;           /* the piece */
    struct buf rejects;         /* NDJSON: record, line, outcome, reason, text */
    uint64_t outcomes[OUTCOME_COUNT];
    int64_t priced; /* credits by the price list */
    /* Its own. */
    const struct recipe *recipe;
    struct question question;
    struct frame *frame;
    struct buf lines;
    uint64_t first_record;
};

int piece_init(struct piece *p, const struct recipe *recipe, struct error *e);
void piece_deinit(struct piece *p);

/* Make the piece of a shard from p->collected; reusable. Shard 0 begins with the header. ERR_DATA
 * when the list changed; ERR_INTERNAL when a record has no answer. */
int piece_make(struct piece *p, const struct list_shard *place, struct error *e);

#endif
