/* Files: creating, writing through every kind of trouble, replacing, locking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static char folder[] = "/tmp/tranche-test-file-XXXXXX";
static char path_text[4][256];

/* A path in the test's folder; four can be used at a time. */
static const char *in_folder(const char *name)
{
    static unsigned turn;
    char *text = path_text[turn++ % 4];

    snprintf(text, sizeof(*path_text), "%s/%s", folder, name);
    return text;
}

static int make_folder(void **state)
{
    (void)state;
    umask(022);
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[256];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf -- '%s'", folder);
    return system(command);
}

static void put(const char *path, const char *text)
{
    struct error e = {0};

    assert_int_equal(file_replace(path, slice_of(text), false, &e), 0);
}

static void expect(const char *path, const char *text)
{
    struct error e = {0};
    char *data;
    size_t len;

    assert_int_equal(file_read_all(path, 1 << 20, &data, &len, &e), 0);
    assert_int_equal(len, strlen(text));
    assert_string_equal(data, text);
    free(data);
}

static void test_open(void **state)
{
    struct error e = {0};

    (void)state;
    assert_int_equal(file_open_read(in_folder("missing"), &e), ERR_NOINPUT);
    assert_non_null(strstr(e.message, "missing: No such file"));
    assert_int_equal(file_open_read(folder, &e), ERR_NOINPUT);
    assert_non_null(strstr(e.message, "is a folder"));
    put(in_folder("there"), "x");
    int fd = file_open_read(in_folder("there"), &e);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
}

static void test_create(void **state)
{
    struct error e = {0};
    struct stat st;

    (void)state;
    int fd = file_create(in_folder("new"), true, &e);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(file_write(fd, "kept", 4, &e), 0);
    close(fd);
    assert_int_equal(file_create(in_folder("new"), true, &e), ERR_CANTCREATE);
    assert_non_null(strstr(e.message, "exists"));
    fd = file_create(in_folder("new"), false, &e);
    assert_true(fd >= 0);
    close(fd);
    expect(in_folder("new"), "kept");
    assert_int_equal(symlink("new", in_folder("link")), 0);
    assert_int_equal(file_create(in_folder("link"), false, &e), ERR_CANTCREATE);
    assert_non_null(strstr(e.message, "symbolic link"));
    assert_int_equal(file_create(in_folder("no/such"), false, &e), ERR_CANTCREATE);
}

static void test_read_and_write_at(void **state)
{
    struct error e = {0};
    char text[11] = "";

    (void)state;
    int fd = file_create(in_folder("at"), true, &e);
    assert_int_equal(file_write(fd, "0123456789", 10, &e), 0);
    assert_int_equal(file_write_at(fd, "AB", 2, 4, &e), 0);
    assert_int_equal(file_read_at(fd, text, 10, 0, &e), 0);
    assert_string_equal(text, "0123AB6789");
    assert_int_equal(file_read_at(fd, text, 0, 100, &e), 0);
    assert_int_equal(file_read_at(fd, text, 4, 8, &e), ERR_IO);
    assert_non_null(strstr(e.message, "ends at byte 10, 2 bytes too early"));
    assert_int_equal(file_read_at(fd, text, 1, UINT64_MAX, &e), ERR_IO);
    assert_int_equal(file_write_at(fd, "x", 1, UINT64_MAX, &e), ERR_IO);
    assert_int_equal(file_sync(fd, &e), 0);
    close(fd);
    assert_int_equal(file_write(fd, "x", 1, &e), ERR_IO);
    assert_int_equal(file_sync(fd, &e), ERR_IO);
    assert_int_equal(file_sync_folder(in_folder("at"), &e), 0);
    assert_int_equal(file_sync_folder(in_folder("no/such"), &e), ERR_IO);
    assert_int_equal(file_sync_folder("plain-name", &e), 0);
    assert_int_equal(file_sync_folder("/", &e), 0);
}

static void test_full_device(void **state)
{
    struct error e = {0};

    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, "x", 1, &e), ERR_IO);
    assert_non_null(strstr(e.message, "the disk is full"));
    close(fd);
}

