/* What the program says about itself, on standard error or in a file, for people or as JSON lines;
 * and the trace of components for those who look inside (TRANCHE_TRACE=sched,ledger:debug).
 *
 * Logs carry record numbers, never people, keys, or query strings. May be called from any thread: a
 * line is one write. */
#ifndef TRANCHE_BASE_LOG_H
#define TRANCHE_BASE_LOG_H

#include <stdbool.h>

#include "base/error.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Called once before threads start. path NULL: standard error. 0 or ERR_CANTCREATE. */
int log_open(const char *path, bool json, enum log_level level, struct error *e);
void log_close(void);

/* component: "run", "sched", "ledger", "net", ... ; the message is one line without a newline. */
void log_write(enum log_level level, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Called before a line goes to standard error and after it, so that a progress bar can step aside.
 * Both run on the thread that logs, one line at a time, and must not log. */
void log_set_curtain(void (*lift)(void *), void (*drop)(void *), void *arg);

/* Whether TRANCHE_TRACE (read once) names the component, or "all"; "sched:info" traces less. Traced
 * lines go to standard error whatever the level and place of the log. */
bool log_traces(const char *component);

#define log_trace(component, ...)                                                                  \
    do {                                                                                           \
        if (log_traces(component))                                                                 \
            log_write(LOG_DEBUG, component, __VA_ARGS__);                                          \
    } while (0)

#endif
