/* Runs the simulated vendor: a thread with a loop and a listener of its own, and what happens to
 * each request.
 *
 * A request is routed, its key checked, counted against the rate windows, then made to go wrong
 * where a fault says so, and else applied by the vendor. Replies that tell of a change wait until
 * the loop's turn has ended: then everything that changed in it is made durable at once, and they
 * leave.
 *
 * 1. No reply tells of a change that is not durable.
 * 2. Every paid request is in the account, whatever became of it.
 * 3. After sim_start all state is the thread's; sim_stop takes it back when the thread has ended.
 *
 * Failure: when the state cannot be written, waiting requests are dropped without an answer, and so
 * are all later ones that change something; what was told stays true. */
#include "sim/sim.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/server.h"
#include "sim/account.h"
#include "sim/audit.h"
#include "sim/call.h"
#include "sim/enrichso.h"
#include "sim/faults.h"
#include "sim/limits.h"
#include "wire/digest.h"

#define CONNECTIONS_MAX 1024
#define IDLE_TIMEOUT_S  300
/* 500,000 leads of the longest fields are some 900 MB. */
#define BODY_MAX    ((size_t)1 << 30)
#define BODY_MEMORY ((size_t)1 << 18)
/* Calls kept for reuse with their buffers, and the largest buffer that is kept. */
#define SPARE_MAX       16
#define SPARE_BYTES_MAX ((size_t)1 << 20)

struct call_list {
    struct call *first, **last;
};

struct sim {
    pthread_t thread;
    uint16_t port;
    char *key;
    struct {
        uv_loop_t loop;
        uv_async_t stop;
        uv_idle_t turn;   /* running while something waits to be written */
        uv_timer_t delay; /* for the next reply that is held back */
        struct server *server;
        struct limits *limits;
        struct audit audit;
        struct enrichso_vendor vendor;
        struct call_list waiting; /* for what they tell of to be durable */
        struct call_list delayed;
        struct call *spare;
        unsigned spares;
        bool stopping;
    } own; /* the thread's, once it runs */
};

const char *sim_faults_help(void)
{
    return faults_help();
}

/* ---- calls ---- */

static void list_init(struct call_list *l)
{
    l->first = NULL;
    l->last = &l->first;
}

static void list_add(struct call_list *l, struct call *c)
{
    c->next = NULL;
    *l->last = c;
    l->last = &c->next;
}

static struct call *list_take(struct call_list *l)
{
    struct call *all = l->first;
    list_init(l);
    return all;
}

static struct call *call_create(struct sim *s, struct server_request *r)
{
    struct call *c = s->own.spare;
    if (c) {
        s->own.spare = c->next;
        s->own.spares--;
    } else {
        c = calloc(1, sizeof *c);
        if (!c)
            return NULL;
        buf_init(&c->headers, CALL_REPLY_MAX);
        buf_init(&c->body, CALL_REPLY_MAX);
    }
    struct buf headers = c->headers, body = c->body;
    buf_reset(&headers);
    buf_reset(&body);
    *c = (struct call){.request = r, .headers = headers, .body = body, .class = CLASS_OTHER};
    return c;
}

static void call_free(struct call *c)
{
    buf_deinit(&c->headers);
    buf_deinit(&c->body);
    free(c);
}

static void call_destroy(struct sim *s, struct call *c)
{
    if (s->own.spares == SPARE_MAX || c->body.cap > SPARE_BYTES_MAX) {
        call_free(c);
        return;
    }
    c->next = s->own.spare;
    s->own.spare = c;
    s->own.spares++;
}

static void call_free_all(struct call *c)
{
    while (c) {
        struct call *next = c->next;
        call_free(c);
        c = next;
    }
}

/* ---- the way out ---- */

static void deliver(struct sim *s, struct call *c)
{
    struct slice body = buf_slice(&c->body);
    switch (c->delivery) {
    case DELIVER_WHOLE:
        server_reply(c->request, c->status, buf_text(&c->headers), body);
        break;
    case DELIVER_CUT:
        server_reply_cut(c->request, c->status, body, body.len / 2);
        break;
    case DELIVER_NOTHING:
        server_drop(c->request);
        break;
    }
    call_destroy(s, c);
}

