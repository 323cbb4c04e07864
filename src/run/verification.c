/* The HTTP side of the verification webhook.
 *
 * 1. Whoever does not know the secret path learns nothing but 404, before a byte of a body is kept.
 * 2. An answer of 200 is a vendor's verdict about this very address, now or within the age of the
 *    cache; everything else is an error status, which the one who asks may repeat.
 * 3. Addresses and the path are in no message.
 *
 * Happy path: screen (path, method) -> handle (body, field, canonical form) -> verifier_ask -> known,
 * or later -> reply. At SIGINT or SIGTERM new requests get 503, and the loop ends when the verifier
 * is idle and all answers have left; a second signal ends the process at once, which loses nothing
 * but the verdicts under way, whose credits are counted. All on one thread. */
#include "run/verification.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "net/address.h"
#include "net/server.h"
#include "record/normalise.h"
#include "record/text.h"
#include "run/caller.h"
#include "run/key.h"
#include "run/state.h"
#include "run/verdicts.h"
#include "run/verifier.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/json_write.h"

#define BODY_MAX        ((size_t)64 << 10)
#define CONNECTIONS_MAX 256
#define IDLE_S          75
#define ARRIVAL_S       10
#define WAIT_MAX_MS     20000 /* in line; who asks gives up soon after */
#define DRAIN_LOOK_MS   20
#define ARENA_MAX       ((size_t)1 << 20)
#define JSON_DEPTH      32
#define FIELD_MAX       64 /* bytes of a field's path */
#define PATH_CHARS      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/"

struct verification {
    const struct verification_options *options;
    struct setup setup;
    struct address address;
    uint8_t path[DIGEST_LEN]; /* of the secret */
    struct caller caller;
    struct caller_loop loop;
    struct verdicts *verdicts;
    struct verifier *verifier;
    struct server *server;
    struct json *json;
    struct arena arena;
    uv_signal_t signals[2];
    uv_timer_t drain;
    bool draining, closed;
    uint64_t answered, refused; /* 200; 502 and 503 */
};

/* --- replies -------------------------------------------------------------------------------- */

static void reply_error(struct server_request *r, int status, const char *text)
{
    struct buf b;
    bool first = true;

    buf_init(&b, 1024);
    buf_append_char(&b, '{');
    json_write_member_string(&b, &first, "error", slice_of(text));
    buf_append_text(&b, "}\n");
    server_reply(r, status,
                 status == 503 ? "Content-Type: application/json\nRetry-After: 60\n"
                               : "Content-Type: application/json\n",
                 buf_slice(&b));
    buf_deinit(&b);
}

/* {"valid":true}, or {"a":{"valid":true}} for "a.valid". */
static void reply_verdict(struct verification *v, struct server_request *r, bool valid)
{
    const char *at = v->options->reply_field;
    unsigned depth = 0;
    struct buf b;

    buf_init(&b, 1024);
    for (;;) {
        size_t len = strcspn(at, ".");
        buf_append_char(&b, '{');
        json_write_string(&b, (struct slice){at, len});
        buf_append_char(&b, ':');
        depth++;
        at += len;
        if (*at++ == '\0')
            break;
    }
    buf_append_text(&b, valid ? "true" : "false");
    while (depth-- > 0)
        buf_append_char(&b, '}');
    buf_append_char(&b, '\n');
    server_reply(r, 200, "Content-Type: application/json\n", buf_slice(&b));
    buf_deinit(&b);
}

static void reply_end(struct verification *v, struct server_request *r, enum verifier_end end,
                      const char *text)
{
    switch (end) {
    case VERIFIER_LATER:
        return;
    case VERIFIER_KNOWN:
        v->answered++;
        reply_verdict(v, r, operation_chosen(v->options->accept, text));
        return;
    case VERIFIER_UNASKABLE:
        reply_error(r, 422, text);
        return;
    case VERIFIER_CAPPED:
        v->refused++;
        reply_error(r, 503, "the credits for verification are spent");
        return;
    case VERIFIER_BUSY:
        v->refused++;
        reply_error(r, 503, "cannot be verified now");
        return;
    case VERIFIER_FAILED:
        v->refused++;
        reply_error(r, 502, "could not be verified");
        return;
    }
}

