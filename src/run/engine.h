/* A run under way: what its stages share. Private to run/.
 *
 * The stages, each a file, meet here and nowhere else:
 *
 *     reader.c  -> planner.c -> sender.c -> fetcher.c  -> scatter.c -> emitter.c
 *     (thread)     shards,      submit,     poll, pages    answers     render, append
 *                  batches      doubt       arrivals.c
 *                                           callbacks
 *
 * Everything in struct engine belongs to the loop's thread, but for what is marked otherwise.
 * Completions store what happened and call engine_poke; engine.c's pump then asks every stage what
 * it wants, from its state alone. */
#ifndef TRANCHE_RUN_ENGINE_H
#define TRANCHE_RUN_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "input/list.h"
#include "ledger/commit.h"
#include "ledger/ledger.h"
#include "net/client.h"
#include "output/frame.h"
#include "output/partial.h"
#include "output/render.h"
#include "plan/batch.h"
#include "plan/batcher.h"
#include "record/dedupe.h"
#include "record/mapping.h"
#include "report/report.h"
#include "run/secret.h"
#include "run/settings.h"
#include "run/shape.h"
#include "sched/backoff.h"
#include "sched/gate.h"
#include "sched/slots.h"

/* Limits of one process; each is a bound on memory or on work under way. */
#define ENGINE_READ_AHEAD   8                    /* shards between the reader and the ledger */
#define ENGINE_PAGES_MAX    12                   /* result pages under way */
#define ENGINE_BODIES_MAX   1                    /* jobs that build bodies */
#define ENGINE_FLIGHT_MAX   64                   /* submissions on their way at once */
#define ENGINE_ARRIVALS_MAX 1024                 /* callbacks that are durable and not yet read */
#define ENGINE_RENDER_MAX   2                    /* shards being rendered */
#define ENGINE_REPLY_MAX    ((size_t)64 << 20)   /* bytes of one reply */
#define ENGINE_DISK_RESERVE ((uint64_t)64 << 20) /* bytes that stay free beside the worst case */
#define ENGINE_JSON_DEPTH   64
/* So many submissions in a row that end in doubt stop the run: a vendor that accepts and then fails
 * would put the whole list in doubt, at full price. */
#define ENGINE_DOUBTS_MAX 3
/* A request may reach the vendor so much later than one before it did: windows are that longer. */
#define ENGINE_RATE_SLACK_MS 20
/* So many batches of one item in a row that are refused as wrong (400, 422) stop the run: it is not
 * the items. */
#define ENGINE_REFUSED_MAX 100
/* So many items of a batch that the vendor names in its refusals are taken out of it one by one. */
#define ENGINE_NAMED_MAX 1000
/* A vendor's word for a price is believed up to this. */
#define ENGINE_PRICE_MAX 1000000
/* So often a batch's result pages are asked for again because they have fewer rows than they
 * should. */
#define ENGINE_SHORT_PAGES_MAX 3

/* Answers of callbacks stand behind those of pages: the n-th one as this page and n. */
#define ENGINE_CALLBACK_PAGE 0x1000000

/* The note of a FETCHING batch that the vendor gave up: what a later process knows it by. */
#define ENGINE_VENDOR_FAILED "the vendor says that the batch failed"

/* What this run keeps of a shard while it is open. */
struct engine_shard {
    struct list_shard place;
    uint32_t open; /* asked records without an answer */
    bool planned;  /* it is durable in the ledger */
};

/* Work on libuv's threadpool: `run` there, then `done` on the loop. */
struct work {
    uv_work_t request;
    struct engine *engine;
    void (*run)(struct work *w);
    void (*done)(struct work *w);
    struct error error; /* set by run: ends the run, unless done takes it */
};

/* Its key in the ledger, and that of the run's id, which callback tokens name. */
#define ENGINE_KEY_ECHO "echo"
#define ENGINE_KEY_RUN  "run"

/* Whether the vendor's rows say whose they are (operation.echo_unsure); kept in the ledger. */
enum echo { ECHO_UNKNOWN, ECHO_THERE, ECHO_MISSING };

/* How often a batch and what came of it were split, in this process. */
struct family {
    uint32_t root;
    unsigned splits, named;
};

struct reader;
struct emitter;
struct submission;
struct fetch;
struct arrivals;
struct metrics;
struct server;

struct engine {
    uv_loop_t loop;
    const char *dir;    /* the run directory */
    const char *output; /* where OUT is made */
    const struct settings *settings;
    struct setup setup;