static void on_delay(uv_timer_t *timer)
{
    struct sim *s = timer->data;
    uv_update_time(&s->own.loop);
    int64_t now = clock_mono_ms(), next = INT64_MAX;
    for (struct call *c = list_take(&s->own.delayed), *after; c; c = after) {
        after = c->next;
        if (c->due_ms <= now) {
            deliver(s, c);
            continue;
        }
        next = c->due_ms < next ? c->due_ms : next;
        list_add(&s->own.delayed, c);
    }
    if (next != INT64_MAX)
        uv_timer_start(timer, on_delay, (uint64_t)(next - now), 0);
}

static void depart(struct sim *s, struct call *c)
{
    if (c->fault.delay_ms == 0) {
        deliver(s, c);
        return;
    }
    c->due_ms = clock_mono_ms() + c->fault.delay_ms;
    list_add(&s->own.delayed, c);
    uv_update_time(&s->own.loop);
    uint64_t sooner = (uint64_t)c->fault.delay_ms;
    if (uv_is_active((uv_handle_t *)&s->own.delay) && uv_timer_get_due_in(&s->own.delay) < sooner)
        sooner = uv_timer_get_due_in(&s->own.delay);
    uv_timer_start(&s->own.delay, on_delay, sooner ? sooner : 1, 0);
}

/* The loop's turn has ended: make its changes durable, then let the replies that tell of them go.
 */
static void on_turn(uv_idle_t *turn)
{
    struct sim *s = turn->data;
    struct error e = {0};
    uv_idle_stop(turn);
    int code = account_sync(s->own.audit.account, &e);
    if (code != 0)
        log_write(LOG_ERROR, "sim", "%s", e.message);
    for (struct call *c = list_take(&s->own.waiting), *after; c; c = after) {
        after = c->next;
        if (code != 0)
            c->delivery = DELIVER_NOTHING;
        depart(s, c);
    }
}

static void finish(struct sim *s, struct call *c)
{
    if (account_unwritten(s->own.audit.account))
        uv_idle_start(&s->own.turn, on_turn);
    if (account_undurable(s->own.audit.account))
        list_add(&s->own.waiting, c);
    else
        depart(s, c);
}

/* ---- faults ---- */

