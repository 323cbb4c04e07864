/* Listens for HTTP requests: libmicrohttpd without threads of its own, its epoll descriptor watched
 * by a libuv loop.
 *
 * 1. A request is handed out once, when its body is whole; one that is screened out, too long or
 *    cannot be kept is answered here and never handed out.
 * 2. A request that handle() leaves unanswered has its connection suspended until server_reply,
 *    server_reply_cut or server_drop resumes it. A suspended connection has no timeout.
 * 3. A body larger than body_memory lives in a file without a name, so nothing outlives a crash.
 * 4. libmicrohttpd must not be stopped from inside its own callbacks, nor with suspended
 *    connections: server_close defers the stop to the closing of the libuv handles.
 *
 * Happy path: readable -> MHD_run -> on_request (headers) -> on_request (body, piece by piece) ->
 * on_request (whole) -> handle -> queue or suspend -> on_completed frees the request.
 * Failure modes: a peer that goes away ends in on_completed at any point before handle, and only
 * after the answer once the connection is suspended; a full disk answers 500; more connections than
 * the limit wait in the kernel's backlog.
 *
 * All on the loop's thread. */
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

/* Headers of a request must fit in it, and it is what one read of a body can take. */
#define CONNECTION_MEMORY    (64 << 10)
#define CONNECTION_INCREMENT (16 << 10)
#define HEADER_LINE_MAX      4096
/* Of a refused body so much beyond body_max is still read, so that the peer sees the 413 and not a
 * reset connection. */
#define DISCARD_MAX ((uint64_t)1 << 20)
#define BACKLOG     4096
/* How often requests that do not arrive are looked for. */
#define ARRIVAL_LOOK_MS 500

enum request_state {
    REQUEST_READING,  /* the body is not whole yet */
    REQUEST_HANDLING, /* inside handle() */
    REQUEST_WAITING,  /* suspended */
    REQUEST_ANSWERED, /* its response is libmicrohttpd's business */
    REQUEST_DROPPED,  /* the connection goes when libmicrohttpd asks next */
};

/* What is known of a connection while it is open. */
struct peer {
    uint64_t number;
    int fd;
    bool handed;       /* its request is whole and not yet ended */
    uint64_t since_ms; /* uv_now when it opened, or its last request ended */
    struct peer *next, **link;
};

struct server_request {
    struct server *server;
    struct MHD_Connection *connection;
    struct peer *peer;
    const char *method, *path; /* libmicrohttpd's, until the request is completed */
    enum request_state state;
    unsigned refused; /* the status it will be answered with, 0 for none */
    struct buf body;
    int fd;         /* of the body's file, or -1 */
    void *map;      /* the file, when whole */
    uint64_t taken; /* body bytes so far, kept or discarded */
    struct server_request *next, **link;
};

struct server {
    uv_loop_t *loop;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;   /* libmicrohttpd's timeouts */
    uv_idle_t idle;     /* running while libmicrohttpd has work that no descriptor announces */
    uv_timer_t arrival; /* looks for requests that do not arrive */
    unsigned handles;   /* open libuv handles */
    uint16_t port;
    uint64_t connections; /* ever */
    unsigned open;        /* of them */
    uint64_t oversized;   /* requests whose bodies were too long */
    unsigned flight;      /* requests */
    struct server_options options;
    char *address, *folder;
    struct server_request *requests;
    struct peer *peers;
    bool resumed; /* a connection, since the last MHD_run */
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* ---- Bodies ---------------------------------------------------------------------------------- */

static int body_file(const char *folder, struct error *e)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    /* Not every file system has O_TMPFILE. */
    char *path = file_join(folder, "body.XXXXXX");
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    else
        error_errno(e, ERR_CANTCREATE, errno, "cannot create a file for a body in '%s'", folder);
    free(path);
    return fd;
}

static void body_release(struct server_request *r)
{
    if (r->map)
        munmap(r->map, r->taken);
    r->map = NULL;
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    buf_deinit(&r->body);
}

