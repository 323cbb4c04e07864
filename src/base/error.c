/* Writes error messages.
 *
 * 1. A message always ends with a NUL inside its array.
 * 2. The arguments may point into the message that is being replaced, so each text is composed
 * apart and copied last. Pure but for the struct it is given; any thread. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 0))) static void compose(char *text, size_t size,
                                                          const char *format, va_list args)
{
    if (vsnprintf(text, size, format, args) < 0)
        snprintf(text, size, "%s", format);
}

/* Append ": " and the words, as far as they fit. */
static void add(char *text, size_t size, const char *words)
{
    size_t len = strlen(text);
    size_t room = size - 1 - len;
    size_t take = strlen(words);

    if (room <= 2)
        return;
    take = take < room - 2 ? take : room - 2;
    memcpy(text + len, ": ", 2);
    memcpy(text + len + 2, words, take);
    text[len + 2 + take] = '\0';
}

int error_set(struct error *e, int code, const char *format, ...)
{
    char text[sizeof(e->message)];
    va_list args;

    va_start(args, format);
    compose(text, sizeof(text), format, args);
    va_end(args);
    e->code = code;
    memcpy(e->message, text, sizeof(text));
    return code;
}

int error_errno(struct error *e, int code, int errnum, const char *format, ...)
{
    char text[sizeof(e->message)];
    char reason[128];
    va_list args;

    va_start(args, format);
    compose(text, sizeof(text), format, args);
    va_end(args);
    /* The GNU form: it may return a constant instead of filling the array. */
    const char *words = strerror_r(errnum, reason, sizeof(reason));
    add(text, sizeof(text), words);
    e->code = code;
    memcpy(e->message, text, sizeof(text));
    return code;
}

int error_prefix(struct error *e, const char *format, ...)
{
    char text[sizeof(e->message)];
    va_list args;

    va_start(args, format);
    compose(text, sizeof(text), format, args);
    va_end(args);
    add(text, sizeof(text), e->message);
    memcpy(e->message, text, sizeof(text));
    return e->code;
}

int error_exit_status(int code)
{
    switch (code) {
    case ERR_NONE:
        return 0;
#define X(name, status, kind)                                                                      \
    case name:                                                                                     \
        return (status);
        ERROR_LIST(X)
#undef X
    }
    return -ERR_INTERNAL;
}

const char *error_kind(int code)
{
    switch (code) {
    case ERR_NONE:
        return "none";
#define X(name, status, kind)                                                                      \
    case name:                                                                                     \
        return kind;
        ERROR_LIST(X)
#undef X
    }
    return "unknown";
}
