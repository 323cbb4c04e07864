/* The parts of the simulator that need neither a socket nor a folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/faults.h"
#include "sim/latency.h"
#include "sim/limits.h"
#include "sim/person.h"
#include "sim/scan.h"
#include "sim/shuffle.h"
#include "sim/sim.h"
#include "sim/truth.h"

static void test_scan_grammar(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } table[] = {
        {"{}", true},
        {" [ ] ", true},
        {"[1,-0,0.5,1e9,1E+9,-12.25e-3]", true},
        {"[true,false,null]", true},
        {"\"\\u0041\\ud83d\\ude00\\n\\/\"", true},
        {"{\"a\":{\"b\":[{},{\"c\":\"\"}]},\"a\":1}", true},
        {"\"long enough for eight bytes at a time, with \xc3\xbc and more\"", true},
        {"", false},
        {"[1,]", false},
        {"[,1]", false},
        {"[1 2]", false},
        {"{\"a\" 1}", false},
        {"{\"a\":1,}", false},
        {"{a:1}", false},
        {"{\"a\":1", false},
        {"[1]]", false},
        {"[1]x", false},
        {"01", false},
        {"-", false},
        {"1.", false},
        {".5", false},
        {"+1", false},
        {"1e", false},
        {"tru", false},
        {"nul", false},
        {"\"", false},
        {"\"\\x\"", false},
        {"\"\\u12g4\"", false},
        {"\"\\ud800\"", false},
        {"\"\\ud800\\u0041\"", false},
        {"\"\\udc00\"", false},
        {"\"tab\there\"", false},
        {"\"0123456\n\"", false},
        {"'a'", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct scan s;
        scan_init(&s, slice_of(table[i].text));
        bool good = scan_skip(&s) && scan_end(&s);
        if (good != table[i].good)
            fail_msg("%s: %s", table[i].text, s.problem ? s.problem : "accepted");
    }
    char deep[2 * SCAN_DEPTH_MAX + 2];
    memset(deep, '[', SCAN_DEPTH_MAX);
    memset(deep + SCAN_DEPTH_MAX, ']', SCAN_DEPTH_MAX);
    struct scan s;
    scan_init(&s, (struct slice){deep, 2 * SCAN_DEPTH_MAX});
    assert_true(scan_skip(&s) && scan_end(&s));
    memset(deep, '[', SCAN_DEPTH_MAX + 1);
    scan_init(&s, (struct slice){deep, SCAN_DEPTH_MAX + 1});
    assert_false(scan_skip(&s));
}

static void test_scan_strings(void **state)
{
    static const struct {
        const char *text, *value;
    } table[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"a\\\"b\\\\c\\/d\"", "a\"b\\c/d"},
        {"\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t"},
        {"\"Zo\\u00eb \\u20ac \\ud83d\\ude00!\"", "Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80!"},
        {"\"J\xc3\xbcrgen Gro\xc3\x9fmann-\xc3\x89tienne\"",
         "J\xc3\xbcrgen Gro\xc3\x9fmann-\xc3\x89tienne"},
    };
    struct buf scratch;
    (void)state;
    buf_init(&scratch, 1000);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct scan s;
        struct slice value;
        scan_init(&s, slice_of(table[i].text));
        assert_true(scan_string(&s, &scratch, &value));
        assert_true(scan_end(&s));
        assert_int_equal(value.len, strlen(table[i].value));
        assert_memory_equal(value.data, table[i].value, value.len);
    }
    buf_deinit(&scratch);
}

static void test_shuffle(void **state)
{
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 100, 1000, 65536, 70001};
    (void)state;
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        uint32_t size = sizes[n], moved = 0;
        uint8_t *seen = calloc(size, 1);
        assert_non_null(seen);
        for (uint32_t i = 0; i < size; i++) {
            uint32_t at = shuffle_at(7, size, i);
            assert_true(at < size);
            assert_int_equal(seen[at]++, 0);
            moved += at != i;
        }
        if (size >= 100)
            assert_true(moved > size / 2);
        free(seen);
    }
}

enum { READ, BULK, FREE };

static const struct limits_tier tier = {
    .name = "test",
    .rule = {{LIMITS_BIT(READ), 5, LIMITS_SECOND, false},
             {LIMITS_BIT(BULK), 1, LIMITS_SECOND, false},
             {LIMITS_BIT(READ), 60, LIMITS_MINUTE, false},
             {LIMITS_BIT(BULK), 2, LIMITS_MINUTE, false}},
};

static void test_limits(void **state)
{
    (void)state;
    struct limits *l = limits_create(&tier);
    assert_non_null(l);
    /* A burst of five, then the second is full until the first of them is a second old. */
    for (int i = 0; i < 5; i++)
        assert_true(limits_take(l, READ, 1000 + i, 0).allowed);
    struct limits_state s = limits_take(l, READ, 1500, 0);
    assert_false(s.allowed);
    assert_int_equal(s.limit, 5);
    assert_int_equal(s.reset_ms, 500);
    assert_false(limits_take(l, READ, 1999, 0).allowed);
    s = limits_take(l, READ, 2000, 0);
    assert_true(s.allowed);
    assert_int_equal(s.limit, 60);
    assert_int_equal(s.remaining, 54);
    assert_int_equal(limits_used(l, 2, 2000, 0), 6);
    /* The other class is counted apart: one a second, two a minute. */
    assert_true(limits_take(l, BULK, 2000, 0).allowed);
    assert_false(limits_take(l, BULK, 2500, 0).allowed);
    assert_true(limits_take(l, BULK, 3000, 0).allowed);
    s = limits_take(l, BULK, 4000, 0);
    assert_false(s.allowed);
    assert_int_equal(s.limit, 2);
    assert_int_equal(s.reset_ms, 58000);
    assert_true(limits_take(l, BULK, 62000, 0).allowed);
    for (int i = 0; i < 1000; i++)
        assert_true(limits_take(l, FREE, 0, 0).allowed &&
                    limits_take(l, LIMITS_NONE, 0, 0).allowed);
    limits_destroy(l);

    l = limits_create(NULL);
    for (int i = 0; i < 1000; i++) {
        s = limits_take(l, BULK, 0, 0);
        assert_true(s.allowed);
        assert_int_equal(s.limit, 0);
    }
    limits_destroy(l);
}

