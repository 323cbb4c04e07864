/* A list as the rest of the program sees it: opens it, cuts it into shards, and reads shards again.
 *
 * 1. Shards lie one behind the other without a gap. A shard begins where a row or blank lines
 * before it begin, and ends behind the line end of its last row (the last one: with the list); so
 * it can be parsed again by itself.
 * 2. A shard is given out when its hash is known and, if the list is spooled, its frame durable.
 * 3. What a scan gives does not depend on how the reads fall, on the packing, or on where an
 * earlier scan was interrupted.
 *
 * Happy path: open (source, sniff, header, spool), scan until 0, read any shard. Continuing a run,
 * a plain list goes on behind the last known shard, once that one is found to be as it was; any
 * other is read from its start, and every known shard compared.
 *
 * Failure modes: after an error a scan stays failed. A shard that changed is told after its rows
 * were given, so a reader throws them away.
 *
 * Threads: `scan` is the scanning thread's; everything else is fixed when list_open returns, but
 * `done`, which is for anybody. list_read keeps its state on its own stack and heap. */
#include "input/list.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "input/columns.h"
#include "input/csv.h"
#include "input/ndjson.h"
#include "input/rows.h"
#include "input/sniff.h"
#include "input/source.h"
#include "input/spool.h"
#include "input/feed.h"
#include "wire/utf8.h"

struct list {
    struct source *source; /* NULL: all of the list is in the spool */
    struct spool *spool;   /* NULL: shards are read in place */
    char *name;
    struct columns columns;
    struct columns_frozen frozen;
    uint64_t records_max;
    struct list_shard *known;
    uint32_t known_count;
    _Atomic uint64_t done; /* of the source's bytes */
    struct {
        struct feed window;
        struct rows *rows;
        XXH3_state_t *hash;
        uint32_t next; /* the number of the shard that comes */
        bool begun, ended;
        int failed;
    } scan;
};

/* Opening. */

static int no_memory(struct error *e)
{
    return error_set(e, ERR_INTERNAL, "out of memory");
}

static int fill_from_source(void *arg, char *to, size_t room, size_t *got, struct error *e)
{
    const struct list *l = arg;

    return source_read(l->source, to, room, got, e);
}

static int header_too_wide(const struct list *l, unsigned count, struct error *e)
{
    return error_set(e, ERR_DATA, "%s: the header has %u columns; at most %d are supported",
                     l->name, count, LIST_COLUMNS_MAX);
}

/* Put the header's cells into `columns`. */
static int take_header(const struct list *l, const struct csv_row *row, const struct slice *cells,
                       struct columns *columns, struct error *e)
{
    if (row->count > LIST_COLUMNS_MAX)
        return header_too_wide(l, row->count, e);
    for (unsigned i = 0; i < row->count; i++) {
        if (!utf8_valid(cells[i]))
            return error_set(e, ERR_DATA,
                             "%s: the header is not UTF-8 in column %u: convert the list, for "
                             "example with `iconv -f WINDOWS-1252 -t UTF-8`",
                             l->name, i + 1);
        if (!columns_add(columns, cells[i]))
            return no_memory(e);
    }
    return 0;
}

static int read_header(struct list *l, struct columns *columns, struct error *e)
{
    struct slice *cells = calloc(LIST_COLUMNS_MAX, sizeof(*cells));
    struct csv *csv = csv_create(l->frozen.delimiter, l->name, NULL);
    struct csv_row row;
    int rc;

    if (!cells || !csv)
        rc = no_memory(e);
    else
        rc = csv_next(csv, &l->scan.window, cells, LIST_COLUMNS_MAX, &row, e);
    if (rc > 0)
        rc = take_header(l, &row, cells, columns, e);
    if (rc == 0)
        rc = feed_skip_line_ends(&l->scan.window, e);
    if (rc == 0)
        rc = error_set(e, ERR_DATA, "%s has a header but no rows", l->name);
    csv_destroy(csv);
    free(cells);
    return rc < 0 ? rc : 0;
}

