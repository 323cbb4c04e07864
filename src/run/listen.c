/* Receives callbacks for runs that are not up.
 *
 * 1. A callback is answered 200 after the group that it is in was written and synced, or when that
 *    holds for one just like it.
 * 2. One group is being written at a time, on libuv's pool; the next gathers meanwhile, so a slow
 *    disk makes groups larger and not the loop slower.
 *
 * Happy path: on_received -> keeper_add -> on_prepare (end of the turn) -> keeper_write (pool) ->
 * answers. Failure modes: a write that fails answers 503 to all that wait, and to all that come
 * within RETRY_MS; a failed fsync ends the process, for what is on disk is not known then; killed,
 * it leaves whole groups and at most a torn end, and vendors without an answer send again.
 *
 * All on the loop's thread but write_group. */
#include "run/listen.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/log.h"
#include "run/callbacks.h"
#include "run/keeper.h"
#include "run/key.h"

#define PROVIDERS_MAX 32
#define PRUNE_MS      60000
#define RETRY_MS      1000 /* after a write that failed: what comes sooner is not tried */
/* At the end: answers get so long to leave, looked at every DRAIN_LOOK_MS. */
#define DRAIN_MS      2000
#define DRAIN_LOOK_MS 10

/* Callbacks that wait for one group: those it holds, and those just like one it or one before it
 * holds. */
struct list {
    struct callback *first, **last;
    uint64_t added, again;
};

struct listen {
    uv_loop_t loop;
    uv_signal_t signals[2];
    uv_prepare_t prepare;
    uv_timer_t prune, drain;
    uv_work_t work;
    struct callbacks *callbacks;
    struct keeper *keeper;
    struct list waiting, writing; /* in the group that gathers; in the one being written */
    bool busy;                    /* work is under way */
    bool prune_due, pruning;
    bool ending, closing;
    uint64_t failed_until; /* uv_now before which nothing is tried */
    uint64_t drain_until;
    uint64_t kept, again;
    struct callbacks_counts counts; /* at the end */
    struct error work_error;
    struct error stop; /* why it ends, when it is not a signal */
};

/* --- lists ---------------------------------------------------------------------------------- */

static void list_init(struct list *l)
{
    *l = (struct list){.last = &l->first};
}

static void list_add(struct list *l, struct callback *c)
{
    c->next = NULL;
    *l->last = c;
    l->last = &c->next;
}

static void list_answer(struct list *l, void (*answer)(struct callback *c))
{
    for (struct callback *next, *c = l->first; c; c = next) {
        next = c->next;
        answer(c);
    }
    list_init(l);
}

/* --- the end -------------------------------------------------------------------------------- */

static void on_closed(void *arg)
{
    (void)arg;
}

static void close_handles(struct listen *l)
{
    uv_close((uv_handle_t *)&l->signals[0], NULL);
    uv_close((uv_handle_t *)&l->signals[1], NULL);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->prune, NULL);
    uv_close((uv_handle_t *)&l->drain, NULL);
}

/* The loop ends when everything is closed and the work under way is done. */
static void close_all(struct listen *l)
{
    if (l->closing)
        return;
    l->closing = true;
    l->waiting.first = l->writing.first = NULL; /* they end with the listener */
    callbacks_counts(l->callbacks, &l->counts);
    callbacks_close(l->callbacks, on_closed, l);
    close_handles(l);
}

static void on_drain(uv_timer_t *timer)
{
    struct listen *l = timer->data;

    if (callbacks_flight(l->callbacks) == 0 || uv_now(&l->loop) >= l->drain_until)
        close_all(l);
}

/* What is in flight is finished as ever: a callback that is kept and answered is one less to be sent
 * again. */
static void begin_end(struct listen *l)
{
    l->ending = true;
    l->drain_until = uv_now(&l->loop) + DRAIN_MS;
    uv_timer_start(&l->drain, on_drain, 0, DRAIN_LOOK_MS);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct listen *l = handle->data;

    (void)number;
    if (l->ending)
        close_all(l);
    else
        begin_end(l);
}

/* --- groups --------------------------------------------------------------------------------- */

static void write_group(uv_work_t *work)
{
    struct listen *l = work->data;

    if (l->pruning)
        keeper_prune(l->keeper, &l->work_error);
    else
        keeper_write(l->keeper, &l->work_error);
}

