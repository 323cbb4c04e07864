/* The callback spool from both ends: what was acknowledged reaches its run, whatever is killed, torn
 * or full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "run/inbox.h"
#include "run/keeper.h"

#define BODY_MAX ((size_t)1 << 20)

static const uint8_t run_a[TOKEN_RUN_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t run_b[TOKEN_RUN_LEN] = {0xff, 0, 0, 0, 0, 0, 0, 1};

static char dir[64], big[BODY_MAX];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/tranche-spool-XXXXXX");
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 2654435761u >> 13);
    return 0;
}

static int teardown(void **state)
{
    char path[512];
    DIR *d = opendir(dir);
    (void)state;
    for (const struct dirent *f; (f = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        if (f->d_name[0] != '.')
            assert_int_equal(unlink(path), 0);
    }
    closedir(d);
    return rmdir(dir);
}

/* --- both ends ------------------------------------------------------------------------------- */

static struct keeper *open_keeper(void)
{
    struct keeper *k;
    struct error e = {0};
    if (keeper_open(&k, dir, &e) != 0)
        fail_msg("%s", e.message);
    return k;
}

static struct segment_entry entry_of(const uint8_t *run, uint32_t batch, struct slice body)
{
    struct segment_entry entry = {.token = {.batch = batch, .attempt = batch ^ 7},
                                  .wall_ms = 1700000000000 + batch,
                                  .provider = SLICE_LIT("zeliq"),
                                  .body = body};
    memcpy(entry.token.run, run, TOKEN_RUN_LEN);
    return entry;
}

static enum keeper_added add(struct keeper *k, const uint8_t *run, uint32_t batch,
                             struct slice body)
{
    struct segment_entry entry = entry_of(run, batch, body);
    return keeper_add(k, &entry);
}

static void write_out(struct keeper *k)
{
    struct error e = {0};
    keeper_cut(k);
    if (keeper_write(k, &e) != 0)
        fail_msg("%s", e.message);
}

static void keep(struct keeper *k, const uint8_t *run, uint32_t batch, struct slice body)
{
    assert_int_equal(add(k, run, batch, body), KEEPER_ADDED);
    write_out(k);
}

static struct inbox *open_inbox(const uint8_t *run)
{
    struct inbox *box;
    struct error e = {0};
    if (inbox_open(&box, dir, run, &e) != 0)
        fail_msg("%s", e.message);
    return box;
}

/* What came: the batches, as text. */
struct seen {
    char batches[256];
    unsigned count, most;
    struct slice body; /* what each must have; len SIZE_MAX: not looked at */
    const uint8_t *run;
};

static int see(void *arg, const struct segment_entry *entry)
{
    struct seen *s = arg;
    size_t len = strlen(s->batches);
    if (s->count == s->most)
        return 1;
    s->count++;
    snprintf(s->batches + len, sizeof s->batches - len, "%s%u", len > 0 ? " " : "",
             entry->token.batch);
    assert_memory_equal(entry->token.run, s->run, TOKEN_RUN_LEN);
    assert_int_equal(entry->token.attempt, entry->token.batch ^ 7);
    assert_int_equal(entry->wall_ms, 1700000000000 + entry->token.batch);
    assert_true(slice_eq(entry->provider, SLICE_LIT("zeliq")));
    if (s->body.len != SIZE_MAX)
        assert_true(slice_eq(entry->body, s->body));
    return 0;
}

static void take(struct inbox *box, const uint8_t *run, unsigned most, const char *batches)
{
    struct seen s = {.run = run, .most = most, .body = {NULL, SIZE_MAX}};
    struct error e = {0};
    if (inbox_take(box, see, &s, &e) != 0)
        fail_msg("%s", e.message);
    assert_string_equal(s.batches, batches);
}

static void done(struct inbox *box)
{
    struct error e = {0};
    if (inbox_done(box, inbox_place(box), &e) != 0)
        fail_msg("%s", e.message);
}

static unsigned segments(uint32_t *last)
{
    uint32_t *numbers;
    unsigned count;
    struct error e = {0};
    assert_int_equal(segment_list(dir, &numbers, &count, &e), 0);
    if (last)
        *last = count > 0 ? numbers[count - 1] : 0;
    free(numbers);
    return count;
}

