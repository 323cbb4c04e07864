/* Faults on request: which calls go wrong, how, and how often. */
#ifndef TRANCHE_SIM_FAULTS_H
#define TRANCHE_SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* What a request is for. Requests are counted and go wrong by class. */
enum fault_class {
    CLASS_SUBMIT,   /* a batch, or one question that is answered later */
    CLASS_SINGLE,   /* questions that are answered at once */
    CLASS_POLL,     /* the status of a batch; status and answer of a job */
    CLASS_PAGE,     /* a batch's results */
    CLASS_BALANCE,  /* the wallet: balance and transactions */
    CLASS_CALLBACK, /* a result that the vendor posts to its client */
    CLASS_OTHER,    /* anything else; no faults */
    CLASSES
};
const char *faults_class_name(enum fault_class class);

/* What is done with a number N behind the word ("status-503"). */
enum fault_number { NUMBER_NONE, NUMBER_OPTIONAL, NUMBER_REQUIRED };

/* word, kind, its number, meaning */
#define FAULT_LIST(X)                                                                              \
    X("drop-before", FAULT_DROP_BEFORE, NUMBER_NONE,                                               \
      "read the whole request, do nothing, drop the connection")                                   \
    X("drop-after", FAULT_DROP_AFTER, NUMBER_NONE, "do it, then drop the connection")              \
    X("cut", FAULT_CUT, NUMBER_NONE, "do it, send half of the reply, drop the connection")         \
    X("status", FAULT_STATUS, NUMBER_REQUIRED, "do nothing, answer with status N")                 \
    X("after", FAULT_AFTER, NUMBER_REQUIRED, "do it, then answer with status N all the same")      \
    X("limit", FAULT_LIMIT, NUMBER_REQUIRED, "429 with Retry-After: N")                            \
    X("limit-date", FAULT_LIMIT_DATE, NUMBER_OPTIONAL,                                             \
      "429 with Retry-After as the date N seconds from now (1)")                                   \
    X("limit-garbage", FAULT_LIMIT_GARBAGE, NUMBER_NONE, "429 with Retry-After: soon")             \
    X("limit-bare", FAULT_LIMIT_BARE, NUMBER_NONE, "429 without Retry-After")                      \
    X("garbage", FAULT_GARBAGE, NUMBER_NONE, "do it, answer 200 with a body that is not JSON")     \
    X("flat", FAULT_FLAT, NUMBER_NONE, "the reply's data without its envelope")                    \
    X("double-keys", FAULT_DOUBLE_KEYS, NUMBER_NONE, "the reply's members twice each")             \
    X("missing", FAULT_MISSING, NUMBER_OPTIONAL, "N rows of the page are left out (1)")            \
    X("repeat", FAULT_REPEAT, NUMBER_OPTIONAL, "N rows of the page come twice (1)")                \
    X("extra", FAULT_EXTRA, NUMBER_OPTIONAL, "N rows that nobody asked for are added (1)")         \
    X("failed", FAULT_FAILED, NUMBER_NONE, "the batch or job will fail with nothing done")         \
    X("half-failed", FAULT_HALF_FAILED, NUMBER_NONE, "the batch will fail half done")              \
    X("lost", FAULT_LOST, NUMBER_NONE, "the callback is never sent")                               \
    X("twice", FAULT_TWICE, NUMBER_NONE, "the callback is sent twice")                             \
    X("swap", FAULT_SWAP, NUMBER_NONE, "the callback goes after the one that follows it")          \
    X("forged", FAULT_FORGED, NUMBER_OPTIONAL,                                                     \
      "a forged callback goes before it: 1 with another token, 2 with a wrong signature, 3 about " \
      "somebody else; without a number one of these")                                              \
    X("delay", FAULT_DELAY, NUMBER_REQUIRED,                                                       \
      "hold the reply or callback back for N ms; the only one that goes together with others")

enum fault_kind {
    FAULT_NONE,
#define X(word, kind, number, help) kind,
    FAULT_LIST(X)
#undef X
};

struct fault {
    enum fault_kind kind;
    const char *word; /* of the list above; "" for none */
    int64_t number;   /* 1 where it was left out */
    bool numbered;    /* it was not */
    int64_t delay_ms;
    uint64_t dice; /* random bits for whoever carries it out */
};

struct faults;

/* spec: see faults_help; NULL or "" for none. ERR_USAGE with what is wrong. */
int faults_create(struct faults **out, const char *spec, uint64_t seed, struct error *e);
void faults_destroy(struct faults *f);

/* What goes wrong with the request or callback of this class that is here now. */
struct fault faults_take(struct faults *f, enum fault_class class);

/* The rules as JSON, each with how many requests it saw and how often it fired. */
void faults_print(const struct faults *f, struct buf *out);

const char *faults_help(void);

#endif
