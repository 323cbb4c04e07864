/* A simulator in a folder of its own, and a client that speaks to it over real sockets: what the
 * tests of the vendors share. Everything is static: each test program is one file. */
#ifndef TRANCHE_TESTS_SIM_CLIENT_H
#define TRANCHE_TESTS_SIM_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "sim/sim.h"
#include "wire/json.h"

/* Not every test uses all of them. */
#define SHARED static __attribute__((unused, noinline))

#define KEY "sk_test"

/* ---- a folder and a simulator ---- */

struct fixture {
    char folder[64];
    struct sim_options options;
    struct sim *sim;
    struct json *json;
};

SHARED int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->folder, "/tmp/tranche-sim-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->options = (struct sim_options){.address = "127.0.0.1",
                                      .key = KEY,
                                      .seed = 1,
                                      .folder = f->folder,
                                      .tier = "unlimited",
                                      .balance = 100000,
                                      .found_percent = 60};
    f->json = json_create(16);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

SHARED int tear_down(void **state)
{
    struct fixture *f = *state;
    sim_stop(f->sim);
    int code = nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    json_destroy(f->json);
    free(f);
    return code;
}

SHARED void start(struct fixture *f)
{
    struct error e = {0};
    if (sim_start(&f->sim, &f->options, &e) != 0)
        fail_msg("%s", e.message);
}

SHARED void restart(struct fixture *f)
{
    sim_stop(f->sim);
    f->sim = NULL;
    start(f);
}

/* ---- a client ---- */

struct reply {
    int status; /* 0: not a byte came */
    bool whole; /* the body is as long as was promised */
    char *text; /* headers and body */
    const char *body;
    size_t body_len;
};

SHARED void reply_free(struct reply *r)
{
    free(r->text);
    *r = (struct reply){0};
}

SHARED int dial(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

SHARED void send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        data += n;
        len -= (size_t)n;
    }
}

SHARED struct reply receive(int fd)
{
    struct reply r = {0};
    size_t len = 0, cap = 0;
    for (;;) {
        if (cap - len < 65537) {
            cap = cap * 2 + 65537;
            r.text = realloc(r.text, cap);
            assert_non_null(r.text);
        }
        ssize_t n = recv(fd, r.text + len, cap - len - 1, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    r.text[len] = '\0';
    char *body = strstr(r.text, "\r\n\r\n");
    if (!body)
        return r;
    r.status = atoi(r.text + 9);
    r.body = body + 4;
    r.body_len = len - (size_t)(r.body - r.text);
    const char *promise = strcasestr(r.text, "content-length:");
    r.whole = promise && promise < body && strtoul(promise + 15, NULL, 10) == r.body_len;
    return r;
}

SHARED struct reply ask_with(struct fixture *f, const char *auth, const char *method,
                             const char *path, const char *body)
{
    char head[1024];
    int fd = dial(sim_port(f->sim));
    snprintf(head, sizeof head,
             "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n",
             method, path, auth, body ? strlen(body) : 0);
    send_all(fd, head, strlen(head));
    if (body)
        send_all(fd, body, strlen(body));
    struct reply r = receive(fd);
    close(fd);
    return r;
}

SHARED struct reply ask(struct fixture *f, const char *method, const char *path, const char *body)
{
    return ask_with(f, "x-api-key: " KEY "\r\n", method, path, body);
}

SHARED struct json_value parse(struct fixture *f, const struct reply *r)
{
    struct json_value root = {0};
    struct error e = {0};
    assert_true(r->whole);
    if (json_parse(f->json, (struct slice){r->body, r->body_len}, &root, &e) != 0)
        fail_msg("%s: %s", e.message, r->body);
    return root;
}

SHARED int64_t number_at(struct json_value root, const char *path)
{
    struct json_value v;
    int64_t n = 0;
    if (!json_path(root, path, &v) || !json_int(v, &n))
        fail_msg("no number at %s", path);
    return n;
}

SHARED const char *text_at(struct json_value root, const char *path)
{
    static char text[512];
    struct json_value v;
    struct slice s;
    if (!json_path(root, path, &v) || !json_string(v, &s))
        fail_msg("no text at %s", path);
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(s));
    return text;
}

/* A number of the account with that vendor. */
SHARED int64_t number_of_account(struct fixture *f, const char *vendor, const char *path)
{
    char page[64];
    snprintf(page, sizeof page, "/sim/%s/account?lists=0", vendor);
    struct reply r = ask_with(f, "", "GET", page, NULL);
    assert_int_equal(r.status, 200);
    int64_t n = number_at(parse(f, &r), path);
    reply_free(&r);
    return n;
}

/* Replace the faults of that vendor. */
SHARED void set_vendor_faults(struct fixture *f, const char *vendor, const char *spec)
{
    char path[512];
    char *at = path + snprintf(path, sizeof path, "/sim/%s/faults?set=", vendor);
    for (; *spec; spec++)
        at += sprintf(at, *spec == '%' || *spec == '@' ? "%%%02x" : "%c", *spec);
    struct reply r = ask_with(f, "", "POST", path, NULL);
    if (r.status != 200)
        fail_msg("%s", r.body);
    reply_free(&r);
}

#define WHOLE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
