/* The account a client has with a simulated vendor: credits, every paid request that came, and
 * every question that was asked and what it cost. Durable, and the judge of what was charged for
 * what.
 *
 * Questions come in three ways: answered at once (account_answer), as a list that is worked on later
 * (a batch), or one that is worked on later (a job). */
#ifndef TRANCHE_SIM_ACCOUNT_H
#define TRANCHE_SIM_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "sim/items.h"
#include "sim/question.h"
#include "sim/truth.h"
#include "wire/digest.h"
#include "wire/json.h"

struct account;
struct vendor;

#define ACCOUNT_ID_MAX   64
#define ACCOUNT_URL_MAX  1024
#define ACCOUNT_FAIL_MAX 32

enum account_fate { FATE_COMPLETES, FATE_FAILS, FATE_HALF_FAILS };

struct account_batch {
    char id[ACCOUNT_ID_MAX]; /* filled in by account_submit where it is empty */
    const struct service *service;
    enum account_fate fate;
    struct truth truth;    /* what the answers were made of when it was submitted */
    uint32_t original;     /* items in the body; range.count without duplicates */
    uint32_t charge_items; /* how many cost something if it completes */
    int64_t price, reserved;
    int64_t charged; /* once settled */
    bool settled;
    uint8_t body[DIGEST_LEN]; /* SHA-256 of the raw body */
    uint64_t connection;
    int64_t at_ms;                  /* wall clock */
    char callback[ACCOUNT_URL_MAX]; /* where it wants to be told; "" for nowhere */
    bool called;                    /* it was told of everything, or that was given up */
    struct items_range range;
};

enum account_state { JOB_QUEUED, JOB_RUNNING, JOB_FINISHED, JOB_FAILED };

struct account_job {
    uint64_t number; /* from 0 */
    const struct service *service;
    enum account_state state;
    enum account_fate fate;      /* FATE_FAILS: it will fail, with nothing done */
    struct truth truth;          /* as of a batch */
    int64_t price;               /* the most it can cost: reserved while it runs */
    bool upfront;                /* reserved from its acceptance on instead */
    int64_t latency_ms;          /* how long it takes, by the vendor's clock */
    int64_t charged;             /* once ended */
    char fail[ACCOUNT_FAIL_MAX]; /* why it failed, or "" */
    int64_t at_ms;               /* of its acceptance, wall clock */
    int64_t ended_ms;            /* 0 before */
    int64_t begun_mono_ms;       /* when it got its slot; jobs.c */
    uint64_t polls;              /* since the simulator was started */
    bool called;                 /* its callback was delivered, or given up */
    const char *callback;        /* where its result is to be posted; "" for nowhere */
    const char *text;            /* of its fields; see account_job_question */
};

/* A paid request that came. */
struct account_post {
    const struct service *service;
    bool single;     /* asked to be answered at once */
    bool accepted;   /* it was applied: credits were reserved or charged, or might have been */
    int status;      /* of the reply, 0: none was sent */
    int64_t batch;   /* its number when it made one, else -1 */
    int64_t job;     /* likewise */
    int64_t credits; /* charged for answers at once */
    uint8_t body[DIGEST_LEN];
    uint64_t connection;
    int64_t at_ms;
    char fault[16]; /* what was made to go wrong, or "" */
};

enum account_move { MOVE_TOPUP, MOVE_DEDUCTION, MOVE_REFUND };
struct account_transaction {
    enum account_move move;
    int64_t amount; /* signed */
    int64_t balance_after;
    int64_t at_ms;
    int64_t batch; /* number, or -1 */
};

/* The most posts and transactions remembered in memory; older ones are counted, and stay in the
 * journal. */
#define ACCOUNT_POSTS_MAX        65536
#define ACCOUNT_TRANSACTIONS_MAX 16384

/* Opens or creates the account in the folder (made 0700, locked) and takes up what its journal
 * says. balance: of a new one. ERR_STOPPED when another simulator has it; ERR_DATA when the journal
 * is damaged before its last line, or tells of services that the vendor does not have. */
int account_open(struct account **out, const char *folder, const struct vendor *vendor,
                 int64_t balance, struct error *e);
/* On return everything is durable. */
void account_close(struct account *a);

struct items *account_items(struct account *a);
/* A random number that differs between accounts: for ids. */
uint32_t account_nonce(const struct account *a);

/* Available = granted - spent - reserved. */
int64_t account_available(const struct account *a);
int64_t account_reserved(const struct account *a);
int64_t account_spent(const struct account *a);
int64_t account_granted(const struct account *a);

