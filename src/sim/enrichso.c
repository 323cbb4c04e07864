/* Simulates Enrich.so: what its files are for is in sim/enrichso.h. No state of its own; one
 * thread. */
#include "sim/enrichso.h"

#include <string.h>

#include "sim/vendors.h"
#include "wire/json_write.h"

enum endpoint {
    ENDPOINT_SINGLE,
    ENDPOINT_SINGLE_GET,
    ENDPOINT_SUBMIT,
    ENDPOINT_STATUS,
    ENDPOINT_RESULTS,
    ENDPOINT_BALANCE,
    ENDPOINT_TRANSACTIONS,
    ENDPOINT_UNKNOWN
};

enum rate { RATE_READ, RATE_SINGLE, RATE_BULK };

/* The lookups know the same people, so they have a salt in common. */
#define PEOPLE 0x656e72696368

const struct service enrichso_services[ENRICHSO_SERVICES] = {
    [ENRICHSO_FINDER] = {.name = "email-finder",
                         .kind = SERVICE_FINDER,
                         .salt = 0,
                         .fields = 3,
                         .field = {"firstName", "lastName", "domain"},
                         .field_max = {100, 100, 253},
                         .items_max = 500000,
                         .price = 10},
    [ENRICHSO_VALIDATION] = {.name = "email-validation",
                             .kind = SERVICE_VALIDATION,
                             .salt = 1,
                             .fields = 1,
                             .field = {"email"},
                             .field_max = {254},
                             .items_max = 500000,
                             .price = 1},
    [ENRICHSO_LOOKUP] = {.name = "reverse-lookup",
                         .kind = SERVICE_PERSON,
                         .salt = PEOPLE,
                         .fields = 1,
                         .field = {"email"},
                         .field_max = {254},
                         .items_max = 100000,
                         .price = 10},
    [ENRICHSO_PHONES] = {.name = "phone-finder",
                         .kind = SERVICE_PERSON,
                         .salt = PEOPLE,
                         .fields = 2,
                         .field = {[ENRICHSO_EMAIL] = "email", [ENRICHSO_LINKEDIN] = "linkedin"},
                         .field_max = {[ENRICHSO_EMAIL] = 254, [ENRICHSO_LINKEDIN] = 500},
                         .urls = 1u << ENRICHSO_LINKEDIN,
                         .items_max = 500000,
                         .price = 500},
};

/* Behind "/api/v3/". */
static const struct {
    const char *single, *batch;
    bool get; /* the single one */
} paths[ENRICHSO_SERVICES] = {
    [ENRICHSO_FINDER] = {"email-finder", "email-finder/batch", false},
    [ENRICHSO_VALIDATION] = {"email-validation", "email-validation/batch", false},
    [ENRICHSO_LOOKUP] = {"reverse-lookup/lookup", "reverse-lookup/bulk-lookup", false},
    [ENRICHSO_PHONES] = {"reverse-lookup/phones", "reverse-lookup/phones/bulk", true},
};

enum enrichso_service enrichso_which(const struct service *service)
{
    return (enum enrichso_service)(service - enrichso_services);
}

struct enrichso *enrichso_own(struct shop *shop)
{
    return shop->state;
}

bool enrichso_openapi(const struct shop *shop)
{
    return shop->settings.form != ENRICHSO_DOCUMENT;
}

/* A limit a second and a limit a minute for everything, a tighter one a minute for enrichment
 * requests, and both for bulk submissions; an enterprise account has no tighter ones. Which of its
 * paths the tighter ones mean is not said; here they apply, each counted apart. */
#define WINDOWS(read_s, read_m, single_m, bulk_s, bulk_m)                                          \
    {                                                                                              \
        {LIMITS_BIT(RATE_READ), read_s, LIMITS_SECOND, false},                                     \
            {LIMITS_BIT(RATE_SINGLE), read_s, LIMITS_SECOND, false},                               \
            {LIMITS_BIT(RATE_BULK), bulk_s, LIMITS_SECOND, false},                                 \
            {LIMITS_BIT(RATE_READ), read_m, LIMITS_MINUTE, false},                                 \
            {LIMITS_BIT(RATE_SINGLE), single_m, LIMITS_MINUTE, false},                             \
            {LIMITS_BIT(RATE_BULK), bulk_m, LIMITS_MINUTE, false},                                 \
    }
static const struct limits_tier tiers[] = {
    {.name = "free", .rule = WINDOWS(5, 60, 10, 1, 2)},
    {.name = "growth", .rule = WINDOWS(25, 300, 100, 3, 10)},
    {.name = "scale", .rule = WINDOWS(50, 1000, 500, 5, 20)},
    {.name = "pro", .rule = WINDOWS(100, 5000, 2000, 10, 50)},
    {.name = "enterprise", .rule = WINDOWS(200, 10000, 10000, 200, 10000)},
    {.name = NULL},
};

static void open_state(struct shop *shop)
{
    struct enrichso *v = enrichso_own(shop);
    buf_init(&v->meta, CALL_REPLY_MAX);
    body_text_init(&v->text);
    enrichso_hooks_open(shop);
}

static void close_state(struct shop *shop)
{
    struct enrichso *v = enrichso_own(shop);
    enrichso_hooks_close(shop);
    buf_deinit(&v->meta);
    body_text_deinit(&v->text);
}

static bool authorized(const struct shop *shop, const struct server_request *r)
{
    return shop_key_same(shop, server_header(r, "x-api-key")) ||
           shop_key_same(shop, shop_bearer(r));
}

/* ---- routes ---- */

