/* Makes up people from a hash of what is known about them.
 *
 * 1. The hash is of all hints, each in its place: "anna" as a first name and as a company are two
 *    people.
 * 2. Each decision takes bits of its own, so that changing one share leaves the others as they are.
 * No state; any thread. */
#include "sim/person.h"

#include <stdio.h>
#include <string.h>

/* The longest local part of an address is 64 bytes (RFC 5321): two folded names and a dot. */
#define LOCAL_HALF_MAX 31

static const char *const firsts[] = {"Ada",   "Bela",  "Carla", "Dario", "Edda",  "Femi",
                                     "Gita",  "Hanno", "Imke",  "Jonas", "Kaori", "Lior",
                                     "Maren", "Nuno",  "Odile", "Petra"};
static const char *const lasts[] = {"Example",  "Sample",  "Testmann", "Fictive",
                                    "Mockford", "Stubbs",  "Dummett",  "Placeholt",
                                    "Lorem",    "Ipsumer", "Madeup",   "Invenzi"};
static const char *const titles[] = {"Head of Growth",     "Software Engineer",
                                     "VP of Engineering",  "Account Executive",
                                     "Head of Operations", "Marketing Manager"};
static const char *const places[] = {"Berlin, Germany", "Lyon, France",  "Leeds, United Kingdom",
                                     "Porto, Portugal", "Graz, Austria", "Ghent, Belgium"};

#define PICK(table, bits) table[(bits) % (sizeof table / sizeof *table)]

/* As much of the text as fits, whole characters only. */
static void copy(char *to, size_t size, struct slice text)
{
    size_t len = text.len < size ? text.len : size - 1;
    while (len < text.len && len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    if (len > 0)
        memcpy(to, text.data, len);
    to[len] = '\0';
}

/* The first letter of each word as a capital, where it is of ASCII. */
static void capitalise(char *text)
{
    bool begins = true;
    for (; *text; text++) {
        if (begins && *text >= 'a' && *text <= 'z')
            *text = (char)(*text - ('a' - 'A'));
        begins = *text == ' ' || *text == '-';
    }
}

static struct slice behind(struct slice text, char separator)
{
    const char *at = text.len ? memrchr(text.data, separator, text.len) : NULL;
    return at ? (struct slice){at + 1, (size_t)(text.data + text.len - at - 1)} : SLICE_EMPTY;
}

/* "nobody" of ".../in/nobody-7", as a domain. */
static enum truth_forced forced_profile(struct slice url)
{
    static const char *const words[] = {"nobody", "everybody", "risky", "catch-all"};
    struct slice name = behind(url, '/');
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i]);
        if (slice_starts(name, slice_of(words[i])) && (name.len == len || name.data[len] == '-')) {
            char domain[32];
            snprintf(domain, sizeof domain, "%s.example", words[i]);
            return truth_forced(slice_of(domain));
        }
    }
    return FORCED_NOT;
}

enum truth_forced person_forced(const struct person_hints *h)
{
    enum truth_forced found = truth_forced(h->domain);
    if (found == FORCED_NOT)
        found = truth_forced(behind(h->email, '@'));
    if (found == FORCED_NOT)
        found = truth_forced(h->company);
    return found == FORCED_NOT ? forced_profile(h->url) : found;
}

enum truth_refusal person_refuses(const struct person_hints *h)
{
    enum truth_refusal found = truth_refuses_domain(h->domain);
    if (found == TRUTH_TAKEN)
        found = truth_refuses_domain(behind(h->email, '@'));
    return found == TRUTH_TAKEN ? truth_refuses_domain(h->company) : found;
}

static XXH128_hash_t hash_hints(const struct truth *t, uint64_t salt, const struct person_hints *h)
{
    const struct slice hints[] = {h->first,   h->last,  h->full, h->domain,
                                  h->company, h->email, h->url};
    XXH128_hash_t digest = {salt, 0};
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        if (hints[i].len == 0)
            continue;
        XXH128_hash_t one = XXH3_128bits_withSeed(hints[i].data, hints[i].len,
                                                  t->seed ^ (i + 1) * 0x9e3779b97f4a7c15u);
        uint64_t both[4] = {digest.low64, digest.high64, one.low64, one.high64};
        digest = XXH3_128bits_withSeed(both, sizeof both, t->seed);
    }
    return digest;
}

/* "jane doe" in two, at its last space. */
static void split_name(struct slice full, struct person *p)
{
    struct slice last = behind(full, ' ');
    size_t rest = last.len > 0 ? full.len - last.len - 1 : full.len;
    copy(p->first, sizeof p->first, (struct slice){full.data, rest});
    if (last.len > 0)
        copy(p->last, sizeof p->last, last);
}

static void know_name(const struct person_hints *h, struct person *p)
{
    uint64_t bits = p->digest.high64;
    copy(p->first, sizeof p->first, slice_of(PICK(firsts, bits & 0xff)));
    copy(p->last, sizeof p->last, slice_of(PICK(lasts, bits >> 8 & 0xff)));
    if (h->full.len > 0)
        split_name(h->full, p);
    if (h->first.len > 0)
        copy(p->first, sizeof p->first, h->first);
    if (h->last.len > 0)
        copy(p->last, sizeof p->last, h->last);
    capitalise(p->first);
    capitalise(p->last);
    snprintf(p->full, sizeof p->full, "%s %s", p->first, p->last);
}

