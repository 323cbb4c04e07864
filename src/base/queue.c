/* Hands items from thread to thread.
 *
 * 1. Under the lock, *last is the link that the next item goes into; it is &first when the queue is
 * empty.
 * 2. After the close no item comes in; those inside are still taken.
 * Any thread may call any function but init and deinit, which need the queue for themselves. */
#include "base/queue.h"

void queue_init(struct queue *q)
{
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, NULL);
    q->first = NULL;
    q->last = &q->first;
    q->closed = false;
}

void queue_deinit(struct queue *q)
{
    pthread_cond_destroy(&q->filled);
    pthread_mutex_destroy(&q->lock);
}

bool queue_push(struct queue *q, struct queue_item *item)
{
    pthread_mutex_lock(&q->lock);
    bool open = !q->closed;
    if (open) {
        item->next = NULL;
        *q->last = item;
        q->last = &item->next;
        pthread_cond_signal(&q->filled);
    }
    pthread_mutex_unlock(&q->lock);
    return open;
}

static struct queue_item *take_all_locked(struct queue *q)
{
    struct queue_item *all = q->first;

    q->first = NULL;
    q->last = &q->first;
    return all;
}

struct queue_item *queue_take_all(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    struct queue_item *all = take_all_locked(q);
    pthread_mutex_unlock(&q->lock);
    return all;
}

struct queue_item *queue_wait_all(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->closed)
        pthread_cond_wait(&q->filled, &q->lock);
    struct queue_item *all = take_all_locked(q);
    pthread_mutex_unlock(&q->lock);
    return all;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->filled);
    pthread_mutex_unlock(&q->lock);
}
