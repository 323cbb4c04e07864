/* Sends one request by one libcurl handle and judges what came of it.
 *
 * 1. Of a request's body each byte is given to libcurl at most once. When a reused connection dies
 *    before a reply byte, libcurl silently begins again on a new one; that second attempt is
 *    refused (on_seek, on_open, on_attempt) unless nothing of the body had been given yet.
 * 2. A paid request without a body has no such guard, so it never goes over a reused connection.
 * 3. `sent` outlives attempts: libcurl's own counter is back at 0 when a second attempt fails to
 *    connect, and the request that left whole would look as if it never had.
 * 4. Redirects are not followed: they would carry key and body to another host.
 *
 * Judgement, in this order: ended by us on request: CANCELLED; a final status line seen: REPLY when
 * the headers and the framed length are complete, else CUT; no attempt got a connection, or less
 * than the whole body was written: NOT_SENT; else LOST. A libcurl code is never asked whether
 * something left, for it speaks of the last attempt alone.
 *
 * libcurl keeps copies of the key in its request buffers until it frees them; ours are wiped.
 * The loop's thread. */
#include "net/transfer.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "wire/digest.h"

/* All header lines of a reply, 1xx and trailers included. */
#define HEADERS_MAX (256 << 10)
/* libcurl allocates its upload buffer for each request anew: the least it accepts for most, and
 * room for few system calls for the large ones. */
#define UPLOAD_SMALL (16L << 10)
#define UPLOAD_LARGE (256L << 10)
/* What a promised length reserves at most before the bytes are there. */
#define RESERVE_MAX ((curl_off_t)1 << 20)

/* ---- The request's body ---------------------------------------------------------------------- */

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    struct client_transfer *t = arg;
    const struct client_call *call = t->call;
    uint64_t left = t->body_len - t->handed;
    size_t len = size * count < left ? size * count : (size_t)left;
    if (len == 0) {
        /* libcurl stops by the length; it asks again only after a piece was lost. */
        snprintf(t->problem, sizeof(t->problem), "the connection closed before the body had left");
        return CURL_READFUNC_ABORT;
    }
    if (call->body_fd < 0) {
        memcpy(out, call->body.data + t->handed, len);
    } else {
        ssize_t n;
        do
            n = pread(call->body_fd, out, len, (off_t)t->handed);
        while (n < 0 && errno == EINTR);
        if (n <= 0) {
            snprintf(t->problem, sizeof(t->problem), "cannot read the body: %s",
                     n < 0 ? strerror(errno) : "the file is too short");
            return CURL_READFUNC_ABORT;
        }
        len = (size_t)n;
    }
    t->handed += len;
    return len;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
    const struct client_transfer *t = arg;
    return t->handed == 0 && offset == 0 && origin == SEEK_SET ? CURL_SEEKFUNC_OK
                                                               : CURL_SEEKFUNC_FAIL;
}

/* Whether this would be a second attempt after a part of the body was given. */
static bool is_resend(struct client_transfer *t)
{
    t->resend = t->handed > 0;
    return t->resend;
}

/* A connection is there and the request is about to be written to it. */
static int on_attempt(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct client_transfer *t = arg;
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    if (is_resend(t))
        return CURL_PREREQFUNC_ABORT;
    t->attempts++;
    t->status = 0;
    t->headers_done = false;
    return CURL_PREREQFUNC_OK;
}

static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
    struct client_transfer *t = arg;
    (void)down_all, (void)up_all;
    if (up > 0 && (uint64_t)up > t->sent)
        t->sent = (uint64_t)up;
    uint64_t moved = (uint64_t)(down + up) + t->headers_len;
    if (moved != t->moved) {
        t->moved = moved;
        t->moved_ms = uv_now(t->loop);
    }
    return 0;
}

/* ---- The reply ------------------------------------------------------------------------------- */

static int64_t number_or_none(struct slice value)
{
    unsigned long long n;
    return slice_u64(value, &n) && n <= INT64_MAX ? (int64_t)n : -1;
}

static void hints_reset(struct http_hints *h)
{
    *h = (struct http_hints){-1, -1, -1, -1};
}