static void prune(struct keeper *k)
{
    struct error e = {0};
    if (keeper_prune(k, &e) != 0)
        fail_msg("%s", e.message);
}

/* --- tests ----------------------------------------------------------------------------------- */

static void each_run_takes_its_own(void **state)
{
    struct keeper *k = open_keeper();
    struct inbox *a = open_inbox(run_a), *b = open_inbox(run_b);
    struct stat st;
    (void)state;
    take(a, run_a, 99, "");
    keep(k, run_a, 1, SLICE_LIT("{}"));
    assert_int_equal(add(k, run_a, 2, SLICE_LIT("{}")), KEEPER_ADDED);
    take(a, run_a, 99, "1"); /* the second is not written yet */
    assert_int_equal(add(k, run_b, 3, SLICE_LIT("{}")), KEEPER_ADDED);
    write_out(k);
    keep(k, run_a, 4, SLICE_LIT("{}"));
    take(a, run_a, 1, "2"); /* what is not wanted yet comes again */
    take(a, run_a, 99, "4");
    take(a, run_a, 99, "");
    take(b, run_b, 99, "3");
    inbox_close(a);
    /* What the run was not done with comes again. */
    a = open_inbox(run_a);
    take(a, run_a, 2, "1 2");
    done(a);
    take(a, run_a, 99, "4");
    inbox_close(a);
    a = open_inbox(run_a);
    take(a, run_a, 99, "4");
    done(a);
    inbox_close(a);
    a = open_inbox(run_a);
    take(a, run_a, 99, "");
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    inbox_close(a);
    inbox_close(b);
    keeper_close(k);
}

static void bodies_come_as_they_are(void **state)
{
    struct keeper *k = open_keeper();
    struct inbox *a = open_inbox(run_a);
    struct error e = {0};
    const struct slice bodies[] = {SLICE_EMPTY, {"\0\n\xff", 3}, {big, BODY_MAX}};
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct seen s = {.run = run_a, .most = 9, .body = bodies[i]};
        keep(k, run_a, i, bodies[i]);
        assert_int_equal(inbox_take(a, see, &s, &e), 0);
        assert_int_equal(s.count, 1);
    }
    inbox_close(a);
    keeper_close(k);
}

static void what_came_already_is_known(void **state)
{
    struct keeper *k = open_keeper();
    struct inbox *a = open_inbox(run_a);
    struct segment_entry entry = entry_of(run_a, 1, SLICE_LIT("one"));
    (void)state;
    assert_int_equal(keeper_add(k, &entry), KEEPER_ADDED);
    assert_int_equal(keeper_add(k, &entry), KEEPER_AGAIN); /* in the same group */
    write_out(k);
    assert_int_equal(keeper_add(k, &entry), KEEPER_AGAIN);
    entry.wall_ms++;
    assert_int_equal(keeper_add(k, &entry), KEEPER_AGAIN);
    entry.wall_ms--;
    /* Whatever differs is something else. */
    entry.body = SLICE_LIT("two");
    assert_int_equal(keeper_add(k, &entry), KEEPER_ADDED);
    assert_int_equal(add(k, run_b, 1, SLICE_LIT("one")), KEEPER_ADDED);
    assert_int_equal(add(k, run_a, 2, SLICE_LIT("one")), KEEPER_ADDED);
    /* What a failed write may have lost is not known. */
    keeper_drop(k);
    entry.body = SLICE_LIT("one");
    assert_int_equal(keeper_add(k, &entry), KEEPER_ADDED);
    write_out(k);
    take(a, run_a, 99, "1 1");
    inbox_close(a);
    keeper_close(k);
}

