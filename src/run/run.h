/* A run from start to end, and everything that can be asked of one later. Each function prints what
 * people need on standard output and error, and returns the exit status of the command (the list is
 * in README.md and base/error.h). On a failure *e says what was wrong; the caller prints it. */
#ifndef TRANCHE_RUN_RUN_H
#define TRANCHE_RUN_RUN_H

#include <stdbool.h>

#include "base/error.h"
#include "run/settings.h"

/* Enrich a list: starts a run, continues an unfinished one, or says that there is nothing to do.
 * s->list, provider and output are given (checked here). */
int run_start(struct settings *s, struct error *e);
/* Continue the run in the folder `dir` with its own settings, as far as `s` does not change them.
 */
int run_resume(const char *dir, struct settings *s, struct error *e);

/* What a run would do, cost and take. Sends nothing, writes nothing but to standard output. */
int run_plan(const struct settings *s, bool json, struct error *e);

/* Of a live run from its status.json, else from the ledger and what its last process said. watch:
 * again and again until it ends (on a live one), in place on a terminal. */
int run_status(const char *dir, bool json, bool watch, struct error *e);

/* batch 0: list the batches in doubt, each with what is known and the commands that decide it. Else
 * decide it: choice is "sent", "sent=ID", "not-sent" or "skip". finish: what was never sent shall
 * end as no_credits on the next resume. */
int run_resolve(const char *dir, unsigned batch, const char *choice, bool finish, struct error *e);

/* Render the output again: s->output, format, compress, csv_safe, raw, force. */
int run_export(const char *dir, const struct settings *s, struct error *e);

/* Check every invariant that can be checked from disk; each one and what it found on standard
 * output. 0 clean, 1 not. */
int run_verify(const char *dir, bool json, struct error *e);

#endif
