/* tranche verify: check a run from what is on disk. */
#include "cli/option.h"
#include "run/run.h"

static int verify(struct options *o, struct error *e)
{
    return run_verify(o->operands[0], o->json == 1, e);
}

const struct command cmd_verify = {
    .id = COMMAND_VERIFY,
    .name = "verify",
    .usage = "RUN [--json]",
    .summary = "check everything about a run that can be checked from disk",
    .details = "Checks the run in the directory RUN: that every record has one outcome, that none "
               "was paid twice, that the output is what the list and the ledger say. Changes "
               "nothing. Ends with 0 when all is well, with 1 when not.\n",
    .operands = {"RUN"},
    .needed = 1,
    .run = verify,
};
