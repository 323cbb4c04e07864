/* Makes up answers from a hash of the question.
 *
 * Each decision takes bits of its own from the digest, so that changing one share (found_percent)
 * leaves the other decisions as they are. No state; any thread. */
#include "sim/truth.h"

#include <string.h>

/* The longest local part of an address (RFC 5321). */
#define LOCAL_MAX 64

XXH128_hash_t truth_digest(const struct truth *t, const struct question *q)
{
    return XXH3_128bits_withSeed(q->key.data, q->key.len, t->seed ^ q->service->salt);
}

unsigned truth_percent(uint64_t bits, unsigned shift)
{
    return (unsigned)((bits >> shift & 0xffff) * 100 >> 16);
}

enum truth_forced truth_forced(struct slice domain)
{
    static const struct {
        const char *domain;
        enum truth_forced outcome;
    } table[] = {
        {"nobody.example", FORCED_NOBODY},
        {"everybody.example", FORCED_EVERYBODY},
        {"risky.example", FORCED_RISKY},
        {"catch-all.example", FORCED_CATCH_ALL},
    };
    if (!slice_ends(domain, SLICE_LIT(".example")))
        return FORCED_NOT;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (slice_eq(domain, slice_of(table[i].domain)))
            return table[i].outcome;
    return FORCED_NOT;
}

enum truth_refusal truth_refuses_domain(struct slice domain)
{
    if (slice_eq(domain, SLICE_LIT("refused.example")))
        return TRUTH_REFUSED;
    return slice_eq(domain, SLICE_LIT("poison.example")) ? TRUTH_POISON : TRUTH_TAKEN;
}

enum truth_refusal truth_refuses(const struct question *q)
{
    return truth_refuses_domain(question_domain(q));
}

/* Whether mail could go to it: two labels at least, of letters, digits and hyphens; letters beyond
 * ASCII are letters. */
static bool domain_plausible(struct slice domain)
{
    unsigned dots = 0;
    size_t label = 0;
    for (size_t i = 0; i < domain.len; i++) {
        unsigned char c = (unsigned char)domain.data[i];
        if (c == '.') {
            if (label == 0)
                return false;
            dots++;
            label = 0;
        } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c >= 0x80) {
            label++;
        } else {
            return false;
        }
    }
    return dots > 0 && label > 0;
}

static void judge_finder(const struct truth *t, const struct question *q, XXH128_hash_t d,
                         struct verdict *v)
{
    unsigned share = truth_percent(d.low64, 16);
    v->found = domain_plausible(q->normal[2]) && truth_percent(d.low64, 0) < t->found_percent;
    v->catch_all = truth_percent(d.low64, 32) < 12;
    v->confidence = v->catch_all ? CONFIDENCE_LOW
                    : share < 20 ? CONFIDENCE_DEFINITIVE
                    : share < 75 ? CONFIDENCE_HIGH
                                 : CONFIDENCE_MEDIUM;
    switch (truth_forced(q->normal[2])) {
    case FORCED_NOT:
        return;
    case FORCED_NOBODY:
        v->found = false;
        return;
    case FORCED_EVERYBODY:
        *v = (struct verdict){.found = true, .confidence = CONFIDENCE_HIGH};
        return;
    case FORCED_RISKY:
        *v = (struct verdict){.found = true, .confidence = CONFIDENCE_LOW};
        return;
    case FORCED_CATCH_ALL:
        *v = (struct verdict){.found = true, .confidence = CONFIDENCE_LOW, .catch_all = true};
        return;
    }
}

static enum verdict_status judge_address(const struct truth *t, const struct question *q,
                                         XXH128_hash_t d)
{
    struct slice domain = question_domain(q);
    bool has_local = q->normal[0].len > domain.len + 1;
    unsigned share = truth_percent(d.low64, 16);
    switch (truth_forced(domain)) {
    case FORCED_NOT:
        break;
    case FORCED_NOBODY:
        return VERDICT_INVALID;
    case FORCED_EVERYBODY:
        return VERDICT_VALID;
    case FORCED_RISKY:
        return VERDICT_RISKY;
    case FORCED_CATCH_ALL:
        return VERDICT_CATCH_ALL;
    }
    if (!domain_plausible(domain) || !has_local)
        return VERDICT_INVALID;
    if (truth_percent(d.low64, 0) < t->found_percent)
        return VERDICT_VALID;
    return share < 60 ? VERDICT_INVALID : share < 80 ? VERDICT_RISKY : VERDICT_CATCH_ALL;
}

static void judge_validation(const struct truth *t, const struct question *q, XXH128_hash_t d,
                             struct verdict *v)
{
    struct slice domain = question_domain(q);
    v->status = judge_address(t, q, d);
    v->catch_all = v->status == VERDICT_CATCH_ALL;
    v->free_mail =
        slice_eq(domain, SLICE_LIT("gmail.com")) || slice_eq(domain, SLICE_LIT("yahoo.com"));
    v->disposable = slice_starts(domain, SLICE_LIT("mailinator."));
    switch (v->status) {
    case VERDICT_VALID:
        v->confidence = truth_percent(d.low64, 32) < 50 ? CONFIDENCE_HIGH : CONFIDENCE_DEFINITIVE;
        break;
    case VERDICT_INVALID:
        v->confidence = CONFIDENCE_DEFINITIVE;
        break;
    case VERDICT_RISKY:
        v->confidence = CONFIDENCE_MEDIUM;
        break;
    case VERDICT_CATCH_ALL:
        v->confidence = CONFIDENCE_LOW;
        break;
    }
}

