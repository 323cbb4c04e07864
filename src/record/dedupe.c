/* The identities of a step, each with its first record.
 *
 * An extendible hash table. The leading bits of an identity choose an entry of the directory, which
 * names a page; a full page is split in two by the next bit. Other bits choose one of the groups of
 * the page, which is filled from its first slot on; a full one is followed by the next. So one
 * lookup reads one group, seldom two, and nothing else but what is in memory anyway.
 *
 * The first pages made stay in memory and all later ones are in the file. Identities are hashes:
 * no page is asked for more often than another, and no rule for keeping pages would beat this one.
 *
 * Why the file is read and written rather than mapped: what is mapped counts as the memory of the
 * process (a fault maps up to 16 pages around, whatever is advised), a fault costs more than a
 * read and a write of the few bytes that matter, and a bad disk would be a signal, not an error.
 *
 * Invariants:
 *  1. How full each group is, is known in memory. A slot within it that has no record means that
 * the file lost what was written, and is an error: never an identity that is not there.
 *  2. A page has a group with a free slot, at which the search in it ends.
 *  3. A split writes two other pages and then changes the directory; the old one is kept for the
 * next split. A slot is written before it is counted. So after a failure the table is as it was.
 *  4. The directory has at most DIRECTORY_PER_PAGE entries a page when it is doubled. Where many
 * identities begin alike, which those of no list do, a page that may not be split has another
 * behind it instead, and its identities are found by reading both.
 *
 * Failure modes: the disk is full, or fails: the call does, with the error. One thread at a time.
 */
#include "record/dedupe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define PAGE_SIZE      4096 /* a block of most file systems */
#define PAGE_GROUPS    8
#define GROUP_SLOTS    25
#define PAGE_FULL      180 /* of 200 slots: most groups still have a free one */
#define PAGES_RESIDENT ((uint32_t)(DEDUPE_RESIDENT_MAX / PAGE_SIZE))
#define PAGES_FIRST    1024 /* room for so many to begin with */

#define DEPTH_MAX          28 /* four thousand million records need 26 */
#define DIRECTORY_PER_PAGE 16 /* a list has 1 to 4 */

#define NONE UINT32_MAX

struct slot {
    uint8_t hash[16];
    uint32_t first;
};
static_assert(sizeof(struct slot) == 20, "slots are packed");

struct group {
    struct slot slots[GROUP_SLOTS];
    uint8_t unused[12]; /* a group is whole sectors of a disk */
};

struct page {
    struct group groups[PAGE_GROUPS];
};
static_assert(sizeof(struct page) == PAGE_SIZE, "pages are whole blocks");
static_assert(PAGE_FULL < PAGE_GROUPS * GROUP_SLOTS, "a page has a free slot");

/* What is known of a page in memory. */
struct leaf {
    uint32_t next; /* the page behind it; NONE */
    uint8_t depth; /* leading bits that all its identities share */
    uint8_t used;
    uint8_t fill[PAGE_GROUPS];
};

struct dedupe {
    char *folder;
    int fd; /* -1 until there is a page that memory has no room for */
    struct page *resident;
    struct leaf *leaves; /* by page */
    uint32_t page_count, page_room;
    uint32_t spare; /* a page that a split left over; NONE */
    uint32_t *directory;
    unsigned depth; /* 2^depth entries */
    size_t count;
    struct error error;
};

/* The parts of an identity that choose its place. */
struct key {
    uint64_t prefix; /* whose leading bits choose the page */
    unsigned home;   /* the group */
};

struct place {
    uint32_t page;
    unsigned group;
};

