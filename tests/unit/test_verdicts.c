/* What the verification webhook remembers: verdicts as long as they hold, credits for ever, whatever
 * a crash left of the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "run/verdicts.h"

#define NOW INT64_C(1800000000000)
#define DAY INT64_C(86400000)

static char folder[] = "/tmp/tranche-verdicts-XXXXXX";
static char path[64], lock[96];

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/verdicts", folder);
    snprintf(lock, sizeof lock, "%s.lock", path);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    unlink(path);
    unlink(lock);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return rmdir(folder);
}

static struct verdicts *must_open(int64_t age_ms, int64_t now_ms)
{
    struct verdicts *v;
    struct error e = {0};

    if (verdicts_open(&v, path, age_ms, now_ms, &e) != 0)
        fail_msg("%s", e.message);
    return v;
}

static void must(int rc)
{
    assert_int_equal(rc, 0);
}

static void put(const char *text, size_t len)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    chmod(path, 0600);
}

static char *get(void)
{
    struct error e = {0};
    char *text;
    size_t len;

    if (file_read_all(path, 1 << 26, &text, &len, &e) != 0)
        fail_msg("%s", e.message);
    return text;
}

static void remembers_over_a_restart(void **state)
{
    struct verdicts *v = must_open(30 * DAY, NOW);
    struct verdict_id jane = verdicts_id(v, SLICE_LIT("jane@example.com"));
    struct verdict_id joe = verdicts_id(v, SLICE_LIT("joe@example.com"));
    struct error e = {0};
    struct stat st;

    (void)state;
    assert_memory_not_equal(&jane, &joe, sizeof jane);
    assert_null(verdicts_find(v, jane, NOW));
    must(verdicts_ask(v, jane, 5, NOW, &e));
    assert_int_equal(verdicts_spent(v), 5);
    must(verdicts_answer(v, jane, 5, 2, "catch_all", NOW, &e));
    assert_int_equal(verdicts_spent(v), 2);
    must(verdicts_ask(v, joe, 5, NOW, &e));
    must(verdicts_release(v, joe, 5, NOW, &e));
    must(verdicts_ask(v, joe, 5, NOW, &e));
    must(verdicts_answer(v, joe, 5, 5, NULL, NOW, &e)); /* paid, and no verdict */
    verdicts_close(v);

    v = must_open(30 * DAY, NOW + DAY);
    assert_int_equal(verdicts_spent(v), 7);
    assert_int_equal(verdicts_count(v), 1);
    struct verdict_id again = verdicts_id(v, SLICE_LIT("jane@example.com"));
    assert_memory_equal(&jane, &again, sizeof jane);
    assert_string_equal(verdicts_find(v, jane, NOW + DAY), "catch_all");
    assert_null(verdicts_find(v, joe, NOW + DAY));
    verdicts_close(v);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char *text = get();
    assert_null(strstr(text, "example"));
    free(text);
}

static void verdicts_grow_old_and_credits_do_not(void **state)
{
    struct verdicts *v = must_open(DAY, NOW);
    struct verdict_id id = verdicts_id(v, SLICE_LIT("a@b.cd"));
    struct error e = {0};

    (void)state;
    must(verdicts_ask(v, id, 3, NOW, &e));
    must(verdicts_answer(v, id, 3, 3, "valid", NOW, &e));
    assert_non_null(verdicts_find(v, id, NOW + DAY - 1));
    assert_null(verdicts_find(v, id, NOW + DAY));
    assert_null(verdicts_find(v, id, NOW - 2 * DAY)); /* the clock was put back */
    verdicts_close(v);
    v = must_open(DAY, NOW + 2 * DAY);
    assert_int_equal(verdicts_count(v), 0);
    assert_int_equal(verdicts_spent(v), 3);
    verdicts_close(v);
    v = must_open(0, NOW); /* every question anew */
    assert_null(verdicts_find(v, id, NOW));
    verdicts_close(v);
}

