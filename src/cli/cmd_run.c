/* tranche run: enrich a list. */
#include "cli/option.h"
#include "run/run.h"

static int run(struct options *o, struct error *e)
{
    const char *missing = !o->settings.provider ? "-p OP" : !o->settings.output ? "-o OUT" : NULL;

    if (missing) {
        error_set(e, ERR_USAGE, "%s is missing; see tranche run --help", missing);
        return error_exit_status(e->code);
    }
    o->settings.list = o->operands[0];
    return run_start(&o->settings, e);
}

const struct command cmd_run = {
    .id = COMMAND_RUN,
    .name = "run",
    .usage = "LIST -p OP -o OUT [OPTION...]",
    .summary = "enrich a list; the same command again resumes",
    .details = "Enriches LIST (CSV, TSV or NDJSON; plain, gzip or zstd; - is standard input) and "
               "writes OUT, one record for each record of LIST, in its order. Whatever stops it, "
               "the same command again goes on where it was, and nothing is paid twice. While it "
               "runs, OUT is called OUT.partial.\n",
    .operands = {"LIST"},
    .needed = 1,
    .run = run,
};
