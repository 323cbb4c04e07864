/* Finds what an error reply says, whatever form it has.
 *
 * 1. Nothing of a reply is trusted: texts are cut, and lose what could move a cursor or forge a log
 * line.
 * 2. Numbers that are absent, negative or absurd are -1 or clamped.
 * Pure; any thread, with its own parser. */
#include "wire/problem.h"

#include "wire/http.h"
#include "wire/utf8.h"

static bool is_space(uint32_t point)
{
    return point == ' ' || (point >= '\t' && point <= '\r');
}

static bool is_control(uint32_t point)
{
    return point < ' ' || (point >= 0x7f && point < 0xa0);
}

/* Copy as much as fits, in whole characters, without control characters; white space becomes one
 * space. */
static void copy_clean(char *to, size_t size, struct slice from)
{
    size_t len = 0;
    bool gap = false;

    while (from.len > 0) {
        uint32_t point;
        size_t n = utf8_first(from, &point);
        struct slice piece = n ? (struct slice){from.data, n} : SLICE_LIT("\xef\xbf\xbd");
        if (n == 0)
            point = 0xfffd;
        from.data += n ? n : 1;
        from.len -= n ? n : 1;
        gap = gap || is_space(point);
        if (is_control(point) || is_space(point))
            continue;
        bool space = gap && len > 0;
        if (len + space + piece.len >= size)
            break;
        if (space)
            to[len++] = ' ';
        memcpy(to + len, piece.data, piece.len);
        len += piece.len;
        gap = false;
    }
    to[len] = '\0';
}

/* "insufficient-credits" of "https://dev.enrich.so/errors/insufficient-credits". */
static void copy_type(struct problem *p, struct slice type)
{
    while (type.len > 0 && type.data[type.len - 1] == '/')
        type.len--;
    size_t at = type.len;
    while (at > 0 && !strchr("/#:", type.data[at - 1]))
        at--;
    /* RFC 9457: a problem without a type of its own. */
    if (!slice_eq(type, SLICE_LIT("about:blank")))
        copy_clean(p->type, sizeof(p->type), (struct slice){type.data + at, type.len - at});
}

/* The first of these members, of the root or of an object in it, that is a text with something in
 * it. */
static void find_text(struct problem *p, struct json_value root)
{
    static const char *const places[] = {
        "detail",        "detail.message", "detail.detail",  "message",      "error",
        "error.message", "error.detail",   "status.message", "detail.error", "title"};

    for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !p->text[0]; i++) {
        struct json_value v;
        struct slice text;
        if (json_path(root, places[i], &v) && json_string(v, &text))
            copy_clean(p->text, sizeof(p->text), text);
    }
}

/* A member of the root, of `detail` or of `error`; false when none of them has it as a number. */
static bool find_number(struct json_value root, const char *name, double *number)
{
    static const char *const homes[] = {"detail", "error"};
    struct json_value home;

    if (json_get_double(root, name, number))
        return true;
    for (size_t i = 0; i < sizeof(homes) / sizeof(*homes); i++)
        if (json_get(root, homes[i], &home) && json_get_double(home, name, number))
            return true;
    return false;
}

static int64_t find_credits(struct json_value root, const char *name)
{
    double number;

    if (!find_number(root, name, &number) || !(number >= 0 && number < 1e15))
        return -1;
    return (int64_t)number;
}

static int64_t find_retry_after(struct json_value root)
{
    const double hour_s = 3600;
    double seconds;

    if (!find_number(root, "retryAfter", &seconds) || !(seconds >= 0))
        return -1;
    return (int64_t)((seconds > hour_s ? hour_s : seconds) * 1000);
}

void problem_parse(struct problem *p, struct json *j, struct slice body)
{
    struct json_value root;
    struct slice text;
    struct error e = {0};

    *p = (struct problem){.retry_after_ms = -1, .balance = -1, .required = -1};
    if (json_parse(j, body, &root, &e) != 0) {
        text = slice_trim(body);
        const char *end = text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
        if (end)
            text.len = (size_t)(end - text.data);
        copy_clean(p->text, sizeof(p->text), text);
        return;
    }
    if (json_string(root, &text))
        copy_clean(p->text, sizeof(p->text), text);
    if (json_get_string(root, "type", &text))
        copy_type(p, text);
    find_text(p, root);
    p->retry_after_ms = find_retry_after(root);
    p->balance = find_credits(root, "currentBalance");
    p->required = find_credits(root, "required");
}
