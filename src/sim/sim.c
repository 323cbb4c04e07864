/* Runs the simulated vendors: a thread with a loop and a listener of its own.
 *
 * A request goes to the vendor whose name its path begins with (shop.c), or to the judge's pages
 * (audit.c). Replies that tell of a change wait until the loop's turn has ended: then everything
 * that changed in it is made durable at once, and they leave; so do callbacks.
 *
 * 1. No reply and no callback tells of a change that is not durable.
 * 2. After sim_start all state is the thread's; sim_stop takes it back when the thread has ended.
 *
 * Failure: when the state cannot be written, waiting requests are dropped without an answer, and so
 * are all later ones that change something; what was told stays true. */
#include "sim/sim.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "net/client.h"
#include "net/server.h"
#include "sim/audit.h"
#include "sim/call.h"
#include "sim/scenario.h"
#include "sim/shop.h"
#include "wire/digest.h"

#define CONNECTIONS_MAX 1024
#define IDLE_TIMEOUT_S  300
/* 500,000 leads of the longest fields are some 900 MB. */
#define BODY_MAX    ((size_t)1 << 30)
#define BODY_MEMORY ((size_t)1 << 18)
/* Calls kept for reuse with their buffers, and the largest buffer that is kept. */
#define SPARE_MAX       16
#define SPARE_BYTES_MAX ((size_t)1 << 20)
/* Of callbacks. */
#define CLIENT_CONNECTIONS_MAX 64
#define CLIENT_CONNECT_MS      5000

struct call_list {
    struct call *first, **last;
};

