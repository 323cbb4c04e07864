/* Renders a record with its answer as one line of NDJSON, CSV or TSV.
 *
 * 1. Pure: the same values give the same bytes, whatever the time, locale or order of calls.
 * 2. NDJSON holds what was given, never defused; each record is one line, also when a vendor's own
 *    JSON has line breaks.
 * 3. A CSV cell is quoted only where RFC 4180 asks for it. A cell from a vendor that a spreadsheet
 *    would take for a formula gets a ' in front (CWE-1236); the list's own cells stay byte for
 *    byte unless RENDER_SAFE_ALL.
 *
 * A line is measured first and then written into memory reserved once, eight bytes at a time being
 * looked at for what needs care: a call for each piece of each cell costs more than the copying.
 * Memory that ran out shows in the buffer. Any thread. */
#include "output/render.h"

#include <assert.h>

#include "record/field.h"
#include "record/outcome.h"
#include "wire/json_write.h"

/* The longest a cell of n bytes can become: every byte a doubled quote, two quotes around, the
 * defusing ' and the delimiter. */
#define CELL_MAX(n) (2 * (n) + 4)

static const struct field_text {
    struct slice member; /* for NDJSON: `"email":` */
    struct slice column; /* for CSV: `enriched_email` */
    enum field_kind kind;
} fields[FIELD_COUNT] = {
#define X(id, name, kind) {SLICE_LIT("\"" name "\":"), SLICE_LIT("enriched_" name), kind},
    FIELD_LIST(X)
#undef X
};

/* The fixed columns that hold a field, in their order, between provider and credits. */
static const enum field fixed[] = {
    FIELD_EMAIL,     FIELD_EMAIL_STATUS, FIELD_PHONE,          FIELD_LINKEDIN_URL,
    FIELD_JOB_TITLE, FIELD_COMPANY,      FIELD_COMPANY_DOMAIN, FIELD_CONFIDENCE,
};
#define FIXED_COUNT (sizeof(fixed) / sizeof(*fixed))
#define FIXED_FIELDS                                                                               \
    (FIELD_BIT(EMAIL) | FIELD_BIT(EMAIL_STATUS) | FIELD_BIT(PHONE) | FIELD_BIT(LINKEDIN_URL) |     \
     FIELD_BIT(JOB_TITLE) | FIELD_BIT(COMPANY) | FIELD_BIT(COMPANY_DOMAIN) |                       \
     FIELD_BIT(CONFIDENCE))

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(struct slice s, size_t at)
{
    size_t from = at;

    while (at < s.len && is_digit(s.data[at]))
        at++;
    return at - from;
}

/* Whether the text from `at` on is digits, then perhaps a fraction and an exponent. */
static bool is_decimal(struct slice s, size_t at)
{
    size_t digits = count_digits(s, at);

    if (digits == 0)
        return false;
    at += digits;
    if (at < s.len && s.data[at] == '.') {
        digits = count_digits(s, at + 1);
        if (digits == 0)
            return false;
        at += 1 + digits;
    }
    if (at < s.len && (s.data[at] == 'e' || s.data[at] == 'E')) {
        at++;
        if (at < s.len && (s.data[at] == '+' || s.data[at] == '-'))
            at++;
        digits = count_digits(s, at);
        if (digits == 0)
            return false;
        at += digits;
    }
    return at == s.len;
}

/* A number as JSON has it: no plus sign, no leading zeros. */
static bool is_json_number(struct slice s)
{
    size_t at = s.len > 0 && s.data[0] == '-';
    bool padded = at + 1 < s.len && s.data[at] == '0' && is_digit(s.data[at + 1]);

    return !padded && is_decimal(s, at);
}

/* Whether a spreadsheet would run the cell as a formula, or stumble over how it begins. A number
 * with its sign is harmless, and a plain phone number (E.164: + and 7 to 15 digits) is what people
 * pay for: neither is touched. */
static bool is_dangerous(struct slice s)
{
    if (s.len == 0)
        return false;
    switch (s.data[0]) {
    case '=':
    case '@':
    case '\t':
    case '\r':
        return true;
    case '+':
    case '-':
        return !is_decimal(s, 1);
    default:
        return false;
    }
}

