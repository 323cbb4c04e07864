/* The run directory.
 *
 * Layout: lock, ledger.db (with its WAL), list.zst (a spooled list), status.json, rejects.ndjson,
 * report.json, body.N (of a batch being submitted), sandbox/ (the simulator's own state). Mode
 * 0700, files 0600. */
#include "run/home.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "report/figure.h"

#define SETTINGS_MAX ((size_t)1 << 20)

static int load_settings(struct home *h, struct error *e)
{
    struct buf text;
    int64_t exit_status = -1;
    buf_init(&text, SETTINGS_MAX);
    int rc = ledger_get(h->ledger, LEDGER_KEY_OPTIONS, &text, e);
    h->fresh = rc == 0;
    if (rc == 1)
        rc = settings_parse(&h->stored, buf_slice(&text), e);
    if (rc >= 0 && (rc = ledger_get(h->ledger, LEDGER_KEY_STATE, &text, e)) == 1)
        h->complete = slice_eq(buf_slice(&text), SLICE_LIT("complete"));
    if (rc >= 0)
        rc = ledger_get_i64(h->ledger, LEDGER_KEY_EXIT, &exit_status, e);
    h->exit_status = (int)exit_status;
    buf_deinit(&text);
    return rc < 0 ? rc : 0;
}

/* ERR_NOINPUT unless a ledger is there. */
static int find_ledger(const char *dir, const char *ledger, struct error *e)
{
    if (access(ledger, F_OK) == 0)
        return 0;
    if (errno == ENOENT && access(dir, F_OK) != 0)
        return error_set(e, ERR_NOINPUT, "there is no run directory %s", dir);
    if (errno == ENOENT || errno == ENOTDIR)
        return error_set(e, ERR_NOINPUT, "%s is no run: it has no ledger.db", dir);
    return error_errno(e, ERR_NOINPUT, errno, "cannot look into %s", dir);
}

/* The lock is held: what that means to a person, instead of the path of a file. */
static int tell_holder(const char *dir, const char *lock, struct error *e)
{
    char *holder = NULL;
    size_t len = 0;
    struct error ignored = {0};
    struct buf run;
    buf_init(&run, SETTINGS_MAX);
    figure_word(&run, dir);
    size_t digits =
        file_read_all(lock, 64, &holder, &len, &ignored) == 0 ? strspn(holder, "0123456789") : 0;
    /* The holder's number is written after the lock is taken, so it may not be there yet. */
    error_set(e, ERR_STOPPED,
              "this run is under way (%s%.*s); watch it with: tranche status %s"
              " --watch",
              digits > 0 ? "process " : "another process", (int)digits, digits > 0 ? holder : "",
              buf_text(&run));
    free(holder);
    buf_deinit(&run);
    return e->code;
}

int home_open(struct home *h, const char *dir, bool create, struct error *e)
{
    memset(h, 0, sizeof *h);
    h->lock = -1;
    settings_init(&h->stored);
    h->dir = strdup(dir);
    if (h->dir == NULL)
        abort();
    char *lock = file_join(dir, "lock");
    char *ledger = file_join(dir, "ledger.db");
    int rc = 0;
    if (create)
        rc = file_make_private_folder(dir, e);
    else
        rc = find_ledger(dir, ledger, e);
    if (rc == 0 && (h->lock = file_lock(lock, e)) < 0)
        rc = e->code == ERR_STOPPED ? tell_holder(dir, lock, e) : e->code;
    if (rc == 0)
        rc = ledger_open(&h->ledger, dir, create, e);
    if (rc == 0)
        rc = load_settings(h, e);
    free(lock);
    free(ledger);
    if (rc != 0)
        home_close(h);
    return rc;
}

void home_close(struct home *h)
{
    ledger_close(h->ledger);
    if (h->lock >= 0)
        file_unlock(h->lock);
    settings_free(&h->stored);
    free(h->dir);
    memset(h, 0, sizeof *h);
    h->lock = -1;
}

int home_save(struct home *h, const struct settings *s, struct error *e)
{
    struct buf text;
    buf_init(&text, SETTINGS_MAX);
    settings_json(s, &text);
    int rc = text.failed ? error_set(e, ERR_INTERNAL, "no memory for the settings") : 0;
    if (rc == 0)
        rc = ledger_begin(h->ledger, e);
    if (rc == 0)
        rc = ledger_set(h->ledger, LEDGER_KEY_OPTIONS, buf_slice(&text), e);
    if (rc == 0)
        rc = ledger_commit(h->ledger, e);
    buf_deinit(&text);
    return rc;
}

