/* Takes a run's callbacks out of the spool.
 *
 * 1. The segments are listed before any is read: one that has a later one beside it is not written
 *    to any more, so its end is final, torn or not. In the last one the first bytes that are no
 *    entry may still become one, and are looked at again.
 * 2. The place moves over callbacks of others too, so that nothing is read twice.
 * 3. taken.<run> is written after what it says is durable with the run. If the process dies in
 *    between, the callbacks come again; it is never ahead.
 * 4. What a run takes may be lost again in the spool by a power cut (it was not acknowledged yet);
 *    the place may then be behind the end of a segment. No segment is appended to by a second
 *    process, so nothing ever comes to lie before that place. */
#include "run/inbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "wire/digest.h"

#define NAME      "taken."
#define TAKEN_MAX 64 /* bytes of taken.<run> */

struct inbox {
    char *dir;
    uint8_t run[TOKEN_RUN_LEN];
    struct inbox_place place;
    struct buf bytes;
};

/* --- taken.<run> ---------------------------------------------------------------------------- */

static char *taken_path(const char *dir, const uint8_t *run)
{
    char name[sizeof NAME + 2 * TOKEN_RUN_LEN];

    memcpy(name, NAME, sizeof NAME - 1);
    digest_hex(run, TOKEN_RUN_LEN, name + sizeof NAME - 1);
    return file_join(dir, name);
}

/* "SEGMENT OFFSET\n" */
static bool read_place(struct slice text, struct inbox_place *out)
{
    const char *space = memchr(text.data, ' ', text.len);
    unsigned long long segment, offset;

    if (space == NULL || text.data[text.len - 1] != '\n')
        return false;
    struct slice first = {text.data, (size_t)(space - text.data)};
    struct slice second = {space + 1, text.len - first.len - 2};
    if (!slice_u64(first, &segment) || segment > UINT32_MAX || !slice_u64(second, &offset))
        return false;
    *out = (struct inbox_place){(uint32_t)segment, offset};
    return true;
}

int inbox_taken(const char *dir, const uint8_t run[TOKEN_RUN_LEN], struct inbox_place *out,
                struct error *e)
{
    char *path = taken_path(dir, run), *text = NULL;
    struct error missing = {0};
    size_t len;
    int rc = file_read_all(path, TAKEN_MAX, &text, &len, &missing);

    *out = (struct inbox_place){0};
    if (rc == ERR_NOINPUT) {
        rc = 0;
    } else if (rc != 0) {
        *e = missing;
    } else if (!read_place(slice_of(text), out)) {
        rc = error_set(e, ERR_DATA,
                       "%s is not as it was written; without it the run looks at all callbacks of"
                       " the spool again, and knows those it has: delete it",
                       path);
    }
    free(text);
    free(path);
    return rc;
}

static int write_taken(const char *dir, const uint8_t *run, struct inbox_place place,
                       struct error *e)
{
    char text[TAKEN_MAX], *path = taken_path(dir, run);
    int len = snprintf(text, sizeof text, "%" PRIu32 " %" PRIu64 "\n", place.segment, place.offset);
    int rc = file_replace(path, (struct slice){text, (size_t)len}, true, e);

    free(path);
    return rc;
}

int inbox_done(struct inbox *box, struct inbox_place place, struct error *e)
{
    return write_taken(box->dir, box->run, place, e);
}

int inbox_forget(const char *dir, const uint8_t run[TOKEN_RUN_LEN], struct error *e)
{
    const struct inbox_place all = {UINT32_MAX, 0};
    struct error none = {0};
    uint32_t *numbers;
    unsigned count;

    if (segment_list(dir, &numbers, &count, &none) == ERR_NOINPUT)
        return 0;
    free(numbers);
    return write_taken(dir, run, all, e);
}

/* --- taking --------------------------------------------------------------------------------- */

int inbox_open(struct inbox **out, const char *dir, const uint8_t run[TOKEN_RUN_LEN],
               struct error *e)
{
    struct inbox *box = calloc(1, sizeof *box);

    *out = NULL;
    if (box == NULL || (box->dir = strdup(dir)) == NULL) {
        free(box);
        return error_set(e, ERR_INTERNAL, "out of memory");
    }
    memcpy(box->run, run, TOKEN_RUN_LEN);
    buf_init(&box->bytes, SEGMENT_BYTES_MAX);
    if (file_make_private_folder(dir, e) != 0 || inbox_taken(dir, run, &box->place, e) != 0) {
        inbox_close(box);
        return e->code;
    }
    *out = box;
    return 0;
}

void inbox_close(struct inbox *box)
{
    if (box == NULL)
        return;
    buf_deinit(&box->bytes);
    free(box->dir);
    free(box);
}

struct inbox_place inbox_place(const struct inbox *box)
{
    return box->place;
}

/* From one segment. 1: fn wants no more. */
static int take_from(struct inbox *box, uint32_t number, bool live,
                     int (*fn)(void *arg, const struct segment_entry *entry), void *arg,
                     struct error *e)
{
    struct segment_entry entry;
    uint64_t salt, passed = 0, from = number == box->place.segment ? box->place.offset : 0;
    int rc = segment_read(box->dir, number, from, &box->bytes, &salt, e);

    if (rc <= 0)
        return rc;
    if (from == 0)
        from = SEGMENT_HEADER_LEN;
    box->place = (struct inbox_place){number, from};
    size_t at = 0;
    while (segment_next(buf_slice(&box->bytes), &at, salt, live, &entry, &passed)) {
        if (memcmp(entry.token.run, box->run, TOKEN_RUN_LEN) == 0 && fn(arg, &entry) != 0)
            return 1;
        box->place.offset = from + at;
    }
    box->place.offset = from + at;
    if (passed > 0)
        log_write(LOG_WARN, "callbacks",
                  "%s: %" PRIu64 " bytes of segment %" PRIu32
                  " are no callback: a write that a crash cut short, or damage",
                  box->dir, passed, number);
    return 0;
}

int inbox_take(struct inbox *box, int (*fn)(void *arg, const struct segment_entry *entry),
               void *arg, struct error *e)
{
    uint32_t *numbers;
    unsigned count;
    int rc = segment_list(box->dir, &numbers, &count, e);

    for (unsigned i = 0; rc == 0 && i < count; i++)
        if (numbers[i] >= box->place.segment)
            rc = take_from(box, numbers[i], i + 1 == count, fn, arg, e);
    free(numbers);
    buf_deinit(&box->bytes); /* up to a whole segment, which is not needed between two looks */
    return rc < 0 ? rc : 0;
}