static void know_employer(const struct person_hints *h, struct person *p)
{
    uint64_t bits = p->digest.high64;
    char label[LOCAL_HALF_MAX + 1] = "";
    size_t len = 0;
    struct slice domain = h->domain.len > 0 ? h->domain : behind(h->email, '@');
    bool named_by_domain =
        domain.len == 0 && h->company.len > 0 && memchr(h->company.data, '.', h->company.len);
    if (named_by_domain)
        domain = h->company;
    truth_fold(h->company, label, &len, LOCAL_HALF_MAX);
    if (len == 0)
        snprintf(label, sizeof label, "company%04x", (unsigned)(bits >> 16 & 0xffff));
    if (domain.len > 0)
        copy(p->domain, sizeof p->domain, domain);
    else
        snprintf(p->domain, sizeof p->domain, "%s.example", label);
    if (h->company.len > 0 && !named_by_domain) {
        copy(p->company, sizeof p->company, h->company);
    } else {
        const char *dot = strchr(p->domain, '.');
        copy(p->company, sizeof p->company,
             (struct slice){p->domain, dot ? (size_t)(dot - p->domain) : strlen(p->domain)});
    }
    capitalise(p->company);
    p->employees = 2 + (unsigned)(bits >> 32 & 0x3ff);
}

static void know_addresses(const struct person_hints *h, struct person *p)
{
    char first[LOCAL_HALF_MAX + 1] = "", last[LOCAL_HALF_MAX + 1] = "", lower[PERSON_TEXT_MAX];
    size_t first_len = 0, last_len = 0;
    uint64_t bits = p->digest.high64;
    for (size_t i = 0; (lower[i] = p->first[i]) != '\0'; i++)
        lower[i] |= p->first[i] >= 'A' && p->first[i] <= 'Z' ? 0x20 : 0;
    truth_fold(slice_of(lower), first, &first_len, LOCAL_HALF_MAX);
    for (size_t i = 0; (lower[i] = p->last[i]) != '\0'; i++)
        lower[i] |= p->last[i] >= 'A' && p->last[i] <= 'Z' ? 0x20 : 0;
    truth_fold(slice_of(lower), last, &last_len, LOCAL_HALF_MAX);
    if (first_len == 0 || last_len == 0)
        /* Nothing that an address could be made of: a mailbox with a number. */
        snprintf(first, sizeof first, "p%08x", (unsigned)(bits >> 24));
    snprintf(p->work_email, sizeof p->work_email, "%.31s%s%.31s@%.180s", first,
             first_len && last_len ? "." : "", first_len ? last : "", p->domain);
    if (h->email.len > 0)
        copy(p->work_email, sizeof p->work_email, h->email);
    snprintf(p->personal_email, sizeof p->personal_email, "%.31s%02u@mail.example", first,
             (unsigned)(bits >> 40 & 0x3f));
    if (h->url.len > 0)
        snprintf(p->url, sizeof p->url, "https://www.%.*s",
                 (int)(h->url.len < sizeof p->url - 13 ? h->url.len : sizeof p->url - 13),
                 h->url.data);
    else
        snprintf(p->url, sizeof p->url, "https://www.linkedin.com/in/%s-%s-%05x", first,
                 last_len ? last : "x", (unsigned)(bits >> 44 & 0xfffff));
}

static void know_phones(struct person *p)
{
    uint64_t bits = p->digest.low64 ^ p->digest.high64 << 1;
    p->phones = p->phone ? 1 + (unsigned)(bits % 10 >= 6) + (unsigned)(bits % 10 >= 9) : 0;
    for (unsigned i = 0; i < PERSON_PHONES_MAX; i++)
        snprintf(p->phone_number[i], sizeof p->phone_number[i], "+1555%07u",
                 (unsigned)((bits >> 8) + i * 2654435761u) % 10000000);
}

static void force(enum truth_forced forced, struct person_known *k)
{
    bool known = forced != FORCED_NOBODY;
    if (forced == FORCED_NOT)
        return;
    k->profile = k->work = k->personal = k->phone = known;
    k->work_status = forced == FORCED_RISKY       ? VERDICT_RISKY
                     : forced == FORCED_CATCH_ALL ? VERDICT_CATCH_ALL
                                                  : VERDICT_VALID;
}

struct person_known person_decide(const struct truth *t, uint64_t salt,
                                  const struct person_hints *h)
{
    struct person_known k = {.digest = hash_hints(t, salt, h)};
    uint64_t low = k.digest.low64;
    unsigned share = truth_percent(k.digest.high64, 48);
    k.profile = truth_percent(low, 0) < t->found_percent;
    k.work = truth_percent(low, 16) < t->found_percent;
    k.personal = truth_percent(low, 32) < t->found_percent;
    k.phone = truth_percent(low, 48) < t->found_percent;
    k.work_status = share < 80 ? VERDICT_VALID : share < 92 ? VERDICT_RISKY : VERDICT_CATCH_ALL;
    force(person_forced(h), &k);
    return k;
}

void person_know(const struct truth *t, uint64_t salt, const struct person_hints *h,
                 struct person *p)
{
    struct person_known k = person_decide(t, salt, h);
    uint64_t low = k.digest.low64;
    *p = (struct person){.digest = k.digest,
                         .profile = k.profile,
                         .work = k.work,
                         .personal = k.personal,
                         .phone = k.phone,
                         .work_status = k.work_status};
    p->company_known = p->profile || h->company.len > 0 || h->domain.len > 0;
    know_name(h, p);
    know_employer(h, p);
    know_addresses(h, p);
    know_phones(p);
    copy(p->title, sizeof p->title, slice_of(PICK(titles, low & 0xff)));
    copy(p->location, sizeof p->location, slice_of(PICK(places, low >> 8 & 0xff)));
}

void person_pretty_phone(const char *number, char text[24])
{
    snprintf(text, 24, "+1 (%.3s) %.3s-%.4s", number + 2, number + 5, number + 8);
}
