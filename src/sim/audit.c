/* Shows the account to whoever judges a client by it. One thread. */
#include "sim/audit.h"

#include <string.h>

#include "wire/json_write.h"

#define SCRATCH_MAX ((size_t)1 << 20)

bool audit_owns(const char *path)
{
    return strncmp(path, "/sim/", 5) == 0;
}

static void reply_error(struct call *c, int status, const char *message)
{
    bool first = true;
    c->status = status;
    buf_reset(&c->body);
    buf_append_text(&c->headers, "Content-Type: application/json\n");
    buf_append_char(&c->body, '{');
    json_write_member_string(&c->body, &first, "error", slice_of(message));
    buf_append_text(&c->body, "}\n");
}

static void write_digest(struct buf *out, bool *first, const uint8_t digest[DIGEST_LEN])
{
    char text[DIGEST_HEX_LEN + 1];
    digest_hex(digest, DIGEST_LEN, text);
    json_write_member_string(out, first, "body_sha256", slice_of(text));
}

static void print_batch(struct buf *out, const struct account_batch *b)
{
    bool first = true;
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "id", slice_of(b->id));
    json_write_member_string(out, &first, "operation",
                             slice_of(question_services[b->service].name));
    json_write_member_i64(out, &first, "items", b->range.count);
    json_write_member_i64(out, &first, "original", b->original);
    json_write_member_i64(out, &first, "reserved", b->reserved);
    json_write_member_i64(out, &first, "charged", b->charged);
    json_write_member_bool(out, &first, "settled", b->settled);
    write_digest(out, &first, b->body);
    json_write_member_i64(out, &first, "connection", (int64_t)b->connection);
    json_write_member_i64(out, &first, "at_ms", b->at_ms);
    buf_append_char(out, '}');
}

static void print_post(struct buf *out, const struct account *a, const struct account_post *p)
{
    bool first = true;
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "operation",
                             slice_of(question_services[p->service].name));
    json_write_member_bool(out, &first, "single", p->single);
    json_write_member_bool(out, &first, "accepted", p->accepted);
    json_write_member_i64(out, &first, "status", p->status);
    if (p->batch >= 0)
        json_write_member_string(out, &first, "id",
                                 slice_of(account_batch(a, (uint32_t)p->batch)->id));
    if (p->single)
        json_write_member_i64(out, &first, "charged", p->credits);
    if (p->fault[0])
        json_write_member_string(out, &first, "fault", slice_of(p->fault));
    write_digest(out, &first, p->body);
    json_write_member_i64(out, &first, "connection", (int64_t)p->connection);
    json_write_member_i64(out, &first, "at_ms", p->at_ms);
    buf_append_char(out, '}');
}

static void print_singles(struct buf *out, const struct account *a)
{
    bool first = true;
    buf_append_char(out, '{');
    for (unsigned s = 0; s < SERVICES; s++) {
        struct account_singles singles = account_singles(a, (enum service)s);
        json_write_key(out, &first, question_services[s].name);
        buf_append_format(out, "{\"accepted\":%llu,\"charged\":%lld}",
                          (unsigned long long)singles.count, (long long)singles.credits);
    }
    buf_append_char(out, '}');
}

static void print_requests(struct buf *out, const struct audit *a)
{
    bool first = true;
    buf_append_char(out, '{');
    for (unsigned c = 0; c < CLASSES; c++)
        json_write_member_i64(out, &first, faults_class_name((enum fault_class)c),
                              (int64_t)a->requests[c]);
    buf_append_char(out, '}');
}