    /* Read-only while the run is under way; any thread may look. */
    struct list *list;
    struct mapping mapping;
    struct render render;
    enum frame_packing packing;
    bool raw;
    char base_url[256];
    char headers[128]; /* of every request, beside the key; "" for none */

    char *key;             /* wiped at the end */
    struct ledger *ledger; /* the commit thread's between engine_run's start and end */
    struct commit *commit;
    uv_async_t commit_wake;
    struct client *client;

    /* planner.c */
    struct reader *reader;
    struct dedupe *dedupe; /* the ledger's thread's until identities_ready */
    bool identities_ready;
    struct batcher batcher;
    uint32_t unsent_rounds; /* conclusions of what was never sent: each has a page of its own */
    struct engine_shard *shards;
    uint32_t shard_count, shard_capacity;
    uint64_t records, valid, duplicates;
    uint64_t source_bytes, source_done; /* of the list as it lies on disk; 0: unknown */
    bool list_whole, reader_ended;

    /* sender.c, fetcher.c: batches that have not ended, in order of id */
    struct batch **batches;
    unsigned batch_count, batch_capacity;
    uint32_t batch_last_id;
    unsigned batches_done;
    unsigned bodies;                /* being built */
    struct submission *submissions; /* armed or in flight */
    struct fetch *fetches;          /* free requests in flight */
    struct gate gates[RATE_CLASSES];
    struct window windows[2 * RATE_LIMITS_MAX]; /* of the account; the gates share them */
    unsigned window_count;
    struct slots slots; /* where the vendor has such */
    enum echo echo;
    unsigned pages_busy; /* of all batches, as the pump found them */
    struct retry_budget retries;
    int64_t price;      /* credits an item, as the vendor last said */
    int64_t spent;      /* of batches that have ended */
    int64_t balance;    /* less what was submitted since it was read; -1 unknown */
    int64_t balance_ms; /* wall clock, when the vendor last said it */
    bool day_known;     /* the balance says what is left of the vendor's day */
    bool balance_fresh, balance_busy, balance_asked; /* asked: for the last time */
    bool balance_moved;                              /* by a settlement while it was being read */
    int64_t balance_not_before_ms;
    unsigned balance_tries;
    uint32_t items_cap;      /* after a 413; 0: none */
    struct family *families; /* batches that were split after a 400, and how often */
    unsigned family_count;
    uint32_t refused_parent; /* whose half was refused last, and why */
    char refused_cause[128];
    unsigned short_of_credits; /* 402s in a row, each with the balance known */
    unsigned throttled_row;    /* 429s to submissions in a row */
    int64_t throttled_ms;      /* when the last of them came; monotonic */
    unsigned doubts_row;       /* submissions in a row that ended in doubt */
    unsigned refused_row;      /* batches of one in a row that were refused as wrong */
    int64_t unreachable_until_ms;
    unsigned unreachable;   /* submissions in a row that did not leave */
    bool finish;            /* `tranche resolve --finish`: what was never sent ends as no_credits */
    int64_t doubt_since_ms; /* when nothing but doubts was left; 0: not yet */

    /* arrivals.c */
    struct arrivals *arrivals; /* NULL: nobody calls back */
    unsigned strays;           /* callbacks that are kept and not used */
    uint8_t run_id[TOKEN_RUN_LEN];
    struct secret secret; /* wiped at the end */
    char callback_url[256];

    struct server *monitor; /* of monitor.c; NULL: nobody looks */

    /* emitter.c */
    struct emitter *emitter;
    uint32_t emitted;                 /* shards */
    uint64_t outcomes[OUTCOME_COUNT]; /* of emitted records */
    int64_t priced;
    uint64_t answered, answered_before;
    uint64_t output_bytes;

    /* Ending: the first reason counts. */
    bool stopping; /* nothing new is sent */
    struct error stop;
    bool complete;  /* every shard is emitted */
    bool abandoned; /* the ledger failed, or a second signal: leave at once */
    unsigned works; /* on the pool */

    uv_idle_t poke;
    uv_timer_t wake, tick, drain;
    uv_signal_t signals[2];
    int signals_seen;
    struct progress *progress;
    int64_t started_ms, status_ms;
    uint64_t requests, throttled, failures;
    char waiting[128];  /* for what, for people */
    char trouble[300];  /* the failure that is being waited out; empty: none */
    const char *remedy; /* what to add to the command that continues; "" */
};

