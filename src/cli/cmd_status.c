/* tranche status: how a run is getting on. */
#include "cli/option.h"
#include "run/run.h"

static int status(struct options *o, struct error *e)
{
    return run_status(o->operands[0], o->json == 1, o->watch == 1, e);
}

const struct command cmd_status = {
    .id = COMMAND_STATUS,
    .name = "status",
    .usage = "RUN [--json] [--watch]",
    .summary = "progress, credits and failures of a live or finished run",
    .details = "Says how the run in the directory RUN is getting on, or how it ended. It may be "
               "asked while the run is under way.\n",
    .operands = {"RUN"},
    .needed = 1,
    .run = status,
};
