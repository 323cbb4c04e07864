/* The run directory: its lock, its ledger, and what every command on a run needs of both. */
#ifndef TRANCHE_RUN_HOME_H
#define TRANCHE_RUN_HOME_H

#include <stdbool.h>

#include "input/list.h"
#include "ledger/ledger.h"
#include "output/render.h"
#include "record/mapping.h"
#include "run/settings.h"

struct home {
    char *dir;
    int lock; /* -1: not held */
    struct ledger *ledger;
    struct settings stored; /* as the run was started, and as it was last resumed */
    bool fresh;             /* this process made the ledger */
    bool complete;          /* the output is there */
    int exit_status;        /* of the last end; -1: none yet */
};

/* Lock the run directory and open its ledger. create: make both if they are not there. ERR_NOINPUT:
 * no run there; ERR_STOPPED: in use, with the holder's pid. */
int home_open(struct home *h, const char *dir, bool create, struct error *e);
void home_close(struct home *h);

/* Store settings for the next process. */
int home_save(struct home *h, const struct settings *s, struct error *e);
/* Store that the run is under way again, or complete, and with which exit status. */
int home_set_state(struct home *h, bool complete, int exit_status, struct error *e);

/* The list as this run knows it, to read shards again; with its columns and mapping. whole: do not
 * read on. The shards known so far are in *known (malloc'ed) for list_options. */
int home_list(struct home *h, const struct settings *s, bool whole, struct list **list,
              struct mapping *mapping, struct error *e);

/* What rendering needs of settings and list. CSV has the account's fields where the
 * operation gives them. */
int home_render(const struct settings *s, const struct list *l, const struct operation *op,
                struct render *render, enum frame_packing *packing, struct error *e);

#endif