/* --- requests ------------------------------------------------------------------------------- */

/* Digests, so that neither length nor content of the secret shows in the time this takes. */
static bool is_secret(const struct verification *v, const char *path)
{
    uint8_t digest[DIGEST_LEN];

    digest_sha256(slice_of(path), digest);
    return digest_same(digest, v->path, sizeof digest);
}

static int screen(void *arg, const struct server_request *r)
{
    struct verification *v = arg;

    if (!is_secret(v, server_path(r)))
        return 404;
    if (strcmp(server_method(r), "POST") != 0)
        return 405;
    return v->draining ? 503 : 0;
}

struct question {
    struct verification *verification;
    struct server_request *request;
};

static void on_end(void *arg, enum verifier_end end, const char *text)
{
    struct question *q = arg;

    reply_end(q->verification, q->request, end, text);
    free(q);
}

/* The address in canonical form, in the arena; or what is wrong with it. */
static const char *read_email(struct verification *v, struct slice text, struct slice *out)
{
    struct slice clean;
    unsigned flags = text_clean(text, &v->arena, &clean);

    if (clean.len == 0)
        return "is empty";
    return normalise_email(clean, flags, &v->arena, out);
}

static void handle(void *arg, struct server_request *r)
{
    struct verification *v = arg;
    struct json_value root, field;
    struct slice text, email;
    struct error e = {0};
    char message[128];

    arena_reset(&v->arena);
    if (json_parse(v->json, server_body(r), &root, &e) != 0) {
        reply_error(r, 400, "the body is not JSON");
        return;
    }
    if (!json_path(root, v->options->request_field, &field) || !json_string(field, &text)) {
        snprintf(message, sizeof message, "the body has no text in '%s'",
                 v->options->request_field);
        reply_error(r, 400, message);
        return;
    }
    const char *problem = read_email(v, text, &email);
    if (problem) {
        snprintf(message, sizeof message, "%s %s", v->options->request_field, problem);
        reply_error(r, 422, message);
        return;
    }
    struct question *q = malloc(sizeof *q);
    if (!q)
        abort();
    *q = (struct question){v, r};
    const char *said;
    enum verifier_end end = verifier_ask(v->verifier, email, on_end, q, &said);
    if (end != VERIFIER_LATER)
        on_end(q, end, said);
}

/* --- ending --------------------------------------------------------------------------------- */

static void on_server_closed(void *arg)
{
    struct verification *v = arg;

    v->closed = true;
}

static void on_drain(uv_timer_t *timer)
{
    struct verification *v = timer->data;

    if (verifier_flight(v->verifier) > 0 || server_flight(v->server) > 0)
        return;
    uv_timer_stop(timer);
    server_close(v->server, on_server_closed, v);
}

static void begin_drain(struct verification *v)
{
    if (v->draining)
        return;
    v->draining = true;
    uv_timer_start(&v->drain, on_drain, 0, DRAIN_LOOK_MS);
}

/* Both signals end the process at once from now on. */
static void on_signal(uv_signal_t *handle, int number)
{
    struct verification *v = handle->data;

    (void)number;
    for (int i = 0; i < 2; i++)
        uv_signal_stop(&v->signals[i]);
    begin_drain(v);
}

static void on_changed(void *arg)
{
    struct verification *v = arg;

    if (verifier_broken(v->verifier)->code != 0)
        begin_drain(v);
}

/* --- what it is told ------------------------------------------------------------------------ */

