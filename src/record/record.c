/* A row's cells as a record, the set of fields a step can ask by, and the identity of that
 * question.
 *
 * Invariants:
 *  1. A field has a value, a problem with the value as it was given, or neither.
 *  2. What is derived (names, a domain) never replaces what was given, and never comes from a value
 * with a problem.
 *  3. Equal identities come from equal fields: no value holds the byte that separates them.
 *  4. A record whose cells are clean ASCII costs no memory but its full name's.
 *
 * Fails only when the arena is full: as a problem of the field, so that nothing is asked about half
 * a record. Any thread. */
#include "record/record.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "record/mailbox.h"
#include "record/name.h"
#include "record/normalise.h"
#include "record/text.h"
#include "wire/utf8.h"

/* Of an offending value, in a reason. */
#define SHOWN_MAX 60
#define SEPARATOR 0x1f

/* The fields a list can have, and their rules; the others are an answer's. */
static const struct {
    enum field field;
    normalise_fn *normalise;
} rules[] = {
    {FIELD_EMAIL, normalise_email},           {FIELD_PHONE, normalise_phone},
    {FIELD_LINKEDIN_URL, normalise_linkedin}, {FIELD_FIRST_NAME, normalise_text},
    {FIELD_LAST_NAME, normalise_text},        {FIELD_FULL_NAME, normalise_text},
    {FIELD_JOB_TITLE, normalise_text},        {FIELD_COMPANY, normalise_text},
    {FIELD_DOMAIN, normalise_domain},
};

static bool given(const struct record *r, enum field f)
{
    return r->value[f].len > 0 || r->problem[f];
}

static bool usable(const struct record *r, enum field f)
{
    return r->value[f].len > 0 && !r->problem[f];
}

/* A website column often holds the person's or company's LinkedIn page, whose host says nothing
 * about the company. A person's is kept as what it is. */
static void take_page(struct record *r, struct slice text, unsigned flags, struct arena *a)
{
    struct slice page;
    const char *problem = normalise_linkedin(text, flags, a, &page);
    if (problem && problem != normalise_no_memory)
        return; /* the bare host: somebody works there */
    r->value[FIELD_DOMAIN] = text;
    if (problem) {
        r->problem[FIELD_DOMAIN] = problem;
    } else if (!normalise_is_profile(page)) {
        r->problem[FIELD_DOMAIN] = "is a LinkedIn page, not a company's domain";
    } else {
        r->value[FIELD_DOMAIN] = SLICE_EMPTY;
        if (!given(r, FIELD_LINKEDIN_URL))
            r->value[FIELD_LINKEDIN_URL] = page;
    }
}

static void take(struct record *r, enum field f, normalise_fn *normalise, struct slice cell,
                 struct arena *a)
{
    struct slice text;
    unsigned flags = text_clean(cell, a, &text);
    if (flags & TEXT_NO_MEMORY) {
        r->problem[f] = normalise_no_memory;
        return;
    }
    if (text.len == 0 || text_placeholder(text))
        return;
    r->value[f] = text;
    r->problem[f] = normalise(text, flags, a, &r->value[f]);
    if (f == FIELD_DOMAIN && !r->problem[f] && slice_ends(r->value[f], SLICE_LIT("linkedin.com")))
        take_page(r, text, flags, a);
}

static void derive_parts(struct record *r)
{
    if (!usable(r, FIELD_FULL_NAME))
        return;
    bool no_first = !given(r, FIELD_FIRST_NAME), no_last = !given(r, FIELD_LAST_NAME);
    if (!no_first && !no_last)
        return;
    struct slice first, last;
    name_split(r->value[FIELD_FULL_NAME], &first, &last);
    if (!no_first && usable(r, FIELD_FIRST_NAME)) {
        struct slice rest = name_rest(r->value[FIELD_FULL_NAME], r->value[FIELD_FIRST_NAME]);
        last = rest.len > 0 ? rest : last;
    }
    if (no_first)
        r->value[FIELD_FIRST_NAME] = first;
    if (no_last)
        r->value[FIELD_LAST_NAME] = last;
}

static void derive_full(struct record *r, struct arena *a)
{
    struct slice first = r->value[FIELD_FIRST_NAME], last = r->value[FIELD_LAST_NAME];
    if (given(r, FIELD_FULL_NAME) || !usable(r, FIELD_FIRST_NAME) || !usable(r, FIELD_LAST_NAME))
        return;
    char *text = arena_alloc(a, first.len + 1 + last.len);
    if (!text) {
        r->problem[FIELD_FULL_NAME] = normalise_no_memory;
        return;
    }
    char *p = mempcpy(text, first.data, first.len);
    *p++ = ' ';
    memcpy(p, last.data, last.len);
    r->value[FIELD_FULL_NAME] = (struct slice){text, first.len + 1 + last.len};
}

static void derive_domain(struct record *r)
{
    if (given(r, FIELD_DOMAIN) || !usable(r, FIELD_EMAIL))
        return;
    struct slice email = r->value[FIELD_EMAIL];
    const char *at = memchr(email.data, '@', email.len);
    assert(at);
    size_t before = (size_t)(at + 1 - email.data);
    struct slice domain = {at + 1, email.len - before};
    if (!mailbox_provider(domain))
        r->value[FIELD_DOMAIN] = domain;
}

