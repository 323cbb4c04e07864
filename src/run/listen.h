/* `tranche listen`: keeps callbacks in a spool while no run is up, for all runs of this user on this
 * host. */
#ifndef TRANCHE_RUN_LISTEN_H
#define TRANCHE_RUN_LISTEN_H

#include "base/error.h"

struct listen_options {
    const char *address; /* ADDR:PORT */
    const char *spool;
    const char *key_file; /* PROVIDER=PATH, or NULL: keys from the environment only */
};

/* Serve until SIGINT or SIGTERM, then finish what is in flight, say what was kept, and return 0. A
 * second signal ends it at once. ERR_USAGE; ERR_CONFIG for keys, secret or address that cannot be
 * used; ERR_STOPPED when another process keeps that spool; ERR_IO when what is on disk cannot be
 * relied on any more. */
int run_listen(const struct listen_options *options, struct error *e);

#endif
