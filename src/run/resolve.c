/* tranche resolve: batches in doubt, listed or decided.
 *
 * A decision is one transaction: the decision's own row, the batch's new state, the in_doubt
 * answers it had gone, the output's length back to nothing and the run under way again. tranche
 * resume then carries it out and renders the output again. */
#include "run/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ledger/ledger.h"
#include "plan/batch.h"
#include "record/answer.h"
#include "run/home.h"
#include "run/totals.h"
#include "wire/http.h"

struct listing {
    const char *dir;
    unsigned count;
};

static int show_doubt(void *arg, const struct ledger_batch *b, struct error *e)
{
    struct listing *list = arg;
    char armed[32] = "";
    (void)e;
    if (strcmp(b->state, batch_machine.states[BATCH_IN_DOUBT].name) != 0)
        return 0;
    list->count++;
    if (b->armed_ms > 0)
        clock_format_utc(b->armed_ms, armed);
    printf("batch %u: %u records, at most %" PRId64 " credits, submitted %s (attempt %u)\n"
           "  why:   %s\n"
           "  body:  %" PRIu64 " bytes, sha256 %s\n"
           "  the vendor has it:      tranche resolve %s %u --as sent=ID\n"
           "  it has it, id unknown:  tranche resolve %s %u --as sent\n"
           "  the vendor has it not:  tranche resolve %s %u --as not-sent   (it is sent again)\n"
           "  leave it:               tranche resolve %s %u --as skip\n",
           b->id, b->items, b->cost_max, armed, b->attempt, b->note, b->body_bytes, b->body_sha256,
           list->dir, b->id, list->dir, b->id, list->dir, b->id, list->dir, b->id);
    return 0;
}

struct decision {
    char word[16];  /* sent, not-sent, skip */
    const char *id; /* the vendor's, or "" */
    enum batch_state to;
    enum outcome outcome; /* of its records without an answer; OUTCOME_NONE: none yet */
    const char *reason;
};

/* ERR_USAGE for a choice that there is not. */
static int choose(const char *choice, struct decision *d, struct error *e)
{
    static const struct decision choices[] = {
        {"sent", "", BATCH_SKIPPED, OUTCOME_IN_DOUBT, "reply lost"},
        {"not-sent", "", BATCH_PREPARED, OUTCOME_NONE, ""},
        {"skip", "", BATCH_SKIPPED, OUTCOME_SKIPPED, "skipped: its submission is in doubt"},
    };
    for (unsigned i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if (strcmp(choice, choices[i].word) != 0)
            continue;
        *d = choices[i];
        return 0;
    }
    if (strncmp(choice, "sent=", 5) != 0)
        return error_set(e, ERR_USAGE, "--as takes sent, sent=ID, not-sent or skip, not \"%s\"",
                         choice);
    if (!http_id_valid(slice_of(choice + 5)))
        return error_set(e, ERR_USAGE,
                         "\"%s\" is no id of a batch: 1 to 64 letters, digits, - and _",
                         choice + 5);
    *d = (struct decision){"sent", choice + 5, BATCH_ACCEPTED, OUTCOME_NONE, ""};
    return 0;
}

struct other {
    uint32_t batch;
    const char *id;
};

static int look_for_id(void *arg, const struct ledger_batch *b, struct error *e)
{
    const struct other *o = arg;
    if (b->id == o->batch || strcmp(b->vendor_id, o->id) != 0)
        return 0;
    return error_set(e, ERR_USAGE, "%s is the id of batch %u already", o->id, b->id);
}

/* Whether the batch may be decided so, as it stands. */
static int allow(struct ledger *l, const struct ledger_batch *b, const struct decision *d,
                 struct error *e)
{
    struct other o = {b->id, d->id};
    int found = machine_find(&batch_machine, b->state);
    enum batch_state state = found < 0 ? BATCH_STATES : (enum batch_state)found;
    bool doubt = state == BATCH_IN_DOUBT || state == BATCH_SENDING;
    bool taken = state == BATCH_ACCEPTED || state == BATCH_WAITING || state == BATCH_FETCHING;
    if (taken && d->to == BATCH_PREPARED)
        return error_set(e, ERR_USAGE, "batch %u was accepted as %s: it cannot be sent again",
                         b->id, b->vendor_id);
    if (!doubt && !taken)
        return error_set(e, ERR_USAGE, "batch %u is %s: there is nothing to decide", b->id,
                         b->state);
    return d->id[0] != '\0' ? ledger_each_batch(l, look_for_id, &o, e) : 0;
}

struct concluding {
    struct ledger *ledger;
    const struct decision *decision;
    uint32_t batch;
    struct bits answered; /* of the shard under way, by result pages */
};

static int add_answered(void *arg, unsigned step, uint32_t batch, uint32_t page,
                        struct slice answers, struct error *e)
{
    struct concluding *c = arg;
    struct answer answer;
    unsigned index;
    (void)step, (void)e;
    while (batch == c->batch && page > 0 && answer_decode(&answers, &index, &answer) == 1)
        bits_set(&c->answered, index);
    return 0;
}

