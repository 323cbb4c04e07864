/* Answers as the ledger keeps them: both ways, cut anywhere, and random bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "record/answer.h"

static void assert_same(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->outcome, b->outcome);
    assert_true(a->credits == b->credits);
    assert_true(slice_eq(a->reason, b->reason));
    for (int f = 0; f < FIELD_COUNT; f++)
        assert_true(slice_eq(a->value[f], b->value[f]));
}

static struct answer sample(unsigned n)
{
    static const int64_t credits[] = {0, 1, 10, -3, 63, 64, -64, -65, INT64_MAX, INT64_MIN};
    static char long_text[70000];
    memset(long_text, 'x', sizeof long_text);
    struct answer a = {.outcome = (enum outcome)(1 + n % (OUTCOME_COUNT - 1)),
                       .credits = credits[n % 10]};
    if (a.outcome != OUTCOME_FOUND)
        a.reason = SLICE_LIT("no email known");
    for (unsigned f = 0; f < FIELD_COUNT; f++)
        if ((n >> (f % 5)) & 1)
            a.value[f] =
                (struct slice){long_text, (n * 131 + f * 17) % (n % 7 ? 300 : sizeof long_text)};
    return a;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 26);
    for (unsigned n = 0; n < 300; n++) {
        struct answer a = sample(n);
        answer_encode(&out, (n * 37) % SHARD_RECORDS, &a);
    }
    assert_false(out.failed);
    struct slice rest = buf_slice(&out);
    for (unsigned n = 0; n < 300; n++) {
        struct answer a = sample(n), b;
        unsigned index;
        assert_int_equal(answer_decode(&rest, &index, &b), 1);
        assert_int_equal(index, (n * 37) % SHARD_RECORDS);
        assert_same(&a, &b);
    }
    unsigned index;
    struct answer b;
    assert_int_equal(answer_decode(&rest, &index, &b), 0);
    buf_deinit(&out);
}

/* The bytes are a format on disk. */
static void test_layout(void **state)
{
    (void)state;
    struct answer a = {.outcome = OUTCOME_NOT_FOUND,
                       .credits = -65,
                       .reason = SLICE_LIT("no"),
                       .value = {[FIELD_EMAIL] = SLICE_LIT("x"), [FIELD_RAW] = SLICE_LIT("{}")}};
    static const uint8_t expected[] = {0x02,          0x01, 14,  0,   0,   0, 2, 0x81,
                                       0x01,          0,    2,   'n', 'o', 1, 1, 'x',
                                       FIELD_RAW + 1, 2,    '{', '}'};
    struct buf out;
    buf_init(&out, 100);
    answer_encode(&out, 0x102, &a);
    assert_int_equal(out.len, sizeof expected);
    assert_memory_equal(out.data, expected, sizeof expected);
    buf_deinit(&out);
}

/* Decodes from a copy of exactly that length, so that a read past it is seen by the sanitizer. */
static int decode_copy(const char *data, size_t len, struct answer *a, size_t *taken)
{
    char *copy = malloc(len + (len == 0));
    memcpy(copy, data, len);
    struct slice s = {copy, len};
    unsigned index = 0;
    int code = answer_decode(&s, &index, a);
    if (code == 1) {
        assert_true(index < SHARD_RECORDS);
        *taken = len - s.len;
        for (int f = 0; f < FIELD_COUNT; f++)
            if (a->value[f].len > 0)
                assert_true(a->value[f].data >= copy &&
                            a->value[f].data + a->value[f].len <= copy + len);
    } else {
        assert_ptr_equal(s.data, copy);
        assert_int_equal(s.len, len);
    }
    free(copy);
    return code;
}

static void test_every_cut(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 40; n++) {
        struct buf out;
        struct answer a = sample(n % 7 ? n : n + 1), b;
        size_t taken;
        buf_init(&out, 1 << 20);
        answer_encode(&out, n, &a);
        for (size_t cut = 0; cut < out.len; cut++)
            assert_int_equal(decode_copy(out.data, cut, &b, &taken), cut == 0 ? 0 : -1);
        assert_int_equal(decode_copy(out.data, out.len, &b, &taken), 1);
        buf_deinit(&out);
    }
}