/* Keep a piece of the body; a piece that cannot be kept refuses the request. */
static int body_keep(struct server_request *r, struct slice piece, struct error *e)
{
    const struct server_options *o = &r->server->options;
    bool spill = o->body_folder && r->body.len + piece.len > o->body_memory;
    if (r->fd < 0 && !spill) {
        buf_append_slice(&r->body, piece);
        return r->body.failed ? error_set(e, ERR_INTERNAL, "no memory for a body") : 0;
    }
    if (r->fd < 0) {
        r->fd = body_file(o->body_folder, e);
        if (r->fd < 0)
            return e->code;
        if (file_write(r->fd, buf_slice(&r->body).data, r->body.len, e))
            return e->code;
        buf_deinit(&r->body);
    }
    return file_write(r->fd, piece.data, piece.len, e);
}

static void request_oversized(struct server_request *r)
{
    r->refused = MHD_HTTP_CONTENT_TOO_LARGE;
    r->server->oversized++;
}

/* False: so much is being sent after a refusal that the connection is better ended. */
static bool body_add(struct server_request *r, struct slice piece)
{
    struct error e = {0};
    uint64_t max = r->server->options.body_max;
    r->taken += piece.len;
    if (r->refused == 0 && r->taken > max)
        request_oversized(r);
    if (r->refused == 0 && body_keep(r, piece, &e)) {
        log_write(LOG_ERROR, "net", "%s", e.message);
        r->refused = MHD_HTTP_INTERNAL_SERVER_ERROR;
    }
    if (r->refused == 0)
        return true;
    body_release(r);
    return r->taken <= max || r->taken - max <= DISCARD_MAX;
}

/* The body is whole: make it readable as one slice. */
static void body_map(struct server_request *r)
{
    if (r->fd < 0)
        return;
    void *map = mmap(NULL, r->taken, PROT_READ, MAP_SHARED, r->fd, 0);
    if (map != MAP_FAILED) {
        r->map = map;
        return;
    }
    log_write(LOG_ERROR, "net", "cannot map a body of %llu bytes: %s", (unsigned long long)r->taken,
              strerror(errno));
    r->refused = MHD_HTTP_INTERNAL_SERVER_ERROR;
}

/* ---- Requests -------------------------------------------------------------------------------- */

static struct server_request *request_create(struct server *s, struct MHD_Connection *connection,
                                             const char *method, const char *path)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct server_request *r = calloc(1, sizeof(*r));
    if (r == NULL || info == NULL || info->socket_context == NULL) {
        free(r);
        return NULL;
    }
    *r = (struct server_request){.server = s,
                                 .connection = connection,
                                 .method = method,
                                 .path = path,
                                 .peer = info->socket_context,
                                 .fd = -1,
                                 .next = s->requests,
                                 .link = &s->requests};
    buf_init(&r->body, s->options.body_max);
    if (s->requests)
        s->requests->link = &r->next;
    s->requests = r;
    s->flight++;
    return r;
}

static void request_destroy(struct server_request *r)
{
    r->server->flight--;
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    body_release(r);
    free(r);
}

static void on_idle(uv_idle_t *idle);

/* libmicrohttpd takes the connection up again in its next run, which no descriptor asks for. */
static void request_resume(struct server_request *r)
{
    struct server *s = r->server;
    MHD_resume_connection(r->connection);
    s->resumed = true;
    if (!s->closing)
        uv_idle_start(&s->idle, on_idle);
}

/* Give the connection its response, which is released here, or let it go when there is none. */
static void request_answer(struct server_request *r, unsigned status, struct MHD_Response *response)
{
    bool waiting = r->state == REQUEST_WAITING;
    r->state = REQUEST_DROPPED;
    if (response) {
        if (MHD_queue_response(r->connection, status, response) == MHD_YES)
            r->state = REQUEST_ANSWERED;
        MHD_destroy_response(response);
    }
    body_release(r);
    if (waiting)
        request_resume(r);
}

/* Refuse at once what is not wanted or too long by its own word, where the peer waits for leave to
 * send it; a peer that is sending already is read out first (see DISCARD_MAX). */
