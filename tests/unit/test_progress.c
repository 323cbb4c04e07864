/* Progress as a terminal gets it: a real pseudo-terminal of a given width, read back and shown on a
 * small screen; pacing by the clock that is handed in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "report/report.h"
#include "wire/json.h"

#define START INT64_C(1795190645000) /* 2026-11-20T16:04:05Z */
#define ROWS  64
#define COLS  200

static struct report run_at(int64_t ms, uint64_t answered)
{
    return (struct report){.state = "running",
                           .waiting = "",
                           .started_ms = START,
                           .now_ms = START + ms,
                           .records = 10000,
                           .list_whole = true,
                           .answered = answered,
                           .spent = (int64_t)answered * 10,
                           .balance = -1,
                           .cap = -1,
                           .outcome_names = {"none", "found", "not_found"}};
}

/* A terminal: what is written to `stream` comes out of `master`. */
struct terminal {
    int master;
    FILE *stream;
    char bytes[1 << 16];
    size_t len;
};

static void terminal_open(struct terminal *t, unsigned columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    int slave;

    memset(t, 0, sizeof(*t));
    assert_int_equal(openpty(&t->master, &slave, NULL, NULL, &size), 0);
    fcntl(t->master, F_SETFL, O_NONBLOCK);
    t->stream = fdopen(slave, "w");
    assert_non_null(t->stream);
}

static void terminal_resize(struct terminal *t, unsigned columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};

    assert_int_equal(ioctl(t->master, TIOCSWINSZ, &size), 0);
}

/* Take what has arrived. */
static void terminal_read(struct terminal *t)
{
    ssize_t n;

    while ((n = read(t->master, t->bytes + t->len, sizeof(t->bytes) - 1 - t->len)) > 0)
        t->len += (size_t)n;
    t->bytes[t->len] = '\0';
}

static void terminal_close(struct terminal *t)
{
    fclose(t->stream);
    close(t->master);
}

/* What a person sees of the bytes: carriage return, newline, erase to the end of the line. Wrapping
 * is not drawn but refused, for the bar must never cause it. */
struct screen {
    char row[ROWS][COLS + 1];
    unsigned rows; /* begun */
};

static void show_on(struct screen *s, const struct terminal *t, unsigned columns)
{
    unsigned y = 0, x = 0;

    memset(s, 0, sizeof(*s));
    for (size_t i = 0; i < t->len; i++) {
        if (t->bytes[i] == '\r') {
            x = 0;
        } else if (t->bytes[i] == '\n') {
            y++;
            assert_true(y < ROWS);
        } else if (memcmp(t->bytes + i, "\033[K", 3) == 0) {
            memset(s->row[y] + x, 0, COLS - x);
            i += 2;
        } else {
            assert_true(t->bytes[i] >= ' ' && t->bytes[i] < 0x7f);
            s->row[y][x++] = t->bytes[i];
            assert_true(x < columns);
        }
    }
    s->rows = y + 1;
}

