/* State machines by table: legal moves, and the abort on an illegal one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/machine.h"

enum { IDLE, BUSY, DONE };

static const struct machine_state states[] = {
    [IDLE] = {"IDLE", 1u << BUSY},
    [BUSY] = {"BUSY", 1u << IDLE | 1u << DONE},
    [DONE] = {"DONE", 0},
};
static const struct machine machine = {"job", "test", states, 3};

static void test_legal_moves(void **state)
{
    (void)state;
    assert_int_equal(machine_move(&machine, 1, IDLE, BUSY), BUSY);
    assert_int_equal(machine_move(&machine, 1, BUSY, DONE), DONE);
    assert_true(machine_can(&machine, BUSY, IDLE));
    assert_false(machine_can(&machine, IDLE, DONE));
    assert_false(machine_can(&machine, DONE, DONE));
    assert_false(machine_can(&machine, 3, IDLE));
    assert_false(machine_can(&machine, IDLE, 40));
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(machine_find(&machine, "DONE"), DONE);
    assert_int_equal(machine_find(&machine, "done"), -1);
    assert_int_equal(machine_find(&machine, ""), -1);
}

/* Run the move in a child with the environment given, and collect what it says. Returns its wait
 * status. */
static int run_move(unsigned from, unsigned to, const char *trace, char *text, size_t size)
{
    int ends[2], status;
    size_t len = 0;
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        setenv("TRANCHE_TRACE", trace, 1);
        dup2(ends[1], STDERR_FILENO);
        machine_move(&machine, 42, from, to);
        _exit(0);
    }
    close(ends[1]);
    while (len < size - 1 && (n = read(ends[0], text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_moves_are_traced_and_illegal_ones_abort(void **state)
{
    char text[4096];

    (void)state;
    int status = run_move(BUSY, DONE, "ledger,test:debug", text, sizeof(text));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_non_null(strstr(text, "debug test: job#42 BUSY -> DONE\n"));
    status = run_move(BUSY, DONE, "ledger", text, sizeof(text));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_string_equal(text, "");
    status = run_move(DONE, IDLE, "", text, sizeof(text));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "illegal move DONE -> IDLE"));
    status = run_move(BUSY, 77, "", text, sizeof(text));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "BUSY -> (no such state)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: the child must be the one that reads TRANCHE_TRACE. */
        cmocka_unit_test(test_moves_are_traced_and_illegal_ones_abort),
        cmocka_unit_test(test_legal_moves),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