/* At each byte that a crash can leave the file at, it opens, and the sum is never too small. */
static void opens_after_a_crash_at_any_byte(void **state)
{
    struct verdicts *v = must_open(DAY, NOW);
    struct verdict_id id = verdicts_id(v, SLICE_LIT("a@b.cd"));
    struct error e = {0};

    (void)state;
    must(verdicts_ask(v, id, 5, NOW, &e));
    must(verdicts_answer(v, id, 5, 2, "valid", NOW, &e));
    verdicts_close(v);
    char *text = get();
    size_t first = strcspn(text, "\n") + 1, second = first + strcspn(text + first, "\n") + 1;
    for (size_t len = 0; len <= strlen(text); len++) {
        put(text, len);
        v = must_open(DAY, NOW);
        int64_t wanted = len < second ? 0 : len < strlen(text) ? 5 : 2;
        if (verdicts_spent(v) != wanted)
            fail_msg("after %zu bytes: %lld", len, (long long)verdicts_spent(v));
        assert_int_equal(verdicts_count(v), len == strlen(text));
        /* and goes on from there */
        must(verdicts_ask(v, id, 1, NOW, &e));
        verdicts_close(v);
        v = must_open(DAY, NOW);
        assert_int_equal(verdicts_spent(v), wanted + 1);
        verdicts_close(v);
    }
    free(text);
}

static void refuses_what_is_none_of_its_files(void **state)
{
    static const char key[] =
        "tranche-verdicts 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
    static const char id[] = "0123456789abcdef0123456789abcdef";
    static const struct {
        const char *first, *kind, *rest; /* an id stands between kind and rest */
        int code;
    } cases[] = {
        {"hello", "", NULL, ERR_DATA},
        {"hello\n", "", NULL, ERR_DATA},
        {"tranche-verdicts 2 00\n", "", NULL, ERR_DATA},
        {"tranche-verdicts 1 00\n", "", NULL, ERR_DATA},
        {key, "ask ", " 5 1800000000000\n", 0},
        {key, "end ", " 5 1800000000000\n", 0},
        {key, "got ", " 5 1800000000000 valid\n", 0},
        {key, "ask ", " 5 1800000000000 valid\n", ERR_DATA},
        {key, "ask ", " 5\n", ERR_DATA},
        {key, "ask ", " 5 0\n", ERR_DATA},
        {key, "ask ", " -5 1800000000000\n", ERR_DATA}, /* less than nothing spent */
        {key, "ask ", " 9999999999999999 1800000000000\n", ERR_DATA},
        {key, "got ", " 5 1800000000000\n", ERR_DATA},
        {key, "got ", " 5 1800000000000 \n", ERR_DATA},
        {key, "got ", " 5 1800000000000 Valid\n", ERR_DATA},
        {key, "who ", " 5 1800000000000\n", ERR_DATA},
        {key, "ask x", " 5 1800000000000\n", ERR_DATA},
        {key, "", "\n", ERR_DATA},
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct verdicts *v;
        struct error e = {0};
        snprintf(text, sizeof text, "%s%s%s%s", cases[i].first, cases[i].kind,
                 cases[i].rest ? id : "", cases[i].rest ? cases[i].rest : "");
        put(text, strlen(text));
        int code = verdicts_open(&v, path, DAY, NOW, &e);
        if (code != cases[i].code)
            fail_msg("%s: %d %s", text, code, e.message);
        verdicts_close(v);
        char *kept = get();
        assert_string_equal(kept, text); /* nobody's file is changed */
        free(kept);
    }
}

static void refuses_a_file_that_others_can_read(void **state)
{
    struct verdicts *v;
    struct error e = {0};

    (void)state;
    verdicts_close(must_open(DAY, NOW));
    chmod(path, 0640);
    assert_int_equal(verdicts_open(&v, path, DAY, NOW, &e), ERR_CONFIG);
    assert_non_null(strstr(e.message, "chmod 600"));
    assert_null(v);
}

static void one_process_at_a_time(void **state)
{
    struct verdicts *v = must_open(DAY, NOW), *other;
    struct error e = {0};

    (void)state;
    assert_int_equal(verdicts_open(&other, path, DAY, NOW, &e), ERR_STOPPED);
    verdicts_close(v);
    verdicts_close(must_open(DAY, NOW));
}

