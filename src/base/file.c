/* Creates, writes, reads, locks and replaces files, naming the file-system facts the rest relies
 * on.
 *
 * 1. Every descriptor is close-on-exec; everything created is private to its user.
 * 2. fsync and fdatasync are called once: after a failure the kernel may already have thrown the
 * pages away, and a second call would say "fine".
 * 3. A replaced file is the old or the new one: the bytes go to a temporary file in the same
 * folder, which is then renamed over it. A crash in between leaves PATH.tmp.XXXXXX, which nothing
 * reads.
 *
 * Functions that get a path name it in the message; those that get a descriptor leave that to the
 * caller. Any thread. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOCK_TRIES                                                                                 \
    10 /* each needs somebody to delete the lock file at the very moment we take it */

int file_open_read(const char *path, struct error *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR || errno == EACCES;
        return error_errno(e, missing ? ERR_NOINPUT : ERR_IO, errno, "cannot open %s", path);
    }
    if (fstat(fd, &st) != 0) {
        error_errno(e, ERR_IO, errno, "cannot examine %s", path);
        close(fd);
        return e->code;
    }
    if (S_ISDIR(st.st_mode)) {
        close(fd);
        return error_set(e, ERR_NOINPUT, "%s is a folder, not a file", path);
    }
    return fd;
}

int file_create(const char *path, bool fresh, struct error *e)
{
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | (fresh ? O_EXCL : 0);
    int fd = open(path, flags, 0600);

    if (fd >= 0)
        return fd;
    if (errno == ELOOP)
        return error_set(e, ERR_CANTCREATE, "cannot create %s: it is a symbolic link", path);
    return error_errno(e, ERR_CANTCREATE, errno, "cannot create %s", path);
}

static int write_problem(struct error *e, int errnum)
{
    if (errnum == ENOSPC || errnum == EDQUOT)
        return error_errno(e, ERR_IO, errnum, "the disk is full");
    return error_errno(e, ERR_IO, errnum, "cannot write");
}

/* Whether a write that failed so may be tried again; waits first where that is needed: standard
 * output can be a pipe that somebody made non-blocking. */
static bool write_again(int fd, int errnum)
{
    if (errnum != EAGAIN)
        return errnum == EINTR;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, -1) >= 0 || errno == EINTR;
}

int file_write(int fd, const void *data, size_t len, struct error *e)
{
    const char *at = data;

    while (len > 0) {
        ssize_t done = write(fd, at, len);
        if (done < 0 && write_again(fd, errno))
            continue;
        if (done <= 0)
            return write_problem(e, done < 0 ? errno : EIO);
        at += done;
        len -= (size_t)done;
    }
    return 0;
}

