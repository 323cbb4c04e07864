/* Which column holds which field.
 *
 * Recognition goes by rank: all sure names of the header first, then the next best, so that a
 * makeshift never takes what a better column offers, whatever the columns' order. Within a rank the
 * first column wins.
 *
 * Invariants:
 *  1. A column serves one field, a field has one column.
 *  2. What --map says is settled before anything is recognised.
 *
 * Any thread. */
#include "record/mapping.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "record/columns.h"
#include "record/text.h"
#include "wire/json.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

/* Of a name, for a message. */
#define SHOWN_MAX 60
/* Columns named in a message when none is near. */
#define NAMED_MAX 8

/* The fields a list can have. The others are of an answer. */
static const enum field list_fields[] = {
    FIELD_EMAIL,     FIELD_PHONE,     FIELD_LINKEDIN_URL, FIELD_FIRST_NAME, FIELD_LAST_NAME,
    FIELD_FULL_NAME, FIELD_JOB_TITLE, FIELD_COMPANY,      FIELD_DOMAIN,
};
#define LIST_FIELDS (sizeof list_fields / sizeof list_fields[0])

typedef char folded[COLUMNS_FOLDED_MAX];

struct header {
    const struct slice *columns;
    unsigned count;
    folded *names; /* the columns' names, folded */
    bool *taken;   /* by a field */
};

/* A name as it can be shown on a terminal. */
static void append_shown(struct buf *out, struct slice name)
{
    size_t len = 0;
    for (size_t n; len < name.len; len += n) {
        uint32_t c;
        n = text_next(name.data + len, name.len - len, &c);
        if (len + n > SHOWN_MAX)
            break;
        if (c < 0x20 || (c >= 0x7f && c <= 0x9f))
            buf_append_char(out, '?');
        else
            buf_append(out, name.data + len, n);
    }
    if (len < name.len)
        buf_append_text(out, "...");
}

/* The nearest of the names in *near; false when none is near enough to be meant. */
static bool nearest_of(struct slice name, const struct slice *names, unsigned count,
                       struct slice *near)
{
    struct nearest n;
    nearest_init(&n, name);
    for (unsigned i = 0; i < count; i++)
        if (names[i].len > 0)
            nearest_try(&n, names[i]);
    *near = n.name;
    return n.found;
}

static int no_such_field(struct slice name, struct error *e)
{
    struct slice names[LIST_FIELDS], near;
    struct buf text;
    buf_init(&text, sizeof e->message);
    buf_append_text(&text, "--map: no field \"");
    append_shown(&text, name);
    buf_append_text(&text, "\"");
    for (size_t i = 0; i < LIST_FIELDS; i++)
        names[i] = slice_of(field_name(list_fields[i]));
    if (nearest_of(name, names, LIST_FIELDS, &near))
        buf_append_format(&text, ", did you mean %.*s?", SLICE_ARG(near));
    buf_append_text(&text, " A list has: ");
    for (size_t i = 0; i < LIST_FIELDS; i++) {
        buf_append_text(&text, i > 0 ? ", " : "");
        buf_append_slice(&text, names[i]);
    }
    int code = error_set(e, ERR_USAGE, "%s", buf_text(&text));
    buf_deinit(&text);
    return code;
}

static int no_such_column(enum field f, struct slice name, const struct header *h, struct error *e)
{
    struct slice near;
    struct buf text;
    buf_init(&text, sizeof e->message);
    buf_append_format(&text, "--map %s: the list has no column \"", field_name(f));
    append_shown(&text, name);
    if (nearest_of(name, h->columns, h->count, &near)) {
        buf_append_text(&text, "\"; did you mean \"");
        append_shown(&text, near);
        buf_append_text(&text, "\"?");
    } else {
        buf_append_text(&text, "\"; its columns are ");
        for (unsigned i = 0; i < h->count && i < NAMED_MAX; i++) {
            buf_append_text(&text, i > 0 ? ", \"" : "\"");
            append_shown(&text, h->columns[i]);
            buf_append_char(&text, '"');
        }
        if (h->count > NAMED_MAX)
            buf_append_format(&text, " and %u more", h->count - NAMED_MAX);
    }
    int code = error_set(e, ERR_USAGE, "%s", buf_text(&text));
    buf_deinit(&text);
    return code;
}

