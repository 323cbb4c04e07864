/* Finds and makes the folder of what runs on this host share. Any thread. */
#include "run/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

/* A relative path is ignored, as the XDG Base Directory Specification asks. */
static char *place(struct error *e)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (state && state[0] == '/')
        return file_join(state, "tranche");
    if (home && home[0] == '/')
        return file_join(home, ".local/state/tranche");
    error_set(e, ERR_CONFIG,
              "there is no place for what runs share: neither XDG_STATE_HOME nor HOME is set to an"
              " absolute path");
    return NULL;
}

/* Make what is missing of the folders above `path`; those that are there are somebody else's. */
static int make_above(char *path, struct error *e)
{
    for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        int rc = mkdir(path, 0700);
        if (rc != 0 && errno != EEXIST)
            error_errno(e, ERR_CANTCREATE, errno, "cannot create the folder %s", path);
        *at = '/';
        if (e->code != 0)
            return e->code;
    }
    return 0;
}

int state_folder(char **path, struct error *e)
{
    *path = place(e);
    if (!*path)
        return e->code;
    int rc = make_above(*path, e);
    if (rc == 0)
        rc = file_make_private_folder(*path, e);
    if (rc != 0) {
        free(*path);
        *path = NULL;
    }
    return rc;
}
