/* Asks providers for their balances.
 *
 * One row a provider: opened, asked, answered or failed, each with its own words; a row that fails
 * does not keep the others from being asked. One request each, not repeated. One thread. */
#include "run/balance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "report/figure.h"
#include "wire/json.h"
#include "wire/json_write.h"
#include "wire/problem.h"

#define ROWS_MAX   16
#define TIMEOUT_MS 30000
#define REPLY_MAX  ((size_t)1 << 20)
#define OUTPUT_MAX ((size_t)1 << 16)
#define JSON_DEPTH 64

enum row_state {
    ROW_OK,
    ROW_NONE,        /* the vendor has no balance to ask for */
    ROW_NO_KEY,      /* and nobody named it */
    ROW_WRONG,       /* key or address are missing, or cannot be used */
    ROW_REFUSED,     /* by the vendor */
    ROW_UNAVAILABLE, /* not reached, or not understood */
};

static const char *const state_names[] = {
    [ROW_OK] = "ok",           [ROW_NONE] = "none",       [ROW_NO_KEY] = "no_key",
    [ROW_WRONG] = "not_asked", [ROW_REFUSED] = "refused", [ROW_UNAVAILABLE] = "unavailable",
};

struct row {
    const struct provider *provider;
    enum row_state state;
    struct caller caller;
    struct client_call call;
    struct balance_reply balance;
    char message[512]; /* why it is not ROW_OK */
    bool asked;
    struct table *table;
};

struct table {
    struct row rows[ROWS_MAX];
    unsigned count, waiting;
    struct json *json;
};

/* --- asking --------------------------------------------------------------------------------- */

static void row_fail(struct row *r, enum row_state state, const char *message)
{
    r->state = state;
    snprintf(r->message, sizeof r->message, "%.*s", (int)sizeof r->message - 1, message);
}

static void row_read(struct row *r, const struct http_reply *reply)
{
    const struct provider *p = r->provider;
    struct json_value root;
    struct problem problem = {.text = ""};
    struct error e = {0};
    char message[512];

    problem_parse(&problem, r->table->json, buf_slice(&reply->body));
    bool whole = reply->end == HTTP_REPLY &&
                 json_parse(r->table->json, buf_slice(&reply->body), &root, &e) == 0;
    enum reply_class class = p->operations->classify(reply, false, whole ? &root : NULL, &problem);
    if (class == REPLY_OK && p->parse_balance(root, &r->balance)) {
        r->state = ROW_OK;
        return;
    }
    if (reply->end != HTTP_REPLY)
        snprintf(message, sizeof message, "no answer: %s", reply->problem);
    else if (class == REPLY_OK)
        snprintf(message, sizeof message, "the answer holds no balance");
    else
        snprintf(message, sizeof message, "it answered %ld%s%s", reply->status,
                 problem.text[0] ? ": " : "", problem.text);
    row_fail(r, class == REPLY_REFUSED ? ROW_REFUSED : ROW_UNAVAILABLE, message);
}

static void on_done(struct client_call *call, struct http_reply *reply)
{
    struct row *r = call->arg;

    row_read(r, reply);
    r->table->waiting--;
}

static void row_ask(struct row *r, struct client *client)
{
    struct error e = {0};

    caller_prepare(&r->caller, &r->call, TIMEOUT_MS, REPLY_MAX);
    r->provider->build_balance(&r->call.request);
    r->call.done = on_done;
    r->call.arg = r;
    if (client_send(client, &r->call, &e) == 0)
        r->table->waiting++;
    else
        row_fail(r, ROW_WRONG, e.message);
}

static int ask_all(struct table *t, struct error *e)
{
    struct caller_loop l;

    if (caller_loop_open(&l, ROWS_MAX, e) != 0)
        return e->code;
    for (unsigned i = 0; i < t->count; i++)
        if (t->rows[i].asked)
            row_ask(&t->rows[i], l.client);
    while (t->waiting > 0)
        uv_run(&l.loop, UV_RUN_ONCE);
    caller_loop_close(&l);
    return 0;
}

/* --- whom ----------------------------------------------------------------------------------- */

/* What is wrong with one provider's key or address is for its row, what is wrong with the command
 * line ends the command. */
static int row_open(struct row *r, const struct caller_place *place, bool named, struct error *e)
{
    if (!r->provider->build_balance)
        row_fail(r, ROW_NONE, "has no balance to ask for");
    else if (!named && !caller_has_key(r->provider, place))
        row_fail(r, ROW_NO_KEY, "no key");
    else
        r->asked = caller_open(&r->caller, r->provider, place, e) == 0;
    if (e->code == ERR_CONFIG) {
        row_fail(r, ROW_WRONG, e->message);
        *e = (struct error){0};
    }
    return e->code;
}

static bool has_row(const struct table *t, const struct provider *p)
{
    for (unsigned i = 0; i < t->count; i++)
        if (t->rows[i].provider == p)
            return true;
    return false;
}

static int add_row(struct table *t, const struct provider *p, struct error *e)
{
    if (t->count == ROWS_MAX)
        return error_set(e, ERR_INTERNAL, "more than %d providers", ROWS_MAX);
    t->rows[t->count++] = (struct row){.provider = p, .table = t};
    return 0;
}

static int choose(struct table *t, const struct balance_options *o, struct error *e)
{
    for (unsigned i = 0; i < o->provider_count; i++) {
        const struct provider *p = provider_find(slice_of(o->providers[i]));
        if (!p)
            return error_set(e, ERR_USAGE,
                             "there is no provider '%s'; tranche providers lists them",
                             o->providers[i]);
        if (!has_row(t, p) && add_row(t, p, e) != 0)
            return e->code;
    }
    for (const struct provider *const *p = provider_table; o->provider_count == 0 && *p; p++)
        if (add_row(t, *p, e) != 0)
            return e->code;
    return 0;
}