/* A file system that fills up in the middle of a write. */
static void test_full_disk(void **state)
{
    struct error e = {0};
    char *data = calloc(1, 1 << 20);
    const char *mount_point = in_folder("small");
    char path[300];

    (void)state;
    assert_int_equal(mkdir(mount_point, 0700), 0);
    if (mount("none", mount_point, "tmpfs", 0, "size=64k") != 0) {
        print_message("skipped: a tmpfs cannot be mounted here (%s)\n", strerror(errno));
        free(data);
        skip();
    }
    snprintf(path, sizeof(path), "%s/f", mount_point);
    put(path, "old");
    assert_true(file_space(path) <= 64 << 10);
    int fd = file_create(in_folder("small/g"), true, &e);
    assert_int_equal(file_write(fd, data, 1 << 20, &e), ERR_IO);
    assert_non_null(strstr(e.message, "the disk is full"));
    assert_int_equal(file_write_at(fd, data, 1 << 20, 0, &e), ERR_IO);
    close(fd);
    /* The old contents stay, and the temporary file does not. */
    assert_int_equal(unlink(in_folder("small/g")), 0);
    struct slice bytes = {data, 1 << 20};
    assert_int_equal(file_replace(path, bytes, true, &e), ERR_IO);
    assert_non_null(strstr(e.message, path));
    assert_non_null(strstr(e.message, "the disk is full"));
    expect(path, "old");
    assert_true(file_space(path) >= 48 << 10);
    assert_int_equal(umount(mount_point), 0);
    free(data);
}

static void *drain(void *arg)
{
    char text[4096];
    size_t total = 0;
    ssize_t n;

    usleep(20000);
    while ((n = read(*(int *)arg, text, sizeof(text))) > 0)
        total += (size_t)n;
    return (void *)total;
}

/* Standard output may be a pipe that somebody made non-blocking; all of it arrives all the same. */
static void test_non_blocking_pipe(void **state)
{
    struct error e = {0};
    int ends[2];
    pthread_t reader;
    void *total;
    char *data = calloc(1, 1 << 20);

    (void)state;
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, 0), 0);
    assert_int_equal(pthread_create(&reader, NULL, drain, &ends[0]), 0);
    assert_int_equal(file_write(ends[1], data, 1 << 20, &e), 0);
    close(ends[1]);
    pthread_join(reader, &total);
    assert_int_equal((size_t)total, 1 << 20);
    close(ends[0]);
    free(data);
}

static void test_replace(void **state)
{
    struct error e = {0};
    struct stat st;

    (void)state;
    const char *path = in_folder("status.json");
    assert_int_equal(file_replace(path, SLICE_LIT("one"), true, &e), 0);
    assert_int_equal(file_replace(path, SLICE_LIT("twotwo"), false, &e), 0);
    expect(path, "twotwo");
    assert_int_equal(file_replace(path, SLICE_EMPTY, true, &e), 0);
    expect(path, "");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(file_replace(in_folder("no/such"), SLICE_LIT("x"), false, &e), ERR_CANTCREATE);
    /* A folder in the way: the temporary file goes. */
    assert_int_equal(mkdir(in_folder("alone"), 0700), 0);
    assert_int_equal(mkdir(in_folder("alone/way"), 0700), 0);
    assert_int_equal(file_replace(in_folder("alone/way"), SLICE_LIT("x"), false, &e), ERR_IO);
    assert_int_equal(rmdir(in_folder("alone/way")), 0);
    assert_int_equal(rmdir(in_folder("alone")), 0);
}

static void test_read_all(void **state)
{
    struct error e = {0};
    char *data, *large = malloc(100001);
    size_t len;

    (void)state;
    memset(large, 'x', 100000);
    large[100000] = '\0';
    put(in_folder("large"), large);
    expect(in_folder("large"), large);
    assert_int_equal(file_read_all(in_folder("large"), 100000, &data, &len, &e), 0);
    assert_int_equal(data[100000], 0);
    free(data);
    assert_int_equal(file_read_all(in_folder("large"), 99999, &data, &len, &e), ERR_DATA);
    assert_non_null(strstr(e.message, "large: "));
    assert_null(data);
    assert_int_equal(file_read_all(in_folder("none"), 10, &data, &len, &e), ERR_NOINPUT);
    free(large);
}

