/* Addresses to listen on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "net/address.h"

static const struct good {
    const char *text, *host;
    uint16_t port;
    bool loopback;
    const char *again; /* as it is written; NULL: as it was */
} goods[] = {
    {"127.0.0.1:8080", "127.0.0.1", 8080, true, NULL},
    {"127.8.8.8:1", "127.8.8.8", 1, true, NULL},
    {"0.0.0.0:0", "0.0.0.0", 0, false, NULL},
    {"192.0.2.7:65535", "192.0.2.7", 65535, false, NULL},
    {"[::1]:443", "::1", 443, true, NULL},
    {"[::]:0", "::", 0, false, NULL},
    {"[2001:db8::8]:80", "2001:db8::8", 80, false, NULL},
    {"[0000:0000:0000:0000:0000:ffff:192.168.100.200]:65535",
     "0000:0000:0000:0000:0000:ffff:192.168.100.200", 65535, false, NULL},
    {"localhost:9", "127.0.0.1", 9, true, "127.0.0.1:9"},
};

static const struct bad {
    const char *text, *says;
} bads[] = {
    {"", "has no port"},
    {"8080", "has no port"},
    {"127.0.0.1", "has no port"},
    {"[::1]", "has no port"},
    {"::1", "not an IP address"},
    {"::1:80", "not an IP address"},
    {":80", "write 127.0.0.1:80, [::1]:80, or 0.0.0.0:80"},
    {"*:80", "not an IP address"},
    {"example.org:80", "'example.org' is not an IP address"},
    {"[127.0.0.1]:80", "not an IP address"},
    {"[]:80", "not an IP address"},
    {"[::1:80", "not an IP address"},
    {"256.0.0.1:80", "not an IP address"},
    {"127.0.0.1 :80", "not an IP address"},
    {"127.0.0.1:", "port from 0 to 65535"},
    {"127.0.0.1:65536", "port from 0 to 65535"},
    {"127.0.0.1:-1", "port from 0 to 65535"},
    {"127.0.0.1:80/", "port from 0 to 65535"},
    {"http://127.0.0.1:80", "not an IP address"},
    {"[0000:0000:0000:0000:0000:ffff:192.168.100.2000]:65535", "not an IP address"},
};

static void reads_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof goods / sizeof goods[0]; i++) {
        const struct good *g = &goods[i];
        struct address a;
        struct error e = {0};
        char text[ADDRESS_TEXT_SIZE];
        if (address_parse(&a, g->text, &e) != 0)
            fail_msg("%s: %s", g->text, e.message);
        assert_string_equal(a.host, g->host);
        assert_int_equal(a.port, g->port);
        assert_int_equal(address_is_loopback(&a), g->loopback);
        address_format(&a, text);
        assert_string_equal(text, g->again ? g->again : g->text);
    }
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        struct address a;
        struct error e = {0};
        if (address_parse(&a, bads[i].text, &e) != ERR_USAGE || !strstr(e.message, bads[i].says))
            fail_msg("'%s': '%s'", bads[i].text, e.message);
    }
}

/* Host headers: what names no name passes, with a port and without. */
static void tells_names_from_addresses(void **state)
{
    static const char *const literals[] = {"127.0.0.1", "127.0.0.1:8080",   "192.168.7.8:80",
                                           "localhost", "LocalHost:8080",   "[::1]",
                                           "[::1]:443", "[2001:db8::8]:80", "0.0.0.0:0"};
    static const char *const names[] = {"",
                                        "example.org",
                                        "example.org:8080",
                                        "localhost.example.org",
                                        "127.0.0.1.example.org:80",
                                        "localhost:",
                                        "127.0.0.1:x",
                                        "127.0.0.1:65536",
                                        "::1",
                                        "[::1",
                                        "[::1]x",
                                        "2130706433",
                                        "0x7f.1",
                                        "127.0.0.1 ",
                                        "127.0.0.1,example.org"};

    (void)state;
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++)
        if (!address_host_is_literal(literals[i]))
            fail_msg("refused: %s", literals[i]);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (address_host_is_literal(names[i]))
            fail_msg("taken: %s", names[i]);
    assert_false(address_host_is_literal(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(tells_names_from_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
