/* Keeps the host's callback secret.
 *
 * 1. The file appears whole, under its name, or not at all: it is written beside it and linked,
 *    which fails where another process was first; then that one's secret is everybody's.
 * 2. It is never replaced: vendors still hold addresses made with it.
 *
 * If the process dies in between, callback.secret.XXXXXX is left, which nothing reads. Any thread. */
#include "run/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "run/state.h"
#include "wire/digest.h"

#define FILE_LEN (2 * TOKEN_KEY_LEN + 1) /* hexadecimal, and a line feed */

/* On return 0 the file and its name are durable, whoever made it. */
static int make(const char *path, struct error *e)
{
    uint8_t key[TOKEN_KEY_LEN];
    char text[FILE_LEN + 1], *temporary = NULL;

    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return error_set(e, ERR_INTERNAL, "out of memory");
    int fd = mkostemp(temporary, O_CLOEXEC); /* O_EXCL, 0600 */
    if (fd < 0) {
        error_errno(e, ERR_CANTCREATE, errno, "cannot create %s", temporary);
        free(temporary);
        return e->code;
    }
    digest_random(key, sizeof key);
    digest_hex(key, sizeof key, text);
    text[FILE_LEN - 1] = '\n';
    int rc = file_write(fd, text, FILE_LEN, e);
    if (rc == 0)
        rc = file_sync(fd, e);
    if (rc == 0 && link(temporary, path) != 0 && errno != EEXIST)
        rc = error_errno(e, ERR_CANTCREATE, errno, "cannot create %s", path);
    close(fd);
    unlink(temporary);
    free(temporary);
    digest_wipe(key, sizeof key);
    digest_wipe(text, sizeof text);
    return rc == 0 ? file_sync_folder(path, e) : rc;
}

static int take(int fd, const char *path, struct secret *s, struct error *e)
{
    struct stat st;
    char text[FILE_LEN + 1];

    if (fstat(fd, &st) != 0)
        return error_errno(e, ERR_IO, errno, "cannot examine %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(e, ERR_CONFIG, "%s is no plain file", path);
    if ((st.st_mode & 077) != 0 || st.st_uid != geteuid())
        return error_set(e, ERR_CONFIG,
                         "%s can be read by others or belongs to someone else: who knows it can"
                         " forge callbacks. Delete it for a new one; callbacks to addresses given"
                         " out before are then refused",
                         path);
    ssize_t n = read(fd, text, sizeof text);
    if (n < 0)
        return error_errno(e, ERR_IO, errno, "cannot read %s", path);
    bool right = n == FILE_LEN && text[FILE_LEN - 1] == '\n' &&
                 digest_unhex((struct slice){text, FILE_LEN - 1}, s->key, sizeof s->key);
    digest_wipe(text, sizeof text);
    if (!right)
        return error_set(e, ERR_CONFIG,
                         "%s is not as it was written. Delete it for a new one; callbacks to"
                         " addresses given out before are then refused",
                         path);
    return 0;
}

static int load(const char *path, struct secret *s, struct error *e)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags);

    if (fd < 0 && errno == ENOENT) {
        if (make(path, e) != 0)
            return e->code;
        fd = open(path, flags);
    }
    if (fd < 0)
        return error_errno(e, ERR_CONFIG, errno, "cannot open %s", path);
    int rc = take(fd, path, s, e);
    close(fd);
    return rc;
}

int secret_load(struct secret *s, struct error *e)
{
    char *folder, *path;

    secret_wipe(s);
    if (state_folder(&folder, e) != 0)
        return e->code;
    path = file_join(folder, "callback.secret");
    int rc = load(path, s, e);
    if (rc != 0)
        secret_wipe(s);
    free(path);
    free(folder);
    return rc;
}

void secret_wipe(struct secret *s)
{
    digest_wipe(s, sizeof *s);
}
