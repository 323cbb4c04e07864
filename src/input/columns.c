/* Names the columns of a list.
 *
 * Names are what the list says, repeated and empty ones included; keys are unique and not empty.
 * The slots know the first column of each name, so that a row of NDJSON finds its cells however its
 * members are ordered.
 *
 * Read by any thread once made. */
#include "input/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "wire/json.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

/* Names come from one line or from keys of lines, both bounded by LIST_LINE_MAX; keys are as long.
 */
#define TEXT_MAX  (4 * LIST_LINE_MAX)
#define LABEL_MAX 40 /* bytes of a name that a message shows */

static const char *const formats[] = {[LIST_CSV] = "csv", [LIST_NDJSON] = "ndjson"};
static const char *const packings[] = {
    [LIST_PLAIN] = "plain", [LIST_GZIP] = "gzip", [LIST_ZSTD] = "zstd"};

void columns_init(struct columns *c)
{
    *c = (struct columns){0};
    arena_init(&c->text, TEXT_MAX);
}

void columns_deinit(struct columns *c)
{
    arena_deinit(&c->text);
    c->count = 0;
}

/* The slot that holds the name, or the free one where it belongs. */
static unsigned slot_of(const struct columns *c, struct slice name)
{
    unsigned slot = (unsigned)XXH3_64bits(name.data, name.len) % COLUMNS_SLOTS;

    while (c->slots[slot] && !slice_eq(c->names[c->slots[slot] - 1], name))
        slot = (slot + 1) % COLUMNS_SLOTS;
    return slot;
}

bool columns_add(struct columns *c, struct slice name)
{
    unsigned slot = slot_of(c, name);

    if (c->count == LIST_COLUMNS_MAX)
        return false;
    struct slice copy = name.len > 0 ? arena_copy(&c->text, name) : SLICE_EMPTY;
    if (!copy.data)
        return false;
    c->names[c->count++] = copy;
    if (!c->slots[slot])
        c->slots[slot] = (uint16_t)c->count;
    return true;
}

int columns_find(const struct columns *c, struct slice name, unsigned guess)
{
    /* Only the first of a name may be found, and no two have the same name where rows are looked up
     * by it; so a right guess is the answer. */
    if (guess < c->count && slice_eq(c->names[guess], name))
        return (int)guess;
    return (int)c->slots[slot_of(c, name)] - 1;
}

static bool key_taken(const struct columns *c, unsigned before, const char *key, size_t len)
{
    struct slice s = {key, len};

    for (unsigned i = 0; i < before; i++) {
        if (slice_eq(c->keys[i], s))
            return true;
    }
    /* A later column that bears this very name keeps it. */
    return columns_find(c, s, LIST_COLUMNS_MAX) > (int)before;
}

/* The key for column i: `stem`_n, for the first n from `n` on that nobody else has. */
static bool numbered_key(struct columns *c, unsigned i, struct slice stem, unsigned n)
{
    size_t room = stem.len + 16;
    char *key = arena_alloc(&c->text, room);

    if (!key)
        return false;
    for (;; n++) {
        int len = snprintf(key, room, "%.*s_%u", SLICE_ARG(stem), n);
        if (!key_taken(c, i, key, (size_t)len)) {
            c->keys[i] = (struct slice){key, (size_t)len};
            return true;
        }
    }
}

bool columns_make_keys(struct columns *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct slice name = c->names[i];
        unsigned earlier = 0;

        for (unsigned k = 0; k < i; k++)
            earlier += slice_eq(c->names[k], name);
        c->keys[i] = name;
        if (utf8_trim(name).len == 0) {
            if (!numbered_key(c, i, SLICE_LIT("column"), i + 1))
                return false;
        } else if (earlier > 0 && !numbered_key(c, i, name, earlier + 1)) {
            return false;
        }
    }
    return true;
}

