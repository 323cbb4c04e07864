/* The durable memory of a run: one SQLite database, one connection, used by one thread at a time.
 *
 * WAL with synchronous=FULL (read back; anything else is refused), locking_mode=EXCLUSIVE, foreign
 * keys on. When a transaction's commit has returned 0 it survives a power cut. Any error of SQLite,
 * and any damage found, is final for the handle: every later call returns it and does nothing, and
 * nothing is ever tried again.
 *
 * Errors: ERR_IO (a full disk says so), ERR_DATA for damage, ERR_STOPPED when another program has
 * the database open, ERR_INTERNAL for what is a bug of the caller, such as a slice of a batch that
 * is not there. Outside a transaction a call is one by itself.
 *
 * Times are wall-clock milliseconds. Texts are UTF-8. Blobs handed out are valid during the
 * callback or until the next call. An each function calls fn once for each row; 0 from fn goes on,
 * anything else ends the walk and is returned. fn may call any function of the ledger, transactions
 * included, but the one that it was called from; whether the walk sees rows that fn adds is not
 * defined. */
#ifndef TRANCHE_LEDGER_LEDGER_H
#define TRANCHE_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "input/list.h" /* struct list_shard: where a shard's bytes are */

#define LEDGER_FORMAT 1

struct ledger;

/* Open DIR/ledger.db, creating it (0600) when `create`. ERR_NOINPUT: it is not there and not to be
 * created; ERR_DATA: it is no ledger, of a newer format, or damaged (looking into every page is
 * left to ledger_check); ERR_IO. The caller holds the run's lock. A new ledger appears complete and
 * durable, or not at all; one that is refused is left as it was. */
int ledger_open(struct ledger **out, const char *dir, bool create, struct error *e);
/* Closes with a checkpoint so that no WAL is left behind a clean end; after a failure the WAL is
 * left as it is, for the next ledger_open to read. What was not committed is rolled back. NULL does
 * nothing. */
void ledger_close(struct ledger *l);

/* First moves a grown write-ahead log into the database, so that a failure of that comes before
 * anything was done. */
int ledger_begin(struct ledger *l, struct error *e);
/* Durable when it returns 0. An error has rolled back. */
int ledger_commit(struct ledger *l, struct error *e);
/* Without a transaction it does nothing. */
void ledger_rollback(struct ledger *l);
/* SQLite's own integrity check, of every page, and that no row points to nothing. ERR_DATA with the
 * first finding. */
int ledger_check(struct ledger *l, struct error *e);

/* Settings of the run: what is frozen, where it stands. Keys: see LEDGER_KEY_*. */
int ledger_set(struct ledger *l, const char *key, struct slice value, struct error *e);
int ledger_set_i64(struct ledger *l, const char *key, int64_t value, struct error *e);
/* 1 and the value in out or *value; 0 when it is not set (out is empty, *value untouched). A number
 * reads as its digits too. */
int ledger_get(struct ledger *l, const char *key, struct buf *out, struct error *e);
int ledger_get_i64(struct ledger *l, const char *key, int64_t *value, struct error *e);

/* Shards of the list, in order, each with what every record is to a step: its identity (16 bytes,
 * zero where it is not asked: invalid) and the first record with that identity (u32 little-endian;
 * itself when it is the one that is asked; 0: invalid). One row per shard and step: adding the
 * entry again, as more of the shard's records reach a later step, replaces it. */
int ledger_add_shard(struct ledger *l, const struct list_shard *shard, struct error *e);
int ledger_add_entry(struct ledger *l, unsigned step, uint32_t shard, struct slice identities,
                     struct slice firsts, struct error *e);
int ledger_shard_count(struct ledger *l, uint32_t *count, struct error *e);
typedef int ledger_shard_fn(void *arg, const struct list_shard *shard, struct error *e);
int ledger_each_shard(struct ledger *l, ledger_shard_fn *fn, void *arg, struct error *e);
typedef int ledger_entry_fn(void *arg, uint32_t shard, struct slice identities, struct slice firsts,
                            struct error *e);
/* Entries of shards first..last (UINT32_MAX: all). */
int ledger_each_entry(struct ledger *l, unsigned step, uint32_t first, uint32_t last,
                      ledger_entry_fn *fn, void *arg, struct error *e);

/* A batch. Texts are NUL-terminated, empty when unknown. */
struct ledger_batch {
    uint32_t id;     /* from 1, in the order of cutting */
    uint32_t parent; /* the batch it was split from, or 0 */
    unsigned step;
    char state[16]; /* as plan/batch.h names it */
    uint32_t items;
    bool alone;           /* cut for the operation that asks one by one */
    uint64_t form;        /* of a batch of one: the field in which its reply must agree; 0 none */
    uint32_t attempt;     /* submissions armed so far */
    char token[65];       /* of the last attempt */
    char body_sha256[65]; /* of the last attempt's body */
    uint64_t body_bytes;
    int64_t cost_max; /* credits the last attempt could cost */
    int64_t credits;  /* settled; -1 until known */
    char vendor_id[65];
    int64_t vendor_items;                    /* -1 unknown */
    int64_t armed_ms, accepted_ms, ended_ms; /* 0: not yet */
    char note[256];                          /* why it is in doubt, split or failed */
};
int ledger_put_batch(struct ledger *l, const struct ledger_batch *b,
                     struct error *e); /* insert or replace */
typedef int ledger_batch_fn(void *arg, const struct ledger_batch *b, struct error *e);
int ledger_each_batch(struct ledger *l, ledger_batch_fn *fn, void *arg, struct error *e);
/* 1 found, 0 not. */
int ledger_find_batch(struct ledger *l, uint32_t id, struct ledger_batch *b, struct error *e);

