/* Keeps the items of batches in one file.
 *
 * An item is its fields one after the other, each a 16-bit length and its bytes. Of a batch only
 * the places of every 16th item are kept in memory, found by one walk when it is first read; a few
 * batches are open at a time.
 *
 * 1. Bytes before `end` never change: a range that was committed reads the same for ever.
 * 2. Bytes behind `end` belong to no batch (an abandoned one, or one whose journal line was lost)
 * and are written over.
 * 3. A view was walked to its end before it is given out, so items_get needs no checks.
 *
 * Failure: a range that is shorter than its items, or a length that leaves it, is ERR_DATA. One
 * thread. */
#include "sim/items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define WRITE_BYTES     (1u << 20)
#define FIELD_BYTES_MAX UINT16_MAX
#define STRIDE          16
#define VIEWS_MAX       16

struct items_view {
    struct items_range range;
    const char *base; /* of the first item */
    void *map;
    size_t map_len;
    uint32_t *place; /* of every STRIDE-th item, from base */
    uint64_t used;   /* when last, for choosing whom to close */
};

struct items {
    int fd;
    uint64_t end;  /* of the last committed range */
    uint64_t size; /* of the file when it was opened */
    bool dirty;
    uint64_t clock;
    struct items_view view[VIEWS_MAX];
};

int items_open(struct items **out, const char *folder, struct error *e)
{
    struct items *s = calloc(1, sizeof *s);
    struct stat st;
    *out = NULL;
    if (!s)
        return error_set(e, ERR_INTERNAL, "no memory for the items");
    char *path = file_join(folder, "items");
    s->fd = file_create(path, false, e);
    if (s->fd < 0)
        goto failed;
    if (fstat(s->fd, &st) != 0) {
        error_errno(e, ERR_IO, errno, "cannot look at %s", path);
        goto failed;
    }
    if (file_sync_folder(path, e) != 0)
        goto failed;
    s->size = (uint64_t)st.st_size;
    free(path);
    *out = s;
    return 0;
failed:
    free(path);
    items_close(s);
    return e->code;
}

static void view_close(struct items_view *v)
{
    if (v->map)
        munmap(v->map, v->map_len);
    free(v->place);
    *v = (struct items_view){0};
}

void items_close(struct items *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < VIEWS_MAX; i++)
        view_close(&s->view[i]);
    if (s->fd >= 0)
        close(s->fd);
    free(s);
}

bool items_has(const struct items *s, const struct items_range *r)
{
    return r->bytes <= s->size && r->offset <= s->size - r->bytes;
}

void items_set_end(struct items *s, uint64_t end)
{
    s->end = end;
}

void items_begin(struct items_writer *w, struct items *s, unsigned fields)
{
    *w = (struct items_writer){.store = s, .range = {.offset = s->end, .fields = fields}};
    buf_init(&w->out, WRITE_BYTES + QUESTION_FIELDS_MAX * (FIELD_BYTES_MAX + 2));
}

static int writer_flush(struct items_writer *w, struct error *e)
{
    if (w->out.failed)
        return error_set(e, ERR_INTERNAL, "no memory for items");
    int code =
        file_write_at(w->store->fd, w->out.data, w->out.len, w->range.offset + w->written, e);
    if (code != 0)
        return code;
    w->written += w->out.len;
    buf_reset(&w->out);
    return 0;
}

static bool digest_empty(XXH128_hash_t d)
{
    return d.low64 == 0 && d.high64 == 0;
}

/* The place of the digest, or the empty one where it would go. */
static XXH128_hash_t *seen_find(XXH128_hash_t *seen, uint32_t places, XXH128_hash_t digest)
{
    uint32_t i = (uint32_t)digest.low64 & (places - 1);
    while (!digest_empty(seen[i]) && !XXH128_isEqual(seen[i], digest))
        i = (i + 1) & (places - 1);
    return &seen[i];
}

/* Room for one more at a load of at most a half. */
static bool seen_grow(struct items_writer *w)
{
    if ((uint64_t)(w->used + 1) * 2 <= w->places)
        return true;
    uint32_t places = w->places ? w->places * 4 : 64;
    XXH128_hash_t *seen = calloc(places, sizeof *seen);
    if (!seen)
        return false;
    for (uint32_t i = 0; i < w->places; i++)
        if (!digest_empty(w->seen[i]))
            *seen_find(seen, places, w->seen[i]) = w->seen[i];
    free(w->seen);
    w->seen = seen;
    w->places = places;
    return true;
}

