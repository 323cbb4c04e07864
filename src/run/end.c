/* The end of a run, in this order: every record has one outcome (checked), OUT is durable and
 * renamed (the emitter), the ledger says complete, people and scripts are told.
 *
 * If the process dies between the rename and the ledger, the next start finds OUT as long as the
 * ledger says and no OUT.partial, and only says so (end_renamed_already). */
#include "run/end.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "output/partial.h"
#include "report/figure.h"
#include "run/totals.h"

static int write_report(const struct engine *g, const struct report *r, struct error *e)
{
    struct buf text;
    char *path = file_join(g->dir, "report.json");
    buf_init(&text, (size_t)1 << 20);
    report_json(r, &text);
    int rc = file_replace(path, buf_slice(&text), true, e);
    buf_deinit(&text);
    free(path);
    return rc;
}

/* Every record has exactly one outcome. */
int end_check(const struct engine *g, struct error *e)
{
    uint64_t sum = 0;
    for (int i = OUTCOME_FOUND; i < OUTCOME_COUNT; i++)
        sum += g->outcomes[i];
    if (sum == g->records)
        return 0;
    return error_set(e, ERR_INTERNAL,
                     "%llu records have an outcome and the list has %llu; nothing"
                     " is lost, please report this",
                     (unsigned long long)sum, (unsigned long long)g->records);
}

int end_status(const struct engine *g)
{
    struct totals totals = {0};
    memcpy(totals.outcomes, g->outcomes, sizeof totals.outcomes);
    return totals_exit_status(&totals);
}

void end_show(struct engine *g, int status, const char *problem)
{
    struct report r;
    struct buf text;
    struct error ignored = {0};
    struct buf advice;
    engine_report(g, &r);
    r.state = g->complete ? "complete" : "stopped";
    r.waiting = "";
    r.problem = problem;
    r.exit_status = status;
    buf_init(&advice, 1 << 14);
    char *ledger = file_join(g->dir, "ledger.db");
    if (!g->complete && access(ledger, F_OK) == 0) {
        buf_append_text(&advice, "tranche resume ");
        figure_word(&advice, g->dir);
        buf_append_text(&advice, g->remedy);
    }
    free(ledger);
    if (g->complete && g->records > 0 && g->valid == 0)
        log_write(LOG_WARN, "run", "no record could be asked about; rejects.ndjson in %s says why",
                  g->dir);
    r.advice = buf_text(&advice);
    log_set_curtain(NULL, NULL, NULL);
    if (g->progress != NULL)
        progress_show(g->progress, &r);
    progress_destroy(g->progress);
    g->progress = NULL;
    engine_status(g, &r);
    if (write_report(g, &r, &ignored) != 0)
        log_write(LOG_WARN, "run", "report.json: %s", ignored.message);
    if (g->settings->quiet != 1) {
        buf_init(&text, 1 << 16);
        report_summary(&r, &text);
        fputs(buf_text(&text), stderr);
        buf_deinit(&text);
    }
    buf_deinit(&advice);
}

static char *partial_of(const char *output)
{
    size_t len = strlen(output) + sizeof ".partial";
    char *partial = malloc(len);
    if (partial == NULL)
        abort();
    snprintf(partial, len, "%s.partial", output);
    return partial;
}

char *end_written(const char *output, bool complete)
{
    char *partial = partial_of(output);
    /* Renamed already, when the process died before the ledger said so. */
    if (!complete && (access(partial, F_OK) == 0 || access(output, F_OK) != 0))
        return partial;
    free(partial);
    char *path = strdup(output);
    if (path == NULL)
        abort();
    return path;
}

int end_check_target(const char *path, bool force, struct error *e)
{
    struct stat st;
    char *partial = partial_of(path);
    int rc = 0;
    if (!force && stat(partial, &st) == 0)
        rc = error_set(
            e, ERR_CANTCREATE,
            "%s is there: an unfinished run is making it, and what that has sent may be paid"
            " for. Resume that run, choose another -o, or begin anew with --force",
            partial);
    else if (stat(path, &st) == 0 && !force)
        rc = error_set(e, ERR_CANTCREATE,
                       "%s exists: move it away, choose another -o, or replace it with --force",
                       path);
    free(partial);
    return rc != 0 ? rc : partial_probe(path, e);
}

/* All was emitted and renamed when the last process died: only the ledger does not say so yet. 1
 * yes. */
int end_renamed_already(struct home *h, const char *output, struct error *e)
{
    uint64_t bytes;
    uint32_t emitted, shards;
    int64_t whole = 0;
    struct totals totals;
    struct stat st;
    char *partial = partial_of(output);
    int rc = ledger_get_output(h->ledger, &bytes, &emitted, e);
    if (rc >= 0)
        rc = ledger_shard_count(h->ledger, &shards, e);
    if (rc >= 0)
        rc = ledger_get_i64(h->ledger, LEDGER_KEY_WHOLE, &whole, e);
    bool renamed = rc >= 0 && whole == 1 && emitted == shards && bytes > 0 &&
                   access(partial, F_OK) != 0 && stat(output, &st) == 0 &&
                   (uint64_t)st.st_size == bytes;
    free(partial);
    if (!renamed)
        return rc < 0 ? rc : 0;
    rc = totals_load(&totals, h->ledger, e);
    if (rc == 0)
        rc = home_set_state(h, true, totals_exit_status(&totals), e);
    h->exit_status = totals_exit_status(&totals);
    return rc < 0 ? rc : 1;
}

int end_copy(const char *path, struct error *e)
{
    char block[1 << 16];
    int fd = file_open_read(path, e), rc = fd < 0 ? fd : 0;
    for (ssize_t n; rc == 0 && (n = read(fd, block, sizeof block)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = error_errno(e, ERR_IO, errno, "%s", path);
        else if (file_write(STDOUT_FILENO, block, (size_t)n, e) != 0)
            rc = error_prefix(e, "standard output");
    }
    if (fd >= 0)
        close(fd);
    return rc;
}