/* Eight bytes at a time: the high bit of each byte that is what is looked for, and perhaps of bytes
 * above it. */
#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

static uint64_t equal_bytes(uint64_t x, unsigned char c)
{
    uint64_t zero = x ^ (ONES * c);

    return (zero - ONES) & ~zero & HIGHS;
}

static uint64_t load(const char *at)
{
    uint64_t x;

    memcpy(&x, at, sizeof(x));
    return x;
}

/* The bytes of a text of 1 to 7, in any order, some of them twice. */
static uint64_t load_short(struct slice s)
{
    uint32_t first, last;

    if (s.len < 4) {
        const unsigned char *c = (const unsigned char *)s.data;
        return ONES / 0x10000 * c[0] << 16 | (uint64_t)c[s.len / 2] << 8 | c[s.len - 1];
    }
    memcpy(&first, s.data, sizeof(first));
    memcpy(&last, s.data + s.len - 4, sizeof(last));
    return (uint64_t)last << 32 | first;
}

/* Whether the test finds something in the text. Loads overlap where the length is no multiple of
 * eight. Inlined, so that the test is no call. */
typedef uint64_t byte_test(uint64_t x, char delimiter);

static inline __attribute__((always_inline)) bool any_byte(struct slice s, byte_test *test,
                                                           char delimiter)
{
    if (s.len == 0)
        return false;
    if (s.len < 8)
        return test(load_short(s), delimiter) != 0;
    for (size_t i = 0; i + 8 < s.len; i += 8)
        if (test(load(s.data + i), delimiter))
            return true;
    return test(load(s.data + s.len - 8), delimiter) != 0;
}

/* What makes a cell need quotes (RFC 4180). */
static inline uint64_t quote_test(uint64_t x, char delimiter)
{
    return equal_bytes(x, '"') | equal_bytes(x, (unsigned char)delimiter) | equal_bytes(x, '\n') |
           equal_bytes(x, '\r');
}

/* What a JSON string cannot hold as it is: quotes, backslashes, control characters; and what is
 * beyond ASCII, which has to be looked at. */
static inline uint64_t escape_test(uint64_t x, char unused)
{
    (void)unused;
    return equal_bytes(x, '"') | equal_bytes(x, '\\') | (x & HIGHS) |
           ((x - ONES * 0x20) & ~x & HIGHS);
}

/* A line being written into memory that was reserved for all of it. */
struct pen {
    struct buf *out;
    char *at;       /* NULL: there was no memory, nothing more is written */
    size_t room;    /* bytes the whole line takes at most */
    char delimiter; /* CSV */
    bool first;     /* no cell or member written yet */
};

static void begin_line(struct pen *p, struct buf *out, size_t room)
{
    *p = (struct pen){.out = out, .at = buf_reserve(out, room), .room = room, .first = true};
}

static inline void put_char(struct pen *p, char c)
{
    if (p->at)
        *p->at++ = c;
}

static inline void put_bytes(struct pen *p, struct slice s)
{
    if (!p->at || s.len == 0)
        return;
    memcpy(p->at, s.data, s.len);
    p->at += s.len;
}

/* For constants: the copy becomes a few moves. */
#define PUT(pen, text)                                                                             \
    do {                                                                                           \
        if ((pen)->at) {                                                                           \
            memcpy((pen)->at, (text), sizeof(text) - 1);                                           \
            (pen)->at += sizeof(text) - 1;                                                         \
        }                                                                                          \
    } while (0)

static void put_number(struct pen *p, int64_t value)
{
    char digits[24];
    struct buf b = {.data = digits, .cap = sizeof(digits), .max = sizeof(digits)};

    buf_append_i64(&b, value);
    put_bytes(p, buf_slice(&b));
}

/* Give the buffer what was written, so that it can be appended to; then reserve again. */
static void leave(struct pen *p)
{
    if (p->at)
        p->out->len = (size_t)(p->at - p->out->data);
}

static void come_back(struct pen *p)
{
    p->at = buf_reserve(p->out, p->room);
}

static void end_line(struct pen *p)
{
    put_char(p, '\n');
    leave(p);
}

