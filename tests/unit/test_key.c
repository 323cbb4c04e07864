/* Where a key may come from, and that it goes nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "provider/provider.h"
#include "run/key.h"

#define SECRET "sk_live_0123456789abcdefSECRET"

static char folder[] = "/tmp/tranche-key-XXXXXX";
static char path[128], other[128];
static const struct provider *provider;

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    provider = provider_find(SLICE_LIT("enrichso"));
    return provider == NULL;
}

static int clean(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    unsetenv("ENRICHSO_API_KEY");
    unsetenv("ENRICHSO_API_KEY_FILE");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void put(const char *at, const void *text, size_t len, mode_t mode)
{
    int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void put_text(const char *at, const char *text)
{
    put(at, text, strlen(text), 0600);
}

static void expect(const char *file, const char *want)
{
    char *key = NULL;
    struct error e = {0};
    if (key_load(provider, file, &key, &e) != 0)
        fail_msg("%s", e.message);
    assert_string_equal(key, want);
    key_free(key);
}

/* It fails, with a message that names `part` and holds nothing of the key. */
static void refuse(const char *file, const char *part)
{
    char *key = path; /* to be replaced */
    struct error e = {0};
    assert_int_equal(key_load(provider, file, &key, &e), ERR_CONFIG);
    assert_int_equal(e.code, ERR_CONFIG);
    assert_null(key);
    if (strstr(e.message, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", e.message, part);
    assert_null(strstr(e.message, "SECRET"));
    assert_null(strstr(e.message, "sk_live"));
}

static void test_nowhere(void **state)
{
    (void)state;
    refuse(NULL, "ENRICHSO_API_KEY_FILE");
    refuse(NULL, "--key-file");
    setenv("ENRICHSO_API_KEY", "", 1);
    setenv("ENRICHSO_API_KEY_FILE", "", 1);
    refuse(NULL, "no key for Enrich.so");
}

static void test_environment(void **state)
{
    (void)state;
    setenv("ENRICHSO_API_KEY", SECRET, 1);
    expect(NULL, SECRET);
    setenv("ENRICHSO_API_KEY", " \t" SECRET "\r\n", 1);
    expect(NULL, SECRET);
    /* The variable comes before the one that names a file, --key-file before both. */
    put_text(path, "from_a_file\n");
    put_text(other, "from_the_option\n");
    setenv("ENRICHSO_API_KEY_FILE", path, 1);
    expect(NULL, SECRET);
    expect(other, "from_the_option");
    unsetenv("ENRICHSO_API_KEY");
    expect(NULL, "from_a_file");
    setenv("ENRICHSO_API_KEY", "", 1);
    expect(NULL, "from_a_file");
}

static void test_file_contents(void **state)
{
    (void)state;
    static const char *const good[] = {SECRET, SECRET "\n", SECRET "\r\n", "  " SECRET "\n\n"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        put_text(path, good[i]);
        expect(path, SECRET);
    }
    put_text(path, "");
    refuse(path, "holds no key");
    put_text(path, " \r\n\t\n");
    refuse(path, "holds no key");
}

static void test_modes(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        bool good;
    } rows[] = {
        {0600, true},  {0400, true},  {0700, true},  {0640, false}, {0604, false}, {0644, false},
        {0620, false}, {0602, false}, {0610, false}, {0601, false}, {0666, false}, {0777, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(path, SECRET, strlen(SECRET), rows[i].mode);
        if (rows[i].good)
            expect(path, SECRET);
        else
            refuse(path, "chmod 600");
    }
}

static void test_other_owner(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    put_text(path, SECRET);
    assert_int_equal(chown(path, 65534, 65534), 0);
    refuse(path, "belongs to someone else");
}

static void test_no_plain_file(void **state)
{
    (void)state;
    refuse(path, "No such file");
    refuse(folder, "no plain file");
    refuse("/dev/null", "no plain file");
    setenv("ENRICHSO_API_KEY_FILE", path, 1);
    refuse(NULL, path);
}

/* A pipe must not be waited for: the command would hang before it has said anything. */
static void test_pipe(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(5);
    refuse(path, "no plain file");
    alarm(0);
}

/* Nothing that could end a header, or that no header may have. */
static void test_bad_characters(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "sk_liveSECRET\nX-Evil: 1", "sk_liveSECRET\rX",  "sk_live\tSECRET",   "sk_live\x01SECRET",
        "sk_live\xc3\xa9SECRET",    "\xffsk_liveSECRET", "sk_liveSECRET\x7f",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text(path, bad[i]);
        refuse(path, "characters that no key has");
        setenv("ENRICHSO_API_KEY", bad[i], 1);
        refuse(NULL, "ENRICHSO_API_KEY holds characters");
        unsetenv("ENRICHSO_API_KEY");
    }
}

/* A NUL in the file, and a file that is longer than any key: never half a key. */
static void test_odd_files(void **state)
{
    (void)state;
    char *big = malloc(KEY_MAX + 2);
    assert_non_null(big);
    memset(big, 'k', KEY_MAX + 2);
    put(path, big, KEY_MAX, 0600);
    big[KEY_MAX] = '\0';
    expect(path, big);
    big[KEY_MAX] = 'k';
    put(path, big, KEY_MAX + 1, 0600);
    refuse(path, path);
    free(big);
    put(path, SECRET "\0tail", sizeof SECRET + 4, 0600);
    refuse(path, path);
}

static void test_free_nothing(void **state)
{
    (void)state;
    key_free(NULL);
}

/* What callbacks are proved with; a null where there is none is no failure. */
static void proofs(void **state)
{
    struct provider p = {
        .name = "p", .title = "P", .key_env = "ENRICHSO_API_KEY", .secret_env = "P_WEBHOOK_SECRET"};
    struct error e = {0};
    char *secret;
    (void)state;
    setenv("ENRICHSO_API_KEY", SECRET, 1);
    setenv("P_WEBHOOK_SECRET", "whsec", 1);
    put_text(path, "from-a-file\n");
    assert_int_equal(key_load_proof(&p, path, &secret, &e), 0);
    assert_null(secret);
    p.proof = PROOF_KEY_SHA256;
    assert_int_equal(key_load_proof(&p, NULL, &secret, &e), 0);
    assert_string_equal(secret, SECRET);
    key_free(secret);
    assert_int_equal(key_load_proof(&p, path, &secret, &e), 0);
    assert_string_equal(secret, "from-a-file");
    key_free(secret);
    unsetenv("ENRICHSO_API_KEY");
    assert_int_equal(key_load_proof(&p, NULL, &secret, &e), 0);
    assert_null(secret);
    /* A key file is no secret. */
    p.proof = PROOF_HMAC_SHA256;
    assert_int_equal(key_load_proof(&p, path, &secret, &e), 0);
    assert_string_equal(secret, "whsec");
    key_free(secret);
    unsetenv("P_WEBHOOK_SECRET");
    assert_int_equal(key_load_proof(&p, NULL, &secret, &e), 0);
    assert_null(secret);
    setenv("P_WEBHOOK_SECRET_FILE", path, 1);
    assert_int_equal(key_load_proof(&p, NULL, &secret, &e), 0);
    assert_string_equal(secret, "from-a-file");
    key_free(secret);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(key_load_proof(&p, NULL, &secret, &e), ERR_CONFIG);
    assert_null(secret);
    unsetenv("P_WEBHOOK_SECRET_FILE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_nowhere, clean),
        cmocka_unit_test_teardown(test_environment, clean),
        cmocka_unit_test_teardown(test_file_contents, clean),
        cmocka_unit_test_teardown(test_modes, clean),
        cmocka_unit_test_teardown(test_other_owner, clean),
        cmocka_unit_test_teardown(test_no_plain_file, clean),
        cmocka_unit_test_teardown(test_pipe, clean),
        cmocka_unit_test_teardown(test_bad_characters, clean),
        cmocka_unit_test_teardown(test_odd_files, clean),
        cmocka_unit_test_teardown(test_free_nothing, clean),
        cmocka_unit_test_teardown(proofs, clean),
    };
    return cmocka_run_group_tests_name("key", tests, setup, teardown);
}