static void a_group_has_a_limit(void **state)
{
    struct keeper *k = open_keeper();
    struct inbox *a = open_inbox(run_a);
    enum keeper_added added;
    uint32_t n = 0;
    (void)state;
    while ((added = add(k, run_a, n, (struct slice){big, BODY_MAX})) == KEEPER_ADDED)
        n++;
    assert_int_equal(added, KEEPER_FULL);
    assert_int_equal(n, 7);
    write_out(k);
    assert_int_equal(add(k, run_a, n, (struct slice){big, BODY_MAX}), KEEPER_ADDED);
    take(a, run_a, 99, "0 1 2 3 4 5 6");
    inbox_close(a);
    keeper_close(k);
}

static void the_newest(char *path, size_t size, uint32_t *number)
{
    segments(number);
    char *p = segment_path(dir, *number);
    snprintf(path, size, "%s", p);
    free(p);
}

/* The last entry cut short at every byte: what is before it is there, what comes later too. */
static void a_torn_end_hides_nothing(void **state)
{
    char path[128];
    uint32_t number;
    struct stat before, after;
    (void)state;
    for (off_t cut = 0;; cut++) {
        struct keeper *k = open_keeper();
        struct inbox *a = open_inbox(run_a);
        the_newest(path, sizeof path, &number);
        keep(k, run_a, 1, SLICE_LIT("first"));
        assert_int_equal(stat(path, &before), 0);
        keep(k, run_a, 2, SLICE_LIT("x"));
        assert_int_equal(stat(path, &after), 0);
        keeper_close(k);
        assert_int_equal(truncate(path, before.st_size + cut), 0);
        bool whole = before.st_size + cut == after.st_size;
        take(a, run_a, 99, whole ? "1 2" : "1");
        k = open_keeper();
        keep(k, run_a, 3, SLICE_LIT("later"));
        take(a, run_a, 99, "3");
        done(a);
        prune(k);
        assert_int_equal(segments(NULL), 1);
        inbox_close(a);
        keeper_close(k);
        if (whole)
            break;
    }
}

