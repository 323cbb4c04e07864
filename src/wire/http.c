/* Reads and checks the parts of HTTP messages that people or servers wrote.
 *
 * What is accepted is written down and the rest refused: a header, an id or an address that is
 * merely odd is more often an attack or a slip than a need. Pure; any thread. */
#include "wire/http.h"

#include <time.h>

#define HOUR_MS INT64_C(3600000)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_alpha(c);
}

/* A date that is being read. */
struct date {
    int day, year, year_digits, hour, minute, second;
    char month[3];
    unsigned month_len;
};

static bool add_digit(int *number, char c)
{
    if (!is_digit(c))
        return false;
    *number = *number * 10 + (c - '0');
    return true;
}

/* Whether the text has the form of the pattern: a letter of "DYhms" stands for a digit of that
 * part, 'd' for a digit of the day or a space, 'b' for a letter of the month, '@' for any letter,
 * anything else for itself. */
static bool match_date(const char *pattern, struct slice text, struct date *d)
{
    *d = (struct date){0};
    if (strlen(pattern) != text.len)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool ok = true;
        if (pattern[i] == 'D')
            ok = add_digit(&d->day, c);
        else if (pattern[i] == 'd')
            ok = c == ' ' || add_digit(&d->day, c);
        else if (pattern[i] == 'Y')
            ok = add_digit(&d->year, c) && ++d->year_digits;
        else if (pattern[i] == 'h')
            ok = add_digit(&d->hour, c);
        else if (pattern[i] == 'm')
            ok = add_digit(&d->minute, c);
        else if (pattern[i] == 's')
            ok = add_digit(&d->second, c);
        else if (pattern[i] == 'b')
            ok = is_alpha(c) && (d->month[d->month_len++] = c);
        else if (pattern[i] == '@')
            ok = is_alpha(c);
        else
            ok = pattern[i] == c;
        if (!ok)
            return false;
    }
    return true;
}

static int find_month(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++)
        if (memcmp(names + 3 * i, name, 3) == 0)
            return i;
    return -1;
}

/* Two digits mean the year of this century unless that is over 50 years ahead (RFC 9110, 5.6.7). */
static int full_year(const struct date *d, int64_t wall_ms)
{
    time_t now = (time_t)(wall_ms / 1000);
    struct tm tm;

    if (d->year_digits == 4)
        return d->year;
    gmtime_r(&now, &tm);
    int this_year = tm.tm_year + 1900;
    int year = this_year / 100 * 100 + d->year;
    return year > this_year + 50 ? year - 100 : year;
}

/* Seconds since 1970 of an HTTP date in any of its three forms. */
static bool parse_date(struct slice text, int64_t wall_ms, int64_t *seconds)
{
    struct date d;
    struct slice rest = text;

    /* The first two forms differ in how the day of the week is spelt, which says nothing. */
    while (rest.len > 0 && is_alpha(rest.data[0])) {
        rest.data++;
        rest.len--;
    }
    bool ok = match_date(", DD bbb YYYY hh:mm:ss GMT", rest, &d) ||
              match_date(", DD-bbb-YY hh:mm:ss GMT", rest, &d) ||
              match_date("@@@ bbb dD hh:mm:ss YYYY", text, &d);
    int month = ok ? find_month(d.month) : -1;
    if (month < 0 || d.day < 1 || d.hour > 23 || d.minute > 59 || d.second > 60)
        return false;
    struct tm tm = {.tm_year = full_year(&d, wall_ms) - 1900,
                    .tm_mon = month,
                    .tm_mday = d.day,
                    .tm_hour = d.hour,
                    .tm_min = d.minute};
    time_t when = timegm(&tm);
    /* The 31st of February has become a day of March. */
    if (tm.tm_mday != d.day)
        return false;
    *seconds = (int64_t)when + d.second;
    return true;
}

int64_t http_retry_after(struct slice value, int64_t wall_ms)
{
    unsigned long long number;
    int64_t date_s;
    int64_t wait_ms;

    value = slice_trim(value);
    if (slice_u64(value, &number))
        return number >= (unsigned long long)(HOUR_MS / 1000) ? HOUR_MS : (int64_t)number * 1000;
    if (!parse_date(value, wall_ms, &date_s))
        return -1;
    wait_ms = date_s * 1000 - wall_ms;
    if (wait_ms < 0)
        return 0;
    return wait_ms > HOUR_MS ? HOUR_MS : wait_ms;
}

