/* Reads values out of vendors' replies.
 *
 * 1. Nothing is allocated but in the arena: the scratch buffer lies over arena memory with cap ==
 *    max, so it fails instead of growing, and is then replaced by one of twice the size.
 * Pure; any thread that owns the arena. */
#include "provider/reply.h"

#include <stdio.h>
#include <string.h>

#include "record/normalise.h"
#include "record/text.h"
#include "wire/http.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

#define SCRATCH_FIRST 4096

void reply_memory_init(struct reply_memory *m, struct arena *a)
{
    *m = (struct reply_memory){.arena = a};
}

bool reply_text(struct json_value object, const char *key, struct slice *out)
{
    struct slice text;

    if (!json_get_string(object, key, &text))
        return false;
    text = utf8_trim(text);
    if (text.len == 0)
        return false;
    *out = text;
    return true;
}

struct slice reply_flag(struct json_value object, const char *key)
{
    bool value;

    if (!json_get_bool(object, key, &value))
        return SLICE_EMPTY;
    return value ? SLICE_LIT("true") : SLICE_LIT("false");
}

struct slice reply_scalar(struct reply_memory *m, struct json_value object, const char *key)
{
    struct json_value value;
    struct slice text = SLICE_EMPTY;

    if (json_get(object, key, &value) && json_type(value) == JSON_NUMBER)
        return reply_print(m, value);
    reply_text(object, key, &text);
    return text;
}

static bool scratch_grow(struct reply_memory *m)
{
    size_t room = m->scratch.max > 0 ? m->scratch.max * 2 : SCRATCH_FIRST;
    char *memory = arena_alloc(m->arena, room + BUF_PADDING);

    if (!memory)
        return false;
    m->scratch = (struct buf){.data = memory, .cap = room, .max = room};
    return true;
}

struct slice reply_write(struct reply_memory *m, reply_write_fn *write, const void *what)
{
    do {
        if ((!m->scratch.data || m->scratch.failed) && !scratch_grow(m)) {
            m->failed = true;
            return SLICE_EMPTY;
        }
        buf_reset(&m->scratch);
        write(what, &m->scratch);
    } while (m->scratch.failed);

    struct slice copy = arena_copy(m->arena, buf_slice(&m->scratch));
    if (!copy.data) {
        m->failed = true;
        return SLICE_EMPTY;
    }
    return copy;
}

static void print_json(const void *value, struct buf *out)
{
    json_print(*(const struct json_value *)value, out);
}

struct slice reply_print(struct reply_memory *m, struct json_value value)
{
    return reply_write(m, print_json, &value);
}

int64_t reply_amount(struct json_value object, const char *key)
{
    int64_t whole;
    double number;

    if (json_get_int(object, key, &whole))
        return whole >= 0 && whole <= REPLY_AMOUNT_MAX ? whole : -1;
    if (!json_get_double(object, key, &number) || !(number >= 0 && number < REPLY_AMOUNT_MAX))
        return -1;
    whole = (int64_t)number;
    return whole + ((double)whole < number);
}

bool reply_balance(struct json_value object, const char *key, int64_t *credits)
{
    struct slice word;
    double number;

    if (json_get_double(object, key, &number)) {
        if (!(number > -(double)REPLY_AMOUNT_MAX && number < (double)REPLY_AMOUNT_MAX))
            return false;
        *credits = number > 0 ? (int64_t)number : 0;
        return true;
    }
    if (!reply_text(object, key, &word) || !slice_eq_nocase(word, SLICE_LIT("unlimited")))
        return false;
    *credits = -1;
    return true;
}

bool reply_id(struct json_value object, const char *key, char id[REPLY_ID_SIZE])
{
    struct slice text;
    int64_t number;

    if (reply_text(object, key, &text)) {
        if (!http_id_valid(text))
            return false;
        snprintf(id, REPLY_ID_SIZE, "%.*s", SLICE_ARG(text));
        return true;
    }
    if (!json_get_int(object, key, &number) || number < 0)
        return false;
    snprintf(id, REPLY_ID_SIZE, "%lld", (long long)number);
    return true;
}

static void write_double(const void *number, struct buf *out)
{
    json_write_double(out, *(const double *)number);
}

