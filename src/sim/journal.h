/* An append-only file of lines, read back when it is opened. */
#ifndef TRANCHE_SIM_JOURNAL_H
#define TRANCHE_SIM_JOURNAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

struct journal;

/* A line without its newline; ERR_DATA when it is none of ours. */
typedef int journal_line_fn(void *arg, struct slice line, struct error *e);

/* Opens or creates the file and gives each line to fn. A last line that is torn (without newline,
 * or refused with ERR_DATA) was never acknowledged and is cut off; a refused line before others is
 * the error. */
int journal_open(struct journal **out, const char *path, journal_line_fn *fn, void *arg,
                 struct error *e);
/* Nothing is written any more. */
void journal_close(struct journal *j);

/* Where the next line is put together, newline included. It is in memory until journal_sync. */
struct buf *journal_pending(struct journal *j);
/* Write what is pending; with durable also fdatasync. An error is for good. */
int journal_sync(struct journal *j, bool durable, struct error *e);

/* Give each line in the file to fn, which may end it by an error. */
int journal_read(struct journal *j, journal_line_fn *fn, void *arg, struct error *e);

#endif