struct verdict truth_judge(const struct truth *t, const struct question *q, XXH128_hash_t digest)
{
    struct verdict v = {.mail_host = (unsigned)(digest.high64 >> 48) % 3};
    if (q->service->kind == SERVICE_FINDER)
        judge_finder(t, q, digest, &v);
    else
        judge_validation(t, q, digest, &v);
    return v;
}

bool truth_charges(enum service_kind kind, const struct verdict *v)
{
    return kind == SERVICE_VALIDATION || v->found;
}

/* The letters of U+00E0 to U+017F without their marks, one word each; capitals do not come here. */
static const char *const fold_table[] = {
    /* E0 */ "a",  "a", "a",  "a",  "ae", "a", "ae", "c",
    "e",           "e", "e",  "e",  "i",  "i", "i",  "i",
    /* F0 */ "d",  "n", "o",  "o",  "o",  "o", "oe", "",
    "o",           "u", "u",  "u",  "ue", "y", "th", "y",
    /* 100 */ "a", "a", "a",  "a",  "a",  "a", "c",  "c",
    "c",           "c", "c",  "c",  "c",  "c", "d",  "d",
    /* 110 */ "d", "d", "e",  "e",  "e",  "e", "e",  "e",
    "e",           "e", "e",  "e",  "g",  "g", "g",  "g",
    /* 120 */ "g", "g", "g",  "g",  "h",  "h", "h",  "h",
    "i",           "i", "i",  "i",  "i",  "i", "i",  "i",
    /* 130 */ "i", "i", "ij", "ij", "j",  "j", "k",  "k",
    "k",           "l", "l",  "l",  "l",  "l", "l",  "l",
    /* 140 */ "l", "l", "l",  "n",  "n",  "n", "n",  "n",
    "n",           "n", "n",  "n",  "o",  "o", "o",  "o",
    /* 150 */ "o", "o", "oe", "oe", "r",  "r", "r",  "r",
    "r",           "r", "s",  "s",  "s",  "s", "s",  "s",
    /* 160 */ "s", "s", "t",  "t",  "t",  "t", "t",  "t",
    "u",           "u", "u",  "u",  "u",  "u", "u",  "u",
    /* 170 */ "u", "u", "u",  "u",  "w",  "w", "y",  "y",
    "y",           "z", "z",  "z",  "z",  "z", "z",  "s",
};

void truth_fold(struct slice name, char *out, size_t *len, size_t max)
{
    for (size_t i = 0; i < name.len && *len < max; i++) {
        unsigned char c = (unsigned char)name.data[i];
        const char *word = "";
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            out[(*len)++] = (char)c;
            continue;
        }
        if (c >= 0xc3 && c <= 0xc5 && i + 1 < name.len) {
            unsigned point = (unsigned)(c & 0x1f) << 6 | ((unsigned char)name.data[++i] & 0x3f);
            if (point == 0xdf)
                word = "ss";
            else if (point >= 0xe0)
                word = fold_table[point - 0xe0];
        }
        while (*word && *len < max)
            out[(*len)++] = *word++;
    }
}

void truth_email(const struct question *q, XXH128_hash_t digest, struct buf *out)
{
    char first[LOCAL_MAX], last[LOCAL_MAX];
    size_t first_len = 0, last_len = 0;
    unsigned pattern = truth_percent(digest.high64, 0);
    truth_fold(q->normal[0], first, &first_len, LOCAL_MAX / 2 - 1);
    truth_fold(q->normal[1], last, &last_len, LOCAL_MAX / 2 - 1);
    if (first_len == 0 || last_len == 0) {
        /* Nothing that an address could be made of: a mailbox with a number. */
        buf_append_format(out, "p%08x", (unsigned)(digest.high64 >> 16));
    } else if (pattern < 55) {
        buf_append(out, first, first_len);
        buf_append_char(out, '.');
        buf_append(out, last, last_len);
    } else if (pattern < 75) {
        buf_append(out, first, 1);
        buf_append(out, last, last_len);
    } else if (pattern < 90) {
        buf_append(out, first, first_len);
    } else {
        buf_append(out, first, first_len);
        buf_append_char(out, '_');
        buf_append(out, last, last_len);
    }
    buf_append_char(out, '@');
    buf_append_slice(out, q->normal[2]);
}

const char *truth_status_name(enum verdict_status status)
{
    switch (status) {
    case VERDICT_VALID:
        return "valid";
    case VERDICT_INVALID:
        return "invalid";
    case VERDICT_RISKY:
        return "risky";
    case VERDICT_CATCH_ALL:
        return "catch-all";
    }
    return "";
}

const char *truth_confidence_name(enum verdict_confidence confidence)
{
    switch (confidence) {
    case CONFIDENCE_DEFINITIVE:
        return "definitive";
    case CONFIDENCE_HIGH:
        return "high";
    case CONFIDENCE_MEDIUM:
        return "medium";
    case CONFIDENCE_LOW:
        return "low";
    }
    return "";
}