static bool same_nocase(struct slice a, struct slice b)
{
    struct buf lower_a, lower_b;
    buf_init(&lower_a, a.len * 3 + 16);
    buf_init(&lower_b, b.len * 3 + 16);
    utf8_lower(&lower_a, a);
    utf8_lower(&lower_b, b);
    bool same =
        !lower_a.failed && !lower_b.failed && slice_eq(buf_slice(&lower_a), buf_slice(&lower_b));
    buf_deinit(&lower_a);
    buf_deinit(&lower_b);
    return same;
}

/* The column a --map names, or a negative code. */
static int find_column(enum field f, struct slice name, const struct header *h, struct error *e)
{
    for (unsigned i = 0; i < h->count; i++)
        if (name.len > 0 && slice_eq(h->columns[i], name))
            return (int)i;
    for (unsigned i = 0; i < h->count; i++)
        if (name.len > 0 && same_nocase(slice_trim(h->columns[i]), slice_trim(name)))
            return (int)i;
    unsigned long long number;
    if (name.len < 2 || name.data[0] != '#' ||
        !slice_u64((struct slice){name.data + 1, name.len - 1}, &number))
        return no_such_column(f, name, h, e);
    if (number < 1 || number > h->count)
        return error_set(e, ERR_USAGE, "--map %s: there is no column #%llu, the list has %u",
                         field_name(f), number, h->count);
    return (int)number - 1;
}

static int take_map(struct mapping *m, const char *map, struct header *h, struct error *e)
{
    const char *equals = strchr(map, '=');
    if (!equals)
        return error_set(e, ERR_USAGE, "--map %s: write it FIELD=COLUMN", map);
    struct slice name = slice_trim((struct slice){map, (size_t)(equals - map)});
    size_t i = 0;
    while (i < LIST_FIELDS && !slice_eq(name, slice_of(field_name(list_fields[i]))))
        i++;
    if (i == LIST_FIELDS)
        return no_such_field(name, e);
    enum field f = list_fields[i];
    if (m->chosen & (field_set)1 << f)
        return error_set(e, ERR_USAGE, "--map %s is given twice", field_name(f));
    int column = find_column(f, slice_of(equals + 1), h, e);
    if (column < 0)
        return column;
    if (h->taken[column])
        return error_set(e, ERR_USAGE, "--map %s: column %d serves another field already",
                         field_name(f), column + 1);
    m->column[f] = (int16_t)column;
    m->chosen |= (field_set)1 << f;
    h->taken[column] = true;
    return 0;
}

static bool has_one_of(const struct header *h, const char *names)
{
    for (unsigned i = 0; i < h->count; i++)
        if (columns_word(names, h->names[i]))
            return true;
    return false;
}

/* Whether the row names the column at this rank. A word for a person before it ("Contact Email")
 * makes the name a rank less sure; before a company's thing it says nothing ("Lead URL"). */
static bool names_column(const struct columns_row *row, const char *name, unsigned rank)
{
    if (row->rank == rank)
        return columns_word(row->names, name);
    if (row->rank + 1 != rank || row->field == FIELD_DOMAIN)
        return false;
    const char *rest = columns_unprefixed(name);
    return rest && columns_word(row->names, rest);
}

static void recognise_column(struct mapping *m, struct header *h, unsigned column, unsigned rank)
{
    for (const struct columns_row *row = columns_table; row->names; row++) {
        if (m->column[row->field] >= 0 || !names_column(row, h->names[column], rank) ||
            (row->beside && !has_one_of(h, row->beside)))
            continue;
        m->column[row->field] = (int16_t)column;
        h->taken[column] = true;
        return;
    }
}

static void recognise(struct mapping *m, struct header *h)
{
    /* A prefix adds one to the greatest rank. */
    for (unsigned rank = 0; rank <= COLUMNS_RANK_MAX + 1; rank++)
        for (unsigned i = 0; i < h->count; i++)
            if (!h->taken[i])
                recognise_column(m, h, i, rank);
}