/* --- saying --------------------------------------------------------------------------------- */

/* The text, and spaces up to the width. */
static void append_cell(struct buf *b, const char *text, int width)
{
    buf_append_format(b, "%-*s  ", width, text);
}

static void append_today(struct buf *b, const struct balance_reply *balance)
{
    if (balance->used_today < 0) {
        buf_append_char(b, '-');
        return;
    }
    figure_amount(b, balance->used_today);
    if (balance->limit_today >= 0) {
        buf_append_text(b, " of ");
        figure_amount(b, balance->limit_today);
    }
}

static void append_row(struct buf *b, const struct row *r)
{
    struct buf credits, plan;

    append_cell(b, r->provider->name, 12);
    if (r->state != ROW_OK) {
        figure_text(b, r->message);
        buf_append_char(b, '\n');
        return;
    }
    buf_init(&credits, 64);
    buf_init(&plan, 64);
    if (r->balance.credits < 0)
        buf_append_text(&credits, "unlimited");
    else
        figure_amount(&credits, r->balance.credits);
    figure_text(&plan, r->balance.plan[0] ? r->balance.plan : "-");
    append_cell(b, buf_text(&credits), 14);
    append_cell(b, buf_text(&plan), 12);
    append_today(b, &r->balance);
    buf_append_char(b, '\n');
    buf_deinit(&credits);
    buf_deinit(&plan);
}

static void append_table(struct buf *b, const struct table *t)
{
    append_cell(b, "PROVIDER", 12);
    append_cell(b, "CREDITS", 14);
    append_cell(b, "PLAN", 12);
    buf_append_text(b, "REQUESTS TODAY\n");
    for (unsigned i = 0; i < t->count; i++)
        append_row(b, &t->rows[i]);
}

static void json_known(struct buf *b, bool *first, const char *name, int64_t value)
{
    if (value >= 0) {
        json_write_member_i64(b, first, name, value);
        return;
    }
    json_write_key(b, first, name);
    buf_append_text(b, "null");
}

static void json_text(struct buf *b, bool *first, const char *name, const char *text)
{
    if (text[0]) {
        json_write_member_string(b, first, name, slice_of(text));
        return;
    }
    json_write_key(b, first, name);
    buf_append_text(b, "null");
}

static void json_row(struct buf *b, const struct row *r)
{
    struct balance_reply none = {.credits = -1, .used_today = -1, .limit_today = -1};
    const struct balance_reply *balance = r->state == ROW_OK ? &r->balance : &none;
    bool first = true;

    buf_append_char(b, '{');
    json_text(b, &first, "provider", r->provider->name);
    json_text(b, &first, "state", state_names[r->state]);
    json_known(b, &first, "credits", balance->credits);
    json_write_member_bool(b, &first, "unlimited", r->state == ROW_OK && balance->credits < 0);
    json_text(b, &first, "plan", balance->plan);
    json_known(b, &first, "requests_today", balance->used_today);
    json_known(b, &first, "requests_today_max", balance->limit_today);
    json_text(b, &first, "message", r->message);
    buf_append_char(b, '}');
}

static void append_json(struct buf *b, const struct table *t)
{
    buf_append_char(b, '[');
    for (unsigned i = 0; i < t->count; i++) {
        buf_append_text(b, i > 0 ? ",\n " : "");
        json_row(b, &t->rows[i]);
    }
    buf_append_text(b, "]\n");
}

static int exit_status(const struct table *t)
{
    static const int codes[] = {
        [ROW_OK] = 0,
        [ROW_NONE] = 0,
        [ROW_NO_KEY] = 0,
        [ROW_WRONG] = ERR_CONFIG,
        [ROW_REFUSED] = ERR_REFUSED,
        [ROW_UNAVAILABLE] = ERR_UNAVAILABLE,
    };
    int status = 0;

    for (unsigned i = 0; i < t->count; i++)
        if (error_exit_status(codes[t->rows[i].state]) > status)
            status = error_exit_status(codes[t->rows[i].state]);
    return status;
}

static bool nobody_asked(const struct table *t)
{
    for (unsigned i = 0; i < t->count; i++)
        if (t->rows[i].state != ROW_NONE && t->rows[i].state != ROW_NO_KEY)
            return false;
    return true;
}

static void print(const struct table *t, bool json, struct error *e)
{
    struct buf out;

    buf_init(&out, OUTPUT_MAX);
    if (json)
        append_json(&out, t);
    else
        append_table(&out, t);
    if (out.failed)
        error_set(e, ERR_INTERNAL, "no memory");
    else
        fwrite(out.data, 1, out.len, stdout);
    buf_deinit(&out);
}

int run_balance(const struct balance_options *o, struct error *e)
{
    struct table t = {.json = json_create(JSON_DEPTH)};
    struct caller_place place = o->place;

    if (!t.json)
        error_set(e, ERR_INTERNAL, "no memory");
    if (e->code == 0 && choose(&t, o, e) == 0) {
        place.several = t.count > 1;
        for (unsigned i = 0; i < t.count && e->code == 0; i++)
            row_open(&t.rows[i], &place, o->provider_count > 0, e);
        if (e->code == 0 && ask_all(&t, e) == 0)
            print(&t, o->json, e);
    }
    if (e->code == 0 && o->provider_count == 0 && nobody_asked(&t))
        error_set(e, ERR_CONFIG,
                  "no key is configured: tranche providers names the variable of each provider");
    for (unsigned i = 0; i < t.count; i++)
        caller_close(&t.rows[i].caller);
    json_destroy(t.json);
    return e->code != 0 ? error_exit_status(e->code) : exit_status(&t);
}
