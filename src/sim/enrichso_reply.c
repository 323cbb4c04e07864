/* Makes Enrich.so's replies: {"success":true,"data":{...},"meta":{...}}, and RFC 9457 problems.
 *
 * Data and meta are gathered first, so that the faults flat and double-keys can print them without
 * their envelope, or twice. One thread. */
#include <stdio.h>

#include "sim/enrichso.h"
#include "wire/json_write.h"

#define ERROR_TYPE "https://dev.enrich.so/errors/"

static const struct {
    int status;
    const char *type, *title;
} problems[] = {
    {400, "validation-error", "Validation Error"},
    {401, "unauthorized", "Unauthorized"},
    {402, "insufficient-credits", "Insufficient Credits"},
    {403, "forbidden", "Forbidden"},
    {404, "not-found", "Not Found"},
    {429, "rate-limit-exceeded", "Too Many Requests"},
    {500, "internal-error", "Internal Server Error"},
    {502, "upstream-failure", "Bad Gateway"},
    {503, "service-unavailable", "Service Unavailable"},
    {504, "timeout", "Gateway Timeout"},
};

/* A problem without its closing brace. */
static void problem_begin(struct shop *shop, struct call *c, int status, const char *detail)
{
    bool first = true;
    const char *type = "error", *title = "Error";
    char text[160];
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        if (problems[i].status == status) {
            type = problems[i].type;
            title = problems[i].title;
        }
    c->status = status;
    buf_reset(&c->body);
    buf_append_text(&c->headers, "Content-Type: application/problem+json\n");
    buf_append_char(&c->body, '{');
    snprintf(text, sizeof text, ERROR_TYPE "%s", type);
    json_write_member_string(&c->body, &first, "type", slice_of(text));
    json_write_member_string(&c->body, &first, "title", slice_of(title));
    json_write_member_i64(&c->body, &first, "status", status);
    json_write_member_string(&c->body, &first, "detail", slice_of(detail));
    snprintf(text, sizeof text, "/requests/req_%016llx", (unsigned long long)++shop->replies);
    json_write_member_string(&c->body, &first, "instance", slice_of(text));
}

void enrichso_problem(struct shop *shop, struct call *c, int status, const char *detail)
{
    problem_begin(shop, c, status, detail);
    buf_append_char(&c->body, '}');
}

void enrichso_limited(struct shop *shop, struct call *c, const struct limits_state *state,
                      const char *retry_after, int64_t seconds)
{
    char text[96], number[32];
    (void)state;
    if (retry_after == SHOP_NO_HINT) {
        snprintf(number, sizeof number, "%lld", (long long)seconds);
        retry_after = number;
    }
    snprintf(text, sizeof text, "Rate limit exceeded. Please retry after %lld seconds.",
             (long long)seconds);
    if (retry_after)
        buf_append_format(&c->headers, "Retry-After: %s\n", retry_after);
    if (!enrichso_openapi(shop)) {
        enrichso_problem(shop, c, 429, text);
        return;
    }
    /* The form of the vendor's page about rate limits, which is not RFC 9457. */
    bool first = true;
    c->status = 429;
    buf_reset(&c->body);
    buf_append_text(&c->headers, "Content-Type: application/json\n");
    buf_append_char(&c->body, '{');
    json_write_member_i64(&c->body, &first, "statusCode", 429);
    json_write_member_string(&c->body, &first, "error", SLICE_LIT("Too Many Requests"));
    json_write_member_string(&c->body, &first, "message", slice_of(text));
    if (retry_after)
        json_write_member_i64(&c->body, &first, "retryAfter", seconds);
    buf_append_char(&c->body, '}');
}

void enrichso_no_credits(struct shop *shop, struct call *c, int64_t required)
{
    int64_t available = account_available(shop->account);
    bool first = false;
    char text[128];
    snprintf(text, sizeof text, "Not enough credits. Required: %lld, available: %lld",
             (long long)required, (long long)available);
    problem_begin(shop, c, 402, text);
    json_write_member_i64(&c->body, &first, "currentBalance", available);
    json_write_member_i64(&c->body, &first, "required", required);
    json_write_member_i64(&c->body, &first, "shortfall", required - available);
    buf_append_char(&c->body, '}');
}

/* ---- the envelope ---- */

static struct buf *begin(struct buf *b, bool *first)
{
    buf_reset(b);
    *first = true;
    return b;
}

struct buf *enrichso_begin_data(struct shop *shop, bool *first)
{
    return begin(&shop->data, first);
}

struct buf *enrichso_begin_meta(struct shop *shop, bool *first)
{
    char text[32];
    struct buf *meta = begin(&enrichso_own(shop)->meta, first);
    snprintf(text, sizeof text, "req_%016llx", (unsigned long long)++shop->replies);
    json_write_member_string(meta, first, "requestId", slice_of(text));
    return meta;
}

static void append_envelope(struct shop *shop, struct call *c, bool meta)
{
    buf_append_text(&c->body, "\"success\":true,\"data\":{");
    buf_append_slice(&c->body, buf_slice(&shop->data));
    buf_append_char(&c->body, '}');
    if (!meta)
        return;
    buf_append_text(&c->body, ",\"meta\":{");
    buf_append_slice(&c->body, buf_slice(&enrichso_own(shop)->meta));
    buf_append_char(&c->body, '}');
}

void enrichso_succeed(struct shop *shop, struct call *c, bool meta)
{
    c->status = 200;
    buf_append_text(&c->headers, "Content-Type: application/json\n");
    buf_append_char(&c->body, '{');
    if (c->fault.kind == FAULT_FLAT) {
        buf_append_slice(&c->body, buf_slice(&shop->data));
    } else {
        append_envelope(shop, c, meta);
        if (c->fault.kind == FAULT_DOUBLE_KEYS) {
            buf_append_char(&c->body, ',');
            append_envelope(shop, c, meta);
        }
    }
    buf_append_char(&c->body, '}');
    if (shop->data.failed || enrichso_own(shop)->meta.failed || c->body.failed)
        enrichso_problem(shop, c, 500, "The reply is too large");
}

bool enrichso_query_number(struct shop *shop, struct call *c, const char *name, uint32_t max,
                           uint32_t *value)
{
    const char *text = server_query(c->request, name);
    unsigned long long number = *value;
    char detail[96];
    if (!text || (slice_u64(slice_of(text), &number) && number >= 1 && number <= max)) {
        *value = (uint32_t)number;
        return true;
    }
    snprintf(detail, sizeof detail, "querystring/%s must be integer from 1 to %u", name, max);
    enrichso_problem(shop, c, 400, detail);
    return false;
}