static void http_date(int64_t wall_ms, char text[64])
{
    /* Not strftime: names of days and months must not follow the locale. */
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    snprintf(text, 64, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday], t.tm_mday,
             months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* A fault that keeps the request from being applied: makes the reply. False when there is none. */
static bool fault_before(struct sim *s, struct call *c)
{
    char text[64];
    int64_t number = c->fault.number;
    const char *retry_after = NULL;
    switch (c->fault.kind) {
    case FAULT_DROP_BEFORE:
        c->delivery = DELIVER_NOTHING;
        return true;
    case FAULT_STATUS:
        enrichso_vendor_problem(&s->own.vendor, c, (int)number, "A fault of the simulator");
        return true;
    case FAULT_LIMIT:
        snprintf(text, sizeof text, "%lld", (long long)number);
        retry_after = text;
        break;
    case FAULT_LIMIT_DATE:
        http_date(clock_wall_ms() + number * 1000, text);
        retry_after = text;
        break;
    case FAULT_LIMIT_GARBAGE:
        retry_after = "soon";
        break;
    case FAULT_LIMIT_BARE:
        break;
    case FAULT_NONE:
    case FAULT_DROP_AFTER:
    case FAULT_CUT:
    case FAULT_AFTER:
    case FAULT_GARBAGE:
    case FAULT_FLAT:
    case FAULT_DOUBLE_KEYS:
    case FAULT_MISSING:
    case FAULT_REPEAT:
    case FAULT_EXTRA:
    case FAULT_FAILED:
    case FAULT_HALF_FAILED:
    case FAULT_DELAY:
        return false;
    }
    enrichso_vendor_limited(&s->own.vendor, c, retry_after, number);
    return true;
}

/* A fault that spoils the reply to a request that was applied. */
static void fault_after(struct sim *s, struct call *c)
{
    if (c->fault.kind == FAULT_DROP_AFTER)
        c->delivery = DELIVER_NOTHING;
    if (c->fault.kind == FAULT_CUT)
        c->delivery = DELIVER_CUT;
    if (c->fault.kind == FAULT_AFTER) {
        buf_reset(&c->headers);
        enrichso_vendor_problem(&s->own.vendor, c, (int)c->fault.number,
                                "A fault of the simulator");
    }
    if (c->fault.kind == FAULT_GARBAGE) {
        buf_reset(&c->headers);
        buf_reset(&c->body);
        buf_append_text(&c->headers, "Content-Type: text/html\n");
        buf_append_text(&c->body, "<html><body><h1>It works!</h1></body></html>\n");
        c->status = 200;
    }
}

/* What the peer sees of a request that is accepted; 0: nothing. */
static int fault_status(const struct fault *f)
{
    return f->kind == FAULT_DROP_AFTER ? 0 : f->kind == FAULT_AFTER ? (int)f->number : 200;
}

/* ---- requests ---- */

static bool key_same(const struct sim *s, const char *key)
{
    size_t len = strlen(s->key);
    return key && strlen(key) == len && digest_same(key, s->key, len) != 0;
}

static bool authorized(const struct sim *s, const struct server_request *r)
{
    const char *bearer = server_header(r, "Authorization");
    if (key_same(s, server_header(r, "x-api-key")))
        return true;
    return bearer && strncasecmp(bearer, "Bearer ", 7) == 0 && key_same(s, bearer + 7);
}

/* Count the request; false, with the reply made, when a window is full. */
static bool within_limits(struct sim *s, const struct enrichso_route *route, struct call *c)
{
    struct limits_state state =
        limits_take(s->own.limits, enrichso_vendor_limits(route), clock_mono_ms());
    long long seconds = (state.reset_ms + 999) / 1000;
    char text[32];
    if (state.limit > 0)
        buf_append_format(&c->headers,
                          "X-RateLimit-Limit: %u\nX-RateLimit-Remaining: %u\n"
                          "X-RateLimit-Reset: %lld\n",
                          state.limit, state.remaining, seconds);
    if (state.allowed)
        return true;
    s->own.audit.limited++;
    snprintf(text, sizeof text, "%lld", seconds);
    enrichso_vendor_limited(&s->own.vendor, c, text, seconds);
    return false;
}

static void describe_post(const struct enrichso_route *route, struct call *c)
{
    c->paid = true;
    c->post = (struct account_post){.service = route->service,
                                    .single = route->endpoint == ENRICHSO_SINGLE,
                                    .batch = -1,
                                    .connection = server_connection(c->request),
                                    .at_ms = clock_wall_ms()};
    digest_sha256(server_body(c->request), c->post.body);
}

static void serve(struct sim *s, struct call *c)
{
    struct enrichso_route route =
        enrichso_vendor_route(server_method(c->request), server_path(c->request));
    c->class = enrichso_vendor_class(&route);
    s->own.audit.requests[c->class]++;
    if (c->class == CLASS_SUBMIT || c->class == CLASS_SINGLE)
        describe_post(&route, c);
    if (!authorized(s, c->request)) {
        s->own.audit.unauthorized++;
        enrichso_vendor_problem(&s->own.vendor, c, 401, "The API key is missing or not valid");
        return;
    }
    if (!within_limits(s, &route, c))
        return;
    c->fault = faults_take(s->own.audit.faults, c->class);
    snprintf(c->post.fault, sizeof c->post.fault, "%s", c->fault.word);
    if (fault_before(s, c))
        return;
    c->post.status = fault_status(&c->fault);
    enrichso_vendor_apply(&s->own.vendor, &route, c);
    fault_after(s, c);
}

static void on_request(void *arg, struct server_request *r)
{
    struct sim *s = arg;
    struct call *c = call_create(s, r);
    if (!c) {
        server_drop(r);
        return;
    }
    if (audit_owns(server_path(r)))
        audit_handle(&s->own.audit, c);
    else
        serve(s, c);
    if (c->paid && !c->accepted) {
        c->post.status = c->delivery == DELIVER_NOTHING ? 0 : c->status;
        account_refuse(s->own.audit.account, &c->post);
    }
    finish(s, c);
}

/* ---- start and stop ---- */

/* The loop ends by itself when its last handle is closed. */
static void on_server_closed(void *arg)
{
    struct sim *s = arg;
    s->own.server = NULL;
}

static void close_handles(struct sim *s)
{
    if (s->own.stopping)
        return;
    s->own.stopping = true;
    if (s->own.server)
        server_close(s->own.server, on_server_closed, s);
    uv_close((uv_handle_t *)&s->own.stop, NULL);
    uv_close((uv_handle_t *)&s->own.turn, NULL);
    uv_close((uv_handle_t *)&s->own.delay, NULL);
}

static void on_stop(uv_async_t *stop)
{
    close_handles(stop->data);
}

static void *run(void *arg)
{
    struct sim *s = arg;
    uv_run(&s->own.loop, UV_RUN_DEFAULT);
    return NULL;
}

static void destroy(struct sim *s)
{
    call_free_all(list_take(&s->own.waiting));
    call_free_all(list_take(&s->own.delayed));
    call_free_all(s->own.spare);
    account_close(s->own.audit.account);
    faults_destroy(s->own.audit.faults);
    limits_destroy(s->own.limits);
    enrichso_vendor_deinit(&s->own.vendor);
    if (s->key)
        digest_wipe(s->key, strlen(s->key));
    free(s->key);
    free(s);
}

static int open_state(struct sim *s, const struct sim_options *o, struct error *e)
{
    struct enrichso_vendor *v = &s->own.vendor;
    struct audit *a = &s->own.audit;
    if (o->found_percent > 100 || o->balance < 0 || o->queue_ms < 0)
        return error_set(e, ERR_USAGE,
                         "the simulator needs a share of at most 100 %%, and no negative balance "
                         "or time");
    if (!s->key || !s->key[0])
        return error_set(e, ERR_USAGE, "the simulator needs a key to accept");
    a->seed = o->seed;
    if (limits_create(&s->own.limits, o->tier, e) != 0 ||
        faults_create(&a->faults, o->faults, o->seed, e) != 0 ||
        account_open(&a->account, o->folder, o->balance, e) != 0)
        return e->code;
    v->account = a->account;
    v->truth = (struct truth){.seed = o->seed, .found_percent = o->found_percent};
    v->openapi = o->openapi;
    v->shuffle = o->shuffle;
    v->queue_ms = o->queue_ms;
    v->items_per_s = o->items_per_s;
    return 0;
}

static int open_loop(struct sim *s, struct error *e)
{
    int code = uv_loop_init(&s->own.loop);
    if (code != 0)
        return error_set(e, ERR_INTERNAL, "the simulator's loop: %s", uv_strerror(code));
    code = uv_async_init(&s->own.loop, &s->own.stop, on_stop);
    if (code != 0) {
        uv_loop_close(&s->own.loop);
        return error_set(e, ERR_INTERNAL, "the simulator's loop: %s", uv_strerror(code));
    }
    uv_idle_init(&s->own.loop, &s->own.turn);
    uv_timer_init(&s->own.loop, &s->own.delay);
    s->own.stop.data = s->own.turn.data = s->own.delay.data = s;
    return 0;
}

static int listen_on(struct sim *s, const struct sim_options *o, struct error *e)
{
    struct server_options options = {.address = o->address ? o->address : "127.0.0.1",
                                     .port = o->port,
                                     .connections_max = CONNECTIONS_MAX,
                                     .idle_timeout_s = IDLE_TIMEOUT_S,
                                     .body_max = BODY_MAX,
                                     .body_memory = BODY_MEMORY,
                                     .body_folder = o->folder,
                                     .handle = on_request,
                                     .arg = s};
    int code = server_create(&s->own.server, &s->own.loop, &options, e);
    if (code == 0)
        s->port = server_port(s->own.server);
    return code;
}

/* Signals are for the thread that asked for them: this one blocks all. */
static int start_thread(struct sim *s, struct error *e)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errnum = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return errnum ? error_errno(e, ERR_INTERNAL, errnum, "cannot start the simulator's thread") : 0;
}

int sim_start(struct sim **out, const struct sim_options *o, struct error *e)
{
    struct sim *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return error_set(e, ERR_INTERNAL, "no memory for the simulator");
    list_init(&s->own.waiting);
    list_init(&s->own.delayed);
    enrichso_vendor_init(&s->own.vendor);
    s->key = strdup(o->key ? o->key : "");
    if (open_state(s, o, e) != 0 || open_loop(s, e) != 0) {
        destroy(s);
        return e->code;
    }
    if (listen_on(s, o, e) != 0 || start_thread(s, e) != 0) {
        close_handles(s);
        uv_run(&s->own.loop, UV_RUN_DEFAULT);
        uv_loop_close(&s->own.loop);
        destroy(s);
        return e->code;
    }
    *out = s;
    return 0;
}

uint16_t sim_port(const struct sim *s)
{
    return s->port;
}

void sim_stop(struct sim *s)
{
    if (!s)
        return;
    uv_async_send(&s->own.stop);
    pthread_join(s->thread, NULL);
    uv_loop_close(&s->own.loop);
    destroy(s);
}