static void test_private_folder(void **state)
{
    struct error e = {0};
    struct stat st;

    (void)state;
    const char *path = in_folder("run");
    assert_int_equal(file_make_private_folder(path, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(file_make_private_folder(path, &e), 0);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(file_make_private_folder(path, &e), 0);
    assert_int_equal(chmod(path, 0770), 0);
    assert_int_equal(file_make_private_folder(path, &e), ERR_CONFIG);
    assert_non_null(strstr(e.message, "chmod go-w"));
    put(in_folder("plain"), "x");
    assert_int_equal(file_make_private_folder(in_folder("plain"), &e), ERR_CANTCREATE);
    assert_int_equal(file_make_private_folder(in_folder("no/such"), &e), ERR_CANTCREATE);
    if (geteuid() == 0) {
        assert_int_equal(chmod(path, 0700), 0);
        assert_int_equal(chown(path, 12345, 12345), 0);
        assert_int_equal(file_make_private_folder(path, &e), ERR_CONFIG);
        assert_non_null(strstr(e.message, "another user (uid 12345)"));
    } else {
        assert_int_equal(file_make_private_folder("/", &e), ERR_CONFIG);
    }
}

static void test_space(void **state)
{
    (void)state;
    uint64_t space = file_space(folder);
    assert_true(space > 0 && space < UINT64_MAX);
    assert_true(file_space(in_folder("not-yet")) < UINT64_MAX);
    assert_true(file_space(in_folder("no/such")) == UINT64_MAX);
}

static void test_lock(void **state)
{
    struct error e = {0};
    char words[64];
    char pid[32];
    struct stat st;

    (void)state;
    const char *path = in_folder("lock");
    int fd = file_lock(path, &e);
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    expect(path, pid);
    /* Ourselves, and another process. */
    assert_int_equal(file_lock(path, &e), ERR_STOPPED);
    snprintf(words, sizeof(words), "is in use by process %ld", (long)getpid());
    assert_non_null(strstr(e.message, words));
    pid_t child = fork();
    if (child == 0) {
        close(fd);
        _exit(file_lock(path, &e) == ERR_STOPPED && strstr(e.message, words) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    file_unlock(fd);
    expect(path, "");
    fd = file_lock(path, &e);
    assert_true(fd >= 0);
    file_unlock(fd);
    file_unlock(-1);
}

/* A holder that dies leaves the file and its number, and the lock is free. */
static void test_lock_of_dead_process(void **state)
{
    struct error e = {0};
    int status;
    const char *path = in_folder("dead");

    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(file_lock(path, &e) >= 0 ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    int fd = file_lock(path, &e);
    assert_true(fd >= 0);
    file_unlock(fd);
    assert_int_equal(symlink("dead", in_folder("lock-link")), 0);
    assert_int_equal(file_lock(in_folder("lock-link"), &e), ERR_CANTCREATE);
    /* A lock on a deleted file is nobody's: the new file of that name can be locked. */
    fd = file_lock(path, &e);
    assert_int_equal(unlink(path), 0);
    int again = file_lock(path, &e);
    assert_true(again >= 0);
    file_unlock(fd);
    file_unlock(again);
}

static void test_join(void **state)
{
    static const struct {
        const char *dir, *name, *path;
    } rows[] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"a//", "/b", "a/b"},
                {"/", "b", "/b"},  {"", "b", "b"},     {"/a/b", "c/d", "/a/b/c/d"},
                {".", "x", "./x"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *path = file_join(rows[i].dir, rows[i].name);
        assert_string_equal(path, rows[i].path);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_read_and_write_at),
        cmocka_unit_test(test_full_device),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_non_blocking_pipe),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_read_all),
        cmocka_unit_test(test_private_folder),
        cmocka_unit_test(test_space),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_lock_of_dead_process),
        cmocka_unit_test(test_join),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