int mapping_make(struct mapping *m, const struct slice *columns, unsigned count,
                 const char *const *maps, unsigned map_count, struct error *e)
{
    struct header h = {.columns = columns, .count = count};
    int code = 0;
    assert(count <= INT16_MAX);
    m->chosen = 0;
    for (int f = 0; f < FIELD_COUNT; f++)
        m->column[f] = -1;
    h.names = calloc(count + 1, sizeof *h.names);
    h.taken = calloc(count + 1, sizeof *h.taken);
    if (!h.names || !h.taken) {
        code = error_set(e, ERR_INTERNAL, "out of memory");
        goto done;
    }
    for (unsigned i = 0; i < count; i++)
        columns_fold(columns[i], h.names[i]);
    for (unsigned i = 0; i < map_count && code == 0; i++)
        code = take_map(m, maps[i], &h, e);
    if (code == 0)
        recognise(m, &h);
done:
    free(h.names);
    free(h.taken);
    return code;
}

void mapping_print(const struct mapping *m, const struct slice *columns, struct buf *out)
{
    const char *comma = "";
    for (int f = 0; f < FIELD_COUNT; f++) {
        if (m->column[f] < 0)
            continue;
        buf_append_format(out, "%s%s <- ", comma, field_name((enum field)f));
        struct slice name = columns[m->column[f]];
        if (slice_trim(name).len > 0)
            append_shown(out, name);
        else
            buf_append_format(out, "#%d", m->column[f] + 1);
        comma = ", ";
    }
}

void mapping_json(const struct mapping *m, struct buf *out)
{
    bool first = true;
    buf_append_char(out, '{');
    for (int f = 0; f < FIELD_COUNT; f++)
        if (m->column[f] >= 0)
            json_write_member_i64(out, &first, field_name((enum field)f), m->column[f]);
    buf_append_char(out, '}');
}

static int parse_members(struct mapping *m, struct json_value root, struct error *e)
{
    struct json_walk w;
    for (bool more = json_walk_begin(&w, root); more; more = json_walk_next(&w)) {
        int f = field_find(w.key);
        int64_t column;
        if (f < 0 || m->column[f] >= 0)
            return error_set(e, ERR_DATA, "column mapping: \"%.*s\" is unknown or there twice",
                             w.key.len > SHOWN_MAX ? SHOWN_MAX : (int)w.key.len, w.key.data);
        if (!json_int(w.value, &column) || column < 0 || column > INT16_MAX)
            return error_set(e, ERR_DATA, "column mapping: %s is no column number",
                             field_name((enum field)f));
        m->column[f] = (int16_t)column;
    }
    return 0;
}

int mapping_parse(struct mapping *m, struct slice json, struct error *e)
{
    struct json_value root;
    m->chosen = 0;
    for (int f = 0; f < FIELD_COUNT; f++)
        m->column[f] = -1;
    struct json *j = json_create(2);
    if (!j)
        return error_set(e, ERR_INTERNAL, "out of memory");
    int code = json_parse(j, json, &root, e);
    if (code != 0)
        error_prefix(e, "column mapping");
    else if (json_type(root) != JSON_OBJECT)
        code = error_set(e, ERR_DATA, "column mapping: not an object");
    else
        code = parse_members(m, root, e);
    json_destroy(j);
    return code;
}

bool mapping_can_give(const struct mapping *m, field_set set)
{
    field_set has = 0;
    for (int f = 0; f < FIELD_COUNT; f++)
        if (m->column[f] >= 0)
            has |= (field_set)1 << f;
    if (has & FIELD_BIT(FULL_NAME))
        has |= FIELD_BIT(FIRST_NAME) | FIELD_BIT(LAST_NAME);
    if ((has & FIELD_BIT(FIRST_NAME)) && (has & FIELD_BIT(LAST_NAME)))
        has |= FIELD_BIT(FULL_NAME);
    if (has & FIELD_BIT(EMAIL))
        has |= FIELD_BIT(DOMAIN);
    return (set & ~has) == 0;
}