static void hint_read(struct http_hints *h, struct slice line)
{
    const char *colon = memchr(line.data, ':', line.len);
    if (colon == NULL)
        return;
    struct slice name = {line.data, (size_t)(colon - line.data)};
    struct slice value = slice_trim((struct slice){colon + 1, line.len - name.len - 1});
    if (slice_eq_nocase(name, SLICE_LIT("retry-after")))
        h->retry_after_ms = http_retry_after(value, clock_wall_ms());
    else if (slice_eq_nocase(name, SLICE_LIT("x-ratelimit-limit")))
        h->ratelimit_limit = number_or_none(value);
    else if (slice_eq_nocase(name, SLICE_LIT("x-ratelimit-remaining")))
        h->ratelimit_remaining = number_or_none(value);
    else if (slice_eq_nocase(name, SLICE_LIT("x-ratelimit-reset")))
        h->ratelimit_reset_s = number_or_none(value);
}

/* "HTTP/1.1 200 OK": 200; anything else 0. */
static long status_read(struct slice line)
{
    unsigned long long status;
    const char *space = memchr(line.data, ' ', line.len);
    size_t at = space ? (size_t)(space - line.data) + 1 : line.len;
    if (line.len < at + 3 || !slice_u64((struct slice){line.data + at, 3}, &status))
        return 0;
    return (long)status;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct client_transfer *t = arg;
    struct slice line = slice_trim((struct slice){data, size * count});
    t->headers_len += size * count;
    if (t->headers_len > HEADERS_MAX) {
        snprintf(t->problem, sizeof(t->problem), "the reply's headers are longer than %d bytes",
                 HEADERS_MAX);
        return 0;
    }
    if (slice_starts(line, SLICE_LIT("HTTP/"))) {
        t->status = status_read(line);
        t->headers_done = false;
        hints_reset(&t->hints);
    } else if (line.len == 0) {
        t->headers_done = t->status >= 200;
    } else if (!t->headers_done) { /* else a trailer */
        hint_read(&t->hints, line);
    }
    return size * count;
}

static size_t on_write(char *data, size_t size, size_t count, void *arg)
{
    struct client_transfer *t = arg;
    size_t len = size * count;
    if (t->body.len == 0) {
        curl_off_t promised = -1;
        curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &promised);
        if (promised > 0 && (uint64_t)promised <= t->call->reply_max)
            buf_reserve(&t->body, (size_t)(promised < RESERVE_MAX ? promised : RESERVE_MAX));
    }
    if (len > t->call->reply_max - t->body.len) {
        snprintf(t->problem, sizeof(t->problem), "the reply is longer than %zu bytes",
                 t->call->reply_max);
        return 0;
    }
    buf_append(&t->body, data, len);
    if (t->body.failed)
        snprintf(t->problem, sizeof(t->problem), "no memory for the reply");
    return t->body.failed ? 0 : len;
}

/* ---- The handle ------------------------------------------------------------------------------ */

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct client_transfer *t = arg;
    (void)purpose;
    if (is_resend(t))
        return CURL_SOCKET_BAD;
    int fd = watch_socket(t->watch, address->family, address->socktype, address->protocol);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_close(void *arg, curl_socket_t fd)
{
    watch_close(arg, fd);
    return 0;
}

/* libcurl refuses more than an int; 24 days are as good as forever. */
static long timeout_of(int64_t ms)
{
    return ms > INT_MAX ? INT_MAX : (long)ms;
}

/* What is the same for every call. False when libcurl lacks something that is not optional. */
static bool easy_set(struct client_transfer *t, const struct client_options *o)
{
    CURL *c = t->easy;
    CURLcode bad = CURLE_OK;
#define SET(option, value)                                                                         \
    do {                                                                                           \
        CURLcode rc = curl_easy_setopt(c, option, value);                                          \
        if (rc)                                                                                    \
            bad = rc;                                                                              \
    } while (0)
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_ERRORBUFFER, t->error);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* A proxy's answer to CONNECT is not the vendor's. */
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, timeout_of(o->connect_timeout_ms));
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_USERAGENT, o->user_agent);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, t);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, t);
    SET(CURLOPT_PREREQFUNCTION, on_attempt);
    SET(CURLOPT_PREREQDATA, t);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, t);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, on_write);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(CURLOPT_OPENSOCKETDATA, t);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(CURLOPT_CLOSESOCKETDATA, t->watch); /* a connection outlives the transfer */
#undef SET
    return bad == CURLE_OK;
}

struct client_transfer *transfer_create(uv_loop_t *loop, struct watch *w,
                                        const struct client_options *options)
{
    struct client_transfer *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->loop = loop;
    t->watch = w;
    t->easy = curl_easy_init();
    if (t->easy && easy_set(t, options))
        return t;
    transfer_destroy(t);
    return NULL;
}

