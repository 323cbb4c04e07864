/* The callback spool as its one writer sees it: appends callbacks for many runs, durably, many at
 * once; removes segments that everybody has taken from. Runs take theirs with inbox.h.
 *
 * Calls are in pairs that may overlap on two threads: keeper_add and keeper_cut belong to the loop,
 * keeper_write and keeper_prune, of which one may be under way at a time, to any thread. */
#ifndef TRANCHE_RUN_KEEPER_H
#define TRANCHE_RUN_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "run/segment.h"

struct keeper;

/* Take the spool in `dir`, which is made (0700) where it is missing, and begin a segment. ERR_STOPPED
 * with the pid of who has it; ERR_CONFIG, ERR_CANTCREATE, ERR_IO. */
int keeper_open(struct keeper **out, const char *dir, struct error *e);
void keeper_close(struct keeper *k);

enum keeper_added {
    KEEPER_ADDED, /* to the group that keeper_cut takes next */
    KEEPER_AGAIN, /* it came already; what it is was written, or is in a group before or in this */
    KEEPER_FULL   /* the group has no room, or there is no memory */
};
/* What came already is known for the last tens of thousands, not for all. */
enum keeper_added keeper_add(struct keeper *k, const struct segment_entry *entry);
/* End the group that was added to and hand it to the next keeper_write; adding goes on in a new one.
 * Not while a keeper_write is under way. */
void keeper_cut(struct keeper *k);
/* Write the group that was cut: durable when it returns 0. ERR_IO, ERR_CANTCREATE, ERR_DATA (too
 * many segments): none of the group may be acknowledged, nor of the one being added to; call
 * keeper_drop, and try again later with a new group. */
int keeper_write(struct keeper *k, struct error *e);
/* After a write that failed: forget what was added since, and that it came. */
void keeper_drop(struct keeper *k);
/* An fsync failed: what is on disk is not known any more, and every write fails from now on. */
bool keeper_broken(const struct keeper *k);

/* Remove the segments, but the newest, that hold nothing a run has not taken. */
int keeper_prune(struct keeper *k, struct error *e);

#endif
