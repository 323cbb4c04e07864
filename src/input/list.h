/* A list: rows of people or companies in a CSV, TSV or NDJSON file, plain, gzip or zstd, or on
 * standard input; read once from front to back as shards of SHARD_RECORDS rows (list_scan), and any
 * shard again at any later time (list_read).
 *
 * A plain file is read in place, by byte range. Standard input and compressed lists are spooled
 * while they are scanned: one zstd frame per shard in a file of the run directory, so that reading
 * a shard again is a seek. Every shard carries the XXH3-128 of its bytes; one that no longer
 * matches is an error.
 *
 * Bad rows (bad UTF-8, a JSON line that does not parse, more cells than the header has) are rows
 * with `bad` set: they become invalid records. What stops a scan is only what leaves no way to find
 * the next row: a limit passed, a quote still open at the end, a compressed stream cut, a read
 * error. The message names file, line and column. */
#ifndef TRANCHE_INPUT_LIST_H
#define TRANCHE_INPUT_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/slice.h"

/* Limits. A longer cell or line is most often a quote left open. */
#define LIST_CELL_MAX    ((size_t)1 << 20)
#define LIST_LINE_MAX    ((size_t)4 << 20)
#define LIST_COLUMNS_MAX 1000
/* A compressed list may not grow beyond this ratio over a whole run of 64 MiB (1 GiB of zeros is 33
 * kB). */
#define LIST_RATIO_MAX 2000

enum list_format { LIST_CSV, LIST_NDJSON }; /* LIST_CSV: with any delimiter */
enum list_packing { LIST_PLAIN, LIST_GZIP, LIST_ZSTD };

/* Where a shard's bytes are. */
struct list_shard {
    uint32_t number;       /* from 0 */
    uint64_t first_record; /* of the list, from 1: number * SHARD_RECORDS + 1 */
    uint32_t records;      /* 1 to SHARD_RECORDS; less than that only in the last */
    uint64_t line;         /* the file's line at which it begins, from 1 */
    uint64_t offset;       /* in the uncompressed list */
    uint64_t bytes;
    uint8_t hash[16];      /* XXH3-128, canonical (big-endian) form */
    uint64_t spool_offset; /* of its frame in the spool; 0 without one */
    uint64_t spool_bytes;
};

/* A row, valid during the callback that gets it. */
struct list_row {
    uint64_t record;           /* from 1 */
    uint64_t line;             /* of its first byte, from 1 */
    const struct slice *cells; /* exactly the list's column count; absent ones are empty */
    struct slice json; /* NDJSON: the object as text, trimmed, valid JSON on one line; CSV: empty */
    struct slice text; /* the row's bytes as they stand in the list, without the line end */
    const char *bad;   /* why it is no usable row ("not UTF-8 in column 3 (City)"), or NULL */
};
/* 0 to go on; a negative error code (with *e set) ends the scan or read with it. */
typedef int list_row_fn(void *arg, const struct list_row *row, struct error *e);

struct list_options {
    const char *path; /* "-": standard input */
    /* Where a spool goes, or is: needed for standard input and compressed lists. Without one they
     * can be scanned once, and list_read answers ERR_INTERNAL. */
    const char *spool_path;
    bool keep;            /* spool a plain file too */
    uint64_t records_max; /* 0: all */
    char delimiter;       /* 0: sniffed among comma, semicolon, tab, pipe */
    /* Continuing a run: the columns frozen at its start (as list_columns_json gives them), else
     * NULL, and the shards known already, whose rows the scan does not give again. A header that is
     * no longer the same is ERR_DATA at the open; a shard, at the first scan. Copied.
     */
    const char *columns_json;
    const struct list_shard *known;
    uint32_t known_count;
    bool whole; /* the known shards are all of the list: nothing will be scanned */
};

struct list;

/* Open, sniff packing (magic bytes), format and delimiter, read the header (NDJSON: take the keys
 * of the first rows as columns, in order of appearance). With `whole`, and a spool or no known
 * shard at all, the source is not touched and may be gone. ERR_NOINPUT: missing, a folder;
 * ERR_DATA: empty, header only, no list at all (binary), a broken compressed stream; ERR_IO. *out
 * is NULL on error. */
int list_open(struct list **out, const struct list_options *options, struct error *e);
void list_close(struct list *l);

enum list_format list_format(const struct list *l);
enum list_packing list_packing(const struct list *l);
char list_delimiter(const struct list *l); /* of a CSV list */
bool list_spooled(const struct list *l);
/* Bytes of the source as it lies on disk, 0 when it cannot be known (a pipe); and how far the scan
 * was in it after its latest shard: for progress and estimates, from any thread. */
uint64_t list_source_bytes(const struct list *l);
uint64_t list_source_done(const struct list *l);

/* Column names as the header has them, and the same made usable as keys: unnamed ones are
 * "column_3", a repeated one is "City_2". For NDJSON the keys of the first 1,000 rows, as far as
 * those lie in the first LIST_LINE_MAX bytes; at most LIST_COLUMNS_MAX. */
unsigned list_columns(const struct list *l);
const struct slice *list_column_names(const struct list *l);
const struct slice *list_column_keys(const struct list *l);
/* A malloc'ed JSON text that holds columns, format and delimiter, for list_options.columns_json. */
char *list_columns_json(const struct list *l);

/* Read the next shard: fn gets each row, then *shard describes it. Returns 1; 0 at the end of the
 * list (no rows given); negative on error, and from then on. When it returns, a spooled shard is
 * durable in the spool. One thread at a time. */
int list_scan(struct list *l, struct list_shard *shard, list_row_fn *fn, void *arg,
              struct error *e);

/* Read a shard again: fn gets the same rows as at the scan. ERR_DATA when the bytes are not those
 * that were scanned ("the list changed: shard 3 (records 12289-16384) of ..."): what fn got by then
 * must be thrown away. Any number of threads, also beside the scan. */
int list_read(const struct list *l, const struct list_shard *shard, list_row_fn *fn, void *arg,
              struct error *e);

#endif