/* Read the header again and hold it against the columns that the run was started with: the rows'
 * hashes would not tell that columns were renamed. */
static int compare_header(struct list *l, struct error *e)
{
    struct columns *now = malloc(sizeof(*now));

    if (!now)
        return no_memory(e);
    columns_init(now);
    int rc = read_header(l, now, e);
    if (rc == 0 && !columns_same(now, &l->columns))
        rc = error_set(e, ERR_DATA,
                       "the list changed: the columns of %s are not those that the run began with",
                       l->name);
    columns_deinit(now);
    free(now);
    return rc;
}

/* Find out what the list is, and leave the window at its first row. */
static int read_beginning(struct list *l, const struct list_options *o, struct error *e)
{
    struct feed *w = &l->scan.window;
    bool known = o->columns_json != NULL;
    char delimiter = known && l->frozen.format == LIST_CSV ? l->frozen.delimiter : o->delimiter;
    struct columns_frozen found = {.packing = source_packing(l->source)};

    int rc = sniff_content(w, l->name, delimiter, &found.format, &found.delimiter, e);
    if (rc < 0)
        return rc;
    if (known && found.format != l->frozen.format)
        return error_set(e, ERR_DATA, "the list changed: %s has another format now", l->name);
    l->frozen = found;
    if (known)
        return found.format == LIST_CSV ? compare_header(l, e) : 0;
    rc = found.format == LIST_CSV ? read_header(l, &l->columns, e)
                                  : ndjson_peek(&l->columns, w, l->name, e);
    if (rc == 0 && !columns_make_keys(&l->columns))
        rc = no_memory(e);
    return rc;
}

/* Where the frames of the known shards end. */
static uint64_t spool_length(const struct list *l)
{
    if (l->known_count == 0)
        return 0;
    const struct list_shard *last = &l->known[l->known_count - 1];
    return last->spool_offset + last->spool_bytes;
}

static bool known_spooled(const struct list *l)
{
    return l->known_count > 0 && l->known[0].spool_bytes > 0;
}

/* Once the source is open: decide where shards will be, and prepare for it. */
static int open_spool(struct list *l, const struct list_options *o, struct error *e)
{
    bool in_place = source_in_place(l->source);

    if (l->known_count > 0 && !known_spooled(l)) {
        if (in_place)
            return 0;
        return error_set(e, ERR_DATA,
                         "the list changed: %s was read in place when the run began, and cannot be "
                         "any more",
                         l->name);
    }
    if (!o->spool_path || (in_place && !o->keep && !known_spooled(l)))
        return 0;
    return spool_append(&l->spool, o->spool_path, spool_length(l), e);
}

static int open_source(struct list *l, const struct list_options *o, struct error *e)
{
    int rc = source_open(&l->source, o->path, e);

    if (rc == 0)
        rc = feed_init(&l->scan.window, fill_from_source, l, 0, 1, e);
    if (rc == 0)
        rc = read_beginning(l, o, e);
    if (rc == 0)
        rc = open_spool(l, o, e);
    if (rc < 0)
        return rc;
    l->scan.rows = rows_create(&l->frozen, l->name, &l->columns);
    l->scan.hash = XXH3_createState();
    return l->scan.rows && l->scan.hash ? 0 : no_memory(e);
}

/* Copy the options that outlive the call. */
static int take_options(struct list *l, const struct list_options *o, struct error *e)
{
    columns_init(&l->columns);
    l->name = strdup(strcmp(o->path, "-") == 0 ? "standard input" : o->path);
    l->known = calloc(o->known_count > 0 ? o->known_count : 1, sizeof(*l->known));
    if (!l->name || !l->known)
        return no_memory(e);
    if (o->known_count > 0)
        memcpy(l->known, o->known, o->known_count * sizeof(*l->known));
    l->known_count = o->known_count;
    l->records_max = o->records_max;
    l->scan.next = o->known_count;
    /* Only the last shard may be short. */
    l->scan.ended =
        o->whole || (o->known_count > 0 && l->known[o->known_count - 1].records < SHARD_RECORDS);
    return o->columns_json ? columns_from_json(&l->columns, &l->frozen, o->columns_json, e) : 0;
}