static void change(const char *path, off_t at)
{
    int fd = open(path, O_RDWR);
    char c;
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 0x20;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

/* Every byte of an entry in the middle: only that one is lost, and only once the end is final. */
static void damage_hides_nothing_behind_it(void **state)
{
    struct keeper *k = open_keeper();
    char path[128];
    uint32_t number;
    struct stat one, two;
    (void)state;
    the_newest(path, sizeof path, &number);
    keep(k, run_a, 1, SLICE_LIT("first"));
    assert_int_equal(stat(path, &one), 0);
    keep(k, run_a, 2, SLICE_LIT("second"));
    assert_int_equal(stat(path, &two), 0);
    keep(k, run_a, 3, SLICE_LIT("third"));
    keeper_close(k);
    for (off_t at = one.st_size; at < two.st_size; at++) {
        struct inbox *a = open_inbox(run_a);
        change(path, at);
        bool live = segments(NULL) == 1;
        take(a, run_a, 99, live ? "1" : "1 3");
        if (live) {
            keeper_close(open_keeper());
            take(a, run_a, 99, "3");
        }
        change(path, at);
        inbox_close(a);
    }
    struct inbox *a = open_inbox(run_a);
    take(a, run_a, 99, "1 2 3");
    inbox_close(a);
}

/* A body that holds what looks like an entry, in a segment whose own entry is torn. */
static void a_body_cannot_pass_for_an_entry(void **state)
{
    struct keeper *k = open_keeper();
    struct inbox *b = open_inbox(run_b);
    char path[128];
    uint32_t number;
    uint64_t salt;
    uint8_t header[SEGMENT_HEADER_LEN];
    struct buf body;
    struct segment_entry forged = entry_of(run_b, 5, SLICE_LIT("mine"));
    (void)state;
    buf_init(&body, 4096);
    segment_begin(header, &salt); /* any salt but the segment's own */
    segment_put(&body, salt, &forged);
    segment_put(&body, 0, &forged);
    the_newest(path, sizeof path, &number);
    keep(k, run_a, 1, buf_slice(&body));
    keeper_close(k);
    change(path, SEGMENT_HEADER_LEN);
    k = open_keeper();
    keep(k, run_b, 6, SLICE_EMPTY);
    take(b, run_b, 99, "6");
    buf_deinit(&body);
    inbox_close(b);
    keeper_close(k);
}

static void segments_go_when_all_have_taken(void **state)
{
    struct keeper *k = open_keeper();
    struct inbox *a = open_inbox(run_a), *b = open_inbox(run_b);
    uint32_t last, number;
    char path[128];
    struct stat st;
    struct error e = {0};
    (void)state;
    for (uint32_t i = 1; i <= 40; i++)
        keep(k, i == 2 ? run_b : run_a, i, (struct slice){big, BODY_MAX});
    assert_int_equal(segments(&last), 3);
    for (uint32_t i = 1; i <= last; i++) {
        char *p = segment_path(dir, i);
        assert_int_equal(stat(p, &st), 0);
        assert_true((size_t)st.st_size <= SEGMENT_BYTES_MAX);
        assert_int_equal(st.st_mode & 0777, 0600);
        free(p);
    }
    prune(k);
    assert_int_equal(segments(NULL), 3);
    struct seen s = {.run = run_a, .most = 99, .body = {big, BODY_MAX}};
    assert_int_equal(inbox_take(a, see, &s, &e), 0);
    assert_int_equal(s.count, 39);
    prune(k);
    assert_int_equal(segments(NULL), 3); /* taken, and not said to be durable */
    done(a);
    prune(k);
    assert_int_equal(segments(NULL), 2); /* b has not taken from the first */
    assert_int_equal(inbox_forget(dir, run_b, &e), 0);
    prune(k);
    assert_int_equal(segments(&number), 1);
    assert_int_equal(number, last);
    take(b, run_b, 99, ""); /* it is gone */
    inbox_close(b);
    b = open_inbox(run_b);
    keep(k, run_b, 50, SLICE_EMPTY);
    take(b, run_b, 99, ""); /* given up for good */
    /* Numbers go on, so that no place comes to name other bytes. */
    keeper_close(k);
    k = open_keeper();
    the_newest(path, sizeof path, &number);
    assert_int_equal(number, last + 1);
    keep(k, run_a, 60, SLICE_EMPTY);
    take(a, run_a, 99, "60");
    inbox_close(a);
    inbox_close(b);
    keeper_close(k);
}

/* A run that ended while nobody wrote has its place in the segment itself. */
static void a_place_within_a_segment_is_enough(void **state)
{
    struct keeper *k = open_keeper();
    struct inbox *a = open_inbox(run_a);
    (void)state;
    keep(k, run_a, 1, SLICE_EMPTY);
    keep(k, run_a, 2, SLICE_EMPTY);
    take(a, run_a, 1, "1");
    done(a);
    keeper_close(k);
    k = open_keeper();
    prune(k);
    assert_int_equal(segments(NULL), 2);
    keeper_close(k);
    take(a, run_a, 99, "2");
    struct inbox_place place = inbox_place(a);
    assert_int_equal(place.segment, 2);
    done(a);
    k = open_keeper();
    prune(k);
    assert_int_equal(segments(NULL), 1);
    inbox_close(a);
    keeper_close(k);
}

static void it_has_one_keeper(void **state)
{
    struct keeper *k = open_keeper(), *other;
    struct error e = {0};
    char text[64];
    (void)state;
    assert_int_equal(keeper_open(&other, dir, &e), ERR_STOPPED);
    snprintf(text, sizeof text, "in use by process %ld", (long)getpid());
    assert_non_null(strstr(e.message, text));
    keeper_close(k);
    keeper_close(open_keeper());
    assert_int_equal(chmod(dir, 0770), 0);
    assert_int_equal(keeper_open(&other, dir, &e), ERR_CONFIG);
    struct inbox *box;
    assert_int_equal(inbox_open(&box, dir, run_a, &e), ERR_CONFIG);
    assert_int_equal(chmod(dir, 0700), 0);
}

static void damaged_notes_are_told(void **state)
{
    static const char *const notes[] = {"",       "1",      "1 2",    "x 1\n", "4294967296 1\n",
                                        "1 -2\n", "1 2\n3", "1 2 3\n"};
    struct inbox *a = open_inbox(run_a), *again;
    struct error e = {0};
    char path[128];
    (void)state;
    done(a);
    inbox_close(a);
    snprintf(path, sizeof path, "%s/taken.0102030405060708", dir);
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        assert_int_equal(file_replace(path, slice_of(notes[i]), false, &e), 0);
        assert_int_equal(inbox_open(&again, dir, run_a, &e), ERR_DATA);
        assert_null(again);
        assert_non_null(strstr(e.message, path));
    }
}