/* Each of these changes the state at once and is durable after the next account_sync; replies that
 * tell of it wait for that. post: filled in by the caller but for accepted, batch, job and credits.
 */

/* A batch whose items were committed: the credits are reserved. Fills in id, at_ms and reserved of
 * the draft. */
const struct account_batch *account_submit(struct account *a, const struct account_batch *draft,
                                           const struct account_post *post);
/* charged <= reserved; the rest is refunded. Only once a batch. */
void account_settle(struct account *a, const struct account_batch *b, int64_t charged);

/* Questions of one request that are answered at once: begin, then each normalised one with what it
 * costs (>= 0), then end. truth: what they are answered from. */
void account_answer_begin(struct account *a, const struct account_post *post,
                          const struct truth *truth);
void account_answer_add(struct account *a, const struct question *q, int64_t credits);
void account_answer_end(struct account *a);
/* The same for one question. */
void account_answer(struct account *a, const struct account_post *post, const struct truth *truth,
                    const struct question *q, int64_t credits);

/* A job: truth, price, upfront, latency_ms, fate and callback of the draft. The job lives as long as
 * the account. */
const struct account_job *account_job_add(struct account *a, const struct question *q,
                                          const struct account_job *draft,
                                          const struct account_post *post);
/* It has got a slot; nothing of that is durable. now_ms: clock_mono_ms. */
void account_job_start(struct account *a, uint64_t number, int64_t now_ms);
/* It has ended: charged <= price. fail: why, or "" for success. busy_ms: how long it had a slot. */
void account_job_end(struct account *a, uint64_t number, int64_t charged, const char *fail,
                     int64_t busy_ms);
/* Its callback is through; not waited for. */
void account_job_called(struct account *a, uint64_t number);
void account_job_polled(struct account *a, uint64_t number);
/* The last callback of a batch is through; not waited for. */
void account_batch_called(struct account *a, uint32_t number);

void account_topup(struct account *a, int64_t credits);
/* A paid request that was not applied. Not waited for. */
void account_refuse(struct account *a, const struct account_post *post);

/* Something of the vendor's own that is to be remembered: members of a JSON object, at most five
 * deep. durable: replies wait for it. */
void account_note(struct account *a, struct slice members, bool durable);

/* Whether something is not written yet; whether a reply must wait for it. */
bool account_unwritten(const struct account *a);
bool account_undurable(const struct account *a);
/* Items first, then the journal. On return 0 all is durable. An error stays: whatever comes later
 * is refused too. */
int account_sync(struct account *a, struct error *e);

uint32_t account_batches(const struct account *a);
const struct account_batch *account_batch(const struct account *a, uint32_t number);
/* NULL when there is none of that id. */
const struct account_batch *account_find(const struct account *a, const char *id);

uint64_t account_jobs(const struct account *a);
/* NULL when there is none of that number. */
const struct account_job *account_job(const struct account *a, uint64_t number);
/* Fill in service and field; the texts are the job's. */
void account_job_question(const struct account_job *job, struct question *q);

/* Over all jobs, those of earlier processes included. */
struct account_work {
    uint64_t finished, failed;
    int64_t busy_ms;
    int64_t first_ms, last_ms; /* first acceptance and last end, wall clock; 0: none yet */
    uint64_t polls, polls_max;
};
struct account_work account_work(const struct account *a);

struct account_singles {
    uint64_t count; /* questions answered at once */
    int64_t credits;
};
/* service: of the vendor's, by its place. */
struct account_singles account_singles(const struct account *a, unsigned service);

/* i = 0: the oldest that is remembered. */
uint64_t account_posts(const struct account *a, uint64_t *forgotten);
const struct account_post *account_post(const struct account *a, uint64_t i);
uint64_t account_transactions(const struct account *a, uint64_t *forgotten);
const struct account_transaction *account_transaction(const struct account *a, uint64_t i);

/* Each question that was answered at once, from the journal: normalised (in scratch), with what it
 * was answered from and what it cost. */
typedef int account_answer_fn(void *arg, const struct question *q, const struct truth *truth,
                              int64_t credits, struct error *e);
int account_walk_answers(struct account *a, struct buf *scratch, account_answer_fn *fn, void *arg,
                         struct error *e);

/* Each note, from the journal, in its order. The value lives until fn returns. */
typedef int account_note_fn(void *arg, struct json_value note, struct error *e);
int account_walk_notes(struct account *a, account_note_fn *fn, void *arg, struct error *e);

#endif
