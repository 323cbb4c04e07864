/* Keeps verdicts and credits in a file of lines:
 *
 *     tranche-verdicts 1 <key of the digests>
 *     ask <digest> <credits> <time>             before the request leaves
 *     got <digest> <credits> <time> <status>    its answer; credits: the difference to `ask`
 *     end <digest> <credits> <time>             no verdict; likewise
 *
 * 1. Credits spent are the sum of the column, so that the order and the meaning of lines do not
 *    matter to it, and an `ask` that a crash left alone counts in full.
 * 2. A line counts when its newline is there. What a crash cut off is taken away when the file is
 *    opened: an `ask` that was cut off never left, since it is durable before.
 * 3. When more lines are out of date than not, the file is replaced by one that has the sum and
 *    what is still known, durable before it takes the place of the old one.
 *
 * In memory: a hash table with open addressing, its load at most one half, VERDICTS_MAX entries.
 * The digests are uniform, so their first bytes are the hash. One thread. */
#include "run/verdicts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "wire/digest.h"

#define MAGIC       "tranche-verdicts 1 "
#define ID_HEX      (2 * sizeof(struct verdict_id))
#define LINE_MAX    256
#define SLOTS_FIRST ((size_t)1024)
#define CREDITS_MAX INT64_C(1000000000000000)
#define STALE_MIN   4096 /* lines; fewer are not worth a new file */
#define SWEEP_MS    INT64_C(3600000)
#define FILE_MAX    ((size_t)256 << 20) /* of the one that replaces it */

struct slot {
    struct verdict_id id;
    int64_t time_ms; /* 0: empty */
    char status[VERDICTS_STATUS_MAX + 1];
};

struct verdicts {
    char *path, *lock_path;
    int fd, lock;
    uint8_t key[DIGEST_LEN];
    int64_t age_ms, spent;
    struct slot *slots;
    size_t slot_count, count;
    uint64_t lines; /* of the file, without its first */
    int64_t swept_ms;
    struct error broken; /* the first that went wrong with writing */
};

/* --- the table ------------------------------------------------------------------------------ */

static size_t place_of(const struct verdicts *v, struct verdict_id id)
{
    uint64_t h;
    size_t at;

    memcpy(&h, id.hash, sizeof h);
    for (at = h & (v->slot_count - 1); v->slots[at].time_ms != 0;
         at = (at + 1) & (v->slot_count - 1))
        if (memcmp(&v->slots[at].id, &id, sizeof id) == 0)
            break;
    return at;
}

static bool is_current(const struct verdicts *v, const struct slot *s, int64_t now_ms)
{
    /* A clock that was put back does not make a verdict last. */
    return s->time_ms != 0 && s->time_ms <= now_ms + v->age_ms && now_ms - s->time_ms < v->age_ms;
}

/* Into a table of so many slots, without what is too old. */
static void rebuild(struct verdicts *v, size_t slot_count, int64_t now_ms)
{
    struct slot *old = v->slots;
    size_t old_count = v->slot_count;

    v->slots = calloc(slot_count, sizeof *v->slots);
    if (!v->slots)
        abort();
    v->slot_count = slot_count;
    v->count = 0;
    for (size_t i = 0; i < old_count; i++) {
        if (!is_current(v, &old[i], now_ms))
            continue;
        v->slots[place_of(v, old[i].id)] = old[i];
        v->count++;
    }
    free(old);
}

static void put(struct verdicts *v, struct verdict_id id, int64_t time_ms, const char *status,
                int64_t now_ms)
{
    size_t at = place_of(v, id);

    if (v->slots[at].time_ms == 0 && v->count >= VERDICTS_MAX) {
        if (now_ms - v->swept_ms < SWEEP_MS)
            return;
        v->swept_ms = now_ms;
        rebuild(v, v->slot_count, now_ms);
        if (v->count >= VERDICTS_MAX) {
            log_write(LOG_WARN, "verify",
                      "%d verdicts are known, and further ones are not kept: "
                      "let them grow old sooner (--cache-age)",
                      VERDICTS_MAX);
            return;
        }
        at = place_of(v, id);
    }
    if (v->slots[at].time_ms == 0) {
        if (2 * (v->count + 1) > v->slot_count) {
            rebuild(v, 2 * v->slot_count, now_ms);
            at = place_of(v, id);
        }
        v->count++;
    }
    v->slots[at] = (struct slot){.id = id, .time_ms = time_ms};
    snprintf(v->slots[at].status, sizeof v->slots[at].status, "%s", status);
}

const char *verdicts_find(const struct verdicts *v, struct verdict_id id, int64_t now_ms)
{
    const struct slot *s = &v->slots[place_of(v, id)];

    return is_current(v, s, now_ms) ? s->status : NULL;
}

struct verdict_id verdicts_id(const struct verdicts *v, struct slice email)
{
    uint8_t digest[DIGEST_LEN];
    struct verdict_id id;

    digest_hmac((struct slice){(const char *)v->key, sizeof v->key}, email, digest);
    memcpy(id.hash, digest, sizeof id.hash);
    return id;
}

