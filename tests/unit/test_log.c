/* Log lines: forms, levels, traces, cleaning, the curtain. */
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
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

/* What a child that runs `act` with that TRANCHE_TRACE writes to standard error. */
static char *stderr_of(const char *trace, void (*act)(void))
{
    int ends[2], status;
    size_t len = 0;
    ssize_t n;
    char *text = calloc(1, 1 << 16);

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("TRANCHE_TRACE", trace, 1);
        dup2(ends[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    close(ends[1]);
    while (len < (1 << 16) - 1 && (n = read(ends[0], text + len, (1 << 16) - 1 - len)) > 0)
        len += (size_t)n;
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return text;
}

static void open_stderr(bool json, enum log_level level)
{
    struct error e;

    if (log_open(NULL, json, level, &e) != 0)
        _exit(1);
}

static void write_levels(void)
{
    open_stderr(false, LOG_WARN);
    log_write(LOG_ERROR, "run", "one %d", 1);
    log_write(LOG_WARN, "run", "two");
    log_write(LOG_INFO, "run", "three");
    log_write(LOG_DEBUG, "sched", "four");
    log_trace("sched", "five %s", "5");
    log_trace("net", "six");
}

static void test_levels_and_traces(void **state)
{
    static const struct {
        const char *trace;
        const char *lines; /* without the time */
    } rows[] = {
        {"", "error run: one 1\nwarn run: two\n"},
        {"sched", "error run: one 1\nwarn run: two\ndebug sched: four\ndebug sched: five 5\n"},
        {"ledger,net:debug", "error run: one 1\nwarn run: two\ndebug net: six\n"},
        {"run:info,net:error", "error run: one 1\nwarn run: two\ninfo run: three\n"},
        {"schedule,sch", "error run: one 1\nwarn run: two\n"},
        {"all", "error run: one 1\nwarn run: two\ninfo run: three\ndebug sched: four\n"
                "debug sched: five 5\ndebug net: six\n"},
        {",,:,", "error run: one 1\nwarn run: two\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *text = stderr_of(rows[i].trace, write_levels);
        char bare[4096] = "";
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            int h, m, s, at = 0;
            assert_int_equal(sscanf(line, "%2d:%2d:%2dZ %n", &h, &m, &s, &at), 3);
            assert_int_equal(at, 10);
            strcat(strcat(bare, line + at), "\n");
        }
        assert_string_equal(bare, rows[i].lines);
        free(text);
    }
}

static void write_json(void)
{
    char long_text[5000];

    open_stderr(true, LOG_INFO);
    log_write(LOG_WARN, "net", "a \"b\" \\ %s", "c\nd\x1b[2J\x7f \xc3\xa9 \xff\xc3 \xed\xa0\x80.");
    memset(long_text, '"', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    log_write(LOG_INFO, "net", "%s", long_text);
    memset(long_text, '\xff', sizeof(long_text) - 1);
    log_write(LOG_INFO, "net", "%s", long_text);
}

#define BAD "\xef\xbf\xbd"

static void test_json_lines(void **state)
{
    char *text = stderr_of("", write_json);
    char *line = strtok(text, "\n");

    (void)state;
    assert_memory_equal(line, "{\"time\":\"20", 11);
    assert_string_equal(
        strstr(line, ",\"level\""),
        ",\"level\":\"warn\",\"component\":\"net\",\"message\":\"a \\\"b\\\" \\\\ c d [2J  "
        "\xc3\xa9 " BAD BAD " " BAD BAD BAD ".\"}");
    /* Long messages are cut, and end as JSON all the same. */
    for (int i = 0; i < 2; i++) {
        line = strtok(NULL, "\n");
        assert_non_null(line);
        assert_string_equal(line + strlen(line) - 2, "\"}");
        assert_true(strlen(line) > 4000);
    }
    assert_null(strtok(NULL, "\n"));
    free(text);
}

static void write_to_file(void)
{
    struct error e;

    if (log_open(getenv("TEST_LOG"), false, LOG_INFO, &e) != 0)
        _exit(1);
    errno = 77;
    log_write(LOG_INFO, "run", "to the file");
    log_trace("sched", "to standard error");
    if (errno != 77)
        _exit(1);
    log_close();
    log_write(LOG_INFO, "run", "closed");
}

static void test_log_file(void **state)
{
    char path[] = "/tmp/tranche-test-log-XXXXXX";
    char text[200] = "";
    struct error e = {0};
    int fd = mkstemp(path);

    (void)state;
    setenv("TEST_LOG", path, 1);
    char *rest = stderr_of("sched", write_to_file);
    assert_memory_equal(rest + 10, "debug sched: to standard error\n", 31);
    /* Without a log file, lines are still seen. */
    assert_string_equal(rest + 10 + 31 + 10, "info run: closed\n");
    free(rest);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    assert_string_equal(text + 10, "info run: to the file\n");
    close(fd);
    unlink(path);
    assert_int_equal(log_open("/nonexistent/log", false, LOG_INFO, &e), ERR_CANTCREATE);
    assert_non_null(strstr(e.message, "/nonexistent/log"));
}

static void show(const char *mark)
{
    if (write(STDERR_FILENO, mark, 1) != 1)
        _exit(1);
}

static void lift(void *arg)
{
    (void)arg;
    show("<");
}

static void drop(void *arg)
{
    (void)arg;
    show(">");
}

static void *write_many(void *arg)
{
    for (int i = 0; i < 100; i++)
        log_write(LOG_INFO, "run", "x");
    return arg;
}

static void write_behind_curtain(void)
{
    pthread_t threads[3];

    log_set_curtain(lift, drop, NULL);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, write_many, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    log_set_curtain(NULL, NULL, NULL);
    log_write(LOG_INFO, "run", "x");
}

/* Whatever the threads do, every line stands between one lift and one drop. */
static void test_curtain(void **state)
{
    const size_t line_len = strlen("00:00:00Z info run: x\n");
    char *text = stderr_of("", write_behind_curtain);
    const char *at = text;

    (void)state;
    for (int i = 0; i < 300; i++) {
        assert_int_equal(*at, '<');
        assert_int_equal(at[line_len], '\n');
        assert_int_equal(at[line_len + 1], '>');
        at += line_len + 2;
    }
    assert_int_equal(strlen(at), line_len);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_and_traces),
        cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_log_file),
        cmocka_unit_test(test_curtain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