int list_open(struct list **out, const struct list_options *options, struct error *e)
{
    struct list *l = calloc(1, sizeof(*l));

    *out = NULL;
    if (!l)
        return no_memory(e);
    int rc = take_options(l, options, e);
    bool frozen = options->whole && options->columns_json;
    /* No shard is known and none will be: a run that died before its first one. */
    bool nothing = frozen && options->known_count == 0;
    if (rc == 0 && frozen && options->spool_path && known_spooled(l))
        rc = spool_open(&l->spool, options->spool_path, spool_length(l), e);
    else if (rc == 0 && !nothing)
        rc = open_source(l, options, e);
    if (rc < 0) {
        list_close(l);
        return rc;
    }
    *out = l;
    return 0;
}

void list_close(struct list *l)
{
    if (!l)
        return;
    rows_destroy(l->scan.rows);
    XXH3_freeState(l->scan.hash);
    feed_deinit(&l->scan.window);
    spool_close(l->spool);
    source_close(l->source);
    columns_deinit(&l->columns);
    free(l->known);
    free(l->name);
    free(l);
}

enum list_format list_format(const struct list *l)
{
    return l->frozen.format;
}

enum list_packing list_packing(const struct list *l)
{
    return l->frozen.packing;
}

char list_delimiter(const struct list *l)
{
    return l->frozen.delimiter;
}

bool list_spooled(const struct list *l)
{
    return l->spool != NULL;
}

uint64_t list_source_bytes(const struct list *l)
{
    return l->source ? source_bytes(l->source) : 0;
}

uint64_t list_source_done(const struct list *l)
{
    return atomic_load_explicit(&l->done, memory_order_relaxed);
}

unsigned list_columns(const struct list *l)
{
    return l->columns.count;
}

const struct slice *list_column_names(const struct list *l)
{
    return l->columns.names;
}

const struct slice *list_column_keys(const struct list *l)
{
    return l->columns.keys;
}

char *list_columns_json(const struct list *l)
{
    return columns_to_json(&l->columns, &l->frozen);
}

/* Scanning. */

static int changed(const struct list *l, const struct list_shard *shard, struct error *e)
{
    return error_set(e, ERR_DATA,
                     "the list changed: shard %u (records %llu-%llu) of %s is not what it was when "
                     "it was read first",
                     shard->number, (unsigned long long)shard->first_record,
                     (unsigned long long)(shard->first_record + shard->records - 1), l->name);
}

static void digest(const XXH3_state_t *hash, uint8_t out[16])
{
    XXH128_canonical_t canonical;

    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(hash));
    memcpy(out, canonical.digest, 16);
}

static int tap_scan(void *arg, const char *data, size_t len, struct error *e)
{
    struct list *l = arg;

    XXH3_128bits_update(l->scan.hash, data, len);
    return l->spool ? spool_write(l->spool, data, len, e) : 0;
}

/* How far the scan is in the source: what was read but not used yet is left out, in proportion, or
 * estimates from the first shards would count whole windows as theirs. */
static void note_progress(struct list *l)
{
    const struct feed *w = &l->scan.window;
    double read = (double)(w->base + w->end), used = (double)feed_offset(w);
    uint64_t done = source_done(l->source);

    if (read > used)
        done = (uint64_t)((double)done * (used / read));
    atomic_store_explicit(&l->done, done, memory_order_relaxed);
}

