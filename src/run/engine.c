/* The loop of a run: carries out what the stages want, in turns.
 *
 * Happy path: every completion (a commit, a reply, a job, a shard from the reader) stores what
 * happened and pokes; once per turn of the loop the pump asks each stage what it wants now and
 * starts it. When every shard is emitted the loop ends.
 *
 * Failure modes:
 *  - engine_stop (a signal, a refusal, a cap, a bad list): nothing new is sent, requests in flight
 * end on their own or are cancelled when the drain time is over, everything that arrived is made
 * durable, the loop ends.
 *  - the ledger fails, or a second signal: the loop is left at once; what is on disk is what the
 * next start finds.
 *  - nothing is under way and nothing will happen: a bug, which ends the run with a message rather
 * than hanging.
 *
 * All on the loop's thread. */
#include "run/end.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "wire/digest.h"

#define TICK_MS   100
#define STATUS_MS 1000

uint64_t engine_random(void)
{
    uint64_t value;
    digest_random(&value, sizeof value);
    return value;
}

int64_t engine_owed(const struct engine *g)
{
    int64_t owed = 0;
    for (unsigned i = 0; i < g->batch_count; i++) {
        enum batch_state s = g->batches[i]->state;
        /* One that is DONE counts as spent only when that is durable and it is forgotten. */
        if (batch_owes(s) || s == BATCH_DONE)
            owed += g->batches[i]->cost_max;
    }
    return owed;
}

int64_t engine_doubt(const struct engine *g)
{
    int64_t doubt = 0;
    for (unsigned i = 0; i < g->batch_count; i++)
        if (g->batches[i]->state == BATCH_IN_DOUBT)
            doubt += g->batches[i]->cost_max;
    return doubt;
}

const struct operation *engine_operation(const struct engine *g, const struct batch *b)
{
    return b->alone ? &g->setup.alone : &g->setup.asked;
}