static void write_quoted(struct pen *p, struct slice s)
{
    while (s.len > 0) {
        const char *quote = memchr(s.data, '"', s.len);
        size_t run = quote ? (size_t)(quote - s.data) + 1 : s.len;
        put_bytes(p, (struct slice){s.data, run});
        if (quote)
            put_char(p, '"');
        s.data += run;
        s.len -= run;
    }
}

static void write_cell(struct pen *p, struct slice s, bool defuse)
{
    bool quote = any_byte(s, quote_test, p->delimiter);

    if (!p->first)
        put_char(p, p->delimiter);
    p->first = false;
    if (quote)
        put_char(p, '"');
    if (defuse && is_dangerous(s))
        put_char(p, '\'');
    if (quote)
        write_quoted(p, s);
    else
        put_bytes(p, s);
    if (quote)
        put_char(p, '"');
}

static char delimiter_of(const struct render *r)
{
    return r->format == RENDER_TSV ? '\t' : ',';
}

/* Columns of fields beyond the fixed ones. A field that has a fixed column gets no second. */
static field_set more_of(const struct render *r)
{
    return r->more & ~FIXED_FIELDS;
}

void render_header(const struct render *r, struct buf *out)
{
    const struct slice *names = r->names ? r->names : r->keys;
    const bool defuse = r->safe == RENDER_SAFE_ALL;
    size_t room = 1024; /* the fixed columns take 200 */

    if (r->format == RENDER_NDJSON)
        return;
    for (unsigned i = 0; i < r->columns; i++)
        room += CELL_MAX(names[i].len);
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        room += CELL_MAX(fields[f].column.len);
    struct pen p;
    begin_line(&p, out, room);
    p.delimiter = delimiter_of(r);
    for (unsigned i = 0; i < r->columns; i++)
        write_cell(&p, names[i], defuse);
    write_cell(&p, SLICE_LIT("enriched_outcome"), false);
    write_cell(&p, SLICE_LIT("enriched_provider"), false);
    for (unsigned i = 0; i < FIXED_COUNT; i++)
        write_cell(&p, fields[fixed[i]].column, false);
    write_cell(&p, SLICE_LIT("enriched_credits"), false);
    write_cell(&p, SLICE_LIT("enriched_reason"), false);
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        if (more_of(r) >> f & 1)
            write_cell(&p, fields[f].column, false);
    end_line(&p);
}

/* Why the record ended so; empty only for found. An answer without words still says something. */
static struct slice reason_of(const struct answer *a)
{
    if (a->outcome == OUTCOME_FOUND)
        return SLICE_EMPTY;
    return a->reason.len > 0 ? a->reason : slice_of(outcome_name(a->outcome));
}

static int64_t credits_of(const struct render_row *row)
{
    return row->duplicate_of ? 0 : row->answer->credits;
}

static size_t csv_room(const struct render *r, const struct render_row *row, struct slice outcome,
                       struct slice provider, struct slice reason)
{
    size_t room = CELL_MAX(outcome.len) + CELL_MAX(provider.len) + CELL_MAX(reason.len) + 64;

    for (unsigned i = 0; i < r->columns; i++)
        room += CELL_MAX(row->cells[i].len);
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        room += CELL_MAX(row->answer->value[f].len);
    return room;
}

static void render_csv(const struct render *r, const struct render_row *row, struct buf *out)
{
    const struct answer *a = row->answer;
    const bool defuse_own = r->safe == RENDER_SAFE_ALL;
    const bool defuse = r->safe != RENDER_SAFE_OFF;
    struct slice outcome = slice_of(outcome_name(a->outcome));
    struct slice provider = slice_of(row->provider);
    struct slice reason = reason_of(a);
    struct pen p;

    begin_line(&p, out, csv_room(r, row, outcome, provider, reason));
    p.delimiter = delimiter_of(r);
    for (unsigned i = 0; i < r->columns; i++)
        write_cell(&p, row->cells[i], defuse_own);
    write_cell(&p, outcome, false);
    write_cell(&p, provider, false);
    for (unsigned i = 0; i < FIXED_COUNT; i++)
        write_cell(&p, a->value[fixed[i]], defuse);
    put_char(&p, p.delimiter);
    put_number(&p, credits_of(row));
    write_cell(&p, reason, defuse);
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        if (more_of(r) >> f & 1)
            write_cell(&p, a->value[f], defuse);
    end_line(&p);
}