int file_write_at(int fd, const void *data, size_t len, uint64_t offset, struct error *e)
{
    const char *at = data;

    while (len > 0) {
        ssize_t done = pwrite(fd, at, len, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return write_problem(e, done < 0 ? errno : EIO);
        at += done;
        offset += (uint64_t)done;
        len -= (size_t)done;
    }
    return 0;
}

int file_read_at(int fd, void *data, size_t len, uint64_t offset, struct error *e)
{
    char *at = data;

    while (len > 0) {
        ssize_t done = pread(fd, at, len, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_errno(e, ERR_IO, errno, "cannot read");
        if (done == 0)
            return error_set(e, ERR_IO, "the file ends at byte %llu, %zu bytes too early",
                             (unsigned long long)offset, len);
        at += done;
        offset += (uint64_t)done;
        len -= (size_t)done;
    }
    return 0;
}

int file_sync(int fd, struct error *e)
{
    if (fdatasync(fd) != 0)
        return error_errno(e, ERR_IO, errno, "cannot make the file durable");
    return 0;
}

/* The folder part of path, malloc'ed; NULL without memory. */
static char *folder_of(const char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 1 && path[len - 1] == '/')
        len--;
    return len > 0 ? strndup(path, len) : strdup(".");
}

int file_sync_folder(const char *path, struct error *e)
{
    char *folder = folder_of(path);
    int code = 0;

    if (!folder)
        return error_set(e, ERR_INTERNAL, "out of memory");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        code = error_errno(e, ERR_IO, errno, "cannot open the folder %s", folder);
    else if (fsync(fd) != 0)
        code = error_errno(e, ERR_IO, errno, "cannot make the folder %s durable", folder);
    if (fd >= 0)
        close(fd);
    free(folder);
    return code;
}

/* Fill the new temporary file and put it into place. On return 0 with `durable`, its bytes are
 * durable and its name is not yet. */
static int fill_and_rename(int fd, const char *temporary, const char *path, struct slice bytes,
                           bool durable, struct error *e)
{
    int code = file_write(fd, bytes.data, bytes.len, e);

    if (code == 0 && durable)
        code = file_sync(fd, e);
    /* Close can be the first to report a write that failed on a network file system. */
    if (close(fd) != 0 && code == 0)
        code = write_problem(e, errno);
    if (code == 0 && rename(temporary, path) != 0)
        code = error_errno(e, ERR_IO, errno, "cannot rename %s", temporary);
    if (code != 0) {
        unlink(temporary);
        error_prefix(e, "cannot replace %s", path);
    }
    return code;
}

int file_replace(const char *path, struct slice bytes, bool durable, struct error *e)
{
    char *temporary = NULL;

    if (asprintf(&temporary, "%s.tmp.XXXXXX", path) < 0)
        return error_set(e, ERR_INTERNAL, "out of memory");
    int fd = mkostemp(temporary, O_CLOEXEC);
    int code = fd < 0 ? error_errno(e, ERR_CANTCREATE, errno, "cannot create %s", temporary)
                      : fill_and_rename(fd, temporary, path, bytes, durable, e);
    free(temporary);
    if (code == 0 && durable)
        code = file_sync_folder(path, e);
    return code;
}

/* Read fd to its end into *data; one byte more than max is asked for, to see that there is more. */
static int read_whole(int fd, size_t max, char **data, size_t *len, struct error *e)
{
    size_t cap = 0;

    *len = 0;
    for (;;) {
        if (*len == cap) {
            cap = cap == 0 ? 4096 : cap * 2;
            char *more = realloc(*data, cap + 1);
            if (!more)
                return error_set(e, ERR_INTERNAL, "out of memory");
            *data = more;
        }
        ssize_t done = read(fd, *data + *len, cap - *len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_errno(e, ERR_IO, errno, "cannot read");
        if (done == 0)
            break;
        *len += (size_t)done;
        if (*len > max)
            return error_set(e, ERR_DATA, "larger than the %zu bytes that are read", max);
    }
    (*data)[*len] = '\0';
    return 0;
}

int file_read_all(const char *path, size_t max, char **data, size_t *len, struct error *e)
{
    int fd = file_open_read(path, e);

    *data = NULL;
    *len = 0;
    if (fd < 0)
        return fd;
    int code = read_whole(fd, max, data, len, e);
    close(fd);
    if (code != 0) {
        error_prefix(e, "%s", path);
        free(*data);
        *data = NULL;
        *len = 0;
    }
    return code;
}

int file_make_private_folder(const char *path, struct error *e)
{
    struct stat st;

    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return error_errno(e, ERR_CANTCREATE, errno, "cannot create the folder %s", path);
    if (stat(path, &st) != 0)
        return error_errno(e, ERR_CANTCREATE, errno, "cannot examine %s", path);
    if (!S_ISDIR(st.st_mode))
        return error_set(e, ERR_CANTCREATE, "%s exists and is not a folder", path);
    if (st.st_uid != geteuid())
        return error_set(e, ERR_CONFIG, "the folder %s belongs to another user (uid %lu)", path,
                         (unsigned long)st.st_uid);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return error_set(e, ERR_CONFIG,
                         "the folder %s can be written by others (mode %03o): chmod go-w it", path,
                         (unsigned)(st.st_mode & 0777));
    return 0;
}

uint64_t file_space(const char *path)
{
    struct statvfs fs;
    uint64_t space;
    int rc = statvfs(path, &fs);

    if (rc != 0 && errno == ENOENT) {
        char *folder = folder_of(path);
        rc = folder ? statvfs(folder, &fs) : -1;
        free(folder);
    }
    if (rc != 0 || __builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &space))
        return UINT64_MAX;
    return space;
}

static int lock_is_held(int fd, const char *path, struct error *e)
{
    char pid[24] = "";
    ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);
    size_t digits = len > 0 ? strspn(pid, "0123456789") : 0;

    if (digits == 0)
        return error_set(e, ERR_STOPPED, "%s is in use by another process", path);
    return error_set(e, ERR_STOPPED, "%s is in use by process %.*s", path, (int)digits, pid);
}

/* Whether path still is the file that we locked: a purge may have deleted it in between. */
static bool still_there(int fd, const char *path)
{
    struct stat ours, theirs;

    return fstat(fd, &ours) == 0 && lstat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
           ours.st_ino == theirs.st_ino;
}

/* The number serves a message only, so a full disk does not refuse the lock that is already held.
 */
static void write_holder(int fd)
{
    char pid[24];
    int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());

    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len)
        return;
}

int file_lock(const char *path, struct error *e)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        int fd = file_create(path, false, e);
        if (fd < 0)
            return fd;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int code = errno == EWOULDBLOCK
                           ? lock_is_held(fd, path, e)
                           : error_errno(e, ERR_CANTCREATE, errno, "cannot lock %s", path);
            close(fd);
            return code;
        }
        if (still_there(fd, path)) {
            write_holder(fd);
            return fd;
        }
        close(fd);
    }
    return error_set(e, ERR_STOPPED, "%s is being deleted by another process", path);
}

void file_unlock(int fd)
{
    if (fd < 0)
        return;
    /* An empty file names nobody; that it could not be emptied harms only a message. */
    if (ftruncate(fd, 0) != 0)
        errno = 0;
    close(fd);
}

char *file_join(const char *dir, const char *name)
{
    size_t len = strlen(dir);
    char *joined = NULL;

    while (len > 0 && dir[len - 1] == '/')
        len--;
    while (*name == '/')
        name++;
    /* "" is the current folder, not the root. */
    if (asprintf(&joined, "%.*s%s%s", (int)len, dir, *dir ? "/" : "", name) < 0)
        abort();
    return joined;
}
