/* One value of a list in canonical form.
 *
 * Invariants:
 *  1. A canonical value normalises to itself.
 *  2. ASCII in canonical form already costs one or two passes, no memory and no copy.
 *  3. When in doubt a value is refused, with the reason: a question about the wrong person or
 * company costs as much as one about the right one.
 *
 * Fails only when the arena is full, as a problem. Any thread. */
#include "record/normalise.h"

#include <string.h>

#include "record/mailbox.h"
#include "record/text.h"

const char normalise_no_memory[] = "could not be kept: out of memory";

#define LINKEDIN "https://www.linkedin.com/"

static const char not_email[] = "is not an email address";
static const char not_domain[] = "is not a domain";
static const char not_company[] = "is an address at a mailbox provider, not a company's domain";
static const char not_linkedin[] = "is not a LinkedIn address";

static struct slice after(struct slice s, size_t n)
{
    return (struct slice){s.data + n, s.len - n};
}

static bool starts_nocase(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_eq_nocase((struct slice){s.data, prefix.len}, prefix);
}

static struct slice until_any(struct slice s, const char *ends)
{
    for (size_t i = 0; i < s.len; i++)
        for (const char *end = ends; *end; end++)
            if (s.data[i] == *end)
                return (struct slice){s.data, i};
    return s;
}

/* What is between angle brackets ("Jane Doe <jane@acme.com>"), if they are there. */
static struct slice unbracket(struct slice s)
{
    if (s.len < 2 || s.data[s.len - 1] != '>')
        return s;
    const char *open = memchr(s.data, '<', s.len);
    if (!open)
        return s;
    size_t start = (size_t)(open - s.data) + 1;
    return slice_trim((struct slice){s.data + start, s.len - start - 1});
}

/* Without "https://", also where a program put a second one before it; or "//". */
static struct slice without_scheme(struct slice s, bool *had)
{
    for (;;) {
        size_t i = 0;
        while (i < s.len && ((s.data[i] | 32) >= 'a' && (s.data[i] | 32) <= 'z'))
            i++;
        struct slice rest = after(s, i);
        if (i > 0 && slice_starts(rest, SLICE_LIT("://")))
            s = after(rest, 3);
        else if (i == 0 && slice_starts(rest, SLICE_LIT("//")))
            s = after(rest, 2);
        else
            return s;
        *had = true;
    }
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

/* Letters and digits of other scripts, told by leaving out what is neither: Latin-1 signs,
 * punctuation and symbols, CJK punctuation, the private area, what has no width, emoji. */
static bool is_letter(uint32_t c)
{
    return c >= 0xaa && !(c > 0xaa && c < 0xb5) && !(c > 0xb5 && c < 0xba) &&
           !(c > 0xba && c < 0xc0) && c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c <= 0x2bff) &&
           !(c >= 0x3000 && c <= 0x3004) && !(c >= 0x3008 && c <= 0x3020) &&
           !(c >= 0xe000 && c <= 0xf8ff) && !(c >= 0xfe00 && c <= 0xfe6f) &&
           !(c >= 0xff00 && c <= 0xff0f) && !(c >= 0xfff0 && c <= 0xffff) && c < 0x1f000;
}

/* Whether lower-case text is a domain, by form. The last label is no number (that would be an IP
 * address) and has two characters at least, as all top-level domains have. */
static bool domain_valid(struct slice d)
{
    if (d.len == 0 || d.len > NORMALISE_DOMAIN_MAX)
        return false;
    size_t label = 0, labels = 1;
    bool number = true;
    for (size_t i = 0, n = 1; i < d.len; i += n) {
        char c = d.data[i];
        n = 1;
        if (c == '.') {
            if (label == 0 || d.data[i - 1] == '-')
                return false;
            labels++;
            label = 0;
            number = true;
            continue;
        }
        if ((uint8_t)c >= 0x80) {
            uint32_t letter;
            n = text_next(d.data + i, d.len - i, &letter);
            if (!is_letter(letter))
                return false;
        } else if (!is_alnum(c) && (c != '-' || label == 0)) {
            return false;
        }
        number = number && c >= '0' && c <= '9';
        if (++label > 63)
            return false;
    }
    return labels >= 2 && label >= 2 && !number && d.data[d.len - 1] != '-';
}

const char *normalise_text(struct slice text, unsigned flags, struct arena *a, struct slice *out)
{
    (void)a;
    if (flags & TEXT_CONTROL)
        return "has control characters";
    /* An object or array of an NDJSON list; as a question it would be paid for and never answered.
     */
    char last = text.len > 0 ? text.data[text.len - 1] : '\0';
    if ((last == '}' && text.data[0] == '{') || (last == ']' && text.data[0] == '['))
        return "is not text";
    *out = text;
    return NULL;
}

/* RFC 5322's atoms joined by single dots, and the letters of RFC 6531. Quoted forms are refused: no
 * vendor takes them. */
