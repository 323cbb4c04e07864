/* A run from start to end: new, continued, or finished already.
 *
 * What is checked before anything is spent: settings, the list, the mapping, the output's folder,
 * the key. A fresh run directory in which nothing began is removed again when one of these fails.
 */
#include "run/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "run/end.h"
#include "run/engine.h"
#include "run/home.h"
#include "run/inbox.h"
#include "run/key.h"
#include "run/question.h"
#include "run/totals.h"
#include "sim/sim.h"
#include "wire/digest.h"

#define SANDBOX_KEY     "sandbox"
#define SANDBOX_BALANCE 100000000

struct starting {
    struct settings *settings;
    struct home home;
    struct engine engine;
    struct list *list;
    struct sim *sim;
    struct setup checked; /* of a finished run */
    bool reopenable;
    char *output; /* where OUT is made; in the run directory when it goes to standard output */
    bool stale;   /* the run directory was made for this process and nothing began in it */
};

/* Where OUT is made. */
static char *output_path(const char *dir, const struct settings *s)
{
    char *path = strcmp(s->output, "-") == 0 ? file_join(dir, "output") : strdup(s->output);
    if (path == NULL)
        abort();
    return path;
}

static char *default_dir(const struct settings *s)
{
    size_t len = strlen(s->output) + sizeof ".run";
    char *dir = malloc(len);
    if (dir == NULL)
        abort();
    snprintf(dir, len, "%s.run", s->output);
    return dir;
}

/* What a run that never began may leave in its directory; the lock last. */
static const char *const own_names[] = {
    "ledger.db",         "ledger.db-wal",         "ledger.db-shm", "ledger.db.new",
    "ledger.db.new-wal", "ledger.db.new-journal", "list.zst",      "list.check",
    "rejects.ndjson",    "status.json",           "lock"};
#define OWN_NAMES (sizeof own_names / sizeof own_names[0])

static bool is_own(const char *name)
{
    for (unsigned i = 0; i < OWN_NAMES; i++)
        if (strcmp(name, own_names[i]) == 0)
            return true;
    return false;
}

/* Remove what this process made, while it still holds the lock: nobody else can have begun here. */
static void discard(struct home *h)
{
    ledger_close(h->ledger);
    h->ledger = NULL;
    for (unsigned i = 0; i < OWN_NAMES; i++) {
        char *path = file_join(h->dir, own_names[i]);
        unlink(path);
        free(path);
    }
    rmdir(h->dir);
}

/* A folder that is there and is no run must hold nothing of anybody's. */
static int check_folder(const char *path, struct error *e)
{
    DIR *dir = opendir(path);
    int rc = 0;
    if (dir == NULL)
        return 0; /* it will be made, or making it will say what is wrong */
    for (struct dirent *d; rc == 0 && (d = readdir(dir)) != NULL;)
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 && !is_own(d->d_name))
            rc = error_set(e, ERR_CANTCREATE,
                           "%s is no run and holds other files (%s): choose another --run-dir",
                           path, d->d_name);
    closedir(dir);
    return rc;
}

/* The list as a file, to tell later whether it is still the same: size and time of change; "-" for
 * a pipe. */
