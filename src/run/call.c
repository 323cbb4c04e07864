/* Sends one raw request to a provider.
 *
 * 1. What may cost credits is sent only when the user says so (call_may_cost), and then under the
 *    client's rule for paid requests: at most one copy leaves.
 * 2. What came is printed even when the reply broke off: it may be what was paid for.
 * 3. The query and the body stay out of messages: they may name people.
 *
 * One thread; returns when the request has ended. */
#include "run/call.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "report/figure.h"
#include "wire/json.h"
#include "wire/problem.h"

#define JSON_DEPTH  64
#define READ_SIZE   ((size_t)64 << 10)
#define CHOICES_MAX 4096 /* of options of one operation in one tier */
#define PATH_SIZE   sizeof(((struct http_request *)NULL)->path)

static const char *const method_names[] = {
    [HTTP_GET] = "GET",
    [HTTP_POST] = "POST",
    [HTTP_DELETE] = "DELETE",
};

/* --- the request ---------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* The path as a lenient server may understand it: without its query, percent-decoded, in lower
 * case. `out` has room for all of it. Returns its length; NULs may be inside. */
static size_t decode_path(const char *path, char *out)
{
    size_t len = 0;

    for (const char *at = path; *at && *at != '?'; at++) {
        int high = *at == '%' ? hex_digit(at[1]) : -1;
        int low = high >= 0 ? hex_digit(at[2]) : -1;
        char c = *at;
        if (low >= 0) {
            c = (char)(high << 4 | low);
            at += 2;
        }
        out[len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    out[len] = '\0';
    return len;
}

static const char *path_problem(const char *path)
{
    char plain[PATH_SIZE];

    if (path[0] != '/')
        return "it must begin with a slash: the address before it is known";
    if (strlen(path) >= PATH_SIZE)
        return "it is too long";
    for (const char *at = path; *at; at++)
        if (*at <= ' ' || *at > '~' || *at == '#')
            return "it holds characters that must be percent-encoded";
    size_t len = decode_path(path, plain);
    if (memchr(plain, '\0', len) || strchr(plain, '\\') || strstr(plain, "..") ||
        strstr(plain, "//"))
        return "it must not hold '..', '//' or a backslash";
    return NULL;
}

int call_parse(struct http_request *out, const char *method, const char *path, struct error *e)
{
    const char *problem = path_problem(path);
    bool known = false;

    *out = (struct http_request){.method = HTTP_GET};
    for (enum http_method m = HTTP_GET; m <= HTTP_DELETE; m++) {
        if (slice_eq_nocase(slice_of(method), slice_of(method_names[m]))) {
            out->method = m;
            known = true;
        }
    }
    if (!known)
        return error_set(e, ERR_USAGE, "'%.32s' is none of GET, POST, DELETE", method);
    if (problem)
        return error_set(e, ERR_USAGE, "the path cannot be used: %s", problem);
    snprintf(out->path, sizeof out->path, "%s", path);
    return 0;
}

/* --- what may cost -------------------------------------------------------------------------- */

/* The index-th word of "a|b|c", or of "a|b|c,"; false when it has fewer. A text of the user's own
 * cannot be gone through: its preset stands for all. */
static bool choice_at(const struct operation_option *o, unsigned index, char *out, size_t size)
{
    const char *at = o->values;

    if (*at == '\0' && index == 0) {
        snprintf(out, size, "%s=%s", o->name, o->preset);
        return true;
    }
    for (; *at; at += strspn(at, "|,")) {
        size_t len = strcspn(at, "|,");
        if (index-- == 0) {
            snprintf(out, size, "%s=%.*s", o->name, (int)len, at);
            return true;
        }
        at += len;
    }
    return false;
}

/* Goes through the choices like an odometer. False when it has come round. */
struct choices {
    const struct operation_option *options;
    unsigned count;
    unsigned index[OPERATION_OPTIONS_MAX];
    char text[OPERATION_OPTIONS_MAX][128];
    const char *given[OPERATION_OPTIONS_MAX];
};

static void choices_begin(struct choices *c, const struct operation *op)
{
    *c = (struct choices){.options = op->options};
    while (op->options && c->count < OPERATION_OPTIONS_MAX && op->options[c->count].name) {
        choice_at(&c->options[c->count], 0, c->text[c->count], sizeof c->text[0]);
        c->given[c->count] = c->text[c->count];
        c->count++;
    }
}

static bool choices_next(struct choices *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        if (choice_at(&c->options[i], ++c->index[i], c->text[i], sizeof c->text[i]))
            return true;
        c->index[i] = 0;
        choice_at(&c->options[i], 0, c->text[i], sizeof c->text[i]);
    }
    return false;
}

/* The same place as far as any server may think: a slash at the end and path parameters do not
 * count. */
static bool same_place(const char *a, const char *b)
{
    char plain[2][PATH_SIZE];
    const char *paths[2] = {a, b};

    for (unsigned i = 0; i < 2; i++) {
        decode_path(paths[i], plain[i]);
        size_t len = strcspn(plain[i], ";");
        while (len > 0 && plain[i][len - 1] == '/')
            len--;
        plain[i][len] = '\0';
    }
    return strcmp(plain[0], plain[1]) == 0;
}

static bool asks_there(const struct operation *op, const struct http_request *r)
{
    struct http_request submit = {.method = HTTP_GET};

    op->build_submit(op, &submit);
    return submit.method == r->method && same_place(submit.path, r->path);
}

/* Whether the operation asks by this request, with any choice of its options. */
static bool operation_asks(const struct operation *op, const struct provider_tier *tier,
                           const struct http_request *r, struct operation *made)
{
    struct choices c;
    unsigned tried = 0;

    choices_begin(&c, op);
    do {
        struct error e = {0};
        if (provider_configure(made, op, tier, c.given, c.count, &e) == 0 && asks_there(made, r))
            return true;
    } while (choices_next(&c) && ++tried < CHOICES_MAX);
    return false;
}

bool call_may_cost(const struct provider *p, const struct http_request *r, struct operation *op)
{
    for (const struct operation *o = p->operations; o->name; o++)
        for (const struct provider_tier *t = p->tiers; t->name; t++)
            if (operation_asks(o, t, r, op))
                return true;
    *op = (struct operation){.provider = NULL};
    return r->method == HTTP_POST;
}

static int check_cost(const struct provider *p, const struct http_request *r, bool paid,
                      struct error *e)
{
    struct operation op;

    if (!call_may_cost(p, r, &op) || paid)
        return 0;
    if (op.name)
        return error_set(e, ERR_USAGE,
                         "nothing was sent: this is how %s/%s is asked, which costs credits; say "
                         "--paid if it is meant",
                         p->name, op.name);
    return error_set(e, ERR_USAGE,
                     "nothing was sent: only %s knows whether this POST costs credits; say --paid "
                     "if it may",
                     p->title);
}

/* --- the body ------------------------------------------------------------------------------- */

static int read_body(const char *path, struct buf *out, struct error *e)
{
    bool input = strcmp(path, "-") == 0;
    int fd = input ? STDIN_FILENO : file_open_read(path, e);
    ssize_t n = 1;

    if (fd < 0)
        return error_prefix(e, "--body");
    while (n > 0 && !out->failed) {
        char *room = buf_reserve(out, READ_SIZE);
        if (!room)
            break;
        do
            n = read(fd, room, READ_SIZE);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            error_errno(e, ERR_IO, errno, "--body: %s cannot be read",
                        input ? "standard input" : path);
        else
            out->len += (size_t)n;
    }
    if (out->failed || out->len > CALL_BODY_MAX)
        error_set(e, ERR_USAGE, "--body: it is longer than %zu MiB, or memory ran out",
                  CALL_BODY_MAX >> 20);
    if (!input)
        close(fd);
    return e->code;
}

/* --- sending -------------------------------------------------------------------------------- */

struct one_call {
    struct client_call call;
    struct http_reply reply;
    bool ended;
};

static void on_done(struct client_call *call, struct http_reply *reply)
{
    struct one_call *one = call->arg;

    one->reply = *reply;
    buf_init(&one->reply.body, CALL_REPLY_MAX);
    buf_take(&one->reply.body, &reply->body);
    one->ended = true;
}

static int send_one(struct one_call *one, const struct caller *c, struct error *e)
{
    struct caller_loop l;

    if (caller_loop_open(&l, 1, e) != 0)
        return e->code;
    one->call.done = on_done;
    one->call.arg = one;
    if (client_send(l.client, &one->call, e) == 0)
        while (!one->ended)
            uv_run(&l.loop, UV_RUN_ONCE);
    caller_loop_close(&l);
    return e->code == 0 ? 0 : error_prefix(e, "%s", c->provider->name);
}

/* --- what came of it ------------------------------------------------------------------------ */

/* "GET /credits: 200, 312 bytes in 132 ms", and what a refusal says. */
static void say_reply(const struct one_call *one)
{
    const struct http_request *r = &one->call.request;
    const struct http_reply *reply = &one->reply;
    char took[32];
    struct problem problem = {.text = ""};
    struct buf line;
    struct json *json = reply->status >= 400 ? json_create(JSON_DEPTH) : NULL;

    if (json)
        problem_parse(&problem, json, buf_slice(&reply->body));
    json_destroy(json);
    clock_format_duration(reply->elapsed_ms, took);
    buf_init(&line, 4096);
    buf_append_format(&line, "%s %.*s: %ld", method_names[r->method], (int)strcspn(r->path, "?"),
                      r->path, reply->status);
    if (problem.text[0])
        buf_append_format(&line, " (%s)", problem.text);
    buf_append_text(&line, ", ");
    figure_things(&line, reply->body.len, "byte", "bytes");
    fprintf(stderr, "%s in %s\n", buf_text(&line), took);
    buf_deinit(&line);
}

static int status_of(long status)
{
    if (status >= 200 && status <= 299)
        return 0;
    switch (status) {
    case 401:
    case 403:
    case 423:
        return error_exit_status(ERR_REFUSED);
    case 402:
    case 429:
        return error_exit_status(ERR_STOPPED);
    default:
        return status >= 500 ? error_exit_status(ERR_UNAVAILABLE) : 1;
    }
}

static int conclude(const struct one_call *one, const struct caller *c, bool quiet, struct error *e)
{
    const struct http_reply *reply = &one->reply;
    bool doubt = one->call.paid && (reply->end != HTTP_REPLY || reply->status >= 500);
    const char *then = doubt ? "; whether it was carried out and paid is not known: look into the "
                               "account before sending it again"
                             : "";

    if (reply->body.len > 0)
        fwrite(reply->body.data, 1, reply->body.len, stdout);
    fflush(stdout);
    switch (reply->end) {
    case HTTP_REPLY:
        if (!quiet || status_of(reply->status) != 0)
            say_reply(one);
        if (doubt)
            return error_set(e, ERR_UNAVAILABLE, "%s answered with an error of its own%s",
                             c->provider->name, then);
        return status_of(reply->status);
    case HTTP_NOT_SENT:
        return error_set(e, ERR_UNAVAILABLE, "%s cannot be reached at %s, and got nothing: %s",
                         c->provider->name, c->base_url, reply->problem);
    case HTTP_CUT:
        return error_set(e, ERR_UNAVAILABLE, "the reply (%ld) broke off after %zu bytes: %s%s",
                         reply->status, reply->body.len, reply->problem, then);
    case HTTP_LOST:
    case HTTP_CANCELLED:
        return error_set(e, ERR_UNAVAILABLE, "no reply came: %s%s", reply->problem, then);
    }
    return error_set(e, ERR_INTERNAL, "a reply without an end");
}

int run_call(const struct call_options *o, struct error *e)
{
    const struct provider *p = provider_find(slice_of(o->provider));
    struct one_call one = {.ended = false};
    struct http_request request;
    struct caller c = {.key = NULL};
    struct buf body;
    int status = 0;

    buf_init(&body, CALL_BODY_MAX + READ_SIZE);
    buf_init(&one.reply.body, CALL_REPLY_MAX);
    if (!p)
        error_set(e, ERR_USAGE, "there is no provider '%s'; tranche providers lists them",
                  o->provider);
    else if (call_parse(&request, o->method, o->path, e) != 0 ||
             check_cost(p, &request, o->paid, e) != 0)
        goto done;
    else if (o->body && request.method != HTTP_POST)
        error_set(e, ERR_USAGE, "--body: only a POST has one");
    if (e->code != 0 || caller_open(&c, p, &o->place, e) != 0 ||
        (o->body && read_body(o->body, &body, e) != 0))
        goto done;
    caller_prepare(&c, &one.call, o->timeout_ms, CALL_REPLY_MAX);
    one.call.request = request;
    one.call.request.has_body = o->body != NULL;
    one.call.request.body_len = body.len;
    one.call.body = buf_slice(&body);
    one.call.paid = o->paid;
    if (send_one(&one, &c, e) == 0)
        status = conclude(&one, &c, o->quiet, e);
done:
    caller_close(&c);
    buf_deinit(&one.reply.body);
    buf_deinit(&body);
    return e->code != 0 ? error_exit_status(e->code) : status;
}
