/* Reads and writes addresses to listen on. Pure; any thread. */
#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"

/* The host part, out of its brackets. Only an IPv6 address has them, and it must: its own colons
 * and the one before the port could not be told apart. */
static bool read_host(struct slice host, char *out, size_t size)
{
    struct in6_addr v6;
    struct in_addr v4;
    bool bracketed = host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';

    if (slice_eq_nocase(host, SLICE_LIT("localhost")))
        host = SLICE_LIT("127.0.0.1");
    if (bracketed)
        host = (struct slice){host.data + 1, host.len - 2};
    if (host.len >= size)
        return false;
    memcpy(out, host.data, host.len);
    out[host.len] = '\0';
    return bracketed ? inet_pton(AF_INET6, out, &v6) == 1 : inet_pton(AF_INET, out, &v4) == 1;
}

int address_parse(struct address *out, const char *text, struct error *e)
{
    const char *colon = strrchr(text, ':');
    unsigned long long port;

    if (colon == NULL || strchr(colon, ']') != NULL)
        return error_set(e, ERR_USAGE, "'%s' has no port: write 127.0.0.1:8080 or [::1]:8080",
                         text);
    if (!slice_u64(slice_of(colon + 1), &port) || port > UINT16_MAX)
        return error_set(e, ERR_USAGE, "'%s' does not end in a port from 0 to 65535", text);
    if (!read_host((struct slice){text, (size_t)(colon - text)}, out->host, sizeof out->host))
        return error_set(
            e, ERR_USAGE,
            "'%.*s' is not an IP address to listen on: write 127.0.0.1:%llu, [::1]:%llu,"
            " or 0.0.0.0:%llu for all there are",
            (int)(colon - text), text, port, port, port);
    out->port = (uint16_t)port;
    return 0;
}

bool address_is_loopback(const struct address *a)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, a->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, a->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

void address_format(const struct address *a, char text[ADDRESS_TEXT_SIZE])
{
    bool v6 = strchr(a->host, ':') != NULL;

    snprintf(text, ADDRESS_TEXT_SIZE, "%s%s%s:%u", v6 ? "[" : "", a->host, v6 ? "]" : "", a->port);
}

bool address_host_is_literal(const char *header)
{
    char host[sizeof((struct address *)0)->host];
    unsigned long long port;

    if (header == NULL)
        return false;
    struct slice all = slice_of(header);
    const char *colon = strrchr(header, ':');
    if (colon != NULL && strchr(colon, ']') == NULL) {
        if (!slice_u64(slice_of(colon + 1), &port) || port > UINT16_MAX)
            return false;
        all.len = (size_t)(colon - header);
    }
    return read_host(all, host, sizeof host);
}
