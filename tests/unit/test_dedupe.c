/* The table of identities: first records, growth, what is in memory and what in the file, and what
 * becomes of a file that is lost or cannot grow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/dedupe.h"

#define MANY 2000000u
/* More than memory has room for, by as much. */
#define FILED 500000u

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static char folder[] = "/tmp/tranche-dedupe-XXXXXX";

/* Splitmix64: the i-th identity, the same every time. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static struct identity identity_of(uint64_t i)
{
    struct identity id;
    uint64_t words[2] = {mix(2 * i), mix(2 * i + 1)};
    memcpy(id.hash, words, sizeof id.hash);
    return id;
}

static struct dedupe *create(const char *where)
{
    struct error e = {0};
    struct dedupe *d = dedupe_create(where, &e);
    assert_non_null(d);
    assert_int_equal(e.code, 0);
    assert_int_equal(dedupe_error(d)->code, 0);
    return d;
}

/* Identities from..to are there, each with its number + 1. */
static void check_range(struct dedupe *d, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        assert_int_equal(dedupe_find(d, identity_of(i)), i + 1);
}

static void add_range(struct dedupe *d, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        assert_int_equal(dedupe_add(d, identity_of(i), (uint32_t)i + 1), i + 1);
}

static void test_empty(void **state)
{
    (void)state;
    struct dedupe *d = create(NULL);
    assert_int_equal(dedupe_count(d), 0);
    assert_int_equal(dedupe_find(d, identity_of(1)), 0);
    assert_int_equal(dedupe_error(d)->code, 0);
    dedupe_destroy(d);
    dedupe_destroy(NULL);
}

static void test_first_wins(void **state)
{
    (void)state;
    struct dedupe *d = create(folder);
    assert_int_equal(dedupe_add(d, identity_of(1), 7), 7);
    assert_int_equal(dedupe_add(d, identity_of(1), 9), 7);
    assert_int_equal(dedupe_add(d, identity_of(2), RECORDS_MAX), RECORDS_MAX);
    assert_int_equal(dedupe_find(d, identity_of(1)), 7);
    assert_int_equal(dedupe_find(d, identity_of(2)), RECORDS_MAX);
    assert_int_equal(dedupe_find(d, identity_of(3)), 0);
    assert_int_equal(dedupe_count(d), 2);
    dedupe_destroy(d);
}

/* An identity that could not be made is nobody's duplicate, and that is told from a new one. */
static void test_none(void **state)
{
    (void)state;
    struct dedupe *d = create(folder);
    struct identity none = {{0}};
    assert_int_equal(dedupe_add(d, none, 1), 0);
    assert_int_equal(dedupe_error(d)->code, ERR_INTERNAL);
    assert_int_equal(dedupe_find(d, identity_of(1)), 0);
    assert_int_equal(dedupe_error(d)->code, 0);
    assert_int_equal(dedupe_find(d, none), 0);
    assert_int_equal(dedupe_error(d)->code, ERR_INTERNAL);
    assert_int_equal(dedupe_count(d), 0);
    dedupe_destroy(d);
}

/* Identities that no list has: alike in bytes that should tell them apart. */
struct alike {
    const char *what;
    uint8_t mask[16]; /* bits that differ */
};

static struct identity alike_of(const struct alike *c, uint64_t i)
{
    /* The bits of a number, low ones first, go where the mask has room. */
    struct identity id;
    memset(id.hash, 0xa5, sizeof id.hash);
    for (unsigned bit = 0; bit < 128; bit++)
        if (c->mask[bit / 8] >> (bit % 8) & 1) {
            id.hash[bit / 8] &= (uint8_t) ~(1u << (bit % 8));
            id.hash[bit / 8] |= (uint8_t)((i & 1) << (bit % 8));
            i >>= 1;
        }
    return id;
}

