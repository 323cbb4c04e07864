/* Keeps callbacks on disk.
 *
 * 1. A process appends only to segments that it began, and ends one after a write that failed: the
 *    bytes behind a tear are never written over, so places in a segment (inbox.h) stay true.
 * 2. A group is one write and one fdatasync, however many callbacks are in it. While it is under
 *    way the next one gathers.
 * 3. The newest segment is never removed, and numbers only grow: a place never comes to name other
 *    bytes.
 * 4. A segment is removed when each run that has an entry in it says in its taken.<run> that it is
 *    past the last one. A run that is never resumed keeps its segments until it is purged
 *    (inbox_forget).
 *
 * A file and not a database row or a file for each callback: a row would make readers and the
 * writer share locks over processes, a file would cost two fsyncs and an inode each. If the process
 * dies inside keeper_write, the group is there in whole, in part or not; none of it was acknowledged.
 */
#include "run/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "run/inbox.h"
#include "wire/digest.h"

#define GROUP_MAX (SEGMENT_BYTES_MAX / 2)
/* Callbacks known again, by a hash of 16 bytes each; the place of one is taken by the next that
 * falls on it. */
#define KNOWN_MAX 65536
#define KNOWN_LEN 16

/* A run that has entries in a segment, and where the last of them ends. */
struct share {
    uint8_t run[TOKEN_RUN_LEN];
    uint64_t end;
};

/* What is in a segment that is not written to any more. */
struct content {
    uint32_t segment;
    unsigned share_count;
    struct share *shares;
};

struct keeper {
    char *dir;
    int lock;
    uint8_t header[SEGMENT_HEADER_LEN]; /* of every segment of this process */
    uint64_t salt;

    /* The loop's. */
    struct buf adding;
    uint8_t (*known)[KNOWN_LEN];

    /* Of keeper_write and keeper_prune. */
    struct buf group;
    int fd;
    uint32_t number;
    uint64_t len; /* of the segment */
    bool torn;    /* a write to it failed */
    bool broken;
    struct content *contents;
    unsigned content_count;
};

/* --- segments ------------------------------------------------------------------------------- */

/* Entries are put together before it is known to which segment they go, so all segments of a
 * process have one salt, drawn at its start. */
static int begin_segment(struct keeper *k, struct error *e)
{
    uint32_t *numbers, number = 0;
    unsigned count;

    if (segment_list(k->dir, &numbers, &count, e) != 0)
        return e->code;
    if (count > 0)
        number = numbers[count - 1];
    free(numbers);
    if (count >= SEGMENTS_MAX - 1 || number >= UINT32_MAX - 1)
        return error_set(e, ERR_DATA,
                         "the spool %s is full: %u segments hold callbacks that their runs have not"
                         " taken; resume those runs, or purge them",
                         k->dir, count);
    char *path = segment_path(k->dir, number + 1);
    int rc = file_replace(path, (struct slice){(const char *)k->header, sizeof k->header}, true, e);
    int fd = -1;
    if (rc == 0 && (fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW)) < 0)
        rc = error_errno(e, ERR_IO, errno, "cannot open %s", path);
    free(path);
    if (rc != 0)
        return rc;
    if (k->fd >= 0)
        close(k->fd);
    k->fd = fd;
    k->number = number + 1;
    k->len = SEGMENT_HEADER_LEN;
    k->torn = false;
    return 0;
}

int keeper_open(struct keeper **out, const char *dir, struct error *e)
{
    struct keeper *k = calloc(1, sizeof *k);

    *out = NULL;
    if (k == NULL)
        return error_set(e, ERR_INTERNAL, "out of memory");
    k->fd = k->lock = -1;
    buf_init(&k->adding, GROUP_MAX);
    buf_init(&k->group, GROUP_MAX);
    segment_begin(k->header, &k->salt);
    k->dir = strdup(dir);
    k->known = calloc(KNOWN_MAX, sizeof *k->known);
    char *lock = file_join(dir, "lock");
    int rc = k->dir && k->known ? file_make_private_folder(dir, e)
                                : error_set(e, ERR_INTERNAL, "out of memory");
    if (rc == 0)
        rc = (k->lock = file_lock(lock, e)) < 0 ? k->lock : 0;
    if (rc == 0)
        rc = begin_segment(k, e);
    free(lock);
    if (rc == 0)
        *out = k;
    else
        keeper_close(k);
    return rc;
}

