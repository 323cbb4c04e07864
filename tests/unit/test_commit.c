/* Group commit: nothing is lost, the order stays, `done` comes after durable, and after a failure
 * nothing is written any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "ledger/commit.h"
#include "ledger/db.h"

struct fixture {
    char dir[64];
    struct ledger *l;
    struct commit *c;
    struct error e;
    int wake[2]; /* a pipe, as a loop would have it */
    atomic_uint wakes;
    atomic_uint applied;
    unsigned done;
    unsigned durable;
};

/* Writes number n; what each test wants besides is in the functions it points to. */
struct number_op {
    struct commit_op op;
    struct fixture *f;
    unsigned n;
    int fails;   /* the code with which apply ends */
    sem_t *gate; /* apply waits at it, having said so at `at_gate` */
    sem_t *at_gate;
    int64_t seen; /* what apply reads before it writes */
    unsigned again;
    char message[200]; /* of the error that came back */
};

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, f->e.message);                                               \
    } while (0)

static void wake(void *arg)
{
    struct fixture *f = arg;

    atomic_fetch_add(&f->wakes, 1);
    if (write(f->wake[1], "", 1) != 1)
        abort();
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    strcpy(f->dir, "/tmp/test_commit.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(pipe(f->wake), 0);
    OK(ledger_open(&f->l, f->dir, true, &f->e));
    OK(commit_start(&f->c, f->l, wake, f, &f->e));
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    commit_stop(f->c);
    ledger_close(f->l);
    close(f->wake[0]);
    close(f->wake[1]);
    assert_int_equal(nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    free(f);
    return 0;
}

/* Back to the state in which the test owns the ledger. */
static void stop(struct fixture *f)
{
    commit_stop(f->c);
    f->c = NULL;
}

/* What a loop does: sleep until woken, then collect. */
static void wait_and_collect(struct fixture *f)
{
    struct pollfd p = {.fd = f->wake[0], .events = POLLIN};
    char bytes[64];

    assert_int_equal(poll(&p, 1, 60000), 1);
    assert_true(read(f->wake[0], bytes, sizeof(bytes)) > 0);
    commit_collect(f->c);
}

static int apply_number(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct number_op *o = (struct number_op *)op;

    atomic_fetch_add(&o->f->applied, 1);
    if (o->gate) {
        sem_post(o->at_gate);
        sem_wait(o->gate);
    }
    o->seen = -1;
    int code = ledger_get_i64(l, "n", &o->seen, e);
    if (code < 0)
        return code;
    if (o->fails != 0)
        return error_set(e, o->fails, "number %u does not want to", o->n);
    return ledger_set_i64(l, "n", o->n, e);
}

static void done_number(struct commit_op *op, const struct error *e)
{
    struct number_op *o = (struct number_op *)op;
    struct fixture *f = o->f;

    assert_int_equal(o->n, f->done);
    f->done++;
    f->durable += e == NULL;
    if (e)
        snprintf(o->message, sizeof(o->message), "%d %.150s", e->code, e->message);
}

static struct number_op *make_ops(struct fixture *f, unsigned count)
{
    struct number_op *ops = calloc(count, sizeof(*ops));

    for (unsigned i = 0; i < count; i++)
        ops[i] =
            (struct number_op){.op = {.apply = apply_number, .done = done_number}, .f = f, .n = i};
    return ops;
}

static int64_t last_number(struct fixture *f)
{
    int64_t n = -1;

    ledger_close(f->l);
    f->l = NULL;
    OK(ledger_open(&f->l, f->dir, false, &f->e));
    assert_true(ledger_get_i64(f->l, "n", &n, &f->e) >= 0);
    return n;
}

static void test_order_and_count(void **state)
{
    struct fixture *f = *state;
    unsigned count = 10000;
    struct number_op *ops = make_ops(f, count);

    assert_int_equal(commit_pending(f->c), 0);
    for (unsigned i = 0; i < count; i++)
        commit_push(f->c, &ops[i].op);
    assert_int_equal(commit_pending(f->c), count);
    while (f->done < count) {
        wait_and_collect(f);
        assert_int_equal(commit_pending(f->c), count - f->done);
    }
    assert_int_equal(f->durable, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(ops[i].seen, (int64_t)i - 1);
    assert_true(atomic_load(&f->wakes) >= count / COMMIT_GROUP_MAX);
    commit_collect(f->c);
    stop(f);
    assert_int_equal(last_number(f), count - 1);
    free(ops);
}

static void copy_into(const struct fixture *f, const char *to, const char *name)
{
    struct error e;
    char path[200];
    char *data;
    size_t len;

    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    assert_int_equal(file_read_all(path, 100 << 20, &data, &len, &e), 0);
    snprintf(path, sizeof(path), "%s/%s", to, name);
    assert_int_equal(file_replace(path, (struct slice){data, len}, false, &e), 0);
    free(data);
}

/* What the files hold at the moment of `done` is what a crash would leave. */
static void done_looks_into_the_files(struct commit_op *op, const struct error *e)
{
    struct number_op *o = (struct number_op *)op;
    struct fixture *f = o->f;
    struct ledger *copy;
    char to[100];
    int64_t n = -1;

    assert_null(e);
    snprintf(to, sizeof(to), "%s/copy", f->dir);
    OK(file_make_private_folder(to, &f->e));
    copy_into(f, to, "ledger.db");
    copy_into(f, to, "ledger.db-wal");
    OK(ledger_open(&copy, to, false, &f->e));
    assert_int_equal(ledger_get_i64(copy, "n", &n, &f->e), 1);
    ledger_close(copy);
    assert_true(n >= o->n);
    f->done++;
}

static void test_done_comes_after_durable(void **state)
{
    struct fixture *f = *state;
    unsigned count = 30;
    struct number_op *ops = make_ops(f, count);

    for (unsigned i = 0; i < count; i++) {
        ops[i].op.done = done_looks_into_the_files;
        commit_push(f->c, &ops[i].op);
        if (i % 3 == 0)
            commit_collect(f->c);
    }
    stop(f);
    assert_int_equal(f->done, count);
    free(ops);
}

/* Let the first operation wait in its transaction until all others are pushed, so that the groups
 * are known: the first alone, then COMMIT_GROUP_MAX each. */
static void push_in_known_groups(struct fixture *f, struct number_op *ops, unsigned count)
{
    sem_t gate, at_gate;

    sem_init(&gate, 0, 0);
    sem_init(&at_gate, 0, 0);
    ops[0].gate = &gate;
    ops[0].at_gate = &at_gate;
    commit_push(f->c, &ops[0].op);
    sem_wait(&at_gate);
    for (unsigned i = 1; i < count; i++)
        commit_push(f->c, &ops[i].op);
    sem_post(&gate);
    while (f->done < count)
        wait_and_collect(f);
    sem_destroy(&gate);
    sem_destroy(&at_gate);
}

static void test_groups_are_bounded(void **state)
{
    struct fixture *f = *state;
    unsigned count = 1 + 2 * COMMIT_GROUP_MAX + 1;
    struct number_op *ops = make_ops(f, count);

    push_in_known_groups(f, ops, count);
    stop(f);
    assert_int_equal(atomic_load(&f->wakes), 4);
    assert_int_equal(f->durable, count);
    free(ops);
}

static void test_failure_ends_its_group_and_all_later(void **state)
{
    struct fixture *f = *state;
    unsigned count = 1 + 3 * COMMIT_GROUP_MAX;
    unsigned bad = 1 + COMMIT_GROUP_MAX + 100;
    struct number_op *ops = make_ops(f, count);
    struct number_op late = ops[0];
    char want[200];

    ops[bad].fails = ERR_CONFIG;
    push_in_known_groups(f, ops, count);
    assert_int_equal(f->durable, 1 + COMMIT_GROUP_MAX);
    snprintf(want, sizeof(want), "%d number %u does not want to", ERR_CONFIG, bad);
    for (unsigned i = 0; i < count; i++)
        assert_string_equal(ops[i].message, i < 1 + COMMIT_GROUP_MAX ? "" : want);
    /* Nothing is applied any more. */
    assert_int_equal(atomic_load(&f->applied), bad + 1);
    late.n = count;
    commit_push(f->c, &late.op);
    stop(f);
    assert_int_equal(f->done, count + 1);
    assert_string_equal(late.message, want);
    assert_int_equal(atomic_load(&f->applied), bad + 1);
    assert_int_equal(last_number(f), COMMIT_GROUP_MAX);
    free(ops);
}

static int apply_too_much(struct commit_op *op, struct ledger *l, struct error *e)
{
    static char body[1 << 20];

    (void)op;
    return ledger_set(l, "much", (struct slice){body, sizeof(body)}, e);
}

static void test_full_disk_comes_back(void **state)
{
    struct fixture *f = *state;
    struct number_op *ops = make_ops(f, 3);

    stop(f);
    OK(db_exec(f->l, "test", "PRAGMA max_page_count = 60", &f->e));
    OK(commit_start(&f->c, f->l, wake, f, &f->e));
    commit_push(f->c, &ops[0].op);
    while (f->done < 1)
        wait_and_collect(f);
    ops[1].op.apply = apply_too_much;
    commit_push(f->c, &ops[1].op);
    commit_push(f->c, &ops[2].op);
    stop(f);
    assert_int_equal(f->durable, 1);
    for (unsigned i = 1; i < 3; i++) {
        assert_non_null(strstr(ops[i].message, "-74 "));
        assert_non_null(strstr(ops[i].message, "the disk is full"));
    }
    assert_int_equal(last_number(f), 0);
    free(ops);
}

static int apply_without_a_word(struct commit_op *op, struct ledger *l, struct error *e)
{
    (void)op;
    (void)l;
    (void)e;
    return -1;
}

static void test_failure_without_a_word_is_one(void **state)
{
    struct fixture *f = *state;
    struct number_op *ops = make_ops(f, 2);

    ops[0].op.apply = apply_without_a_word;
    commit_push(f->c, &ops[0].op);
    commit_push(f->c, &ops[1].op);
    stop(f);
    assert_int_equal(f->done, 2);
    assert_int_equal(f->durable, 0);
    assert_int_equal(last_number(f), -1);
    free(ops);
}

static void done_pushes_again(struct commit_op *op, const struct error *e)
{
    struct number_op *o = (struct number_op *)op;
    struct fixture *f = o->f;

    assert_null(e);
    f->done++;
    o->n++;
    if (o->again-- > 0)
        commit_push(f->c, op);
}

static void test_stop_waits_for_what_done_pushes(void **state)
{
    struct fixture *f = *state;
    struct number_op *ops = make_ops(f, 1);

    ops[0].op.done = done_pushes_again;
    ops[0].again = 5;
    commit_push(f->c, &ops[0].op);
    stop(f);
    assert_int_equal(f->done, 6);
    assert_int_equal(last_number(f), 5);
    free(ops);
}

static void test_stop_at_once(void **state)
{
    struct fixture *f = *state;

    stop(f);
    commit_stop(NULL);
    /* The ledger is ours again, and can be given away again. */
    OK(ledger_set_i64(f->l, "n", 7, &f->e));
    OK(commit_start(&f->c, f->l, wake, f, &f->e));
    stop(f);
    assert_int_equal(last_number(f), 7);
}

/* Several threads push; each one's operations keep their order. */

#define PRODUCERS    4
#define PER_PRODUCER 2000

struct producer {
    struct fixture *f;
    struct producer_op {
        struct commit_op op;
        struct producer *by;
        unsigned n;
    } ops[PER_PRODUCER];
    unsigned applied; /* on the ledger's thread */
    unsigned done;    /* on the collecting thread */
};

static int apply_in_order(struct commit_op *op, struct ledger *l, struct error *e)
{
    struct producer_op *o = (struct producer_op *)op;

    if (o->n != o->by->applied++)
        return error_set(e, ERR_INTERNAL, "number %u came out of order", o->n);
    return ledger_set_i64(l, "n", o->n, e);
}

static void done_in_order(struct commit_op *op, const struct error *e)
{
    struct producer_op *o = (struct producer_op *)op;

    if (e)
        fail_msg("%s", e->message);
    assert_int_equal(o->n, o->by->done++);
}

static void *produce(void *arg)
{
    struct producer *p = arg;

    for (unsigned i = 0; i < PER_PRODUCER; i++) {
        p->ops[i] = (struct producer_op){
            .op = {.apply = apply_in_order, .done = done_in_order}, .by = p, .n = i};
        commit_push(p->f->c, &p->ops[i].op);
    }
    return NULL;
}

static void test_many_producers(void **state)
{
    struct fixture *f = *state;
    struct producer *producers = calloc(PRODUCERS, sizeof(*producers));
    pthread_t threads[PRODUCERS];

    for (int i = 0; i < PRODUCERS; i++) {
        producers[i].f = f;
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (unsigned done = 0; done < PRODUCERS * PER_PRODUCER;) {
        wait_and_collect(f);
        done = 0;
        for (int i = 0; i < PRODUCERS; i++)
            done += producers[i].done;
    }
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(commit_pending(f->c), 0);
    stop(f);
    free(producers);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order_and_count),
        TEST(test_done_comes_after_durable),
        TEST(test_groups_are_bounded),
        TEST(test_failure_ends_its_group_and_all_later),
        TEST(test_full_disk_comes_back),
        TEST(test_failure_without_a_word_is_one),
        TEST(test_stop_waits_for_what_done_pushes),
        TEST(test_stop_at_once),
        TEST(test_many_producers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
