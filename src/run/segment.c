/* The form of a segment.
 *
 *     header   "tranche callbacks 1\n", zeros to 24, the salt (8)
 *     entry    magic (4), length of the rest (4), XXH3 of the rest under the salt (8),
 *              then: time (8), run (8), batch (4), attempt (4), length of the name (1), the
 *              provider's name, the body
 *
 * Numbers are little-endian. An entry is whole when magic, length and hash agree. Whoever reads a
 * segment that nobody writes to any more goes on behind bytes that are no entry: a write that a
 * power cut tore, and which was therefore never acknowledged, hides nothing behind it.
 *
 * Pure but for reading files; any thread. */
#include "run/segment.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"
#include "wire/digest.h"

#define NAME       "callbacks."
#define NAME_LEN   (sizeof NAME - 1 + 8)
#define TITLE      "tranche callbacks 1\n"
#define SALT_AT    24
#define ENTRY_HEAD 16 /* magic, length, hash */
#define ENTRY_MIN  25 /* of the rest, without name and body */

_Static_assert(ENTRY_HEAD + ENTRY_MIN <= SEGMENT_ENTRY_OVERHEAD, "what an entry takes");
_Static_assert(sizeof TITLE - 1 <= SALT_AT && SALT_AT + 8 == SEGMENT_HEADER_LEN, "the header");

static const uint8_t magic[4] = {0xca, 0x11, 0xba, 0xc4};

