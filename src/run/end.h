/* The end of a run. */
#ifndef TRANCHE_RUN_END_H
#define TRANCHE_RUN_END_H

#include "run/engine.h"
#include "run/home.h"

/* Every record has exactly one outcome: ERR_INTERNAL when not. */
int end_check(const struct engine *g, struct error *e);
/* The exit status of a complete run: 0, or 1 when some records are failed, no_credits or in_doubt.
 */
int end_status(const struct engine *g);
/* The last progress, status.json, report.json, and the summary for people on standard error. */
void end_show(struct engine *g, int status, const char *problem);

/* Whether OUT may be made at this path: its folder can be written; without `force` neither it nor
 * another run's OUT.partial is there already. */
int end_check_target(const char *path, bool force, struct error *e);

/* Whether all was emitted and renamed when the last process died, so that only the ledger did not
 * say so yet; then it does now. 1 yes, 0 no. */
int end_renamed_already(struct home *h, const char *output, struct error *e);

/* Where what was emitted lies: OUT.partial, or OUT when it is renamed already; malloc'ed. */
char *end_written(const char *output, bool complete);

/* Copy the finished output to standard output. */
int end_copy(const char *path, struct error *e);

#endif
