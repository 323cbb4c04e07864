/* Asks a verification service about addresses, as many at a time as there are callbacks in flight,
 * and tells the test that wanted it what it said.
 *
 * 1. Each address is posted once (the document names no retries) and ends once.
 * 2. Callbacks of an earlier round that still fly are nobody's. One thread. */
#include "sim/unstuck_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/shop.h"
#include "wire/json.h"
#include "wire/json_write.h"

#define ADDRESSES_MAX 1000
#define ADDRESSES     10 /* unless said */
#define EMAIL_MAX     320
#define DEPTH_MAX     8
#define COOKIE_SHIFT  16

enum opinion { UNCLEAR, INVALID, VALID };

struct address {
    char email[EMAIL_MAX];
    int status;
    enum opinion opinion;
};

struct unstuck_verify {
    struct shop *shop;
    struct json *json;
    struct call *call; /* that waits; NULL: nothing is asked */
    uint64_t round;
    char url[ACCOUNT_URL_MAX];
    struct address *address;
    unsigned addresses, ended;
};

struct unstuck_verify *unstuck_verify_create(struct shop *shop)
{
    struct unstuck_verify *v = calloc(1, sizeof *v);
    if (!v)
        abort();
    v->shop = shop;
    v->json = json_create(DEPTH_MAX);
    v->address = calloc(ADDRESSES_MAX, sizeof *v->address);
    if (!v->json || !v->address)
        abort();
    return v;
}

void unstuck_verify_destroy(struct unstuck_verify *v)
{
    if (!v)
        return;
    json_destroy(v->json);
    free(v->address);
    free(v);
}

static void refuse(struct call *c, int status, const char *message)
{
    bool first = true;
    struct buf *out = call_json(c, status);
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "error", slice_of(message));
    buf_append_text(out, "}\n");
}

/* The lines of the body; false when there are too many, or one is too long. */
static bool read_addresses(struct unstuck_verify *v, struct slice rest)
{
    while (rest.len > 0) {
        const char *end = memchr(rest.data, '\n', rest.len);
        struct slice line = {rest.data, end ? (size_t)(end - rest.data) : rest.len};
        size_t taken = line.len + (end != NULL);
        rest = (struct slice){rest.data + taken, rest.len - taken};
        line = slice_trim(line);
        if (line.len == 0)
            continue;
        if (v->addresses == ADDRESSES_MAX || line.len >= EMAIL_MAX)
            return false;
        struct address *a = &v->address[v->addresses++];
        *a = (struct address){0};
        memcpy(a->email, line.data, line.len);
    }
    return true;
}

/* False when it is no number that may be. */
static bool make_addresses(struct unstuck_verify *v, const char *count)
{
    unsigned long long number = ADDRESSES;
    if (count && (!slice_u64(slice_of(count), &number) || number < 1 || number > ADDRESSES_MAX))
        return false;
    for (v->addresses = 0; v->addresses < number; v->addresses++) {
        struct address *a = &v->address[v->addresses];
        *a = (struct address){0};
        snprintf(a->email, sizeof a->email, "verify.n%u@company%02u.example", v->addresses,
                 v->addresses % 100);
    }
    return true;
}

void unstuck_verify_begin(struct unstuck_verify *v, struct call *c)
{
    const char *url = server_query(c->request, "url"), *count = server_query(c->request, "count");
    if (v->call) {
        refuse(c, 409, "addresses are being verified: one round at a time");
        return;
    }
    if (!url || !*url || strlen(url) >= sizeof v->url) {
        refuse(c, 400, "url must be the address of a verification service");
        return;
    }
    v->addresses = v->ended = 0;
    if (!read_addresses(v, server_body(c->request)) ||
        (v->addresses == 0 && !make_addresses(v, count))) {
        refuse(c, 400, "count must be from 1 to 1000; the body at most as many lines of 319 bytes");
        return;
    }
    strcpy(v->url, url);
    v->round++;
    v->call = c;
    c->held = true;
    for (unsigned i = 0; i < v->addresses; i++)
        callbacks_post(v->shop->callbacks, v->round << COOKIE_SHIFT | i);
    v->shop->changed(v->shop->changed_arg);
}

/* NULL when it is of an earlier round. */
static struct address *find_address(struct unstuck_verify *v, uint64_t cookie)
{
    return v->call && cookie >> COOKIE_SHIFT == v->round
               ? &v->address[cookie & ((1u << COOKIE_SHIFT) - 1)]
               : NULL;
}

bool unstuck_verify_draft(struct unstuck_verify *v, uint64_t cookie, enum callback_forgery forgery,
                          struct callback_draft *draft)
{
    const struct address *a = find_address(v, cookie);
    bool first = true;
    if (!a)
        return false;
    strcpy(draft->url, v->url);
    buf_append_char(&draft->body, '{');
    json_write_member_string(
        &draft->body, &first, "email",
        slice_of(forgery == FORGERY_NONE ? a->email : "mallory@forger.example"));
    buf_append_char(&draft->body, '}');
    return true;
}

void unstuck_verify_heard(struct unstuck_verify *v, uint64_t cookie, int status, struct slice body)
{
    struct address *a = find_address(v, cookie);
    struct json_value root;
    struct error e = {0};
    bool valid;
    if (!a)
        return;
    a->status = status;
    if (status >= 200 && status <= 299 && json_parse(v->json, body, &root, &e) == 0 &&
        json_get_bool(root, "valid", &valid))
        a->opinion = valid ? VALID : INVALID;
}

static void reply(struct unstuck_verify *v)
{
    struct call *c = v->call;
    struct buf *out = call_json(c, 200);
    unsigned counts[] = {[UNCLEAR] = 0, [INVALID] = 0, [VALID] = 0};
    bool first = true;
    for (unsigned i = 0; i < v->addresses; i++)
        counts[v->address[i].opinion]++;
    buf_append_char(out, '{');
    json_write_member_i64(out, &first, "asked", v->addresses);
    json_write_member_i64(out, &first, "valid", counts[VALID]);
    json_write_member_i64(out, &first, "invalid", counts[INVALID]);
    json_write_member_i64(out, &first, "unclear", counts[UNCLEAR]);
    json_write_key(out, &first, "answers");
    buf_append_char(out, '[');
    for (unsigned i = 0; i < v->addresses; i++) {
        static const char *const texts[] = {
            [UNCLEAR] = "null", [INVALID] = "false", [VALID] = "true"};
        const struct address *a = &v->address[i];
        bool inner = true;
        buf_append_text(out, i ? ",\n{" : "\n{");
        json_write_member_string(out, &inner, "email", slice_of(a->email));
        json_write_member_i64(out, &inner, "status", a->status);
        json_write_key(out, &inner, "valid");
        buf_append_text(out, texts[a->opinion]);
        buf_append_char(out, '}');
    }
    buf_append_text(out, "]}\n");
    v->call = NULL;
    shop_release(v->shop, c);
}

void unstuck_verify_called(struct unstuck_verify *v, uint64_t cookie)
{
    if (find_address(v, cookie) && ++v->ended == v->addresses)
        reply(v);
}
