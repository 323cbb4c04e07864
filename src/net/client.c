/* Runs calls over libcurl's multi interface on a libuv loop.
 *
 * 1. A call is in flight from client_send until just before its done runs, once, from the loop.
 * 2. libcurl is entered from the loop only (a socket, a timer, the idle handle) and never from
 *    inside one of its callbacks; done runs after libcurl returned, so it may send and cancel.
 * 3. Before a call is ended by us (cancelled, silent), what libcurl has finished is taken first: a
 *    reply that has arrived is never thrown away.
 *
 * Happy path: client_send adds the handle; libcurl asks for a timeout of 0, which starts the idle
 * handle; its turn enters libcurl; sockets become ready; libcurl says "done"; calls_collect ends
 * the transfer and runs done. What became of a call that failed is judged in transfer.c; how
 * sockets are watched is in watch.c.
 *
 * All on the loop's thread. */
#include "net/client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/transfer.h"
#include "net/watch.h"

/* How often silent transfers are looked for. */
#define SILENCE_LOOK_MS 100

struct client {
    uv_loop_t *loop;
    CURLM *multi;
    struct watch watch;
    uv_timer_t timer;   /* libcurl's next timeout */
    uv_timer_t silence; /* running while a call in flight has an idle timeout */
    uv_idle_t due;      /* running while libcurl, or a cancelled call, waits for a turn */
    uv_check_t looked;  /* running while a cancelled call waits for the sockets to be read */
    unsigned handles;   /* of these four, open */
    uint64_t looked_ms; /* uv_now of the last look for silent calls */
    bool inside;        /* of libcurl */
    bool closing;
    unsigned connections_max;
    char *user_agent;
    struct client_options options;
    struct client_transfer *active, *spare;
    unsigned flight, spares;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void on_due(uv_idle_t *due);

/* ---- The end of calls ------------------------------------------------------------------------ */

static void list_add(struct client_transfer **list, struct client_transfer *t)
{
    t->next = *list;
    t->link = list;
    if (t->next)
        t->next->link = &t->next;
    *list = t;
}

static void list_remove(struct client_transfer *t)
{
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
}

static void spare_add(struct client *c, struct client_transfer *t)
{
    if (c->closing || c->spares >= c->connections_max) {
        transfer_destroy(t);
        return;
    }
    list_add(&c->spare, t);
    c->spares++;
}

static void call_finish(struct client *c, struct client_transfer *t, CURLcode rc)
{
    struct client_call *call = t->call;
    struct http_reply reply;
    curl_multi_remove_handle(c->multi, t->easy);
    list_remove(t);
    call->transfer = NULL;
    if (--c->flight == 0)
        uv_timer_stop(&c->silence);
    transfer_end(t, rc, &reply);
    spare_add(c, t);
    log_trace("net", "end %d status %ld sent %llu in %lld ms%s%s", (int)reply.end, reply.status,
              (unsigned long long)reply.sent, (long long)reply.elapsed_ms,
              reply.problem[0] ? ": " : "", reply.problem);
    call->done(call, &reply);
    buf_deinit(&reply.body);
}

/* End what libcurl has finished. */
static void calls_collect(struct client *c)
{
    CURLMsg *message;
    int left;
    while (!c->closing && (message = curl_multi_info_read(c->multi, &left))) {
        struct client_transfer *t;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode rc = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        call_finish(c, t, rc);
    }
}

/* End what `over` picks. done may change the list, so each round begins anew. */
static void calls_end(struct client *c, bool (*over)(struct client *c, struct client_transfer *t))
{
    struct client_transfer *t;
    do {
        for (t = c->active; t && !over(c, t); t = t->next)
            ;
        if (t)
            call_finish(c, t, CURLE_OPERATION_TIMEDOUT);
    } while (t);
}

static bool is_cancelled(struct client *c, struct client_transfer *t)
{
    (void)c;
    t->cancelled = t->unwanted;
    return t->cancelled;
}

/* Nothing of it can have left, nor anything come. */
static bool is_cancelled_unsent(struct client *c, struct client_transfer *t)
{
    (void)c;
    t->cancelled = t->unwanted && t->attempts == 0;
    return t->cancelled;
}

static bool is_silent(struct client *c, struct client_transfer *t)
{
    int64_t limit = t->call->idle_timeout_ms;
    t->silent = limit > 0 && uv_now(c->loop) - t->moved_ms >= (uint64_t)limit;
    return t->silent;
}

/* ---- Between libcurl and the loop ------------------------------------------------------------ */

static void client_turn(struct client *c, curl_socket_t fd, int events)
{
    int running;
    c->inside = true;
    curl_multi_socket_action(c->multi, fd, events, &running);
    c->inside = false;
    calls_collect(c);
}

static void on_ready(void *arg, int fd, int status, int events)
{
    int mask = status < 0 ? CURL_CSELECT_ERR : 0;
    mask |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    mask |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    client_turn(arg, fd, mask);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct client *c = arg;
    (void)easy, (void)socket_arg;
    int events = what & CURL_POLL_IN ? UV_READABLE : 0;
    events |= what & CURL_POLL_OUT ? UV_WRITABLE : 0;
    if (what == CURL_POLL_REMOVE || events == 0)
        watch_stop(&c->watch, fd);
    else if (!watch_start(&c->watch, fd, events))
        return -1;
    return 0;
}

static void on_timer(uv_timer_t *timer)
{
    client_turn(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* A timeout of 0 becomes a turn of the idle handle, between whose turns the loop looks at sockets;
 * a timer of 0 ms would run again and again before any of them. What libcurl asks from inside such
 * a turn waits for a millisecond, so that it cannot spin. */
static int on_timeout(CURLM *multi, long timeout_ms, void *arg)
{
    struct client *c = arg;
    (void)multi;
    if (timeout_ms < 0)
        uv_timer_stop(&c->timer);
    else if (timeout_ms == 0 && !c->inside)
        uv_idle_start(&c->due, on_due);
    else
        uv_timer_start(&c->timer, on_timer, timeout_ms > 0 ? (uint64_t)timeout_ms : 1, 0);
    return 0;
}

static void on_due(uv_idle_t *due)
{
    struct client *c = due->data;
    /* As long as it is active, the loop does not wait for sockets but only looks at them. */
    if (!uv_is_active((uv_handle_t *)&c->looked))
        uv_idle_stop(due);
    calls_end(c, is_cancelled_unsent);
    if (!c->closing)
        client_turn(c, CURL_SOCKET_TIMEOUT, 0);
}

/* The sockets were read since the cancel: what has arrived was taken. */
static void on_looked(uv_check_t *looked)
{
    uv_check_stop(looked);
    calls_end(looked->data, is_cancelled);
}

static void on_silence(uv_timer_t *timer)
{
    struct client *c = timer->data;
    uint64_t now = uv_now(c->loop), last = c->looked_ms;
    c->looked_ms = now;
    /* The loop itself stood still: let it read first what came meanwhile. */
    if (now - last > 3 * SILENCE_LOOK_MS)
        return;
    calls_collect(c);
    if (!c->closing)
        calls_end(c, is_silent);
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static void client_free(struct client *c)
{
    watch_deinit(&c->watch);
    if (c->multi)
        curl_multi_cleanup(c->multi);
    free(c->user_agent);
    free(c);
    curl_global_cleanup();
}

static void client_closed(struct client *c)
{
    if (c->handles > 0 || c->watch.handles > 0)
        return;
    void (*closed)(void *) = c->closed;
    void *arg = c->closed_arg;
    client_free(c);
    closed(arg);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;
    c->handles--;
    client_closed(c);
}

static void on_drained(void *arg)
{
    struct client *c = arg;
    if (c->closing)
        client_closed(c);
}

static bool multi_set(struct client *c)
{
    c->multi = curl_multi_init();
    return c->multi && !curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket) &&
           !curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) &&
           !curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timeout) &&
           !curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c) &&
           !curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) &&
           !curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->connections_max);
}

