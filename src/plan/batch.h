/* The batch machine: one submission to a vendor from the moment its items are chosen to the moment
 * each has its answer.
 *
 *     PREPARED -- armed --> SENDING -- reply --> ACCEPTED -- pending --> WAITING
 *        ^                     |                    |                      |
 *        |                     |                    +----- results --------+--> FETCHING --> DONE
 *        |                     |                                                  (all are in)
 *        +-- not applied ------+
 *                              +-- may have been applied --> IN_DOUBT
 *
 *     PREPARED --> SPLIT    its items go into other batches, or wait for one
 *     PREPARED --> FAILED   its one item was refused for good
 *     ACCEPTED, WAITING --> IN_DOUBT  nothing came by the deadline
 *     FETCHING --> IN_DOUBT the results cannot be read, or belong to other records
 *     FETCHING --> SPLIT    the vendor looked at none of its items, for want of credits
 *     IN_DOUBT --> PREPARED, ACCEPTED, SKIPPED   by evidence or a recorded decision
 *
 * The ways of delivery differ in what brings the results: where the reply to the submission holds
 * them it is page 1, and the batch is FETCHING as soon as it is durable; likewise the poll that says
 * done, and a callback.
 *
 * The states are durable, each in the ledger before anything that follows from it happens; what a
 * batch wants to do next is computed from its state (batch_need), never from the history of
 * callbacks. Pure: no I/O, the time is a parameter. */
#ifndef TRANCHE_PLAN_BATCH_H
#define TRANCHE_PLAN_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/machine.h"
#include "provider/provider.h"

enum batch_state {
    BATCH_PREPARED, /* items durable; nothing sent, or what was sent was surely not applied */
    BATCH_SENDING,  /* armed: the submission may be anywhere */
    BATCH_ACCEPTED, /* the vendor's id is known */
    BATCH_WAITING,  /* the vendor works on it */
    BATCH_FETCHING, /* the vendor is done; pages are fetched */
    BATCH_DONE,     /* every item has its answer */
    BATCH_IN_DOUBT, /* whether the vendor has it is not known */
    BATCH_SPLIT,    /* its items are in other batches, or wait for one */
    BATCH_FAILED,   /* refused for good: its items failed */
    BATCH_SKIPPED,  /* by the user's decision */
    BATCH_STATES
};

extern const struct machine batch_machine;

/* Whether the batch holds its items: at most one such batch per step and identity. */
bool batch_holds(enum batch_state s);
/* Whether the vendor may charge for it and the charge is not settled. */
bool batch_owes(enum batch_state s);
/* Whether it is something to work on: not ended, not in doubt. */
bool batch_live(enum batch_state s);

/* The items of one shard. */
struct batch_slice {
    uint32_t shard;
    struct bits members;
    struct bits answered; /* or about to be: claimed */
};

enum page_state { PAGE_WANTED, PAGE_BUSY, PAGE_STORED, PAGE_DONE };

struct batch {
    uint32_t id, parent;
    uint32_t root; /* the batch that a chain of splits began with, in this process; 0: none */
    unsigned step;
    enum batch_state state;
    uint32_t items, answered;
    struct batch_slice *slices; /* by shard; owned; NULL once the batch has ended */
    uint32_t slice_count;

    bool alone;     /* cut for the operation that asks one by one (operation.alone) */
    field_set form; /* of a batch of one: the field that it is asked by, in which the reply must not
                       name somebody else; 0: none */

    uint32_t attempt;
    char token[65]; /* of the last attempt; names it in a callback's address */
    char body_sha256[65];
    uint64_t body_bytes;
    int64_t cost_max;
    int64_t credits; /* settled; -1 */
    char vendor_id[65];
    int64_t vendor_items;                    /* -1 */
    int64_t armed_ms, accepted_ms, ended_ms; /* wall clock */
    char note[256];