/* A window that two classes share, and one that begins anew with the day. */
static void test_limits_calendar(void **state)
{
    static const struct limits_tier shared = {
        .rule = {{LIMITS_ALL, 3, LIMITS_MINUTE, false}, {LIMITS_ALL, 5, LIMITS_DAY, true}},
    };
    struct limits *l = limits_create(&shared);
    int64_t noon = 20000 * LIMITS_DAY + LIMITS_DAY / 2;
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(limits_take(l, i % 2 ? READ : BULK, 0, noon).allowed);
    struct limits_state s = limits_take(l, READ, 0, noon);
    assert_false(s.allowed);
    assert_int_equal(s.rule->per_ms, LIMITS_MINUTE);
    assert_true(limits_take(l, READ, LIMITS_MINUTE, noon).allowed);
    assert_true(limits_take(l, READ, LIMITS_MINUTE, noon).allowed);
    assert_int_equal(limits_used(l, 1, LIMITS_MINUTE, noon), 5);
    s = limits_take(l, BULK, 3 * LIMITS_MINUTE, noon);
    assert_false(s.allowed);
    assert_int_equal(s.rule->per_ms, LIMITS_DAY);
    assert_int_equal(s.reset_ms, LIMITS_DAY / 2);
    assert_int_equal(limits_used(l, 1, 0, noon + LIMITS_DAY / 2), 0);
    s = limits_take(l, BULK, 3 * LIMITS_MINUTE, noon + LIMITS_DAY / 2);
    assert_true(s.allowed);
    assert_int_equal(s.remaining, 4);
    limits_destroy(l);
}

static void test_latency(void **state)
{
    static const struct latency table[] = {{0, 25000, 380000}, {0, 4000, 15000}, {100, 150, 200},
                                           {0, 12000, 15000},  {7, 7, 7},        {0, 10, 30}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct latency *l = &table[i];
        double sum = 0;
        const int n = 20000;
        assert_true(latency_valid(l));
        for (int k = 0; k < n; k++) {
            int64_t ms = latency_draw(l, (uint64_t)k * 0x9e3779b97f4a7c15u);
            assert_in_range(ms, l->min_ms, l->max_ms);
            sum += (double)ms;
        }
        double mean = sum / n, wanted = (double)l->mean_ms;
        if (mean < wanted * 0.98 || mean > wanted * 1.02)
            fail_msg("the mean of %zu is %g instead of %g", i, mean, wanted);
    }
    assert_false(latency_valid(&(struct latency){5, 4, 10}));
    assert_false(latency_valid(&(struct latency){5, 6, 6}));
    assert_false(latency_valid(&(struct latency){0, 0, 6}));
}