static void test_refused(void **state)
{
    (void)state;
#define HEAD(len) "\x01\x00" len "\x00\x00\x00"
    static const struct {
        const char *why, *bytes;
        size_t len;
    } cases[] = {
#define CASE(why, text) {why, text, sizeof(text) - 1}
        CASE("index 4096", "\x00\x10\x02\x00\x00\x00\x01\x00"),
        CASE("no outcome", HEAD("\x02") "\x00\x00"),
        CASE("unknown outcome", HEAD("\x02") "\x08\x00"),
        CASE("nothing in it", HEAD("\x00")),
        CASE("no credits", HEAD("\x01") "\x01"),
        CASE("longer than there is", HEAD("\x03") "\x01\x00"),
        CASE("a length of 4 GB", "\x01\x00\xff\xff\xff\xff\x01\x00"),
        CASE("credits that do not end", HEAD("\x03") "\x01\x80\x80"),
        CASE("credits of 11 bytes",
             HEAD("\x0c") "\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
        CASE("credits of 65 bits", HEAD("\x0b") "\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"),
        CASE("credits with a zero too many", HEAD("\x03") "\x01\x80\x00"),
        CASE("an unknown tag", HEAD("\x05") "\x01\x00\x7f\x01x"),
        CASE("a field twice", HEAD("\x08") "\x01\x00\x01\x01x\x01\x01y"),
        CASE("fields out of order", HEAD("\x08") "\x01\x00\x02\x01x\x01\x01y"),
        CASE("an empty value", HEAD("\x04") "\x01\x00\x01\x00"),
        CASE("a value longer than the answer", HEAD("\x05") "\x01\x00\x01\x02x"),
        CASE("a value as long as memory",
             HEAD("\x0e") "\x01\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"),
        CASE("a tag and no more", HEAD("\x03") "\x01\x00\x01"),
#undef CASE
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer a;
        size_t taken;
        if (decode_copy(cases[i].bytes, cases[i].len, &a, &taken) != -1)
            fail_msg("taken: %s", cases[i].why);
    }
}

/* Random and mutated bytes: never a crash, and what is taken is exactly what encoding writes. */
static void test_random(void **state)
{
    (void)state;
    struct buf out, again;
    buf_init(&out, 1 << 20);
    buf_init(&again, 1 << 20);
    srand(11);
    unsigned taken_count = 0;
    for (unsigned round = 0; round < 200000; round++) {
        buf_reset(&out);
        if (round % 2) {
            for (int n = rand() % 40; n > 0; n--)
                buf_append_char(&out, (char)(rand() % 3 ? rand() % 24 : rand()));
            if (out.len >= 6) /* a head that fits gets further */
                memcpy(out.data, (uint8_t[]){1, 0, (uint8_t)(out.len - 6), 0, 0, 0}, 6);
        } else {
            struct answer a = {.outcome = OUTCOME_FOUND, .credits = rand() % 100};
            a.value[FIELD_EMAIL] = SLICE_LIT("jane@acme.com");
            a.value[FIELD_DOMAIN] = SLICE_LIT("acme.com");
            answer_encode(&out, (unsigned)rand() % SHARD_RECORDS, &a);
            out.data[(size_t)rand() % out.len] ^= (char)(1 << rand() % 8);
        }
        struct slice s = buf_slice(&out);
        struct answer a;
        unsigned index;
        if (answer_decode(&s, &index, &a) != 1)
            continue;
        taken_count++;
        buf_reset(&again);
        answer_encode(&again, index, &a);
        assert_int_equal(again.len, out.len - s.len);
        assert_memory_equal(again.data, out.data, again.len);
    }
    assert_true(taken_count > 1000);
    buf_deinit(&out);
    buf_deinit(&again);
}

static void test_full_buffer(void **state)
{
    (void)state;
    struct answer a = sample(3);
    for (size_t max = 0; max < 20; max++) {
        struct buf out;
        buf_init(&out, max);
        answer_encode(&out, 1, &a);
        assert_true(out.failed);
        buf_deinit(&out);
    }
}

static void test_outcome_names(void **state)
{
    (void)state;
    for (int o = OUTCOME_FOUND; o < OUTCOME_COUNT; o++)
        assert_int_equal(outcome_find(slice_of(outcome_name((enum outcome)o))), o);
    assert_int_equal(outcome_find(SLICE_LIT("none")), -1);
    assert_int_equal(outcome_find(SLICE_LIT("Found")), -1);
    assert_string_equal(outcome_name(OUTCOME_IN_DOUBT), "in_doubt");
    for (int f = 0; f < FIELD_COUNT; f++)
        assert_int_equal(field_find(slice_of(field_name((enum field)f))), f);
    assert_int_equal(field_find(SLICE_EMPTY), -1);
    assert_int_equal(field_kind(FIELD_EMAILS), FIELD_JSON);
    assert_int_equal(field_kind(FIELD_CONFIDENCE), FIELD_SCALAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_layout),
        cmocka_unit_test(test_every_cut),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_random),        cmocka_unit_test(test_full_buffer),
        cmocka_unit_test(test_outcome_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