void transfer_destroy(struct client_transfer *t)
{
    if (t == NULL)
        return;
    curl_easy_cleanup(t->easy);
    buf_deinit(&t->body);
    free(t);
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static int url_set(struct client_transfer *t, struct error *e)
{
    struct slice base = slice_of(t->call->base_url);
    const char *path = t->call->request.path;
    char url[TRANSFER_URL_MAX];
    const char *problem = http_base_problem(base);
    if (problem)
        return error_set(e, ERR_CONFIG, "the base address: %s", problem);
    if (base.data[base.len - 1] == '/')
        base.len--;
    size_t path_len = strlen(path);
    bool fine = path[0] == '/' && base.len + path_len < sizeof(url);
    for (const char *p = path; *p; p++)
        fine = fine && *p > ' ' && *p <= '~' && *p != '#';
    if (!fine)
        return error_set(e, ERR_INTERNAL, "a request's path is not one");
    memcpy(url, base.data, base.len);
    memcpy(url + base.len, path, path_len + 1);
    if (curl_easy_setopt(t->easy, CURLOPT_URL, url))
        return error_set(e, ERR_INTERNAL, "no memory for a request");
    return 0;
}

static bool name_valid(const char *name)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return *name && strspn(name, token) == strlen(name);
}

/* "Name: value\nName: value": each line checked, copied, and linked behind *link. */
static int more_headers(struct client_transfer *t, struct curl_slist ***link, struct error *e)
{
    struct curl_slist *header = &t->headers[3], *end = t->headers + 3 + TRANSFER_HEADERS_MAX;
    size_t len = strlen(t->call->headers);
    if (len >= sizeof(t->lines))
        return error_set(e, ERR_INTERNAL, "the request's headers are too long");
    memcpy(t->lines, t->call->headers, len + 1);
    for (char *line = t->lines, *next; *line != '\0'; line = next) {
        next = line + strcspn(line, "\n");
        if (*next == '\n')
            *next++ = '\0';
        char *colon = strstr(line, ": ");
        if (header == end || colon == NULL || !http_header_valid(slice_of(colon + 2)))
            return error_set(e, ERR_INTERNAL, "a header of the request cannot be sent");
        *colon = '\0';
        bool named = name_valid(line);
        *colon = ':';
        if (!named)
            return error_set(e, ERR_INTERNAL, "a header of the request has no proper name");
        header->data = line;
        **link = header;
        *link = &header->next;
        header++;
    }
    return 0;
}

static int headers_set(struct client_transfer *t, struct error *e)
{
    static char accept[] = "Accept: application/json", type[] = "Content-Type: application/json";
    static char no_type[] = "Content-Type:"; /* libcurl leaves it out, and not a form's */
    const struct client_call *call = t->call;
    struct curl_slist **link = &t->headers[0].next;
    t->headers[0].data = accept;
    if (call->request.method == HTTP_POST) {
        t->headers[1].data = call->request.has_body ? type : no_type;
        *link = &t->headers[1];
        link = &t->headers[1].next;
    }
    if (call->key_header) {
        struct slice key = slice_of(call->key);
        if (!name_valid(call->key_header) || !http_header_valid(key))
            return error_set(e, ERR_CONFIG,
                             "the key for the header '%s' has characters that no "
                             "header may have, or is empty",
                             name_valid(call->key_header) ? call->key_header : "?");
        const char *prefix = call->key_prefix != NULL ? call->key_prefix : "";
        if (strlen(call->key_header) + 2 + strlen(prefix) + key.len >= sizeof(t->key_line))
            return error_set(e, ERR_CONFIG, "the key for the header '%s' is too long",
                             call->key_header);
        snprintf(t->key_line, sizeof(t->key_line), "%s: %s%s", call->key_header, prefix, call->key);
        t->headers[2].data = t->key_line;
        *link = &t->headers[2];
        link = &t->headers[2].next;
    }
    if (call->headers && more_headers(t, &link, e) != 0)
        return e->code;
    *link = NULL;
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, &t->headers[0]);
    return 0;
}

static int method_set(struct client_transfer *t, struct error *e)
{
    const struct http_request *r = &t->call->request;
    t->body_len = !r->has_body ? 0 : t->call->body_fd < 0 ? t->call->body.len : r->body_len;
    switch (r->method) {
    case HTTP_GET:
    case HTTP_DELETE:
        if (r->has_body)
            return error_set(e, ERR_INTERNAL, "only a POST has a body");
        curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, r->method == HTTP_GET ? NULL : "DELETE");
        break;
    case HTTP_POST:
        curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, NULL);
        curl_easy_setopt(t->easy, CURLOPT_UPLOAD_BUFFERSIZE,
                         t->body_len > UPLOAD_SMALL ? UPLOAD_LARGE : UPLOAD_SMALL);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len);
        break;
    }
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, t->call->paid && t->body_len == 0 ? 1L : 0L);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, timeout_of(t->call->timeout_ms));
    return 0;
}