static void write_ended(struct listen *l)
{
    l->kept += l->writing.added;
    l->again += l->writing.again;
    list_answer(&l->writing, callbacks_ack);
}

static void write_failed(struct listen *l)
{
    log_write(LOG_ERROR, "callbacks", "%s: callbacks are answered 503, so that they are sent again",
              l->work_error.message);
    keeper_drop(l->keeper);
    list_answer(&l->writing, callbacks_fail);
    list_answer(&l->waiting, callbacks_fail);
    l->failed_until = uv_now(&l->loop) + RETRY_MS;
    if (keeper_broken(l->keeper)) {
        l->stop = l->work_error;
        if (!l->ending)
            begin_end(l);
    }
}

static void on_worked(uv_work_t *work, int status)
{
    struct listen *l = work->data;

    (void)status;
    l->busy = false;
    if (l->closing && l->work_error.code != 0)
        return; /* nobody waits for an answer any more */
    if (l->pruning && l->work_error.code != 0)
        log_write(LOG_WARN, "callbacks", "%s", l->work_error.message);
    else if (!l->pruning && l->work_error.code != 0)
        write_failed(l);
    else if (!l->pruning)
        write_ended(l);
}

static void start_work(struct listen *l, bool pruning)
{
    l->pruning = pruning;
    l->work_error = (struct error){0};
    l->busy = true;
    uv_queue_work(&l->loop, &l->work, write_group, on_worked);
}

/* All callbacks of this turn have been added. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct listen *l = prepare->data;

    if (l->busy || l->closing)
        return;
    if (l->waiting.first) {
        l->writing = l->waiting;
        list_init(&l->waiting);
        keeper_cut(l->keeper);
        start_work(l, false);
    } else if (l->prune_due) {
        l->prune_due = false;
        start_work(l, true);
    }
}

static void on_prune(uv_timer_t *timer)
{
    struct listen *l = timer->data;

    l->prune_due = true;
}

static void on_received(void *arg, struct callback *c)
{
    struct listen *l = arg;
    const struct segment_entry entry = {.token = c->token,
                                        .wall_ms = c->wall_ms,
                                        .provider = slice_of(c->provider->name),
                                        .body = c->body};

    if (c->test) {
        callbacks_ack(c);
        return;
    }
    if (uv_now(&l->loop) < l->failed_until) {
        callbacks_fail(c);
        return;
    }
    switch (keeper_add(l->keeper, &entry)) {
    case KEEPER_FULL:
        callbacks_fail(c);
        return;
    case KEEPER_ADDED:
        l->waiting.added++;
        break;
    case KEEPER_AGAIN:
        l->waiting.again++;
        break;
    }
    list_add(&l->waiting, c);
}

/* --- the beginning -------------------------------------------------------------------------- */

/* The file of --key-file PROVIDER=PATH, when that is the provider. */
static const char *file_of(const struct provider *p, const char *key_file)
{
    size_t len = strlen(p->name);

    return key_file && strncmp(key_file, p->name, len) == 0 && key_file[len] == '='
               ? key_file + len + 1
               : NULL;
}

static int check_key_file(const char *key_file, struct error *e)
{
    const char *equals = key_file ? strchr(key_file, '=') : NULL;

    if (key_file == NULL ||
        (equals && provider_find((struct slice){key_file, (size_t)(equals - key_file)})))
        return 0;
    return error_set(e, ERR_USAGE, "--key-file %s: say whose key it is, as in --key-file wiza=PATH",
                     key_file);
}

static void free_secrets(struct callbacks_provider *providers, char **secrets, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        key_free(secrets[i]);
        providers[i].secret = NULL;
    }
}

/* What each provider's callbacks are proved with. */
static int load_secrets(const char *key_file, struct callbacks_provider *providers, char **secrets,
                        unsigned *count, struct error *e)
{
    for (*count = 0; provider_table[*count] && *count < PROVIDERS_MAX; (*count)++) {
        const struct provider *p = provider_table[*count];
        if (key_load_proof(p, file_of(p, key_file), &secrets[*count], e) != 0)
            return e->code;
        providers[*count] = (struct callbacks_provider){p, secrets[*count]};
        if (p->proof == PROOF_TOKEN || secrets[*count])
            continue;
        const char *variable = p->proof == PROOF_HMAC_SHA256 ? p->secret_env : p->key_env;
        log_write(LOG_INFO, "callbacks",
                  "%s is answered 503, so that it sends again: its callbacks are checked with what"
                  " %s or %s_FILE says, and neither is set",
                  p->title, variable, variable);
    }
    return 0;
}