/* The table stays exact, and the directory small, with one crowd in the middle of a crowd. */
static void test_alike(void **state)
{
    (void)state;
    static const struct alike cases[] = {
        {"the first eight bytes are the same", {[8] = 0xff, 0xff, 0xff}},
        {"all but the middle is the same", {[5] = 0xff, 0xff, [8] = 0x0f}},
        {"the last eight bytes are the same", {0xff, 0xff, 0xff}},
        {"all but the lowest bits of the first word", {0xff, 0xff, 0x01}},
        {"the first eight bytes and the group are the same", {[9] = 0xff, 0xff}},
    };
    enum { ALIKE = 5000, OTHERS = 20000 };
    for (unsigned c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct dedupe *d = create(folder);
        print_message("%s\n", cases[c].what);
        for (uint32_t i = 0; i < ALIKE; i++) {
            assert_int_equal(dedupe_add(d, alike_of(&cases[c], i), OTHERS + i + 1), OTHERS + i + 1);
            assert_int_equal(dedupe_add(d, alike_of(&cases[c], mix(i) % (i + 1)), 1),
                             OTHERS + mix(i) % (i + 1) + 1);
            if (i % 2 == 0)
                add_range(d, i / 2 * 8, i / 2 * 8 + 8);
        }
        assert_int_equal(dedupe_count(d), ALIKE + OTHERS);
        for (uint32_t i = 0; i < ALIKE; i++)
            assert_int_equal(dedupe_find(d, alike_of(&cases[c], i)), OTHERS + i + 1);
        for (uint32_t i = ALIKE; i < ALIKE + 500; i++)
            assert_int_equal(dedupe_find(d, alike_of(&cases[c], i)), 0);
        check_range(d, 0, OTHERS);
        assert_true(dedupe_memory(d) < (ALIKE + OTHERS) * 64);
        dedupe_destroy(d);
    }
}

#ifndef SANITIZED
static long resident_bytes(void)
{
    long total, resident;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &total, &resident), 2);
    fclose(f);
    return resident * sysconf(_SC_PAGESIZE);
}
#endif

static void test_many(void **state)
{
    const char *where = *state;
    struct dedupe *d = create(where);
    uint32_t record = 0;
#ifndef SANITIZED
    long before = resident_bytes();
#endif
    for (uint64_t i = 0; i < MANY; i++) {
        record++;
        assert_int_equal(dedupe_add(d, identity_of(i), record), record);
        /* Every third is followed by a repetition of an earlier one. */
        if (i % 3 == 0) {
            uint64_t earlier = mix(i) % (i + 1);
            uint32_t first = (uint32_t)(earlier + 1 + (earlier + 2) / 3);
            assert_int_equal(dedupe_add(d, identity_of(earlier), ++record), first);
        }
    }
    assert_int_equal(dedupe_count(d), MANY);
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(dedupe_find(d, identity_of(i)), (uint32_t)(i + 1 + (i + 2) / 3));
    for (uint64_t i = MANY; i < MANY + 100000; i++)
        assert_int_equal(dedupe_find(d, identity_of(i)), 0);
    /* 20 bytes at a load between 45 and 90 %, and hardly any of them in memory. */
    assert_in_range(dedupe_bytes(d) + DEDUPE_RESIDENT_MAX, MANY * 20ull * 100 / 90,
                    MANY * 20ull * 100 / 44);
    assert_true(dedupe_memory(d) <= DEDUPE_RESIDENT_MAX + MANY / 4);
#ifndef SANITIZED
    assert_in_range(resident_bytes() - before, 0, DEDUPE_RESIDENT_MAX + MANY / 4 + (1 << 20));
#endif
    dedupe_destroy(d);
}

/* Small tables make no file, and large ones leave no name. */
static void test_no_trace(void **state)
{
    (void)state;
    struct dedupe *d = create("/nonexistent/folder");
    uint64_t i = 0;
    while (dedupe_add(d, identity_of(i), (uint32_t)i + 1) != 0)
        i++;
    assert_int_equal(dedupe_error(d)->code, ERR_CANTCREATE);
    assert_non_null(strstr(dedupe_error(d)->message, "/nonexistent/folder"));
    assert_in_range(i, DEDUPE_RESIDENT_MAX / 50, DEDUPE_RESIDENT_MAX / 20);
    assert_int_equal(dedupe_bytes(d), 0);
    /* It can be used as before. */
    assert_int_equal(dedupe_count(d), i);
    check_range(d, 0, i);
    assert_int_equal(dedupe_add(d, identity_of(0), 9), 1);
    assert_int_equal(dedupe_error(d)->code, 0);
    dedupe_destroy(d);

    d = create(folder);
    add_range(d, 0, FILED);
    assert_true(dedupe_bytes(d) > 0);
    assert_int_equal(rmdir(folder), 0); /* only an empty one goes */
    check_range(d, 0, FILED);
    dedupe_destroy(d);
    assert_int_equal(mkdir(folder, 0700), 0);
}

/* The descriptor of the file without a name in this folder: there is one. */
static int file_in(const char *where)
{
    int found = -1;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char target[256] = "";
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (len > 0 && strncmp(target, where, strlen(where)) == 0) {
            assert_int_equal(found, -1);
            assert_non_null(strstr(target, "(deleted)"));
            found = atoi(entry->d_name);
        }
    }
    closedir(dir);
    assert_true(found >= 0);
    return found;
}

