/* Keeps libcurl's sockets in the loop between requests.
 *
 * 1. entries[fd] exists from watch_socket to watch_close, or from the first watch_start to
 *    watch_stop for a socket that is not ours.
 * 2. `wanted` says whether libcurl asks for it; `events` what the loop watches, which may be more
 *    than nothing while not wanted.
 * 3. A descriptor's number is not free for reuse before its handle left the loop: uv_close takes it
 *    out at once, and only then is it closed.
 *
 * All on the loop's thread. */
#include "net/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct watch_entry {
    uv_poll_t poll;
    struct watch *watch;
    int fd;
    int events;
    bool ours; /* closed by watch_close */
    bool wanted;
    bool opened; /* poll is a handle of the loop */
};

void watch_init(struct watch *w, uv_loop_t *loop,
                void (*ready)(void *arg, int fd, int status, int events),
                void (*drained)(void *arg), void *arg)
{
    *w = (struct watch){.loop = loop, .ready = ready, .drained = drained, .arg = arg};
}

void watch_deinit(struct watch *w)
{
    free(w->entries);
    w->entries = NULL;
    w->entries_len = 0;
}

static struct watch_entry *entry_find(const struct watch *w, int fd)
{
    return fd >= 0 && fd < w->entries_len ? w->entries[fd] : NULL;
}

static bool entries_grow(struct watch *w, int fd)
{
    if (fd < w->entries_len)
        return true;
    int len = w->entries_len ? w->entries_len : 64;
    while (len <= fd)
        len *= 2;
    struct watch_entry **entries = realloc(w->entries, (size_t)len * sizeof(struct watch_entry *));
    if (entries == NULL)
        return false;
    memset(entries + w->entries_len, 0,
           (size_t)(len - w->entries_len) * sizeof(struct watch_entry *));
    w->entries = entries;
    w->entries_len = len;
    return true;
}

static struct watch_entry *entry_create(struct watch *w, int fd, bool ours)
{
    struct watch_entry *entry = entries_grow(w, fd) ? calloc(1, sizeof(*entry)) : NULL;
    if (entry == NULL)
        return NULL;
    entry->watch = w;
    entry->fd = fd;
    entry->ours = ours;
    w->entries[fd] = entry;
    return entry;
}

static void on_closed(uv_handle_t *handle)
{
    struct watch_entry *entry = handle->data;
    struct watch *w = entry->watch;
    free(entry);
    if (--w->handles == 0)
        w->drained(w->arg);
}

static void entry_remove(struct watch_entry *entry)
{
    entry->watch->entries[entry->fd] = NULL;
    entry->wanted = false;
    if (entry->opened)
        uv_close((uv_handle_t *)&entry->poll, on_closed);
    else
        free(entry);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct watch_entry *entry = poll->data;
    if (entry->wanted) {
        entry->watch->ready(entry->watch->arg, entry->fd, status, events);
        return;
    }
    /* The peer closed an idle connection, mostly: nobody will read that now. */
    uv_poll_stop(poll);
    entry->events = 0;
}

int watch_socket(struct watch *w, int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return -1;
    if (entry_create(w, fd, true))
        return fd;
    close(fd);
    return -1;
}

bool watch_start(struct watch *w, int fd, int events)
{
    struct watch_entry *entry = entry_find(w, fd);
    if (entry == NULL)
        entry = entry_create(w, fd, false);
    if (entry == NULL)
        return false;
    if (!entry->opened) {
        if (uv_poll_init(w->loop, &entry->poll, fd))
            return false;
        entry->poll.data = entry;
        entry->opened = true;
        w->handles++;
    }
    entry->wanted = true;
    if (entry->events == events)
        return true;
    entry->events = events;
    return uv_poll_start(&entry->poll, events, on_ready) == 0;
}

void watch_stop(struct watch *w, int fd)
{
    struct watch_entry *entry = entry_find(w, fd);
    if (entry == NULL)
        return;
    entry->wanted = false;
    if (!entry->ours)
        entry_remove(entry);
}

void watch_close(struct watch *w, int fd)
{
    struct watch_entry *entry = entry_find(w, fd);
    if (entry)
        entry_remove(entry);
    close(fd);
}