/* Which records of a shard are items of the batch; replaces. */
int ledger_add_slice(struct ledger *l, uint32_t batch, uint32_t shard, const struct bits *members,
                     struct error *e);
typedef int ledger_slice_fn(void *arg, uint32_t batch, uint32_t shard, const struct bits *members,
                            struct error *e);
/* In order of shards. batch 0: of all batches, in order of batch and shard. */
int ledger_each_slice(struct ledger *l, uint32_t batch, ledger_slice_fn *fn, void *arg,
                      struct error *e);

/* The history of submissions, append-only but for how each ended: what was armed stays readable for
 * ever. */
int ledger_add_attempt(struct ledger *l, const struct ledger_batch *b, struct error *e);
/* end fits its field; detail is cut to fit. Ending it again replaces how it ended. */
int ledger_end_attempt(struct ledger *l, uint32_t batch, uint32_t attempt, const char *end,
                       const char *detail, int64_t now_ms, struct error *e);
struct ledger_attempt {
    uint32_t batch, attempt;
    char body_sha256[65];
    int64_t cost_max;
    int64_t armed_ms, ended_ms;
    char end[16]; /* "", or accepted, not-sent, refused, in-doubt */
    char detail[256];
    char token[65];
    uint64_t body_bytes;
};
/* In order of batch and attempt. */
typedef int ledger_attempt_fn(void *arg, const struct ledger_attempt *a, struct error *e);
int ledger_each_attempt(struct ledger *l, ledger_attempt_fn *fn, void *arg, struct error *e);

/* Replies: the raw bytes, as zstd (compressed by the caller), by batch, kind and page. A reply that
 * is there already is left as it is (the first one counts). Callbacks are numbered from 1 as they
 * came; a stray one is for an attempt that was decided otherwise: kept, and never used. */
enum ledger_reply { LEDGER_SUBMIT = 1, LEDGER_PAGE = 2, LEDGER_CALLBACK = 3, LEDGER_STRAY = 4 };
int ledger_add_reply(struct ledger *l, uint32_t batch, enum ledger_reply kind, uint32_t page,
                     long status, uint64_t raw_bytes, struct slice zstd, struct error *e);
/* Its answers are in place. */
int ledger_mark_scattered(struct ledger *l, uint32_t batch, enum ledger_reply kind, uint32_t page,
                          struct error *e);
struct ledger_reply_row {
    uint32_t batch;
    enum ledger_reply kind;
    uint32_t page;
    long status;
    uint64_t raw_bytes;
    struct slice zstd; /* empty when bodies were not asked for */
    bool scattered;
};
typedef int ledger_reply_fn(void *arg, const struct ledger_reply_row *r, struct error *e);
/* Of one batch, by kind and page. */
int ledger_each_reply(struct ledger *l, uint32_t batch, bool bodies, ledger_reply_fn *fn, void *arg,
                      struct error *e);
/* Forget all replies of a batch but stray ones, and its answers in the shards it has slices of
 * (before a decided batch is asked again). */
int ledger_drop_replies(struct ledger *l, uint32_t batch, struct error *e);
/* Forget what was concluded about a batch without a page (before it is looked for again). 1 when
 * there was something, 0 not. */
int ledger_drop_conclusions(struct ledger *l, uint32_t batch, struct error *e);

/* Answers: what one page (page 0: what we concluded without one) says about records of one shard,
 * as answer_encode writes. Adding the same step, shard, batch and page again replaces. batch 0:
 * what was concluded without a batch. */
int ledger_add_answers(struct ledger *l, unsigned step, uint32_t shard, uint32_t batch,
                       uint32_t page, struct slice answers, struct error *e);
typedef int ledger_answers_fn(void *arg, unsigned step, uint32_t batch, uint32_t page,
                              struct slice answers, struct error *e);
/* Of one shard: by step, then the latest batch first, then by page: the first answer of a record in
 * a step is the one that counts. */
int ledger_each_answers(struct ledger *l, uint32_t shard, ledger_answers_fn *fn, void *arg,
                        struct error *e);

/* What has been emitted: `bytes` of OUT.partial hold shards 0..shards-1 and the header. */
int ledger_set_output(struct ledger *l, uint64_t bytes, uint32_t shards, struct error *e);
int ledger_get_output(struct ledger *l, uint64_t *bytes, uint32_t *shards, struct error *e);

/* What people decided about batches in doubt. */
int ledger_add_decision(struct ledger *l, uint32_t batch, const char *choice, const char *vendor_id,
                        const char *by, int64_t now_ms, struct error *e);
struct ledger_decision {
    uint32_t batch;
    char choice[16];
    char vendor_id[65];
    char by[16]; /* "resolve", "on-in-doubt", "evidence" */
    int64_t at_ms;
};
/* In the order in which they were added. */
typedef int ledger_decision_fn(void *arg, const struct ledger_decision *d, struct error *e);
int ledger_each_decision(struct ledger *l, ledger_decision_fn *fn, void *arg, struct error *e);

#define LEDGER_KEY_OPTIONS "options"    /* JSON: what is frozen at the start */
#define LEDGER_KEY_COLUMNS "columns"    /* list_columns_json */
#define LEDGER_KEY_MAPPING "mapping"    /* mapping_json */
#define LEDGER_KEY_STATE   "state"      /* "running", "complete" */
#define LEDGER_KEY_WHOLE   "list_whole" /* 1: every shard of the list has its row */
#define LEDGER_KEY_EXIT    "exit"       /* the exit status of the last end */
#define LEDGER_KEY_STRAYS  "strays"     /* how many stray callbacks are kept */

#endif