struct batch *engine_batch(const struct engine *g, uint32_t id)
{
    unsigned low = 0, high = g->batch_count;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (g->batches[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < g->batch_count && g->batches[low]->id == id ? g->batches[low] : NULL;
}

/* Classes that a window counts together wait together: which of them the vendor meant is not known,
 * and a pause of the other one costs nothing but time. */
void engine_pause(struct engine *g, enum rate_class class, int64_t until_ms)
{
    gate_pause(&g->gates[class], until_ms);
}

void engine_limits(struct engine *g, const struct rate_limit *limits, unsigned count)
{
    static const unsigned rooms = sizeof g->windows / sizeof g->windows[0];
    bool same = g->window_count == count;
    for (unsigned i = 0; same && i < count; i++)
        same = g->windows[i].count == limits[i].count &&
               g->windows[i].per_ms == limits[i].per_ms + ENGINE_RATE_SLACK_MS;
    if (same)
        return;
    for (unsigned i = 0; i < g->window_count; i++)
        window_deinit(&g->windows[i]);
    g->window_count = 0;
    for (unsigned c = 0; c < RATE_CLASSES; c++)
        g->gates[c].window_count = 0;
    for (unsigned i = 0; i < count && i < rooms; i++) {
        struct window *w = &g->windows[i];
        if (!window_init(w, limits[i].count, limits[i].per_ms + ENGINE_RATE_SLACK_MS))
            abort();
        g->window_count++;
        for (unsigned c = 0; c < RATE_CLASSES; c++)
            if (limits[i].classes & RATE_BIT(c))
                gate_add_window(&g->gates[c], w);
    }
}

void engine_echo(struct engine *g, enum echo echo)
{
    g->echo = echo;
    if (echo != ECHO_MISSING)
        return;
    settings_go_alone(g->settings, &g->setup);
    engine_limits(g, g->setup.limits, g->setup.limit_count);
    bool few = g->setup.live_max < ENGINE_FLIGHT_MAX;
    g->gates[RATE_SUBMIT].flight_max = few ? g->setup.live_max : ENGINE_FLIGHT_MAX;
}

void engine_abandon(struct engine *g)
{
    g->abandoned = true;
    uv_stop(&g->loop);
}

static void on_drained(uv_timer_t *timer)
{
    struct engine *g = timer->data;
    log_write(LOG_WARN, "run", "the drain time is over; requests in flight are given up");
    sender_cancel(g);
    fetcher_cancel(g);
    engine_poke(g);
}

void engine_stop(struct engine *g, const struct error *why)
{
    if (g->stop.code == 0)
        g->stop = *why;
    if (!g->stopping) {
        log_trace("run", "stopping: %s", why->message);
        g->stopping = true;
        uv_timer_start(&g->drain, on_drained, (uint64_t)g->setup.drain_timeout_ms, 0);
    }
    engine_poke(g);
}

void engine_stopf(struct engine *g, int code, const char *format, ...)
{
    struct error why = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(why.message, sizeof why.message, format, args);
    va_end(args);
    why.code = code;
    engine_stop(g, &why);
}

static void work_run(uv_work_t *request)
{
    struct work *w = request->data;
    w->run(w);
}

static void work_done(uv_work_t *request, int status)
{
    (void)status; /* work is never cancelled */
    struct work *w = request->data;
    struct engine *g = w->engine;
    g->works--;
    w->done(w);
    engine_poke(g);
}

void engine_work(struct engine *g, struct work *w)
{
    w->request.data = w;
    w->engine = g;
    g->works++;
    if (uv_queue_work(&g->loop, &w->request, work_run, work_done) != 0)
        abort(); /* only for a NULL callback */
}

void engine_commit(struct engine *g, struct commit_op *op)
{
    commit_push(g->commit, op);
}

bool engine_committed(struct engine *g, const struct error *e)
{
    if (e == NULL)
        return true;
    if (g->stop.code == 0 || !g->abandoned)
        g->stop = *e;
    engine_abandon(g);
    return false;
}

static void on_commit_wake(void *arg)
{
    struct engine *g = arg;
    uv_async_send(&g->commit_wake);
}

static void on_commit(uv_async_t *handle)
{
    struct engine *g = handle->data;
    commit_collect(g->commit);
    engine_poke(g);
}

static void on_wake(uv_timer_t *timer)
{
    engine_poke(timer->data);
}

void engine_wake_at(struct engine *g, int64_t mono_ms)
{
    if (mono_ms == INT64_MAX)
        return;
    int64_t pause = mono_ms - clock_mono_ms();
    if (pause < 1)
        pause = 1; /* a timer of 0 that re-arms itself starves the sockets */
    if (!uv_is_active((uv_handle_t *)&g->wake) || uv_timer_get_due_in(&g->wake) > (uint64_t)pause)
        uv_timer_start(&g->wake, on_wake, (uint64_t)pause, 0);
}

void engine_wait(struct engine *g, int64_t mono_ms, const char *what)
{
    if (mono_ms == INT64_MAX)
        return; /* for something in flight, which will poke */
    int64_t pause = mono_ms - clock_mono_ms();
    if (pause > g->setup.max_wait_ms) {
        char text[32];
        clock_format_duration(pause, text);
        if (g->trouble[0] != '\0')
            engine_stopf(g, ERR_UNAVAILABLE, "%s; the next try is %s away, longer than --max-wait",
                         g->trouble, text);
        else
            engine_stopf(g, ERR_STOPPED, "%s allows nothing for another %s, longer than --max-wait",
                         what, text);
        return;
    }
    snprintf(g->waiting, sizeof g->waiting, "%.120s", g->trouble[0] != '\0' ? g->trouble : what);
    engine_wake_at(g, mono_ms);
}

void engine_trouble(struct engine *g, const char *what, const char *cause)
{
    char now[sizeof g->trouble];
    snprintf(now, sizeof now, "%s: %s: %.200s", g->setup.operation->provider->title, what, cause);
    if (strcmp(now, g->trouble) != 0)
        log_write(LOG_WARN, "run", "%s; trying again", now);
    memcpy(g->trouble, now, sizeof now);
}

/* What is under way and must end before the loop may. */
static bool busy(const struct engine *g)
{
    return g->works > 0 || commit_pending(g->commit) > 0 || client_flight(g->client) > 0;
}

static void give_up_in_time(struct engine *g, struct batch *b, int64_t at_ms)
{
    if (clock_mono_ms() < at_ms)
        engine_wake_at(g, at_ms);
    else if (!arrivals_behind(g)) /* it may be among those that came while no run was up */
        fetcher_give_up(g, b);
}

/* Pages between their request and their answers' being durable, of all batches, are what holds
 * memory and is bounded. Earlier batches come first, so that their shards are emitted first. */
static void pump_batches(struct engine *g)
{
    unsigned busy_pages = 0;
    for (unsigned i = 0; i < g->batch_count; i++)
        busy_pages += g->batches[i]->pages_busy;
    for (unsigned i = 0; i < g->batch_count; i++) {
        struct batch *b = g->batches[i];
        enum delivery delivery = engine_operation(g, b)->delivery;
        unsigned before = b->pages_busy, others = busy_pages - before;
        unsigned pages = others < ENGINE_PAGES_MAX ? ENGINE_PAGES_MAX - others : 0;
        struct batch_need need = batch_need(b, delivery, pages);
        while (need.want == BATCH_WANTS_PAGE && fetcher_page(g, b, &need))
            need = batch_need(b, delivery, pages);
        busy_pages += b->pages_busy - before;
        switch (need.want) {
        case BATCH_WANTS_BODY:
        case BATCH_WANTS_SUBMIT:
            sender_pump(g, b, &need);
            break;
        case BATCH_WANTS_POLL:
            fetcher_poll(g, b, &need);
            break;
        case BATCH_WANTS_END:
            fetcher_end(g, b);
            break;
        case BATCH_WANTS_GIVE_UP:
            give_up_in_time(g, b, need.not_before_ms);
            break;
        case BATCH_WANTS_PAGE:
        case BATCH_WANTS_NOTHING:
            break;
        }
    }
}

/* Nothing is left to ask, to wait for or to send but batches in doubt. */
static bool only_doubts(const struct engine *g)
{
    if (!g->list_whole || g->batcher.waiting > 0 || g->batch_count == 0)
        return false;
    for (unsigned i = 0; i < g->batch_count; i++)
        if (g->batches[i]->state != BATCH_IN_DOUBT)
            return false;
    return true;
}

static void pump(struct engine *g)
{
    if (g->commit == NULL)
        return; /* it never began */
    g->waiting[0] = '\0';
    reader_pump(g);
    if (!g->stopping)
        planner_pump(g);
    arrivals_pump(g);
    pump_batches(g);
    if (!only_doubts(g))
        g->doubt_since_ms = 0;
    else if (!g->stopping)
        doubt_pump(g);
    emitter_pump(g);

    if (busy(g))
        return;
    if (g->stopping && !g->complete && arrivals_owed(g)) {
        snprintf(g->waiting, sizeof g->waiting, "callbacks that are still to come");
        return;
    }
    /* What the summary says is left shall be what the vendor says. */
    if (g->complete && !g->stopping && !g->balance_fresh && !g->balance_asked && g->balance >= 0) {
        g->balance_asked = true;
        fetcher_balance(g);
        if (g->balance_busy)
            return;
    }
    if (g->complete || (g->stopping && g->reader == NULL)) {
        uv_stop(&g->loop);
        return;
    }
    if (g->stopping) {
        reader_stop(g);
        if (!g->abandoned)
            engine_poke(g);
        return;
    }
    if (g->reader == NULL && !uv_is_active((uv_handle_t *)&g->wake) &&
        !uv_is_active((uv_handle_t *)&g->poke))
        engine_stopf(g, ERR_INTERNAL,
                     "the run came to a standstill with %u batches open and shard %u of %u to emit;"
                     " nothing is lost, please report this",
                     g->batch_count, g->emitted, g->shard_count);
}

static void on_poke(uv_idle_t *idle)
{
    uv_idle_stop(idle);
    pump(idle->data);
}

void engine_poke(struct engine *g)
{
    uv_idle_start(&g->poke, on_poke);
}

static void on_tick(uv_timer_t *timer)
{
    struct engine *g = timer->data;
    struct report r;
    engine_report(g, &r);
    if (g->progress != NULL)
        progress_show(g->progress, &r);
    if (r.now_ms - g->status_ms < STATUS_MS)
        return;
    g->status_ms = r.now_ms;
    engine_status(g, &r);
}

void engine_status(struct engine *g, const struct report *r)
{
    struct buf text;
    struct error e = {0};
    char *path = file_join(g->dir, "status.json");
    buf_init(&text, (size_t)1 << 20);
    report_json(r, &text);
    if (text.failed || file_replace(path, buf_slice(&text), false, &e) != 0)
        log_write(LOG_WARN, "run", "status.json: %s", e.message);
    buf_deinit(&text);
    free(path);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct engine *g = handle->data;
    const char *name = number == SIGINT ? "SIGINT" : "SIGTERM";
    if (++g->signals_seen > 1) {
        engine_abandon(g);
        return;
    }
    log_write(LOG_INFO, "run", "%s: finishing what is in flight; once more to stop at once", name);
    engine_stopf(g, ERR_STOPPED, "stopped by %s", name);
}

static int open_loop(struct engine *g, struct error *e)
{
    static const int numbers[2] = {SIGINT, SIGTERM};
    struct client_options options = {
        .connections_max = g->gates[RATE_SUBMIT].flight_max + g->gates[RATE_READ].flight_max,
        .connect_timeout_ms = 10000,
        .user_agent = "tranche/" TRANCHE_VERSION,
    };
    int rc = uv_loop_init(&g->loop);
    if (rc != 0)
        return error_set(e, ERR_INTERNAL, "the event loop cannot start: %s", uv_strerror(rc));
    uv_async_init(&g->loop, &g->commit_wake, on_commit);
    uv_idle_init(&g->loop, &g->poke);
    uv_timer_init(&g->loop, &g->wake);
    uv_timer_init(&g->loop, &g->tick);
    uv_timer_init(&g->loop, &g->drain);
    g->commit_wake.data = g->poke.data = g->wake.data = g->tick.data = g->drain.data = g;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&g->loop, &g->signals[i]);
        g->signals[i].data = g;
        uv_signal_start(&g->signals[i], on_signal, numbers[i]);
    }
    uv_timer_start(&g->tick, on_tick, TICK_MS, TICK_MS);
    rc = client_create(&g->client, &g->loop, &options, e);
    if (rc == 0)
        rc = arrivals_open(g, e);
    return rc == 0 ? monitor_open(g, e) : rc;
}

