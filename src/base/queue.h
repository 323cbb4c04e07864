/* Hand-over between threads: an intrusive, unbounded multi-producer queue whose items change owner
 * when pushed. Bounds are kept by who produces (a counter of what is in flight), where the limit is
 * named. */
#ifndef TRANCHE_BASE_QUEUE_H
#define TRANCHE_BASE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct queue_item {
    struct queue_item *next;
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct queue_item *first, **last;
    bool closed;
};

void queue_init(struct queue *q);
void queue_deinit(struct queue *q);
/* Returns false, and leaves the item with the caller, once the queue is closed. */
bool queue_push(struct queue *q, struct queue_item *item);
/* All items at once, first pushed first; NULL when empty. Never waits. */
struct queue_item *queue_take_all(struct queue *q);
/* The same, waiting while it is empty; NULL only when it is empty and closed. */
struct queue_item *queue_wait_all(struct queue *q);
/* No more pushes; those who wait wake up. */
void queue_close(struct queue *q);

#define queue_owner(item, type, member) ((type *)((char *)(item)-offsetof(type, member)))

#endif
