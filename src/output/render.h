/* A record and its answer as one line of output: NDJSON, CSV or TSV. Pure: the same values give the
 * same bytes. */
#ifndef TRANCHE_OUTPUT_RENDER_H
#define TRANCHE_OUTPUT_RENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "record/answer.h"

enum render_format { RENDER_NDJSON, RENDER_CSV, RENDER_TSV };
enum render_safe { RENDER_SAFE_VENDOR, RENDER_SAFE_ALL, RENDER_SAFE_OFF };

struct render {
    enum render_format format;
    enum render_safe safe;
    bool raw;                  /* NDJSON: add "raw" and "batch" */
    const struct slice *names; /* the list's columns as its header has them (CSV) */
    const struct slice *keys;  /* and as unique keys (NDJSON input object) */
    unsigned columns;
    /* Output columns beyond the fixed twelve (CSV), in the order of enum field: what the operations
     * give and the fixed ones do not hold. */
    field_set more;
};

struct render_row {
    uint64_t record;
    const struct slice *cells; /* `columns` of them; bytes that are not UTF-8 become U+FFFD in
                                  NDJSON, and stay in CSV */
    struct slice
        json; /* an NDJSON list's own object: goes into "input" as it is; empty: built from cells */
    const char *provider, *operation; /* of the answer; NULL: nobody was asked (invalid) */
    uint32_t batch;                   /* 0: none */
    uint64_t duplicate_of;            /* 0: none; then credits are 0 */
    const struct answer *answer;
};

/* The header line of CSV and TSV: own columns, then enriched_*; nothing for NDJSON. */
void render_header(const struct render *r, struct buf *out);
void render_row(const struct render *r, const struct render_row *row, struct buf *out);

/* Format and packing from a path's extension (.ndjson .jsonl .json .csv .tsv, then .zst .gz or
 * none) unless the names override them (NULL: do not). ERR_USAGE with what is known. */
enum frame_packing { FRAME_PLAIN, FRAME_ZSTD, FRAME_GZIP };
int render_choose(const char *path, const char *format, const char *packing,
                  enum render_format *format_out, enum frame_packing *packing_out, struct error *e);

#endif