static bool local_valid(struct slice local)
{
    if (local.len == 0 || local.len > 64 || local.data[0] == '.' ||
        local.data[local.len - 1] == '.')
        return false;
    for (size_t i = 0; i < local.len; i++) {
        char c = local.data[i];
        if (c == '.' ? local.data[i - 1] == '.'
                     : !is_alnum(c) && (uint8_t)c < 0x80 &&
                           (c == 0 || !strchr("_-+'&/=!#$%*?^`{|}~", c)))
            return false;
    }
    return true;
}

const char *normalise_email(struct slice text, unsigned flags, struct arena *a, struct slice *out)
{
    struct slice s = unbracket(text);
    if (starts_nocase(s, SLICE_LIT("mailto:")))
        s = until_any(after(s, 7), "?");
    if (s.len > NORMALISE_EMAIL_MAX || (flags & TEXT_CONTROL))
        return not_email;
    const char *at = memchr(s.data, '@', s.len);
    if (!at)
        return not_email;
    if (!text_lower(s, flags, a, &s))
        return normalise_no_memory;
    at = memchr(s.data, '@', s.len);
    size_t local = (size_t)(at - s.data);
    /* A second @ is refused as part of the domain. */
    if (s.len > NORMALISE_EMAIL_MAX || !local_valid((struct slice){s.data, local}) ||
        !domain_valid(after(s, local + 1)))
        return not_email;
    *out = s;
    return NULL;
}

/* The host of a URL, a host, or what is behind an @; false when its port is no number. */
static bool host_of(struct slice s, struct slice *host, bool *address)
{
    bool scheme = false;
    s = unbracket(s);
    if (starts_nocase(s, SLICE_LIT("mailto:")))
        s = after(s, 7);
    s = until_any(without_scheme(s, &scheme), "/?#\\");
    const char *at = memrchr(s.data, '@', s.len);
    *address = at && at > s.data && !scheme;
    if (at)
        s = after(s, (size_t)(at - s.data) + 1);
    const char *colon = memchr(s.data, ':', s.len);
    if (colon) {
        size_t len = (size_t)(colon - s.data);
        for (size_t i = len + 1; i < s.len; i++)
            if (s.data[i] < '0' || s.data[i] > '9')
                return false;
        s.len = len;
    }
    if (s.len > 0 && s.data[s.len - 1] == '.')
        s.len--;
    *host = s;
    return true;
}

const char *normalise_domain(struct slice text, unsigned flags, struct arena *a, struct slice *out)
{
    struct slice s;
    bool address;
    /* Lower-case letters can be longer or shorter, so the exact length is judged after. */
    if (!host_of(text, &s, &address) || s.len == 0 || s.len > 2 * NORMALISE_DOMAIN_MAX)
        return not_domain;
    if (!text_lower(s, flags, a, &s))
        return normalise_no_memory;
    while (slice_starts(s, SLICE_LIT("www.")) && memchr(s.data + 4, '.', s.len - 4))
        s = after(s, 4);
    if (!domain_valid(s))
        return not_domain;
    if (address && mailbox_provider(s))
        return not_company;
    *out = s;
    return NULL;
}

static bool is_linkedin_host(struct slice host)
{
    const struct slice name = SLICE_LIT("linkedin.com");
    if (host.len < name.len || !slice_eq_nocase(after(host, host.len - name.len), name))
        return false;
    for (size_t i = 0; i < host.len; i++)
        if (!is_alnum(host.data[i]) && host.data[i] != '.' && host.data[i] != '-')
            return false;
    return host.len == name.len || host.data[host.len - name.len - 1] == '.';
}

/* Take the next segment off a path; false at its end. */
static bool segment(struct slice *path, struct slice *out)
{
    while (path->len > 0 && path->data[0] == '/')
        *path = after(*path, 1);
    *out = until_any(*path, "/");
    *path = after(*path, out->len);
    return out->len > 0;
}

/* The path of a LinkedIn address without query and fragment; false where it is none. */
static bool linkedin_path(struct slice s, struct slice *path)
{
    bool scheme = false;
    s = until_any(without_scheme(unbracket(s), &scheme), "?#");
    struct slice host = until_any(s, "/");
    *path = after(s, host.len);
    if (is_linkedin_host(host))
        return true;
    if (scheme || !(host.len == 0 || slice_eq_nocase(host, SLICE_LIT("in"))))
        return false;
    *path = s;
    return starts_nocase(host.len == 0 ? after(s, s.len > 0) : s, SLICE_LIT("in/"));
}

/* What kind of page a path leads to, and its id. A profile of Sales Navigator
 * ("/sales/lead/<id>,NAME_SEARCH,x") is reached under /in/<id> too, which is the form vendors know.
 */
