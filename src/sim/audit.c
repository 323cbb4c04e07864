/* Shows accounts to whoever judges a client by them. One thread. */
#include "sim/audit.h"

#include <string.h>

#include "sim/questions.h"
#include "sim/shop.h"
#include "wire/json_write.h"

bool audit_owns(const char *path)
{
    return strncmp(path, "/sim/", 5) == 0;
}

static void reply_error(struct call *c, int status, const char *message)
{
    bool first = true;
    struct buf *out = call_json(c, status);
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "error", slice_of(message));
    buf_append_text(out, "}\n");
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
    json_write_member_string(out, &first, "operation", slice_of(b->service->name));
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

static void print_post(struct buf *out, const struct shop *shop, const struct account_post *p)
{
    const struct account *a = shop->account;
    char id[ACCOUNT_ID_MAX] = "";
    bool first = true;
    if (p->batch >= 0)
        memcpy(id, account_batch(a, (uint32_t)p->batch)->id, sizeof id);
    if (p->job >= 0)
        shop->vendor->job_id(shop, (uint64_t)p->job, id);
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "operation", slice_of(p->service->name));
    json_write_member_bool(out, &first, "single", p->single);
    json_write_member_bool(out, &first, "accepted", p->accepted);
    json_write_member_i64(out, &first, "status", p->status);
    if (id[0])
        json_write_member_string(out, &first, "id", slice_of(id));
    if (p->single)
        json_write_member_i64(out, &first, "charged", p->credits);
    if (p->fault[0])
        json_write_member_string(out, &first, "fault", slice_of(p->fault));
    write_digest(out, &first, p->body);
    json_write_member_i64(out, &first, "connection", (int64_t)p->connection);
    json_write_member_i64(out, &first, "at_ms", p->at_ms);
    buf_append_char(out, '}');
}

static void print_singles(struct buf *out, const struct shop *shop)
{
    bool first = true;
    buf_append_char(out, '{');
    for (unsigned s = 0; s < shop->vendor->service_count; s++) {
        struct account_singles singles = account_singles(shop->account, s);
        json_write_key(out, &first, shop->vendor->services[s].name);
        buf_append_format(out, "{\"accepted\":%llu,\"charged\":%lld}",
                          (unsigned long long)singles.count, (long long)singles.credits);
    }
    buf_append_char(out, '}');
}

static void print_requests(struct buf *out, const struct shop *shop)
{
    bool first = true;
    buf_append_char(out, '{');
    for (unsigned c = 0; c < CLASSES; c++)
        if (c != CLASS_CALLBACK)
            json_write_member_i64(out, &first, faults_class_name((enum fault_class)c),
                                  (int64_t)shop->requests[c]);
    buf_append_char(out, '}');
}

static void print_lists(struct buf *out, const struct shop *shop, bool *first)
{
    const struct account *account = shop->account;
    uint64_t forgotten, posts = account_posts(account, &forgotten);
    json_write_key(out, first, "submissions");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < account_batches(account); i++) {
        buf_append_text(out, i ? ",\n" : "\n");
        print_batch(out, account_batch(account, i));
    }
    buf_append_char(out, ']');
    json_write_member_i64(out, first, "posts_forgotten", (int64_t)forgotten);
    json_write_key(out, first, "posts");
    buf_append_char(out, '[');
    for (uint64_t i = 0; i < posts; i++) {
        buf_append_text(out, i ? ",\n" : "\n");
        print_post(out, shop, account_post(account, i));
    }
    buf_append_char(out, ']');
}

static void reply_account(struct shop *shop, struct call *c)
{
    const struct account *account = shop->account;
    struct buf *out = call_json(c, 200);
    bool first = true;
    buf_append_char(out, '{');
    json_write_member_string(out, &first, "vendor", slice_of(shop->vendor->name));
    json_write_member_i64(out, &first, "granted", account_granted(account));
    json_write_member_i64(out, &first, "balance", account_available(account));
    json_write_member_i64(out, &first, "reserved", account_reserved(account));
    json_write_member_i64(out, &first, "spent", account_spent(account));
    json_write_member_i64(out, &first, "limited", (int64_t)shop->limited);
    json_write_member_i64(out, &first, "unauthorized", (int64_t)shop->unauthorized);
    json_write_key(out, &first, "requests");
    print_requests(out, shop);
    json_write_key(out, &first, "singles");
    print_singles(out, shop);
    if (shop->vendor->job_id)
        jobs_print(shop->jobs, out, &first);
    if (shop->vendor->callback)
        callbacks_print(shop->callbacks, out, &first);
    const char *lists = server_query(c->request, "lists");
    if (!lists || strcmp(lists, "0") != 0)
        print_lists(out, shop, &first);
    buf_append_text(out, "}\n");
}