void record_from_cells(struct record *r, const struct mapping *m, const struct slice *cells,
                       struct arena *a)
{
    for (int f = 0; f < FIELD_COUNT; f++) {
        r->value[f] = SLICE_EMPTY;
        r->problem[f] = NULL;
    }
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        int column = m->column[rules[i].field];
        if (column >= 0 && cells[column].len > 0)
            take(r, rules[i].field, rules[i].normalise, cells[column], a);
    }
    derive_parts(r);
    derive_full(r, a);
    derive_domain(r);
}

static uint32_t next_field(field_set *fields)
{
    uint32_t f = (uint32_t)__builtin_ctzll(*fields);
    *fields &= *fields - 1;
    return f;
}

struct sentence {
    char text[1024];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct sentence *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->text + s->len, sizeof s->text - s->len, format, args);
    va_end(args);
    if (n > 0)
        s->len += (size_t)n < sizeof s->text - s->len ? (size_t)n : sizeof s->text - s->len - 1;
}

/* The value in quotes, cut at a code point, without what would disturb a terminal or a line. */
static void say_value(struct sentence *s, struct slice value)
{
    char shown[SHOWN_MAX];
    size_t len = 0;
    for (size_t n; len < value.len; len += n) {
        uint32_t c;
        n = text_next(value.data + len, value.len - len, &c);
        if (len + n > sizeof shown)
            break;
        for (size_t i = len; i < len + n; i++)
            shown[i] = c < 0x20 || (c >= 0x7f && c <= 0x9f) ? '?' : value.data[i];
    }
    say(s, ": \"%.*s%s\"", (int)len, shown, len < value.len ? "..." : "");
}

/* "no first_name, domain; email is not an email address: "jane@"" */
static void say_wrong(struct sentence *s, const struct record *r, field_set fields)
{
    for (field_set left = fields; left;) {
        uint32_t f = next_field(&left);
        if (!given(r, f))
            say(s, "%s%s", s->len == 0 ? "no " : ", ", field_name(f));
    }
    for (field_set left = fields; left;) {
        uint32_t f = next_field(&left);
        if (!r->problem[f])
            continue;
        say(s, "%s%s %s", s->len == 0 ? "" : "; ", field_name(f), r->problem[f]);
        if (r->value[f].len > 0)
            say_value(s, r->value[f]);
    }
}

field_set record_choose(const struct record *r, const field_set *sets, unsigned count,
                        struct arena *a, const char **reason)
{
    /* Of the sets that will not do, the one that lacks least is the one to talk about; and a value
     * that is wrong is closer than one that is not there. */
    field_set nearest = 0;
    unsigned least = UINT32_MAX;
    for (unsigned i = 0; i < count; i++) {
        unsigned lacks = 0;
        for (field_set left = sets[i]; left;) {
            uint32_t f = next_field(&left);
            lacks += usable(r, f) ? 0 : r->problem[f] ? 64 : 65;
        }
        if (lacks == 0)
            return sets[i];
        if (lacks < least) {
            least = lacks;
            nearest = sets[i];
        }
    }
    struct sentence s = {.len = 0};
    say_wrong(&s, r, nearest);
    const char *text = arena_text(a, (struct slice){s.text, s.len});
    *reason = text ? text : "a field is missing or wrong";
    return 0;
}

/* Lower case; white space and control characters are spaces. Bytes from 0x80 are 0: not for this
 * table. */
static const char lower_byte[256] = {
    "                                 !\"#$%&'()*+,-./0123456789:;<=>?@abcdefghijklmnopqrstuvwxyz"
    "[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\177"};

static void append_folded_beyond_ascii(struct buf *out, struct slice value)
{
    size_t start = out->len;
    utf8_lower(out, value);
    if (out->failed)
        return;
    /* The separator must not come from a value. */
    for (size_t i = start; i < out->len; i++)
        if ((uint8_t)out->data[i] < ' ')
            out->data[i] = ' ';
    unsigned flags = 0;
    out->len = start + text_fold(out->data + start, out->len - start, &flags);
}

/* Append the value as identities compare it: trimmed, in lower case, runs of white space one space.
 */
static void append_folded(struct buf *out, struct slice value)
{
    char *p = buf_reserve(out, value.len + 1);
    if (!p)
        return;
    size_t n = 0;
    char before = ' '; /* so that leading spaces go */
    for (size_t i = 0; i < value.len; i++) {
        char c = lower_byte[(uint8_t)value.data[i]];
        if (!c) {
            append_folded_beyond_ascii(out, value);
            return;
        }
        p[n] = c;
        n += c != ' ' || before != ' ';
        before = c;
    }
    out->len += n > 0 && p[n - 1] == ' ' ? n - 1 : n;
}

struct identity record_identity(const struct record *r, field_set fields, struct buf *scratch)
{
    struct identity id = {{0}};
    assert(fields);
    buf_reset(scratch);
    /* The same text is another question in another field. */
    buf_append(scratch, &fields, sizeof fields);
    for (field_set left = fields; left;) {
        append_folded(scratch, r->value[next_field(&left)]);
        if (left)
            buf_append_char(scratch, SEPARATOR);
    }
    if (scratch->failed)
        return id;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(scratch->data, scratch->len));
    static_assert(sizeof canonical == sizeof id, "an identity is an XXH3-128");
    memcpy(id.hash, &canonical, sizeof id.hash);
    static const struct identity none;
    if (memcmp(&id, &none, sizeof id) == 0)
        id.hash[sizeof id.hash - 1] = 1;
    return id;
}
