/* The folder of what runs on this host share: $XDG_STATE_HOME/tranche. */
#ifndef TRANCHE_RUN_STATE_H
#define TRANCHE_RUN_STATE_H

#include "base/error.h"

/* Its path, malloc'ed and the caller's; the folder and those above it are made (0700) where they
 * are missing. $XDG_STATE_HOME, where it is set and absolute, else ~/.local/state. ERR_CONFIG,
 * ERR_CANTCREATE. */
int state_folder(char **path, struct error *e);

#endif
