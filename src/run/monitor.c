/* What a run says over HTTP while it is under way (--http): metrics for Prometheus, its status as
 * JSON, and a page for people.
 *
 * 1. Nothing that comes in changes anything: only GET and HEAD are answered, and bodies are not
 *    looked at.
 * 2. There is no password. So it listens on loopback unless --http-public says otherwise, it tells
 *    numbers, paths and the vendor's name, but neither people nor keys, and a request that names a
 *    host by name is refused: a page from elsewhere whose name leads here (DNS rebinding) could read
 *    the answers otherwise.
 * 3. An answer is made from the engine's state at once and is small: nobody who reads slowly holds
 *    up the loop or more than a connection, of which there are few.
 *
 * On the loop's thread. */
#include "run/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/server.h"
#include "report/metrics.h"
#include "report/page.h"
#include "sched/rate.h"
#include "wire/digest.h"

#define CONNECTIONS_MAX 32
/* Longer than the second after which the page asks again. */
#define IDLE_S     10
#define BODY_MAX   1024
#define STATUS_MAX ((size_t)1 << 20)
/* Of every answer: it is of this moment, is what it says it is, and belongs on no other page. */
#define HEADERS                                                                                    \
    "Cache-Control: no-store\nX-Content-Type-Options: nosniff\n"                                   \
    "Cross-Origin-Resource-Policy: same-origin\nReferrer-Policy: no-referrer\n"

/* --- numbers --------------------------------------------------------------------------------- */

static void measure_batches(const struct engine *g, struct metrics *m)
{
    static const struct {
        enum batch_state state;
        const char *name;
    } open[] = {{BATCH_PREPARED, "prepared"}, {BATCH_SENDING, "sending"},
                {BATCH_ACCEPTED, "accepted"}, {BATCH_WAITING, "waiting"},
                {BATCH_FETCHING, "fetching"}, {BATCH_IN_DOUBT, "in_doubt"}};
    unsigned working = 0;

    for (unsigned k = 0; k < sizeof open / sizeof open[0]; k++)
        m->batch_states[k] = open[k].name;
    for (unsigned i = 0; i < g->batch_count; i++) {
        const struct batch *b = g->batches[i];
        for (unsigned k = 0; k < sizeof open / sizeof open[0]; k++)
            m->batches[k] += b->state == open[k].state;
        if (b->state == BATCH_ACCEPTED || b->state == BATCH_WAITING)
            working += b->items - b->answered;
    }
    m->live_max = g->setup.live_max;
    m->has_slots = g->setup.slots > 0;
    m->slots = g->setup.slots;
    m->slots_busy = working < m->slots ? working : m->slots;
    m->slots_queued = working - m->slots_busy;
}

static const char *class_name(unsigned classes)
{
    return classes == RATE_ALL ? "all" : classes == RATE_BIT(RATE_SUBMIT) ? "submit" : "read";
}

/* Which requests the window counts, as the gates that share it say. */
static unsigned window_classes(const struct engine *g, const struct window *w)
{
    unsigned classes = 0;

    for (unsigned c = 0; c < RATE_CLASSES; c++)
        for (unsigned i = 0; i < g->gates[c].window_count; i++)
            if (g->gates[c].windows[i] == w)
                classes |= RATE_BIT(c);
    return classes;
}

/* A vendor may give the same limit to an account and to an operation: one of two alike is enough,
 * and two samples of one name would be refused. */
static bool measured(const struct metrics *m, const struct metrics_window *w)
{
    for (unsigned i = 0; i < m->window_count; i++)
        if (strcmp(m->windows[i].name, w->name) == 0 && m->windows[i].requests == w->requests)
            return true;
    return false;
}

static void measure_pace(const struct engine *g, int64_t now_ms, struct metrics *m)
{
    for (unsigned c = 0; c < RATE_CLASSES; c++) {
        const struct gate *gate = &g->gates[c];
        int64_t until = gate->paused_until_ms > gate->open_until_ms ? gate->paused_until_ms
                                                                    : gate->open_until_ms;
        m->classes[c] = class_name(RATE_BIT(c));
        m->flight[c] = gate->flight;
        m->pause_ms[c] = until > now_ms ? until - now_ms : 0;
    }
    for (unsigned i = 0; i < g->window_count && m->window_count < METRICS_WINDOWS; i++) {
        const struct window *from = &g->windows[i];
        struct metrics_window w = {.requests = class_name(window_classes(g, from)),
                                   .limit = from->count,
                                   .used = window_used(from, now_ms)};
        rate_format(from->count, from->per_ms - ENGINE_RATE_SLACK_MS, w.name);
        if (!measured(m, &w))
            m->windows[m->window_count++] = w;
    }
}

