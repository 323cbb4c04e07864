/* Hand-over between threads: order, waiting, closing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "base/queue.h"

#define PRODUCERS 4
#define EACH      20000

struct parcel {
    int producer, number;
    struct queue_item item;
};

static void test_order_and_close(void **state)
{
    struct queue q;
    struct parcel p[3] = {{.number = 0}, {.number = 1}, {.number = 2}};

    (void)state;
    queue_init(&q);
    assert_null(queue_take_all(&q));
    for (int i = 0; i < 3; i++)
        assert_true(queue_push(&q, &p[i].item));
    int seen = 0;
    for (struct queue_item *i = queue_take_all(&q); i; i = i->next)
        assert_int_equal(queue_owner(i, struct parcel, item)->number, seen++);
    assert_int_equal(seen, 3);
    assert_null(queue_take_all(&q));
    assert_true(queue_push(&q, &p[0].item));
    queue_close(&q);
    assert_false(queue_push(&q, &p[1].item));
    /* What was inside at the close still comes out; then the end shows. */
    struct queue_item *rest = queue_wait_all(&q);
    assert_ptr_equal(rest, &p[0].item);
    assert_null(rest->next);
    assert_null(queue_wait_all(&q));
    queue_deinit(&q);
}

struct producer {
    struct queue *q;
    int id;
};

static void *produce(void *arg)
{
    struct producer *me = arg;

    for (int i = 0; i < EACH; i++) {
        struct parcel *p = calloc(1, sizeof(*p));
        p->producer = me->id;
        p->number = i;
        if (!queue_push(me->q, &p->item))
            abort();
    }
    return NULL;
}

static void test_many_producers(void **state)
{
    struct queue q;
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    int next[PRODUCERS] = {0};
    int total = 0;

    (void)state;
    queue_init(&q);
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){&q, i};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    while (total < PRODUCERS * EACH) {
        struct queue_item *following;
        for (struct queue_item *i = queue_wait_all(&q); i; i = following) {
            struct parcel *p = queue_owner(i, struct parcel, item);
            following = i->next;
            assert_int_equal(p->number, next[p->producer]++);
            total++;
            free(p);
        }
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    queue_deinit(&q);
}

static void *wait_for_end(void *arg)
{
    return queue_wait_all(arg);
}

static void test_close_wakes(void **state)
{
    struct queue q;
    pthread_t threads[3];
    void *result = &q;

    (void)state;
    queue_init(&q);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_end, &q), 0);
    queue_close(&q);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    queue_deinit(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_close),
        cmocka_unit_test(test_many_producers),
        cmocka_unit_test(test_close_wakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