/* engine.c */
/* Run until complete or stopped. scan: the list to read on from, NULL when all of it is known. 0
 * when complete, else the code of what stopped it. Everything that was under way has ended and is
 * durable, unless g->abandoned: then threads still run and the caller may only say so and end the
 * process. */
int engine_run(struct engine *g, struct list *scan, struct error *e);
void engine_poke(struct engine *g);
/* Nothing new is sent; what is in flight is finished; then the run ends with this. Only the first
 * call counts. */
void engine_stop(struct engine *g, const struct error *why);
void engine_stopf(struct engine *g, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Leave the loop at once: threads may still run, so the process must end. */
void engine_abandon(struct engine *g);
void engine_work(struct engine *g, struct work *w);
void engine_commit(struct engine *g, struct commit_op *op);
/* First thing in a commit's done: false when it failed, and then the run is already ending. */
bool engine_committed(struct engine *g, const struct error *e);
/* The pump must run again at this moment at the latest (INT64_MAX: no need). */
void engine_wake_at(struct engine *g, int64_t mono_ms);
/* A request failed and will be tried again: said once, and shown while it is waited for. */
void engine_trouble(struct engine *g, const char *what, const char *cause);
/* Likewise, and say to people what is being waited for. */
void engine_wait(struct engine *g, int64_t mono_ms, const char *what);
uint64_t engine_random(void);
/* The operation that the batch was cut for. */
const struct operation *engine_operation(const struct engine *g, const struct batch *b);
/* The open batch of that number; NULL when there is none. */
struct batch *engine_batch(const struct engine *g, uint32_t id);
/* Whether the vendor's rows have an echo is known: without one, it is asked one by one from now on,
 * within the limits of that. */
void engine_echo(struct engine *g, enum echo echo);
/* Wait until this moment for the vendor: until then no request of the class goes. */
void engine_pause(struct engine *g, enum rate_class class, int64_t until_ms);
/* The vendor says what the account may do: count with that from now on. */
void engine_limits(struct engine *g, const struct rate_limit *limits, unsigned count);
/* Numbers of the moment. Texts are borrowed from the engine. */
void engine_report(const struct engine *g, struct report *r);
/* Replace status.json. */
void engine_status(struct engine *g, const struct report *r);

/* reader.c: the list's thread */
int reader_start(struct engine *g, struct list *l, struct error *e);
void reader_stop(struct engine *g); /* ends and joins it */
void reader_pump(struct engine *g);

/* load.c: what the ledger knows, at the start of a process */
int load_run(struct engine *g, struct error *e);
/* Then, first of all operations of the ledger's thread: the identities seen before. */
void load_identities(struct engine *g);

/* planner.c */
bool planner_add_shard(struct engine *g, const struct list_shard *place, uint32_t open);
void planner_pump(struct engine *g); /* cuts batches */
/* The most items a batch may have now, by every limit but the vendor's pace; 0 with *why saying
 * which one binds. `but`: leave this batch's own cost out. */
uint64_t planner_most(const struct engine *g, const struct batch *but, const char **why);
/* A batch that was surely not applied: its records wait for another one (SPLIT). */
void planner_release(struct engine *g, struct batch *b, const char *note);
/* Likewise, into two that are batches at once: the item at this place and the rest, or halves (-1).
 */
void planner_halve(struct engine *g, struct batch *b, int64_t single, const char *note);
/* Make room for one more open batch and remember it. */
bool planner_keep(struct engine *g, struct batch *b);
/* It has ended: count it and free it. */
void planner_forget(struct engine *g, struct batch *b);

/* body.c: what a submission sends */
/* Build it, and those of other batches that want theirs and lie in the same shard; each is busy
 * until then, and ready after. */
void body_make(struct engine *g, struct batch *b);
/* The file of a large one. */
int body_open(const struct engine *g, const struct batch *b, struct error *e);
void body_drop(struct engine *g, struct batch *b);
/* Remove all bodies that an earlier process left. */
void body_sweep(struct engine *g);

/* sender.c: submissions */
void sender_pump(struct engine *g, struct batch *b, const struct batch_need *need);
/* Give up what is in flight. */
void sender_cancel(struct engine *g);

/* fetcher.c: the balance, polls and pages */
/* A batch was accepted at this moment: when it is polled first. */
void fetcher_accepted(struct engine *g, struct batch *b);
/* Read the balance, unless that is under way or may not be yet. */
void fetcher_balance(struct engine *g);
/* The vendor says what is left. fresh: nothing was submitted or settled since. */
void fetcher_balance_is(struct engine *g, int64_t credits, bool fresh);
/* What was held for a batch and not used may be back: what is known is too little. */
void fetcher_balance_moves(struct engine *g);
void fetcher_poll(struct engine *g, struct batch *b, const struct batch_need *need);
/* Whether the page could be asked for now. */
bool fetcher_page(struct engine *g, struct batch *b, const struct batch_need *need);
/* All pages are in: items without an answer get one, and the batch is DONE. */
void fetcher_end(struct engine *g, struct batch *b);
/* Nothing came by the deadline: in doubt. */
void fetcher_give_up(struct engine *g, struct batch *b);
void fetcher_cancel(struct engine *g);

/* scatter.c: from a reply to answers by shard */
/* The rows of a page, made answers. */
struct hits;
/* On any thread. kind: of a page or a callback. NULL with *e when it is not what was promised. */
struct hits *scatter_parse(const struct engine *g, const struct batch *b, enum ledger_reply kind,
                           struct json_value root, struct error *e);
void scatter_free(struct hits *h);
/* What the reply says beside its rows; of a callback everything but its page. */
const struct callback_reply *scatter_said(const struct hits *h);
/* Find whose answers they are and put them in place, durably. The hits are taken. */
void scatter_hits(struct engine *g, struct batch *b, enum ledger_reply kind, uint32_t page,
                  struct hits *h);
/* The same from a reply that is stored and not read yet. body: as it came; taken. A page of an
 * operation whose results cannot be fetched again puts the batch in doubt when it cannot be used. */
void scatter_stored(struct engine *g, struct batch *b, enum ledger_reply kind, uint32_t page,
                    struct buf *body);
/* Give every item of the batch without an answer this one (page 0 of the batch), and move the batch
 * to `to` (BATCH_STATES: leave its state) in the same commit. */
void scatter_conclude(struct engine *g, struct batch *b, enum outcome outcome, const char *reason,
                      enum batch_state to);
/* What was never asked ends so: all records that wait for a batch. */
void scatter_unsent(struct engine *g, enum outcome outcome, const char *reason);

/* arrivals.c: callbacks */
struct arrivals *arrivals_create(void);
/* Whether a vendor that only calls back still owes a call that nobody else would take. */
bool arrivals_owed(const struct engine *g);
/* Listen, or watch the spool, as the settings say; and find out whether the address leads here. */
int arrivals_open(struct engine *g, struct error *e);
/* No more is taken from outside; what was taken is acknowledged. */
void arrivals_close(struct engine *g);
void arrivals_free(struct engine *g);
void arrivals_pump(struct engine *g);
/* Whether callbacks are here already and not read: nothing may be concluded from their absence. The
 * pump runs again when that may have changed. */
bool arrivals_behind(struct engine *g);
/* Whether submissions may go: the address is known to lead here. */
bool arrivals_ready(const struct engine *g);
/* A callback that an earlier process stored and did not read. body: as it came; taken. */
void arrivals_again(struct engine *g, const struct batch *b, uint32_t number, struct buf *body);
/* What a callback turned out to be. The hits are taken; NULL: it cannot be read, and why. */
void arrivals_read(struct engine *g, struct batch *b, uint32_t number, struct hits *h,
                   const struct error *e);
/* The address for this attempt at the batch: `text` has room for 512 bytes. Empty: none. */
void arrivals_address(const struct engine *g, const char *token, char *text, size_t size);
/* What came so far, where any is taken. */
void arrivals_measure(const struct engine *g, struct metrics *m);

/* monitor.c: the run's numbers over HTTP, where setup.http says so */
int monitor_open(struct engine *g, struct error *e);
void monitor_close(struct engine *g);

/* doubt.c */
/* Whether more may be known of this batch in doubt than when the run looked last. */
bool doubt_reopens(const struct setup *s, const struct ledger_batch *row);
/* At the start of a process, before anything is loaded: take such batches up again. Where their
 * records were published as in doubt, the output begins anew. */
int doubt_reopen(struct engine *g, struct error *e);
/* Nothing is left but batches in doubt. */
void doubt_pump(struct engine *g);

/* emitter.c */
int emitter_open(struct engine *g, struct error *e);
void emitter_close(struct engine *g);
void emitter_pump(struct engine *g);
/* All is emitted: OUT is durable and complete when it returns 0. */
int emitter_finish(struct engine *g, struct error *e);

/* Credits that what is not settled can cost at most; in doubt: of batches in doubt alone. */
int64_t engine_owed(const struct engine *g);
int64_t engine_doubt(const struct engine *g);

#endif