    /* For this process only. */
    bool busy;             /* a request, job or commit that the next move waits for is under way */
    bool body_ready;       /* the body is built: in its file, or here */
    char *body;            /* body_bytes of it, where it is small; owned */
    int64_t not_before_ms; /* of the next request; monotonic */
    unsigned tries;        /* failures in a row of the request it is at */
    int64_t waited_ms;     /* since when it waits, monotonic: paces polls */
    int64_t queue_ms;      /* how long of that it probably stood in the vendor's queue */
    int64_t turn_ms;       /* when that ends, monotonic; or when it was last seen worked on */
    unsigned polls;        /* answered ones */
    uint32_t callbacks;    /* stored so far */
    uint32_t page_rows;    /* of a full page */
    uint32_t page_count;   /* pages known to be needed */
    uint8_t *pages;        /* enum page_state of each; owned */
    uint32_t pages_done, pages_busy; /* busy: asked for, and its answers not yet durable */
    uint32_t last_rows;              /* rows of the last page in order, when it is done */
    uint64_t rows;                   /* of all pages done */
    int64_t used;                    /* credits as the vendor settled them; -1 */
    bool vendor_failed;   /* the vendor says that the batch failed: pages are fetched once all the
                           same */
    unsigned short_pages; /* result pages with fewer rows than they should have, asked for again */
    bool resubmitted;     /* once by --on-in-doubt: not a second time */
    bool settled;         /* IN_DOUBT, and what the user wants done with it is done */
    /* Rows that belong to no item; that name nobody; for an item answered before. */
    uint32_t unmatched, unnamed, repeated;
};

struct batch *batch_create(uint32_t id, unsigned step);
void batch_destroy(struct batch *b);
/* Add the items of one shard; shards come in rising order. False without memory. */
bool batch_add(struct batch *b, uint32_t shard, const struct bits *members);
/* The slice of a shard, or NULL. */
struct batch_slice *batch_slice(struct batch *b, uint32_t shard);
/* The machine's move, checked and traced. */
void batch_move(struct batch *b, enum batch_state to);
/* Cut the items into two halves in order: the first gets ceil(n / 2). False without memory or with
 * fewer than 2 items. */
bool batch_halve(const struct batch *b, struct batch *first, struct batch *second);
/* The same into one item, by its place in the batch from 0, and the rest. */
bool batch_single_out(const struct batch *b, uint32_t place, struct batch *one, struct batch *rest);

/* How an item stands after a row for it arrived. */
enum batch_match { MATCH_NEW, MATCH_AGAIN, MATCH_FOREIGN };
enum batch_match batch_match(const struct batch *b, uint32_t shard, unsigned index);
/* The first row for an item claims it: later ones are MATCH_AGAIN. It counts in `answered` only
 * when its answer is durable, which the caller does. */
void batch_claim(struct batch *b, uint32_t shard, unsigned index);

/* The vendor did not look at this item: it is none any more. It was claimed before. */
void batch_let_go(struct batch *b, uint32_t shard, unsigned index);
/* The item at this place (from 0), in the order of the body. False beyond the last. */
bool batch_place(const struct batch *b, uint32_t place, uint32_t *shard, unsigned *index);

enum batch_want {
    BATCH_WANTS_NOTHING, /* it waits for something under way, for a time, or for a person */
    BATCH_WANTS_BODY,    /* build the request body */
    BATCH_WANTS_SUBMIT,  /* arm and send */
    BATCH_WANTS_POLL,
    BATCH_WANTS_PAGE,   /* fetch page `page` */
    BATCH_WANTS_END,    /* all pages are in: conclude what has no answer, move to DONE */
    BATCH_WANTS_GIVE_UP /* nothing came by the deadline */
};
struct batch_need {
    enum batch_want want;
    uint32_t page;         /* from 1 */
    int64_t not_before_ms; /* monotonic; in the past: now. INT64_MAX: no time of its own */
};
/* pages_max: of this batch at once. */
struct batch_need batch_need(const struct batch *b, enum delivery delivery, unsigned pages_max);

/* FETCHING begins, or begins anew after a resubmission: `items` rows are to come (the vendor's
 * count, else our own). False without memory. */
bool batch_pages_begin(struct batch *b, int64_t items, uint32_t page_rows);
/* One more page than was thought. */
bool batch_pages_more(struct batch *b);
void batch_page_busy(struct batch *b, uint32_t page);
void batch_page_again(struct batch *b, uint32_t page); /* it failed: wanted again */
void batch_page_stored(struct batch *b, uint32_t page);
/* Its answers are durable. When the last known page is full and items are still without answer, one
 * more page is wanted. */
void batch_page_done(struct batch *b, uint32_t page, uint32_t rows);

/* The pause before the next poll: a quarter of the time waited so far, within first..max.
 */
int64_t batch_poll_pause_ms(const struct batch *b, int64_t now_ms, int64_t first_ms,
                            int64_t max_ms);

#endif
