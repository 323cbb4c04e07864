/* The live page: what it says without its script, that its script finds everything it looks for in
 * status.json, and that nothing of the run can become markup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/page.h"
#include "wire/json.h"
#include "wire/utf8.h"

#define START INT64_C(1795190645000)
#define NONCE "0123456789abcdef0123456789abcdef"

static struct report running(void)
{
    return (struct report){
        .list = "people.csv",
        .output = "people.ndjson",
        .run_dir = "people.ndjson.run",
        .operation = "enrichso/email-finder",
        .provider_title = "Enrich.so",
        .state = "waiting",
        .waiting = "Enrich.so: 60 requests/min",
        .started_ms = START,
        .now_ms = START + 7322000,
        .records = 1200000,
        .list_whole = true,
        .answered = 801367,
        .emitted = 798720,
        .outcomes = {0, 500000, 290000, 8000, 0, 0, 0, 720},
        .outcome_names = {"none", "found", "not_found", "invalid", "failed", "no_credits",
                          "skipped", "in_doubt"},
        .batches_done = 17,
        .batches_live = 3,
        .batches_in_doubt = 1,
        .spent = 5123456,
        .reserved = 40000,
        .balance = 91990,
        .cap = -1,
        .requests = 12345,
        .output_bytes = 91234567,
        .problem = "",
        .advice = "",
    };
}

static char *write_page(const struct report *r)
{
    struct buf out;
    buf_init(&out, PAGE_BYTES_MAX);
    page_write(r, NONCE, &out);
    assert_false(out.failed);
    assert_true(utf8_valid(buf_slice(&out)));
    assert_true(out.len < PAGE_BYTES_MAX / 4);
    char *text = strdup(buf_text(&out));
    buf_deinit(&out);
    return text;
}

static void expect(const char *page, const char *text)
{
    if (strstr(page, text) == NULL)
        fail_msg("missing: %s\nin:\n%s", text, strstr(page, "<body>"));
}

static void expect_not(const char *page, const char *text)
{
    if (strstr(page, text) != NULL)
        fail_msg("too much: %s", text);
}

static unsigned occurrences(const char *page, const char *text)
{
    unsigned n = 0;
    while ((page = strstr(page, text)) != NULL) {
        page++;
        n++;
    }
    return n;
}

static void says_it_without_a_script(void **state)
{
    struct report r = running();
    char *page = write_page(&r);
    (void)state;
    expect(page, "<title>66.8 % enrichso/email-finder</title>");
    expect(page, "http-equiv=\"refresh\"");
    expect(page, ">66.8 %</span>");
    expect(page, ">801,367</span>");
    expect(page, ">1,200,000</span> records answered");
    expect(page, ">109/s</span>");
    expect(page, "at it for <span data-v=\"updated_ms\" data-as=\"elapsed\">2 h 2 min</span>");
    expect(page, "<span data-if=\"waiting_for\"> Waiting for <b>");
    expect(page, ">Enrich.so: 60 requests/min</span>");
    expect(page, ">500,000</span></td><td class=\"share\"><span data-v=\"outcomes.found\""
                 " data-as=\"share\">62.6 %</span>");
    expect(page, ">2,647</span>"); /* answered, and not written yet */
    expect(page, ">398,633</span>");
    expect(page, ">91 MB</span>");
    expect(page, "<rect class=\"found\" x=\"0.000%\" width=\"41.666%\"");
    expect(page, "<rect class=\"not_found\" x=\"41.666%\" width=\"24.166%\"");
    free(page);
}

static void shows_what_is_so(void **state)
{
    struct report r = running();
    char *page = write_page(&r);
    (void)state;
    expect(page, "data-if=\"batches.in_doubt\">");
    expect(page, "data-if=\"outcomes.invalid\">");
    expect(page, "data-if=\"outcomes.failed\" hidden>");
    expect(page, "data-if=\"sandbox\" hidden>");
    expect(page, "data-if=\"credits.cap\" hidden>");
    expect(page, "data-if=\"problem\" hidden>");
    expect(page, "data-if=\"records.total\">");
    expect(page, "data-if=\"!records.total\" hidden>");
    expect(page, "data-if=\"state=draining\" hidden>");
    free(page);

    r.state = "draining";
    r.problem = "stopped by SIGINT";
    r.waiting = "";
    r.sandbox = true;
    r.cap = 6000000;
    r.balance = -1;
    r.list_whole = false;
    r.batches_in_doubt = 0;
    page = write_page(&r);
    expect(page, "data-if=\"state=draining\">");
    expect(page, "data-if=\"waiting_for\" hidden>");
    expect(page, "data-if=\"problem\">");
    expect(page, "data-if=\"sandbox\">");
    expect(page, "data-if=\"credits.cap\">");
    expect(page, "data-as=\"count\">6,000,000</span>");
    expect(page, "data-v=\"credits.balance\" data-as=\"count\">unknown</span>");
    expect(page, "data-if=\"records.total\" hidden>");
    expect(page, "data-if=\"!records.total\">");
    expect(page, "<title>Reading enrichso");
    expect(page, "data-if=\"batches.in_doubt\" hidden>");
    free(page);
}