static void reply_account(struct audit *a, struct call *c)
{
    const struct account *account = a->account;
    struct buf *out = &c->body;
    uint64_t forgotten, posts = account_posts(account, &forgotten);
    bool first = true;
    buf_append_char(out, '{');
    json_write_member_i64(out, &first, "granted", account_granted(account));
    json_write_member_i64(out, &first, "balance", account_available(account));
    json_write_member_i64(out, &first, "reserved", account_reserved(account));
    json_write_member_i64(out, &first, "spent", account_spent(account));
    json_write_member_i64(out, &first, "limited", (int64_t)a->limited);
    json_write_member_i64(out, &first, "unauthorized", (int64_t)a->unauthorized);
    json_write_key(out, &first, "requests");
    print_requests(out, a);
    json_write_key(out, &first, "singles");
    print_singles(out, account);
    json_write_key(out, &first, "submissions");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < account_batches(account); i++) {
        buf_append_text(out, i ? ",\n" : "\n");
        print_batch(out, account_batch(account, i));
    }
    buf_append_char(out, ']');
    json_write_member_i64(out, &first, "posts_forgotten", (int64_t)forgotten);
    json_write_key(out, &first, "posts");
    buf_append_char(out, '[');
    for (uint64_t i = 0; i < posts; i++) {
        buf_append_text(out, i ? ",\n" : "\n");
        print_post(out, account, account_post(account, i));
    }
    buf_append_text(out, "]}\n");
    buf_append_text(&c->headers, "Content-Type: application/json\n");
    c->status = 200;
}

static int print_identities(struct audit *a, const struct account_batch *b, struct buf *out,
                            struct error *e)
{
    const struct items_view *view;
    struct buf scratch;
    if (items_open_view(account_items(a->account), &b->range, &view, e) != 0)
        return e->code;
    buf_init(&scratch, SCRATCH_MAX);
    for (uint32_t i = 0; i < b->range.count; i++) {
        struct question q = {.service = b->service};
        items_get(view, i, q.field);
        question_normalise(&q, &scratch);
        question_print(&q, out);
        buf_append_char(out, '\n');
    }
    buf_deinit(&scratch);
    return 0;
}

static void reply_identities(struct audit *a, struct call *c)
{
    const char *id = server_query(c->request, "id");
    const struct account_batch *b = id ? account_find(a->account, id) : NULL;
    bool singles = id && strcmp(id, "singles") == 0;
    struct error e = {0};
    if (!b && !singles) {
        reply_error(c, id ? 404 : 400, "id must name a batch, or be \"singles\"");
        return;
    }
    int code = singles ? account_print_singles(a->account, &c->body, &e)
                       : print_identities(a, b, &c->body, &e);
    if (code != 0 || c->body.failed) {
        reply_error(c, 500, code != 0 ? e.message : "too many identities to list");
        return;
    }
    buf_append_text(&c->headers, "Content-Type: application/x-ndjson\n");
    c->status = 200;
}

static void reply_faults(struct audit *a, struct call *c)
{
    buf_append_text(&c->headers, "Content-Type: application/json\n");
    faults_print(a->faults, &c->body);
    buf_append_char(&c->body, '\n');
    c->status = 200;
}

static void set_faults(struct audit *a, struct call *c)
{
    struct faults *fresh;
    struct error e = {0};
    const char *spec = server_query(c->request, "set");
    if (!spec) {
        reply_error(c, 400, "set must be given, if only empty");
        return;
    }
    if (faults_create(&fresh, spec, a->seed, &e) != 0) {
        reply_error(c, 400, e.message);
        return;
    }
    faults_destroy(a->faults);
    a->faults = fresh;
    reply_faults(a, c);
}

static void add_credits(struct audit *a, struct call *c)
{
    const char *text = server_query(c->request, "credits");
    unsigned long long credits;
    if (!text || !slice_u64(slice_of(text), &credits) || credits > INT64_MAX / 4 ||
        account_granted(a->account) > INT64_MAX / 2) {
        reply_error(c, 400, "credits must be a whole number");
        return;
    }
    account_topup(a->account, (int64_t)credits);
    buf_append_text(&c->headers, "Content-Type: application/json\n");
    buf_append_format(&c->body, "{\"balance\":%lld}\n", (long long)account_available(a->account));
    c->status = 200;
}

static const struct {
    const char *method, *path;
    void (*handle)(struct audit *a, struct call *c);
} pages[] = {
    {"GET", "/sim/account", reply_account}, {"GET", "/sim/account/identities", reply_identities},
    {"GET", "/sim/faults", reply_faults},   {"POST", "/sim/faults", set_faults},
    {"POST", "/sim/topup", add_credits},
};

void audit_handle(struct audit *a, struct call *c)
{
    const char *method = server_method(c->request), *path = server_path(c->request);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strcmp(method, pages[i].method) == 0 && strcmp(path, pages[i].path) == 0) {
            pages[i].handle(a, c);
            return;
        }
    reply_error(c, 404, "there is no such page of the simulator");
}