struct sim {
    pthread_t thread;
    uint16_t port;
    char *key;
    int lock; /* of the folder */
    struct {
        uv_loop_t loop;
        uv_async_t stop;
        uv_idle_t turn;   /* running while something waits to be written */
        uv_timer_t delay; /* for the next reply that is held back */
        uv_timer_t calm;  /* while stopping: until the last callback has landed */
        struct server *server;
        struct client *client;
        struct shop *shop[VENDORS_MAX + 1]; /* in the order of vendor_table, then NULL */
        struct call_list waiting;           /* for what they tell of to be durable */
        struct call_list delayed;
        struct call_list held; /* until their vendor releases them */
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
    int64_t wait_ms = c->fault.delay_ms + c->hold_ms;
    if (c->held) {
        list_add(&s->own.held, c);
        return;
    }
    if (wait_ms == 0) {
        deliver(s, c);
        return;
    }
    c->due_ms = clock_mono_ms() + wait_ms;
    list_add(&s->own.delayed, c);
    uv_update_time(&s->own.loop);
    uint64_t sooner = (uint64_t)wait_ms;
    if (uv_is_active((uv_handle_t *)&s->own.delay) && uv_timer_get_due_in(&s->own.delay) < sooner)
        sooner = uv_timer_get_due_in(&s->own.delay);
    uv_timer_start(&s->own.delay, on_delay, sooner ? sooner : 1, 0);
}

/* One that is not in the list yet, because it still waits for durability, leaves by itself then. */
static void on_release(void *arg, struct call *released)
{
    struct sim *s = arg;
    released->held = false;
    for (struct call *c = list_take(&s->own.held), *after; c; c = after) {
        after = c->next;
        if (c == released)
            depart(s, c);
        else
            list_add(&s->own.held, c);
    }
}

/* Everything that changed becomes durable. */
static int sync_shops(struct sim *s)
{
    int worst = 0;
    for (struct shop **shop = s->own.shop; *shop; shop++) {
        struct error e = {0};
        int code = account_sync((*shop)->account, &e);
        if (code != 0)
            log_write(LOG_ERROR, "sim", "%s: %s", (*shop)->vendor->name, e.message);
        worst = code != 0 ? code : worst;
    }
    return worst;
}

/* The loop's turn has ended: make its changes durable, then let the replies that tell of them go.
 */
static void on_turn(uv_idle_t *turn)
{
    struct sim *s = turn->data;
    uv_idle_stop(turn);
    int code = sync_shops(s);
    for (struct call *c = list_take(&s->own.waiting), *after; c; c = after) {
        after = c->next;
        if (code != 0)
            c->delivery = DELIVER_NOTHING;
        depart(s, c);
    }
    for (struct shop **shop = s->own.shop; *shop && code == 0; shop++)
        shop_synced(*shop);
}

static void on_changed(void *arg)
{
    struct sim *s = arg;
    if (!s->own.stopping)
        uv_idle_start(&s->own.turn, on_turn);
}

static bool undurable(const struct sim *s)
{
    for (struct shop *const *shop = s->own.shop; *shop; shop++)
        if (account_undurable((*shop)->account))
            return true;
    return false;
}

/* ---- requests ---- */

/* The vendor whose name the path begins with; *rest is what follows it. */
static struct shop *find_shop(struct sim *s, const char *path, const char **rest)
{
    for (struct shop **shop = s->own.shop; *shop && path[0] == '/'; shop++) {
        size_t len = strlen((*shop)->vendor->name);
        if (strncmp(path + 1, (*shop)->vendor->name, len) == 0 &&
            (path[1 + len] == '/' || path[1 + len] == '\0')) {
            *rest = path + 1 + len;
            return *shop;
        }
    }
    return NULL;
}

static void on_request(void *arg, struct server_request *r)
{
    struct sim *s = arg;
    const char *path = server_path(r), *rest;
    struct call *c = call_create(s, r);
    if (!c) {
        server_drop(r);
        return;
    }
    struct shop *shop = find_shop(s, path, &rest);
    if (shop)
        shop_serve(shop, c, rest);
    else if (audit_owns(path))
        audit_handle(s->own.shop, c);
    else
        buf_append_text(call_json(c, 404), "{\"error\":\"no vendor has this path\"}\n");
    if (undurable(s))
        list_add(&s->own.waiting, c);
    else
        depart(s, c);
}

/* ---- start and stop ---- */

/* The loop ends by itself when its last handle is closed. */
static void on_server_closed(void *arg)
{
    struct sim *s = arg;
    s->own.server = NULL;
}

static void on_client_closed(void *arg)
{
    struct sim *s = arg;
    s->own.client = NULL;
}

/* Callbacks that were cancelled land one after the other; then the client can go. */
static void on_calm(uv_timer_t *calm)
{
    struct sim *s = calm->data;
    for (struct shop **shop = s->own.shop; *shop; shop++)
        if (callbacks_under_way((*shop)->callbacks) > 0)
            return;
    uv_close((uv_handle_t *)calm, NULL);
    if (s->own.client)
        client_close(s->own.client, on_client_closed, s);
}

static void close_handles(struct sim *s)
{
    if (s->own.stopping)
        return;
    s->own.stopping = true;
    for (struct shop **shop = s->own.shop; *shop; shop++)
        shop_stop(*shop);
    if (s->own.server)
        server_close(s->own.server, on_server_closed, s);
    uv_timer_start(&s->own.calm, on_calm, 0, 1);
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
    call_free_all(list_take(&s->own.held));
    call_free_all(s->own.spare);
    for (struct shop **shop = s->own.shop; *shop; shop++)
        shop_close(*shop);
    if (s->lock >= 0)
        file_unlock(s->lock);
    if (s->key)
        digest_wipe(s->key, strlen(s->key));
    free(s->key);
    free(s);
}

static int open_shops(struct sim *s, const struct sim_options *o, const struct scenario *scenario,
                      struct error *e)
{
    for (size_t i = 0; vendor_table[i]; i++) {
        struct shop_options options = {.vendor = vendor_table[i],
                                       .settings = &scenario->shop[i],
                                       .folder = o->folder,
                                       .key = s->key,
                                       .seed = scenario->seed,
                                       .speed = scenario->speed,
                                       .loop = &s->own.loop,
                                       .client = s->own.client,
                                       .changed = on_changed,
                                       .release = on_release,
                                       .arg = s};
        if (shop_open(&s->own.shop[i], &options, e) != 0)
            return e->code;
    }
    return 0;
}

static int open_folder(struct sim *s, const struct sim_options *o, struct error *e)
{
    if (!s->key || !s->key[0])
        return error_set(e, ERR_USAGE, "the simulator needs a key to accept");
    if (file_make_private_folder(o->folder, e) != 0)
        return error_prefix(e, "the simulator's folder");
    char *path = file_join(o->folder, "lock");
    s->lock = file_lock(path, e);
    free(path);
    return s->lock < 0 ? error_prefix(e, "the simulator's folder") : 0;
}

static int open_loop(struct sim *s, struct error *e)
{
    const struct client_options options = {.connections_max = CLIENT_CONNECTIONS_MAX,
                                           .connect_timeout_ms = CLIENT_CONNECT_MS,
                                           .user_agent = "tranche-sim"};
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
    uv_timer_init(&s->own.loop, &s->own.calm);
    s->own.stop.data = s->own.turn.data = s->own.delay.data = s->own.calm.data = s;
    s->own.stopping = false;
    return client_create(&s->own.client, &s->own.loop, &options, e);
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

/* End the loop on this thread: the one of its own has ended, or was never started. */
static void end_loop(struct sim *s)
{
    close_handles(s);
    uv_run(&s->own.loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->own.loop);
}

int sim_start(struct sim **out, const struct sim_options *o, struct error *e)
{
    struct sim *s = calloc(1, sizeof *s);
    struct scenario *scenario = calloc(1, sizeof *scenario);
    *out = NULL;
    if (!s || !scenario) {
        free(s);
        free(scenario);
        return error_set(e, ERR_INTERNAL, "no memory for the simulator");
    }
    s->lock = -1;
    s->own.stopping = true; /* there is no loop yet */
    list_init(&s->own.waiting);
    list_init(&s->own.delayed);
    list_init(&s->own.held);
    s->key = strdup(o->key ? o->key : "");
    bool looped = false;
    int code = scenario_make(scenario, o, e);
    if (code == 0)
        code = open_folder(s, o, e);
    if (code == 0) {
        code = open_loop(s, e);
        looped = !s->own.stopping;
    }
    if (code == 0)
        code = open_shops(s, o, scenario, e);
    if (code == 0)
        code = listen_on(s, o, e);
    if (code == 0)
        code = start_thread(s, e);
    free(scenario);
    if (code == 0) {
        *out = s;
        return 0;
    }
    if (looped)
        end_loop(s);
    destroy(s);
    return code;
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
