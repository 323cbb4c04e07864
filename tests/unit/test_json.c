/* Reading JSON: what is refused, what the getters say, walking, printing, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"

static struct json *parser;

static int make_parser(void **state)
{
    (void)state;
    parser = json_create(64);
    return parser ? 0 : -1;
}

static int remove_parser(void **state)
{
    (void)state;
    json_destroy(parser);
    json_destroy(NULL);
    return 0;
}

static struct json_value parse(const char *text)
{
    struct json_value root;
    struct error e = {0};

    if (json_parse(parser, slice_of(text), &root, &e) != 0)
        fail_msg("%s: %s", text, e.message);
    return root;
}

#define TEXT(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* Cases in the manner of the public JSON test suite. */
static void test_accepted(void **state)
{
    static const struct slice rows[] = {TEXT("[]"),
                                        TEXT("{}"),
                                        TEXT(" null "),
                                        TEXT("\"\""),
                                        TEXT("-0"),
                                        TEXT("[1E-2,1e+2,-1.5e3]"),
                                        TEXT("{\"\":0,\"\":1}"),
                                        TEXT("\t[\n1\r, 2 ]\n"),
                                        TEXT("\"\\u0000\\uD834\\uDD1E\\/\\b\""),
                                        TEXT("\"\xf4\x8f\xbf\xbf\x7f\""),
                                        TEXT("[\"\\uFFFF\xef\xbf\xbf\"]"),
                                        TEXT("123456789012345678"),
                                        TEXT("18446744073709551615"),
                                        TEXT("1e-400")};
    struct json_value root;
    struct error e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (json_parse(parser, rows[i], &root, &e) != 0)
            fail_msg("row %zu: %s", i, e.message);
}

static void test_refused(void **state)
{
    static const struct slice rows[] = {
        TEXT(""), TEXT(" "), TEXT("["), TEXT("]"), TEXT("[1,]"), TEXT("[,1]"), TEXT("[1 2]"),
        TEXT("{\"a\":1,}"), TEXT("{\"a\" 1}"), TEXT("{a:1}"), TEXT("{1:1}"), TEXT("{\"a\":1}}"),
        TEXT("[1]x"), TEXT("[1][2]"), TEXT("[1]\0"), TEXT("01"), TEXT("-"), TEXT("+1"), TEXT(".5"),
        TEXT("1."), TEXT("1e"), TEXT("0x1"), TEXT("NaN"), TEXT("Infinity"), TEXT("1e400"),
        TEXT("18446744073709551616"), TEXT("nul"), TEXT("True"), TEXT("'a'"), TEXT("\"a"),
        TEXT("\"\t\""), TEXT("\"\0\""), TEXT("\"\\x41\""), TEXT("\"\\u12\""), TEXT("\"\\"),
        /* half a surrogate pair, in either half, as a key, and twice the first half */
        TEXT("\"\\ud800\""), TEXT("\"\\udc00\""), TEXT("{\"\\udfff\":1}"),
        TEXT("\"\\ud800\\ud800\""), TEXT("\"\\ud800a\""), TEXT("\"\\udd1e\\ud834\""),
        /* bytes that are not UTF-8 */
        TEXT("\"\xff\""), TEXT("\"\xc0\xaf\""), TEXT("\"\xed\xa0\x80\""), TEXT("\"\xe9\""),
        TEXT("\"\xf4\x90\x80\x80\""), TEXT("\xef\xbb\xbf{}"), TEXT("/* */1"), TEXT("[1]//")};
    struct json_value root;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct error e = {0};
        if (json_parse(parser, rows[i], &root, &e) != ERR_DATA)
            fail_msg("row %zu was accepted", i);
        assert_true(strlen(e.message) > 10);
        assert_int_equal(json_type(root), JSON_NULL);
    }
    struct error e = {0};
    json_parse(parser, SLICE_LIT("[\"ab\xff\"]"), &root, &e);
    assert_string_equal(e.message, "not valid JSON: byte 4 is not UTF-8");
}

