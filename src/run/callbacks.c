/* Serves the address that vendors call.
 *
 * 1. Everything that headers can tell is checked before a byte of the body is kept: path, token,
 *    whose run, and a proof that does not need the body. One that does is checked before anybody
 *    looks into the body. All comparisons of secrets take the same time whatever differs.
 * 2. A callback is answered 200 by callbacks_ack alone.
 * 3. Nothing here writes to disk but the net layer, to files without a name.
 *
 * Happy path: screen (headers) -> handle (whole) -> received -> the owner makes it durable ->
 * callbacks_ack. Failure modes: a refusal is answered and counted; an owner that cannot keep it
 * calls callbacks_fail; a process that dies before the answer leaves the vendor without one, and a
 * vendor that repeats itself is recognised by the owner.
 *
 * All on the loop's thread. */
#include "run/callbacks.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/server.h"

#define BODY_MEMORY ((size_t)64 << 10)
#define PREFIX      SLICE_LIT("/callbacks/")
#define PING        "ping"

/* How a provider's callbacks are checked. */
struct trust {
    const struct provider *provider;
    bool known;
    uint8_t key_sha256[DIGEST_LEN]; /* PROOF_KEY_SHA256 */
    char *secret;                   /* PROOF_HMAC_SHA256 */
    bool said_unproved, said_wrong; /* in the log, once */
};

struct callbacks {
    struct server *server;
    struct secret secret;
    struct trust *trusts;
    unsigned trust_count;
    bool one_run;
    uint8_t run[TOKEN_RUN_LEN];
    struct callback *live; /* not answered yet */
    struct callbacks_counts counts;
    char pinged[TOKEN_TEXT_LEN + 1];
    void (*received)(void *arg, struct callback *c);
    void *arg;
    void (*closed)(void *arg);
    void *closed_arg;
};

/* --- what is refused ------------------------------------------------------------------------ */

#define TAKEN CALLBACKS_REFUSALS_COUNT

static const struct {
    int status;
    const char *word;
} refusals[] = {
#define X(id, status, word) [CALLBACKS_REFUSED_##id] = {status, word},
    CALLBACKS_REFUSALS(X)
#undef X
};

const char *callbacks_refusal_word(enum callbacks_refusal refusal)
{
    return refusals[refusal].word;
}

static int refuse(struct callbacks *c, struct trust *t, enum callbacks_refusal why)
{
    c->counts.refused[why]++;
    if (why == CALLBACKS_REFUSED_UNPROVED && !t->said_unproved) {
        t->said_unproved = true;
        log_write(
            LOG_WARN, "callbacks",
            "%s calls back, and without %s that cannot be checked: answered 503, so that it is"
            " sent again",
            t->provider->title,
            t->provider->proof == PROOF_HMAC_SHA256 ? t->provider->secret_env
                                                    : t->provider->key_env);
    }
    if (why == CALLBACKS_REFUSED_PROOF && !t->said_wrong) {
        t->said_wrong = true;
        log_write(LOG_WARN, "callbacks",
                  "a callback in the name of %s does not prove itself by its %s header: answered"
                  " 401; if this goes on, it is made with another key",
                  t->provider->title, t->provider->proof_header);
    }
    return refusals[why].status;
}

/* --- whose it is, and whether it is true ---------------------------------------------------- */

/* "/callbacks/<name>/<token>" */
static bool split_path(const char *path, struct slice *name, struct slice *token)
{
    struct slice all = slice_of(path);

    if (!slice_starts(all, PREFIX))
        return false;
    const char *at = path + PREFIX.len, *slash = strchr(at, '/');
    if (slash == NULL)
        return false;
    *name = (struct slice){at, (size_t)(slash - at)};
    *token = slice_of(slash + 1);
    return true;
}

static struct trust *find_trust(struct callbacks *c, struct slice name)
{
    for (unsigned i = 0; i < c->trust_count; i++)
        if (slice_eq(name, slice_of(c->trusts[i].provider->name)))
            return &c->trusts[i];
    return NULL;
}

static bool header_is(const struct server_request *r, const char *name,
                      const uint8_t digest[DIGEST_LEN])
{
    const char *text = name ? server_header(r, name) : NULL;
    uint8_t said[DIGEST_LEN];

    return text && digest_unhex(slice_trim(slice_of(text)), said, sizeof said) &&
           digest_same(said, digest, sizeof said);
}

/* Everything that can be told without the body. */
static enum callbacks_refusal examine(struct callbacks *c, const struct server_request *r,
                                      struct trust **trust, struct token *token)
{
    struct slice name, text;