static int conclude_slice(void *arg, uint32_t batch, uint32_t shard, const struct bits *members,
                          struct error *e)
{
    struct concluding *c = arg;
    struct answer answer = {.outcome = c->decision->outcome,
                            .reason = slice_of(c->decision->reason)};
    struct buf group;
    memset(&c->answered, 0, sizeof c->answered);
    int rc = ledger_each_answers(c->ledger, shard, add_answered, c, e);
    buf_init(&group, (size_t)SHARD_RECORDS * 256);
    for (unsigned k = bits_next(members, 0); k < SHARD_RECORDS; k = bits_next(members, k + 1))
        if (!bits_test(&c->answered, k))
            answer_encode(&group, k, &answer);
    if (rc == 0 && group.failed)
        rc = error_set(e, ERR_INTERNAL, "no memory for answers");
    if (rc == 0 && group.len > 0)
        rc = ledger_add_answers(c->ledger, 0, shard, batch, 0, buf_slice(&group), e);
    buf_deinit(&group);
    return rc;
}

static int start_over(struct ledger *l, struct error *e)
{
    int rc = totals_start_over(l, e);
    return rc != 0 ? rc : ledger_set(l, LEDGER_KEY_STATE, SLICE_LIT("running"), e);
}

/* The decision, in the transaction that the caller began. */
static int store(struct ledger *l, struct ledger_batch *b, const struct decision *d,
                 struct error *e)
{
    struct concluding c = {.ledger = l, .decision = d, .batch = b->id};
    int64_t now = clock_wall_ms();
    int rc = ledger_add_decision(l, b->id, d->word, d->id, "resolve", now, e);
    if (rc == 0 && strcmp(b->state, batch_machine.states[BATCH_SENDING].name) == 0)
        rc = ledger_end_attempt(l, b->id, b->attempt, "in-doubt",
                                "the process ended while it was being submitted", now, e);
    /* What is asked again or fetched anew begins without what was concluded or fetched before. */
    if (rc == 0 && d->outcome == OUTCOME_NONE)
        rc = ledger_drop_replies(l, b->id, e);
    if (rc == 0 && d->outcome != OUTCOME_NONE)
        rc = ledger_each_slice(l, b->id, conclude_slice, &c, e);
    if (rc != 0)
        return rc;
    if (d->to == BATCH_ACCEPTED) {
        snprintf(b->vendor_id, sizeof b->vendor_id, "%s", d->id);
        b->vendor_items = b->credits = -1;
        b->accepted_ms = now;
    }
    /* What the vendor may have, it may charge. */
    if (d->to == BATCH_SKIPPED && b->credits < 0)
        b->credits = b->cost_max;
    b->ended_ms = d->to == BATCH_SKIPPED ? now : 0;
    snprintf(b->state, sizeof b->state, "%s", batch_machine.states[d->to].name);
    rc = ledger_put_batch(l, b, e);
    return rc != 0 ? rc : start_over(l, e);
}

static int decide(struct home *h, unsigned id, const char *choice, struct error *e)
{
    struct ledger_batch b;
    struct decision d = {.to = BATCH_STATES};
    int rc = choose(choice, &d, e);
    if (rc == 0)
        rc = ledger_find_batch(h->ledger, id, &b, e);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return error_set(e, ERR_USAGE, "%s has no batch %u", h->dir, id);
    rc = allow(h->ledger, &b, &d, e);
    if (rc == 0)
        rc = ledger_begin(h->ledger, e);
    if (rc == 0)
        rc = store(h->ledger, &b, &d, e);
    return rc == 0 ? ledger_commit(h->ledger, e) : rc;
}

/* What is cut and was never sent goes back to what waits, so that it ends too. */
static int release_unsent(void *arg, const struct ledger_batch *b, struct error *e)
{
    struct ledger_batch row = *b;
    if (strcmp(b->state, batch_machine.states[BATCH_PREPARED].name) != 0)
        return 0;
    snprintf(row.state, sizeof row.state, "%s", batch_machine.states[BATCH_SPLIT].name);
    snprintf(row.note, sizeof row.note, "not sent; ended by tranche resolve --finish");
    return ledger_put_batch(arg, &row, e);
}

static int set_finish(struct home *h, struct error *e)
{
    int rc = ledger_begin(h->ledger, e);
    if (rc == 0)
        rc = ledger_set_i64(h->ledger, "finish", 1, e);
    if (rc == 0)
        rc = ledger_each_batch(h->ledger, release_unsent, h->ledger, e);
    return rc == 0 ? ledger_commit(h->ledger, e) : rc;
}

int run_resolve(const char *dir, unsigned batch, const char *choice, bool finish, struct error *e)
{
    struct home h;
    struct listing list = {dir, 0};
    int rc = home_open(&h, dir, false, e);
    if (rc != 0)
        return error_exit_status(rc);
    if (batch != 0)
        rc = decide(&h, batch, choice, e);
    if (rc == 0 && finish)
        rc = set_finish(&h, e);
    if (rc == 0 && batch == 0 && !finish) {
        rc = ledger_each_batch(h.ledger, show_doubt, &list, e);
        if (rc == 0 && list.count == 0)
            printf("No batch of %s is in doubt.\n", dir);
    } else if (rc == 0) {
        printf("Noted. It is carried out, and the output rendered again, by: tranche resume %s\n",
               dir);
    }
    home_close(&h);
    return rc == 0 ? 0 : error_exit_status(rc);
}