/* The operation in the form that answers about one address at once, where its options have it. */
static int choose_single(struct settings *s, struct error *e)
{
    const struct operation *op = provider_operation(s->provider, e);

    if (!op)
        return error_prefix(e, "--with");
    for (unsigned i = 0; i < s->set_count; i++) {
        const char *colon = strrchr(s->sets[i], ':');
        if (strncmp(colon ? colon + 1 : s->sets[i], "mode=", 5) == 0)
            return 0;
    }
    for (const struct operation_option *o = op->options; o && o->name; o++)
        if (strcmp(o->name, "mode") == 0 && operation_chosen(o->values, "single") &&
            s->set_count < SETTINGS_MAPS_MAX)
            s->sets[s->set_count++] = "mode=single";
    return 0;
}

static bool asks_about_emails(const struct operation *op)
{
    for (const field_set *set = op->accepts; *set; set++)
        if (*set == FIELD_BIT(EMAIL))
            return (op->gives & FIELD_BIT(EMAIL_STATUS)) != 0;
    return false;
}

static int resolve_operation(struct verification *v, struct error *e)
{
    struct settings *s = v->options->settings;

    if (choose_single(s, e) != 0 || settings_resolve(s, &v->setup, e) != 0)
        return e->code;
    if (v->setup.operation->delivery != DELIVERY_REPLY || !asks_about_emails(v->setup.operation))
        return error_set(e, ERR_USAGE,
                         "--with: %s does not answer with the state of an address at once",
                         s->provider);
    if (s->max_credits == SETTING_ABSENT)
        return error_set(e, ERR_USAGE,
                         "--max-credits is missing: how much all verifications may cost");
    return 0;
}

static int check_field(const char *option, const char *path, struct error *e)
{
    size_t len = strlen(path);

    if (len > FIELD_MAX || path[0] == '.' || path[len - 1] == '.' || strstr(path, ".."))
        return error_set(e, ERR_USAGE, "%s: '%s' is no name of a field, as email or contact.email",
                         option, path);
    return 0;
}

static int check_words(const char *words, struct error *e)
{
    for (const char *at = words;; at++) {
        size_t len = strcspn(at, ",");
        if (!verdicts_status_valid((struct slice){at, len}))
            return error_set(e, ERR_USAGE, "--accept: '%s' is no list of words, as valid,catch_all",
                             words);
        at += len;
        if (*at == '\0')
            return 0;
    }
}

/* The secret is never on a command line, where every user of the machine could read it. */
static int resolve_path(struct verification *v, struct error *e)
{
    char *path;

    if (key_find(VERIFICATION_PATH_ENV, v->options->path_file, &path, e) != 0)
        return error_prefix(e, "the secret path");
    if (!path)
        error_set(e, ERR_CONFIG,
                  "the secret path is missing: put it into a file of mode 0600 and name that with "
                  "--path-file, or set " VERIFICATION_PATH_ENV);
    else if (path[0] != '/' || strlen(path) < VERIFICATION_PATH_MIN + 1 ||
             strlen(path) > VERIFICATION_PATH_MAX || strspn(path, PATH_CHARS) != strlen(path))
        error_set(e, ERR_CONFIG,
                  "the secret path must be a slash and %d characters at least of letters, digits "
                  "and -._~/, which nobody can guess (openssl rand -hex 16 makes such)",
                  VERIFICATION_PATH_MIN);
    else
        digest_sha256(slice_of(path), v->path);
    key_free(path);
    return e->code;
}

static int resolve(struct verification *v, struct error *e)
{
    const struct verification_options *o = v->options;

    if (!o->listen)
        return error_set(e, ERR_USAGE, "--listen ADDR:PORT is missing");
    if (address_parse(&v->address, o->listen, e) != 0)
        return error_prefix(e, "--listen");
    if (check_field("--request-field", o->request_field, e) != 0 ||
        check_field("--reply-field", o->reply_field, e) != 0 || check_words(o->accept, e) != 0 ||
        resolve_operation(v, e) != 0)
        return e->code;
    return resolve_path(v, e);
}

/* --- serving -------------------------------------------------------------------------------- */

