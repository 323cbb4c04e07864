/* Keeps the account: its state is what the lines of the journal add up to.
 *
 * Each change makes a line and is applied by the same function that applies it when the journal is
 * read again, so that a simulator started again has the same balance, batches and times.
 *
 * 1. granted = available + reserved + spent.
 * 2. A batch is reserved once and settled at most once; what it charges is at most what it
 * reserved.
 * 3. The items of a batch are durable before the line that names them is written.
 *
 * The lines: open {nonce, balance}, submit, settle, single, refused, topup. Killed between a change
 * and its sync: the change was never told to anyone, and is gone. One thread. */
#include "sim/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "sim/journal.h"
#include "wire/json.h"
#include "wire/json_write.h"

#define JOURNAL_VERSION 1
#define DEPTH_MAX       8

/* The last `max` things that happened; older ones are only counted. */
struct ring {
    char *data;
    size_t size;
    uint32_t max, places, used, first;
    uint64_t forgotten;
};

struct account {
    int lock;
    struct items *items;
    struct journal *journal;
    struct json *json;
    bool opened; /* the open line was seen */
    bool unwritten, undurable;
    uint32_t nonce;
    int64_t granted, reserved, spent;
    struct account_batch **batch;
    uint32_t batches, batch_places;
    struct account_singles singles[SERVICES];
    struct ring posts, transactions;
};

/* The simulator has nothing sensible to do without memory for its account. */
static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

/* The place for one more. */
static void *ring_push(struct ring *r)
{
    if (r->used == r->places && r->places < r->max) {
        r->places = r->places ? r->places * 2 : 64;
        r->data = must(realloc(r->data, r->places * r->size));
    }
    if (r->used == r->max) {
        void *place = r->data + r->first * r->size;
        r->first = (r->first + 1) % r->max;
        r->forgotten++;
        return place;
    }
    return r->data + r->used++ * r->size;
}

static const void *ring_get(const struct ring *r, uint64_t i)
{
    return r->data + (r->first + i) % r->max * r->size;
}

/* ---- lines ---- */

static void write_hex(struct buf *out, bool *first, const char *name, const uint8_t *bytes,
                      size_t len)
{
    char text[2 * DIGEST_LEN + 1];
    digest_hex(bytes, len, text);
    json_write_member_string(out, first, name, slice_of(text));
}

static bool read_hex(struct json_value line, const char *name, uint8_t *bytes, size_t len)
{
    struct slice text;
    if (!json_get_string(line, name, &text) || text.len != 2 * len)
        return false;
    for (size_t i = 0; i < 2 * len; i++) {
        char c = text.data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        bytes[i / 2] = (uint8_t)(i % 2 ? bytes[i / 2] | digit : digit << 4);
    }
    return true;
}