/* What is out of date goes when the file is opened; the sum and the rest stay. */
static void is_written_anew_when_most_is_old(void **state)
{
    struct verdicts *v = must_open(DAY, NOW);
    struct error e = {0};
    char *text = get(), email[32];
    size_t len = strlen(text);

    (void)state;
    verdicts_close(v);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    for (int i = 0; i < 5000; i++)
        fprintf(f, "got %032x 1 %lld valid\n", i, (long long)(NOW - 2 * DAY));
    for (int i = 0; i < 3000; i++)
        fprintf(f, "got %032x 1 %lld risky\n", 100000 + i, (long long)NOW);
    fclose(f);
    v = must_open(DAY, NOW);
    assert_int_equal(verdicts_spent(v), 8000);
    assert_int_equal(verdicts_count(v), 3000);
    struct verdict_id id = verdicts_id(v, SLICE_LIT("a@b.cd"));
    must(verdicts_ask(v, id, 1, NOW, &e));
    must(verdicts_answer(v, id, 1, 1, "valid", NOW, &e));
    verdicts_close(v);
    char *after = get();
    assert_memory_equal(after, text, len); /* the key of the digests is the same */
    unsigned lines = 0;
    for (const char *at = after; *at; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 1 + 1 + 3000 + 2);
    v = must_open(DAY, NOW);
    assert_int_equal(verdicts_spent(v), 8001);
    assert_int_equal(verdicts_count(v), 3001);
    snprintf(email, sizeof email, "a@b.cd");
    assert_string_equal(verdicts_find(v, verdicts_id(v, slice_of(email)), NOW), "valid");
    verdicts_close(v);
    free(after);
    free(text);
}

static void finds_each_of_many(void **state)
{
    struct verdicts *v = must_open(DAY, NOW);
    struct error e = {0};
    char email[32];

    (void)state;
    for (int i = 0; i < 3000; i++) {
        snprintf(email, sizeof email, "%d@example.com", i);
        must(verdicts_answer(v, verdicts_id(v, slice_of(email)), 0, 0, i % 2 ? "valid" : "invalid",
                             NOW, &e));
    }
    assert_int_equal(verdicts_count(v), 3000);
    for (int i = 0; i < 3000; i++) {
        snprintf(email, sizeof email, "%d@example.com", i);
        const char *said = verdicts_find(v, verdicts_id(v, slice_of(email)), NOW);
        assert_string_equal(said ? said : "nothing", i % 2 ? "valid" : "invalid");
    }
    verdicts_close(v);
}

/* After a write that failed nothing is counted any more, and everybody hears the same. */
static void a_full_disk_ends_it(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        struct rlimit limit = {200, 200};
        struct error e = {0}, again = {0};
        struct verdicts *v;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        if (verdicts_open(&v, path, DAY, NOW, &e) != 0)
            _exit(1);
        struct verdict_id id = verdicts_id(v, SLICE_LIT("a@b.cd"));
        int64_t spent = 0;
        while (verdicts_ask(v, id, 1, NOW, &e) == 0)
            spent++;
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
        if (e.code != ERR_IO || spent != verdicts_spent(v))
            _exit(2);
        if (verdicts_ask(v, id, 1, NOW, &again) != ERR_IO || strcmp(e.message, again.message) != 0)
            _exit(3);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void words_that_are_kept(void **state)
{
    (void)state;
    assert_true(verdicts_status_valid(SLICE_LIT("valid")));
    assert_true(verdicts_status_valid(SLICE_LIT("catch_all")));
    assert_true(verdicts_status_valid(SLICE_LIT("do-not-mail2")));
    assert_false(verdicts_status_valid(SLICE_EMPTY));
    assert_false(verdicts_status_valid(SLICE_LIT("Valid")));
    assert_false(verdicts_status_valid(SLICE_LIT("not valid")));
    assert_false(verdicts_status_valid(SLICE_LIT("a\n")));
    assert_true(verdicts_status_valid(SLICE_LIT("aaaaaaaaaaaaaaaaaaaaaaa")));
    assert_false(verdicts_status_valid(SLICE_LIT("aaaaaaaaaaaaaaaaaaaaaaaa")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(remembers_over_a_restart, clean),
        cmocka_unit_test_teardown(verdicts_grow_old_and_credits_do_not, clean),
        cmocka_unit_test_teardown(opens_after_a_crash_at_any_byte, clean),
        cmocka_unit_test_teardown(refuses_what_is_none_of_its_files, clean),
        cmocka_unit_test_teardown(refuses_a_file_that_others_can_read, clean),
        cmocka_unit_test_teardown(one_process_at_a_time, clean),
        cmocka_unit_test_teardown(is_written_anew_when_most_is_old, clean),
        cmocka_unit_test_teardown(finds_each_of_many, clean),
        cmocka_unit_test_teardown(a_full_disk_ends_it, clean),
        cmocka_unit_test(words_that_are_kept),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