static void measure(const struct engine *g, struct metrics *m)
{
    memset(m, 0, sizeof *m);
    engine_report(g, &m->report);
    m->version = TRANCHE_VERSION;
    m->provider = g->setup.operation->provider->name;
    measure_batches(g, m);
    measure_pace(g, clock_mono_ms(), m);
    arrivals_measure(g, m);
}

/* --- answers --------------------------------------------------------------------------------- */

static void reply_text(struct server_request *r, int status, const char *headers, const char *text)
{
    char all[512];

    snprintf(all, sizeof all, HEADERS "Content-Type: text/plain; charset=utf-8\n%s", headers);
    server_reply(r, status, all, slice_of(text));
}

static void reply_made(struct server_request *r, const char *headers, struct buf *body)
{
    if (body->failed)
        reply_text(r, 500, "", "no memory for an answer\n");
    else
        server_reply(r, 200, headers, buf_slice(body));
    buf_deinit(body);
}

static void reply_metrics(const struct engine *g, struct server_request *r)
{
    struct metrics m;
    struct buf body;

    buf_init(&body, METRICS_BYTES_MAX);
    measure(g, &m);
    metrics_write(&m, &body);
    reply_made(r, HEADERS "Content-Type: " METRICS_CONTENT_TYPE "\n", &body);
}

static void reply_status(const struct engine *g, struct server_request *r)
{
    struct report report;
    struct buf body;

    buf_init(&body, STATUS_MAX);
    engine_report(g, &report);
    report_json(&report, &body);
    reply_made(r, HEADERS "Content-Type: application/json\n", &body);
}

static void reply_page(const struct engine *g, struct server_request *r)
{
    uint8_t random[PAGE_NONCE_LEN / 2];
    char nonce[PAGE_NONCE_LEN + 1], headers[1024];
    struct report report;
    struct buf body;

    digest_random(random, sizeof random);
    digest_hex(random, sizeof random, nonce);
    snprintf(headers, sizeof headers,
             HEADERS "Content-Type: " PAGE_CONTENT_TYPE
                     "\nContent-Security-Policy: " PAGE_POLICY_FORMAT "\n",
             nonce, nonce);
    buf_init(&body, PAGE_BYTES_MAX);
    engine_report(g, &report);
    page_write(&report, nonce, &body);
    reply_made(r, headers, &body);
}

static const struct {
    const char *path;
    void (*reply)(const struct engine *g, struct server_request *r);
} pages[] = {{"/", reply_page}, {"/status", reply_status}, {"/metrics", reply_metrics}};

static void handle(void *arg, struct server_request *r)
{
    const struct engine *g = arg;
    const char *method = server_method(r);

    if (!address_host_is_literal(server_header(r, "Host"))) {
        reply_text(r, 421, "",
                   "There is no password here, so names are refused: ask by the IP address, or as"
                   " localhost\n");
        return;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        reply_text(r, 405, "Allow: GET, HEAD\n", "Nothing can be changed here\n");
        return;
    }
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(server_path(r), pages[i].path) == 0) {
            pages[i].reply(g, r);
            return;
        }
    }
    reply_text(r, 404, "", "Here are / (for people), /status (JSON) and /metrics (Prometheus)\n");
}

/* --- opening and closing --------------------------------------------------------------------- */

static void say_address(const struct engine *g)
{
    struct address address = g->setup.http;
    char text[ADDRESS_TEXT_SIZE];

    if (g->settings->quiet == 1)
        return;
    address.port = server_port(g->monitor);
    address_format(&address, text);
    progress_lift(g->progress);
    fprintf(stderr, "  live page: http://%s/ (also /status and /metrics)%s\n", text,
            address_is_loopback(&address) ? "" : ", for all who reach this address");
    progress_drop(g->progress);
}

int monitor_open(struct engine *g, struct error *e)
{
    const struct server_options options = {
        .address = g->setup.http.host,
        .port = g->setup.http.port,
        .connections_max = CONNECTIONS_MAX,
        .idle_timeout_s = IDLE_S,
        .arrival_timeout_s = IDLE_S,
        .body_max = BODY_MAX,
        .body_memory = BODY_MAX,
        .handle = handle,
        .arg = g,
    };

    if (g->setup.http.host[0] == '\0')
        return 0;
    if (server_create(&g->monitor, &g->loop, &options, e) != 0)
        return error_prefix(e, "--http");
    say_address(g);
    return 0;
}

static void on_closed(void *arg)
{
    (void)arg;
}

void monitor_close(struct engine *g)
{
    if (g->monitor != NULL)
        server_close(g->monitor, on_closed, NULL);
    g->monitor = NULL;
}