static void forget_contents(struct keeper *k)
{
    for (unsigned i = 0; i < k->content_count; i++)
        free(k->contents[i].shares);
    free(k->contents);
}

void keeper_close(struct keeper *k)
{
    if (k == NULL)
        return;
    if (k->fd >= 0)
        close(k->fd);
    if (k->lock >= 0)
        file_unlock(k->lock);
    forget_contents(k);
    buf_deinit(&k->adding);
    buf_deinit(&k->group);
    free(k->known);
    free(k->dir);
    free(k);
}

/* --- adding --------------------------------------------------------------------------------- */

/* By token, provider and body. */
static void hash_entry(const struct segment_entry *entry, uint8_t out[DIGEST_LEN])
{
    uint8_t named[TOKEN_RUN_LEN + 8 + SEGMENT_PROVIDER_MAX + DIGEST_LEN] = {0};

    memcpy(named, entry->token.run, TOKEN_RUN_LEN);
    memcpy(named + TOKEN_RUN_LEN, &entry->token.batch, 4);
    memcpy(named + TOKEN_RUN_LEN + 4, &entry->token.attempt, 4);
    memcpy(named + TOKEN_RUN_LEN + 8, entry->provider.data, entry->provider.len);
    digest_sha256(entry->body, named + sizeof named - DIGEST_LEN);
    digest_sha256((struct slice){(const char *)named, sizeof named}, out);
}

enum keeper_added keeper_add(struct keeper *k, const struct segment_entry *entry)
{
    uint8_t hash[DIGEST_LEN];
    uint32_t slot;

    if (entry->provider.len == 0 || entry->provider.len > SEGMENT_PROVIDER_MAX ||
        entry->body.len > GROUP_MAX ||
        k->adding.len + entry->body.len + SEGMENT_PROVIDER_MAX + SEGMENT_ENTRY_OVERHEAD > GROUP_MAX)
        return KEEPER_FULL;
    hash_entry(entry, hash);
    memcpy(&slot, hash + KNOWN_LEN, sizeof slot);
    slot %= KNOWN_MAX;
    if (memcmp(k->known[slot], hash, KNOWN_LEN) == 0)
        return KEEPER_AGAIN;
    size_t len = k->adding.len;
    segment_put(&k->adding, k->salt, entry);
    if (k->adding.failed) {
        /* No memory: what was added before this one stands. */
        k->adding.failed = false;
        k->adding.len = len;
        return KEEPER_FULL;
    }
    memcpy(k->known[slot], hash, KNOWN_LEN);
    return KEEPER_ADDED;
}

void keeper_cut(struct keeper *k)
{
    buf_take(&k->group, &k->adding);
}

void keeper_drop(struct keeper *k)
{
    buf_reset(&k->adding);
    memset(k->known, 0, KNOWN_MAX * sizeof *k->known);
}

/* --- writing -------------------------------------------------------------------------------- */

int keeper_write(struct keeper *k, struct error *e)
{
    struct slice group = buf_slice(&k->group);

    if (k->broken)
        return error_set(e, ERR_IO, "the spool %s cannot be relied on after a failed fsync",
                         k->dir);
    if (group.len == 0)
        return 0;
    if ((k->torn || k->len + group.len > SEGMENT_BYTES_MAX) && begin_segment(k, e) != 0)
        return e->code;
    k->torn = true; /* unless all goes well */
    if (file_write(k->fd, group.data, group.len, e) != 0)
        return error_prefix(e, "the spool %s", k->dir);
    if (file_sync(k->fd, e) != 0) {
        k->broken = true;
        return error_prefix(e, "the spool %s", k->dir);
    }
    k->torn = false;
    k->len += group.len;
    buf_deinit(&k->group);
    return 0;
}