/* The reply is lines, unless code says that they could not be made. */
static void reply_lines(struct call *c, int code, const struct error *e)
{
    if (code != 0 || c->body.failed) {
        reply_error(c, 500, code != 0 ? e->message : "too much to list");
        return;
    }
    buf_append_text(&c->headers, "Content-Type: application/x-ndjson\n");
    c->status = 200;
}

static void reply_identities(struct shop *shop, struct call *c)
{
    const char *id = server_query(c->request, "id");
    const struct account_batch *b = id ? account_find(shop->account, id) : NULL;
    struct error e = {0};
    int code;
    if (b) {
        code = questions_print_batch(shop, b, &c->body, &e);
    } else if (id && strcmp(id, "singles") == 0) {
        code = questions_print_answers(shop, &c->body, &e);
    } else if (id && strcmp(id, "jobs") == 0) {
        code = questions_print_jobs(shop, &c->body, &e);
    } else {
        reply_error(c, id ? 404 : 400, "id must name a batch, or be \"singles\" or \"jobs\"");
        return;
    }
    reply_lines(c, code, &e);
}

static void reply_questions(struct shop *shop, struct call *c)
{
    struct error e = {0};
    int code = questions_print(shop, &c->body, &e);
    reply_lines(c, code, &e);
}

static void reply_faults(struct shop *shop, struct call *c)
{
    faults_print(shop->faults, call_json(c, 200));
    buf_append_char(&c->body, '\n');
}

static void set_faults(struct shop *shop, struct call *c)
{
    struct faults *fresh;
    struct error e = {0};
    const char *spec = server_query(c->request, "set");
    if (!spec) {
        reply_error(c, 400, "set must be given, if only empty");
        return;
    }
    if (faults_create(&fresh, spec, shop->seed, &e) != 0) {
        reply_error(c, 400, e.message);
        return;
    }
    faults_destroy(shop->faults);
    shop->faults = fresh;
    reply_faults(shop, c);
}

static void add_credits(struct shop *shop, struct call *c)
{
    struct account *a = shop->account;
    const char *text = server_query(c->request, "credits");
    unsigned long long credits;
    if (!text || !slice_u64(slice_of(text), &credits) || credits > INT64_MAX / 4 ||
        account_granted(a) > INT64_MAX / 2) {
        reply_error(c, 400, "credits must be a whole number");
        return;
    }
    account_topup(a, (int64_t)credits);
    shop->changed(shop->changed_arg);
    buf_append_format(call_json(c, 200), "{\"balance\":%lld}\n", (long long)account_available(a));
}

static const struct {
    const char *method, *path; /* behind the vendor's name */
    void (*handle)(struct shop *shop, struct call *c);
} pages[] = {
    {"GET", "/account", reply_account},     {"GET", "/account/identities", reply_identities},
    {"GET", "/questions", reply_questions}, {"GET", "/faults", reply_faults},
    {"POST", "/faults", set_faults},        {"POST", "/topup", add_credits},
};

void audit_handle(struct shop *const *shops, struct call *c)
{
    const char *method = server_method(c->request), *path = server_path(c->request) + 5;
    if (strcmp(method, "GET") == 0 && strcmp(path, "vendors") == 0) {
        for (size_t i = 0; shops[i]; i++)
            buf_append_format(&c->body, "%s\n", shops[i]->vendor->name);
        buf_append_text(&c->headers, "Content-Type: text/plain\n");
        c->status = 200;
        return;
    }
    for (size_t s = 0; shops[s]; s++) {
        size_t len = strlen(shops[s]->vendor->name);
        if (strncmp(path, shops[s]->vendor->name, len) != 0)
            continue;
        for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
            if (strcmp(method, pages[i].method) == 0 && strcmp(path + len, pages[i].path) == 0) {
                pages[i].handle(shops[s], c);
                return;
            }
        const struct vendor *v = shops[s]->vendor;
        if (v->page && v->page(shops[s], method, path + len, c))
            return;
    }
    reply_error(c, 404, "there is no such page of the simulator");
}
