/* The callback spool as a run sees it: takes its own from what `tranche listen` keeps, while that
 * goes on writing.
 *
 * The spool is a folder (0700) of segments, to which one process appends (keeper.h), and a file
 * "taken.<run>" for each run, in which the run says how far it has taken. Nothing is locked between
 * them: a segment only grows, and goes when all runs it was for have taken what is theirs.
 *
 * One thread at a time. */
#ifndef TRANCHE_RUN_INBOX_H
#define TRANCHE_RUN_INBOX_H

#include <stdint.h>

#include "base/error.h"
#include "run/segment.h"

/* Everything of the run before this place is taken. */
struct inbox_place {
    uint32_t segment;
    uint64_t offset;
};

struct inbox;

/* The spool's folder is made where it is missing. Goes on where the run's last inbox_done left it.
 * ERR_CONFIG, ERR_CANTCREATE: the folder; ERR_DATA: taken.<run> is damaged; ERR_IO. */
int inbox_open(struct inbox **out, const char *dir, const uint8_t run[TOKEN_RUN_LEN],
               struct error *e);
void inbox_close(struct inbox *box);

/* Give fn each callback of the run that came since the last call, oldest first; its slices are valid
 * during the call. fn returns 0; anything else leaves this one for the next call and ends. Cheap
 * when nothing came: call it about once a second. After an error nothing is skipped: the next call
 * goes on at the same place.
 *
 * One that fn has seen comes again after a restart unless inbox_done was told, and the spool itself
 * may hold the same callback twice: fn knows it by token and body. */
int inbox_take(struct inbox *box, int (*fn)(void *arg, const struct segment_entry *entry),
               void *arg, struct error *e);
/* Behind the last callback that fn took. */
struct inbox_place inbox_place(const struct inbox *box);
/* What is before the place is durable with the run: the spool need not keep it. Durable on return.
 */
int inbox_done(struct inbox *box, struct inbox_place place, struct error *e);

/* The run is given up: what came and what comes for it need not be kept. For a spool that is not
 * there it does nothing. */
int inbox_forget(const char *dir, const uint8_t run[TOKEN_RUN_LEN], struct error *e);

/* How far the run has taken; {0, 0}: nothing yet. For the keeper. */
int inbox_taken(const char *dir, const uint8_t run[TOKEN_RUN_LEN], struct inbox_place *out,
                struct error *e);

#endif