int home_set_state(struct home *h, bool complete, int exit_status, struct error *e)
{
    int rc = ledger_begin(h->ledger, e);
    if (rc == 0)
        rc =
            ledger_set(h->ledger, LEDGER_KEY_STATE, slice_of(complete ? "complete" : "running"), e);
    if (rc == 0)
        rc = ledger_set_i64(h->ledger, LEDGER_KEY_EXIT, exit_status, e);
    if (rc == 0)
        rc = ledger_commit(h->ledger, e);
    if (rc == 0)
        h->complete = complete;
    return rc;
}

struct known {
    struct list_shard *shards;
    uint32_t count;
};

static int add_known(void *arg, const struct list_shard *shard, struct error *e)
{
    struct known *k = arg;
    (void)e;
    k->shards[k->count++] = *shard;
    return 0;
}

static int load_known(struct home *h, struct known *k, struct error *e)
{
    uint32_t count;
    int rc = ledger_shard_count(h->ledger, &count, e);
    if (rc != 0)
        return rc;
    k->shards = calloc((size_t)count + 1, sizeof *k->shards);
    if (k->shards == NULL)
        return error_set(e, ERR_INTERNAL, "no memory for the shards of the list");
    return ledger_each_shard(h->ledger, add_known, k, e);
}

/* The mapping is made once, from the header, and is frozen then, as the columns are. */
static int freeze_columns(struct home *h, const struct settings *s, const struct list *l,
                          struct mapping *m, struct error *e)
{
    struct buf text;
    buf_init(&text, SETTINGS_MAX);
    int rc = mapping_make(m, list_column_names(l), list_columns(l), s->maps, s->map_count, e);
    char *columns = list_columns_json(l);
    mapping_json(m, &text);
    if (rc == 0 && (columns == NULL || text.failed))
        rc = error_set(e, ERR_INTERNAL, "no memory for the columns");
    if (rc == 0 && h != NULL) {
        rc = ledger_begin(h->ledger, e);
        if (rc == 0)
            rc = ledger_set(h->ledger, LEDGER_KEY_COLUMNS, slice_of(columns), e);
        if (rc == 0)
            rc = ledger_set(h->ledger, LEDGER_KEY_MAPPING, buf_slice(&text), e);
        if (rc == 0)
            rc = ledger_commit(h->ledger, e);
    }
    free(columns);
    buf_deinit(&text);
    return rc;
}

int home_list(struct home *h, const struct settings *s, bool whole, struct list **list,
              struct mapping *mapping, struct error *e)
{
    struct known known = {0};
    struct buf columns, map;
    int64_t is_whole = 0;
    char *spool = file_join(h->dir, "list.zst");
    buf_init(&columns, SETTINGS_MAX);
    buf_init(&map, SETTINGS_MAX);
    int rc = load_known(h, &known, e);
    int has_columns = rc < 0 ? rc : ledger_get(h->ledger, LEDGER_KEY_COLUMNS, &columns, e);
    int has_map =
        has_columns < 0 ? has_columns : ledger_get(h->ledger, LEDGER_KEY_MAPPING, &map, e);
    if (h->fresh && has_map >= 0)
        has_columns = has_map = 0; /* of a process that died before the run began */
    rc = has_map < 0 ? has_map : ledger_get_i64(h->ledger, LEDGER_KEY_WHOLE, &is_whole, e);
    if (rc >= 0) {
        struct list_options options = {
            .path = s->list,
            .spool_path = spool,
            .keep = s->keep_list == 1,
            .records_max = s->max_records == SETTING_ABSENT ? 0 : (uint64_t)s->max_records,
            .columns_json = has_columns == 1 ? buf_text(&columns) : NULL,
            .known = known.shards,
            .known_count = known.count,
            .whole = is_whole == 1 || whole,
        };
        rc = list_open(list, &options, e);
    }
    if (rc == 0)
        rc = has_map == 1 ? mapping_parse(mapping, buf_slice(&map), e)
                          : freeze_columns(h, s, *list, mapping, e);
    if (rc != 0) {
        list_close(*list);
        *list = NULL;
    }
    buf_deinit(&columns);
    buf_deinit(&map);
    free(known.shards);
    free(spool);
    return rc;
}

int home_render(const struct settings *s, const struct list *l, const struct operation *op,
                struct render *render, enum frame_packing *packing, struct error *e)
{
    memset(render, 0, sizeof *render);
    int rc = render_choose(s->output, s->format, s->compress, &render->format, packing, e);
    if (s->csv_safe != NULL)
        render->safe = strcmp(s->csv_safe, "all") == 0   ? RENDER_SAFE_ALL
                       : strcmp(s->csv_safe, "off") == 0 ? RENDER_SAFE_OFF
                                                         : RENDER_SAFE_VENDOR;
    render->raw = s->raw == 1;
    render->names = list_column_names(l);
    render->keys = list_column_keys(l);
    render->columns = list_columns(l);
    render->more = op->gives & FIELDS_ACCOUNT;
    return rc;
}