static void on_client_closed(void *arg)
{
    (void)arg;
}

/* Nothing is under way: close every handle and let the loop run dry. */
static void close_loop(struct engine *g)
{
    monitor_close(g);
    arrivals_close(g);
    if (g->client != NULL)
        client_close(g->client, on_client_closed, NULL);
    uv_close((uv_handle_t *)&g->commit_wake, NULL);
    uv_close((uv_handle_t *)&g->poke, NULL);
    uv_close((uv_handle_t *)&g->wake, NULL);
    uv_close((uv_handle_t *)&g->tick, NULL);
    uv_close((uv_handle_t *)&g->drain, NULL);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&g->signals[i], NULL);
    uv_run(&g->loop, UV_RUN_DEFAULT);
    uv_loop_close(&g->loop);
}

int engine_run(struct engine *g, struct list *scan, struct error *e)
{
    int rc = open_loop(g, e);
    if (rc == 0)
        rc = load_run(g, e);
    if (rc == 0)
        rc = emitter_open(g, e);
    if (rc == 0)
        rc = commit_start(&g->commit, g->ledger, on_commit_wake, g, e);
    if (rc == 0)
        load_identities(g);
    if (rc == 0 && scan != NULL)
        rc = reader_start(g, scan, e);
    if (rc == 0) {
        engine_poke(g);
        uv_run(&g->loop, UV_RUN_DEFAULT);
        if (g->abandoned) {
            /* Threads and requests are still under way: the process ends without touching what they
             * hold. */
            if (g->stop.code == 0)
                error_set(&g->stop, ERR_STOPPED, "stopped at once by a second signal");
            *e = g->stop;
            return e->code;
        }
    }
    if (g->commit != NULL)
        commit_stop(g->commit);
    g->commit = NULL;
    if (rc == 0 && g->complete && (rc = end_check(g, e)) == 0)
        rc = emitter_finish(g, e);
    emitter_close(g);
    close_loop(g);
    if (rc == 0 && !g->complete)
        *e = g->stop;
    return rc != 0 ? rc : e->code;
}