static void limit_files(rlim_t size)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A write that stops in the middle, as on a full disk. */
static void a_failed_write_is_not_written_over(void **state)
{
    struct keeper *k = open_keeper();
    struct inbox *a = open_inbox(run_a);
    struct error e = {0};
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    keep(k, run_a, 1, SLICE_EMPTY);
    assert_int_equal(add(k, run_a, 2, SLICE_LIT("whole, and not acknowledged")), KEEPER_ADDED);
    assert_int_equal(add(k, run_a, 3, (struct slice){big, BODY_MAX}), KEEPER_ADDED);
    keeper_cut(k);
    limit_files(4096);
    assert_int_equal(keeper_write(k, &e), ERR_IO);
    limit_files(RLIM_INFINITY);
    assert_non_null(strstr(e.message, dir));
    assert_false(keeper_broken(k));
    keeper_drop(k);
    take(a, run_a, 99, "1 2");
    assert_int_equal(add(k, run_a, 3, (struct slice){big, BODY_MAX}), KEEPER_ADDED);
    write_out(k);
    assert_int_equal(segments(NULL), 2);
    take(a, run_a, 99, "3");
    keep(k, run_a, 4, SLICE_EMPTY);
    take(a, run_a, 99, "4");
    assert_int_equal(segments(NULL), 2);
    inbox_close(a);
    keeper_close(k);
}

/* The keeper's descriptor of its segment, found by name. */
static int segment_fd(const char *path)
{
    char link[64], to[256];
    for (int fd = 3; fd < 256; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link, to, sizeof to - 1);
        to[len > 0 ? len : 0] = '\0';
        if (strcmp(to, path) == 0)
            return fd;
    }
    return -1;
}

static void a_failed_fsync_is_final(void **state)
{
    struct keeper *k = open_keeper();
    struct error e = {0};
    char path[128];
    uint32_t number;
    int ends[2];
    (void)state;
    the_newest(path, sizeof path, &number);
    assert_int_equal(pipe(ends), 0); /* can be written to, and not synced */
    int fd = segment_fd(path);
    assert_true(fd > 0);
    assert_int_equal(dup2(ends[1], fd), fd);
    assert_int_equal(add(k, run_a, 1, SLICE_EMPTY), KEEPER_ADDED);
    keeper_cut(k);
    assert_int_equal(keeper_write(k, &e), ERR_IO);
    assert_true(keeper_broken(k));
    keeper_drop(k);
    assert_int_equal(add(k, run_a, 1, SLICE_EMPTY), KEEPER_ADDED);
    keeper_cut(k);
    assert_int_equal(keeper_write(k, &e), ERR_IO);
    assert_int_equal(segments(NULL), 1);
    close(ends[0]);
    close(ends[1]);
    keeper_close(k);
}

/* --- processes ------------------------------------------------------------------------------- */

/* Writes batches from `from` on, groups of 1 to 16, and says on fd how far each write came. */
static void write_for_ever(uint32_t from, int fd)
{
    struct keeper *k = open_keeper();
    uint32_t n = from;
    for (unsigned group = 0;; group++) {
        for (unsigned i = 0; i <= group % 16; i++, n++)
            if (add(k, n % 3 == 0 ? run_b : run_a, n, (struct slice){big, n * 37 % 5000}) !=
                KEEPER_ADDED)
                _exit(1);
        write_out(k);
        if (write(fd, &n, sizeof n) != sizeof n)
            _exit(1);
    }
}

struct sequence {
    uint32_t first, next, acked; /* next: the one expected next */
    bool of_b, again;
};

static uint32_t following(const struct sequence *s, uint32_t n)
{
    do
        n++;
    while ((n % 3 == 0) != s->of_b);
    return n;
}

