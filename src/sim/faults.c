/* Decides which requests go wrong, by rules that people write.
 *
 * A rule sees each request of its class, counts it, and fires or not by its amount; the dice are a
 * hash of the seed, the rule and that count, so a schedule can be had again. The first rule that
 * fires decides, except that delays add up. One thread. */
#include "sim/faults.h"

#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "wire/json_write.h"

#define RULES_MAX  32
#define NUMBER_MAX 1000000000

static const char *const class_names[CLASSES] = {"submit",  "single",   "poll", "page",
                                                 "balance", "callback", "other"};

static const struct fault_word {
    const char *word;
    enum fault_kind kind;
    enum fault_number number;
} words[] = {
#define X(word, kind, number, help) {word, kind, number},
    FAULT_LIST(X)
#undef X
};
#define WORDS (sizeof words / sizeof *words)

struct fault_rule {
    char text[64];
    bool any; /* every class that has faults */
    enum fault_class class;
    const struct fault_word *word;
    int64_t number;
    bool numbered;
    uint64_t first;   /* the first request it may fire at, from 1 */
    uint64_t count;   /* how often at most */
    unsigned percent; /* of the requests, else 100 */
    uint64_t seen, fired;
};

struct faults {
    uint64_t seed;
    unsigned count;
    struct fault_rule rule[RULES_MAX];
};

const char *faults_class_name(enum fault_class class)
{
    return class_names[class];
}

const char *faults_help(void)
{
    return "CLASS:FAULT[:AMOUNT],...\n"
           "CLASS   submit, single, poll, page, balance, callback, or any (all but callback)\n"
           "AMOUNT  a count (the next so many), a percentage (20%), or nothing (always);\n"
           "        with @K it starts at the K-th request of the class (1@3, 20%@10, @2)\n"
           "FAULT   with its number, as in status-503:\n"
#define X(word, kind, number, help) "  " word "  " help "\n"
        FAULT_LIST(X)
#undef X
            "Example: submit:drop-after:1,page:status-503:20%,page:delay-200\n";
}

/* Split off what comes before the separator; what is behind it stays in *rest. */
static struct slice split(struct slice *rest, char separator)
{
    const char *at = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    struct slice head = *rest;
    if (at) {
        head.len = (size_t)(at - rest->data);
        *rest = (struct slice){at + 1, rest->len - head.len - 1};
    } else {
        *rest = SLICE_EMPTY;
    }
    return head;
}

static bool small_number(struct slice text, uint64_t *value)
{
    unsigned long long n;
    if (!slice_u64(text, &n) || n > NUMBER_MAX)
        return false;
    *value = n;
    return true;
}

static bool parse_class(struct fault_rule *r, struct slice text)
{
    r->any = slice_eq(text, SLICE_LIT("any"));
    if (r->any)
        return true;
    for (unsigned c = 0; c < CLASS_OTHER; c++)
        if (slice_eq(text, slice_of(class_names[c]))) {
            r->class = (enum fault_class)c;
            return true;
        }
    return false;
}

/* Callbacks have faults of their own, and only delays are for everything. */
static bool fits_class(const struct fault_rule *r)
{
    switch (r->word->kind) {
    case FAULT_LOST:
    case FAULT_TWICE:
    case FAULT_SWAP:
    case FAULT_FORGED:
        return !r->any && r->class == CLASS_CALLBACK;
    case FAULT_DELAY:
        return true;
    case FAULT_NONE:
    case FAULT_DROP_BEFORE:
    case FAULT_DROP_AFTER:
    case FAULT_CUT:
    case FAULT_STATUS:
    case FAULT_AFTER:
    case FAULT_LIMIT:
    case FAULT_LIMIT_DATE:
    case FAULT_LIMIT_GARBAGE:
    case FAULT_LIMIT_BARE:
    case FAULT_GARBAGE:
    case FAULT_FLAT:
    case FAULT_DOUBLE_KEYS:
    case FAULT_MISSING:
    case FAULT_REPEAT:
    case FAULT_EXTRA:
    case FAULT_FAILED:
    case FAULT_HALF_FAILED:
        return r->any || r->class != CLASS_CALLBACK;
    }
    return false;
}

/* The longest word that fits: "limit-date-5" is limit-date, not limit. */
static bool parse_word(struct fault_rule *r, struct slice text)
{
    for (size_t i = 0; i < WORDS; i++) {
        struct slice word = slice_of(words[i].word);
        if (!slice_starts(text, word) || (r->word && strlen(r->word->word) > word.len))
            continue;
        struct slice rest = {text.data + word.len, text.len - word.len};
        uint64_t number = 1;
        if (rest.len > 0) {
            rest = (struct slice){rest.data + 1, rest.len - 1};
            if (text.data[word.len] != '-' || words[i].number == NUMBER_NONE ||
                !small_number(rest, &number))
                continue;
        } else if (words[i].number == NUMBER_REQUIRED) {
            continue;
        }
        r->word = &words[i];
        r->number = (int64_t)number;
        r->numbered = text.len > word.len;
    }
    if (r->word && (r->word->kind == FAULT_STATUS || r->word->kind == FAULT_AFTER) &&
        (r->number < 200 || r->number > 599))
        return false;
    if (r->word && r->word->kind == FAULT_FORGED && (r->number < 1 || r->number > 3))
        return false;
    return r->word && fits_class(r);
}

