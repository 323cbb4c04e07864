/* What a raw call may be, and which of them may cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/call.h"

static const struct {
    const char *method, *path, *says; /* NULL: taken */
} requests[] = {
    {"GET", "/credits", NULL},
    {"get", "/a?since=2026-01-01T00:00:00Z&x=..&y=//z", NULL},
    {"Post", "/", NULL},
    {"DELETE", "/subscribe?id=1", NULL},
    {"PUT", "/a", "none of GET, POST, DELETE"},
    {"", "/a", "none of GET, POST, DELETE"},
    {"GETT", "/a", "none of GET, POST, DELETE"},
    {"GET", "", "must begin with a slash"},
    {"GET", "credits", "must begin with a slash"},
    {"GET", "https://evil.example/a", "must begin with a slash"},
    {"GET", "//evil.example/a", "must not hold"},
    {"GET", "/%2fevil.example/a", "must not hold"},
    {"GET", "/a/../b", "must not hold"},
    {"GET", "/a/%2e%2E/b", "must not hold"},
    {"GET", "/a/.%2e/b", "must not hold"},
    {"GET", "/a%00/b", "must not hold"},
    {"GET", "/a\\b", "must not hold"},
    {"GET", "/a%5Cb", "must not hold"},
    {"GET", "/a b", "percent-encoded"},
    {"GET", "/a\r\nX: y", "percent-encoded"},
    {"GET", "/a\x7f", "percent-encoded"},
    {"GET", "/caf\xc3\xa9", "percent-encoded"},
    {"GET", "/a#b", "percent-encoded"},
};

static void takes_a_path_below_the_base_address(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct http_request r;
        struct error e = {0};
        int code = call_parse(&r, requests[i].method, requests[i].path, &e);
        if (code != (requests[i].says ? ERR_USAGE : 0) ||
            (requests[i].says && !strstr(e.message, requests[i].says)))
            fail_msg("%s %s: %d %s", requests[i].method, requests[i].path, code, e.message);
        if (!requests[i].says)
            assert_string_equal(r.path, requests[i].path);
    }
}

static void bounds_the_path(void **state)
{
    struct http_request r;
    char path[sizeof r.path + 1];
    struct error e = {0};

    (void)state;
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[sizeof r.path] = '\0';
    assert_int_equal(call_parse(&r, "GET", path, &e), ERR_USAGE);
    assert_non_null(strstr(e.message, "too long"));
    path[sizeof r.path - 1] = '\0';
    assert_int_equal(call_parse(&r, "GET", path, &e), 0);
}

static const struct {
    const char *provider, *method, *path;
    bool costs;
    const char *operation; /* NULL: none that is known */
} costs[] = {
    {"enrichso", "GET", "/api/v3/wallets/balance", false, NULL},
    {"enrichso", "GET", "/api/v3/email-finder/batch/abc/results?page=1", false, NULL},
    {"enrichso", "GET", "/api/v3/reverse-lookup/phones/bulk/abc", false, NULL},
    {"enrichso", "GET", "/api/v3/reverse-lookup/phones?email=a%40b.c", true, "phone-finder"},
    /* as a lenient server may read it */
    {"enrichso", "GET", "/api/v3/reverse-lookup/phones", true, "phone-finder"},
    {"enrichso", "GET", "/api/v3/reverse-lookup/phones/", true, "phone-finder"},
    {"enrichso", "GET", "/api/v3/Reverse-Lookup/%70hones", true, "phone-finder"},
    {"enrichso", "GET", "/api/v3/reverse-lookup/phones;a=b?email=x", true, "phone-finder"},
    {"enrichso", "DELETE", "/api/v3/reverse-lookup/phones", false, NULL},
    {"enrichso", "POST", "/api/v3/email-finder/batch", true, "email-finder"},
    {"enrichso", "POST", "/api/v3/email-finder", true, "email-finder"}, /* mode=single */
    {"enrichso", "POST", "/api/v3/something/new", true, NULL},
    {"prospiq", "GET", "/credits", false, NULL},
    {"prospiq", "DELETE", "/subscribe?id=1", false, NULL},
    {"prospiq", "POST", "/enrich/bulk", true, "enrich"},
    {"prospiq", "POST", "/enrich", true, "enrich"},
    {"wiza", "GET", "/api/individual_reveals/32", false, NULL},
    {"wiza", "POST", "/api/individual_reveals", true, "reveal"},
    {"wiza", "POST", "/api/lists", true, NULL},
    {"zeliq", "POST", "/contact/enrich/phone", true, "phone"},
    {"unstuck", "POST", "/enrichment", true, "enrich"},
    {"unstuck", "POST", "/enrichment/account", true, "account"},
};

static void knows_what_may_cost(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof costs / sizeof costs[0]; i++) {
        const struct provider *p = provider_find(slice_of(costs[i].provider));
        struct operation op;
        struct http_request r;
        struct error e = {0};
        assert_non_null(p);
        assert_int_equal(call_parse(&r, costs[i].method, costs[i].path, &e), 0);
        if (call_may_cost(p, &r, &op) != costs[i].costs ||
            strcmp(op.name ? op.name : "", costs[i].operation ? costs[i].operation : "") != 0)
            fail_msg("%s %s %s: %s", costs[i].provider, costs[i].method, costs[i].path,
                     op.name ? op.name : "none");
    }
}

/* Whatever an operation is made of by its options: the way it asks is never free by mistake. */
static void every_way_to_ask_may_cost(void **state)
{
    unsigned asked = 0;

    (void)state;
    for (const struct provider *const *p = provider_table; *p; p++) {
        for (const struct operation *o = (*p)->operations; o->name; o++) {
            struct operation made, found;
            struct http_request r = {.method = HTTP_GET};
            struct error e = {0};
            assert_int_equal(provider_configure(&made, o, (*p)->tiers, NULL, 0, &e), 0);
            made.build_submit(&made, &r);
            if (!call_may_cost(*p, &r, &found) || !found.name)
                fail_msg("%s/%s", (*p)->name, o->name);
            asked++;
        }
    }
    assert_true(asked >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_path_below_the_base_address),
        cmocka_unit_test(bounds_the_path),
        cmocka_unit_test(knows_what_may_cost),
        cmocka_unit_test(every_way_to_ask_may_cost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