void http_encode_query(struct buf *b, struct slice value)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (is_alnum((char)c) || c == '-' || c == '.' || c == '_' || c == '~')
            buf_append_char(b, (char)c);
        else
            buf_append(b, (const char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
}

bool http_id_valid(struct slice id)
{
    if (id.len < 1 || id.len > 64)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!is_alnum(id.data[i]) && id.data[i] != '_' && id.data[i] != '-')
            return false;
    return true;
}

bool http_header_valid(struct slice value)
{
    if (value.len == 0 || value.data[0] == ' ' || value.data[value.len - 1] == ' ')
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < ' ' || value.data[i] > '~')
            return false;
    return true;
}

/* Whether host is 127.a.b.c in decimal. Other spellings of it (127.1, 0x7f000001) are not worth the
 * doubt. */
static bool is_loopback_v4(struct slice host)
{
    unsigned parts = 0;
    size_t at = 0;

    for (;;) {
        size_t end = at;
        unsigned long long value;
        while (end < host.len && host.data[end] != '.')
            end++;
        if (end - at > 3 || !slice_u64((struct slice){host.data + at, end - at}, &value) ||
            value > 255 || (parts == 0 && value != 127))
            return false;
        parts++;
        if (end == host.len)
            return parts == 4;
        at = end + 1;
    }
}

static bool is_loopback(struct slice host)
{
    return slice_eq_nocase(host, SLICE_LIT("localhost")) || slice_eq(host, SLICE_LIT("[::1]")) ||
           is_loopback_v4(host);
}

static bool host_valid(struct slice host)
{
    bool bracket = slice_starts(host, SLICE_LIT("["));

    if (host.len == 0 || host.len > 255 ||
        (bracket && (host.len < 4 || host.data[host.len - 1] != ']')))
        return false;
    for (size_t i = bracket; i < host.len - bracket; i++) {
        char c = host.data[i];
        bool fine = bracket ? is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') || c == ':' ||
                                  c == '.'
                            : is_alnum(c) || c == '-' || c == '.' || c == '_';
        if (!fine)
            return false;
    }
    return true;
}

/* Cut the port off the end of an authority. False when there is one and it is not a port. */
static bool cut_port(struct slice *authority)
{
    unsigned long long port;
    size_t at = authority->len;

    while (at > 0 && authority->data[at - 1] != ':' && authority->data[at - 1] != ']')
        at--;
    if (at == 0 || authority->data[at - 1] == ']')
        return at == 0 || at == authority->len;
    if (!slice_u64((struct slice){authority->data + at, authority->len - at}, &port) || port < 1 ||
        port > 65535)
        return false;
    authority->len = at - 1;
    return true;
}

const char *http_base_problem(struct slice url)
{
    bool secure =
        url.len >= 8 && slice_eq_nocase((struct slice){url.data, 8}, SLICE_LIT("https://"));
    bool plain = url.len >= 7 && slice_eq_nocase((struct slice){url.data, 7}, SLICE_LIT("http://"));

    if (!secure && !plain)
        return "it must begin with https://";
    for (size_t i = 0; i < url.len; i++) {
        if (url.data[i] <= ' ' || url.data[i] > '~' || url.data[i] == '\\')
            return "it holds characters that no address has";
        if (url.data[i] == '?' || url.data[i] == '#')
            return "it must end before any ? or #";
    }
    struct slice host = {url.data + (secure ? 8 : 7), url.len - (secure ? 8 : 7)};
    const char *slash = memchr(host.data, '/', host.len);
    if (slash)
        host.len = (size_t)(slash - host.data);
    if (memchr(host.data, '@', host.len))
        return "it must not hold a user or password";
    if (!cut_port(&host))
        return "its port is not a number from 1 to 65535";
    if (!host_valid(host))
        return "its host is not a host name or address";
    if (plain && !is_loopback(host))
        return "plain http is for loopback addresses only; use https";
    return NULL;
}