int items_add(struct items_writer *w, const struct slice *fields, XXH128_hash_t digest, bool *fresh,
              struct error *e)
{
    if (!seen_grow(w))
        return error_set(e, ERR_INTERNAL, "no memory to find duplicates");
    if (digest_empty(digest))
        digest.low64 = 1;
    XXH128_hash_t *place = seen_find(w->seen, w->places, digest);
    *fresh = digest_empty(*place);
    if (!*fresh)
        return 0;
    *place = digest;
    w->used++;
    for (unsigned i = 0; i < w->range.fields; i++) {
        if (fields[i].len > FIELD_BYTES_MAX)
            return error_set(e, ERR_INTERNAL, "an item's field has %zu bytes", fields[i].len);
        uint16_t len = (uint16_t)fields[i].len;
        buf_append(&w->out, &len, sizeof len);
        buf_append_slice(&w->out, fields[i]);
    }
    w->range.count++;
    return w->out.len >= WRITE_BYTES ? writer_flush(w, e) : 0;
}

int items_commit(struct items_writer *w, struct items_range *range, struct error *e)
{
    int code = writer_flush(w, e);
    /* Places within a range are 32-bit numbers. */
    if (code == 0 && w->written > UINT32_MAX)
        code = error_set(e, ERR_INTERNAL, "a batch's items have more than 4 GiB");
    if (code == 0) {
        w->range.bytes = w->written;
        *range = w->range;
        w->store->end += w->written;
        if (w->store->size < w->store->end)
            w->store->size = w->store->end;
        w->store->dirty = true;
    }
    items_abandon(w);
    return code;
}

void items_abandon(struct items_writer *w)
{
    buf_deinit(&w->out);
    free(w->seen);
    w->seen = NULL;
}

int items_sync(struct items *s, struct error *e)
{
    if (!s->dirty)
        return 0;
    s->dirty = false;
    return file_sync(s->fd, e);
}

/* Step over one field; NULL when it does not lie before end. */
static const char *field_end(const char *at, const char *end)
{
    uint16_t len;
    if (end - at < (ptrdiff_t)sizeof len)
        return NULL;
    memcpy(&len, at, sizeof len);
    at += sizeof len;
    return end - at < len ? NULL : at + len;
}

/* Walk all items: checks them and notes the places. */
static int view_walk(struct items_view *v, struct error *e)
{
    const char *at = v->base, *end = v->base + v->range.bytes;
    for (uint32_t i = 0; i < v->range.count; i++) {
        if (i % STRIDE == 0)
            v->place[i / STRIDE] = (uint32_t)(at - v->base);
        for (unsigned f = 0; f < v->range.fields && at; f++)
            at = field_end(at, end);
        if (!at)
            return error_set(e, ERR_DATA,
                             "the simulator's items are damaged: item %u of %u at %llu", i + 1,
                             v->range.count, (unsigned long long)v->range.offset);
    }
    return 0;
}

static int view_map(struct items *s, struct items_view *v, const struct items_range *r,
                    struct error *e)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), from = r->offset / page * page;
    v->range = *r;
    v->map_len = (size_t)(r->offset + r->bytes - from);
    v->place = calloc(r->count / STRIDE + 1, sizeof *v->place);
    if (!v->place)
        return error_set(e, ERR_INTERNAL, "no memory for a batch of %u items", r->count);
    void *map = mmap(NULL, v->map_len, PROT_READ, MAP_SHARED, s->fd, (off_t)from);
    if (map == MAP_FAILED)
        return error_errno(e, ERR_IO, errno, "cannot map the simulator's items");
    v->map = map;
    v->base = (const char *)map + (r->offset - from);
    return view_walk(v, e);
}

int items_open_view(struct items *s, const struct items_range *r, const struct items_view **out,
                    struct error *e)
{
    struct items_view *oldest = &s->view[0];
    for (unsigned i = 0; i < VIEWS_MAX; i++) {
        struct items_view *v = &s->view[i];
        if (v->map && v->range.offset == r->offset) {
            v->used = ++s->clock;
            *out = v;
            return 0;
        }
        if (v->used < oldest->used)
            oldest = v;
    }
    if (!items_has(s, r) || r->bytes == 0)
        return error_set(e, ERR_DATA, "the simulator's items end before a batch at %llu",
                         (unsigned long long)r->offset);
    view_close(oldest);
    if (view_map(s, oldest, r, e) != 0) {
        view_close(oldest);
        return e->code;
    }
    oldest->used = ++s->clock;
    *out = oldest;
    return 0;
}

static struct slice field_at(const char *at)
{
    uint16_t len;
    memcpy(&len, at, sizeof len);
    return (struct slice){at + sizeof len, len};
}

void items_get(const struct items_view *v, uint32_t i, struct slice fields[QUESTION_FIELDS_MAX])
{
    const char *at = v->base + v->place[i / STRIDE];
    for (uint32_t skip = i % STRIDE * v->range.fields; skip > 0; skip--) {
        struct slice field = field_at(at);
        at = field.data + field.len;
    }
    for (unsigned f = 0; f < v->range.fields; f++) {
        fields[f] = field_at(at);
        at = fields[f].data + fields[f].len;
    }
}