static bool read_u32(struct json_value line, const char *name, uint32_t *out)
{
    int64_t value;
    if (!json_get_int(line, name, &value) || value < 0 || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

static bool read_service(struct json_value line, enum service *service)
{
    struct slice name;
    if (!json_get_string(line, "operation", &name))
        return false;
    for (unsigned s = 0; s < SERVICES; s++)
        if (slice_eq(name, slice_of(question_services[s].name))) {
            *service = (enum service)s;
            return true;
        }
    return false;
}

static struct buf *line_begin(struct account *a, bool *first, const char *event, bool durable)
{
    struct buf *out = journal_pending(a->journal);
    a->unwritten = true;
    a->undurable |= durable;
    buf_append_char(out, '{');
    *first = true;
    json_write_member_string(out, first, "event", slice_of(event));
    return out;
}

static void line_end(struct buf *out)
{
    buf_append_text(out, "}\n");
}

static void write_post(struct buf *out, bool *first, const struct account_post *p)
{
    json_write_member_string(out, first, "operation", slice_of(question_services[p->service].name));
    json_write_member_i64(out, first, "status", p->status);
    json_write_member_i64(out, first, "at_ms", p->at_ms);
    json_write_member_i64(out, first, "connection", (int64_t)p->connection);
    write_hex(out, first, "body_sha256", p->body, DIGEST_LEN);
    if (p->fault[0])
        json_write_member_string(out, first, "fault", slice_of(p->fault));
}

static bool read_post(struct json_value line, struct account_post *p)
{
    int64_t status, connection;
    struct slice fault = SLICE_EMPTY;
    *p = (struct account_post){.batch = -1};
    if (!read_service(line, &p->service) || !json_get_int(line, "status", &status) ||
        !json_get_int(line, "at_ms", &p->at_ms) || !json_get_int(line, "connection", &connection) ||
        !read_hex(line, "body_sha256", p->body, DIGEST_LEN))
        return false;
    json_get_string(line, "fault", &fault);
    if (fault.len < sizeof p->fault)
        memcpy(p->fault, fault.data, fault.len);
    p->status = (int)status;
    p->connection = (uint64_t)connection;
    return true;
}

static void write_batch(struct buf *out, bool *first, const struct account_batch *b)
{
    json_write_member_string(out, first, "id", slice_of(b->id));
    json_write_member_i64(out, first, "fate", b->fate);
    json_write_member_i64(out, first, "seed", (int64_t)b->truth.seed);
    json_write_member_i64(out, first, "found_percent", b->truth.found_percent);
    json_write_member_i64(out, first, "items", b->range.count);
    json_write_member_i64(out, first, "original", b->original);
    json_write_member_i64(out, first, "charge_items", b->charge_items);
    json_write_member_i64(out, first, "price", b->price);
    json_write_member_i64(out, first, "reserved", b->reserved);
    json_write_member_i64(out, first, "offset", (int64_t)b->range.offset);
    json_write_member_i64(out, first, "bytes", (int64_t)b->range.bytes);
}

static bool read_batch(struct json_value line, struct account_batch *b)
{
    int64_t seed, offset, bytes;
    uint32_t fate;
    struct slice id;
    if (!json_get_string(line, "id", &id) || id.len >= sizeof b->id ||
        !read_u32(line, "fate", &fate) || fate > FATE_HALF_FAILS ||
        !json_get_int(line, "seed", &seed) ||
        !read_u32(line, "found_percent", &b->truth.found_percent) ||
        !read_u32(line, "items", &b->range.count) || !read_u32(line, "original", &b->original) ||
        !read_u32(line, "charge_items", &b->charge_items) ||
        !json_get_int(line, "price", &b->price) || !json_get_int(line, "reserved", &b->reserved) ||
        !json_get_int(line, "offset", &offset) || !json_get_int(line, "bytes", &bytes))
        return false;
    memcpy(b->id, id.data, id.len);
    b->fate = (enum account_fate)fate;
    b->truth.seed = (uint64_t)seed;
    b->range.offset = (uint64_t)offset;
    b->range.bytes = (uint64_t)bytes;
    b->range.fields = question_services[b->service].fields;
    return true;
}

/* ---- what a line does ---- */

static void apply_move(struct account *a, enum account_move move, int64_t amount, int64_t at_ms,
                       int64_t batch)
{
    struct account_transaction *t = ring_push(&a->transactions);
    *t = (struct account_transaction){move, amount, account_available(a), at_ms, batch};
}

static void apply_post(struct account *a, const struct account_post *post)
{
    *(struct account_post *)ring_push(&a->posts) = *post;
}

static struct account_batch *apply_submit(struct account *a, const struct account_batch *b,
                                          const struct account_post *post)
{
    if (a->batches == a->batch_places) {
        a->batch_places = a->batch_places ? a->batch_places * 2 : 16;
        a->batch = must(realloc(a->batch, a->batch_places * sizeof(struct account_batch *)));
    }
    struct account_batch *own = must(malloc(sizeof *own));
    struct account_post p = *post;
    *own = *b;
    p.accepted = true;
    p.batch = a->batches;
    a->batch[a->batches++] = own;
    a->reserved += b->reserved;
    apply_move(a, MOVE_DEDUCTION, -b->reserved, b->at_ms, p.batch);
    apply_post(a, &p);
    return own;
}

static uint32_t batch_number(const struct account *a, const char *id)
{
    unsigned nonce, number;
    char tail;
    if (strlen(id) != 22 || sscanf(id, "batch_%8x%8x%c", &nonce, &number, &tail) != 2)
        return UINT32_MAX;
    if (nonce != a->nonce || number >= a->batches || strcmp(a->batch[number]->id, id) != 0)
        return UINT32_MAX;
    return number;
}

static void apply_settle(struct account *a, uint32_t number, int64_t charged, int64_t at_ms)
{
    struct account_batch *b = a->batch[number];
    b->settled = true;
    b->charged = charged;
    a->reserved -= b->reserved;
    a->spent += charged;
    if (charged < b->reserved)
        apply_move(a, MOVE_REFUND, b->reserved - charged, at_ms, number);
}

static void apply_single(struct account *a, const struct account_post *post, int64_t credits)
{
    struct account_post p = *post;
    p.accepted = true;
    p.single = true;
    p.credits = credits;
    a->singles[p.service].count++;
    a->singles[p.service].credits += credits;
    a->spent += credits;
    if (credits > 0)
        apply_move(a, MOVE_DEDUCTION, -credits, p.at_ms, -1);
    apply_post(a, &p);
}

static void apply_grant(struct account *a, int64_t credits, int64_t at_ms)
{
    a->granted += credits;
    apply_move(a, MOVE_TOPUP, credits, at_ms, -1);
}

/* ---- reading the journal ---- */

static bool replay_open(struct account *a, struct json_value line)
{
    int64_t version, balance, at_ms;
    if (a->opened || !json_get_int(line, "version", &version) || version != JOURNAL_VERSION ||
        !read_u32(line, "nonce", &a->nonce) || !json_get_int(line, "balance", &balance) ||
        !json_get_int(line, "at_ms", &at_ms))
        return false;
    a->opened = true;
    apply_grant(a, balance, at_ms);
    return true;
}

static bool replay_submit(struct account *a, struct json_value line)
{
    struct account_post post;
    struct account_batch b = {0};
    if (!read_post(line, &post))
        return false;
    b.service = post.service;
    if (!read_batch(line, &b) || !items_has(a->items, &b.range))
        return false;
    b.connection = post.connection;
    b.at_ms = post.at_ms;
    memcpy(b.body, post.body, sizeof b.body);
    items_set_end(a->items, b.range.offset + b.range.bytes);
    apply_submit(a, &b, &post);
    return true;
}

static bool replay_settle(struct account *a, struct json_value line)
{
    struct slice id;
    int64_t charged, at_ms;
    char text[ACCOUNT_ID_MAX] = "";
    if (!json_get_string(line, "id", &id) || id.len >= sizeof text ||
        !json_get_int(line, "charged", &charged) || !json_get_int(line, "at_ms", &at_ms))
        return false;
    memcpy(text, id.data, id.len);
    uint32_t number = batch_number(a, text);
    if (number == UINT32_MAX || a->batch[number]->settled)
        return false;
    apply_settle(a, number, charged, at_ms);
    return true;
}

static bool replay_single(struct account *a, struct json_value line)
{
    struct account_post post;
    int64_t credits;
    if (!read_post(line, &post) || !json_get_int(line, "credits", &credits))
        return false;
    apply_single(a, &post, credits);
    return true;
}

static bool replay_refused(struct account *a, struct json_value line)
{
    struct account_post post;
    if (!read_post(line, &post) || !json_get_bool(line, "single", &post.single))
        return false;
    apply_post(a, &post);
    return true;
}

static bool replay_topup(struct account *a, struct json_value line)
{
    int64_t credits, at_ms;
    if (!json_get_int(line, "credits", &credits) || !json_get_int(line, "at_ms", &at_ms))
        return false;
    apply_grant(a, credits, at_ms);
    return true;
}

static const struct {
    const char *event;
    bool (*replay)(struct account *a, struct json_value line);
} events[] = {
    {"open", replay_open},     {"submit", replay_submit},   {"settle", replay_settle},
    {"single", replay_single}, {"refused", replay_refused}, {"topup", replay_topup},
};

static int replay_line(void *arg, struct slice text, struct error *e)
{
    struct account *a = arg;
    struct json_value line;
    struct slice event;
    if (json_parse(a->json, text, &line, e) != 0)
        return e->code;
    if (json_get_string(line, "event", &event))
        for (size_t i = 0; i < sizeof events / sizeof *events; i++)
            if (slice_eq(event, slice_of(events[i].event)) && (i == 0 || a->opened) &&
                events[i].replay(a, line))
                return 0;
    return error_set(e, ERR_DATA, "not a line of a simulator's journal");
}

/* ---- open and close ---- */

static int open_files(struct account *a, const char *folder, struct error *e)
{
    char *lock = file_join(folder, "lock"), *journal = file_join(folder, "journal.ndjson");
    a->lock = file_lock(lock, e);
    int code = a->lock < 0 ? a->lock : items_open(&a->items, folder, e);
    if (code == 0)
        code = journal_open(&a->journal, journal, replay_line, a, e);
    free(lock);
    free(journal);
    return code;
}

static void begin_account(struct account *a, int64_t balance)
{
    bool first;
    struct buf *out = line_begin(a, &first, "open", true);
    digest_random(&a->nonce, sizeof a->nonce);
    a->opened = true;
    json_write_member_i64(out, &first, "version", JOURNAL_VERSION);
    json_write_member_i64(out, &first, "nonce", a->nonce);
    json_write_member_i64(out, &first, "balance", balance);
    json_write_member_i64(out, &first, "at_ms", clock_wall_ms());
    line_end(out);
    apply_grant(a, balance, clock_wall_ms());
}

int account_open(struct account **out, const char *folder, int64_t balance, struct error *e)
{
    struct account *a = must(calloc(1, sizeof *a));
    *out = NULL;
    a->lock = -1;
    a->posts = (struct ring){.size = sizeof(struct account_post), .max = ACCOUNT_POSTS_MAX};
    a->transactions =
        (struct ring){.size = sizeof(struct account_transaction), .max = ACCOUNT_TRANSACTIONS_MAX};
    a->json = must(json_create(DEPTH_MAX));
    int code = file_make_private_folder(folder, e);
    if (code == 0)
        code = open_files(a, folder, e);
    if (code == 0 && !a->opened) {
        begin_account(a, balance);
        code = account_sync(a, e);
    }
    if (code != 0) {
        account_close(a);
        return error_prefix(e, "the simulator's account");
    }
    *out = a;
    return 0;
}

void account_close(struct account *a)
{
    struct error e = {0};
    if (!a)
        return;
    if (a->journal)
        account_sync(a, &e);
    for (uint32_t i = 0; i < a->batches; i++)
        free(a->batch[i]);
    free(a->batch);
    free(a->posts.data);
    free(a->transactions.data);
    journal_close(a->journal);
    items_close(a->items);
    json_destroy(a->json);
    if (a->lock >= 0)
        file_unlock(a->lock);
    free(a);
}

/* ---- changes ---- */

const struct account_batch *account_submit(struct account *a, const struct account_batch *draft,
                                           const struct account_post *post)
{
    struct account_batch b = *draft;
    bool first;
    snprintf(b.id, sizeof b.id, "batch_%08x%08x", a->nonce, a->batches);
    b.reserved = b.price * b.range.count;
    b.at_ms = post->at_ms;
    b.connection = post->connection;
    memcpy(b.body, post->body, sizeof b.body);
    struct buf *out = line_begin(a, &first, "submit", true);
    write_post(out, &first, post);
    write_batch(out, &first, &b);
    line_end(out);
    return apply_submit(a, &b, post);
}

void account_settle(struct account *a, const struct account_batch *b, int64_t charged)
{
    bool first;
    int64_t at_ms = clock_wall_ms();
    struct buf *out = line_begin(a, &first, "settle", true);
    json_write_member_string(out, &first, "id", slice_of(b->id));
    json_write_member_i64(out, &first, "charged", charged);
    json_write_member_i64(out, &first, "at_ms", at_ms);
    line_end(out);
    apply_settle(a, batch_number(a, b->id), charged, at_ms);
}

void account_single(struct account *a, const struct question *q, int64_t credits,
                    const struct account_post *post)
{
    bool first;
    struct buf *out = line_begin(a, &first, "single", true);
    write_post(out, &first, post);
    json_write_member_i64(out, &first, "credits", credits);
    json_write_key(out, &first, "question");
    question_print(q, out);
    line_end(out);
    apply_single(a, post, credits);
}

void account_refuse(struct account *a, const struct account_post *post)
{
    bool first;
    struct buf *out = line_begin(a, &first, "refused", false);
    write_post(out, &first, post);
    json_write_member_bool(out, &first, "single", post->single);
    line_end(out);
    apply_post(a, post);
}

void account_topup(struct account *a, int64_t credits)
{
    bool first;
    int64_t at_ms = clock_wall_ms();
    struct buf *out = line_begin(a, &first, "topup", true);
    json_write_member_i64(out, &first, "credits", credits);
    json_write_member_i64(out, &first, "at_ms", at_ms);
    line_end(out);
    apply_grant(a, credits, at_ms);
}

int account_sync(struct account *a, struct error *e)
{
    if (!a->unwritten)
        return 0;
    if (a->undurable && items_sync(a->items, e) != 0)
        return e->code;
    int code = journal_sync(a->journal, a->undurable, e);
    if (code == 0)
        a->unwritten = a->undurable = false;
    return code;
}

/* ---- looking ---- */

bool account_unwritten(const struct account *a)
{
    return a->unwritten;
}

bool account_undurable(const struct account *a)
{
    return a->undurable;
}

struct items *account_items(struct account *a)
{
    return a->items;
}

int64_t account_available(const struct account *a)
{
    return a->granted - a->spent - a->reserved;
}

int64_t account_reserved(const struct account *a)
{
    return a->reserved;
}

int64_t account_spent(const struct account *a)
{
    return a->spent;
}

int64_t account_granted(const struct account *a)
{
    return a->granted;
}

uint32_t account_batches(const struct account *a)
{
    return a->batches;
}

const struct account_batch *account_batch(const struct account *a, uint32_t number)
{
    return a->batch[number];
}

const struct account_batch *account_find(const struct account *a, const char *id)
{
    uint32_t number = batch_number(a, id);
    return number == UINT32_MAX ? NULL : a->batch[number];
}

struct account_singles account_singles(const struct account *a, enum service service)
{
    return a->singles[service];
}

uint64_t account_posts(const struct account *a, uint64_t *forgotten)
{
    *forgotten = a->posts.forgotten;
    return a->posts.used;
}

const struct account_post *account_post(const struct account *a, uint64_t i)
{
    return ring_get(&a->posts, i);
}

uint64_t account_transactions(const struct account *a, uint64_t *forgotten)
{
    *forgotten = a->transactions.forgotten;
    return a->transactions.used;
}

const struct account_transaction *account_transaction(const struct account *a, uint64_t i)
{
    return ring_get(&a->transactions, i);
}

struct singles_walk {
    struct account *account;
    struct buf *out;
};

static int print_single(void *arg, struct slice text, struct error *e)
{
    struct singles_walk *w = arg;
    struct json_value line, question;
    if (json_parse(w->account->json, text, &line, e) != 0)
        return e->code;
    if (json_get(line, "question", &question)) {
        json_print(question, w->out);
        buf_append_char(w->out, '\n');
    }
    return w->out->failed ? error_set(e, ERR_INTERNAL, "too many single requests to list") : 0;
}

int account_print_singles(struct account *a, struct buf *out, struct error *e)
{
    struct singles_walk w = {a, out};
    int code = account_sync(a, e);
    return code != 0 ? code : journal_read(a->journal, print_single, &w, e);
}