static void request_begin(struct server_request *r)
{
    const struct server_options *o = &r->server->options;
    unsigned long long len;
    const char *text = server_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (o->screen)
        r->refused = (unsigned)o->screen(o->arg, r);
    if (r->refused == 0 && text && slice_u64(slice_of(text), &len) && len > o->body_max)
        request_oversized(r);
    if (r->refused && server_header(r, MHD_HTTP_HEADER_EXPECT))
        request_answer(r, r->refused,
                       MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

/* The request is whole, or its connection was resumed. */
static enum MHD_Result request_step(struct server_request *r)
{
    struct server *s = r->server;
    if (r->state == REQUEST_READING) {
        if (r->refused == 0)
            body_map(r);
        r->state = REQUEST_HANDLING;
        r->peer->handed = true;
        if (r->refused)
            server_reply(r, (int)r->refused, NULL, SLICE_EMPTY);
        else
            s->options.handle(s->options.arg, r);
    }
    if (r->state == REQUEST_HANDLING) {
        r->state = REQUEST_WAITING;
        MHD_suspend_connection(r->connection);
    }
    return r->state == REQUEST_DROPPED ? MHD_NO : MHD_YES;
}

/* ---- What libmicrohttpd calls ---------------------------------------------------------------- */

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **context)
{
    (void)version;
    struct server_request *r = *context;
    if (r == NULL) {
        *context = r = request_create(arg, connection, method, url);
        if (r == NULL)
            return MHD_NO;
        request_begin(r);
        return r->state == REQUEST_DROPPED ? MHD_NO : MHD_YES;
    }
    if (*len == 0)
        return request_step(r);
    bool on = body_add(r, (struct slice){data, *len});
    *len = 0;
    return on ? MHD_YES : MHD_NO;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct server *s = arg;
    struct server_request *r = *context;
    (void)connection, (void)why;
    *context = NULL;
    if (r == NULL)
        return;
    r->peer->handed = false;
    r->peer->since_ms = uv_now(s->loop);
    request_destroy(r);
}

static void peer_create(struct server *s, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct peer *p = calloc(1, sizeof(*p));
    *context = p;
    if (p == NULL)
        return; /* its first request will find none and end the connection */
    *p = (struct peer){.number = ++s->connections,
                       .fd = info ? info->connect_fd : -1,
                       .since_ms = uv_now(s->loop),
                       .next = s->peers,
                       .link = &s->peers};
    if (s->peers)
        s->peers->link = &p->next;
    s->peers = p;
    s->open++;
}

static void peer_destroy(struct server *s, struct peer *p)
{
    if (p == NULL)
        return;
    s->open--;
    *p->link = p->next;
    if (p->next)
        p->next->link = p->link;
    free(p);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        peer_create(arg, connection, context);
    else
        peer_destroy(arg, *context);
}

__attribute__((format(printf, 2, 0))) static void on_message(void *arg, const char *format,
                                                             va_list list)
{
    (void)arg;
    if (!log_traces("net"))
        return;
    char text[512];
    vsnprintf(text, sizeof(text), format, list);
    text[strcspn(text, "\r\n")] = '\0';
    log_trace("net", "listener: %s", text);
}

/* ---- The loop -------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void server_run(struct server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;
    bool full = s->open >= s->options.connections_max;
    s->resumed = false;
    MHD_run(s->daemon);
    if (s->closing)
        return;
    /* It watches the listening socket again only in the run after the one that made room. */
    bool room = full && s->open < s->options.connections_max;
    bool due = MHD_get_timeout(s->daemon, &ms) == MHD_YES;
    /* An idle handle and not a timer of 0 ms: libuv looks at descriptors between its rounds. */
    if (s->resumed || room || (due && ms == 0))
        uv_idle_start(&s->idle, on_idle);
    else
        uv_idle_stop(&s->idle);
    if (due && ms > 0)
        uv_timer_start(&s->timer, on_timer, ms, 0);
    else
        uv_timer_stop(&s->timer);
}

static void on_idle(uv_idle_t *idle)
{
    server_run(idle->data);
}