/* The kernel may take the file's pages out of memory at any time. */
static void test_evicted(void **state)
{
    (void)state;
    struct dedupe *d = create(folder);
    for (uint64_t i = 0; i < FILED; i += FILED / 5) {
        add_range(d, i, i + FILED / 5);
        if (dedupe_bytes(d) == 0)
            continue;
        int fd = file_in(folder);
        assert_int_equal(fdatasync(fd), 0);
        assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    }
    check_range(d, 0, FILED);
    assert_int_equal(dedupe_find(d, identity_of(FILED)), 0);
    assert_int_equal(dedupe_error(d)->code, 0);
    dedupe_destroy(d);
}

/* A file that lost what was written never says "not there": that identity would be paid twice. */
static void test_lost(void **state)
{
    (void)state;
    for (int zeros = 0; zeros < 2; zeros++) {
        struct dedupe *d = create(folder);
        add_range(d, 0, FILED);
        assert_int_equal(ftruncate(file_in(folder), 0), 0);
        if (zeros)
            assert_int_equal(ftruncate(file_in(folder), (off_t)dedupe_bytes(d)), 0);
        unsigned lost = 0;
        for (uint32_t i = 0; i < FILED; i++) {
            uint32_t first =
                i % 2 == 0 ? dedupe_find(d, identity_of(i)) : dedupe_add(d, identity_of(i), 1);
            if (first == i + 1)
                continue;
            assert_int_equal(first, 0);
            assert_int_equal(dedupe_error(d)->code, ERR_IO);
            assert_non_null(strstr(dedupe_error(d)->message, folder));
            lost++;
        }
        assert_in_range(lost, FILED / 4, FILED - FILED / 20);
        assert_int_equal(dedupe_count(d), FILED);
        dedupe_destroy(d);
    }
}

/* Add from `from` on until there is no room: all that was added is still there, and nothing else.
 * Returns how many are in. */
static uint64_t fill(struct dedupe *d, uint64_t from, const char *message)
{
    uint64_t i = from;
    while (dedupe_add(d, identity_of(i), (uint32_t)i + 1) != 0)
        assert_true(++i < MANY);
    assert_int_equal(dedupe_error(d)->code, ERR_IO);
    assert_non_null(strstr(dedupe_error(d)->message, message));
    for (uint64_t k = i; k < i + 1000; k++) {
        assert_int_equal(dedupe_find(d, identity_of(k)), 0);
        assert_int_equal(dedupe_error(d)->code, 0);
    }
    assert_int_equal(dedupe_count(d), i);
    check_range(d, 0, i);
    for (uint64_t k = 0; k < i; k += 97)
        assert_int_equal(dedupe_add(d, identity_of(k), 1), k + 1);
    return i;
}

/* No room, then again: the table goes on where it was. */
static void test_file_limit(void **state)
{
    (void)state;
    struct rlimit old, limit;
    struct dedupe *d = create(folder);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    limit = old;
    uint64_t count = 0;
    /* Not a multiple of a page: the last one is written in part. Then less than there is: pages that
     * are not full cannot be written to either. */
    static const rlim_t sizes[] = {1000000, 2000000, 5000, 3000000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        /* Past the one that the last limit kept out. */
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        add_range(d, count, count + 1);
        count++;
        limit.rlim_cur = sizes[i];
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        uint64_t before = count;
        size_t bytes = dedupe_bytes(d);
        assert_int_equal(sizes[i] < bytes, sizes[i] == 5000);
        count = fill(d, count, "File too large");
        assert_true(count > before || sizes[i] < bytes);
        assert_true(dedupe_bytes(d) <= sizes[i] || dedupe_bytes(d) == bytes);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    add_range(d, count, 2 * count);
    check_range(d, 0, 2 * count);
    dedupe_destroy(d);
}

static void test_disk_full(void **state)
{
    (void)state;
    /* A small file system of our own, that nobody else sees. */
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=1m") != 0) {
        print_message("needs the right to mount\n");
        skip();
    }
    struct dedupe *d = create(folder);
    uint64_t count = fill(d, 0, "the disk is full");
    assert_in_range(dedupe_bytes(d), 900000, 1 << 20);
    assert_non_null(strstr(dedupe_error(d)->message, folder));
    assert_int_equal(mount("none", folder, NULL, MS_REMOUNT, "size=4m"), 0);
    uint64_t more = fill(d, count, "the disk is full");
    assert_true(more > count);
    dedupe_destroy(d);
    assert_int_equal(umount(folder), 0);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_first_wins),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_alike),
        {"test_many in a folder", test_many, NULL, NULL, folder},
        {"test_many without a folder", test_many, NULL, NULL, NULL},
        cmocka_unit_test(test_no_trace),
        cmocka_unit_test(test_evicted),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_file_limit),
        cmocka_unit_test(test_disk_full),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
