/* tranche plan: what a run would do, cost and take. */
#include "cli/option.h"
#include "run/run.h"

static int plan(struct options *o, struct error *e)
{
    o->settings.list = o->operands[0];
    return run_plan(&o->settings, o->json == 1, e);
}

const struct command cmd_plan = {
    .id = COMMAND_PLAN,
    .name = "plan",
    .usage = "LIST -p OP [OPTION...]",
    .summary = "what a run would do, cost and take; sends nothing",
    .details = "Reads LIST (CSV, TSV or NDJSON; plain, gzip or zstd; - is standard input) and "
               "says what `tranche run` with the same options would send, what it would cost at "
               "most, and how long the vendor's limits make it take. Sends nothing, writes "
               "nothing.\n",
    .operands = {"LIST"},
    .needed = 1,
    .run = plan,
};
