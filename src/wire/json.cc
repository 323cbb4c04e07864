/* Reads JSON: simdjson's DOM behind the C functions of json.h.
 *
 * 1. A parse copies the text into a padded buffer first, because simdjson loads whole vectors
 * behind the end; the document then holds its own strings.
 * 2. A value is a document and an index on its tape; a value without a document is null.
 * 3. Memory that a large text needed is given back at the next small one.
 * 4. No exception leaves this file: simdjson is asked for error codes, and the one call that
 * allocates by throwing is caught.
 *
 * A struct json and its values belong to one thread at a time. */
#include <charconv>
#include <cmath>
#include <cstring>
#include <new>
#include <simdjson.h>
#include <type_traits>

extern "C" {
#include "wire/json.h"
#include "wire/utf8.h"
}

namespace dom = simdjson::dom;
using simdjson::internal::tape_ref;
using simdjson::internal::tape_type;

static constexpr size_t KEEP_MAX = size_t(8) << 20; /* bytes of text whose memory is kept */
static constexpr size_t COUNT_MAX = 0xffffff;       /* simdjson counts no further */

static_assert(BUF_PADDING >= simdjson::SIMDJSON_PADDING, "the copy must be padded");
static_assert(sizeof(dom::element) == sizeof(tape_ref) &&
                  std::is_trivially_copyable<dom::element>::value,
              "an element is the place of it and nothing else");

struct json {
    dom::parser parser;
    dom::document document;
    struct buf text;
    unsigned depth_max;
};

static struct slice to_slice(std::string_view s)
{
    return {s.data(), s.size()};
}

static tape_ref ref_of(struct json_value v)
{
    return tape_ref(static_cast<const dom::document *>(v.document), v.place);
}

static bool has_type(struct json_value v, tape_type type)
{
    return v.document && ref_of(v).tape_ref_type() == type;
}

extern "C" struct json *json_create(unsigned depth_max)
{
    struct json *j = new (std::nothrow) json();

    if (!j)
        return nullptr;
    j->depth_max = depth_max;
    buf_init(&j->text, SIZE_MAX);
    return j;
}

extern "C" void json_destroy(struct json *j)
{
    if (!j)
        return;
    buf_deinit(&j->text);
    delete j;
}

/* Make room for a text of that length. False without memory. */
static bool make_room(struct json *j, size_t len)
{
    size_t capacity = 4096;

    if (j->document.capacity() > KEEP_MAX && len <= KEEP_MAX) {
        j->parser = dom::parser();
        j->document = dom::document();
        buf_deinit(&j->text);
    }
    if (len <= j->parser.capacity() && len <= j->document.capacity())
        return true;
    while (capacity < len)
        capacity *= 2;
    if (capacity > simdjson::SIMDJSON_MAXSIZE_BYTES)
        capacity = simdjson::SIMDJSON_MAXSIZE_BYTES;
    return j->document.allocate(capacity) == simdjson::SUCCESS &&
           j->parser.allocate(capacity, j->depth_max) == simdjson::SUCCESS;
}

static int parse_problem(struct json *j, simdjson::error_code code, struct error *e)
{
    switch (static_cast<int>(code)) {
    case simdjson::MEMALLOC:
        return error_set(e, ERR_INTERNAL, "out of memory for JSON of %zu bytes", j->text.len);
    case simdjson::DEPTH_ERROR:
        return error_set(e, ERR_DATA, "not usable JSON: nested deeper than %u", j->depth_max);
    case simdjson::UTF8_ERROR:
        return error_set(e, ERR_DATA, "not valid JSON: byte %zu is not UTF-8",
                         utf8_bad(buf_slice(&j->text)));
    default:
        return error_set(e, ERR_DATA, "not valid JSON: %s", simdjson::error_message(code));
    }
}

extern "C" int json_parse(struct json *j, struct slice text, struct json_value *root,
                          struct error *e)
{
    dom::element element;

    *root = json_value{nullptr, 0};
    if (text.len > simdjson::SIMDJSON_MAXSIZE_BYTES)
        return error_set(e, ERR_DATA, "not usable JSON: longer than 4 GiB");
    if (!make_room(j, text.len))
        return error_set(e, ERR_INTERNAL, "out of memory for JSON of %zu bytes", text.len);
    buf_reset(&j->text);
    buf_append_slice(&j->text, text);
    if (!buf_reserve_padding(&j->text))
        return error_set(e, ERR_INTERNAL, "out of memory for JSON of %zu bytes", text.len);
    simdjson::error_code code =
        j->parser.parse_into_document(j->document, j->text.data, text.len, false).get(element);
    if (code != simdjson::SUCCESS)
        return parse_problem(j, code, e);
    *root = json_value{&j->document, 1};
    return 0;
}

extern "C" enum json_type json_type(struct json_value v)
{
    if (!v.document)
        return JSON_NULL;
    switch (static_cast<char>(ref_of(v).tape_ref_type())) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 'l':
    case 'u':
    case 'd':
        return JSON_NUMBER;
    case 't':
    case 'f':
        return JSON_BOOL;
    default:
        return JSON_NULL;
    }
}

static bool get_member(struct json_value object, struct slice key, struct json_value *out)
{
    struct json_walk w;

    if (!has_type(object, tape_type::START_OBJECT))
        return false;
    for (bool more = json_walk_begin(&w, object); more; more = json_walk_next(&w)) {
        if (slice_eq(w.key, key)) {
            *out = w.value;
            return true;
        }
    }
    return false;
}