struct dedupe *dedupe_create(const char *folder, struct error *e)
{
    const char *tmp = getenv("TMPDIR");
    struct dedupe *d = calloc(1, sizeof *d);
    if (d == NULL) {
        error_set(e, ERR_INTERNAL, "no memory for the table of identities");
        return NULL;
    }
    if (folder == NULL)
        folder = tmp != NULL && *tmp != '\0' ? tmp : "/tmp";
    d->fd = -1;
    d->spare = NONE;
    d->page_count = 1;
    d->page_room = PAGES_FIRST;
    d->folder = strdup(folder);
    /* Untouched memory is free: a small table has little of this. */
    d->resident = calloc(PAGES_RESIDENT, sizeof *d->resident);
    d->leaves = calloc(d->page_room, sizeof *d->leaves);
    d->directory = calloc(1, sizeof *d->directory);
    if (!d->folder || !d->resident || !d->leaves || !d->directory) {
        error_set(e, ERR_INTERNAL, "no memory for the table of identities");
        dedupe_destroy(d);
        return NULL;
    }
    d->leaves[0].next = NONE;
    return d;
}

void dedupe_destroy(struct dedupe *d)
{
    if (!d)
        return;
    if (d->fd >= 0)
        close(d->fd);
    free(d->directory);
    free(d->leaves);
    free(d->resident);
    free(d->folder);
    free(d);
}

/* --- pages, in memory or in the file --- */

static int in_file(struct dedupe *d, int rc)
{
    return rc == 0 ? 0 : error_prefix(&d->error, "the table of identities in %s", d->folder);
}

static int no_memory(struct dedupe *d)
{
    return error_set(&d->error, ERR_INTERNAL, "no memory for more identities");
}

static uint64_t offset_of(uint32_t page)
{
    return (uint64_t)(page - PAGES_RESIDENT) * PAGE_SIZE;
}

static int page_read(struct dedupe *d, uint32_t page, size_t at, void *data, size_t len)
{
    if (page < PAGES_RESIDENT) {
        memcpy(data, (const char *)&d->resident[page] + at, len);
        return 0;
    }
    return in_file(d, file_read_at(d->fd, data, len, offset_of(page) + at, &d->error));
}

static int page_write(struct dedupe *d, uint32_t page, size_t at, const void *data, size_t len)
{
    if (page < PAGES_RESIDENT) {
        memcpy((char *)&d->resident[page] + at, data, len);
        return 0;
    }
    return in_file(d, file_write_at(d->fd, data, len, offset_of(page) + at, &d->error));
}