static void on_timer(uv_timer_t *timer)
{
    server_run(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    server_run(poll->data);
}

/* libmicrohttpd counts silence only; a peer that drips bytes would hold its connection forever. */
static void on_arrival(uv_timer_t *timer)
{
    struct server *s = timer->data;
    uint64_t now = uv_now(s->loop), limit_ms = (uint64_t)s->options.arrival_timeout_s * 1000;
    for (struct peer *p = s->peers; p; p = p->next)
        if (!p->handed && now - p->since_ms >= limit_ms)
            shutdown(p->fd, SHUT_RDWR); /* libmicrohttpd sees the end and closes it */
}

/* ---- Opening and closing --------------------------------------------------------------------- */

static int socket_address(const struct server_options *o, struct sockaddr_storage *out,
                         socklen_t *len, struct error *e)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, o->address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(o->port);
        *len = sizeof(*v4);
        return 0;
    }
    if (inet_pton(AF_INET6, o->address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(o->port);
        *len = sizeof(*v6);
        return 0;
    }
    return error_set(e, ERR_CONFIG, "'%s' is not an IP address to listen on", o->address);
}

/* A listening socket on that address alone; *port becomes the one it got. */
static int socket_listen(const struct server_options *o, uint16_t *port, struct error *e)
{
    struct sockaddr_storage address;
    socklen_t len;
    int on = 1;
    if (socket_address(o, &address, &len, e))
        return e->code;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_errno(e, ERR_INTERNAL, errno, "cannot create a socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, len) || listen(fd, BACKLOG) ||
        getsockname(fd, (struct sockaddr *)&address, &len)) {
        error_errno(e, ERR_CONFIG, errno, "cannot listen on %s port %u", o->address, o->port);
        close(fd);
        return e->code;
    }
    *port = ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                               : ((struct sockaddr_in6 *)&address)->sin6_port);
    return fd;
}

/* Starts libmicrohttpd on the socket, which is its own from then on. */
static int daemon_start(struct server *s, int fd, struct error *e)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (strchr(s->address, ':'))
        flags |= MHD_USE_IPv6;
    struct MHD_OptionItem items[] = {
        /* First, so that what it says about the others is heard. */
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_message, s},
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, s->options.connections_max, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, s->options.idle_timeout_s, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_INCREMENT, CONNECTION_INCREMENT, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, s},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
        {MHD_OPTION_END, 0, NULL},
    };
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_ARRAY, items,
                                 MHD_OPTION_END);
    return s->daemon ? 0 : error_set(e, ERR_INTERNAL, "cannot start the HTTP listener");
}

static void server_free(struct server *s)
{
    free(s->address);
    free(s->folder);
    free(s);
}

/* The last handle is closed: nothing is inside libmicrohttpd any more, so it may be stopped. */
static void on_handle_closed(uv_handle_t *handle)
{
    struct server *s = handle->data;
    if (--s->handles > 0)
        return;
    for (struct server_request *r = s->requests; r; r = r->next)
        if (r->state == REQUEST_WAITING)
            request_answer(r, 0, NULL);
    MHD_stop_daemon(s->daemon);
    void (*closed)(void *) = s->closed;
    void *arg = s->closed_arg;
    server_free(s);
    closed(arg);
}

/* The libuv side cannot fail after this: descriptors are valid and the loop is running. */
static int handles_open(struct server *s, struct error *e)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int rc = info ? uv_poll_init(s->loop, &s->poll, info->epoll_fd) : UV_EBADF;
    if (rc)
        return error_set(e, ERR_INTERNAL, "cannot watch the listener: %s", uv_strerror(rc));
    uv_timer_init(s->loop, &s->timer);
    uv_idle_init(s->loop, &s->idle);
    uv_timer_init(s->loop, &s->arrival);
    s->poll.data = s->timer.data = s->idle.data = s->arrival.data = s;
    s->handles = 4;
    if (s->options.arrival_timeout_s > 0)
        uv_timer_start(&s->arrival, on_arrival, ARRIVAL_LOOK_MS, ARRIVAL_LOOK_MS);
    uv_poll_start(&s->poll, UV_READABLE, on_poll);
    /* The listening socket enters the epoll set on the first run. */
    server_run(s);
    return 0;
}

