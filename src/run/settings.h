/* The settings of a run: what the command line, environment and configuration file came to. Plain
 * data; absent means not given.
 *
 * FROZEN settings are fixed when a run starts and a different value later is an error that names
 * it; LOOSE ones may change from resume to resume, and one that is not given again keeps its last
 * value. THIS ones belong to one process and are not remembered. */
#ifndef TRANCHE_RUN_SETTINGS_H
#define TRANCHE_RUN_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "net/address.h"
#include "provider/provider.h"

#define SETTING_ABSENT    INT64_MIN
#define SETTINGS_MAPS_MAX 32 /* --map, and --set likewise */

/* id, how long it holds. Texts: NULL when absent. `id` with '_' for '-' is the option's name. */
#define SETTINGS_TEXTS(X)                                                                          \
    X(list, FROZEN) /* as given; "-" is standard input */                                          \
    X(output, FROZEN)                                                                              \
    X(run_dir, THIS)                                                                               \
    X(provider, FROZEN)       /* the operation: "enrichso/email-finder" */                         \
    X(format, FROZEN)         /* ndjson, csv, tsv */                                               \
    X(compress, FROZEN)       /* zstd, gzip, none */                                               \
    X(csv_safe, FROZEN)       /* vendor, all, off */                                               \
    X(tier, LOOSE)            /* [P=]NAME */                                                       \
    X(rate, LOOSE)            /* [P=]N/UNIT,... */                                                 \
    X(on_in_doubt, LOOSE)     /* hold, resubmit, skip */                                           \
    X(base_url, LOOSE)        /* [P=]URL */                                                        \
    X(key_file, LOOSE)        /* [P=]PATH */                                                       \
    X(concurrency, LOOSE)     /* [P=]N: batches in flight */                                       \
    X(batch_size, LOOSE)      /* [P=]N */                                                          \
    X(price, LOOSE)           /* OP=N */                                                           \
    X(callback_url, LOOSE)    /* public address that leads to callback_listen or to the spool */   \
    X(callback_listen, LOOSE) /* ADDR:PORT */                                                      \
    X(spool, LOOSE)           /* folder of `tranche listen` */                                     \
    X(http, THIS)             /* ADDR:PORT of metrics and status */                                \
    X(progress, THIS)         /* auto, bar, line, json, none */

/* Whole numbers; durations are milliseconds. SETTING_ABSENT when absent. Flags are 0 or 1. */
#define SETTINGS_NUMBERS(X)                                                                        \
    X(max_records, FROZEN)                                                                         \
    X(raw, FROZEN)                                                                                 \
    X(keep_list, FROZEN)                                                                           \
    X(sandbox, FROZEN)                                                                             \
    X(max_credits, LOOSE)                                                                          \
    X(max_doubt_credits, LOOSE)                                                                    \
    X(max_wait, LOOSE)                                                                             \
    X(doubt_wait, LOOSE)                                                                           \
    X(timeout, LOOSE)                                                                              \
    X(drain_timeout, LOOSE)                                                                        \
    X(linger, LOOSE)                                                                               \
    X(callback_timeout, LOOSE)                                                                     \
    X(clock_speed, LOOSE) /* of loopback servers: their clock runs so many times faster */         \
    X(http_public, THIS)                                                                           \
    X(quiet, THIS)                                                                                 \
    X(force, THIS)

struct settings {
#define X(id, hold) const char *id;
    SETTINGS_TEXTS(X)
#undef X
#define X(id, hold) int64_t id;
    SETTINGS_NUMBERS(X)
#undef X
    const char *maps[SETTINGS_MAPS_MAX]; /* FIELD=COLUMN; FROZEN */
    const char *sets[SETTINGS_MAPS_MAX]; /* [OP:]NAME=VALUE; FROZEN */
    unsigned map_count, set_count;
};

/* Everything absent. */
void settings_init(struct settings *s);

/* As JSON, without what holds for one process; and back: texts are allocated and owned by *s until
 * settings_free. */
void settings_json(const struct settings *s, struct buf *out);
int settings_parse(struct settings *s, struct slice json, struct error *e);
void settings_free(struct settings *s);

/* Where base_url is absent, what <PROVIDER>_BASE_URL in the environment says (borrowed from there):
 * so that it is remembered with the run. Nothing in a sandbox, or while the provider is not known.
 */
void settings_environment(struct settings *s);

/* Continue a run: what `given` leaves absent is taken from the environment (see above), then from
 * `stored` (texts borrowed from it). ERR_USAGE naming the first frozen setting that differs, with
 * both values; a list or output is the same if both paths lead to the same place. */
int settings_merge(struct settings *given, const struct settings *stored, struct error *e);

/* What the settings come to for the run's one operation: looked up, checked, defaults filled in.
 * Borrowed from the settings, and from itself: not to be copied. */
enum on_in_doubt { DOUBT_HOLD, DOUBT_RESUBMIT, DOUBT_SKIP };
struct setup {
    struct operation asked; /* as options and tier make it; its times are those of clock_speed */
    struct operation alone; /* where rows have no echo: the one that asks one by one */
    const struct operation *operation; /* asked */
    const struct provider_tier *tier;
    struct rate_limit limits[2 * RATE_LIMITS_MAX];       /* of tier and operation, or of --rate */
    struct rate_limit alone_limits[2 * RATE_LIMITS_MAX]; /* the same of `alone` */
    unsigned limit_count, alone_limit_count;
    unsigned slots;       /* records the vendor works on at once; 0: no such notion */
    int64_t clock_speed;  /* 1: the clock on the wall */
    const char *base_url; /* checked, at most 255 bytes; NULL in a sandbox */
    const char *key_file; /* NULL: from the environment, or a sandbox */
    int64_t price;
    uint32_t batch_items;        /* the most items of a batch */
    unsigned live_max;           /* submissions in flight, and those the vendor works on */
    unsigned prepared_max;       /* batches cut ahead of the one being sent */
    bool called;                 /* the vendor is given an address to call back to */
    const char *callback_url;    /* without a slash at its end; NULL in a sandbox */
    const char *callback_listen; /* NULL: the spool alone, or a sandbox */
    const char *spool;           /* NULL: none */
    struct address http;         /* of metrics, status and page; its host "": none */
    int64_t max_credits;         /* INT64_MAX: no cap */
    int64_t max_doubt_credits;
    int64_t max_wait_ms, doubt_wait_ms, timeout_ms, drain_timeout_ms, linger_ms;
    enum on_in_doubt on_in_doubt;
};
/* From now on it is asked one by one (setup.alone): sizes and limits are those of that. */
void settings_go_alone(const struct settings *s, struct setup *out);
/* ERR_USAGE, or ERR_CONFIG for an address that may not be used. */
int settings_resolve(const struct settings *s, struct setup *out, struct error *e);

#endif