static int open_file(struct dedupe *d)
{
    /* O_EXCL: nobody can give it a name. */
    d->fd = open(d->folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (d->fd < 0) {
        /* Not every file system has O_TMPFILE. */
        char *path = file_join(d->folder, "identities.XXXXXX");
        d->fd = mkostemp(path, O_CLOEXEC);
        if (d->fd >= 0)
            unlink(path);
        free(path);
    }
    if (d->fd < 0)
        return error_errno(&d->error, ERR_CANTCREATE, errno,
                           "the table of identities cannot be made in %s", d->folder);
    /* Advice: without it a page that was taken back would be read with its neighbours. */
    posix_fadvise(d->fd, 0, 0, POSIX_FADV_RANDOM);
    return 0;
}

/* Make it possible that there are so many pages. */
static int allow_pages(struct dedupe *d, uint32_t count)
{
    if (count > d->page_room) {
        uint32_t room = d->page_room + d->page_room / 4;
        struct leaf *more = realloc(d->leaves, room * sizeof *more);
        if (more == NULL)
            return no_memory(d);
        d->leaves = more;
        d->page_room = room;
    }
    return count > PAGES_RESIDENT && d->fd < 0 ? open_file(d) : 0;
}

/* --- searching --- */

static struct key key_of(const uint8_t *hash)
{
    uint64_t tail;
    struct key key;
    memcpy(&key.prefix, hash, sizeof key.prefix);
    memcpy(&tail, hash + sizeof key.prefix, sizeof tail);
    key.home = (unsigned)(tail % PAGE_GROUPS);
    return key;
}

static size_t entry_of(const struct dedupe *d, uint64_t prefix)
{
    return d->depth == 0 ? 0 : (size_t)(prefix >> (64 - d->depth));
}

/* Look into a group. 1 found, with *first; 0 not there; or a code. */
static int search_group(struct dedupe *d, struct place at, const uint8_t *hash, uint32_t *first)
{
    struct slot slots[GROUP_SLOTS];
    unsigned fill = d->leaves[at.page].fill[at.group];
    if (fill == 0)
        return 0;
    int rc = page_read(d, at.page, at.group * sizeof(struct group), slots, fill * sizeof *slots);
    if (rc != 0)
        return rc;
    for (unsigned i = 0; i < fill; i++) {
        if (slots[i].first == 0)
            return in_file(d, error_set(&d->error, ERR_IO, "what was written is not there"));
        if (memcmp(slots[i].hash, hash, sizeof slots[i].hash) == 0) {
            *first = slots[i].first;
            return 1;
        }
    }
    return 0;
}

/* The same for the whole table. When it is not there, *at is where it belongs. */
static int search(struct dedupe *d, const uint8_t *hash, struct place *at, uint32_t *first)
{
    struct key key = key_of(hash);
    at->page = d->directory[entry_of(d, key.prefix)];
    at->group = key.home;
    for (;;) {
        const struct leaf *leaf = &d->leaves[at->page];
        int rc = search_group(d, *at, hash, first);
        if (rc != 0)
            return rc;
        if (leaf->fill[at->group] == GROUP_SLOTS) {
            at->group = (at->group + 1) % PAGE_GROUPS;
        } else if (leaf->next != NONE) {
            at->page = leaf->next;
            at->group = key.home;
        } else {
            return 0;
        }
    }
}

/* --- growing --- */

static void put(struct page *page, struct leaf *leaf, const struct slot *slot)
{
    unsigned g = key_of(slot->hash).home;
    while (leaf->fill[g] == GROUP_SLOTS)
        g = (g + 1) % PAGE_GROUPS;
    page->groups[g].slots[leaf->fill[g]++] = *slot;
    leaf->used++;
}

static int double_directory(struct dedupe *d)
{
    size_t entries = (size_t)1 << d->depth;
    uint32_t *more = realloc(d->directory, 2 * entries * sizeof *more);
    if (more == NULL)
        return no_memory(d);
    /* From the end, because it moves apart in place. */
    for (size_t i = entries; i-- > 0;)
        more[2 * i] = more[2 * i + 1] = more[i];
    d->directory = more;
    d->depth++;
    return 0;
}

/* Whether a page that begins a chain can be split. */
static bool may_split(const struct dedupe *d, uint32_t page)
{
    if (d->leaves[page].depth < d->depth)
        return true;
    return d->depth < DEPTH_MAX &&
           ((uint64_t)1 << d->depth) < (uint64_t)DIRECTORY_PER_PAGE * d->page_count;
}

/* The halves of a page are written, the lower one and the upper: let the directory know. */
static void switch_to(struct dedupe *d, uint64_t prefix, uint32_t old, const uint32_t halves[2])
{
    unsigned extra = d->depth - d->leaves[old].depth; /* at least 1 */
    size_t entries = (size_t)1 << extra;
    size_t from = entry_of(d, prefix) >> extra << extra;
    for (size_t i = 0; i < entries; i++)
        d->directory[from + i] = halves[i >= entries / 2];
}

/* A page for use: the spare one, else one more than *count. */
static uint32_t take_page(const struct dedupe *d, uint32_t *count)
{
    return d->spare != NONE ? d->spare : (*count)++;
}

/* Deal the identities of a page out by their next bit. */
static void deal(const struct page *page, const struct leaf *leaf, struct page pages[2],
                 struct leaf leaves[2])
{
    for (unsigned half = 0; half < 2; half++) {
        memset(&pages[half], 0, sizeof pages[half]);
        leaves[half] = (struct leaf){.next = NONE, .depth = (uint8_t)(leaf->depth + 1)};
    }
    for (unsigned g = 0; g < PAGE_GROUPS; g++)
        for (unsigned i = 0; i < leaf->fill[g]; i++) {
            const struct slot *slot = &page->groups[g].slots[i];
            unsigned half = key_of(slot->hash).prefix >> (63 - leaf->depth) & 1;
            put(&pages[half], &leaves[half], slot);
        }
}

static int split(struct dedupe *d, uint64_t prefix, uint32_t old)
{
    struct page page, pages[2];
    struct leaf leaves[2];
    uint32_t halves[2], count = d->page_count;
    halves[0] = take_page(d, &count);
    halves[1] = count++;
    int rc = allow_pages(d, count);
    if (rc == 0 && d->leaves[old].depth == d->depth)
        rc = double_directory(d);
    if (rc == 0)
        rc = page_read(d, old, 0, &page, sizeof page);
    if (rc != 0)
        return rc;
    deal(&page, &d->leaves[old], pages, leaves);
    for (unsigned half = 0; half < 2; half++)
        if ((rc = page_write(d, halves[half], 0, &pages[half], sizeof pages[half])) != 0)
            return rc;
    switch_to(d, prefix, old, halves);
    d->leaves[halves[0]] = leaves[0];
    d->leaves[halves[1]] = leaves[1];
    d->page_count = count;
    d->spare = old;
    return 0;
}

/* Put an empty page behind the last one of a chain. It is written whole, for the disk's sake. */
static int append(struct dedupe *d, uint32_t last)
{
    static const struct page empty;
    uint32_t count = d->page_count;
    uint32_t page = take_page(d, &count);
    int rc = allow_pages(d, count);
    if (rc == 0)
        rc = page_write(d, page, 0, &empty, sizeof empty);
    if (rc != 0)
        return rc;
    d->leaves[page] = (struct leaf){.next = NONE, .depth = d->leaves[last].depth};
    d->leaves[last].next = page;
    d->page_count = count;
    d->spare = NONE;
    return 0;
}

/* --- the table --- */

/* What record_identity answers when it found no memory must not make strangers duplicates. */
static bool is_none(struct dedupe *d, struct identity id)
{
    static const struct identity none;
    d->error.code = 0;
    if (memcmp(&id, &none, sizeof id) != 0)
        return false;
    error_set(&d->error, ERR_INTERNAL, "no memory to tell an identity");
    return true;
}

static int fill_slot(struct dedupe *d, struct place at, const uint8_t *hash, uint32_t record)
{
    struct leaf *leaf = &d->leaves[at.page];
    struct slot slot = {.first = record};
    memcpy(slot.hash, hash, sizeof slot.hash);
    size_t offset = at.group * sizeof(struct group) + leaf->fill[at.group] * sizeof slot;
    int rc = page_write(d, at.page, offset, &slot, sizeof slot);
    if (rc != 0)
        return rc;
    leaf->fill[at.group]++;
    leaf->used++;
    d->count++;
    return 0;
}

uint32_t dedupe_add(struct dedupe *d, struct identity id, uint32_t record)
{
    struct place at;
    uint32_t first;
    int rc;
    assert(record != 0);
    if (is_none(d, id))
        return 0;
    /* Of a page that is split all may fall on one side: as long as it is full. */
    while ((rc = search(d, id.hash, &at, &first)) == 0 && d->leaves[at.page].used == PAGE_FULL) {
        uint64_t prefix = key_of(id.hash).prefix;
        uint32_t head = d->directory[entry_of(d, prefix)];
        rc = head == at.page && may_split(d, head) ? split(d, prefix, head) : append(d, at.page);
        if (rc != 0)
            return 0;
    }
    if (rc == 1)
        return first;
    return rc == 0 && fill_slot(d, at, id.hash, record) == 0 ? record : 0;
}

uint32_t dedupe_find(struct dedupe *d, struct identity id)
{
    struct place at;
    uint32_t first;
    return !is_none(d, id) && search(d, id.hash, &at, &first) == 1 ? first : 0;
}

const struct error *dedupe_error(const struct dedupe *d)
{
    return &d->error;
}

size_t dedupe_count(const struct dedupe *d)
{
    return d->count;
}

size_t dedupe_bytes(const struct dedupe *d)
{
    return d->page_count > PAGES_RESIDENT ? offset_of(d->page_count) : 0;
}

size_t dedupe_memory(const struct dedupe *d)
{
    size_t pages = d->page_count < PAGES_RESIDENT ? d->page_count : PAGES_RESIDENT;
    return sizeof *d + pages * sizeof(struct page) + d->page_room * sizeof(struct leaf) +
           ((size_t)1 << d->depth) * sizeof *d->directory;
}