static void transfer_release(struct client_transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
    digest_wipe(t->key_line, strlen(t->key_line));
    buf_deinit(&t->body);
    t->call = NULL;
}

int transfer_begin(struct client_transfer *t, struct client_call *call, struct error *e)
{
    t->call = call;
    t->handed = t->sent = t->moved = 0;
    t->attempts = 0;
    t->status = 0;
    t->headers_done = false;
    t->headers_len = 0;
    t->resend = t->unwanted = t->cancelled = t->silent = false;
    t->problem[0] = t->error[0] = '\0';
    t->started_ms = clock_mono_ms();
    t->moved_ms = uv_now(t->loop);
    hints_reset(&t->hints);
    buf_init(&t->body, call->reply_max);
    if (url_set(t, e) || headers_set(t, e) || method_set(t, e)) {
        transfer_release(t);
        return e->code;
    }
    return 0;
}

/* ---- Ending ---------------------------------------------------------------------------------- */

/* The bytes of the reply's body as its framing promised them; -1 when it did not. */
static curl_off_t promised_len(const struct client_transfer *t)
{
    curl_off_t len = -1;
    if (t->status == 204 || t->status == 304)
        return 0;
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &len);
    return len;
}

/* rc 0 is not taken for a whole reply, nor an error for a cut one: a server may answer early and
 * close while the body is still being sent. */
static bool reply_whole(const struct client_transfer *t, CURLcode rc)
{
    curl_off_t promised = promised_len(t);
    if (!t->headers_done || t->problem[0])
        return false;
    /* A 417 in the middle of the body: libcurl skips the reply's body and wants to begin again. */
    if (t->resend)
        return true;
    return promised < 0 ? rc == CURLE_OK : (uint64_t)promised == t->body.len;
}

static enum http_end transfer_judge(const struct client_transfer *t, CURLcode rc)
{
    if (t->cancelled) /* before any request went out there is no doubt about it */
        return t->attempts == 0 && t->status == 0 ? HTTP_NOT_SENT : HTTP_CANCELLED;
    if (t->status >= 200)
        return reply_whole(t, rc) ? HTTP_REPLY : HTTP_CUT;
    if (t->attempts == 0 || t->sent < t->body_len)
        return HTTP_NOT_SENT;
    return HTTP_LOST;
}

/* Why it did not end as a reply, in words without the address. */
static void problem_write(const struct client_transfer *t, CURLcode rc, char *out, size_t len)
{
    if (t->cancelled)
        snprintf(out, len, "cancelled");
    else if (t->silent)
        snprintf(out, len, "not a byte moved for %lld ms", (long long)t->call->idle_timeout_ms);
    else if (t->problem[0])
        snprintf(out, len, "%s", t->problem);
    else if (t->resend || rc == CURLE_SEND_FAIL_REWIND)
        snprintf(out, len, "the connection closed before a reply came");
    else if (rc == CURLE_OK && !t->headers_done)
        snprintf(out, len, "the reply ended within its headers");
    else if (rc == CURLE_OK)
        snprintf(out, len, "the reply ended after %zu of %lld bytes", t->body.len,
                 (long long)promised_len(t));
    else
        snprintf(out, len, "%s", t->error[0] ? t->error : curl_easy_strerror(rc));
    /* libcurl may quote an address, or what a server sent: no query, no control characters. */
    out[strcspn(out, "?")] = '\0';
    for (char *p = out; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = ' ';
}

void transfer_end(struct client_transfer *t, CURLcode rc, struct http_reply *reply)
{
    curl_off_t up = 0;
    curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    if (up > 0 && (uint64_t)up > t->sent)
        t->sent = (uint64_t)up;
    memset(reply, 0, sizeof(*reply));
    reply->end = transfer_judge(t, rc);
    reply->status = t->status >= 200 ? t->status : 0;
    reply->hints = t->hints;
    reply->sent = t->sent;
    reply->elapsed_ms = clock_mono_ms() - t->started_ms;
    if (reply->end != HTTP_REPLY)
        problem_write(t, rc, reply->problem, sizeof(reply->problem));
    buf_take(&reply->body, &t->body);
    transfer_release(t);
}