struct slice reply_confidence(struct reply_memory *m, struct json_value object, const char *key,
                              double full)
{
    struct slice word = SLICE_EMPTY;
    double number;

    if (!json_get_double(object, key, &number)) {
        reply_text(object, key, &word);
        return word;
    }
    if (!(number >= 0 && number <= full))
        return SLICE_EMPTY;
    number /= full;
    return reply_write(m, write_double, &number);
}

int64_t reply_item_place(const char *text, const char *list)
{
    for (const char *at = text; (at = strstr(at, list)) != NULL;) {
        unsigned long long place;
        at += strlen(list);
        if (*at != '[' && *at != '.' && *at != '/')
            continue;
        size_t digits = strspn(at + 1, "0123456789");
        if (slice_u64((struct slice){at + 1, digits}, &place) && place <= UINT32_MAX)
            return (int64_t)place;
    }
    return -1;
}

int reply_give(struct reply_memory *m, struct json_value row, bool raw, struct page_item *item,
               page_item_fn *fn, void *arg, struct page_reply *out, struct error *e)
{
    if (raw)
        item->answer.value[FIELD_RAW] = reply_print(m, row);
    if (m->failed)
        return error_set(e, ERR_INTERNAL, "no memory for a page of results");
    int rc = fn(arg, item);
    if (rc == 0)
        out->rows++;
    return rc;
}

struct slice reply_lower(struct reply_memory *m, struct slice word)
{
    char *lower = arena_alloc(m->arena, word.len + 1);

    if (!lower) {
        m->failed = true;
        return SLICE_EMPTY;
    }
    for (size_t i = 0; i < word.len; i++) {
        char c = word.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return (struct slice){lower, word.len};
}

struct slice reply_cut(struct slice text)
{
    if (text.len <= REPLY_REASON_MAX)
        return text;
    text.len = REPLY_REASON_MAX;
    while (text.len > 0 && ((unsigned char)text.data[text.len] & 0xc0) == 0x80)
        text.len--;
    return text;
}

bool reply_error(struct json_value row, struct slice *reason)
{
    struct json_value error;
    bool given;

    if (!json_get(row, "error", &error) || json_type(error) == JSON_NULL)
        return false;
    if (json_bool(error, &given) && !given)
        return false;
    if (json_type(error) == JSON_STRING)
        return reply_text(row, "error", reason);
    if (!reply_text(error, "message", reason) && !reply_text(error, "detail", reason) &&
        !reply_text(error, "code", reason) && !reply_text(row, "message", reason))
        *reason = SLICE_LIT("the vendor reports an error");
    return true;
}

/* --- addresses and numbers ------------------------------------------------------------------ */

static struct slice canonical(struct reply_memory *m, normalise_fn *normalise, struct slice text)
{
    unsigned flags = text_clean(text, m->arena, &text);
    const char *problem = NULL;

    if (text.len > 0)
        problem = normalise(text, flags, m->arena, &text);
    if ((flags & TEXT_NO_MEMORY) || problem == normalise_no_memory)
        m->failed = true;
    return text;
}

struct slice reply_linkedin(struct reply_memory *m, struct slice text)
{
    return canonical(m, normalise_linkedin, text);
}

struct slice reply_domain(struct reply_memory *m, struct slice text)
{
    return canonical(m, normalise_domain, text);
}

bool reply_email(struct json_value object, const char *key, struct slice *out)
{
    struct slice text;

    if (!reply_text(object, key, &text))
        return false;
    const char *at = memchr(text.data, '@', text.len);
    if (!at || at == text.data || at == text.data + text.len - 1)
        return false;
    *out = text;
    return true;
}

struct slice reply_email_status(struct reply_memory *m, struct slice word)
{
    static const char *const catch_all[] = {"catch-all",  "catchall",   "catch all",
                                            "accept_all", "accept-all", "acceptall"};
    struct slice text = reply_lower(m, word);