/* Opens everything that can fail. */
static int open_listener(struct listen *l, const struct listen_options *options, struct error *e)
{
    struct callbacks_provider providers[PROVIDERS_MAX];
    char *secrets[PROVIDERS_MAX] = {NULL};
    struct address address;
    struct secret secret;
    unsigned count = 0;

    if (address_parse(&address, options->address, e) != 0)
        return error_prefix(e, "--callback-listen");
    if (check_key_file(options->key_file, e) != 0 || secret_load(&secret, e) != 0)
        return e->code;
    int rc = load_secrets(options->key_file, providers, secrets, &count, e);
    if (rc == 0)
        rc = keeper_open(&l->keeper, options->spool, e);
    if (rc == 0) {
        const struct callbacks_options o = {.address = &address,
                                            .secret = &secret,
                                            .providers = providers,
                                            .provider_count = count,
                                            .body_folder = options->spool,
                                            .received = on_received,
                                            .arg = l};
        rc = callbacks_open(&l->callbacks, &l->loop, &o, e);
    }
    if (rc == 0) {
        char text[ADDRESS_TEXT_SIZE];
        address.port = callbacks_port(l->callbacks);
        address_format(&address, text);
        printf("listening on http://%s, keeping callbacks in %s\n", text, options->spool);
        fflush(stdout);
    }
    free_secrets(providers, secrets, count);
    secret_wipe(&secret);
    return rc;
}

static void start(struct listen *l)
{
    static const int numbers[] = {SIGINT, SIGTERM};

    for (int i = 0; i < 2; i++) {
        uv_signal_init(&l->loop, &l->signals[i]);
        l->signals[i].data = l;
        uv_signal_start(&l->signals[i], on_signal, numbers[i]);
    }
    uv_prepare_init(&l->loop, &l->prepare);
    uv_timer_init(&l->loop, &l->prune);
    uv_timer_init(&l->loop, &l->drain);
    l->prepare.data = l->prune.data = l->drain.data = l->work.data = l;
    uv_prepare_start(&l->prepare, on_prepare);
    uv_timer_start(&l->prune, on_prune, 0, PRUNE_MS);
}

static void say_counts(const struct listen *l)
{
    uint64_t refused = 0;

    for (int i = 0; i < CALLBACKS_REFUSALS_COUNT; i++)
        refused += l->counts.refused[i];
    printf("%" PRIu64 " callbacks kept; %" PRIu64 " came again, %" PRIu64 " tests, %" PRIu64
           " could not be kept, %" PRIu64 " too long, %" PRIu64 " refused",
           l->kept, l->again, l->counts.tests, l->counts.failed, l->counts.oversized, refused);
    const char *separator = " (";
    for (int i = 0; i < CALLBACKS_REFUSALS_COUNT; i++) {
        if (l->counts.refused[i] == 0)
            continue;
        printf("%s%s: %" PRIu64, separator, callbacks_refusal_word((enum callbacks_refusal)i),
               l->counts.refused[i]);
        separator = ", ";
    }
    puts(refused > 0 ? ")" : "");
}

int run_listen(const struct listen_options *options, struct error *e)
{
    struct listen l = {0};

    if (uv_loop_init(&l.loop) != 0)
        return error_set(e, ERR_INTERNAL, "cannot make an event loop");
    list_init(&l.waiting);
    list_init(&l.writing);
    start(&l); /* a signal that comes while it opens finds somebody */
    int rc = open_listener(&l, options, e);
    if (rc == 0) {
        uv_run(&l.loop, UV_RUN_DEFAULT);
        say_counts(&l);
        if (l.stop.code != 0) {
            *e = l.stop;
            rc = e->code;
        }
    } else {
        close_handles(&l);
        uv_run(&l.loop, UV_RUN_DEFAULT);
    }
    uv_loop_close(&l.loop);
    keeper_close(l.keeper);
    return error_exit_status(rc);
}
