/* tranche export: render the output again. */
#include "cli/option.h"
#include "run/run.h"

static int export(struct options *o, struct error *e)
{
    if (!o->settings.output) {
        error_set(e, ERR_USAGE, "-o OUT is missing; see tranche export --help");
        return error_exit_status(e->code);
    }
    return run_export(o->operands[0], &o->settings, e);
}

const struct command cmd_export = {
    .id = COMMAND_EXPORT,
    .name = "export",
    .usage = "RUN -o OUT [OPTION...]",
    .summary = "render the output again, in any format, at any time",
    .details = "Renders the output of the run in the directory RUN again, from the list and what "
               "the run has stored. Asks nobody and costs nothing.\n",
    .operands = {"RUN"},
    .needed = 1,
    .run = export,
};