/* In order, none left out, whole; what was written and not acknowledged may come twice. */
static int follow(void *arg, const struct segment_entry *entry)
{
    struct sequence *s = arg;
    uint32_t n = entry->token.batch;
    if (n < s->next && n >= s->acked)
        return 0; /* written again by the next keeper */
    if (n != s->next || entry->body.len != n * 37 % 5000 ||
        memcmp(entry->body.data, big, entry->body.len) != 0)
        fail_msg("batch %u came, and %u was expected", n, s->next);
    s->next = following(s, n);
    return 0;
}

static void a_killed_keeper_loses_nothing(void **state)
{
    struct sequence a = {.of_b = false}, b = {.of_b = true};
    struct inbox *box_a = open_inbox(run_a), *box_b = open_inbox(run_b);
    struct error e = {0};
    uint32_t acked = 1;
    (void)state;
    a.next = following(&a, 0);
    b.next = following(&b, 0);
    srand(7);
    for (int life = 0; life < 20; life++) {
        int ends[2];
        uint32_t n, stop = acked + 1 + (uint32_t)rand() % 400;
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(ends[0]);
            write_for_ever(acked, ends[1]);
        }
        close(ends[1]);
        a.acked = b.acked = acked;
        while (read(ends[0], &n, sizeof n) == sizeof n) {
            acked = n; /* all before it */
            if (n >= stop)
                kill(pid, SIGKILL);
            /* While it goes on writing. */
            assert_int_equal(inbox_take(box_a, follow, &a, &e), 0);
            assert_int_equal(inbox_take(box_b, follow, &b, &e), 0);
            assert_true(a.next >= n && b.next >= n);
        }
        close(ends[0]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    keeper_close(open_keeper());
    assert_int_equal(inbox_take(box_a, follow, &a, &e), 0);
    assert_int_equal(inbox_take(box_b, follow, &b, &e), 0);
    assert_true(a.next >= acked && b.next >= acked);
    assert_true(acked > 1000);
    inbox_close(box_a);
    inbox_close(box_b);
}

/* Two runs in processes of their own, taking and being done while the keeper writes and prunes. */
static void reader_process(const uint8_t *run, bool of_b, uint32_t end)
{
    struct sequence s = {.of_b = of_b};
    struct error e = {0};
    s.next = s.acked = following(&s, 0);
    for (unsigned look = 0; s.next < end; look++) {
        struct inbox *box = open_inbox(run); /* as after a restart */
        for (int i = 0; i < 5 && s.next < end; i++) {
            if (inbox_take(box, follow, &s, &e) != 0)
                fail_msg("%s", e.message);
            done(box);
        }
        inbox_close(box);
        usleep(2000);
    }
    _exit(0);
}

static void runs_take_while_it_writes(void **state)
{
    enum { END = 20001 };
    struct keeper *k = open_keeper();
    pid_t pids[2];
    uint32_t last;
    (void)state;
    for (int i = 0; i < 2; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            reader_process(i ? run_b : run_a, i, END);
    }
    for (uint32_t n = 1; n <= END;) {
        for (unsigned i = 0; i < 100 && n <= END; i++, n++)
            assert_int_equal(
                add(k, n % 3 == 0 ? run_b : run_a, n, (struct slice){big, n * 37 % 5000}),
                KEEPER_ADDED);
        write_out(k);
        if (n % 1000 == 1)
            prune(k);
    }
    for (int i = 0; i < 2; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_true(segments(&last) >= 1 && last >= 3);
    prune(k);
    assert_int_equal(segments(NULL), 1);
    keeper_close(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_run_takes_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_come_as_they_are, setup, teardown),
        cmocka_unit_test_setup_teardown(what_came_already_is_known, setup, teardown),
        cmocka_unit_test_setup_teardown(a_group_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_end_hides_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_hides_nothing_behind_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_cannot_pass_for_an_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(segments_go_when_all_have_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_place_within_a_segment_is_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(it_has_one_keeper, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_notes_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_write_is_not_written_over, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_fsync_is_final, setup, teardown),
        cmocka_unit_test_setup_teardown(a_killed_keeper_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_take_while_it_writes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