bool columns_same(const struct columns *a, const struct columns *b)
{
    bool same = a->count == b->count;

    for (unsigned i = 0; same && i < a->count; i++)
        same = slice_eq(a->names[i], b->names[i]);
    return same;
}

void columns_label(const struct columns *c, const char *noun, unsigned i, char *text)
{
    struct slice name = c && i < c->count ? c->names[i] : SLICE_EMPTY;

    if (name.len > LABEL_MAX) {
        name.len = LABEL_MAX;
        /* A character that the cut would split is left out whole. */
        name.len = utf8_bad(name);
    }
    for (size_t k = 0; k < name.len; k++) {
        if ((unsigned char)name.data[k] < 0x20 || name.data[k] == 0x7f)
            name.len = k;
    }
    if (name.len > 0)
        snprintf(text, COLUMNS_LABEL_MAX, "%s %u (%.*s)", noun, i + 1, SLICE_ARG(name));
    else
        snprintf(text, COLUMNS_LABEL_MAX, "%s %u", noun, i + 1);
}

char *columns_to_json(const struct columns *c, const struct columns_frozen *f)
{
    struct buf b;
    bool first = true;
    char *text = NULL;

    /* Escapes make a byte six at most. */
    buf_init(&b, 8 * TEXT_MAX);
    buf_append_char(&b, '{');
    json_write_member_string(&b, &first, "format", slice_of(formats[f->format]));
    json_write_member_string(&b, &first, "packing", slice_of(packings[f->packing]));
    json_write_member_string(&b, &first, "delimiter", (struct slice){&f->delimiter, 1});
    json_write_key(&b, &first, "columns");
    for (unsigned i = 0; i < c->count; i++) {
        buf_append_char(&b, i == 0 ? '[' : ',');
        json_write_string(&b, c->names[i]);
    }
    buf_append_text(&b, c->count == 0 ? "[]}" : "]}");
    if (!b.failed)
        text = strndup(b.data, b.len);
    buf_deinit(&b);
    return text;
}

static int index_of(const char *const *names, int count, struct slice name)
{
    for (int i = 0; i < count; i++) {
        if (slice_eq(slice_of(names[i]), name))
            return i;
    }
    return -1;
}

static int from_value(struct columns *c, struct columns_frozen *f, struct json_value root,
                      struct error *e)
{
    struct slice format = SLICE_EMPTY, packing = SLICE_EMPTY, delimiter = SLICE_EMPTY, name;
    struct json_value names;
    struct json_walk w;

    json_get_string(root, "format", &format);
    json_get_string(root, "packing", &packing);
    json_get_string(root, "delimiter", &delimiter);
    int as_format = index_of(formats, 2, format), as_packing = index_of(packings, 3, packing);
    if (as_format < 0 || as_packing < 0 || delimiter.len != 1 || !json_get(root, "columns", &names))
        return error_set(e, ERR_DATA, "the stored columns of the list are damaged");
    *f = (struct columns_frozen){as_format, as_packing, delimiter.data[0]};
    for (bool more = json_walk_begin(&w, names); more; more = json_walk_next(&w)) {
        if (!json_string(w.value, &name))
            return error_set(e, ERR_DATA, "the stored columns of the list are damaged");
        if (!columns_add(c, name))
            return error_set(e, ERR_DATA, "too many stored columns");
    }
    if (!columns_make_keys(c))
        return error_set(e, ERR_INTERNAL, "out of memory");
    return 0;
}

int columns_from_json(struct columns *c, struct columns_frozen *f, const char *text,
                      struct error *e)
{
    struct json *j = json_create(4);
    struct json_value root;

    if (!j)
        return error_set(e, ERR_INTERNAL, "out of memory");
    int rc = json_parse(j, slice_of(text), &root, e);
    if (rc < 0)
        error_prefix(e, "the stored columns of the list are damaged");
    else
        rc = from_value(c, f, root, e);
    json_destroy(j);
    return rc;
}
