/* The gate: windows, pauses, requests in flight and the breaker together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "sched/gate.h"

static void windows_together(void **state)
{
    /* 5/s and 60/min at once, as the free tier of a vendor: over three simulated days neither is
     * passed, and the one that binds is used up. */
    const int64_t days_ms = 3 * 24 * 3600 * (int64_t)1000;
    size_t allowed = (size_t)(days_ms / 60000) * 60;
    int64_t *at = calloc(allowed + 61, sizeof at[0]);
    struct window second, minute;
    struct gate g;
    size_t len = 0;

    (void)state;
    assert_non_null(at);
    gate_init(&g, 0);
    assert_true(window_init(&second, 5, 1000) && window_init(&minute, 60, 60000));
    assert_true(gate_add_window(&g, &second) && gate_add_window(&g, &minute));
    for (int64_t now = 1; now < days_ms;) {
        int64_t ready = gate_ready(&g, now);
        if (ready > now) {
            now = ready;
            continue;
        }
        gate_take(&g, now);
        gate_done(&g, true, now, now, 0);
        assert_true(len < allowed + 61);
        at[len++] = now;
    }
    for (size_t i = 0; i < len; i++) {
        size_t in_second = 0, in_minute = 0;
        for (size_t j = i + 1; j-- > 0 && at[j] > at[i] - 60000;) {
            in_minute++;
            in_second += at[j] > at[i] - 1000;
        }
        assert_true(in_second <= 5 && in_minute <= 60);
    }
    assert_true(len * 100 >= allowed * 99);
    window_deinit(&second);
    window_deinit(&minute);
    free(at);
}

/* The limit of an account counts paid and free requests together: what one gate lets go holds the
 * other back, while a window of one class leaves the other class alone. */
static void windows_shared(void **state)
{
    struct window both, paid;
    struct gate submit, read;

    (void)state;
    assert_true(window_init(&both, 3, 1000) && window_init(&paid, 2, 5000));
    gate_init(&submit, 0);
    gate_init(&read, 0);
    assert_true(gate_add_window(&submit, &both) && gate_add_window(&submit, &paid));
    assert_true(gate_add_window(&read, &both));

    gate_take(&submit, 100);
    gate_take(&read, 200);
    gate_take(&submit, 300);
    /* Three in this second, whoever asks; two paid ones in these five. */
    assert_int_equal(gate_ready(&read, 400), 1100);
    assert_int_equal(gate_ready(&submit, 400), 5100);
    /* A pause, a flight and a failure are of one class. */
    gate_pause(&submit, 9000);
    assert_int_equal(gate_ready(&submit, 400), 9000);
    assert_int_equal(gate_ready(&read, 400), 1100);
    assert_int_equal(submit.flight, 2);
    assert_int_equal(read.flight, 1);
    /* A free request that goes at the first moment takes the place of the oldest, a paid one. */
    gate_take(&read, 1100);
    assert_int_equal(gate_ready(&read, 1100), 1200);
    window_deinit(&both);
    window_deinit(&paid);
}

/* Two classes that take turns at one window use it up, and never pass it. */
static void shared_window_is_used_up(void **state)
{
    struct window both;
    struct gate gates[2];
    int64_t at[600];
    size_t len = 0;

    (void)state;
    assert_true(window_init(&both, 10, 1000));
    for (int i = 0; i < 2; i++) {
        gate_init(&gates[i], 0);
        assert_true(gate_add_window(&gates[i], &both));
    }
    for (int64_t now = 0; now < 60000; now += 7) {
        struct gate *g = &gates[now % 2];
        if (gate_ready(g, now) > now)
            continue;
        gate_take(g, now);
        gate_done(g, true, now, now, 0);
        assert_true(len < sizeof at / sizeof at[0]);
        at[len++] = now;
    }
    for (size_t i = 10; i < len; i++)
        assert_true(at[i] - at[i - 10] >= 1000);
    assert_true(len >= 590);
    window_deinit(&both);
}

static void too_many_windows(void **state)
{
    struct window w;
    struct gate g;

    (void)state;
    assert_true(window_init(&w, 1, 1000));
    gate_init(&g, 0);
    for (int i = 0; i < GATE_WINDOWS_MAX; i++)
        assert_true(gate_add_window(&g, &w));
    assert_false(gate_add_window(&g, &w));
    assert_int_equal(g.window_count, GATE_WINDOWS_MAX);
    window_deinit(&w);
}

static void flight(void **state)
{
    struct gate g;

    (void)state;
    gate_init(&g, 2);
    assert_true(gate_ready(&g, 10) <= 10);
    gate_take(&g, 10);
    gate_take(&g, 10);
    assert_int_equal(gate_ready(&g, 10), INT64_MAX);
    gate_done(&g, true, 20, 20, 0);
    assert_true(gate_ready(&g, 20) <= 20);
}

