/* tranche export: the output rendered again from list and ledger, in any format. Only records that
 * have an outcome can be rendered: of an unfinished run, it stops with a message that says how far
 * it is. */
#include "run/run.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "output/partial.h"
#include "run/end.h"
#include "run/home.h"
#include "run/piece.h"

struct exporting {
    struct home *home;
    struct piece piece;
    struct partial *out; /* or standard output */
    uint64_t bytes, records;
};

static int export_shard(void *arg, const struct list_shard *place, struct error *e)
{
    struct exporting *x = arg;
    struct piece *p = &x->piece;
    int rc = collect_shard(&p->collected, x->home->ledger, place, e);
    if (rc == 0)
        rc = piece_make(p, place, e);
    if (rc == 0)
        rc = x->out != NULL ? partial_append(x->out, buf_slice(&p->bytes), e)
                            : file_write(STDOUT_FILENO, p->bytes.data, p->bytes.len, e);
    x->bytes += p->bytes.len;
    x->records += place->records;
    return rc;
}

/* Absent choices are the run's own, save the format where the new name gives one. */
static void inherit(struct settings *s, const struct settings *own)
{
    s->list = own->list;
    s->provider = own->provider;
    s->keep_list = own->keep_list;
    s->max_records = own->max_records;
    s->sandbox = own->sandbox;
    if (s->csv_safe == NULL)
        s->csv_safe = own->csv_safe;
}

static int export_all(struct exporting *x, const struct settings *s, struct error *e)
{
    struct setup setup;
    struct mapping mapping;
    struct render render;
    struct list *list = NULL;
    struct recipe recipe = {.mapping = &mapping, .render = &render};
    int rc = settings_resolve(s, &setup, e);
    if (rc == 0 && s->raw == 1 && x->home->stored.raw != 1)
        rc = error_set(e, ERR_USAGE,
                       "the run was made without --raw: the vendor's items were not kept apart");
    if (rc == 0)
        rc = home_list(x->home, s, true, &list, &mapping, e);
    if (rc == 0)
        rc = home_render(s, list, setup.operation, &render, &recipe.packing, e);
    recipe.list = list;
    recipe.operation = setup.operation;
    if (rc == 0)
        rc = piece_init(&x->piece, &recipe, e);
    if (rc == 0 && strcmp(s->output, "-") != 0)
        rc = partial_open(&x->out, s->output, 0, e);
    if (rc == 0) {
        rc = ledger_each_shard(x->home->ledger, export_shard, x, e);
        piece_deinit(&x->piece);
    }
    if (rc == 0 && x->out != NULL)
        rc = partial_finish(x->out, e);
    partial_close(x->out);
    list_close(list);
    return rc;
}

int run_export(const char *dir, const struct settings *given, struct error *e)
{
    struct home h;
    struct settings s = *given;
    int rc = home_open(&h, dir, false, e);
    if (rc != 0)
        return error_exit_status(rc);
    struct exporting x = {.home = &h};
    inherit(&s, &h.stored);
    if (!h.complete)
        rc = error_set(e, ERR_STOPPED, "%s is unfinished: tranche resume %s first", dir, dir);
    if (rc == 0 && strcmp(s.output, "-") != 0)
        rc = end_check_target(s.output, s.force == 1, e);
    if (rc == 0)
        rc = export_all(&x, &s, e);
    if (rc == 0 && s.quiet != 1)
        fprintf(stderr, "%llu records rendered to %s (%llu bytes)\n", (unsigned long long)x.records,
                s.output, (unsigned long long)x.bytes);
    home_close(&h);
    return rc == 0 ? 0 : error_exit_status(rc);
}
