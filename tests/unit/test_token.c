/* Callback tokens: what is made is read again, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "wire/digest.h"
#include "wire/http.h"
#include "wire/token.h"

static const uint8_t key[TOKEN_KEY_LEN] = "0123456789abcdef0123456789abcde";
static const struct token sample = {{1, 2, 3, 4, 5, 6, 7, 0xff}, 0x01020304, 0xfffffffe};

static void reads_what_it_made(void **state)
{
    static const struct token rows[] = {
        {{0}, 0, 0},
        {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, UINT32_MAX, UINT32_MAX},
        {{1, 2, 3, 4, 5, 6, 7, 0xff}, 0x01020304, 1},
    };
    char text[TOKEN_TEXT_LEN + 1];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token t;
        token_make(key, "zeliq", &rows[i], text);
        assert_int_equal(strlen(text), TOKEN_TEXT_LEN);
        assert_true(http_id_valid(slice_of(text)));
        assert_true(token_read(key, "zeliq", slice_of(text), &t));
        assert_memory_equal(t.run, rows[i].run, TOKEN_RUN_LEN);
        assert_int_equal(t.batch, rows[i].batch);
        assert_int_equal(t.attempt, rows[i].attempt);
    }
}

/* The form is durable: vendors hold addresses over an upgrade. Computed with
 * printf 'tranche callback token 1\0zeliq\0...' | openssl dgst -sha256 -mac HMAC. */
static void the_form_stays(void **state)
{
    char text[TOKEN_TEXT_LEN + 1], command[512], mac[128] = "";
    char hexkey[2 * TOKEN_KEY_LEN + 1];

    (void)state;
    token_make(key, "zeliq", &sample, text);
    assert_memory_equal(text, "01020304050607ff01020304fffffffe", 32);
    digest_hex(key, sizeof key, hexkey);
    snprintf(command, sizeof command,
             "printf 'tranche callback token 1\\0zeliq\\0"
             "\\001\\002\\003\\004\\005\\006\\007\\377\\001\\002\\003\\004\\377\\377\\377\\376' |"
             " openssl dgst -sha256 -mac HMAC -macopt hexkey:%s | sed 's/.*= //'",
             hexkey);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_non_null(fgets(mac, sizeof mac, p));
    assert_int_equal(pclose(p), 0);
    assert_memory_equal(text + 32, mac, 32);
}

static void refuses_everything_else(void **state)
{
    char text[TOKEN_TEXT_LEN + 1], other[2 * TOKEN_TEXT_LEN];
    uint8_t other_key[TOKEN_KEY_LEN];
    struct token t;

    (void)state;
    token_make(key, "zeliq", &sample, text);
    for (size_t i = 0; i < TOKEN_TEXT_LEN; i++) {
        memcpy(other, text, sizeof text);
        other[i] = text[i] == '0' ? '1' : '0';
        assert_false(token_read(key, "zeliq", slice_of(other), &t));
        other[i] = '-';
        assert_false(token_read(key, "zeliq", slice_of(other), &t));
        assert_false(token_read(key, "zeliq", (struct slice){text, i}, &t));
    }
    snprintf(other, sizeof other, "%s0", text);
    assert_false(token_read(key, "zeliq", slice_of(other), &t));
    assert_false(token_read(key, "zeliq", SLICE_EMPTY, &t));
    assert_false(token_read(key, "wiza", slice_of(text), &t));
    assert_false(token_read(key, "", slice_of(text), &t));
    memcpy(other_key, key, sizeof key);
    other_key[31] ^= 1;
    assert_false(token_read(other_key, "zeliq", slice_of(text), &t));
    assert_true(token_read(key, "zeliq", slice_of(text), &t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_made),
        cmocka_unit_test(the_form_stays),
        cmocka_unit_test(refuses_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
