/* Reads values out of vendors' replies.
 *
 * 1. Nothing is allocated but in the arena: the scratch buffer lies over arena memory with cap ==
 *    max, so it fails instead of growing, and is then replaced by one of twice the size.
 * Pure; any thread that owns the arena. */
#include "provider/reply.h"

#include "wire/utf8.h"

#define SCRATCH_FIRST 4096

void reply_memory_init(struct reply_memory *m, struct arena *a)
{
    *m = (struct reply_memory){.arena = a};
}

bool reply_text(struct json_value object, const char *key, struct slice *out)
{
    struct slice text;

    if (!json_get_string(object, key, &text))
        return false;
    text = utf8_trim(text);
    if (text.len == 0)
        return false;
    *out = text;
    return true;
}

struct slice reply_flag(struct json_value object, const char *key)
{
    bool value;

    if (!json_get_bool(object, key, &value))
        return SLICE_EMPTY;
    return value ? SLICE_LIT("true") : SLICE_LIT("false");
}

struct slice reply_scalar(struct reply_memory *m, struct json_value object, const char *key)
{
    struct json_value value;
    struct slice text = SLICE_EMPTY;

    if (json_get(object, key, &value) && json_type(value) == JSON_NUMBER)
        return reply_print(m, value);
    reply_text(object, key, &text);
    return text;
}

static bool scratch_grow(struct reply_memory *m)
{
    size_t room = m->scratch.max > 0 ? m->scratch.max * 2 : SCRATCH_FIRST;
    char *memory = arena_alloc(m->arena, room + BUF_PADDING);

    if (!memory)
        return false;
    m->scratch = (struct buf){.data = memory, .cap = room, .max = room};
    return true;
}

struct slice reply_print(struct reply_memory *m, struct json_value value)
{
    do {
        if ((!m->scratch.data || m->scratch.failed) && !scratch_grow(m)) {
            m->failed = true;
            return SLICE_EMPTY;
        }
        buf_reset(&m->scratch);
        json_print(value, &m->scratch);
    } while (m->scratch.failed);

    struct slice copy = arena_copy(m->arena, buf_slice(&m->scratch));
    if (!copy.data) {
        m->failed = true;
        return SLICE_EMPTY;
    }
    return copy;
}

struct slice reply_lower(struct reply_memory *m, struct slice word)
{
    char *lower = arena_alloc(m->arena, word.len + 1);

    if (!lower) {
        m->failed = true;
        return SLICE_EMPTY;
    }
    for (size_t i = 0; i < word.len; i++) {
        char c = word.data[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return (struct slice){lower, word.len};
}

struct slice reply_cut(struct slice text)
{
    if (text.len <= REPLY_REASON_MAX)
        return text;
    text.len = REPLY_REASON_MAX;
    while (text.len > 0 && ((unsigned char)text.data[text.len] & 0xc0) == 0x80)
        text.len--;
    return text;
}

bool reply_error(struct json_value row, struct slice *reason)
{
    struct json_value error;
    bool given;

    if (!json_get(row, "error", &error) || json_type(error) == JSON_NULL)
        return false;
    if (json_bool(error, &given) && !given)
        return false;
    if (json_type(error) == JSON_STRING)
        return reply_text(row, "error", reason);
    if (!reply_text(error, "message", reason) && !reply_text(error, "detail", reason) &&
        !reply_text(error, "code", reason) && !reply_text(row, "message", reason))
        *reason = SLICE_LIT("the vendor reports an error");
    return true;
}