int client_create(struct client **out, uv_loop_t *loop, const struct client_options *options,
                  struct error *e)
{
    *out = NULL;
    struct client *c = calloc(1, sizeof(*c));
    if (c == NULL || curl_global_init(CURL_GLOBAL_DEFAULT)) {
        free(c);
        return error_set(e, ERR_INTERNAL, "cannot start libcurl");
    }
    c->loop = loop;
    c->options = *options;
    c->connections_max = options->connections_max ? options->connections_max : 1;
    c->user_agent = options->user_agent ? strdup(options->user_agent) : NULL;
    c->options.user_agent = c->user_agent;
    watch_init(&c->watch, loop, on_ready, on_drained, c);
    /* The first transfer shows whether this libcurl can do all that is asked of it. */
    struct client_transfer *t = transfer_create(loop, &c->watch, &c->options);
    if (t == NULL || !multi_set(c) || (options->user_agent && c->user_agent == NULL)) {
        transfer_destroy(t);
        client_free(c);
        return error_set(e, ERR_INTERNAL, "libcurl %s lacks what is needed, or memory ran out",
                         curl_version_info(CURLVERSION_NOW)->version);
    }
    spare_add(c, t);
    uv_timer_init(loop, &c->timer);
    uv_timer_init(loop, &c->silence);
    uv_idle_init(loop, &c->due);
    uv_check_init(loop, &c->looked);
    c->timer.data = c->silence.data = c->due.data = c->looked.data = c;
    c->handles = 4;
    *out = c;
    return 0;
}