int64_t verdicts_spent(const struct verdicts *v)
{
    return v->spent;
}

size_t verdicts_count(const struct verdicts *v)
{
    return v->count;
}

bool verdicts_status_valid(struct slice status)
{
    if (status.len == 0 || status.len > VERDICTS_STATUS_MAX)
        return false;
    for (size_t i = 0; i < status.len; i++) {
        char c = status.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* --- reading -------------------------------------------------------------------------------- */

static bool read_hex(const char *text, size_t text_len, uint8_t *out, size_t len)
{
    static const char digits[] = "0123456789abcdef";

    if (text_len != 2 * len)
        return false;
    for (size_t i = 0; i < text_len; i++) {
        const char *at = memchr(digits, text[i], sizeof digits - 1);
        if (!at)
            return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (at - digits));
    }
    return true;
}

static bool read_line(struct verdicts *v, const char *line, int64_t now_ms)
{
    char kind[4], digest[ID_HEX + 1], status[VERDICTS_STATUS_MAX + 1] = "";
    struct verdict_id id;
    int64_t credits, time_ms;
    int end = -1;

    if (sscanf(line, "%3[a-z] %32[0-9a-f] %" SCNd64 " %" SCNd64 "%n", kind, digest, &credits,
               &time_ms, &end) != 4 ||
        !read_hex(digest, strlen(digest), id.hash, sizeof id.hash) || time_ms <= 0 ||
        credits < -CREDITS_MAX || credits > CREDITS_MAX)
        return false;
    bool got = strcmp(kind, "got") == 0;
    if (!got && strcmp(kind, "ask") != 0 && strcmp(kind, "end") != 0)
        return false;
    if (got ? line[end] != ' ' || !verdicts_status_valid(slice_of(line + end + 1))
            : line[end] != '\0')
        return false;
    v->spent += credits;
    if (v->spent < 0 || v->spent > CREDITS_MAX)
        return false;
    snprintf(status, sizeof status, "%.*s", (int)sizeof status - 1, got ? line + end + 1 : "");
    if (got && is_current(v, &(struct slot){.time_ms = time_ms}, now_ms))
        put(v, id, time_ms, status, now_ms);
    return true;
}

/* Takes a last line without its newline away. */
static int drop_tail(struct verdicts *v, off_t whole, struct error *e)
{
    if (ftruncate(v->fd, whole) != 0)
        return error_errno(e, ERR_IO, errno, "cannot mend %s", v->path);
    return file_sync(v->fd, e);
}

/* Whether it may be the beginning of a first line: nobody else's file is taken away. */
static bool begins_one(const char *line, size_t len)
{
    size_t magic = strlen(MAGIC);

    return strncmp(line, MAGIC, len < magic ? len : magic) == 0;
}

static int read_lines(struct verdicts *v, FILE *f, int64_t now_ms, struct error *e)
{
    char line[LINE_MAX];
    off_t whole = 0;

    while (fgets(line, sizeof line, f)) {
        size_t len = strlen(line);
        if (len == 0 || line[len - 1] != '\n') {
            if (fgetc(f) == EOF && (whole > 0 || begins_one(line, len)))
                return drop_tail(v, whole, e);
            return error_set(e, ERR_DATA, "%s: line %" PRIu64 " is damaged", v->path, v->lines + 2);
        }
        line[len - 1] = '\0';
        if (whole == 0) {
            if (strncmp(line, MAGIC, strlen(MAGIC)) != 0 ||
                !read_hex(line + strlen(MAGIC), len - 1 - strlen(MAGIC), v->key, sizeof v->key))
                return error_set(e, ERR_DATA, "%s is no file of verdicts", v->path);
        } else {
            if (!read_line(v, line, now_ms))
                return error_set(e, ERR_DATA, "%s: line %" PRIu64 " is damaged", v->path,
                                 v->lines + 2);
            v->lines++;
        }
        whole += (off_t)len;
    }
    return ferror(f) ? error_set(e, ERR_IO, "%s cannot be read", v->path) : 0;
}

/* --- writing -------------------------------------------------------------------------------- */

static void append_first(struct buf *b, const struct verdicts *v)
{
    char hex[DIGEST_HEX_LEN + 1];

    digest_hex(v->key, sizeof v->key, hex);
    buf_append_format(b, MAGIC "%s\n", hex);
}

static void append_line(struct buf *b, const char *kind, struct verdict_id id, int64_t credits,
                        int64_t time_ms, const char *status)
{
    char hex[ID_HEX + 1];

    digest_hex(id.hash, sizeof id.hash, hex);
    buf_append_format(b, "%s %s %" PRId64 " %" PRId64 "%s%s\n", kind, hex, credits, time_ms,
                      status ? " " : "", status ? status : "");
}

/* The sum goes with a line of nobody. */
static int write_anew(struct verdicts *v, int64_t now_ms, struct error *e)
{
    struct verdict_id nobody = {{0}};
    struct buf b;

    buf_init(&b, FILE_MAX);
    append_first(&b, v);
    v->lines = 0;
    if (v->spent > 0) {
        append_line(&b, "end", nobody, v->spent, now_ms, NULL);
        v->lines++;
    }
    for (size_t i = 0; i < v->slot_count; i++) {
        const struct slot *s = &v->slots[i];
        if (s->time_ms == 0)
            continue;
        append_line(&b, "got", s->id, 0, s->time_ms, s->status);
        v->lines++;
    }
    if (b.failed)
        error_set(e, ERR_INTERNAL, "no memory for %s", v->path);
    else
        file_replace(v->path, buf_slice(&b), true, e);
    buf_deinit(&b);
    return e->code;
}

static int append(struct verdicts *v, const char *kind, struct verdict_id id, int64_t credits,
                  int64_t time_ms, const char *status, struct error *e)
{
    struct buf b;

    if (v->broken.code == 0) {
        buf_init(&b, LINE_MAX);
        append_line(&b, kind, id, credits, time_ms, status);
        if (b.failed)
            error_set(&v->broken, ERR_INTERNAL, "no memory for %s", v->path);
        else if (file_write(v->fd, b.data, b.len, &v->broken) != 0 ||
                 file_sync(v->fd, &v->broken) != 0)
            error_prefix(&v->broken, "%s", v->path);
        buf_deinit(&b);
    }
    if (v->broken.code != 0) {
        *e = v->broken;
        return e->code;
    }
    v->spent += credits;
    v->lines++;
    return 0;
}

int verdicts_ask(struct verdicts *v, struct verdict_id id, int64_t price, int64_t now_ms,
                 struct error *e)
{
    return append(v, "ask", id, price, now_ms, NULL, e);
}

int verdicts_answer(struct verdicts *v, struct verdict_id id, int64_t price, int64_t credits,
                    const char *status, int64_t now_ms, struct error *e)
{
    if (append(v, status ? "got" : "end", id, credits - price, now_ms, status, e) != 0)
        return e->code;
    if (status)
        put(v, id, now_ms, status, now_ms);
    return 0;
}

int verdicts_release(struct verdicts *v, struct verdict_id id, int64_t price, int64_t now_ms,
                     struct error *e)
{
    return append(v, "end", id, -price, now_ms, NULL, e);
}

/* --- opening -------------------------------------------------------------------------------- */

static int open_file(struct verdicts *v, struct error *e)
{
    struct stat st;

    v->fd = file_create(v->path, false, e);
    if (v->fd < 0)
        return e->code;
    if (fstat(v->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return error_set(e, ERR_CONFIG, "%s is no plain file", v->path);
    if ((st.st_mode & 077) != 0 || st.st_uid != geteuid())
        return error_set(e, ERR_CONFIG,
                         "%s can be read by others or belongs to someone else: chmod 600 it",
                         v->path);
    return 0;
}

static int read_file(struct verdicts *v, int64_t now_ms, struct error *e)
{
    int copy = dup(v->fd);
    FILE *f = copy < 0 ? NULL : fdopen(copy, "r");

    if (!f) {
        if (copy >= 0)
            close(copy);
        return error_errno(e, ERR_IO, errno, "%s", v->path);
    }
    read_lines(v, f, now_ms, e);
    fclose(f);
    return e->code;
}

/* A file without a whole first line is one that was being begun: nothing was asked yet. */
static int begin(struct verdicts *v, int64_t now_ms, struct error *e)
{
    struct stat st;
    bool fresh = fstat(v->fd, &st) == 0 && st.st_size == 0;

    if (fresh)
        digest_random(v->key, sizeof v->key);
    if (!fresh && (v->lines < STALE_MIN || v->lines < 2 * v->count))
        return lseek(v->fd, 0, SEEK_END) < 0 ? error_errno(e, ERR_IO, errno, "%s", v->path) : 0;
    if (write_anew(v, now_ms, e) != 0)
        return e->code;
    close(v->fd);
    if (open_file(v, e) != 0)
        return e->code;
    return lseek(v->fd, 0, SEEK_END) < 0 ? error_errno(e, ERR_IO, errno, "%s", v->path) : 0;
}

int verdicts_open(struct verdicts **out, const char *path, int64_t age_ms, int64_t now_ms,
                  struct error *e)
{
    struct verdicts *v = calloc(1, sizeof *v);

    *out = NULL;
    if (!v || !(v->path = strdup(path)) || asprintf(&v->lock_path, "%s.lock", path) < 0)
        abort();
    v->age_ms = age_ms;
    v->fd = -1;
    rebuild(v, SLOTS_FIRST, now_ms);
    v->lock = file_lock(v->lock_path, e);
    if (v->lock < 0 || open_file(v, e) != 0 || read_file(v, now_ms, e) != 0 ||
        begin(v, now_ms, e) != 0) {
        verdicts_close(v);
        return e->code;
    }
    *out = v;
    return 0;
}

void verdicts_close(struct verdicts *v)
{
    if (!v)
        return;
    if (v->fd >= 0)
        close(v->fd);
    file_unlock(v->lock);
    digest_wipe(v->key, sizeof v->key);
    free(v->slots);
    free(v->lock_path);
    free(v->path);
    free(v);
}
