/* Writes and reads the members of journal lines. No state; any thread. */
#include "sim/lines.h"

#include <string.h>

#include "sim/vendor.h"
#include "wire/json_write.h"

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

bool lines_read_u32(struct json_value line, const char *name, uint32_t *out)
{
    int64_t value;
    if (!json_get_int(line, name, &value) || value < 0 || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

/* A text that fits with its NUL; an absent one is empty. */
static bool read_text(struct json_value line, const char *name, char *out, size_t size)
{
    struct slice text = SLICE_EMPTY;
    json_get_string(line, name, &text);
    if (text.len >= size)
        return false;
    memcpy(out, text.data, text.len);
    out[text.len] = '\0';
    return true;
}

static bool read_service(struct json_value line, const struct vendor *vendor,
                         const struct service **service)
{
    struct slice name;
    if (!json_get_string(line, "operation", &name))
        return false;
    for (unsigned s = 0; s < vendor->service_count; s++)
        if (slice_eq(name, slice_of(vendor->services[s].name))) {
            *service = &vendor->services[s];
            return true;
        }
    return false;
}

void lines_write_post(struct buf *out, bool *first, const struct account_post *p)
{
    json_write_member_string(out, first, "operation", slice_of(p->service->name));
    json_write_member_i64(out, first, "status", p->status);
    json_write_member_i64(out, first, "at_ms", p->at_ms);
    json_write_member_i64(out, first, "connection", (int64_t)p->connection);
    write_hex(out, first, "body_sha256", p->body, DIGEST_LEN);
    if (p->fault[0])
        json_write_member_string(out, first, "fault", slice_of(p->fault));
}

bool lines_read_post(struct json_value line, const struct vendor *vendor, struct account_post *p)
{
    int64_t status, connection;
    *p = (struct account_post){.batch = -1, .job = -1};
    if (!read_service(line, vendor, &p->service) || !json_get_int(line, "status", &status) ||
        !json_get_int(line, "at_ms", &p->at_ms) || !json_get_int(line, "connection", &connection) ||
        !read_hex(line, "body_sha256", p->body, DIGEST_LEN) ||
        !read_text(line, "fault", p->fault, sizeof p->fault))
        return false;
    p->status = (int)status;
    p->connection = (uint64_t)connection;
    return true;
}

void lines_write_truth(struct buf *out, bool *first, const struct truth *t)
{
    json_write_member_i64(out, first, "seed", (int64_t)t->seed);
    json_write_member_i64(out, first, "found_percent", t->found_percent);
}

bool lines_read_truth(struct json_value line, struct truth *t)
{
    int64_t seed;
    if (!json_get_int(line, "seed", &seed) ||
        !lines_read_u32(line, "found_percent", &t->found_percent))
        return false;
    t->seed = (uint64_t)seed;
    return true;
}

void lines_write_batch(struct buf *out, bool *first, const struct account_batch *b)
{
    json_write_member_string(out, first, "id", slice_of(b->id));
    json_write_member_i64(out, first, "fate", b->fate);
    lines_write_truth(out, first, &b->truth);
    json_write_member_i64(out, first, "items", b->range.count);
    json_write_member_i64(out, first, "original", b->original);
    json_write_member_i64(out, first, "charge_items", b->charge_items);
    json_write_member_i64(out, first, "price", b->price);
    json_write_member_i64(out, first, "reserved", b->reserved);
    json_write_member_i64(out, first, "offset", (int64_t)b->range.offset);
    json_write_member_i64(out, first, "bytes", (int64_t)b->range.bytes);
    if (b->callback[0])
        json_write_member_string(out, first, "callback", slice_of(b->callback));
}

bool lines_read_batch(struct json_value line, struct account_batch *b)
{
    int64_t offset, bytes;
    uint32_t fate;
    if (!read_text(line, "id", b->id, sizeof b->id) || !lines_read_u32(line, "fate", &fate) ||
        fate > FATE_HALF_FAILS || !lines_read_truth(line, &b->truth) ||
        !lines_read_u32(line, "items", &b->range.count) ||
        !lines_read_u32(line, "original", &b->original) ||
        !lines_read_u32(line, "charge_items", &b->charge_items) ||
        !json_get_int(line, "price", &b->price) || !json_get_int(line, "reserved", &b->reserved) ||
        !json_get_int(line, "offset", &offset) || !json_get_int(line, "bytes", &bytes) ||
        !read_text(line, "callback", b->callback, sizeof b->callback))
        return false;
    b->fate = (enum account_fate)fate;
    b->range.offset = (uint64_t)offset;
    b->range.bytes = (uint64_t)bytes;
    b->range.fields = b->service->fields;
    return true;
}

void lines_write_job(struct buf *out, bool *first, const struct account_job *job)
{
    json_write_member_i64(out, first, "fate", job->fate);
    lines_write_truth(out, first, &job->truth);
    json_write_member_i64(out, first, "price", job->price);
    json_write_member_bool(out, first, "upfront", job->upfront);
    json_write_member_i64(out, first, "latency_ms", job->latency_ms);
}

bool lines_read_job(struct json_value line, struct account_job *job)
{
    uint32_t fate;
    if (!lines_read_u32(line, "fate", &fate) || fate > FATE_HALF_FAILS ||
        !lines_read_truth(line, &job->truth) || !json_get_int(line, "price", &job->price) ||
        !json_get_bool(line, "upfront", &job->upfront) ||
        !json_get_int(line, "latency_ms", &job->latency_ms))
        return false;
    job->fate = (enum account_fate)fate;
    return true;
}

void lines_write_question(struct buf *out, bool *first, const struct question *q)
{
    json_write_key(out, first, "question");
    question_print_sent(q, out);
}

bool lines_read_question(struct json_value line, const struct service *service, struct question *q)
{
    struct json_value fields;
    *q = (struct question){.service = service};
    if (!json_get(line, "question", &fields))
        return false;
    for (unsigned i = 0; i < service->fields; i++) {
        q->field[i] = SLICE_EMPTY;
        json_get_string(fields, service->field[i], &q->field[i]);
    }
    return true;
}
