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
#include "sim/limits.h"
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

static void test_limits(void **state)
{
    struct limits *l;
    struct error e = {0};
    (void)state;
    assert_int_equal(limits_create(&l, "golden", &e), ERR_USAGE);
    assert_int_equal(limits_create(&l, "free", &e), 0);
    /* A burst of five, then the second is full until the first of them is a second old. */
    for (int i = 0; i < 5; i++)
        assert_true(limits_take(l, LIMITS_READ, 1000 + i).allowed);
    struct limits_state s = limits_take(l, LIMITS_READ, 1500);
    assert_false(s.allowed);
    assert_int_equal(s.limit, 5);
    assert_int_equal(s.reset_ms, 500);
    assert_false(limits_take(l, LIMITS_READ, 1999).allowed);
    s = limits_take(l, LIMITS_READ, 2000);
    assert_true(s.allowed);
    assert_int_equal(s.limit, 60);
    assert_int_equal(s.remaining, 54);
    /* Bulk submissions are counted apart: one a second, two a minute. */
    assert_true(limits_take(l, LIMITS_BULK, 2000).allowed);
    assert_false(limits_take(l, LIMITS_BULK, 2500).allowed);
    assert_true(limits_take(l, LIMITS_BULK, 3000).allowed);
    s = limits_take(l, LIMITS_BULK, 4000);
    assert_false(s.allowed);
    assert_int_equal(s.limit, 2);
    assert_int_equal(s.reset_ms, 58000);
    assert_true(limits_take(l, LIMITS_BULK, 62000).allowed);
    limits_destroy(l);

    assert_int_equal(limits_create(&l, NULL, &e), 0);
    for (int i = 0; i < 1000; i++) {
        s = limits_take(l, LIMITS_BULK, 0);
        assert_true(s.allowed);
        assert_int_equal(s.limit, 0);
    }
    limits_destroy(l);
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
    int hits = 0;
    for (int i = 0; i < 1000; i++) {
        struct fault fault = faults_take(f, CLASS_POLL);
        hits += fault.kind == FAULT_STATUS;
        assert_true(fault.kind == FAULT_NONE || fault.number == 503);
    }
    assert_in_range(hits, 250, 350);
    faults_destroy(f);
}

static struct question finder(const char *first, const char *last, const char *domain,
                              struct buf *scratch)
{
    struct question q = {.service = SERVICE_FINDER,
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_grammar), cmocka_unit_test(test_scan_strings),
        cmocka_unit_test(test_shuffle),      cmocka_unit_test(test_limits),
        cmocka_unit_test(test_faults_parse), cmocka_unit_test(test_faults_take),
        cmocka_unit_test(test_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