static void test_faults_parse(void **state)
{
    static const struct {
        const char *spec;
        bool good;
    } table[] = {
        {NULL, true},
        {"", true},
        {"submit:drop-after:1,page:status-503:20%,page:delay-200", true},
        {"any:limit-30:2@5", true},
        {"poll:limit-date", true},
        {"poll:limit-date-5", true},
        {"poll:limit-garbage", true},
        {"page:missing,page:missing-3:1", true},
        {"submit:half-failed:@2", true},
        {"page:status", false},
        {"page:status-99", false},
        {"page:status-", false},
        {"page:limit", false},
        {"page:cut-3", false},
        {"page:explode", false},
        {"other:cut", false},
        {"page", false},
        {"page:cut:x", false},
        {"page:cut:101%", false},
        {"page:cut:1@0", false},
        {"page:cut:1@", false},
        {"callback:lost:10%,callback:twice,callback:swap,callback:delay-5", true},
        {"callback:forged,callback:forged-3:1", true},
        {"callback:forged-4", false},
        {"callback:cut", false},
        {"page:lost", false},
        {"any:lost", false},
        {"page:cut,,", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct faults *f;
        struct error e = {0};
        int code = faults_create(&f, table[i].spec, 1, &e);
        if ((code == 0) != table[i].good)
            fail_msg("%s: %s", table[i].spec, e.message);
        if (code == 0)
            faults_destroy(f);
        else
            assert_true(code == ERR_USAGE && e.message[0]);
    }
#define X(word, kind, number, help) assert_non_null(strstr(sim_faults_help(), "  " word "  "));
    FAULT_LIST(X)
#undef X
}

static void test_faults_take(void **state)
{
    struct faults *f;
    struct error e = {0};
    (void)state;
    assert_int_equal(
        faults_create(&f, "page:cut:2@3,page:delay-7,page:delay-5,poll:status-503:30%", 1, &e), 0);
    for (int i = 1; i <= 6; i++) {
        struct fault fault = faults_take(f, CLASS_PAGE);
        assert_int_equal(fault.kind, i == 3 || i == 4 ? FAULT_CUT : FAULT_NONE);
        assert_int_equal(fault.delay_ms, 12);
    }
    assert_int_equal(faults_take(f, CLASS_SUBMIT).kind, FAULT_NONE);
    assert_int_equal(faults_take(f, CLASS_CALLBACK).kind, FAULT_NONE);
    int hits = 0;
    for (int i = 0; i < 1000; i++) {
        struct fault fault = faults_take(f, CLASS_POLL);
        hits += fault.kind == FAULT_STATUS;
        assert_true(fault.kind == FAULT_NONE || fault.number == 503);
    }
    assert_in_range(hits, 250, 350);
    faults_destroy(f);
}

static const struct service finder_service = {
    .name = "finder", .kind = SERVICE_FINDER, .fields = 3, .field = {"first", "last", "domain"}};

static struct question finder(const char *first, const char *last, const char *domain,
                              struct buf *scratch)
{
    struct question q = {.service = &finder_service,
                         .field = {slice_of(first), slice_of(last), slice_of(domain)}};
    question_normalise(&q, scratch);
    return q;
}

static void test_truth(void **state)
{
    static const struct {
        const char *first, *last, *domain;
        bool found;
        const char *email; /* one of the forms it has, over the seeds */
    } table[] = {
        {"Jane", "Doe", "everybody.example", true, "jane.doe@everybody.example"},
        {"Jane", "Doe", "everybody.example", true, "jdoe@everybody.example"},
        {"Jane", "Doe", "nobody.example", false, NULL},
        {"Jane", "Doe", "not a domain", false, NULL},
        {"Jane", "Doe", "localhost", false, NULL},
        {"Zo\xc3\xab", "M\xc3\xbcller-Stra\xc3\x9f", "Everybody.Example", true,
         "zoe.muellerstrass@everybody.example"},
        {"\xc5\x81ukasz", "\xc3\x98st", "acme.test", true, "lukasz.ost@acme.test"},
    };
    struct buf scratch, email;
    (void)state;
    buf_init(&scratch, 4096);
    buf_init(&email, 4096);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct question q = finder(table[i].first, table[i].last, table[i].domain, &scratch);
        bool seen = false;
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct truth all = {.seed = seed, .found_percent = 100};
            XXH128_hash_t digest = truth_digest(&all, &q);
            assert_int_equal(truth_judge(&all, &q, digest).found, table[i].found);
            buf_reset(&email);
            truth_email(&q, digest, &email);
            seen |= table[i].email && strcmp(buf_text(&email), table[i].email) == 0;
        }
        if (table[i].email && !seen)
            fail_msg("no %s in 40 seeds", table[i].email);
    }
    /* The same question, however it is written; another seed, other answers; the share that was
     * asked for. */
    struct truth half = {.seed = 3, .found_percent = 50}, other = {.seed = 4, .found_percent = 50};
    int found = 0, differ = 0;
    for (int i = 0; i < 2000; i++) {
        char name[32], upper[32];
        snprintf(name, sizeof name, "name%d", i);
        snprintf(upper, sizeof upper, "  NAME%d ", i);
        struct question q = finder(name, "doe", "acme.test", &scratch);
        XXH128_hash_t digest = truth_digest(&half, &q);
        bool here = truth_judge(&half, &q, digest).found;
        differ += here != truth_judge(&other, &q, truth_digest(&other, &q)).found;
        found += here;
        q = finder(upper, "Doe", "ACME.test", &scratch);
        assert_true(XXH128_isEqual(digest, truth_digest(&half, &q)));
    }
    assert_in_range(found, 900, 1100);
    assert_in_range(differ, 800, 1200);
    buf_deinit(&scratch);
    buf_deinit(&email);
}

