/* tranche verify: every promise that can be checked from disk, one after another, each with what it
 * found and the first offender by name.
 *
 * Reads everything again: the list against its hashes, the ledger against itself, the output
 * against a new rendering. Changes nothing. */
#include "run/run.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "plan/batch.h"
#include "record/dedupe.h"
#include "run/end.h"
#include "run/home.h"
#include "run/piece.h"
#include "run/totals.h"
#include "wire/json_write.h"

struct verifying {
    struct home *home;
    struct setup setup;
    struct list *list;
    struct mapping mapping;
    char *output;
    bool json;
    unsigned checks, failed;
    char first[512]; /* offender of the check under way; empty: none */
    uint64_t offenders;
    /* What the ledger says, gathered on the way. */
    uint64_t records, asked, answered, items, attempts;
    uint32_t shards;
    struct bits *wanted;          /* by shard: asked records */
    struct bits *held;            /* items of batches that hold theirs */
    struct bits *have;            /* records with an answer */
    struct ledger_batch *batches; /* by id */
    uint32_t batch_count;
    struct dedupe *dedupe;
    struct totals totals;
    int64_t resubmitted;
};

static void offend(struct verifying *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void offend(struct verifying *v, const char *format, ...)
{
    va_list args;
    if (v->offenders++ > 0)
        return;
    va_start(args, format);
    vsnprintf(v->first, sizeof v->first, format, args);
    va_end(args);
}

/* End of a check: what it is called, and what it looked at. */
static void verdict(struct verifying *v, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void verdict(struct verifying *v, const char *name, const char *format, ...)
{
    char found[512];
    va_list args;
    va_start(args, format);
    vsnprintf(found, sizeof found, format, args);
    va_end(args);
    bool ok = v->offenders == 0;
    if (v->json) {
        struct buf line;
        bool first = true;
        buf_init(&line, 1 << 14);
        buf_append_char(&line, '{');
        json_write_member_string(&line, &first, "check", slice_of(name));
        json_write_member_bool(&line, &first, "ok", ok);
        json_write_member_string(&line, &first, "found", slice_of(found));
        json_write_member_i64(&line, &first, "offenders", (int64_t)v->offenders);
        json_write_member_string(&line, &first, "first", slice_of(v->first));
        buf_append_text(&line, "}");
        puts(buf_text(&line));
        buf_deinit(&line);
    } else if (ok) {
        printf("ok    %-22s %s\n", name, found);
    } else {
        printf("FAIL  %-22s %s\n      %" PRIu64 " wrong, the first: %s\n", name, found,
               v->offenders, v->first);
    }
    v->checks++;
    v->failed += !ok;
    v->offenders = 0;
    v->first[0] = '\0';
}

/* --- the list --- */

static int ignore_row(void *arg, const struct list_row *row, struct error *e)
{
    (void)arg, (void)row, (void)e;
    return 0;
}

static int look_at_shard(void *arg, const struct list_shard *shard, struct error *e)
{
    struct verifying *v = arg;
    struct error bad = {0};
    (void)e;
    if (shard->number != v->shards || shard->first_record != v->records + 1)
        offend(v, "shard %u follows record %" PRIu64 " and begins at %" PRIu64, shard->number,
               v->records, shard->first_record);
    else if (list_read(v->list, shard, ignore_row, NULL, &bad) != 0)
        offend(v, "shard %u: %s", shard->number, bad.message);
    v->shards++;
    v->records += shard->records;
    return 0;
}

static int check_list(struct verifying *v, struct error *e)
{
    int rc = ledger_each_shard(v->home->ledger, look_at_shard, v, e);
    verdict(v, "same list", "%" PRIu64 " records in %u shards, each with the hash it had",
            v->records, v->shards);
    v->wanted = calloc(v->shards + 1, sizeof *v->wanted);
    v->held = calloc(v->shards + 1, sizeof *v->held);
    v->have = calloc(v->shards + 1, sizeof *v->have);
    if (v->wanted == NULL || v->held == NULL || v->have == NULL)
        abort();
    return rc;
}

/* --- single spend --- */

static int look_at_entry(void *arg, uint32_t shard, struct slice identities, struct slice firsts,
                         struct error *e)
{
    struct verifying *v = arg;
    static const struct identity none;
    for (uint32_t i = 0; i < firsts.len / 4 && i < SHARD_RECORDS; i++) {
        uint32_t first, record = shard * SHARD_RECORDS + i + 1;
        struct identity id;
        memcpy(&first, firsts.data + i * 4, 4);
        memcpy(&id, identities.data + i * sizeof id, sizeof id);
        if (first == 0) {
            if (memcmp(&id, &none, sizeof id) != 0)
                offend(v, "record %u has an identity and is not asked", record);
            continue;
        }
        uint32_t known = dedupe_add(v->dedupe, id, record);
        if (known == 0) {
            *e = *dedupe_error(v->dedupe);
            return e->code;
        }
        if (known != first)
            offend(v, "record %u repeats record %u, the ledger says %u", record, known, first);
        if (first == record) {
            bits_set(&v->wanted[shard], i);
            v->asked++;
        }
    }
    return 0;
}

static int look_at_batch(void *arg, const struct ledger_batch *b, struct error *e)
{
    struct verifying *v = arg;
    if (b->id >= v->batch_count) {
        uint32_t count = b->id * 2 + 16;
        v->batches = realloc(v->batches, count * sizeof *v->batches);
        if (v->batches == NULL)
            return error_set(e, ERR_INTERNAL, "no memory for the batches");
        memset(v->batches + v->batch_count, 0, (count - v->batch_count) * sizeof *v->batches);
        v->batch_count = count;
    }
    v->batches[b->id] = *b;
    return 0;
}

static enum batch_state state_of(const struct verifying *v, uint32_t id)
{
    int state = id < v->batch_count ? machine_find(&batch_machine, v->batches[id].state) : -1;
    return state < 0 ? BATCH_STATES : (enum batch_state)state;
}

static int look_at_slice(void *arg, uint32_t batch, uint32_t shard, const struct bits *members,
                         struct error *e)
{
    struct verifying *v = arg;
    enum batch_state state = state_of(v, batch);
    (void)e;
    if (state == BATCH_STATES || shard >= v->shards) {
        offend(v, "items of batch %u in shard %u: there is no such batch or shard", batch, shard);
        return 0;
    }
    if (!batch_holds(state))
        return 0;
    for (unsigned k = bits_next(members, 0); k < SHARD_RECORDS; k = bits_next(members, k + 1)) {
        uint32_t record = shard * SHARD_RECORDS + k + 1;
        if (!bits_test(&v->wanted[shard], k))
            offend(v, "record %u is an item of batch %u and is a duplicate or invalid", record,
                   batch);
        if (bits_test(&v->held[shard], k))
            offend(v, "record %u is an item of batch %u and of another one", record, batch);
        bits_set(&v->held[shard], k);
        v->items++;
    }
    return 0;
}

static int check_spend(struct verifying *v, struct error *e)
{
    int rc = ledger_each_entry(v->home->ledger, 0, 0, UINT32_MAX, look_at_entry, v, e);
    if (rc == 0)
        rc = ledger_each_batch(v->home->ledger, look_at_batch, v, e);
    if (rc == 0)
        rc = ledger_each_slice(v->home->ledger, 0, look_at_slice, v, e);
    verdict(v, "single spend",
            "%" PRIu64 " identities, %" PRIu64 " of them in a batch, none in two", v->asked,
            v->items);
    return rc;
}

static int look_at_attempt(void *arg, const struct ledger_attempt *a, struct error *e)
{
    struct verifying *v = arg;
    (void)e;
    if (state_of(v, a->batch) == BATCH_STATES)
        offend(v, "an attempt of batch %u, which there is not", a->batch);
    else if (strlen(a->body_sha256) != 64 || a->armed_ms == 0 || a->cost_max < 0)
        offend(v, "attempt %u of batch %u lacks body hash, time or cost", a->attempt, a->batch);
    v->attempts++;
    return 0;
}

/* Whether what the vendor accepted is asked for by an id, which then must be there. */
static bool goes_by_id(const struct verifying *v, const struct ledger_batch *b)
{
    const struct operation *op = b->alone ? &v->setup.alone : &v->setup.asked;
    return op->delivery == DELIVERY_PAGES || op->delivery == DELIVERY_POLL;
}

/* Nothing was sent without a row: as many attempts as the batches count, and none that went further
 * without one. */
static int check_records_of_spend(struct verifying *v, struct error *e)
{
    uint64_t armed = 0;
    int rc = ledger_each_attempt(v->home->ledger, look_at_attempt, v, e);
    for (uint32_t id = 1; id < v->batch_count; id++) {
        enum batch_state state = state_of(v, id);
        armed += v->batches[id].attempt;
        if (batch_owes(state) && v->batches[id].attempt == 0)
            offend(v, "batch %u is %s and was never armed", id, v->batches[id].state);
        if ((state == BATCH_ACCEPTED || state == BATCH_WAITING || state == BATCH_FETCHING ||
             state == BATCH_DONE) &&
            goes_by_id(v, &v->batches[id]) && v->batches[id].vendor_id[0] == '\0')
            offend(v, "batch %u is %s and has no vendor's id", id, v->batches[id].state);
    }
    if (armed != v->attempts)
        offend(v, "the batches count %" PRIu64 " submissions", armed);
    verdict(v, "no unrecorded spend", "%" PRIu64 " submissions, each armed with hash and cost",
            v->attempts);
    return rc;
}

static void check_credits(struct verifying *v)
{
    int64_t spent = 0, owed = 0;
    for (uint32_t id = 1; id < v->batch_count; id++) {
        enum batch_state state = state_of(v, id);
        if (state == BATCH_STATES)
            continue;
        if (batch_owes(state))
            owed += v->batches[id].cost_max;
        else if (v->batches[id].credits > 0)
            spent += v->batches[id].credits;
    }
    spent += v->resubmitted;
    /* A cap that was lowered below what is spent already stops the run; nothing may be owed beyond
     * it. */
    if (v->setup.max_credits != INT64_MAX && owed > 0 && spent + owed > v->setup.max_credits)
        offend(v, "--max-credits is %" PRId64, v->setup.max_credits);
    verdict(v, "credits", "%" PRId64 " spent, %" PRId64 " may be owed", spent, owed);
}

/* --- answers and output --- */

struct answers_of {
    struct verifying *v;
    uint32_t shard;
};

static int look_at_answers(void *arg, unsigned step, uint32_t batch, uint32_t page,
                           struct slice answers, struct error *e)
{
    struct answers_of *of = arg;
    struct verifying *v = of->v;
    struct answer answer;
    unsigned index;
    int more;
    (void)step, (void)e;
    while ((more = answer_decode(&answers, &index, &answer)) == 1) {
        if (!bits_test(&v->wanted[of->shard], index))
            offend(v, "batch %u, page %u answers record %u, which was not asked", batch, page,
                   of->shard * SHARD_RECORDS + index + 1);
        if (!bits_test(&v->have[of->shard], index))
            v->answered++;
        bits_set(&v->have[of->shard], index);
    }
    if (more < 0)
        offend(v, "batch %u, page %u: the answers of shard %u are damaged", batch, page, of->shard);
    return 0;
}

static int check_answers(struct verifying *v, struct error *e)
{
    int rc = 0;
    for (uint32_t s = 0; rc == 0 && s < v->shards; s++) {
        struct answers_of of = {v, s};
        rc = ledger_each_answers(v->home->ledger, s, look_at_answers, &of, e);
        for (unsigned k = 0; v->home->complete && k < SHARD_RECORDS; k++)
            if (bits_test(&v->wanted[s], k) && !bits_test(&v->have[s], k))
                offend(v, "record %u has no answer", s * SHARD_RECORDS + k + 1);
    }
    verdict(v, "answers", "%" PRIu64 " of %" PRIu64 " asked records have one", v->answered,
            v->asked);
    return rc;
}

static int check_conservation(struct verifying *v, struct error *e)
{
    uint64_t sum = 0, bytes, expected = v->records;
    uint32_t emitted;
    int rc = totals_load(&v->totals, v->home->ledger, e);
    if (rc == 0)
        rc = ledger_get_output(v->home->ledger, &bytes, &emitted, e);
    if (rc < 0)
        return rc;
    for (int i = OUTCOME_FOUND; i < OUTCOME_COUNT; i++)
        sum += v->totals.outcomes[i];
    if (!v->home->complete && (uint64_t)emitted * SHARD_RECORDS < expected)
        expected = (uint64_t)emitted * SHARD_RECORDS;
    if (v->home->complete && emitted != v->shards)
        offend(v, "the run is complete and %u of %u shards are emitted", emitted, v->shards);
    if (sum != expected)
        offend(v, "%" PRIu64 " records are emitted", expected);
    verdict(v, "conservation", "%" PRIu64 " outcomes for %" PRIu64 " emitted records", sum,
            expected);
    return 0;
}

struct comparing {
    struct verifying *v;
    struct piece piece;
    int fd;
    uint64_t at;
    uint32_t emitted;
};

static int compare_shard(void *arg, const struct list_shard *place, struct error *e)
{
    struct comparing *c = arg;
    struct error bad = {0};
    if (place->number >= c->emitted)
        return 0;
    int rc = collect_shard(&c->piece.collected, c->v->home->ledger, place, e);
    if (rc != 0)
        return rc;
    if (piece_make(&c->piece, place, &bad) != 0) {
        offend(c->v, "shard %u: %s", place->number, bad.message);
        return 0;
    }
    struct slice bytes = buf_slice(&c->piece.bytes);
    char *there = malloc(bytes.len + 1);
    if (there == NULL)
        abort();
    if (file_read_at(c->fd, there, bytes.len, c->at, &bad) != 0 ||
        memcmp(there, bytes.data, bytes.len) != 0)
        offend(c->v,
               "shard %u (records %" PRIu64 "-%" PRIu64 ", byte %" PRIu64
               ") differs from what list and ledger give",
               place->number, place->first_record, place->first_record + place->records - 1, c->at);
    free(there);
    c->at += bytes.len;
    return 0;
}

static int check_output(struct verifying *v, struct error *e)
{
    struct comparing c = {.v = v};
    struct render render;
    struct recipe recipe = {v->list, &v->mapping, v->setup.operation, &render, FRAME_PLAIN};
    uint64_t bytes;
    struct stat st;
    char *path = end_written(v->output, v->home->complete);
    int rc = ledger_get_output(v->home->ledger, &bytes, &c.emitted, e);
    if (rc >= 0)
        rc =
            home_render(&v->home->stored, v->list, v->setup.operation, &render, &recipe.packing, e);
    if (rc == 0 && bytes > 0) {
        c.fd = open(path, O_RDONLY | O_CLOEXEC);
        if (c.fd < 0 || fstat(c.fd, &st) != 0) {
            offend(v, "%s is not there", path);
        } else if ((uint64_t)st.st_size < bytes ||
                   (v->home->complete && (uint64_t)st.st_size != bytes)) {
            offend(v, "%s has %" PRIdMAX " bytes, the ledger says %" PRIu64, path,
                   (intmax_t)st.st_size, bytes);
        } else {
            rc = piece_init(&c.piece, &recipe, e);
            if (rc == 0)
                rc = ledger_each_shard(v->home->ledger, compare_shard, &c, e);
            piece_deinit(&c.piece);
            if (c.at != bytes)
                offend(v, "list and ledger give %" PRIu64 " bytes", c.at);
        }
        if (c.fd >= 0)
            close(c.fd);
    }
    verdict(v, "output", "%" PRIu64 " bytes of %s, rendered again and compared", bytes, path);
    free(path);
    return rc;
}

static int verify_all(struct verifying *v, struct error *e)
{
    struct error bad = {0};
    struct settings *s = &v->home->stored;
    int rc = settings_resolve(s, &v->setup, e);
    if (rc == 0 && ledger_check(v->home->ledger, &bad) != 0)
        offend(v, "%s", bad.message);
    if (rc == 0) {
        verdict(v, "ledger", "ledger.db is sound");
        rc = home_list(v->home, s, true, &v->list, &v->mapping, e);
    }
    if (rc == 0)
        rc = check_list(v, e);
    if (rc == 0)
        rc = check_spend(v, e);
    if (rc == 0)
        rc = check_records_of_spend(v, e);
    if (rc == 0 && (rc = totals_resubmitted(v->home->ledger, &v->resubmitted, e)) == 0)
        check_credits(v);
    if (rc == 0)
        rc = check_answers(v, e);
    if (rc == 0)
        rc = check_conservation(v, e);
    if (rc == 0)
        rc = check_output(v, e);
    return rc;
}

int run_verify(const char *dir, bool json, struct error *e)
{
    struct home h;
    int rc = home_open(&h, dir, false, e);
    if (rc != 0)
        return error_exit_status(rc);
    struct verifying v = {.home = &h, .json = json, .dedupe = dedupe_create(dir, e)};
    if (v.dedupe == NULL)
        rc = e->code;
    else if (h.stored.output == NULL)
        rc = error_set(e, ERR_DATA, "%s: the run never began", dir);
    if (rc == 0) {
        v.output =
            strcmp(h.stored.output, "-") == 0 ? file_join(dir, "output") : strdup(h.stored.output);
        rc = verify_all(&v, e);
    }
    if (rc == 0 && !json)
        printf("%s: %u checks, %u failed; the run is %s\n", dir, v.checks, v.failed,
               h.complete ? "complete" : "unfinished");
    bool clean = rc == 0 && v.failed == 0;
    list_close(v.list);
    dedupe_destroy(v.dedupe);
    free(v.wanted);
    free(v.held);
    free(v.have);
    free(v.batches);
    free(v.output);
    home_close(&h);
    return rc != 0 ? error_exit_status(rc) : clean ? 0 : 1;
}