/* JSON text that is known to be valid. Line breaks in it can only stand between tokens, where a
 * space means the same. */
static void write_json(struct pen *p, struct slice json)
{
    char *from = p->at;

    put_bytes(p, json);
    if (!from || (!memchr(from, '\n', json.len) && !memchr(from, '\r', json.len)))
        return;
    for (char *at = from; at < p->at; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
}

/* Clean ASCII, which most is, is copied; the rest is the JSON writer's. */
static void write_string(struct pen *p, struct slice s)
{
    if (!any_byte(s, escape_test, 0)) {
        put_char(p, '"');
        put_bytes(p, s);
        put_char(p, '"');
        return;
    }
    leave(p);
    json_write_string(p->out, s);
    come_back(p);
}

static void write_value(struct pen *p, enum field_kind kind, struct slice value)
{
    switch (kind) {
    case FIELD_TEXT:
        write_string(p, value);
        break;
    case FIELD_SCALAR:
        if (is_json_number(value) || slice_eq(value, SLICE_LIT("true")) ||
            slice_eq(value, SLICE_LIT("false")))
            put_bytes(p, value);
        else
            write_string(p, value);
        break;
    case FIELD_JSON:
        write_json(p, value);
        break;
    }
}

static void write_input(const struct render *r, const struct render_row *row, struct pen *p)
{
    if (row->json.len > 0) {
        write_json(p, row->json);
        return;
    }
    put_char(p, '{');
    for (unsigned i = 0; i < r->columns; i++) {
        if (i > 0)
            put_char(p, ',');
        write_string(p, r->keys[i]);
        put_char(p, ':');
        write_string(p, row->cells[i]);
    }
    put_char(p, '}');
}

static void write_data(const struct answer *a, struct pen *p)
{
    bool first = true;

    put_char(p, '{');
    for (unsigned f = 0; f < FIELD_COUNT; f++) {
        if (a->value[f].len == 0 || f == FIELD_RAW)
            continue;
        if (!first)
            put_char(p, ',');
        first = false;
        put_bytes(p, fields[f].member);
        write_value(p, fields[f].kind, a->value[f]);
    }
    put_char(p, '}');
}

static void write_text_or_null(struct pen *p, const char *text)
{
    if (text)
        write_string(p, slice_of(text));
    else
        PUT(p, "null");
}

static void write_number_or_null(struct pen *p, uint64_t number)
{
    if (number)
        put_number(p, (int64_t)number);
    else
        PUT(p, "null");
}

static void write_raw(const struct render_row *row, struct pen *p)
{
    struct slice raw = row->answer->value[FIELD_RAW];

    PUT(p, ",\"batch\":");
    write_number_or_null(p, row->batch);
    PUT(p, ",\"raw\":");
    write_json(p, raw.len > 0 ? raw : SLICE_LIT("null"));
}

/* Of the line when nothing in it needs an escape: that is where the pen reserves anew. */
static size_t ndjson_room(const struct render *r, const struct render_row *row, struct slice reason)
{
    const struct answer *a = row->answer;
    size_t room = 512 + row->json.len + reason.len + slice_of(row->provider).len +
                  slice_of(row->operation).len; /* 512: member names and numbers take 250 */

    if (row->json.len == 0)
        for (unsigned i = 0; i < r->columns; i++)
            room += r->keys[i].len + row->cells[i].len + 6;
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        if (a->value[f].len > 0)
            room += fields[f].member.len + a->value[f].len + 3;
    return room;
}

static void render_ndjson(const struct render *r, const struct render_row *row, struct buf *out)
{
    const struct answer *a = row->answer;
    struct slice reason = reason_of(a);
    struct pen p;

    begin_line(&p, out, ndjson_room(r, row, reason));
    PUT(&p, "{\"record\":");
    put_number(&p, (int64_t)row->record);
    PUT(&p, ",\"outcome\":");
    write_string(&p, slice_of(outcome_name(a->outcome)));
    PUT(&p, ",\"input\":");
    write_input(r, row, &p);
    PUT(&p, ",\"provider\":");
    write_text_or_null(&p, row->provider);
    PUT(&p, ",\"operation\":");
    write_text_or_null(&p, row->operation);
    PUT(&p, ",\"data\":");
    write_data(a, &p);
    PUT(&p, ",\"credits\":");
    put_number(&p, credits_of(row));
    PUT(&p, ",\"duplicate_of\":");
    write_number_or_null(&p, row->duplicate_of);
    PUT(&p, ",\"reason\":");
    if (a->outcome == OUTCOME_FOUND)
        PUT(&p, "null");
    else
        write_string(&p, reason);
    if (r->raw)
        write_raw(row, &p);
    put_char(&p, '}');
    end_line(&p);
}

void render_row(const struct render *r, const struct render_row *row, struct buf *out)
{
    assert(row->answer && (row->cells || r->columns == 0));
    switch (r->format) {
    case RENDER_NDJSON:
        render_ndjson(r, row, out);
        break;
    case RENDER_CSV:
    case RENDER_TSV:
        render_csv(r, row, out);
        break;
    }
}

static bool take_ending(struct slice *path, const char *ending)
{
    struct slice end = slice_of(ending);

    if (path->len < end.len)
        return false;
    struct slice tail = {path->data + path->len - end.len, end.len};
    if (!slice_eq_nocase(tail, end))
        return false;
    path->len -= end.len;
    return true;
}

static const struct {
    const char *name;
    enum frame_packing packing;
} packings[] = {{"zstd", FRAME_ZSTD}, {"gzip", FRAME_GZIP}, {"none", FRAME_PLAIN}};

static const struct {
    const char *name;
    enum render_format format;
} formats[] = {{"ndjson", RENDER_NDJSON}, {"csv", RENDER_CSV}, {"tsv", RENDER_TSV}};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static int packing_by_name(const char *name, enum frame_packing *packing, struct error *e)
{
    for (size_t i = 0; i < COUNT(packings); i++) {
        if (strcmp(name, packings[i].name) == 0) {
            *packing = packings[i].packing;
            return 0;
        }
    }
    return error_set(e, ERR_USAGE, "--compress %s: choose zstd, gzip or none", name);
}

static int format_by_name(const char *name, enum render_format *format, struct error *e)
{
    for (size_t i = 0; i < COUNT(formats); i++) {
        if (strcmp(name, formats[i].name) == 0) {
            *format = formats[i].format;
            return 0;
        }
    }
    return error_set(e, ERR_USAGE, "--format %s: choose ndjson, csv or tsv", name);
}

static bool format_by_ending(struct slice path, enum render_format *format)
{
    static const struct {
        const char *ending;
        enum render_format format;
    } endings[] = {{".ndjson", RENDER_NDJSON},
                   {".jsonl", RENDER_NDJSON},
                   {".json", RENDER_NDJSON},
                   {".csv", RENDER_CSV},
                   {".tsv", RENDER_TSV}};

    for (size_t i = 0; i < COUNT(endings); i++) {
        if (take_ending(&path, endings[i].ending)) {
            *format = endings[i].format;
            return true;
        }
    }
    return false;
}

int render_choose(const char *path, const char *format, const char *packing,
                  enum render_format *format_out, enum frame_packing *packing_out, struct error *e)
{
    struct slice rest = slice_of(path);
    int code;

    *packing_out = FRAME_PLAIN;
    *format_out = RENDER_NDJSON;
    if (take_ending(&rest, ".zst"))
        *packing_out = FRAME_ZSTD;
    else if (take_ending(&rest, ".gz"))
        *packing_out = FRAME_GZIP;
    if (packing && (code = packing_by_name(packing, packing_out, e)) != 0)
        return code;
    if (format)
        return format_by_name(format, format_out, e);
    if (strcmp(path, "-") == 0 || format_by_ending(rest, format_out))
        return 0;
    return error_set(e, ERR_USAGE,
                     "%s: the format cannot be told from this name; end it in .ndjson, .csv or "
                     ".tsv (then .zst or .gz to compress), or add --format ndjson|csv|tsv",
                     path);
}
