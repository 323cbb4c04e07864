/* Errors: a negative code from one list, and a message that says what was wrong, where, and what to
 * do.
 *
 * The layer that knows writes the message; callers prefix context with error_prefix; nobody hides a
 * lower message. A function that can fail returns 0 or the negative code that it put in *e. */
#ifndef TRANCHE_BASE_ERROR_H
#define TRANCHE_BASE_ERROR_H

/* name, exit status of the command that ends with it, the one-word kind printed in logs.
 * Exit statuses are those of <sysexits.h> where it has one. */
#define ERROR_LIST(X)                                                                              \
    X(ERR_USAGE, 64, "usage")              /* the command line cannot be carried out */            \
    X(ERR_DATA, 65, "data")                /* the list cannot be parsed as such */                 \
    X(ERR_NOINPUT, 66, "no input")         /* the list does not exist */                           \
    X(ERR_UNAVAILABLE, 69, "unavailable")  /* the provider stayed unavailable */                   \
    X(ERR_INTERNAL, 70, "internal")        /* a bug, or memory that ran out */                     \
    X(ERR_CANTCREATE, 73, "cannot create") /* the output cannot be created */                      \
    X(ERR_IO, 74, "i/o")                   /* reading or writing failed */                         \
    X(ERR_STOPPED, 75, "stopped")      /* stopped early and resumable; or a run that is busy */    \
    X(ERR_REFUSED, 77, "refused")      /* the provider refused the credentials */                  \
    X(ERR_CONFIG, 78, "configuration") /* a setting is wrong */

enum error_code {
    ERR_NONE = 0,
#define X(name, status, kind) name = -(status),
    ERROR_LIST(X)
#undef X
};

struct error {
    int code; /* an enum error_code; 0 while nothing went wrong */
    char message[1024];
};

/* Set the code and the message; returns the code. A longer message is cut. e may not be NULL. */
int error_set(struct error *e, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and the text of the errno value appended. */
int error_errno(struct error *e, int code, int errnum, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Put context, then ": ", before the message there is; returns the code there is. */
int error_prefix(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The exit status that belongs to a code (64 to 78); 70 for one that is not in the list, 0 for 0.
 */
int error_exit_status(int code);
const char *error_kind(int code);

#endif