/* Use up the bytes of a known shard, which are at the window. */
static int skip_known(struct list *l, const struct list_shard *shard, struct error *e)
{
    struct feed *w = &l->scan.window;
    uint64_t left = shard->bytes;
    uint8_t hash[16];
    bool cr = false;

    if (feed_offset(w) != shard->offset || w->line != shard->line)
        return changed(l, shard, e);
    XXH3_128bits_reset(l->scan.hash);
    while (left > 0) {
        int rc = w->at < w->end ? 1 : feed_more(w, 1, e);
        if (rc < 0)
            return rc;
        if (rc == 0)
            return changed(l, shard, e);
        size_t len = left < w->end - w->at ? (size_t)left : w->end - w->at;
        XXH3_128bits_update(l->scan.hash, w->data + w->at, len);
        w->line += rows_count_lines(l->frozen.format, w->data + w->at, len, &cr);
        w->at += len;
        left -= len;
    }
    digest(l->scan.hash, hash);
    return memcmp(hash, shard->hash, 16) == 0 ? 0 : changed(l, shard, e);
}

/* Before the first shard that is not known: go behind the known ones. */
static int begin_scan(struct list *l, struct error *e)
{
    uint32_t from = 0;
    int rc = 0;

    /* In place, the last one tells whether this is the place to go on; the others are held against
     * their hashes when they are read. */
    if (l->known_count > 0 && !l->spool && source_in_place(l->source)) {
        from = l->known_count - 1;
        source_seek(l->source, l->known[from].offset);
        feed_restart(&l->scan.window, l->known[from].offset, l->known[from].line);
    }
    for (uint32_t i = from; rc == 0 && i < l->known_count; i++)
        rc = skip_known(l, &l->known[i], e);
    feed_set_tap(&l->scan.window, tap_scan, l);
    l->scan.begun = true;
    return rc;
}

/* Give the rows of a shard to fn; shard->records counts them. */
static int scan_rows(struct list *l, struct list_shard *shard, list_row_fn *fn, void *arg,
                     struct error *e)
{
    uint64_t limit = SHARD_RECORDS, before = shard->first_record - 1;
    struct list_row row;