static const char *linkedin_page(struct slice path, struct slice *id)
{
    struct slice kind;
    if (!segment(&path, &kind))
        return NULL;
    if ((slice_eq_nocase(kind, SLICE_LIT("mwlite")) || slice_eq_nocase(kind, SLICE_LIT("m"))) &&
        !segment(&path, &kind))
        return NULL;
    if (slice_eq_nocase(kind, SLICE_LIT("in")))
        return segment(&path, id) ? "in/" : NULL;
    if (slice_eq_nocase(kind, SLICE_LIT("company")))
        return segment(&path, id) ? "company/" : NULL;
    if (slice_eq_nocase(kind, SLICE_LIT("pub"))) {
        if (!segment(&path, id))
            return NULL;
        /* All of "/pub/jane-doe/1/2/3" is the id. */
        id->len += path.len;
        while (id->data[id->len - 1] == '/')
            id->len--;
        return "pub/";
    }
    if (slice_eq_nocase(kind, SLICE_LIT("sales")) && segment(&path, &kind) &&
        (slice_eq_nocase(kind, SLICE_LIT("lead")) || slice_eq_nocase(kind, SLICE_LIT("people"))) &&
        segment(&path, id)) {
        *id = until_any(*id, ",");
        return id->len > 0 ? "in/" : NULL;
    }
    return NULL;
}

/* Whether text is canonical already but for a slash at its end, as nearly all are; *out is what is.
 */
static bool linkedin_canonical(struct slice text, struct slice *out)
{
    const struct slice prefix = SLICE_LIT(LINKEDIN "in/");
    if (text.len > NORMALISE_LINKEDIN_MAX || !slice_starts(text, prefix))
        return false;
    if (text.data[text.len - 1] == '/')
        text.len--;
    for (size_t i = prefix.len; i < text.len; i++)
        if (!is_alnum(text.data[i]) && text.data[i] != '-' && text.data[i] != '%' &&
            text.data[i] != '_')
            return false;
    *out = text;
    return text.len > prefix.len;
}

/* Write the id of a page; a URL is ASCII, and what is percent-encoded already stays as it is. */
static void encode_id(char *p, struct slice id)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < id.len; i++) {
        uint8_t c = (uint8_t)id.data[i];
        if (c < 0x80) {
            *p++ = (char)c;
            continue;
        }
        *p++ = '%';
        *p++ = hex[c >> 4];
        *p++ = hex[c & 15];
    }
}

const char *normalise_linkedin(struct slice text, unsigned flags, struct arena *a,
                               struct slice *out)
{
    struct slice path, id;
    if (linkedin_canonical(text, out))
        return NULL;
    if ((flags & TEXT_CONTROL) || !linkedin_path(text, &path))
        return not_linkedin;
    const char *kind = linkedin_page(path, &id);
    if (!kind || id.len > NORMALISE_LINKEDIN_MAX)
        return not_linkedin;

    size_t beyond = 0;
    for (size_t i = 0; i < id.len; i++) {
        if (!is_alnum(id.data[i]) && strchr(" \"<>\\^`{|}", id.data[i]))
            return not_linkedin;
        beyond += (uint8_t)id.data[i] >= 0x80;
    }
    size_t len = sizeof LINKEDIN - 1 + strlen(kind) + id.len + 2 * beyond;
    if (len > NORMALISE_LINKEDIN_MAX)
        return not_linkedin;
    char *copy = arena_alloc(a, len);
    if (!copy)
        return normalise_no_memory;
    char *p = mempcpy(copy, LINKEDIN, sizeof LINKEDIN - 1);
    encode_id(mempcpy(p, kind, strlen(kind)), id);
    *out = (struct slice){copy, len};
    return NULL;
}

bool normalise_is_profile(struct slice linkedin)
{
    return slice_starts(linkedin, SLICE_LIT(LINKEDIN "in/")) ||
           slice_starts(linkedin, SLICE_LIT(LINKEDIN "pub/"));
}

/* The E.164 form of a number that begins with "+", into digits (room for 16); 0 where it has none:
 * an extension, letters, fewer than 7 or more than 15 digits. "(0)" is the trunk prefix that is not
 * dialled from abroad. */
static size_t e164(struct slice s, char *digits)
{
    size_t n = 0;
    digits[n++] = '+';
    for (size_t i = 1; i < s.len; i++) {
        char c = s.data[i];
        if (slice_starts(after(s, i), SLICE_LIT("(0)")))
            i += 2;
        else if (c >= '0' && c <= '9' && n == 16)
            return 0;
        else if (c >= '0' && c <= '9')
            digits[n++] = c;
        else if (c == '\0' || !strchr(" ()-./", c))
            return 0;
    }
    return n >= 8 ? n : 0;
}

const char *normalise_phone(struct slice text, unsigned flags, struct arena *a, struct slice *out)
{
    char digits[16];
    bool any = false;
    for (size_t i = 0; i < text.len; i++)
        any = any || (text.data[i] >= '0' && text.data[i] <= '9');
    if (!any || (flags & TEXT_CONTROL))
        return "is not a phone number";
    size_t n = text.data[0] == '+' ? e164(text, digits) : 0;
    if (n == 0 || slice_eq(text, (struct slice){digits, n})) {
        *out = text;
        return NULL;
    }
    struct slice copy = arena_copy(a, (struct slice){digits, n});
    if (!copy.data)
        return normalise_no_memory;
    *out = copy;
    return NULL;
}