/* Every shorter part of a reply is refused: a body that was cut is never taken for a whole one. */
static void test_cut_texts(void **state)
{
    static const char text[] = "{\"data\":{\"batchId\":\"64a\",\"n\":[1,-2.5e3,true,null,"
                               "\"\\u00e9\xc3\xa9\"]},\"ok\":false}";
    struct json_value root;
    struct error e = {0};

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *copy = malloc(len ? len : 1);
        memcpy(copy, text, len);
        assert_int_equal(json_parse(parser, (struct slice){copy, len}, &root, &e), ERR_DATA);
        free(copy);
    }
    assert_int_equal(json_parse(parser, slice_of(text), &root, &e), 0);
}

static void nest(char *text, unsigned depth, char open, char close)
{
    for (unsigned i = 0; i < depth; i++) {
        text[i] = open;
        text[2 * depth - 1 - i] = close;
    }
    text[2 * depth] = '\0';
}

static void test_depth(void **state)
{
    struct json *shallow = json_create(5);
    struct json_value root;
    struct error e = {0};
    char text[64];

    (void)state;
    nest(text, 5, '[', ']');
    assert_int_equal(json_parse(shallow, slice_of(text), &root, &e), 0);
    nest(text, 6, '[', ']');
    assert_int_equal(json_parse(shallow, slice_of(text), &root, &e), ERR_DATA);
    assert_string_equal(e.message, "not usable JSON: nested deeper than 5");
    /* The limit outlives growth. */
    char *large = calloc(1, 100001);
    memset(large, ' ', 100000);
    memcpy(large, text, 12);
    assert_int_equal(json_parse(shallow, slice_of(large), &root, &e), ERR_DATA);
    free(large);
    assert_int_equal(
        json_parse(shallow, SLICE_LIT("{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}"), &root, &e), 0);
    assert_int_equal(
        json_parse(shallow, SLICE_LIT("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}"), &root, &e),
        ERR_DATA);
    json_destroy(shallow);
}