    for (size_t i = 0; i < sizeof catch_all / sizeof catch_all[0]; i++)
        if (slice_eq(text, slice_of(catch_all[i])))
            return SLICE_LIT("catch_all");
    return text;
}

/* E.164: a country code and a number, 15 digits at most; fewer than 7 are an extension. */
#define PHONE_DIGITS_MIN 7
#define PHONE_DIGITS_MAX 15

struct slice reply_phone(struct reply_memory *m, struct slice text, bool international)
{
    char digits[PHONE_DIGITS_MAX + 1];
    size_t count = 0, i = 0;
    bool plus = international;

    if (text.len > 0 && text.data[0] == '+') {
        plus = true;
        i = 1;
    } else if (text.len > 2 && text.data[0] == '0' && text.data[1] == '0') {
        plus = true;
        i = 2;
    }
    for (; i < text.len; i++) {
        char c = text.data[i];
        if (c >= '0' && c <= '9') {
            if (count == PHONE_DIGITS_MAX)
                return text;
            digits[count++] = c;
        } else if (!strchr(" ()-./", c) || c == '\0') {
            return text;
        }
    }
    /* No country code begins with a zero: that is a number inside a country. */
    if (!plus || count < PHONE_DIGITS_MIN || digits[0] == '0')
        return text;
    char *number = arena_alloc(m->arena, count + 1);
    if (!number) {
        m->failed = true;
        return text;
    }
    number[0] = '+';
    memcpy(number + 1, digits, count);
    return (struct slice){number, count + 1};
}

static void add_contact(struct reply_contact *list, unsigned *count, struct slice value,
                        struct slice status, struct slice type)
{
    if (value.len == 0)
        return;
    for (unsigned i = 0; i < *count; i++) {
        if (!slice_eq_nocase(list[i].value, value))
            continue;
        if (list[i].status.len == 0)
            list[i].status = status;
        if (list[i].type.len == 0)
            list[i].type = type;
        return;
    }
    if (*count < REPLY_CONTACTS_MAX)
        list[(*count)++] = (struct reply_contact){value, status, type};
}

void reply_add_email(struct reply_contacts *c, struct slice email, struct slice status,
                     struct slice type)
{
    add_contact(c->email, &c->emails, email, status, type);
}

void reply_best_email(struct reply_contacts *c)
{
    for (unsigned i = 0; i < c->emails; i++) {
        if (slice_eq_nocase(c->email[i].status, SLICE_LIT("invalid")))
            continue;
        struct reply_contact best = c->email[i];
        memmove(c->email + 1, c->email, i * sizeof best);
        c->email[0] = best;
        return;
    }
}

void reply_add_phone(struct reply_contacts *c, struct slice phone, struct slice type)
{
    for (size_t i = 0; i < phone.len; i++)
        if (phone.data[i] >= '0' && phone.data[i] <= '9') {
            add_contact(c->phone, &c->phones, phone, SLICE_EMPTY, type);
            return;
        }
}

struct contact_list {
    const struct reply_contact *item;
    unsigned count;
    const char *name; /* of an item's value */
};

static void print_contacts(const void *what, struct buf *out)
{
    const struct contact_list *l = what;

    for (unsigned i = 0; i < l->count; i++) {
        bool first = true;
        buf_append_text(out, i == 0 ? "[{" : ",{");
        json_write_member_string(out, &first, l->name, l->item[i].value);
        if (l->item[i].status.len > 0)
            json_write_member_string(out, &first, "status", l->item[i].status);
        if (l->item[i].type.len > 0)
            json_write_member_string(out, &first, "type", l->item[i].type);
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

void reply_put_contacts(struct reply_memory *m, const struct reply_contacts *c, struct answer *a)
{
    struct contact_list emails = {c->email, c->emails, "email"};
    struct contact_list phones = {c->phone, c->phones, "number"};

    if (c->emails > 0) {
        a->value[FIELD_EMAIL] = c->email[0].value;
        a->value[FIELD_EMAIL_STATUS] = c->email[0].status;
        a->value[FIELD_EMAIL_TYPE] = c->email[0].type;
        a->value[FIELD_EMAILS] = reply_write(m, print_contacts, &emails);
    }
    if (c->phones > 0) {
        a->value[FIELD_PHONE] = c->phone[0].value;
        a->value[FIELD_PHONE_TYPE] = c->phone[0].type;
        a->value[FIELD_PHONES] = reply_write(m, print_contacts, &phones);
    }
}
