/* The host's callback secret: made once, the same for all, kept from others. */
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
#include <sys/wait.h>
#include <unistd.h>

#include "run/secret.h"

#define PROCESSES 8

static char home[] = "/tmp/tranche-secret-XXXXXX";
static char above[64], folder[128], path[192];

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(home));
    snprintf(above, sizeof above, "%s/state", home);
    snprintf(folder, sizeof folder, "%s/tranche", above);
    snprintf(path, sizeof path, "%s/callback.secret", folder);
    setenv("XDG_STATE_HOME", above, 1);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    unlink(path);
    /* Nothing is left beside it. */
    assert_true(rmdir(folder) == 0 || access(folder, F_OK) != 0);
    rmdir(above);
    setenv("XDG_STATE_HOME", above, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(home);
}

static void load(struct secret *s)
{
    struct error e = {0};
    if (secret_load(s, &e) != 0)
        fail_msg("%s", e.message);
}

static void refused(const char *part)
{
    struct secret s;
    struct error e = {0};
    static const struct secret none;
    memset(&s, 7, sizeof s);
    assert_int_equal(secret_load(&s, &e), ERR_CONFIG);
    if (strstr(e.message, part) == NULL)
        fail_msg("%s", e.message);
    assert_memory_equal(&s, &none, sizeof s);
}

static void it_is_made_once(void **state)
{
    struct secret a, b, zero = {{0}};
    struct stat st;

    (void)state;
    load(&a);
    load(&b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &zero, sizeof a);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    secret_wipe(&a);
    assert_memory_equal(&a, &zero, sizeof a);
    unlink(path);
    load(&a);
    assert_memory_not_equal(&a, &b, sizeof a);
}

static void processes_at_once_get_the_same(void **state)
{
    struct secret first, s;
    int ends[2], go[2];
    char byte;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct error e = {0};
            close(go[1]);
            if (read(go[0], &byte, 1) != 0 || secret_load(&s, &e) != 0)
                _exit(1);
            _exit(write(ends[1], &s, sizeof s) == sizeof s ? 0 : 1);
        }
    }
    close(go[0]);
    close(go[1]); /* now */
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(read(ends[0], &first, sizeof first), sizeof first);
    for (int i = 1; i < PROCESSES; i++) {
        assert_int_equal(read(ends[0], &s, sizeof s), sizeof s);
        assert_memory_equal(&s, &first, sizeof s);
    }
    close(ends[0]);
    close(ends[1]);
}

static void put(const char *text, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

#define DIGITS "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void what_is_no_secret_is_refused(void **state)
{
    struct secret s;

    (void)state;
    load(&s);
    put(DIGITS "\n", 0600);
    load(&s);
    assert_int_equal(s.key[1], 0x11);
    put(DIGITS "\n", 0640);
    refused("others");
    put(DIGITS "\n", 0604);
    refused("others");
    put("", 0600);
    refused("not as it was written");
    put(DIGITS, 0600);
    refused("not as it was written");
    put(DIGITS "\n\n", 0600);
    refused("not as it was written");
    put("x" DIGITS, 0600);
    refused("not as it was written");
    unlink(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    refused("callback.secret");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    refused("no plain file");
    rmdir(path);
}

static void the_place_is_told(void **state)
{
    struct secret s;
    char below[192], file[256];

    (void)state;
    assert_int_equal(mkdir(above, 0700), 0);
    assert_int_equal(mkdir(folder, 0770), 0);
    assert_int_equal(chmod(folder, 0770), 0);
    refused("written by others");
    rmdir(folder);
    /* Neither an absolute state home nor a home. */
    setenv("XDG_STATE_HOME", "relative", 1);
    char *old = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
    unsetenv("HOME");
    refused("XDG_STATE_HOME");
    setenv("HOME", above, 1);
    load(&s);
    snprintf(below, sizeof below, "%s/.local/state/tranche", above);
    snprintf(file, sizeof file, "%s/callback.secret", below);
    assert_int_equal(unlink(file), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rmdir(below), 0);
        *strrchr(below, '/') = '\0';
    }
    if (old)
        setenv("HOME", old, 1);
    free(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(it_is_made_once, clean),
        cmocka_unit_test_teardown(processes_at_once_get_the_same, clean),
        cmocka_unit_test_teardown(what_is_no_secret_is_refused, clean),
        cmocka_unit_test_teardown(the_place_is_told, clean),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