int server_create(struct server **out, uv_loop_t *loop, const struct server_options *options,
                  struct error *e)
{
    *out = NULL;
    struct server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return error_set(e, ERR_INTERNAL, "no memory for a listener");
    s->loop = loop;
    s->options = *options;
    s->address = strdup(options->address);
    s->folder = options->body_folder ? strdup(options->body_folder) : NULL;
    if (s->address == NULL || (options->body_folder && s->folder == NULL)) {
        error_set(e, ERR_INTERNAL, "no memory for a listener");
        goto failed;
    }
    s->options.address = s->address;
    s->options.body_folder = s->folder;
    int fd = socket_listen(&s->options, &s->port, e);
    if (fd < 0)
        goto failed;
    if (daemon_start(s, fd, e)) {
        close(fd);
        goto failed;
    }
    if (handles_open(s, e)) {
        MHD_stop_daemon(s->daemon);
        goto failed;
    }
    *out = s;
    return 0;
failed:
    server_free(s);
    return e->code;
}

void server_close(struct server *s, void (*closed)(void *arg), void *arg)
{
    s->closing = true;
    s->closed = closed;
    s->closed_arg = arg;
    uv_close((uv_handle_t *)&s->poll, on_handle_closed);
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->idle, on_handle_closed);
    uv_close((uv_handle_t *)&s->arrival, on_handle_closed);
}

uint16_t server_port(const struct server *s)
{
    return s->port;
}

unsigned server_flight(const struct server *s)
{
    return s->flight;
}

uint64_t server_oversized(const struct server *s)
{
    return s->oversized;
}

/* ---- Looking at a request -------------------------------------------------------------------- */

const char *server_method(const struct server_request *r)
{
    return r->method;
}

const char *server_path(const struct server_request *r)
{
    return r->path;
}

const char *server_query(const struct server_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *server_header(const struct server_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

struct slice server_body(const struct server_request *r)
{
    return r->map ? (struct slice){r->map, r->taken} : buf_slice(&r->body);
}

uint64_t server_connection(const struct server_request *r)
{
    return r->peer->number;
}

/* ---- Answering ------------------------------------------------------------------------------- */

/* Adds "Name: value" lines. */
static void headers_add(struct MHD_Response *response, const char *headers)
{
    while (headers && *headers) {
        char line[HEADER_LINE_MAX];
        size_t len = strcspn(headers, "\n");
        if (len < sizeof(line)) {
            memcpy(line, headers, len);
            line[len] = '\0';
            char *colon = strchr(line, ':');
            if (colon) {
                *colon = '\0';
                MHD_add_response_header(response, line, colon + 1 + strspn(colon + 1, " "));
            }
        }
        headers += len + (headers[len] == '\n');
    }
}

void server_reply(struct server_request *r, int status, const char *headers, struct slice body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.len, (void *)(uintptr_t)body.data, MHD_RESPMEM_MUST_COPY);
    if (response)
        headers_add(response, headers);
    request_answer(r, (unsigned)status, response);
}

void server_drop(struct server_request *r)
{
    request_answer(r, 0, NULL);
}

/* The first bytes of a body whose end never comes. */
struct cut {
    size_t len;
    char data[];
};

static ssize_t on_cut_read(void *arg, uint64_t position, char *out, size_t max)
{
    const struct cut *cut = arg;
    if (position >= cut->len)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t len = cut->len - position < max ? cut->len - position : max;
    memcpy(out, cut->data + position, len);
    return (ssize_t)len;
}

void server_reply_cut(struct server_request *r, int status, struct slice body, size_t len)
{
    if (len > body.len)
        len = body.len;
    struct MHD_Response *response = NULL;
    struct cut *cut = malloc(sizeof(*cut) + len);
    if (cut) {
        cut->len = len;
        memcpy(cut->data, body.data, len);
        response = MHD_create_response_from_callback(body.len, 32 << 10, on_cut_read, cut, free);
        if (response == NULL)
            free(cut);
    }
    request_answer(r, (unsigned)status, response);
}
