/* tranche resume: continue an interrupted run. */
#include "cli/option.h"
#include "run/run.h"

static int resume(struct options *o, struct error *e)
{
    return run_resume(o->operands[0], &o->settings, e);
}

const struct command cmd_resume = {
    .id = COMMAND_RESUME,
    .name = "resume",
    .usage = "RUN [OPTION...]",
    .summary = "continue an interrupted run from its directory",
    .details = "Continues the run in the directory RUN (usually OUT.run) with the options it had, "
               "but for those given here.\n",
    .operands = {"RUN"},
    .needed = 1,
    .run = resume,
};
