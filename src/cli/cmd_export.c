/* tranche export: render the output again. */
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "cli/option.h"
#include "run/run.h"

/* `tranche export ... -o - | head`: who reads has enough, which is no news to anybody. */
static bool reader_went_away(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

static int export(struct options *o, struct error *e)
{
    if (!o->settings.output) {
        error_set(e, ERR_USAGE, "-o OUT is missing; see tranche export --help");
        return error_exit_status(e->code);
    }
    int status = run_export(o->operands[0], &o->settings, e);
    if (e->code == ERR_IO && strcmp(o->settings.output, "-") == 0 && reader_went_away())
        e->message[0] = '\0'; /* the exit status says it */
    return status;
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
