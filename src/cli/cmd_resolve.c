/* tranche resolve: list or decide batches in doubt. */
#include <stdint.h>
#include <string.h>

#include "base/slice.h"
#include "cli/option.h"
#include "run/run.h"

static int batch_of(const char *text, unsigned *batch, struct error *e)
{
    unsigned long long n;

    if (!slice_u64(slice_of(text), &n) || n < 1 || n > UINT32_MAX)
        return error_set(e, ERR_USAGE, "BATCH: '%s' is not the number of a batch", text);
    *batch = (unsigned)n;
    return 0;
}

static bool is_decision(const char *text)
{
    return strcmp(text, "sent") == 0 || strcmp(text, "not-sent") == 0 ||
           strcmp(text, "skip") == 0 || (strncmp(text, "sent=", 5) == 0 && text[5] != '\0');
}

static int resolve(struct options *o, struct error *e)
{
    const char *number = o->operand_count > 1 ? o->operands[1] : NULL;
    unsigned batch = 0;

    if (number && batch_of(number, &batch, e) != 0)
        return error_exit_status(e->code);
    if (number && !o->as)
        error_set(e, ERR_USAGE, "batch %u is to be decided: how? Say it with --as", batch);
    else if (!number && o->as)
        error_set(e, ERR_USAGE, "--as decides a batch: which one? `tranche resolve %s` lists them",
                  o->operands[0]);
    else if (o->as && !is_decision(o->as))
        error_set(e, ERR_USAGE, "--as: '%s' is not one of sent=ID, sent, not-sent, skip", o->as);
    if (e->code != 0)
        return error_exit_status(e->code);
    return run_resolve(o->operands[0], batch, o->as, o->finish == 1, e);
}

const struct command cmd_resolve = {
    .id = COMMAND_RESOLVE,
    .name = "resolve",
    .usage = "RUN [BATCH --as sent[=ID]|not-sent|skip] [--finish]",
    .summary = "list or decide the batches in doubt",
    .details = "A batch is in doubt when it left this machine and no usable reply came: the vendor "
               "may have got it, and charged for it. Without BATCH, lists those of the run in the "
               "directory RUN, with what is known. With BATCH, records your decision; `tranche "
               "resume RUN` then carries it out.\n",
    .operands = {"RUN", "BATCH"},
    .needed = 1,
    .run = resolve,
};
