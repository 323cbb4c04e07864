/* Grows OUT.partial by durable pieces and turns it into OUT.
 *
 * 1. The file holds `bytes` durable bytes and, after a crash or a failed append only, a torn tail.
 * 2. Bytes are appended at `bytes`, never at the end of the file: whatever is there, a piece goes
 *    where the ledger expects it.
 * 3. Nothing is cut off but what lies beyond the committed length, and nothing is mended: a file
 *    that is shorter than that has lost paid data, and stays as evidence.
 * 4. After an error nothing is written or synced again: the kernel may have dropped the pages.
 *
 *     open    truncate to committed, fdatasync, fsync folder
 *     append  write, fdatasync          dying here: a torn tail, truncated by the next open
 *     finish  fdatasync, rename, fsync folder    dying here: OUT.partial or OUT, whole
 *
 * Used by one thread at a time, which may wait for the disk. */
#include "output/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

struct partial {
    int fd;
    char *path;    /* OUT */
    char *growing; /* OUT.partial */
    uint64_t bytes;
    bool renamed; /* the file is OUT already */
    bool broken;  /* an append or finish failed */
};

static int probe_folder(const char *path, struct error *e)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    char *folder = slash ? strndup(path, len ? len : 1) : strdup(".");
    struct stat st;
    int code = 0;

    if (!folder)
        return error_set(e, ERR_INTERNAL, "out of memory");
    if (stat(folder, &st) != 0)
        code = errno == ENOENT ? error_set(e, ERR_CANTCREATE,
                                           "cannot create %s: there is no folder %s", path, folder)
                               : error_errno(e, ERR_CANTCREATE, errno, "cannot create %s", path);
    else if (!S_ISDIR(st.st_mode))
        code = error_set(e, ERR_CANTCREATE, "cannot create %s: %s is not a folder", path, folder);
    else if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
        code =
            error_errno(e, ERR_CANTCREATE, errno, "cannot create %s: the folder %s", path, folder);
    free(folder);
    return code;
}

/* The rename at the end would put a file in the place of whatever is there, /dev/null included. */
static int probe_file(const char *path, struct error *e)
{
    struct stat st;
    size_t len = strlen(path);

    if (len == 0 || path[len - 1] == '/')
        return error_set(e, ERR_CANTCREATE, "cannot create '%s': it names no file", path);
    if (stat(path, &st) != 0)
        return errno == ENOENT ? 0
                               : error_errno(e, ERR_CANTCREATE, errno, "cannot create %s", path);
    if (S_ISDIR(st.st_mode))
        return error_set(e, ERR_CANTCREATE, "cannot create %s: it is a folder", path);
    if (!S_ISREG(st.st_mode))
        return error_set(e, ERR_CANTCREATE, "cannot create %s: it is a device or pipe, not a file",
                         path);
    return 0;
}

/* The name it grows under is longer than OUT's own, and may be taken. */
static int probe_growing(const char *path, struct error *e)
{
    char *growing = NULL;
    struct stat st;
    int code = 0;

    if (asprintf(&growing, "%s.partial", path) < 0)
        return error_set(e, ERR_INTERNAL, "out of memory");
    if (lstat(growing, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            code = error_set(e, ERR_CANTCREATE, "cannot create %s: something else has this name",
                             growing);
    } else if (errno != ENOENT) {
        code = error_errno(e, ERR_CANTCREATE, errno, "cannot create %s", growing);
    }
    free(growing);
    return code;
}

int partial_probe(const char *path, struct error *e)
{
    int code = probe_folder(path, e);

    if (code == 0)
        code = probe_file(path, e);
    return code ? code : probe_growing(path, e);
}

/* Open a file that has to be there; -1 where it is not. */
static int open_existing(const char *path, struct error *e)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

    if (fd < 0 && errno != ENOENT)
        return error_errno(e, ERR_CANTCREATE, errno, "cannot open %s", path);
    return fd;
}

