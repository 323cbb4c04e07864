/* Error messages: composing, cutting, and what they mean to the shell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void test_messages(void **state)
{
    struct error e = {0};

    (void)state;
    assert_int_equal(error_set(&e, ERR_CONFIG, "tier %s is unknown", "gold"), ERR_CONFIG);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_string_equal(e.message, "tier gold is unknown");
    assert_int_equal(error_prefix(&e, "line %d", 3), ERR_CONFIG);
    assert_string_equal(e.message, "line 3: tier gold is unknown");
    assert_int_equal(error_errno(&e, ERR_IO, ENOENT, "cannot open %s", "x"), ERR_IO);
    assert_string_equal(e.message, "cannot open x: No such file or directory");
    /* The old message may be an argument of the new one. */
    error_set(&e, ERR_DATA, "wrapped (%s)", e.message);
    assert_string_equal(e.message, "wrapped (cannot open x: No such file or directory)");
    error_set(&e, ERR_DATA, "short");
    error_prefix(&e, "%s and %s", e.message, e.message);
    assert_string_equal(e.message, "short and short: short");
}

static void test_long_messages_are_cut(void **state)
{
    struct error e = {0};
    char text[3000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_set(&e, ERR_IO, "%s", text);
    assert_int_equal(strlen(e.message), sizeof(e.message) - 1);
    error_prefix(&e, "front");
    assert_int_equal(strlen(e.message), sizeof(e.message) - 1);
    assert_memory_equal(e.message, "front: xxx", 10);
    /* Every length around the end, where the ": " no longer fits. */
    for (size_t len = sizeof(e.message) - 8; len < sizeof(e.message) + 2; len++) {
        error_set(&e, ERR_IO, "tail");
        error_prefix(&e, "%.*s", (int)len, text);
        assert_true(strlen(e.message) < sizeof(e.message));
        error_errno(&e, ERR_IO, EIO, "%.*s", (int)len, text);
        assert_true(strlen(e.message) < sizeof(e.message));
    }
}

static void test_exit_statuses(void **state)
{
    static const struct {
        int code, status;
        const char *kind;
    } rows[] = {{0, 0, "none"},
                {ERR_USAGE, 64, "usage"},
                {ERR_DATA, 65, "data"},
                {ERR_NOINPUT, 66, "no input"},
                {ERR_UNAVAILABLE, 69, "unavailable"},
                {ERR_INTERNAL, 70, "internal"},
                {ERR_CANTCREATE, 73, "cannot create"},
                {ERR_IO, 74, "i/o"},
                {ERR_STOPPED, 75, "stopped"},
                {ERR_REFUSED, 77, "refused"},
                {ERR_CONFIG, 78, "configuration"},
                {-1, 70, "unknown"},
                {64, 70, "unknown"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(error_exit_status(rows[i].code), rows[i].status);
        assert_string_equal(error_kind(rows[i].code), rows[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_exit_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