    if (l->records_max > 0 && l->records_max - before < limit)
        limit = l->records_max - before;
    while (shard->records < limit) {
        int rc = rows_next(l->scan.rows, &l->scan.window, &row, e);
        if (rc <= 0)
            return rc;
        row.record = shard->first_record + shard->records;
        shard->records++;
        rc = fn(arg, &row, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int scan_shard(struct list *l, struct list_shard *shard, list_row_fn *fn, void *arg,
                      struct error *e)
{
    struct feed *w = &l->scan.window;
    int rc = l->scan.begun ? 0 : begin_scan(l, e);

    if (rc < 0)
        return rc;
    *shard = (struct list_shard){
        .number = l->scan.next,
        .first_record = (uint64_t)l->scan.next * SHARD_RECORDS + 1,
        .line = w->line,
        .offset = feed_offset(w),
    };
    if (l->records_max > 0 && shard->first_record > l->records_max)
        return 0;
    XXH3_128bits_reset(l->scan.hash);
    rc = scan_rows(l, shard, fn, arg, e);
    if (rc < 0 || shard->records == 0)
        return rc;
    rc = feed_flush(w, e);
    if (rc < 0)
        return rc;
    shard->bytes = feed_offset(w) - shard->offset;
    digest(l->scan.hash, shard->hash);
    if (l->spool)
        rc = spool_end_frame(l->spool, &shard->spool_offset, &shard->spool_bytes, e);
    return rc < 0 ? rc : 1;
}

int list_scan(struct list *l, struct list_shard *shard, list_row_fn *fn, void *arg, struct error *e)
{
    if (l->scan.failed)
        return error_set(e, l->scan.failed, "reading %s has failed before", l->name);
    if (l->scan.ended)
        return 0;
    int rc = scan_shard(l, shard, fn, arg, e);
    note_progress(l);
    if (rc < 0)
        l->scan.failed = rc;
    l->scan.next += rc > 0;
    l->scan.ended = rc == 0 || shard->records < SHARD_RECORDS;
    return rc;
}

/* Reading a shard again. */

struct reading {
    const struct list *list;
    const struct list_shard *shard;
    uint64_t given; /* of its bytes */
    struct spool_frame *frame;
    XXH3_state_t *hash;
    struct feed window;
    struct rows *rows;
    bool cannot_read; /* what failed is reading, not what was read */
};

static int read_in_place(struct reading *r, char *to, size_t room, size_t *got, struct error *e)
{
    for (;;) {
        ssize_t n =
            pread(source_fd(r->list->source), to, room, (off_t)(r->shard->offset + r->given));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(e, ERR_IO, errno, "cannot read %s", r->list->name);
        *got = (size_t)n;
        return 0;
    }
}

static int fill_from_shard(void *arg, char *to, size_t room, size_t *got, struct error *e)
{
    struct reading *r = arg;
    uint64_t left = r->shard->bytes - r->given;
    int rc;

    *got = 0;
    if (left == 0)
        return 0;
    room = left < room ? (size_t)left : room;
    rc = r->frame ? spool_frame_read(r->frame, to, room, got, e)
                  : read_in_place(r, to, room, got, e);
    r->given += *got;
    r->cannot_read = rc < 0;
    return rc;
}

static int tap_reading(void *arg, const char *data, size_t len, struct error *e)
{
    struct reading *r = arg;

    (void)e;
    XXH3_128bits_update(r->hash, data, len);
    return 0;
}

static int reading_init(struct reading *r, const struct list *l, const struct list_shard *shard,
                        struct error *e)
{
    *r = (struct reading){.list = l, .shard = shard};
    if (!l->spool && !(l->source && source_in_place(l->source)))
        return error_set(e, ERR_INTERNAL, "%s was not spooled, so it cannot be read again",
                         l->name);
    int rc = feed_init(&r->window, fill_from_shard, r, shard->offset, shard->line, e);
    if (rc < 0)
        return rc;
    r->rows = rows_create(&l->frozen, l->name, &l->columns);
    r->hash = XXH3_createState();
    if (l->spool)
        r->frame = spool_frame_open(l->spool, shard->spool_offset, shard->spool_bytes);
    if (!r->rows || !r->hash || (l->spool && !r->frame))
        return no_memory(e);
    XXH3_128bits_reset(r->hash);
    feed_set_tap(&r->window, tap_reading, r);
    return 0;
}

static void reading_deinit(struct reading *r)
{
    spool_frame_close(r->frame);
    XXH3_freeState(r->hash);
    rows_destroy(r->rows);
    feed_deinit(&r->window);
}

static int read_rows(struct reading *r, list_row_fn *fn, void *arg, struct error *e)
{
    const struct list_shard *shard = r->shard;
    uint32_t records = 0;
    struct list_row row;
    uint8_t hash[16];
    int rc;

    while ((rc = rows_next(r->rows, &r->window, &row, e)) > 0) {
        if (records == shard->records)
            return changed(r->list, shard, e);
        row.record = shard->first_record + records++;
        rc = fn(arg, &row, e);
        if (rc < 0)
            return rc;
    }
    if (rc == 0)
        rc = feed_flush(&r->window, e);
    /* Rows could be made of these bytes once. */
    if (rc == ERR_DATA && !r->cannot_read)
        return changed(r->list, shard, e);
    if (rc < 0)
        return rc;
    digest(r->hash, hash);
    bool same = records == shard->records && r->given == shard->bytes &&
                memcmp(hash, shard->hash, sizeof(hash)) == 0;
    return same ? 0 : changed(r->list, shard, e);
}

int list_read(const struct list *l, const struct list_shard *shard, list_row_fn *fn, void *arg,
              struct error *e)
{
    struct reading r;
    int rc = reading_init(&r, l, shard, e);

    if (rc == 0)
        rc = read_rows(&r, fn, arg, e);
    reading_deinit(&r);
    return rc;
}