    *trust = NULL;
    if (strcmp(server_method(r), "POST") != 0 || !split_path(server_path(r), &name, &text))
        return CALLBACKS_REFUSED_PATH;
    struct trust *t = *trust = find_trust(c, name);
    if (t == NULL)
        return CALLBACKS_REFUSED_PATH;
    if (!token_read(c->secret.key, t->provider->name, text, token))
        return CALLBACKS_REFUSED_TOKEN;
    if (c->one_run && memcmp(token->run, c->run, TOKEN_RUN_LEN) != 0)
        return CALLBACKS_REFUSED_RUN;
    if (!t->known)
        return CALLBACKS_REFUSED_UNPROVED;
    if (t->provider->proof == PROOF_KEY_SHA256 &&
        !header_is(r, t->provider->proof_header, t->key_sha256))
        return CALLBACKS_REFUSED_PROOF;
    return TAKEN;
}

static bool body_is_true(const struct trust *t, const struct server_request *r)
{
    uint8_t mac[DIGEST_LEN];

    if (t->provider->proof != PROOF_HMAC_SHA256)
        return true;
    digest_hmac(slice_of(t->secret), server_body(r), mac);
    return header_is(r, t->provider->proof_header, mac);
}

/* --- pings ---------------------------------------------------------------------------------- */

void callbacks_ping_make(const struct secret *secret, const uint8_t run[TOKEN_RUN_LEN],
                         char text[TOKEN_TEXT_LEN + 1])
{
    struct token t;

    digest_random(&t, sizeof t);
    memcpy(t.run, run, TOKEN_RUN_LEN);
    token_make(secret->key, PING, &t, text);
}

void callbacks_ping_answer(const struct secret *secret, const char *text,
                           char answer[DIGEST_HEX_LEN + 1])
{
    static const char label[] = "tranche callback ping 1";
    char bytes[sizeof label + TOKEN_TEXT_LEN] = {0};
    uint8_t mac[DIGEST_LEN];

    memcpy(bytes, label, sizeof label);
    memcpy(bytes + sizeof label, text, strnlen(text, TOKEN_TEXT_LEN));
    digest_hmac((struct slice){(const char *)secret->key, sizeof secret->key},
                (struct slice){bytes, sizeof bytes}, mac);
    digest_hex(mac, sizeof mac, answer);
}

bool callbacks_pinged(const struct callbacks *c, const char *text)
{
    return c->pinged[0] != '\0' && strcmp(c->pinged, text) == 0;
}

static bool is_ping(const struct callbacks *c, const struct server_request *r, struct slice *text)
{
    struct slice name;
    struct token t;

    return strcmp(server_method(r), "GET") == 0 && split_path(server_path(r), &name, text) &&
           slice_eq(name, SLICE_LIT(PING)) && token_read(c->secret.key, PING, *text, &t) &&
           (!c->one_run || memcmp(t.run, c->run, TOKEN_RUN_LEN) == 0);
}

static void answer_ping(struct callbacks *c, struct server_request *r, struct slice text)
{
    char answer[DIGEST_HEX_LEN + 1];

    memcpy(c->pinged, text.data, TOKEN_TEXT_LEN); /* is_ping has looked at its length */
    c->pinged[TOKEN_TEXT_LEN] = '\0';
    c->counts.pings++;
    callbacks_ping_answer(&c->secret, c->pinged, answer);
    server_reply(r, 200, "Content-Type: text/plain\n", slice_of(answer));
}

/* --- requests ------------------------------------------------------------------------------- */

static int screen(void *arg, const struct server_request *r)
{
    struct callbacks *c = arg;
    struct trust *t;
    struct token token;
    struct slice text;

    if (is_ping(c, r, &text))
        return 0;
    enum callbacks_refusal why = examine(c, r, &t, &token);
    return why == TAKEN ? 0 : refuse(c, t, why);
}

static bool is_test(const struct provider *p, const struct server_request *r)
{
    const char *text = p->test_header ? server_header(r, p->test_header) : NULL;

    return text && slice_eq_nocase(slice_trim(slice_of(text)), SLICE_LIT("true"));
}

static void hand_on(struct callbacks *c, struct server_request *r, const struct provider *p,
                    const struct token *token)
{
    struct callback *b = calloc(1, sizeof *b);

    if (b == NULL) {
        c->counts.failed++;
        server_reply(r, 503, NULL, SLICE_EMPTY);
        return;
    }
    *b = (struct callback){.provider = p,
                           .token = *token,
                           .test = is_test(p, r),
                           .body = server_body(r),
                           .wall_ms = clock_wall_ms(),
                           .listener = c,
                           .request = r,
                           .live_next = c->live,
                           .live_link = &c->live};
    if (c->live)
        c->live->live_link = &b->live_next;
    c->live = b;
    c->received(c->arg, b);
}