static void pause_is_never_shortened(void **state)
{
    struct gate g;

    (void)state;
    gate_init(&g, 0);
    gate_pause(&g, 5000);
    gate_pause(&g, 3000);
    assert_int_equal(gate_ready(&g, 1000), 5000);
    assert_true(gate_ready(&g, 5000) <= 5000);
    gate_pause(&g, 6000);
    assert_int_equal(gate_ready(&g, 5000), 6000);
}

/* The latest of all that hold a request back decides. */
static void latest_holds(void **state)
{
    struct window second, longer;
    struct gate g;

    (void)state;
    assert_true(window_init(&second, 1, 1000) && window_init(&longer, 1, 7000));
    gate_init(&g, 0);
    assert_true(gate_add_window(&g, &second) && gate_add_window(&g, &longer));
    gate_take(&g, 100);
    assert_int_equal(gate_ready(&g, 200), 7100);
    gate_pause(&g, 7050);
    assert_int_equal(gate_ready(&g, 200), 7100);
    gate_pause(&g, 9000);
    assert_int_equal(gate_ready(&g, 200), 9000);
    window_deinit(&second);
    window_deinit(&longer);
}

static void breaker(void **state)
{
    struct gate g;
    int64_t now = 0; /* a clock may start at 0: an open breaker must not look closed */

    (void)state;
    gate_init(&g, 0);
    for (int i = 0; i < GATE_BREAKER_FAILURES; i++) {
        assert_true(gate_ready(&g, now) <= now);
        gate_take(&g, now);
        gate_done(&g, false, now, now, 0);
    }
    /* Open, with a pause of next to nothing: one probe goes, a second does not. */
    now = 1;
    assert_true(gate_ready(&g, now) <= now);
    gate_take(&g, now);
    assert_int_equal(gate_ready(&g, now), INT64_MAX);
    /* The probe fails: the sixth failure pauses for up to 16 s. */
    gate_done(&g, false, now, now, 16000);
    assert_int_equal(gate_ready(&g, now), now + 16000);
    now += 16000;
    assert_true(gate_ready(&g, now) <= now);
    gate_take(&g, now);
    gate_done(&g, true, now, now, 0);
    /* Closed again: as many as one likes. */
    gate_take(&g, now);
    assert_true(gate_ready(&g, now) <= now);
}

/* Failures count only in a row. */
static void breaker_needs_a_row(void **state)
{
    struct gate g;

    (void)state;
    gate_init(&g, 0);
    for (int i = 0; i < 10 * GATE_BREAKER_FAILURES; i++) {
        assert_true(gate_ready(&g, i) <= i);
        gate_take(&g, i);
        gate_done(&g, i % GATE_BREAKER_FAILURES == 0, i, i, 60000);
    }
}

/* Requests that were under way together and fail together are one failure. */
static void breaker_counts_a_burst_once(void **state)
{
    struct gate g;

    (void)state;
    gate_init(&g, 0);
    for (int round = 0; round < GATE_BREAKER_FAILURES - 1; round++) {
        int64_t sent = 1000 * round;
        for (int i = 0; i < 20; i++)
            gate_take(&g, sent);
        for (int i = 0; i < 20; i++)
            gate_done(&g, false, sent, sent + 10 + i, 60000);
        assert_true(gate_ready(&g, sent + 100) <= sent + 100);
        assert_int_equal(g.failures, round + 1);
    }
}

/* Requests that were under way when it opened: their failures never bring its end nearer, and a
 * probe waits for them. */
static void breaker_with_others_in_flight(void **state)
{
    struct gate g;

    (void)state;
    gate_init(&g, 0);
    gate_take(&g, 100);
    gate_take(&g, 100);
    for (int i = 0; i < GATE_BREAKER_FAILURES; i++) {
        gate_take(&g, 200 + i);
        gate_done(&g, false, 200 + i, 200 + i, 8000);
    }
    int64_t end = 200 + GATE_BREAKER_FAILURES - 1 + 8000;
    assert_int_equal(gate_ready(&g, 300), INT64_MAX);
    gate_done(&g, false, 100, 300, 0);
    assert_int_equal(gate_ready(&g, 9000), INT64_MAX);
    gate_done(&g, false, 100, 300, 1);
    assert_int_equal(gate_ready(&g, 300), end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_together),
        cmocka_unit_test(windows_shared),
        cmocka_unit_test(shared_window_is_used_up),
        cmocka_unit_test(too_many_windows),
        cmocka_unit_test(flight),
        cmocka_unit_test(pause_is_never_shortened),
        cmocka_unit_test(latest_holds),
        cmocka_unit_test(breaker),
        cmocka_unit_test(breaker_needs_a_row),
        cmocka_unit_test(breaker_counts_a_burst_once),
        cmocka_unit_test(breaker_with_others_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
