/* Reading JSON: the whole text is validated first (grammar, UTF-8, depth), then looked at.
 * simdjson's DOM behind plain C; values are views into the document and live until its next parse
 * or close.
 *
 * Readers are lenient about types: a getter answers false for an absent key, null, or another type,
 * so that a vendor's surprise is "unknown", never a crash. */
#ifndef TRANCHE_WIRE_JSON_H
#define TRANCHE_WIRE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

struct json;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    const void *document;
    uint64_t place;
};

/* depth_max: the deepest nesting accepted. One per thread that parses; NULL without memory. */
struct json *json_create(unsigned depth_max);
void json_destroy(struct json *j);

/* Parse text as one JSON document with nothing behind it but white space. Copies what it needs:
 * text may go afterwards. ERR_DATA with the reason and, where known, the byte offset. */
int json_parse(struct json *j, struct slice text, struct json_value *root, struct error *e);

enum json_type json_type(struct json_value v);

/* The member of that name (the first, where the object has it twice); true also for a null. */
bool json_get(struct json_value object, const char *key, struct json_value *out);
/* The member at a path of keys separated by '.': "data.batchId". */
bool json_path(struct json_value object, const char *path, struct json_value *out);

bool json_string(struct json_value v, struct slice *out);
bool json_bool(struct json_value v, bool *out);
/* A whole number, also where it is written 12.0 or "12" (a string of digits). */
bool json_int(struct json_value v, int64_t *out);
/* A number, also where it is written as a string. */
bool json_double(struct json_value v, double *out);

/* Getters of a member in one step. */
bool json_get_string(struct json_value object, const char *key, struct slice *out);
bool json_get_bool(struct json_value object, const char *key, bool *out);
bool json_get_int(struct json_value object, const char *key, int64_t *out);
bool json_get_double(struct json_value object, const char *key, double *out);

/* Walking an array or object in its order:
 *     struct json_walk w;
 *     for (bool more = json_walk_begin(&w, v); more; more = json_walk_next(&w)) ... w.key, w.value
 * Anything that is neither is empty. */
struct json_walk {
    struct json_value value;
    struct slice key; /* of an object's member; empty in an array */
    const void *document;
    uint64_t at, end;
    bool object;
};
bool json_walk_begin(struct json_walk *w, struct json_value v);
bool json_walk_next(struct json_walk *w);
/* Elements of an array or members of an object. */
uint64_t json_count(struct json_value v);

/* The shortest decimal that reads back as the same double, or null for NaN and infinities; no NUL.
 * text has room for JSON_DOUBLE_MAX bytes. Returns the length. */
#define JSON_DOUBLE_MAX 32
size_t json_format_double(double value, char *text);

/* The value as JSON text without white space. */
void json_print(struct json_value v, struct buf *out);

#endif