extern "C" bool json_get(struct json_value object, const char *key, struct json_value *out)
{
    return get_member(object, slice_of(key), out);
}

extern "C" bool json_path(struct json_value object, const char *path, struct json_value *out)
{
    struct json_value v = object;

    for (;;) {
        size_t len = strcspn(path, ".");
        if (!get_member(v, slice{path, len}, &v))
            return false;
        if (path[len] == '\0')
            break;
        path += len + 1;
    }
    *out = v;
    return true;
}

extern "C" bool json_string(struct json_value v, struct slice *out)
{
    if (!has_type(v, tape_type::STRING))
        return false;
    *out = to_slice(ref_of(v).get_string_view());
    return true;
}

extern "C" bool json_bool(struct json_value v, bool *out)
{
    bool is_true = has_type(v, tape_type::TRUE_VALUE);

    if (!is_true && !has_type(v, tape_type::FALSE_VALUE))
        return false;
    *out = is_true;
    return true;
}

/* All of the text as a number; no white space, no '+', nothing behind it. */
template <class number> static bool from_text(struct slice text, number *out)
{
    number value{};
    const char *end = text.data + text.len;
    auto result = std::from_chars(text.data, end, value);

    if (result.ec != std::errc() || result.ptr != end)
        return false;
    *out = value;
    return true;
}

extern "C" bool json_int(struct json_value v, int64_t *out)
{
    struct slice text;

    if (has_type(v, tape_type::INT64)) {
        *out = ref_of(v).next_tape_value<int64_t>();
        return true;
    }
    if (has_type(v, tape_type::DOUBLE)) {
        double value = ref_of(v).next_tape_value<double>();
        /* -2^63 <= value < 2^63, both of which a double holds exactly. */
        if (!(value >= -0x1p63 && value < 0x1p63) || std::trunc(value) != value)
            return false;
        *out = static_cast<int64_t>(value);
        return true;
    }
    return json_string(v, &text) && from_text(text, out);
}

extern "C" bool json_double(struct json_value v, double *out)
{
    struct slice text;
    double value;

    if (has_type(v, tape_type::DOUBLE))
        *out = ref_of(v).next_tape_value<double>();
    else if (has_type(v, tape_type::INT64))
        *out = static_cast<double>(ref_of(v).next_tape_value<int64_t>());
    else if (has_type(v, tape_type::UINT64))
        *out = static_cast<double>(ref_of(v).next_tape_value<uint64_t>());
    else if (json_string(v, &text) && from_text(text, &value) && std::isfinite(value))
        *out = value;
    else
        return false;
    return true;
}

extern "C" bool json_get_string(struct json_value object, const char *key, struct slice *out)
{
    struct json_value v;

    return json_get(object, key, &v) && json_string(v, out);
}

extern "C" bool json_get_bool(struct json_value object, const char *key, bool *out)
{
    struct json_value v;

    return json_get(object, key, &v) && json_bool(v, out);
}

extern "C" bool json_get_int(struct json_value object, const char *key, int64_t *out)
{
    struct json_value v;

    return json_get(object, key, &v) && json_int(v, out);
}

extern "C" bool json_get_double(struct json_value object, const char *key, double *out)
{
    struct json_value v;

    return json_get(object, key, &v) && json_double(v, out);
}

/* Look at the element that w->at points to; false at the end. */
static bool look(struct json_walk *w)
{
    if (w->at >= w->end)
        return false;
    w->value = json_value{w->document, w->at};
    w->key = slice{"", 0};
    if (w->object) {
        w->key = to_slice(ref_of(w->value).get_string_view());
        w->value.place++;
    }
    return true;
}

extern "C" bool json_walk_begin(struct json_walk *w, struct json_value v)
{
    *w = json_walk{};
    w->key = slice{"", 0};
    w->object = has_type(v, tape_type::START_OBJECT);
    if (!w->object && !has_type(v, tape_type::START_ARRAY))
        return false;
    w->document = v.document;
    w->at = v.place + 1;
    w->end = ref_of(v).matching_brace_index() - 1; /* the closing bracket */
    return look(w);
}

extern "C" bool json_walk_next(struct json_walk *w)
{
    if (w->at >= w->end)
        return false;
    w->at = ref_of(w->value).after_element();
    return look(w);
}

extern "C" uint64_t json_count(struct json_value v)
{
    struct json_walk w;
    uint64_t count = 0;

    if (!has_type(v, tape_type::START_OBJECT) && !has_type(v, tape_type::START_ARRAY))
        return 0;
    if (ref_of(v).scope_count() < COUNT_MAX)
        return ref_of(v).scope_count();
    for (bool more = json_walk_begin(&w, v); more; more = json_walk_next(&w))
        count++;
    return count;
}

extern "C" void json_print(struct json_value v, struct buf *out)
{
    if (!v.document) {
        buf_append_text(out, "null");
        return;
    }
    tape_ref place = ref_of(v);
    dom::element element;
    memcpy(static_cast<void *>(&element), &place, sizeof(element));
    try {
        simdjson::internal::string_builder<> text;
        text.append(element);
        buf_append_slice(out, to_slice(text.str()));
    } catch (const std::bad_alloc &) {
        out->failed = true;
    }
}

extern "C" size_t json_format_double(double value, char *text)
{
    if (!std::isfinite(value)) {
        memcpy(text, "null", 4);
        return 4;
    }
    return static_cast<size_t>(std::to_chars(text, text + JSON_DOUBLE_MAX, value).ptr - text);
}