static void put_number(uint8_t *at, uint64_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_number(const uint8_t *at, unsigned len)
{
    uint64_t value = 0;

    for (unsigned i = len; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

/* --- files ---------------------------------------------------------------------------------- */

char *segment_path(const char *dir, uint32_t number)
{
    char name[NAME_LEN + 1];

    snprintf(name, sizeof name, NAME "%08x", number);
    return file_join(dir, name);
}

static bool read_name(const char *name, uint32_t *number)
{
    uint8_t bytes[4];

    if (strncmp(name, NAME, sizeof NAME - 1) != 0 ||
        !digest_unhex(slice_of(name + sizeof NAME - 1), bytes, sizeof bytes))
        return false;
    *number =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

int segment_list(const char *dir, uint32_t **numbers, unsigned *count, struct error *e)
{
    DIR *d = opendir(dir);
    uint32_t number;

    *count = 0;
    *numbers = NULL;
    if (d == NULL)
        return error_errno(e, errno == ENOENT ? ERR_NOINPUT : ERR_IO, errno,
                           "cannot open the folder %s", dir);
    *numbers = calloc(SEGMENTS_MAX, sizeof **numbers);
    int rc = *numbers ? 0 : error_set(e, ERR_INTERNAL, "out of memory");
    errno = 0;
    for (const struct dirent *entry; rc == 0 && (entry = readdir(d)); errno = 0) {
        if (!read_name(entry->d_name, &number))
            continue;
        if (*count == SEGMENTS_MAX)
            rc = error_set(e, ERR_DATA, "%s holds more than %d segments", dir, SEGMENTS_MAX);
        else
            (*numbers)[(*count)++] = number;
    }
    if (rc == 0 && errno != 0)
        rc = error_errno(e, ERR_IO, errno, "cannot read the folder %s", dir);
    closedir(d);
    if (rc == 0) {
        qsort(*numbers, *count, sizeof **numbers, compare);
    } else {
        free(*numbers);
        *numbers = NULL;
    }
    return rc;
}

/* The end of the file into *bytes, from offset. */
static int read_rest(int fd, uint64_t offset, struct buf *bytes, struct error *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return error_errno(e, ERR_IO, errno, "cannot examine");
    if ((uint64_t)st.st_size > SEGMENT_BYTES_MAX)
        return error_set(e, ERR_DATA, "longer than a segment is");
    if ((uint64_t)st.st_size <= offset)
        return 0;
    size_t len = (size_t)((uint64_t)st.st_size - offset);
    char *to = buf_reserve(bytes, len);
    if (to == NULL)
        return error_set(e, ERR_INTERNAL, "out of memory");
    bytes->len += len;
    return file_read_at(fd, to, len, offset, e);
}

static int read_segment(int fd, uint64_t offset, struct buf *bytes, uint64_t *salt, struct error *e)
{
    uint8_t header[SEGMENT_HEADER_LEN];

    if (file_read_at(fd, header, sizeof header, 0, e) != 0)
        return e->code;
    if (memcmp(header, TITLE, sizeof TITLE - 1) != 0)
        return error_set(e, ERR_DATA, "it does not begin as a segment of callbacks does");
    *salt = get_number(header + SALT_AT, 8);
    return read_rest(fd, offset > 0 ? offset : SEGMENT_HEADER_LEN, bytes, e);
}

int segment_read(const char *dir, uint32_t number, uint64_t offset, struct buf *bytes,
                 uint64_t *salt, struct error *e)
{
    char *path = segment_path(dir, number);
    struct stat st;
    int rc = 0;

    buf_reset(bytes);
    if (stat(path, &st) != 0 && errno == ENOENT) {
        free(path);
        return 0;
    }
    int fd = file_open_read(path, e);
    if (fd < 0) {
        rc = fd;
    } else {
        rc = read_segment(fd, offset, bytes, salt, e);
        close(fd);
        if (rc != 0)
            error_prefix(e, "%s", path);
    }
    free(path);
    return rc == 0 ? 1 : rc;
}

/* --- entries -------------------------------------------------------------------------------- */

void segment_begin(uint8_t header[SEGMENT_HEADER_LEN], uint64_t *salt)
{
    memset(header, 0, SEGMENT_HEADER_LEN);
    memcpy(header, TITLE, sizeof TITLE - 1);
    digest_random(salt, sizeof *salt);
    put_number(header + SALT_AT, *salt, 8);
}

void segment_put(struct buf *out, uint64_t salt, const struct segment_entry *entry)
{
    size_t rest = ENTRY_MIN + entry->provider.len + entry->body.len;
    uint8_t *at = (uint8_t *)buf_reserve(out, ENTRY_HEAD + rest);

    if (at == NULL)
        return;
    uint8_t *in = at + ENTRY_HEAD;
    put_number(in, (uint64_t)entry->wall_ms, 8);
    memcpy(in + 8, entry->token.run, TOKEN_RUN_LEN);
    put_number(in + 16, entry->token.batch, 4);
    put_number(in + 20, entry->token.attempt, 4);
    in[24] = (uint8_t)entry->provider.len;
    memcpy(in + ENTRY_MIN, entry->provider.data, entry->provider.len);
    memcpy(in + ENTRY_MIN + entry->provider.len, entry->body.data, entry->body.len);
    memcpy(at, magic, sizeof magic);
    put_number(at + 4, rest, 4);
    put_number(at + 8, XXH3_64bits_withSeed(in, rest, salt), 8);
    out->len += ENTRY_HEAD + rest;
}

/* The length of the whole entry that begins at `at`; 0: there is none. */
static size_t entry_len(struct slice bytes, size_t at, uint64_t salt)
{
    const uint8_t *head = (const uint8_t *)bytes.data + at;
    size_t left = bytes.len - at;

    if (left < ENTRY_HEAD + ENTRY_MIN || memcmp(head, magic, sizeof magic) != 0)
        return 0;
    uint64_t rest = get_number(head + 4, 4);
    if (rest < ENTRY_MIN || rest > left - ENTRY_HEAD)
        return 0;
    if (get_number(head + 8, 8) != XXH3_64bits_withSeed(head + ENTRY_HEAD, rest, salt))
        return 0;
    size_t name_len = head[ENTRY_HEAD + 24];
    return name_len <= rest - ENTRY_MIN ? ENTRY_HEAD + (size_t)rest : 0;
}

static void read_entry(const uint8_t *in, size_t rest, struct segment_entry *entry)
{
    size_t name_len = in[24];

    entry->wall_ms = (int64_t)get_number(in, 8);
    memcpy(entry->token.run, in + 8, TOKEN_RUN_LEN);
    entry->token.batch = (uint32_t)get_number(in + 16, 4);
    entry->token.attempt = (uint32_t)get_number(in + 20, 4);
    entry->provider = (struct slice){(const char *)in + ENTRY_MIN, name_len};
    entry->body =
        (struct slice){(const char *)in + ENTRY_MIN + name_len, rest - ENTRY_MIN - name_len};
}

/* The place behind `at` where the next entry may begin; the end: nowhere. */
static size_t next_magic(struct slice bytes, size_t at)
{
    const char *found = memmem(bytes.data + at, bytes.len - at, magic, sizeof magic);

    return found ? (size_t)(found - bytes.data) : bytes.len;
}

bool segment_next(struct slice bytes, size_t *at, uint64_t salt, bool live,
                  struct segment_entry *entry, uint64_t *passed)
{
    while (*at < bytes.len) {
        size_t len = entry_len(bytes, *at, salt);
        if (len > 0) {
            read_entry((const uint8_t *)bytes.data + *at + ENTRY_HEAD, len - ENTRY_HEAD, entry);
            *at += len;
            return true;
        }
        if (live)
            return false;
        size_t next = next_magic(bytes, *at + 1);
        *passed += next - *at;
        *at = next;
    }
    return false;
}