static struct person person(uint64_t seed, unsigned found, const struct person_hints *h)
{
    struct truth t = {.seed = seed, .found_percent = found};
    struct person p;
    person_know(&t, 7, h, &p);
    return p;
}

static void test_person(void **state)
{
    struct person_hints h = {.full = SLICE_LIT("jane van doe"), .domain = SLICE_LIT("acme.test")};
    (void)state;
    struct person p = person(1, 50, &h), again = person(1, 50, &h), other = person(2, 50, &h);
    assert_memory_equal(&p, &again, sizeof p);
    assert_string_equal(p.full, "Jane Van Doe");
    assert_string_equal(p.last, "Doe");
    assert_string_equal(p.work_email, "janevan.doe@acme.test");
    assert_string_equal(p.domain, "acme.test");
    assert_string_equal(other.full, p.full);
    assert_false(XXH128_isEqual(other.digest, p.digest));
    for (unsigned i = 0; i < PERSON_PHONES_MAX; i++) {
        assert_int_equal(strlen(p.phone_number[i]), 12);
        assert_memory_equal(p.phone_number[i], "+1555", 5);
    }
    char pretty[24];
    person_pretty_phone("+15550123456", pretty);
    assert_string_equal(pretty, "+1 (555) 012-3456");

    static const struct {
        struct person_hints h;
        bool known;
        enum verdict_status status;
    } table[] = {
        {{.url = SLICE_LIT("linkedin.com/in/nobody-7")}, false, VERDICT_VALID},
        {{.url = SLICE_LIT("linkedin.com/in/everybody-7")}, true, VERDICT_VALID},
        {{.url = SLICE_LIT("linkedin.com/in/risky")}, true, VERDICT_RISKY},
        {{.email = SLICE_LIT("a@nobody.example")}, false, VERDICT_VALID},
        {{.full = SLICE_LIT("a b"), .company = SLICE_LIT("everybody.example")},
         true,
         VERDICT_VALID},
        {{.full = SLICE_LIT("a b"), .domain = SLICE_LIT("catch-all.example")},
         true,
         VERDICT_CATCH_ALL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            p = person(seed, 50, &table[i].h);
            assert_true(p.profile == table[i].known && p.work == table[i].known &&
                        p.personal == table[i].known && p.phone == table[i].known);
            if (table[i].known)
                assert_int_equal(p.work_status, table[i].status);
            assert_true(p.phones <= PERSON_PHONES_MAX && (p.phones > 0) == p.phone);
        }
    int found = 0;
    for (uint64_t seed = 0; seed < 2000; seed++)
        found += person(seed, 30, &h).phone;
    assert_in_range(found, 540, 660);
    assert_int_equal(person_refuses(&(struct person_hints){.domain = SLICE_LIT("poison.example")}),
                     TRUTH_POISON);
}

/* The address of a page is the same with and without scheme, "www." and the slash at its end. */
static void test_question_urls(void **state)
{
    static const struct service service = {
        .name = "s", .kind = SERVICE_PERSON, .fields = 2, .field = {"url", "name"}, .urls = 1};
    static const char *const same[] = {"https://www.linkedin.com/in/Jane/", "linkedin.com/in/jane",
                                       " http://linkedin.com/in/JANE"};
    struct buf scratch, out;
    (void)state;
    buf_init(&scratch, 4096);
    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct question q = {.service = &service, .field = {slice_of(same[i]), SLICE_EMPTY}};
        question_normalise(&q, &scratch);
        buf_reset(&out);
        question_print(&q, &out);
        assert_string_equal(buf_text(&out), "{\"url\":\"linkedin.com/in/jane\"}");
    }
    buf_deinit(&scratch);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_grammar),  cmocka_unit_test(test_scan_strings),
        cmocka_unit_test(test_shuffle),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_faults_parse),  cmocka_unit_test(test_faults_take),
        cmocka_unit_test(test_truth),         cmocka_unit_test(test_limits_calendar),
        cmocka_unit_test(test_latency),       cmocka_unit_test(test_person),
        cmocka_unit_test(test_question_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