bool keeper_broken(const struct keeper *k)
{
    return k->broken;
}

/* --- removing what is taken ----------------------------------------------------------------- */

/* The run's share, a new one when it has none yet; NULL without memory. */
static struct share *content_share(struct content *c, const uint8_t *run)
{
    /* The last one first: callbacks of one run come together. */
    for (unsigned i = c->share_count; i-- > 0;)
        if (memcmp(c->shares[i].run, run, TOKEN_RUN_LEN) == 0)
            return &c->shares[i];
    struct share *more = realloc(c->shares, (c->share_count + 1) * sizeof *more);
    if (more == NULL)
        return NULL;
    c->shares = more;
    memcpy(more[c->share_count].run, run, TOKEN_RUN_LEN);
    return &more[c->share_count++];
}

static int content_read(struct keeper *k, uint32_t number, struct content *c, struct error *e)
{
    struct segment_entry entry;
    struct buf bytes;
    uint64_t salt = 0, passed = 0;

    *c = (struct content){.segment = number};
    buf_init(&bytes, SEGMENT_BYTES_MAX);
    int rc = segment_read(k->dir, number, 0, &bytes, &salt, e);
    for (size_t at = 0;
         rc > 0 && segment_next(buf_slice(&bytes), &at, salt, false, &entry, &passed);) {
        struct share *share = content_share(c, entry.token.run);
        if (share)
            share->end = SEGMENT_HEADER_LEN + at;
        else
            rc = error_set(e, ERR_INTERNAL, "out of memory");
    }
    buf_deinit(&bytes);
    return rc < 0 ? rc : 0;
}

/* What is in the segment; read once. */
static int content_of(struct keeper *k, uint32_t number, struct content **out, struct error *e)
{
    for (unsigned i = 0; i < k->content_count; i++) {
        *out = &k->contents[i];
        if (k->contents[i].segment == number)
            return 0;
    }
    struct content *more = realloc(k->contents, (k->content_count + 1) * sizeof *more);
    if (more == NULL)
        return error_set(e, ERR_INTERNAL, "out of memory");
    k->contents = more;
    *out = &more[k->content_count];
    if (content_read(k, number, *out, e) != 0) {
        free((*out)->shares);
        return e->code;
    }
    k->content_count++;
    return 0;
}

static void content_remove(struct keeper *k, struct content *c)
{
    free(c->shares);
    *c = k->contents[--k->content_count];
}

/* 1: all that are in it have taken what is theirs. */
static int is_taken(const struct keeper *k, const struct content *c, struct error *e)
{
    struct inbox_place place;

    for (unsigned i = 0; i < c->share_count; i++) {
        const struct share *share = &c->shares[i];
        if (inbox_taken(k->dir, share->run, &place, e) != 0)
            return e->code;
        if (place.segment < c->segment ||
            (place.segment == c->segment && place.offset < share->end))
            return 0;
    }
    return 1;
}

static int prune_segment(struct keeper *k, uint32_t number, struct error *e)
{
    struct content *c = NULL;

    if (content_of(k, number, &c, e) != 0)
        return e->code;
    int taken = is_taken(k, c, e);
    if (taken <= 0)
        return taken;
    char *path = segment_path(k->dir, number);
    int rc = unlink(path) == 0 || errno == ENOENT
                 ? 0
                 : error_errno(e, ERR_IO, errno, "cannot remove %s", path);
    free(path);
    if (rc == 0) {
        log_trace("callbacks", "segment %u of %s is taken", number, k->dir);
        content_remove(k, c);
    }
    return rc;
}

int keeper_prune(struct keeper *k, struct error *e)
{
    uint32_t *numbers;
    unsigned count;
    int rc = segment_list(k->dir, &numbers, &count, e);

    for (unsigned i = 0; rc == 0 && i + 1 < count; i++)
        if (numbers[i] != k->number)
            rc = prune_segment(k, numbers[i], e);
    free(numbers);
    return rc;
}