static void test_types(void **state)
{
    static const struct {
        const char *text;
        enum json_type type;
    } rows[] = {{"null", JSON_NULL},   {"true", JSON_BOOL},
                {"false", JSON_BOOL},  {"1", JSON_NUMBER},
                {"-1", JSON_NUMBER},   {"1.5", JSON_NUMBER},
                {"\"\"", JSON_STRING}, {"18446744073709551615", JSON_NUMBER},
                {"[]", JSON_ARRAY},    {"{}", JSON_OBJECT}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(json_type(parse(rows[i].text)), rows[i].type);
}

static void test_integers(void **state)
{
    static const struct {
        const char *text;
        bool fine;
        int64_t value;
    } rows[] = {{"12", true, 12},
                {"12.0", true, 12},
                {"1.2e1", true, 12},
                {"\"12\"", true, 12},
                {"\"-12\"", true, -12},
                {"-0.0", true, 0},
                {"9223372036854775807", true, INT64_MAX},
                {"-9223372036854775808", true, INT64_MIN},
                {"\"9223372036854775807\"", true, INT64_MAX},
                {"-9223372036854775808.0", true, INT64_MIN},
                {"9223372036854775808", false, 0},
                {"9223372036854775808.0", false, 0},
                {"\"9223372036854775808\"", false, 0},
                {"12.5", false, 0},
                {"1e300", false, 0},
                {"\"12.0\"", false, 0},
                {"\"\"", false, 0},
                {"\" 12\"", false, 0},
                {"\"+12\"", false, 0},
                {"\"12x\"", false, 0},
                {"\"0x12\"", false, 0},
                {"null", false, 0},
                {"true", false, 0},
                {"[12]", false, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int64_t value = 77;
        bool fine = json_int(parse(rows[i].text), &value);
        if (fine != rows[i].fine || value != (fine ? rows[i].value : 77))
            fail_msg("%s", rows[i].text);
    }
}

static void test_doubles(void **state)
{
    static const struct {
        const char *text;
        bool fine;
        double value;
    } rows[] = {{"0.97", true, 0.97},     {"1", true, 1},
                {"-3", true, -3},         {"18446744073709551615", true, 18446744073709551615.0},
                {"\"0.97\"", true, 0.97}, {"\"1e3\"", true, 1000},
                {"\"nan\"", false, 0},    {"\"inf\"", false, 0},
                {"\"1e999\"", false, 0},  {"\"0.97 \"", false, 0},
                {"\"high\"", false, 0},   {"false", false, 0},
                {"null", false, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        double value = 77;
        bool fine = json_double(parse(rows[i].text), &value);
        if (fine != rows[i].fine || value != (fine ? rows[i].value : 77))
            fail_msg("%s", rows[i].text);
    }
}

static void test_members(void **state)
{
    struct json_value root = parse("{\"a\":1,\"a\":2,\"n\":null,\"s\":\"x\\u0000y\",\"b\":true,"
                                   "\"data\":{\"batchId\":\"64a\",\"deep\":{\"f\":2.5}},\"\":5}");
    struct json_value v;
    struct slice text;
    int64_t number;
    double real;
    bool flag;

    (void)state;
    assert_true(json_get_int(root, "a", &number));
    assert_int_equal(number, 1);
    assert_true(json_get_int(root, "", &number));
    assert_int_equal(number, 5);
    assert_true(json_get(root, "n", &v));
    assert_int_equal(json_type(v), JSON_NULL);
    assert_false(json_get_string(root, "n", &text));
    assert_false(json_get(root, "N", &v));
    assert_false(json_get(root, "dat", &v));
    assert_true(json_get_string(root, "s", &text));
    assert_int_equal(text.len, 3);
    assert_memory_equal(text.data, "x\0y", 3);
    assert_true(json_get_bool(root, "b", &flag) && flag);
    assert_false(json_get_bool(root, "a", &flag));
    assert_true(json_path(root, "data.batchId", &v) && json_string(v, &text));
    assert_true(slice_eq(text, SLICE_LIT("64a")));
    assert_true(json_path(root, "data.deep.f", &v) && json_double(v, &real) && real == 2.5);
    assert_true(json_path(root, "data", &v) && json_path(v, "deep", &v));
    assert_true(json_get_double(v, "f", &real));
    assert_false(json_path(root, "data.missing.f", &v));
    assert_false(json_path(root, "a.b", &v));
    assert_false(json_path(root, "data.", &v));
    assert_false(json_get(parse("[1]"), "a", &v));
    assert_false(json_get((struct json_value){0}, "a", &v));
    assert_int_equal(json_type((struct json_value){0}), JSON_NULL);
}

/* Keys and scalars of everything below v, in order. */
static void describe(struct json_value v, struct buf *out)
{
    struct json_walk w;
    enum json_type type = json_type(v);
    uint64_t count = 0;

    if (type != JSON_ARRAY && type != JSON_OBJECT) {
        json_print(v, out);
        return;
    }
    buf_append_char(out, type == JSON_ARRAY ? '(' : '<');
    for (bool more = json_walk_begin(&w, v); more; more = json_walk_next(&w)) {
        buf_append_slice(out, w.key);
        buf_append_char(out, '=');
        describe(w.value, out);
        buf_append_char(out, ';');
        count++;
    }
    assert_false(json_walk_next(&w));
    assert_int_equal(count, json_count(v));
    buf_append_char(out, type == JSON_ARRAY ? ')' : '>');
}

static void test_walk(void **state)
{
    struct buf out;
    struct json_walk w;

    (void)state;
    buf_init(&out, 1 << 20);
    describe(parse("{\"a\":[1,[],{},\"x\",[2.5,{\"b\":null}]],\"c\":{\"d\":true},\"e\":-7}"), &out);
    assert_string_equal(buf_text(&out),
                        "<a=(=1;=();=<>;=\"x\";=(=2.5;=<b=null;>;););c=<d=true;>;e=-7;>");
    buf_deinit(&out);
    assert_false(json_walk_begin(&w, parse("7")));
    assert_false(json_walk_next(&w));
    assert_false(json_walk_begin(&w, (struct json_value){0}));
    assert_int_equal(json_count(parse("\"x\"")), 0);
}

static void test_print(void **state)
{
    static const struct {
        const char *text, *printed;
    } rows[] = {{" { \"a\" : [ 1 , true ] } ", "{\"a\":[1,true]}"},
                {"0.1", "0.1"},
                {"18446744073709551615", "18446744073709551615"},
                {"-9223372036854775808", "-9223372036854775808"},
                {"\"\\u0001\\n\\\"\\\\\\/\xc3\xa9\"", "\"\\u0001\\n\\\"\\\\/\xc3\xa9\""},
                {"[[[[[[[[[[[[[[[[[[[[[{\"a\":[{}]}]]]]]]]]]]]]]]]]]]]]]",
                 "[[[[[[[[[[[[[[[[[[[[[{\"a\":[{}]}]]]]]]]]]]]]]]]]]]]]]"}};
    struct buf out;
    struct json_value v;
    double real;

    (void)state;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        buf_reset(&out);
        json_print(parse(rows[i].text), &out);
        assert_string_equal(buf_text(&out), rows[i].printed);
    }
    buf_reset(&out);
    assert_true(json_path(parse("{\"x\":{\"y\":[1,2]},\"z\":0}"), "x.y", &v));
    json_print(v, &out);
    json_print((struct json_value){0}, &out);
    assert_string_equal(buf_text(&out), "[1,2]null");
    /* Doubles survive. */
    static const char *const doubles[] = {"5e-324", "-1.7976931348623157e308",
                                          "0.30000000000000004", "2.2250738585072014e-308",
                                          "-1.2345678901234567e-300"};
    for (size_t i = 0; i < sizeof(doubles) / sizeof(*doubles); i++) {
        buf_reset(&out);
        json_print(parse(doubles[i]), &out);
        assert_true(json_double(parse(buf_text(&out)), &real));
        assert_true(real == strtod(doubles[i], NULL));
    }
    buf_deinit(&out);
    buf_init(&out, 5);
    json_print(parse("[1,2,3,4]"), &out);
    assert_true(out.failed);
    buf_deinit(&out);
}

/* One parser, texts from nothing to over the size whose memory is kept, and back. */
static void test_sizes(void **state)
{
    static const size_t sizes[] = {1,   63, 64, 65, 5000, 100, (size_t)10 << 20, 3, (size_t)9 << 20,
                                   4000};
    char *text = malloc(((size_t)10 << 20) + 2);
    struct json_value root;
    struct error e = {0};
    struct slice s;

    (void)state;
    memset(text, 'x', ((size_t)10 << 20) + 2);
    text[0] = '"';
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        text[sizes[i] + 1] = '"';
        assert_int_equal(json_parse(parser, (struct slice){text, sizes[i] + 2}, &root, &e), 0);
        assert_true(json_string(root, &s));
        assert_int_equal(s.len, sizes[i]);
        text[sizes[i] + 1] = 'x';
    }
    free(text);
}

static void test_format_double(void **state)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0.97, "0.97"},
                {1, "1"},
                {-0.5, "-0.5"},
                {5e-324, "5e-324"},
                {1e23, "1e+23"},
                {0.1, "0.1"},
                {-1.7976931348623157e308, "-1.7976931348623157e+308"},
                {NAN, "null"},
                {-INFINITY, "null"}};
    char text[JSON_DOUBLE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        size_t len = json_format_double(rows[i].value, text);
        assert_true(slice_eq((struct slice){text, len}, slice_of(rows[i].text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut_texts), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_types),     cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles),   cmocka_unit_test(test_members),
        cmocka_unit_test(test_walk),      cmocka_unit_test(test_print),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_format_double),
    };
    return cmocka_run_group_tests(tests, make_parser, remove_parser);
}
