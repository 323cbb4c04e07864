/* OUT.partial on a real file system: what opening mends and what it refuses, what finishing
 * leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "output/partial.h"

static char folder[] = "/tmp/tranche-partial-XXXXXX";
static char out_path[128], partial_path[160];

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(out_path, sizeof(out_path), "%s/people.csv", folder);
    snprintf(partial_path, sizeof(partial_path), "%s.partial", out_path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int clean(void **state)
{
    (void)state;
    unlink(out_path);
    unlink(partial_path);
    return 0;
}

static void put_file(const char *path, const char *content)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(content, f);
    assert_int_equal(fclose(f), 0);
}

static void assert_content(const char *path, const char *want)
{
    char *data;
    size_t len;
    struct error e;

    assert_int_equal(file_read_all(path, 1 << 20, &data, &len, &e), 0);
    assert_string_equal(data, want);
    free(data);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static struct partial *open_or_fail(uint64_t committed)
{
    struct partial *p;
    struct error e = {0};

    if (partial_open(&p, out_path, committed, &e) != 0)
        fail_msg("%s", e.message);
    return p;
}

static void test_grows_and_appears(void **state)
{
    (void)state;
    struct error e = {0};
    struct stat st;
    mode_t mask = umask(0777);
    struct partial *p = open_or_fail(0);

    umask(mask);
    assert_int_equal(partial_bytes(p), 0);
    assert_int_equal(partial_append(p, SLICE_LIT("one\n"), &e), 0);
    assert_int_equal(partial_append(p, SLICE_EMPTY, &e), 0);
    assert_int_equal(partial_append(p, SLICE_LIT("two\n"), &e), 0);
    assert_int_equal(partial_bytes(p), 8);
    assert_content(partial_path, "one\ntwo\n");
    assert_false(exists(out_path));
    assert_int_equal(partial_finish(p, &e), 0);
    partial_close(p);
    assert_content(out_path, "one\ntwo\n");
    assert_false(exists(partial_path));
    assert_int_equal(stat(out_path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    partial_close(NULL);
}

static void test_replaces_out(void **state)
{
    (void)state;
    struct error e = {0};

    put_file(out_path, "of yesterday");
    struct partial *p = open_or_fail(0);
    assert_int_equal(partial_append(p, SLICE_LIT("of today"), &e), 0);
    assert_content(out_path, "of yesterday");
    assert_int_equal(partial_finish(p, &e), 0);
    partial_close(p);
    assert_content(out_path, "of today");
}

/* Whatever lies beyond the committed bytes goes, and nothing else. */
static void test_torn_tail(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        uint64_t committed;
        const char *after;
    } cases[] = {
        {"one\ntwo\nto", 8, "one\ntwo\n"},
        {"one\ntwo\n", 8, "one\ntwo\n"},
        {"one\ntwo\n", 1, "o"},
        {"left by a run that never committed", 0, ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct error e = {0};
        struct stat st;
        put_file(partial_path, cases[i].before);
        chmod(partial_path, 0644);
        struct partial *p = open_or_fail(cases[i].committed);
        assert_content(partial_path, cases[i].after);
        assert_int_equal(stat(partial_path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(partial_bytes(p), cases[i].committed);
        char want[64];
        snprintf(want, sizeof(want), "%snext", cases[i].after);
        assert_int_equal(partial_append(p, SLICE_LIT("next"), &e), 0);
        assert_content(partial_path, want);
        partial_close(p);
    }
}

static void test_shorter_is_damage(void **state)
{
    (void)state;
    struct partial *p;
    struct error e = {0};

    put_file(partial_path, "one\nt");
    assert_int_equal(partial_open(&p, out_path, 8, &e), ERR_DATA);
    assert_null(p);
    assert_non_null(strstr(e.message, "5 bytes"));
    assert_non_null(strstr(e.message, "8"));
    assert_content(partial_path, "one\nt"); /* left as evidence */

    /* Gone altogether: not created again, or the next resume would see another picture. */
    unlink(partial_path);
    assert_int_equal(partial_open(&p, out_path, 8, &e), ERR_DATA);
    assert_false(exists(partial_path));
    /* An OUT of another length is not ours. */
    put_file(out_path, "of yesterday");
    assert_int_equal(partial_open(&p, out_path, 8, &e), ERR_DATA);
    assert_content(out_path, "of yesterday");
}

/* Died between the rename and its record: the next process finishes again. */
static void test_died_after_rename(void **state)
{
    (void)state;
    struct error e = {0};

    put_file(out_path, "one\ntwo\n");
    struct partial *p = open_or_fail(8);
    assert_int_equal(partial_bytes(p), 8);
    assert_int_equal(partial_finish(p, &e), 0);
    assert_int_equal(partial_finish(p, &e), 0);
    assert_content(out_path, "one\ntwo\n");
    assert_int_equal(partial_append(p, SLICE_LIT("three"), &e), ERR_DATA);
    assert_content(out_path, "one\ntwo\n");
    partial_close(p);
}

static void test_one_writer(void **state)
{
    (void)state;
    struct partial *second;
    struct error e = {0};
    struct partial *p = open_or_fail(0);

    assert_int_equal(partial_append(p, SLICE_LIT("one\n"), &e), 0);
    assert_int_equal(partial_open(&second, out_path, 0, &e), ERR_STOPPED);
    assert_content(partial_path, "one\n");
    partial_close(p);
    p = open_or_fail(4);
    partial_close(p);
}

static void test_tampering(void **state)
{
    (void)state;
    struct error e = {0};
    struct partial *p = open_or_fail(0);

    assert_int_equal(partial_append(p, SLICE_LIT("ours"), &e), 0);
    unlink(partial_path);
    put_file(partial_path, "theirs");
    put_file(out_path, "of yesterday");
    assert_int_equal(partial_finish(p, &e), ERR_DATA);
    assert_content(out_path, "of yesterday");
    assert_int_equal(partial_append(p, SLICE_LIT("x"), &e), ERR_IO);
    partial_close(p);
}

/* In a process of its own, because the limit on file sizes cannot be lifted again by everybody. */
static void check_full_disk(void)
{
    struct error e = {0};
    struct rlimit limit = {6, 6};
    struct partial *p;

    signal(SIGXFSZ, SIG_IGN);
    if (partial_open(&p, out_path, 0, &e) != 0 || partial_append(p, SLICE_LIT("one\n"), &e) != 0)
        _exit(1);
    setrlimit(RLIMIT_FSIZE, &limit);
    if (partial_append(p, SLICE_LIT("two\n"), &e) != ERR_IO || partial_bytes(p) != 4)
        _exit(2);
    if (!strstr(e.message, partial_path))
        _exit(3);
    /* Of no more use, even where there would be room. */
    if (partial_append(p, SLICE_LIT("2"), &e) != ERR_IO || partial_finish(p, &e) != ERR_IO)
        _exit(4);
    partial_close(p);
    _exit(0);
}

static void test_failed_append(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();

    if (child == 0)
        check_full_disk();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_content(partial_path, "one\ntw"); /* the torn tail */
    assert_false(exists(out_path));
    partial_close(open_or_fail(4));
    assert_content(partial_path, "one\n");
}

/* A full file system of a few pages, where this user may mount one. */
static void test_full_disk(void **state)
{
    (void)state;
    struct error e = {0};
    struct partial *p;
    char mount_path[160], path[200];
    static char block[1 << 16];

    snprintf(mount_path, sizeof(mount_path), "%s/small", folder);
    snprintf(path, sizeof(path), "%s/out.csv", mount_path);
    assert_int_equal(mkdir(mount_path, 0700), 0);
    if (mount("none", mount_path, "tmpfs", 0, "size=32k") != 0) {
        rmdir(mount_path);
        skip();
    }
    int opened = partial_open(&p, path, 0, &e);
    int appended = partial_append(p, (struct slice){block, sizeof(block)}, &e);
    bool named = strstr(e.message, "disk is full") != NULL;
    int again = partial_append(p, SLICE_LIT("x"), &e);
    partial_close(p);
    /* The same one, read-only. */
    mount("none", mount_path, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL);
    struct error read_only = {0};
    int probed = partial_probe(path, &read_only);
    umount(mount_path);
    rmdir(mount_path);
    assert_int_equal(opened, 0);
    assert_int_equal(appended, ERR_IO);
    assert_true(named);
    assert_int_equal(again, ERR_IO);
    assert_int_equal(probed, ERR_CANTCREATE);
    assert_non_null(strstr(read_only.message, "ead-only"));
}

static void test_probe(void **state)
{
    (void)state;
    char file_as_folder[160], missing[160], too_long[400], link_path[160];
    struct {
        const char *path;
        const char *says;
    } cases[] = {
        {folder, "folder"},       {"/dev/null", "device"},    {"", "names no file"},
        {missing, "no folder"},   {file_as_folder, "cannot"}, {too_long, "too long"},
        {link_path, "this name"},
    };
    struct error e = {0};

    put_file(out_path, "x");
    snprintf(file_as_folder, sizeof(file_as_folder), "%s/out.csv", out_path);
    snprintf(missing, sizeof(missing), "%s/missing/out.csv", folder);
    /* OUT fits, OUT.partial does not. */
    snprintf(too_long, sizeof(too_long), "%s/%0250d", folder, 0);
    /* OUT.partial is a link to somewhere else. */
    snprintf(link_path, sizeof(link_path), "%s", out_path);
    assert_int_equal(symlink("/etc/passwd", partial_path), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct partial *p;
        e.message[0] = '\0';
        if (partial_probe(cases[i].path, &e) != ERR_CANTCREATE || !strstr(e.message, cases[i].says))
            fail_msg("'%s': %d %s", cases[i].path, e.code, e.message);
        assert_int_equal(partial_open(&p, cases[i].path, 0, &e), ERR_CANTCREATE);
        assert_null(p);
    }
    unlink(partial_path);
    assert_int_equal(partial_probe(out_path, &e), 0);
    unlink(out_path);
    assert_int_equal(partial_probe(out_path, &e), 0);
    assert_int_equal(partial_probe("relative.csv", &e), 0);
    assert_false(exists(partial_path)); /* probing leaves nothing behind */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_grows_and_appears, clean),
        cmocka_unit_test_teardown(test_replaces_out, clean),
        cmocka_unit_test_teardown(test_torn_tail, clean),
        cmocka_unit_test_teardown(test_shorter_is_damage, clean),
        cmocka_unit_test_teardown(test_died_after_rename, clean),
        cmocka_unit_test_teardown(test_one_writer, clean),
        cmocka_unit_test_teardown(test_tampering, clean),
        cmocka_unit_test_teardown(test_failed_append, clean),
        cmocka_unit_test_teardown(test_full_disk, clean),
        cmocka_unit_test_teardown(test_probe, clean),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
