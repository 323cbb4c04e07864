/* The account a client has with the simulated vendor: credits, batches, and every paid request that
 * came. Durable, and the judge of what was charged for what. */
#ifndef TRANCHE_SIM_ACCOUNT_H
#define TRANCHE_SIM_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "sim/items.h"
#include "sim/question.h"
#include "sim/truth.h"
#include "wire/digest.h"

struct account;

#define ACCOUNT_ID_MAX 32 /* "batch_", 8 hexadecimal digits of the account, 8 of the batch */

enum account_fate { FATE_COMPLETES, FATE_FAILS, FATE_HALF_FAILS };

struct account_batch {
    char id[ACCOUNT_ID_MAX];
    enum service service;
    enum account_fate fate;
    struct truth truth;    /* what the answers were made of when it was submitted */
    uint32_t original;     /* items in the body; range.count without duplicates */
    uint32_t charge_items; /* how many cost something if it completes */
    int64_t price, reserved;
    int64_t charged; /* once settled */
    bool settled;
    uint8_t body[DIGEST_LEN]; /* SHA-256 of the raw body */
    uint64_t connection;
    int64_t at_ms; /* wall clock */
    struct items_range range;
};

/* A paid request that came. */
struct account_post {
    enum service service;
    bool single;
    bool accepted;   /* it was applied: credits were reserved or charged */
    int status;      /* of the reply, 0: none was sent */
    int64_t batch;   /* its number when it made one, else -1 */
    int64_t credits; /* charged for a single */
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
 * is damaged before its last line. */
int account_open(struct account **out, const char *folder, int64_t balance, struct error *e);
/* On return everything is durable. */
void account_close(struct account *a);

struct items *account_items(struct account *a);

/* Available = granted - spent - reserved. */
int64_t account_available(const struct account *a);
int64_t account_reserved(const struct account *a);
int64_t account_spent(const struct account *a);
int64_t account_granted(const struct account *a);

/* Each of these changes the state at once and is durable after the next account_sync; replies that
 * tell of it wait for that. post: filled in by the caller but for accepted, batch and credits. */

/* A batch whose items were committed: the credits are reserved. Fills in id, at_ms and reserved of
 * the draft. */
const struct account_batch *account_submit(struct account *a, const struct account_batch *draft,
                                           const struct account_post *post);
/* charged <= reserved; the rest is refunded. Only once a batch. */
void account_settle(struct account *a, const struct account_batch *b, int64_t charged);
/* One question, answered at once. credits >= 0. */
void account_single(struct account *a, const struct question *q, int64_t credits,
                    const struct account_post *post);
void account_topup(struct account *a, int64_t credits);
/* A paid request that was not applied. Not waited for. */
void account_refuse(struct account *a, const struct account_post *post);

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

struct account_singles {
    uint64_t count; /* accepted */
    int64_t credits;
};
struct account_singles account_singles(const struct account *a, enum service service);

/* i = 0: the oldest that is remembered. */
uint64_t account_posts(const struct account *a, uint64_t *forgotten);
const struct account_post *account_post(const struct account *a, uint64_t i);
uint64_t account_transactions(const struct account *a, uint64_t *forgotten);
const struct account_transaction *account_transaction(const struct account *a, uint64_t i);

/* Append the questions of all accepted single requests, a line each, from the journal. */
int account_print_singles(struct account *a, struct buf *out, struct error *e);

#endif