static void stamp_of(const struct settings *s, char *stamp, size_t size)
{
    struct stat st;
    if (strcmp(s->list, "-") == 0 || stat(s->list, &st) != 0)
        snprintf(stamp, size, "-");
    else
        snprintf(stamp, size, "%" PRIdMAX ":%" PRIdMAX ".%09ld", (intmax_t)st.st_size,
                 (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static int ignore_row(void *arg, const struct list_row *row, struct error *e)
{
    (void)arg, (void)row, (void)e;
    return 0;
}

struct comparing {
    struct list *list;
    bool same;
};

static int compare_shard(void *arg, const struct list_shard *was, struct error *e)
{
    struct comparing *c = arg;
    struct list_shard is;
    struct error ignored = {0};
    (void)e;
    c->same = c->same && list_scan(c->list, &is, ignore_row, NULL, &ignored) == 1 &&
              is.records == was->records && is.bytes == was->bytes &&
              memcmp(is.hash, was->hash, sizeof is.hash) == 0;
    return 0;
}

/* Read the list as it is now to its end and hold it against the shards of the run. 1 the same, 0
 * not. */
static int compare_list(struct starting *s, struct error *e)
{
    struct error unreadable = {0};
    struct list_shard more;
    struct comparing c = {.same = true};
    char *spool = file_join(s->home.dir, "list.check");
    struct list_options options = {
        .path = s->settings->list,
        .spool_path = spool,
        .records_max =
            s->settings->max_records == SETTING_ABSENT ? 0 : (uint64_t)s->settings->max_records,
    };
    int rc = list_open(&c.list, &options, &unreadable);
    c.same = rc == 0;
    if (rc == 0)
        rc = ledger_each_shard(s->home.ledger, compare_shard, &c, e);
    if (c.same)
        c.same = list_scan(c.list, &more, ignore_row, NULL, &unreadable) == 0;
    list_close(c.list);
    unlink(spool);
    free(spool);
    return rc < 0 && unreadable.code == 0 ? rc : c.same;
}

/* Whether the list of a finished run is still the one it was made from. 1 yes, 0 no. */
static int same_list(struct starting *s, struct error *e)
{
    struct buf stored;
    char stamp[64];
    buf_init(&stored, sizeof stamp);
    stamp_of(s->settings, stamp, sizeof stamp);
    int rc = ledger_get(s->home.ledger, "source", &stored, e);
    bool same = rc == 1 && strcmp(stamp, "-") != 0 && slice_eq(buf_slice(&stored), slice_of(stamp));
    buf_deinit(&stored);
    if (rc < 0 || same)
        return rc < 0 ? rc : 1;
    if (strcmp(s->settings->list, "-") != 0 && access(s->settings->list, F_OK) != 0)
        return 1; /* gone: its answers are here all the same */
    return compare_list(s, e);
}

static int store_stamp(struct starting *s, struct error *e)
{
    char stamp[64];
    stamp_of(s->settings, stamp, sizeof stamp);
    int rc = ledger_begin(s->home.ledger, e);
    if (rc == 0)
        rc = ledger_set(s->home.ledger, "source", slice_of(stamp), e);
    return rc == 0 ? ledger_commit(s->home.ledger, e) : rc;
}

/* --- the sandbox --- */

/* What stands behind the host in a provider's address: the simulator has it behind its own. */
static const char *path_of(const char *base_url)
{
    const char *host = base_url != NULL ? strstr(base_url, "://") : NULL;
    const char *path = host != NULL ? strchr(host + 3, '/') : NULL;
    return path != NULL ? path : "";
}

static int start_sandbox(struct starting *s, struct error *e)
{
    struct engine *g = &s->engine;
    const struct provider *p = g->setup.operation->provider;
    char *folder = file_join(s->home.dir, "sandbox");
    struct sim_options options = {
        .address = "127.0.0.1",
        .key = SANDBOX_KEY,
        .seed = 1,
        .folder = folder,
        .tier = g->setup.tier->name,
        .speed = (uint64_t)g->setup.clock_speed,
        .balance = SANDBOX_BALANCE,
        .found_percent = 70,
        .queue_ms = 300,
        .items_per_s = 20000,
        .shuffle = g->setup.operation->delivery == DELIVERY_PAGES,
    };
    int rc = sim_start(&s->sim, &options, e);
    free(folder);
    if (rc != 0)
        return error_prefix(e, "the sandbox");
    snprintf(g->base_url, sizeof g->base_url, "http://127.0.0.1:%u/%s%s", sim_port(s->sim), p->name,
             path_of(p->base_url));
    g->key = strdup(SANDBOX_KEY);
    return g->key != NULL ? 0 : error_set(e, ERR_INTERNAL, "no memory");
}

/* --- the engine's parts --- */

static void set_gates(struct engine *g)
{
    const struct provider *p = g->setup.operation->provider;
    bool few = g->setup.live_max < ENGINE_FLIGHT_MAX;
    gate_init(&g->gates[RATE_SUBMIT], few ? g->setup.live_max : ENGINE_FLIGHT_MAX);
    gate_init(&g->gates[RATE_READ], p->reads_max);
    engine_limits(g, g->setup.limits, g->setup.limit_count);
    if (g->setup.slots > 0)
        slots_init(&g->slots, g->setup.slots, g->setup.operation->work_ms,
                   g->setup.operation->work_max_ms);
    if (p->origin_header != NULL)
        snprintf(g->headers, sizeof g->headers, "%s: tranche/%s", p->origin_header,
                 TRANCHE_VERSION);
}

/* The run's id, which callback tokens name: made once. */
static int set_run_id(struct engine *g, struct error *e)
{
    struct buf text;
    char hex[2 * TOKEN_RUN_LEN + 1];
    buf_init(&text, sizeof hex);
    int rc = ledger_get(g->ledger, ENGINE_KEY_RUN, &text, e);
    if (rc == 1 && !digest_unhex(buf_slice(&text), g->run_id, sizeof g->run_id))
        rc = error_set(e, ERR_DATA, "the ledger's id of the run is damaged");
    buf_deinit(&text);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    digest_random(g->run_id, sizeof g->run_id);
    digest_hex(g->run_id, sizeof g->run_id, hex);
    rc = ledger_begin(g->ledger, e);
    if (rc == 0)
        rc = ledger_set(g->ledger, ENGINE_KEY_RUN, slice_of(hex), e);
    return rc == 0 ? ledger_commit(g->ledger, e) : rc;
}

static int set_callbacks(struct engine *g, struct error *e)
{
    if (!g->setup.called)
        return 0;
    g->arrivals = arrivals_create();
    return secret_load(&g->secret, e);
}

static int make_engine(struct starting *s, struct error *e)
{
    struct engine *g = &s->engine;
    struct settings *set = s->settings;
    g->dir = s->home.dir;
    g->settings = set;
    g->output = s->output;
    g->ledger = s->home.ledger;
    g->price = g->setup.price;
    g->balance = -1;
    g->remedy = "";
    g->raw = set->raw == 1;
    g->started_ms = clock_wall_ms();
    g->dedupe = dedupe_create(g->dir, e);
    batcher_init(&g->batcher);
    if (g->dedupe == NULL)
        return e->code;
    int64_t finish = 0;
    int rc = ledger_get_i64(g->ledger, "finish", &finish, e);
    g->finish = finish == 1;
    set_gates(g);
    if (rc >= 0)
        rc = set_run_id(g, e);
    if (rc == 0)
        rc = set_callbacks(g, e);
    if (rc == 0)
        rc = home_list(&s->home, set, false, &s->list, &g->mapping, e);
    if (rc == 0)
        rc = home_render(set, s->list, g->setup.operation, &g->render, &g->packing, e);
    g->list = s->list;
    return rc < 0 ? rc : 0;
}

static void free_engine(struct starting *s)
{
    struct engine *g = &s->engine;
    for (unsigned i = 0; i < g->batch_count; i++)
        batch_destroy(g->batches[i]);
    free(g->batches);
    free(g->families);
    free(g->shards);
    batcher_deinit(&g->batcher);
    dedupe_destroy(g->dedupe);
    for (unsigned i = 0; i < g->window_count; i++)
        window_deinit(&g->windows[i]);
    arrivals_free(g);
    secret_wipe(&g->secret);
    key_free(g->key);
    progress_destroy(g->progress);
    list_close(s->list);
    sim_stop(s->sim);
}

static void show_start(const struct engine *g, bool resumed)
{
    struct buf text;
    if (g->settings->quiet == 1)
        return;
    buf_init(&text, 1 << 16);
    mapping_print(&g->mapping, g->render.names, &text);
    fprintf(stderr, "%s %s with %s%s\n  columns: %s\n  run directory: %s\n",
            resumed ? "Continuing" : "Enriching", g->settings->list, g->settings->provider,
            g->settings->sandbox == 1 ? " on the sandbox (no key, no network, no credits)" : "",
            buf_text(&text), g->dir);
    buf_deinit(&text);
}

static enum progress_mode progress_mode(const struct settings *s)
{
    static const char *const names[] = {"auto", "bar", "line", "json", "none"};
    if (s->quiet == 1)
        return PROGRESS_NONE;
    for (int i = 0; s->progress != NULL && i < 5; i++)
        if (strcmp(s->progress, names[i]) == 0)
            return (enum progress_mode)i;
    return PROGRESS_AUTO;
}

/* The engine's run, and its end. */
static int carry_out(struct starting *s, struct error *e)
{
    struct engine *g = &s->engine;
    bool resumed = !s->home.fresh;
    show_start(g, resumed);
    g->progress = progress_create(stderr, progress_mode(g->settings));
    log_set_curtain(progress_lift, progress_drop, g->progress);
    body_sweep(g);
    int64_t whole = 0;
    int rc = ledger_get_i64(g->ledger, LEDGER_KEY_WHOLE, &whole, e);
    if (rc >= 0)
        rc = home_set_state(&s->home, false, 0, e);
    if (rc == 0)
        rc = engine_run(g, whole == 1 ? NULL : s->list, e);
    if (g->abandoned) {
        fprintf(stderr, "\ntranche: %s; nothing is lost: tranche resume %s\n", e->message, g->dir);
        _exit(error_exit_status(e->code));
    }
    body_sweep(g);
    if (rc == 0)
        rc = home_set_state(&s->home, true, end_status(g), e);
    if (rc == 0 && g->setup.spool != NULL && g->outcomes[OUTCOME_IN_DOUBT] == 0)
        rc = inbox_forget(g->setup.spool, g->run_id, e); /* nothing more is waited for */
    end_show(g, rc == 0 ? end_status(g) : error_exit_status(rc), rc == 0 ? "" : e->message);
    if (rc == ERR_STOPPED && s->settings->quiet != 1)
        e->message[0] = '\0'; /* the summary said it */
    if (rc == 0 && strcmp(g->settings->output, "-") == 0)
        rc = end_copy(s->output, e);
    return rc != 0 ? error_exit_status(rc) : end_status(g);
}

static int nothing_to_do(const struct starting *s, struct error *e)
{
    uint64_t bytes = 0;
    uint32_t shards;
    struct stat st;
    int rc = ledger_get_output(s->home.ledger, &bytes, &shards, e);
    if (rc == 0 && (stat(s->output, &st) != 0 || (uint64_t)st.st_size != bytes))
        rc = error_set(
            e, ERR_IO,
            "%s is finished, but its output %s is gone or was changed; rendered again, for"
            " nothing, by: tranche resume %s --force",
            s->home.dir, s->output, s->home.dir);
    if (rc == 0 && s->settings->quiet != 1)
        fprintf(stderr, "Nothing to do: %s is finished, and %s is its output.%s%s\n", s->home.dir,
                s->output,
                s->home.exit_status == 1 ? " Some records failed or are in doubt: tranche status "
                                         : "",
                s->home.exit_status == 1 ? s->home.dir : "");
    if (rc == 0 && strcmp(s->settings->output, "-") == 0)
        rc = end_copy(s->output, e);
    if (rc != 0)
        return error_exit_status(rc);
    return s->home.exit_status < 0 ? 0 : s->home.exit_status;
}

/* resume --force: the output is a function of list and ledger, and is rendered from its first
 * record again. */
static int start_output_over(struct starting *s, struct error *e)
{
    int rc = ledger_begin(s->home.ledger, e);
    if (rc == 0)
        rc = totals_start_over(s->home.ledger, e);
    return rc == 0 ? ledger_commit(s->home.ledger, e) : rc;
}

/* A path that means the same from any folder; malloc'ed. */
static char *absolute(const char *path)
{
    char here[4096];
    if (*path == '/' || strcmp(path, "-") == 0 || getcwd(here, sizeof here) == NULL) {
        char *same = strdup(path);
        if (same == NULL)
            abort();
        return same;
    }
    return file_join(here, path);
}

static int save_settings(struct starting *s, struct error *e)
{
    struct settings kept = *s->settings;
    char *list = absolute(kept.list), *output = absolute(kept.output);
    kept.list = list;
    kept.output = output;
    int rc = home_save(&s->home, &kept, e);
    free(list);
    free(output);
    return rc;
}

/* A list that was read to its end must not have grown since: what is new would be left out
 * silently. */
static int check_growth(struct starting *s, struct error *e)
{
    struct buf stored;
    struct stat st;
    int64_t whole = 0;
    unsigned long long size;
    buf_init(&stored, 64);
    int rc = ledger_get_i64(s->home.ledger, LEDGER_KEY_WHOLE, &whole, e);
    if (rc >= 0 && whole == 1 && !list_spooled(s->list))
        rc = ledger_get(s->home.ledger, "source", &stored, e);
    struct slice was = buf_slice(&stored);
    const char *colon = memchr(was.data, ':', was.len);
    if (rc == 1 && colon != NULL &&
        slice_u64((struct slice){was.data, (size_t)(colon - was.data)}, &size) &&
        stat(s->settings->list, &st) == 0 && (unsigned long long)st.st_size > size)
        rc = error_set(
            e, ERR_DATA,
            "%s has grown by %llu bytes since this run read it to its end: put it back as it"
            " was, and run what is new as a list of its own",
            s->settings->list, (unsigned long long)st.st_size - size);
    buf_deinit(&stored);
    return rc < 0 ? rc : 0;
}

/* The run is there, locked and open: continue it or begin it. */
static int proceed(struct starting *s, struct error *e)
{
    struct engine *g = &s->engine;
    int rc = settings_resolve(s->settings, &g->setup, e);
    if (rc == 0 && s->home.fresh)
        rc = partial_probe(s->output, e);
    if (rc == 0 && !s->home.fresh && s->settings->force != 1 && !s->home.complete &&
        (rc = end_renamed_already(&s->home, s->output, e)) == 1)
        return nothing_to_do(s, e);
    if (rc == 0)
        rc = make_engine(s, e);
    if (rc == 0 && !s->home.fresh && s->settings->max_records == SETTING_ABSENT)
        rc = check_growth(s, e);
    if (rc == 0)
        rc = question_possible(s->settings->list, g->setup.operation, &g->mapping, g->render.names,
                               g->render.columns, e);
    if (rc == 0 && s->settings->sandbox == 1)
        rc = start_sandbox(s, e);
    else if (rc == 0) {
        snprintf(g->base_url, sizeof g->base_url, "%s", g->setup.base_url);
        rc = key_load(g->setup.operation->provider, g->setup.key_file, &g->key, e);
    }
    if (rc == 0 && !s->home.fresh)
        rc = doubt_reopen(g, e);
    if (rc == 0 && s->settings->force == 1 && !s->home.fresh)
        rc = start_output_over(s, e);
    if (rc == 0)
        rc = save_settings(s, e);
    if (rc == 0 && s->home.fresh)
        rc = store_stamp(s, e);
    s->stale = rc != 0 && s->home.fresh;
    int status = rc != 0 ? error_exit_status(rc) : carry_out(s, e);
    free_engine(s);
    return status;
}

/* Another run is in the way. */
static int refuse(const struct starting *s, const char *what, struct error *e)
{
    return error_set(e, ERR_USAGE,
                     "%s holds a finished run of another %s. Write elsewhere: -o OTHER; or move the"
                     " old run aside: --force",
                     s->home.dir, what);
}

/* Move DIR to the first DIR.N that is free. */
static int move_aside(const char *dir, struct error *e)
{
    size_t len = strlen(dir) + 16;
    char *to = malloc(len);
    int rc = -1;
    if (to == NULL)
        abort();
    for (int n = 1; n < 10000; n++) {
        snprintf(to, len, "%s.%d", dir, n);
        if (access(to, F_OK) == 0)
            continue;
        rc = rename(dir, to) == 0
                 ? file_sync_folder(dir, e)
                 : error_errno(e, ERR_CANTCREATE, errno, "%s cannot be moved to %s", dir, to);
        if (rc == 0)
            fprintf(stderr,
                    "The old run is now %s. What it paid for is asked, and paid for, again.\n", to);
        break;
    }
    free(to);
    return rc;
}

/* The list is there, and is not what will be written over. */
static int check_list(const struct starting *s, struct error *e)
{
    struct stat list, out;
    if (strcmp(s->settings->list, "-") == 0)
        return 0;
    int fd = file_open_read(s->settings->list, e);
    if (fd < 0)
        return fd;
    bool same = fstat(fd, &list) == 0 && stat(s->output, &out) == 0 && list.st_dev == out.st_dev &&
                list.st_ino == out.st_ino;
    close(fd);
    return same ? error_set(e, ERR_USAGE, "%s is the list and the output; choose another -o",
                            s->output)
                : 0;
}

/* A run directory that was there before. 1: there is nothing more to do, and *status says so. 2:
 * moved aside. */
static int meet_old_run(struct starting *s, int *status, struct error *e)
{
    struct settings *set = s->settings, given = *set;
    struct error differs = {0};
    bool sandbox = s->home.stored.sandbox == 1, forced = set->force == 1;
    int rc = 0, same = 0;
    if (sandbox != (set->sandbox == 1))
        rc = error_set(&differs, ERR_USAGE,
                       sandbox ? "%s is a run on the sandbox, whose answers are invented"
                               : "%s is a real run, not one on the sandbox",
                       s->home.dir);
    if (rc == 0)
        rc = settings_merge(set, &s->home.stored, &differs);
    if (!s->home.complete) {
        if (rc != 0)
            *e = differs;
        if (rc != 0 && forced)
            error_prefix(e, "%s is unfinished and --force moves only finished runs aside",
                         s->home.dir);
        return rc;
    }
    if (rc == 0 && (same = same_list(s, e)) < 0)
        return same;
    if (same == 1 && !forced) {
        *status = nothing_to_do(s, e);
        return 1;
    }
    if (!forced)
        return rc == 0
                   ? refuse(s, "list", e)
                   : error_set(e, ERR_USAGE,
                               "%s. That run is finished: write elsewhere with -o OTHER, or move"
                               " it aside with --force",
                               differs.message);
    /* Nothing of the old run goes into the new one, and nothing is moved that would then fail. */
    *set = given;
    rc = check_list(s, e);
    if (rc == 0 && strcmp(set->output, "-") != 0)
        rc = end_check_target(s->output, true, e);
    if (rc != 0)
        return rc;
    home_close(&s->home);
    return 2;
}

static int check_new(const struct starting *s, const char *dir, struct error *e)
{
    int rc = check_folder(dir, e);
    if (rc == 0)
        rc = check_list(s, e);
    if (rc != 0 || strcmp(s->settings->output, "-") == 0)
        return rc;
    return end_check_target(s->output, s->settings->force == 1, e);
}

static bool is_run(const char *dir)
{
    char *path = file_join(dir, "ledger.db");
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

int run_start(struct settings *set, struct error *e)
{
    struct starting s = {.settings = set, .home.lock = -1};
    struct setup checked;
    int status = 0, rc = 0;
    if (set->list == NULL || set->provider == NULL || set->output == NULL)
        rc = error_set(e, ERR_USAGE, "%s is missing",
                       set->list == NULL       ? "LIST"
                       : set->provider == NULL ? "-p OP"
                                               : "-o OUT");
    if (rc == 0)
        rc = settings_resolve(set, &checked, e);
    if (rc != 0)
        return error_exit_status(rc);
    if (strcmp(set->output, "-") == 0 && set->run_dir == NULL)
        return error_exit_status(
            error_set(e, ERR_USAGE, "output to standard output needs --run-dir DIR"));
    char *dir = set->run_dir != NULL ? strdup(set->run_dir) : default_dir(set);
    if (dir == NULL)
        abort();
    s.output = output_path(dir, set);
    for (;;) {
        bool old = is_run(dir);
        if (!old)
            rc = check_new(&s, dir, e);
        if (rc == 0)
            rc = home_open(&s.home, dir, true, e);
        if (rc == 0 && !s.home.fresh)
            rc = meet_old_run(&s, &status, e);
        if (rc != 2)
            break;
        rc = move_aside(dir, e);
        if (rc != 0)
            break;
    }
    if (rc == 0)
        status = proceed(&s, e);
    else if (rc < 0)
        status = error_exit_status(rc);
    if (s.stale)
        discard(&s.home);
    home_close(&s.home);
    free(s.output);
    free(dir);
    return status;
}

static int count_reopenable(void *arg, const struct ledger_batch *b, struct error *e)
{
    struct starting *s = arg;
    (void)e;
    s->reopenable |= doubt_reopens(&s->checked, b);
    return 0;
}

/* Whether a finished run has batches in doubt of which more may be known by now. 1 yes. */
static int looks_again(struct starting *s, struct error *e)
{
    int rc = s->home.exit_status == 1 ? settings_resolve(s->settings, &s->checked, e) : 0;
    if (rc == 0 && s->home.exit_status == 1)
        rc = ledger_each_batch(s->home.ledger, count_reopenable, s, e);
    return rc < 0 ? rc : s->reopenable;
}

int run_resume(const char *dir, struct settings *set, struct error *e)
{
    struct starting s = {.settings = set, .home.lock = -1};
    int status, rc = home_open(&s.home, dir, false, e);
    if (rc == 0)
        rc = settings_merge(set, &s.home.stored, e);
    if (rc == 0 && (set->list == NULL || set->output == NULL || set->provider == NULL))
        rc =
            error_set(e, ERR_DATA, "%s: the run never began; start it again with tranche run", dir);
    if (rc == 0) {
        s.output = output_path(dir, set);
        bool again = !s.home.complete || set->force == 1;
        if (!again && (rc = looks_again(&s, e)) < 0)
            status = error_exit_status(rc);
        else
            status = again || rc == 1 ? proceed(&s, e) : nothing_to_do(&s, e);
    } else {
        status = error_exit_status(rc);
    }
    home_close(&s.home);
    free(s.output);
    return status;
}