static void the_first_moment_and_the_last(void **state)
{
    struct report r = {.state = "reading",
                       .operation = "wiza/reveal",
                       .balance = -1,
                       .cap = -1,
                       .outcome_names = {"none", "found", "not_found"}};
    char *page = write_page(&r);
    (void)state;
    expect(page, "<rect class=\"found\" x=\"0.000%\" width=\"0.000%\"");
    expect(page, ">0 s</span>");
    free(page);

    r.state = "complete";
    r.records = r.answered = r.emitted = r.outcomes[1] = UINT64_MAX / 4;
    r.list_whole = true;
    page = write_page(&r);
    expect(page, ">100.0 %</span>");
    expect(page, "<rect class=\"found\" x=\"0.000%\" width=\"100.000%\"");
    free(page);
}

static void nothing_becomes_markup(void **state)
{
    struct report r = running();
    r.list = "<script>alert('1')</script>&\"quoted\".csv";
    r.output = "caf\xe9\x1b[2J.ndjson";
    r.waiting = "<b onclick=\"x\">";
    r.problem = "{records.read}";
    char *page = write_page(&r);
    (void)state;
    expect(page, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;quoted&quot;.csv");
    expect(page, "caf\xef\xbf\xbd?[2J.ndjson");
    expect(page, "&lt;b onclick=&quot;x&quot;&gt;");
    expect(page, ">{records.read}</span>"); /* a text is no mark */
    expect_not(page, "<script>");
    expect_not(page, "\x1b");
    free(page);
}

static void names_nothing_outside(void **state)
{
    static const char *const foreign[] = {
        "http:", "https:",    "//",      " src=",    "@import",
        "url(",  "innerHTML", " style=", " onclick", "javascript:"};
    struct report r = running();
    char *page = write_page(&r);
    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        expect_not(page, foreign[i]);
    assert_int_equal(occurrences(page, "nonce=\"" NONCE "\""), 2);
    assert_int_equal(occurrences(page, "<script"), 1);
    assert_int_equal(occurrences(page, "<style"), 1);
    assert_non_null(strstr(PAGE_POLICY_FORMAT, "default-src 'none'"));
    assert_null(strstr(PAGE_POLICY_FORMAT, "unsafe"));
    free(page);
}

/* Elements that have an end tag end in the reverse order of their beginnings. */
static void is_well_formed(void **state)
{
    static const char *const alone[] = {"!doctype", "meta", "rect"};
    char open[64][16];
    unsigned depth = 0;
    struct report r = running();
    char *page = write_page(&r);
    (void)state;
    for (const char *at = page; (at = strchr(at, '<')) != NULL;) {
        bool end = at[1] == '/', single = false;
        const char *name = at + 1 + end;
        size_t len = strcspn(name, " >\n/");
        for (size_t i = 0; i < sizeof alone / sizeof alone[0]; i++)
            single |= strlen(alone[i]) == len && strncmp(alone[i], name, len) == 0;
        if (end) {
            assert_true(depth > 0);
            if (strlen(open[--depth]) != len || strncmp(open[depth], name, len) != 0)
                fail_msg("<%s> is ended by %.20s", open[depth], at);
        } else if (!single) {
            assert_true(depth < 64 && len < 16);
            snprintf(open[depth++], 16, "%.*s", (int)len, name);
        }
        /* A script holds signs that are no tags. */
        at = !end && strncmp(name, "script", 6) == 0 ? strstr(at, "</script>") : at + 1;
    }
    assert_int_equal(depth, 0);
    free(page);
}

/* "records.answered" in what status.json would be. */
static bool member_is_there(struct json_value root, const char *path, size_t len)
{
    char name[64];
    struct json_value at = root;
    for (size_t i = 0; i < len;) {
        size_t part = i;
        while (part < len && path[part] != '.')
            part++;
        snprintf(name, sizeof name, "%.*s", (int)(part - i), path + i);
        if (!json_get(at, name, &at))
            return false;
        i = part + 1;
    }
    return len > 0;
}

static void the_script_finds_every_member(void **state)
{
    static const char *const attributes[] = {"data-v=\"", "data-if=\""};
    struct report r = running();
    struct json *json = json_create(16);
    struct json_value root;
    struct error e = {0};
    struct buf status;
    unsigned found = 0;
    char *page = write_page(&r);
    (void)state;
    buf_init(&status, 1 << 20);
    report_json(&r, &status);
    assert_int_equal(json_parse(json, buf_slice(&status), &root, &e), 0);
    for (int k = 0; k < 2; k++) {
        for (const char *at = page; (at = strstr(at, attributes[k])) != NULL; found++) {
            at += strlen(attributes[k]);
            at += *at == '!';
            if (!member_is_there(root, at, strcspn(at, "\"=")))
                fail_msg("no such member: %.40s", at);
        }
    }
    assert_true(found > 50);
    /* And every way of reading that an element asks for is one of the script's. */
    const char *script = strstr(page, "<script"), *reads = strstr(script, "const reads = {");
    for (const char *at = page; (at = strstr(at, "data-as=\"")) != NULL;) {
        char name[40];
        at += strlen("data-as=\"");
        snprintf(name, sizeof name, " %.*s", (int)strcspn(at, "\""), at);
        const char *there = strstr(reads, name);
        if (there == NULL || strchr(",:", there[strlen(name)]) == NULL)
            fail_msg("the script cannot read as%s", name);
    }
    buf_deinit(&status);
    json_destroy(json);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_it_without_a_script),      cmocka_unit_test(shows_what_is_so),
        cmocka_unit_test(the_first_moment_and_the_last), cmocka_unit_test(nothing_becomes_markup),
        cmocka_unit_test(names_nothing_outside),         cmocka_unit_test(is_well_formed),
        cmocka_unit_test(the_script_finds_every_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