static bool parse_amount(struct fault_rule *r, struct slice text)
{
    struct slice rest = text, amount = split(&rest, '@');
    r->first = 1;
    r->count = UINT64_MAX;
    r->percent = 100;
    if (amount.len < text.len && (!small_number(rest, &r->first) || r->first == 0))
        return false;
    if (amount.len == 0)
        return true;
    if (slice_ends(amount, SLICE_LIT("%"))) {
        uint64_t percent;
        amount.len--;
        if (!small_number(amount, &percent) || percent > 100)
            return false;
        r->percent = (unsigned)percent;
        return true;
    }
    return small_number(amount, &r->count);
}

static int parse_rule(struct fault_rule *r, struct slice text, struct error *e)
{
    struct slice rest = text;
    struct slice class = split(&rest, ':'), word = split(&rest, ':');
    *r = (struct fault_rule){0};
    if (text.len >= sizeof r->text)
        return error_set(e, ERR_USAGE, "a fault is too long: \"%.*s\"", SLICE_ARG(text));
    memcpy(r->text, text.data, text.len);
    if (!parse_class(r, class))
        return error_set(e, ERR_USAGE,
                         "no class \"%.*s\" in the fault \"%s\": submit, single, poll, page, "
                         "balance, callback, any",
                         SLICE_ARG(class), r->text);
    if (!parse_word(r, word))
        return error_set(e, ERR_USAGE, "no fault \"%.*s\" in \"%s\", or not of that class",
                         SLICE_ARG(word), r->text);
    if (!parse_amount(r, rest))
        return error_set(e, ERR_USAGE,
                         "no amount \"%.*s\" in the fault \"%s\": a count, a percentage, @first",
                         SLICE_ARG(rest), r->text);
    return 0;
}

int faults_create(struct faults **out, const char *spec, uint64_t seed, struct error *e)
{
    struct slice rest = slice_of(spec);
    struct faults *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f)
        return error_set(e, ERR_INTERNAL, "no memory for faults");
    f->seed = seed;
    while (rest.len > 0) {
        struct slice text = slice_trim(split(&rest, ','));
        if (f->count == RULES_MAX) {
            error_set(e, ERR_USAGE, "more than %d faults", RULES_MAX);
            goto failed;
        }
        if (parse_rule(&f->rule[f->count], text, e) != 0)
            goto failed;
        f->count++;
    }
    *out = f;
    return 0;
failed:
    free(f);
    return e->code;
}

void faults_destroy(struct faults *f)
{
    free(f);
}

static uint64_t dice(uint64_t seed, unsigned rule, uint64_t seen)
{
    uint64_t x = seed ^ (rule + 1) * 0x9e3779b97f4a7c15u ^ seen * 0xd1342543de82ef95u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

struct fault faults_take(struct faults *f, enum fault_class class)
{
    struct fault fault = {.word = ""};
    for (unsigned i = 0; i < f->count && class != CLASS_OTHER; i++) {
        struct fault_rule *r = &f->rule[i];
        if (r->any ? class == CLASS_CALLBACK : r->class != class)
            continue;
        uint64_t bits = dice(f->seed, i, ++r->seen);
        bool taken = r->word->kind != FAULT_DELAY && fault.kind != FAULT_NONE;
        if (taken || r->seen < r->first || r->fired >= r->count || bits % 100 >= r->percent)
            continue;
        r->fired++;
        if (r->word->kind == FAULT_DELAY) {
            fault.delay_ms += r->number;
            continue;
        }
        fault.kind = r->word->kind;
        fault.word = r->word->word;
        fault.number = r->number;
        fault.numbered = r->numbered;
        fault.dice = bits >> 8;
    }
    return fault;
}

void faults_print(const struct faults *f, struct buf *out)
{
    buf_append_char(out, '[');
    for (unsigned i = 0; i < f->count; i++) {
        const struct fault_rule *r = &f->rule[i];
        bool first = true;
        buf_append_text(out, i ? ",{" : "{");
        json_write_member_string(out, &first, "fault", slice_of(r->text));
        json_write_member_i64(out, &first, "seen", (int64_t)r->seen);
        json_write_member_i64(out, &first, "fired", (int64_t)r->fired);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}