static struct route route_to(enum endpoint endpoint, const struct service *service)
{
    static const struct {
        enum fault_class class;
        unsigned rate;
    } table[] = {
        [ENDPOINT_SINGLE] = {CLASS_SINGLE, RATE_SINGLE},
        [ENDPOINT_SINGLE_GET] = {CLASS_SINGLE, RATE_SINGLE},
        [ENDPOINT_SUBMIT] = {CLASS_SUBMIT, RATE_BULK},
        [ENDPOINT_STATUS] = {CLASS_POLL, RATE_READ},
        [ENDPOINT_RESULTS] = {CLASS_PAGE, RATE_READ},
        [ENDPOINT_BALANCE] = {CLASS_BALANCE, RATE_READ},
        [ENDPOINT_TRANSACTIONS] = {CLASS_BALANCE, RATE_READ},
        [ENDPOINT_UNKNOWN] = {CLASS_OTHER, RATE_READ},
    };
    return (struct route){.endpoint = endpoint,
                          .service = service,
                          .class = table[endpoint].class,
                          .rate = table[endpoint].rate};
}

static struct route route_batch(const struct service *service, const char *method, const char *rest)
{
    const char *slash = strchr(rest, '/');
    size_t len = slash ? (size_t)(slash - rest) : strlen(rest);
    if (strcmp(method, "GET") != 0 || len == 0 || (slash && strcmp(slash, "/results") != 0))
        return route_to(ENDPOINT_UNKNOWN, NULL);
    struct route r = route_to(slash ? ENDPOINT_RESULTS : ENDPOINT_STATUS, service);
    if (len < sizeof r.id)
        memcpy(r.id, rest, len);
    return r;
}

static struct route route(const char *method, const char *path)
{
    static const char prefix[] = "/api/v3/";
    bool get = strcmp(method, "GET") == 0, post = strcmp(method, "POST") == 0;
    if (strncmp(path, prefix, sizeof prefix - 1) != 0)
        return route_to(ENDPOINT_UNKNOWN, NULL);
    path += sizeof prefix - 1;
    if (get && strcmp(path, "wallets/balance") == 0)
        return route_to(ENDPOINT_BALANCE, NULL);
    if (get && strcmp(path, "wallets/transactions") == 0)
        return route_to(ENDPOINT_TRANSACTIONS, NULL);
    for (unsigned s = 0; s < ENRICHSO_SERVICES; s++) {
        const struct service *service = &enrichso_services[s];
        size_t len = strlen(paths[s].batch);
        if (strcmp(path, paths[s].single) == 0 && (paths[s].get ? get : post))
            return route_to(paths[s].get ? ENDPOINT_SINGLE_GET : ENDPOINT_SINGLE, service);
        if (post && strcmp(path, paths[s].batch) == 0)
            return route_to(ENDPOINT_SUBMIT, service);
        if (strncmp(path, paths[s].batch, len) == 0 && path[len] == '/')
            return route_batch(service, method, path + len + 1);
    }
    return route_to(ENDPOINT_UNKNOWN, NULL);
}

static void apply(struct shop *shop, const struct route *route, struct call *c)
{
    switch ((enum endpoint)route->endpoint) {
    case ENDPOINT_SINGLE:
        enrichso_single_post(shop, route, c);
        return;
    case ENDPOINT_SINGLE_GET:
        enrichso_single_get(shop, route, c);
        return;
    case ENDPOINT_SUBMIT:
        enrichso_batch_submit(shop, route, c);
        return;
    case ENDPOINT_STATUS:
        enrichso_batch_status(shop, route, c);
        return;
    case ENDPOINT_RESULTS:
        enrichso_batch_results(shop, route, c);
        return;
    case ENDPOINT_BALANCE:
        enrichso_wallet_balance(shop, c);
        return;
    case ENDPOINT_TRANSACTIONS:
        enrichso_wallet_transactions(shop, c);
        return;
    case ENDPOINT_UNKNOWN:
        enrichso_problem(shop, c, 404, "There is no such endpoint, or it is not simulated");
        return;
    }
}

/* What a question costs as an item of a list: of those that were asked alone the account has it. */
static int64_t judge(struct shop *shop, const struct truth *truth, const struct question *q,
                     struct buf *out)
{
    struct enrichso_answer a = enrichso_answer(truth, q);
    bool first = false;
    const char *outcome = a.found ? "found" : "not_found";
    if (enrichso_which(q->service) == ENRICHSO_VALIDATION)
        outcome = truth_status_name(a.verdict.status);
    json_write_member_string(out, &first, "outcome", slice_of(outcome));
    json_write_key(out, &first, "values");
    buf_append_char(out, '{');
    enrichso_row_values(shop, &a, out);
    buf_append_char(out, '}');
    return enrichso_price_item(shop, &a);
}

const struct vendor enrichso_vendor = {
    .name = "enrichso",
    .document = "doc.enrich.so",
    .services = enrichso_services,
    .service_count = ENRICHSO_SERVICES,
    .tiers = tiers,
    .forms = {[ENRICHSO_DOCUMENT] = "document",
              [ENRICHSO_OPENAPI] = "openapi",
              [ENRICHSO_ECHOED] = "echoed"},
    .rate_headers = true,
    .state_size = sizeof(struct enrichso),
    .open = open_state,
    .close = close_state,
    .authorized = authorized,
    .route = route,
    .apply = apply,
    .problem = enrichso_problem,
    .limited = enrichso_limited,
    .judge = judge,
    .callback = enrichso_hooks_draft,
    .called = enrichso_hooks_called,
    .alarm = enrichso_hooks_alarm,
};