static void handle(void *arg, struct server_request *r)
{
    struct callbacks *c = arg;
    struct trust *t;
    struct token token;
    struct slice text;

    if (is_ping(c, r, &text)) {
        answer_ping(c, r, text);
        return;
    }
    enum callbacks_refusal why = examine(c, r, &t, &token);
    if (why == TAKEN && !body_is_true(t, r))
        why = CALLBACKS_REFUSED_PROOF;
    if (why == TAKEN)
        hand_on(c, r, t->provider, &token);
    else
        server_reply(r, refuse(c, t, why), NULL, SLICE_EMPTY);
}

static void forget(struct callback *b)
{
    *b->live_link = b->live_next;
    if (b->live_next)
        b->live_next->live_link = b->live_link;
    free(b);
}

void callbacks_ack(struct callback *b)
{
    b->listener->counts.accepted++;
    b->listener->counts.tests += b->test;
    server_reply(b->request, 200, "Content-Type: application/json\n", SLICE_LIT("{}"));
    forget(b);
}

void callbacks_fail(struct callback *b)
{
    b->listener->counts.failed++;
    server_reply(b->request, 503, "Retry-After: 30\n", SLICE_EMPTY);
    forget(b);
}

/* --- opening and closing -------------------------------------------------------------------- */

static int trust_init(struct trust *t, const struct callbacks_provider *from, struct error *e)
{
    t->provider = from->provider;
    t->known = from->secret != NULL || from->provider->proof == PROOF_TOKEN;
    if (from->secret == NULL)
        return 0;
    digest_sha256(slice_of(from->secret), t->key_sha256);
    if (from->provider->proof == PROOF_HMAC_SHA256 && (t->secret = strdup(from->secret)) == NULL)
        return error_set(e, ERR_INTERNAL, "out of memory");
    return 0;
}

static void destroy(struct callbacks *c)
{
    while (c->live)
        forget(c->live);
    for (unsigned i = 0; c->trusts && i < c->trust_count; i++) {
        struct trust *t = &c->trusts[i];
        digest_wipe(t->key_sha256, sizeof t->key_sha256);
        if (t->secret)
            digest_wipe(t->secret, strlen(t->secret));
        free(t->secret);
    }
    free(c->trusts);
    secret_wipe(&c->secret);
    free(c);
}

static int listen_on(struct callbacks *c, uv_loop_t *loop, const struct callbacks_options *o,
                     struct error *e)
{
    const struct server_options options = {
        .address = o->address->host,
        .port = o->address->port,
        .connections_max = CALLBACKS_CONNECTIONS_MAX,
        .idle_timeout_s = CALLBACKS_ARRIVAL_S,
        .arrival_timeout_s = CALLBACKS_ARRIVAL_S,
        .body_max = CALLBACKS_BODY_MAX,
        .body_memory = BODY_MEMORY,
        .body_folder = o->body_folder,
        .screen = screen,
        .handle = handle,
        .arg = c,
    };
    return server_create(&c->server, loop, &options, e);
}

int callbacks_open(struct callbacks **out, uv_loop_t *loop, const struct callbacks_options *options,
                   struct error *e)
{
    struct callbacks *c = calloc(1, sizeof *c);

    *out = NULL;
    if (c == NULL)
        return error_set(e, ERR_INTERNAL, "out of memory");
    c->secret = *options->secret;
    c->received = options->received;
    c->arg = options->arg;
    c->one_run = options->run != NULL;
    if (c->one_run)
        memcpy(c->run, options->run, TOKEN_RUN_LEN);
    c->trust_count = options->provider_count;
    c->trusts = calloc(c->trust_count + 1, sizeof *c->trusts);
    int rc = c->trusts ? 0 : error_set(e, ERR_INTERNAL, "out of memory");
    for (unsigned i = 0; rc == 0 && i < c->trust_count; i++)
        rc = trust_init(&c->trusts[i], &options->providers[i], e);
    if (rc == 0)
        rc = listen_on(c, loop, options, e);
    if (rc == 0)
        *out = c;
    else
        destroy(c);
    return rc;
}

static void on_closed(void *arg)
{
    struct callbacks *c = arg;
    void (*closed)(void *) = c->closed;
    void *closed_arg = c->closed_arg;

    destroy(c);
    closed(closed_arg);
}

void callbacks_close(struct callbacks *c, void (*closed)(void *arg), void *arg)
{
    c->closed = closed;
    c->closed_arg = arg;
    server_close(c->server, on_closed, c);
}

uint16_t callbacks_port(const struct callbacks *c)
{
    return server_port(c->server);
}

unsigned callbacks_flight(const struct callbacks *c)
{
    return server_flight(c->server);
}

void callbacks_counts(const struct callbacks *c, struct callbacks_counts *out)
{
    *out = c->counts;
    out->oversized = server_oversized(c->server);
}