static const char *state_now(const struct engine *g)
{
    if (g->complete)
        return "complete";
    if (g->stopping)
        return "draining";
    if (!g->list_whole)
        return "reading";
    return g->waiting[0] != '\0' ? "waiting" : "running";
}

void engine_report(const struct engine *g, struct report *r)
{
    memset(r, 0, sizeof *r);
    r->list = g->settings->list;
    r->output = g->settings->output;
    r->run_dir = g->dir;
    r->operation = g->settings->provider;
    r->provider_title = g->setup.operation->provider->title;
    r->state = state_now(g);
    r->waiting = g->waiting;
    r->sandbox = g->settings->sandbox == 1;
    r->started_ms = g->started_ms;
    r->now_ms = clock_wall_ms();
    r->records = g->records;
    r->list_whole = g->list_whole;
    r->list_bytes = g->source_bytes;
    r->list_bytes_done = g->source_done;
    r->valid = g->valid;
    r->duplicates = g->duplicates;
    r->answered = g->answered;
    r->answered_before = g->answered_before;
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        r->outcomes[i] = g->outcomes[i];
        r->outcome_names[i] = outcome_name((enum outcome)i);
        r->emitted += g->outcomes[i];
    }
    r->batches = g->batches_done + g->batch_count;
    r->batches_done = g->batches_done;
    for (unsigned i = 0; i < g->batch_count; i++) {
        enum batch_state s = g->batches[i]->state;
        r->batches_live += batch_live(s);
        r->batches_in_doubt += s == BATCH_IN_DOUBT;
        r->batches_waiting += s == BATCH_PREPARED;
    }
    r->strays = g->strays;
    r->spent = g->spent;
    r->reserved = engine_owed(g);
    r->balance = g->balance;
    r->cap = g->setup.max_credits == INT64_MAX ? -1 : g->setup.max_credits;
    r->priced = g->priced;
    r->requests = g->requests;
    r->retries = g->retries.retries;
    r->throttled = g->throttled;
    r->failures = g->failures;
    r->output_bytes = g->output_bytes;
    r->problem = g->stop.message;
    r->advice = "";
}