void client_close(struct client *c, void (*closed)(void *arg), void *arg)
{
    assert(c->flight == 0 && !c->closing);
    c->closing = true;
    c->closed = closed;
    c->closed_arg = arg;
    while (c->spare) {
        struct client_transfer *t = c->spare;
        list_remove(t);
        transfer_destroy(t);
    }
    /* Closes the connections, whose handles leave the loop with its next turns. */
    curl_multi_cleanup(c->multi);
    c->multi = NULL;
    uv_close((uv_handle_t *)&c->timer, on_handle_closed);
    uv_close((uv_handle_t *)&c->silence, on_handle_closed);
    uv_close((uv_handle_t *)&c->due, on_handle_closed);
    uv_close((uv_handle_t *)&c->looked, on_handle_closed);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

int client_send(struct client *c, struct client_call *call, struct error *e)
{
    struct client_transfer *t = c->spare;
    if (t) {
        list_remove(t);
        c->spares--;
    } else {
        t = transfer_create(c->loop, &c->watch, &c->options);
    }
    if (t == NULL)
        return error_set(e, ERR_INTERNAL, "no memory for a request");
    if (transfer_begin(t, call, e)) {
        spare_add(c, t);
        return e->code;
    }
    CURLMcode rc = curl_multi_add_handle(c->multi, t->easy);
    if (rc) {
        struct http_reply unused;
        transfer_end(t, CURLE_OK, &unused);
        spare_add(c, t);
        return error_set(e, ERR_INTERNAL, "cannot start a request: %s", curl_multi_strerror(rc));
    }
    call->transfer = t;
    list_add(&c->active, t);
    c->flight++;
    if (call->idle_timeout_ms > 0 && !uv_is_active((uv_handle_t *)&c->silence)) {
        c->looked_ms = uv_now(c->loop);
        uv_timer_start(&c->silence, on_silence, SILENCE_LOOK_MS, SILENCE_LOOK_MS);
    }
    return 0;
}

void client_cancel(struct client *c, struct client_call *call)
{
    if (call->transfer == NULL)
        return;
    call->transfer->unwanted = true;
    uv_idle_start(&c->due, on_due);
    uv_check_start(&c->looked, on_looked);
}

unsigned client_flight(const struct client *c)
{
    return c->flight;
}