static void assert_row(const struct screen *s, unsigned row, const char *want)
{
    assert_string_equal(s->row[row], want);
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

static void test_bar_widths(void **state)
{
    (void)state;
    static const struct {
        unsigned columns;
        bool busy;
        const char *want;
    } cases[] = {
        {120, false,
         " 50.0 %  [==============>             ]  5,000/10,000  1,000/s  5 s left  50,000 "
         "credits"},
        {80, false,
         " 50.0 %  [=========>         ]  5,000/10,000  1,000/s  5 s left  50,000 credits"},
        {60, false, " 50.0 %  5,000/10,000  1,000/s  5 s left  50,000 credits"},
        {55, false, " 50.0 %  [=====>    ]  5,000/10,000  1,000/s  5 s left"},
        {41, false, " 50.0 %  5,000/10,000  1,000/s  5 s left"},
        {40, false, " 50.0 %  5,000/10,000  5 s left"},
        {30, false, " 50.0 %  5,000/10,000"},
        {20, false, " 50.0 %  [====>   ]"},
        {12, false, " 50.0 %"},
        {5, false, " 50."},
        {2, false, " "},
        {120, true,
         " 50.0 %  5,000/10,000  1,000/s  5 s left  50,000 credits  2 batches in doubt  waits: "
         "enrichso: 60 requests/min"},
        {80, true,
         " 50.0 %  5,000/10,000  5 s left  2 batches in doubt  waits: enrichso: 60 requ.."},
        {40, true, " 50.0 %  5,000/10,000  2 in doubt"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct terminal t;
        struct screen s;
        struct report r = run_at(5000, 5000);
        terminal_open(&t, cases[i].columns);
        struct progress *p = progress_create(t.stream, PROGRESS_BAR);
        if (cases[i].busy) {
            r.batches_in_doubt = 2;
            r.waiting = "enrichso: 60 requests/min";
        }
        progress_show(p, &r);
        terminal_read(&t);
        show_on(&s, &t, cases[i].columns);
        if (strcmp(s.row[0], cases[i].want) != 0)
            print_message("%u columns: '%s'\n", cases[i].columns, s.row[0]);
        assert_row(&s, 0, cases[i].want);
        progress_destroy(p);
        terminal_close(&t);
    }
}

/* Every width and every state of a run: never as wide as the terminal. */
static void test_bar_never_wraps(void **state)
{
    (void)state;
    for (unsigned columns = 2; columns < 160; columns++) {
        struct terminal t;
        struct screen s;
        terminal_open(&t, columns);
        struct progress *p = progress_create(t.stream, PROGRESS_BAR);
        for (unsigned k = 0; k <= 20; k++) {
            struct report r = run_at(200 * k, 500 * k);
            r.batches_in_doubt = k % 3;
            r.list_whole = k % 5 != 0;
            r.waiting = k % 2 ? "wiza: 200 of 200 slots are taken, \xc3\xa9 \x1b[2J\n next" : NULL;
            progress_show(p, &r);
            terminal_read(&t);
            show_on(&s, &t, columns);
            assert_int_equal(s.rows, 1);
        }
        progress_destroy(p);
        terminal_close(&t);
    }
}

static void test_bar_in_place(void **state)
{
    (void)state;
    struct terminal t;
    struct screen s;

    terminal_open(&t, 80);
    struct progress *p = progress_create(t.stream, PROGRESS_BAR);
    /* 1,001 calls in a second are at most eleven drawings. */
    for (int ms = 0; ms <= 1000; ms++) {
        struct report r = run_at(ms, (uint64_t)ms);
        progress_show(p, &r);
    }
    terminal_read(&t);
    assert_int_equal(count(t.bytes, "\r\033[K"), 11);
    /* A log line steps in; the bar comes back below it. */
    progress_lift(p);
    fprintf(t.stream, "16:04:06Z warn run: something\n");
    fflush(t.stream);
    progress_drop(p);
    terminal_read(&t);
    show_on(&s, &t, 80);
    assert_int_equal(s.rows, 2);
    assert_row(&s, 0, "16:04:06Z warn run: something");
    assert_row(&s, 1,
               " 10.0 %  [=>                 ]  1,000/10,000  1,000/s  9 s left  10,000 credits");
    /* The terminal gets narrower. */
    terminal_resize(&t, 30);
    struct report r = run_at(1100, 2000);
    progress_show(p, &r);
    /* The last state is shown although it came too soon, and the line is ended. */
    r = run_at(1101, 10000);
    r.state = "complete";
    progress_show(p, &r);
    progress_destroy(p);
    terminal_read(&t);
    show_on(&s, &t, 80);
    assert_int_equal(s.rows, 3);
    assert_row(&s, 1, "100.0 %  10,000/10,000");
    assert_row(&s, 2, "");
    terminal_close(&t);
}

/* The texts of the snapshot may be gone when the last state is drawn. */
static void test_texts_are_copied(void **state)
{
    (void)state;
    struct terminal t;
    struct screen s;
    char *waiting = strdup("zeliq: callbacks");
    struct report r = run_at(0, 0);

    terminal_open(&t, 80);
    struct progress *p = progress_create(t.stream, PROGRESS_BAR);
    progress_show(p, &r);
    r.now_ms++;
    r.waiting = waiting;
    progress_show(p, &r);
    memset(waiting, 'X', strlen(waiting));
    free(waiting);
    progress_destroy(p);
    terminal_read(&t);
    show_on(&s, &t, 80);
    assert_non_null(strstr(s.row[0], "waits: zeliq: callbacks"));
    terminal_close(&t);
}

static void test_unknown_total(void **state)
{
    (void)state;
    struct terminal t;
    struct screen s;
    struct report r = run_at(1000, 500);

    terminal_open(&t, 80);
    struct progress *p = progress_create(t.stream, PROGRESS_BAR);
    r.list_whole = false;
    progress_show(p, &r);
    terminal_read(&t);
    show_on(&s, &t, 80);
    assert_row(&s, 0, "500/10,000 read  500/s  5,000 credits");
    r.list_bytes = 1000;
    r.list_bytes_done = 500;
    r.now_ms += 100;
    progress_show(p, &r);
    terminal_read(&t);
    show_on(&s, &t, 80);
    assert_row(&s, 0,
               "  2.5 %  [                      ]  500/~20,000  455/s  43 s left  5,000 credits");
    progress_destroy(p);
    terminal_close(&t);
}

/* Write to a file and read that. */
static char *file_text(FILE *f)
{
    static char text[1 << 16];

    rewind(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    return text;
}

static void test_lines(void **state)
{
    (void)state;
    FILE *f = tmpfile();
    struct progress *p = progress_create(f, PROGRESS_AUTO); /* no terminal */

    for (int ms = 0; ms <= 12000; ms += 10) {
        struct report r = run_at(ms, (uint64_t)ms / 2);
        progress_show(p, &r);
    }
    struct report r = run_at(12345, 10000);
    r.state = "complete";
    r.batches_in_doubt = 1;
    progress_show(p, &r);
    progress_lift(p); /* nothing to step aside */
    progress_drop(p);
    progress_destroy(p);
    assert_string_equal(
        file_text(f),
        "16:04:06Z 500 of 10,000 records (5.0 %), 500/s, 19 s left, 5,000 credits\n"
        "16:04:11Z 3,000 of 10,000 records (30.0 %), 500/s, 14 s left, 30,000 credits\n"
        "16:04:16Z 5,500 of 10,000 records (55.0 %), 500/s, 9 s left, 55,000 credits\n"
        "16:04:17Z 10,000 of 10,000 records (100.0 %), 810/s, 100,000 credits, 1 batch in doubt\n");
    fclose(f);
}

/* A run of half a second says one line, at its end. */
static void test_short_run(void **state)
{
    (void)state;
    FILE *f = tmpfile();
    struct progress *p = progress_create(f, PROGRESS_LINE);

    for (int ms = 0; ms < 500; ms += 10) {
        struct report r = run_at(ms, 1);
        r.records = 1;
        r.spent = 1;
        progress_show(p, &r);
    }
    progress_destroy(p);
    assert_string_equal(file_text(f),
                        "16:04:05Z 1 of 1 record (100.0 %), 2/s, 0 s left, 1 credit\n");
    fclose(f);
}

static void test_json_lines(void **state)
{
    (void)state;
    FILE *f = tmpfile();
    struct progress *p = progress_create(f, PROGRESS_JSON);
    struct json *j = json_create(16);
    unsigned lines = 0;

    for (int ms = 0; ms <= 3500; ms += 10) {
        struct report r = run_at(ms, (uint64_t)ms);
        progress_show(p, &r);
    }
    progress_destroy(p);
    for (char *line = strtok(file_text(f), "\n"); line; line = strtok(NULL, "\n")) {
        struct json_value root, records;
        struct error e;
        int64_t answered;
        assert_int_equal(json_parse(j, slice_of(line), &root, &e), 0);
        assert_true(json_get(root, "records", &records));
        assert_true(json_get_int(records, "answered", &answered));
        assert_int_equal(answered, lines < 4 ? lines * 1000 : 3500);
        lines++;
    }
    assert_int_equal(lines, 5);
    json_destroy(j);
    fclose(f);
}

static void test_nothing(void **state)
{
    (void)state;
    FILE *f = tmpfile();
    struct progress *p = progress_create(f, PROGRESS_NONE);
    struct report r = run_at(5000, 5);

    progress_show(p, &r);
    progress_lift(p);
    progress_drop(p);
    progress_destroy(p);
    progress_destroy(progress_create(f, PROGRESS_BAR)); /* nothing was ever shown */
    progress_show(NULL, &r);
    progress_lift(NULL);
    progress_drop(NULL);
    progress_destroy(NULL);
    assert_string_equal(file_text(f), "");
    fclose(f);
}

/* AUTO looks at the terminal and at what it can do. */
static void test_auto(void **state)
{
    (void)state;
    static const struct {
        const char *term;
        bool bar;
    } cases[] = {{"xterm", true}, {"dumb", false}, {"", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct terminal t;
        struct report r = run_at(1000, 5);
        setenv("TERM", cases[i].term, 1);
        terminal_open(&t, 80);
        struct progress *p = progress_create(t.stream, PROGRESS_AUTO);
        progress_show(p, &r);
        progress_destroy(p);
        terminal_read(&t);
        assert_int_equal(strstr(t.bytes, "\033[K") != NULL, cases[i].bar);
        assert_true(t.len > 0);
        terminal_close(&t);
    }
}

static void test_clock_set_back(void **state)
{
    (void)state;
    struct terminal t;
    struct screen s;

    terminal_open(&t, 80);
    struct progress *p = progress_create(t.stream, PROGRESS_BAR);
    struct report r = run_at(3600000, 5000);
    progress_show(p, &r);
    r = run_at(1000, 6000);
    progress_show(p, &r);
    terminal_read(&t);
    show_on(&s, &t, 80);
    assert_non_null(strstr(s.row[0], "6,000/10,000"));
    progress_destroy(p);
    terminal_close(&t);
}

struct logger {
    struct progress *progress;
    FILE *stream;
};

static void *log_lines(void *arg)
{
    struct logger *l = arg;

    for (int i = 0; i < 20; i++) {
        progress_lift(l->progress);
        fprintf(l->stream, "a line of log\n");
        fflush(l->stream);
        progress_drop(l->progress);
    }
    return NULL;
}

/* Another thread logs while the loop draws: each line of log stands whole on a row of its own. */
static void test_log_from_a_thread(void **state)
{
    (void)state;
    struct terminal t;
    struct screen s;
    pthread_t thread;

    terminal_open(&t, 80);
    struct progress *p = progress_create(t.stream, PROGRESS_BAR);
    struct logger l = {p, t.stream};
    assert_int_equal(pthread_create(&thread, NULL, log_lines, &l), 0);
    for (int i = 0; i < 50; i++) {
        struct report r = run_at(i * 100, (uint64_t)i * 100);
        progress_show(p, &r);
        terminal_read(&t);
    }
    /* A terminal holds 4 KiB; the thread may be waiting for somebody to read. */
    for (int i = 0; i < 1000 && count(t.bytes, "a line of log") < 20; i++) {
        usleep(1000);
        terminal_read(&t);
    }
    pthread_join(thread, NULL);
    terminal_read(&t);
    show_on(&s, &t, 80);
    assert_int_equal(s.rows, 21);
    for (unsigned i = 0; i < 20; i++)
        assert_row(&s, i, "a line of log");
    progress_destroy(p);
    terminal_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bar_widths),     cmocka_unit_test(test_bar_never_wraps),
        cmocka_unit_test(test_bar_in_place),   cmocka_unit_test(test_texts_are_copied),
        cmocka_unit_test(test_unknown_total),  cmocka_unit_test(test_lines),
        cmocka_unit_test(test_short_run),      cmocka_unit_test(test_json_lines),
        cmocka_unit_test(test_nothing),        cmocka_unit_test(test_auto),
        cmocka_unit_test(test_clock_set_back), cmocka_unit_test(test_log_from_a_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