static int check_length(int fd, const char *path, uint64_t committed, uint64_t *length,
                        struct error *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return error_errno(e, ERR_IO, errno, "cannot examine %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(e, ERR_CANTCREATE, "%s is not a file", path);
    *length = (uint64_t)st.st_size;
    if (*length < committed)
        return error_set(e, ERR_DATA,
                         "%s is damaged: it has %llu bytes and the ledger knows %llu; it is left "
                         "as it is (tranche export renders the output again)",
                         path, (unsigned long long)*length, (unsigned long long)committed);
    return 0;
}

/* OUT.partial is gone though the ledger knows bytes of it: finished by a process that died before
 * it could say so, or lost. */
static int open_renamed(struct partial *p, struct error *e)
{
    uint64_t length = 0;
    int fd = open_existing(p->path, e);

    if (fd < -1)
        return fd;
    if (fd >= 0 && check_length(fd, p->path, 0, &length, e) == 0 && length == p->bytes) {
        p->fd = fd;
        p->renamed = true;
        return 0;
    }
    if (fd >= 0)
        close(fd);
    return error_set(e, ERR_DATA,
                     "%s is gone, with %llu bytes that the ledger knows (tranche export renders "
                     "the output again)",
                     p->growing, (unsigned long long)p->bytes);
}

/* Two runs with one OUT would cut each other's file. A file system without locks is trusted. */
static int claim(const struct partial *p, struct error *e)
{
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return error_set(e, ERR_STOPPED, "%s is being written by another process", p->growing);
    return 0;
}

static int open_growing(struct partial *p, struct error *e)
{
    uint64_t length = 0;

    p->fd = p->bytes ? open_existing(p->growing, e) : file_create(p->growing, false, e);
    if (p->fd == -1)
        return open_renamed(p, e);
    if (p->fd < 0)
        return p->fd;
    int code = check_length(p->fd, p->growing, p->bytes, &length, e);
    if (code == 0)
        code = claim(p, e);
    if (code != 0)
        return code;
    if (fchmod(p->fd, 0600) != 0)
        return error_errno(e, ERR_CANTCREATE, errno, "cannot make %s private", p->growing);
    if (length > p->bytes && ftruncate(p->fd, (off_t)p->bytes) != 0)
        return error_errno(e, ERR_IO, errno, "cannot truncate %s", p->growing);
    if (file_sync(p->fd, e) != 0)
        return error_prefix(e, "%s", p->growing);
    return file_sync_folder(p->growing, e);
}

int partial_open(struct partial **out, const char *path, uint64_t committed, struct error *e)
{
    *out = NULL;
    int code = partial_probe(path, e);
    if (code != 0)
        return code;
    struct partial *p = calloc(1, sizeof(*p));
    if (!p)
        return error_set(e, ERR_INTERNAL, "out of memory");
    p->fd = -1;
    p->bytes = committed;
    p->path = strdup(path);
    if (!p->path || asprintf(&p->growing, "%s.partial", path) < 0) {
        p->growing = NULL; /* unspecified after the failure */
        code = error_set(e, ERR_INTERNAL, "out of memory");
    } else {
        code = open_growing(p, e);
    }
    if (code != 0) {
        partial_close(p);
        return code;
    }
    *out = p;
    return 0;
}

void partial_close(struct partial *p)
{
    if (!p)
        return;
    if (p->fd >= 0)
        close(p->fd);
    free(p->path);
    free(p->growing);
    free(p);
}

static int check_usable(const struct partial *p, struct error *e)
{
    if (p->broken)
        return error_set(e, ERR_IO, "%s: nothing more is written after an earlier error",
                         p->growing);
    return 0;
}

int partial_append(struct partial *p, struct slice bytes, struct error *e)
{
    int code = check_usable(p, e);

    if (code != 0 || bytes.len == 0)
        return code;
    if (p->renamed)
        return error_set(e, ERR_DATA, "%s is gone while %s is not complete", p->growing, p->path);
    code = file_write_at(p->fd, bytes.data, bytes.len, p->bytes, e);
    if (code == 0)
        code = file_sync(p->fd, e);
    if (code != 0) {
        p->broken = true;
        return error_prefix(e, "%s", p->growing);
    }
    p->bytes += bytes.len;
    return 0;
}

uint64_t partial_bytes(const struct partial *p)
{
    return p->bytes;
}

/* Whether OUT.partial still names our file, with our bytes: what is renamed must be what was
 * committed. */
static int check_identity(const struct partial *p, struct error *e)
{
    struct stat ours, named;

    if (fstat(p->fd, &ours) != 0 || lstat(p->growing, &named) != 0)
        return error_errno(e, ERR_IO, errno, "cannot examine %s", p->growing);
    if (ours.st_dev != named.st_dev || ours.st_ino != named.st_ino ||
        (uint64_t)ours.st_size != p->bytes)
        return error_set(e, ERR_DATA, "%s was changed by another process", p->growing);
    return 0;
}

static int put_in_place(struct partial *p, struct error *e)
{
    int code = check_identity(p, e);

    if (code == 0 && (code = file_sync(p->fd, e)) != 0)
        error_prefix(e, "%s", p->growing);
    if (code == 0 && rename(p->growing, p->path) != 0)
        code = error_errno(e, ERR_IO, errno, "cannot rename %s to %s", p->growing, p->path);
    if (code == 0)
        p->renamed = true;
    return code;
}

int partial_finish(struct partial *p, struct error *e)
{
    int code = check_usable(p, e);

    if (code == 0 && !p->renamed)
        code = put_in_place(p, e);
    if (code == 0)
        code = file_sync_folder(p->path, e);
    if (code != 0)
        p->broken = true;
    return code;
}
