/* Finds a provider's address and key for commands that need no run.
 *
 * 1. A value with a scope (P=...) is for that provider alone; a scope that is no provider's is an
 *    error, so that a slip never sends a key or a request to another address than was meant.
 * 2. The key is in memory from caller_open to caller_close, and in no message.
 *
 * One thread. */
#include "run/caller.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/key.h"
#include "wire/http.h"

#define BASE_URL_MAX    255 /* bytes */
#define PROVIDER_CHARS  "abcdefghijklmnopqrstuvwxyz0123456789-"
#define CONNECT_TIME_MS 10000

/* The value of [P=]VALUE for the provider; NULL where it is absent or another one's. */
static int unscope(const struct provider *p, const char *option, const char *text, bool several,
                   const char **value, struct error *e)
{
    size_t len = text ? strspn(text, PROVIDER_CHARS) : 0;

    *value = NULL;
    if (!text)
        return 0;
    if (len == 0 || text[len] != '=') {
        if (several)
            return error_set(e, ERR_USAGE, "%s: whose? Say %s %s=%s", option, option, p->name,
                             text);
        *value = text;
        return 0;
    }
    struct slice scope = {text, len};
    if (slice_eq(scope, slice_of(p->name)))
        *value = text + len + 1;
    else if (!several || !provider_find(scope))
        return error_set(e, ERR_USAGE, "%s: '%.*s' is not %s", option, SLICE_ARG(scope),
                         several ? "a provider" : p->name);
    return 0;
}

/* Of the variable that is called so in capitals; NULL where it is not set, or empty. */
static const char *variable(const char *name, const char *suffix)
{
    char whole[96];

    snprintf(whole, sizeof whole, "%s%s", name, suffix);
    for (char *c = whole; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    const char *value = getenv(whole);
    return value && *value ? value : NULL;
}

static int find_address(const struct provider *p, const struct caller_place *place,
                        const char **out, struct error *e)
{
    const char *first, *last;

    if (unscope(p, "--base-url", place->base_url, place->several, &first, e) != 0 ||
        unscope(p, "base-url", place->base_url_last, place->several, &last, e) != 0)
        return e->code;
    *out = first ? first : variable(p->name, "_BASE_URL");
    if (!*out)
        *out = last ? last : p->base_url;
    if (!*out)
        return error_set(e, ERR_CONFIG,
                         "%s has no address of its own: give the one of your account with "
                         "--base-url",
                         p->title);
    const char *problem = http_base_problem(slice_of(*out));
    if (!problem && strlen(*out) > BASE_URL_MAX)
        problem = "it is longer than 255 bytes";
    return problem ? error_set(e, ERR_CONFIG, "the address '%s' of %s cannot be used: %s", *out,
                               p->name, problem)
                   : 0;
}

static bool key_in_environment(const struct provider *p)
{
    return variable(p->key_env, "") || variable(p->key_env, "_FILE");
}

bool caller_has_key(const struct provider *p, const struct caller_place *place)
{
    struct error e = {0};
    const char *file;

    /* What is wrong with the option, caller_open says. */
    return unscope(p, "--key-file", place->key_file, place->several, &file, &e) != 0 || file ||
           key_in_environment(p);
}

int caller_open_at(struct caller *c, const struct provider *p, const char *base_url,
                   const char *key_file, struct error *e)
{
    *c = (struct caller){.provider = p, .base_url = base_url};
    if (!key_file && !key_in_environment(p))
        return error_set(e, ERR_CONFIG,
                         "no key for %s: put it into a file of mode 0600 and name that with "
                         "--key-file, or set %s or %s_FILE",
                         p->title, p->key_env, p->key_env);
    if (p->origin_header)
        snprintf(c->origin, sizeof c->origin, "%s: tranche", p->origin_header);
    return key_load(p, key_file, &c->key, e);
}

int caller_open(struct caller *c, const struct provider *p, const struct caller_place *place,
                struct error *e)
{
    const char *base_url = NULL, *key_file = NULL;

    *c = (struct caller){.provider = p};
    if (find_address(p, place, &base_url, e) != 0 ||
        unscope(p, "--key-file", place->key_file, place->several, &key_file, e) != 0)
        return e->code;
    return caller_open_at(c, p, base_url, key_file, e);
}

void caller_close(struct caller *c)
{
    key_free(c->key);
    c->key = NULL;
}

void caller_prepare(const struct caller *c, struct client_call *call, int64_t timeout_ms,
                    size_t reply_max)
{
    *call = (struct client_call){
        .base_url = c->base_url,
        .key_header = c->provider->key_header,
        .key_prefix = c->provider->key_prefix,
        .key = c->key,
        .headers = c->origin[0] ? c->origin : NULL,
        .body_fd = -1,
        .timeout_ms = timeout_ms,
        .reply_max = reply_max,
    };
}

/* --- the loop ------------------------------------------------------------------------------- */

int caller_loop_open(struct caller_loop *l, unsigned connections_max, struct error *e)
{
    struct client_options options = {
        .connections_max = connections_max,
        .connect_timeout_ms = CONNECT_TIME_MS,
        .user_agent = "tranche/" TRANCHE_VERSION,
    };
    int rc = uv_loop_init(&l->loop);

    if (rc != 0)
        return error_set(e, ERR_INTERNAL, "the event loop cannot start: %s", uv_strerror(rc));
    if (client_create(&l->client, &l->loop, &options, e) != 0)
        uv_loop_close(&l->loop);
    return e->code;
}

static void on_client_closed(void *arg)
{
    (void)arg; /* what is left to close, the loop knows */
}

void caller_loop_close(struct caller_loop *l)
{
    client_close(l->client, on_client_closed, NULL);
    uv_run(&l->loop, UV_RUN_DEFAULT);
    uv_loop_close(&l->loop);
}
