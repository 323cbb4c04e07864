/* Sliding windows and the pauses between tries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "sched/backoff.h"
#include "sched/window.h"

#define DAY_MS (24 * 3600 * 1000)

/* xorshift: the same numbers in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Every moment a request went, and the naive check of them. */
struct tape {
    int64_t *at;
    size_t len, cap;
};

static void tape_add(struct tape *t, int64_t now_ms)
{
    if (t->len == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 1024;
        t->at = realloc(t->at, t->cap * sizeof t->at[0]);
        assert_non_null(t->at);
    }
    t->at[t->len++] = now_ms;
}

/* The most requests in any per_ms: counts, for each request, those in the stretch that it ends. */
static uint32_t tape_most(const struct tape *t, int64_t per_ms)
{
    uint32_t most = 0;

    for (size_t i = 0; i < t->len; i++) {
        uint32_t count = 0;
        for (size_t j = i + 1; j-- > 0 && t->at[j] > t->at[i] - per_ms;)
            count++;
        if (count > most)
            most = count;
    }
    return most;
}

static const struct shape {
    uint32_t count;
    int64_t per_ms;
    int64_t days_ms;
    int64_t late_ms; /* the most the caller is late after the moment it was told */
} shapes[] = {
    {1, 1000, DAY_MS, 0},
    {2, 60000, 3 * DAY_MS, 0},
    {5, 1000, DAY_MS / 8, 0},
    {60, 60000, 3 * DAY_MS, 200},
    {300, 60000, DAY_MS, 50},
    {600, 3600000, 3 * DAY_MS, 1000},
    {1000, DAY_MS, 5 * (int64_t)DAY_MS, 60000},
    {1, 1, 2000, 0},
};

/* A caller that always has something to send: never over, and hardly anything is given away. */
static void saturated(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const struct shape *s = &shapes[i];
        struct tape tape = {0};
        struct window w;
        uint64_t seed = 88172645463325252u + i;
        int64_t now = (int64_t)(next_random(&seed) % 1000000);
        int64_t end = now + s->days_ms;

        assert_true(window_init(&w, s->count, s->per_ms));
        while (now < end) {
            int64_t at = window_ready(&w, now);
            if (at > now) {
                now = at + (s->late_ms ? (int64_t)(next_random(&seed) % s->late_ms) : 0);
                continue;
            }
            window_take(&w, now);
            tape_add(&tape, now);
        }
        assert_int_equal(tape_most(&tape, s->per_ms), s->count);
        uint64_t allowed = (uint64_t)(s->days_ms / s->per_ms) * s->count;
        assert_true(tape.len * 100 >= allowed * 99);
        window_deinit(&w);
        free(tape.at);
    }
}

/* Demand that comes and goes, by ones and in bursts, off the window's rhythm. */
static void bursts(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 40; round++) {
        uint64_t seed = round * 0x9e3779b97f4a7c15u;
        uint32_t count = (uint32_t)(1 + next_random(&seed) % 50);
        int64_t per_ms = (int64_t)(1 + next_random(&seed) % 5000);
        struct tape tape = {0};
        struct window w;
        int64_t now = 0;

        assert_true(window_init(&w, count, per_ms));
        for (int i = 0; i < 300; i++) {
            now += (int64_t)(next_random(&seed) % (uint64_t)(2 * per_ms));
            for (uint64_t burst = next_random(&seed) % (2 * count + 1); burst > 0; burst--) {
                int64_t at = window_ready(&w, now);
                if (at > now && next_random(&seed) % 2)
                    break;
                now = at > now ? at : now;
                window_take(&w, now);
                tape_add(&tape, now);
            }
        }
        assert_true(tape_most(&tape, per_ms) <= count);
        window_deinit(&w);
        free(tape.at);
    }
}

/* The edge itself: the last millisecond of a window is refused, the next one is not. */
static void edge(void **state)
{
    struct window w;

    (void)state;
    assert_true(window_init(&w, 2, 1000));
    window_take(&w, 100);
    assert_true(window_ready(&w, 150) <= 150);
    window_take(&w, 150);
    assert_int_equal(window_ready(&w, 160), 1100);
    assert_true(window_ready(&w, 1099) > 1099);
    assert_true(window_ready(&w, 1100) <= 1100);
    window_take(&w, 1100);
    assert_int_equal(window_ready(&w, 1100), 1150);
    window_deinit(&w);
}

/* Against a count of all moments there were. */
static void used(void **state)
{
    static const uint32_t counts[] = {1, 2, 7, 60};
    uint64_t seed = 7;

    (void)state;
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        int64_t sent[2000], now = 0;
        unsigned n = 0;
        struct window w;
        assert_true(window_init(&w, counts[k], 1000));
        for (int step = 0; step < 4000; step++) {
            uint32_t expected = 0;
            now += (int64_t)(next_random(&seed) % (1500 / counts[k]));
            for (unsigned i = 0; i < n; i++)
                expected += sent[i] + 1000 > now;
            assert_int_equal(window_used(&w, now), expected);
            assert_int_equal(window_ready(&w, now) <= now, expected < counts[k]);
            if (expected < counts[k] && n < 2000) {
                window_take(&w, now);
                sent[n++] = now;
            }
        }
        assert_true(n > counts[k]);
        window_deinit(&w);
    }
}

static void pauses(void **state)
{
    static const struct {
        unsigned n;
        int64_t ceiling_ms;
    } rows[] = {{1, 500},   {2, 1000},  {3, 2000},  {4, 4000},   {5, 8000},
                {6, 16000}, {7, 32000}, {8, 60000}, {50, 60000}, {UINT32_MAX, 60000}};
    uint64_t seed = 42;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t most = 0;
        assert_int_equal(backoff_pause_ms(rows[i].n, 0), 0);
        assert_int_equal(backoff_pause_ms(rows[i].n, (uint64_t)rows[i].ceiling_ms),
                         rows[i].ceiling_ms);
        for (int k = 0; k < 2000; k++) {
            int64_t pause = backoff_pause_ms(rows[i].n, next_random(&seed));
            assert_in_range(pause, 0, rows[i].ceiling_ms);
            most = pause > most ? pause : most;
        }
        /* Full jitter reaches the top of its range as well. */
        assert_true(most > rows[i].ceiling_ms * 95 / 100);
    }
}

static void budget(void **state)
{
    static const struct {
        uint64_t requests, retries;
        bool allowed;
    } rows[] = {
        {0, 0, true},
        {0, 9, true},
        {0, 10, false},
        {100, 9, true},
        {100, 10, false},
        {109, 10, false},
        {110, 10, true},
        {1000, 99, true},
        {1000, 100, false},
        {UINT64_MAX, UINT64_MAX / 11, true},
        {UINT64_MAX, UINT64_MAX / 9, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct retry_budget b = {rows[i].requests, rows[i].retries};
        assert_int_equal(backoff_allows(&b), rows[i].allowed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(used), cmocka_unit_test(saturated), cmocka_unit_test(bursts),
        cmocka_unit_test(edge), cmocka_unit_test(pauses),    cmocka_unit_test(budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
