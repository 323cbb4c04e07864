/* Writes log lines.
 *
 * 1. A line is one write(2), so lines of threads and processes never mix; one that cannot be
 * written is dropped, because a log must not stop a run.
 * 2. Control characters never reach the output: what a vendor said cannot forge a line or move a
 * cursor.
 * 3. The settings are fixed before threads start; the mutex only keeps the curtain's lift and drop
 * paired.
 *
 * A line goes to the log when its level is within the log's, and to standard error when
 * TRANCHE_TRACE names its component; to the same place only once. Any thread. errno survives. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define MESSAGE_MAX 2048
#define TRACES_MAX  16

static struct {
    int fd;
    bool json;
    enum log_level level;
    pthread_mutex_t curtain_lock;
    void (*lift)(void *);
    void (*drop)(void *);
    void *arg;
} logger = {.fd = STDERR_FILENO, .level = LOG_INFO, .curtain_lock = PTHREAD_MUTEX_INITIALIZER};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* What TRANCHE_TRACE asks for. */
static struct {
    char text[512];
    struct {
        const char *component; /* into text; "all" is every component */
        size_t len;
        int level;
    } list[TRACES_MAX];
    unsigned count;
    pthread_once_t once;
} traces = {.once = PTHREAD_ONCE_INIT};

static int find_level(const char *name, size_t len)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++)
        if (strlen(level_names[i]) == len && memcmp(level_names[i], name, len) == 0)
            return i;
    return LOG_DEBUG;
}

static void read_traces(void)
{
    const char *wish = getenv("TRANCHE_TRACE");

    snprintf(traces.text, sizeof(traces.text), "%s", wish ? wish : "");
    for (const char *at = traces.text; *at && traces.count < TRACES_MAX;) {
        size_t len = strcspn(at, ",");
        size_t name = strcspn(at, ":,");
        if (name > 0) {
            traces.list[traces.count].component = at;
            traces.list[traces.count].len = name;
            traces.list[traces.count].level =
                name < len ? find_level(at + name + 1, len - name - 1) : LOG_DEBUG;
            traces.count++;
        }
        at += len + (at[len] == ',');
    }
}

/* The most talkative level traced of the component; -1 for none. */
static int traced_level(const char *component)
{
    size_t len = strlen(component);
    int level = -1;

    pthread_once(&traces.once, read_traces);
    for (unsigned i = 0; i < traces.count; i++) {
        const char *name = traces.list[i].component;
        size_t name_len = traces.list[i].len;
        bool same = name_len == len && memcmp(name, component, len) == 0;
        bool all = name_len == 3 && memcmp(name, "all", 3) == 0;
        if ((same || all) && traces.list[i].level > level)
            level = traces.list[i].level;
    }
    return level;
}

bool log_traces(const char *component)
{
    return traced_level(component) >= LOG_DEBUG;
}

int log_open(const char *path, bool json, enum log_level level, struct error *e)
{
    int fd = STDERR_FILENO;

    if (path) {
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0)
            return error_errno(e, ERR_CANTCREATE, errno, "cannot open the log %s", path);
    }
    log_close();
    logger.fd = fd;
    logger.json = json;
    logger.level = level;
    return 0;
}

void log_close(void)
{
    if (logger.fd != STDERR_FILENO)
        close(logger.fd);
    logger.fd = STDERR_FILENO;
}

void log_set_curtain(void (*lift)(void *), void (*drop)(void *), void *arg)
{
    pthread_mutex_lock(&logger.curtain_lock);
    logger.lift = lift;
    logger.drop = drop;
    logger.arg = arg;
    pthread_mutex_unlock(&logger.curtain_lock);
}

/* Bytes of the well-formed UTF-8 sequence at s, at most `left`; 0 when there is none. */
static size_t sequence_len(const unsigned char *s, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (len == 0 || len > left || s[0] > 0xf4)
        return 0;
    uint32_t point = len == 1 ? s[0] : s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (s[i] & 0x3f);
    }
    bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < least[len] || point > 0x10ffff || surrogate ? 0 : len;
}

/* Append text without control characters and, in JSON, escaped. Returns the new end of the line;
 * the caller's array has room for 3 bytes of each byte (a bad one becomes U+FFFD). */
static char *add_clean(char *to, const char *text, bool json)
{
    const unsigned char *at = (const unsigned char *)text;

    for (size_t left = strlen(text); left > 0;) {
        size_t len = sequence_len(at, left);
        if (len == 0) {
            to = stpcpy(to, "\xef\xbf\xbd");
            len = 1;
        } else if (len == 1 && (*at < 0x20 || *at == 0x7f)) {
            *to++ = ' ';
        } else {
            if (json && (*at == '"' || *at == '\\'))
                *to++ = '\\';
            memcpy(to, at, len);
            to += len;
        }
        at += len;
        left -= len;
    }
    return to;
}

/* Returns the length of the line with its newline. */
static size_t make_line(char *line, enum log_level level, const char *component,
                        const char *message)
{
    char when[21];
    char *to = line;

    clock_format_utc(clock_wall_ms(), when);
    if (logger.json) {
        to += sprintf(to, "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"", when,
                      level_names[level]);
        to = add_clean(to, component, true);
        to = stpcpy(to, "\",\"message\":\"");
        to = add_clean(to, message, true);
        to = stpcpy(to, "\"}\n");
    } else {
        to += sprintf(to, "%s %s ", when + strlen("2026-11-20T"), level_names[level]);
        to = add_clean(to, component, false);
        to = stpcpy(to, ": ");
        to = add_clean(to, message, false);
        *to++ = '\n';
    }
    return (size_t)(to - line);
}

static void put_line(int fd, const char *line, size_t len)
{
    while (write(fd, line, len) < 0 && errno == EINTR)
        ;
}

static void put_stderr(const char *line, size_t len)
{
    pthread_mutex_lock(&logger.curtain_lock);
    if (logger.lift)
        logger.lift(logger.arg);
    put_line(STDERR_FILENO, line, len);
    if (logger.drop)
        logger.drop(logger.arg);
    pthread_mutex_unlock(&logger.curtain_lock);
}

void log_write(enum log_level level, const char *component, const char *format, ...)
{
    char message[MESSAGE_MAX];
    char line[3 * MESSAGE_MAX + 512];
    int saved = errno;
    bool logged = level <= logger.level;
    bool traced = (int)level <= traced_level(component);
    va_list args;

    if (!logged && !traced)
        return;
    va_start(args, format);
    if (vsnprintf(message, sizeof(message), format, args) < 0)
        snprintf(message, sizeof(message), "%s", format);
    va_end(args);
    size_t len = make_line(line, level, component, message);
    if (logged && logger.fd != STDERR_FILENO)
        put_line(logger.fd, line, len);
    if (traced || (logged && logger.fd == STDERR_FILENO))
        put_stderr(line, len);
    errno = saved;
}
