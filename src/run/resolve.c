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

/* The new state of the batch by the choice; ERR_USAGE for a choice that there is not. */
static int choose(struct ledger_batch *b, const char *choice, enum batch_state *to,
                  enum outcome *outcome, const char **reason, struct error *e)
{
    *outcome = OUTCOME_NONE;
    *reason = "";
    if (strncmp(choice, "sent=", 5) == 0) {
        if (!http_id_valid(slice_of(choice + 5)))
            return error_set(e, ERR_USAGE,
                             "\"%s\" is no id of a batch: 1 to 64 letters, digits, - and"
                             " _",
                             choice + 5);
        snprintf(b->vendor_id, sizeof b->vendor_id, "%s", choice + 5);
        b->accepted_ms = clock_wall_ms();
        *to = BATCH_ACCEPTED;
    } else if (strcmp(choice, "sent") == 0) {
        *to = BATCH_SKIPPED;
        *outcome = OUTCOME_IN_DOUBT;
        *reason = "reply lost";
        b->credits = b->cost_max;
    } else if (strcmp(choice, "not-sent") == 0) {
        *to = BATCH_PREPARED;
    } else if (strcmp(choice, "skip") == 0) {
        *to = BATCH_SKIPPED;
        *outcome = OUTCOME_SKIPPED;
        *reason = "skipped: its submission is in doubt";
    } else {
        return error_set(e, ERR_USAGE, "--as takes sent, sent=ID, not-sent or skip, not \"%s\"",
                         choice);
    }
    return 0;
}

struct concluding {
    struct ledger *ledger;
    struct answer answer;
};

static int conclude_slice(void *arg, uint32_t batch, uint32_t shard, const struct bits *members,
                          struct error *e)
{
    struct concluding *c = arg;
    struct buf group;
    buf_init(&group, (size_t)SHARD_RECORDS * 256);
    for (unsigned k = bits_next(members, 0); k < SHARD_RECORDS; k = bits_next(members, k + 1))
        answer_encode(&group, k, &c->answer);
    int rc = group.failed ? error_set(e, ERR_INTERNAL, "no memory for answers")
                          : ledger_add_answers(c->ledger, 0, shard, batch, 0, buf_slice(&group), e);
    buf_deinit(&group);
    return rc;
}

static int start_over(struct ledger *l, struct error *e)
{
    struct totals none = {{0}, 0, 0};
    int rc = ledger_set_output(l, 0, 0, e);
    if (rc == 0)
        rc = totals_store(&none, l, e);
    return rc != 0 ? rc : ledger_set(l, LEDGER_KEY_STATE, SLICE_LIT("running"), e);
}

static int store(struct ledger *l, struct ledger_batch *b, const char *choice, enum batch_state to,
                 enum outcome outcome, const char *reason, struct error *e)
{
    struct concluding c = {l, {.outcome = outcome, .reason = slice_of(reason)}};
    /* The id has a column of its own. */
    const char *word = strncmp(choice, "sent=", 5) == 0 ? "sent" : choice;
    int rc = ledger_add_decision(l, b->id, word, b->vendor_id, "resolve", clock_wall_ms(), e);
    if (rc == 0)
        rc = ledger_drop_replies(l, b->id, e);
    if (rc == 0 && outcome != OUTCOME_NONE)
        rc = ledger_each_slice(l, b->id, conclude_slice, &c, e);
    snprintf(b->state, sizeof b->state, "%s", batch_machine.states[to].name);
    if (rc == 0)
        rc = ledger_put_batch(l, b, e);
    return rc != 0 ? rc : start_over(l, e);
}

static int decide(struct home *h, unsigned id, const char *choice, struct error *e)
{
    struct ledger_batch b;
    enum batch_state to = BATCH_STATES;
    enum outcome outcome = OUTCOME_NONE;
    const char *reason = "";
    int rc = ledger_find_batch(h->ledger, id, &b, e);
    if (rc == 0)
        return error_set(e, ERR_USAGE, "the run has no batch %u", id);
    if (rc < 0)
        return rc;
    bool sending = strcmp(b.state, batch_machine.states[BATCH_SENDING].name) == 0;
    if (!sending && strcmp(b.state, batch_machine.states[BATCH_IN_DOUBT].name) != 0)
        return error_set(e, ERR_USAGE,
                         "batch %u is %s, not in doubt; tranche resolve %s lists those that are",
                         id, b.state, h->dir);
    rc = choose(&b, choice, &to, &outcome, &reason, e);
    if (rc == 0)
        rc = ledger_begin(h->ledger, e);
    if (rc == 0)
        rc = store(h->ledger, &b, choice, to, outcome, reason, e);
    return rc == 0 ? ledger_commit(h->ledger, e) : rc;
}

static int set_finish(struct home *h, struct error *e)
{
    int rc = ledger_begin(h->ledger, e);
    if (rc == 0)
        rc = ledger_set_i64(h->ledger, "finish", 1, e);
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
