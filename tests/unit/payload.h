/* Golden payloads of a vendor for the tests of its provider file: reading them, what a parser gave,
 * and everything that can be wrong with one. */
#ifndef TRANCHE_TEST_PAYLOAD_H
#define TRANCHE_TEST_PAYLOAD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "provider/provider.h"

#define PAYLOAD_MAX   65536
#define PAYLOAD_DEPTH 64

static struct json *json;

/* "zeliq/document-balance": without white space at its end, so that cut anywhere it is not whole.
 * JSON itself stands for itself. */
static inline struct slice payload(const char *name)
{
    static char text[PAYLOAD_MAX];
    char path[512];
    struct error e = {0};
    char *data;
    size_t len;

    if (strchr("{[\"", name[0]) || !strchr(name, '/'))
        return slice_of(name);
    snprintf(path, sizeof path, "%s/provider/%s.json", TEST_DATA, name);
    if (file_read_all(path, sizeof text, &data, &len, &e) != 0)
        fail_msg("%s", e.message);
    memcpy(text, data, len);
    free(data);
    return slice_trim((struct slice){text, len});
}

static inline struct json_value parse(struct slice text)
{
    struct json_value root;
    struct error e = {0};

    if (json_parse(json, text, &root, &e) != 0)
        fail_msg("%.*s: %s", SLICE_ARG(text), e.message);
    return root;
}

static inline void slice_is(const char *name, struct slice is, const char *text)
{
    if (!slice_eq(is, slice_of(text)))
        fail_msg("%s: '%.*s' is not '%s'", name, SLICE_ARG(is), text ? text : "");
}

/* The one item that a reply gave, valid while the document and the arena are. */
struct given {
    struct arena arena;
    struct page_item item;
    unsigned count;
    int refuse; /* what the reader answers */
};

static inline int given_keep(void *arg, const struct page_item *item)
{
    struct given *g = arg;

    g->item = *item;
    g->count++;
    return g->refuse;
}

static inline void given_open(struct given *g, size_t max)
{
    *g = (struct given){.count = 0};
    arena_init(&g->arena, max);
}

/* Whether the echo of a row leads back to the question: as the engine matches them. */
static inline bool same_question(field_set set, const struct record *a, const struct record *b)
{
    struct buf scratch;

    buf_init(&scratch, 1 << 16);
    struct identity x = record_identity(a, set, &scratch);
    struct identity y = record_identity(b, set, &scratch);
    buf_deinit(&scratch);
    return memcmp(&x, &y, sizeof x) == 0;
}

/* What holds of every answer. */
static inline void answer_is_sound(const struct operation *o, const struct answer *a)
{
    assert_true(a->outcome != OUTCOME_NONE);
    assert_int_equal(a->outcome == OUTCOME_FOUND, a->reason.len == 0);
    assert_true(a->credits >= 0);
    for (int f = 0; f < FIELD_COUNT; f++)
        if (a->value[f].len > 0 && f != FIELD_RAW) {
            assert_int_equal(a->outcome, OUTCOME_FOUND);
            assert_true(o->gives >> f & 1);
        }
}

/* A reply cut at any byte is never whole, so never OK, paid or free. */
static inline void payload_cuts(const struct operation *o, const char *name, long status)
{
    struct slice text = payload(name);
    struct http_reply reply = {.end = HTTP_REPLY, .status = status};
    struct problem problem = {.balance = -1};

    for (size_t len = 0; len <= text.len; len++) {
        struct json_value root;
        struct error e = {0};
        /* In memory of its own: a read behind the cut is seen. */
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, text.data, len);
        bool whole = json_parse(json, (struct slice){copy, len}, &root, &e) == 0;
        assert_int_equal(whole, len == text.len);
        if (!whole) {
            assert_int_equal(o->classify(&reply, true, NULL, &problem), REPLY_DOUBT);
            assert_int_equal(o->classify(&reply, false, NULL, &problem), REPLY_RETRY);
        }
        free(copy);
    }
}

/* Reads a document with every parser there is; counts those that took it. */
typedef unsigned payload_read_fn(struct json_value root);

/* Bytes changed, taken out and put in; counts the documents that still are JSON. */
static inline unsigned payload_mutations(const char *name, int rounds, uint64_t seed,
                                         payload_read_fn *read)
{
    static const char odd[] = "\"{}[]:,0-eE.tfn\\u \x80\xff";
    struct slice text = payload(name);
    unsigned documents = 0;

    for (int round = 0; round < rounds; round++) {
        struct json_value root;
        struct error e = {0};
        char *copy = malloc(text.len + 8);
        size_t len = text.len;
        assert_non_null(copy);
        memcpy(copy, text.data, len);
        for (int changes = 1 + round % 3; changes > 0; changes--) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            size_t at = (seed >> 33) % len;
            char c = odd[(seed >> 24) % (sizeof odd - 1)];
            switch (seed >> 20 & 3) {
            case 0:
                copy[at] = c;
                break;
            case 1:
                memmove(copy + at, copy + at + 1, len - at - 1);
                len--;
                break;
            case 2:
                memmove(copy + at + 1, copy + at, len - at);
                copy[at] = c;
                len++;
                break;
            default:
                copy[at] = (char)(seed >> 12);
            }
        }
        if (json_parse(json, (struct slice){copy, len}, &root, &e) == 0) {
            documents++;
            read(root);
        }
        free(copy);
    }
    return documents;
}

/* Each value that is no array or object in turn null, or of another type: the payload has one in a
 * line. Counts the documents. */
static inline unsigned payload_other_types(const char *name, payload_read_fn *read)
{
    static const char *const values[] = {"null", "true", "-1",   "1e400", "12.5",
                                         "\"\"", "[]",   "[[]]", "{}",    "18446744073709551616"};
    struct slice text = payload(name);
    const char *stop = text.data + text.len;
    unsigned documents = 0;

    for (const char *at = text.data; (at = memchr(at, ':', (size_t)(stop - at))); at++) {
        const char *end = memchr(at, '\n', (size_t)(stop - at));
        if (at[-1] != '"' || !end || strchr("[{", end[-1]))
            continue;
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            struct json_value root;
            struct error e = {0};
            struct buf b;
            buf_init(&b, PAYLOAD_MAX);
            buf_append(&b, text.data, (size_t)(at + 1 - text.data));
            buf_append_text(&b, values[k]);
            if (end[-1] == ',')
                buf_append_char(&b, ',');
            buf_append(&b, end, (size_t)(stop - end));
            if (json_parse(json, buf_slice(&b), &root, &e) == 0) {
                documents++;
                read(root);
            }
            buf_deinit(&b);
        }
    }
    return documents;
}

/* All of it for these payloads; of what is broken, more than so many documents must get as far as
 * `read`, or the test is none. */
static inline void payloads_break(const char *const *names, size_t count, int rounds,
                                  payload_read_fn *read, unsigned mutated_min, unsigned typed_min)
{
    unsigned mutated = 0, typed = 0;

    for (size_t i = 0; i < count; i++) {
        mutated += payload_mutations(names[i], rounds, i + 1, read);
        typed += payload_other_types(names[i], read);
    }
    assert_true(mutated > mutated_min && typed > typed_min);
}

/* In main: the reader of JSON around the tests. */
#define RUN_TESTS(tests)                                                                           \
    do {                                                                                           \
        json = json_create(PAYLOAD_DEPTH);                                                         \
        int failed = cmocka_run_group_tests((tests), NULL, NULL);                                  \
        json_destroy(json);                                                                        \
        return failed;                                                                             \
    } while (0)

#endif
