/* API keys. */
#include "run/key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/digest.h"
#include "wire/http.h"

static int check(const char *from, char *key, struct error *e)
{
    struct slice trimmed = slice_trim(slice_of(key));
    memmove(key, trimmed.data, trimmed.len);
    key[trimmed.len] = '\0';
    if (trimmed.len == 0)
        return error_set(e, ERR_CONFIG, "%s holds no key", from);
    if (strchr("'\"", key[0]) != NULL || strncmp(key, "export ", 7) == 0 ||
        strstr(key, "_API_KEY=") != NULL)
        return error_set(e, ERR_CONFIG,
                         "%s holds more than the key: neither quotes nor a NAME= belong into it",
                         from);
    if (!http_header_valid(slice_of(key)))
        return error_set(e, ERR_CONFIG, "%s holds characters that no key has", from);
    return 0;
}

static int read_file(const char *path, char **key, struct error *e)
{
    struct stat st;
    /* Not waiting: a pipe without a writer would hold the command up for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return error_errno(e, ERR_CONFIG, errno, "the file %s", path);
    char *text = calloc(1, KEY_MAX + 2);
    ssize_t n = -1;
    int rc = 0;
    if (text == NULL)
        abort();
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = error_set(e, ERR_CONFIG, "the file %s is no plain file", path);
    else if ((st.st_mode & 077) != 0 || st.st_uid != geteuid())
        rc = error_set(e, ERR_CONFIG,
                       "the file %s can be read by others or belongs to someone else: chmod 600"
                       " it",
                       path);
    else if ((n = read(fd, text, KEY_MAX + 1)) < 0)
        rc = error_errno(e, ERR_CONFIG, errno, "the file %s", path);
    else if (n > KEY_MAX || memchr(text, '\0', (size_t)n) != NULL)
        rc = error_set(e, ERR_CONFIG, "the file %s is longer than a key, or no text", path);
    close(fd);
    if (rc == 0)
        rc = check(path, text, e);
    if (rc == 0)
        *key = text;
    else
        key_free(text);
    return rc;
}

/* From the file, else the variable, else the file that the variable with _FILE names; *key is NULL
 * when there is none of them. */
int key_find(const char *variable, const char *file, char **key, struct error *e)
{
    char file_variable[64];
    snprintf(file_variable, sizeof file_variable, "%s_FILE", variable);
    const char *value = getenv(variable), *path = getenv(file_variable);
    *key = NULL;
    if (file != NULL)
        return read_file(file, key, e);
    if (value != NULL && *value != '\0') {
        *key = calloc(1, strlen(value) + 1);
        if (*key == NULL)
            abort();
        memcpy(*key, value, strlen(value));
        int rc = check(variable, *key, e);
        if (rc != 0) {
            key_free(*key);
            *key = NULL;
        }
        return rc;
    }
    return path != NULL && *path != '\0' ? read_file(path, key, e) : 0;
}

int key_load(const struct provider *p, const char *file, char **key, struct error *e)
{
    int rc = key_find(p->key_env, file, key, e);
    if (rc != 0 || *key != NULL)
        return rc;
    return error_set(
        e, ERR_CONFIG,
        "no key for %s: put it into a file of mode 0600 and name that with --key-file, or"
        " set %s or %s_FILE; or try --sandbox, which needs none",
        p->title, p->key_env, p->key_env);
}

int key_load_proof(const struct provider *p, const char *file, char **secret, struct error *e)
{
    *secret = NULL;
    switch (p->proof) {
    case PROOF_TOKEN:
        return 0;
    case PROOF_KEY_SHA256:
        return key_find(p->key_env, file, secret, e);
    case PROOF_HMAC_SHA256:
        return key_find(p->secret_env, NULL, secret, e);
    }
    return error_set(e, ERR_INTERNAL, "a proof of no kind");
}

void key_free(char *key)
{
    if (key != NULL)
        digest_wipe(key, strlen(key));
    free(key);
}