static int open_verdicts(struct verification *v, struct error *e)
{
    char *folder = NULL, *path = NULL;
    const char *file = v->options->cache;

    if (!file) {
        if (state_folder(&folder, e) != 0)
            return e->code;
        file = path = file_join(folder, "verdicts");
    }
    verdicts_open(&v->verdicts, file, v->options->cache_age_ms, clock_wall_ms(), e);
    free(path);
    free(folder);
    return e->code;
}

static int open_server(struct verification *v, struct error *e)
{
    struct server_options options = {
        .address = v->address.host,
        .port = v->address.port,
        .connections_max = CONNECTIONS_MAX,
        .idle_timeout_s = IDLE_S,
        .arrival_timeout_s = ARRIVAL_S,
        .body_max = BODY_MAX,
        .body_memory = BODY_MAX,
        .screen = screen,
        .handle = handle,
        .arg = v,
    };

    return server_create(&v->server, &v->loop.loop, &options, e);
}

static void announce(struct verification *v)
{
    char text[ADDRESS_TEXT_SIZE];

    v->address.port = server_port(v->server);
    address_format(&v->address, text);
    printf("listening on http://%s\n", text);
    fflush(stdout);
    log_write(LOG_INFO, "verify",
              "%s/%s, price %" PRId64 "; %zu verdicts are known; %" PRId64 " of %" PRId64
              " credits are spent",
              v->setup.operation->provider->name, v->setup.operation->name, v->setup.price,
              verdicts_count(v->verdicts), verdicts_spent(v->verdicts),
              v->options->settings->max_credits);
}

static void watch_signals(struct verification *v)
{
    static const int numbers[2] = {SIGINT, SIGTERM};

    uv_timer_init(&v->loop.loop, &v->drain);
    v->drain.data = v;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&v->loop.loop, &v->signals[i]);
        v->signals[i].data = v;
        uv_signal_start(&v->signals[i], on_signal, numbers[i]);
    }
}

static void unwatch_signals(struct verification *v)
{
    uv_close((uv_handle_t *)&v->drain, NULL);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&v->signals[i], NULL);
}

static int serve(struct verification *v, struct error *e)
{
    struct verifier_options options = {
        .setup = &v->setup,
        .caller = &v->caller,
        .loop = &v->loop,
        .verdicts = v->verdicts,
        .max_credits = v->options->settings->max_credits,
        .wait_max_ms = WAIT_MAX_MS,
        .changed = on_changed,
        .arg = v,
    };

    watch_signals(v);
    if (verifier_open(&v->verifier, &options, e) == 0 && open_server(v, e) == 0) {
        announce(v);
        while (!v->closed)
            uv_run(&v->loop.loop, UV_RUN_ONCE);
        *e = *verifier_broken(v->verifier);
        log_write(LOG_INFO, "verify",
                  "%" PRIu64 " answered, %" PRIu64 " not; %" PRId64 " of %" PRId64
                  " credits are spent",
                  v->answered, v->refused, verdicts_spent(v->verdicts), options.max_credits);
    }
    verifier_close(v->verifier);
    unwatch_signals(v);
    return e->code;
}

int run_verification(const struct verification_options *o, struct error *e)
{
    struct verification v = {.options = o, .json = json_create(JSON_DEPTH)};

    arena_init(&v.arena, ARENA_MAX);
    if (!v.json)
        error_set(e, ERR_INTERNAL, "no memory");
    if (e->code == 0 && resolve(&v, e) == 0 &&
        caller_open_at(&v.caller, v.setup.operation->provider, v.setup.base_url, v.setup.key_file,
                       e) == 0 &&
        open_verdicts(&v, e) == 0 && caller_loop_open(&v.loop, v.setup.live_max, e) == 0) {
        serve(&v, e);
        caller_loop_close(&v.loop);
    }
    verdicts_close(v.verdicts);
    caller_close(&v.caller);
    arena_deinit(&v.arena);
    json_destroy(v.json);
    return e->code != 0 ? error_exit_status(e->code) : 0;
}
